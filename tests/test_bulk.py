"""Up to a thousand rows at once: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_kept import case_of, made
from tests.test_verify import findings

NOON = "2026-01-01T12:00:00Z"
ERRORS = "errors { __typename code message path }"
EVENT = "id title description type occurredAt timePrecision source sortOrder version"
HISTORY = "query ($id: ID!) { case(id: $id) { history(first: 100) { totalCount nodes { seq kind on { type id } } } } }"


def events(client: Client, case: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return client.change("createEvents", f"events {{ {EVENT} }} change {{ seq }} {ERRORS}", caseId=case, items=items)


def total(client: Client, case: str) -> int:
    found = client.run("query ($id: ID!) { case(id: $id) { events { totalCount } } }", id=case)
    count: int = found["case"]["events"]["totalCount"]
    return count


def test_events_are_created_in_the_order_given(server: Server, alice: Client) -> None:
    case = alice.create_case()
    items: list[dict[str, Any]] = [
        {"title": "First", "occurredAt": NOON, "source": "A log"},
        {"title": "Second", "occurredAt": NOON, "type": "FINDING", "description": "More", "sortOrder": 7},
    ]
    payload = events(alice, case, items)
    shown = [{key: value for key, value in each.items() if key != "id"} for each in payload["events"]]
    defaults: dict[str, Any] = {
        "type": "NOTE",
        "description": None,
        "source": None,
        "sortOrder": 0,
        "timePrecision": "EXACT",
    }
    moment = {"occurredAt": "2026-01-01T12:00:00.000000Z", "version": 1}
    assert shown == [defaults | item | moment for item in items]
    history = alice.run(HISTORY, id=case)["case"]["history"]["nodes"]
    # Each has a change of its own; the payload tells of the first.
    assert [(each["kind"], each["on"]["id"]) for each in history[1::-1]] == [
        ("CREATED", each["id"]) for each in payload["events"]
    ]
    assert payload["change"] == {"seq": history[1]["seq"]}
    assert findings(server.settings, case) == []


def test_batches_are_created_on_several_events(server: Server, alice: Client) -> None:
    case = alice.create_case()
    one, other = (alice.create_event(case) for _ in range(2))
    items = [{"eventId": each.upper(), "label": f"Batch {place}"} for place, each in enumerate([one, other, one])]
    given = {"caseId": case, "items": items}
    payload = alice.change("createFileBatches", f"fileBatches {{ label event {{ id }} }} {ERRORS}", **given)
    assert payload == {
        "fileBatches": [
            {"label": f"Batch {place}", "event": {"id": each}} for place, each in enumerate([one, other, one])
        ],
        "errors": [],
    }
    assert findings(server.settings, case) == []


@pytest.mark.parametrize("count", [3, 10, 11])
def test_a_search_tells_of_the_last_row_first(alice: Client, count: int) -> None:
    case = alice.create_case()
    items = [{"title": f"Crane {place}", "occurredAt": NOON} for place in range(count)]
    assert events(alice, case, items)["errors"] == []
    found = alice.run('{ search(text: "crane", kinds: [EVENT], first: 20) { nodes { excerpt } } }')["search"]["nodes"]
    assert [each["excerpt"] for each in found] == [item["title"] for item in reversed(items)]


def test_every_fault_is_told_with_the_place_of_its_row(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    good = {"title": "Good", "occurredAt": NOON}
    bad = [
        good,
        {"title": " ", "occurredAt": NOON, "utcOffset": "Z"},
        {"title": "t", "occurredAt": NOON, "occurredUntil": "2025-01-01T00:00:00Z"},
        {"title": "t" * 201, "occurredAt": NOON, "timePrecision": "DAY"},
    ]
    payload = events(alice, case, bad)
    assert (payload["events"], payload["change"]) == ([], None)
    assert [(each["code"], each["path"]) for each in payload["errors"]] == [
        ("INVALID_INPUT", ["input", "items", "1", "title"]),
        ("INVALID_INPUT", ["input", "items", "1", "utcOffset"]),
        ("INVALID_INPUT", ["input", "items", "2", "occurredUntil"]),
        ("INVALID_INPUT", ["input", "items", "3", "title"]),
        ("INVALID_INPUT", ["input", "items", "3", "occurredAt"]),
    ]
    assert payload["errors"][0]["message"] == "`items[1].title` must not be blank"
    event, foreign = alice.create_event(case), mallory.create_event(mallory.create_case())
    batches = [{"eventId": each, "label": "L"} for each in (event, foreign, "nothing")]
    payload = alice.change("createFileBatches", f"fileBatches {{ id }} {ERRORS}", caseId=case, items=batches)
    assert payload == {
        "fileBatches": [],
        "errors": [
            {
                "__typename": "NotFoundError",
                "code": "NOT_FOUND",
                "message": "there is no such event here",
                "path": ["input", "items", place, "eventId"],
            }
            for place in ("1", "2")
        ],
    }
    payload = alice.change("deleteEvents", f"deletedIds {ERRORS}", caseId=case, ids=[event, foreign])
    assert (payload["deletedIds"], [each["path"] for each in payload["errors"]]) == ([], [["input", "ids", "1"]])
    assert total(alice, case) == 1


@pytest.mark.parametrize("count", [0, 1_001])
def test_there_is_a_least_and_a_most(alice: Client, count: int) -> None:
    case = alice.create_case()
    payload = events(alice, case, [{"title": "T", "occurredAt": NOON}] * count)
    message = f"`items` must have 1 to 1,000 items, not {count}"
    assert [(each["message"], each["path"]) for each in payload["errors"]] == [(message, ["input", "items"])]
    payload = alice.change("deleteEvents", f"deletedIds {ERRORS}", caseId=case, ids=["x"] * count)
    assert [each["message"] for each in payload["errors"]] == [f"`ids` must have 1 to 1,000 values, not {count}"]
    assert total(alice, case) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("patient")
def test_a_thousand_come_and_go_and_come_back(new_database: Callable[[str], str], kind: str) -> None:
    with serving(kind, new_database(kind)) as server:
        alice = server.client()
        case = alice.create_case()
        items = [{"title": f"Event {number}", "occurredAt": NOON} for number in range(1_000)]
        ids = [each["id"] for each in events(alice, case, items)["events"]]
        assert len({*ids}) == 1_000
        batches = [{"eventId": ids[number % 10], "label": f"Batch {number}"} for number in range(1_000)]
        made(alice, "createFileBatches", caseId=case, items=batches)
        found = "query ($text: String!) { search(text: $text) { totalCount } }"
        assert alice.run(found, text="batch 99")["search"]["totalCount"] == 11
        payload = made(alice, "deleteEvents", "deletedIds", caseId=case, ids=ids[:500] + ids[:2])
        assert payload["deletedIds"] == ids[:500]
        assert (total(alice, case), alice.run(found, text="batch 99")["search"]["totalCount"]) == (500, 0)
        assert len(case_of(alice, case)["trash"]["nodes"]) == 50  # of a page
        made(alice, "restore", caseId=case, id=ids[0])
        count = "query ($id: ID!) { case(id: $id) { fileBatches { totalCount } events { totalCount } } }"
        now = alice.run(count, id=case)["case"]
        assert (now["fileBatches"]["totalCount"], now["events"]["totalCount"]) == (100, 501)
        assert findings(server.settings) == []


def test_a_request_that_is_sent_again_is_made_once(alice: Client) -> None:
    case = alice.create_case()
    given = {"caseId": case, "items": [{"title": "T", "occurredAt": NOON}] * 3, "requestId": "0123456789abcdef"}
    first, again = (alice.change("createEvents", "events { id } replayed errors { code }", **given) for _ in range(2))
    assert (first["replayed"], again["replayed"], again["events"]) == (False, True, first["events"])
    payload = alice.change("deleteEvents", "deletedIds", caseId=case, ids=[each["id"] for each in first["events"]])
    assert payload["deletedIds"] == [each["id"] for each in first["events"]]
    # Of what is gone since, nothing is told.
    assert alice.change("createEvents", "events { id } replayed", **given) == {"events": [], "replayed": True}
