"""`dossier documents`: the documents that clients may ask for by an id."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command
from app.commands.streams import say
from app.values import visible


def add_to(commands: Any) -> None:
    """Add the command with those of its own."""
    summary = "keep the documents that clients may ask for by an id"
    parser = commands.add_parser("documents", help=summary, description=f"{summary.capitalize()}.")
    actions = parser.add_commands("action")
    formats = "what graphql-codegen's client preset, relay-compiler or Apollo's generate-persisted-query-manifest wrote"

    add = command(
        actions,
        "add",
        _run,
        "register the documents of a manifest",
        "Check the documents of a manifest and register them, all or none. Servers know them at once.",
    )
    add.add_argument("file", type=Path, metavar="FILE", help=formats)

    command(
        actions,
        "list",
        _run,
        "print what is registered",
        "Print a line for each registered document: its id, since when it is registered, and its operations, "
        "separated by tabs.",
    )

    check = command(
        actions,
        "check",
        _run,
        "check documents against the schema",
        "Check documents against the schema and the limits of this version, and print a line for each fault. A "
        "manifest is checked without a database; without FILE, what is registered is checked.",
    )
    check.add_argument("file", type=Path, metavar="FILE", nargs="?", help=formats)

    remove = command(
        actions,
        "remove",
        _run,
        "remove documents by their ids",
        "Remove documents, all or none, so that nobody can run them by their ids any more.",
    )
    remove.add_argument("ids", metavar="ID", nargs="+", help="an id as 'dossier documents list' prints it")


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        import asyncio

        from app.commands import register
        from app.settings import from_environment

    settings = from_environment()
    match options.action:
        case "add":
            lines = [visible(asyncio.run(register.add(settings, options.file)))]
        case "list":
            lines = [register.line(document) for document in asyncio.run(register.list_(settings))]
        case "check":
            lines = [visible(asyncio.run(register.check(settings, options.file)))]
        case _:
            lines = [visible(asyncio.run(register.remove(settings, options.ids)))]
    say(*lines)
    return 0
