"""Settings, read once from environment variables that begin with DOSSIER_.

`declared.py` says what can be set, `environment.py` reads it, `secret.py` keeps the secret that signs tokens, and
`page.py` writes docs/settings.md. `forms.py`, `addresses.py` and `origins.py` say what a value may look like.
"""

from __future__ import annotations

from app.settings.addresses import LOOPBACK, address_fault, shown
from app.settings.algorithms import ISSUERS_ALGORITHMS, SECRET_BYTES
from app.settings.declared import PREFIX, Limits, Settings
from app.settings.environment import ELSEWHERE, from_environment
from app.settings.secret import signing_secret

__all__ = [
    "ELSEWHERE",
    "ISSUERS_ALGORITHMS",
    "LOOPBACK",
    "PREFIX",
    "SECRET_BYTES",
    "Limits",
    "Settings",
    "address_fault",
    "from_environment",
    "shown",
    "signing_secret",
]
