"""The door to the tables whose changes are recorded: a row is written together with its entry, or not at all.

An entry says what became of one row. Its leaf is hashed into the tree of its case (trees.py), whose head is held by
whoever appends until they commit: so entries have numbers without a gap, and moments that never go back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Column, ScalarSelect, Select, Table, bindparam, delete, exists, insert, select, tuple_
from sqlalchemy import update as update_rows

from app.db import FoundRow, Statement, Transaction
from app.db.models import Case, CaseMember, ChangeKind, Event, FileBatch, Journal, JournalEntry, User, table_of
from app.record.entries import SUBJECTS, Row, Subject, Values, digest_of, leaf_of, said
from app.record.trees import HASH_BYTES, extended, leaf_hash, root
from app.values import LEAST_ID, new_id, now

_JOURNALS, _ENTRIES, _MEMBERS = table_of(Journal), table_of(JournalEntry), table_of(CaseMember)
_AT_ONCE = 1_000  # entries that are made and written together
_FEW = 10  # that are written in one statement with the rows


@dataclass(frozen=True, slots=True)
class Head:
    """How far the journal of a case has come: the columns of its row."""

    size: int
    at: datetime
    frontier: bytes

    def fits(self, last_nodes: bytes | None) -> bool:
        """Return whether this is the head of a journal whose last entry has these nodes; see `last_nodes`."""
        return is_head(self.frontier, last_nodes)


class Recorder:
    """Writes rows of one case, and their entries, for one change: all of them when it is closed.

    What is put down is not seen before that by whatever else the change reads.
    """

    def __init__(self, transaction: Transaction, by: str, subject: str, request_id: str | None = None) -> None:
        """Take the user who makes the change, by their id and their subject."""
        self.transaction = transaction
        self.change: str | None = None
        """The id of the entry that tells of the change itself; None as long as nothing has changed."""
        self._by = by
        self._subject = subject
        self._request_id = request_id
        self.case_id = ""
        """The case that it is in."""
        self._head: Head | None = None
        self._size, self._frontier = 0, b""
        self._moment: datetime | None = None
        self._writes: list[tuple[Statement, Row]] = []
        self._entries: list[dict[str, Any]] = []

    def start(self, case_id: str) -> None:
        """Begin the journal of a new case."""
        self.case_id = case_id

    def go_on(self, case_id: str, head: Head) -> None:
        """Go on behind the head of a case's journal, which this transaction holds."""
        self.case_id, self._head = case_id, head
        self._size, self._frontier = head.size, head.frontier

    @property
    def moment(self) -> datetime:
        """When the change is made: never before the one that came before it, even if the clock was set back."""
        if self._moment is None:
            self._moment = now() if self._head is None else max(now(), self._head.at)
        return self._moment

    def add(self, table: Table, values: Row) -> None:
        """Write a new row, and who made it when."""
        authors = {"created_at": self.moment, "created_by": self._by, "updated_at": self.moment, "updated_by": self._by}
        row = {**values, **authors, "version": 1}
        self._write(_insert(table), row)
        subject = SUBJECTS[table.name]
        self._note(ChangeKind.CREATED, subject, row, subject.made(row))

    def update(self, table: Table, row: FoundRow, values: Row) -> None:
        """Write values to a row and count the change; values that are there already are no change."""
        before = row._asdict()
        changed = {name: value for name, value in values.items() if before[name] != value}
        if changed:
            subject = SUBJECTS[table.name]
            told = subject.changed(before, changed)
            changed |= {"version": row.version + 1, "updated_at": self.moment, "updated_by": self._by}
            self._write(_update(table), {**changed, "row": row.id})
            self._note(ChangeKind.UPDATED, subject, before | changed, told)

    def remove(self, table: Table, row: FoundRow) -> None:
        """Delete a row with all that is below it, for each of which there is an entry of its own."""
        for subject, statement, keys in _BELOW[table.name]:
            for below in self._each(statement, keys, row.id):
                self._note(ChangeKind.DELETED, subject, below, subject.gone(below), beside=True)
        self._write(_delete(table), {"row": row.id})
        subject, before = SUBJECTS[table.name], row._asdict()
        self._note(ChangeKind.DELETED, subject, before, subject.gone(before))

    def join(self, case_id: str, role: str) -> None:
        """Give whoever makes the change a role in a case."""
        member = {"case_id": case_id, "user_id": self._by, "role": role, "expires_at": None, "given_by": None}
        self.add_member(member, self._subject)

    def add_member(self, member: Row, subject: str) -> None:
        """Write a new membership, of the user with a subject."""
        self._write(_insert(_MEMBERS), member)
        self._note(ChangeKind.CREATED, _MEMBER, {**member, "subject": subject}, _MEMBER.made(member))

    def update_member(self, member: Row, values: Row, subject: str) -> None:
        """Write values to a membership, of the user with a subject."""
        self._write(_UPDATE_MEMBER, {**values, "case": member["case_id"], "user": member["user_id"]})
        told = _MEMBER.changed(member, values)
        if values["given_by"] not in {None, member["given_by"]}:
            told["accepted"] = member["given_by"] is None, False  # given anew, by whoever makes this change
        self._note(ChangeKind.UPDATED, _MEMBER, {**member, "subject": subject}, told)

    def remove_member(self, member: Row, subject: str) -> None:
        """Take a membership away from the user with a subject."""
        self._write(_REMOVE_MEMBER, {"case": member["case_id"], "user": member["user_id"]})
        self._note(ChangeKind.DELETED, _MEMBER, {**member, "subject": subject}, _MEMBER.gone(member))

    def take_up(self, case_id: str, *, beside: bool) -> None:
        """Note that whoever makes the change has taken up their membership in a case, where it waits for that.

        `beside` says that they do so by another change.
        """
        if self.transaction.all(_TAKE_UP, {"case": case_id, "user": self._by}):
            member = {"case_id": case_id, "user_id": self._by, "subject": self._subject}
            self._note(ChangeKind.UPDATED, _MEMBER, member, {"accepted": (False, True)}, beside=beside)

    def close(self) -> None:
        """Write what has been put down, with the entries and the head."""
        if self._entries or self._size > (self._head.size if self._head else 0):
            self._write_entries()
            whole = root(self._frontier).hex()
            moved = {"size": self._size, "at": self.moment, "frontier": self._frontier, "root": whole}
            moved["is_logged"] = False
            if self._head is None:
                self._write(_insert(_JOURNALS), {**moved, "case_id": self.case_id})
            else:
                self._write(_MOVE, {**moved, "case": self.case_id})
        self.transaction.run_all(self._writes)

    def _write(self, statement: Statement, values: Row) -> None:
        self._writes.append((statement, values))

    def _each(self, statement: Statement, keys: Sequence[str], above: str) -> Iterator[Row]:
        """Iterate over rows, of which only some are held at a time, and their entries written."""
        after = dict.fromkeys(keys, LEAST_ID)
        while True:
            rows = self.transaction.all(statement, {**after, "above": above})
            for row in rows:
                yield row._asdict()
            if len(rows) < _AT_ONCE:
                return
            after = {key: getattr(rows[-1], key) for key in keys}

    def _note(self, kind: ChangeKind, subject: Subject, row: Row, values: Values, *, beside: bool = False) -> None:
        """Make an entry. `beside` says that it comes with a change that has another."""
        text = said(row[subject.label], None, values)
        self._size += 1
        entry = {
            "id": new_id(),
            "case_id": self.case_id,
            "seq": self._size,
            "at": self.moment,
            "by": self._by,
            "kind": kind.value,
            "type": subject.name,
            "row_id": row[subject.key],
            "event_id": subject.event_of(row),
            "version": row.get("version"),
            "request_id": self._request_id,
            "digest": digest_of(text),
            "said": text,
        }
        self._frontier, entry["nodes"] = extended(self._size - 1, self._frontier, leaf_hash(leaf_of(entry)))
        self._entries.append(entry)
        if not beside and self.change is None:
            self.change = entry["id"]
        if len(self._entries) == _AT_ONCE:
            self._write_entries()

    def _write_entries(self) -> None:
        if len(self._entries) > _FEW:
            self.transaction.run_each(_insert(_ENTRIES), self._entries)
        else:
            self._writes += [(_insert(_ENTRIES), entry) for entry in self._entries]
        self._entries = []


@cache
def _insert(table: Table) -> Statement:
    return Statement(insert(table))


@cache
def _update(table: Table) -> Statement:
    return Statement(update_rows(table).where(table.c.id == bindparam("row")))


@cache
def _delete(table: Table) -> Statement:
    return Statement(delete(table).where(table.c.id == bindparam("row")))


_MEMBER = SUBJECTS[CaseMember.__tablename__]
_WHO = _MEMBERS.c.case_id == bindparam("case"), _MEMBERS.c.user_id == bindparam("user")
_UPDATE_MEMBER = Statement(update_rows(_MEMBERS).where(*_WHO))
_REMOVE_MEMBER = Statement(delete(_MEMBERS).where(*_WHO))
_TAKE_UP = Statement(
    update_rows(_MEMBERS)
    .where(*_WHO, _MEMBERS.c.given_by.is_not(None))
    .values(given_by=None)
    .returning(_MEMBERS.c.user_id)
)
_MOVE = Statement(update_rows(_JOURNALS).where(_JOURNALS.c.case_id == bindparam("case")))


def is_head(frontier: bytes | None, last_nodes: bytes | None) -> bool:
    """Return whether a frontier is that of a journal whose last entry has these nodes, where there are both."""
    return frontier is not None and last_nodes is not None and last_nodes[-HASH_BYTES:] == frontier[-HASH_BYTES:]


def last_nodes() -> ScalarSelect[bytes]:
    """Return the nodes of the last entry of a journal, NULL where its head counts others or another moment."""
    last, beyond = _ENTRIES.alias("last"), _ENTRIES.alias("beyond")
    journal = _JOURNALS.c
    more = select(beyond.c.seq).where(beyond.c.case_id == journal.case_id, beyond.c.seq == journal.size + 1)
    counted = last.c.case_id == journal.case_id, last.c.seq == journal.size, last.c.at == journal.at
    nodes = select(last.c.nodes).where(*counted, ~exists(more.correlate(_JOURNALS)))
    return nodes.correlate(_JOURNALS).scalar_subquery()


class _Below(NamedTuple):
    """Rows that are deleted along with one above them: those behind some keys, a number of them."""

    subject: Subject
    statement: Statement
    keys: tuple[str, ...]


def _below(rows: Select[Any], model: Any, *keys: str) -> _Below:
    columns: list[Column[Any]] = [model.__table__.c[key] for key in keys]
    after = tuple_(*columns) > tuple_(*(bindparam(column.name, type_=column.type) for column in columns))
    statement = Statement(rows.where(after).order_by(*columns).limit(_AT_ONCE))
    return _Below(SUBJECTS[model.__tablename__], statement, keys)


def _everything_below() -> dict[str, list[_Below]]:
    above = bindparam("above", type_=table_of(Case).c.id.type)
    batches, events = select(table_of(FileBatch)), select(table_of(Event))
    members = select(*_MEMBERS.c, User.subject).join_from(_MEMBERS, table_of(User), _MEMBERS.c.user_id == User.id)
    # By their events, whose index they are found by.
    in_case = batches.join(table_of(Event), FileBatch.event_id == Event.id).where(Event.case_id == above)
    return {
        "cases": [
            _below(in_case, FileBatch, "event_id", "id"),
            _below(events.where(Event.case_id == above), Event, "id"),
            _below(members.where(CaseMember.case_id == above), CaseMember, "user_id"),
        ],
        "events": [_below(batches.where(FileBatch.event_id == above), FileBatch, "id")],
        "file_batches": [],
    }


_BELOW = _everything_below()
