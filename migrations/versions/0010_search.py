"""What is searched in a table of its own, with an index over it."""

import sys
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from operator import itemgetter
from time import monotonic
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.grams import whole
from app.db.types import Folded, Grams, Id
from app.values import fold

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000  # rows that are read, and texts that are written
_SECONDS_BETWEEN_LINES = 5
# Of each table what the record calls its rows, where they are, and what of them is searched.
_SEARCHED = {
    "cases": ("CASE", (), ("title", "description", "reference")),
    "events": ("EVENT", ("case_id",), ("title", "description", "source", "time_kind")),
    "file_batches": ("FILE_BATCH", ("case_id", "event_id"), ("label", "description", "file_types")),
    "comments": ("COMMENT", ("case_id", "event_id"), ("text",)),
}
_SQLITE = (
    "CREATE VIRTUAL TABLE search_grams USING fts5(grams, tokenize = 'trigram case_sensitive 1', content = '', "
    "detail = none, columnsize = 0)",
    "CREATE VIRTUAL TABLE search_terms USING fts5vocab(search_grams, 'row')",
    "CREATE VIRTUAL TABLE search_instances USING fts5vocab(search_grams, 'instance')",
)


def upgrade() -> None:
    """Move what is searched, and fill the index."""
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    texts = op.create_table(
        "search_texts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("row_id", Id, nullable=False),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("event_id", Id),
        sa.Column("grams", Grams),
        sa.Column("text", Folded, nullable=False),
        sa.UniqueConstraint("row_id", name="search_texts_of_row"),
    )
    for statement in _SQLITE if is_sqlite else ():
        op.execute(statement)
    op.add_column("cases", sa.Column("reference_key", Folded))
    _fill(connection, texts)
    if is_sqlite:
        op.execute(
            "INSERT INTO search_grams (rowid, grams) "
            "SELECT id, substr(type, 1, 1) || substr(type, -2) || text || 'Z' FROM search_texts"
        )
    op.create_index("search_texts_by_case", "search_texts", ["case_id", "id"])
    op.create_index("cases_by_reference", "cases", ["reference_key"])
    if not is_sqlite:
        op.create_index("search_texts_by_type", "search_texts", ["type", "id"])
        op.create_index("search_texts_by_grams", "search_texts", ["grams"], postgresql_using="gin")
    for table in ("cases", "events"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN search")
    # With all that tells of how many cases a user is a member.
    op.drop_index("case_members_by_user", "case_members")
    op.create_index("case_members_by_user", "case_members", ["user_id", "expires_at", "case_id"])


def _fill(connection: sa.Connection, texts: sa.Table) -> None:
    counts = (sa.select(sa.func.count()).select_from(sa.table(table)) for table in _SEARCHED)
    count = sum(connection.execute(counted).scalar_one() for counted in counts)
    # In the order of their ids, which is that in which they were made: so those come first that were made last.
    found = merge(*(_texts(connection, table) for table in _SEARCHED), key=itemgetter("row_id"))
    done, told = 0, monotonic()
    while some := [*islice(found, _AT_ONCE)]:
        connection.execute(sa.insert(texts), some)
        done += len(some)
        if monotonic() - told >= _SECONDS_BETWEEN_LINES:
            told = monotonic()
            print(f"{done:,} of {count:,} texts are in the index", file=sys.stderr)  # noqa: T201
    _fill_keys(connection)


def _texts(connection: sa.Connection, table: str) -> Iterator[dict[str, Any]]:
    type_, places, names = _SEARCHED[table]
    columns = [sa.Column(name, Id) for name in ("id", *places)] + [sa.Column(name, sa.Text) for name in names]
    found = sa.Table(table, sa.MetaData(), *columns)
    statement, last = sa.select(found).order_by(found.c.id).limit(_AT_ONCE), None
    while rows := connection.execute(statement if last is None else statement.where(found.c.id > last)).all():
        for row in rows:
            text = fold(*(getattr(row, name) for name in names))
            case_id, event_id = getattr(row, "case_id", row.id), getattr(row, "event_id", None)
            where = {"case_id": case_id, "event_id": row.id if table == "events" else event_id}
            yield {"type": type_, "row_id": row.id, **where, "text": text, "grams": whole(type_, text)}
        last = rows[-1].id


def _fill_keys(connection: sa.Connection) -> None:
    cases = sa.Table("cases", sa.MetaData(), *(sa.Column(name, kind) for name, kind in _KEYS.items()))
    write = sa.update(cases).where(cases.c.id == sa.bindparam("case")).values(reference_key=sa.bindparam("key"))
    statement, last = sa.select(cases).order_by(cases.c.id).limit(_AT_ONCE), None
    while rows := connection.execute(statement if last is None else statement.where(cases.c.id > last)).all():
        keys = [{"case": row.id, "key": fold(row.reference)} for row in rows if row.reference is not None]
        if keys:
            connection.execute(write, keys)
        last = rows[-1].id


_KEYS = {"id": Id, "reference": sa.Text, "reference_key": Folded}


_TEXTS = sa.table("search_texts", sa.column("row_id"), sa.column("text"))


def downgrade() -> None:
    """Move what is searched of cases and events back."""
    connection = op.get_bind()
    op.drop_index("case_members_by_user", "case_members")
    op.create_index("case_members_by_user", "case_members", ["user_id", "case_id"])
    for table in ("cases", "events"):
        op.add_column(table, sa.Column("search", Folded, nullable=False, server_default=""))
        rows = sa.table(table, sa.column("id"), sa.column("search"))
        text = sa.select(_TEXTS.c.text).where(_TEXTS.c.row_id == rows.c.id).scalar_subquery()
        op.execute(sa.update(rows).values(search=text))
        if connection.dialect.name == "postgresql":
            op.alter_column(table, "search", server_default=None)
    if connection.dialect.name == "sqlite":
        op.execute("DROP TABLE search_instances")
        op.execute("DROP TABLE search_terms")
        op.execute("DROP TABLE search_grams")
    op.drop_table("search_texts")
    op.drop_index("cases_by_reference", "cases")
    op.execute("ALTER TABLE cases DROP COLUMN reference_key")
