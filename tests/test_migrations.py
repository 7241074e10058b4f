"""Migrations: up, down, and what they leave compared with the models."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import (
    CheckConstraint,
    Column,
    DefaultClause,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TableClause,
    column,
    insert,
    inspect,
)
from sqlalchemy import text as sql_text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from app.db import migrations, open_database, postgresql, sqlite_writer
from app.db.models import Base
from app.db.types import Id
from app.errors import DossierError
from app.settings import Settings, from_environment
from tests.commands import dossier
from tests.conftest import KINDS
from tests.server import SECRET

pytestmark = pytest.mark.long

TABLES = {
    "files",
    *("deletions", "former_members", "holds", "tags", "comments"),
    *("users", "case_counter", "cases", "case_members", "events", "file_batches", "trusted_documents"),
    "search_texts",
    *("journals", "log_head", "log_entries", "log_members", "checkpoints", "journal_entries", "requests"),
}

# What SQLite has of the index over what is searched, which no model says.
OF_POSTGRESQL = {"search_texts_by_grams", "search_texts_by_type"}
OF_INDEX = {
    "search_grams",
    "search_grams_config",
    "search_grams_data",
    "search_grams_idx",
    "search_terms",
    "search_instances",
}


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Settings:
    address = new_database(request.param)
    return from_environment({"DOSSIER_DATABASE_URL": address, "DOSSIER_JWT_SECRET": SECRET})


def ask(settings: Settings, question: Callable[[Connection], Any]) -> Any:
    if settings.embedded:
        engine = sqlite_writer.writing_engine(settings.database_file)
        with engine.begin() as connection:
            answer = question(connection)
        engine.dispose()
        return answer

    async def asynchronously() -> Any:
        engine = postgresql.writing_engine(settings.database_url)
        async with engine.begin() as connection:
            answer = await connection.run_sync(question)
        await engine.dispose()
        return answer

    return asyncio.run(asynchronously())


def tables(settings: Settings) -> set[str]:
    return set(ask(settings, lambda connection: inspect(connection).get_table_names()))


def is_current(settings: Settings) -> bool:
    async def asked() -> bool:
        database = await open_database(settings)
        try:
            return await migrations.fault(database) is None
        finally:
            await database.close()

    return asyncio.run(asked())


def test_they_run_up_and_down_and_up_again(settings: Settings) -> None:
    for _ in range(2):
        migrations.migrate(settings)
        assert tables(settings) == TABLES | {"alembic_version"} | (OF_INDEX if settings.embedded else set())
        assert is_current(settings)
        migrations.migrate(settings, "base")
        assert tables(settings) == {"alembic_version"}
        assert not is_current(settings)


NEWER = (
    "the database is at revision 0099, which this version of Dossier doesn't know; a newer one migrated it, so run "
    "that one (or it is another program's database)"
)


def refusal(settings: Settings) -> str:
    """Return why a database isn't migrated."""
    with pytest.raises(DossierError) as refused:
        migrations.migrate(settings)
    return str(refused.value)


def execute(settings: Settings, *statements: str) -> None:
    """Run statements that return nothing."""
    ask(settings, lambda connection: [connection.exec_driver_sql(statement) for statement in statements])


def test_every_command_says_in_one_line_that_a_database_is_newer(settings: Settings, tmp_path: Path) -> None:
    migrations.migrate(settings)
    execute(settings, "UPDATE alembic_version SET version_num = '0099'")
    named = {
        "DOSSIER_DATABASE_URL": settings.database_url.render_as_string(hide_password=False),
        "DOSSIER_JWT_SECRET": SECRET,
    }
    for arguments in (["serve", "--port", "0"], ["migrate"], ["documents", "list"]):
        done = dossier(tmp_path, *arguments, **named)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"dossier: {NEWER}\n")
    with pytest.raises(DossierError, match=r"^the database is at revision 0099, which"):
        migrations.migrate(settings, "base")
    assert not is_current(settings)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (
            ["INSERT INTO alembic_version VALUES ('0001')"],
            "the database says that it is at 2 revisions at once; leave the one row in alembic_version that its tables "
            "have",
        ),
        (["INSERT INTO alembic_version VALUES ('0099')"], NEWER),
        (
            ["DROP TABLE alembic_version"],
            "the database has tables, such as 'case_counter', but no revision, so it is not Dossier's; check "
            "DOSSIER_DATABASE_URL",
        ),
        (
            ["DELETE FROM alembic_version"],
            "the database has tables, such as 'case_counter', but no revision, so it is not Dossier's; check "
            "DOSSIER_DATABASE_URL",
        ),
        (
            [
                "DROP TABLE alembic_version",
                "CREATE TABLE alembic_version (n integer)",
                "INSERT INTO alembic_version VALUES (99)",
            ],
            NEWER.replace("0099", "99"),
        ),
    ],
)
def test_revisions_that_say_nothing_are_refused(settings: Settings, statements: list[str], reason: str) -> None:
    migrations.migrate(settings)
    before = tables(settings)
    execute(settings, *statements)
    assert refusal(settings) == reason
    assert tables(settings) | {"alembic_version"} == before
    assert not is_current(settings)


def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "dossier.db"
    settings = from_environment({"DOSSIER_DATABASE_URL": f"sqlite:///{file}"})
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE bookmarks (title)")
    expected = "the database has tables, such as 'bookmarks', but no revision, so it is not Dossier's; check "
    assert refusal(settings) == expected + "DOSSIER_DATABASE_URL"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE bookmarks")
    migrations.migrate(settings)  # there is nothing in it
    assert is_current(settings)


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "dossier.db").touch()
    settings = from_environment({"DOSSIER_DATABASE_URL": f"sqlite:///{tmp_path}/dossier.db"})
    migrations.migrate(settings)
    assert is_current(settings)


def _half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:20_000])


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _closed(file: Path) -> None:
    file.chmod(0o400)
    file.parent.chmod(0o755)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda file: file.write_bytes(b"hello"), "file is not a database"),
        (lambda file: file.write_bytes(b"no database at all " * 1_000), "file is not a database"),
        (_half, "database disk image is malformed"),
        (_folder, "unable to open database file"),
        (_closed, "[Errno 13] Permission denied: "),
    ],
)
def test_files_that_are_no_database_are_told_in_one_line(
    tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    file = tmp_path / "dossier.db"
    settings = from_environment({"DOSSIER_DATABASE_URL": f"sqlite:///{file}"})
    migrations.migrate(settings)
    damage(file)
    user = os.geteuid()
    os.seteuid(user or 65534)  # whoever may do everything may open it
    try:
        if damage is not _closed and user == 0:
            os.seteuid(0)
        message = refusal(settings)
    finally:
        os.seteuid(user)
    assert message.startswith(f"the database {file} can't be opened: {reason}")
    assert message.endswith("; check DOSSIER_DATABASE_URL, and that the folder exists and may be written to")
    assert "\n" not in message


def test_they_run_twice_without_harm(settings: Settings) -> None:
    migrations.migrate(settings)
    migrations.migrate(settings)
    assert is_current(settings)


def test_users_stay_who_they_were_when_issuers_are_told_apart(settings: Settings) -> None:
    migrations.migrate(settings, "0001")
    user = "01890000-0000-7000-8000-000000000001"
    statements = f"""
        INSERT INTO users (id, subject, name) VALUES ('{user}', 'alice', 'Alice');
        INSERT INTO cases (id, number, title, title_key, search, created_by, updated_by)
            VALUES ('{user}', 1, 'A', 'a', 'a', '{user}', '{user}');
        INSERT INTO case_members (case_id, user_id, role) VALUES ('{user}', '{user}', 'OWNER')
    """  # noqa: S608 - every part is ours

    def fill(connection: Connection) -> None:
        for statement in statements.split(";"):
            connection.exec_driver_sql(statement)

    def found(connection: Connection) -> Any:
        columns = "u.issuer, u.subject, u.name, m.role, m.given_by"
        statement = f"SELECT {columns} FROM users u JOIN case_members m ON m.user_id = u.id"  # noqa: S608 - ours
        return [tuple(row) for row in connection.exec_driver_sql(statement)]

    def change(connection: Connection) -> None:
        namesake = f"INSERT INTO users (id, issuer, subject) VALUES ('{user[:-1]}2', 'https://a.example', 'alice')"  # noqa: S608
        connection.exec_driver_sql(namesake)
        for refused in (namesake.replace("2',", "3',"), "DELETE FROM users WHERE issuer = ''"):
            with pytest.raises(IntegrityError), connection.begin_nested():
                connection.exec_driver_sql(refused)

    ask(settings, fill)
    migrations.migrate(settings)
    ask(settings, change)
    # The membership needs no taking up.
    assert ask(settings, found) == [("", "alice", "Alice", "OWNER", None)]


def test_what_is_there_can_be_searched_and_events_have_no_source(settings: Settings) -> None:
    migrations.migrate(settings, "0007")
    user, by = "01890000-0000-7000-8000-000000000001", "created_by, updated_by"
    event = user.replace("1890", "1889")
    batches = [f"01890000-0000-7000-8000-{number:012}" for number in range(10, 2_011)]  # more than two slices
    rows = ", ".join(f"('{batch}', '{user}', '{event}', 'STRASSE', 'E\u0301', '{user}', '{user}')" for batch in batches)
    none = f"('01890001{user[8:]}', '{user}', '{event}', 'Label', NULL, '{user}', '{user}')"
    execute(
        settings,
        f"INSERT INTO users (id, subject) VALUES ('{user}', 'alice')",  # noqa: S608 - ours, as all below
        f"INSERT INTO cases (id, number, title, reference, title_key, search, {by}) VALUES "  # noqa: S608
        f"('{user}', 1, 'A', 'Ref-1', 'a', 'a\x1fref-1', '{user}', '{user}')",
        f"INSERT INTO events (id, case_id, title, search, occurred_at, {by}) VALUES "  # noqa: S608
        f"('{event}', '{user}', 'A', 'a', '2026-01-01T00:00:00.000000Z', '{user}', '{user}')",
        f"INSERT INTO file_batches (id, case_id, event_id, label, file_types, {by}) VALUES {rows}, {none}",  # noqa: S608
    )

    def found(connection: Connection) -> Any:
        counted = "SELECT type, text, count(*), min(id) FROM search_texts GROUP BY type, text ORDER BY min(id)"
        texts = connection.exec_driver_sql(counted)
        events = connection.exec_driver_sql("SELECT source, time_kind, utc_offset, title FROM events")
        keys = connection.exec_driver_sql("SELECT reference_key FROM cases")
        return [tuple(row) for row in texts], [tuple(row) for row in events], keys.scalars().all()

    def searched(connection: Connection) -> Any:
        kept = "SELECT search FROM cases UNION ALL SELECT search FROM events"
        return connection.exec_driver_sql(kept).scalars().all()

    # In the order in which they were made.
    texts = [
        ("EVENT", "a", 1, 1),
        ("CASE", "a\x1fref-1", 1, 2),
        ("FILE_BATCH", "strasse\x1f\u00e9", 2_001, 3),
        ("FILE_BATCH", "label", 1, 2_004),
    ]
    for _ in range(2):
        migrations.migrate(settings)
        assert ask(settings, found) == (texts, [(None, None, None, "A")], ["ref-1"])
        downgrade(settings, "0007")
        assert ask(settings, searched) == ["a\x1fref-1", "a"]
    migrations.migrate(settings, "base")


def downgrade(settings: Settings, revision: str) -> None:
    """Bring a database back to a revision."""

    def run(connection: Connection) -> None:
        config = migrations._config()  # noqa: SLF001 - no command goes back but to the beginning
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    ask(settings, run)


def test_rows_stay_as_they_are_when_they_come_to_have_tags(settings: Settings) -> None:
    migrations.migrate(settings, "0007")
    one, event, batch = (f"01890000-0000-7000-8000-00000000000{number}" for number in range(1, 4))
    by, moment = "created_by, updated_by", "2026-01-01T00:00:00.000000Z"
    before = f"""
        INSERT INTO users (id, subject) VALUES ('{one}', 'alice');
        INSERT INTO cases (id, number, title, title_key, search, {by})
            VALUES ('{one}', 1, 'A', 'a', 'a', '{one}', '{one}');
        INSERT INTO events (id, case_id, title, occurred_at, search, {by})
            VALUES ('{event}', '{one}', 'E', '{moment}', 'e', '{one}', '{one}');
        INSERT INTO file_batches (id, case_id, event_id, label, {by})
            VALUES ('{batch}', '{one}', '{event}', 'B', '{one}', '{one}')
    """  # noqa: S608 - every part is ours
    since = f"""
        UPDATE events SET tags = '["T"]';
        INSERT INTO tags (row_id, key, tag, case_id) VALUES ('{one}', 't', 'T', '{one}');
        INSERT INTO comments (id, case_id, row_id, text, {by}) VALUES ('{one}', '{one}', '{one}', 'C', '{one}', '{one}')
    """  # noqa: S608 - every part is ours

    def found(connection: Connection) -> Any:
        joined = "cases c JOIN events e ON e.case_id = c.id JOIN file_batches b ON b.event_id = e.id"
        columns = "c.title, e.title, b.label, c.tags, e.tags, b.tags"
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM {joined}")]  # noqa: S608 - ours

    execute(settings, *before.split(";"))
    migrations.migrate(settings)
    assert ask(settings, found) == [("A", "E", "B", None, None, None)]
    execute(settings, *since.split(";"))
    assert ask(settings, found) == [("A", "E", "B", None, '["T"]', None)]
    migrations.migrate(settings, "base")
    assert tables(settings) == {"alembic_version"}


def test_files_keep_their_paths_when_these_come_to_have_keys(settings: Settings) -> None:
    migrations.migrate(settings, "0011")
    long = "ä" * 501
    paths = {"a": None, "\\xff": "/w==", "\\xff ": None, "ä": None, long: None}
    named = [column(name, Id) for name in ("id", "case_id", "event_id", "batch_id")]
    files = TableClause("files", *named, *map(column, ("path", "size", "sha256", "path_bytes", "raw")))
    ids = {path: f"01890000-0000-7000-8000-00000000000{number}" for number, path in enumerate(paths)}

    def write(connection: Connection) -> None:
        for path, raw in paths.items():
            values = {
                **dict.fromkeys(("id", "case_id", "event_id", "batch_id"), ids[path]),
                "path": path,
                "size": 1,
                "sha256": b"h" * 32,
                "path_bytes": raw,
                "raw": b"\xff" if raw else b"",
            }
            connection.execute(insert(files), values)

    def read(connection: Connection) -> Any:
        found = connection.exec_driver_sql("SELECT path, CAST(id AS text), path_key FROM files")
        return {path: tuple(rest) for path, *rest in found}

    ask(settings, write)
    migrations.migrate(settings)
    keys = {path: path.encode().decode("latin-1") for path in paths} | {"\\xff": "ÿ"}
    keys[long] = keys[long][:1_000] + f"\u0100{hashlib.sha256(long.encode()).hexdigest()}"
    assert ask(settings, read) == {path: (ids[path], keys[path]) for path in paths}
    downgrade(settings, "0011")
    raws = ask(settings, lambda connection: connection.exec_driver_sql("SELECT path, raw FROM files").all())
    assert {path: bytes(raw) for path, raw in raws} == {path: b"\xff" if paths[path] else b"" for path in paths}
    migrations.migrate(settings)
    assert ask(settings, read) == {path: (ids[path], keys[path]) for path in paths}


def test_they_leave_no_difference_to_the_models(settings: Settings) -> None:
    migrations.migrate(settings)

    def differences(connection: Connection) -> Any:
        options = {"compare_type": True, "include_name": lambda name, kind, _: kind != "table" or name not in OF_INDEX}
        context = MigrationContext.configure(connection, opts=options)
        found = compare_metadata(context, Base.metadata)
        # Alembic overlooks that they are of PostgreSQL alone.
        return [each for each in found if not (settings.embedded and getattr(each[1], "name", "") in OF_POSTGRESQL)]

    assert ask(settings, differences) == []


# What a database says of its own tables: on PostgreSQL each definition; on SQLite what its pragmas tell and, for
# checks, the words of the statement.
_POSTGRESQL = {
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, collation_name
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
}
_SQLITE = {
    "columns": """
        SELECT m.name, c.name, c.type, c.'notnull', c.dflt_value, c.pk FROM tables m, pragma_table_info(m.name) c
    """,
    "references": """
        SELECT m.name, f.'table', f.seq, f.'from', f.'to', f.on_update, f.on_delete
        FROM tables m, pragma_foreign_key_list(m.name) f
    """,
    # Of what a constraint needs, SQLite makes indexes that it numbers; what they are on says enough of those.
    "indexes": """
        SELECT m.name, CASE WHEN i.origin = 'c' THEN i.name ELSE i.origin END, i.'unique', i.partial,
            (SELECT group_concat(x.name || x.desc || x.coll) FROM pragma_index_xinfo(i.name) x WHERE x.key)
        FROM tables m, pragma_index_list(m.name) i
    """,
}
_TABLES = (
    "WITH tables AS (SELECT name FROM sqlite_master "
    "WHERE type = 'table' AND name <> 'alembic_version' AND name NOT GLOB 'search_grams*' "
    "AND name NOT IN ('search_terms', 'search_instances'))"
)


def definitions(connection: Connection) -> set[tuple[Any, ...]]:
    """Return everything that a database knows of its tables but the order of columns, each with its kind."""
    if connection.dialect.name == "postgresql":
        questions = _POSTGRESQL
    else:
        questions = {kind: f"{_TABLES} {question}" for kind, question in _SQLITE.items()}
    found = {(kind, *row) for kind, question in questions.items() for row in connection.exec_driver_sql(question).all()}
    inspector = inspect(connection)
    found |= {
        ("checks", table, check["name"], " ".join(check["sqltext"].split()))
        for table in inspector.get_table_names()
        for check in inspector.get_check_constraints(table)
    }
    return {row for row in found if "alembic_version" not in str(row)}


def made_of(connection: Connection, metadata: MetaData) -> set[tuple[Any, ...]]:
    """Return the definitions of tables made of models in an empty database, which is left empty."""
    with connection.begin_nested() as making:
        metadata.create_all(connection)
        found = definitions(connection)
        making.rollback()
    return found


def settings_of(new_database: Callable[[str], str], kind: str) -> Settings:
    return from_environment({"DOSSIER_DATABASE_URL": new_database(kind), "DOSSIER_JWT_SECRET": SECRET})


@pytest.mark.parametrize("kind", KINDS)
def test_they_make_the_tables_of_the_models_to_the_last_word(new_database: Callable[[str], str], kind: str) -> None:
    migrated, made = (settings_of(new_database, kind) for _ in range(2))
    migrations.migrate(migrated)
    found = ask(migrated, definitions)
    assert found == ask(made, lambda connection: made_of(connection, Base.metadata))
    # It is all there: each table's checks, defaults, references and indexes are among what is compared.
    words = " ".join(str(row) for row in found)
    for word in ("30000", "occurred_in_order", "'OPEN'", "CASCADE", "events_by_occurred_at"):
        assert word in words


def _check(table: str, name: str, text: str) -> Callable[[MetaData], None]:
    def change(metadata: MetaData) -> None:
        (check,) = (constraint for constraint in metadata.tables[table].constraints if constraint.name == name)
        assert isinstance(check, CheckConstraint)
        check.sqltext = sql_text(text)

    return change


def _column(table: str, name: str, **attributes: Any) -> Callable[[MetaData], None]:
    def change(metadata: MetaData) -> None:
        for attribute, value in attributes.items():
            setattr(metadata.tables[table].c[name], attribute, value)

    return change


def _no_cascade(metadata: MetaData) -> None:
    for constraint in metadata.tables["case_members"].foreign_key_constraints:
        constraint.ondelete = None
        for element in constraint.elements:
            element.ondelete = None


def _another_index(metadata: MetaData) -> None:
    table = metadata.tables["events"]
    (index,) = (index for index in table.indexes if index.name == "events_by_updated_at")
    table.indexes.remove(index)
    Index(index.name, table.c.case_id, table.c.id, table.c.updated_at)


def _no_unique(metadata: MetaData) -> None:
    table = metadata.tables["users"]
    table.constraints -= {constraint for constraint in table.constraints if constraint.name == "users_by_subject"}


def _another_table(metadata: MetaData) -> None:
    Table("more", metadata, Column("id", Integer))


@pytest.mark.parametrize("kind", KINDS)
def test_every_difference_to_the_models_is_found(new_database: Callable[[str], str], kind: str) -> None:
    breaks: dict[str, Callable[[MetaData], None]] = {
        "a longer text": _check("cases", "description_length", "length(description) BETWEEN 0 AND 30001"),
        "another choice": _check("case_members", "role_known", "role IN ('OWNER', 'EDITOR', 'VIEWER')"),
        "a looser order": _check("events", "occurred_in_order", "occurred_until > occurred_at"),
        "another default": _column("cases", "status", server_default=DefaultClause("ACTIVE")),
        "no default": _column("events", "sort_order", server_default=None),
        "a column that may be null": _column("events", "title", nullable=True),
        "another type": _column("file_batches", "label", type=String(201)),
        "no cascade": _no_cascade,
        "another index": _another_index,
        "no unique": _no_unique,
        "a table more": _another_table,
    }

    def unnoticed(connection: Connection) -> list[str]:
        whole = made_of(connection, Base.metadata)
        names = []
        for name, break_ in breaks.items():
            metadata = MetaData()
            for table in Base.metadata.sorted_tables:
                table.to_metadata(metadata)
            break_(metadata)
            if made_of(connection, metadata) == whole:
                names.append(name)
        return names

    assert ask(settings_of(new_database, kind), unnoticed) == []
