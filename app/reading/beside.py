"""Columns of rows that stand in a table beside theirs, which has one row for each of them: they are joined by key.

What is written there with every change needs no column of the rows' own, and no write to keep that up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Alias, Column, Table
from sqlalchemy.types import TypeEngine

from app.db.models import Case, Journal, table_of


class Beside(NamedTuple):
    """A column of a table beside the rows', and the one there that has the rows' ids."""

    column: Column[Any]
    key: Column[Any]

    @property
    def table(self) -> Table:
        """The table."""
        return self.column.table


_JOURNALS = table_of(Journal)
_KEY: Final = _JOURNALS.c.case_id
_BESIDE: Final[Mapping[str, Mapping[str, Beside]]] = {
    Case.__tablename__: {
        "last_activity_at": Beside(_JOURNALS.c.at, _KEY),
        # The same as the case's id, from where an index has it behind the moment.
        "last_activity_of": Beside(_KEY, _KEY),
    }
}


def beside(table: Any, name: str) -> Beside | None:
    """Return what stands beside the rows of a table, or of an alias of it, under a name; None for their own columns."""
    original: Any = table.element if isinstance(table, Alias) else table
    columns = _BESIDE.get(original.name)
    return None if columns is None else columns.get(name)


def kind_of(table: Any, name: str) -> TypeEngine[Any]:
    """Return the type of a column of a table, or of one beside it."""
    found = beside(table, name)
    kind: TypeEngine[Any] = table.c[name].type if found is None else found.column.type
    return kind


def identity(table: Table, names: Iterable[str]) -> str:
    """Return the column that ends an order by columns of these names: the id, from where an index may have it."""
    found = [each for name in names if (each := beside(table, name)) is not None]
    if not found:
        return "id"
    return next(name for name, each in _BESIDE[table.name].items() if each.column is found[0].key)
