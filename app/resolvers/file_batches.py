"""Changes to file batches."""

from __future__ import annotations

from app.db import FoundRow, Transaction
from app.db.models import DESCRIPTION_LENGTH, FILE_TYPES_LENGTH, TITLE_LENGTH, Case, Event, FileBatch, table_of
from app.ownership import CHANGE, DELETE, Viewer, find
from app.reading.payloads import Given
from app.resolvers import changes
from app.resolvers.inputs import NumberRule, Rule, TextRule, checked
from app.values import new_id

_FILE_BATCHES = table_of(FileBatch)
_RULES: dict[str, Rule] = {
    "label": TextRule(TITLE_LENGTH, nullable=False),
    "file_count": NumberRule(0),
    "description": TextRule(DESCRIPTION_LENGTH),
    "file_types": TextRule(FILE_TYPES_LENGTH),
    "sort_order": NumberRule(-(2**31)),
}


def create(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Add a file batch to an event; see changes.Work."""
    values = checked(given, _RULES)
    path = ("caseId", Case, given["case_id"]), ("eventId", Event, given["event_id"])
    event = find(transaction, viewer, CHANGE, *path)
    identifier = new_id()
    place = {"id": identifier, "case_id": event.case_id, "event_id": event.id}
    changes.add(transaction, viewer, _FILE_BATCHES, {**place, **values})
    return identifier


def update(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Change what is given of a file batch; see changes.Work."""
    values = checked(given, _RULES)
    batch = _find(transaction, viewer, CHANGE, given)
    changes.expect_version(batch, given)
    changes.update(transaction, viewer, _FILE_BATCHES, batch, values)
    return str(batch.id)


def delete(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Delete a file batch; see changes.Work."""
    batch = _find(transaction, viewer, DELETE, given)
    changes.expect_version(batch, given)
    changes.remove(transaction, _FILE_BATCHES, batch)
    return str(batch.id)


def _find(transaction: Transaction, viewer: Viewer, need: str, given: Given) -> FoundRow:
    path = (
        ("caseId", Case, given["case_id"]),
        ("eventId", Event, given["event_id"]),
        ("id", FileBatch, given["id"]),
    )
    return find(transaction, viewer, need, *path, lock=True)
