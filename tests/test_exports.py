"""Exports: a case as a file, as one may read it."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.server import Client, Server


def exported(server: Server, client: Client, case: str, **asked: str) -> httpx.Response:
    return server.http.get(f"/cases/{case}/export", params=asked, headers=client.headers)


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_case_comes_as_rows_in_their_order(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Warehouse")
    second = alice.create_event(case, title="Second", occurredAt="2026-02-01T00:00:00Z", type="ACTION")
    first = alice.create_event(case, title="First", occurredAt="2026-01-01T00:00:00Z")
    batches = [alice.create_batch(case, first, label=f"Batch {number}") for number in range(230)]
    ons = [case, first, second, batches[0], *[batches[1]] * 130]
    for number, on in enumerate(ons):
        alice.change("addComment", "errors { message }", caseId=case, on=on, text=f"Comment {number}")
    answer = exported(server, alice, case, format="jsonl")
    found = rows(answer)
    assert answer.headers["content-type"] == "application/jsonl"
    told = [(row["kind"], row.get("title") or row.get("label") or row["text"]) for row in found]
    expected = [("COMMENT", "Comment 0"), ("EVENT", "First"), ("COMMENT", "Comment 1")]
    for number in range(230):
        expected.append(("FILE_BATCH", f"Batch {number}"))
        expected += [("COMMENT", f"Comment {each}") for each, on in enumerate(ons) if on == batches[number]]
    assert told == [*expected, ("EVENT", "Second"), ("COMMENT", "Comment 2")]
    where = {"type": ["ACTION"]}
    filtered = rows(exported(server, alice, case, format="jsonl", where=json.dumps(where)))
    assert [row["title"] for row in filtered if row["kind"] == "EVENT"] == ["Second"]
    history = alice.run(
        "query ($id: ID!) { case(id: $id) { history(last: 2) { nodes { kind fields { name after } } } } }", id=case
    )
    print(history)
