"""Users."""

from __future__ import annotations

import strawberry

from app.db import models
from app.reading.nouns import Noun, Private
from app.schema.fields import field, noun
from app.schema.nodes import Node


@noun(Noun(models.User))
class User(Node):
    """Someone who calls this server with a token, or who was named as a member of a case. You find yourself and
    whoever shares a case with you, and you see who created and changed what you may see.
    """

    subject: str = strawberry.field(description="Who they are to the issuer of their tokens: the `sub` claim.")
    issuer: str = strawberry.field(
        description="Who vouches for them: the issuer of their tokens, or empty when this server's own secret signs "
        "them. The same subject of another issuer is another user."
    )
    name: str | None = field(
        Private("name"),
        "Their name, when a token of theirs has said it. Null for a member until they have taken up a case "
        "that you share; see `accepted` of a member.",
    )
    email: str | None = field(
        Private("email"), "Their email address, when a token of theirs has said it. Null where `name` is kept back."
    )
