"""`dossier serve`: the API and its pages."""

from __future__ import annotations

import argparse
import errno
import shlex
import shutil
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command
from app.commands.streams import say, warn
from app.errors import DossierError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from app.settings import Settings
    from app.web.workers import Serves

_LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"standard_error": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["standard_error"], "level": "WARNING"},
}


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "serve",
        _run,
        "serve the API and its pages",
        "Migrate the embedded database, then serve the API with the explorer and the example app. A PostgreSQL "
        "database is migrated by 'dossier migrate' first.",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen on (default: %(default)s); where other machines reach it there is no demo user, "
        "and a proxy with TLS has to stand before it",
    )
    parser.add_argument("--port", type=_port, default=8000, help="the port to listen on (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=_positive,
        default=1,
        metavar="N",
        help="how many processes serve, each with connections of its own (default: %(default)s)",
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.settings import from_environment

    settings = from_environment()
    # Who calls from now on waits, as long as it takes to read everything in and to migrate the database.
    listening = _listen(options.host, options.port)
    with SilentInterrupts():
        from app.db import migrations
        from app.record.signing import check_folder, signing_key
        from app.settings import signing_secret
        from app.web.demo import new_code

    if settings.embedded:
        migrations.migrate(settings)
    else:
        migrations.check(settings)
    made = settings.makes_secret and not settings.secret_file.exists()
    if settings.has_secret:
        signing_secret(settings, create=True)
    signing_key(settings)
    check_folder(settings)
    address, port = listening.getsockname()[:2]
    code = new_code(settings, address)
    server = _server(settings, listening, code, options.workers)  # from now on a signal ends it in good order
    usable, elsewhere = _USABLE.get(address, (options.host, ""))
    url = f"http://[{usable}]:{port}" if ":" in usable else f"http://{usable}:{port}"
    say(f"Dossier {__version__} listens on {url}/graphql{elsewhere}")
    _introduce(settings, url, code)
    if made:
        say(f"A secret to sign tokens with was made at {settings.secret_file}; keep it to yourself.")
    _warn_of_others(address)
    return server.run()


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


def _server(settings: Settings, listening: socket.socket, demo_code: str | None, count: int) -> Serves:
    """Take the signals that end a server; return what serves until one has come."""
    with SilentInterrupts():
        import uvicorn

        from app.web import workers

    levels = {
        "dossier": {"level": settings.log_level.upper()},
        "uvicorn.error": {"level": "WARNING"},
        # An outage is a line of our own; these would add a traceback for each connection.
        "asyncpg": {"level": "CRITICAL"},
        "sqlalchemy.pool": {"level": "CRITICAL"},
    }
    config = uvicorn.Config(
        partial(_application, demo_code),
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


def _application(demo_code: str | None) -> Starlette:
    """Return the application. Only the processes that serve read it in; a supervisor doesn't."""
    from app.web.application import application

    return application(demo_code)


# Where every address of this machine is listened on: one of them to call, and what to say of the others.
_USABLE = {
    "0.0.0.0": ("127.0.0.1", " and on this machine's other addresses"),  # noqa: S104 - it is what may be asked for
    "::": ("::1", " and on this machine's other addresses"),
}


def _introduce(settings: Settings, url: str, demo_code: str | None) -> None:
    """Say what can be opened in a browser, and how to get a token."""
    from app.web.sites import is_built

    demo = f"#demo={demo_code}" if demo_code is not None else ""
    if is_built():
        say(f"The app:      {url}/app/{demo}")
        say(f"The explorer: {url}/graphql{demo}")
        if demo:
            say("These two addresses let you sign in as the demo user; whoever has them can, so keep them to yourself.")
    else:
        say("The app and the explorer have not been built; the API does without them.")
    if settings.has_secret:
        say(f"A token:      {_command_line()} token --subject alice (in this folder, with the same settings)")


def _warn_of_others(address: str) -> None:
    from app.web.demo import is_loopback

    if not is_loopback(address):
        warn(
            "other machines reach this server, and without TLS: tokens and cases can be read on the way. Put a proxy "
            "that ends TLS before it, and let nothing else reach it; SECURITY.md says more"
        )


def _command_line() -> str:
    """Return what to type in this folder to run Dossier as it was run."""
    path = Path(sys.argv[0])
    if path.name != "dossier":
        return shlex.join([sys.executable, "-m", "app"])
    found = shutil.which("dossier")
    return "dossier" if found is not None and Path(found).resolve() == path.resolve() else shlex.quote(sys.argv[0])


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("expected a whole number from 0 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError("expected a whole number from 1 to 64")
    return int(text)
