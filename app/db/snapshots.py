"""A database as it is at one moment, to be read from end to end in little memory, beside whoever writes meanwhile.

Values are told as they are stored and alike by both databases: identifiers and moments as text, as SQLite has them. So
a moment that is written in another way than Dossier's can be told from it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
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

    def rows(self, statement: Statement, values: Mapping[str, object]) -> Iterator[StoredRow]:
        """Iterate over the rows of a statement, of which only some are held; several may be under way at once.

        They have to be in an order in which no two are alike.
        """


@contextmanager
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    """Hold the configured database still for one's own eyes. Raises DossierError, also for what fails inside."""
    held = _sqlite(settings.database_file) if settings.embedded else _postgresql(settings.database_url)
    try:
        with held as found:
            yield found
    except (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise DossierError(f"the database can't be read: {first_line(error) or type(error).__name__}") from None


class _SqliteSnapshot:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._dialect = aiosqlite_dialect()

    def rows(self, statement: Statement, values: Mapping[str, object]) -> Iterator[StoredRow]:
        """See Snapshot."""
        form = statement.form(self._dialect, values)
        told = 0
        try:
            for row in self._connection.execute(form.sql, form.bind(values)):
                told += 1
                yield row
        except sqlite3.OperationalError as error:
            if "decode" not in str(error):
                raise
            # Somebody wrote what is no UTF-8: once more, in a slower way that takes it.
            self._connection.text_factory = _text
            yield from islice(self._connection.execute(form.sql, form.bind(values)), told, None)


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


class _PostgresqlSnapshot:
    def __init__(self, connection: Any, runner: asyncio.Runner) -> None:
        self._connection = connection
        self._runner = runner
        self._dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]

    def rows(self, statement: Statement, values: Mapping[str, object]) -> Iterator[StoredRow]:
        """See Snapshot."""
        form = statement.form(self._dialect, values)
        cursor = self._runner.run(self._begun(form.sql, form.bind(values)))
        while some := self._runner.run(cursor.fetch(_AT_ONCE)):
            yield from some

    async def _begun(self, sql: str, values: Sequence[object]) -> Any:
        return await self._connection.cursor(sql, *values)


@contextmanager
def _postgresql(url: URL) -> Iterator[Snapshot]:
    with asyncio.Runner() as runner:
        connection = runner.run(_connected(url))
        try:
            yield _PostgresqlSnapshot(connection, runner)
        finally:
            connection.terminate()


async def _connected(url: URL) -> Any:
    """Return a connection in a transaction that sees one moment and writes nothing, and takes as long as it takes."""
    connection = await asyncpg.connect(address(url), server_settings={"application_name": "dossier verify"})
    await connection.execute(
        "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET jit = off; "
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0"
    )
    for kind, encoder, decoder in (("uuid", str, str), ("timestamptz", str, _moment)):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=encoder, decoder=decoder, format="text")
    await connection.transaction(isolation="repeatable_read", readonly=True).start()
    return connection


def _moment(text: str) -> str:
    try:
        return format_time(datetime.fromisoformat(text))
    except ValueError:
        return text  # outside of the years that Python and Dossier know, or infinite
