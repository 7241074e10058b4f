"""`dossier explain`: where the code of a document's fields is, the statements it makes, and what the limits count."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import say


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "explain",
        _run,
        "show what a document makes the server do",
        "Print where each field of a document is declared and where its code is, the statements that the configured "
        "database is given, and what the limits count. No database is opened.",
    )
    parser.add_argument("document", type=Path, metavar="DOCUMENT", help="a file with the document; - is standard input")
    parser.add_argument(
        "--variables",
        type=text,
        metavar="JSON",
        help="values for its variables, as an object; without them, samples stand for those that must have one",
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.db import database_of
        from app.errors import RequestRefused
        from app.execution.documents import Documents
        from app.settings import from_environment

    settings = from_environment()
    variables = _variables(options.variables)
    document = _document(options.document)
    try:
        lines = list(_lines(Documents(settings, database_of(settings)), document, variables))
    except RequestRefused as refused:
        raise CommandError("; ".join(fault.message for fault in refused.faults)) from None
    say(*lines)
    return 0


def _lines(documents: Any, document: str, variables: dict[str, Any] | None) -> Iterator[str]:
    from app.execution.explained import places

    figures: Mapping[str, int] = {}
    for operation in documents.explained(document, variables):
        figures = operation.figures
        yield f"operation {operation.name or '(without a name)'}"
        # What several types of an interface have in common is the same for each of them.
        rows = [("field", "declared", "code"), *dict.fromkeys(places(operation.fields))]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        yield ""
        for path, declared, code in rows:
            yield f"  {path:{widths[0]}}  {declared:{widths[1]}}  {code}"
        for statement in operation.statements:
            yield ""
            yield from (f"  {line}" for line in statement.splitlines())
        yield ""
    yield "what the limits count of the document"
    yield ""
    for name, counted in figures.items():
        yield f"  {name:{max(map(len, figures))}}  {counted:>10}"


def _document(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is no text in UTF-8") from None


def _variables(given: str | None) -> dict[str, Any] | None:
    if given is None:
        return None
    try:
        variables = json.loads(given)
    except ValueError as error:
        raise CommandError(f"--variables must be JSON: {error}", exit_code=2) from None
    if not isinstance(variables, dict):
        raise CommandError("--variables must be a JSON object", exit_code=2)
    return variables
