"""The forms that a setting's text may have. Each parses a text, or raises ValueError with what is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """How a setting is written: in words for people, and as what reads it."""

    words: str
    parse: Callable[[str], T]


def whole(least: int, most: int) -> Form[int]:
    """Return the form of a whole number between two others."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return Form(f"{least} to {most}", parse)


def one_of(*names: str) -> Form[str]:
    """Return the form of one of some names, in capitals or not."""

    def parse(text: str) -> str:
        if text.lower() not in names:
            raise ValueError(f"expected one of {', '.join(names)}")
        return text.lower()

    return Form(" or ".join([", ".join(f"`{name}`" for name in names[:-1]), f"`{names[-1]}`"]), parse)


def words(text: str) -> tuple[str, ...]:
    """Return what stands between commas."""
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def _flag(text: str) -> bool:
    match text.lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
        case _:
            raise ValueError("expected true or false")


def _optional(text: str) -> str | None:
    return text or None


def _secret(text: str) -> str | None:
    if text.encode("utf-8", "replace") != text.encode("utf-8", "surrogateescape"):
        raise ValueError("a secret is text in UTF-8")
    return text or None


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


FILE: Final = Form("path", _path)
FLAG: Final = Form("`true` or `false`", _flag)
TEXT: Final = Form("text", _optional)
SECRET: Final = Form("text", _secret)
