"""Whose rows are whose: the only place that says who may see and change what.

A case belongs to its members, and whatever is in a case to the same. What a viewer may not see does not
exist for them: every read begins with `readable`, every change with `find`, and nobody goes around them.

A membership that someone else gave is taken up by the first change that the user makes in the case, or when they say
so. It counts at once for what they may do there, but nobody learns anything of them by it, nor relies on them as an
owner, before they have taken it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Dialect,
    FromClause,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
)

from app.db import FoundRow, Statement, Transaction
from app.db.models import (
    Base,
    Case,
    CaseMember,
    CaseRole,
    Checkpoint,
    Comment,
    Deletion,
    DeletionState,
    Event,
    File,
    FileBatch,
    FormerMember,
    Journal,
    JournalEntry,
    SearchText,
    User,
    table_of,
)
from app.db.sql import boolean, elements, in_quotes, is_one_of
from app.db.types import Id, Time
from app.errors import Forbidden, JournalBroken, NotFound
from app.record import keeping
from app.record.entries import FILE, SUBJECT_OF, SUBJECTS
from app.record.journal import Head, Recorder, last_nodes
from app.record.keeping import Touch
from app.values import field_name, new_user_id, now, parse_id

# What each verb needs, and which roles have it.
_ROLES = tuple(role.value for role in CaseRole)
READ, CHANGE, DELETE, GOVERN = "VIEWER", "CONTRIBUTOR", "EDITOR", "OWNER"

FEW = 1_000
"""Up to how many memberships a viewer's cases are looked up by these; of more, cases are looked at in their order."""

AT_ONCE_SECONDS = 0.1
"""Within which nothing is looked at again: a change that takes longer may have waited for a lock."""

# How many memberships may wait to be taken up: of one user by another, and of all whom one user named.
MAX_GIVEN_TO_ONE = 20
MAX_GIVEN = 1_000

_cases: FromClause = Case.__table__
_events, _batches, _comments, _texts = table_of(Event), table_of(FileBatch), table_of(Comment), table_of(SearchText)
_files = table_of(File)
_CASE = SUBJECTS[Case.__tablename__].name
_deletions, _former, _entries = table_of(Deletion), table_of(FormerMember), table_of(JournalEntry)
_users: FromClause = User.__table__
_checkpoints: FromClause = Checkpoint.__table__
_theirs: FromClause = CaseMember.__table__.alias("theirs")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is asking: the user, their roles in the whole installation, and the subject of their tokens."""

    id: str
    roles: frozenset[str]
    subject: str = ""
    has_few: bool = True
    """Whether they are a member of up to FEW cases, as far as is known: by which way they are read depends on it."""

    @property
    def sees_few(self) -> bool:
        """Whether they see up to FEW cases, as far as is known."""
        return self.has_few and not self.reads_all

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
    sees_few: bool
    trashed_from: ColumnElement[Any] | None
    """Since when something was deleted that can be restored; None where it can for ever."""


def has_rule(table: Table) -> bool:
    """Return whether it is said here who may see the rows of a table."""
    return table in {_users, _cases, _checkpoints} or "case_id" in table.c


def readable(table: Table, asking: Asking) -> ColumnElement[bool]:
    """Return the condition that the viewer may see a row of `table`."""
    there = _is_there(table)
    if asking.reads_all or table is _checkpoints:  # which name nobody and no case
        return there
    if table is _users:
        return or_(table.c.id == asking.viewer, _is_fellow(table.c.id, asking))
    case_id = table.c.id if table is _cases else table.c.case_id
    granted: Select[Any] = select(literal_column("1")).where(_grant(case_id, asking.viewer, asking.moment))
    granted = granted.correlate(table)
    if table is _texts:
        return and_(there, _has(granted))
    return exists(granted) if table is _cases else and_(there, exists(granted))


def listable(table: Table, asking: Asking) -> ColumnElement[bool]:
    """Return the same condition as `readable`, for a list of all that the viewer may see.

    Those who see few cases are told of them by these: what there is of others' takes no time.
    """
    if not asking.sees_few or table not in {_cases, _texts, _files}:
        return readable(table, asking)
    is_own = is_one_of(table.c.id if table is _cases else table.c.case_id, own_cases(asking))
    return and_(is_own, _is_there(table))


def own_cases(asking: Asking) -> Select[Any]:
    """Return the ids of the cases that the viewer is a member of."""
    lasts = or_(CaseMember.expires_at.is_(None), CaseMember.expires_at > asking.moment)
    found = select(CaseMember.case_id).where(CaseMember.user_id == asking.viewer, lasts)
    # In the order of an index: PostgreSQL would take everybody to have as many as they have on average, and read all.
    return found.order_by(CaseMember.expires_at).correlate(None)


def number_of(table: Table, asking: Asking) -> ColumnElement[int] | None:
    """Return how many rows `listable` lets through where an index alone tells that; None for any other table."""
    if table is not _cases or asking.reads_all:
        return None
    # A role is in a case that is there; two ranges of the index, each of which is counted as it lies.
    counted = select(func.count()).where(CaseMember.user_id == asking.viewer).correlate(None)
    for_ever, for_a_while = CaseMember.expires_at.is_(None), CaseMember.expires_at > asking.moment
    return counted.where(for_ever).scalar_subquery() + counted.where(for_a_while).scalar_subquery()


def few_statement() -> Statement:
    """Return the statement that counts a user's memberships, up to one more than FEW."""
    some = select(CaseMember.case_id).where(CaseMember.user_id == bindparam("user", type_=Id())).limit(FEW + 1)
    return Statement(select(cast(func.count(), Text).label("count")).select_from(some.subquery()))


def _is_there(table: Table) -> ColumnElement[bool]:
    """Return the condition that what a row is in is there: what is below a deleted row goes a little later."""
    above: Select[Any]
    if table is _events:
        above = select(literal_column("1")).where(_cases.c.id == table.c.case_id)
    elif table is _batches:
        above = select(literal_column("1")).select_from(_events).join(_cases, _cases.c.id == _events.c.case_id)
        above = above.where(_events.c.id == table.c.event_id)
    elif table is _files:
        above = select(literal_column("1")).select_from(_batches).join(_events, _events.c.id == _batches.c.event_id)
        above = above.join(_cases, _cases.c.id == _events.c.case_id).where(_batches.c.id == table.c.batch_id)
    elif table is _texts:
        return _is_of_what_is_there(table)
    elif table is _comments:
        return _has_its_place(table)
    else:
        return true()
    return exists(above.correlate(table))


def _is_of_what_is_there(texts: Table) -> ColumnElement[bool]:
    """Return the condition that the row is there that a text is of, with all that this is in."""
    one: ColumnElement[int] = literal_column("1")
    case = select(one).where(_cases.c.id == texts.c.case_id).correlate(texts)
    event = select(one).where(_events.c.id == texts.c.event_id).correlate(texts)
    comments = select(one).where(_comments.c.id == texts.c.row_id, _has_its_place(_comments)).correlate(texts)
    files = select(one).where(_files.c.id == texts.c.row_id, _is_there(_files)).correlate(texts)
    comment, file = (literal_column(f"'{subject.name}'", String) for subject in (SUBJECTS[_comments.name], FILE))
    has_place = or_(texts.c.type != comment, _has(comments)), or_(texts.c.type != file, _has(files))
    return and_(_has(case), or_(texts.c.event_id.is_(None), _has(event)), *has_place)


def _has(row: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that there is a row, asked of each text by itself.

    A text is one of few that were found. For EXISTS PostgreSQL would first read all cases, or all of the viewer's.
    """
    return row.scalar_subquery().is_not(None)


def _has_its_place(comments: Table) -> ColumnElement[bool]:
    """Return the condition that what a comment is on is there, with all that this is in."""
    one: ColumnElement[int] = literal_column("1")
    on, case_id, event_id = (comments.c[name] for name in ("row_id", "case_id", "event_id"))
    case = exists(select(one).where(_cases.c.id == case_id).correlate(comments))
    event = exists(select(one).where(_events.c.id == event_id).correlate(comments))
    batch = exists(select(one).where(_batches.c.id == on).correlate(comments))
    return and_(case, or_(on == case_id, and_(event, or_(on == event_id, batch))))


def may_be_left(table: Table, parent: str) -> bool:
    """Return whether rows that are found by the id of a row that is there, in a column, may be of what is deleted."""
    return table is _batches and parent == "case_id"


def is_under_way(case_id: ColumnElement[str]) -> Select[Any]:
    """Return whether something that was deleted from a case may not have gone whole: one row of one Boolean."""
    gone: ColumnElement[str] = literal_column(f"'{DeletionState.GONE.value}'")
    found: Select[Any] = select(literal_column("1")).where(_deletions.c.case_id == case_id, _deletions.c.state != gone)
    # With a limit SQLite computes it once, and not in each place where it is mentioned.
    return select(exists(found.correlate(None)).label("is_any")).limit(literal_column("1"))


def is_there_below(table: Table) -> ColumnElement[bool]:
    """Return the condition that what a row is on is there, where the case is."""
    return exists(select(literal_column("1")).where(_events.c.id == table.c.event_id).correlate(table))


def trashed(asking: Asking) -> ColumnElement[bool]:
    """Return the condition that an entry says that something in its case was deleted that can be restored.

    To be asked of the entries of a case that the viewer may see.
    """
    return _entries.c.id.in_(_restorable(asking).where(_deletions.c.type != _CASE))


def trashed_case(asking: Asking) -> ColumnElement[bool]:
    """Return the condition that an entry says that a case was deleted that the viewer can restore."""
    cases = _restorable(asking).where(_deletions.c.type == _CASE)
    if not asking.changes_all:
        lasts = or_(_former.c.expires_at.is_(None), _former.c.expires_at > asking.moment)
        cases = cases.join(_former, _former.c.case_id == _deletions.c.row_id).where(
            _former.c.user_id == asking.viewer, _former.c.role == literal_column(f"'{GOVERN}'"), lasts
        )
    return _entries.c.id.in_(cases)


def _restorable(asking: Asking) -> Select[Any]:
    found = select(_deletions.c.change_id).where(
        _deletions.c.state != literal_column(f"'{DeletionState.PURGING.value}'")
    )
    return found if asking.trashed_from is None else found.where(_deletions.c.at > asking.trashed_from)


def viewer_role(case_id: ColumnElement[str], asking: Asking) -> ColumnElement[str]:
    """Return the JSON of the viewer's role in a case that they may see."""
    if asking.changes_all:
        return literal_column(f"'\"{GOVERN}\"'")
    role = in_quotes(
        select(CaseMember.role).where(_grant(case_id, asking.viewer, asking.moment)).correlate(None).scalar_subquery()
    )
    # Auditors need no role to see a case; and one may have ended since a change was allowed, whose answer this is.
    return func.coalesce(role, literal_column(f"'\"{READ}\"'"))


def viewer_accepted(case_id: ColumnElement[str], asking: Asking) -> ColumnElement[str]:
    """Return the JSON of whether the viewer has nothing to take up in a case that they may see."""
    return boolean(~_waits(case_id, asking))


def accepted(case_id: ColumnElement[str], asking: Asking, *, wanted: bool) -> ColumnElement[bool]:
    """Return the condition that the viewer has nothing to take up in a case, or that they have."""
    waits = _waits(case_id, asking)
    return ~waits if wanted else waits


def acquainted(user_id: ColumnElement[str], asking: Asking) -> ColumnElement[bool]:
    """Return the condition that the viewer may know who a user is that they find, and not only what they are called by.

    They may when the user has taken up a membership in a case that the two share: who was only named has told nobody
    anything.
    """
    if asking.reads_all:
        return true()
    return or_(user_id == asking.viewer, exists(_shared(user_id, asking).where(_theirs.c.given_by.is_(None))))


_WORDS: dict[type[Base], str] = {Case: "case", Event: "event", FileBatch: "file batch", Comment: "comment"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change is made: the path from the case down to a row, and what it takes to change that.

    Each step of `path` has the field of the input that holds the id, by its column's name, and the table. `need` is
    that of `find`, or says it of an input, as `touch` does what the change does to the case; `lock` is that of `find`.
    """

    need: str | Callable[[Transaction, Viewer, Mapping[str, Any]], str]
    path: tuple[tuple[str, type[Base]], ...]
    lock: bool
    touch: Touch | Callable[[Mapping[str, Any]], Touch]

    def find(self, recorder: Recorder, viewer: Viewer, given: Mapping[str, Any]) -> FoundRow:
        """Find the row that an input names, if the viewer may change it; raises what `find` does."""
        if not self.path:
            return None
        need = self.need if isinstance(self.need, str) else self.need(recorder.transaction, viewer, given)
        steps = [(field_name(name), model, given[name]) for name, model in self.path]
        return find(recorder, viewer, need, *steps, lock=self.lock, touch=self.touches(given))

    def touches(self, given: Mapping[str, Any]) -> Touch:
        """Return what the change that an input asks for does to the case."""
        return self.touch if isinstance(self.touch, Touch) else self.touch(given)

    def case_alone(self, given: Mapping[str, Any]) -> str | None:
        """Return the id of the case that an input names, if what is changed there locks nothing beyond that case."""
        # Whoever governs also locks users.
        return parse_id(given[self.path[0][0]]) if self.need in {READ, CHANGE, DELETE} and self.path else None

    def statement(self, dialect: Dialect) -> str | None:
        """Return the statement that finds the row for whoever is a member alone; None where there is none to find."""
        if not self.path:
            return None
        steps = tuple(model for _, model in self.path)
        destroys = self.touch is Touch.DESTROYS
        statement = _find_statement(
            steps, lock=self.lock, governs=self.need == GOVERN, destroys=destroys, reads_all=False
        )
        return statement.form(dialect, [*(step.__tablename__ for step in steps), "viewer", "moment"]).sql


def place(
    need: str | Callable[[Transaction, Viewer, Mapping[str, Any]], str],
    *,
    lock: bool = True,
    touch: Touch | Callable[[Mapping[str, Any]], Touch] = Touch.CHANGES,
    **path: type[Base],
) -> Place:
    """Return a place, its path in the order of the arguments. Raises TypeError for a table that has no word here."""
    for model in path.values():
        if model not in _WORDS:
            raise TypeError(
                f"give {model.__name__} its word among _WORDS in app/ownership.py, to say that it isn't there"
            )
    return Place(need, tuple(path.items()), lock, touch)


def of_comment(transaction: Transaction, viewer: Viewer, given: Mapping[str, Any]) -> str:
    """Return the role that it takes to delete the comment that an input names: one's own takes less."""
    found = transaction.first(_WHO_WROTE, {"comment": parse_id(given["id"])})
    return CHANGE if found is not None and found.created_by == viewer.id else DELETE


def objects_of(
    transaction: Transaction, case: FoundRow, identifiers: Sequence[str]
) -> dict[str, tuple[Table, FoundRow]]:
    """Return those of some ids that are of a case, which `find` has locked, or of events and file batches in it."""
    wanted = [identifier for each in identifiers if (identifier := parse_id(each)) is not None]
    given = {"case": case.id, "ids": orjson.dumps(wanted).decode()}
    found = {str(case.id): (table_of(Case), case)} if case.id in wanted else {}
    for table, statement in _OBJECTS.items():
        found |= {str(row.id): (table, row) for row in transaction.all(statement, given)}
    return found


@dataclass(frozen=True, slots=True)
class CasePlace(Place):
    """A case that is there, or that was deleted and whose owners may still say what becomes of it."""

    def find(self, recorder: Recorder, viewer: Viewer, given: Mapping[str, Any]) -> FoundRow:
        """See Place."""
        try:
            return Place.find(self, recorder, viewer, given)
        except NotFound as missing:
            ((name, _),) = self.path
            found = _find_deleted(recorder, viewer, given[name], given[name])
            if found is None:
                raise
            _allow(found.viewer_role, viewer, GOVERN, missing)
            return found


def events_of(transaction: Transaction, case: FoundRow, identifiers: Sequence[str]) -> dict[str, FoundRow]:
    """Return those of some ids that are of events in a case, whose journal `find` has locked."""
    wanted = [identifier for each in identifiers if (identifier := parse_id(each)) is not None]
    rows = transaction.all(_OBJECTS[_events], {"case": case.id, "ids": orjson.dumps(wanted).decode()})
    return {str(row.id): row for row in rows}


@dataclass(frozen=True, slots=True)
class AuthorsPlace(Place):
    """A comment, which nobody changes but whoever wrote it, or an administrator."""

    def find(self, recorder: Recorder, viewer: Viewer, given: Mapping[str, Any]) -> FoundRow:
        """See Place."""
        found = Place.find(self, recorder, viewer, given)
        if found.created_by != viewer.id and not viewer.changes_all:
            raise Forbidden("only whoever wrote a comment changes it, or an administrator", ("input", "id"), CHANGE)
        return found


@dataclass(frozen=True, slots=True)
class DeletedPlace(Place):
    """What was deleted from a case, or a case that was deleted."""

    def find(self, recorder: Recorder, viewer: Viewer, given: Mapping[str, Any]) -> FoundRow:
        """Find the deletion that an input names, if the viewer may say what becomes of it; raises what `find` does."""
        missing = NotFound("there is nothing deleted of that id here", ("input", "id"))
        found = _find_deleted(recorder, viewer, given["case_id"], given["id"])
        if found is None:
            raise missing
        touch = self.touches(given)
        need = GOVERN if found.type == _CASE or touch is Touch.DESTROYS else DELETE
        _allow(found.viewer_role, viewer, need, missing)
        subject = SUBJECT_OF[found.type]
        keeping.check(recorder, found, touch, ("input", "caseId"), lambda: (subject, found._asdict()))
        return found

    def statement(self, dialect: Dialect) -> str | None:
        """See Place."""
        statement = _find_deleted_statement(reads_all=False)
        return statement.form(dialect, ["row", "case", "viewer", "moment"]).sql


def deleted(touch: Touch) -> Place:
    """Return the place of something that was deleted, which an input names by `caseId` and `id`."""
    return DeletedPlace(DELETE, (("case_id", Case), ("id", Case)), lock=True, touch=touch)


ANYBODYS = place(READ)
"""Where whoever has a token may make something of their own."""


def find(
    recorder: Recorder,
    viewer: Viewer,
    need: str,
    *path: tuple[str, type[Base], object],
    lock: bool = False,
    touch: Touch = Touch.CHANGES,
) -> FoundRow:
    """Return the row at the end of a path, if the viewer has the role that is needed.

    `path` goes from the case down, each step with the argument that names it, the table and the id; `need`
    is READ, CHANGE, DELETE or GOVERN. The whole path and the viewer's role are resolved in one statement. With
    `lock`, the whole row is read and stays as it was found until the transaction ends; without, its place is. The head
    of the case's journal is held either way, and the recorder goes on behind it.
    `viewer_ends` of the row is when the viewer's role ends, None when it doesn't. Whoever may do more than READ takes
    their membership up by it.
    Raises NotFound when any step is missing, lies elsewhere or is not the viewer's, alike in every case;
    raises Forbidden when the viewer is a member whose role is too weak. The transaction's `check` raises the same when
    that has come to be so since. Raises StateError when the case may not be touched like that, see keeping.py, and
    JournalBroken when the case has no journal.
    """
    transaction = recorder.transaction
    argument, model, _ = path[-1]
    identifiers = {step.__tablename__: parse_id(identifier) for _, step, identifier in path}
    missing = NotFound(f"there is no such {_WORDS[model]} here", ("input", argument))

    def allow(role: str | None) -> None:
        _allow(role, viewer, need, missing)

    found = None
    if None not in identifiers.values():
        steps = tuple([step for _, step, _ in path])
        statement = _find_statement(
            steps,
            lock=lock,
            governs=need == GOVERN,
            destroys=touch is Touch.DESTROYS,
            reads_all=viewer.reads_all,
        )
        found = _found(transaction, statement, {**identifiers, "viewer": viewer.id})
        if found is None and transaction.first(_WITHOUT_JOURNAL, {"case": identifiers["cases"]}) is not None:
            raise JournalBroken(str(identifiers["cases"]), None)
    if found is None:
        raise missing
    role, ends = found.viewer_role, found.viewer_ends
    allow(role)
    case_id = str(identifiers[Case.__tablename__])
    _go_on(recorder, case_id, found)
    subject = SUBJECTS[model.__tablename__]
    keeping.check(recorder, found, touch, ("input", path[0][0]), lambda: (subject, found._asdict()))

    def still_allow() -> None:
        if need == GOVERN:
            # What governs locks the viewer's grant, and may itself have changed it by now; only time takes it away.
            allow(None if ends is not None and ends <= now() else role)
        else:
            grant = transaction.first(_GRANT, {"case": identifiers["cases"], "viewer": viewer.id, "moment": now()})
            allow(None if grant is None else grant.role)

    if need != READ and not viewer.changes_all:
        transaction.expect(still_allow)
    if need != READ and found.viewer_given_by is not None:
        recorder.take_up(case_id, beside=True)
    return found


def _allow(role: str | None, viewer: Viewer, need: str, missing: NotFound) -> None:
    """Refuse a viewer whose role in the case is too weak, or who has none, by what is `missing` for them.

    Raises NotFound and Forbidden.
    """
    if role is None and not viewer.reads_all:
        raise missing
    if _ROLES.index(role or READ) > _ROLES.index(need) and not viewer.changes_all:
        raise Forbidden(f"this takes the role {need} in the case", missing.path, need)


def _found(transaction: Transaction, statement: Statement, values: Mapping[str, Any]) -> FoundRow | None:
    """Return the row that a statement finds at this moment and locks, with the head of the case's journal."""
    for _ in range(2):
        begun = perf_counter()
        found = transaction.first(statement, {**values, "moment": now()})
        # Where it waited for a lock, what it didn't lock is as it was before that, on PostgreSQL: the grant, and
        # the last entry of a journal to which others have added since; and so is the moment.
        if found is None or (found.last_nodes is not None and perf_counter() - begun <= AT_ONCE_SECONDS):
            break
    return found


def _go_on(recorder: Recorder, case_id: str, found: FoundRow) -> None:
    head = Head(found.journal_size, found.journal_at, found.journal_frontier)
    if not head.fits(found.last_nodes):
        raise JournalBroken(case_id, head.size)
    recorder.go_on(case_id, head)


def _find_deleted(recorder: Recorder, viewer: Viewer, case_id: object, identifier: object) -> FoundRow:
    """Return a deletion with the viewer's role in the case, or None; the journal's head is held, and gone on behind."""
    row, case = parse_id(identifier), parse_id(case_id)
    if row is None or case is None:
        return None
    statement = _find_deleted_statement(reads_all=viewer.reads_all)
    found = _found(recorder.transaction, statement, {"row": row, "case": case, "viewer": viewer.id})
    if found is None or found.state == DeletionState.PURGING.value:
        return None
    if found.type != _CASE and found.case_status is None:
        return None  # what is in a case that was deleted comes back with it
    _go_on(recorder, case, found)
    return found


def may_see(transaction: Transaction, viewer: Viewer, case_id: str) -> bool:
    """Return whether the viewer may see a case."""
    grant = {"case": case_id, "viewer": viewer.id, "moment": now()}
    return viewer.reads_all or transaction.first(_GRANT, grant) is not None


def name_user(transaction: Transaction, viewer: Viewer, subject: str, issuer: str | None) -> None:
    """Let there be a user with a subject, of the viewer's own issuer where `issuer` is None.

    Whether there was one already nobody can tell by it: they will be the same user when they first call.
    """
    values = {"user": new_user_id(), "viewer": viewer.id, "subject": subject, "issuer": issuer}
    transaction.run(_NAME_USER, values)


def user_called(transaction: Transaction, subject: str) -> str:
    """Return the id of the user with a subject whom no issuer vouches for; there is one from now on."""
    values = {"user": new_user_id(), "viewer": None, "subject": subject, "issuer": ""}
    transaction.run(_NAME_USER, values)
    identifier: str = transaction.all(_CALLED, {"subject": subject})[0].id
    return identifier


def find_user(
    transaction: Transaction, viewer: Viewer, case_id: str, subject: str, issuer: str | None
) -> FoundRow | None:
    """Return a user and, where they have one, their grant in a case; None for one who is unknown.

    A subject is one of the viewer's own issuer where `issuer` is None. `has_other_owner` of the row says whether
    the case has another owner whose role doesn't end and who took it up, `has_named_owner` whether it has one who
    didn't. To be asked after `find` has locked the case and allowed the viewer to know.
    """
    identifiers = {"cases": case_id, "viewer": viewer.id, "subject": subject, "issuer": issuer}
    return transaction.first(_find_user_statement(), identifiers)


def is_viewer(transaction: Transaction, viewer: Viewer, subject: str, issuer: str | None) -> bool:
    """Return whether a subject, of the viewer's own issuer where `issuer` is None, is the viewer.

    What it costs tells nothing of other users.
    """
    own = transaction.all(_OWN_NAME, {"viewer": viewer.id})[0]
    return bool(own.subject == subject and issuer in {None, own.issuer})


def given_by(transaction: Transaction, viewer: Viewer, user_id: str) -> FoundRow:
    """Return how many memberships the viewer gave that wait to be taken up: `to_user` and in `all`.

    No other transaction of the viewer's gives one before this one ends.
    """
    transaction.run(_LOCK_VIEWER, {"viewer": viewer.id})
    return transaction.all(_GIVEN, {"viewer": viewer.id, "user": user_id, "moment": now()})[0]


_OWN_NAME = Statement(select(User.issuer, User.subject).where(User.id == bindparam("viewer")))
_WITHOUT_JOURNAL = Statement(
    select(Case.id).where(
        Case.id == bindparam("case", type_=Id()),
        ~exists(select(literal_column("1")).where(Journal.case_id == Case.id).correlate(_cases)),
    )
)
_WHO_WROTE = Statement(select(_comments.c.created_by).where(_comments.c.id == bindparam("comment", type_=Id())))
_THOSE = elements(bindparam("ids", type_=Text()), "those")
_IN_CASE = bindparam("case", type_=Id())
_OBJECTS = {
    _events: Statement(select(_events).where(_events.c.case_id == _IN_CASE, _events.c.id.in_(select(_THOSE.c.id)))),
    _batches: Statement(
        select(_batches)
        .join(_events, _events.c.id == _batches.c.event_id)
        .where(_events.c.case_id == _IN_CASE, _batches.c.id.in_(select(_THOSE.c.id)))
    ),
}
_LOCK_VIEWER = Statement(
    select(User.id).where(User.id == bindparam("viewer", type_=Id())).with_for_update(key_share=True)
)
_PLACE = {"id", "case_id"}  # what a row says of where it is; the rest is read of rows that will change


@cache
def _find_deleted_statement(*, reads_all: bool) -> Statement:
    deletions, former = _deletions, _former
    viewer, moment = bindparam("viewer", type_=Id()), bindparam("moment", type_=Time())
    lasts = or_(former.c.expires_at.is_(None), former.c.expires_at > moment)
    role = func.coalesce(CaseMember.role, former.c.role)
    statement = (
        select(
            deletions,
            deletions.c.row_id.label("id"),
            role.label("viewer_role"),
            Journal.size.label("journal_size"),
            Journal.at.label("journal_at"),
            Journal.frontier.label("journal_frontier"),
            last_nodes().label("last_nodes"),
            *keeping.state_of(),
            keeping.standing_hold(deletions.c.case_id).label("case_hold"),
        )
        .join_from(deletions, Journal.__table__, Journal.case_id == deletions.c.case_id)
        .outerjoin(_cases, _cases.c.id == deletions.c.case_id)
        .outerjoin(CaseMember.__table__, _grant(deletions.c.case_id, viewer, moment))
        .outerjoin(former, and_(former.c.case_id == deletions.c.case_id, former.c.user_id == viewer, lasts))
        .where(deletions.c.row_id == bindparam("row", type_=Id()))
        .where(deletions.c.case_id == bindparam("case", type_=Id()))
    )
    if not reads_all:
        statement = statement.where(role.is_not(None))  # as in `_find_statement`, a stranger's search locks nothing
    return Statement(statement.with_for_update(of=[deletions, Journal.__table__], key_share=True))


@cache
def _find_statement(
    path: tuple[type[Base], ...], *, lock: bool, governs: bool, destroys: bool, reads_all: bool
) -> Statement:
    # A batch carries the ids of its event and its case, an event that of its case. What is above has to be there still:
    # of what was deleted, that below goes later.
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
            CaseMember.given_by.label("viewer_given_by"),
            Journal.size.label("journal_size"),
            Journal.at.label("journal_at"),
            Journal.frontier.label("journal_frontier"),
            last_nodes().label("last_nodes"),
            *keeping.state_of(),
            *([keeping.standing_hold(_cases.c.id).label("case_hold")] if destroys else []),
        )
        # A stranger's search ends without a row: it locks nothing, so nobody waits for it.
        .select_from(_joined_above(path))
        .join(Journal.__table__, Journal.case_id == columns[Case])
        .join(CaseMember.__table__, grant, isouter=reads_all)
        .where(*(columns[step] == bindparam(step.__tablename__, type_=Id()) for step in path))
    )
    if path[-1] is Comment:
        statement = statement.where(_has_its_place(_comments))
    # PostgreSQL reads the rows that it locks as they are once it has the lock, and those that it joins as they
    # were before it waited. Two owners who remove each other must not both go by what was. What refers to a locked row
    # may be written meanwhile: whoever does that holds the journal, for which this one waits.
    locked = [Journal.__table__]
    if lock:
        locked = [path[-1].__table__, *([CaseMember.__table__] if governs and not reads_all else []), *locked]
    return Statement(statement.with_for_update(of=locked, key_share=True))


def _joined_above(path: tuple[type[Base], ...]) -> FromClause:
    """Return the table of the last step of a path, with those of the steps above."""
    source = table_of(path[-1])
    joined: FromClause = source
    if len(path) == 3:
        joined = joined.join(_events, and_(_events.c.id == source.c.event_id, _events.c.case_id == source.c.case_id))
    return joined if path[-1] is Case else joined.join(_cases, _cases.c.id == source.c.case_id)


@cache
def _find_user_statement() -> Statement:
    case_id = bindparam("cases", type_=Id())
    other = CaseMember.__table__.alias("other")
    owner: Select[Any] = (
        select(literal_column("1"))
        .select_from(other)
        .where(other.c.case_id == case_id, other.c.user_id != User.id, other.c.role == GOVERN)
        .where(other.c.expires_at.is_(None))
        .correlate(_users)
    )
    columns: list[Any] = [
        *(User.id, CaseMember.role, CaseMember.expires_at, CaseMember.given_by),
        exists(owner.where(other.c.given_by.is_(None))).label("has_other_owner"),
        exists(owner.where(other.c.given_by.is_not(None))).label("has_named_owner"),
    ]
    grant = and_(CaseMember.case_id == case_id, CaseMember.user_id == User.id)
    return Statement(select(*columns).outerjoin(CaseMember, grant).where(*_is_named(User.issuer, User.subject)))


def _is_named(issuer: Any, subject: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return issuer == _named_issuer(), subject == bindparam("subject", type_=String())


def _named_issuer() -> ColumnElement[str]:
    own = _users.alias("own")
    own_issuer = select(own.c.issuer).where(own.c.id == bindparam("viewer", type_=Id())).scalar_subquery()
    return func.coalesce(bindparam("issuer", type_=String()), own_issuer)


def _naming() -> Statement:
    there = _users.alias("there")
    known = exists(select(literal_column("1")).where(*_is_named(there.c.issuer, there.c.subject)))
    named = select(bindparam("user", type_=Id()), _named_issuer(), bindparam("subject", type_=String())).where(~known)
    return Statement(insert(table_of(User)).from_select(["id", "issuer", "subject"], named))


def _counting() -> Statement:
    waits = select(func.count()).where(CaseMember.given_by == bindparam("viewer", type_=Id()))
    lasts = or_(CaseMember.expires_at.is_(None), CaseMember.expires_at > bindparam("moment", type_=Time()))
    to_user = waits.where(CaseMember.user_id == bindparam("user", type_=Id()), lasts)
    return Statement(select(to_user.scalar_subquery().label("to_user"), waits.scalar_subquery().label("all")))


_NAME_USER = _naming()
_CALLED = Statement(select(User.id).where(User.issuer == literal_column("''"), User.subject == bindparam("subject")))
_GIVEN = _counting()


def _grant(case_id: ColumnElement[str], viewer: ColumnElement[str], moment: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(
        CaseMember.case_id == case_id,
        CaseMember.user_id == viewer,
        or_(CaseMember.expires_at.is_(None), CaseMember.expires_at > moment),
    )


def _waits(case_id: ColumnElement[str], asking: Asking) -> ColumnElement[bool]:
    grant = _grant(case_id, asking.viewer, asking.moment)
    return exists(select(literal_column("1")).where(grant, CaseMember.given_by.is_not(None)).correlate(_cases))


def _is_fellow(user_id: ColumnElement[str], asking: Asking) -> ColumnElement[bool]:
    return exists(_shared(user_id, asking))


def _shared(user_id: ColumnElement[str], asking: Asking) -> Select[Any]:
    """Return a user's memberships, as `_theirs`, in cases that the viewer may see."""
    return (
        select(literal_column("1"))
        .select_from(_theirs)
        .join(CaseMember.__table__, _grant(_theirs.c.case_id, asking.viewer, asking.moment))
        .where(_theirs.c.user_id == user_id)
        .correlate(_users)
    )


_GRANT = Statement(
    select(CaseMember.role).where(
        _grant(bindparam("case", type_=Id()), bindparam("viewer", type_=Id()), bindparam("moment", type_=Time()))
    )
)
