"""Cases as commands find them at a server, and as whom it is called."""

from __future__ import annotations

from typing import Any

from app.commands.failures import CommandError
from app.commands.servers import Server
from app.values import parse_id, visible

_SELECTED = "id number title version description status"
_BY_ID = f"query ($id: ID!) {{ case(id: $id) {{ {_SELECTED} }} }}"
_BY_NUMBER = f"""
query ($text: String!) {{
  search(text: $text, kinds: [CASE], first: 1) {{ nodes {{ case {{ {_SELECTED} }} }} }}
}}
"""
_BY_WORDS = f"query ($text: String!) {{ cases(first: 1, where: {{text: $text}}) {{ nodes {{ {_SELECTED} }} }} }}"
_DIGITS = 10  # of the greatest number that a case can have
_VIEWER = "{ viewer { subject } }"


def find_case(server: Server, wanted: str) -> dict[str, Any]:
    """Return a case by its number or its id. Raises DossierError."""
    case: Any = None
    if (id_ := parse_id(wanted)) is not None:
        case = with_id(server, id_)
    elif wanted.isascii() and wanted.isdecimal() and len(wanted) <= _DIGITS:
        # A case whose number is searched for comes first.
        hits = server.call(_BY_NUMBER, text=f"#{int(wanted)}")["search"]["nodes"]
        case = next((hit["case"] for hit in hits if hit["case"]["number"] == int(wanted)), None)
    if not isinstance(case, dict):
        raise CommandError(f"there is no case {visible(wanted)}, at least for you; give its number or its id")
    return case


def with_id(server: Server, id_: str) -> dict[str, Any] | None:
    """Return a case as it is by now, or None. Raises CallError."""
    case: dict[str, Any] | None = server.call(_BY_ID, id=id_)["case"]
    return case


def with_words(server: Server, words: str) -> dict[str, Any] | None:
    """Return a case that says something, or None. Raises CallError."""
    found: list[dict[str, Any]] = server.call(_BY_WORDS, text=words)["cases"]["nodes"]
    return found[0] if found else None


def viewer(server: Server) -> str:
    """Return as whom the server is called. Raises DossierError."""
    try:
        subject: object = server.call(_VIEWER)["viewer"]["subject"]
    except (LookupError, TypeError):
        subject = None
    if not isinstance(subject, str):
        raise server.no_dossier()
    return subject
