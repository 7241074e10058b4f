"""The mark of a collection: the last line of a case's description until the case is complete.

It says which collection it is, of which folder, and how that groups files: by it the recording is gone on with.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from app.commands.folders import Walk
from app.commands.plans import Choice
from app.errors import DossierError

_MARK = re.compile(
    r"Collection ([0-9a-f]{16})-([0-9a-f]{16}), by (day|month|none)(?:, depth (\d+))?(, hashed)?(, one file system)?\."
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A folder by a digest of its path, a collection of it by a number at random, and how that groups files."""

    folder: str
    number: str
    choice: Choice

    @classmethod
    def new(cls, walk: Walk, choice: Choice) -> Self:
        """Return the mark of a new collection."""
        return cls(_digest(walk), secrets.token_hex(8), choice)

    @classmethod
    def read(cls, match: re.Match[str]) -> Self:
        """Return the mark that stands in a text."""
        folder, number, by, depth, is_hashed, is_one = match.groups()
        return cls(folder, number, Choice(by, None if depth is None else int(depth), bool(is_hashed), bool(is_one)))

    @property
    def name(self) -> str:
        """The words by which the case is found, and which the sources of its events have."""
        return f"Collection {self.folder}-{self.number}"

    def __str__(self) -> str:
        depth = "" if self.choice.depth is None else f", depth {self.choice.depth}"
        more = (", hashed" if self.choice.hashed else "") + (", one file system" if self.choice.one_file_system else "")
        return f"{self.name}, by {self.choice.by}{depth}{more}."


@dataclass(frozen=True, slots=True)
class Begun:
    """A case whose recording was begun: its mark, and all that it says of itself."""

    row: Mapping[str, Any]
    mark: Mark
    said: str

    @classmethod
    def of(cls, case: Mapping[str, Any], walk: Walk) -> Self:
        """Read what a case says of itself. Raises DossierError unless it is to be gone on with from this folder."""
        text = case["description"] or ""
        match = _MARK.search(text)
        if match is None:
            complete = "is complete" if "Collected from " in text else "is none that is being collected"
            raise DossierError(
                f"case {case['number']} {complete}: there is nothing to go on with; 'dossier verify-files' compares it "
                "with a folder, and --case-title makes a new one"
            )
        mark = Mark.read(match)
        if mark.folder != _digest(walk):
            raise DossierError(
                f"case {case['number']} is of another folder, which its description names; give that one"
            )
        begin = max(text.rfind(words, 0, match.start()) for words in ("Being collected from ", "Incomplete: "))
        return cls(case, mark, text[max(begin, 0) : match.end()])


def _digest(walk: Walk) -> str:
    """Return what tells a folder from others, by its whole path."""
    return hashlib.sha256(walk.path).hexdigest()[:16]
