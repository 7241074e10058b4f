"""The idiomatic Strawberry server: async SQLAlchemy, a DataLoader for each list, Strawberry's own view and caches.

It is what Strawberry's and SQLAlchemy's documentation lead to. Its models have only the columns that are
asked for, as text where Dossier has times, so that nothing is read or converted in vain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import jwt
import strawberry
from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from app.settings import Settings, from_environment


class _Base(DeclarativeBase):
    pass


class UserRow(_Base):
    """A user."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]


class MemberRow(_Base):
    """A user's role in a case."""

    __tablename__ = "case_members"

    case_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[str | None]


class CaseRow(_Base):
    """A case."""

    __tablename__ = "cases"

    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    title: Mapped[str]
    status: Mapped[str]
    created_at: Mapped[str]


class EventRow(_Base):
    """An event of a case."""

    __tablename__ = "events"

    id: Mapped[str] = mapped_column(primary_key=True)
    case_id: Mapped[str]
    type: Mapped[str]
    title: Mapped[str]
    occurred_at: Mapped[str]
    sort_order: Mapped[int]


class BatchRow(_Base):
    """A file batch of an event."""

    __tablename__ = "file_batches"

    id: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str]
    label: Mapped[str]
    file_count: Mapped[int]
    file_types: Mapped[str | None]
    sort_order: Mapped[int]


class Context:
    """What the resolvers of one request have in common."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], subject: str) -> None:
        self.sessions = sessions
        self.subject = subject
        events = select(EventRow).order_by(EventRow.occurred_at, EventRow.sort_order, EventRow.id)
        batches = select(BatchRow).order_by(BatchRow.sort_order, BatchRow.id)
        self.events = DataLoader(load_fn=self._children(events, EventRow.case_id))
        self.batches = DataLoader(load_fn=self._children(batches, BatchRow.event_id))

    def member(self) -> Any:
        """Return the condition that the viewer is a member of a case."""
        now = datetime.now(UTC).isoformat()
        valid = or_(MemberRow.expires_at.is_(None), MemberRow.expires_at > now)
        return exists().where(
            MemberRow.case_id == CaseRow.id,
            MemberRow.user_id == UserRow.id,
            UserRow.subject == self.subject,
            valid,
        )

    def _children(self, statement: Any, parent: Any) -> Callable[[list[str]], Awaitable[list[list[Any]]]]:
        async def load(parents: list[str]) -> list[list[Any]]:
            async with self.sessions() as session:
                rows = (await session.scalars(statement.where(parent.in_(parents)))).all()
            lists: dict[str, list[Any]] = defaultdict(list)
            for row in rows:
                lists[getattr(row, parent.key)].append(row)
            return [lists[identifier] for identifier in parents]

        return load


Info = strawberry.Info[Context, None]


@strawberry.type
class FileBatch:
    """A file batch."""

    id: strawberry.ID
    label: str
    file_count: int
    file_types: str | None
    sort_order: int


@strawberry.type
class FileBatchConnection:
    """A list of file batches."""

    nodes: list[FileBatch]


@strawberry.type
class Event:
    """An event."""

    id: strawberry.ID
    type: str
    title: str
    occurred_at: str
    sort_order: int

    @strawberry.field
    async def file_batches(self, info: Info, first: int = 50) -> FileBatchConnection:
        """Return the file batches of this event."""
        return FileBatchConnection(nodes=(await info.context.batches.load(self.id))[:first])


@strawberry.type
class EventConnection:
    """A list of events."""

    nodes: list[Event]


@strawberry.type
class Case:
    """A case."""

    id: strawberry.ID
    number: int
    title: str
    status: str
    created_at: str

    @strawberry.field
    async def events(self, info: Info, first: int = 50) -> EventConnection:
        """Return the events of this case."""
        return EventConnection(nodes=(await info.context.events.load(self.id))[:first])


@strawberry.type
class CaseConnection:
    """A list of cases."""

    nodes: list[Case]


@strawberry.type
class Query:
    """Where reading begins."""

    @strawberry.field
    async def case(self, info: Info, id: strawberry.ID) -> Case | None:  # noqa: A002 - the argument's name
        """Return a case of the viewer's."""
        statement = select(CaseRow).where(CaseRow.id == id, info.context.member())
        async with info.context.sessions() as session:
            return (await session.scalars(statement)).one_or_none()  # type: ignore[return-value]

    @strawberry.field
    async def cases(self, info: Info, first: int = 50) -> CaseConnection:
        """Return the viewer's cases, the newest first."""
        newest = select(CaseRow).where(info.context.member()).order_by(CaseRow.created_at.desc(), CaseRow.id.desc())
        async with info.context.sessions() as session:
            rows = (await session.scalars(newest.limit(first))).all()
        return CaseConnection(nodes=rows)  # type: ignore[arg-type]


class View(GraphQL[Context, None]):
    """Strawberry's view, with a context that knows whose token it is."""

    def __init__(self, settings: Settings) -> None:
        schema = strawberry.Schema(
            Query, extensions=[lambda: ParserCache(maxsize=100), lambda: ValidationCache(maxsize=100)]
        )
        super().__init__(schema, graphql_ide=None)
        self._secret = settings.jwt_secret or ""
        url = settings.database_url.render_as_string(hide_password=False)
        engine = create_async_engine(url, pool_size=settings.read_connections)
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def get_context(self, request: Any, response: Any) -> Context:  # noqa: ARG002 - as Strawberry has it
        """Return the context of a request whose token is valid."""
        _, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            claims = jwt.decode(token, self._secret, algorithms=["HS256"])
        except jwt.PyJWTError:
            raise HTTPException(401) from None
        return Context(self._sessions, claims["sub"])


def application() -> Starlette:
    """Return the application."""
    return Starlette(routes=[Route("/graphql", View(from_environment()))])
