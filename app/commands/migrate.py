"""`dossier migrate`: the database, brought to the tables of this version."""

from __future__ import annotations

import argparse
from typing import Any

from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command
from app.commands.streams import say


def add_to(commands: Any) -> None:
    """Add the command."""
    command(
        commands,
        "migrate",
        _run,
        "prepare the database",
        "Bring the database that DOSSIER_DATABASE_URL names to the tables of this version.",
    )


def _run(_options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.db import migrations
        from app.settings import from_environment

    migrations.migrate(from_environment())
    say(f"the database is at revision {migrations.newest()}")
    return 0
