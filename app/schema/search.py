"""A search over everything."""

from __future__ import annotations

from enum import Enum

from app.db import models
from app.db.models import SearchText, table_of
from app.reading.nouns import Excerpt, Named, NodeOf, Noun, Search, Stored
from app.schema.case import Case
from app.schema.fields import argument, declared, field, noun
from app.schema.nodes import Node
from app.schema.pages import PAGE, pages_of
from app.schema.vocabulary import describe


class SearchKind(Enum):
    """What a search can find."""

    CASE = "CASE"
    EVENT = "EVENT"
    FILE_BATCH = "FILE_BATCH"
    COMMENT = "COMMENT"
    FILE = "FILE"


describe(
    SearchKind,
    "What a search can find.",
    CASE="A case, by its title, its description or its reference; by its number, as `12` or `#12`.",
    EVENT="An event, by its title, its description, its `source` or its `timeKind`.",
    FILE_BATCH="A file batch, by its label, its description or its file types.",
    COMMENT="A comment, by its text.",
    FILE="A file of a batch, by its path.",
)


@noun(Noun(models.SearchText))
class SearchHit:
    """Something that a search has found."""

    kind: SearchKind = field(Stored(table_of(SearchText).c.type), "What it is.")
    node: Node = field(NodeOf("row_id"), "What was found.")
    case: Case = field(Named("case_id"), "The case that it is, or that it is in.")
    excerpt: str = field(
        Excerpt(),
        "The words around the first match, up to some 200 characters; the beginning of what is found by its number or "
        "reference.",
    )


SearchConnection = pages_of(SearchHit, "hit", "hits", short="hit", named="Search")

SEARCH = declared(
    Search(None, SearchKind.CASE),
    SearchConnection,
    "Whatever has a text, in all cases that you may see. What contains it is found, upper and lower case alike, and no "
    "character has a special meaning. A case whose number or whole reference it is comes first, then what was entered "
    "last. A text of one character finds cases by their number or reference alone.",
    text=argument(str, "What to search for: up to 1,000 characters; blanks before and behind it don't count."),
    kinds=argument(list[SearchKind] | None, "Only what is one of these; left out, or an empty list, all."),
    **PAGE,
)
