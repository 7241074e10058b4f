"""A case as it was: its rows as of an entry of its journal, made from those that are there now.

What no later entry is about is as it was. The rest is undone: a row was there unless its first later entry says that it
was made then, and a field had the value before the first later entry that names it, or else has it still. So what it
costs grows with what came later, and a row that only came later costs no look at what its entries say.

In a statement such rows are a subquery of their keys, with just the columns that conditions and the order mention; all
others are computed once the page has been cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnClause,
    ColumnElement,
    Integer,
    LargeBinary,
    ScalarSelect,
    Select,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.sql.visitors import iterate

from app.db.models import Case, ChangeKind, File, Journal, JournalEntry, table_of
from app.db.sql import apart, array_of, contains, digits, inside, is_none, last_hash, node_hash, value_inside
from app.db.types import Id
from app.ownership import Asking, may_be_left, readable
from app.reading import nouns
from app.reading.beside import beside
from app.reading.nouns import Filter
from app.reading.pages import ArgumentError, Columns
from app.reading.rows import Join, OrderBy, Rows, Scope
from app.record.entries import NO_CHANGE, SUBJECTS, VALUES, Subject
from app.values import field_name, now

_ENTRIES, _JOURNALS, _CASES = table_of(JournalEntry), table_of(Journal), table_of(Case)
_FILES = table_of(File)
_IMPORTED: ColumnElement[str] = literal_column(f"'{ChangeKind.IMPORTED.value}'")
# What is said of a row that was not there before.
_BEGINNINGS: Sequence[ColumnElement[str]] = [
    literal_column(f"'{kind.value}'")
    for kind in (ChangeKind.CREATED, ChangeKind.IMPORTED, ChangeKind.RESTORED, ChangeKind.HELD)
]
_DELETED: ColumnElement[str] = literal_column(f"'{ChangeKind.DELETED.value}'")
_NO_CHANGE: Sequence[ColumnElement[str]] = [literal_column(f"'{kind.value}'") for kind in NO_CHANGE]
_BEFORE, _AFTER = 0, 1
_FIRST_AUTHORS: Final = {"created_at": "at", "created_by": "by"}
_LAST_AUTHORS: Final = {"updated_at": "at", "updated_by": "by"}


class AsOf(NamedTuple):
    """As of when a case is asked for: the number of an entry, or a moment."""

    value: int | datetime

    @property
    def is_seq(self) -> bool:
        """Whether it is a number."""
        return isinstance(self.value, int)


def as_of(name: str, arguments: Mapping[str, Any]) -> AsOf | None:
    """Return as of when the argument of that name asks for, None where it does not. Raises ArgumentError."""
    given = arguments.get(name)
    if given is None:
        return None
    (value,) = given.values()
    if isinstance(value, datetime) and value > now():
        raise ArgumentError("`at` is a moment that has yet to come", name, "at")
    return AsOf(value)


def past_filters(filters: Mapping[str, Filter]) -> dict[str, Filter]:
    """Return filters of which those for texts and tags can't be asked of the past: what is searched is not kept."""
    of_present = nouns.text, nouns.having_tags
    return {name: _NotThen() if filter_ in of_present else filter_ for name, filter_ in filters.items()}


class _NotThen:
    """A filter by what is kept of the present alone, where it can't be asked for."""

    def fault(self, _: object) -> str:
        """Return what is wrong with it, as the end of a sentence."""
        return "can't be asked of a case as it was"

    def __call__(self, *_: object) -> ColumnElement[bool]:
        """See Filter; a page with a fault is never read."""
        raise TypeError("a text or a tag of the past")


class Past:
    """A case as of an entry of its journal, in one statement."""

    def __init__(self, name: str, case_id: BindParameter[str], asked: BindParameter[Any], asking: Asking) -> None:
        """Take a name of its own, the id of the case, and as of which entry or moment it is asked for.

        There is nothing in a case that the viewer may not see now, and nothing as of an entry that it doesn't have.
        """
        visible = and_(_CASES.c.id == case_id, readable(_CASES, asking))
        heads = select(_CASES.c.id.label("case_id"), _JOURNALS.c.size.label("high")).where(visible)
        heads = heads.join_from(_CASES, _JOURNALS, _JOURNALS.c.case_id == _CASES.c.id)
        if isinstance(asked.type, Integer):
            found = heads.add_columns(asked.label("seq")).where(asked.between(1, _JOURNALS.c.size))
        else:
            found = _last_by(heads, name, asked)
        self._moment = found.cte(f"{name}_as_of")
        self._name = name
        self.case_id: ScalarSelect[str] = select(self._moment.c.case_id).correlate(None).scalar_subquery()
        self.seq: ScalarSelect[int] = select(self._moment.c.seq).correlate(None).scalar_subquery()

    def below(self, table: Table, values: Mapping[str, ColumnElement[str]]) -> Scope:
        """Return where rows of the case lie that have these values in columns, which never change."""
        if table.name in SUBJECTS:
            return PastScope(table, (), self, values, any(may_be_left(table, name) for name in values))
        if table is _FILES:
            # Those of manifests that were finished by then: from that moment they are recorded, and never change.
            of_batch = table.c.batch_id == values["batch_id"]
            return Scope(table, [of_batch, self._was_finished(values["batch_id"])], above=values)
        # Entries are never changed: those that there are by now begin with those that there were.
        return Scope(table, [*(table.c[name] == value for name, value in values.items()), table.c.seq <= self.seq])

    def was_there(self, identifier: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that a row with an id was not gone: the last that was done to it was no deletion."""
        entry = _ENTRIES.alias("above")
        last = select(entry.c.kind).where(entry.c.row_id == identifier, entry.c.seq <= self.seq, *_changes(entry))
        return _one(last.order_by(entry.c.seq.desc())) != _DELETED

    def _was_finished(self, batch_id: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the condition that the manifest of a batch was finished."""
        entry = _ENTRIES.alias("finishing")
        says_so = contains(entry.c.said, literal_column(f"""'"{field_name("manifest_sha256")}"'"""))
        return exists(select(entry.c.seq).where(entry.c.row_id == batch_id, entry.c.seq <= self.seq, says_so))

    def keys(self, subject: Subject, values: Mapping[str, ColumnElement[str]], names: Sequence[str]) -> Any:
        """Return the keys of rows that have these values, with the columns of these names."""
        table = subject.table
        # What is on an event that was found in the case is in the case.
        within = dict(values) if "event_id" in values else {**values, subject.place: self.case_id}
        kept = select(table.c[subject.key], *(table.c[name] for name in names if name != subject.key)).where(
            is_none(table.c[subject.key], self._touched(subject, values)),
            *(table.c[name] == value for name, value in within.items()),
        )
        first, earlier = _ENTRIES.alias("first"), _ENTRIES.alias("earlier")
        identifier: ColumnElement[str] = literal_column("first.row_id", Id())
        since: ColumnElement[int] = literal_column("first.seq", Integer())
        undone = select(
            first.c.row_id.label(subject.key),
            *(
                self.value(subject, table, identifier, values, name, since).label(name)
                for name in names
                if name != subject.key
            ),
        )
        least = select(func.min(earlier.c.seq)).where(
            earlier.c.row_id == first.c.row_id,
            earlier.c.seq > self._moment.c.seq,
            *_changes(earlier),
            *self._in_case(subject, earlier),
        )
        recorded = {each.column: each for each in subject.columns if each.column in values}
        undone = (
            undone.select_from(
                self._moment.join(first, self._later(subject, first, values)).outerjoin(
                    table, self._is_row(subject, table, first.c.row_id)
                )
            )
            .where(first.c.seq == least.correlate(first, self._moment).scalar_subquery())
            # What was purged is no longer known.
            .where(first.c.kind.not_in(_BEGINNINGS), first.c.said.is_not(None))
            # What no column of an entry tells, what it says does.
            .where(
                *(
                    self._undone(subject, identifier, field.field, table.c[name], table.c[name].type, since)
                    == values[name]
                    for name, field in recorded.items()
                )
            )
        )
        return union_all(kept.correlate(None), undone.correlate(None))

    def value(
        self,
        subject: Subject,
        table: Any,
        identifier: ColumnElement[str],
        values: Mapping[str, Any],
        name: str,
        since: ColumnElement[int] | None = None,
    ) -> ColumnElement[Any]:
        """Return what a column held of a row with an id, of which `table` has what there is of it now, if anything.

        `since` is the number of the first later entry about the row, where that is known.
        """
        column: ColumnElement[Any] = table.c[name]
        if name == subject.key:
            return identifier
        if name == "case_id":
            return self.case_id
        if name in values:
            known: ColumnElement[Any] = values[name]
            return known
        if name in _FIRST_AUTHORS:
            # As the column's own type, or SQLite wouldn't read the rows in the order of an index.
            return cast(self._author(subject, identifier, name, since, first=True), column.type)
        if name in _LAST_AUTHORS:
            return self._author(subject, identifier, name, since, first=False)
        if name in {"version", "event_id"}:
            return self._entry(subject, identifier, lambda entry: entry.c[name], since)
        field = next((each.field for each in subject.columns if each.column == name), None)
        if field is None:
            raise TypeError(f"what {table.name}.{name} was is not recorded")
        if name != "given_by":
            return self._undone(subject, identifier, field, column, column.type, since)
        # Who gave it is not asked: whether they had taken it up is.
        accepted = self._undone(subject, identifier, field, column.is_(None), Boolean(), since)
        return case((accepted, None), else_=identifier)

    @cached_property
    def at(self) -> ColumnElement[datetime]:
        """When the entry was made that it is asked for as of."""
        last = _ENTRIES.alias("last")
        is_last = and_(last.c.case_id == self._moment.c.case_id, last.c.seq == self._moment.c.seq)
        return select(last.c.at).join_from(self._moment, last, is_last).correlate(None).scalar_subquery()

    @cached_property
    def root(self) -> ColumnElement[str]:
        """Return the root of the tree over the entries up to that moment (RFC 9162, section 2.1).

        The tree is made up of perfect ones, and the last node of the entry that completes one is its root. They are
        joined from the smallest on: the number of its entry less its size is the number of the entry of the next.
        """
        last, entry = _ENTRIES.alias("last"), _ENTRIES.alias("entry")
        seq = self._moment.c.seq
        started = select(
            self._moment.c.case_id,
            (seq - seq.op("&")(-seq)).label("rest"),
            cast(last_hash(last.c.nodes), LargeBinary).label("root"),
        ).join_from(self._moment, last, and_(last.c.case_id == self._moment.c.case_id, last.c.seq == seq))
        roots = started.cte(f"{self._name}_roots", recursive=True)
        rest = roots.c.rest
        roots = roots.union_all(
            select(
                roots.c.case_id, rest - rest.op("&")(-rest), node_hash(last_hash(entry.c.nodes), roots.c.root)
            ).join_from(roots, entry, and_(entry.c.case_id == roots.c.case_id, entry.c.seq == rest))
        )
        return select(digits(roots.c.root)).where(roots.c.rest == 0).scalar_subquery()

    def _touched(self, subject: Subject, values: Mapping[str, ColumnElement[str]]) -> Select[Any]:
        """Return the ids of rows that later entries are about, those among the rows with these values included."""
        later = _ENTRIES.alias("later")
        # What differs from row to row above would have SQLite find them again for each row.
        constant = {name: value for name, value in values.items() if not isinstance(value, ColumnClause)}
        found = self._moment.join(later, self._later(subject, later, constant))
        return select(later.c.row_id).select_from(found).correlate(None)

    def _later(self, subject: Subject, entry: Any, values: Mapping[str, ColumnElement[str]]) -> ColumnElement[bool]:
        """Return the condition that an entry is later, and about one of the rows with these values.

        It begins with the columns of one index, and SQLite is kept from others. The moment is joined: in a statement of
        its own it would take more of SQLite's parser than is left, where lists are nested.
        """
        of_type: ColumnElement[str] = literal_column(f"'{subject.name}'")
        later = and_(entry.c.seq > self._moment.c.seq, *_changes(entry))
        if subject.key in values:
            rest = (apart(entry.c[name]) == value for name, value in values.items() if name in {"case_id", "event_id"})
            return and_(entry.c.row_id == values[subject.key], later, apart(entry.c.type) == of_type, *rest)
        if "event_id" in values:
            return and_(entry.c.event_id == values["event_id"], later, apart(entry.c.type) == of_type)
        return and_(entry.c.case_id == self._moment.c.case_id, later, apart(entry.c.type) == of_type)

    def _in_case(self, subject: Subject, entry: Any) -> list[ColumnElement[bool]]:
        """Return the conditions that an entry about a row is one of the case's: a user may be a member of several."""
        return [] if subject.key == "id" else [apart(entry.c.case_id) == self.case_id]

    def _is_row(self, subject: Subject, table: Any, identifier: ColumnElement[str]) -> ColumnElement[bool]:
        same = table.c[subject.key] == identifier
        return same if subject.key == "id" else and_(same, table.c.case_id == self.case_id)

    def joined(self, subject: Subject, table: Any, identifier: ColumnElement[str]) -> Join:
        """Return how what there is of rows now is joined to their ids."""
        return Join(table, self._is_row(subject, table, identifier), may_lack=True)

    def _undone(
        self,
        subject: Subject,
        identifier: ColumnElement[str],
        field: str,
        present: ColumnElement[Any],
        kind: Any,
        since: ColumnElement[int] | None,
    ) -> ColumnElement[Any]:
        """Return the value of a field before the first later entry that names it, or else the present one."""
        entry = _ENTRIES.alias("undone")
        change = inside(entry.c.said, VALUES, field)
        # Most entries name other fields, which is seen without parsing them.
        named = contains(entry.c.said, literal_column(f"""'"{field}"'"""))
        found = (
            select(change)
            .where(named, change.is_not(None), entry.c.row_id == identifier, *self._in_case(subject, entry))
            .where(entry.c.seq > self.seq if since is None else entry.c.seq >= since)
            .order_by(entry.c.seq)
        )
        return value_inside(func.coalesce(_one(found), array_of(present)), kind, _BEFORE)

    def _entry(
        self,
        subject: Subject,
        identifier: ColumnElement[str],
        what: Callable[[Any], ColumnElement[Any]],
        since: ColumnElement[int] | None,
        *,
        first: bool = False,
    ) -> ColumnElement[Any]:
        """Return something of the row's last entry until then, or of its first one."""
        entry = _ENTRIES.alias("entry")
        by_then = entry.c.seq <= self.seq if since is None else entry.c.seq < since
        found = select(what(entry)).where(entry.c.row_id == identifier, by_then, *_changes(entry))
        found = found.where(*self._in_case(subject, entry))
        return _one(found.order_by(entry.c.seq.asc() if first else entry.c.seq.desc()))

    def _author(
        self,
        subject: Subject,
        identifier: ColumnElement[str],
        name: str,
        since: ColumnElement[int] | None,
        *,
        first: bool,
    ) -> ColumnElement[Any]:
        """Return when a row was written, or by whom; an entry that brought it in from elsewhere says that itself."""

        def written(entry: Any) -> ColumnElement[Any]:
            column = entry.c[(_FIRST_AUTHORS | _LAST_AUTHORS)[name]]
            said = case((_IMPORTED, entry.c.said), value=entry.c.kind)
            return func.coalesce(value_inside(said, column.type, VALUES, field_name(name), _AFTER), column)

        return self._entry(subject, identifier, written, since, first=first)


@dataclass(frozen=True)
class PastScope(Scope):
    """Where rows lay that have some values in columns which never change."""

    past: Past
    values: Mapping[str, ColumnElement[str]]
    may_be_left: bool = False
    """Whether the event that a row is on may have been gone, as what is on one that was deleted goes a little later."""

    def rows(self, alias: str) -> Rows:
        """Return such rows, of which nothing has been asked yet."""
        return _PastRows(alias, self.table, self.past, self.values)

    def conditions_of(self, rows: Rows, *, whole: bool = False) -> Sequence[ColumnElement[bool]]:  # noqa: ARG002
        """See Scope."""
        return [*self.conditions, *([self.past.was_there(rows.c["event_id"])] if self.may_be_left else [])]


class _PastRows(Rows):
    """Rows as they were."""

    past: Past

    def __init__(
        self,
        alias: str,
        table: Table,
        past: Past,
        values: Mapping[str, ColumnElement[str]],
        identifier: ColumnElement[str] | None = None,
        now_: Any = None,
    ) -> None:
        """Take the values that they have; for rows that others refer to their id, and what there is of them now."""
        super().__init__(alias, table)
        self.past = past
        self._subject = SUBJECTS[table.name]
        self._values = values
        self._keys = f"{alias}_keys"
        self._now = table.alias(f"{alias}_now") if now_ is None else now_
        self._id = literal_column(f"{self._keys}.{self._subject.key}", Id()) if identifier is None else identifier

    @property
    def c(self) -> Columns:
        """See Rows."""
        return _Then(self._keys, self.table)

    @property
    def identifier(self) -> ColumnElement[str]:
        """See Rows; what a whole statement has one of is said without the row."""
        known = self._values.get(self._subject.key)
        return self.column(self._subject.key) if known is None else known

    def value(self, name: str) -> ColumnElement[Any]:
        """See Rows."""
        if (found := beside(self.table, name)) is not None:
            return self.value_beside(found)
        return self.past.value(self._subject, self._now, self._id, self._values, name)

    def joined(self, table: Table, alias: str, key: str, value: ColumnElement[Any]) -> tuple[Rows, Join | None]:
        """See Rows."""
        if table is _JOURNALS:
            return _PastJournals(self.alias, self.past), None
        subject = SUBJECTS.get(table.name)
        if subject is None:
            return super().joined(table, alias, key, value)
        now_ = table.alias(alias)
        referred = _PastRows(self.alias, table, self.past, {}, value, now_)
        return referred, self.past.joined(subject, now_, value)

    def among(self, what: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        """See Rows."""
        keys = self.past.keys(self._subject, self._values, self._mentioned([what, *conditions])).alias(self._keys)
        return select(what).select_from(keys).where(*conditions).correlate(None)

    def select(
        self, *conditions: ColumnElement[bool], order: OrderBy | None = None, limit: ColumnElement[int] | None = None
    ) -> Select[Any]:
        """See Rows."""
        by = [] if order is None else order(self.c)
        sorted_by = self._mentioned(by)
        keys = self.past.keys(self._subject, self._values, self._mentioned([*conditions, *by])).alias(self._keys)
        if conditions or limit is not None:
            columns = dict.fromkeys((self._subject.key, *sorted_by))
            cut = select(*(self.c[name].label(name) for name in columns)).select_from(keys).where(*conditions)
            keys = cut.order_by(*by).limit(limit).correlate(None).alias(self._keys)
        join = self.past.joined(self._subject, self._now, self._id)
        return self.asked(keys.join(join.table, join.on, isouter=join.may_lack)).order_by(*by)

    def _mentioned(self, clauses: Sequence[ColumnElement[Any]]) -> list[str]:
        """Return the names of the columns of these rows that clauses mention."""
        prefix = f"{self._keys}."
        named = (each.name for clause in clauses for each in iterate(clause) if isinstance(each, ColumnClause))
        return [*dict.fromkeys(name.removeprefix(prefix) for name in named if name.startswith(prefix))]


class _PastJournals(Rows):
    """The journal of the case, as long as it was."""

    def __init__(self, alias: str, past: Past) -> None:
        super().__init__(alias, _JOURNALS)
        self._past = past

    def value(self, name: str) -> ColumnElement[Any]:
        """See Rows."""
        match name:
            case "root":
                return self._past.root
            case "at":
                return self._past.at
            case _:
                return self._past.seq


class _Then:
    """The columns of rows as they were, as conditions call them."""

    def __init__(self, keys: str, table: Table) -> None:
        self._keys = keys
        self._table = table

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        return literal_column(f"{self._keys}.{name}", self._table.c[name].type)


def _last_by(heads: Select[Any], name: str, moment: BindParameter[datetime]) -> Select[Any]:
    """Return the case, and the number of its last entry by a moment: found by halves, as no entry is before another."""
    halves = heads.add_columns(literal(0, Integer()).label("low")).cte(f"{name}_halves", recursive=True)
    entry = _ENTRIES.alias("entry")
    middle = (halves.c.low + halves.c.high + 1) // 2
    is_by = entry.c.at <= moment
    halves = halves.union_all(
        select(
            halves.c.case_id,
            case((is_by, halves.c.high), else_=entry.c.seq - 1),
            case((is_by, entry.c.seq), else_=halves.c.low),
        )
        .join_from(halves, entry, and_(entry.c.case_id == halves.c.case_id, entry.c.seq == middle))
        .where(halves.c.low < halves.c.high)
    )
    return select(halves.c.case_id, halves.c.low.label("seq")).where(halves.c.low == halves.c.high, halves.c.low > 0)


def _changes(entry: Any) -> list[ColumnElement[bool]]:
    """Return the conditions that an entry changes its row; one by one, as a list would take more of SQLite's parser."""
    return [entry.c.kind != kind for kind in _NO_CHANGE]


def _one(found: Select[Any]) -> ColumnElement[Any]:
    return found.limit(literal_column("1", Integer())).correlate(None).scalar_subquery()
