"""The description of a case, part of which is ours."""

from __future__ import annotations

from app.commands import cases
from app.commands.folders import shortened
from app.commands.servers import CallError, Server
from app.db.models import DESCRIPTION_LENGTH
from app.errors import DossierError

_ATTEMPTS = 4  # at a description that others write at the same time


class GoneError(DossierError):
    """The case was deleted, or may not be seen any more."""


class Description:
    """What a case says of itself: a text of ours, and what others write around it."""

    def __init__(self, server: Server, case_id: str, said: str, version: int | None = None) -> None:
        """Take the text of ours, and the case's version if its description is known to be that alone."""
        self._server = server
        self._id = case_id
        self._said = said
        self._version = version

    def put(self, text: str, status: str) -> None:
        """Put a text in place of ours into the case's description, and a status in place of OPEN.

        What others have written there meanwhile stays. Raises CallError and GoneError.
        """
        for attempt in range(_ATTEMPTS):
            try:
                changed = {"description": text, "status": status}
                if attempt or self._version is None:
                    changed = self._among_theirs(text, status)
                    if not changed:
                        break
                values = {"id": self._id, "expectedVersion": self._version, **changed}
                case = self._server.change("updateCase", "case { version }", **values)
            except CallError as error:
                if error.code == "NOT_FOUND":
                    raise GoneError(str(error)) from None
                if error.code != "CONFLICT" or attempt == _ATTEMPTS - 1:
                    raise
            else:
                self._version = case["version"] if changed["description"] == text else None
                break
        self._said = text

    def _among_theirs(self, text: str, status: str) -> dict[str, str]:
        """Return what to change of the case as it is by now; nothing when it has the text already."""
        case = cases.with_id(self._server, self._id)
        if case is None:
            raise GoneError("the case was deleted meanwhile")
        theirs = case["description"] or ""
        if text in theirs:
            return {}
        self._version = case["version"]
        if self._said in theirs:
            description = theirs.replace(self._said, text)
        else:
            description = f"{theirs}\n\n{text}" if theirs else text
        changed = {"description": shortened(description, DESCRIPTION_LENGTH)}
        return changed | ({"status": status} if case["status"] == "OPEN" else {})
