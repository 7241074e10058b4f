"""What the record says of a case that is taken out of Dossier."""

from __future__ import annotations

from app import ownership
from app.db import Database, Transaction
from app.db.models import Case, ChangeKind
from app.ownership import READ, Viewer
from app.record.entries import SUBJECTS
from app.record.journal import Recorder
from app.record.keeping import Touch

_CASE = SUBJECTS[Case.__tablename__]


async def record(
    database: Database, viewer: Viewer, case_id: str, format_: str, where: str | None, *, history: bool
) -> None:
    """Write down that a viewer takes a case out: in which format, by which filter of events, as JSON, and whether with
    its history.

    Whoever may read a case may do so, whatever keeps it. Raises NotFound, and what Database.write does.
    """

    def work(transaction: Transaction) -> None:
        recorder = Recorder(transaction, viewer.id, viewer.subject)
        case = ownership.find(recorder, viewer, READ, ("id", Case, case_id), lock=True, touch=Touch.GOVERNS)
        said = {"format": format_, "where": where, "history": history or None}
        told = {name: (None, value) for name, value in said.items() if value is not None}
        recorder.note(ChangeKind.EXPORTED, _CASE, {**case._asdict(), "version": None}, told)
        recorder.close()

    await database.write(work, viewer.id, place=case_id)
