"""Members of a case: who may give and take roles, when a role ends, and that a case is never without an owner."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

import httpx
import pytest

from app.resolvers import changes
from app.values import format_time, new_id, now
from tests.server import Client, Server
from tests.test_concurrency import at_once
from tests.test_ownership import MALFORMED, NOTHING, READS, ROLES, attempt, execute, grant, make_path
from tests.test_ownership import errors as errors_of

MEMBER = "__typename user { subject } role expiresAt"
ACCEPT = "case { viewerAccepted } errors { code }"
ERRORS = "errors { __typename code message path ... on ForbiddenError { requiredRole } }"
MEMBERS = f"query ($id: ID!) {{ case(id: $id) {{ members {{ {MEMBER} }} }} }}"
KEEPS_AN_OWNER = "would leave the case without an owner whose role doesn't end; make someone else one"
YET_TO_ACCEPT = (
    "would leave the case without an owner whose role doesn't end; whom you made one has yet to take the case up, with "
    "`acceptCase` or by a change in it"
)
OWN_END = "must not lie behind the end of your own role; ask an owner whose role doesn't end"


def set_member(client: Client, case: str, subject: str, role: str, **given: Any) -> dict[str, Any]:
    selection = f"member {{ {MEMBER} }} {ERRORS}"
    return client.change("setCaseMember", selection, caseId=case, subject=subject, role=role, **given)


def remove_member(client: Client, case: str, subject: str) -> dict[str, Any]:
    return client.change("removeCaseMember", f"deletedId {ERRORS}", caseId=case, subject=subject)


def accept(client: Client, case: str) -> None:
    assert client.change("acceptCase", ACCEPT, id=case) == {"case": {"viewerAccepted": True}, "errors": []}


def answer(client: Client, field: str, case: str, subject: str) -> httpx.Response:
    """Return the whole response to a change of a member."""
    type_ = f"{field[0].upper()}{field[1:]}Input"
    query = f"mutation ($input: {type_}!) {{ {field}(input: $input) {{ __typename {ERRORS} }} }}"
    role = {"role": "VIEWER"} if field == "setCaseMember" else {}
    return client.post(query, {"input": {"caseId": case, "subject": subject, **role}})


def member(subject: str, role: str, expires_at: str | None = None) -> dict[str, Any]:
    return {"__typename": "CaseMember", "user": {"subject": subject}, "role": role, "expiresAt": expires_at}


def members(client: Client, case: str) -> dict[str, dict[str, Any]]:
    """Return the members of a case by their subjects."""
    listed = client.run(MEMBERS, id=case)["case"]["members"]
    return {row["user"]["subject"]: row for row in listed}


def known(server: Server, *, roles: tuple[str, ...] = ()) -> Client:
    """Return a user who has called the server before."""
    client = server.client(roles=roles)
    client.run("{ viewer { id } }")
    return client


def in_future(**delta: float) -> str:
    return format_time(now() + timedelta(**delta))


def refused(field: str, message: str) -> list[dict[str, Any]]:
    """Return the errors of a change whose value in a field breaks a rule."""
    error = {"__typename": "InvalidInputError", "code": "INVALID_INPUT"}
    return [{**error, "message": f"`{field}` {message}", "path": ["input", field]}]


def not_found(field: str, message: str) -> list[dict[str, Any]]:
    error = {"__typename": "NotFoundError", "code": "NOT_FOUND"}
    return [{**error, "message": message, "path": ["input", field]}]


# Giving roles


def test_an_owner_gives_a_role_changes_it_and_takes_it_away(server: Server, alice: Client) -> None:
    path, bob = make_path(alice), known(server)
    case = path["case"]
    assert bob.run(READS, **path) == NOTHING
    given = set_member(alice, case, bob.subject, "VIEWER")
    assert given == {"member": member(bob.subject, "VIEWER"), "errors": []}
    query = "query ($id: ID!) { case(id: $id) { viewerRole version } }"
    assert bob.run(query, id=case) == {"case": {"viewerRole": "VIEWER", "version": 1}}
    assert errors_of(attempt(bob, "updateCase", path), "updateCase")[0]["code"] == "FORBIDDEN"

    changed = set_member(alice, case, bob.subject, "CONTRIBUTOR")
    assert changed == {"member": member(bob.subject, "CONTRIBUTOR"), "errors": []}
    assert errors_of(attempt(bob, "updateCase", path), "updateCase") == []
    assert members(alice, case) == {
        alice.subject: member(alice.subject, "OWNER"),
        bob.subject: member(bob.subject, "CONTRIBUTOR"),
    }

    taken = remove_member(alice, case, bob.subject)
    assert taken == {"deletedId": bob.run("{ viewer { id } }")["viewer"]["id"], "errors": []}
    assert bob.run(READS, **path) == NOTHING
    assert errors_of(attempt(bob, "updateCase", path), "updateCase")[0]["code"] == "NOT_FOUND"
    assert members(alice, case) == {alice.subject: member(alice.subject, "OWNER")}


def test_the_answer_shows_what_is_asked_of_a_member(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), server.client(name="Bob", email="bob@example.org")
    viewer = bob.run("{ viewer { id subject name email } }")["viewer"]
    named = viewer | {"name": None, "email": None}
    for known_as, accepted in ((named, False), (viewer, True)):
        payload = alice.change(
            "setCaseMember",
            "__typename who: member { user { id subject name email } } errors { code } again: member { role accepted }",
            caseId=case,
            subject=bob.subject,
            role="OWNER",
        )
        assert payload == {
            "__typename": "SetCaseMemberPayload",
            "who": {"user": known_as},
            "errors": [],
            "again": {"role": "OWNER", "accepted": accepted},
        }
        accept(bob, case)


@pytest.mark.parametrize("field", ["setCaseMember", "removeCaseMember"])
@pytest.mark.parametrize("role", ROLES[1:])
def test_members_without_the_role_learn_only_that_it_is_needed(
    server: Server, alice: Client, field: str, role: str
) -> None:
    case, bob, carol = alice.create_case(), known(server), known(server)
    set_member(alice, case, bob.subject, role)
    before = members(alice, case)
    forbidden = answer(bob, field, case, alice.subject)
    assert errors_of(forbidden, field) == [
        {
            "__typename": "ForbiddenError",
            "code": "FORBIDDEN",
            "message": "this takes the role OWNER in the case",
            "path": ["input", "caseId"],
            "requiredRole": "OWNER",
        }
    ]
    # Whoever is named: a user who is no member, and one whom nobody has ever seen.
    for subject in (carol.subject, f"nobody-{new_id()}"):
        assert answer(bob, field, case, subject).content == forbidden.content
    assert members(alice, case) == before


@pytest.mark.parametrize("field", ["setCaseMember", "removeCaseMember"])
def test_strangers_learn_nothing_of_the_case_or_of_users(server: Server, alice: Client, field: str) -> None:
    case, mallory, ended = alice.create_case(), known(server), known(server)
    grant(server, case, ended, "OWNER", expires_in=timedelta(seconds=-1))
    before = members(alice, case)
    missing = answer(mallory, field, new_id(), alice.subject)
    assert errors_of(missing, field) == not_found("caseId", "there is no such case here")
    for client, identifier in itertools.product((mallory, ended), (case, case.upper(), new_id(), *MALFORMED)):
        for subject in (alice.subject, client.subject, f"nobody-{new_id()}"):
            assert answer(client, field, identifier, subject).content == missing.content
    assert members(alice, case) == before


def test_who_is_no_member_and_who_does_not_exist_are_one_answer(server: Server, alice: Client) -> None:
    case, bob, nobody = alice.create_case(), known(server), f"nobody-{new_id()}"
    absent = answer(alice, "removeCaseMember", case, bob.subject)
    assert errors_of(absent, "removeCaseMember") == not_found("subject", "there is no such member of the case")
    assert answer(alice, "removeCaseMember", case, nobody).content == absent.content
    assert [*members(alice, case)] == [alice.subject]


@pytest.mark.parametrize(
    ("subject", "fault"),
    [
        ("", "must not be blank"),
        (" \n", "must not be blank"),
        ("x" * 256, "must have at most 255 characters, not 256"),
        ("a\u0000b", "must not contain the character U+0000"),
    ],
)
def test_a_subject_that_no_user_can_have_is_refused(alice: Client, subject: str, fault: str) -> None:
    case = alice.create_case()
    assert set_member(alice, case, subject, "VIEWER")["errors"] == refused("subject", fault)
    assert remove_member(alice, case, subject)["errors"] == refused("subject", fault)


def test_subjects_are_compared_as_they_are(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), known(server)
    for subject in (bob.subject.upper(), f" {bob.subject}", f"{bob.subject} ", "%", f"{bob.subject[:-1]}_"):
        given = set_member(alice, case, subject, "VIEWER")
        assert given == {"member": member(subject, "VIEWER"), "errors": []}
        (error,) = remove_member(alice, case, f"{subject} ")["errors"]
        assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "subject"])
    assert bob.run("{ cases { totalCount } }") == {"cases": {"totalCount": 0}}


def test_an_admin_governs_every_case_and_an_auditor_none(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), known(server)
    admin, auditor = known(server, roles=("admin",)), known(server, roles=("auditor",))
    assert set_member(admin, case, bob.subject, "EDITOR")["errors"] == []
    for field in ("setCaseMember", "removeCaseMember"):
        (error,) = errors_of(answer(auditor, field, case, bob.subject), field)
        assert (error["code"], error["path"], error["requiredRole"]) == ("FORBIDDEN", ["input", "caseId"], "OWNER")
        missing = errors_of(answer(auditor, field, new_id(), bob.subject), field)
        assert missing == not_found("caseId", "there is no such case here")
    absent = remove_member(auditor, case, auditor.subject)["errors"]
    assert absent == not_found("subject", "there is no such member of the case")
    assert remove_member(admin, case, bob.subject)["errors"] == []
    # Not even an admin leaves a case without an owner, but may become one.
    assert remove_member(admin, case, alice.subject)["errors"] == refused("subject", KEEPS_AN_OWNER)
    assert set_member(admin, case, admin.subject, "OWNER")["errors"] == []
    assert remove_member(admin, case, alice.subject)["errors"] == []
    # An auditor who owns a case governs it.
    assert set_member(admin, case, auditor.subject, "OWNER")["errors"] == []
    assert set_member(auditor, case, bob.subject, "VIEWER")["errors"] == []


# Leaving


@pytest.mark.parametrize("role", ROLES)
def test_any_member_may_leave(server: Server, alice: Client, role: str) -> None:
    path, bob = make_path(alice), known(server)
    set_member(alice, path["case"], bob.subject, role)
    assert remove_member(bob, path["case"], bob.subject)["errors"] == []
    assert bob.run(READS, **path) == NOTHING
    assert [*members(alice, path["case"])] == [alice.subject]
    again = answer(bob, "removeCaseMember", path["case"], bob.subject)
    assert again.content == answer(bob, "removeCaseMember", new_id(), bob.subject).content


@pytest.mark.parametrize("role", ROLES[1:])
def test_nobody_but_an_owner_changes_their_own_role(server: Server, alice: Client, role: str) -> None:
    case, bob = alice.create_case(), known(server)
    set_member(alice, case, bob.subject, role)
    for wanted in ROLES:
        (error,) = set_member(bob, case, bob.subject, wanted)["errors"]
        assert error["code"] == "FORBIDDEN"
    assert members(alice, case)[bob.subject] == member(bob.subject, role)


# Always an owner


def test_the_last_owner_stays(server: Server, alice: Client) -> None:
    case, bob, carol = alice.create_case(), known(server), known(server)
    set_member(alice, case, bob.subject, "EDITOR")
    # An owner whose role ends, or has ended, is none to rely on.
    set_member(alice, case, carol.subject, "OWNER", expiresAt=in_future(days=1))
    before = members(alice, case)
    for client in (alice, carol):
        assert remove_member(client, case, alice.subject)["errors"] == refused("subject", KEEPS_AN_OWNER)
        end = {"expiresAt": in_future(hours=1)}
        assert set_member(client, case, alice.subject, "OWNER", **end)["errors"] == refused("expiresAt", KEEPS_AN_OWNER)
        for role in ROLES[1:]:
            errors = set_member(client, case, alice.subject, role, **end)["errors"]
            assert errors == refused("role", KEEPS_AN_OWNER)
    assert members(alice, case) == before
    assert set_member(alice, case, bob.subject, "OWNER")["errors"] == []
    # Nor is one who was only named: they may not want to be one, or not exist.
    assert set_member(alice, case, alice.subject, "VIEWER")["errors"] == refused("role", YET_TO_ACCEPT)
    assert remove_member(alice, case, alice.subject)["errors"] == refused("subject", YET_TO_ACCEPT)
    accept(bob, case)
    assert set_member(alice, case, alice.subject, "VIEWER")["errors"] == []
    assert members(bob, case)[alice.subject]["role"] == "VIEWER"
    assert remove_member(alice, case, alice.subject)["errors"] == []
    assert remove_member(bob, case, bob.subject)["errors"] == refused("subject", KEEPS_AN_OWNER)


def test_an_owner_may_be_set_again_as_they_are(alice: Client) -> None:
    case = alice.create_case()
    for given in ({}, {"expiresAt": None}):
        answered = set_member(alice, case, alice.subject, "OWNER", **given)
        assert answered == {"member": member(alice.subject, "OWNER"), "errors": []}


@pytest.mark.parametrize("seed", range(4))
def test_whatever_members_do_an_owner_remains(server: Server, alice: Client, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - it is no secret
    case, admin = alice.create_case(), known(server, roles=("admin",))
    users = [alice, known(server), known(server), admin]
    codes = set()
    for _ in range(40):
        caller, named = chance.choice(users), chance.choice(users)
        if chance.random() < 0.3:
            payload = remove_member(caller, case, named.subject)
        else:
            ends: list[dict[str, Any]] = [{}, {"expiresAt": None}, {"expiresAt": in_future(hours=1)}]
            role = chance.choice(("OWNER", *ROLES))
            payload = set_member(caller, case, named.subject, role, **chance.choice(ends))
        codes.add(payload["errors"][0]["code"] if payload["errors"] else "done")
        owners = [row for row in members(admin, case).values() if row["role"] == "OWNER" and row["expiresAt"] is None]
        assert owners
    assert codes >= {"done", "INVALID_INPUT", "FORBIDDEN"}


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as threads:
        yield threads


@pytest.mark.parametrize("others", [0, 1])
def test_of_two_owners_who_remove_each_other_one_stays(
    server: Server, pool: ThreadPoolExecutor, alice: Client, others: int
) -> None:
    bob, carol = known(server), known(server)
    for _ in range(12):
        case = alice.create_case()
        for client in (bob, carol)[: 1 + others]:
            set_member(alice, case, client.subject, "OWNER")
        calls: list[Callable[[], Any]] = [
            partial(remove_member, alice, case, bob.subject),
            partial(remove_member, bob, case, alice.subject),
        ]
        answers = at_once(pool, calls)
        # Whoever came second is a member no longer, so that the case isn't there for them.
        assert [answer["deletedId"] is not None for answer in answers].count(True) == 1
        (lost,) = (answer for answer in answers if answer["errors"])
        assert lost["errors"] == not_found("caseId", "there is no such case here")
        winner = bob if answers[0]["errors"] else alice
        assert members(winner, case)[winner.subject]["role"] == "OWNER"
        assert len(members(winner, case)) == 1 + others


def test_of_two_owners_who_lower_each_other_one_stays(server: Server, pool: ThreadPoolExecutor, alice: Client) -> None:
    bob = known(server)
    for _ in range(12):
        case = alice.create_case()
        set_member(alice, case, bob.subject, "OWNER")
        calls: list[Callable[[], Any]] = [
            partial(set_member, alice, case, bob.subject, "VIEWER"),
            partial(set_member, bob, case, alice.subject, "VIEWER"),
        ]
        answers = at_once(pool, calls)
        (lost,) = (answer for answer in answers if answer["errors"])
        assert lost["errors"][0]["requiredRole"] == "OWNER"
        assert sorted(row["role"] for row in members(alice, case).values()) == ["OWNER", "VIEWER"]


def test_of_two_owners_who_leave_at_once_one_stays(server: Server, pool: ThreadPoolExecutor, alice: Client) -> None:
    bob = known(server)
    for _ in range(12):
        case = alice.create_case()
        set_member(alice, case, bob.subject, "OWNER")
        accept(bob, case)
        calls: list[Callable[[], Any]] = [partial(remove_member, who, case, who.subject) for who in (alice, bob)]
        answers = at_once(pool, calls)
        (lost,) = (answer for answer in answers if answer["errors"])
        assert lost["errors"] == refused("subject", KEEPS_AN_OWNER)


def test_the_same_user_set_by_many_at_once_is_one_member(
    server: Server, pool: ThreadPoolExecutor, alice: Client
) -> None:
    case, bob = alice.create_case(), known(server)
    calls: list[Callable[[], Any]] = [partial(set_member, alice, case, bob.subject, role) for role in ROLES[1:]]
    answers = at_once(pool, calls)
    assert [answer["errors"] for answer in answers] == [[], [], []]
    assert members(alice, case)[bob.subject]["role"] in ROLES[1:]
    assert len(members(alice, case)) == 2


# Roles that end


def test_a_role_ends_at_its_moment_everywhere(server: Server, alice: Client) -> None:
    path, bob, mallory = make_path(alice), known(server), known(server)
    # A second case, where the role goes on.
    other = alice.create_case(title="Other")
    set_member(alice, other, bob.subject, "VIEWER")
    cursor = "{ cases(orderBy: [CREATED_AT_ASC], first: 1) { pageInfo { endCursor } } }"
    end = now() + timedelta(seconds=1.5)
    set_member(alice, path["case"], bob.subject, "OWNER", expiresAt=format_time(end))
    asked = """
        query ($id: ID!, $cursor: String) {
          case(id: $id) { viewerRole }
          node(id: $id) { id }
          cases { totalCount }
          before: cases(orderBy: [CREATED_AT_ASC], after: $cursor) {
            totalCount nodes { title } pageInfo { hasPreviousPage hasNextPage }
          }
        }
    """
    after = bob.run(cursor)["cases"]["pageInfo"]["endCursor"]
    seen = bob.run(asked, id=path["case"], cursor=after)
    assert seen == {
        "case": {"viewerRole": "OWNER"},
        "node": {"id": path["case"]},
        "cases": {"totalCount": 2},
        "before": {
            "totalCount": 2,
            "nodes": [{"title": "Other"}],
            "pageInfo": {"hasPreviousPage": True, "hasNextPage": False},
        },
    }
    assert set_member(bob, path["case"], mallory.subject, "VIEWER")["errors"] == []
    remove_member(bob, path["case"], mallory.subject)
    time.sleep(max(0.0, (end - now()).total_seconds() + 0.01))
    assert bob.run(asked, id=path["case"], cursor=after) == {
        "case": None,
        "node": None,
        "cases": {"totalCount": 1},
        "before": {
            "totalCount": 1,
            "nodes": [{"title": "Other"}],
            "pageInfo": {"hasPreviousPage": False, "hasNextPage": False},
        },
    }
    for field in ("setCaseMember", "removeCaseMember"):
        expired = answer(bob, field, path["case"], bob.subject)
        assert expired.content == answer(mallory, field, new_id(), bob.subject).content
    assert attempt(bob, "deleteCase", path).content == attempt(mallory, "deleteCase", path).content
    # The members still see who had been one.
    assert members(alice, path["case"])[bob.subject] == member(bob.subject, "OWNER", format_time(end))


def test_a_role_that_ends_during_a_change_leaves_a_whole_answer(
    server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, bob = make_path(alice), known(server)
    set_member(alice, path["case"], bob.subject, "EDITOR", expiresAt=in_future(hours=1))
    # The change is allowed now, and its answer is read when the role has ended.
    monkeypatch.setattr(changes, "now", lambda: now() + timedelta(hours=2))
    payload = bob.change("updateCase", "case { title viewerRole } errors { code }", id=path["case"], title="Changed")
    assert payload == {"case": {"title": "Changed", "viewerRole": "VIEWER"}, "errors": []}


def test_an_end_stays_unless_another_one_or_none_is_given(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), known(server)
    first, second = in_future(days=1), in_future(days=2)
    steps: list[tuple[str, dict[str, Any], str | None]] = [
        ("VIEWER", {"expiresAt": first}, first),
        ("EDITOR", {}, first),
        ("EDITOR", {"expiresAt": second}, second),
        ("VIEWER", {"expiresAt": None}, None),
        ("EDITOR", {}, None),
    ]
    for role, given, expected in steps:
        answered = set_member(alice, case, bob.subject, role, **given)
        assert answered == {"member": member(bob.subject, role, expected), "errors": []}
        assert members(alice, case)[bob.subject] == member(bob.subject, role, expected)


def test_a_role_that_has_ended_begins_anew(server: Server, alice: Client) -> None:
    case, bob = alice.create_case(), known(server)
    grant(server, case, bob, "OWNER", expires_in=timedelta(seconds=-1))
    assert set_member(alice, case, bob.subject, "VIEWER")["member"] == member(bob.subject, "VIEWER")
    assert bob.run("{ cases { totalCount } }") == {"cases": {"totalCount": 1}}
    grant(server, alice.create_case(), bob, "OWNER", expires_in=timedelta(seconds=-1))
    assert remove_member(alice, case, bob.subject)["errors"] == []


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00Z", "2020-01-01T00:00:00Z"])
def test_a_role_can_not_have_ended_already(server: Server, alice: Client, end: str) -> None:
    case, bob = alice.create_case(), known(server)
    message = "must lie in the future; to end a role now, remove the member"
    assert set_member(alice, case, bob.subject, "VIEWER", expiresAt=end)["errors"] == refused("expiresAt", message)
    assert [*members(alice, case)] == [alice.subject]


def test_the_last_moment_of_all_is_an_end(server: Server, alice: Client) -> None:
    case, bob, end = alice.create_case(), known(server), "9999-12-31T23:59:59.999999Z"
    assert set_member(alice, case, bob.subject, "OWNER", expiresAt=end)["member"]["expiresAt"] == end
    assert remove_member(bob, case, alice.subject)["errors"] == refused("subject", KEEPS_AN_OWNER)


def test_an_owner_whose_role_ends_can_not_undo_that(server: Server, alice: Client) -> None:
    case, bob, carol = alice.create_case(), known(server), known(server)
    end, sooner, later = in_future(days=2), in_future(days=1), in_future(days=3)
    set_member(alice, case, bob.subject, "OWNER", expiresAt=end)
    set_member(alice, case, carol.subject, "EDITOR")
    before = members(alice, case)
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        (bob.subject, "OWNER", {"expiresAt": later}),
        (bob.subject, "OWNER", {"expiresAt": None}),
        (bob.subject, "EDITOR", {"expiresAt": None}),
        (carol.subject, "OWNER", {}),
        (carol.subject, "OWNER", {"expiresAt": later}),
        (carol.subject, "OWNER", {"expiresAt": None}),
    ]
    for subject, role, given in attempts:
        assert set_member(bob, case, subject, role, **given)["errors"] == refused("expiresAt", OWN_END)
    assert members(alice, case) == before
    # Everything else an owner does, they do.
    attempts = [
        (alice.subject, "OWNER", {}),
        (carol.subject, "VIEWER", {}),
        (carol.subject, "VIEWER", {"expiresAt": later}),
        (carol.subject, "OWNER", {"expiresAt": end}),
        (carol.subject, "OWNER", {"expiresAt": sooner}),
        (bob.subject, "OWNER", {}),
        (bob.subject, "EDITOR", {"expiresAt": sooner}),
    ]
    for subject, role, given in attempts:
        assert set_member(bob, case, subject, role, **given)["errors"] == []
    # Someone whose role doesn't end lengthens it, and so does an admin, whatever role they have in the case.
    assert set_member(alice, case, bob.subject, "OWNER", expiresAt=later)["errors"] == []
    admin = server.client(bob.subject, roles=("admin",))
    assert set_member(admin, case, bob.subject, "OWNER", expiresAt=None)["errors"] == []


def test_a_case_that_lost_its_owners_behind_the_api_can_be_mended(server: Server, alice: Client) -> None:
    case, admin = alice.create_case(), known(server, roles=("admin",))
    execute(server, f"UPDATE case_members SET role = 'EDITOR' WHERE case_id = '{case}'")  # noqa: S608
    assert set_member(admin, case, alice.subject, "VIEWER")["errors"] == []
    assert set_member(admin, case, alice.subject, "OWNER")["errors"] == []
    assert members(alice, case) == {alice.subject: member(alice.subject, "OWNER")}
