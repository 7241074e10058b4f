"""What can be set: each setting with its default, its form and its meaning, in the order of docs/settings.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from app.database_urls import URL
from app.settings.addresses import DATABASE, ISSUERS, KEY_SET
from app.settings.algorithms import ALGORITHMS
from app.settings.forms import FILE, FLAG, SECRET, TEXT, Form, one_of, whole
from app.settings.origins import ORIGINS

PREFIX: Final = "DOSSIER_"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as it is declared. Its variable is the prefix and the name of its field."""

    default: str | Callable[[Mapping[str, Any]], str]
    """What is read where the variable is not set: a text, or one that follows from the settings before it."""
    form: Form[Any]
    meaning: str
    unset: str | None = None
    """The default in words, where it is not simply a text that one could write as well."""
    heading: str | None = None
    """The heading that it is the first setting below."""


def _says(
    default: str | Callable[[Mapping[str, Any]], str],
    form: Form[Any],
    meaning: str,
    *,
    unset: str | None = None,
    heading: str | None = None,
) -> dict[str, Setting]:
    return {"setting": Setting(default, form, meaning, unset, heading)}


# What a document costs before it is refused grows with the first two: 7 µs a token and 0.3 µs a character.
# The upper bounds of the others are where the databases or Python's stack end, with nothing to spare.
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may ask for at most; what is counted for each, app/execution/limits.py says.

    The greatest document of an honest client that is known here is a page's whole tree: cases with their events
    and batches and all that can be asked of each, some 300 tokens and 80 fields. The tools' introspection query
    has 183 tokens, some 250 fields and 15 levels. The defaults leave either several times the room.
    """

    # A description may have 30,000 characters, each of them escaped; what is longer goes into variables.
    max_characters: int = field(
        metadata=_says(
            "65536",
            whole(1_000, 10_000_000),
            "the longest document, in characters; long texts belong in variables",
            heading="Documents",
        )
    )
    max_tokens: int = field(
        metadata=_says("2000", whole(100, 1_000_000), "the longest document, in lexical tokens, comments not counted")
    )
    max_brackets: int = field(metadata=_says("50", whole(5, 150), "brackets of any kind in each other"))
    # Five lists nested by edges, and the references between them, end at 21.
    max_depth: int = field(metadata=_says("25", whole(5, 100), "fields in each other, fragments expanded"))
    # A batch of 50 changes or look-ups has 50.
    max_aliases: int = field(metadata=_says("150", whole(1, 5_000), "aliases in a document"))
    max_directives: int = field(metadata=_says("100", whole(1, 5_000), "directives in a document"))
    max_fragments: int = field(metadata=_says("50", whole(1, 150), "fragments that a document defines"))
    max_spreads: int = field(
        metadata=_says("150", whole(1, 5_000), "places at which it spreads fragments, by name or inline")
    )
    max_fields: int = field(
        metadata=_says("600", whole(10, 10_000), "fields and spreads, each fragment counted wherever it is spread")
    )
    # Each is a text of its own until it is joined to those before it.
    max_root_fields: int = field(metadata=_says("50", whole(1, 1_500), "fields of the operation itself"))
    # Each is a subquery, and takes up to 3 ms to be planned; all that a tree of pages can have takes fifteen.
    max_reads: int = field(
        metadata=_says(
            "150",
            whole(1, 5_000),
            "look-ups, lists, counts and pages' information in a document; any node counts as six",
        )
    )
    # Ten components that ask for the same ten fields of the same object make 450 pairs.
    max_comparisons: int = field(
        metadata=_says("2000", whole(0, 1_000_000), "pairs of fields with one response name at one place")
    )
    # A field without arguments says the same under every name; whoever merges documents may want it under several.
    max_repeats: int = field(
        metadata=_says("5", whole(1, 5_000), "names under which one field without arguments is asked for at one place")
    )
    # Three lists in each other, each with a page of the default size, can yield 127,550; the introspection query that
    # tools send, 160,000.
    max_objects: int = field(
        metadata=_says(
            "200000",
            whole(100, 100_000_000),
            "objects that an answer can hold: pages' sizes multiplied along each path, and added up",
        )
    )
    # A thousand events with all their fields are some 11,000.
    max_values: int = field(
        metadata=_says("20000", whole(10, 1_000_000), "elements and keys in the lists and inputs of variables")
    )


def _algorithms(read: Mapping[str, Any]) -> str:
    usual = ["RS256,PS256,ES256,EdDSA"] if read["issuers"] or read["jwks_url"] else []
    usual += ["HS256"] if read["jwt_secret"] or not usual else []
    return ",".join(usual)


def _development(read: Mapping[str, Any]) -> str:
    # Whoever configures who signs the tokens is in production; a secret that `serve` made is for trying it out.
    return "false" if read["jwt_secret"] or read["issuers"] or read["jwks_url"] else "true"


def _as_development(read: Mapping[str, Any]) -> str:
    return "true" if read["development"] else "false"


_LIKE_DEVELOPMENT: Final = "as `DOSSIER_DEVELOPMENT`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator chose. Times are in seconds, sizes in bytes."""

    database_url: URL = field(
        repr=False,
        metadata=_says(
            "sqlite+aiosqlite:///dossier.db",
            DATABASE,
            "a file as in the default, or `postgresql+asyncpg://user:password@host/name`, with what is special in its "
            "parts percent-encoded (`@` as `%40`)",
            heading="Database",
        ),
    )
    read_connections: int = field(
        metadata=_says(
            "4",
            whole(1, 100),
            "connections that one user's reads may take, in each process; there is one more",
        )
    )
    write_connections: int = field(
        metadata=_says(
            "8",
            whole(1, 100),
            "connections that one user's changes may take, in each process; there is one more. On SQLite one writes "
            "for all",
        )
    )
    checkpoint_key: Path | None = field(
        metadata=_says(
            "",
            FILE,
            "the file of the Ed25519 private key, in PEM, that signs checkpoints of the record; without one on "
            "PostgreSQL none are signed",
            unset="made by `serve` beside an embedded database",
            heading="The record",
        ),
    )
    checkpoint_dir: Path | None = field(
        metadata=_says(
            "",
            FILE,
            "a folder, best on another machine, to which checkpoints are written: the last one of each hour",
            unset="none",
        ),
    )
    trash_days: int = field(
        metadata=_says(
            "30",
            whole(0, 36_500),
            "for how many days what is deleted can be restored; 0 for ever",
            heading="What is kept",
        )
    )
    jwt_secret: str | None = field(
        repr=False,
        metadata=_says(
            "",
            SECRET,
            "what tokens are signed with; 32 bytes or more, 48 for HS384, 64 for HS512",
            unset="made by `serve` beside an embedded database, when no issuer is set",
            heading="Tokens",
        ),
    )
    issuers: tuple[str, ...] = field(
        metadata=_says("", ISSUERS, "the OpenID issuers whose tokens are taken", unset="none")
    )
    jwks_url: str | None = field(
        metadata=_says("", KEY_SET, "a key set, for an issuer without discovery", unset="none")
    )
    jwt_algorithms: tuple[str, ...] = field(
        metadata=_says(
            _algorithms,
            ALGORITHMS,
            "which signatures are accepted; also `HS384`, `HS512`, `RS384`, `RS512`, `PS384`, `PS512`, `ES384`, "
            "`ES512`; the first HS one signs",
            unset="`HS256` with a secret; `RS256,PS256,ES256,EdDSA` with an issuer; all five with both",
        )
    )
    jwt_issuer: str | None = field(
        metadata=_says(
            "",
            TEXT,
            "what `iss` must be in tokens of the secret and of `DOSSIER_JWKS_URL`",
            unset="not checked",
        )
    )
    jwt_audience: str | None = field(metadata=_says("", TEXT, "what `aud` must be or hold", unset="not checked"))
    jwt_leeway: int = field(metadata=_says("10", whole(0, 300), "by how much clocks may differ"))
    jwt_max_lifetime: int = field(
        metadata=_says(
            "604800",
            whole(60, 31_536_000),
            "from `iat` to `exp`, a week; a token without `iat` counts from when it comes",
        )
    )
    cors_origins: tuple[str, ...] = field(
        metadata=_says(
            "",
            ORIGINS,
            "web pages that may call, with whatever headers, as browsers send their origin: `https://app.example.org`",
            unset="none",
            heading="Who may call, and what they are told",
        )
    )
    development: bool = field(
        metadata=_says(
            _development,
            FLAG,
            "whether the next three are on by default, and whether there is a demo user while `serve` listens on "
            "loopback",
            unset="`true` while neither a secret nor an issuer is set, else `false`",
        )
    )
    introspection: bool = field(
        metadata=_says(_as_development, FLAG, "whether the schema can be asked for", unset=_LIKE_DEVELOPMENT)
    )
    suggestions: bool = field(
        metadata=_says(
            _as_development,
            FLAG,
            "whether a document that is refused is told what is wrong with it, with suggestions",
            unset=_LIKE_DEVELOPMENT,
        )
    )
    get_queries: bool = field(
        metadata=_says(
            _as_development,
            FLAG,
            "whether queries may come by GET; mutations never do",
            unset=_LIKE_DEVELOPMENT,
        )
    )
    trusted_documents_only: bool = field(
        metadata=_says("false", FLAG, "whether documents are run by the ids of registered ones only")
    )
    log_level: str = field(
        metadata=_says(
            "info",
            one_of("debug", "info", "warning", "error", "critical"),
            "what of the log is written to standard error, from this level on",
        )
    )
    deadline: int = field(
        metadata=_says(
            "30",
            whole(1, 3_600),
            "how long a read, a statement of a change or a wait for the database may take",
            heading="Requests",
        )
    )
    receive_seconds: int = field(metadata=_says("30", whole(1, 3_600), "how long a request may take to arrive whole"))
    send_seconds: int = field(metadata=_says("60", whole(1, 3_600), "how long a client may take to read an answer"))
    grace: int = field(metadata=_says("10", whole(1, 600), "how long requests at work may take when the server ends"))
    max_requests: int = field(
        metadata=_says(
            "200",
            whole(1, 100_000),
            "requests at work at once, in each process; one user may have three quarters of them, and whoever has "
            "none finds a place among as many more",
        )
    )
    max_body_bytes: int = field(metadata=_says("1048576", whole(1_000, 100_000_000), "the largest body, in bytes"))
    # The largest answer of an honest client that is known here is 10,000 objects with what describes them.
    max_answer_bytes: int = field(
        metadata=_says(
            "16000000",
            whole(100_000, 500_000_000),
            "the largest answer, in bytes; a change with a larger one is not made",
        )
    )
    limits: Limits

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

    @property
    def key_file(self) -> Path | None:
        """Where the key lies that signs checkpoints; `serve` makes the one beside the embedded database."""
        if self.checkpoint_key is not None or not self.embedded:
            return self.checkpoint_key
        return self.database_file.with_name(self.database_file.name + ".key")


def declared() -> dict[str, Setting]:
    """Return all settings by their variables, in the order in which they are declared."""
    return {
        f"{PREFIX}{each.name.upper()}": each.metadata["setting"]
        for kind in (Settings, Limits)
        for each in fields(kind)
        if "setting" in each.metadata
    }
