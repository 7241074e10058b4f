"""Changes through a network that loses whatever it likes: those that are sent again are made once."""

from __future__ import annotations

import asyncio
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.commands import PATIENCE, dossier, serving
from tests.conftest import KINDS
from tests.server import SECRET, Client

pytestmark = pytest.mark.endurance

CHANGES = 5_000
CLIENTS = 16
EVENTS = 20  # among which the changes are shared out
LOSSES = 0.3  # of all requests

CREATE = """
mutation ($input: CreateFileBatchInput!) {
  createFileBatch(input: $input) { fileBatch { label } replayed errors { message } }
}
"""
CASE = """
query ($id: ID!, $event: ID!, $after: String) {
  case(id: $id) { journal { size } history { totalCount } events { totalCount } }
  event(caseId: $id, id: $event) {
    fileBatches(first: 100, after: $after) { totalCount nodes { label } pageInfo { hasNextPage endCursor } }
  }
}
"""


class Fate(Enum):
    """When a connection is cut."""

    IN_THE_REQUEST = auto()
    BEHIND_THE_REQUEST = auto()  # while the server is at work on it
    BEFORE_THE_ANSWER = auto()
    IN_THE_ANSWER = auto()


class Loser:
    """A proxy that passes requests on, one after another on a connection, and cuts connections at random."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = parts.hostname, parts.port
        self._random = random.Random(20260101)  # noqa: S311 - chance is what is wanted
        self.met: Counter[Fate] = Counter()

    async def pass_on(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Serve a connection until it is cut, or the client closes it."""
        server, there = await asyncio.open_connection(*self._target)
        try:
            while True:
                request = await _message(client)
                fate = self._random.choice(list(Fate)) if self._random.random() < LOSSES else None
                if fate is not None:
                    self.met[fate] += 1
                there.write(self._part(request) if fate is Fate.IN_THE_REQUEST else request)
                await there.drain()
                if fate in {Fate.IN_THE_REQUEST, Fate.BEHIND_THE_REQUEST}:
                    await asyncio.sleep(self._random.choice((0, 0.002)))
                    return
                answer = await _message(server)
                if fate is Fate.BEFORE_THE_ANSWER:
                    return
                back.write(self._part(answer) if fate is Fate.IN_THE_ANSWER else answer)
                await back.drain()
                if fate is Fate.IN_THE_ANSWER:
                    return
        except (OSError, asyncio.IncompleteReadError):
            return  # one of them has left
        finally:
            # In good order, or by a reset, which overtakes what was written.
            for writer in (there, back):
                self._random.choice((writer.close, writer.transport.abort))()

    def _part(self, message: bytes) -> bytes:
        return message[: self._random.randrange(len(message))]


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return the next request or answer of a connection, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)\r\n", head, re.IGNORECASE)
    assert length is not None
    return head + await reader.readexactly(int(length[1]))


@contextmanager
def losing(target: str) -> Iterator[tuple[Loser, str]]:
    """Run the proxy before a server; yield it with its address."""
    loser = Loser(target)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening = asyncio.run_coroutine_threadsafe(asyncio.start_server(loser.pass_on, "127.0.0.1", 0), loop).result()
    try:
        yield loser, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_closed(listening), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _closed(listening: asyncio.Server) -> None:
    listening.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def label(number: int) -> str:
    return f"Batch {number:04}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_until_it_is_answered_is_made_once(
    kind: str, new_database: Callable[[str], str], tmp_path: Path
) -> None:
    settings = {"DOSSIER_DATABASE_URL": new_database(kind), "DOSSIER_JWT_SECRET": SECRET}
    assert dossier(tmp_path, "migrate", **settings).returncode == 0
    token = dossier(tmp_path, "token", "--subject", "alice", **settings).stdout.strip()
    with serving(tmp_path, "--workers", "4", **settings) as (_, url), losing(url) as (loser, address):
        with httpx.Client(base_url=url, timeout=PATIENCE) as http:
            client = Client(http, "alice", token)
            case = client.create_case()
            events = [client.create_event(case) for _ in range(EVENTS)]

        def create(numbers: range) -> tuple[int, int]:
            """Create batches; return how often something was sent, and how often it was there already."""
            sent = replayed = 0
            with httpx.Client(base_url=address, timeout=PATIENCE) as http:
                client = Client(http, "alice", token)
                for number in numbers:
                    given = {"caseId": case, "eventId": events[number % EVENTS], "label": label(number)}
                    answer = None
                    while answer is None:
                        sent += 1
                        try:
                            answer = client.run(CREATE, input=given | {"requestId": f"request-{number:08}"})
                        except httpx.TransportError:
                            continue
                    payload = answer["createFileBatch"]
                    assert (payload["fileBatch"], payload["errors"]) == ({"label": label(number)}, [])
                    replayed += payload["replayed"]
            return sent, replayed

        with ThreadPoolExecutor(CLIENTS) as pool:
            done = list(pool.map(create, (range(first, CHANGES, CLIENTS) for first in range(CLIENTS))))
        assert sum(sent for sent, _ in done) >= CHANGES + loser.met.total()
        assert min(loser.met[fate] for fate in Fate) > CHANGES * LOSSES / 5
        assert sum(replayed for _, replayed in done) > loser.met[Fate.BEFORE_THE_ANSWER] / 2

        with httpx.Client(base_url=url, timeout=PATIENCE) as http:
            client = Client(http, "alice", token)
            labels: Counter[str] = Counter()
            for event in events:
                after, has_more = None, True
                while has_more:
                    found = client.run(CASE, id=case, event=event, after=after)
                    batches = found["event"]["fileBatches"]
                    assert batches["totalCount"] == CHANGES // EVENTS
                    labels.update(batch["label"] for batch in batches["nodes"])
                    after, has_more = batches["pageInfo"]["endCursor"], batches["pageInfo"]["hasNextPage"]
        assert labels == Counter(label(number) for number in range(CHANGES))
        entries = 2 + EVENTS + CHANGES  # the case and its owner, too
        assert found["case"] == {
            "journal": {"size": entries},
            "history": {"totalCount": entries},
            "events": {"totalCount": EVENTS},
        }
        verified = dossier(tmp_path, "verify", **settings)
        assert (verified.returncode, verified.stderr) == (0, ""), verified.stdout
