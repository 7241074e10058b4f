"""Copies that are kept by the feed, while many write and everything is cut off again and again: nothing is missed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.identity import sign
from app.settings import from_environment
from tests import server as inside
from tests.commands import dossier, serving
from tests.conftest import KINDS
from tests.histories import History
from tests.server import SECRET, Client, key_file

WRITERS, CASES, CUTS, SECONDS = 50, 20, 500, 75
RESTARTS = 3
PATIENCE = 1_200  # seconds that the cuts may take
LASTING = 5  # seconds that a role lasts at most that ends by itself
SETTINGS = {"DOSSIER_JWT_SECRET": SECRET, "DOSSIER_GRACE": "1"}
_ISSUING = from_environment(SETTINGS)
_PLACE = Path(__file__).parents[1] / "clients" / "keep_copy.py"
_SPEC = importlib.util.spec_from_file_location("keep_copy", _PLACE)
assert _SPEC is not None and _SPEC.loader is not None, _PLACE  # noqa: PT018 - it is a file of Python
keep_copy: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(keep_copy)


def token(subject: str, *roles: str) -> dict[str, str]:
    signed = sign(_ISSUING, SECRET, subject=subject, roles=roles, lifetime=timedelta(hours=1))
    return {"Authorization": f"Bearer {signed}"}


# The servers


class Servers:
    """`dossier serve` on a database, killed and started again when it is asked for."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self._settings = SETTINGS | {"DOSSIER_DATABASE_URL": database, "DOSSIER_CHECKPOINT_KEY": str(key_file())}
        done = dossier(folder, "migrate", **self._settings)
        assert done.returncode == 0, done.stderr
        self._running = ExitStack()
        self.url = ""

    def start(self) -> None:
        _, self.url = self._running.enter_context(serving(self._folder, "--workers", "4", **self._settings))

    def kill(self) -> None:
        self._running.close()


class Cutting:
    """Passes connections on to the servers, and cuts them off amid an answer as long as it is told to."""

    def __init__(self, servers: Servers, seed: int) -> None:
        self._servers = servers
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.cuts = 0
        self.is_cutting = True

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _pass_on(self, client: socket.socket) -> None:
        # So many bytes of its answers a connection lives: some end amid the head of one, most amid a body.
        most = self._random.choice([200, 1_000, 5_000, 20_000])
        left = self._random.randrange(most) if self.is_cutting else None
        url = httpx.URL(self._servers.url)
        with contextlib.suppress(OSError), client, socket.create_connection((url.host, url.port or 0)) as server:
            threading.Thread(target=_send, args=(client, server), daemon=True).start()
            while data := server.recv(65_536):
                if left is not None and len(data) >= left:
                    client.sendall(data[:left])
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                    server.shutdown(socket.SHUT_RDWR)
                    return
                left = None if left is None else left - len(data)
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


def _send(from_: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := from_.recv(65_536):
            to.sendall(data)
        to.shutdown(socket.SHUT_RDWR)


# Who writes


class Writers:
    """Administrators who make changes at random, each in a thread, until they are stopped."""

    def __init__(self, servers: Servers, member: str) -> None:
        self._servers, self._member = servers, member
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(number,), daemon=True) for number in range(WRITERS)]
        self._cases: list[str] = []
        self.made: Counter[str] = Counter()
        self.failures: list[BaseException] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Tell them to stop."""
        self._stop.set()

    def stop(self) -> None:
        self.end()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        dice = random.Random(number)  # noqa: S311 - no secret
        while not self._stop.is_set():
            # A new one each time that the servers are others.
            with httpx.Client(base_url=self._servers.url, timeout=30) as http:
                client = Client(http, f"writer-{number}", "")
                client.headers = token(f"writer-{number}", "admin")
                try:
                    while not self._stop.is_set():
                        self._change(client, dice)
                        # Who keeps a copy finds room beside fifty writers on a small machine, too.
                        time.sleep(2 * dice.random())
                except (httpx.TransportError, json.JSONDecodeError):
                    time.sleep(0.2)
                except AssertionError as error:
                    # A server that ends says so; a change whose commit it didn't see may have been made.
                    if not any(word in str(error) for word in ("UNAVAILABLE", "UNKNOWN_OUTCOME", "503")):
                        self.failures.append(error)
                        return
                    time.sleep(0.2)

    def _change(self, client: Client, dice: random.Random) -> None:
        if len(self._cases) < CASES:
            self._cases.append(client.create_case(title=f"Case {dice.random()}"))
            self._give(client, dice, self._cases[-1])
            return
        case = dice.choice(self._cases)
        kind = dice.choices(["give", "take", "delete", "update", "event", "others"], [6, 3, 1, 4, 20, 3])[0]
        self.made[kind] += 1
        match kind:
            case "give":
                self._give(client, dice, case)
            case "take":
                self._send(client, "removeCaseMember", caseId=case, subject=self._member)
            case "delete":
                if case in self._cases:
                    with contextlib.suppress(ValueError):
                        self._cases.remove(case)
                    self._send(client, "deleteCase", id=case)
            case "update":
                self._send(client, "updateCase", id=case, title=f"É {dice.random()}", description="x" * 9)
            case "others":
                given = {"caseId": case, "subject": f"other-{dice.randrange(5)}"}
                self._send(client, "setCaseMember", **given, role=dice.choice(["VIEWER", "EDITOR"]))
                if dice.random() < 0.5:
                    self._send(client, "removeCaseMember", **given)
            case _:
                self._event(client, dice, case)

    def _give(self, client: Client, dice: random.Random, case: str) -> None:
        given: dict[str, Any] = {"caseId": case, "subject": self._member, "role": dice.choice(["VIEWER", "EDITOR"])}
        if dice.random() < 0.5:
            ends = datetime.now(UTC) + timedelta(seconds=dice.uniform(0.2, LASTING))
            given["expiresAt"] = ends.isoformat()
        elif dice.random() < 0.5:
            given["expiresAt"] = None
        self._send(client, "setCaseMember", **given)

    def _event(self, client: Client, dice: random.Random, case: str) -> None:
        found = client.run(
            "query ($id: ID!) { case(id: $id) { events(orderBy: CREATED_AT_DESC, first: 25) { nodes { id fileBatches "
            "{ nodes { id } } } } } }",
            id=case,
        )["case"]
        if found is None:
            return
        events = found["events"]["nodes"]
        values = {"title": f"Event {dice.random()}", "sortOrder": dice.randrange(9)}
        if len(events) < 4:
            self._send(client, "createEvent", caseId=case, occurredAt="2026-01-01T00:00:00Z", **values)
            return
        event = dice.choice(events)
        place = {"caseId": case, "eventId": event["id"]}
        batches = [batch["id"] for batch in event["fileBatches"]["nodes"]]
        match dice.randrange(7):
            case 0 | 1:
                self._send(client, "createEvent", caseId=case, occurredAt="2026-01-01T00:00:00Z", **values)
            case 2:
                self._send(client, "updateEvent", caseId=case, id=event["id"], **values)
            case 3:
                if len(events) > 20 or dice.random() < 0.3:
                    self._send(client, "deleteEvent", caseId=case, id=event["id"])
            case 4 if batches:
                self._send(client, "updateFileBatch", **place, id=dice.choice(batches), fileCount=dice.randrange(99))
            case 5 if batches:
                self._send(client, "deleteFileBatch", **place, id=dice.choice(batches))
            case _:
                self._send(client, "createFileBatch", **place, label=f"Batch {dice.random()}")

    @staticmethod
    def _send(client: Client, name: str, **given: Any) -> None:
        client.change(name, "errors { message }", **given)  # which may have gone meanwhile


# Who keeps a copy


class Thrown(Exception):  # noqa: N818 - it is no error, but what is tried
    """The process ended."""


class Keeper(keep_copy.Copy):  # type: ignore[misc]
    """A copy that notes what it heard, in what is stored, and is thrown away amid its work now and then."""

    dice = random.Random(7)  # noqa: S311 - no secret
    is_thrown = True
    thrown = 0

    def take(self, kind: str, case_id: str, change: Any) -> None:
        """Note an entry, and take it."""
        if self.is_thrown and self.dice.random() < 0.002:
            Keeper.thrown += 1
            raise Thrown
        if change is not None:
            self.heard.append([case_id, change["seq"], change["id"]])
        super().take(kind, case_id, change)

    def read(self, case_id: str) -> None:
        """Note that a case is read whole, and up to where."""
        super().read(case_id)
        if (held := self.state["cases"].get(case_id)) is not None:
            self.heard.append([case_id, held["size"], None])

    @property
    def heard(self) -> list[list[Any]]:
        """The changes of the feed, and the cases that were read whole, in their order."""
        heard: list[list[Any]] = self.state.setdefault("heard", [])
        return heard


class Keeping:
    """Keeps a copy in a thread, through connections that are cut off."""

    def __init__(self, servers: Servers, file: Path, headers: dict[str, str], seed: int) -> None:
        self.cutting, self.file, self._headers = Cutting(servers, seed), file, headers
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self.cutting.run, self._keep)]
        self.failures: list[BaseException] = []

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let nothing be cut off any longer, and keep on until all is told."""
        self.cutting.is_cutting = False
        self._stop.set()
        self._threads[1].join()
        self.cutting.close()

    @property
    def cuts(self) -> int:
        return self.cutting.cuts

    @contextmanager
    def _keeper(self) -> Iterator[Keeper]:
        with httpx.Client(base_url=self.cutting.url, headers=self._headers, timeout=30) as http:
            yield Keeper(http, self.file)

    def _keep(self) -> None:
        try:
            is_read = False
            while not (is_read and self._stop.is_set()):
                with contextlib.suppress(Thrown), self._keeper() as keeper:
                    keeper.is_thrown = not self._stop.is_set()
                    while not (is_read := keeper.go_on()) or not self._stop.is_set():
                        keeper.is_thrown = not self._stop.is_set()
                        time.sleep(0.02 * is_read)
        except BaseException as error:  # noqa: BLE001 - told where it is looked at
            self.failures.append(error)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_bytes())
        return found


def read_whole(http: httpx.Client, folder: Path) -> dict[str, Any]:
    """Return all cases as the server says that they are."""
    copy = keep_copy.Copy(http, folder / "whole.json")
    query = "query ($after: String) { cases(after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"
    end = {"hasNextPage": True, "endCursor": None}
    while end["hasNextPage"]:
        page = copy.ask("cases", query, after=end["endCursor"])
        end = page["pageInfo"]
        for case in page["nodes"]:
            copy.read(case["id"])
    cases: dict[str, Any] = copy.state["cases"]
    return cases


def history(http: httpx.Client, case_id: str) -> dict[int, str]:
    """Return the ids of a case's changes by their numbers."""
    copy = keep_copy.Copy(http, Path("nowhere.json"))
    query = """query ($case: ID!, $after: String) { case(id: $case) { history(first: 100, after: $after) {
        nodes { seq id } pageInfo { hasNextPage endCursor } } } }"""
    return {change["seq"]: change["id"] for change in copy.nodes("case", "history", query, case=case_id)}


def faults(state: dict[str, Any], http: httpx.Client) -> Iterator[str]:
    """Yield what a copy heard twice, and what it didn't hear."""
    of_changes = Counter(change for _, _, change in state["heard"] if change is not None)
    yield from (f"{change} came {count} times" for change, count in of_changes.items() if count > 1)
    for case_id, held in state["cases"].items():
        heard = [entry[1:] for entry in state["heard"] if entry[0] == case_id]
        last = max(place for place, (_, change) in enumerate(heard) if change is None)
        size = heard[last][0]
        told = {seq: change for seq, change in heard[last + 1 :] if seq > size}
        should = {seq: change for seq, change in history(http, case_id).items() if seq > size}
        if told != should or held["size"] != max(should, default=size):
            yield f"of {case_id} behind {size}: {sorted(told)} is not {sorted(should)}"


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_what_the_server_has(
    kind: str, tmp_path: Path, new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.record.removal.AT_ONCE", 2)  # so that what is deleted and restored goes in slices
    with inside.serving(kind, new_database(kind)) as server:
        history_ = History(server, 11)
        clients = {"member": history_.users[0], "auditor": server.client("auditor", roles=("auditor",))}
        for _ in range(3):
            history_.go_on(60)
            for name, client in clients.items():
                with httpx.Client(base_url=server.url, headers=client.headers, timeout=30) as http:
                    kept = Keeper(http, tmp_path / f"{name}.json")
                    kept.is_thrown = False
                    until = time.monotonic() + 10
                    while not kept.go_on() or kept.state["cases"] != read_whole(http, tmp_path):
                        assert time.monotonic() < until, name
                    assert kept.state["cases"] != {}
                    assert [*faults(kept.state, http)] == [], name


@pytest.mark.endurance
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_what_the_server_has_whatever_is_cut_off(
    kind: str, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    servers = Servers(tmp_path, new_database(kind))
    servers.start()
    writers = Writers(servers, "keeper")
    try:
        viewers = {"keeper": token("keeper"), "auditor": token("auditor", "auditor")}
        keepings = [
            Keeping(servers, tmp_path / f"{name}.json", headers, seed)
            for seed, (name, headers) in enumerate(viewers.items())
        ]
        began = time.monotonic()
        writers.start()
        for keeping in keepings:
            keeping.start()
        for restart in range(1, RESTARTS + 1):
            time.sleep(SECONDS / (RESTARTS + 1))
            servers.kill()
            time.sleep(restart)
            servers.start()
        while sum(each.cuts for each in keepings) < CUTS or time.monotonic() < began + SECONDS:
            assert time.monotonic() < began + PATIENCE, [each.cuts for each in keepings]
            time.sleep(0.2)
        writers.stop()
        time.sleep(LASTING + 2.5)  # until roles have ended, and all is in the log
        for keeping in keepings:
            keeping.stop()
        assert [*writers.failures, *(failure for each in keepings for failure in each.failures)] == []
        print(kind, writers.made, [each.cuts for each in keepings], Keeper.thrown)  # noqa: T201 - for whoever looks
        for (name, headers), keeping in zip(viewers.items(), keepings, strict=True):
            with httpx.Client(base_url=servers.url, headers=headers, timeout=30) as http:
                state, cases = keeping.state(), read_whole(http, tmp_path)
                print(name, len(cases), len(state["heard"]))  # noqa: T201
                assert [*faults(state, http)] == [], name
                assert state["cases"].keys() == cases.keys(), name
                for case_id in cases:
                    kept, is_ = (json.dumps(each[case_id], sort_keys=True) for each in (state["cases"], cases))
                    assert kept == is_, name
    finally:
        writers.end()
        servers.kill()
