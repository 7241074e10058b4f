"""`dossier proof`: a change, or a whole journal, with what proves that it is in the record."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.commands.checkpoint import sign_now
from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import say


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "proof",
        _run,
        "write a change of a case with its proof, for those who don't trust this server",
        "Write two files into the current folder: the change as the record has it, and a .tlog-proof of C2SP, which "
        "proves with the key of 'dossier checkpoint --key' that it is in the record. docs/record.md says how to verify "
        "it without Dossier.",
    )
    parser.epilog = "Exit codes: 0 when both are written; 1 when something failed; 2 for misuse."
    parser.add_argument("case", metavar="CASE", type=text, help="the case, by its number or, also when deleted, its id")
    parser.add_argument(
        "seq", metavar="SEQ", type=_number, nargs="?", help="the number of the change; without it, the whole journal"
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.db import migrations
        from app.db.snapshots import snapshot
        from app.record.proving import proof_of
        from app.record.verifying import find_case
        from app.settings import from_environment

    settings = from_environment()
    migrations.check(settings)
    sign_now(settings)
    with snapshot(settings) as held:
        case_id = find_case(held, options.case)
        if case_id is None:
            raise CommandError(f"there is no case {options.case}; give a case's number or its id", exit_code=2)
        try:
            proof = proof_of(held, case_id, options.seq)
        except LookupError as error:
            raise CommandError(str(error), exit_code=2) from None
        name = f"case-{options.case}" + (f"-change-{options.seq}" if options.seq is not None else "")
        _write(Path(f"{name}.jsonl"), (f"{line}\n" for line in proof.lines()))
        _write(Path(f"{name}.tlog-proof"), [proof.text])
    say(f"{name}.jsonl", f"{name}.tlog-proof")
    return 0


def _write(path: Path, lines: Iterable[str]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from None


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) < 2**31:
        raise argparse.ArgumentTypeError("expected the number of a change, from 1")
    return int(text)
