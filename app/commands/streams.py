"""What is told on standard output and standard error, either of which may be closed, full or without a reader."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from app.errors import DossierError
from app.values import visible


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
        _discard(sys.stdout)
        raise OutputError(error) from None


def complain(*lines: str) -> None:
    """Write lines to standard error, if there is one to be written to."""
    try:
        print(*(f"dossier: {visible(line)}" for line in lines), sep="\n", file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


def warn(sentence: str) -> None:
    """Write a warning to standard error, if there is one to be written to."""
    complain(f"warning: {sentence}")


def _discard(stream: TextIO) -> None:
    """Throw away what a stream could not write; it would be tried again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
