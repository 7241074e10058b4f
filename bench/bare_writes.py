"""The floor under a write: the statements of Dossier's own transaction, in a bare loop on sqlite3."""

from __future__ import annotations

import asyncio
import sqlite3
import time

from app.settings import Settings
from app.values import new_id
from bench.statements import writing
from bench.works import WRITE


class BareWrites:
    """A loop of transactions; each begins as a writer, adds a file batch, reads it back and commits durably."""

    def __init__(self, settings: Settings) -> None:
        statements = asyncio.run(writing(settings, WRITE))
        ids = {value for each in statements if each.sql.startswith("INSERT") for value in each.values[:1]}
        if len(ids) != 1:
            raise RuntimeError("the mutation was to insert one row")
        (self._id,) = ids
        self._statements = [(each.sql, tuple(each.values)) for each in statements]
        self._connection = sqlite3.connect(settings.database_file, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def rate(self, seconds: float) -> float:
        """Write for some time and return the transactions a second."""
        written, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            self._write()
            written += 1
        return written / (time.perf_counter() - start)

    def _write(self) -> None:
        identifier = new_id()
        self._connection.execute("BEGIN IMMEDIATE")
        for sql, values in self._statements:
            bound = [identifier if value == self._id else value for value in values]
            self._connection.execute(sql, bound).fetchone()
        self._connection.execute("COMMIT")
