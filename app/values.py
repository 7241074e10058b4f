"""The values that cross the border: identifiers, times and text, read strictly and written in one form."""

from __future__ import annotations

import os
import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from uuid_utils import uuid7

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
# What Unicode calls printable and shows as nothing: default-ignorable code points, and the blank of Braille.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def new_id() -> str:
    """Return a new UUID of version 7 (RFC 9562), whose order is the order of creation, as canonical text."""
    return str(uuid7())


def parse_id(text: object) -> str | None:
    """Return the canonical lower-case form of a UUID, or None when `text` is none."""
    if isinstance(text, str) and _UUID.fullmatch(text):
        return text.lower()
    return None


def now() -> datetime:
    """Return the present moment in UTC, with microseconds."""
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """Return the moment that an RFC 3339 date-time names, in UTC.

    Digits of a second beyond the sixth are cut off. Raises ValueError with a sentence for the client.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError("expected a date and time with an offset, such as 2026-03-01T09:30:00Z (RFC 3339)")
    *parts, fraction, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    zone = timezone(-offset if sign == "-" else offset)
    try:
        return datetime(
            year, month, day, hour, minute, second, int((fraction or "0")[:6].ljust(6, "0")), zone
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("no such moment between the years 0001 and 9999, counted in UTC") from None


def format_time(moment: datetime) -> str:
    """Return the wire form of a moment: RFC 3339 in UTC, six digits of a second, and `Z`.

    The form has a fixed width, so that the order of the texts is the order of the moments.
    """
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def text_fault(text: str) -> str | None:
    """Return what keeps `text` from being stored alike by every database, or None when nothing does."""
    if "\0" in text:
        return "must not contain the character U+0000"
    if _SURROGATE.search(text):
        return "must be Unicode text, without lone surrogates"
    return None


def fold(*texts: str | None) -> str:
    """Return texts in a form in which those that differ in case alone are equal.

    It is the canonical caseless matching of the Unicode Standard (section 3.13, D145), composed again so
    that a letter never matches the beginning of the same letter with an accent.
    """
    joined = "\x1f".join(text for text in texts if text is not None)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", joined).casefold())


def printable(text: str) -> str:
    """Return `text` with whatever UTF-8 can't encode replaced, for messages that quote a client's words."""
    return _SURROGATE.sub("\ufffd", text)


def from_argument(text: str) -> str | None:
    """Return what an argument of a command says, which is UTF-8 in every locale, or None when it is no such text."""
    try:
        return os.fsencode(text).decode("utf-8") if _SURROGATE.search(text) else text
    except UnicodeError:
        return None


def visible(text: str) -> str:
    r"""Return `text` as a terminal or a log may show it: in one line, in which every character is seen and none acts.

    Control characters, what turns or breaks a line and what is not seen are written as `\u001b`; bytes that Python
    could not decode, and keeps as halves of surrogate pairs, as `\xe9`. What is visible already stays as it is.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isprintable() and not _BLANK.match(each) else _escape(ord(each)) for each in text)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
