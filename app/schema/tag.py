"""Tags."""

from __future__ import annotations

import strawberry

from app.reading.nouns import Listed, Tally, TallyCount, TallyName, having_tags, tag_counts
from app.schema.fields import MutationInput, condition, field, input_type, object_type

_MOST_COUNTED = 1_000
_MOST_BYTES = 20_000  # of the JSON of 50 tags of 50 characters, each of which may be written as an escape
_CASE_ID = "The id of the case that they are in, or that one of them is."
_IDS = "Up to 1,000 ids of the case, of events and of file batches in it; one that is given twice counts once."


@object_type
class TagCount:
    """A tag, and how often it is there."""

    tag: str = field(TallyName(), "The tag; of spellings that differ in case alone, one.")
    count: int = field(
        TallyCount(), "How many have it: of the case itself, its events and all their file batches, each counted once."
    )


def tags(what: str) -> list[str]:
    """Declare the tags of a row."""
    declared: list[str] = field(
        Listed("tags", _MOST_BYTES),
        f"The tags of the {what}: up to 50, in the order in which it got them, no two of which differ in case alone.",
    )
    return declared


TAG_COUNTS: list[TagCount] = field(
    Tally(tag_counts, _MOST_COUNTED),
    "The tags of the case, of its events and of their file batches, with how many of these have each: those that most "
    "have first, then by the alphabet; up to 1,000. Of a case as it was they are those of now.",
)


def having(what: str) -> list[str] | None:
    """Declare the condition of a filter that rows have tags."""
    declared: list[str] | None = condition(
        having_tags,
        f"{what} that have all of these tags, upper and lower case alike; an empty list lets all pass. Of a case as it "
        "was it can't be asked.",
    )
    return declared


@input_type
class AddTagsInput(MutationInput):
    """Tags to give, and what gets them."""

    case_id: strawberry.ID = strawberry.field(description=_CASE_ID)
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)
    tags: list[str] = strawberry.field(
        description="1 to 50 tags, of 1 to 50 characters in one line, at least one of which can be seen, with no blank "
        "at either end. What would have more than 50 with them is refused."
    )


@input_type
class RemoveTagsInput(MutationInput):
    """Tags to take away, and from what."""

    case_id: strawberry.ID = strawberry.field(description=_CASE_ID)
    ids: list[strawberry.ID] = strawberry.field(description=_IDS)
    tags: list[str] = strawberry.field(description="1 to 50 tags, upper and lower case alike.")
