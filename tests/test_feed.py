"""What has changed since: for one case and for all that one may see, each change once, and who came and went."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.server import Client

pytestmark = [pytest.mark.usefixtures("quick_log"), pytest.mark.long]

FEED = """
query ($case: ID, $after: String, $first: Int) {
  changes(caseId: $case, after: $after, first: $first) {
    entries { cursor kind caseId change { seq kind on { type id label } } } endCursor upToDate
  }
}
"""
LAG = 2.0  # seconds after which whatever is to be told has been
NOWHERE = "00000000-0000-7000-8000-000000000000"


def feed(client: Client, after: str | None = None, case: str | None = None, first: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = client.run(FEED, case=case, after=after, first=first)["changes"]
    return found


def told(page: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return what a page says: the kind, the case and, of a change, what was done to what."""
    return [
        (entry["kind"], entry["caseId"])
        + ((change["seq"], change["kind"], change["on"]["type"]) if (change := entry["change"]) else ())
        for entry in page["entries"]
    ]


def wait(client: Client, after: str | None, least: int = 1) -> dict[str, Any]:
    """Return the page behind a place once it has entries."""
    until = time.monotonic() + 10
    while True:
        page = feed(client, after)
        if len(page["entries"]) >= least or time.monotonic() > until:
            return page
        time.sleep(0.05)


def wait_for(client: Client, after: str | None, *entry: Any) -> dict[str, Any]:
    """Return the page behind a place once it tells something: what came before may be in the log earlier."""
    until = time.monotonic() + 10
    while entry not in told(page := feed(client, after)) and time.monotonic() < until:
        time.sleep(0.05)
    return page


def share(owner: Client, case: str, other: Client, **given: Any) -> None:
    other.run("{ viewer { id } }")
    given = {"caseId": case, "subject": other.subject, "role": "VIEWER"} | given
    assert owner.change("setCaseMember", "errors { message }", **given)["errors"] == []


def outlast(moment: datetime) -> None:
    time.sleep(max((moment - datetime.now(UTC)).total_seconds(), 0) + 0.1)


def test_a_case_tells_each_change_at_once_and_once(alice: Client) -> None:
    case = alice.create_case(title="A")
    page = feed(alice, case=case)
    assert told(page) == [("CHANGED", case, 1, "CREATED", "CASE"), ("CHANGED", case, 2, "CREATED", "MEMBER")]
    assert page["upToDate"]
    event = alice.create_event(case)
    alice.create_batch(case, event)
    then = feed(alice, page["endCursor"], case)
    assert told(then) == [("CHANGED", case, 3, "CREATED", "EVENT"), ("CHANGED", case, 4, "CREATED", "FILE_BATCH")]
    assert feed(alice, then["endCursor"], case) == {"entries": [], "endCursor": then["endCursor"], "upToDate": True}


def test_pages_of_any_size_are_parts_of_one_whole(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    for _ in range(7):
        alice.create_batch(case, event)
    for of in (case, None):
        whole = feed(alice, case=of) if of == case else wait(alice, None, 11)
        for size in (1, 2, 3, 5, 100):
            entries, after, is_read = [], None, False
            while not is_read:
                page = feed(alice, after, of, size)
                assert len(page["entries"]) <= size
                entries += page["entries"]
                after, is_read = page["endCursor"], page["upToDate"]
            assert [entry["change"] for entry in entries] == [entry["change"] for entry in whole["entries"]]
            assert [entry["kind"] for entry in entries] == [entry["kind"] for entry in whole["entries"]]
        # The cursor of any entry is a place to go on from.
        for place, entry in enumerate(whole["entries"], 1):
            assert told(feed(alice, entry["cursor"], of)) == told(whole)[place:]


def test_all_cases_tell_each_change_once(alice: Client) -> None:
    first, second = alice.create_case(), alice.create_case()
    start = wait(alice, None, 6)
    assert sorted(told(start)) == sorted(
        entry
        for case in (first, second)
        for entry in (
            ("JOINED", case),
            ("CHANGED", case, 1, "CREATED", "CASE"),
            ("CHANGED", case, 2, "CREATED", "MEMBER"),
        )
    )
    alice.create_event(first)
    page = wait(alice, start["endCursor"])
    assert told(page) == [("CHANGED", first, 3, "CREATED", "EVENT")]
    assert told(feed(alice, page["endCursor"])) == []


def test_who_is_made_a_member_joins_and_who_is_removed_leaves(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    start = feed(mallory)
    assert start["entries"] == []
    share(alice, case, mallory)
    joined = wait_for(mallory, start["endCursor"], "CHANGED", case, 3, "CREATED", "MEMBER")
    # The membership itself is a change that a member sees; what came before it was in the log as well.
    assert [entry for entry in told(joined) if entry[0] == "JOINED"] == [("JOINED", case)]
    assert told(joined)[-1] == ("CHANGED", case, 3, "CREATED", "MEMBER")
    share(alice, case, mallory, role="EDITOR")
    changed = wait(mallory, joined["endCursor"])
    assert told(changed) == [("CHANGED", case, 4, "UPDATED", "MEMBER")]
    removal = {"caseId": case, "subject": mallory.subject}
    assert alice.change("removeCaseMember", "errors { message }", **removal)["errors"] == []
    left = wait(mallory, changed["endCursor"])
    assert told(left) == [("LEFT", case)]
    alice.create_event(case)
    time.sleep(LAG)
    assert told(feed(mallory, left["endCursor"])) == []


def test_who_came_and_went_between_two_looks_has_done_neither(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    start = feed(mallory)
    share(alice, case, mallory)
    alice.change("removeCaseMember", "errors { message }", caseId=case, subject=mallory.subject)
    time.sleep(LAG)
    assert {kind for kind, *_ in told(feed(mallory, start["endCursor"]))} <= {"LEFT"}


def test_a_role_that_ends_by_itself_is_left(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    ends = datetime.now(UTC) + timedelta(seconds=3)
    share(alice, case, mallory, expiresAt=ends.isoformat())
    joined = wait(mallory, None, 3)
    assert ("JOINED", case) in told(joined)
    assert told(feed(mallory, case=case))[0][0] == "CHANGED"
    in_case = feed(mallory, case=case)
    outlast(ends)
    left = feed(mallory, joined["endCursor"])
    assert told(left) == [("LEFT", case)]
    assert told(feed(mallory, left["endCursor"])) == []
    assert told(feed(mallory, left["entries"][0]["cursor"])) == []
    gone = feed(mallory, in_case["endCursor"], case)
    assert told(gone) == [("LEFT", case)]
    # Given anew, it is joined anew, also in the feed of the case.
    share(alice, case, mallory, expiresAt=None)
    again = wait(mallory, left["endCursor"], 2)
    assert told(again)[0] == ("JOINED", case)
    back = feed(mallory, gone["endCursor"], case)
    assert told(back) == [("JOINED", case)]
    alice.create_event(case)
    assert told(feed(mallory, back["endCursor"], case))[-1][3:] == ("CREATED", "EVENT")


def test_a_role_that_has_ended_is_left_whatever_becomes_of_it_then(alice: Client, mallory: Client) -> None:
    removed, deleted, kept = (alice.create_case() for _ in range(3))
    ends = datetime.now(UTC) + timedelta(seconds=3)
    for case in (removed, deleted, kept):
        share(alice, case, mallory, expiresAt=ends.isoformat())
    start = wait(mallory, None, 12)
    assert start["upToDate"]
    outlast(ends)
    # Nobody has asked since it ended.
    alice.change("removeCaseMember", "errors { message }", caseId=removed, subject=mallory.subject)
    alice.change("deleteCase", "errors { message }", id=deleted)
    left = feed(mallory, start["endCursor"])
    assert sorted(told(left)) == sorted(("LEFT", case) for case in (removed, deleted, kept))
    # That its case was deleted, or the role taken away, is nothing to whom it had ended for.
    alice.change("removeCaseMember", "errors { message }", caseId=kept, subject=mallory.subject)
    time.sleep(LAG)
    assert told(feed(mallory, left["endCursor"])) == []


def test_who_was_away_while_others_made_changes_joins_anew(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    share(alice, case, mallory)
    page = wait(mallory, None, 4)
    own = wait(alice, None, 4)
    for _ in range(3):
        # As soon as it is in the log, so that what comes then is told together.
        alice.create_event(case)
        own = wait(alice, own["endCursor"])
        alice.change("removeCaseMember", "errors { message }", caseId=case, subject=mallory.subject)
        page = feed(mallory, page["endCursor"])
        share(alice, case, mallory)
        time.sleep(LAG)
        page = feed(mallory, page["endCursor"])
        assert ("JOINED", case) in told(page)
        own = feed(alice, own["endCursor"])


def test_who_came_back_for_a_moment_has_left(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    ends = datetime.now(UTC) + timedelta(seconds=2)
    share(alice, case, mallory, expiresAt=ends.isoformat())
    start = wait(mallory, None, 4)
    own = wait(alice, None, 4)
    outlast(ends)
    alice.create_event(case)
    wait(alice, own["endCursor"])
    share(alice, case, mallory, expiresAt=None)
    back = feed(mallory, start["endCursor"])
    alice.change("removeCaseMember", "errors { message }", caseId=case, subject=mallory.subject)
    time.sleep(LAG)
    gone = feed(mallory, back["endCursor"])
    assert ("LEFT", case) in [*told(back), *told(gone)]


def test_a_role_whose_end_is_moved_is_joined_anew(alice: Client, mallory: Client) -> None:
    """Whether it had ended is a question of whose clock is asked, and of when the change was committed."""
    case = alice.create_case()
    hour = datetime.now(UTC) + timedelta(hours=1)
    share(alice, case, mallory, expiresAt=hour.isoformat())
    start = wait(mallory, None, 4)
    share(alice, case, mallory, expiresAt=None)
    assert told(wait(mallory, start["endCursor"])) == [("JOINED", case), ("CHANGED", case, 4, "UPDATED", "MEMBER")]


def test_a_role_that_is_given_an_end_is_left_then(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    share(alice, case, mallory)
    start = wait(mallory, None, 4)
    ends = datetime.now(UTC) + timedelta(seconds=3)
    share(alice, case, mallory, expiresAt=ends.isoformat())
    changed = wait(mallory, start["endCursor"])
    assert told(changed) == [("CHANGED", case, 4, "UPDATED", "MEMBER")]
    outlast(ends)
    left = feed(mallory, changed["endCursor"])
    assert told(left) == [("LEFT", case)]
    assert told(feed(mallory, left["endCursor"])) == []


def test_a_case_that_is_deleted_is_left(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    share(alice, case, mallory)
    start, in_case = wait(mallory, None, 3), feed(mallory, case=case)
    alice.change("deleteCase", "errors { message }", id=case)
    assert told(wait(mallory, start["endCursor"])) == [("LEFT", case)]
    assert told(feed(mallory, in_case["endCursor"], case)) == [("LEFT", case)]


def test_a_stranger_is_told_nothing_of_a_case_nor_whether_there_is_one(alice: Client, mallory: Client) -> None:
    case = alice.create_case()
    before = feed(mallory)
    answers = [feed(mallory, case=each) for each in (case, NOWHERE)]
    for answer, asked in zip(answers, (case, NOWHERE), strict=True):
        assert told(answer) == [("LEFT", asked)]
        assert feed(mallory, answer["endCursor"], asked)["entries"] == []
    time.sleep(LAG)
    assert feed(mallory, before["endCursor"])["entries"] == []
    # Not by a place that is another's either.
    assert feed(mallory, feed(alice)["endCursor"])["entries"] == []


def test_auditors_see_the_changes_of_all_cases_and_no_one_join(server: Any, alice: Client) -> None:
    auditor = server.client(roles=["auditor"])
    start = feed(auditor)
    while not start["upToDate"]:
        start = feed(auditor, start["endCursor"], first=100)
    case = alice.create_case()
    page = wait_for(auditor, start["endCursor"], "CHANGED", case, 2, "CREATED", "MEMBER")
    assert [entry for entry in told(page) if entry[1] == case] == [
        ("CHANGED", case, 1, "CREATED", "CASE"),
        ("CHANGED", case, 2, "CREATED", "MEMBER"),
    ]
    alice.change("deleteCase", "errors { message }", id=case)
    deleted = ("CHANGED", case, 4, "DELETED", "CASE")
    assert deleted in told(wait_for(auditor, page["endCursor"], *deleted))


def altered(cursor: str, place: int, value: object) -> str:
    parts = json.loads(bytes.fromhex(cursor))
    parts[place] = value
    return json.dumps(parts).encode().hex()


def test_a_cursor_of_elsewhere_is_refused(server: Any, alice: Client) -> None:
    case, other = alice.create_case(), alice.create_case()
    of_all, of_case = feed(alice)["endCursor"], feed(alice, case=case)["endCursor"]
    refused = [
        ({"after": "nonsense"}, "INVALID_INPUT", "after"),
        ({"after": of_case}, "INVALID_INPUT", "after"),
        ({"after": of_all, "case": case}, "INVALID_INPUT", "after"),
        ({"after": of_case, "case": other}, "INVALID_INPUT", "after"),
        ({"after": altered(of_all, 2, "x")}, "INVALID_INPUT", "after"),
        ({"after": altered(of_all, 2, 2**70)}, "INVALID_INPUT", "after"),
        ({"after": altered(of_all, 1, "0123456789abcdef")}, "CURSOR_EXPIRED", "after"),
        ({"after": altered(of_case, 1, "0123456789abcdef"), "case": case}, "CURSOR_EXPIRED", "after"),
        ({"case": "12"}, "INVALID_INPUT", "caseId"),
        ({"first": 0}, "INVALID_INPUT", "first"),
        ({"first": 101}, "INVALID_INPUT", "first"),
    ]
    for given, code, argument in refused:
        (error,) = alice.errors(FEED, **given)
        assert (error["extensions"]["code"], error["extensions"]["argument"]) == (code, argument), given
        assert error["path"] == ["changes"]
    # Whoever comes to see all cases has another feed than before.
    auditor = server.client(subject=alice.subject, roles=["auditor"])
    (error,) = auditor.errors(FEED, after=of_all)
    assert error["extensions"]["code"] == "CURSOR_EXPIRED"


@pytest.mark.parametrize("place", [-1, 0, 2**31 - 1])
def test_a_place_that_nobody_was_given_does_no_harm(alice: Client, place: int) -> None:
    case = alice.create_case()
    of_all, of_case = feed(alice)["endCursor"], feed(alice, case=case)["endCursor"]
    for after, of in ((altered(of_all, 2, place), None), (altered(of_case, 3, place), case)):
        assert feed(alice, after, of)["upToDate"]


def test_what_may_be_large_is_told_alike(alice: Client) -> None:
    case = alice.create_case(description="d" * 30_000)
    event = alice.create_event(case, description="e" * 30_000)
    alice.change("updateEvent", "errors { message }", caseId=case, id=event, description=None)
    change = "seq at kind by { id subject } reason requestId erased on { type id label version node { id "
    change += "... on Event { description case { description } } ... on Case { description } } } "
    change += "fields { name before after }"
    told_in = "{ entries { cursor kind caseId change { %s } } endCursor upToDate }" % change  # noqa: UP031 - braces
    document = "query ($case: ID!) { of: changes(caseId: $case) %s all: changes %s " % (told_in, told_in)  # noqa: UP031
    document += "case(id: $case) { history(orderBy: [SEQ_ASC]) { nodes { %s } } } }" % change  # noqa: UP031
    wait(alice, None, 5)
    answer = alice.run(document, case=case)
    history = answer["case"]["history"]["nodes"]
    assert len(history) == 4
    for feed_ in (answer["of"], answer["all"]):
        assert [entry["change"] for entry in feed_["entries"] if entry["kind"] == "CHANGED"] == history
        assert feed_["upToDate"]
        assert feed(alice, feed_["endCursor"], case if feed_ is answer["of"] else None)["entries"] == []


def test_nothing_but_the_type_may_be_asked_for(alice: Client) -> None:
    case = alice.create_case()
    answer = alice.run("query ($case: ID!) { changes(caseId: $case) { __typename } }", case=case)
    assert answer == {"changes": {"__typename": "ChangeFeed"}}
    entries = alice.run("query ($case: ID!) { changes(caseId: $case) { entries { __typename } } }", case=case)
    assert entries == {"changes": {"entries": [{"__typename": "FeedEntry"}] * 2}}
