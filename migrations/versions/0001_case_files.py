"""Users, cases with their members, events, and file batches."""

import sqlalchemy as sa
from alembic import op

from app.db.types import CurrentTime, Folded, Id, Time

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _recorded() -> list[sa.Column]:
    return [
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", Time, nullable=False, server_default=CurrentTime()),
        sa.Column("created_by", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("updated_at", Time, nullable=False, server_default=CurrentTime()),
        sa.Column("updated_by", Id, sa.ForeignKey("users.id"), nullable=False),
    ]


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "users",
        sa.Column("id", Id, primary_key=True),
        sa.Column("subject", sa.String(255), nullable=False, unique=True),
        sa.Column("name", sa.String(200)),
        sa.Column("email", sa.String(200)),
        sa.Column("created_at", Time, nullable=False, server_default=CurrentTime()),
    )
    counter = op.create_table(
        "case_counter",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_number", sa.Integer, nullable=False),
        sa.CheckConstraint("id = 1", name="one_row"),
    )
    op.bulk_insert(counter, [{"id": 1, "last_number": 0}])
    op.create_table(
        "cases",
        sa.Column("id", Id, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("reference", sa.String(200)),
        sa.Column("status", sa.String(20), nullable=False, server_default="OPEN"),
        sa.Column("title_key", Folded, nullable=False),
        *_recorded(),
        sa.Column("description", sa.Text),
        sa.Column("search", Folded, nullable=False),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name="title_length"),
        sa.CheckConstraint("length(reference) BETWEEN 0 AND 200", name="reference_length"),
        sa.CheckConstraint("length(description) BETWEEN 0 AND 30000", name="description_length"),
        sa.CheckConstraint("status IN ('OPEN', 'ACTIVE', 'CLOSED')", name="status_known"),
    )
    op.create_index("cases_by_created_at", "cases", ["created_at", "id"])
    op.create_index("cases_by_updated_at", "cases", ["updated_at", "id"])
    op.create_index("cases_by_title", "cases", ["title_key", "id"])
    op.create_table(
        "case_members",
        sa.Column("case_id", Id, sa.ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("expires_at", Time),
        sa.CheckConstraint("role IN ('OWNER', 'EDITOR', 'CONTRIBUTOR', 'VIEWER')", name="role_known"),
    )
    op.create_index("case_members_by_user", "case_members", ["user_id", "case_id"])
    op.create_table(
        "events",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, sa.ForeignKey("cases.id", ondelete="CASCADE"), nullable=False),
        sa.Column("type", sa.String(20), nullable=False, server_default="NOTE"),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("occurred_at", Time, nullable=False),
        sa.Column("occurred_until", Time),
        sa.Column("time_precision", sa.String(20), nullable=False, server_default="EXACT"),
        sa.Column("sort_order", sa.Integer, nullable=False, server_default="0"),
        *_recorded(),
        sa.Column("description", sa.Text),
        sa.Column("search", Folded, nullable=False),
        sa.UniqueConstraint("case_id", "id", name="events_in_case"),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name="title_length"),
        sa.CheckConstraint("length(description) BETWEEN 0 AND 30000", name="description_length"),
        sa.CheckConstraint("type IN ('FINDING', 'ACTION', 'NOTE')", name="type_known"),
        sa.CheckConstraint(
            "time_precision IN ('EXACT', 'MINUTE', 'DAY', 'MONTH', 'YEAR')", name="time_precision_known"
        ),
        sa.CheckConstraint("occurred_until >= occurred_at", name="occurred_in_order"),
    )
    op.create_index("events_by_occurred_at", "events", ["case_id", "occurred_at", "sort_order", "id"])
    op.create_index("events_by_created_at", "events", ["case_id", "created_at", "id"])
    op.create_index("events_by_updated_at", "events", ["case_id", "updated_at", "id"])
    op.create_table(
        "file_batches",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("file_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("file_types", sa.String(500)),
        sa.Column("sort_order", sa.Integer, nullable=False, server_default="0"),
        *_recorded(),
        sa.Column("description", sa.Text),
        sa.ForeignKeyConstraint(
            ["case_id", "event_id"],
            ["events.case_id", "events.id"],
            name="file_batches_of_event",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("length(label) BETWEEN 1 AND 200", name="label_length"),
        sa.CheckConstraint("length(file_types) BETWEEN 0 AND 500", name="file_types_length"),
        sa.CheckConstraint("length(description) BETWEEN 0 AND 30000", name="description_length"),
        sa.CheckConstraint("file_count >= 0", name="file_count_not_negative"),
    )
    op.create_index("file_batches_by_sort_order", "file_batches", ["event_id", "sort_order", "id"])
    op.create_index("file_batches_by_created_at", "file_batches", ["event_id", "created_at", "id"])


def downgrade() -> None:
    """Drop the tables."""
    for table in ("file_batches", "events", "case_members", "cases", "case_counter", "users"):
        op.drop_table(table)
