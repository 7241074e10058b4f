"""A database as it is at one moment, to be read from end to end in little memory, beside whoever writes meanwhile.

Values are told as they are stored and alike by both databases: identifiers and moments as text, as SQLite has them. So
a moment that is written in another way than Dossier's can be told from it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.dialects.sqlite.aiosqlite import dialect as aiosqlite_dialect

from app.database_urls import URL
from app.db.postgresql import address
from app.db.sqlite_writer import BUSY_MILLISECONDS
from app.db.transaction import Statement
from app.errors import DossierError, first_line
from app.settings import Settings
from app.values import format_time

StoredRow: TypeAlias = Sequence[Any]
"""A row's values in the order of the statement's columns."""

_AT_ONCE = 200  # rows that are fetched together; each may have a description of 30,000 characters, before and after


class Snapshot(Protocol):
    """What there was in a database at one moment."""

    def blocks(self, statement: Statement, values: Mapping[str, object]) -> Iterator[Sequence[StoredRow]]:
        """Iterate over the rows of a statement, some at a time; several statements may be under way at once.

        They have to be in an order in which no two are alike.
        """

    def rows(self, statement: Statement, values: Mapping[str, object]) -> Iterator[StoredRow]:
        """Iterate over the rows of a statement one by one; see `blocks`."""
        return chain.from_iterable(self.blocks(statement, values))


@contextmanager
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    """Hold the configured database still for one's own eyes. Raises DossierError, also for what fails inside."""
    held = _sqlite(settings.database_file) if settings.embedded else _postgresql(settings.database_url)
    try:
        with held as found:
            yield found
    except (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise DossierError(f"the database can't be read: {first_line(error) or type(error).__name__}") from None


class _SqliteSnapshot(Snapshot):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._dialect = aiosqlite_dialect()

    def blocks(self, statement: Statement, values: Mapping[str, object]) -> Iterator[Sequence[StoredRow]]:
        """See Snapshot."""
        form = statement.form(self._dialect, values)
        told = 0
        while True:
            try:
                cursor = self._connection.execute(form.sql, form.bind(values))
                for start in range(0, told, _AT_ONCE):
                    cursor.fetchmany(min(_AT_ONCE, told - start))
                while some := cursor.fetchmany(_AT_ONCE):
                    told += len(some)
                    yield some
            except sqlite3.OperationalError as error:
                if "decode" not in str(error) or self._connection.text_factory is _text:
                    raise
                # Somebody wrote what is no UTF-8: once more, in a slower way that takes it.
                self._connection.text_factory = _text
            else:
                return


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


@contextmanager
def _sqlite(file: Path) -> Iterator[Snapshot]:
    """Hold a read transaction. Others may write, but the log beside the database isn't begun anew before it ends."""
    connection = sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only the first read decides what is seen
        yield _SqliteSnapshot(connection)
    finally:
        connection.close()


class _PostgresqlSnapshot(Snapshot):
    def __init__(self, connection: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]
        self._asked: asyncio.Future[Any] | None = None  # what was asked last; a connection does one thing at a time

    def blocks(self, statement: Statement, values: Mapping[str, object]) -> Iterator[Sequence[StoredRow]]:
        """See Snapshot."""
        form = statement.form(self._dialect, values)
        run = self._loop.run_until_complete
        cursor = run(run(self._ask(lambda: self._begun(form.sql, form.bind(values)))))
        coming = run(self._ask(lambda: cursor.fetch(_AT_ONCE)))
        while some := run(coming):
            # While these are looked at, PostgreSQL finds those behind them.
            coming = run(self._ask(lambda: cursor.fetch(_AT_ONCE)))
            yield some

    async def _ask(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Future[Any]:
        """Return what will have the answer, as soon as the question has been sent."""
        if self._asked is not None:
            await asyncio.gather(self._asked, return_exceptions=True)
        self._asked = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        return self._asked

    async def _begun(self, sql: str, values: Sequence[object]) -> Any:
        return await self._connection.cursor(sql, *values)


@contextmanager
def _postgresql(url: URL) -> Iterator[Snapshot]:
    with asyncio.Runner() as runner:
        connection = runner.run(_connected(url))
        try:
            yield _PostgresqlSnapshot(connection, runner.get_loop())
        finally:
            connection.terminate()


async def _connected(url: URL) -> Any:
    """Return a connection in a transaction that sees one moment and writes nothing, and takes as long as it takes."""
    connection = await asyncpg.connect(address(url), server_settings={"application_name": "dossier verify"})
    await connection.execute(
        "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET jit = off; "
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0"
    )
    await connection.set_builtin_type_codec("uuid", schema="pg_catalog", codec_name="text", format="text")
    await connection.set_type_codec("timestamptz", schema="pg_catalog", encoder=str, decoder=_moment, format="text")
    await connection.transaction(isolation="repeatable_read", readonly=True).start()
    return connection


def _moment(text: str) -> str:
    if text[4] == "-" and text[-3:] == "+00":
        # 2026-11-27 10:16:47.144881+00, as nearly all are; the fraction without zeros at its end.
        date, time = text[:10], text[11:-3]
        return f"{date}T{time}Z" if len(time) == 15 else f"{date}T{time if '.' in time else time + '.':0<15}Z"
    try:
        return format_time(datetime.fromisoformat(text))
    except ValueError:
        return text  # outside of the years that Python and Dossier know, or infinite
