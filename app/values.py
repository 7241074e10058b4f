"""The values that cross the border: identifiers, times and text, read strictly and written in one form."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from uuid_utils import uuid4, uuid7

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def new_id() -> str:
    """Return a new UUID of version 7 (RFC 9562), whose order is the order of creation, as canonical text."""
    return str(uuid7())


def new_user_id() -> str:
    """Return a new UUID of version 4, which tells nothing, as canonical text.

    A user's id must not say whether it was made when they called or when someone named them.
    """
    return str(uuid4())


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
