"""Tokens to identities: what is verified of a bearer token, and what is remembered."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from time import time
from typing import Any

from app.errors import InvalidTokenError
from app.identity import MAX_SUBJECT_LENGTH, OURSELVES, Identity
from app.identity.issuers import Issuer, client
from app.identity.keys import json_object, shared, take_apart
from app.settings import SECRET_BYTES, Settings, signing_secret
from app.values import text_fault

_log = logging.getLogger("dossier")

MAX_TOKEN_LENGTH = 8_192
_MAX_PROFILE_LENGTH = 200
_REMEMBERED = 10_000  # verified tokens
_INVALID = "the token is not valid"
_TYPES = frozenset({"jwt", "at+jwt"})  # of RFC 7519, section 5.1, and RFC 9068, section 2.1


class Tokens:
    """Verifies tokens: those that the shared secret signed, and those of the issuers.

    The algorithm says who must have signed a token: only the secret verifies an HS algorithm, and only what an
    issuer publishes any other. Among issuers its `iss` decides, and the key set of DOSSIER_JWKS_URL has what
    is left. So no key is ever tried on what another one should have signed (RFC 8725, sections 2.1 and 3.8).
    """

    def __init__(self, settings: Settings) -> None:
        """Take the settings. Raises DossierError when there is nothing to verify tokens with."""
        self._settings = settings
        self._secret = None
        if settings.has_secret:
            self._secret = shared(signing_secret(settings, create=False).encode(), settings.jwt_algorithms)
        self._verified: OrderedDict[bytes, Identity] = OrderedDict()
        algorithms = [name for name in settings.jwt_algorithms if name not in SECRET_BYTES]
        # A verified token is forgotten when any key is withdrawn: rare, and the others are soon verified again.
        forget = self._verified.clear
        self._issuers = {name: Issuer(name, None, algorithms, forget) for name in settings.issuers}
        self._key_set = (
            Issuer(settings.jwt_issuer, settings.jwks_url, algorithms, forget) if settings.jwks_url else None
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the issuers' keys fresh. An issuer that can't be reached keeps nobody from starting."""
        issuers = [*self._issuers.values(), *([self._key_set] if self._key_set else [])]
        if not issuers:
            yield
            return
        if self._settings.jwt_audience is None:
            _log.warning("DOSSIER_JWT_AUDIENCE is not set; tokens that the issuer made for other services are taken")
        async with client() as http:
            keeping = [asyncio.create_task(issuer.keep(http)) for issuer in issuers]
            try:
                yield
            finally:
                for task in keeping:
                    task.cancel()
                await asyncio.gather(*keeping, return_exceptions=True)

    def known(self, token: str) -> Identity | None:
        """Return the identity in a token that was verified before and has not expired since."""
        identity = self._verified.get(_digest(token))
        if identity is None or identity.expires_at + self._settings.jwt_leeway <= time():
            return None
        return identity

    async def verify(self, token: str) -> Identity:
        """Return the identity in a token, which is then known until it expires.

        Raises InvalidTokenError, and IssuerUnreachable when the keys of its issuer were never had.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidTokenError("the token is too long")
        signed = take_apart(token)
        kind = signed.header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
            raise InvalidTokenError(_INVALID)
        claims = json_object(signed.payload)
        if signed.algorithm in SECRET_BYTES:
            key, issuer = self._secret, self._own(claims)
        else:
            source, issuer = self._source(claims)
            key = await source.key(signed)
        if key is None:
            raise InvalidTokenError(_INVALID)
        signed.verify(key)
        identity = _identity(claims, issuer, self._settings)
        self._verified[_digest(token)] = identity
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)
        return identity

    def _own(self, claims: dict[str, Any]) -> str:
        """Return the issuer of a token that the secret is said to have signed."""
        self._check_issuer(claims)
        # The secret doesn't speak for those who have keys of their own.
        if claims.get("iss") in [*self._issuers]:
            raise InvalidTokenError(_INVALID)
        return OURSELVES

    def _source(self, claims: dict[str, Any]) -> tuple[Issuer, str]:
        """Return whose keys must verify a token with these claims, and the issuer that its user then has."""
        name = claims.get("iss")
        if isinstance(name, str) and name in self._issuers:
            return self._issuers[name], name
        if self._key_set is None:
            raise InvalidTokenError(_INVALID)
        self._check_issuer(claims)
        if name is None:
            return self._key_set, self._key_set.address
        # A key set that may sign for anybody: its users are told apart by whom it signs for.
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_SUBJECT_LENGTH or text_fault(name):
            raise InvalidTokenError(_INVALID)
        return self._key_set, name

    def _check_issuer(self, claims: dict[str, Any]) -> None:
        expected = self._settings.jwt_issuer
        if expected is not None and claims.get("iss") != expected:
            raise InvalidTokenError(_INVALID)


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _identity(claims: dict[str, Any], issuer: str, settings: Settings) -> Identity:
    """Return the identity that claims describe, their signature being verified (RFC 7519, section 4.1)."""
    moment = time()
    expires_at, issued_at = _time(claims, "exp"), _time(claims, "iat")
    if expires_at is None:
        raise InvalidTokenError(_INVALID)
    if expires_at + settings.jwt_leeway <= moment:
        raise InvalidTokenError("the token has expired")
    latest = moment + settings.jwt_leeway
    if (_time(claims, "nbf") or 0) > latest or (issued_at or 0) > latest:
        raise InvalidTokenError("the token is not valid yet")
    if issued_at is None:
        issued_at = moment  # it doesn't say; so much is known of how long it still lives
    if expires_at - issued_at > settings.jwt_max_lifetime:
        raise InvalidTokenError(
            f"the token is valid for too long; at most {settings.jwt_max_lifetime} seconds are taken"
        )
    if settings.jwt_audience is not None and settings.jwt_audience not in _audiences(claims.get("aud")):
        raise InvalidTokenError(_INVALID)
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise InvalidTokenError(_INVALID)
    if not subject.strip() or len(subject) > MAX_SUBJECT_LENGTH or text_fault(subject):
        raise InvalidTokenError("the token's subject can't be used")
    roles = claims.get("roles")
    return Identity(
        issuer=issuer,
        subject=subject,
        name=_profile(claims.get("name")),
        email=_profile(claims.get("email")),
        roles=frozenset({"admin", "auditor"}.intersection(role for role in roles if isinstance(role, str)))
        if isinstance(roles, list)
        else frozenset(),
        expires_at=expires_at,
        order=(issued_at, moment),
    )


def _time(claims: dict[str, Any], name: str) -> float | None:
    """Return a claim that is a time, in seconds since 1970, or None when it is left out."""
    if name not in claims:
        return None
    value = claims[name]
    try:
        seconds = float(value) if type(value) in {int, float} else math.nan
    except OverflowError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InvalidTokenError(_INVALID)
    return seconds


def _audiences(claim: object) -> Sequence[object]:
    if isinstance(claim, list) and all(isinstance(audience, str) for audience in claim):
        return claim
    return (claim,)


def _profile(claim: object) -> str | None:
    # Not what the token is for: what can't be shown is left out rather than refused.
    if not isinstance(claim, str) or not claim.strip() or text_fault(claim):
        return None
    return claim[:_MAX_PROFILE_LENGTH]
