"""What the floors above may ask of a database, of either kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from sqlalchemy.engine import Dialect

from app.db.transaction import Row, Transaction
from app.shares import User

T = TypeVar("T")


class Readable(Protocol):
    """What can be read of an open database, one statement at a time."""

    dialect: Dialect
    longest: int
    """How many bytes an answer may have."""

    incarnation: str
    """That of the installation's log, empty as long as it isn't known; see app/record/log.py."""

    trash_days: int
    """For how many days what was deleted can be restored; 0 for ever."""

    def bind(self, value: object) -> object:
        """Return a value as this database's driver takes it."""

    def bounded(self, statement: str, columns: Sequence[str]) -> str:
        """Return a statement that yields one row of text, made ready for `read`: too long a row is never fetched."""

    async def read(self, statement: str, values: Sequence[object], user: User) -> Row:
        """Run a statement that yields one row of text (not varchar) for a user, and return that row.

        `statement` is in the driver's own form and has been through `bounded`, `values` are in its order and have
        been through `bind`. One statement sees one snapshot of the database. Raises AnswerTooLarge, DeadlineExceeded
        and Unavailable.
        """


class Database(Readable, Protocol):
    """An open database. Reads run side by side; writes are transactions that wait for each other as needed."""

    async def open(self) -> None:
        """Connect. Raises DossierError, saying what to do, when that fails."""

    async def close(self) -> None:
        """Disconnect, after the statements under way have ended."""

    def trouble(self) -> str | None:
        """Return a sentence on what is wrong with the open database although it can be read, or None."""

    def held(self) -> AbstractAsyncContextManager[Readable]:
        """Hold what there is now still, for the eyes of whoever enters: all that they read is of this one moment.

        It takes a connection of its own, and on the embedded database its log grows meanwhile by what others write.
        Raises Unavailable.
        """
        ...

    async def probe(self, statement: str) -> Row:
        """Run a statement of no user's, as `read` does but without waiting for any: to see whether it is answered.

        Statements that come together share one answer, so there should be one such statement only.
        """

    async def write(
        self, work: Callable[[Transaction], T], user: User, *, in_turn: bool = False, place: Hashable = None
    ) -> T:
        """Run `work` for a user, as one transaction that commits when it returns and leaves nothing when it raises.

        `in_turn` says that others of its kind would wait in the database for it to end, as it locks what they lock.
        `place` names what it locks beyond what is the user's own, where that is one thing: those who want the same are
        committed together, as far as they made changes there before.
        `work` may run again from its beginning when another transaction got in the way. Raises what
        `work` does; DeadlineExceeded and Unavailable when nothing was and will be written; UnknownOutcome when that
        can't be told.
        """


class Held:
    """One moment of a database, to be read by a function that does so; see Database.held."""

    def __init__(self, database: Database, run: Callable[[str, Sequence[object]], Awaitable[Row]]) -> None:
        self.dialect, self.longest = database.dialect, database.longest
        self.incarnation, self.trash_days = database.incarnation, database.trash_days
        self.bind, self.bounded, self._run = database.bind, database.bounded, run

    async def read(self, statement: str, values: Sequence[object], user: User) -> Row:  # noqa: ARG002 - nobody waits
        """Run a statement; see Readable."""
        return await self._run(statement, values)
