"""Bringing a database to the tables that this version of Dossier uses."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import cache
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from app.db import postgresql, sqlite, sqlite_writer
from app.db.database import Database
from app.errors import DossierError
from app.settings import Settings


def migrate(settings: Settings, revision: str = "head") -> None:
    """Bring the database to a revision, the newest unless another is named; `base` takes all tables away.

    Raises DossierError when the database can't be opened or reached.
    """
    if settings.embedded:
        _migrate_sqlite(settings, revision)
    else:
        asyncio.run(_migrate_postgresql(settings, revision))


async def is_current(database: Database) -> bool:
    """Return whether an open database has been migrated to the newest revision."""
    try:
        (revision,) = await database.probe("SELECT CAST(max(version_num) AS text) FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return False
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return False
        raise
    return revision is not None and revision.decode() == newest()


@cache
def newest() -> str | None:
    """Return the newest revision."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _migrate_sqlite(settings: Settings, revision: str) -> None:
    file = settings.database_file
    try:
        with sqlite_writer.writing_lock(file):
            # SQLite changes a constraint by making the table anew (its manual, "Making Other Kinds Of Table Schema
            # Changes"): nothing is enforced meanwhile, and everything is checked before it is committed.
            engine = sqlite_writer.writing_engine(file, foreign_keys=False)
            with engine.begin() as connection:
                _run(connection, revision)
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
                    raise DossierError(f"the database {file} can't be migrated: rows refer to others that don't exist")
            engine.dispose()
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise sqlite.cannot_open(file, error) from None


async def _migrate_postgresql(settings: Settings, revision: str) -> None:
    engine = postgresql.writing_engine(settings.database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run, revision)
    except DBAPIError as error:
        raise DossierError(f"the database can't be migrated: {error.orig}") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise postgresql.cannot_reach(settings.database_url, error) from None
    finally:
        await engine.dispose()


def _run(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def _config() -> Config:
    # Beside the package in a checkout, inside it when installed: see pyproject.toml.
    package = Path(__file__).parent.parent
    installed = package / "migrations"
    config = Config()
    folder = installed if installed.is_dir() else package.parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return config
