"""Changes to file batches."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from app.db.models import DESCRIPTION_LENGTH, FILE_TYPES_LENGTH, TITLE_LENGTH, Case, Event, FileBatch, table_of
from app.resolvers import changes
from app.resolvers.inputs import Given, NumberRule, Rule, TextRule, checked
from app.resolvers.ownership import CHANGE, DELETE, Viewer, find
from app.values import new_id

_FILE_BATCHES = table_of(FileBatch)
_RULES: dict[str, Rule] = {
    "label": TextRule(TITLE_LENGTH, nullable=False),
    "file_count": NumberRule(0),
    "description": TextRule(DESCRIPTION_LENGTH),
    "file_types": TextRule(FILE_TYPES_LENGTH),
    "sort_order": NumberRule(-(2**31)),
}


def create(connection: Connection, viewer: Viewer, given: Given) -> str:
    """Add a file batch to an event; see changes.Work."""
    values = checked(given, _RULES)
    path = ("caseId", Case, given["case_id"]), ("eventId", Event, given["event_id"])
    event = find(connection, viewer, CHANGE, *path)
    identifier = new_id()
    place = {"id": identifier, "case_id": event.case_id, "event_id": event.id}
    changes.add(connection, viewer, _FILE_BATCHES, {**place, **values})
    return identifier


def update(connection: Connection, viewer: Viewer, given: Given) -> str:
    """Change what is given of a file batch; see changes.Work."""
    values = checked(given, _RULES)
    batch = _find(connection, viewer, CHANGE, given)
    changes.expect_version(batch, given)
    changes.update(connection, viewer, _FILE_BATCHES, batch, values)
    return str(batch.id)


def delete(connection: Connection, viewer: Viewer, given: Given) -> str:
    """Delete a file batch; see changes.Work."""
    batch = _find(connection, viewer, DELETE, given)
    changes.expect_version(batch, given)
    changes.remove(connection, _FILE_BATCHES, batch)
    return str(batch.id)


def _find(connection: Connection, viewer: Viewer, need: str, given: Given) -> Row[Any]:
    path = (
        ("caseId", Case, given["case_id"]),
        ("eventId", Event, given["event_id"]),
        ("id", FileBatch, given["id"]),
    )
    return find(connection, viewer, need, *path, lock=True)
