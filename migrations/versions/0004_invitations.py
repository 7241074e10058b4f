"""Memberships that someone else gave, and that were not taken up yet; texts with a separator of their own."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Folded, Id
from app.values import fold

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
    _fold_again("cases", "title", "description", "reference")
    _fold_again("events", "title", "description")


def _fold_again(name: str, *texts: str) -> None:
    """Fold the texts that hold U+001F, which was not told apart from what stands between two texts."""
    keys = ["search", "title_key"] if name == "cases" else ["search"]
    columns = [
        sa.Column("id", Id),
        *(sa.Column(text, sa.Text) for text in texts),
        *(sa.Column(k, Folded) for k in keys),
    ]
    table = sa.Table(name, sa.MetaData(), *columns)
    connection = op.get_bind()
    held = sa.or_(*(table.c[text].contains("\x1f") for text in texts))
    for row in connection.execute(sa.select(table).where(held)).all():
        folded = {"search": fold(*(getattr(row, text) for text in texts)), "title_key": fold(row.title)}
        connection.execute(sa.update(table).where(table.c.id == row.id).values({key: folded[key] for key in keys}))


def downgrade() -> None:
    """Let every membership count as taken up."""
    op.drop_index("case_members_by_giver", "case_members")
    op.execute("ALTER TABLE case_members DROP COLUMN given_by")
