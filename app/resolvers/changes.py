"""The one door for changes: each is a transaction that finds its row, does its work and reads its own answer.

Nothing else writes. A change either commits whole, with the answer that was read inside of it, or leaves
nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from graphql.execution.values import VariableValues
from sqlalchemy.orm import Session

from app.db import Database, Row
from app.errors import Conflict, Refusal, Refused
from app.resolvers.inputs import Given
from app.resolvers.ownership import Viewer
from app.resolvers.payloads import Payload
from app.resolvers.statements import Plan
from app.values import now

Work: TypeAlias = Callable[[Session, Viewer, Given], str]
"""Does what a mutation is for and returns the id of the row it changed. Raises Refusal or Refused."""


class Versioned(Protocol):
    """A row that counts its changes."""

    id: str
    version: int
    updated_at: datetime
    updated_by: str


async def change(
    database: Database, viewer: Viewer, work: Work, given: Given, payload: Payload, variables: VariableValues
) -> dict[str, Any]:
    """Do `work` in a transaction of its own and return the mutation's payload, by response name."""

    def read(session: Session, plan: Plan | None, subject: str) -> Row:
        if plan is None:
            return ()
        session.flush()
        values = plan.values(variables, viewer, now(), database.bind, subject)
        return tuple(session.connection().exec_driver_sql(plan.statement, tuple(values)).one())

    def transaction(session: Session) -> dict[str, Any]:
        try:
            subject = work(session, viewer, given)
        except Refused as refused:
            raise _Declined(payload.refused(refused.refusals)) from None
        except Conflict as conflict:
            current = read(session, payload.current, conflict.current_id)
            raise _Declined(payload.refused([conflict], current)) from None
        except Refusal as refusal:
            raise _Declined(payload.refused([refusal])) from None
        return payload.done(subject, read(session, payload.changed, subject))

    try:
        return await database.write(transaction)
    except _Declined as declined:
        return declined.answer


def expect_version(row: Versioned, given: Given) -> None:
    """Refuse the change when the client saw another version of the row. Raises Conflict."""
    expected = given.get("expected_version")
    if expected is not None and expected != row.version:
        raise Conflict(
            f"version {expected} was expected, but the present one is {row.version}",
            ("input", "expectedVersion"),
            row.version,
            row.id,
        )


def authored(viewer: Viewer) -> dict[str, Any]:
    """Return who made a new row, and when."""
    moment = now()
    return {
        "version": 1,
        "created_at": moment,
        "created_by": viewer.id,
        "updated_at": moment,
        "updated_by": viewer.id,
    }


def update(row: Versioned, viewer: Viewer, values: Given) -> None:
    """Write values to a row and count the change; values that are there already are no change."""
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    if changed:
        row.version += 1
        row.updated_at = now()
        row.updated_by = viewer.id


class _Declined(Exception):  # noqa: N818 - it carries an answer out of a transaction that must not commit
    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer
