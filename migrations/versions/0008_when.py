"""Where events are from; file batches found by their case; cases by their last activity."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OFFSET = (
    "substr(utc_offset, 1, 3) IN ('-00', '-01', '-02', '-03', '-04', '-05', '-06', '-07', '-08', '-09', '-10', '-11', "
    "'-12', '+00', '+01', '+02', '+03', '+04', '+05', '+06', '+07', '+08', '+09', '+10', '+11', '+12', '+13', '+14') "
    "AND substr(utc_offset, 4, 1) = ':' AND substr(utc_offset, 5, 1) IN ('0', '1', '2', '3', '4', '5') "
    "AND substr(utc_offset, 6) IN ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9') "
    "AND (substr(utc_offset, 1, 3) NOT IN ('-12', '+14') OR substr(utc_offset, 5) = '00') AND utc_offset <> '-00:00'"
)
_INDEXES = {
    "file_batches_in_case_by_sort_order": ("file_batches", ["case_id", "sort_order", "id"]),
    "file_batches_in_case_by_created_at": ("file_batches", ["case_id", "created_at", "id"]),
    "journals_by_time": ("journals", ["at", "case_id"]),
}


def upgrade() -> None:
    """Add the columns and the indexes."""
    for column in ("source", "time_kind"):
        check = f"CONSTRAINT {column}_length CHECK (length({column}) BETWEEN 0 AND 200)"
        op.execute(f"ALTER TABLE events ADD COLUMN {column} VARCHAR(200) {check}")
    op.execute(f"ALTER TABLE events ADD COLUMN utc_offset VARCHAR(6) CONSTRAINT utc_offset_form CHECK ({_OFFSET})")
    for name, (table, columns) in _INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Take the columns and the indexes away."""
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    for column in ("utc_offset", "time_kind", "source"):
        op.execute(f"ALTER TABLE events DROP COLUMN {column}")
