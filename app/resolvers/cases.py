"""Changes to cases."""

from __future__ import annotations

from sqlalchemy import func
from sqlalchemy import update as update_rows

from app.db import FoundRow, Statement
from app.db.models import (
    DESCRIPTION_LENGTH,
    REASON_LENGTH,
    REFERENCE_LENGTH,
    TITLE_LENGTH,
    Case,
    CaseCounter,
    CaseStatus,
    ChangeKind,
    table_of,
)
from app.errors import InvalidInput, StateError
from app.ownership import ANYBODYS, CHANGE, GOVERN, Viewer, place
from app.reading.payloads import Given
from app.record import removal
from app.record.entries import case_index
from app.record.journal import Recorder
from app.record.keeping import Touch
from app.resolvers.changes import ASKED, change
from app.resolvers.inputs import AnyRule, Rule, TextRule, invalid
from app.values import format_time, new_id

_CASES = table_of(Case)
_COUNT = update_rows(CaseCounter).values(last_number=CaseCounter.last_number + 1).returning(CaseCounter.last_number)
# PostgreSQL lets whoever comes just when a row's lock is given up take it before those who wait for it. For its
# advisory locks all stand in line.
_NEXT_NUMBER = Statement(_COUNT, postgresql=_COUNT.where(func.pg_advisory_xact_lock(1).is_not(None)))
_RULES: dict[str, Rule] = {
    "title": TextRule(TITLE_LENGTH, nullable=False),
    "description": TextRule(DESCRIPTION_LENGTH),
    "reference": TextRule(REFERENCE_LENGTH),
    "status": AnyRule(),
}


@change(ANYBODYS, _RULES, in_turn=True)
def create(recorder: Recorder, _: Viewer, __: FoundRow, values: Given) -> str:
    """Create a case. You become its owner."""
    identifier = new_id()
    recorder.start(identifier)
    (number,) = recorder.transaction.all(_NEXT_NUMBER, {})[0]
    recorder.add(_CASES, {"id": identifier, "number": number, **values, **case_index(values)})
    recorder.join(identifier, GOVERN)
    return identifier


def _touch(given: Given) -> Touch:
    reopens = given.get("status") not in {None, CaseStatus.CLOSED.value}
    return Touch.REOPENS if reopens and {*given} <= {"id", "status", *ASKED} else Touch.CHANGES


@change(place(CHANGE, touch=_touch, id=Case), _RULES)
def update(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> str:
    """Change a case. Takes the role CONTRIBUTOR. A closed case takes another `status` and nothing else, a sealed one
    nothing.
    """
    recorder.update(_CASES, case, {**values, **case_index(case._asdict() | values)})
    return str(case.id)


@change(place(GOVERN, touch=Touch.DESTROYS, id=Case))
def delete(recorder: Recorder, _: Viewer, case: FoundRow, __: Given) -> str:
    """Delete a case with all its events and file batches. Takes the role OWNER. It is gone at once, and `restore`
    brings it back; see `trash`.
    """
    removal.remove(recorder, Case, case)
    return str(case.id)


_REASON: dict[str, Rule] = {"reason": TextRule(REASON_LENGTH, nullable=False)}


def _end_removals(recorder: Recorder, case: FoundRow) -> bool:
    """Go on with what is still to be removed of the case, which would be a change behind the seal."""
    deletion = removal.under_way(recorder.transaction, case.id)
    if deletion is None:
        return False
    removal.carry_on(recorder, deletion)
    return True  # there may be another one


@change(place(GOVERN, touch=Touch.GOVERNS, id=Case), _REASON, ahead=_end_removals)
def seal(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> str:
    """Seal a case: nothing in it changes until the seal is broken, and the root of its journal at that moment is kept.
    Members, holds and exports go on. Takes the role OWNER.
    """
    if case.sealed_at is not None:
        raise StateError("the case is sealed already", ("input", "id"), "SEALED")
    if removal.under_way(recorder.transaction, case.id) is not None:
        raise InvalidInput("what was deleted from the case is still being removed; try again", ("input", "id"))
    sealed = {"sealed_at": recorder.moment, "sealed_by": recorder.by, "seal_root": recorder.root}
    reason = values["reason"]
    recorder.update(_CASES, case, {**sealed, "seal_reason": reason}, kind=ChangeKind.SEALED, reason=reason)
    return str(case.id)


@change(place(GOVERN, touch=Touch.GOVERNS, id=Case), _REASON)
def unseal(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> str:
    """Break the seal of a case, so that it can be changed again. Takes the role OWNER."""
    if case.sealed_at is None:
        raise InvalidInput("the case is not sealed", ("input", "id"))
    broken = dict.fromkeys(("sealed_at", "sealed_by", "seal_reason", "seal_root"))
    recorder.update(_CASES, case, broken, kind=ChangeKind.UNSEALED, reason=values["reason"])
    return str(case.id)


@change(
    place(GOVERN, touch=Touch.GOVERNS, id=Case),
    {"retain_until": AnyRule(nullable=True), "reason": TextRule(REASON_LENGTH)},
)
def retain(recorder: Recorder, viewer: Viewer, case: FoundRow, values: Given) -> str:
    """Say until when nothing of a case is destroyed. Takes the role OWNER; to shorten that takes an administrator, and
    a reason.
    """
    if "retain_until" not in values:
        raise invalid("retain_until", "has to be given; null lets the case be destroyed at any time")
    until, before, reason = values["retain_until"], case.retain_until, values.get("reason")
    if before is not None and (until is None or until < before):
        if not viewer.changes_all:
            raise StateError(
                f"the case is kept until {format_time(before)}; only an administrator may shorten that",
                ("input", "retainUntil"),
                "RETAINED",
            )
        if reason is None or not reason.strip():
            raise invalid("reason", "is needed to shorten how long a case is kept")
    recorder.update(_CASES, case, {"retain_until": until}, reason=reason)
    return str(case.id)
