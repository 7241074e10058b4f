"""What documents cost that are meant to hurt: `python -m bench.hostile`.

Each document is sent to a running server, first alone, to see the processor time that it takes, and then while
another client asks for little over and over, to see how long that one ever waits.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.identity import sign
from bench import databases
from bench.data import SUBJECT
from bench.servers import Server, Servers

_MEGABYTE = 1_000_000
_CASES = 100
_ROUNDS = 5
_SECONDS_BETWEEN = 0.002  # of the honest client, so that it doesn't keep the server busy
_MOST_MILLISECONDS = 50.0
_HONEST = "{ cases(first: 5) { nodes { id title status } } }"


@dataclass(frozen=True)
class Document:
    """A document with its variables; `refused` when no server should run it."""

    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    refused: bool = True

    @property
    def body(self) -> bytes:
        """The request."""
        return json.dumps({"query": self.query, "variables": self.variables}, ensure_ascii=False).encode()


def documents() -> Iterator[tuple[str, Document]]:
    """Yield hostile documents with their names, up to a megabyte each; those that are to be answered come last."""
    for kind in (_of_fragments, _of_fields, _of_characters, _of_brackets_and_lists):
        for name, query in kind():
            yield name, Document(query)
    ids = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    orders = "query ($by: [CaseOrder!]) { cases(orderBy: $by) { totalCount } }"
    where = "query ($where: CaseFilter) { cases(where: $where) { totalCount } }"
    sizes = "query ($n: Int) { cases(first: $n) { nodes { a: events(first: $n) { nodes { fileBatches(first: $n) {"
    pages = f"{sizes} nodes {{ id }} }} }} }} b: events(first: $n) {{ nodes {{ id }} }} }} }} }}"
    yield "100,000 ids in a variable", Document(ids, {"ids": ["x"] * 100_000})
    yield "200,000 lists in a variable", Document(ids, {"ids": [[]] * 200_000})
    yield "70,000 orders in a variable", Document(orders, {"by": ["NUMBER_ASC"] * 70_000})
    yield "60,000 keys in a variable", Document(where, {"where": {f"key{number}": 1 for number in range(60_000)}})
    yield "a megabyte to search for", Document(where, {"where": {"text": "É" * 450_000}})
    yield "a megabyte as a time", Document(where, {"where": {"createdFrom": "9" * _MEGABYTE}})
    yield "pages by a variable", Document(pages, {"n": 100})
    for name, query in _largest():
        yield name, Document(query, refused=False)


def _of_fragments() -> Iterator[tuple[str, str]]:
    yield "fragments that double, 10,000", _doubling(10_000)
    yield "fragments that double, 190", _doubling(190)
    yield "fragments that double, 45", _doubling(45)
    yield "fragments that double, 18, look-ups", _doubling(18, "a: case(id: 1) { id } b: case(id: 2) { id }")
    yield "fragments that double into nothing", _doubling(45, "...nothing")
    yield "a chain of 200 fragments", _chain(200)
    yield "a circle of 45 fragments", _chain(45).replace("{ viewer { id } }", "{ ...f0 }")
    every = " ".join(f"...f{number}" for number in range(12))
    each = "".join(f"fragment f{number} on Query {{ {every} }}" for number in range(12))
    yield "fragments in each other, 12 by 12", "{ ...f0 }" + each
    inner = "... on Query { viewer { id } } " * 100
    yield "200 by 100 inline fragments", "{ " + f"... on Query {{ {inner} }}" * 200 + "}"
    yield "600 inline fragments in each other", "{" + "... {" * 600 + " viewer { id } " + "}" * 601
    every = " ".join(f"...f{number}" for number in range(45))
    each = "".join(f"fragment f{number} on Query {{ viewer {{ id name subject }} }}" for number in range(45))
    yield "45 fragments with the same fields", f"{{ {every} }}" + each


def _of_fields() -> Iterator[tuple[str, str]]:
    yield "10,000 aliases", _wide("viewer { id }", 10_000)
    yield "1,240 aliases of the viewer", _wide("viewer { id }", 1_240)
    yield "300 aliases of the viewer", _wide("viewer { id }", 300)
    yield "300 aliases of the cases", _wide("cases { totalCount }", 300)
    yield "140 aliases of the cases", _wide("cases { nodes { id } }", 140)
    yield "130 aliases of the schema", _wide("__schema { types { name } }", 130)
    yield "40 aliases of the schema", _wide("__schema { types { fields { args { name } } } }", 40)
    yield "1,665 root fields", _wide("__typename", 1_665)
    yield "types in types", "{ __schema { types { " + "fields { type { " * 8 + "name" + " }" * 19
    yield "types of types", "{ __schema { types { " + "ofType { " * 60 + "name" + " }" * 63
    yield "3,000 times the same field", "{ viewer { " + "id " * 3_000 + "} }"
    yield "550 times the same field", "{ viewer { " + "id " * 550 + "} }"
    yield "500 conflicts", "{ viewer { " + "a: id a: name " * 250 + "} }"
    yield "23 by 23 times the same field", "{ " + ("viewer { " + "id " * 23 + "} ") * 23 + "}"
    yield "200 times the same connection", "{ " + "cases(first: 1) { totalCount } " * 200 + "}"
    deep = "events(first: 60) { nodes { case { " * 4
    yield "pages of 60 in each other, 4 times", "{ cases(first: 1) { nodes { " + deep + "id" + " }" * 15
    yield "400 unknown names", "{ " + " ".join(f"cass{number}" for number in range(400)) + " }"
    yield "30,000 directives", "{ viewer { id " + "@skip(if: true) " * 30_000 + "} }"
    yield "95 directives", "{ viewer { id " + "@skip(if: true) " * 95 + "} }"


def _of_characters() -> Iterator[tuple[str, str]]:
    yield "a megabyte of text", '{ case(id: "' + "x" * _MEGABYTE + '") { id } }'
    yield "a megabyte of escapes", '{ case(id: "' + "\\u0041" * 140_000 + '") { id } }'
    yield "a megabyte of block text", '{ case(id: """' + "x\n" * 330_000 + '""") { id } }'
    yield "quotation marks", '"' * 500_000
    yield "65,000 quotation marks", '"' * 65_000
    yield "texts without an end", '"\\' + '"\n' * 250_000
    yield "one comment", "#" + "x" * _MEGABYTE + "\n{ viewer { id } }"
    yield "comments on lines of their own", "#\n" * 330_000 + "{ viewer { id } }"
    yield "commas", "," * _MEGABYTE + "{ viewer { id } }"
    yield "line ends", "\n" * 500_000 + "{ viewer { id } }"
    yield "byte order marks", "\ufeff" * 340_000 + "{ viewer { id } }"
    yield "60,000 lines and 45 faults", "{" + "\n" * 60_000 + " ".join(f"nothing{number}" for number in range(45)) + "}"
    yield "a name of a megabyte", "{ " + "x" * _MEGABYTE + " }"
    yield "a long unknown name", "{ " + "cases" * 13_000 + " }"
    yield "a number of a megabyte", "{ cases(first: " + "1" * _MEGABYTE + ") { totalCount } }"
    yield "a number of 65,000 digits", "{ cases(first: " + "1" * 65_000 + ") { totalCount } }"


def _of_brackets_and_lists() -> Iterator[tuple[str, str]]:
    yield "200,000 square brackets", "[" * 200_000
    yield "200,000 braces", "{" * 200_000
    yield "fields in fields, 300,000", "{a" * 300_000
    yield "lists in lists, 100,000", "{ nodes(ids: " + "[" * 100_000 + "]" * 100_000 + ") { id } }"
    yield "types of lists, 700", "query ($a: " + "[" * 700 + "Int" + "]" * 700 + ") { viewer { id } }"
    yield "objects in objects, 500", "{ cases(where: " + "{where: " * 500 + "1" + "}" * 500 + ") { totalCount } }"
    for count in (70_000, 490):
        variables = " ".join(f"$v{number}: Int" for number in range(count))
        yield f"{count:,} variables", f"query ({variables}) {{ viewer {{ id }} }}"
    yield "200,000 operations", "{a}" * 200_000
    yield "390 operations", " ".join(f"query q{number} {{ viewer }}" for number in range(390))
    yield "600 arguments", "{ cases(" + "first: 1 " * 600 + ") { totalCount } }"
    yield "1,900 bad elements", "{ cases(orderBy: [" + "NUMBE_ASC " * 1_900 + "]) { totalCount } }"


def _largest() -> Iterator[tuple[str, str]]:
    """Yield what is within the limits, and costs as much as may be."""
    yield "50 root fields", _wide("cases { totalCount nodes { id } }", 50)
    yield "37 root fields of any node", _wide("node(id: 1) { id ... on Case { title } }", 37)
    roles = " ".join(f"r{number}: viewerRole" for number in range(140))
    yield "140 times the role", f"{{ cases {{ nodes {{ {roles} }} }} }}"
    lists = " ".join(f"l{number}: events(first: 1) {{ totalCount nodes {{ id }} }}" for number in range(74))
    yield "74 lists of a case", f"{{ cases(first: 100) {{ nodes {{ {lists} }} }} }}"
    every = " ".join(f"a{number}: cases{{ ...f }}" for number in range(24))
    each = " ".join(f"b{number}: pageInfo {{ hasNextPage endCursor }}" for number in range(5))
    yield "24 lists, 5 times their pages", f"{{ {every} }} fragment f on CaseConnection {{ {each} }}"
    conflict = "errors { code ... on ConflictError { current { id } } }"
    yield "29 changes", "mutation " + _wide(f"updateCase(input: {{id: 1}}) {{ case {{ id }} {conflict} }}", 29)
    yield "3 aliases of the schema", _wide("__schema { types { fields { args { name } } } }", 3)
    yield "1,900 elements", "{ cases(orderBy: [" + "NUMBER_ASC " * 1_900 + "]) { totalCount } }"
    yield "32,000 escapes", '{ case(id: "' + "\\n" * 32_000 + '") { id } }'


def _doubling(count: int, last: str = "viewer { id }") -> str:
    fragments = (f"fragment f{place} on Query {{ ...f{place + 1} ...f{place + 1} }}" for place in range(count))
    return "\n".join(("{ ...f0 }", *fragments, f"fragment f{count} on Query {{ {last} }}"))


def _chain(count: int) -> str:
    fragments = (f"fragment f{place} on Query {{ ...f{place + 1} }}" for place in range(count))
    return "\n".join(("{ ...f0 }", *fragments, f"fragment f{count} on Query {{ viewer {{ id }} }}"))


def _wide(field_: str, count: int) -> str:
    return "{ " + " ".join(f"a{number}: {field_}" for number in range(count)) + " }"


class Client:
    """A connection to the server."""

    def __init__(self, server: Server, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=60)

    def post(self, body: bytes) -> bytes:
        """Return the response to a request."""
        self._connection.request("POST", "/graphql", body, self._headers)
        return self._connection.getresponse().read()


@contextmanager
def _honest(client: Client) -> Iterator[list[float]]:
    """Ask for little over and over; yield the milliseconds that each answer took."""
    waited: list[float] = []
    ended = threading.Event()
    body = Document(_HONEST).body

    def ask() -> None:
        while not waited or not ended.wait(_SECONDS_BETWEEN):
            began = time.perf_counter()
            client.post(body)
            waited.append((time.perf_counter() - began) * 1000)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waited
    finally:
        ended.set()
        thread.join()


def _processor_milliseconds(process: int) -> float:
    """Return the processor time of all threads of a process (Linux, proc(5): schedstat, in nanoseconds)."""
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1_000_000


def _outcome(answer: bytes) -> str:
    errors = json.loads(answer).get("errors")
    if not errors:
        return "answered"
    extensions = errors[0]["extensions"]
    return " ".join(str(extensions[name]) for name in ("code", "limit") if name in extensions)


def main() -> int:
    """Measure, print a line for each document, and return 1 when one took too long."""
    parser = argparse.ArgumentParser(prog="python -m bench.hostile", description=__doc__)
    parser.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each document is sent (default: 5)")
    parser.add_argument("--only", default="", help="a part of the names of the documents to send")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dossier-hostile-"))
    servers = Servers()
    try:
        url = databases.make_sqlite(folder / "database", _CASES)
        token = sign(databases.settings(url), databases.SECRET, subject=SUBJECT, lifetime=timedelta(hours=1))
        # With introspection, which makes more documents valid, and with suggestions, which cost time.
        server = servers.dossier("hostile", url, DOSSIER_DEVELOPMENT="true")
        return _measure(server, token, arguments.rounds, arguments.only)
    finally:
        servers.close()
        shutil.rmtree(folder, ignore_errors=True)


def _measure(server: Server, token: str, rounds: int, only: str) -> int:
    for _ in range(200):
        Client(server, token).post(Document(_HONEST).body)
    print(f"{'document':36}{'bytes':>10}  {'outcome':36}{'processor, ms':>15}{'others wait, ms':>17}")  # noqa: T201
    failures = 0
    for name, document in (("nothing", Document("", refused=False)), *documents()):
        if only not in name and name != "nothing":
            continue
        body, outcome = document.body, ""
        spent, waits = [], []
        for _ in range(rounds):
            client = Client(server, token)
            before = _processor_milliseconds(server.process.pid)
            outcome = _outcome(client.post(body))
            spent.append(_processor_milliseconds(server.process.pid) - before)
            # What is to be seen is how long the server keeps others waiting, not the machine. It does so each time.
            with _honest(Client(server, token)) as waited:
                time.sleep(0.02)
                client.post(body)
                time.sleep(0.02)
            waits.append(max(waited))
        took, worst = statistics.median(spent) if document.refused else max(spent), statistics.median(waits)
        missed = document.refused and (max(took, worst) > _MOST_MILLISECONDS or outcome == "answered")
        failures += missed
        mark = "  MISS" if missed else ""
        print(f"{name:36}{len(body):>10,}  {outcome:36}{took:>15.1f}{worst:>17.1f}{mark}", flush=True)  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
