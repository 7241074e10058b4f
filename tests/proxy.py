"""A proxy between Dossier and PostgreSQL that does to a chosen message what a network or a crash may do."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from urllib.parse import parse_qs, urlsplit

COMMIT = b"COMMIT;\0"


class Fate(Enum):
    """What becomes of a message."""

    NEVER_ARRIVES = auto()  # the connection is cut before it
    ANSWER_IS_LOST = auto()  # the connection is cut before its answer
    ANSWER_IS_LATE = auto()  # until the proxy lets it through


class Proxy:
    """Passes on what is said, but for one message."""

    def __init__(self, database: str) -> None:
        """Take the address of a database that is reached by a Unix socket, as conftest's are."""
        self.database = database
        parts = urlsplit(database)
        self._socket = parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432"
        self._name = parts.path
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._fate: tuple[bytes, int, Fate] | None = None
        self._greeting: bytes | None = None
        self.let_through = threading.Event()
        self.met = threading.Event()

    @property
    def url(self) -> str:
        """The address under which Dossier finds the database."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self._listening.getsockname()[1]}{self._name}"

    def doom(self, message: bytes, fate: Fate, nth: int = 1) -> None:
        """Choose what becomes of the nth message from now on that has these bytes."""
        self.met.clear()
        self.let_through.clear()
        self._fate = (message, nth, fate)

    def refuse_connections(self, sqlstate: str | None) -> None:
        """Answer whoever connects from now on with this error, or let them in again."""
        self._greeting = None if sqlstate is None else _error("FATAL", sqlstate)

    def run(self) -> None:
        """Serve until closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self.let_through.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _pass_on(self, client: socket.socket) -> None:
        if self._greeting is not None:
            client.recv(65_536)  # it asks for TLS first
            client.sendall(b"N")
            client.recv(65_536)
            client.sendall(self._greeting)
            client.close()
            return
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._socket)
        lost = threading.Event()
        late = threading.Event()

        def answers() -> None:
            for data in _received(server):
                if lost.is_set():
                    break
                if late.is_set():
                    self.let_through.wait()
                    late.clear()
                with contextlib.suppress(OSError):
                    client.sendall(data)
            _end(client, server)

        threading.Thread(target=answers, daemon=True).start()
        for data in _received(client):
            match self._fate_of(data):
                case Fate.NEVER_ARRIVES:
                    break
                case Fate.ANSWER_IS_LOST:
                    lost.set()
                case Fate.ANSWER_IS_LATE:
                    late.set()
            with contextlib.suppress(OSError):
                server.sendall(data)
        if not lost.is_set():
            _end(client, server)

    def _fate_of(self, data: bytes) -> Fate | None:
        with self._lock:
            if self._fate is None or self._fate[0] not in data:
                return None
            message, nth, fate = self._fate
            self._fate = (message, nth - 1, fate) if nth > 1 else None
            if nth > 1:
                return None
            self.met.set()
            return fate


@contextmanager
def between(database: str) -> Iterator[Proxy]:
    """Run a proxy before a database."""
    proxy = Proxy(database)
    threading.Thread(target=proxy.run, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.close()


def _received(connection: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        for _ in itertools.count():
            data = connection.recv(65_536)
            if not data:
                return
            yield data


def _end(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


def _error(severity: str, sqlstate: str) -> bytes:
    fields = {b"S": severity, b"V": severity, b"C": sqlstate, b"M": "as the test wants it"}
    body = b"".join(name + value.encode() + b"\0" for name, value in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body
