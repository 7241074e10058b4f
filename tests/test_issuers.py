"""Tokens of issuers: whose keys verify what, and how the keys come, change and stay."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import DossierError, InvalidTokenError, IssuerUnreachable
from app.identity import issuers
from app.identity.keys import MAX_KEYS
from app.identity.tokens import Tokens
from app.settings import ISSUERS_ALGORITHMS, from_environment
from tests.conftest import KINDS
from tests.issuer import DISCOVERY, KEY_SET, Issuer, issuing, jwk, private_key
from tests.server import SECRET, Client, Server, serving

VIEWER = "{ viewer { id issuer subject } }"
INVALID = "the token is not valid"
UNREACHABLE = "the issuer of the token can't be reached; try again later"
ALL = ",".join(sorted(ISSUERS_ALGORITHMS))
RSA, EC = private_key("RS256"), private_key("ES256")


def ask(server: Server, token: str, query: str = VIEWER) -> httpx.Response:
    return server.http.post("/graphql", json={"query": query}, headers={"Authorization": f"Bearer {token}"})


def user(server: Server, token: str) -> tuple[str, str]:
    viewer = ask(server, token).json()["data"]["viewer"]
    return viewer["issuer"], viewer["subject"]


def refusal(server: Server, token: str) -> tuple[int, str]:
    response = ask(server, token)
    return response.status_code, response.json()["errors"][0]["message"]


@pytest.fixture(scope="module")
def one() -> Iterator[Issuer]:
    with issuing() as issuer:
        issuer.keys = [jwk(RSA, kid="rsa", use="sig"), jwk(EC, kid="ec"), jwk(private_key("EdDSA"), kid="ed")]
        yield issuer


@pytest.fixture(scope="module")
def two() -> Iterator[Issuer]:
    with issuing() as issuer:
        issuer.keys = [jwk(private_key("ES256", 2), kid="ec", alg="ES256", key_ops=["verify"])]
        yield issuer


@pytest.fixture(scope="module", params=KINDS)
def both(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], one: Issuer, two: Issuer
) -> Iterator[Server]:
    """A server that takes tokens of two issuers, and of the shared secret."""
    with serving(request.param, new_database(request.param), DOSSIER_ISSUERS=f"{one.url}, {two.url}") as running:
        yield running


@contextmanager
def judging(**environment: str) -> Iterator[Callable[[str], tuple[str, str] | str]]:
    """Take tokens with settings of one's own and no server around it: yields what says whose one is, or what is wrong.

    Between two questions nothing moves.
    """
    tokens = Tokens(from_environment({f"DOSSIER_{name}": value for name, value in environment.items()}))

    async def judge(token: str) -> tuple[str, str] | str:
        try:
            identity = tokens.known(token) or await tokens.verify(token)
        except (InvalidTokenError, IssuerUnreachable) as error:
            return str(error)
        return identity.issuer, identity.subject

    with asyncio.Runner() as runner:
        opened = tokens.opened()
        runner.run(opened.__aenter__())
        try:
            yield lambda token: runner.run(judge(token))
        finally:
            runner.run(opened.__aexit__(None, None, None))


@pytest.fixture
def serve(new_database: Callable[[str], str]) -> Iterator[Callable[..., Any]]:
    """Serves with settings of one's own, and without a secret."""

    def serve(**environment: str) -> Any:
        return serving("sqlite", new_database("sqlite"), **{"DOSSIER_JWT_SECRET": ""} | environment)

    return serve  # type: ignore[return-value]


@pytest.fixture
def own() -> Iterator[Issuer]:
    """An issuer of the test's own."""
    with issuing() as issuer:
        issuer.keys = [jwk(EC, kid="ec")]
        yield issuer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys may be fetched at any time."""
    monkeypatch.setattr(issuers, "COOL_DOWN", 0.0)


@pytest.mark.parametrize("algorithm", [*sorted(ISSUERS_ALGORITHMS), "Ed448"])
def test_every_algorithm_verifies(own: Issuer, algorithm: str) -> None:
    key = private_key("RS256" if algorithm[:2] in {"RS", "PS"} else algorithm)
    algorithm = algorithm.replace("Ed448", "EdDSA")
    own.keys = [jwk(key, kid="k", alg=algorithm)]
    token = own.token(key, algorithm, {"kid": "k"})
    broken = token[:-20] + ("A" if token[-20] != "A" else "B") + token[-19:]
    with judging(ISSUERS=own.url, JWT_ALGORITHMS=algorithm) as judge:
        assert judge(token) == (own.url, "alice")
        assert judge(broken) == INVALID


def test_the_same_subject_of_another_issuer_is_another_user(both: Server, one: Issuer, two: Issuer) -> None:
    tokens = [
        one.token(RSA, "RS256", {"kid": "rsa"}),
        two.token(private_key("ES256", 2), "ES256", {"kid": "ec"}),
        both.token("alice"),
    ]
    viewers = [ask(both, token).json()["data"]["viewer"] for token in tokens]
    assert [viewer["issuer"] for viewer in viewers] == [one.url, two.url, ""]
    assert {viewer["subject"] for viewer in viewers} == {"alice"}
    assert len({viewer["id"] for viewer in viewers}) == 3
    create = 'mutation { createCase(input: {title: "Of one"}) { case { id } } }'
    case = ask(both, tokens[0], create).json()["data"]["createCase"]["case"]["id"]
    seen = [ask(both, token, f'{{ case(id: "{case}") {{ id }} }}').json()["data"]["case"] for token in tokens]
    assert seen == [{"id": case}, None, None]


def test_members_are_named_with_their_issuer(both: Server, one: Issuer, two: Issuer) -> None:
    """A subject alone is one of one's own issuer, in whatever is done with it."""
    name = f"carol {both.kind}"
    first = Client(both.http, name, one.token(EC, "ES256", sub=name))
    second = Client(both.http, name, two.token(private_key("ES256", 2), "ES256", sub=name))
    second.run(VIEWER)
    case = first.create_case()
    errors = "errors { code }"

    def members() -> list[tuple[str, str]]:
        found = first.run(f'{{ case(id: "{case}") {{ members {{ role user {{ issuer }} }} }} }}')["case"]["members"]
        return sorted((member["user"]["issuer"], member["role"]) for member in found)

    def change(client: Client, field: str, **given: Any) -> list[str]:
        return [error["code"] for error in client.change(field, errors, caseId=case, subject=name, **given)["errors"]]

    # Nobody comes from there, which the owner isn't told.
    assert change(first, "setCaseMember", role="VIEWER", issuer="https://another.example") == []
    assert second.run("{ cases { totalCount } }") == {"cases": {"totalCount": 0}}
    assert change(first, "removeCaseMember", issuer="https://another.example") == []
    assert change(first, "setCaseMember", role="VIEWER", issuer=two.url) == []
    assert members() == sorted([(one.url, "OWNER"), (two.url, "VIEWER")])
    assert change(first, "setCaseMember", role="EDITOR", issuer=None) == ["INVALID_INPUT"]  # the last owner
    assert change(second, "removeCaseMember", issuer=one.url) == ["FORBIDDEN"]
    assert change(second, "removeCaseMember") == []
    assert members() == [(one.url, "OWNER")]


def test_no_key_verifies_what_another_should_have_signed(both: Server, one: Issuer, two: Issuer) -> None:
    """Neither an issuer the tokens of another, nor a public key as if it were a secret, nor the secret an issuer's."""
    public = EC.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    raw = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    hmac = jwt.get_algorithm_by_name("HS256")

    def confused(secret: bytes, headers: dict[str, Any]) -> str:
        signing_input = one.token("x" * 32, "HS256", headers).rsplit(".", 1)[0]
        signature = jwt.utils.base64url_encode(hmac.sign(signing_input.encode(), secret)).decode()
        return f"{signing_input}.{signature}"

    tokens = [
        two.token(EC, "ES256", {"kid": "ec"}),
        one.token(private_key("ES256", 2), "ES256", {"kid": "ec"}),
        one.token(EC, "ES256", {"kid": "rsa"}),
        one.token(EC, "ES256", {"kid": "ec"}, iss=None),
        one.token(EC, "ES256", {"kid": "ec"}, iss="https://another.example"),
        one.token(EC, "ES256", {"kid": "ec"}, iss=[one.url]),
        one.token(EC, "ES256", {"kid": "ec"}, iss=one.url + "/"),
        one.token(EC, "ES256", {"kid": "ec", "jwk": jwk(EC)}, iss=two.url),
        one.token(SECRET, "HS256"),
        one.token(SECRET, "HS256", {"kid": "ec"}, iss=two.url),
        *(confused(secret, headers) for secret in (der, pem, raw) for headers in ({}, {"kid": "ec"})),
        one.token(RSA, "RS512", {"kid": "rsa"}),
        one.token(private_key("ES384"), "ES384", {"kid": "ec"}),
        one.token("", "none", {"kid": "ec"}),
    ]
    assert {refusal(both, token) for token in tokens} == {(401, INVALID)}


def test_a_token_need_not_name_the_only_key_there_is(both: Server, one: Issuer) -> None:
    assert user(both, one.token(EC, "ES256", sub="bob")) == (one.url, "bob")
    assert refusal(both, one.token(EC, "ES256", {"kid": ""})) == (401, INVALID)


@pytest.mark.parametrize("kind", [None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"])
def test_the_types_of_access_tokens_are_taken(both: Server, one: Issuer, kind: str | None) -> None:
    assert user(both, one.token(EC, "ES256", {"typ": kind})) == (one.url, "alice")


@pytest.mark.parametrize(
    "headers",
    [
        {"typ": "JOSE"},
        {"typ": "logout+jwt"},
        {"typ": "dpop+jwt"},
        {"typ": ""},
        {"typ": 7},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"crit": "b64"},
        {"crit": ["b64"], "b64": True},
    ],
    ids=str,
)
def test_other_types_and_extensions_are_not(both: Server, one: Issuer, headers: dict[str, Any]) -> None:
    given_, rest = one.token(EC, "ES256").split(".", 1)
    header = json.loads(jwt.utils.base64url_decode(given_)) | headers
    payload = rest.split(".")[0]
    signing_input = jwt.utils.base64url_encode(json.dumps(header).encode()).decode() + "." + payload
    signature = jwt.get_algorithm_by_name("ES256").sign(signing_input.encode(), EC)
    token = f"{signing_input}.{jwt.utils.base64url_encode(signature).decode()}"
    assert refusal(both, token) == (401, INVALID)


def test_a_key_set_may_be_given_by_its_address(own: Issuer) -> None:
    """Without DOSSIER_JWT_ISSUER it signs for whom it likes, and its users are told apart by that."""
    key_set = own.url + KEY_SET
    with judging(JWKS_URL=key_set) as judge:
        assert judge(own.token(EC, "ES256", iss="https://a.example")) == ("https://a.example", "alice")
        assert judge(own.token(EC, "ES256", iss="https://b.example")) == ("https://b.example", "alice")
        assert judge(own.token(EC, "ES256", iss=None)) == (key_set, "alice")
        for issuer in (7, "", " ", "x" * 256, "a\0b", [own.url]):
            assert judge(own.token(EC, "ES256", iss=issuer)) == INVALID
        assert judge(own.token(SECRET, "HS256")) == INVALID
    assert set(own.asked) == {KEY_SET}
    with judging(JWKS_URL=key_set, JWT_ISSUER="https://a.example") as judge:
        assert judge(own.token(EC, "ES256", iss="https://a.example")) == ("https://a.example", "alice")
        for other in ("https://b.example", None):
            assert judge(own.token(EC, "ES256", iss=other)) == INVALID


def test_the_audience_is_checked(own: Issuer) -> None:
    with judging(ISSUERS=own.url, JWT_AUDIENCE="dossier") as judge:
        for audience in ("dossier", ["other", "dossier"]):
            assert judge(own.token(EC, "ES256", aud=audience)) == (own.url, "alice")
        for wrong in (None, "other", [], ["other"], ["dossier", 7], {"dossier": 1}):
            assert judge(own.token(EC, "ES256", aud=wrong)) == INVALID


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (jwk(RSA, kid="k", use="enc"), None),
        (jwk(RSA, kid="k", key_ops=["encrypt"]), None),
        (jwk(RSA, kid="k", key_ops=["sign"]), None),
        (jwk(RSA, kid="k", key_ops="verify"), None),
        (jwk(RSA, kid="k", alg="RS512"), None),
        (jwk(RSA, kid="k", alg="RSA-OAEP"), None),
        (jwk(RSA, kid="k", alg=7), None),
        (jwk(RSA, kid="k", kty="EC"), None),
        (jwk(RSA, kid="k", kty=["RSA"]), None),
        ({"kty": "oct", "kid": "k", "k": "A" * 43}, None),
        ("RSA", None),
        (jwk(private_key("1024"), kid="k"), "key 1: it has 1024 bits; 2048 to 8192 are taken"),
        (jwk(RSA, kid="k", e="AQ"), "key 1: it can't be read"),
        (jwk(RSA, kid="k", n=7), "key 1: it can't be read"),
        (
            jwk(RSA, kid="k") | {"d": "AQAB"},
            "key 1: it is a private key; whoever reads it can sign, so have it replaced",
        ),
        (jwk(RSA, kid=7), "key 1: its kid is no text"),
        (jwk(EC, kid="k", x="A" * 43), "key 1: it can't be read"),
    ],
    ids=range(17),
)
def test_keys_that_are_weak_or_for_other_things_are_not_used(
    own: Issuer, caplog: pytest.LogCaptureFixture, member: Any, said: str | None
) -> None:
    own.keys = [member]
    with judging(ISSUERS=own.url, JWT_AUDIENCE="dossier") as judge:
        for headers in ({"kid": "k"}, {}):
            assert judge(own.token(private_key("RS256"), "RS256", headers, aud="dossier")) == INVALID
    expected = [f"of the keys from {own.url} these are not used: {said}"] if said else []
    assert [record.getMessage() for record in caplog.records if record.name == "dossier"] == expected


def test_keys_of_one_name_are_not_used(own: Issuer) -> None:
    own.keys = [jwk(EC, kid="k"), jwk(private_key("ES256", 2), kid="k"), jwk(RSA, kid="k"), jwk(EC, kid="other")]
    with judging(ISSUERS=own.url) as judge:
        assert judge(own.token(EC, "ES256", {"kid": "k"})) == INVALID
        assert judge(own.token(EC, "ES256", {"kid": "other"})) == (own.url, "alice")


def slowly(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        time.sleep(0.02)
        try:
            handler.wfile.write(b" ")
        except OSError:
            return


def packed(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(b"\x1f\x8b")


def cut_off(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"{")


NO_SET = f"it answered with something that is no JSON Web Key Set of at most {MAX_KEYS} keys"
FAULTS: list[tuple[str, Any, str]] = [
    (DISCOVERY, 404, "it answered with status 404"),
    (DISCOVERY, 302, "it answered with status 302"),
    (DISCOVERY, {"issuer": "https://another.example", "jwks_uri": "https://a.example"}, "names another issuer"),
    (DISCOVERY, [], "its well-known document names another issuer"),
    (DISCOVERY, b"<html>", "it answered with something that is no JSON"),
    (KEY_SET, 302, "it answered with status 302"),
    (KEY_SET, b"\xff", "it answered with something that is no JSON"),
    (KEY_SET, b"[" * 100_000, "it answered with something that is no JSON"),
    (KEY_SET, {"keys": {}}, NO_SET),
    (KEY_SET, 7.5, NO_SET),
    (KEY_SET, {"keys": [{}] * (MAX_KEYS + 1)}, NO_SET),
    (KEY_SET, b" " * 300_000, "it answered with more than 262144 bytes"),
    (KEY_SET, packed, "it answered in an encoding that was not asked for"),
    (KEY_SET, slowly, "no answer within 0.5 seconds"),
    (KEY_SET, cut_off, "RemoteProtocolError"),
]


@pytest.mark.parametrize(("path", "answer", "said"), FAULTS, ids=range(len(FAULTS)))
def test_an_issuer_that_misbehaves_is_asked_again(
    own: Issuer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
    answer: Any,
    said: str,
) -> None:
    """It is said once; and its tokens are taken as soon as the keys are had."""
    monkeypatch.setattr(issuers, "COOL_DOWN", 0.01)
    monkeypatch.setattr(issuers, "TIMEOUT", 0.5)
    own.answers[path] = answer
    token = own.token(EC, "ES256", {"kid": "ec"}, aud="dossier")
    with judging(ISSUERS=own.url, JWT_AUDIENCE="dossier") as judge:
        assert judge(token) == UNREACHABLE
        own.answers.clear()
        until(lambda: judge(token) == (own.url, "alice"))
    messages = [record.getMessage() for record in caplog.records if record.name == "dossier"]
    assert len(messages) == 2
    assert messages[0].startswith(f"no keys from {own.url}: ")
    assert said in messages[0]
    assert messages[1] == f"keys from {own.url} are had again"
    assert "/elsewhere" not in own.asked


def test_a_server_starts_without_its_issuers(
    own: Issuer, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their tokens are answered with 503, for they may be good, and everybody else is served."""
    monkeypatch.setattr(issuers, "COOL_DOWN", 0.1)
    own.answers[KEY_SET] = 500
    token = own.token(EC, "ES256", {"kid": "ec"})
    with serve(DOSSIER_ISSUERS=own.url, DOSSIER_JWT_SECRET=SECRET) as server:
        response = ask(server, token)
        assert (response.status_code, response.headers["retry-after"]) == (503, "10")
        error = {"message": UNREACHABLE, "extensions": {"code": "UNAVAILABLE"}}
        assert response.json() == {"errors": [error]}
        assert user(server, server.token("bob")) == ("", "bob")
        own.answers.clear()
        until(lambda: ask(server, token).status_code == 200)


def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to hold")


@pytest.mark.parametrize(
    "address", [None, 7, "http://0.0.0.0:{}/keys", "http://me:sesame@127.0.0.1:{}/keys", "/keys", "https://"]
)
def test_a_key_set_is_not_fetched_from_anywhere(own: Issuer, address: Any) -> None:
    address = address.format(own.url.rpartition(":")[2]) if isinstance(address, str) else address
    own.answers[DISCOVERY] = {"issuer": own.url, "jwks_uri": address}
    with judging(ISSUERS=own.url) as judge:
        assert judge(own.token(EC, "ES256")) == UNREACHABLE
    assert own.asked == [DISCOVERY]


def test_nothing_that_an_issuer_or_a_token_says_gets_into_the_log(
    own: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "dossier")
    own.answers[KEY_SET] = {"keys": [{"kid": "sesame", "kty": "RSA", "n": "sesame", "e": "sesame"}, {"sesame": 1}]}
    with judging(ISSUERS=own.url) as judge:
        assert judge(own.token(EC, "ES256", {"kid": "sesame"}, sub="sesame")) == INVALID
    assert "these are not used: key 1" in caplog.text
    assert "sesame" not in caplog.text


def test_what_stands_behind_the_address_of_a_key_set_is_not_logged(
    own: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "dossier")
    address = "http://127.0.0.1:1/keys"
    with judging(JWKS_URL=f"{address}?key=sesame", JWT_AUDIENCE="dossier") as judge:
        assert judge(own.token(EC, "ES256")) == UNREACHABLE
    assert f"no keys from {address}: ConnectError" in caplog.text
    assert "sesame" not in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_new_key_is_fetched_when_a_token_names_it(own: Issuer, serve: Callable[..., Any]) -> None:
    new = private_key("ES256", 2)
    with serve(DOSSIER_ISSUERS=own.url) as server:
        before = own.token(EC, "ES256", {"kid": "ec"})
        after = own.token(new, "ES256", {"kid": "new"})
        assert user(server, before) == (own.url, "alice")
        assert refusal(server, after) == (401, INVALID)
        own.keys.append(jwk(new, kid="new"))
        assert user(server, after) == (own.url, "alice")
        # A key that is withdrawn verifies no longer, not even what it verified before.
        del own.keys[0]
        assert refusal(server, own.token(new, "ES256", {"kid": "unknown"})) == (401, INVALID)
        assert refusal(server, before) == (401, INVALID)
        assert user(server, after) == (own.url, "alice")


def test_a_key_is_forgotten_in_time_though_nobody_asks(
    own: Issuer, serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "REFRESH", 0.05)
    token = own.token(EC, "ES256", {"kid": "ec"})
    with serve(DOSSIER_ISSUERS=own.url) as server:
        assert user(server, token) == (own.url, "alice")
        own.keys = []
        until(lambda: ask(server, token).status_code == 401)


def test_unknown_keys_are_no_flood_of_fetches(own: Issuer, serve: Callable[..., Any]) -> None:
    with serve(DOSSIER_ISSUERS=own.url) as server, ThreadPoolExecutor(8) as pool:
        assert user(server, own.token(EC, "ES256", {"kid": "ec"})) == (own.url, "alice")
        tokens = [own.token(EC, "ES256", {"kid": f"key {number}"}) for number in range(200)]
        assert set(pool.map(lambda token: refusal(server, token), tokens)) == {(401, INVALID)}
        assert own.asked == [DISCOVERY, KEY_SET]


@pytest.mark.usefixtures("impatient")
def test_many_who_wait_for_a_key_wait_for_one_fetch(own: Issuer, serve: Callable[..., Any]) -> None:
    new = private_key("ES256", 2)

    def slow(handler: Any) -> None:
        time.sleep(0.5)
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(json.dumps({"keys": [jwk(new, kid="new")]}).encode())

    with serve(DOSSIER_ISSUERS=own.url) as server, ThreadPoolExecutor(8) as pool:
        assert user(server, own.token(EC, "ES256", {"kid": "ec"})) == (own.url, "alice")
        own.asked.clear()
        own.answers[KEY_SET] = slow
        tokens = [own.token(new, "ES256", {"kid": "new"}, sub=f"user {number}") for number in range(8)]
        assert sorted(pool.map(lambda token: user(server, token)[1], tokens)) == [f"user {n}" for n in range(8)]
        assert own.asked == [DISCOVERY, KEY_SET]


@pytest.mark.usefixtures("impatient")
def test_keys_verify_while_the_issuer_is_down(new_database: Callable[[str], str]) -> None:
    with issuing() as issuer:
        issuer.keys = [jwk(EC, kid="ec")]
        running = serving("sqlite", new_database("sqlite"), DOSSIER_ISSUERS=issuer.url, DOSSIER_JWT_SECRET="")
        server = running.__enter__()
        assert user(server, issuer.token(EC, "ES256", {"kid": "ec"})) == (issuer.url, "alice")
    try:
        for _ in range(3):
            assert refusal(server, issuer.token(EC, "ES256", {"kid": "new"})) == (401, INVALID)
            assert user(server, issuer.token(EC, "ES256", {"kid": "ec"}, sub="bob")) == (issuer.url, "bob")
    finally:
        running.__exit__(None, None, None)


SET_UP: list[tuple[dict[str, str], str]] = [
    ({"ISSUERS": "http://login.example.org"}, "DOSSIER_ISSUERS: expected https; http is only for this machine itself"),
    ({"ISSUERS": "https://a.example?x"}, "DOSSIER_ISSUERS: an issuer's address has no ? and no #"),
    ({"ISSUERS": "https://a.example,https://a.example"}, "DOSSIER_ISSUERS: an issuer is named twice"),
    ({"ISSUERS": "a.example"}, "DOSSIER_ISSUERS: expected an address such as https://login.example.org"),
    ({"ISSUERS": "https://[a"}, "DOSSIER_ISSUERS: expected an address such as https://login.example.org"),
    (
        {"ISSUERS": "https://me:sesame@a.example"},
        "DOSSIER_ISSUERS: an address with a name or a password in it is not taken",
    ),
    ({"JWKS_URL": "http://a.example/keys"}, "DOSSIER_JWKS_URL: expected https; http is only for this machine itself"),
    (
        {"JWKS_URL": "https://a.example/" + "x" * 255},
        "DOSSIER_JWKS_URL: expected an address of at most 255 ASCII characters",
    ),
    ({"JWT_ALGORITHMS": "RS256"}, "DOSSIER_JWT_ALGORITHMS: RS256 needs DOSSIER_ISSUERS or DOSSIER_JWKS_URL"),
    (
        {"ISSUERS": "https://a.example", "JWT_ALGORITHMS": "RS256,HS256"},
        "DOSSIER_JWT_ALGORITHMS: HS256 needs DOSSIER_JWT_SECRET",
    ),
    (
        {"ISSUERS": "https://a.example", "JWT_SECRET": SECRET, "JWT_ALGORITHMS": "RS256"},
        "DOSSIER_JWT_ALGORITHMS: the secret is of use to none of them; add HS256",
    ),
    (
        {"ISSUERS": "https://a.example", "JWT_SECRET": SECRET, "JWT_ALGORITHMS": "HS256"},
        "DOSSIER_JWT_ALGORITHMS: no issuer signs with one of them; add RS256",
    ),
    (
        {"ISSUERS": "https://a.example", "JWT_ISSUER": "https://a.example"},
        "DOSSIER_JWT_ISSUER: it is one of DOSSIER_ISSUERS already; leave it out, or name whoever else signs with the "
        "secret or the key set",
    ),
    ({"JWT_SECRET": "\udcff" * 64}, "DOSSIER_JWT_SECRET: a secret is text in UTF-8"),
]


@pytest.mark.parametrize(("environment", "message"), SET_UP, ids=range(len(SET_UP)))
def test_settings_that_cannot_be_meant_are_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(DossierError) as refused:
        from_environment({f"DOSSIER_{name}": value for name, value in environment.items()})
    assert str(refused.value) == message


def test_what_is_taken_by_default_follows_from_who_signs() -> None:
    def algorithms(**environment: str) -> tuple[str, ...]:
        return from_environment({f"DOSSIER_{name}": value for name, value in environment.items()}).jwt_algorithms

    assert algorithms() == algorithms(JWT_SECRET=SECRET) == ("HS256",)
    assert algorithms(ISSUERS="https://a.example") == ("RS256", "PS256", "ES256", "EdDSA")
    assert algorithms(JWKS_URL="https://a.example", JWT_SECRET=SECRET)[-2:] == ("EdDSA", "HS256")


TAMPERING = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "repeat", "swap"]),
        st.floats(0, 1, exclude_max=True),
        st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
    ),
    min_size=1,
    max_size=4,
)


def tampered(token: str, changes: list[tuple[str, float, str]]) -> str:
    for kind, where, character in changes:
        place = int(where * len(token))
        match kind:
            case "flip":
                token = token[:place] + character + token[place + 1 :]
            case "cut":
                token = token[:place] + token[place + 1 :]
            case "insert":
                token = token[:place] + character + token[place:]
            case "repeat":
                token = token[:place] + token[place // 2 :]
            case _:
                token = ".".join(reversed(token.split(".")))
    return token


@pytest.mark.parametrize("both", ["sqlite"], indirect=True)
@given(st.integers(0, 3), TAMPERING)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_a_token_that_was_tampered_with_is_refused(
    both: Server, one: Issuer, which: int, changes: list[tuple[str, float, str]]
) -> None:
    fixed = {"iat": 1, "exp": 10**10}
    tokens = (
        jwt.encode({"sub": "alice", "exp": 10**10}, SECRET, "HS256"),
        one.token(RSA, "RS256", {"kid": "rsa"}, **fixed),
        one.token(EC, "ES256", {"kid": "ec"}, **fixed),
        one.token(private_key("EdDSA"), "EdDSA", {"kid": "ed"}, **fixed),
    )
    token = tampered(tokens[which], changes)
    authorization = f"Bearer {token}".encode("latin-1")
    response = both.http.post("/graphql", json={"query": VIEWER}, headers={b"Authorization": authorization})
    assert response.status_code == 401


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
CLAIMS = st.dictionaries(st.sampled_from(["iss", "sub", "exp", "iat", "nbf", "aud", "name", "email", "roles"]), JSON)
HEADERS = st.dictionaries(st.sampled_from(["kid", "typ", "crit", "b64", "cty", "jku", "x5c", "zip"]), JSON)


@pytest.mark.parametrize("both", ["sqlite"], indirect=True)
@given(HEADERS, CLAIMS, st.sampled_from(["HS256", "ES256"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_whatever_a_signed_token_says_it_is_taken_or_refused(
    both: Server, one: Issuer, headers: dict[str, Any], claims: dict[str, Any], algorithm: str
) -> None:
    header = {"alg": algorithm} | headers
    key = SECRET.encode() if algorithm == "HS256" else EC
    moment = int(time.time())
    payload = {"iss": one.url, "sub": "alice", "exp": moment + 60, "iat": moment} | claims
    if algorithm == "HS256" and "iss" not in claims:
        del payload["iss"]
    parts = [jwt.utils.base64url_encode(json.dumps(part).encode()) for part in (header, payload)]
    signing_input = b".".join(parts)
    signature = jwt.get_algorithm_by_name(algorithm).sign(signing_input, key)
    token = (signing_input + b"." + jwt.utils.base64url_encode(signature)).decode()
    response = ask(both, token)
    assert response.status_code in {200, 401}
    expected = not headers and not claims.keys() - {"name", "email", "roles"}
    assert response.status_code == 200 or not expected
