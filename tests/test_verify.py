"""`dossier verify`: silent on what Dossier wrote, and not on what somebody else did."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Column, LargeBinary, MetaData, Text, delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from app.db import migrations, postgresql, sqlite_writer
from app.db.models import (
    CaseCounter,
    Checkpoint,
    Journal,
    JournalEntry,
    LogEntry,
    LogHead,
    LogMember,
    Tag,
    User,
    table_of,
)
from app.db.snapshots import snapshot
from app.db.types import Id, Time
from app.record.auditing import Audit, Held
from app.record.entries import SUBJECTS, leaf_of
from app.record.signing import published
from app.record.trees import extended, leaf_hash, root
from app.record.verifying import Verification
from app.settings import Settings, from_environment
from app.values import field_name, fold, new_id, new_user_id
from tests.commands import dossier
from tests.conftest import KINDS
from tests.histories import ODD, History
from tests.server import SECRET, serving
from tests.test_migrations import ask

JOURNALS, ENTRIES = table_of(Journal), table_of(JournalEntry)
TABLES = {
    **{name: subject.table for name, subject in SUBJECTS.items()},
    "journals": JOURNALS,
    "journal_entries": ENTRIES,
    **{table.name: table for table in map(table_of, (LogHead, LogEntry, LogMember, Checkpoint, Tag))},
}
# What contradicts nothing: where the database lies, when a checkpoint was signed and whether it is to be kept, and that
# the log has yet to look at a journal.
UNSAID = {("log_head", "place"), ("checkpoints", "at"), ("checkpoints", "is_kept"), ("journals", "is_logged")}
AGREES = re.compile(r"[\d,]+ (entry|entries) of [\d,]+ cases?: all agrees\n")


def verify(settings: Settings, folder: Path, *arguments: str) -> tuple[int, str, str]:
    address = settings.database_url.render_as_string(hide_password=False)
    done = dossier(folder, "verify", *arguments, DOSSIER_DATABASE_URL=address)
    return done.returncode, done.stdout, done.stderr


def findings(settings: Settings, case_id: str | None = None) -> list[str]:
    """Return the lines that the command prints, without a process for each."""
    lying = [Held(str(path), text) for path, text in published(settings)]
    with snapshot(settings) as held:
        journals, log = Verification(held, case_id, lambda *_: None), Audit(held, case_id, lying)
        return [str(finding) for each in (journals, log) for finding in each.findings()]


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_honest_histories_agree_while_the_server_is_at_work(
    new_database: Callable[[str], str], kind: str, tmp_path: Path
) -> None:
    with serving(kind, new_database(kind)) as server:
        for seed in range(3):
            history = History(server, seed)
            history.go_on(120)
            assert findings(server.settings) == []
        code, out, err = verify(server.settings, tmp_path)
        assert (code, err) == (0, "")
        assert AGREES.fullmatch(out)
        code, out, _ = verify(server.settings, tmp_path, "--case", history.deleted[0].upper())
        assert code == 0
        assert " of 1 case: all agrees" in out
        number = server.client(roles=("auditor",)).run("{ cases(first: 1) { nodes { number } } }")["cases"]["nodes"][0]
        assert verify(server.settings, tmp_path, "--case", str(number["number"]))[0] == 0
    assert verify(server.settings, tmp_path)[0] == 0


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_one_moment_is_seen_while_others_write(new_database: Callable[[str], str], kind: str) -> None:
    with serving(kind, new_database(kind)) as server, ThreadPoolExecutor() as threads:
        writing = threads.submit(History(server, 4).go_on, 200)
        times = 0
        while not writing.done():
            assert findings(server.settings) == []
            times += 1
        writing.result()
        assert times > 3


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_purge_that_is_under_way_agrees(
    new_database: Callable[[str], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.record.removal._ENTRIES_AT_ONCE", 2)
    monkeypatch.setattr("app.record.removal._MOMENT", 0)
    monkeypatch.setattr("app.web.chores._SHARE", 30)  # so that each slice is looked at
    with serving(kind, new_database(kind)) as server:
        alice, errors = server.client(), "errors { message }"
        case = alice.create_case()
        hold = alice.change("placeHold", "hold { id }", caseId=case, name="Lawsuit", reason="A court's")["hold"]["id"]
        for number in range(3):
            alice.change("updateCase", errors, id=case, title=f"Title {number}")
        assert alice.change("releaseHold", errors, caseId=case, id=hold, reason="It is over.")["errors"] == []
        assert alice.change("deleteCase", errors, id=case)["errors"] == []
        admin, given = server.client(roles=("admin",)), {"caseId": case, "id": case, "reason": "Article 17."}
        confirm = admin.change("purge", "preview", **given)["preview"]["confirm"]
        assert admin.change("purge", errors, confirm=confirm, **given)["errors"] == []
        says = select(func.count()).where(ENTRIES.c.said.is_not(None))
        left = [-1]
        while left[-1] != 1:
            left.append(ask(server.settings, lambda connection: connection.scalar(says)))
            assert findings(server.settings) == []
        assert len(set(left)) > 3
        assert ask(server.settings, lambda connection: connection.execute(select(TABLES["holds"])).all()) == []


@pytest.mark.parametrize("given", ["999", "0", "-1", "no case", "00000000-0000-4000-8000-000000000000", "9" * 30])
def test_a_case_that_is_none_is_misuse(new_database: Callable[[str], str], given: str, tmp_path: Path) -> None:
    settings = from_environment({"DOSSIER_DATABASE_URL": new_database("sqlite"), "DOSSIER_JWT_SECRET": SECRET})
    migrations.migrate(settings)
    code, out, err = verify(settings, tmp_path, f"--case={given}")
    assert (code, out) == (2, "")
    assert err == f"dossier: there is no case {given}; give a case's number or its id\n"


def test_where_there_is_no_database_none_is_made(tmp_path: Path) -> None:
    done = dossier(tmp_path, "verify")
    assert done.returncode == 1
    assert done.stderr.startswith("dossier: there is no database at")
    assert list(tmp_path.iterdir()) == []


def _fill_as_before_the_record(connection: Connection) -> None:
    """Write rows of all kinds as they were at revision 0004, more than are read at once, in an order of their own."""
    alice, bob = new_user_id(), new_user_id()
    users = [
        {"id": alice, "issuer": "", "subject": "alice"},
        {"id": bob, "issuer": "https://a.example", "subject": ODD[0]},
    ]
    connection.execute(insert(table_of(User)), users)
    moment = datetime.fromisoformat("2024-02-29T12:00:00.000001Z")
    ahead = datetime.fromisoformat("2999-01-01T00:00:00Z")  # as of a clock that was
    fresh = {"created_at": moment, "created_by": alice, "updated_at": moment, "updated_by": alice, "version": 1}
    changed = {**fresh, "updated_at": ahead, "updated_by": bob, "version": 77}
    cases: list[dict[str, Any]] = []
    members: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    batches: list[dict[str, Any]] = []
    for number, title in enumerate(ODD, 1):
        case = new_id()
        told = {
            "title": title,
            "description": title * 3 if number % 2 else None,
            "reference": "" if number % 3 else None,
        }
        more = {"id": case, "number": number, "status": ["OPEN", "ACTIVE", "CLOSED"][number % 3]}
        folded = {"title_key": fold(title), "search": fold(*told.values())}
        cases.append({**more, **told, **folded, **(changed if number % 2 else fresh)})
        members.append({"case_id": case, "user_id": alice, "role": "OWNER", "expires_at": None, "given_by": None})
        given = {"expires_at": ahead, "given_by": alice if number % 2 else None}
        members.append({"case_id": case, "user_id": bob, "role": "VIEWER", **given})
        for place in range(1_100 if number == 2 else 2):
            told = {"title": title, "description": None if place % 2 else title}
            more = {"id": new_id(), "case_id": case, "type": "FINDING", "time_precision": "DAY", "sort_order": -place}
            times = {"occurred_at": moment, "occurred_until": ahead if place % 2 else None}
            folded = {"search": fold(*told.values())}
            events.append({**more, **times, **told, **folded, **(changed if place % 2 else fresh)})
        for place in range(2_300 if number == 1 else 3):
            where = {"id": new_id(), "case_id": case, "event_id": events[-1 - place % 2]["id"], "label": title}
            more = {
                "file_count": place,
                "file_types": ODD[3] if place % 2 else None,
                "description": title,
                "sort_order": 1,
            }
            batches.append({**where, **more, **(changed if place % 2 else fresh)})
    connection.execute(update(table_of(CaseCounter)).values(last_number=len(cases)))
    for name, rows in (("cases", cases), ("case_members", members), ("events", events), ("file_batches", batches)):
        random.Random(3).shuffle(rows)  # noqa: S311 - to be had again
        # As the tables were then.
        table = TABLES[name].to_metadata(MetaData())
        if "search" in rows[0]:
            table.append_column(Column("search", Text))
        connection.execute(insert(table), rows)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_there_before_the_record_is_imported_into_it(
    new_database: Callable[[str], str], kind: str, tmp_path: Path
) -> None:
    settings = from_environment({"DOSSIER_DATABASE_URL": new_database(kind), "DOSSIER_JWT_SECRET": SECRET})
    migrations.migrate(settings, "0004")
    ask(settings, _fill_as_before_the_record)
    migrations.migrate(settings)
    code, out, err = verify(settings, tmp_path)
    assert (code, err, out[-13:]) == (0, "", ": all agrees\n")

    def entries(connection: Connection) -> Any:
        columns = ENTRIES.c.case_id, ENTRIES.c.seq, ENTRIES.c.kind, ENTRIES.c.type, ENTRIES.c.said
        return connection.execute(select(*columns).order_by(ENTRIES.c.case_id, ENTRIES.c.seq)).all()

    def rows(connection: Connection) -> int:
        return sum(len(connection.execute(select(subject.table)).all()) for subject in SUBJECTS.values())

    found = ask(settings, entries)
    assert len(found) == ask(settings, rows) > 3_000
    assert {entry.kind for entry in found} == {"IMPORTED"}
    assert {entry.type for entry in found if entry.seq == 1} == {"CASE"}
    assert {orjson.loads(entry.said)[2] for entry in found} == {"before the record"}
    # What is done from then on goes on behind it.
    with serving(kind, settings.database_url.render_as_string(hide_password=False)) as server:
        alice = server.client("alice")
        case = alice.run("{ cases(first: 1) { nodes { id } } }")["cases"]["nodes"][0]["id"]
        alice.change("updateCase", "errors { message }", id=case, status="OPEN")  # where it was closed
        alice.change("updateCase", "errors { message }", id=case, title="Another title")
        event = alice.run("query ($id: ID!) { case(id: $id) { events(first: 1) { nodes { id } } } }", id=case)
        given = {"caseId": case, "id": event["case"]["events"]["nodes"][0]["id"]}
        assert alice.change("deleteEvent", "errors { message }", **given)["errors"] == []
        assert findings(settings) == []
        assert alice.change("deleteCase", "errors { message }", id=case)["errors"] == []
    assert findings(settings) == []


# What somebody does to a database around Dossier.


class Database:
    """A database with a history, that is changed by SQL and then put back as it was."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pristine = settings.database_file.read_bytes() if settings.embedded else b""
        if not settings.embedded:
            ask(settings, self._keep)

    def change(self, work: Callable[[Connection], Any]) -> Any:
        """Make changes that the database's own rules would refuse."""
        if not self.settings.embedded:
            return asyncio.run(self._change_postgresql(work))
        engine = sqlite_writer.writing_engine(self.settings.database_file, foreign_keys=False)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()

    async def _change_postgresql(self, work: Callable[[Connection], Any]) -> Any:
        engine = postgresql.writing_engine(self.settings.database_url)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(self._unguard)
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    def restore(self) -> None:
        """Put everything back."""
        if not self.settings.embedded:
            ask(self.settings, self._put_back)
            return
        file = self.settings.database_file
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        file.write_bytes(self._pristine)

    @staticmethod
    def _unguard(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")

    def _keep(self, connection: Connection) -> None:
        connection.exec_driver_sql("CREATE SCHEMA pristine")
        for name in (*TABLES, "users", "case_counter"):
            connection.exec_driver_sql(f"CREATE TABLE pristine.{name} AS TABLE {name}")

    def _put_back(self, connection: Connection) -> None:
        self._unguard(connection)
        for name in (*TABLES, "users", "case_counter"):
            connection.exec_driver_sql(f"DELETE FROM {name}")  # noqa: S608 - ours
            connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM pristine.{name}")  # noqa: S608 - ours


@pytest.fixture(scope="module", params=KINDS)
def tampered(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Database:
    with serving(request.param, new_database(request.param)) as server:
        history = History(server, 7)
        history.go_on(100)
        history.go_on(30)
    return Database(server.settings)


@dataclass
class Edit:
    """A change around Dossier: what it is, and the words of which its finding has one, of each kind."""

    what: str
    work: Callable[[Connection], Any]
    named: list[set[str]]


class Tampering:
    """Makes up edits, of every kind and every cell of the tables that the record is about."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be had again
        self._rows = {
            name: [dict(row) for row in connection.execute(select(table)).mappings()] for name, table in TABLES.items()
        }
        self._sizes = {row["case_id"]: row["size"] for row in self._rows["journals"]}
        cells = {(name, column.name) for name, table in TABLES.items() for column in table.c}
        self._cells = sorted(cells - UNSAID)

    def edit(self, number: int) -> Edit:
        """Return an edit: of each cell in turn, and between them of what is more than a cell."""
        if number % 3 == 2:
            kinds = [
                self._gone,
                self._new,
                self._swapped,
                self._cut,
                self._cut_with_head,
                self._head,
                self._two_entries,
                self._rewritten,
                self._vanished,
                self._log_cut,
            ]
            return kinds[number // 3 % len(kinds)]()
        return self._cell(*self._cells[(number - number // 3) % len(self._cells)])

    def _row(self, table: str) -> dict[str, Any]:
        return self._random.choice(self._rows[table])

    def _where(self, table: str, row: dict[str, Any]) -> Any:
        return [column == row[column.name] for column in TABLES[table].primary_key]

    def _named(self, table: str, row: dict[str, Any], column: str | None = None) -> list[set[str]]:
        """Return what a finding on a row has to name: its case, and the entry, the row or the field."""
        if table in {"log_head", "checkpoints"}:
            return [{"the log's head" if table == "log_head" else "the checkpoint of size"}]
        if table in {"log_entries", "log_members"}:
            return [{f"log entry {row['seq']}", f"log entry {row['seq'] + 1}", "the log's head"}]
        case = {row["id"] if table == "cases" else row["case_id"]}
        if table == "journals":
            return [case]
        if table == "journal_entries":
            return [case, {f"entry {row['seq']}", f"entry {row['seq'] + 1}", row["row_id"]}]
        if table == "tags":
            return [case, {row["row_id"]}, {"field tags"}]
        key = row[SUBJECTS[table].key]
        named = [case, {key}]
        if column is not None and column not in {"id", "case_id", "user_id"}:
            named.append({f"field {'on' if column == 'row_id' else field_name(column)}"})
        return named

    def _cell(self, table: str, column: str) -> Edit:
        row = self._row(table)
        new = self._other(table, column, row[column])
        where = self._where(table, row)
        named = self._named(table, row, column)
        statement = update(TABLES[table]).where(*where).values({column: new})
        return Edit(f"{table}.{column} of {row}: {new!r}", lambda connection: connection.execute(statement), named)

    def _other(self, table: str, column: str, value: Any) -> Any:
        """Return another value for a cell."""
        kind = TABLES[table].c[column].type
        if (table, column) == ("journal_entries", "id"):
            return value[:14] + "4" + value[15:]
        others = [row[column] for row in self._rows[table] if row[column] not in {None, value}]
        if isinstance(kind, Time):
            choices: list[Any] = [datetime.fromisoformat("2001-01-01T00:00:00Z")]
            if value is not None:
                choices += [value + timedelta(microseconds=1), value - timedelta(days=300)]
        elif isinstance(kind, LargeBinary):
            place = self._random.randrange(len(value))
            choices = [
                value[:place] + bytes([value[place] ^ 1 << self._random.randrange(8)]) + value[place + 1 :],
                value[:-1],
            ]
        elif isinstance(kind, Id):
            choices = [new_id(), *others[:1]]
        elif isinstance(value, int):
            choices = [value + 1, value + 1_000]
        elif value is None:
            choices = ["something"] if column != "version" else [1]
        elif column in {"kind", "type", "status", "role", "time_precision"}:
            known = getattr(kind, "choices", None)
            names = [each.value for each in known] if known is not None else [each.name for each in SUBJECTS.values()]
            choices = [name for name in names if name != value]
        else:
            place = self._random.randrange(len(value) + 1)
            choices = [
                value[:place] + "~" + value[place + 1 :] if len(value) > place else value[:-1] + "~",
                *others[:1],
            ]
        if TABLES[table].c[column].nullable and value is not None:
            choices.append(None)
        return self._random.choice(choices)

    def _gone(self) -> Edit:
        table = self._random.choice([name for name in TABLES if name != "checkpoints"])  # of which some may be gone
        row = self._row(table)
        statement = delete(TABLES[table]).where(*self._where(table, row))
        return Edit(f"{table} without {row}", lambda connection: connection.execute(statement), self._named(table, row))

    def _new(self) -> Edit:
        table = self._random.choice(list(TABLES))
        row = dict(self._row(table))
        if table == "journal_entries":
            row |= {"id": new_id(), "seq": self._sizes[row["case_id"]] + 1}
        elif table == "journals":
            row["case_id"] = new_id()
        elif table == "case_members":
            row["user_id"] = new_user_id()
        elif table in {"log_entries", "log_members"}:
            row["seq"] = max(row["seq"] for row in self._rows["log_entries"]) + 1
        elif table == "checkpoints":
            row["size"] += 1
        elif table == "log_head":
            row["id"] = 2
        elif table == "tags":
            row["key"] += "~"
        else:
            row["id"] = new_id()
            if table == "cases":
                row["number"] += 100_000
        statement = insert(TABLES[table]).values(row)
        return Edit(f"{table} with {row}", lambda connection: connection.execute(statement), self._named(table, row))

    def _swapped(self) -> Edit:
        """Swap what two rows say in one column."""
        while True:
            table, column = self._random.choice(self._cells)
            one, other = self._row(table), self._row(table)
            is_key = column in TABLES[table].primary_key.c or (table, column) in {
                ("cases", "number"),
                ("journal_entries", "seq"),
            }
            if one[column] != other[column] and not is_key:
                break

        def work(connection: Connection) -> None:
            for row, value in ((one, other[column]), (other, one[column])):
                connection.execute(update(TABLES[table]).where(*self._where(table, row)).values({column: value}))

        return Edit(f"{table}.{column} of {one} and {other}", work, self._named(table, one, column))

    def _two_entries(self) -> Edit:
        """Swap the numbers of two entries."""
        case_id = self._random.choice([case_id for case_id, size in self._sizes.items() if size > 2])
        one, other = self._random.sample([row for row in self._rows["journal_entries"] if row["case_id"] == case_id], 2)

        def work(connection: Connection) -> None:
            for row, seq in ((one, 10**6), (other, one["seq"]), (one, other["seq"])):
                connection.execute(update(ENTRIES).where(ENTRIES.c.id == row["id"]).values(seq=seq))

        return Edit(f"entries {one['seq']} and {other['seq']}", work, [{case_id}, {f"entry {one['seq']}"}])

    def _tail(self) -> tuple[str, int]:
        case_id = self._random.choice(list(self._sizes))
        return case_id, self._random.randrange(self._sizes[case_id])

    def _cut(self) -> Edit:
        case_id, size = self._tail()
        statement = delete(ENTRIES).where(ENTRIES.c.case_id == case_id, ENTRIES.c.seq > size)
        return Edit(f"cut at {size}", lambda connection: connection.execute(statement), [{case_id}])

    def _cut_with_head(self) -> Edit:
        """Cut the tail off, and make the head one of what is left."""
        case_id, size = self._tail()
        entries = sorted(
            (row for row in self._rows["journal_entries"] if row["case_id"] == case_id), key=lambda row: row["seq"]
        )
        frontier, at = b"", None
        for entry in entries[:size]:
            frontier, at = extended(entry["seq"] - 1, frontier, entry["nodes"][:32])[0], entry["at"]

        def work(connection: Connection) -> None:
            connection.execute(delete(ENTRIES).where(ENTRIES.c.case_id == case_id, ENTRIES.c.seq > size))
            head = {"size": size, "at": at or entries[0]["at"], "frontier": frontier}
            connection.execute(update(JOURNALS).where(JOURNALS.c.case_id == case_id).values(head))

        return Edit(f"cut with its head at {size}", work, [{case_id}])

    def _head(self) -> Edit:
        """Give one journal the head of another."""
        one, other = self._random.sample(self._rows["journals"], 2)
        values = {name: other[name] for name in ("size", "at", "frontier")}
        statement = update(JOURNALS).where(JOURNALS.c.case_id == one["case_id"]).values(values)
        return Edit("the head of another", lambda connection: connection.execute(statement), [{one["case_id"]}])

    def _rewritten(self) -> Edit:
        """Write a journal anew without its last entry but one, in agreement with itself, and its head."""
        case_id = self._random.choice([case_id for case_id, size in self._sizes.items() if size > 2])
        entries = [row for row in self._rows["journal_entries"] if row["case_id"] == case_id]
        entries.sort(key=lambda row: row["seq"])
        (left_out,) = entries[-2:-1]
        frontier, size, written = b"", 0, []
        for entry in entries:
            if entry is not left_out:
                row = {**entry, "seq": size + 1}
                frontier, row["nodes"] = extended(size, frontier, leaf_hash(leaf_of(row)))
                size += 1
                written.append(row)

        def work(connection: Connection) -> None:
            connection.execute(delete(ENTRIES).where(ENTRIES.c.case_id == case_id))
            connection.execute(insert(ENTRIES), written)
            head = {"size": size, "frontier": frontier, "root": root(frontier).hex()}
            connection.execute(update(JOURNALS).where(JOURNALS.c.case_id == case_id).values(head))

        return Edit("a journal written anew", work, [{case_id}, {"when the log took its head in"}])

    def _vanished(self) -> Edit:
        """Let a case vanish with all that is in it and its journal."""
        case_id = self._random.choice(list(self._sizes))

        def work(connection: Connection) -> None:
            for table in ("tags", "comments", "file_batches", "events", "case_members", "journal_entries", "journals"):
                connection.execute(delete(TABLES[table]).where(TABLES[table].c.case_id == case_id))
            connection.execute(delete(TABLES["cases"]).where(TABLES["cases"].c.id == case_id))

        return Edit("a case that vanished", work, [{case_id}, {"when the log took its head in"}])

    def _log_cut(self) -> Edit:
        """Cut the log off before its newest checkpoint, in agreement with itself, and let that vanish."""
        newest = max(row["size"] for row in self._rows["checkpoints"])
        size = self._random.randrange(3, newest)
        entries = sorted(self._rows["log_entries"], key=lambda row: row["seq"])
        frontier = b""
        for place, entry in enumerate(entries[:size]):
            frontier, _ = extended(place, frontier, entry["nodes"][:32])

        def work(connection: Connection) -> None:
            for table in ("log_entries", "log_members"):
                connection.execute(delete(TABLES[table]).where(TABLES[table].c.seq > size))
            connection.execute(delete(TABLES["checkpoints"]))
            connection.execute(update(TABLES["log_head"]).values(size=size, frontier=frontier))

        return Edit(f"the log cut at {size}", work, [{"dossier.db.checkpoint", "of", "is_logged"}])


def tamper(database: Database, edits: int, seed: int, folder: Path) -> None:
    tampering = database.change(lambda connection: Tampering(connection, seed))
    evidence = [text for text in ODD if len(text) > 3]
    made = 0
    for number in range(2 * edits):
        if made == edits:
            break
        edit = tampering.edit(number)
        try:
            database.change(edit.work)
        except DBAPIError:
            continue  # a constraint that nobody can turn off on PostgreSQL, or a key that is there already
        made += 1
        lines = findings(database.settings)
        told = [line for line in lines if all(any(word in line for word in words) for words in edit.named)]
        assert told, (edit.what, edit.named, lines)
        assert not [line for line in lines if any(each in line for each in evidence)], lines
        if number % (edits // 4) == 0:
            code, out, err = verify(database.settings, folder)
            assert set(out.splitlines()) ^ set(lines) == set()
            assert (code, out.splitlines()) == (1, lines)
            assert re.fullmatch(r"dossier: [\d,]+ things? in .* do(es)? not agree\n", err)
        database.restore()
    assert made == edits
    assert findings(database.settings) == []


@pytest.mark.long
def test_what_is_done_around_dossier_is_found(tampered: Database, tmp_path: Path) -> None:
    tamper(tampered, 50, 1, tmp_path)


@pytest.mark.slow
def test_whatever_is_done_around_dossier_is_found(tampered: Database, tmp_path: Path) -> None:
    """As many edits as DOSSIER_TEST_TAMPERINGS says, on each database."""
    tamper(tampered, int(os.environ.get("DOSSIER_TEST_TAMPERINGS", "1000")), 2, tmp_path)


def _reported(database: Database, *statements: str) -> list[str]:
    """Return what is found after some statements, which are undone."""
    try:
        database.change(lambda connection: [connection.exec_driver_sql(statement) for statement in statements])
        return findings(database.settings)
    finally:
        database.restore()


# SQLite takes anything in any column; PostgreSQL has moments that Python and Dossier don't know.
_ODD_CELLS = {
    "sqlite": [
        ("UPDATE file_batches SET label = CAST(label AS BLOB)", "field label"),
        ("UPDATE file_batches SET label = CAST(x'ff' AS TEXT)", "field label"),
        ("UPDATE file_batches SET file_count = file_count + 0.5", "field fileCount"),
        ("UPDATE file_batches SET created_at = replace(created_at, 'Z', '+00:00')", "field createdAt"),
        ("UPDATE file_batches SET created_by = upper(created_by)", "field createdBy"),
        ("UPDATE file_batches SET id = upper(id)", "FILE_BATCH"),
        ("UPDATE file_batches SET case_id = CAST(case_id AS BLOB)", "FILE_BATCH"),
        ("UPDATE journal_entries SET said = CAST(said AS BLOB)", "field said"),
        ("UPDATE journal_entries SET said = said || char(0)", "field said"),
        ("UPDATE journal_entries SET said = CAST(x'ff' AS TEXT)", "field said"),
        ("UPDATE journal_entries SET digest = hex(digest)", "no leaf can be made of it"),
        ("UPDATE journal_entries SET nodes = hex(nodes)", "its leaf's hash"),
        ("UPDATE journal_entries SET kind = CAST(kind AS BLOB)", "field kind"),
        ("UPDATE journal_entries SET at = replace(at, 'Z', '+00:00')", "field at"),
        ("UPDATE journal_entries SET seq = 'none'", "field seq"),
        ("UPDATE journal_entries SET seq = seq + 0.5", "field seq"),
        ("UPDATE journal_entries SET id = 'none'", "field id"),
        ("UPDATE journal_entries SET case_id = CAST(case_id AS BLOB)", "no head"),
        ("UPDATE journal_entries SET row_id = 'none'", "its leaf's hash"),
        ("UPDATE journals SET frontier = hex(frontier)", "field frontier"),
        ("UPDATE journals SET size = 'none'", "field size"),
        ("UPDATE journals SET at = replace(at, 'Z', '')", "field at"),
        ("UPDATE cases SET number = 'none' WHERE number = (SELECT min(number) FROM cases)", "field number"),
    ],
    "postgresql": [
        ("UPDATE file_batches SET created_at = 'infinity'", "field createdAt"),
        ("UPDATE file_batches SET created_at = '0044-03-15 12:00:00+00 BC'", "field createdAt"),
        ("UPDATE journal_entries SET at = '20000-01-01'", "field at"),
        ("UPDATE journals SET at = '-infinity'", "field at"),
    ],
}


def test_what_no_program_of_ours_can_write_is_found(tampered: Database) -> None:
    kind = "sqlite" if tampered.settings.embedded else "postgresql"
    for statement_, named in _ODD_CELLS[kind]:
        statement = statement_
        table = statement.split()[1]
        if table in {"file_batches", "journal_entries"}:
            statement += f" WHERE id = (SELECT id FROM {table} ORDER BY id DESC LIMIT 1)"  # noqa: S608 - ours
        assert any(named in line for line in _reported(tampered, statement)), statement


def test_a_number_that_was_given_out_and_forgotten_is_found(tampered: Database) -> None:
    (line,) = _reported(tampered, "UPDATE case_counter SET last_number = 0")
    assert re.fullmatch(r"case_counter doesn't say that case \d+ has been numbered", line)
    assert _reported(tampered, "DELETE FROM case_counter") == [line]


def test_who_a_member_is_said_to_be_is_found(tampered: Database) -> None:
    lines = _reported(tampered, "UPDATE users SET subject = 'somebody else' WHERE subject = 'zoë'")
    assert lines
    assert all("MEMBER" in line and line.endswith("field label: it is not what its row was called") for line in lines)


def test_whoever_is_said_to_have_come_to_see_another_case_is_found(tampered: Database) -> None:
    (user, seq) = tampered.change(
        lambda connection: connection.exec_driver_sql("SELECT user_id, max(seq) FROM log_members GROUP BY 1").first()
    )
    where = f"user_id = '{user}' AND seq = {seq}"
    other = "(SELECT case_id FROM log_entries WHERE case_id <> log_members.case_id ORDER BY seq LIMIT 1)"
    lines = _reported(tampered, f"UPDATE log_members SET case_id = {other} WHERE {where}")  # noqa: S608 - ours
    assert any(f"log entry {seq}: that user {user}" in line and "of another case" in line for line in lines)


@pytest.mark.parametrize("kind", ["KEY", "INCARNATION"])
def test_a_leaf_of_another_kind_in_the_place_of_a_head_is_found(tampered: Database, kind: str) -> None:
    (seq,) = tampered.change(
        lambda connection: connection.exec_driver_sql("SELECT max(seq) FROM log_entries WHERE kind = 'CASE'").one()
    )
    other = f"(SELECT leaf FROM log_entries WHERE kind = '{kind}' ORDER BY seq LIMIT 1)"  # noqa: S608 - ours
    lines = _reported(tampered, f"UPDATE log_entries SET leaf = {other} WHERE seq = {seq}")  # noqa: S608 - ours
    assert f"log entry {seq}, field leaf: it is no leaf in the form of the log" in lines


def test_a_log_that_vanished_with_all_that_it_tells_of_is_found_by_a_checkpoint_that_lies_elsewhere(
    tampered: Database, tmp_path: Path
) -> None:
    (text,) = ask(tampered.settings, lambda connection: connection.execute(select(Checkpoint.text)).scalars().all())
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_bytes(text.encode())
    assert verify(tampered.settings, tmp_path, "--since", str(elsewhere))[0] == 0

    def forget(connection: Connection) -> None:
        for name in ("log_entries", "log_members", "checkpoints"):
            connection.execute(delete(TABLES[name]))
        connection.execute(update(TABLES["log_head"]).values(size=0, frontier=b"", key=None, incarnation=""))
        connection.execute(update(JOURNALS).values(is_logged=False))

    tampered.change(forget)
    try:
        beside = tampered.settings.database_file.with_name("dossier.db.checkpoint")
        beside.rename(tmp_path / "beside") if tampered.settings.embedded else None
        assert findings(tampered.settings) == []
        code, out, _ = verify(tampered.settings, tmp_path, "--since", str(elsewhere))
        assert code == 1
        assert out == f"{elsewhere}: it is no checkpoint of this log: none of the signatures is of a known key\n"
    finally:
        tampered.restore()
        (tmp_path / "beside").rename(beside) if tampered.settings.embedded else None
