"""What users have in common is shared out among them, so that nobody waits long for what one of them asks for.

Whoever asks for much gets it as long as nobody else wants it. What can be held for long has a place more than one
user may take; where work is short, the users take turns.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager
from time import thread_time
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")

User: TypeAlias = Hashable
"""Who asks: a user's id, or what else tells users apart; None stands for whoever operates the server."""

# Requests that work before the loop looks who else has come. One at a time costs each a call of the system, a tenth
# of what a small read takes. But for each of these bytes to take apart a request counts as one more: 64 kB of numbers
# take 10 ms.
_TURNS_AT_ONCE = 8
_BYTES_A_TURN = 8_192
_ROUND_SECONDS = 0.02  # of work in the event loop at a stretch, before it looks who else has come


class Line(Generic[T]):
    """Those who wait: the users take turns, and each user's own come in the order in which they were added."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[User, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def length(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[User]:
        """Iterate over the users who wait, whoever's turn it is first."""
        return iter(self._waiting)

    def add(self, user: User, one: T) -> None:
        """Add one at the end of a user's own."""
        self._waiting.setdefault(user, deque()).append(one)

    def put_back(self, user: User, one: T) -> None:
        """Put one back whose turn it was: it is the next."""
        self._waiting.setdefault(user, deque()).appendleft(one)
        self._waiting.move_to_end(user, last=False)

    def postpone(self, user: User) -> None:
        """Let all others who wait by now come before a user."""
        if user in self._waiting:
            self._waiting.move_to_end(user)

    def take(self, user: User) -> T:
        """Take the first of a user's own, who comes after all others from then on."""
        own = self._waiting[user]
        one = own.popleft()
        if own:
            self._waiting.move_to_end(user)
        else:
            del self._waiting[user]
        return one

    def take_next(self) -> tuple[User, T]:
        """Take whose turn it is."""
        user = next(iter(self._waiting))
        return user, self.take(user)

    def drop(self, user: User, one: T) -> None:
        """Forget one who has left, if they still wait."""
        own = self._waiting.get(user)
        if own is not None and one in own:
            own.remove(one)
            if not own:
                del self._waiting[user]


class Shares:
    """Places of which a user may hold `share` at once; there is one place more than that.

    So a user who is alone has as many as they may, and another one who comes then finds a place all the same. The next
    place goes to whoever holds the fewest.
    """

    def __init__(self, share: int) -> None:
        self.places = share + 1
        self._share = share
        self._free = self.places
        self._held: dict[User, int] = {}
        self._line: Line[asyncio.Future[None]] = Line()

    async def take(self, user: User) -> None:
        """Wait for a place, and hold it until it is given back."""
        # Whoever waits while there are free places has their share already.
        if self._free and self._held.get(user, 0) < self._share:
            self._grant(user)
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.add(user, granted)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.give_back(user)
            else:
                self._line.drop(user, granted)
            raise

    def give_back(self, user: User) -> None:
        """Give a place back, to whoever is the next."""
        self._free += 1
        self._held[user] -= 1
        if not self._held[user]:
            del self._held[user]
        while self._free:
            waiting = [each for each in self._line if self._held.get(each, 0) < self._share]
            if not waiting:
                return
            following = min(waiting, key=lambda each: self._held.get(each, 0))
            granted = self._line.take(following)
            if not granted.done():  # whoever has left hasn't
                self._grant(following)
                granted.set_result(None)

    @asynccontextmanager
    async def place(self, user: User) -> AsyncIterator[None]:
        """Wait for a place, and hold it within the block."""
        await self.take(user)
        try:
            yield
        finally:
            self.give_back(user)

    def _grant(self, user: User) -> None:
        self._free -= 1
        self._held[user] = self._held.get(user, 0) + 1


class Turns:
    """Turns to work in the event loop.

    As long as there is little to do, everybody works at once. After a fiftieth of a second of work the loop looks again
    who else has come, and of those who wait then the users take turns, a few requests each time.
    """

    def __init__(self) -> None:
        self._since = 0.0  # in processor time, as a machine that is busy with other things is no reason to wait
        self._line: Line[tuple[asyncio.Future[None], int]] = Line()

    async def take(self, user: User, size: int) -> None:
        """Wait for a turn to work on `size` bytes, which lasts until the next `await` that waits."""
        if not self._line:
            if thread_time() - self._since < _ROUND_SECONDS:
                return
            asyncio.get_running_loop().call_soon(self._go_on)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = turn, 1 + size // _BYTES_A_TURN
        self._line.add(user, waiting)
        try:
            await turn
        except asyncio.CancelledError:
            self._line.drop(user, waiting)
            raise

    def _go_on(self) -> None:
        self._since = thread_time()
        left = _TURNS_AT_ONCE
        while self._line and left > 0:
            _, (turn, turns) = self._line.take_next()
            if not turn.done():
                turn.set_result(None)
                left -= turns
        if self._line:
            asyncio.get_running_loop().call_soon(self._go_on)
