"""What the entries of a row make of it, one after the other, and where that is not what the row is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from app.db.models import Case, ChangeKind, Event
from app.record.entries import ERASED, NO_CHANGE, SUBJECTS, Subject, array_text, digest_of
from app.values import field_name, fold

_CREATED, _UPDATED, _DELETED, _IMPORTED, _RESTORED = (
    kind.value
    for kind in (
        ChangeKind.CREATED,
        ChangeKind.UPDATED,
        ChangeKind.DELETED,
        ChangeKind.IMPORTED,
        ChangeKind.RESTORED,
    )
)
_MAKING = frozenset({_CREATED, _IMPORTED, _RESTORED, ChangeKind.HELD.value})
_CHANGING = frozenset(
    kind.value for kind in (ChangeKind.UPDATED, ChangeKind.SEALED, ChangeKind.UNSEALED, ChangeKind.RELEASED)
)
_LEAVING = {kind.value: frozenset(names) for kind, names in NO_CHANGE.items()}
_NOT_BEFORE = "the value before is not what the entries before made of it"


KEYS = 2
"""How many values stand before the columns in a row that is compared: its key, and its place."""


SEARCHED = "search"
"""What stands for the text that is searched of a row, which lies beside it; it comes behind the row's columns."""


PURGED = b""
"""What stands for the erasure of all that an entry said, by a purge."""


class Fault(NamedTuple):
    """Something that doesn't agree: the number of the entry, the field, and what is wrong, as a sentence's end."""

    seq: int | None
    field: str | None
    sentence: str


class Told(NamedTuple):
    """An entry as far as it says what became of a row, and the subject of the user whom its row is about, if any.

    `erasure` is PURGED, or the digest of what is left of what it said, where a later entry says that it was erased.
    """

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
    erased_by: int | None
    erasure: bytes | None
    subject: str | None


class _Shape:
    """What is to be known of a table for each of its rows."""

    def __init__(self, subject: Subject) -> None:
        columns = subject.table.c
        self.table = subject.table.name
        self.is_case, self.is_event = subject.model is Case, subject.model is Event
        self.is_on_event = "event_id" in columns
        self.may_lack_event = self.is_on_event and bool(columns.event_id.nullable)
        self.is_versioned = "version" in columns
        self.label = field_name(subject.label) if subject.label is not None and subject.label in columns else None
        searched = {SEARCHED: tuple(map(field_name, subject.searched))} if subject.searched else {}
        places = {name: place for place, name in enumerate([*columns.keys(), *searched], KEYS)}
        self.recorded = [(each.field, places[each.column]) for each in subject.columns if each.column != "given_by"]
        self.fields = frozenset(each.field for each in subject.columns)
        told = {*(each.column for each in subject.columns if each.column != "given_by"), "id", "case_id", "user_id"}
        self.others = [(name, place) for name, place in places.items() if name not in told]
        names, at = zip(*self.recorded, *self.others, strict=True)
        self.names: tuple[str, ...] = names[: len(self.recorded)]
        self.other_names: tuple[str, ...] = names[len(self.recorded) :]
        self.compared = itemgetter(*at)
        self.searched = searched.get(SEARCHED, ())
        self.index = subject.index
        self.columns = [(each.column, each.field) for each in subject.columns]


_SHAPES = {subject.name: _Shape(subject) for subject in SUBJECTS.values()}


class Replay:
    """A row, made again by its entries."""

    __slots__ = (
        "_back",
        "_born",
        "_event_id",
        "_giver",
        "_imported",
        "_last",
        "_shape",
        "_since",
        "is_lost",
        "is_purged",
        "values",
    )

    def __init__(self) -> None:
        self.values: dict[str, Any] | None = None
        """Its fields that are not null; None while there is no such row."""
        self.is_lost = False
        """Whether an entry can't be read, so that what it did to the row is not known."""
        self.is_purged = False
        """Whether what the entries said was purged, so that there is no such row."""
        self._shape: _Shape | None = None
        self._event_id: str | None = None
        self._giver: str | None = None  # of a membership that has yet to be taken up
        self._born: Told | None = None
        self._back: Told | None = None  # the entry by which it came back last
        self._imported: dict[str, Any] = {}  # who made and last changed an imported row
        self._last: Told | None = None
        self._since: dict[str, int] = {}  # the entries that fields have their values of

    @property
    def table(self) -> str | None:
        """The name of the row's table, as soon as an entry has told it."""
        return None if self._shape is None else self._shape.table

    def follow(self, entry: Told) -> list[Fault]:
        """Do as the next entry says, and return what doesn't fit those before."""
        faults: list[Fault] = []
        shape = _SHAPES.get(entry.type)
        if entry.said is None and entry.erasure == PURGED:
            self.is_purged, self._shape = True, shape
            return []
        said = _read(entry)
        if isinstance(said, str):
            faults.append(Fault(entry.seq, "said", said))
        if shape is None or self._shape not in {None, shape}:
            faults.append(Fault(entry.seq, "type", "there are no rows of that type, or its row is of another"))
        if self.is_purged:
            return faults
        if faults or self.is_lost or shape is None or isinstance(said, str):
            self.is_lost = True
            return faults
        label, told = said
        self._check_place(entry, shape, faults)
        self._shape = shape
        kind = entry.kind
        called = self._label(entry, shape) if kind == _DELETED else None
        if kind in _MAKING:
            self._make(entry, shape, told, faults)
        elif kind in _CHANGING:
            self._change(entry, shape, told, faults)
        elif kind == _DELETED:
            self._remove(entry, told, faults)
        elif kind in _LEAVING:
            return [*faults, *self._leave(entry, label, told)]
        else:
            self.is_lost = True
            return [*faults, Fault(entry.seq, "kind", "it is none that this version writes")]
        self._last = entry
        called = called if self.values is None else self._label(entry, shape)
        if label != called and not (label is None and entry.erasure is not None):
            faults.append(Fault(entry.seq, "label", "it is not what its row was called"))
        return faults

    def compare(self, row: Sequence[Any] | None) -> list[Fault]:
        """Tell where the row that the database has, or None, is not the one that the entries made."""
        values, shape, last, born = self.values, self._shape, self._last, self._born
        if self.is_purged:
            return [] if row is None else [Fault(None, None, "the table has a row that was purged")]
        if self.is_lost:
            return []
        seq = None if last is None else last.seq
        if values is None or shape is None or last is None or born is None:
            unknown = Fault(seq, None, "the table has a row that the journal doesn't know, or says is gone")
            return [] if row is None else [unknown]
        if row is None:
            return [Fault(seq, None, "the table lacks the row that this entry left there")]
        expected = self._columns(values, shape, last, born)
        stored = {name: array_text(value) if isinstance(value, list) else value for name, value in values.items()}
        if shape.compared(row) == (*map(stored.get, shape.names), *map(expected.get, shape.other_names)):
            return []
        differs = "the table has another value than this entry left there"
        of_fields = [
            Fault(self._since.get(field, born.seq), field, differs)
            for field, place in shape.recorded
            if row[place] != stored.get(field)
        ]
        of_others = [
            Fault(born.seq if name.startswith("created") else seq, field_name(name), differs)
            for name, place in shape.others
            if row[place] != expected.get(name)
        ]
        return of_fields + of_others

    def _columns(self, values: dict[str, Any], shape: _Shape, last: Told, born: Told) -> dict[str, Any]:
        """Return what is in the columns of the row of which entries don't tell as of fields."""
        expected: dict[str, Any] = {
            "event_id": self._event_id,
            "given_by": self._giver,
            "version": last.version,
            "created_at": born.at,
            "created_by": born.by,
            "updated_at": last.at,
            "updated_by": last.by,
        }
        if imported := self._imported:
            if last is born:
                expected |= imported
            else:
                expected |= {name: imported[name] for name in ("created_at", "created_by")}
        if shape.index is not None and shape.label is not None and isinstance(values.get(shape.label), str):
            expected |= shape.index({column: values.get(field) for column, field in shape.columns})
        if shape.searched and all(isinstance(values.get(field, ""), str) for field in shape.searched):
            expected[SEARCHED] = fold(*(values.get(field) for field in shape.searched))
        return expected

    def _check_place(self, entry: Told, shape: _Shape, faults: list[Fault]) -> None:
        if shape.is_case and entry.row_id != entry.case_id:
            faults.append(Fault(entry.seq, "row", "it is about another case than the journal's"))
        if shape.is_on_event:
            has_one = entry.event_id is not None or shape.may_lack_event
            belongs = has_one and (self._shape is None or entry.event_id == self._event_id)
            self._event_id = entry.event_id
        else:
            belongs = entry.event_id == (entry.row_id if shape.is_event else None)
        if not belongs:
            faults.append(Fault(entry.seq, "event", "it is not the event of its row"))

    def _make(self, entry: Told, shape: _Shape, told: dict[str, Any], faults: list[Fault]) -> None:
        if self.values is not None:
            faults.append(Fault(entry.seq, "kind", "its row was there already"))
        before, last = self._born, self._last
        self.values, self._since = {}, {}
        is_imported, is_restored = entry.kind == _IMPORTED, entry.kind == _RESTORED
        if is_restored and (before is None or last is None or last.kind != _DELETED):
            faults.append(Fault(entry.seq, "kind", "its row was never deleted"))
        self._born = entry
        if is_restored and before is not None:
            self._born, self._back = before, entry  # who made it stays, and who gave a membership
        else:
            self._giver, self._imported = None, {}
        if is_imported and shape.is_versioned:
            self._imported = {name: told.pop(field, (None, None))[1] for name, field in _AUTHORS}
        self._write(entry, shape, told, faults)
        versions = entry.version == 1
        if is_imported:
            versions = (entry.version or 0) >= 1
        elif is_restored:
            versions = last is not None and entry.version == (last.version or 0) + 1
        if not (versions if shape.is_versioned else entry.version is None):
            faults.append(Fault(entry.seq, "version", "it is not that of a new row"))

    def _change(self, entry: Told, shape: _Shape, told: Mapping[str, Any], faults: list[Fault]) -> None:
        if self.values is None or self._last is None:
            faults.append(Fault(entry.seq, "kind", "its row was never made, or is gone"))
            self.values, self._born = {}, entry
        elif "sealedAt" in self.values and entry.kind == _UPDATED and told.keys() != {"retainUntil"}:
            faults.append(Fault(entry.seq, "kind", "it changes what was sealed, and the seal wasn't broken before"))
        elif entry.version != ((self._last.version or 0) + 1 if shape.is_versioned else None):
            faults.append(Fault(entry.seq, "version", "it is not one more than before"))
        self._write(entry, shape, told, faults)

    def _remove(self, entry: Told, told: Mapping[str, Any], faults: list[Fault]) -> None:
        values, self.values = self.values, None
        if values is None or self._last is None:
            faults.append(Fault(entry.seq, "kind", "its row was never made, or is gone"))
            return
        if "sealedAt" in values:
            faults.append(Fault(entry.seq, "kind", "it changes what was sealed, and the seal wasn't broken before"))
        if entry.version != self._last.version:
            faults.append(Fault(entry.seq, "version", "it is not the last one of the row"))
        is_erased = entry.erasure is not None and digest_of(entry.said or "") == entry.erasure
        faults += [
            Fault(entry.seq, field if field in values else None, _NOT_BEFORE)
            for field in sorted(values.keys() | told.keys())
            if told.get(field) != [values.get(field), None] and not (is_erased and told.get(field) == [ERASED, None])
        ]

    def _write(self, entry: Told, shape: _Shape, told: Mapping[str, Any], faults: list[Fault]) -> None:
        """Take the values of an entry over."""
        values = self.values
        assert values is not None, "there is a row"  # noqa: S101 - for the type checker
        if unknown := told.keys() - shape.fields:
            faults += [Fault(entry.seq, None, "its row has no such field") for _ in unknown]
            told = {field: pair for field, pair in told.items() if field not in unknown}
        if entry is not self._born and entry is not self._back:
            self._since |= dict.fromkeys(told, entry.seq)
        is_erased = entry.erasure is not None and digest_of(entry.said or "") == entry.erasure
        for field, pair in told.items():
            before, after = (_ANYTHING if is_erased and value == ERASED else value for value in pair)
            if before != values.get(field):
                faults.append(Fault(entry.seq, field, _NOT_BEFORE))
            if after is not None:
                values[field] = after
            else:
                values.pop(field, None)
        if "accepted" in told and entry.kind != _RESTORED:
            # Who gave a membership is whoever made the entry that says that it has yet to be taken up.
            self._giver = None if told["accepted"][1] else entry.by

    def _leave(self, entry: Told, label: str | None, told: Mapping[str, Any]) -> list[Fault]:
        """Check an entry by which the row stays as it is."""
        faults = [Fault(entry.seq, None, "it is about no such thing") for _ in told.keys() - _LEAVING[entry.kind]]
        if entry.version is not None:
            faults.append(Fault(entry.seq, "version", "it is none that changes its row"))
        shape = self._shape
        if label is not None and (shape is None or label != self._label(entry, shape)):
            faults.append(Fault(entry.seq, "label", "it is not what its row was called"))
        return faults

    def _label(self, entry: Told, shape: _Shape) -> Any:
        if self.values is None:
            return None
        return entry.subject if shape.label is None else self.values.get(shape.label)


class _Anything:
    """A value that was erased: it may have been any."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


_ANYTHING = _Anything()
_AUTHORS = [(name, field_name(name)) for name in ("created_at", "created_by", "updated_at", "updated_by")]


def _read(entry: Told) -> tuple[str | None, dict[str, Any]] | str:
    """Return what an entry says, its label and its values, or why that can't be told."""
    text = entry.said
    if text is None:
        return "it is gone, and no later entry says that it was erased"
    try:
        if digest_of(text) not in {entry.digest, entry.erasure}:
            return "it is not what its digest was made of"
        _, label, _, values = orjson.loads(text)
        for _before, _after in values.values():
            pass
    except (AttributeError, TypeError, ValueError):
        return "it is not of the form of what an entry says"
    return label, values
