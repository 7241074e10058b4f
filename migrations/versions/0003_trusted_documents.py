"""Trusted documents: what clients may ask for by an id."""

import sqlalchemy as sa
from alembic import op

from app.db.types import CurrentTime, Time

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the register."""
    op.create_table(
        "trusted_documents",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("added_at", Time, nullable=False, server_default=CurrentTime()),
        sa.Column("text", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop the register with what is in it."""
    op.drop_table("trusted_documents")
