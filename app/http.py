"""Dossier on the wire: GraphQL over HTTP, and whether the server lives and is ready.

The rules are those of the GraphQL over HTTP specification. Whoever has no valid token is turned away before
a byte of the document is looked at.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.db import open_database
from app.db.migrations import is_current
from app.errors import InvalidTokenError, IssuerUnreachable, RequestRefused
from app.identity import Tokens
from app.resolvers.ownership import Viewer
from app.resolvers.users import Users
from app.schema.documents import Answer, Documents, masked, refusal
from app.settings import Settings, from_environment

_log = logging.getLogger("dossier")

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"


def application() -> Starlette:
    """Return the application for the settings in the environment, as a server's worker process wants it."""
    return create(from_environment())


def create(settings: Settings) -> Starlette:
    """Return the application. Raises DossierError when there is no secret to verify tokens with."""
    endpoint = GraphQL(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with endpoint.opened():
            yield

    return Starlette(
        routes=[
            Route("/graphql", endpoint.respond, methods=["GET", "POST"]),
            Route("/healthz", _alive, methods=["GET"]),
            Route("/readyz", endpoint.ready, methods=["GET"]),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type"],
            )
        ]
        if settings.cors_origins
        else [],
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
        max_body_size=settings.max_body_bytes,
    )


class GraphQL:
    """The GraphQL endpoint."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens = Tokens(settings)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Hold the database open, and keep the keys of issuers fresh."""
        self._database = await open_database(self._settings)
        self._users = Users(self._database)
        self._documents = Documents(self._settings, self._database)
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
            return Response("the database can't be reached\n", 503, media_type="text/plain")
        if not current:
            return Response("the database is not migrated; run 'dossier migrate'\n", 503, media_type="text/plain")
        return Response("ready\n", media_type="text/plain")

    async def respond(self, request: Request) -> Response:
        """Answer a GraphQL request."""
        try:
            return await self._respond(request)
        except HTTPException:
            raise
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to see it
        except Exception as error:  # noqa: BLE001 - whatever it is, the client learns an id and the log the rest
            return Response(json.dumps({"errors": [masked(error)]}), 500, media_type=JSON)

    async def _respond(self, request: Request) -> Response:
        media_type = _media_type(request.headers.get("accept"))
        viewer = await self._viewer(request.headers.get("authorization"))
        try:
            parameters = await _body(request) if request.method == "POST" else _query_parameters(request)
            query, name, variables = _parameters(parameters)
            operation = self._documents.operation(query, name)
        except RequestRefused as refused:
            return _response(refusal(refused), media_type)
        if request.method != "POST" and not operation.is_query:
            raise HTTPException(405, "mutations are sent by POST", {"Allow": "POST"})
        return _response(await self._documents.run(operation, variables, viewer), media_type)

    async def _viewer(self, authorization: str | None) -> Viewer:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise HTTPException(
                401, "a bearer token is needed; 'dossier token' makes one", {"WWW-Authenticate": "Bearer"}
            )
        try:
            token = token.strip()
            identity = self._tokens.known(token) or await self._tokens.verify(token)
        except InvalidTokenError as error:
            challenge = f'Bearer error="invalid_token", error_description="{error}"'
            raise HTTPException(401, str(error), {"WWW-Authenticate": challenge}) from None
        except IssuerUnreachable as error:
            # Not 401: the token may be good, and whoever has it need not sign in again.
            raise HTTPException(503, str(error), {"Retry-After": "10"}) from None
        return await self._users.viewer(identity)


async def _alive(_request: Request) -> Response:
    return Response("alive\n", media_type="text/plain")


async def _refuse(_request: Request, error: Exception) -> Response:
    """Answer a request that HTTP itself refuses, in the form of a GraphQL error."""
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    codes = {401: "UNAUTHENTICATED", 404: "NOT_FOUND", 413: "PAYLOAD_TOO_LARGE", 503: "UNAVAILABLE"}
    code = codes.get(error.status_code, "BAD_REQUEST")
    body = {"errors": [{"message": error.detail, "extensions": {"code": code}}]}
    return Response(json.dumps(body), error.status_code, error.headers, JSON)


def _response(answer: Answer, media_type: str) -> Response:
    # With the older media type, a well-formed request is answered with 200, whatever became of it.
    status = 400 if answer.refused and media_type == GRAPHQL_JSON else 200
    return Response(answer.body, status, media_type=f"{media_type}; charset=utf-8")


def _media_type(accept: str | None) -> str:
    """Return the media type to answer with. Raises HTTPException when none that is accepted can be had."""
    if accept is None or accept in {"*/*", JSON}:
        return JSON
    ranges: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            ranges[name] = float(quality)
        except ValueError:
            ranges[name] = 0.0

    def quality_of(media_type: str) -> float:
        return ranges.get(media_type, ranges.get("application/*", ranges.get("*/*", 0.0)))

    best = max((GRAPHQL_JSON, JSON) if GRAPHQL_JSON in ranges else (JSON, GRAPHQL_JSON), key=quality_of)
    if quality_of(best) <= 0:
        raise HTTPException(406, f"accept {GRAPHQL_JSON} or {JSON}")
    return best


async def _body(request: Request) -> object:
    content_type, *parameters = request.headers.get("content-type", "").lower().split(";")
    if content_type.strip() != JSON:
        raise HTTPException(415, f"send the request as {JSON}")
    charset = next((word.strip()[8:] for word in parameters if word.strip().startswith("charset=")), "utf-8")
    if charset.strip('"') not in {"utf-8", "utf8"}:
        raise HTTPException(415, "send the request in UTF-8")
    return _json(await request.body(), "the body")


def _query_parameters(request: Request) -> object:
    given: dict[str, object] = dict(request.query_params)
    if "query" not in given:
        raise HTTPException(405, "send a document by POST, or a query in the parameter `query`", {"Allow": "GET, POST"})
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _json(str(given[name]).encode(), f"`{name}`")
    return given


def _json(data: bytes, what: str) -> object:
    try:
        return _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        # ValueError: no UTF-8, no JSON, or a number of more digits than Python reads.
        raise HTTPException(400, f"{what} must be JSON in UTF-8") from None


def _no_constant(name: str) -> object:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)  # NaN and the infinities are no JSON


def _parameters(given: object) -> tuple[str, str | None, dict[str, Any]]:
    if not isinstance(given, dict):
        raise HTTPException(400, "the body must be a JSON object with the document in `query`")
    query, name = given.get("query"), given.get("operationName")
    variables, extensions = given.get("variables"), given.get("extensions")
    if not isinstance(query, str):
        raise HTTPException(400, "`query` must be a text with the document")
    if name is not None and not isinstance(name, str):
        raise HTTPException(400, "`operationName` must be a text or null")
    if variables is not None and not isinstance(variables, dict):
        raise HTTPException(400, "`variables` must be an object or null")
    if extensions is not None and not isinstance(extensions, dict):
        raise HTTPException(400, "`extensions` must be an object or null")
    return query, name or None, variables or {}
