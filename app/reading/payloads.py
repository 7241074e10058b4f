"""A mutation as a document asks for it: what was given, and what is to be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias

import orjson
from graphql import get_named_type
from graphql.execution.values import VariableValues

from app.db import Database
from app.errors import Conflict, Forbidden, Refusal
from app.ownership import Viewer
from app.reading.nouns import NOUNS, column_name
from app.reading.selections import Field
from app.reading.streams import plan_subject

Given: TypeAlias = Mapping[str, Any]
"""What a client gave: the fields of an input by their column's names, those left out absent."""

Rows: TypeAlias = Mapping[str, orjson.Fragment]
"""What was read of rows by the plans of a payload, under the same names."""

_NO_ROWS: Rows = {}


class Payload:
    """What a document asks of a mutation's payload.

    Its plans read the row, each for one field: `changed` when the change was made, `current` for a conflict. They
    run one after another, so that their answers count as one. Raises RequestRefused when the selection's arguments
    are out of bounds.
    """

    def __init__(self, field: Field, database: Database, viewer: Viewer) -> None:
        self._field = field.kept
        self._type = get_named_type(field.definition.type).name
        members = field.children(self._type)
        self._members = [member.kept for member in members]
        self.changed = {
            member.key: plan_subject(database, viewer, noun, member)
            for member in members
            if (noun := _noun(member)) is not None
        }
        self.current = {
            f"{member.key} {shown.key}": plan_subject(database, viewer, None, shown)
            for member in members
            if member.name == "errors"
            for shown in member.children("ConflictError")
            if shown.name == "current"
        }

    @property
    def mutation(self) -> str:
        """The name of the mutation."""
        return self._field.name

    def given(self, variables: VariableValues) -> Given:
        """Return the fields of the input that the client gave, null or not; those left out are absent."""
        values: dict[str, Any] = self._field.arguments(variables)["input"]
        return {column_name(name): value.value if isinstance(value, Enum) else value for name, value in values.items()}

    def check(self, variables: VariableValues) -> None:
        """Check the arguments in the selection. Raises RequestRefused when they are out of bounds."""
        for plan in (*self.changed.values(), *self.current.values()):
            plan.check(variables)

    def done(self, subject: str | tuple[str, ...], rows: Rows) -> dict[str, Any]:
        """Return the payload of a change that was made, by response name."""
        values = {"__typename": self._type, "errors": [], "deletedId": subject}
        return {member.key: rows[member.key] if member.key in rows else values[member.name] for member in self._members}

    def refused(self, refusals: Sequence[Refusal], rows: Rows = _NO_ROWS) -> dict[str, Any]:
        """Return the payload of a change that was refused, by response name."""
        answer: dict[str, Any] = {}
        for member in self._members:
            match member.name:
                case "__typename":
                    answer[member.key] = self._type
                case "errors":
                    answer[member.key] = [_error(member, refusal, rows) for refusal in refusals]
                case _:
                    answer[member.key] = None
        return answer


class Payloads(dict[str, Payload | None]):
    """The payloads of a document's mutations by response name; None stands for the name of the type."""

    @property
    def weight(self) -> int:
        """How many bytes their plans take, more or less."""
        plans = (plans for payload in self.values() if payload for plans in (payload.changed, payload.current))
        return sum(plan.weight for each in plans for plan in each.values())


def _noun(member: Field) -> str | None:
    name = None if member.name == "__typename" else get_named_type(member.definition.type).name
    return name if name in NOUNS else None


def _error(member: Field, refusal: Refusal, rows: Rows) -> dict[str, Any]:
    values: dict[str, Any] = {
        "__typename": refusal.typename,
        "code": refusal.code,
        "message": refusal.message,
        "path": refusal.path,
    }
    match refusal:
        case Forbidden():
            values["requiredRole"] = refusal.required_role
        case Conflict():
            values["currentVersion"] = refusal.current_version
    return {
        shown.key: rows[f"{member.key} {shown.key}"] if shown.name == "current" else values[shown.name]
        for shown in member.children(refusal.typename)
    }
