"""The Starlette application: its routes, whom it lets in, and how much it takes on at once.

Whoever has no valid token is turned away before a byte of the document is looked at. `/graphql` is answered
by an ASGI application of our own: between the server and a read of one row, Starlette's request and response
objects would take longer than the read.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
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

from app.db import migrations, open_database
from app.db.trial import Trial
from app.errors import (
    DeadlineExceeded,
    InvalidTokenError,
    IssuerUnreachable,
    JournalBroken,
    RequestFault,
    RequestRefused,
    Unavailable,
)
from app.execution.documents import Documents
from app.execution.faults import Answer, late, masked, refusal
from app.identity import Identity
from app.identity.tokens import Tokens
from app.record.log import newest_checkpoint
from app.record.signing import signing_key
from app.resolvers.trusted import TrustedDocuments
from app.resolvers.users import Users
from app.settings import Settings, from_environment
from app.shares import Turns, User
from app.web import wire
from app.web.chores import Chores
from app.web.connections import BOUNDS, KNOWN, Bounds, room_for_connections
from app.web.exports import Exports, Streamed
from app.web.pages import Pages
from app.web.wire import API_HEADERS, Parameters, Refused

_log = logging.getLogger("dossier")

_API_HEADERS = [(name.lower().encode(), value.encode()) for name, value in API_HEADERS.items()]
_METHODS = "GET, POST"
_BUFFERED = 65_536  # bytes of an answer that a connection keeps for its client without ado
_ANSWERING = "answering"  # the key in a request's state that is there once its answer is being sent
_UNREAD_ANSWERS = 8  # of the greatest length, that may wait to be read in a process


def application(demo_code: str | None) -> Starlette:
    """Return the application for the settings in the environment, as a server's worker process wants it."""
    return create(from_environment(), demo_code)


def create(settings: Settings, demo_code: str | None = None) -> Starlette:
    """Return the application. Raises DossierError when there is no secret to verify tokens with, or a key is no key.

    `demo_code` is what signs in the demo user; without one there is no such user.
    """
    signing_key(settings, create=True)
    endpoint = GraphQL(settings, Pages(settings, demo_code))
    bounds = Bounds(
        settings.receive_seconds,
        settings.send_seconds,
        _UNREAD_ANSWERS * settings.max_answer_bytes,
        room_for_connections(settings.read_connections + settings.write_connections),
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with endpoint.opened():
            yield {BOUNDS: bounds}

    application = _Application(
        endpoint,
        routes=[
            Route("/", _to("/app/"), methods=["GET"]),
            Route("/graphql", endpoint),
            Route("/graphql/", _to("/graphql"), methods=["GET", "POST"]),
            Route("/checkpoint", endpoint.checkpoint, methods=["GET"]),
            Route("/cases/{id}/export", endpoint.export, methods=["GET"]),
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
                expose_headers=["Content-Disposition", "Retry-After", "WWW-Authenticate"],
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
        self._at_work_of: dict[User, int] = {}
        self._turns = Turns()
        # Variables that the document doesn't declare aren't counted by its limits.
        self._most_values = max(20_000, 2 * settings.limits.max_values)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Hold the database open, and keep the keys of issuers fresh."""
        self._database = await open_database(self._settings)
        self._users = Users(self._database)
        self._trusted = TrustedDocuments(self._database)
        self._documents = Documents(self._settings, self._database)
        self._exports = Exports(self._documents, self._database)
        self._trial = Trial(self._database, self._documents.broken.look_again)
        # What there is by now stays as long as the server does. Python's collector would look at all of it again
        # and again, and hold up every request for a tenth of a second each time.
        gc.collect()
        gc.freeze()
        try:
            async with self._tokens.opened(), Chores(self._settings, self._database).under_way():
                yield
        finally:
            await self._database.close()

    async def ready(self, _request: Request) -> Response:
        """Answer whether the database is reached and migrated, and takes changes; and whether a journal is broken."""
        try:
            fault = self._database.trouble() or await migrations.fault(self._database)
            outage = await self._trial.fault() if fault is None else None
        except Unavailable as error:
            self._documents.outages.log(error)
            return _text(str(error), 503)
        except DeadlineExceeded:
            return _text("the database doesn't answer", 503)
        except Exception as error:  # noqa: BLE001 - whatever it is, the server isn't ready
            masked(error)
            return _text("the database can't be used; the log has the reason", 503)
        if fault is not None:
            return _text(fault, 503)
        if outage is not None:
            self._documents.outages.log(outage)
            return _text(f"{outage}; reads are answered, changes can't be made", 503)
        if self._documents.broken:
            # Still 200: every other case works on, here and wherever else this database is served.
            return _text("ready; but the record of a case does not agree with itself, 'dossier verify' tells of which")
        return _text("ready")

    async def checkpoint(self, request: Request) -> Response:
        """Answer with the newest checkpoint of the record, for those who have a token."""
        try:
            identity = await self._identity(request.headers.get("authorization"))
            text = await newest_checkpoint(self._database, (identity.issuer, identity.subject))
        except Refused as refused:
            return _refused(refused)
        except (Unavailable, DeadlineExceeded) as error:
            return _refused(Refused(503, f"{error}; try again", {"Retry-After": "5"}))
        if text is None:
            return _refused(Refused(404, "this server signs no checkpoints; DOSSIER_CHECKPOINT_KEY lets it"))
        return Response(text, 200, API_HEADERS, "text/plain; charset=utf-8")

    async def export(self, request: Request) -> Response:
        """Answer with a case as a file; see exports.py."""
        if request.method == "HEAD":  # which would be an export that nobody gets
            return _refused(Refused(405, "an export is asked for by GET", {"Allow": "GET"}))
        try:
            identity = await self._identity(request.headers.get("authorization"))
            user = identity.issuer, identity.subject
            await self._turns.take(user, 0)
            self._admit(user)
            try:
                viewer = await self._users.viewer(identity)
                found = await self._exports.export(viewer, request.path_params["id"], request.query_params)
            except BaseException:
                self._dismiss(user)
                raise
        except Refused as refused:
            return _refused(refused)
        except RequestRefused as refused:
            return _refused(Refused(400, str(refused)))
        except (Unavailable, DeadlineExceeded) as error:
            return _refused(Refused(503, f"{error}; try again", {"Retry-After": "5"}))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client learns an id and the log the rest
            if isinstance(error, JournalBroken):
                self._documents.broken.note(error)
            return Response(orjson.dumps({"errors": [masked(error)]}), 500, API_HEADERS, wire.JSON)
        return Streamed(found, partial(self._dismiss, user))

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
            await self._answer(scope, receive, send)
        except Refused as refused:
            await _send(send, refused.status, wire.JSON, wire.refusal_body(refused), refused.headers)
        except _Gone:
            await _send(send, 400, wire.JSON, b"")  # nobody is there to see it
        except asyncio.CancelledError:
            # The server ends, and this took longer than its grace. A change that may have been made was told as that.
            if _ANSWERING in scope["state"]:
                return  # what has begun to be sent can only end
            stopped = Refused(503, "the server was stopped before it did this", {"Connection": "close"})
            await _send(send, stopped.status, wire.JSON, wire.refusal_body(stopped), stopped.headers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client learns an id and the log the rest
            await _send(send, 500, wire.JSON, orjson.dumps({"errors": [masked(error)]}))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, headers = scope["method"], wire.by_name(scope["headers"])
        if method not in {"GET", "HEAD", "POST"}:
            raise Refused(405, "send a document by POST, or a query by GET", {"Allow": _METHODS})
        media_type = wire.media_type(headers.get(b"accept"))
        identity = await self._identity(headers.get(b"authorization"))
        scope["state"][KNOWN] = True
        user = identity.issuer, identity.subject
        body = b""
        if method == "POST":
            wire.check_content_encoding(headers.get(b"content-encoding"))
            wire.check_content_type(headers.get(b"content-type", ""))
            body = await self._body(headers, receive, user)
        elif not self._settings.get_queries:
            raise Refused(405, "send the request by POST", {"Allow": "POST"})
        await self._turns.take(user, len(body))
        self._admit(user)
        try:
            if method == "POST":
                parameters = wire.from_body(body, self._most_values)
            else:
                parameters = wire.from_query_string(scope["query_string"])
            answer = await self._run(method, parameters, identity)
            # With the older media type, a well-formed request is answered with 200, whatever became of it.
            status = 400 if answer.refused and media_type == wire.GRAPHQL_JSON else 200
            scope["state"][_ANSWERING] = True
            await _send(send, status, f"{media_type}; charset=utf-8", answer.body)
        finally:
            self._dismiss(user)

    async def _run(self, method: str, parameters: Parameters, identity: Identity) -> Answer:
        """Return the answer to what a request asks for. Raises Refused."""
        try:
            viewer = await self._users.viewer(identity)
            text = parameters.query
            if text is None or self._settings.trusted_documents_only:
                text = await self._trusted_text(parameters, viewer.id)
            operation = await self._documents.operation(text, parameters.operation_name, viewer.id)
            if method != "POST" and not operation.is_query:
                raise Refused(405, "mutations are sent by POST", {"Allow": "POST"})
            return await self._documents.run(operation, parameters.variables, viewer)
        except RequestRefused as refused:
            return refusal(refused)
        except DeadlineExceeded as error:
            return late(error)
        except Unavailable as error:
            self._documents.outages.log(error)
            raise Refused(503, f"{error}; try again", {"Retry-After": "5"}) from None

    def _admit(self, user: User) -> None:
        """Take a request of a user on. Raises Refused when there are too many at work, or of this user's."""
        most, own = self._settings.max_requests, self._at_work_of.get(user, 0)
        if own >= most - most // 4:
            message = f"{own} of your requests are at work, as many as one user may have; wait for an answer"
            raise Refused(503, message, {"Retry-After": "1"})
        # Whoever has none at work finds a place even so, as long as there are not as many of them again.
        if self._at_work >= most and (own or self._at_work >= 2 * most):
            raise Refused(503, "the server is at work on as much as it takes on; try again", {"Retry-After": "1"})
        self._at_work += 1
        self._at_work_of[user] = own + 1

    def _dismiss(self, user: User) -> None:
        self._at_work -= 1
        self._at_work_of[user] -= 1
        if not self._at_work_of[user]:
            del self._at_work_of[user]

    async def _trusted_text(self, parameters: Parameters, user: User) -> str:
        """Return the registered document that is asked for. Raises RequestRefused."""
        if parameters.document_id is None:
            message = "this server runs registered documents alone; send the id of one in `documentId`"
            raise RequestRefused(RequestFault(message, "PERSISTED_DOCUMENT_REQUIRED"))
        text = await self._trusted.text(parameters.document_id, user)
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

    async def _body(self, headers: Mapping[bytes, str], receive: Receive, user: User) -> bytes:
        most = self._settings.max_body_bytes
        announced = headers.get(b"content-length")
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
            await self._turns.take(user, 0)


class _Gone(Exception):  # noqa: N818 - a client may leave
    """The client left before its request was whole."""


async def _send(send: Send, status: int, content_type: str, body: bytes, more: dict[str, str] | None = None) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", b"%d" % len(body)),
        *_API_HEADERS,
    ]
    if more:
        headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in more.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if len(body) > _BUFFERED:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        body = b""  # sent when the client has read nearly all of it: until then the request is at work
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
    return _refused(Refused(error.status_code, error.detail, error.headers))


def _refused(refused: Refused) -> Response:
    return Response(wire.refusal_body(refused), refused.status, API_HEADERS | refused.headers, wire.JSON)
