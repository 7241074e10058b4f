"""What exports cost: `python -m bench.exports`.

A case gets so many events and, on every tenth of them, file batches. It is taken out in each format, the others read a
page of 50 events meanwhile: how long until the first byte and the last, what memory the server has beyond what it had,
and how long reads take beside.
"""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from app.db.migrations import migrate
from app.exchange import FORMATS
from app.identity import sign
from bench import databases
from bench.memory import status
from bench.removal import User
from bench.stage import Stage

_FOLDER = Path(__file__).parent / ".work" / "exports"
_AT_ONCE = 1_000
_EVENTS = "mutation ($input: CreateEventsInput!) { createEvents(input: $input) { events { id } errors { message } } }"
_BATCHES = "mutation ($input: CreateFileBatchesInput!) { createFileBatches(input: $input) { errors { message } } }"
_PAGE = "query ($id: ID!) { case(id: $id) { events(first: 50) { nodes { id title occurredAt } } } }"


def main() -> int:
    """Measure both databases."""
    parser = argparse.ArgumentParser(prog="python -m bench.exports", description=__doc__)
    parser.add_argument("events", type=int, nargs="?", default=100_000, help="how many events")
    parser.add_argument("batches", type=int, nargs="?", default=300_000, help="how many file batches")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database alone")
    parser.add_argument("--format", action="append", choices=FORMATS, help="one format alone, or several")
    options = parser.parse_args()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    with Stage(_FOLDER / "stage") as stage, databases.postgresql_server() as postgresql:
        for url in (f"sqlite+aiosqlite:///{_FOLDER / 'dossier.db'}", postgresql):
            kind = url.partition("+")[0].partition(":")[0]
            if options.only not in {None, kind}:
                continue
            migrate(databases.settings(url))
            server = stage.dossier(url, purpose="exports")
            user = User(server.address, "alice")
            case = _filled(user, options.events, options.batches)
            for format_ in options.format or FORMATS:
                print(f"{kind}, {format_}: {_measured(server, user, case, format_)}", flush=True)
    shutil.rmtree(_FOLDER, ignore_errors=True)
    return 0


def _filled(user: User, events: int, batches: int) -> str:
    case = user.new_case()
    ids: list[str] = []
    for start in range(0, events, _AT_ONCE):
        items = [_event(number) for number in range(start, min(start + _AT_ONCE, events))]
        made = user.ask(_EVENTS, input={"caseId": case, "items": items})["createEvents"]
        ids += [event["id"] for event in made["events"]]
    of = ids[::10]
    for start in range(0, batches, _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, batches))
        items = [{"eventId": of[number % len(of)], "label": f"Folder {number}", "fileCount": number} for number in rows]
        user.ask(_BATCHES, input={"caseId": case, "items": items})
    return case


def _event(number: int) -> dict[str, Any]:
    moment = f"20{number % 30:02}-{number % 12 + 1:02}-01T00:00:{number % 60:02}.{number % 1_000_000:06}Z"
    return {"title": f"Event {number}", "occurredAt": moment, "description": "What was found on the disk. " * 5}


def _measured(server: Any, user: User, case: str, format_: str) -> str:
    reads = _Reads(user, case)
    quiet = reads.during(lambda: time.sleep(3))
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5", encoding="ascii")
    before = status(server.process.pid, "VmRSS")
    told: dict[str, Any] = {}

    def export() -> None:
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {_token()}"}
        with httpx.stream(
            "GET", f"{server.address}/cases/{case}/export", params={"format": format_}, headers=headers, timeout=600
        ) as answer:
            answer.raise_for_status()
            pieces = answer.iter_raw()
            size = len(next(pieces))
            told["first"] = (time.perf_counter() - began) * 1_000
            told["size"] = size + sum(map(len, pieces))
        told["seconds"] = time.perf_counter() - began

    beside = reads.during(export)
    more = (status(server.process.pid, "VmHWM") - before) / 2**20
    return (
        f"first byte after {told['first']:.0f} ms, {told['size'] / 1e6:.1f} MB in {told['seconds']:.1f} s, at most "
        f"{more:.0f} MB more; reads beside it {_told(beside)}, alone {_told(quiet)}"
    )


class _Reads:
    """Reads a page again and again while something is done, and takes down how long each read took."""

    def __init__(self, user: User, case: str) -> None:
        self._user, self._case = user, case

    def during(self, work: Any) -> list[float]:
        """Return the milliseconds of each read, in order of length."""
        times: list[float] = []
        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            began = time.perf_counter()
            self._user.ask(_PAGE, id=self._case)
            times.append((time.perf_counter() - began) * 1_000)
            time.sleep(0.01)
        thread.join()
        return sorted(times)


def _told(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} ms (p99 {times[len(times) * 99 // 100]:.1f})"


def _token() -> str:
    settings = databases.settings("sqlite+aiosqlite:///unused.db")
    return sign(settings, databases.SECRET, subject="alice", lifetime=timedelta(hours=1))


if __name__ == "__main__":
    sys.exit(main())
