"""A mutation as a document asks for it: what was given, and what is to be answered."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

import orjson
from graphql import get_named_type
from graphql.execution.values import VariableValues

from app.db import Database, Row
from app.errors import Conflict, Forbidden, Refusal
from app.resolvers.inputs import Given
from app.resolvers.nouns import NOUNS, column_name
from app.resolvers.ownership import Viewer
from app.resolvers.selections import Field
from app.resolvers.statements import Plan, Planner


class Payload:
    """What a document asks of a mutation's payload.

    Two plans read the row: `changed` when the change was made, `current` for a conflict; each is None where
    nothing of the row was asked for. Raises RequestRefused when the selection's arguments are out of bounds.
    """

    def __init__(self, field: Field, database: Database, viewer: Viewer) -> None:
        self._field = field.kept
        self._type = get_named_type(field.definition.type).name
        members = field.children(self._type)
        self._members = [member.kept for member in members]
        rows = [(member.key, noun, member) for member in members if (noun := _noun(member)) is not None]
        current = [
            (f"{member.key} {shown.key}", None, shown)
            for member in members
            if member.name == "errors"
            for shown in member.children("ConflictError")
            if shown.name == "current"
        ]
        self.changed = Planner(database, viewer).subject(rows) if rows else None
        self.current = Planner(database, viewer).subject(current) if current else None

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
        for plan in (self.changed, self.current):
            if plan is not None:
                plan.check(variables)

    def done(self, subject: str | tuple[str, ...], row: Row) -> dict[str, Any]:
        """Return the payload of a change that was made, by response name."""
        rows = _fragments(self.changed, row)
        values = {"__typename": self._type, "errors": [], "deletedId": subject}
        return {member.key: rows[member.key] if member.key in rows else values[member.name] for member in self._members}

    def refused(self, refusals: Sequence[Refusal], current: Row = ()) -> dict[str, Any]:
        """Return the payload of a change that was refused, by response name."""
        rows = _fragments(self.current, current) if current else {}
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
        plans = (plan for payload in self.values() if payload for plan in (payload.changed, payload.current) if plan)
        return sum(plan.weight for plan in plans)


def _noun(member: Field) -> str | None:
    name = None if member.name == "__typename" else get_named_type(member.definition.type).name
    return name if name in NOUNS else None


def _fragments(plan: Plan | None, row: Row) -> dict[str, orjson.Fragment]:
    columns = plan.columns if plan is not None else ()
    return {column: orjson.Fragment(text or b"null") for column, text in zip(columns, row, strict=True)}


def _error(member: Field, refusal: Refusal, rows: dict[str, orjson.Fragment]) -> dict[str, Any]:
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
