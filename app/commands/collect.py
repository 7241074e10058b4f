"""`dossier collect`: a folder, recorded as a case."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command
from app.commands.streams import OutputError, complain, say
from app.commands.token import subject as subject_of
from app.commands.token import usual_lifetime
from app.errors import DossierError
from app.values import visible

if TYPE_CHECKING:
    from app.commands.recording import Collected

INCOMPLETE = 3  # what it exits with when there was something that it could not read


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "collect",
        _run,
        "record a folder as a case",
        "Walk a folder and record what lies in it as a case, through the API of a running server: an event for each "
        "day, counted in UTC, on which files were last modified, and on it a file batch for each folder and kind of "
        "file. The case is OPEN and says that it is not complete until everything is recorded.",
    )
    parser.epilog = (
        "Exit codes: 0 when everything was recorded; 1 when it was not, and the case, if there is one, says that it is "
        f"not complete; 2 for misuse; {INCOMPLETE} when everything was recorded but for what could not be read; 130, "
        "143 and 129 when SIGINT (Ctrl-C), SIGTERM or SIGHUP ended it, and the case says that it is not complete."
    )
    parser.add_argument("folder", metavar="DIR", help="the folder to walk; links below it are not followed")
    parser.add_argument(
        "--case-title", required=True, metavar="T", help="the title of the new case: up to 200 characters in UTF-8"
    )
    parser.add_argument(
        "--one-file-system",
        action="store_true",
        help="leave out folders on other file systems than DIR, such as /proc; without it they are walked, and named",
    )
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:8000/graphql",
        help="the server's address, which ends in /graphql (default: %(default)s); a proxy that the environment names "
        "is never asked for this machine itself",
    )
    parser.add_argument(
        "--token",
        help="the token to call with (default: the variable DOSSIER_TOKEN, or else one made for you with the "
        "configured secret)",
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands import recording

    if options.token is not None and not options.token.strip():
        raise DossierError("--token is empty; leave it out to call with DOSSIER_TOKEN or with a token of your own")
    token = (options.token or os.environ.get("DOSSIER_TOKEN") or "").strip() or _own_token()
    is_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    with recording.Signals.taken() as signals:  # until it is told, too, what was recorded
        collected = recording.collect(
            options.folder,
            options.case_title,
            options.url,
            token,
            sys.stderr if is_terminal else None,
            one_file_system=options.one_file_system,
            signals=signals,
        )
        return _tell(collected)


def _tell(collected: Collected) -> int:
    """Say what was recorded, on standard error if there is no other way to; return the exit code."""
    lines = [visible(line) for line in collected.lines]
    code = 0 if collected.is_whole else INCOMPLETE
    try:
        say(*lines)
    except OutputError as error:
        complain(str(error), *lines)
        return code if error.is_unread else 1
    if sys.stdout is None:
        complain(*lines)
    return code


def _own_token() -> str:
    with SilentInterrupts():
        import getpass

        from app.identity import sign
        from app.settings import from_environment, signing_secret

    settings = from_environment()
    secret = signing_secret(settings, create=False)
    try:
        subject = subject_of(getpass.getuser())
    except (LookupError, OSError, ImportError, argparse.ArgumentTypeError):
        # A container may run as a user whom no list of accounts has.
        raise DossierError("can't tell your account's name; set DOSSIER_TOKEN, or give --token") from None
    return sign(settings, secret, subject=subject, lifetime=usual_lifetime(settings))
