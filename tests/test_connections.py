"""Slow, broken and oversized requests, and the end of the server, all seen from a socket."""

from __future__ import annotations

import json
import re
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from app.db.sqlite_writer import writing_lock
from app.settings import from_environment
from tests.commands import PATIENCE, started
from tests.server import SECRET, Client, Server, serving
from tests.test_deadlines import ENDLESS, EVENTS


@pytest.fixture(scope="module")
def server(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server at which a request has a second to arrive."""
    with serving("sqlite", new_database("sqlite"), DOSSIER_RECEIVE_SECONDS="1") as running:
        yield running


def connected(url: str) -> closing[socket.socket]:
    """Return a connection to a server."""
    address = httpx.URL(url)
    return closing(socket.create_connection((address.host, address.port), timeout=10))


def everything(connection: socket.socket) -> bytes:
    """Return all that a server sends until it closes the connection."""
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def refusal(answer: bytes) -> tuple[int, str]:
    """Return the status and the message of an answer that is the last of its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head.lower()
    assert b"content-type: application/json" in head.lower()
    assert b"x-content-type-options: nosniff" in head.lower()
    return int(head.split()[1]), json.loads(body)["errors"][0]["message"]


def request(client: Client, query: str) -> bytes:
    """Return a request as it is sent."""
    body = json.dumps({"query": query}).encode()
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: dossier\r\nAuthorization: {client.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


LATE = (408, "the request has to arrive within 1 seconds")


@pytest.mark.parametrize("part", ["the line", "the headers", "no body", "half the body"])
def test_a_request_that_does_not_arrive_in_time_is_ended(server: Server, alice: Client, part: str) -> None:
    whole = request(alice, "{ viewer { id } }")
    body = whole.index(b"\r\n\r\n") + 4
    sent = whole[: {"the line": 10, "the headers": 40, "no body": body, "half the body": body + 5}[part]]
    with connected(server.url) as connection:
        connection.sendall(sent)
        assert alice.run("{ viewer { name } }") == {"viewer": {"name": None}}  # nobody else is hurt
        assert refusal(everything(connection)) == LATE


def test_a_byte_now_and_then_is_not_in_time(server: Server, alice: Client) -> None:
    with connected(server.url) as connection:
        for byte in request(alice, "{ viewer { id } }"):
            try:
                connection.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            if select_readable(connection, 0.1):
                break
        assert refusal(everything(connection)) == LATE


def select_readable(connection: socket.socket, seconds: float) -> bool:
    """Wait for an answer, and return whether there is one."""
    return bool(select.select([connection], [], [], seconds)[0])


def test_a_connection_that_sends_nothing_is_closed_without_a_word(server: Server) -> None:
    with connected(server.url) as connection:
        assert everything(connection) == b""


def test_a_request_in_pieces_is_answered(server: Server, alice: Client) -> None:
    body = b'{"query": "{ viewer { id } }"}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: dossier\r\nAuthorization: {alice.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with connected(server.url) as connection:
        connection.sendall(head.encode() + chunks + b"0\r\nX-Trailer: dropped\r\n\r\n")
        assert everything(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_one_after_another_on_a_connection_are_answered_in_order(server: Server, alice: Client) -> None:
    several = b"".join(request(alice, f"{{ {name}: __typename }}") for name in ("a", "b", "c"))
    with connected(server.url) as connection:
        connection.sendall(several[:-3])
        time.sleep(0.1)
        connection.sendall(several[-3:])
        received = b""
        while received.count(b"Query") < 3:
            received += connection.recv(65_536)
    assert re.findall(rb'\{"data":(.*?)\}\}?', received) == [b'{"a":"Query"', b'{"b":"Query"', b'{"c":"Query"']


def test_an_endless_head_is_refused(server: Server) -> None:
    with connected(server.url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 70_000)
        assert refusal(everything(connection)) == (431, "the request's headers may have 65536 bytes")


def test_what_is_no_http_is_refused_in_json(server: Server) -> None:
    with connected(server.url) as connection:
        connection.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert refusal(everything(connection)) == (400, "Invalid HTTP request received.")


def test_a_wish_for_another_protocol_is_overlooked(server: Server) -> None:
    with connected(server.url) as connection:
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: dossier\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")


# The end of the server


@contextmanager
def process(folder: Path, **settings: str) -> Iterator[tuple[subprocess.Popen[str], Server]]:
    """Run `dossier serve` in a folder."""
    environment = {"DOSSIER_JWT_SECRET": SECRET, "DOSSIER_MAX_OBJECTS": "100000000", **settings}
    database = f"sqlite+aiosqlite:///{folder}/dossier.db"
    with started(folder, **environment) as (running, url), httpx.Client(base_url=url, timeout=PATIENCE) as http:
        yield running, Server(url, "sqlite", from_environment(environment | {"DOSSIER_DATABASE_URL": database}), http)


def test_the_server_ends_in_good_order(tmp_path: Path) -> None:
    with process(tmp_path, DOSSIER_GRACE="2") as (running, server):
        alice = server.client("alice")
        case = alice.create_case()
        for _ in range(EVENTS):
            alice.create_event(case)
        answers: dict[str, httpx.Response] = {}

        def endless() -> None:
            answers["endless"] = alice.post(ENDLESS, {"id": case})

        def update() -> None:
            answers["update"] = alice.post(
                "mutation ($input: UpdateCaseInput!) { updateCase(input: $input) { case { title } } }",
                {"input": {"id": case, "title": "Accepted"}},
            )

        threads = [threading.Thread(target=endless), threading.Thread(target=update)]
        whole = request(alice, "{ viewer { id } }")
        with connected(server.url) as head, connected(server.url) as body, connected(server.url) as idle:
            with writing_lock(tmp_path / "dossier.db"):
                head.sendall(whole[:20])
                body.sendall(whole[:-5])
                for thread in threads:
                    thread.start()
                time.sleep(1)  # until both have arrived
                running.send_signal(signal.SIGTERM)
                ended = (503, "the server ends; send the request again")
                assert refusal(everything(head)) == ended
                assert refusal(everything(body)) == ended
                assert everything(idle) == b""
            for thread in threads:
                thread.join()
        assert running.wait(PATIENCE) == 0  # after the grace of 2 seconds; a statement under way would take minutes
        assert running.stderr is not None
        log = running.stderr.read()
    # What was accepted is answered, and what takes longer than the grace is broken off.
    assert answers["update"].json() == {"data": {"updateCase": {"case": {"title": "Accepted"}}}}
    assert answers["endless"].status_code == 503
    assert answers["endless"].json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
    assert "Traceback" not in log
