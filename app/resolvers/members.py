"""Changes to the members of a case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.db import FoundRow, Transaction
from app.db.models import ISSUER_LENGTH, SUBJECT_LENGTH, Case
from app.errors import NotFound
from app.ownership import (
    GOVERN,
    MAX_GIVEN,
    MAX_GIVEN_TO_ONE,
    READ,
    Viewer,
    find_user,
    given_by,
    is_viewer,
    name_user,
    place,
)
from app.reading.payloads import Given
from app.record.journal import Recorder
from app.record.keeping import Touch
from app.resolvers.changes import change
from app.resolvers.inputs import AnyRule, Rule, TextRule, invalid
from app.values import now

_RULES: dict[str, Rule] = {
    "subject": TextRule(SUBJECT_LENGTH, nullable=False, read=False),
    "issuer": TextRule(ISSUER_LENGTH),
    "role": AnyRule(),
    "expires_at": AnyRule(nullable=True),
}
_YET_TO_ACCEPT = "whom you made one has yet to take the case up, with `acceptCase` or by a change in it"
_NEVER = datetime.max.replace(tzinfo=UTC)


def _expiry_faults(given: Given) -> dict[str, str]:
    if _end(given.get("expires_at")) > now():
        return {}
    return {"expires_at": "must lie in the future; to end a role now, remove the member"}


@change(place(GOVERN, touch=Touch.GOVERNS, case_id=Case), _RULES, together=_expiry_faults)
def set_role(recorder: Recorder, viewer: Viewer, case: FoundRow, values: Given) -> tuple[str, ...]:
    """Give a user a role in a case, or another one. Takes the role OWNER. A case keeps at least one owner whose role
    doesn't end and who has taken it up.
    """
    # A subject that has never called gets the same answer as one that has.
    moment, transaction = now(), recorder.transaction
    subject, issuer = values["subject"], values.get("issuer")
    name_user(transaction, viewer, subject, issuer)
    user = find_user(transaction, viewer, case.id, subject, issuer)
    assert user is not None, "there is one now"  # noqa: S101 - for the type checker
    role, expires_at = values["role"], values.get("expires_at")
    # A role that has ended is as none: whoever has one becomes a member anew.
    is_member = user.role is not None and _end(user.expires_at) > moment
    if is_member and "expires_at" not in values:
        expires_at = user.expires_at
    if not viewer.changes_all and _end(expires_at) > _end(case.viewer_ends):
        _keep_to_own_end(viewer, user, role, expires_at, is_member=is_member)
    if (role, expires_at) != (GOVERN, None):
        _keep_an_owner(user, "role" if role != GOVERN else "expires_at")
    giver = user.given_by
    if not is_member:
        giver = None if user.id == viewer.id else viewer.id
        if giver is not None and not viewer.changes_all:
            _keep_to_bounds(transaction, viewer, user)
    values = {"role": role, "expires_at": expires_at, "given_by": giver}
    if user.role is None:
        recorder.add_member({"case_id": case.id, "user_id": user.id, **values}, subject)
    elif (role, expires_at) != (user.role, user.expires_at):
        recorder.update_member(_membership(case.id, user), values, subject)
    return case.id, user.id


@change(place(READ, touch=Touch.GOVERNS, id=Case, lock=False))
def take_up(recorder: Recorder, _: Viewer, case: FoundRow, __: Given) -> str:
    """Take up a case that someone else made you a member of, so that its members see who you are. Takes the role
    VIEWER. Whoever has nothing to take up gets the case as it is. Any change in the case takes it up as well;
    `removeCaseMember` leaves it.
    """
    recorder.take_up(case.id, beside=False)
    return str(case.id)


def _need(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    # Whoever is a member may leave. All others learn only whether they may govern, not whether there is such a user.
    return READ if is_viewer(transaction, viewer, given["subject"], given.get("issuer")) else GOVERN


@change(place(_need, touch=Touch.GOVERNS, case_id=Case), _RULES)
def remove(recorder: Recorder, viewer: Viewer, case: FoundRow, values: Given) -> str:
    """Take a user's role in a case away. Takes the role OWNER; any member may remove themselves. A case keeps at least
    one owner whose role doesn't end and who has taken it up.
    """
    subject = values["subject"]
    user = find_user(recorder.transaction, viewer, case.id, subject, values.get("issuer"))
    if user is None or user.role is None:
        raise NotFound("there is no such member of the case", ("input", "subject"))
    _keep_an_owner(user, "subject")
    recorder.remove_member(_membership(case.id, user), subject)
    return str(user.id)


def _keep_to_own_end(
    viewer: Viewer, user: FoundRow, role: str, expires_at: datetime | None, *, is_member: bool
) -> None:
    """Refuse a role that outlasts the viewer's own where that would undo the end of theirs. Raises InvalidInput.

    It would when it is their own, or when it makes an owner, who could then lengthen it for them.
    """
    if user.id != viewer.id and role != GOVERN:
        return
    lasted = is_member and user.role == GOVERN and _end(expires_at) <= _end(user.expires_at)
    if not lasted:
        raise invalid("expires_at", "must not lie behind the end of your own role; ask an owner whose role doesn't end")


def _keep_an_owner(user: FoundRow, blamed: str) -> None:
    """Refuse to take the last owner whose role doesn't end. Raises InvalidInput.

    Who was only named as an owner is none to rely on: they may not want to be one, or not exist.
    """
    if (user.role, user.expires_at, user.given_by) != (GOVERN, None, None) or user.has_other_owner:
        return
    fault = "would leave the case without an owner whose role doesn't end; "
    raise invalid(blamed, fault + (_YET_TO_ACCEPT if user.has_named_owner else "make someone else one"))


def _keep_to_bounds(transaction: Transaction, viewer: Viewer, user: FoundRow) -> None:
    """Refuse a membership more where those that the viewer gave are not taken up. Raises InvalidInput."""
    there_are = given_by(transaction, viewer, user.id)
    if there_are.to_user >= MAX_GIVEN_TO_ONE:
        raise invalid(
            "subject",
            f"has yet to take up {MAX_GIVEN_TO_ONE} memberships that you gave them, which is the most that may wait; "
            "they take one up with `acceptCase` or by a change in the case",
        )
    if there_are.all >= MAX_GIVEN:
        raise invalid(
            "subject",
            f"can't be named: {MAX_GIVEN:,} memberships that you gave wait to be taken up, which is the most; remove "
            "some",
        )


def _membership(case_id: str, user: FoundRow) -> dict[str, Any]:
    grant = {"role": user.role, "expires_at": user.expires_at, "given_by": user.given_by}
    return {"case_id": case_id, "user_id": user.id, **grant}


def _end(expires_at: datetime | None) -> datetime:
    return expires_at if expires_at is not None else _NEVER
