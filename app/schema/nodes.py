"""What all objects with an identity have in common."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="An object with an identity, which `node` finds again.")
class Node:
    """An object with an identity."""

    id: strawberry.ID = strawberry.field(
        description="A UUID in its canonical form, unique among all objects of this server."
    )
