"""The algorithms that tokens may be signed with."""

from __future__ import annotations

from typing import Final

from app.settings.forms import Form, words

# RFC 7518, section 3.2: a key is at least as long as the hash it is used with.
SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
# RFC 7518, section 3.1, and RFC 8037, section 3.1: what an issuer may sign with.
ISSUERS_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)


def _parse(text: str) -> tuple[str, ...]:
    algorithms = words(text)
    known = (*SECRET_BYTES, *sorted(ISSUERS_ALGORITHMS))
    if not algorithms or not set(algorithms) <= set(known):
        raise ValueError(f"expected one or more of {', '.join(known)}, separated by commas")
    return algorithms


ALGORITHMS: Final = Form("names, separated by commas", _parse)
