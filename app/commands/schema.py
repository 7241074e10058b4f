"""`dossier schema`: the schema in the schema definition language."""

from __future__ import annotations

import argparse
from typing import Any

from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command
from app.commands.streams import say


def add_to(commands: Any) -> None:
    """Add the command."""
    command(commands, "schema", _run, "print the schema", "Print the schema in the schema definition language.")


def _run(_options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.schema import sdl

    say(sdl())
    return 0
