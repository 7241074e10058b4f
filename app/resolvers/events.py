"""Changes to events."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from app.db.models import DESCRIPTION_LENGTH, TITLE_LENGTH, Case, Event
from app.resolvers import changes
from app.resolvers.inputs import AnyRule, Given, NumberRule, Rule, TextRule, checked, invalid
from app.resolvers.ownership import CHANGE, DELETE, Viewer, find
from app.values import fold, new_id

_RULES: dict[str, Rule] = {
    "type": AnyRule(),
    "title": TextRule(TITLE_LENGTH, nullable=False),
    "description": TextRule(DESCRIPTION_LENGTH),
    "occurred_at": AnyRule(),
    "occurred_until": AnyRule(nullable=True),
    "time_precision": AnyRule(),
    "sort_order": NumberRule(-(2**31)),
}


def create(session: Session, viewer: Viewer, given: Given) -> str:
    """Put an event on the timeline of a case; see changes.Work."""
    values = checked(given, _RULES)
    _check_interval(values["occurred_at"], values.get("occurred_until"), "occurred_until")
    case: Case = find(session, viewer, CHANGE, ("caseId", Case, given["case_id"]))
    event = Event(id=new_id(), case_id=case.id, **values, **changes.authored(viewer))
    _index(event)
    session.add(event)
    return event.id


def update(session: Session, viewer: Viewer, given: Given) -> str:
    """Change what is given of an event; see changes.Work."""
    values = checked(given, _RULES)
    event = _find(session, viewer, CHANGE, given)
    changes.expect_version(event, given)
    _check_interval(
        values.get("occurred_at", event.occurred_at),
        values.get("occurred_until", event.occurred_until),
        "occurred_until" if "occurred_until" in values else "occurred_at",
    )
    changes.update(event, viewer, values)
    _index(event)
    return event.id


def delete(session: Session, viewer: Viewer, given: Given) -> str:
    """Delete an event with its file batches; see changes.Work."""
    event = _find(session, viewer, DELETE, given)
    changes.expect_version(event, given)
    session.delete(event)
    return event.id


def _find(session: Session, viewer: Viewer, need: str, given: Given) -> Event:
    path = ("caseId", Case, given["case_id"]), ("id", Event, given["id"])
    event: Event = find(session, viewer, need, *path, lock=True)
    return event


def _check_interval(start: datetime, end: datetime | None, blamed: str) -> None:
    if end is not None and end < start:
        raise invalid(blamed, "must keep `occurredUntil` from lying before `occurredAt`")


def _index(event: Event) -> None:
    event.search = fold(event.title, event.description)
