"""Signatures and the keys that verify them: compact JWS (RFC 7515), JSON Web Keys (RFC 7517)."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from app.errors import InvalidTokenError
from app.settings import SECRET_BYTES

MAX_KEYS = 100  # in a set
MIN_RSA_BITS = 2_048  # RFC 7518, section 3.3
MAX_RSA_BITS = 8_192  # a larger one costs more than a request is worth
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)", re.ASCII)
_INVALID = "the token is not valid"
_JWS = jwt.PyJWS(options={"enforce_minimum_key_length": True})
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {
    ("EC", "P-256"): "ES256",
    ("EC", "P-384"): "ES384",
    ("EC", "P-521"): "ES512",
    ("OKP", "Ed25519"): "EdDSA",
    ("OKP", "Ed448"): "EdDSA",
}
_READERS: dict[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


@dataclass(frozen=True, slots=True)
class Key:
    """A key, with the algorithms that it may verify; equal to another when it is the same in all of that."""

    id: str | None
    algorithms: frozenset[str]
    fingerprint: bytes
    material: Any = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Signed:
    """A token taken apart; nothing in it is to be believed before `verify` has returned."""

    token: str = field(repr=False)
    header: dict[str, Any]
    payload: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        """What the token says that it was signed with."""
        return str(self.header["alg"])

    def verify(self, key: Key) -> None:
        """Check the signature. Raises InvalidTokenError when the key didn't make it, or may not have."""
        if self.algorithm not in key.algorithms:
            raise InvalidTokenError(_INVALID)
        try:
            _JWS.decode_complete(self.token, key.material, algorithms=[self.algorithm])
        except (jwt.PyJWTError, ValueError, TypeError):
            raise InvalidTokenError(_INVALID) from None


def take_apart(token: str) -> Signed:
    """Return the parts of a JWS in its compact form. Raises InvalidTokenError.

    The form is taken at its word (RFC 7515, sections 3.1 and 4): three parts of base64url without padding; no header
    parameter twice; and no `crit`, for there is no extension that Dossier understands.
    """
    match = _COMPACT.fullmatch(token)
    if match is None:
        raise InvalidTokenError(_INVALID)
    header, payload = _decoded(match[1]), _decoded(match[2])
    parameters = json_object(header)
    algorithm, key_id = parameters.get("alg"), parameters.get("kid", "")
    if not isinstance(algorithm, str) or not isinstance(key_id, str) or "crit" in parameters:
        raise InvalidTokenError(_INVALID)
    return Signed(token, parameters, payload)


def json_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in a part of a token. Raises InvalidTokenError."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidTokenError(_INVALID)
    return value


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise InvalidTokenError(_INVALID) from None


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name comes twice")
    return members


_DECODER = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_unique)


def shared(secret: bytes, algorithms: Sequence[str]) -> Key:
    """Return the key that a shared secret is, for those of the algorithms that are made for one."""
    return Key(None, frozenset(SECRET_BYTES) & frozenset(algorithms), sha256(secret).digest(), secret)


def choose(keys: Sequence[Key], signed: Signed) -> Key | None:
    """Return the key that a token names, or the only one that fits when it names none.

    None when there is no such key, or several: nobody can say then which is meant (RFC 7517, section 4.5).
    """
    name = signed.header.get("kid")
    fitting = [key for key in keys if signed.algorithm in key.algorithms and name in {None, key.id}]
    return fitting[0] if len(fitting) == 1 else None


def key_set(document: object, algorithms: Sequence[str]) -> tuple[tuple[Key, ...], tuple[str, ...]]:
    """Return the keys of a JSON Web Key Set that may verify, and why others that should have can't be used.

    Keys for other purposes than signatures, and of kinds that aren't known, are passed over without a word
    (RFC 7517, section 5); so are symmetric keys, which nobody shares with an issuer by publishing them.
    Raises ValueError when the document is no key set.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError(f"it answered with something that is no JSON Web Key Set of at most {MAX_KEYS} keys")
    keys: list[Key] = []
    faults: list[str] = []
    for position, member in enumerate(listed, 1):
        usable = _purpose(member) & frozenset(algorithms)
        if usable:
            try:
                keys.append(_key(member, usable))
            except ValueError as fault:
                faults.append(f"key {position}: {fault}")
    return tuple(keys), tuple(faults)


def _purpose(member: object) -> frozenset[str]:
    """Return the algorithms that a JSON Web Key may verify, by what it says of itself (RFC 7517, section 4)."""
    if not isinstance(member, dict):
        return frozenset()
    use, operations, algorithm = member.get("use", "sig"), member.get("key_ops", ["verify"]), member.get("alg")
    if use != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return frozenset()
    kind, curve = member.get("kty"), member.get("crv")
    if kind == "RSA":
        algorithms = _RSA
    elif isinstance(kind, str) and isinstance(curve, str) and (kind, curve) in _CURVES:
        algorithms = frozenset({_CURVES[kind, curve]})
    else:
        return frozenset()
    return algorithms if algorithm is None else algorithms & {algorithm} if isinstance(algorithm, str) else frozenset()


def _key(member: dict[str, Any], algorithms: frozenset[str]) -> Key:
    """Return the key in a JSON Web Key. Raises ValueError, without a word of the key."""
    key_id = member.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise ValueError("its kid is no text")
    if "d" in member:
        raise ValueError("it is a private key; whoever reads it can sign, so have it replaced")
    try:
        material: Any = _READERS[member["kty"]].from_jwk(member)
        encoded = material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise ValueError("it can't be read") from None
    if isinstance(material, RSAPublicKey):
        _check_rsa(material)
    return Key(key_id, algorithms, sha256(encoded).digest(), material)


def _check_rsa(key: RSAPublicKey) -> None:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise ValueError(f"it has {key.key_size} bits; {MIN_RSA_BITS} to {MAX_RSA_BITS} are taken")
    modulus = key.public_numbers().n
    if all(modulus % prime in powers for prime, powers in _ROCA.items()):
        raise ValueError("it was made by a faulty generator (CVE-2017-15361) and can be factored")


def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65_537, exponent, prime) for exponent in range(prime))


# The primes of the faulty generator have the form k·M + (65537^a mod M), M being the product of the first primes, and
# so has their product a remainder among the powers of 65537 (Nemec and others, "The Return of Coppersmith's Attack",
# 2017, section 2.1). A sound modulus passes for one with a probability of less than 2^-150.
_ROCA = {prime: _powers(prime) for prime in range(3, 168) if all(prime % divisor for divisor in range(2, prime))}
