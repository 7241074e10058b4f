"""How much memory documents take that are meant to take much: `python -m bench.memory`.

Each document is sent to a server of its own, once or four times at once, and what is shown is the most that the
server's process had beyond what it had before, and the same of PostgreSQL's backends together.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Connection, insert

from app.db import postgresql, sqlite_writer
from app.db.models import Base, Case, CaseMember, Event, FileBatch, User
from app.identity import sign
from bench import databases
from bench.data import begin_journals
from bench.servers import Server, Servers

SUBJECT = "mallory"
ALONE, TOGETHER = 1, 4
MOST = {ALONE: 150, TOGETHER: 400}  # megabytes
_MEGABYTE = 1_000_000
_SECONDS_BETWEEN = 0.002  # of looks at PostgreSQL's backends
_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
_LONG = "\x01" * 30_000  # six bytes each in JSON, and nothing takes more
_WIDE = "\U0001f600" * 30_000  # four bytes each in whatever form
_CASES, _EVENTS, _BATCHES, _MEMBERS = 100, 100, 100, 1_000
_EVENTS_WITH_BATCHES = (1, 2, 85, 100)


@dataclass(frozen=True)
class Document:
    """A document with its variables."""

    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The request."""
        return json.dumps({"query": self.query, "variables": self.variables}).encode()


def identifier(case: int, event: int = 0, batch: int = 0) -> str:
    """Return the id of a case, of an event in it, or of a batch of that."""
    return f"00000000-{case:04}-7000-8000-{event:06}{batch:06}"


FULL, DENSE, WIDE = identifier(1), identifier(2), identifier(3)
"""The cases with long texts, with many short ones that are escaped, and with characters of four bytes."""


def documents() -> Iterator[tuple[str, Document]]:
    """Yield documents with their names."""
    for name, query in (*_lists(), *_levels(), *_objects(), *_roots(), *_answered()):
        yield name, Document(query.replace("$id", f'"{FULL}"'))
    yield from _changes()


def _lists() -> Iterator[tuple[str, str]]:
    yield "140 lists of 15 MB", _in_case(_many("events(first: 85) { nodes { description } }", 140))
    yield "140 lists of 110 KB", _in_case(_many("events(first: 1) { nodes { title } }", 90) + _wide_lists())
    yield "80 lists of 180 KB, answered", _in_case(_many("events(first: 1) { nodes { description } }", 80))
    both = "nodes { description } edges { cursor node { description } }"
    pages = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount"
    yield "nodes and edges", _in_case(f"events(first: 80) {{ {both} {pages} }}")
    several = " ".join(
        f"n{place}: nodes {{ description }} e{place}: edges {{ node {{ description }} }}" for place in range(5)
    )
    yield "5 times nodes and edges, backward", _in_case(f"events(last: 80) {{ {several} {pages} }}")
    yield (
        "backward, in another order",
        _in_case(
            "events(last: 85, orderBy: [UPDATED_AT_DESC, CREATED_AT_ASC]) { " + pages + " nodes { description } }"
        ),
    )
    search = 'events(first: 85, where: {text: "a"}) { nodes { description } }'
    yield "40 lists that were searched for", _in_case(_many(search, 40))


def _wide_lists() -> str:
    return " " + " ".join(f"b{number}: events(first: 1) {{ nodes {{ description }} }}" for number in range(49))


def _levels() -> Iterator[tuple[str, str]]:
    inner = "events(first: 85) { nodes { description } }"
    yield "rows of lists", _in_case(f"events {{ nodes {{ description case {{ {inner} }} }} }}")
    yield (
        "rows of lists, pages of variables' size",
        (
            "query ($n: Int = 85) { case(id: $id) { events(first: $n) { nodes { description case { "
            "a: events(first: $n) { nodes { description } } b: events(first: $n) { nodes { title } } } } } } }"
        ),
    )
    wide = "w: {0}(first: 85) {{ nodes {{ description }} }} "
    # All levels are full before the next one begins.
    deep = wide.format("fileBatches") + " fileBatches(first: 85) { nodes { description } }"
    deep = f"events(first: 85) {{ nodes {{ description }} }} e: events(first: 1) {{ nodes {{ {deep} }} }}"
    deep = f"{wide.format('fileBatches')} fileBatches(first: 1) {{ nodes {{ event {{ case {{ {deep} }} }} }} }}"
    yield "five levels, each full", _in_case(f"{wide.format('events')} events(first: 1) {{ nodes {{ {deep} }} }}")
    deep = "fileBatches(first: 2) { nodes { description event { case { events(first: 20) { nodes { description "
    deep += "fileBatches(first: 10) { nodes { description } } } } } } } }"
    yield "five levels, rows before lists", _in_case("events(first: 85) { nodes { description " + deep + " } }")


def _objects() -> Iterator[tuple[str, str]]:
    batch = f'fileBatch(caseId: $id, eventId: "{identifier(1, 1)}", id: "{identifier(1, 1, 1)}")'
    texts = " ".join(f"d{place}: description" for place in range(5))
    of_case = f"fragment c on Case {{ {texts} }}"
    cases = " ".join(f"c{place}: case {{ ...c }}" for place in range(5))
    of_event = f"fragment e on Event {{ {texts} {cases} }}"
    events = " ".join(f"e{place}: event {{ ...e }}" for place in range(5))
    yield "155 texts of one row", f"{{ {batch} {{ {texts} {events} }} }} {of_case} {of_event}"
    two = " ".join(f"e{place}: event {{ ...e }}" for place in range(2))
    yield "67 texts of one row, answered", f"{{ {batch} {{ {texts} {two} }} }} {of_case} {of_event}"
    aliases = " ".join(f"b{place}: {batch} {{ ...b }}" for place in range(6))
    of_batch = f"fragment b on FileBatch {{ {texts} {two} }}"
    yield "400 texts of six rows", f"{{ {aliases} }} {of_case} {of_event} {of_batch}"
    rows = f"events(first: 1) {{ nodes {{ fileBatches {{ nodes {{ {events} }} }} }} }}"
    yield "150 texts of each row", f"{_in_case(rows)} {of_case} {of_event}"
    yield "five texts of each case", f"{{ cases(first: 100) {{ nodes {{ {texts} createdBy {{ name email }} }} }} }}"
    members = _many("case(id: $id) { members { user { name email subject } } }", 37)
    yield "37 lists of 1,000 members", f"{{ {members} }}"
    yield (
        "members of pages",
        "{ cases(first: 10) { nodes { events { nodes { case { members { user { name } } } } } } } }",
    )


def _roots() -> Iterator[tuple[str, str]]:
    texts = "events(first: 85) { nodes { description } }"
    one = "case(id: $id) { events(first: 80) { nodes { description } } }"
    yield "one list, then 49 root fields", f"{{ first: {one} {_many('case(id: 1) { id }', 49)} }}"
    yield "50 root fields", "{ " + _many("case(id: $id) { events(first: 85) { nodes { description } } }", 50) + " }"
    yield "25 of any node", "{ " + _many(f"node(id: $id) {{ ... on Case {{ {texts} }} }}", 25) + " }"
    ids = ", ".join(["$id"] * 100)
    both = "events(first: 2) { nodes { description } }"
    yield "100 ids", f"{{ nodes(ids: [{ids}]) {{ ... on Case {{ {both} description }} }} }}"
    ids = ", ".join(["$id"] * 20)
    yield "25 times 20 ids", "{ " + _many(f"nodes(ids: [{ids}]) {{ ... on Case {{ {both} }} }}", 25) + " }"
    small = " ".join(f"{name}{place}: {name}" for name in ("version", "sortOrder") for place in range(5))
    walked = f"events(first: 90) {{ nodes {{ case {{ events(first: 90) {{ nodes {{ {small} }} }} }} }} }}"
    yield "the schema and 81,000 numbers", "{ __schema { queryType { name } } " + _in_case(walked)[1:]
    yield "the schema and a list of 15 MB", "{ __schema { queryType { name } } " + _in_case(texts)[1:]


def _answered() -> Iterator[tuple[str, str]]:
    """Yield what is answered, and as large as may be."""
    yield "one list of 15 MB, answered", _in_case("events(first: 85) { nodes { description } }")
    for name, size in (("15 MB", 85), ("6.5 MB", 36)):
        deep = f"events(first: 1) {{ nodes {{ fileBatches(first: {size}) {{ nodes {{ description }} }} }} }}"
        deep = f"fileBatches(first: 1) {{ nodes {{ event {{ case {{ {deep} }} }} }} }}"
        yield f"{name} below five levels, answered", _in_case(f"events(first: 1) {{ nodes {{ {deep} }} }}")
    batches = "fileBatches(first: 50) { nodes { id label fileCount fileTypes sortOrder } }"
    events = f"events(first: 50) {{ nodes {{ id type title occurredAt sortOrder {batches} }} }}"
    yield "50 events, 2,500 batches, answered", f'{{ case(id: "{DENSE}") {{ id title {events} }} }}'
    wide = "events(first: 100) { nodes { description } }"
    yield "characters of four bytes, answered", f'{{ case(id: "{WIDE}") {{ {wide} }} }}'


def _changes() -> Iterator[tuple[str, Document]]:
    texts = "events(first: 85) { nodes { description } }"
    aliases = " ".join(f"c{place}: case {{ {_many(texts, 20)} }}" for place in range(5))
    conflict = f"errors {{ ... on ConflictError {{ current {{ ... on Case {{ {_many(texts, 20)} }} }} }} }}"
    for name, id_, selection, version in (
        ("a change with 100 lists", FULL, aliases, None),
        ("a change with five lists", FULL, " ".join(f"c{n}: case {{ {texts} }}" for n in range(5)), None),
        ("a change, a list of 15 MB, answered", FULL, f"case {{ {texts} }}", None),
        ("a change, four bytes each, answered", WIDE, "case { events(first: 100) { nodes { description } } }", None),
        ("a conflict with 20 lists", FULL, conflict, 999),
    ):
        given = {"id": id_, "reference": "r", "expectedVersion": version}
        query = f"mutation ($input: UpdateCaseInput!) {{ updateCase(input: $input) {{ {selection} }} }}"
        yield name, Document(query, {"input": given})


def _in_case(selection: str) -> str:
    return f"{{ case(id: $id) {{ {selection} }} }}"


def _many(field_: str, count: int) -> str:
    return " ".join(f"a{number}: {field_}" for number in range(count))


def fill(connection: Connection) -> None:
    """Insert what the documents ask for."""
    users = [
        {"id": f"00000000-0000-7000-9000-{number:012}", "subject": SUBJECT if number == 0 else f"user-{number}"}
        | {"name": "\x01" * 200, "email": "\x01" * 200, "created_at": _MOMENT}
        for number in range(_MEMBERS)
    ]
    owner = users[0]["id"]
    recorded = {"version": 1, "created_at": _MOMENT, "created_by": owner, "updated_at": _MOMENT, "updated_by": owner}
    rows: dict[type[Base], list[dict[str, Any]]] = {User: users, Case: [], CaseMember: [], Event: [], FileBatch: []}

    def add_event(case: int, place: int, description: str | None) -> None:
        where = {"id": identifier(case, place), "case_id": identifier(case), "occurred_at": _MOMENT}
        said = {"title": "\x01" * 200, "description": description, "search": "a", "sort_order": place}
        rows[Event].append(recorded | where | said)

    def add_batch(case: int, event: int, place: int, description: str | None) -> None:
        where = {"id": identifier(case, event, place), "case_id": identifier(case), "event_id": identifier(case, event)}
        said = {"label": "\x01" * 200, "file_types": "\x01" * 500, "description": description, "sort_order": place}
        rows[FileBatch].append(recorded | where | said)

    for case in range(1, _CASES + 1):
        said = {"title": "t", "title_key": "t", "description": _LONG, "search": "a"}
        rows[Case].append(recorded | said | {"id": identifier(case), "number": case})
        rows[CaseMember].append({"case_id": identifier(case), "user_id": owner, "role": "OWNER"})
    rows[CaseMember] += [{"case_id": FULL, "user_id": user["id"], "role": "VIEWER"} for user in users[1:]]
    for event in range(1, _EVENTS + 1):
        add_event(1, event, _LONG)
        add_event(2, event, None)
        add_event(3, event, _WIDE)
        for batch in range(1, _BATCHES + 1):
            if event in _EVENTS_WITH_BATCHES:
                add_batch(1, event, batch, _LONG)
            if max(event, batch) <= 50:
                add_batch(2, event, batch, None)
    for model, some in rows.items():
        connection.execute(insert(model.__table__), some)  # type: ignore[arg-type]
    begin_journals(connection)


class _Watch:
    """The most memory that a server's process, and PostgreSQL's for it, had beyond what they had at the beginning."""

    def __init__(self, server: Server, postmaster: int | None) -> None:
        self._process = server.process.pid
        self._postmaster = postmaster
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._backends = 0
        # What is remembered as the most becomes what there is (Linux, proc(5): clear_refs).
        Path(f"/proc/{self._process}/clear_refs").write_text("5")
        self._before = status(self._process, "VmRSS")
        self._backends_before = self._own_memory_of_backends()
        self._thread.start()

    def end(self) -> tuple[float, float]:
        """Return both, in megabytes."""
        self._ended.set()
        self._thread.join()
        own = status(self._process, "VmHWM") - self._before
        return own / _MEGABYTE, (self._backends - self._backends_before) / _MEGABYTE

    def _look(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN):
            self._backends = max(self._backends, self._own_memory_of_backends())

    def _own_memory_of_backends(self) -> int:
        # Without the buffers that all of them share.
        return sum(status(process, "RssAnon") for process in _children(self._postmaster))


def _children(process: int | None) -> list[int]:
    if process is None:
        return []
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]


def status(process: int, name: str) -> int:
    """Return a figure of a process in bytes, 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def _post(server: Server, token: str, body: bytes) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=120)) as connection:
        connection.request("POST", "/graphql", body, headers)
        return connection.getresponse().read()


def _outcome(answer: bytes) -> str:
    errors = json.loads(answer).get("errors")
    if not errors:
        return f"{len(answer) / _MEGABYTE:.1f} MB"
    extensions = errors[0].get("extensions", {})
    return " ".join(str(extensions[name]) for name in ("code", "limit") if name in extensions)


def _measure(url: str, postmaster: int | None, document: Document, count: int) -> tuple[str, float, float, float]:
    """Return what came of it, how many seconds it took, and the megabytes of both."""
    token = sign(databases.settings(url), databases.SECRET, subject=SUBJECT, lifetime=timedelta(hours=1))
    servers = Servers()
    try:
        server = servers.dossier("memory", url, DOSSIER_DEVELOPMENT="true")
        for query in ("{ viewer { id } }", "{ cases { nodes { id } } }"):
            _post(server, token, Document(query).body)
        outcomes: list[str] = []
        threads = [
            threading.Thread(target=lambda: outcomes.append(_outcome(_post(server, token, document.body))))
            for _ in range(count)
        ]
        watch = _Watch(server, postmaster)
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - began
        own, backends = watch.end()
    finally:
        servers.close()
    return ", ".join(sorted(set(outcomes))), seconds, own, backends


async def _fill_postgresql(url: str) -> None:
    engine = postgresql.writing_engine(databases.settings(url).database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(fill)
    finally:
        await engine.dispose()


def _databases(stack: ExitStack, kinds: list[str]) -> Iterator[tuple[str, str, int | None]]:
    """Yield each database: its kind, its address, and the process that starts PostgreSQL's backends."""
    folder = Path(tempfile.mkdtemp(prefix="dossier-memory-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    if "sqlite" in kinds:
        url = databases.make_sqlite(folder / "database", 0)
        engine = sqlite_writer.writing_engine(databases.settings(url).database_file)
        with engine.begin() as connection:
            fill(connection)
        engine.dispose()
        yield "sqlite", url, None
    if "postgresql" in kinds:
        address = stack.enter_context(databases.postgresql_server())
        url = databases.make_postgresql(address, "memory", 0)
        asyncio.run(_fill_postgresql(url))
        (place,) = parse_qs(urlsplit(address).query)["host"]
        yield "postgresql", url, int(Path(place, "postmaster.pid").read_text().split()[0])


def main() -> int:
    """Measure, print a line for each document, and return 1 when one took too much."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--only", default="", help="a part of the names of the documents to send")
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    arguments = parser.parse_args()
    failures = 0
    print(f"{'document':40}{'at once':>8}  {'outcome':30}{'seconds':>8}{'Dossier, MB':>13}{'backends, MB':>14}")  # noqa: T201
    with ExitStack() as stack:
        for kind, url, postmaster in _databases(stack, arguments.databases):
            print(kind)  # noqa: T201
            for name, document in documents():
                if arguments.only not in name:
                    continue
                for count, most in MOST.items():
                    outcome, seconds, own, backends = _measure(url, postmaster, document, count)
                    missed = max(own, backends) > most
                    failures += missed
                    figures = f"{seconds:>8.1f}{own:>13.0f}{backends:>14.0f}{'  MISS' if missed else ''}"
                    print(f"{name:40}{count:>8}  {outcome:30}{figures}", flush=True)  # noqa: T201
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
