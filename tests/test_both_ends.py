"""The ends of a read say the same: the bytes that the database wrote, what graphql-core makes of them, and Strawberry.

The documents are made up from the schema, so that a new field or argument is covered when it is declared.
Each is run twice, and the second time made to take the way of those that ask for introspection. Set
DOSSIER_TEST_DOCUMENTS for more documents than the few that every run of the tests tries on each database.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeAlias

import orjson
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_required_argument,
)

from app.db import open_database
from app.errors import RequestRefused
from app.execution.context import Context
from app.execution.documents import Documents
from app.execution.faults import Answer
from app.ownership import Viewer
from app.reading.reads import Shapes
from app.schema import executable, schema
from app.values import now
from tests.conftest import KINDS
from tests.server import Client, Server, serving

DOCUMENTS = int(os.environ.get("DOSSIER_TEST_DOCUMENTS", "800"))
MOST_FIELDS = 60
MOST_NESTED = 4
# What no document asks for otherwise, at the end of the operation and so of the answer.
INTROSPECTION = "zz: __schema { queryType { name } }"
INTROSPECTED = b'"zz":{"queryType":{"name":"Query"}}'

TEXTS = ("", "e", "CASE", "Straße", "É", "e\u0301", '\x01\x1f\x7f"\\/', "\u2028\U0001f600", "100%", "_", "İ", "nowhere")
ORDERS = {"CaseOrder": "cases", "EventOrder": "events", "FileBatchOrder": "fileBatches", "ChangeOrder": "history"}
ORDERS |= {"CommentOrder": "comments"}

Value: TypeAlias = Any
Orders: TypeAlias = tuple[str, ...]


@pytest.mark.slow
def test_both_ends_give_the_same_bytes(both: Both) -> None:
    differing, coverage = [], Coverage()
    for number in range(DOCUMENTS):
        document = Generator(both.world, Random(number), coverage).document()  # noqa: S311 - it is no secret
        for variables in document.variables:
            plain, walked = both.run(document, variables)
            coverage.used.add("refusals" if plain.refused else "answers")
            if plain.body != walked.body or b"INTERNAL_ERROR" in plain.body:
                differing.append((document, variables, plain.body, walked.body))
    if differing:
        # The shortest tells most.
        document, variables, body, other = min(differing, key=lambda found: len(found[0].text))
        pytest.fail(f"{len(differing)} differ, such as {document} with {variables}:\n{body!r}\n{other!r}")
    if DOCUMENTS >= 800:
        assert coverage.fields == reachable(executable())
        assert coverage.used == {"variables", "fragments", "pages", "refusals", "answers"}


@pytest.mark.long
def test_introspection_in_a_query_changes_nothing_else_in_the_answer(both: Both) -> None:
    for number in range(50):
        document = Generator(both.world, Random(number), Coverage()).document()  # noqa: S311 - it is no secret
        (plain, _), (walked, _) = (
            both.run(asked, document.variables[0]) for asked in (document, document.introspecting)
        )
        assert without_introspection(walked) == plain.body, document


@pytest.mark.long
def test_strawberrys_own_execution_gives_the_same_data(both: Both) -> None:
    for number in range(60):
        document = Generator(both.world, Random(number), Coverage()).document()  # noqa: S311 - it is no secret
        for variables in document.variables:
            plain, _ = both.run(document, variables)
            executed = both.execute(document, variables)
            answer = orjson.loads(plain.body)
            # What is refused is refused by each of the root fields there, and as a whole here.
            if plain.refused:
                assert executed.errors, document
                assert {*(executed.data or {}).values()} <= {None, "Query"}, document
            else:
                assert (executed.errors, {"data": executed.data}) == (None, answer), document


@pytest.mark.slow
def test_a_stream_has_the_same_bytes(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(DOCUMENTS // 2):
        document = Generator(both.world, Random(number), Coverage()).document()  # noqa: S311 - it is no secret
        for variables in document.variables:
            plain, _ = both.run(document, variables)
            with monkeypatch.context() as patched:
                # As if all that has rows were too large, and no piece small enough.
                patched.setattr("app.reading.streams._LARGE", 0)
                patched.setattr("app.reading.streams._PIECE", 0)
                # Another text is planned anew.
                streamed, walked = both.run(replace(document, text=f"{document.text} "), variables)
            assert streamed.body == walked.body == plain.body, (document, variables)


def reachable(schema: GraphQLSchema) -> set[str]:
    """Return every field of every type that a query can reach."""
    found: set[str] = set()
    ahead = [schema.type_map["Query"]]
    while ahead:
        type_ = ahead.pop()
        if isinstance(type_, GraphQLInterfaceType):
            ahead += schema.get_possible_types(type_)
        if not isinstance(type_, GraphQLObjectType) or f"{type_.name}.__typename" in found:
            continue
        found.add(f"{type_.name}.__typename")
        for name, definition in type_.fields.items():
            found.add(f"{type_.name}.{name}")
            ahead.append(get_named_type(definition.type))
    return found


def without_introspection(answer: Answer) -> bytes:
    if answer.refused:
        return answer.body
    assert answer.body.endswith(INTROSPECTED + b"}}"), answer.body
    return answer.body.removesuffix(INTROSPECTED + b"}}").removesuffix(b",") + b"}}"


# The databases


@dataclass(frozen=True)
class Document:
    """A query, with some sets of values for its variables."""

    text: str
    variables: tuple[dict[str, Value], ...]
    roles: frozenset[str]

    @property
    def introspecting(self) -> Document:
        """The same query with introspection at its end, where it moves nothing."""
        end = self.text.index("\n}")
        return replace(self, text=f"{self.text[:end]} {INTROSPECTION}{self.text[end:]}")


@dataclass(frozen=True)
class World:
    """What documents can ask for: paths of ids by type, times, and cursors by list and order."""

    paths: list[dict[str, str]]
    times: list[str]
    cursors: dict[tuple[str, Orders], list[str]]


@dataclass(frozen=True)
class Both:
    """Both ends on one database."""

    world: World
    viewer: str
    documents: Documents
    runner: asyncio.Runner

    def execute(self, document: Document, variables: dict[str, Value]) -> Any:
        """Return what Strawberry makes of a document for the viewer."""
        context = Context(self.documents.database, Viewer(self.viewer, document.roles))
        return self.runner.run(schema().execute(document.text, variables, context))

    def run(self, document: Document, variables: dict[str, Value]) -> tuple[Answer, Answer]:
        """Return the answers of the two ends to a document."""
        return self.runner.run(self._run(document, variables))

    async def _run(self, document: Document, variables: dict[str, Value]) -> tuple[Answer, Answer]:
        viewer = Viewer(self.viewer, document.roles)
        try:
            operation = await self.documents.operation(document.text, None, viewer.id)
        except RequestRefused as refused:
            raise AssertionError((str(refused), document)) from None
        # One end has the plans of earlier values at hand, the other plans anew: the values must not be mixed up.
        walked = replace(operation, introspects=True, plans=Shapes())
        return (
            await self.documents.run(operation, variables, viewer),
            await self.documents.run(walked, variables, viewer),
        )


@pytest.fixture(scope="module", params=KINDS)
def both(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Both]:
    """A database of either kind with a few rows of everything, and both ends on it."""
    # What is generated repeats a field, and puts lists in each other, more often than a client would.
    limits = {"DOSSIER_MAX_REPEATS": "50", "DOSSIER_MAX_OBJECTS": "100000000"}
    # The server is gone when the ends read: it adds to the log by itself, and what one says of that is the newest.
    with serving(request.param, new_database(request.param), **limits) as server:
        world, viewer = populate(server)
    moment = now()
    with (
        asyncio.Runner() as runner,
        opened(server, runner) as documents,
        pytest.MonkeyPatch.context() as patched,
    ):
        # Cursors of a feed have the moment at which it was read, which is one for all ends.
        for module in ("app.reading.reads", "app.execution.context"):
            patched.setattr(f"{module}.now", lambda: moment)
        yield Both(world, viewer, documents, runner)


@contextmanager
def opened(server: Server, runner: asyncio.Runner) -> Iterator[Documents]:
    database = runner.run(open_database(server.settings))
    try:
        yield Documents(server.settings, database)
    finally:
        runner.run(database.close())


def populate(server: Server) -> tuple[World, str]:
    """Make rows, some of them a stranger's; return what there is to ask for, and the viewer's id."""
    anna, stranger = server.client(name='Anna "Å"', email="a@example.org"), server.client()
    for client, texts in ((anna, TEXTS[1:5]), (stranger, TEXTS[5:7])):
        for number, text in enumerate(texts):
            case = client.create_case(title=f"Case {text}", description=text or None, status="OPEN")
            for day in range(number):
                occurred = {"occurredAt": f"2026-01-0{day // 2 + 1}T00:00:00Z", "sortOrder": -day}
                event = client.create_event(case, title=text + TEXTS[day - 4], source=text or None, **occurred)
                for place in range(day + 1):
                    given = {"fileCount": place, "sortOrder": place // 2, "fileTypes": text or None}
                    batch = client.create_batch(case, event, label=f"{text} {place}", **given)
                talk(client, case, [case, event, batch])
    viewer = anna.run("{ viewer { id } }")["viewer"]["id"]
    while anna.run("{ checkpoint { size } }")["checkpoint"] is None:
        time.sleep(0.05)
    return collect(anna, stranger, viewer), viewer


def talk(client: Client, case: str, rows: list[str]) -> None:
    """Give rows of a case tags and comments."""
    for on, text in zip(rows, TEXTS[-3:], strict=True):
        client.change("addComment", "errors { code }", caseId=case, on=on, text=text)
    client.change("addTags", "errors { code }", caseId=case, ids=rows, tags=TEXTS[1:5])


def collect(client: Client, stranger: Client, viewer: str) -> World:
    query = """
    {
      cases {
        nodes {
          id createdAt history(first: 1) { nodes { id } }
          comments { nodes { id } } events { nodes { id updatedAt occurredAt fileBatches { nodes { id } } } }
        }
      }
    }
    """
    paths: list[dict[str, str]] = []
    times = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]
    # What the stranger has is a smaller part of what is asked for.
    for reader in (client, stranger):
        for case in reader.run(query)["cases"]["nodes"]:
            times.append(case["createdAt"])
            for event in case["events"]["nodes"]:
                times += event["updatedAt"], event["occurredAt"]
                for batch in event["fileBatches"]["nodes"]:
                    ids = {"Case": case["id"], "Event": event["id"], "FileBatch": batch["id"], "User": viewer}
                    ids |= {"Change": case["history"]["nodes"][0]["id"], "Comment": case["comments"]["nodes"][0]["id"]}
                    paths.append(ids)
    return World(paths, times, {key: cursors(client, *key) for name in ORDERS for key in orders(name)})


def orders(name: str) -> Iterator[tuple[str, Orders]]:
    """Return the orders that documents ask for: none, each alone, and some together."""
    type_ = executable().type_map[name]
    assert isinstance(type_, GraphQLEnumType)
    values = tuple(type_.values)
    yield name, ()
    for place, value in enumerate(values):
        yield name, (value,)
        yield name, (value, values[(place - 3) % len(values)])


def cursors(client: Client, name: str, order: Orders) -> list[str]:
    list_ = f"{ORDERS[name]}(orderBy: [{', '.join(order)}]) {{ edges {{ cursor }} }}"
    query = {
        "cases": "{ %s }",
        "events": "{ cases { nodes { %s } } }",
        "history": "{ cases { nodes { %s } } }",
        "comments": "{ cases { nodes { %s } } }",
        "fileBatches": "{ cases { nodes { events { nodes { %s } } } } }",
    }[ORDERS[name]]
    text = json.dumps(client.run(query % list_))
    return [part.split('"')[0] for part in text.split('"cursor": "')[1:]]


# The documents


@dataclass
class Coverage:
    """What the documents have asked for so far."""

    fields: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Fragment:
    """A named fragment: the type that it is on, and how many lists are nested in it."""

    name: str
    type: str
    nested: int


class Generator:
    """Makes up a valid document.

    A field with arguments gets an alias of its own, so that no two fields of a document are in conflict;
    where it is asked for again, it is with the same arguments.
    """

    def __init__(self, world: World, random: Random, coverage: Coverage) -> None:
        self._world = world
        self._random = random
        self._coverage = coverage
        self._schema = executable()
        # Many small documents find more than a few large ones.
        self._fields = min(MOST_FIELDS, int(4 * random.paretovariate(1)))
        self._path = random.choice(world.paths)
        self._names = 0
        self._definitions: list[str] = []
        self._variables: dict[str, Value] = {}
        self._declared: list[tuple[str, Any, bool]] = []
        self._fragments: list[Fragment] = []
        self._fragment_texts: list[str] = []

    def document(self) -> Document:
        """Return a document with the values of its variables."""
        limit = self._random.choice((1, 2, 3, MOST_NESTED))
        selections, _ = self._selections("Query", limit)
        definitions = f"({', '.join(self._definitions)})" if self._definitions else ""
        # The operation is the first definition, and its end the first brace at the beginning of a line.
        text = "\n".join((f"query Made{definitions} {{ {selections}\n}}", *self._fragment_texts))
        roles = self._random.choice(((), (), ("auditor",), ("admin",)))
        sets = [self._variables, *(self._other_variables() for _ in range(1 if self._declared else 0))]
        return Document(text, tuple(sets), frozenset(roles))

    def _selections(self, type_: str, limit: int) -> tuple[str, int]:
        """Return what to ask of a type, and how many lists are nested in it."""
        made, deepest = [], 0
        for _ in range(self._random.choice((1, 2, 3, 4, 6))):
            text, nested = self._selection(type_, limit)
            made.append(text)
            deepest = max(deepest, nested)
            if self._fields <= 0:
                break
        return " ".join(made), deepest

    def _selection(self, type_: str, limit: int) -> tuple[str, int]:
        chance = self._random.random()
        if chance < 0.12:
            condition = self._condition(type_)
            selections, nested = self._selections(condition or type_, limit)
            on = f"on {condition} " if condition else ""
            return f"... {on}{self._directives()}{{ {selections} }}", nested
        if chance < 0.24:
            return self._spread(type_, limit)
        return self._field(type_, limit)

    def _condition(self, type_: str) -> str | None:
        """Return a type that objects of this type may be of, or None for no condition."""
        named = self._schema.type_map[type_]
        if isinstance(named, GraphQLInterfaceType):
            possible = [object_.name for object_ in self._schema.get_possible_types(named)]
            return self._random.choice([None, type_, *possible, *possible])
        interfaces = named.interfaces if isinstance(named, GraphQLObjectType) else ()
        conditions: list[str | None] = [None, type_, *(interface.name for interface in interfaces)]
        return self._random.choice(conditions)

    def _spread(self, type_: str, limit: int) -> tuple[str, int]:
        fitting = [known for known in self._fragments if known.type == type_ and known.nested <= limit]
        if fitting and self._random.random() < 0.6:
            fragment = self._random.choice(fitting)
        else:
            self._coverage.used.add("fragments")
            name = self._name("F")
            selections, nested = self._selections(type_, limit)
            self._fragment_texts.append(f"fragment {name} on {type_} {{ {selections} }}")
            # Known only now, so that no fragment is spread in itself.
            fragment = Fragment(name, type_, nested)
            self._fragments.append(fragment)
        return f"...{fragment.name} {self._directives()}", fragment.nested

    def _field(self, type_: str, limit: int) -> tuple[str, int]:
        self._fields -= 1
        named = self._schema.type_map[type_]
        assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
        fields: list[tuple[str, GraphQLField | None]] = [("__typename", None)]
        for name, definition in named.fields.items():
            if _is_list(definition) <= limit and (self._fields > 0 or not _is_composite(definition)):
                fields.append((name, definition))
        unseen = [each for each in fields if f"{type_}.{each[0]}" not in self._coverage.fields]
        name, definition = self._random.choice(unseen if unseen and self._random.random() < 0.5 else fields)
        self._cover(named, name)
        if definition is None:
            return f"{self._alias(0.3)}__typename {self._directives()}", 0
        arguments = self._arguments(type_, definition)
        # Of these names are fields that may be null, and others that may not; or of which other things are asked.
        apart = arguments or name in {"name", "reason", "on"}
        head = f"{self._alias(1 if apart else 0.1)}{name}{arguments} {self._directives()}"
        if not _is_composite(definition):
            return head, 0
        below = get_named_type(definition.type).name
        deepest = 0
        texts = []
        for _ in range(self._random.choice((1, 1, 1, 2))):
            selections, nested = self._selections(below, limit - _is_list(definition))
            texts.append(f"{head}{{ {selections} }}")
            deepest = max(deepest, nested + _is_list(definition))
        return " ".join(texts), deepest

    def _cover(self, type_: GraphQLNamedType, name: str) -> None:
        types = self._schema.get_possible_types(type_) if isinstance(type_, GraphQLInterfaceType) else [type_]
        self._coverage.fields.update(f"{possible.name}.{name}" for possible in types)

    def _alias(self, chance: float) -> str:
        return f"{self._name('a')}: " if self._random.random() < chance else ""

    def _directives(self) -> str:
        if self._random.random() < 0.9:
            return ""
        names = self._random.choice((["skip"], ["include"], ["include", "skip"]))
        boolean = self._schema.type_map["Boolean"]
        made = ""
        for name in names:
            # Most of what could be asked for is.
            value = (self._random.random() < 0.8) == (name == "include")
            made += f"@{name}(if: {self._input(GraphQLNonNull(boolean), value)}) "
        return made

    # Arguments: first the value, then one of the ways to write it

    def _arguments(self, type_: str, definition: GraphQLField) -> str:
        values: dict[str, Value] = {}
        connection = "orderBy" in definition.args
        order: tuple[str, Orders] | None = None
        if connection:
            self._coverage.used.add("pages")
            order = self._random.choice(list(orders(get_named_type(definition.args["orderBy"].type).name)))
        for name, argument in definition.args.items():
            if is_required_argument(argument) or self._random.random() < 0.5:
                values[name] = self._argument(name, argument, _subject(name, type_, definition))
        if order is not None:
            self._page(values, order)
        members = (f"{name}: {self._input(definition.args[name].type, value)}" for name, value in values.items())
        made = ", ".join(members)
        return f"({made})" if made else ""

    def _page(self, values: dict[str, Value], order: tuple[str, Orders]) -> None:
        """Make the arguments of a connection agree with each other, mostly."""
        if order[1] or "orderBy" in values:
            values["orderBy"] = list(order[1]) or ([] if self._random.random() < 0.5 else None)
        known = self._world.cursors[order]
        for name in ("after", "before"):
            if values.get(name) is not None and self._random.random() < 0.95:
                values[name] = self._random.choice(known)
        if "first" in values and "last" in values and self._random.random() < 0.95:
            del values[self._random.choice(("first", "last"))]

    def _argument(self, name: str, argument: GraphQLArgument, subject: str) -> Value:
        if name in {"first", "last"}:
            return self._random.choice((1, 1, 2, 2, 3, 100, None, 0 if self._random.random() < 0.3 else 1))
        if name in {"after", "before"}:
            return self._random.choice((None, "5b5d", "x"))
        return self._value(argument.type, subject)

    def _value(self, type_: Any, subject: str = "") -> Value:
        if isinstance(type_, GraphQLNonNull):
            return (
                self._value(type_.of_type, subject) if (value := self._maybe(type_.of_type, subject)) is None else value
            )
        return self._maybe(type_, subject) if self._random.random() < 0.9 else None

    def _maybe(self, type_: Any, subject: str) -> Value:
        if isinstance(type_, GraphQLList):
            return [self._value(type_.of_type, subject) for _ in range(self._random.choice((0, 1, 2, 3)))]
        if isinstance(type_, GraphQLEnumType):
            return self._random.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            if type_.is_one_of:
                name = self._random.choice([*type_.fields])
                return {name: self._value(GraphQLNonNull(type_.fields[name].type))}
            chosen = [name for name in type_.fields if self._random.random() < 0.35]
            return {name: self._names_of(name) or self._value(type_.fields[name].type) for name in chosen}
        pools: dict[str, Sequence[Value]] = {
            "ID": self._ids(subject),
            "DateTime": self._world.times,
            "String": TEXTS,
            "Boolean": (True, False),
            "Int": (1, 2, 3, 100),
        }
        return self._random.choice(pools[type_.name])

    def _names_of(self, field: str) -> list[str] | None:
        """Return names for a field of a filter that takes only those that there are, mostly."""
        names = {"types": ("CASE", "EVENT", "COMMENT", "MEMBER"), "fields": ("title", "label", "role")}.get(field)
        if names is None or self._random.random() < 0.1:
            return None
        return [self._random.choice(names) for _ in range(self._random.choice((1, 2)))]

    def _ids(self, subject: str) -> Sequence[str]:
        """Return ids for a field, mostly along one path, so that look-ups find something in each other."""
        chance = self._random.random()
        if chance < 0.1:
            return ("", "no id", "00000000-0000-7000-8000-000000000000")
        path = self._path if chance < 0.8 else self._random.choice(self._world.paths)
        return (path[subject],) if subject in path else tuple(path.values())

    def _input(self, type_: Any, value: Value) -> str:
        """Return one of the ways to write a value: as it is, as a variable, or with variables in it."""
        chance = self._random.random()
        if chance < 0.75:
            return self._literal(type_, value)
        self._coverage.used.add("variables")
        name = self._name("v")
        declared, optional = f"${name}: {type_}", not isinstance(type_, GraphQLNonNull)
        if chance < 0.85 and value is not None:
            # The default holds where the variable is left out.
            nullable = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
            declared, optional = f"${name}: {nullable} = {_constant(type_, value)}", True
        elif chance < 0.9 and value is None:
            pass
        else:
            self._variables[name] = value
        self._definitions.append(declared)
        self._declared.append((name, type_, optional))
        return f"${name}"

    def _other_variables(self) -> dict[str, Value]:
        """Return values for the variables, some of them as they were, some other ones, some left out."""
        values = dict(self._variables)
        for name, type_, optional in self._declared:
            chance = self._random.random()
            if chance < 0.2 and optional:
                values.pop(name, None)
            elif chance < 0.6 and get_named_type(type_).name != "String":  # it may be a cursor
                values[name] = self._value(type_)
        return values

    def _literal(self, type_: Any, value: Value) -> str:
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        if isinstance(type_, GraphQLList) and isinstance(value, list):
            if len(value) == 1 and self._random.random() < 0.5:
                return self._literal(type_.of_type, value[0])  # a list of one may be written as its element
            return f"[{', '.join(self._input(type_.of_type, element) for element in value)}]"
        if isinstance(type_, GraphQLInputObjectType) and value is not None:
            # A variable that stands where exactly one is given may not be null, nor have a default.
            write = self._literal if type_.is_one_of else self._input
            members = (f"{name}: {write(type_.fields[name].type, part)}" for name, part in value.items())
            return f"{{{', '.join(members)}}}"
        return _constant(type_, value)

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"


def _constant(type_: Any, value: Value) -> str:
    named = get_named_type(type_)
    if isinstance(value, list):
        return f"[{', '.join(_constant(type_, element) for element in value)}]"
    if isinstance(value, dict):
        assert isinstance(named, GraphQLInputObjectType)
        return f"{{{', '.join(f'{name}: {_constant(named.fields[name].type, part)}' for name, part in value.items())}}}"
    if isinstance(named, GraphQLEnumType) and value is not None:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _subject(argument: str, type_: str, definition: GraphQLField) -> str:
    """Return the type whose ids an argument takes, as far as its name tells."""
    subjects = {"caseId": "Case", "eventId": "Event", "id": get_named_type(definition.type).name}
    return subjects.get(argument, type_)


def _is_composite(definition: GraphQLField) -> bool:
    return isinstance(get_named_type(definition.type), GraphQLObjectType | GraphQLInterfaceType)


def _is_list(definition: GraphQLField) -> int:
    """Return whether a field counts as a list or look-up, of which only a few may be nested."""
    named = get_named_type(definition.type).name
    if named == "Node" and not definition.args:
        return 2
    return int(bool(definition.args) or named == "CaseMember")
