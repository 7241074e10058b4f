"""Requests with an id: what is sent twice is made once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.db.models import Request, table_of
from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_migrations import ask

ID = "0123456789abcdef"
ANSWER = "replayed change { id seq } errors { __typename code message path }"
CASE = f"case {{ id title version }} {ANSWER}"
HISTORY = "query ($id: ID!) { case(id: $id) { title version history { totalCount nodes { id requestId } } } }"


def create(client: Client, request_id: str | None, **given: Any) -> dict[str, Any]:
    payload: dict[str, Any] = client.change("createCase", CASE, requestId=request_id, **given)
    return payload


def refusal(code: str, message: str, kind: str = "InvalidInputError") -> list[dict[str, Any]]:
    return [{"__typename": kind, "code": code, "message": message, "path": ["input", "requestId"]}]


def test_what_is_sent_twice_is_made_once(alice: Client) -> None:
    first = create(alice, ID, title="Fire")
    assert first["replayed"] is False
    assert first["errors"] == []
    assert create(alice, ID, title="Fire") == first | {"replayed": True}
    assert alice.run("{ cases { totalCount } }")["cases"]["totalCount"] == 1
    history = alice.run(HISTORY, id=first["case"]["id"])["case"]["history"]
    assert [entry["requestId"] for entry in history["nodes"]] == [ID, ID]  # of the case, and of its owner


def test_a_payload_is_read_afresh(alice: Client) -> None:
    case = create(alice, ID, title="Fire")["case"]["id"]
    alice.change("updateCase", "case { id }", id=case, title="Flood")
    again = create(alice, ID, title="Fire")
    assert again["case"] == {"id": case, "title": "Flood", "version": 2}
    assert again["change"]["seq"] == 1


def test_what_is_gone_is_null(alice: Client) -> None:
    case = create(alice, ID, title="Fire")["case"]["id"]
    delete = {"id": case, "requestId": "d" * 16}
    gone = alice.change("deleteCase", f"deletedId {ANSWER}", **delete)
    assert (gone["deletedId"], gone["replayed"], gone["errors"]) == (case, False, [])
    assert create(alice, ID, title="Fire") == {"case": None, "change": None, "replayed": True, "errors": []}
    again = alice.change("deleteCase", f"deletedId {ANSWER}", **delete)
    assert again == {"deletedId": case, "change": None, "replayed": True, "errors": []}


def test_another_input_is_refused(alice: Client) -> None:
    case = create(alice, ID, title="Fire")["case"]["id"]
    message = "`requestId` is that of another request of yours; give each request its own"
    mismatch = {
        "change": None,
        "replayed": False,
        "errors": refusal("REQUEST_MISMATCH", message, "RequestMismatchError"),
    }
    assert create(alice, ID, title="Flood") == {"case": None} | mismatch
    assert create(alice, ID, title="Fire", status="ACTIVE") == {"case": None} | mismatch
    assert alice.change("deleteCase", f"deletedId {ANSWER}", id=case, requestId=ID) == {"deletedId": None} | mismatch


def test_the_id_of_another_user_is_nobodys(alice: Client, mallory: Client) -> None:
    first = create(alice, ID, title="Fire")
    other = create(mallory, ID, title="Fire")
    assert other["replayed"] is False
    assert other["case"]["id"] != first["case"]["id"]


def test_whoever_may_no_longer_see_it_sees_nothing_of_it(server: Server, alice: Client) -> None:
    bob = server.client()
    case = alice.create_case()
    alice.change("setCaseMember", "member { role }", caseId=case, subject=bob.subject, role="CONTRIBUTOR")
    event = {"caseId": case, "title": "E", "occurredAt": "2026-01-01T00:00:00Z", "requestId": ID}
    selection = f"event {{ id title case {{ title }} }} {ANSWER}"
    assert bob.change("createEvent", selection, **event)["event"]["title"] == "E"
    alice.change("removeCaseMember", "deletedId", caseId=case, subject=bob.subject)
    assert bob.change("createEvent", selection, **event) == {
        "event": None,
        "change": None,
        "replayed": True,
        "errors": [],
    }


def test_a_refusal_is_not_kept(alice: Client) -> None:
    assert create(alice, ID, title=" ")["errors"][0]["code"] == "INVALID_INPUT"
    assert create(alice, ID, title="Fire")["replayed"] is False


def test_what_changed_nothing_is_kept_as_that(alice: Client) -> None:
    case = alice.create_case(title="Fire")
    for replayed in (False, True):
        payload = alice.change("updateCase", CASE, id=case, title="Fire", requestId=ID)
        assert payload == {
            "case": {"id": case, "title": "Fire", "version": 1},
            "change": None,
            "replayed": replayed,
            "errors": [],
        }


@pytest.mark.parametrize("request_id", ["", "a" * 15, "a" * 65, "a" * 15 + "!", "a" * 15 + "é", "a" * 15 + "\n"])
def test_an_id_of_another_form_is_refused(alice: Client, request_id: str) -> None:
    message = "`requestId` must be 16 to 64 characters of A-Z, a-z, 0-9, - and _"
    assert create(alice, request_id, title="Fire")["errors"] == refusal("INVALID_INPUT", message)


def test_null_is_no_id(alice: Client) -> None:
    assert [create(alice, None, title="Fire")["replayed"] for _ in range(2)] == [False, False]


def test_twins_make_one_change(alice: Client) -> None:
    case = alice.create_case()
    with ThreadPoolExecutor(8) as pool:
        for number in range(10):
            given = {"caseId": case, "title": "E", "occurredAt": "2026-01-01T00:00:00Z", "requestId": f"{number:016}"}
            twins = [pool.submit(alice.change, "createEvent", f"event {{ id }} {ANSWER}", **given) for _ in range(8)]
            answers = [twin.result() for twin in twins]
            assert len({answer["event"]["id"] for answer in answers}) == 1
            assert sorted(answer["replayed"] for answer in answers) == [False] + [True] * 7
    events = alice.run("query ($id: ID!) { case(id: $id) { events { totalCount } } }", id=case)["case"]["events"]
    assert events["totalCount"] == 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_is_known_for_seven_days(new_database: Callable[[str], str], kind: str) -> None:
    address, requests = new_database(kind), table_of(Request)

    def age(**given: float) -> None:
        moment = datetime.now(UTC) - timedelta(**given)
        ask(server.settings, lambda connection: connection.execute(update(requests).values(at=moment)))

    def kept() -> int:
        count = select(func.count()).select_from(requests)
        return int(ask(server.settings, lambda connection: connection.scalar(count)))

    with serving(kind, address) as server:
        alice = server.client()
        first = create(alice, ID, title="Fire")
        age(days=6, hours=23)
        assert create(alice, ID, title="Fire") == first | {"replayed": True}
        age(days=7, minutes=1)
        again = create(alice, ID, title="Flood")
        assert again["replayed"] is False
        assert again["case"]["id"] != first["case"]["id"]
        age(days=7, minutes=1)
        assert kept() == 1
    # Also those of whoever never comes back are forgotten.
    with serving(kind, address) as server:
        until = time.monotonic() + 10
        while kept():
            assert time.monotonic() < until
            time.sleep(0.05)
