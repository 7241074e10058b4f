"""Comparing a folder with the manifests that a server has of it. Nothing is written to either."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from base64 import b64decode, b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias, get_args

import orjson

from app.commands.cases import find_case
from app.commands.failures import CommandError
from app.commands.folders import Walk
from app.commands.manifests import expecting_dossier, files_of, hashed
from app.commands.plans import File, sized
from app.commands.servers import Server
from app.commands.streams import Progress
from app.errors import DossierError
from app.evidence.entries import Entry, plain
from app.evidence.writing import digested
from app.values import visible

Kind: TypeAlias = Literal["matched", "changed", "missing", "new", "moved", "unreadable"]
"""What can be said of a file."""

IDS: Final = "the API tells the ids of a case's events and of their batches"
BATCH_IDS: Final = f"{IDS}, and in the app a batch's id ends the address of its files"
"""Where ids are seen, for who gave another one."""

There: TypeAlias = dict[bytes, tuple[File, os.stat_result]]
"""The files of the folder, by their paths."""

_HEAD = {"format": "dossier verify-files 2"}
_LONGEST = 256 * 1024  # bytes of a line that is kept
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
    """What is said of a file: what was recorded, and what is there.

    Of what was moved, `path` is where it is now and `recorded.path` where it was. `why` says of what can't be read what
    keeps us from it, and of what changed whether it is as another manifest has it.
    """

    kind: Kind
    path: bytes
    recorded: Entry | None = None
    found: Entry | None = None
    why: str | None = None


@dataclass
class Recorded:
    """What manifests say: the files asked for by their paths, and the paths of all files that were read of.

    Paths are as a walk has them (`plain`), and those of entries as they were recorded: find's list has `./a`.

    `whole` where all of the case is asked for; `has_manifests` where one that is asked for is finished; `without`
    counts batches that are asked for and have none.
    """

    whole: bool
    files: dict[bytes, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    paths: set[bytes] = field(default_factory=set)
    has_manifests: bool = False
    without: int = 0


def asked_for(
    server: Server,
    case: str | None,
    event: str | None,
    batch: str | None,
    progress: Progress,
    *,
    has_others: bool = False,
) -> Recorded:
    """Read the manifests of a case, by its number or its id, or of an event or a batch by its id, which one is given.

    `has_others` reads the other manifests of the case for their paths, too. What a server tells has to be what a
    manifest's digest was made of. Raises DossierError.
    """
    with expecting_dossier(server):
        if case is not None:
            case_id, wanted = find_case(server, case)["id"], None
        else:
            kind, id_ = ("Event", event) if event is not None else ("FileBatch", batch or "")
            case_id, wanted = _case_of(server, kind, id_), id_.lower()
        found = Recorded(whole=wanted is None)
        for each in server.pages(_BATCHES, "case", "fileBatches", id=case_id):
            is_asked_for = wanted is None or wanted in {each["id"], each["event"]["id"]}
            if each["manifest"] is None:
                found.without += is_asked_for
            elif is_asked_for or has_others:
                found.has_manifests |= is_asked_for
                for entry in _manifest(server, each):
                    path = plain(entry.path)
                    found.paths.add(path)
                    if is_asked_for:
                        found.files[path].append(entry)
                progress.tell("read the records of", len(found.paths))
    return found


def compared(
    walk: Walk, manifests: Recorded, cache: HashCache, check: Callable[[], None], progress: Progress
) -> list[Finding]:
    """Return a finding for each file that the manifests list, and for those that are new or moved, by their paths.

    Where manifests differ on a path, each of the contents that they have is compared by itself. New is what no
    manifest of the case lists: of the whole folder for a case; for an event or a batch, what lies in a folder in which
    one of its files does. A file was moved where its content, of one byte or more, is missed elsewhere.
    """
    there: There = {}
    for place, name, status in walk.files():
        file = File(place, name, status.st_size, status.st_mtime_ns)
        there[file.path] = file, status
        progress.tell("found", len(there))
    recorded = {path: _contents(entries) for path, entries in manifests.files.items()}
    missed = {entry.size for path, entries in recorded.items() if path not in there for entry in entries if entry.size}
    unlisted = [path for path in there if path not in manifests.paths]
    wanted = [path for path, entries in recorded.items() if path in there and _may_match(there[path][0], entries)]
    wanted += [path for path in unlisted if there[path][0].size in missed]
    hashes = _hashes([there[path] for path in wanted], walk, cache, check, progress)
    unreadable = dict(walk.unreadable)
    findings = [
        finding for path, entries in recorded.items() for finding in _of_path(path, entries, there, hashes, unreadable)
    ]
    findings += [Finding("unreadable", path, why=why) for path, why in unreadable.items() if path not in recorded]
    folders = {path.rpartition(b"/")[0] for path in recorded}
    elsewhere = _elsewhere(
        [finding for finding in findings if finding.kind == "missing"],
        [Entry(path, there[path][0].size, sha256=hashes.get(path)) for path in unlisted if path not in unreadable],
        lambda path: manifests.whole or path.rpartition(b"/")[0] in folders,
    )
    findings = [finding for finding in findings if finding.kind != "missing"] + elsewhere
    return sorted(findings, key=lambda finding: (finding.path, finding.kind))


class HashCache:
    """Hashes of files that were read before, kept in a file so that an interrupted comparison can be gone on with.

    A file's hash is known as long as its size, its times, its inode and its device are the same. Whoever changes a file
    can set the time of that back, and not the time at which its inode was changed.
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
            self._file = stream = _opened(path)
            stream.seek(0)
            begin = stream.readline(_LONGEST)
            if begin and begin.rstrip(b"\n") != head:
                why = "the file is of another folder, or none that this version wrote"
                raise CommandError(f"--resume: {why}; give another one", exit_code=2)
            for line in iter(lambda: stream.readline(_LONGEST), b""):
                self._learn(line)
            stream.write(b"\n" if begin else head + b"\n")  # behind a line that was cut off
            stream.flush()
        except OSError as error:
            self.close()
            raise CommandError(f"--resume: {visible(str(path))}: {error.strerror}", exit_code=2) from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # of what could not be written, which was told when it was to be
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
            raise CommandError(f"--resume: the hashes can't be kept: {error.strerror}") from None

    def _learn(self, line: bytes) -> None:
        try:
            path, state, digest = orjson.loads(line)
            if len(bytes.fromhex(digest)) == 32:
                self._known[b64decode(path, validate=True)] = state, digest
        except (ValueError, TypeError):
            return  # the last line may have been cut off


def _state(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev]


def _opened(path: Path) -> BinaryIO:
    """Return a regular file to read from its beginning and to write behind its end. Raises OSError."""
    # Whoever opens a FIFO would wait for its other end.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file")
    return os.fdopen(descriptor, "a+b")


def _manifest(server: Server, batch: Mapping[str, Any]) -> list[Entry]:
    """Return what the manifest of a batch lists. Raises DossierError where its digest was made of something else."""
    entries = sorted(files_of(server, batch["id"]), key=lambda entry: entry.path)
    digest = hashlib.sha256(b"".join(digested(entries))).hexdigest()
    if digest != batch["manifest"]["sha256"]:
        raise DossierError(f"what is told of batch {visible(batch['label'])} is not what its digest was made of")
    return entries


def _case_of(server: Server, kind: str, id_: str) -> str:
    node: Any = server.call(_WHERE, id=id_)["node"]
    if not isinstance(node, dict) or node["__typename"] != kind:
        noun, where = ("event", IDS) if kind == "Event" else ("file batch", BATCH_IDS)
        raise CommandError(f"there is no {noun} {visible(id_)}, at least for you; {where}")
    case_id: str = (node if kind == "Event" else node["event"])["case"]["id"]
    return case_id


def _contents(entries: Iterable[Entry]) -> list[Entry]:
    """Return the first entry of each content that is recorded at a path."""
    contents: dict[tuple[int | None, bytes | None], Entry] = {}
    for entry in entries:
        contents.setdefault((entry.size, entry.sha256), entry)
    return [*contents.values()]


def _may_match(file: File, entries: Iterable[Entry]) -> bool:
    return any(entry.size == file.size for entry in entries)


def _hashes(
    files: list[tuple[File, os.stat_result]],
    walk: Walk,
    cache: HashCache,
    check: Callable[[], None],
    progress: Progress,
) -> dict[bytes, bytes]:
    """Return the SHA-256 of files by their paths; those that can't be read are noted in the walk."""
    hashes = {file.path: digest for file, status in files if (digest := cache.get(file.path, status)) is not None}
    lacking = [(number, file) for number, (file, _) in enumerate(files) if file.path not in hashes]
    total = sum(file.size for _, file in lacking)
    done = 0
    with contextlib.closing(walk.opener()) as opener:
        for number, entry in hashed(lacking, walk, opener, check):
            file, status = files[number]
            done += file.size
            progress.tell("read", done, total, sized)
            if entry is not None and entry.sha256 is not None:
                hashes[file.path] = entry.sha256
                cache.put(file.path, status, entry.sha256)
    return hashes


def _of_path(
    path: bytes, entries: list[Entry], there: There, hashes: Mapping[bytes, bytes], unreadable: Mapping[bytes, str]
) -> list[Finding]:
    """Return what is said of a path that manifests list, for each content that they have of it."""
    folders = (path[:end] for end, byte in enumerate(path) if byte == ord("/"))
    if path in unreadable:
        return [Finding("unreadable", path, entry, why=unreadable[path]) for entry in entries]
    if b"" in unreadable or any(folder in unreadable for folder in folders):
        return [Finding("unreadable", path, entry, why="a folder that it is in could not be read") for entry in entries]
    if path not in there:
        return [Finding("missing", path, entry) for entry in entries]
    found = Entry(path, there[path][0].size, sha256=hashes.get(path))
    matched = [entry for entry in entries if found.sha256 is not None and entry.sha256 == found.sha256]
    why = "it is as another manifest has it" if matched else None
    return [
        Finding("matched", path, entry, found) if entry in matched else Finding("changed", path, entry, found, why)
        for entry in entries
    ]


def _elsewhere(missing: list[Finding], unlisted: list[Entry], is_covered: Callable[[bytes], bool]) -> list[Finding]:
    """Return what was moved, what is new, and what is still missing then."""
    waiting: dict[bytes, list[Entry]] = defaultdict(list)
    for finding in sorted(missing, key=lambda each: each.path, reverse=True):
        if finding.recorded is not None and finding.recorded.size and finding.recorded.sha256:
            waiting[finding.recorded.sha256].append(finding.recorded)
    found: list[Finding] = []
    moved: set[Entry | None] = set()
    for entry in sorted(unlisted, key=lambda each: each.path):
        if entry.sha256 is not None and waiting[entry.sha256]:
            source = waiting[entry.sha256].pop()
            moved.add(source)
            found.append(Finding("moved", entry.path, source, entry))
        elif is_covered(entry.path):
            found.append(Finding("new", entry.path, found=entry))
    return found + [finding for finding in missing if finding.recorded not in moved]


def counts_of(findings: Iterable[Finding]) -> dict[Kind, int]:
    """Return how many findings there are of each kind."""
    counted = Counter(finding.kind for finding in findings)
    kinds: tuple[Kind, ...] = get_args(Kind)
    return {kind: counted[kind] for kind in kinds}
