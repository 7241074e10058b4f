"""What is kept: whether anything in a case may change, and whether anything of it may be destroyed.

Four things keep a case, and none of them is another: its status (closed, nothing in it changes until it is reopened),
its seal (nothing in it changes until the seal is broken), holds (nothing of it is destroyed until each is released),
and a date (nothing of it is destroyed before). Members, holds and dates go on in all of them.

`may_destroy` alone permits that something is destroyed, in the transaction that does it, when the head of the case's
journal is held: a hold writes an entry there as well, so that one of the two comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, select

from app.db import FoundRow
from app.db.models import Case, CaseStatus, Hold, table_of
from app.errors import StateError
from app.record.entries import Row, Subject
from app.record.journal import Recorder
from app.values import format_time, visible

_CASES, _HOLDS = table_of(Case), table_of(Hold)


class Touch(Enum):
    """What a change does to a case: what is kept asks for nothing else of it."""

    GOVERNS = "GOVERNS"  # who may do what, and what keeps the case: that goes on whatever keeps it
    REOPENS = "REOPENS"  # gives a closed case another status, and does nothing else
    CHANGES = "CHANGES"
    DESTROYS = "DESTROYS"


def state_of() -> list[ColumnElement[Any]]:
    """Return the columns of a case that say what keeps it, for a statement that has `cases`."""
    return [_CASES.c[name].label(f"case_{name}") for name in ("status", "sealed_at", "retain_until")]


def standing_hold(case_id: ColumnElement[str]) -> ScalarSelect[str]:
    """Return the name of a hold on a case that isn't released, NULL where there is none."""
    standing = select(func.min(_HOLDS.c.name)).where(_HOLDS.c.case_id == case_id, _HOLDS.c.released_at.is_(None))
    return standing.correlate_except(_HOLDS).scalar_subquery()


def check(
    recorder: Recorder,
    case: FoundRow,
    touch: Touch,
    path: tuple[str, ...],
    row: Callable[[], tuple[Subject, Row]],
) -> None:
    """Refuse what may not be done to a case as it is, of which `case` has the columns of `state_of`.

    For what destroys there is `case_hold` as well, of `standing_hold`, and it is permitted. `path` is where in the
    arguments the case is named, `row` what would be destroyed. Raises StateError.
    """
    if touch is Touch.DESTROYS:
        try:
            may_destroy(recorder, case.case_hold, case.case_retain_until, path)
        except StateError as refused:
            refused.row = row()
            raise
    if touch is Touch.GOVERNS:
        return
    if case.case_sealed_at is not None:
        raise StateError(
            "the case is sealed, so that nothing in it changes; an owner breaks the seal with `unsealCase`",
            path,
            "SEALED",
        )
    if touch is not Touch.REOPENS and case.case_status == CaseStatus.CLOSED.value:
        raise StateError(
            "the case is closed, so that nothing in it changes; reopen it with `updateCase`, giving it another "
            "`status` and nothing else",
            path,
            "CLOSED",
        )


def may_destroy(recorder: Recorder, hold: str | None, retain_until: datetime | None, path: tuple[str, ...]) -> None:
    """Permit that something of a case is destroyed, whose journal the recorder holds. Raises StateError.

    `hold` is the name of one that stands, `retain_until` when the case may be destroyed, None for at once.
    """
    if hold is not None:
        raise StateError(
            f"the hold \u201c{visible(hold)}\u201d keeps everything of the case from being destroyed, until "
            "`releaseHold` releases it",
            path,
            "HELD",
        )
    if retain_until is not None and retain_until > recorder.moment:
        raise StateError(
            f"the case is kept until {format_time(retain_until)}, and nothing of it is destroyed before",
            path,
            "RETAINED",
        )
    recorder.permit()
