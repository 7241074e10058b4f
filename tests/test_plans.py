"""What the databases make of the statements of reads: none goes through a whole table."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Any

import asyncpg
from graphql.execution.values import VariableValues

from app.db import migrations, open_database
from app.db.database import Database
from app.db.postgresql import address
from app.ownership import Viewer
from app.settings import Settings, from_environment
from app.values import new_id, now
from bench.finding import READS, planned
from tests.server import SECRET

VIEWERS = {
    "few": Viewer(new_id(), frozenset()),
    "many": Viewer(new_id(), frozenset(), has_few=False),
    "auditor": Viewer(new_id(), frozenset({"auditor"})),
}
NO_VARIABLES = VariableValues({}, {})
# What SQLite may go through: what it has found before, the index of searches, and rows in the order of an index, as far
# as a page goes.
MAY_SCAN = re.compile(
    r"SCAN (g|r\d+\w*|both_|shown|\(subquery-\d+\)|CONSTANT ROW|(json_each|search_grams|search_instances) VIRTUAL.*)$"
)
IN_ORDER = re.compile(r"SCAN (cases USING (COVERING )?INDEX cases_by_(created_at|title))$")
# Of what very many grams begin with, texts are looked at as they were written, the last first.
AS_WRITTEN = "SCAN search_texts"
TABLES = "cases", "events", "file_batches", "search_texts", "case_members", "journals", "journal_entries"


def settings_of(new_database: Callable[[str], str], kind: str) -> Settings:
    settings = from_environment({"DOSSIER_DATABASE_URL": new_database(kind), "DOSSIER_JWT_SECRET": SECRET})
    migrations.migrate(settings)
    return settings


def statements(settings: Settings) -> dict[tuple[str, str], tuple[str, list[Any]]]:
    """Return the statement of each read for each kind of viewer, with values."""

    async def plan() -> dict[tuple[str, str], tuple[str, list[Any]]]:
        database = await open_database(settings)
        try:
            return {
                (name, who): _planned(database, viewer, text.replace("%s", new_id()))
                for name, text in READS.items()
                for who, viewer in VIEWERS.items()
            }
        finally:
            await database.close()

    return asyncio.run(plan())


def _planned(database: Database, viewer: Viewer, text: str) -> tuple[str, list[Any]]:
    plan = planned(database, viewer, text)
    return plan.statement, plan.values(NO_VARIABLES, viewer, now(), database.bind)


def test_no_read_goes_through_a_table_of_sqlite(new_database: Callable[[str], str]) -> None:
    settings = settings_of(new_database, "sqlite")
    found = {}
    with closing(sqlite3.connect(settings.database_file)) as connection:
        for read, (statement, values) in statements(settings).items():
            lines = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            scans = [line for line in lines if line.startswith("SCAN") and not MAY_SCAN.match(line)]
            # Where there is no end to a page, all that one may see is counted.
            whole = (
                {"SCAN cases USING COVERING INDEX sqlite_autoindex_cases_2"} if read == ("count", "auditor") else set()
            )
            if read[0].startswith("search"):
                whole = {AS_WRITTEN}
            if wrong := [line for line in scans if not IN_ORDER.match(line) and line not in whole]:
                found[read] = wrong
    assert found == {}


def test_no_read_goes_through_a_table_of_postgresql(new_database: Callable[[str], str]) -> None:
    settings = settings_of(new_database, "postgresql")

    async def explain() -> dict[tuple[str, str], list[str]]:
        connection = await asyncpg.connect(address(settings.database_url))
        # As for everybody, and as if going through a table were dear, which it isn't yet.
        await connection.execute("SET jit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
        found = {}
        for read, (statement, values) in statements_.items():
            await connection.execute(f"DEALLOCATE ALL; PREPARE read AS {statement}")
            given = ", ".join(map(written, values))
            rows = await connection.fetch(f"EXPLAIN EXECUTE read({given})" if values else "EXPLAIN EXECUTE read")
            lines = [row[0].strip() for row in rows]
            scans = [line for line in lines if re.search(rf"Seq Scan on ({'|'.join(TABLES)})\b", line)]
            if scans:
                found[read] = scans
        await connection.close()
        return found

    statements_ = statements(settings)
    assert asyncio.run(explain()) == {}


def written(value: Any) -> str:
    """Return a value as SQL writes it."""
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return "'" + text.replace("'", "''") + "'"
