"""The command line: `dossier serve`, `token`, `migrate`, `schema`, `documents` and `collect`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import getpass
import io
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TextIO

import uvicorn

from app import __version__
from app.commands import collect, register
from app.db import migrations
from app.errors import DeadlineExceeded, DossierError, Unavailable, UnknownOutcome
from app.identity import MAX_SUBJECT_LENGTH, sign
from app.schema import sdl
from app.settings import Settings, from_environment, signing_secret
from app.values import from_argument, visible
from app.web import workers
from app.web.application import application
from app.web.demo import is_loopback, new_code
from app.web.sites import is_built

INCOMPLETE = 3  # what `collect` exits with when there was something that it could not read
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"standard_error": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["standard_error"], "level": "WARNING"},
}


class _OutputError(DossierError):
    """What was to be said could not be written to standard output; `is_unread` when nobody reads it."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"the output can't be written: {error.strerror}")
        self.is_unread = isinstance(error, BrokenPipeError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 when it did what it is for, 1 when it could not, 2 for misuse.

    A command may have others; `dossier collect --help` lists those of `collect`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            options = _parser().parse_args(arguments)
            code: int = options.run(options)
        finally:
            _print()  # what is still on its way, of the help as well
    except _OutputError as error:
        return _unwritten(error)
    except DossierError as error:
        if isinstance(error, register.FaultyError):
            with contextlib.suppress(_OutputError):
                _print(*map(visible, error.faults))
        _complain(str(error))
        return error.exit_code if isinstance(error, collect.BrokenOffError) else 1
    except (DeadlineExceeded, Unavailable, UnknownOutcome) as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _print(*lines: str) -> None:
    """Write lines to standard output, at once. Raises _OutputError."""
    try:
        if lines:
            print(*lines, sep="\n")
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _discard(sys.stdout)
        raise _OutputError(error) from None


def _discard(stream: TextIO) -> None:
    """Throw away what a stream could not write; it would be tried again at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _unwritten(error: _OutputError) -> int:
    if error.is_unread:
        return 0  # whoever read our output has seen enough
    _complain(str(error))
    return 1


def _complain(*lines: str) -> None:
    """Write lines to standard error, if there is one to be written to."""
    try:
        print(*(f"dossier: {visible(line)}" for line in lines), sep="\n", file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)


class _Parser(argparse.ArgumentParser):
    """A parser that shows what it was given as a terminal may show it: a shell puts names of files in for `*`."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and exit."""
        super().error(visible(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dossier",
        description="A GraphQL server for case files: cases, the events on their timelines, and the file batches "
        "of an event.",
        epilog="Start with 'dossier serve'. Settings are environment variables that begin with DOSSIER_; "
        "docs/settings.md lists them.",
    )
    parser.add_argument("--version", action="version", version=f"dossier {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = _command(
        commands,
        "serve",
        _serve,
        "serve the API and its pages",
        "Migrate the embedded database, then serve the API with the explorer and the example app. A PostgreSQL "
        "database is migrated by 'dossier migrate' first.",
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: %(default)s); where other machines reach it there is no demo user, "
        "and a proxy with TLS has to stand before it",
    )
    serve.add_argument("--port", type=_port, default=8000, help="the port to listen on (default: %(default)s)")
    serve.add_argument(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="how many processes serve, each with connections of its own (default: %(default)s)",
    )

    token = _command(
        commands,
        "token",
        _token,
        "make a bearer token",
        "Print a token, signed with DOSSIER_JWT_SECRET or with the secret that 'dossier serve' made beside the "
        "embedded database.",
    )
    token.add_argument("--subject", required=True, type=_subject, help="who the token is for: its `sub` claim")
    token.add_argument("--name", type=_text, help="their name")
    token.add_argument("--email", type=_text, help="their email address")
    token.add_argument(
        "--role",
        action="append",
        choices=("admin", "auditor"),
        default=[],
        help="a role in the whole installation: admin may do all, auditor may read all; may be given twice",
    )
    token.add_argument(
        "--expires",
        type=_duration,
        metavar="TIME",
        help="how long it is valid, as 30m, 8h or 7d (default: 8h, or DOSSIER_JWT_MAX_LIFETIME where that is less)",
    )

    _command(
        commands,
        "migrate",
        _migrate,
        "prepare the database",
        "Bring the database that DOSSIER_DATABASE_URL names to the tables of this version.",
    )
    _command(commands, "schema", _schema, "print the schema", "Print the schema in the schema definition language.")

    _documents_parser(commands)

    collect_ = _command(
        commands,
        "collect",
        _collect,
        "record a folder as a case",
        "Walk a folder and record what lies in it as a case, through the API of a running server: an event for each "
        "day, counted in UTC, on which files were last modified, and on it a file batch for each folder and kind of "
        "file. The case is OPEN and says that it is not complete until everything is recorded.",
    )
    collect_.epilog = (
        "Exit codes: 0 when everything was recorded; 1 when it was not, and the case, if there is one, says that it is "
        f"not complete; 2 for misuse; {INCOMPLETE} when everything was recorded but for what could not be read; 130, "
        "143 and 129 when SIGINT (Ctrl-C), SIGTERM or SIGHUP ended it, and the case says that it is not complete."
    )
    collect_.add_argument("folder", metavar="DIR", help="the folder to walk; links below it are not followed")
    collect_.add_argument(
        "--case-title", required=True, metavar="T", help="the title of the new case: up to 200 characters in UTF-8"
    )
    collect_.add_argument(
        "--one-file-system",
        action="store_true",
        help="leave out folders on other file systems than DIR, such as /proc; without it they are walked, and named",
    )
    collect_.add_argument(
        "--url",
        default="http://127.0.0.1:8000/graphql",
        help="the server's address, which ends in /graphql (default: %(default)s); a proxy that the environment names "
        "is never asked for this machine itself",
    )
    collect_.add_argument(
        "--token",
        help="the token to call with (default: the variable DOSSIER_TOKEN, or else one made for you with the "
        "configured secret)",
    )
    return parser


def _documents_parser(commands: Any) -> None:
    summary = "keep the documents that clients may ask for by an id"
    documents = commands.add_parser("documents", help=summary, description=f"{summary.capitalize()}.")
    actions = documents.add_subparsers(title="commands", metavar="COMMAND", required=True)
    formats = "what graphql-codegen's client preset, relay-compiler or Apollo's generate-persisted-query-manifest wrote"

    add = _command(
        actions,
        "add",
        _documents_add,
        "register the documents of a manifest",
        "Check the documents of a manifest and register them, all or none. Servers know them at once.",
    )
    add.add_argument("file", type=Path, metavar="FILE", help=formats)

    _command(
        actions,
        "list",
        _documents_list,
        "print what is registered",
        "Print a line for each registered document: its id, since when it is registered, and its operations, "
        "separated by tabs.",
    )

    check = _command(
        actions,
        "check",
        _documents_check,
        "check documents against the schema",
        "Check documents against the schema and the limits of this version, and print a line for each fault. A "
        "manifest is checked without a database; without FILE, what is registered is checked.",
    )
    check.add_argument("file", type=Path, metavar="FILE", nargs="?", help=formats)

    remove = _command(
        actions,
        "remove",
        _documents_remove,
        "remove documents by their ids",
        "Remove documents, all or none, so that nobody can run them by their ids any more.",
    )
    remove.add_argument("ids", metavar="ID", nargs="+", help="an id as 'dossier documents list' prints it")


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, description: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=description)
    command.set_defaults(run=run)
    return command


def _serve(options: argparse.Namespace) -> int:
    settings = _settings()
    if settings.embedded:
        migrations.migrate(settings)
    else:
        asyncio.run(_check(settings))
    made = settings.makes_secret and not settings.secret_file.exists()
    if settings.has_secret:
        signing_secret(settings, create=True)
    listening = _listen(options.host, options.port)
    address, port = listening.getsockname()[:2]
    code = new_code(settings, address)
    server = _server(settings, listening, code, options.workers)  # from now on a signal ends it in good order
    usable, elsewhere = _USABLE.get(address, (options.host, ""))
    url = f"http://[{usable}]:{port}" if ":" in usable else f"http://{usable}:{port}"
    _print(f"Dossier {__version__} listens on {url}/graphql{elsewhere}")
    demo = f"#demo={code}" if code is not None else ""
    if is_built():
        _print(f"The app:      {url}/app/{demo}")
        _print(f"The explorer: {url}/graphql{demo}")
        if demo:
            _print(
                "These two addresses let you sign in as the demo user; whoever has them can, so keep them to yourself."
            )
    else:
        _print("The app and the explorer have not been built; the API does without them.")
    if settings.has_secret:
        _print(f"A token:      {_command_line()} token --subject alice (in this folder, with the same settings)")
    if made:
        _print(f"A secret to sign tokens with was made at {settings.secret_file}; keep it to yourself.")
    if not is_loopback(address):
        _warn(
            "other machines reach this server, and without TLS: tokens and cases can be read on the way. Put a proxy "
            "that ends TLS before it, and let nothing else reach it; SECURITY.md says more"
        )
    return server.run()


# Where every address of this machine is listened on: one of them to call, and what to say of the others.
_USABLE = {
    "0.0.0.0": ("127.0.0.1", " and on this machine's other addresses"),  # noqa: S104 - it is what may be asked for
    "::": ("::1", " and on this machine's other addresses"),
}


def _command_line() -> str:
    """Return what to type in this folder to run Dossier as it was run."""
    path = Path(sys.argv[0])
    if path.name != "dossier":
        return shlex.join([sys.executable, "-m", "app"])
    found = shutil.which("dossier")
    return "dossier" if found is not None and Path(found).resolve() == path.resolve() else shlex.quote(sys.argv[0])


def _settings() -> Settings:
    """Return the settings of the environment."""
    return from_environment()


def _warn(sentence: str) -> None:
    _complain(f"warning: {sentence}")


async def _check(settings: Settings) -> None:
    async with migrations.opened(settings):
        pass


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)  # who calls before the workers are up, waits
        listening.set_inheritable(True)  # the worker processes take it over
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise DossierError(f"port {port} on {host} is taken; choose another one with --port") from None
        raise DossierError(f"can't listen on {host}, port {port}: {error.strerror}") from None
    return listening


def _server(settings: Settings, listening: socket.socket, demo_code: str | None, count: int) -> workers.Serves:
    """Take the signals that end a server; return what serves until one has come."""
    levels = {
        "dossier": {"level": settings.log_level.upper()},
        "uvicorn.error": {"level": "WARNING"},
        # An outage is a line of our own; these would add a traceback for each connection.
        "asyncpg": {"level": "CRITICAL"},
        "sqlalchemy.pool": {"level": "CRITICAL"},
    }
    config = uvicorn.Config(
        partial(application, demo_code),
        factory=True,
        workers=count,
        log_config=_LOG_CONFIG | {"loggers": levels},
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks where a request came from
        timeout_graceful_shutdown=settings.grace,
        http="app.web.connections:Connection",
        ws="none",
    )
    return workers.serving(config, listening)


def _token(options: argparse.Namespace) -> int:
    settings = _settings()
    secret = signing_secret(settings, create=False)
    _print(
        sign(
            settings,
            secret,
            subject=options.subject,
            name=options.name,
            email=options.email,
            roles=options.role,
            lifetime=options.expires or _usual_lifetime(settings),
        )
    )
    return 0


def _migrate(_options: argparse.Namespace) -> int:
    settings = _settings()
    migrations.migrate(settings)
    _print(f"the database is at revision {migrations.newest()}")
    return 0


def _schema(_options: argparse.Namespace) -> int:
    _print(sdl())
    return 0


def _documents_add(options: argparse.Namespace) -> int:
    _print(visible(asyncio.run(register.add(_settings(), options.file))))
    return 0


def _documents_list(_options: argparse.Namespace) -> int:
    _print(*map(register.line, asyncio.run(register.list_(_settings()))))
    return 0


def _documents_check(options: argparse.Namespace) -> int:
    _print(visible(asyncio.run(register.check(_settings(), options.file))))
    return 0


def _documents_remove(options: argparse.Namespace) -> int:
    _print(visible(asyncio.run(register.remove(_settings(), options.ids))))
    return 0


def _collect(options: argparse.Namespace) -> int:
    if options.token is not None and not options.token.strip():
        raise DossierError("--token is empty; leave it out to call with DOSSIER_TOKEN or with a token of your own")
    token = (options.token or os.environ.get("DOSSIER_TOKEN") or "").strip() or _own_token()
    is_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    with collect.Signals.taken() as signals:  # until it is told, too, what was recorded
        collected = collect.collect(
            options.folder,
            options.case_title,
            options.url,
            token,
            sys.stderr if is_terminal else None,
            one_file_system=options.one_file_system,
            signals=signals,
        )
        return _tell(collected)


def _tell(collected: collect.Collected) -> int:
    """Say what was recorded, on standard error if there is no other way to; return the exit code."""
    lines = [visible(line) for line in collected.lines]
    code = 0 if collected.is_whole else INCOMPLETE
    try:
        _print(*lines)
    except _OutputError as error:
        _complain(str(error), *lines)
        return code if error.is_unread else 1
    if sys.stdout is None:
        _complain(*lines)
    return code


def _own_token() -> str:
    settings = _settings()
    secret = signing_secret(settings, create=False)
    try:
        subject = _subject(getpass.getuser())
    except (LookupError, OSError, ImportError, argparse.ArgumentTypeError):
        # A container may run as a user whom no list of accounts has.
        raise DossierError("can't tell your account's name; set DOSSIER_TOKEN, or give --token") from None
    return sign(settings, secret, subject=subject, lifetime=_usual_lifetime(settings))


def _usual_lifetime(settings: Settings) -> timedelta:
    return min(timedelta(hours=8), timedelta(seconds=settings.jwt_max_lifetime))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("expected a whole number from 0 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("expected a whole number from 1 to 64")
    return int(text)


def _text(text: str) -> str:
    read = from_argument(text)
    if read is None:
        raise argparse.ArgumentTypeError("expected text in UTF-8")
    return read


def _subject(text: str) -> str:
    text = _text(text)
    if not text.strip() or len(text) > MAX_SUBJECT_LENGTH:
        raise argparse.ArgumentTypeError(f"expected 1 to {MAX_SUBJECT_LENGTH} characters")
    return text


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if match is None or int(match[1]) == 0:
        raise argparse.ArgumentTypeError("expected a number and a unit, such as 30m, 8h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


if __name__ == "__main__":
    sys.exit(main())
