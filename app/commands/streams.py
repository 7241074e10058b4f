"""What is told on standard output and standard error, either of which may be closed, full or without a reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from time import monotonic
from typing import Self, TextIO

from app.errors import DossierError
from app.values import visible

_PAUSE = 0.1  # seconds in which no more than one line is shown; each is written to the terminal at once


class OutputError(DossierError):
    """What was to be said could not be written to standard output; `is_unread` when nobody reads it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the output can't be written: {error.strerror}")
        self.is_unread = isinstance(error, BrokenPipeError)


def prepare() -> None:
    """Let the streams take every character, escaped where their encoding has none for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(*lines: str) -> None:
    """Write lines to standard output, and what is still on its way there, at once. Raises OutputError."""
    try:
        if lines:
            print(*lines, sep="\n")
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        raise OutputError(error) from None


def put(data: bytes) -> None:
    """Write bytes to standard output, behind what is still on its way there. Raises OutputError."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        discard(sys.stdout)
        raise OutputError(error) from None


def complain(*lines: str) -> None:
    """Write lines to standard error, if there is one to be written to."""
    try:
        print(*(f"dossier: {visible(line)}" for line in lines), sep="\n", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def warn(sentence: str) -> None:
    """Write a warning to standard error, if there is one to be written to."""
    complain(f"warning: {sentence}")


def _files(count: int) -> str:
    return f"{count:,} {'file' if count == 1 else 'files'}"


class Progress:
    """How far a command is: a line on a terminal, each in place of the one before; nothing where there is no terminal.

    `with` takes away the last line at its end.
    """

    def __init__(self, terminal: TextIO | None = None) -> None:
        """Tell it there, or nobody."""
        self._terminal = terminal
        self._next = 0.0
        self._is_shown = False

    @classmethod
    def on_standard_error(cls) -> Progress:
        """Tell it on standard error, if that is a terminal which can take back what it shows."""
        is_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        return cls(sys.stderr if is_terminal else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def tell(self, did: str, done: int, total: int | None = None, amount: Callable[[int], str] = _files) -> None:
        """Show how much is done, as in `found 1,200 files`, or which part of all, as in `read 12 % of 4,096 bytes`.

        It may be called for each file: it shows at most ten lines in a second. `amount` says a number with its noun.
        """
        if self._terminal is None or (now := monotonic()) < self._next:
            return
        self._next = now + _PAUSE
        self._is_shown = True
        part = amount(done) if total is None else f"{done * 100 // (total or 1)} % of {amount(total)}"
        self._show(f"{did} {part}")

    def clear(self) -> None:
        """Take away the line, if there is one, to make room for other words."""
        if self._is_shown:
            self._show("")
        self._next, self._is_shown = 0.0, False

    def _show(self, text: str) -> None:
        if self._terminal is not None:
            with contextlib.suppress(OSError, ValueError):  # a terminal that is gone keeps nobody from working
                self._terminal.write(f"\r\x1b[K{text}")
                self._terminal.flush()


def discard(stream: TextIO) -> None:
    """Throw away what a stream could not write; it would be tried again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
