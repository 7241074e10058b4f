"""Signals that ask a command to end, taken at moments at which it is known what has been done."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

GRACE: Final = 5
"""Seconds that a request under way has after a signal."""


class Ended(BaseException):
    """A signal that asks this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__("interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}")
        self.number = number


class Signals:
    """Signals that have come; a request under way has some seconds more to be answered, unless a second one comes."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._is_done = False

    @classmethod
    @contextmanager
    def taken(cls) -> Iterator[Signals]:
        """Take the signals, but for those that this process was started to ignore, as `nohup` does."""
        signals = cls()
        former = {
            number: signal.signal(number, signals._take)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN
        }
        former[signal.SIGALRM] = signal.signal(signal.SIGALRM, signals._hurry)
        try:
            yield signals
        finally:
            signals.done()
            for number, handler in former.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Raise Ended if one has come."""
        if self._number is not None and not self._is_done:
            raise Ended(self._number)

    def wait(self, seconds: float) -> None:
        """Wait so long. Raises Ended if one comes meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.1))

    def limit(self, seconds: float) -> None:
        """Raise Ended after so many seconds, wherever this process is by then."""
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def done(self) -> None:
        """Take a signal without a word from now on; another one interrupts whatever there is left to do."""
        self._is_done = True
        self.limit(0)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._number is None:
            self._number = number
            if not self._is_done:
                self.limit(GRACE)
        elif self._is_done:
            raise KeyboardInterrupt
        else:
            raise Ended(self._number)

    def _hurry(self, number: int, _frame: FrameType | None) -> None:
        if not self._is_done:
            raise Ended(self._number or number)
