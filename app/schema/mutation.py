"""Where every change begins."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.case import Case, CaseMember, CreateCaseInput, DeleteCaseInput, UpdateCaseInput
from app.schema.event import CreateEventInput, DeleteEventInput, Event, UpdateEventInput
from app.schema.file_batch import CreateFileBatchInput, DeleteFileBatchInput, FileBatch, UpdateFileBatchInput
from app.schema.member import AcceptCaseInput, RemoveCaseMemberInput, SetCaseMemberInput
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

    case: Case | None = strawberry.field(description="The case as it is after the change; null when refused.")
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

    event: Event | None = strawberry.field(description="The event as it is after the change; null when refused.")
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

    file_batch: FileBatch | None = strawberry.field(
        description="The file batch as it is after the change; null when refused."
    )
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `deleteFileBatch`.")
class DeleteFileBatchPayload:
    """What came of `deleteFileBatch`."""

    deleted_id: strawberry.ID | None = strawberry.field(description="The id of what is gone; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `setCaseMember`.")
class SetCaseMemberPayload:
    """What came of `setCaseMember`."""

    member: CaseMember | None = strawberry.field(description="The member as they are now; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `acceptCase`.")
class AcceptCasePayload:
    """What came of `acceptCase`."""

    case: Case | None = strawberry.field(description="The case, now taken up; null when refused.")
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="What came of `removeCaseMember`.")
class RemoveCaseMemberPayload:
    """What came of `removeCaseMember`."""

    deleted_id: strawberry.ID | None = strawberry.field(
        description="The id of the user who is no longer a member; null when refused."
    )
    errors: list[UserError] = strawberry.field(description=_ERRORS)


@strawberry.type(
    description="Where every change begins. Each is made whole or not at all, and a refusal comes as data in "
    "`errors`. Several in one document are made one after the other; one that is refused does not undo or stop "
    "the others."
)
class Mutation:
    """Where every change begins."""

    @strawberry.mutation(description="Create a case. You become its owner.")
    def create_case(
        self,
        input: Annotated[CreateCaseInput, strawberry.argument(description="What the case is to hold.")],
    ) -> CreateCasePayload:
        """Create a case. You become its owner."""

    @strawberry.mutation(description="Change a case. Takes the role CONTRIBUTOR.")
    def update_case(
        self,
        input: Annotated[UpdateCaseInput, strawberry.argument(description="Which case, and what to change of it.")],
    ) -> UpdateCasePayload:
        """Change a case. Takes the role CONTRIBUTOR."""

    @strawberry.mutation(description="Delete a case with all its events and file batches. Takes the role OWNER.")
    def delete_case(
        self,
        input: Annotated[DeleteCaseInput, strawberry.argument(description="Which case to delete.")],
    ) -> DeleteCasePayload:
        """Delete a case with all its events and file batches. Takes the role OWNER."""

    @strawberry.mutation(description="Put an event on the timeline of a case. Takes the role CONTRIBUTOR.")
    def create_event(
        self,
        input: Annotated[CreateEventInput, strawberry.argument(description="The case, and what the event is to hold.")],
    ) -> CreateEventPayload:
        """Put an event on the timeline of a case. Takes the role CONTRIBUTOR."""

    @strawberry.mutation(description="Change an event. Takes the role CONTRIBUTOR.")
    def update_event(
        self,
        input: Annotated[
            UpdateEventInput, strawberry.argument(description="Which event, with its case, and what to change of it.")
        ],
    ) -> UpdateEventPayload:
        """Change an event. Takes the role CONTRIBUTOR."""

    @strawberry.mutation(description="Delete an event with its file batches. Takes the role EDITOR.")
    def delete_event(
        self,
        input: Annotated[DeleteEventInput, strawberry.argument(description="Which event to delete, with its case.")],
    ) -> DeleteEventPayload:
        """Delete an event with its file batches. Takes the role EDITOR."""

    @strawberry.mutation(description="Add a file batch to an event. Takes the role CONTRIBUTOR.")
    def create_file_batch(
        self,
        input: Annotated[
            CreateFileBatchInput,
            strawberry.argument(description="The event with its case, and what the batch is to hold."),
        ],
    ) -> CreateFileBatchPayload:
        """Add a file batch to an event. Takes the role CONTRIBUTOR."""

    @strawberry.mutation(description="Change a file batch. Takes the role CONTRIBUTOR.")
    def update_file_batch(
        self,
        input: Annotated[
            UpdateFileBatchInput,
            strawberry.argument(description="Which file batch, with its event and case, and what to change of it."),
        ],
    ) -> UpdateFileBatchPayload:
        """Change a file batch. Takes the role CONTRIBUTOR."""

    @strawberry.mutation(description="Delete a file batch. Takes the role EDITOR.")
    def delete_file_batch(
        self,
        input: Annotated[
            DeleteFileBatchInput,
            strawberry.argument(description="Which file batch to delete, with its event and case."),
        ],
    ) -> DeleteFileBatchPayload:
        """Delete a file batch. Takes the role EDITOR."""

    @strawberry.mutation(
        description="Give a user a role in a case, or another one. Takes the role OWNER. A case keeps at least one "
        "owner whose role doesn't end and who has taken it up."
    )
    def set_case_member(
        self,
        input: Annotated[SetCaseMemberInput, strawberry.argument(description="The case, the user and their role.")],
    ) -> SetCaseMemberPayload:
        """Give a user a role in a case, or another one. Takes the role OWNER."""

    @strawberry.mutation(
        description="Take up a case that someone else made you a member of, so that its members see who you are. Takes "
        "the role VIEWER. Whoever has nothing to take up gets the case as it is. Any change in the case takes it up as "
        "well; `removeCaseMember` leaves it."
    )
    def accept_case(
        self,
        input: Annotated[AcceptCaseInput, strawberry.argument(description="Which case to take up.")],
    ) -> AcceptCasePayload:
        """Take up a case that someone else made the viewer a member of."""

    @strawberry.mutation(
        description="Take a user's role in a case away. Takes the role OWNER; any member may remove themselves. A case "
        "keeps at least one owner whose role doesn't end and who has taken it up."
    )
    def remove_case_member(
        self,
        input: Annotated[RemoveCaseMemberInput, strawberry.argument(description="The case and the user.")],
    ) -> RemoveCaseMemberPayload:
        """Take a user's role in a case away. Takes the role OWNER; any member may remove themselves."""
