"""What becomes of what was deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import bindparam, literal_column, select

from app import ownership
from app.db import FoundRow, Statement, Transaction
from app.db.models import REASON_LENGTH, Authority, Case, Deletion, DeletionState, Event, table_of
from app.db.types import Id
from app.errors import Forbidden, NotFound, StateError, Unconfirmed
from app.ownership import GOVERN, Place, Viewer, deleted, place
from app.reading.payloads import Given
from app.record import erasing, removal
from app.record.journal import Recorder
from app.record.keeping import Touch
from app.resolvers.changes import change
from app.resolvers.inputs import AnyRule, TextRule, invalid
from app.values import format_time

MOST_ERASED = 500
"""Of how many changes something is erased at once."""

_UNCONFIRMED = "`confirm` is missing: this can't be undone, so look at `preview`, and give its `confirm` to go on"
_OF_ANOTHER = "`confirm` is of another preview than the present one; look at that, and give its `confirm`"
_EVENTS, _DELETIONS = table_of(Event), table_of(Deletion)


def ends_at(deletion: FoundRow, days: int) -> datetime | None:
    """Return when what was deleted can't be restored any longer; None for never."""
    at: datetime = deletion.at
    return at + timedelta(days=days) if days else None


def _restore_some(recorder: Recorder, deletion: FoundRow) -> bool:
    _check_restorable(recorder, deletion)
    return removal.restore_some(recorder, deletion)


def _check_restorable(recorder: Recorder, deletion: FoundRow) -> None:
    """Refuse what can't be restored. Raises NotFound."""
    ends = ends_at(deletion, recorder.trash_days)
    if ends is not None and ends <= recorder.moment:
        raise NotFound(f"it could be restored until {format_time(ends)}", ("input", "id"))
    if deletion.type == "FILE_BATCH" and not recorder.transaction.all(_EVENT, {"event": deletion.event_id}):
        raise NotFound("the event that it was on is not there; restore that first", ("input", "id"))
    if deletion.type == "COMMENT" and not removal.can_comment_return(recorder.transaction, deletion):
        raise NotFound("what it was on is not there; restore that first", ("input", "id"))


@change(deleted(Touch.CHANGES), ahead=_restore_some)
def restore(recorder: Recorder, _: Viewer, deletion: FoundRow, __: Given) -> str:
    """Bring back what was deleted, with all that went with it and with the ids that it had; a case with its members.
    Takes the role EDITOR, also for a comment of your own, and OWNER for a case.
    """
    _check_restorable(recorder, deletion)
    removal.restore(recorder, deletion)
    return str(deletion.row_id)


@change(
    deleted(Touch.DESTROYS),
    {"reason": TextRule(REASON_LENGTH, nullable=False), "confirm": TextRule(100)},
)
def purge(recorder: Recorder, viewer: Viewer, deletion: FoundRow, values: Given) -> str:
    """Remove for good what was deleted: what the record says of it and of all that was in it. That it was there, and
    who changed it when, stays provable; the payload has a certificate. It can't be undone, so that it takes two steps:
    without `confirm` nothing happens but that `preview` says what would go. Takes the role OWNER once the time is over
    for which it can be restored; an administrator may at once.
    """
    ends = ends_at(deletion, recorder.trash_days)
    if not viewer.changes_all and (ends is None or ends > recorder.moment):
        until = "for ever" if ends is None else f"until {format_time(ends)}"
        raise Forbidden(
            f"it can be restored {until}; only an administrator may purge it before", ("input", "id"), GOVERN
        )
    preview = preview_of(recorder, deletion)
    if values.get("confirm") != preview["confirm"]:
        is_other = values.get("confirm") is not None
        raise Unconfirmed(preview, _OF_ANOTHER if is_other else _UNCONFIRMED, "confirm")
    authority = Authority.ADMIN if viewer.changes_all else Authority.OWNER
    removal.purge(recorder, deletion, authority.value, values["reason"])
    return str(deletion.row_id)


@change(
    place(GOVERN, touch=Touch.DESTROYS, case_id=Case),
    {
        "seqs": AnyRule(),
        "fields": AnyRule(),
        "reason": TextRule(REASON_LENGTH, nullable=False),
        "preview": AnyRule(nullable=True),
    },
)
def erase(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> str:
    """Erase values of what the record of a case says, such as a name that has to go. That something was said, when and
    by whom, stays provable; what the rows have at present stays as it is. Takes the role OWNER.
    """
    seqs, fields = values["seqs"], values["fields"]
    if not 0 < len(seqs) <= MOST_ERASED:
        raise invalid("seqs", f"must have 1 to {MOST_ERASED:,} numbers, not {len(seqs)}")
    if not fields or not {*fields} <= {*erasing.FIELDS}:
        raise invalid("fields", f"must be some of {', '.join(erasing.FIELDS)}")
    try:
        found = erasing.left_of(recorder.transaction, case.id, seqs, fields)
    except erasing.CannotErase as fault:
        raise invalid("seqs", str(fault)) from None
    if values.get("preview"):
        told = [{"seq": left.entry.seq, "type": left.entry.type, "fields": [*left.fields]} for left in found]
        raise Unconfirmed({"changes": told}, "`preview` says what would go; leave it out to have it go", "preview")
    erasing.erase(recorder, case, found, values["reason"])
    return str(case.id)


def in_trash(transaction: Transaction) -> list[FoundRow]:
    """Return all that was deleted and not purged: `row_id`, `case_id`, `type`, `at`, the first deleted first."""
    return transaction.all(_ALL, {})


def purge_as_operator(transaction: Transaction, deletion: FoundRow, subject: str, reason: str) -> bytes:
    """Begin to purge what was deleted, for whoever runs this server, whom the record calls by a subject.

    Return the certificate. Raises StateError where what keeps the case keeps it from that, which the record then tells
    once the transaction has ended well; NotFound when it isn't there any longer.
    """
    by = ownership.user_called(transaction, subject)
    recorder = Recorder(transaction, by, subject)
    place: Place = deleted(Touch.DESTROYS)
    given = {"case_id": deletion.case_id, "id": deletion.row_id}
    try:
        found = place.find(recorder, Viewer(by, frozenset({"admin"}), subject), given)
    except StateError as refused:
        if refused.row is not None:
            what, row = refused.row
            recorder.refuse(what, row, "purge", refused.state)
            recorder.close()
        raise
    removal.purge(recorder, found, "OPERATOR", reason)
    recorder.close()
    assert recorder.change is not None  # noqa: S101 - for the type checker
    return removal.certificate(transaction, recorder.change)


def preview_of(recorder: Recorder, deletion: FoundRow) -> dict[str, object]:
    """Return what a purge would remove, and what confirms that it was seen: as long as it is still that."""
    said = f"{deletion.row_id} {recorder.size} {recorder.root}"
    return {
        "type": deletion.type,
        "id": deletion.row_id,
        "deletedAt": format_time(deletion.at),
        **removal.counts(recorder.transaction, deletion),
        "confirm": sha256(said.encode()).hexdigest()[:16],
    }


_ALL = Statement(
    select(*(_DELETIONS.c[name] for name in ("row_id", "case_id", "type", "at")))
    .where(_DELETIONS.c.state != literal_column(f"'{DeletionState.PURGING.value}'"))
    .order_by(_DELETIONS.c.at, _DELETIONS.c.row_id)
)
_EVENT = Statement(select(_EVENTS.c.id).where(_EVENTS.c.id == bindparam("event", type_=Id())))
