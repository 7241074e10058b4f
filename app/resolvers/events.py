"""Changes to events."""

from __future__ import annotations

from typing import Any

from app.db import FoundRow, Transaction
from app.db.models import DESCRIPTION_LENGTH, TITLE_LENGTH, Case, Event, table_of
from app.resolvers import changes
from app.resolvers.inputs import AnyRule, Given, NumberRule, Rule, TextRule, checked, invalid
from app.resolvers.ownership import CHANGE, DELETE, Viewer, find
from app.values import fold, new_id

_EVENTS = table_of(Event)
_UNTIL_FAULT = "must not lie before `occurredAt`"
_RULES: dict[str, Rule] = {
    "type": AnyRule(),
    "title": TextRule(TITLE_LENGTH, nullable=False),
    "description": TextRule(DESCRIPTION_LENGTH),
    "occurred_at": AnyRule(),
    "occurred_until": AnyRule(nullable=True),
    "time_precision": AnyRule(),
    "sort_order": NumberRule(-(2**31)),
}


def create(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Put an event on the timeline of a case; see changes.Work."""
    values = checked(given, _RULES, _interval_faults)
    case = find(transaction, viewer, CHANGE, ("caseId", Case, given["case_id"]))
    identifier = new_id()
    changes.add(transaction, viewer, _EVENTS, {"id": identifier, "case_id": case.id, **values, **_index(values)})
    return identifier


def update(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Change what is given of an event; see changes.Work."""
    values = checked(given, _RULES, _interval_faults)
    event = _find(transaction, viewer, CHANGE, given)
    changes.expect_version(event, given)
    changed = event._asdict() | values
    if _interval_faults(changed):
        # Only one of the two was given, or the faults would have been found before.
        raise (
            invalid("occurred_until", _UNTIL_FAULT)
            if "occurred_until" in values
            else invalid("occurred_at", "must not lie behind `occurredUntil`")
        )
    changes.update(transaction, viewer, _EVENTS, event, {**values, **_index(changed)})
    return str(event.id)


def delete(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Delete an event with its file batches; see changes.Work."""
    event = _find(transaction, viewer, DELETE, given)
    changes.expect_version(event, given)
    changes.remove(transaction, _EVENTS, event)
    return str(event.id)


def _find(transaction: Transaction, viewer: Viewer, need: str, given: Given) -> FoundRow:
    path = ("caseId", Case, given["case_id"]), ("id", Event, given["id"])
    return find(transaction, viewer, need, *path, lock=True)


def _interval_faults(event: Given) -> dict[str, str]:
    start, end = event.get("occurred_at"), event.get("occurred_until")
    if start is None or end is None or start <= end:
        return {}
    return {"occurred_until": _UNTIL_FAULT}


def _index(event: Given) -> dict[str, Any]:
    """Return the column that searches read."""
    return {"search": fold(event["title"], event.get("description"))}
