"""What a report of a case is made of beside its rows, read of the same moment."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from typing import Any, Final

from app.exchange.drawing import Histogram
from app.exchange.reading import CaseRows
from app.exchange.report import Source
from app.exchange.rows import Row
from app.values import format_time, now

_SPANS: Final = 100  # of events that lasted longest, which are drawn
_UNITS: Final = ((7, timedelta(minutes=1)), (400, timedelta(hours=1)), (None, timedelta(days=1)))
_BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)


async def source(
    reading: CaseRows,
    case: Row,
    made_by: str,
    checkpoint: str | None,
    where: Mapping[str, Any] | None,
    *,
    history: bool,
) -> Source:
    """Return what a report has to know before its rows, of the events that a filter lets through.

    `made_by` is the subject of whoever it is made for, `checkpoint` the text of the newest one.
    """
    about = await reading.about()
    members = [{**member, "subject": member["user"]} for member in about["members"]]
    told = {**case, "seal": about["seal"], "holds": about["holds"], "members": members}
    journal = about["journal"]
    made_at, drawn = format_time(now()), await _histogram(reading, where)
    return Source(told, made_at, made_by, drawn, journal["size"], journal["root"], checkpoint, has_history=history)


async def _histogram(reading: CaseRows, where: Mapping[str, Any] | None) -> Histogram | None:
    """Return how many events there are over time, counted in units that a drawing can put together."""
    minutes, first, last, longest = array("q"), "", "", list[tuple[datetime, datetime]]()
    async for times in reading.times(where):
        spans = [(_moment(began), _moment(ended)) for began, ended in times if ended is not None]
        longest = nlargest(_SPANS, [*longest, *spans], key=lambda span: span[1] - span[0])
        minutes.extend(int((_moment(began) - _BEGINNING).total_seconds()) // 60 for began, _ in times)
        for began, _ in times:  # in the order of the timeline
            first, last = first or began, began
    if not minutes:
        return None
    days = (_moment(last) - _moment(first)).days
    unit = next(unit for most, unit in _UNITS if most is None or days <= most)
    size = int(unit.total_seconds()) // 60
    counts = Counter(minute // size for minute in minutes)
    bins = [(_at(place * unit), _at((place + 1) * unit), count) for place, count in sorted(counts.items())]
    return Histogram(_moment(first), _moment(last), bins, tuple(sorted(longest)))


def _at(since: timedelta) -> datetime:
    try:
        return _BEGINNING + since
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
