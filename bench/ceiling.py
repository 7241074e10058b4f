"""The ceiling: the same server and the same statement on the bare driver, with nothing of GraphQL around it.

It neither reads the request nor asks for a token. Started by uvicorn, it finds in the environment what
Dossier finds there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.db import postgresql
from app.settings import Settings, from_environment
from bench import works
from bench.statements import Statement, reading

_Fetch: TypeAlias = Callable[[Statement], Awaitable[Any]]


def application() -> Starlette:
    """Return the application: a route for each of the reads, by its name."""
    settings = from_environment()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        statements = await reading(settings, list(works.READS.values()))
        async with _opened(settings) as fetch:
            for name, statement in zip(works.READS, statements, strict=True):
                app.router.routes.append(_route(name, statement, fetch))
            yield

    return Starlette(lifespan=lifespan)


def _route(name: str, statement: Statement, fetch: _Fetch) -> Route:
    async def answer(_request: Request) -> Response:
        (data,) = await fetch(statement)
        body = f'{{"data":{data}}}'.encode()
        return Response(body, media_type="application/json; charset=utf-8")

    return Route(f"/{name}", answer, methods=["POST"])


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[_Fetch]:
    if settings.embedded:
        file = settings.database_file.absolute()
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)

        async def fetch(statement: Statement) -> Any:
            return connection.execute(statement.sql, statement.values).fetchone()

        yield fetch
        connection.close()
        return
    # Everything about the connections is as in Dossier.
    async with asyncpg.create_pool(
        postgresql.address(settings.database_url),
        min_size=settings.read_connections,
        max_size=settings.read_connections,
        reset=_nothing,
        server_settings={"jit": "off", "timezone": "UTC", "default_transaction_read_only": "on"},
        max_cached_statement_lifetime=0,
        max_cacheable_statement_size=0,
    ) as pool:

        async def fetch_from_pool(statement: Statement) -> Any:
            return await pool.fetchrow(statement.sql, *statement.values)

        yield fetch_from_pool


async def _nothing(_connection: Any) -> None:
    """Reset nothing between two statements."""
