"""Changes to comments."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from app import ownership
from app.db import FoundRow, Statement
from app.db.models import COMMENT_LENGTH, Case, Comment, Event, FileBatch, table_of
from app.db.types import Id
from app.errors import InvalidInput, NotFound
from app.ownership import CHANGE, AuthorsPlace, Viewer, place
from app.reading.payloads import Given
from app.record import removal
from app.record.journal import Recorder
from app.record.keeping import Touch
from app.resolvers.changes import change
from app.resolvers.inputs import AnyRule, TextRule
from app.values import new_id

_COMMENTS, _EVENTS, _BATCHES = table_of(Comment), table_of(Event), table_of(FileBatch)
_OWN = AuthorsPlace(CHANGE, (("case_id", Case), ("id", Comment)), lock=True, touch=Touch.CHANGES)
_TEXT = TextRule(COMMENT_LENGTH, nullable=False)

MOST_ON_BATCH = 1_000
"""How many comments a file batch may have, those that can be restored included: the entry of its purge says which."""


@change(place(CHANGE, case_id=Case, lock=False), {"on": AnyRule(), "text": _TEXT})
def add(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> str:
    """Comment on a case, or on an event or a file batch in it. Takes the role CONTRIBUTOR."""
    found = ownership.objects_of(recorder.transaction, case, [values["on"]])
    if not found:
        raise NotFound("there is no such case, event or file batch here", ("input", "on"))
    ((table, row),) = found.values()
    if table is _BATCHES and _comments_on(recorder, row) >= MOST_ON_BATCH:
        fault = f"the file batch has {MOST_ON_BATCH:,} comments, those that were deleted included, which is the most"
        raise InvalidInput(fault, ("input", "on"))
    event_id = row.id if table is _EVENTS else getattr(row, "event_id", None)
    identifier = new_id()
    where = {"id": identifier, "case_id": case.id, "event_id": event_id, "row_id": row.id}
    recorder.add(_COMMENTS, {**where, "text": values["text"]})
    return identifier


def _comments_on(recorder: Recorder, batch: FoundRow) -> int:
    (there,) = recorder.transaction.all(_COUNT, {"row": batch.id})
    return int(there.comments) + removal.deleted_comments_on(recorder.transaction, batch)


@change(_OWN, {"text": _TEXT})
def update(recorder: Recorder, _: Viewer, comment: FoundRow, values: Given) -> str:
    """Change the text of a comment of your own; an administrator may change that of anybody. Takes the role
    CONTRIBUTOR.
    """
    text = values.get("text", comment.text)
    if text != comment.text:
        recorder.update(_COMMENTS, comment, {"text": text, "edited_at": recorder.moment})
    return str(comment.id)


@change(place(ownership.of_comment, touch=Touch.DESTROYS, case_id=Case, id=Comment))
def delete(recorder: Recorder, _: Viewer, comment: FoundRow, __: Given) -> str:
    """Delete a comment. Takes the role EDITOR; for a comment of your own CONTRIBUTOR. It is gone at once, and `restore`
    brings it back; see `trash` of its case.
    """
    removal.remove(recorder, Comment, comment)
    return str(comment.id)


_COUNT = Statement(select(func.count().label("comments")).where(_COMMENTS.c.row_id == bindparam("row", type_=Id())))
