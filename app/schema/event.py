"""Events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.db.models import EventType, TimePrecision
from app.resolvers.nouns import EventOrder
from app.schema.file_batch import FileBatch, FileBatchConnection, FileBatchOrder
from app.schema.nodes import Node
from app.schema.pages import After, Before, First, Last, PageInfo
from app.schema.scalars import DateTime
from app.schema.user import User
from app.schema.vocabulary import describe

if TYPE_CHECKING:
    from app.schema.case import Case

__all__ = [
    "CreateEventInput",
    "DeleteEventInput",
    "Event",
    "EventConnection",
    "EventEdge",
    "EventFilter",
    "EventOrder",
    "EventType",
    "TimePrecision",
    "UpdateEventInput",
]

describe(
    EventType,
    "What kind of entry an event is.",
    FINDING="Something that was found out.",
    ACTION="Something that was done.",
    NOTE="Something worth remembering.",
)
describe(
    TimePrecision,
    "How exactly the time of an event is known. `occurredAt` is the beginning of the interval left open.",
    EXACT="To the moment.",
    MINUTE="To the minute.",
    DAY="To the day.",
    MONTH="To the month.",
    YEAR="To the year.",
)
describe(
    EventOrder,
    "How to list events. Ties are broken by the next order given, and at last by the id.",
    OCCURRED_AT_ASC="Chronologically; events at the same moment by `sortOrder`.",
    OCCURRED_AT_DESC="The latest first.",
    CREATED_AT_ASC="Those entered first, first.",
    CREATED_AT_DESC="Those entered last, first.",
    UPDATED_AT_DESC="Those changed last first.",
    UPDATED_AT_ASC="Those changed last at the end.",
)


@strawberry.type(description="An event on the timeline of a case.")
class Event(Node):
    """An event on the timeline of a case."""

    case: Annotated[Case, strawberry.lazy("app.schema.case")] = strawberry.field(
        description="The case that the event belongs to."
    )
    type: EventType = strawberry.field(description="What kind of entry it is.")
    title: str = strawberry.field(description="What happened, in 1 to 200 characters.")
    description: str | None = strawberry.field(description="More about it, in up to 30,000 characters.")
    occurred_at: DateTime = strawberry.field(
        description="When it happened: the beginning of the interval that `timePrecision` leaves open."
    )
    occurred_until: DateTime | None = strawberry.field(
        description="When it ended, if it lasted; never before `occurredAt`."
    )
    time_precision: TimePrecision = strawberry.field(description="How exactly the time is known.")
    sort_order: int = strawberry.field(description="Which comes first of events at the same moment: the lower.")

    @strawberry.field(description="The file batches, by their `sortOrder` unless another order is asked for.")
    def file_batches(
        self,
        order_by: Annotated[
            list[FileBatchOrder] | None,
            strawberry.argument(description="Which come first; SORT_ORDER_ASC by default."),
        ] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> FileBatchConnection:
        """The file batches."""

    @strawberry.field(description="One file batch of this event; null unless it is on this event.")
    def file_batch(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="The file batch's id.")]
    ) -> FileBatch | None:
        """One file batch of this event."""

    version: int = strawberry.field(description="1 for a new event; grows by one with every change to it.")
    created_at: DateTime = strawberry.field(description="When the event was entered.")
    created_by: User = strawberry.field(description="Who entered it.")
    updated_at: DateTime = strawberry.field(description="When the event itself was last changed.")
    updated_by: User = strawberry.field(description="Who changed it last.")


@strawberry.type(description="An event in a list.")
class EventEdge:
    """An event in a list."""

    cursor: str = strawberry.field(description="Where the event stands in the list, for `after` and `before`.")
    node: Event = strawberry.field(description="The event.")


@strawberry.type(description="A page of events.")
class EventConnection:
    """A page of events."""

    edges: list[EventEdge] = strawberry.field(description="The events of this page with their cursors.")
    nodes: list[Event] = strawberry.field(description="The events of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(description="How many events the whole list has.")


@strawberry.input(description="Which events to list. Those that meet every condition given.")
class EventFilter:
    """Which events to list."""

    type: list[EventType] | None = strawberry.field(default=None, description="Any of these.")
    text: str | None = strawberry.field(
        default=None, description="A part of the title or the description; upper and lower case alike."
    )
    occurred_from: DateTime | None = strawberry.field(default=None, description="Occurred at this moment or later.")
    occurred_before: DateTime | None = strawberry.field(default=None, description="Occurred before this moment.")
    updated_from: DateTime | None = strawberry.field(
        default=None, description="Changed at this moment or later: what is new since you last looked."
    )


@strawberry.input(description="A new event on the timeline of a case.")
class CreateEventInput:
    """A new event."""

    case_id: strawberry.ID = strawberry.field(description="The case's id.")
    type: EventType | None = strawberry.field(default=EventType.NOTE, description="What kind of entry it is.")
    title: str = strawberry.field(description="1 to 200 characters, not all of them white space.")
    description: strawberry.Maybe[str | None] = strawberry.field(description="Up to 30,000 characters.")
    occurred_at: DateTime = strawberry.field(
        description="When it happened: the beginning of the interval that `timePrecision` leaves open."
    )
    occurred_until: strawberry.Maybe[DateTime | None] = strawberry.field(
        description="When it ended, if it lasted; not before `occurredAt`."
    )
    time_precision: TimePrecision | None = strawberry.field(
        default=TimePrecision.EXACT, description="How exactly the time is known."
    )
    sort_order: int | None = strawberry.field(
        default=0, description="Which comes first of events at the same moment: the lower."
    )


@strawberry.input(description="A change to an event. What is left out stays; null clears what may be null.")
class UpdateEventInput:
    """A change to an event."""

    case_id: strawberry.ID = strawberry.field(description="The case's id.")
    id: strawberry.ID = strawberry.field(description="The event's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="Refuse the change if the event has another version by now."
    )
    type: strawberry.Maybe[EventType | None] = strawberry.field(description="What kind of entry it is; not null.")
    title: strawberry.Maybe[str | None] = strawberry.field(
        description="1 to 200 characters, not all of them white space; not null."
    )
    description: strawberry.Maybe[str | None] = strawberry.field(description="Up to 30,000 characters.")
    occurred_at: strawberry.Maybe[DateTime | None] = strawberry.field(description="When it happened; not null.")
    occurred_until: strawberry.Maybe[DateTime | None] = strawberry.field(
        description="When it ended, if it lasted; not before `occurredAt`."
    )
    time_precision: strawberry.Maybe[TimePrecision | None] = strawberry.field(
        description="How exactly the time is known; not null."
    )
    sort_order: strawberry.Maybe[int | None] = strawberry.field(
        description="Which comes first of events at the same moment; not null."
    )


@strawberry.input(description="An event to delete, with all its file batches.")
class DeleteEventInput:
    """An event to delete."""

    case_id: strawberry.ID = strawberry.field(description="The case's id.")
    id: strawberry.ID = strawberry.field(description="The event's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="Refuse if the event has another version by now."
    )
