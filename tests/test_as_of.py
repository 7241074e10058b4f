"""A case as it was: what a reader would have got then, to the last byte."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from app.db.models import Deletion, DeletionState, table_of
from tests.histories import History
from tests.pasts import AUTHORS, EVERYTHING, ITSELF, asked, told
from tests.server import Client, Server
from tests.test_history import journal
from tests.test_migrations import ask as ask_database
from tests.test_ownership import execute

NOTHING = b'{"data":{"case":null}}'
TITLES = asked("title events { totalCount nodes { title } }")
FUTURE = "2999-01-01T00:00:00Z"


def seq(client: Client, case: str) -> int:
    """Return the number of the last entry."""
    found = client.run("query ($id: ID!) { case(id: $id) { journal { size } } }", id=case)["case"]
    size: int = found["journal"]["size"]
    return size


def ask(client: Client, case: str, selection: str, as_of: dict[str, Any] | None) -> Any:
    return client.run(asked(selection), id=case, asOf=as_of)["case"]


class Watched(History):
    """Takes down what cases say of themselves after some of the changes."""

    def __init__(self, server: Server, seed: int, sampled: float) -> None:
        super().__init__(server, seed)
        self.taken: dict[tuple[str, int], list[bytes]] = {}
        self.reader = server.client(roles=("auditor",))
        self._sampled = sampled
        self._settings = server.settings

    def _create_case(self) -> None:
        # No more than are kept, so that they grow old.
        if len(self._cases) < 3:
            super()._create_case()

    def _purge(self) -> None:
        # Each time all that was taken down is asked for anew.
        if self._random.random() < self._sampled:
            super()._purge()

    def _erase(self) -> None:
        if self._random.random() < self._sampled:
            super()._erase()

    def forget(self, case_id: str) -> None:
        """Take down anew what a case says of its past."""
        purging = select(func.count()).where(table_of(Deletion).c.state == DeletionState.PURGING.value)
        until = time.monotonic() + 30
        while ask_database(self._settings, lambda connection: connection.scalar(purging)):
            assert time.monotonic() < until
            time.sleep(0.05)
        for case, number in self.taken:
            if case == case_id:
                self.taken[case, number] = told(self.reader, case, {"seq": number})

    def go_on(self, changes: int) -> None:
        """Make some changes more."""
        for _ in range(changes):
            super().go_on(1)
            if self._random.random() < self._sampled:
                held = self._random.choice(self._cases)
                self.taken.setdefault((held.id, seq(self.reader, held.id)), told(self.reader, held.id))

    def moments(self) -> dict[str, list[str]]:
        """Return the moments of all entries of each case."""
        return {held.id: [entry["at"] for entry in journal(self.reader, held.id)] for held in self._cases}

    def check(self) -> Iterator[str]:
        """Yield by what each case was asked for as it had been, and told the same."""
        moments = self.moments()
        for (case, number), then in self.taken.items():
            assert told(self.reader, case, {"seq": number}) == then, (case, number)
            yield "seq"
            this, *behind = moments[case][number - 1 :]
            if this not in behind:
                assert told(self.reader, case, {"at": this}) == then, (case, number)
                yield "at"


@pytest.mark.slow
@pytest.mark.long
def test_what_was_told_then_is_told_again(server: Server) -> None:
    history = Watched(server, seed=5, sampled=0.35)
    history.go_on(100)
    compared = [*history.check()]
    assert compared.count("seq") > 20
    assert compared.count("at") > 15


@pytest.mark.slow
def test_a_stream_tells_the_same(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    history = Watched(server, seed=6, sampled=0.1)
    history.go_on(100)
    # As if all that has rows were too large, and no piece small enough.
    monkeypatch.setattr("app.reading.streams._LARGE", 0)
    monkeypatch.setattr("app.reading.streams._PIECE", 0)
    for (case, number), then in history.taken.items():
        texts = tuple(f"{text} # streamed" for text in EVERYTHING)  # which is planned anew
        assert told(history.reader, case, {"seq": number}, texts) == then
    assert len(history.taken) > 5


@pytest.mark.endurance
def test_a_long_history_is_told_again(server: Server) -> None:
    history = Watched(server, seed=7, sampled=0.05)
    history.go_on(10_000)
    compared = [*history.check()]
    assert compared.count("seq") > 450
    assert compared.count("at") > 300


# When


@pytest.fixture
def case(alice: Client) -> str:
    """A case with five entries: itself, its owner, two events, and another title of the first."""
    made = alice.create_case(title="Fire")
    first = alice.create_event(made, title="One")
    alice.create_event(made, title="Two")
    alice.change("updateEvent", "errors { code }", caseId=made, id=first, title="First")
    return made


def test_a_number_names_the_last_change_that_counts(alice: Client, case: str) -> None:
    found = {number: ask(alice, case, "events { nodes { title } }", {"seq": number}) for number in range(-1, 8)}
    titles = {number: it and [event["title"] for event in it["events"]["nodes"]] for number, it in found.items()}
    both = [["One", "Two"], ["First", "Two"]]
    assert titles == {-1: None, 0: None, 1: [], 2: [], 3: ["One"], 4: both[0], 5: both[1], 6: None, 7: None}
    for number in (2**31 - 1, -(2**31)):
        assert ask(alice, case, "id", {"seq": number}) is None


def test_a_moment_counts_all_changes_until_then(alice: Client, case: str) -> None:
    entries = journal(alice, case)
    moments = [datetime.fromisoformat(entry["at"]) for entry in entries]
    assert moments[0] == moments[1]

    def titles(moment: datetime) -> list[str] | None:
        found = ask(alice, case, "events { nodes { title } }", {"at": moment.isoformat()})
        return found and [event["title"] for event in found["events"]["nodes"]]

    just_before = timedelta(microseconds=1)
    assert titles(moments[0] - just_before) is None
    assert [titles(moment) for moment in moments[1:]] == [[], ["One"], ["One", "Two"], ["First", "Two"]]
    assert [titles(moment - just_before) for moment in moments[2:]] == [[], ["One"], ["One", "Two"]]
    assert titles(datetime.now(UTC)) == ["First", "Two"]
    assert titles(datetime(1, 1, 1, tzinfo=UTC)) is None
    # A moment may be given with any offset.
    east = moments[2].astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert ask(alice, case, "events { totalCount }", {"at": east}) == {"events": {"totalCount": 1}}


def test_a_moment_that_has_yet_to_come_is_refused(alice: Client, case: str) -> None:
    for query, variables in (
        (TITLES, {"id": case, "asOf": {"at": FUTURE}}),
        (f'query ($id: ID!) {{ case(id: $id, asOf: {{at: "{FUTURE}"}}) {{ id }} }}', {"id": case}),
        ("query ($id: ID!, $at: DateTime!) { case(id: $id, asOf: {at: $at}) { id } }", {"id": case, "at": FUTURE}),
    ):
        (error,) = alice.errors(query, **variables)
        assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "asOf.at"}
        assert error["message"] == "`at` is a moment that has yet to come"
        assert error["path"] == ["case"]


@pytest.mark.parametrize("given", ["{}", "{seq: 1, at: $at}", "{seq: null}", "{at: null}", "{seq: null, at: null}"])
def test_exactly_one_is_given(alice: Client, case: str, given: str) -> None:
    declared = ", $at: DateTime!" if "$at" in given else ""
    document = f"query ($id: ID!{declared}) {{ case(id: $id, asOf: {given}) {{ id }} }}"
    errors = alice.errors(document, id=case, **({"at": FUTURE} if declared else {}))
    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert all("AsOf" in error["message"] for error in errors)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"seq": 1, "at": FUTURE},
        {"seq": None},
        {"seq": 1, "at": None},
        {"seq": "1"},
        {"at": 1},
        {"at": "now"},
        [],
        1,
    ],
)
def test_exactly_one_is_given_in_a_variable(alice: Client, case: str, given: object) -> None:
    errors = alice.errors(TITLES, id=case, asOf=given)
    assert {error["extensions"]["code"] for error in errors} == {"INVALID_INPUT"}
    assert all("asOf" in error["message"] for error in errors)


def test_a_variable_in_it_may_not_be_null(alice: Client, case: str) -> None:
    query = "query ($id: ID!, $seq: Int) { case(id: $id, asOf: {seq: $seq}) { id } }"
    (error,) = alice.errors(query, id=case, seq=1)
    assert "OneOf Input Object 'AsOf'" in error["message"]


def test_left_out_or_null_is_now(alice: Client, case: str) -> None:
    now = alice.run("query ($id: ID!) { case(id: $id) { title } }", id=case)
    assert now == alice.run(asked("title"), id=case) == alice.run(asked("title"), id=case, asOf=None)


def test_one_document_may_ask_for_several_moments(alice: Client, case: str) -> None:
    query = """
    query ($id: ID!, $seq: Int!, $at: DateTime!) {
      now: case(id: $id) { ...it } first: case(id: $id, asOf: {seq: 3}) { ...it }
      then: case(id: $id, asOf: {seq: $seq}) { ...it } until: case(id: $id, asOf: {at: $at}) { ...it }
    }
    fragment it on Case { events { nodes { title } } journal { size } }
    """
    found = alice.run(query, id=case, seq=4, at=journal(alice, case)[-1]["at"])
    assert {name: (it["journal"]["size"], len(it["events"]["nodes"])) for name, it in found.items()} == {
        "now": (5, 2),
        "first": (3, 1),
        "then": (4, 2),
        "until": (5, 2),
    }


# What


@pytest.mark.long
def test_what_is_gone_is_found_as_it_was(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(
        case, title="Gone", description="Long", occurredUntil="2026-02-02T00:00:00Z", sortOrder=3
    )
    batch = alice.create_batch(case, event, label="Gone too", fileTypes=".pdf", description="More", fileCount=7)
    alice.change("updateFileBatch", "errors { code }", caseId=case, eventId=event, id=batch, label="Once more")
    lookups = f"""
        event(id: "{event}") {{
          id title description occurredAt occurredUntil type timePrecision sortOrder source timeKind utcOffset {AUTHORS}
          fileBatch(id: "{batch}") {{ label fileCount fileTypes description sortOrder {AUTHORS} event {{ title }} }}
        }}
    """
    then, was, changes = seq(alice, case), told(alice, case), asked(lookups)
    single = told(alice, case, None, (changes,))
    alice.change("deleteEvent", "errors { code }", caseId=case, id=event)
    assert told(alice, case, {"seq": then}) == was
    assert told(alice, case, {"seq": then}, (changes,)) == single
    before = ask(alice, case, f'event(id: "{event}") {{ fileBatches {{ nodes {{ label }} }} }}', {"seq": then - 1})
    assert before == {"event": {"fileBatches": {"nodes": [{"label": "Gone too"}]}}}
    assert ask(alice, case, f'event(id: "{event}") {{ id }}', {"seq": then - 3}) == {"event": None}
    assert ask(alice, case, f'event(id: "{event}") {{ id }}', {"seq": seq(alice, case)}) == {"event": None}


def test_a_row_of_another_case_is_not_found(alice: Client, case: str) -> None:
    other = alice.create_case()
    event = alice.create_event(other)
    batch = alice.create_batch(other, event)
    own = alice.create_event(case)
    last = {"seq": seq(alice, case)}
    for _ in range(2):
        assert ask(alice, case, f'event(id: "{event}") {{ id }}', last) == {"event": None}
        found = ask(alice, case, f'event(id: "{own}") {{ fileBatch(id: "{batch}") {{ id }} }}', last)
        assert found == {"event": {"fileBatch": None}}
        alice.change("deleteEvent", "errors { code }", caseId=other, id=event)


def test_members_come_and_go(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), server.client()
    bob.run("{ viewer { id } }")
    taken = {}

    def note() -> None:
        taken[seq(alice, case)] = told(alice, case, None, (ITSELF,))

    def set_role(role: str, **given: Any) -> None:
        alice.change("setCaseMember", "errors { code }", caseId=case, subject=bob.subject, role=role, **given)
        note()

    note()
    set_role("VIEWER", expiresAt="2099-01-01T00:00:00Z")
    bob.change("acceptCase", "errors { code }", id=case)
    note()
    set_role("EDITOR", expiresAt=None)
    alice.change("removeCaseMember", "errors { code }", caseId=case, subject=bob.subject)
    note()
    set_role("OWNER")
    set_role("OWNER", expiresAt="2098-01-01T00:00:00Z")
    # In another case, by the same user's id.
    other = alice.create_case()
    alice.change("setCaseMember", "errors { code }", caseId=other, subject=bob.subject, role="VIEWER")
    alice.change("removeCaseMember", "errors { code }", caseId=case, subject=bob.subject)
    note()
    assert len(taken) == 8
    for number, then in taken.items():
        assert told(alice, case, {"seq": number}, (ITSELF,)) == then, number


@pytest.mark.slow
def test_what_was_there_before_the_record_keeps_its_authors(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case, title="Old")
    author = alice.run("{ viewer { id } }")["viewer"]["id"]
    created, updated = "2020-01-01T00:00:00.000000Z", "2021-01-01T00:00:00.000001Z"
    values: dict[str, Any] = {
        "type": "NOTE",
        "title": "Old",
        "occurredAt": "2026-01-01T00:00:00.000000Z",
        "timePrecision": "EXACT",
    }
    values |= {"sortOrder": 0, "createdAt": created, "createdBy": author, "updatedAt": updated, "updatedBy": author}
    said = orjson.dumps(["salt", "Old", "before", {name: [None, value] for name, value in values.items()}]).decode()
    execute(server, f"UPDATE journal_entries SET kind = 'IMPORTED', said = '{said}' WHERE row_id = '{event}'")  # noqa: S608
    execute(server, f"UPDATE events SET created_at = '{created}', updated_at = '{updated}' WHERE id = '{event}'")  # noqa: S608
    taken = {seq(alice, case): told(alice, case)}
    alice.change("updateEvent", "errors { code }", caseId=case, id=event, title="New")
    taken[seq(alice, case)] = told(alice, case)
    alice.change("deleteEvent", "errors { code }", caseId=case, id=event)
    for number, then in taken.items():
        assert told(alice, case, {"seq": number}) == then
    assert ask(alice, case, "events { totalCount }", {"seq": 2}) == {"events": {"totalCount": 0}}


@pytest.mark.parametrize("order", ["OCCURRED_AT_ASC", "OCCURRED_AT_DESC", "UPDATED_AT_DESC", "CREATED_AT_ASC"])
def test_pages_go_back_and_forth(alice: Client, order: str) -> None:
    case = alice.create_case()
    events = [alice.create_event(case, title=f"{number}", sortOrder=-number % 3) for number in range(7)]
    alice.change(
        "updateEvent", "errors { code }", caseId=case, id=events[2], title="Two", occurredAt="2025-01-01T00:00:00Z"
    )
    then = seq(alice, case)
    listed = asked(f"events(orderBy: [{order}]) {{ edges {{ cursor node {{ id title }} }} }}")
    whole = alice.run(listed, id=case)["case"]["events"]["edges"]
    for event in events[:3]:
        alice.change(
            "updateEvent", "errors { code }", caseId=case, id=event, occurredAt="2027-01-01T00:00:00Z", title="X"
        )
    for event in events[3:5]:
        alice.change("deleteEvent", "errors { code }", caseId=case, id=event)
    alice.create_event(case)
    page = f"""query ($id: ID!, $asOf: AsOf, $first: Int, $after: String, $last: Int, $before: String) {{
      case(id: $id, asOf: $asOf) {{
        events(orderBy: [{order}], first: $first, after: $after, last: $last, before: $before) {{
          totalCount edges {{ cursor node {{ id title }} }}
          pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
        }}
      }}
    }}"""
    for size, cursor, end in (("first", "after", "endCursor"), ("last", "before", "startCursor")):
        found: list[Any] = []
        bound = None
        for place in range(4):
            given = {size: 2, cursor: bound, "id": case, "asOf": {"seq": then}}
            events_ = alice.run(page, **given)["case"]["events"]
            assert events_["totalCount"] == 7
            found = [*found, *events_["edges"]] if size == "first" else [*events_["edges"], *found]
            info, bound = events_["pageInfo"], events_["pageInfo"][end]
            more = (info["hasNextPage"], info["hasPreviousPage"])
            assert more == ((place < 3, place > 0) if size == "first" else (place > 0, place < 3))
        assert found == whole


def test_what_you_may_do_and_users_are_as_now(server: Server, alice: Client, case: str) -> None:
    bob = server.client()
    alice.change("setCaseMember", "errors { code }", caseId=case, subject=bob.subject, role="VIEWER")
    then = {"seq": seq(alice, case) - 1}
    selection = "viewerRole viewerAccepted members { user { subject } }"
    assert ask(bob, case, selection, then) == {
        "viewerRole": "VIEWER",
        "viewerAccepted": False,
        "members": [{"user": {"subject": alice.subject}}],
    }


def test_the_record_below_is_as_it_was(alice: Client, case: str) -> None:
    roots = {}
    for number in range(40):
        alice.change("updateCase", "errors { code }", id=case, title=f"Title {number}")
        found = alice.run("query ($id: ID!) { case(id: $id) { journal { size root } } }", id=case)["case"]["journal"]
        roots[found["size"]] = found["root"]
    for size, root in roots.items():
        assert ask(alice, case, "journal { size root }", {"seq": size}) == {"journal": {"size": size, "root": root}}
    selection = "history(first: 1) { totalCount nodes { seq on { node { ... on Case { title } } } } }"
    assert ask(alice, case, selection, {"seq": 10}) == {
        "history": {"totalCount": 10, "nodes": [{"seq": 10, "on": {"node": {"title": "Title 39"}}}]}
    }


def test_a_text_of_the_past_is_refused(alice: Client, case: str) -> None:
    query = """query ($id: ID!, $asOf: AsOf, $where: EventFilter) {
      case(id: $id, asOf: $asOf) { events(where: $where) { totalCount } }
    }"""
    (error,) = alice.errors(query, id=case, asOf={"seq": 1}, where={"text": "one"})
    assert error["message"] == "`text` can't be asked of a case as it was"
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "where.text"}
    assert error["path"] == ["case", "events"]
    assert alice.run(query, id=case, where={"text": "two"})["case"]["events"]["totalCount"] == 1
    assert alice.run(query, id=case, asOf={"seq": 4}, where={"text": None})["case"]["events"]["totalCount"] == 2


# Whose


def test_a_stranger_can_tell_nothing(server: Server, alice: Client, mallory: Client, case: str) -> None:
    gone = alice.create_case()
    alice.change("deleteCase", "errors { code }", id=gone)
    nobodys = "00000000-0000-7000-8000-000000000000"
    moments: list[dict[str, Any]] = [{"seq": number} for number in (-1, 1, 3, 99)]
    moments += [{"at": journal(alice, case)[2]["at"]}, {"at": "2001-01-01T00:00:00Z"}, {"at": FUTURE}]
    for moment in moments:
        answers = {mallory.post(TITLES, {"id": id_, "asOf": moment}).content for id_ in (case, gone, nobodys, "no id")}
        assert len(answers) == 1
        assert answers == {NOTHING} or moment == {"at": FUTURE}
    auditor = server.client(roles=("auditor",))
    assert told(auditor, gone, {"seq": 1}, (TITLES,)) == [NOTHING]
    assert told(auditor, case, {"seq": 3}, (TITLES,)) == told(alice, case, {"seq": 3}, (TITLES,))
