"""Changes to file batches."""

from __future__ import annotations

from app import ownership
from app.db import FoundRow
from app.db.models import DESCRIPTION_LENGTH, FILE_TYPES_LENGTH, TITLE_LENGTH, Case, Event, FileBatch, table_of
from app.errors import NotFound, Refused
from app.ownership import CHANGE, DELETE, Viewer, place
from app.reading.payloads import Given
from app.record import removal
from app.record.journal import Recorder
from app.record.keeping import Touch
from app.resolvers.changes import change
from app.resolvers.inputs import MOST_AT_ONCE, ItemsRule, NumberRule, Rule, TextRule, invalid
from app.values import new_id

_FILE_BATCHES = table_of(FileBatch)
_RULES: dict[str, Rule] = {
    "label": TextRule(TITLE_LENGTH, nullable=False),
    "file_count": NumberRule(0),
    "description": TextRule(DESCRIPTION_LENGTH),
    "file_types": TextRule(FILE_TYPES_LENGTH),
    "sort_order": NumberRule(-(2**31)),
}


@change(place(CHANGE, case_id=Case, event_id=Event, lock=False), _RULES)
def create(recorder: Recorder, _: Viewer, event: FoundRow, values: Given) -> str:
    """Add a file batch to an event. Takes the role CONTRIBUTOR."""
    identifier = new_id()
    where = {"id": identifier, "case_id": event.case_id, "event_id": event.id}
    recorder.add(_FILE_BATCHES, {**where, **values})
    return identifier


@change(place(CHANGE, case_id=Case, lock=False), {"items": ItemsRule(MOST_AT_ONCE, _RULES, named=("event_id",))})
def create_each(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> tuple[str, ...]:
    """Add file batches to events of a case: all that are given or, when one can't be made, none. Takes the role
    CONTRIBUTOR.
    """
    events = [str(item["event_id"]).lower() for item in values["items"]]
    found = ownership.events_of(recorder.transaction, case, [*dict.fromkeys(events)])
    missing = [
        NotFound("there is no such event here", ("input", "items", str(number), "eventId"))
        for number, event in enumerate(events)
        if event not in found
    ]
    if missing:
        raise Refused(*missing)
    rows = [
        {"id": new_id(), "case_id": case.id, **item, "event_id": event}
        for item, event in zip(values["items"], events, strict=True)
    ]
    recorder.add_each(_FILE_BATCHES, rows)
    return tuple(row["id"] for row in rows)


@change(place(CHANGE, case_id=Case, event_id=Event, id=FileBatch), _RULES)
def update(recorder: Recorder, _: Viewer, batch: FoundRow, values: Given) -> str:
    """Change a file batch. Takes the role CONTRIBUTOR."""
    if batch.manifest_sha256 is not None and values.get("file_count", batch.file_count) != batch.file_count:
        raise Refused(invalid("file_count", f"is that of the manifest: {batch.file_count:,}"))
    recorder.update(_FILE_BATCHES, batch, values)
    return str(batch.id)


@change(place(DELETE, touch=Touch.DESTROYS, case_id=Case, event_id=Event, id=FileBatch))
def delete(recorder: Recorder, _: Viewer, batch: FoundRow, __: Given) -> str:
    """Delete a file batch. Takes the role EDITOR. It is gone at once, and `restore` brings it back; see
    `trash` of its case.
    """
    removal.remove(recorder, FileBatch, batch)
    return str(batch.id)
