"""Events, from their creation to their end."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from typing import Any

import pytest

from app.values import is_utc_offset
from tests.server import Client, Server
from tests.test_ownership import count, execute

EVENT = """
id case { id } type title description occurredAt occurredUntil timePrecision sortOrder source timeKind utcOffset version
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
    "source": "C:\\Windows\\System32\\winevt\\Security.evtx",
    "timeKind": "Creation time",
    "utcOffset": "-03:30",
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
        "source": None,
        "timeKind": None,
        "utcOffset": None,
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
        {"source": None, "timeKind": "Content modification time", "utcOffset": "+00:00"},
        {"utcOffset": None},
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


# Where it is from


OFFSETS = ("+00:00", "+02:00", "-03:30", "+05:45", "-00:01", "-12:00", "-11:59", "+13:59", "+14:00")
NO_OFFSETS = (
    *("", "Z", "UTC", "-00:00", "+2:00", "+0200", "02:00", "+02:00:00", "-12:01", "+14:01", "+15:00", "+02:60"),
    *("\u221202:00", " +02:00", "+02:00 ", "+02:0\u0660", "+02:00\n", "*02:00", "+99:00"),
)


@pytest.mark.parametrize("offset", OFFSETS)
def test_an_offset_is_kept_as_it_is_given(alice: Client, offset: str) -> None:
    case = alice.create_case()
    moment = "2026-03-01T08:00:00.000000Z"
    event = read(alice, case, alice.create_event(case, utcOffset=offset, occurredAt=moment))
    assert (event["utcOffset"], event["occurredAt"]) == (offset, moment)


@pytest.mark.parametrize("offset", NO_OFFSETS)
def test_other_forms_of_an_offset_are_refused(server: Server, alice: Client, offset: str) -> None:
    case = alice.create_case()
    form = "of the form +02:00 or -05:30, from -12:00 to +14:00; that of UTC is +00:00"
    message = f"`utcOffset` must be an offset from UTC {form}"
    errors = [{"code": "INVALID_INPUT", "message": message, "path": ["input", "utcOffset"]}]
    given = {"caseId": case, "title": "x", "occurredAt": "2026-03-01T08:00:00Z", "utcOffset": offset}
    assert alice.change("createEvent", "event { id } errors { code message path }", **given) == {
        "event": None,
        "errors": errors,
    }
    event = alice.create_event(case)
    payload = alice.change("updateEvent", "errors { code message path }", caseId=case, id=event, utcOffset=offset)
    assert payload == {"errors": errors}
    if offset == "+02:00 ":
        return  # of which PostgreSQL cuts the blank off, as the standard has it
    # The database is held to the same.
    with pytest.raises(Exception, match=r"utc_offset_form|value too long"):
        execute(server, f"UPDATE events SET utc_offset = '{offset}' WHERE id = '{event}'")  # noqa: S608 - ours


def test_every_offset_of_the_rule_is_one_of_the_database(server: Server, alice: Client) -> None:
    event = alice.create_event(alice.create_case())
    for hour, minute in itertools.product(range(16), (0, 1, 30, 59)):
        for sign in "+-":
            offset = f"{sign}{hour:02}:{minute:02}"
            statement = f"UPDATE events SET utc_offset = '{offset}' WHERE id = '{event}'"  # noqa: S608 - ours
            with nullcontext() if is_utc_offset(offset) else pytest.raises(Exception, match="utc_offset_form"):
                execute(server, statement)


def test_where_it_is_from_is_searched_with_its_other_texts(alice: Client) -> None:
    case = alice.create_case()
    alice.create_event(case, title="a", source="Security.EVTX", timeKind="Cr\u00e9\u00e9 le")
    alice.create_event(case, title="b", description="c")

    def found(text: str) -> list[str]:
        query = "query ($id: ID!, $text: String) { case(id: $id) { events(where: {text: $text}) { nodes { title } } } }"
        return [node["title"] for node in alice.run(query, id=case, text=text)["case"]["events"]["nodes"]]

    assert (found("security.evtx"), found("CR\u00c9\u00c9"), found("b"), found("evtxcr")) == (["a"], ["a"], ["b"], [])
    # No text of it begins another one.
    assert found("aSecurity") == found("EVTX\x1fC") == []
    event = alice.run(f'{{ case(id: "{case}") {{ events(first: 1) {{ nodes {{ id }} }} }} }}')["case"]["events"][
        "nodes"
    ][0]
    alice.change("updateEvent", "errors { code }", caseId=case, id=event["id"], source=None)
    assert (found("evtx"), found("cr\u00e9\u00e9")) == ([], ["a"])
