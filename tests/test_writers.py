"""Fifty writers at one case, a server that is killed, and connections that are cut: the record stays whole.

What was acknowledged is there once, what was refused is not there, and who doesn't know asks again with the same id.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection

from app.db.migrations import migrate
from app.db.models import JournalEntry, Request, table_of
from app.db.postgresql import address
from app.identity import sign
from app.record.trees import HASH_BYTES, extended, root
from app.settings import Settings, from_environment
from tests.commands import PATIENCE, started
from tests.conftest import KINDS
from tests.server import SECRET, Client
from tests.test_migrations import ask
from tests.test_verify import verify

pytestmark = pytest.mark.endurance

WRITERS = 50
WORKERS = 4
LIVES = 10  # of the server, of which each but the last is ended by SIGKILL
LIFE_SECONDS = 12
EVENTS = 5  # that all of them change
SETTINGS = {
    "DOSSIER_JWT_SECRET": SECRET,
    "DOSSIER_MAX_ANSWER_BYTES": "100000",
    "DOSSIER_READ_CONNECTIONS": "2",
    "DOSSIER_WRITE_CONNECTIONS": "4",
}
ANSWER = "replayed change { id seq } errors { code }"
TOO_LARGE = "event { case { events(first: 5) { nodes { description } } } }"
DESCRIPTION = "x" * 25_000  # of each event: five of them are more than an answer may have
JOURNAL = "query ($id: ID!) { case(id: $id) { journal { size root } } }"
HISTORY = """query ($id: ID!, $after: String) { case(id: $id) { history(orderBy: SEQ_ASC, first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { id seq kind requestId by { subject } on { type id } } } } }"""
EVENT = """query ($case: ID!, $id: ID!, $after: String) { event(caseId: $case, id: $id) { title version
    fileBatches(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { id label } } } }"""
# Nothing was changed, or nobody knows: either way it may be asked for again with the same id.
AGAIN = {"UNAVAILABLE", "UNKNOWN_OUTCOME", "DEADLINE_EXCEEDED"}


class Place:
    """Where all of them are at work: a server that comes and goes, a case, and its events."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = ""
        self.case = ""
        self.events: list[str] = []
        self.ends = threading.Event()
        self.failed = threading.Event()

    def token(self, subject: str) -> str:
        """Return a valid token."""
        return sign(self.settings, SECRET, subject=subject, lifetime=timedelta(hours=1))

    @contextmanager
    def owner(self) -> Iterator[Client]:
        """Yield the owner of the case, at the server that is up."""
        with httpx.Client(base_url=self.url, timeout=PATIENCE) as http:
            yield Client(http, "owner", self.token("owner"))


@dataclass
class Made:
    """A change that was acknowledged."""

    mutation: str
    given: dict[str, Any]
    row: str
    change: dict[str, Any]


@dataclass
class Writer:
    """Changes the case, one change after the other, each until it is known what became of it."""

    place: Place
    number: int
    made: dict[str, Made] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    replayed: int = 0
    unanswered: int = 0
    batches: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """Who they are."""
        return f"writer {self.number}"

    def go_on(self) -> None:
        """Change this and that until the end."""
        chance = random.Random(self.number)  # noqa: S311 - to be had again
        headers = {"Authorization": f"Bearer {self.place.token(self.subject)}"}
        with httpx.Client(headers=headers, timeout=PATIENCE) as http:
            while not self.place.ends.is_set():
                self._step(http, chance)

    def _step(self, http: httpx.Client, chance: random.Random) -> None:
        number = len(self.made) + len(self.refused)
        event = chance.choice(self.place.events)
        on_event = {"eventId": event, "label": f"{self.subject}, {number}"}
        what = chance.randrange(12)
        if what < 4:
            created = self._ask(http, "createFileBatch", "fileBatch { id }", on_event)
            assert created is not None
            self.batches[created] = event
        elif what < 8:
            given: dict[str, Any] = {"id": event, "title": f"{self.subject}, {number}"}
            if what == 4 and event in self.versions:  # seen some time ago
                given["expectedVersion"] = self.versions[event]
            self._ask(http, "updateEvent", "event { id version }", given, "CONFLICT" if what == 4 else None)
        elif what == 8 and self.batches:
            row = chance.choice([*self.batches])
            where = {"eventId": self.batches[row], "id": row}
            if chance.random() < 0.3:
                assert (
                    self._ask(http, "deleteFileBatch", "deletedId", where | {"expectedVersion": 9}, "CONFLICT") is None
                )
            else:
                assert self._ask(http, "deleteFileBatch", "deletedId", where) == row
                del self.batches[row]
        elif what == 9:
            selection = f"fileBatch {{ id {TOO_LARGE} }}"
            assert self._ask(http, "createFileBatch", selection, on_event, "LIMIT_EXCEEDED") is None
        elif what == 10:
            assert (
                self._ask(http, "createFileBatch", "fileBatch { id }", on_event | {"label": " "}, "INVALID_INPUT")
                is None
            )
        else:
            nowhere = on_event | {"eventId": self.place.case}
            assert self._ask(http, "createFileBatch", "fileBatch { id }", nowhere, "NOT_FOUND") is None

    def _ask(
        self, http: httpx.Client, mutation: str, selection: str, given: dict[str, Any], refusal: str | None = None
    ) -> str | None:
        """Ask for a change until it is made or refused, for that reason and no other; return the id of the row."""
        request = f"writer-{self.number:02}-{len(self.made) + len(self.refused):06}"
        type_ = mutation[0].upper() + mutation[1:] + "Input"
        document = f"mutation ($input: {type_}!) {{ {mutation}(input: $input) {{ {selection} {ANSWER} }} }}"
        body = {"query": document, "variables": {"input": {**given, "caseId": self.place.case, "requestId": request}}}
        while not self.place.failed.is_set():
            try:
                answer = http.post(f"{self.place.url}/graphql", json=body).json()
            except httpx.TransportError:
                self.unanswered += 1
                time.sleep(0.1)
                continue
            codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
            if codes and codes[0] in AGAIN:
                time.sleep(0.02)
                continue
            payload = {} if codes else answer["data"][mutation]
            codes += [error["code"] for error in payload.get("errors", [])]
            if codes:
                assert codes == [refusal], answer
                self.refused[request] = codes[0]
                return None
            self.replayed += payload["replayed"]
            row = payload["deletedId"] if mutation == "deleteFileBatch" else None
            row = row or payload["event" if mutation == "updateEvent" else "fileBatch"]["id"]
            if mutation == "updateEvent":
                self.versions[row] = payload["event"]["version"]
            self.made[request] = Made(mutation, given, row, payload["change"])
            return str(row)
        raise AssertionError("another one failed")


def cut_connections(place: Place) -> int:
    """Cut connections of PostgreSQL until the end, of those who change the case; return how many."""

    async def work() -> int:
        cut = 0
        connection = await asyncpg.connect(address(place.settings.database_url))
        while not place.ends.is_set():
            cut += await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE datname = "
                "current_database() AND pid <> pg_backend_pid() AND query LIKE '%journal%' "
                "ORDER BY state = 'idle', random() LIMIT 1) AS one"
            )
            await asyncio.sleep(random.random())  # noqa: S311 - no secret
        await connection.close()
        return cut

    return asyncio.run(work())


def watch_head(place: Place) -> dict[int, str]:
    """Look at the head of the journal until the end; return the roots by their sizes."""
    seen: dict[int, str] = {}
    headers = {"Authorization": f"Bearer {place.token('owner')}"}
    body = {"query": JOURNAL, "variables": {"id": place.case}}
    with httpx.Client(headers=headers, timeout=PATIENCE) as http:
        while not place.ends.is_set():
            time.sleep(0.1)
            try:
                answer = http.post(f"{place.url}/graphql", json=body).json()
            except httpx.TransportError:
                continue
            if "errors" not in answer:
                head = answer["data"]["case"]["journal"]
                assert seen.setdefault(head["size"], head["root"]) == head["root"]
    return seen


def prepare(place: Place, owner: Client) -> int:
    """Make the case, its events and its members; return how many entries that takes."""
    place.case = owner.create_case()
    place.events = [owner.create_event(place.case, description=DESCRIPTION) for _ in range(EVENTS)]
    for number in range(WRITERS):
        member = {"caseId": place.case, "subject": f"writer {number}", "role": "EDITOR"}
        assert owner.change("setCaseMember", "errors { code }", **member) == {"errors": []}
    size: int = owner.run(JOURNAL, id=place.case)["case"]["journal"]["size"]
    return size


def history(client: Client, case: str) -> Iterator[dict[str, Any]]:
    """Iterate over the entries of a case."""
    after = None
    while True:
        page = client.run(HISTORY, id=case, after=after)["case"]["history"]
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def event_with_batches(client: Client, case: str, event: str) -> tuple[str, int, dict[str, str]]:
    """Return the title of an event, its version, and the labels of its batches by their ids."""
    batches: dict[str, str] = {}
    after = None
    while True:
        found = client.run(EVENT, case=case, id=event, after=after)["event"]
        batches |= {batch["id"]: batch["label"] for batch in found["fileBatches"]["nodes"]}
        if not found["fileBatches"]["pageInfo"]["hasNextPage"]:
            return found["title"], found["version"], batches
        after = found["fileBatches"]["pageInfo"]["endCursor"]


def roots(settings: Settings, case: str) -> dict[int, str]:
    """Return the roots of the tree over the entries of a case, by how many they are."""

    def nodes(connection: Connection) -> list[bytes]:
        entries = table_of(JournalEntry).c
        return [
            *connection.execute(select(entries.nodes).where(entries.case_id == case).order_by(entries.seq)).scalars()
        ]

    frontier, found = b"", {}
    for size, each in enumerate(ask(settings, nodes)):
        frontier, _ = extended(size, frontier, each[:HASH_BYTES])
        found[size + 1] = root(frontier).hex()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_acknowledged_is_there_once_and_what_is_refused_is_not(
    new_database: Callable[[str], str], kind: str, tmp_path: Path
) -> None:
    environment = SETTINGS | {"DOSSIER_DATABASE_URL": new_database(kind)}
    settings = from_environment(environment)
    migrate(settings)
    place = Place(settings)
    writers = [Writer(place, number) for number in range(WRITERS)]
    log = ""
    at_work: list[Future[Any]] = []
    with ThreadPoolExecutor(WRITERS + 2) as threads:
        try:
            for life in range(LIVES):
                with (
                    started(tmp_path, "--workers", str(WORKERS), **environment) as (process, place.url),
                    place.owner() as owner,
                ):
                    if not at_work:
                        prepared = prepare(place, owner)
                        watched = threads.submit(watch_head, place)
                        cut = threads.submit(cut_connections, place) if kind == "postgresql" else None
                        at_work = [threads.submit(writer.go_on) for writer in writers]
                    wait(at_work, LIFE_SECONDS, FIRST_EXCEPTION)
                    if life == LIVES - 1 or any(each.done() for each in at_work):
                        place.ends.set()
                        for each in at_work:
                            each.result()
                        check(place, owner, writers, prepared, watched.result())
                    os.killpg(process.pid, signal.SIGKILL)
                    log += process.communicate(timeout=PATIENCE)[1]
        except BaseException:
            place.failed.set()  # or those at work would ask for ever
            raise
        finally:
            place.ends.set()
    assert cut is None or cut.result() > LIVES
    assert "unexpected" not in log, log
    assert verify(settings, tmp_path)[0] == 0


def check(place: Place, owner: Client, writers: list[Writer], prepared: int, heads: dict[int, str]) -> None:
    """Compare what writers were told with what is there."""
    entries = [*history(owner, place.case)]
    assert [entry["seq"] for entry in entries] == [*range(1, len(entries) + 1)]
    of_requests = entries[prepared:]
    made = {(writer.subject, request): made for writer in writers for request, made in writer.made.items()}
    # A writer takes up the case by their first change, which has an entry of its own with the same request.
    taken_up = [entry for entry in of_requests if entry["on"]["type"] == "MEMBER"]
    assert len(taken_up) == len({entry["by"]["subject"] for entry in taken_up}) == WRITERS
    found = {
        (entry["by"]["subject"], entry["requestId"]): entry for entry in of_requests if entry["on"]["type"] != "MEMBER"
    }
    assert len(found) + WRITERS == len(of_requests)
    assert found.keys() == made.keys()
    kinds = {"createFileBatch": "CREATED", "updateEvent": "UPDATED", "deleteFileBatch": "DELETED"}
    for key, entry in found.items():
        change = made[key]
        assert (entry["kind"], entry["on"]["id"]) == (kinds[change.mutation], change.row)
        assert {"id": entry["id"], "seq": entry["seq"]} == change.change
    refusals = {code for writer in writers for code in writer.refused.values()}
    assert refusals == {"CONFLICT", "INVALID_INPUT", "LIMIT_EXCEEDED", "NOT_FOUND"}
    kept = ask(
        place.settings, lambda connection: connection.execute(select(table_of(Request).c.request_id)).scalars().all()
    )
    assert sorted(kept) == sorted(request for _, request in made)
    for event in place.events:
        title, version, batches = event_with_batches(owner, place.case, event)
        updates = [made[key] for key, entry in found.items() if entry["on"]["id"] == event]
        assert (title, version) == (updates[-1].given["title"], 1 + len(updates))
        deleted = {each.row for each in made.values() if each.mutation == "deleteFileBatch"}
        assert batches == {
            each.row: each.given["label"]
            for each in made.values()
            if each.mutation == "createFileBatch" and each.given["eventId"] == event and each.row not in deleted
        }
    # No journal that anybody has seen was another than the beginning of this one.
    assert heads.items() <= roots(place.settings, place.case).items()
    assert len(heads) > LIVES
