"""What documents cost: the number of SQL statements, whatever the number of rows, and how deep they may nest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

import pytest

from app import ownership
from app.db.postgresql import PostgresqlDatabase
from app.db.sqlite import SqliteDatabase
from app.db.transaction import Session, Transaction
from tests.conftest import KINDS
from tests.server import Client, Server, do_nothing, serving

Execute: TypeAlias = Callable[[str, Any], Any]

# Down from the cases, and from a batch up to its case and down again.
LISTS = ("cases", *("events", "fileBatches") * 4)
DEEPEST = 5  # as many lists and look-ups may be nested in each other, the root field included
EVERYTHING = """
    totalCount
    edges { cursor }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
"""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the server has run since the beginning of the test, reads and writes."""
    run: list[str] = []
    # A change that takes longer may have waited for a lock, and looks at its author's role again.
    monkeypatch.setattr(ownership, "AT_ONCE_SECONDS", 60)
    do_nothing(monkeypatch)  # that no document asked for
    for database in (SqliteDatabase, PostgresqlDatabase):
        monkeypatch.setattr(database, "read", _recorded(database.read, run))

    begin = Transaction.__init__

    def recording(self: Transaction, dialect: Any, session: Session, longest: int) -> None:
        def record(call: Execute, statement: str, values: Any) -> Any:
            run.append(statement)
            return call(statement, values)

        calls = {name: partial(record, getattr(session, name)) for name in ("rows", "each", "finish", "look")}
        begin(self, dialect, cast("Session", SimpleNamespace(**calls)), longest)

    monkeypatch.setattr(Transaction, "__init__", recording)
    return run


def _recorded(read: Callable[..., Any], run: list[str]) -> Callable[..., Any]:
    async def recorded(self: object, statement: str, *rest: object) -> Any:
        run.append(statement)
        return await read(self, statement, *rest)

    return recorded


def build(client: Client) -> None:
    """Add a case with two events of two batches each."""
    case = client.create_case()
    for _ in range(2):
        event = client.create_event(case)
        for _ in range(2):
            client.create_batch(case, event)


def nested(depth: int, selection: str = "", arguments: str = "(first: 1)", *, start: int = 0) -> str:
    """Return lists in lists, as many as `depth` says; `selection` is asked of each, beside its nodes."""
    fields = ""
    for name in reversed(LISTS[start : start + depth]):
        if name == "fileBatches" and fields:
            fields = f"event {{ case {{ {fields} }} }}"
        fields = f"{name}{arguments} {{ nodes {{ id {fields} }} {selection} }}"
    return fields


# Counting


@pytest.mark.parametrize("depth", range(1, DEEPEST + 1))
def test_a_query_is_one_statement_however_deep(alice: Client, statements: list[str], depth: int) -> None:
    build(alice)
    query = f"{{ {nested(depth, EVERYTHING)} }}"
    statements.clear()
    assert alice.run(query)["cases"]["totalCount"] == 1
    assert len(statements) == 1


ORDERED = "orderBy: [UPDATED_AT_DESC, OCCURRED_AT_ASC]"
FILTERED = """
    where: { type: [NOTE], occurredFrom: $at, overlapsFrom: $at, overlapsBefore: $at, updatedFrom: $at }
"""
BELOW = """
    id title createdBy { name email } updatedBy { name }
    case { viewerRole viewerAccepted journal { size root } createdBy { name } updatedBy { name } }
"""
PAST = {
    "events": f"""
      events(last: 2, before: $cursor, after: $cursor, {ORDERED}, {FILTERED}) {{ {EVERYTHING} nodes {{ {BELOW} }} }}
    """,
    "members": "members { role accepted expiresAt user { name email } }",
    "batches": f"""
      events(first: 1) {{
        nodes {{
          fileBatches(last: 2, orderBy: [CREATED_AT_DESC, SORT_ORDER_ASC]) {{
            {EVERYTHING} nodes {{ label event {{ title createdBy {{ name }} case {{ journal {{ root }} }} }} }}
          }}
        }}
      }}
    """,
}


_BATCHES_OF_CASE = """
    fileBatches(last: 2, orderBy: [CREATED_AT_DESC, SORT_ORDER_ASC], where: { fileTypes: "x", updatedFrom: $at })
"""
PAST["batches of the case"] = f"""
    {_BATCHES_OF_CASE} {{ {EVERYTHING} nodes {{ label event {{ title createdBy {{ name }} }} createdBy {{ name }} }} }}
"""
PAST["counts"] = f"lastActivityAt eventCounts(by: WEEK, {FILTERED}) {{ from until count }}"


@pytest.mark.parametrize("innermost", PAST)
def test_the_past_is_one_statement_at_the_deepest(alice: Client, statements: list[str], innermost: str) -> None:
    build(alice)
    listed = f"cases {{ nodes {{ id createdAt events({ORDERED}) {{ pageInfo {{ endCursor }} }} }} }}"
    found = alice.run(f"{{ {listed} }}")["cases"]["nodes"][0]
    values = {"id": found["id"], "at": found["createdAt"]}
    if "$cursor" in PAST[innermost]:
        values["cursor"] = found["events"]["pageInfo"]["endCursor"]
    # A level for the case, one for its past.
    selection = PAST[innermost]
    for _ in range(1 if innermost == "batches" else 2):
        selection = f"events(first: 1) {{ nodes {{ case {{ {selection} }} }} }}"
    others = " ".join(f"a{number}: case(id: $id) {{ id }}" for number in range(20))
    declared = "$id: ID!, $at: DateTime!" + (", $cursor: String" if "cursor" in values else "")
    query = f"""query ({declared}) {{
      case(id: $id, asOf: {{seq: 4}}) {{ {selection} }} cases(where: {{updatedFrom: $at}}) {{ totalCount }} {others}
    }}"""
    statements.clear()
    alice.run(query, **values)
    assert len([each for each in statements if "_as_of" in each]) == 1
    deeper = query.replace(selection, f"events {{ nodes {{ case {{ {selection} }} }} }}")
    (error,) = alice.errors(deeper, **values)
    assert "nested more than 5 deep" in error["message"]


def test_twice_the_rows_cost_the_same_statements(alice: Client, statements: list[str]) -> None:
    query = """
    {
      cases {
        nodes {
          title members { user { name } } createdBy { name }
          events { nodes { updatedBy { name } fileBatches { nodes { label event { case { viewerRole } } } } } }
        }
      }
    }
    """
    counts, sizes = [], []
    for cases in (1, 1, 2):
        for _ in range(cases):
            build(alice)
        statements.clear()
        sizes.append(len(alice.post(query).content))
        counts.append(len(statements))
    assert counts == [1, 1, 1]
    assert sizes[0] < sizes[1] < sizes[2]


def test_all_root_fields_of_a_query_are_read_by_one_statement(alice: Client, statements: list[str]) -> None:
    build(alice)
    ids = [node["id"] for node in alice.run("{ cases { nodes { id } } }")["cases"]["nodes"]]
    query = """
    query ($id: ID!, $ids: [ID!]!) {
      viewer { id }
      node(id: $id) { id ... on Case { events { nodes { fileBatches { totalCount } } } } }
      nodes(ids: $ids) { id ... on Case { members { role } } }
      case(id: $id) { title }
      cases { totalCount }
      event(caseId: $id, id: $id) { title }
      fileBatch(caseId: $id, eventId: $id, id: $id) { label }
    }
    """
    statements.clear()
    assert len(alice.run(query, id=ids[0], ids=ids)) == 7
    assert len(statements) == 1


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("{ __schema { queryType { name } } viewer { id } cases { nodes { title } } }", 1),
        ("{ __schema { queryType { name } } }", 0),
        ("{ viewer @skip(if: true) { id } }", 0),
        ("{ cases(first: 0) { totalCount } }", 0),
        ("{ nothing }", 0),
    ],
)
def test_introspection_and_refusals_cost_no_statement(
    alice: Client, statements: list[str], query: str, count: int
) -> None:
    build(alice)
    statements.clear()
    alice.post(query)
    assert len(statements) == count


def test_a_user_is_written_down_once(alice: Client, statements: list[str]) -> None:
    alice.run("{ __typename }")
    # Looked up, and written down in a transaction that looks again.
    assert [_verb(statement) for statement in statements][:3] == ["SELECT", "SELECT", "INSERT"]
    statements.clear()
    alice.run("{ viewer { id } }")
    assert len(statements) == 1


def test_a_change_costs_the_same_statements_whatever_its_answer_holds(
    server: Server, alice: Client, statements: list[str]
) -> None:
    case = alice.create_case()
    made = alice.create_event(case)
    selection = "event { title case { events { nodes { title fileBatches { nodes { label } } } } } }"
    counts: list[list[str]] = []
    for _ in range(3):
        statements.clear()
        alice.change("updateEvent", selection, caseId=case, id=made, title=f"New {len(counts)}")
        counts.append([_verb(statement) for statement in statements])
        for _ in range(2):
            alice.create_batch(case, alice.create_event(case))
    assert (
        counts
        == [["SELECT", *together(server, ["UPDATE", "INSERT", "UPDATE", "INSERT", "INSERT", "UPDATE"]), "SELECT"]] * 3
    )


# What comes before the writes of a change, what it writes, the record included, and what comes behind.
WRITING: dict[str, tuple[list[str], list[str], list[str]]] = {
    # The case with what is searched of it, and its owner, an entry for each, and the head of a journal.
    "createCase": (["UPDATE"], ["INSERT"] * 7, ["SELECT"]),
    "createEvent": (["SELECT"], [*["INSERT"] * 4, "UPDATE"], ["SELECT"]),
    "createFileBatch": (["SELECT"], [*["INSERT"] * 4, "UPDATE"], ["SELECT"]),
    # What goes along is read before: the comments on it. With what can be restored.
    "deleteFileBatch": (["SELECT"] * 2, ["DELETE", "INSERT", "DELETE", "INSERT", "INSERT", "UPDATE"], []),
    # Comments and batches; comments, batches, events and members.
    "deleteEvent": (["SELECT"] * 3, [*["DELETE", "INSERT", "DELETE"] * 2, *["INSERT"] * 3, "UPDATE"], []),
    "deleteCase": (
        ["SELECT"] * 5,
        [
            *["DELETE", "INSERT", "DELETE"] * 2,
            "INSERT",
            "DELETE",
            "DELETE",
            "INSERT",
            "DELETE",
            *["INSERT"] * 5,
            "UPDATE",
        ],
        [],
    ),
    # The path with the viewer's role, then the user who is named, made if there is none, and what waits already.
    "setCaseMember": (
        ["SELECT", "INSERT", "SELECT", "SELECT", "SELECT"],
        ["INSERT", "INSERT", "UPDATE"],
        ["SELECT"],
    ),
    "acceptCase": (["SELECT", "UPDATE"], [], ["SELECT"]),
    # Whether it is the viewer who leaves comes first.
    "removeCaseMember": (["SELECT"] * 3, ["DELETE", "INSERT", "UPDATE"], []),
}


@pytest.mark.parametrize("field", WRITING)
def test_a_change_finds_its_path_in_one_statement_and_reads_its_answer_in_one(
    server: Server, alice: Client, mallory: Client, statements: list[str], field: str
) -> None:
    case = alice.create_case()
    mallory.run("{ viewer { id } }")
    if field == "removeCaseMember":
        alice.change("setCaseMember", "errors { code }", caseId=case, subject=mallory.subject, role="VIEWER")
    made = alice.create_event(case)
    batch = alice.create_batch(case, made)
    given = {
        "createCase": {"title": "t"},
        "createEvent": {"caseId": case, "title": "t", "occurredAt": "2026-01-01T00:00:00Z"},
        "createFileBatch": {"caseId": case, "eventId": made, "label": "l"},
        "deleteFileBatch": {"caseId": case, "eventId": made, "id": batch},
        "deleteEvent": {"caseId": case, "id": made},
        "deleteCase": {"id": case},
        "setCaseMember": {"caseId": case, "subject": mallory.subject, "role": "VIEWER"},
        "acceptCase": {"id": case},
        "removeCaseMember": {"caseId": case, "subject": mallory.subject},
    }[field]
    noun = field[6].lower() + field[7:]
    selection = f"{noun} {{ id createdBy {{ name }} }}"
    if field.startswith(("delete", "remove")):
        selection = "deletedId"
    elif field == "setCaseMember":
        selection = "member { user { name } role }"
    statements.clear()
    payload = alice.change(field, f"{selection} errors {{ code }}", **given)
    assert payload["errors"] == []
    before, writes, behind = WRITING[field]
    assert [_verb(statement) for statement in statements] == [*before, *together(server, writes), *behind]


def together(server: Server, verbs: list[str]) -> list[str]:
    """Return the verbs of statements that write together: PostgreSQL gets one for all of them."""
    return ["WITH"] if verbs and server.kind == "postgresql" else verbs


def _verb(statement: str) -> str:
    return statement.split(maxsplit=1)[0]


# How deep


def path_of(depth: int, *, start: int = 0) -> tuple[str, ...]:
    """Return the path of the innermost list that `nested` makes."""
    path: tuple[str, ...] = ()
    for name in LISTS[start : start + depth]:
        if path:
            path += ("nodes", "event", "case") if path[-1] == "fileBatches" else ("nodes",)
        path += (name,)
    return path


def too_deep(query: str, *path: str) -> list[dict[str, Any]]:
    """Return the errors of a document whose innermost list, the last to be named in it, is one too many."""
    return [
        {
            "message": f"lists and look-ups are nested more than {DEEPEST} deep; ask for less at once",
            "locations": [{"line": 1, "column": query.rindex(path[-1]) + 1}],
            "path": list(path),
            "extensions": {"code": "INVALID_INPUT"},
        }
    ]


def test_one_list_too_many_is_refused_by_name(alice: Client, statements: list[str]) -> None:
    alice.create_case()
    statements.clear()
    query = f"{{ {nested(DEEPEST + 1)} }}"
    assert alice.errors(query) == too_deep(query, *path_of(DEEPEST + 1))
    assert statements == []


def test_one_look_up_too_many_is_refused_by_name(alice: Client) -> None:
    query, path = look_ups(DEEPEST + 1, "id")
    assert alice.errors(query, c="x", e="x", b="x") == too_deep(query, *path)


def test_members_count_as_a_list(alice: Client) -> None:
    list_ = f"members {{ user {{ id }} }} {nested(DEEPEST - 1, start=1)}"
    alice.run(f"{{ cases {{ nodes {{ {list_} }} }} }}")
    query = f"{{ {nested(DEEPEST)} }}"
    up = "case" if LISTS[DEEPEST - 1] == "events" else "event case"
    open_, close = up.replace(" ", " { ") + " { ", " }" * len(up.split())
    innermost = query.index("id", query.rindex(LISTS[DEEPEST - 1]))
    query = f"{query[:innermost]}{open_}members {{ role }}{close}{query[innermost + 2 :]}"
    assert alice.errors(query) == too_deep(query, *path_of(DEEPEST), "nodes", *up.split(), "members")


def test_a_change_whose_answer_is_nested_too_deep_is_not_made(alice: Client) -> None:
    case = alice.create_case()
    answer = f"event {{ {nested(DEEPEST, start=2)} }}"
    query = f"mutation ($input: CreateEventInput!) {{ createEvent(input: $input) {{ {answer} }} }}"
    event = {"caseId": case, "title": "t", "occurredAt": "2026-01-01T00:00:00Z"}
    path = ("createEvent", "event", *path_of(DEEPEST, start=2))
    assert alice.errors(query, input=event) == too_deep(query, *path)
    counted = "query ($case: ID!) { case(id: $case) { events { totalCount } } }"
    assert alice.run(counted, case=case)["case"] == {"events": {"totalCount": 0}}


@pytest.fixture(scope="module", params=KINDS)
def roomy(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server whose limits let in what comes close to those of the databases."""
    limits = {
        "DOSSIER_MAX_ALIASES": "1000",
        "DOSSIER_MAX_FIELDS": "2000",
        "DOSSIER_MAX_TOKENS": "5000",
        "DOSSIER_MAX_REPEATS": "60",
    }
    with serving(request.param, new_database(request.param), **limits) as running:
        yield running


@pytest.mark.parametrize("size", ["first: 1", "last: 1"])
def test_as_deep_as_may_be_works_with_everything_at_once(roomy: Server, size: str) -> None:
    alice = roomy.client()
    for _ in range(2):
        build(alice)
    orders = {
        "cases": "[LAST_ACTIVITY_DESC, TITLE_ASC, NUMBER_DESC]",
        "events": "[OCCURRED_AT_ASC, CREATED_AT_DESC]",
        "fileBatches": "[SORT_ORDER_ASC, CREATED_AT_DESC]",
    }
    wheres = {
        "cases": '{text: "case", status: [OPEN], createdFrom: "2000-01-01T00:00:00Z"}',
        "events": '{text: "event", type: [NOTE], updatedFrom: "2000-01-01T00:00:00Z"}',
        "fileBatches": '{text: "batch", updatedFrom: "2000-01-01T00:00:00Z"}',
    }
    last = {name: _last_cursor(alice, name, order) for name, order in orders.items()}
    query = "{ " + nested(DEEPEST, EVERYTHING + _MANY) + " }"
    for name, order in orders.items():
        where = f", where: {wheres[name]}" if name in wheres else ""
        query = query.replace(f"{name}(first: 1)", f'{name}({size}, orderBy: {order}, before: "{last[name]}"{where})')
    answer = alice.run(query)["cases"]
    # Everything but the last of each order lies before its cursor.
    assert (answer["totalCount"], len(answer["nodes"]), answer["pageInfo"]["hasNextPage"]) == (2, 1, True)
    (case,) = answer["nodes"]
    assert case["events"]["totalCount"] == 2
    # And with what is asked of a case alone at the innermost.
    of_case = f"fileBatches({size}, where: {wheres['fileBatches']}) {{ {EVERYTHING + _MANY} }}"
    of_case += f" eventCounts(by: WEEK, where: {wheres['events']}) {{ from until count }} lastActivityAt"
    events = f"events(first: 1) {{ nodes {{ case {{ {of_case} }} }} }}"
    batches = f"fileBatches(first: 1) {{ nodes {{ event {{ case {{ {events} }} }} }} }}"
    found: Any = alice.run(f"{{ cases(first: 1) {{ nodes {{ events(first: 1) {{ nodes {{ {batches} }} }} }} }} }}")
    while "eventCounts" not in found:
        found = found["nodes"][0] if "nodes" in found else next(iter(found.values()))
    assert (found["fileBatches"]["totalCount"], found["eventCounts"][0]["count"]) == (4, 2)


_MANY = "many: nodes { " + " ".join(f"a{number}: id b{number}: version" for number in range(60)) + " }"


def _last_cursor(client: Client, name: str, order: str) -> str:
    inner = f"{name}(orderBy: {order}, last: 1) {{ pageInfo {{ endCursor }} }}"
    below = {
        "cases": "{}",
        "events": "cases {{ nodes {{ {} }} }}",
        "fileBatches": "cases {{ nodes {{ events {{ nodes {{ {} }} }} }} }}",
    }
    found: Any = client.run("{ " + below[name].format(inner) + " }")
    while "endCursor" not in found:
        found = found["nodes"][-1] if "nodes" in found else next(iter(found.values()))
    cursor: str = found["endCursor"]
    return cursor


@pytest.mark.parametrize("field", ["node(id: $id)", "nodes(ids: [$id])"])
def test_as_deep_as_may_be_works_below_any_node(alice: Client, field: str) -> None:
    build(alice)
    (case,) = alice.run("{ cases { nodes { id events { nodes { id fileBatches { nodes { id } } } } } } }")["cases"][
        "nodes"
    ]
    event = case["events"]["nodes"][0]
    on_case, on_event = nested(DEEPEST - 1, EVERYTHING, start=1), nested(DEEPEST - 1, EVERYTHING, start=2)
    fields = (
        f"id ... on Case {{ {on_case} }} ... on Event {{ {on_event} }} ... on FileBatch {{ event {{ {on_event} }} }}"
    )
    others = " ".join(f"other{number}: cases {{ totalCount }}" for number in range(12))
    query = f"query ($id: ID!) {{ {others} found: {field} {{ {fields} }} }}"

    def found(id_: str) -> Any:
        answer = alice.run(query, id=id_)["found"]
        return answer[0] if isinstance(answer, list) else answer

    assert found(case["id"])["events"]["totalCount"] == 2
    assert found(event["id"])["fileBatches"]["totalCount"] == 2
    assert found(event["fileBatches"]["nodes"][0]["id"])["event"]["fileBatches"]["totalCount"] == 2


@pytest.mark.usefixtures("patient")
def test_as_deep_as_may_be_works_in_the_answer_to_a_change(alice: Client) -> None:
    build(alice)
    case = alice.run("{ cases { nodes { id version } } }")["cases"]["nodes"][0]
    deep = nested(DEEPEST - 1, EVERYTHING, start=1)
    selection = (
        f"case {{ {deep} }} errors {{ code ... on ConflictError {{ current {{ id ... on Case {{ {deep} }} }} }} }}"
    )
    done = alice.change("updateCase", selection, id=case["id"], title="New")
    assert (done["case"]["events"]["totalCount"], done["errors"]) == (2, [])
    refused = alice.change("updateCase", selection, id=case["id"], title="Newer", expectedVersion=case["version"])
    assert refused["case"] is None
    assert refused["errors"] == [{"code": "CONFLICT", "current": {"id": case["id"], "events": done["case"]["events"]}}]


def look_ups(depth: int, selection: str) -> tuple[str, tuple[str, ...]]:
    """Return a document of look-ups in each other, with the path of the innermost one."""
    query = "query ($c: ID!, $e: ID!, $b: ID!) {"
    path: tuple[str, ...] = ()
    for name in ("case", *("event", "fileBatch") * depth)[:depth]:
        if path and path[-1] == "fileBatch":
            query, path = f"{query} event {{ case {{", (*path, "event", "case")
        query, path = f"{query} {name}(id: ${ {'case': 'c', 'event': 'e', 'fileBatch': 'b'}[name] }) {{", (*path, name)
    return f"{query} {selection}{' }' * query.count('{')}", path


def test_as_many_look_ups_as_may_be_work(alice: Client) -> None:
    build(alice)
    ids = "{ cases { nodes { id events(first: 1) { nodes { id fileBatches(first: 1) { nodes { id } } } } } } }"
    (case,) = alice.run(ids)["cases"]["nodes"]
    (event,) = case["events"]["nodes"]
    (batch,) = event["fileBatches"]["nodes"]
    query, path = look_ups(DEEPEST, "id createdBy { subject } updatedBy { name }")
    answer: Any = alice.run(query, c=case["id"], e=event["id"], b=batch["id"])
    for name in path:
        answer = answer[name]
    innermost = {"event": event, "fileBatch": batch}[path[-1]]
    assert answer == {
        "id": innermost["id"],
        "createdBy": {"subject": alice.subject},
        "updatedBy": {"name": None},
    }
