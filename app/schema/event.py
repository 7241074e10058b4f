"""Events."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.db import models
from app.db.models import EventType, TimePrecision
from app.reading.nouns import Noun, Reference, UnitCount, UnitEnd, UnitStart, at_least, below, one_of, reaches, text
from app.schema.change import history
from app.schema.comment import comments
from app.schema.fields import MutationInput, condition, field, input_type, item_type, lookup, noun
from app.schema.file_batch import FileBatch, FileBatchConnection, FileBatchFilter, FileBatchOrder
from app.schema.nodes import Node
from app.schema.pages import UPDATED_FROM, listed, pages_of
from app.schema.scalars import DateTime
from app.schema.tag import having, tags
from app.schema.user import User
from app.schema.vocabulary import describe

if TYPE_CHECKING:
    from app.schema.case import Case


class EventOrder(Enum):
    """How the events of a case can be listed."""

    OCCURRED_AT_ASC = "OCCURRED_AT_ASC"
    OCCURRED_AT_DESC = "OCCURRED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    CREATED_AT_DESC = "CREATED_AT_DESC"
    UPDATED_AT_DESC = "UPDATED_AT_DESC"
    UPDATED_AT_ASC = "UPDATED_AT_ASC"


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


@noun(Noun(models.Event, order_columns={"OCCURRED_AT": ("occurred_at", "sort_order")}))
class Event(Node):
    """An event on the timeline of a case."""

    case: Annotated[Case, strawberry.lazy("app.schema.case")] = field(
        Reference("case_id"), "The case that the event belongs to."
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
    source: str | None = strawberry.field(
        description="Where it is from, such as a file, a log or a person: up to 200 characters."
    )
    time_kind: str | None = strawberry.field(
        description="What its time says where it is from, as `Creation time`: up to 200 characters."
    )
    utc_offset: str | None = strawberry.field(
        description="The offset from UTC that its time has where it is from, of the form `+02:00`, from `-12:00` to "
        "`+14:00`; that of UTC is `+00:00`. It says nothing of `occurredAt`, which is a moment in any case."
    )
    tags: list[str] = tags("event")

    file_batches = listed(
        FileBatchConnection,
        "The event's file batches, by their `sortOrder` unless another order is asked for.",
        parent="event_id",
        order=FileBatchOrder,
        default=FileBatchOrder.SORT_ORDER_ASC,
        where=FileBatchFilter,
        filtered="Only batches that meet all of these.",
    )
    file_batch = lookup(
        FileBatch,
        "One file batch of this event by its id; null when this event has no such batch.",
        parent="event_id",
        id=("id", "The file batch's id."),
    )
    comments = comments("The comments on the event itself; those on its file batches are theirs")
    history = history(
        "event_id",
        "What was done to the event and to all that is or was on it, the newest first unless another order is asked "
        'for; to the event alone with `types: ["EVENT"]`.',
    )
    version: int = strawberry.field(
        description="1 for a new event; grows by one with every change to it. Give it back as `expectedVersion` "
        "so that nobody's change is overwritten unseen."
    )
    created_at: DateTime = strawberry.field(description="When the event was entered.")
    created_by: User = field(Reference("created_by"), "Who entered the event.")
    updated_at: DateTime = strawberry.field(
        description="When the event itself was last changed; changes to its file batches do not count."
    )
    updated_by: User = field(Reference("updated_by"), "Who changed the event itself last.")


class TimeUnit(Enum):
    """By what events can be counted over time."""

    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    YEAR = "YEAR"


describe(
    TimeUnit,
    "A unit of time, by the calendar and the clock of UTC.",
    MINUTE="A minute.",
    HOUR="An hour.",
    DAY="A day, from midnight to midnight.",
    WEEK="A week, from Monday to Monday (ISO 8601).",
    MONTH="A month of the calendar.",
    YEAR="A year of the calendar.",
)


@noun(Noun(models.Event))
class EventCount:
    """How many events begin in a unit of time."""

    from_: DateTime = field(UnitStart(), "When the unit begins.", name="from")
    until: DateTime = field(
        UnitEnd(),
        "When the unit ends: the moment with which the next one begins. Of what ends with the year 9999 or later it is "
        "the last moment that there is, `9999-12-31T23:59:59.999999Z`.",
    )
    count: int = field(UnitCount(), "How many events have their `occurredAt` in it: 1 or more.")


EventConnection = pages_of(Event, "event", "events", short="event")


@input_type
class EventFilter:
    """Which events to list: those that meet every condition given. A condition that is left out or null lets all
    pass.
    """

    type: list[EventType] | None = condition(one_of("type"), "Events of one of these types; an empty list finds none.")
    text: str | None = condition(
        text,
        "Events with this text in the title, the description, the `source` or the `timeKind`. Upper and lower case are "
        "alike, and no character has a special meaning.",
    )
    tags: list[str] | None = having("Events")
    occurred_from: DateTime | None = condition(
        at_least("occurred_at"), "Events whose `occurredAt` is this moment or later."
    )
    occurred_before: DateTime | None = condition(
        below("occurred_at"), "Events whose `occurredAt` is before this moment."
    )
    overlaps_from: DateTime | None = condition(
        reaches,
        "Events that are not over before this moment, as far as is known: those that last until then or "
        "longer, by their `occurredUntil` or else their `occurredAt`, or may do so by what `timePrecision` leaves "
        "open. With `overlapsBefore` it finds what was going on between two moments.",
    )
    overlaps_before: DateTime | None = condition(
        below("occurred_at"),
        "Events that began before this moment, or may have: those whose `occurredAt` is before it.",
    )
    updated_from: DateTime | None = condition(
        at_least("updated_at"),
        f"Events changed at this moment or later. {UPDATED_FROM}",
    )


@input_type
class CreateEventInput(MutationInput):
    """An event to put on the timeline of a case."""

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
    source: strawberry.Maybe[str | None] = strawberry.field(
        description="Where it is from, such as a file, a log or a person: up to 200 characters."
    )
    time_kind: strawberry.Maybe[str | None] = strawberry.field(
        description="What its time says where it is from, as `Creation time`: up to 200 characters."
    )
    utc_offset: strawberry.Maybe[str | None] = strawberry.field(
        description="The offset from UTC that its time has where it is from, of the form `+02:00`, from `-12:00` to "
        "`+14:00`; that of UTC is `+00:00`. It says nothing of `occurredAt`, which is a moment in any case."
    )


@input_type
class UpdateEventInput(MutationInput):
    """A change to an event. What is left out stays; null clears what may be null."""

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
    source: strawberry.Maybe[str | None] = strawberry.field(
        description="Where it is from, such as a file, a log or a person: up to 200 characters."
    )
    time_kind: strawberry.Maybe[str | None] = strawberry.field(
        description="What its time says where it is from, as `Creation time`: up to 200 characters."
    )
    utc_offset: strawberry.Maybe[str | None] = strawberry.field(
        description="The offset from UTC that its time has where it is from, of the form `+02:00`, from `-12:00` to "
        "`+14:00`; that of UTC is `+00:00`. It says nothing of `occurredAt`, which is a moment in any case."
    )


@input_type
class DeleteEventInput(MutationInput):
    """An event to delete, with all its file batches."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the event is in.")
    id: strawberry.ID = strawberry.field(description="The event's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: nothing is deleted, and a ConflictError says so, if the event "
        "has another by now."
    )


NewEvent = item_type(CreateEventInput, "NewEvent", "One of several events to put on the timeline of a case.", "case_id")


@input_type
class CreateEventsInput(MutationInput):
    """Events to put on the timeline of a case: all of them, or none."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the events are in.")
    items: list[NewEvent] = strawberry.field(description="1 to 1,000 events.")  # type: ignore[valid-type]


@input_type
class DeleteEventsInput(MutationInput):
    """Events to delete, with all their file batches: all of them, or none."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the events are in.")
    ids: list[strawberry.ID] = strawberry.field(description="The ids of 1 to 1,000 events.")
