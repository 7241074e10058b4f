"""Manifests of file batches: the files that they are of."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Folded, Hash, Id, Time

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MANIFEST = ("manifest_sha256", "total_bytes", "finished_at", "finished_by")
_HASHES = "sha1", "md5"


def upgrade() -> None:
    """Let file batches have manifests, and create the table of their files."""
    op.add_column("file_batches", sa.Column("manifest_sha256", sa.String(64)))
    op.add_column("file_batches", sa.Column("total_bytes", sa.BigInteger))
    op.add_column("file_batches", sa.Column("finished_at", Time))
    # In words: Alembic would make SQLite's table anew, for the sake of the reference.
    user = f"{Id().compile(op.get_bind().dialect)} REFERENCES users (id)"
    op.execute(f"ALTER TABLE file_batches ADD COLUMN finished_by {user}")
    op.create_table(
        "files",
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
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("size >= 0", name="size_not_negative"),
    )
    op.create_index("files_by_path", "files", ["batch_id", "path", "raw"], unique=True)
    _index("files_by_raw", ["batch_id", "raw"], "path_bytes IS NOT NULL")
    op.create_index("files_by_sha256", "files", ["sha256", "case_id", "id"])
    for name in _HASHES:
        _index(f"files_by_{name}", [name, "case_id", "id"], f"{name} IS NOT NULL")


def _index(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "files", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Forget all files; what the record says of manifests stays."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "INSERT INTO search_grams (search_grams, rowid, grams) "
            "SELECT 'delete', id, 'FLE' || text || 'Z' FROM search_texts WHERE type = 'FILE'"
        )
    op.execute("DELETE FROM search_texts WHERE type = 'FILE'")
    op.drop_table("files")
    for name in reversed(_MANIFEST):
        op.execute(f"ALTER TABLE file_batches DROP COLUMN {name}")
