"""PostgreSQL: a pool of connections that only read, and one for transactions that write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only, greenlet_spawn

from app.database_urls import URL
from app.db.database import Held, Readable
from app.db.outages import ended_connection, outage, state_of, undid_commit
from app.db.sql import passed_limit
from app.db.transaction import Row, Transaction
from app.db.waiting import TOGETHER_SECONDS, Waiting
from app.errors import (
    AnswerTooLarge,
    DeadlineExceeded,
    DossierError,
    PayloadDeadlineExceeded,
    RequestRefused,
    UnknownOutcome,
    first_line,
)
from app.settings import Settings, shown
from app.shares import Line, Shares, User
from app.values import format_time

T = TypeVar("T")

_ATTEMPTS = 5
# What another transaction may do to this one (PostgreSQL's manual, appendix A): begin again, and the rules
# are checked against the rows as they have become.
_BEGIN_AGAIN = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "23503",  # foreign_key_violation: what this transaction hangs on was deleted meanwhile
        "23505",  # unique_violation: the same row was written meanwhile
    }
)
_ANSWERING_SECONDS = 2  # that a database has to answer what it was told
_CLOSING_SECONDS = 1  # that it has to take leave
_PROBING_SECONDS = 3  # that a probe may take, a connection for it included
# That reading the payload of a change may keep its locks from others; see sqlite_writer.py. The way to the database and
# back counts as well, so that as much is added as some statements of the same transaction took.
_PAYLOAD_SECONDS = 0.1
_STATEMENTS_MORE = 4
_PAYLOAD_SECONDS_MORE = 0.15  # at most
_CANCELLED = "57014"  # query_canceled, here by statement_timeout
_TOO_LONG = "22012"  # division_by_zero, as which a stream fails (`app.db.sql.gathered`); nothing else here divides
_NO_NUMBER = "22P02"  # invalid_text_representation, as which one does that passes a limit (`app.db.sql.at_most`)
_SAVE = "SAVEPOINT change;"  # within one of the same name it counts until the transaction ends
_UNDO = "ROLLBACK TO SAVEPOINT change;"
_KNOWN = 10_000  # users with places in which they made changes
# Compiling to machine code costs more than any of Dossier's statements runs for.
_SESSION = {"jit": "off", "timezone": "UTC"}
_NAME = {"application_name": "dossier"}  # all that poolers let through when a connection is made
_TO_READ = {"default_transaction_read_only": "on"}


@dataclass(slots=True, eq=False)
class _Change(Waiting[T]):
    """A change that waits, and the places that are held for it."""

    places: Sequence[Shares] = ()

    def end(self) -> None:
        """Answer whoever waits, and give the places back."""
        self.tell()
        _give_back_all(self.places, self.user)


class PostgresqlDatabase:
    """A PostgreSQL database."""

    def __init__(self, settings: Settings) -> None:
        self.dialect: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]
        self._url = settings.database_url
        self._reading = Shares(settings.read_connections)
        self._writing = Shares(settings.write_connections)
        self._in_turn = Shares(1)
        self._deadline = settings.deadline
        self.longest = settings.max_answer_bytes
        self.incarnation = ""
        self.trash_days = settings.trash_days
        self._lines: dict[Hashable, Line[_Change[Any]]] = {}
        self._known: dict[tuple[User, Hashable], None] = {}
        self._at_work: set[asyncio.Task[None]] = set()
        self._pool: asyncpg.Pool | None = None
        self._writers: asyncpg.Pool | None = None
        self._prober: asyncpg.Connection | None = None
        self._probing: asyncio.Task[Row] | None = None

    async def open(self) -> None:
        """Fill the pool of reading connections; those that write are opened when they are needed."""
        settings = _session_settings(self._deadline)
        try:
            await check_session(self._url)
            to_read = partial(_prepare_to_read, settings=settings | _TO_READ)
            self._pool = await self._connections(1, self._reading, to_read)
            self._writers = await self._connections(0, self._writing, partial(_prepare, settings=settings))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise cannot_reach(self._url, error) from None

    async def _connections(self, least: int, most: Shares, prepare: Callable[..., Awaitable[None]]) -> asyncpg.Pool:
        return await asyncpg.create_pool(
            address(self._url),
            min_size=least,
            max_size=most.places,
            # Nothing that a statement could leave behind, so nothing to reset between two of them.
            reset=_nothing,
            init=prepare,
            server_settings=_NAME,
            statement_cache_size=512,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=0,
        )

    async def close(self) -> None:
        """Close both pools."""
        if self._prober is not None:
            self._prober.terminate()
        pools = [pool for pool in (self._pool, self._writers) if pool is not None]
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await asyncio.gather(*(pool.close() for pool in pools))
        except TimeoutError:
            for pool in pools:
                pool.terminate()

    def trouble(self) -> None:
        """Return nothing: what is wrong with this database shows when it is asked; see Database.trouble."""

    def bind(self, value: object) -> object:
        """Return a value as asyncpg takes it: as it is."""
        return value

    def bounded(self, statement: str, columns: Sequence[str]) -> str:
        """Return a statement that yields no row where its texts are too long together; see Database.bounded."""
        length = " + ".join(f"coalesce(octet_length({column}), 0)::bigint" for column in columns)
        # With OFFSET the inner statement is computed by itself, and once, however often a column of it is named.
        return (
            f"SELECT {', '.join(columns)} FROM ({statement} OFFSET 0) AS answer "  # noqa: S608 - names of our own
            f"WHERE {length} <= {self.longest}"
        )

    async def read(self, statement: str, values: Sequence[object], user: User) -> Row:
        """Run a statement on a reading connection; see Database.read."""
        assert self._pool is not None, "the database is open"  # noqa: S101 - for the type checker
        with self._telling():
            # The time to get a connection is also what asyncpg gives a statement that is cancelled to end.
            async with asyncio.timeout(self._deadline):
                await self._reading.take(user)
                try:
                    async with self._pool.acquire(timeout=self._deadline) as connection:
                        row: Row | None = await connection.fetchrow(statement, *values)
                finally:
                    self._reading.give_back(user)
        if row is None:
            raise AnswerTooLarge(self.longest)
        return row

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Raise what is told of an error in reading."""
        try:
            yield
        except (TimeoutError, asyncpg.QueryCanceledError):
            raise DeadlineExceeded(self._deadline) from None
        except asyncpg.DivisionByZeroError:
            raise AnswerTooLarge(self.longest) from None
        except asyncpg.InvalidTextRepresentationError as error:
            raise passed_limit(error) or error from None
        except Exception as error:
            if (unavailable := outage(error)) is not None:
                raise unavailable from None
            raise

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Readable]:
        """Hold what there is now still; see Database.held."""
        with self._telling():
            connection = await asyncpg.connect(address(self._url), server_settings=_NAME, timeout=self._deadline)

        async def run(statement: str, values: Sequence[object]) -> Row:
            try:
                with self._telling():
                    async with asyncio.timeout(self._deadline):
                        row: Row | None = await connection.fetchrow(statement, *values)
            except RequestRefused:
                await connection.execute(_UNDO)  # so that the transaction goes on after a statement that failed
                raise
            if row is None:
                raise AnswerTooLarge(self.longest)
            return row

        try:
            with self._telling():
                await _prepare_to_read(connection, settings=_session_settings(self._deadline) | _TO_READ)
                await connection.transaction(isolation="repeatable_read", readonly=True).start()
                await connection.execute(_SAVE)
                await connection.fetchrow("SELECT 1")  # only the first read decides what is seen
            yield Held(self, run)
        finally:
            connection.terminate()

    async def probe(self, statement: str) -> Row:
        """Run a statement on a connection of its own; see Database.probe."""
        if self._probing is None or self._probing.done():
            self._probing = asyncio.create_task(self._probe(statement))
            self._probing.add_done_callback(_overlook)
        return await asyncio.shield(self._probing)

    async def _probe(self, statement: str) -> Row:
        is_good = False
        try:
            async with asyncio.timeout(_PROBING_SECONDS):
                if self._prober is None or self._prober.is_closed():
                    self._prober = await asyncpg.connect(address(self._url), server_settings=_NAME)
                    await _prepare_to_read(self._prober, settings=_session_settings(_PROBING_SECONDS) | _TO_READ)
                row: Row = await self._prober.fetchrow(statement)
            is_good = True
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
            is_good = True
            raise
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise outage(error) or error from None
        finally:
            if not is_good and self._prober is not None:
                self._prober.terminate()
                self._prober = None  # the next one begins anew
        return row

    async def write(
        self, work: Callable[[Transaction], T], user: User, *, in_turn: bool = False, place: Hashable = None
    ) -> T:
        """Run a transaction, again if another one got in its way; see Database.write."""
        places = (self._in_turn, self._writing) if in_turn else (self._writing,)
        try:
            async with asyncio.timeout(self._deadline):
                await _take_all(places, user)
        except TimeoutError:
            raise DeadlineExceeded(self._deadline) from None
        loop = asyncio.get_running_loop()
        change: _Change[T] = _Change(user, work, loop.create_future(), places=places)
        # Whoever is not known there goes by themselves, as for a place that doesn't exist.
        line = place if (user, place) in self._known else None
        self._add(change, line)
        # The database itself breaks off what takes too long; this is for one that doesn't answer at all.
        timer = loop.call_later(self._deadline + _ANSWERING_SECONDS, self._give_up, change, line)
        try:
            result = await change.told
        except asyncio.CancelledError:
            # The server ends. What has not begun by now never does.
            if change.begun:
                raise UnknownOutcome from None
            raise
        except Exception:
            self._known.pop((user, place), None)
            raise
        finally:
            timer.cancel()
        if place is not None:
            self._known[user, place] = None
            if len(self._known) > _KNOWN:
                del self._known[next(iter(self._known))]
        return result

    def _add(self, change: _Change[Any], line: Hashable) -> None:
        waiting = self._lines.get(line)
        if waiting is None:
            waiting = Line()
            if line is not None:
                self._lines[line] = waiting
            working = asyncio.create_task(self._work_off(waiting, line))
            self._at_work.add(working)
            working.add_done_callback(self._at_work.discard)
        waiting.add(change.user, change)

    def _give_up(self, change: _Change[Any], line: Hashable) -> None:
        change.give_up(self._deadline)
        self._lines.pop(line, None)  # who comes from now on doesn't wait behind what doesn't answer

    async def _work_off(self, waiting: Line[_Change[Any]], line: Hashable) -> None:
        while waiting:
            _, first = waiting.take_next()
            await self._make(first, waiting)
        if self._lines.get(line) is waiting:
            del self._lines[line]

    async def _make(self, first: _Change[Any], waiting: Line[_Change[Any]]) -> None:
        """Make a change, together with some that wait behind it, and answer them."""
        assert self._writers is not None, "the database is open"  # noqa: S101 - for the type checker
        for attempt in range(1, _ATTEMPTS + 1):
            if first.told.done():
                break  # whoever asked for it has gone
            first.error, together, connected = None, [first], False
            try:
                async with self._writers.acquire(timeout=self._deadline) as connection:
                    connected = True
                    await self._attempt(connection, together, waiting)
            except Exception as error:  # noqa: BLE001 - handed to each who waits
                if len(together) > 1:
                    await self._make_each(together, error)
                    return
                # A connection that was lost before the commit was sent has left nothing behind.
                begins_again = (connected and ended_connection(error)) or state_of(error) in _BEGIN_AGAIN
                may_be_made = first.begun and not undid_commit(error)
                if attempt < _ATTEMPTS and begins_again and not may_be_made:
                    first.begun = False
                    await asyncio.sleep(0.01 * 2**attempt)
                    continue
                late = not connected and isinstance(error, TimeoutError)
                first.error = DeadlineExceeded(self._deadline) if late else self._meant_by(error, first)
            for each in together:
                each.end()
            return
        first.end()

    async def _make_each(self, together: Sequence[_Change[Any]], error: Exception) -> None:
        """Answer changes that were to be made together, where an error spoiled it for all."""
        for each in together:
            if each.begun and not undid_commit(error):
                each.error = self._meant_by(error, each)
                each.end()
            else:
                # What it read of the others may never have come to be: it begins again, by itself.
                each.result, each.error, each.begun = None, None, False
                await self._make(each, Line())

    def _meant_by(self, error: Exception, change: _Change[Any]) -> Exception:
        """Return what to answer of a change that an error has ended."""
        state = state_of(error)
        if change.begun and not undid_commit(error):
            return UnknownOutcome(state or type(error).__name__)
        if state == _CANCELLED:
            return DeadlineExceeded(self._deadline)
        if state == _TOO_LONG:
            return AnswerTooLarge(self.longest)
        if state == _NO_NUMBER and (passed := passed_limit(error)) is not None:
            return passed
        return outage(error) or error

    async def _attempt(self, connection: Any, together: list[_Change[Any]], waiting: Line[_Change[Any]]) -> None:
        """Make a change, and add to it those that wait behind it, in one transaction."""
        began = perf_counter()
        transaction = connection.transaction()
        try:
            await transaction.start()
            await self._run(connection, together[0], alone=True)
            while waiting and perf_counter() - began < TOGETHER_SECONDS:
                _, change = waiting.take_next()
                if change.told.done():
                    change.end()  # whoever asked for it has gone
                else:
                    together.append(change)
                    await self._run(connection, change, alone=False)
            made = [change for change in together if change.error is None]
            if any(change.told.done() for change in made):
                raise DeadlineExceeded(self._deadline)
            for change in made:
                change.begun = True
            await (transaction.commit() if made else transaction.rollback())
        except BaseException as error:
            await _roll_back(connection, transaction, error)
            raise

    async def _run(self, connection: Any, change: _Change[Any], *, alone: bool) -> None:
        """Run a change in a transaction. Raises what has to end that as well."""
        session = _Session(connection, alone=alone)
        try:
            change.result = await greenlet_spawn(change.work, Transaction(self.dialect, session, self.longest))
        except Exception as error:
            if session.has_savepoint and not (ended_connection(error) or state_of(error) in _BEGIN_AGAIN):
                await connection.execute(_UNDO)
            elif not session.is_intact:
                raise
            change.error = self._meant_by(error, change)


async def _take_all(places: Sequence[Shares], user: User) -> None:
    taken: list[Shares] = []
    try:
        for each in places:
            await each.take(user)
            taken.append(each)
    except BaseException:
        _give_back_all(taken, user)
        raise


def _give_back_all(places: Sequence[Shares], user: User) -> None:
    for each in places:
        each.give_back(user)


async def _roll_back(connection: Any, transaction: Any, error: BaseException) -> None:
    """Undo what a transaction has done before an error, unless the database has done that already."""
    if ended_connection(error):
        connection.terminate()  # nothing can be rolled back on it
    elif connection.is_in_transaction():
        try:
            await transaction.rollback()
        except Exception:  # noqa: BLE001 - the error that led here says more
            connection.terminate()


class _Session:
    """Runs the statements of one change.

    What comes last is written without a savepoint, which would be one message more: only its answer can fail then.
    """

    def __init__(self, connection: Any, *, alone: bool) -> None:
        """Take a connection in a transaction, and whether nothing else has been done there."""
        self._connection = connection
        self._alone = alone
        self._quickest = _PAYLOAD_SECONDS_MORE
        self._spent = 0.0  # on the payload so far
        self.has_savepoint = False
        self.is_intact = True
        """Whether nothing was written, and no statement failed."""

    def rows(self, sql: str, values: Sequence[object]) -> Sequence[Any]:
        """See Session."""
        if not sql.startswith("SELECT "):
            self._save()
        return self._run(sql, values)

    def each(self, sql: str, several: Sequence[Sequence[object]]) -> None:
        """See Session."""
        self._save()
        await_only(self._connection.executemany(sql, several))

    def finish(self, sql: str, values: Sequence[object]) -> None:
        """See Session."""
        self.is_intact = False
        self._run(sql, values)

    def _run(self, sql: str, values: Sequence[object]) -> Sequence[Any]:
        began = perf_counter()
        intact, self.is_intact = self.is_intact, False
        rows: Sequence[Any] = await_only(self._connection.fetch(sql, *values))
        self.is_intact = intact
        self._quickest = min(self._quickest, perf_counter() - began)
        return rows

    def _save(self) -> None:
        self.is_intact = False
        if not (self._alone or self.has_savepoint):
            await_only(self._connection.execute(_SAVE))
            self.has_savepoint = True

    def look(self, sql: str, values: Sequence[object]) -> Sequence[Any]:
        """See Session."""
        intact, self.is_intact = self.is_intact, False
        began = perf_counter()
        seconds = _PAYLOAD_SECONDS + min(_PAYLOAD_SECONDS_MORE, _STATEMENTS_MORE * self._quickest) - self._spent
        try:
            rows: Sequence[Any] = await_only(self._connection.fetch(sql, *values, timeout=max(seconds, 0)))
        except TimeoutError:
            raise PayloadDeadlineExceeded(_PAYLOAD_SECONDS) from None
        self._spent += perf_counter() - began
        self.is_intact = intact
        return rows


def writing_engine(url: URL) -> AsyncEngine:
    """Return an engine with one connection, which may write and whose statements take as long as they do."""

    async def connect() -> Any:
        connection = await asyncpg.connect(address(url), server_settings=_NAME, statement_cache_size=512)
        try:
            await _prepare(connection, settings=_session_settings(None))
        except BaseException:
            connection.terminate()
            raise
        return connection

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=1, max_overflow=0, hide_parameters=True
    )


def address(url: URL) -> str:
    """Return the address of a database as PostgreSQL's own tools write it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


class NoSession(asyncpg.InterfaceError):  # type: ignore[misc]  # asyncpg is untyped
    """A connection that doesn't keep what is set on it, as those of a pooler in transaction mode."""


async def check_session(url: URL) -> None:
    """Raise NoSession when transactions of one connection can run on several of the database's.

    A pooler in transaction mode gives its connections out in turn, most often the one that came back last: the second
    of two that are open at once is then given what the first had, or the first is not given the same again.
    """
    first = await asyncpg.connect(address(url), server_settings=_NAME, statement_cache_size=0)
    try:
        second = await asyncpg.connect(address(url), server_settings=_NAME, statement_cache_size=0)
        try:
            one, other, again = await _backend(first), await _backend(second), await _backend(first)
        finally:
            await second.close()
    finally:
        await first.close()
    if one == other or one != again:
        raise NoSession("its connections don't keep their settings")


async def _backend(connection: Any) -> int:
    async with connection.transaction():
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
    return pid


def cannot_reach(url: URL, error: Exception) -> DossierError:
    """Return the error that tells an operator that the database can't be reached, without its password."""
    name = shown(url)
    if isinstance(error, _NO_SESSION) or "statement pooling" in str(error):
        return DossierError(
            f"the database {name} is behind a pooler that gives each transaction another connection; connect to "
            "PostgreSQL itself or to a pooler in session mode"
        )
    return DossierError(
        f"the database {name} can't be reached: {first_line(error) or type(error).__name__}; check "
        "DOSSIER_DATABASE_URL and that PostgreSQL runs"
    )


# What else comes of it: statements that were prepared on one connection are looked for on another.
_NO_SESSION = (NoSession, asyncpg.InvalidSQLStatementNameError, asyncpg.DuplicatePreparedStatementError)


def _session_settings(deadline: int | None) -> dict[str, str]:
    # Should Dossier itself be gone, the database ends what it left: a statement, and a transaction that waits for one.
    limits = ("statement_timeout", "idle_in_transaction_session_timeout") if deadline is not None else ()
    return _SESSION | dict.fromkeys(limits, str(1000 * (deadline or 0)))


async def _prepare(connection: Any, *, settings: Mapping[str, str]) -> None:
    # Not when the connection is made: poolers refuse settings that come then, or drop them silently.
    names, values = list(settings), list(settings.values())
    await connection.execute("; ".join(f"SET {name} = '{settings[name]}'" for name in names))
    # pg_settings has the times in milliseconds.
    held = await connection.fetch(
        "SELECT setting FROM unnest($1::text[]) WITH ORDINALITY AS asked (name, place) "
        "JOIN pg_settings ON lower(pg_settings.name) = asked.name ORDER BY place",
        names,
    )
    if [row["setting"].lower() for row in held] != [value.lower() for value in values]:
        raise NoSession("its connections don't keep their settings")
    # In binary, asyncpg takes the first and the last moment that Python knows for the infinities.
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=format_time, decoder=datetime.fromisoformat, format="text"
    )


async def _prepare_to_read(connection: Any, *, settings: Mapping[str, str]) -> None:
    await _prepare(connection, settings=settings)
    # Answers stay the bytes that they came in.
    await connection.set_type_codec("text", schema="pg_catalog", encoder=str.encode, decoder=bytes, format="binary")


def _overlook(attempts: asyncio.Future[Any]) -> None:
    # Whoever waited for it has gone, or was told.
    if not attempts.cancelled():
        attempts.exception()


async def _nothing(_connection: Any) -> None:
    pass
