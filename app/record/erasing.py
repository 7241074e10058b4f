"""Values that have to go from what the record of a living case says, such as a name.

An entry's leaf has the digest of what it said, and stays. What it says becomes another text, without those values, and
an entry of its own says whose decision that was, and the digest of what is left: so that verifying can tell an erasure
from whoever edited the record.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import orjson
from sqlalchemy import bindparam, select

from app.db import FoundRow, Statement, Transaction
from app.db.models import Case, ChangeKind, Comment, Event, FileBatch, JournalEntry, table_of
from app.db.types import Id
from app.record.entries import ERASED, SALT_BYTES, SUBJECT_OF, SUBJECTS, Subject, digest_of
from app.record.journal import Recorder
from app.values import field_name

FIELDS = (
    *("title", "description", "reference", "label", "fileTypes", "source", "timeKind", "tags", "text", "reason"),
    "where",
)
"""What can be erased: what people write. All else is of no use to whoever looks for a name."""

_ENTRIES = table_of(JournalEntry)
_CERTAIN = {ChangeKind.PURGED.value, ChangeKind.ERASED.value}
_ROWS = {
    table.name: Statement(select(table).where(table.c.id == bindparam("row", type_=Id())))
    for table in (table_of(model) for model in (Case, Event, FileBatch, Comment))
}


class Left(NamedTuple):
    """What is left of what an entry says: the text of it, and which fields lose a value."""

    entry: FoundRow
    text: str
    fields: tuple[str, ...]


class CannotErase(Exception):  # noqa: N818 - it says why not
    """Why something can't be erased, as the end of a sentence about what was asked for."""


def left_of(transaction: Transaction, case_id: str, seqs: Sequence[int], fields: Sequence[str]) -> list[Left]:
    """Return what is left of entries without the values of some fields, but those that their rows still have.

    Raises CannotErase.
    """
    rows: dict[str, FoundRow | None] = {}
    found = []
    for seq in sorted(set(seqs)):
        entry = transaction.first(_ENTRY, {"case": case_id, "entry": seq}) if 0 < seq < 2**31 else None
        if entry is None or entry.kind in _CERTAIN:
            raise CannotErase(f"has {seq}, " + ("which is no change of the case" if entry is None else _WHY_NOT))
        if entry.said is None:
            raise CannotErase(f"has {seq}, of which all was erased before")
        subject = SUBJECT_OF[entry.type]
        if subject.table.name not in _ROWS:
            raise CannotErase(f"has {seq}, which is about a member or a hold: they stay on view as they are")
        if entry.row_id not in rows:
            rows[entry.row_id] = transaction.first(_ROWS[subject.table.name], {"row": entry.row_id})
        row = rows[entry.row_id]
        if row is None:
            raise CannotErase(f"has {seq}, which is about what was deleted; `purge` removes what the record says of it")
        left = _left(entry, subject, row, fields)
        if not left.fields:
            raise CannotErase(
                f"has {seq}, which says nothing of these fields but what is still so; change that first, as the row "
                "would go on to say it"
            )
        found.append(left)
    return found


def erase(recorder: Recorder, case: FoundRow, found: Sequence[Left], reason: str) -> None:
    """Let entries say only what is left, and note that."""
    digests = {str(left.entry.seq): digest_of(left.text).hex() for left in found}
    told = {"seqs": (None, [left.entry.seq for left in found]), "erased": (None, digests)}
    row = {**case._asdict(), "version": None}
    recorder.note(ChangeKind.ERASED, SUBJECTS[table_of(Case).name], row, told, reason=reason)
    recorder.say_instead([(left.entry.id, left.text) for left in found], recorder.size)


def _left(entry: FoundRow, subject: Subject, row: FoundRow, fields: Sequence[str]) -> Left:
    _, label, reason, values = orjson.loads(entry.said)
    gone = []
    for name in (*fields, *(["sealReason"] if "reason" in fields else [])):
        if name not in values:
            continue
        column = next((each for each in subject.columns if each.field == name), None)  # none for `where` of an export
        present = None if column is None else column.json(getattr(row, column.column))
        pair = [value if value in (None, present) else ERASED for value in values[name]]
        if pair != values[name]:
            values[name] = pair
            gone.append(name)
    called = None if subject.label is None else field_name(subject.label)
    if called is not None and called in fields and label is not None and label != subject.called(row._asdict()):
        label = None
        gone.append(called)
    if "reason" in fields and reason is not None and reason != getattr(row, "seal_reason", None):
        reason = None
        gone.append("reason")
    text = orjson.dumps([secrets.token_urlsafe(SALT_BYTES), label, reason, values]).decode()
    return Left(entry, text, tuple(dict.fromkeys(gone)))


_WHY_NOT = "which certifies what was purged or erased"
_ENTRY = Statement(
    select(*(_ENTRIES.c[name] for name in ("id", "seq", "kind", "type", "row_id", "said"))).where(
        _ENTRIES.c.case_id == bindparam("case", type_=Id()), _ENTRIES.c.seq == bindparam("entry")
    )
)
