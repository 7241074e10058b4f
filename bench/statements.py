"""The very statements that Dossier runs, written down while it runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from app.db import Database, Row, Transaction, open_database
from app.db.transaction import Session
from app.execution.documents import Documents
from app.identity import OURSELVES, Identity
from app.ownership import Viewer
from app.resolvers.users import Users
from app.settings import Settings
from app.shares import User
from bench.data import SUBJECT
from bench.works import Request


@dataclass(frozen=True)
class Statement:
    """A statement in the driver's own form, and the values it was run with."""

    sql: str
    values: Sequence[Any]


async def reading(settings: Settings, requests: Sequence[Request]) -> list[Statement]:
    """Return the one statement with which Dossier answers each query."""
    database = await open_database(settings)
    try:
        recorder = _Recorder(database)
        viewer = await _viewer(database)
        for request in requests:
            await _answer(settings, recorder, request, viewer)
    finally:
        await database.close()
    if len(recorder.statements) != len(requests):
        raise RuntimeError("a query is no longer one statement")
    return recorder.statements


async def writing(settings: Settings, request: Request) -> list[Statement]:
    """Return the statements of the transaction with which Dossier carries out a mutation; it is carried out once."""
    database = await open_database(settings)
    statements: list[Statement] = []

    begin = Transaction.__init__

    def recording(self: Transaction, dialect: Any, session: Any, longest: int) -> None:
        def record(call: Callable[[str, Any], Any], sql: str, values: Any) -> Any:
            statements.append(Statement(sql, values))
            return call(sql, values)

        calls = {name: partial(record, getattr(session, name)) for name in ("rows", "finish", "look")}
        begin(self, dialect, cast("Session", SimpleNamespace(**calls, each=session.each)), longest)

    try:
        viewer = await _viewer(database)
        with patch.object(Transaction, "__init__", recording):
            await _answer(settings, database, request, viewer)
    finally:
        await database.close()
    return statements


class _Recorder:
    """A database that writes down what is read from it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.longest = database.longest
        self.incarnation = database.incarnation
        self.trash_days = database.trash_days
        self.bind = database.bind
        self.bounded = database.bounded
        self.trouble = database.trouble
        self.held = database.held
        self.write = database.write
        self.probe = database.probe
        self.open = database.open
        self.close = database.close
        self.statements: list[Statement] = []

    async def read(self, statement: str, values: Sequence[object], user: User) -> Row:
        self.statements.append(Statement(statement, tuple(values)))
        return await self._database.read(statement, values, user)


async def _viewer(database: Database) -> Viewer:
    return await Users(database).viewer(Identity(OURSELVES, SUBJECT, None, None, frozenset(), 0.0, (0.0, 0.0)))


async def _answer(settings: Settings, database: Database, request: Request, viewer: Viewer) -> None:
    documents = Documents(settings, database)
    operation = await documents.operation(request.query, None, viewer.id)
    answer = await documents.run(operation, dict(request.variables), viewer)
    if "errors" in json.loads(answer.body):
        raise RuntimeError(f"Dossier refuses: {answer.body!r}")
