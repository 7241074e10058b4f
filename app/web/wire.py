"""GraphQL over HTTP: what a request asks for, and the form of its answer.

The rules are those of the GraphQL over HTTP specification (working draft) and of its appendix A, persisted documents.
Nothing here knows of Starlette: requests come as their headers and bytes, refusals leave as `Refused`.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

# What a scanner of headers asks of an API: nothing of an answer is kept, guessed at, framed or run.
API_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_CODES = {
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    413: "PAYLOAD_TOO_LARGE",
    503: "UNAVAILABLE",
}
_MAX_PARAMETERS = 20  # of a query string; four have a meaning
_BYTES_AT_ONCE = 65_536  # of a body, which take Python 3 ms to decode at most


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a failure
    """A request that HTTP itself refuses, with the status and headers to say so."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request gives to GraphQL: a document, the name of one of its operations, values for its variables.

    In place of the document (`query`) it may give the id of one that is registered; `as_apollo` when it does so in
    `extensions.persistedQuery`.
    """

    query: str | None
    operation_name: str | None
    variables: dict[str, Any] = field(default_factory=dict)
    document_id: str | None = None
    as_apollo: bool = False


def media_type(accept: str | None) -> str:
    """Return the media type to answer with. Raises Refused when none that is accepted can be had."""
    if accept is None or accept in {"*/*", JSON}:
        return JSON
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            ranges[name] = float(quality)
        except ValueError:
            ranges[name] = 0.0
    if ranges.keys() <= {""}:
        return JSON  # an empty list accepts no less than none at all

    def quality_of(media_type: str) -> float:
        return ranges.get(media_type, ranges.get("application/*", ranges.get("*/*", 0.0)))

    best = max((GRAPHQL_JSON, JSON) if GRAPHQL_JSON in ranges else (JSON, GRAPHQL_JSON), key=quality_of)
    if quality_of(best) <= 0:
        raise Refused(406, f"accept {GRAPHQL_JSON} or {JSON}")
    return best


def check_content_encoding(content_encoding: str | None) -> None:
    """Check that a body is as it is, not compressed. Raises Refused."""
    if content_encoding is None:
        return
    if any(coding.strip().lower() not in {"", "identity"} for coding in content_encoding.split(",")):
        # RFC 9110, section 15.5.16.
        raise Refused(415, "send the request uncompressed, without Content-Encoding", {"Accept-Encoding": "identity"})


def check_content_type(content_type: str) -> None:
    """Check that a body is JSON in UTF-8, of which ASCII is a part. Raises Refused."""
    if content_type == JSON:
        return
    name, *parameters = content_type.lower().split(";")
    if name.strip() != JSON:
        raise Refused(415, f"send the request as {JSON}", {"Accept": JSON})
    charset = next((word.strip()[8:] for word in parameters if word.strip().startswith("charset=")), "utf-8")
    if charset.strip('"') not in {"utf-8", "utf8", "us-ascii", "ascii"}:
        raise Refused(415, "send the request in UTF-8", {"Accept": JSON})


def from_body(body: bytes, most_values: int) -> Parameters:
    """Return what the body of a POST gives, which may hold so many values in all. Raises Refused."""
    if len(body) > _BYTES_AT_ONCE and not _holds_at_most(body, most_values):
        raise Refused(413, f"the body may hold {most_values} values in all")
    return _parameters(_json(body, "the body"))


def from_query_string(query_string: bytes) -> Parameters:
    """Return what the query string of a GET gives. Raises Refused."""
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise Refused(
            400, f"the query string must hold at most {_MAX_PARAMETERS} parameters in percent-encoded UTF-8"
        ) from None
    given: dict[str, Any] = dict(pairs)
    if given.keys().isdisjoint(("query", "documentId", "extensions")):
        raise Refused(405, "send a document by POST, or a query in the parameter `query`", {"Allow": "GET, POST"})
    for name in ("variables", "extensions"):
        if name in given:
            # Empty is as left out.
            given[name] = _json(given[name].encode(), f"`{name}`") if given[name] else None
    return _parameters(given)


def refusal_body(refused: Refused) -> bytes:
    """Return a refusal in the form of a GraphQL error."""
    code = _CODES.get(refused.status, "BAD_REQUEST")
    return json.dumps({"errors": [{"message": refused.message, "extensions": {"code": code}}]}).encode()


def by_name(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return headers by their names; several of one name are one list, in their order (RFC 9110, section 5.3)."""
    values: dict[bytes, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        values[name] = f"{values[name]}, {text}" if name in values else text
    return values


def _parameters(given: object) -> Parameters:
    if isinstance(given, list):
        raise Refused(400, "batches are not taken; send each operation in a request of its own")
    if not isinstance(given, dict):
        raise Refused(400, "the body must be a JSON object with the document in `query`")
    query, name = given.get("query"), given.get("operationName")
    variables, extensions = given.get("variables"), given.get("extensions")
    if query is not None and not isinstance(query, str):
        raise Refused(400, "`query` must be a text with the document")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "`operationName` must be a text or null")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "`variables` must be an object or null")
    if extensions is not None and not isinstance(extensions, dict):
        raise Refused(400, "`extensions` must be an object or null")
    document = given.get("documentId")
    if query is None:
        document, as_apollo = _document_id(document, extensions or {})
        return Parameters(None, name or None, variables or {}, document, as_apollo)
    if document is not None:
        # Which of the two would be run is not left to a guess.
        raise Refused(400, "send the document in `query` or its id in `documentId`, not both")
    return Parameters(query, name or None, variables or {})


def _document_id(given: object, extensions: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the id of the document that a request without one asks for, and whether in Apollo's way."""
    if given is not None:
        if not isinstance(given, str):
            raise Refused(400, "`documentId` must be a text with the id of a document")
        return given, False
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        raise Refused(400, "send the document as a text in `query`, or its id in `documentId`")
    # Apollo's automatic persisted queries, version 1.
    if isinstance(persisted, dict) and persisted.get("version") == 1 and isinstance(persisted.get("sha256Hash"), str):
        return persisted["sha256Hash"], True
    raise Refused(400, "`extensions.persistedQuery` must have `version` 1 and a text in `sha256Hash`")


def _holds_at_most(data: bytes, most: int) -> bool:
    """Return whether JSON has at most so many values, without decoding it: a megabyte of `[]` takes 50 ms and more.

    Nobody else is answered while it is decoded, in whatever thread. What is no JSON is refused later.
    """
    # A value is a text at most, and has a key; each of the two has two quotation marks.
    marks = 4 * most
    if _beginnings(data) <= most and data.count(b'"') <= marks:
        return True  # even if none of them stood inside of texts
    without_escapes = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if without_escapes.count(b'"') > marks:
        return False
    outside = b"".join(without_escapes.split(b'"')[::2])
    return _beginnings(outside) <= most


def _beginnings(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _json(data: bytes, what: str) -> object:
    try:
        # A byte order mark is overlooked (RFC 8259, section 8.1).
        return _DECODER.decode(data.removeprefix(BOM_UTF8).decode("utf-8"))
    except (ValueError, RecursionError):
        # ValueError: no UTF-8, no JSON, or a number of more digits than Python reads.
        raise Refused(400, f"{what} must be JSON in UTF-8") from None


def _no_constant(name: str) -> object:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)  # NaN and the infinities are no JSON
