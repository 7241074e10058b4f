"""Settings, read once from environment variables that begin with DOSSIER_."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.errors import DossierError

SECRET_BYTES: Final = 32  # RFC 7518, section 3.2: a key for HS256 is at least as long as its hash
SYMMETRIC: Final = frozenset({"HS256", "HS384", "HS512"})
LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may ask for at most; what is counted for each, app/schema/limits.py says.

    The greatest document of an honest client that is known here is a page's whole tree: cases with their events
    and batches and all that can be asked of each, some 300 tokens and 80 fields. The tools' introspection query
    has 183 tokens, some 250 fields and 15 levels. The defaults leave either several times the room.
    """

    max_characters: int
    max_tokens: int
    max_brackets: int
    max_depth: int
    max_aliases: int
    max_directives: int
    max_fragments: int
    max_spreads: int
    max_fields: int
    max_root_fields: int
    max_reads: int
    max_comparisons: int
    max_objects: int
    max_values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator chose. Times are in seconds, sizes in bytes."""

    database_url: URL
    jwt_secret: str | None
    jwt_algorithms: tuple[str, ...]
    jwt_issuer: str | None
    jwt_audience: str | None
    jwt_leeway: int
    cors_origins: tuple[str, ...]
    development: bool
    introspection: bool
    suggestions: bool
    log_level: str
    read_connections: int
    write_connections: int
    max_body_bytes: int
    deadline: int
    grace: int
    receive_seconds: int
    get_queries: bool
    max_requests: int
    limits: Limits

    @property
    def embedded(self) -> bool:
        """Whether the database is the embedded SQLite."""
        return self.database_url.get_backend_name() == "sqlite"

    @property
    def database_file(self) -> Path:
        """Where the embedded database lies."""
        return Path(self.database_url.database or "")

    @property
    def secret_file(self) -> Path:
        """Where `serve` keeps the signing secret that it made itself."""
        return self.database_file.with_name(self.database_file.name + ".secret")


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that the environment holds, with defaults for what it leaves open.

    Raises DossierError, naming the variable, when a value can't be used.
    """
    environment = os.environ if environment is None else environment

    def read(name: str, default: str, parse: Callable[[str], T]) -> T:
        name = f"DOSSIER_{name}"
        try:
            return parse(environment.get(name, "").strip() or default)
        except ValueError as error:
            raise DossierError(f"{name}: {error}") from None

    jwt_secret = read("JWT_SECRET", "", _secret)
    # Whoever configures who signs the tokens is in production; a secret that `serve` made is for trying it out.
    development = read("DEVELOPMENT", "false" if jwt_secret else "true", _flag)
    while_developing = "true" if development else "false"
    return Settings(
        database_url=read("DATABASE_URL", "sqlite+aiosqlite:///dossier.db", _database_url),
        jwt_secret=jwt_secret,
        jwt_algorithms=read("JWT_ALGORITHMS", "HS256", _algorithms),
        jwt_issuer=read("JWT_ISSUER", "", _optional),
        jwt_audience=read("JWT_AUDIENCE", "", _optional),
        jwt_leeway=read("JWT_LEEWAY", "10", _between(0, 300)),
        cors_origins=read("CORS_ORIGINS", "", _words),
        development=development,
        introspection=read("INTROSPECTION", while_developing, _flag),
        suggestions=read("SUGGESTIONS", while_developing, _flag),
        log_level=read("LOG_LEVEL", "info", _log_level),
        read_connections=read("READ_CONNECTIONS", "4", _between(1, 100)),
        write_connections=read("WRITE_CONNECTIONS", "8", _between(1, 100)),
        max_body_bytes=read("MAX_BODY_BYTES", "1048576", _between(1_000, 100_000_000)),
        deadline=read("DEADLINE", "30", _between(1, 3_600)),
        grace=read("GRACE", "10", _between(1, 600)),
        receive_seconds=read("RECEIVE_SECONDS", "30", _between(1, 3_600)),
        get_queries=read("GET_QUERIES", "true", _flag),
        max_requests=read("MAX_REQUESTS", "200", _between(1, 100_000)),
        limits=_limits(read),
    )


class _Read(Protocol):
    def __call__(self, name: str, default: str, parse: Callable[[str], T]) -> T: ...


def _limits(read: _Read) -> Limits:
    # What a document costs before it is refused grows with the first two: 7 µs a token and 0.3 µs a character.
    # The upper bounds of the others are where the databases or Python's stack end, with nothing to spare.
    return Limits(
        # A description may have 30,000 characters, each of them escaped; what is longer goes into variables.
        max_characters=read("MAX_CHARACTERS", "65536", _between(1_000, 10_000_000)),
        max_tokens=read("MAX_TOKENS", "2000", _between(100, 1_000_000)),
        max_brackets=read("MAX_BRACKETS", "50", _between(5, 150)),
        # Five lists nested by edges, and the references between them, end at 21.
        max_depth=read("MAX_DEPTH", "25", _between(5, 100)),
        # A batch of 50 changes or look-ups has 50.
        max_aliases=read("MAX_ALIASES", "150", _between(1, 5_000)),
        max_directives=read("MAX_DIRECTIVES", "100", _between(1, 5_000)),
        max_fragments=read("MAX_FRAGMENTS", "50", _between(1, 150)),
        max_spreads=read("MAX_SPREADS", "150", _between(1, 5_000)),
        max_fields=read("MAX_FIELDS", "600", _between(10, 10_000)),
        # A statement has a column for each; PostgreSQL takes 1,664 and SQLite 2,000.
        max_root_fields=read("MAX_ROOT_FIELDS", "50", _between(1, 1_500)),
        # Each is a subquery, and takes up to 3 ms to be planned; all that a tree of pages can have takes fifteen.
        max_reads=read("MAX_READS", "150", _between(1, 5_000)),
        # Ten components that ask for the same ten fields of the same object make 450 pairs.
        max_comparisons=read("MAX_COMPARISONS", "2000", _between(0, 1_000_000)),
        # Three lists in each other, each with a page of the default size, can yield 127,550.
        max_objects=read("MAX_OBJECTS", "150000", _between(100, 100_000_000)),
        # The largest input has ten fields, and there may be fifty of them.
        max_values=read("MAX_VALUES", "1000", _between(10, 1_000_000)),
    )


def signing_secret(settings: Settings, *, create: bool) -> str:
    """Return the secret that signs and verifies tokens, making one beside the embedded database if asked.

    Raises DossierError when there is none: on PostgreSQL without DOSSIER_JWT_SECRET, or before the first
    `serve` or `migrate` on the embedded database.
    """
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    if not settings.embedded:
        raise DossierError(f"DOSSIER_JWT_SECRET is not set; set it to a secret of at least {SECRET_BYTES} bytes")
    path = settings.secret_file
    try:
        if create:
            _create_secret(path)
        secret = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise DossierError(
            f"no signing secret at {path}; start 'dossier serve' once in this folder, or set DOSSIER_JWT_SECRET"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise DossierError(f"the signing secret at {path} can't be used: {reason}") from None
    if len(secret) < SECRET_BYTES:
        raise DossierError(f"the signing secret at {path} is too short; delete the file to have a new one made")
    return secret


def _create_secret(path: Path) -> None:
    # Written whole under another name and then linked, so that no second process ever reads half a secret,
    # and the first one to arrive wins.
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _database_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("expected an address such as sqlite+aiosqlite:///dossier.db") from None
    match url.drivername:
        case "sqlite" | "sqlite+aiosqlite":
            if not url.database or url.database == ":memory:" or url.query:
                raise ValueError("expected a file, as in sqlite+aiosqlite:///dossier.db")
            return url.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgresql+asyncpg":
            return url.set(drivername="postgresql+asyncpg")
        case other:
            raise ValueError(f"{other} is not supported; use sqlite+aiosqlite or postgresql+asyncpg")


def _secret(text: str) -> str | None:
    if text and len(text.encode()) < SECRET_BYTES:
        raise ValueError(f"a secret has at least {SECRET_BYTES} bytes (RFC 7518, section 3.2)")
    return text or None


def _algorithms(text: str) -> tuple[str, ...]:
    algorithms = _words(text)
    unknown = [name for name in algorithms if name not in SYMMETRIC]
    if unknown or not algorithms:
        raise ValueError(f"expected one or more of {', '.join(sorted(SYMMETRIC))}, separated by commas")
    return algorithms


def _optional(text: str) -> str | None:
    return text or None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def _flag(text: str) -> bool:
    match text.lower():
        case "true" | "1" | "yes" | "on":
            return True
        case "false" | "0" | "no" | "off":
            return False
        case _:
            raise ValueError("expected true or false")


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"expected one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def _between(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"expected a whole number from {least} to {most}")
        return int(text)

    return parse
