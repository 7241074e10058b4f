"""Project Wycheproof's vectors for JSON Web signatures and keys: its verdict and ours on each of them.

They stand where the variable WYCHEPROOF says: the files of `testvectors_v1` whose names begin with `json_web_`, from
github.com/C2SP/wycheproof. They are not Dossier's to hand on, so these tests are run where somebody asks for them.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidTokenError
from app.identity.keys import choose, key_set, shared, take_apart
from app.settings import ISSUERS_ALGORITHMS, SECRET_BYTES

pytestmark = pytest.mark.wycheproof

VECTORS = Path(os.environ.get("WYCHEPROOF", "wycheproof"))
SYMMETRIC_SET = "symmetric keys in a set are not used: an issuer shares none by publishing them"
ENCRYPTED = "tokens that are encrypted are not taken"
OTHER_ALGORITHM = "the key says that it is for PS256, and the token was signed with PS384"
NO_ALGORITHM = "the key says that it is for ES521, which is no algorithm"
SAME_AS_VALID = "it is the very text of vector 357, which is valid; the padding that it is named for is not there"
NOT_BASE64URL = "a character that base64url does not have is skipped by some, and never by us"
# Where our verdict is another one than the vectors', with the reason.
EXCEPTIONS: dict[str, dict[int, str]] = {
    "json_web_crypto_test.json": {48: SYMMETRIC_SET, 50: ENCRYPTED, 67: ENCRYPTED},
    "json_web_key_test.json": {2: SYMMETRIC_SET},
    "json_web_signature_test.json": {
        346: OTHER_ALGORITHM,
        347: NO_ALGORITHM,
        350: OTHER_ALGORITHM,
        351: NO_ALGORITHM,
        367: SAME_AS_VALID,
        370: SAME_AS_VALID,
        372: NOT_BASE64URL,
        373: NOT_BASE64URL,
    },
}
# How many vectors of each file we call valid: of those that the file does, all but the exceptions.
TAKEN = {"json_web_crypto_test.json": 3, "json_web_key_test.json": 4, "json_web_signature_test.json": 42}


def verdict(jwk: dict[str, Any], token: object) -> str:
    """Return what Dossier says of a token when this key, or set of keys, is all it has."""
    members = jwk.get("keys", [jwk])
    try:
        signed = take_apart(token if isinstance(token, str) else json.dumps(token))
        if len(members) == 1 and members[0].get("kty") == "oct":
            text = members[0]["k"]
            secret = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            signed.verify(shared(secret, [members[0].get("alg", name) for name in SECRET_BYTES]))
        else:
            key = choose(key_set({"keys": members}, sorted(ISSUERS_ALGORITHMS))[0], signed)
            if key is None:
                return "invalid"
            signed.verify(key)
    except InvalidTokenError:
        return "invalid"
    return "valid"


def verdicts(file: str) -> Iterator[tuple[int, str, str]]:
    """Return each vector's number, its verdict and ours."""
    for group in json.loads((VECTORS / file).read_text())["testGroups"]:
        for vector in group["tests"]:
            token = vector["jws"] if "jws" in vector else vector["jwe"]
            yield vector["tcId"], vector["result"], verdict(group.get("public", group["private"]), token)


@pytest.mark.parametrize("file", EXCEPTIONS)
def test_each_vector_has_the_verdict_that_it_should(file: str) -> None:
    found = list(verdicts(file))
    assert {number for number, theirs, ours in found if ours != theirs} == set(EXCEPTIONS[file])
    assert sum(ours == "valid" for *_, ours in found) == TAKEN[file]


def test_a_vector_that_is_said_to_be_another_is() -> None:
    groups = json.loads((VECTORS / "json_web_signature_test.json").read_text())["testGroups"]
    tokens = {vector["tcId"]: vector["jws"] for group in groups for vector in group["tests"]}
    assert tokens[357] == tokens[367] == tokens[370]
