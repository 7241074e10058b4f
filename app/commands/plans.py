"""What a folder's files become: an event for each day or month, and batches that people can read."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from heapq import heapify, heappop, heappush
from typing import Any, Final

from app.commands.folders import Folder, Walk, shortened
from app.db.models import DESCRIPTION_LENGTH
from app.evidence.entries import escaped, printed
from app.values import format_time, now, visible

MOST_BATCHES: Final = 20
"""How many batches an event has, where folders can go into their parents."""

_LABEL_LENGTH = 200
_TYPES_LENGTH = 500
_KIND_LENGTH = 20  # of what follows a name's last dot, with the dot
_NAMED = 20  # file systems that the summary names
_PATHS_LENGTH = 5_000  # characters of a batch's folder, and of where other file systems begin
_PLACE_LENGTH = 2_000
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")

_SAYS_FOLDED = " Files of folders below it are among them, where those have no batch of their own."
_SAYS_SIZE = re.compile(
    rf"(?:.*: )?\d[\d,]* bytes?(?:, \d+\.\d (?:{'|'.join(_UNITS)}))? in all\.(?:{re.escape(_SAYS_FOLDED)})?", re.DOTALL
)

_ALL = -1  # stands for all days at once
_BEFORE = 0  # stands for the days before the first one that a date has (1, see date.toordinal) …
_BEYOND = date.max.toordinal() + 1  # … and for those after the last
_1970 = date(1970, 1, 1).toordinal()
_DAY = 86_400 * 10**9  # nanoseconds
_OUT_OF_RANGE = {_BEFORE: "before the year 0001", _BEYOND: "after the year 9999"}


@dataclass(frozen=True, slots=True)
class Choice:
    """How files are grouped, and whether they are hashed."""

    by: str = "day"
    depth: int | None = None
    hashed: bool = False
    one_file_system: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file as the walk found it; `modified` in nanoseconds since 1970."""

    place: Folder
    name: bytes
    size: int
    modified: int

    @property
    def path(self) -> bytes:
        """The path from the folder that was walked."""
        return self.place.path(self.name)


@dataclass(slots=True)
class Batch:
    """Files of a folder: how many they are, of which kinds, and their size in bytes.

    `is_folded` where files of folders below are among them; `files` are kept only where they are to be hashed.
    """

    count: int = 0
    size: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    is_folded: bool = False
    files: list[File] = field(default_factory=list)

    def take(self, other: Batch) -> None:
        """Take the files of another batch."""
        self.count += other.count
        self.size += other.size
        self.kinds.update(other.kinds)
        self.files += other.files


@dataclass(frozen=True, slots=True)
class PlannedBatch:
    """A batch as it is to be; `said` is what the API is told of it, with a label that no other one of its event has."""

    said: Mapping[str, Any]
    batch: Batch


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event as it is to be, with its batches; `said` is what the API is told of it."""

    said: Mapping[str, Any]
    batches: list[PlannedBatch]

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from the other events of a collection, whatever its files are by now."""
        return event_key(self.said)


@dataclass
class Survey:
    """What was found in a folder, and when: by period, then by folder and kind."""

    walk: Walk
    choice: Choice
    began: str
    ended: str = ""
    found: dict[int, dict[tuple[Folder, str], Batch]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Batch))
    )
    events: list[PlannedEvent] = field(default_factory=list)
    files: int = 0
    size: int = 0

    @classmethod
    def of(cls, walk: Walk, choice: Choice, tell: Callable[[int], None]) -> Survey:
        """Walk, and plan what is to be recorded; `tell` is told how many files there are, at each."""
        survey = cls(walk, choice, began=format_time(now()))
        for place, name, status in walk.files():
            file = File(place, name, status.st_size, status.st_mtime_ns)
            survey._take(file)
            tell(survey.files)
        survey.ended = format_time(now())
        survey.events = [
            _event(period, _folded(groups), survey) for period, groups in sorted(survey.found.items()) if groups
        ]
        survey.found.clear()
        return survey

    @property
    def place(self) -> str:
        """The folder, as a sentence may name it."""
        return shortened(printed(self.walk.path), _PLACE_LENGTH)

    @property
    def batches(self) -> int:
        """The number of batches."""
        return sum(len(event.batches) for event in self.events)

    def totals(self) -> str:
        """Return what there is, as the end of a sentence."""
        batches = many(self.batches, "file batch", "file batches")
        return f"{many(self.files, 'file')} ({sized(self.size)}) in {batches} on {many(len(self.events), 'event')}."

    def remarks(self) -> list[str]:
        """Return lines about what is not among the files, except for what could not be read."""
        lines = []
        if self.walk.passed_over:
            counts = sorted(self.walk.passed_over.items())
            lines.append(f"Passed over: {', '.join(many(count, kind) for kind, count in counts)}.")
        for what, paths in (("entered", self.walk.entered), ("left out", self.walk.left_out)):
            if paths:
                more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
                named = shortened(", ".join(paths[:_NAMED]), _PATHS_LENGTH)
                lines.append(f"{many(len(paths), 'other file system')} {what}: {named}{more}.")
        return lines

    def notes(self) -> Iterator[dict[str, Any]]:
        """Yield events that name what could not be read, and what was passed over."""
        unreadable, passed_over = [*map(str, self.walk.unreadable)], self.walk.passed_over_names
        yield from _listing(f"{many(len(unreadable), 'entry', 'entries')} could not be read", unreadable, self.ended)
        title = f"{many(len(passed_over), 'entry', 'entries')} passed over"
        yield from _listing(title, passed_over, self.ended)

    def lines(self) -> Iterator[str]:
        """Yield the plan as lines: each event, and its batches below it."""
        for event in self.events:
            when = f"{event.said['occurredAt'][:10]}: " if event.said["timePrecision"] != "EXACT" else ""
            yield f"{when}{event.said['title']}"
            for planned in event.batches:
                batch = planned.batch
                yield f"  {planned.said['label']}: {many(batch.count, 'file')} ({sized(batch.size)})"

    def _take(self, file: File) -> None:
        kind = _kind(file.name)
        place = file.place.at_most(self.choice.depth)
        batch = self.found[_period(file.modified, self.choice.by)][place, kind]
        batch.count += 1
        batch.size += file.size
        batch.kinds[kind] += 1
        batch.is_folded |= place is not file.place
        if self.choice.hashed:
            batch.files.append(file)
        self.files += 1
        self.size += file.size


def event_key(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells an event that was collected from the others of its collection.

    It is the date, or for what has none, what the time says; of a note that names entries, all that it says.
    """
    if event["timeKind"] is None:
        return event["title"], event["description"]
    when = event["occurredAt"][:10] if event["timePrecision"] != "EXACT" else None
    return event["timeKind"], event["timePrecision"], when


def is_collected(description: str | None) -> bool:
    """Return whether this is what a batch says that was collected, and nothing that somebody wrote."""
    return description is not None and _SAYS_SIZE.fullmatch(description) is not None


def sized(size: int) -> str:
    """Return a size in bytes as a number, and where it is a long one, also by a larger unit."""
    if size < 1024:
        return many(size, "byte")
    large: float = size
    for unit in _UNITS:
        if large < 1024 or unit == _UNITS[-1]:
            break
        large /= 1024
    return f"{many(size, 'byte')}, {large:.1f} {unit}"


def many(count: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _period(modified: int, by: str) -> int:
    """Return the first day, in UTC, of the period that a time in nanoseconds since 1970 lies in, or what stands for it.

    Times are compared as whole numbers: there are more of them than dates.
    """
    if by == "none":
        return _ALL
    day = min(max(_1970 + modified // _DAY, _BEFORE), _BEYOND)
    if by == "month" and day not in _OUT_OF_RANGE:
        day = date.fromordinal(day).replace(day=1).toordinal()
    return day


def _kind(name: bytes) -> str:
    """Return the kind of a file by its name, as `.pdf`; empty for a name that says nothing.

    A kind is letters and digits, not digits alone: what follows the last dot may be part of a sentence or a date.
    """
    stem, _, suffix = escaped(name).rpartition(".")
    suffix = suffix.lower()
    if not stem.strip(".") or len(suffix) >= _KIND_LENGTH or not suffix.isalnum() or suffix.isdigit():
        return ""
    return f".{suffix}" if visible(suffix) == suffix else ""


def _folded(groups: Mapping[tuple[Folder, str], Batch]) -> dict[tuple[Folder, str | None], Batch]:
    """Return batches by folder and kind, as many as can be read at a glance.

    Where there are too many, each folder has one for all kinds; where that is still too many, folders go into their
    parents, first of those that have no others below them the one with the fewest files.
    """
    if len(groups) <= MOST_BATCHES:
        return dict(groups.items())
    folders: dict[Folder, Batch] = {}
    for (place, _), batch in groups.items():
        joined = folders.setdefault(place, Batch())
        joined.take(batch)
        joined.is_folded |= batch.is_folded
    below = _children(folders)
    lowest = [(batch.count, -place.number, place) for place, batch in folders.items() if not below[place]]
    heapify(lowest)
    while len(folders) > MOST_BATCHES:
        *_, place = heappop(lowest)
        parent = place.parent
        if parent is None:
            break
        joined = folders.setdefault(parent, Batch())
        joined.take(folders.pop(place))
        joined.is_folded = True
        below[parent] -= 1
        if not below[parent]:
            heappush(lowest, (joined.count, -parent.number, parent))
    return {(place, None): batch for place, batch in folders.items()}


def _children(folders: Mapping[Folder, Batch]) -> Counter[Folder]:
    """Return how many folders with files, in them or below, are in each folder."""
    seen, below = set(folders), Counter[Folder]()
    for each in folders:
        place = each
        while (parent := place.parent) is not None:
            below[parent] += 1
            if parent in seen:
                break
            seen.add(parent)
            place = parent
    return below


def _event(period: int, batches: Mapping[tuple[Folder, str | None], Batch], survey: Survey) -> PlannedEvent:
    """Return what an event says of files that were last modified in a period."""
    files = many(sum(batch.count for batch in batches.values()), "file")
    said = {"type": "NOTE", "title": f"{files} last modified", "description": None, "timeKind": "Last modified"}
    if period == _ALL:
        said |= {"occurredAt": survey.ended, "timePrecision": "EXACT"}
        said["description"] = "All files that were found; this event is at the moment by which they were."
    elif period in _OUT_OF_RANGE:
        said |= {"occurredAt": survey.ended, "timePrecision": "EXACT"}
        said["title"] = f"{files} last modified {_OUT_OF_RANGE[period]}"
        said["timeKind"] = f"Last modified {_OUT_OF_RANGE[period]}"
        said["description"] = (
            f"Their file system says that they were last modified {_OUT_OF_RANGE[period]}, for which there is no date "
            "here. This event is at the moment by which that was read."
        )
    else:
        said |= {"occurredAt": f"{date.fromordinal(period).isoformat()}T00:00:00Z"}
        said["timePrecision"] = survey.choice.by.upper()
    largest_first = sorted(batches.items(), key=_by_count)
    planned = [
        PlannedBatch(_batch(survey.walk, place, kind, batch) | {"sortOrder": order}, batch)
        for order, ((place, kind), batch) in enumerate(largest_first)
    ]
    return PlannedEvent(said, planned)


def _by_count(item: tuple[tuple[Folder, str | None], Batch]) -> tuple[int, int, str]:
    (place, kind), batch = item
    return -batch.count, place.number, kind or ""


def _batch(walk: Walk, place: Folder, kind: str | None, batch: Batch) -> dict[str, Any]:
    """Return what a batch says of files of a folder, of one kind or of all."""
    # The folder itself is called by its name; no path below it ends like that.
    path = place.path() or walk.name
    text = escaped(path)
    words = "all kinds" if kind is None else kind or "no suffix"
    label = f"{text} ({words})"
    if len(label) > _LABEL_LENGTH:
        # The end of a path tells more than its beginning, of which the digest makes sure that no two are alike.
        begin = f"{hashlib.sha256(path).hexdigest()[:12]}…"
        label = begin + label[len(begin) - _LABEL_LENGTH :]
    says = f"{sized(batch.size)} in all."
    if batch.is_folded:
        says += _SAYS_FOLDED
    if not label.startswith(text) or visible(text) != text:
        says = f"{shortened(visible(text), _PATHS_LENGTH)}: {says}"
    return {"label": label, "description": says, "fileTypes": _types(batch.kinds), "fileCount": batch.count}


def _types(kinds: Counter[str]) -> str | None:
    """Return kinds of files, the most frequent first, as far as there is room."""
    text = ""
    for kind, _ in sorted(kinds.items(), key=lambda each: (-each[1], each[0])):
        longer = f"{text}, {kind}" if text else kind
        if kind and len(longer) <= _TYPES_LENGTH:
            text = longer
    return text or None


def _listing(title: str, lines: list[str], moment: str) -> Iterator[dict[str, Any]]:
    """Yield events that list lines, as many as it takes."""
    if not lines:
        return
    texts = [""]
    for line in lines:
        if len(texts[-1]) + len(line) >= DESCRIPTION_LENGTH:
            texts.append("")
        texts[-1] += f"{line}\n"
    for order, text in enumerate(texts):
        part = f" ({order + 1} of {len(texts)})" if len(texts) > 1 else ""
        yield {
            "type": "NOTE",
            "title": title + part,
            "description": text,
            "timeKind": None,
            "occurredAt": moment,
            "timePrecision": "EXACT",
            "sortOrder": order,
        }
