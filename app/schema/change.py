"""The record: what was changed, by whom and when."""

from __future__ import annotations

from enum import Enum

import strawberry

from app.db import models
from app.db.models import REASON_LENGTH, ChangeKind
from app.reading.nouns import (
    IsNull,
    MemberName,
    Members,
    MemberValue,
    NodeOf,
    Noun,
    OneOfNames,
    Reference,
    Same,
    Stored,
    Within,
    at_least,
    below,
    by_id,
    one_of,
)
from app.record.entries import FIELDS, LABEL, REASON, SUBJECTS, VALUES
from app.schema.fields import condition, field, input_type, noun, object_type
from app.schema.nodes import Node
from app.schema.pages import listed, pages_of
from app.schema.scalars import JSON, DateTime
from app.schema.user import User
from app.schema.vocabulary import describe

_ENTRIES = Noun(models.JournalEntry)
_TYPES = frozenset(subject.name for subject in SUBJECTS.values())


class ChangeOrder(Enum):
    """How changes can be listed."""

    SEQ_DESC = "SEQ_DESC"
    SEQ_ASC = "SEQ_ASC"


describe(
    ChangeKind,
    "What was done.",
    CREATED="It was made.",
    UPDATED="It was changed.",
    DELETED="It was deleted, by itself or along with what it was in.",
    RESTORED="It was brought back after it had been deleted.",
    PURGED="What was left of it after it had been deleted was removed.",
    SEALED="It was sealed.",
    UNSEALED="Its seal was broken.",
    HELD="A hold was placed on it.",
    RELEASED="A hold on it was released.",
    IMPORTED="It was brought in from elsewhere, or was there before there was a record.",
    EXPORTED="It was taken out.",
    ERASED="What earlier changes said was erased.",
    REFUSED="Somebody tried to destroy it and was refused.",
)
describe(ChangeOrder, "How to list changes.", SEQ_DESC="The newest first.", SEQ_ASC="The oldest first.")


@noun(_ENTRIES)
class ChangeSubject:
    """What was changed."""

    type: str = strawberry.field(description=f"What kind of thing it is: {', '.join(sorted(_TYPES))}.")
    id: strawberry.ID = field(Stored(_ENTRIES.table.c.row_id), "Its id; that of the user for a MEMBER.")
    label: str | None = field(
        Within("said", LABEL, models.SUBJECT_LENGTH),
        "What it was called when that was done: its title or label, the subject of a member. Null for a comment, which "
        "has no name, and when erased.",
    )
    version: int | None = strawberry.field(
        description="The `version` that it had then; that before a deletion. Null for what has no versions."
    )
    node: Node | None = field(
        NodeOf("row_id"), "It as it is now, the user for a MEMBER; null when it is gone, at least for you."
    )


@object_type
class FieldChange:
    """What became of a field."""

    name: str = field(MemberName(), "The field's name in this schema.")
    before: JSON | None = field(
        MemberValue(0), "Its value before; null when it had none, `[erased]` when that was erased."
    )
    after: JSON | None = field(
        MemberValue(1), "Its value after; null when it has none, `[erased]` when that was erased."
    )


@noun(_ENTRIES)
class Change(Node):
    """An entry of a case's journal: what was done to one object of the case. Entries are never changed."""

    seq: int = strawberry.field(description="1, 2, 3 and so on within its case, without a gap.")
    at: DateTime = strawberry.field(description="When it was done; never before the one that came before it.")
    by: User = field(Reference("by"), "Who did it.")
    kind: ChangeKind = strawberry.field(description="What was done.")
    on: ChangeSubject = field(Same(), "What it was done to.")
    fields: list[FieldChange] = field(
        Members("said", VALUES),
        "What became of its fields: of those that changed, and when it was made or deleted of all that had a value. "
        "Empty when all of it was erased.",
    )
    reason: str | None = field(
        Within("said", REASON, REASON_LENGTH), "Why, where a reason was given; null when erased."
    )
    request_id: strawberry.ID | None = strawberry.field(
        description="The `requestId` of the input that it was done by, if it had one."
    )
    erased: bool = field(
        IsNull("erased_by", wanted=False),
        "Whether what it said was erased, or some of it. That it was done, when and by whom, is never erased.",
    )


ChangeConnection = pages_of(Change, "change", "changes", short="change")


@noun(Noun(models.Journal, key=("case_id",)))
class Journal:
    """How long the record of a case is, and what proves that it stays as it is."""

    size: int = strawberry.field(description="How many changes it has: the `seq` of the last one.")
    root: str = strawberry.field(
        description="The root of the tree over its entries (RFC 9162, section 2.1), in lower-case hexadecimal. While "
        "it is the same, so is every entry."
    )


@input_type
class ChangeFilter:
    """Which changes to list: those that meet every condition given. A condition that is left out or null lets all
    pass.
    """

    kinds: list[ChangeKind] | None = condition(
        one_of("kind"), "Changes of one of these kinds; an empty list finds none."
    )
    types: list[str] | None = condition(
        OneOfNames("type", _TYPES),
        f"Changes of one of these types of things: {', '.join(sorted(_TYPES))}. An empty list finds none.",
    )
    fields: list[str] | None = condition(
        OneOfNames("said", FIELDS, VALUES),
        "Changes of one of these fields, by their names in this schema; an empty list finds none.",
    )
    by_id: strawberry.ID | None = condition(by_id("by"), "Changes made by the user with this id.")
    from_: DateTime | None = condition(at_least("at"), "Changes made at this moment or later.", name="from")
    before: DateTime | None = condition(below("at"), "Changes made before this moment.")


def history(parent: str, description: str) -> object:
    """Declare the changes of what is in a row: those whose column `parent` has its id."""
    return listed(
        ChangeConnection,
        description,
        parent=parent,
        order=ChangeOrder,
        default=ChangeOrder.SEQ_DESC,
        where=ChangeFilter,
        filtered="Only changes that meet all of these.",
    )
