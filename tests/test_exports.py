"""Exports: a case as a file, as one may read it."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import urlsplit
from zipfile import ZipFile

import httpx
import openpyxl
import pytest

from app.exchange import FORMATS
from app.exchange.rows import FIELDS
from app.exchange.tables import WRITERS
from app.schema import executable
from app.web.exports import MOST_AT_ONCE, REPORTS
from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_ownership import execute
from tests.test_verify import findings

pytestmark = pytest.mark.long

ERRORS = "errors { message }"
HISTORY = """
query ($id: ID!) {
  case(id: $id) {
    history(last: 100, orderBy: [SEQ_ASC]) { nodes { kind by { subject } fields { name after } } }
  }
}
"""
CONTENT_TYPES = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "timesketch-jsonl": "application/jsonl",
    "timesketch-csv": "text/csv; charset=utf-8",
    "report": "text/html; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
}


def exported(server: Server, client: Client, case: str, **asked: str) -> httpx.Response:
    return server.http.get(f"/cases/{case}/export", params=asked, headers=client.headers)


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    (error,) = answer.json()["errors"]
    return answer.status_code, error["message"]


def taken_out(client: Client, case: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what the record says of exports: who, and the fields."""
    changes = client.run(HISTORY, id=case)["case"]["history"]["nodes"]
    return [
        (each["by"]["subject"], {field["name"]: field["after"] for field in each["fields"]})
        for each in changes
        if each["kind"] == "EXPORTED"
    ]


def warehouse(client: Client) -> str:
    """Create a case with two events and a file batch, and return its id."""
    case = client.create_case(title="Warehouse", description="Two\nlines")
    first = client.create_event(case, title="First", occurredAt="2026-01-01T00:00:00Z", description="=1+1")
    client.create_event(case, title="Second", occurredAt="2026-02-01T00:00:00.000001Z", type="ACTION")
    client.create_batch(case, first, label="Photos", fileCount=3)
    return case


@pytest.fixture
def case(alice: Client) -> str:
    return warehouse(alice)


def test_a_case_comes_as_rows_in_their_order(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Warehouse")
    second = alice.create_event(case, title="Second", occurredAt="2026-02-01T00:00:00Z", type="ACTION")
    first = alice.create_event(case, title="First", occurredAt="2026-01-01T00:00:00Z")
    batches = [alice.create_batch(case, first, label=f"Batch {number}") for number in range(120)]
    ons = [case, first, second, batches[0], *[batches[1]] * 130]
    for number, on in enumerate(ons):
        alice.change("addComment", ERRORS, caseId=case, on=on, text=f"Comment {number}")
    found = rows(exported(server, alice, case, format="jsonl"))
    told = [(row["kind"], row.get("title") or row.get("label") or row["text"]) for row in found]
    expected = [("CASE", "Warehouse"), ("COMMENT", "Comment 0"), ("EVENT", "First"), ("COMMENT", "Comment 1")]
    for number in range(120):
        expected.append(("FILE_BATCH", f"Batch {number}"))
        expected += [("COMMENT", f"Comment {each}") for each, on in enumerate(ons) if on == batches[number]]
    assert told == [*expected, ("EVENT", "Second"), ("COMMENT", "Comment 2")]
    ids = {row["id"]: row for row in found}
    assert {row["eventId"] for row in found if row["kind"] == "FILE_BATCH"} == {first}
    assert [row["on"] for row in found if row["kind"] == "COMMENT"] == [*ons[:2], *ons[3:], ons[2]]
    assert all(row["createdBy"] == alice.subject for row in ids.values())
    assert all(row.keys() == {"kind", *FIELDS[row["kind"]]} for row in found)


def test_every_field_of_the_api_is_in_a_row_or_is_left_out_on_purpose() -> None:
    left_out = {
        "Case": {
            *("viewerRole", "viewerAccepted", "members", "eventCounts", "tagCounts", "seal", "holds", "journal"),
            *("lastActivityAt", "events", "event", "fileBatches", "comments", "history", "trash"),
        },
        "Event": {"case", "fileBatches", "fileBatch", "comments", "history"},
        "FileBatch": {"event", "manifest", "files", "comments", "history"},
        "Comment": {"editedAt", "updatedBy", "history"},
    }
    renamed = {"FileBatch": {"eventId", "manifestSha256"}}
    for name, kind in (("Case", "CASE"), ("Event", "EVENT"), ("FileBatch", "FILE_BATCH"), ("Comment", "COMMENT")):
        type_: Any = executable().type_map[name]
        assert set(FIELDS[kind]) == set(type_.fields) - left_out[name] | renamed.get(name, set())


def test_formats_are_named_once() -> None:
    assert (*WRITERS, *REPORTS) == FORMATS


@pytest.mark.parametrize("format_", FORMATS)
def test_each_format_has_all_of_the_case(server: Server, alice: Client, case: str, format_: str) -> None:
    answer = exported(server, alice, case, format=format_)
    assert answer.status_code == 200
    number = alice.run("query ($id: ID!) { case(id: $id) { number } }", id=case)["case"]["number"]
    name = answer.headers["content-disposition"].removeprefix('attachment; filename="').removesuffix('"')
    assert name.startswith(f"case-{number}.")
    assert answer.headers["content-type"] == CONTENT_TYPES[format_]
    assert answer.headers["cache-control"] == "no-store"
    if format_ == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(answer.content))
        assert [[row[1].value for row in book[name].iter_rows()] for name in ("Events", "File batches")]
        text = str([[cell.value for row in sheet.iter_rows() for cell in row] for sheet in book])
        assert ZipFile(io.BytesIO(answer.content)).testzip() is None
    else:
        text = answer.text
    for each in ("First", "Second", "Photos", "2026-02-01T00:00:00.000001"):
        assert each in text or (format_ in {"report", "markdown"} and each == "2026-02-01T00:00:00.000001")
    if format_ == "csv":
        table = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [row["kind"] for row in table] == ["EVENT", "FILE_BATCH", "EVENT"]
        assert table[0]["description"] == "=1+1"


@pytest.mark.parametrize("format_", FORMATS)
def test_exactly_the_events_of_a_filter_are_taken_out(server: Server, alice: Client, case: str, format_: str) -> None:
    where = '{"type":["ACTION"]}'
    answer = exported(server, alice, case, format=format_, where=where)
    if format_ == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(answer.content))
        text = str([[cell.value for row in sheet.iter_rows() for cell in row] for sheet in book])
    else:
        text = answer.text
    assert ("Second" in text, "First" in text, "Photos" in text) == (True, False, False)
    assert taken_out(alice, case) == [(alice.subject, {"format": format_, "where": where})]


def test_whoever_may_read_a_case_may_take_it_out_and_the_record_says_so(
    server: Server, alice: Client, case: str
) -> None:
    bob, auditor, admin = server.client(), server.client(roles=("auditor",)), server.client(roles=("admin",))
    bob.run("{ viewer { id } }")
    given = {"caseId": case, "subject": bob.subject, "role": "VIEWER"}
    assert alice.change("setCaseMember", ERRORS, **given)["errors"] == []
    for client in (alice, bob, auditor, admin):
        assert len(rows(exported(server, client, case, format="jsonl"))) == 4
    assert taken_out(alice, case) == [(client.subject, {"format": "jsonl"}) for client in (alice, bob, auditor, admin)]
    assert findings(server.settings, case) == []


def test_a_report_tells_its_history_where_that_is_asked_for(server: Server, alice: Client, case: str) -> None:
    alice.change("updateCase", ERRORS, id=case, title="Store")
    without = exported(server, alice, case, format="markdown").text
    with_history = exported(server, alice, case, format="markdown", history="true").text
    assert "## History" not in without
    assert "## History" in with_history
    assert "Warehouse" in with_history.partition("## History")[2]
    assert "Warehouse" not in without


def test_a_case_that_is_kept_can_be_taken_out(server: Server, alice: Client, case: str) -> None:
    assert alice.change("updateCase", ERRORS, id=case, status="CLOSED")["errors"] == []
    assert alice.change("sealCase", ERRORS, id=case, reason="Court")["errors"] == []
    assert len(rows(exported(server, alice, case, format="jsonl"))) == 4
    report = exported(server, alice, case, format="report").text
    assert "Court" in report
    assert findings(server.settings, case) == []


def test_others_cases_are_not_there(server: Server, alice: Client, mallory: Client, case: str) -> None:
    missing = (404, "there is no such case here")
    assert refusal(exported(server, mallory, case, format="jsonl")) == missing
    assert refusal(exported(server, alice, "01890000-0000-7000-8000-000000000001", format="csv")) == missing
    assert refusal(exported(server, alice, "12", format="xlsx")) == missing
    assert alice.change("deleteCase", ERRORS, id=case)["errors"] == []
    assert refusal(exported(server, alice, case, format="report")) == missing


BAD: dict[str, tuple[dict[str, str], str]] = {
    "no format": ({}, f"`format` must be one of {', '.join(FORMATS)}"),
    "another format": ({"format": "pdf"}, f"`format` must be one of {', '.join(FORMATS)}"),
    "no JSON": (
        {"format": "csv", "where": "type=ACTION"},
        '`where` must be a filter of events in JSON, such as {"type": ["ACTION"]}',
    ),
    "a list": (
        {"format": "csv", "where": "[]"},
        '`where` must be a filter of events in JSON, such as {"type": ["ACTION"]}',
    ),
    "no flag": ({"format": "report", "history": "yes"}, "`history` must be true or false"),
    "a long filter": (
        {"format": "csv", "where": json.dumps({"text": "x" * 4_000})},
        "`where` may have up to 4,000 characters",
    ),
    "the history of a table": (
        {"format": "csv", "history": "true"},
        "`history` is of reports alone: report, markdown",
    ),
    "the history of some events": (
        {"format": "report", "history": "true", "where": "{}"},
        "`history` is that of the whole case; leave `where` out, or it",
    ),
    "another field": (
        {"format": "csv", "where": '{"types": ["ACTION"]}'},
        "Variable '$where' has invalid value: "
        "Expected value of type 'EventFilter' not to include unknown field 'types'.",
    ),
    "another value": (
        {"format": "csv", "where": '{"type": ["X"]}'},
        "Variable '$where' has invalid value at .type[0]: Value 'X' does not exist in 'EventType' enum.",
    ),
}


@pytest.mark.parametrize("way", BAD)
def test_what_is_asked_for_wrongly_is_told_and_leaves_nothing(
    server: Server, alice: Client, case: str, way: str
) -> None:
    asked, message = BAD[way]
    status, told = refusal(exported(server, alice, case, **asked))
    assert (status, told.partition(" Did you mean")[0]) == (400, message)
    assert taken_out(alice, case) == []


def test_without_a_token_nothing_is_taken_out(server: Server, case: str) -> None:
    assert server.http.get(f"/cases/{case}/export?format=csv").status_code == 401
    assert server.http.post(f"/cases/{case}/export?format=csv").status_code == 405


def test_a_head_is_no_export(server: Server, alice: Client, case: str) -> None:
    answer = server.http.head(f"/cases/{case}/export?format=csv", headers=alice.headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert taken_out(alice, case) == []


def test_what_a_filter_says_can_be_erased(server: Server, alice: Client, case: str) -> None:
    where = '{"text": "Second", "type": [\n"ACTION"]}'
    assert exported(server, alice, case, format="jsonl", where=where).status_code == 200
    assert taken_out(alice, case) == [
        (alice.subject, {"format": "jsonl", "where": '{"text":"Second","type":["ACTION"]}'})
    ]
    size = alice.run("query ($id: ID!) { case(id: $id) { journal { size } } }", id=case)["case"]["journal"]["size"]
    given = {"caseId": case, "seqs": [size], "fields": ["where"], "reason": "A name"}
    assert alice.change("erase", ERRORS, **given)["errors"] == []
    assert taken_out(alice, case) == [(alice.subject, {"format": "jsonl", "where": "[erased]"})]
    assert findings(server.settings, case) == []


def test_a_case_whose_journal_is_broken_is_not_taken_out(server: Server, alice: Client, case: str) -> None:
    execute(server, f"UPDATE journals SET size = size + 1 WHERE CAST(case_id AS text) = '{case}'")  # noqa: S608 - ours
    status, message = refusal(exported(server, alice, case, format="jsonl"))
    assert (status, message.partition(";")[0]) == (500, "something went wrong on the server")
    assert "does not agree with itself" in server.http.get("/readyz").text


def test_one_user_makes_one_export_at_a_time(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Large")
    filled(alice, case, 2_000)
    with ThreadPoolExecutor(6) as pool:
        answers = [*pool.map(lambda _: exported(server, alice, case, format="report"), range(6))]
    told = Counter(answer.status_code for answer in answers)
    assert told.keys() == {200, 503}
    assert {refusal(each) for each in answers if each.status_code == 503} == {
        (503, "one of your exports is being made; wait for it")
    }
    assert len(taken_out(alice, case)) == told[200]


def test_a_disk_that_is_full_cuts_the_answer_off(
    server: Server, alice: Client, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = iter([100, 0])

    def full(descriptor: int, data: bytes) -> int:
        size = next(written)
        if not size:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:size])

    write = os.write
    monkeypatch.setattr("app.web.exports._write", full)
    with pytest.raises(httpx.RemoteProtocolError):
        exported(server, alice, case, format="jsonl")
    monkeypatch.undo()
    assert len(rows(exported(server, alice, case, format="jsonl"))) == 4


def test_whoever_leaves_at_once_frees_the_place_too(server: Server, alice: Client, case: str) -> None:
    parts = urlsplit(server.url)
    head = f"GET /cases/{case}/export?format=xlsx HTTP/1.1\r\nHost: x\r\n"
    request = f"{head}Authorization: {alice.headers['Authorization']}\r\n\r\n".encode()
    for number in range(20):
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(request)
            time.sleep(number / 200)
    until = time.monotonic() + 20
    while (answer := exported(server, alice, case, format="jsonl")).status_code == 503 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(rows(answer)) == 4


@pytest.mark.slow
def test_a_client_may_read_as_slowly_as_it_likes(new_database: Callable[[str], str]) -> None:
    with serving("sqlite", new_database("sqlite"), DOSSIER_SEND_SECONDS="1") as server:
        alice = server.client()
        case = alice.create_case()
        filled(alice, case, 20_000)
        size = 0
        with socket.create_connection((urlsplit(server.url).hostname, urlsplit(server.url).port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            head = f"GET /cases/{case}/export?format=jsonl HTTP/1.0\r\nHost: x\r\n"
            connection.sendall(f"{head}Authorization: {alice.headers['Authorization']}\r\n\r\n".encode())
            data = b""
            while piece := connection.recv(400_000):
                data += piece
                time.sleep(0.05)
        size = len(data)
        assert size > 10_000_000
        assert data.rstrip().endswith(b"0")


def pieces(server: Server, client: Client, case: str, **asked: str) -> Iterator[bytes]:
    with server.http.stream("GET", f"/cases/{case}/export", params=asked, headers=client.headers) as answer:
        assert answer.status_code == 200
        yield from answer.iter_raw(1_024)


def filled(client: Client, case: str, events: int) -> None:
    numbers = count()
    for _ in range(0, events, 500):
        items = [
            {"title": f"Event {next(numbers)}", "occurredAt": "2026-01-01T00:00:00Z", "description": "d" * 300}
            for _ in range(500)
        ]
        assert client.change("createEvents", ERRORS, caseId=case, items=items)["errors"] == []


def test_what_is_taken_out_is_of_one_moment(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Large")
    filled(alice, case, 2_000)
    coming = pieces(server, alice, case, format="jsonl")
    begun = next(coming)
    assert alice.change("deleteCase", ERRORS, id=case)["errors"] == []
    text = (begun + b"".join(coming)).decode()
    assert [json.loads(line).get("title") for line in text.splitlines()] == [
        "Large",
        *(f"Event {number}" for number in range(2_000)),
    ]


def test_rows_that_are_more_than_an_answer_may_have_come_in_smaller_pages(
    new_database: Callable[[str], str], kind: str
) -> None:
    with serving(kind, new_database(kind), DOSSIER_MAX_ANSWER_BYTES="100000") as server:
        alice = server.client()
        case = alice.create_case()
        for number in range(12):
            event = alice.create_event(case, title=f"Event {number}", description="ä" * 30_000)
            alice.create_batch(case, event, label=f"Batch {number}", description="d" * 20_000)
        found = rows(exported(server, alice, case, format="jsonl"))
        assert [row.get("title") or row["label"] for row in found[1:]] == [
            name for number in range(12) for name in (f"Event {number}", f"Batch {number}")
        ]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_whoever_leaves_frees_the_place(server: Server, alice: Client) -> None:
    case = alice.create_case(title="Large")
    filled(alice, case, 1_000)
    until = time.monotonic() + 20
    for _ in range(3 * MOST_AT_ONCE):
        with server.http.stream("GET", f"/cases/{case}/export?format=jsonl", headers=alice.headers) as answer:
            if answer.status_code == 503:
                assert answer.headers["retry-after"] == "5"
                time.sleep(0.05)
            else:
                next(answer.iter_raw(1_024))
    while (answer := exported(server, alice, case, format="jsonl")).status_code == 503 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(rows(answer)) == 1_001
