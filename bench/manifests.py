"""What manifests cost: `python -m bench.manifests`.

A batch gets so many files, a thousand at once over HTTP by a client with two connections, with the index of searches,
and is finished. Then files are read: a page of them, beside a page of as many batches; and by a hash that one file has,
and that half of all have, when as many files more were written into the table as `--more` says.
"""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import asyncio
import hashlib
import resource
import shutil
import sqlite3
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from app.db.migrations import migrate
from bench import databases
from bench.memory import status
from bench.removal import User
from bench.stage import Stage

_FOLDER = Path(__file__).parent / ".work" / "manifests"
_AT_ONCE = 1_000
_CONNECTIONS = 2
_TIMES = 21
_ADD = "mutation ($input: AddFilesInput!) { addFiles(input: $input) { errors { message } } }"
_FINISH = "mutation ($input: FinishManifestInput!) { finishManifest(input: $input) { errors { message } } }"
_BATCH = "mutation ($input: CreateFileBatchInput!) { createFileBatch(input: $input) { fileBatch { id } } }"
_BATCHES = "mutation ($input: CreateFileBatchesInput!) { createFileBatches(input: $input) { errors { message } } }"
_PAGE = "edges { cursor node { id %s } } pageInfo { hasNextPage endCursor }"
_FILES = f"""query ($case: ID!, $event: ID!, $batch: ID!) {{
  fileBatch(caseId: $case, eventId: $event, id: $batch) {{ files(first: 50) {{ {_PAGE % "path size sha256"} }} }}
}}"""
_LISTED = f"""query ($case: ID!, $event: ID!) {{
  event(caseId: $case, id: $event) {{ fileBatches(first: 50) {{ {_PAGE % "label fileCount fileTypes"} }} }}
}}"""
_BY_HASH = f"query ($hash: String!) {{ filesByHash(hash: $hash, first: 50) {{ {_PAGE % 'path'} }} }}"
_EMPTY = hashlib.sha256().hexdigest()


def main() -> int:
    """Measure both databases."""
    parser = argparse.ArgumentParser(prog="python -m bench.manifests", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1_000_000, help="how many files")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database alone")
    parser.add_argument("--more", type=int, default=0, help="files to write into the table before some are found")
    options = parser.parse_args()
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    with Stage(_FOLDER / "stage") as stage, databases.postgresql_server() as postgresql:
        for url in (f"sqlite+aiosqlite:///{_FOLDER / 'dossier.db'}", postgresql):
            kind = url.partition("+")[0].partition(":")[0]
            if options.only in {None, kind}:
                migrate(databases.settings(url))
                told = _measured(
                    stage.dossier(url, purpose="manifests"), options.count, partial(_write, url, options.more)
                )
                print(f"{kind}: {told}", flush=True)
    shutil.rmtree(_FOLDER, ignore_errors=True)
    return 0


def _measured(server: Any, count: int, write: Callable[[], None]) -> str:
    user = User(server.address, "alice")
    case = user.new_case()
    event = user.new_event(case)
    place = {"caseId": case, "eventId": event}
    batch = user.ask(_BATCH, input={**place, "label": "All"})["createFileBatch"]["fileBatch"]["id"]
    user.ask(_BATCHES, input={"caseId": case, "items": [_labelled(number, event) for number in range(1_000)]})
    named = {**place, "fileBatchId": batch}
    began = time.perf_counter()

    def add(start: int) -> None:
        files = [_file(number) for number in range(start, min(start + _AT_ONCE, count))]
        _sent(user, _ADD, {**named, "files": files})

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        deque(pool.map(add, range(0, count, _AT_ONCE)), maxlen=0)
    added = time.perf_counter() - began
    _sent(user, _FINISH, {**named, "fileCount": count})
    took = time.perf_counter() - began
    ids = {"case": case, "event": event, "batch": batch}
    rare = _file(count // 2 * 2 - 1)["sha256"]
    peaks = status(server.process.pid, "VmHWM") // 2**20, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    pages = _median(user, _FILES, ids), _median(user, _LISTED, ids)
    write()
    return (
        f"{count:,} files added in {added:.1f} s and finished in {took - added:.1f} s more; "
        f"at most {peaks[0]:,} MB in the server, {peaks[1]:,} MB in the client; a page of files "
        f"{pages[0]:.2f} ms, of batches {pages[1]:.2f} ms; by a hash that one has "
        f"{_median(user, _BY_HASH, {'hash': rare}):.2f} ms, that half have "
        f"{_median(user, _BY_HASH, {'hash': _EMPTY}):.2f} ms"
    )


def _write(url: str, count: int) -> None:
    """Write files with hashes of their own into the table, as if manifests of the same batch had them."""
    if not count:
        return
    columns = "case_id, event_id, batch_id, path, size"
    if url.startswith("sqlite"):
        digits = "lower(hex(randomblob({})))"
        id_ = " || '-' || ".join(digits.format(size) for size in (4, 2, 2, 2, 6))
        new, of_one = f"{id_}, randomblob(32), path_key || '/' || number", "SELECT * FROM files LIMIT 1"
        numbers = "WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n LIMIT {})"
        statement = f"{numbers.format(count)} INSERT INTO files (id, sha256, path_key, {columns}) "
        with closing(sqlite3.connect(url.partition("///")[2], timeout=60)) as connection, connection:
            connection.execute(f"{statement} SELECT {new}, {columns} FROM ({of_one}), n")  # noqa: S608 - ours
        return
    new = "gen_random_uuid(), sha256(number::text::bytea), path_key || '/' || number"
    rows = f"(SELECT * FROM files LIMIT 1) AS one, generate_series(1, {count}) AS n (number)"  # noqa: S608 - ours
    statement = f"INSERT INTO files (id, sha256, path_key, {columns}) SELECT {new}, {columns} FROM {rows}"  # noqa: S608 - ours

    async def run() -> None:
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
        await connection.execute(statement, timeout=3_600)
        await connection.close()

    asyncio.run(run())


def _file(number: int) -> dict[str, Any]:
    digest = hashlib.sha256(b"%d" % number).hexdigest() if number % 2 else _EMPTY
    path = f"home/user{number // 50_000}/projects/module-{number // 100}/src/file-{number}.py"
    return {"path": path, "size": number, "modifiedAt": "2026-03-01T09:30:00Z", "sha256": digest}


def _labelled(number: int, event: str) -> dict[str, Any]:
    return {"eventId": event, "label": f"Folder {number}", "fileTypes": ".pdf"}


def _sent(user: User, query: str, given: dict[str, Any]) -> None:
    (payload,) = user.ask(query, input=given).values()
    if payload["errors"]:
        raise RuntimeError(payload["errors"])


def _median(user: User, query: str, given: dict[str, Any]) -> float:
    times = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        user.ask(query, **given)
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times)


if __name__ == "__main__":
    sys.exit(main())
