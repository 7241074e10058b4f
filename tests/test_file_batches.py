"""File batches, from their creation to their end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server import Client, Server
from tests.test_ownership import count

BATCH = """
id event { id case { id } } label fileCount description fileTypes sortOrder version
createdAt createdBy { subject } updatedAt updatedBy { subject }
"""
READ = f"""
query ($case: ID!, $event: ID!, $id: ID!) {{
  fileBatch(caseId: $case, eventId: $event, id: $id) {{ {BATCH} }}
}}
"""
ERRORS = "errors { __typename code message path ... on ConflictError { currentVersion current { id } } }"
NOT_FOUND = {
    "__typename": "NotFoundError",
    "code": "NOT_FOUND",
    "message": "there is no such file batch here",
    "path": ["input", "id"],
}
ALL = {
    "label": "Invoices",
    "fileCount": 7000,
    "description": "All of 2025",
    "fileTypes": ".pdf, .docx",
    "sortOrder": 5,
}


def path(case: str, event: str, batch: str) -> dict[str, str]:
    """Return the address of a batch in an input."""
    return {"caseId": case, "eventId": event, "id": batch}


def read(client: Client, case: str, event: str, batch: str) -> dict[str, Any]:
    """Return a batch as its own field shows it."""
    found: dict[str, Any] = client.run(READ, case=case, event=event, id=batch)["fileBatch"]
    return found


def test_create_returns_the_batch(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    payload = alice.change(
        "createFileBatch",
        """
        fileBatch { label fileCount description fileTypes sortOrder version event { id case { id } } }
        errors { message }
        """,
        caseId=case,
        eventId=event,
        label="Invoices",
        fileCount=7000,
        fileTypes=".pdf, .docx",
    )
    assert payload == {
        "fileBatch": {
            "label": "Invoices",
            "fileCount": 7000,
            "description": None,
            "fileTypes": ".pdf, .docx",
            "sortOrder": 0,
            "version": 1,
            "event": {"id": event, "case": {"id": case}},
        },
        "errors": [],
    }


def test_they_are_listed_by_sort_order(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    for label, order in (("third", 3), ("first", -1), ("second", 2)):
        alice.create_batch(case, event, label=label, sortOrder=order)
    query = "query ($case: ID!) { case(id: $case) { events { nodes { fileBatches { nodes { label } } } } } }"
    (node,) = alice.run(query, case=case)["case"]["events"]["nodes"]
    assert node["fileBatches"]["nodes"] == [{"label": "first"}, {"label": "second"}, {"label": "third"}]


def test_create_takes_defaults_for_what_is_left_out(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    payload = alice.change(
        "createFileBatch", f"fileBatch {{ {BATCH} }} {ERRORS}", caseId=case, eventId=event, label="Photos"
    )
    batch = payload["fileBatch"]
    assert payload["errors"] == []
    assert batch == {
        "id": batch["id"],
        "event": {"id": event, "case": {"id": case}},
        "label": "Photos",
        "fileCount": 0,
        "description": None,
        "fileTypes": None,
        "sortOrder": 0,
        "version": 1,
        "createdAt": batch["createdAt"],
        "createdBy": {"subject": alice.subject},
        "updatedAt": batch["createdAt"],
        "updatedBy": {"subject": alice.subject},
    }
    assert read(alice, case, event, batch["id"]) == batch


@pytest.mark.parametrize(
    "given",
    [
        {"label": "Receipts"},
        {"fileCount": 0},
        {"fileCount": 2**31 - 1},
        {"description": None},
        {"fileTypes": None},
        {"fileTypes": ""},
        {"sortOrder": -1},
        {"label": "Receipts", "fileCount": 1, "description": "", "fileTypes": ".xlsx", "sortOrder": 0},
    ],
    ids=str,
)
def test_update_changes_what_is_given_and_nothing_else(alice: Client, given: dict[str, Any]) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event, **ALL)
    before = read(alice, case, event, batch)
    assert before == before | ALL
    payload = alice.change("updateFileBatch", f"fileBatch {{ {BATCH} }} {ERRORS}", **path(case, event, batch), **given)
    after = payload["fileBatch"]
    assert payload["errors"] == []
    assert after == before | given | {"version": 2, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    assert read(alice, case, event, batch) == after


@pytest.mark.parametrize("given", [{}, ALL, {"fileCount": 7000}], ids=str)
def test_an_update_that_changes_nothing_leaves_the_version(alice: Client, given: dict[str, Any]) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event, **ALL)
    before = read(alice, case, event, batch)
    payload = alice.change("updateFileBatch", f"fileBatch {{ {BATCH} }} {ERRORS}", **path(case, event, batch), **given)
    assert payload == {"fileBatch": before, "errors": []}


def test_an_update_says_who_made_it(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event)
    before = read(alice, case, event, batch)
    admin = server.client(roles=("admin",))
    admin.change("updateFileBatch", "errors { code }", **path(case, event, batch), fileCount=1)
    after = read(alice, case, event, batch)
    assert (after["createdBy"], after["createdAt"]) == (before["createdBy"], before["createdAt"])
    assert after["updatedBy"] == {"subject": admin.subject}


def test_changes_to_a_batch_are_no_changes_to_its_event(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event)
    alice.change("updateFileBatch", "errors { code }", **path(case, event, batch), fileCount=1)
    query = "query ($case: ID!, $id: ID!) { event(caseId: $case, id: $id) { version case { version } } }"
    assert alice.run(query, case=case, id=event) == {"event": {"version": 1, "case": {"version": 1}}}


def test_delete_removes_the_batch_alone(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch, kept = alice.create_batch(case, event), alice.create_batch(case, event)
    payload = alice.change("deleteFileBatch", f"deletedId {ERRORS}", **path(case, event, batch))
    assert payload == {"deletedId": batch, "errors": []}
    assert alice.run(READ, case=case, event=event, id=batch) == {"fileBatch": None}
    assert (count(server, "file_batches", id=batch), count(server, "file_batches", id=kept)) == (0, 1)
    payload = alice.change("deleteFileBatch", f"deletedId {ERRORS}", **path(case, event, batch))
    assert payload == {"deletedId": None, "errors": [NOT_FOUND]}


def test_the_expected_version_lets_the_change_through(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event)
    address = path(case, event, batch)
    payload = alice.change("updateFileBatch", "fileBatch { version }", **address, expectedVersion=1, fileCount=1)
    assert payload == {"fileBatch": {"version": 2}}
    assert alice.change("deleteFileBatch", "deletedId", **address, expectedVersion=2) == {"deletedId": batch}


@pytest.mark.parametrize("field", ["updateFileBatch", "deleteFileBatch"])
def test_another_version_than_expected_is_a_conflict(alice: Client, field: str) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event, label="Photos")
    given = {"fileCount": 9} if field == "updateFileBatch" else {}
    payload = alice.change(
        field,
        """
        errors { message ... on ConflictError { currentVersion it: current { ... on FileBatch { label } } } }
        again: errors { path ... on ConflictError { current { __typename } } }
        """,
        **path(case, event, batch),
        expectedVersion=2,
        **given,
    )
    assert payload == {
        "errors": [
            {
                "message": "version 2 was expected, but the present one is 1",
                "currentVersion": 1,
                "it": {"label": "Photos"},
            }
        ],
        "again": [{"path": ["input", "expectedVersion"], "current": {"__typename": "FileBatch"}}],
    }
    assert read(alice, case, event, batch)["fileCount"] == 0


def test_create_refuses_an_event_of_another_case(alice: Client) -> None:
    case, other = alice.create_case(), alice.create_case()
    event = alice.create_event(case)
    payload = alice.change(
        "createFileBatch", f"fileBatch {{ id }} {ERRORS}", caseId=other, eventId=event, label="Photos"
    )
    assert payload == {
        "fileBatch": None,
        "errors": [NOT_FOUND | {"message": "there is no such event here", "path": ["input", "eventId"]}],
    }


@pytest.mark.parametrize("field", ["updateFileBatch", "deleteFileBatch"])
def test_a_batch_is_changed_through_its_whole_path_only(alice: Client, field: str) -> None:
    case, other = alice.create_case(), alice.create_case()
    event, sibling, foreign = alice.create_event(case), alice.create_event(case), alice.create_event(other)
    batch = alice.create_batch(case, event)
    before = read(alice, case, event, batch)
    given = {"fileCount": 9} if field == "updateFileBatch" else {}
    for address in (path(case, sibling, batch), path(other, event, batch), path(other, foreign, batch)):
        assert alice.change(field, ERRORS, **address, **given) == {"errors": [NOT_FOUND]}
    assert read(alice, case, event, batch) == before


def test_a_batch_is_read_through_its_whole_path_only(alice: Client) -> None:
    case, other = alice.create_case(), alice.create_case()
    event, sibling, foreign = alice.create_event(case), alice.create_event(case), alice.create_event(other)
    batch = alice.create_batch(case, event)
    query = """
        query ($case: ID!, $event: ID!, $id: ID!) {
          fileBatch(caseId: $case, eventId: $event, id: $id) { id }
          event(caseId: $case, id: $event) { fileBatch(id: $id) { id } }
          case(id: $case) { event(id: $event) { fileBatch(id: $id) { id } } }
        }
    """
    found = {"fileBatch": {"id": batch}}
    assert alice.run(query, case=case, event=event, id=batch) == {
        **found,
        "event": found,
        "case": {"event": found},
    }
    none = {"fileBatch": None}
    assert alice.run(query, case=case, event=sibling, id=batch) == {
        **none,
        "event": none,
        "case": {"event": none},
    }
    assert alice.run(query, case=other, event=foreign, id=batch) == {
        **none,
        "event": none,
        "case": {"event": none},
    }
    assert alice.run(query, case=other, event=event, id=batch) == {
        **none,
        "event": None,
        "case": {"event": None},
    }
