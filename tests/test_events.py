"""Events, from their creation to their end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server import Client, Server
from tests.test_ownership import count

EVENT = """
id case { id } type title description occurredAt occurredUntil timePrecision sortOrder version
createdAt createdBy { subject } updatedAt updatedBy { subject }
"""
READ = f"query ($case: ID!, $id: ID!) {{ event(caseId: $case, id: $id) {{ {EVENT} }} }}"
ERRORS = "errors { __typename code message path ... on ConflictError { currentVersion current { id } } }"
NOT_FOUND = {
    "__typename": "NotFoundError",
    "code": "NOT_FOUND",
    "message": "there is no such event here",
    "path": ["input", "id"],
}
ALL = {
    "type": "FINDING",
    "title": "Alarm",
    "description": "In the east wing",
    "occurredAt": "2026-03-01T08:00:00.000000Z",
    "occurredUntil": "2026-03-01T09:30:00.123456Z",
    "timePrecision": "MINUTE",
    "sortOrder": -3,
}


def read(client: Client, case: str, event: str) -> dict[str, Any]:
    """Return an event as its own field shows it."""
    found: dict[str, Any] = client.run(READ, case=case, id=event)["event"]
    return found


def test_create_takes_defaults_for_what_is_left_out(alice: Client) -> None:
    case = alice.create_case()
    payload = alice.change(
        "createEvent",
        f"event {{ {EVENT} }} {ERRORS}",
        caseId=case,
        title="Alarm",
        occurredAt="2026-03-01T09:00:00+01:00",
    )
    event = payload["event"]
    assert payload["errors"] == []
    assert event == {
        "id": event["id"],
        "case": {"id": case},
        "type": "NOTE",
        "title": "Alarm",
        "description": None,
        "occurredAt": "2026-03-01T08:00:00.000000Z",
        "occurredUntil": None,
        "timePrecision": "EXACT",
        "sortOrder": 0,
        "version": 1,
        "createdAt": event["createdAt"],
        "createdBy": {"subject": alice.subject},
        "updatedAt": event["createdAt"],
        "updatedBy": {"subject": alice.subject},
    }
    assert read(alice, case, event["id"]) == event


def test_create_keeps_all_that_is_given(alice: Client) -> None:
    case = alice.create_case()
    event = read(alice, case, alice.create_event(case, **ALL))
    assert event == event | ALL


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2026-03-01T09:30:00.1234569Z", "2026-03-01T09:30:00.123456Z"),
        ("2026-03-01t09:30:00.5z", "2026-03-01T09:30:00.500000Z"),
        ("2026-03-01T00:15:00+05:45", "2026-02-28T18:30:00.000000Z"),
        ("2024-02-29T23:59:59-00:00", "2024-02-29T23:59:59.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_kept_in_utc_with_six_digits(alice: Client, given: str, kept: str) -> None:
    case = alice.create_case()
    event = read(alice, case, alice.create_event(case, occurredAt=given, occurredUntil=given))
    assert (event["occurredAt"], event["occurredUntil"]) == (kept, kept)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"])
def test_the_first_and_the_last_moment_are_as_others(alice: Client, moment: str) -> None:
    case = alice.create_case()
    event = alice.create_event(case, occurredAt=moment)
    path = {"caseId": case, "id": event}
    payload = alice.change("updateEvent", "event { occurredAt occurredUntil }", **path, occurredUntil=moment)
    assert payload == {"event": {"occurredAt": moment, "occurredUntil": moment}}
    query = """
        query ($id: ID!, $after: String) {
          case(id: $id) { events(after: $after, last: 1) { nodes { occurredAt } pageInfo { endCursor } } }
        }
    """
    events = alice.run(query, id=case)["case"]["events"]
    assert events["nodes"] == [{"occurredAt": moment}]
    assert alice.run(query, id=case, after=events["pageInfo"]["endCursor"])["case"]["events"]["nodes"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"type": "ACTION"},
        {"title": "All clear"},
        {"description": None},
        {"occurredAt": "2026-03-01T07:00:00.000000Z"},
        {"occurredAt": ALL["occurredUntil"]},
        {"occurredUntil": None},
        {"occurredUntil": ALL["occurredAt"]},
        {"timePrecision": "EXACT"},
        {"timePrecision": "YEAR", "occurredAt": "2026-01-01T00:00:00.000000Z", "occurredUntil": None},
        {"sortOrder": 2**31 - 1},
        {"sortOrder": -(2**31)},
        {"occurredAt": "2027-01-01T00:00:00.000000Z", "occurredUntil": None, "title": "Next year"},
        {"occurredAt": "2027-01-01T00:00:00.000000Z", "occurredUntil": "2027-01-02T00:00:00.000000Z"},
    ],
    ids=str,
)
def test_update_changes_what_is_given_and_nothing_else(alice: Client, given: dict[str, Any]) -> None:
    case = alice.create_case()
    before = read(alice, case, alice.create_event(case, **ALL))
    payload = alice.change("updateEvent", f"event {{ {EVENT} }} {ERRORS}", caseId=case, id=before["id"], **given)
    after = payload["event"]
    assert payload["errors"] == []
    assert after == before | given | {"version": 2, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    assert read(alice, case, before["id"]) == after


@pytest.mark.parametrize("given", [{}, ALL, {"occurredAt": "2026-03-01T10:00:00+02:00"}], ids=str)
def test_an_update_that_changes_nothing_leaves_the_version(alice: Client, given: dict[str, Any]) -> None:
    case = alice.create_case()
    before = read(alice, case, alice.create_event(case, **ALL))
    payload = alice.change("updateEvent", f"event {{ {EVENT} }} {ERRORS}", caseId=case, id=before["id"], **given)
    assert payload == {"event": before, "errors": []}


def test_an_update_says_who_made_it(server: Server, alice: Client) -> None:
    case = alice.create_case()
    before = read(alice, case, alice.create_event(case))
    admin = server.client(roles=("admin",))
    admin.change("updateEvent", "errors { code }", caseId=case, id=before["id"], title="All clear")
    after = read(alice, case, before["id"])
    assert (after["createdBy"], after["createdAt"]) == (before["createdBy"], before["createdAt"])
    assert after["updatedBy"] == {"subject": admin.subject}


def test_delete_removes_the_event_with_its_batches(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event, kept = alice.create_event(case), alice.create_event(case)
    for one in (event, event, kept):
        alice.create_batch(case, one)
    payload = alice.change("deleteEvent", f"deletedId {ERRORS}", caseId=case, id=event)
    assert payload == {"deletedId": event, "errors": []}
    assert alice.run(READ, case=case, id=event) == {"event": None}
    for identifier, rows in ((event, 0), (kept, 1)):
        assert count(server, "events", id=identifier) == rows
        assert count(server, "file_batches", event_id=identifier) == rows
    payload = alice.change("deleteEvent", f"deletedId {ERRORS}", caseId=case, id=event)
    assert payload == {"deletedId": None, "errors": [NOT_FOUND]}


def test_the_expected_version_lets_the_change_through(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    path = {"caseId": case, "id": event}
    payload = alice.change("updateEvent", "event { version }", **path, expectedVersion=1, title="All clear")
    assert payload == {"event": {"version": 2}}
    assert alice.change("deleteEvent", "deletedId", **path, expectedVersion=2) == {"deletedId": event}


@pytest.mark.parametrize("field", ["updateEvent", "deleteEvent"])
def test_another_version_than_expected_is_a_conflict(alice: Client, field: str) -> None:
    case = alice.create_case()
    event = alice.create_event(case, title="Alarm")
    given = {"title": "All clear"} if field == "updateEvent" else {}
    payload = alice.change(
        field,
        """
        errors { message ... on ConflictError { currentVersion it: current { ... on Event { title } } } }
        again: errors { path ... on ConflictError { current { __typename } } }
        """,
        caseId=case,
        id=event,
        expectedVersion=2,
        **given,
    )
    assert payload == {
        "errors": [
            {
                "message": "version 2 was expected, but the present one is 1",
                "currentVersion": 1,
                "it": {"title": "Alarm"},
            }
        ],
        "again": [{"path": ["input", "expectedVersion"], "current": {"__typename": "Event"}}],
    }
    assert read(alice, case, event)["title"] == "Alarm"


@pytest.mark.parametrize("field", ["updateEvent", "deleteEvent"])
def test_an_event_of_another_case_is_not_found(alice: Client, field: str) -> None:
    case, other = alice.create_case(), alice.create_case()
    event = alice.create_event(case)
    before = read(alice, case, event)
    given = {"title": "All clear"} if field == "updateEvent" else {}
    payload = alice.change(field, ERRORS, caseId=other, id=event, **given)
    assert payload == {"errors": [NOT_FOUND]}
    assert read(alice, case, event) == before


def test_an_event_is_read_through_its_own_case_only(alice: Client) -> None:
    case, other = alice.create_case(), alice.create_case()
    event = alice.create_event(case)
    query = """
        query ($case: ID!, $id: ID!) {
          event(caseId: $case, id: $id) { id }
          case(id: $case) { event(id: $id) { id } events { nodes { id } } }
        }
    """
    found = {"id": event}
    assert alice.run(query, case=case, id=event) == {
        "event": found,
        "case": {"event": found, "events": {"nodes": [found]}},
    }
    assert alice.run(query, case=other, id=event) == {
        "event": None,
        "case": {"event": None, "events": {"nodes": []}},
    }
