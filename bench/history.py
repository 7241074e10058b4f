"""What a long history costs: `python -m bench.history`.

A case has 100,000 events, and a journal with an entry for each and one for each hundredth that was changed. A client
asks for pages of 50 of `Case.events` and of `Case.history`, in both orders, the first one and one from the middle, and
by each filter. Printed are the medians of milliseconds over HTTP, and how many times that of the page of events of the
same order and place it is.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import statistics
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import bindparam, select, update

from app.db import Statement, Transaction, open_database
from app.db.models import Case, CaseCounter, Event, Journal, User, table_of
from app.record.entries import case_index
from app.record.journal import Head, Recorder
from app.settings import Settings
from app.values import format_time, new_id
from bench import databases
from bench.load import Target
from bench.servers import Server
from bench.stage import Stage
from bench.works import Request

_FOLDER = Path(__file__).parent / ".work" / "history"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_AT_ONCE = 100  # events that are written together, of which one is changed
_PAGE = 50
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_CASES, _EVENTS, _JOURNALS = table_of(Case), table_of(Event), table_of(Journal)
_OWNER = Statement(select(User.id, User.subject))
_HEAD = Statement(
    select(_JOURNALS.c.size, _JOURNALS.c.at, _JOURNALS.c.frontier).where(
        _JOURNALS.c.case_id == bindparam("case", type_=_JOURNALS.c.case_id.type)
    )
)
_COUNT = Statement(update(table_of(CaseCounter)))
_EVENT = Statement(select(_EVENTS).where(_EVENTS.c.id == bindparam("event", type_=_EVENTS.c.id.type)))
_LISTS = {
    "events": "id type title description occurredAt occurredUntil version updatedAt updatedBy { subject }",
    "history": "id seq at kind by { id subject } on { type id label version } fields { name before after }",
}
_ORDERS = {"events": ("OCCURRED_AT_DESC", "OCCURRED_AT_ASC"), "history": ("SEQ_DESC", "SEQ_ASC")}
_BOUNDS = {"events": ("occurredBefore", "occurredFrom"), "history": ("before", "from")}


def main() -> int:
    """Measure and print. Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--databases", nargs="+", choices=[*_NAMES], default=[*_NAMES], help="(default: both)")
    parser.add_argument("--events", type=int, default=100_000, help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each page at most (default: %(default)s)")
    options = parser.parse_args()
    with Stage(_FOLDER) as stage:
        for kind in options.databases:
            url = stage.database(kind, 0)
            case, middle = asyncio.run(_fill(databases.settings(url), options.events))
            databases.tidy_up(url)
            middles = {"history": middle, "events": _BEGINNING + timedelta(minutes=options.events // 2)}
            _measure(stage, url, kind, case, middles, options.seconds)
    return 0


async def _fill(settings: Settings, events: int) -> tuple[str, datetime]:
    """Make the case by changes such as Dossier makes; return its id, and when the middle of its entries was written."""
    database = await open_database(settings)
    case, made, moments = new_id(), 0, []
    before: list[str] = []

    def make(transaction: Transaction) -> datetime:
        owner = transaction.all(_OWNER, {})[0]
        recorder = Recorder(transaction, owner.id, owner.subject)
        if (head := transaction.first(_HEAD, {"case": case})) is None:
            title = {"title": "Missing stock", "reference": None, "description": None}
            transaction.run(_COUNT, {"last_number": 1})
            recorder.start(case)
            recorder.add(_CASES, {"id": case, "number": 1, "status": "OPEN", **title, **case_index(title)})
            recorder.join(case, "OWNER")
        else:
            recorder.go_on(case, Head(*head))
        for event in before:
            (row,) = transaction.all(_EVENT, {"event": event})
            new = {"description": "Copied once more."}
            recorder.update(_EVENTS, row, new)
        before.clear()
        for number in range(made, made + _AT_ONCE):
            moment = _BEGINNING + timedelta(minutes=number)
            told = {"title": f"Copied the drive of workstation {number}", "description": None}
            more: dict[str, Any] = {"id": new_id(), "case_id": case, "type": ("FINDING", "ACTION", "NOTE")[number % 3]}
            more |= {"occurred_at": moment, "occurred_until": None, "time_precision": "EXACT", "sort_order": 0}
            recorder.add(_EVENTS, {**more, **told})
        before.append(str(more["id"]))
        recorder.close()
        return recorder.moment

    try:
        while made < events:
            moments.append(await database.write(make, None))
            made += _AT_ONCE
    finally:
        await database.close()
    return case, moments[len(moments) // 2]


def _measure(stage: Stage, url: str, kind: str, case: str, middles: Mapping[str, datetime], seconds: float) -> None:
    pages = _Pages(stage, stage.dossier(url, purpose="history"), case)
    print(f"\n{_NAMES[kind]}; milliseconds, median{'':34}{'events':>10}{'history':>10}{'times':>8}")  # noqa: T201
    places = [(place, order) for order in (0, 1) for place in ("first", "middle")]
    plain = {}
    for place, order in places:
        found = {}
        for name in _LISTS:
            after = pages.cursor(name, order, middles[name]) if place == "middle" else None
            found[name] = pages.median(name, order, {}, after, seconds)
        plain[order, place] = found["events"]
        _report(f"{place} page, {_ORDERS['history'][order]}", found["events"], found["history"])
    everybody = pages.owner()
    filters: dict[str, dict[str, Any]] = {
        "kinds: [CREATED]": {"kinds": ["CREATED"]},
        "kinds: [UPDATED], one of 101": {"kinds": ["UPDATED"]},
        "kinds: [DELETED], none": {"kinds": ["DELETED"]},
        "types: [EVENT]": {"types": ["EVENT"]},
        "types: [MEMBER], the second": {"types": ["MEMBER"]},
        'fields: ["title"]': {"fields": ["title"]},
        'fields: ["description"], one of 101': {"fields": ["description"]},
        'fields: ["label"], none': {"fields": ["label"]},
        "byId, all": {"byId": everybody},
        "byId, none": {"byId": case},
        "from the middle": {"from": format_time(middles["history"])},
        "before the middle": {"before": format_time(middles["history"])},
    }
    for name, where in filters.items():
        for order in (0, 1):
            taken = pages.median("history", order, where, None, seconds)
            _report(f"{name}, {_ORDERS['history'][order]}", plain[order, "first"], taken)
    taken = pages.median("events", 0, {"text": "no such words"}, None, seconds)
    _report("events by a text that none has", taken, None)


def _report(name: str, events: float, history: float | None) -> None:
    columns = "" if history is None else f"{history:>10.2f}{history / events:>8.1f}"
    print(f"{name:58}{events:>10.2f}{columns}", flush=True)  # noqa: T201


class _Pages:
    """Asks for pages of a case, as one client."""

    def __init__(self, stage: Stage, server: Server, case: str) -> None:
        self._stage, self._server, self._case = stage, server, case
        self._connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=120)

    def median(self, name: str, order: int, where: Mapping[str, Any], after: str | None, seconds: float) -> float:
        """Return how many milliseconds a page takes."""
        target = self._target(name, order, where, after)
        for _ in range(5):  # by then it is planned
            self._ask(target)
        times: list[float] = []
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or len(times) < 5:
            began = time.perf_counter()
            self._ask(target)
            times.append((time.perf_counter() - began) * 1_000)
        return statistics.median(times)

    def cursor(self, name: str, order: int, moment: datetime) -> str:
        """Return the cursor of what was at a moment, or next to it in an order."""
        where = {_BOUNDS[name][order]: format_time(moment)}
        return str(self._ask(self._target(name, order, where, None))["pageInfo"]["startCursor"])

    def owner(self) -> str:
        """Return the id of the user who made all of it."""
        return str(self._ask(self._target("history", 1, {}, None))["nodes"][0]["by"]["id"])

    def _target(self, name: str, order: int, where: Mapping[str, Any], after: str | None) -> Target:
        type_ = {"events": "Event", "history": "Change"}[name]
        query = (
            f"query ($id: ID!, $after: String, $where: {type_}Filter, $order: [{type_}Order!]) {{ case(id: $id) {{ "
            f"list: {name}(first: {_PAGE}, after: $after, where: $where, orderBy: $order) {{ "
            f"nodes {{ {_LISTS[name]} }} pageInfo {{ startCursor hasNextPage endCursor }} }} }} }}"
        )
        variables = {"id": self._case, "after": after, "where": where, "order": _ORDERS[name][order]}
        return self._stage.target(self._server, Request("case", query, variables))

    def _ask(self, target: Target) -> dict[str, Any]:
        self._connection.request("POST", "/graphql", target.body.encode(), target.headers)
        answer = self._connection.getresponse().read()
        found = json.loads(answer)
        if "data" not in found:
            raise RuntimeError(f"Dossier refuses: {answer!r}")
        page: dict[str, Any] = found["data"]["case"]["list"]
        return page


if __name__ == "__main__":
    sys.exit(main())
