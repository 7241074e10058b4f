"""The blocks of README, docs/ and CONTRIBUTING, and how their commands are run.

A block of commands has a comment right before it. `<!-- NAME -->`: tests/test_documents.py runs it by that name.
`<!-- NAME: runs in FILE, WHY -->`: another job does.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.commands import PATIENCE, environment

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
COMMANDS = "sh"
OTHERS = ("graphql", "ini", "markdown", "nginx", "sql", "text")
"""The languages of blocks that nobody pastes into a shell."""
ADDRESS = "http://127.0.0.1:8000"
"""Where the documents have a server listen."""

_FENCE = re.compile(r" *```(\w*)")
_COMMENT = re.compile(r" *<!-- (?!end\b)(.*) -->")
_MARKER = re.compile(r"(?:([\w ]+?)(?:: |$))?(?:runs in (\S+), (.+))?")


@dataclass(frozen=True)
class Block:
    """A block as it stands in a document."""

    document: str
    line: int
    language: str
    name: str | None
    job: str | None
    """The file of the job that runs it, where tests/test_documents.py doesn't."""
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@cache
def blocks() -> tuple[Block, ...]:
    """Return the blocks of all documents."""
    return tuple(block for document in DOCUMENTS for block in _blocks(document))


def _blocks(document: str) -> Iterator[Block]:
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines(keepends=True)
    start: int | None = None
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if start is None:
            start = number
            continue
        opening = _FENCE.match(lines[start])
        assert opening is not None
        name, job = _marked(lines[:start])
        text = textwrap.dedent("".join(lines[start + 1 : number]))
        yield Block(document, start + 1, opening[1], name, job, text)
        start = None
    assert start is None, f"{document}: a block has no end"


def _marked(before: list[str]) -> tuple[str | None, str | None]:
    """Return the name and the job that the comments at the end of some lines tell."""
    name = job = None
    for line in reversed(before):
        comment = _COMMENT.match(line)
        if comment is None:
            break
        marker = _MARKER.fullmatch(comment[1])
        if marker is not None:
            name, job = name or marker[1], job or marker[2]
    return name, job


def block(document: str, name: str) -> str:
    """Return the text of the block that has a name."""
    (found,) = (each for each in blocks() if (each.document, each.name) == (document, name))
    return found.text


def run(folder: Path, text: str, **settings: str) -> str:
    """Run commands in a folder as somebody who pastes them, and return what they print. All of them have to succeed."""
    done = subprocess.run(  # noqa: S603 - our own
        ["/bin/sh", "-euc", text],
        cwd=folder,
        env=pasting(folder, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def pasting(folder: Path, **settings: str) -> dict[str, str]:
    """Give a folder the environment of the tests, unless it has one; return the variables of a shell in it."""
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(sys.prefix)
    return environment(**{"PATH": f"{sys.prefix}/bin{os.pathsep}{os.environ['PATH']}", **settings})
