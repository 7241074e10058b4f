"""What there is to try, derived from the schema: documents that reach every field in every way, and who tries them.

A document names what it is about by variables only. Run with the ids, cursors and texts of something that
exists, or with others of the same form that never did, its two answers say what the caller could tell apart.
"""

from __future__ import annotations

import itertools
import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeAlias, TypeVar

import httpx
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

from app.evidence.entries import HASHES
from app.reading.nouns import Few, Named, lead_of
from app.reading.statements import MAX_NESTING
from app.values import new_id
from tests.server import Client, Server
from tests.test_ownership import execute, grant

Values: TypeAlias = dict[str, Any]
T = TypeVar("T")
Input: TypeAlias = GraphQLArgument | GraphQLInputField

CALLERS = (
    "anonymous",
    "old token",
    "stranger",
    "ended role",
    "VIEWER",
    "CONTRIBUTOR",
    "EDITOR",
    "OWNER",
    "auditor",
    "admin",
)
MEMBERS = CALLERS[4:8]

PAGE = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } }"
"""What is asked of a list when it is tried by itself."""

FEED = "endCursor upToDate entries { cursor kind caseId change { id seq } }"
"""What is asked of a feed then."""

_LEAVES = 300  # in a document
_LAST_STEPS = 4  # as in Case.events, EventConnection.edges, EventEdge.node, Event.title
AT_ONCE = 8
"""How many calls of the same field a document makes."""
_VARIABLES = {"Case": "case", "Event": "event", "FileBatch": "batch", "User": "user", "Change": "change"}
_VARIABLES |= {"Hold": "hold", "Deleted": "deleted", "Comment": "comment", "File": "file"}
_LISTS = (
    "cases",
    "events",
    "fileBatches",
    "batchesOfCase",
    "history",
    "trash",
    "comments",
    "search",
    "files",
    "filesByHash",
)
# What a mutation is about, where its name doesn't say that.
_ABOUT = {"restore": "Deleted", "purge": "Deleted"}
_CURSORS = tuple(f"cursor_{name}" for name in _LISTS)
NAMED = ("case", "event", "batch", "user", "change", "hold", "comment", "file")
_TYPES = dict.fromkeys(NAMED, "ID!") | dict.fromkeys(("text", "hash", "cursor", *_CURSORS, "cursor_changes"), "String!")
_TYPES["moment"] = "DateTime!"
# A way through the schema passes no type twice, but for the one that leads up and so back to where it came from.
_PASSES = {"fileBatch": 2}


# The documents


@dataclass(frozen=True)
class Document:
    """A document for one root field; `covers` are the fields and arguments that it tries, as `Case.events.first`."""

    root: str
    text: str
    covers: frozenset[str]


def reading_documents(schema: GraphQLSchema, deepest: int = MAX_NESTING) -> list[Document]:
    """Return documents that reach every field of the schema, every row by every way, and try every argument.

    No way passes more than `deepest` lists in each other, which has to leave a way to every field.
    """
    assert schema.query_type is not None
    documents = []
    for name, definition in schema.query_type.fields.items():
        unused = MAX_NESTING - deepest
        ways = _told_once(_ways(schema, "Query", name, definition, Counter(), unused, _PASSES.get(name, 1)))
        # With the first way each: what else is asked for may be null of whatever there is.
        documents += [_document(name, [*some, ways[0]]) for some in chunks(ways, _LEAVES)]
        if "asOf" in definition.args:
            # As it was, which takes a level more.
            ways = _told_once(_ways(schema, "Query", name, definition, Counter(), max(unused, 1), _PASSES.get(name, 1)))
            asked = [replace(way, steps=(_as_it_was(way.steps[0]), *way.steps[1:])) for way in ways]
            documents += [_document(name, [*some, asked[0]]) for some in chunks(asked, _LEAVES)]
    return [*documents, *_argument_documents(schema)]


@dataclass(frozen=True)
class _Way:
    """A way from the query to a leaf: what is written for each step, and which fields and arguments it takes."""

    steps: tuple[str, ...]
    fields: tuple[str, ...]
    covers: frozenset[str]


def _told_once(ways: Iterable[_Way]) -> list[_Way]:
    """Return ways without those to what a row holds that was asked for after the same last steps to such a row.

    Whoever gets a row gets all of it, so that by any other way it is enough to ask which row it is.
    """
    kept: dict[Hashable, _Way] = {}
    for way in ways:
        names_it = way.steps[-1] in {"__typename", "id"}
        kept.setdefault(way.steps if names_it else way.fields[-_LAST_STEPS:], way)
    return [*kept.values()]


def _ways(
    schema: GraphQLSchema,
    type_: str,
    name: str,
    definition: GraphQLField,
    passed: Counter[str],
    nested: int,
    passes: int,
) -> Iterator[_Way]:
    target = get_named_type(definition.type)
    nested += is_nested(definition)
    if nested > MAX_NESTING:
        return
    if type_ in {"ChangeSubject", "SearchHit"} or (type_, name) == ("Comment", "on"):
        # What a change was made to, or a comment is on, is tried as such, and not again with all that other ways lead
        # to: every row has a history and comments, so that there are too many ways.
        nested = MAX_NESTING
    if name in {"trash", "comments"}:
        passed = passed + Counter({"Change": passes})  # what is in it is tried as history, or as a node
    possible = possible_types(schema, target)
    if not possible:
        yield _Way((name,), (f"{type_}.{name}",), frozenset({f"{type_}.{name}"}))
    for object_ in possible:
        if passed[object_.name] >= passes:
            continue
        written, covers = _call(type_, name, definition, object_.name)
        steps = (written,) if object_ is target else (f"{name}_{object_.name}: {written}", f"... on {object_.name}")
        below = {"__typename": GraphQLField(schema.type_map["String"])} | object_.fields  # type: ignore[arg-type]
        if type_ in {"ChangeSubject", "ChangeEdge"}:
            below = {child: of for child, of in below.items() if not possible_types(schema, get_named_type(of.type))}
        for child, of_child in below.items():
            ways = _ways(schema, object_.name, child, of_child, passed + Counter([object_.name]), nested, passes)
            for way in ways:
                yield _Way((*steps, *way.steps), (f"{type_}.{name}", *way.fields), covers | way.covers)


def _call(type_: str, name: str, definition: GraphQLField, target: str) -> tuple[str, frozenset[str]]:
    """Return a field with the arguments that it needs, or else a small page; and what that tries."""
    given = {argument: f"${variable_of(argument, target)}" for argument in ("caseId", "eventId", "id")}
    arguments = {argument: given[argument] for argument in definition.args if argument in given}
    if "ids" in definition.args:
        arguments["ids"] = f"[${_VARIABLES[target]}]"
    if "first" in definition.args:
        arguments["first"] = "2"
    if name == "cases":
        arguments["where"] = "{text: $text}"
    for each in {"search": ("text",), "filesByHash": ("hash",)}.get(name, ()):
        arguments[each] = f"${each}"
    if "by" in definition.args:
        arguments["by"] = "DAY"
    assert {argument for argument, of in definition.args.items() if is_required_argument(of)} <= {*arguments}
    return write_call(name, arguments), frozenset(
        {f"{type_}.{name}", *(f"{type_}.{name}.{argument}" for argument in arguments)}
    )


def _as_it_was(call: str) -> str:
    return f"{call.removesuffix(')')}, asOf: {{at: $moment}})"


def write_call(name: str, arguments: Values) -> str:
    return name + (f"({', '.join(f'{key}: {value}' for key, value in arguments.items())})" if arguments else "")


def variable_of(argument: str, target: str) -> str:
    """Return the variable for an argument that is an id, by what the field leads to."""
    names = {"caseId": "case", "eventId": "event", "fileBatchId": "batch", "id": _VARIABLES.get(target, "")}
    return (names | {"on": "object", "ids": "object"}).get(argument, "")


def _document(root: str, ways: Sequence[_Way]) -> Document:
    tree: Values = {}
    for way in ways:
        below = tree
        for step in way.steps:
            below = below.setdefault(step, {})
    return Document(root, query_of(_written(tree)), frozenset().union(*(way.covers for way in ways)))


def _written(tree: Values) -> str:
    return " ".join(f"{step} {{ {_written(below)} }}" if below else step for step, below in tree.items())


def query_of(selection: str) -> str:
    """Return a query that declares the variables that it mentions."""
    declared = ", ".join(f"${name}: {type_}" for name, type_ in _TYPES.items() if re.search(rf"\${name}\b", selection))
    return f"query{f' ({declared})' if declared else ''} {{ {selection} }}"


def _argument_documents(schema: GraphQLSchema) -> Iterator[Document]:
    """Yield documents that try each argument that may be left out, alone, with each of its values."""
    above = {"Query": "{}", "Case": "case(id: $case) {{ {} }}", "Event": "event(caseId: $case, id: $event) {{ {} }}"}
    above["FileBatch"] = "fileBatch(caseId: $case, eventId: $event, id: $batch) {{ {} }}"
    above["Comment"] = "node(id: $comment) {{ ... on Comment {{ {} }} }}"
    for type_, name, definition in fields(schema):
        optional = {} if type_ == "Mutation" else definition.args
        calls = [
            (_narrowed(name, definition, argument, value), frozenset({f"{type_}.{name}.{argument}", tried}))
            for argument, of in optional.items()
            if not is_required_argument(of)
            for tried, value in _argument_values(argument, of, f"$cursor_{_list_of(type_, name)}")
        ]
        for some in chunks(calls, AT_ONCE):
            below = FEED if name == "changes" else PAGE if "first" in definition.args else "id"
            below = PAGE.replace("node { id }", "node { kind }") if name == "search" else below
            below = "from count" if name == "eventCounts" else below
            pages = (f"a{place}: {call} {{ {below} }}" for place, (call, _) in enumerate(some))
            of_type = "node" if type_ == "Comment" else type_[0].lower() + type_[1:]
            root = name if type_ == "Query" else of_type
            covers = frozenset[str]().union(*(covered for _, covered in some))
            yield Document(root, query_of(above[type_].format(" ".join(pages))), covers)


def _list_of(type_: str, name: str) -> str:
    """Return what a list's cursors are called: those of all batches of a case are of another order than an event's."""
    return "batchesOfCase" if (type_, name) == ("Case", "fileBatches") else name


def _narrowed(name: str, definition: GraphQLField, argument: str, value: str) -> str:
    """Return a field with an argument, and what it needs; some may list all cases, which is narrowed to the one."""
    target = get_named_type(definition.type).name
    needed = ["caseId"] if name == "changes" else []
    needed += [each for each, of in definition.args.items() if is_required_argument(of)]
    arguments = {each: "DAY" if each == "by" else f"${variable_of(each, target) or each}" for each in needed}
    arguments[argument] = value
    if name == "cases" and "$text" not in value:
        members = value.strip("{}") if argument == "where" else ""
        arguments["where"] = f"{{text: $text, {members}}}"
    return write_call(name, arguments)


def _argument_values(name: str, of: Input, cursor: str) -> Iterator[tuple[str, str]]:
    """Yield values to try for an argument, with what else they cover."""
    named = get_named_type(of.type)
    if isinstance(named, GraphQLInputObjectType):
        for member, of_member in named.fields.items():
            for _, value in _argument_values(member, of_member, cursor):
                yield f"{named.name}.{member}", f"{{{member}: {value}}}"
    elif isinstance(named, GraphQLEnumType) and name == "orderBy":
        yield from ((name, f"[{value}]") for value in named.values)
    elif isinstance(named, GraphQLEnumType):
        yield name, f"[{', '.join(named.values)}]"
    elif name in {"after", "before"} and named.name == "String":
        yield name, cursor
    else:
        written = {
            "text": "$text",
            "hash": "$hash",
            "caseId": "$case",
            "first": "1",
            "last": "1",
            "accepted": "true",
            "seq": "3",
            "at": "$moment",
            "byId": "$user",
            "fileTypes": '"PDF"',
            "types": '["CASE", "EVENT", "FILE_BATCH"]',
            "fields": '["title", "label"]',
            "tags": "[$text]",
        }.get(name)
        yield name, written or json.dumps("2001-01-01T00:00:00Z" if name.lower().endswith("from") else _TIME)


# The schema


def fields(schema: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    """Yield every field of every type, interfaces aside: what they have, their types have."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, definition in type_.fields.items():
                yield type_.name, name, definition


def to_be_tried(schema: GraphQLSchema) -> set[str]:
    """Return every field, argument and member of an input that a query can ask for."""
    found: set[str] = set()
    ahead: list[GraphQLNamedType] = [schema.type_map["Query"]]
    while ahead:
        type_ = ahead.pop()
        if isinstance(type_, GraphQLInputObjectType):
            found |= {f"{type_.name}.{name}" for name in type_.fields}
        for object_ in possible_types(schema, type_):
            for name, definition in object_.fields.items():
                if f"{object_.name}.{name}" in found:
                    continue
                found.add(f"{object_.name}.{name}")
                found |= {f"{object_.name}.{name}.{argument}" for argument in definition.args}
                ahead += [get_named_type(of.type) for of in (definition, *definition.args.values())]
    return found


def chunks(all_: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield as many at a time."""
    return (all_[at : at + size] for at in range(0, len(all_), size))


def possible_types(schema: GraphQLSchema, type_: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
    if isinstance(type_, GraphQLInterfaceType):
        return schema.get_possible_types(type_)
    return [type_] if isinstance(type_, GraphQLObjectType) else []


def is_nested(definition: GraphQLField) -> int:
    """How deep a field takes one: a list or a look-up, of which only so many may be nested, or what another is on."""
    if isinstance(lead_of(definition), Few | Named):
        return 1
    of = definition.type.of_type if isinstance(definition.type, GraphQLNonNull) else definition.type
    named = get_named_type(of).name
    if named == "Node" and not definition.args:
        return 2
    return int(bool(definition.args) or (isinstance(of, GraphQLList) and named == "CaseMember"))


@dataclass(frozen=True)
class Address:
    """A way to name something by several ids: look-ups in each other, of which each takes some of the ids."""

    lookups: tuple[tuple[str, dict[str, str]], ...]

    @property
    def nouns(self) -> tuple[str, ...]:
        """What the ids are of."""
        return tuple(noun for _, ids in self.lookups for noun in ids.values())

    def document(self, times: int) -> str:
        """Return a query with as many such look-ups, for the ids in the variables `i0`, `i1` and so on."""
        numbers = itertools.count()
        written = []
        for time in range(times):
            calls = [
                write_call(name, {argument: f"$i{next(numbers)}" for argument in ids}) for name, ids in self.lookups
            ]
            written.append(f"a{time}: {' { '.join(calls)} {{ id }}{' }' * (len(calls) - 1)}")
        declared = ", ".join(f"$i{number}: ID!" for number in range(next(numbers)))
        return f"query ({declared}) {{ {' '.join(written)} }}"

    def answer(self, path: Sequence[str], exists: Callable[[Sequence[str]], bool]) -> Values | None:
        """Return what a path must lead to; `exists` says whether the beginning of a path is right."""
        return self._reached(path, exists, 0, 0)

    def _reached(
        self, path: Sequence[str], exists: Callable[[Sequence[str]], bool], step: int, taken: int
    ) -> Values | None:
        taken += len(self.lookups[step][1])
        if not exists(path[:taken]):
            return None
        if taken == len(path):
            return {"id": path[-1].lower()}
        return {self.lookups[step + 1][0]: self._reached(path, exists, step + 1, taken)}


def reading_addresses(schema: GraphQLSchema) -> list[Address]:
    """Return every way to look something up by two ids or more."""
    ways = _lookups(schema.type_map["Query"], ())
    return [address for address in ways if len(address.nouns) > 1]


def _lookups(type_: GraphQLNamedType, above: tuple[tuple[str, dict[str, str]], ...]) -> Iterator[Address]:
    """Yield every way through fields that take nothing but the ids of what they lead to."""
    for name, definition in type_.fields.items() if isinstance(type_, GraphQLObjectType) else ():
        target = get_named_type(definition.type)
        needed = (argument for argument, of in definition.args.items() if is_required_argument(of))
        ids = {argument: variable_of(argument, target.name) for argument in needed}
        if ids and all(ids.values()):
            yield Address((*above, (name, ids)))
            yield from _lookups(target, (*above, (name, ids)))


# The mutations


_TIME = "2099-01-01T00:00:00Z"


@dataclass(frozen=True)
class Mutation:
    """A mutation with the inputs to try: the least that it takes, then that with each other member given as well.

    `fullest` is an input with all members but an expected version.
    """

    name: str
    input_type: str
    selection: str
    ids: dict[str, str]
    inputs: tuple[Values, ...]
    fullest: Values

    def document(self, times: int) -> str:
        """Return a document that makes the change as many times, from the variables `i0`, `i1` and so on."""
        declared = ", ".join(f"$i{place}: {self.input_type}!" for place in range(times))
        calls = (f"a{place}: {self.name}(input: $i{place}) {{ {self.selection} }}" for place in range(times))
        return f"mutation ({declared}) {{ {' '.join(calls)} }}"

    def input(self, given: Values, values: Values) -> Values:
        """Return an input about something; `values` as in World."""
        named = {argument: values[variable] for argument, variable in self.ids.items()}
        if "items" in given:
            # Each names the event that it is about, where it names one.
            given = {**given, "items": [{**item, **_named(item, values)} for item in given["items"]]}
        fresh = {"subject": values["subject"], "requestId": new_id(), "confirm": values.get("confirm", "Changed")}
        return named | {name: fresh.get(name, value) for name, value in given.items()}


def _named(item: Values, values: Values) -> Values:
    return {"eventId": values["event"]} if "eventId" in item else {}


def mutations(schema: GraphQLSchema) -> list[Mutation]:
    """Return every mutation of the schema."""
    assert schema.mutation_type is not None
    made = []
    for name, definition in schema.mutation_type.fields.items():
        (argument,) = definition.args.values()
        type_ = get_named_type(argument.type)
        assert isinstance(type_, GraphQLInputObjectType)
        target = _ABOUT.get(name) or re.sub("^[a-z]+", "", name)  # what the verb is about
        ids = {
            member: variable_of(member, target)
            for member, of in type_.fields.items()
            if get_named_type(of.type).name == "ID" and member != "requestId"
        }
        values = {member: _input_value(member, of) for member, of in type_.fields.items() if member not in ids}
        least = {member: values[member] for member in values if is_required_input_field(type_.fields[member])}
        inputs = (least, *(least | {member: value} for member, value in values.items() if member not in least))
        fullest = {member: value for member, value in values.items() if member != "expectedVersion"}
        payload = get_named_type(definition.type)
        assert isinstance(payload, GraphQLObjectType)
        selection = _payload(schema, payload)
        made.append(Mutation(name, type_.name, selection, ids, inputs, fullest))
    return made


def _input_value(name: str, of: Input) -> Any:
    named = get_named_type(of.type)
    if isinstance(named, GraphQLEnumType):
        return [*named.values][-1]
    if isinstance(named, GraphQLInputObjectType):
        return [{member: _input_value(member, of_member) for member, of_member in named.fields.items()}]
    if name == "eventId":
        return ""  # see Mutation.input
    if name == "requestId":
        return None  # a new one each time, see Mutation.input
    if name == "utcOffset":
        return "+01:00"
    if name == "issuer":
        return ""  # of all whom the shared secret vouches for
    if name in {"seqs", "fields", "preview", "tags", "pathBytes"}:
        return {"seqs": [1], "fields": ["title"], "preview": False, "tags": ["changed"]}.get(name)
    if name in HASHES:
        return "ab" * HASHES[name]
    numbers = {"Int": 7 if name == "expectedVersion" else 1, "BigInt": 1}
    return {"String": "Changed", "DateTime": _TIME, **numbers}[named.name]


def _payload(schema: GraphQLSchema, type_: GraphQLObjectType, *, below: bool = True) -> str:
    """Return what can be asked of a payload, down to the columns of what it holds."""
    asked = ["__typename"]
    for name, definition in type_.fields.items():
        target = get_named_type(definition.type)
        possible = possible_types(schema, target)
        if not possible:
            asked.append(name)
        elif target.name == "Node":
            asked.append(f"{name} {{ __typename id }}")
        elif below and target is possible[0]:
            asked.append(f"{name} {{ {_payload(schema, possible[0], below=False)} }}")
        elif below:
            on = (f"... on {object_.name} {{ {_payload(schema, object_, below=False)} }}" for object_ in possible)
            asked.append(f"{name} {{ {' '.join(on)} }}")
    return " ".join(asked)


# Who tries them


@dataclass
class Caller:
    """Someone who tries; `headers` are what they send along."""

    name: str
    client: Client
    headers: dict[str, str]
    http: httpx.Client

    def post(self, text: str, variables: Values) -> httpx.Response:
        """Return the response to a document."""
        return self.http.post("/graphql", json={"query": text, "variables": variables}, headers=self.headers)

    def ask(self, text: str, values: Values) -> httpx.Response:
        """Return the response to a document, run with those of the values that it has variables for."""
        return self.post(text, {name: value for name, value in values.items() if f"${name}:" in text})


@dataclass
class World:
    """A case with all that can be in one, who may call, and values that name it or nothing.

    `present` are the values of what is in the case, `missing` others of the same form that name nothing.
    `salt` stands before every document: another salt, and the server has never seen it.
    """

    server: Server
    callers: dict[str, Caller]
    owner: Caller
    present: Values
    missing: Values
    salt: str

    @property
    def ids(self) -> list[str]:
        """The ids of what is in the case."""
        return [self.present[name] for name in NAMED]

    def answer(self, caller: Caller, text: str, *, present: bool) -> bytes:
        """Return the whole answer to a document about what is there, or about what never was."""
        return whole(caller.ask(self.salt + text, self.values(caller, present=present)))

    def values(self, caller: Caller, *, present: bool) -> Values:
        """Return the values of what is there, or of what never was; whoever sees all cases has feeds of their own."""
        values = self.present if present else self.missing
        if caller.name not in {"auditor", "admin"}:
            return values
        tag, stamp, *place = json.loads(bytes.fromhex(values["cursor_changes"]))
        return values | {"cursor_changes": json.dumps([tag, f"{stamp}*", *place]).encode().hex()}

    def path(self) -> Values:
        """Return the values of another case, in which the members have the same roles and have yet to take them up."""
        values = make_case(self.owner.client, "Canal", days=1) | {"subject": self.present["subject"]}
        copy = f"""
            INSERT INTO case_members (case_id, user_id, role, expires_at, given_by)
            SELECT '{values["case"]}', user_id, role, expires_at, '{self.present["user"]}' FROM case_members
            WHERE case_id = '{self.present["case"]}' AND user_id <> '{self.present["user"]}'
        """  # noqa: S608
        execute(self.server, copy)
        return values

    def join(self, case: str) -> None:
        """Give every caller who is a member their role in a case."""
        for role in MEMBERS:
            if self.callers[role] is not self.owner:
                grant(self.server, case, self.callers[role].client, role)
        grant(self.server, case, self.callers["ended role"].client, "OWNER", expires_in=timedelta(seconds=-1))
        grant(self.server, case, self.server.client(self.present["subject"]), "VIEWER")


def whole(response: httpx.Response) -> bytes:
    """Return what a caller can see of a response."""
    return f"{response.status_code} {response.headers['content-type']}\n".encode() + response.content


def make_world(server: Server, salt: str = "") -> World:
    """Make a case and those who call; and another case, so that there is always more than one may see."""
    alice = server.client(name="Alice", email="alice@example.org")
    make_case(server.client(), "Canal")
    callers = {
        "stranger": server.client(),
        "ended role": server.client(),
        **{role: server.client() for role in MEMBERS[:-1]},
        "OWNER": alice,
        "auditor": server.client(roles=("auditor",)),
        "admin": server.client(roles=("admin",)),
    }
    known = {name: Caller(name, client, client.headers, server.http) for name, client in callers.items()}
    old = server.client(alice.subject, lifetime=timedelta(hours=-1))
    outside = {
        "anonymous": Caller("anonymous", alice, {}, server.http),
        "old token": Caller("old token", alice, old.headers, server.http),
    }
    target, title = server.client(), f"Aqueduct of {alice.subject}."
    values = make_case(alice, title) | {"subject": target.subject, "text": title.upper()}
    values["user"] = alice.run("{ viewer { id } }")["viewer"]["id"]
    changes = "query ($case: ID!) { case(id: $case) { history(orderBy: SEQ_ASC) { nodes { id } } } }"
    values["change"] = alice.run(changes, case=values["case"])["case"]["history"]["nodes"][0]["id"]
    missing = {name: new_id() for name in (*NAMED, "deleted", "object")}
    missing |= {"subject": f"nobody-{new_id()}", "text": "no such text", "hash": sha256(b"no such file").hexdigest()}
    values["moment"] = missing["moment"] = alice.run(
        "query ($case: ID!) { case(id: $case) { history(first: 1) { nodes { at } } } }", case=values["case"]
    )["case"]["history"]["nodes"][0]["at"]
    for name, cursor in cursors(alice, values).items():
        values[f"cursor_{name}"], missing[f"cursor_{name}"] = cursor, forged(cursor)
    for ids in (values, missing):
        feed = alice.run(f"query ($case: ID!) {{ changes(caseId: $case, first: 1) {{ {FEED} }} }}", case=values["case"])
        tag, stamp, _, place = json.loads(bytes.fromhex(feed["changes"]["endCursor"]))
        ids["cursor_changes"] = json.dumps([tag, stamp, ids["case"], place]).encode().hex()
    world = World(server, outside | known, known["OWNER"], values, missing, salt)
    world.join(values["case"])
    return world


def make_case(owner: Client, title: str, *, days: int = 2) -> Values:
    """Create a case with events, and as many batches of each; return its id and those of the first of each."""
    case = owner.create_case(title=title, description="Where the water goes", reference="AQ-1")
    ids = []
    for day in range(1, days + 1):
        event = owner.create_event(case, title=title, occurredAt=f"2026-01-0{day}T00:00:00Z", type="FINDING")
        given = {"label": title, "fileTypes": ".pdf"}
        ids += [(event, owner.create_batch(case, event, sortOrder=place, **given)) for place in range(days)]
    event, batch = ids[0]
    named = {"case": case, "event": event, "batch": batch, **_list_files(owner, case, event, batch, title)}
    return {**named, **_talk(owner, case, event, title), **_make_kept(owner, case)}


def _list_files(owner: Client, case: str, event: str, batch: str, title: str) -> Values:
    """Let a batch have the manifest of one file, with all that can be said of it; return the file's id and hash."""
    hashes = {name: sha256(title.encode()).hexdigest()[: 2 * length] for name, length in HASHES.items()}
    path = {"path": f"{title}\\xff", "pathBytes": b64encode(title.encode() + b"\xff").decode()}
    file = {**path, "size": 5_000_000_000, "modifiedAt": _TIME, **hashes}
    named = {"caseId": case, "eventId": event, "fileBatchId": batch}
    added = owner.change("addFiles", "fileBatch { files { nodes { id } } } errors { message }", **named, files=[file])
    assert owner.change("finishManifest", "errors { code }", **named, fileCount=1)["errors"] == []
    return {"file": added["fileBatch"]["files"]["nodes"][0]["id"], "hash": hashes["sha256"]}


def _talk(owner: Client, case: str, event: str, title: str) -> Values:
    """Let something of a case have tags and comments; return the ids of a comment, and of what it is on."""
    given = {"caseId": case, "ids": [case, event], "tags": [title[:50].upper(), "removed"]}
    assert owner.change("addTags", "errors { message }", **given)["errors"] == []
    comments = []
    for text in ("First", "Second"):
        payload = owner.change("addComment", "comment { id } errors { code }", caseId=case, on=event, text=text)
        comments.append(payload["comment"]["id"])
    return {"comment": comments[0], "object": event}


def _make_kept(owner: Client, case: str) -> Values:
    """Let something of a case be deleted, and a hold be placed and released; return their ids."""
    deleted = owner.create_event(case)
    assert owner.change("deleteEvent", "errors { code }", caseId=case, id=deleted)["errors"] == []
    hold = owner.change("placeHold", "hold { id }", caseId=case, name="A hold", reason="Why not")["hold"]["id"]
    released = owner.change("releaseHold", "errors { code }", caseId=case, id=hold, reason="It was")
    assert released["errors"] == []
    return {"deleted": deleted, "hold": hold}


def prepare(world: World, name: str, values: Values) -> Values:
    """Let a change be one that can be made; return what is new of the values."""
    client, case = world.owner.client, values["case"]
    match name:
        case "removeTags":
            client.change("addTags", "errors { code }", caseId=case, ids=[values["object"]], tags=["CHANGED"])
        case "addFiles" | "finishManifest":
            batch = client.create_batch(case, values["event"])
            if name == "finishManifest":
                given = {"caseId": case, "eventId": values["event"], "fileBatchId": batch}
                client.change(
                    "addFiles", "errors { code }", **given, files=[{"path": "a", "size": 0, "sha256": "00" * 32}]
                )
            return {"batch": batch}
        case "unsealCase":
            client.change("sealCase", "errors { code }", id=case, reason="Done")
        case "releaseHold":
            return {"hold": client.change("placeHold", "hold { id }", caseId=case, name="H", reason="R")["hold"]["id"]}
        case "erase":
            client.change("updateCase", "errors { code }", id=case, title="Another title")
        case "purge":
            admin, given = world.callers["admin"].client, {"caseId": case, "id": values["deleted"], "reason": "R"}
            return {"confirm": admin.change("purge", "preview", **given)["preview"]["confirm"]}
    return {}


def cursors(client: Client, values: Values) -> Values:
    """Return a cursor of each list, by its name."""
    query = """
    query ($case: ID!, $event: ID!, $batch: ID!, $text: String!, $hash: String!) {
      cases(where: {text: $text}) { pageInfo { startCursor } }
      fileBatch(caseId: $case, eventId: $event, id: $batch) { files { pageInfo { startCursor } } }
      filesByHash(hash: $hash) { pageInfo { startCursor } }
      search(text: $text) { pageInfo { startCursor } }
      case(id: $case) { events { pageInfo { startCursor } } }
      event(caseId: $case, id: $event) {
        fileBatches { pageInfo { startCursor } } comments { pageInfo { startCursor } }
      }
      about: case(id: $case) {
        fileBatches { pageInfo { startCursor } } history { pageInfo { startCursor } } trash { pageInfo { startCursor } }
      }
    }
    """
    found = client.run(query, **{name: values[name] for name in ("case", "event", "batch", "text", "hash")})
    lists = [found["cases"], found["case"]["events"], found["event"]["fileBatches"]]
    lists += [found["about"][name] for name in ("fileBatches", "history", "trash")]
    lists += [found["event"]["comments"], found["search"], found["fileBatch"]["files"], found["filesByHash"]]
    return {name: list_["pageInfo"]["startCursor"] for name, list_ in zip(_LISTS, lists, strict=True)}


def forged(cursor: str) -> str:
    """Return the cursor of a row that never was, beside the other in the list: the last digit of the id differs."""
    *keys, identifier = json.loads(bytes.fromhex(cursor))
    assert len(identifier) == 36
    other = f"{identifier[:-1]}{int(identifier[-1], 16) ^ 1:x}"
    return json.dumps([*keys, other], separators=(",", ":")).encode().hex()
