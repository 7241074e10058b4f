"""When something was last done in a case, and its file batches, whichever event they are on."""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
import time
from contextlib import closing
from typing import Any

import asyncpg
import pytest

from app.db import database_of
from app.db.postgresql import address
from app.execution.documents import Documents
from app.ownership import Viewer
from app.values import new_id
from tests.server import Client, Server, remove_nothing
from tests.test_ownership import count, execute, grant

pytestmark = pytest.mark.long

# The last activity


def activity(client: Client, case: str, **as_of: Any) -> str:
    query = """
        query ($id: ID!, $asOf: AsOf) {
          case(id: $id, asOf: $asOf) {
            lastActivityAt again: lastActivityAt title history(first: 1) { nodes { at } }
            events(first: 1) { nodes { case { lastActivityAt } } }
          }
        }
    """
    found = client.run(query, id=case, asOf=as_of or None)["case"]
    at: str = found["lastActivityAt"]
    assert found["again"] == found["history"]["nodes"][0]["at"] == at
    assert [node["case"]["lastActivityAt"] for node in found["events"]["nodes"]] in ([at], [])
    return at


def test_every_change_of_a_case_and_below_it_moves_its_last_activity(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), server.client()
    moments = [activity(alice, case)]
    event = alice.create_event(case)
    moments.append(activity(alice, case))
    batch = alice.create_batch(case, event)
    moments.append(activity(alice, case))
    for mutation, given in (
        ("updateCase", {"id": case, "title": "New"}),
        ("updateEvent", {"caseId": case, "id": event, "title": "New"}),
        ("updateFileBatch", {"caseId": case, "eventId": event, "id": batch, "label": "New"}),
        ("setCaseMember", {"caseId": case, "subject": bob.subject, "role": "VIEWER"}),
        ("removeCaseMember", {"caseId": case, "subject": bob.subject}),
        ("placeHold", {"caseId": case, "name": "H", "reason": "R"}),
        ("deleteFileBatch", {"caseId": case, "eventId": event, "id": batch}),  # which is refused, and noted
        ("updateCase", {"id": case, "title": "New"}),  # which changes nothing
    ):
        alice.change(mutation, "errors { code }", **given)
        moments.append(activity(alice, case))
    assert moments[-1] == moments[-2]
    assert sorted({*moments}) == moments[:-1]
    assert [activity(alice, case, seq=seq) for seq in range(2, len(moments) + 1)] == moments[:-1]
    assert activity(alice, case, at=moments[4]) == moments[4]
    assert alice.run(f'{{ node(id: "{case}") {{ ... on Case {{ lastActivityAt }} }} }}') == {
        "node": {"lastActivityAt": moments[-1]}
    }
    changed = alice.change("updateCase", "case { lastActivityAt updatedAt }", id=case, title="Newer")["case"]
    assert changed["lastActivityAt"] == changed["updatedAt"] > moments[-1]


def pages(client: Client, order: str, size: int, **more: Any) -> list[str]:
    """Return the ids of all cases, read page by page, forwards, and see that they are the same backwards."""
    query = """
        query ($order: [CaseOrder!], $first: Int, $after: String, $last: Int, $before: String, $where: CaseFilter) {
          cases(orderBy: $order, first: $first, after: $after, last: $last, before: $before, where: $where) {
            totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
          }
        }
    """
    found: dict[bool, list[str]] = {False: [], True: []}
    for backward in (False, True):
        cursor = None
        while True:
            bound = {"last": size, "before": cursor} if backward else {"first": size, "after": cursor}
            page = client.run(query, order=order.split(", "), **bound, **more)["cases"]
            ids = [node["id"] for node in page["nodes"]]
            found[backward] = ids + found[backward] if backward else found[backward] + ids
            info = page["pageInfo"]
            assert info["hasPreviousPage" if not backward else "hasNextPage"] == (cursor is not None)
            if not info["hasPreviousPage" if backward else "hasNextPage"]:
                break
            cursor = info["startCursor" if backward else "endCursor"]
        assert page["totalCount"] == len(found[backward])
    assert found[True] == found[False]
    return found[False]


def at_once(server: Server, moments: dict[str, str]) -> None:
    for case, moment in moments.items():
        execute(server, f"UPDATE journals SET at = '{moment}' WHERE case_id = '{case}'")  # noqa: S608 - ours


def test_cases_are_listed_by_their_last_activity(server: Server, alice: Client) -> None:
    number = f"{time.time_ns()}"
    cases = [alice.create_case(title=title, reference=number) for title in "abcabc"]
    for case in (cases[3], cases[0], cases[5]):
        alice.create_event(case)
    by_activity = [*(cases[place] for place in (1, 2, 4, 3, 0, 5))]
    admin = server.client(roles=("admin",))
    for size in (1, 2, 4, 100):
        assert pages(alice, "LAST_ACTIVITY_ASC", size) == by_activity
        assert pages(alice, "LAST_ACTIVITY_DESC", size) == by_activity[::-1]
        assert pages(alice, "LAST_ACTIVITY_DESC", size, where={"text": "A"}) == [cases[0], cases[3]]
        # Of all cases there are those of others, in which something goes on meanwhile.
        assert pages(admin, "LAST_ACTIVITY_DESC", size, where={"text": number}) == by_activity[::-1]
    # Also where nothing else is asked of it.
    query = "{ cases(orderBy: [LAST_ACTIVITY_ASC]) { totalCount nodes { id } } }"
    assert [node["id"] for node in alice.run(query)["cases"]["nodes"]] == by_activity
    assert alice.run(query.replace("nodes { id }", ""))["cases"] == {"totalCount": 6}
    # It breaks ties, and has its own broken.
    by_title = [cases[place] for place in (0, 3, 4, 1, 5, 2)]
    assert pages(alice, "TITLE_ASC, LAST_ACTIVITY_DESC", 2) == by_title
    moments = {case: activity(alice, case) for case in cases}
    try:
        at_once(server, dict.fromkeys(cases, moments[cases[0]]))
        assert pages(alice, "LAST_ACTIVITY_ASC", 2) == sorted(cases)
        assert pages(alice, "LAST_ACTIVITY_DESC", 4) == sorted(cases)[::-1]
        assert pages(alice, "LAST_ACTIVITY_DESC, TITLE_DESC", 4) == [cases[place] for place in (5, 2, 4, 1, 3, 0)]
    finally:
        at_once(server, moments)
    # A case that is gone leaves its journal, and its place.
    alice.change("deleteCase", "errors { code }", id=cases[2])
    assert cases[2] not in pages(alice, "LAST_ACTIVITY_DESC", 2)


def test_members_of_a_case_alone_find_it_by_its_last_activity(server: Server, alice: Client) -> None:
    bob, case = server.client(), alice.create_case()
    alice.create_case()
    assert pages(bob, "LAST_ACTIVITY_DESC", 10) == []
    grant(server, case, bob, "VIEWER")
    assert pages(bob, "LAST_ACTIVITY_DESC", 10) == [case]


# The batches of a case

BATCHES = """
query ($id: ID!, $where: FileBatchFilter, $order: [FileBatchOrder!], $first: Int, $after: String, $asOf: AsOf) {
  case(id: $id, asOf: $asOf) {
    fileBatches(where: $where, orderBy: $order, first: $first, after: $after) {
      totalCount nodes { label event { title case { id } } } pageInfo { hasNextPage endCursor }
    }
  }
}
"""


def labels(client: Client, case: str, **more: Any) -> str:
    """Return the labels of a case's batches, read page by page, two at a time."""
    found, after = "", None
    while True:
        page = client.run(BATCHES, id=case, first=2, after=after, **more)["case"]["fileBatches"]
        found += "".join(node["label"] for node in page["nodes"])
        assert {node["event"]["case"]["id"] for node in page["nodes"]} <= {case}
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert page["totalCount"] == len(found)
    return found


@pytest.fixture
def filled(alice: Client) -> tuple[str, list[str], dict[str, str]]:
    """A case with batches a to f on two events; and another case, of which nothing must show."""
    case = alice.create_case()
    events = [alice.create_event(case, title=title) for title in "EF"]
    batches = {}
    for place, label in enumerate("abcdef"):
        given = {"sortOrder": -place // 2, "fileTypes": [".PDF, .docx", None, "\u00c9vtx"][place % 3]}
        batches[label] = alice.create_batch(case, events[place % 2], label=label, description=f"No. {place}", **given)
    other = alice.create_case()
    alice.create_batch(other, alice.create_event(other), label="z", fileTypes=".pdf")
    return case, events, batches


def test_a_case_lists_the_batches_of_all_its_events(alice: Client, filled: Any) -> None:
    case, _, _ = filled
    assert labels(alice, case) == labels(alice, case, order=["CREATED_AT_ASC"]) == "abcdef"
    assert labels(alice, case, order=["CREATED_AT_DESC"]) == "fedcba"
    assert labels(alice, case, order=["SORT_ORDER_ASC"]) == "fdebca"
    assert labels(alice, case, order=["SORT_ORDER_DESC"]) == "acbedf"


def test_batches_are_found_by_their_texts_and_times(alice: Client, filled: Any) -> None:
    case, events, batches = filled
    for where, expected in (
        ({"text": "NO. 3"}, "d"),
        ({"text": ".pdf"}, "ad"),
        ({"text": "\u00e9VTX"}, "cf"),
        ({"text": "b"}, "b"),
        ({"text": "a\x1f"}, ""),
        ({"text": "ano"}, ""),
        ({"text": ""}, "abcdef"),
        ({"fileTypes": ".pdf"}, "ad"),
        ({"fileTypes": ", .DOCX"}, "ad"),
        ({"fileTypes": "Vtx"}, "cf"),
        ({"fileTypes": "\u00c9vTX"}, "cf"),
        ({"fileTypes": "%"}, ""),
        ({"fileTypes": "no"}, ""),
        ({"fileTypes": ""}, "acdf"),
        ({"text": "1", "fileTypes": "x"}, ""),
        ({"fileTypes": None, "text": None, "updatedFrom": None}, "abcdef"),
        ({"updatedFrom": "9999-12-31T00:00:00Z"}, ""),
    ):
        assert labels(alice, case, where=where) == expected, where
    path = {"caseId": case, "eventId": events[0], "id": batches["c"]}
    changed = alice.change("updateFileBatch", "fileBatch { updatedAt }", **path, label="C", fileTypes=".e01")
    assert labels(alice, case, where={"updatedFrom": changed["fileBatch"]["updatedAt"]}) == "C"
    assert (labels(alice, case, where={"text": "E01"}), labels(alice, case, where={"text": "vtx"})) == ("C", "f")
    query = """
        query ($case: ID!, $event: ID!, $where: FileBatchFilter, $order: [FileBatchOrder!]) {
          event(caseId: $case, id: $event) {
            fileBatches(where: $where, orderBy: $order) { nodes { label } totalCount }
          }
        }
    """
    for where, order, expected in (
        ({}, None, "eCa"),
        ({}, ["CREATED_AT_DESC"], "eCa"),
        ({"text": "no."}, ["CREATED_AT_ASC"], "aCe"),
        ({"fileTypes": "E0"}, None, "C"),
    ):
        found = alice.run(query, case=case, event=events[0], where=where, order=order)["event"]["fileBatches"]
        assert ("".join(node["label"] for node in found["nodes"]), found["totalCount"]) == (expected, len(expected))


@pytest.mark.parametrize("filter_", ["text", "fileTypes"])
def test_what_no_text_is_is_refused(alice: Client, filled: Any, filter_: str) -> None:
    case, _, _ = filled
    for text, fault in (
        ("\0", "must not contain the character U+0000"),
        ("x" * 1_001, "may have up to 1000 characters, not 1001"),
    ):
        (error,) = alice.errors(BATCHES, id=case, where={filter_: text})
        assert error["message"] == f"`{filter_}` {fault}"
        assert error["extensions"] == {"code": "INVALID_INPUT", "argument": f"where.{filter_}"}


@pytest.mark.long
def test_batches_as_they_were(alice: Client, filled: Any) -> None:
    case, events, batches = filled
    seq = alice.run(f'{{ case(id: "{case}") {{ journal {{ size }} }} }}')["case"]["journal"]["size"]
    orders = [f"{name}_{way}" for name in ("SORT_ORDER", "CREATED_AT") for way in ("ASC", "DESC")]
    wheres = [{}, {"fileTypes": ".pdf"}, {"fileTypes": "VTX"}, {"updatedFrom": "2020-01-01T00:00:00Z"}]

    def all_of_it(**as_of: int) -> list[str]:
        return [
            labels(alice, case, where=where, order=[order], asOf=as_of or None)
            for where, order in itertools.product(wheres, orders)
        ]

    was = all_of_it()
    assert was == all_of_it(seq=seq)
    path = {"caseId": case, "eventId": events[0], "id": batches["c"]}
    alice.change("updateFileBatch", "errors { code }", **path, fileTypes="none", sortOrder=9, label="C")
    alice.change("deleteFileBatch", "errors { code }", caseId=case, eventId=events[1], id=batches["d"])
    alice.create_batch(case, events[1], label="g", fileTypes=".pdf")
    assert labels(alice, case) == "abCefg"
    assert all_of_it(seq=seq) == was
    before_g = all_of_it(seq=seq + 2)
    alice.change("deleteEvent", "errors { code }", caseId=case, id=events[0])
    size = alice.run(f'{{ case(id: "{case}") {{ journal {{ size }} }} }}')["case"]["journal"]["size"]
    assert labels(alice, case) == labels(alice, case, asOf={"seq": size}) == "bfg"
    assert (all_of_it(seq=seq), all_of_it(seq=seq + 2)) == (was, before_g)
    alice.change("restore", "errors { code }", caseId=case, id=events[0])
    assert labels(alice, case) == "abCefg"
    assert labels(alice, case, asOf={"seq": size}) == "bfg"
    # It comes back last of all.
    restored = alice.run(f'{{ case(id: "{case}") {{ journal {{ size }} }} }}')["case"]["journal"]["size"]
    assert labels(alice, case, asOf={"seq": restored - 1}) == "bfg"
    assert labels(alice, case, asOf={"seq": restored}) == "abCefg"
    (error,) = alice.errors(BATCHES, id=case, where={"text": "a"}, asOf={"seq": seq})
    assert error["message"] == "`text` can't be asked of a case as it was"


def test_batches_of_an_event_that_is_gone_are_gone_at_once(
    server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_nothing(monkeypatch)
    case = alice.create_case()
    events = [alice.create_event(case), alice.create_event(case)]
    for place in range(103):
        alice.create_batch(case, events[0], label=f"{place % 10}")
    alice.create_batch(case, events[1], label="x")
    alice.change("deleteEvent", "errors { code }", caseId=case, id=events[0])
    assert count(server, "file_batches", event_id=events[0]) == 103  # which go in slices
    assert labels(alice, case) == "x"
    size = alice.run(f'{{ case(id: "{case}") {{ journal {{ size }} }} }}')["case"]["journal"]["size"]
    for _ in range(2):
        assert labels(alice, case, asOf={"seq": size}) == "x"
        assert len(labels(alice, case, asOf={"seq": size - 1})) == 104
        alice.create_event(case)


# What it costs


INDEXES = {
    "journals_by_time": "cases(orderBy: [LAST_ACTIVITY_DESC], first: 50) { nodes { title lastActivityAt } }",
    "journals_by_time ": "cases(orderBy: [LAST_ACTIVITY_ASC], first: 50, after: $cursor) { nodes { title } }",
    "file_batches_in_case_by_created_at": "case(id: $id) { fileBatches(first: 50) { nodes { label } } }",
    "file_batches_in_case_by_sort_order": """
        case(id: $id) { fileBatches(orderBy: [SORT_ORDER_DESC], where: {fileTypes: "x"}) { nodes { label } } }
    """,
    "events_by_": "case(id: $id) { eventCounts(by: DAY) { from count } }",
}


@pytest.mark.parametrize("index", INDEXES)
def test_lists_are_read_in_the_order_of_an_index(
    server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch, index: str
) -> None:
    asked = INDEXES[index]
    alice.create_case()
    edges = alice.run("{ cases(orderBy: [LAST_ACTIVITY_ASC]) { edges { cursor } } }")["cases"]["edges"]
    values = {"id": new_id(), "cursor": edges[0]["cursor"]}
    declared = ", ".join(
        f"${name}: {type_}" for name, type_ in (("id", "ID!"), ("cursor", "String")) if f"${name}" in asked
    )
    monkeypatch.setattr("app.execution.documents._NOBODY", Viewer("", frozenset(), has_few=False))
    documents = Documents(server.settings, database_of(server.settings))
    given = {name: value for name, value in values.items() if f"${name}" in asked}
    (explained,) = documents.explained(f"query {f'({declared})' * bool(declared)} {{ {asked} }}", given)
    (statement,) = explained.statements
    plan = "\n".join(planned(server, statement))
    assert index.strip() in plan, plan
    if "eventCounts" not in asked:  # which are sorted by their units
        assert not re.search(r"TEMP B-TREE|Sort Key", plan), plan


def planned(server: Server, statement: str) -> list[str]:
    if server.kind == "sqlite":
        with closing(sqlite3.connect(server.settings.database_file)) as connection:
            return [
                row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?"))
            ]

    async def explain() -> list[str]:
        connection = await asyncpg.connect(address(server.settings.database_url))
        try:
            # With so few rows it would read all of a table, and sort them.
            for setting in ("enable_seqscan = off", "enable_bitmapscan = off", "enable_sort = off"):
                await connection.execute(f"SET {setting}")
            await connection.execute("SET plan_cache_mode = force_generic_plan")
            await connection.execute(f"PREPARE asked AS {statement}")
            most = max(map(int, re.findall(r"\$(\d+)", statement)))
            rows = await connection.fetch(f"EXPLAIN EXECUTE asked ({', '.join(['NULL'] * most)})")
            return [row[0] for row in rows]
        finally:
            await connection.close()

    return asyncio.run(explain())
