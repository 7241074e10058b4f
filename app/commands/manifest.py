"""`dossier manifest`: lists of files in the formats of other programs, written of manifests and read into them."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.collect import add_server_to, token_of
from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import say
from app.commands.verify_files import add_which_to
from app.errors import DossierError
from app.evidence import READ, WRITTEN
from app.values import visible

if TYPE_CHECKING:
    from app.evidence.entries import Entry

_BATCH = """
query ($id: ID!) {
  node(id: $id) { ... on FileBatch { id manifest { sha256 } event { id case { id } } } }
}
"""


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "manifest",
        help="write and read lists of files",
        description="Write the manifests of a case as lists that other programs check, or read such a list into one.",
    )
    actions = parser.add_commands("action")
    write = command(
        actions,
        "write",
        _write,
        "write manifests as a list",
        "Write the finished manifests of a case, an event or a batch as one list, sorted by the bytes of the paths: "
        "sha256sum's, which 'sha256sum -c' checks in the folder that was collected; hashdeep's; a bag's manifest "
        "(BagIt 1.0); or a table. A name that a format can't hold is refused by name, and nothing is written.",
    )
    add_which_to(write)
    write.add_argument("--format", choices=WRITTEN, default="sha256sum", help="(default: %(default)s)")
    write.add_argument("--output", metavar="FILE", type=Path, help="a new file to write to (default: standard output)")
    add_server_to(write)
    add = command(
        actions,
        "add",
        _add,
        "read a list into a manifest, and finish it",
        "Read a list of files into the manifest of a batch, and finish it. The format is told by what is in the list: "
        "sha256sum, BSD's tags, hashdeep, CSV and JSON lines as 'manifest write' has them, mtree, DFXML; a bag's "
        "manifest has to be named where its names may be encoded. Each file needs a SHA-256, which lists of md5sum and "
        "sha1sum and bodyfiles don't have, and a size. All of the list is read before anything is sent. Broken off, "
        "the same command goes on.",
    )
    add.add_argument("list", metavar="LIST", type=Path, help="the list, a file")
    add.add_argument("--batch", metavar="ID", type=text, required=True, help="the file batch, by its id")
    add.add_argument("--format", choices=READ, help="the list's format (default: told by what is in it)")
    add.add_argument("--folder", metavar="DIR", type=Path, help="where the files lie: sizes that LIST lacks are theirs")
    add_server_to(add)


def _write(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands import comparing
        from app.commands.servers import Server
        from app.evidence.entries import CannotHoldError
        from app.evidence.writing import WRITERS

    with closing(Server(options.url, token_of(options)[0])) as server:
        recorded = comparing.asked_for(server, options.case, options.event, options.batch, lambda _: None)
    entries = sorted((entry for each in recorded.files.values() for entry in each), key=lambda entry: entry.path)
    try:
        written = b"".join(WRITERS[options.format](entries))
    except CannotHoldError as error:
        raise DossierError(f"{visible(str(error))}; nothing was written, use another --format") from None
    if options.output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
        return 0
    try:
        with options.output.open("xb") as output:
            output.write(written)
    except OSError as error:
        raise DossierError(f"{visible(str(options.output))}: {error.strerror}") from None
    say(f"{len(entries):,} files are listed in {visible(str(options.output))}.")
    return 0


def _add(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands.manifests import Manifests, files_of
        from app.commands.servers import Server

    count = sum(1 for _ in _entries(options))
    with closing(Server(options.url, token_of(options)[0])) as server:
        batch = server.call(_BATCH, id=options.batch)["node"]
        if not batch:
            raise CommandError("there is no such batch, at least for you; give its id")
        if batch["manifest"] is not None:
            raise CommandError("this batch has a manifest that is finished, and never changes")
        place = {"caseId": batch["event"]["case"]["id"], "eventId": batch["event"]["id"], "fileBatchId": batch["id"]}
        there = {entry.path for entry in files_of(server, batch["id"])}
        lists = Manifests(server)
        lists.add(place, (entry for entry in _entries(options) if entry.path not in there))
        lists.finish(place, count)
        lists.flush()
    say(f"{count:,} files are listed in the manifest of batch {batch['id']}, which is finished.")
    return 0


def _entries(options: argparse.Namespace) -> Iterator[Entry]:
    """Yield the files of the list, of each of which there has to be all that a manifest says. Raises DossierError."""
    with SilentInterrupts():
        from app.evidence.entries import Entry, NoListError, printed
        from app.evidence.reading import read

    name, seen = visible(str(options.list)), set[bytes]()
    try:
        with options.list.open("rb") as stream:
            for entry in read(stream, options.format):
                if not isinstance(entry, Entry):
                    continue
                digest = hashlib.blake2b(entry.path, digest_size=16).digest()
                if digest in seen:
                    raise DossierError(f"{name} has {printed(entry.path)} twice")
                seen.add(digest)
                yield _whole(entry, options.folder, name)
    except NoListError as error:
        raise DossierError(f"{name}, {error}") from None
    except OSError as error:
        raise DossierError(f"{visible(os.fsdecode(error.filename or options.list))}: {error.strerror}") from None


def _whole(entry: Entry, folder: Path | None, name: str) -> Entry:
    from app.evidence.entries import printed

    path = printed(entry.path)
    if entry.sha256 is None:
        raise DossierError(f"{name} has no SHA-256 of {path}; a manifest has one of each file")
    if entry.size is not None:
        return entry
    if folder is None:
        raise DossierError(f"{name} has no size of {path}; give --folder, the folder in which the files lie")
    return replace(entry, size=(folder / os.fsdecode(entry.path)).stat().st_size)
