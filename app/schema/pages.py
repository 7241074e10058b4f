"""What all connections have in common."""

from __future__ import annotations

from typing import Annotated

import strawberry

First = Annotated[
    int | None,
    strawberry.argument(
        description="How many items to return from the beginning, or from behind `after`: 1 to 100. Without "
        "`first` and `last` it is 50."
    ),
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="Only items behind the one with this cursor: the `endCursor` of the page before. A cursor "
        "belongs to its list and `orderBy`, and still works when its item is gone."
    ),
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="How many items to return from the end, or from before `before`: 1 to 100. Not together with "
        "`first`."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(
        description="Only items before the one with this cursor: the `startCursor` of the page behind."
    ),
]

# See LONGEST in app/resolvers/changes.py: a minute for a change, and as much for its commit and for clocks that differ.
UPDATED_FROM = (
    "To see what is new since you last looked, list the last changed first, and the next time ask from two minutes "
    "before the `updatedAt` of the very first one that you got: a change may become visible that much later. What "
    "comes again has the `version` that you know."
)


@strawberry.type(description="Where a page lies in its connection.")
class PageInfo:
    """Where a page lies in its connection."""

    has_next_page: bool = strawberry.field(
        description="Whether there are items behind this page, whichever way you are going."
    )
    has_previous_page: bool = strawberry.field(
        description="Whether there are items before this page, whichever way you are going."
    )
    start_cursor: str | None = strawberry.field(description="The cursor of the first item; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item; null on an empty page.")
