"""The manifests that tools write of a client's documents when they build it, and the ids of documents.

Three forms are read: the `persisted-documents.json` of graphql-codegen's client preset and the file that
relay-compiler's `persistConfig` names, both an object of documents by their ids; and Apollo's persisted-query manifest
(`generate-persisted-query-manifest`), version 1.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import DossierError

MAX_ID_LENGTH = 255
MAX_MANIFEST_BYTES = 16_000_000  # a thousand operations of the size that an app has make one
_APOLLO = "apollo-persisted-query-manifest"
# GraphQL over HTTP, appendix A: `sha256:` and the hash, or what the application makes of unreserved characters.
# Apollo's clients send the hash alone. Prefixes that don't begin with `x-` are kept for what is to come.
_SHA256 = re.compile("(?:sha256:)?([0-9a-fA-F]{64})")
_CUSTOM = re.compile(r"(?:x-[A-Za-z0-9._~-]+:)?[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True)
class Document:
    """A document and its id, in the form that `canonical_id` returns."""

    id: str
    text: str


def canonical_id(text: str) -> str | None:
    """Return the one form of a document's id, or None for what is none: of a hash, `sha256:` and lower-case digits."""
    if (hashed := _SHA256.fullmatch(text)) is not None:
        return f"sha256:{hashed[1].lower()}"
    return text if len(text) <= MAX_ID_LENGTH and _CUSTOM.fullmatch(text) else None


def read_manifest(file: Path) -> tuple[list[Document], list[str]]:
    """Return the documents of a manifest, each once, and a line for each entry that can't be one.

    Raises DossierError when the file can't be read or is no manifest.
    """
    documents: dict[str, Document] = {}
    faults: list[str] = []
    for given, text in _entries(file):
        fault = _fault(given, text)
        identifier = canonical_id(given)
        if fault is None and identifier is not None:
            document = documents.setdefault(identifier, Document(identifier, text))
            fault = None if document.text == text else "the manifest has another document with the same id"
        if fault is not None:
            faults.append(f"[{json.dumps(given[:MAX_ID_LENGTH])[1:-1]}]: {fault}")
    return list(documents.values()), faults


def _entries(file: Path) -> list[tuple[str, str]]:
    """Return the ids and texts that a manifest has, in its order. Raises DossierError."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise DossierError(f"{file} can't be read: {error.strerror}") from None
    if len(content) > MAX_MANIFEST_BYTES:
        raise DossierError(f"{file} has more than {MAX_MANIFEST_BYTES} bytes; add what it holds in several manifests")
    try:
        # Pairs and no dictionary: of two entries with the same id, neither goes unseen.
        # A byte order mark is overlooked (RFC 8259, section 8.1): tools on Windows write one.
        manifest = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise DossierError(f"{file} is no manifest: it must be JSON in UTF-8") from None
    entries = _of_apollo(manifest) if isinstance(manifest, _Pairs) and manifest.get("format") == _APOLLO else manifest
    if not isinstance(entries, list) or not all(
        isinstance(entry, tuple) and isinstance(entry[0], str) and isinstance(entry[1], str) for entry in entries
    ):
        raise DossierError(
            f"{file} is no manifest; expected what graphql-codegen's client preset, relay-compiler or Apollo's "
            "generate-persisted-query-manifest writes"
        )
    if not entries:
        raise DossierError(f"{file} has no documents")
    return entries


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object."""

    def get(self, name: str) -> Any:
        """Return the value of the first member of a name, or None."""
        return next((value for key, value in self if key == name), None)


def _of_apollo(manifest: _Pairs) -> list[tuple[Any, Any]] | None:
    operations = manifest.get("operations")
    if manifest.get("version") != 1 or not isinstance(operations, list):
        return None
    return [(each.get("id"), each.get("body")) if isinstance(each, _Pairs) else (None, None) for each in operations]


def _fault(given: str, text: str) -> str | None:
    """Return why an entry can't be registered, or None."""
    identifier = canonical_id(given)
    if identifier is None:
        return (
            f"an id is `sha256:` and a hash, or up to {MAX_ID_LENGTH} letters, digits and `-._~`, where a prefix "
            "begins with `x-` and ends with a colon"
        )
    try:
        hashed = hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        return "the document has half a surrogate pair and is no Unicode text"
    if identifier.startswith("sha256:") and identifier != f"sha256:{hashed}":
        return f"the id is not the SHA-256 of the document, which is {hashed}; build the manifest anew"
    return None
