"""The command line put together, and how a command ends."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from app import __version__
from app.commands import (
    checkpoint,
    collect,
    documents,
    explain,
    export,
    manifest,
    migrate,
    proof,
    purge,
    reindex,
    schema,
    serve,
    streams,
    token,
    verify,
    verify_files,
)
from app.commands.failures import CommandError
from app.commands.parsers import Parser
from app.errors import DeadlineExceeded, DossierError, Unavailable, UnknownOutcome
from app.values import visible

_COMMANDS = (
    serve,
    token,
    migrate,
    schema,
    documents,
    explain,
    collect,
    verify_files,
    export,
    manifest,
    verify,
    checkpoint,
    proof,
    purge,
    reindex,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 when it did what it is for, 1 when it could not, 2 for misuse.

    A command may have others; `dossier collect --help` lists those of `collect`.
    """
    streams.prepare()
    try:
        try:
            options = _parser().parse_args(arguments)
            code: int = options.run(options)
        finally:
            streams.say()  # what is still on its way, of the help as well
    except streams.OutputError as error:
        if error.is_unread:
            return 0  # whoever read our output has seen enough
        streams.complain(str(error))
        return 1
    except CommandError as error:
        if error.lines:
            with contextlib.suppress(streams.OutputError):
                streams.say(*map(visible, error.lines))
        streams.complain(str(error))
        return error.exit_code
    except (DossierError, DeadlineExceeded, Unavailable, UnknownOutcome) as error:
        streams.complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> Parser:
    parser = Parser(
        prog="dossier",
        description="A GraphQL server for case files: cases, the events on their timelines, and the file batches "
        "of an event.",
        epilog="Start with 'dossier serve'. Settings are environment variables that begin with DOSSIER_; "
        "docs/settings.md lists them.",
    )
    parser.add_argument("--version", action="version", version=f"dossier {__version__}")
    commands = parser.add_commands("command")
    for each in _COMMANDS:
        each.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
