"""`dossier export`: a case as a file."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from app.commands.collect import add_server_to, token_of
from app.commands.files import new_file
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import Progress, put, say
from app.exchange import FORMATS
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
        "Exit codes: 0 when the file is there, whole; 1 when it is not; 2 for misuse; 130 at SIGINT (Ctrl-C). "
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
        from app.commands.plans import sized
        from app.commands.servers import Server

    asked = {"format": options.format} | ({} if options.where is None else {"where": options.where})
    asked |= {"history": "true"} if options.history else {}
    with closing(Server(options.url, token_of(options)[0])) as server, Progress.on_standard_error() as progress:
        case = find_case(server, options.case)
        with server.download(f"/cases/{case['id']}/export", asked) as (name, pieces):
            if str(options.output) == _STDOUT:
                for piece in pieces:
                    put(piece)
                return 0
            path = options.output or Path(name)
            written = 0
            with new_file(path) as output:
                for piece in pieces:
                    output.write(piece)
                    written += len(piece)
                    progress.tell("received", written, amount=sized)
    say(f"Case {case['number']} is in {visible(str(path))}: {sized(written)}.")
    return 0
