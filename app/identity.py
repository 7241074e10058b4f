"""Who is calling: bearer tokens, signed and verified (RFC 7519, with the advice of RFC 8725)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from time import time
from typing import Any

import jwt

from app.errors import InvalidTokenError
from app.settings import Settings
from app.values import now, text_fault

MAX_TOKEN_LENGTH = 8_192
MAX_SUBJECT_LENGTH = 255
_MAX_PROFILE_LENGTH = 200
_REMEMBERED = 10_000  # verified tokens
_EXPIRED = "the token has expired"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says of its bearer.

    `roles` holds those roles of the whole installation that Dossier knows: `admin` may do all, `auditor`
    may read all. `expires_at` is in seconds since 1970.
    """

    subject: str
    name: str | None
    email: str | None
    roles: frozenset[str]
    expires_at: float


class SharedSecret:
    """Verifies tokens that were signed with the shared secret."""

    def __init__(self, settings: Settings, secret: str) -> None:
        self._secret = secret
        self._algorithms = list(settings.jwt_algorithms)
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._leeway = settings.jwt_leeway
        self._verified: OrderedDict[bytes, Identity] = OrderedDict()
        self._jwt = jwt.PyJWT({"enforce_minimum_key_length": True})

    def verify(self, token: str) -> Identity:
        """Return the identity in a token. Raises InvalidTokenError.

        What was verified once is known by its hash until it expires.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidTokenError("the token is too long")
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        identity = self._verified.get(digest)
        if identity is None:
            identity = self._verified[digest] = self._verify(token)
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        elif identity.expires_at + self._leeway <= time():
            del self._verified[digest]
            raise InvalidTokenError(_EXPIRED)
        return identity

    def _verify(self, token: str) -> Identity:
        try:
            claims = self._jwt.decode(
                token,
                self._secret,
                algorithms=self._algorithms,
                issuer=self._issuer,
                audience=self._audience,
                leeway=self._leeway,
                options={
                    "require": ["exp", "sub"],
                    "verify_aud": self._audience is not None,
                    "verify_iss": self._issuer is not None,
                },
            )
        except jwt.ExpiredSignatureError:
            raise InvalidTokenError(_EXPIRED) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            raise InvalidTokenError("the token is not valid") from None
        return _identity(claims)


def sign(
    settings: Settings,
    secret: str,
    *,
    subject: str,
    name: str | None = None,
    email: str | None = None,
    roles: Sequence[str] = (),
    lifetime: timedelta,
) -> str:
    """Return a token for `subject`, signed with the shared secret and valid from now for `lifetime`."""
    issued = now()
    claims: dict[str, Any] = {"sub": subject, "iat": issued, "exp": issued + lifetime}
    optional = {"name": name, "email": email, "roles": list(roles) or None}
    configured = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience}
    claims |= {key: value for key, value in (optional | configured).items() if value is not None}
    return jwt.encode(claims, secret, algorithm=settings.jwt_algorithms[0])


def _identity(claims: dict[str, Any]) -> Identity:
    subject = claims["sub"]
    if not subject.strip() or len(subject) > MAX_SUBJECT_LENGTH or text_fault(subject):
        raise InvalidTokenError("the token's subject can't be used")
    try:
        expires_at = float(claims["exp"])
    except OverflowError:
        raise InvalidTokenError("the token is not valid") from None
    roles = claims.get("roles")
    return Identity(
        subject=subject,
        name=_profile(claims.get("name")),
        email=_profile(claims.get("email")),
        roles=frozenset({"admin", "auditor"}.intersection(role for role in roles if isinstance(role, str)))
        if isinstance(roles, list)
        else frozenset(),
        expires_at=expires_at,
    )


def _profile(claim: object) -> str | None:
    # Not what the token is for: what can't be shown is left out rather than refused.
    if not isinstance(claim, str) or not claim.strip() or text_fault(claim):
        return None
    return claim[:_MAX_PROFILE_LENGTH]
