"""A change of `dossier collect` that arrives when it has been broken off, while the next one goes on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from app.commands.plans import Choice
from app.commands.recording import BrokenOffError
from tests import between as troubles
from tests.between import Between, Exchange, between
from tests.collecting import collect
from tests.commands import PATIENCE
from tests.server import Client, Server
from tests.test_collect import bearer, only_case

pytestmark = pytest.mark.slow

THERE = """
query ($id: ID!) {
  case(id: $id) {
    status
    events(first: 100) { nodes { id title occurredAt } }
    fileBatches(first: 100) { nodes { label event { id } fileCount files(first: 100) { nodes { path } } } }
  }
}
"""


def there(client: Client) -> tuple[str, Counter[str], Counter[tuple[str, str, int]], Counter[str]]:
    """Return a case's status, its events with their dates, its batches with these, and the files that are listed."""
    case: Any = client.run(THERE, id=only_case(client)["id"])["case"]
    dates = {event["id"]: event["occurredAt"][:10] for event in case["events"]["nodes"]}
    batches = case["fileBatches"]["nodes"]
    return (
        case["status"],
        Counter(f"{dates[event['id']]}: {event['title']}" for event in case["events"]["nodes"]),
        Counter((dates[batch["event"]["id"]], batch["label"], batch["fileCount"]) for batch in batches),
        Counter(file["path"] for batch in batches for file in batch["files"]["nodes"]),
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with four files on two days, in three batches."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for name, day in {"a.txt": 0, "b.txt": 0, "c.pdf": 0, "d.txt": 1}.items():
        (folder / name).write_text(name)
        os.utime(folder / name, ns=(0, day * 86_400 * 10**9))
    return folder


def held_up(way: Between, client: Client, folder: Path, choice: Choice, at: int) -> Exchange:
    """Collect until a request is held up on its way, and then give up at once; return that request."""
    held: list[Exchange] = []
    over = threading.Event()

    def holding(exchange: Exchange) -> None:
        held.append(exchange)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
        over.wait(PATIENCE)

    way.troubles[at] = holding
    with pytest.raises(BrokenOffError, match="incomplete"):
        collect(folder, "T", way.url, bearer(client), choice=choice)
    over.set()
    return held[0]


BY_DAY = (
    Counter(["1970-01-01: 3 files last modified", "1970-01-02: 1 file last modified"]),
    Counter([("1970-01-01", "tree/ (.txt)", 2), ("1970-01-01", "tree/ (.pdf)", 1), ("1970-01-02", "tree/ (.txt)", 1)]),
)


@pytest.mark.parametrize("is_hashed", [False, True])
def test_a_change_that_arrives_late_is_made_once(server: Server, tree: Path, *, is_hashed: bool) -> None:
    """Whichever change is held up (events, batches, lists), and whenever it arrives while the case is gone on with."""
    expected = ("ACTIVE", *BY_DAY, Counter(["a.txt", "b.txt", "c.pdf", "d.txt"] if is_hashed else []))
    for at in range(3, 6 if is_hashed else 5):
        for found in gone_on_with(server, tree, Choice(hashed=is_hashed), at, lambda: None):
            assert found == expected


def test_events_that_arrive_late_are_known_by_what_tells_them_apart(server: Server, tree: Path) -> None:
    """An event for all files is at the moment of the walk, and its title counts them: both are others by then."""
    numbers = count()

    def changed() -> None:
        (tree / f"{next(numbers)}.txt").touch()

    for files, found in enumerate(gone_on_with(server, tree, Choice(by="none"), 3, changed), start=5):
        status, events, batches, _ = found
        assert status == "ACTIVE"
        assert [title.partition(": ")[2] for title in events.elements()] == [f"{files} files last modified"]
        assert sorted((label, files) for _, label, files in batches.elements()) == [
            ("tree/ (.pdf)", 1),
            ("tree/ (.txt)", files - 1),
        ]


def test_what_was_deleted_or_altered_by_hand_is_made_anew(server: Server, tree: Path) -> None:
    """What was made is asked for again, and is not mistaken for what is there."""
    for what in ("deleteEvents", "updateEvent"):
        client = server.client()
        with between(server.url) as way:
            way.troubles[4] = interrupted
            with pytest.raises(BrokenOffError):
                collect(tree, "T", way.url, bearer(client))
        case = only_case(client)
        events = client.run(THERE, id=case["id"])["case"]["events"]["nodes"]
        if what == "deleteEvents":
            deleted = client.change(what, "errors { message }", caseId=case["id"], ids=[each["id"] for each in events])
            assert deleted["errors"] == []
        else:
            for number, event in enumerate(events):
                moment = f"1990-01-0{number + 1}T00:00:00Z"
                given = {"caseId": case["id"], "id": event["id"], "occurredAt": moment}
                assert client.change(what, "errors { message }", **given)["errors"] == []
        collect(tree, None, f"{server.url}/graphql", bearer(client), case=str(case["number"]))
        assert there(client) == ("ACTIVE", *BY_DAY, Counter())


def interrupted(exchange: Exchange) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    troubles.passed_on(exchange)


def gone_on_with(server: Server, folder: Path, choice: Choice, at: int, meanwhile: Callable[[], None]) -> Iterator[Any]:
    """Hold up a request, and let it arrive at each moment of going on; yield what is there then, each time."""
    moment, is_over = 0, False
    while not is_over:
        moment += 1
        client = server.client()
        with between(server.url) as way:
            late = held_up(way, client, folder, choice, at)
            meanwhile()

            def arriving(exchange: Exchange, late: Exchange = late) -> None:
                late.ask()
                troubles.passed_on(exchange)

            way.requests.clear()
            way.troubles = {moment: arriving}
            collect(folder, None, way.url, bearer(client), case=str(only_case(client)["number"]))
            is_over = len(way.requests) < moment
        yield there(client)
    assert moment > 6
