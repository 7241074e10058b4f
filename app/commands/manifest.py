"""`dossier manifest`: lists of files in the formats of other programs, written of manifests and read into them."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from app.commands.collect import add_server_to, token_of
from app.commands.failures import CommandError
from app.commands.files import new_file
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import Progress, put, say, warn
from app.commands.verify_files import add_which_to
from app.errors import DossierError
from app.evidence import READ, WRITTEN
from app.values import visible

if TYPE_CHECKING:
    from app.commands.folders import Opener
    from app.commands.servers import Server
    from app.evidence.entries import Entry, PassedOver
    from app.evidence.listings import Listing

_EXIT_CODES = "Exit codes: 0 when it was done; 1 when it was not; 2 for misuse; 130 at SIGINT (Ctrl-C)."
_NAMED = 20  # entries that were passed over, of which each is told
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
        "Write the finished manifests of a case, an event or a batch as one list, sorted by the bytes of the paths. A "
        "name that a format can't hold is refused by name, and nothing is written.",
    )
    write.epilog = f"{_EXIT_CODES} Example: 'dossier manifest write --case 12 --output list', then 'sha256sum -c list'."
    add_which_to(write)
    write.add_argument(
        "--format",
        choices=WRITTEN,
        default="sha256sum",
        help="sha256sum: hashes and paths, which 'sha256sum -c' checks in the folder that was collected; hashdeep: "
        "sizes, too, for 'hashdeep -c sha256 -l -r -a -k LIST .'; bagit: hashes and paths, as the manifest-sha256.txt "
        "of a bag whose data is that folder; csv and jsonl: tables with paths, sizes, times and all hashes "
        "(default: %(default)s)",
    )
    write.add_argument("--output", metavar="FILE", type=Path, help="a new file to write to (default: standard output)")
    add_server_to(write)
    add = command(
        actions,
        "add",
        _add,
        "read a list into a manifest, and finish it",
        "Read a list of files into the manifest of a batch, and finish it. The format is told by what is in the list: "
        "sha256sum, BSD's tags (bsd), hashdeep, CSV and JSON lines as 'manifest write' has them, mtree, DFXML; a bag's "
        "manifest has to be named where its names may be encoded. Each file needs a size, and a SHA-256: lists of "
        "md5sum and sha1sum and bodyfiles, which have none, are refused at their first file. All of the list is read "
        "before anything is sent. Broken off, the same command goes on; what the batch has by then has to be in LIST.",
    )
    add.epilog = f"{_EXIT_CODES} Example: 'dossier manifest add list --batch ID --folder ~/Documents'."
    add.add_argument("list", metavar="LIST", type=Path, help="the list, a file, or - for standard input")
    add.add_argument(
        "--batch",
        metavar="ID",
        type=text,
        required=True,
        help="the file batch, by its id, which createFileBatch tells",
    )
    add.add_argument("--format", choices=READ, help="the list's format (default: told by what is in it)")
    add.add_argument("--folder", metavar="DIR", type=Path, help="where the files lie: sizes that LIST lacks are theirs")
    add_server_to(add)


def _write(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands import comparing
        from app.commands.servers import Server
        from app.evidence.entries import CannotHoldError
        from app.evidence.writing import WRITERS

    with closing(Server(options.url, token_of(options)[0])) as server, Progress.on_standard_error() as progress:
        recorded = comparing.asked_for(server, options.case, options.event, options.batch, progress)
    if not recorded.has_manifests:
        hint = "'dossier collect --hash' and 'dossier manifest add' make them"
        raise DossierError(f"there is no finished manifest to write; {hint}")
    entries = sorted((entry for each in recorded.files.values() for entry in each), key=lambda entry: entry.path)
    several = _listed_again(entries)
    try:
        if several and options.format == "bagit":
            raise CannotHoldError("bagit", several[0], "several manifests list it, and a bag's lists no file twice")
        written = b"".join(WRITERS[options.format](entries))
    except CannotHoldError as error:
        raise DossierError(f"{error}; nothing was written, use another --format") from None
    if recorded.without:
        batches = "batch has" if recorded.without == 1 else "batches have"
        warn(f"{recorded.without:,} {batches} no finished manifest")
    if several:
        paths = "path is" if len(several) == 1 else "paths are"
        warn(f"{len(several):,} {paths} listed more than once, as several manifests have them")
    if options.output is None:
        put(written)
        return 0
    with new_file(options.output) as output:
        output.write(written)
    say(f"{_listed(len(entries))} in {visible(str(options.output))}.")
    return 0


def _listed(count: int) -> str:
    return f"{count:,} {'file is' if count == 1 else 'files are'} listed"


def _listed_again(entries: list[Entry]) -> list[bytes]:
    """Return the paths, in their order, that more than one of the sorted entries has."""
    return list(dict.fromkeys(one.path for one, other in pairwise(entries) if one.path == other.path))


def _add(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands.manifests import Manifests, files_of
        from app.commands.servers import Server
        from app.evidence.listings import Listing

    name = "standard input" if _is_piped(options.list) else visible(str(options.list))
    with closing(Server(options.url, token_of(options)[0])) as server, closing(Listing()) as listing:
        ids = _unfinished(server, options.batch)
        passed_over = _PassedOver()
        _read(options, name, listing, passed_over)
        count = len(listing)
        _expect_listed(files_of(server, ids["fileBatchId"]), listing, name)
        manifests = Manifests(server)
        manifests.add(ids, listing)
        manifests.finish(ids, count)
        manifests.flush()
    listed = f"{_listed(count)} in the manifest of batch {ids['fileBatchId']}, which is finished."
    say(*passed_over.told(), listed)
    return 0


def _unfinished(server: Server, id_: str) -> dict[str, str]:
    """Return the ids of a batch whose manifest isn't finished, as inputs have them. Raises DossierError."""
    from app.commands.comparing import BATCH_IDS
    from app.commands.manifests import expecting_dossier

    with expecting_dossier(server):
        batch = server.call(_BATCH, id=id_)["node"]
        if not batch:
            raise CommandError(f"there is no such batch, at least for you; {BATCH_IDS}")
        if batch["manifest"] is not None:
            raise CommandError("this batch has a manifest that is finished, and never changes")
        event = batch["event"]
        return {"caseId": event["case"]["id"], "eventId": event["id"], "fileBatchId": batch["id"]}


def _is_piped(path: Path) -> bool:
    return str(path) == "-"


@dataclass
class _PassedOver:
    """What of a list is in no manifest: how many entries, and the first ones."""

    count: int = 0
    first: list[PassedOver] = field(default_factory=list)

    def add(self, entry: PassedOver) -> None:
        """Count one more."""
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(entry)

    def told(self) -> Iterator[str]:
        """Yield the lines that tell of it."""
        from app.commands.plans import many
        from app.evidence.entries import printed

        if self.count:
            yield f"{many(self.count, 'entry', 'entries')} of the list passed over:"
            yield from (f"  line {each.line}: {printed(each.path)}: {each.why}" for each in self.first)
        if self.count > _NAMED:
            yield f"  and {self.count - _NAMED:,} more"


def _read(options: argparse.Namespace, name: str, listing: Listing, passed_over: _PassedOver) -> None:
    """Put the files of the list into the listing, each with all that a manifest says. Raises DossierError.

    The list is read once, as a pipe can be.
    """
    with SilentInterrupts():
        from app.evidence.entries import Entry, NoListError, printed
        from app.evidence.reading import read

    with _opener(options.folder) as opener:
        try:
            with _opened(options.list, name) as stream:
                for entry in read(stream, options.format):
                    if not isinstance(entry, Entry):
                        passed_over.add(entry)
                    elif not listing.add(_whole(entry, opener)):
                        raise NoListError(entry.line, f"{printed(entry.path)} is listed twice")
        except NoListError as error:
            raise DossierError(f"{name}, {error}") from None
        except OSError as error:
            raise DossierError(f"{name}: {error.strerror}") from None
    if not len(listing):
        raise DossierError(f"{name} lists no file; nothing was sent")


def _opened(path: Path, name: str) -> BinaryIO:
    """Return the list, opened. Raises OSError, and DossierError where it is too long to be read."""
    from app.evidence.reading import MOST, TOO_LONG

    stream = open(0, "rb", closefd=False) if _is_piped(path) else path.open("rb")  # noqa: SIM115 - it is returned
    if os.fstat(stream.fileno()).st_size > MOST:
        stream.close()
        raise DossierError(f"{name}: {TOO_LONG}")
    return stream


@contextlib.contextmanager
def _opener(folder: Path | None) -> Iterator[Opener | None]:
    """Yield what opens files of a folder, if one is given. Raises DossierError when it is none."""
    with SilentInterrupts():
        from app.commands.folders import Walk

    if folder is None:
        yield None
        return
    with closing(Walk(os.fspath(folder))) as walk, closing(walk.opener()) as opener:
        yield opener


def _whole(entry: Entry, opener: Opener | None) -> Entry:
    """Return an entry with its size, which is that of the file where the list has none. Raises NoListError."""
    from app.evidence.entries import NoListError, printed

    path = printed(entry.path)
    if entry.sha256 is None:
        hint = "make a list with sha256sum, or hash the folder with 'dossier collect --hash'"
        raise NoListError(entry.line, f"it has no SHA-256 of {path}, as a manifest has of each file; {hint}")
    if entry.size is not None:
        return entry
    if opener is None:
        raise NoListError(entry.line, f"it has no size of {path}; give --folder, the folder in which the files lie")
    try:
        return replace(entry, size=_size(opener, entry.path))
    except OSError as error:
        raise NoListError(entry.line, f"it has no size of {path}, nor has --folder: {error.strerror}") from None


def _size(opener: Opener, path: bytes) -> int:
    """Return the size of a regular file in a folder, to which no link leads. Raises OSError."""
    from app.commands.folders import Folder
    from app.evidence.entries import plain

    *folders, name = plain(path).split(b"/")
    if path.startswith(b"/") or b".." in (*folders, name):
        raise OSError(errno.EINVAL, "the path leads out of the folder")
    place = Folder(None, b"", 0)
    for folder in folders:
        place = Folder(place, folder, 0)
    descriptor = opener.open(place, name)
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return status.st_size


def _expect_listed(there: Iterable[Entry], listing: Listing, name: str) -> None:
    """Take what a batch has out of what is to be added; all of it has to be what the list says, as it will be finished
    with it. Raises CommandError.
    """
    from app.evidence.entries import printed

    hint = "add the list to an empty batch"
    for entry in there:
        path, listed = printed(entry.path), listing.take(entry.path)
        if listed is None:
            raise CommandError(f"the batch has {path}, which {name} does not list; {hint}")
        for noun, one, other in (("SHA-256", entry.sha256, listed.sha256), ("size", entry.size, listed.size)):
            if one != other:
                raise CommandError(f"the batch has {path} with another {noun}; {hint}")
