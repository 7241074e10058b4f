"""Who waits for a row changes it by the role that they have by then, not by the one they had when they came."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from app.db.postgresql import address
from tests.commands import PATIENCE
from tests.server import Server, serving
from tests.test_ownership import contents, execute, grant, make_path

pytestmark = pytest.mark.slow

NOT_FOUND, FORBIDDEN = "NOT_FOUND", "FORBIDDEN"
# Each change with what it waits for: a table, and which of the path's ids. What only adds rows waits for the journal.
WAITS: dict[str, tuple[str, str]] = {
    "updateCase": ("cases", "case"),
    "deleteCase": ("cases", "case"),
    "createEvent": ("journals", "case"),
    "updateEvent": ("events", "event"),
    "deleteEvent": ("file_batches", "batch"),  # which goes with its event
    "createFileBatch": ("journals", "case"),
    "updateFileBatch": ("file_batches", "batch"),
    "deleteFileBatch": ("file_batches", "batch"),
    "createEvents": ("journals", "case"),
    "deleteEvents": ("cases", "case"),
    "createFileBatches": ("journals", "case"),
    "addTags": ("cases", "case"),
    "removeTags": ("cases", "case"),
    "addComment": ("journals", "case"),
    "updateComment": ("comments", "comment"),
    "deleteComment": ("comments", "comment"),
    "setCaseMember": ("cases", "case"),
    "removeCaseMember": ("cases", "case"),
}
LOSSES = {
    "removed": "DELETE FROM case_members WHERE case_id = '{case}' AND user_id = '{user}'",
    "demoted": "UPDATE case_members SET role = 'VIEWER' WHERE case_id = '{case}' AND user_id = '{user}'",
    "ended": "UPDATE case_members SET expires_at = now() WHERE case_id = '{case}' AND user_id = '{user}'",
}


@pytest.fixture(scope="module")
def server(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server on PostgreSQL, where changes of one case don't wait for those of another."""
    with serving("postgresql", new_database("postgresql")) as running:
        yield running


def given(field: str, path: dict[str, str], subject: str) -> dict[str, Any]:
    """Return the input of a change."""
    case: dict[str, Any] = {"caseId": path["case"]}
    event = {**case, "eventId": path["event"]}
    return {
        "updateCase": {"id": path["case"], "title": "Changed"},
        "deleteCase": {"id": path["case"]},
        "createEvent": {**case, "title": "New", "occurredAt": "2026-01-01T00:00:00Z"},
        "updateEvent": {**case, "id": path["event"], "title": "Changed"},
        "deleteEvent": {**case, "id": path["event"]},
        "createFileBatch": {**event, "label": "New"},
        "updateFileBatch": {**event, "id": path["batch"], "label": "Changed"},
        "deleteFileBatch": {**event, "id": path["batch"]},
        "createEvents": {**case, "items": [{"title": "New", "occurredAt": "2026-01-01T00:00:00Z"}]},
        "deleteEvents": {**case, "ids": [path["event"]]},
        "createFileBatches": {**case, "items": [{"eventId": path["event"], "label": "New"}]},
        "addTags": {**case, "ids": [path["batch"]], "tags": ["Changed"]},
        "removeTags": {**case, "ids": [path["batch"]], "tags": ["there"]},
        "addComment": {**case, "on": path["event"], "text": "New"},
        "updateComment": {**case, "id": path["comment"], "text": "Changed"},
        "deleteComment": {**case, "id": path["comment"]},
        "setCaseMember": {**case, "subject": subject, "role": "EDITOR"},
        "removeCaseMember": {**case, "subject": subject},
    }[field]


@contextmanager
def held(server: Server, table: str, row: str) -> Iterator[None]:
    """Hold a row's lock."""
    key = "case_id" if table == "journals" else "id"
    done, begun = threading.Event(), threading.Event()

    async def hold() -> None:
        connection = await asyncpg.connect(address(server.settings.database_url))
        async with connection.transaction():
            await connection.execute(f"SELECT 1 FROM {table} WHERE {key} = $1::text::uuid FOR UPDATE", row)  # noqa: S608
            begun.set()
            await asyncio.to_thread(done.wait, PATIENCE)
        await connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(asyncio.run, hold())
        begun.wait(PATIENCE)
        try:
            yield
        finally:
            done.set()
        holding.result()


def waits(server: Server) -> bool:
    """Return whether anybody waits for a lock in the database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(execute(server, query)[0][0])


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("roles", [(), ("auditor",)], ids=["member", "auditor"])
@pytest.mark.parametrize("field", WAITS)
def test_a_role_that_is_lost_while_its_change_waits_is_lost(
    server: Server, field: str, roles: tuple[str, ...], loss: str
) -> None:
    alice, carol = server.client(), server.client()
    carol.run("{ viewer { id } }")
    bob = server.client(roles=roles)
    bob_id = bob.run("{ viewer { id } }")["viewer"]["id"]
    path = make_path(alice)
    grant(server, path["case"], bob, "OWNER")
    grant(server, path["case"], carol, "VIEWER")
    comment = bob.change("addComment", "comment { id }", caseId=path["case"], on=path["event"], text="Bob's")["comment"]
    path |= {"comment": comment["id"]}
    before = contents(alice, path)
    table, key = WAITS[field]
    with ThreadPoolExecutor(1) as pool:
        with held(server, table, path[key]):
            changing = pool.submit(bob.change, field, "errors { code }", **given(field, path, carol.subject))
            until = time.monotonic() + PATIENCE
            while not waits(server):
                assert time.monotonic() < until
                time.sleep(0.01)
            time.sleep(0.15)  # longer than a change takes that waits for nobody
            execute(server, LOSSES[loss].format(case=path["case"], user=bob_id))
        codes = [error["code"] for error in changing.result()["errors"]]
    # An auditor may know of the case in any case.
    assert codes == [FORBIDDEN if loss == "demoted" or roles else NOT_FOUND]
    assert contents(alice, path) == before


def test_a_role_that_is_kept_is_kept(server: Server) -> None:
    alice, bob = server.client(), server.client()
    path = make_path(alice)
    bob.run("{ viewer { id } }")
    grant(server, path["case"], bob, "CONTRIBUTOR", expires_in=timedelta(hours=1))
    with ThreadPoolExecutor(1) as pool:
        with held(server, "cases", path["case"]):
            changing = pool.submit(bob.change, "updateCase", "errors { code }", id=path["case"], title="Changed")
            while not waits(server):
                time.sleep(0.01)
            time.sleep(0.15)
        assert changing.result() == {"errors": []}
