"""Commands as processes that are forked from one which has read in everything.

Reading it in takes a second and a half of each command, which tests of what commands do need not wait for.
"""

from __future__ import annotations

import atexit
import importlib
import json
import locale
import os
import pkgutil
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

import app
from app.commands.cli import main

_PATIENCE = 60  # seconds; a machine may have much else to do
_LOOKS = 1.0  # seconds between two looks whether the tests are still there
_NOT_ENTERED = ("app.__main__", "app.settings.page")  # they do something when they are read in


def run(arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float) -> tuple[int, str, str]:
    """Run a command to its end; return its exit code, below zero for a signal, its output, and what it complained of.

    Raises TimeoutError.
    """
    with tempfile.TemporaryDirectory() as place:
        output, complaints = Path(place) / "output", Path(place) / "complaints"
        asked = [[*arguments], str(folder), dict(environment), str(output), str(complaints)]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(_address())
            connection.sendall(json.dumps(asked).encode() + b"\n")
            code = connection.makefile().readline()
        return int(code), output.read_text(), complaints.read_text()


@cache
def _address() -> str:
    """Return where the process listens that commands are forked from, which is started once and ends with this one."""
    # A Unix socket's path is short (sockaddr_un), so the folder is not pytest's own.
    folder = tempfile.mkdtemp(prefix="dossier-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = f"{folder}/forks"
    process = subprocess.Popen([sys.executable, "-m", "tests.forks", address])  # noqa: S603 - this file
    atexit.register(process.kill)
    until = time.monotonic() + _PATIENCE
    while not Path(address).exists():
        assert process.poll() is None, "nothing can be forked"
        assert time.monotonic() < until
        time.sleep(0.01)
    return address


def _serve(address: str) -> None:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if module.name not in _NOT_ENTERED:
            importlib.import_module(module.name)
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who serves one command is waited for by nobody
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}-")
    listener.listen()
    Path(f"{address}-").rename(address)  # there is no address before somebody listens
    listener.settimeout(_LOOKS)
    while os.getppid() == parent:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        if os.fork() == 0:
            listener.close()
            _serve_one(connection)
        connection.close()


def _serve_one(connection: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    asked = json.loads(connection.makefile().readline())
    command = os.fork()
    if command == 0:
        connection.close()
        _be(*asked)
    _, status = os.waitpid(command, 0)
    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _be(arguments: list[str], folder: str, environment: dict[str, str], output: str, complaints: str) -> NoReturn:
    """Be a command as if it had been started: with its own folder, environment and streams."""
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    streams = ("/dev/null", os.O_RDONLY), (output, os.O_WRONLY | os.O_CREAT), (complaints, os.O_WRONLY | os.O_CREAT)
    for descriptor, (path, how) in enumerate(streams):
        os.dup2(os.open(path, how), descriptor)
    encoding = locale.getencoding()
    sys.stdin = open(0, encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding=encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = ["dossier", *arguments]
    sys.exit(main(arguments))


if __name__ == "__main__":
    _serve(sys.argv[1])
