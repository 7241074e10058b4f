"""Whether the database takes changes, found out by making one that leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from sqlalchemy import bindparam, delete, insert

from app.db.database import Database
from app.db.models import TrustedDocument, table_of
from app.db.transaction import Statement, Transaction
from app.errors import DeadlineExceeded, Unavailable, UnknownOutcome
from app.values import new_id, now

_SECONDS_KEPT = 1  # so that whoever asks all the time writes no more than that
_PATIENCE_SECONDS = 0.5
_DOCUMENTS = table_of(TrustedDocument)
_ADD = Statement(insert(_DOCUMENTS))
_REMOVE = Statement(delete(_DOCUMENTS).where(_DOCUMENTS.c.id == bindparam("document")))


class Trial:
    """Tries whether the database takes changes: once a second at most, whoever asks, and one at a time."""

    def __init__(self, database: Database, look: Callable[[Transaction], None]) -> None:
        """Take what is to be looked at as often, in the same transaction."""
        self._database = database
        self._look = look
        self._trying: asyncio.Task[None] | None = None
        self._kept_until = 0.0
        self._fault: Unavailable | None = None

    async def fault(self) -> Unavailable | None:
        """Return why the database takes no changes, or None when it does."""
        if self._trying is None or (self._trying.done() and monotonic() >= self._kept_until):
            self._trying = asyncio.create_task(self._try())
        await asyncio.wait([self._trying], timeout=_PATIENCE_SECONDS)
        if self._trying.done():
            self._trying.result()
        # While it waits for its turn there is much to do, which is no outage; what was found last still holds.
        return self._fault

    async def _try(self) -> None:
        try:
            await self._database.write(self._make, None)
            self._fault = None
        except Unavailable as error:
            self._fault = error
        except UnknownOutcome as error:
            self._fault = Unavailable("does not confirm changes", error.state)
        except DeadlineExceeded:
            # For as long as a change may take, nothing could be written.
            self._fault = Unavailable("makes no change in time", "DEADLINE")
        self._kept_until = monotonic() + _SECONDS_KEPT

    def _make(self, transaction: Transaction) -> None:
        # Nobody sees a row that is gone before it is committed, but its pages are written all the same.
        row = f"trial {new_id()}"
        transaction.run(_ADD, {"id": row, "text": "", "added_at": now()})
        transaction.run(_REMOVE, {"document": row})
        self._look(transaction)
