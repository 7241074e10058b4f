"""Cases and their members."""

from __future__ import annotations

from enum import Enum

import strawberry

from app import ownership
from app.db import models
from app.db.models import CaseRole, CaseStatus
from app.reading.nouns import (
    MAX_UNITS,
    Computed,
    Counts,
    Few,
    IsNull,
    Noun,
    Part,
    Reference,
    StoredBeside,
    accepted,
    at_least,
    below,
    one_of,
    text,
)
from app.schema.change import ChangeConnection, ChangeOrder, Journal, history
from app.schema.comment import comments
from app.schema.event import Event, EventConnection, EventCount, EventFilter, EventOrder, TimeUnit
from app.schema.fields import (
    MutationInput,
    argument,
    choice_type,
    condition,
    declared,
    field,
    input_type,
    lookup,
    noun,
)
from app.schema.file_batch import FileBatchConnection, FileBatchFilter, FileBatchOrder
from app.schema.kept import Hold, Seal
from app.schema.nodes import Node
from app.schema.pages import UPDATED_FROM, listed, pages_of
from app.schema.scalars import DateTime
from app.schema.tag import TAG_COUNTS, TagCount, having, tags
from app.schema.user import User
from app.schema.vocabulary import describe


class CaseOrder(Enum):
    """How cases can be listed."""

    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    UPDATED_AT_DESC = "UPDATED_AT_DESC"
    UPDATED_AT_ASC = "UPDATED_AT_ASC"
    NUMBER_DESC = "NUMBER_DESC"
    NUMBER_ASC = "NUMBER_ASC"
    TITLE_ASC = "TITLE_ASC"
    TITLE_DESC = "TITLE_DESC"
    LAST_ACTIVITY_DESC = "LAST_ACTIVITY_DESC"
    LAST_ACTIVITY_ASC = "LAST_ACTIVITY_ASC"


describe(
    CaseStatus,
    "Where the work on a case stands.",
    OPEN="It has been opened; work has yet to begin.",
    ACTIVE="It is being worked on.",
    CLOSED="The work is done: nothing in the case changes until it has another status again.",
)
describe(
    CaseRole,
    "What a member may do in a case. Each role includes those after it.",
    OWNER="May do everything, such as govern the members and delete the case.",
    EDITOR="May also delete events, file batches and comments of others.",
    CONTRIBUTOR="May also create and change, but delete nothing except their own comments.",
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
    LAST_ACTIVITY_DESC="By `lastActivityAt`, the latest first.",
    LAST_ACTIVITY_ASC="By `lastActivityAt`, the earliest first.",
)


@noun(Noun(models.CaseMember, key=("case_id", "user_id")))
class CaseMember:
    """A user's role in a case."""

    user: User = field(Reference("user_id", known=False), "Whose role it is.")
    role: CaseRole = strawberry.field(description="What they may do.")
    expires_at: DateTime | None = strawberry.field(
        description="When the role ends; null when it doesn't. Once it has ended, the case no longer exists for them."
    )
    accepted: bool = field(
        IsNull("given_by"),
        "Whether they have taken their membership up, by `acceptCase` or by a change in the case. What is "
        "given to them they may use at once; until they have taken it up, their name and email are null for those who "
        "share no other case with them, and they are not counted as an owner.",
    )


@noun(Noun(models.Case, order_columns={"TITLE": ("title_key",), "LAST_ACTIVITY": ("last_activity_at",)}))
class Case(Node):
    """A case: what auditors or investigators look into, with a timeline of events."""

    number: int = strawberry.field(
        description="What people call the case by: 1, 2, 3 and so on; unique, and never given out again."
    )
    title: str = strawberry.field(description="What the case is about, in 1 to 200 characters.")
    description: str | None = strawberry.field(description="More about it, in up to 30,000 characters.")
    reference: str | None = strawberry.field(
        description="What the outside world calls it, such as a docket number; up to 200 characters."
    )
    status: CaseStatus = strawberry.field(description="Where the work on the case stands.")
    viewer_role: CaseRole = field(
        Computed(ownership.viewer_role),
        "What you may do in this case: your role as a member; for an administrator OWNER, and for an "
        "auditor at least VIEWER. It is what you may do now, also in a case as it was.",
    )
    viewer_accepted: bool = field(
        Computed(ownership.viewer_accepted),
        "False for a case that someone else made you a member of, until you take it up: by `acceptCase`, "
        "or by any change in it. To be rid of it, use `removeCaseMember`. Also in a case as it was it is said of now.",
    )
    members: list[CaseMember] = field(
        Few("case_id", order="user_id"), "Who was given a role in the case, with those whose role has ended."
    )

    events = listed(
        EventConnection,
        "The timeline: chronological unless another order is asked for.",
        parent="case_id",
        order=EventOrder,
        default=EventOrder.OCCURRED_AT_ASC,
        where=EventFilter,
        filtered="Only events that meet all of these.",
    )
    event_counts: list[EventCount] = declared(
        Counts("case_id", "occurred_at"),
        list[EventCount],
        f"How many events begin in each unit of time that has any, in order. {MAX_UNITS:,} units are told at the most: "
        "where there are more, the document is refused (`LIMIT_EXCEEDED`), so narrow `where` or take a longer unit.",
        by=argument(TimeUnit, "The unit of time."),
        where=argument(EventFilter | None, "Only events that meet all of these are counted."),
    )
    event = lookup(
        Event,
        "One event of this case by its id; null when this case has no such event.",
        parent="case_id",
        id=("id", "The event's id."),
    )
    file_batches = listed(
        FileBatchConnection,
        "The file batches of all events of the case; the one that was added first is first unless another order is "
        "asked for.",
        parent="case_id",
        order=FileBatchOrder,
        default=FileBatchOrder.CREATED_AT_ASC,
        where=FileBatchFilter,
        filtered="Only batches that meet all of these.",
    )
    tags: list[str] = tags("case itself")
    tag_counts: list[TagCount] = TAG_COUNTS
    comments = comments("The comments on the case itself; those on its events and file batches are theirs")
    history = history(
        "case_id",
        "What was done to the case and to all that is or was in it, the newest first unless another order is asked "
        "for.",
    )
    trash = listed(
        ChangeConnection,
        "What was deleted from the case and can be restored, by the changes that say so; the last one first unless "
        "another order is asked for. Of a case as it was it is what can be restored now.",
        parent="case_id",
        order=ChangeOrder,
        default=ChangeOrder.SEQ_DESC,
        among=ownership.trashed,
    )
    seal: Seal | None = field(Part("sealed_at"), "The seal of the case; null while it is not sealed.")
    holds: list[Hold] = field(
        Few("case_id", order="placed_at"), "The holds on the case, also those that were released; the first one first."
    )
    retain_until: DateTime | None = strawberry.field(
        description="Before when nothing of the case is destroyed; null for no such moment. Also by then nothing goes "
        "by itself."
    )
    journal: Journal = field(Reference("id"), "How long the record of the case is, and its root.")
    version: int = strawberry.field(
        description="1 for a new case; grows by one with every change to it. Give it back as `expectedVersion` "
        "so that nobody's change is overwritten unseen."
    )
    created_at: DateTime = strawberry.field(description="When the case was created.")
    created_by: User = field(Reference("created_by"), "Who created it.")
    updated_at: DateTime = strawberry.field(
        description="When the case itself was last changed; changes to its events do not count."
    )
    last_activity_at: DateTime = field(
        StoredBeside("last_activity_at"),
        "When anything was last done to the case or to what is in it: the `at` of its newest change. Of a case as it "
        "was it is that of the last change by then.",
    )
    updated_by: User = field(Reference("updated_by"), "Who changed the case itself last.")


CaseConnection = pages_of(Case, "case", "cases", short="case")


@input_type
class CaseFilter:
    """Which cases to list: those that meet every condition given. A condition that is left out or null lets all
    pass.
    """

    status: list[CaseStatus] | None = condition(
        one_of("status"), "Cases with one of these statuses; an empty list finds none."
    )
    accepted: bool | None = condition(
        accepted,
        "Cases whose `viewerAccepted` is this: false finds those that you were made a member of and have not taken up.",
    )
    text: str | None = condition(
        text,
        "Cases with this text in the title, the description or the reference. Upper and lower case "
        "are alike, and no character has a special meaning.",
    )
    tags: list[str] | None = having("Cases")
    created_from: DateTime | None = condition(at_least("created_at"), "Cases created at this moment or later.")
    created_before: DateTime | None = condition(below("created_at"), "Cases created before this moment.")
    updated_from: DateTime | None = condition(
        at_least("updated_at"),
        f"Cases changed at this moment or later. {UPDATED_FROM}",
    )


@choice_type
class AsOf:
    """A moment in the past of a case: exactly one of these."""

    seq: strawberry.Maybe[int] = strawberry.field(
        description="As of the change with this `seq`, which is among them; the case is null when it has none such."
    )
    at: strawberry.Maybe[DateTime] = strawberry.field(
        description="As of this moment, with all changes until then; the case is null when it was not there yet, and a "
        "moment that has yet to come is refused. A change may still come to be before a moment that was less than two "
        "minutes ago; `seq` names one state for good."
    )


@input_type
class CreateCaseInput(MutationInput):
    """A case to create. You become its owner."""

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


@input_type
class UpdateCaseInput(MutationInput):
    """A change to a case. What is left out stays; null clears what may be null."""

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


@input_type
class DeleteCaseInput(MutationInput):
    """A case to delete, with all its events and file batches."""

    id: strawberry.ID = strawberry.field(description="The case's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: nothing is deleted, and a ConflictError says so, if the case "
        "has another by now."
    )
