"""What is new since one last looked: nothing is missed, however long a change takes, and whatever the clock does."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

import asyncpg
import pytest

from app.db.postgresql import address
from app.record import journal
from app.resolvers import changes
from app.values import format_time, now, parse_time
from tests.server import Client, Server
from tests.test_ownership import make_path

NEWEST = "orderBy: [UPDATED_AT_DESC], first: 100"
CASES = f"query ($from: DateTime) {{ cases(where: {{updatedFrom: $from}}, {NEWEST}) {{ nodes {{ id updatedAt }} }} }}"
MARGIN = timedelta(minutes=2)  # as the schema says


def before(moment: str) -> str:
    return format_time(parse_time(moment) - MARGIN)


@contextmanager
def held(server: Server, subject: str) -> Iterator[None]:
    """A lock on a user, held by someone else: what refers to them waits for it."""
    is_held, let_go = Event(), Event()

    async def hold() -> None:
        connection = await asyncpg.connect(address(server.settings.database_url))
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM users WHERE subject = $1 FOR UPDATE", subject)
            is_held.set()
            await asyncio.to_thread(let_go.wait)
        await connection.close()

    thread = Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    try:
        is_held.wait()
        yield
    finally:
        let_go.set()
        thread.join()


def test_what_becomes_visible_late_is_found(server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    if server.kind != "postgresql":
        pytest.skip("one writes at a time on SQLite, so that nothing becomes visible late")
    admin = server.client(roles=("admin",))
    fast, late, begun = admin.create_case(), list[str](), Event()
    alice.run("{ viewer { id } }")  # so that there is a user to hold
    others = {row["id"] for row in admin.run(CASES)["cases"]["nodes"]} - {fast}

    def changed_since(moment: str | None) -> list[dict[str, Any]]:
        """Return the cases that were changed since a moment, the last changed first."""
        nodes = admin.run(CASES, **{"from": moment})["cases"]["nodes"]
        return [row for row in nodes if row["id"] not in others]

    def telling() -> datetime:
        moment = now()
        begun.set()
        return moment

    monkeypatch.setattr(journal, "now", telling)
    slow = Thread(target=lambda: late.append(alice.create_case(title="Late")))
    with held(server, alice.subject):
        slow.start()
        begun.wait()
        # Meanwhile another case is changed, later and faster. (In one case changes are made one after the other.)
        admin.change("updateCase", "errors { code }", id=fast, title="Fast")
        seen = changed_since(None)
    slow.join()
    newest = seen[0]["updatedAt"]
    assert [row["id"] for row in seen] == [fast]
    # The late one has an earlier moment: who goes on from where they were misses it, and who asks as the schema says
    # finds it.
    assert [row["id"] for row in changed_since(newest)] == [fast]
    assert {row["id"] for row in changed_since(before(newest))} == {fast, *late}


def test_a_change_that_takes_too_long_for_that_is_not_made(
    server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_path(alice)
    clock = itertools.count(step=changes.LONGEST + 1)
    monkeypatch.setattr(changes, "perf_counter", lambda: next(clock))
    query = 'mutation ($id: ID!) { updateCase(input: {id: $id, title: "Late"}) { errors { code } } }'
    (error,) = alice.post(query, {"id": path["case"]}).json()["errors"]
    assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
    monkeypatch.undo()
    case = alice.run("query ($id: ID!) { case(id: $id) { title version } }", id=path["case"])["case"]
    assert case == {"title": "A case", "version": 1}
    assert server.settings.deadline < changes.LONGEST < MARGIN.total_seconds()


def test_a_clock_that_was_set_back_takes_no_change_behind_the_last_one(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_path(alice)
    ids = {"Case": path["case"], "Event": path["event"], "FileBatch": path["batch"]}
    given: dict[str, dict[str, str]] = {
        "Case": {"id": path["case"], "title": "x"},
        "Event": {"caseId": path["case"], "id": path["event"], "title": "x"},
        "FileBatch": {"caseId": path["case"], "eventId": path["event"], "id": path["batch"], "label": "x"},
    }
    for noun, identifier in ids.items():
        query = f"query ($id: ID!) {{ node(id: $id) {{ ... on {noun} {{ version updatedAt }} }} }}"
        last = "query ($id: ID!) { case(id: $id) { history(first: 1) { nodes { at } } } }"
        (before,) = alice.run(last, id=path["case"])["case"]["history"]["nodes"]
        clock: list[datetime] = []
        monkeypatch.setattr(journal, "now", lambda clock=clock: clock[-1])
        moments = []
        for hours, name in ((-1, "one"), (1, "two"), (-2, "three")):
            clock.append(now() + timedelta(hours=hours))
            field = "label" if noun == "FileBatch" else "title"
            payload = alice.change(f"update{noun}", "errors { code }", **given[noun] | {field: name})
            assert payload == {"errors": []}
            moments.append(alice.run(query, id=identifier)["node"])
        first, second, third = moments
        assert [row["version"] for row in moments] == [2, 3, 4]
        assert first["updatedAt"] == before["at"]  # of the last change in the case, whatever it was made to
        assert second["updatedAt"] == third["updatedAt"] == format_time(clock[1])
        # Whoever saw the last change finds the one after it.
        assert third["updatedAt"] >= second["updatedAt"] > first["updatedAt"]
