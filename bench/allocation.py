"""How much memory Python allocates to answer one request."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

from app.settings import Settings
from app.web.application import create
from bench.load import Target

_WARM = 5


def multiple(settings: Settings, target: Target) -> float:
    """Return the most memory that an answer takes while it is made, as a multiple of its size."""
    return asyncio.run(_measure(settings, target))


async def _measure(settings: Settings, target: Target) -> float:
    application = create(settings)
    async with application.router.lifespan_context(application):
        for _ in range(_WARM):
            await _ask(application, target)
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            size = await _ask(application, target)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return (peak - before) / size


async def _ask(application: Any, target: Target) -> int:
    """Send a request as a server's loop would, with no server around it, and return the size of the answer."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in target.headers.items()],
    }
    sent = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": target.body.encode(), "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    await application(scope, receive, send)
    return sent
