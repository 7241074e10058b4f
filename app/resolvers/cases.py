"""Changes to cases."""

from __future__ import annotations

from sqlalchemy import update as update_rows

from app.db import FoundRow, Statement
from app.db.models import DESCRIPTION_LENGTH, REFERENCE_LENGTH, TITLE_LENGTH, Case, CaseCounter, table_of
from app.ownership import ANYBODYS, CHANGE, GOVERN, Viewer, place
from app.reading.payloads import Given
from app.record.entries import case_index
from app.record.journal import Recorder
from app.resolvers.changes import change
from app.resolvers.inputs import AnyRule, Rule, TextRule
from app.values import new_id

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


@change(ANYBODYS, _RULES, in_turn=True)
def create(recorder: Recorder, _: Viewer, __: FoundRow, values: Given) -> str:
    """Create a case. You become its owner."""
    identifier = new_id()
    recorder.start(identifier)
    (number,) = recorder.transaction.all(_NEXT_NUMBER, {})[0]
    recorder.add(_CASES, {"id": identifier, "number": number, **values, **case_index(values)})
    recorder.join(identifier, GOVERN)
    return identifier


@change(place(CHANGE, id=Case), _RULES)
def update(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> str:
    """Change a case. Takes the role CONTRIBUTOR."""
    recorder.update(_CASES, case, {**values, **case_index(case._asdict() | values)})
    return str(case.id)


@change(place(GOVERN, id=Case))
def delete(recorder: Recorder, _: Viewer, case: FoundRow, __: Given) -> str:
    """Delete a case with all its events and file batches. Takes the role OWNER."""
    recorder.remove(_CASES, case)
    return str(case.id)
