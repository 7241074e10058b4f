"""The installation's log and its checkpoints; requests that are forgotten by their time."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Id, Time

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the log, which knows no case yet."""
    op.add_column("journals", sa.Column("is_logged", sa.Boolean, nullable=False, server_default=sa.false()))
    not_logged = sa.text("NOT is_logged")
    op.create_index("journals_to_log", "journals", ["case_id"], sqlite_where=not_logged, postgresql_where=not_logged)
    head = op.create_table(
        "log_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("incarnation", sa.String(16), nullable=False, server_default=""),
        sa.Column("place", sa.Text, nullable=False, server_default=""),
        sa.Column("size", sa.Integer, nullable=False, server_default="0"),
        sa.Column("frontier", sa.LargeBinary, nullable=False),
        sa.Column("key", sa.Text),
        sa.CheckConstraint("id = 1", name="one_log"),
    )
    op.bulk_insert(head, [{"id": 1, "frontier": b""}])
    op.create_table(
        "log_entries",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("leaf", sa.Text, nullable=False),
        sa.Column("nodes", sa.LargeBinary, nullable=False),
        sa.Column("case_id", Id),
        sa.Column("salt", sa.String(22)),
        sa.Column("first", sa.Integer),
        sa.Column("last", sa.Integer),
    )
    of_case = sa.text("case_id IS NOT NULL")
    op.create_index(
        "log_entries_by_case", "log_entries", ["case_id", "last"], sqlite_where=of_case, postgresql_where=of_case
    )
    op.create_table(
        "log_members",
        sa.Column("user_id", Id, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("ends_at", Time),
        sa.CheckConstraint("kind IN ('JOINED', 'LEFT')", name="kind_known"),
    )
    op.create_index("log_members_by_case", "log_members", ["user_id", "case_id", "seq"])
    ends = sa.text("ends_at IS NOT NULL")
    op.create_index(
        "log_members_by_end",
        "log_members",
        ["user_id", "ends_at", "case_id"],
        sqlite_where=ends,
        postgresql_where=ends,
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("is_kept", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.drop_index("requests_by_user", "requests")
    op.create_index("requests_by_time", "requests", ["at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ANALYZE")  # or it would plan as if the record that was just begun were empty


def downgrade() -> None:
    """Take the log away."""
    op.drop_index("requests_by_time", "requests")
    op.create_index("requests_by_user", "requests", ["user_id", "at"])
    for table in ("checkpoints", "log_members", "log_entries", "log_head"):
        op.drop_table(table)
    op.drop_index("journals_to_log", "journals")
    op.drop_column("journals", "is_logged")
