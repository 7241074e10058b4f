"""When events were: dates that are dates of the calendar, and what was going on between two moments."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.values import beginning, format_time
from tests.server import Client, Server
from tests.test_ownership import execute

PRECISIONS = ("EXACT", "MINUTE", "DAY", "MONTH", "YEAR")
DATES = {"DAY": "2026-06-15T00:00:00Z", "MONTH": "2026-06-01T00:00:00Z", "YEAR": "2026-01-01T00:00:00Z"}
# What is no date, and the date that was written for it.
NO_DATES = {
    "DAY": {
        "2026-06-15T00:00:00+09:00": "2026-06-15T00:00:00Z",
        "2026-06-15T00:00:00-05:00": "2026-06-15T00:00:00Z",
        "2026-06-15T23:59:59-23:59": "2026-06-15T00:00:00Z",
        "2026-06-14T15:00:00Z": "2026-06-14T00:00:00Z",
        "2026-06-15T00:00:00.000001Z": "2026-06-15T00:00:00Z",
        "2024-02-29T12:00:00+14:00": "2024-02-29T00:00:00Z",
    },
    "MONTH": {
        "2026-06-02T00:00:00Z": "2026-06-01T00:00:00Z",
        "2026-06-01T00:00:00+09:00": "2026-06-01T00:00:00Z",
        "2026-07-31T12:00:00Z": "2026-07-01T00:00:00Z",
    },
    "YEAR": {
        "2025-06-15T12:34:56Z": "2025-01-01T00:00:00Z",
        "2025-02-01T00:00:00Z": "2025-01-01T00:00:00Z",
        "2026-01-01T00:00:00+01:00": "2026-01-01T00:00:00Z",
        "2025-01-01T00:00:00-08:00": "2025-01-01T00:00:00Z",
    },
}
EVENT = "event { occurredAt occurredUntil timePrecision title } errors { code message path }"


def fault(precision: str, field: str, right: str) -> dict[str, Any]:
    message = (
        f"`{field}` must be the beginning of a {precision.lower()} in UTC where `timePrecision` is {precision}: a date "
        f"is given as its midnight in UTC, which is {right}, whatever the time zone"
    )
    return {"code": "INVALID_INPUT", "message": message, "path": ["input", field]}


def changed(client: Client, case: str, event: str, **given: Any) -> dict[str, Any]:
    return client.change("updateEvent", EVENT, caseId=case, id=event, **given)


# Dates


@pytest.mark.parametrize("precision", DATES)
def test_a_date_is_its_midnight_in_utc(alice: Client, precision: str) -> None:
    case, date = alice.create_case(), DATES[precision]
    create = {"caseId": case, "title": "x", "timePrecision": precision}
    for moment, right in NO_DATES[precision].items():
        refused = alice.change("createEvent", EVENT, **create, occurredAt=moment)
        assert refused == {"event": None, "errors": [fault(precision, "occurredAt", right)]}
        refused = alice.change("createEvent", EVENT, **create, occurredAt="2024-01-01T00:00:00Z", occurredUntil=moment)
        assert refused == {"event": None, "errors": [fault(precision, "occurredUntil", right)]}
        both = alice.change("createEvent", EVENT, **create, occurredAt=moment, occurredUntil=moment)
        assert both["errors"] == [fault(precision, field, right) for field in ("occurredAt", "occurredUntil")]
        # What is said to be right is taken.
        made = alice.change("createEvent", EVENT, **create, occurredAt=right, occurredUntil=right)
        assert (made["errors"], made["event"]["occurredAt"]) == ([], right.replace("Z", ".000000Z"))
    # However it is written.
    for moment in (date, date.replace("Z", "+00:00"), date.replace("T00", "T09").replace("Z", "+09:00")):
        made = alice.change("createEvent", EVENT, **create, occurredAt=moment, occurredUntil=moment)
        assert made["errors"] == []
        assert made["event"]["occurredAt"] == made["event"]["occurredUntil"] == date.replace("Z", ".000000Z")


@pytest.mark.parametrize("precision", ["EXACT", "MINUTE"])
def test_a_moment_is_whatever_it_is(alice: Client, precision: str) -> None:
    event = alice.create_event(alice.create_case(), timePrecision=precision, occurredAt="2026-06-15T12:34:56.5+09:00")
    assert event


@pytest.mark.parametrize("precision", DATES)
def test_a_change_keeps_to_dates(alice: Client, precision: str) -> None:
    case, date = alice.create_case(), DATES[precision].replace("Z", ".000000Z")
    wrong = "2025-06-15T12:34:56Z"
    right = {"DAY": "2025-06-15T00:00:00Z", "MONTH": "2025-06-01T00:00:00Z", "YEAR": "2025-01-01T00:00:00Z"}[precision]
    event = alice.create_event(case, occurredAt=wrong, occurredUntil=date)
    # The precision alone, and with either of the two.
    kept = alice.run(f'{{ event(caseId: "{case}", id: "{event}") {{ occurredAt }} }}')["event"]["occurredAt"]
    message = f"can't be {precision} while `occurredAt` is {kept}; give it as well, as the midnight in UTC"
    refused = changed(alice, case, event, timePrecision=precision)
    assert refused["errors"] == [
        {
            "code": "INVALID_INPUT",
            "message": f"`timePrecision` {message} {right}",
            "path": ["input", "timePrecision"],
        }
    ]
    assert changed(alice, case, event, timePrecision=precision, occurredAt=wrong)["errors"] == [
        fault(precision, "occurredAt", right)
    ]
    assert changed(alice, case, event, timePrecision=precision, occurredUntil=date)["errors"] != []
    given = {"occurredAt": date, "occurredUntil": date, "timePrecision": precision}
    made = changed(alice, case, event, **given)
    assert made == {"event": given | {"title": "An event"}, "errors": []}
    # One of the moments alone.
    late, date = (
        "2027-03-03T03:00:00Z",
        right.replace("2025-06", "2027-03").replace("2025", "2027").replace("-15", "-03"),
    )
    assert changed(alice, case, event, occurredUntil=late)["errors"] == [fault(precision, "occurredUntil", date)]
    assert changed(alice, case, event, occurredAt=wrong)["errors"] == [fault(precision, "occurredAt", right)]
    assert changed(alice, case, event, occurredAt=late, timePrecision="EXACT", occurredUntil=None)["errors"] == []


def test_what_is_there_already_is_read_and_changed_in_all_else(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    old = {"occurredAt": "2026-06-14T15:00:00.000000Z", "timePrecision": "DAY"}
    execute(
        server,
        f"UPDATE events SET occurred_at = '{old['occurredAt']}', time_precision = 'DAY' WHERE id = '{event}'",  # noqa: S608
    )
    kept = {**old, "occurredUntil": None}
    assert changed(alice, case, event, title="New") == {"event": kept | {"title": "New"}, "errors": []}
    # Nor does it matter that a form sends all that it has.
    assert changed(alice, case, event, title="Newer", **kept) == {"event": kept | {"title": "Newer"}, "errors": []}
    until = {"occurredUntil": "2026-06-16T00:00:00.000000Z"}
    assert changed(alice, case, event, **until)["event"] == kept | {"title": "Newer"} | until
    assert changed(alice, case, event, occurredAt="2026-06-14T16:00:00Z")["errors"] == [
        fault("DAY", "occurredAt", "2026-06-14T00:00:00Z")
    ]
    assert changed(alice, case, event, timePrecision="MONTH")["errors"] != []
    assert changed(alice, case, event, occurredAt="2026-06-14T00:00:00Z")["errors"] == []


# What was going on


def going_on(client: Client, case: str, **window: str) -> set[str]:
    query = """
        query ($id: ID!, $where: EventFilter) {
          case(id: $id) { events(where: $where, first: 100) { totalCount nodes { title } } }
        }
    """
    found = client.run(query, id=case, where=window)["case"]["events"]
    titles = {node["title"] for node in found["nodes"]}
    assert found["totalCount"] == len(titles)
    return titles


def test_events_are_found_by_the_whole_of_their_time(alice: Client) -> None:
    case = alice.create_case()
    for title, at, until, precision in (
        ("lasting", "2026-01-10", "2026-12-20", "EXACT"),
        ("some time in the year", "2026-01-01", None, "YEAR"),
        ("the year before", "2025-01-01", None, "YEAR"),
        ("some time in June", "2026-06-01", None, "MONTH"),
        ("some time in May", "2026-05-01", None, "MONTH"),
        ("31 May", "2026-05-31", None, "DAY"),
        ("1 June", "2026-06-01", None, "DAY"),
        ("28 to 31 May", "2026-05-28", "2026-05-31", "DAY"),
        ("28 May to 1 June", "2026-05-28", "2026-06-01", "DAY"),
        ("1 July", "2026-07-01", None, "DAY"),
        ("2020 to 2026", "2020-01-01", "2026-01-01", "YEAR"),
        ("2020 to 2025", "2020-01-01", "2025-01-01", "YEAR"),
    ):
        until_ = {"occurredUntil": f"{until}T00:00:00Z"} if until else {}
        alice.create_event(case, title=title, occurredAt=f"{at}T00:00:00Z", timePrecision=precision, **until_)
    for title, at in (("end of May", "05-31T23:59:59.999999Z"), ("midnight", "06-01T00:00:00Z")):
        alice.create_event(case, title=title, occurredAt=f"2026-{at}")
    for title, at in (("last minute of May", "05-31T23:59:00Z"), ("a minute in between", "05-31T23:59:30Z")):
        alice.create_event(case, title=title, occurredAt=f"2026-{at}", timePrecision="MINUTE")
    june = {"overlapsFrom": "2026-06-01T00:00:00Z", "overlapsBefore": "2026-07-01T00:00:00Z"}
    always = {"lasting", "some time in the year", "some time in June", "1 June", "28 May to 1 June", "2020 to 2026"}
    assert going_on(alice, case, **june) == always | {"midnight", "a minute in between"}
    assert going_on(alice, case, **june | {"overlapsFrom": "2026-06-30T23:59:59.999999+00:00"}) == {
        *("lasting", "some time in the year", "some time in June", "2020 to 2026")
    }
    assert len(going_on(alice, case, overlapsFrom="0001-01-01T00:00:00Z")) == 16
    assert going_on(alice, case, overlapsFrom="9999-12-31T23:59:59.999999Z") == set()
    assert going_on(alice, case, overlapsBefore="0001-01-01T00:00:00Z") == set()
    assert "1 July" in going_on(alice, case, overlapsBefore="2026-07-01T00:00:00.000001Z")


def test_the_first_and_the_last_dates_are_as_others(alice: Client) -> None:
    case = alice.create_case()
    for precision, year in itertools.product(PRECISIONS, ("0001", "9999")):
        title = f"{precision} {year}"
        alice.create_event(case, title=title, occurredAt=f"{year}-01-01T00:00:00Z", timePrecision=precision)
    found = going_on(alice, case, overlapsFrom="0001-01-01T00:00:59.999999Z", overlapsBefore="9999-01-01T00:00:00Z")
    assert found == {"MINUTE 0001", "DAY 0001", "MONTH 0001", "YEAR 0001"}
    assert going_on(alice, case, overlapsFrom="9999-12-31T23:59:59.999999Z") == {"YEAR 9999"}


MOMENTS = st.datetimes(datetime(2023, 11, 1), datetime(2024, 4, 30)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001 - in UTC a line on


def end_of(moment: datetime, precision: str) -> datetime:
    """Return the last moment of what a precision leaves open, by the calendar."""
    match precision:
        case "EXACT":
            return moment
        case "MINUTE":
            return moment + timedelta(minutes=1, microseconds=-1)
        case "DAY":
            return moment + timedelta(days=1, microseconds=-1)
        case "MONTH":
            return beginning(moment + timedelta(days=31), "MONTH") - timedelta(microseconds=1)
        case _:
            return moment.replace(year=moment.year + 1) - timedelta(microseconds=1)


@settings(max_examples=50, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=MOMENTS, lasts=st.none() | st.integers(0, 100), precision=st.sampled_from(PRECISIONS), data=st.data())
def test_a_window_finds_what_touches_it(
    alice: Client, at: datetime, lasts: int | None, precision: str, data: st.DataObject
) -> None:
    at = beginning(at, precision)
    until = None if lasts is None else beginning(at + timedelta(days=lasts), precision)
    end = end_of(until or at, precision)
    near = [moment + timedelta(microseconds=by) for moment in (at, end) for by in (-1, 0, 1)]
    start = data.draw(st.sampled_from(near) | MOMENTS)
    before = data.draw(st.sampled_from(near) | MOMENTS)
    case = alice.create_case()
    given_until = {"occurredUntil": format_time(until)} if until else {}
    alice.create_event(case, occurredAt=format_time(at), timePrecision=precision, **given_until)
    found = going_on(alice, case, overlapsFrom=format_time(start), overlapsBefore=format_time(before))
    assert bool(found) == (at < before and end >= start)
    alice.change("deleteCase", "errors { code }", id=case)
