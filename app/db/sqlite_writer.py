"""The one connection that writes to the embedded database, and the thread that it lives in.

Transactions that wait at the same moment are committed together, as one, and nobody is answered before that is on disk.
A commit waits for the disk, so that one for all of them is what lets many clients write at once. Those that write
before they know whether they will be refused have savepoints.

SQLite before 3.51.3 can corrupt a database in WAL mode when two connections write or checkpoint at the same
moment (its release notes call it the WAL-reset bug), and Python links whatever the system has. So every
transaction that writes, in this process or another, first takes a lock on a file beside the database, and
the reading connections are opened read-only and never checkpoint.

Users take turns. As a transaction that has to wait is not begun before those that are at work are on disk, all that can
hold the writer has its bound: a payload, and what is committed together.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, sleep, thread_time
from typing import Any, TypeVar

from sqlalchemy import StaticPool, create_engine, event
from sqlalchemy.engine import Connection, Dialect, Engine

from app.db import sqlite_files
from app.db.assembly import Assembly
from app.db.outages import undid_commit
from app.db.sql import passed_limit
from app.db.transaction import Transaction
from app.db.waiting import TOGETHER_SECONDS, Waiting
from app.errors import AnswerTooLarge, DeadlineExceeded, PayloadDeadlineExceeded, Unavailable, UnknownOutcome
from app.shares import Line, User

_log = logging.getLogger("dossier")

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
_ANSWERING_SECONDS = 2  # that a disk has to answer when everything else is done
UNDER_THE_SERVER = "was deleted or replaced under the server"
REPLACED = f"the database {UNDER_THE_SERVER}; stop it, see to the file, and start again"
LOG_REMOVED = "the database's log was deleted or replaced under the server; start it again"
_COMMITTED_TOGETHER = 64  # at most, so that the first of them need not wait for long
# Of processor time, that reading the payload of a change may hold up all others. A page of 50 events with their batches
# takes 1 to 5 ms. A machine that is busy with other things, or a slow disk, gives it longer, but not for ever.
_PAYLOAD_SECONDS = 0.1
_PAYLOAD_SECONDS_AT_MOST = 1
_HOLDING_UP_KEPT = 1_000
# For which whoever worked for long under the lock leaves it to other processes, which look for it more often. How long
# the disk took doesn't count: on a slow one every commit would be followed by a gap.
_GAP_SECONDS = 0.003
_SECONDS_BETWEEN_GLANCES = 0.5  # at who is still there to wait for the lock
_TELLING_SECONDS = 5  # for which another process has to hold the lock for that to be told
_WANTING_SECONDS = 2  # without asking for the lock again, after which it isn't waited for any more
_SHRINKING_MILLISECONDS = 50  # that the writer waits for reads which stand in the way of shortening the log


@dataclass(slots=True, eq=False)
class _Waiting(Waiting[T]):
    """A change that waits, and until when it has to be done."""

    until: float = _NEVER


class _Spoilt(Exception):  # noqa: N818 - what was wrong, the change itself says
    """One change of several has failed when what it had written could not be undone by itself."""


@dataclass(slots=True)
class _Session:
    """Runs the statements of one change.

    What comes last is written without a savepoint, which costs a sixth of a change: only its answer can fail then.
    """

    connection: sqlite3.Connection
    look: Callable[[str, Sequence[object]], Sequence[Any]]
    has_savepoint: bool = False
    has_written: bool = False

    def rows(self, sql: str, values: Sequence[object]) -> Sequence[Any]:
        """See Session."""
        if not sql.startswith("SELECT "):
            self._save()
        return self.connection.execute(sql, values).fetchall()

    def each(self, sql: str, several: Sequence[Sequence[object]]) -> None:
        """See Session."""
        self._save()
        self.connection.executemany(sql, several)

    def finish(self, sql: str, values: Sequence[object]) -> None:
        """See Session."""
        self.has_written = True
        self.connection.execute(sql, values)

    def release(self) -> None:
        """Keep what was written."""
        if self.has_savepoint:
            self.connection.execute("RELEASE change")

    def undo(self) -> None:
        """Undo what was written. Raises sqlite3.OperationalError and _Spoilt when that can't be done by itself."""
        if self.has_savepoint:
            self.connection.execute("ROLLBACK TO change")
            self.connection.execute("RELEASE change")
        elif self.has_written or not self.connection.in_transaction:
            raise _Spoilt

    def _save(self) -> None:
        if not self.has_savepoint:
            self.connection.execute("SAVEPOINT change")
            self.has_savepoint = True


class Writer:
    """Runs transactions one after another; those that wait together are committed together."""

    def __init__(self, file: Path, dialect: Dialect, deadline: float, longest: int) -> None:
        self._file = file
        self._dialect = dialect
        self._deadline = deadline
        self._longest = longest
        self._assembly = Assembly(longest)
        self._until = _NEVER
        self._closes = _NEVER
        self._busy_until = _NEVER
        self._beginning = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dossier-writer")
        self._connection: sqlite3.Connection | None = None
        self._files: sqlite_files.OpenFiles | None = None
        self._told: set[str] = set()
        self._waiting: Line[_Waiting[Any]] = Line()
        self._holding_up: set[User] = set()
        self._lock = WritingLock(file)
        self._alone = asyncio.Lock()  # whoever has or waits for the lock beside the database
        self._worked_for_long = False
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
            async with self._alone:
                await self._in_thread(self._disconnect)
        self._thread.shutdown()
        self._lock.close()

    async def write(self, work: Callable[[Transaction], T], user: User = None) -> T:
        """Run a transaction; see Database.write."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[T] = loop.create_future()
        waiting = _Waiting(user, work, told, until=perf_counter() + self._deadline)
        self._waiting.add(user, waiting)
        if self._at_work is None or self._at_work.done():
            self._at_work = asyncio.create_task(self._work_off())
        timer = loop.call_later(self._deadline, self._give_up, waiting)
        try:
            return await told
        except asyncio.CancelledError:
            # The server ends. What has not begun by now never does.
            with self._beginning:
                if waiting.begun:
                    raise UnknownOutcome from None
            raise
        finally:
            timer.cancel()

    async def shrink(self) -> bool:
        """Bring what is in the write-ahead log into the database and empty it; return whether nothing stood in the way.

        Reads that began before do, here and in other processes, and whoever else writes for long.
        """
        try:
            async with asyncio.timeout(_SHRINKING_MILLISECONDS / 1_000):
                await self._alone.acquire()
        except TimeoutError:
            return False
        try:
            return await self._in_thread(self._shrink)
        finally:
            self._alone.release()

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
            if not waiting.begun:
                waiting.give_up(self._deadline)

    async def _work_off(self) -> None:
        while self._waiting:
            async with self._alone:
                if self._worked_for_long:
                    await asyncio.sleep(_GAP_SECONDS)
                try:
                    if not self._lock.take():
                        await self._in_thread(partial(self._lock.wait, _SECONDS_BETWEEN_GLANCES))
                except TimeoutError:
                    if self._gives_up():
                        self._refuse_all(DeadlineExceeded(self._deadline))
                    self._forget_gone()
                    continue
                except OSError as error:
                    self._refuse_all(error)
                    continue
                several = self._next()
                # What is done for them is broken off when it takes too long, but not a commit. If the disk doesn't
                # answer any more, they are told so; the thread still waits for it.
                patience = max((each.until for each in several), default=0) + _ANSWERING_SECONDS - perf_counter()
                despairing = asyncio.get_running_loop().call_later(patience, self._despair, several)
                try:
                    tried = await self._in_thread(partial(self._commit_and_let_go, several))
                finally:
                    despairing.cancel()
            for waiting in tried:
                waiting.tell()
            # Those who had to wait are the next, and then whoever came meanwhile, before those who had their turn.
            for waiting in reversed(several):
                if waiting not in tried:
                    self._waiting.put_back(waiting.user, waiting)
            for waiting in tried:
                self._waiting.postpone(waiting.user)

    def _next(self) -> list[_Waiting[Any]]:
        several: list[_Waiting[Any]] = []
        while self._waiting and len(several) < _COMMITTED_TOGETHER:
            _, waiting = self._waiting.take_next()
            # A transaction that began is carried through, even when whoever asked for it has gone.
            if not waiting.told.done():
                several.append(waiting)
        return several

    def _forget_gone(self) -> None:
        """Forget those who left or were told that it is too late."""
        waiting = [self._waiting.take_next() for _ in range(self._waiting.length)]
        for user, each in waiting:
            if not each.told.done():
                self._waiting.add(user, each)

    def _refuse_all(self, error: Exception) -> None:
        while self._waiting:
            _, waiting = self._waiting.take_next()
            waiting.error = error
            waiting.tell()

    def _despair(self, several: Sequence[_Waiting[Any]]) -> None:
        with self._beginning:
            for waiting in several:
                waiting.give_up(self._deadline)

    def _commit_and_let_go(self, several: Sequence[_Waiting[Any]]) -> Sequence[_Waiting[Any]]:
        """Commit some of them, the first at least, and return those."""
        self._worked_for_long = False
        try:
            return self._commit_together(several) if several else ()
        finally:
            self._lock.let_go()

    def _commit_together(self, several: Sequence[_Waiting[Any]]) -> Sequence[_Waiting[Any]]:
        group: list[_Waiting[Any]] = []
        try:
            self._attempt(several, group)
        except TimeoutError:
            group = list(several)
            for waiting in group:
                waiting.error = DeadlineExceeded(self._deadline)
        except UnknownOutcome as unknown:
            for waiting in group:
                if waiting.error is None:
                    waiting.error = unknown
                elif not isinstance(waiting.error, DeadlineExceeded):
                    # It was refused, perhaps for what another one may not have written after all.
                    waiting.error = None
                    self._commit_together([waiting])
        except _Spoilt:
            if len(group) > 1:
                group = self._commit_apart(group)
        except BaseException as error:  # noqa: BLE001 - handed to each who waits
            group = group or list(several)
            if len(group) > 1:
                # One spoiled it for all, and what the others read of each other never came to be: each begins again.
                for waiting in group:
                    waiting.result = waiting.error = None
                    self._commit_together([waiting])
            elif not isinstance(group[0].error, DeadlineExceeded):
                group[0].error = error
        return group

    def _commit_apart(self, group: Sequence[_Waiting[Any]]) -> list[_Waiting[Any]]:
        """Commit those of a group together whom the last one has spoilt it for, then that one; return who was tried."""
        for waiting in group:
            waiting.result = waiting.error = None
        *others, last = group
        return [*self._commit_together(others), *self._commit_together([last])]

    def _attempt(self, several: Sequence[_Waiting[Any]], group: list[_Waiting[Any]]) -> None:
        """Commit some of them together, those that are added to the group."""
        assert self._connection is not None, "the database is open"  # noqa: S101 - for the type checker
        began = perf_counter()
        self._check_files()
        self._begin(self._connection, max(waiting.until for waiting in several))
        try:
            for waiting in several:
                if group and perf_counter() - began > TOGETHER_SECONDS:
                    break
                # Whoever held others up with their last change begins, or waits for the next time.
                if group and waiting.user in self._holding_up:
                    continue
                group.append(waiting)
                self._run_timed(self._connection, waiting)
            self._worked_for_long |= perf_counter() - began > TOGETHER_SECONDS
            self._commit(self._connection)
        except BaseException:
            with suppress(sqlite3.Error):  # the error that led here says more
                self._connection.rollback()
            raise
        if not self._is_found_again(self._connection):
            raise UnknownOutcome("REPLACED")

    def _run_timed(self, connection: sqlite3.Connection, waiting: _Waiting[Any]) -> None:
        began = perf_counter()
        self._run(connection, waiting)
        self._holding_up.discard(waiting.user)
        if perf_counter() - began > TOGETHER_SECONDS and len(self._holding_up) < _HOLDING_UP_KEPT:
            self._holding_up.add(waiting.user)

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.commit()
        except sqlite3.Error as error:
            if undid_commit(error):
                raise
            raise UnknownOutcome(error.sqlite_errorname) from None

    def _check_files(self) -> None:
        """Raise Unavailable when what is written could not be found again."""
        if self.trouble() == REPLACED:
            raise Unavailable(UNDER_THE_SERVER, "REPLACED")

    def _is_found_again(self, connection: sqlite3.Connection) -> bool:
        """Return whether what was committed is where the next process looks for it."""
        try:
            match self.trouble():
                case None:
                    return True
                case trouble if trouble == LOG_REMOVED:
                    # Nobody else will find what stands in a log that was removed.
                    (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
                    return not busy
        except (OSError, sqlite3.Error):
            pass
        return False

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
        if self._until == _NEVER:
            return False
        return perf_counter() > min(self._until, self._closes) or thread_time() > self._busy_until

    def _run(self, connection: sqlite3.Connection, waiting: _Waiting[Any]) -> None:
        with self._beginning:
            if waiting.told.done():
                return  # whoever asked for it has gone
            if perf_counter() > waiting.until:
                waiting.error = DeadlineExceeded(self._deadline)
                return
            waiting.begun = True
        self._until = waiting.until
        session = _Session(connection, self._looking(connection))
        try:
            waiting.result = waiting.work(Transaction(self._dialect, session, self._longest))
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            waiting.error = self._meant_by(error)
            self._until = _NEVER
            try:
                session.undo()
            except sqlite3.OperationalError:
                # SQLite itself rolled back everything: when a change was interrupted, or the disk is full.
                raise error from None
        else:
            session.release()
        finally:
            self._assembly.clear()
            self._until = _NEVER  # neither what is left nor a commit is broken off

    def _looking(self, connection: sqlite3.Connection) -> Callable[[str, Sequence[object]], Sequence[Any]]:
        """Return what reads the payload of one change."""
        spent = 0.0  # seconds of processor time, so far

        def look(sql: str, values: Sequence[object]) -> Sequence[Any]:
            nonlocal spent
            began, until = thread_time(), self._until
            self._busy_until = began + _PAYLOAD_SECONDS - spent
            self._until = min(until, perf_counter() + _PAYLOAD_SECONDS_AT_MOST)
            try:
                return connection.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                # An interrupted SELECT takes nothing back with it, so that those in the same group don't notice.
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT and perf_counter() < min(until, self._closes):
                    raise PayloadDeadlineExceeded(_PAYLOAD_SECONDS) from None
                raise
            finally:
                self._until, self._busy_until = until, _NEVER
                spent += thread_time() - began

        return look

    def _meant_by(self, error: BaseException) -> BaseException:
        if is_too_long(error):
            return AnswerTooLarge(self._longest)
        if isinstance(error, sqlite3.OperationalError) and (passed := passed_limit(error)) is not None:
            return passed
        late = isinstance(error, sqlite3.OperationalError) and self._takes_too_long()
        return DeadlineExceeded(self._deadline) if late else error

    def _connect(self) -> None:
        with self._lock.held():
            sqlite_files.check(self._file)
            connection = sqlite3.connect(self._file, **_CONNECTING)
            _prepare(connection)
            _enforce_foreign_keys(connection)
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS_AT_ONCE}")
            sqlite_files.note(self._file)
            self._files = sqlite_files.OpenFiles(self._file)
        # Of all that a change writes and reads, only its answer can be so long.
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._longest)
        self._assembly.serve(connection)
        connection.set_progress_handler(self._takes_too_long, STEPS_BETWEEN_LOOKS)
        self._connection = connection

    def _disconnect(self) -> None:
        assert self._connection is not None, "the database is open"  # noqa: S101 - for the type checker
        # Whoever holds the lock writes, so that this connection isn't the last one and doesn't checkpoint.
        try:
            with self._lock.held(_CLOSING_SECONDS):
                self._connection.close()
        except TimeoutError:
            self._connection.close()

    def _shrink(self) -> bool:
        assert self._connection is not None, "the database is open"  # noqa: S101 - for the type checker
        try:
            with self._lock.held(_SHRINKING_MILLISECONDS / 1_000):
                self._connection.execute(f"PRAGMA busy_timeout = {_SHRINKING_MILLISECONDS}")
                try:
                    (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    self._connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS_AT_ONCE}")
        except (OSError, sqlite3.Error):
            return False
        return not busy

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


def connected(file: Path) -> sqlite3.Connection:
    """Return a connection to a database that is there, in no transaction."""
    connection = sqlite3.connect(file, isolation_level=None)
    _prepare(connection)
    return connection


class WritingLock:
    """The lock that makes this process the only writer of the database.

    Its file stays open, so that whoever uses up the descriptors of this process keeps nobody from writing.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._file = database
        self._descriptor: int | None = None
        self._wanted = self._wanted_since = 0.0
        self._is_told = False

    def take(self) -> bool:
        """Take the lock, and return whether it was free."""
        while True:
            if self._descriptor is None:
                database = self._database.resolve()  # one database has one lock, by whatever name it is opened
                self._file = database.with_name(database.name + ".lock")
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._tell(self._descriptor)
                return False
            try:
                is_at = _is_at(self._descriptor, self._file)
            except OSError:
                self.let_go()
                raise
            if is_at:
                if self._is_told:
                    _log.warning("%s was let go", self._file)
                self._wanted, self._is_told = 0.0, False
                return True
            # The file was removed, and others lock the one that has its name now. To close this one first leaves a
            # descriptor for that.
            self.close()

    def wait(self, seconds: float) -> None:
        """Take the lock as soon as it is free. Raises TimeoutError when it isn't for that long."""
        until = perf_counter() + seconds
        while not self.take():
            if perf_counter() > until:
                raise TimeoutError(f"another process writes to it, holding {self._file.name}")
            sleep(_SECONDS_BETWEEN_TRIES)

    def let_go(self) -> None:
        """Let others have the lock."""
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    @contextmanager
    def held(self, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Hold the lock. Raises TimeoutError when another process holds it for longer than `seconds`."""
        self.wait(seconds)
        try:
            yield
        finally:
            self.let_go()

    def close(self) -> None:
        """Let the lock go and close its file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _tell(self, descriptor: int) -> None:
        """Tell who keeps everybody from writing, once somebody has for long."""
        now = perf_counter()
        if now - self._wanted > _WANTING_SECONDS:
            self._wanted_since, self._is_told = now, False
        self._wanted = now
        if not self._is_told and now - self._wanted_since > _TELLING_SECONDS:
            self._is_told = True
            holder = _holder(descriptor)
            message = "%s has been held by %s for more than %d seconds; until it lets go, nobody writes"
            _log.error(message, self._file, holder, _TELLING_SECONDS)


@contextmanager
def writing_lock(file: Path, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock of a database once; see WritingLock."""
    lock = WritingLock(file)
    try:
        with lock.held(seconds):
            yield
    finally:
        lock.close()


def _is_at(descriptor: int, file: Path) -> bool:
    """Return whether a file that is open still has its name."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    """Return who holds the lock on a file, as far as the system says so (Linux, proc_locks(5))."""
    status = os.fstat(descriptor)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            _, kind, _, _, process, at, *_ = line.split()
            if kind == "FLOCK" and at == place:
                return f"process {process}"
    return "another process"


def _prepare(connection: sqlite3.Connection, _record: Any = None) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode = WAL")
    # A commit that was answered survives a power cut; NORMAL would be faster and may lose the last ones.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")
    # What is deleted or overwritten is so in the file as well, and not only no longer found.
    connection.execute("PRAGMA secure_delete = ON")


def _enforce_foreign_keys(connection: sqlite3.Connection, _record: Any = None) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    # A deferred transaction that turns into a writer fails at once when another one wrote meanwhile.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
