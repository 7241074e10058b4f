"""Cases, from their creation to their end; and what every change has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_ownership import count

CASE = """
id number title description reference status viewerRole version
createdAt createdBy { subject } updatedAt updatedBy { subject }
"""
READ = f"query ($id: ID!) {{ case(id: $id) {{ {CASE} }} }}"
ERRORS = "errors { __typename code message path ... on ConflictError { currentVersion current { id } } }"
ALL = {"title": "Fire", "description": "At night", "reference": "D-17", "status": "ACTIVE"}


def read(client: Client, case: str) -> dict[str, Any]:
    """Return a case as its own field shows it."""
    found: dict[str, Any] = client.run(READ, id=case)["case"]
    return found


def test_create_takes_defaults_for_what_is_left_out(alice: Client) -> None:
    payload = alice.change("createCase", f"case {{ {CASE} }} {ERRORS}", title="Fire")
    case = payload["case"]
    assert payload["errors"] == []
    assert case == {
        "id": case["id"],
        "number": case["number"],
        "title": "Fire",
        "description": None,
        "reference": None,
        "status": "OPEN",
        "viewerRole": "OWNER",
        "version": 1,
        "createdAt": case["createdAt"],
        "createdBy": {"subject": alice.subject},
        "updatedAt": case["createdAt"],
        "updatedBy": {"subject": alice.subject},
    }
    assert read(alice, case["id"]) == case


def test_create_keeps_all_that_is_given(alice: Client) -> None:
    case = read(alice, alice.create_case(**ALL))
    assert case == case | ALL


def test_whoever_creates_a_case_is_its_only_member(alice: Client) -> None:
    query = "query ($id: ID!) { case(id: $id) { members { role expiresAt user { subject } } } }"
    members = alice.run(query, id=alice.create_case())["case"]["members"]
    assert members == [{"role": "OWNER", "expiresAt": None, "user": {"subject": alice.subject}}]


@pytest.mark.parametrize(
    "given",
    [
        {"title": "Flood"},
        {"description": "By day"},
        {"description": None},
        {"description": ""},
        {"reference": "D-18"},
        {"reference": None},
        {"status": "CLOSED"},
        {"title": "Flood", "description": None, "reference": "", "status": "OPEN"},
    ],
    ids=str,
)
def test_update_changes_what_is_given_and_nothing_else(alice: Client, given: dict[str, Any]) -> None:
    before = read(alice, alice.create_case(**ALL))
    payload = alice.change("updateCase", f"case {{ {CASE} }} {ERRORS}", id=before["id"], **given)
    after = payload["case"]
    assert payload["errors"] == []
    assert after == before | given | {"version": 2, "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > before["updatedAt"]
    assert read(alice, before["id"]) == after


@pytest.mark.parametrize("given", [{}, ALL, {"title": "Fire"}, {"expectedVersion": 1}], ids=str)
def test_an_update_that_changes_nothing_leaves_the_version(alice: Client, given: dict[str, Any]) -> None:
    before = read(alice, alice.create_case(**ALL))
    payload = alice.change("updateCase", f"case {{ {CASE} }} {ERRORS}", id=before["id"], **given)
    assert payload == {"case": before, "errors": []}


def test_null_clears_what_was_cleared_without_another_version(alice: Client) -> None:
    case = alice.create_case()
    payload = alice.change("updateCase", "case { version }", id=case, description=None, reference=None)
    assert payload == {"case": {"version": 1}}


def test_an_update_says_who_made_it(server: Server, alice: Client) -> None:
    before = read(alice, alice.create_case())
    admin = server.client(roles=("admin",))
    admin.change("updateCase", "errors { code }", id=before["id"], title="Flood")
    after = read(alice, before["id"])
    assert (after["createdBy"], after["createdAt"]) == (before["createdBy"], before["createdAt"])
    assert after["updatedBy"] == {"subject": admin.subject}
    assert after["updatedAt"] > before["updatedAt"]


def test_changes_inside_a_case_are_no_changes_to_it(alice: Client) -> None:
    case = alice.create_case()
    before = read(alice, case)
    alice.create_batch(case, alice.create_event(case))
    assert read(alice, case) == before


def test_delete_removes_the_case_with_all_that_is_in_it(server: Server, alice: Client) -> None:
    case, kept = alice.create_case(), alice.create_case()
    for event in (alice.create_event(case), alice.create_event(case)):
        alice.create_batch(case, event)
        alice.create_batch(case, event)
    alice.create_batch(kept, alice.create_event(kept))
    assert alice.change("deleteCase", f"deletedId {ERRORS}", id=case) == {"deletedId": case, "errors": []}
    assert alice.run(READ, id=case) == {"case": None}
    for identifier, rows in ((case, 0), (kept, 1)):
        assert count(server, "cases", id=identifier) == rows
        assert count(server, "case_members", case_id=identifier) == rows
        assert count(server, "events", case_id=identifier) == rows
        assert count(server, "file_batches", case_id=identifier) == rows


def test_a_deleted_case_is_deleted_once(alice: Client) -> None:
    case = alice.create_case()
    alice.change("deleteCase", "deletedId", id=case)
    assert alice.change("deleteCase", f"deletedId {ERRORS}", id=case) == {
        "deletedId": None,
        "errors": [
            {
                "__typename": "NotFoundError",
                "code": "NOT_FOUND",
                "message": "there is no such case here",
                "path": ["input", "id"],
            }
        ],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_count_from_one_and_are_never_given_out_again(kind: str, new_database: Callable[[str], str]) -> None:
    with serving(kind, new_database(kind)) as server:
        alice, bob = server.client(), server.client()

        def create(client: Client, title: str = "A case") -> dict[str, Any] | None:
            found: dict[str, Any] | None = client.change("createCase", "case { id number }", title=title)["case"]
            return found

        assert create(alice, title="") is None  # a case that was refused takes no number
        cases = [create(alice), create(bob), create(alice)]
        assert [case and case["number"] for case in cases] == [1, 2, 3]
        for client, case in zip((alice, bob, alice), cases, strict=True):
            assert case is not None
            client.change("deleteCase", "deletedId", id=case["id"])
        assert (create(bob) or {})["number"] == 4


def test_the_expected_version_lets_the_change_through(alice: Client) -> None:
    case = alice.create_case()
    for version in (1, 2):
        payload = alice.change(
            "updateCase", f"case {{ version }} {ERRORS}", id=case, expectedVersion=version, title=f"{version}"
        )
        assert payload == {"case": {"version": version + 1}, "errors": []}
    payload = alice.change("deleteCase", f"deletedId {ERRORS}", id=case, expectedVersion=3)
    assert payload == {"deletedId": case, "errors": []}


@pytest.mark.parametrize("expected", [-(2**31), 0, 1, 3, 2**31 - 1])
@pytest.mark.parametrize("field", ["updateCase", "deleteCase"])
def test_another_version_than_expected_is_a_conflict(alice: Client, field: str, expected: int) -> None:
    case = alice.create_case()
    alice.change("updateCase", "errors { code }", id=case, title="Flood")
    before = read(alice, case)
    given = {"title": "Storm"} if field == "updateCase" else {}
    assert alice.change(field, ERRORS, id=case, expectedVersion=expected, **given) == {
        "errors": [
            {
                "__typename": "ConflictError",
                "code": "CONFLICT",
                "message": f"version {expected} was expected, but the present one is 2",
                "path": ["input", "expectedVersion"],
                "currentVersion": 2,
                "current": {"id": case},
            }
        ]
    }
    assert read(alice, case) == before


def test_an_expected_version_of_null_expects_none(alice: Client) -> None:
    case = alice.create_case()
    payload = alice.change("updateCase", "case { version }", id=case, expectedVersion=None, title="Flood")
    assert payload == {"case": {"version": 2}}


def test_a_conflict_shows_the_row_as_it_is_in_every_way_that_is_asked_for(alice: Client) -> None:
    case = alice.create_case(title="Fire", reference="D-17")
    alice.create_event(case, title="Alarm")
    alice.change("updateCase", "errors { code }", id=case, status="ACTIVE")
    query = """
        mutation ($input: UpdateCaseInput!) {
          change: updateCase(input: $input) {
            case { title }
            first: errors {
              why: code
              ... on ConflictError { version: currentVersion now: current { id ...Title } }
            }
            second: errors {
              ...Conflict
              ... on ConflictError {
                again: current { ... on Node { kind: __typename } ...Title }
                current { ... on Event { title } ... on Case { events(first: 1) { nodes { title } } } }
              }
              ... on ForbiddenError { requiredRole }
              ... { path }
            }
          }
        }
        fragment Title on Case { name: title status }
        fragment Conflict on ConflictError { current { ... on Case { reference } } }
    """
    data = alice.run(query, input={"id": case, "expectedVersion": 1, "title": "Flood"})
    assert data == {
        "change": {
            "case": None,
            "first": [
                {
                    "why": "CONFLICT",
                    "version": 2,
                    "now": {"id": case, "name": "Fire", "status": "ACTIVE"},
                }
            ],
            "second": [
                {
                    "current": {"reference": "D-17", "events": {"nodes": [{"title": "Alarm"}]}},
                    "again": {"kind": "Case", "name": "Fire", "status": "ACTIVE"},
                    "path": ["input", "expectedVersion"],
                }
            ],
        }
    }


def test_a_payload_is_read_after_its_change(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    payload = alice.change(
        "createFileBatch",
        "mine: fileBatch { event { fileBatches { totalCount nodes { label } } } } fileBatch { label }",
        caseId=case,
        eventId=event,
        label="Photos",
    )
    batches = {"totalCount": 1, "nodes": [{"label": "Photos"}]}
    assert payload == {"mine": {"event": {"fileBatches": batches}}, "fileBatch": {"label": "Photos"}}


def test_mutations_of_one_document_run_in_order_each_on_its_own(alice: Client) -> None:
    case = alice.create_case()
    query = """
        mutation ($id: ID!) {
          one: updateCase(input: {id: $id, expectedVersion: 1, title: "1"}) { ...Result }
          blank: updateCase(input: {id: $id, title: " "}) { ...Result }
          two: updateCase(input: {id: $id, expectedVersion: 2, title: "2"}) { ...Result }
          late: updateCase(input: {id: $id, expectedVersion: 2, title: "3"}) { ...Result }
          gone: deleteCase(input: {id: $id}) { deletedId }
          never: updateCase(input: {id: $id, title: "4"}) { ...Result }
        }
        fragment Result on UpdateCasePayload { case { title version } errors { code } }
    """
    assert list(alice.run(query, id=case).items()) == [
        ("one", {"case": {"title": "1", "version": 2}, "errors": []}),
        ("blank", {"case": None, "errors": [{"code": "INVALID_INPUT"}]}),
        ("two", {"case": {"title": "2", "version": 3}, "errors": []}),
        ("late", {"case": None, "errors": [{"code": "CONFLICT"}]}),
        ("gone", {"deletedId": case}),
        ("never", {"case": None, "errors": [{"code": "NOT_FOUND"}]}),
    ]


@pytest.mark.parametrize(
    "selection",
    [
        "case { events(first: 0) { totalCount } }",
        "case { events(first: $size) { totalCount } }",
        "case { events { nodes { fileBatches(first: 1, last: 1) { totalCount } } } }",
        'case { events(after: "?") { totalCount } }',
        "errors { ... on ConflictError { current { ... on Case { events(last: 101) { totalCount } } } } }",
    ],
)
def test_a_bad_argument_in_a_payload_refuses_the_whole_document(alice: Client, selection: str) -> None:
    case = alice.create_case(title="Fire")
    before = read(alice, case)
    size = "$size: Int = 0, " if "$size" in selection else ""
    query = f"""
        mutation ({size}$id: ID!) {{
          fine: updateCase(input: {{id: $id, title: "Flood"}}) {{ case {{ title }} }}
          more: updateCase(input: {{id: $id, title: "Storm"}}) {{ {selection} }}
          last: createCase(input: {{title: "Quake"}}) {{ case {{ title }} }}
        }}
    """
    (error,) = alice.errors(query, id=case)
    assert error["path"][0] == "more"
    assert error["extensions"]["code"] == "INVALID_INPUT"
    assert read(alice, case) == before
    assert alice.run("{ cases { totalCount } }") == {"cases": {"totalCount": 1}}


def test_head_changes_nothing(server: Server, alice: Client) -> None:
    body = {"query": 'mutation { createCase(input: {title: "by HEAD"}) { case { id } } }'}
    assert server.http.request("HEAD", "/graphql", json=body, headers=alice.headers).status_code == 405
    assert alice.run("{ cases { totalCount } }") == {"cases": {"totalCount": 0}}
