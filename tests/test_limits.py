"""What a document may ask for at most: each limit, what is said past it, and that the counting is right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    Lexer,
    OperationDefinitionNode,
    Source,
    TokenKind,
    get_introspection_query,
    parse,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import RequestRefused
from app.execution.measuring import measure
from app.execution.scanning import scan
from app.ownership import Viewer
from app.schema import executable
from app.settings import Limits
from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_both_ends import opened

# So small that a document at each limit, and one past it, is easily read.
TIGHT = {
    "MAX_CHARACTERS": "1000",
    "MAX_TOKENS": "100",
    "MAX_BRACKETS": "12",
    "MAX_DEPTH": "5",
    "MAX_ALIASES": "3",
    "MAX_DIRECTIVES": "2",
    "MAX_FRAGMENTS": "2",
    "MAX_SPREADS": "4",
    "MAX_FIELDS": "10",
    "MAX_ROOT_FIELDS": "4",
    "MAX_READS": "10",
    "MAX_COMPARISONS": "3",
    "MAX_REPEATS": "3",
    "MAX_OBJECTS": "150",
    "MAX_VALUES": "10",
}


@pytest.fixture(scope="module", params=KINDS)
def tight(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Client]:
    """A user at a server whose limits are low."""
    limits = {f"DOSSIER_{name}": value for name, value in TIGHT.items()}
    with serving(request.param, new_database(request.param), **limits) as running:
        yield running.client()


def wide(selection: str, count: int) -> str:
    return "{ " + " ".join(f"a{number}: {selection}" for number in range(count)) + " }"


# Each limit: its name, the beginning of its sentence, its value, a document that reaches it, one that passes it,
# and what that one asks for.
AT_THE_LIMIT: list[tuple[str, str, str, str, int]] = [
    ("characters", "the document has {} characters", "{ viewer { id } } " + "," * 982, "{ viewer { id } }" * 60, 1020),
    ("tokens", "the document has {} tokens", f"{{ nodes(ids: [{'1,' * 84}]) {{ id }} }} # {{ }} a", "{ a }" * 34, 102),
    ("brackets", "the document opens {} brackets in each other", "{ ( [ " * 4, "{([" * 4 + "{", 13),
    ("directives", "the document uses {} directives", "{ viewer { id @include(if: true) name @skip(if: true) } }",
     "{ viewer { id @a @b @c } }", 3),
    ("spreads", "the document spreads {} fragments", "{ ... { ... { ... { ... { viewer { id } } } } } }",
     "{ ...a ...a ...a ... { viewer { id } } ...b }", 5),
    ("fragments", "the document defines {} fragments",
     "{ ...a ...b } fragment a on Query { viewer { id } } fragment b on Query { viewer { name } }",
     "{ ...a } fragment a on Query { a } fragment a on Query { a } fragment b on Query { a }", 3),
    ("aliases", "the document gives {} aliases", wide("viewer { id }", 3), wide("viewer { id }", 4), 4),
    ("fields", "the document selects {} fields once its fragments are expanded",
     "{ a: viewer { ...u } b: viewer { ...u } } fragment u on User { id name subject }",
     "{ a: viewer { ...u } b: viewer { ...u } } fragment u on User { id name subject email }", 12),
    ("depth", "the document nests fields {} deep", "{ cases { nodes { createdBy { id } } } }",
     "{ cases { nodes { ...c } } } fragment c on Case { events { nodes { case { id } } } }", 6),
    ("rootFields", "the operation has {} root fields", "{ __typename a: __typename b: __typename c: viewer { id } }",
     "{ a b c ...d } fragment d on Query { d e a }", 5),
    ("reads", "the document makes {} look-ups, lists and counts",
     "{ node(id: 1) { id } cases(first: 1) { totalCount } }", "{ node(id: 1) { id } nodes(ids: 2) { id } }", 16),
    ("comparisons", "the document repeats fields so often that {} pairs have to be compared",
     "{ viewer { id id id } }", "{ viewer { id } viewer { id } viewer { id } }", 6),
    ("repeats", "the document asks for one field under {} names at one place", "{ viewer { id a: id b: id } }",
     "{ __typename a: __typename ...f } fragment f on Query { b: __typename c: __typename }", 4),
    ("objects", "the answer can hold {} objects, its pages multiplied along each path",
     "{ cases(first: 10) { nodes { events(last: 13) { nodes { id } } } edges { cursor } } }",
     "{ cases(first: 10) { nodes { events(last: 15) { edges { cursor } } } } }", 160),
]  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "sentence", "reaching", "passing", "asked"), AT_THE_LIMIT, ids=[limit for limit, *_ in AT_THE_LIMIT]
)
def test_a_limit_is_reached_and_not_passed(
    tight: Client, limit: str, sentence: str, reaching: str, passing: str, asked: int
) -> None:
    reached = tight.post(reaching).json()
    # Brackets alone are no GraphQL; everything else is answered.
    expected = ["GRAPHQL_PARSE_FAILED"] if limit == "brackets" else []
    assert [error["extensions"]["code"] for error in reached.get("errors", ())] == expected
    setting = "".join(f"_{letter}" if letter.isupper() else letter for letter in limit).upper()
    maximum = int(TIGHT[f"MAX_{setting}"])
    assert tight.errors(passing) == [
        {
            "message": f"{sentence.format(asked)}; {maximum} is the most that is allowed, so ask for less at once",
            "extensions": {"code": "LIMIT_EXCEEDED", "limit": limit, "maximum": maximum, "asked": asked},
        }
    ]


def test_every_limit_is_tried() -> None:
    limits = {name.removeprefix("max_").replace("root_fields", "rootFields") for name in Limits.__slots__}
    assert {limit for limit, *_ in AT_THE_LIMIT} | {"values"} == limits


PAGES = "query ($n: Int, $m: Int = 3) { cases(first: $n) { nodes { events(last: $m) { nodes { id } } } } }"


def test_sizes_in_variables_are_multiplied_for_each_request(tight: Client) -> None:
    assert tight.run(PAGES, n=37) == {"cases": {"nodes": []}}
    assert tight.run(PAGES, n=1, m=100) == {"cases": {"nodes": []}}
    for variables, asked in (({"n": 38}, 152), ({"n": None}, 200), ({}, 200), ({"n": 2, "m": 100}, 202)):
        (error,) = tight.errors(PAGES, **variables)
        assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "objects", "maximum": 150, "asked": asked}
    # A size that is out of bounds is refused for itself.
    (error,) = tight.errors(PAGES, n=1, m=101)
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "last"}


def test_ids_in_a_variable_are_counted(tight: Client) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Case { events(first: 16) { nodes { id } } } } }"
    assert tight.run(query, ids=["x"] * 8) == {"nodes": [None] * 8}
    (error,) = tight.errors(query, ids=["x"] * 9)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "objects", "maximum": 150, "asked": 153}


@pytest.mark.parametrize(
    ("query", "variables", "argument", "asked"),
    [
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 19_000}, "ids", 19_000),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [["x"] * 6] * 6}, "ids", 12),
        (
            "query ($where: CaseFilter) { cases(where: $where) { totalCount } }",
            {"where": {"text": "x", "status": ["OPEN"] * 9}},
            "where.status",
            11,
        ),
        ("query ($where: CaseFilter) { cases(where: $where) { totalCount } }",
         {"where": dict.fromkeys(map(str, range(11)), 1)}, "where", 11),
    ],
)  # fmt: skip
def test_variables_hold_so_many_values_and_no_more(
    tight: Client, query: str, variables: dict[str, Any], argument: str, asked: int
) -> None:
    (error,) = tight.errors(query, **variables)
    assert error == {
        "message": f"`{argument}` makes it {asked} values in the variables; 10 is the most that is allowed, "
        "so ask for less at once",
        "extensions": {
            "code": "INVALID_INPUT",
            "argument": argument,
            "limit": "values",
            "maximum": 10,
            "asked": asked,
        },
    }


def test_values_that_nobody_declared_are_not_counted(tight: Client) -> None:
    assert tight.run("{ viewer { name } }", ids=["x"] * 1_000) == {"viewer": {"name": None}}


def test_a_text_to_search_for_has_a_longest_form(alice: Client) -> None:
    query = "query ($text: String) { cases(where: {text: $text}) { totalCount } }"
    assert alice.run(query, text="x" * 1_000) == {"cases": {"totalCount": 0}}
    (error,) = alice.errors(query, text="x" * 1_001)
    assert error["message"] == "`text` may have up to 1000 characters, not 1001"
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "where.text"}


# With the limits as they are


def doubling(count: int, last: str) -> str:
    fragments = (f"fragment f{place} on Query {{ ...f{place + 1} ...f{place + 1} }}" for place in range(count))
    return "\n".join(("{ ...f0 }", *fragments, f"fragment f{count} on Query {{ {last} }}"))


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        (doubling(10_000, "viewer { id }"), "characters"),
        (doubling(200, "viewer { id }"), "tokens"),
        (doubling(60, "viewer { id }"), "fragments"),
        (doubling(45, "viewer { id }"), "fields"),
        (doubling(18, "a: case(id: 1) { id } b: case(id: 2) { id }"), "fields"),
        (doubling(45, "...nothing"), "fields"),
        (wide("__typename", 1_665), "tokens"),
        (wide("__typename", 140), "rootFields"),
        (wide("__schema { types { name } }", 130), "rootFields"),
        (wide("__schema { types { fields { args { name } } } }", 40), "objects"),
        ("{ cases { nodes { " + " ".join(f"d{number}: description" for number in range(48)) + " } } }", "repeats"),
        ("{ " + " ".join(f"v{number}: viewer {{ id }}" for number in range(6)) + " }", "repeats"),
        ("{ viewer { " + "id " * 500 + "} }", "comparisons"),
        ("{ cases { nodes { " + "events(first: 60) { nodes { case { " * 3 + "id" + " }" * 12, "objects"),
        ("[" * 50_000, "tokens"),
        ("{ nodes(ids: " + "[" * 700 + "]" * 700 + ") { id } }", "brackets"),
        ('"' * 65_000, "tokens"),
        ('"""' + "x" * 65_537, "characters"),
        ("#" * 65_537, "characters"),
    ],
)
def test_documents_that_are_meant_to_hurt_are_refused(alice: Client, document: str, limit: str) -> None:
    (error,) = alice.errors(document)
    assert (error["extensions"]["code"], error["extensions"]["limit"]) == ("LIMIT_EXCEEDED", limit)


def test_what_grows_beyond_all_numbers_is_said_to(alice: Client) -> None:
    (error,) = alice.errors(doubling(45, "viewer { id }"))
    assert error["message"].startswith("the document selects 1000000000 or more fields once")


def test_the_query_of_the_tools_and_all_root_fields_that_may_be_are_answered(alice: Client) -> None:
    query = get_introspection_query(
        specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
    )
    assert alice.run(query)["__schema"]["queryType"]["name"] == "Query"
    assert alice.run(wide("cases { totalCount }", 50)) == {f"a{number}": {"totalCount": 0} for number in range(50)}
    pages = "{ cases { nodes { id events { nodes { id fileBatches { nodes { id } } } } } } }"
    assert alice.run(pages) == {"cases": {"nodes": []}}


def test_a_batch_of_changes_is_made_in_order(alice: Client) -> None:
    changes = " ".join(
        f'c{number}: createCase(input: {{title: "{number}"}}) {{ case {{ title }} }}' for number in range(50)
    )
    answer = alice.run(f"mutation {{ {changes} }}")
    assert [payload["case"]["title"] for payload in answer.values()] == [str(number) for number in range(50)]


def test_a_statement_has_a_greatest_length(alice: Client) -> None:
    # A long name is in the statement as often as it is asked for; the rest of the document is small.
    long = "x" * 30_000
    (error,) = alice.errors(wide("node(id: 1) { ...f }", 4) + f" fragment f on Node {{ {long}: id }}")
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["limit"] == "statement"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (wide("nothing", 40), "Cannot query field 'nothing' on type 'Query'."),
        (
            "query (" + " ".join(f"$v{number}: Int" for number in range(40)) + ") { viewer { id } }",
            "Variable '$v0' is never used.",
        ),
    ],
)
def test_of_many_faults_the_first_are_told(alice: Client, document: str, message: str) -> None:
    errors = alice.errors(document)
    assert len(errors) == 21
    assert errors[0]["message"] == message
    assert errors[-1]["message"] == "the document has more than 20 faults; these are the first"


def test_faults_lie_where_they_are_said_to_however_lines_end(alice: Client) -> None:
    errors = alice.errors("{\n\r\n\r  nothing\n viewer { a: id\r\na: name } }")
    assert [error["locations"] for error in errors] == [
        [{"line": 4, "column": 3}],
        [{"line": 5, "column": 11}, {"line": 6, "column": 1}],
    ]


def test_a_long_name_is_not_quoted_whole(alice: Client) -> None:
    (error,) = alice.errors("{ " + "x" * 60_000 + " }")
    assert error["message"] == f"Cannot query field '{'x' * 980}…"


def test_a_document_of_many_operations_runs_the_one_that_is_named(alice: Client) -> None:
    document = " ".join(f"query q{number} {{ a{number}: __typename }}" for number in range(100))
    assert alice.post(document, operationName="q7").json() == {"data": {"a7": "Query"}}


# How long an answer can be

MOST = 100_000


@pytest.fixture(scope="module", params=KINDS)
def curt(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server with short answers."""
    with serving(request.param, new_database(request.param), DOSSIER_MAX_ANSWER_BYTES=str(MOST)) as running:
        yield running


def too_long(client: Client, query: str, **variables: Any) -> None:
    assert client.errors(query, **variables) == [
        {
            "message": f"the answer has more than {MOST} bytes, which is the most that is allowed, "
            "so ask for less at once",
            "extensions": {"code": "LIMIT_EXCEEDED", "limit": "answerBytes", "maximum": MOST},
        }
    ]


@pytest.mark.parametrize("letter", ["d", "\u00e9"])
def test_an_answer_is_as_long_as_it_may_be_and_no_longer(curt: Server, letter: str) -> None:
    client = curt.client()
    query = "{ cases { nodes { description } } }"
    for _ in range(10):
        client.create_case(description=letter * 9_000)
    if letter.isascii():
        rest = MOST - (len(client.post(query).content) - len('{"data":}'))
        case = client.create_case(description=letter * (rest - len(',{"description":""}')))
        assert len(client.post(query).content) == MOST + len('{"data":}')
        client.change("updateCase", "errors { code }", id=case, description=letter * (rest - 18))
    too_long(client, query)
    # None of these is too long for itself.
    half = (
        "cases(first: 6) { nodes { description } }" if letter.isascii() else "cases(first: 3) { nodes { description } }"
    )
    assert len(client.run(f"{{ {half} }}")["cases"]["nodes"]) in {3, 6}
    too_long(client, f"{{ {half} b: {half} }}")
    too_long(client, f"{{ __schema {{ queryType {{ name }} }} {half} b: {half} }}")


def test_a_change_with_too_long_an_answer_is_not_made(curt: Server) -> None:
    client = curt.client()
    case = client.create_case()
    for _ in range(6):
        client.create_event(case, description="d" * 9_900)
    events = "events { nodes { description } }"
    change = "mutation ($id: ID!, $input: String!) { updateCase(input: {id: $id, title: $input}) { case { %s } } }"
    assert len(client.run(change % events, id=case, input="New")["updateCase"]["case"]["events"]["nodes"]) == 6
    too_long(client, change % f"{events} b: {events}", id=case, input="Newer")
    too_long(client, change % f"{events} }} b: case {{ {events}", id=case, input="Newer")
    assert client.run("query ($id: ID!) { case(id: $id) { title version } }", id=case) == {
        "case": {"title": "New", "version": 2}
    }


def test_changes_that_were_made_before_one_with_too_long_an_answer_stay(curt: Server) -> None:
    client = curt.client()
    case = client.create_case()
    for _ in range(6):
        client.create_event(case, description="d" * 9_900)
    payload = "{ case { title events { nodes { description } } } }"
    changes = " ".join(f'{name}: updateCase(input: {{id: "{case}", title: "{name}"}}) {payload}' for name in "abc")
    answer = client.post(f"mutation {{ {changes} }}").json()
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error["path"] == ["b"]
    made = error["extensions"].pop("made")
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": "answerBytes", "maximum": MOST}
    assert [(key, each["case"]["title"]) for key, each in made.items()] == [("a", "a")]
    assert client.run("query ($id: ID!) { case(id: $id) { title } }", id=case) == {"case": {"title": "a"}}


# What is kept


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_of_documents_is_bounded_by_its_size(
    kind: str, new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 500_000
    monkeypatch.setattr("app.execution.documents._BYTES_KEPT", most)
    with serving(kind, new_database(kind)) as server, asyncio.Runner() as runner, opened(server, runner) as documents:
        viewer = Viewer("00000000-0000-7000-8000-000000000000", frozenset())
        before = documents.weight
        for number in range(8):
            document = wide(f"node(id: {number}) {{ id }}", 18)
            grown = documents.weight
            runner.run(documents.run(runner.run(documents.operation(document, None, viewer.id)), {}, viewer))
            # The plan of such a document weighs more than the document.
            assert number > 1 or documents.weight - grown > 150 * len(document)
            assert before < documents.weight <= most


# The counting


FREE = Limits(**dict.fromkeys(Limits.__slots__, 10**9))
SIZES = {"": 50, "(first: 1)": 1, "(last: 2)": 2, "(first: 7)": 7}
# What can be asked of each type: fields without anything below, and those that lead to another type.
LEAVES = {
    "Query": ["__typename"],
    "CaseConnection": ["totalCount", "__typename"],
    "EventConnection": ["totalCount"],
    "Case": ["id", "title", "viewerRole"],
    "Event": ["id", "title"],
    "User": ["id", "name"],
}
BRANCHES = {
    "Query": [("viewer", "User"), ("cases", "CaseConnection")],
    "CaseConnection": [("nodes", "Case")],
    "EventConnection": [("nodes", "Event")],
    "Case": [("events", "EventConnection"), ("createdBy", "User")],
    "Event": [("case", "Case"), ("updatedBy", "User")],
    "User": [],
}
FRAGMENTS = 3


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return a valid document with fragments of each type, each of which spreads those behind it only."""
    aliases = iter(range(1_000_000))

    def selections(type_: str, below: int, deep: int) -> str:
        made = []
        for _ in range(draw(st.integers(1, 3))):
            kind = draw(st.integers(0, 3))
            if kind == 0 and below < FRAGMENTS:
                made.append(f"...{type_}{draw(st.integers(below, FRAGMENTS - 1))}")
            elif kind == 1 and deep > 0:
                made.append(f"... on {type_} {{ {selections(type_, below, deep - 1)} }}")
            elif kind == 2 and deep > 0 and BRANCHES[type_]:
                name, target = draw(st.sampled_from(BRANCHES[type_]))
                size = draw(st.sampled_from(list(SIZES))) if target.endswith("Connection") else ""
                made.append(f"a{next(aliases)}: {name}{size} {{ {selections(target, below, deep - 1)} }}")
            else:
                made.append(draw(st.sampled_from(LEAVES[type_])))
        return " ".join(made)

    operation = f"query {{ {selections('Query', 0, 5)} }}"
    fragments = [
        f"fragment {type_}{place} on {type_} {{ {selections(type_, place + 1, 2)} }}"
        for type_ in LEAVES
        for place in range(FRAGMENTS)
    ]
    return "\n".join((operation, *fragments))


class Naive:
    """Counts an operation the long way: every fragment is walked again wherever it is spread."""

    def __init__(self, text: str) -> None:
        definitions = parse(text).definitions
        self._fragments = {item.name.value: item for item in definitions if isinstance(item, FragmentDefinitionNode)}
        (operation,) = (item for item in definitions if isinstance(item, OperationDefinitionNode))
        self.fields, self.depth = self._expanded(operation.selection_set)
        # Fragments that nothing spreads are counted like operations; all others are counted where they are spread.
        for name, fragment in self._fragments.items():
            if f"...{name}" not in text:
                fields, depth = self._expanded(fragment.selection_set)
                self.fields, self.depth = self.fields + fields, max(self.depth, depth)
        self.objects = self._objects(self._merged([operation.selection_set]), 1, 0)

    def _expanded(self, selection_set: Any) -> tuple[int, int]:
        fields, deepest = 0, 0
        for selection in selection_set.selections:
            fields += 1
            inner, depth = 0, 0
            if isinstance(selection, FragmentSpreadNode):
                inner, depth = self._expanded(self._fragments[selection.name.value].selection_set)
            elif selection.selection_set is not None:
                inner, depth = self._expanded(selection.selection_set)
            if isinstance(selection, FieldNode):
                depth += 1
            fields, deepest = fields + inner, max(deepest, depth)
        return fields, deepest

    def _merged(self, selection_sets: list[Any]) -> dict[str, list[FieldNode]]:
        merged: dict[str, list[FieldNode]] = {}
        for selection_set in selection_sets:
            for selection in selection_set.selections:
                if isinstance(selection, FieldNode):
                    found = {(selection.alias or selection.name).value: [selection]}
                elif isinstance(selection, FragmentSpreadNode):
                    found = self._merged([self._fragments[selection.name.value].selection_set])
                else:
                    found = self._merged([selection.selection_set])
                for key, nodes in found.items():
                    # The same node may come by two ways; it is one field.
                    known = merged.setdefault(key, [])
                    known += [node for node in nodes if not any(node is other for other in known)]
        return merged

    def _objects(self, merged: dict[str, list[FieldNode]], times: int, page: int) -> int:
        total = 0
        for nodes in merged.values():
            inner = self._merged([node.selection_set for node in nodes if node.selection_set])
            name, each, size = nodes[0].name.value, times, 0
            if name in {"cases", "events"}:
                arguments: Any = nodes[0].arguments or ()
                size = max([int(argument.value.value) for argument in arguments] or [50])
            elif name == "nodes":
                each = times * page
                total += each
            total += self._objects(inner, each, size)
        return total


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts())
def test_one_pass_counts_what_a_full_expansion_counts(text: str) -> None:
    measured = measure(parse(text), executable(), FREE)
    naive = Naive(text)
    assert (measured.figures["fields"], measured.operations[0].objects.count({})) == (naive.fields, naive.objects)
    for name, counted in (("max_fields", naive.fields), ("max_depth", naive.depth), ("max_objects", naive.objects)):
        limits, tighter = (replace(FREE, **{name: most}) for most in (counted, counted - 1))
        measure(parse(text), executable(), limits).check(limits)
        with pytest.raises(RequestRefused) as refused:
            measure(parse(text), executable(), tighter).check(tighter)
        if counted:
            assert refused.value.faults[0].details["asked"] == counted


@given(
    st.lists(st.sampled_from(['"', '""', '"""', "\\", '\\"', "\n", "#", "a", "1", "-", ".", "...", "{", "}", "é", " "]))
)
def test_scanning_counts_the_tokens_that_parsing_reads(parts: list[str]) -> None:
    text = "".join(parts)
    tokens = tokens_of(text)
    if tokens is not None:
        scan(text, replace(FREE, max_tokens=tokens))
        if tokens:
            with pytest.raises(RequestRefused):
                scan(text, replace(FREE, max_tokens=tokens - 1))


def tokens_of(text: str) -> int | None:
    """Return how many tokens graphql-core reads in a text, comments aside; None when it is no GraphQL."""
    lexer = Lexer(Source(text))
    count = 0
    try:
        while lexer.advance().kind is not TokenKind.EOF:
            count += 1
    except GraphQLSyntaxError:
        return None
    return count
