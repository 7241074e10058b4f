"""Members who were named by others: nobody is found out by it, nobody is flooded, and everybody gets rid of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app import ownership
from app.resolvers import members as members_of
from app.values import format_time, new_id, now
from tests.server import Client, Server
from tests.test_concurrency import at_once
from tests.test_members import (
    ACCEPT,
    YET_TO_ACCEPT,
    accept,
    answer,
    in_future,
    known,
    members,
    refused,
    remove_member,
    set_member,
)
from tests.test_ownership import ADDRESSES, NEEDS, ROLES, attempt, count, errors, execute, grant, make_path

WHO = "subject issuer name email"
SEEN = f"""
query ($case: ID!, $user: ID!) {{
  case(id: $case) {{ members {{ accepted user {{ id {WHO} }} }} createdBy {{ {WHO} }} }}
  node(id: $user) {{ ... on User {{ {WHO} }} }}
  nodes(ids: [$user]) {{ ... on User {{ name email }} }}
}}
"""
CASES = "query ($accepted: Boolean) { cases(where: {accepted: $accepted}) { totalCount nodes { id viewerAccepted } } }"


def bob_of(server: Server) -> tuple[Client, str]:
    """Return a user with a name and an email who has called, and their id."""
    bob = server.client(name="Bob", email="bob@example.org")
    return bob, bob.run("{ viewer { id } }")["viewer"]["id"]


def seen(client: Client, case: str, user: str) -> list[tuple[Any, Any]]:
    """Return the name and email of a user as someone sees them: as a member, as a node, and among nodes."""
    found = client.run(SEEN, case=case, user=user)
    (member,) = (row["user"] for row in found["case"]["members"] if row["user"]["id"] == user)
    return [(row["name"], row["email"]) for row in (member, found["node"], *found["nodes"])]


HIDDEN, SHOWN = [(None, None)] * 3, [("Bob", "bob@example.org")] * 3


# What is learned of those who are named


def test_naming_someone_tells_nothing_of_them(server: Server, alice: Client) -> None:
    case, (bob, user) = alice.create_case(), bob_of(server)
    set_member(alice, case, bob.subject, "EDITOR")
    assert seen(alice, case, user) == HIDDEN
    found = alice.run(SEEN, case=case, user=user)
    assert found["node"] == {"subject": bob.subject, "issuer": "", "name": None, "email": None}
    # Bob reads, and sees himself, and whoever made the case.
    assert seen(bob, case, user) == SHOWN
    # Whoever may read everything may know everybody.
    assert seen(known(server, roles=("auditor",)), case, user) == SHOWN
    assert seen(alice, case, user) == HIDDEN


def test_the_known_and_the_unknown_are_one_answer(server: Server, alice: Client) -> None:
    case, (bob, _), nobody = alice.create_case(), bob_of(server), f"nobody-{new_id()}"
    selection = (
        f"""member {{ __typename role expiresAt accepted user {{ __typename id {WHO} }} }} errors {{ message }}"""
    )
    query = f"mutation ($input: SetCaseMemberInput!) {{ setCaseMember(input: $input) {{ {selection} }} }}"

    def named(subject: str) -> bytes:
        given = {"caseId": case, "subject": subject, "role": "VIEWER"}
        response = alice.post(query, {"input": given})
        user = response.json()["data"]["setCaseMember"]["member"]["user"]
        # The id tells no time: it is a random one, whoever made it when.
        assert UUID(user["id"]).version == 4
        return response.content.replace(subject.encode(), b"SUBJECT").replace(user["id"].encode(), b"ID")

    assert named(bob.subject) == named(nobody)
    for again in (bob.subject, nobody):
        assert named(again) == named(bob.subject)
    removed = [answer(alice, "removeCaseMember", case, subject).content for subject in (bob.subject, nobody)]
    assert removed[0] == removed[1]
    assert [*members(alice, case)] == [alice.subject]


def test_who_was_named_before_they_called_finds_the_case(server: Server, alice: Client) -> None:
    case, subject = alice.create_case(), f"later-{new_id()}"
    given = alice.change("setCaseMember", "member { user { id } }", caseId=case, subject=subject, role="EDITOR")
    carol = server.client(subject, name="Carol", email="carol@example.org")
    query = "{ viewer { id name } cases { nodes { id viewerRole viewerAccepted } } }"
    assert carol.run(query) == {
        "viewer": {"id": given["member"]["user"]["id"], "name": "Carol"},
        "cases": {"nodes": [{"id": case, "viewerRole": "EDITOR", "viewerAccepted": False}]},
    }
    assert count(server, "users", subject=subject) == 1


def test_many_who_name_someone_unknown_at_once_name_one_user(server: Server) -> None:
    subject, owners = f"nobody-{new_id()}", [server.client() for _ in range(6)]
    cases = [owner.create_case() for owner in owners]
    with ThreadPoolExecutor(len(owners)) as pool:
        calls: list[Callable[[], Any]] = [
            partial(set_member, owner, case, subject, "VIEWER") for owner, case in zip(owners, cases, strict=True)
        ]
        calls[-1] = partial(server.client(subject).run, "{ viewer { id } }")
        assert [payload.get("errors", []) for payload in at_once(pool, calls)] == [[]] * 6
    assert count(server, "users", subject=subject) == 1


def test_names_are_shown_once_the_case_is_taken_up_and_to_fellows_alone(server: Server, alice: Client) -> None:
    case, other, (bob, user) = alice.create_case(), alice.create_case(), bob_of(server)
    mallory = server.client()
    of_mallory = mallory.create_case()
    for owner, identifier in ((alice, case), (alice, other), (mallory, of_mallory)):
        set_member(owner, identifier, bob.subject, "VIEWER")
    accept(bob, case)
    # Alice shares a case that Bob took up, and so knows him in the other as well; Mallory doesn't.
    assert [seen(alice, identifier, user) for identifier in (case, other)] == [SHOWN, SHOWN]
    assert seen(mallory, of_mallory, user) == HIDDEN
    # With the case goes the acquaintance.
    remove_member(bob, case, bob.subject)
    assert seen(alice, other, user) == HIDDEN


@pytest.mark.parametrize("field", NEEDS)
def test_the_first_change_takes_the_case_up(server: Server, alice: Client, field: str) -> None:
    path, (bob, user) = make_path(alice), bob_of(server)
    set_member(alice, path["case"], bob.subject, NEEDS[field])
    # What finds nothing takes nothing up.
    (argument, noun) = [*ADDRESSES[field].items()][-1]
    missing = attempt(bob, field, path | {noun: new_id()})
    assert errors(missing, field)[0]["path"] == ["input", argument]
    assert seen(alice, path["case"], user) == HIDDEN
    assert errors(attempt(bob, field, path), field) == []
    if field != "deleteCase":
        assert seen(alice, path["case"], user) == SHOWN
        assert bob.run(CASES, accepted=True)["cases"]["nodes"] == [{"id": path["case"], "viewerAccepted": True}]


def test_a_change_that_is_refused_takes_nothing_up(server: Server, alice: Client) -> None:
    case, (bob, user) = alice.create_case(), bob_of(server)
    set_member(alice, case, bob.subject, "OWNER")
    conflict = bob.change("updateCase", "errors { code }", id=case, expectedVersion=7, title="x")
    assert conflict == {"errors": [{"code": "CONFLICT"}]}
    (error,) = remove_member(bob, case, f"nobody-{new_id()}")["errors"]
    assert error["path"] == ["input", "subject"]
    assert seen(alice, case, user) == HIDDEN


def test_authors_are_shown_to_whoever_sees_what_they_did(server: Server, alice: Client) -> None:
    case, (bob, _) = alice.create_case(), bob_of(server)
    set_member(alice, case, bob.subject, "OWNER")
    event = bob.create_event(case)
    remove_member(bob, case, bob.subject)
    query = "query ($c: ID!, $e: ID!) { event(caseId: $c, id: $e) { createdBy { name email } updatedBy { name } } }"
    assert alice.run(query, c=case, e=event) == {
        "event": {"createdBy": {"name": "Bob", "email": "bob@example.org"}, "updatedBy": {"name": "Bob"}}
    }


# Taking up, and the list of what waits


@pytest.mark.parametrize("role", ROLES)
def test_a_member_takes_a_case_up(server: Server, alice: Client, role: str) -> None:
    case, own, bob = alice.create_case(), alice.create_case(), known(server)
    own = bob.create_case()
    set_member(alice, case, bob.subject, role)
    waiting, taken = {"id": case, "viewerAccepted": False}, {"id": own, "viewerAccepted": True}
    assert bob.run(CASES)["cases"] == {"totalCount": 2, "nodes": [taken, waiting]}
    assert bob.run(CASES, accepted=False)["cases"] == {"totalCount": 1, "nodes": [waiting]}
    assert bob.run(CASES, accepted=True)["cases"] == {"totalCount": 1, "nodes": [taken]}
    before = alice.run("query ($id: ID!) { case(id: $id) { version updatedAt } }", id=case)
    for _ in range(2):
        accept(bob, case)
        assert bob.run(CASES, accepted=False)["cases"] == {"totalCount": 0, "nodes": []}
    assert alice.run("query ($id: ID!) { case(id: $id) { version updatedAt } }", id=case) == before
    # Another role is no other membership.
    set_member(alice, case, bob.subject, "VIEWER")
    assert bob.run(CASES, accepted=False)["cases"]["totalCount"] == 0
    # One that has ended is.
    remove_member(alice, case, bob.subject)
    grant(server, case, bob, "VIEWER", expires_in=timedelta(seconds=-1))
    set_member(alice, case, bob.subject, "VIEWER")
    assert bob.run(CASES, accepted=False)["cases"]["totalCount"] == 1


def test_nobody_takes_up_what_was_not_given_to_them(server: Server, alice: Client) -> None:
    case, (bob, user), mallory = alice.create_case(), bob_of(server), known(server)
    set_member(alice, case, bob.subject, "VIEWER")
    for client, identifier in ((mallory, case), (bob, new_id()), (bob, "1")):
        refusal = client.change("acceptCase", "case { id } errors { __typename message path }", id=identifier)
        error = {"__typename": "NotFoundError", "message": "there is no such case here", "path": ["input", "id"]}
        assert refusal == {"case": None, "errors": [error]}
    # Who has nothing to take up is told so by the case.
    for client in (alice, known(server, roles=("auditor",)), known(server, roles=("admin",))):
        assert client.change("acceptCase", ACCEPT, id=case) == {"case": {"viewerAccepted": True}, "errors": []}
    assert seen(alice, case, user) == HIDDEN
    assert len(members(alice, case)) == 2


# Leaving


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("role", ROLES)
def test_whoever_never_took_a_case_up_leaves_it(server: Server, alice: Client, role: str, *, ends: bool) -> None:
    case, bob = alice.create_case(), known(server)
    set_member(alice, case, bob.subject, role, **({"expiresAt": in_future(hours=1)} if ends else {}))
    # A stranger who made someone the owner of a case does not get away from it...
    if role == "OWNER" and not ends:
        assert remove_member(alice, case, alice.subject)["errors"] == refused("subject", YET_TO_ACCEPT)
        assert set_member(alice, case, alice.subject, "VIEWER")["errors"] == refused("role", YET_TO_ACCEPT)
    # ...and whom they named does.
    assert remove_member(bob, case, bob.subject)["errors"] == []
    assert bob.run(CASES)["cases"]["totalCount"] == 0
    assert [*members(alice, case)] == [alice.subject]


def test_one_who_was_made_the_only_owner_behind_the_api_leaves(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), known(server)
    set_member(alice, case, bob.subject, "OWNER")
    execute(server, f"DELETE FROM case_members WHERE case_id = '{case}' AND given_by IS NULL")  # noqa: S608
    assert remove_member(bob, case, bob.subject)["errors"] == []


def test_an_owner_who_acts_is_one_to_rely_on(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), known(server)
    set_member(alice, case, bob.subject, "OWNER")
    # The change that removes the last other owner takes the case up first.
    assert remove_member(bob, case, alice.subject)["errors"] == []
    assert {name: row["role"] for name, row in members(bob, case).items()} == {bob.subject: "OWNER"}


# Pushing


def test_only_so_many_memberships_wait_for_one_user(server: Server, alice: Client) -> None:
    bob, carol = known(server), known(server)
    cases = [alice.create_case() for _ in range(ownership.MAX_GIVEN_TO_ONE + 1)]
    fault = (
        "has yet to take up 20 memberships that you gave them, which is the most that may wait; they take one up with "
        "`acceptCase` or by a change in the case"
    )
    for subject in (bob.subject, f"nobody-{new_id()}"):
        for case in cases[:-1]:
            assert set_member(alice, case, subject, "VIEWER")["errors"] == []
        assert set_member(alice, cases[-1], subject, "VIEWER")["errors"] == refused("subject", fault)
        # Those that there are can be changed; others may give.
        assert set_member(alice, cases[0], subject, "EDITOR")["errors"] == []
        assert set_member(carol, carol.create_case(), subject, "VIEWER")["errors"] == []
    admin = known(server, roles=("admin",))
    assert set_member(admin, cases[-1], bob.subject, "VIEWER")["errors"] == []
    remove_member(admin, cases[-1], bob.subject)
    accept(bob, cases[0])
    assert set_member(alice, cases[-1], bob.subject, "VIEWER")["errors"] == []
    assert bob.run(CASES, accepted=False)["cases"]["totalCount"] == ownership.MAX_GIVEN_TO_ONE + 1


def test_many_at_once_give_no_more(server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_of, "MAX_GIVEN_TO_ONE", 2)
    bob, cases = known(server), [alice.create_case() for _ in range(8)]
    with ThreadPoolExecutor(len(cases)) as pool:
        calls: list[Callable[[], Any]] = [partial(set_member, alice, case, bob.subject, "VIEWER") for case in cases]
        answers = at_once(pool, calls)
    assert [bool(answer["errors"]) for answer in answers].count(False) == 2
    assert bob.run(CASES)["cases"]["totalCount"] == 2


def test_only_so_many_users_may_be_named(server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_of, "MAX_GIVEN", 3)
    case, bob = alice.create_case(), known(server)
    names = [f"nobody-{new_id()}" for _ in range(3)]
    assert [set_member(alice, case, name, "VIEWER")["errors"] for name in names] == [[], [], []]
    fault = "can't be named: 3 memberships that you gave wait to be taken up, which is the most; remove some"
    unknown = f"nobody-{new_id()}"
    for subject in (bob.subject, unknown):
        assert set_member(alice, case, subject, "VIEWER")["errors"] == refused("subject", fault)
    # What is refused makes no user.
    assert count(server, "users", subject=unknown) == 0
    remove_member(alice, case, names[0])
    assert set_member(alice, case, bob.subject, "VIEWER")["errors"] == []


def test_what_has_ended_waits_for_nobody(server: Server, alice: Client) -> None:
    bob, case = known(server), alice.create_case()
    user = bob.run("{ viewer { id } }")["viewer"]["id"]
    giver = alice.run("{ viewer { id } }")["viewer"]["id"]
    set_member(alice, case, bob.subject, "VIEWER", expiresAt=in_future(hours=1))
    assert bob.run(CASES, accepted=False)["cases"]["totalCount"] == 1
    past = format_time(now() - timedelta(days=1))
    where = f"user_id = '{user}' AND given_by = '{giver}'"
    execute(server, f"UPDATE case_members SET expires_at = '{past}' WHERE {where}")  # noqa: S608
    assert bob.run(CASES, accepted=False)["cases"]["totalCount"] == 0
    assert bob.change("acceptCase", ACCEPT, id=case) == {"case": None, "errors": [{"code": "NOT_FOUND"}]}
