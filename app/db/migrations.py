"""Bringing a database to the tables that this version of Dossier uses."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from app.db import open_database, postgresql, sqlite, sqlite_files, sqlite_writer
from app.db.database import Database
from app.db.models import Base
from app.errors import DeadlineExceeded, DossierError, Unavailable, first_line
from app.settings import Settings
from app.values import visible

T = TypeVar("T")


def migrate(settings: Settings, revision: str = "head") -> None:
    """Bring the database to a revision, the newest unless another is named; `base` takes all tables away.

    Raises DossierError when the database can't be opened or reached.
    """
    in_transaction(settings, partial(_run, revision=revision), "migrated")


def in_transaction(settings: Settings, work: Callable[[Connection], T], done: str) -> T:
    """Return what comes of work on the whole database, in one transaction.

    Raises DossierError when the database can't be opened or reached, or can't be what is to be `done` to it.
    """
    if settings.embedded:
        return _in_sqlite(settings, work, done)
    return asyncio.run(_in_postgresql(settings, work, done))


_NOT_MIGRATED = "the database is not migrated to this version; run 'dossier migrate' first"
_REVISIONS = {
    "sqlite": "SELECT group_concat(version_num, ' ') FROM alembic_version",
    "postgresql": "SELECT CAST(string_agg(version_num, ' ') AS text) FROM alembic_version",
}


async def fault(database: Database) -> str | None:
    """Return why an open database can't be used by this version, saying what to do, or None when it can."""
    try:
        (revisions,) = await database.probe(_REVISIONS[database.dialect.name])
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        return _NOT_MIGRATED
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            return _NOT_MIGRATED
        raise
    return _fault_of((revisions or b"").decode().split(), _NOT_MIGRATED)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """Hold the configured database open, for a command.

    Raises DossierError when this version can't work with it, and makes no file where there is none.
    """
    if settings.embedded and not settings.database_file.exists():
        raise DossierError(
            f"there is no database at {settings.database_file}; start 'dossier serve' once in this folder, or set "
            "DOSSIER_DATABASE_URL"
        )
    database = await open_database(settings)
    try:
        if (wrong := await fault(database)) is not None:
            raise DossierError(wrong)
        yield database
    except (DBAPIError, sqlite3.Error, asyncpg.PostgresError, Unavailable, DeadlineExceeded) as error:
        raise DossierError(f"the database can't be used: {first_line(error) or 'it does not answer'}") from None
    finally:
        await database.close()


def check(settings: Settings) -> None:
    """Open the configured database and close it again. Raises what `opened` does."""

    async def open_and_close() -> None:
        async with opened(settings):
            pass

    asyncio.run(open_and_close())


def _fault_of(revisions: Sequence[str], older: str | None = None) -> str | None:
    """Return why tables at these revisions can't be used, `older` being what is said of those that can be migrated."""
    if revisions == [newest()]:
        return None
    unknown = sorted(set(revisions) - _known())
    if unknown:
        return (
            f"the database is at revision {visible(unknown[0][:50])}, which this version of Dossier doesn't know; a "
            "newer one migrated it, so run that one (or it is another program's database)"
        )
    if len(revisions) > 1:
        return (
            f"the database says that it is at {len(revisions)} revisions at once; leave the one row in "
            "alembic_version that its tables have"
        )
    return older


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


@cache
def newest() -> str | None:
    """Return the newest revision."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _in_sqlite(settings: Settings, work: Callable[[Connection], T], done: str) -> T:
    file = settings.database_file
    try:
        with sqlite_writer.writing_lock(file):
            sqlite_files.check(file)
            sqlite_files.note(file)
            # SQLite changes a constraint by making the table anew (its manual, "Making Other Kinds Of Table Schema
            # Changes"): nothing is enforced meanwhile, and everything is checked before it is committed.
            engine = sqlite_writer.writing_engine(file, foreign_keys=False)
            try:
                with engine.begin() as connection:
                    found = work(connection)
                    if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                        raise DossierError(
                            f"the database {file} can't be {done}: rows refer to others that don't exist"
                        )
                    return found
            finally:
                engine.dispose()
    except TimeoutError as error:
        raise DossierError(f"the database {file} can't be {done}: {error}; stop that process first") from None
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise sqlite.cannot_open(file, error) from None


async def _in_postgresql(settings: Settings, work: Callable[[Connection], T], done: str) -> T:
    engine = postgresql.writing_engine(settings.database_url)
    try:
        await postgresql.check_session(settings.database_url)
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except DBAPIError as error:
        raise DossierError(f"the database can't be {done}: {first_line(error)}") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise postgresql.cannot_reach(settings.database_url, error) from None
    finally:
        await engine.dispose()


def _run(connection: Connection, revision: str) -> None:
    _check(connection)
    config = _config()
    config.attributes["connection"] = connection
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def _check(connection: Connection) -> None:
    """Raise DossierError when a database has tables that are not to be touched."""
    tables = set(inspect(connection).get_table_names())
    revisions: list[str] = []
    if "alembic_version" in tables:
        revisions = [str(row[0]) for row in connection.exec_driver_sql("SELECT * FROM alembic_version")]
        if (wrong := _fault_of(revisions)) is not None:
            raise DossierError(wrong)
    # A file is one program's; a PostgreSQL database may hold others' tables, as extensions make them.
    others = (
        tables - {"alembic_version"} if connection.dialect.name == "sqlite" else tables & Base.metadata.tables.keys()
    )
    if others and not revisions:
        raise DossierError(
            f"the database has tables, such as {min(others)[:50]!r}, but no revision, so it is not Dossier's; "
            "check DOSSIER_DATABASE_URL"
        )


def _config() -> Config:
    # Beside the package in a checkout, inside it when installed: see pyproject.toml.
    package = Path(__file__).parent.parent
    installed = package / "migrations"
    config = Config()
    folder = installed if installed.is_dir() else package.parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
