"""A page of a connection in a statement: its rows, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import get_named_type
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Subquery,
    Text,
    case,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from app.db import grams
from app.db.searching import Sought
from app.db.sql import Piece, Stream, boolean, concatenation, cursor_text, in_quotes, joined, or_null, stream
from app.db.types import Hash
from app.evidence.entries import HASHES
from app.ownership import Asking
from app.reading import nouns
from app.reading.finding import WaysRows, by_hash, by_text, type_of
from app.reading.nouns import Filter
from app.reading.pages import Page
from app.reading.rows import Rows, Scope, braces, scalar
from app.reading.selections import Field
from app.values import fold

if TYPE_CHECKING:
    from app.reading.statements import Planner

T = TypeVar("T")

_HELPED = 3  # lists in each other of which rows are found by the index; deeper it would be too much for SQLite's parser
_PLACE = literal_column("place", Integer())
_ONE = literal_column("1", Integer())
_TOTAL = literal_column("total", Integer())


class ReadPage:
    """One connection of a statement: a page of rows, and what is said about it."""

    def __init__(
        self,
        planner: Planner,
        asking: Asking,
        field: Field,
        page: Page,
        site: int,
        scope: Scope,
    ) -> None:
        self._planner = planner
        self._field = field
        self._page = page
        self._site = site
        self._rows = found_rows(planner, asking, field, page.where, site, scope) or scope.rows(planner.name())
        self._number = None if page.where else scope.number
        filters = [*conditions_of(planner, asking, field, page.where, site, self._rows)]
        self._scope = [*scope.conditions_of(self._rows), *filters]
        self._whole = [*scope.conditions_of(self._rows, whole=True), *filters]
        self._after = self._key("after")
        self._before = self._key("before")
        self._size = self._bind(lambda page: page.size, Integer())

    def json(self) -> ColumnElement[str]:
        """Return the JSON of the connection."""
        members = self._field.children()
        return self._text(
            members, lambda cut: braces((member.key, self._member(member, cut=cut)) for member in members)
        )

    def text(self, member: Field) -> ColumnElement[str]:
        """Return the JSON of one member of the connection."""
        return self._text([member], lambda cut: self._member(member, cut=cut))

    def stream(self, member: Field) -> Stream:
        """Return the elements of one of its lists."""
        pieces = self._each(member)
        return stream(self._arranged(self._size, placed=False), pieces, separated=True)

    def _text(self, members: Sequence[Field], write: Callable[[bool], list[Piece]]) -> ColumnElement[str]:
        about = [info.lead for member in members if isinstance(member.lead, nouns.About) for info in member.children()]
        # One row more than the page tells whether there is another page.
        looks_ahead = nouns.HasMore(behind=not self._page.backward) in about
        placed = looks_ahead or any(isinstance(lead, nouns.EndOfPage) for lead in about)
        answer = concatenation(write(looks_ahead))
        if not placed and not any(isinstance(member.lead, nouns.Nodes | nouns.Edges) for member in members):
            return answer
        limit = self._bind(lambda page: page.size + 1, Integer()) if looks_ahead else self._size
        return scalar(select(answer).select_from(self._arranged(limit, placed=placed)))

    def _arranged(self, limit: ColumnElement[int], *, placed: bool) -> Subquery:
        """Return the rows of the page, with their places in it when they are to be `placed`."""
        page = self._page
        conditions = list(self._scope)
        if self._after is not None:
            conditions.append(page.order.beyond(self._rows.c, self._after, backward=False))
        if self._before is not None:
            conditions.append(page.order.beyond(self._rows.c, self._before, backward=True))
        rows = self._rows.select(*conditions, order=partial(page.order.by, backward=page.backward), limit=limit)
        return self._rows.arranged(rows, ranked=placed or page.backward, backward=page.backward)

    def _member(self, member: Field, *, cut: bool) -> list[Piece]:
        match member.lead:
            case nouns.TypeName():
                return [f'"{member.parent.name}"']
            case nouns.Total():
                return [scalar(self._rows.among(func.count(), *self._whole)) if self._number is None else self._number]
            case nouns.About():
                return braces((info.key, self._about(info)) for info in member.children())
            case _:
                text = concatenation(self._each(member))
                return ["[", joined(case((self._size >= _PLACE, text)) if cut else text), "]"]

    def _each(self, member: Field) -> list[Piece]:
        """Return the JSON of each element of a list."""
        if isinstance(member.lead, nouns.Nodes):
            return self._planner.object(self._rows, member.children())
        return braces((edge.key, self._edge(edge)) for edge in member.children())

    def _edge(self, edge: Field) -> list[Piece]:
        match edge.lead:
            case nouns.TypeName():
                return [f'"{edge.parent.name}"']
            case nouns.EdgeCursor():
                return ['"', self._cursor, '"']
            case _:
                return self._planner.object(self._rows, edge.children())

    def _about(self, info: Field) -> list[Piece]:
        backward = self._page.backward
        match info.lead:
            case nouns.HasMore(behind):
                bound = self._before if behind else self._after
                return [boolean(or_(*self._more(bound, behind=behind, cut=behind != backward)))]
            case nouns.EndOfPage(first):
                # Read forward, the first row of the page is its start; read backward, its end.
                return [or_null(in_quotes(self._near() if first != backward else self._far()))]
            case _:
                return [f'"{info.parent.name}"']

    def _more(
        self, bound: Sequence[ColumnElement[Any]] | None, *, behind: bool, cut: bool
    ) -> list[ColumnElement[bool]]:
        # There is more where the page was cut, and at and beyond the cursor that bounded it.
        conditions: list[ColumnElement[bool]] = [func.count() > self._size] if cut else [false()]
        if bound is not None:
            beyond = self._page.order.beyond(self._rows.c, bound, backward=not behind, inclusive=True)
            conditions.append(exists(self._rows.among(_ONE, *self._scope, beyond)))
        return conditions

    def _near(self) -> ColumnElement[str]:
        return func.max(case((_PLACE == _ONE, self._cursor)), type_=Text())

    def _far(self) -> ColumnElement[str]:
        last = func.max(case((self._size == _PLACE, self._cursor)), type_=Text())
        return func.coalesce(last, func.max(case((_PLACE == _TOTAL, self._cursor))), type_=Text())

    @cached_property
    def _cursor(self) -> ColumnElement[str]:
        order = self._page.order
        keys = [(self._rows.column(sort.name), sort.kind) for sort in order.sorts]
        return self._rows.below(cursor_text(order.tag, keys))

    def _key(self, name: str) -> list[ColumnElement[Any]] | None:
        if getattr(self._page, name) is None:
            return None
        sorts = enumerate(self._page.order.sorts)
        return [self._rows.key(sort.name, self._bind(_key_part(name, place), sort.kind), name) for place, sort in sorts]

    def _bind(self, value: Callable[[Page], Any], kind: TypeEngine[T]) -> BindParameter[T]:
        site = self._site
        return self._planner.bind(lambda run: value(run.arguments[site]), kind)


def conditions_of(
    planner: Planner, asking: Asking, field: Field, where: Mapping[str, Any], site: int, rows: Rows
) -> Iterator[ColumnElement[bool]]:
    """Iterate over what rows have to meet by the filters that a field was given, which is asked for at `site`."""
    filters = filters_of(field) if where else {}
    for name, value in where.items():
        if isinstance(rows, WaysRows) and filters[name] is rows.by:
            continue  # which is how they are found

        def bind(convert: Callable[[Any], Any], column: str | None, name: str = name) -> ColumnElement[Any]:
            kind = Text() if column is None else rows.table.c[column].type
            return planner.bind(lambda run: convert(run.arguments[site].where[name]), kind)

        yield filters[name](rows, value, bind, asking)


def found_rows(
    planner: Planner, asking: Asking, field: Field, where: Mapping[str, Any], site: int, scope: Scope
) -> WaysRows | None:
    """Return the rows as those that have the text or the hash that is asked for, where an index helps to find them."""
    asked = {filters_of(field)[name]: name for name in where} if where else {}
    is_helped = not asking.sees_few and planner.nesting <= _HELPED
    name = planner.name()

    def bind(filter_: Filter, kind: TypeEngine[T], make: Callable[[str], Any]) -> BindParameter[T]:
        return planner.bind(lambda run: make(run.arguments[site].where[asked[filter_]]), kind)

    if nouns.having_hash in asked:
        hashes = {of: bind(nouns.having_hash, Hash(), partial(nouns.hash_of, of)) for of in HASHES}
        rows = WaysRows(name, scope.table, nouns.having_hash, by_hash(hashes, nouns.in_case_of(scope.above)))
    elif nouns.text in asked and is_helped:
        words = partial(grams.query, planner.dialect, [type_of(scope.table)])
        text, asks, pair = (bind(nouns.text, Text(), partial(_of_folded, make)) for make in (str, words, grams.pair))
        rows = WaysRows(name, scope.table, nouns.text, by_text(name, scope.table, Sought(text, asks, pair)))
    else:
        return None
    rows.above = scope.above
    return rows


def _of_folded(make: Callable[[str], str | None], text: str) -> str | None:
    return make(fold(text))


def filters_of(field: Field) -> dict[str, Filter]:
    """Return the conditions that a connection can be asked for, by the names of their fields."""
    where = field.definition.args.get("where")
    if where is None:
        return {}
    type_: Any = get_named_type(where.type)
    return {name: each.extensions[nouns.LEAD] for name, each in type_.fields.items()}


def _key_part(name: str, place: int) -> Callable[[Page], Any]:
    return lambda page: getattr(page, name)[place]
