"""The web pages that Dossier serves, built by hatch_build.py: a page, and assets whose names hold their hash.

A site is read whole when the server starts. A request's path is looked up in a table and never joined to a folder.
"""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response

BUILT: Final = Path(__file__).parents[1] / "built"
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".woff2": "font/woff2",
}
_STRICTEST: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "worker-src": "'self'",
    "connect-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "font-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_FOREVER: Final = "public, max-age=31536000, immutable"
_DENIED: Final = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "microphone", "midi",
    "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking")  # fmt: skip


@dataclass(frozen=True)
class _Asset:
    compressed: bytes
    etag: str
    media_type: str
    cache_control: str

    @cached_property
    def plain(self) -> bytes:
        return gzip.decompress(self.compressed)


class Site:
    """A built page with its assets.

    `name` is what hatch_build.py calls it, `path` the one that its assets lie under, `facts` what the server tells
    the page of itself, and `policy` what its Content-Security-Policy says otherwise than the strictest.
    """

    def __init__(self, name: str, path: str, facts: Mapping[str, object], policy: Mapping[str, str] = {}) -> None:
        self._headers = _security_headers({**_STRICTEST, **policy})
        folder = BUILT / name
        self.missing = not (folder / "index.html").is_file()
        self._page = _missing(name) if self.missing else _with_facts((folder / "index.html").read_bytes(), facts)
        self._etag = _etag(self._page)
        self._assets: dict[str, _Asset] = {}
        for file in [] if self.missing else folder.rglob("*.gz"):
            asset = file.relative_to(folder).as_posix().removesuffix(".gz")
            compressed = file.read_bytes()
            self._assets[path + asset] = _Asset(
                compressed,
                _etag(compressed),
                _MEDIA_TYPES.get(Path(asset).suffix, "application/octet-stream"),
                _FOREVER if asset.startswith("assets/") else "no-cache",
            )

    def page(self, request: Headers) -> Response:
        """Return the page, or what to do when it has not been built."""
        if self.missing:
            return Response(self._page, 503, self._headers | {"Cache-Control": "no-store"}, "text/html")
        headers = self._headers | {"Cache-Control": "no-cache", "ETag": self._etag, "Vary": "Accept"}
        if _matches(request, self._etag):
            return Response(None, 304, headers)
        return Response(self._page, 200, headers, "text/html")

    def asset(self, path: str, request: Headers) -> Response | None:
        """Return the asset at a request's path, or None if there is no such asset."""
        asset = self._assets.get(path)
        if asset is None:
            return None
        headers = self._headers | {"Cache-Control": asset.cache_control, "ETag": asset.etag, "Vary": "Accept-Encoding"}
        if _matches(request, asset.etag):
            return Response(None, 304, headers)
        if _quality(request.get("accept-encoding"), "gzip") > 0:
            headers["Content-Encoding"] = "gzip"
            return Response(asset.compressed, 200, headers, asset.media_type)
        return Response(asset.plain, 200, headers, asset.media_type)


def is_built() -> bool:
    """Say whether there are pages: they are built together or left out together."""
    return any(BUILT.glob("*/index.html"))


def wants_page(accept: str | None) -> bool:
    """Say whether an Accept header prefers a page over the API's answer, as only a browser's does."""
    if accept is None or "text/html" not in accept.lower():
        return False
    api = max(_quality(accept, name) for name in ("application/json", "application/graphql-response+json"))
    return _quality(accept, "text/html") > api


def _quality(header: str | None, wanted: str) -> float:
    """Return the quality, 0 to 1, that an Accept or Accept-Encoding header gives a value (RFC 9110, section 12.4.2)."""
    qualities: dict[str, float] = {}
    for part in (header or "").lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            qualities[name] = float(quality)
        except ValueError:
            qualities[name] = 0.0
    ranges = (wanted, f"{wanted.partition('/')[0]}/*", "*/*" if "/" in wanted else "*")
    return next((qualities[name] for name in ranges if name in qualities), 0.0)


def _matches(request: Headers, etag: str) -> bool:
    given = request.get("if-none-match", "")
    return given.strip() == "*" or etag in (tag.strip().removeprefix("W/") for tag in given.split(","))


def _etag(content: bytes) -> str:
    return f'"{sha256(content).hexdigest()[:32]}"'


def _with_facts(page: bytes, facts: Mapping[str, object]) -> bytes:
    element = f'<meta name="dossier" content="{html.escape(json.dumps(facts))}">'
    return page.replace(b"<head>", b"<head>\n    " + element.encode(), 1)


def _missing(name: str) -> bytes:
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head><meta charset="utf-8"><title>Dossier</title></head>\n<body>\n'
        f"<h1>The page “{name}” has not been built</h1>\n"
        "<p>The API works: send it documents by POST to <code>/graphql</code>.</p>\n"
        "<p>To have the page, run <code>.venv/bin/pip install --no-deps -e .</code> in the folder of Dossier's source, "
        "without <code>DOSSIER_BUILD_PAGES=false</code>, and start the server again.</p>\n</body>\n</html>\n"
    ).encode()


def _security_headers(policy: Mapping[str, str]) -> dict[str, str]:
    return {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _DENIED),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
