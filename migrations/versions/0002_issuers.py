"""Users of several issuers, and when the token was issued that said a user's name and email."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Time

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What PostgreSQL called the constraint that 0001 gave no name, and what SQLite's is called while it is replaced.
_NAMES = {"uq": "%(table_name)s_%(column_0_name)s_key"}


def upgrade() -> None:
    """Tell users apart by issuer and subject; all until now came with tokens that the shared secret signed."""
    with op.batch_alter_table("users", naming_convention=_NAMES) as users:
        users.add_column(sa.Column("issuer", sa.String(255), nullable=False, server_default=""))
        users.add_column(sa.Column("profile_at", Time))
        users.drop_constraint("users_subject_key", type_="unique")
        users.create_unique_constraint("users_by_subject", ["issuer", "subject"])


def downgrade() -> None:
    """Tell users apart by their subject; fails when two of them have the same."""
    with op.batch_alter_table("users", naming_convention=_NAMES) as users:
        users.drop_constraint("users_by_subject", type_="unique")
        users.create_unique_constraint("users_subject_key", ["subject"])
        users.drop_column("profile_at")
        users.drop_column("issuer")
