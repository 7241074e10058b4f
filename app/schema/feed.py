"""What has changed since, for whoever keeps a copy; and what the record says of itself."""

from __future__ import annotations

import strawberry

from app.db import models
from app.reading.feeds import CASE_ID, KIND, FeedKind
from app.reading.nouns import Feed, FeedColumn, FeedCursor, FeedEnd, FeedEntries, FeedIsRead, Named, Newest, Noun
from app.schema.change import Change
from app.schema.fields import argument, declared, field, noun, object_type
from app.schema.scalars import BigInt, DateTime
from app.schema.vocabulary import describe

describe(
    FeedKind,
    "What an entry of a feed tells.",
    CHANGED="A change was made.",
    JOINED="You may see the case, and may not have seen it before: read it whole. What the feed says of it up to then "
    "can be passed over.",
    LEFT="You may not see the case any longer: it was deleted, or your role in it ended or was taken away.",
)


@object_type
class FeedEntry:
    """Something that has happened."""

    cursor: str = field(FeedCursor(), "Where the feed goes on behind this entry, for `after`.")
    kind: FeedKind = field(FeedColumn(KIND), "What it is.")
    case_id: strawberry.ID = field(FeedColumn(CASE_ID), "The id of the case.")
    change: Change | None = field(Named("change_id"), "What was done; null when the entry tells of no change.")


@object_type
class ChangeFeed:
    """What has happened since, the oldest first."""

    entries: list[FeedEntry] = field(FeedEntries(), "What has happened.")
    end_cursor: str = field(
        FeedEnd(), "Where the feed goes on behind this page, for `after`; there is one for an empty page, too."
    )
    up_to_date: bool = field(FeedIsRead(), "Whether nothing came behind this page when it was read.")


CHANGES = declared(
    Feed(),
    ChangeFeed,
    "What has changed since you last asked, the oldest first, for whoever keeps a copy. Every change comes once, those "
    "of one case at once, those of all cases within two seconds. Ask until it is `upToDate`, keep the `endCursor`, and "
    "ask from there the next time. An error with the code CURSOR_EXPIRED says that it can't be gone on from there: "
    "begin anew.",
    case_id=argument(strawberry.ID | None, "Only what happens in this case. Left out, in all cases that you may see."),
    after=argument(
        str | None,
        "Only what came behind this: an `endCursor` or the `cursor` of an entry. Left out, from the beginning.",
    ),
    first=argument(int | None, "How many entries to return: 1 to 100. Without it, it is 50."),
)


@noun(Noun(models.Checkpoint, key=("size",)))
class Checkpoint:
    """What the record says of itself, signed: how much there is of it, and what proves that it stays as it is."""

    text: str = strawberry.field(
        description="The checkpoint: a signed note of C2SP, over the log of the installation. Keep it elsewhere; "
        "`dossier verify --since` tells whether the record still goes on from it."
    )
    size: BigInt = strawberry.field(description="How many entries the log had.")
    at: DateTime = strawberry.field(description="When it was signed.")


CHECKPOINT = declared(
    Newest("size"),
    Checkpoint | None,
    "The newest checkpoint of the record, of at most some ten seconds ago; null when this server signs none.",
)
