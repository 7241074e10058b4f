"""Pages of a connection: arguments, orders, and cursors that outlive the rows they were taken from.

A cursor holds the sort key and the id of a row (keyset pagination); the page after it is whatever sorts
behind that key when it is read. Names and rules are those of the GraphQL Cursor Connections Specification.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias
from zlib import crc32

from sqlalchemy import ColumnElement, Integer, Table, and_, or_, tuple_
from sqlalchemy.types import TypeEngine

from app.db.types import Id, Time
from app.reading.beside import identity, kind_of
from app.values import parse_id, parse_time, text_fault

DEFAULT_SIZE = 50
MAX_SIZE = 100
MAX_TEXT = 1_000  # characters to search for
_LONGEST_CURSOR = 20_000  # characters; the longest title, all its letters folded into three, makes some 5,000
_INTEGERS = range(-(2**31), 2**31)  # GraphQL's Int

Key: TypeAlias = tuple[Any, ...]


class Columns(Protocol):
    """The columns of rows, by their names."""

    def __getitem__(self, name: str, /) -> ColumnElement[Any]:
        """Return a column."""


class ArgumentError(ValueError):
    """An argument that breaks a rule; `argument` is the way to it, as `("where", "text")`."""

    code = "INVALID_INPUT"

    def __init__(self, message: str, *argument: str) -> None:
        super().__init__(message)
        self.argument = argument


class ExpiredCursorError(ArgumentError):
    """A cursor that was good once: what came behind it can't be told any more."""

    code = "CURSOR_EXPIRED"


@dataclass(frozen=True, slots=True)
class Sort:
    """One column of an order, its type and its direction; the column may be one beside the table."""

    name: str
    kind: TypeEngine[Any]
    descending: bool


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of a table's rows: one of its columns tells each from all others."""

    tag: str
    sorts: tuple[Sort, ...]

    def by(self, c: Columns, *, backward: bool) -> list[ColumnElement[Any]]:
        """Return what to sort rows by that have these columns."""
        columns = ((c[sort.name], sort.descending) for sort in self.sorts)
        return [column.desc() if descending != backward else column.asc() for column, descending in columns]

    def beyond(
        self, c: Columns, key: Sequence[ColumnElement[Any]], *, backward: bool, inclusive: bool = False
    ) -> ColumnElement[bool]:
        """Return the condition that a row with these columns stands behind `key`, or before it when `backward`."""
        directions = {sort.descending for sort in self.sorts}
        columns = [c[sort.name] for sort in self.sorts]
        if len(directions) == 1:
            # A comparison of rows is what both databases can answer from an index.
            here, there = tuple_(*columns), tuple_(*key)
            if directions.pop() != backward:
                return here <= there if inclusive else here < there
            return here >= there if inclusive else here > there
        steps: list[ColumnElement[bool]] = [
            and_(
                *(column == value for column, value in zip(columns[:place], key, strict=False)),
                columns[place] < key[place] if sort.descending != backward else columns[place] > key[place],
            )
            for place, sort in enumerate(self.sorts)
        ]
        if inclusive:
            steps.append(and_(*(column == value for column, value in zip(columns, key, strict=True))))
        return or_(*steps)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a connection is asked for; `where` holds the filters that were given."""

    order: Order
    size: int
    backward: bool
    after: Key | None
    before: Key | None
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HitPage(Page):
    """Which part of what a search finds is asked for: of rows that have a text, of which kinds."""

    text: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HashPage(Page):
    """Which part of all files with a hash is asked for, by the hash's digits."""

    hash: str


def order_of(table: Table, orders: Sequence[Enum], columns: Mapping[str, tuple[str, ...]]) -> Order:
    """Return the order that a list of an order's names asks for.

    `columns` says which columns stand behind a name without its direction, as `OCCURRED_AT` for
    `OCCURRED_AT_ASC`; a name that is not there is a column of its own.
    """
    sorts: dict[str, Sort] = {}
    for order in orders:
        name, direction = order.name.rsplit("_", 1)
        for column in columns.get(name, (name.lower(),)):
            sorts.setdefault(column, Sort(column, kind_of(table, column), direction == "DESC"))
    last = next(reversed(sorts.values()))
    sorts.setdefault(end := identity(table, sorts), Sort(end, Id(), last.descending))
    words = ",".join(f"{name} {sort.descending}" for name, sort in sorts.items())
    return Order(f"{crc32(f'{table.name} {words}'.encode()):08x}", tuple(sorts.values()))


def decode(
    arguments: Mapping[str, Any], order_for: Callable[[Sequence[Enum]], Order], filters: Mapping[str, Any]
) -> Page:
    """Return the page that a connection's arguments ask for. Raises ArgumentError."""
    if arguments.get("first") is not None and arguments.get("last") is not None:
        raise ArgumentError("`first` and `last` can't be used together; page one way or the other", "last")
    first, last = size_of(arguments, "first"), size_of(arguments, "last")
    where = where_of(arguments, filters)
    order = order_for(arguments.get("orderBy") or ())
    return Page(
        order=order,
        size=first or last or DEFAULT_SIZE,
        backward=last is not None,
        after=_key(arguments, "after", order),
        before=_key(arguments, "before", order),
        where=where,
    )


def _check_text(text: str, *argument: str) -> None:
    """Refuse a text that can't be searched for. Raises ArgumentError."""
    if len(text) > MAX_TEXT:
        raise ArgumentError(f"`text` may have up to {MAX_TEXT} characters, not {len(text)}", *argument)
    if (fault := text_fault(text)) is not None:
        raise ArgumentError(f"`text` {fault}", *argument)


def decode_search(order: Order, arguments: Mapping[str, Any]) -> HitPage:
    """Return the page that the arguments of a search ask for. Raises ArgumentError."""
    page, text = decode(arguments, lambda _: order, {}), arguments["text"].strip()
    _check_text(text, "text")
    if not text:
        raise ArgumentError("`text` must not be blank", "text")
    kinds = tuple(dict.fromkeys(kind.value for kind in arguments.get("kinds") or ()))
    return HitPage(page.order, page.size, page.backward, page.after, page.before, page.where, text, kinds)


def decode_hash(order: Order, fault: Callable[[str], str | None], arguments: Mapping[str, Any]) -> HashPage:
    """Return the page that a field with a `hash` asks for, which has a `fault` or None. Raises ArgumentError."""
    page = decode(arguments, lambda _: order, {})
    if (wrong := fault(arguments["hash"])) is not None:
        raise ArgumentError(f"`hash` {wrong}", "hash")
    return HashPage(page.order, page.size, page.backward, page.after, page.before, page.where, arguments["hash"])


def where_of(arguments: Mapping[str, Any], filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters that were given. Raises ArgumentError.

    A filter may have a `fault`, a function from what is given to what is wrong with it, or None.
    """
    where = {name: value for name, value in (arguments.get("where") or {}).items() if value is not None}
    _check_text(where.get("text", ""), "where", "text")
    for name, value in where.items():
        find_fault = getattr(filters[name], "fault", None)
        if find_fault is not None and (fault := find_fault(value)) is not None:
            raise ArgumentError(f"`{name}` {fault}", "where", name)
    return where


def size_of(arguments: Mapping[str, Any], name: str) -> int | None:
    """Return how many rows an argument asks for, if it does. Raises ArgumentError."""
    size: int | None = arguments.get(name)
    if size is not None and not 1 <= size <= MAX_SIZE:
        raise ArgumentError(f"`{name}` must be from 1 to {MAX_SIZE}, not {size}", name)
    return size


def _key(arguments: Mapping[str, Any], name: str, order: Order) -> Key | None:
    kinds = [sort.kind for sort in order.sorts]
    return read_cursor(arguments, name, order.tag, kinds, "of another list or another `orderBy`")


def read_cursor(
    arguments: Mapping[str, Any], name: str, tag: str, kinds: Sequence[TypeEngine[Any]], other: str
) -> Key | None:
    """Return the values in the cursor that an argument is, if it is there; see sql.cursor_text.

    Raises ArgumentError, which calls one with another tag a cursor `other`.
    """
    cursor = arguments.get(name)
    if cursor is None:
        return None
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError("too long")
        found, *values = json.loads(bytes.fromhex(cursor).decode())
        if found != tag:
            raise ArgumentError(f"`{name}` is a cursor {other}", name)
        return tuple(_value(value, kind) for value, kind in zip(values, kinds, strict=True))
    except ArgumentError:
        raise
    except (ValueError, TypeError, RecursionError):
        raise ArgumentError(f"`{name}` is not a cursor that this server gave out", name) from None


def _value(value: Any, kind: TypeEngine[Any]) -> Any:
    match kind:
        case Time():
            return parse_time(value)
        case Id():
            if (identifier := parse_id(value)) is None:
                raise ValueError("not an id")
            return identifier
        case Integer():
            if type(value) is not int or value not in _INTEGERS:
                raise ValueError("not an integer")
            return value
        case _:
            if not isinstance(value, str) or text_fault(value) is not None:
                raise ValueError("not a text")
            return value
