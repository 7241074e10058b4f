"""How many events begin in each unit of time: exact, on every day that there is, and the same on both databases."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.values import format_time, new_id
from tests.server import Client, Server
from tests.test_ownership import execute

UNITS = ("MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR")
COUNTS = """
query ($id: ID!, $by: TimeUnit!, $where: EventFilter, $asOf: AsOf) {
  case(id: $id, asOf: $asOf) { eventCounts(by: $by, where: $where) { from until count } }
}
"""
LAST = "9999-12-31T23:59:59.999999Z"


def counts(client: Client, case: str, by: str, **more: Any) -> list[tuple[str, str, int]]:
    found = client.run(COUNTS, id=case, by=by, **more)["case"]["eventCounts"]
    return [(each["from"], each["until"], each["count"]) for each in found]


def unit(moment: datetime, by: str) -> tuple[str, str]:
    """Return when the unit begins and ends that a moment in UTC is in, by Python's calendar."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    start = {
        "MINUTE": moment.replace(second=0, microsecond=0),
        "HOUR": moment.replace(minute=0, second=0, microsecond=0),
        "DAY": day,
        "WEEK": day - timedelta(days=day.weekday()),
        "MONTH": day.replace(day=1),
        "YEAR": day.replace(month=1, day=1),
    }[by]
    try:
        match by:
            case "MONTH":
                end = start.replace(month=start.month % 12 + 1, year=start.year + start.month // 12)
            case "YEAR":
                end = start.replace(year=start.year + 1)
            case _:
                end = start + timedelta(**{f"{by.lower()}s": 1})
    except (OverflowError, ValueError):
        return format_time(start), LAST
    return format_time(start), format_time(end)


def expected(moments: list[datetime], by: str) -> list[tuple[str, str, int]]:
    return sorted((*interval, count) for interval, count in Counter(unit(each, by) for each in moments).items())


def fill(server: Server, client: Client, case: str, moments: list[str], title: str = "x") -> None:
    """Put events into a case, behind the API's back, as there may be many."""
    user = client.run("{ viewer { id } }")["viewer"]["id"]
    columns = "id, case_id, title, occurred_at, created_by, updated_by"
    for some in (moments[place : place + 500] for place in range(0, len(moments), 500)):
        rows = ", ".join(f"('{new_id()}', '{case}', '{title}', '{at}', '{user}', '{user}')" for at in some)
        execute(server, f"INSERT INTO events ({columns}) VALUES {rows}")  # noqa: S608 - ours


def test_a_case_without_events_has_no_counts(alice: Client) -> None:
    case = alice.create_case()
    assert [counts(alice, case, by) for by in UNITS] == [[]] * 6


def test_events_are_counted_by_the_clock_and_the_calendar_of_utc(alice: Client) -> None:
    case = alice.create_case()
    for at in (
        "2025-12-31T23:30:00-02:00",
        "2026-01-01T01:30:59.9Z",
        "2026-01-04T23:59:59.999999Z",
        "2026-01-05T00:00:00Z",
    ):
        alice.create_event(case, occurredAt=at)
    assert counts(alice, case, "MINUTE")[0] == ("2026-01-01T01:30:00.000000Z", "2026-01-01T01:31:00.000000Z", 2)
    assert counts(alice, case, "HOUR")[0] == ("2026-01-01T01:00:00.000000Z", "2026-01-01T02:00:00.000000Z", 2)
    assert counts(alice, case, "DAY") == [
        ("2026-01-01T00:00:00.000000Z", "2026-01-02T00:00:00.000000Z", 2),
        ("2026-01-04T00:00:00.000000Z", "2026-01-05T00:00:00.000000Z", 1),
        ("2026-01-05T00:00:00.000000Z", "2026-01-06T00:00:00.000000Z", 1),
    ]
    # The first week of 2026 begins in 2025.
    assert counts(alice, case, "WEEK") == [
        ("2025-12-29T00:00:00.000000Z", "2026-01-05T00:00:00.000000Z", 3),
        ("2026-01-05T00:00:00.000000Z", "2026-01-12T00:00:00.000000Z", 1),
    ]
    assert counts(alice, case, "MONTH") == [("2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z", 4)]
    assert counts(alice, case, "YEAR") == [("2026-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z", 4)]


def test_fields_are_answered_under_the_names_that_were_asked_for(alice: Client) -> None:
    case = alice.create_case()
    alice.create_event(case, occurredAt="2026-02-03T04:05:06Z")
    query = """
        query ($id: ID!) {
          case(id: $id) {
            a: eventCounts(by: YEAR) { n: count m: count __typename }
            b: eventCounts(by: WEEK) { until from ... on EventCount { from } }
          }
          cases(first: 1) {
            nodes { eventCounts(by: MONTH) { count } events { nodes { case { eventCounts(by: DAY) { count } } } } }
          }
        }
    """
    assert alice.run(query, id=case) == {
        "case": {
            "a": [{"n": 1, "m": 1, "__typename": "EventCount"}],
            "b": [{"until": "2026-02-09T00:00:00.000000Z", "from": "2026-02-02T00:00:00.000000Z"}],
        },
        "cases": {
            "nodes": [{"eventCounts": [{"count": 1}], "events": {"nodes": [{"case": {"eventCounts": [{"count": 1}]}}]}}]
        },
    }


def test_only_events_that_meet_the_filter_are_counted(alice: Client) -> None:
    case = alice.create_case()
    for day, type_ in itertools.product((1, 2, 3), ("FINDING", "NOTE")):
        alice.create_event(case, occurredAt=f"2026-01-0{day}T12:00:00Z", type=type_, title=f"{type_} {day}")
    for where, numbers in (
        ({}, [2, 2, 2]),
        ({"type": ["NOTE"]}, [1, 1, 1]),
        ({"type": []}, []),
        ({"text": "finding 2"}, [1]),
        ({"occurredFrom": "2026-01-02T00:00:00Z"}, [2, 2]),
        ({"occurredBefore": "2026-01-03T12:00:00Z", "type": ["FINDING"]}, [1, 1]),
        ({"overlapsFrom": "2026-01-03T00:00:00Z"}, [2]),
        ({"updatedFrom": "9999-01-01T00:00:00Z"}, []),
    ):
        assert [count for _, _, count in counts(alice, case, "DAY", where=where)] == numbers, where
    for text, fault in (
        ("\0", "must not contain the character U+0000"),
        ("x" * 1_001, "may have up to 1000 characters, not 1001"),
    ):
        (error,) = alice.errors(COUNTS, id=case, by="DAY", where={"text": text})
        assert (error["message"], error["path"]) == (f"`text` {fault}", ["case", "eventCounts"])
        assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "where.text"}


def test_events_are_counted_as_they_were(alice: Client) -> None:
    case = alice.create_case()
    events = [alice.create_event(case, occurredAt=f"2026-01-0{day}T00:00:00Z") for day in (1, 2, 2)]
    seq = alice.run(f'{{ case(id: "{case}") {{ journal {{ size }} }} }}')["case"]["journal"]["size"]
    was = [counts(alice, case, by) for by in UNITS]
    alice.change("updateEvent", "errors { code }", caseId=case, id=events[0], occurredAt="2031-05-05T00:00:00Z")
    alice.change("deleteEvent", "errors { code }", caseId=case, id=events[1])
    alice.create_event(case, occurredAt="2026-01-01T00:00:00Z")
    assert [count for _, _, count in counts(alice, case, "DAY")] == [1, 1, 1]
    for as_of in ({"seq": seq}, {"seq": seq + 3}):
        found = [counts(alice, case, by, asOf=as_of) for by in UNITS]
        assert (found == was) == (as_of["seq"] == seq)
    filtered = counts(alice, case, "MONTH", asOf={"seq": seq}, where={"occurredFrom": "2026-01-02T00:00:00Z"})
    assert [count for _, _, count in filtered] == [2]
    (error,) = alice.errors(COUNTS, id=case, by="DAY", where={"text": "a"}, asOf={"seq": seq})
    assert error["message"] == "`text` can't be asked of a case as it was"


LEAPS = [datetime(year, 2, 28, 23, 59, 59, 999_999, UTC) for year in (4, 1900, 2000, 2024, 2100)]
EDGES = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1, 1, 7, 23, 59, 59, 999_999, UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 26, 23, 59, 59, tzinfo=UTC),
    datetime(9999, 12, 27, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
]
EVER = st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC))
NEAR = st.builds(
    lambda year, day, by: datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day, microseconds=by),
    st.integers(2, 9998),
    st.integers(-10, 375),
    st.sampled_from([-1, 0, 1]),
)


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(EDGES)
@example(LEAPS + [moment + timedelta(microseconds=1) for moment in LEAPS])
@example([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(31)])
@given(st.lists(EVER | NEAR | st.sampled_from(EDGES), min_size=1, max_size=40))
def test_they_are_what_python_counts(server: Server, alice: Client, moments: list[datetime]) -> None:
    case = alice.create_case()
    fill(server, alice, case, [format_time(moment) for moment in moments])
    for by in UNITS:
        assert counts(alice, case, by) == expected(moments, by), by


def test_every_week_of_400_years_begins_on_its_monday(server: Server, alice: Client) -> None:
    """The calendar repeats itself after them: 1600 to 1999 is negative for most of its days, and has 1900 and 2000."""
    case, first = alice.create_case(), date(1600, 1, 1)
    days = [first + timedelta(days=day) for day in range(0, 146_097, 15)]
    fill(server, alice, case, [f"{day.isoformat()}T12:00:00.000000Z" for day in days])
    moments = [datetime(day.year, day.month, day.day, 12, tzinfo=UTC) for day in days]
    assert counts(alice, case, "WEEK") == expected(moments, "WEEK")
    assert counts(alice, case, "YEAR") == expected(moments, "YEAR")


# Limits


def test_more_units_than_are_told_are_refused(server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    case, start = alice.create_case(), datetime(2020, 1, 1, tzinfo=UTC)
    moments = [format_time(start + timedelta(minutes=minute)) for minute in range(10_000)]
    fill(server, alice, case, moments)
    found = counts(alice, case, "MINUTE")
    assert [at for at, _, _ in found] == moments
    fill(server, alice, case, [format_time(start - timedelta(microseconds=1))], title="one more")
    message = (
        "there is something in more than 10000 units of time, which is the most that is told, so narrow `where` or "
        "take a longer unit for `by`"
    )
    for _ in range(2):
        (error,) = alice.errors(COUNTS, id=case, by="MINUTE")
        assert error == {
            "message": message,
            "locations": [{"line": 3, "column": 32}],
            "path": ["case", "eventCounts"],
            "extensions": {"code": "LIMIT_EXCEEDED", "limit": "timeUnits", "maximum": 10_000},
        }
    assert len(counts(alice, case, "HOUR")) == 168
    assert counts(alice, case, "MINUTE", where={"occurredFrom": moments[0]}) == found
    # Which of several fields it was, and in a list.
    query = f"""{{
      a: case(id: "{case}") {{ eventCounts(by: DAY) {{ count }} }}
      cases(where: {{createdFrom: "2020-01-01T00:00:00Z"}}) {{ nodes {{ many: eventCounts(by: MINUTE) {{ count }} }} }}
    }}"""
    (error,) = alice.errors(query)
    assert (error["path"], error["message"]) == (["cases", "nodes", "many"], message)
    # As a stream, as if it were too large to be put together at once.
    with monkeypatch.context() as patched:
        patched.setattr("app.reading.streams._LARGE", 0)
        patched.setattr("app.reading.streams._PIECE", 0)
        streamed = COUNTS.replace("eventCounts", "lastActivityAt eventCounts")
        (error,) = alice.errors(streamed, id=case, by="MINUTE")
        assert (error["message"], error["path"]) == (message, ["case", "eventCounts"])
        told = alice.run(streamed, id=case, by="MINUTE", where={"occurredFrom": moments[0]})["case"]["eventCounts"]
        assert [(each["from"], each["until"], each["count"]) for each in told] == found
        assert alice.run(streamed, id=case, by="DAY", where={"type": []})["case"]["eventCounts"] == []
    # What a change would answer with it isn't made.
    selection = "case { eventCounts(by: MINUTE) { count } }"
    update = f'mutation {{ updateCase(input: {{id: "{case}", title: "New"}}) {{ {selection} }} }}'
    (error,) = alice.errors(update)
    assert (error["message"], error["extensions"]["limit"]) == (message, "timeUnits")
    assert (error["path"], error["locations"]) == (
        ["updateCase", "case", "eventCounts"],
        [{"line": 1, "column": update.index("eventCounts") + 1}],
    )
    assert alice.run(f'{{ case(id: "{case}") {{ title }} }}') == {"case": {"title": "A case"}}
    alice.change("deleteCase", "errors { code }", id=case)


@pytest.mark.parametrize("by", ["null", '"DAY"', "SECOND", None])
def test_the_unit_has_to_be_one(alice: Client, by: str | None) -> None:
    argument = "" if by is None else f"(by: {by})"
    alice.errors(f'{{ case(id: "{new_id()}") {{ eventCounts{argument} {{ count }} }} }}')


def test_nobody_else_is_told(server: Server, alice: Client) -> None:
    case = alice.create_case()
    alice.create_event(case)
    assert server.client().run(COUNTS, id=case, by="DAY") == {"case": None}
