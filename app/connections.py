"""Connections of clients: how long a request may take to arrive, how large its head may be, and how they end.

uvicorn waits for the rest of a request for as long as the client likes. Whoever sends a byte a minute would hold
a connection, and keep the server from ending.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.wire import API_HEADERS, JSON, Refused, refusal_body

RECEIVE_SECONDS = "receive_seconds"
"""The key in the application's state for the seconds within which a request has to be there whole."""

_MAX_HEAD_BYTES = 65_536  # of a request's line and headers; a token may have 8,192


class Connection(HttpToolsProtocol):
    """A connection as uvicorn has it, whose requests arrive in time or not at all."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._arriving = False
        self._in_head = False
        self._head_bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._drop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take part of a request."""
        super().data_received(data)
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

    def on_message_begin(self) -> None:
        """Begin with a request."""
        self._arriving = self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind the body are dropped (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the request."""
        self._arriving = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """End when the server does: at once, or when a request that has arrived is answered."""
        if self._arriving and not self._answering():
            self._refuse(Refused(503, "the server ends; send the request again", {"Retry-After": "1"}))
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(Refused(400, msg))

    def _unsupported_upgrade_warning(self) -> None:
        # The request is answered as if it had not asked for another protocol (RFC 9110, section 7.8).
        pass

    def _set_timer(self) -> None:
        self._timer = self.loop.call_later(self.app_state[RECEIVE_SECONDS], self._overdue)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _overdue(self) -> None:
        if self._answering():
            # Another request, which came before this one, is being answered.
            self._set_timer()
            return
        self._timer = None
        if not self._arriving:
            self.transport.close()
            return
        seconds = self.app_state[RECEIVE_SECONDS]
        self._refuse(Refused(408, f"the request has to arrive within {seconds} seconds"))

    def _answering(self) -> bool:
        """Return whether a request that has arrived whole is not answered yet."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body

    def _refuse(self, refused: Refused) -> None:
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        answered = cycle is not None and cycle.more_body and cycle.response_started
        if not answered:
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
        self.transport.close()
