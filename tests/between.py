"""A server between a client and Dossier, which passes requests on and goes wrong when it is told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

Trouble = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """A request, to be passed on, answered or dropped."""

    server: Between
    protocol_version = "HTTP/1.1"
    body = b""

    def do_POST(self) -> None:
        """Pass a request on, or do what goes wrong at it."""
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.requests.append((self.path, dict(self.headers), self.body))
            number = len(self.server.requests)
        self.server.troubles.get(number, self.server.always)(self)

    def do_GET(self) -> None:
        """Pass on a look at a page, or say that there is none."""
        self.server.looks.append((self.path, dict(self.headers)))
        if not self.server.has_pages:
            return self.answer(503, b"the pages were not built", Content_Type="text/html")
        response = self.server.http.get(f"{self.server.target}{self.path}", headers={"Accept": self.headers["Accept"]})
        return self.answer(response.status_code, response.content, Content_Type=response.headers["Content-Type"])

    def ask(self) -> httpx.Response:
        """Return what Dossier answers."""
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        return self.server.http.post(f"{self.server.target}/graphql", content=self.body, headers=headers)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send a response."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Between(ThreadingHTTPServer):
    """The server: `requests` are those that arrived, as paths, headers and bodies; `troubles` what is done at which.

    `looks` are those at pages, as paths and headers; they are not counted.
    """

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.target = target
        self.http = httpx.Client(trust_env=False, timeout=60, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        self.lock = threading.Lock()
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.troubles: dict[int, Trouble] = {}
        self.always: Trouble = passed_on
        self.looks: list[tuple[str, dict[str, str]]] = []
        self.has_pages = True

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_address[1]}/graphql"

    def handle_error(self, *_: object) -> None:
        """Let a client leave when it likes."""


@contextmanager
def between(target: str) -> Iterator[Between]:
    """Serve between a client and the server at an address."""
    with Between(target) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.http.close()


def passed_on(exchange: Exchange) -> None:
    """Nothing goes wrong."""
    response = exchange.ask()
    exchange.answer(response.status_code, response.content, Content_Type=response.headers["Content-Type"])


def lost(exchange: Exchange) -> None:
    """The request arrives, and its answer doesn't."""
    exchange.ask()
    exchange.close_connection = True


def cut(exchange: Exchange) -> None:
    """The request arrives, and half of its answer does."""
    response = exchange.ask()
    exchange.send_response(response.status_code)
    exchange.send_header("Content-Length", str(len(response.content)))
    exchange.end_headers()
    exchange.wfile.write(response.content[: len(response.content) // 2])
    exchange.close_connection = True


def timed_out(exchange: Exchange) -> None:
    """The request arrives, and a proxy doesn't wait for its answer."""
    exchange.ask()
    exchange.answer(504, b"<html>Gateway Timeout</html>")


def dropped(exchange: Exchange) -> None:
    """The request doesn't arrive."""
    exchange.close_connection = True


def refused(status: int, code: str | None = None, **headers: str) -> Trouble:
    """Return a refusal: nothing is passed on."""
    error: dict[str, Any] = {"message": "no \x1b[2J\u202e\u2028"}
    if code is not None:
        error["extensions"] = {"code": code}
    body = json.dumps({"errors": [error]}).encode()
    return lambda exchange: exchange.answer(status, body, Content_Type="application/json", **headers)


def unknown_outcome(exchange: Exchange) -> None:
    """The change is made, and the server doesn't know."""
    exchange.ask()
    refused(503, "UNKNOWN_OUTCOME")(exchange)


def said(status: int, body: bytes, **headers: str) -> Trouble:
    """Return an answer from somebody else."""
    return lambda exchange: exchange.answer(status, body, **headers)
