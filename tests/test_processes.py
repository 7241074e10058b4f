"""Processes that end, are ended or stand still: what becomes of those that belong to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.db.sqlite_writer import writing_lock
from app.identity import sign
from app.settings import from_environment
from tests.commands import PATIENCE, dossier, serving, started
from tests.server import SECRET

pytestmark = pytest.mark.slow

SETTINGS = {"DOSSIER_JWT_SECRET": SECRET, "DOSSIER_GRACE": "1"}
TOKEN = sign(from_environment(SETTINGS), SECRET, subject="alice", lifetime=timedelta(hours=1))
CREATE = 'mutation { createCase(input: {title: "A case"}) { case { number } errors { message } } }'
STOPPED = "the server was stopped before it did this"


def processes() -> dict[int, tuple[int, str]]:
    """Return each process that runs, with its parent and its command."""
    if Path("/proc/self/stat").exists():
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                state, parent = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
                if state != "Z":
                    found[int(folder.name)] = int(parent), (folder / "cmdline").read_text(errors="replace")
        return found
    command = ["/bin/ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="]
    rows = [line.split(None, 3) for line in subprocess.check_output(command, text=True).splitlines()]  # noqa: S603
    return {int(pid): (int(parent), command) for pid, parent, state, command in rows if not state.startswith("Z")}


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    """Return the process ids of a supervisor's workers."""
    return {pid for pid, (parent, command) in processes().items() if parent == process.pid and "spawn_main" in command}


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def create(url: str) -> httpx.Response:
    """Create a case."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.post(f"{url}/graphql", json={"query": CREATE}, headers=headers, timeout=PATIENCE)


@contextmanager
def creating(url: str) -> Iterator[list[httpx.Response]]:
    """Create a case meanwhile; when the block has ended, the list has the response."""
    responses: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: responses.append(create(url)))
    thread.start()
    yield responses
    thread.join()


@pytest.fixture
def ended_after() -> Iterator[set[int]]:
    """A set of processes that end with the test, whatever became of it."""
    pids: set[int] = set()
    yield pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_workers_end_with_their_supervisor_however_it_ends(tmp_path: Path, ended_after: set[int]) -> None:
    with serving(tmp_path, "--workers", "2", **SETTINGS) as (process, url):
        ended_after |= workers_of(process)
        assert len(ended_after) == 2
        process.kill()
        wait_until(lambda: not ended_after & processes().keys())
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz")
    # In good order: whoever closes the database last takes its log away.
    assert not (tmp_path / "dossier.db-wal").exists()


def test_workers_that_start_end_with_their_supervisor(tmp_path: Path, ended_after: set[int]) -> None:
    with started(tmp_path, "--workers", "2", **SETTINGS) as (process, _):
        wait_until(lambda: len(workers_of(process)) == 2)
        ended_after |= workers_of(process)
        process.kill()
        wait_until(lambda: not ended_after & processes().keys())


def test_a_worker_that_stands_still_alone_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", **SETTINGS) as (process, url):
        wait_until(lambda: len(workers_of(process)) == 2)
        first = workers_of(process)
        frozen = min(first)
        time.sleep(2)  # so that both have said that they serve
        os.killpg(process.pid, signal.SIGSTOP)  # as a terminal does, and a machine that sleeps
        time.sleep(6)
        os.killpg(process.pid, signal.SIGCONT)
        time.sleep(1)
        assert workers_of(process) == first
        os.kill(frozen, signal.SIGSTOP)
        wait_until(lambda: frozen not in processes())
        wait_until(lambda: len(workers_of(process)) == 2)
        assert len(workers_of(process) & first) == 1
        for number in range(1, 5):
            assert create(url).json()["data"]["createCase"]["case"] == {"number": number}
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert errors.endswith(f" ERROR the worker process {frozen} doesn't answer; another one takes its place\n")
    assert errors.count("\n") == 1


def test_a_worker_that_stands_still_does_not_keep_serve_from_ending(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", **SETTINGS) as (process, _):
        wait_until(lambda: len(workers_of(process)) == 2)
        os.kill(min(workers_of(process)), signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE / 2)
        assert (process.returncode, errors.count("\n")) == (1, 1)
        assert errors.endswith(" ERROR a worker process did not end in time and was killed\n")


def test_a_program_that_keeps_the_database_does_not_keep_serve_from_ending(tmp_path: Path) -> None:
    with serving(tmp_path, **SETTINGS) as (process, url):
        other = sqlite3.connect(tmp_path / "dossier.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with creating(url) as responses:
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE / 3) == 0
        assert responses[0].json()["errors"] == [{"message": STOPPED, "extensions": {"code": "UNAVAILABLE"}}]
        ((cases,),) = other.execute("SELECT count(*) FROM cases")
        assert cases == 0
        other.close()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_another_process_that_keeps_the_lock_does_not_keep_serve_from_ending(tmp_path: Path) -> None:
    with serving(tmp_path, **SETTINGS) as (process, url):
        with writing_lock(tmp_path / "dossier.db"), creating(url) as responses:
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE / 3) == 0
        assert responses[0].status_code == 503


def test_a_database_that_stands_still_does_not_keep_serve_from_ending(
    tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    address = new_database("postgresql")
    settings = SETTINGS | {"DOSSIER_DATABASE_URL": address}
    assert dossier(tmp_path, "migrate", **settings).returncode == 0

    async def backends() -> list[int]:
        connection = await asyncpg.connect(address)
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dossier'"
        )
        await connection.close()
        return [row["pid"] for row in rows]

    with serving(tmp_path, **settings) as (process, url):
        assert create(url).status_code == 200
        stopped = asyncio.run(backends())
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            with creating(url) as responses:
                time.sleep(0.5)
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=PATIENCE / 3) == 0
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        assert responses[0].status_code == 503


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_terminal_that_is_closed_ends_serve_cleanly(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path, "--workers", workers, **SETTINGS) as (process, _):
        os.killpg(process.pid, signal.SIGHUP)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")


def test_a_second_interrupt_ends_serve_without_waiting(tmp_path: Path) -> None:
    settings = SETTINGS | {"DOSSIER_GRACE": "300"}
    with serving(tmp_path, "--workers", "2", **settings) as (process, url):
        other = sqlite3.connect(tmp_path / "dossier.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with creating(url):
            time.sleep(0.5)
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(1)
            assert process.poll() is None
            os.killpg(process.pid, signal.SIGINT)
            process.wait(timeout=PATIENCE / 2)
        other.close()


def test_an_interrupt_of_workers_that_start_ends_serve_cleanly(tmp_path: Path) -> None:
    with started(tmp_path, "--workers", "2") as (process, _):
        time.sleep(0.4)  # Python starts in the workers
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=PATIENCE / 2)
        assert (process.returncode, errors) == (0, "")
