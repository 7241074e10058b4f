"""What a table is made of: rows, as the API answers them, and what writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol, TypeAlias

Row: TypeAlias = Mapping[str, Any]
"""The fields of a case or of something in it as JSON values, and with `kind` which of FIELDS it has."""

_WRITTEN: Final = ("version", "createdAt", "createdBy", "updatedAt", "updatedBy")

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "CASE": (
        *("id", "number", "title", "description", "reference", "status", "retainUntil", "tags"),
        *_WRITTEN,
    ),
    "EVENT": (
        *("id", "title", "description", "type", "occurredAt", "occurredUntil", "timePrecision", "sortOrder", "source"),
        *("timeKind", "utcOffset", "tags"),
        *_WRITTEN,
    ),
    "FILE_BATCH": (
        *("id", "eventId", "label", "description", "fileCount", "totalBytes", "fileTypes", "manifestSha256"),
        *("sortOrder", "tags"),
        *_WRITTEN,
    ),
    "COMMENT": ("id", "on", "text", "edited", "version", "createdAt", "createdBy", "updatedAt"),
}
"""What a row of each kind has, in the order in which it is told; users are the subjects of their tokens."""


class Writer(Protocol):
    """Writes the table of a case: `start`, then `rows` as often as there are some, then `end`, and `close` in any case.

    Rows come in order: comments on the case; then each event, the comments on it, and its file batches, the comments on
    each behind it. A row that lacks a field raises KeyError.
    """

    media_type: ClassVar[str]
    notes: list[str]
    """Sentences about what the table could not tell as it is; all of them are there when `end` is through."""

    def start(self, case: Row) -> bytes:
        """Return the beginning of the table of a case."""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Return what there is to write after the next rows, which may be nothing yet."""

    def end(self) -> Iterator[bytes]:
        """Yield the rest of the table."""

    def close(self) -> None:
        """Give up what the writer has open, whether the table has come to its end or not."""
