"""Cases and their members."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.db.models import CaseRole, CaseStatus
from app.reading.nouns import CaseOrder
from app.schema.event import Event, EventConnection, EventFilter, EventOrder
from app.schema.nodes import Node
from app.schema.pages import UPDATED_FROM, After, Before, First, Last, PageInfo
from app.schema.scalars import DateTime
from app.schema.user import User
from app.schema.vocabulary import describe

__all__ = [
    "Case",
    "CaseConnection",
    "CaseEdge",
    "CaseFilter",
    "CaseMember",
    "CaseOrder",
    "CaseRole",
    "CaseStatus",
    "CreateCaseInput",
    "DeleteCaseInput",
    "UpdateCaseInput",
]

describe(
    CaseStatus,
    "Where the work on a case stands.",
    OPEN="It has been opened; work has yet to begin.",
    ACTIVE="It is being worked on.",
    CLOSED="The work is done.",
)
describe(
    CaseRole,
    "What a member may do in a case. Each role includes those after it.",
    OWNER="May do everything, such as govern the members and delete the case.",
    EDITOR="May also delete events and file batches.",
    CONTRIBUTOR="May also create and change, but delete nothing.",
    VIEWER="May read the case and all that is in it.",
)
describe(
    CaseOrder,
    "How to list cases. Ties are broken by the next order given, and at last by the id.",
    CREATED_AT_DESC="The newest first.",
    CREATED_AT_ASC="The oldest first.",
    UPDATED_AT_DESC="The case that was changed last first.",
    UPDATED_AT_ASC="The case that was not changed for the longest time first.",
    NUMBER_DESC="The highest number first.",
    NUMBER_ASC="The lowest number first.",
    TITLE_ASC="By title, upper and lower case alike.",
    TITLE_DESC="By title backwards, upper and lower case alike.",
)


@strawberry.type(description="A user's role in a case.")
class CaseMember:
    """A user's role in a case."""

    user: User = strawberry.field(description="Whose role it is.")
    role: CaseRole = strawberry.field(description="What they may do.")
    expires_at: DateTime | None = strawberry.field(
        description="When the role ends; null when it doesn't. Once it has ended, the case no longer exists for them."
    )
    accepted: bool = strawberry.field(
        description="Whether they have taken their membership up, by `acceptCase` or by a change in the case. What is "
        "given to them they may use at once; until they have taken it up, their name and email are null for those who "
        "share no other case with them, and they are not counted as an owner."
    )


@strawberry.type(description="A case: what auditors or investigators look into, with a timeline of events.")
class Case(Node):
    """A case."""

    number: int = strawberry.field(
        description="What people call the case by: 1, 2, 3 and so on; unique, and never given out again."
    )
    title: str = strawberry.field(description="What the case is about, in 1 to 200 characters.")
    description: str | None = strawberry.field(description="More about it, in up to 30,000 characters.")
    reference: str | None = strawberry.field(
        description="What the outside world calls it, such as a docket number; up to 200 characters."
    )
    status: CaseStatus = strawberry.field(description="Where the work on the case stands.")
    viewer_role: CaseRole = strawberry.field(
        description="What you may do in this case: your role as a member; for an administrator OWNER, and for an "
        "auditor at least VIEWER."
    )
    viewer_accepted: bool = strawberry.field(
        description="False for a case that someone else made you a member of, until you take it up: by `acceptCase`, "
        "or by any change in it. To be rid of it, use `removeCaseMember`."
    )
    members: list[CaseMember] = strawberry.field(
        description="Who was given a role in the case, with those whose role has ended."
    )

    @strawberry.field(description="The timeline: chronological unless another order is asked for.")
    def events(
        self,
        where: Annotated[
            EventFilter | None, strawberry.argument(description="Only events that meet all of these.")
        ] = strawberry.UNSET,
        order_by: Annotated[
            list[EventOrder] | None,
            strawberry.argument(
                description="Which come first, OCCURRED_AT_ASC by default; each further order breaks the ties of "
                "those before it."
            ),
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> EventConnection:
        """The timeline."""

    @strawberry.field(description="One event of this case by its id; null when this case has no such event.")
    def event(self, id: Annotated[strawberry.ID, strawberry.argument(description="The event's id.")]) -> Event | None:
        """One event of this case."""

    version: int = strawberry.field(
        description="1 for a new case; grows by one with every change to it. Give it back as `expectedVersion` "
        "so that nobody's change is overwritten unseen."
    )
    created_at: DateTime = strawberry.field(description="When the case was created.")
    created_by: User = strawberry.field(description="Who created it.")
    updated_at: DateTime = strawberry.field(
        description="When the case itself was last changed; changes to its events do not count."
    )
    updated_by: User = strawberry.field(description="Who changed the case itself last.")


@strawberry.type(description="A case in a list.")
class CaseEdge:
    """A case in a list."""

    cursor: str = strawberry.field(description="Where the case stands in the list, for `after` and `before`.")
    node: Case = strawberry.field(description="The case that stands there.")


@strawberry.type(description="A page of cases.")
class CaseConnection:
    """A page of cases."""

    edges: list[CaseEdge] = strawberry.field(description="The cases of this page with their cursors.")
    nodes: list[Case] = strawberry.field(description="The cases of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(description="How many cases all pages have together.")


@strawberry.input(
    description="Which cases to list: those that meet every condition given. A condition that is left out or "
    "null lets all pass."
)
class CaseFilter:
    """Which cases to list."""

    status: list[CaseStatus] | None = strawberry.field(
        default=strawberry.UNSET, description="Cases with one of these statuses; an empty list finds none."
    )
    accepted: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Cases whose `viewerAccepted` is this: false finds those that you were made a member of and have "
        "not taken up.",
    )
    text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Cases with this text in the title, the description or the reference. Upper and lower case "
        "are alike, and no character has a special meaning.",
    )
    created_from: DateTime | None = strawberry.field(
        default=strawberry.UNSET, description="Cases created at this moment or later."
    )
    created_before: DateTime | None = strawberry.field(
        default=strawberry.UNSET, description="Cases created before this moment."
    )
    updated_from: DateTime | None = strawberry.field(
        default=strawberry.UNSET,
        description=f"Cases changed at this moment or later. {UPDATED_FROM}",
    )


@strawberry.input(description="A case to create. You become its owner.")
class CreateCaseInput:
    """A new case."""

    title: str = strawberry.field(
        description="What the case is about: 1 to 200 characters, at least one of which can be seen."
    )
    description: strawberry.Maybe[str | None] = strawberry.field(description="More about it: up to 30,000 characters.")
    reference: strawberry.Maybe[str | None] = strawberry.field(
        description="What the outside world calls it, such as a docket number: up to 200 characters."
    )
    status: CaseStatus | None = strawberry.field(
        default=CaseStatus.OPEN, description="Where the work on the case stands; not null."
    )


@strawberry.input(description="A change to a case. What is left out stays; null clears what may be null.")
class UpdateCaseInput:
    """A change to a case."""

    id: strawberry.ID = strawberry.field(description="The case's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: the change is refused with a ConflictError if the case "
        "has another by now. Without it, the last change wins."
    )
    title: strawberry.Maybe[str | None] = strawberry.field(
        description="What the case is about: 1 to 200 characters, at least one of which can be seen; not null."
    )
    description: strawberry.Maybe[str | None] = strawberry.field(description="More about it: up to 30,000 characters.")
    reference: strawberry.Maybe[str | None] = strawberry.field(
        description="What the outside world calls it, such as a docket number: up to 200 characters."
    )
    status: strawberry.Maybe[CaseStatus | None] = strawberry.field(
        description="Where the work on the case stands; not null."
    )


@strawberry.input(description="A case to delete, with all its events and file batches.")
class DeleteCaseInput:
    """A case to delete."""

    id: strawberry.ID = strawberry.field(description="The case's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: nothing is deleted, and a ConflictError says so, if the case "
        "has another by now."
    )
