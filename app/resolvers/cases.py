"""Changes to cases."""

from __future__ import annotations

from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session

from app.db.models import DESCRIPTION_LENGTH, REFERENCE_LENGTH, TITLE_LENGTH, Case, CaseCounter, CaseMember
from app.resolvers import changes
from app.resolvers.inputs import AnyRule, Given, Rule, TextRule, checked
from app.resolvers.ownership import CHANGE, GOVERN, Viewer, find
from app.values import fold, new_id

_RULES: dict[str, Rule] = {
    "title": TextRule(TITLE_LENGTH, nullable=False),
    "description": TextRule(DESCRIPTION_LENGTH),
    "reference": TextRule(REFERENCE_LENGTH),
    "status": AnyRule(),
}


def create(session: Session, viewer: Viewer, given: Given) -> str:
    """Create a case that the viewer owns, with the next number; see changes.Work."""
    values = checked(given, _RULES)
    number = session.scalars(
        sql_update(CaseCounter)
        .values(last_number=CaseCounter.last_number + 1)
        .returning(CaseCounter.last_number)
        .execution_options(synchronize_session=False)
    ).one()
    case = Case(id=new_id(), number=number, **values, **changes.authored(viewer))
    _index(case)
    session.add(case)
    session.flush()  # the membership refers to it
    session.add(CaseMember(case_id=case.id, user_id=viewer.id, role=GOVERN))
    return case.id


def update(session: Session, viewer: Viewer, given: Given) -> str:
    """Change what is given of a case; see changes.Work."""
    values = checked(given, _RULES)
    case: Case = find(session, viewer, CHANGE, ("id", Case, given["id"]), lock=True)
    changes.expect_version(case, given)
    changes.update(case, viewer, values)
    _index(case)
    return case.id


def delete(session: Session, viewer: Viewer, given: Given) -> str:
    """Delete a case with all that is in it; see changes.Work."""
    case: Case = find(session, viewer, GOVERN, ("id", Case, given["id"]), lock=True)
    changes.expect_version(case, given)
    session.delete(case)
    return case.id


def _index(case: Case) -> None:
    case.title_key = fold(case.title)
    case.search = fold(case.title, case.description, case.reference)
