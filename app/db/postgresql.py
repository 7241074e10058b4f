"""PostgreSQL: a pool of connections that only read, and an engine for transactions that write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import URL, Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db.transaction import Row, Transaction
from app.errors import AnswerTooLarge, DeadlineExceeded, DossierError, Unavailable
from app.settings import Settings, shown
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
_UNREACHABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # it is shut down, or starts
)
_CANCELLED = "57014"  # query_canceled, here by statement_timeout
# Compiling to machine code costs more than any of Dossier's statements runs for.
_SERVER_SETTINGS = {"application_name": "dossier", "jit": "off", "timezone": "UTC"}


class PostgresqlDatabase:
    """A PostgreSQL database."""

    def __init__(self, settings: Settings) -> None:
        self.dialect: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]
        self._url = settings.database_url
        self._readers = settings.read_connections
        self._deadline = settings.deadline
        self._longest = settings.max_answer_bytes
        self._engine = writing_engine(settings.database_url, settings.write_connections, settings.deadline)
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Fill the pool of reading connections."""
        try:
            self._pool = await asyncpg.create_pool(
                address(self._url),
                min_size=1,
                max_size=self._readers,
                # Nothing that a statement could leave behind, so nothing to reset between two of them.
                reset=_nothing,
                init=_prepare_to_read,
                server_settings=_server_settings(self._deadline) | {"default_transaction_read_only": "on"},
                statement_cache_size=512,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise cannot_reach(self._url, error) from None

    async def close(self) -> None:
        """Close both pools."""
        try:
            async with asyncio.timeout(_ANSWERING_SECONDS):
                if self._pool is not None:
                    await self._pool.close()
                await self._engine.dispose()
        except TimeoutError:
            if self._pool is not None:
                self._pool.terminate()

    def bind(self, value: object) -> object:
        """Return a value as asyncpg takes it: as it is."""
        return value

    def bounded(self, statement: str, columns: Sequence[str]) -> str:
        """Return a statement that yields no row where its texts are too long together; see Database.bounded."""
        length = " + ".join(f"coalesce(octet_length({column}), 0)::bigint" for column in columns)
        # With OFFSET the inner statement is computed by itself, and once, however often a column of it is named.
        return (
            f"SELECT {', '.join(columns)} FROM ({statement} OFFSET 0) AS answer "  # noqa: S608 - names of our own
            f"WHERE {length} <= {self._longest}"
        )

    async def read(self, statement: str, values: Sequence[object]) -> Row:
        """Run a statement on a reading connection; see Database.read."""
        assert self._pool is not None, "the database is open"  # noqa: S101 - for the type checker
        try:
            # The time to get a connection is also what asyncpg gives a statement that is cancelled to end.
            async with asyncio.timeout(self._deadline), self._pool.acquire(timeout=self._deadline) as connection:
                row: Row | None = await connection.fetchrow(statement, *values)
        except (TimeoutError, asyncpg.QueryCanceledError):
            raise DeadlineExceeded(self._deadline) from None
        except asyncpg.DataError:
            raise  # a fault of ours, for all that asyncpg calls it one of the connection
        except _UNREACHABLE:
            raise Unavailable from None
        if row is None:
            raise AnswerTooLarge(self._longest)
        return row

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run a transaction, again if another one got in its way; see Database.write."""
        # A transaction that began is carried through, even when whoever asked for it has gone.
        attempts = asyncio.ensure_future(self._attempts(work))
        try:
            # The database itself breaks off what takes too long; this is for one that doesn't answer at all.
            async with asyncio.timeout(self._deadline + _ANSWERING_SECONDS):
                return await asyncio.shield(attempts)
        except TimeoutError:
            raise DeadlineExceeded(self._deadline) from None
        except _UNREACHABLE:
            raise Unavailable from None
        except DBAPIError as error:
            if error.connection_invalidated or isinstance(error.orig, _UNREACHABLE):
                raise Unavailable from None
            raise
        finally:
            attempts.add_done_callback(_overlook)

    async def _attempts(self, work: Callable[[Transaction], T]) -> T:
        for attempt in range(1, _ATTEMPTS + 1):
            worked = False
            try:
                async with self._engine.begin() as connection:
                    result = await connection.run_sync(self._run, work)
                    worked = True
            except PoolTimeoutError:
                raise DeadlineExceeded(self._deadline) from None
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state == _CANCELLED:
                    raise DeadlineExceeded(self._deadline) from None
                # A connection that was lost before the commit was sent has left nothing behind.
                lost = error.connection_invalidated and not worked
                if attempt == _ATTEMPTS or not (lost or state in _BEGIN_AGAIN):
                    raise
                await asyncio.sleep(0.01 * 2**attempt)
            else:
                return result
        raise AssertionError("the last attempt returns or raises")

    def _run(self, connection: Connection, work: Callable[[Transaction], T]) -> T:
        return work(Transaction(self.dialect, partial(_rows, connection), self._longest))


def _rows(connection: Connection, sql: str, values: Sequence[object]) -> Sequence[Any]:
    result = connection.exec_driver_sql(sql, tuple(values))
    return result.all() if result.returns_rows else ()


def writing_engine(url: URL, size: int = 1, deadline: int | None = None) -> AsyncEngine:
    """Return an engine whose connections may write, in statements that end within `deadline` seconds."""
    waiting = {} if deadline is None else {"pool_timeout": deadline}

    async def connect() -> Any:
        connection = await asyncpg.connect(
            address(url), server_settings=_server_settings(deadline), statement_cache_size=512
        )
        await _prepare(connection)
        return connection

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, pool_size=size, max_overflow=0, hide_parameters=True, **waiting
    )


def address(url: URL) -> str:
    """Return the address of a database as PostgreSQL's own tools write it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def cannot_reach(url: URL, error: Exception) -> DossierError:
    """Return the error that tells an operator that the database can't be reached, without its password."""
    return DossierError(
        f"the database {shown(url)} can't be reached: "
        f"{str(error) or type(error).__name__}; check DOSSIER_DATABASE_URL and that PostgreSQL runs"
    )


def _server_settings(deadline: int | None) -> dict[str, str]:
    # Should Dossier itself be gone, the database ends what it left: a statement, and a transaction that waits for one.
    limits = ("statement_timeout", "idle_in_transaction_session_timeout") if deadline is not None else ()
    return _SERVER_SETTINGS | dict.fromkeys(limits, f"{deadline}s")


async def _prepare(connection: Any) -> None:
    # In binary, asyncpg takes the first and the last moment that Python knows for the infinities.
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=format_time, decoder=datetime.fromisoformat, format="text"
    )


async def _prepare_to_read(connection: Any) -> None:
    await _prepare(connection)
    # Answers stay the bytes that they came in.
    await connection.set_type_codec("text", schema="pg_catalog", encoder=str.encode, decoder=bytes, format="binary")


def _overlook(attempts: asyncio.Future[Any]) -> None:
    # Whoever waited for it has gone, or was told.
    if not attempts.cancelled():
        attempts.exception()


async def _nothing(_connection: Any) -> None:
    pass
