"""An issuer of tokens inside the test process, which can be told to misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

DISCOVERY = "/.well-known/openid-configuration"
KEY_SET = "/keys"
_CURVES: dict[str, ec.EllipticCurve] = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


@cache
def private_key(kind: str, number: int = 1) -> Any:  # noqa: ARG001 - of each kind there are as many as are numbered
    """Return a key to sign with: `kind` is an algorithm, `Ed448`, or the bits of an RSA key."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return rsa.generate_private_key(65_537, int(kind) if kind.isdigit() else 2_048)


def jwk(key: Any, **members: Any) -> dict[str, Any]:
    """Return the public half of a key as a JSON Web Key with these members besides; None leaves one out."""
    made: dict[str, Any]
    if isinstance(key, rsa.RSAPrivateKey):
        made = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        made = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        made = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    made.pop("key_ops", None)
    return {name: value for name, value in (made | members).items() if value is not None}


class Issuer:
    """A running issuer.

    `keys` is what its key set lists. `answers` maps a path to what is answered instead of the right thing: a JSON
    value, bytes, a status, or a function that writes the answer itself. `asked` holds the paths that were asked for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []

    def token(self, key: Any, algorithm: str, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a token with these claims besides the issuer, a subject and an hour to live; None leaves one out."""
        moment = int(time.time())
        all_claims = {"iss": self.url, "sub": "alice", "iat": moment, "exp": moment + 3600} | claims
        kept = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.api_jws.encode(json.dumps(kept).encode(), key, algorithm, headers)

    def answer(self, path: str) -> Any:
        """Return what is answered when a path is asked for."""
        right = {DISCOVERY: {"issuer": self.url, "jwks_uri": self.url + KEY_SET}, KEY_SET: {"keys": self.keys}}
        return self.answers.get(path, right.get(path, 404))


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Run an issuer in a thread of this process."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer."""
            issuer.asked.append(self.path)
            answer: int | bytes | Callable[[Any], None] | Any = issuer.answer(self.path)
            if callable(answer):
                answer(self)
                return
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(answer if isinstance(answer, int) else 200)
            if answer == 302:
                self.send_header("Location", issuer.url + "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=lambda: server.serve_forever(0.01))
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
