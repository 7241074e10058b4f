"""Ctrl-C while modules are read in."""

from __future__ import annotations

import signal


class SilentInterrupts:
    """A block of imports that SIGINT ends with the process, in silence.

    Python raises KeyboardInterrupt wherever it is, and prints it where nobody can catch it, as in the locks of imports.
    Whoever takes the signal in another way, or ignores it, goes on to do so. It imports nothing more: until the first
    of these blocks is entered, Ctrl-C is told by a traceback.
    """

    def __enter__(self) -> None:
        self._is_taken = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._is_taken:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def __exit__(self, *_: object) -> None:
        if self._is_taken:
            signal.signal(signal.SIGINT, signal.default_int_handler)
