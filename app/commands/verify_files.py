"""`dossier verify-files`: a folder, compared with what was recorded of it."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.commands.collect import add_server_to, token_of
from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import OutputError, Progress, say
from app.errors import DeadlineExceeded, DossierError, Unavailable, UnknownOutcome

if TYPE_CHECKING:
    from app.commands.comparing import Finding, Kind
    from app.evidence.entries import Entry

_C1 = re.compile(r"[\x7f-\x9f]")  # JSON escapes the controls before U+0020 alone, and a terminal obeys these

# What it exits with, as cmp and diff do.
DIFFERENT: Final = 1
TROUBLE: Final = 2


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "verify-files",
        _run,
        "compare a folder with the manifests of a case",
        "Read the files of a folder and compare them with the manifests that a running server has of it, as 'dossier "
        "collect --hash' makes them: what matched, changed, is missing, is new, and was moved, which is what has the "
        "content of a missing file at another path. Nothing is written to the folder or to the server. For a case, "
        "all of the folder is compared, and what no manifest lists is new; for an event or a batch, new is what lies "
        "in a folder in which one of its files does, and is in no manifest of the case.",
    )
    parser.epilog = (
        "Exit codes, as cmp and diff have them: 0 when all is as recorded; 1 when something is not; 2 when it could "
        "not be compared, or not all of it: misuse, a server that can't be reached or refuses, what could not be read; "
        "130, 143 and 129 when SIGINT (Ctrl-C), SIGTERM or SIGHUP ended it. Example: 'dossier verify-files "
        "~/Documents --case 12'."
    )
    parser.add_argument("folder", metavar="DIR", help="the folder that was collected, or a copy of it")
    add_which_to(parser)
    parser.add_argument(
        "--format",
        choices=("text", "jsonl"),
        default="text",
        help="text: a line for each file that is not as recorded, and how many are; jsonl: a JSON object a line, one "
        "for each file, and the numbers (default: %(default)s)",
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        type=Path,
        help="keep hashes in this file, outside of DIR, and don't read again what is in it and has the same size, "
        "times and inode",
    )
    parser.add_argument(
        "--one-file-system", action="store_true", help="leave out folders on other file systems than DIR"
    )
    add_server_to(parser)


def add_which_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which manifests are meant, of which one has to be given."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--case", metavar="CASE", type=text, help="the manifests of a case, by its number or its id")
    which.add_argument(
        "--event",
        metavar="ID",
        type=text,
        help="the manifests of the batches of an event, by its id",
    )
    which.add_argument(
        "--batch",
        metavar="ID",
        type=text,
        help="the manifest of a file batch, by its id, which ends the address that the app has of its files",
    )


def _run(options: argparse.Namespace) -> int:
    try:
        return _compared(options)
    except (DossierError, DeadlineExceeded, Unavailable, UnknownOutcome) as error:
        # By itself a failure is 1, which would say that something differs.
        code = error.exit_code if isinstance(error, CommandError) and error.exit_code != DIFFERENT else TROUBLE
        raise CommandError(str(error), exit_code=code) from None


def _compared(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands import comparing
        from app.commands.folders import Walk
        from app.commands.servers import Server
        from app.commands.signals import Ended, Signals

    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals.taken())
        progress = stack.enter_context(Progress.on_standard_error())
        walk = Walk(os.fspath(options.folder), one_file_system=options.one_file_system, check=signals.check)
        stack.callback(walk.close)
        cache = comparing.HashCache(options.resume, walk)
        stack.callback(cache.close)
        server = Server(options.url, token_of(options)[0], signals.wait)
        stack.callback(server.close)
        try:
            recorded = comparing.asked_for(
                server, options.case, options.event, options.batch, progress, has_others=True
            )
            if not recorded.has_manifests:
                raise DossierError("there is no finished manifest to compare with; 'dossier collect --hash' makes them")
            findings = comparing.compared(walk, recorded, cache, signals.check, progress)
        except Ended as ended:
            hint = "; the same command goes on with what was read" if options.resume else ""
            raise CommandError(f"{ended}; the folder was not compared{hint}", exit_code=128 + ended.number) from None
        progress.clear()
        counts = comparing.counts_of(findings)
        lines = _as_jsonl if options.format == "jsonl" else _as_text
        try:
            say(*lines(findings, counts, recorded.without))
        except OutputError as error:
            if not error.is_unread:
                raise
    if counts["unreadable"]:
        return TROUBLE
    return 0 if counts["matched"] == len(findings) else DIFFERENT


def _as_text(findings: list[Finding], counts: Mapping[Kind, int], without: int) -> Iterator[str]:
    from app.evidence.entries import printed

    for finding in findings:
        path = printed(finding.path) or "the folder itself"
        if finding.kind == "moved" and finding.recorded is not None:
            yield f"moved: {printed(finding.recorded.path)} -> {path}"
        elif finding.kind != "matched":
            yield f"{finding.kind}: {path}" + ("" if finding.why is None else f": {finding.why}")
    yield ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) + "."
    if without:
        yield f"Not compared: {without:,} {'batch' if without == 1 else 'batches'} without a manifest."


def _as_jsonl(findings: list[Finding], counts: Mapping[Kind, int], without: int) -> Iterator[str]:
    import orjson

    for finding in findings:
        said: dict[str, Any] = {"kind": finding.kind, **_path("path", finding.path)}
        if finding.kind == "moved" and finding.recorded is not None:
            said |= _path("from", finding.recorded.path)
        if finding.recorded is not None:
            said["recorded"] = _content(finding.recorded)
        if finding.found is not None:
            said["found"] = _content(finding.found)
        if finding.why is not None:
            said["why"] = finding.why
        yield _C1.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(said).decode())
    yield orjson.dumps({"kind": "total", **counts, "batchesWithoutManifest": without}).decode()


def _path(name: str, path: bytes) -> dict[str, str]:
    from app.evidence.entries import base64_of, shown

    base64 = base64_of(path)
    return {name: shown(path)} | ({} if base64 is None else {f"{name}Bytes": base64})


def _content(entry: Entry) -> dict[str, Any]:
    known = {"size": entry.size, "sha256": None if entry.sha256 is None else entry.sha256.hex()}
    return {name: value for name, value in known.items() if value is not None}
