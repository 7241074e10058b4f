"""Whose rows are whose: what strangers, members, admins and auditors may see and change."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.db.postgresql import address
from app.db.sqlite_writer import writing_lock
from app.values import format_time, new_id, now
from tests.server import Client, Server

ROLES = ("OWNER", "EDITOR", "CONTRIBUTOR", "VIEWER")
# Every change to what exists already, with the role that it takes.
NEEDS = {
    "updateCase": "CONTRIBUTOR",
    "deleteCase": "OWNER",
    "createEvent": "CONTRIBUTOR",
    "updateEvent": "CONTRIBUTOR",
    "deleteEvent": "EDITOR",
    "createFileBatch": "CONTRIBUTOR",
    "updateFileBatch": "CONTRIBUTOR",
    "deleteFileBatch": "EDITOR",
}
ADDRESSES = {
    "updateCase": {"id": "case"},
    "deleteCase": {"id": "case"},
    "createEvent": {"caseId": "case"},
    "updateEvent": {"caseId": "case", "id": "event"},
    "deleteEvent": {"caseId": "case", "id": "event"},
    "createFileBatch": {"caseId": "case", "eventId": "event"},
    "updateFileBatch": {"caseId": "case", "eventId": "event", "id": "batch"},
    "deleteFileBatch": {"caseId": "case", "eventId": "event", "id": "batch"},
}
VALUES = {
    "updateCase": {"title": "Changed"},
    "createEvent": {"title": "New", "occurredAt": "2026-01-01T00:00:00Z"},
    "updateEvent": {"title": "Changed"},
    "createFileBatch": {"label": "New"},
    "updateFileBatch": {"label": "Changed"},
}
READS = """
query ($case: ID!, $event: ID!, $batch: ID!) {
  case(id: $case) { id }
  event(caseId: $case, id: $event) { id }
  fileBatch(caseId: $case, eventId: $event, id: $batch) { id }
  asCase: node(id: $case) { id }
  asEvent: node(id: $event) { id }
  asBatch: node(id: $batch) { id }
  nodes(ids: [$case, $event, $batch]) { id }
  cases { totalCount nodes { id } edges { node { id } } pageInfo { startCursor } }
}
"""
NOTHING = {
    "case": None,
    "event": None,
    "fileBatch": None,
    "asCase": None,
    "asEvent": None,
    "asBatch": None,
    "nodes": [None, None, None],
    "cases": {"totalCount": 0, "nodes": [], "edges": [], "pageInfo": {"startCursor": None}},
}
MALFORMED = (
    "",
    "1",
    "x" * 36,
    "{00000000-0000-7000-8000-000000000000}",
    "0" * 32,
    "%",
    "'; --",
    "é\u2028\u0000",
)


def execute(server: Server, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement in the database itself, behind the API's back, and return the rows it yields.

    Statements are written out with their values, which are never anyone's but ours: hence the S608 below.
    """
    if server.kind == "postgresql":
        return asyncio.run(_execute(address(server.settings.database_url), statement))
    file = server.settings.database_file
    with writing_lock(file), closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return connection.execute(statement).fetchall()


async def _execute(url: str, statement: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


def count(server: Server, table: str, **where: str) -> int:
    """Return how many rows of a table have the values given."""
    conditions = "".join(f" AND {column} = '{value}'" for column, value in where.items())
    statement = f"SELECT count(*) FROM {table} WHERE true{conditions}"  # noqa: S608
    ((rows,),) = execute(server, statement)
    assert isinstance(rows, int)
    return rows


def grant(server: Server, case: str, member: Client, role: str, *, expires_in: timedelta | None = None) -> None:
    """Make a user, seen or not, a member of a case."""
    user = member.run("{ viewer { id } }")["viewer"]["id"]
    expires = "NULL" if expires_in is None else f"'{format_time(now() + expires_in)}'"
    values = f"'{case}', '{user}', '{role}', {expires}"
    execute(server, f"INSERT INTO case_members (case_id, user_id, role, expires_at) VALUES ({values})")  # noqa: S608


def make_path(owner: Client) -> dict[str, str]:
    """Create a case, an event of it and a batch on that; return their ids by noun."""
    case = owner.create_case()
    event = owner.create_event(case)
    return {"case": case, "event": event, "batch": owner.create_batch(case, event)}


def attempt(client: Client, field: str, path: dict[str, str]) -> httpx.Response:
    """Return the response to a mutation with the ids of a path."""
    ids = {argument: path[noun] for argument, noun in ADDRESSES[field].items()}
    selection = """
        __typename
        errors { __typename code message path ... on ForbiddenError { requiredRole } }
    """
    query = f"""
        mutation ($input: {field[0].upper()}{field[1:]}Input!) {{ {field}(input: $input) {{ {selection} }} }}
    """
    return client.post(query, {"input": ids | VALUES.get(field, {})})


def errors(response: httpx.Response, field: str) -> list[dict[str, Any]]:
    """Return the errors in a mutation's payload."""
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.json()["data"][field]["errors"]
    return found


def contents(owner: Client, path: dict[str, str]) -> dict[str, Any]:
    """Return all that a change could change in a path."""
    return owner.run(
        """
        query ($case: ID!) {
          case(id: $case) {
            title version updatedAt
            events { nodes { id title version fileBatches { nodes { id label version updatedAt } } } }
          }
        }
        """,
        case=path["case"],
    )


def test_a_stranger_sees_nothing_anywhere(alice: Client, mallory: Client) -> None:
    path = make_path(alice)
    assert mallory.run(READS, **path) == NOTHING
    assert alice.run(READS, **path)["nodes"] == [{"id": identifier} for identifier in path.values()]


def test_a_stranger_finds_nothing_by_text_time_or_cursor(alice: Client, mallory: Client) -> None:
    alice.create_case(title="Aqueduct")
    cursor = alice.run("{ cases { pageInfo { startCursor } } }")["cases"]["pageInfo"]["startCursor"]
    query = """
        query ($cursor: String) {
          byText: cases(where: {text: "aqueduct"}) { totalCount }
          byTime: cases(where: {createdFrom: "2020-01-01T00:00:00Z"}) { totalCount }
          byStatus: cases(where: {status: [OPEN, ACTIVE, CLOSED]}, orderBy: [TITLE_ASC]) { totalCount }
          byCursor: cases(before: $cursor) { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage } }
        }
    """
    none = {"totalCount": 0}
    info = {"hasNextPage": False, "hasPreviousPage": False}
    assert mallory.run(query, cursor=cursor) == {
        "byText": none,
        "byTime": none,
        "byStatus": none,
        "byCursor": {**none, "nodes": [], "pageInfo": info},
    }


@pytest.mark.parametrize("field", NEEDS)
def test_a_foreign_id_a_missing_one_and_a_malformed_one_are_one_answer(
    alice: Client, mallory: Client, field: str
) -> None:
    path = make_path(alice)
    before = contents(alice, path)
    foreign = attempt(mallory, field, path)
    (error,) = errors(foreign, field)
    assert (error["__typename"], error["path"]) == ("NotFoundError", ["input", [*ADDRESSES[field]][-1]])
    for other in (new_id(), *MALFORMED):
        answer = attempt(mallory, field, dict.fromkeys(path, other))
        assert answer.status_code == foreign.status_code
        assert answer.content == foreign.content
        assert answer.headers["content-type"] == foreign.headers["content-type"]
    assert contents(alice, path) == before


@pytest.mark.parametrize(
    "field", ["updateEvent", "deleteEvent", "createFileBatch", "updateFileBatch", "deleteFileBatch"]
)
def test_what_lies_elsewhere_among_your_own_is_as_missing(alice: Client, field: str) -> None:
    path, other = make_path(alice), make_path(alice)
    sibling = alice.create_event(path["case"])
    before = contents(alice, path), contents(alice, other)
    nouns = [*ADDRESSES[field].values()]
    missing = attempt(alice, field, path | {nouns[-1]: new_id()})
    elsewhere = [path | {"case": other["case"]}, path | {"case": new_id()}, path | {nouns[-1]: other[nouns[-1]]}]
    if "batch" in nouns:
        elsewhere += [path | {"event": event} for event in (other["event"], sibling, new_id())]
        elsewhere += [other | {"batch": path["batch"]}]
    for mixed in elsewhere:
        assert attempt(alice, field, mixed).content == missing.content
    assert (contents(alice, path), contents(alice, other)) == before


@pytest.mark.parametrize(("field", "role"), [*itertools.product(NEEDS, ROLES)])
def test_a_member_may_do_what_their_role_allows(server: Server, alice: Client, field: str, role: str) -> None:
    path = make_path(alice)
    bob = server.client()
    grant(server, path["case"], bob, role)
    before = contents(alice, path)
    answer = errors(attempt(bob, field, path), field)
    if ROLES.index(role) <= ROLES.index(NEEDS[field]):
        assert answer == []
        assert contents(alice, path) != before
    else:
        assert answer == [
            {
                "__typename": "ForbiddenError",
                "code": "FORBIDDEN",
                "message": f"this takes the role {NEEDS[field]} in the case",
                "path": ["input", [*ADDRESSES[field]][-1]],
                "requiredRole": NEEDS[field],
            }
        ]
        assert contents(alice, path) == before


@pytest.mark.parametrize("role", ROLES)
def test_a_member_reads_everything_in_the_case_whatever_their_role(server: Server, alice: Client, role: str) -> None:
    path = make_path(alice)
    make_path(alice)
    bob = server.client()
    grant(server, path["case"], bob, role)
    query = "query ($case: ID!) { case(id: $case) { viewerRole } cases { totalCount nodes { id } } }"
    assert bob.run(query, case=path["case"]) == {
        "case": {"viewerRole": role},
        "cases": {"totalCount": 1, "nodes": [{"id": path["case"]}]},
    }
    assert bob.run(READS, **path)["nodes"] == [{"id": identifier} for identifier in path.values()]
    assert contents(bob, path) == contents(alice, path)


def test_a_grant_is_for_one_case_alone(server: Server, alice: Client) -> None:
    path, other = make_path(alice), make_path(alice)
    bob = server.client()
    grant(server, path["case"], bob, "OWNER")
    assert bob.run("query ($id: ID!) { case(id: $id) { id } }", id=other["case"]) == {"case": None}
    for field in NEEDS:
        (error,) = errors(attempt(bob, field, other), field)
        assert error["code"] == "NOT_FOUND"


def test_an_expired_grant_is_as_none(server: Server, alice: Client, mallory: Client) -> None:
    path = make_path(alice)
    bob = server.client()
    grant(server, path["case"], bob, "OWNER", expires_in=timedelta(seconds=-1))
    assert bob.run(READS, **path) == NOTHING
    for field in NEEDS:
        answer = attempt(bob, field, path)
        assert errors(answer, field)[0]["code"] == "NOT_FOUND"
        assert answer.content == attempt(mallory, field, path).content


def test_a_grant_that_has_yet_to_expire_counts(server: Server, alice: Client) -> None:
    path = make_path(alice)
    bob = server.client()
    grant(server, path["case"], bob, "EDITOR", expires_in=timedelta(hours=1))
    query = """
        query ($id: ID!) { case(id: $id) { viewerRole members { role expiresAt user { subject } } } }
    """
    case = bob.run(query, id=path["case"])["case"]
    (member,) = (member for member in case["members"] if member["user"]["subject"] == bob.subject)
    assert (case["viewerRole"], member["role"]) == ("EDITOR", "EDITOR")
    assert member["expiresAt"] > format_time(now())
    assert errors(attempt(bob, "deleteEvent", path), "deleteEvent") == []


def test_an_admin_may_do_everything(server: Server, alice: Client) -> None:
    admin = server.client(roles=("admin",))
    for field in NEEDS:
        path = make_path(alice)
        assert contents(admin, path) == contents(alice, path)
        query = "query ($id: ID!) { case(id: $id) { viewerRole } }"
        assert admin.run(query, id=path["case"]) == {"case": {"viewerRole": "OWNER"}}
        before = contents(alice, path)
        assert errors(attempt(admin, field, path), field) == []
        assert contents(alice, path) != before


def test_an_auditor_may_read_everything_and_change_nothing(server: Server, alice: Client) -> None:
    auditor = server.client(roles=("auditor",))
    path = make_path(alice)
    before = contents(alice, path)
    assert contents(auditor, path) == before
    query = "query ($id: ID!) { case(id: $id) { viewerRole } }"
    assert auditor.run(query, id=path["case"]) == {"case": {"viewerRole": "VIEWER"}}
    for field, need in NEEDS.items():
        (error,) = errors(attempt(auditor, field, path), field)
        assert (error["__typename"], error["requiredRole"]) == ("ForbiddenError", need)
        missing = dict.fromkeys(path, new_id())
        assert errors(attempt(auditor, field, missing), field)[0]["code"] == "NOT_FOUND"
    assert contents(alice, path) == before


def test_an_auditor_who_is_a_member_has_the_role_of_one(server: Server, alice: Client) -> None:
    path = make_path(alice)
    auditor = server.client(roles=("auditor",))
    grant(server, path["case"], auditor, "CONTRIBUTOR")
    query = "query ($id: ID!) { case(id: $id) { viewerRole } }"
    assert auditor.run(query, id=path["case"]) == {"case": {"viewerRole": "CONTRIBUTOR"}}
    assert errors(attempt(auditor, "updateEvent", path), "updateEvent") == []
    (error,) = errors(attempt(auditor, "deleteEvent", path), "deleteEvent")
    assert error["requiredRole"] == "EDITOR"


@pytest.mark.parametrize("roles", [("Admin",), ("owner",), ("",), ("administrator",), ("ADMIN",)])
def test_other_roles_in_a_token_mean_nothing(server: Server, alice: Client, roles: tuple[str, ...]) -> None:
    assert server.client(roles=roles).run(READS, **make_path(alice)) == NOTHING


def test_a_conflict_shows_nothing_to_those_who_may_not_see_the_row(alice: Client, mallory: Client) -> None:
    case = alice.create_case(title="Aqueduct")
    payload = mallory.change(
        "updateCase",
        "errors { code ... on ConflictError { current { id } } }",
        id=case,
        expectedVersion=7,
        title="Mine",
    )
    assert payload == {"errors": [{"code": "NOT_FOUND"}]}


def test_users_are_found_by_themselves_and_their_fellow_members_alone(
    server: Server, alice: Client, mallory: Client
) -> None:
    bob, carol = server.client(), server.client()
    case = alice.create_case()
    grant(server, case, bob, "VIEWER")
    grant(server, case, carol, "VIEWER", expires_in=timedelta(seconds=-1))
    identifier = alice.run("{ viewer { id } }")["viewer"]["id"]
    query = "query ($id: ID!) { node(id: $id) { ... on User { subject } } nodes(ids: [$id]) { id } }"
    for client in (alice, bob, server.client(roles=("auditor",))):
        assert client.run(query, id=identifier) == {
            "node": {"subject": alice.subject},
            "nodes": [{"id": identifier}],
        }
    for client in (carol, mallory):
        assert client.run(query, id=identifier) == {"node": None, "nodes": [None]}


def test_the_answer_to_a_stranger_tells_nothing_of_the_case(server: Server, alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    response = attempt(mallory, "deleteCase", {"case": case})
    error = (
        '{"__typename":"NotFoundError","code":"NOT_FOUND","message":"there is no such case here","path":["input","id"]}'
    )
    answer = f'{{"data":{{"deleteCase":{{"__typename":"DeleteCasePayload","errors":[{error}]}}}}}}'
    assert response.content == answer.encode()
    assert count(server, "cases", id=case) == 1
