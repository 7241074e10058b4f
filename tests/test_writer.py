"""Changes to the embedded database that are committed together: what happens to one is not the others' concern.

Faults of the disk can't be ordered from outside, so these tests speak to the writer itself.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects.sqlite.aiosqlite import dialect

from app.db import sqlite_writer
from app.db.sqlite_writer import Writer, writing_engine, writing_lock
from app.db.transaction import Transaction
from app.errors import Conflict, DeadlineExceeded, PayloadDeadlineExceeded

ENDLESS = """
    INSERT INTO numbers WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
    SELECT i FROM n
"""


def run(transaction: Transaction, sql: str) -> list[Any]:
    """Run a statement that is as it is."""
    return list(transaction._run(sql, ()))  # noqa: SLF001 - there is no table of it


def add(transaction: Transaction) -> str:
    """Add a row."""
    run(transaction, "INSERT INTO numbers VALUES (1)")
    return "added"


@asynccontextmanager
async def opened(file: Path, deadline: float = 1.0) -> AsyncIterator[Writer]:
    """Open a database with a table of numbers."""
    writer = Writer(file, dialect(), deadline, 1_000_000)
    await writer.open()
    await writer.write(lambda transaction: run(transaction, "CREATE TABLE IF NOT EXISTS numbers (n)"))
    try:
        yield writer
    finally:
        await writer.close()


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Use up all that this process may open."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
        with suppress(OSError):
            used.extend(iter(lambda: os.open(os.devnull, os.O_RDONLY), None))
        yield
    finally:
        for descriptor in used:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def numbers(file: Path) -> int:
    """Return how many rows another process sees."""
    connection = sqlite3.connect(file)
    (count,) = connection.execute("SELECT count(*) FROM numbers").fetchone()
    connection.close()
    return int(count)


def test_one_that_takes_too_long_is_broken_off_and_whoever_is_in_time_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def change() -> list[Any]:
        async with opened(file) as writer:

            async def later(seconds: float, work: Callable[[Transaction], Any]) -> Any:
                await asyncio.sleep(seconds)
                return await writer.write(work)

            works = later(0, slow), later(0.05, add), later(0.1, endless), later(0.4, add)
            return list(await asyncio.gather(*works, return_exceptions=True))

    def endless(transaction: Transaction) -> None:
        run(transaction, ENDLESS)

    def slow(_transaction: Transaction) -> None:
        time.sleep(0.5)

    # SQLite takes everything back with a change that is interrupted. By then the first is late as well.
    _, before, broken_off, after = asyncio.run(change())
    assert isinstance(before, DeadlineExceeded)
    assert isinstance(broken_off, DeadlineExceeded)
    assert after == "added"
    assert numbers(file) == 1


def test_a_commit_that_fails_fails_for_all_and_nobody_is_told_what_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.db"

    class Full(sqlite3.Connection):
        is_full = False

        def commit(self) -> None:
            if Full.is_full:
                raise sqlite3.OperationalError("database or disk is full")
            super().commit()

    def refuse_a_second(transaction: Transaction) -> None:
        ((count,),) = run(transaction, "SELECT count(*) FROM numbers")
        if count:
            raise Conflict("there is one", ("input",), count, "")

    async def change() -> list[Any]:
        async with opened(file) as writer:
            Full.is_full = True
            outcomes = await asyncio.gather(
                *(writer.write(work) for work in (add, refuse_a_second)), return_exceptions=True
            )
            Full.is_full = False
            return [*outcomes, await writer.write(add)]

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *given, **named: connect(*given, **named, factory=Full))
    outcomes = asyncio.run(change())
    assert [str(outcome) for outcome in outcomes] == ["database or disk is full"] * 2 + ["added"]
    assert numbers(file) == 1


def test_whoever_left_before_their_turn_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def change() -> None:
        async with opened(file) as writer:
            with writing_lock(file):
                leaving = asyncio.create_task(writer.write(add))
                await asyncio.sleep(0.1)
                leaving.cancel()
                await asyncio.sleep(0)

    asyncio.run(change())
    assert numbers(file) == 0


def test_a_lock_that_another_process_keeps_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def change() -> None:
        async with opened(file, deadline=0.3) as writer:
            with writing_lock(file), pytest.raises(DeadlineExceeded):
                await writer.write(add)
            assert await writer.write(add) == "added"

    asyncio.run(change())
    assert numbers(file) == 1


def test_a_writer_ends_although_another_process_keeps_the_lock(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def change() -> None:
        writer = Writer(file, dialect(), 1.0, 1_000_000)
        await writer.open()
        with writing_lock(file):
            await asyncio.wait_for(writer.close(), 5)

    asyncio.run(change())


def test_a_database_has_one_lock_by_whatever_name_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "b.db").symlink_to(tmp_path / "a.db")
    with writing_lock(tmp_path / "a.db"), pytest.raises(TimeoutError), writing_lock(tmp_path / "b.db", 0):
        pass


def test_an_engine_on_a_database_that_is_open_leaves_its_locks_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def change() -> None:
        async with opened(file) as writer:
            await writer.write(add)
            writing_engine(file).dispose()
            # Another process that opens and closes the file would take away the log beside it.
            look = f"import sqlite3; c = sqlite3.connect({str(file)!r}); c.execute('PRAGMA user_version'); c.close()"
            other = await asyncio.create_subprocess_exec(sys.executable, "-c", look)
            assert await other.wait() == 0
            assert file.with_name("a.db-wal").exists()

    asyncio.run(change())
    assert numbers(file) == 1


def test_without_a_free_descriptor_changes_are_made_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def change() -> None:
        async with opened(file) as writer:
            await writer.write(add)
            with no_descriptor_left():
                assert await writer.write(add) == "added"
                # Where the lock's file is gone as well, its descriptor makes room for the new one.
                file.with_name("a.db.lock").unlink()
                assert await writer.write(add) == "added"
            assert file.with_name("a.db.lock").exists()

    asyncio.run(change())
    assert numbers(file) == 3


def test_a_lock_file_that_was_removed_is_no_lock(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def change() -> None:
        async with opened(file, deadline=0.3) as writer:
            for _ in range(3):
                file.with_name("a.db.lock").unlink()
                with writing_lock(file), pytest.raises(DeadlineExceeded):
                    await writer.write(add)
                assert await writer.write(add) == "added"

    asyncio.run(change())
    assert numbers(file) == 3


def test_whoever_keeps_everybody_from_writing_is_named_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite_writer, "_TELLING_SECONDS", 0.1)
    file = tmp_path / "a.db"

    async def change() -> None:
        async with opened(file) as writer:
            with writing_lock(file):
                waiting = asyncio.create_task(writer.write(add))
                await asyncio.sleep(0.3)
            assert await waiting == "added"

    asyncio.run(change())
    held, let_go = (record.getMessage() for record in caplog.records)
    assert held.startswith(f"{file}.lock has been held by process {os.getpid()} for more than")
    assert let_go == f"{file}.lock was let go"


def test_a_payload_that_takes_long_is_nobody_elses_concern(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    def look(transaction: Transaction) -> None:
        add(transaction)
        transaction.read(
            ENDLESS.replace("INSERT INTO numbers", "").replace("SELECT i FROM", "SELECT max(i) FROM"), (), 100
        )

    async def change() -> list[Any]:
        async with opened(file, deadline=5) as writer:
            works = [add, look, add, look, add]
            tasks = [writer.write(work, f"user {number}") for number, work in enumerate(works)]
            return list(await asyncio.gather(*tasks, return_exceptions=True))

    first, broken_off, second, also, third = asyncio.run(change())
    assert [first, second, third] == ["added"] * 3
    assert [type(each) for each in (broken_off, also)] == [PayloadDeadlineExceeded] * 2
    assert numbers(file) == 3


def test_users_take_turns_and_whoever_held_others_up_begins_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    made: list[str] = []

    async def change() -> None:
        async with opened(file, deadline=30) as writer:

            def work(name: str, seconds: float = 0.0) -> Callable[[Transaction], None]:
                def run(_transaction: Transaction) -> None:
                    time.sleep(seconds)
                    made.append(name)

                return run

            # All of them wait by the time at which the first has ended.
            waiting = [writer.write(work(f"slow {number}", 0.1), "slow") for number in range(3)]
            waiting += [writer.write(work(f"quick {number}"), "quick") for number in range(3)]
            await asyncio.gather(*waiting)

    asyncio.run(change())
    # Once it is known who is slow, the others' changes are committed together before the next of theirs.
    assert made == ["slow 0", "quick 0", "quick 1", "quick 2", "slow 1", "slow 2"]


def test_one_that_fails_behind_all_that_it_wrote_is_undone_and_the_others_are_made(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    def refuse(transaction: Transaction) -> None:
        transaction._finish("INSERT INTO numbers VALUES (2)", ())  # noqa: SLF001 - there is no table of it
        raise Conflict("that one is there", ("input",), 1, "")

    async def change() -> list[Any]:
        async with opened(file) as writer:
            works = add, refuse, add, refuse, add
            return list(await asyncio.gather(*(writer.write(work) for work in works), return_exceptions=True))

    added, refused, again, once_more, last = asyncio.run(change())
    assert (added, again, last) == ("added", "added", "added")
    assert isinstance(refused, Conflict)
    assert isinstance(once_more, Conflict)
    assert numbers(file) == 3
