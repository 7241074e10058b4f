"""Rows of a table, with just what an answer says about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, Table, Text, func, literal_column, select

from app.db.sql import Piece


class Rows:
    """Rows of one table as a subquery, with what has been asked of them so far.

    Outside, a column is known by its label only, so that no statement inside another is confused with it.
    """

    def __init__(self, alias: str, table: Table) -> None:
        self.alias = alias
        self.table = table
        self.prefix = ""
        self.root = self
        self.known = False
        self._referred: dict[str, Rows] = {}
        self.joins: list[tuple[Any, ColumnElement[bool]]] = []
        self.columns: dict[str, ColumnElement[Any]] = {}
        self.below_each: list[ColumnElement[str]] = []

    def column(self, name: str) -> ColumnElement[Any]:
        """Return a column of these rows, as it is called outside of the subquery."""
        column = self.table.c[name]
        label = f"{self.prefix}{name}_"
        self.root.columns[label] = column
        return literal_column(f"{self.alias}.{label}", column.type)

    def reference(self, column: str, table: Table, *, key: str, known: bool) -> Rows:
        """Return the rows whose `key` a column of these is; they are joined once, however often asked for.

        Whoever sees these rows may know all of those where they are `known`.
        """
        referring = f"{column}_{table.name}" if column == "id" else column
        if referring not in self._referred:
            prefix = f"{self.prefix}{referring}_"
            other: Any = table.alias(f"{self.alias}_{prefix}")
            referred = Rows(self.alias, other)
            referred.root, referred.prefix, referred.known = self.root, prefix, known
            self.root.joins.append((other, other.c[key] == self.table.c[column]))
            self._referred[referring] = referred
        return self._referred[referring]

    def below(self, value: ColumnElement[str]) -> ColumnElement[str]:
        """Return what lies below each row, as it is called outside of the subquery."""
        self.root.below_each.append(value)
        return literal_column(f"{self.alias}.below{len(self.root.below_each)}", Text())

    def select(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        """Return the rows that meet the conditions, once all that is asked of them is known."""
        source: Any = self.table
        for table, on in self.joins:
            source = source.join(table, on)
        columns = [column.label(label) for label, column in self.columns.items()]
        page = select(*columns or [literal_column("1").label("one")])
        return page.select_from(source).where(*conditions).correlate(None)

    def arranged(self, page: Select[Any], *, ranked: bool = False, backward: bool = False) -> Subquery:
        """Return a page with what lies below each row, back in order where it was read backward.

        When `ranked`, each row has its `place` in the order in which it was read, from 1, and their `total`.
        """
        if not (self.below_each or ranked):
            return page.alias(self.alias)
        columns: list[ColumnElement[Any]] = [
            literal_column(f"{self.alias}.{label}").label(label) for label in self.columns
        ]
        columns += [value.label(f"below{place}") for place, value in enumerate(self.below_each, 1)]
        if ranked:
            columns += [func.row_number().over().label("place"), func.count().over().label("total")]
        rows = select(*columns).select_from(page.alias(self.alias)).correlate(None)
        if backward:
            rows = rows.order_by(literal_column("place").desc())
        return rows.alias(self.alias)


def scalar(statement: Select[Any]) -> ColumnElement[Any]:
    """Return the one value of a statement inside another."""
    return statement.correlate(None).scalar_subquery()


def braces(members: Iterable[tuple[str, Sequence[Piece]]]) -> list[Piece]:
    """Return the JSON of an object, from its members' names and values."""
    pieces: list[Piece] = ["{"]
    for place, (key, value) in enumerate(members):
        pieces += ["," if place else "", f'"{key}":', *value]
    return [*pieces, "}"]
