"""`dossier verify-files`: a folder, compared with what was recorded of it."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.collect import add_server_to, terminal, token_of
from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import say
from app.values import visible

if TYPE_CHECKING:
    from app.commands.comparing import Finding
    from app.evidence.entries import Entry

DIFFERENT = 1  # what it exits with when the folder is not as it was recorded


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
        "Exit codes: 0 when all is as recorded; 1 when something is not, could not be read, or the comparison failed; "
        "2 for misuse; 130, 143 and 129 when SIGINT (Ctrl-C), SIGTERM or SIGHUP ended it."
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
        help="keep hashes in this file, outside of DIR, and don't read again what is in it and has the same size, time "
        "and inode",
    )
    parser.add_argument(
        "--one-file-system", action="store_true", help="leave out folders on other file systems than DIR"
    )
    add_server_to(parser)


def add_which_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which manifests are meant, of which one has to be given."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--case", metavar="CASE", type=text, help="those of a case, by its number or its id")
    which.add_argument("--event", metavar="ID", type=text, help="those of the batches of an event, by its id")
    which.add_argument("--batch", metavar="ID", type=text, help="that of a file batch, by its id")


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands import comparing
        from app.commands.folders import Walk
        from app.commands.recording import report
        from app.commands.servers import Server
        from app.commands.signals import Ended, Signals

    progress = terminal()

    def tell(words: str) -> None:
        report(progress, words)

    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals.taken())
        stack.callback(tell, "")
        walk = Walk(os.fspath(options.folder), one_file_system=options.one_file_system, check=signals.check)
        stack.callback(walk.close)
        known = comparing.Known(options.resume, walk)
        stack.callback(known.close)
        server = Server(options.url, token_of(options)[0], signals.wait)
        stack.callback(server.close)
        try:
            manifests = comparing.asked_for(server, options.case, options.event, options.batch, tell)
            findings = list(comparing.compared(walk, manifests, known, signals.check, tell))
        except Ended as ended:
            hint = "; the same command goes on with what was read" if options.resume else ""
            raise CommandError(f"{ended}; the folder was not compared{hint}", exit_code=128 + ended.number) from None
        tell("")
        counts = comparing.counts_of(findings)
        lines = _as_jsonl if options.format == "jsonl" else _as_text
        say(*lines(findings, counts, manifests.without))
    return 0 if counts["matched"] == len(findings) else DIFFERENT


def _as_text(findings: list[Finding], counts: dict[str, int], without: int) -> Iterator[str]:
    from app.evidence.entries import printed

    for finding in findings:
        if finding.kind == "moved" and finding.recorded is not None:
            yield f"moved: {printed(finding.recorded.path)} -> {printed(finding.path)}"
        elif finding.kind == "unreadable":
            yield f"unreadable: {visible(finding.why or printed(finding.path))}"
        elif finding.kind != "matched":
            yield f"{finding.kind}: {printed(finding.path)}"
    yield ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) + "."
    if without:
        yield f"Not compared: {without:,} {'batch' if without == 1 else 'batches'} without a manifest."


def _as_jsonl(findings: list[Finding], counts: dict[str, int], without: int) -> Iterator[str]:
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
        yield orjson.dumps(said).decode()
    yield orjson.dumps({"kind": "total", **counts, "batchesWithoutManifest": without}).decode()


def _path(name: str, path: bytes) -> dict[str, str]:
    from app.evidence.entries import base64_of, shown

    base64 = base64_of(path)
    return {name: shown(path)} | ({} if base64 is None else {f"{name}Bytes": base64})


def _content(entry: Entry) -> dict[str, Any]:
    known = {"size": entry.size, "sha256": None if entry.sha256 is None else entry.sha256.hex()}
    return {name: value for name, value in known.items() if value is not None}
