"""What reads cost by how many cases there are and how many of them a viewer may see: `python -m bench.finding`.

A database has a number of cases, each with three events and six file batches; one of them has a word that no other
has. Those who read are members of none, of five, of half and of all of them, and an auditor. Printed are medians of
milliseconds, of the statements alone: HTTP is left out.
"""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphql import OperationDefinitionNode, parse
from graphql.execution.values import VariableValues
from sqlalchemy import Connection, func, insert, select, update

from app.db import Database, open_database
from app.db.migrations import in_transaction, migrate
from app.db.models import Case, CaseMember, SearchText, User, table_of
from app.db.searching import grams_of_texts, into_grams, out_of_grams
from app.ownership import FEW, Viewer
from app.reading.plans import Plan
from app.reading.selections import Request, collect
from app.reading.streams import plan_query
from app.record.entries import SUBJECTS
from app.record.journal import text_of
from app.schema import executable
from app.settings import Settings
from app.values import new_user_id, now
from bench import data, databases

_FOLDER = Path(__file__).parent / ".work" / "finding"
_TIMES = 15
_CASES, _TEXTS = table_of(Case), table_of(SearchText)
_RARE = "Zanzibar"
_REQUEST = Request(executable(), {}, VariableValues({}, {}))
_NODE = "title status viewerRole createdBy { name }"
READS = {
    "page of 50": f"{{ cases(first: 50) {{ nodes {{ {_NODE} }} }} }}",
    "page of 50 by title": f"{{ cases(first: 50, orderBy: [TITLE_ASC]) {{ nodes {{ {_NODE} }} }} }}",
    "count": "{ cases { totalCount } }",
    "rare text": f'{{ cases(first: 50, where: {{text: "{_RARE}"}}) {{ nodes {{ {_NODE} }} }} }}',
    "no such text": '{ cases(first: 50, where: {text: "no such words"}) { nodes { id } } }',
    "common text": f'{{ cases(first: 50, where: {{text: "warehouse"}}) {{ nodes {{ {_NODE} }} }} }}',
    "two letters": f'{{ cases(first: 50, where: {{text: "wa"}}) {{ nodes {{ {_NODE} }} }} }}',
    "search, rare": f'{{ search(text: "{_RARE}") {{ nodes {{ kind excerpt case {{ title }} }} }} }}',
    "search, common": '{ search(text: "workstation") { nodes { kind excerpt case { title } } } }',
    "search, common in cases": '{ search(text: "warehouse") { nodes { kind excerpt case { title } } } }',
    "search, two letters": '{ search(text: "wo") { nodes { kind excerpt case { title } } } }',
    "search by number": '{ search(text: "#12") { nodes { kind excerpt case { title } } } }',
    "node": '{ node(id: "%s") { id ... on Case { title } } }',
    "nested 50 of 50": (
        '{ case(id: "%s") { events(first: 50) { nodes { title fileBatches(first: 50) { nodes { label } } } } } }'
    ),
}


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.finding", description=__doc__)
    parser.add_argument("cases", type=int, nargs="*", default=[2_500, 25_000], help="how many cases there are")
    parser.add_argument("--kind", choices=("sqlite", "postgresql"), action="append", help="on which database")
    options = parser.parse_args()
    for kind in options.kind or ("sqlite", "postgresql"):
        for cases in options.cases:
            with _filled(kind, cases) as settings:
                asyncio.run(_measure(settings, f"{kind}, {cases:,} cases"))
    return 0


@contextmanager
def _filled(kind: str, cases: int) -> Iterator[Settings]:
    if kind == "postgresql":
        with databases.postgresql_server() as server:
            yield _fill(server, cases)
        return
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    try:
        yield _fill(f"sqlite+aiosqlite:///{_FOLDER / 'dossier.db'}", cases)
    finally:
        shutil.rmtree(_FOLDER, ignore_errors=True)


def _fill(url: str, cases: int) -> Settings:
    settings = databases.settings(url)
    migrate(settings)
    began = time.monotonic()

    def progress(made: int) -> None:
        print(f"\r{made:,} cases, {time.monotonic() - began:.0f} s", end="", file=sys.stderr, flush=True)

    in_transaction(settings, lambda connection: _write(connection, cases, progress), "filled")
    print(f"\r{cases:,} cases made in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return settings


def _write(connection: Connection, cases: int, progress: Any) -> None:
    data.fill_without_record(connection, cases, progress)
    found = select(_CASES.c.id).order_by(_CASES.c.number)
    for name, step, most in (("five", cases // 5, 5), ("half", 2, cases)):
        user = new_user_id()
        connection.execute(insert(User), [{"id": user, "subject": name}])
        ids = connection.execute(found.where(_CASES.c.number % step == 1 % step).limit(most)).scalars().all()
        member = {"user_id": user, "role": "VIEWER", "expires_at": None, "given_by": None}
        connection.execute(insert(CaseMember), [{**member, "case_id": case} for case in ids])
    # Every fifth is seen by all of them.
    row = connection.execute(select(_CASES).where(_CASES.c.number == cases // 5 + 1)).one()._asdict()
    row["description"] = f"Shipped to {_RARE} by night"
    text = text_of(SUBJECTS["cases"], row, row["id"])
    connection.execute(update(_CASES).where(_CASES.c.id == row["id"]).values(description=row["description"]))
    written, of_row = {"text": text["text"], "grams": text["grams"]}, _TEXTS.c.row_id == row["id"]
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.execute(out_of_grams(grams_of_texts().where(of_row)))
    connection.execute(update(_TEXTS).where(of_row).values(written))
    if is_sqlite:
        connection.execute(into_grams(grams_of_texts().where(of_row)))
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE")


async def _measure(settings: Settings, title: str) -> None:
    database = await open_database(settings)
    try:
        viewers = await asyncio.to_thread(in_transaction, settings, _viewers, "read")
        print(f"\n{title}; milliseconds, median of {_TIMES}")
        print(f"{'':26}{''.join(f'{name:>10}' for name in viewers)}")
        for name, text in READS.items():
            document = text % data.full_case() if "%s" in text else text
            taken = [await _median(database, viewer, document) for viewer in viewers.values()]
            print(f"{name:26}{''.join(f'{each:10.2f}' for each in taken)}", flush=True)
    finally:
        await database.close()


def _viewers(connection: Connection) -> dict[str, Viewer]:
    counted = select(func.count()).where(CaseMember.user_id == User.id).correlate(User.__table__).scalar_subquery()
    rows = connection.execute(select(User.subject, User.id, counted.label("cases"))).all()
    found = {row.subject: Viewer(row.id, frozenset(), row.subject, row.cases <= FEW) for row in rows}
    found["none"] = Viewer(new_user_id(), frozenset(), "none")
    found["auditor"] = Viewer(new_user_id(), frozenset({"auditor"}), "auditor")
    found["all"] = found.pop(data.SUBJECT)
    return {name: found[name] for name in ("none", "five", "half", "all", "auditor")}


def planned(database: Database, viewer: Viewer, text: str) -> Plan:
    """Return the plan of a query without variables, for a viewer."""
    (operation,) = parse(text).definitions
    query = executable().query_type
    assert isinstance(operation, OperationDefinitionNode)  # noqa: S101 - for the type checker
    assert query is not None  # noqa: S101 - for the type checker
    return plan_query(database, viewer, collect(_REQUEST, query, [operation.selection_set]))


async def _median(database: Database, viewer: Viewer, text: str) -> float:
    plan = planned(database, viewer, text)
    times = []
    for _ in range(_TIMES + 2):  # by then it is prepared
        values = plan.values(_REQUEST.variables, viewer, now(), database.bind)
        began = time.perf_counter()
        await database.read(plan.statement, values, viewer.id)
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times[2:])


if __name__ == "__main__":
    sys.exit(main())
