"""Bad input: refused by name, alike on both databases, and never written."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.values import is_visible, new_id
from tests.server import Client, Server
from tests.test_ownership import execute

pytestmark = pytest.mark.long

FACE = "\U0001f642"  # one character, though two in UTF-16 and four bytes in UTF-8
NUL, SURROGATE = "a\0b", "a\ud800b"
NO_NUMBERS: tuple[object, ...] = (
    *(2**31, -(2**31) - 1, 2**63, -(2**63) - 1, 2**64, 10**400, 10**4000),
    *(1.5, 1e300, "3", "", True, [3, 4], {}),
)
NO_CHOICES: tuple[object, ...] = (
    *("", "open", "OPENED", "OPEN ", "OPEN\0", "OPEN\ud800"),
    *(0, True, {}, ["OPEN"]),
)
MALFORMED: tuple[object, ...] = ("", "1", NUL, SURROGATE, "\0", 7, -(2**70), "x" * 10_000)
CREATES = ("createCase", "createEvent", "createFileBatch")
UPDATES = ("updateCase", "updateEvent", "updateFileBatch")
DELETES = ("deleteCase", "deleteEvent", "deleteFileBatch")
TITLES = {"Case": "title", "Event": "title", "FileBatch": "label"}
TEXTS = {
    "Case": {"title": 200, "description": 30_000, "reference": 200},
    "Event": {"title": 200, "description": 30_000, "source": 200, "timeKind": 200},
    "FileBatch": {"label": 200, "description": 30_000, "fileTypes": 500},
}
NUMBERS = {"Event": ("sortOrder",), "FileBatch": ("fileCount", "sortOrder")}
CHOICES = {"Case": ("status",), "Event": ("type", "timePrecision")}
# The same request has the same answer from both databases: the first one is kept, the second one compared.
answers: dict[str, bytes] = {}


@dataclass(frozen=True)
class Scene:
    """A user with a case, an event and a batch; nothing in it may ever change."""

    server: Server
    client: Client
    case: str
    event: str
    batch: str

    def post(self, body: object) -> httpx.Response:
        """Return the response to any JSON, lone surrogates written as escapes."""
        headers = self.client.headers | {"Content-Type": "application/json"}
        return self.server.http.post("/graphql", content=json.dumps(body), headers=headers)

    def send(self, query: str, **variables: object) -> httpx.Response:
        """Return the response to a document."""
        return self.post({"query": query, "variables": variables})

    def change(self, field: str, **given: object) -> httpx.Response:
        """Return the response to a mutation that would succeed but for what is given."""
        return self.send(mutation(field), input=self.inputs()[field] | given)

    def inputs(self) -> dict[str, dict[str, object]]:
        """Return an input for every mutation that creates or changes."""
        of_event: dict[str, object] = {"caseId": self.case, "id": self.event}
        of_batch: dict[str, object] = {"caseId": self.case, "eventId": self.event, "id": self.batch}
        return {
            "createCase": {"title": "New"},
            "updateCase": {"id": self.case, "title": "New"},
            "deleteCase": {"id": self.case},
            "createEvent": {"caseId": self.case, "title": "New", "occurredAt": "2026-01-01T00:00:00Z"},
            "updateEvent": of_event | {"title": "New"},
            "deleteEvent": of_event,
            "createFileBatch": {"caseId": self.case, "eventId": self.event, "label": "New"},
            "updateFileBatch": of_batch | {"label": "New"},
            "deleteFileBatch": of_batch,
        }


@pytest.fixture(scope="module")
def scene(server: Server) -> Scene:
    """What bad input is sent to."""
    client = server.client()
    case = client.create_case()
    event = client.create_event(case, occurredAt="2026-02-01T00:00:00Z", occurredUntil="2026-02-02T00:00:00Z")
    return Scene(server, client, case, event, client.create_batch(case, event))


@pytest.fixture
def unchanged(scene: Scene) -> Iterator[None]:
    """Holds a test to writing nothing, to any row of any table."""
    before = written(scene.server)
    yield
    assert written(scene.server) == before


def written(server: Server) -> list[tuple[Any, ...]]:
    """Return how many rows each table has, how often they were changed, and the last number of a case."""
    counts = [
        f"(SELECT count(*) FROM {table}), (SELECT sum(version) FROM {table})"  # noqa: S608
        for table in ("cases", "events", "file_batches")
    ]
    return execute(server, f"SELECT (SELECT last_number FROM case_counter), {', '.join(counts)}")  # noqa: S608


def mutation(field: str) -> str:
    """Return a document with one mutation."""
    type_ = f"{field[0].upper()}{field[1:]}Input"
    return f"mutation ($input: {type_}!) {{ {field}(input: $input) {{ errors {{ code message path }} }} }}"


def invalid(field: str, fault: str) -> dict[str, Any]:
    """Return the error for a value that breaks a rule of its field."""
    return {"code": "INVALID_INPUT", "message": f"`{field}` {fault}", "path": ["input", field]}


def payload(field: str, *errors: dict[str, Any]) -> bytes:
    """Return the bytes of the answer to a mutation that was refused."""
    answer = {"data": {field: {"errors": errors}}}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def check_refused(response: httpx.Response, name: str, *words: str) -> None:
    """Hold an answer to being one GraphQL error with all the words, and the same on both databases."""
    assert response.status_code == 200
    assert answers.setdefault(name, response.content) == response.content
    assert "data" not in response.json()
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] in {"INVALID_INPUT", "GRAPHQL_VALIDATION_FAILED"}
    assert all(word in error["message"] for word in words), error["message"]


def text_faults(most: int, *, blank: bool) -> dict[str, str]:
    """Return texts that a field of up to `most` characters refuses, with what is wrong with each."""
    too_long = f"must have at most {most} characters, not {most + 1}"
    surrogate = "must be Unicode text, without lone surrogates"
    faults = {"x" * (most + 1): too_long, FACE * (most + 1): too_long}
    faults |= {NUL: "must not contain the character U+0000", SURROGATE: surrogate, "\udfff\ud800": surrogate}
    return faults if blank else faults | dict.fromkeys(("", " ", "\t\r\n\u00a0\u2003\u3000"), "must not be blank")


def named(value: object) -> str:
    """Return a short name for a parameter."""
    text = ascii(value)
    return text if len(text) < 40 else f"{text[:20]}-{len(text)}"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize(("noun", "field"), [(noun, field) for noun in TEXTS for field in TEXTS[noun]])
def test_a_bad_text_is_named(scene: Scene, verb: str, noun: str, field: str) -> None:
    mutated = verb + noun
    for text, fault in text_faults(TEXTS[noun][field], blank=field != TITLES[noun]).items():
        response = scene.change(mutated, **{field: text})
        assert response.content == payload(mutated, invalid(field, fault))


NULLS = [
    *((mutated, "status") for mutated in ("createCase", "updateCase")),
    *(
        (mutated, field)
        for mutated in ("createEvent", "updateEvent")
        for field in ("type", "timePrecision", "sortOrder")
    ),
    *((mutated, field) for mutated in ("createFileBatch", "updateFileBatch") for field in ("fileCount", "sortOrder")),
    ("updateCase", "title"),
    ("updateEvent", "title"),
    ("updateEvent", "occurredAt"),
    ("updateFileBatch", "label"),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("mutated", "field"), NULLS)
def test_null_is_refused_where_a_value_has_to_be(scene: Scene, mutated: str, field: str) -> None:
    response = scene.change(mutated, **{field: None})
    assert response.content == payload(mutated, invalid(field, "must not be null"))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("mutated", "field"),
    [
        ("createCase", "title"),
        ("createEvent", "title"),
        ("createEvent", "occurredAt"),
        ("createFileBatch", "label"),
        *((mutated, field) for mutated in ("updateEvent", "deleteFileBatch") for field in ("caseId", "id")),
    ],
)
def test_what_is_required_is_missed_by_name(scene: Scene, mutated: str, field: str) -> None:
    check_refused(scene.change(mutated, **{field: None}), f"null {mutated} {field}", field)
    left = {name: value for name, value in scene.inputs()[mutated].items() if name != field}
    response = scene.send(mutation(mutated), input=left)
    # What was given is quoted, and the ids in it are another database's.
    assert f"'{field}'" in response.json()["errors"][0]["message"]
    assert response.json()["errors"][0]["extensions"] == {"code": "INVALID_INPUT"}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("mutated", ["createFileBatch", "updateFileBatch"])
@pytest.mark.parametrize("number", [-1, -(2**31)])
def test_a_count_below_zero_is_named(scene: Scene, mutated: str, number: int) -> None:
    response = scene.change(mutated, fileCount=number)
    assert response.content == payload(mutated, invalid("fileCount", f"must be at least 0, not {number}"))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("mutated", "field"),
    [
        *((verb + noun, field) for noun in NUMBERS for verb in ("create", "update") for field in NUMBERS[noun]),
        *((mutated, "expectedVersion") for mutated in UPDATES + DELETES),
    ],
)
def test_a_number_that_is_none_is_named(scene: Scene, mutated: str, field: str) -> None:
    for number in NO_NUMBERS:
        check_refused(scene.change(mutated, **{field: number}), f"{mutated} {field} {number!r}", field)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5_000])
def test_a_number_beyond_all_numbers_is_refused(scene: Scene, number: str) -> None:
    body = json.dumps({"query": mutation("updateFileBatch"), "variables": {"input": scene.inputs()["updateFileBatch"]}})
    body = body.replace('"label": "New"', f'"fileCount": {number}')
    headers = scene.client.headers | {"Content-Type": "application/json"}
    response = scene.server.http.post("/graphql", content=body, headers=headers)
    assert answers.setdefault(f"beyond {number}", response.content) == response.content
    assert response.status_code == (200 if number.endswith("1e999") else 400)
    assert "data" not in response.json()


BAD_TIMES = [
    "",
    " ",
    "now",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01 00:00:00Z",
    "2026-01-01T00:00Z",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00+0100",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+01:60",
    "2026-01-01T00:00:60Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T24:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "-2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "2026-01-01T00:00:00Z\n",
    "\u0662\u0660\u0662\u0666-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\0",
    "2026-01-01T00:00:00Z\ud800",
    1767225600,
    1.5,
    True,
    [],
    {},
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("mutated", ["createEvent", "updateEvent"])
@pytest.mark.parametrize("field", ["occurredAt", "occurredUntil"])
def test_a_time_that_is_none_is_named(scene: Scene, mutated: str, field: str) -> None:
    for moment in BAD_TIMES:
        check_refused(scene.change(mutated, **{field: moment}), f"{mutated} {field} {moment!r}", field)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("field", ["createdFrom", "createdBefore", "updatedFrom"])
def test_a_time_in_a_filter_that_is_none_is_named(scene: Scene, field: str) -> None:
    query = "query ($where: CaseFilter) { cases(where: $where) { totalCount } }"
    for moment in BAD_TIMES:
        check_refused(scene.send(query, where={field: moment}), f"{field} {moment!r}", field)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("mutated", "values", "blamed"),
    [
        ("createEvent", {"occurredUntil": "2025-12-31T23:59:59.999999Z"}, "occurredUntil"),
        ("createEvent", {"occurredUntil": "2026-01-01T00:59:59+01:00"}, "occurredUntil"),
        (
            "updateEvent",
            {"occurredAt": "2026-02-01T12:00:00Z", "occurredUntil": "2026-02-01T11:00:00Z"},
            "occurredUntil",
        ),
        ("updateEvent", {"occurredUntil": "2026-01-31T23:59:59.999999Z"}, "occurredUntil"),
        ("updateEvent", {"occurredAt": "2026-02-02T00:00:00.000001Z"}, "occurredAt"),
    ],
)
def test_an_event_never_ends_before_it_began(scene: Scene, mutated: str, values: dict[str, str], blamed: str) -> None:
    response = scene.change(mutated, **values)
    assert answers.setdefault(f"{mutated} {values}", response.content) == response.content
    (error,) = response.json()["data"][mutated]["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", blamed])
    assert "`occurredUntil`" in error["message"]
    assert "`occurredAt`" in error["message"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize(("noun", "field"), [(noun, field) for noun in CHOICES for field in CHOICES[noun]])
def test_an_unknown_choice_is_named(scene: Scene, verb: str, noun: str, field: str) -> None:
    for choice in NO_CHOICES:
        check_refused(scene.change(verb + noun, **{field: choice}), f"{verb}{noun} {field} {choice!r}", field)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("mutated", CREATES + UPDATES + DELETES)
def test_an_unknown_field_is_named(scene: Scene, mutated: str) -> None:
    for field in ("nothing", "version", "createdAt", "createdBy", "", "\ud800", "file_count"):
        response = scene.change(mutated, **{field: 1})
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "INVALID_INPUT"}
        assert f"'{field}'".replace("\ud800", "\ufffd") in error["message"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("mutated", [*UPDATES, *DELETES, "createEvent", "createFileBatch"])
def test_a_malformed_id_is_as_one_that_is_missing(scene: Scene, mutated: str) -> None:
    names = [name for name in scene.inputs()[mutated] if name == "id" or name.endswith("Id")]
    missing = scene.change(mutated, **{names[-1]: new_id()})
    (error,) = missing.json()["data"][mutated]["errors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", names[-1]])
    for name, identifier in itertools.product(names, MALFORMED):
        assert scene.change(mutated, **{name: identifier}).content == missing.content


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("identifier", MALFORMED, ids=named)
def test_a_malformed_id_finds_nothing(scene: Scene, identifier: object) -> None:
    query = """
        query ($id: ID!, $case: ID!) {
          node(id: $id) { id }
          nodes(ids: [$id, $case]) { id }
          case(id: $id) { id }
          event(caseId: $case, id: $id) { id }
          fileBatch(caseId: $case, eventId: $id, id: $id) { id }
        }
    """
    assert scene.send(query, id=identifier, case=scene.case).json() == {
        "data": {
            "node": None,
            "nodes": [None, {"id": scene.case}],
            "case": None,
            "event": None,
            "fileBatch": None,
        }
    }


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("mutated", "values", "faults"),
    [
        (
            "createCase",
            {"status": None, "reference": "x" * 201, "description": NUL, "title": " "},
            {
                "title": "must not be blank",
                "description": "must not contain the character U+0000",
                "reference": "must have at most 200 characters, not 201",
                "status": "must not be null",
            },
        ),
        (
            "updateEvent",
            {"sortOrder": None, "timePrecision": None, "occurredAt": None, "title": None, "type": None},
            dict.fromkeys(("type", "title", "occurredAt", "timePrecision", "sortOrder"), "must not be null"),
        ),
        (
            "updateFileBatch",
            {"sortOrder": None, "fileTypes": "x" * 501, "fileCount": -5, "label": "", "description": SURROGATE},
            {
                "label": "must not be blank",
                "fileCount": "must be at least 0, not -5",
                "description": "must be Unicode text, without lone surrogates",
                "fileTypes": "must have at most 500 characters, not 501",
                "sortOrder": "must not be null",
            },
        ),
    ],
    ids=["case", "event", "file batch"],
)
def test_all_faults_come_at_once_in_the_order_of_the_fields(
    scene: Scene, mutated: str, values: dict[str, object], faults: dict[str, str]
) -> None:
    expected = payload(mutated, *(invalid(field, fault) for field, fault in faults.items()))
    assert scene.change(mutated, **values).content == expected


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("mutated", ["createEvent", "updateEvent"])
def test_an_end_before_the_beginning_comes_with_the_other_faults(scene: Scene, mutated: str) -> None:
    times = {"occurredAt": "2026-02-01T12:00:00Z", "occurredUntil": "2026-02-01T11:00:00Z"}
    response = scene.change(mutated, title="", sortOrder=None, **times)
    paths = [error["path"] for error in response.json()["data"][mutated]["errors"]]
    assert paths == [["input", "title"], ["input", "occurredUntil"], ["input", "sortOrder"]]


@pytest.mark.usefixtures("unchanged")
def test_all_faults_of_types_come_at_once(scene: Scene) -> None:
    response = scene.change("createFileBatch", label=7, fileCount="3", sortOrder=2**31)
    messages = [error["message"] for error in response.json()["errors"]]
    assert len(messages) == 3
    for field, message in zip(("label", "fileCount", "sortOrder"), messages, strict=True):
        assert field in message


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("text", [NUL, SURROGATE, "\0", "\udfff"], ids=named)
def test_texts_in_arguments_are_as_strict_as_texts_that_are_written(scene: Scene, text: str) -> None:
    fault = "must not contain the character U+0000" if "\0" in text else "must be Unicode text, without lone surrogates"
    response = scene.send("query ($text: String) { cases(where: {text: $text}) { totalCount } }", text=text)
    assert response.json()["errors"] == [
        {
            "message": f"`text` {fault}",
            "locations": [{"line": 1, "column": 25}],
            "path": ["cases"],
            "extensions": {"code": "INVALID_INPUT", "argument": "where.text"},
        }
    ]
    query = "query ($id: ID!, $text: String) { case(id: $id) { events(where: {text: $text}) { totalCount } } }"
    (error,) = scene.send(query, id=scene.case, text=text).json()["errors"]
    assert (error["message"], error["path"]) == (f"`text` {fault}", ["case", "events"])


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "cursor",
    ["", "x", NUL, SURROGATE, "\0", "00", "5b5d", "22" * 10, "5b" * 5_000, "e" * 100_000, "\u0661\u0661", "6e756c6c"],
    ids=named,
)
def test_a_cursor_that_is_none_is_named(scene: Scene, cursor: str) -> None:
    for argument in ("after", "before"):
        query = f"query ($cursor: String) {{ cases({argument}: $cursor) {{ totalCount nodes {{ id }} }} }}"
        (error,) = scene.send(query, cursor=cursor).json()["errors"]
        assert error["message"] == f"`{argument}` is not a cursor that this server gave out"
        assert error["extensions"] == {"code": "INVALID_INPUT", "argument": argument}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", ["b", NUL, SURROGATE, "a ", "\u2028"], ids=named)
def test_an_unknown_operation_is_named(scene: Scene, name: str) -> None:
    response = scene.post({"query": mutation("createCase").replace("mutation", "mutation a"), "operationName": name})
    shown = name.replace("\ud800", "\ufffd")
    assert response.status_code == 200
    assert response.json() == {
        "errors": [
            {
                "message": f"the document has no operation named {shown}",
                "extensions": {"code": "OPERATION_RESOLUTION_FAILURE"},
            }
        ]
    }


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "document",
    [
        'mutation { createCase(input: {title: "\ud800"}) { case { id } } }',
        'mutation { createCase(input: {title: "\\ud800"}) { case { id } } }',
        'mutation { createCase(input: {title: "\\udfff\\ud800"}) { case { id } } }',
        'mutation { createCase(input: {title: "\\u{110000}"}) { case { id } } }',
        'mutation { createCase(input: {title: """\ud800"""}) { case { id } } }',
        "mutation { createCase(input: {title: ti\ud800tle}) { case { id } } }",
        "mutation { createCase(input: {title: \0}) { case { id } } }",
        'mutation { createCase(input: {title: "x"}) { case { id } } } # \ud800',
        'mutation \ud800 { createCase(input: {title: "x"}) { case { id } } }',
        "",
        "\0",
        "\ufeff",
    ],
    ids=named,
)
def test_a_document_that_is_no_text_of_graphql_is_refused_as_such(scene: Scene, document: str) -> None:
    response = scene.send(document)
    assert response.status_code == 200
    assert answers.setdefault(f"document {document!r}", response.content) == response.content
    (error,) = response.json()["errors"]
    assert error["message"].startswith("Syntax Error: ")
    assert error["extensions"] == {"code": "GRAPHQL_PARSE_FAILED"}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("text", ['"\0"', '"\\u0000"', '"""\0"""'], ids=named)
def test_nul_inside_a_document_is_refused_where_it_is_a_value(scene: Scene, text: str) -> None:
    response = scene.send(f"mutation {{ createCase(input: {{title: {text}}}) {{ errors {{ code message path }} }} }}")
    expected = payload("createCase", invalid("title", "must not contain the character U+0000"))
    assert response.content == expected


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "value",
    [
        'title: "x", status: "OPEN"',
        'title: "x", status: OPENED',
        'title: "x", nothing: 1',
        "title: null",
        f"title: {'9' * 5_000}",
        'description: "x"',
    ],
    ids=named,
)
def test_a_bad_value_inside_a_document_is_shown_by_its_place(scene: Scene, value: str) -> None:
    response = scene.send(f"mutation {{ createCase(input: {{{value}}}) {{ case {{ id }} }} }}")
    check_refused(response, f"value inside {value}")
    assert response.json()["errors"][0]["locations"][0]["line"] == 1


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("value", ["{}", "[]", '["x"]', "{title: 1}"])
def test_a_list_or_an_object_inside_a_document_is_no_text(scene: Scene, value: str) -> None:
    response = scene.send(f"mutation {{ createCase(input: {{title: {value}}}) {{ case {{ id }} }} }}")
    check_refused(response, f"no text inside {value}", "String")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("moment", ['""', '"2026-02-30T00:00:00Z"', "5", "9" * 5_000, "[]", "NOW"], ids=named)
def test_a_bad_time_inside_a_document_is_shown_by_its_place(scene: Scene, moment: str) -> None:
    response = scene.send(f"{{ cases(where: {{createdFrom: {moment}}}) {{ totalCount }} }}")
    check_refused(response, f"time inside {moment}")
    assert response.json()["errors"][0]["locations"] == [{"line": 1, "column": 30}]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("size", ["0", "101", "-1", str(2**31), str(2**63), "9" * 5_000, "1.5", '"1"'], ids=named)
def test_a_bad_size_of_a_page_is_refused(scene: Scene, size: str) -> None:
    check_refused(scene.send(f"{{ cases(first: {size}) {{ totalCount }} }}"), f"first {size}")
    if size.lstrip("-").isdigit() and len(size) < 1_000:
        query = "query ($size: Int) { cases(last: $size) { totalCount } }"
        check_refused(scene.send(query, size=int(size)), f"last {size}", size)


@pytest.mark.usefixtures("unchanged")
def test_variables_that_nobody_declared_are_passed_over(scene: Scene) -> None:
    response = scene.send("{ viewer { subject } }", **{"\ud800": "\ud800", "other": NUL, "": 2**70})
    assert response.json() == {"data": {"viewer": {"subject": scene.client.subject}}}


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("variables", "words"),
    [({}, "$input"), ({"input": None}, "$input"), ({"input": []}, "$input"), ({"input": "x"}, "$input")],
    ids=str,
)
def test_a_variable_that_is_missing_or_of_another_type_is_named(
    scene: Scene, variables: dict[str, object], words: str
) -> None:
    check_refused(scene.send(mutation("createCase"), **variables), f"variables {variables}", words)


@pytest.mark.parametrize("length", [1, 200])
def test_a_title_of_the_greatest_length_is_taken_whatever_its_characters(scene: Scene, length: int) -> None:
    # U+1D160 folds to three characters of four bytes each: nothing has a longer key to be sorted by.
    for character in ("x", FACE, "\U0001d160", "\u1f82", "\ufb03", "\u0390", "\ufdfa"):
        title = character * length
        answer = scene.client.change("createCase", "case { title } errors { message }", title=title)
        assert answer == {"case": {"title": title}, "errors": []}


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31 - 1, 2**31, -(2**31) - 1, 2**63, 10**400])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=300)
    | st.sampled_from(["OPEN", "NOTE", "YEAR", "2026-03-01T09:30:00Z", "0001-01-01T00:00:00Z", "\0", "\ud800"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
FIELDS = [
    *(("createCase", field) for field in ("title", "description", "reference", "status")),
    *(("updateCase", field) for field in ("id", "expectedVersion", "title", "description", "reference", "status")),
    *(("deleteCase", field) for field in ("id", "expectedVersion")),
    *(
        (mutated, field)
        for mutated in ("createEvent", "updateEvent")
        for field in (
            *("caseId", "type", "title", "description"),
            *("occurredAt", "occurredUntil", "timePrecision", "sortOrder", "source", "timeKind", "utcOffset"),
        )
    ),
    *(("updateEvent", field) for field in ("id", "expectedVersion")),
    *(("deleteEvent", field) for field in ("caseId", "id", "expectedVersion")),
    *(
        (mutated, field)
        for mutated in ("createFileBatch", "updateFileBatch")
        for field in ("caseId", "eventId", "label", "fileCount", "description", "fileTypes", "sortOrder")
    ),
    *(("updateFileBatch", field) for field in ("id", "expectedVersion")),
    *(("deleteFileBatch", field) for field in ("caseId", "eventId", "id", "expectedVersion")),
]
fuzz = settings(
    max_examples=250, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fuzz
@given(st.sampled_from(FIELDS), anything)
def test_any_json_in_any_field_is_answered_with_sense(scene: Scene, place: tuple[str, str], value: object) -> None:
    mutated, field = place
    if mutated in DELETES:  # what is deleted is not there for the next example
        fresh = {"deleteCase": "case", "deleteEvent": "event", "deleteFileBatch": "batch"}[mutated]
        scene = Scene(**vars(scene) | {fresh: new_id()})
    response = scene.change(mutated, **{field: value})
    assert response.status_code == 200
    assert "INTERNAL_ERROR" not in response.text
    assert "Traceback" not in response.text
    answer = response.json()
    if "errors" in answer:
        assert all(error["extensions"]["code"] == "INVALID_INPUT" for error in answer["errors"])
        assert all(error["message"] and error["locations"] for error in answer["errors"])
    else:
        assert all(error["path"][0] == "input" for error in answer["data"][mutated]["errors"])


@settings(fuzz, max_examples=120)
@given(st.sampled_from([(noun, field) for noun in TEXTS for field in TEXTS[noun]]), st.text(max_size=200))
@example(("Case", "description"), "".join(map(chr, range(1, 0x300))))
@example(("Case", "title"), "\u2028\u2029\u0085\u007f\ufeff\ufffe\uffff\U0010ffff\ue000")
@example(("Event", "description"), "\x01\x1f\x0b\r\n\r\\\"'/\\u0041\\n%s%(x)s{}$1:b0?&<>")
@example(("FileBatch", "fileTypes"), "\U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301 \u00e9 \u202e")
@example(("FileBatch", "label"), "  kept, white space and all \t")
def test_the_text_that_comes_back_is_the_text_that_was_sent(scene: Scene, place: tuple[str, str], text: str) -> None:
    noun, field = place
    mutated, result = f"update{noun}", noun[0].lower() + noun[1:]
    selection = f"{result} {{ {field} }} errors {{ message }}"
    query = mutation(mutated).replace("errors { code message path }", selection)
    answer = scene.send(query, input=scene.inputs()[mutated] | {field: text}).json()["data"][mutated]
    if "\0" in text or (field == TITLES[noun] and not is_visible(text)):
        assert answer[result] is None
        return
    assert answer == {result: {field: text}, "errors": []}
    read = f"query ($id: ID!) {{ node(id: $id) {{ ... on {noun} {{ {field} }} }} }}"
    identifier = scene.inputs()[mutated]["id"]
    assert scene.send(read, id=identifier).json() == {"data": {"node": {field: text}}}
