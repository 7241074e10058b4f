"""The embedded database: one connection that writes, in a thread of its own, and several that only read.

A read is tried in the event loop first, for a few milliseconds at most. Most take less than handing them to a
thread and back would; one that doesn't is broken off, and done in a thread for the next times.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import perf_counter, thread_time
from typing import TypeVar
from urllib.parse import quote

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import dialect as aiosqlite_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

from app.db.assembly import Assembly
from app.db.database import Held, Readable
from app.db.outages import outage
from app.db.sql import NODE, passed_limit
from app.db.sqlite_log import Reading, WriteAheadLog
from app.db.sqlite_writer import (
    BUSY_MILLISECONDS,
    CACHED_STATEMENTS,
    STEPS_BETWEEN_LOOKS,
    UNDER_THE_SERVER,
    Writer,
    is_too_long,
)
from app.db.transaction import Row, Transaction
from app.errors import AnswerTooLarge, DeadlineExceeded, DossierError, Unavailable, first_line
from app.settings import Settings
from app.shares import Shares, User
from app.values import format_time

T = TypeVar("T")

_BUSY_SECONDS = 0.003  # of processor time that one read may take in the loop
_WAITING_SECONDS = 0.03  # that it may keep other requests waiting
_SLOW_RUNS = 20  # in a thread, before a statement is tried in the loop again
_SLOW_KEPT = 1_000
_PROBES = 60  # while the database is locked by whoever mends it after a crash
_SECONDS_BETWEEN_PROBES = 0.05


class SqliteDatabase:
    """An embedded database file."""

    def __init__(self, settings: Settings) -> None:
        self.dialect: Dialect = aiosqlite_dialect()
        self._file = settings.database_file
        self._reading = Shares(settings.read_connections)
        self._deadline = settings.deadline
        self._readers: list[_Reader] = []
        self._idle: list[_Reader] = []
        self._quick: sqlite3.Connection | None = None
        self._assembly = Assembly(settings.max_answer_bytes)
        self._busy_until = self._waits_until = 0.0
        self._slow: OrderedDict[int, int] = OrderedDict()  # runs left to be made in a thread, by a statement's hash
        self.incarnation = ""
        self.trash_days = settings.trash_days
        self.longest = settings.max_answer_bytes
        self._writer = Writer(self._file, self.dialect, self._deadline, self.longest)
        self._log = WriteAheadLog(self._file, self._writer.shrink)

    async def open(self) -> None:
        """Open the writing connection and the reading ones."""
        try:
            await self._writer.open()
            self._quick = self._open_quick()
            for _ in range(self._reading.places):
                reader = await _Reader.open(self._file, self.longest)
                self._readers.append(reader)
                self._idle.append(reader)
        except (DBAPIError, sqlite3.Error, OSError) as error:
            await self.close()
            raise cannot_open(self._file, error) from None
        except DossierError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close all connections, the writing one last: it is the one that may checkpoint."""
        if self._quick is not None:
            self._quick.close()
        await self._log.close()
        for reader in self._readers:
            await reader.close()
        await self._writer.close()

    def trouble(self) -> str | None:
        """Return what became of the files under the server; see Database.trouble."""
        return self._writer.trouble()

    def bind(self, value: object) -> object:
        """Return a value as sqlite3 takes it: moments are stored in their wire form."""
        return format_time(value) if isinstance(value, datetime) else value

    def bounded(self, statement: str, _columns: Sequence[str]) -> str:
        """Return the statement as it is: its connection makes no text that is too long; see Database.bounded."""
        return statement

    async def read(self, statement: str, values: Sequence[object], user: User) -> Row:
        """Run a statement on a reading connection; see Database.read."""
        try:
            return await self._read(statement, values, user)
        except sqlite3.Error as error:
            raise self._meant_by(error) from None

    def _meant_by(self, error: sqlite3.Error) -> Exception:
        """Return what to tell of an error in reading."""
        if is_too_long(error):
            return AnswerTooLarge(self.longest)
        if (passed := passed_limit(error)) is not None:
            return passed
        # A connection that was open before may go on reading what was there. One that begins only now can't.
        if isinstance(error, sqlite3.OperationalError) and self.trouble() is not None:
            return Unavailable(UNDER_THE_SERVER, error.sqlite_errorname)
        return outage(error) or error

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Readable]:
        """Hold what there is now still; see Database.held."""
        try:
            reader = await _Reader.open(self._file, self.longest)
        except sqlite3.Error as error:
            raise self._meant_by(error) from None

        async def run(statement: str, values: Sequence[object]) -> Row:
            try:
                async with asyncio.timeout(self._deadline):
                    rows = await reader.rows(statement, values)
                    return rows[0] if rows else ()
            except TimeoutError:
                reader.break_off()
                raise DeadlineExceeded(self._deadline) from None
            except sqlite3.Error as error:
                raise self._meant_by(error) from None

        try:
            await run("BEGIN", ())
            await run("SELECT count(*) FROM sqlite_master", ())  # only the first read decides what is seen
            with self._log.kept():
                yield Held(self, run)
        finally:
            await reader.close()

    async def probe(self, statement: str) -> Row:
        """Run a statement in the event loop, where none waits for another; see Database.probe."""
        for _ in range(_PROBES):
            try:
                return self._read_quickly(statement, ())
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
                    raise  # it is the statement's own fault: there is no such table
            except sqlite3.DatabaseError:
                break
            await asyncio.sleep(_SECONDS_BETWEEN_PROBES)
        try:
            return self._read_quickly(statement, ())
        except sqlite3.Error as error:
            raise outage(error) or error from None

    async def _read(self, statement: str, values: Sequence[object], user: User) -> Row:
        name = hash(statement)
        runs = self._slow.pop(name, 0)
        # While the threads are held back, what may be quick is tried.
        if runs and not self._log.is_being_shortened:
            self._slow[name] = runs - 1
        else:
            try:
                return self._read_quickly(statement, values)
            except sqlite3.OperationalError:
                # It took too long, or waits for a lock; whatever else it is comes up again below.
                self._slow[name] = _SLOW_RUNS
                if len(self._slow) > _SLOW_KEPT:
                    self._slow.popitem(last=False)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._read_in_thread(statement, values, user)
        except TimeoutError:
            raise DeadlineExceeded(self._deadline) from None

    async def write(
        self,
        work: Callable[[Transaction], T],
        user: User,
        *,
        in_turn: bool = False,  # noqa: ARG002 - here all do
        place: Hashable = None,  # noqa: ARG002 - here all are committed together
    ) -> T:
        """Run a transaction in the writer's thread; see Database.write."""
        try:
            return await self._writer.write(work, user)
        except (sqlite3.Error, OSError) as error:
            raise outage(error) or error from None

    def _open_quick(self) -> sqlite3.Connection:
        connection = _connect(self._file, self._assembly)
        connection.execute("PRAGMA busy_timeout = 0")
        connection.set_progress_handler(self._takes_too_long, STEPS_BETWEEN_LOOKS)
        return connection

    def _takes_too_long(self) -> bool:
        # Processor time: a process that had to wait for its turn is not slow. Whoever waits for a disk is.
        return thread_time() > self._busy_until or perf_counter() > self._waits_until

    def _read_quickly(self, statement: str, values: Sequence[object]) -> Row:
        assert self._quick is not None, "the database is open"  # noqa: S101 - for the type checker
        self._busy_until = thread_time() + _BUSY_SECONDS
        self._waits_until = perf_counter() + _WAITING_SECONDS
        try:
            row: Row | None = self._quick.execute(statement, values).fetchone()
        finally:
            self._assembly.clear()
        if row is None:
            raise LookupError("no row")
        return row

    async def _read_in_thread(self, statement: str, values: Sequence[object], user: User) -> Row:
        while True:
            await self._reading.take(user)
            try:
                await self._log.shortened()
            except BaseException:
                self._reading.give_back(user)
                raise
            reader = self._idle.pop()
            reading = asyncio.ensure_future(reader.rows(statement, values))
            noted = self._log.started(reader.break_off)
            # Whoever stops waiting leaves a connection behind that is still at work: it is free when that has ended.
            reading.add_done_callback(partial(self._free, reader, noted, user))
            try:
                for row in await asyncio.shield(reading):
                    return row
                raise LookupError("no row")
            except sqlite3.OperationalError:
                if not noted.stopped:
                    raise
            finally:
                if not reading.done():
                    reader.break_off()

    def _free(self, reader: _Reader, noted: Reading, user: User, reading: asyncio.Future[list[Row]]) -> None:
        # What a statement that was broken off failed with interests nobody any more.
        if not reading.cancelled():
            reading.exception()
        self._log.ended(noted)
        self._idle.append(reader)
        self._reading.give_back(user)


class _Reader:
    """A reading connection with a thread of its own, at work on one statement at a time."""

    def __init__(self, connection: aiosqlite.Connection, assembly: Assembly) -> None:
        self._connection = connection
        self._assembly = assembly
        self._broken_off = False

    @classmethod
    async def open(cls, file: Path, longest: int) -> _Reader:
        """Open a connection that makes no text of more than `longest` bytes."""
        assembly = Assembly(longest)
        connection = await aiosqlite.Connection(partial(_connect, file, assembly), iter_chunk_size=1)
        reader = cls(connection, assembly)
        await connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        await connection.set_progress_handler(lambda: reader._broken_off, STEPS_BETWEEN_LOOKS)
        return reader

    async def rows(self, statement: str, values: Sequence[object]) -> list[Row]:
        """Return the rows of a statement."""
        self._broken_off = False
        try:
            # The one call of aiosqlite that runs and fetches in a single hop to its thread.
            return list(await self._connection.execute_fetchall(statement, values))
        finally:
            self._assembly.clear()

    def break_off(self) -> None:
        """End the statement that is at work, if there is one; it fails within a fraction of a millisecond."""
        self._broken_off = True

    async def close(self) -> None:
        """Close the connection, breaking off what it is at."""
        self.break_off()
        await self._connection.close()


def cannot_open(file: Path, error: Exception) -> DossierError:
    """Return the error that tells an operator that the database file can't be used."""
    return DossierError(
        f"the database {file} can't be opened: {first_line(error)}; check DOSSIER_DATABASE_URL, and that the folder "
        "exists and may be written to"
    )


def _connect(file: Path, assembly: Assembly) -> sqlite3.Connection:
    """Return a connection that only reads, and makes no text or row that is longer than an answer may be."""
    address = f"file:{quote(str(file.absolute()))}?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, cached_statements=CACHED_STATEMENTS)
    connection.text_factory = bytes
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, assembly.longest)
    assembly.serve(connection)
    connection.create_function(NODE, 2, _node_hash, deterministic=True)
    return connection


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
