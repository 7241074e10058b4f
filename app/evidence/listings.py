"""Lists of files that are read: what they say is kept beside until all of it is known to be right."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from app.errors import DossierError
from app.evidence.entries import Entry

_TABLE = """
CREATE TABLE files (
  path BLOB PRIMARY KEY, size INTEGER, modified INTEGER, sha256 BLOB, sha1 BLOB, md5 BLOB, is_left INTEGER
) WITHOUT ROWID
"""
_TAKEN = "UPDATE files SET is_left = 0 WHERE path = ? RETURNING path, size, modified, sha256, sha1, md5"
_LEFT = "SELECT path, size, modified, sha256, sha1, md5 FROM files WHERE is_left ORDER BY path"


class Listing:
    """The files of a list by their paths, in a database of SQLite that ends with it: a list may be of any size.

    SQLite has a small part of it in memory, and the rest in a file without a name, where TMPDIR says.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", _TABLE, "BEGIN"):
            self._database.execute(statement)

    def close(self) -> None:
        """Forget all of it."""
        self._database.close()

    def add(self, entry: Entry) -> bool:
        """Add a file; return False where its path is listed already. Raises DossierError where there is no room."""
        values = (entry.path, entry.size, entry.modified, entry.sha256, entry.sha1, entry.md5)
        try:
            self._database.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, 1)", values)
        except sqlite3.IntegrityError:
            return False
        except sqlite3.OperationalError as error:
            raise DossierError(f"the list can't be kept while it is read: {error}; TMPDIR says where") from None
        return True

    def take(self, path: bytes) -> Entry | None:
        """Return what the list says of a path, and leave it out from then on."""
        for row in self._database.execute(_TAKEN, (path,)).fetchall():
            return Entry(*row)
        return None

    def __len__(self) -> int:
        (count,) = self._database.execute("SELECT count(*) FROM files WHERE is_left").fetchone()
        return int(count)

    def __iter__(self) -> Iterator[Entry]:
        return (Entry(*row) for row in self._database.execute(_LEFT))
