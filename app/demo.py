"""A demo user, for a browser on the machine that the server runs on, while developing.

The token is given without a password, so everything that could bring the request from elsewhere refuses it: a page
of another origin, a name that was made to point here (DNS rebinding), a proxy, another machine.
"""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import JSONResponse

from app.identity import sign
from app.settings import Settings, signing_secret
from app.wire import API_HEADERS

SUBJECT = "demo"
NAME = "Demo User"
LIFETIME = timedelta(hours=1)
_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_PROXIED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def is_loopback(address: str) -> bool:
    """Say whether an IP address is reached from the same machine only."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class DemoSignIn:
    """Gives tokens for the demo user."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = signing_secret(settings, create=False)

    def respond(self, request: Request) -> JSONResponse | None:
        """Return the response with a token, or None if the request may have come from elsewhere."""
        if not _is_from_this_machine(request):
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
