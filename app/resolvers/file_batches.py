"""Changes to file batches."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.db.models import DESCRIPTION_LENGTH, FILE_TYPES_LENGTH, TITLE_LENGTH, Case, Event, FileBatch
from app.resolvers import changes
from app.resolvers.inputs import Given, NumberRule, Rule, TextRule, checked
from app.resolvers.ownership import CHANGE, DELETE, Viewer, find
from app.values import new_id

_RULES: dict[str, Rule] = {
    "label": TextRule(TITLE_LENGTH, nullable=False),
    "file_count": NumberRule(0),
    "description": TextRule(DESCRIPTION_LENGTH),
    "file_types": TextRule(FILE_TYPES_LENGTH),
    "sort_order": NumberRule(-(2**31)),
}


def create(session: Session, viewer: Viewer, given: Given) -> str:
    """Add a file batch to an event; see changes.Work."""
    values = checked(given, _RULES)
    path = ("caseId", Case, given["case_id"]), ("eventId", Event, given["event_id"])
    event: Event = find(session, viewer, CHANGE, *path)
    batch = FileBatch(id=new_id(), case_id=event.case_id, event_id=event.id, **values, **changes.authored(viewer))
    session.add(batch)
    return batch.id


def update(session: Session, viewer: Viewer, given: Given) -> str:
    """Change what is given of a file batch; see changes.Work."""
    values = checked(given, _RULES)
    batch = _find(session, viewer, CHANGE, given)
    changes.expect_version(batch, given)
    changes.update(batch, viewer, values)
    return batch.id


def delete(session: Session, viewer: Viewer, given: Given) -> str:
    """Delete a file batch; see changes.Work."""
    batch = _find(session, viewer, DELETE, given)
    changes.expect_version(batch, given)
    session.delete(batch)
    return batch.id


def _find(session: Session, viewer: Viewer, need: str, given: Given) -> FileBatch:
    path = (
        ("caseId", Case, given["case_id"]),
        ("eventId", Event, given["event_id"]),
        ("id", FileBatch, given["id"]),
    )
    batch: FileBatch = find(session, viewer, need, *path, lock=True)
    return batch
