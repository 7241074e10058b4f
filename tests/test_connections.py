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
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.sqlite_writer import writing_lock
from app.settings import from_environment
from tests.commands import PATIENCE, started, started_with_few_files
from tests.server import SECRET, Client, Server, serving
from tests.test_deadlines import ENDLESS, EVENTS, WORDY


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


# One request, one answer

OFFERS = {
    "none": "",
    "HTTP/2": "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n",
    "a WebSocket": "connection: keep-alive, upgrade\r\nupgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "TLS": "Upgrade: TLS/1.0, HTTP/2.0\r\nConnection: UPGRADE\r\n",
    "several": "Upgrade: foo\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nConnection: keep-alive\r\n",
}
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: dossier\r\n\r\n"


def framed(client: Client | None, body: bytes, offer: str, chunk: int | None = None) -> bytes:
    """Return a POST that offers other protocols, with its body in chunks of a size or, without one, whole."""
    token = f"Authorization: {client.headers['Authorization']}\r\n" if client else ""
    framing = f"Content-Length: {len(body)}" if chunk is None else "Transfer-Encoding: chunked"
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: dossier\r\n{token}{offer}Content-Type: application/json\r\n{framing}\r\n\r\n"
    )
    if chunk is None:
        return head.encode() + body
    pieces = (body[start : start + chunk] for start in range(0, len(body), chunk))
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def answers(connection: socket.socket) -> list[tuple[int, bytes]]:
    """Return the statuses and bodies of all answers that come until the server closes the connection."""
    received, found = everything(connection), []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        assert length is not None, head
        found.append((int(head.split()[1]), rest[: int(length[1])]))
        received = rest[int(length[1]) :]
    return found


def send_in_segments(connection: socket.socket, data: bytes, cuts: Iterable[int]) -> None:
    """Send data, cut at some places, so that each part most likely arrives by itself."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    start = 0
    for cut in [*sorted(cuts), len(data)]:
        connection.sendall(data[start:cut])
        start = cut
        time.sleep(0.001)


LAST = b"GET /healthz HTTP/1.1\r\nHost: dossier\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("offer", list(OFFERS))
@pytest.mark.parametrize("chunk", [None, 7])
def test_an_offer_of_another_protocol_is_overlooked(
    server: Server, alice: Client, offer: str, chunk: int | None
) -> None:
    whole = framed(alice, b'{"query": "{ a: __typename }"}', OFFERS[offer], chunk)
    for cut in range(1, len(whole), 3):
        with connected(server.url) as connection:
            send_in_segments(connection, whole + LAST, [cut])
            assert answers(connection) == [(200, b'{"data":{"a":"Query"}}'), (200, b"alive\n")]


@pytest.mark.parametrize("status", [400, 401])
def test_a_body_behind_an_offer_is_never_a_request(server: Server, alice: Client, status: int) -> None:
    whole = framed(alice if status == 400 else None, SMUGGLED, OFFERS["HTTP/2"])
    head = whole.index(b"\r\n\r\n") + 4
    for cut in (head - 1, head, head + 1):
        with connected(server.url) as connection:
            send_in_segments(connection, whole + LAST, [cut])
            assert [each for each, _ in answers(connection)] == [status, 200]


def test_an_offer_without_a_body_is_overlooked(server: Server) -> None:
    offering = b"GET /healthz HTTP/1.1\r\nHost: dossier\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with connected(server.url) as connection:
        connection.sendall(offering + offering + LAST)
        assert answers(connection) == [(200, b"alive\n")] * 3


@pytest.mark.parametrize(
    "head",
    [
        "CONNECT dossier:443 HTTP/1.1\r\nHost: dossier\r\n",
        "CONNECT / HTTP/1.1\r\nHost: dossier\r\nContent-Length: 42\r\n",
        "CONNECT dossier:443 HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n",
        "POST /graphql HTTP/2.0\r\nHost: dossier\r\n",
        "POST /graphql HTTP/0.9\r\nHost: dossier\r\n",
        "POST / HTTP/1.1\r\nHost: dossier\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nTransfer-Encoding: x, chunked\r\n",
        "POST / HTTP/1.1\r\nHost: dossier\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n"
        "Content-Length: 42\r\n",
        "POST /graphql HTTP/1.1\r\nHost: dossier\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nHost: other\r\n",
        "POST /graphql HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 42\r\n",
    ],
)
def test_what_another_server_might_read_otherwise_is_the_last_of_its_connection(server: Server, head: str) -> None:
    whole = head.encode() + b"\r\n"
    for cuts in ([], [len(whole)], [len(whole) + 5]):
        with connected(server.url) as connection, suppress(BrokenPipeError, ConnectionResetError):
            send_in_segments(connection, whole + SMUGGLED, cuts)
        with connected(server.url) as connection:
            connection.sendall(whole)
            assert refusal(everything(connection))[0] == 400


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[list[tuple[bytes, str, int | None]], list[float]]:
    """Bodies of requests with what they offer and the size of their chunks, and where their bytes are cut."""
    bodies = st.sampled_from([b"", b"{", SMUGGLED, SMUGGLED * 3]) | st.integers(0, 999).map(
        lambda number: b'{"query": "{ a%d: __typename }"}' % number
    )
    several = st.tuples(bodies, st.sampled_from(list(OFFERS)), st.none() | st.integers(1, 60))
    return draw(st.lists(several, min_size=1, max_size=6)), draw(st.lists(st.floats(0, 1), max_size=5))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(exchange=exchanges())
def test_every_request_has_its_own_answer_however_it_arrives(
    server: Server, alice: Client, exchange: tuple[list[tuple[bytes, str, int | None]], list[float]]
) -> None:
    requests, cuts = exchange
    data = b"".join(framed(alice, body, OFFERS[offer], chunk) for body, offer, chunk in requests) + LAST
    expected = [
        (200, b'{"data":{"%b":"Query"}}' % found[1]) if (found := re.search(rb"(a\d+)", body)) else (400, None)
        for body, _, _ in requests
    ]
    with connected(server.url) as connection:
        send_in_segments(connection, data, (int(cut * len(data)) for cut in cuts))
        came = [(status, body if status == 200 else None) for status, body in answers(connection)]
    assert came == [*expected, (200, b"alive\n")]


@pytest.mark.parametrize("ruin", [b"\x00\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000])
def test_a_refusal_comes_behind_the_answers_of_earlier_requests(server: Server, alice: Client, ruin: bytes) -> None:
    # While the first is being answered, the second is waiting and the third turns out to be none.
    mutation = b'{"query": "mutation { createCase(input: {title: \\"A\\"}) { __typename } }"}'
    with connected(server.url) as connection:
        connection.sendall(framed(alice, mutation, "") + framed(alice, b'{"query": "{ a: __typename }"}', "") + ruin)
        (first, second, third) = answers(connection)
    assert first == (200, b'{"data":{"createCase":{"__typename":"CreateCasePayload"}}}')
    assert second == (200, b'{"data":{"a":"Query"}}')
    assert third[0] in {400, 431}


def test_a_body_that_is_ruined_behind_other_requests_is_refused_in_its_turn(server: Server, alice: Client) -> None:
    mutation = framed(alice, b'{"query": "mutation { createCase(input: {title: \\"A\\"}) { __typename } }"}', "")
    ruined = framed(alice, b'{"query": "{ a: __typename }"}', OFFERS["HTTP/2"], 5).replace(b"5\r\n", b"!\r\n", 1)
    with connected(server.url) as connection:
        connection.sendall(mutation + ruined)
        statuses = [status for status, _ in answers(connection)]
    assert statuses == [200, 400]


@pytest.mark.services
@pytest.mark.parametrize("protocol", ["--http2", "--http1.1", "--http1.0"])
def test_curl_is_answered_whatever_it_offers(server: Server, alice: Client, protocol: str) -> None:
    query = '{"query": "{ a: __typename }"}'
    headers = ("-H", f"Authorization: {alice.headers['Authorization']}", "-H", "Content-Type: application/json")
    command = ["curl", "-s", protocol, *headers, "-d", query, f"{server.url}/graphql", "--next"]
    command += ["-s", protocol, *headers, "-d", query, f"{server.url}/graphql"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)  # noqa: S603 - a known program
    assert done.stdout == b'{"data":{"a":"Query"}}' * 2


# Whoever doesn't read, or has more to send


@pytest.mark.parametrize(
    ("line", "chunked"),
    [
        ("HTTP/1.1\r\nConnection: close", ""),
        ("HTTP/1.1\r\nConnection: close", "Transfer-Encoding: chunked"),
        ("HTTP/1.0", ""),
    ],
)
@pytest.mark.parametrize(("known", "status"), [("known", 413), ("unknown", 401)])
def test_whoever_sends_all_before_reading_gets_the_refusal(
    server: Server, alice: Client, line: str, chunked: str, known: str, status: int
) -> None:
    size = 30_000_000
    token = f"Authorization: {alice.headers['Authorization']}\r\n" if known == "known" else ""
    framing = chunked or f"Content-Length: {size}"
    head = f"POST /graphql {line}\r\nHost: x\r\n{token}Content-Type: application/json\r\n{framing}\r\n\r\n"
    part = b" " * 65_536
    with connected(server.url) as connection:
        connection.sendall(head.encode())
        for _ in range(size // len(part)):
            connection.sendall(b"10000\r\n%b\r\n" % part if chunked else part)
        assert refusal(everything(connection))[0] == status


def test_what_follows_the_last_request_of_a_connection_does_not_cost_its_answer(server: Server) -> None:
    with connected(server.url) as connection:
        connection.sendall(LAST + SMUGGLED * 10_000)
        assert answers(connection) == [(200, b"alive\n")]


@pytest.fixture(scope="module")
def impatient(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server that waits for a second until its answers are read, and is at work on one request at a time."""
    bounds = {"DOSSIER_SEND_SECONDS": "1", "DOSSIER_MAX_REQUESTS": "1", "DOSSIER_MAX_OBJECTS": "1000000"}
    with serving("sqlite", new_database("sqlite"), **bounds) as running:
        yield running


def unread(url: str, whole: bytes) -> socket.socket:
    """Send a request and read little of its answer."""
    address = httpx.URL(url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.connect((address.host, address.port))
    connection.settimeout(10)
    connection.sendall(whole)
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def much(client: Client) -> str:
    """Return a document whose answer has nine megabytes."""
    case = client.create_case(description="\1" * 30_000)
    return "{" + " ".join(f'a{number}: case(id: "{case}") {{ description }}' for number in range(50)) + "}"


def test_an_answer_that_nobody_reads_is_at_work_and_ends(impatient: Server) -> None:
    alice = impatient.client()
    document = much(alice)
    all_of_it = len(alice.post(document).content)
    with closing(unread(impatient.url, request(alice, document))) as connection:
        busy = alice.post("{ viewer { id } }")
        assert (busy.status_code, busy.json()["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")
        time.sleep(1.5)
        alice.run("{ viewer { id } }")
        received = b""
        with suppress(ConnectionResetError):
            received = everything(connection)
    assert len(received) < all_of_it


@pytest.mark.slow
def test_answers_that_wait_to_be_read_have_a_bound_together(new_database: Callable[[str], str]) -> None:
    with serving("sqlite", new_database("sqlite"), DOSSIER_MAX_ANSWER_BYTES="10000000") as running:
        alice = running.client()
        whole = request(alice, much(alice))
        waiting = [unread(running.url, whole) for _ in range(30)]  # 270 MB, where 80 may wait beside the system's own
        whole_answers = 0
        for connection in waiting:
            with closing(connection), suppress(ConnectionResetError):
                received = 0
                while received < 9_000_000 and (part := connection.recv(1_000_000)):
                    received += len(part)
                whole_answers += received >= 9_000_000
    assert 5 <= whole_answers < 30


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_strangers_do_not_use_up_the_files_that_a_change_needs(tmp_path: Path, sent: bytes) -> None:
    environment = {"DOSSIER_JWT_SECRET": SECRET}
    with (
        started_with_few_files(tmp_path, 256, **environment) as (running, url),
        httpx.Client(base_url=url, timeout=PATIENCE) as http,
        ExitStack() as strangers,
    ):
        database = f"sqlite+aiosqlite:///{tmp_path}/dossier.db"
        settings = from_environment(environment | {"DOSSIER_DATABASE_URL": database})
        alice = Server(url, "sqlite", settings, http).client("alice")
        alice.create_case()
        for _ in range(600):
            stranger = strangers.enter_context(connected(url))
            with suppress(ConnectionResetError, BrokenPipeError):
                stranger.sendall(sent)
        for _ in range(3):
            alice.create_case()  # on the connection that it has
            with httpx.Client(base_url=url, timeout=PATIENCE) as another:
                Client(another, "alice", alice.headers["Authorization"].removeprefix("Bearer ")).create_case()
        running.terminate()
        assert running.wait(PATIENCE) == 0
        assert running.stderr is not None
        assert "out of system resource" not in running.stderr.read()


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
            alice.create_event(case, description=WORDY)
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
