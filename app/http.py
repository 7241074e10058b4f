"""The Starlette application: its routes, whom it lets in, and how much it takes on at once.

Whoever has no valid token is turned away before a byte of the document is looked at. `/graphql` is answered
by an ASGI application of our own: between the server and a read of one row, Starlette's request and response
objects would take longer than the read.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app import wire
from app.connections import RECEIVE_SECONDS
from app.db import open_database
from app.db.migrations import is_current
from app.errors import (
    DeadlineExceeded,
    InvalidTokenError,
    IssuerUnreachable,
    RequestFault,
    RequestRefused,
    Unavailable,
)
from app.identity import Identity, Tokens
from app.pages import Pages
from app.resolvers.trusted import TrustedDocuments
from app.resolvers.users import Users
from app.schema.documents import Documents
from app.schema.faults import Answer, late, masked, refusal
from app.settings import Settings, from_environment
from app.wire import API_HEADERS, Parameters, Refused

_log = logging.getLogger("dossier")

_API_HEADERS = [(name.lower().encode(), value.encode()) for name, value in API_HEADERS.items()]
_METHODS = "GET, POST"


def application(demo_code: str | None) -> Starlette:
    """Return the application for the settings in the environment, as a server's worker process wants it."""
    return create(from_environment(), demo_code)


def create(settings: Settings, demo_code: str | None = None) -> Starlette:
    """Return the application. Raises DossierError when there is no secret to verify tokens with.

    `demo_code` is what signs in the demo user; without one there is no such user.
    """
    endpoint = GraphQL(settings, Pages(settings, demo_code))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with endpoint.opened():
            yield {RECEIVE_SECONDS: settings.receive_seconds}

    application = _Application(
        endpoint,
        routes=[
            Route("/", _to("/app/"), methods=["GET"]),
            Route("/graphql", endpoint),
            Route("/graphql/", _to("/graphql"), methods=["GET", "POST"]),
            Route("/healthz", _alive, methods=["GET"]),
            Route("/readyz", endpoint.ready, methods=["GET"]),
            Route("/explorer/{_:path}", endpoint.page, methods=["GET"]),
            Route("/app", endpoint.page, methods=["GET"]),
            Route("/app/{_:path}", endpoint.page, methods=["GET"]),
            Route("/demo-token", endpoint.page, methods=["GET", "POST"]),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                # Whatever a page's client library or tracer adds. Dossier reads none of it, and there are no cookies.
                allow_headers=["*"],
                allow_private_network=True,
                expose_headers=["Retry-After", "WWW-Authenticate"],
            )
        ]
        if settings.cors_origins
        else [],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )
    # It redirects to an address made of what the client says the host is; `_to` doesn't.
    application.router.redirect_slashes = False
    return application


class _Application(Starlette):
    """The application, whose way to the endpoint is short where no other origin may call.

    Starlette's middleware and routing take a third as long as a read of one row from its bytes to its bytes.
    """

    def __init__(self, endpoint: GraphQL, **options: Any) -> None:
        super().__init__(**options)
        self._endpoint = None if self.user_middleware else endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if self._endpoint is not None and scope["type"] == "http" and scope["path"] == "/graphql":
            await self._endpoint(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class GraphQL:
    """The GraphQL endpoint, an ASGI application, with the pages beside it."""

    def __init__(self, settings: Settings, pages: Pages) -> None:
        self._settings = settings
        self._pages = pages
        self._tokens = Tokens(settings)
        self._at_work = 0
        # Variables that the document doesn't declare aren't counted by its limits.
        self._most_values = max(20_000, 2 * settings.limits.max_values)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Hold the database open, and keep the keys of issuers fresh."""
        self._database = await open_database(self._settings)
        self._users = Users(self._database)
        self._trusted = TrustedDocuments(self._database)
        self._documents = Documents(self._settings, self._database)
        # What there is by now stays as long as the server does. Python's collector would look at all of it again
        # and again, and hold up every request for a tenth of a second each time.
        gc.collect()
        gc.freeze()
        try:
            async with self._tokens.opened():
                yield
        finally:
            await self._database.close()

    async def ready(self, _request: Request) -> Response:
        """Answer whether the database is reached and migrated."""
        try:
            current = await is_current(self._database)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server isn't ready
            _log.error("the database can't be reached: %s", type(error).__qualname__)
            return _text("the database can't be reached", 503)
        if not current:
            return _text("the database is not migrated; run 'dossier migrate'", 503)
        return _text("ready")

    async def page(self, request: Request) -> Response:
        """Answer a request for a page or what belongs to one."""
        response = self._pages.respond(request)
        if response is None:
            raise HTTPException(404)
        return response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GraphQL request, or a browser with the explorer."""
        page = self._pages.respond(Request(scope)) if scope["method"] in {"GET", "HEAD"} else None
        if page is not None:
            await page(scope, receive, send)
            return
        try:
            answer, media_type = await self._answer(scope, receive)
            # With the older media type, a well-formed request is answered with 200, whatever became of it.
            status = 400 if answer.refused and media_type == wire.GRAPHQL_JSON else 200
            await _send(send, status, f"{media_type}; charset=utf-8", answer.body)
        except Refused as refused:
            await _send(send, refused.status, wire.JSON, wire.refusal_body(refused), refused.headers)
        except _Gone:
            await _send(send, 400, wire.JSON, b"")  # nobody is there to see it
        except asyncio.CancelledError:
            # The server ends, and this request took longer than its grace. What has begun may still be carried through.
            stopped = Refused(
                503,
                "the server was stopped before it could answer; see whether a change was made before you repeat it",
                {"Connection": "close"},
            )
            await _send(send, stopped.status, wire.JSON, wire.refusal_body(stopped), stopped.headers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client learns an id and the log the rest
            await _send(send, 500, wire.JSON, orjson.dumps({"errors": [masked(error)]}))

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Answer, str]:
        method, headers = scope["method"], scope["headers"]
        if method not in {"GET", "HEAD", "POST"}:
            raise Refused(405, "send a document by POST, or a query by GET", {"Allow": _METHODS})
        media_type = wire.media_type(wire.header(headers, b"accept"))
        identity = await self._identity(wire.header(headers, b"authorization"))
        if method == "POST":
            wire.check_content_encoding(wire.header(headers, b"content-encoding") or "")
            wire.check_content_type(wire.header(headers, b"content-type") or "")
            parameters = wire.from_body(await self._body(headers, receive), self._most_values)
        elif self._settings.get_queries:
            parameters = wire.from_query_string(scope["query_string"])
        else:
            raise Refused(405, "send the request by POST", {"Allow": "POST"})
        if self._at_work >= self._settings.max_requests:
            raise Refused(503, "the server is at work on as much as it takes on; try again", {"Retry-After": "1"})
        self._at_work += 1
        try:
            viewer = await self._users.viewer(identity)
            text = parameters.query
            if text is None or self._settings.trusted_documents_only:
                text = await self._trusted_text(parameters)
            operation = await self._documents.operation(text, parameters.operation_name)
            if method != "POST" and not operation.is_query:
                raise Refused(405, "mutations are sent by POST", {"Allow": "POST"})
            return await self._documents.run(operation, parameters.variables, viewer), media_type
        except RequestRefused as refused:
            return refusal(refused), media_type
        except DeadlineExceeded as error:
            return late(error), media_type
        except Unavailable:
            _log.error("the database can't be reached")
            raise Refused(503, "the database can't be reached; try again", {"Retry-After": "5"}) from None
        finally:
            self._at_work -= 1

    async def _trusted_text(self, parameters: Parameters) -> str:
        """Return the registered document that is asked for. Raises RequestRefused."""
        if parameters.document_id is None:
            message = "this server runs registered documents alone; send the id of one in `documentId`"
            raise RequestRefused(RequestFault(message, "PERSISTED_DOCUMENT_REQUIRED"))
        text = await self._trusted.text(parameters.document_id)
        if text is not None:
            return text
        if parameters.as_apollo:  # whose clients know these words
            raise RequestRefused(RequestFault("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND"))
        message = "no document is registered under this id; whoever operates the server can add it"
        raise RequestRefused(RequestFault(message, "PERSISTED_DOCUMENT_NOT_FOUND"))

    async def _identity(self, authorization: str | None) -> Identity:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refused(401, "a bearer token is needed; 'dossier token' makes one", {"WWW-Authenticate": "Bearer"})
        try:
            token = token.strip()
            return self._tokens.known(token) or await self._tokens.verify(token)
        except InvalidTokenError as error:
            challenge = f'Bearer error="invalid_token", error_description="{error}"'
            raise Refused(401, str(error), {"WWW-Authenticate": challenge}) from None
        except IssuerUnreachable as error:
            # Not 401: the token may be good, and whoever has it need not sign in again.
            raise Refused(503, str(error), {"Retry-After": "10"}) from None

    async def _body(self, headers: Sequence[tuple[bytes, bytes]], receive: Receive) -> bytes:
        most = self._settings.max_body_bytes
        announced = wire.header(headers, b"content-length")
        if announced is not None and announced.isdecimal() and int(announced) > most:
            raise Refused(413, f"the body may have {most} bytes, not {announced}")
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            part = message.get("body", b"")
            size += len(part)
            if size > most:
                raise Refused(413, f"the body may have {most} bytes")
            parts.append(part)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


class _Gone(Exception):  # noqa: N818 - a client may leave
    """The client left before its request was whole."""


async def _send(send: Send, status: int, content_type: str, body: bytes, more: dict[str, str] | None = None) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *_API_HEADERS,
        *((name.lower().encode(), value.encode("latin-1")) for name, value in (more or {}).items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _to(path: str) -> Callable[[Request], Awaitable[Response]]:
    """Return what leads a request to another path of this server, its method, body and query string kept."""

    async def redirect(request: Request) -> Response:
        query = request.scope["query_string"].decode("latin-1")
        return RedirectResponse(f"{path}?{query}" if query else path, 308, API_HEADERS)

    return redirect


async def _alive(_request: Request) -> Response:
    return _text("alive")


def _text(line: str, status: int = 200) -> Response:
    return Response(f"{line}\n", status, API_HEADERS, "text/plain")


async def _refuse(_request: Request, error: Exception) -> Response:
    """Answer what Starlette refuses, a path that isn't there or a method, in the form of a GraphQL error."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    refused = Refused(error.status_code, error.detail, error.headers)
    return Response(wire.refusal_body(refused), error.status_code, API_HEADERS | refused.headers, wire.JSON)
