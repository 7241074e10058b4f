"""Where every change begins."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.types.base import StrawberryMaybe

from app.resolvers import cases, events, file_batches
from app.resolvers.changes import Work
from app.schema.case import Case, CreateCaseInput, DeleteCaseInput, UpdateCaseInput
from app.schema.context import Info
from app.schema.event import CreateEventInput, DeleteEventInput, Event, UpdateEventInput
from app.schema.file_batch import CreateFileBatchInput, DeleteFileBatchInput, FileBatch, UpdateFileBatchInput
from app.schema.refusals import UserError

_ERRORS = "Why the change was refused; empty when it was made."


@strawberry.type(description="What came of `createCase`.")
class CreateCasePayload:
    """What came of `createCase`."""

    case: Case | None = strawberry.field(description="The case as it was created; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `updateCase`.")
class UpdateCasePayload:
    """What came of `updateCase`."""

    case: Case | None = strawberry.field(description="The case as it was changed; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `deleteCase`.")
class DeleteCasePayload:
    """What came of `deleteCase`."""

    deleted_id: strawberry.ID | None = strawberry.field(description="The id of what is gone; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `createEvent`.")
class CreateEventPayload:
    """What came of `createEvent`."""

    event: Event | None = strawberry.field(description="The event as it was created; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `updateEvent`.")
class UpdateEventPayload:
    """What came of `updateEvent`."""

    event: Event | None = strawberry.field(description="The event as it was changed; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `deleteEvent`.")
class DeleteEventPayload:
    """What came of `deleteEvent`."""

    deleted_id: strawberry.ID | None = strawberry.field(description="The id of what is gone; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `createFileBatch`.")
class CreateFileBatchPayload:
    """What came of `createFileBatch`."""

    file_batch: FileBatch | None = strawberry.field(description="The file batch as it was created; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `updateFileBatch`.")
class UpdateFileBatchPayload:
    """What came of `updateFileBatch`."""

    file_batch: FileBatch | None = strawberry.field(description="The file batch as it was changed; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `deleteFileBatch`.")
class DeleteFileBatchPayload:
    """What came of `deleteFileBatch`."""

    deleted_id: strawberry.ID | None = strawberry.field(description="The id of what is gone; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="Changes. Each is made whole or not at all, and a refusal comes as data in `errors`.")
class Mutation:
    """Where every change begins."""

    @strawberry.mutation(description="Create a case. You become its owner.")
    async def create_case(
        self,
        info: Info,
        input: Annotated[CreateCaseInput, strawberry.argument(description="The new case.")],
    ) -> CreateCasePayload:
        """Create a case. You become its owner."""
        return await _change(info, cases.create, input)

    @strawberry.mutation(description="Change a case. Takes the role CONTRIBUTOR.")
    async def update_case(
        self,
        info: Info,
        input: Annotated[UpdateCaseInput, strawberry.argument(description="The case, and what to change of it.")],
    ) -> UpdateCasePayload:
        """Change a case. Takes the role CONTRIBUTOR."""
        return await _change(info, cases.update, input)

    @strawberry.mutation(description="Delete a case with all its events and file batches. Takes the role OWNER.")
    async def delete_case(
        self,
        info: Info,
        input: Annotated[DeleteCaseInput, strawberry.argument(description="The case to delete.")],
    ) -> DeleteCasePayload:
        """Delete a case with all its events and file batches. Takes the role OWNER."""
        return await _change(info, cases.delete, input)

    @strawberry.mutation(description="Put an event on the timeline of a case. Takes the role CONTRIBUTOR.")
    async def create_event(
        self,
        info: Info,
        input: Annotated[CreateEventInput, strawberry.argument(description="The new event.")],
    ) -> CreateEventPayload:
        """Put an event on the timeline of a case. Takes the role CONTRIBUTOR."""
        return await _change(info, events.create, input)

    @strawberry.mutation(description="Change an event. Takes the role CONTRIBUTOR.")
    async def update_event(
        self,
        info: Info,
        input: Annotated[UpdateEventInput, strawberry.argument(description="The event, and what to change of it.")],
    ) -> UpdateEventPayload:
        """Change an event. Takes the role CONTRIBUTOR."""
        return await _change(info, events.update, input)

    @strawberry.mutation(description="Delete an event with its file batches. Takes the role EDITOR.")
    async def delete_event(
        self,
        info: Info,
        input: Annotated[DeleteEventInput, strawberry.argument(description="The event to delete.")],
    ) -> DeleteEventPayload:
        """Delete an event with its file batches. Takes the role EDITOR."""
        return await _change(info, events.delete, input)

    @strawberry.mutation(description="Add a file batch to an event. Takes the role CONTRIBUTOR.")
    async def create_file_batch(
        self,
        info: Info,
        input: Annotated[CreateFileBatchInput, strawberry.argument(description="The new file batch.")],
    ) -> CreateFileBatchPayload:
        """Add a file batch to an event. Takes the role CONTRIBUTOR."""
        return await _change(info, file_batches.create, input)

    @strawberry.mutation(description="Change a file batch. Takes the role CONTRIBUTOR.")
    async def update_file_batch(
        self,
        info: Info,
        input: Annotated[
            UpdateFileBatchInput, strawberry.argument(description="The file batch, and what to change of it.")
        ],
    ) -> UpdateFileBatchPayload:
        """Change a file batch. Takes the role CONTRIBUTOR."""
        return await _change(info, file_batches.update, input)

    @strawberry.mutation(description="Delete a file batch. Takes the role EDITOR.")
    async def delete_file_batch(
        self,
        info: Info,
        input: Annotated[DeleteFileBatchInput, strawberry.argument(description="The file batch to delete.")],
    ) -> DeleteFileBatchPayload:
        """Delete a file batch. Takes the role EDITOR."""
        return await _change(info, file_batches.delete, input)


async def _change(info: Info, work: Work, values: object) -> Any:
    """Make a change and return its payload, by response name: what the other fields are read from."""
    return await info.context.change(info.path.key, work, _given(values))


def _given(values: object) -> dict[str, Any]:
    """Return the fields of an input that the client gave, null or not; those left out are absent."""
    given = {}
    for definition in values.__strawberry_definition__.fields:  # type: ignore[attr-defined]
        value = getattr(values, definition.python_name)
        if isinstance(definition.type, StrawberryMaybe):
            if value is None:
                continue
            value = value.value
        given[definition.python_name] = value.value if isinstance(value, Enum) else value
    return given
