"""The embedded database's write-ahead log, kept short while reads overlap for ever.

SQLite begins the log anew only at a moment at which nobody reads from it. Reads in the event loop end within
milliseconds; those in threads may run for seconds, and where there is always one the log would grow until the disk is
full. So above some size no new one begins, those at work are broken off if they don't end soon, and begin again once
the writer has emptied the log. Each process looks at the size by itself; nothing else is agreed upon between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter

LOG_BYTES = 64_000_000  # above which it is emptied; without reads in the way it has some 4 MB
_SECONDS_BETWEEN_LOOKS = 1.0  # at the size, while reads are at work
_ENDING_SECONDS = 1.0  # that reads at work have to end by themselves
_SHRINKING_SECONDS = 4.0  # for which new reads wait at most: in another process one may have begun just before
_SECONDS_BETWEEN_TRIES = 0.1
_SECONDS_WITHOUT = 10.0  # after it couldn't be emptied, as when another program makes a copy


class Reading:
    """A read that is at work in a thread; `stopped` when it was broken off for the log's sake, to begin again."""

    def __init__(self, break_off: Callable[[], None]) -> None:
        self.break_off = break_off
        self.stopped = False


class WriteAheadLog:
    """The log of an open database, and the reads that keep it from being emptied."""

    def __init__(self, database: Path, shrink: Callable[[], Awaitable[bool]]) -> None:
        """Take the database's file, and what empties the log unless something stands in the way."""
        database = database.resolve()  # SQLite names the log after what a link leads to
        self._file = database.with_name(database.name + "-wal")
        self._shrink = shrink
        self._readings: set[Reading] = set()
        self._none_at_work = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._shortening: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._held = 0

    @property
    def is_being_shortened(self) -> bool:
        """Whether no read may begin in a thread now."""
        return self._shortening is not None

    async def shortened(self) -> None:
        """Wait until a read may begin."""
        self._look()
        if self._shortening is not None:
            await asyncio.shield(self._shortening)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Leave the log as long as it is while a moment of the database is held, which nothing breaks off."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def started(self, break_off: Callable[[], None]) -> Reading:
        """Take note of a read that begins, and of how it can be broken off."""
        reading = Reading(break_off)
        self._readings.add(reading)
        self._none_at_work.clear()
        if self._timer is None:
            self._set_timer()
        return reading

    def ended(self, reading: Reading) -> None:
        """Take note that a read has ended."""
        self._readings.remove(reading)
        if not self._readings:
            self._none_at_work.set()

    async def close(self) -> None:
        """Leave the log as it is."""
        if self._timer is not None:
            self._timer.cancel()
        if self._shortening is not None:
            self._shortening.cancel()
            await asyncio.wait([self._shortening])

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_SECONDS_BETWEEN_LOOKS, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        if self._readings:
            self._look()
            self._set_timer()

    def _look(self) -> None:
        if not self._held and self._shortening is None and perf_counter() > self._not_before and self._is_long():
            self._shortening = asyncio.create_task(self._shorten())

    def _is_long(self) -> bool:
        try:
            return self._file.stat().st_size > LOG_BYTES
        except FileNotFoundError:
            return False

    async def _shorten(self) -> None:
        try:
            if self._readings:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._none_at_work.wait(), _ENDING_SECONDS)
            for reading in self._readings:
                reading.stopped = True
                reading.break_off()
            until = perf_counter() + _SHRINKING_SECONDS
            while not await self._shrink():
                if perf_counter() > until:
                    self._not_before = perf_counter() + _SECONDS_WITHOUT
                    return
                await asyncio.sleep(_SECONDS_BETWEEN_TRIES)
        finally:
            self._shortening = None
