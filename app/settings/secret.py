"""The secret that signs tokens: the one that was set, or one that `serve` makes beside the embedded database."""

from __future__ import annotations

import os
from pathlib import Path

from app.errors import DossierError
from app.settings.algorithms import SECRET_BYTES
from app.settings.declared import Settings


def signing_secret(settings: Settings, *, create: bool) -> str:
    """Return the secret that signs and verifies tokens, making one beside the embedded database if asked.

    Raises DossierError when there is none: where issuers sign, on PostgreSQL without DOSSIER_JWT_SECRET, or
    before the first `serve` on the embedded database.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    if not settings.has_secret:
        raise DossierError("tokens are made by the issuer that is configured; to make your own, set DOSSIER_JWT_SECRET")
    if not settings.embedded:
        _, length = strongest(settings)
        raise DossierError(f"DOSSIER_JWT_SECRET is not set; set it to a secret of at least {length} bytes")
    path = settings.secret_file
    try:
        if create and not path.exists():
            import secrets  # noqa: PLC0415 - once in the life of a database

            keep(path, secrets.token_urlsafe(48) + "\n")
        secret = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise DossierError(
            f"no signing secret at {path}; start 'dossier serve' once in this folder, or set DOSSIER_JWT_SECRET"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise DossierError(f"the signing secret at {path} can't be used: {reason}") from None
    if is_short(settings, secret):
        raise DossierError(f"the signing secret at {path} is too short; delete the file to have a new one made")
    return secret


def strongest(settings: Settings) -> tuple[str, int]:
    """Return the symmetric algorithm that asks for the longest secret, and that length in bytes."""
    lengths = {name: SECRET_BYTES[name] for name in settings.jwt_algorithms if name in SECRET_BYTES}
    return max(lengths.items(), key=lambda item: item[1])


def is_short(settings: Settings, secret: str) -> bool:
    """Return whether a secret is shorter than an algorithm asks for."""
    return len(secret.encode()) < strongest(settings)[1]


def keep(path: Path, secret: str) -> None:
    """Write a secret to a file that only its owner reads, unless there is one already. Raises OSError."""
    # Written whole under another name and then linked, so that no second process ever reads half a secret,
    # and the first one to arrive wins.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret)
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
