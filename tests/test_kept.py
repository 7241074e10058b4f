"""What is kept: closed, sealed, held, retained; and what is deleted, restored, purged and erased."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLObjectType
from sqlalchemy import text

from app.db.postgresql import address
from app.record import removal
from app.record.journal import Recorder
from app.schema import executable
from app.values import new_id
from tests.commands import dossier
from tests.conftest import KINDS
from tests.histories import History
from tests.server import Client, Server, remove_nothing, serving
from tests.test_history import journal, values
from tests.test_migrations import ask
from tests.test_verify import findings

pytestmark = pytest.mark.long

ERRORS = "errors { __typename code message path ... on StateError { state } }"
CASE = """
query ($id: ID!) {
  case(id: $id) {
    status version retainUntil seal { at by { subject } reason root } journal { size root }
    holds { id name reason reference placedBy { subject } releasedBy { subject } releaseReason }
    trash { totalCount nodes { seq kind on { type id label node { id } } } }
    events { totalCount nodes { id version fileBatches { totalCount } } }
  }
}
"""
TIMES = int(os.environ.get("DOSSIER_TEST_TIMES", "60"))
"""How often the slow tests do what others do a few times."""

NOON = "2026-01-01T12:00:00Z"


def case_of(client: Client, case: str) -> Any:
    return client.run(CASE, id=case)["case"]


def made(client: Client, mutation: str, selection: str = "", /, **given: Any) -> dict[str, Any]:
    """Return the payload of a change that must be made."""
    payload = client.change(mutation, f"{ERRORS} {selection}", **given)
    assert payload["errors"] == [], payload
    return payload


def codes(client: Client, mutation: str, /, **given: Any) -> list[str]:
    return [error["code"] for error in client.change(mutation, ERRORS, **given)["errors"]]


def grant(owner: Client, case: str, client: Client, role: str) -> None:
    client.run("{ viewer { id } }")
    made(owner, "setCaseMember", caseId=case, subject=client.subject, role=role)
    made(client, "acceptCase", id=case)


def hold(client: Client, case: str, name: str = "Lawsuit") -> str:
    given = {"caseId": case, "name": name, "reason": "A court asked for it."}
    identifier: str = made(client, "placeHold", "hold { id }", **given)["hold"]["id"]
    return identifier


def purge(client: Client, case: str, row: str) -> dict[str, Any]:
    """Purge what was deleted, in its two steps; return the payload."""
    given = {"caseId": case, "id": row, "reason": "Article 17."}
    first = client.change("purge", f"{ERRORS} preview certificate", **given)
    assert [error["path"] for error in first["errors"]] == [["input", "confirm"]]
    assert first["certificate"] is None
    return made(client, "purge", "certificate preview change { seq }", confirm=first["preview"]["confirm"], **given)


# The matrix: every mutation, in every state, by everybody

ROLES = ("VIEWER", "CONTRIBUTOR", "EDITOR", "OWNER")
CALLERS = ("stranger", *ROLES, "auditor", "admin")
STATES = ("open", "closed", "sealed", "held", "retained", "in the trash", "purged")
# What each change takes, and what it does to the case; said here once more, and not taken from the code.
CHANGES: dict[str, tuple[str, str]] = {
    "updateCase": ("CONTRIBUTOR", "changes"),
    "deleteCase": ("OWNER", "destroys"),
    "createEvent": ("CONTRIBUTOR", "changes"),
    "updateEvent": ("CONTRIBUTOR", "changes"),
    "deleteEvent": ("EDITOR", "destroys"),
    "createFileBatch": ("CONTRIBUTOR", "changes"),
    "updateFileBatch": ("CONTRIBUTOR", "changes"),
    "deleteFileBatch": ("EDITOR", "destroys"),
    "createEvents": ("CONTRIBUTOR", "changes"),
    "deleteEvents": ("EDITOR", "destroys"),
    "createFileBatches": ("CONTRIBUTOR", "changes"),
    "addFiles": ("CONTRIBUTOR", "changes"),
    "finishManifest": ("CONTRIBUTOR", "changes"),
    "addTags": ("CONTRIBUTOR", "changes"),
    "removeTags": ("CONTRIBUTOR", "changes"),
    "addComment": ("CONTRIBUTOR", "changes"),
    "updateComment": ("CONTRIBUTOR", "changes"),
    "deleteComment": ("EDITOR", "destroys"),
    "sealCase": ("OWNER", "governs"),
    "unsealCase": ("OWNER", "governs"),
    "retainCase": ("OWNER", "governs"),
    "placeHold": ("OWNER", "governs"),
    "releaseHold": ("OWNER", "governs"),
    "restore": ("EDITOR", "changes"),
    "purge": ("OWNER", "destroys"),
    "erase": ("OWNER", "destroys"),
    "setCaseMember": ("OWNER", "governs"),
    "acceptCase": ("VIEWER", "governs"),
    "removeCaseMember": ("OWNER", "governs"),
}
# What is still to be said of a case that was deleted, by those who owned it.
OF_DELETED = {"placeHold", "releaseHold", "restore", "purge"}


@dataclass
class Kept:
    """A case in a state, with an event, a batch, something that was deleted, and a hold."""

    state: str
    owner: Client
    case: str
    event: str
    batch: str
    deleted: str
    hold: str
    renamed: int
    comment: str

    def given(self, name: str) -> dict[str, Any]:
        """Return an input for a mutation."""
        event, gone = {"caseId": self.case, "id": self.event}, self.deleted
        of_event = {"caseId": self.case, "eventId": self.event}
        if self.state in {"in the trash", "purged"}:
            gone = self.case
        given: dict[str, dict[str, Any]] = {
            "updateCase": {"id": self.case, "title": f"Changed {time.time()}"},
            "deleteCase": {"id": self.case},
            "createEvent": {"caseId": self.case, "title": "New", "occurredAt": NOON},
            "updateEvent": {**event, "title": f"Changed {time.time()}"},
            "deleteEvent": event,
            "createFileBatch": {**of_event, "label": "New"},
            "updateFileBatch": {**of_event, "id": self.batch, "label": f"Changed {time.time()}"},
            "deleteFileBatch": {**of_event, "id": self.batch},
            "createEvents": {"caseId": self.case, "items": [{"title": "New", "occurredAt": NOON}]},
            "deleteEvents": {"caseId": self.case, "ids": [self.event]},
            "createFileBatches": {"caseId": self.case, "items": [{"eventId": self.event, "label": "New"}]},
            "addFiles": {
                **of_event,
                "fileBatchId": self.batch,
                "files": [{"path": "a", "size": 0, "sha256": "00" * 32}],
            },
            "finishManifest": {**of_event, "fileBatchId": self.batch, "fileCount": 0},
            "addTags": {"caseId": self.case, "ids": [self.batch], "tags": [f"{time.time()}"]},
            "removeTags": {"caseId": self.case, "ids": [self.batch], "tags": ["tag"]},
            "addComment": {"caseId": self.case, "on": self.event, "text": "New"},
            "updateComment": {"caseId": self.case, "id": self.comment, "text": f"Changed {time.time()}"},
            "deleteComment": {"caseId": self.case, "id": self.comment},
            "sealCase": {"id": self.case, "reason": "Done."},
            "unsealCase": {"id": self.case, "reason": "Not done."},
            "retainCase": {"id": self.case, "retainUntil": "2999-01-01T00:00:00Z"},
            "placeHold": {"caseId": self.case, "name": "H", "reason": "R"},
            "releaseHold": {"caseId": self.case, "id": self.hold, "reason": "Over."},
            "restore": {"caseId": self.case, "id": gone},
            "purge": {"caseId": self.case, "id": gone, "reason": "R"},
            "erase": {"caseId": self.case, "seqs": [self.renamed], "fields": ["title"], "reason": "R"},
            "setCaseMember": {"caseId": self.case, "subject": "nobody-yet", "role": "VIEWER"},
            "acceptCase": {"id": self.case},
            "removeCaseMember": {"caseId": self.case, "subject": "nobody-else"},
        }
        return given[name]


def make_kept(owner: Client, admin: Client, members: dict[str, Client], state: str) -> Kept:
    case = owner.create_case(title="Old")
    for role, client in members.items():
        if role != "OWNER":
            grant(owner, case, client, role)
    event, other = owner.create_event(case, title="E"), owner.create_event(case, title="F")
    batch = owner.create_batch(case, event, label="B")
    comment = made(owner, "addComment", "comment { id }", caseId=case, on=batch, text="T")["comment"]["id"]
    renamed = made(owner, "updateCase", "change { seq }", id=case, title="New")["change"]["seq"]
    made(owner, "deleteEvent", caseId=case, id=other)
    hold_ = hold(owner, case)
    if state != "held":
        made(owner, "releaseHold", caseId=case, id=hold_, reason="Over.")
    match state:
        case "closed":
            made(owner, "updateCase", id=case, status="CLOSED")
        case "sealed":
            made(owner, "sealCase", id=case, reason="Done.")
        case "retained":
            made(owner, "retainCase", id=case, retainUntil="2998-01-01T00:00:00Z")
        case "in the trash" | "purged":
            made(owner, "deleteCase", id=case)
    if state == "purged":
        purge(admin, case, case)
    return Kept(state, owner, case, event, batch, other, hold_, renamed, comment)


def expected(name: str, state: str, caller: str) -> str | None:
    """Return the code of the refusal, None for a change that is made."""
    need, does = CHANGES[name]
    is_gone = state in {"in the trash", "purged"}
    if is_gone and (state == "purged" or name not in OF_DELETED or caller == "stranger"):
        return "NOT_FOUND"
    if is_gone:
        need = "OWNER"
    if caller == "stranger":
        return "NOT_FOUND"
    has = {"auditor": "VIEWER", "admin": "OWNER"}.get(caller, caller)
    if ROLES.index(has) < ROLES.index(need):
        return "FORBIDDEN"
    refused = {"destroys": {"held": "HELD", "retained": "RETAINED"}, "changes": {}, "governs": {}}[does]
    if does != "governs":
        refused = refused | {"sealed": "SEALED", "closed": "CLOSED"}
    if state in refused:
        return refused[state]
    match name, state:
        case "sealCase", "sealed":
            return "SEALED"
        case ("unsealCase" | "releaseHold", _) if state != {"unsealCase": "sealed"}.get(name, "held"):
            return "INVALID_INPUT"
        case "purge", _:
            return "INVALID_INPUT" if caller == "admin" else "FORBIDDEN"  # the preview; and it is too early
        case "removeCaseMember", _:
            return "NOT_FOUND"  # there is no such member
        case "updateComment", _:
            return None if caller in {"OWNER", "admin"} else "FORBIDDEN"  # who wrote it
        case _:
            return None


def test_every_change_has_its_rule() -> None:
    mutation = executable().mutation_type
    assert isinstance(mutation, GraphQLObjectType)
    assert {*CHANGES} == {*mutation.fields} - {"createCase"}


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("state", STATES)
def test_whatever_keeps_a_case_keeps_it_from_everybody(server: Server, state: str) -> None:
    callers = {role: server.client() for role in ("stranger", *ROLES)}
    callers |= {role: server.client(roles=(role,)) for role in ("auditor", "admin")}
    owner, admin = callers["OWNER"], callers["admin"]
    members = {role: callers[role] for role in ROLES}
    kept = make_kept(owner, admin, members, state)
    wrong = []
    for caller, client in callers.items():
        for name in CHANGES:
            found = codes(client, name, **kept.given(name))
            should = expected(name, state, caller)
            if found != ([] if should is None else [should]):
                wrong.append((name, caller, found, should))
            if not found:
                kept = make_kept(owner, admin, members, state)
    assert wrong == []
    assert findings(server.settings, kept.case) == []


# Closed and sealed


def test_a_closed_case_says_how_to_go_on_and_is_reopened(alice: Client) -> None:
    case = alice.create_case(status="CLOSED")
    (error,) = alice.change("createEvent", ERRORS, caseId=case, title="E", occurredAt=NOON)["errors"]
    assert (error["__typename"], error["state"], error["path"]) == ("StateError", "CLOSED", ["input", "caseId"])
    assert "`updateCase`" in error["message"]
    assert codes(alice, "updateCase", id=case, status="ACTIVE", title="T") == ["CLOSED"]
    assert codes(alice, "updateCase", id=case, status="CLOSED") == ["CLOSED"]
    assert codes(alice, "updateCase", id=case, status=None) == ["INVALID_INPUT"]
    assert codes(alice, "updateCase", id=case, status="ACTIVE", expectedVersion=7) == ["CONFLICT"]
    request = "a-request-of-its-own"
    made(alice, "updateCase", id=case, status="ACTIVE", expectedVersion=1, requestId=request)
    alice.create_event(case)


def test_a_seal_says_who_when_why_and_what_the_journal_was(server: Server, alice: Client) -> None:
    case = alice.create_case()
    alice.create_event(case)
    before = case_of(alice, case)
    assert before["seal"] is None
    assert codes(alice, "sealCase", id=case, reason=" ") == ["INVALID_INPUT"]
    assert codes(alice, "sealCase", id=case, reason="x", expectedVersion=9) == ["CONFLICT"]
    made(alice, "sealCase", id=case, reason="Reported.", expectedVersion=1)
    after = case_of(alice, case)
    seal = {"by": {"subject": alice.subject}, "reason": "Reported.", "root": before["journal"]["root"]}
    entry = journal(alice, case)[-1]
    assert after["seal"] == {"at": entry["at"], **seal}
    assert (entry["kind"], entry["reason"], entry["on"]["version"]) == ("SEALED", "Reported.", 2)
    assert codes(alice, "updateCase", id=case, status="CLOSED") == ["SEALED"]
    made(alice, "retainCase", id=case, retainUntil="2990-01-01T00:00:00Z")
    made(alice, "unsealCase", id=case, reason="A letter came.")
    entry = journal(alice, case)[-1]
    assert (entry["kind"], entry["reason"], case_of(alice, case)["seal"]) == ("UNSEALED", "A letter came.", None)
    assert codes(alice, "unsealCase", id=case, reason="x") == ["INVALID_INPUT"]
    alice.create_event(case)
    assert findings(server.settings, case) == []
    as_of = "query ($id: ID!) { case(id: $id, asOf: {seq: %d}) { seal { reason root } retainUntil } }"
    then = alice.run(as_of % (entry["seq"] - 1), id=case)["case"]
    assert then["seal"] == {"reason": "Reported.", "root": before["journal"]["root"]}
    assert then["retainUntil"] == "2990-01-01T00:00:00.000000Z"


def test_what_was_sealed_is_compared_with_the_present(new_database: Callable[[str], str], tmp_path: Path) -> None:
    url = new_database("sqlite")
    with serving("sqlite", url) as server:
        alice = server.client()
        case, other = alice.create_case(), alice.create_case()
        for each in (case, other):
            made(alice, "sealCase", id=each, reason="Done.")
            made(alice, "placeHold", caseId=each, name="H", reason="R")
        made(alice, "unsealCase", id=other, reason="Not done.")
        alice.create_event(other)
        done = dossier(tmp_path, "verify", "--seals", DOSSIER_DATABASE_URL=url)
        assert sorted(done.stdout.splitlines()[:2]) == sorted(
            [
                f"case {case}, sealed by entry 3: its content is as it was",
                f"case {other}, sealed by entry 3, seal broken by entry 5: 1 changes of its content came since",
            ]
        )
        assert done.returncode == 0, done.stdout


# Held and retained


def test_holds_stand_side_by_side_and_stay_on_view(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    admin = server.client(roles=("admin",))
    first, second = hold(alice, case, "One"), hold(admin, case, "Two")
    alice.change("updateEvent", "errors { code }", caseId=case, id=event, title="Work goes on")
    for left in (first, second):
        assert codes(alice, "deleteEvent", caseId=case, id=event) == ["HELD"]
        if left == second:
            assert codes(alice, "releaseHold", caseId=case, id=left, reason="x") == ["HELD"]
            made(admin, "releaseHold", caseId=case, id=left, reason="The court has ruled.")
        else:
            made(alice, "releaseHold", caseId=case, id=left, reason="Settled.")
    assert codes(alice, "releaseHold", caseId=case, id=first, reason="x") == ["INVALID_INPUT"]
    told = [(each["name"], each["releaseReason"], each["releasedBy"]) for each in case_of(alice, case)["holds"]]
    assert told == [
        ("One", "Settled.", {"subject": alice.subject}),
        ("Two", "The court has ruled.", {"subject": admin.subject}),
    ]
    made(alice, "deleteEvent", caseId=case, id=event)
    kinds = [(entry["kind"], entry["on"]["type"], entry["on"]["label"]) for entry in journal(alice, case)[3:]]
    assert kinds == [
        ("HELD", "HOLD", "One"),
        ("HELD", "HOLD", "Two"),
        ("UPDATED", "EVENT", "Work goes on"),
        ("REFUSED", "EVENT", "Work goes on"),
        ("RELEASED", "HOLD", "One"),
        ("REFUSED", "EVENT", "Work goes on"),
        ("RELEASED", "HOLD", "Two"),
        ("DELETED", "EVENT", "Work goes on"),
    ]
    refused = journal(alice, case)[6]
    assert values(refused) == {"mutation": (None, "deleteEvent"), "state": (None, "HELD")}
    assert refused["on"]["version"] is None
    assert findings(server.settings, case) == []
    node = alice.run("query ($id: ID!) { node(id: $id) { ... on Hold { name } } }", id=first)["node"]
    assert node == {"name": "One"}
    assert server.client().run("query ($id: ID!) { node(id: $id) { id } }", id=first) == {"node": None}


def test_a_refused_attempt_leaves_no_request_and_can_be_made_later(alice: Client) -> None:
    case = alice.create_case()
    held = hold(alice, case)
    given = {"id": case, "requestId": "the-same-id-for-both"}
    assert codes(alice, "deleteCase", **given) == ["HELD"]
    made(alice, "releaseHold", caseId=case, id=held, reason="x")
    payload = alice.change("deleteCase", "deletedId replayed errors { code }", **given)
    assert payload == {"deletedId": case, "replayed": False, "errors": []}


def test_a_case_is_kept_until_a_moment(server: Server, alice: Client) -> None:
    admin = server.client(roles=("admin",))
    case = alice.create_case()
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    made(alice, "retainCase", id=case, retainUntil=soon)
    assert codes(alice, "deleteCase", id=case) == ["RETAINED"]
    late = "2990-01-01T00:00:00Z"
    assert codes(alice, "retainCase", id=case) == ["INVALID_INPUT"]
    assert codes(alice, "retainCase", id=case, retainUntil=None) == ["RETAINED"]
    made(alice, "retainCase", id=case, retainUntil=late)
    assert codes(admin, "retainCase", id=case, retainUntil=soon) == ["INVALID_INPUT"]
    made(admin, "retainCase", id=case, retainUntil=soon, reason="Set by mistake.")
    assert journal(alice, case)[-1]["reason"] == "Set by mistake."
    time.sleep(1.6)
    made(alice, "deleteCase", id=case)


# Deleted, and restored

STAYS = """
query ($id: ID!) {
  case(id: $id) {
    id number title description reference status createdAt createdBy { id }
    members { user { id subject } role expiresAt accepted } holds { id name releasedAt } retainUntil
    events(first: 100) {
      totalCount
      nodes {
        id type title description occurredAt occurredUntil timePrecision sortOrder source timeKind utcOffset
        createdAt createdBy { id }
        fileBatches(first: 100) {
          totalCount
          nodes { id label fileCount description fileTypes sortOrder createdAt createdBy { id } }
        }
      }
    }
    some: events(where: {text: "TEXT"}, orderBy: [UPDATED_AT_DESC], first: 100) { totalCount }
  }
}
"""


def stays(client: Client, case: str) -> bytes:
    return client.post(STAYS, {"id": case}).content


def delete_and_restore(server: Server, seed: int, least: int) -> None:
    """Delete and restore cases, and events in them, of random histories until so many cases were."""
    reader, history, done = server.client(roles=("auditor",)), History(server, seed), 0
    while done < least:
        history.go_on(60)
        for held in history._cases:  # noqa: SLF001 - ours
            case, before = held.id, stays(reader, held.id)
            if codes(held.owner, "deleteCase", id=case):
                continue  # it is kept
            assert stays(reader, case) == b'{"data":{"case":null}}'
            found = held.owner.run("{ trash(first: 100) { nodes { on { id } } } }")["trash"]["nodes"]
            assert {"on": {"id": case}} in found
            made(held.owner, "restore", caseId=case, id=case)
            assert stays(reader, case) == before
            done += 1
            for event in list(held.events)[:2]:
                if codes(held.owner, "deleteEvent", caseId=case, id=event):
                    continue
                made(held.owner, "restore", caseId=case, id=event)
                assert stays(reader, case) == before
    assert findings(server.settings) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_deleted_comes_back_as_it_was(new_database: Callable[[str], str], kind: str) -> None:
    with serving(kind, new_database(kind)) as server:
        delete_and_restore(server, 3, 8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_cases_come_back_as_they_were(new_database: Callable[[str], str], kind: str) -> None:
    with serving(kind, new_database(kind)) as server:
        delete_and_restore(server, 4, TIMES)


def test_what_is_restored_is_the_next_version_and_said_to_be(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case, title="E")
    batch = alice.create_batch(case, event, label="B")
    gone_before = alice.create_batch(case, event, label="C")
    made(alice, "deleteFileBatch", caseId=case, eventId=event, id=gone_before)
    made(alice, "deleteEvent", caseId=case, id=event)
    # A batch can't come back to where nothing is.
    assert codes(alice, "restore", caseId=case, id=gone_before) == ["NOT_FOUND"]
    assert codes(alice, "restore", caseId=case, id=batch) == ["NOT_FOUND"]
    assert [each["on"]["label"] for each in case_of(alice, case)["trash"]["nodes"]] == ["E", "C"]
    payload = made(
        alice,
        "restore",
        "node { id ... on Event { title version fileBatches { nodes { id version } } } } change { kind }",
        caseId=case,
        id=event,
    )
    assert payload["change"] == {"kind": "RESTORED"}
    batches = {"nodes": [{"id": batch, "version": 2}]}
    assert payload["node"] == {"id": event, "title": "E", "version": 2, "fileBatches": batches}
    assert codes(alice, "restore", caseId=case, id=event) == ["NOT_FOUND"]
    made(alice, "restore", caseId=case, id=gone_before)
    assert case_of(alice, case)["trash"]["totalCount"] == 0
    told = [(entry["kind"], entry["on"]["label"], entry["on"]["version"]) for entry in journal(alice, case)[-6:]]
    assert told == [
        ("DELETED", "C", 1),
        ("DELETED", "B", 1),
        ("DELETED", "E", 1),
        ("RESTORED", "B", 2),
        ("RESTORED", "E", 2),
        ("RESTORED", "C", 2),
    ]
    assert findings(server.settings, case) == []


def test_a_deleted_case_is_in_the_trash_of_its_owners_only(server: Server, alice: Client, mallory: Client) -> None:
    editor, other, admin = server.client(), server.client(), server.client(roles=("admin",))
    case = alice.create_case(title="Gone")
    grant(alice, case, editor, "EDITOR")
    grant(alice, case, other, "OWNER")
    made(alice, "deleteCase", id=case)
    trash = "{ trash { totalCount nodes { kind by { subject } on { id label node { id } } } } }"
    gone = {"kind": "DELETED", "by": {"subject": alice.subject}, "on": {"id": case, "label": "Gone", "node": None}}
    for client in (alice, other):
        assert client.run(trash)["trash"] == {"totalCount": 1, "nodes": [gone]}
    assert (
        gone
        in admin.run("{ trash(first: 100) { nodes { kind by { subject } on { id label node { id } } } } }")["trash"][
            "nodes"
        ]
    )
    for client in (editor, mallory):
        assert client.run(trash)["trash"] == {"totalCount": 0, "nodes": []}
    assert codes(editor, "restore", caseId=case, id=case) == ["FORBIDDEN"]
    assert codes(mallory, "restore", caseId=case, id=case) == ["NOT_FOUND"]
    made(other, "restore", caseId=case, id=case)
    roles = "query ($id: ID!) { case(id: $id) { members { role } } }"
    assert len(editor.run(roles, id=case)["case"]["members"]) == 3


def test_the_time_in_the_trash_ends(new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("sqlite", new_database("sqlite"), DOSSIER_TRASH_DAYS="1") as server:
        alice = server.client()
        case = alice.create_case()
        event = alice.create_event(case)
        made(alice, "deleteEvent", caseId=case, id=event)
        assert codes(alice, "purge", caseId=case, id=event, reason="x") == ["FORBIDDEN"]
        later = datetime.now(UTC) + timedelta(days=1, minutes=1)
        for module in ("app.reading.reads", "app.record.journal", "app.ownership"):
            monkeypatch.setattr(f"{module}.now", lambda: later)
        assert case_of(alice, case)["trash"]["totalCount"] == 0
        assert codes(alice, "restore", caseId=case, id=event) == ["NOT_FOUND"]
        assert purge(alice, case, event)["certificate"]["authority"] == "OWNER"


def test_strangers_cannot_tell_what_was_deleted_from_what_never_was(server: Server, alice: Client) -> None:
    stranger, case, nothing = server.client(), alice.create_case(), new_id()
    event = alice.create_event(case)
    made(alice, "deleteEvent", caseId=case, id=event)
    calls: list[tuple[str, Callable[[str, str], dict[str, Any]]]] = [
        ("placeHold", lambda of, _: {"caseId": of, "name": "H", "reason": "R"}),
        ("releaseHold", lambda of, row: {"caseId": of, "id": row, "reason": "R"}),
        ("restore", lambda of, row: {"caseId": of, "id": row}),
        ("purge", lambda of, row: {"caseId": of, "id": row, "reason": "R"}),
    ]

    def told(case: str, row: str) -> list[Any]:
        return [stranger.change(name, ERRORS, **given(case, row))["errors"] for name, given in calls]

    never = told(nothing, new_id())
    assert all(error["message"] and error["path"] for (error,) in never)
    assert told(case, event) == never
    made(alice, "deleteCase", id=case)
    assert told(case, event) == told(case, case) == never


def test_a_stranger_waits_for_nobody_who_holds_what_was_deleted(new_database: Callable[[str], str]) -> None:
    with serving("postgresql", new_database("postgresql")) as server:
        alice, stranger = server.client(), server.client()
        case = alice.create_case()
        made(alice, "deleteCase", id=case)

        async def refused_while_locked() -> list[list[str]]:
            connection = await asyncpg.connect(address(server.settings.database_url))
            try:
                async with connection.transaction():
                    for table, column in (("deletions", "row_id"), ("journals", "case_id")):
                        statement = f"SELECT 1 FROM {table} WHERE {column} = $1 FOR UPDATE"  # noqa: S608 - ours
                        await connection.execute(statement, case)
                    return await asyncio.wait_for(asyncio.to_thread(tried), 20)
            finally:
                await connection.close()

        def tried() -> list[list[str]]:
            return [
                codes(stranger, "restore", caseId=case, id=case),
                codes(stranger, "placeHold", caseId=case, name="H", reason="R"),
            ]

        assert asyncio.run(refused_while_locked()) == [["NOT_FOUND"], ["NOT_FOUND"]]


# Large ones


@pytest.fixture(params=KINDS)
def large(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[tuple[Server, str, str]]:
    """A server with an event that has more batches than are removed at once, and the case's and the event's ids."""
    with serving(request.param, new_database(request.param)) as server:
        client = server.client("alice")
        case = client.create_case()
        event = client.create_event(case, title="Large")
        for number in range(0, 450, 50):
            calls = " ".join(
                f'a{each}: createFileBatch(input: {{caseId: "{case}", eventId: "{event}", label: "{each}"}}) '
                "{ errors { code } }"
                for each in range(number, number + 50)
            )
            client.run(f"mutation {{ {calls} }}")
        yield server, case, event


def settled(client: Client, case: str, size: int) -> None:
    """Wait until a case's journal has so many entries."""
    until = time.monotonic() + 30
    while (found := case_of(client, case)["journal"]["size"]) < size:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    assert found == size


def test_what_is_large_is_gone_at_once_and_goes_on(large: tuple[Server, str, str]) -> None:
    server, case, event = large
    alice, auditor = server.client("alice"), server.client(roles=("auditor",))
    batches = alice.run(
        "query ($c: ID!, $e: ID!) { event(caseId: $c, id: $e) { fileBatches { nodes { id } } } }", c=case, e=event
    )["event"]["fileBatches"]["nodes"]
    made(alice, "deleteEvent", caseId=case, id=event)
    looks = """query ($c: ID!, $e: ID!, $b: ID!) {
        b: fileBatch(caseId: $c, eventId: $e, id: $b) { id } n: node(id: $b) { id } }"""
    for client in (alice, auditor):
        found = client.run(looks, c=case, e=event, b=batches[-1]["id"])
        assert found == {"b": None, "n": None}
    assert codes(alice, "updateFileBatch", caseId=case, eventId=event, id=batches[0]["id"], label="x") == ["NOT_FOUND"]
    settled(alice, case, 453 + 451)
    assert findings(server.settings, case) == []
    made(alice, "restore", caseId=case, id=event)
    assert case_of(alice, case)["events"]["nodes"] == [{"id": event, "version": 2, "fileBatches": {"totalCount": 450}}]
    assert findings(server.settings, case) == []


def test_what_is_going_is_restored_meanwhile(large: tuple[Server, str, str]) -> None:
    server, case, event = large
    alice = server.client("alice")
    for _ in range(3):
        made(alice, "deleteEvent", caseId=case, id=event)
        made(alice, "restore", caseId=case, id=event)
        assert case_of(alice, case)["events"]["nodes"][0]["fileBatches"] == {"totalCount": 450}
    made(alice, "deleteEvent", caseId=case, id=event)
    made(alice, "deleteCase", id=case)
    made(alice, "restore", caseId=case, id=case)
    assert case_of(alice, case)["events"]["totalCount"] == 0
    made(alice, "restore", caseId=case, id=event)
    assert case_of(alice, case)["events"]["nodes"][0]["fileBatches"] == {"totalCount": 450}
    assert findings(server.settings, case) == []


def test_what_cannot_be_restored_is_not_restored_in_part(
    large: tuple[Server, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, case, event = large
    alice = server.client("alice")
    made(alice, "deleteEvent", caseId=case, id=event)
    settled(alice, case, 453 + 451)
    later = datetime.now(UTC) + timedelta(days=30, minutes=1)
    monkeypatch.setattr("app.record.journal.now", lambda: later)
    assert codes(alice, "restore", caseId=case, id=event) == ["NOT_FOUND"]
    bad = {"caseId": case, "id": event, "requestId": "\x00 no id"}
    monkeypatch.undo()
    assert codes(alice, "restore", **bad) == ["INVALID_INPUT"]
    assert case_of(alice, case)["journal"]["size"] == 453 + 451


def test_a_restore_that_is_sent_again_restores_nothing_again(large: tuple[Server, str, str]) -> None:
    server, case, event = large
    alice = server.client("alice")
    given = {"caseId": case, "id": event, "requestId": "restored-once-and-for-all"}
    made(alice, "deleteEvent", caseId=case, id=event)
    settled(alice, case, 453 + 451)
    made(alice, "restore", **given)
    made(alice, "deleteEvent", caseId=case, id=event)
    settled(alice, case, 453 + 3 * 451)
    assert alice.change("restore", "replayed errors { code }", **given) == {"replayed": True, "errors": []}
    assert case_of(alice, case)["journal"]["size"] == 453 + 3 * 451


def leave_going(client: Client, monkeypatch: pytest.MonkeyPatch, *, batches: int, at_once: int) -> tuple[str, str]:
    """Delete an event in slices of which the server removes none; return the ids of its case and of it."""
    monkeypatch.setattr(removal, "AT_ONCE", at_once)
    remove_nothing(monkeypatch)
    case = client.create_case()
    event = client.create_event(case)
    for _ in range(batches):
        client.create_batch(case, event)
    made(client, "deleteEvent", caseId=case, id=event)
    return case, event


def test_what_goes_while_a_restore_begins_comes_back_as_well(
    server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, event = leave_going(alice, monkeypatch, batches=40, at_once=12)
    restore_some = removal.restore_some

    def slowly(recorder: Recorder, deletion: Any) -> bool:
        is_more = restore_some(recorder, deletion)
        for _ in range(0 if is_more else 3):
            removal.carry_on(recorder, deletion)
        return is_more

    monkeypatch.setattr(removal, "restore_some", slowly)
    made(alice, "restore", caseId=case, id=event)
    (found,) = case_of(alice, case)["events"]["nodes"]
    assert (found["id"], found["fileBatches"]["totalCount"]) == (event, 40)
    assert findings(server.settings, case) == []


def test_a_deletion_goes_on_where_a_server_ended(
    new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = new_database("sqlite")
    with serving("sqlite", address) as server, monkeypatch.context() as patched:
        patched.setattr("app.record.removal.AT_ONCE", 5)
        alice = server.client("alice")
        case = alice.create_case()
        event = alice.create_event(case)
        for _ in range(20):
            alice.create_batch(case, event)
        remove_nothing(patched)  # while this server lives
        made(alice, "deleteCase", id=case)
        assert "entry" not in str(findings(server.settings))
    with serving("sqlite", address) as server:
        admin = server.client(roles=("admin",))
        query = "query ($c: ID!) { changes(caseId: $c, first: 1) { upToDate } }"
        assert admin.run(query, c=case)
        until = time.monotonic() + 20
        while json.dumps(findings(server.settings)) != "[]" or _rows(server, "file_batches"):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert _rows(server, "events") == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_deletion_whose_journal_is_broken_keeps_no_other_waiting(
    new_database: Callable[[str], str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "AT_ONCE", 2)
    with serving(kind, new_database(kind)) as server:
        alice = server.client()
        with monkeypatch.context() as patched:
            remove_nothing(patched)
            cases = [alice.create_case() for _ in range(2)]
            for case in cases:
                for _ in range(5):
                    alice.create_event(case)
                made(alice, "deleteCase", id=case)
            broken, other = cases
            # The first that is gone on with is the one that is older.
            ask(server.settings, lambda connection: connection.execute(text(BREAK), {"case": broken}))
        until = time.monotonic() + 20
        while _rows_of(server, "events", other):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert _rows_of(server, "events", broken) == 5


BREAK = "UPDATE journals SET size = size + 1 WHERE CAST(case_id AS text) = :case"


def _rows(server: Server, table: str) -> int:
    statement = text(f"SELECT count(*) FROM {table}")  # noqa: S608 - ours
    count: int = ask(server.settings, lambda connection: connection.execute(statement).scalar())
    return count


def test_a_seal_waits_for_what_is_going(large: tuple[Server, str, str]) -> None:
    server, case, event = large
    alice = server.client("alice")
    made(alice, "deleteEvent", caseId=case, id=event)
    made(alice, "sealCase", id=case, reason="Done.")
    entries = journal(alice, case)
    assert [entry["kind"] for entry in entries].count("DELETED") == 451
    assert (entries[-1]["kind"], entries[-1]["seq"]) == ("SEALED", 453 + 452)
    assert findings(server.settings, case) == []


# Purged, and erased


def test_a_purge_leaves_what_certifies_it(server: Server, alice: Client) -> None:
    admin = server.client(roles=("admin",))
    case = alice.create_case(title="Secret")
    event = alice.create_event(case, title="Very secret")
    alice.create_batch(case, event, label="Most secret")
    before = case_of(alice, case)["journal"]
    made(alice, "deleteEvent", caseId=case, id=event)
    preview = admin.change("purge", "preview", caseId=case, id=event, reason="R")["preview"]
    assert {name: preview[name] for name in ("type", "events", "fileBatches", "entries")} == {
        "type": "EVENT",
        "events": 1,
        "fileBatches": 1,
        "entries": 4,
    }
    # What would go is what was seen, or nothing.
    alice.create_event(case)
    assert codes(admin, "purge", caseId=case, id=event, reason="R", confirm=preview["confirm"]) == ["INVALID_INPUT"]
    certificate = purge(admin, case, event)["certificate"]
    entry = journal(alice, case)[-1]
    assert (entry["kind"], entry["reason"], entry["on"]["label"]) == ("PURGED", "Article 17.", None)
    assert certificate["size"] == entry["seq"] - 1 == before["size"] + 3
    assert (certificate["entries"], certificate["authority"], certificate["reason"]) == (4, "ADMIN", "Article 17.")
    until = time.monotonic() + 20
    while not all(each["erased"] for each in journal(alice, case) if each["on"]["id"] == event and each != entry):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert b"secret" not in json.dumps(journal(alice, case)[2:]).encode()
    assert findings(server.settings, case) == []
    assert codes(alice, "restore", caseId=case, id=event) == ["NOT_FOUND"]
    # As of when it was there it is no longer known.
    then = alice.run("query ($id: ID!) { case(id: $id, asOf: {seq: 4}) { events { totalCount } } }", id=case)["case"]
    assert then == {"events": {"totalCount": 0}}


def test_a_purged_case_is_nowhere(server: Server, alice: Client) -> None:
    admin = server.client(roles=("admin",))
    case = alice.create_case(title="Secret")
    alice.create_event(case)
    made(alice, "deleteCase", id=case)
    held = hold(alice, case)
    assert codes(admin, "purge", caseId=case, id=case, reason="R") == ["HELD"]
    made(alice, "releaseHold", caseId=case, id=held, reason="R")
    purge(admin, case, case)
    until = time.monotonic() + 20
    while _rows_of(server, "former_members", case) or _rows_of(server, "deletions", case):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert alice.run("{ trash { totalCount } }") == {"trash": {"totalCount": 0}}
    assert codes(alice, "restore", caseId=case, id=case) == ["NOT_FOUND"]
    assert findings(server.settings, case) == []


def _rows_of(server: Server, table: str, case: str) -> int:
    statement = text(f"SELECT count(*) FROM {table} WHERE CAST(case_id AS text) = :case")  # noqa: S608 - ours
    count: int = ask(server.settings, lambda connection: connection.execute(statement, {"case": case}).scalar())
    return count


def test_a_name_is_erased_and_all_else_stays(server: Server, alice: Client) -> None:
    case = alice.create_case(title="About him", description="About it")
    event = alice.create_event(case, title="John Doe came", description="in the evening")
    seqs = [made(alice, "updateEvent", "change { seq }", caseId=case, id=event, title="He came")["change"]["seq"]]
    made(alice, "updateEvent", caseId=case, id=event, sortOrder=4)
    given = {"caseId": case, "seqs": [3, *seqs], "fields": ["title"], "reason": "Asked for."}
    preview = alice.change("erase", f"preview {ERRORS}", preview=True, **given)
    assert preview["preview"] == {"changes": [{"seq": seq, "type": "EVENT", "fields": ["title"]} for seq in (3, 4)]}
    assert "John" in json.dumps(journal(alice, case))
    payload = made(alice, "erase", "change { seq kind reason } preview", **given)
    assert payload["change"] == {"seq": 6, "kind": "ERASED", "reason": "Asked for."}
    entries = journal(alice, case)
    assert "John" not in json.dumps(entries)
    assert [entry["erased"] for entry in entries] == [False, False, True, True, False, False]
    assert values(entries[2])["title"] == (None, "[erased]")
    assert values(entries[2])["description"] == (None, "in the evening")
    assert values(entries[3]) == {"title": ("[erased]", "He came")}
    assert (entries[2]["on"]["label"], entries[3]["on"]["label"]) == (None, "He came")
    as_of = "query ($id: ID!) { case(id: $id, asOf: {seq: 3}) { events { nodes { title description } } } }"
    then = alice.run(as_of, id=case)["case"]["events"]["nodes"]
    assert then == [{"title": "[erased]", "description": "in the evening"}]
    assert findings(server.settings, case) == []


def test_all_that_people_write_of_an_event_can_be_erased(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case, source="John Doe", timeKind="John's clock")
    made(alice, "updateEvent", caseId=case, id=event, source=None, timeKind=None)
    given = {"caseId": case, "seqs": [3, 4], "fields": ["source", "timeKind"], "reason": "Asked for."}
    made(alice, "erase", **given)
    assert "John" not in json.dumps(journal(alice, case))
    assert findings(server.settings, case) == []


@pytest.mark.parametrize(
    ("seqs", "fields", "path", "words"),
    [
        ([], ["title"], "seqs", "must have 1 to 500"),
        ([3] * 501, ["title"], "seqs", "must have 1 to 500"),
        ([0], ["title"], "seqs", "has 0, which is no change of the case"),
        ([2**31 - 1], ["title"], "seqs", "no change of the case"),
        ([3], [], "fields", "must be some of"),
        ([3], ["status"], "fields", "must be some of"),
        ([3], ["title"], "seqs", "what is still so"),
        ([5], ["title"], "seqs", "what was deleted"),
        ([2], ["title"], "seqs", "a member or a hold"),
    ],
)
def test_what_cannot_be_erased_is_told(
    alice: Client, seqs: list[int], fields: list[str], path: str, words: str
) -> None:
    case = alice.create_case()
    alice.create_event(case, title="E")
    other = alice.create_event(case, title="F")
    made(alice, "deleteEvent", caseId=case, id=other)
    (error,) = alice.change("erase", ERRORS, caseId=case, seqs=seqs, fields=fields, reason="R")["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", path])
    assert words in error["message"]


# Two at once


def race(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what came of each of two things done at once."""
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(one), pool.submit(other)
        return first.result(), second.result()


def seq_of(client: Client, mutation: str, /, **given: Any) -> int | None:
    """Return the number of the change that a mutation made, None where it was refused."""
    change = client.change(mutation, f"{ERRORS} change {{ seq }}", **given)["change"]
    return None if change is None else int(change["seq"])


def races(server: Server, rounds: int) -> None:
    alice, other, admin = server.client(), server.client(), server.client(roles=("admin",))

    def new_case() -> str:
        case = alice.create_case()
        grant(alice, case, other, "OWNER")
        return case

    # A hold and a purge: what is purged behind a hold was not kept by it.
    for number in range(rounds):
        if number % 90 == 0:
            case = new_case()  # which may have had a hundred holds
        event = alice.create_event(case)
        made(alice, "deleteEvent", caseId=case, id=event)
        purging = {"caseId": case, "id": event, "reason": "R"}
        confirm = admin.change("purge", "preview", **purging)["preview"]["confirm"]
        held, purged = race(
            partial(seq_of, alice, "placeHold", caseId=case, name="H", reason="R"),
            partial(seq_of, admin, "purge", confirm=confirm, **purging),
        )
        assert held is not None
        assert purged is None or purged < held
        standing = case_of(alice, case)["holds"][-1]["id"]
        made(alice, "releaseHold", caseId=case, id=standing, reason="R")

    # The same of a deletion, which takes one step.
    for number in range(rounds):
        if number % 90 == 0:
            case = new_case()
        event = alice.create_event(case)
        held, deleted = race(
            partial(seq_of, alice, "placeHold", caseId=case, name="H", reason="R"),
            partial(seq_of, other, "deleteEvent", caseId=case, id=event),
        )
        assert held is not None
        assert deleted is None or deleted < held
        standing = case_of(alice, case)["holds"][-1]["id"]
        made(alice, "releaseHold", caseId=case, id=standing, reason="R")

    # A seal and a change: nothing changes behind a seal.
    case = new_case()
    event = alice.create_event(case)
    for number in range(rounds):
        sealed, updated = race(
            partial(seq_of, alice, "sealCase", id=case, reason="R"),
            partial(seq_of, other, "updateEvent", caseId=case, id=event, title=f"T {number}"),
        )
        assert sealed is not None
        assert updated is None or updated < sealed
        made(alice, "unsealCase", id=case, reason="R")

    # Two that restore the same: one of them does.
    for _ in range(rounds):
        made(alice, "deleteEvent", caseId=case, id=event)
        restores = [partial(codes, client, "restore", caseId=case, id=event) for client in (alice, other)]
        assert sorted(race(*restores)) == [[], ["NOT_FOUND"]]
    assert findings(server.settings, case) == []


def test_of_two_at_once_one_comes_first(server: Server) -> None:
    races(server, 15)


@pytest.mark.slow
def test_of_two_at_once_one_comes_first_again_and_again(new_database: Callable[[str], str]) -> None:
    with serving("postgresql", new_database("postgresql")) as server:
        races(server, TIMES)
