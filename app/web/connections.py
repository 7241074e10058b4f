"""Connections of clients: one answer for each request, how long either may take to arrive, and how connections end.

uvicorn waits for the rest of a request, and for an answer to be read, as long as the client likes. Whoever sends a
byte a minute would hold a connection, whoever doesn't read would hold the answer in memory. Of a request that offers
another protocol it takes the body for the next request (see `_feed`). And it closes a connection while the client may
still be sending, who then never reads the answer (see `_part`).
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.web.wire import API_HEADERS, JSON, Refused, refusal_body

BOUNDS = "bounds"
"""The key in the application's state for the `Bounds` of its connections."""

KNOWN = "known"
"""The key in a request's state that is there once a valid token came with it."""

_MAX_HEAD_BYTES = 65_536  # of a request's line and headers; a token may have 8,192
_VERSIONS = frozenset({"1.0", "1.1"})
_PARTING_SECONDS = 1  # that a client has to close its side, when it has nothing left to send or the server ends
_OTHER_FILES = 64  # that a process has open beside connections: libraries, pipes, the log
_FILES_A_DATABASE_CONNECTION = 4  # on SQLite the database, its log, what is shared of it, a temporary file
_MOST_CONNECTIONS = 100_000  # where there is no limit on open files


@dataclass(frozen=True, slots=True)
class Bounds:
    """What connections may take.

    Seconds within which a request has to be there whole, and its answer to be taken; bytes of answers that wait to
    be read, of all connections together; and how many connections there may be.
    """

    receive_seconds: float
    send_seconds: float
    unread_bytes: int
    connections: int


def room_for_connections(database_connections: int) -> int:
    """Return how many connections of clients leave enough of the files that this process may have open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(1, files - _OTHER_FILES - _FILES_A_DATABASE_CONNECTION * database_connections)


class _Line:
    """What a request's answer is written to: a transport that isn't closed before the client is done."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class Connection(HttpToolsProtocol):
    """A connection as uvicorn has it, whose requests arrive in time or not at all."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arriving = False
        self._in_head = False
        self._head_bytes = 0
        self._offers_upgrade = False
        self.unanswered = 0  # requests whose head was taken
        self._refusal: Refused | None = None  # which waits until the requests before it are answered
        self._parting = self._ends = False
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._bounds: Bounds = self.app_state[BOUNDS]
        self._line = _Line(transport, self._part)
        self.quiet_since = self.loop.time()
        self.is_known = False
        self._set_timer()
        if len(self.connections) > self._bounds.connections:
            self._make_room()

    def _make_room(self) -> None:
        """Close the connection that has been without a request for the longest, this one if all others have one.

        Those of strangers go first. The files that a process may have open must not all be connections: then nothing
        could be written any more.
        """
        idle = (each for each in self.connections if isinstance(each, Connection) and not each.unanswered)
        min(idle, key=lambda each: (each.is_known, each.quiet_since)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._drop_timer()
        self._drop_unread()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take part of a request."""
        self._unset_keepalive_if_required()
        if self._refusal is not None or self._parting:
            return  # whatever follows what is refused, or is the last, is not looked at
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(Refused(400, "Invalid HTTP request received."))
            return
        if not self._arriving:
            self._drop_timer()
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD_BYTES:
                self._refuse(Refused(431, f"the request's headers may have {_MAX_HEAD_BYTES} bytes"))
                return
        if self._timer is None:
            self._set_timer()

    def _feed(self, data: bytes) -> None:
        """Parse. Raises HttpParserError for what is no HTTP.

        httptools ends a request that offers another protocol (HTTP/2, a WebSocket) at its head, and would take its
        body for the next request: whoever shares a proxy's connection would get the answer to it. Dossier speaks no
        other protocol, and a server may overlook the offer (RFC 9110, section 7.8). So the head is parsed once more,
        without the offer, and what follows it is its body, as the head says.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                (end_of_head,) = upgrade.args
                self.parser = httptools.HttpRequestParser(self)
                # As uvicorn does: what follows a request that closes the connection is no fault of that request.
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(self._head_without_offer())
                data = data[end_of_head:]
            else:
                return

    def _head_without_offer(self) -> bytes:
        version = self.scope["http_version"]
        lines = [b"%s %s HTTP/%s" % (self.scope["method"].encode(), self.url, version.encode())]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def on_message_begin(self) -> None:
        """Begin with a request."""
        self._arriving = self._in_head = True
        self._offers_upgrade = False
        self._head_bytes = 0
        if self._unread is not None and not self.transport.get_write_buffer_size():
            self._drop_unread()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind the body are dropped (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on, unless another server could read it otherwise."""
        self._check_framing()
        self._offers_upgrade = self.parser.should_upgrade()
        if self._offers_upgrade:
            self.scope["method"] = self.parser.get_method().decode("ascii")
            self.scope["http_version"] = self.parser.get_http_version()
            return  # it comes once more, see `_feed`
        super().on_headers_complete()
        self.cycle.transport = self._line  # type: ignore[assignment]
        self._in_head = False
        self.unanswered += 1

    def _check_framing(self) -> None:
        # A proxy may pass on what it understands differently, and one request would become two (RFC 9112, sections
        # 3.2 and 6.1). httptools itself refuses lengths that differ, and a length beside an encoding.
        hosts = 0
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"transfer-encoding" and value.lower() != b"chunked":
                raise ValueError
        version = self.parser.get_http_version()
        if hosts > 1 or (hosts == 0 and version == "1.1") or version not in _VERSIONS:
            raise ValueError
        # A tunnel's bytes are no requests of this connection (RFC 9110, section 9.3.6), and there is none to be had.
        if self.parser.get_method() == b"CONNECT":
            raise ValueError

    def on_message_complete(self) -> None:
        """End the request."""
        if self._offers_upgrade:
            return
        self._arriving = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or refuse it if that was found meanwhile."""
        self.unanswered -= 1
        self.quiet_since = self.loop.time()
        self.is_known = self.is_known or KNOWN in self.cycle.scope["state"]
        if self._unread is None and self.transport.get_write_buffer_size():
            self._wait_for_reader()
        if self._parting:
            self.server_state.total_requests += 1
            return
        super().on_response_complete()
        if self._refusal is not None and not self.unanswered and not self.transport.is_closing():
            self._end(self._refusal)

    def pause_writing(self) -> None:
        """Wait until the client has read more."""
        super().pause_writing()
        if self._unread is None:
            self._wait_for_reader()
        unread = {each: each.transport.get_write_buffer_size() for each in self.connections}
        if sum(unread.values()) > self._bounds.unread_bytes:
            max(unread, key=unread.__getitem__).transport.abort()

    def resume_writing(self) -> None:
        """Go on: the client has read nearly all of what there was, so that it has as long again for the next."""
        super().resume_writing()
        self._drop_unread()

    def shutdown(self) -> None:
        """End when the server does: at once, or when a request that has arrived is answered."""
        self._ends = True
        if self._parting:
            self.transport.close()
        elif self._arriving:
            self._refuse(Refused(503, "the server ends; send the request again", {"Retry-After": "1"}))
        else:
            super().shutdown()

    def _set_timer(self) -> None:
        self._timer = self.loop.call_later(self._bounds.receive_seconds, self._overdue)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait_for_reader(self) -> None:
        self._unread = self.loop.call_later(self._bounds.send_seconds, self._unread_for_too_long)

    def _drop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _unread_for_too_long(self) -> None:
        self._unread = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _overdue(self) -> None:
        self._timer = None
        cycle = self._arriving_cycle()
        if self.unanswered and (cycle is None or self._is_queued(cycle)):
            # Another request, which came before this one, is being answered, and nothing may be read meanwhile.
            self._set_timer()
        elif self._arriving:
            seconds = self._bounds.receive_seconds
            self._refuse(Refused(408, f"the request has to arrive within {seconds} seconds"))
        else:
            self.transport.close()

    def _arriving_cycle(self) -> RequestResponseCycle | None:
        """Return what answers the request whose body is arriving."""
        return self.cycle if self._arriving and not self._in_head else None

    def _is_queued(self, cycle: RequestResponseCycle) -> bool:
        return bool(self.pipeline) and self.pipeline[0][0] is cycle

    def _refuse(self, refused: Refused) -> None:
        """Answer the request that is arriving, or what is none, with a refusal, and end the connection.

        Requests that arrived before it are answered first: a refusal in the place of their answers would be taken
        for one of those.
        """
        if self.transport.is_closing() or self._refusal is not None:
            return
        self._drop_timer()
        cycle = self._arriving_cycle()
        if cycle is not None and self._is_queued(cycle):
            self.pipeline.popleft()
            self.unanswered -= 1
            cycle = None
        if cycle is None and self.unanswered:
            self._refusal = refused
        elif cycle is None or not cycle.response_started:
            self._end(refused)
        else:
            self._end()

    def _end(self, refused: Refused | None = None) -> None:
        """End the connection, with a refusal as its last answer."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # should it be at work still, its answer comes too late
            self.cycle.message_event.set()
        if refused is not None:
            body = refusal_body(refused)
            head = {
                "Content-Type": JSON,
                "Content-Length": str(len(body)),
                "Connection": "close",
                **API_HEADERS,
                **refused.headers,
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            self.transport.write(STATUS_LINE[refused.status] + lines.encode("latin-1") + b"\r\n" + body)
        self._part()

    def _part(self) -> None:
        """Close the connection when the client has, for a while overlooking what it sends.

        A system that closes a connection with unread bytes resets it, and what the other side had not read of the
        answer is lost there (RFC 9112, section 9.6).
        """
        if self._parting or self.transport.is_closing():
            return
        self._parting = True
        self._drop_timer()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write_eof()
        waits_for_body = self._arriving and not self._ends
        seconds = self._bounds.receive_seconds if waits_for_body else _PARTING_SECONDS
        self._timer = self.loop.call_later(seconds, self.transport.close)
