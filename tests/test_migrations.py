"""Migrations: up, down, and what they leave compared with the models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from app.db import migrations, open_database, postgresql, sqlite_writer
from app.db.models import Base
from app.settings import Settings, from_environment
from tests.conftest import KINDS
from tests.server import SECRET

TABLES = {"users", "case_counter", "cases", "case_members", "events", "file_batches", "trusted_documents"}


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
            return await migrations.is_current(database)
        finally:
            await database.close()

    return asyncio.run(asked())


def test_they_run_up_and_down_and_up_again(settings: Settings) -> None:
    for _ in range(2):
        migrations.migrate(settings)
        assert tables(settings) == TABLES | {"alembic_version"}
        assert is_current(settings)
        migrations.migrate(settings, "base")
        assert tables(settings) == {"alembic_version"}
        assert not is_current(settings)


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


def test_they_leave_no_difference_to_the_models(settings: Settings) -> None:
    migrations.migrate(settings)

    def differences(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, Base.metadata)

    assert ask(settings, differences) == []


def test_they_leave_the_checks_of_the_models(settings: Settings) -> None:
    migrations.migrate(settings)

    def checks(connection: Connection) -> dict[str, set[str]]:
        inspector = inspect(connection)
        return {table: {str(check["name"]) for check in inspector.get_check_constraints(table)} for table in TABLES}

    expected = {
        table.name: {
            str(constraint.name) for constraint in table.constraints if type(constraint).__name__ == "CheckConstraint"
        }
        for table in Base.metadata.sorted_tables
    }
    assert ask(settings, checks) == expected
