"""What the entries of a row make of it, one after the other, and where that is not what the row is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from app.db.models import Case, ChangeKind, Event, table_of
from app.record.entries import SUBJECTS, Row, Subject, case_index, digest_of, event_index
from app.values import field_name

_BY_NAME = {subject.name: subject for subject in SUBJECTS.values()}
_INDEXES: Mapping[str, Callable[[Row], Mapping[str, str]]] = {
    table_of(Case).name: case_index,
    table_of(Event).name: event_index,
}
_AUTHORS = {field_name(name): name for name in ("created_at", "created_by", "updated_at", "updated_by")}
_FIELDS = {name: frozenset(column.field for column in subject.columns) for name, subject in _BY_NAME.items()}


class Fault(NamedTuple):
    """Something that doesn't agree: the number of the entry, the field, and what is wrong, as a sentence's end."""

    seq: int | None
    field: str | None
    sentence: str


class Told(NamedTuple):
    """An entry as far as it says what became of a row, and the subject of the user whom its row is about, if any."""

    row_id: str
    case_id: str
    seq: int
    at: str
    by: str
    kind: str
    type: str
    event_id: str | None
    version: int | None
    digest: bytes
    said: str | None
    subject: str | None


@dataclass(slots=True)
class _Said:
    label: str | None
    values: dict[str, list[Any]]


class Replay:
    """A row, made again by its entries."""

    def __init__(self) -> None:
        self.subject: Subject | None = None
        self.values: dict[str, Any] | None = None
        """Its fields that are not null; None while there is no such row."""
        self._more: dict[str, Any] = {}  # of its columns that entries tell of in another way
        self._seq: int | None = None  # the last entry's
        self._since: dict[str, int] = {}  # the entries that fields have their values of
        self.is_lost = False
        """Whether an entry can't be read, so that what it did to the row is not known."""

    def follow(self, entry: Told) -> Iterator[Fault]:
        """Do as the next entry says, and tell what doesn't fit those before."""
        self._seq = entry.seq
        said = _read(entry)
        if isinstance(said, str):
            self.is_lost = True
            yield Fault(entry.seq, "said", said)
        subject = _BY_NAME.get(entry.type)
        if subject is None or self.subject not in {None, subject}:
            self.is_lost = True
            yield Fault(entry.seq, "type", "there are no rows of that type, or its row is of another")
        if self.is_lost or subject is None or isinstance(said, str):
            return
        self.subject = subject
        yield from self._place_faults(entry, subject)
        label_before = self._label(entry)
        match entry.kind:
            case ChangeKind.CREATED.value | ChangeKind.IMPORTED.value:
                yield from self._made(entry, subject, said)
            case ChangeKind.UPDATED.value:
                yield from self._changed(entry, said)
            case ChangeKind.DELETED.value:
                yield from self._gone(entry, said)
            case _:
                self.is_lost = True
                yield Fault(entry.seq, "kind", "it is none that this version writes")
                return
        if said.label != (label_before if self.values is None else self._label(entry)):
            yield Fault(entry.seq, "label", "it is not what its row was called")

    def compare(self, row: Row | None) -> Iterator[Fault]:
        """Tell where the row that the database has, or None, is not the one that the entries made."""
        if self.is_lost:
            return
        if row is None:
            if self.values is not None:
                yield Fault(self._seq, None, "the table lacks the row that this entry left there")
            return
        if self.values is None or self.subject is None:
            yield Fault(self._seq, None, "the table has a row that the journal doesn't know, or says is gone")
            return
        expected = {column.column: self.values.get(column.field) for column in self.subject.columns} | self._more
        expected |= self._derived(self.subject)
        for name, value in expected.items():
            if row[name] != value:
                field = field_name(name)
                yield Fault(self._since.get(field, self._seq), field, "the table has another value than the entries")

    def _place_faults(self, entry: Told, subject: Subject) -> Iterator[Fault]:
        if subject.model is Case and entry.row_id != entry.case_id:
            yield Fault(entry.seq, "caseId", "it is about another case than the journal's")
        if subject.model is Event:
            belongs = entry.event_id == entry.row_id
        elif "event_id" in subject.table.c:
            belongs = entry.event_id is not None and self._more.get("event_id", entry.event_id) == entry.event_id
            self._more["event_id"] = entry.event_id
        else:
            belongs = entry.event_id is None
        if not belongs:
            yield Fault(entry.seq, "eventId", "it is not the event of its row")

    def _made(self, entry: Told, subject: Subject, said: _Said) -> Iterator[Fault]:
        if self.values is not None:
            yield Fault(entry.seq, "kind", "its row was there already")
        imported = entry.kind == ChangeKind.IMPORTED.value
        authors = {"created_at": entry.at, "created_by": entry.by, "updated_at": entry.at, "updated_by": entry.by}
        told = dict(said.values)
        if imported:
            authors |= {name: told.pop(field)[1] for field, name in _AUTHORS.items() if field in told}
        self.values = {}
        is_member = "version" not in subject.table.c
        if is_member:
            self.values["accepted"] = True
            self._more["given_by"] = None
        else:
            self._more |= {**authors, "version": entry.version}
        self._since = dict.fromkeys(("version", *_AUTHORS), entry.seq)
        yield from self._write(entry, told, fresh=True)
        if (entry.version is not None) if is_member else not (entry.version == 1 or (imported and entry.version)):
            yield Fault(entry.seq, "version", "it is not that of a new row")

    def _changed(self, entry: Told, said: _Said) -> Iterator[Fault]:
        if self.values is None:
            self.values = {}
            yield Fault(entry.seq, "kind", "its row was never made, or is gone")
        if "version" in self._more:
            version = self._more["version"]
            if entry.version != (version + 1 if isinstance(version, int) else None):
                yield Fault(entry.seq, "version", "it is not one more than before")
            self._more |= {"version": entry.version, "updated_at": entry.at, "updated_by": entry.by}
            self._since |= dict.fromkeys(("version", "updatedAt", "updatedBy"), entry.seq)
        elif entry.version is not None:
            yield Fault(entry.seq, "version", "its row has none")
        yield from self._write(entry, said.values)

    def _gone(self, entry: Told, said: _Said) -> Iterator[Fault]:
        values = self.values
        if values is None:
            yield Fault(entry.seq, "kind", "its row was never made, or is gone")
        else:
            if entry.version != self._more.get("version"):
                yield Fault(entry.seq, "version", "it is not the last one of the row")
            # That a membership was taken up is not said of it.
            lost = {field: value for field, value in values.items() if (field, value) != ("accepted", True)}
            for field in sorted(lost.keys() | said.values.keys()):
                if said.values.get(field) != [lost.get(field), None]:
                    yield Fault(entry.seq, field, "the value before is not what the entries before made of it")
        self.values = None
        self._more.pop("version", None)

    def _write(self, entry: Told, told: Mapping[str, list[Any]], *, fresh: bool = False) -> Iterator[Fault]:
        """Take the values of an entry over; what a new row begins with has none before."""
        values, known = self.values, _FIELDS[entry.type]
        assert values is not None, "there is a row"  # noqa: S101 - for the type checker
        for field, (before, after) in told.items():
            if field not in known:
                yield Fault(entry.seq, field if field.isidentifier() else None, "its row has no such field")
                continue
            if before != (None if fresh else values.get(field)):
                yield Fault(entry.seq, field, "the value before is not what the entries before made of it")
            self._since[field] = entry.seq
            if after is None:
                values.pop(field, None)
            else:
                values[field] = after
            if field == "accepted":
                # Who gave a membership is whoever made the entry that says that it has yet to be taken up.
                self._since["givenBy"] = entry.seq
                self._more["given_by"] = None if after else entry.by

    def _label(self, entry: Told) -> str | None:
        subject = self.subject
        if subject is None or self.values is None:
            return None
        if subject.label in subject.table.c:
            label: str | None = self.values.get(field_name(subject.label))
            return label
        return entry.subject

    def _derived(self, subject: Subject) -> Mapping[str, str]:
        index = _INDEXES.get(subject.table.name)
        if index is None or self.values is None:
            return {}
        if not isinstance(self.values.get("title"), str):
            return {}
        return index(self.values)


def _read(entry: Told) -> _Said | str:
    """Return what an entry says, or why that can't be told."""
    text = entry.said
    if text is None:
        return "it is gone, and no later entry says that it was erased"
    try:
        if digest_of(text) != entry.digest:
            return "it is not what its digest was made of"
        _, label, _, values = orjson.loads(text)
        if all(len(each) == 2 for each in values.values()):
            return _Said(label, values)
    except (AttributeError, TypeError, ValueError):
        pass
    return "it is not of the form of what an entry says"
