"""Events as Timesketch takes them in, as JSON or CSV: a row an event, told when its file batches have come.

Its importer drops rows without a word for their users: those whose time it can't read or whose year lies before 1700;
and, up to its release of June 2026, whatever a 64-bit number of nanoseconds doesn't reach. Of CSV it guesses types
(pandas): `NA` or `null` it takes for nothing, a column of figures for numbers. So:

- An event outside of FIRST and LAST stands at the nearest of the two. Its `timestamp_desc` says that it isn't there
  and when it is, `occurred_at` has its own time, as it has for all, and a note says how many they are.
- In CSV, a text that would be guessed stands in quotation marks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from app.evidence.writing import microseconds_of
from app.exchange.rows import Row
from app.exchange.texts import csv_line, json_line
from app.values import parse_time

FIRST: Final = "1700-01-01T00:00:00.000000Z"
LAST: Final = "2261-12-31T23:59:59.999999Z"

COLUMNS: Final = (
    *("message", "datetime", "timestamp", "timestamp_desc", "tag", "dossier_id", "dossier_case", "dossier_type"),
    *("occurred_at", "occurred_until", "time_precision", "utc_offset", "source", "sort_order"),
    *("file_batches", "file_batch_labels", "comments", "created_at", "created_by", "updated_at", "updated_by"),
)

MOST_LABELS: Final = 100
"""How many labels of an event's file batches are told; an event may have as many batches as a case, and is one row."""

# What pandas reads as nothing or as a truth, with whatever differs from it in case alone.
_GUESSED: Final = frozenset(
    (
        *("", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>", "n/a", "na"),
        *("nan", "null", "none", "true", "false"),
    )
)


class Timesketch(ABC):
    """Writes events, each with what is on it, as Timesketch's importer takes them."""

    media_type: ClassVar[str]
    head = b""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._case = 0
        self._event: Row | None = None
        self._comments = 0
        self._batches = 0
        self._labels: list[str] = []
        self._moved = 0

    def start(self, case: Row) -> bytes:
        """Return what stands before all events; the case is told by its number in each."""
        self._case = case["number"]
        return self.head

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Return the lines of the events behind which another has come."""
        lines = []
        for row in rows:
            if row["kind"] == "EVENT":
                lines.append(self._told())
                self._event, self._comments, self._batches, self._labels = row, 0, 0, []
            elif row["kind"] == "FILE_BATCH":
                self._batches += 1
                if self._batches <= MOST_LABELS:
                    self._labels.append(row["label"])
            elif self._event is not None:
                self._comments += 1
        return b"".join(lines)

    def end(self) -> Iterator[bytes]:
        """Yield the line of the last event."""
        yield self._told()
        self._event = None
        if self._moved:
            self.notes.append(
                f"{self._moved:,} of the events lie outside of the years {FIRST[:4]} to {LAST[:4]}, and Timesketch "
                "leaves out such events. Each stands at the nearest moment within them; its timestamp_desc says so, "
                "and its own time is its occurred_at."
            )

    def close(self) -> None:
        """Give up the event that is not told yet."""
        self._event = None

    @abstractmethod
    def line(self, values: Row) -> bytes:
        """Return the line of an event."""

    def _told(self) -> bytes:
        event = self._event
        if event is None:
            return b""
        title, description, at = event["title"], event["description"], event["occurredAt"]
        # The form of times has a fixed width: the order of the texts is that of the moments.
        shown = min(max(at, FIRST), LAST)
        is_of = event["timeKind"] or event["type"].capitalize()
        if shown != at:
            self._moved += 1
            is_of = f"{is_of} (not at this time, but at {at})"
        more = self._batches - len(self._labels)
        values = (
            f"{title}\n{description}" if description else title,
            shown,
            microseconds_of(parse_time(shown)),
            is_of,
            event["tags"],
            event["id"],
            self._case,
            event["type"],
            at,
            event["occurredUntil"],
            event["timePrecision"],
            event["utcOffset"],
            event["source"],
            event["sortOrder"],
            self._batches,
            [*self._labels, f"and {more:,} more"] if more else self._labels,
            self._comments,
            event["createdAt"],
            event["createdBy"],
            event["updatedAt"],
            event["updatedBy"],
        )
        return self.line(dict(zip(COLUMNS, values, strict=True)))


class TimesketchJsonl(Timesketch):
    """Writes events for Timesketch as JSON, an object a line; what is null is left out."""

    media_type: ClassVar[str] = "application/jsonl"

    def line(self, values: Row) -> bytes:
        """Return the line of an event."""
        return json_line({name: value for name, value in values.items() if value is not None})


class TimesketchCsv(Timesketch):
    """Writes events for Timesketch as CSV; lists are JSON arrays."""

    media_type: ClassVar[str] = "text/csv; charset=utf-8"
    head = csv_line(COLUMNS)

    def line(self, values: Row) -> bytes:
        """Return the line of an event."""
        return csv_line(map(_unguessed, values.values()))


def _unguessed(value: Any) -> Any:
    return f'"{value}"' if isinstance(value, str) and _is_guessed(value) else value


def _is_guessed(text: str) -> bool:
    """Return whether pandas may read a text as anything else: as nothing, a truth or a number."""
    if text.lower() in _GUESSED:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
