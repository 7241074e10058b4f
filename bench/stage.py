"""The stage of a run: databases and servers, each made when first asked for and ended with the run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from sqlalchemy import make_url

from app.identity import sign
from bench import databases
from bench.data import SMALL, SUBJECT
from bench.load import Target
from bench.servers import Server, Servers
from bench.works import Request

T = TypeVar("T")


class Stage:
    """Databases and servers; those with the same arguments are the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[object, Any] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._servers = Servers()
        return self

    def __exit__(
        self, type_: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers.close()
        self._stack.__exit__(type_, error, trace)

    def database(self, kind: str, cases: int = SMALL) -> str:
        """Return the address of a database with that many cases; `kind` is `sqlite` or `postgresql`."""

        def make() -> str:
            if kind == "sqlite":
                return databases.make_sqlite(self._folder / f"cases-{cases}", cases)
            return databases.make_postgresql(self._postgresql(), f"cases_{cases}", cases)

        return self._once(("database", kind, cases), make)

    def copy(self, name: str) -> str:
        """Return the address of a small embedded database of its own, for writing to."""
        return self._once(("copy", name), lambda: databases.copy_sqlite(self.database("sqlite"), self._folder / name))

    def dossier(self, url: str, *, workers: int = 1, purpose: str = "reads") -> Server:
        """Return Dossier on a database; another purpose is another process."""
        name = f"dossier-{purpose}-{make_url(url).get_backend_name()}-{workers}"
        return self._once(("dossier", url, workers, purpose), lambda: self._servers.dossier(name, url, workers=workers))

    def other(self, name: str, kind: str) -> Server:
        """Return another server on a small database: `ceiling`, `strawberry`, `mercurius` or `postgraphile`."""
        start: Callable[[str, str], Server] = getattr(self._servers, name)
        return self._once((name, kind), lambda: start(f"{name}-{kind}", self.database(kind)))

    def target(self, server: Server, request: Request, path: str = "/graphql") -> Target:
        """Return a request to a server, in the name of the viewer."""
        return Target(server.address + path, self._token, request.body)

    @cached_property
    def _token(self) -> str:
        signing = databases.settings("sqlite+aiosqlite:///unused.db")
        return sign(signing, databases.SECRET, subject=SUBJECT, lifetime=timedelta(hours=8))

    def _postgresql(self) -> str:
        return self._once("postgresql", lambda: self._stack.enter_context(databases.postgresql_server()))

    def _once(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])
