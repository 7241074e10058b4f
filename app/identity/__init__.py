"""Who is calling: bearer tokens, signed and verified (RFC 7519, with the advice of RFC 8725).

Whoever signs needs no more than this file: what verifies, with issuers' keys and their ways, is in `tokens`.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from app.errors import DossierError
from app.settings import SECRET_BYTES, Settings
from app.values import now

MAX_SUBJECT_LENGTH = 255
OURSELVES: Final = ""  # the issuer of whatever the shared secret signed
# What PyJWT, by which tokens are verified, takes for no shared secret: PEM, OpenSSH's public keys, JSON Web Keys.
_OTHER_KEYS = re.compile(r"----[- ]BEGIN |\A(?:ssh-(?:ed25519|rsa|dss)|ecdsa-sha2-)|\A\s*[\[{].*\"kty\"", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says of its bearer.

    `issuer` is who vouches for them: an issuer's name, or OURSELVES for the shared secret. `roles` holds those
    roles of the whole installation that Dossier knows: `admin` may do all, `auditor` may read all. `expires_at`
    is in seconds since 1970. Of two tokens, the one with the greater `order` says what is newer: it is when
    they were issued, and for those of the same second, when they were first seen.
    """

    issuer: str
    subject: str
    name: str | None
    email: str | None
    roles: frozenset[str]
    expires_at: float
    order: tuple[float, float]


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
    """Return a token for `subject`, signed with the shared secret and valid from now for `lifetime`.

    Raises DossierError when that is longer than a token may be valid, and when the secret is a key of another kind.
    PyJWT is not asked: it reads in everything that any algorithm needs, for what are four lines here.
    """
    if lifetime.total_seconds() > settings.jwt_max_lifetime:
        raise DossierError(
            f"a token may be valid for at most {settings.jwt_max_lifetime} seconds; ask for less, or set "
            "DOSSIER_JWT_MAX_LIFETIME"
        )
    if _OTHER_KEYS.search(secret):
        raise DossierError("the signing secret is a key of another kind or a certificate; take random text instead")
    issued = now()
    claims: dict[str, Any] = {"sub": subject, "iat": int(issued.timestamp())}
    claims["exp"] = int((issued + lifetime).timestamp())
    optional = {"name": name, "email": email, "roles": list(roles) or None}
    configured = {"iss": settings.jwt_issuer, "aud": settings.jwt_audience}
    claims |= {key: value for key, value in (optional | configured).items() if value is not None}
    algorithm = next(name for name in settings.jwt_algorithms if name in SECRET_BYTES)
    # The compact form of a JWS (RFC 7515, section 7.1), with the algorithms of RFC 7518, section 3.2.
    signed = f"{_encoded({'alg': algorithm, 'typ': 'JWT'})}.{_encoded(claims)}"
    digest = hmac.digest(secret.encode(), signed.encode(), f"sha{algorithm.removeprefix('HS')}")
    return f"{signed}.{_base64url(digest)}"


def _encoded(part: dict[str, Any]) -> str:
    return _base64url(json.dumps(part, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
