"""How large what a document asks for can get, known before any of it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from graphql import GraphQLError
from sqlalchemy import Integer, String
from sqlalchemy.types import TypeEngine

from app.db.models import DESCRIPTION_LENGTH
from app.db.types import Choice, Hash, Id, Time
from app.reading import nouns
from app.reading.pages import DEFAULT_SIZE, MAX_SIZE
from app.reading.selections import Field, asks_for_past

_ESCAPED = 6  # bytes of JSON that one character takes at most: \u0001
_SHORT = 50  # bytes at most of ids, times, numbers, choices, Booleans and types' names
_CHANGED = 2 * _ESCAPED * DESCRIPTION_LENGTH + 10_000  # bytes, of all that an entry of the record says of a row
_CURSOR = 10_000  # bytes; twice the digits of the longest sort key, a folded title, more or less
_A_FEW = 1_000  # rows, of a list that has no pages
# How often a text is held, measured on both databases: that of a column, on its way into its row; that of a list,
# joined, in brackets and in the row above; that of a row that was looked up; and the whole, by the statement and by
# whoever hands it to the client.
_HELD_OF_COLUMN, _HELD_OF_LIST, _HELD_OF_ROW, _HELD_OF_ANSWER = 4, 4, 1, 6
# What is read as it was stands in an entry as well, with the value that came after it, and in what is made of that.
_HELD_OF_PAST = 3


class Weight(NamedTuple):
    """What a value's JSON takes, in bytes and at the most: itself, and where a statement holds it on the way.

    A list is made from the texts of its rows, and these from the texts of the lists below them, so that what lies
    deep is held several times.
    """

    itself: int
    held: int

    @property
    def at_once(self) -> int:
        """The most that a statement and its answer hold at a time, of a root field or all of them."""
        return self.held + _HELD_OF_ANSWER * self.itself


def of_fields(fields: Iterable[Field]) -> Weight:
    """Return the weight of an object."""
    return _sum([of_field(field) for field in fields])


def of_field(field: Field) -> Weight:
    """Return the weight of one field of an object, its name included."""
    value = _Value(len(field.key) + 4)
    match field.lead:
        case nouns.Stored(column):
            return value.of(_of_column(column.type))
        case nouns.Private(name):
            return value.of(_of_column(field.owner.table.c[name].type))
        case nouns.Reference() | nouns.Same() | nouns.Part():
            return value.holding(of_fields(field.children()))
        case nouns.Few() | nouns.Counts():
            most = _A_FEW if isinstance(field.lead, nouns.Few) else nouns.MAX_UNITS
            return value.listing(of_fields(field.children()), most)
        case nouns.Lookup() | nouns.Self() | nouns.Named() | nouns.Newest():
            found = value.found(of_fields(field.children()))
            return found._replace(held=_HELD_OF_PAST * found.held) if asks_for_past(field) else found
        case nouns.Connection():
            return value.holding(_sum(of_connection(field)))
        case nouns.Feed():
            return value.holding(_sum([_of_feed(member, _size(field)) for member in field.children()]))
        case nouns.AnyNode() | nouns.NodeOf():
            return value.found(_of_any(field))
        case nouns.AnyNodes():
            return value.listing(_of_any(field), MAX_SIZE)
        case nouns.ChangedNodes(most):
            return value.listing(_of_any(field), most)
        case _:
            return _of_parts(value, field)


def _of_parts(value: _Value, field: Field) -> Weight:
    match field.lead:
        case nouns.Within() | nouns.Excerpt() as part:
            return value.of(_ESCAPED * part.most)
        case nouns.Members():
            return value.of(_CHANGED)
        case nouns.Listed(_, most):
            return value.of(most)
        case nouns.Tally(_, most):
            count = sum(len(each.key) + 4 + _ESCAPED * _SHORT for each in field.children())
            return value.listing(Weight(count, 0), most)
        case _:
            return value.of(_SHORT)


def of_connection(field: Field) -> list[Weight]:
    """Return the weight of each member of a connection."""
    size = _size(field)
    weights = []
    for member in field.children():
        value = _Value(len(member.key) + 4)
        match member.lead:
            case nouns.Nodes():
                weights.append(value.listing(of_fields(member.children()), size))
            case nouns.Edges():
                weights.append(value.listing(_sum([_of_edge(edge) for edge in member.children()]), size))
            case nouns.About():
                weights.append(value.of(sum(len(info.key) + _CURSOR for info in member.children())))
            case _:
                weights.append(value.of(_SHORT))
    return weights


def _of_feed(member: Field, size: int) -> Weight:
    value = _Value(len(member.key) + 4)
    if not isinstance(member.lead, nouns.FeedEntries):
        return value.of(_CURSOR)
    return value.listing(_sum([of_field(entry) for entry in member.children()]), size)


def _of_edge(edge: Field) -> Weight:
    value = _Value(len(edge.key) + 4)
    match edge.lead:
        case nouns.EdgeNode():
            return value.holding(of_fields(edge.children()))
        case nouns.EdgeCursor():
            return value.of(_CURSOR)
        case _:
            return value.of(_SHORT)


def _of_any(field: Field) -> Weight:
    return max(of_fields(field.children(type_)) for type_ in field.types)


def _of_column(kind: TypeEngine[Any]) -> int:
    match kind:
        case Id() | Time() | Choice() | Integer() | Hash():
            return _SHORT
        case String(length=length):
            return _ESCAPED * (length or DESCRIPTION_LENGTH)
        case _:
            return _ESCAPED * DESCRIPTION_LENGTH


def _size(field: Field) -> int:
    """Return how many rows a page may have, whatever the variables say."""
    if field.has_variables:
        return MAX_SIZE
    try:
        arguments = field.arguments(field.request.variables)
    except GraphQLError:  # which is refused where it is decoded
        return MAX_SIZE
    return min(arguments.get("first") or arguments.get("last") or DEFAULT_SIZE, MAX_SIZE)


def _sum(weights: Sequence[Weight]) -> Weight:
    return Weight(sum(weight.itself for weight in weights), sum(weight.held for weight in weights))


class _Value:
    """A value under a name of so many bytes."""

    def __init__(self, name: int) -> None:
        self._name = name

    def of(self, most: int) -> Weight:
        return Weight(self._name + most, _HELD_OF_COLUMN * most)

    def holding(self, inner: Weight) -> Weight:
        return Weight(self._name + inner.itself, inner.held)

    def listing(self, row: Weight, size: int) -> Weight:
        text = self._name + size * (row.itself + 1)
        return Weight(text, row.held + _HELD_OF_LIST * text)

    def found(self, row: Weight) -> Weight:
        return Weight(self._name + row.itself, row.held + _HELD_OF_ROW * row.itself)
