"""A search over everything: what it finds, in which order, and for whom."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import Connection

from app.resolvers.users import Users
from app.values import fold, is_visible, new_id
from tests.commands import dossier
from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_migrations import ask
from tests.test_verify import findings

SEARCH = """
    query ($text: String!, $kinds: [SearchKind!], $first: Int, $after: String, $last: Int, $before: String) {
      search(text: $text, kinds: $kinds, first: $first, after: $after, last: $last, before: $before) {
        nodes { kind excerpt node { __typename id } case { id } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        totalCount
      }
    }
"""
TYPES = {"CASE": "Case", "EVENT": "Event", "FILE_BATCH": "FileBatch", "COMMENT": "Comment"}
WORDS = (
    *("Straße", "STRASSE", "rechnung 12", "Rechnung №7", "審計報告", "審計", "a%b_c", 'quo"te', "back\\slash", "it's"),
    *("ǅ ligature ﬁ", "İstanbul", "ΣΊΣΥΦΟΣ", "tab\there", "two\x1fparts", "x", "yz", "Zebra", "CAS", "evidence", "0"),
    *(
        "emoji 👩‍🚒 here",
        "zzz",
        "UUU",
        "ends in ǿ",
        "del\x7f",
        "x\uffffq",
        "e\u0301",
        "- OR -",
        "a* b:* 'c' & !d",
        "12",
    ),
)


@dataclass
class Shelf:
    """What was made, each with its texts, the last first; and who may see what of it."""

    server: Server
    owner: Client
    other: Client
    rows: list[tuple[str, str, str, tuple[str, ...]]] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    def expected(self, needle: str, cases: set[str], kinds: set[str]) -> list[tuple[str, str]]:
        """Return what a search finds in some cases, in its order."""
        folded = fold(needle.strip())
        digits = needle.strip().removeprefix("#")

        def is_called(kind: str, identifier: str) -> bool:
            if kind != "CASE":
                return False
            is_number = digits.isascii() and digits.isdecimal() and self.numbers[identifier] == int(digits)
            return is_number or (identifier in self.references and fold(self.references[identifier]) == folded)

        seen = [row for row in self.rows if row[2] in cases and row[0] in kinds]
        whole = [(kind, identifier) for kind, identifier, _, _ in seen if is_called(kind, identifier)]
        others = [
            (kind, identifier)
            for kind, identifier, _, texts in seen
            if len(folded) > 1 and any(folded in fold(text) for text in texts)
        ]
        return whole + [each for each in others if each not in whole]


@pytest.fixture(scope="module", params=[(kind, has_few) for kind in KINDS for has_few in (True, False)], ids=str)
def shelf(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Shelf]:
    """Cases with texts of all sorts; members see them by their memberships, or as those who have many do."""
    kind, has_few = request.param
    with pytest.MonkeyPatch.context() as patched:
        if not has_few:
            patched.setattr(Users, "_has_few", _none_has_few)
            patched.setattr("app.db.searching.RARE", 3)
            patched.setattr("app.db.searching._SAMPLE", 30)
            patched.setattr("app.db.searching._MOST_GRAMS", 3)
            patched.setattr("app.db.searching._OF_SAMPLE", 3)
        with serving(kind, new_database(kind)) as server:
            made = Shelf(server, server.client(), server.client())
            _fill(made)
            yield made


async def _none_has_few(_: Users, __: str) -> bool:
    return False


def _fill(shelf: Shelf) -> None:
    rows: list[tuple[str, str, str, tuple[str, ...]]] = []
    for place, word in enumerate(WORDS):
        reference = WORDS[(place * 7 + 3) % len(WORDS)]
        case = shelf.owner.create_case(title=f"{word} {place}", reference=reference)
        shelf.numbers[case] = shelf.owner.run("query ($id: ID!) { case(id: $id) { number } }", id=case)["case"][
            "number"
        ]
        shelf.references[case] = reference
        rows.append(("CASE", case, case, (f"{word} {place}", reference)))
        title, description = f"Event of {word}", WORDS[-1 - place]
        event = shelf.owner.create_event(case, title=title, description=description)
        rows.append(("EVENT", event, case, (title, description)))
        label, types = WORDS[(place + 5) % len(WORDS)] + "!", "pdf, docx"
        batch = shelf.owner.create_batch(case, event, label=label, fileTypes=types)
        rows.append(("FILE_BATCH", batch, case, (label, types)))
        on, text = (case, event, batch)[place % 3], f"On {WORDS[(place * 5 + 1) % len(WORDS)]}"
        said = shelf.owner.change("addComment", "comment { id } errors { message }", caseId=case, on=on, text=text)
        rows.append(("COMMENT", said["comment"]["id"], case, (text,)))
        if place % 3 == 0:
            role = {"caseId": case, "subject": shelf.other.subject, "role": "VIEWER"}
            shelf.owner.change("setCaseMember", "errors { code }", **role)
            shelf.shared.add(case)
    shelf.rows = rows[::-1]


def pages(client: Client, text: str, size: int, *, backward: bool = False, **more: Any) -> list[tuple[str, str]]:
    """Return all that a search finds, page by page."""
    found: list[tuple[str, str]] = []
    cursor = None
    while True:
        way = {"last": size, "before": cursor} if backward else {"first": size, "after": cursor}
        page = client.run(SEARCH, text=text, **way, **more)["search"]
        hits = [(each["kind"], each["node"]["id"]) for each in page["nodes"]]
        assert all(TYPES[each["kind"]] == each["node"]["__typename"] for each in page["nodes"])
        found = hits + found if backward else found + hits
        about = page["pageInfo"]
        assert about["hasPreviousPage" if not backward else "hasNextPage"] == (cursor is not None)
        if not about["hasPreviousPage" if backward else "hasNextPage"]:
            assert page["totalCount"] == len(found)
            return found
        cursor = about["startCursor" if backward else "endCursor"]


def viewers(shelf: Shelf) -> list[tuple[Client, set[str]]]:
    """Return who searches, with the cases that they see."""
    everything = set(shelf.numbers)
    return [
        (shelf.owner, everything),
        (shelf.other, shelf.shared),
        (shelf.server.client(), set()),
        (shelf.server.client(roles=("auditor",)), everything),
    ]


PIECES = st.sampled_from(WORDS).flatmap(
    lambda word: st.tuples(st.integers(0, len(word) - 1), st.integers(1, 6)).map(
        lambda cut: word[cut[0] : cut[0] + cut[1]]
    )
)
NUMBERS = st.integers(0, len(WORDS) + 2).flatmap(
    lambda number: st.sampled_from([str(number), f"#{number}", f" {number} "])
)
NEEDLES = st.one_of(PIECES, NUMBERS, st.sampled_from(WORDS), st.sampled_from(["event of", "pdf", "of", "!", "no such"]))


@pytest.mark.slow
@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    needle=NEEDLES.filter(lambda needle: bool(needle.strip())),
    size=st.integers(1, 40),
    way=st.sampled_from(["first", "last"]),
    kinds=st.sets(st.sampled_from(sorted(TYPES))),
)
def test_what_contains_the_text_is_found_by_whoever_may_see_it(
    shelf: Shelf, needle: str, size: int, way: str, kinds: set[str]
) -> None:
    for client, cases in viewers(shelf):
        expected = shelf.expected(needle, cases, kinds or set(TYPES))
        assert pages(client, needle, size, backward=way == "last", kinds=sorted(kinds)) == expected


LISTS = {
    "CASE": """
        query ($text: String, $size: Int, $after: String) {
          cases(where: {text: $text}, first: $size, after: $after) { ...page }
        }
    """,
    "EVENT": """
        query ($case: ID!, $text: String, $size: Int, $after: String) {
          case(id: $case) { events(where: {text: $text}, first: $size, after: $after) { ...page } }
        }
    """,
    "FILE_BATCH": """
        query ($case: ID!, $text: String, $size: Int, $after: String) {
          case(id: $case) { fileBatches(where: {text: $text}, first: $size, after: $after) { ...page } }
        }
    """,
}


def listed(client: Client, kind: str, text: str, size: int, **more: Any) -> list[str]:
    """Return the ids of all rows of a list that have a text, page by page."""
    type_ = f"{TYPES[kind]}Connection"
    page = f"fragment page on {type_} {{ nodes {{ id }} totalCount pageInfo {{ hasNextPage endCursor }} }}"
    found: list[str] = []
    after = None
    while True:
        answer = client.run(LISTS[kind] + page, text=text, size=size, after=after, **more)
        if "case" in answer:
            answer = answer["case"]
        if answer is None:
            return found
        (connection,) = answer.values()
        found += [each["id"] for each in connection["nodes"]]
        if not connection["pageInfo"]["hasNextPage"]:
            assert connection["totalCount"] == len(found)
            return found
        after = connection["pageInfo"]["endCursor"]


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(needle=st.one_of(NEEDLES, st.just("")), size=st.integers(1, 40), place=st.integers(0, len(WORDS) - 1))
def test_lists_find_the_same_texts(shelf: Shelf, needle: str, size: int, place: int) -> None:
    of_place = sorted(shelf.numbers)[place]
    for client, cases in viewers(shelf):
        for kind, within in (("CASE", cases), ("EVENT", cases & {of_place}), ("FILE_BATCH", cases & {of_place})):
            expected = [
                identifier
                for type_, identifier, case, texts in shelf.rows
                if type_ == kind and case in within and any(fold(needle) in fold(text) for text in texts)
            ]
            more = {} if kind == "CASE" else {"case": of_place}
            assert listed(client, kind, needle, size, **more) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_index_is_verified_and_made_anew(new_database: Callable[[str], str], kind: str, tmp_path: Path) -> None:
    with serving(kind, new_database(kind)) as server:
        alice = server.client()
        case = alice.create_case(title="Straße", reference="A-1", description="x\uffffq \ufffe")
        event = alice.create_event(case, title="審計")
        alice.create_batch(case, event, label="Fotos")
        gone = alice.create_event(case, title="Nothing")
        alice.change("deleteEvent", "errors { code }", caseId=case, id=gone)
        alice.change("updateCase", "errors { code }", id=case, title="Gasse", reference=None)
        assert findings(server.settings) == []

        def broken(*statements: str) -> list[str]:
            for statement in map(text, statements):
                ask(server.settings, partial(Connection.execute, statement=statement))
            return [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "…", found) for found in findings(server.settings)]

        index = ["the index of what is searched is another than that of the texts; run 'dossier reindex'"]
        other = "field search: the table has another value than this entry left there"
        changed = f"case 1 (…), entry 3, EVENT …, {other}"
        assert broken("UPDATE search_texts SET text = 'x' WHERE type = 'EVENT'") == [changed, *index]
        moved = "case 1 (…), EVENT …, field search: there is no such row of the case"
        told = broken("UPDATE search_texts SET event_id = case_id WHERE type = 'EVENT'")
        assert told == [changed, moved, *index]
        lost = f"case 1 (…), entry 4, FILE_BATCH …, {other}"
        assert broken("DELETE FROM search_texts WHERE type = 'FILE_BATCH'") == [changed, lost, moved, *index]
        url = server.settings.database_url.render_as_string(hide_password=False)
        done = dossier(tmp_path, "reindex", DOSSIER_DATABASE_URL=url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "3 texts are in the index\n", "")
        assert findings(server.settings) == []
        found = [alice.run(SEARCH, text=word)["search"]["totalCount"] for word in ("gasse", "審計", "fotos", "xy")]
        assert found == [1, 1, 1, 0]


@pytest.mark.vectors
@pytest.mark.parametrize("kind", KINDS)
def test_naughty_strings_are_found_by_themselves_and_by_a_piece(new_database: Callable[[str], str], kind: str) -> None:
    strings = json.loads(Path(os.environ["NAUGHTY_STRINGS"]).read_text(encoding="utf-8"))
    with serving(kind, new_database(kind)) as server:
        alice, auditor = server.client(), server.client(roles=("auditor",))
        case = alice.create_case(title="A case")
        refused = 0
        for string in strings:
            about = {"description": string}
            payload = alice.change("createCase", "case { id } errors { message }", title="A title", **about)
            if payload["errors"]:
                assert "\0" in string or len(string) > 30_000
                refused += 1
                continue
            event = alice.create_event(case, title="An event", **about)
            batch = alice.create_batch(case, event, label="A batch", **about)
            remark = alice.change("addComment", "comment { id } errors { message }", caseId=case, on=event, text=string)
            # A comment has at least one character that can be seen.
            comments = {("COMMENT", remark["comment"]["id"])} if remark["comment"] else set()
            assert remark["comment"] or not is_visible(string)
            for needle in (string, string[len(string) // 3 :][: max(2, len(string) // 2)]):
                if not needle.strip() or len(fold(needle.strip())) < 2 or len(needle) > 1_000:
                    continue
                for client in (alice, auditor):
                    found = pages(client, needle, 100)
                    wanted = {("CASE", payload["case"]["id"]), ("EVENT", event), ("FILE_BATCH", batch)}
                    assert wanted | comments <= {*found}, (needle, string)
        assert refused == 0


def test_a_cursor_tells_no_more_than_which_row_it_was_taken_from(shelf: Shelf) -> None:
    for client, _ in viewers(shelf)[:2]:
        edges = client.run('{ search(text: "of") { edges { cursor node { node { id } } } } }')["search"]["edges"]
        assert len(edges) > 3
        for edge in edges:
            tag, rank, row = json.loads(bytes.fromhex(edge["cursor"]))
            assert (tag, rank, row) == ("hits", 1, edge["node"]["node"]["id"])


@pytest.mark.parametrize("roles", [(), ("auditor",)])
def test_a_walk_goes_on_where_rows_were_deleted(alice: Client, server: Server, roles: tuple[str, ...]) -> None:
    case = alice.create_case(title="Dig")
    word = new_id()
    made = [alice.create_event(case, title=f"{word} {number}") for number in range(8)][::-1]
    reader = server.client(roles=roles) if roles else alice
    text = "query ($text: String!, $after: String) { search(text: $text, first: 2, after: $after) { SHOWN } }"
    text = text.replace("SHOWN", "nodes { node { id } } pageInfo { endCursor }")
    found, after = [], None
    while page := reader.run(text, text=word, after=after)["search"]:
        if not page["nodes"]:
            break
        found += [hit["node"]["id"] for hit in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        for event in found[-2:]:
            alice.change("deleteEvent", "errors { code }", caseId=case, id=event)
    assert found == made
