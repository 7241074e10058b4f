"""Comments."""

from __future__ import annotations

from enum import Enum

import strawberry

from app.db import models
from app.reading.nouns import IsNull, Noun, On, Reference
from app.schema.change import history
from app.schema.fields import MutationInput, field, input_type, noun
from app.schema.nodes import Node
from app.schema.pages import listed, pages_of
from app.schema.scalars import DateTime
from app.schema.user import User
from app.schema.vocabulary import describe

_CASE_ID = "The id of the case that it is in."
_COMMENT = "The comment's id."
_TEXT = "What it says: 1 to 30,000 characters, at least one of which can be seen"


class CommentOrder(Enum):
    """How comments can be listed."""

    CREATED_AT_ASC = "CREATED_AT_ASC"
    CREATED_AT_DESC = "CREATED_AT_DESC"


describe(
    CommentOrder,
    "How to list comments. Ties are broken by the id.",
    CREATED_AT_ASC="The comment that was written first is first.",
    CREATED_AT_DESC="The comment that was written last is first.",
)


@noun(Noun(models.Comment))
class Comment(Node):
    """What somebody wrote about a case, an event or a file batch."""

    on: Node = field(On("row_id"), "What it is on: a Case, an Event or a FileBatch.")
    text: str = strawberry.field(description="What it says, in 1 to 30,000 characters.")
    edited: bool = field(
        IsNull("edited_at", wanted=False),
        "Whether the text was changed after it was written; `history` has what it was before.",
    )
    edited_at: DateTime | None = strawberry.field(
        description="When the text was changed last; null when it is as it was written."
    )
    history = history("row_id", "What was done to the comment, the newest first unless another order is asked for.")
    version: int = strawberry.field(
        description="1 for a new comment; grows by one with every change to it, and when it is restored. Give it back "
        "as `expectedVersion` so that nobody's change is overwritten unseen."
    )
    created_at: DateTime = strawberry.field(description="When the comment was written.")
    created_by: User = field(Reference("created_by"), "Who wrote the comment.")
    updated_at: DateTime = strawberry.field(description="When the comment was last changed.")
    updated_by: User = field(Reference("updated_by"), "Who changed the comment last.")


CommentConnection = pages_of(Comment, "comment", "comments", short="comment")


def comments(description: str) -> object:
    """Declare the comments on a row."""
    return listed(
        CommentConnection,
        f"{description}, the oldest first unless another order is asked for.",
        parent="row_id",
        order=CommentOrder,
        default=CommentOrder.CREATED_AT_ASC,
    )


@input_type
class AddCommentInput(MutationInput):
    """A comment to write."""

    case_id: strawberry.ID = strawberry.field(description=_CASE_ID)
    on: strawberry.ID = strawberry.field(
        description="The id of what it is on: of the case, or of an event or a file batch in it. A file batch has up "
        "to 1,000 comments, those that were deleted included."
    )
    text: str = strawberry.field(description=f"{_TEXT}.")


@input_type
class UpdateCommentInput(MutationInput):
    """A change to a comment. What is left out stays."""

    case_id: strawberry.ID = strawberry.field(description=_CASE_ID)
    id: strawberry.ID = strawberry.field(description=_COMMENT)
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: the change is refused with a ConflictError if the comment has "
        "another by now. Without it, the last change wins."
    )
    text: strawberry.Maybe[str | None] = strawberry.field(description=f"{_TEXT}; not null.")


@input_type
class DeleteCommentInput(MutationInput):
    """A comment to delete."""

    case_id: strawberry.ID = strawberry.field(description=_CASE_ID)
    id: strawberry.ID = strawberry.field(description=_COMMENT)
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: nothing is deleted, and a ConflictError says so, if the comment "
        "has another by now."
    )
