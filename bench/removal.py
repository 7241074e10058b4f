"""Measures what others notice while a large event is deleted: see bench/README.md."""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert, text
from sqlalchemy.engine import Connection

from app.db import postgresql, sqlite_writer
from app.db.models import FileBatch, table_of
from app.identity import sign
from app.settings import Settings
from app.values import new_id, now
from bench import databases
from bench.stage import Stage

_FOLDER = Path(__file__).parent / ".work" / "removal"
_AT_ONCE = 5_000
_QUIET_SECONDS = 15


class User:
    """Somebody who asks a server for one thing after the other."""

    def __init__(self, url: str, subject: str) -> None:
        token = sign(
            databases.settings("sqlite+aiosqlite:///unused.db"),
            databases.SECRET,
            subject=subject,
            lifetime=timedelta(hours=8),
        )
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=120)

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data of an answer."""
        answer = self._http.post("/graphql", json={"query": query, "variables": variables}).json()
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        return answer["data"]

    def new_case(self) -> str:
        """Create a case and return its id."""
        made = self.ask('mutation { createCase(input: {title: "A case"}) { case { id } } }')
        return str(made["createCase"]["case"]["id"])

    def new_event(self, case: str) -> str:
        """Create an event and return its id."""
        given = '{caseId: $case, title: "An event", occurredAt: "2026-01-01T00:00:00Z"}'
        made = self.ask(f"mutation ($case: ID!) {{ createEvent(input: {given}) {{ event {{ id }} }} }}", case=case)
        return str(made["createEvent"]["event"]["id"])


class Writer:
    """Creates events in a case of their own, and takes down how long each took, in milliseconds."""

    def __init__(self, user: User) -> None:
        self._user, self._case = user, user.new_case()
        self.times: list[float] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        while not self._ends.is_set():
            began = time.perf_counter()
            self._user.new_event(self._case)
            self.times.append((time.perf_counter() - began) * 1_000)
            time.sleep(0.01)

    def end(self) -> None:
        """Stop, after the one under way."""
        self._ends.set()
        self._thread.join()


def main() -> int:
    """Measure and print a line for each part."""
    options = _parser().parse_args()
    with Stage(_FOLDER) as stage:
        for kind in options.databases:
            url = stage.database(kind, 100)
            _measure(kind, stage.dossier(url, purpose="removal").address, databases.settings(url), options.batches)
    return 0


def _measure(kind: str, url: str, settings: Settings, batches: int) -> None:
    owner, writer = User(url, "owner"), User(url, "writer")
    case = owner.new_case()
    event = owner.new_event(case)
    user = owner.ask("{ viewer { id } }")["viewer"]["id"]
    _on(settings, lambda connection: _fill(connection, case, event, user, batches))
    writing = Writer(writer)
    time.sleep(_QUIET_SECONDS)
    before = len(writing.times)
    began = time.perf_counter()
    delete = "mutation ($c: ID!, $e: ID!) { deleteEvent(input: {caseId: $c, id: $e}) { deletedId } }"
    assert owner.ask(delete, c=case, e=event)["deleteEvent"]["deletedId"] == event  # noqa: S101
    answered = time.perf_counter() - began
    while _on(
        settings,
        lambda connection: connection.execute(text("SELECT count(*) FROM deletions WHERE state = 'GOING'")).scalar(),
    ):
        time.sleep(1)
    took = time.perf_counter() - began
    writing.end()
    print(f"{kind}: {batches:,} batches; answered in {answered * 1_000:.0f} ms, gone in {took:.0f} s")
    for name, times in ("without", writing.times[:before]), ("meanwhile", writing.times[before:]):
        spread = statistics.quantiles(times, n=100)
        print(
            f"  another writer {name}: {len(times):,} changes, median {spread[49]:.1f} ms, p99 {spread[98]:.1f} ms, "
            f"slowest {max(times):.1f} ms",
            flush=True,
        )


def _fill(connection: Connection, case: str, event: str, user: str, batches: int) -> None:
    """Put batches on an event, beside the record, in which only what goes counts here."""
    moment = now()
    authors = {"created_at": moment, "created_by": user, "updated_at": moment, "updated_by": user}
    for start in range(0, batches, _AT_ONCE):
        rows = [
            {"id": new_id(), "case_id": case, "event_id": event, "label": f"Batch {number}", **authors}
            for number in range(start, min(start + _AT_ONCE, batches))
        ]
        connection.execute(insert(table_of(FileBatch)), rows)


def _on(settings: Settings, work: Callable[[Connection], Any]) -> Any:
    if settings.embedded:
        engine = sqlite_writer.writing_engine(settings.database_file)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()

    async def run() -> Any:
        engine = postgresql.writing_engine(settings.database_url)
        async with engine.begin() as connection:
            found = await connection.run_sync(work)
        await engine.dispose()
        return found

    return asyncio.run(run())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.removal", description=__doc__)
    parser.add_argument("--batches", type=int, default=300_000, help="(default: %(default)s)")
    parser.add_argument("--databases", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    return parser


if __name__ == "__main__":
    sys.exit(main())
