"""`dossier reindex`: what is searched and the index over it, made anew."""

from __future__ import annotations

import argparse
from time import monotonic
from typing import Any

from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command
from app.commands.streams import complain, say

_SECONDS_BETWEEN_LINES = 5


def add_to(commands: Any) -> None:
    """Add the command."""
    command(
        commands,
        "reindex",
        _run,
        "make the index of searches anew",
        "Make what is searched, and the index over it, anew from the rows that there are: when 'dossier verify' says "
        "that it doesn't agree with them. It is done whole or not at all, and nobody can write meanwhile.",
    )


def _run(_options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.db import migrations
        from app.record.indexing import rebuild
        from app.settings import from_environment

    settings = from_environment()
    migrations.check(settings)
    told = monotonic()

    def tell(done: int) -> None:
        nonlocal told
        if monotonic() - told >= _SECONDS_BETWEEN_LINES:
            told = monotonic()
            complain(f"{done:,} texts are in the index")

    count = migrations.in_transaction(settings, lambda connection: rebuild(connection, tell), "indexed")
    say(f"{count:,} {'text is' if count == 1 else 'texts are'} in the index")
    return 0
