"""Changes to the holds on a case."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from app.db import FoundRow, Statement
from app.db.models import REASON_LENGTH, REFERENCE_LENGTH, TITLE_LENGTH, Authority, Case, ChangeKind, Hold, table_of
from app.db.types import Id
from app.errors import InvalidInput, NotFound, StateError
from app.ownership import GOVERN, CasePlace, Viewer
from app.reading.payloads import Given
from app.record.journal import Recorder
from app.record.keeping import Touch
from app.resolvers.changes import change
from app.resolvers.inputs import AnyRule, Rule, TextRule
from app.values import new_id, parse_id

MOST = 100
"""How many holds a case may have had, those that were released included."""

_HOLDS = table_of(Hold)
_CASE = CasePlace(GOVERN, (("case_id", Case),), lock=True, touch=Touch.GOVERNS)
_RULES: dict[str, Rule] = {
    "name": TextRule(TITLE_LENGTH, nullable=False),
    "reason": TextRule(REASON_LENGTH, nullable=False),
    "reference": TextRule(REFERENCE_LENGTH),
}


@change(_CASE, _RULES)
def place(recorder: Recorder, viewer: Viewer, _: FoundRow, values: Given) -> str:
    """Place a hold on a case, also on one that was deleted: nothing of it is destroyed until the hold is released. All
    else goes on. Takes the role OWNER.
    """
    transaction, identifier = recorder.transaction, new_id()
    if transaction.all(_COUNT, {"case": recorder.case_id})[0].holds >= MOST:
        raise InvalidInput(f"the case has had {MOST} holds, which is the most", ("input", "caseId"))
    authority = Authority.ADMIN if viewer.changes_all else Authority.OWNER
    placed = {"placed_at": recorder.moment, "placed_by": recorder.by, "authority": authority.value}
    hold = {"id": identifier, "case_id": recorder.case_id, **values, **placed}
    recorder.add(_HOLDS, hold, kind=ChangeKind.HELD, reason=values["reason"])
    return identifier


@change(_CASE, {"id": AnyRule(), "reason": TextRule(REASON_LENGTH, nullable=False)})
def release(recorder: Recorder, viewer: Viewer, _: FoundRow, values: Given) -> str:
    """Release a hold. It stays on view, with the reason. Takes the role OWNER; what an administrator has placed takes
    an administrator.
    """
    given = {"hold": parse_id(values["id"]), "case": recorder.case_id}
    hold = recorder.transaction.first(_FIND, given) if given["hold"] is not None else None
    if hold is None:
        raise NotFound("there is no such hold on the case", ("input", "id"))
    if hold.released_at is not None:
        raise InvalidInput("the hold was released before", ("input", "id"))
    if hold.authority == Authority.ADMIN.value and not viewer.changes_all:
        raise StateError("an administrator placed the hold, and only one releases it", ("input", "id"), "HELD")
    reason = values["reason"]
    released = {"released_at": recorder.moment, "released_by": recorder.by, "release_reason": reason}
    recorder.update(_HOLDS, hold, released, kind=ChangeKind.RELEASED, reason=reason)
    return str(hold.id)


_IN_CASE = _HOLDS.c.case_id == bindparam("case", type_=Id())
_COUNT = Statement(select(func.count().label("holds")).where(_IN_CASE))
_FIND = Statement(select(_HOLDS).where(_HOLDS.c.id == bindparam("hold", type_=Id()), _IN_CASE))
