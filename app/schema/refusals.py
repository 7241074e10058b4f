"""Refusals that a client should expect: they come as data."""

from __future__ import annotations

from enum import Enum

import strawberry

from app.db.models import CaseRole
from app.schema.nodes import Node
from app.schema.vocabulary import describe


class ErrorCode(Enum):
    """Why a change was refused, for programs."""

    NOT_FOUND = "NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"


describe(
    ErrorCode,
    "Why a change was refused.",
    NOT_FOUND="What was addressed does not exist, at least not for you.",
    INVALID_INPUT="A value breaks a rule of its field.",
    FORBIDDEN="Your role in the case does not allow it.",
    CONFLICT="Someone else changed it first.",
)


@strawberry.interface(description="A reason why a change was refused. Nothing was written.")
class UserError:
    """A reason why a change was refused."""

    code: ErrorCode = strawberry.field(description="The reason, for programs to decide by.")
    message: str = strawberry.field(description="The reason in a sentence, for people; its words may change.")
    path: list[str] = strawberry.field(
        description='Where in the arguments of the mutation the reason lies, as in `["input", "label"]`.'
    )


@strawberry.type(description="What was addressed does not exist, at least not for you, or lies elsewhere.")
class NotFoundError(UserError):
    """What was addressed does not exist."""


@strawberry.type(description="A value breaks a rule of its field.")
class InvalidInputError(UserError):
    """A value breaks a rule."""


@strawberry.type(description="Your role in the case does not allow the change.")
class ForbiddenError(UserError):
    """The viewer's role does not allow the change."""

    required_role: CaseRole = strawberry.field(description="The weakest role that allows it.")


@strawberry.type(description="Someone else was there first: the row no longer has the version that you expected.")
class ConflictError(UserError):
    """Someone else was there first."""

    current_version: int = strawberry.field(description="The version that the row has now.")
    current: Node = strawberry.field(
        description="The row as it is now, to compare with yours and to try again: a Case, an Event or a FileBatch."
    )
