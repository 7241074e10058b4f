"""The record as clients read it: what each change leaves in it, and in which histories that is."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from graphql import GraphQLObjectType

from app.schema import executable
from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_ownership import execute

CHANGE = """seq at by { subject } kind on { type id label version node { __typename id } } fields { name before after }
reason requestId erased"""
JOURNAL = f"""query ($id: ID!, $after: String) {{ case(id: $id) {{ journal {{ size root }}
history(orderBy: SEQ_ASC, first: 100, after: $after) {{
    totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ id {CHANGE} }} }} }} }}"""
UPDATE = """mutation ($id: ID!) {
  updateCase(input: {id: $id, title: "Changed"}) { errors { code } } }"""
NOON = "2026-01-01T12:00:00Z"

Entry = dict[str, Any]


def journal(client: Client, case: str) -> list[Entry]:
    """Return all entries of a case's journal, oldest first."""
    entries: list[Entry] = []
    after = None
    while True:
        found = client.run(JOURNAL, id=case, after=after)["case"]
        entries += found["history"]["nodes"]
        after = found["history"]["pageInfo"]["endCursor"]
        if not found["history"]["pageInfo"]["hasNextPage"]:
            assert [entry["seq"] for entry in entries] == [*range(1, found["journal"]["size"] + 1)]
            assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
            assert found["history"]["totalCount"] == len(entries)
            return entries


def values(entry: Entry) -> dict[str, tuple[Any, Any]]:
    return {each["name"]: (each["before"], each["after"]) for each in entry["fields"]}


def test_an_entry_says_who_did_what_and_when(alice: Client) -> None:
    case = alice.create_case(title="Fire", description='say "hi" \u20ac\u0001', reference="D-17", status="ACTIVE")
    first, second = journal(alice, case)
    created = alice.run("query ($id: ID!) { case(id: $id) { number createdAt } }", id=case)["case"]
    member = second["on"]["id"]
    assert first == {
        "id": first["id"],
        "seq": 1,
        "at": created["createdAt"],
        "by": {"subject": alice.subject},
        "kind": "CREATED",
        "on": {"type": "CASE", "id": case, "label": "Fire", "version": 1, "node": {"__typename": "Case", "id": case}},
        "fields": [
            {"name": "number", "before": None, "after": created["number"]},
            {"name": "title", "before": None, "after": "Fire"},
            {"name": "reference", "before": None, "after": "D-17"},
            {"name": "status", "before": None, "after": "ACTIVE"},
            {"name": "description", "before": None, "after": 'say "hi" \u20ac\u0001'},
        ],
        "reason": None,
        "requestId": None,
        "erased": False,
    }
    assert second["on"] == {
        "type": "MEMBER",
        "id": member,
        "label": alice.subject,
        "version": None,
        "node": {"__typename": "User", "id": member},
    }
    assert values(second) == {"role": (None, "OWNER"), "accepted": (None, True)}


def test_values_are_typed(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case, title="E", occurredAt=NOON, sortOrder=-3, description="Long")
    given = {"occurredUntil": NOON, "sortOrder": 4, "description": None, "title": "E", "type": "FINDING"}
    alice.change("updateEvent", "event { id }", caseId=case, id=event, **given)
    assert values(journal(alice, case)[-1]) == {
        "type": ("NOTE", "FINDING"),
        "occurredUntil": (None, "2026-01-01T12:00:00.000000Z"),
        "sortOrder": (-3, 4),
        "description": ("Long", None),
    }


def test_a_payload_says_its_change(alice: Client) -> None:
    case = alice.create_case()
    payload = alice.change("createEvent", f"change {{ id {CHANGE} }}", caseId=case, title="E", occurredAt=NOON)
    assert payload["change"] == journal(alice, case)[-1]
    refused = alice.change("createEvent", "change { id } errors { code }", caseId=case, title=" ", occurredAt=NOON)
    assert refused == {"change": None, "errors": [{"code": "INVALID_INPUT"}]}


def test_what_changes_nothing_leaves_no_entry(alice: Client) -> None:
    case = alice.create_case(title="Fire")
    before = journal(alice, case)
    assert alice.change("updateCase", "change { id } case { id }", id=case, title="Fire")["change"] is None
    assert alice.change("acceptCase", "change { id } case { id }", id=case)["change"] is None
    assert alice.change("updateCase", "errors { code }", id=case, title="") == {"errors": [{"code": "INVALID_INPUT"}]}
    assert journal(alice, case) == before


def test_histories_are_those_of_what_is_in_each(alice: Client) -> None:
    case = alice.create_case()
    one, other = (alice.create_event(case, title=title) for title in ("One", "Other"))
    batch, gone = (alice.create_batch(case, one, label=label) for label in ("Batch", "Gone"))
    alice.change("updateFileBatch", "errors { code }", caseId=case, eventId=one, id=batch, label="Renamed")
    alice.change("deleteFileBatch", "errors { code }", caseId=case, eventId=one, id=gone)
    alice.change("updateEvent", "errors { code }", caseId=case, id=other, title="Another")
    selection = "history(orderBy: SEQ_ASC) { nodes { kind on { label } } }"
    query = f"""query ($c: ID!, $e: ID!, $o: ID!, $b: ID!) {{ case(id: $c) {{
        one: event(id: $e) {{ {selection} alone: history(where: {{ types: ["EVENT"] }}) {{ totalCount }} }}
        other: event(id: $o) {{ {selection} }} }}
        fileBatch(caseId: $c, eventId: $e, id: $b) {{ {selection} }} }}"""
    found = alice.run(query, c=case, e=one, o=other, b=batch)

    def told(history: dict[str, Any]) -> list[tuple[str, str]]:
        return [(entry["kind"], entry["on"]["label"]) for entry in history["history"]["nodes"]]

    assert told(found["case"]["one"]) == [
        ("CREATED", "One"),
        ("CREATED", "Batch"),
        ("CREATED", "Gone"),
        ("UPDATED", "Renamed"),
        ("DELETED", "Gone"),
    ]
    assert found["case"]["one"]["alone"] == {"totalCount": 1}
    assert told(found["case"]["other"]) == [("CREATED", "Other"), ("UPDATED", "Another")]
    assert told(found["fileBatch"]) == [("CREATED", "Batch"), ("UPDATED", "Renamed")]


@pytest.mark.parametrize(
    ("where", "seqs"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"kinds": ["UPDATED"]}, [5]),
        ({"kinds": []}, []),
        ({"types": ["EVENT", "CASE"]}, [5, 4, 3, 1]),
        ({"types": []}, []),
        ({"fields": ["title"]}, [5, 4, 3, 1]),
        ({"fields": ["description", "sortOrder"]}, [5, 4, 3]),
        ({"fields": []}, []),
        ({"fields": ["title"], "kinds": ["CREATED"], "types": ["CASE"]}, [1]),
        ({"byId": "not an id"}, []),
        ({"before": "2020-01-01T00:00:00Z"}, []),
        ({"from": "2020-01-01T00:00:00Z"}, [5, 4, 3, 2, 1]),
    ],
    ids=str,
)
def test_filters(alice: Client, where: dict[str, Any], seqs: list[int]) -> None:
    case = alice.create_case()
    event, _ = (alice.create_event(case, title=title) for title in ("One", "Other"))
    alice.change("updateEvent", "errors { code }", caseId=case, id=event, title="E", description="D")
    query = "query ($id: ID!, $where: ChangeFilter) { case(id: $id) { history(where: $where) { nodes { seq } } } }"
    found = alice.run(query, id=case, where=where)["case"]["history"]["nodes"]
    assert [entry["seq"] for entry in found] == seqs


def test_changes_of_one_user_and_between_two_moments(server: Server, alice: Client) -> None:
    bob = server.client()
    case = alice.create_case()
    alice.change("setCaseMember", "errors { code }", caseId=case, subject=bob.subject, role="EDITOR")
    bob.create_event(case, title="Bob's")
    entries = journal(alice, case)
    user = bob.run("{ viewer { id } }")["viewer"]["id"]
    query = "query ($id: ID!, $where: ChangeFilter) { case(id: $id) { history(where: $where) { nodes { seq } } } }"

    def found(**where: Any) -> list[int]:
        return [each["seq"] for each in alice.run(query, id=case, where=where)["case"]["history"]["nodes"]]

    # With their first change they take the membership up.
    assert [(entry["kind"], entry["on"]["type"]) for entry in entries[3:]] == [
        ("UPDATED", "MEMBER"),
        ("CREATED", "EVENT"),
    ]
    assert values(entries[3]) == {"accepted": (False, True)}
    assert found(byId=user) == [5, 4]
    assert found(byId=user.upper()) == [5, 4]
    assert found(**{"from": entries[2]["at"], "before": entries[4]["at"]}) == [3]


@pytest.mark.parametrize(
    ("where", "argument", "message"),
    [
        (
            {"types": ["EVENTS"]},
            "where.types",
            '`types` has "EVENTS", which is none of CASE, COMMENT, EVENT, FILE_BATCH, HOLD, MEMBER',
        ),
        ({"types": ["\0"]}, "where.types", '`types` has "\\u0000", which is none of CASE'),
        (
            {"fields": ["Title"]},
            "where.fields",
            '`fields` has "Title", which is none of accepted, authority, ',
        ),
        ({"fields": ["title"] * 101}, "where.fields", "`fields` may hold up to 100 names, not 101"),
    ],
    ids=("type", "nul", "field", "many"),
)
def test_names_that_nothing_has_are_refused(alice: Client, where: Any, argument: str, message: str) -> None:
    case = alice.create_case()
    query = "query ($id: ID!, $where: ChangeFilter) { case(id: $id) { history(where: $where) { nodes { seq } } } }"
    (error,) = alice.errors(query, id=case, where=where)
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("INVALID_INPUT", argument)
    assert error["message"].startswith(message)


def test_pages_go_both_ways(alice: Client) -> None:
    case = alice.create_case()
    for number in range(5):
        alice.create_event(case, title=str(number))
    query = """query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String, $orderBy: [ChangeOrder!]) {
    case(id: $id) { history(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
      nodes { seq } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""

    def page(**arguments: Any) -> tuple[list[int], dict[str, Any]]:
        found = alice.run(query, id=case, **arguments)["case"]["history"]
        return [entry["seq"] for entry in found["nodes"]], found["pageInfo"]

    seqs, info = page(first=3)
    assert (seqs, info["hasNextPage"], info["hasPreviousPage"]) == ([7, 6, 5], True, False)
    seqs, info = page(first=3, after=info["endCursor"])
    assert (seqs, info["hasNextPage"], info["hasPreviousPage"]) == ([4, 3, 2], True, True)
    assert page(last=2, before=info["startCursor"])[0] == [6, 5]
    assert page(first=2, orderBy=["SEQ_ASC"])[0] == [1, 2]


def test_a_change_is_a_node_for_whoever_may_see_its_case(server: Server, alice: Client, mallory: Client) -> None:
    case = alice.create_case(title="Secret")
    (entry, _) = journal(alice, case)
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on Change { seq on { label } } } }"
    assert alice.run(query, id=entry["id"])["node"] == {
        "__typename": "Change",
        "id": entry["id"],
        "seq": 1,
        "on": {"label": "Secret"},
    }
    assert mallory.run(query, id=entry["id"]) == {"node": None}
    assert server.client(roles=("auditor",)).run(query, id=entry["id"])["node"]["seq"] == 1


def _case_of(alice: Client) -> tuple[str, str, str]:
    case = alice.create_case(title="Fire")
    event = alice.create_event(case, title="E")
    return case, event, alice.create_batch(case, event, label="B")


# What each mutation leaves in the journal, oldest first, after what `_case_of` and the invitation of Bob leave.
RULES: dict[str, tuple[Callable[[str, str, str, str], dict[str, Any]], list[tuple[str, str, list[str]]]]] = {
    "updateCase": (lambda case, *_: {"id": case, "title": "Flood"}, [("UPDATED", "CASE", ["title"])]),
    "createEvent": (
        lambda case, *_: {"caseId": case, "title": "F", "occurredAt": NOON},
        [("CREATED", "EVENT", ["type", "title", "occurredAt", "timePrecision", "sortOrder"])],
    ),
    "updateEvent": (
        lambda case, event, *_: {"caseId": case, "id": event, "title": "F", "sortOrder": 2},
        [("UPDATED", "EVENT", ["title", "sortOrder"])],
    ),
    "deleteEvent": (
        lambda case, event, *_: {"caseId": case, "id": event},
        [
            ("DELETED", "FILE_BATCH", ["label", "fileCount", "sortOrder"]),
            ("DELETED", "EVENT", ["type", "title", "occurredAt", "timePrecision", "sortOrder"]),
        ],
    ),
    "createFileBatch": (
        lambda case, event, *_: {"caseId": case, "eventId": event, "label": "C", "description": "D"},
        [("CREATED", "FILE_BATCH", ["label", "fileCount", "sortOrder", "description"])],
    ),
    "updateFileBatch": (
        lambda case, event, batch, _: {"caseId": case, "eventId": event, "id": batch, "fileCount": 9},
        [("UPDATED", "FILE_BATCH", ["fileCount"])],
    ),
    "deleteFileBatch": (
        lambda case, event, batch, _: {"caseId": case, "eventId": event, "id": batch},
        [("DELETED", "FILE_BATCH", ["label", "fileCount", "sortOrder"])],
    ),
    "setCaseMember": (
        lambda case, _, __, bob: {"caseId": case, "subject": bob, "role": "VIEWER"},
        [("UPDATED", "MEMBER", ["role"])],
    ),
    "removeCaseMember": (
        lambda case, _, __, bob: {"caseId": case, "subject": bob},
        [("DELETED", "MEMBER", ["role", "accepted"])],
    ),
    "acceptCase": (lambda case, *_: {"id": case}, [("UPDATED", "MEMBER", ["accepted"])]),
    "createCase": (lambda *_: {"title": "New"}, []),
    "deleteCase": (
        lambda case, *_: {"id": case},
        [
            ("DELETED", "FILE_BATCH", ["label", "fileCount", "sortOrder"]),
            ("DELETED", "EVENT", ["type", "title", "occurredAt", "timePrecision", "sortOrder"]),
            ("DELETED", "MEMBER", ["role", "accepted"]),
            ("DELETED", "MEMBER", ["role", "accepted"]),
            ("DELETED", "CASE", ["number", "title", "status"]),
        ],
    ),
}
REASON = {"reason": "Why not."}
EMPTY = {"path": "a", "size": 0, "sha256": "00" * 32}


def _batch(case: str, event: str, batch: str) -> dict[str, Any]:
    return {"caseId": case, "eventId": event, "fileBatchId": batch}


RULES |= {
    "createEvents": (
        lambda case, *_: {
            "caseId": case,
            "items": [{"title": "T", "occurredAt": NOON}, {"title": "U", "occurredAt": NOON}],
        },
        [("CREATED", "EVENT", ["type", "title", "occurredAt", "timePrecision", "sortOrder"])] * 2,
    ),
    "createFileBatches": (
        lambda case, event, *_: {"caseId": case, "items": [{"eventId": event, "label": text} for text in "TU"]},
        [("CREATED", "FILE_BATCH", ["label", "fileCount", "sortOrder"])] * 2,
    ),
    "deleteEvents": (
        lambda case, event, *_: {"caseId": case, "ids": [event]},
        [("DELETED", "EVENT", ["type", "title", "occurredAt", "timePrecision", "sortOrder"])],
    ),
    # Files are recorded by the digest of their list.
    "addFiles": (lambda case, event, batch, _: {**_batch(case, event, batch), "files": [EMPTY]}, []),
    "finishManifest": (
        lambda case, event, batch, _: {**_batch(case, event, batch), "fileCount": 0},
        [("UPDATED", "FILE_BATCH", ["manifestSha256", "totalBytes", "finishedAt", "finishedBy"])],
    ),
    "addTags": (
        lambda case, event, batch, _: {"caseId": case, "ids": [case, event, batch], "tags": ["a"]},
        [("UPDATED", type_, ["tags"]) for type_ in ("CASE", "EVENT", "FILE_BATCH")],
    ),
    "removeTags": (
        lambda case, event, batch, _: {"caseId": case, "ids": [batch, event], "tags": ["A"]},
        [("UPDATED", "EVENT", ["tags"])],
    ),
    "addComment": (
        lambda case, event, *_: {"caseId": case, "on": event, "text": "T"},
        [("CREATED", "COMMENT", ["on", "text"])],
    ),
    "updateComment": (
        lambda case, *_: {"caseId": case, "id": COMMENTS[case], "text": "U"},
        [("UPDATED", "COMMENT", ["editedAt", "text"])],
    ),
    "deleteComment": (
        lambda case, *_: {"caseId": case, "id": COMMENTS[case]},
        [("DELETED", "COMMENT", ["on", "text"])],
    ),
    "sealCase": (
        lambda case, *_: {"id": case, **REASON},
        [("SEALED", "CASE", ["sealedAt", "sealedBy", "sealReason", "sealRoot"])],
    ),
    "unsealCase": (
        lambda case, *_: {"id": case, **REASON},
        [("UNSEALED", "CASE", ["sealedAt", "sealedBy", "sealReason", "sealRoot"])],
    ),
    "retainCase": (
        lambda case, *_: {"id": case, "retainUntil": "2999-01-01T00:00:00Z"},
        [("UPDATED", "CASE", ["retainUntil"])],
    ),
    "placeHold": (
        lambda case, *_: {"caseId": case, "name": "H", **REASON},
        [("HELD", "HOLD", ["name", "reason", "authority", "placedAt", "placedBy"])],
    ),
    "releaseHold": (
        lambda case, *_: {"caseId": case, "id": HOLDS[case], **REASON},
        [("RELEASED", "HOLD", ["releasedAt", "releasedBy", "releaseReason"])],
    ),
    "restore": (
        lambda case, event, *_: {"caseId": case, "id": event},
        [
            ("RESTORED", "FILE_BATCH", ["label", "fileCount", "sortOrder"]),
            ("RESTORED", "EVENT", ["type", "title", "occurredAt", "timePrecision", "sortOrder"]),
        ],
    ),
    "purge": (
        lambda case, event, *_: {"caseId": case, "id": event, "confirm": CONFIRMS[case], **REASON},
        [("PURGED", "EVENT", ["authority", "entries", "size", "root", "checkpoint"])],
    ),
    "erase": (
        lambda case, *_: {"caseId": case, "seqs": [1], "fields": ["title"], **REASON},
        [("ERASED", "CASE", ["seqs", "erased"])],
    ),
}
HOLDS: dict[str, str] = {}
COMMENTS: dict[str, str] = {}
CONFIRMS: dict[str, str] = {}


def _hold(alice: Client, admin: Client, case: str, _: str) -> None:
    del admin
    HOLDS[case] = alice.change("placeHold", "hold { id }", caseId=case, name="H", **REASON)["hold"]["id"]


def _comment(alice: Client, admin: Client, case: str, event: str) -> None:
    del admin
    payload = alice.change("addComment", "comment { id }", caseId=case, on=event, text="T")
    COMMENTS[case] = payload["comment"]["id"]


def _preview(alice: Client, admin: Client, case: str, event: str) -> None:
    alice.change("deleteEvent", "deletedId", caseId=case, id=event)
    CONFIRMS[case] = admin.change("purge", "preview", caseId=case, id=event, **REASON)["preview"]["confirm"]


# What has to be so before some of them.
BEFORE: dict[str, Callable[[Client, Client, str, str], Any]] = {
    "unsealCase": lambda alice, _, case, __: alice.change("sealCase", "change { id }", id=case, **REASON),
    "releaseHold": _hold,
    "removeTags": lambda alice, _, case, event: alice.change(
        "addTags", "change { id }", caseId=case, ids=[event], tags=["a"]
    ),
    "updateComment": _comment,
    "deleteComment": _comment,
    "restore": lambda alice, _, case, event: alice.change("deleteEvent", "deletedId", caseId=case, id=event),
    "purge": _preview,
    "erase": lambda alice, _, case, __: alice.change("updateCase", "change { id }", id=case, title="Flood"),
}
BY_BOB = {"acceptCase"}
OF_SEVERAL = {"addTags", "createEvents", "createFileBatches"}
BY_AN_ADMINISTRATOR = {"purge"}


def mutations() -> list[str]:
    mutation = executable().mutation_type
    assert isinstance(mutation, GraphQLObjectType)
    return sorted(mutation.fields)


@pytest.mark.parametrize("mutation", mutations())
def test_each_mutation_leaves_the_entries_that_its_rule_says(server: Server, alice: Client, mutation: str) -> None:
    bob = server.client()
    case, event, batch = _case_of(alice)
    alice.change("setCaseMember", "errors { code }", caseId=case, subject=bob.subject, role="EDITOR")
    # Who has a role in the whole installation sees what is left of a case that is gone.
    everybody = server.client(roles=("auditor",))
    admin = server.client(roles=("admin",))
    if (prepare := BEFORE.get(mutation)) is not None:
        prepare(alice, admin, case, event)
    before = len(journal(alice, case))
    given, rule = RULES[mutation]
    actor = bob if mutation in BY_BOB else admin if mutation in BY_AN_ADMINISTRATOR else alice
    payload = actor.change(mutation, "change { id } errors { code }", **given(case, event, batch, bob.subject))
    assert payload["errors"] == []
    if mutation != "deleteCase":
        left = journal(alice, case)[before:]
    else:
        query = f"query ($id: ID!) {{ node(id: $id) {{ ... on Change {{ id {CHANGE} }} }} }}"
        left = [everybody.run(query, id=payload["change"]["id"])["node"]]
        rule = rule[-1:]
    told = [(entry["kind"], entry["on"]["type"], [each["name"] for each in entry["fields"]]) for entry in left]
    assert told == rule
    assert all(entry["by"] == {"subject": actor.subject} for entry in left)
    if left:
        # Of several that are about as much, it is the first one.
        assert payload["change"]["id"] == left[0 if mutation in OF_SEVERAL else -1]["id"]


def test_writers_side_by_side_leave_a_journal_without_gaps(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case, title="E")

    def work(number: int) -> int:
        client, made = server.client(alice.subject), 0
        for turn in range(5):
            name, given = [
                ("createFileBatch", {"eventId": event, "label": "B"}),
                ("updateEvent", {"id": event, "title": f"{number}.{turn}"}),
                ("createFileBatch", {"eventId": event, "label": " "}),  # is refused
                ("createEvent", {"title": "F", "occurredAt": NOON}),
            ][(number + turn) % 4]
            made += client.change(name, "errors { code }", caseId=case, **given)["errors"] == []
        return made

    with ThreadPoolExecutor(16) as pool:
        made = sum(pool.map(work, range(16)))
    assert len(journal(alice, case)) == 3 + made


BREAKS = {
    "size": "UPDATE journals SET size = size + 1 WHERE case_id = '{}'",
    "no head": "DELETE FROM journals WHERE case_id = '{}'",
    "no last entry": "DELETE FROM journal_entries WHERE case_id = '{}' AND seq = 2",
    "moment": "UPDATE journals SET at = (SELECT max(created_at) FROM users WHERE id <> '{}') WHERE case_id = '{}'",
}


@pytest.mark.parametrize("broken", BREAKS.values(), ids=BREAKS)
def test_a_journal_whose_head_does_not_fit_takes_no_more(
    server: Server, alice: Client, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    case, other = alice.create_case(title="Fire"), alice.create_case(title="Flood")
    execute(server, broken.replace("{}", case))
    (error,) = alice.post(UPDATE, {"id": case}).json()["errors"]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert f"the journal of case {case} is broken" in caplog.text
    assert "dossier verify" not in error["message"]
    assert alice.run(UPDATE, id=other)["updateCase"]["errors"] == []
    assert alice.run("query ($id: ID!) { case(id: $id) { title } }", id=case) == {"case": {"title": "Fire"}}


@pytest.mark.parametrize("kind", KINDS)
def test_readiness_tells_of_a_broken_journal_and_of_no_case(
    new_database: Callable[[str], str], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    ready = (200, "ready\n")
    warned = (200, "ready; but the record of a case does not agree with itself, 'dossier verify' tells of which\n")

    def readiness() -> tuple[int, str]:
        response = server.http.get("/readyz")
        return response.status_code, response.text

    def refused(case: str) -> bool:
        return alice.post(UPDATE, {"id": case}).json().get("errors", [{}])[0].get("extensions") is not None

    with serving(kind, new_database(kind)) as server:
        alice = server.client()
        cases = {name: alice.create_case() for name in BREAKS}
        other = alice.create_case()
        for name, statement in BREAKS.items():
            execute(server, statement.replace("{}", cases[name]))
        assert readiness() == ready  # nobody has met them
        for case in cases.values():
            assert refused(case)
            assert readiness() == warned
            assert f"the journal of case {case} is broken" in caplog.text
        assert not refused(other)
        # Whole again are the journals whose heads fit, and those of which there is no case.
        entries = "SELECT {} FROM journal_entries WHERE case_id = journals.case_id"
        for column in ("max(seq)", "max(at)"):
            name = "size" if column == "max(seq)" else "at"
            whole = f"UPDATE journals SET {name} = ({entries.format(column)}) WHERE case_id IN ('{{}}', '{{}}')"  # noqa: S608
            execute(server, whole.format(cases["size"], cases["moment"]))
        execute(server, f"DELETE FROM cases WHERE id = '{cases['no head']}'")  # noqa: S608
        time.sleep(1.1)  # what was found last has been forgotten
        assert readiness() == warned
        assert not any(refused(cases[name]) for name in ("size", "moment"))
        execute(server, f"DELETE FROM cases WHERE id = '{cases['no last entry']}'")  # noqa: S608
        time.sleep(1.1)
        assert readiness() == ready
