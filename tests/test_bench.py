"""The benchmark measures what Dossier does: it records the very statements, one for each query."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.db.migrations import migrate
from app.db.sqlite_writer import writing_engine
from app.settings import from_environment
from bench.data import fill
from bench.statements import reading, writing
from bench.works import NESTED, ONE, PAGE, WRITE
from tests.server import SECRET


def test_the_ceilings_statements_are_recorded(tmp_path: Path) -> None:
    file = tmp_path / "bench.db"
    variables = {"DOSSIER_DATABASE_URL": f"sqlite+aiosqlite:///{file}", "DOSSIER_JWT_SECRET": SECRET}
    settings = from_environment(variables)
    migrate(settings)
    engine = writing_engine(file)
    with engine.begin() as connection:
        fill(connection, 200)
    engine.dispose()
    statements = asyncio.run(reading(settings, [NESTED, PAGE, ONE]))
    assert [each.sql.count("SELECT '{'") for each in statements] == [1, 1, 1]
    changed = [each.sql.split(" ", 1)[0] for each in asyncio.run(writing(settings, WRITE))]
    assert changed == ["SELECT", *["INSERT"] * 4, "UPDATE", "SELECT"]
