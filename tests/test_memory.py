"""How much of what a statement builds is there at a time: no more than a few times the longest answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.db.postgresql import address
from app.settings import Settings, from_environment
from tests import commands
from tests.conftest import KINDS
from tests.server import SECRET, Client, Server

pytestmark = pytest.mark.slow

LONGEST = 1_000_000
MOST = 60_000_000  # bytes; what is asked for here would take several hundred million
EVENTS = 5  # of 180 KB each


@dataclass(frozen=True)
class Measured:
    """A server in a process of its own, with a case whose events are long."""

    settings: Settings
    process: int
    client: Client
    case: str

    def processes(self) -> list[int]:
        """Return the server's process, and PostgreSQL's that serve it."""
        return [self.process, *([] if self.settings.embedded else asyncio.run(self._backends()))]

    async def _backends(self) -> list[int]:
        connection = await asyncpg.connect(address(self.settings.database_url))
        try:
            # Other tests have servers of their own beside this one, each with its database.
            found = await connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'dossier' AND datname = current_database()"
            )
        finally:
            await connection.close()
        return [row["pid"] for row in found]

    def forget_peaks(self) -> None:
        """Have each process's peak begin anew at what it holds now (Linux, proc(5): clear_refs)."""
        for process in self.processes():
            Path(f"/proc/{process}/clear_refs").write_text("5")

    def memory(self, name: str) -> dict[int, int]:
        """Return a figure of each process in bytes (Linux, proc(5): status)."""
        figures = {}
        for process in self.processes():
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
            (figure,) = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
            figures[process] = int(figure) * 1024
        return figures


@pytest.fixture(scope="module", params=KINDS)
def measured(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Measured]:
    """A server with short answers on each database."""
    environment = {
        "DOSSIER_DATABASE_URL": new_database(request.param),
        "DOSSIER_JWT_SECRET": SECRET,
        "DOSSIER_MAX_ANSWER_BYTES": str(LONGEST),
        "DOSSIER_READ_CONNECTIONS": "1",
        "DOSSIER_WRITE_CONNECTIONS": "1",
    }
    settings = from_environment(environment)
    commands.dossier(tmp_path_factory.mktemp("migrated"), "migrate", **environment)
    folder = tmp_path_factory.mktemp("served")
    with commands.serving(folder, **environment) as (process, url), httpx.Client(base_url=url, timeout=60) as http:
        client = Server(url, request.param, settings, http).client()
        case = client.create_case()
        for _ in range(EVENTS):
            client.create_event(case, title="x" + "\x01" * 199, description="\x01" * 30_000)
        yield Measured(settings, process.pid, client, case)


def many(field: str, count: int) -> str:
    return " ".join(f"a{number}: {field}" for number in range(count))


TEXTS = "events(first: 5) { nodes { description } }"
PAGED = (
    "events(last: 5) { pageInfo { hasPreviousPage endCursor } nodes { description } edges { node { description } } }"
)
FIVE = " ".join(f"d{number}: description" for number in range(5))
IN_CASE = "query ($id: ID!) { case(id: $id) { %s } }"
ANY_NODES = "query ($id: ID!) { nodes(ids: [IDS]) { ... on Case { LISTS } } }"
CHANGE = 'mutation ($id: ID!) { updateCase(input: {id: $id, title: "New"}) { case { LISTS } } }'
CONFLICT = """
mutation ($id: ID!) {
  updateCase(input: {id: $id, expectedVersion: 9}) {
    errors { ... on ConflictError { current { ... on Case { LISTS } } } }
  }
}
"""
SHAPES = {
    "many lists of one row": IN_CASE % many(TEXTS, 140),
    "lists of several rows": IN_CASE % f"events(first: 5) {{ nodes {{ case {{ {many(TEXTS, 100)} }} }} }}",
    "pages": IN_CASE % many(PAGED, 35),
    "texts of one row": IN_CASE % many(f"events {{ nodes {{ {FIVE} c: case {{ {TEXTS} }} }} }}", 20),
    "root fields": "query ($id: ID!) { " + many(f"case(id: $id) {{ {TEXTS} b: {TEXTS} }}", 50) + " }",
    "any nodes": ANY_NODES.replace("IDS", ", ".join(["$id"] * 100)).replace("LISTS", many(TEXTS, 30)),
    "a change": CHANGE.replace("LISTS", many(TEXTS, 20)),
    "a conflict": CONFLICT.replace("LISTS", many(TEXTS, 20)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_too_large_is_not_built_before_it_is_refused(measured: Measured, shape: str) -> None:
    # What is answered takes some room as well, and each process has its first of everything.
    texts = IN_CASE % TEXTS
    assert len(measured.client.run(texts, id=measured.case)["case"]["events"]["nodes"]) == EVENTS
    measured.forget_peaks()
    before = measured.memory("VmRSS")
    (error,) = measured.client.post(SHAPES[shape], {"id": measured.case}).json()["errors"]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "answerBytes", "maximum": LONGEST}
    after = measured.memory("VmHWM")
    # A process that came meanwhile began with nothing.
    grown = {process: most - before.get(process, 0) for process, most in after.items()}
    assert max(grown.values()) < MOST, grown
