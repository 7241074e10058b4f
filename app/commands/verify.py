"""`dossier verify`: whether the record agrees with itself, and the rows with the record."""

from __future__ import annotations

import argparse
import os
import sys
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any

from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import complain, say

_SECONDS_BETWEEN_LINES = 5
_SECONDS_ON_A_TERMINAL = 0.2


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "verify",
        _run,
        "check the record, and the rows against it",
        "Compute every leaf and tree of the record anew, replay each journal, and compare what comes of it with the "
        "rows that are there. A line is printed for each thing that doesn't agree, with the case, the number of the "
        "entry and the field, and never a value. The log of the installation is compared with the journals, and with "
        "the checkpoints that lie beside the database, in DOSSIER_CHECKPOINT_DIR, and where --since says. Servers may "
        "be at work meanwhile.",
    )
    parser.epilog = (
        "Exit codes: 0 when all agrees; 1 when something doesn't, or the database can't be read; 2 for misuse."
    )
    parser.add_argument(
        "--case", metavar="CASE", type=text, help="verify one case only, by its number or, also when deleted, its id"
    )
    parser.add_argument(
        "--since",
        metavar="CHECKPOINT",
        type=Path,
        action="append",
        default=[],
        help="a file with an earlier checkpoint, of which the log has to be a continuation; may be given several times",
    )
    parser.add_argument(
        "--seals",
        action="store_true",
        help="also print of each case that was sealed whether its content is as it was when it was sealed last",
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.db import migrations
        from app.db.snapshots import snapshot
        from app.record.auditing import Audit, Held
        from app.record.signing import published
        from app.record.verifying import Verification, find_case
        from app.settings import from_environment

    settings = from_environment()
    since = [Held(str(path), _read(path)) for path in options.since]
    if since and options.case is not None:
        raise CommandError(
            "--since is about the log of all cases, and can't be asked of one; leave --case out", exit_code=2
        )
    migrations.check(settings)
    # Before the moment that is looked at: what is signed meanwhile is not of it.
    lying = [Held(str(path), text) for path, text in published(settings)]
    found = 0
    with snapshot(settings) as held:
        case_id = find_case(held, options.case) if options.case is not None else None
        if options.case is not None and case_id is None:
            raise CommandError(f"there is no case {options.case}; give a case's number or its id", exit_code=2)
        progress = _Progress()
        verification = Verification(held, case_id, progress.tell)
        audit = Audit(held, case_id, [*lying, *since])
        for finding in chain(verification.findings(), audit.findings()):
            found += 1
            progress.clear()
            say(str(finding))
        progress.clear()
    for seal in verification.seals if options.seals else ():
        say(str(seal))
    gone_through = f"{_counted(verification.entries, 'entry', 'entries')} of {_counted(verification.cases, 'case')}"
    if found:
        complain(f"{_counted(found, 'thing')} in {gone_through} {'does' if found == 1 else 'do'} not agree")
        return 1
    say(f"{gone_through}: all agrees")
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}", exit_code=2) from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is no checkpoint: it is not text in UTF-8", exit_code=2) from None


class _Progress:
    """How far it has come, told on standard error: in one line of a terminal, or in a line every few seconds."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._told_at = monotonic()
        self._is_shown = False

    def tell(self, done: int, all_: int) -> None:
        """Tell it, unless that was done a moment ago."""
        if monotonic() - self._told_at < (_SECONDS_ON_A_TERMINAL if self._is_terminal else _SECONDS_BETWEEN_LINES):
            return
        self._told_at = monotonic()
        share = f"{min(100 * done // max(all_, 1), 100)} % verified"
        if self._is_terminal:
            self._is_shown = True
            sys.stderr.write(f"\r\x1b[K{share}")
            sys.stderr.flush()
        else:
            complain(share)

    def clear(self) -> None:
        """Take the line of a terminal away."""
        if self._is_shown:
            self._is_shown = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _counted(number: int, noun: str, nouns: str | None = None) -> str:
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"
