"""`dossier export`: a case as a file."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from app.commands.collect import add_server_to, token_of
from app.commands.failures import CommandError
from app.commands.files import new_file
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import OutputError, Progress, discard, put, say
from app.exchange import FORMATS, SUFFIXES
from app.values import visible

_STDOUT = "-"


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "export",
        _run,
        "write a case into a file",
        "Write a case as it is at one moment into a file that other programs read: all events, or those of a filter, "
        "with their file batches and comments, whatever their number. The record notes who took it out, and as what.",
    )
    parser.epilog = (
        "Exit codes: 0 when the file is there, whole, or standard output took all of it; 1 when it is not, also when "
        "whoever reads standard output left before the end; 2 for misuse; 130, 143 and 129 when SIGINT (Ctrl-C), "
        "SIGTERM or SIGHUP ended it, and no file is there. "
        "Example: 'dossier export 12 --format xlsx'."
    )
    parser.add_argument("case", metavar="CASE", type=text, help="the case, by its number or its id")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        help="jsonl: a JSON object a line, with all there is; csv: a table with the same; xlsx: a workbook for people; "
        "timesketch-jsonl and timesketch-csv: the events, as Timesketch's importer takes them; report: a page of HTML "
        "to read and to print; markdown: the same as text",
    )
    parser.add_argument(
        "--where",
        metavar="JSON",
        type=text,
        help='only events that meet a filter, an EventFilter of the API in JSON, as \'{"type": ["FINDING"]}\'',
    )
    parser.add_argument("--history", action="store_true", help="let a report tell all changes, too")
    parser.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="a new file to write to, or - for standard output (default: the case's number, as case-12.xlsx)",
    )
    add_server_to(parser)


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands.cases import find_case
        from app.commands.manifests import expecting_dossier
        from app.commands.plans import sized
        from app.commands.servers import CutOffError, Server
        from app.commands.signals import Ended, Signals

    asked = {"format": options.format} | ({} if options.where is None else {"where": options.where})
    asked |= {"history": "true"} if options.history else {}
    is_piped = str(options.output) == _STDOUT
    if is_piped and sys.stdout is None:
        raise CommandError("standard output is closed; give another --output")
    written = 0
    with ExitStack() as stack:
        signals = stack.enter_context(Signals.taken())  # until it is told, too, where the file is
        progress = stack.enter_context(Progress.on_standard_error())
        server = stack.enter_context(closing(Server(options.url, token_of(options)[0], signals.wait)))
        try:
            with expecting_dossier(server):
                case = find_case(server, options.case)
                path = options.output or Path(f"case-{case['number']:d}{SUFFIXES[options.format]}")
            with ExitStack() as opened:
                # First, as the record says that a case was taken out as soon as the server is asked for it.
                write = put if is_piped else opened.enter_context(new_file(path)).write
                for piece in opened.enter_context(server.download(f"/cases/{case['id']}/export", asked)):
                    signals.check()
                    write(piece)
                    written += len(piece)
                    if not is_piped:
                        progress.tell("received", written, amount=sized)
                signals.check()
                signals.done()  # all of it came: what is left is to give it its name
        except (Ended, CutOffError, OutputError) as error:
            if is_piped:
                discard(sys.stdout)
            left = "what was written is not whole" if is_piped else "no file was written"
            code = 128 + error.number if isinstance(error, Ended) else 1
            raise CommandError(f"{error}; {left}", exit_code=code) from None
        progress.clear()
        if not is_piped:
            say(f"Case {case['number']} is in {visible(str(path))}: {sized(written)}.")
    return 0
