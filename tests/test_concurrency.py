"""Many at once: nothing is lost, nothing is done twice, and nobody is told that the database is busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from tests.server import Client, Server
from tests.test_ownership import count, execute, grant

CLIENTS = 16
CHANGES = 200
INCREMENTS = 48  # of 16 who try at once, 15 have to try again


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread for each client."""
    with ThreadPoolExecutor(CLIENTS) as threads:
        yield threads


@pytest.fixture
def clients(server: Server, alice: Client) -> tuple[list[Client], str]:
    """Users at one case, and the case."""
    case = alice.create_case()
    members = [server.client() for _ in range(CLIENTS - 1)]
    for member in members:
        grant(server, case, member, "OWNER")
    return [alice, *members], case


def at_once(pool: ThreadPoolExecutor, calls: list[Callable[[], Any]]) -> list[Any]:
    """Return what calls return that all start at the same moment, one for each client at most."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        return call()

    return list(pool.map(run, calls))


def test_two_hundred_updates_from_sixteen_clients_are_two_hundred_versions(
    pool: ThreadPoolExecutor, clients: tuple[list[Client], str]
) -> None:
    users, case = clients
    event = users[0].create_event(case)

    def update(number: int) -> int:
        payload = users[number % CLIENTS].change(
            "updateEvent", "event { version } errors { message }", caseId=case, id=event, title=f"Number {number}"
        )
        assert payload["errors"] == []
        version: int = payload["event"]["version"]
        return version

    assert sorted(pool.map(update, range(CHANGES))) == [*range(2, CHANGES + 2)]
    query = "query ($case: ID!, $id: ID!) { event(caseId: $case, id: $id) { version } }"
    assert users[0].run(query, case=case, id=event) == {"event": {"version": CHANGES + 1}}


def test_increments_with_expected_versions_add_up(pool: ThreadPoolExecutor, clients: tuple[list[Client], str]) -> None:
    users, case = clients
    event = users[0].create_event(case)
    batch = users[0].create_batch(case, event)
    selection = """
        fileBatch { version fileCount }
        errors { code ... on ConflictError { current { ... on FileBatch { version fileCount } } } }
    """

    def increment(user: Client) -> list[dict[str, int]]:
        row = {"version": 1, "fileCount": 0}
        made: list[dict[str, int]] = []
        while len(made) < INCREMENTS // CLIENTS:
            given = {"expectedVersion": row["version"], "fileCount": row["fileCount"] + 1}
            payload = user.change("updateFileBatch", selection, caseId=case, eventId=event, id=batch, **given)
            if payload["errors"]:
                (error,) = payload["errors"]
                assert error["code"] == "CONFLICT"
                row = error["current"]
            else:
                row = payload["fileBatch"]
                made.append(row)
        return made

    steps = [step for made in at_once(pool, [partial(increment, user) for user in users]) for step in made]
    assert sorted(steps, key=lambda row: row["version"]) == [
        {"version": count + 1, "fileCount": count} for count in range(1, INCREMENTS + 1)
    ]


def test_of_two_updates_with_the_same_expected_version_one_wins(
    pool: ThreadPoolExecutor, clients: tuple[list[Client], str]
) -> None:
    (alice, bob, *_), case = clients
    selection = "case { title version } errors { code ... on ConflictError { currentVersion current { ...Row } } }"
    query = f"""
        mutation ($input: UpdateCaseInput!) {{ updateCase(input: $input) {{ {selection} }} }}
        fragment Row on Case {{ title version }}
    """
    for version in range(1, 21):

        def update(client: Client, title: str, version: int = version) -> dict[str, Any]:
            given = {"id": case, "expectedVersion": version, "title": title}
            payload: dict[str, Any] = client.run(query, input=given)["updateCase"]
            return payload

        answers = at_once(
            pool, [partial(update, alice, f"{version} of hers"), partial(update, bob, f"{version} of his")]
        )
        ((won,), (lost,)) = ([a for a in answers if a["case"]], [a for a in answers if not a["case"]])
        assert won["errors"] == []
        assert won["case"]["version"] == version + 1
        assert lost["errors"] == [{"code": "CONFLICT", "currentVersion": version + 1, "current": won["case"]}]
        assert alice.run("query ($id: ID!) { case(id: $id) { title version } }", id=case) == {"case": won["case"]}


def test_cases_created_side_by_side_have_numbers_without_gap_or_double(
    server: Server, pool: ThreadPoolExecutor
) -> None:
    users = [server.client() for _ in range(CLIENTS)]

    def create(number: int) -> int:
        user = users[number % CLIENTS]
        if number % 5 == 0:  # a refusal in between leaves no gap
            assert user.change("createCase", "case { number }", title="") == {"case": None}
        payload = user.change("createCase", "case { number } errors { message }", title="A case")
        assert payload["errors"] == []
        found: int = payload["case"]["number"]
        return found

    numbers = sorted(pool.map(create, range(CHANGES)))
    assert numbers == [*range(numbers[0], numbers[0] + CHANGES)]


def test_deleting_a_case_while_others_write_to_it_leaves_nothing_behind(
    server: Server, pool: ThreadPoolExecutor, clients: tuple[list[Client], str]
) -> None:
    users, first = clients
    added = refused = 0
    for _ in range(3):
        case = users[0].create_case()
        execute(
            server,
            f"""
            INSERT INTO case_members (case_id, user_id, role)
            SELECT '{case}', user_id, role FROM case_members AS other
            WHERE case_id = '{first}' AND user_id NOT IN (SELECT user_id FROM case_members WHERE case_id = '{case}')
            """,  # noqa: S608
        )
        event = users[0].create_event(case)

        def write(user: Client, case: str = case, event: str = event) -> list[str]:
            codes = []
            for _ in range(3):
                payload = user.change(
                    "createEvent", "errors { code }", caseId=case, title="x", occurredAt="2026-01-01T00:00:00Z"
                )
                codes += [error["code"] for error in payload["errors"]] or ["created"]
                payload = user.change("createFileBatch", "errors { code }", caseId=case, eventId=event, label="x")
                codes += [error["code"] for error in payload["errors"]] or ["created"]
            return codes

        def delete(user: Client, case: str = case) -> list[str]:
            for _ in range(2):
                user.run("query ($id: ID!) { case(id: $id) { events { totalCount } } }", id=case)
            return [] if user.change("deleteCase", "deletedId", id=case)["deletedId"] == case else ["not deleted"]

        calls = [partial(write, user) for user in users[1:]]
        answers = at_once(pool, [partial(delete, users[0]), *calls])
        codes = [code for answer in answers for code in answer]
        assert set(codes) <= {"created", "NOT_FOUND"}
        added += codes.count("created")
        refused += codes.count("NOT_FOUND")
        assert count(server, "cases", id=case) == 0
        for table in ("case_members", "events", "file_batches"):
            assert count(server, table, case_id=case) == 0
    assert added > 0
    assert refused > 0


def test_deleting_an_event_while_others_write_to_it_leaves_nothing_behind(
    server: Server, pool: ThreadPoolExecutor, clients: tuple[list[Client], str]
) -> None:
    users, case = clients
    for _ in range(3):
        event = users[0].create_event(case)
        batch = users[0].create_batch(case, event)
        path = {"caseId": case, "eventId": event}

        def write(user: Client, batch: str = batch, path: dict[str, str] = path) -> list[str]:
            created = user.change("createFileBatch", "errors { code }", **path, label="x")
            changed = user.change("updateFileBatch", "errors { code }", **path, id=batch, label=user.subject)
            return [error["code"] for error in created["errors"] + changed["errors"]]

        def delete(user: Client, event: str = event) -> list[str]:
            gone = user.change("deleteEvent", "deletedId errors { code }", caseId=case, id=event)
            return [] if gone == {"deletedId": event, "errors": []} else ["not deleted"]

        calls = [partial(write, user) for user in users[1:]]
        answers = at_once(pool, [*calls, partial(delete, users[0])])
        assert {code for answer in answers for code in answer} <= {"NOT_FOUND"}
        assert count(server, "events", id=event) == count(server, "file_batches", event_id=event) == 0
