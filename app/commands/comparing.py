"""Comparing a folder with the manifests that a server has of it. Nothing is written to either."""

from __future__ import annotations

import contextlib
import hashlib
import os
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from app.commands.failures import CommandError
from app.commands.folders import Walk
from app.commands.manifests import files_of, hashed
from app.commands.plans import File
from app.commands.recording import find_case
from app.commands.servers import Server
from app.errors import DossierError
from app.evidence.entries import Entry
from app.evidence.writing import digested
from app.values import visible

KINDS: Final = ("matched", "changed", "missing", "new", "moved", "unreadable")
"""What can be said of a file."""

_HEAD = {"format": "dossier verify-files 1"}
_WHERE = """
query ($id: ID!) {
  node(id: $id) { __typename ... on Event { case { id } } ... on FileBatch { event { case { id } } } }
}
"""
_BATCHES = """
query ($id: ID!, $after: String) {
  case(id: $id) {
    fileBatches(first: 100, after: $after) {
      nodes { id label event { id } manifest { sha256 } } pageInfo { hasNextPage endCursor }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of a file: what was recorded, what is there, and why nothing can be said of what can't be read.

    Of what was moved, `path` is where it is now and `recorded.path` where it was.
    """

    kind: str
    path: bytes
    recorded: Entry | None = None
    found: Entry | None = None
    why: str | None = None


@dataclass
class Recorded:
    """What manifests say: the files asked for by their paths, and the paths of all files of the case.

    `whole` where all of the case is asked for; `without` counts batches that are asked for and have no manifest.
    """

    whole: bool
    files: dict[bytes, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    paths: set[bytes] = field(default_factory=set)
    manifests: int = 0
    without: int = 0


def asked_for(
    server: Server, case: str | None, event: str | None, batch: str | None, tell: Callable[[str], None]
) -> Recorded:
    """Read the manifests of a case, by its number or its id, or of an event or a batch by its id, which one is given.

    Raises DossierError.
    """
    if case is not None:
        return recorded(server, "Case", find_case(server, case)["id"], tell)
    kind, id_ = ("Event", event) if event is not None else ("FileBatch", batch)
    return recorded(server, kind, id_ or "", tell)


def recorded(server: Server, kind: str, id_: str, tell: Callable[[str], None]) -> Recorded:
    """Read the manifests of a case, or of an `Event` or a `FileBatch` of one. Raises DossierError.

    What a server tells has to be what the manifest's digest was made of.
    """
    case_id = id_ if kind == "Case" else _case_of(server, kind, id_)
    found = Recorded(whole=kind == "Case")
    for batch in server.pages(_BATCHES, "case", "fileBatches", id=case_id):
        is_asked_for = found.whole or id_.lower() in {batch["id"], batch["event"]["id"]}
        if batch["manifest"] is None:
            found.without += is_asked_for
            continue
        entries = sorted(files_of(server, batch["id"]), key=lambda entry: entry.path)
        digest = hashlib.sha256(b"".join(digested(entries))).hexdigest()
        if digest != batch["manifest"]["sha256"]:
            raise DossierError(
                f"the list of batch {visible(batch['label'])} is not the one that its digest was made of"
            )
        found.manifests += is_asked_for
        for entry in entries:
            found.paths.add(entry.path)
            if is_asked_for:
                found.files[entry.path].append(entry)
        tell(f"read {len(found.paths)} files of the case")
    if not found.manifests:
        raise DossierError("there is no finished manifest to compare with; 'dossier collect --hash' makes them")
    return found


def compared(
    walk: Walk, manifests: Recorded, known: Known, check: Callable[[], None], tell: Callable[[str], None]
) -> Iterator[Finding]:
    """Yield a finding for each file that the manifests list, and for those that are new or moved, by their paths.

    New is what no manifest of the case lists: of the whole folder for a case; for an event or a batch, what lies in a
    folder in which one of its files does. A file was moved where its content, of one byte or more, is missed elsewhere.
    """
    there: dict[bytes, tuple[File, os.stat_result]] = {}
    for place, name, status in walk.files():
        file = File(place, name, status.st_size, status.st_mtime_ns)
        there[file.path] = file, status
        if len(there) % 500 == 0:
            tell(f"found {len(there)} files")
    lost = [path for path in manifests.files if path not in there]
    missed = {entry.size for path in lost for entry in manifests.files[path] if entry.size}
    strangers = [path for path in there if path not in manifests.paths]
    wanted = [
        path for path, entries in manifests.files.items() if path in there and _may_match(there[path][0], entries)
    ]
    wanted += [path for path in strangers if there[path][0].size in missed]
    hashes = _hashes([there[path] for path in wanted], walk, known, check, tell)
    closed = set(walk.unreadable_paths)
    findings = [_finding(path, entries, there, hashes, closed) for path, entries in manifests.files.items()]
    where = {path.rpartition(b"/")[0] for path in manifests.files}
    findings += _elsewhere(
        [finding for finding in findings if finding.kind == "missing"],
        {path: Entry(path, there[path][0].size, sha256=hashes.get(path)) for path in strangers if path not in closed},
        lambda path: manifests.whole or path.rpartition(b"/")[0] in where,
    )
    moved = {finding.recorded.path for finding in findings if finding.kind == "moved" and finding.recorded}
    told = {finding.path for finding in findings}
    reasons = dict(zip(walk.unreadable_paths, walk.unreadable, strict=True))
    findings += [Finding("unreadable", path, why=why) for path, why in reasons.items() if path not in told]
    for finding in sorted(findings, key=lambda each: (each.path, each.kind)):
        if finding.kind == "missing" and finding.path in moved:
            continue
        if finding.kind == "unreadable" and finding.why is None:
            yield Finding("unreadable", finding.path, finding.recorded, why=reasons.get(finding.path))
        else:
            yield finding


class Known:
    """Hashes of files that were read before, kept in a file so that an interrupted comparison can be gone on with.

    A file's hash is known as long as its size, its time and its inode are the same.
    """

    def __init__(self, path: Path | None, walk: Walk) -> None:
        """Read what is known of a folder. Raises CommandError unless the file is one of these, or none."""
        self._known: dict[bytes, tuple[list[int], str]] = {}
        self._file: BinaryIO | None = None
        if path is None:
            return
        if os.path.realpath(path).encode(errors="surrogateescape").startswith(walk.path.rstrip(b"/") + b"/"):
            raise CommandError("--resume: the file must not lie in the folder that is compared", exit_code=2)
        head = orjson.dumps(_HEAD | {"folder": b64encode(walk.path).decode()})
        try:
            self._file = path.open("a+b")
            self._file.seek(0)
            begin = self._file.readline()
            if begin and begin.rstrip(b"\n") != head:
                raise CommandError("--resume: the file is of another folder, or none that this wrote", exit_code=2)
            for line in self._file:
                self._learn(line)
            self._file.write(b"\n" if begin else head + b"\n")  # behind a line that was cut off
        except OSError as error:
            raise CommandError(f"--resume: {visible(str(path))}: {error.strerror}", exit_code=2) from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def get(self, path: bytes, status: os.stat_result) -> bytes | None:
        """Return the SHA-256 of a file, if it is known."""
        state, digest = self._known.get(path, ([], ""))
        return bytes.fromhex(digest) if state == _state(status) else None

    def put(self, path: bytes, status: os.stat_result, digest: bytes) -> None:
        """Keep the SHA-256 of a file. Raises CommandError."""
        if self._file is None:
            return
        try:
            self._file.write(orjson.dumps([b64encode(path).decode(), _state(status), digest.hex()]) + b"\n")
            self._file.flush()
        except OSError as error:
            raise CommandError(f"--resume: {error.strerror}") from None

    def _learn(self, line: bytes) -> None:
        try:
            path, state, digest = orjson.loads(line)
            if len(bytes.fromhex(digest)) == 32:
                self._known[b64decode(path, validate=True)] = state, digest
        except (ValueError, TypeError):
            return  # the last line may have been cut off


def _state(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _case_of(server: Server, kind: str, id_: str) -> str:
    node: Any = server.call(_WHERE, id=id_)["node"]
    if not isinstance(node, dict) or node["__typename"] != kind:
        noun = {"Event": "event", "FileBatch": "file batch"}[kind]
        raise CommandError(f"there is no {noun} {visible(id_)}, at least for you; give its id")
    case_id: str = (node if kind == "Event" else node["event"])["case"]["id"]
    return case_id


def _may_match(file: File, entries: Iterable[Entry]) -> bool:
    return any(entry.size == file.size for entry in entries)


def _hashes(
    files: list[tuple[File, os.stat_result]],
    walk: Walk,
    known: Known,
    check: Callable[[], None],
    tell: Callable[[str], None],
) -> dict[bytes, bytes]:
    """Return the SHA-256 of files by their paths; those that can't be read are noted in the walk."""
    hashes = {file.path: digest for file, status in files if (digest := known.get(file.path, status)) is not None}
    lacking = [(number, file) for number, (file, _) in enumerate(files) if file.path not in hashes]
    total = sum(file.size for _, file in lacking)
    done = 0
    with contextlib.closing(walk.opener()) as opener:
        for number, entry in hashed(lacking, walk, opener, check):
            file, status = files[number]
            done += file.size
            tell(f"read {done * 100 // max(total, 1)} % of {total:,} bytes")
            if entry is not None and entry.sha256 is not None:
                hashes[file.path] = entry.sha256
                known.put(file.path, status, entry.sha256)
    return hashes


def _finding(
    path: bytes,
    entries: list[Entry],
    there: Mapping[bytes, tuple[File, os.stat_result]],
    hashes: Mapping[bytes, bytes],
    closed: set[bytes],
) -> Finding:
    """Return what is said of a file that a manifest lists, or several manifests do."""
    entry = entries[0]
    if (
        path in closed
        or any(path[:end] in closed for end, byte in enumerate(path) if byte == ord("/"))
        or b"" in closed
    ):
        return Finding("unreadable", path, entry)
    if path not in there:
        return Finding("missing", path, entry)
    found = Entry(path, there[path][0].size, sha256=hashes.get(path))
    if found.sha256 is not None and any(each.sha256 == found.sha256 for each in entries):
        return Finding("matched", path, entry, found)
    return Finding("changed", path, entry, found)


def _elsewhere(
    missing: list[Finding], strangers: Mapping[bytes, Entry], is_covered: Callable[[bytes], bool]
) -> Iterator[Finding]:
    """Yield what was moved, and what is new."""
    waiting: dict[bytes, list[Entry]] = defaultdict(list)
    for finding in sorted(missing, key=lambda each: each.path, reverse=True):
        if finding.recorded is not None and finding.recorded.size and finding.recorded.sha256:
            waiting[finding.recorded.sha256].append(finding.recorded)
    for path, entry in sorted(strangers.items()):
        if entry.sha256 is not None and waiting[entry.sha256]:
            yield Finding("moved", path, waiting[entry.sha256].pop(), entry)
        elif is_covered(path):
            yield Finding("new", path, found=entry)


def counts_of(findings: Iterable[Finding]) -> dict[str, int]:
    """Return how many findings there are of each kind."""
    counted = Counter(finding.kind for finding in findings)
    return {kind: counted[kind] for kind in KINDS}
