"""A Dossier server inside the test process, and clients that speak HTTP to it."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.db.migrations import migrate
from app.identity import sign
from app.record.signing import pem_of
from app.settings import Settings, from_environment
from app.web.application import create
from app.web.chores import Chores
from app.web.connections import Connection
from app.web.demo import new_code

SECRET = "a secret that is only used by tests, and long enough"  # noqa: S105 - it protects nothing
_subjects = itertools.count(1)


@cache
def key_file() -> Path:
    """Return a file with a key that signs checkpoints, for databases beside which there is none."""
    folder = Path(tempfile.mkdtemp(prefix="dossier-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "checkpoints.key"
    path.write_text(pem_of(Ed25519PrivateKey.generate()), encoding="ascii")
    return path


@dataclass(frozen=True)
class Server:
    """A running server: its address, and the name of the kind of its database."""

    url: str
    kind: str
    settings: Settings
    http: httpx.Client
    demo_code: str | None = None

    def token(self, subject: str, *, roles: tuple[str, ...] = (), **claims: Any) -> str:
        """Return a valid token."""
        lifetime = claims.pop("lifetime", timedelta(hours=1))
        return sign(self.settings, SECRET, subject=subject, roles=roles, lifetime=lifetime, **claims)

    def client(self, subject: str | None = None, *, roles: tuple[str, ...] = (), **claims: Any) -> Client:
        """Return a client for a user, by default one whom nobody has seen before."""
        subject = subject or f"user-{next(_subjects)}"
        return Client(self.http, subject, self.token(subject, roles=roles, **claims))


class Client:
    """A user at the API."""

    def __init__(self, http: httpx.Client, subject: str, token: str) -> None:
        self.subject = subject
        self._http = http
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, query: str, variables: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
        """Return the response to a document."""
        body = {"query": query, "variables": variables or {}, **more}
        return self._http.post("/graphql", json=body, headers=self.headers)

    def run(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a document that must succeed."""
        response = self.post(query, variables)
        answer = response.json()
        assert response.status_code == 200, response.text
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def errors(self, query: str, **variables: Any) -> list[dict[str, Any]]:
        """Return the errors of a document that must be refused before any of it runs."""
        answer = self.post(query, variables).json()
        assert "data" not in answer, answer
        errors: list[dict[str, Any]] = answer["errors"]
        return errors

    def change(self, field: str, selection: str, **given: Any) -> dict[str, Any]:
        """Return the payload of a mutation, its input's fields given by name."""
        type_ = field[0].upper() + field[1:] + "Input"
        query = f"mutation ($input: {type_}!) {{ {field}(input: $input) {{ {selection} }} }}"
        payload: dict[str, Any] = self.run(query, input=given)[field]
        return payload

    def create_case(self, **given: Any) -> str:
        """Create a case and return its id."""
        return self._create("createCase", "case", **{"title": "A case"} | given)

    def create_event(self, case: str, **given: Any) -> str:
        """Create an event and return its id."""
        defaults = {"title": "An event", "occurredAt": "2026-01-01T00:00:00Z"}
        return self._create("createEvent", "event", caseId=case, **defaults | given)

    def create_batch(self, case: str, event: str, **given: Any) -> str:
        """Create a file batch and return its id."""
        return self._create("createFileBatch", "fileBatch", caseId=case, eventId=event, **{"label": "A batch"} | given)

    def _create(self, field: str, noun: str, **given: Any) -> str:
        payload = self.change(field, f"{noun} {{ id }} errors {{ message path }}", **given)
        assert payload["errors"] == []
        identifier: str = payload[noun]["id"]
        return identifier


@contextmanager
def serving(kind: str, database_url: str, *, listening_on: str | None = None, **environment: str) -> Iterator[Server]:
    """Serve a new, migrated database from a thread of this process.

    `listening_on` is where `dossier serve` would listen; without it there is no demo user.
    """
    defaults = {"DOSSIER_DATABASE_URL": database_url, "DOSSIER_JWT_SECRET": SECRET, "DOSSIER_DEVELOPMENT": "true"}
    if kind == "postgresql":
        defaults["DOSSIER_CHECKPOINT_KEY"] = str(key_file())
    settings = from_environment(defaults | environment)
    migrate(settings)
    demo_code = new_code(settings, listening_on) if listening_on is not None else None
    application = create(settings, demo_code)
    config = uvicorn.Config(application, port=0, log_level="error", lifespan="on", http=Connection, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=30) as http:
            yield Server(url, kind, settings, http, demo_code)
    finally:
        server.should_exit = True
        thread.join()


def remove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers of this process not go on with what is deleted in slices, until the patch ends."""
    _stop(monkeypatch, "_remove_some")


def do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers of this process do nothing by themselves, until the patch ends."""
    _stop(monkeypatch, "_once", "_remove_some")


def _stop(monkeypatch: pytest.MonkeyPatch, *chores: str) -> None:
    async def nothing(*_: object, **__: object) -> None: ...

    for chore in chores:
        monkeypatch.setattr(Chores, chore, nothing)
