"""The rows that are read: the same ones in every database."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, update

from app.db.models import (
    Base,
    Case,
    CaseCounter,
    CaseMember,
    Event,
    FileBatch,
    Journal,
    JournalEntry,
    SearchText,
    User,
    table_of,
)
from app.record.entries import SUBJECTS, case_index
from app.record.indexing import fill_index
from app.record.journal import text_of

SUBJECT = "alice"
SMALL, LARGE = 400, 40_000
"""How many cases the two sizes of a database hold."""

_FULL_CASE = 200  # the number of the case that the nested read asks for
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_CASES_AT_ONCE = 1_000
_FILE_TYPES = (".pdf, .docx", ".jpg, .heic, .mov", ".eml", ".xlsx, .csv", None)


def fill(connection: Connection, cases: int) -> None:
    """Insert that many cases with all that is in them, every one owned by the viewer."""
    fill_without_record(connection, cases)
    begin_journals(connection)


def fill_without_record(connection: Connection, cases: int, progress: Callable[[int], None] = lambda _: None) -> None:
    """Insert them without journals; `progress` is told how many there are."""
    owner = _identifier(_BEGINNING, 0)
    connection.execute(insert(User), [{"id": owner, "subject": SUBJECT, "created_at": _BEGINNING}])
    for start in range(1, cases + 1, _CASES_AT_ONCE):
        rows: dict[type[Base], list[Any]] = {Case: [], CaseMember: [], Event: [], FileBatch: []}
        for number in range(start, min(start + _CASES_AT_ONCE, cases + 1)):
            for model, row in _case(number, owner):
                rows[model].append(row)
        texts: list[dict[str, Any]] = []
        for model, some in rows.items():
            connection.execute(insert(model.__table__), some)  # type: ignore[arg-type]
            subject = SUBJECTS[table_of(model).name]
            if subject.searched:
                texts += [text_of(subject, row, row[subject.place]) for row in some]
        connection.execute(insert(SearchText).inline(), sorted(texts, key=itemgetter("row_id")))
        progress(start)
    fill_index(connection)
    connection.execute(update(CaseCounter).values(last_number=cases))


def begin_journals(connection: Connection) -> None:
    """Write down what was inserted without Dossier, as the migration does with what is there before the record."""
    place = Path(__file__).parents[1] / "migrations" / "versions" / "0005_record.py"
    spec = spec_from_file_location("record", place)
    assert spec is not None and spec.loader is not None, place  # noqa: PT018, S101 - it is a file of Python
    migration = module_from_spec(spec)
    spec.loader.exec_module(migration)
    migration.record(connection, table_of(Journal), table_of(JournalEntry))


def full_case() -> str:
    """Return the id of the case with 50 events and 250 file batches."""
    return _identifier(_moment(_FULL_CASE), 0)


def event_of_full_case() -> str:
    """Return the id of an event in that case."""
    return _identifier(_moment(_FULL_CASE), 1)


def _case(number: int, owner: str) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    moment = _moment(number)
    recorded = {
        "version": 1,
        "created_at": moment,
        "created_by": owner,
        "updated_at": moment,
        "updated_by": owner,
    }
    events, batches = (50, 5) if number == _FULL_CASE else (3, 2)
    case = _identifier(moment, 0)
    title = f"Missing stock in warehouse {number}"
    description = "Counted twice; the difference was confirmed."
    reference = f"AUD-{number:06}"
    yield (
        Case,
        recorded
        | {
            "id": case,
            "number": number,
            "title": title,
            "description": description,
            "reference": reference,
            "status": ("OPEN", "ACTIVE")[number % 2],
            **case_index({"title": title, "reference": reference}),
        },
    )
    yield CaseMember, {"case_id": case, "user_id": owner, "role": "OWNER", "expires_at": None}
    for place in range(1, events + 1):
        event = _identifier(moment, place)
        title = f"Copied the drive of workstation {place}"
        yield (
            Event,
            recorded
            | {
                "id": event,
                "case_id": case,
                "type": ("FINDING", "ACTION", "NOTE")[place % 3],
                "title": title,
                "occurred_at": moment + timedelta(hours=place, microseconds=place),
                "occurred_until": None,
                "time_precision": "EXACT",
                "sort_order": place % 2,
                "description": None,
            },
        )
        for order in range(batches):
            yield (
                FileBatch,
                recorded
                | {
                    "id": _identifier(moment, 1_000 * place + order),
                    "case_id": case,
                    "event_id": event,
                    "label": f"Folder {order} of workstation {place}",
                    "file_count": 7 * place + order,
                    "file_types": _FILE_TYPES[order],
                    "sort_order": order,
                    "description": None,
                },
            )


def _moment(number: int) -> datetime:
    return _BEGINNING + timedelta(minutes=number)


def _identifier(moment: datetime, number: int) -> str:
    """Return a UUID of version 7 that is the same in every run."""
    milliseconds = int(moment.timestamp() * 1000)
    tail = random.Random(f"{milliseconds} {number}").getrandbits(62)  # noqa: S311 - no secret
    return str(uuid.UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | tail))
