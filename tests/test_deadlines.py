"""What takes too long is broken off, what is lost is begun again, and an end in good order is quick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

from app.db import postgresql
from app.db.sqlite_writer import writing_lock
from tests.conftest import KINDS
from tests.locks import holding
from tests.server import Client, Server, serving

LATE: dict[str, Any] = {
    "data": None,
    "errors": [
        {
            "message": "this took longer than 1 seconds and was broken off; ask for less at once",
            "extensions": {"code": "DEADLINE_EXCEEDED"},
        }
    ],
}
EVENTS = 60
WORDY = "some words " * 500
# The wordy events of a case searched for each, for each, for each: minutes of work, and nine megabytes at the end.
ENDLESS = """
    query ($id: ID!) {
      case(id: $id) { events(first: 60) { nodes { case { events(first: 60) { nodes { case {
        events(first: 60) { nodes { case { events(where: {text: "absent"}) { totalCount } } } }
      } } } } } } }
    }
"""


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server whose requests may take a second; it has two connections to read with."""
    with serving(
        request.param,
        new_database(request.param),
        DOSSIER_DEADLINE="1",
        DOSSIER_READ_CONNECTIONS="2",
        DOSSIER_MAX_OBJECTS="100000000",
    ) as running:
        yield running


@contextmanager
def locked(server: Server, table: str = "cases", mode: str = "ACCESS EXCLUSIVE") -> Iterator[None]:
    """Keep everybody from writing, on PostgreSQL to one table; in its usual mode nobody can read it either."""
    if server.settings.embedded:
        with writing_lock(server.settings.database_file):
            yield
        return
    with holding(server, f"LOCK TABLE {table} IN {mode} MODE"):
        yield


def test_a_change_that_waits_too_long_is_refused_and_never_made(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Before")
    update = "mutation ($input: UpdateCaseInput!) { updateCase(input: $input) { errors { code } } }"
    with locked(server):
        response = alice.post(update, {"input": {"id": case, "title": "After"}})
    late = {**LATE["errors"][0], "path": ["updateCase"]}
    assert response.json() == {"data": None, "errors": [late]}
    assert response.status_code == 200
    assert alice.run("query ($id: ID!) { case(id: $id) { title } }", id=case) == {"case": {"title": "Before"}}
    assert alice.change("updateCase", "errors { code }", id=case, title="After")["errors"] == []


def test_a_first_call_that_waits_too_long_is_refused(server: Server) -> None:
    newcomer = server.client()
    with locked(server, "users"):
        assert newcomer.post("{ viewer { id } }").json() == LATE
    assert newcomer.run("{ viewer { name } }") == {"viewer": {"name": None}}


def test_a_read_that_takes_too_long_is_broken_off_and_leaves_its_connection_free(alice: Client) -> None:
    case = alice.create_case()
    for _ in range(EVENTS):
        alice.create_event(case, description=WORDY)
    # More of them than there are connections: each of those is free again afterwards.
    for _ in range(3):
        assert alice.post(ENDLESS, {"id": case}).json() == LATE
    assert alice.run("query ($id: ID!) { case(id: $id) { id } }", id=case) == {"case": {"id": case}}


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_change_is_made_although_its_connection_was_lost(server: Server, alice: Client) -> None:
    case = alice.create_case()

    async def drop() -> int:
        connection = await asyncpg.connect(postgresql.address(server.settings.database_url))
        dropped = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await connection.close()
        return len(dropped)

    assert asyncio.run(drop()) > 0
    assert alice.change("updateCase", "case { title }", id=case, title="After")["case"] == {"title": "After"}
    assert alice.run("query ($id: ID!) { case(id: $id) { title } }", id=case) == {"case": {"title": "After"}}
