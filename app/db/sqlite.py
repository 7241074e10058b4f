"""The embedded database: one writing connection in a thread of its own, several that only read.

A read is tried in the event loop first, for a few milliseconds at most. Most take less than handing them to a
thread and back would; one that doesn't is broken off, and done in a thread for the next times.

SQLite before 3.51.3 can corrupt a database in WAL mode when two connections write or checkpoint at the same
moment (its release notes call it the WAL-reset bug), and Python links whatever the system has. So every
transaction that writes, in this process or another, first takes a lock on a file beside the database, and
the reading connections are opened read-only and never checkpoint.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any, TypeVar
from urllib.parse import quote

import aiosqlite
from sqlalchemy import StaticPool, create_engine, event
from sqlalchemy.dialects.sqlite.aiosqlite import dialect as aiosqlite_dialect
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError

from app.db.database import Row
from app.errors import DossierError
from app.settings import Settings
from app.values import format_time

T = TypeVar("T")

_BUSY_MILLISECONDS = 30_000
_CACHED_STATEMENTS = 512
_BUSY_SECONDS = 0.003  # of processor time that one read may take in the loop
_WAITING_SECONDS = 0.03  # that it may keep other requests waiting
_STEPS_BETWEEN_LOOKS = 2_000  # at the clock; of SQLite's virtual machine, some 50 µs
_SLOW_RUNS = 20  # in a thread, before a statement is tried in the loop again
_SLOW_KEPT = 1_000


class SqliteDatabase:
    """An embedded database file."""

    def __init__(self, settings: Settings) -> None:
        self.dialect: Dialect = aiosqlite_dialect()
        self._file = settings.database_file
        self._size = settings.read_connections
        self._idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        self._quick: sqlite3.Connection | None = None
        self._busy_until = self._waits_until = 0.0
        self._slow: OrderedDict[str, int] = OrderedDict()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="dossier-writer")
        self._writing: Connection | None = None

    async def open(self) -> None:
        """Open the writing connection and the reading ones."""
        try:
            await self._in_writer(self._connect)
            self._quick = self._open_quick()
            address = _read_only(self._file)
            for _ in range(self._size):
                connection = await aiosqlite.connect(
                    address, uri=True, isolation_level=None, cached_statements=_CACHED_STATEMENTS
                )
                await connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
                self._idle.put_nowait(connection)
        except (DBAPIError, sqlite3.Error, OSError) as error:
            await self.close()
            raise cannot_open(self._file, error) from None

    async def close(self) -> None:
        """Close all connections, the writing one last: it is the one that may checkpoint."""
        if self._quick is not None:
            self._quick.close()
        while not self._idle.empty():
            await self._idle.get_nowait().close()
        if self._writing is not None:
            await self._in_writer(self._disconnect)
        self._writer.shutdown()

    def bind(self, value: object) -> object:
        """Return a value as sqlite3 takes it: moments are stored in their wire form."""
        return format_time(value) if isinstance(value, datetime) else value

    async def read(self, statement: str, values: Sequence[object]) -> Row:
        """Run a statement on a reading connection; see Database.read."""
        runs = self._slow.pop(statement, 0)
        if runs:
            self._slow[statement] = runs - 1
        else:
            try:
                return self._read_quickly(statement, values)
            except sqlite3.OperationalError:
                # It took too long, or waits for a lock; whatever else it is comes up again below.
                self._slow[statement] = _SLOW_RUNS
                if len(self._slow) > _SLOW_KEPT:
                    self._slow.popitem(last=False)
        connection = await self._idle.get()
        try:
            # The one call of aiosqlite that runs and fetches in a single hop to its thread.
            rows = await connection.execute_fetchall(statement, values)
        finally:
            self._idle.put_nowait(connection)
        for row in rows:
            return row
        raise LookupError("no row")

    def _open_quick(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            _read_only(self._file), uri=True, isolation_level=None, timeout=0, cached_statements=_CACHED_STATEMENTS
        )
        connection.set_progress_handler(self._takes_too_long, _STEPS_BETWEEN_LOOKS)
        return connection

    def _takes_too_long(self) -> bool:
        # Processor time: a process that had to wait for its turn is not slow. Whoever waits for a disk is.
        return thread_time() > self._busy_until or perf_counter() > self._waits_until

    def _read_quickly(self, statement: str, values: Sequence[object]) -> Row:
        assert self._quick is not None, "the database is open"  # noqa: S101 - for the type checker
        self._busy_until = thread_time() + _BUSY_SECONDS
        self._waits_until = perf_counter() + _WAITING_SECONDS
        row: Row | None = self._quick.execute(statement, values).fetchone()
        if row is None:
            raise LookupError("no row")
        return row

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run a transaction in the writer's thread; see Database.write."""
        return await self._in_writer(lambda: self._transaction(work))

    def _connect(self) -> None:
        with writing_lock(self._file):
            self._writing = writing_engine(self._file).connect()

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        assert self._writing is not None, "the database is open"  # noqa: S101 - for the type checker
        with writing_lock(self._file), self._writing.begin():
            return work(self._writing)

    def _disconnect(self) -> None:
        assert self._writing is not None, "the database is open"  # noqa: S101 - for the type checker
        with writing_lock(self._file):
            self._writing.close()
            self._writing.engine.dispose()

    async def _in_writer(self, call: Callable[[], T]) -> T:
        # A transaction that began is carried through, even when whoever asked for it has gone.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writer, call))


def _read_only(file: Path) -> str:
    return f"file:{quote(str(file.absolute()))}?mode=ro"


def writing_engine(file: Path, *, foreign_keys: bool = True) -> Engine:
    """Return an engine with a single connection, all of whose transactions are begun as writers.

    Without `foreign_keys` a table can be replaced by another one of its name, and they are not enforced.
    """
    engine = create_engine(
        f"sqlite:///{file}",
        poolclass=StaticPool,
        hide_parameters=True,
        connect_args={
            "isolation_level": None,  # BEGIN is ours to send; see _begin
            "check_same_thread": False,
            "cached_statements": _CACHED_STATEMENTS,
        },
    )
    event.listen(engine, "connect", _prepare)
    if foreign_keys:
        event.listen(engine, "connect", _enforce_foreign_keys)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def writing_lock(file: Path) -> Iterator[None]:
    """Hold the lock that makes this process the only writer of the database; wait for it if need be."""
    descriptor = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def cannot_open(file: Path, error: Exception) -> DossierError:
    """Return the error that tells an operator that the database file can't be used."""
    reason = error.orig if isinstance(error, DBAPIError) else error
    return DossierError(
        f"the database {file} can't be opened: {reason}; check DOSSIER_DATABASE_URL, and that the folder exists "
        "and may be written to"
    )


def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit that was answered survives a power cut; NORMAL would be faster and may lose the last ones.
    connection.execute("PRAGMA synchronous = FULL")


def _enforce_foreign_keys(connection: sqlite3.Connection, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another one wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
