"""What a process that serves does by itself: the installation's log goes on, what was deleted is removed in slices, and
what need not be kept is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.db import Database
from app.errors import DeadlineExceeded, DossierError, Unavailable, UnknownOutcome
from app.execution.faults import masked
from app.record import log, removal, signing
from app.record.log import Passed
from app.resolvers import requests
from app.settings import Settings
from app.values import LEAST_ID

_log = logging.getLogger("dossier")

_SECONDS = 1  # between two looks at what is to be done
_SECONDS_AFTER_FAILURE = 10
_SECONDS_AT_THE_END = 0.5
_FORGETTING_SECONDS = 3_600
_SHARE = 3  # of the time for which nothing is removed while there is more to remove, to that in which it is


class Chores:
    """Keeps the log going, and tells the database which incarnation of it there is."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._seen = [text for _, text in signing.published(settings)]
        self._warned: set[str] = set()
        self._signs = False
        self._after: str | None = None
        self._pause = _SECONDS
        self._passed_at = 0.0
        self._forget_from = 0.0

    @asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        """Do what is to be done, the first time before anything else, for as long as the context lasts."""
        await self._once()
        ended = asyncio.Event()
        task = asyncio.create_task(self._until(ended))
        removing = asyncio.create_task(self._remove())
        try:
            yield
        finally:
            ended.set()
            removing.cancel()
            # A database that doesn't answer keeps no server from ending: what waits for it ends with its connections.
            await asyncio.wait([task], timeout=_SECONDS_AT_THE_END)
            task.cancel()

    async def _until(self, ended: asyncio.Event) -> None:
        """Do what is to be done again and again; at the end at once, so that it need not wait for the next start."""
        is_end = False
        while not is_end:
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), self._pause)
            is_end = ended.is_set()
            while await self._once(at_once=is_end):
                pass

    async def _remove(self) -> None:
        """Go on with what was deleted, a slice at a time, so that nobody waits for it for long."""
        after = LEAST_ID
        while True:
            began = monotonic()
            done = await self._remove_some(after)
            if done is None:
                after = LEAST_ID
                await asyncio.sleep(_SECONDS)
                continue
            after = done
            await asyncio.sleep(_SHARE * (monotonic() - began))

    async def _remove_some(self, after: str) -> str | None:
        """Remove a slice of what was deleted; see removal.go_on. None, too, where that can't be done."""
        try:
            return await self._database.write(partial(removal.go_on, after=after), None)
        except (Unavailable, DeadlineExceeded, UnknownOutcome):
            return None  # as for the log
        except Exception as error:  # noqa: BLE001 - as for the log
            masked(error)
            return None

    async def _once(self, *, at_once: bool = False) -> bool:
        """Do what is to be done now; return whether there is more. Signing waits until it is due, unless `at_once`."""
        self._pause = _SECONDS
        try:
            if self._database.incarnation and not await self._is_called_for(at_once=at_once):
                return False
            passed = await self._pass(at_once=at_once)
            if monotonic() >= self._forget_from:
                self._forget_from = monotonic() + _FORGETTING_SECONDS
                while await self._database.write(requests.forget, None):
                    pass
        except (Unavailable, DeadlineExceeded, UnknownOutcome):
            return False  # of which those are told who ask for something meanwhile
        except Exception as error:  # noqa: BLE001 - whatever it is, the server serves, and this is tried again
            masked(error)
            self._pause = _SECONDS_AFTER_FAILURE
            return False
        self._after = passed.last
        return passed.last is not None

    async def _is_called_for(self, *, at_once: bool) -> bool:
        to_log, to_sign = await log.is_behind(self._database)
        is_time = at_once or monotonic() >= self._passed_at + log.SIGNING_SECONDS
        return to_log or (to_sign and self._signs and is_time)

    async def _pass(self, *, at_once: bool) -> Passed:
        key = self._key()
        self._signs, self._passed_at = key is not None, monotonic()
        passed = await self._database.write(
            partial(log.go_on, key=key, seen=self._seen, after=self._after, at_once=at_once), None
        )
        self._seen = []
        self._database.incarnation = passed.incarnation
        for warning in passed.warnings:
            self._warn(warning)
        if passed.signed and passed.checkpoint is not None:
            try:
                await asyncio.to_thread(signing.publish, self._settings, passed.checkpoint.text, passed.checkpoint.at)
            except OSError as error:
                self._warn(f"a checkpoint can't be written to {error.filename}: {error.strerror}")
        return passed

    def _key(self) -> Ed25519PrivateKey | None:
        """Return the key that signs, as it is now: it may have been replaced."""
        try:
            return signing.signing_key(self._settings)
        except DossierError as error:
            self._warn(f"{error}; no checkpoints are signed")
            return None

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            _log.warning("%s", sentence)
