"""A demo user, for a browser on the machine that the server runs on, while developing.

Whoever signs in shows a code that `serve` printed on the terminal. A proxy on this machine leaves no trace in what it
passes on unless it is told to, so nothing else tells its clients from this machine's user. And whatever shows that a
request comes from elsewhere refuses it, code or not: a page of another origin, a name that was made to point here (DNS
rebinding), a proxy that says so, another machine.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.identity import sign
from app.settings import Settings, signing_secret
from app.web.wire import API_HEADERS

SUBJECT = "demo"
NAME = "Demo User"
LIFETIME = timedelta(hours=1)
_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def new_code(settings: Settings, listening_on: str) -> str | None:
    """Return a new code for the demo user of a server that listens on this IP address, or None if it has no such user.

    There is one in development alone, and only where no other machine reaches the server.
    """
    possible = settings.development and settings.has_secret and is_loopback(listening_on)
    return secrets.token_urlsafe(16) if possible else None


def is_loopback(address: str) -> bool:
    """Say whether an IP address is reached from the same machine only."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class DemoSignIn:
    """Gives tokens for the demo user to whoever has the code."""

    def __init__(self, settings: Settings, code: str) -> None:
        self._settings = settings
        # The value of a header that proxies and tools keep out of their logs.
        self._authorization = f"Demo {code}".encode()
        self._secret = signing_secret(settings, create=False)

    def respond(self, request: Request) -> JSONResponse | None:
        """Return the response with a token, or None without the code, or if the request may be from elsewhere."""
        given = request.headers.get("authorization", "").encode("latin-1")
        if not (secrets.compare_digest(given, self._authorization) and _is_from_this_machine(request)):
            return None
        lifetime = min(LIFETIME, timedelta(seconds=self._settings.jwt_max_lifetime))
        token = sign(self._settings, self._secret, subject=SUBJECT, name=NAME, lifetime=lifetime)
        return JSONResponse({"token": token, "expiresIn": int(lifetime.total_seconds())}, headers=API_HEADERS)


def _is_from_this_machine(request: Request) -> bool:
    headers = request.headers
    hosts = headers.getlist("host")
    return (
        request.method == "POST"
        and request.client is not None
        and is_loopback(request.client.host)
        and len(hosts) == 1
        and _HOST.fullmatch(hosts[0]) is not None
        and headers.getlist("origin") in ([], [f"http://{hosts[0]}"])
        and headers.get("sec-fetch-site", "same-origin") == "same-origin"
        # A page of another origin can't send this type without asking first (CORS), and is told no.
        and headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"
        and not any(name in headers for name in _PROXIED)
    )
