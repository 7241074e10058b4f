"""What can be read: the nouns, and what a field of the schema leads to.

The schema declares each field with what it leads to, and puts that into the extensions of graphql-core's field
(`LEAD`), as it puts the noun into those of the type (`NOUN`). So a selection knows all that planning, limits and
payloads ask of it, and nothing below the schema goes by a name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from string import ascii_lowercase, ascii_uppercase, hexdigits
from typing import Any, ClassVar, Final, Protocol, TypeAlias

from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType
from sqlalchemy import (
    Column,
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from app import ownership
from app.db.models import Base, Event, File, FileBatch, Tag, TimePrecision, table_of
from app.db.sql import among, contains, in_small_letters, members, texts
from app.evidence.entries import HASHES, MAX_PATH
from app.ownership import Asking
from app.reading.finding import EXCERPT, has_text
from app.reading.pages import MAX_TEXT, Columns, Order, order_of
from app.record.files import KEY_BYTES, key_of
from app.values import earliest_reaching, fold, parse_id, text_fault

LEAD: Final = "dossier-lead"
NOUN: Final = "dossier-noun"
REFUSAL: Final = "dossier-refusal"
MADE_BY: Final = "dossier_made_by"
"""Where a class that a function makes has that function."""

_TAGS, _EVENTS = table_of(Tag), table_of(Event)
_BATCHES, _FILES = table_of(FileBatch), table_of(File)

MAX_NAMES = 100
"""How many names a filter may give."""
MAX_UNITS = 10_000
"""In how many units of time rows are counted at once."""


@dataclass(frozen=True)
class Noun:
    """A type whose values are rows: of which table, and what names one.

    `order_columns` says which columns stand behind an order's name without its direction, where that is not the column
    of that name.
    """

    model: type[Base]
    order_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    key: tuple[str, ...] = ("id",)

    @property
    def table(self) -> Table:
        """The table whose rows these are."""
        return table_of(self.model)

    def order(self, orders: Sequence[Enum], default: Enum) -> Order:
        """Return the order that was asked for, or the default one."""
        return order_of(self.table, orders or (default,), self.order_columns)


class Lead:
    """What a field leads to.

    `statements.py` writes those of rows and of the query, `lists.py` those of a page, `payloads.py` answers those of a
    payload, and `weights.py` says how large each can get.

    `reads` is how many subqueries that makes, None for one for each type of an interface.
    """

    reads: ClassVar[int | None] = 0


@dataclass(frozen=True)
class TypeName(Lead):
    """The name of the type that a field is asked of: `__typename`."""


@dataclass(frozen=True)
class Stored(Lead):
    """A column of the row."""

    column: Column[Any]


@dataclass(frozen=True)
class StoredBeside(Lead):
    """A column of the row that stands beside it; see beside.py."""

    name: str


@dataclass(frozen=True)
class Reference(Lead):
    """The one row that a column of this row names; `known` where whoever sees this row may know all of that one."""

    column: str
    known: bool = True


@dataclass(frozen=True)
class Private(Lead):
    """A column that says who a user is, for those who may know: whom `ownership.acquainted` says."""

    column: str
    reads = 1


@dataclass(frozen=True)
class IsNull(Lead):
    """Whether a column of this row is null, or is not."""

    column: str
    wanted: bool = True
    reads = 1


@dataclass(frozen=True)
class Computed(Lead):
    """A value that a statement computes from the row's id."""

    text: Callable[[ColumnElement[str], Asking], ColumnElement[str]]
    reads = 1


@dataclass(frozen=True)
class Same(Lead):
    """This row itself, as an object of another type."""


@dataclass(frozen=True)
class Part(Lead):
    """Some columns of this row as an object of another type, where one of them is not null."""

    column: str


@dataclass(frozen=True)
class NodeOf(Lead):
    """The row of whatever table that has the id in a column of this row."""

    column: str
    reads: ClassVar[int | None] = None


@dataclass(frozen=True)
class On(NodeOf):
    """The case, the event or the file batch that has the id in a column of this row, and is there if this row is."""

    reads = 3


@dataclass(frozen=True)
class Listed(Lead):
    """The texts in a JSON array in a column of this row, of up to so many bytes; none where it is null."""

    column: str
    most: int
    reads = 1


@dataclass(frozen=True)
class Tally(Lead):
    """What rows below this one have in common, of which there are so many kinds at the most, with how many have it.

    `found` returns a statement of `name` and `count`, in order, for the id of this row.
    """

    found: Callable[[ColumnElement[str]], Select[Any]]
    most: int
    reads = 1


@dataclass(frozen=True)
class TallyName(Lead):
    """What some rows have in common."""


@dataclass(frozen=True)
class TallyCount(Lead):
    """How many rows have it in common."""


@dataclass(frozen=True)
class Within(Lead):
    """An element, of up to so many characters, of the JSON array in a column of this row."""

    column: str
    place: int
    most: int
    reads = 1


@dataclass(frozen=True)
class Members(Lead):
    """The members of a JSON object that is an element of the JSON array in a column of this row."""

    column: str
    place: int
    reads = 1


@dataclass(frozen=True)
class MemberName(Lead):
    """The name of such a member."""


@dataclass(frozen=True)
class MemberValue(Lead):
    """An element of such a member's value, which is a JSON array."""

    place: int


@dataclass(frozen=True)
class Few(Lead):
    """All rows below this one, where there are only ever a few, in the order of a column.

    `parent` is the column that holds the id of this row.
    """

    parent: str
    order: str
    reads = 1

    def by(self, c: Columns) -> list[ColumnElement[Any]]:
        """Return what to sort rows by that have some columns."""
        return [c[self.order]]


@dataclass(frozen=True)
class Lookup(Lead):
    """The row that the arguments name, if there is one.

    `arguments` are the columns that they are compared with; `parent` is the column that holds the id of the
    row above, None for a field of the query itself. `as_of` is the argument that says as of when, if there is one.
    """

    arguments: Mapping[str, str]
    parent: str | None = None
    as_of: str | None = None
    reads = 1


Among: TypeAlias = Callable[[Asking], ColumnElement[bool]]
"""Returns the condition that rows of a connection meet."""


@dataclass(frozen=True)
class Connection(Lead):
    """The rows below this one, page by page; `parent` as in Lookup, `order` is theirs unless another is asked for.

    `among` says which of them, if not all; without a parent it also says who may see them.
    """

    parent: str | None
    order: Enum
    among: Among | None = None
    reads = 1


@dataclass(frozen=True)
class Search(Connection):
    """What has a text, of whatever kind, page by page."""


@dataclass(frozen=True)
class ByHash(Connection):
    """The files with a hash, in all that the viewer may see, page by page."""


@dataclass(frozen=True)
class Excerpt(Lead):
    """The words around what a search has found, up to so many characters."""

    reads = 1
    most = EXCERPT


@dataclass(frozen=True)
class Counts(Lead):
    """How many rows below this one have a moment, in a column, in each unit of time; `parent` as in Lookup."""

    parent: str
    moment: str
    reads = 1


@dataclass(frozen=True)
class UnitStart(Lead):
    """The moment with which a unit of time begins."""


@dataclass(frozen=True)
class UnitEnd(Lead):
    """The moment before which a unit of time ends."""


@dataclass(frozen=True)
class UnitCount(Lead):
    """How many rows there are in a unit of time."""


@dataclass(frozen=True)
class Self(Lead):
    """The viewer's own row."""

    reads = 1


@dataclass(frozen=True)
class AnyNode(Lead):
    """The row of whatever table that has the id in the argument."""

    reads = None


@dataclass(frozen=True)
class AnyNodes(Lead):
    """The rows that have the ids in the argument, in its order."""

    reads = None


@dataclass(frozen=True)
class Named(Lead):
    """The row that a column of this row names, if it names one."""

    column: str
    reads = 1


@dataclass(frozen=True)
class Newest(Lead):
    """The row that has the greatest value in a column, if there is any row."""

    column: str
    reads = 1


@dataclass(frozen=True)
class Feed(Lead):
    """What has changed since, page by page."""

    reads = 1


@dataclass(frozen=True)
class FeedEntries(Lead):
    """The entries of a page of a feed."""


@dataclass(frozen=True)
class FeedColumn(Lead):
    """What an entry of a feed says of itself."""

    column: Column[Any]


@dataclass(frozen=True)
class FeedCursor(Lead):
    """Where a feed goes on behind an entry."""


@dataclass(frozen=True)
class FeedEnd(Lead):
    """Where a feed goes on behind a page."""


@dataclass(frozen=True)
class FeedIsRead(Lead):
    """Whether nothing came behind a page of a feed."""


@dataclass(frozen=True)
class Nodes(Lead):
    """The rows of a connection's page."""


@dataclass(frozen=True)
class Edges(Lead):
    """The rows of a connection's page with their cursors."""


@dataclass(frozen=True)
class EdgeNode(Lead):
    """The row of an edge."""


@dataclass(frozen=True)
class EdgeCursor(Lead):
    """Where the row of an edge stands in its list."""


@dataclass(frozen=True)
class About(Lead):
    """Where a page lies in its list."""

    reads = 1


@dataclass(frozen=True)
class Total(Lead):
    """How many rows all pages have together."""

    reads = 1


@dataclass(frozen=True)
class HasMore(Lead):
    """Whether there are rows behind a page, or before it."""

    behind: bool


@dataclass(frozen=True)
class EndOfPage(Lead):
    """The cursor of the first row of a page, or of the last one."""

    first: bool


@dataclass(frozen=True)
class Changed(Lead):
    """The row that a change made or changed, in its payload."""

    reads = 1


@dataclass(frozen=True)
class ChangedNode(Lead):
    """The row that a change made or changed, in its payload, of whichever type that has versions."""

    reads = 4


@dataclass(frozen=True)
class ChangedNodes(Lead):
    """The rows that a change was about, in its payload, as far as they are there; of one type, or of any of several."""

    most: int
    reads = 3


@dataclass(frozen=True)
class Certificate(Lead):
    """What certifies a purge, in its payload."""


@dataclass(frozen=True)
class Preview(Lead):
    """What would go by a change that can't be undone, in its payload, as long as that is not confirmed."""


@dataclass(frozen=True)
class Noted(Lead):
    """The entry of the record that tells of a change, in its payload."""

    reads = 1


@dataclass(frozen=True)
class Replayed(Lead):
    """Whether a payload tells of a change that was made before."""


@dataclass(frozen=True)
class Gone(Lead):
    """The id of what a change deleted, in its payload."""


@dataclass(frozen=True)
class AllGone(Lead):
    """The ids of what a change deleted, in its payload."""


@dataclass(frozen=True)
class Refusals(Lead):
    """Why a change was refused, in its payload."""


@dataclass(frozen=True)
class Told(Lead):
    """What a refusal says of itself, by its attribute's name."""

    attribute: str


@dataclass(frozen=True)
class Current(Lead):
    """The row that a conflict was about, as it is now, of whichever type that has versions."""

    reads = 4


@dataclass(frozen=True)
class Resolved(Lead):
    """What an ordinary resolver makes, from the columns of its row; SQL can't."""


def lead_of(definition: GraphQLField) -> Lead | None:
    """Return what a field leads to; None for one of the introspection."""
    lead: Lead | None = definition.extensions.get(LEAD)
    return lead


def noun_of(type_: GraphQLNamedType) -> Noun:
    """Return the noun that a type's values are rows of."""
    noun: Noun = type_.extensions[NOUN]
    return noun


def types_of(possible: Iterable[GraphQLObjectType]) -> list[GraphQLObjectType]:
    """Return the types of the rows that an interface may stand for in the order in which they are tried."""
    return sorted(possible, key=lambda type_: noun_of(type_).table.name)


Bind: TypeAlias = Callable[[Callable[[Any], Any], str | None], ColumnElement[Any]]
"""Makes a value of what is given, of the type of a column, or else a text."""


class Filtered(Protocol):
    """Rows that are filtered: those of a table, as it is or as it was."""

    @property
    def c(self) -> Columns:
        """Their columns."""

    @property
    def above(self) -> Mapping[str, ColumnElement[str]]:
        """What all of them have in some columns: the id of the row that they lie below, if they do."""


Filter: TypeAlias = Callable[[Filtered, Any, Bind, Asking], ColumnElement[bool]]
"""Returns the condition that a field of a filter stands for; the field has it in its extensions, as `LEAD`."""


@dataclass(frozen=True)
class OneOfNames:
    """A filter: rows of which a text is among those given, all of which have to be `known`.

    The text is that of a column; where it has a `place`, it is the name of any member of the JSON object at that place
    of the JSON array in it.
    """

    column: str
    known: frozenset[str]
    place: int | None = None

    def fault(self, names: Sequence[str]) -> str | None:
        """Return what is wrong with the names that are given, as the end of a sentence, or None."""
        if len(names) > MAX_NAMES:
            return f"may hold up to {MAX_NAMES} names, not {len(names)}"
        unknown = next((name for name in names if name not in self.known), None)
        if unknown is None:
            return None
        return f"has {json.dumps(unknown[:50])}, which is none of {', '.join(sorted(self.known))}"

    def __call__(self, rows: Filtered, _: Sequence[str], bind: Bind, __: Asking) -> ColumnElement[bool]:
        """See Filter."""
        names = cast(bind(json.dumps, self.column), Text)
        if self.place is None:
            return among(rows.c[self.column], names)
        inside = members(rows.c[self.column], self.place, "inside")
        return exists(select(literal_column("1")).select_from(inside).where(among(inside.c.key, names)))


def by_id(column: str) -> Filter:
    """Rows whose column is an id; none where it can't be one."""
    return lambda rows, _, bind, __: rows.c[column] == bind(parse_id, column)


def at_least(column: str) -> Filter:
    """Rows whose column is a value or more."""
    return lambda rows, _, bind, __: rows.c[column] >= bind(lambda value: value, column)


def below(column: str) -> Filter:
    """Rows whose column is less than a value."""
    return lambda rows, _, bind, __: rows.c[column] < bind(lambda value: value, column)


def one_of(column: str) -> Filter:
    """Rows whose column is one of several choices."""
    # The choices are part of the statement: there are few, and each set of them is a shape of its own.
    return lambda rows, choices, _, __: (
        rows.c[column].in_([literal_column(f"'{choice.value}'") for choice in choices]) if choices else false()
    )


def text(rows: Filtered, _: str, bind: Bind, __: Asking) -> ColumnElement[bool]:
    """Rows that have a text in what is searched of them, each looked at; see finding.py for those of a page."""
    return has_text(rows.c["id"], bind(fold, None))


@dataclass(frozen=True)
class HasPart:
    """A filter: rows of which a text has a part. Upper and lower case of the letters A to Z are alike in it.

    Other letters are as they are: so databases can compare what was said of a row in the past, of which nothing is
    folded in Python.
    """

    column: str

    def fault(self, part: str) -> str | None:
        """Return what is wrong with what is given, as the end of a sentence, or None."""
        if len(part) > MAX_TEXT:
            return f"may have up to {MAX_TEXT} characters, not {len(part)}"
        return text_fault(part)

    def __call__(self, rows: Filtered, _: str, bind: Bind, __: Asking) -> ColumnElement[bool]:
        """See Filter."""
        return contains(in_small_letters(rows.c[self.column]), bind(_in_small_letters, self.column))


@dataclass(frozen=True)
class HavingTags:
    """A filter: rows that have all the tags given.

    They are found by their tags, where it is known in which case or on which event they are, and those who see all
    cases look for cases. Everybody else's cases are looked at one by one: what it costs must not tell of those of
    others.
    """

    def fault(self, tags: Sequence[str]) -> str | None:
        """Return what is wrong with the tags that are given, as the end of a sentence, or None."""
        if len(tags) > MAX_NAMES:
            return f"may hold up to {MAX_NAMES} tags, not {len(tags)}"
        return next((fault for tag in tags if (fault := text_fault(tag)) is not None), None)

    def __call__(self, rows: Filtered, tags: Sequence[str], bind: Bind, asking: Asking) -> ColumnElement[bool]:
        """See Filter."""
        if not tags:
            return true()  # as all have all of none
        keys = texts(bind(_keys, "tags"), "wanted")
        number = bind(lambda tags: len({*map(fold, tags)}), "version")
        has_one = _TAGS.c.key.in_(select(keys.c.text))
        having = select(_TAGS.c.row_id).where(has_one)
        having = having.group_by(_TAGS.c.row_id).having(func.count() == number)
        above = next(iter(rows.above.items()), None)
        if above is not None:
            column, value = above
            return rows.c["id"].in_(having.where(_TAGS.c[column] == value).correlate(None))
        if asking.reads_all:
            return rows.c["id"].in_(having.where(_TAGS.c.row_id == _TAGS.c.case_id).correlate(None))
        of_row = select(func.count()).where(_TAGS.c.row_id == rows.c["id"], has_one)
        return of_row.correlate_except(_TAGS).scalar_subquery() == number


having_tags = HavingTags()
"""Rows that have all the tags given, for filters of whatever can have tags."""


def hash_of(name: str, digits: str) -> bytes | None:
    """Return a hash by its hexadecimal digits, if they are as many as one of that name has; None else."""
    return bytes.fromhex(digits) if len(digits) == 2 * HASHES[name] else None


def hash_fault(digits: str) -> str | None:
    """Return what is wrong with the digits of a hash, as the end of a sentence, or None."""
    if len(digits) in {2 * length for length in HASHES.values()} and _DIGITS.issuperset(digits):
        return None
    return "must be a SHA-256, a SHA-1 or an MD5: 64, 40 or 32 hexadecimal digits"


class HavingHash:
    """A filter: files with a hash, of whichever kind it is by its length."""

    fault = staticmethod(hash_fault)

    def __call__(self, *_: object) -> ColumnElement[bool]:
        """See Filter; an index finds them, and no row is looked at for its hash: see `found_rows`."""
        raise TypeError("a condition on hashes")


having_hash = HavingHash()
"""Files with a hash."""


def in_case_of(above: Mapping[str, ColumnElement[str]]) -> ColumnElement[bool]:
    """Return the condition that a file is in the case of the batch above, by what an index of hashes has."""
    of_batch = select(_BATCHES.c.case_id).where(_BATCHES.c.id == above["batch_id"]).correlate_except(_BATCHES)
    return _FILES.c.case_id == of_batch.scalar_subquery()


class Begins:
    """A filter: files whose path begins with a text."""

    def fault(self, prefix: str) -> str | None:
        """Return what is wrong with what is given, as the end of a sentence, or None."""
        return text_fault(prefix) if len(prefix) <= MAX_PATH else f"may have up to {MAX_PATH:,} characters"

    def __call__(self, rows: Filtered, _: str, bind: Bind, __: Asking) -> ColumnElement[bool]:
        """See Filter; by an index as far as the bytes of a path are those that are shown of it."""
        path, key = rows.c["path"], rows.c["path_key"]
        keyed = and_(
            key >= bind(_least_key, "path_key"), key < bind(lambda text: _behind(_least_key(text)), "path_key")
        )
        return and_(keyed, path >= bind(str, "path"), path < bind(_behind, "path"))


def _least_key(prefix: str) -> str:
    """Return the least key of the paths that begin with a text, before what may stand for a byte that is no UTF-8."""
    return key_of(prefix.partition("\\")[0].encode()[:KEY_BYTES])


def _behind(prefix: str) -> str:
    """Return the first text, by code points, behind all that begin with a prefix, or one behind all paths."""
    prefix = prefix.rstrip(chr(_LAST_CHARACTER))
    if not prefix:
        return chr(_LAST_CHARACTER) * MAX_PATH
    last = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(_BEHIND_SURROGATES if last == _FIRST_SURROGATE else last)


_LAST_CHARACTER, _FIRST_SURROGATE, _BEHIND_SURROGATES = 0x10FFFF, 0xD800, 0xE000
_DIGITS = frozenset(hexdigits)


def _keys(tags: Sequence[str]) -> str:
    return json.dumps(sorted({fold(tag) for tag in tags}))


def tag_counts(case_id: ColumnElement[str]) -> Select[Any]:
    """Return the tags of a case and of what is in it, with how many rows have each, those that most have first."""
    number: ColumnElement[int] = func.count()
    # What is on an event that was deleted may go a little later.
    is_there = or_(_TAGS.c.event_id.is_(None), exists(select(_EVENTS.c.id).where(_EVENTS.c.id == _TAGS.c.event_id)))
    columns: list[ColumnElement[Any]] = [func.min(_TAGS.c.tag).label("name"), number.label("count")]
    counted = select(*columns).where(_TAGS.c.case_id == case_id, is_there)
    return counted.group_by(_TAGS.c.key).order_by(number.desc(), _TAGS.c.key)


def accepted(rows: Filtered, wanted: bool, _: Bind, asking: Asking) -> ColumnElement[bool]:  # noqa: FBT001 - as given
    """Cases that the viewer has taken up, or has yet to."""
    # The value is part of the statement, as every Boolean is.
    return ownership.accepted(rows.c["id"], asking, wanted=wanted)


_SMALL_LETTERS = str.maketrans(ascii_uppercase, ascii_lowercase)


def _in_small_letters(text: str) -> str:
    return text.translate(_SMALL_LETTERS)


def reaches(rows: Filtered, _: Any, bind: Bind, __: Asking) -> ColumnElement[bool]:
    """Events that are not over by a moment, as far as is known.

    They end with `occurred_until` if they lasted, and as much later as their precision leaves open.
    """
    bounds = {
        precision.value: bind(partial(earliest_reaching, precision=precision.value), "occurred_at")
        for precision in TimePrecision
    }
    ends = func.coalesce(rows.c["occurred_until"], rows.c["occurred_at"])
    return ends >= case(bounds, value=rows.c["time_precision"])
