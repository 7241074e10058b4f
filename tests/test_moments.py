"""How moments are given: what is taken, and what is said of what is not."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.values import format_time, parse_time
from tests.server import Client

CREATE = """
mutation ($input: CreateEventInput!) { createEvent(input: $input) { event { occurredAt } errors { message path } } }
"""


def created(client: Client, case: str, moment: object) -> dict[str, Any]:
    """Return the whole answer to an event at a moment."""
    response = client.post(CREATE, {"input": {"caseId": case, "title": "x", "occurredAt": moment}})
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize(
    ("moment", "taken"),
    [
        # Both are examples in RFC 3339, section 5.8.
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999Z"),
        ("1990-12-31T15:59:60-08:00", "1990-12-31T23:59:59.999999Z"),
        ("2017-01-01T08:59:60.25+09:00", "2016-12-31T23:59:59.999999Z"),
        ("2024-02-29T23:59:60z", "2024-02-29T23:59:59.999999Z"),
        ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999999Z"),
        ("2016-12-31T23:59:59.9999999Z", "2016-12-31T23:59:59.999999Z"),
    ],
)
def test_a_leap_second_is_the_end_of_the_second_before(alice: Client, moment: str, taken: str) -> None:
    answer = created(alice, alice.create_case(), moment)
    assert answer == {"data": {"createEvent": {"event": {"occurredAt": taken}, "errors": []}}}


NO_LEAP = "second 60 is there only at 23:59:60 in UTC on the last day of a month; seconds go to 59"
NO_FORM = "expected a date and time with an offset, such as 2026-03-01T09:30:00Z (RFC 3339)"
OUTSIDE = "counted in UTC, this lies outside the years 0001 to 9999"
REASONS = {
    "2026-02-29T00:00:00Z": "2026 has no 29 February",
    "1900-02-29T00:00:00Z": "1900 has no 29 February",
    "2026-04-31T00:00:00Z": "2026 has no 31 April",
    "2026-12-32T00:00:00Z": "2026 has no 32 December",
    "2026-01-00T00:00:00Z": "there is no day 00; days begin with 01",
    "2026-00-01T00:00:00Z": "there is no month 00; months go from 01 to 12",
    "2026-13-01T00:00:00Z": "there is no month 13; months go from 01 to 12",
    "0000-01-01T00:00:00Z": "there is no year 0000; years go from 0001 to 9999",
    "2026-03-01T24:00:00Z": "there is no hour 24; they go to 23",
    "2026-03-01T23:60:00Z": "there is no minute 60; they go to 59",
    "2026-03-01T23:59:61Z": "there is no second 61; they go to 60",
    "2026-03-01T00:00:00+24:00": "there is no hour of an offset 24; they go to 23",
    "2026-03-01T00:00:00-01:60": "there is no minute of an offset 60; they go to 59",
    "2026-12-30T23:59:60Z": NO_LEAP,
    "2026-12-31T23:58:60Z": NO_LEAP,
    "2026-12-31T22:59:60Z": NO_LEAP,
    "2016-12-31T23:59:60+01:00": NO_LEAP,
    "0001-01-01T00:00:00+00:01": OUTSIDE,
    "9999-12-31T23:59:59-00:01": OUTSIDE,
    "9999-12-31T23:59:60-00:01": OUTSIDE,
    "2026-03-01": NO_FORM,
    "2026-03-01T09:30:00": NO_FORM,
    "2026-03-01T09:30Z": NO_FORM,
    "2026-03-01 09:30:00Z": NO_FORM,
    "2026-03-01T09:30:00,5Z": NO_FORM,
    "12026-03-01T09:30:00Z": NO_FORM,
    "": NO_FORM,
}


@pytest.mark.parametrize(("moment", "reason"), REASONS.items())
def test_what_is_no_moment_is_refused_with_its_reason(alice: Client, moment: str, reason: str) -> None:
    (error,) = created(alice, "1", moment)["errors"]
    assert f"encountered error '{reason}'; found: \"{moment}\"" in error["message"]
    assert error["extensions"] == {"code": "INVALID_INPUT"}


@settings(deadline=None, database=None)
@given(st.datetimes(timezones=st.just(UTC)), st.integers(-1439, 1439))
@example(datetime(2016, 12, 31, 23, 59, 59, 999999, UTC), 0)
def test_a_moment_is_the_same_at_every_offset(moment: datetime, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    try:
        local = moment.astimezone(zone)
    except OverflowError:
        return
    sign = "-" if offset < 0 else "+"
    written = f"{local.replace(tzinfo=None).isoformat()}{sign}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    assert parse_time(written) == moment
    assert parse_time(format_time(moment)) == moment
    # The second that is put in at the end of a month, wherever one is.
    last = moment.replace(day=monthrange(moment.year, moment.month)[1], hour=23, minute=59, second=59)
    try:
        local = last.astimezone(zone)
    except OverflowError:
        return
    if local.second == 59:
        leap = f"{local.strftime('%Y').zfill(4)}{local.strftime('-%m-%dT%H:%M')}:60{written[-6:]}"
        assert parse_time(leap) == last.replace(microsecond=999_999)


@settings(deadline=None, database=None)
@given(
    st.tuples(*(st.integers(0, most) for most in (9999, 14, 33, 25, 61, 61))),
    st.sampled_from(["Z", "+00:00", "-08:00", "+14:00", "+23:59"]),
)
def test_whatever_has_the_form_is_taken_as_python_takes_it_or_refused_in_words(
    parts: tuple[int, ...], zone: str
) -> None:
    year, month, day, hour, minute, second = parts
    written = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}"
    try:
        moment = datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError):
        if second != 60:
            with pytest.raises(ValueError, match=r"there is no|has no|outside the years"):
                parse_time(written)
    else:
        assert parse_time(written) == moment
