"""What was made is never told as not made: commits without an answer, and what of a document was made before."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.transaction import Transaction
from app.errors import Conflict, DeadlineExceeded, UnknownOutcome
from tests.commands import PATIENCE
from tests.conftest import KINDS
from tests.locks import holding
from tests.proxy import COMMIT, Fate, Proxy, between
from tests.server import Client, Server, do_nothing, serving
from tests.test_connections import process
from tests.test_deadlines import locked
from tests.test_ownership import execute
from tests.test_writer import add, numbers, opened, run

pytestmark = pytest.mark.slow

UNKNOWN = (
    "whether this change was made is not known, for the database did not confirm it; it may have been made, so look "
    "before you repeat it"
)
LATE = "this took longer than 1 seconds and was broken off; ask for less at once"
CREATE = "mutation ($title: String!) { createCase(input: {title: $title}) { case { title } errors { code } } }"
SEVERAL = """
    mutation ($a: String!, $b: String!, $c: String!, $d: String!) {
      a: createCase(input: {title: $a}) { case { id title } }
      b: createCase(input: {title: $b}) { case { id title } errors { code } }
      c: createCase(input: {title: $c}) { case { id title } }
      d: createCase(input: {title: $d}) { case { id title } }
    }
"""


@pytest.fixture(scope="module")
def remote(new_database: Callable[[str], str]) -> Iterator[tuple[Server, Proxy]]:
    """A server whose PostgreSQL is behind a proxy; its requests may take a second."""
    database = new_database("postgresql")
    with (
        between(database) as proxy,
        serving("postgresql", proxy.url, DOSSIER_DEADLINE="1") as server,
        pytest.MonkeyPatch.context() as patched,
    ):
        do_nothing(patched)  # as only the commits of requests are to be counted
        yield server, proxy


def titles(client: Client) -> list[str]:
    """Return the titles of all cases of a user."""
    nodes = client.run("{ cases(orderBy: NUMBER_ASC) { nodes { title } } }")["cases"]["nodes"]
    return [node["title"] for node in nodes]


@pytest.mark.parametrize(("fate", "made"), [(Fate.NEVER_ARRIVES, []), (Fate.ANSWER_IS_LOST, ["New"])], ids=str)
def test_a_commit_without_an_answer_is_told_as_just_that(
    remote: tuple[Server, Proxy], fate: Fate, made: list[str]
) -> None:
    server, proxy = remote
    alice = server.client()
    assert titles(alice) == []
    proxy.doom(COMMIT, fate)
    response = alice.post(CREATE, {"title": "New"})
    assert response.json() == {
        "data": None,
        "errors": [{"message": UNKNOWN, "path": ["createCase"], "extensions": {"code": "UNKNOWN_OUTCOME"}}],
    }
    assert response.status_code == 200
    assert "retry-after" not in response.headers
    assert titles(alice) == made


def test_a_new_user_whose_commit_has_no_answer_may_try_again(remote: tuple[Server, Proxy]) -> None:
    server, proxy = remote
    newcomer = server.client()
    proxy.doom(COMMIT, Fate.ANSWER_IS_LOST)
    response = newcomer.post("{ viewer { name } }")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert newcomer.run("{ viewer { name } }") == {"viewer": {"name": None}}


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize("fate", [Fate.NEVER_ARRIVES, Fate.ANSWER_IS_LOST], ids=str)
def test_what_was_made_before_it_is_told(remote: tuple[Server, Proxy], fate: Fate, accept: str) -> None:
    server, proxy = remote
    alice = server.client()
    assert titles(alice) == []
    proxy.doom(COMMIT, fate, nth=2)  # that of `c`: `b` is refused
    alice.headers["Accept"] = accept
    response = alice.post(SEVERAL, {"a": "A", "b": "", "c": "C", "d": "D"})
    assert response.status_code == 200
    (error,) = response.json()["errors"]
    found = error["extensions"]["made"]["a"]["case"]["id"]
    assert error == {
        "message": UNKNOWN,
        "path": ["c"],
        "extensions": {"code": "UNKNOWN_OUTCOME", "made": {"a": {"case": {"id": found, "title": "A"}}}},
    }
    assert alice.run("query ($id: ID!) { case(id: $id) { title } }", id=found) == {"case": {"title": "A"}}
    assert titles(alice) == (["A", "C"] if fate is Fate.ANSWER_IS_LOST else ["A"])


def test_a_commit_that_is_answered_late_is_not_told_as_broken_off(remote: tuple[Server, Proxy]) -> None:
    server, proxy = remote
    alice = server.client()
    assert titles(alice) == []
    proxy.doom(COMMIT, Fate.ANSWER_IS_LATE)
    (error,) = alice.post(CREATE, {"title": "Late"}).json()["errors"]
    assert error == {"message": UNKNOWN, "path": ["createCase"], "extensions": {"code": "UNKNOWN_OUTCOME"}}
    proxy.let_through.set()
    assert titles(alice) == ["Late"]


def test_what_is_told_as_broken_off_is_never_made(remote: tuple[Server, Proxy]) -> None:
    server, proxy = remote
    alice = server.client()
    alice.create_case(title="Before")
    proxy.doom(b"Broken off", Fate.ANSWER_IS_LATE)
    (error,) = alice.post(CREATE, {"title": "Broken off"}).json()["errors"]
    assert error == {"message": LATE, "path": ["createCase"], "extensions": {"code": "DEADLINE_EXCEEDED"}}
    proxy.let_through.set()
    alice.create_case(title="After")
    assert titles(alice) == ["Before", "After"]


def test_a_database_that_stands_still_is_no_proof_of_anything(new_database: Callable[[str], str]) -> None:
    with serving("postgresql", new_database("postgresql"), DOSSIER_DEADLINE="1") as server:
        alice = server.client()
        alice.create_case(title="Before")
        backends = [
            pid for (pid,) in execute(server, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        ]
        with stopped(backends):
            (error,) = alice.post(CREATE, {"title": "Meanwhile"}).json()["errors"]
        assert error == {"message": LATE, "path": ["createCase"], "extensions": {"code": "DEADLINE_EXCEEDED"}}
        alice.create_case(title="After")
        assert titles(alice) == ["Before", "After"]


@contextmanager
def stopped(processes: list[int]) -> Iterator[None]:
    """Have processes stand still."""
    running = [process for process in processes if _signalled(process, signal.SIGSTOP)]
    try:
        yield
    finally:
        for each in running:
            _signalled(each, signal.SIGCONT)


def _signalled(process: int, number: signal.Signals) -> bool:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server whose requests may take a second."""
    with serving(request.param, new_database(request.param), DOSSIER_DEADLINE="1") as running:
        yield running


def test_changes_before_one_that_is_too_late_are_told(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Old")
    document = """
        mutation ($id: ID!, $first: String!, $again: String!) {
          first: createCase(input: {title: $first}) { case { title } }
          __typename
          second: updateCase(input: {id: $id, title: $again}) { case { title } }
        }
    """
    with held(server, case):
        answer = alice.post(document, {"id": case, "first": "New", "again": "Newer"}).json()
    if server.settings.embedded:
        # Its writer was not to be had for the first either.
        made, path, expected = {}, ["first"], ["Old"]
    else:
        made, path, expected = {"made": {"first": {"case": {"title": "New"}}}}, ["second"], ["Old", "New"]
    assert answer == {
        "data": None,
        "errors": [{"message": LATE, "path": path, "extensions": {"code": "DEADLINE_EXCEEDED", **made}}],
    }
    assert titles(alice) == expected


@contextmanager
def held(server: Server, case: str) -> Iterator[None]:
    """Keep everybody from changing a case."""
    if server.settings.embedded:
        with locked(server):
            yield
        return
    with holding(server, "SELECT 1 FROM cases WHERE id = $1::text::uuid FOR UPDATE", case):
        yield


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "waiting"])
def test_a_server_that_is_stopped_tells_what_was_made(
    tmp_path: Path, new_database: Callable[[str], str], *, begun: bool
) -> None:
    database = new_database("postgresql")
    with between(database) as proxy:
        with serving("postgresql", proxy.url):
            pass  # migrated
        with process(tmp_path, DOSSIER_DATABASE_URL=proxy.url, DOSSIER_GRACE="1") as (running, server):
            alice = server.client("alice")
            assert titles(alice) == []
            proxy.doom(COMMIT if begun else b"'C'", Fate.ANSWER_IS_LATE, nth=2 if begun else 1)
            answers: list[httpx.Response] = []
            variables = {"a": "A", "b": "", "c": "'C'", "d": "D"}
            thread = threading.Thread(target=lambda: answers.append(alice.post(SEVERAL, variables)))
            thread.start()
            assert proxy.met.wait(PATIENCE)
            running.send_signal(signal.SIGTERM)
            thread.join()
            proxy.let_through.set()
            assert running.wait(PATIENCE) == 0
        with serving("postgresql", proxy.url) as server:
            made = titles(server.client("alice"))
    (error,) = answers[0].json()["errors"]
    assert error["path"] == ["c"]
    assert [*error["extensions"]["made"]] == ["a"]
    if begun:
        assert (error["message"], error["extensions"]["code"], made) == (UNKNOWN, "UNKNOWN_OUTCOME", ["A", "'C'"])
    else:
        message = "the server was stopped before it made this change"
        assert (error["message"], error["extensions"]["code"], made) == (message, "UNAVAILABLE", ["A"])


# The embedded database's disk can't be told from outside how to fail, so these speak to the writer itself.


class Disk(sqlite3.Connection):
    """A database whose commits have a fate."""

    fate: Callable[[], None] | None = None

    def commit(self) -> None:
        """Commit, and then meet the fate."""
        if Disk.fate is not None:
            super().commit()
            Disk.fate()
        super().commit()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Disk]]:
    """Connections are of this kind."""
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **named, factory=Disk))
    yield Disk
    Disk.fate = None


def test_a_commit_that_the_disk_does_not_confirm_may_have_been_made(tmp_path: Path, disk: type[Disk]) -> None:
    file = tmp_path / "a.db"

    def fail() -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR_FSYNC, "SQLITE_IOERR_FSYNC"
        disk.fate = None
        raise error

    def refuse_a_third(transaction: Transaction) -> None:
        ((count,),) = run(transaction, "SELECT count(*) FROM numbers")
        if count >= 2:
            raise Conflict("there are two", ("input",), count, "")

    async def change() -> list[Any]:
        async with opened(file) as writer:
            disk.fate = fail
            works = add, add, refuse_a_third
            return list(await asyncio.gather(*(writer.write(work) for work in works), return_exceptions=True))

    outcomes = asyncio.run(change())
    assert [type(outcome) for outcome in outcomes] == [UnknownOutcome, UnknownOutcome, Conflict]
    assert str(outcomes[0]) == UNKNOWN
    assert numbers(file) == 2


def test_a_disk_that_stands_still_keeps_nobody_waiting(tmp_path: Path, disk: type[Disk]) -> None:
    file = tmp_path / "a.db"
    thawed = threading.Event()

    def stand_still() -> None:
        thawed.wait(PATIENCE)

    async def change() -> list[Any]:
        async with opened(file, deadline=0.3) as writer:
            disk.fate = stand_still
            first = asyncio.create_task(writer.write(add))
            await asyncio.sleep(0.1)
            outcomes = await asyncio.gather(first, writer.write(add), return_exceptions=True)
            disk.fate = None
            thawed.set()
            return [*outcomes, await writer.write(add)]

    unknown, late, added = asyncio.run(change())
    assert isinstance(unknown, UnknownOutcome)
    assert isinstance(late, DeadlineExceeded)
    assert added == "added"
    assert numbers(file) == 2  # that of the first, which was made after all, and the last one's


def test_whoever_is_cancelled_while_their_commit_is_under_way_does_not_know(tmp_path: Path, disk: type[Disk]) -> None:
    file = tmp_path / "a.db"

    async def change() -> list[Any]:
        async with opened(file, deadline=10) as writer:
            begun, thawed = threading.Event(), threading.Event()

            def stand_still() -> None:
                begun.set()
                thawed.wait(PATIENCE)

            disk.fate = stand_still
            first = asyncio.create_task(writer.write(add))
            await asyncio.to_thread(begun.wait, PATIENCE)
            second = asyncio.create_task(writer.write(add))
            await asyncio.sleep(0)
            first.cancel()
            second.cancel()
            outcomes = await asyncio.gather(first, second, return_exceptions=True)
            disk.fate = None
            thawed.set()
            return list(outcomes)

    unknown, never = asyncio.run(change())
    assert isinstance(unknown, UnknownOutcome)
    assert isinstance(never, asyncio.CancelledError)
    assert numbers(file) == 1
