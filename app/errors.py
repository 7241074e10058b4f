"""Refusals: what Dossier says when it will not do what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class DossierError(Exception):
    """Something the operator must mend; its text is one line that says what to do."""


def first_line(error: Exception) -> str:
    """Return what an error says, or the database's error in it, without what databases add in lines of their own."""
    return (str(getattr(error, "orig", None) or error).splitlines() or [""])[0]


class InvalidTokenError(Exception):
    """A bearer token that is missing, malformed, expired or not ours; its text never quotes the token."""


class DeadlineExceeded(Exception):  # noqa: N818 - it was stopped, nothing failed
    """A request took longer than it may, and its statement was broken off; `seconds` says what it may take."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"this took longer than {seconds:g} seconds and was broken off; ask for less at once")


class PayloadDeadlineExceeded(DeadlineExceeded):
    """The payload of a change took longer to read than it may, so that the change was not made."""

    def __init__(self, seconds: float) -> None:
        Exception.__init__(
            self,
            f"the payload of this change took longer than {seconds:g} seconds, so nothing was changed; ask for less in "
            "it, and read the rest by a query",
        )


class IssuerUnreachable(Exception):  # noqa: N818 - it is the issuer's, not ours
    """A bearer token that can't be judged, because its issuer's keys were never had."""


class Unavailable(Exception):  # noqa: N818 - it will be there again
    """The database can't do for the moment what was asked of it, and nothing was changed.

    `reason` continues "the database", as in "can't be reached"; `state` is the driver's own word for it.
    """

    def __init__(self, reason: str, state: str) -> None:
        super().__init__(f"the database {reason}")
        self.reason = reason
        self.state = state


class UnknownOutcome(Exception):  # noqa: N818 - perhaps nothing failed
    """A change whose commit the database was told and never confirmed: it was made, or it was not.

    `state` is the driver's own word for why, or empty.
    """

    def __init__(self, state: str = "") -> None:
        super().__init__(
            "whether this change was made is not known, for the database did not confirm it; it may have been made, so "
            "look before you repeat it"
        )
        self.state = state


class JournalBroken(Exception):  # noqa: N818 - somebody broke it
    """The head of a case's journal doesn't fit the entries that are there, so nothing is added to it."""

    def __init__(self, case_id: str, size: int | None) -> None:
        """Take the case's id, and how many entries the head counts; None where there is no head."""
        fault = f"its head of {size} entries doesn't fit them" if size is not None else "it has no head"
        super().__init__(f"the journal of case {case_id} is broken, {fault}; see what 'dossier verify' says of it")
        self.case_id = case_id


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a failure
    """A change that was refused before anything was written.

    `path` says where in the mutation's arguments the reason lies, as `("input", "label")`.
    """

    code: str

    def __init__(self, message: str, path: tuple[str, ...]) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class NotFound(Refusal):
    """The addressed object does not exist, or not for this viewer: the two are one answer."""

    code = "NOT_FOUND"


class InvalidInput(Refusal):
    """A value that breaks a rule of its field."""

    code = "INVALID_INPUT"


class Unconfirmed(InvalidInput):
    """What can't be undone, and was not confirmed, with what would go."""

    def __init__(self, preview: Mapping[str, object], message: str, field: str) -> None:
        super().__init__(message, ("input", field))
        self.preview = preview


class Forbidden(Refusal):
    """The viewer may see the object, but their role does not allow the change."""

    code = "FORBIDDEN"

    def __init__(self, message: str, path: tuple[str, ...], required_role: str) -> None:
        super().__init__(message, path)
        self.required_role = required_role


class Conflict(Refusal):
    """Someone else changed the row after the viewer read it."""

    code = "CONFLICT"

    def __init__(self, message: str, path: tuple[str, ...], current_version: int, current_id: str) -> None:
        """Take the version found, and the id of the row for `current` to be read from."""
        super().__init__(message, path)
        self.current_version = current_version
        self.current_id = current_id


class StateError(Refusal):
    """What keeps a case as it is keeps it from this change: CLOSED, SEALED, HELD or RETAINED."""

    def __init__(self, message: str, path: tuple[str, ...], state: str) -> None:
        super().__init__(message, path)
        self.code = self.state = state
        self.row: Any = None
        """What somebody tried to destroy, of which the record then tells: its subject, and the row."""


class RequestMismatch(Refusal):
    """A request with the id of another one of the same user's."""

    code = "REQUEST_MISMATCH"


class Refused(Exception):  # noqa: N818 - it carries refusals
    """One or more refusals of the same change, in the order of its arguments."""

    def __init__(self, *refusals: Refusal) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class RequestFault:
    """A reason why a GraphQL document can't be run, in terms of the document.

    `path` is the path of the field in the response; `argument` the way to the value at fault, as
    `("where", "text")`; `locations` pairs of line and column in the document, both counted from 1; `details` what
    else a program may want to know.
    """

    message: str
    code: str
    path: tuple[str, ...] = ()
    argument: tuple[str, ...] = ()
    locations: tuple[tuple[int, int], ...] = field(default=())
    details: Mapping[str, str | int] = field(default_factory=dict)


class RequestRefused(Exception):  # noqa: N818 - it carries faults
    """A document that is refused before any of it runs."""

    def __init__(self, *faults: RequestFault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


class AnswerTooLarge(RequestRefused):
    """What was asked for would be answered with more than `maximum` bytes; none of it was kept."""

    def __init__(self, maximum: int) -> None:
        super().__init__(
            RequestFault(
                f"the answer has more than {maximum} bytes, which is the most that is allowed, so ask for less at once",
                "LIMIT_EXCEEDED",
                details={"limit": "answerBytes", "maximum": maximum},
            )
        )


class PassedLimit(RequestRefused):
    """More units of time have something in them than `maximum`; none was kept. `site` is that of the plan's field."""

    def __init__(self, maximum: int, site: int) -> None:
        super().__init__(
            RequestFault(
                f"there is something in more than {maximum} units of time, which is the most that is told, so narrow "
                "`where` or take a longer unit for `by`",
                "LIMIT_EXCEEDED",
                details={"limit": "timeUnits", "maximum": maximum},
            )
        )
        self.site = site
