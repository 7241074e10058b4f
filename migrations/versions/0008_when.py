"""Where events are from; file batches found by their texts and by their case; cases by their last activity."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from app.db.types import Folded, Id
from app.values import fold

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000
_LEAST = "00000000-0000-0000-0000-000000000000"
_OFFSET = (
    "substr(utc_offset, 1, 3) IN ('-00', '-01', '-02', '-03', '-04', '-05', '-06', '-07', '-08', '-09', '-10', '-11', "
    "'-12', '+00', '+01', '+02', '+03', '+04', '+05', '+06', '+07', '+08', '+09', '+10', '+11', '+12', '+13', '+14') "
    "AND substr(utc_offset, 4, 1) = ':' AND substr(utc_offset, 5, 1) IN ('0', '1', '2', '3', '4', '5') "
    "AND substr(utc_offset, 6) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9') "
    "AND (substr(utc_offset, 1, 3) NOT IN ('-12', '+14') OR substr(utc_offset, 5) = '00') AND utc_offset <> '-00:00'"
)
_INDEXES = {
    "file_batches_by_updated_at": ("file_batches", ["event_id", "updated_at", "id"]),
    "file_batches_in_case_by_sort_order": ("file_batches", ["case_id", "sort_order", "id"]),
    "file_batches_in_case_by_created_at": ("file_batches", ["case_id", "created_at", "id"]),
    "file_batches_in_case_by_updated_at": ("file_batches", ["case_id", "updated_at", "id"]),
    "journals_by_time": ("journals", ["at", "case_id"]),
}


def upgrade() -> None:
    """Add the columns and the indexes, and fold the texts of the file batches that are there."""
    for column in ("source", "time_kind"):
        check = f"CONSTRAINT {column}_length CHECK (length({column}) BETWEEN 0 AND 200)"
        op.execute(f"ALTER TABLE events ADD COLUMN {column} VARCHAR(200) {check}")
    op.execute(f"ALTER TABLE events ADD COLUMN utc_offset VARCHAR(6) CONSTRAINT utc_offset_form CHECK ({_OFFSET})")
    op.add_column("file_batches", sa.Column("search", Folded, nullable=False, server_default=""))
    connection = op.get_bind()
    # Before the indexes are there, so that none of them is written for it.
    kept = sa.Table("file_batches", sa.MetaData(), sa.Column("id", Id), sa.Column("search", Folded))
    fill = sa.update(kept).where(kept.c.id == sa.bindparam("batch")).values(search=sa.bindparam("folded"))
    for rows in _slices(connection):
        folded = [{"batch": row.id, "folded": fold(row.label, row.description, row.file_types)} for row in rows]
        connection.execute(fill, folded)
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)
    if connection.dialect.name == "postgresql":
        op.execute("ANALYZE file_batches")  # or it would plan by what the new column held before


def _slices(connection: sa.Connection) -> Iterator[list[sa.Row]]:
    """Iterate over all file batches, of which only some are held at a time."""
    texts = [sa.Column(name, sa.Text) for name in ("label", "description", "file_types")]
    batches = sa.Table("file_batches", sa.MetaData(), sa.Column("id", Id), *texts)
    after = _LEAST
    while True:
        some = sa.select(batches).where(batches.c.id > after).order_by(batches.c.id).limit(_AT_ONCE)
        rows = list(connection.execute(some))
        if rows:
            yield rows
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].id


def downgrade() -> None:
    """Take the columns and the indexes away."""
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    op.execute("ALTER TABLE file_batches DROP COLUMN search")
    for column in ("utc_offset", "time_kind", "source"):
        op.execute(f"ALTER TABLE events DROP COLUMN {column}")
