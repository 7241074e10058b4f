"""Changes that wait to be made, and are then committed together with others that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.db.transaction import Transaction
from app.errors import DeadlineExceeded, UnknownOutcome
from app.shares import User

T = TypeVar("T")

TOGETHER_SECONDS = 0.02  # of work after which those at work are committed, however many still wait


@dataclass(slots=True, eq=False)
class Waiting(Generic[T]):
    """What is to be done for whom, whom to tell, and what came of it.

    Once it has begun, nobody can be told any more that it will not be made: on SQLite with its work, on PostgreSQL with
    its commit.
    """

    user: User
    work: Callable[[Transaction], T]
    told: asyncio.Future[T]
    begun: bool = False
    result: T | None = None
    error: BaseException | None = None

    def tell(self) -> None:
        """Answer whoever waits, unless they have gone."""
        if self.told.done():
            return
        if self.error is not None:
            self.told.set_exception(self.error)
        else:
            self.told.set_result(self.result)  # type: ignore[arg-type]

    def give_up(self, seconds: float) -> None:
        """Answer whoever waits that it was not done within so many seconds; once it has begun, that nobody knows."""
        if not self.told.done():
            self.told.set_exception(UnknownOutcome() if self.begun else DeadlineExceeded(seconds))
