"""How many rows there are in each unit of time, in a statement: a list without pages, of those units that have any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Select, func, literal_column, select

from app.db.sql import Piece, Stream, at_most, beginning_of, concatenation, joined, stream, unit_of
from app.ownership import Asking
from app.reading import nouns
from app.reading.lists import conditions_of
from app.reading.nouns import Filter
from app.reading.pages import where_of
from app.reading.rows import Scope, braces, scalar
from app.reading.selections import Field

if TYPE_CHECKING:
    from app.reading.statements import Planner


class Asked(NamedTuple):
    """What a field of counts is asked for: by which unit of time, and the filters that were given."""

    unit: str
    where: Mapping[str, Any]


def asked(arguments: Mapping[str, Any], filters: Mapping[str, Filter]) -> Asked:
    """Return what a field's arguments ask for. Raises ArgumentError."""
    return Asked(arguments["by"].name, where_of(arguments, filters))


class ReadCounts:
    """The counts that one field of a statement asks for."""

    def __init__(
        self, planner: Planner, asking: Asking, field: Field, lead: nouns.Counts, asked: Asked, site: int, scope: Scope
    ) -> None:
        self._planner = planner
        self._field = field
        self._unit = asked.unit
        self._site = site
        self._rows = scope.rows(planner.name())
        self._name = planner.name()
        self._moment = self._rows.c[lead.moment]
        conditions = conditions_of(planner, asking, field, asked.where, site, self._rows)
        self._conditions = [*scope.conditions_of(self._rows), *conditions]

    def json(self) -> ColumnElement[str]:
        """Return the JSON of the list."""
        pieces: list[Piece] = [self._limited(), "[", joined(concatenation(self._each())), "]"]
        return scalar(select(concatenation(pieces)).select_from(self._units().alias(self._name)))

    def limited(self) -> ColumnElement[str]:
        """Return no text, if the list is not too long; it ends the statement if it is."""
        return scalar(select(self._limited()).select_from(self._units().alias(self._name)))

    def stream(self) -> Stream:
        """Return the elements of the list."""
        return stream(self._units().alias(self._name), self._each(), separated=True)

    def _units(self) -> Select[Any]:
        """Return the units that have rows, in order, each with how many: one more than are told, if there are."""
        unit = unit_of(self._moment, self._unit)
        counted = self._rows.among(unit.label("unit"), *self._conditions).add_columns(func.count().label("count"))
        by: ColumnElement[Any] = literal_column("unit")
        return counted.group_by(by).order_by(by).limit(literal_column(str(nouns.MAX_UNITS + 1), Integer()))

    def _limited(self) -> ColumnElement[str]:
        return at_most(func.count(), nouns.MAX_UNITS, self._site)

    def _each(self) -> list[Piece]:
        return braces((member.key, self._member(member)) for member in self._field.children())

    def _member(self, member: Field) -> list[Piece]:
        unit: ColumnElement[Any] = literal_column(f"{self._name}.unit")
        match member.lead:
            case nouns.UnitStart():
                return ['"', beginning_of(unit, self._unit), '"']
            case nouns.UnitEnd():
                return ['"', beginning_of(unit, self._unit, behind=True), '"']
            case nouns.UnitCount():
                return [literal_column(f"{self._name}.count", Integer())]
            case _:
                return [f'"{member.parent.name}"']
