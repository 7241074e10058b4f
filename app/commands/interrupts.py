"""Ctrl-C while modules are read in."""

from __future__ import annotations

import signal


class SilentInterrupts:
    """A block of imports that SIGINT ends with the process, in silence.

    Python raises KeyboardInterrupt wherever it is, and prints it where nobody can catch it, as in the locks of imports.
    Where the signal is taken in another way, or ignored, that stays so. This file imports next to nothing, so that the
    first of these blocks, which is around all the rest, begins early.
    """

    def __enter__(self) -> None:
        self._is_taken = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._is_taken:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def __exit__(self, *_: object) -> None:
        if self._is_taken:
            signal.signal(signal.SIGINT, signal.default_int_handler)
