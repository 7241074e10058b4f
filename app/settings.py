"""Settings, read once from environment variables that begin with DOSSIER_."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final, Protocol, TypeVar
from urllib.parse import urlsplit

from app.database_urls import URL, ArgumentError, make_url
from app.errors import DossierError

# RFC 7518, section 3.2: a key is at least as long as the hash it is used with.
SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
# RFC 7518, section 3.1, and RFC 8037, section 3.1: what an issuer may sign with.
ISSUERS_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
ADDRESS_LENGTH: Final = 255
PREFIX: Final = "DOSSIER_"
ELSEWHERE: Final = {
    "BUILD_PAGES": "hatch_build.py",
    "APP": "the test of the example app",
    "FOLDER": "the test of the example app",
    "SCREENSHOTS": "the tests in a browser",
    "TEST_DOCUMENTS": "tests/test_both_ends.py",
    "TOKENS": "the tests of the clients",
    "URL": "the example app while it is developed, and the tests of the clients",
}
"""Names behind the prefix that are no settings, with what reads them."""

_NEAR: Final = 0.65  # of difflib; SECRET is as near to JWT_SECRET, VERSION and SERVICE_HOST are to nothing
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may ask for at most; what is counted for each, app/execution/measuring.py says.

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
    max_repeats: int
    max_objects: int
    max_values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator chose. Times are in seconds, sizes in bytes."""

    database_url: URL = field(repr=False)
    jwt_secret: str | None = field(repr=False)
    jwt_algorithms: tuple[str, ...]
    jwt_issuer: str | None
    jwt_audience: str | None
    jwt_leeway: int
    jwt_max_lifetime: int
    issuers: tuple[str, ...]
    jwks_url: str | None
    cors_origins: tuple[str, ...]
    development: bool
    introspection: bool
    suggestions: bool
    log_level: str
    read_connections: int
    write_connections: int
    max_body_bytes: int
    max_answer_bytes: int
    deadline: int
    grace: int
    receive_seconds: int
    send_seconds: int
    get_queries: bool
    trusted_documents_only: bool
    max_requests: int
    limits: Limits
    passed_over: tuple[str, ...] = ()  # a sentence for each variable with the prefix that means nothing

    @property
    def has_issuers(self) -> bool:
        """Whether tokens are taken that an issuer signed."""
        return bool(self.issuers or self.jwks_url)

    @property
    def has_secret(self) -> bool:
        """Whether tokens are taken that were signed with a shared secret."""
        return self.jwt_secret is not None or not self.has_issuers

    @property
    def makes_secret(self) -> bool:
        """Whether that secret is one that `serve` makes."""
        return self.has_secret and self.jwt_secret is None

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
    known = {"TOKEN"}  # which `dossier collect` reads

    def read(name: str, default: str, parse: Callable[[str], T]) -> T:
        known.add(name)
        name = f"{PREFIX}{name}"
        try:
            return parse(environment.get(name, "").strip() or default)
        except ValueError as error:
            raise DossierError(f"{name}: {error}") from None

    jwt_secret = read("JWT_SECRET", "", _secret)
    issuers = read("ISSUERS", "", _issuers)
    jwks_url = read("JWKS_URL", "", _jwks_url)
    # Whoever configures who signs the tokens is in production; a secret that `serve` made is for trying it out.
    production = jwt_secret or issuers or jwks_url
    development = read("DEVELOPMENT", "false" if production else "true", _flag)
    while_developing = "true" if development else "false"
    usual = ["RS256,PS256,ES256,EdDSA"] if issuers or jwks_url else []
    usual += ["HS256"] if jwt_secret or not usual else []
    settings = Settings(
        database_url=read("DATABASE_URL", "sqlite+aiosqlite:///dossier.db", _database_url),
        jwt_secret=jwt_secret,
        jwt_algorithms=read("JWT_ALGORITHMS", ",".join(usual), _algorithms),
        jwt_issuer=read("JWT_ISSUER", "", _optional),
        jwt_audience=read("JWT_AUDIENCE", "", _optional),
        jwt_leeway=read("JWT_LEEWAY", "10", _between(0, 300)),
        jwt_max_lifetime=read("JWT_MAX_LIFETIME", "604800", _between(60, 31_536_000)),
        issuers=issuers,
        jwks_url=jwks_url,
        cors_origins=read("CORS_ORIGINS", "", _origins),
        development=development,
        introspection=read("INTROSPECTION", while_developing, _flag),
        suggestions=read("SUGGESTIONS", while_developing, _flag),
        log_level=read("LOG_LEVEL", "info", _log_level),
        read_connections=read("READ_CONNECTIONS", "4", _between(1, 100)),
        write_connections=read("WRITE_CONNECTIONS", "8", _between(1, 100)),
        max_body_bytes=read("MAX_BODY_BYTES", "1048576", _between(1_000, 100_000_000)),
        # The largest answer of an honest client that is known here is 10,000 objects with what describes them.
        max_answer_bytes=read("MAX_ANSWER_BYTES", "16000000", _between(100_000, 500_000_000)),
        deadline=read("DEADLINE", "30", _between(1, 3_600)),
        grace=read("GRACE", "10", _between(1, 600)),
        receive_seconds=read("RECEIVE_SECONDS", "30", _between(1, 3_600)),
        send_seconds=read("SEND_SECONDS", "60", _between(1, 3_600)),
        get_queries=read("GET_QUERIES", while_developing, _flag),
        trusted_documents_only=read("TRUSTED_DOCUMENTS_ONLY", "false", _flag),
        max_requests=read("MAX_REQUESTS", "200", _between(1, 100_000)),
        limits=_limits(read),
    )
    _check_signing(settings)
    return replace(settings, passed_over=_passed_over(environment, known))


def _passed_over(environment: Iterable[str], known: set[str]) -> tuple[str, ...]:
    """Return a sentence for each variable that has the prefix and means nothing. Raises DossierError.

    A setting that is misspelt is refused: it may be one that keeps others out. What resembles none is no reason not
    to start, since Kubernetes and Dockerfiles give such names (DOSSIER_SERVICE_HOST, DOSSIER_VERSION).
    """
    sentences = []
    for variable in sorted(environment):
        name = variable[len(PREFIX) :]
        if not variable.upper().startswith(PREFIX) or (variable.startswith(PREFIX) and name in {*known, *ELSEWHERE}):
            continue
        nearest = f"{PREFIX}{get_close_matches(name.upper(), sorted(known), 1, 0.0)[0]}"
        if get_close_matches(name.upper(), known, 1, _NEAR):
            raise DossierError(f"{variable} is no setting; did you mean {nearest}?")
        sentences.append(f"{variable} is no setting and is passed over; the nearest that is one is {nearest}")
    return tuple(sentences)


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
        # Each is a text of its own until it is joined to those before it.
        max_root_fields=read("MAX_ROOT_FIELDS", "50", _between(1, 1_500)),
        # Each is a subquery, and takes up to 3 ms to be planned; all that a tree of pages can have takes fifteen.
        max_reads=read("MAX_READS", "150", _between(1, 5_000)),
        # Ten components that ask for the same ten fields of the same object make 450 pairs.
        max_comparisons=read("MAX_COMPARISONS", "2000", _between(0, 1_000_000)),
        # A field without arguments says the same under every name; whoever merges documents may want it under several.
        max_repeats=read("MAX_REPEATS", "5", _between(1, 5_000)),
        # Three lists in each other, each with a page of the default size, can yield 127,550.
        max_objects=read("MAX_OBJECTS", "150000", _between(100, 100_000_000)),
        # The largest input has ten fields, and there may be fifty of them.
        max_values=read("MAX_VALUES", "1000", _between(10, 1_000_000)),
    )


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
    if settings.jwt_secret is not None and _is_short(settings, settings.jwt_secret):
        algorithm, length = _strongest(settings)
        raise DossierError(
            f"DOSSIER_JWT_SECRET: a secret for {algorithm} has at least {length} bytes (RFC 7518, section 3.2)"
        )


def _strongest(settings: Settings) -> tuple[str, int]:
    """Return the symmetric algorithm that asks for the longest secret, and that length in bytes."""
    lengths = {name: SECRET_BYTES[name] for name in settings.jwt_algorithms if name in SECRET_BYTES}
    return max(lengths.items(), key=lambda item: item[1])


def _is_short(settings: Settings, secret: str) -> bool:
    return len(secret.encode()) < _strongest(settings)[1]


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
        length = _strongest(settings)[1]
        raise DossierError(f"DOSSIER_JWT_SECRET is not set; set it to a secret of at least {length} bytes")
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
    if _is_short(settings, secret):
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
    # Nothing of the text is quoted: where it can't be read as it was meant, any part may be one of a password.
    scheme, _, rest = text.partition("://")
    user, _, _ = rest.rpartition("@")
    if scheme.startswith("postgresql") and ("@" in user or any(character in user for character in "/?#")):
        raise ValueError(_PERCENT_ENCODE)
    try:
        url = make_url(text)
        host = url.host or ""
        IPv6Address(host) if ":" in host else host.encode("idna")
    except ArgumentError:
        raise ValueError("expected an address such as sqlite+aiosqlite:///dossier.db") from None
    except ValueError:  # of a port that is no number, or a host that is none
        raise ValueError(_PERCENT_ENCODE) from None
    match url.drivername:
        case "sqlite" | "sqlite+aiosqlite":
            if not url.database or url.database == ":memory:" or url.query or url.host or url.username:
                raise ValueError("expected a file, as in sqlite+aiosqlite:///dossier.db")
            return url.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgresql+asyncpg":
            ports = ",".join(url.normalized_query.get("port", ()) if url.port is None else (str(url.port),))
            if ports and not all(port.isdecimal() and 0 < int(port) < 65_536 for port in ports.split(",")):
                raise ValueError(_PERCENT_ENCODE)
            return url.set(drivername="postgresql+asyncpg")
        case other:
            raise ValueError(f"{other} is not supported; use sqlite+aiosqlite or postgresql+asyncpg")


_PERCENT_ENCODE: Final = (
    "expected an address such as postgresql+asyncpg://user:password@host:5432/name; percent-encode what is special in "
    "its parts: @ is %40, : %3A, / %2F, ? %3F, # %23 and % %25"
)


def shown(url: URL) -> str:
    """Return a database's address for people to read: where it is and for whom, but no password."""
    # A query may have `password` and `sslpassword`, and whatever a password was misspelt to.
    query = {name: value for name, value in url.query.items() if name in {"host", "port", "user", "dbname"}}
    return url.set(query=query).render_as_string(hide_password=True)


def _secret(text: str) -> str | None:
    if text.encode("utf-8", "replace") != text.encode("utf-8", "surrogateescape"):
        raise ValueError("a secret is text in UTF-8")
    return text or None


def _algorithms(text: str) -> tuple[str, ...]:
    algorithms = _words(text)
    known = (*SECRET_BYTES, *sorted(ISSUERS_ALGORITHMS))
    if not algorithms or not set(algorithms) <= set(known):
        raise ValueError(f"expected one or more of {', '.join(known)}, separated by commas")
    return algorithms


_ORIGIN: Final = re.compile(
    # The schemes of pages, and those under which webviews and browsers have the pages of apps and extensions.
    r"(https?|app|capacitor|ionic|tauri|[a-z]+-extension)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?(?:[/?#].*)?"
)
_OWN_PORTS: Final = {"http": 80, "https": 443}


def _origins(text: str) -> tuple[str, ...]:
    return tuple(_origin(word) for word in _words(text))


def _origin(text: str) -> str:
    """Return an origin that is written as browsers send it, to be compared with what they send. Raises ValueError."""
    if "*" in text:
        raise ValueError("name each origin by itself; * is none")
    if text.lower() == "null":
        raise ValueError("null is what every sandboxed frame and every file sends; name the origins of your pages")
    if not text.isascii():
        raise ValueError("write a host with other letters than a to z as browsers send it, beginning with xn--")
    match = _ORIGIN.fullmatch(text.lower())
    try:
        if match is None:
            raise ValueError
        scheme, host, port = match.groups()
        if host.startswith("["):
            host = f"[{IPv6Address(host[1:-1])}]"
        elif re.fullmatch("[0-9]+|0x[0-9a-f]*", host.rstrip(".").rpartition(".")[2]):
            host = str(IPv4Address(host))
        if port is not None and int(port) > 65_535:
            raise ValueError
    except ValueError:
        raise ValueError(
            "expected origins such as https://app.example.org or http://localhost:5173, separated by commas"
        ) from None
    origin = f"{scheme}://{host}"
    if port is not None and int(port) != _OWN_PORTS.get(scheme):
        origin += f":{int(port)}"
    if origin != text:
        raise ValueError(f"write {origin}, as browsers send it: an origin has a scheme, a host and a port, and no more")
    return origin


def _issuers(text: str) -> tuple[str, ...]:
    issuers = _words(text)
    for issuer in issuers:
        # OpenID Connect Discovery 1.0, section 3: an issuer's address has neither.
        if "?" in issuer or "#" in issuer:
            raise ValueError("an issuer's address has no ? and no #")
        if fault := address_fault(issuer):
            raise ValueError(fault)
    if len(set(issuers)) < len(issuers):
        raise ValueError("an issuer is named twice")
    return issuers


def _jwks_url(text: str) -> str | None:
    if text and (fault := address_fault(text)):
        raise ValueError(fault)
    return text or None


def address_fault(address: str, *, plain: bool = True) -> str | None:
    """Return why keys must not be fetched from an address, or None when they may be.

    With `plain`, this machine itself may be asked without encryption.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "expected an address such as https://login.example.org"
    if len(address) > ADDRESS_LENGTH or not address.isascii() or not address.isprintable() or " " in address:
        return f"expected an address of at most {ADDRESS_LENGTH} ASCII characters"
    if not host or parts.scheme not in {"http", "https"}:
        return "expected an address such as https://login.example.org"
    if "@" in parts.netloc:
        return "an address with a name or a password in it is not taken"
    if parts.scheme == "http" and not (plain and host in LOOPBACK):
        return "expected https; http is only for this machine itself"
    return None


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
