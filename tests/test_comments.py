"""Comments on cases, events and file batches."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.server import Client, Server, remove_nothing
from tests.test_history import journal, values
from tests.test_kept import ERRORS, codes, grant, made, purge
from tests.test_verify import findings

COMMENT = """id text version edited editedAt createdAt createdBy { subject } updatedAt updatedBy { subject }
on { __typename id }"""
COMMENTS = f"comments {{ totalCount nodes {{ {COMMENT} }} }}"
ALL = f"""query ($id: ID!, $asOf: AsOf) {{ case(id: $id, asOf: $asOf) {{ {COMMENTS}
events {{ nodes {{ id {COMMENTS}
fileBatches {{ nodes {{ id comments {{ totalCount nodes {{ id text }} }} }} }} }} }} }} }}"""


def write(client: Client, case: str, on: str, text: str = "A comment") -> str:
    identifier: str = made(client, "addComment", "comment { id }", caseId=case, on=on, text=text)["comment"]["id"]
    return identifier


def texts(client: Client, case: str, event: str | None = None, batch: str | None = None, orders: str = "") -> list[str]:
    """Return the texts of the comments on a case, on an event in it, or on a batch of that."""
    order = f"(orderBy: [{orders}])" if orders else ""
    inner = f"comments{order} {{ totalCount nodes {{ text }} }}"
    if batch is not None:
        query = f'{{ found: fileBatch(caseId: "{case}", eventId: "{event}", id: "{batch}") {{ {inner} }} }}'
    elif event is not None:
        query = f'{{ found: event(caseId: "{case}", id: "{event}") {{ {inner} }} }}'
    else:
        query = f'{{ found: case(id: "{case}") {{ {inner} }} }}'
    found = client.run(query)["found"]["comments"]
    assert found["totalCount"] == len(found["nodes"])
    return [comment["text"] for comment in found["nodes"]]


def test_a_comment_says_all_of_itself(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event)
    for on, type_ in ((case, "Case"), (event, "Event"), (batch, "FileBatch")):
        text = f'say "hi" \u20ac\n{type_}'
        payload = made(
            alice, "addComment", f"comment {{ {COMMENT} }} change {{ seq }}", caseId=case, on=on.upper(), text=text
        )
        entry = journal(alice, case)[-1]
        by, comment = {"subject": alice.subject}, payload["comment"]
        assert comment == {
            "id": comment["id"],
            "text": text,
            "version": 1,
            "edited": False,
            "editedAt": None,
            "createdAt": entry["at"],
            "createdBy": by,
            "updatedAt": entry["at"],
            "updatedBy": by,
            "on": {"__typename": type_, "id": on},
        }
        assert payload["change"] == {"seq": entry["seq"]}
        assert (entry["kind"], entry["on"]["type"], entry["on"]["label"]) == ("CREATED", "COMMENT", None)
        assert entry["on"]["node"] == {"__typename": "Comment", "id": comment["id"]}
        assert values(entry) == {"on": (None, on), "text": (None, text)}
        query = "query ($id: ID!) { node(id: $id) { __typename id ... on Comment { text on { id } } } }"
        assert alice.run(query, id=comment["id"])["node"] == {
            "__typename": "Comment",
            "id": comment["id"],
            "text": text,
            "on": {"id": on},
        }
    assert findings(server.settings, case) == []


def test_lists_have_the_comments_on_their_row_alone(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    batch = alice.create_batch(case, event)
    for on, name in ((case, "case"), (event, "event"), (batch, "batch")):
        write(alice, case, on, f"first on {name}")
        write(alice, case, on, f"second on {name}")
    assert texts(alice, case) == ["first on case", "second on case"]
    assert texts(alice, case, event) == ["first on event", "second on event"]
    assert texts(alice, case, event, batch, "CREATED_AT_DESC") == ["second on batch", "first on batch"]
    query = """query ($id: ID!, $first: Int, $after: String) { case(id: $id) { comments(first: $first, after: $after) {
      nodes { text } pageInfo { hasNextPage endCursor } } } }"""
    page = alice.run(query, id=case, first=1)["case"]["comments"]
    assert (page["nodes"], page["pageInfo"]["hasNextPage"]) == ([{"text": "first on case"}], True)
    page = alice.run(query, id=case, first=5, after=page["pageInfo"]["endCursor"])["case"]["comments"]
    assert (page["nodes"], page["pageInfo"]["hasNextPage"]) == ([{"text": "second on case"}], False)


def test_an_edited_comment_says_so_and_a_restored_one_does_not(server: Server, alice: Client) -> None:
    case = alice.create_case()
    comment, other = write(alice, case, case, "One"), write(alice, case, case, "Other")
    selection = "comment { text version edited editedAt updatedAt } change { seq }"
    given = {"caseId": case, "id": comment}
    same = made(alice, "updateComment", selection, text="One", **given)
    assert (same["comment"]["version"], same["comment"]["edited"], same["change"]) == (1, False, None)
    assert codes(alice, "updateComment", text="Two", expectedVersion=2, **given) == ["CONFLICT"]
    changed = made(alice, "updateComment", selection, text="Two", expectedVersion=1, **given)["comment"]
    entry = journal(alice, case)[-1]
    assert changed == {"text": "Two", "version": 2, "edited": True, "editedAt": entry["at"], "updatedAt": entry["at"]}
    assert values(entry) == {"text": ("One", "Two"), "editedAt": (None, entry["at"])}
    for each in (comment, other):
        made(alice, "deleteComment", caseId=case, id=each)
        made(alice, "restore", caseId=case, id=each)
    query = (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Comment { text version edited history { totalCount } } } }"
    )
    assert alice.run(query, ids=[comment, other])["nodes"] == [
        {"text": "Two", "version": 3, "edited": True, "history": {"totalCount": 4}},
        {"text": "Other", "version": 2, "edited": False, "history": {"totalCount": 3}},
    ]
    assert findings(server.settings, case) == []


def test_a_conflict_shows_the_comment_as_it_is(alice: Client) -> None:
    case = alice.create_case()
    comment = write(alice, case, case, "As it is")
    selection = "errors { ... on ConflictError { currentVersion current { id ... on Comment { text } } } }"
    given = {"caseId": case, "id": comment, "text": "x", "expectedVersion": 3}
    (error,) = alice.change("updateComment", selection, **given)["errors"]
    assert error == {"currentVersion": 1, "current": {"id": comment, "text": "As it is"}}


def test_whose_a_comment_is_decides_who_changes_and_deletes_it(server: Server, alice: Client) -> None:
    case = alice.create_case()
    roles = ("VIEWER", "CONTRIBUTOR", "EDITOR", "OWNER")
    members = {role: server.client() for role in roles}
    for role, client in members.items():
        grant(alice, case, client, role)
    admin, auditor, stranger = server.client(roles=("admin",)), server.client(roles=("auditor",)), server.client()
    own = {role: write(client, case, case, role) for role, client in members.items() if role != "VIEWER"}
    assert codes(members["VIEWER"], "addComment", caseId=case, on=case, text="x") == ["FORBIDDEN"]
    assert codes(auditor, "addComment", caseId=case, on=case, text="x") == ["FORBIDDEN"]
    assert codes(stranger, "addComment", caseId=case, on=case, text="x") == ["NOT_FOUND"]
    selection = "errors { code ... on ForbiddenError { requiredRole } }"

    def told(client: Client, name: str, **given: Any) -> list[tuple[str, str | None]]:
        errors = client.change(name, selection, caseId=case, **given)["errors"]
        return [(error["code"], error.get("requiredRole")) for error in errors]

    for role, client in members.items():
        for author, comment in own.items():
            refused = [("FORBIDDEN", "CONTRIBUTOR")] if author != role else []
            assert told(client, "updateComment", id=comment, text=f"{author} by {role}") == refused
    assert told(admin, "updateComment", id=own["OWNER"], text="An administrator's") == []
    assert told(stranger, "updateComment", id=own["OWNER"], text="x") == [("NOT_FOUND", None)]
    assert told(stranger, "deleteComment", id=own["OWNER"]) == [("NOT_FOUND", None)]
    assert told(members["VIEWER"], "deleteComment", id=own["OWNER"]) == [("FORBIDDEN", "EDITOR")]
    assert told(members["CONTRIBUTOR"], "deleteComment", id=own["OWNER"]) == [("FORBIDDEN", "EDITOR")]
    assert told(members["CONTRIBUTOR"], "deleteComment", id=own["CONTRIBUTOR"]) == []
    assert told(members["EDITOR"], "deleteComment", id=own["OWNER"]) == []
    # Whoever may no longer write in the case doesn't change what they wrote.
    made(alice, "setCaseMember", caseId=case, subject=members["EDITOR"].subject, role="VIEWER")
    assert told(members["EDITOR"], "updateComment", id=own["EDITOR"], text="x") == [("FORBIDDEN", "CONTRIBUTOR")]
    assert told(members["EDITOR"], "deleteComment", id=own["EDITOR"]) == [("FORBIDDEN", "CONTRIBUTOR")]


@pytest.mark.parametrize(
    "text", ["", " \n", "\u200b", "x" * 30_001, "a\0b"], ids=("empty", "blank", "unseen", "long", "nul")
)
def test_texts_that_are_none_are_refused(alice: Client, text: str) -> None:
    case = alice.create_case()
    comment = write(alice, case, case, "x" * 30_000)
    for name, given in (("addComment", {"on": case}), ("updateComment", {"id": comment})):
        (error,) = alice.change(name, ERRORS, caseId=case, text=text, **given)["errors"]
        assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "text"])
    assert codes(alice, "updateComment", caseId=case, id=comment, text=None) == ["INVALID_INPUT"]


def test_wrong_addresses_lead_nowhere(alice: Client, mallory: Client) -> None:
    case, other, foreign = alice.create_case(), alice.create_case(), mallory.create_case()
    event, elsewhere = alice.create_event(case), alice.create_event(other)
    comment = write(alice, case, event)
    for on in (other, elsewhere, foreign, comment, "no id", alice.run("{ viewer { id } }")["viewer"]["id"]):
        (error,) = alice.change("addComment", ERRORS, caseId=case, on=on, text="x")["errors"]
        assert (error["code"], error["path"]) == ("NOT_FOUND", ["input", "on"])
    for name, given in (("updateComment", {"text": "x"}), ("deleteComment", {})):
        answers = {
            str(alice.change(name, ERRORS, caseId=in_, id=row, **given))
            for in_, row in ((other, comment), (foreign, comment), (case, event), (case, "no id"), ("no id", comment))
        }
        assert len(answers) == 1
        assert "NOT_FOUND" in answers.pop()
    assert mallory.run("query ($id: ID!) { node(id: $id) { id } }", id=comment) == {"node": None}


def test_what_a_case_said_then(server: Server, alice: Client) -> None:
    case = alice.create_case()
    event, other = alice.create_event(case, title="E"), alice.create_event(case, title="F")
    batch = alice.create_batch(case, event)
    taken = {}

    def note() -> None:
        found = alice.run(ALL, id=case)
        taken[journal(alice, case)[-1]["seq"]] = found

    first = [write(alice, case, on, f"on {on}") for on in (case, event, batch, other)]
    note()
    for comment in first:
        made(alice, "updateComment", caseId=case, id=comment, text="Edited")
        note()
    made(alice, "deleteComment", caseId=case, id=first[1])
    note()
    write(alice, case, event, "Later")
    note()
    made(alice, "restore", caseId=case, id=first[1])
    note()
    made(alice, "deleteEvent", caseId=case, id=event)
    note()
    made(alice, "deleteComment", caseId=case, id=first[0])
    made(alice, "deleteEvent", caseId=case, id=other)
    made(alice, "restore", caseId=case, id=event)
    note()
    assert len(taken) == 10
    for seq, then in taken.items():
        assert alice.run(ALL, id=case, asOf={"seq": seq}) == then, seq
    assert findings(server.settings, case) == []
    # What it was on is as it was, too.
    made(alice, "updateEvent", caseId=case, id=event, title="Changed")
    query = """query ($id: ID!, $event: ID!, $asOf: AsOf) { case(id: $id, asOf: $asOf) {
      comments { nodes { on { ... on Case { id title } ... on Event { title } } } }
      event(id: $event) { comments { nodes { on { ... on Case { title } ... on Event { title version } } } } } } }"""
    then = alice.run(query, id=case, event=event, asOf={"seq": next(iter(taken))})["case"]
    assert then["event"] == {"comments": {"nodes": [{"on": {"title": "E", "version": 1}}]}}
    assert then["comments"] == {"nodes": [{"on": {"id": case, "title": "A case"}}]}


# What was deleted


def deleted_with(alice: Client) -> tuple[str, str, str]:
    case = alice.create_case()
    event = alice.create_event(case)
    return case, event, alice.create_batch(case, event)


@pytest.mark.parametrize("many", [3, 25], ids=("few", "many"))
def test_comments_go_and_come_back_with_what_they_are_on(
    server: Server, alice: Client, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if many > 3:
        monkeypatch.setattr("app.record.removal.AT_ONCE", 7)
    case, event, batch = deleted_with(alice)
    for on in (case, event, batch):
        for number in range(many):
            write(alice, case, on, f"{number}")
    all_ = [f"{number}" for number in range(many)]
    comment = write(alice, case, batch, "Deleted before")
    made(alice, "deleteComment", caseId=case, id=comment)
    for name, given in (
        ("deleteFileBatch", {"caseId": case, "eventId": event, "id": batch}),
        ("deleteEvent", {"caseId": case, "id": event}),
        ("deleteCase", {"id": case}),
    ):
        made(alice, name, **given)
        if name != "deleteCase":
            assert codes(alice, "restore", caseId=case, id=comment) == ["NOT_FOUND"]
        made(alice, "restore", caseId=case, id=given["id"])
        assert texts(alice, case) == all_
        assert texts(alice, case, event) == all_
        assert texts(alice, case, event, batch) == all_
        assert findings(server.settings, case) == []
    # A batch that went before its event comes back by itself, with its comments.
    made(alice, "deleteFileBatch", caseId=case, eventId=event, id=batch)
    made(alice, "deleteEvent", caseId=case, id=event)
    made(alice, "restore", caseId=case, id=event)
    assert texts(alice, case, event) == all_
    made(alice, "restore", caseId=case, id=batch)
    assert texts(alice, case, event, batch) == all_
    made(alice, "restore", caseId=case, id=comment)
    assert texts(alice, case, event, batch) == [*all_, "Deleted before"]
    assert findings(server.settings, case) == []


def test_what_goes_in_slices_is_gone_at_once(server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_nothing(monkeypatch)
    monkeypatch.setattr("app.record.removal.AT_ONCE", 2)
    case, event, batch = deleted_with(alice)
    ids = [write(alice, case, on) for on in (event, batch) for _ in range(4)]
    node = "query ($id: ID!) { node(id: $id) { id } }"

    def are_gone(comments: list[str]) -> bool:
        refused = [codes(alice, "updateComment", caseId=case, id=each, text="x") for each in comments]
        found = [alice.run(node, id=each)["node"] for each in comments]
        return refused == [["NOT_FOUND"]] * len(comments) and found == [None] * len(comments)

    made(alice, "deleteFileBatch", caseId=case, eventId=event, id=batch)
    assert are_gone(ids[4:])
    assert not are_gone(ids[:4])
    made(alice, "deleteEvent", caseId=case, id=event)
    assert are_gone(ids)
    assert codes(alice, "addComment", caseId=case, on=event, text="x") == ["NOT_FOUND"]
    # Each comes back with what it was on, and no sooner.
    made(alice, "restore", caseId=case, id=event)
    assert len(texts(alice, case, event)) == 4
    assert are_gone(ids[4:])
    made(alice, "restore", caseId=case, id=batch)
    assert len(texts(alice, case, event, batch)) == 4
    made(alice, "deleteFileBatch", caseId=case, eventId=event, id=batch)
    made(alice, "deleteCase", id=case)
    made(alice, "restore", caseId=case, id=case)
    assert are_gone(ids[4:])
    made(alice, "restore", caseId=case, id=batch)
    assert len(texts(alice, case, event, batch)) == 4
    assert findings(server.settings, case) == []


def test_a_purge_takes_the_comments_along(server: Server, alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.record.removal._ENTRIES_AT_ONCE", 2)
    admin = server.client(roles=("admin",))
    case, event, batch = deleted_with(alice)
    kept = write(alice, case, event, "Kept")
    gone = [write(alice, case, batch, "Secret") for _ in range(3)]
    made(alice, "updateComment", caseId=case, id=gone[0], text="Secret too")
    made(alice, "deleteComment", caseId=case, id=gone[1])
    alone = write(alice, case, event, "Secret, and deleted by itself")
    made(alice, "deleteComment", caseId=case, id=alone)
    made(alice, "deleteFileBatch", caseId=case, eventId=event, id=batch)
    preview = admin.change("purge", "preview", caseId=case, id=batch, reason="R")["preview"]
    assert (preview["fileBatches"], preview["comments"], preview["entries"]) == (1, 3, 9)
    certificate = purge(admin, case, batch)["certificate"]
    assert certificate["comments"] == sorted(gone)
    purge(admin, case, alone)
    wait_for_purges(alice, case)
    assert "Secret" not in str(journal(alice, case))
    assert findings(server.settings, case) == []
    assert texts(alice, case, event) == ["Kept"]
    trash = "query ($id: ID!) { case(id: $id) { trash { totalCount } } }"
    assert alice.run(trash, id=case)["case"]["trash"] == {"totalCount": 0}
    made(alice, "deleteEvent", caseId=case, id=event)
    purge(admin, case, event)
    wait_for_purges(alice, case)
    assert "Kept" not in str(journal(alice, case))
    assert findings(server.settings, case) == []
    assert kept


def wait_for_purges(client: Client, case: str) -> None:
    """Wait until all that was purged is gone from the record."""
    until = time.monotonic() + 20
    query = """query ($id: ID!) { case(id: $id) { history(first: 100) { nodes { kind erased on { id } } } } }"""
    while time.monotonic() < until:
        entries = client.run(query, id=case)["case"]["history"]["nodes"]
        purged = {entry["on"]["id"] for entry in entries if entry["kind"] == "PURGED"}
        if all(entry["erased"] for entry in entries if entry["on"]["id"] in purged and entry["kind"] != "PURGED"):
            time.sleep(0.3)
            return
        time.sleep(0.1)


def test_what_a_comment_said_can_be_erased(server: Server, alice: Client) -> None:
    case = alice.create_case()
    comment = write(alice, case, case, "A name")
    seq = journal(alice, case)[-1]["seq"]
    given = {"caseId": case, "fields": ["text"], "reason": "Article 17."}
    assert codes(alice, "erase", seqs=[seq], **given) == ["INVALID_INPUT"]
    made(alice, "updateComment", caseId=case, id=comment, text="Nobody")
    made(alice, "erase", seqs=[seq, seq + 1], **given)
    assert "A name" not in str(journal(alice, case))
    assert values(journal(alice, case)[seq - 1]) == {"on": (None, case), "text": (None, "[erased]")}
    made(alice, "addTags", caseId=case, ids=[case], tags=["A name"])
    seq = journal(alice, case)[-1]["seq"]
    made(alice, "removeTags", caseId=case, ids=[case], tags=["A name"])
    made(alice, "erase", caseId=case, seqs=[seq, seq + 1], fields=["tags"], reason="Article 17.")
    assert "A name" not in str(journal(alice, case))
    assert findings(server.settings, case) == []


def test_feeds_and_histories_tell_of_comments(alice: Client) -> None:
    case, event, batch = deleted_with(alice)
    comments = [write(alice, case, on) for on in (case, event, batch)]
    query = """query ($id: ID!) { changes(caseId: $id) { entries { kind change { on { type id } } } } }"""
    query_all = """query ($id: ID!, $e: ID!, $b: ID!) { case(id: $id) {
      history(where: {types: ["COMMENT"]}) { totalCount }
      event(id: $e) { history(where: {types: ["COMMENT"]}) { totalCount }
        fileBatch(id: $b) { history(where: {types: ["COMMENT"]}) { totalCount } } } } }"""
    found = alice.run(query_all, id=case, e=event, b=batch)["case"]
    assert found["history"]["totalCount"] == 3
    assert found["event"] == {"history": {"totalCount": 2}, "fileBatch": {"history": {"totalCount": 0}}}
    feed = alice.run(query, id=case)["changes"]["entries"]
    told = [entry["change"]["on"]["id"] for entry in feed if entry["change"]["on"]["type"] == "COMMENT"]
    assert told == comments


BATCH_COMMENTS = """
    query ($case: ID!, $event: ID!, $batch: ID!) {
      fileBatch(caseId: $case, eventId: $event, id: $batch) { comments { nodes { id } } }
    }
"""


def test_a_batch_has_a_thousand_comments_at_most(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.resolvers.comments.MOST_ON_BATCH", 2)
    case, event, batch = deleted_with(alice)
    for on in (case, event, batch):
        write(alice, case, on)
        write(alice, case, on)
    write(alice, case, case)
    write(alice, case, event)
    assert codes(alice, "addComment", caseId=case, on=batch, text="x") == ["INVALID_INPUT"]
    # One that was deleted can come back, and goes with the batch.
    comment = alice.run(BATCH_COMMENTS, case=case, event=event, batch=batch)["fileBatch"]["comments"]["nodes"][0]["id"]
    made(alice, "deleteComment", caseId=case, id=comment)
    assert codes(alice, "addComment", caseId=case, on=batch, text="x") == ["INVALID_INPUT"]
    made(alice, "restore", caseId=case, id=comment)
    made(alice, "deleteComment", caseId=case, id=comment)
