"""Manifests of batches, as the server takes and tells them."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import orjson

from app.commands.folders import Opener, Walk
from app.commands.plans import File
from app.commands.servers import Change, Server
from app.evidence.entries import HASHES, Entry, base64_of, path_fault, path_of, shown
from app.evidence.hashing import Hashed, hash_each
from app.evidence.writing import microseconds_of, moment_of
from app.values import format_time, parse_time

MOST_ITEMS: Final = 1_000
"""How many items a change takes."""
_MOST_BYTES = 700_000  # of a request; the server takes a little more
_MOST_FILES = 2_000  # in a request, as the values of variables are counted
_MOST_CHANGES = 40  # in a request

_FILES = """
query ($id: ID!, $after: String) {
  node(id: $id) {
    ... on FileBatch {
      files(first: 100, after: $after) {
        nodes { path pathBytes size modifiedAt sha256 sha1 md5 } pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""
BatchIds: TypeAlias = dict[str, str]
"""The ids of a batch, of its event and of its case, as inputs have them."""


def files_of(server: Server, batch_id: str) -> Iterator[Entry]:
    """Yield the files in a batch's manifest. Raises CallError."""
    with expecting_dossier(server):
        for node in server.pages(_FILES, "node", "files", id=batch_id):
            modified = node["modifiedAt"]
            yield Entry(
                path_of(node["path"], node["pathBytes"]),
                int(node["size"]),
                None if modified is None else microseconds_of(parse_time(modified)),
                *(None if node[name] is None else bytes.fromhex(node[name]) for name in HASHES),
            )


@contextmanager
def expecting_dossier(server: Server) -> Iterator[None]:
    """Take apart what a server answered, which is of another form where it is no Dossier. Raises CallError."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError):
        raise server.no_dossier() from None


def entry_of(file: File, sha256: bytes | None = None) -> Entry:
    """Return what a manifest says of a file, which has no time where that is no date."""
    return Entry(file.path, file.size, _microseconds(file.modified), sha256)


def chunks(items: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield items in order, as many at once as one change takes."""
    return (some for some, _ in _measured(items))


def hashed(
    files: Iterable[tuple[int, File]], walk: Walk, opener: Opener, check: Callable[[], None]
) -> Iterator[tuple[int, Entry | None]]:
    """Yield what there is to say of files, each with the number given with it, in their order.

    Each is read once, several at a time. Of one that can't be read, or isn't what was found in the walk, there is
    nothing to say, and the walk notes it by name. Raises DossierError where this process may open no more files.
    """

    def opened() -> Iterator[tuple[tuple[int, File], int, int]]:
        for number, file in files:
            check()
            descriptor = _opened(file, walk, opener)
            if descriptor is not None:
                yield (number, file), descriptor, file.size

    for (number, file), found in hash_each(opened(), threads=threads()):
        check()
        if isinstance(found, Hashed) and not found.has_changed and found.size == file.size:
            yield number, entry_of(file, found.sha256)
            continue
        walk.note(file.place, file.name, found.strerror if isinstance(found, OSError) else CHANGED)
        yield number, None


CHANGED: Final = "it changed while it was read"
"""Why there is no hash of a file that somebody wrote to."""


def threads() -> int:
    """Return how many files are worth hashing at once."""
    # Linux tells how many processors this process may use; macOS, how many there are.
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(count or 1, 8)


@dataclass
class Manifests:
    """Changes that fill and finish manifests, those of many small batches in one request.

    `counts` has the files of each batch by its id; `finished` counts those in manifests that are finished, `finishing`
    in those that will be when it is sent.
    """

    server: Server
    waiting: list[Change] = field(default_factory=list)
    files: int = 0
    size: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    finishing: int = 0
    finished: int = 0

    def add(self, batch: BatchIds, entries: Iterable[Entry]) -> None:
        """Add files to a batch's manifest. Raises CallError."""
        for some, size in _measured(map(_input, entries)):
            self.counts[batch["fileBatchId"]] += len(some)
            self._put("addFiles", {**batch, "files": some}, len(some), size)

    def finish(self, batch: BatchIds, count: int | None = None) -> None:
        """Finish a batch's manifest, which has so many files, or those that were counted. Raises CallError."""
        files = self.counts[batch["fileBatchId"]] if count is None else count
        self._put("finishManifest", {**batch, "fileCount": files}, 0, 0)
        self.finishing += files

    def flush(self) -> None:
        """Send what waits. Raises CallError."""
        waiting, self.waiting, self.files, self.size = self.waiting, [], 0, 0
        finishing, self.finishing = self.finishing, 0
        if waiting:
            self.server.changes(waiting)
            self.finished += finishing

    def _put(self, name: str, values: dict[str, Any], files: int, size: int) -> None:
        is_full = len(self.waiting) == _MOST_CHANGES
        if is_full or self.files + files > _MOST_FILES or self.size + size > _MOST_BYTES:
            self.flush()
        self.waiting.append(Change(name, "fileBatch { id }", values, name=values))
        self.files += files
        self.size += size


def _measured(items: Iterable[dict[str, Any]]) -> Iterator[tuple[list[dict[str, Any]], int]]:
    """Yield items, as many at once as one change takes, and how many bytes of JSON they are."""
    some: list[dict[str, Any]] = []
    size = 0
    for item in items:
        length = len(orjson.dumps(item)) + 1  # and a comma
        if some and (len(some) == MOST_ITEMS or size + length > _MOST_BYTES):
            yield some, size
            some, size = [], 0
        some.append(item)
        size += length
    if some:
        yield some, size


def _opened(file: File, walk: Walk, opener: Opener) -> int | None:
    if (fault := path_fault(file.path)) is not None:
        walk.note(file.place, file.name, f"its path {fault}")
        return None
    try:
        descriptor = opener.open(file.place, file.name)
        status = os.fstat(descriptor)
    except OSError as error:
        walk.fail(file.place, file.name, error)
        return None
    if stat.S_ISREG(status.st_mode) and (status.st_size, status.st_mtime_ns) == (file.size, file.modified):
        return descriptor
    os.close(descriptor)
    walk.note(file.place, file.name, CHANGED)
    return None


def _microseconds(modified: int) -> int | None:
    """Return a time in nanoseconds since 1970 as an entry has it; None for what is no date."""
    microseconds = modified // 1_000
    try:
        moment_of(microseconds)
    except OverflowError:
        return None
    return microseconds


def _input(entry: Entry) -> dict[str, Any]:
    modified = None if entry.modified is None else format_time(moment_of(entry.modified))
    values = {"path": shown(entry.path), "pathBytes": base64_of(entry.path), "size": entry.size}
    hashes = zip(HASHES, (entry.sha256, entry.sha1, entry.md5), strict=True)
    values |= {"modifiedAt": modified, **{name: None if hash_ is None else hash_.hex() for name, hash_ in hashes}}
    return {name: value for name, value in values.items() if value is not None}
