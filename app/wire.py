"""GraphQL over HTTP: what a request asks for, and the form of its answer.

The rules are those of the GraphQL over HTTP specification (working draft). Nothing here knows of Starlette:
requests come as their headers and bytes, refusals leave as `Refused`.
"""

from __future__ import annotations

import json
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


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a failure
    """A request that HTTP itself refuses, with the status and headers to say so."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request gives to GraphQL: a document, the name of one of its operations, values for its variables."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] = field(default_factory=dict)


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

    def quality_of(media_type: str) -> float:
        return ranges.get(media_type, ranges.get("application/*", ranges.get("*/*", 0.0)))

    best = max((GRAPHQL_JSON, JSON) if GRAPHQL_JSON in ranges else (JSON, GRAPHQL_JSON), key=quality_of)
    if quality_of(best) <= 0:
        raise Refused(406, f"accept {GRAPHQL_JSON} or {JSON}")
    return best


def check_content_type(content_type: str) -> None:
    """Check that a body is JSON in UTF-8. Raises Refused."""
    if content_type == JSON:
        return
    name, *parameters = content_type.lower().split(";")
    if name.strip() != JSON:
        raise Refused(415, f"send the request as {JSON}", {"Accept": JSON})
    charset = next((word.strip()[8:] for word in parameters if word.strip().startswith("charset=")), "utf-8")
    if charset.strip('"') not in {"utf-8", "utf8"}:
        raise Refused(415, "send the request in UTF-8", {"Accept": JSON})


def from_body(body: bytes) -> Parameters:
    """Return what the body of a POST gives. Raises Refused."""
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
    if "query" not in given:
        raise Refused(405, "send a document by POST, or a query in the parameter `query`", {"Allow": "GET, POST"})
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _json(given[name].encode(), f"`{name}`")
    return _parameters(given)


def refusal_body(refused: Refused) -> bytes:
    """Return a refusal in the form of a GraphQL error."""
    code = _CODES.get(refused.status, "BAD_REQUEST")
    return json.dumps({"errors": [{"message": refused.message, "extensions": {"code": code}}]}).encode()


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Return the value of a header; several of one name are one list, in their order (RFC 9110, section 5.3)."""
    values = [value for key, value in headers if key == name]
    return b", ".join(values).decode("latin-1") if values else None


def _parameters(given: object) -> Parameters:
    if not isinstance(given, dict):
        raise Refused(400, "the body must be a JSON object with the document in `query`")
    query, name = given.get("query"), given.get("operationName")
    variables, extensions = given.get("variables"), given.get("extensions")
    if not isinstance(query, str):
        raise Refused(400, "`query` must be a text with the document")
    if name is not None and not isinstance(name, str):
        raise Refused(400, "`operationName` must be a text or null")
    if variables is not None and not isinstance(variables, dict):
        raise Refused(400, "`variables` must be an object or null")
    if extensions is not None and not isinstance(extensions, dict):
        raise Refused(400, "`extensions` must be an object or null")
    return Parameters(query, name or None, variables or {})


def _json(data: bytes, what: str) -> object:
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        # ValueError: no UTF-8, no JSON, or a number of more digits than Python reads.
        raise Refused(400, f"{what} must be JSON in UTF-8") from None


def _no_constant(name: str) -> object:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)  # NaN and the infinities are no JSON
