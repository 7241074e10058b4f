"""Users."""

from __future__ import annotations

import strawberry

from app.schema.nodes import Node


@strawberry.type(
    description="Someone who has called this server with a valid token. You find yourself and whoever shares a case "
    "with you, and you see who created and changed what you may see."
)
class User(Node):
    """Someone who has called with a valid token."""

    subject: str = strawberry.field(description="Who they are to the issuer of their tokens: the `sub` claim.")
    issuer: str = strawberry.field(
        description="Who vouches for them: the issuer of their tokens, or empty when this server's own secret signs "
        "them. The same subject of another issuer is another user."
    )
    name: str | None = strawberry.field(description="Their name, when a token of theirs has said it.")
    email: str | None = strawberry.field(description="Their email address, when a token of theirs has said it.")
