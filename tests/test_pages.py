"""Pages: forwards and backwards through every list, while the list changes under them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server import Client, Server

pytestmark = pytest.mark.long

EVENTS = """
query ($case: ID!, $order: [EventOrder!], $first: Int, $after: String, $last: Int, $before: String) {
  case(id: $case) {
    events(orderBy: $order, first: $first, after: $after, last: $last, before: $before) { SELECTION }
  }
}
"""
WHOLE = """
    edges { cursor node { title } }
    nodes { title }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount
"""


@dataclass(frozen=True)
class Timeline:
    """A case with events titled by letters, and the cursors of these."""

    client: Client
    case: str
    events: Mapping[str, str]
    cursors: Mapping[str, str]

    def page(self, selection: str = WHOLE, **arguments: Any) -> dict[str, Any]:
        """Return a page of its events."""
        query = EVENTS.replace("SELECTION", selection)
        page: dict[str, Any] = self.client.run(query, case=self.case, **arguments)["case"]["events"]
        return page

    def titles(self, **arguments: Any) -> str:
        """Return the titles on a page, as one text."""
        return "".join(node["title"] for node in self.page("nodes { title }", **arguments)["nodes"])

    def delete(self, title: str) -> None:
        """Delete an event."""
        payload = self.client.change("deleteEvent", "deletedId", caseId=self.case, id=self.events[title])
        assert payload == {"deletedId": self.events[title]}


def timeline(client: Client, titles: str) -> Timeline:
    case = client.create_case()
    events = {title: client.create_event(case, title=title, sortOrder=place) for place, title in enumerate(titles)}
    edges = Timeline(client, case, events, {}).page()["edges"]
    return Timeline(client, case, events, {edge["node"]["title"]: edge["cursor"] for edge in edges})


def test_a_page_is_its_edges_nodes_and_what_lies_around_it(alice: Client) -> None:
    events = timeline(alice, "abcde")
    assert sorted(events.cursors) == list("abcde")
    page = events.page(first=2, after=events.cursors["a"])
    assert page == {
        "edges": [
            {"cursor": events.cursors["b"], "node": {"title": "b"}},
            {"cursor": events.cursors["c"], "node": {"title": "c"}},
        ],
        "nodes": [{"title": "b"}, {"title": "c"}],
        "pageInfo": {
            "hasNextPage": True,
            "hasPreviousPage": True,
            "startCursor": events.cursors["b"],
            "endCursor": events.cursors["c"],
        },
        "totalCount": 5,
    }


@pytest.mark.parametrize("gone", ["", "a", "b", "cd", "abcd"])
def test_every_combination_of_arguments_gives_the_page_that_the_specification_names(alice: Client, gone: str) -> None:
    events = timeline(alice, "abcd")
    for title in gone:
        events.delete(title)
    there = [title for title in "abcd" if title not in gone]
    sizes: list[dict[str, int]] = [{}, *({name: size} for name in ("first", "last") for size in (1, 2, 3, 100))]
    bounds = [None, *"abcd"]
    for size, after, before in itertools.product(sizes, bounds, bounds):
        arguments: dict[str, Any] = dict(size)
        inside = there
        if after is not None:
            arguments["after"] = events.cursors[after]
            inside = [title for title in inside if title > after]
        if before is not None:
            arguments["before"] = events.cursors[before]
            inside = [title for title in inside if title < before]
        first, last = size.get("first", 50), size.get("last")
        shown = inside[-last:] if last is not None else inside[:first]
        cut = len(shown) < len(inside)
        assert events.page(**arguments) == {
            "edges": [{"cursor": events.cursors[title], "node": {"title": title}} for title in shown],
            "nodes": [{"title": title} for title in shown],
            "pageInfo": {
                "hasNextPage": (cut and last is None) or any(before is not None and t >= before for t in there),
                "hasPreviousPage": (cut and last is not None) or any(after is not None and t <= after for t in there),
                "startCursor": events.cursors[shown[0]] if shown else None,
                "endCursor": events.cursors[shown[-1]] if shown else None,
            },
            "totalCount": len(there),
        }, (size, after, before)


@pytest.mark.parametrize("titles", ["", "a", "abc"])
@pytest.mark.parametrize("arguments", [{}, {"first": 1}, {"last": 1}, {"first": 3}, {"last": 3}])
def test_each_part_of_a_page_can_be_asked_for_alone(alice: Client, titles: str, arguments: dict[str, int]) -> None:
    events = timeline(alice, titles)
    whole = events.page(WHOLE, **arguments)
    for part in ("edges { cursor node { title } }", "nodes { title }", "totalCount"):
        assert events.page(part, **arguments) == {part.split()[0]: whole[part.split()[0]]}
    for name, value in whole["pageInfo"].items():
        assert events.page(f"pageInfo {{ {name} }}", **arguments) == {"pageInfo": {name: value}}
    assert events.page("pageInfo { __typename }", **arguments) == {"pageInfo": {"__typename": "PageInfo"}}
    assert events.page("__typename", **arguments) == {"__typename": "EventConnection"}
    assert events.page("edges { __typename }", **arguments)["edges"] == [{"__typename": "EventEdge"}] * len(
        whole["edges"]
    )


def test_each_part_of_page_info_can_be_asked_for_alone_behind_and_before_a_cursor(alice: Client) -> None:
    events = timeline(alice, "abc")
    for bound in ({"after": events.cursors["a"]}, {"before": events.cursors["c"]}, {"after": events.cursors["c"]}):
        for name, value in events.page(**bound)["pageInfo"].items():
            assert events.page(f"pageInfo {{ {name} }}", **bound) == {"pageInfo": {name: value}}, bound


def test_without_first_and_last_a_page_holds_fifty_and_never_more_than_a_hundred(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    for place in range(102):
        alice.create_batch(case, event, label=f"{place}", sortOrder=place)
    query = """
    query ($case: ID!, $event: ID!, $first: Int, $last: Int) {
      event(caseId: $case, id: $event) {
        fileBatches(first: $first, last: $last) {
          totalCount nodes { label } pageInfo { hasNextPage hasPreviousPage }
        }
      }
    }
    """
    for arguments, expected in (
        ({}, range(50)),
        ({"first": None}, range(50)),
        ({"first": 100}, range(100)),
        ({"last": 100}, range(2, 102)),
    ):
        page = alice.run(query, case=case, event=event, **arguments)["event"]["fileBatches"]
        assert [int(node["label"]) for node in page["nodes"]] == list(expected)
        assert page["totalCount"] == 102
        backward = "last" in arguments
        assert page["pageInfo"] == {"hasNextPage": not backward, "hasPreviousPage": backward}


def test_a_filter_holds_for_the_page_its_neighbours_and_the_count(alice: Client) -> None:
    case = alice.create_case()
    for place, title in enumerate(("x1", "y1", "x2", "y2")):
        alice.create_event(case, title=title, sortOrder=place)
    query = """
    query ($case: ID!, $after: String) {
      case(id: $case) {
        events(where: {text: "x"}, first: 1, after: $after) {
          totalCount nodes { title } pageInfo { hasNextPage hasPreviousPage endCursor }
        }
      }
    }
    """
    first = alice.run(query, case=case)["case"]["events"]
    end = first["pageInfo"].pop("endCursor")
    assert first == {
        "totalCount": 2,
        "nodes": [{"title": "x1"}],
        "pageInfo": {"hasNextPage": True, "hasPreviousPage": False},
    }
    second = alice.run(query, case=case, after=end)["case"]["events"]
    assert second["nodes"] == [{"title": "x2"}]
    assert (second["pageInfo"]["hasNextPage"], second["pageInfo"]["hasPreviousPage"]) == (False, True)


def test_a_cursor_works_after_its_row_is_gone(alice: Client) -> None:
    events = timeline(alice, "abcde")
    events.delete("c")
    assert events.titles(after=events.cursors["c"]) == "de"
    assert events.titles(before=events.cursors["c"]) == "ab"
    assert events.titles(last=1, before=events.cursors["c"]) == "b"
    for title in "de":
        events.delete(title)
    assert events.titles(after=events.cursors["c"]) == ""
    assert events.page("pageInfo { hasPreviousPage hasNextPage }", after=events.cursors["c"])["pageInfo"] == {
        "hasPreviousPage": True,
        "hasNextPage": False,
    }


def test_a_cursor_holds_a_place_in_the_order_and_not_a_row(alice: Client) -> None:
    events = timeline(alice, "abc")
    alice.change("updateEvent", "event { id }", caseId=events.case, id=events.events["a"], sortOrder=9)
    assert events.titles() == "bca"
    assert events.titles(after=events.cursors["a"]) == "bca"
    assert events.titles(before=events.cursors["c"]) == "b"


@pytest.mark.parametrize("place", [-(2**31), -1, 0, 2**31 - 1])
def test_a_cursor_works_for_every_sort_order_that_can_be_given(alice: Client, place: int) -> None:
    case = alice.create_case()
    alice.create_event(case, title="a", sortOrder=place)
    alice.create_event(case, title="b", sortOrder=place)
    cursor = Timeline(alice, case, {}, {}).page(first=1)["pageInfo"]["endCursor"]
    assert Timeline(alice, case, {}, {}).titles(after=cursor) == "b"


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"]
)
def test_a_cursor_works_for_every_time_that_can_be_given(alice: Client, moment: str) -> None:
    case = alice.create_case()
    alice.create_event(case, title="a", occurredAt=moment)
    alice.create_event(case, title="b", occurredAt=moment)
    cursor = Timeline(alice, case, {}, {}).page(first=1)["pageInfo"]["endCursor"]
    assert Timeline(alice, case, {}, {}).titles(after=cursor) == "b"


@pytest.mark.parametrize("title", ["", '\x01"\\/', "é\u0301ß", "\U0001f600\uffff", "İ" * 200])
def test_a_cursor_works_for_every_title(alice: Client, title: str) -> None:
    for number in "ab":
        alice.create_case(title=title or " x", reference=number)
    query = """
    query ($after: String) {
      cases(orderBy: TITLE_ASC, first: 1, after: $after) { nodes { reference } pageInfo { endCursor hasNextPage } }
    }
    """
    first = alice.run(query)["cases"]
    second = alice.run(query, after=first["pageInfo"]["endCursor"])["cases"]
    assert (first["nodes"], second["nodes"]) == ([{"reference": "a"}], [{"reference": "b"}])
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)


# Faults


def refused(events: Timeline, **arguments: Any) -> dict[str, Any]:
    (error,) = events.client.errors(EVENTS.replace("SELECTION", "totalCount"), case=events.case, **arguments)
    assert error["path"] == ["case", "events"]
    assert error["locations"] == [{"line": 4, "column": 5}]
    assert error["extensions"]["code"] == "INVALID_INPUT"
    return error


@pytest.mark.parametrize(
    ("arguments", "argument", "message"),
    [
        ({"first": 0}, "first", "`first` must be from 1 to 100, not 0"),
        ({"first": 101}, "first", "`first` must be from 1 to 100, not 101"),
        ({"first": -1}, "first", "`first` must be from 1 to 100, not -1"),
        ({"last": 0}, "last", "`last` must be from 1 to 100, not 0"),
        ({"last": 101}, "last", "`last` must be from 1 to 100, not 101"),
        ({"first": 1, "last": 1}, "last", "`first` and `last` can't be used together; page one way or the other"),
        ({"after": "garbage"}, "after", "`after` is not a cursor that this server gave out"),
        ({"before": ""}, "before", "`before` is not a cursor that this server gave out"),
    ],
)
def test_arguments_out_of_bounds_are_named(
    alice: Client, arguments: dict[str, Any], argument: str, message: str
) -> None:
    error = refused(timeline(alice, "a"), **arguments)
    assert (error["message"], error["extensions"]["argument"]) == (message, argument)


def test_every_fault_of_a_document_is_told_at_once(alice: Client) -> None:
    query = "{ cases(first: 0) { totalCount } b: cases(last: 0) { totalCount } }"
    assert [error["path"] for error in alice.errors(query)] == [["cases"], ["b"]]


def test_a_fault_in_an_inner_list_is_told_though_the_outer_one_is_empty(alice: Client) -> None:
    (error,) = alice.errors('{ cases { nodes { mine: events(after: "x") { totalCount } } } }')
    assert error == {
        "message": "`after` is not a cursor that this server gave out",
        "locations": [{"line": 1, "column": 19}],
        "path": ["cases", "nodes", "mine"],
        "extensions": {"code": "INVALID_INPUT", "argument": "after"},
    }


@pytest.mark.parametrize("name", ["after", "before"])
def test_a_cursor_of_another_order_or_another_list_is_refused(alice: Client, name: str) -> None:
    events = timeline(alice, "a")
    case = alice.run("{ cases(orderBy: CREATED_AT_ASC) { edges { cursor } } }")["cases"]["edges"][0]["cursor"]
    message = f"`{name}` is a cursor of another list or another `orderBy`"
    other: tuple[dict[str, Any], ...] = (
        {name: events.cursors["a"], "order": ["OCCURRED_AT_DESC"]},
        {name: events.cursors["a"], "order": ["CREATED_AT_ASC"]},
        {name: events.cursors["a"], "order": ["OCCURRED_AT_ASC", "CREATED_AT_ASC"]},
        {name: case, "order": ["CREATED_AT_ASC"]},
    )
    for arguments in other:
        error = refused(events, **arguments)
        assert (error["message"], error["extensions"]["argument"]) == (message, name)
    same: dict[str, Any] = {name: events.cursors["a"], "order": ["OCCURRED_AT_ASC", "OCCURRED_AT_DESC"]}
    assert events.titles(**same) == ""


def test_a_cursor_made_by_hand_is_refused_or_means_what_it_says(alice: Client) -> None:
    events = timeline(alice, "abc")
    tag, moment, place, id_ = json.loads(bytes.fromhex(events.cursors["b"]))

    def cursor(*values: object) -> str:
        return json.dumps(values).encode().hex()

    assert events.titles(after=cursor(tag, moment, place, id_)) == "c"
    assert events.titles(after=cursor(tag, "2026-01-01T01:00:00+01:00", place, id_.upper())) == "c"
    assert events.titles(after=cursor(tag, moment, place - 1, id_)) == "bc"
    wrong: list[object] = [
        *(
            "zz",
            "5",
            "5b2",
            "\U0001f600",
            "5B 5D 5C",
            "ff",
            "5b5d",
            "7b7d",
            "6e756c6c",
        ),
        ("5b" * 50_000),
        cursor(tag),
        cursor(tag, moment, place),
        cursor(tag, moment, place, id_, id_),
        *(cursor(tag, wrong, place, id_) for wrong in (None, 5, "", "2026-01-01", "2026-13-01T00:00:00Z", [moment])),
        *(cursor(tag, moment, wrong, id_) for wrong in (None, "1", 1.0, True, 2**31, -(2**31) - 1, 10**30, [1])),
        *(cursor(tag, moment, place, wrong) for wrong in (None, 1, "", "x", id_ + "\n", id_[:-1], [id_])),
    ]
    for given_ in wrong:
        error = refused(events, after=given_)
        assert error["message"] == "`after` is not a cursor that this server gave out", given_
        assert error["extensions"]["argument"] == "after"
    assert refused(events, after=b'"abcdefgh"'.hex())["extensions"]["argument"] == "after"
    for other in (None, 1, "", tag.upper() + "0", [tag]):
        error = refused(events, after=cursor(other, moment, place, id_))
        assert error["message"] == "`after` is a cursor of another list or another `orderBy`"


@pytest.mark.parametrize("text", ["a\0b", "\ud800", 5, None])
def test_text_in_a_cursor_made_by_hand_must_be_text(alice: Client, text: object) -> None:
    alice.create_case(title="a")
    query = "query ($after: String) { cases(orderBy: TITLE_ASC, after: $after) { edges { cursor } } }"
    (edge,) = alice.run(query)["cases"]["edges"]
    tag, _, id_ = json.loads(bytes.fromhex(edge["cursor"]))
    (error,) = alice.errors(query, after=json.dumps([tag, text, id_]).encode().hex())
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "after"}
    assert error["path"] == ["cases"]


@pytest.mark.parametrize("text", [r"a\u0000", r"\ud800", r"\ude00\ud83d"])
@pytest.mark.parametrize(
    ("argument", "given_"), [("where.text", '{"where": {"text": "%s"}}'), ("after", '{"after": "%s"}')]
)
def test_a_text_that_no_database_holds_is_refused(
    server: Server, alice: Client, text: str, argument: str, given_: str
) -> None:
    query = "query ($where: CaseFilter, $after: String) { cases(where: $where, after: $after) { totalCount } }"
    # Escaped by hand, because a client's library would not send a lone surrogate.
    body = f'{{"query": "{query}", "variables": {given_ % text}}}'
    headers = alice.headers | {"Content-Type": "application/json"}
    (error,) = server.http.post("/graphql", content=body, headers=headers).json()["errors"]
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": argument}
    assert error["path"] == ["cases"]


# Walks


@dataclass(frozen=True, eq=False)
class List:
    """A list to walk through while it changes; a row's key is a small number that its place depends on."""

    connection: str
    orders: Sequence[str]
    create: Callable[[Client, Sequence[str], int], str]
    update: Callable[[Client, Sequence[str], str, int], object]
    delete: Callable[[Client, Sequence[str], str], object]
    of_case: bool = False
    """Whether it has what is on all events of a case, and not on the one of the path alone."""

    def page(self, client: Client, path: Sequence[str], arguments: str) -> dict[str, Any]:
        """Return a page of the list below a path of ids."""
        info = "hasNextPage hasPreviousPage startCursor endCursor"
        page = f"{self.connection}({arguments}) {{ nodes {{ id }} pageInfo {{ {info} }} }}"
        if path[1:] and not self.of_case:
            page = f'event(caseId: "{path[0]}", id: "{path[1]}") {{ {page} }}'
        elif path:
            page = f'case(id: "{path[0]}") {{ {page} }}'
        found: dict[str, Any] = client.run(f"{{ {page} }}")
        while "nodes" not in found:
            (found,) = found.values()
        return found


def _day(key: int) -> str:
    return f"2026-01-0{1 + key // 2}T00:00:00Z"


def _comment(client: Client, path: Sequence[str], text: str) -> str:
    payload = client.change("addComment", "comment { id }", caseId=path[0], on=path[1], text=text)
    identifier: str = payload["comment"]["id"]
    return identifier


def _tagged(client: Client, path: Sequence[str], key: int) -> str:
    """Create an event with two tags, beside one with one of them."""
    event, other = (client.create_event(path[0], occurredAt=_day(key), sortOrder=key % 2) for _ in range(2))
    for ids, tags in (([event, other], ["A"]), ([event], ["b", "c"])):
        client.change("addTags", "errors { code }", caseId=path[0], ids=ids, tags=tags)
    return event


CASES = List(
    "cases",
    (
        *(
            "[]",
            "TITLE_ASC",
            "TITLE_DESC",
            "[TITLE_ASC, NUMBER_DESC]",
            "UPDATED_AT_ASC",
            "UPDATED_AT_DESC",
            "NUMBER_ASC",
        ),
        *("LAST_ACTIVITY_ASC", "LAST_ACTIVITY_DESC", "[TITLE_DESC, LAST_ACTIVITY_ASC]"),
    ),
    lambda client, _, key: client.create_case(title="aAbB"[key]),
    lambda client, _, id_, key: client.change("updateCase", "case { id }", id=id_, title="aAbB"[key]),
    lambda client, _, id_: client.change("deleteCase", "deletedId", id=id_),
)
TIMELINES = List(
    "events",
    (
        "[]",
        "OCCURRED_AT_DESC",
        "[OCCURRED_AT_ASC, CREATED_AT_DESC]",
        "UPDATED_AT_ASC",
        "UPDATED_AT_DESC",
        "CREATED_AT_ASC",
    ),
    lambda client, path, key: client.create_event(path[0], occurredAt=_day(key), sortOrder=key % 2),
    lambda client, path, id_, key: client.change(
        "updateEvent", "event { id }", caseId=path[0], id=id_, occurredAt=_day(key), sortOrder=key % 2
    ),
    lambda client, path, id_: client.change("deleteEvent", "deletedId", caseId=path[0], id=id_),
)
BATCHES = List(
    "fileBatches",
    (*("[]", "SORT_ORDER_DESC", "[SORT_ORDER_DESC, CREATED_AT_ASC]", "CREATED_AT_DESC", "SORT_ORDER_ASC"),),
    lambda client, path, key: client.create_batch(*path, sortOrder=key),
    lambda client, path, id_, key: client.change(
        "updateFileBatch", "fileBatch { id }", caseId=path[0], eventId=path[1], id=id_, sortOrder=key
    ),
    lambda client, path, id_: client.change("deleteFileBatch", "deletedId", caseId=path[0], eventId=path[1], id=id_),
)
ALL_BATCHES = replace(BATCHES, of_case=True)

COMMENTS = List(
    "comments",
    ("[]", "CREATED_AT_DESC", "[CREATED_AT_ASC]"),
    lambda client, path, key: _comment(client, path, "aAbB"[key]),
    lambda client, path, id_, key: client.change(
        "updateComment", "comment { id }", caseId=path[0], id=id_, text="aAbB"[key]
    ),
    lambda client, path, id_: client.change("deleteComment", "deletedId", caseId=path[0], id=id_),
)
TAGGED = List(
    "events",
    tuple(f'{order}, where: {{tags: ["a", "B"]}}' for order in TIMELINES.orders),
    _tagged,
    TIMELINES.update,
    TIMELINES.delete,
)


KEYS = st.integers(0, 3)
CHANGES = st.tuples(st.sampled_from(("create", "update", "delete")), st.integers(0, 20), KEYS)


@dataclass
class Walked:
    """The rows of a list, those that stay where they are told from those that don't."""

    rows: List
    client: Client
    path: Sequence[str]
    there: list[str] = field(default_factory=list)
    steady: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)

    def create(self, _which: int, key: int) -> None:
        """Add a row."""
        self.there.append(self.rows.create(self.client, self.path, key))

    def update(self, which: int, key: int) -> None:
        """Change the key of a row, if there is one."""
        if self.there:
            id_ = self.there[which % len(self.there)]
            self.steady.discard(id_)
            self.updated.add(id_)
            self.rows.update(self.client, self.path, id_, key)

    def delete(self, which: int, _key: int) -> None:
        """Delete a row, if there is one."""
        if self.there:
            id_ = self.there.pop(which % len(self.there))
            self.steady.discard(id_)
            self.rows.delete(self.client, self.path, id_)


def walk(
    walked: Walked, order: str, size: int, *, backward: bool, changes: Iterator[tuple[str, int, int]]
) -> list[str]:
    """Return the ids of a whole list, read page by page with changes between the pages."""
    seen: list[str] = []
    arguments, bound = f"orderBy: {order}, {'last' if backward else 'first'}: {size}", ""
    while True:
        page = walked.rows.page(walked.client, walked.path, arguments + bound)
        ids = [node["id"] for node in page["nodes"]]
        seen += reversed(ids) if backward else ids
        if not page["pageInfo"]["hasPreviousPage" if backward else "hasNextPage"]:
            return seen
        assert len(ids) == size
        for verb, which, key in itertools.islice(changes, 2):
            getattr(walked, verb)(which, key)
        cursor = page["pageInfo"]["startCursor" if backward else "endCursor"]
        bound = f', {"before" if backward else "after"}: "{cursor}"'


@pytest.mark.slow
@pytest.mark.long
@settings(max_examples=50, deadline=None)
@given(
    list_=st.sampled_from((CASES, TIMELINES, BATCHES, ALL_BATCHES, COMMENTS, TAGGED)),
    place=st.integers(0, 9),
    keys=st.lists(KEYS, max_size=8),
    size=st.integers(1, 3),
    backward=st.booleans(),
    changes=st.lists(CHANGES, max_size=8),
)
def test_a_walk_sees_every_row_that_stays_once_while_others_come_move_and_go(
    server: Server,
    list_: List,
    place: int,
    keys: list[int],
    size: int,
    *,
    backward: bool,
    changes: list[tuple[str, int, int]],
) -> None:
    client = server.client()
    path: tuple[str, ...] = ()
    if list_ is not CASES:
        path = (client.create_case(),)
    if list_ in (BATCHES, ALL_BATCHES, COMMENTS):
        path = (*path, client.create_event(*path))
    walked = Walked(list_, client, path)
    for key in keys:
        walked.create(0, key)
    walked.steady = set(walked.there)
    order = list_.orders[place % len(list_.orders)]

    seen = walk(walked, order, size, backward=backward, changes=iter(changes))
    unmoved = [id_ for id_ in seen if id_ not in walked.updated]
    assert len(unmoved) == len(set(unmoved))
    assert walked.steady <= set(seen)

    whole = walk(walked, order, 100, backward=False, changes=iter(()))
    assert sorted(whole) == sorted(walked.there)
    assert walk(walked, order, size, backward=False, changes=iter(())) == whole
    assert walk(walked, order, size, backward=True, changes=iter(())) == whole[::-1]
    assert [id_ for id_ in seen if id_ in walked.steady] == [
        id_ for id_ in (whole[::-1] if backward else whole) if id_ in walked.steady
    ]
