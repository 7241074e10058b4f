"""One user asks for as much as they can, and another one is served all the same."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import asyncpg
import httpx
import pytest

from app.db import postgresql, sqlite_log
from app.execution.documents import Documents
from tests.conftest import KINDS
from tests.locks import holding
from tests.server import Client, Server, serving
from tests.test_deadlines import ENDLESS, EVENTS, WORDY, locked

pytestmark = pytest.mark.slow

# More than the event loop does by itself on SQLite, and done soon enough.
LONG = """
    query ($id: ID!) {
      case(id: $id) { events(first: 60) { nodes { case { events(first: 60) { nodes { case {
        events(first: 20) { nodes { id } }
      } } } } } } }
    }
"""
LARGE_PAYLOAD = """
    mutation ($input: UpdateCaseInput!) {
      updateCase(input: $input) { case { events(first: 60) { nodes { case { events(first: 60) { nodes { case {
        events(first: 60) { nodes { case { events(first: 60) { totalCount } } } }
      } } } } } } } }
    }
"""
CREATE = 'mutation { createCase(input: { title: "A case" }) { case { number } errors { code } } }'
BUSY = "the server is at work on as much as it takes on; try again"
PAYLOAD_LATE = (
    "the payload of this change took longer than 0.1 seconds, so nothing was changed; ask for less in it, and read the "
    "rest by a query"
)


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server with as few connections as there can be, which takes on four requests at once."""
    with serving(
        request.param,
        new_database(request.param),
        DOSSIER_DEADLINE="4",
        DOSSIER_READ_CONNECTIONS="1",
        DOSSIER_WRITE_CONNECTIONS="1",
        DOSSIER_MAX_REQUESTS="4",
        DOSSIER_MAX_OBJECTS="100000000",
    ) as running:
        yield running


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that are not waited for."""
    with ThreadPoolExecutor(12) as threads:
        yield threads


@pytest.fixture(scope="module")
def busy(server: Server) -> tuple[Client, str]:
    """A user with a case whose events are many when they are looked up for each other."""
    user = server.client()
    case = user.create_case()
    for _ in range(EVENTS):
        user.create_event(case, description=WORDY)
    return user, case


def soon(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(1_000):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be")


def start(pool: ThreadPoolExecutor, user: Client, query: str, **variables: Any) -> Future[httpx.Response]:
    """Send a request, and give the server a moment to begin with it."""
    sent = pool.submit(user.post, query, variables)
    time.sleep(0.15)
    assert not sent.done(), sent.result().text
    return sent


async def waiting_for_locks(server: Server) -> int:
    """Return how many transactions wait for a lock on PostgreSQL."""
    connection = await asyncpg.connect(postgresql.address(server.settings.database_url))
    waiting: int = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    await connection.close()
    return waiting


def message(response: httpx.Response) -> str:
    """Return the message of the one error of a response."""
    (error,) = response.json()["errors"]
    text: str = error["message"]
    return text


def test_another_users_reads_are_answered_while_one_users_last(
    server: Server, pool: ThreadPoolExecutor, busy: tuple[Client, str]
) -> None:
    attacker, case = busy
    bob = server.client()
    own = bob.create_case()
    for _ in range(EVENTS):
        bob.create_event(own, description=WORDY)
    lasting = [start(pool, attacker, ENDLESS, id=case) for _ in range(2)]
    answer = bob.run(LONG, id=own)
    assert len(answer["case"]["events"]["nodes"]) == EVENTS
    assert bob.run("{ viewer { name } }") == {"viewer": {"name": None}}
    assert server.http.get("/readyz").text == "ready\n"
    assert not any(each.done() for each in lasting)
    assert {each.result().json()["errors"][0]["extensions"]["code"] for each in lasting} == {"DEADLINE_EXCEEDED"}


def test_readiness_is_told_although_all_connections_are_taken(
    server: Server, pool: ThreadPoolExecutor, busy: tuple[Client, str]
) -> None:
    attacker, case = busy
    auditor = server.client(roles=("auditor",))
    lasting = [start(pool, user, ENDLESS, id=case) for user in (attacker, auditor)]
    ready = list(pool.map(lambda _: server.http.get("/readyz").text, range(8)))
    assert ready == ["ready\n"] * 8
    assert not any(each.done() for each in lasting)
    for each in lasting:
        each.result()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_probes_have_one_connection_of_their_own(server: Server, pool: ThreadPoolExecutor) -> None:
    async def connections() -> int:
        connection = await asyncpg.connect(postgresql.address(server.settings.database_url))
        found: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dossier'"
        )
        await connection.close()
        return found

    async def drop() -> None:
        connection = await asyncpg.connect(postgresql.address(server.settings.database_url))
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND query LIKE '%alembic_version%' AND pid <> pg_backend_pid()"
        )
        await connection.close()

    assert server.http.get("/readyz").status_code == 200
    before = asyncio.run(connections())
    assert {*pool.map(lambda _: server.http.get("/readyz").text, range(20))} == {"ready\n"}
    assert asyncio.run(connections()) == before
    # When it is lost it is opened anew.
    asyncio.run(drop())
    soon(lambda: server.http.get("/readyz").status_code == 200)
    assert asyncio.run(connections()) == before


def test_of_those_who_wait_to_write_each_user_has_a_turn(server: Server, pool: ThreadPoolExecutor) -> None:
    attacker, bob = server.client(), server.client()
    for user in (attacker, bob):
        user.run("{ viewer { id } }")
    first = attacker.run(CREATE)["createCase"]["case"]["number"]
    # What a new case waits for: where a table is locked, all who wait are let in together, in whatever order they wake.
    with locked(server) if server.settings.embedded else holding(server, "SELECT pg_advisory_xact_lock(1)"):
        flood = [start(pool, attacker, CREATE) for _ in range(3)]
        other = start(pool, bob, CREATE)
        if not server.settings.embedded:
            soon(lambda: asyncio.run(waiting_for_locks(server)) == 2)  # bob, and one of the flood
    number, *numbers = (each.result().json()["data"]["createCase"]["case"]["number"] for each in (other, *flood))
    # One of the flood may have begun before.
    assert number in {first + 1, first + 2}
    assert sorted([number, *numbers]) == [first + 1, first + 2, first + 3, first + 4]


def test_a_payload_that_takes_long_is_not_read_and_nothing_is_changed(busy: tuple[Client, str]) -> None:
    user, case = busy
    user.change("updateCase", "errors { code }", id=case, title="Before")
    response = user.post(LARGE_PAYLOAD, {"input": {"id": case, "title": "After"}})
    error = {"message": PAYLOAD_LATE, "extensions": {"code": "DEADLINE_EXCEEDED"}, "path": ["updateCase"]}
    assert response.json() == {"data": None, "errors": [error]}
    assert user.run("query ($id: ID!) { case(id: $id) { title } }", id=case) == {"case": {"title": "Before"}}
    assert user.change("updateCase", "case { title }", id=case, title="After") == {"case": {"title": "After"}}


def test_a_page_of_a_cases_tree_is_no_large_payload(server: Server) -> None:
    user = server.client()
    case = user.create_case()
    for _ in range(5):
        event = user.create_event(case)
        for _ in range(5):
            user.create_batch(case, event)
    tree = "case { events { nodes { title fileBatches { nodes { label } } } } }"
    payload = user.change("updateCase", tree, id=case, title="After")
    assert [len(each["fileBatches"]["nodes"]) for each in payload["case"]["events"]["nodes"]] == [5] * 5


def test_payloads_that_take_long_spoil_nobody_elses_changes(
    server: Server, pool: ThreadPoolExecutor, busy: tuple[Client, str]
) -> None:
    attacker, case = busy
    bob = server.client()
    own = bob.create_case()
    with locked(server, "events"):
        flood = [pool.submit(attacker.post, LARGE_PAYLOAD, {"input": {"id": case, "title": "Mine"}}) for _ in range(2)]
        create = "mutation ($input: CreateEventInput!) { createEvent(input: $input) { event { title } } }"
        given = {"caseId": own, "title": "His", "occurredAt": "2026-01-01T00:00:00Z"}
        other = start(pool, bob, create, input=given)
    assert other.result().json() == {"data": {"createEvent": {"event": {"title": "His"}}}}
    assert {message(each.result()) for each in flood} == {PAYLOAD_LATE}


def test_a_user_has_a_share_of_what_is_at_work_and_whoever_has_nothing_finds_a_place(
    server: Server, pool: ThreadPoolExecutor
) -> None:
    attacker, bob, carol, dave = (server.client() for _ in range(4))
    for user in (attacker, bob, carol, dave):
        user.run("{ viewer { id } }")
    with locked(server, "case_counter"):
        waiting = [start(pool, attacker, CREATE) for _ in range(3)]
        refused = attacker.post("{ viewer { id } }")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert message(refused) == "3 of your requests are at work, as many as one user may have; wait for an answer"
        waiting.append(start(pool, bob, CREATE))
        refused = bob.post("{ viewer { id } }")
        assert (refused.status_code, refused.headers["retry-after"], message(refused)) == (503, "1", BUSY)
        # Four are at work, which is all that are taken on, but each of these is the user's only one.
        assert carol.post("{ viewer { id } }").status_code == 200
        waiting += [start(pool, user, CREATE) for user in (carol, dave)]
        waiting += [start(pool, each, CREATE) for each in (server.client(), server.client())]
        assert message(server.client().post("{ viewer { id } }")) == BUSY
    for each in waiting:
        assert each.result().status_code == 200
    assert attacker.post("{ viewer { id } }").status_code == 200


def test_another_users_document_is_looked_at_while_one_users_is(
    server: Server, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    attacker, bob = server.client(), server.client()
    for user in (attacker, bob):
        user.run("{ viewer { id } }")
    done = threading.Event()
    look = Documents._operations  # noqa: SLF001 - there is no document that is known to take seconds

    def slowly(self: Documents, text: str) -> Any:
        if "slow" in text:
            done.wait(30)
        return look(self, text)

    monkeypatch.setattr(Documents, "_operations", slowly)
    try:
        lasting = [start(pool, attacker, f"{{ slow{number}: viewer {{ id }} }}") for number in range(3)]
        assert bob.run("{ mine: viewer { name } }") == {"mine": {"name": None}}
        assert not any(each.done() for each in lasting)
    finally:
        done.set()
    assert [each.result().status_code for each in lasting] == [200] * 3


@pytest.fixture
def embedded(new_database: Callable[[str], str]) -> Iterator[Server]:
    """An embedded database of its own."""
    url = new_database("sqlite")
    with serving("sqlite", url, DOSSIER_DEADLINE="5", DOSSIER_MAX_OBJECTS="100000000") as running:
        yield running


def test_the_write_ahead_log_is_shortened_while_reads_overlap(
    embedded: Server, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 2_000_000
    monkeypatch.setattr(sqlite_log, "LOG_BYTES", most)
    monkeypatch.setattr(sqlite_log, "_SECONDS_BETWEEN_LOOKS", 0.1)
    monkeypatch.setattr(sqlite_log, "_ENDING_SECONDS", 0.05)
    log = embedded.settings.database_file.with_name("dossier.db-wal")
    alice, bob = embedded.client(), embedded.client()
    case = alice.create_case()
    for _ in range(EVENTS):
        alice.create_event(case, description=WORDY)
    expected = alice.run(LONG, id=case)
    ended = threading.Event()

    def overlap() -> list[dict[str, Any]]:
        answers = []
        while not ended.is_set():
            answers.append(alice.run(LONG, id=case))
        return answers

    endless = pool.submit(alice.post, ENDLESS, {"id": case})
    overlapping = [pool.submit(overlap) for _ in range(3)]
    sizes = []
    try:
        for _ in range(120):
            bob.create_case(description="x" * 30_000)
            sizes.append(log.stat().st_size)
        soon(lambda: log.stat().st_size <= most)
    finally:
        ended.set()
    # It grew beyond what it may have, was brought back, and no read came to harm, broken off or not.
    assert max(sizes) > most
    for each in overlapping:
        assert all(answer == expected for answer in each.result())
    assert endless.result().json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
