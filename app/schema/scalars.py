"""Scalars of Dossier's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NewType

import strawberry

from app.values import format_time, parse_time

DateTime = NewType("DateTime", datetime)
JSON = NewType("JSON", object)
BigInt = NewType("BigInt", int)


def _serialize(value: datetime | str) -> str:
    # What the database wrote is in the wire form already.
    return value if isinstance(value, str) else format_time(value)


def _parse(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("expected a text with a date and time (RFC 3339)")  # noqa: TRY004 - what graphql-core reports
    return parse_time(value)


DATE_TIME = strawberry.scalar(
    name="DateTime",
    description=(
        "A moment, as an RFC 3339 date and time. It is always written in UTC with six digits of a second, as in "
        "`2026-03-01T09:30:00.000000Z`. It may be given with any offset from UTC. Digits of a second beyond the "
        "sixth are cut off, and a leap second, `23:59:60` in UTC on the last day of a month, is taken as the end of "
        "the second before it, `23:59:59.999999`."
    ),
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
    serialize=_serialize,
    parse_value=_parse,
)


def _itself(value: Any) -> Any:
    return value


JSON_VALUE = strawberry.scalar(
    name="JSON",
    description="A JSON value (RFC 8259).",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    serialize=_itself,
    parse_value=_itself,
)

_MOST = 2**53 - 1  # what a program with the numbers of JavaScript can hold exactly (RFC 8259, section 6)


def _whole(value: object) -> int:
    if type(value) is not int or not -_MOST <= value <= _MOST:
        raise ValueError("expected a whole number of up to 2^53 - 1")
    return value


BIG_INT = strawberry.scalar(
    name="BigInt",
    description="A whole number of up to 2^53 - 1, a JSON number on the wire.",
    specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    serialize=_itself,
    parse_value=_whole,
)
