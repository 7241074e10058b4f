"""From a selection to one SQL statement that answers it in JSON.

Every row is read as a `Rows`: a subquery with just the columns that its JSON mentions, the rows that these
refer to joined in. A list is the JSON of its rows joined by commas; what lies below a row of it is a column
of that subquery, computed after the page has been cut. The layers of a connection, from the inside out:

1. the page: rows of the table that lie below the parent, in order, up to the limit;
2. the same rows with their place in the page and the JSON of whatever lies below each;
3. one text, from all of them.

The statement depends on the shape of a request's arguments only; their values are bound when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from graphql import GraphQLObjectType
from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Integer,
    Subquery,
    Text,
    case,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import TableValuedAlias
from sqlalchemy.types import TypeEngine

from app.db import Readable, grams
from app.db.searching import Sought
from app.db.sql import (
    Member,
    Piece,
    apart,
    boolean,
    chain,
    concatenation,
    element,
    elements,
    flat_object,
    joined,
    json_pieces,
    members,
    or_null,
)
from app.db.types import Hash, Id, Time
from app.errors import RequestFault, RequestRefused
from app.evidence.entries import HASHES
from app.ownership import (
    Asking,
    Viewer,
    acquainted,
    is_there_below,
    is_under_way,
    listable,
    may_be_left,
    number_of,
    readable,
)
from app.reading import nouns
from app.reading.beside import kind_of
from app.reading.counts import ReadCounts, asked
from app.reading.feeds import ReadFeed, since
from app.reading.finding import HIT_ORDER, HashScope, HitRows, HitScope, excerpt, number_in
from app.reading.lists import ReadPage, filters_of
from app.reading.nouns import Filter, Noun, noun_of
from app.reading.pages import MAX_SIZE, ArgumentError, decode, decode_hash, decode_search
from app.reading.past import AsOf, Past, PastScope, as_of, past_filters
from app.reading.plans import Plan, Run, Site
from app.reading.rows import Rows, Scope, braces, scalar
from app.reading.selections import Field, asks_for_past
from app.values import fold, parse_id

# Lists and look-ups in each other, the root field included. SQLite before 3.46 parses with a stack of 100
# entries (YYSTACKDEPTH), which is full at six with all that can be asked of each; PostgreSQL would take more,
# but the same document means the same on both.
MAX_NESTING = 5
# SQLite takes a million bytes (SQLITE_MAX_SQL_LENGTH) and 32,766 parameters (SQLITE_MAX_VARIABLE_NUMBER), PostgreSQL
# 65,535 parameters. A statement of this length stays below all of that: a character is four bytes at the most, and
# a parameter stands in a condition of ten characters or more.
MAX_STATEMENT = 200_000
TYPE = ""
"""The key under which a tree holds its type's name; no response name can be equal to it."""

T = TypeVar("T")


class Planner:
    """Writes the statement for a list of fields."""

    def __init__(self, database: Readable, viewer: Viewer, *, marked: bool = False) -> None:
        """Take the viewer for what they may see at all; `marked` adds the type's name to nodes of any type."""
        self._database = database
        self._marked = marked
        self._sites: list[tuple[Site, Any]] = []
        self._faults: list[RequestFault] = []
        self._binds: dict[str, Callable[[Run], Any]] = {}
        self._names = 0
        self.nesting = 0
        """How many lists and look-ups what is being written is nested in."""
        self._asks_for_past = False
        self._in_one = False
        self._asking = Asking(
            self.bind(lambda run: run.viewer.id, Id()),
            self.bind(lambda run: run.moment, Time()),
            viewer.reads_all,
            viewer.changes_all,
            viewer.sees_few,
            self._trashed_from(database.trash_days),
        )

    @property
    def dialect(self) -> str:
        """The name of the database's dialect."""
        return self._database.dialect.name

    def _trashed_from(self, days: int) -> BindParameter[Any] | None:
        return self.bind(lambda run: run.moment - timedelta(days=days), Time()) if days else None

    def query(self, fields: Sequence[Field]) -> Plan:
        """Return the plan for fields of the query itself, in one column: `data` whole. Raises RequestRefused."""
        members = braces((field.key, self._whole(field)) for field in fields)
        return self._plan([("data", chain(members))] if fields else [])

    def _whole(self, field: Field) -> list[Piece]:
        """Return the JSON of a field of the query, none of whose pieces is NULL."""
        value = concatenation(self.value(None, field))
        may_be_null = isinstance(field.lead, nouns.Lookup | nouns.Self | nouns.Newest)
        return [or_null(value) if may_be_null else value]

    def subject(self, field: Field) -> Plan:
        """Return the plan for a field of a mutation's payload: the row that was changed, or is in the way.

        Raises RequestRefused.
        """

        def write() -> ColumnElement[str]:
            if isinstance(field.lead, nouns.Current | nouns.ChangedNode):
                return self._any_node(field, self.identifier_of_subject())
            if isinstance(field.lead, nouns.ChangedNodes):
                return self._nodes_of(field, self.identifiers_of_subject(), may_lack=False)
            return self._row(field.type, self.is_subject(field.noun), field.children())

        return self._plan([(field.key, self._nested(field, write))])

    def identifier_of_subject(self) -> ColumnElement[str]:
        """Return the id of the row that was changed."""
        return self.bind(lambda run: run.subject, Id())

    def identifiers_of_subject(self) -> BindParameter[str]:
        """Return the ids of the rows that a change was about, as a JSON array."""
        return self.bind(lambda run: json.dumps(run.subject), Text())

    def is_subject(self, noun: Noun) -> Scope:
        """Return where the row is that was changed."""
        if noun.key == ("id",):
            return Scope(noun.table, [noun.table.c.id == self.identifier_of_subject()])
        values = (self.bind(_key_of_subject(place), Id()) for place in range(len(noun.key)))
        return Scope(noun.table, [noun.table.c[name] == value for name, value in zip(noun.key, values, strict=True)])

    def _plan(self, answers: Sequence[tuple[str, ColumnElement[str]]]) -> Plan:
        if self._faults:
            raise RequestRefused(*self._faults)
        if not answers:
            return Plan((), "", (), ())
        labels = [f"a{place}" for place in range(len(answers))]
        statement = select(*(answer.label(label) for label, (_, answer) in zip(labels, answers, strict=True)))
        compiled = statement.compile(dialect=self._database.dialect, compile_kwargs={"render_postcompile": True})
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
        if len(compiled.string) > MAX_STATEMENT:
            raise RequestRefused(
                RequestFault(
                    f"what is asked for makes a statement of {len(compiled.string)} characters; {MAX_STATEMENT} is the "
                    "most that is allowed, so ask for less at once",
                    "LIMIT_EXCEEDED",
                    details={"limit": "statement", "maximum": MAX_STATEMENT, "asked": len(compiled.string)},
                )
            )
        # A name that is not ours is a constant of the dialect's, such as the OFFSET 0 of SQLite.
        binds = tuple(
            self._binds.get(name) or partial(_constant, compiled.params[name]) for name in compiled.positiontup or ()
        )
        bounded = self._database.bounded(compiled.string, labels)
        return Plan(tuple(key for key, _ in answers), bounded, binds, tuple(self._sites))

    def value(self, row: Rows | None, field: Field) -> list[Piece]:
        """Return the JSON of one field of a row; of the query itself when `row` is None."""
        match field.lead:
            case nouns.TypeName():
                return [f'"{field.parent.name}"']
            case nouns.Lookup() as lookup:
                found = self._nested(
                    field, lambda: self._row(field.type, self.named(row, lookup, field), field.children())
                )
                return [found if row is None else or_null(row.below(found))]
            case nouns.Connection() as connection:
                return [self._below(row, self._nested(field, lambda: self._connection(row, connection, field)))]
            case nouns.Self():
                return [self._row(field.type, self.own(field.noun), field.children(), known=True)]
            case nouns.Newest(name):
                return [self._row(field.type, self.is_newest(field.noun, name), field.children())]
            case nouns.Feed():
                feeds = self.feeds(field)
                return ["null"] if feeds is None else [self._nested(field, lambda: feeds().json())]
            case nouns.AnyNode():
                identifier = self._argument(field, lambda arguments: parse_id(arguments["id"]), Id())
                return [self._nested(field, lambda: self._any_node(field, identifier))]
            case nouns.AnyNodes():
                return self._nested(field, lambda: self._any_nodes(field))
            case _:
                assert row is not None, field.name  # noqa: S101 - all others are of a row
                return self._of_row(row, field)

    def _of_row(self, row: Rows, field: Field) -> list[Piece]:
        """Return the JSON of a field of a row."""
        match field.lead:
            case nouns.Stored() | nouns.StoredBeside() as stored:
                member = _stored(row, stored, field.key)
                return json_pieces(member.value, member.kind, nullable=member.nullable)
            case nouns.Reference(name, known):
                noun = field.noun
                referred = row.reference(name, noun.table, key=noun.key[0], known=known)
                return self.object(referred, field.children())
            case nouns.Private(name):
                return self._private(row, field.owner.table.c[name])
            case nouns.IsNull(name, wanted):
                return [boolean(row.column(name).is_(None) if wanted else row.column(name).is_not(None))]
            case nouns.Computed(text):
                return [row.below(text(row.column("id"), self._asking))]
            case nouns.Few() | nouns.Counts() as list_:
                return [row.below(self._nested(field, lambda: self._unpaged(row, list_, field)))]
            case nouns.Same() | nouns.Part():
                return self._as_other(row, field)
            case nouns.NodeOf(name):
                place = partial(self.is_node_of, row, field, identifier=row.column(name))
                return [or_null(row.below(self._nested(field, lambda: self._first(field, place))))]
            case nouns.Named(name):
                scope = Scope(field.noun.table, [field.noun.table.c.id == row.column(name)])
                found = self._nested(field, lambda: self._row(field.type, scope, field.children()))
                return [or_null(row.below(found))]
            case _:
                return self._of_parts(row, field)

    def _of_parts(self, row: Rows, field: Field) -> list[Piece]:
        """Return the JSON of a field of a row that is made of JSON or texts in the row, or of counts."""
        match field.lead:
            case nouns.Within(name, place):
                return [or_null(element(row.column(name), place))]
            case nouns.Excerpt():
                assert isinstance(row, HitRows)  # noqa: S101 - no others have one
                return json_pieces(row.below(excerpt(row)), Text(), nullable=False)
            case nouns.Members(name, place):
                return [row.below(self._members_of(row.column(name), place, field))]
            case nouns.Listed(name):
                return [func.coalesce(row.column(name), literal_column("'[]'", Text()), type_=Text())]
            case nouns.Tally() as tally:
                return [row.below(self._tally(row, tally, field))]
            case lead:
                raise TypeError(f"{type(lead).__name__} is nothing of a row")

    def _as_other(self, row: Rows, field: Field) -> list[Piece]:
        """Return the JSON of a row as an object of another type; `null` where it has nothing of that."""
        if not isinstance(field.lead, nouns.Part):
            return self.object(row, field.children())
        # In one piece, as it may be none; there is never much of it.
        before, self._in_one = self._in_one, True
        try:
            pieces = self.object(row, field.children())
        finally:
            self._in_one = before
        return [or_null(case((row.column(field.lead.column).is_not(None), concatenation(pieces))))]

    def _private(self, row: Rows, column: Column[Any]) -> list[Piece]:
        """Return the JSON of a column of a user, or null for those who may not know them."""
        value = row.column(column.name)
        if row.known or self._asking.reads_all:
            return json_pieces(value, column.type, nullable=True)
        shown = case((acquainted(row.column("id"), self._asking), value))
        return [row.below(concatenation(json_pieces(shown, column.type, nullable=True)))]

    def object(self, row: Rows, fields: Sequence[Field]) -> list[Piece]:
        """Return the JSON of a row."""
        if (flat := self._flat(row, fields)) is not None:
            return [flat]
        return braces((field.key, self.value(row, field)) for field in fields)

    def _flat(self, row: Rows, fields: Sequence[Field]) -> ColumnElement[str] | None:
        """Return the JSON of a row of which only columns are asked, in the way that is fastest for those."""
        members = []
        for field in fields:
            match field.lead:
                case nouns.Stored() | nouns.StoredBeside() as stored:
                    members.append(_stored(row, stored, field.key))
                case nouns.Private(name) if row.known:
                    members.append(_stored(row, nouns.Stored(field.owner.table.c[name]), field.key))
                case _:
                    return None
        return flat_object(members)

    def _row(
        self,
        type_: GraphQLObjectType,
        scope: Scope,
        fields: Sequence[Field],
        *,
        marked: bool = False,
        known: bool = False,
    ) -> ColumnElement[str]:
        """Return the JSON of the row that is somewhere, NULL when there is none."""
        rows = scope.rows(self.name())
        rows.known = known
        mark = [(TYPE, [f'"{type_.name}"'])] if marked else []
        members = [(field.key, self.value(rows, field)) for field in fields]
        answer = concatenation(braces([*mark, *members]))
        return scalar(select(answer).select_from(rows.arranged(rows.select(*scope.conditions_of(rows)))))

    def own(self, noun: Noun) -> Scope:
        """Return where the viewer's own row is."""
        return Scope(noun.table, [noun.table.c.id == self._asking.viewer])

    def named(self, row: Rows | None, lookup: nouns.Lookup, field: Field) -> Scope:
        """Return where the row is that a look-up's arguments name."""
        site, _ = self._site(field, lambda arguments: [parse_id(arguments[argument]) for argument in lookup.arguments])
        columns = lookup.arguments.values()
        identifiers = {column: self.bind(_part(site, place), Id()) for place, column in enumerate(columns)}
        if lookup.as_of is not None:
            moment, given = self._site(field, partial(as_of, lookup.as_of))
            if given is not None:
                past = Past(self.name(), identifiers["id"], self._as_of(moment, given), self._asking)
                return PastScope(field.noun.table, (), past, {"id": past.case_id})
        return self._place(field.noun, row, lookup.parent, identifiers)

    def _as_of(self, site: int, given: AsOf) -> BindParameter[Any]:
        kind: TypeEngine[Any] = Integer() if given.is_seq else Time()
        return self.bind(lambda run: run.arguments[site].value, kind)

    def _unpaged(self, row: Rows, lead: nouns.Few | nouns.Counts, field: Field) -> ColumnElement[str]:
        """Return the JSON of a list without pages."""
        if isinstance(lead, nouns.Few):
            return self._rows(row, lead, field)
        counts = self.counts(row, lead, field)
        return literal_column("NULL", Text) if counts is None else counts().json()

    def _rows(self, row: Rows, few: nouns.Few, field: Field) -> ColumnElement[str]:
        scope = self._place(field.noun, row, few.parent)
        rows = scope.rows(self.name())
        answer = joined(concatenation(self.object(rows, field.children())))
        page = rows.select(*scope.conditions_of(rows), order=few.by)
        return scalar(select(concatenation(["[", answer, "]"])).select_from(rows.arranged(page)))

    def _members_of(self, array: ColumnElement[str], place: int, field: Field) -> ColumnElement[str]:
        found = members(array, place, self.name())
        parts = braces((each.key, _of_member(found, each)) for each in field.children())
        return scalar(select(concatenation(["[", joined(concatenation(parts)), "]"])).select_from(found))

    def _tally(self, row: Rows, tally: nouns.Tally, field: Field) -> ColumnElement[str]:
        found = tally.found(row.column("id")).limit(tally.most).correlate(None).alias(self.name())
        parts = braces((each.key, _of_count(found, each)) for each in field.children())
        return scalar(select(concatenation(["[", joined(concatenation(parts)), "]"])).select_from(found))

    def _connection(self, row: Rows | None, connection: nouns.Connection, field: Field) -> ColumnElement[str]:
        pages = self.pages(row, connection, field)
        return literal_column("NULL", Text) if pages is None else pages().json()

    def pages(self, row: Rows | None, connection: nouns.Connection, field: Field) -> Callable[[], ReadPage] | None:
        """Return what makes the page that a field asks for, each time anew; None when there is a fault."""
        if isinstance(connection, nouns.Search):
            return self._hits(field)
        if isinstance(connection, nouns.ByHash):
            return self._by_hash(connection, field)
        noun = field.noun
        filters = self._filters_of(row, field)
        site, page = self._site(
            field,
            lambda arguments: decode(arguments, lambda orders: noun.order(orders, connection.order), filters),
        )
        if page is None:
            return None
        scope = self._listed(noun, row, connection)
        if any(value and filters[name] is nouns.having_tags for name, value in page.where.items()):
            # They are found by their tags, which are few or many: of those above there may be many, of which few fit.
            below = [apart(noun.table.c[name]) == value for name, value in scope.above.items()]
            scope = replace(scope, conditions=[*below, *scope.conditions[len(below) :]])
        return partial(ReadPage, self, self._asking, field, page, site, scope)

    def _hits(self, field: Field) -> Callable[[], ReadPage] | None:
        site, page = self._site(field, partial(decode_search, HIT_ORDER))
        if page is None:
            return None

        def bind(make: Callable[[str], Any], kind: TypeEngine[T]) -> BindParameter[T]:
            return self.bind(lambda run: make(run.arguments[site].text), kind)

        def folded(make: Callable[[str], Any]) -> BindParameter[str]:
            return bind(lambda text: make(fold(text)), Text())

        asked = partial(grams.query, self.dialect, page.kinds)
        sought, number = Sought(folded(str), folded(asked), folded(grams.pair)), bind(number_in, Integer())
        scope = HitScope(field.noun.table, (), sought, number, page.kinds, self.dialect, self._asking)
        return partial(ReadPage, self, self._asking, field, page, site, scope)

    def _by_hash(self, connection: nouns.ByHash, field: Field) -> Callable[[], ReadPage] | None:
        order = field.noun.order((), connection.order)
        site, page = self._site(field, partial(decode_hash, order, nouns.hash_fault))
        if page is None:
            return None

        def bind(name: str) -> BindParameter[bytes]:
            return self.bind(lambda run: nouns.hash_of(name, run.arguments[site].hash), Hash())

        table = field.noun.table
        scope = HashScope(table, (), {name: bind(name) for name in HASHES}, listable(table, self._asking))
        return partial(ReadPage, self, self._asking, field, page, site, scope)

    def counts(self, row: Rows, lead: nouns.Counts, field: Field) -> Callable[[], ReadCounts] | None:
        """Return what makes the counts that a field asks for, each time anew; None when there is a fault."""
        filters = self._filters_of(row, field)
        site, found = self._site(field, lambda arguments: asked(arguments, filters))
        if found is None:
            return None
        scope = self._place(field.noun, row, lead.parent)
        return partial(ReadCounts, self, self._asking, field, lead, found, site, scope)

    @staticmethod
    def _filters_of(row: Rows | None, field: Field) -> dict[str, Filter]:
        """Return the filters that a field can be asked for, of what is as it is, or as it was."""
        return filters_of(field) if row is None or row.past is None else past_filters(filters_of(field))

    def _listed(self, noun: Noun, row: Rows | None, connection: nouns.Connection) -> Scope:
        """Return where the rows of a connection lie."""
        if connection.among is None:
            if connection.parent is None:
                number = number_of(noun.table, self._asking)
                return Scope(noun.table, [listable(noun.table, self._asking)], number=number)
            return self._place(noun, row, connection.parent)
        among = connection.among(self._asking)
        if connection.parent is None:
            return Scope(noun.table, [among])
        scope = self._place(noun, row, connection.parent)
        return replace(scope, conditions=[*scope.conditions, among])

    @staticmethod
    def is_newest(noun: Noun, column: str) -> Scope:
        """Return where the row is that has the greatest value in a column."""
        newest = select(func.max(noun.table.c[column])).correlate(None).scalar_subquery()
        return Scope(noun.table, [noun.table.c[column] == newest])

    def feeds(self, field: Field) -> Callable[[], ReadFeed] | None:
        """Return what makes the feed that a field asks for, each time anew; None when there is a fault."""

        def stamp() -> str:
            incarnation = self._database.incarnation
            return f"{incarnation}*" if incarnation and self._asking.reads_all else incarnation

        site, found = self._site(field, lambda arguments: since(arguments, stamp()))
        if found is None:
            return None
        stamped = self.bind(lambda _: stamp(), Text())
        return partial(ReadFeed, self, self._asking, field, site, stamped, of_case=found.case_id is not None)

    def _any_node(self, field: Field, identifier: ColumnElement[str]) -> ColumnElement[str]:
        return or_null(self._first(field, partial(self.is_row, identifier=identifier)))

    def _first(self, field: Field, place: Callable[[GraphQLObjectType], Scope]) -> ColumnElement[str]:
        """Return the JSON of the row that is there of any of the types that it may be of; NULL when there is none.

        `place` says where it would be, of which type it is.
        """
        # One after the other, and not in each other: deep in a statement that would be too much for SQLite's parser.
        rows: list[Any] = [
            self._row(type_, place(type_), field.children(type_), marked=self._marked) for type_ in field.types
        ]
        return union_all(*(row.element for row in rows)).scalar_subquery()

    def is_node_of(self, row: Rows, field: Field, type_: GraphQLObjectType, identifier: ColumnElement[str]) -> Scope:
        """Return where the row of a type is that has the id in a column of this row; see NodeOf and On."""
        if not isinstance(field.lead, nouns.On):
            return self.is_row(type_, identifier)
        table, past = noun_of(type_).table, row.past
        if past is None:
            return Scope(table, [table.c.id == identifier])
        if "case_id" in table.c:
            return past.below(table, {"id": identifier})
        return PastScope(table, [identifier == past.case_id], past, {"id": past.case_id})

    def is_row(self, type_: GraphQLObjectType, identifier: ColumnElement[str]) -> Scope:
        """Return where the row of a type is that has an id, if the viewer may see it."""
        table = noun_of(type_).table
        return Scope(table, [table.c.id == identifier, readable(table, self._asking)])

    def _any_nodes(self, field: Field) -> list[Piece]:
        return [self._nodes_of(field, self._argument(field, identifiers, Text()), may_lack=True)]

    def _nodes_of(self, field: Field, array: BindParameter[str], *, may_lack: bool) -> ColumnElement[str]:
        """Return the JSON of the rows with some ids, null for those that are not there; none unless they `may_lack`."""
        alias, name = self.name(), self.name()
        row = self._first(field, partial(self.is_row, identifier=literal_column(f"{alias}.id", Id())))
        place = literal_column(f"{alias}.place", Integer())
        rows = select(row.label("node")).select_from(elements(array, alias)).order_by(place).correlate(None).alias(name)
        node = or_null(rows.c.node) if may_lack else rows.c.node
        return scalar(select(concatenation(["[", joined(node), "]"])).select_from(rows))

    def _place(
        self,
        noun: Noun,
        row: Rows | None,
        parent: str | None,
        named: Mapping[str, ColumnElement[str]] = MappingProxyType({}),
    ) -> Scope:
        """Return where the rows of a field lie, of which some columns may be `named`: as they are, or as they were."""
        if row is not None and row.past is not None and parent is not None:
            return row.past.below(noun.table, {parent: row.identifier, **named})
        conditions = self._scope(noun, row, parent)
        above = {parent: row.column("id")} if row is not None and parent is not None else {}
        conditions += [noun.table.c[column] == value for column, value in named.items()]
        if row is not None and parent is not None and may_be_left(noun.table, parent):
            return _LeftScope(noun.table, conditions, row.column("id"), above=above)
        return Scope(noun.table, conditions, above=above)

    def _scope(self, noun: Noun, row: Rows | None, parent: str | None) -> list[ColumnElement[bool]]:
        """Return where the rows of a field lie: below a row that was found, or else wherever the viewer may see."""
        if parent is None:
            return [readable(noun.table, self._asking)]
        assert row is not None  # noqa: S101 - for the type checker
        return [noun.table.c[parent] == row.column("id")]

    def _below(self, row: Rows | None, value: ColumnElement[str]) -> ColumnElement[str]:
        return value if row is None else row.below(value)

    def _nested(self, field: Field, write: Callable[[], T]) -> T:
        # What is of one of several types takes one level more: a user hides what they are called, a case has a seal.
        # And so do the innermost rows of what is read as it was, in which what a comment is on needs none of its own.
        asks = asks_for_past(field)
        levels = 2 if isinstance(field.lead, nouns.NodeOf) or asks else 1
        if isinstance(field.lead, nouns.On) and self._asks_for_past:
            levels = 1
        if self.nesting + levels > MAX_NESTING:
            raise RequestRefused(
                field.fault(f"lists and look-ups are nested more than {MAX_NESTING} deep; ask for less at once")
            )
        before = self.nesting, self._asks_for_past
        self.nesting, self._asks_for_past = self.nesting + levels, self._asks_for_past or asks
        try:
            return write()
        finally:
            self.nesting, self._asks_for_past = before

    def _site(self, field: Field, decode_arguments: Callable[[dict[str, Any]], Any]) -> tuple[int, Any]:
        """Register a field's arguments; return their place and what they are now, None when there is a fault."""
        site, value = Site(field, decode_arguments), None
        try:
            value = site.read(field.request.variables)
        except RequestRefused as refused:
            self._faults += refused.faults
        self._sites.append((Site(field.kept, decode_arguments), value if not field.has_variables else None))
        return len(self._sites) - 1, value

    def _argument(
        self, field: Field, decode_arguments: Callable[[dict[str, Any]], Any], kind: TypeEngine[T]
    ) -> BindParameter[T]:
        site, _ = self._site(field, decode_arguments)
        return self.bind(lambda run: run.arguments[site], kind)

    def bind(self, value: Callable[[Run], Any], kind: TypeEngine[T]) -> BindParameter[T]:
        """Return a parameter of the statement, with what its value is when it runs."""
        name = f"b{len(self._binds)}"
        self._binds[name] = value
        return BindParameter(name, None, kind, required=False)

    def name(self) -> str:
        """Return a name that no other rows of the statement have."""
        self._names += 1
        return f"r{self._names}"


@dataclass(frozen=True)
class _LeftScope(Scope):
    """Where rows of a case lie, of which some may be on an event that is gone.

    Hardly ever is a deletion under way. Where all rows are looked at that is asked once, and of none what it is on.
    """

    case_id: ColumnElement[str]

    def conditions_of(self, rows: Rows, *, whole: bool = False) -> Sequence[ColumnElement[bool]]:
        """See Scope."""
        is_there = is_there_below(self.table)
        if not whole:
            return [*self.conditions, is_there]
        left = is_under_way(self.case_id).subquery(f"{rows.alias}_left")
        return [*self.conditions, or_(~left.c.is_any, is_there)]


def _stored(row: Rows, lead: nouns.Stored | nouns.StoredBeside, key: str) -> Member:
    """Return what a row holds in a column, its own or one beside it, as the member of an object."""
    if isinstance(lead, nouns.StoredBeside):
        return Member(key, row.column(lead.name), kind_of(row.table, lead.name), nullable=False)
    return Member(key, row.column(lead.column.name), lead.column.type, bool(lead.column.nullable))


def _of_member(found: TableValuedAlias, field: Field) -> list[Piece]:
    match field.lead:
        case nouns.MemberName():
            return ['"', found.c.key, '"']  # without parentheses, which would be too much for SQLite's parser
        case nouns.MemberValue(place):
            return [element(found.c.value, place)]
        case _:
            return [f'"{field.parent.name}"']


def _of_count(found: Subquery, field: Field) -> list[Piece]:
    match field.lead:
        case nouns.TallyName():
            return json_pieces(found.c.name, Text(), nullable=False)
        case nouns.TallyCount():
            return [found.c.count]
        case _:
            return [f'"{field.parent.name}"']


def _part(site: int, place: int) -> Callable[[Run], Any]:
    return lambda run: run.arguments[site][place]


def _key_of_subject(place: int) -> Callable[[Run], Any]:
    return lambda run: run.subject[place] if run.subject is not None else None


def _constant(value: object, _run: Run) -> object:
    return value


_NULL = literal_column("'null'", Text())


def identifiers(arguments: dict[str, Any]) -> str:
    """Return the ids among the arguments as a JSON array. Raises ArgumentError."""
    if len(arguments["ids"]) > MAX_SIZE:
        raise ArgumentError(f"`ids` may hold up to {MAX_SIZE} ids, not {len(arguments['ids'])}", "ids")
    return json.dumps([parse_id(identifier) for identifier in arguments["ids"]])
