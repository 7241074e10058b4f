"""Addresses: of the database, and of those who sign tokens."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit

from app.database_urls import URL, ArgumentError, make_url
from app.settings.forms import Form, words

ADDRESS_LENGTH: Final = 255
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PERCENT_ENCODE: Final = (
    "expected an address such as postgresql+asyncpg://user:password@host:5432/name; percent-encode what is special in "
    "its parts: @ is %40, : %3A, / %2F, ? %3F, # %23 and % %25"
)


def _database(text: str) -> URL:
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


def shown(url: URL) -> str:
    """Return a database's address for people to read: where it is and for whom, but no password."""
    # A query may have `password` and `sslpassword`, and whatever a password was misspelt to.
    query = {name: value for name, value in url.query.items() if name in {"host", "port", "user", "dbname"}}
    return url.set(query=query).render_as_string(hide_password=True)


def _issuers(text: str) -> tuple[str, ...]:
    issuers = words(text)
    for issuer in issuers:
        # OpenID Connect Discovery 1.0, section 3: an issuer's address has neither.
        if "?" in issuer or "#" in issuer:
            raise ValueError("an issuer's address has no ? and no #")
        if fault := address_fault(issuer):
            raise ValueError(fault)
    if len(set(issuers)) < len(issuers):
        raise ValueError("an issuer is named twice")
    return issuers


def _key_set(text: str) -> str | None:
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


DATABASE: Final = Form("an address", _database)
ISSUERS: Final = Form("addresses, separated by commas", _issuers)
KEY_SET: Final = Form("an address", _key_set)
