"""What a list of files says of each."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final

from app.values import visible

MAX_PATH: Final = 32_767
"""The longest path in bytes: what Windows takes; Linux takes 4,096."""

MAX_SIZE: Final = 2**53 - 1
"""The largest size of a file, in bytes, that the API takes."""

HASHES: Final = {"sha256": 32, "sha1": 20, "md5": 16}
"""The hashes that a list may have, the strongest first, with their lengths in bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its path in bytes, its size in bytes, when it was changed, and the hashes of its content.

    `modified` counts microseconds since 1970 in UTC, rounded down. What a list doesn't tell is None. `line` is that of
    the list which it was read from, and says nothing of the file.
    """

    path: bytes
    size: int | None = None
    modified: int | None = None
    sha256: bytes | None = None
    sha1: bytes | None = None
    md5: bytes | None = None
    line: int = field(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A line of a list that tells of no file that is there: a folder, a link, or what was deleted."""

    line: int
    path: bytes
    why: str


class CannotHoldError(ValueError):
    """A path that a format can't hold."""

    def __init__(self, format_: str, path: bytes, why: str) -> None:
        super().__init__(f"{format_} can't hold the name {printed(path)}: {why}")
        self.path = path


class NoListError(ValueError):
    """What is no list of files, or none that can be read without a guess; `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line


def shown(path: bytes) -> str:
    r"""Return a path as text, for the API and for tables, where `base64_of` stands beside it.

    A byte that is no UTF-8 is shown as `\xe9`, as are the four characters of this in a name.
    """
    return path.decode("utf-8", "backslashreplace")


def plain(path: bytes) -> bytes:
    """Return a path as a walk through its folder has it: `./a//b` as `a/b`. One that begins with `/` stays as it is."""
    if path.startswith(b"/"):
        return path
    return b"/".join(part for part in path.split(b"/") if part not in {b"", b"."}) or path


def escaped(path: bytes) -> str:
    r"""Return a path or a name as text, another one for each: for labels, and wherever nothing stands beside it.

    It is the text in UTF-8, where a byte that is none is written as `\xe9`, and so that it isn't taken for one, a
    backslash as two.
    """
    return path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def printed(path: bytes) -> str:
    """Return a path as all that is printed has it: escaped, in one line in which no character acts."""
    return visible(escaped(path))


def base64_of(path: bytes) -> str | None:
    """Return a path's bytes in base64; None where the text that is shown says all."""
    return None if shown(path).encode() == path else b64encode(path).decode()


def path_of(text: str, base64: str | None) -> bytes:
    """Return the path that is shown as a text, with its bytes in base64 where the text doesn't say all.

    It is what `shown` and `base64_of` were made of. Raises ValueError, with a sentence.
    """
    try:
        path = bytes_of(text, base64)
    except ValueError as error:
        raise ValueError(f"the path in base64 {error}") from None
    if (fault := path_fault(path)) is not None:
        raise ValueError(f"the path {fault}")
    return path


# What is wrong is the end of a sentence in both of these, as in the refusals of the API: who says it begins with the
# name of the field, of the column, or with "the path".


def bytes_of(text: str, base64: str | None) -> bytes:
    """Return the bytes of a path by how it is shown, and by these in base64 if they are given.

    Raises ValueError, with what is wrong with the base64.
    """
    if not base64:
        return text.encode()
    try:
        path = b64decode(base64, validate=True)
    except ValueError:
        raise ValueError("is no base64") from None
    if shown(path) != text:
        raise ValueError("is not shown as the path")
    return path


def path_fault(path: bytes) -> str | None:
    """Return what is wrong with a path, or None."""
    if not path:
        return "must not be empty"
    if b"\0" in path:
        return "must not contain the byte 0"
    if len(path) > MAX_PATH:
        return f"may have up to {MAX_PATH:,} bytes, not {len(path):,}"
    return None
