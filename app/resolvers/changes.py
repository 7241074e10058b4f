"""The one door for changes: each is a transaction that finds its row, does its work and reads its own answer.

Nothing else writes. A change either commits whole, with the answer that was read inside of it, or leaves
nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from graphql.execution.values import VariableValues
from sqlalchemy import Connection, Table, delete, insert
from sqlalchemy import Row as FoundRow
from sqlalchemy import update as update_rows

from app.db import Database, Row
from app.db.models import CaseMember, table_of
from app.errors import Conflict, Refusal, Refused
from app.resolvers.inputs import Given
from app.resolvers.ownership import Viewer
from app.resolvers.payloads import Payload
from app.resolvers.statements import Plan
from app.values import now

_MEMBERS = table_of(CaseMember)

Work: TypeAlias = Callable[[Connection, Viewer, Given], str | tuple[str, ...]]
"""Does what a mutation is for and returns the id of the row it changed, or its key where that is several ids.

Raises Refusal or Refused.
"""


async def change(
    database: Database, viewer: Viewer, work: Work, payload: Payload, variables: VariableValues
) -> dict[str, Any]:
    """Do `work` for a mutation, in a transaction of its own; return the mutation's payload by response name."""
    given = payload.given(variables)

    def read(connection: Connection, plan: Plan | None, subject: str | tuple[str, ...]) -> Row:
        if plan is None:
            return ()
        values = plan.values(variables, viewer, now(), database.bind, subject)
        row: Row = connection.exec_driver_sql(plan.statement, tuple(values)).one()
        return row

    def transaction(connection: Connection) -> dict[str, Any]:
        try:
            subject = work(connection, viewer, given)
        except Refused as refused:
            raise _Declined(payload.refused(refused.refusals)) from None
        except Conflict as conflict:
            current = read(connection, payload.current, conflict.current_id)
            raise _Declined(payload.refused([conflict], current)) from None
        except Refusal as refusal:
            raise _Declined(payload.refused([refusal])) from None
        return payload.done(subject, read(connection, payload.changed, subject))

    try:
        return await database.write(transaction)
    except _Declined as declined:
        return declined.answer


def add(connection: Connection, viewer: Viewer, table: Table, values: Given) -> None:
    """Write a new row, and who made it when."""
    moment = now()
    authors = {"created_at": moment, "created_by": viewer.id, "updated_at": moment, "updated_by": viewer.id}
    connection.execute(insert(table), {**values, **authors, "version": 1})


def update(connection: Connection, viewer: Viewer, table: Table, row: FoundRow[Any], values: Given) -> None:
    """Write values to a row and count the change; values that are there already are no change."""
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if changed:
        changed |= {"version": row.version + 1, "updated_at": now(), "updated_by": viewer.id}
        connection.execute(update_rows(table).where(table.c.id == row.id).values(changed))


def remove(connection: Connection, table: Table, row: FoundRow[Any]) -> None:
    """Delete a row; the database deletes what lies below it."""
    connection.execute(delete(table).where(table.c.id == row.id))


def add_member(
    connection: Connection, case_id: str, user_id: str, role: str, expires_at: datetime | None = None
) -> None:
    """Give a user a role in a case."""
    member = {"case_id": case_id, "user_id": user_id, "role": role, "expires_at": expires_at}
    connection.execute(insert(_MEMBERS), member)


def update_member(connection: Connection, case_id: str, user_id: str, role: str, expires_at: datetime | None) -> None:
    """Give a member another role, or another end of it."""
    member = update_rows(_MEMBERS).where(_MEMBERS.c.case_id == case_id, _MEMBERS.c.user_id == user_id)
    connection.execute(member.values(role=role, expires_at=expires_at))


def remove_member(connection: Connection, case_id: str, user_id: str) -> None:
    """Take a user's role in a case away."""
    connection.execute(delete(_MEMBERS).where(_MEMBERS.c.case_id == case_id, _MEMBERS.c.user_id == user_id))


def expect_version(row: FoundRow[Any], given: Given) -> None:
    """Refuse the change when the client saw another version of the row. Raises Conflict."""
    expected = given.get("expected_version")
    if expected is not None and expected != row.version:
        raise Conflict(
            f"version {expected} was expected, but the present one is {row.version}",
            ("input", "expectedVersion"),
            row.version,
            row.id,
        )


class _Declined(Exception):  # noqa: N818 - it carries an answer out of a transaction that must not commit
    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer
