"""Tags and comments."""

import sqlalchemy as sa
from alembic import op

from app.db.types import CurrentTime, Folded, Id, Time

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TAGGED = ("cases", "events", "file_batches")


def upgrade() -> None:
    """Let rows have tags, and create the tables."""
    for table in _TAGGED:
        op.add_column(table, sa.Column("tags", sa.Text))
    op.create_table(
        "tags",
        sa.Column("row_id", Id, primary_key=True),
        sa.Column("key", Folded, primary_key=True),
        sa.Column("tag", sa.String(50).with_variant(sa.String(50, collation="C"), "postgresql"), nullable=False),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("event_id", Id),
        sa.CheckConstraint("length(tag) BETWEEN 1 AND 50", name="tag_length"),
    )
    op.create_index("tags_in_case", "tags", ["case_id", "key", "row_id"])
    of_cases, on_event = sa.text("row_id = case_id"), sa.text("event_id IS NOT NULL")
    op.create_index("tags_of_cases", "tags", ["key", "row_id"], sqlite_where=of_cases, postgresql_where=of_cases)
    op.create_index(
        "tags_on_event", "tags", ["event_id", "key", "row_id"], sqlite_where=on_event, postgresql_where=on_event
    )
    op.create_table(
        "comments",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("event_id", Id),
        sa.Column("row_id", Id, nullable=False),
        sa.Column("edited_at", Time),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Time, nullable=False, server_default=CurrentTime()),
        sa.Column("created_by", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("updated_at", Time, nullable=False, server_default=CurrentTime()),
        sa.Column("updated_by", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.CheckConstraint("length(text) BETWEEN 1 AND 30000", name="text_length"),
    )
    op.create_index("comments_by_created_at", "comments", ["row_id", "created_at", "id"])
    op.create_index("comments_in_case", "comments", ["case_id"])
    op.create_index("comments_on_event", "comments", ["event_id"], sqlite_where=on_event, postgresql_where=on_event)


def downgrade() -> None:
    """Forget comments and tags; what the record says of them stays."""
    op.drop_table("comments")
    op.drop_table("tags")
    for table in _TAGGED:
        op.execute(f"ALTER TABLE {table} DROP COLUMN tags")
