"""The answer to a mutation: the row that was changed, or why it was not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from graphql import get_named_type
from graphql.execution.values import VariableValues
from sqlalchemy.engine import Dialect

from app.db import Row
from app.errors import Conflict, Forbidden, Refusal
from app.resolvers.nouns import NOUNS
from app.resolvers.ownership import Viewer
from app.resolvers.selections import Field
from app.resolvers.statements import TYPE, Plan, Planner


class Payload:
    """What a document asks of a mutation's payload.

    Two plans read the row: `changed` when the change was made, `current` for a conflict; each is None where
    nothing of the row was asked for. Raises RequestRefused when the selection's arguments are out of bounds.
    """

    def __init__(self, field: Field, dialect: Dialect, viewer: Viewer) -> None:
        self._members = field.children(get_named_type(field.definition.type).name)
        rows = [(member.key, _noun(member), member) for member in self._members if _noun(member) is not None]
        current = [
            (f"{member.key} {shown.key}", None, shown)
            for member in self._members
            if member.name == "errors"
            for shown in member.children("ConflictError")
            if shown.name == "current"
        ]
        self.changed: Plan | None = Planner(dialect, viewer, marked=True).subject(rows) if rows else None
        self.current: Plan | None = Planner(dialect, viewer, marked=True).subject(current) if current else None

    def check(self, variables: VariableValues) -> None:
        """Check the arguments in the selection. Raises RequestRefused when they are out of bounds."""
        for plan in (self.changed, self.current):
            if plan is not None:
                plan.check(variables)

    def done(self, subject: str, row: Row) -> dict[str, Any]:
        """Return the payload of a change that was made."""
        trees = _trees(self.changed, row)
        values: dict[str, Any] = {"errors": [], "deletedId": subject}
        return {
            member.key: trees[member.key] if member.key in trees else values.get(member.name)
            for member in self._members
        }

    def refused(self, refusals: Sequence[Refusal], current: Row = ()) -> dict[str, Any]:
        """Return the payload of a change that was refused."""
        trees = _trees(self.current, current) if current else {}
        return {
            member.key: [_error(member, refusal, trees) for refusal in refusals] if member.name == "errors" else None
            for member in self._members
        }


def _noun(member: Field) -> str | None:
    name = None if member.name == "__typename" else get_named_type(member.definition.type).name
    return name if name in NOUNS else None


def _trees(plan: Plan | None, row: Row) -> dict[str, Any]:
    columns = plan.columns if plan is not None else ()
    return {column: orjson.loads(text or "null") for column, text in zip(columns, row, strict=True)}


def _error(member: Field, refusal: Refusal, trees: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"code": refusal.code, "message": refusal.message, "path": refusal.path}
    match refusal:
        case Forbidden():
            values["requiredRole"] = refusal.required_role
        case Conflict():
            values["currentVersion"] = refusal.current_version
    error: dict[str, Any] = {TYPE: refusal.typename}
    for shown in member.children(refusal.typename):
        tree = trees.get(f"{member.key} {shown.key}")
        error[shown.key] = values.get(shown.name) if tree is None else tree
    return error
