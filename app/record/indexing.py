"""What is searched, beside the rows that it is of: compared with them, and made of them anew.

The text of each row is compared where rows are (verifying.py). Here it is told which texts are of no row, and whether
the index has what their grams are: by how many texts have each gram. That two texts have each other's can't be told by
that; it would take a search that misses one of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    table,
)
from sqlalchemy.engine import Connection

from app.db import Statement
from app.db.grams import grams, whole
from app.db.models import SearchText, table_of
from app.db.searching import grams_of_texts, into_grams
from app.db.snapshots import Snapshot, StoredRow
from app.record.entries import SEARCHED, SUBJECTS, Subject
from app.record.journal import text_of

_TEXTS = table_of(SearchText)
_SEARCHED = SEARCHED.values()
_EVENT = SUBJECTS["events"]
_AT_ONCE = 1_000  # rows that are read, and texts that are written


def strays() -> Select[Any]:
    """Return the statement for texts that are of no row that there is, or of one elsewhere: type, row and case."""
    return select(_TEXTS.c.case_id, _TEXTS.c.type, _TEXTS.c.row_id).where(
        not_(or_(*(exists(_owner(subject).correlate(_TEXTS)) for subject in _SEARCHED)))
    )


def is_index_right(snapshot: Snapshot) -> bool:
    """Return whether the index has the grams of all texts, each as often as there are texts that have it."""
    counted: Counter[str] = Counter()
    for type_, text in snapshot.rows(_ALL, {}):
        counted.update(grams(whole(type_, text)))
    return dict(_pairs(snapshot.rows(_TERMS, {}))) == counted


def rebuild(connection: Connection, progress: Callable[[int], None]) -> int:
    """Make all texts and their index anew, of the rows that there are; return how many texts there are.

    `progress` is told how many there are so far.
    """
    if connection.dialect.name == "postgresql":
        # Whoever changes a text waits. Without that, what is changed meanwhile would be made of a row as it was.
        connection.exec_driver_sql("LOCK TABLE search_texts IN EXCLUSIVE MODE")
    connection.execute(delete(_TEXTS))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO search_grams (search_grams) VALUES ('delete-all')")
    found, done = merge(*(_made(connection, subject) for subject in _SEARCHED), key=itemgetter("row_id")), 0
    while some := [*islice(found, _AT_ONCE)]:
        connection.execute(insert(_TEXTS).inline(), some)
        done += len(some)
        progress(done)
    fill_index(connection)
    return done


def fill_index(connection: Connection) -> None:
    """Put all texts into SQLite's index, which has none; PostgreSQL's is kept by itself."""
    if connection.dialect.name == "sqlite":
        connection.execute(into_grams(grams_of_texts()))


def _made(connection: Connection, subject: Subject) -> Iterator[dict[str, Any]]:
    """Iterate over the texts of a table's rows in the order of their ids, which is that in which they were made."""
    rows, last = subject.table, None
    statement = select(rows).order_by(rows.c.id).limit(_AT_ONCE)
    while some := connection.execute(statement if last is None else statement.where(rows.c.id > last)).all():
        for row in some:
            values = row._asdict()
            yield text_of(subject, values, values[subject.place])
        last = some[-1].id


def _owner(subject: Subject) -> Select[Any]:
    rows = subject.table
    event = rows.c.id if subject is _EVENT else rows.c.get("event_id")
    on_event = _TEXTS.c.event_id.is_not_distinct_from(None if event is None else event)
    is_of = and_(rows.c.id == _TEXTS.c.row_id, rows.c[subject.place] == _TEXTS.c.case_id, on_event)
    return select(literal_column("1")).where(_TEXTS.c.type == literal_column(f"'{subject.name}'"), is_of)


def _pairs(rows: Iterator[StoredRow]) -> Iterator[tuple[str, int]]:
    return ((term, count) for term, count in rows)


# U+FFFE and U+FFFF are U+FFFD to FTS5; see grams.as_sqlite_reads.
_AS_READ = func.replace(func.replace(_TEXTS.c.text, func.char(0xFFFE), "\ufffd"), func.char(0xFFFF), "\ufffd")
_ALL = Statement(
    select(_TEXTS.c.type, _AS_READ.label("text")).order_by(_TEXTS.c.id),
    postgresql=select(_TEXTS.c.type, _TEXTS.c.text).order_by(_TEXTS.c.id),
)
_WORDS = func.ts_stat("SELECT grams FROM search_texts").table_valued("word", "ndoc")
_TERM: ColumnElement[str] = column("term")
_TERMS = Statement(
    select(_TERM, column("doc")).select_from(table("search_terms")).order_by(_TERM),
    postgresql=select(_WORDS.c.word, _WORDS.c.ndoc).order_by(_WORDS.c.word),
)
