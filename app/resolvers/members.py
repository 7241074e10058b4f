"""Changes to the members of a case."""

from __future__ import annotations

from datetime import UTC, datetime

from app.db import FoundRow, Transaction
from app.db.models import ISSUER_LENGTH, SUBJECT_LENGTH, Case
from app.errors import NotFound
from app.resolvers import changes
from app.resolvers.inputs import AnyRule, Given, Rule, TextRule, checked, invalid
from app.resolvers.ownership import GOVERN, READ, Viewer, find, find_user, is_viewer
from app.values import now

_RULES: dict[str, Rule] = {
    "subject": TextRule(SUBJECT_LENGTH, nullable=False),
    "issuer": TextRule(ISSUER_LENGTH),
    "role": AnyRule(),
    "expires_at": AnyRule(nullable=True),
}
_NEVER = datetime.max.replace(tzinfo=UTC)


def set_role(transaction: Transaction, viewer: Viewer, given: Given) -> tuple[str, ...]:
    """Give a user a role in a case, or another one; see changes.Work."""
    moment = now()
    values = checked(given, _RULES, lambda given: _expiry_faults(given, moment))
    case = find(transaction, viewer, GOVERN, ("caseId", Case, given["case_id"]), lock=True)
    user = find_user(transaction, viewer, case.id, values["subject"], values.get("issuer"))
    if user is None:
        raise NotFound("there is no such user; they are known once they have called this server", ("input", "subject"))
    role, expires_at = values["role"], values.get("expires_at")
    # A role that has ended is as none: whoever has one becomes a member anew.
    is_member = user.role is not None and _end(user.expires_at) > moment
    if is_member and "expires_at" not in values:
        expires_at = user.expires_at
    if not viewer.changes_all and _end(expires_at) > _end(case.viewer_ends):
        _keep_to_own_end(viewer, user, role, expires_at, is_member=is_member)
    if (role, expires_at) != (GOVERN, None):
        _keep_an_owner(user, "role" if role != GOVERN else "expires_at")
    if user.role is None:
        changes.add_member(transaction, case.id, user.id, role, expires_at)
    elif (role, expires_at) != (user.role, user.expires_at):
        changes.update_member(transaction, case.id, user.id, role, expires_at)
    return case.id, user.id


def remove(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Take a user's role in a case away; see changes.Work."""
    values = checked(given, _RULES)
    subject, issuer = values["subject"], values.get("issuer")
    # Whoever is a member may leave. All others learn only whether they may govern, not whether there is such a user.
    need = READ if is_viewer(transaction, viewer, subject, issuer) else GOVERN
    case = find(transaction, viewer, need, ("caseId", Case, given["case_id"]), lock=True)
    user = find_user(transaction, viewer, case.id, subject, issuer)
    if user is None or user.role is None:
        raise NotFound("there is no such member of the case", ("input", "subject"))
    _keep_an_owner(user, "subject")
    changes.remove_member(transaction, case.id, user.id)
    return str(user.id)


def _expiry_faults(given: Given, moment: datetime) -> dict[str, str]:
    if _end(given.get("expires_at")) > moment:
        return {}
    return {"expires_at": "must lie in the future; to end a role now, remove the member"}


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
    """Refuse to take the last owner whose role doesn't end. Raises InvalidInput."""
    if (user.role, user.expires_at) == (GOVERN, None) and not user.has_other_owner:
        raise invalid(blamed, "would leave the case without an owner whose role doesn't end; make someone else one")


def _end(expires_at: datetime | None) -> datetime:
    return expires_at if expires_at is not None else _NEVER
