"""The works that are measured: which rows each has, and which of them are compared.

A work is set up, checked and warmed before anything is timed; then all works take turns, round by round, and
in each work its rows, so that whatever slows the machine down for a while slows down all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from bench import allocation, databases, load, works
from bench.answers import expect_same
from bench.bare_writes import BareWrites
from bench.data import LARGE, SMALL
from bench.load import Target
from bench.report import Comparison, Series
from bench.servers import Server
from bench.stage import Stage

READERS, WRITERS = 8, 16
_MANY = 32  # connections, so that two processes get about as many each
_WARM_SECONDS = 1
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_PEERS = {
    "mercurius": ("Mercurius with JIT, better-sqlite3", "sqlite"),
    "strawberry": ("Strawberry with DataLoaders, SQLAlchemy", "sqlite"),
    "postgraphile": ("PostGraphile", "postgresql"),
}
_SHORT = {"ceiling": "ceiling", "mercurius": "Mercurius", "strawberry": "Strawberry", "postgraphile": "PostGraphile"}
_BOUNDS = {
    "nested": {"ceiling": 0.8, "mercurius": 2, "strawberry": 40, "postgraphile": 2.5},
    "page": {"ceiling": 0.6},
    "one": {"ceiling": 0.5},
}


@dataclass
class Row:
    """A row of a table; `measure` takes seconds and returns a rate."""

    series: Series
    measure: Callable[[int], float]


@dataclass
class Work:
    """A table: rows that do the same work."""

    title: str
    rows: list[Row] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)

    def add(self, label: str, measure: Callable[[int], float]) -> Series:
        """Add a row, once warmed, and return its figures to come."""
        measure(_WARM_SECONDS)
        row = Row(Series(label), measure)
        self.rows.append(row)
        return row.series

    def compare(self, label: str, over: Series, under: Series, bound: float, *, at_most: bool = False) -> None:
        """Compare two rows with a bound."""
        self.comparisons.append(Comparison(label, over, under, bound, at_most))


def reads(stage: Stage, name: str, kind: str, *, peers: bool) -> Work:
    """Dossier, the ceiling and the peers at one of the reads."""
    request = works.READS[name]
    work = Work(f"{name}, {_NAMES[kind]}")
    target = stage.target(stage.dossier(stage.database(kind)), request)
    expected = target.post()
    if "errors" in json.loads(expected):
        raise RuntimeError(f"Dossier refuses: {expected!r}")
    dossier = work.add("Dossier", _rate(target))
    target = stage.target(stage.other("ceiling", kind), request, f"/{name}")
    if target.post() != expected:
        raise RuntimeError(f"the ceiling of {work.title} has other bytes than Dossier")
    others = {"ceiling": work.add("ceiling: the same statement, bare", _rate(target))}
    for peer, (label, on) in _PEERS.items():
        if peers and on == kind:
            asked = works.FOR_POSTGRAPHILE[name] if peer == "postgraphile" else request
            target = stage.target(stage.other(peer, kind), asked)
            expect_same(label, target.post(), expected)
            others[peer] = work.add(label, _rate(target))
    for other, bound in _BOUNDS[name].items():
        if other in others:
            label = f"{name}, {_NAMES[kind]}: Dossier / {_SHORT[other]}"
            work.compare(label, dossier, others[other], bound)
    return work


def writes(stage: Stage) -> Work:
    """Creating file batches, against the same statements in a bare loop."""
    work = Work(f"write, SQLite, {WRITERS} clients")
    settings = databases.settings(stage.copy("written"))
    target = stage.target(stage.dossier(stage.copy("written"), purpose="writes"), works.WRITE)
    answer = json.loads(target.post())["data"]["createFileBatch"]
    if answer["errors"]:
        raise RuntimeError(f"Dossier refuses: {answer}")
    bare = BareWrites(databases.settings(stage.copy("bare")))
    dossier = work.add("Dossier", _durable(target, settings.database_file))
    floor = work.add("bare loop, one connection", bare.rate)
    work.compare("write, SQLite: Dossier / bare loop", dossier, floor, 0.5)
    return work


def growth(stage: Stage, kind: str) -> Work:
    """The nested read in a small and in a large database."""
    work = Work(f"growth, {_NAMES[kind]}")
    series = []
    for cases in (SMALL, LARGE):
        target = stage.target(stage.dossier(stage.database(kind, cases)), works.NESTED)
        expect_same(f"Dossier with {cases} cases", target.post(), _nested(stage, kind))
        series.append(work.add(f"nested among {cases:,} cases", _rate(target)))
    label = f"growth, {_NAMES[kind]}: time among {LARGE:,} / {SMALL}"
    work.compare(label, series[0], series[1], 1.15, at_most=True)
    return work


def paging(stage: Stage, kind: str) -> Work:
    """The first page of all cases, and the thousandth."""
    work = Work(f"paging, {_NAMES[kind]}")
    server = stage.dossier(stage.database(kind, LARGE))
    *_, last = _walk(stage, server)
    series = [
        work.add(label, _rate(stage.target(server, works.walk(cursor))))
        for label, cursor in (("first page", None), (f"page {LARGE // works.PAGE_SIZE:,}", last))
    ]
    label = f"paging, {_NAMES[kind]}: time of {series[1].label} / first"
    work.compare(label, series[0], series[1], 1.2, at_most=True)
    return work


def workers(stage: Stage, kind: str) -> Work:
    """The nested read with two processes, and with one."""
    work = Work(f"workers, {_NAMES[kind]}")
    series = []
    for label, count in (("two workers", 2), ("one worker", 1)):
        target = stage.target(stage.dossier(stage.database(kind), workers=count), works.NESTED)
        expect_same(label, target.post(), _nested(stage, kind))
        series.append(work.add(label, _rate(target, _MANY)))
    if kind == "sqlite":  # PostgreSQL has processes of its own, which fill the second core already
        work.compare("workers, SQLite: two / one", series[0], series[1], 1.6)
    return work


def memory(stage: Stage, kind: str, requests: int) -> tuple[str, float]:
    """Return the resident memory of a new process after many nested reads, over that after the first thousand."""
    server = stage.dossier(stage.database(kind), purpose="memory")
    target = stage.target(server, works.NESTED)
    process = psutil.Process(server.process.pid)
    sizes, counts, answered = [], [], 0
    for wanted in (1_000, requests):
        while answered < wanted:
            answered += load.put(target, READERS, 1).requests
        sizes.append(process.memory_info().rss)
        counts.append(answered)
    mebibytes = " → ".join(f"{size / 2**20:.1f}" for size in sizes)
    label = f"memory, {_NAMES[kind]}: after {counts[1]:,} requests / {counts[0]:,} ({mebibytes} MiB)"
    return label, sizes[1] / sizes[0]


def allocated(stage: Stage, kind: str) -> tuple[str, float]:
    """Return the Python memory that one nested answer takes, over the answer's size."""
    url = stage.database(kind)
    target = stage.target(stage.dossier(url), works.NESTED)
    size = len(target.post())
    multiple = allocation.multiple(databases.settings(url), target)
    return f"allocation, {_NAMES[kind]}: peak / the answer's {size:,} bytes", multiple


def _rate(target: Target, connections: int = READERS) -> Callable[[int], float]:
    """Return a measure that also sees to it that the answers keep their size: an error would be shorter."""
    size = len(target.post())

    def measure(seconds: int) -> float:
        answered = load.put(target, connections, seconds)
        if answered.received < answered.requests * size:
            raise RuntimeError(f"{target.url}: answers got shorter")
        return answered.rate

    return measure


def _durable(target: Target, file: Path) -> Callable[[int], float]:
    """Return a measure that also counts the rows that were written: no answer without its row."""

    def measure(seconds: int) -> float:
        before = databases.count_batches(file)
        written = load.put(target, WRITERS, seconds)
        if databases.count_batches(file) - before < written.requests:
            raise RuntimeError("fewer file batches than answers")
        return written.rate

    return measure


def _nested(stage: Stage, kind: str) -> bytes:
    return stage.target(stage.dossier(stage.database(kind)), works.NESTED).post()


def _walk(stage: Stage, server: Server) -> Iterator[str | None]:
    """Yield the cursor before each page of all cases, the first one's None. Raises RuntimeError if one is amiss."""
    cursor, seen = None, 0
    while True:
        yield cursor
        page = json.loads(stage.target(server, works.walk(cursor)).post())["data"]["cases"]
        seen += len(page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = page["pageInfo"]["endCursor"]
    if seen != LARGE:
        raise RuntimeError(f"{seen} cases were listed, not {LARGE}")
