"""A report of a case, written piece by piece: what goes in, and which row belongs where.

`hypertext.Hypertext` and `markdown.Markdown` are the two that are written. Neither asks a database, nor holds more than
it is given at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from app.exchange.drawing import Histogram
from app.exchange.rows import Row


@dataclass(frozen=True, slots=True)
class Source:
    """What a report needs to know before its rows: the case, what its timeline looks like, and its record.

    `case` is the row of the kind CASE; `made_at` and `made_by` are when the report was made, as the API writes it, and
    the subject of the user who made it. `histogram` is None of a case without events. `checkpoint` is the text of the
    newest one that there is; `has_history` says whether rows of the kind CHANGE come.
    """

    case: Row
    made_at: str
    made_by: str
    histogram: Histogram | None
    journal_size: int
    journal_root: str
    checkpoint: str | None = None
    has_history: bool = False


class Place(IntEnum):
    """What may be open while a report is written, from the outside in."""

    NOTHING = 0
    SECTION = 1
    EVENT = 2
    BATCHES = 3
    BATCH = 4
    COMMENTS = 5


class Report(ABC):
    """A report that is being written, as tables are (see rows.Writer), with the history behind the rest.

    Rows come in this order: the comments on the case; each event, with the comments on it, its batches, and behind each
    batch the comments on it; the history, if there is any to come. What is written is text in UTF-8.
    """

    media_type: ClassVar[str]

    def __init__(self, source: Source) -> None:
        self.source = source
        self.notes: list[str] = []
        self.events = 0  # written so far
        self._section = ""
        self._open: list[Place] = []
        self._event = self._batch = ""

    def start(self, case: Row) -> bytes:  # noqa: ARG002 - which the source has, with more than a table tells of it
        """Return the beginning, up to the description."""
        return _encoded(self._head())

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Return the next rows. Raises ValueError when one of them doesn't belong behind those before it."""
        return _encoded(part for row in rows for part in self._row(row))

    def end(self) -> Iterator[bytes]:
        """Yield what is left: the members where there was no history, and the record with how to verify it."""
        yield _encoded(self._rest())

    def close(self) -> None:  # noqa: B027 - there is nothing for any report to do
        """Do nothing: nothing is open."""

    def _row(self, row: Row) -> Iterator[str]:
        match row["kind"]:
            case "COMMENT":
                yield from self._go_to_comments(row)
                yield from self._comment(row)
            case "EVENT" if self._section != "history":
                yield from self._go_to("timeline")
                yield from self._close(Place.EVENT)
                self._event, self._batch = row["id"], ""
                self.events += 1
                yield from self._begin(Place.EVENT, self._event_head(row))
            case "FILE_BATCH" if self._section == "timeline" and row["eventId"] == self._event:
                yield from self._close(Place.BATCH)
                if not self._batch:
                    yield from self._close(Place.COMMENTS)
                    yield from self._begin(Place.BATCHES, self._batches_head())
                self._batch = row["id"]
                yield from self._begin(Place.BATCH, self._batch_head(row))
            case "CHANGE" if self.source.has_history:
                yield from self._go_to("history")
                yield from self._change(row)
            case kind:
                raise ValueError(f"a row doesn't belong where it comes: {kind} {row.get('id', row.get('seq'))}")

    def _go_to_comments(self, row: Row) -> Iterator[str]:
        """Go to where the comments stand that a comment is one of. Raises ValueError when that is not at hand."""
        if not self._section:
            yield from self._go_to("comments")
        last = self._batch or self._event or self.source.case["id"]
        if self._section == "history" or row["on"] != last:
            raise ValueError(f"a comment doesn't belong where it comes: {row['id']}")
        if self._open[-1] is not Place.COMMENTS:
            yield from self._begin(Place.COMMENTS, self._comments_head())

    def _go_to(self, section: str) -> Iterator[str]:
        """Go on to a section; the timeline is never left out, and the members stand behind it."""
        if self._section == section:
            return
        if section == "history":
            yield from self._go_to("timeline")
        yield from self._close(Place.SECTION)
        if section == "history":
            yield from self._members()
        self._section = section
        yield from self._begin(Place.SECTION, self._section_head(section))

    def _rest(self) -> Iterator[str]:
        yield from self._go_to("history" if self.source.has_history else "timeline")
        yield from self._close(Place.SECTION)
        if not self.source.has_history:
            yield from self._members()
        yield from self._record()

    def _begin(self, place: Place, head: Iterator[str]) -> Iterator[str]:
        self._open.append(place)
        return head

    def _close(self, place: Place) -> Iterator[str]:
        """End whatever was begun at a place or within it."""
        while self._open and self._open[-1] >= place:
            yield self._ending(self._open.pop())

    # What a report is written in, from here on.

    @abstractmethod
    def _head(self) -> Iterator[str]:
        """Yield the beginning, up to the description."""

    @abstractmethod
    def _section_head(self, section: str) -> Iterator[str]:
        """Yield the beginning of a section: the comments on the case, the timeline with its drawing, or the history."""

    @abstractmethod
    def _event_head(self, event: Row) -> Iterator[str]:
        """Yield an event, so that comments and batches can stand in it."""

    @abstractmethod
    def _batches_head(self) -> Iterator[str]:
        """Yield the beginning of the batches of an event."""

    @abstractmethod
    def _batch_head(self, batch: Row) -> Iterator[str]:
        """Yield a batch, so that comments can stand in it."""

    @abstractmethod
    def _comments_head(self) -> Iterator[str]:
        """Yield the beginning of comments."""

    @abstractmethod
    def _comment(self, comment: Row) -> Iterator[str]:
        """Yield a comment."""

    @abstractmethod
    def _change(self, change: Row) -> Iterator[str]:
        """Yield an entry of the history."""

    @abstractmethod
    def _ending(self, place: Place) -> str:
        """Return what ends something that was begun."""

    @abstractmethod
    def _members(self) -> Iterator[str]:
        """Yield the members with their roles."""

    @abstractmethod
    def _record(self) -> Iterator[str]:
        """Yield the record, and the end."""


def _encoded(parts: Iterable[str]) -> bytes:
    return "".join(parts).encode("utf-8")
