"""`dossier manifest`: lists of files in the formats of other programs, written of manifests and read into them."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from app.commands.collect import add_server_to, token_of
from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import Progress, put, say, warn
from app.commands.verify_files import add_which_to
from app.errors import DossierError
from app.evidence import READ, WRITTEN
from app.values import visible

if TYPE_CHECKING:
    from app.commands.folders import Opener
    from app.evidence.entries import Entry, PassedOver

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
    try:
        written = b"".join(WRITERS[options.format](entries))
    except CannotHoldError as error:
        raise DossierError(f"{error}; nothing was written, use another --format") from None
    if recorded.without:
        batches = "batch has" if recorded.without == 1 else "batches have"
        warn(f"{recorded.without:,} {batches} no finished manifest")
    if options.output is None:
        put(written)
        return 0
    name = visible(str(options.output))
    try:
        _put_into(options.output, written)
    except FileExistsError:
        raise DossierError(f"{name} exists already; give another --output") from None
    except OSError as error:
        raise DossierError(f"{name} can't be written: {error.strerror}") from None
    say(f"{_listed(len(entries))} in {name}.")
    return 0


def _listed(count: int) -> str:
    return f"{count:,} {'file is' if count == 1 else 'files are'} listed"


def _put_into(path: Path, data: bytes) -> None:
    """Write a new file, all of it or nothing. Raises OSError."""
    if os.path.lexists(path):
        raise FileExistsError
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb") as output:
            output.write(data)
            output.flush()
            os.fsync(output.fileno())
        _name_anew(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _name_anew(beside: Path, path: Path) -> None:
    """Give a file another name, which no other has by now. Raises OSError."""
    try:
        os.link(beside, path)  # renaming would replace what is there
    except FileExistsError:
        raise
    except OSError:  # some file systems have one name for each file
        path.open("xb").close()
        beside.replace(path)


def _add(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands.comparing import BATCH_IDS
        from app.commands.manifests import Manifests, files_of
        from app.commands.servers import Server

    name = "standard input" if _is_piped(options.list) else visible(str(options.list))
    entries, passed_over = _read(options, name)
    with closing(Server(options.url, token_of(options)[0])) as server:
        batch = server.call(_BATCH, id=options.batch)["node"]
        if not batch:
            raise CommandError(f"there is no such batch, at least for you; {BATCH_IDS}")
        if batch["manifest"] is not None:
            raise CommandError("this batch has a manifest that is finished, and never changes")
        there = {entry.path: entry for entry in files_of(server, batch["id"])}
        _expect_listed(there.values(), entries, name)
        ids = {"caseId": batch["event"]["case"]["id"], "eventId": batch["event"]["id"], "fileBatchId": batch["id"]}
        manifests = Manifests(server)
        manifests.add(ids, (entry for path, entry in entries.items() if path not in there))
        manifests.finish(ids, len(entries))
        manifests.flush()
    listed = f"{_listed(len(entries))} in the manifest of batch {batch['id']}, which is finished."
    say(*_told(passed_over), listed)
    return 0


def _is_piped(path: Path) -> bool:
    return str(path) == "-"


def _read(options: argparse.Namespace, name: str) -> tuple[dict[bytes, Entry], list[PassedOver]]:
    """Return the files of the list by their paths, each with all that a manifest says, and what was passed over.

    The list is read once, as a pipe can be. Raises DossierError.
    """
    with SilentInterrupts():
        from app.evidence.entries import Entry, NoListError, printed
        from app.evidence.reading import read

    entries: dict[bytes, Entry] = {}
    passed_over = []
    with _opener(options.folder) as opener:
        try:
            with _opened(options.list) as stream:
                for entry in read(stream, options.format):
                    if not isinstance(entry, Entry):
                        passed_over.append(entry)
                    elif entry.path in entries:
                        raise DossierError(f"{name} has {printed(entry.path)} twice")
                    else:
                        entries[entry.path] = _whole(entry, opener, name)
        except NoListError as error:
            raise DossierError(f"{name}, {error}") from None
        except OSError as error:
            raise DossierError(f"{name}: {error.strerror}") from None
    if not entries:
        raise DossierError(f"{name} lists no file; nothing was sent")
    return entries, passed_over


def _opened(path: Path) -> BinaryIO:
    return open(0, "rb", closefd=False) if _is_piped(path) else path.open("rb")


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


def _whole(entry: Entry, opener: Opener | None, name: str) -> Entry:
    """Return an entry with its size, which is that of the file where the list has none. Raises DossierError."""
    from app.evidence.entries import printed

    path = printed(entry.path)
    if entry.sha256 is None:
        hint = "make a list with sha256sum, or hash the folder with 'dossier collect --hash'"
        raise DossierError(f"{name} has no SHA-256 of {path}, as a manifest has of each file; {hint}")
    if entry.size is not None:
        return entry
    if opener is None:
        raise DossierError(f"{name} has no size of {path}; give --folder, the folder in which the files lie")
    try:
        return replace(entry, size=_size(opener, entry.path))
    except OSError as error:
        raise DossierError(f"{name} has no size of {path}, nor has --folder: {error.strerror}") from None


def _size(opener: Opener, path: bytes) -> int:
    """Return the size of a regular file in a folder, to which no link leads. Raises OSError."""
    from app.commands.folders import Folder

    *folders, name = path.split(b"/")
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


def _expect_listed(there: Iterable[Entry], entries: dict[bytes, Entry], name: str) -> None:
    """Expect all that a batch has to be what the list says, as it will be finished with it. Raises CommandError."""
    from app.evidence.entries import printed

    hint = "add the list to an empty batch"
    for entry in there:
        path, listed = printed(entry.path), entries.get(entry.path)
        if listed is None:
            raise CommandError(f"the batch has {path}, which {name} does not list; {hint}")
        for noun, one, other in (("SHA-256", entry.sha256, listed.sha256), ("size", entry.size, listed.size)):
            if one != other:
                raise CommandError(f"the batch has {path} with another {noun}; {hint}")


def _told(passed_over: list[PassedOver]) -> list[str]:
    """Return lines that tell what of a list is in no manifest, the first ones by name."""
    from app.commands.plans import many
    from app.evidence.entries import printed

    if not passed_over:
        return []
    lines = [f"  line {each.line}: {printed(each.path)}: {each.why}" for each in passed_over[:_NAMED]]
    more = len(passed_over) - len(lines)
    counted = f"{many(len(passed_over), 'entry', 'entries')} of the list passed over:"
    return [counted, *lines, *([f"  and {more:,} more"] if more else [])]
