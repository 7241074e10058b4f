"""Memberships that someone else gave, and that were not taken up yet."""

from alembic import op

from app.db.types import Id

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tell who gave a membership until it is taken up; all that there are until now count as taken up."""
    kind = Id().compile(op.get_bind().dialect)
    # In words: Alembic would make SQLite's table anew, for the sake of the reference.
    op.execute(f"ALTER TABLE case_members ADD COLUMN given_by {kind} REFERENCES users (id)")
    op.create_index("case_members_by_giver", "case_members", ["given_by", "user_id"])


def downgrade() -> None:
    """Let every membership count as taken up."""
    op.drop_index("case_members_by_giver", "case_members")
    op.execute("ALTER TABLE case_members DROP COLUMN given_by")
