"""How a command ends that could not do what it is for."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import DossierError


class CommandError(DossierError):
    """A failure with more to it than a sentence: `lines` for standard output, and the exit code of the process."""

    def __init__(self, message: str, *, lines: Sequence[str] = (), exit_code: int = 1) -> None:
        super().__init__(message)
        self.lines = lines
        self.exit_code = exit_code
