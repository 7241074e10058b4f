"""The door to the tables whose changes are recorded: a row is written together with its entry, or not at all.

An entry says what became of one row. Its leaf is hashed into the tree of its case (trees.py), whose head is held by
whoever appends until they commit: so entries have numbers without a gap, and moments that never go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ScalarSelect, Table, Text, bindparam, delete, exists, insert, select
from sqlalchemy import update as update_rows

from app.db import FoundRow, Statement, Transaction
from app.db.grams import whole
from app.db.models import CaseMember, ChangeKind, Journal, JournalEntry, SearchText, Tag, table_of
from app.db.searching import grams_of_texts, into_grams, into_grams_one, out_of_grams, out_of_grams_one
from app.db.sql import elements
from app.db.types import Id
from app.errors import JournalBroken
from app.record.entries import SUBJECTS, Row, Subject, Values, digest_of, leaf_of, said, tag_index
from app.record.trees import HASH_BYTES, extended, leaf_hash, root
from app.values import new_id, now

_JOURNALS, _ENTRIES, _MEMBERS = table_of(Journal), table_of(JournalEntry), table_of(CaseMember)
_TAGS, _TEXTS = table_of(Tag), table_of(SearchText)
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

    def __init__(
        self, transaction: Transaction, by: str, subject: str, request_id: str | None = None, *, trash_days: int = 0
    ) -> None:
        """Take who makes the change, by their id and their subject; `trash_days` is for who restores and purges."""
        self.transaction = transaction
        self.change: str | None = None
        """The id of the entry that tells of the change itself; None as long as nothing has changed."""
        self.by = by
        """Who makes the change."""
        self._subject = subject
        self._request_id = request_id
        self.case_id = ""
        """The case that it is in."""
        self._head: Head | None = None
        self._size, self._frontier = 0, b""
        self._moment: datetime | None = None
        self.trash_days = trash_days
        """For how many days what is deleted can be restored; 0 for ever."""
        self._may_destroy = False
        self._writes: list[tuple[Statement, Row]] = []
        self._entries: list[dict[str, Any]] = []

    def start(self, case_id: str) -> None:
        """Begin the journal of a new case."""
        self.case_id = case_id

    def go_on(self, case_id: str, head: Head) -> None:
        """Go on behind the head of a case's journal, which this transaction holds."""
        self.case_id, self._head = case_id, head
        self._size, self._frontier = head.size, head.frontier

    def hold(self, case_id: str) -> None:
        """Hold the head of a case's journal, and go on behind it. Raises JournalBroken."""
        for _ in range(2):
            found = self.transaction.first(_HOLD, {"case": case_id})
            # Where it waited for whoever held it, the last entry is the one before that, on PostgreSQL.
            if found is None or found.last_nodes is not None:
                break
        if found is None or not is_head(found.frontier, found.last_nodes):
            raise JournalBroken(case_id, None if found is None else found.size)
        self.go_on(case_id, Head(found.size, found.at, found.frontier))

    @property
    def moment(self) -> datetime:
        """When the change is made: never before the one that came before it, even if the clock was set back."""
        if self._moment is None:
            self._moment = now() if self._head is None else max(now(), self._head.at)
        return self._moment

    def add(
        self, table: Table, values: Row, *, kind: ChangeKind = ChangeKind.CREATED, reason: str | None = None
    ) -> None:
        """Write a new row, and who made it when."""
        row = dict(values)
        if "version" in table.c:
            at, by = self.moment, self.by
            row |= {"created_at": at, "created_by": by, "updated_at": at, "updated_by": by, "version": 1}
        subject = SUBJECTS[table.name]
        self.write(_insert(table), row)
        self._list(subject, [row])
        self.note(kind, subject, row, subject.made(row), reason=reason)

    def add_each(self, table: Table, rows: Sequence[Row]) -> None:
        """Write new rows of a case, each with an entry of its own; columns may be missing that may be null."""
        subject, at, by = SUBJECTS[table.name], self.moment, self.by
        last = {"created_at": at, "created_by": by, "updated_at": at, "updated_by": by, "version": 1}
        empty = {column.name: None for column in table.c if column.nullable}
        each = [{**empty, **row, **last} for row in rows]
        for row in each:
            self.note(ChangeKind.CREATED, subject, row, subject.made(row))
        self.write_each(_insert(table), each)
        self._list(subject, each)

    def add_unrecorded(self, subject: Subject, rows: Sequence[Row]) -> None:
        """Write new rows that have no entries of their own."""
        self.write_each(_insert(subject.table), rows)
        self._list(subject, rows)

    def update(
        self,
        table: Table,
        row: FoundRow,
        values: Row,
        *,
        kind: ChangeKind = ChangeKind.UPDATED,
        reason: str | None = None,
    ) -> None:
        """Write values to a row and count the change; values that are there already are no change."""
        before = row._asdict()
        changed = {name: value for name, value in values.items() if before[name] != value}
        if changed:
            subject = SUBJECTS[table.name]
            told = subject.changed(before, changed)
            if "version" in table.c:
                changed |= {"version": row.version + 1, "updated_at": self.moment, "updated_by": self.by}
            self.write(_update(table), {**changed, "row": row.id})
            if not changed.keys().isdisjoint(subject.searched):
                text = text_of(subject, before | changed, self.case_id)
                self.write(_UNLIST_ONE, {"row": row.id})
                self.write(_SEARCH, {"row": row.id, "text": text["text"], "grams": text["grams"]})
                self.write(_LIST_ONE, {"row": row.id})
            self.note(kind, subject, before | changed, told, reason=reason)

    def tag(self, table: Table, rows: Sequence[tuple[FoundRow, str | None]]) -> None:
        """Write other tags to rows, each with the JSON array that it gets, as a change of each."""
        subject, last = SUBJECTS[table.name], {"updated_at": self.moment, "updated_by": self.by}
        befores = [row._asdict() for row, _ in rows]
        changes = [
            {"tags": text, "version": row["version"] + 1, **last} for row, (_, text) in zip(befores, rows, strict=True)
        ]
        for before, changed in zip(befores, changes, strict=True):
            self.note(ChangeKind.UPDATED, subject, before | changed, subject.changed(before, changed))
        self.write_each(_update(table), [{**new, "row": row["id"]} for row, new in zip(befores, changes, strict=True)])
        self._index(befores, [row | new for row, new in zip(befores, changes, strict=True)])

    def permit(self) -> None:
        """Let rows be removed: what `may_destroy` alone says, and whoever goes on with what it has permitted."""
        self._may_destroy = True

    def remove(self, table: Table, rows: Sequence[Row], *, beside: bool = False) -> list[str]:
        """Delete rows, for each of which there is an entry; return the ids of these."""
        subject = SUBJECTS[table.name]
        made = [self.note(ChangeKind.DELETED, subject, row, subject.gone(row), beside=beside) for row in rows]
        self.remove_unrecorded(subject, rows)
        self._index(rows, [])
        return made

    def remove_unrecorded(self, subject: Subject, rows: Sequence[Row]) -> None:
        """Delete rows, with what is searched of them, without an entry that says so."""
        if not self._may_destroy:
            raise PermissionError(f"nothing permits that rows of {subject.table.name} are deleted")
        gone = [{"row": row["id"]} for row in rows]
        self.write_each(_delete(subject.table), gone)
        if subject.searched:
            self._tell(_UNLIST, _UNLIST_ONE, rows)
            self.write_each(_FORGET, gone)

    def say_instead(self, left: Sequence[tuple[str, str | None]], seq: int) -> None:
        """Let entries, by their ids, say what is left of what they said, by the entry that tells of it."""
        if not self._may_destroy:
            raise PermissionError("nothing permits that what entries say is overwritten")
        rows = [{"entry": entry, "said": text, "erased_by": seq} for entry, text in left]
        self.transaction.run_each(_SAY_INSTEAD, rows)

    def bring_back(self, table: Table, rows: Sequence[Row], *, beside: bool = False) -> None:
        """Write rows that were deleted, each as the version that comes next."""
        subject, last = SUBJECTS[table.name], {"updated_at": self.moment, "updated_by": self.by}
        anew = [{**row, **last, "version": row["version"] + 1} for row in rows]
        for row in anew:
            self.note(ChangeKind.RESTORED, subject, row, subject.made(row), beside=beside)
        self.write_each(_insert(table), anew)
        self._list(subject, anew)
        self._index([], anew)

    def refuse(self, subject: Subject, row: Row, mutation: str, state: str) -> None:
        """Note that somebody tried to destroy a row, by which mutation, and what kept it."""
        told = {"mutation": (None, mutation), "state": (None, state)}
        self.note(ChangeKind.REFUSED, subject, {**row, "version": None}, told)

    def join(self, case_id: str, role: str) -> None:
        """Give whoever makes the change a role in a case."""
        member = {"case_id": case_id, "user_id": self.by, "role": role, "expires_at": None, "given_by": None}
        self.add_member(member, self._subject)

    def add_member(self, member: Row, subject: str) -> None:
        """Write a new membership, of the user with a subject."""
        self.write(_insert(_MEMBERS), member)
        self.note(ChangeKind.CREATED, _MEMBER, {**member, "subject": subject}, _MEMBER.made(member))

    def update_member(self, member: Row, values: Row, subject: str) -> None:
        """Write values to a membership, of the user with a subject."""
        self.write(_UPDATE_MEMBER, {**values, "case": member["case_id"], "user": member["user_id"]})
        told = _MEMBER.changed(member, values)
        if values["given_by"] not in {None, member["given_by"]}:
            told["accepted"] = member["given_by"] is None, False  # given anew, by whoever makes this change
        self.note(ChangeKind.UPDATED, _MEMBER, {**member, "subject": subject}, told)

    def remove_member(self, member: Row, subject: str) -> None:
        """Take a membership away from the user with a subject."""
        self.write(_REMOVE_MEMBER, {"case": member["case_id"], "user": member["user_id"]})
        self.note(ChangeKind.DELETED, _MEMBER, {**member, "subject": subject}, _MEMBER.gone(member))

    def take_up(self, case_id: str, *, beside: bool) -> None:
        """Note that whoever makes the change has taken up their membership in a case, where it waits for that.

        `beside` says that they do so by another change.
        """
        if self.transaction.all(_TAKE_UP, {"case": case_id, "user": self.by}):
            member = {"case_id": case_id, "user_id": self.by, "subject": self._subject}
            self.note(ChangeKind.UPDATED, _MEMBER, member, {"accepted": (False, True)}, beside=beside)

    @property
    def size(self) -> int:
        """How many entries the journal has, those that were put down included."""
        return self._size

    @property
    def root(self) -> str:
        """The root of the tree over them, in lower-case hexadecimal."""
        return root(self._frontier).hex()

    def close(self) -> None:
        """Write what has been put down, with the entries and the head."""
        if self._entries or self._size > (self._head.size if self._head else 0):
            self._write_entries()
            moved = {"size": self._size, "at": self.moment, "frontier": self._frontier, "root": self.root}
            moved["is_logged"] = False
            if self._head is None:
                self.write(_insert(_JOURNALS), {**moved, "case_id": self.case_id})
            else:
                self.write(_MOVE, {**moved, "case": self.case_id})
        self.transaction.run_all(self._writes)

    def write(self, statement: Statement, values: Row) -> None:
        """Put a statement down that writes."""
        self._writes.append((statement, values))

    def _list(self, subject: Subject, rows: Sequence[Row]) -> None:
        """Let new rows be found by what is searched of them."""
        if subject.searched:
            self.write_each(_INDEX, [text_of(subject, row, self.case_id) for row in rows])
            self._tell(_LIST, _LIST_ONE, rows)

    def _tell(self, of_many: Statement, of_one: Statement, rows: Sequence[Row]) -> None:
        """Tell the index of the texts of rows; where there are many, by one statement."""
        if len(rows) > _FEW:
            self.transaction.run_each(of_many, [{"rows": orjson.dumps([row["id"] for row in rows]).decode()}])
        else:
            self._writes += [(of_one, {"row": row["id"]}) for row in rows]

    def _index(self, before: Sequence[Row], after: Sequence[Row]) -> None:
        """Let the index of tags have those of rows as they are, and no longer those that they had before."""
        old, new = (
            {(row["id"], key): each for row in rows for key, each in tag_index(row).items()} for rows in (before, after)
        )
        gone = [{"row": row_id, "tag_key": key} for row_id, key in old if (row_id, key) not in new]
        self.write_each(_UNTAG, gone)
        self.write_each(_insert(_TAGS), [each for key, each in new.items() if key not in old])

    def write_each(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Put a statement down that writes, with each of some rows of values; where there are many, write them now."""
        if len(rows) > _FEW:
            self.transaction.run_each(statement, rows)
        else:
            self._writes += [(statement, row) for row in rows]

    def note(
        self,
        kind: ChangeKind,
        subject: Subject,
        row: Row,
        values: Values,
        *,
        reason: str | None = None,
        beside: bool = False,
    ) -> str:
        """Make an entry, and return its id. `beside` says that it comes with a change that has another."""
        text = said(subject.called(row), reason, values)
        self._size += 1
        entry = {
            "id": new_id(),
            "case_id": self.case_id,
            "seq": self._size,
            "at": self.moment,
            "by": self.by,
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
        return str(entry["id"])

    def _write_entries(self) -> None:
        self.write_each(_insert(_ENTRIES), self._entries)
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


def text_of(subject: Subject, row: Row, case_id: str) -> dict[str, Any]:
    """Return the row of search_texts for a row of a case."""
    text = subject.text(row)
    where = {"type": subject.name, "row_id": row["id"], "case_id": case_id, "event_id": subject.event_of(row)}
    return {**where, "text": text, "grams": whole(subject.name, text)}


_INDEX = Statement(insert(_TEXTS).inline())  # whose key the database gives
_OF_ROW = _TEXTS.c.row_id == bindparam("row")
_SEARCH, _FORGET = Statement(update_rows(_TEXTS).where(_OF_ROW)), Statement(delete(_TEXTS).where(_OF_ROW))
# SQLite's index is a table of its own, which has to be told what is taken out. Triggers would keep it, and each, as
# each statement that reads what it writes, would have FTS5 write down what it has so far.
_THOSE = grams_of_texts().where(_TEXTS.c.row_id.in_(select(elements(bindparam("rows", type_=Text()), "those").c.id)))
_LIST = Statement(into_grams(_THOSE), postgresql=None)
_UNLIST = Statement(out_of_grams(_THOSE), postgresql=None)
_LIST_ONE = Statement(into_grams_one(_OF_ROW), postgresql=None)
_UNLIST_ONE = Statement(out_of_grams_one(_OF_ROW), postgresql=None)
_UNTAG = Statement(
    delete(_TAGS).where(_TAGS.c.row_id == bindparam("row", type_=Id()), _TAGS.c.key == bindparam("tag_key"))
)
_SAY_INSTEAD = Statement(update_rows(_ENTRIES).where(_ENTRIES.c.id == bindparam("entry")))
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


_HOLD = Statement(
    select(_JOURNALS.c.size, _JOURNALS.c.at, _JOURNALS.c.frontier, last_nodes().label("last_nodes"))
    .where(_JOURNALS.c.case_id == bindparam("case"))
    .with_for_update(of=[_JOURNALS], key_share=True)
)
