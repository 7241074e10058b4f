"""The values that cross the border: identifiers, times and text, read strictly and written in one form."""

from __future__ import annotations

import os
import re
import unicodedata
from calendar import monthrange
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, lru_cache

from uuid_utils import uuid4, uuid7

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
# As answers have them, or to the second, in UTC: what Python reads itself, several times as fast.
_WIRE_FORM = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{6})?Z", re.ASCII)
_UTC_OFFSET = re.compile(
    r"(?!-00:00)(?:-0\d:[0-5]\d|-1[01]:[0-5]\d|-12:00|\+0\d:[0-5]\d|\+1[0-3]:[0-5]\d|\+14:00)", re.ASCII
)
_OFFSET_NAME = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)
_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}  # general categories: controls, format characters, blanks
# Format characters that are seen nevertheless: Prepended_Concatenation_Mark in Unicode's PropList.txt.
_SEEN = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
# What is of another category and is not seen: Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt
# (16.0) less those categories; and what has a blank for its glyph: U+2800, U+16FE4, U+1D159.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U00016fe4\U0001d159\U000e0000-\U000e0fff]"
)
_SEPARATOR = "\x1f"
_LEAP_SECOND = 60
# Python's own names of months are those of the process's locale.
_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
_SURROGATE = re.compile("[\ud800-\udfff]")
# What Unicode calls printable and shows as nothing: default-ignorable code points, and the blank of Braille.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


LEAST_ID, GREATEST_ID = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""What no id lies before, and none behind."""


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


@cache
def field_name(column_name: str) -> str:
    """Return the name in the schema of what is a column, as `fileCount` for `file_count`."""
    return re.sub(r"_([a-z])", lambda letter: letter[1].upper(), column_name)


@cache
def column_name(field_name: str) -> str:
    """Return the column of a field of the schema, as `file_count` for `fileCount`."""
    return re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), field_name)


def now() -> datetime:
    """Return the present moment in UTC, with microseconds."""
    return datetime.now(UTC)


def parse_time(text: str) -> datetime:
    """Return the moment that an RFC 3339 date-time names, in UTC.

    Digits of a second beyond the sixth are cut off, and a leap second is the end of the second before it. What the
    zone of the moment is called says with which offset it was written; see `as_written`. Raises ValueError with a
    sentence for the client.
    """
    if _WIRE_FORM.fullmatch(text):
        with suppress(ValueError):  # which is told below, in a sentence
            return datetime.fromisoformat(text)
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError("expected a date and time with an offset, such as 2026-03-01T09:30:00Z (RFC 3339)")
    *parts, fraction, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, parts)
    fault = _date_fault(year, month, day) or _clock_fault(hour, minute, second, int(hours or 0), int(minutes or 0))
    if fault is not None:
        raise ValueError(fault)
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    zone = timezone(-offset if sign == "-" else offset)
    leaps = second == _LEAP_SECOND
    microsecond = 999_999 if leaps else int((fraction or "0")[:6].ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second - leaps, microsecond, zone).astimezone(UTC)
    except OverflowError:
        raise ValueError("counted in UTC, this lies outside the years 0001 to 9999") from None
    if leaps and (moment.hour, moment.minute, moment.day) != (23, 59, monthrange(moment.year, moment.month)[1]):
        raise ValueError("second 60 is there only at 23:59:60 in UTC on the last day of a month; seconds go to 59")
    return moment.replace(tzinfo=timezone(timedelta(), f"{sign}{hours}:{minutes}")) if offset else moment


def as_written(moment: datetime) -> datetime:
    """Return the date and the clock with which a moment was written, as if they were in UTC."""
    written = _OFFSET_NAME.fullmatch(moment.tzname() or "")
    sign, hours, minutes = written.groups() if written else ("+", "00", "00")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return moment.replace(tzinfo=UTC) + (-offset if sign == "-" else offset)


def is_utc_offset(text: str) -> bool:
    """Return whether a text is an offset from UTC in the one form that each has: `+02:00`, from -12:00 to +14:00."""
    return _UTC_OFFSET.fullmatch(text) is not None


def beginning(moment: datetime, precision: str) -> datetime:
    """Return the moment at which the day, the month or the year of a moment in UTC begins, by a TimePrecision's name.

    With any other precision it is the moment itself.
    """
    if precision not in {"DAY", "MONTH", "YEAR"}:
        return moment
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return day if precision == "DAY" else day.replace(day=1) if precision == "MONTH" else day.replace(month=1, day=1)


def earliest_reaching(moment: datetime, precision: str) -> datetime:
    """Return the earliest moment whose interval, as long as a TimePrecision's name says, reaches a moment in UTC."""
    try:
        match precision:
            case "MINUTE":
                back = moment - timedelta(minutes=1)
            case "DAY":
                back = moment - timedelta(days=1)
            case "MONTH":
                last = moment.replace(day=1) - timedelta(days=1)  # of the month before
                back = last.replace(day=min(moment.day, last.day))
            case "YEAR":
                last = moment.replace(day=1, year=moment.year - 1)
                back = last.replace(day=min(moment.day, monthrange(last.year, last.month)[1]))
            case _:
                return moment
        # What an interval leaves open ends before the next one begins.
        return back + timedelta(microseconds=1)
    except (OverflowError, ValueError):
        return datetime.min.replace(tzinfo=UTC)


def _date_fault(year: int, month: int, day: int) -> str | None:
    if year == 0:
        return "there is no year 0000; years go from 0001 to 9999"
    if not 1 <= month <= len(_MONTHS):
        return f"there is no month {month:02}; months go from 01 to 12"
    if day == 0:
        return "there is no day 00; days begin with 01"
    if day > monthrange(year, month)[1]:
        return f"{year:04} has no {day} {_MONTHS[month - 1]}"
    return None


def _clock_fault(hour: int, minute: int, second: int, offset_hours: int, offset_minutes: int) -> str | None:
    for value, most, name in (
        (hour, 23, "hour"),
        (minute, 59, "minute"),
        (second, _LEAP_SECOND, "second"),
        (offset_hours, 23, "hour of an offset"),
        (offset_minutes, 59, "minute of an offset"),
    ):
        if value > most:
            return f"there is no {name} {value}; they go to {most}"
    return None


@lru_cache(1_000)  # one moment is written several times by a change
def format_time(moment: datetime) -> str:
    """Return the wire form of a moment: RFC 3339 in UTC, six digits of a second, and `Z`.

    The form has a fixed width, so that the order of the texts is the order of the moments.
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def text_fault(text: str) -> str | None:
    """Return what keeps `text` from being stored alike by every database, or None when nothing does."""
    if "\0" in text:
        return "must not contain the character U+0000"
    if _SURROGATE.search(text):
        return "must be Unicode text, without lone surrogates"
    return None


def is_visible(text: str) -> bool:
    """Return whether `text` has a character that can be seen."""
    if "!" <= text[:1] <= "~":
        return True  # as nearly all do, and this is asked at every change
    return any(
        _SEEN.match(character)
        or not (unicodedata.category(character) in _INVISIBLE or _UNSEEN.match(character) or character.isspace())
        for character in text
    )


def fold(*texts: str | None) -> str:
    """Return texts, one after the other, in a form in which those that differ in case alone are equal.

    It is the canonical caseless matching of the Unicode Standard (section 3.13, D145), composed again so
    that a letter never matches the beginning of the same letter with an accent.
    """
    return _SEPARATOR.join([_folded(text) for text in texts if text is not None])


def _folded(text: str) -> str:
    if text.isascii():
        folded = text.lower()  # the same, and most are
    else:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    # Of a text's own separators capital letters are made, which nothing else is folded into: so what is searched for
    # never matches what stands between two texts.
    return folded.replace(_SEPARATOR, "U")


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
