"""What a server in production does not tell: its schema, by whatever way one asks for it.

The documents are those of the tools that attackers use: graphql-cop, which looks for what servers allow by default,
and clairvoyance, which reads a schema out of the errors to guesses. Both know Dossier's names better than they would.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from app.schema import executable
from tests.server import Client, Server, serving

INVALID = (
    "the document is not valid against the schema, and this server does not say why; validate it with schema.graphql, "
    "or send it to a server in development"
)
UNKNOWN_FIELDS = (
    "the variables have fields that their types don't have, and this server does not say which; compare them with "
    "schema.graphql, or send them to a server in development"
)


def names() -> list[str]:
    """Return the names of all fields and arguments that the schema has."""
    found = set()
    for name, type_ in executable().type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            found |= set(type_.fields)
            for field in type_.fields.values():
                found |= set(getattr(field, "args", ()))
    return sorted(found)


@pytest.fixture(scope="module")
def production(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server as its settings have it when a secret is configured."""
    with serving("sqlite", new_database("sqlite"), DOSSIER_DEVELOPMENT="") as running:
        assert not running.settings.development
        yield running


@pytest.fixture
def silent(production: Server) -> Client:
    """A user at a server that says nothing of its schema."""
    return production.client()


def told(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return the errors of a refusal, which have a message and a code and nothing else."""
    given = answer.json()
    assert set(given) == {"errors"}
    for error in given["errors"]:
        assert set(error) == {"message", "extensions"}
        assert set(error["extensions"]) == {"code"}
    return [(error["message"], error["extensions"]["code"]) for error in given["errors"]]


GUESSES = [
    "FUZZ",
    "FUZZ { lol }",
    "FUZZ { __typename lol }",
    "FUZZ(lol: 7)",
    "FUZZ(lol: 7) { __typename }",
    "case(FUZZ: {}) { lol }",
    "cases(FUZZ: 7)",
    "cases(where: { FUZZ: [] }) { nodes { lol } }",
    "cases(first: 100000) { nodes { FUZZ(first: 100) { nodes { FUZZ(first: 100) { nodes { lol } } } } } }",
    "... on FUZZ { lol }",
    "viewer { id @FUZZ lol }",
]


@pytest.mark.parametrize("operation", ["query", "mutation"])
@pytest.mark.parametrize("guess", GUESSES)
def test_a_guess_that_is_right_is_answered_as_one_that_is_wrong(silent: Client, operation: str, guess: str) -> None:
    expected = [(INVALID, "GRAPHQL_VALIDATION_FAILED")]
    for name in ("iAmNoField", "case", "cases", "viewer", "events", "where", "title", "createCase", "Case", "skip"):
        document = f"{operation} {{ {guess.replace('FUZZ', name)} }}"
        assert told(silent.post(document)) == expected, document


def test_of_many_guesses_none_is_told_apart(silent: Client) -> None:
    known = names()
    assert len(known) > 50
    for start in range(0, len(known), 50):
        some = known[start : start + 50]
        for document in (" ".join(some), " ".join(f"{name} {{ x }}" for name in some)):
            assert told(silent.post(f"query {{ {document} }}")) == [(INVALID, "GRAPHQL_VALIDATION_FAILED")]


@pytest.mark.parametrize("kind", ["Case", "CaseFilter", "CaseStatus", "ID", "iAmNoType"])
def test_types_are_not_told_by_variables(silent: Client, kind: str) -> None:
    document = f"query ($guess: {kind}) {{ cases(first: $guess) {{ totalCount }} }}"
    assert told(silent.post(document)) == [(INVALID, "GRAPHQL_VALIDATION_FAILED")]


def test_of_unknown_fields_in_variables_it_is_told_that_there_are_some(silent: Client) -> None:
    document = "query ($where: CaseFilter) { cases(where: $where) { totalCount } }"
    wheres: list[dict[str, Any]] = [{"lol": 1}, {name: [] for name in names()}, {"text": [], "lol": 1}]
    for where in wheres:
        assert told(silent.post(document, {"where": where})) == [(UNKNOWN_FIELDS, "INVALID_INPUT")]


def test_a_value_that_does_not_fit_is_named_without_what_the_client_does_not_know(silent: Client) -> None:
    document = "mutation ($input: CreateCaseInput!) { createCase(input: $input) { errors { code } } }"
    assert [error["message"] for error in silent.errors(document, input={})] == [
        "Variable '$input' has invalid value: "
        "Expected value of type 'CreateCaseInput' to include required field '…', found: {}."
    ]


def test_what_is_no_graphql_and_what_is_too_much_is_still_told(silent: Client) -> None:
    (error,) = silent.errors("{ viewer { id }")
    assert error["message"] == "Syntax Error: Expected Name, found <EOF>."
    assert error["locations"] == [{"line": 1, "column": 16}]
    pages = "cases(first: 100) { nodes { events(first: 100) { nodes { fileBatches(first: 100) { nodes { id } } } } } }"
    (error,) = silent.errors(f"{{ {pages} }}")
    assert error["extensions"]["limit"] == "objects"


def test_the_schema_is_not_told_and_that_is_said(silent: Client) -> None:
    for document in ("{ __schema { types { name } } }", '{ __type(name: "Case") { name } }'):
        (error,) = silent.errors(document)
        assert error["message"].startswith("GraphQL introspection has been disabled")
        assert error["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}


ALIASES = " ".join(f"alias{number}: __typename" for number in range(101))
CIRCLE = "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }"
CHECKS: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "field suggestions": lambda http: http.post("/graphql", json={"query": "query cop { __schema { directive } }"}),
    "introspection": lambda http: http.post("/graphql", json={"query": "{ __schema { types { name } } }"}),
    "circular introspection": lambda http: http.post("/graphql", json={"query": CIRCLE}),
    "aliases": lambda http: http.post("/graphql", json={"query": f"query cop {{ {ALIASES} }}"}),
    "the same field over and over": lambda http: http.post(
        "/graphql", json={"query": f"query cop {{ {'__typename ' * 700} }}"}
    ),
    "a batch": lambda http: http.post("/graphql", json=[{"query": "{ __typename }"}] * 10),
    "directives": lambda http: http.post("/graphql", json={"query": f"query cop {{ __typename {'@aa' * 10} }}"}),
    "a mutation by GET": lambda http: http.get("/graphql", params={"query": "mutation cop { __typename }"}),
    "a form": lambda http: http.post("/graphql", data={"query": "{ __typename }"}),
    "an unhandled error": lambda http: http.post("/graphql", json={"query": "qwerty cop { abc }"}),
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("who", ["a user", "nobody"])
def test_what_scanners_look_for_is_not_there(production: Server, check: str, who: str) -> None:
    headers = production.client().headers if who == "a user" else {}
    with httpx.Client(base_url=production.url, headers=headers) as http:
        answer: dict[str, Any] = json.loads(CHECKS[check](http).content)
    assert set(answer) == {"errors"}
    assert len(answer["errors"]) == 1
    assert "Did you mean" not in str(answer)
    assert {"exception", "tracing", "stacktrace"}.isdisjoint(answer["errors"][0]["extensions"])


def test_a_query_by_get_is_refused_unless_it_was_asked_for(production: Server) -> None:
    query = {"query": "{ __typename }"}
    answer = production.http.get("/graphql", params=query, headers=production.client().headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert production.http.get("/graphql", params=query, headers={"Cookie": "token=anything"}).status_code == 401
