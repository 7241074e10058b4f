"""Measures whether time tells what is someone else's from what does not exist: see bench/README.md."""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import http.client
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.identity import sign
from bench import databases
from bench.data import SUBJECT
from bench.servers import Server
from bench.stage import Stage

_FOLDER = Path(__file__).parent / ".work" / "oracle"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_STRANGER, _NO_MEMBER = "mallory", "bob"
_WARM = 300  # requests of each kind before any is timed
_DOUBT = 0.05  # shared by all comparisons of a run (Bonferroni)

Variables = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """The same document about something foreign and about something missing; `subject` is who asks."""

    name: str
    query: str
    foreign: Callable[[Variables], Variables]
    missing: Callable[[Variables], Variables]
    subject: str = _STRANGER


def _as_it_is(path: Variables) -> Variables:
    return path


def _beside(*names: str) -> Callable[[Variables], Variables]:
    """Return what replaces ids by others right beside them, so that the same pages of an index are read."""

    def replace(path: Variables) -> Variables:
        return path | {name: path[name][:28] + f"{random.getrandbits(32):08x}" for name in names}

    return replace


def _mutation(name: str, **given: str) -> str:
    members = ", ".join(f"{member}: {value}" for member, value in given.items())
    declared = ", ".join(
        f"{value}: {'String!' if value == '$subject' else 'ID!'}" for value in given.values() if value[0] == "$"
    )
    return f"mutation ({declared}) {{ {name}(input: {{{members}}}) {{ errors {{ __typename code message path }} }} }}"


_PATH = {"caseId": "$case", "eventId": "$event", "id": "$batch"}
_QUESTIONS = (
    Question("case", "query ($case: ID!) { case(id: $case) { id title } }", _as_it_is, _beside("case")),
    Question(
        "event",
        "query ($case: ID!, $event: ID!) { event(caseId: $case, id: $event) { id title } }",
        _as_it_is,
        _beside("case", "event"),
    ),
    Question(
        "fileBatch",
        "query ($case: ID!, $event: ID!, $batch: ID!) "
        "{ fileBatch(caseId: $case, eventId: $event, id: $batch) { id label } }",
        _as_it_is,
        _beside("case", "event", "batch"),
    ),
    Question("node, a case", "query ($case: ID!) { node(id: $case) { id } }", _as_it_is, _beside("case")),
    Question("node, an event", "query ($event: ID!) { node(id: $event) { id } }", _as_it_is, _beside("event")),
    Question("node, a batch", "query ($batch: ID!) { node(id: $batch) { id } }", _as_it_is, _beside("batch")),
    Question("node, a change", "query ($change: ID!) { node(id: $change) { id } }", _as_it_is, _beside("change")),
    Question(
        "case, as it was",
        "query ($case: ID!) { case(id: $case, asOf: {seq: 2}) { id events { totalCount } } }",
        _as_it_is,
        _beside("case"),
    ),
    Question(
        "changes in a case",
        "query ($case: ID!) { changes(caseId: $case, first: 5) { entries { kind change { id } } upToDate } }",
        _as_it_is,
        _beside("case"),
    ),
    Question("node, a user", "query ($user: ID!) { node(id: $user) { id } }", _as_it_is, _beside("user")),
    Question("deleteCase", _mutation("deleteCase", id="$case"), _as_it_is, _beside("case")),
    Question(
        "updateEvent",
        _mutation("updateEvent", caseId="$case", id="$event", title='"New"'),
        _as_it_is,
        _beside("case", "event"),
    ),
    Question("deleteFileBatch", _mutation("deleteFileBatch", **_PATH), _as_it_is, _beside("case", "event", "batch")),
    Question(
        "setCaseMember, a known user and none",
        _mutation("setCaseMember", caseId="$case", subject="$subject", role="VIEWER"),
        lambda path: path | {"subject": _NO_MEMBER},
        lambda path: _beside("case")(path) | {"subject": f"{random.getrandbits(12):03x}"},
    ),
    Question(
        "removeCaseMember, by an owner",
        _mutation("removeCaseMember", caseId="$case", subject="$subject"),
        lambda path: path | {"subject": _NO_MEMBER},
        lambda path: path | {"subject": f"{random.getrandbits(12):03x}"},
        subject=SUBJECT,
    ),
)


def main() -> int:
    """Measure and print a table; return 1 when time tells something, else 0."""
    options = _parser().parse_args()
    told = 0
    bound = _DOUBT / (len(_QUESTIONS) * len(options.databases))
    print(f"{options.samples:,} of each, in turns; told apart when p < {bound:.1g}")
    with Stage(_FOLDER) as stage:
        for kind in options.databases:
            print(f"\n{_NAMES[kind]:<38} foreign  missing  difference        p")
            asking = Asking(stage.dossier(stage.database(kind)))
            for question in _QUESTIONS:
                if options.only and not any(word in question.name for word in options.only):
                    continue
                foreign, missing = asking.measure(question, options.samples)
                p = mann_whitney(foreign, missing)
                medians = [statistics.median(times) / 1000 for times in (foreign, missing)]
                verdict = "  TOLD APART" if p < bound else ""
                told += p < bound
                difference = medians[0] - medians[1]
                print(f"  {question.name:<36}", *(f"{median:6.1f}µs" for median in medians), end=" ")
                print(f"  {difference:+6.2f}µs  {p:8.2g}{verdict}", flush=True)
    return int(told > 0)


def mann_whitney(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the probability that two samples of one distribution differ at least as much as these.

    The rank-sum test of Mann and Whitney (1947), two-sided, by its normal approximation with the correction for
    ties; both samples should have 20 values or more.
    """
    ranked = sorted([(value, 0) for value in some] + [(value, 1) for value in others])
    rank_sum, ties, start = 0.0, 0, 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            end += 1
        rank_sum += (start + end + 1) / 2 * sum(1 for _, sample in ranked[start:end] if sample == 0)
        ties += (end - start) ** 3 - (end - start)
        start = end
    n, m = len(some), len(others)
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    z = (rank_sum - n * (n + 1) / 2 - n * m / 2) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2))


class Asking:
    """Asks a server, one request at a time on a connection that stays open."""

    def __init__(self, server: Server) -> None:
        self._connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=60)
        self._tokens: dict[str, str] = {}
        self._paths = self._find_paths()
        self._ask(_NO_MEMBER, self._body("{ viewer { id } }", {}))

    def measure(self, question: Question, samples: int) -> tuple[list[int], list[int]]:
        """Return the times in nanoseconds of as many foreign and missing requests, taken in turns."""
        times: tuple[list[int], list[int]] = [], []
        answers = set()
        for number in range(-_WARM, samples):
            path = random.choice(self._paths)  # noqa: S311 - no secret
            bodies = [self._body(question.query, make(path)) for make in (question.foreign, question.missing)]
            for which in random.sample((0, 1), 2):
                took, answer = self._ask(question.subject, bodies[which])
                answers.add(answer)
                if number >= 0:
                    times[which].append(took)
        if len(answers) != 1:
            raise RuntimeError(f"{question.name}: the answers differ: {answers}")
        return times

    def _ask(self, subject: str, body: bytes) -> tuple[int, bytes]:
        headers = self._headers(subject)
        start = time.perf_counter_ns()
        self._connection.request("POST", "/graphql", body, headers)
        answer = self._connection.getresponse().read()
        return time.perf_counter_ns() - start, answer

    def _headers(self, subject: str) -> dict[str, str]:
        if subject not in self._tokens:
            settings = databases.settings("sqlite+aiosqlite:///unused.db")
            self._tokens[subject] = sign(settings, databases.SECRET, subject=subject, lifetime=timedelta(hours=8))
        return {"Authorization": f"Bearer {self._tokens[subject]}", "Content-Type": "application/json"}

    def _body(self, query: str, variables: Variables) -> bytes:
        used = {name: value for name, value in variables.items() if f"${name}:" in query}
        return json.dumps({"query": query, "variables": used}).encode()

    def _find_paths(self) -> list[Variables]:
        """Return paths of ids, one in each of a hundred cases, with their owner."""
        below = "events(first: 1) { nodes { id fileBatches(first: 1) { nodes { id } } } }"
        below += " history(first: 1) { nodes { id } }"
        query = f"{{ viewer {{ id }} cases(first: 100) {{ nodes {{ id {below} }} }} }}"
        data = json.loads(self._ask(SUBJECT, self._body(query, {}))[1])["data"]
        paths = []
        for case in data["cases"]["nodes"]:
            (event,) = case["events"]["nodes"]
            (batch,) = event["fileBatches"]["nodes"]
            (change,) = case["history"]["nodes"]
            ids = {"case": case["id"], "event": event["id"], "batch": batch["id"], "change": change["id"]}
            paths.append(ids | {"user": data["viewer"]["id"]})
        return paths


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.oracle", description=__doc__)
    parser.add_argument("--samples", type=int, default=5_000, help="of each kind (default: %(default)s)")
    parser.add_argument("--databases", nargs="+", choices=[*_NAMES], default=[*_NAMES], help="(default: both)")
    parser.add_argument("--only", nargs="+", help="questions whose names hold one of these words")
    return parser


if __name__ == "__main__":
    sys.exit(main())
