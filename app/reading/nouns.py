"""What can be read: each type of the schema with its table, and what its fields lead to.

A field that is not declared here is the column of its name (`fileCount` is `file_count`), so a new column
needs nothing here and a new child list one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from typing import Any, TypeAlias

from sqlalchemy import Column, ColumnElement, Table, case, false, func, literal_column

from app import ownership
from app.db.models import Base, Case, CaseMember, Event, FileBatch, TimePrecision, User, table_of
from app.db.sql import contains
from app.ownership import Asking
from app.reading.pages import Order, order_of
from app.values import earliest_reaching, fold


class CaseOrder(Enum):
    """How cases can be listed."""

    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    UPDATED_AT_DESC = "UPDATED_AT_DESC"
    UPDATED_AT_ASC = "UPDATED_AT_ASC"
    NUMBER_DESC = "NUMBER_DESC"
    NUMBER_ASC = "NUMBER_ASC"
    TITLE_ASC = "TITLE_ASC"
    TITLE_DESC = "TITLE_DESC"


class EventOrder(Enum):
    """How the events of a case can be listed."""

    OCCURRED_AT_ASC = "OCCURRED_AT_ASC"
    OCCURRED_AT_DESC = "OCCURRED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    CREATED_AT_DESC = "CREATED_AT_DESC"
    UPDATED_AT_DESC = "UPDATED_AT_DESC"
    UPDATED_AT_ASC = "UPDATED_AT_ASC"


class FileBatchOrder(Enum):
    """How the file batches of an event can be listed."""

    SORT_ORDER_ASC = "SORT_ORDER_ASC"
    SORT_ORDER_DESC = "SORT_ORDER_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    CREATED_AT_DESC = "CREATED_AT_DESC"


@dataclass(frozen=True)
class Reference:
    """The one row that a column of this row names; `known` where whoever sees this row may know all of that one."""

    noun: str
    column: str
    known: bool = True


@dataclass(frozen=True)
class Lookup:
    """The row that the arguments name, if there is one.

    `arguments` are the columns that they are compared with; `parent` is the column that holds the id of the
    row above, None for a field of the query itself.
    """

    noun: str
    arguments: Mapping[str, str]
    parent: str | None = None


@dataclass(frozen=True)
class Connection:
    """The rows below this one, page by page; `parent` as in Lookup."""

    noun: str
    parent: str | None = None


@dataclass(frozen=True)
class Few:
    """All rows below this one, where there are only ever a few, in the order of a column."""

    noun: str
    parent: str
    order: str


@dataclass(frozen=True)
class Self:
    """The viewer's own row."""

    noun: str


@dataclass(frozen=True)
class AnyNode:
    """The row of whatever table that has the id in the argument."""


@dataclass(frozen=True)
class AnyNodes:
    """The rows that have the ids in the argument, in its order."""


@dataclass(frozen=True)
class Private:
    """A column that says who a user is, for those who may know."""

    column: str


@dataclass(frozen=True)
class IsNull:
    """Whether a column of this row is null."""

    column: str


@dataclass(frozen=True)
class Computed:
    """A value that a statement computes from the row's id."""

    text: Callable[[ColumnElement[str], Asking], ColumnElement[str]]


Declared: TypeAlias = Reference | Lookup | Connection | Few | Self | AnyNode | AnyNodes | Private | IsNull | Computed
Bind: TypeAlias = Callable[[Callable[[Any], Any], str], ColumnElement[Any]]
Filter: TypeAlias = Callable[[Table, Any, Bind, Asking], ColumnElement[bool]]


@dataclass(frozen=True)
class Noun:
    """A type that can be read."""

    name: str
    model: type[Base] | None = None
    fields: Mapping[str, Declared] = field(default_factory=dict)
    default_order: Enum | None = None
    order_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    key: tuple[str, ...] = ("id",)

    @property
    def table(self) -> Table:
        """The table whose rows these are."""
        assert self.model is not None, self.name  # noqa: S101 - for the type checker
        return table_of(self.model)

    def declared(self, field_name: str) -> Declared | Column[Any]:
        """Return what a field leads to."""
        return self.fields.get(field_name) or self.table.c[column_name(field_name)]

    def order(self, orders: Sequence[Enum]) -> Order:
        """Return the order that was asked for, or the default one."""
        assert self.default_order is not None, self.name  # noqa: S101 - for the type checker
        return order_of(self.table, orders or (self.default_order,), self.order_columns)


def _at_least(column: str) -> Filter:
    return lambda table, _, bind, __: table.c[column] >= bind(lambda value: value, column)


def _below(column: str) -> Filter:
    return lambda table, _, bind, __: table.c[column] < bind(lambda value: value, column)


def _reaches(table: Table, _: Any, bind: Bind, __: Asking) -> ColumnElement[bool]:
    """Return the condition that an event is not over by a moment, as far as is known.

    It ends with `occurred_until` if it lasted, and as much later as its precision leaves open.
    """
    bounds = {
        precision.value: bind(partial(earliest_reaching, precision=precision.value), "occurred_at")
        for precision in TimePrecision
    }
    return func.coalesce(table.c.occurred_until, table.c.occurred_at) >= case(bounds, value=table.c.time_precision)


def _one_of(column: str) -> Filter:
    # The choices are part of the statement: there are few, and each set of them is a shape of its own.
    return lambda table, choices, _, __: (
        table.c[column].in_([literal_column(f"'{choice.value}'") for choice in choices]) if choices else false()
    )


def _text(table: Table, _: str, bind: Bind, __: Asking) -> ColumnElement[bool]:
    return contains(table.c.search, bind(fold, "search"))


def _accepted(table: Table, wanted: bool, _: Bind, asking: Asking) -> ColumnElement[bool]:  # noqa: FBT001 - as given
    # The value is part of the statement, as every Boolean is.
    return ownership.accepted(table, asking, wanted=wanted)


_AUTHORS = {"createdBy": Reference("User", "created_by"), "updatedBy": Reference("User", "updated_by")}

QUERY = Noun(
    "Query",
    fields={
        "viewer": Self("User"),
        "node": AnyNode(),
        "nodes": AnyNodes(),
        "case": Lookup("Case", {"id": "id"}),
        "cases": Connection("Case"),
        "event": Lookup("Event", {"caseId": "case_id", "id": "id"}),
        "fileBatch": Lookup("FileBatch", {"caseId": "case_id", "eventId": "event_id", "id": "id"}),
    },
)

NOUNS = {
    noun.name: noun
    for noun in (
        Noun("User", User, fields={"name": Private("name"), "email": Private("email")}),
        Noun(
            "Case",
            Case,
            fields=_AUTHORS
            | {
                "viewerRole": Computed(ownership.viewer_role),
                "viewerAccepted": Computed(ownership.viewer_accepted),
                "members": Few("CaseMember", parent="case_id", order="user_id"),
                "events": Connection("Event", parent="case_id"),
                "event": Lookup("Event", {"id": "id"}, parent="case_id"),
            },
            default_order=CaseOrder.CREATED_AT_DESC,
            order_columns={"TITLE": ("title_key",)},
            filters={
                "status": _one_of("status"),
                "accepted": _accepted,
                "text": _text,
                "createdFrom": _at_least("created_at"),
                "createdBefore": _below("created_at"),
                "updatedFrom": _at_least("updated_at"),
            },
        ),
        Noun(
            "CaseMember",
            CaseMember,
            fields={"user": Reference("User", "user_id", known=False), "accepted": IsNull("given_by")},
            key=("case_id", "user_id"),
        ),
        Noun(
            "Event",
            Event,
            fields=_AUTHORS
            | {
                "case": Reference("Case", "case_id"),
                "fileBatches": Connection("FileBatch", parent="event_id"),
                "fileBatch": Lookup("FileBatch", {"id": "id"}, parent="event_id"),
            },
            default_order=EventOrder.OCCURRED_AT_ASC,
            order_columns={"OCCURRED_AT": ("occurred_at", "sort_order")},
            filters={
                "type": _one_of("type"),
                "text": _text,
                "occurredFrom": _at_least("occurred_at"),
                "occurredBefore": _below("occurred_at"),
                "overlapsFrom": _reaches,
                "overlapsBefore": _below("occurred_at"),
                "updatedFrom": _at_least("updated_at"),
            },
        ),
        Noun(
            "FileBatch",
            FileBatch,
            fields=_AUTHORS | {"event": Reference("Event", "event_id")},
            default_order=FileBatchOrder.SORT_ORDER_ASC,
        ),
    )
}

# The types that `node` can find, in the order in which they are tried.
NODES = tuple(NOUNS[name] for name in ("Case", "Event", "FileBatch", "User"))


@cache
def column_name(field_name: str) -> str:
    """Return the column of a field of the schema, as `file_count` for `fileCount`."""
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), field_name)
