"""Rows that have a text: looked up by the index where there are few, and else looked at one after the other.

The index (app/db/grams.py) is over all texts that there are. So what it finds is read only for those who see many
cases; of those who see few, what they see is looked at, and nothing of others' texts shows in how long that takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, literal_column, not_, select, union_all

from app.db.grams import IsRare, MayContain, Sought
from app.db.models import SearchText, table_of
from app.db.sql import contains, is_one_of
from app.reading.rows import OrderBy, Rows
from app.record.entries import SUBJECTS

_TEXTS = table_of(SearchText)


def has_text(identifier: ColumnElement[str], text: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a text is in what is searched of the row with an id."""
    # As a value, so that the row comes first and its text is looked up by it.
    found = select(_TEXTS.c.text).where(_TEXTS.c.row_id == identifier).correlate_except(_TEXTS).scalar_subquery()
    return contains(found, text)


def type_of(table: Table) -> str:
    """Return what the index calls the rows of a table."""
    return SUBJECTS[table.name].name


class FoundRows(Rows):
    """Rows of a table that have a text."""

    def __init__(self, alias: str, table: Table, sought: Sought) -> None:
        super().__init__(alias, table)
        rare = IsRare(sought, type_of(table))
        candidates = select(_TEXTS.c.row_id).where(MayContain(sought), contains(_TEXTS.c.text, sought.text))
        self._ways: list[tuple[ColumnElement[bool], ColumnElement[bool]]] = [
            (rare, is_one_of(table.c.id, candidates)),
            (not_(rare), has_text(table.c.id, sought.text)),
        ]

    def among(self, what: ColumnElement[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        """See Rows."""
        found = [select(self.table.c.id).where(*conditions, *way).correlate(None) for way in self._ways]
        return select(what).select_from(union_all(*found).alias(self.alias)).correlate(None)

    def select(
        self, *conditions: ColumnElement[bool], order: OrderBy | None = None, limit: ColumnElement[int] | None = None
    ) -> Select[Any]:
        """See Rows."""
        by = [] if order is None else order(self.c)
        sorted_by = _Labels(self.alias)
        outer = [] if order is None else order(sorted_by)
        sorts = [self.table.c[name].label(_label(name)) for name in sorted_by.names]
        ways = (
            self.asked(self.table).add_columns(*sorts).where(*conditions, *way).order_by(*by).limit(limit)
            for way in self._ways
        )
        found = union_all(*(select(way.alias(self.alias)) for way in ways)).alias(self.alias)
        return select(found).order_by(*outer).limit(limit).correlate(None)


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
