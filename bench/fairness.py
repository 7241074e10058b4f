"""What one user can do to another: `python -m bench.fairness`.

While a user asks for as much as they can, on many connections at once, another one asks for little and creates a case
every 50 milliseconds. Printed is how long those two wait, and how long `/readyz` takes.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import itertools
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from app.identity import sign
from bench import databases
from bench.data import SUBJECT, full_case
from bench.servers import Server, Servers
from bench.stage import Stage

_FOLDER = Path(__file__).parent / ".work" / "fairness"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_CASES = 2_000
_SECONDS_BETWEEN = 0.05  # of the victim's requests
_SECONDS_TO_START = 1.0  # that an attack has before anything is measured
_VICTIM = "bob"
_VIEWER = "{ viewer { id } }"
_CREATE = 'mutation { createCase(input: { title: "A case" }) { case { id } errors { message } } }'
# Each of a case's 50 events for each, for each: as many objects as an answer may have, some seconds of work.
_MANY = """events(first: 50) { nodes { case { events(first: 50) { nodes { case { events(first: 50) { nodes {
    fileBatches(first: 1) { totalCount } } } } } } } } }"""

Body: TypeAlias = Callable[[int], bytes]
"""Makes the body of request number n."""


def _body(query: str, variables: Mapping[str, Any] | None = None) -> bytes:
    return json.dumps({"query": query, "variables": variables or {}}).encode()


def _slow_read(number: int) -> bytes:
    return _body(f"query ($id: ID!) {{ a{number % 3}: case(id: $id) {{ {_MANY} }} }}", {"id": full_case()})


def _large_payload(_: int) -> bytes:
    query = f"mutation ($input: UpdateCaseInput!) {{ updateCase(input: $input) {{ case {{ {_MANY} }} }} }}"
    return _body(query, {"input": {"id": full_case(), "title": "Missing stock"}})


def _quick_read(_: int) -> bytes:
    return _body("{ cases(first: 20) { nodes { id number title status } } }")


def _small_unknown(number: int) -> bytes:
    lists = " ".join(f"a{number}x{each}: events(first: 1) {{ totalCount }}" for each in range(7))
    return _body(f"query ($id: ID!) {{ case(id: $id) {{ {lists} }} }}", {"id": full_case()})


def _large_unknown(number: int) -> bytes:
    lists = " ".join(f"a{number}x{each}: events(first: 1) {{ totalCount }}" for each in range(140))
    return _body(f"query ($id: ID!) {{ case(id: $id) {{ {lists} }} }}", {"id": full_case()})


def _create(_: int) -> bytes:
    return _body(_CREATE)


def _describe(_: int) -> bytes:
    query = "mutation ($input: CreateCaseInput!) { createCase(input: $input) { errors { message } } }"
    return _body(query, {"input": {"title": "A case", "description": "x" * 2_000}})


def _create_and_look(number: int) -> bytes:
    lists = " ".join(f"a{number}x{each}: events(first: 1) {{ totalCount }}" for each in range(140))
    return _body(f'mutation {{ createCase(input: {{ title: "A case" }}) {{ case {{ {lists} }} }} }}')


def _large_body(_: int) -> bytes:
    return _body("query ($text: String) { cases(where: { text: $text }) { totalCount } }", {"text": "x" * 1_000_000})


def _many_values(_: int) -> bytes:
    return _body("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 19_000, "more": "x" * 900_000})


_ATTACKS: dict[str, Body] = {
    "slow reads": _slow_read,
    "large payloads": _large_payload,
    "quick reads": _quick_read,
    "small unknown documents": _small_unknown,
    "large unknown documents": _large_unknown,
    "createCase": _create,
    "createCase, large unknown payloads": _create_and_look,
    "bodies of a megabyte": _large_body,
    "bodies of many values": _many_values,
}


def main() -> int:
    """Measure and print. Returns 0."""
    options = _parser().parse_args()
    if options.log:
        return _measure_log(options.workers[0], options.log)
    attacks = {name: body for name, body in _ATTACKS.items() if options.only in name}
    with Stage(_FOLDER) as stage:
        for kind, workers in itertools.product(options.databases, options.workers):
            url = stage.database(kind, _CASES)
            print(f"\n{_NAMES[kind]}, {workers} worker(s); milliseconds, median and most")  # noqa: T201
            print(f"{'attack':36}{'at once':>8}{'viewer':>16}{'createCase':>16}{'/readyz':>16}{'answered/s':>12}")  # noqa: T201
            with _serving(url, workers) as server:
                _report("nothing", 0, _victim(server, options.seconds), 0)
            for (name, body), many in itertools.product(attacks.items(), options.connections):
                # Each meets a new server, which has nothing left to do for the one before.
                with _serving(url, workers) as server, _attack(server, body, many) as answered:
                    time.sleep(_SECONDS_TO_START)
                    before, began = answered.value, time.perf_counter()
                    waits = _victim(server, options.seconds)
                    rate = (answered.value - before) / (time.perf_counter() - began)
                _report(name, many, waits, rate)
    return 0


def _measure_log(workers: int, seconds: int) -> int:
    """Print every five seconds how large the write-ahead log is: six long searches overlap, and eight clients write."""
    with Stage(_FOLDER) as stage:
        url = stage.database("sqlite", _CASES)
        log = Path(f"{databases.settings(url).database_file}-wal")
        with _serving(url, workers) as server, _attack(server, _slow_read, 6), _attack(server, _describe, 8) as written:
            before, most = written.value, 0
            for second in range(1, seconds * 10 + 1):
                time.sleep(0.1)
                most = max(most, log.stat().st_size)
                if second % 50 == 0:
                    size, rate = log.stat().st_size / 1_000_000, (written.value - before) / 5
                    line = f"{second // 10:>4} s {size:8.1f} MB, at most {most / 1_000_000:.1f} MB {rate:8.1f} writes/s"
                    print(line, flush=True)  # noqa: T201
                    before = written.value
    return 0


@contextmanager
def _serving(url: str, workers: int) -> Iterator[Server]:
    servers = Servers()
    try:
        server = servers.dossier("fairness", url, workers=workers, DOSSIER_GRACE="1")
        _victim(server, 0)
        yield server
    finally:
        servers.close()


def _report(name: str, many: int, waits: list[list[float]], rate: float) -> None:
    columns = "".join(f"{statistics.median(each):>8.1f}{max(each):>8.0f}" for each in waits)
    print(f"{name:36}{many:>8}{columns}{rate:>12.1f}", flush=True)  # noqa: T201


def _victim(server: Server, seconds: float) -> list[list[float]]:
    """Return how many milliseconds the victim waited for each of the three."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=120)
    headers = _headers(_VICTIM)
    waits: list[list[float]] = [[], [], []]
    asking: list[tuple[str, str, bytes | None, dict[str, str]]] = [
        ("POST", "/graphql", _body(_VIEWER), headers),
        ("POST", "/graphql", _body(_CREATE), headers),
        ("GET", "/readyz", None, {}),
    ]
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or not waits[0]:
        for times, request in zip(waits, asking, strict=True):
            began = time.perf_counter()
            connection.request(*request)
            response = connection.getresponse()
            answer = response.read()
            times.append((time.perf_counter() - began) * 1_000)
            if response.status != 200 or b'"errors":[{' in answer:
                print(f"  the victim was refused: {response.status} {answer[:200]!r}")  # noqa: T201
            time.sleep(_SECONDS_BETWEEN)
    connection.close()
    return waits


@contextmanager
def _attack(server: Server, body: Body, many: int) -> Iterator[Any]:
    """Attack on that many connections; yield the number of answers so far."""
    answered = multiprocessing.Value("i", 0)
    process = multiprocessing.Process(target=_flood, args=(server.address, body, many, answered), daemon=True)
    process.start()
    try:
        yield answered
    finally:
        process.kill()
        process.join()


def _flood(address: str, body: Body, many: int, answered: Any) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in _headers(SUBJECT).items())
    host = urlsplit(address)
    numbers = itertools.count(time.time_ns() % 1_000_000 * 1_000_000)

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(host.hostname, host.port, limit=64_000_000)
        while True:
            content = body(next(numbers))
            request = f"POST /graphql HTTP/1.1\r\nHost: {host.netloc}\r\n{head}Content-Length: {len(content)}\r\n\r\n"
            writer.write(request.encode() + content)
            await writer.drain()
            answer = await reader.readuntil(b"\r\n\r\n")
            (length,) = [line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(length.split(b":")[1]))
            answered.value += 1

    async def keep_asking() -> None:
        while True:
            try:
                await ask()
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.1)

    async def all_at_once() -> None:
        await asyncio.gather(*(keep_asking() for _ in range(many)))

    asyncio.run(all_at_once())


def _headers(subject: str) -> dict[str, str]:
    signing = databases.settings("sqlite+aiosqlite:///unused.db")
    token = sign(signing, databases.SECRET, subject=subject, lifetime=timedelta(hours=8))
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.fairness", description=__doc__)
    parser.add_argument("--databases", nargs="+", choices=[*_NAMES], default=[*_NAMES], help="(default: both)")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2], help="(default: 1 and 2)")
    parser.add_argument("--connections", nargs="+", type=int, default=[8, 60, 200], help="(default: 8, 60 and 200)")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each (default: %(default)s)")
    parser.add_argument("--log", type=int, default=0, help="seconds to measure SQLite's write-ahead log for instead")
    parser.add_argument("--only", default="", help="a part of the names of the attacks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
