"""The record: a journal for each case, which begins with what is there already."""

import sys
from collections.abc import Iterator
from time import monotonic
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.types import Id, Time
from app.record.entries import Row, Values, digest_of, leaf_of, said
from app.record.trees import extended, leaf_hash, root
from app.values import field_name, format_time, new_id, now

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000  # rows that are read, and entries that are written
_SECONDS_BETWEEN_LINES = 5
_REASON = "before the record"
_AUTHORS = "created_at", "created_by", "updated_at", "updated_by"
# What is recorded of each table as it is at this revision, by what entries call its rows.
_FIELDS = {
    "CASE": ("number", "title", "reference", "status", "description"),
    "MEMBER": ("role", "expires_at", "given_by"),
    "EVENT": ("type", "title", "occurred_at", "occurred_until", "time_precision", "sort_order", "description"),
    "FILE_BATCH": ("label", "file_count", "file_types", "sort_order", "description"),
}


def upgrade() -> None:
    """Create the journals, and write down what there is: an entry for each row."""
    journals = op.create_table(
        "journals",
        sa.Column("case_id", Id, primary_key=True),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
    )
    entries = op.create_table(
        "journal_entries",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("by", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("row_id", Id, nullable=False),
        sa.Column("event_id", Id),
        sa.Column("version", sa.Integer),
        sa.Column("request_id", sa.String(64)),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("nodes", sa.LargeBinary, nullable=False),
        sa.Column("said", sa.Text),
        sa.UniqueConstraint("case_id", "seq", name="journal_entries_in_order"),
    )
    op.create_index("journal_entries_by_row", "journal_entries", ["row_id", "seq"])
    on_event = sa.text("event_id IS NOT NULL")
    op.create_index(
        "journal_entries_by_event",
        "journal_entries",
        ["event_id", "seq"],
        sqlite_where=on_event,
        postgresql_where=on_event,
    )
    op.create_table(
        "requests",
        sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("at", Time, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("case_id", Id),
        sa.Column("change_id", Id),
    )
    op.create_index("requests_by_user", "requests", ["user_id", "at"])
    record(op.get_bind(), journals, entries)


def downgrade() -> None:
    """Take the record away."""
    op.drop_table("requests")
    op.drop_table("journal_entries")
    op.drop_table("journals")


def record(connection: sa.Connection, journals: sa.Table, entries: sa.Table) -> None:
    """Begin the journals of all cases that have none, which is all of them."""
    tables = _tables()
    total = sum(
        connection.execute(sa.select(sa.func.count()).select_from(tables[name])).scalar_one()
        for name in ("cases", "case_members", "events", "file_batches")
    )
    written, told_at = 0, monotonic()
    for case in _each(connection, tables["cases"]):
        case_id, size, frontier, moment = case["id"], 0, b"", now()
        made: list[dict[str, Any]] = []
        for type_, row in _rows_of(connection, tables, case):
            # Who wrote with a clock that was ahead did so before this.
            moment = max(moment, row.get("updated_at", moment))
            entry = _entry(type_, row, case) | {"case_id": case_id, "seq": size + 1, "at": moment}
            frontier, entry["nodes"] = extended(size, frontier, leaf_hash(leaf_of(entry)))
            size += 1
            made.append(entry)
            if len(made) == _AT_ONCE:
                connection.execute(sa.insert(entries), made)
                written, made = written + len(made), []
                if monotonic() - told_at > _SECONDS_BETWEEN_LINES:
                    told_at = monotonic()
                    print(f"recorded {written:,} of {total:,} rows that are there", file=sys.stderr)  # noqa: T201
        connection.execute(sa.insert(entries), made) if made else None
        written += len(made)
        head = {"case_id": case_id, "size": size, "at": moment, "frontier": frontier, "root": root(frontier).hex()}
        connection.execute(sa.insert(journals), head)


def _rows_of(connection: sa.Connection, tables: dict[str, sa.Table], case: Row) -> Iterator[tuple[str, Row]]:
    """Iterate over the rows of a case, each behind that which it is in, by what entries call them."""
    yield "CASE", case
    members, users, events, batches = (tables[name] for name in ("case_members", "users", "events", "file_batches"))
    named = sa.select(members, users.c.subject).join_from(members, users, members.c.user_id == users.c.id)
    for member in connection.execute(named.where(members.c.case_id == case["id"])).mappings().all():
        yield "MEMBER", member
    for event in _each(connection, events, events.c.case_id == case["id"]):
        yield "EVENT", event
        for batch in _each(connection, batches, batches.c.event_id == event["id"]):
            yield "FILE_BATCH", batch


def _each(connection: sa.Connection, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> Iterator[Row]:
    """Iterate over rows in the order of their ids, of which only some are held at a time."""
    after = "00000000-0000-0000-0000-000000000000"
    while True:
        some = sa.select(table).where(*conditions, table.c.id > after).order_by(table.c.id).limit(_AT_ONCE)
        rows = connection.execute(some).mappings().all()
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1]["id"]


def _entry(type_: str, row: Row, case: Row) -> dict[str, Any]:
    values: Values = {}
    for column in (*_FIELDS[type_], *(name for name in _AUTHORS if name in row)):
        value = row[column]
        if column == "given_by":
            values["accepted"] = None, value is None
        elif value is not None:
            values[field_name(column)] = None, format_time(value) if column.endswith(("_at", "_until")) else value
    label = row["subject"] if type_ == "MEMBER" else row["label"] if type_ == "FILE_BATCH" else row["title"]
    text = said(label, _REASON, values)
    return {
        "id": new_id(),
        "by": (row["given_by"] or case["created_by"]) if type_ == "MEMBER" else row["updated_by"],
        "kind": "IMPORTED",
        "type": type_,
        "row_id": row["user_id"] if type_ == "MEMBER" else row["id"],
        "event_id": row["id"] if type_ == "EVENT" else row.get("event_id"),
        "version": row.get("version"),
        "request_id": None,
        "digest": digest_of(text),
        "said": text,
    }


def _tables() -> dict[str, sa.Table]:
    """Return the tables as they are at this revision, as far as they are recorded."""
    kinds: dict[str, Any] = dict.fromkeys(("id", "case_id", "event_id", "user_id", "given_by"), Id)
    kinds |= {name: Id if name.endswith("_by") else Time for name in _AUTHORS}
    kinds |= dict.fromkeys(("occurred_at", "occurred_until", "expires_at"), Time)
    kinds |= dict.fromkeys(("number", "sort_order", "file_count", "version"), sa.Integer)
    columns = {
        "users": ("id", "subject"),
        "cases": ("id", *_FIELDS["CASE"], *_AUTHORS, "version"),
        "case_members": ("case_id", "user_id", *_FIELDS["MEMBER"]),
        "events": ("id", "case_id", *_FIELDS["EVENT"], *_AUTHORS, "version"),
        "file_batches": ("id", "case_id", "event_id", *_FIELDS["FILE_BATCH"], *_AUTHORS, "version"),
    }
    metadata = sa.MetaData()
    return {
        table: sa.Table(table, metadata, *(sa.Column(name, kinds.get(name, sa.Text)) for name in names))
        for table, names in columns.items()
    }
