"""What clients are told of their values: in the terms of GraphQL and JSON, not of the language of the server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.server import Client, Server

CREATE = "mutation ($input: CreateCaseInput!) { createCase(input: $input) { case { id } errors { message } } }"
CASES = "query ($where: CaseFilter, $first: Int) { cases(where: $where, first: $first) { totalCount } }"
NODES = "query ($ids: [ID!]!, $flag: Boolean! = true) { nodes(ids: $ids) { id @skip(if: $flag) } }"


def told(alice: Client, document: str, variables: dict[str, Any]) -> list[str]:
    """Return the messages that variables are refused with."""
    return [error["message"] for error in alice.errors(document, **variables)]


@pytest.mark.parametrize(
    ("document", "variables", "message"),
    [
        (CREATE, {}, "$input' has invalid value: Expected a value of non-null type 'CreateCaseInput!' to be provided."),
        (CREATE, {"input": None}, "Expected value of non-null type 'CreateCaseInput!' not to be null."),
        (CREATE, {"input": True}, "Expected value of type 'CreateCaseInput' to be an object, found: true."),
        (CREATE, {"input": []}, "Expected value of type 'CreateCaseInput' to be an object, found: []."),
        (CREATE, {"input": {"title": None}}, "Expected value of non-null type 'String!' not to be null."),
        (CREATE, {"input": {"title": False}}, "String cannot represent a non string value: false"),
        (CREATE, {"input": {"title": {"a": [1.5, None]}}}, 'a non string value: {"a": [1.5, null]}'),
        (
            CREATE,
            {"input": {"title": "x", "titel": "x"}},
            "not to include unknown field 'titel'. Did you mean 'title'? Found: {\"title\": \"x\", \"titel\": \"x\"}.",
        ),
        (CREATE, {"input": {"description": "it's"}}, 'required field \'title\', found: {"description": "it\'s"}.'),
        (CREATE, {"input": {"title": "x", "status": True}}, "'CaseStatus' cannot represent non-string value: true."),
        (
            CREATE,
            {"input": {"title": "x", "status": ["OPEN"]}},
            "cannot represent non-string value: [\"OPEN\"]. Did you mean the enum value 'OPEN'?",
        ),
        (CREATE, {"input": {"title": {"a": {"b": {"c": 1}, "d": [1], "e": {}, "f": []}}}},
            ': {"a": {"b": {…}, "d": […], "e": {}, "f": []}}'),
        (CREATE, {"input": {"title": list(range(12))}}, ": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …]"),
        (CREATE, {"input": {"title": ["é" * 300]}}, f': ["{"é" * 240}…"]'),
        (CASES, {"first": True}, "Int cannot represent non-integer value: true"),
        (CASES, {"first": "5"}, 'Int cannot represent non-integer value: "5"'),
        (CASES, {"first": 2.5}, "Int cannot represent non-integer value: 2.5"),
        (CASES, {"where": {"updatedFrom": {"a": None}}}, 'found: {"a": null}.'),
        (NODES, {"ids": [None]}, "at [0]: Expected value of non-null type 'ID!' not to be null."),
        (NODES, {"ids": ["x", True]}, "at [1]: ID cannot represent value: true"),
        (NODES, {"ids": {"x": 1}}, 'ID cannot represent value: {"x": 1}'),
        (NODES, {"ids": [], "flag": None}, "Expected value of non-null type 'Boolean!' not to be null."),
        (NODES, {"ids": [], "flag": "true"}, 'Boolean cannot represent a non boolean value: "true"'),
    ],
)  # fmt: skip
def test_values_are_told_as_they_were_sent(
    alice: Client, document: str, variables: dict[str, Any], message: str
) -> None:
    assert [each for each in told(alice, document, variables) if each.endswith(message)], told(
        alice, document, variables
    )


def test_a_number_that_no_computer_holds_is_told_in_words(server: Server, alice: Client) -> None:
    for number in ("1e400", "-1e400"):
        body = f'{{"query": {json.dumps(CASES)}, "variables": {{"first": {number}}}}}'
        headers = alice.headers | {"Content-Type": "application/json"}
        (error,) = server.http.post("/graphql", content=body, headers=headers).json()["errors"]
        expected = (
            "Variable '$first' has invalid value: Int cannot represent non-integer value: a number too large to be one"
        )
        assert error["message"] == expected


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{ cases(first: true) { totalCount } }", "Int cannot represent non-integer value: true"),
        ("{ node(id: null) { id } }", "Expected value of non-null type 'ID!' not to be null."),
        ("{ viewer { id @skip(if: null) } }", "Expected value of non-null type 'Boolean!' not to be null."),
        ("query ($n: Int = true) { cases(first: $n) { totalCount } }", "Int cannot represent non-integer value: true"),
        ("query ($n: ID! = null) { node(id: $n) { id } }", "Expected value of non-null type 'ID!' not to be null."),
        ("{ cases(where: { text: { a: [null, 1.5] } }) { totalCount } }", "a non string value: { a: [null, 1.5] }"),
        ("{ cases(where: { zzz: 1 }) { totalCount } }", "unknown field 'zzz', found: { zzz: 1 }."),
    ],
)
def test_literals_are_told_as_they_were_written(alice: Client, document: str, message: str) -> None:
    assert [error["message"] for error in alice.errors(document) if error["message"].endswith(message)]


def test_null_for_a_condition_is_told_when_it_comes(alice: Client) -> None:
    (error,) = alice.errors("query ($if: Boolean = true) { viewer { id @skip(if: $if) } }", **{"if": None})
    assert error["message"] == (
        "Argument 'if' has invalid value: Expected variable '$if' provided to non-null type 'Boolean!' not to be null."
    )


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
PLACES: dict[str, tuple[str, Callable[[Any], dict[str, Any]]]] = {
    "input": (CREATE, lambda value: {"input": value}),
    "title": (CREATE, lambda value: {"input": {"title": value}}),
    "status": (CREATE, lambda value: {"input": {"title": "x", "status": value}}),
    "first": (CASES, lambda value: {"first": value}),
    "where": (CASES, lambda value: {"where": value}),
    "updatedFrom": (CASES, lambda value: {"where": {"updatedFrom": value}}),
    "ids": (NODES, lambda value: {"ids": value}),
    "flag": (NODES, lambda value: {"ids": [], "flag": value}),
}
# A message ends with the value, and a hint at most.
SHOWN = re.compile(r".+?(?:found|Found|[a-z] value): (.*?)\.?(?: Did you mean .*)?", re.DOTALL)


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(sorted(PLACES)), value=VALUES)
@example(place="where", value={"it's: True": None, " not to be None.": [{"a": {"b": {}}}]})
@example(place="title", value=["found: None"])
@example(place="ids", value=[[None], {"": True}])
def test_whatever_is_sent_is_told_as_json(alice: Client, place: str, value: object) -> None:
    document, variables = PLACES[place]
    response = alice.post(document, variables(value))
    assert response.status_code == 200
    for error in response.json().get("errors", ()):
        if error["extensions"]["code"] != "INVALID_INPUT" or "argument" in error["extensions"]:
            continue  # what Dossier itself says of a value that has the right type
        message = error["message"].partition("has invalid value")[2]
        if message.endswith(("not to be null.", "to be provided.")) or "does not exist in" in message:
            continue
        shown = SHOWN.fullmatch(message)
        assert shown is not None, message
        if "…" not in message:
            assert json.dumps(json.loads(shown[1])) in json.dumps(variables(value)), message


@pytest.mark.parametrize("empty", ["variables", "extensions", "operationName"])
def test_an_empty_parameter_of_a_get_is_as_left_out(server: Server, alice: Client, empty: str) -> None:
    answer = server.http.get("/graphql", params={"query": "{ __typename }", empty: ""}, headers=alice.headers)
    assert answer.json() == {"data": {"__typename": "Query"}}
