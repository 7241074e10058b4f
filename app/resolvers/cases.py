"""Changes to cases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update as update_rows

from app.db import Statement, Transaction
from app.db.models import DESCRIPTION_LENGTH, REFERENCE_LENGTH, TITLE_LENGTH, Case, CaseCounter, table_of
from app.ownership import CHANGE, GOVERN, Viewer, find
from app.reading.payloads import Given
from app.resolvers import changes
from app.resolvers.inputs import AnyRule, Rule, TextRule, checked
from app.values import fold, new_id

_CASES = table_of(Case)
_NEXT_NUMBER = Statement(
    update_rows(CaseCounter).values(last_number=CaseCounter.last_number + 1).returning(CaseCounter.last_number)
)
_RULES: dict[str, Rule] = {
    "title": TextRule(TITLE_LENGTH, nullable=False),
    "description": TextRule(DESCRIPTION_LENGTH),
    "reference": TextRule(REFERENCE_LENGTH),
    "status": AnyRule(),
}


def create(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Create a case that the viewer owns, with the next number; see changes.Work."""
    values = checked(given, _RULES)
    identifier = new_id()
    (number,) = transaction.all(_NEXT_NUMBER, {})[0]
    changes.add(transaction, viewer, _CASES, {"id": identifier, "number": number, **values, **_index(values)})
    changes.add_member(transaction, identifier, viewer.id, GOVERN)
    return identifier


def update(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Change what is given of a case; see changes.Work."""
    values = checked(given, _RULES)
    case = find(transaction, viewer, CHANGE, ("id", Case, given["id"]), lock=True)
    changes.expect_version(case, given)
    changes.update(transaction, viewer, _CASES, case, {**values, **_index(case._asdict() | values)})
    return str(case.id)


def delete(transaction: Transaction, viewer: Viewer, given: Given) -> str:
    """Delete a case with all that is in it; see changes.Work."""
    case = find(transaction, viewer, GOVERN, ("id", Case, given["id"]), lock=True)
    changes.expect_version(case, given)
    changes.remove(transaction, _CASES, case)
    return str(case.id)


def _index(case: Given) -> dict[str, Any]:
    """Return the columns that orders and searches read."""
    return {
        "title_key": fold(case["title"]),
        "search": fold(case["title"], case.get("description"), case.get("reference")),
    }
