"""Addresses of databases, in the form that SQLAlchemy gave them, without the half second that SQLAlchemy takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, unquote

_DRIVER = re.compile(r"[\w+]+")
_HOST = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[^:\[\]]+))?(?::(?P<port>.*))?", re.DOTALL)


class ArgumentError(ValueError):
    """A text that begins as no address of a database does."""


@dataclass(frozen=True, slots=True)
class URL:
    """An address taken apart; what it leaves out is None. `query` has a tuple for a name that comes more than once."""

    drivername: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    database: str | None = None
    query: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict, repr=False, hash=False)

    @property
    def normalized_query(self) -> dict[str, tuple[str, ...]]:
        """The query, with a tuple for every name."""
        return {name: (value,) if isinstance(value, str) else value for name, value in self.query.items()}

    def get_backend_name(self) -> str:
        """Return which kind of database it is, without the driver's name."""
        return self.drivername.partition("+")[0]

    def set(self, **changed: Any) -> URL:
        """Return the address with other values for some of its fields."""
        return replace(self, **changed)

    def render_as_string(self, *, hide_password: bool = True) -> str:
        """Return the address as text, with stars for the password unless it is to be seen."""
        text = f"{self.drivername}://"
        if self.username is not None:
            text += quote(self.username, safe=" +")
            if self.password is not None:
                text += ":***" if hide_password else f":{quote(self.password, safe=' +')}"
            text += "@"
        if self.host is not None:
            text += f"[{self.host}]" if ":" in self.host else self.host
        if self.port is not None:
            text += f":{self.port}"
        if self.database is not None:
            text += f"/{quote(self.database, safe=' +/')}"
        pairs = [(name, value) for name, values in sorted(self.normalized_query.items()) for value in values]
        if pairs:
            text += "?" + "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
        return text

    def __str__(self) -> str:
        return self.render_as_string()


def make_url(text: str) -> URL:
    """Return the address in a text, its parts decoded.

    Raises ArgumentError when there is no driver's name before `://`, and ValueError for a host or a port that is none.
    """
    drivername, found, rest = text.partition("://")
    if not found or not _DRIVER.fullmatch(drivername):
        raise ArgumentError("no driver is named")
    rest, _, query = rest.partition("?")
    authority, has_database, database = rest.partition("/")
    user, has_user, place = authority.rpartition("@")
    username, has_password, password = user.partition(":")
    match = _HOST.fullmatch(place)
    if match is None:
        raise ValueError("the host is none")
    values = parse_qs(query)
    return URL(
        drivername,
        unquote(username) if has_user else None,
        unquote(password) if has_password else None,
        match["bracketed"] or match["plain"],
        None if match["port"] is None else int(match["port"]),
        unquote(database) if has_database else None,
        {name: given[0] if len(given) == 1 else tuple(given) for name, given in values.items()},
    )
