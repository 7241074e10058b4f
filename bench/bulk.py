"""How many file batches are made in a second, a thousand at once and one by one: `python -m bench.bulk`.

Over HTTP by one client, on a case with 100 events, with the record and the index of searches. Each batch has a label, a
count, types and a description of one line.
"""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from app.db.migrations import migrate
from bench import databases
from bench.removal import User
from bench.stage import Stage

_FOLDER = Path(__file__).parent / ".work" / "bulk"
_AT_ONCE = 1_000
_EVENTS = 100
_MANY = "mutation ($input: CreateFileBatchesInput!) { createFileBatches(input: $input) { errors { message } } }"
_ONE = "mutation ($input: CreateFileBatchInput!) { createFileBatch(input: $input) { errors { message } } }"


def main() -> int:
    """Measure both databases."""
    parser = argparse.ArgumentParser(prog="python -m bench.bulk", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000, help="how many are made a thousand at once")
    parser.add_argument("--alone", type=int, default=1_000, help="how many are made one by one")
    options = parser.parse_args()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    with Stage(_FOLDER / "stage") as stage, databases.postgresql_server() as postgresql:
        for url in (f"sqlite+aiosqlite:///{_FOLDER / 'dossier.db'}", postgresql):
            migrate(databases.settings(url))
            server = stage.dossier(url, purpose="bulk")
            user = User(server.address, "alice")
            case = user.new_case()
            events = [user.new_event(case) for _ in range(_EVENTS)]
            began = time.perf_counter()
            times = []
            for start in range(0, options.count, _AT_ONCE):
                items = [_batch(number, events) for number in range(start, min(start + _AT_ONCE, options.count))]
                times.append(_timed(user, _MANY, {"caseId": case, "items": items}))
            took = time.perf_counter() - began
            alone = [_timed(user, _ONE, {"caseId": case, **_batch(n, events)}) for n in range(options.alone)]
            kind = url.partition("+")[0].partition(":")[0]
            median = statistics.median(times)
            print(
                f"{kind}: {options.count / took:,.0f} in a second, a thousand at once (median {median:.0f} ms); "
                f"alone {1_000 / statistics.median(alone):,.0f} in a second"
            )
    shutil.rmtree(_FOLDER, ignore_errors=True)
    return 0


def _batch(number: int, events: list[str]) -> dict[str, Any]:
    label, description = f"Folder {number} of the file server", "Copied by night, as it was found"
    told = {"label": label, "description": description, "fileCount": number % 90, "fileTypes": ".pdf, .docx"}
    return {"eventId": events[number % len(events)], **told}


def _timed(user: User, query: str, given: dict[str, Any]) -> float:
    began = time.perf_counter()
    (payload,) = user.ask(query, input=given).values()
    if payload["errors"]:
        raise RuntimeError(payload["errors"])
    return (time.perf_counter() - began) * 1_000


if __name__ == "__main__":
    sys.exit(main())
