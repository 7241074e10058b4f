"""The files of the embedded database: whether they belong together, and are still what was opened.

SQLite takes the log that lies beside a database for that database's own. What a crash left in one undoes or ruins a
copy that is put in the place of the database; a database that is replaced or deleted while it is open takes changes
that nobody will find again.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

from app.errors import DossierError

_LOG_HEADER_BYTES = 32
# SQLite's "Database File Format", section 1.3: bytes 18 and 19 are 2 where there is a write-ahead log.
_VERSIONS = slice(18, 20)
_WITH_LOG = b"\x02\x02"
_log = logging.getLogger("dossier")


def check(file: Path) -> None:
    """Raise DossierError, saying what to do, when the log beside a database was not written for it.

    To be called before the database is opened, by whoever holds the lock. A copy that `VACUUM INTO` made says that it
    has no log. Of any other file that was put there under this name, `note` wrote down that it was another one. (Bytes
    that were copied over those of the database can be told by neither.)
    """
    file = file.resolve()
    name = file.name
    log = _beside(file, "-wal")
    noted = _noted(file)
    try:
        identity = file.stat().st_ino
    except FileNotFoundError:
        if _size(log) > _LOG_HEADER_BYTES:
            raise DossierError(
                f"the database {file} is not there, but its log {name}-wal is; put the database back or, to begin with "
                f"a copy or anew, remove {name}-wal and {name}-shm"
            ) from None
        if noted is not None and noted[0]:
            _log.warning("the database %s, which was there before, is gone; a new one is made", file)
        return
    if _size(log) <= _LOG_HEADER_BYTES:
        return
    replaced = noted is not None and noted[1] == log.stat().st_ino and noted[0] != identity
    if replaced or _head(file)[_VERSIONS] != _WITH_LOG:
        raise DossierError(
            f"the log {name}-wal was not written for the database {file}; if you put a copy there, remove {name}-wal "
            f"and {name}-shm, and if not, put back what was there"
        )


def note(file: Path) -> None:
    """Write down, in the lock file, which files the database and its log are, 0 where there is none.

    To be called by whoever holds the lock, after `check` and again when the database is open: a log that is made anew
    may have the number of one that is gone.
    """
    file = file.resolve()
    database, log = _identity(file), _identity(_beside(file, "-wal"))
    text = f"{database[1] if database else 0} {log[1] if log else 0}\n"
    lock = _beside(file, ".lock")
    with suppress(FileNotFoundError):  # somebody has removed it: it is made again when it is locked again
        if lock.read_text(encoding="ascii", errors="replace") != text:
            lock.write_text(text, encoding="ascii")


class OpenFiles:
    """The files of an open database, compared with what is found under their names."""

    def __init__(self, file: Path) -> None:
        """Take the file of a database that was just opened."""
        self._file = file.resolve()
        self._log = _beside(self._file, "-wal")
        self._identity = _identity(self._file)
        self._log_identity = _identity(self._log)

    def are_replaced(self) -> bool:
        """Return whether the database was deleted or another one put in its place."""
        return _identity(self._file) != self._identity

    def lack_their_log(self) -> bool:
        """Return whether the log was deleted or replaced. It is there from the first change on."""
        if self._log_identity is None:
            self._log_identity = _identity(self._log)
        return _identity(self._log) != self._log_identity


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _head(file: Path) -> bytes:
    # Not closed again: closing any descriptor of a file drops the locks that SQLite has on it, in the whole process.
    return os.pread(os.open(file, os.O_RDONLY), 100, 0)


def _noted(file: Path) -> tuple[int, int] | None:
    try:
        database, log = map(int, _beside(file, ".lock").read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return database, log
