"""The database: its tables, its two kinds, and what differs between them."""

from __future__ import annotations

from app.db.database import Database, Readable
from app.db.postgresql import PostgresqlDatabase
from app.db.sqlite import SqliteDatabase
from app.db.transaction import FoundRow, Row, Statement, Transaction
from app.settings import Settings

__all__ = ["Database", "FoundRow", "Readable", "Row", "Statement", "Transaction", "database_of", "open_database"]


def database_of(settings: Settings) -> Database:
    """Return the configured database, not yet opened."""
    return SqliteDatabase(settings) if settings.embedded else PostgresqlDatabase(settings)


async def open_database(settings: Settings) -> Database:
    """Return the configured database, opened. Raises DossierError when it can't be reached."""
    database = database_of(settings)
    await database.open()
    return database
