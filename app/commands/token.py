"""`dossier token`: a bearer token for a user."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import say

if TYPE_CHECKING:
    from app.settings import Settings

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "token",
        _run,
        "make a bearer token",
        "Print a token, signed with DOSSIER_JWT_SECRET or with the secret that 'dossier serve' made beside the "
        "embedded database.",
    )
    parser.add_argument("--subject", required=True, type=subject, help="who the token is for: its `sub` claim")
    parser.add_argument("--name", type=text, help="their name")
    parser.add_argument("--email", type=text, help="their email address")
    parser.add_argument(
        "--role",
        action="append",
        choices=("admin", "auditor"),
        default=[],
        help="a role in the whole installation: admin may do all, auditor may read all; may be given twice",
    )
    parser.add_argument(
        "--expires",
        type=_duration,
        metavar="TIME",
        help="how long it is valid, as 30m, 8h or 7d (default: 8h, or DOSSIER_JWT_MAX_LIFETIME where that is less)",
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.identity import sign
        from app.settings import from_environment, signing_secret

    settings = from_environment()
    secret = signing_secret(settings, create=False)
    say(
        sign(
            settings,
            secret,
            subject=options.subject,
            name=options.name,
            email=options.email,
            roles=options.role,
            lifetime=options.expires or usual_lifetime(settings),
        )
    )
    return 0


def usual_lifetime(settings: Settings) -> timedelta:
    """Return how long a token is valid when nobody says it."""
    return min(timedelta(hours=8), timedelta(seconds=settings.jwt_max_lifetime))


def subject(argument: str) -> str:
    """Return an argument that names a user. Raises argparse.ArgumentTypeError when no token can name them so."""
    with SilentInterrupts():
        from app.identity import MAX_SUBJECT_LENGTH

    name = text(argument)
    if not name.strip() or len(name) > MAX_SUBJECT_LENGTH:
        raise argparse.ArgumentTypeError(f"expected 1 to {MAX_SUBJECT_LENGTH} characters")
    return name


def _duration(argument: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([smhd])", argument)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError("expected a number and a unit, such as 30m, 8h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
