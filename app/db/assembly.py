"""Answers put together outside of SQLite, from the pieces that a statement hands on.

What SQLite puts together itself it holds several times: every text of every level of a statement stays where it was
computed until the statement ends. See `app.db.sql.Stream`.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from app.db.sql import EACH, TAKE, TAKEN


class Assembly:
    """The pieces of one connection's statement that were taken so far; together they are never too long."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._pieces: list[bytes] = []
        self._length = 0

    def serve(self, connection: sqlite3.Connection) -> None:
        """Give a connection the functions that statements call."""
        connection.create_function(TAKE, 1, self._take)
        connection.create_aggregate(EACH, -1, _Each)
        connection.create_function(TAKEN, 0, self._taken)

    def clear(self) -> None:
        """Forget what was taken, at the end of a statement; one that failed leaves something behind."""
        self._pieces.clear()
        self._length = 0

    def _take(self, text: str | None) -> None:
        if not text:
            return
        piece = text.encode()
        if piece.startswith(b",") and self._pieces and self._pieces[-1].endswith(b"["):
            piece = piece[1:]  # before the first row of a list stands no comma
        self._length += len(piece)
        if self._length > self.longest:
            raise OverflowError  # which sqlite3 makes SQLITE_TOOBIG of
        self._pieces.append(piece)

    def _taken(self) -> bytes:
        answer = b"".join(self._pieces)
        self.clear()
        return answer


class _Each:
    """An aggregate that needs its rows in their order and all of its arguments, and makes nothing of them."""

    def step(self, *_: object) -> None:
        """Look at a row."""

    def finalize(self) -> Any:
        """Return NULL."""
