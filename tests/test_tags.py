"""Tags of cases, events and file batches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from app.db.sqlite import SqliteDatabase
from tests.server import Client, Server, serving
from tests.test_history import NOON, journal, values
from tests.test_verify import findings

TAGGED = " ".join(f"... on {type_} {{ tags version }}" for type_ in ("Case", "Event", "FileBatch"))
NODES = f"nodes {{ __typename id {TAGGED} }}"
ERRORS = "errors { __typename code message path }"
COUNTS = "query ($id: ID!) { case(id: $id) { tagCounts { tag count } } }"


def add(client: Client, case: str, ids: list[str], *tags: str) -> dict[str, Any]:
    return client.change("addTags", f"{NODES} {ERRORS} change {{ seq }}", caseId=case, ids=ids, tags=tags)


def remove(client: Client, case: str, ids: list[str], *tags: str) -> dict[str, Any]:
    return client.change("removeTags", f"{NODES} {ERRORS} change {{ seq }}", caseId=case, ids=ids, tags=tags)


def counts(client: Client, case: str) -> list[tuple[str, int]]:
    return [(each["tag"], each["count"]) for each in client.run(COUNTS, id=case)["case"]["tagCounts"]]


def tags_of(payload: dict[str, Any]) -> list[list[str]]:
    assert payload["errors"] == []
    return [node["tags"] for node in payload["nodes"]]


def test_all_kinds_are_tagged_at_once(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event, other = alice.create_event(case, title="E"), alice.create_event(case)
    batch = alice.create_batch(case, event, label="B")
    assert counts(alice, case) == []
    payload = add(alice, case, [batch, case, event.upper(), batch], "Malware", "é 1", "malware")
    assert payload["errors"] == []
    tags = ["Malware", "é 1"]
    assert payload["nodes"] == [
        {"__typename": "FileBatch", "id": batch, "tags": tags, "version": 2},
        {"__typename": "Case", "id": case, "tags": tags, "version": 2},
        {"__typename": "Event", "id": event, "tags": tags, "version": 2},
    ]
    entries = journal(alice, case)[-3:]
    assert payload["change"]["seq"] == entries[0]["seq"]
    told = [(entry["kind"], entry["on"]["type"], entry["on"]["label"], values(entry)) for entry in entries]
    changed = {"tags": (None, tags)}
    assert told == [
        ("UPDATED", "FILE_BATCH", "B", changed),
        ("UPDATED", "CASE", "A case", changed),
        ("UPDATED", "EVENT", "E", changed),
    ]
    assert counts(alice, case) == [("Malware", 3), ("é 1", 3)]
    assert tags_of(add(alice, case, [other, event], "MALWARE", "new")) == [
        ["MALWARE", "new"],
        ["Malware", "é 1", "new"],
    ]
    assert counts(alice, case) == [("MALWARE", 4), ("é 1", 3), ("new", 2)]
    assert findings(server.settings, case) == []


def test_what_has_them_already_is_not_changed(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    add(alice, case, [event], "One")
    before = journal(alice, case)
    assert add(alice, case, [event], "one")["change"] is None
    assert remove(alice, case, [event, case], "two")["change"] is None
    assert journal(alice, case) == before
    payload = remove(alice, case, [event, case], "ONE", "two")
    assert [(node["tags"], node["version"]) for node in payload["nodes"]] == [([], 3), ([], 1)]
    assert [values(entry) for entry in journal(alice, case)[len(before) :]] == [{"tags": (["One"], None)}]
    assert counts(alice, case) == []


def test_a_request_that_is_sent_again_answers_what_is_still_there(alice: Client) -> None:
    case = alice.create_case()
    events = [alice.create_event(case) for _ in range(3)]
    given = {"caseId": case, "ids": events, "tags": ["a"], "requestId": "a-request-of-tags"}
    selection = "replayed nodes { id } change { seq } errors { code }"
    first = alice.change("addTags", selection, **given)
    assert (first["replayed"], [node["id"] for node in first["nodes"]]) == (False, events)
    alice.change("deleteEvent", ERRORS, caseId=case, id=events[1])
    again = alice.change("addTags", selection, **given)
    assert again == {**first, "replayed": True, "nodes": [{"id": events[0]}, {"id": events[2]}]}


def test_odd_tags_are_found_by_their_own_spelling(alice: Client) -> None:
    case = alice.create_case()
    odd = [
        "%",
        "_",
        "'; DROP TABLE tags; --",
        "\\",
        '"',
        "İstanbul",
        "ﬁ",
        "e\u0301",
        "日本",
        "\U0001f469\u200d\U0001f692",
        "a\tb",
    ]
    events = [alice.create_event(case) for _ in odd]
    for event, tag in zip(events, odd, strict=True):
        assert tags_of(add(alice, case, [event], tag)) == [[tag]]
    for event, tag in zip(events, odd, strict=True):
        for spelling in (tag, tag.upper()):
            found = alice.run(FOUND, id=case, where={"tags": [spelling]})["case"]["events"]
            assert found["nodes"] == [{"id": event}], tag
    assert sorted(counts(alice, case)) == sorted((tag, 1) for tag in odd)


BATCHES = """query ($c: ID!, $e: ID!) { case(id: $c) { event(id: $e) { fileBatches { nodes { id tags } } } } }"""
FOUND = """query ($id: ID!, $where: EventFilter, $first: Int, $after: String) { case(id: $id) {
  events(where: $where, first: $first, after: $after) {
    totalCount nodes { id } pageInfo { hasNextPage endCursor } } } }"""
CASES = "query ($where: CaseFilter) { cases(where: $where) { totalCount nodes { id } } }"


def test_events_are_found_by_all_of_several_tags(alice: Client) -> None:
    case, elsewhere = alice.create_case(), alice.create_case()
    events = [alice.create_event(case, title=str(number)) for number in range(5)]
    add(alice, case, events[:4], "A")
    add(alice, case, events[2:], "B")
    add(alice, elsewhere, [alice.create_event(elsewhere)], "A", "B")

    def found(*tags: str, **more: Any) -> list[str]:
        page = alice.run(FOUND, id=case, where={"tags": tags, **more})["case"]["events"]
        assert page["totalCount"] == len(page["nodes"])
        return [event["id"] for event in page["nodes"]]

    assert found("a") == events[:4]
    assert found("B", "a", "A") == events[2:4]
    assert found("A", "C") == []
    assert found() == events
    assert found("b", text="4") == events[4:]
    page = alice.run(FOUND, id=case, where={"tags": ["A"]}, first=3)["case"]["events"]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (4, True)
    rest = alice.run(FOUND, id=case, where={"tags": ["A"]}, after=page["pageInfo"]["endCursor"])["case"]["events"]
    assert [event["id"] for event in page["nodes"] + rest["nodes"]] == events[:4]
    pages = 'none: events(where: {tags: []}) { totalCount } some: events(where: {tags: "a"}) { totalCount }'
    assert alice.run(f'{{ case(id: "{case}") {{ {pages} }} }}')["case"] == {
        "none": {"totalCount": 5},
        "some": {"totalCount": 4},
    }


def test_cases_are_found_by_their_own_tags(server: Server, alice: Client, mallory: Client) -> None:
    tag = f"tag of {alice.subject}"
    cases = [alice.create_case() for _ in range(3)]
    for case in cases[:2]:
        add(alice, case, [case], tag)
    add(alice, cases[2], [alice.create_event(cases[2])], tag)
    auditor = server.client(roles=("auditor",))
    for client, ids in ((alice, [*reversed(cases[:2])]), (auditor, [*reversed(cases[:2])]), (mallory, [])):
        found = client.run(CASES, where={"tags": [tag.upper()]})["cases"]
        assert found == {"totalCount": len(ids), "nodes": [{"id": case} for case in ids]}
    assert alice.run(CASES, where={"tags": [tag, "other"]})["cases"]["totalCount"] == 0
    assert alice.run(CASES, where={"tags": []})["cases"]["totalCount"] == 3


@pytest.mark.parametrize(
    ("tags", "path", "message"),
    [
        ([], ["input", "tags"], "`tags` must have 1 to 50 values, not 0"),
        ([f"{number}" for number in range(51)], ["input", "tags"], "`tags` must have 1 to 50 values, not 51"),
        (["a", ""], ["input", "tags", "1"], "`tags[1]` must not be blank"),
        (["x" * 51], ["input", "tags", "0"], "`tags[0]` must have at most 50 characters, not 51"),
        ([" a"], ["input", "tags", "0"], "`tags[0]` must not begin or end with a blank"),
        (["a\u2003"], ["input", "tags", "0"], "`tags[0]` must not begin or end with a blank"),
        (["a\nb"], ["input", "tags", "0"], "`tags[0]` must be of one line"),
        (["a\u2028b"], ["input", "tags", "0"], "`tags[0]` must be of one line"),
        (["a\0b"], ["input", "tags", "0"], "`tags[0]` must not contain the character U+0000"),
        (["\u200b"], ["input", "tags", "0"], "`tags[0]` must have at least one character that can be seen"),
    ],
    ids=repr,
)
def test_tags_that_are_none_are_refused(alice: Client, tags: list[str], path: list[str], message: str) -> None:
    case = alice.create_case()
    payload = add(alice, case, [case], *tags)
    error = {"__typename": "InvalidInputError", "code": "INVALID_INPUT", "message": message, "path": path}
    assert payload == {"nodes": [], "errors": [error], "change": None}


def test_all_or_none_and_each_fault_by_its_place(alice: Client, mallory: Client) -> None:
    case, elsewhere = alice.create_case(), alice.create_case()
    event, full = alice.create_event(case), alice.create_event(case)
    add(alice, case, [full], *(f"t{number}" for number in range(49)))
    foreign = mallory.create_case()
    ids = [event, foreign, full, "no id", elsewhere, alice.create_event(elsewhere), ""]
    payload = add(alice, case, ids, "one", "two")
    told = [(error["code"], error["path"][-1]) for error in payload["errors"]]
    missing = [("NOT_FOUND", place) for place in ("1", "3", "4", "5", "6")]
    assert told == [missing[0], ("INVALID_INPUT", "2"), *missing[1:]]
    assert payload["nodes"] == []
    assert counts(alice, case)[0] == ("t0", 1)
    assert len(counts(alice, case)) == 49
    assert [error["path"] for error in add(alice, case, [case] * 1001, "a")["errors"]] == [["input", "ids"]]
    assert [error["path"] for error in add(alice, case, [], "a")["errors"]] == [["input", "ids"]]
    assert [error["code"] for error in add(mallory, case, [case], "a")["errors"]] == ["NOT_FOUND"]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["a"] * 101, "`tags` may hold up to 100 tags, not 101"),
        (["a", "\0"], "`tags` must not contain the character U+0000"),
    ],
    ids=("many", "nul"),
)
def test_filters_that_nothing_has_are_refused(alice: Client, tags: list[str], message: str) -> None:
    case = alice.create_case()
    (error,) = alice.errors(FOUND, id=case, where={"tags": tags})
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "where.tags"}
    assert error["message"] == message


@pytest.mark.long
@pytest.mark.usefixtures("patient")
def test_a_thousand_are_tagged_in_one_change(server: Server, alice: Client) -> None:
    case = alice.create_case()
    names = " ".join(
        f'a{number}: createEvent(input: {{caseId: $c, title: "E", occurredAt: "{NOON}"}}) {{ event {{ id }} }}'
        for number in range(40)
    )
    events = [
        each["event"]["id"]
        for _ in range(25)
        for each in alice.run(f"mutation ($c: ID!) {{ {names} }}", c=case).values()
    ]
    payload = add(alice, case, events, "a", *(f"tag {number}" for number in range(49)))
    assert [node["id"] for node in payload["nodes"]] == events
    assert counts(alice, case)[0] == ("a", 1000)
    assert remove(alice, case, events[1:], "a")["errors"] == []
    assert counts(alice, case)[-1] == ("a", 1)
    assert findings(server.settings, case) == []


def test_tags_go_and_come_back_with_their_rows(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event)
    add(alice, case, [case, event, batch], "a", "b")
    for name, given in (
        ("deleteFileBatch", {"caseId": case, "eventId": event, "id": batch}),
        ("deleteEvent", {"caseId": case, "id": event}),
        ("deleteCase", {"id": case}),
    ):
        assert alice.change(name, ERRORS, **given) == {"errors": []}
        if name != "deleteCase":
            assert counts(alice, case) == [
                ("a", 1 + (name == "deleteFileBatch")),
                ("b", 1 + (name == "deleteFileBatch")),
            ]
            assert add(alice, case, [batch], "c")["errors"][0]["code"] == "NOT_FOUND"
        assert findings(server.settings, case) == []
        assert alice.change("restore", ERRORS, caseId=case, id=given.get("id")) == {"errors": []}
        assert counts(alice, case) == [("a", 3), ("b", 3)]
        assert alice.run(BATCHES, c=case, e=event)["case"]["event"]["fileBatches"] == {
            "nodes": [{"id": batch, "tags": ["a", "b"]}]
        }
        assert findings(server.settings, case) == []


def test_tags_of_a_case_as_it_was(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event)
    query = """query ($id: ID!, $asOf: AsOf) { case(id: $id, asOf: $asOf) {
      journal { size } tags events { nodes { tags fileBatches { nodes { tags } } } } } }"""
    taken = {}

    def note() -> None:
        found = alice.run(query, id=case)["case"]
        taken[found["journal"]["size"]] = found

    note()
    add(alice, case, [case, event, batch], "a", 'say "hi" é\\')
    note()
    remove(alice, case, [case, event], "a")
    note()
    add(alice, case, [batch], "b")
    alice.change("deleteFileBatch", ERRORS, caseId=case, eventId=event, id=batch)
    note()
    alice.change("deleteEvent", ERRORS, caseId=case, id=event)
    remove(alice, case, [case], 'say "HI" é\\')
    note()
    assert len(taken) == 5
    for size, then in taken.items():
        assert alice.run(query, id=case, asOf={"seq": size})["case"] == then
    filtered = """query ($id: ID!, $tags: [String!]) { case(id: $id, asOf: {seq: 3}) {
      events(where: {tags: $tags}) { totalCount } } }"""
    (error,) = alice.errors(filtered, id=case, tags=["a"])
    assert error["message"] == "`tags` can't be asked of a case as it was"
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "where.tags"}
    assert alice.run(filtered, id=case, tags=None)["case"]["events"]["totalCount"] == 1


def test_rows_are_found_by_their_tags_and_not_by_looking_at_each(
    new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[str] = []
    read = SqliteDatabase.read

    async def reading(self: SqliteDatabase, statement: str, *rest: Any) -> Any:
        run.append(statement)
        return await read(self, statement, *rest)

    monkeypatch.setattr(SqliteDatabase, "read", reading)
    with serving("sqlite", new_database("sqlite")) as server:
        alice, auditor = server.client(), server.client(roles=("auditor",))
        case = alice.create_case()

        def plan(client: Client, query: str, **variables: Any) -> list[str]:
            client.run(query, **variables)
            with closing(sqlite3.connect(server.settings.database_file)) as connection:
                values = [None] * run[-1].count("?")
                return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {run[-1]}", values)]

        in_case = "SEARCH tags USING COVERING INDEX tags_in_case (case_id=? AND key=?)"
        steps = plan(alice, FOUND, id=case, where={"tags": ["a"]})
        assert in_case in steps
        assert "SEARCH events USING INDEX sqlite_autoindex_events_1 (id=?)" in steps
        steps = plan(auditor, CASES, where={"tags": ["a"]})
        assert "SEARCH tags USING INDEX tags_of_cases (key=?)" in steps
        assert not any(step.startswith("SCAN cases") for step in steps)
        # Whoever sees some cases alone is told nothing of others by what it costs.
        steps = plan(alice, CASES, where={"tags": ["a"]})
        assert "SEARCH tags USING COVERING INDEX sqlite_autoindex_tags_1 (row_id=? AND key=?)" in steps
        steps = plan(alice, COUNTS, id=case)
        assert any(step.startswith("SEARCH tags USING INDEX tags_in_case (case_id=?)") for step in steps)
        assert not any(step.startswith("SCAN tags") for step in steps)


TAGGED_TEXTS = """
    query ($id: ID!, $tags: [String!], $text: String) {
      case(id: $id) {
        events(where: {tags: $tags, text: $text}) { nodes { title } totalCount }
        fileBatches(where: {tags: $tags, text: $text}) { nodes { label } totalCount }
      }
      cases(where: {tags: $tags, text: $text}) { nodes { title } totalCount }
    }
"""


def test_tags_and_a_text_are_asked_for_together(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Harbour by night")
    events = [alice.create_event(case, title=title) for title in ("Crane by night", "Crane by day", "Night")]
    batches = [alice.create_batch(case, events[0], label=label) for label in ("Night shift", "Day shift")]
    add(alice, case, [case, events[0], events[1], *batches], "Port")
    for client in (alice, server.client(roles=("auditor",)), server.client(roles=("admin",))):
        assert client.run(TAGGED_TEXTS, id=case, tags=["port"], text="NIGHT") == {
            "case": {
                "events": {"nodes": [{"title": "Crane by night"}], "totalCount": 1},
                "fileBatches": {"nodes": [{"label": "Night shift"}], "totalCount": 1},
            },
            "cases": {"nodes": [{"title": "Harbour by night"}], "totalCount": 1},
        }
