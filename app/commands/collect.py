"""`dossier collect`: a folder, recorded as a case."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import ADDRESS, command, text
from app.commands.streams import OutputError, Progress, complain, say
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
        "file. Where that were more than twenty, each folder has one batch, and folders with few files go into their "
        "parents. The case is OPEN and says that it is not complete until everything is recorded; what was broken off "
        "is gone on with by --case.",
    )
    parser.epilog = (
        "Exit codes: 0 when everything was recorded; 1 when it was not, and the case, if there is one, says that it is "
        f"not complete; 2 for misuse; {INCOMPLETE} when everything was recorded but for what could not be read; 130, "
        "143 and 129 when SIGINT (Ctrl-C), SIGTERM or SIGHUP ended it, and the case says that it is not complete."
    )
    parser.add_argument("folder", metavar="DIR", help="the folder to walk; links below it are not followed")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--case-title", metavar="T", help="the title of the new case: up to 200 characters in UTF-8")
    which.add_argument(
        "--case",
        metavar="CASE",
        type=text,
        help="go on with a case that is not complete, by its number or its id, as it was begun: what is there already "
        "is not made again",
    )
    parser.add_argument("--by", choices=("day", "month", "none"), help="an event for each day (default), month, or one")
    parser.add_argument(
        "--depth", metavar="N", type=_depth, help="count files that are more than N folders deep to the folder there"
    )
    parser.add_argument(
        "--hash",
        action="store_true",
        help="read each file once and record its SHA-256, so that 'dossier verify-files' can tell what has changed",
    )
    parser.add_argument(
        "--one-file-system",
        action="store_true",
        help="leave out folders on other file systems than DIR, such as /proc; without it they are walked, and named",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the events and batches, and record nothing")
    add_server_to(parser)


def add_server_to(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command that calls a server."""
    parser.add_argument(
        "--url",
        default=ADDRESS,
        help="the server's address, which ends in /graphql (default: %(default)s); a proxy that the environment names "
        "is never asked for this machine itself",
    )
    parser.add_argument(
        "--token",
        help="the token to call with (default: the variable DOSSIER_TOKEN, or else one made for you with the "
        "configured secret)",
    )


def token_of(options: argparse.Namespace) -> tuple[str, bool]:
    """Return the token to call with, and whether the demo user won't see what it makes. Raises DossierError."""
    if options.token is not None and not options.token.strip():
        raise DossierError("--token is empty; leave it out to call with DOSSIER_TOKEN or with a token of your own")
    given = (options.token or os.environ.get("DOSSIER_TOKEN") or "").strip()
    return (given, False) if given else _own_token()


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.commands import recording
        from app.commands.plans import Choice
        from app.commands.signals import Signals

    if options.case is not None and (
        options.by or options.depth is not None or options.hash or options.dry_run or options.one_file_system
    ):
        raise CommandError(
            "--case goes on as the case was begun; leave out --by, --depth, --hash, --one-file-system and --dry-run",
            exit_code=2,
        )
    if options.case is None and options.case_title is None and not options.dry_run:
        raise CommandError("give --case-title, or --case to go on with a case that is not complete", exit_code=2)
    choice = Choice(options.by or "day", options.depth, options.hash, options.one_file_system)
    with Signals.taken() as signals:  # until it is told, too, what was recorded
        if options.dry_run:
            with Progress.on_standard_error() as progress:
                plan = recording.planned(options.folder, choice, signals, progress)
            return _tell(plan)
        token, has_demo = token_of(options)
        with Progress.on_standard_error() as progress:
            collected = recording.collect(
                options.folder,
                options.case_title,
                options.url,
                token,
                choice=choice,
                case=options.case,
                signals=signals,
                progress=progress,
            )
        if has_demo:
            collected.lines.append(
                'The demo user doesn\'t see it; collect with --token "$(dossier token --subject demo)" for that user, '
                "or make demo a member of the case."
            )
        return _tell(collected)


def _depth(argument: str) -> int:
    if not argument.isascii() or not argument.isdecimal() or len(argument) > 6:
        raise argparse.ArgumentTypeError("expected a number of folders, from 0")
    return int(argument)


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


def _own_token() -> tuple[str, bool]:
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
    return sign(settings, secret, subject=subject, lifetime=usual_lifetime(settings)), settings.development
