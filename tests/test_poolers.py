"""PostgreSQL behind PgBouncer: in session mode all holds, and where it doesn't hold, nothing is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.db.postgresql import PostgresqlDatabase
from app.errors import DeadlineExceeded, Unavailable
from app.settings import from_environment
from tests.commands import dossier
from tests.pgbouncer import pgbouncer
from tests.server import SECRET, serving

pytestmark = pytest.mark.services


def test_all_works_through_a_pooler_in_session_mode(tmp_path: Path, new_database: Callable[[str], str]) -> None:
    with pgbouncer(tmp_path, new_database("postgresql"), "session") as address:
        migrated = dossier(tmp_path, "migrate", DOSSIER_DATABASE_URL=address, DOSSIER_JWT_SECRET=SECRET)
        assert (migrated.returncode, migrated.stderr) == (0, "")
        with serving("postgresql", address) as server:
            alice = server.client()
            case = alice.create_case()
            alice.create_batch(case, alice.create_event(case))
            assert alice.run("{ cases { totalCount } }") == {"cases": {"totalCount": 1}}
            assert server.http.get("/readyz").text == "ready\n"


def test_what_is_promised_of_connections_holds_in_session_mode(
    tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    async def asked(address: str) -> None:
        settings = from_environment(
            {"DOSSIER_DATABASE_URL": address, "DOSSIER_JWT_SECRET": SECRET, "DOSSIER_DEADLINE": "1"}
        )
        database = PostgresqlDatabase(settings)
        await database.open()
        try:
            names = "default_transaction_read_only", "statement_timeout", "jit", "TimeZone"
            row = await database.read(f"SELECT {', '.join(f'current_setting({name!r})' for name in names)}", (), None)
            assert list(row) == [b"on", b"1s", b"off", b"UTC"]
            with pytest.raises(Unavailable, match="the database is read-only"):
                await database.read("CREATE TABLE written (id text)", (), None)
            with pytest.raises(DeadlineExceeded):
                await database.read("SELECT pg_sleep(3)::text", (), None)
        finally:
            await database.close()

    with pgbouncer(tmp_path, new_database("postgresql"), "session") as address:
        asyncio.run(asked(address))


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_keeps_no_session_is_refused(
    tmp_path: Path, new_database: Callable[[str], str], mode: str
) -> None:
    with pgbouncer(tmp_path, new_database("postgresql"), mode) as address:
        name = address.replace("postgresql://", "postgresql+asyncpg://")
        for command in (["migrate"], ["serve", "--port", "0"], ["documents", "list"]):
            done = dossier(tmp_path, *command, DOSSIER_DATABASE_URL=address, DOSSIER_JWT_SECRET=SECRET)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == (
                f"dossier: the database {name} is behind a pooler that gives each transaction another connection; "
                "connect to PostgreSQL itself or to a pooler in session mode\n"
            )
