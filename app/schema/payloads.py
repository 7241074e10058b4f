"""How the schema declares a change: with the function that makes it, its input, and what it answers."""

from __future__ import annotations

from typing import Any

import strawberry

from app.reading.nouns import (
    AllGone,
    Certificate,
    Changed,
    ChangedNode,
    ChangedNodes,
    Gone,
    Lead,
    Noted,
    Preview,
    Refusals,
    Replayed,
)
from app.resolvers import changes
from app.schema.change import Change
from app.schema.fields import argument, declared, description_of, made_type
from app.schema.nodes import Node
from app.schema.refusals import UserError
from app.schema.scalars import JSON


def change(made_by: changes.Change, input_: type, given: str, **answered: tuple[Any, Lead, str]) -> Any:
    """Declare a mutation. The docstring of the function that makes it is its description.

    `given` is the description of its `input`. The payload has the members `answered`, each of them `row` or `gone`.
    """
    name = input_.__name__.removesuffix("Input")
    payload = _payload(name, answered)
    return declared(made_by, payload, description_of(made_by.work), input=argument(input_, given))


def row(type_: Any, description: str) -> tuple[Any, Lead, str]:
    """Return the member of a payload that has the row that was changed."""
    return type_ | None, Changed(), f"{description}; null when refused."


def gone(description: str) -> tuple[Any, Lead, str]:
    """Return the member of a payload that has the id of what was deleted."""
    return strawberry.ID | None, Gone(), f"{description}; null when refused."


def node(description: str) -> tuple[Any, Lead, str]:
    """Return the member of a payload that has the row that was changed, of whatever type."""
    return Node | None, ChangedNode(), f"{description}; null when refused."


def nodes(description: str, most: int) -> tuple[Any, Lead, str]:
    """Return the member of a payload that has the rows, so many at the most, that a change was about."""
    return list[Node], ChangedNodes(most), f"{description}; empty when refused."


def rows(type_: Any, description: str, most: int) -> tuple[Any, Lead, str]:
    """Return the member of a payload that has the rows of a type, so many at the most, that were changed."""
    return list[type_], ChangedNodes(most), f"{description}; empty when refused."


def all_gone(description: str) -> tuple[Any, Lead, str]:
    """Return the member of a payload that has the ids of what was deleted."""
    return list[strawberry.ID], AllGone(), f"{description}; empty when refused."


CERTIFICATE = (
    JSON | None,
    Certificate(),
    "What certifies the purge: who, by which authority, when, why, of how many changes what they said was removed, and "
    "the journal's size and root before it. `leaf` is the entry of the record that says so, and `said` what its digest "
    "is made of; `dossier proof` proves that it is in the record. Null when nothing was purged.",
)
"""The member of a payload that certifies a purge."""

PREVIEW = (
    JSON | None,
    Preview(),
    "What would go, and `confirm`, which the next request gives to have it go; null when it went.",
)
"""The member of a payload that says what would go."""


def _payload(name: str, answered: dict[str, tuple[Any, Lead, str]]) -> Any:
    errors = list[UserError], Refusals(), "Why the change was refused; empty when it was made."
    noted = (
        Change | None,
        Noted(),
        "What the record says of it, the first where that is several changes; null when refused, and when nothing was "
        "changed by it.",
    )
    description = f"What came of `{name[0].lower()}{name[1:]}`."
    replayed = (
        bool,
        Replayed(),
        "Whether this is what came of an earlier request with this `requestId`: what you may no longer see of it is "
        "null then.",
    )
    common = {"change": noted, "replayed": replayed, "errors": errors}
    return made_type(_payload, f"{name}Payload", description, answered | common)
