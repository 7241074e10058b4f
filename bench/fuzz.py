"""Requests that nobody means to answer: `python -m bench.fuzz`.

Valid requests are mutated, in one or several places: their framing, line, headers, token, document and variables.
Request number n of a seed is always the same, so that whatever fails can be sent again alone.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import select
import shutil
import socket
import sys
import tempfile
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jwt

from app.identity import sign
from bench import databases
from bench.data import SUBJECT, event_of_full_case, full_case
from bench.servers import Server, Servers

_CASES = 20
_WARM = 0.1  # of the requests, after which the process should have its full size
_MOST_GROWTH = 1.2
_SECONDS = 10  # for an answer to a request that is whole
_SECONDS_OF_DOUBT = 0.01  # for one to a request that may not be
EVIDENCE = "evidence-that-no-log-may-show"
"""What the texts in variables and documents contain."""

# What an exception would leave in an answer or a log. Nothing that is sent contains any of it.
LEAKS = re.compile(
    rb'Traceback|File "|\.py\b|site-packages|INTERNAL_ERROR|sqlalchemy|asyncpg|aiosqlite|unexpected error'
)

_DOCUMENTS = [
    "{ cases(first: 2) { totalCount pageInfo { endCursor hasNextPage } nodes { id title status version } } }",
    "query Q($id: ID!) { case(id: $id) { id title events(first: 2, orderBy: [OCCURRED_AT_ASC]) { nodes { id title "
    "fileBatches(first: 3) { nodes { label fileCount } } } } } }",
    "query ($where: CaseFilter, $n: Int, $after: String) { cases(where: $where, first: $n, after: $after) "
    "{ edges { cursor node { id } } } }",
    "query ($ids: [ID!]!, $yes: Boolean = true) { nodes(ids: $ids) { __typename id ...C @include(if: $yes) } } "
    "fragment C on Case { title }",
    "mutation ($input: CreateCaseInput!) { createCase(input: $input) { case { id } errors { message path } } }",
    "mutation ($input: UpdateCaseInput!) { updateCase(input: $input) { case { version } errors { code path } } }",
    "mutation ($input: CreateEventInput!) { createEvent(input: $input) { event { id } errors { message path } } }",
    "mutation ($input: CreateFileBatchInput!) { createFileBatch(input: $input) { fileBatch { id } errors { code } } }",
    "{ __schema { queryType { name fields { name } } } viewer { id name } }",
]
_TOKEN_OF_A_DOCUMENT = re.compile(r'\.\.\.|"[^"]*"|\w+|\S|\s+')
_WORDS = [
    *("case", "cases", "events", "id", "title", "viewer", "__schema", "__typename", "fragment", "on", "Query", "query"),
    *("mutation", "subscription", "nodes", "first", "after", "where", "true", "null", "$n", "$id", "@skip", "@include"),
    *("{", "}", "(", ")", "[", "]", ":", "...", "!", "=", "&", "|", "@", '"', '"""', "\\u0000", "\0", "\ud800", "é"),
    *("0", "-1", "1e999", "9" * 400, "2147483648", '"' + "é" * 300 + '"', "#", ",", "\ufeff", "\r", "{ " * 60, "😀"),
]
_VALUES: list[Any] = [
    *(None, True, 0, -1, 2**31, 2**63, 10**400, 1e308, -0.0, "", " ", "\0", "\ud800", "é" * 1_000, "😀", "a" * 40_000),
    *([], {}, [[[[]]]], [None], {"__proto__": {"admin": True}}, {"constructor": 1}, "NaN", "' OR 1=1 --", "%s%n"),
    *("2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0000-00-00", EVIDENCE, "../../etc/passwd", "00" * 40),
]
_PATHS = [
    *("/", "/graphql/", "/graphql?query={__typename}", "//graphql", "/GRAPHQL", "/graphql%00", "/explorer/../../x"),
    *("/explorer/", "/explorer/%2e%2e/%2e%2e/etc/passwd", "/app", "/app/", "/app/assets/../../", "/demo-token", "*"),
    *("/healthz", "/readyz", "/app/%ff%fe", "http://elsewhere/graphql", "/" + "a" * 9_000, "/explorer/..%5c..%5c"),
]
_METHODS = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "post", "PRI", "G\0T", "QUERY"]
_HEADERS = [
    *(
        "Accept: text/html",
        "Accept: */*;q=0",
        "Accept: application/graphql-response+json",
        "Accept: ;;;,,,q=",
        "Accept:",
    ),
    *("Accept: application/json;q=nan", "Content-Type: text/plain", "Content-Type: application/json; charset=utf-16"),
    *("Content-Type: multipart/form-data; boundary=x", "Content-Type: application/json;;;=", "Content-Encoding: gzip"),
    *(
        "Host:",
        "Host: a\tb",
        "Host: [::1",
        "Origin: null",
        "Origin: http://evil",
        "Expect: 100-continue",
        "Cookie: a=b",
    ),
    *(
        "Connection: upgrade\r\nUpgrade: websocket",
        "Connection: upgrade, HTTP2-Settings\r\nUpgrade: h2c",
        "X: \xff\xfe",
    ),
    *("If-None-Match: *", "If-None-Match: \x01", "Range: bytes=0-1", "X-Forwarded-For: 1", "Authorization: Bearer"),
    *(
        "Authorization: Basic YTpi",
        "X-HTTP-Method-Override: DELETE",
        "Accept-Encoding: gzip;q=x, *;q=0",
        "X-Y: " + "y" * 9_000,
    ),
]
_FRAMINGS = [
    *(
        "Content-Length: 5",
        "Content-Length: -1",
        "Content-Length: +7",
        "Content-Length: 0x10",
        "Content-Length: 9" + "9" * 30,
    ),
    *(
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, gzip",
        "Content-Length:",
    ),
    *(
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: xchunked",
        "Content-Length: 5, 5",
        " folded: x",
        "X\0: y",
        ": z",
    ),
]


@dataclass
class Request:
    """A request as it is sent; `whole` when it is one and one answer must come."""

    method: str = "POST"
    path: str = "/graphql"
    headers: list[str] = field(default_factory=list)
    body: bytes = b""
    whole: bool = True
    chunked: bool = False
    cut: float = 1.0

    @property
    def wire(self) -> bytes:
        """The request's bytes."""
        body, framing = self.body, f"Content-Length: {len(self.body)}"
        if self.chunked:
            parts = [body[start : start + 97] for start in range(0, len(body), 97)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
            framing = "Transfer-Encoding: chunked"
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost", *self.headers, framing, "", ""]
        message = "\r\n".join(lines).encode("latin-1", "replace") + body
        return message[: int(len(message) * self.cut)]


class Mutations:
    """Makes requests from a seed and their numbers."""

    def __init__(self, seed: int, token: str, secret: str) -> None:
        self._seed, self._token, self._secret = seed, token, secret

    def request(self, number: int) -> Request:
        """Return request `number` of the seed."""
        random_ = random.Random(f"{self._seed}:{number}")  # noqa: S311 - it has to be the same each time
        document, variables = random_.choice(_DOCUMENTS), _variables(random_)
        token = self._token
        chosen = random_.choices(
            ["document", "variables", "json", "bytes", "token", "headers", "line", "framing", "get", "cut", "chunked"],
            [20, 25, 8, 6, 12, 10, 6, 4, 5, 3, 3],
            k=random_.choice([1, 1, 1, 2, 3]),
        )
        if "document" in chosen:
            document = _mutated_document(random_, document)
        if "variables" in chosen:
            _mutate(random_, variables)
        body = json.dumps({"query": document, "variables": variables}).encode()
        if "json" in chosen:
            body = _odd_json(random_, document)
        if "bytes" in chosen:
            body = _mutated_bytes(random_, body)
        if "token" in chosen:
            token = self._odd_token(random_)
        request = Request(headers=["Content-Type: application/json", f"Authorization: Bearer {token}"], body=body)
        if "headers" in chosen:
            _mutate_headers(random_, request)
        if "line" in chosen:
            _mutate_line(random_, request)
        if "get" in chosen:
            query = {"query": document, "variables": json.dumps(variables), "operationName": random_.choice(["", "Q"])}
            pairs = "&".join(f"{name}={quote(value.encode('utf-8', 'replace'))}" for name, value in query.items())
            request.method, request.path, request.body = "GET", f"/graphql?{pairs}"[:20_000], b""
        if "framing" in chosen:
            request.headers.insert(random_.randrange(3), random_.choice(_FRAMINGS))
            request.whole = False
        if "cut" in chosen:
            request.cut, request.whole = random_.random(), False
        request.chunked = "chunked" in chosen
        return request

    def _odd_token(self, random_: random.Random) -> str:
        head, claims, signature = self._token.split(".")
        now = int(time.time())
        odd = {"sub": SUBJECT, "exp": now + 600, "iat": now} | {
            random_.choice(["sub", "exp", "iat", "nbf", "iss", "aud", "roles", "name", "email", "jti"]): random_.choice(
                _VALUES
            )
        }
        try:
            signed = jwt.encode(odd, self._secret, algorithm="HS256")
        except (TypeError, ValueError, jwt.PyJWTError):
            signed = self._token
        none = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
        deep = urlsafe_b64encode(b'{"a":' * 1_000).decode().rstrip("=")
        return random_.choice(
            [
                *(signed, signed, signed, signed.swapcase(), signed[:-3], f"{none}.{claims}.", f"{head}.{claims}."),
                *(
                    f"{head}.{deep}.{signature}",
                    f"{deep}.{claims}.{signature}",
                    "." * 50,
                    "a.b",
                    "a" * 8_192,
                    "a" * 20_000,
                ),
                *(
                    f"{head}.{claims}.{signature}.{signature}",
                    f" {self._token}",
                    f"{self._token},{self._token}",
                    "\xe9.\xe9.\xe9",
                ),
                _mutated_bytes(random_, self._token.encode()).decode("latin-1").translate({13: "x", 10: "y"}),
            ]
        )


def _variables(random_: random.Random) -> dict[str, Any]:
    given: dict[str, Any] = {
        "title": f"A case {EVIDENCE}",
        "caseId": full_case(),
        "eventId": event_of_full_case(),
        "label": EVIDENCE,
    }
    given |= {"id": full_case(), "occurredAt": "2026-03-01T09:30:00Z", "description": EVIDENCE, "expectedVersion": 1}
    fields = random_.sample(sorted(given), random_.randrange(1, len(given)))
    return {
        "id": full_case(),
        "ids": [full_case(), event_of_full_case()],
        "n": random_.randrange(120),
        "where": {"text": EVIDENCE},
        "input": {name: given[name] for name in fields},
    }


def _mutated_document(random_: random.Random, document: str) -> str:
    tokens = _TOKEN_OF_A_DOCUMENT.findall(document)
    for _ in range(random_.choice([1, 1, 2, 5, 20])):
        place = random_.randrange(len(tokens))
        match random_.randrange(5):
            case 0:
                tokens[place] = ""
            case 1:
                tokens[place] = random_.choice(_WORDS)
            case 2:
                tokens.insert(place, random_.choice(_WORDS) + " ")
            case 3:
                other = random_.randrange(len(tokens))
                tokens[place], tokens[other] = tokens[other], tokens[place]
            case _:
                tokens[place:place] = tokens[place : place + random_.randrange(30)] * random_.choice([1, 2, 30])
    return "".join(tokens)[:100_000]


def _mutate(random_: random.Random, variables: dict[str, Any]) -> None:
    for _ in range(random_.choice([1, 1, 2, 4])):
        inside = random_.choice([variables, variables["input"], variables["where"]])
        inside = inside if isinstance(inside, dict) and inside else variables
        names = [*inside, random_.choice(["createdFrom", "status", "after", "fileCount", "sortOrder", "lol", "\0"])]
        name = random_.choice([name for name in names if inside is not variables or name not in {"input", "where"}])
        inside[name] = random_.choice(_VALUES)


def _odd_json(random_: random.Random, document: str) -> bytes:
    query = json.dumps(document)
    return random_.choice(
        [
            *(b"", b"null", b"[]", b"{}", b'"x"', b"{", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5_000, b"\xff\xfe{}"),
            *(b"\xef\xbb\xbf" + f'{{"query":{query}}}'.encode(), b'{"query":"\\ud800"}', b'{"query":NaN}'),
            f"[{','.join([f'{{{chr(34)}query{chr(34)}:{query}}}'] * 10)}]".encode(),
            f'{{"query":{query},"query":"{{viewer{{id}}}}","variables":{{}},"variables":[]}}'.encode(),
            f'{{"query":{query},"__proto__":{{"query":1}},"operationName":{json.dumps(random_.choice(_VALUES))}}}'.encode(),
            f'{{"query":{query},"extensions":{json.dumps(random_.choice(_VALUES))}}}'.encode(),
            f'{{"query":{query},"variables":{{"n":{"9" * random_.choice([20, 400, 5_000])}}}}}'.encode(),
            f'{{"query":{query},"variables":{{"where":{"[" * 900 + "]" * 900}}}}}'.encode(),
            f'{{"query":{query},"variables":{json.dumps(random_.choice(_VALUES))}}}'.encode(),
        ]
    )


def _mutated_bytes(random_: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random_.choice([1, 2, 8])):
        place = random_.randrange(len(changed) + 1)
        match random_.randrange(3):
            case 0:
                changed[place:place] = random_.randbytes(random_.choice([1, 4]))
            case 1:
                del changed[place : place + random_.choice([1, 20])]
            case _:
                changed[place : place + 1] = random_.randbytes(1)
    return bytes(changed)


def _mutate_headers(random_: random.Random, request: Request) -> None:
    headers = request.headers
    for _ in range(random_.choice([1, 1, 2, 4])):
        match random_.randrange(4):
            case 0:
                headers.insert(random_.randrange(len(headers) + 1), random_.choice(_HEADERS))
            case 1 if headers:
                headers.pop(random_.randrange(len(headers)))
            case 2 if headers:
                headers.append(random_.choice(headers))
            case _:
                headers += [f"X-{number}: {number}" for number in range(random_.choice([1, 50, 2_000]))]
    # A header that httptools doesn't take ends the connection, and one that asks for another length isn't here.
    request.whole = False


def _mutate_line(random_: random.Random, request: Request) -> None:
    if random_.random() < 0.5:
        request.method = random_.choice(_METHODS)
    else:
        request.path = random_.choice(_PATHS)
    request.whole = False


@dataclass
class Findings:
    """What became of the requests sent to one server."""

    statuses: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)


class Connection:
    """A connection that stays open for as long as the server lets it."""

    def __init__(self, address: str) -> None:
        self._address = (urlsplit(address).hostname or "", urlsplit(address).port or 0)
        self._socket: socket.socket | None = None

    def close(self) -> None:
        """End the connection; the next request opens another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, request: Request) -> list[tuple[int, bytes, bytes]]:
        """Send a request and return the answers, as status, head and body; none is one too."""
        again = self._socket is not None
        if self._socket is None:
            self._socket = socket.create_connection(self._address, _SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):  # it was refused before it was there whole; the answer says why
            self._socket.sendall(request.wire)
        received, answers = b"", list[tuple[int, bytes, bytes]]()
        until = time.monotonic() + (_SECONDS if request.whole else _SECONDS_OF_DOUBT)
        while not answers and select.select([self._socket], [], [], max(0.0, until - time.monotonic()))[0]:
            try:
                part = self._socket.recv(1 << 20)
            except OSError:
                part = b""
            received += part
            answers, rest = _answers(received, request.method)
            if not part:
                self.close()
                # It may have been closed after the answer before this one.
                return answers if answers or not again else self.send(request)
            if not answers and received:
                until = time.monotonic() + _SECONDS
        if not answers or not request.whole or rest or b"connection: close" in answers[-1][1].lower():
            self.close()
        return answers


def _answers(received: bytes, method: str) -> tuple[list[tuple[int, bytes, bytes]], bytes]:
    """Return the answers in what was received, and what is left."""
    answers = []
    while b"\r\n\r\n" in received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        size = int(length[1]) if length and method != "HEAD" and status not in {100, 304} else 0
        if len(rest) < size:
            break
        received = rest[size:]
        if status != 100:
            answers.append((status, head, rest[:size]))
    return answers, received


def fault_of(request: Request, answers: list[tuple[int, bytes, bytes]]) -> str | None:
    """Return what is wrong with the answers to a request, or None."""
    if request.whole and len(answers) != 1:
        return f"{len(answers)} answers"
    for status, head, body in answers:
        # 501 and 505 would be httptools's or a proxy's; Dossier's one refusal of that kind says when to come back.
        if status >= 500 and not (status == 503 and b"\r\nretry-after:" in head.lower()):
            return f"status {status}: {body[:300]!r}"
        if leak := LEAKS.search(body if b"text/" not in head and b"javascript" not in head else b""):
            return f"{leak[0]!r} in the answer: {body[:300]!r}"
        if body and b"\r\ncontent-type: application/" in head.lower():
            try:
                json.loads(body)
            except ValueError:
                return f"no JSON: {body[:300]!r}"
    return None


def run(server: Server, mutations: Mutations, numbers: range, findings: Findings) -> None:
    """Send requests to a server, and note what becomes of them."""
    connection = Connection(server.address)
    warm = numbers[int(len(numbers) * _WARM)]
    for number in numbers:
        request = mutations.request(number)
        try:
            answers = connection.send(request)
            fault = fault_of(request, answers)
        except (OSError, ValueError) as error:
            answers, fault = [], repr(error)
            connection.close()
        findings.statuses[str(answers[0][0]) if answers else "none"] += 1
        if fault:
            findings.faults.append(f"request {number}: {fault}")
        if number == warm:
            findings.resident.append(resident(server))
        if server.process.poll() is not None:
            findings.faults.append(f"the process ended at request {number}")
            break
    else:
        findings.resident.append(resident(server))
    connection.close()


def resident(server: Server) -> int:
    """Return the memory that a process has (Linux, proc(5): VmRSS), in kilobytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


def log_faults(log: bytes, token: str, requests: int) -> list[str]:
    """Return what is wrong with a server's log."""
    faults = [f"the log has {leak!r}" for leak in sorted(set(LEAKS.findall(log)))]
    faults += [f"the log has {what}" for what in (EVIDENCE, token.split(".")[1]) if what.encode() in log]
    lines = log.count(b"\n")
    return faults + ([f"the log has {lines} lines for {requests} requests"] if lines > requests else [])


def fuzz(servers: Servers, urls: dict[str, str], seed: int, numbers: range) -> dict[str, Findings]:
    """Send the requests to a server on each database, all databases at once, and return what became of them."""
    found = {kind: Findings() for kind in urls}
    threads = []
    tokens = {}
    for kind, url in urls.items():
        tokens[kind] = sign(databases.settings(url), databases.SECRET, subject=SUBJECT, lifetime=timedelta(hours=2))
        # In development, where more documents are valid and more is told of those that aren't.
        server = servers.dossier(f"fuzz-{kind}", url, DOSSIER_DEVELOPMENT="true")
        mutations = Mutations(seed, tokens[kind], databases.SECRET)
        threads.append(threading.Thread(target=run, args=(server, mutations, numbers, found[kind])))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for kind, findings in found.items():
        log = servers.log(f"fuzz-{kind}").read_bytes()
        findings.faults += log_faults(log, tokens[kind], len(numbers))
    return found


def main() -> int:
    """Send, print what became of it, and return 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000, help="how many for each database (default: 50,000)")
    parser.add_argument("--seed", type=int, default=1, help="which requests they are (default: 1)")
    parser.add_argument("--only", type=int, metavar="N", help="send request N alone, and print it with its answers")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dossier-fuzz-"))
    servers = Servers()
    try:
        with databases.postgresql_server() as postgresql:
            urls = {
                "sqlite": databases.make_sqlite(folder / "database", _CASES),
                "postgresql": databases.make_postgresql(postgresql, "fuzz", _CASES),
            }
            try:
                if options.only is not None:
                    return _only(servers, urls["sqlite"], options.seed, options.only)
                found = fuzz(servers, urls, options.seed, range(options.requests))
            finally:
                servers.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _report(found)


def _only(servers: Servers, url: str, seed: int, number: int) -> int:
    token = sign(databases.settings(url), databases.SECRET, subject=SUBJECT, lifetime=timedelta(hours=2))
    server = servers.dossier("fuzz-only", url, DOSSIER_DEVELOPMENT="true")
    request = Mutations(seed, token, databases.SECRET).request(number)
    print(request.wire[:20_000])  # noqa: T201
    answers = Connection(server.address).send(request)
    print(*answers, fault_of(request, answers), sep="\n")  # noqa: T201
    return 0


def _report(found: dict[str, Findings]) -> int:
    failed = False
    for kind, findings in found.items():
        statuses = ", ".join(f"{count:,} of {status}" for status, count in sorted(findings.statuses.items()))
        sizes = findings.resident
        growth = sizes[-1] / sizes[0] if len(sizes) > 1 else float("inf")
        print(f"{kind}: {statuses}; {sizes} kB, grown {growth:.2f} times; {len(findings.faults)} faults")  # noqa: T201
        print(*findings.faults[:50], sep="\n")  # noqa: T201
        failed |= bool(findings.faults) or growth > _MOST_GROWTH
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
