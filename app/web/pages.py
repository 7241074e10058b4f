"""What a browser finds here: the explorer at `/graphql`, the example app at `/app/`, and the demo user's token."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.settings import Settings
from app.web.demo import DemoSignIn
from app.web.sites import Site, wants_page

# Monaco, the explorer's editor, places its lines by style attributes in markup, and its underlining of errors is an
# image in the style sheet. Style elements, whose selectors could read a page and carry it away, remain forbidden.
_MONACO = {"style-src-attr": "'unsafe-inline'", "img-src": "'self' data:"}


class Pages:
    """The pages of a server. There is a demo user where there is a code for one; see app/web/demo.py."""

    def __init__(self, settings: Settings, demo_code: str | None) -> None:
        self._demo = DemoSignIn(settings, demo_code) if demo_code is not None else None
        facts = {
            "demo": self._demo is not None,
            "introspection": settings.introspection,
            "trustedDocumentsOnly": settings.trusted_documents_only,
        }
        self._explorer = Site("explorer", "/explorer/", facts, _MONACO)
        self._timeline = Site("timeline", "/app/", facts)

    def respond(self, request: Request) -> Response | None:
        """Return the answer to a browser's request, or None when it is for the API or for nothing that is here."""
        path: str = request.scope["path"]
        if path == "/demo-token":
            return self._demo.respond(request) if self._demo else None
        if request.method not in {"GET", "HEAD"}:
            return None
        if path.startswith("/explorer/"):
            return self._explorer.asset(path, request.headers)
        if path in {"/app", "/app/"}:
            return self._timeline.page(request.headers)  # to whatever asks: there is nothing else at these addresses
        if path.startswith("/app/"):
            found = self._timeline.asset(path, request.headers)
            # What is no asset is an address within the app, whose own code reads it.
            return found or (self._timeline.page(request.headers) if _is_browser(request) else None)
        if path == "/graphql" and not request.scope["query_string"] and _is_browser(request):
            return self._explorer.page(request.headers)
        return None


def _is_browser(request: Request) -> bool:
    return wants_page(request.headers.get("accept"))
