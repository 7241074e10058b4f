"""Refusals that a client should expect: they come as data."""

from __future__ import annotations

from enum import Enum

from app import errors
from app.db.models import CaseRole
from app.errors import Conflict, Forbidden, InvalidInput, NotFound, RequestMismatch
from app.reading.nouns import Current, Told
from app.schema.fields import field, interface, tells
from app.schema.nodes import Node
from app.schema.vocabulary import describe


class ErrorCode(Enum):
    """Why a change was refused, for programs."""

    NOT_FOUND = "NOT_FOUND"
    INVALID_INPUT = "INVALID_INPUT"
    FORBIDDEN = "FORBIDDEN"
    CONFLICT = "CONFLICT"
    REQUEST_MISMATCH = "REQUEST_MISMATCH"
    CLOSED = "CLOSED"
    SEALED = "SEALED"
    HELD = "HELD"
    RETAINED = "RETAINED"


describe(
    ErrorCode,
    "Why a change was refused.",
    NOT_FOUND="What was addressed does not exist, at least not for you.",
    INVALID_INPUT="A value breaks a rule of its field.",
    FORBIDDEN="Your role in the case does not allow it.",
    CONFLICT="Someone else changed it first.",
    REQUEST_MISMATCH="Another request of yours had the same `requestId`.",
    CLOSED="The case is closed, so that nothing in it changes.",
    SEALED="The case is sealed, so that nothing in it changes.",
    HELD="A hold keeps everything of the case from being destroyed, or you may not release it.",
    RETAINED="The case is kept until a moment, before which nothing of it is destroyed.",
)


@interface
class UserError:
    """A reason why a change was refused. Nothing was written."""

    code: ErrorCode = field(Told("code"), "The reason, for programs to decide by.")
    message: str = field(Told("message"), "The reason in a sentence, for people; its words may change.")
    path: list[str] = field(
        Told("path"), 'Where in the arguments of the mutation the reason lies, as in `["input", "label"]`.'
    )


@tells(NotFound)
class NotFoundError(UserError):
    """What was addressed does not exist, at least not for you, or lies elsewhere."""


@tells(InvalidInput)
class InvalidInputError(UserError):
    """A value breaks a rule of its field."""


@tells(Forbidden)
class ForbiddenError(UserError):
    """Your role in the case does not allow the change."""

    required_role: CaseRole = field(Told("required_role"), "The weakest role that allows it.")


@tells(Conflict)
class ConflictError(UserError):
    """Someone else was there first: the row no longer has the version that you expected."""

    current_version: int = field(Told("current_version"), "The version that the row has now.")
    current: Node = field(
        Current(),
        "The row as it is now, to compare with yours and to try again: a Case, an Event, a FileBatch or a Comment.",
    )


@tells(errors.StateError)
class StateError(UserError):
    """What keeps the case as it is keeps it from this change. The record tells of attempts to destroy what is kept."""

    state: ErrorCode = field(Told("state"), "What keeps it: CLOSED, SEALED, HELD or RETAINED.")


@tells(RequestMismatch)
class RequestMismatchError(UserError):
    """You sent this `requestId` before with another input, or another mutation."""
