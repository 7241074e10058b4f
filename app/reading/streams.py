"""The statement for what may be too large to be put together level by level.

The answer to such a document is a `Stream`: its pieces are handed on one by one, those of a list row by row, and
counted. So there is never more of it at a time than the pieces so far and the one that is being made, and the first
piece too many ends the statement. What is small whatever its rows hold is one piece, written as `Planner` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from graphql import GraphQLObjectType
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Text,
    case,
    exists,
    literal_column,
    not_,
    or_,
    select,
)

from app.db import Readable
from app.db.sql import Pause, Piece, Stream, elements, gathered, stream
from app.db.types import Id
from app.ownership import Viewer
from app.reading import nouns, weights
from app.reading.feeds import ReadFeed
from app.reading.lists import ReadPage
from app.reading.plans import Plan
from app.reading.rows import Rows, Scope, braces
from app.reading.selections import Field
from app.reading.statements import TYPE, Planner, identifiers
from app.values import parse_id

# What a statement and its answer may hold at once in bytes, if each text is put together from those below it.
_LARGE = 125_000_000
# Of a piece, in bytes. PostgreSQL keeps two or three of them to add up their lengths, and has 4 MB for that (work_mem):
# with more it would compute all pieces before it looks at the first one's length.
_PIECE = 500_000


def plan_query(database: Readable, viewer: Viewer, fields: Sequence[Field], *, marked: bool = False) -> Plan:
    """Return the plan for fields of the query itself, as `Planner.query` does."""
    is_large = weights.of_fields(fields).at_once > _LARGE
    return (_Streams if is_large else Planner)(database, viewer, marked=marked).query(fields)


def plan_subject(database: Readable, viewer: Viewer, field: Field, *, marked: bool = False) -> Plan:
    """Return the plan for a field of a mutation's payload, as `Planner.subject` does."""
    several = isinstance(field.lead, nouns.Current | nouns.ChangedNode | nouns.ChangedNodes)
    types = field.types if several else [field.type]
    is_large = max(weights.of_fields(field.children(each)).at_once for each in types) > _LARGE
    if isinstance(field.lead, nouns.ChangedNodes):
        is_large = weights.of_field(field).at_once > _LARGE
    return (_Streams if is_large else Planner)(database, viewer, marked=marked).subject(field)


class _Streams(Planner):
    """Writes the statement for a list of fields as a stream."""

    def query(self, fields: Sequence[Field]) -> Plan:
        return self._gathered("data", braces((field.key, self._whole(field)) for field in fields))

    def subject(self, field: Field) -> Plan:
        def write() -> list[Piece]:
            if isinstance(field.lead, nouns.Current | nouns.ChangedNode):
                return self._any(field, self.identifier_of_subject())
            if isinstance(field.lead, nouns.ChangedNodes):
                return self._any_of_those(field, self.identifiers_of_subject(), may_lack=False)
            return self._one(field.type, self.is_subject(field.noun), field.children())

        return self._gathered(field.key, self._nested(field, write))

    def _gathered(self, column: str, pieces: Sequence[Piece]) -> Plan:
        return self._plan([(column, gathered(stream(None, pieces), self._database.longest))])

    def _whole(self, field: Field) -> list[Piece]:
        return super()._whole(field) if _is_small(field) else self.value(None, field)

    def value(self, row: Rows | None, field: Field) -> list[Piece]:
        if self._in_one or _is_small(field):
            return super().value(row, field)
        match field.lead:
            case nouns.Few() | nouns.Counts() as lead:
                assert row is not None  # noqa: S101 - for the type checker
                return self._nested(field, lambda: self._without_pages(row, lead, field))
            case nouns.Lookup() as lookup:
                scope = self.named(row, lookup, field)
                return self._nested(field, lambda: self._one(field.type, scope, field.children()))
            case nouns.Connection() as connection:
                return self._nested(field, lambda: self._pages(row, connection, field))
            case nouns.Feed():
                return self._nested(field, lambda: self._by_members(None, field, self.feeds(field)))
            case nouns.Named(name):
                assert row is not None  # noqa: S101 - for the type checker
                is_named = Scope(field.noun.table, [field.noun.table.c.id == row.column(name)])
                return self._nested(field, lambda: self._one(field.type, is_named, field.children()))
            case nouns.Newest(name):
                return self._one(field.type, self.is_newest(field.noun, name), field.children())
            case nouns.Self():
                return self._one(field.type, self.own(field.noun), field.children())
            case nouns.AnyNode():
                identifier = self._argument(field, lambda arguments: parse_id(arguments["id"]), Id())
                return self._nested(field, lambda: self._any(field, identifier))
            case nouns.NodeOf(name):
                assert row is not None  # noqa: S101 - for the type checker
                place = partial(self.is_node_of, row, field, identifier=row.column(name))
                return self._nested(field, lambda: self._any_in(field, place))
            case nouns.AnyNodes():
                return self._nested(field, lambda: self._any_of_several(field))
            case _:
                return super().value(row, field)

    def object(self, row: Rows, fields: Sequence[Field]) -> list[Piece]:
        if self._in_one or weights.of_fields(fields).itself <= _PIECE:
            return super().object(row, fields)
        return braces(self._members(row, fields))

    def _members(self, row: Rows, fields: Sequence[Field]) -> list[tuple[str, list[Piece]]]:
        """Return an object's members, and where they are handed on before there are too many."""
        members: list[tuple[str, list[Piece]]] = []
        length = 0
        for field in fields:
            weight = weights.of_field(field).itself
            if length + weight > _PIECE and members:
                members[-1][1].append(Pause())
                length = 0
            members.append((field.key, [*self.value(row, field)]))
            length += weight
        return members

    def _one(self, type_: GraphQLObjectType, scope: Scope, fields: Sequence[Field]) -> list[Piece]:
        """Return the JSON of the row that is somewhere, `null` when there is none."""
        return [self._found(type_, scope, fields), _unless(self._exists(scope))]

    def _exists(self, scope: Scope) -> ColumnElement[bool]:
        rows = scope.rows(self.name())
        return exists(rows.among(literal_column("1"), *scope.conditions_of(rows)))

    def _found(
        self,
        type_: GraphQLObjectType,
        scope: Scope,
        fields: Sequence[Field],
        *,
        marked: bool = False,
    ) -> Stream:
        rows = scope.rows(self.name())
        mark = [(TYPE, [f'"{type_.name}"'])] if marked else []
        pieces = braces([*mark, *self._members(rows, fields)])
        return stream(rows.arranged(rows.select(*scope.conditions_of(rows))), pieces)

    def _without_pages(self, row: Rows, lead: nouns.Few | nouns.Counts, field: Field) -> list[Piece]:
        if isinstance(lead, nouns.Few):
            return self._few(row, lead, field)
        counts = self.counts(row, lead, field)
        return ["null"] if counts is None else [row.below(counts().limited()), "[", counts().stream(), "]"]

    def _few(self, row: Rows, few: nouns.Few, field: Field) -> list[Piece]:
        scope = self._place(field.noun, row, few.parent)
        rows = scope.rows(self.name())
        pieces = self.object(rows, field.children())
        page = rows.select(*scope.conditions_of(rows), order=few.by)
        return ["[", stream(rows.arranged(page), pieces, separated=True), "]"]

    def _pages(self, row: Rows | None, connection: nouns.Connection, field: Field) -> list[Piece]:
        """Return the JSON of a connection, in which each member reads the page for itself."""
        return self._by_members(row, field, self.pages(row, connection, field))

    def _by_members(
        self, row: Rows | None, field: Field, pages: Callable[[], ReadPage] | Callable[[], ReadFeed] | None
    ) -> list[Piece]:
        if pages is None:
            return ["null"]
        return braces(
            (
                member.key,
                ["[", pages().stream(member), "]"]
                if isinstance(member.lead, nouns.Nodes | nouns.Edges | nouns.FeedEntries)
                else [self._below(row, pages().text(member))],
            )
            for member in field.children()
        )

    def _any(self, field: Field, identifier: ColumnElement[str]) -> list[Piece]:
        return self._any_in(field, partial(self.is_row, identifier=identifier))

    def _any_in(self, field: Field, scope_of: Callable[[GraphQLObjectType], Scope]) -> list[Piece]:
        found: list[Piece] = []
        conditions = []
        for type_ in field.types:
            scope = scope_of(type_)
            found.append(self._found(type_, scope, field.children(type_), marked=self._marked))
            conditions.append(self._exists(scope))
        return [*found, _unless(or_(*conditions))]

    def _any_of_several(self, field: Field) -> list[Piece]:
        return self._any_of_those(field, self._argument(field, identifiers, Text()), may_lack=True)

    def _any_of_those(self, field: Field, array: BindParameter[str], *, may_lack: bool) -> list[Piece]:
        alias, name = self.name(), self.name()
        named = literal_column(f"{alias}.id", Id())
        ids: Select[Any] = (
            select(literal_column(f"{alias}.id").label("id"))
            .select_from(elements(array, alias))
            .order_by(literal_column(f"{alias}.place", Integer()))
        )
        if not may_lack:
            ids = ids.where(or_(*(self._exists(self.is_row(type_, named)) for type_ in field.types)))
        pieces = self._any(field, literal_column(f"{name}.id", Id()))
        return ["[", stream(ids.correlate(None).alias(name), pieces, separated=True), "]"]


def _is_small(field: Field) -> bool:
    return weights.of_field(field).itself <= _PIECE


def _unless(found: ColumnElement[bool]) -> ColumnElement[str]:
    return case((not_(found), literal_column("'null'", Text())))
