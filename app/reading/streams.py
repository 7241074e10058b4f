"""The statement for what may be too large to be put together level by level.

The answer to such a document is a `Stream`: its pieces are handed on one by one, those of a list row by row, and
counted. So there is never more of it at a time than the pieces so far and the one that is being made, and the first
piece too many ends the statement. What is small whatever its rows hold is one piece, written as `Planner` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, ColumnElement, Integer, Text, case, exists, literal_column, not_, or_, select

from app.db import Database
from app.db.sql import Pause, Piece, Stream, elements, gathered, stream
from app.db.types import Id
from app.ownership import Viewer, readable
from app.reading import nouns, weights
from app.reading.nouns import NODES, NOUNS, QUERY, Noun
from app.reading.rows import Rows, braces
from app.reading.selections import Field
from app.reading.statements import TYPE, Plan, Planner, identifiers
from app.values import parse_id

# What a statement and its answer may hold at once in bytes, if each text is put together from those below it.
_LARGE = 125_000_000
# Of a piece, in bytes. PostgreSQL keeps two or three of them to add up their lengths, and has 4 MB for that (work_mem):
# with more it would compute all pieces before it looks at the first one's length.
_PIECE = 500_000


def plan_query(database: Database, viewer: Viewer, fields: Sequence[Field], *, marked: bool = False) -> Plan:
    """Return the plan for fields of the query itself, as `Planner.query` does."""
    is_large = weights.of_fields(QUERY, fields).at_once > _LARGE
    return (_Streams if is_large else Planner)(database, viewer, marked=marked).query(fields)


def plan_subject(database: Database, viewer: Viewer, noun: str | None, field: Field) -> Plan:
    """Return the plan for a field of a mutation's payload, as `Planner.subject` does."""
    nouns_ = NODES if noun is None else [NOUNS[noun]]
    is_large = max(weights.of_fields(each, field.children(each.name)).at_once for each in nouns_) > _LARGE
    return (_Streams if is_large else Planner)(database, viewer).subject(noun, field)


class _Streams(Planner):
    """Writes the statement for a list of fields as a stream."""

    def query(self, fields: Sequence[Field]) -> Plan:
        return self._gathered("data", braces((field.key, self._whole(field)) for field in fields))

    def subject(self, noun: str | None, field: Field) -> Plan:
        def write() -> list[Piece]:
            if noun is None:
                return self._any(field, self.identifier_of_subject())
            return self._one(NOUNS[noun], self.is_subject(NOUNS[noun]), field.children(noun))

        return self._gathered(field.key, self._nested(field, write))

    def _gathered(self, column: str, pieces: Sequence[Piece]) -> Plan:
        return self._plan([(column, gathered(stream(None, pieces), self._database.longest))])

    def _whole(self, field: Field) -> list[Piece]:
        return super()._whole(field) if _is_small(QUERY, field) else self._value(QUERY, None, field)

    def _value(self, noun: Noun, row: Rows | None, field: Field) -> list[Piece]:
        if field.name == "__typename" or _is_small(noun, field):
            return super()._value(noun, row, field)
        match noun.declared(field.name):
            case nouns.Few(target, parent, order):
                assert row is not None  # noqa: S101 - for the type checker
                return self._nested(field, lambda: self._few(row, NOUNS[target], parent, order, field))
            case nouns.Lookup() as lookup:
                found, conditions = NOUNS[lookup.noun], self.named(row, lookup, field)
                return self._nested(field, lambda: self._one(found, conditions, field.children(found.name)))
            case nouns.Connection() as connection:
                return self._nested(field, lambda: self._pages(row, connection, field))
            case nouns.Self(target):
                own = [NOUNS[target].table.c.id == self._asking.viewer]
                return self._one(NOUNS[target], own, field.children(target))
            case nouns.AnyNode():
                identifier = self._argument(field, lambda arguments: parse_id(arguments["id"]), Id())
                return self._nested(field, lambda: self._any(field, identifier))
            case nouns.AnyNodes():
                return self._nested(field, lambda: self._any_of_several(field))
            case Column() | nouns.Reference() | nouns.Private() | nouns.IsNull() | nouns.Computed():
                return super()._value(noun, row, field)

    def object(self, noun: Noun, row: Rows, fields: Sequence[Field]) -> list[Piece]:
        if weights.of_fields(noun, fields).itself <= _PIECE:
            return super().object(noun, row, fields)
        return braces(self._members(noun, row, fields))

    def _members(self, noun: Noun, row: Rows, fields: Sequence[Field]) -> list[tuple[str, list[Piece]]]:
        """Return an object's members, and where they are handed on before there are too many."""
        members: list[tuple[str, list[Piece]]] = []
        length = 0
        for field in fields:
            weight = weights.of_field(noun, field).itself
            if length + weight > _PIECE and members:
                members[-1][1].append(Pause())
                length = 0
            members.append((field.key, [*self._value(noun, row, field)]))
            length += weight
        return members

    def _one(self, noun: Noun, conditions: Sequence[ColumnElement[bool]], fields: Sequence[Field]) -> list[Piece]:
        """Return the JSON of the row that meets the conditions, `null` when there is none."""
        return [self._found(noun, conditions, fields), _unless(_exists(noun, conditions))]

    def _found(
        self, noun: Noun, conditions: Sequence[ColumnElement[bool]], fields: Sequence[Field], *, marked: bool = False
    ) -> Stream:
        rows = Rows(self.name(), noun.table)
        mark = [(TYPE, [f'"{noun.name}"'])] if marked else []
        pieces = braces([*mark, *self._members(noun, rows, fields)])
        return stream(rows.arranged(rows.select(*conditions)), pieces)

    def _few(self, row: Rows, noun: Noun, parent: str, order: str, field: Field) -> list[Piece]:
        rows = Rows(self.name(), noun.table)
        pieces = self.object(noun, rows, field.children(noun.name))
        page = rows.select(*self._scope(noun, row, parent)).order_by(noun.table.c[order])
        return ["[", stream(rows.arranged(page), pieces, separated=True), "]"]

    def _pages(self, row: Rows | None, connection: nouns.Connection, field: Field) -> list[Piece]:
        """Return the JSON of a connection, in which each list reads the page for itself."""
        pages = self.pages(row, connection, field)
        if pages is None:
            return ["null"]
        members = field.children(f"{connection.noun}Connection")
        return braces(
            (
                member.key,
                ["[", pages().stream(member), "]"]
                if member.name in {"nodes", "edges"}
                else [self._below(row, pages().text(member))],
            )
            for member in members
        )

    def _any(self, field: Field, identifier: ColumnElement[str]) -> list[Piece]:
        found: list[Piece] = []
        conditions = []
        for noun in NODES:
            scope = [noun.table.c.id == identifier, readable(noun.table, self._asking)]
            found.append(self._found(noun, scope, field.children(noun.name), marked=self._marked))
            conditions.append(_exists(noun, scope))
        return [*found, _unless(or_(*conditions))]

    def _any_of_several(self, field: Field) -> list[Piece]:
        array = self._argument(field, identifiers, Text())
        alias, name = self.name(), self.name()
        ordered = (
            select(literal_column(f"{alias}.id").label("id"))
            .select_from(elements(array, alias))
            .order_by(literal_column(f"{alias}.place", Integer()))
            .correlate(None)
            .alias(name)
        )
        pieces = self._any(field, literal_column(f"{name}.id", Id()))
        return ["[", stream(ordered, pieces, separated=True), "]"]


def _is_small(noun: Noun, field: Field) -> bool:
    return weights.of_field(noun, field).itself <= _PIECE


def _exists(noun: Noun, conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return exists(select(literal_column("1")).select_from(noun.table).where(*conditions).correlate(None))


def _unless(found: ColumnElement[bool]) -> ColumnElement[str]:
    return case((not_(found), literal_column("'null'", Text())))
