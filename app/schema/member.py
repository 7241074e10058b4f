"""Changes to the members of a case."""

from __future__ import annotations

import strawberry

from app.db.models import CaseRole
from app.schema.fields import MutationInput, input_type
from app.schema.scalars import DateTime

_SUBJECT = "The user's `subject`, exactly as it is in their tokens."
_ISSUER = "The user's `issuer`; your own when it is left out or null."


@input_type
class SetCaseMemberInput(MutationInput):
    """A user's role in a case. Whoever has one already gets this one in its place. They need not have called this
    server before: the case is there for them when they do. Nothing here tells whether they have.
    """

    case_id: strawberry.ID = strawberry.field(description="The case's id.")
    subject: str = strawberry.field(
        description=f"{_SUBJECT} At most 20 memberships that you gave to the same user, and 1,000 in all, may wait to "
        "be taken up."
    )
    issuer: strawberry.Maybe[str | None] = strawberry.field(description=_ISSUER)
    role: CaseRole = strawberry.field(description="What they may do.")
    expires_at: strawberry.Maybe[DateTime | None] = strawberry.field(
        description="When the role ends, in the future; null when it doesn't. Left out, a role that has yet to end "
        "keeps its end, and a new one has none. An owner whose own role ends can't make it last longer, nor make "
        "anyone an owner for longer."
    )


@input_type
class RemoveCaseMemberInput(MutationInput):
    """A user who is to be a member of a case no longer."""

    case_id: strawberry.ID = strawberry.field(description="The case's id.")
    subject: str = strawberry.field(description=_SUBJECT)
    issuer: strawberry.Maybe[str | None] = strawberry.field(description=_ISSUER)


@input_type
class AcceptCaseInput(MutationInput):
    """A case that you were made a member of, to take up."""

    id: strawberry.ID = strawberry.field(description="The case's id.")
