"""The command line's commands, each run as a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests import forks

DOSSIER = Path(sysconfig.get_path("scripts")) / "dossier"
PATIENCE = 60  # seconds; a machine may have much else to do


def environment(**settings: str) -> dict[str, str]:
    """Return the variables of a process with these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
    return inherited | settings


def dossier(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder to its end."""
    done = forks.run(arguments, folder, environment(**settings), 2 * PATIENCE)
    return subprocess.CompletedProcess([DOSSIER, *arguments], *done)


def fresh(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Do as `dossier`, in a process that reads in what it needs by itself."""
    return subprocess.run(  # noqa: S603 - our own command
        [DOSSIER, *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )


@contextmanager
def started(folder: Path, *arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `dossier serve` in a folder; yield the process and its address as soon as that is printed.

    It has a process group of its own, so that its workers end with the block, whatever became of the process.
    """
    with _started(folder, [DOSSIER, "serve", "--port", "0", *arguments], settings) as running:
        yield running


@contextmanager
def started_with_few_files(folder: Path, files: int, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Do as `started`, with so many files that the process may have open."""
    command: list[str | Path] = ["/bin/sh", "-c", f'ulimit -n {files}; exec "$@"', "-", DOSSIER, "serve", "--port", "0"]
    with _started(folder, command, settings) as running:
        yield running


@contextmanager
def _started(
    folder: Path, command: Sequence[str | Path], settings: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=folder,
        env=environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.search(r"listens on (http://\S+)/graphql", line)
        assert match is not None, line + process.communicate(timeout=PATIENCE)[1]
        yield process, match[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def serving(folder: Path, *arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `dossier serve` in a folder; yield the process and its address when it is ready."""
    with started(folder, *arguments, **settings) as (process, url):
        transport = httpx.HTTPTransport(retries=3)
        with httpx.Client(base_url=url, transport=transport, timeout=PATIENCE) as http:
            assert http.get("/healthz").text == "alive\n"
            assert http.get("/readyz").text == "ready\n"
        yield process, url
