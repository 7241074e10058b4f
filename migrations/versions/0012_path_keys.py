"""Files are sorted and told apart by a key of their path, which an index can hold however long the path is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.db.types import Folded, Hash, Id, Time
from app.evidence.entries import bytes_of

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_AT_ONCE = 5_000  # files that are read and written together
_KEY_BYTES = 1_000  # as in app/record/files.py when this was written


def upgrade() -> None:
    """Give each file the key of its path, in the place of the bytes of what is no UTF-8."""

    def keyed(row: sa.Row[Any]) -> str:
        path = bytes_of(row.path, row.path_bytes)
        begin = path[:_KEY_BYTES].decode("latin-1")
        return begin if len(path) <= _KEY_BYTES else f"{begin}\u0100{sha256(path).hexdigest()}"

    _replace("raw", sa.Column("path_key", Folded, nullable=False), keyed)
    op.create_index("files_by_path", "files", ["batch_id", "path_key"], unique=True)


def downgrade() -> None:
    """Have the bytes of what is no UTF-8 again."""

    def with_bytes(row: sa.Row[Any]) -> bytes:
        return b"" if row.path_bytes is None else bytes_of(row.path, row.path_bytes)

    _replace("path_key", sa.Column("raw", sa.LargeBinary, nullable=False), with_bytes)
    op.create_index("files_by_path", "files", ["batch_id", "path", "raw"], unique=True)
    _index("files_by_raw", ["batch_id", "raw"], "path_bytes IS NOT NULL")


def _replace(old: str, new: sa.Column[Any], made: Callable[[sa.Row[Any]], object]) -> None:
    """Replace the last column by another one, of which `made` returns the value in each row."""
    connection = op.get_bind()
    columns = _columns()
    if connection.dialect.name == "postgresql":
        op.add_column("files", sa.Column(new.name, new.type))
        files = sa.table("files", *(sa.column(column.name, column.type) for column in (*columns, new)))
        fill = sa.update(files).where(files.c.id == sa.bindparam("file")).values({new.name: sa.bindparam("value")})
        for rows in _rows(connection, "files", columns):
            connection.execute(fill, [{"file": row.id, "value": made(row)} for row in rows])
        op.alter_column("files", new.name, nullable=False)
        op.drop_column("files", old)
        return
    # SQLite adds no column that is never null and has no default, but to a table that is made anew.
    op.rename_table("files", "files_before")
    files = op.create_table("files", *columns, new, sa.CheckConstraint("size >= 0", name="size_not_negative"))
    for rows in _rows(connection, "files_before", columns):
        connection.execute(sa.insert(files), [{**row._asdict(), new.name: made(row)} for row in rows])
    op.drop_table("files_before")
    op.create_index("files_by_sha256", "files", ["sha256", "case_id", "id"])
    for name in ("sha1", "md5"):
        _index(f"files_by_{name}", [name, "case_id", "id"], f"{name} IS NOT NULL")


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("batch_id", Id, nullable=False),
        sa.Column("path", Folded, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified_at", Time),
        sa.Column("sha256", Hash, nullable=False),
        sa.Column("sha1", Hash),
        sa.Column("md5", Hash),
        sa.Column("path_bytes", sa.Text),
    ]


def _rows(connection: sa.Connection, name: str, columns: list[sa.Column[Any]]) -> Iterator[Sequence[sa.Row[Any]]]:
    table = sa.table(name, *(sa.column(column.name, column.type) for column in columns))
    statement, after = sa.select(table).order_by(table.c.id).limit(_AT_ONCE), None
    while rows := connection.execute(statement if after is None else statement.where(table.c.id > after)).all():
        yield rows
        after = rows[-1].id


def _index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "files", columns, sqlite_where=where, postgresql_where=where)
