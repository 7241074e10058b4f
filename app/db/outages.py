"""Outages: which errors of the drivers say that a database is out of order for a while, and in which way.

Whatever a database does to a statement because of the statement itself is no outage.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

import asyncpg

from app.errors import Unavailable

# Each continues "the database".
_AWAY = "can't be reached"
_STARTING = "is starting or stopping"
_READ_ONLY = "is read-only"
_FULL = "has no room left on its disk"
_DISK = "can't read or write its disk"
_DAMAGED = "is damaged"
_LOCKED = "is locked by another program"
_BUSY = "has too many changes to the same rows at once"
_LIMIT = "has reached a limit of its configuration"
_MEMORY = "is out of memory"
_PERMISSION = "doesn't let this server do that"
_FILES = "can't be opened, for too many files are open"

# SQLSTATEs and the classes of them (PostgreSQL's manual, appendix A); the longest beginning counts.
_STATES = {
    "08": _AWAY,  # connection exception
    "25006": _READ_ONLY,  # read_only_sql_transaction
    "25P03": _AWAY,  # idle_in_transaction_session_timeout: Dossier itself stood still
    "25P04": _AWAY,  # transaction_timeout, likewise
    "28": _PERMISSION,  # invalid authorization
    "3D000": _AWAY,  # the database isn't there
    "40": _BUSY,  # transaction rollback, time and again; on a standby by what it replays
    "42501": _PERMISSION,  # insufficient_privilege
    "53": _LIMIT,  # insufficient resources
    "53100": _FULL,  # disk_full
    "53200": _MEMORY,  # out_of_memory
    "53300": "has no connection left",  # too_many_connections
    "55P03": _LOCKED,  # lock_not_available
    "57P": _STARTING,  # operator intervention: shutdown, crash, start
    "57P04": _AWAY,  # database_dropped
    "57P05": _AWAY,  # idle_session_timeout
    "58": _DISK,  # system error
    "XX001": _DAMAGED,  # data_corrupted
    "XX002": _DAMAGED,  # index_corrupted
}
_LONGEST_STATE = 5
# What ended the connection, and the transaction with it.
_ENDED = ("08", "25P03", "25P04", "57P")

_SQLITE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_CANTOPEN: "can't be opened",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_NOMEM: _MEMORY,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_PERM: _PERMISSION,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
}
_PRIMARY = 0xFF  # of an extended code, such as SQLITE_IOERR_WRITE

_FILE_SYSTEM = {
    errno.EACCES: _PERMISSION,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EIO: _DISK,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOSPC: _FULL,
    errno.EPERM: _PERMISSION,
    errno.EROFS: _READ_ONLY,
}


def outage(error: BaseException) -> Unavailable | None:
    """Return what to say of an error that means that the database is out of order; None for any other."""
    for cause in _causes(error):
        reason: str | None = None
        state = ""
        match cause:
            case asyncpg.PostgresError():
                state = cause.sqlstate or ""
                reason = _of_state(state)
            case sqlite3.Error():
                state = getattr(cause, "sqlite_errorname", "")
                reason = _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & _PRIMARY)
            case OSError():
                state = errno.errorcode.get(cause.errno or 0, type(cause).__name__)
                reason = _FILE_SYSTEM.get(cause.errno or 0, _AWAY)
            case asyncpg.InterfaceError() | asyncpg.InternalClientError():
                state, reason = type(cause).__name__, _AWAY
        if reason is not None:
            return Unavailable(reason, state)
    return None


def ended_connection(error: BaseException) -> bool:
    """Return whether an error of PostgreSQL's driver means that its connection is lost, or about to be."""
    return any(
        (cause.sqlstate or "").startswith(_ENDED)
        if isinstance(cause, asyncpg.PostgresError)
        else isinstance(cause, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError)
        for cause in _causes(error)
    )


def state_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error, if it has one."""
    states = (getattr(cause, "sqlstate", None) for cause in _causes(error))
    return next((state for state in states if state is not None), None)


def undid_commit(error: BaseException) -> bool:
    """Return whether an error that answered a COMMIT means that nothing was committed.

    PostgreSQL answers with ERROR only where it has rolled back: once a commit is written it can't fail any more.
    What ends the connection (FATAL, PANIC, a socket that closes) may come before that or after. On SQLite the last
    frame that is written is the one that commits. So where it couldn't be written nothing was; where the disk failed
    to confirm it, a later crash may bring it back.
    """
    for cause in _causes(error):
        if isinstance(cause, asyncpg.PostgresError):
            # 40003 is statement_completion_unknown.
            return cause.severity_en == "ERROR" and not (cause.sqlstate or "").startswith(("08", "40003"))
        if isinstance(cause, sqlite3.Error):
            code = getattr(cause, "sqlite_errorcode", 0)
            return code & _PRIMARY != sqlite3.SQLITE_IOERR or code == sqlite3.SQLITE_IOERR_WRITE
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    # SQLAlchemy wraps the driver's error in one of its own (`orig`), whose cause is what asyncpg raised.
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__


def _of_state(state: str) -> str | None:
    beginnings = (state[:length] for length in range(_LONGEST_STATE, 1, -1))
    return next((_STATES[beginning] for beginning in beginnings if beginning in _STATES), None)
