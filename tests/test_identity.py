"""Who is calling: tokens that are taken, tokens that are not, and the users they make known."""

from __future__ import annotations

import json
import string
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import jwt
import pytest

from app.identity.tokens import MAX_TOKEN_LENGTH
from tests.conftest import KINDS
from tests.server import SECRET, Client, Server, serving
from tests.test_ownership import count

VIEWER = "{ viewer { id subject name email } }"
WEEK = 604_800
ISSUER, AUDIENCE = "https://issuer.example", "dossier"


def encode(key: str | None = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """Return a token with these claims besides a subject and an hour to live; None leaves a claim out."""
    all_claims = {"sub": "trent", "exp": int(time.time()) + 3600} | claims
    kept = {name: value for name, value in all_claims.items() if value is not None}
    # PyJWT checks some claims as it signs them; what is signed here may be anything.
    return jwt.api_jws.encode(json.dumps(kept).encode(), key, algorithm=algorithm)  # type: ignore[arg-type]


def ask(server: Server, authorization: str | bytes | None) -> httpx.Response:
    """Return the response to a request that nobody could answer, its body being broken."""
    headers = {} if authorization is None else {b"Authorization": _bytes(authorization)}
    return server.http.post("/graphql", content=b'{"query": \xff', headers=headers)


def view(server: Server, token: str) -> httpx.Response:
    """Return the response to a sound request."""
    return server.http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Bearer {token}"})


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Basic YWxpY2U6c2VjcmV0", "bearer", "Token x", encode()],
    ids=["none", "empty", "alone", "basic", "lower case", "another scheme", "no scheme"],
)
def test_without_a_bearer_token_nothing_is_answered(server: Server, authorization: str | None) -> None:
    response = ask(server, authorization)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json() == {
        "errors": [
            {
                "message": "a bearer token is needed; 'dossier token' makes one",
                "extensions": {"code": "UNAUTHENTICATED"},
            }
        ]
    }


def with_header(header: dict[str, Any]) -> str:
    """Return a token with these header parameters besides."""
    return signed(json.dumps({"alg": "HS256"} | header).encode())


def signed(header: bytes) -> str:
    """Return a token with a header that may be anything."""
    claims = json.dumps({"sub": "trent", "exp": int(time.time()) + 3600}).encode()
    signing_input = b".".join(jwt.utils.base64url_encode(part) for part in (header, claims))
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input, SECRET.encode())
    return (signing_input + b"." + jwt.utils.base64url_encode(signature)).decode()


def twin(character: str) -> str:
    """Return the character that differs in a bit which the last one of a signature does not use."""
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    return alphabet[alphabet.index(character) ^ 1]


BAD_TOKENS: dict[str, str | bytes] = {
    "garbage": "garbage",
    "dots": "a.b.c",
    "bytes": b"\xff\xfe\xe9",
    "two tokens": f"{encode()} {encode()}",
    "cut off": encode()[:-1],
    "no signature": encode().rsplit(".", 1)[0] + ".",
    "another key": encode("another secret, and just as long as the first one"),
    "no algorithm": encode(None, "none"),
    "another algorithm": encode(algorithm="HS384"),
    "no expiry": encode(exp=None),
    "expiry of text": encode(exp="soon"),
    "expiry of null": encode(exp=False),
    "expiry beyond numbers": encode(exp=float("inf")),
    "expiry beyond floats": encode(exp=10**400),
    "expiry of digits": encode(exp=str(int(time.time()) + 3600)),
    "expiry that is true": encode(exp=True),
    "expiry beyond reason": encode(exp=1e300),
    "issued at a text": encode(iat="now"),
    "not before a text": encode(nbf="now"),
    "a life too long": encode(iat=int(time.time()) - 5, exp=int(time.time()) + WEEK),
    "a life too long from now": encode(exp=int(time.time()) + WEEK + 86_400),
    "another type": with_header({"typ": "logout+jwt"}),
    "an extension that must be known": with_header({"crit": ["exp"], "exp": 1}),
    "no key id": with_header({"kid": None}),
    "padding": encode() + "=",
    "another text for the same signature": encode()[:-1] + twin(encode()[-1]),
    "a claim twice": jwt.api_jws.encode(
        b'{"sub": "alice", "sub": "trent", "exp": %d}' % (time.time() + 3600), SECRET, algorithm="HS256"
    ),
    "a header twice": signed(b'{"alg": "HS256", "alg": "HS256"}'),
    "not yet": encode(nbf=int(time.time()) + 3600),
    "issued later": encode(iat=int(time.time()) + 3600),
    "no subject": encode(sub=None),
    "an empty subject": encode(sub=""),
    "a blank subject": encode(sub=" \t\u2003"),
    "a numeric subject": encode(sub=7),
    "a list of subjects": encode(sub=["trent"]),
    "a long subject": encode(sub="x" * 256),
    "a subject with NUL": encode(sub="tre\0nt"),
    "a subject with a surrogate": encode(sub="tre\ud800nt"),
    "huge": encode(padding="x" * MAX_TOKEN_LENGTH),
    "huge garbage": "x" * 50_000,
    "claims that are no object": jwt.api_jws.encode(b"[]", SECRET, algorithm="HS256"),
    "claims that are no JSON": jwt.api_jws.encode(b"{", SECRET, algorithm="HS256"),
    "claims nested deep": jwt.api_jws.encode(b"[" * 5_000, SECRET, algorithm="HS256"),
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS)
def test_a_bad_token_is_refused_before_graphql_is_reached(server: Server, token: str | bytes) -> None:
    response = ask(server, b"Bearer " + _bytes(token))
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    everything = f"{response.headers} {response.text}"
    assert SECRET not in everything
    assert len(token) < 10 or _bytes(token).decode("latin-1") not in everything


def test_an_expired_token_is_told_so(server: Server) -> None:
    response = ask(server, f"Bearer {encode(exp=int(time.time()) - 60)}")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="the token has expired"'
    )
    assert response.json()["errors"][0]["message"] == "the token has expired"


def test_a_token_that_is_valid_for_too_long_is_told_so(server: Server) -> None:
    issued = int(time.time()) - 60
    assert view(server, encode(iat=issued, exp=issued + WEEK)).status_code == 200
    for token in (encode(iat=issued, exp=issued + WEEK + 1), encode(exp=issued + WEEK + 120)):
        response = view(server, token)
        assert response.status_code == 401
        expected = "the token is valid for too long; at most 604800 seconds are taken"
        assert response.json()["errors"][0]["message"] == expected


@pytest.mark.parametrize("header", [{}, {"typ": "JWT"}, {"typ": "at+jwt"}, {"kid": "any"}], ids=str)
def test_headers_that_access_tokens_have_are_taken(server: Server, header: dict[str, Any]) -> None:
    assert view(server, with_header(header)).json()["data"]["viewer"]["subject"] == "trent"


def test_with_a_token_the_body_is_read(server: Server) -> None:
    assert ask(server, f"Bearer {encode()}").status_code == 415
    assert ask(server, f"bearer   {encode()}").status_code == 415


@pytest.mark.parametrize("subject", ["x" * 255, "\U0001f642" * 255, " trent ", "Ω\u2028\u0001", "'; --"])
def test_a_subject_is_taken_as_it_is(server: Server, subject: str) -> None:
    assert view(server, encode(sub=subject)).json()["data"]["viewer"]["subject"] == subject


def test_a_viewer_is_written_down_when_first_seen(server: Server) -> None:
    alice = server.client(name="Alice", email="alice@example.org")
    assert count(server, "users", subject=alice.subject) == 0
    viewer = alice.run(VIEWER)["viewer"]
    assert viewer == {
        "id": viewer["id"],
        "subject": alice.subject,
        "name": "Alice",
        "email": "alice@example.org",
    }
    assert alice.run(VIEWER)["viewer"] == viewer
    assert count(server, "users", id=viewer["id"], **{k: v for k, v in viewer.items() if k != "id"}) == 1


def test_name_and_email_follow_the_newest_token_that_has_them(server: Server) -> None:
    first = server.client()
    subject = first.subject

    def seen(**claims: Any) -> tuple[str | None, str | None]:
        viewer = server.client(subject, **claims).run(VIEWER)["viewer"]
        return viewer["name"], viewer["email"]

    assert seen() == (None, None)
    assert seen(name="Al") == ("Al", None)
    assert seen(email="a@example.org") == ("Al", "a@example.org")
    assert seen(name="Alice") == ("Alice", "a@example.org")
    assert seen() == ("Alice", "a@example.org")
    assert seen(name=" ", email="a\0@example.org") == ("Alice", "a@example.org")
    assert seen(name="Alice B.", email="b@example.org") == ("Alice B.", "b@example.org")
    assert count(server, "users", subject=subject, name="Alice B.", email="b@example.org") == 1


def test_an_older_token_does_not_overwrite_what_a_newer_one_said(server: Server) -> None:
    issued = int(time.time())

    def seen(age: int, **claims: Any) -> tuple[str | None, str | None]:
        viewer = view(server, encode(sub="two tokens", iat=issued - age, **claims)).json()["data"]["viewer"]
        return viewer["name"], viewer["email"]

    for _ in range(2):
        assert seen(10, name="Alice B.") == ("Alice B.", None)
        assert seen(20, name="Alice") == ("Alice B.", None)
    assert seen(30, name="Al", email="old@example.org") == ("Alice B.", "old@example.org")
    assert seen(5, email="new@example.org") == ("Alice B.", "new@example.org")
    assert seen(7, name="Alice C.") == ("Alice B.", "new@example.org")
    assert seen(4, name="Alice D.") == ("Alice D.", "new@example.org")


def test_tokens_of_the_same_moment_do_not_take_turns(server: Server) -> None:
    issued = int(time.time())
    first, second = (encode(sub="one moment", iat=issued, name=name) for name in ("Al", "Alice"))
    names = [view(server, token).json()["data"]["viewer"]["name"] for token in (first, second, first, second)]
    assert names == ["Al", "Alice", "Alice", "Alice"]


@pytest.mark.parametrize("kind", KINDS)
def test_another_process_does_not_overwrite_it_either(kind: str, new_database: Callable[[str], str]) -> None:
    issued = int(time.time())
    older, newer = (encode(sub="alice", iat=issued - age, name=name) for age, name in ((20, "Al"), (10, "Alice")))
    database = new_database(kind)
    with serving(kind, database) as one, serving(kind, database) as another:
        names = [
            view(server, token).json()["data"]["viewer"]["name"]
            for server, token in ((one, older), (another, newer), (one, older), (another, older), (another, newer))
        ]
    assert names == ["Al", "Alice", "Alice", "Alice", "Alice"]


@pytest.mark.parametrize("claim", [7, ["Alice"], {"first": "Alice"}, "", "\ud800"], ids=repr)
def test_a_name_that_is_none_is_left_out(server: Server, claim: object) -> None:
    token = encode(sub=f"nameless {claim!a}", name=claim)
    assert view(server, token).json()["data"]["viewer"]["name"] is None


def test_a_long_name_is_cut(server: Server) -> None:
    token = encode(sub="long", name="\U0001f642" * 300)
    assert view(server, token).json()["data"]["viewer"]["name"] == "\U0001f642" * 200


@pytest.mark.parametrize("roles", ["admin", {"admin": True}, [["admin"]], [None, 7], True], ids=repr)
def test_roles_that_are_no_list_of_names_are_none(server: Server, alice: Client, roles: object) -> None:
    case = alice.create_case()
    query = {"query": f'{{ case(id: "{case}") {{ id }} }}'}
    headers = {"Authorization": f"Bearer {encode(roles=roles)}"}
    assert server.http.post("/graphql", json=query, headers=headers).json() == {"data": {"case": None}}


def test_the_first_requests_of_a_user_at_one_moment_make_one_user(server: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            client = server.client(name="Alice")
            viewers = list(pool.map(lambda _, client=client: client.run(VIEWER)["viewer"]["id"], range(8)))
            assert len(set(viewers)) == 1
            assert count(server, "users", subject=client.subject) == 1


def test_neither_token_nor_secret_is_ever_told(server: Server, alice: Client) -> None:
    token = alice.headers["Authorization"].split()[1]
    for query in (VIEWER, "{ nothing }", "{", "{ __schema { types { name } } }"):
        response = alice.post(query)
        everything = f"{response.headers} {response.text}"
        assert SECRET not in everything
        assert token not in everything
    assert all(server.http.get(path, headers=alice.headers).status_code < 500 for path in ("/healthz", "/readyz"))


@pytest.fixture(scope="module", params=KINDS)
def strict(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server that asks for an issuer and an audience."""
    environment = {"DOSSIER_JWT_ISSUER": ISSUER, "DOSSIER_JWT_AUDIENCE": AUDIENCE}
    with serving(request.param, new_database(request.param), **environment) as running:
        yield running


@pytest.mark.parametrize("audience", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]], ids=repr)
def test_the_configured_issuer_and_audience_are_taken(strict: Server, audience: object) -> None:
    assert view(strict, encode(iss=ISSUER, aud=audience)).json()["data"]["viewer"]["subject"] == "trent"


def test_the_tokens_that_dossier_makes_have_the_configured_issuer_and_audience(strict: Server) -> None:
    assert strict.client("alice").run(VIEWER)["viewer"]["subject"] == "alice"


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"iss": ISSUER},
        {"aud": AUDIENCE},
        {"iss": "https://other.example", "aud": AUDIENCE},
        {"iss": [ISSUER], "aud": AUDIENCE},
        {"iss": 7, "aud": AUDIENCE},
        {"iss": ISSUER, "aud": "other"},
        {"iss": ISSUER, "aud": []},
        {"iss": ISSUER, "aud": ["other"]},
        {"iss": ISSUER, "aud": [AUDIENCE, 7]},
        {"iss": ISSUER, "aud": {AUDIENCE: True}},
        {"iss": ISSUER, "aud": AUDIENCE.upper()},
    ],
    ids=str,
)
def test_another_issuer_or_audience_is_refused(strict: Server, claims: dict[str, Any]) -> None:
    response = view(strict, encode(**claims))
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["errors"][0]["message"] == "the token is not valid"


def test_without_configuration_issuer_and_audience_may_be_anything(server: Server) -> None:
    assert view(server, encode(iss="https://other.example", aud=["other"])).status_code == 200
