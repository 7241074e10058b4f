"""Reading the settings from the environment, and refusing what can't have been meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, Final

from app.errors import DossierError
from app.settings.algorithms import ISSUERS_ALGORITHMS, SECRET_BYTES
from app.settings.declared import PREFIX, Limits, Setting, Settings, declared
from app.settings.secret import is_short, strongest

ELSEWHERE: Final = {
    "BUILD_PAGES": "hatch_build.py, which images set for all that runs in them",
    "SCREENSHOTS": "the tests in a browser, which .ci/run runs beside much else",
    "TOKEN": "`dossier collect`, beside which a server may run in the same shell",
}
"""Names behind the prefix that are no settings and may still be set where Dossier runs, with what reads them."""

_NEAR: Final = 0.65  # of difflib; SECRET is as near to JWT_SECRET, VERSION and HOME are to nothing
# What Kubernetes sets in each container for a service that is named `dossier`.
_SERVICE_LINK: Final = re.compile(r"SERVICE_(?:HOST|PORT\w*)|PORT(?:_\d+_(?:TCP|UDP|SCTP)\w*)?")


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that the environment holds, with defaults for what it leaves open.

    Raises DossierError, naming the variable, when a value can't be used or a variable is no setting.
    """
    environment = os.environ if environment is None else environment
    _refuse_unknown(environment)
    limits = Limits(**_read(Limits, environment))
    settings = Settings(**_read(Settings, environment), limits=limits)
    _check_signing(settings)
    return settings


def _read(kind: type[Settings | Limits], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a class's fields that can be set."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        setting: Setting | None = field.metadata.get("setting")
        if setting is None:
            continue
        variable = f"{PREFIX}{field.name.upper()}"
        default = setting.default if isinstance(setting.default, str) else setting.default(values)
        try:
            values[field.name] = setting.form.parse(environment.get(variable, "").strip() or default)
        except ValueError as error:
            raise DossierError(f"{variable}: {error}") from None
    return values


def _refuse_unknown(environment: Iterable[str]) -> None:
    """Raise DossierError for a variable that has the prefix and is no setting.

    It may be a misspelt one that keeps others out, and nobody reads a warning on a server that works.
    """
    known = {*declared(), *(f"{PREFIX}{name}" for name in ELSEWHERE)}
    for variable in sorted(set(environment) - known):
        if not variable.upper().startswith(PREFIX):
            continue
        if nearest := _nearest(variable, known):
            raise DossierError(f"{variable} is no setting; did you mean {nearest}?")
        hint = ""
        if _SERVICE_LINK.fullmatch(variable.removeprefix(PREFIX)):
            hint = "; if Kubernetes set it, for a service named dossier, say enableServiceLinks: false in the pod"
        raise DossierError(f"{variable} is no setting, and none is named like it; docs/settings.md lists them{hint}")


def _nearest(variable: str, known: Iterable[str]) -> str | None:
    """Return the variable that may have been meant, or None where none resembles what was given."""
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to a refusal

    names = [name.removeprefix(PREFIX) for name in sorted(known)]
    found = get_close_matches(variable[len(PREFIX) :].upper(), names, 1, _NEAR)
    return f"{PREFIX}{found[0]}" if found else None


def _check_signing(settings: Settings) -> None:
    """Raise DossierError when what is set about tokens doesn't fit together."""
    for algorithm in settings.jwt_algorithms:
        if algorithm in SECRET_BYTES and not settings.has_secret:
            raise DossierError(f"DOSSIER_JWT_ALGORITHMS: {algorithm} needs DOSSIER_JWT_SECRET")
        if algorithm in ISSUERS_ALGORITHMS and not settings.has_issuers:
            raise DossierError(f"DOSSIER_JWT_ALGORITHMS: {algorithm} needs DOSSIER_ISSUERS or DOSSIER_JWKS_URL")
    if settings.has_secret and not SECRET_BYTES.keys() & settings.jwt_algorithms:
        raise DossierError("DOSSIER_JWT_ALGORITHMS: the secret is of use to none of them; add HS256")
    if settings.has_issuers and not ISSUERS_ALGORITHMS & set(settings.jwt_algorithms):
        raise DossierError("DOSSIER_JWT_ALGORITHMS: no issuer signs with one of them; add RS256")
    if settings.jwt_issuer in settings.issuers:
        raise DossierError(
            "DOSSIER_JWT_ISSUER: it is one of DOSSIER_ISSUERS already; leave it out, or name whoever else signs with "
            "the secret or the key set"
        )
    if settings.jwt_secret is not None and is_short(settings, settings.jwt_secret):
        algorithm, length = strongest(settings)
        raise DossierError(
            f"DOSSIER_JWT_SECRET: a secret for {algorithm} has at least {length} bytes (RFC 7518, section 3.2)"
        )
