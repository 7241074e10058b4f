"""The timeline of a case drawn: how many events there are over time, and those that lasted as bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from app.exchange.wording import counted

Stretch: TypeAlias = tuple[datetime, datetime]

_MOST_COLUMNS: Final = 120
_FEWEST_COLUMNS: Final = 9
_MOST_TICKS: Final = 8
_MOST_SPANS: Final = 100
_MOST_LANES: Final = 12
_PLOT: Final = 120  # pixels from the axis up to as many events as the fullest column has
_TOP: Final = 16  # above that
_LANE: Final = 8
_LABELS: Final = 36
_TEXTS: Final = 'font-size="12" fill="#59636e"'
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many events there are over time, and the beginnings and ends of those that lasted.

    `bins` are moments in UTC and numbers: from, until (not included), how many events began there. They are in order;
    those of none may be left out. Of `spans` the longest hundred are enough; they may be left out, too.
    """

    first: datetime
    last: datetime
    bins: Sequence[tuple[datetime, datetime, int]]
    spans: Sequence[Stretch] = field(default=())

    @property
    def total(self) -> int:
        """How many events there are."""
        return sum(count for _, _, count in self.bins)


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of the calendar or the clock, by which events are counted or an axis is divided."""

    name: str
    length: timedelta
    floor: Callable[[datetime], datetime]
    form: str

    def next(self, beginning: datetime) -> datetime:
        """Return where the step after the one that begins at a moment begins; the last moment there is when none."""
        try:
            return self.floor(beginning + self.length)
        except OverflowError:
            return _LAST

    def label(self, beginning: datetime) -> str:
        """Return how the step that begins at a moment is called."""
        return _formatted(beginning, f"%Y-%m-%d {self.form}" if ":" in self.form else self.form)


def _clockwise(count: int, unit: str, length: timedelta, form: str) -> Step:
    """Return a step of a whole number of units, which are all of one length."""
    stretch = count * length
    return Step(_name(count, unit), stretch, lambda moment: moment - (moment - _FIRST) % stretch, form)


def _months(count: int) -> Step:
    def begin(moment: datetime) -> datetime:
        return _day(moment).replace(day=1, month=(moment.month - 1) // count * count + 1)

    # A step from the beginning of one leads into the next one, of whatever length it is.
    return Step(_name(count, "month"), timedelta(days=31 * count), begin, "%Y-%m")


def _years(count: int) -> Step:
    def begin(moment: datetime) -> datetime:
        return _day(moment).replace(day=1, month=1, year=max(1, moment.year // count * count))

    return Step(_name(count, "year"), timedelta(days=366 * count), begin, "%Y")


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _name(count: int, unit: str) -> str:
    return unit if count == 1 else f"{count} {unit}s"


_STEPS: Final = (
    *(_clockwise(count, "second", _SECOND, "%H:%M:%S") for count in (1, 2, 5, 10, 30)),
    *(_clockwise(count, "minute", 60 * _SECOND, "%H:%M") for count in (1, 2, 5, 10, 30)),
    *(_clockwise(count, "hour", 3600 * _SECOND, "%H:%M") for count in (1, 3, 6, 12)),
    *(_clockwise(count, "day", _DAY, "%Y-%m-%d") for count in (1, 2)),
    # 1 January of year 1, from which they are counted, was a Monday.
    *(_clockwise(count, "week", 7 * _DAY, "%Y-%m-%d") for count in (1, 2)),
    *(_months(count) for count in (1, 2, 3, 6)),
    *(_years(count) for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)


def columns(histogram: Histogram) -> tuple[Step, list[tuple[datetime, datetime, int]]]:
    """Return the bins of a histogram put together into at most some 120 columns, and the step of each."""
    widest = max((until - start for start, until, _ in histogram.bins), default=_SECOND)
    step = _finest(max(widest, (histogram.last - histogram.first) / _MOST_COLUMNS))
    found: dict[datetime, int] = {}
    for start, _, count in histogram.bins:
        begins = step.floor(start)
        found[begins] = found.get(begins, 0) + count
    return step, [(begins, step.next(begins), count) for begins, count in sorted(found.items()) if count]


def draw(histogram: Histogram) -> tuple[str, str]:
    """Return the drawing as an inline SVG, and the sentence that says what it shows.

    Its colours are those of the style sheet, and the light ones for what applies none to a drawing. Places along the
    axis are percentages, so that what is written keeps its size on any width.
    """
    step, found = columns(histogram)
    start = min([histogram.first, *(begins for begins, _, _ in found)])
    end = max([histogram.last, *(ends for _, ends, _ in found)])
    axis = _padded(start, end, step)
    lanes = _lanes(_longest(histogram.spans, axis), axis)
    shown = sum(map(len, lanes))
    said = f"{counted(histogram.total, 'event')} by the {step.name} in which they began, times in UTC"
    if shown == len(histogram.spans) > 0:
        said += f"; below the axis, {counted(shown, 'event')} that lasted"
    elif shown:
        said += f"; below the axis, {counted(shown, 'event')} that lasted long"
    base = _TOP + _PLOT
    foot = base + _LANE * len(lanes) + 4 * bool(lanes)
    parts = [f'<svg class="drawing" width="100%" height="{foot + _LABELS}" role="img" aria-label="{said}" {_TEXTS}>']
    parts += _ticks(axis, foot)
    parts += _plot(axis, base, found)
    for number, lane in enumerate(lanes):
        where = f'y="{base + 4 + _LANE * number}" height="{_LANE - 3}"'
        parts += (
            f'<rect class="span" fill="#a63d12" {axis.stretch(begins, until)} {where}/>' for begins, until in lane
        )
    return "".join([*parts, "</svg>"]), said


def _ticks(axis: _Axis, foot: int) -> Iterator[str]:
    for place, lines, minor in axis.ticks():
        yield '<g class="minor">' if minor else "<g>"
        yield f'<line class="grid" stroke="#d5dade" x1="{place}" x2="{place}" y1="{_TOP}" y2="{foot}"/>'
        for number, text in enumerate(lines):
            yield f'<text x="{place}" y="{foot + 14 + 14 * number}" text-anchor="middle">{text}</text>'
        yield "</g>"


def _plot(axis: _Axis, base: int, found: Sequence[tuple[datetime, datetime, int]]) -> Iterator[str]:
    most = max((count for _, _, count in found), default=0)
    yield f'<line class="grid" stroke="#d5dade" x1="0" x2="100%" y1="{_TOP}" y2="{_TOP}"/>'
    yield f'<text x="0" y="{_TOP - 4}">{most:,}</text>'
    for begins, ends, count in found:
        tall = max(1.5, _PLOT * count / most)
        where = f'{axis.stretch(begins, ends)} y="{base - tall:.4g}" height="{tall:.4g}"'
        yield f'<rect class="count" fill="#5b86b4" {where}/>'
    yield f'<line class="axis" stroke="#59636e" x1="0" x2="100%" y1="{base}" y2="{base}"/>'


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    end: datetime

    @property
    def dot(self) -> timedelta:
        """What is shorter is drawn as wide as that."""
        return (self.end - self.start) / 250

    def at(self, moment: datetime) -> str:
        """Return where a moment is, as a percentage."""
        return _percent(self._share(moment))

    def stretch(self, begins: datetime, ends: datetime) -> str:
        """Return where a stretch is and how wide, with a gap to the next one, and so that it is seen."""
        left, width = self._share(begins), self._share(ends) - self._share(begins)
        width = max(0.4, width - min(0.15, width / 5))
        return f'x="{_percent(min(left, 100 - width))}" width="{_percent(width)}"'

    def ticks(self) -> Iterator[tuple[str, list[str], bool]]:
        """Yield places, what is written there, and whether that is left out where there is little room."""
        step = _finest((self.end - self.start) / _MOST_TICKS)
        at, before, number = step.floor(self.start), "", 0
        if at < self.start:
            at = step.next(at)
        while at <= self.end and at < _LAST:
            lines = [_formatted(at, step.form)]
            if ":" in step.form:  # the date stands where it is another one
                day = _formatted(at, "%Y-%m-%d")
                lines += [day] if day != before else []
                before = day
            yield self.at(at), lines, number % 3 > 0
            at, number = step.next(at), number + 1

    def _share(self, moment: datetime) -> float:
        return 100 * min(1.0, max(0.0, (moment - self.start) / (self.end - self.start)))


def _percent(share: float) -> str:
    return f"{share:.3f}".rstrip("0").rstrip(".") + "%"


def _formatted(moment: datetime, form: str) -> str:
    # Of a year before 1000, strftime leaves out the zeros on some systems.
    return moment.strftime(form.replace("%Y", f"{moment.year:04}"))


def _finest(length: timedelta) -> Step:
    """Return the shortest step that is no shorter than that."""
    return next((step for step in _STEPS if step.length >= length), _STEPS[-1])


def _padded(start: datetime, end: datetime, step: Step) -> _Axis:
    """Return an axis that is some steps long at least, so that a single one of them is no wall."""
    lacking = max(timedelta(), _FEWEST_COLUMNS * step.length - (end - start)) / 2
    return _Axis(start - min(lacking, start - _FIRST), end + min(lacking, _LAST - end))


def _longest(spans: Sequence[Stretch], axis: _Axis) -> Sequence[Stretch]:
    """Return all spans where they are few, and of many the longest, and none that would be but a dot."""
    if len(spans) <= _MOST_SPANS:
        return spans
    seen = [(begins, until) for begins, until in spans if until - begins >= axis.dot]
    return sorted(seen, key=lambda span: span[0] - span[1])[:_MOST_SPANS]


def _lanes(spans: Iterable[Stretch], axis: _Axis) -> list[list[Stretch]]:
    """Return spans in as few lanes as hold them side by side, without those for which there is no room."""
    lanes: list[list[Stretch]] = []
    for begins, until in sorted(spans):
        ended = (lane for lane in lanes if lane[-1][1] <= begins and begins - lane[-1][0] >= axis.dot)
        lane = next(ended, None)
        if lane is not None:
            lane.append((begins, until))
        elif len(lanes) < _MOST_LANES:
            lanes.append([(begins, until)])
    return lanes
