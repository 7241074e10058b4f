"""The key that signs checkpoints, in its file; and checkpoints as files beside it and elsewhere."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from app.errors import DossierError
from app.settings import Settings
from app.settings.secret import keep

_LONGEST = 100_000  # bytes of a checkpoint's file; one has some 200


def signing_key(settings: Settings, *, create: bool = False) -> Ed25519PrivateKey | None:
    """Return the key that signs checkpoints, making one beside the embedded database if asked.

    None where none is set on PostgreSQL, or was made yet. Raises DossierError when it can't be used.
    """
    path = settings.key_file
    if path is None:
        return None
    try:
        if create and settings.checkpoint_key is None and not path.exists():
            keep(path, pem_of(Ed25519PrivateKey.generate()))
        return read_key(path)
    except FileNotFoundError:
        if settings.checkpoint_key is None:
            return None
        raise DossierError(
            f"DOSSIER_CHECKPOINT_KEY: there is no file {path}; "
            f"'openssl genpkey -algorithm ed25519 -out {path}' makes one"
        ) from None
    except OSError as error:
        raise DossierError(f"the key for checkpoints at {path} can't be used: {error.strerror}") from None


def read_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in a file. Raises OSError, and DossierError when there is no such key in it."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise DossierError(f"{path} holds no Ed25519 private key in PEM without a password")
    return key


def pem_of(key: Ed25519PrivateKey) -> str:
    """Return a key as its file has it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def replace_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Put another key into a file, whole or not at all. Raises OSError."""
    _write(path, pem_of(key), 0o600)


def publish(settings: Settings, text: str, at: datetime) -> None:
    """Write a checkpoint to where checkpoints are kept. Raises OSError."""
    if (beside := _beside(settings)) is not None:
        _write(beside, text, 0o600)
    if settings.checkpoint_dir is not None:
        _write(settings.checkpoint_dir / f"{at:%Y-%m-%dT%H}Z.txt", text, 0o644)


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(text.encode())
    draft.replace(path)


def published(settings: Settings) -> list[tuple[Path, str]]:
    """Return the newest checkpoints that were written, each with its file; what can't be read is passed over."""
    found = []
    if (beside := _beside(settings)) is not None:
        found.append(beside)
    if settings.checkpoint_dir is not None:
        found += sorted(settings.checkpoint_dir.glob("????-??-??T??Z.txt"))[-1:]
    texts = []
    for path in found:
        try:
            if path.stat().st_size <= _LONGEST:
                texts.append((path, path.read_bytes().decode()))
        except (OSError, UnicodeDecodeError):
            continue
    return texts


def check_folder(settings: Settings) -> None:
    """Raise DossierError when there is no folder where checkpoints are to be written."""
    folder = settings.checkpoint_dir
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise DossierError(f"DOSSIER_CHECKPOINT_DIR: {folder} is no folder that can be written to; make it first")


def _beside(settings: Settings) -> Path | None:
    """Return where the embedded database's last checkpoint lies, by which one that was put back is known."""
    return settings.database_file.with_name(settings.database_file.name + ".checkpoint") if settings.embedded else None
