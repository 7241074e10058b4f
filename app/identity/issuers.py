"""Issuers of tokens, and their key sets: found, fetched, kept and replaced (OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import httpx

from app.errors import InvalidTokenError, IssuerUnreachable
from app.identity.keys import Key, Signed, choose, key_set
from app.settings import address_fault

_log = logging.getLogger("dossier")

REFRESH = 300.0  # seconds after which a key set is fetched again; so long may a withdrawn key still verify
COOL_DOWN = 10.0  # seconds between two fetches, whatever key ids are asked for
TIMEOUT = 5.0  # seconds for all that one fetch does
MAX_DOCUMENT = 262_144  # bytes
_WELL_KNOWN = "/.well-known/openid-configuration"
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


def client() -> httpx.AsyncClient:
    """Return a client to fetch key sets with. It follows no redirects."""
    return httpx.AsyncClient(headers=_HEADERS, timeout=TIMEOUT, follow_redirects=False)


class Issuer:
    """Whoever signs tokens with keys that they publish.

    `name` is what `iss` must be, or None when it may be anything; `keys_at` the address of the key set, or None when
    the issuer's well-known document says it. `on_withdrawal` is called when a key is no longer published.

    Keys are fetched by `keep` at the start and every REFRESH seconds, and when a token names a key that isn't known,
    but never within COOL_DOWN of the last time. While the issuer is down, the keys known so far verify.
    """

    def __init__(
        self, name: str | None, keys_at: str | None, algorithms: Sequence[str], on_withdrawal: Callable[[], None]
    ) -> None:
        self.name = name
        self.address = str(keys_at or name)
        self._logged = self.address.partition("?")[0]  # a key set's address may have a password behind it
        self._keys_at = keys_at
        self._algorithms = algorithms
        self._on_withdrawal = on_withdrawal
        self._keys: tuple[Key, ...] | None = None  # never fetched
        self._faults: tuple[str, ...] = ()
        self._failures = 0
        self._fetched_at = -COOL_DOWN
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, signed: Signed) -> Key:
        """Return the key that a token asks for.

        Raises InvalidTokenError when the issuer publishes no such key, and IssuerUnreachable when its keys were
        never had, so that nobody can say.
        """
        key = choose(self._keys or (), signed)
        # An issuer that is known to be down is asked again by `keep` alone, and nobody waits for it.
        if key is None and not self._failures:
            await self._refresh(after=COOL_DOWN)
            key = choose(self._keys or (), signed)
        if key is not None:
            return key
        if self._keys is None:
            raise IssuerUnreachable("the issuer of the token can't be reached; try again later")
        raise InvalidTokenError("the token is not valid")

    async def keep(self, http: httpx.AsyncClient) -> None:
        """Keep the keys fresh, until cancelled."""
        self._http = http
        try:
            while True:
                await self._refresh(after=0)
                await asyncio.sleep(min(REFRESH, COOL_DOWN * 2**self._failures) if self._failures else REFRESH)
        finally:
            if self._fetching is not None:
                self._fetching.cancel()

    async def _refresh(self, *, after: float) -> None:
        """Fetch the keys if the last time is long enough ago; wait for the fetch that is under way, if one is."""
        if self._fetching is None and monotonic() - self._fetched_at >= after:
            self._fetching = asyncio.create_task(self._fetch())
        if self._fetching is not None:
            # Whoever waits may go; the fetch is for everybody.
            await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                document = await self._document(self._keys_at or await self._discovered())
            keys, faults = key_set(document, self._algorithms)
        except Exception as error:  # noqa: BLE001 - whatever an issuer does, those who have a token are served
            if not self._failures:
                without = "its tokens are refused" if self._keys is None else "those known so far are used"
                _log.warning("no keys from %s: %s; until they are had, %s", self._logged, _reason(error), without)
            self._failures = min(self._failures + 1, 10)
        else:
            if self._failures:
                _log.warning("keys from %s are had again", self._logged)
            self._failures = 0
            self._take(keys, faults)
        finally:
            self._fetched_at = monotonic()
            self._fetching = None

    def _take(self, keys: tuple[Key, ...], faults: tuple[str, ...]) -> None:
        if faults and faults != self._faults:
            _log.warning("of the keys from %s these are not used: %s", self._logged, "; ".join(faults))
        withdrawn = not set(self._keys or ()) <= set(keys)
        self._keys, self._faults = keys, faults
        if withdrawn:
            self._on_withdrawal()

    async def _discovered(self) -> str:
        """Return where the issuer's well-known document says that the key set is (sections 4.1 to 4.3)."""
        document = await self._document(self.address.removesuffix("/") + _WELL_KNOWN)
        if not isinstance(document, dict) or document.get("issuer") != self.name:
            raise ValueError("its well-known document names another issuer")
        address = document.get("jwks_uri")
        # Only an issuer on this machine may send us to an address on this machine.
        plain = self.address.startswith("http:")
        if not isinstance(address, str) or address_fault(address, plain=plain):
            raise ValueError("its well-known document names no key set at an https address")
        return address

    async def _document(self, address: str) -> Any:
        async with self._http.stream("GET", address) as response:
            if response.status_code != 200:
                raise ValueError(f"it answered with status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("it answered in an encoding that was not asked for")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_DOCUMENT:
                    raise ValueError(f"it answered with more than {MAX_DOCUMENT} bytes")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise ValueError("it answered with something that is no JSON") from None


def _reason(error: Exception) -> str:
    # The texts of others may quote what they choke on.
    match error:
        case TimeoutError() | httpx.TimeoutException():
            return f"no answer within {TIMEOUT:g} seconds"
        case ValueError() if type(error) is ValueError:
            return str(error)
        case _:
            return type(error).__qualname__
