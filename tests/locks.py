"""What somebody else holds in a database, so that Dossier waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import asyncpg

from app.db.postgresql import address
from tests.server import Server


@contextmanager
def holding(server: Server, statement: str, *values: object) -> Iterator[None]:
    """Keep a transaction open on PostgreSQL in which a statement has locked something."""
    done, begun = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(address(server.settings.database_url))
        async with connection.transaction():
            await connection.execute(statement, *values)
            begun.set()
            await asyncio.to_thread(done.wait)
        await connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding_ = pool.submit(asyncio.run, hold())
        begun.wait()
        try:
            yield
        finally:
            done.set()
        holding_.result()
