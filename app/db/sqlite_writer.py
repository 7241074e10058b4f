"""The one connection that writes to the embedded database, and the thread that it lives in.

Transactions that wait at the same moment are committed together: each is a savepoint of a common transaction,
and nobody is answered before that is on disk. A commit waits for the disk, so that one for all of them is what
lets many clients write at once. (PostgreSQL does the same by itself.)

SQLite before 3.51.3 can corrupt a database in WAL mode when two connections write or checkpoint at the same
moment (its release notes call it the WAL-reset bug), and Python links whatever the system has. So every
transaction that writes, in this process or another, first takes a lock on a file beside the database, and
the reading connections are opened read-only and never checkpoint.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Generic, TypeVar

from sqlalchemy import StaticPool, create_engine, event
from sqlalchemy.engine import Connection, Dialect, Engine

from app.db import sqlite_files
from app.db.transaction import Transaction
from app.errors import AnswerTooLarge, DeadlineExceeded, Unavailable

T = TypeVar("T")

BUSY_MILLISECONDS = 30_000
_BUSY_MILLISECONDS_AT_ONCE = 100  # that SQLite itself waits for another program, so that the writer can see to its end
CACHED_STATEMENTS = 512
STEPS_BETWEEN_LOOKS = 2_000  # at the clock; of SQLite's virtual machine, some 50 µs
_CONNECTING: dict[str, Any] = {
    "isolation_level": None,  # BEGIN is ours to send
    "check_same_thread": False,
    "cached_statements": CACHED_STATEMENTS,
}
_NEVER = float("inf")
_SECONDS_BETWEEN_TRIES = 0.002  # to take the lock
_LOCK_SECONDS = 30  # that whoever opens or migrates a database waits for those who write
_CLOSING_SECONDS = 1  # that whoever closes it waits for others, and for what is at work
REPLACED = "the database was deleted or replaced under the server; stop it, see to the file, and start again"
LOG_REMOVED = "the database's log was deleted or replaced under the server; start it again"
_log = logging.getLogger("dossier")
_COMMITTED_TOGETHER = 64  # at most, so that the first of them need not wait for long


@dataclass(slots=True)
class _Waiting(Generic[T]):
    """What is to be done, until when it has to be, whom to tell, and what came of it."""

    work: Callable[[Transaction], T]
    until: float
    told: asyncio.Future[T]
    begun: bool = False
    result: T | None = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Answer whoever waits, unless they have gone."""
        if self.told.done():
            return
        if self.error is not None:
            self.told.set_exception(self.error)
        else:
            self.told.set_result(self.result)  # type: ignore[arg-type]


class Writer:
    """Runs transactions one after another; those that wait together are committed together."""

    def __init__(self, file: Path, dialect: Dialect, deadline: float, longest: int) -> None:
        self._file = file
        self._dialect = dialect
        self._deadline = deadline
        self._longest = longest
        self._until = _NEVER
        self._closes = _NEVER
        self._beginning = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dossier-writer")
        self._connection: sqlite3.Connection | None = None
        self._files: sqlite_files.OpenFiles | None = None
        self._told: set[str] = set()
        self._waiting: deque[_Waiting[Any]] = deque()
        self._at_work: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the connection. Raises what the database or the file system does."""
        await self._in_thread(self._connect)

    async def close(self) -> None:
        """Finish what waits, as far as that can be done in a moment, and close the connection."""
        self._closes = perf_counter() + _CLOSING_SECONDS
        if self._at_work is not None:
            await self._at_work
        if self._connection is not None:
            await self._in_thread(self._disconnect)
        self._thread.shutdown()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction; see Database.write."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[T] = loop.create_future()
        waiting = _Waiting(work, perf_counter() + self._deadline, told)
        self._waiting.append(waiting)
        if self._at_work is None or self._at_work.done():
            self._at_work = asyncio.create_task(self._work_off())
        timer = loop.call_later(self._deadline, self._give_up, waiting)
        try:
            return await told
        finally:
            timer.cancel()

    def trouble(self) -> str | None:
        """Return what is wrong with the files of the open database, if anything is; the log has it once."""
        if self._files is None:
            return None
        trouble = REPLACED if self._files.are_replaced() else LOG_REMOVED if self._files.lack_their_log() else None
        if trouble is not None and trouble not in self._told:
            self._told.add(trouble)
            _log.error("%s", trouble)
        return trouble

    def _give_up(self, waiting: _Waiting[Any]) -> None:
        """Answer whoever waits that it was not done in time, unless it has begun."""
        with self._beginning:
            if not waiting.begun and not waiting.told.done():
                waiting.told.set_exception(DeadlineExceeded(self._deadline))

    async def _work_off(self) -> None:
        while self._waiting:
            several = [self._waiting.popleft() for _ in range(min(len(self._waiting), _COMMITTED_TOGETHER))]
            # A transaction that began is carried through, even when whoever asked for it has gone.
            several = [waiting for waiting in several if not waiting.told.done()]
            if several:
                await self._in_thread(partial(self._commit_together, several))
            for waiting in several:
                waiting.tell()

    def _commit_together(self, group: Sequence[_Waiting[Any]]) -> None:
        try:
            self._attempt(group)
        except TimeoutError:
            for waiting in group:
                waiting.error = DeadlineExceeded(self._deadline)
        except BaseException as error:  # noqa: BLE001 - handed to each who waits
            if len(group) > 1:
                # One spoiled it for all, and what the others read of each other never came to be: each begins again.
                for waiting in group:
                    waiting.result = waiting.error = None
                    self._commit_together([waiting])
            elif not isinstance(group[0].error, DeadlineExceeded):
                group[0].error = error

    def _attempt(self, group: Sequence[_Waiting[Any]]) -> None:
        assert self._connection is not None, "the database is open"  # noqa: S101 - for the type checker
        until = max(waiting.until for waiting in group)
        with writing_lock(self._file, until - perf_counter(), self._gives_up):
            self._check_files()
            self._begin(self._connection, until)
            try:
                for waiting in group:
                    self._run(self._connection, waiting)
                self._connection.commit()
                if self._check_files() is not None:
                    # Nobody else will find what stands in a log that was removed.
                    self._connection.execute("PRAGMA wal_checkpoint(FULL)")
            except BaseException:
                with suppress(sqlite3.Error):  # the error that led here says more
                    self._connection.rollback()
                raise

    def _check_files(self) -> str | None:
        """Raise Unavailable when what is written can't be found again; return what else is wrong."""
        trouble = self.trouble()
        if trouble == REPLACED:
            raise Unavailable(trouble)
        return trouble

    def _begin(self, connection: sqlite3.Connection, until: float) -> None:
        """Begin a transaction. Raises TimeoutError when a program that knows nothing of the lock keeps it waiting."""
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if perf_counter() > until or self._gives_up():
                    raise TimeoutError("another program writes to it") from None
            else:
                return

    def _gives_up(self) -> bool:
        return perf_counter() > self._closes

    def _takes_too_long(self) -> bool:
        return self._until < _NEVER and perf_counter() > min(self._until, self._closes)

    def _run(self, connection: sqlite3.Connection, waiting: _Waiting[Any]) -> None:
        with self._beginning:
            if waiting.told.done():
                return  # whoever asked for it has gone
            if perf_counter() > waiting.until:
                waiting.error = DeadlineExceeded(self._deadline)
                return
            waiting.begun = True
        connection.execute("SAVEPOINT change")
        self._until = waiting.until
        try:
            transaction = Transaction(
                self._dialect, lambda sql, values: connection.execute(sql, values).fetchall(), self._longest
            )
            waiting.result = waiting.work(transaction)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            waiting.error = self._meant_by(error)
            self._until = _NEVER
            # Raises when SQLite itself rolled back everything: when a change was interrupted, or the disk is full.
            connection.execute("ROLLBACK TO change")
        finally:
            self._until = _NEVER  # neither what is left nor a commit is broken off
        connection.execute("RELEASE change")

    def _meant_by(self, error: BaseException) -> BaseException:
        if is_too_long(error):
            return AnswerTooLarge(self._longest)
        late = isinstance(error, sqlite3.OperationalError) and self._takes_too_long()
        return DeadlineExceeded(self._deadline) if late else error

    def _connect(self) -> None:
        with writing_lock(self._file):
            sqlite_files.check(self._file)
            connection = sqlite3.connect(self._file, **_CONNECTING)
            _prepare(connection)
            _enforce_foreign_keys(connection)
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS_AT_ONCE}")
            sqlite_files.note(self._file)
            self._files = sqlite_files.OpenFiles(self._file)
        # Of all that a change writes and reads, only its answer can be so long.
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._longest)
        connection.set_progress_handler(self._takes_too_long, STEPS_BETWEEN_LOOKS)
        self._connection = connection

    def _disconnect(self) -> None:
        assert self._connection is not None, "the database is open"  # noqa: S101 - for the type checker
        # Whoever holds the lock writes, so that this connection isn't the last one and doesn't checkpoint.
        try:
            with writing_lock(self._file, _CLOSING_SECONDS):
                self._connection.close()
        except TimeoutError:
            self._connection.close()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def is_too_long(error: BaseException) -> bool:
    """Return whether a text was not made because it would be longer than its connection makes them."""
    return isinstance(error, sqlite3.DataError) and error.sqlite_errorcode == sqlite3.SQLITE_TOOBIG


def writing_engine(file: Path, *, foreign_keys: bool = True) -> Engine:
    """Return an engine with a single connection, all of whose transactions are begun as writers.

    Without `foreign_keys` a table can be replaced by another one of its name, and they are not enforced.
    """
    # Evidence is for its owner's eyes. SQLite gives the files beside it the same permissions.
    # One that is there is left alone: closing any descriptor of a file drops the locks that SQLite has on it.
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    engine = create_engine(
        f"sqlite:///{file}",
        poolclass=StaticPool,
        hide_parameters=True,
        connect_args=_CONNECTING,
    )
    event.listen(engine, "connect", _prepare)
    if foreign_keys:
        event.listen(engine, "connect", _enforce_foreign_keys)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def writing_lock(
    file: Path, seconds: float = _LOCK_SECONDS, gives_up: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Hold the lock that makes this process the only writer of the database.

    Raises TimeoutError when another process holds it for longer than `seconds`, or than `gives_up` allows.
    """
    until = perf_counter() + seconds
    file = file.resolve()  # one database has one lock, by whatever name it is opened
    descriptor = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if perf_counter() > until or gives_up():
                raise TimeoutError(f"another process writes to it, holding {file.name}.lock")
            sleep(_SECONDS_BETWEEN_TRIES)
        yield
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection, _record: Any = None) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit that was answered survives a power cut; NORMAL would be faster and may lose the last ones.
    connection.execute("PRAGMA synchronous = FULL")


def _enforce_foreign_keys(connection: sqlite3.Connection, _record: Any = None) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another one wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
