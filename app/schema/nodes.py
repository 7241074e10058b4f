"""What all objects with an identity have in common."""

from __future__ import annotations

import strawberry

from app.schema.fields import interface


@interface
class Node:
    """An object with an identity, which `node` finds again."""

    id: strawberry.ID = strawberry.field(
        description="A UUID in its canonical form, unique among all objects of this server."
    )
