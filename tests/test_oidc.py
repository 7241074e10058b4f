"""Tokens of a real OpenID provider: signed in every way, through rotations of its keys and while it is down."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from app.identity import issuers
from tests.conftest import KINDS
from tests.issuer import private_key
from tests.node import installed
from tests.server import Server, serving

pytestmark = pytest.mark.oidc
HERE = Path(__file__).parent / "oidc"
AUDIENCE = "dossier"
SECRET = "only used by tests"  # noqa: S105 - it protects nothing
BACK = "https://client.example/back"
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
_SIGNERS = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def keys(generation: int) -> list[dict[str, Any]]:
    """Return a generation of private keys; the ids have its number."""
    made = []
    for kind, signer in _SIGNERS.items():
        members: dict[str, Any] = signer.to_jwk(private_key(kind, generation), as_dict=True)  # type: ignore[attr-defined]
        made.append({**members, "kid": f"{kind}-{generation}", "use": "sig", "key_ops": None})
    return [{name: value for name, value in key.items() if value is not None} for key in made]


@pytest.fixture(scope="session")
def node() -> Path:
    """Node, beside the provider's packages, which are installed anew when their lock file has changed."""
    return installed(HERE)[0]


class Provider:
    """A provider in a process of its own."""

    def __init__(self, node: Path) -> None:
        self._node = node
        self.url = ""

    def start(self, keys: list[dict[str, Any]]) -> None:
        """Start it, at the address that it had before if it had one."""
        port = urlsplit(self.url).port or 0
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            [self._node, "provider.js", str(port)],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.publish(keys)

    def publish(self, keys: list[dict[str, Any]]) -> None:
        """Replace its keys; it signs with the first that fits."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"keys": keys, "audience": AUDIENCE}) + "\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith("http"):
            assert line, "the provider did not start"
        self.url = line.strip()

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()

    def token(self, client: str, **more: str) -> str:
        """Return an access token for a client itself, or for whoever has a code."""
        data = {"grant_type": "client_credentials", "resource": "https://dossier.example", "scope": "cases"} | more
        response = httpx.post(f"{self.url}/token", data=data, auth=(client, SECRET.replace(" ", "%20")))
        token: str = response.json()["access_token"]
        return token

    def sign_in(self, client: str, person: str) -> str:
        """Return an access token for a person, who signs in and consents as in a browser."""
        verifier = secrets.token_urlsafe(32)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        parameters = {
            "client_id": client,
            "response_type": "code",
            "redirect_uri": BACK,
            "scope": "openid cases",
            "resource": "https://dossier.example",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        with httpx.Client(base_url=self.url) as browser:
            response = browser.get("/auth", params=parameters)
            for _ in range(10):
                location = response.headers.get("location", "")
                if location.startswith(BACK):
                    break
                if response.is_redirect:
                    response = browser.get(location)
                    continue
                form = re.search(r'action="([^"]+)"', response.text)
                assert form is not None, response.text
                prompt = "login" if 'value="login"' in response.text else "consent"
                response = browser.post(form[1], data={"prompt": prompt, "login": person, "password": "any"})
        code = parse_qs(urlsplit(location).query)["code"][0]
        return self.token(client, grant_type="authorization_code", code=code, redirect_uri=BACK, code_verifier=verifier)


@pytest.fixture
def provider(node: Path) -> Iterator[Provider]:
    provider = Provider(node)
    provider.start(keys(1))
    try:
        yield provider
    finally:
        provider.stop()


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, new_database: Callable[[str], str], provider: Provider) -> Iterator[Server]:
    """A server that takes the provider's tokens."""
    environment = {"DOSSIER_ISSUERS": provider.url, "DOSSIER_JWT_AUDIENCE": AUDIENCE, "DOSSIER_JWT_SECRET": ""}
    with serving(request.param, new_database(request.param), **environment) as running:
        yield running


def who(server: Server, token: str) -> dict[str, str] | int:
    """Return the viewer that a token stands for, or the status with which it is refused."""
    body = {"query": "{ viewer { issuer subject } }"}
    response = server.http.post("/graphql", json=body, headers={"Authorization": f"Bearer {token}"})
    viewer: dict[str, str] = response.json()["data"]["viewer"] if response.status_code == 200 else {}
    return viewer or response.status_code


def test_its_tokens_are_taken(server: Server, provider: Provider) -> None:
    for algorithm in ALGORITHMS:
        assert who(server, provider.token(algorithm)) == {"issuer": provider.url, "subject": algorithm}
    assert who(server, provider.sign_in("ES256", "alice")) == {"issuer": provider.url, "subject": "alice"}
    token = provider.token("RS256")
    assert who(server, token[:-8] + token[-4:] + token[-8:-4]) == 401


def test_its_keys_are_rotated(server: Server, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key is published, becomes the one that signs, and the old one is withdrawn."""
    monkeypatch.setattr(issuers, "COOL_DOWN", 0.0)
    old = {algorithm: provider.token(algorithm) for algorithm in ALGORITHMS}
    assert all(isinstance(who(server, token), dict) for token in old.values())
    provider.publish(keys(2) + keys(1))
    new = {algorithm: provider.token(algorithm) for algorithm in ALGORITHMS}
    assert [who(server, token) for token in new.values()] == [who(server, token) for token in old.values()]
    provider.publish(keys(3) + keys(2))
    assert isinstance(who(server, provider.token("ES256")), dict)
    assert [who(server, token) for token in old.values()] == [401] * 4
    assert all(isinstance(who(server, token), dict) for token in new.values())


def test_its_keys_verify_while_it_is_down(server: Server, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "COOL_DOWN", 0.2)
    assert isinstance(who(server, provider.token("ES256")), dict)
    unseen = provider.token("EdDSA")
    provider.stop()
    assert who(server, unseen) == {"issuer": provider.url, "subject": "EdDSA"}
    provider.start(keys(2))
    # It comes back with other keys, and nobody has to do anything.
    token = provider.token("ES256")
    assert any(isinstance(who(server, token), dict) for _ in range(2_000))
    assert who(server, unseen) == 401


def test_a_server_starts_while_it_is_down(
    provider: Provider, new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "COOL_DOWN", 0.1)
    token = provider.token("RS256")
    provider.stop()
    with serving(
        "sqlite", new_database("sqlite"), DOSSIER_ISSUERS=provider.url, DOSSIER_JWT_AUDIENCE=AUDIENCE
    ) as server:
        assert who(server, token) == 503
        provider.start(keys(1))
        assert any(isinstance(who(server, token), dict) for _ in range(2_000))
