"""A database that is out of order for a while: told as that, to clients, in the log and by /readyz; reads go on."""

from __future__ import annotations

import asyncio
import itertools
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.db.postgresql import address
from tests.commands import PATIENCE
from tests.conftest import KINDS
from tests.proxy import Proxy, between
from tests.server import Server, serving
from tests.test_connections import process
from tests.test_deadlines import locked
from tests.test_ownership import count, execute

pytestmark = pytest.mark.slow

VIEWER = "{ viewer { subject name } }"
CREATE = "mutation ($title: String!) { createCase(input: {title: $title}) { case { title } errors { code } } }"
ENDED = "can't be reached", "is starting or stopping"
END_ALL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
TWICE = """
    mutation ($first: String!, $second: String!) {
      first: createCase(input: {title: $first}) { case { title } }
      second: createCase(input: {title: $second}) { case { title } }
    }
"""


def unavailable(response: httpx.Response) -> str:
    """Return the reason that a client is told for an outage, which must be told in the right form."""
    assert response.status_code == 503, response.text
    assert response.headers["retry-after"] == "5"
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAVAILABLE"}
    beginning, end = "the database ", "; try again"
    assert error["message"].startswith(beginning)
    assert error["message"].endswith(end)
    reason: str = error["message"].removeprefix(beginning).removesuffix(end)
    return reason


def readiness(server: Server) -> tuple[int, str]:
    """Return what /readyz says when what it found before has been forgotten."""
    time.sleep(1.1)
    response = server.http.get("/readyz", timeout=PATIENCE)
    return response.status_code, response.text


def becomes_ready(server: Server) -> None:
    """Wait until /readyz says so."""
    for _ in range(PATIENCE):
        response = server.http.get("/readyz")
        if (response.status_code, response.text) == (200, "ready\n"):
            return
        time.sleep(0.3)
    raise AssertionError(response.text)


# Errors of PostgreSQL


STATES = {
    "08006": "can't be reached",
    "25006": "is read-only",
    "40001": "has too many changes to the same rows at once",
    "42501": "doesn't let this server do that",
    "53000": "has reached a limit of its configuration",
    "53100": "has no room left on its disk",
    "53200": "is out of memory",
    "53300": "has no connection left",
    "53400": "has reached a limit of its configuration",
    "55P03": "is locked by another program",
    "57P01": "is starting or stopping",
    "57P02": "is starting or stopping",
    "57P03": "is starting or stopping",
    "58030": "can't read or write its disk",
    "58P01": "can't read or write its disk",
    "XX001": "is damaged",
}


@pytest.fixture(scope="module")
def failing(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server whose database fails a new case with the SQLSTATE that is its title; at its commit, where `later`."""
    with serving("postgresql", new_database("postgresql")) as server:
        for when, timing, column in (
            ("now", "BEFORE INSERT ON cases", "title"),
            ("later", "AFTER INSERT ON cases DEFERRABLE INITIALLY DEFERRED", "description"),
        ):
            execute(
                server,
                f"""
                CREATE FUNCTION fail_{when}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                  IF NEW.{column} ~ '^[0-9X][0-9X][0-9A-Z]{{3}}$' THEN
                    RAISE EXCEPTION 'a secret' USING ERRCODE = NEW.{column};
                  END IF;
                  RETURN NEW;
                END $$
                """,
            )
            kind = "CONSTRAINT TRIGGER" if when == "later" else "TRIGGER"
            execute(server, f"CREATE {kind} fail_{when} {timing} FOR EACH ROW EXECUTE FUNCTION fail_{when}()")
        yield server


@pytest.mark.parametrize(("state", "reason"), STATES.items())
def test_an_outage_of_postgresql_is_told_as_what_it_is(
    failing: Server, state: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    alice = failing.client()
    alice.run(VIEWER)
    caplog.clear()
    assert unavailable(alice.post(CREATE, {"title": state})) == reason
    lines = [record.getMessage() for record in caplog.records if record.name == "dossier"]
    assert lines in ([f"the database {reason} ({state})"], [])  # none where this kind was told just now
    assert "a secret" not in caplog.text
    assert count(failing, "cases", title=state) == 0


@pytest.mark.parametrize("state", ["53100", "58030", "25006"])
def test_an_outage_that_refuses_the_commit_is_no_doubt(failing: Server, state: str) -> None:
    alice = failing.client()
    create = 'mutation ($d: String!) { createCase(input: {title: "x", description: $d}) { case { id } } }'
    assert unavailable(alice.post(create, {"d": state})) == STATES[state]
    assert alice.run("{ cases { totalCount } }") == {"cases": {"totalCount": 0}}


def test_what_was_made_before_an_outage_is_told(failing: Server) -> None:
    alice = failing.client()
    response = alice.post(TWICE, {"first": "A", "second": "53100"})
    assert response.json() == {
        "data": None,
        "errors": [
            {
                "message": "the database has no room left on its disk, so this change was not made",
                "path": ["second"],
                "extensions": {"code": "UNAVAILABLE", "made": {"first": {"case": {"title": "A"}}}},
            }
        ],
    }
    assert response.status_code == 200
    assert "retry-after" not in response.headers
    assert unavailable(alice.post(TWICE, {"first": "53100", "second": "B"})) == STATES["53100"]
    assert alice.run("{ cases { nodes { title } } }") == {"cases": {"nodes": [{"title": "A"}]}}


def test_what_was_made_before_an_unforeseen_error_is_told(failing: Server, caplog: pytest.LogCaptureFixture) -> None:
    alice = failing.client()
    answer = alice.post(TWICE, {"first": "A", "second": "22003"}).json()
    (error,) = answer["errors"]
    assert answer["data"] is None
    assert error["path"] == ["second"]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert error["extensions"]["made"] == {"first": {"case": {"title": "A"}}}
    assert error["extensions"]["id"] in caplog.text


def test_the_log_has_a_line_for_an_outage_and_not_one_for_each_request(
    tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    database = new_database("postgresql")
    with between(database) as proxy:
        with serving("postgresql", proxy.url):
            pass  # migrated
        with process(tmp_path, DOSSIER_DATABASE_URL=proxy.url) as (running, server):
            alice = server.client()
            alice.create_case()
            cut_off(proxy, "53300")
            reasons = set()
            for _ in range(10):
                reasons |= {unavailable(alice.post(VIEWER)), unavailable(alice.post(CREATE, {"title": "A"}))}
            running.terminate()
            assert running.stderr is not None
            log = running.stderr.read()
    # The first to fail may have met the end of their connections.
    assert {"has no connection left"} <= reasons <= {"has no connection left", *ENDED}
    lines = [line.split(" ERROR ")[1] for line in log.splitlines()]
    assert lines.count("the database has no connection left (53300)") == 1
    assert len(lines) == len(set(lines)) == len(reasons)


@pytest.fixture(scope="module")
def remote(new_database: Callable[[str], str]) -> Iterator[tuple[Server, Proxy]]:
    """A server whose PostgreSQL is behind a proxy."""
    database = new_database("postgresql")
    with between(database) as proxy, serving("postgresql", proxy.url) as server:
        yield server, proxy


def cut_off(proxy: Proxy, state: str) -> None:
    """Let nobody in again, and end all connections."""
    proxy.refuse_connections(state)

    async def end() -> None:
        connection = await asyncpg.connect(proxy.database)
        await connection.execute(END_ALL)
        await connection.close()

    asyncio.run(end())


@pytest.mark.parametrize("state", ["57P03", "53300", "57P01", "28P01", "3D000", "08006"])
def test_a_database_that_lets_nobody_in_is_told_as_that(remote: tuple[Server, Proxy], state: str) -> None:
    server, proxy = remote
    reason = STATES.get(state, "doesn't let this server do that" if state == "28P01" else "can't be reached")
    alice = server.client()
    alice.run(VIEWER)
    cut_off(proxy, state)
    # A connection that is still open may fail with its own end first.
    for _ in range(20):
        if unavailable(alice.post(VIEWER)) == reason:
            break
    assert unavailable(alice.post(VIEWER)) == reason
    assert unavailable(alice.post(CREATE, {"title": "A"})) == reason
    assert unavailable(server.client().post(VIEWER)) == reason
    assert readiness(server) == (503, f"the database {reason}\n")
    proxy.refuse_connections(None)
    becomes_ready(server)
    assert alice.run(CREATE, title="A") == {"createCase": {"case": {"title": "A"}, "errors": []}}


# Databases that can't be written to


def test_a_read_only_postgresql_answers_reads(new_database: Callable[[str], str]) -> None:
    database = new_database("postgresql")
    with serving("postgresql", database) as server:
        alice = server.client("alice", name="Alice")
        case = alice.create_case(title="Before")
        becomes_ready(server)
        set_read_only(server, "on")
        read_only(server, case)
        assert readiness(server) == (
            503,
            "the database is read-only; reads are answered, changes can't be made\n",
        )
    # A restart makes nobody unknown.
    with serving("postgresql", database) as server:
        read_only(server, case)
        assert unavailable(server.client("nobody yet").post(VIEWER)) == "is read-only"
        set_read_only(server, "off")
        becomes_ready(server)
        alice = server.client("alice", name="Alice B.")
        assert alice.change("updateCase", "case { title }", id=case, title="After") == {"case": {"title": "After"}}


def set_read_only(server: Server, value: str) -> None:
    """Let a database be read-only for all new connections, and make all new."""

    async def alter() -> None:
        connection = await asyncpg.connect(address(server.settings.database_url))
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
        await connection.close()

    asyncio.run(alter())
    execute(server, END_ALL)


def read_only(server: Server, case: str) -> None:
    """Read and try to write as a user whom the database knows by the name of Alice."""
    for name in (None, "Alice", "Alice B."):
        alice = server.client("alice", name=name)
        for _ in range(3):  # the first may meet a connection that has just ended
            response = alice.post(VIEWER)
            if response.status_code == 200:
                break
        assert response.json() == {"data": {"viewer": {"subject": "alice", "name": "Alice"}}}
        assert alice.run("query ($id: ID!) { case(id: $id) { title } }", id=case) == {"case": {"title": "Before"}}
        assert unavailable(alice.post(CREATE, {"title": "New"})) == "is read-only"


def test_a_full_disk_lets_the_embedded_database_answer_reads(tmp_path: Path) -> None:
    reason = "can't read or write its disk"  # a file that may not grow is for SQLite no full disk
    with process(tmp_path) as (running, server):
        alice = server.client("alice", name="Alice")
        case = alice.create_case(title="Before")
        becomes_ready(server)
        unlimited = resource.prlimit(running.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (1, unlimited[1]))
        for name in (None, "Alice", "Alice B."):
            alice = server.client("alice", name=name)
            assert alice.run(VIEWER) == {"viewer": {"subject": "alice", "name": "Alice"}}
            assert alice.run("query ($id: ID!) { case(id: $id) { title } }", id=case) == {"case": {"title": "Before"}}
            assert unavailable(alice.post(CREATE, {"title": "New"})) == reason
        assert unavailable(server.client("nobody yet").post(VIEWER)) == reason
        assert readiness(server) == (503, f"the database {reason}; reads are answered, changes can't be made\n")
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, unlimited)
        becomes_ready(server)
        assert alice.change("updateCase", "case { title }", id=case, title="After") == {"case": {"title": "After"}}
        assert alice.run("{ cases { totalCount } }") == {"cases": {"totalCount": 1}}
        running.terminate()
        assert running.stderr is not None
        log = running.stderr.read()
    assert f"the database {reason} (SQLITE_IOERR_WRITE)" in log
    assert "Traceback" not in log
    assert "unexpected error" not in log


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server on each database."""
    with serving(request.param, new_database(request.param), DOSSIER_DEADLINE="5") as running:
        yield running


def test_a_known_user_reads_while_nobody_can_write(server: Server) -> None:
    alice = server.client(name="Alice")
    case = alice.create_case()
    query = "query ($id: ID!) { viewer { name } case(id: $id) { title } }"
    names = iter(f"Alice {letter}." for letter in "BCDE")
    with locked(server, "users", "SHARE"):
        for name in itertools.islice(names, 3):
            found = server.client(alice.subject, name=name).run(query, id=case)
            assert found == {"viewer": {"name": "Alice"}, "case": {"title": "A case"}}
    # What its tokens say is noted when it can be, the newest at last.
    newest = server.client(alice.subject, name=next(names))
    for _ in range(PATIENCE):
        if newest.run("{ viewer { name } }") == {"viewer": {"name": "Alice E."}}:
            return
        time.sleep(0.3)
    raise AssertionError
