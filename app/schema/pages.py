"""What all connections have in common."""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import Any

from app.reading.nouns import (
    About,
    Among,
    Connection,
    EdgeCursor,
    EdgeNode,
    Edges,
    EndOfPage,
    HasMore,
    Nodes,
    Total,
)
from app.schema.fields import argument, declared, field, made_type, object_type

_PAGE = {
    "first": argument(
        int | None,
        "How many items to return from the beginning, or from behind `after`: 1 to 100. Without `first` and `last` it "
        "is 50.",
    ),
    "after": argument(
        str | None,
        "Only items behind the one with this cursor: the `endCursor` of the page before. A cursor belongs to its list "
        "and `orderBy`, and still works when its item is gone.",
    ),
    "last": argument(
        int | None,
        "How many items to return from the end, or from before `before`: 1 to 100. Not together with `first`.",
    ),
    "before": argument(str | None, "Only items before the one with this cursor: the `startCursor` of the page behind."),
}

# See LONGEST in app/resolvers/changes.py: a minute for a change, and as much for its commit and for clocks that differ.
UPDATED_FROM = (
    "To see what is new since you last looked, list the last changed first, and the next time ask from two minutes "
    "before the `updatedAt` of the very first one that you got: a change may become visible that much later. What "
    "comes again has the `version` that you know."
)


@object_type
class PageInfo:
    """Where a page lies in its connection."""

    has_next_page: bool = field(
        HasMore(behind=True), "Whether there are items behind this page, whichever way you are going."
    )
    has_previous_page: bool = field(
        HasMore(behind=False), "Whether there are items before this page, whichever way you are going."
    )
    start_cursor: str | None = field(EndOfPage(first=True), "The cursor of the first item; null on an empty page.")
    end_cursor: str | None = field(EndOfPage(first=False), "The cursor of the last item; null on an empty page.")


def pages_of(node: type, one: str, many: str, *, short: str, named: str = "") -> Any:
    """Return the connection of a type: its pages and edges, which speak of `one` of its rows, or of `many`.

    `short` is what one is called where it is clear what is meant; `named` is what the connection is called if it isn't
    called by the type.
    """
    name, article = named or node.__name__, "An" if one[0] in "aeiou" else "A"
    edge = made_type(
        pages_of,
        f"{name}Edge",
        f"{article} {one} in a list.",
        {
            "cursor": (str, EdgeCursor(), f"Where the {short} stands in the list, for `after` and `before`."),
            "node": (node, EdgeNode(), f"The {one} that stands there."),
        },
    )
    return made_type(
        pages_of,
        f"{name}Connection",
        f"A page of {many}.",
        {
            "edges": (list[edge], Edges(), f"The {many} of this page with their cursors."),  # type: ignore[valid-type]
            "nodes": (list[node], Nodes(), f"The {many} of this page."),  # type: ignore[valid-type]
            "page_info": (PageInfo, About(), "Where this page lies in the list."),
            "total_count": (int, Total(), f"How many {many} all pages have together."),
        },
    )


PAGE = MappingProxyType(_PAGE)
"""The arguments of whatever has pages."""


def listed(
    connection: Any,
    description: str,
    *,
    order: type[Enum],
    default: Enum,
    parent: str | None = None,
    where: Any = None,
    filtered: str = "",
    among: Among | None = None,
) -> Any:
    """Declare a field that leads to the rows below, or to all that the viewer may see; see Connection.

    `among` is that of Connection, `default` the order of `order` without `orderBy`, and `filtered` the description of a
    filter of the type `where`.
    """
    sorting = f"Which come first, {default.name} by default; each further order breaks the ties of those before it."
    filtering = {"where": argument(where | None, filtered)} if where is not None else {}
    arguments = filtering | {"order_by": argument(list[order] | None, sorting)} | _PAGE  # type: ignore[valid-type]
    return declared(Connection(parent, default, among), connection, description, **arguments)
