"""Changes of one case that are committed together: what happens to one of them is not the others' concern."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.commands import dossier
from tests.conftest import KINDS
from tests.locks import holding
from tests.server import SECRET, Client, Server, serving
from tests.test_ownership import execute

WRITERS = 50
USERS = 5
CREATE = "mutation ($input: CreateEventInput!) { createEvent(input: $input) { event { id } errors { code } } }"
UPDATE = "mutation ($input: UpdateCaseInput!) { updateCase(input: $input) { errors { code } } }"
MADE = "made"
END_ALL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'dossier'
"""

Outcomes: TypeAlias = dict[str, str]
"""What became of changes by their titles: that they were made, or the code of the error."""


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server whose requests may take as long as a busy machine needs."""
    with serving(request.param, new_database(request.param), DOSSIER_DEADLINE="60") as running:
        if running.kind == "postgresql":
            let_some_fail(running)
        yield running


@pytest.fixture
def impatient(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server whose requests may take two seconds."""
    with serving("postgresql", new_database("postgresql"), DOSSIER_DEADLINE="2") as running:
        let_some_fail(running)
        yield running


def let_some_fail(server: Server) -> None:
    """Let an event fail with the error that has its title as its code, or take longer than it may."""
    execute(
        server,
        """
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.title ~ '^[0-9]{5}$' THEN RAISE EXCEPTION 'a secret' USING ERRCODE = NEW.title; END IF;
          IF NEW.title = 'slow' THEN PERFORM pg_sleep(10); END IF;
          RETURN NEW;
        END $$
        """,
    )
    execute(server, "CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION fail()")


only_postgresql = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


@pytest.fixture
def users(server: Server) -> tuple[list[Client], str]:
    """Users who have made changes in one case, and the case."""
    return users_of(server)


def users_of(server: Server) -> tuple[list[Client], str]:
    """Have users make changes in one case, and return them and the case."""
    alice, *others = (server.client() for _ in range(USERS))
    case = alice.create_case()
    for other in others:
        other.run("{ viewer { id } }")
        member = alice.change("setCaseMember", "errors { code }", caseId=case, subject=other.subject, role="EDITOR")
        assert member["errors"] == []
    for user in (alice, *others):
        user.create_event(case, title="Before")
    return [alice, *others], case


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread for each writer."""
    with ThreadPoolExecutor(WRITERS) as threads:
        yield threads


def create(user: Client, case: str, title: str, **given: Any) -> str:
    """Create an event and return what became of that."""
    answer = user.post(
        CREATE, {"input": {"caseId": case, "title": title, "occurredAt": "2026-01-01T00:00:00Z", **given}}
    ).json()
    if "errors" in answer:
        code: str = answer["errors"][0]["extensions"]["code"]
        return code
    payload = answer["data"]["createEvent"]
    return payload["errors"][0]["code"] if payload["errors"] else MADE


@contextmanager
def held(server: Server, case: str) -> Iterator[None]:
    """Hold the head of a case's journal, so that others wait for it; on SQLite nobody can."""
    if server.settings.embedded:
        yield
        return
    with holding(server, "SELECT 1 FROM journals WHERE case_id = $1::text::uuid FOR UPDATE", case):
        yield


def write(
    server: Server,
    pool: ThreadPoolExecutor,
    users: tuple[list[Client], str],
    meanwhile: Callable[[], None] | None = None,
) -> Outcomes:
    """Create fifty events at once and return what became of them."""
    clients, case = users
    titles = [f"Event {number}" for number in range(WRITERS)]
    with held(server, case):
        sent = [pool.submit(create, clients[n % USERS], case, title) for n, title in enumerate(titles)]
        if meanwhile is not None:
            meanwhile()
        time.sleep(0.2)
    return {title: each.result() for title, each in zip(titles, sent, strict=True)}


def check(server: Server, case: str, outcomes: Outcomes, folder: Path) -> None:
    """See that what was told holds, and that the record is whole."""
    rows = Counter(title for (title,) in execute(server, f"SELECT title FROM events WHERE case_id = '{case}'"))  # noqa: S608 - ours
    assert set(rows.values()) - {USERS} <= {1}
    for title, outcome in outcomes.items():
        if outcome == MADE:
            assert rows[title] == 1, title
        elif outcome != "UNKNOWN_OUTCOME":
            assert rows[title] == 0, (title, outcome)
    entries = execute(server, f"SELECT seq FROM journal_entries WHERE case_id = '{case}' ORDER BY seq")  # noqa: S608 - ours
    assert [seq for (seq,) in entries] == [*range(1, len(entries) + 1)]
    url = server.settings.database_url.render_as_string(hide_password=False)
    verified = dossier(folder, "verify", DOSSIER_DATABASE_URL=url, DOSSIER_JWT_SECRET=SECRET)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_fifty_writers_make_fifty_changes(
    server: Server, pool: ThreadPoolExecutor, users: tuple[list[Client], str], tmp_path: Path
) -> None:
    outcomes = write(server, pool, users)
    assert set(outcomes.values()) == {MADE}
    check(server, users[1], outcomes, tmp_path)


@only_postgresql
def test_those_who_wait_for_one_case_are_committed_together(
    server: Server, pool: ThreadPoolExecutor, users: tuple[list[Client], str]
) -> None:
    write(server, pool, users)
    ((transactions,),) = execute(
        server,
        f"SELECT count(DISTINCT xmin::text) FROM journal_entries WHERE case_id = '{users[1]}' "  # noqa: S608 - ours
        "AND at >= (SELECT max(at) - interval '10 s' FROM journal_entries)",
    )
    # Each user's first is one by itself, and so is the case with its members.
    assert transactions < USERS * 2 + WRITERS / 2


def test_refusals_before_and_after_something_was_written_spoil_nothing(
    server: Server, pool: ThreadPoolExecutor, users: tuple[list[Client], str], tmp_path: Path
) -> None:
    clients, case = users
    refused = []

    def refuse() -> None:
        for number, user in enumerate(clients):
            refused.append(pool.submit(create, user, case, ""))
            # With an id something has been written before it is looked at.
            refused.append(pool.submit(create, user, case, "", requestId=f"{number:016}"))

    outcomes = write(server, pool, users, refuse)
    assert {each.result() for each in refused} == {"INVALID_INPUT"}
    assert set(outcomes.values()) == {MADE}
    check(server, case, outcomes, tmp_path)
    # What was refused has not used its id up.
    assert [create(user, case, f"Anew {n}", requestId=f"{n:016}") for n, user in enumerate(clients)] == [MADE] * USERS


@only_postgresql
@pytest.mark.parametrize(
    ("title", "code"), [("22003", "INTERNAL_ERROR"), ("53100", "UNAVAILABLE"), ("40001", "UNAVAILABLE")]
)
def test_one_that_fails_is_told_so_and_the_others_are_made(
    server: Server, pool: ThreadPoolExecutor, users: tuple[list[Client], str], tmp_path: Path, title: str, code: str
) -> None:
    clients, case = users
    failing = []

    def fail() -> None:
        time.sleep(0.05)
        failing.append(pool.submit(create, clients[1], case, title))

    outcomes = write(server, pool, users, fail)
    assert [each.result() for each in failing] == [code]
    assert set(outcomes.values()) == {MADE}
    check(server, case, outcomes | {title: code}, tmp_path)


@pytest.mark.slow
def test_one_that_is_too_slow_is_broken_off_and_what_is_told_of_the_others_holds(
    impatient: Server, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    server, users = impatient, users_of(impatient)
    clients, case = users
    slow = []
    outcomes = write(server, pool, users, lambda: slow.append(pool.submit(create, clients[0], case, "slow")))
    assert [each.result() for each in slow] == ["DEADLINE_EXCEEDED"]
    assert set(outcomes.values()) <= {MADE, "DEADLINE_EXCEEDED"}
    check(server, case, outcomes | {"slow": "DEADLINE_EXCEEDED"}, tmp_path)
    assert create(clients[0], case, "After") == MADE


@pytest.mark.slow
@only_postgresql
def test_connections_that_end_in_the_middle_leave_nothing_in_doubt_that_is_told(
    server: Server, pool: ThreadPoolExecutor, users: tuple[list[Client], str], tmp_path: Path
) -> None:
    clients, case = users
    sent: dict[str, Future[str]] = {}
    for number in range(WRITERS):
        sent[f"Later {number}"] = pool.submit(create, clients[number % USERS], case, f"Later {number}")
        if number % 5 == 0:
            execute(server, END_ALL)

    def end() -> None:
        for _ in range(3):
            execute(server, END_ALL)

    outcomes = write(server, pool, users, end)
    outcomes |= {title: each.result() for title, each in sent.items()}
    # Others than writers may have lost theirs as well.
    assert set(outcomes.values()) <= {MADE, "UNAVAILABLE", "UNKNOWN_OUTCOME"}
    check(server, case, outcomes, tmp_path)
    assert create(clients[0], case, "After") == MADE
