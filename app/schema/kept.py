"""What keeps a case as it is, and what becomes of what was deleted."""

from __future__ import annotations

import strawberry

from app.db import models
from app.reading.nouns import Named, Noun, Stored
from app.schema.fields import MutationInput, field, input_type, noun
from app.schema.nodes import Node
from app.schema.scalars import DateTime
from app.schema.user import User

_CASES = Noun(models.Case)
_WHY = "Why, in 1 to 1,000 characters. The record has it."
_CASE = "The case's id."


@noun(_CASES)
class Seal:
    """The seal of a case: while it is there, nothing in the case changes."""

    at: DateTime = field(Stored(_CASES.table.c.sealed_at), "When the case was sealed.")
    by: User = field(Named("sealed_by"), "Who sealed it.")
    reason: str = field(Stored(_CASES.table.c.seal_reason), "Why.")
    root: str = field(
        Stored(_CASES.table.c.seal_root),
        "The root of the case's journal just before that, in lower-case hexadecimal. `dossier verify` tells whether "
        "the case is still as it was.",
    )


@noun(Noun(models.Hold))
class Hold(Node):
    """A hold on a case: until it is released, nothing of the case is destroyed; nothing is deleted, purged or erased.
    It never ends by itself.
    """

    name: str = strawberry.field(description="What it is called, in 1 to 200 characters.")
    reason: str = strawberry.field(description="Why it was placed.")
    reference: str | None = strawberry.field(
        description="What the outside world calls it, such as the docket number of a lawsuit; up to 200 characters."
    )
    placed_at: DateTime = strawberry.field(description="When it was placed.")
    placed_by: User = field(Named("placed_by"), "Who placed it.")
    released_at: DateTime | None = strawberry.field(description="When it was released; null while it stands.")
    released_by: User | None = field(Named("released_by"), "Who released it; null while it stands.")
    release_reason: str | None = strawberry.field(description="Why it was released; null while it stands.")


@input_type
class SealCaseInput(MutationInput):
    """A case to seal."""

    id: strawberry.ID = strawberry.field(description=_CASE)
    reason: str = strawberry.field(description=_WHY)
    expected_version: strawberry.Maybe[int | None] = strawberry.field(
        description="The `version` that you have seen: nothing is sealed, and a ConflictError says so, if the case has "
        "another by now."
    )


@input_type
class UnsealCaseInput(MutationInput):
    """A case whose seal is to be broken."""

    id: strawberry.ID = strawberry.field(description=_CASE)
    reason: str = strawberry.field(description=_WHY)


@input_type
class RetainCaseInput(MutationInput):
    """Until when nothing of a case is to be destroyed."""

    id: strawberry.ID = strawberry.field(description=_CASE)
    retain_until: strawberry.Maybe[DateTime | None] = strawberry.field(
        description="Nothing of the case is destroyed before this moment; null for no such moment. It has to be given."
    )
    reason: strawberry.Maybe[str | None] = strawberry.field(
        description="Why, in up to 1,000 characters; needed to shorten it. The record has it."
    )


@input_type
class PlaceHoldInput(MutationInput):
    """A hold to place on a case."""

    case_id: strawberry.ID = strawberry.field(description=f"{_CASE} It may be one that was deleted.")
    name: str = strawberry.field(description="What to call it: 1 to 200 characters.")
    reason: str = strawberry.field(description=_WHY)
    reference: strawberry.Maybe[str | None] = strawberry.field(
        description="What the outside world calls it, such as the docket number of a lawsuit: up to 200 characters."
    )


@input_type
class ReleaseHoldInput(MutationInput):
    """A hold to release."""

    case_id: strawberry.ID = strawberry.field(description=_CASE)
    id: strawberry.ID = strawberry.field(description="The hold's id.")
    reason: str = strawberry.field(description=_WHY)


@input_type
class RestoreInput(MutationInput):
    """What is to be brought back that was deleted."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that it was in, or that it is.")
    id: strawberry.ID = strawberry.field(description="The id of the case, the event, the file batch or the comment.")


@input_type
class PurgeInput(MutationInput):
    """What is to be removed for good that was deleted."""

    case_id: strawberry.ID = strawberry.field(description="The id of the case that it was in, or that it was.")
    id: strawberry.ID = strawberry.field(description="The id of the case, the event, the file batch or the comment.")
    reason: str = strawberry.field(description=_WHY)
    confirm: strawberry.Maybe[str | None] = strawberry.field(
        description="The `confirm` of a `preview`: what goes is what that said, or nothing. Left out, nothing happens "
        "but that `preview` is answered."
    )


@input_type
class EraseInput(MutationInput):
    """What is to be erased of what the record of a case says."""

    case_id: strawberry.ID = strawberry.field(description=_CASE)
    seqs: list[int] = strawberry.field(description="The `seq` of the changes that say it: up to 500.")
    fields: list[str] = strawberry.field(
        description="The names of the fields whose values go, before and after: title, description, reference, label, "
        "fileTypes, source, timeKind, tags, text of a comment, reason for why a change was made, or where of an "
        "export. What the row has "
        "at present stays; change that first."
    )
    reason: str = strawberry.field(description=_WHY)
    preview: strawberry.Maybe[bool | None] = strawberry.field(
        description="True to be told in `preview` what would go, and that nothing goes yet."
    )
