"""The processes that serve: one alone, or several workers on one socket with a supervisor that starts and ends them.

A worker lives no longer than its supervisor, however that one ends: it sees the end of the pipe that joins them.
Whoever is told to end has the grace and a little more, whatever it waits for; then it is ended.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from types import FrameType
from typing import Protocol

import uvicorn

STARTUP_FAILURE = 3  # what uvicorn exits with when its application could not start
LAST_SECONDS = 4
"""What a process has for its end beside the grace: to close the database, and for Python itself."""

_LOOKS_EACH_SECOND = 5
_LOOKS_BETWEEN_PINGS = 5
# The supervisor counts how often it looked, not the time: a machine that slept, or a group of processes that was
# stopped and goes on, has missed nothing.
_LOOKS_TO_ANSWER = 5 * _LOOKS_EACH_SECOND
_LOOKS_TO_START = 60 * _LOOKS_EACH_SECOND
"""A worker that doesn't serve yet may have a busy machine to wait for."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SPAWN = multiprocessing.get_context("spawn")
_log = logging.getLogger("dossier")


class Serves(Protocol):
    """What serves until a signal has come."""

    def run(self) -> int:
        """Serve; return the exit code."""


def serving(config: uvicorn.Config, listening: socket.socket) -> Serves:
    """Take the signals that end a server; return what serves until one has come."""
    return _Supervisor(config, listening) if config.workers > 1 else _Alone(config, listening)


class _Server(uvicorn.Server):
    """uvicorn's server, which ends in time."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ends = False
        # uvicorn listens to SIGINT and SIGTERM while it serves. This is for SIGHUP and for those that come before; and
        # when uvicorn has ended in good order, it raises the signal that it was told to end with once more.
        _take_signals(self._end)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in good order, or at once when SIGINT comes for the second time."""
        self._hurry()
        super().handle_exit(sig, frame)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._hurry()
        self.should_exit = True

    def _hurry(self) -> None:
        # Whatever this process still waits for then, a disk or a thread, the system ends it by SIGALRM.
        if not self._ends:
            self._ends = True
            signal.alarm(_seconds_to_end(self.config))


class _Alone:
    """A server in this process."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        self._server = _Server(config)
        self._listening = listening

    def run(self) -> int:
        """Serve; return the exit code."""
        self._server.run(sockets=[self._listening])
        return 0 if self._server.started else 1


class _Supervisor:
    """Starts workers, replaces those that end or don't answer, and ends them when it is told to end."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        self._config = config
        self._listening = listening
        self._told: list[int] = []  # the signals that have come
        self._failed = False
        _take_signals(lambda number, _frame: self._told.append(number))

    def run(self) -> int:
        """Serve; return the exit code."""
        workers = [_Worker(self._config, self._listening) for _ in range(self._config.workers)]
        while not self._told and not self._failed:
            time.sleep(1 / _LOOKS_EACH_SECOND)
            for place, worker in enumerate(workers):
                if worker.lives():
                    continue
                worker.kill()
                if worker.failed:
                    self._failed = True
                elif not self._told:
                    workers[place] = _Worker(self._config, self._listening)
        in_time = self._end(workers)
        return 1 if self._failed or not in_time else 0

    def _end(self, workers: list[_Worker]) -> bool:
        """End the workers; return whether all of them did so in time."""
        for worker in workers:
            worker.tell(signal.SIGTERM)
        # Their own clock runs out first.
        until = time.monotonic() + _seconds_to_end(self._config) + 1
        told_again = False
        while (alive := [worker for worker in workers if worker.process.is_alive()]) and time.monotonic() < until:
            time.sleep(0.05)
            if not told_again and self._told.count(signal.SIGINT) > 1:
                told_again = True
                until = min(until, time.monotonic() + LAST_SECONDS)
                for worker in alive:
                    worker.tell(signal.SIGINT)
                    worker.tell(signal.SIGINT)
        for worker in workers:
            if worker in alive:
                _log.error("a worker process did not end in time and was killed")
            worker.kill()
        return not alive


class _Worker:
    """A worker process, as its supervisor sees it."""

    def __init__(self, config: uvicorn.Config, listening: socket.socket) -> None:
        self._pipe, its_end = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_work, args=(config, listening, its_end))
        # A SIGINT from the terminal is for the whole group, and Python has no handler for it yet when it starts. What
        # keeps track of spawned processes would let signals through again, had it to be started first.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self.process.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        # While we hold it too, the worker's death doesn't end the pipe.
        its_end.close()
        self._serves = False
        self._asked = False
        self._looks = 0  # since it was asked, or has answered

    @property
    def failed(self) -> bool:
        """Whether it ended because its application could not start: the next one could not either."""
        return self.process.exitcode == STARTUP_FAILURE

    def lives(self) -> bool:
        """Return whether it runs and has answered in time; to be called regularly."""
        if not self.process.is_alive():
            return False
        self._looks += 1
        try:
            if self._asked and self._pipe.poll():
                self._serves = self._pipe.recv()
                self._asked, self._looks = False, 0
            if not self._asked and self._looks >= _LOOKS_BETWEEN_PINGS:
                self._pipe.send(None)
                self._asked, self._looks = True, 0
        except (OSError, EOFError):
            return False
        if self._asked and self._looks > (_LOOKS_TO_ANSWER if self._serves else _LOOKS_TO_START):
            _log.error("the worker process %d doesn't answer; another one takes its place", self.process.pid)
            return False
        return True

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        if self.process.is_alive() and self.process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join()
        self._pipe.close()


def _work(config: uvicorn.Config, listening: socket.socket, pipe: Connection) -> None:
    """Serve in a process of its own, until it is told to end or its supervisor is gone."""
    config.configure_logging()
    server = _Server(config)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_answer, args=(server, pipe), daemon=True).start()
    server.run(sockets=[listening])


def _answer(server: uvicorn.Server, pipe: Connection) -> None:
    """Say to the supervisor, as often as it asks, whether this worker serves; end when there is nobody to ask."""
    with suppress(OSError, EOFError):
        while True:
            pipe.recv()
            pipe.send(server.started)
    os.kill(os.getpid(), signal.SIGTERM)


def _take_signals(handle: Callable[[int, FrameType | None], None]) -> None:
    for number in _SIGNALS:
        # Whoever started it with `nohup` wants it to outlive the terminal.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


def _seconds_to_end(config: uvicorn.Config) -> int:
    return (config.timeout_graceful_shutdown or 0) + LAST_SECONDS
