"""Whose rows are whose: the only place that says who may see and change what.

A case belongs to its members, and whatever is in a case to the same. What a viewer may not see does not
exist for them: every read begins with `readable`, every change with `find`, and nobody goes around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    String,
    Table,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)

from app.db import FoundRow, Statement, Transaction
from app.db.models import Base, Case, CaseMember, CaseRole, Event, FileBatch, User
from app.db.sql import in_quotes
from app.db.types import Id, Time
from app.errors import Forbidden, NotFound
from app.values import now, parse_id

# What each verb needs, and which roles have it.
_ROLES = tuple(role.value for role in CaseRole)
READ, CHANGE, DELETE, GOVERN = "VIEWER", "CONTRIBUTOR", "EDITOR", "OWNER"

AT_ONCE_SECONDS = 0.1
"""Within which nothing is looked at again: a change that takes longer may have waited for a lock."""

_cases: FromClause = Case.__table__
_users: FromClause = User.__table__


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking: the user, and their roles in the whole installation."""

    id: str
    roles: frozenset[str]

    @property
    def reads_all(self) -> bool:
        """Whether every case is visible."""
        return bool(self.roles)

    @property
    def changes_all(self) -> bool:
        """Whether every case may be changed."""
        return "admin" in self.roles


@dataclass(frozen=True, slots=True)
class Asking:
    """The viewer as a statement sees them; `viewer` and `moment` are bound when it runs."""

    viewer: ColumnElement[str]
    moment: ColumnElement[Any]
    reads_all: bool
    changes_all: bool


def readable(table: Table, asking: Asking) -> ColumnElement[bool]:
    """Return the condition that the viewer may see a row of `table`."""
    if asking.reads_all:
        return true()
    if table is _users:
        return or_(table.c.id == asking.viewer, _is_fellow(table.c.id, asking))
    case_id = table.c.id if table is _cases else table.c.case_id
    return exists(select(literal_column("1")).where(_grant(case_id, asking.viewer, asking.moment)).correlate(table))


def viewer_role(case_id: ColumnElement[str], asking: Asking) -> ColumnElement[str]:
    """Return the JSON of the viewer's role in a case that they may see."""
    if asking.changes_all:
        return literal_column(f"'\"{GOVERN}\"'")
    role = in_quotes(
        select(CaseMember.role).where(_grant(case_id, asking.viewer, asking.moment)).correlate(None).scalar_subquery()
    )
    # Auditors need no role to see a case; and one may have ended since a change was allowed, whose answer this is.
    return func.coalesce(role, literal_column(f"'\"{READ}\"'"))


def find(
    transaction: Transaction, viewer: Viewer, need: str, *path: tuple[str, type[Base], object], lock: bool = False
) -> FoundRow:
    """Return the row at the end of a path, if the viewer has the role that is needed.

    `path` goes from the case down, each step with the argument that names it, the table and the id; `need`
    is READ, CHANGE, DELETE or GOVERN. The whole path and the viewer's role are resolved in one statement. With
    `lock`, the whole row is read and stays as it was found until the transaction ends; without, its place is.
    `viewer_ends` of the row is when the viewer's role ends, None when it doesn't.
    Raises NotFound when any step is missing, lies elsewhere or is not the viewer's, alike in every case;
    raises Forbidden when the viewer is a member whose role is too weak. The transaction's `check` raises the same when
    that has come to be so since.
    """
    argument, model, _ = path[-1]
    where = ("input", argument)
    identifiers = {step.__tablename__: parse_id(identifier) for _, step, identifier in path}

    def allow(role: str | None) -> None:
        if role is None and not viewer.reads_all:
            raise NotFound(f"there is no such {_WORDS[model]} here", where)
        if _ROLES.index(role or READ) > _ROLES.index(need) and not viewer.changes_all:
            raise Forbidden(f"this takes the role {need} in the case", where, need)

    found = None
    if None not in identifiers.values():
        steps = tuple(step for _, step, _ in path)
        statement = _find_statement(steps, lock=lock, governs=need == GOVERN, reads_all=viewer.reads_all)
        for _ in range(2):
            begun = perf_counter()
            found = transaction.first(statement, {**identifiers, "viewer": viewer.id, "moment": now()})
            # Where it waited for a lock, the grant is what it was before that, on PostgreSQL, and so is the moment.
            if found is None or perf_counter() - begun <= AT_ONCE_SECONDS:
                break
    if found is None:
        raise NotFound(f"there is no such {_WORDS[model]} here", where)
    role, ends = found.viewer_role, found.viewer_ends
    allow(role)

    def still_allow() -> None:
        if need == GOVERN:
            # What governs locks the viewer's grant, and may itself have changed it by now; only time takes it away.
            allow(None if ends is not None and ends <= now() else role)
        else:
            grant = transaction.first(_GRANT, {"case": identifiers["cases"], "viewer": viewer.id, "moment": now()})
            allow(None if grant is None else grant.role)

    if need != READ and not viewer.changes_all:
        transaction.expect(still_allow)
    return found


def find_user(
    transaction: Transaction, viewer: Viewer, case_id: str, subject: str, issuer: str | None
) -> FoundRow | None:
    """Return a user and, where they have one, their grant in a case; None for one who is unknown.

    A subject is one of the viewer's own issuer where `issuer` is None. `has_other_owner` of the row says whether
    the case has another owner whose role doesn't end. To be asked after `find` has locked the case and allowed the
    viewer to know.
    """
    identifiers = {"cases": case_id, "viewer": viewer.id, "subject": subject, "issuer": issuer}
    return transaction.first(_find_user_statement(), identifiers)


def is_viewer(transaction: Transaction, viewer: Viewer, subject: str, issuer: str | None) -> bool:
    """Return whether a subject, of the viewer's own issuer where `issuer` is None, is the viewer.

    What it costs tells nothing of other users.
    """
    own = transaction.all(_OWN_NAME, {"viewer": viewer.id})[0]
    return bool(own.subject == subject and issuer in {None, own.issuer})


_OWN_NAME = Statement(select(User.issuer, User.subject).where(User.id == bindparam("viewer")))
_PLACE = {"id", "case_id"}  # what a row says of where it is; the rest is read of rows that will change
_WORDS: dict[type[Base], str] = {Case: "case", Event: "event", FileBatch: "file batch"}


@cache
def _find_statement(path: tuple[type[Base], ...], *, lock: bool, governs: bool, reads_all: bool) -> Statement:
    # A batch carries the ids of its event and its case, an event that of its case: the foreign keys of the
    # database hold them to the truth, so that a path is a comparison of columns and no join.
    table = path[-1].__table__.c
    columns = {Case: table.id if path[-1] is Case else table.case_id, path[-1]: table.id}
    if len(path) == 3:
        columns[path[1]] = table.event_id
    grant = _grant(columns[Case], bindparam("viewer", type_=Id()), bindparam("moment", type_=Time()))
    statement = (
        select(
            *(column for column in table if lock or column.name in _PLACE),
            CaseMember.role.label("viewer_role"),
            CaseMember.expires_at.label("viewer_ends"),
        )
        # A stranger's search ends without a row: it locks nothing, so nobody waits for it.
        .join_from(path[-1].__table__, CaseMember.__table__, grant, isouter=reads_all)
        .where(*(columns[step] == bindparam(step.__tablename__, type_=Id()) for step in path))
    )
    if not lock:
        return Statement(statement)
    # PostgreSQL reads the rows that it locks as they are once it has the lock, and those that it joins as they
    # were before it waited. Two owners who remove each other must not both go by what was.
    locked = [path[-1].__table__, *([CaseMember.__table__] if governs and not reads_all else [])]
    return Statement(statement.with_for_update(of=locked))


@cache
def _find_user_statement() -> Statement:
    case_id = bindparam("cases", type_=Id())
    other = CaseMember.__table__.alias("other")
    owner = exists(
        select(literal_column("1"))
        .select_from(other)
        .where(other.c.case_id == case_id, other.c.user_id != User.id, other.c.role == GOVERN)
        .where(other.c.expires_at.is_(None))
        .correlate(_users)
    )
    columns: list[Any] = [User.id, CaseMember.role, CaseMember.expires_at, owner.label("has_other_owner")]
    grant = and_(CaseMember.case_id == case_id, CaseMember.user_id == User.id)
    own = _users.alias("own")
    own_issuer = select(own.c.issuer).where(own.c.id == bindparam("viewer", type_=Id())).scalar_subquery()
    issuer = func.coalesce(bindparam("issuer", type_=String()), own_issuer)
    return Statement(
        select(*columns).outerjoin(CaseMember, grant).where(User.issuer == issuer, User.subject == bindparam("subject"))
    )


def _grant(case_id: ColumnElement[str], viewer: ColumnElement[str], moment: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(
        CaseMember.case_id == case_id,
        CaseMember.user_id == viewer,
        or_(CaseMember.expires_at.is_(None), CaseMember.expires_at > moment),
    )


def _is_fellow(user_id: ColumnElement[str], asking: Asking) -> ColumnElement[bool]:
    theirs = CaseMember.__table__.alias("theirs")
    return exists(
        select(literal_column("1"))
        .select_from(theirs)
        .join(CaseMember.__table__, _grant(theirs.c.case_id, asking.viewer, asking.moment))
        .where(theirs.c.user_id == user_id)
        .correlate(_users)
    )


_GRANT = Statement(
    select(CaseMember.role).where(
        _grant(bindparam("case", type_=Id()), bindparam("viewer", type_=Id()), bindparam("moment", type_=Time()))
    )
)
