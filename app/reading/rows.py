"""Rows of a table, with just what an answer says about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnClause, ColumnElement, Select, Subquery, Table, Text, func, literal_column, select
from sqlalchemy.sql.visitors import iterate

from app.db.sql import Piece
from app.reading.beside import Beside, beside, kind_of
from app.reading.pages import Columns

if TYPE_CHECKING:
    from app.reading.past import Past

OrderBy: TypeAlias = Callable[[Columns], Sequence[ColumnElement[Any]]]
"""Returns what to sort rows by that have some columns."""


class Join(NamedTuple):
    """A table that is joined to rows, on which condition, and whether rows stay that find nothing there."""

    table: Any
    on: ColumnElement[bool]
    may_lack: bool = False


class Rows:
    """Rows of one table as a subquery, with what has been asked of them so far.

    Outside, a column is known by its label only, so that no statement inside another is confused with it.
    """

    past: Past | None = None
    """What says how these rows were, where they are not read as they are."""

    above: Mapping[str, ColumnElement[str]] = MappingProxyType({})
    """What all of them have in some columns: the id of the row that they lie below, if they do."""

    def __init__(self, alias: str, table: Table) -> None:
        self.alias = alias
        self.table = table
        self.prefix = ""
        self.root = self
        self.known = False
        self._referred: dict[str, Rows] = {}
        self.joins: list[Join] = []
        self.columns: dict[str, ColumnElement[Any]] = {}
        self.below_each: list[ColumnElement[str]] = []

    @property
    def c(self) -> Columns:
        """The columns of these rows, as conditions inside of the subquery call them."""
        return _Values(self)

    @property
    def identifier(self) -> ColumnElement[str]:
        """What rows below these name them by."""
        return self.column("id")

    def column(self, name: str) -> ColumnElement[Any]:
        """Return a column of these rows, as it is called outside of the subquery."""
        label = f"{self.prefix}{name}_"
        self.root.columns[label] = self.value(name)
        return literal_column(f"{self.alias}.{label}", kind_of(self.table, name))

    def value(self, name: str) -> ColumnElement[Any]:
        """Return what a column of these rows, or one beside them, holds, as the subquery computes it."""
        found = beside(self.table, name)
        return self.table.c[name] if found is None else self.value_beside(found)

    def key(self, name: str, value: ColumnElement[Any], where: str) -> ColumnElement[Any]:  # noqa: ARG002
        """Return what a column is compared with, for what the cursor holds of it that is called `where`."""
        return value

    def value_beside(self, found: Beside) -> ColumnElement[Any]:
        """Return what a column beside these rows holds."""
        return self.reference("id", found.table, key=found.key.name, known=True).value(found.column.name)

    def reference(self, column: str, table: Table, *, key: str, known: bool) -> Rows:
        """Return the rows whose `key` a column of these is; they are joined once, however often asked for.

        Whoever sees these rows may know all of those where they are `known`.
        """
        referring = f"{column}_{table.name}" if column == "id" else column
        if referring not in self._referred:
            prefix = f"{self.prefix}{referring}_"
            referred, join = self.joined(table, f"{self.alias}_{prefix}", key, self.value(column))
            referred.root, referred.prefix, referred.known = self.root, prefix, known
            if join is not None:
                self.root.joins.append(join)
            self._referred[referring] = referred
        return self._referred[referring]

    def joined(self, table: Table, alias: str, key: str, value: ColumnElement[Any]) -> tuple[Rows, Join | None]:
        """Return the rows whose `key` has a value, and how they are joined to these, if they have to be."""
        other: Any = table.alias(alias)
        return Rows(self.alias, other), Join(other, other.c[key] == value)

    def below(self, value: ColumnElement[str]) -> ColumnElement[str]:
        """Return what lies below each row, as it is called outside of the subquery."""
        self.root.below_each.append(value)
        return literal_column(f"{self.alias}.below{len(self.root.below_each)}", Text())

    def among(self, what: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        """Return something of the rows that meet the conditions."""
        mentioned = {each.table for clause in conditions for each in iterate(clause) if isinstance(each, ColumnClause)}
        source: Any = self.table
        for join in self.joins:
            if join.table in mentioned:
                source = source.join(join.table, join.on, isouter=join.may_lack)
        return select(what).select_from(source).where(*conditions).correlate(None)

    def select(
        self, *conditions: ColumnElement[bool], order: OrderBy | None = None, limit: ColumnElement[int] | None = None
    ) -> Select[Any]:
        """Return the rows that meet the conditions, in order, once all that is asked of them is known."""
        by = [] if order is None else order(self.c)  # which may ask for a table beside this one
        rows = self.asked(self.table).where(*conditions)
        return rows if order is None else rows.order_by(*by).limit(limit)

    def asked(self, source: Any) -> Select[Any]:
        """Return what is asked of each row of a source."""
        for join in self.joins:
            source = source.join(join.table, join.on, isouter=join.may_lack)
        columns = [column.label(label) for label, column in self.columns.items()]
        return select(*columns or [literal_column("1").label("one")]).select_from(source).correlate(None)

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


@dataclass(frozen=True)
class Scope:
    """Where rows lie: in which table, and what they have to meet to be those that are asked for.

    `above` is what all of them have in some columns: the id of the row that they lie below, if they do.
    """

    table: Table
    conditions: Sequence[ColumnElement[bool]]
    number: ColumnElement[int] | None = field(default=None, kw_only=True)
    """How many such rows there are, where that is known without them."""
    above: Mapping[str, ColumnElement[str]] = field(default_factory=dict, kw_only=True)

    def rows(self, alias: str) -> Rows:
        """Return such rows, of which nothing has been asked yet; the conditions are still to be made of them."""
        rows = Rows(alias, self.table)
        rows.above = self.above
        return rows

    def conditions_of(self, rows: Rows, *, whole: bool = False) -> Sequence[ColumnElement[bool]]:  # noqa: ARG002
        """Return what such rows have to meet; as is best where the `whole` of them is looked at, in `Rows.among`."""
        return self.conditions


class _Values:
    """The columns of rows, as conditions call them."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        return self._rows.value(name)


def scalar(statement: Select[Any]) -> ColumnElement[Any]:
    """Return the one value of a statement inside another."""
    return statement.correlate(None).scalar_subquery()


def braces(members: Iterable[tuple[str, Sequence[Piece]]]) -> list[Piece]:
    """Return the JSON of an object, from its members' names and values."""
    pieces: list[Piece] = ["{"]
    for place, (key, value) in enumerate(members):
        pieces += ["," if place else "", f'"{key}":', *value]
    return [*pieces, "}"]
