"""Events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.db.models import EventType, TimePrecision
from app.reading.nouns import EventOrder
from app.schema.file_batch import FileBatch, FileBatchConnection, FileBatchOrder
from app.schema.nodes import Node
from app.schema.pages import UPDATED_FROM, After, Before, First, Last, PageInfo
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
    "How exactly the time of an event is known. `occurredAt` is the beginning of the interval left open. DAY, MONTH "
    "and YEAR are dates of the calendar, the same in every time zone: they are given, and kept, as the midnight in UTC "
    "with which they begin, such as `2026-06-15T00:00:00Z`, `2026-06-01T00:00:00Z` and `2026-01-01T00:00:00Z`; "
    "anything else is refused.",
    EXACT="To the moment: it happened at `occurredAt`.",
    MINUTE="To the minute: it happened within one minute from `occurredAt` on.",
    DAY="To the day: it happened within one day from `occurredAt` on.",
    MONTH="To the month: it happened within one month from `occurredAt` on.",
    YEAR="To the year: it happened within one year from `occurredAt` on.",
)
describe(
    EventOrder,
    "How to list events. Ties are broken by the next order given, and at last by the id.",
    OCCURRED_AT_ASC="Chronologically; events at the same moment by `sortOrder`.",
    OCCURRED_AT_DESC="The latest first; events at the same moment by `sortOrder`, the highest first.",
    CREATED_AT_ASC="The event that was entered first is first.",
    CREATED_AT_DESC="The event that was entered last is first.",
    UPDATED_AT_DESC="The event that was changed last is first.",
    UPDATED_AT_ASC="The event that was not changed for the longest time is first.",
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
    sort_order: int = strawberry.field(
        description="Which of the events at the same moment comes first: the one with the lower number."
    )

    @strawberry.field(description="The event's file batches, by their `sortOrder` unless another order is asked for.")
    def file_batches(
        self,
        order_by: Annotated[
            list[FileBatchOrder] | None,
            strawberry.argument(
                description="Which come first, SORT_ORDER_ASC by default; each further order breaks the ties of "
                "those before it."
            ),
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> FileBatchConnection:
        """The file batches."""

    @strawberry.field(description="One file batch of this event by its id; null when this event has no such batch.")
    def file_batch(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="The file batch's id.")]
    ) -> FileBatch | None:
        """One file batch of this event."""

    version: int = strawberry.field(
        description="1 for a new event; grows by one with every change to it. Give it back as `expectedVersion` "
        "so that nobody's change is overwritten unseen."
    )
    created_at: DateTime = strawberry.field(description="When the event was entered.")
    created_by: User = strawberry.field(description="Who entered the event.")
    updated_at: DateTime = strawberry.field(
        description="When the event itself was last changed; changes to its file batches do not count."
    )
    updated_by: User = strawberry.field(description="Who changed the event itself last.")


@strawberry.type(description="An event in a list.")
class EventEdge:
    """An event in a list."""

    cursor: str = strawberry.field(description="Where the event stands in the list, for `after` and `before`.")
    node: Event = strawberry.field(description="The event that stands there.")


@strawberry.type(description="A page of events.")
class EventConnection:
    """A page of events."""

    edges: list[EventEdge] = strawberry.field(description="The events of this page with their cursors.")
    nodes: list[Event] = strawberry.field(description="The events of this page.")
    page_info: PageInfo = strawberry.field(description="Where this page lies in the list.")
    total_count: int = strawberry.field(description="How many events all pages have together.")


@strawberry.input(
    description="Which events to list: those that meet every condition given. A condition that is left out or "
    "null lets all pass."
)
class EventFilter:
    """Which events to list."""

    type: list[EventType] | None = strawberry.field(
        default=strawberry.UNSET, description="Events of one of these types; an empty list finds none."
    )
    text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Events with this text in the title or the description. Upper and lower case are alike, and "
        "no character has a special meaning.",
    )
    occurred_from: DateTime | None = strawberry.field(
        default=strawberry.UNSET, description="Events whose `occurredAt` is this moment or later."
    )
    occurred_before: DateTime | None = strawberry.field(
        default=strawberry.UNSET, description="Events whose `occurredAt` is before this moment."
    )
    overlaps_from: DateTime | None = strawberry.field(
        default=strawberry.UNSET,
        description="Events that are not over before this moment, as far as is known: those that last until then or "
        "longer, by their `occurredUntil` or else their `occurredAt`, or may do so by what `timePrecision` leaves "
        "open. With `overlapsBefore` it finds what was going on between two moments.",
    )
    overlaps_before: DateTime | None = strawberry.field(
        default=strawberry.UNSET,
        description="Events that began before this moment, or may have: those whose `occurredAt` is before it.",
    )
    updated_from: DateTime | None = strawberry.field(
        default=strawberry.UNSET,
        description=f"Events changed at this moment or later. {UPDATED_FROM}",
    )


@strawberry.input(description="An event to put on the timeline of a case.")
class CreateEventInput:
    """A new event."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the event is in.")
    type: EventType | None = strawberry.field(default=EventType.NOTE, description="What kind of entry it is; not null.")
    title: str = strawberry.field(description="What happened: 1 to 200 characters, at least one of which can be seen.")
    description: strawberry.Maybe[str | None] = strawberry.field(description="More about it: up to 30,000 characters.")
    occurred_at: DateTime = strawberry.field(
        description="When it happened: the beginning of the interval that `timePrecision` leaves open. For "
        "a DAY, MONTH or YEAR its first midnight in UTC."
    )
    occurred_until: strawberry.Maybe[DateTime | None] = strawberry.field(
        description="When it ended, if it lasted; not before `occurredAt`. For a DAY, MONTH or YEAR the first midnight "
        "in UTC of the last one."
    )
    time_precision: TimePrecision | None = strawberry.field(
        default=TimePrecision.EXACT, description="How exactly the time is known; not null."
    )
    sort_order: int | None = strawberry.field(
        default=0,
        description="Which of the events at the same moment comes first: the one with the lower number; not null.",
    )


@strawberry.input(description="A change to an event. What is left out stays; null clears what may be null.")
class UpdateEventInput:
    """A change to an event."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the event is in.")
    id: strawberry.ID = strawberry.field(description="The event's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: the change is refused with a ConflictError if the event "
        "has another by now. Without it, the last change wins."
    )
    type: strawberry.Maybe[EventType | None] = strawberry.field(description="What kind of entry it is; not null.")
    title: strawberry.Maybe[str | None] = strawberry.field(
        description="What happened: 1 to 200 characters, at least one of which can be seen; not null."
    )
    description: strawberry.Maybe[str | None] = strawberry.field(description="More about it: up to 30,000 characters.")
    occurred_at: strawberry.Maybe[DateTime | None] = strawberry.field(
        description="When it happened: the beginning of the interval that `timePrecision` leaves open; not null. "
        "For a DAY, MONTH or YEAR its first midnight in UTC."
    )
    occurred_until: strawberry.Maybe[DateTime | None] = strawberry.field(
        description="When it ended, if it lasted; not before `occurredAt`. For a DAY, MONTH or YEAR the first midnight "
        "in UTC of the last one."
    )
    time_precision: strawberry.Maybe[TimePrecision | None] = strawberry.field(
        description="How exactly the time is known; not null."
    )
    sort_order: strawberry.Maybe[int | None] = strawberry.field(
        description="Which of the events at the same moment comes first: the one with the lower number; not null."
    )


@strawberry.input(description="An event to delete, with all its file batches.")
class DeleteEventInput:
    """An event to delete."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the event is in.")
    id: strawberry.ID = strawberry.field(description="The event's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: nothing is deleted, and a ConflictError says so, if the event "
        "has another by now."
    )
