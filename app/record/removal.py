"""What is deleted, and comes back or is purged.

A deletion takes the row away at once, and with it all that is below it from every reader. What is below goes in slices
when there is more of it, for as long as it takes, so that nobody waits: whoever reads asks whether what is above is
there still. What it all was stays in the record, from which a restore brings it back, the row itself last, so that it
is there whole or not at all. A purge then removes from the record what it says of it, and leaves who made which change
when, the tree whole, and an entry that certifies it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, Final

import orjson
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy import update as update_rows

from app.db import FoundRow, Statement, Transaction
from app.db.models import (
    Base,
    Case,
    CaseMember,
    ChangeKind,
    Checkpoint,
    Comment,
    Deletion,
    DeletionState,
    Event,
    FileBatch,
    FormerMember,
    Hold,
    JournalEntry,
    User,
    table_of,
)
from app.db.sql import elements, value_inside
from app.db.types import Id
from app.errors import JournalBroken
from app.record import files
from app.record.entries import FILE, SUBJECT_OF, SUBJECTS, VALUES, Row, leaf_of
from app.record.journal import Recorder
from app.values import field_name, format_time

AT_ONCE = 100
"""How many rows are removed or brought back in one transaction, which others may wait for."""

_MOMENT = 0.01  # seconds for which deletions are gone on with in one transaction
_ALL = 2**31 - 1  # more than there can be
_ENTRIES_AT_ONCE = 500  # of which what they say is removed in one transaction

_CASES, _EVENTS, _BATCHES, _MEMBERS = (table_of(model) for model in (Case, Event, FileBatch, CaseMember))
_COMMENTS = table_of(Comment)
_DELETIONS, _FORMER, _ENTRIES = table_of(Deletion), table_of(FormerMember), table_of(JournalEntry)
_MEMBER = SUBJECTS[_MEMBERS.name]
_TABLES = {name: subject.table for name, subject in SUBJECT_OF.items()}


def remove(recorder: Recorder, model: type[Base], row: FoundRow) -> None:
    """Delete a row, and all that is below it at once if that is little, or else in slices; see `carry_on`."""
    table, transaction, before = table_of(model), recorder.transaction, recorder.size
    below = _below(transaction, table, row.id, AT_ONCE + 1)
    is_little = len(below) <= AT_ONCE
    if is_little:
        _remove_each(recorder, below)
    if table is _CASES:
        _move_members(recorder, row.id, ChangeKind.DELETED)
    (change,) = recorder.remove(table, [row._asdict()])
    subject = SUBJECTS[table.name]
    state = DeletionState.GONE if is_little else DeletionState.GOING
    deletion = {"row_id": row.id, "case_id": recorder.case_id, "type": subject.name, "change_id": change}
    deletion |= {"event_id": subject.event_of(row._asdict()), "seq": before + 1, "at": recorder.moment}
    recorder.write(_DELETED, {**deletion, "by": recorder.by, "state": state.value})


def remove_each(recorder: Recorder, model: type[Base], rows: Sequence[FoundRow]) -> None:
    """Delete rows, and in slices all that is below them; see `carry_on`."""
    table, subject = table_of(model), SUBJECTS[table_of(model).name]
    ids = {"ids": orjson.dumps([row.id for row in rows]).decode()}
    laden = {row.above for statement in _LADEN[table.name] for row in recorder.transaction.all(statement, ids)}
    before = recorder.size
    changes = recorder.remove(table, [row._asdict() for row in rows])
    told = {"case_id": recorder.case_id, "type": subject.name, "at": recorder.moment, "by": recorder.by}
    recorder.write_each(
        _DELETED,
        [
            {
                **told,
                "row_id": row.id,
                "change_id": change,
                "event_id": subject.event_of(row._asdict()),
                "seq": before + place,
                "state": (DeletionState.GOING if row.id in laden else DeletionState.GONE).value,
            }
            for place, (row, change) in enumerate(zip(rows, changes, strict=True), 1)
        ],
    )


def restore_some(recorder: Recorder, deletion: FoundRow) -> bool:
    """Bring back some of what is below a deleted row; return whether there is more than a restore does at once."""
    found = _gone_below(recorder.transaction, deletion, AT_ONCE + 1)
    if len(found) <= AT_ONCE:
        return False
    _bring_back(recorder, found)
    recorder.write(_MOVE, _moved(deletion, DeletionState.RETURNING, found[-1].seq))
    return True


def restore(recorder: Recorder, deletion: FoundRow) -> None:
    """Bring back a deleted row with what is still missing below it; `restore_some` has done the rest."""
    transaction = recorder.transaction
    # Below first, as it was deleted; whoever reads sees all of it with the row. Of what goes in slices, more may have
    # gone since `restore_some` saw how much there was.
    found = _gone_below(transaction, deletion, _ALL)
    _bring_back(recorder, found)
    row = transaction.all(_ITSELF, {"entry": deletion.change_id})
    table = _TABLES[deletion.type]
    recorder.bring_back(table, [_row_of(table, row[0])])
    if table is _CASES:
        _move_members(recorder, deletion.row_id, ChangeKind.RESTORED)
    recorder.write(_RESTORED, {"row": deletion.row_id})


def can_comment_return(transaction: Transaction, deletion: FoundRow) -> bool:
    """Return whether what a deleted comment was on is there, in a case that is."""
    if deletion.event_id is None:
        return True
    if not transaction.all(_THERE[_EVENTS.name], {"row": deletion.event_id}):
        return False
    (entry,) = transaction.all(_ITSELF, {"entry": deletion.change_id})
    on = _row_of(_COMMENTS, entry)["row_id"]
    return on == deletion.event_id or bool(transaction.all(_THERE[_BATCHES.name], {"row": on}))


def carry_on(recorder: Recorder, deletion: FoundRow) -> bool:
    """Go on with what a deletion has yet to do; return whether there may be more."""
    transaction, table = recorder.transaction, _TABLES[deletion.type]
    recorder.by = deletion.by
    recorder.permit()  # as it was permitted when it began
    if below := _below(transaction, table, deletion.row_id, AT_ONCE):
        _remove_each(recorder, below)
        return True  # by the next time its entries are written, which a purge has to find
    if deletion.state == DeletionState.PURGING.value:
        return _purge_some(recorder, deletion)
    recorder.write(_MOVE, _moved(deletion, DeletionState.GONE, 0))
    return False


def under_way(transaction: Transaction, case_id: str) -> FoundRow | None:
    """Return a deletion in a case that has more to do, or None."""
    return transaction.first(_UNDER_WAY_IN, {"case": case_id})


def carry_on_with(transaction: Transaction, row_id: str) -> bool:
    """Go on with the deletion of a row; return whether it has more to do. Raises JournalBroken."""
    deletion = transaction.first(_DELETION, {"row": row_id})
    if deletion is None:
        return False
    recorder = Recorder(transaction, deletion.by, "")
    recorder.hold(deletion.case_id)
    # It may have been restored, or carried on by another process, before the journal was held.
    deletion = transaction.first(_DELETION, {"row": row_id})
    if deletion is None or deletion.state not in _TO_DO:
        return False
    is_more = carry_on(recorder, deletion)
    recorder.close()
    return is_more


def go_on(transaction: Transaction, after: str) -> str | None:
    """Go on for a moment with deletions under way in one case; return behind which row's to go on, or None at the end.

    One in a case whose journal is broken has to wait, and keeps no other waiting.
    """
    deletion, until = transaction.first(_UNDER_WAY, {"after": after}), perf_counter() + _MOMENT
    if deletion is None:
        return None
    case_id = deletion.case_id
    # Of several cases the journals would be held at once, in any order.
    while deletion is not None and deletion.case_id == case_id:
        try:
            after = after if carry_on_with(transaction, deletion.row_id) else deletion.row_id
        except JournalBroken:
            return str(deletion.row_id)
        if perf_counter() >= until:
            break
        deletion = transaction.first(_UNDER_WAY, {"after": after})
    return after


def next_under_way(transaction: Transaction, after: str) -> str | None:
    """Return which row's is the first deletion under way behind one, or None."""
    deletion = transaction.first(_UNDER_WAY, {"after": after})
    return None if deletion is None else deletion.row_id


# What is below


def _below(transaction: Transaction, table: Table, above: str, most: int) -> list[tuple[Table, Row]]:
    """Return up to so many rows below one, the lowest first."""
    found: list[tuple[Table, Row]] = []
    for below, statement in _BELOW[table.name]:
        rows = transaction.all(statement, {"above": above, "most": most - len(found)})
        found += [(below, row._asdict()) for row in sorted(rows, key=_place)]
        if len(found) == most:
            break
    return found


def _place(row: FoundRow) -> tuple[str, str]:
    return getattr(row, "event_id", None) or row.id, row.id


def _remove_each(recorder: Recorder, below: Sequence[tuple[Table, Row]]) -> None:
    for table, rows in _by_table(below):
        recorder.remove(table, rows, beside=True)


def _by_table(found: Sequence[tuple[Table, Row]]) -> list[tuple[Table, list[Row]]]:
    rows: dict[Table, list[Row]] = {}
    for table, row in found:
        rows.setdefault(table, []).append(row)
    return [*rows.items()]


def _move_members(recorder: Recorder, case_id: str, kind: ChangeKind) -> None:
    """Let the members of a case go with it, or come back with it."""
    source, target = (_MEMBERS, _FORMER) if kind is ChangeKind.DELETED else (_FORMER, _MEMBERS)
    for member in recorder.transaction.all(_MEMBERS_IN[source.name], {"above": case_id}):
        row = member._asdict()
        told = _MEMBER.gone(row) if kind is ChangeKind.DELETED else _MEMBER.made(row)
        recorder.note(kind, _MEMBER, row, told, beside=True)
    recorder.write(_COPY[target.name], {"above": case_id})
    recorder.write(_CLEAR[source.name], {"above": case_id})


# What was there


def _gone_below(transaction: Transaction, deletion: FoundRow, most: int) -> list[FoundRow]:
    """Return the entries by which rows below a deleted one went with it that aren't back yet, so many at the most."""
    statement = _GONE.get(deletion.type)
    if statement is None:
        return []
    after = max(deletion.seq - 1, deletion.position)
    return transaction.all(statement, {"above": deletion.row_id, "after": after, "most": most})


def _bring_back(recorder: Recorder, found: Sequence[FoundRow]) -> None:
    rows = [(_TABLES[entry.type], _row_of(_TABLES[entry.type], entry)) for entry in found]
    for table, of_table in _by_table(rows):
        recorder.bring_back(table, of_table, beside=True)


def _row_of(table: Table, entry: FoundRow) -> dict[str, Any]:
    """Return a row as it was when it was deleted, by the entry of that and by its first one."""
    said = orjson.loads(entry.said)[VALUES]
    values = {name: before for name, (before, _) in said.items()}
    row: dict[str, Any] = {column.name: None for column in table.c if column.nullable}
    row |= {"id": entry.row_id, "version": entry.version} | SUBJECTS[table.name].columns_of(values)
    if "case_id" in table.c:
        row["case_id"] = entry.case_id
    if "event_id" in table.c:
        row["event_id"] = entry.event_id
    row |= {"created_at": entry.first_at, "created_by": entry.first_by}
    if entry.first_kind == ChangeKind.IMPORTED.value:
        imported = orjson.loads(entry.first_said)[VALUES]
        row |= {
            "created_at": datetime.fromisoformat(imported["createdAt"][1]),
            "created_by": imported["createdBy"][1],
        }
    index = SUBJECTS[table.name].index
    return row if index is None else {**row, **index(row)}


def _moved(deletion: FoundRow, state: DeletionState, position: int) -> dict[str, Any]:
    return {"row": deletion.row_id, "state": state.value, "position": position}


# What is purged


def purge(recorder: Recorder, deletion: FoundRow, authority: str, reason: str) -> None:
    """Begin to remove from the record what it says of a deleted row and all that was below it; see `carry_on`."""
    transaction, subject = recorder.transaction, SUBJECT_OF[deletion.type]
    checkpoint = transaction.first(_CHECKPOINT, {})
    comments = _comments_of(transaction, deletion)
    told = {
        "authority": authority,
        "entries": counts(transaction, deletion)["entries"],
        "size": recorder.size,
        "root": recorder.root,
        "checkpoint": None if checkpoint is None else checkpoint.text,
        # Their entries don't say that they were on this batch, and whoever verifies has to know what is gone why.
        "comments": comments or None,
    }
    # It says nothing of what it was called.
    row = {"id": deletion.row_id, "case_id": deletion.case_id, "event_id": deletion.event_id}
    values = {name: (None, value) for name, value in told.items() if value is not None}
    recorder.note(ChangeKind.PURGED, subject, row, values, reason=reason)
    recorder.write(_PURGED, {"row": deletion.row_id, "entry": recorder.size})


def certificate(transaction: Transaction, change: str) -> bytes:
    """Return the JSON of what certifies a purge, by the id of its entry: its leaf, and what it says."""
    entry = transaction.all(_CERTIFIES, {"entry": change})[0]
    _, _, reason, values = orjson.loads(entry.said)
    told = {name: after for name, (_, after) in values.items()}
    leaf = leaf_of(entry._asdict())
    names = ("case_id", "type", "row_id", "by", "seq")
    said = {field_name(name): getattr(entry, name) for name in names} | {"at": format_time(entry.at), "reason": reason}
    return orjson.dumps({**said, **told, "leaf": leaf.decode(), "said": entry.said})


def counts(transaction: Transaction, deletion: FoundRow) -> dict[str, int]:
    """Return how many rows of each type a purge is about, and of how many entries it removes what they say."""
    found = transaction.all(_COUNT[deletion.type], _scope(transaction, deletion))
    rows = {_COUNTED[row.type]: row.rows for row in found if row.type in _COUNTED}
    return {**dict.fromkeys(_COUNTED.values(), 0), **rows, "entries": sum(row.entries for row in found)}


def _scope(transaction: Transaction, deletion: FoundRow) -> dict[str, object]:
    """Return the values of `_SCOPES` for what was deleted."""
    if deletion.type != _BATCH:
        return {"above": deletion.row_id}
    return {"rows": orjson.dumps([deletion.row_id, *_comments_of(transaction, deletion)]).decode()}


def deleted_comments_on(transaction: Transaction, batch: FoundRow) -> int:
    """Return how many comments on a batch were deleted by themselves, and not purged: they can come back."""
    return len(transaction.all(_DELETED_ON, {"event": batch.event_id, "above": batch.id}))


def _comments_of(transaction: Transaction, deletion: FoundRow) -> list[str]:
    """Return the ids of the comments that go for good with a batch: of all on it, also of those deleted before."""
    if deletion.type != _BATCH:
        return []
    if deletion.state == DeletionState.PURGING.value:
        said = transaction.all(_SAYS_WHAT, {"case": deletion.case_id, "entry": deletion.seq})[0].said
        told: list[str] = orjson.loads(said)[VALUES].get("comments", (None, []))[1]
        return told
    given = {"above": deletion.row_id}
    went = transaction.all(_GONE[_BATCH], {**given, "after": deletion.seq - 1, "most": _ALL})
    found = [entry.row_id for entry in went]
    found += [row.id for statement in _ON_BATCH for row in transaction.all(statement, given)]
    return sorted({str(each) for each in found})


def _purge_some(recorder: Recorder, deletion: FoundRow) -> bool:
    transaction, above = recorder.transaction, _scope(recorder.transaction, deletion)
    if deletion.type == _CASE and (other := transaction.first(_OTHERS, above)) is not None:
        # It goes first, what it still leaves is told by entries, too.
        carry_on(recorder, other)
        return True
    found = transaction.all(_SAID[deletion.type], {**above, "after": deletion.position, "most": _ENTRIES_AT_ONCE})
    # The files of a batch go before the entries that tell which batches there were.
    batches = dict.fromkeys(str(entry.row_id) for entry in found if entry.type == _BATCH)
    if some := files.some_in(transaction, batches):
        recorder.remove_unrecorded(FILE, [file._asdict() for file in some])
        return True
    # `seq` of the deletion is by now that of the entry that certifies it.
    recorder.say_instead([(entry.id, None) for entry in found], deletion.seq)
    # A hold goes with the first entry about it, so that the record and the table never contradict each other.
    transaction.run_each(_LIFT, [{"row": entry.row_id} for entry in found if entry.type == _HOLD])
    if len(found) == _ENTRIES_AT_ONCE:
        recorder.write(_MOVE, _moved(deletion, DeletionState.PURGING, found[-1].seq))
        return True
    for statement in _FORGET[deletion.type]:
        recorder.write(statement, above)
    return False


_CASE, _EVENT, _BATCH, _COMMENT = (SUBJECTS[table.name].name for table in (_CASES, _EVENTS, _BATCHES, _COMMENTS))
_HOLD = SUBJECTS[table_of(Hold).name].name
_ABOVE = bindparam("above", type_=Id())
_ROWS = elements(bindparam("rows", type_=Text()), "those")
_MOST: BindParameter[int] = bindparam("most", type_=Integer())
_AFTER: BindParameter[int] = bindparam("after", type_=Integer())


def _of_case(statement: Select[Any]) -> Select[Any]:
    return statement.where(_ENTRIES.c.case_id == _ABOVE)


def _of_event(statement: Select[Any]) -> Select[Any]:
    return statement.where(_ENTRIES.c.event_id == _ABOVE)


def _of_row(statement: Select[Any]) -> Select[Any]:
    return statement.where(_ENTRIES.c.row_id == _ABOVE)


def _of_rows(statement: Select[Any]) -> Select[Any]:
    return statement.where(_ENTRIES.c.row_id.in_(select(_ROWS.c.id)))


_SCOPES = {_CASE: _of_case, _EVENT: _of_event, _BATCH: _of_rows, _COMMENT: _of_row}


def _is_there() -> ColumnElement[bool]:
    """Return the condition that what a comment in a case is on is there: else it goes with that."""
    event = exists(select(_EVENTS.c.id).where(_EVENTS.c.id == _COMMENTS.c.event_id).correlate(_COMMENTS))
    batch = exists(select(_BATCHES.c.id).where(_BATCHES.c.id == _COMMENTS.c.row_id).correlate(_COMMENTS))
    on = _COMMENTS.c.row_id
    return or_(on == _COMMENTS.c.case_id, event & or_(on == _COMMENTS.c.event_id, batch))


_BELOW: Final[dict[str, list[tuple[Table, Statement]]]] = {
    _CASES.name: [
        (_COMMENTS, Statement(select(_COMMENTS).where(_COMMENTS.c.case_id == _ABOVE, _is_there()).limit(_MOST))),
        (
            _BATCHES,
            Statement(
                select(_BATCHES)
                .join(_EVENTS, _BATCHES.c.event_id == _EVENTS.c.id)
                .where(_EVENTS.c.case_id == _ABOVE)
                .limit(_MOST)
            ),
        ),
        (_EVENTS, Statement(select(_EVENTS).where(_EVENTS.c.case_id == _ABOVE).limit(_MOST))),
    ],
    _EVENTS.name: [
        (_COMMENTS, Statement(select(_COMMENTS).where(_COMMENTS.c.event_id == _ABOVE).limit(_MOST))),
        (_BATCHES, Statement(select(_BATCHES).where(_BATCHES.c.event_id == _ABOVE).limit(_MOST))),
    ],
    _BATCHES.name: [(_COMMENTS, Statement(select(_COMMENTS).where(_COMMENTS.c.row_id == _ABOVE).limit(_MOST)))],
    _COMMENTS.name: [],
}
_THOSE = elements(bindparam("ids", type_=Text()), "those")
# Which of some rows have any below them.
_LADEN = {
    _EVENTS.name: [
        Statement(select(below.c.event_id.label("above")).where(below.c.event_id.in_(select(_THOSE.c.id))).distinct())
        for below in (_BATCHES, _COMMENTS)
    ]
}
_THERE = {
    table.name: Statement(select(table.c.id).where(table.c.id == bindparam("row", type_=Id())))
    for table in (_EVENTS, _BATCHES)
}
_MEMBERS_IN = {
    table.name: Statement(
        select(*table.c, table_of(User).c.subject)
        .join_from(table, table_of(User), table.c.user_id == table_of(User).c.id)
        .where(table.c.case_id == _ABOVE)
        .order_by(table.c.user_id)
    )
    for table in (_MEMBERS, _FORMER)
}
_NAMES = _FORMER.c.keys()
_COPY = {
    target.name: Statement(
        insert(target).from_select(
            _NAMES, select(*(source.c[name] for name in _NAMES)).where(source.c.case_id == _ABOVE)
        )
    )
    for source, target in ((_MEMBERS, _FORMER), (_FORMER, _MEMBERS))
}
_CLEAR = {table.name: Statement(delete(table).where(table.c.case_id == _ABOVE)) for table in (_MEMBERS, _FORMER)}


def _found() -> Select[Any]:
    """Return entries by which rows were deleted, each with the first one of its row."""
    first, earliest = _ENTRIES.alias("first"), _ENTRIES.alias("earliest")
    least = select(func.min(earliest.c.seq)).where(earliest.c.row_id == _ENTRIES.c.row_id).correlate(_ENTRIES)
    is_first = (first.c.row_id == _ENTRIES.c.row_id) & (first.c.seq == least.scalar_subquery())
    columns = [_ENTRIES.c[name] for name in ("seq", "case_id", "type", "row_id", "event_id", "version", "said")]
    told = [first.c[name].label(f"first_{name}") for name in ("at", "by", "kind", "said")]
    return select(*columns, *told).join_from(_ENTRIES, first, is_first)


def _went(*types: str) -> Select[Any]:
    kind: ColumnElement[str] = literal_column(f"'{ChangeKind.DELETED.value}'")
    names: list[ColumnElement[str]] = [literal_column(f"'{each}'") for each in types]
    went = _found().where(_ENTRIES.c.kind == kind, _ENTRIES.c.type.in_(names), _ENTRIES.c.seq > _AFTER)
    return went.order_by(_ENTRIES.c.seq).limit(_MOST)


# What goes on to go with an event, or with a batch, that was deleted before what is above it comes back with that.
_BY_ITSELF = exists(select(_DELETIONS.c.row_id).where(_DELETIONS.c.row_id == _ENTRIES.c.event_id).correlate(_ENTRIES))
_WAS_ON = value_inside(_ENTRIES.c.said, Id(), VALUES, "on", 0)  # of a comment that was deleted
_WITH_ITS_BATCH = exists(
    select(_DELETIONS.c.row_id)
    .where(_DELETIONS.c.row_id == _WAS_ON, _DELETIONS.c.type == literal_column(f"'{_BATCH}'"))
    .correlate(_ENTRIES)
)
_EVENT_OF_BATCH = select(_DELETIONS.c.event_id).where(_DELETIONS.c.row_id == _ABOVE).scalar_subquery()
_GONE = {
    _CASE: Statement(_of_case(_went(_EVENT, _BATCH, _COMMENT)).where(~_BY_ITSELF, ~_WITH_ITS_BATCH)),
    _EVENT: Statement(_of_event(_went(_BATCH, _COMMENT)).where(~_WITH_ITS_BATCH)),
    _BATCH: Statement(_went(_COMMENT).where(_ENTRIES.c.event_id == _EVENT_OF_BATCH, _WAS_ON == _ABOVE)),
}


def _deleted_on(event_id: Any) -> Select[Any]:
    deleted = select(_DELETIONS.c.row_id.label("id"))
    deleted = deleted.join_from(_DELETIONS, _ENTRIES, _ENTRIES.c.id == _DELETIONS.c.change_id)
    is_comment = _DELETIONS.c.type == literal_column(f"'{_COMMENT}'")
    return deleted.where(_DELETIONS.c.event_id == event_id, is_comment, _WAS_ON == _ABOVE)


# The comments on a batch that was deleted: those that have yet to go with it, and those that were deleted before.
_ON_BATCH = [
    Statement(select(_COMMENTS.c.id).where(_COMMENTS.c.row_id == _ABOVE)),
    Statement(_deleted_on(_EVENT_OF_BATCH)),
]
_DELETED_ON = Statement(_deleted_on(bindparam("event", type_=Id())))
_SAYS_WHAT = Statement(
    select(_ENTRIES.c.said).where(
        _ENTRIES.c.case_id == bindparam("case", type_=Id()), _ENTRIES.c.seq == bindparam("entry")
    )
)
_ITSELF = Statement(_found().where(_ENTRIES.c.id == bindparam("entry", type_=Id())))
_ROW = _DELETIONS.c.row_id == bindparam("row", type_=Id())
_DELETED, _RESTORED = Statement(insert(_DELETIONS)), Statement(delete(_DELETIONS).where(_ROW))
_MOVE = Statement(update_rows(_DELETIONS).where(_ROW))
_TO_DO = {DeletionState.GOING.value, DeletionState.PURGING.value}
_IS_UNDER_WAY: ColumnElement[bool] = literal_column("state IN ('GOING', 'PURGING')")  # in the words of the index
_DELETION = Statement(select(_DELETIONS).where(_ROW))
_UNDER_WAY_IN = Statement(
    select(_DELETIONS)
    .where(_DELETIONS.c.case_id == bindparam("case", type_=Id()), _IS_UNDER_WAY)
    .limit(literal_column("1"))
)
_UNDER_WAY = Statement(
    select(_DELETIONS)
    .where(_IS_UNDER_WAY, _DELETIONS.c.row_id > bindparam("after", type_=Id()))
    .order_by(_DELETIONS.c.row_id)
    .limit(literal_column("1"))
)
_PURGED = Statement(
    update_rows(_DELETIONS)
    .where(_ROW)
    .values(
        state=literal_column(f"'{DeletionState.PURGING.value}'"), seq=bindparam("entry"), position=literal_column("0")
    )
)
_OTHERS = Statement(
    select(_DELETIONS)
    .where(_DELETIONS.c.case_id == _ABOVE, _DELETIONS.c.row_id != _ABOVE)
    .where(_DELETIONS.c.state == literal_column(f"'{DeletionState.GOING.value}'"))
    .limit(literal_column("1"))
)
_SAYS = (
    _ENTRIES.c.said.is_not(None),
    # What certifies a purge stays.
    _ENTRIES.c.kind != literal_column(f"'{ChangeKind.PURGED.value}'"),
)
_COUNT = {
    type_: Statement(
        scope(
            select(
                _ENTRIES.c.type,
                func.count().label("entries"),
                func.count(_ENTRIES.c.row_id.distinct()).label("rows"),
            ).where(*_SAYS)
        ).group_by(_ENTRIES.c.type)
    )
    for type_, scope in _SCOPES.items()
}
_COUNTED = {_CASE: "cases", _EVENT: "events", _BATCH: "fileBatches", _COMMENT: "comments"}
_SAID = {
    type_: Statement(
        scope(
            select(*(_ENTRIES.c[name] for name in ("id", "seq", "type", "row_id"))).where(
                *_SAYS, _ENTRIES.c.seq > _AFTER
            )
        )
        .order_by(_ENTRIES.c.seq)
        .limit(_MOST)
    )
    for type_, scope in _SCOPES.items()
}
_LIFT = Statement(delete(table_of(Hold)).where(table_of(Hold).c.id == bindparam("row", type_=Id())))
_CERTIFIES = Statement(
    select(*(column for column in _ENTRIES.c if column.name != "nodes")).where(
        _ENTRIES.c.id == bindparam("entry", type_=Id())
    )
)
_CHECKPOINT = Statement(select(table_of(Checkpoint).c.text).order_by(table_of(Checkpoint).c.size.desc()).limit(1))
_FORGET = {
    _CASE: [
        _CLEAR[_FORMER.name],
        Statement(delete(_DELETIONS).where(_DELETIONS.c.case_id == _ABOVE)),
    ],
    _EVENT: [
        # With those of its batches that were deleted before it.
        Statement(delete(_DELETIONS).where(_DELETIONS.c.event_id == _ABOVE)),
    ],
    # With those of comments on it that were deleted before it.
    _BATCH: [Statement(delete(_DELETIONS).where(_DELETIONS.c.row_id.in_(select(_ROWS.c.id))))],
    _COMMENT: [Statement(delete(_DELETIONS).where(_DELETIONS.c.row_id == _ABOVE))],
}
