"""The files of a database written anew, so that no bytes are left in them of what is no longer there.

SQLite overwrites what is deleted (`secure_delete`), but not what was deleted before Dossier told it to. Its index of
searches keeps what is gone until its parts are merged, and its write-ahead log has what was written last. PostgreSQL
leaves what is deleted where it is until others need the room: only VACUUM FULL writes tables and indexes anew, and
segments of its log go with the checkpoints that no longer need them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import asyncpg

from app.db import sqlite_writer
from app.db.models import Base
from app.db.postgresql import address
from app.errors import DossierError, first_line
from app.settings import Settings

_BUSY = "others read the database just now, so that its log keeps what was written last; run this again, best alone"
_NOT_ALLOWED = (
    "the log of PostgreSQL may go on holding what was removed until it is overwritten; let somebody who may run "
    "CHECKPOINT do so twice"
)


def rewrite(settings: Settings) -> list[str]:
    """Write the files of the configured database anew; return what is left to do, as sentences. Raises DossierError."""
    try:
        if settings.embedded:
            return list(_rewrite_sqlite(settings.database_file))
        return asyncio.run(_rewrite_postgresql(address(settings.database_url)))
    except (sqlite3.Error, asyncpg.PostgresError, OSError) as error:
        raise DossierError(f"the database can't be written anew: {first_line(error)}") from None


def _rewrite_sqlite(file: Path) -> Iterator[str]:
    try:
        with sqlite_writer.writing_lock(file), closing(sqlite_writer.connected(file)) as connection:
            # What goes out of the index of searches is marked as gone there, until parts of it are made one.
            connection.execute("INSERT INTO search_grams (search_grams) VALUES ('optimize')")
            connection.execute("VACUUM")
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except TimeoutError as error:
        raise DossierError(f"the database {file} can't be written anew: {error}; stop that process first") from None
    if busy:
        yield _BUSY


async def _rewrite_postgresql(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        for table in Base.metadata.sorted_tables:
            await connection.execute(f'VACUUM (FULL, ANALYZE) "{table.name}"')
        # The first one that comes later still needs what was written since the one before.
        for _ in range(2):
            with suppress(asyncpg.InsufficientPrivilegeError):
                await connection.execute("SELECT pg_switch_wal()")
            await connection.execute("CHECKPOINT")
    except asyncpg.InsufficientPrivilegeError:
        return [_NOT_ALLOWED]
    finally:
        await connection.close()
    return []
