"""Changes to events."""

from __future__ import annotations

from datetime import datetime

from app import ownership
from app.db import FoundRow
from app.db.models import DESCRIPTION_LENGTH, SOURCE_LENGTH, TIME_KIND_LENGTH, TITLE_LENGTH, Case, Event, table_of
from app.errors import NotFound, Refused
from app.ownership import CHANGE, DELETE, Viewer, place
from app.reading.payloads import Given
from app.record import removal
from app.record.journal import Recorder
from app.record.keeping import Touch
from app.resolvers.changes import change
from app.resolvers.inputs import (
    MOST_AT_ONCE,
    AnyRule,
    ItemsRule,
    ListRule,
    NumberRule,
    OffsetRule,
    Rule,
    TextRule,
    invalid,
)
from app.values import as_written, beginning, format_time, new_id

_EVENTS = table_of(Event)
_UNTIL_FAULT = "must not lie before `occurredAt`"
_DATES = {"DAY", "MONTH", "YEAR"}
_RULES: dict[str, Rule] = {
    "type": AnyRule(),
    "title": TextRule(TITLE_LENGTH, nullable=False),
    "description": TextRule(DESCRIPTION_LENGTH),
    "occurred_at": AnyRule(),
    "occurred_until": AnyRule(nullable=True),
    "time_precision": AnyRule(),
    "sort_order": NumberRule(-(2**31)),
    "source": TextRule(SOURCE_LENGTH),
    "time_kind": TextRule(TIME_KIND_LENGTH),
    "utc_offset": OffsetRule(),
}


def _interval_faults(event: Given) -> dict[str, str]:
    start, end = event.get("occurred_at"), event.get("occurred_until")
    if start is None or end is None or start <= end:
        return {}
    return {"occurred_until": _UNTIL_FAULT}


def _date_faults(event: Given) -> dict[str, str]:
    """Return which moments are no date of the calendar where the precision says that they are one."""
    precision = event.get("time_precision")
    if precision not in _DATES:
        return {}
    moments = {name: event.get(name) for name in ("occurred_at", "occurred_until")}
    return {
        name: f"must be the beginning of a {precision.lower()} in UTC where `timePrecision` is {precision}: a date is "
        f"given as its midnight in UTC, which is {_date(moment, precision)}, whatever the time zone"
        for name, moment in moments.items()
        if moment and beginning(moment, precision) != moment
    }


def _date(moment: datetime, precision: str) -> str:
    """Return how a date is given, by the day that was written for a moment that is none."""
    return format_time(beginning(as_written(moment), precision)).replace(".000000", "")


def _faults(event: Given) -> dict[str, str]:
    return _date_faults(event) | _interval_faults(event)


@change(place(CHANGE, case_id=Case, lock=False), _RULES, together=_faults)
def create(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> str:
    """Put an event on the timeline of a case. Takes the role CONTRIBUTOR."""
    identifier = new_id()
    recorder.add(_EVENTS, {"id": identifier, "case_id": case.id, **values})
    return identifier


@change(place(CHANGE, case_id=Case, lock=False), {"items": ItemsRule(MOST_AT_ONCE, _RULES, _faults)})
def create_each(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> tuple[str, ...]:
    """Put events on the timeline of a case: all that are given or, when one can't be made, none. Takes the role
    CONTRIBUTOR.
    """
    rows = [{"id": new_id(), "case_id": case.id, **item} for item in values["items"]]
    recorder.add_each(_EVENTS, rows)
    return tuple(row["id"] for row in rows)


@change(place(CHANGE, case_id=Case, id=Event), _RULES, together=_interval_faults)
def update(recorder: Recorder, _: Viewer, event: FoundRow, values: Given) -> str:
    """Change an event. Takes the role CONTRIBUTOR."""
    changed = event._asdict() | values
    if _interval_faults(changed):
        # Only one of the two was given, or the faults would have been found before.
        raise (
            invalid("occurred_until", _UNTIL_FAULT)
            if "occurred_until" in values
            else invalid("occurred_at", "must not lie behind `occurredUntil`")
        )
    if faults := _new_date_faults(event, values, changed):
        raise Refused(*(invalid(name, fault) for name, fault in faults.items()))
    recorder.update(_EVENTS, event, values)
    return str(event.id)


@change(place(DELETE, touch=Touch.DESTROYS, case_id=Case, id=Event))
def delete(recorder: Recorder, _: Viewer, event: FoundRow, __: Given) -> str:
    """Delete an event with its file batches. Takes the role EDITOR. It is gone at once, and `restore` brings it back;
    see `trash` of its case.
    """
    removal.remove(recorder, Event, event)
    return str(event.id)


@change(place(DELETE, touch=Touch.DESTROYS, case_id=Case), {"ids": ListRule(MOST_AT_ONCE, AnyRule())})
def delete_each(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> tuple[str, ...]:
    """Delete events with their file batches: all that are named or, when one isn't there, none. Takes the role EDITOR.
    They are gone at once, and `restore` brings each of them back; see `trash` of the case.
    """
    ids = [str(each).lower() for each in values["ids"]]
    found = ownership.events_of(recorder.transaction, case, ids)
    missing = [
        NotFound("there is no such event here", ("input", "ids", str(number)))
        for number, identifier in enumerate(ids)
        if identifier not in found
    ]
    if missing:
        raise Refused(*missing)
    rows = [found[identifier] for identifier in dict.fromkeys(ids)]
    removal.remove_each(recorder, Event, rows)
    return tuple(str(row.id) for row in rows)


def _new_date_faults(event: FoundRow, given: Given, changed: Given) -> dict[str, str]:
    """Return the faults of an event as it would be changed that it hasn't already; by the column that was given."""
    precision = changed["time_precision"]
    is_new = precision != event.time_precision
    faults = {
        name: fault for name, fault in _date_faults(changed).items() if is_new or changed[name] != getattr(event, name)
    }
    blamed = {name: fault for name, fault in faults.items() if name in given}
    if blamed or not faults:
        return blamed
    (name, *_) = faults
    field = {"occurred_at": "occurredAt", "occurred_until": "occurredUntil"}[name]
    fault = (
        f"can't be {precision} while `{field}` is {format_time(changed[name])}; give it as well, as the midnight in "
        f"UTC {_date(changed[name], precision)}"
    )
    return {"time_precision": fault}
