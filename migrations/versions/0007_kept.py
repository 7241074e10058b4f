"""What is kept: seals, holds, retention, and what was deleted until it is purged."""

import sqlalchemy as sa
from alembic import op

from app.db.types import Id, Time

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# As SQLite keeps them in its schema.
_REFERENCES = {
    "events": "FOREIGN KEY(case_id) REFERENCES cases (id) ON DELETE CASCADE, ",
    "file_batches": (
        "CONSTRAINT file_batches_of_event FOREIGN KEY(case_id, event_id) REFERENCES events (case_id, id) "
        "ON DELETE CASCADE, "
    ),
}
_NAMES = {"events": "events_case_id_fkey", "file_batches": "file_batches_of_event"}


def upgrade() -> None:
    """Create the tables, and take the references away by which the database deleted what is below a row."""
    user = f"{Id().compile(op.get_bind().dialect)} REFERENCES users (id)"
    op.add_column("cases", sa.Column("retain_until", Time))
    op.add_column("cases", sa.Column("sealed_at", Time))
    # In words: Alembic would make SQLite's table anew, for the sake of the reference.
    op.execute(f"ALTER TABLE cases ADD COLUMN sealed_by {user}")
    op.add_column("cases", sa.Column("seal_reason", sa.String(1_000)))
    op.add_column("cases", sa.Column("seal_root", sa.String(64)))
    op.add_column("journal_entries", sa.Column("erased_by", sa.Integer))
    _drop_references()
    op.create_table(
        "holds",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(1_000), nullable=False),
        sa.Column("reference", sa.String(200)),
        sa.Column("authority", sa.String(20), nullable=False),
        sa.Column("placed_at", Time, nullable=False),
        sa.Column("placed_by", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("released_at", Time),
        sa.Column("released_by", Id, sa.ForeignKey("users.id")),
        sa.Column("release_reason", sa.String(1_000)),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
        sa.CheckConstraint("length(reason) BETWEEN 1 AND 1000", name="reason_length"),
        sa.CheckConstraint("length(reference) BETWEEN 0 AND 200", name="reference_length"),
        sa.CheckConstraint("length(release_reason) BETWEEN 1 AND 1000", name="release_reason_length"),
        sa.CheckConstraint("authority IN ('OWNER', 'ADMIN')", name="authority_known"),
    )
    op.create_index("holds_by_case", "holds", ["case_id", "placed_at", "id"])
    op.create_table(
        "deletions",
        sa.Column("row_id", Id, primary_key=True),
        sa.Column("case_id", Id, nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("event_id", Id),
        sa.Column("change_id", Id, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("at", Time, nullable=False),
        sa.Column("by", Id, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, server_default="0"),
        sa.CheckConstraint("state IN ('GOING', 'GONE', 'RETURNING', 'PURGING')", name="state_known"),
    )
    op.create_index("deletions_by_case", "deletions", ["case_id", "seq"])
    under_way = sa.text("state IN ('GOING', 'PURGING')")
    op.create_index("deletions_under_way", "deletions", ["state"], sqlite_where=under_way, postgresql_where=under_way)
    op.create_table(
        "former_members",
        sa.Column("case_id", Id, primary_key=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("expires_at", Time),
        sa.Column("given_by", Id, sa.ForeignKey("users.id")),
    )
    op.create_index("former_members_by_user", "former_members", ["user_id", "case_id"])


def _drop_references() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for table, name in _NAMES.items():
            op.drop_constraint(name, table, type_="foreignkey")
        return
    _edit_schema(connection, {table: (text, "") for table, text in _REFERENCES.items()})


def _edit_schema(connection: sa.Connection, edits: dict[str, tuple[str, str]]) -> None:
    """Write other definitions of tables, which have as many bytes on the disk as before.

    It is the way that SQLite's manual has for constraints that go, in "Making Other Kinds Of Table Schema Changes".
    """
    (version,) = connection.exec_driver_sql("PRAGMA schema_version").one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, (old, new) in edits.items():
        find = sa.text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :table")
        (found,) = connection.execute(find, {"table": table}).one()
        lines = " ".join(found.split())
        if old not in lines:
            raise RuntimeError(f"the table {table} has another definition than Dossier gave it")
        write = sa.text("UPDATE sqlite_schema SET sql = :text WHERE type = 'table' AND name = :table")
        connection.execute(write, {"text": lines.replace(old, new), "table": table})
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


def downgrade() -> None:
    """Forget holds, seals and what was deleted; and let the database delete what is below a row again."""
    op.drop_table("former_members")
    op.drop_table("deletions")
    op.drop_table("holds")
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.create_foreign_key(_NAMES["events"], "events", "cases", ["case_id"], ["id"], ondelete="CASCADE")
        op.create_foreign_key(
            _NAMES["file_batches"],
            "file_batches",
            "events",
            ["case_id", "event_id"],
            ["case_id", "id"],
            ondelete="CASCADE",
        )
    else:
        before = {"events": "FOREIGN KEY(created_by)", "file_batches": "CONSTRAINT label_length"}
        _edit_schema(connection, {table: (text, _REFERENCES[table] + text) for table, text in before.items()})
    op.drop_column("journal_entries", "erased_by")
    for column in ("seal_root", "seal_reason", "sealed_by", "sealed_at", "retain_until"):
        op.execute(f"ALTER TABLE cases DROP COLUMN {column}")
