"""Origins of web pages, written as browsers send them; anything else would never match and is refused."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from app.settings.forms import Form, words

_ORIGIN: Final = re.compile(
    # The schemes of pages, and those under which webviews and browsers have the pages of apps and extensions.
    r"(https?|app|capacitor|ionic|tauri|[a-z]+-extension)://(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{0,5}))?(?:[/?#].*)?"
)
_OWN_PORTS: Final = {"http": 80, "https": 443}
_EXPECTED: Final = "expected origins such as https://app.example.org or http://localhost:5173, separated by commas"


def _parse(text: str) -> tuple[str, ...]:
    return tuple(map(_taken, words(text)))


def _taken(text: str) -> str:
    """Return an origin that is written as browsers send it, to be compared with what they send. Raises ValueError."""
    if "*" in text:
        raise ValueError(f"* matches nothing here; name each origin by itself, such as {_example(text)}")
    if text.lower() == "null":
        raise ValueError("null is what every sandboxed frame and every file sends; name the origins of your pages")
    if not text.isascii():
        raise ValueError("write a host with other letters than a to z as browsers send it, beginning with xn--")
    origin = _as_sent(text)
    if origin is None:
        raise ValueError(_EXPECTED)
    if origin != text:
        raise ValueError(f"write {origin}, as browsers send it: an origin has a scheme, a host and a port, and no more")
    return origin


def _example(pattern: str) -> str:
    """Return an origin that somebody may have meant by a pattern."""
    return _as_sent(pattern.replace(":*", ":5173").replace("*", "app")) or "https://app.example.org"


def _as_sent(text: str) -> str | None:
    """Return how browsers send the origin of an address, or None when it has none."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        return None
    scheme, host, digits = match.groups()
    try:
        if host.startswith("["):
            host = f"[{_ipv6(host[1:-1])}]"
        elif re.fullmatch("[0-9]+|0x[0-9a-f]*", host.rstrip(".").rpartition(".")[2]):
            host = str(IPv4Address(host))
    except ValueError:
        return None
    if not digits:
        return f"{scheme}://{host}"
    port = int(digits)
    if not 0 < port < 65_536:
        return None
    return f"{scheme}://{host}" if port == _OWN_PORTS.get(scheme) else f"{scheme}://{host}:{port}"


def _ipv6(text: str) -> str:
    address = IPv6Address(text)
    if address.ipv4_mapped is None:
        return str(address)
    # Newer Pythons write these with dots, browsers never do.
    low = int(address.ipv4_mapped)
    return f"::ffff:{low >> 16:x}:{low & 0xFFFF:x}"


ORIGINS: Final = Form("origins, separated by commas", _parse)
