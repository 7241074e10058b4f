"""File batches."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.db import models
from app.reading.nouns import HasPart, Noun, Part, Reference, at_least, text
from app.schema.change import history
from app.schema.comment import comments
from app.schema.fields import MutationInput, condition, field, input_type, item_type, noun
from app.schema.file import FILES, Manifest
from app.schema.nodes import Node
from app.schema.pages import pages_of
from app.schema.scalars import BigInt, DateTime
from app.schema.tag import having, tags
from app.schema.user import User
from app.schema.vocabulary import describe

if TYPE_CHECKING:
    from app.schema.event import Event


class FileBatchOrder(Enum):
    """How file batches can be listed."""

    SORT_ORDER_ASC = "SORT_ORDER_ASC"
    SORT_ORDER_DESC = "SORT_ORDER_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    CREATED_AT_DESC = "CREATED_AT_DESC"


describe(
    FileBatchOrder,
    "How to list file batches. Ties are broken by the next order given, and at last by the id.",
    SORT_ORDER_ASC="By `sortOrder`, the lowest first, whichever event they are on.",
    SORT_ORDER_DESC="By `sortOrder`, the highest first, whichever event they are on.",
    CREATED_AT_ASC="The batch that was added first is first.",
    CREATED_AT_DESC="The batch that was added last is first.",
)


@noun(Noun(models.FileBatch))
class FileBatch(Node):
    """A labelled group of evidence files on an event: seven thousand copied files are one line, not seven thousand."""

    event: Annotated[Event, strawberry.lazy("app.schema.event")] = field(
        Reference("event_id"), "The event that the batch belongs to."
    )
    label: str = strawberry.field(description="What the files are, in 1 to 200 characters.")
    file_count: int = strawberry.field(
        description="How many files they are: 0 or more. Once there is a manifest, how many it lists."
    )
    total_bytes: BigInt | None = strawberry.field(
        description="How many bytes they have together, by the manifest; null as long as there is none."
    )
    manifest: Manifest | None = field(
        Part("manifest_sha256"), "The finished list of the files; null as long as it isn't finished."
    )
    files = FILES
    description: str | None = strawberry.field(description="More about them, in up to 30,000 characters.")
    file_types: str | None = strawberry.field(
        description="The kinds of files, separated by commas, as in `.pdf, .docx, .xlsx`; up to 500 characters."
    )
    sort_order: int = strawberry.field(description="The place among the batches of the event: the lower first.")
    tags: list[str] = tags("file batch")
    comments = comments("The comments on the file batch")
    history = history("row_id", "What was done to the file batch, the newest first unless another order is asked for.")
    version: int = strawberry.field(
        description="1 for a new batch; grows by one with every change to it. Give it back as `expectedVersion` "
        "so that nobody's change is overwritten unseen."
    )
    created_at: DateTime = strawberry.field(description="When the batch was added.")
    created_by: User = field(Reference("created_by"), "Who added the batch.")
    updated_at: DateTime = strawberry.field(description="When the batch was last changed.")
    updated_by: User = field(Reference("updated_by"), "Who changed the batch last.")


FileBatchConnection = pages_of(FileBatch, "file batch", "file batches", short="batch")


@input_type
class FileBatchFilter:
    """Which file batches to list: those that meet every condition given. A condition that is left out or null lets all
    pass.
    """

    text: str | None = condition(
        text,
        "Batches with this text in the label, the description or the `fileTypes`. Upper and lower case are alike, and "
        "no character has a special meaning.",
    )
    file_types: str | None = condition(
        HasPart("file_types"),
        "Batches whose `fileTypes` have this in them, such as `.pdf`. Upper and lower case of the letters A to Z are "
        "alike, and no character has a special meaning.",
    )
    tags: list[str] | None = having("File batches")
    updated_from: DateTime | None = condition(
        at_least("updated_at"),
        "Batches changed at this moment or later. What has changed since, deletions too, is told by `changes`.",
    )


@input_type
class CreateFileBatchInput(MutationInput):
    """A file batch to put on an event."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the event is in.")
    event_id: strawberry.ID = strawberry.field(description="The id of the event that the batch is on.")
    label: str = strawberry.field(
        description="What the files are: 1 to 200 characters, at least one of which can be seen."
    )
    file_count: int | None = strawberry.field(default=0, description="How many files they are: 0 or more; not null.")
    description: strawberry.Maybe[str | None] = strawberry.field(
        description="More about them: up to 30,000 characters."
    )
    file_types: strawberry.Maybe[str | None] = strawberry.field(
        description="The kinds of files, separated by commas, as in `.pdf, .docx, .xlsx`; up to 500 characters."
    )
    sort_order: int | None = strawberry.field(
        default=0, description="The place among the batches of the event: the lower first; not null."
    )


@input_type
class UpdateFileBatchInput(MutationInput):
    """A change to a file batch. What is left out stays; null clears what may be null."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the event is in.")
    event_id: strawberry.ID = strawberry.field(description="The id of the event that the batch is on.")
    id: strawberry.ID = strawberry.field(description="The file batch's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: the change is refused with a ConflictError if the batch "
        "has another by now. Without it, the last change wins."
    )
    label: strawberry.Maybe[str | None] = strawberry.field(
        description="What the files are: 1 to 200 characters, at least one of which can be seen; not null."
    )
    file_count: strawberry.Maybe[int | None] = strawberry.field(
        description="How many files they are: 0 or more; not null. Once there is a manifest, it says that."
    )
    description: strawberry.Maybe[str | None] = strawberry.field(
        description="More about them: up to 30,000 characters."
    )
    file_types: strawberry.Maybe[str | None] = strawberry.field(
        description="The kinds of files, separated by commas, as in `.pdf, .docx, .xlsx`; up to 500 characters."
    )
    sort_order: strawberry.Maybe[int | None] = strawberry.field(
        description="The place among the batches of the event: the lower first; not null."
    )


@input_type
class DeleteFileBatchInput(MutationInput):
    """A file batch to delete."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the event is in.")
    event_id: strawberry.ID = strawberry.field(description="The id of the event that the batch is on.")
    id: strawberry.ID = strawberry.field(description="The file batch's id.")
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: nothing is deleted, and a ConflictError says so, if the batch "
        "has another by now."
    )


NewFileBatch = item_type(
    CreateFileBatchInput, "NewFileBatch", "One of several file batches to put on events of a case.", "case_id"
)


@input_type
class CreateFileBatchesInput(MutationInput):
    """File batches to put on events of a case: all of them, or none."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that the events are in.")
    items: list[NewFileBatch] = strawberry.field(description="1 to 1,000 batches.")  # type: ignore[valid-type]
