"""Rows that have a text: looked up by the index where there are few, and else looked at one after the other.

The index (app/db/grams.py) is over all texts that there are. So what it finds is read only for those who see many
cases; of those who see few, what they see is looked at, and nothing of others' texts shows in how long that takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
    true,
    union_all,
)

from app.db.models import Case, File, SearchText, table_of
from app.db.searching import HasFewGrams, IsRare, Matches, MayContain, Sought
from app.db.sql import apart, concatenation, contains, is_none, is_one_of, position
from app.db.types import Id
from app.ownership import Asking, listable, readable
from app.reading.pages import Columns, Order, Sort
from app.reading.rows import OrderBy, Rows, Scope
from app.record.entries import SEARCHED, Subject

_TEXTS, _CASES, _FILES = table_of(SearchText), table_of(Case), table_of(File)


def has_text(identifier: ColumnElement[str], text: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a text is in what is searched of the row with an id."""
    # As a value, so that the row comes first and its text is looked up by it.
    found = select(_TEXTS.c.text).where(_TEXTS.c.row_id == identifier).correlate_except(_TEXTS).scalar_subquery()
    return contains(found, text)


def type_of(table: Table) -> str:
    """Return what the index calls the rows of a table."""
    return SEARCHED[table.name].name


class WaysRows(Rows):
    """Rows of a table that meet a condition, found by several ways, of which those are gone that are to be taken.

    `by` is the filter that asks for them.
    """

    def __init__(self, alias: str, table: Table, by: object, ways: Sequence[Way]) -> None:
        super().__init__(alias, table)
        self.by = by
        self._ways = ways

    def among(self, what: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        """See Rows."""
        found = [
            super(WaysRows, self).among(self.table.c.id, *conditions, way.condition).limit(_limit(way))
            for way in self._ways
        ]
        both = union_all(*(select(one.alias(self.alias)) for one in found)).alias(self.alias)
        return select(what).select_from(both).correlate(None)

    def select(
        self, *conditions: ColumnElement[bool], order: OrderBy | None = None, limit: ColumnElement[int] | None = None
    ) -> Select[Any]:
        """See Rows."""
        by = [] if order is None else order(self.c)
        sorted_by = _Labels(self.alias)
        outer = [] if order is None else order(sorted_by)
        sorts = [self.value(name).label(_label(name)) for name in sorted_by.names]
        rows = self.asked(self.table).add_columns(*sorts).where(*conditions).order_by(*by)
        found = (rows.where(way.condition).limit(_limit(way, limit)) for way in self._ways)
        both = union_all(*(select(one.alias(self.alias)) for one in found)).alias(self.alias)
        return select(both).order_by(*outer).limit(limit).correlate(None)


def by_text(alias: str, table: Table, sought: Sought) -> list[Way]:
    """Return the ways to rows of a table that have a text."""
    rare = _is_rare(alias, sought, type_of(table))
    candidates = select(_TEXTS.c.row_id).where(MayContain(sought, rare), contains(_TEXTS.c.text, sought.text))
    # At the beginning of the statement: here it would be too much for SQLite's parser where lists are nested.
    found = candidates.cte(f"{alias}_found")
    return [
        Way(rare, is_one_of(table.c.id, select(found.c.row_id))),
        Way(not_(rare), has_text(table.c.id, sought.text)),
    ]


def by_hash(hashes: Mapping[str, ColumnElement[bytes]], among: ColumnElement[bool]) -> list[Way]:
    """Return the ways to files that have a hash, given for each column that could have it; NULL for all but one.

    `among` is what else they meet that an index of hashes has, too.
    """
    return [Way(hash_.is_not(None), and_(_FILES.c[name] == hash_, among)) for name, hash_ in hashes.items()]


def _is_rare(name: str, sought: Sought, type_: str | None = None) -> ColumnElement[bool]:
    """Return the condition that a text is rare, which is found out once, at the beginning of the statement."""
    asked = select(case((IsRare(sought, type_), _ONE), else_=_NONE).label("rare")).cte(f"{name}_rare")
    return select(asked.c.rare).scalar_subquery() == _ONE


class Way(NamedTuple):
    """A way to rows that meet a condition, and whether it is one to go."""

    is_taken: ColumnElement[bool]
    condition: ColumnElement[bool]


class _HitWay(NamedTuple):
    """A way to what a search finds, and whether it is one to go."""

    is_taken: ColumnElement[bool]
    hits: Select[Any]


def _limit(way: Way | _HitWay, most: ColumnElement[int] | None = None) -> ColumnElement[int]:
    """Return how many rows a way is gone for: one that isn't taken ends before it begins.

    A condition that is false SQLite would ask of each row.
    """
    return case((way.is_taken, _ALL if most is None else most), else_=_NONE)


_ALL, _ONE, _NONE = (literal_column(number, Integer()) for number in ("2147483647", "1", "0"))


class _Labels:
    """The columns by which found rows are sorted, as they are called where both ways meet."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self.names: dict[str, None] = {}

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        self.names[name] = None
        return literal_column(f"{self._alias}.{_label(name)}")


def _label(name: str) -> str:
    return f"sort_{name}"


@dataclass(frozen=True)
class HashScope(Scope):
    """Files that have a hash, given as by_hash has it, in all that the viewer may see."""

    hashes: Mapping[str, ColumnElement[bytes]]
    seen: ColumnElement[bool]

    def rows(self, alias: str) -> Rows:
        """Return such rows, of which nothing has been asked yet."""
        return WaysRows(alias, self.table, None, by_hash(self.hashes, self.seen))


RANK = Column("rank", Integer)
_PLACED_BY = "entered"
HIT_ORDER = Order("hits", (Sort("rank", Integer(), descending=False), Sort(_PLACED_BY, Id(), descending=True)))
"""What is called as a whole by what is searched for comes first, then what was written last.

A cursor names the row that it was taken from and not the number of its text, which would tell how many there are.
"""

_ABOUT = 60  # characters before a match, of which an excerpt shows some
EXCERPT = 200
"""How many characters an excerpt shows."""
_BETWEEN = " · "  # stands between two texts of a row
_MORE: ColumnElement[str] = literal_column("'…'", Text())
_NOTHING: ColumnElement[str] = literal_column("''", Text())


@dataclass(frozen=True)
class HitScope(Scope):
    """What a search finds: the text, the number that it is where it is one, and of which kinds."""

    sought: Sought
    called: ColumnElement[int]
    kinds: Sequence[str]
    dialect: str
    asking: Asking

    def rows(self, alias: str) -> Rows:
        """Return such rows, of which nothing has been asked yet."""
        return HitRows(alias, self)


class HitRows(Rows):
    """What a search finds: rows of search_texts, with a rank."""

    def __init__(self, alias: str, scope: HitScope) -> None:
        super().__init__(alias, _TEXTS)
        self.sought = scope.sought
        self._asking = scope.asking
        self._hits = f"{alias}_hits"
        self._ways = [*_whole(scope), *_others(scope, alias)]

    @property
    def c(self) -> Columns:
        """See Rows."""
        return _Hits(self._hits)

    def column(self, name: str) -> ColumnElement[Any]:
        """See Rows."""
        if name != RANK.name:
            return super().column("row_id" if name == _PLACED_BY else name)
        self.columns["rank_"] = self.c[name]
        return literal_column(f"{self.alias}.rank_", Integer())

    def key(self, name: str, value: ColumnElement[Any], where: str) -> ColumnElement[Any]:
        """See Rows."""
        if name != _PLACED_BY:
            return value
        seen = select(func.max(_TEXTS.c.id)).where(listable(_TEXTS, self._asking))
        there = seen.where(_TEXTS.c.row_id == value).scalar_subquery()
        # What is gone stands before the row that was made just before it.
        before = select(_TEXTS.c.id + _ONE).where(listable(_TEXTS, self._asking), _TEXTS.c.row_id < value)
        last = before.order_by(_TEXTS.c.row_id.desc()).limit(_ONE).scalar_subquery()
        place = func.coalesce(there, last, _NONE).label("place")
        found = select(place).cte(f"{self.alias}_{where}")
        return select(found.c.place).scalar_subquery()

    def value(self, name: str) -> ColumnElement[Any]:
        """See Rows."""
        return self.c[name]

    def among(self, what: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        """See Rows."""
        return select(what).select_from(self._found(conditions)).correlate(None)

    def select(
        self, *conditions: ColumnElement[bool], order: OrderBy | None = None, limit: ColumnElement[int] | None = None
    ) -> Select[Any]:
        """See Rows."""
        by = [] if order is None else order(self.c)
        return self.asked(self._found(conditions, by, limit)).order_by(*by).limit(limit)

    def _found(
        self,
        conditions: Sequence[ColumnElement[bool]],
        by: Sequence[ColumnElement[Any]] = (),
        limit: ColumnElement[int] | None = None,
    ) -> Subquery:
        # Each way ends by itself as soon as there is a page.
        found = (
            select(hits).where(*conditions).order_by(*by).limit(_limit(way, limit))
            for way in self._ways
            for hits in (way.hits.correlate(None).alias(self._hits),)
        )
        return union_all(*(select(one.alias(self._hits)) for one in found)).alias(self._hits)


class _Hits:
    """The columns of what a search finds, as conditions call them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        if name == RANK.name:
            return literal_column(f"{self._name}.{name}", RANK.type)
        name = "id" if name == _PLACED_BY else name
        return literal_column(f"{self._name}.{name}", _TEXTS.c[name].type)


_GRAMS = table("search_grams", column("rowid", Integer))
_RANKED = [literal_column(str(rank), Integer()).label(RANK.name) for rank in range(2)]
_PLACED = [_TEXTS.c[name] for name in ("type", "row_id", "case_id")]


def _hit(rank: int) -> Select[Any]:
    return select(_RANKED[rank], _TEXTS.c.id, *_PLACED)


def _whole(scope: HitScope) -> list[_HitWay]:
    """Return the ways to cases whose number, or whole reference, is searched for."""
    if scope.kinds and type_of(_CASES) not in scope.kinds:
        return []
    is_case = and_(_TEXTS.c.row_id == _CASES.c.id, readable(_CASES, scope.asking))
    found = _hit(0).join_from(_CASES, _TEXTS, is_case)
    by_reference = found.where(_CASES.c.reference_key == scope.sought.text, _is_not(scope.called))
    return [_HitWay(true(), found.where(_CASES.c.number == scope.called)), _HitWay(true(), by_reference)]


def _is_not(number: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(number.is_(None), _CASES.c.number != number)


def _others(scope: HitScope, name: str) -> list[_HitWay]:
    sought, asking = scope.sought, scope.asking
    called = select(_CASES.c.id).where(or_(_CASES.c.number == scope.called, _CASES.c.reference_key == sought.text))
    found = _hit(1).where(
        contains(_TEXTS.c.text, sought.text),
        listable(_TEXTS, asking),
        is_none(_TEXTS.c.row_id, called),
    )
    if scope.kinds:
        found = found.where(_TEXTS.c.type.in_([literal_column(f"'{kind}'") for kind in scope.kinds]))
    is_asked = sought.query.is_not(None)
    if asking.sees_few:
        return [_HitWay(is_asked, found)]
    if scope.dialect == "sqlite":
        # It finds what was written last first, and ends with the page; SQLite is kept from beginning with the texts.
        by_index = found.with_only_columns(_RANKED[1], _GRAMS.c.rowid.label("id"), *_PLACED)
        by_index = by_index.join_from(_GRAMS, _TEXTS, _TEXTS.c.id == apart(_GRAMS.c.rowid)).where(Matches(sought))
        has_few = HasFewGrams(sought)
        return [_HitWay(and_(is_asked, has_few), by_index), _HitWay(and_(is_asked, not_(has_few)), found)]
    rare = _is_rare(name, sought)
    return [_HitWay(rare, found.where(MayContain(sought, rare))), _HitWay(and_(is_asked, not_(rare)), found)]


def number_in(text: str) -> int | None:
    """Return the number of a case that a text is, as `12` or `#12`; None where it is none."""
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None


def excerpt(hits: HitRows) -> ColumnElement[str]:
    """Return the words around the first match in what was found; its beginning where it is found by what it is called.

    They are as they were written, but where folding has made more or fewer characters of them: then they are folded.
    Where it has made more of some and as many fewer of others, they may lie some characters beside the match.
    """
    identifier, type_ = hits.column("row_id"), hits.column("type")
    written = case({subject.name: _written(subject, identifier) for subject in SEARCHED.values()}, value=type_)
    folded = select(_TEXTS.c.text).where(_TEXTS.c.id == hits.column("id")).correlate(None).scalar_subquery()
    both = select(written.label("written"), folded.label("folded")).correlate(None).alias("both_")
    same = func.length(both.c.written) == func.length(both.c.folded)
    at = position(both.c.folded, hits.sought.text)
    start = case((at > _ABOUT, at - _ABOUT), else_=literal_column("1", Integer()))
    shown = select(
        case((same, both.c.written), else_=both.c.folded).label("text"), cast(start, Integer).label("start")
    ).alias("shown")
    text_, begun = shown.c.text, shown.c.start
    words = func.replace(func.substr(text_, begun, EXCERPT), "\x1f", _BETWEEN)
    before, behind = begun > 1, func.length(text_) >= begun + EXCERPT
    pieces = [case((before, _MORE), else_=_NOTHING), words, case((behind, _MORE), else_=_NOTHING)]
    return select(concatenation(pieces)).correlate(None).scalar_subquery()


def _written(subject: Subject, identifier: ColumnElement[str]) -> ColumnElement[str]:
    """Return the texts of a row that are searched, as `values.fold` joins them."""
    first, *others = (subject.table.c[name] for name in subject.searched)
    parts = (func.coalesce(literal_column("'\x1f'", Text()).concat(each), "") for each in others)
    joined = concatenation([first, *parts])
    return select(joined).where(subject.table.c.id == identifier).correlate_except(subject.table).scalar_subquery()
