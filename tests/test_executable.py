"""Strawberry's own `execute` answers as the endpoint does, and a schema may have ordinary resolvers."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import strawberry

from app.db import Database, models, open_database
from app.db.models import CaseStatus
from app.execution.context import Context
from app.execution.documents import Documents
from app.identity import OURSELVES, Identity
from app.reading.nouns import Noun, Reference
from app.resolvers import cases
from app.resolvers.users import Users
from app.schema import made, schema
from app.schema.case import CaseOrder, CreateCaseInput
from app.schema.fields import field, lookup, noun, object_type
from app.schema.nodes import Node
from app.schema.pages import listed, pages_of
from app.schema.payloads import change, row
from app.schema.scalars import DateTime
from app.schema.user import User
from tests.server import Client, Server


async def opened(server: Server, client: Client) -> tuple[Database, Context]:
    """Return the server's database and a client as a context."""
    database = await open_database(server.settings)
    identity = Identity(OURSELVES, client.subject, None, None, frozenset(), 0.0, (0.0, 0.0))
    return database, Context(database, await Users(database).viewer(identity))


TREE = """
query ($id: ID!, $first: Int = 2, $no: Boolean = false) {
  viewer { subject }
  __typename
  mine: case(id: $id) {
    __typename name: title status viewerRole createdAt
    events(first: $first, orderBy: [OCCURRED_AT_DESC]) {
      totalCount
      pageInfo { hasNextPage endCursor }
      edges { cursor node { ...event fileBatches { nodes { label event { case { number } } } } } }
    }
    members { user { subject } role expiresAt }
  }
  node(id: $id) { __typename id ... on Case { reference } ... on Event { title } }
  nodes(ids: [$id, "no id"]) { id __typename }
  cases(where: {status: [OPEN], text: "tree"}) { nodes { id } totalCount @skip(if: $no) }
  none: case(id: "00000000-0000-7000-8000-000000000000") { id }
}
fragment event on Event { title occurredAt createdBy { ...user } }
fragment user on User { id subject name }
"""
CHANGES = """
mutation ($case: ID!, $late: Int!) {
  first: createEvent(input: {caseId: $case, title: "Later", occurredAt: "2026-05-01T00:00:00Z"}) {
    __typename event { title case { title events { totalCount } } } errors { message }
  }
  second: updateCase(input: {id: $case, expectedVersion: $late, title: "No"}) {
    case { title }
    errors { __typename code message path ... on ConflictError { currentVersion current { __typename id } } }
  }
  third: createEvent(input: {caseId: $case, title: " ", occurredAt: "2026-05-01T00:00:00Z"}) {
    event { id } errors { code path }
  }
}
"""


@pytest.fixture
def case(alice: Client) -> str:
    created = alice.change("createCase", "case { id }", title="A tree")["case"]["id"]
    for day in range(1, 4):
        event = alice.change(
            "createEvent", "event { id }", caseId=created, title=f"Day {day}", occurredAt=f"2026-03-0{day}T00:00:00Z"
        )["event"]["id"]
        alice.change("createFileBatch", "errors { code }", caseId=created, eventId=event, label=f"Batch {day}")
    return str(created)


def executed(server: Server, client: Client, document: str, variables: dict[str, Any]) -> Any:
    async def run() -> Any:
        database, context = await opened(server, client)
        try:
            return await schema().execute(document, variables, context)
        finally:
            await database.close()

    return asyncio.run(run())


def test_a_query_is_executed_as_the_endpoint_answers_it(server: Server, alice: Client, case: str) -> None:
    result = executed(server, alice, TREE, {"id": case})
    assert result.errors is None
    assert json.dumps(result.data) == json.dumps(alice.run(TREE, id=case))


def test_a_query_that_asks_for_the_schema_too_is_executed(server: Server, alice: Client, case: str) -> None:
    document = TREE.replace("viewer {", '__type(name: "Case") { name fields { name } } viewer {')
    result = executed(server, alice, document, {"id": case})
    assert result.errors is None
    assert json.dumps(result.data) == json.dumps(alice.run(document, id=case))


def test_changes_are_executed_as_the_endpoint_makes_them(server: Server, alice: Client, case: str) -> None:
    other = alice.change("createCase", "case { id }", title="A tree")["case"]["id"]
    result = executed(server, alice, CHANGES, {"case": case, "late": 7})
    assert result.errors is None
    answer = alice.run(CHANGES, case=other, late=7)
    expected = json.loads(json.dumps(answer).replace(str(other), case))
    expected["first"]["event"]["case"]["events"]["totalCount"] = 4
    assert result.data == expected
    assert result.data["second"]["errors"][0]["current"] == {"__typename": "Case", "id": case}


def test_what_is_refused_is_an_error(server: Server, alice: Client) -> None:
    result = executed(server, alice, "{ cases(first: 0) { totalCount } }", {})
    assert result.data is None
    assert [error.message for error in result.errors] == ["`first` must be from 1 to 100, not 0"]


@noun(Noun(models.Case))
class Case(Node):
    """A case with what SQL can't say of it."""

    title: str
    status: CaseStatus
    created_at: DateTime
    author: User = field(Reference("created_by"), "Who made it.")

    @strawberry.field(description="The title, loud.")  # type: ignore[untyped-decorator]
    def loud(self, mark: str = "!") -> str:
        return self.title.upper() + mark

    @strawberry.field(description="What is known of it, after a while.")  # type: ignore[untyped-decorator]
    async def summary(self, info: strawberry.Info) -> str:
        await asyncio.sleep(0)
        assert isinstance(self.status, CaseStatus)
        assert isinstance(self.created_at, datetime)
        return f"{self.status.value} since {self.created_at:%Y} for {len(info.context.viewer.id)}"

    @strawberry.field(description="Always fails.")  # type: ignore[untyped-decorator]
    def broken(self) -> str | None:
        raise ValueError("a secret")


CaseConnection = pages_of(Case, "case", "cases", short="case")


@object_type
class Query:
    """Reads."""

    case = lookup(Case, "A case.", id=("id", "Its id."))
    cases = listed(CaseConnection, "Cases.", order=CaseOrder, default=CaseOrder.CREATED_AT_ASC)

    @strawberry.field(description="Nothing of the database's.")  # type: ignore[untyped-decorator]
    async def answer(self) -> int:
        return 42


@object_type
class Mutation:
    """Changes."""

    create_case = change(cases.create, CreateCaseInput, "What.", case=row(Case, "The case"))


OWN = made(Query, Mutation, [User])
MIXED = """
query ($id: ID!) {
  answer
  case(id: $id) { a: loud(mark: "?") loud title author { subject } ...more }
  cases(first: 1) { totalCount nodes { __typename loud } edges { node { id summary } } }
}
fragment more on Case { summary status __typename }
"""


async def answer(server: Server, client: Client, document: str, variables: dict[str, Any]) -> tuple[Any, Any]:
    """Return what the endpoint would answer, and what Strawberry does."""
    database, context = await opened(server, client)
    try:
        documents = Documents(server.settings, database, OWN._schema)  # noqa: SLF001 - Strawberry has no name for it
        operation = await documents.operation(document, None, "user")
        endpoint = await documents.run(operation, variables, context.viewer)
        executed = await OWN.execute(document, variables, context)
        return json.loads(endpoint.body), executed
    finally:
        await database.close()


def test_ordinary_resolvers_are_mixed_with_what_is_read(server: Server, alice: Client, case: str) -> None:
    response, executed = asyncio.run(answer(server, alice, MIXED, {"id": case}))
    summary = f"OPEN since {datetime.now(UTC):%Y} for 36"
    assert response == {
        "data": {
            "answer": 42,
            "case": {
                "a": "A TREE?",
                "loud": "A TREE!",
                "title": "A tree",
                "author": {"subject": alice.subject},
                "summary": summary,
                "status": "OPEN",
                "__typename": "Case",
            },
            "cases": {
                "totalCount": 1,
                "nodes": [{"__typename": "Case", "loud": "A TREE!"}],
                "edges": [{"node": {"id": case, "summary": summary}}],
            },
        }
    }
    assert (executed.errors, executed.data) == (None, response["data"])


def test_a_document_of_resolvers_alone_is_answered(server: Server, alice: Client) -> None:
    response, executed = asyncio.run(answer(server, alice, "{ answer }", {}))
    assert response == {"data": {"answer": 42}} == {"data": executed.data}


def test_a_resolver_that_fails_tells_nothing_and_stops_nothing(server: Server, alice: Client, case: str) -> None:
    document = "query ($id: ID!) { case(id: $id) { title broken loud } }"
    response, _ = asyncio.run(answer(server, alice, document, {"id": case}))
    assert response["data"] == {"case": {"title": "A tree", "broken": None, "loud": "A TREE!"}}
    (error,) = response["errors"]
    assert error["path"] == ["case", "broken"]
    assert error["extensions"]["code"] == "INTERNAL_ERROR"
    assert "secret" not in json.dumps(response)


def test_the_answer_to_a_change_may_have_resolvers(server: Server, alice: Client) -> None:
    document = """
    mutation ($input: CreateCaseInput!) { __typename createCase(input: $input) { case { loud } errors { code } } }
    """
    response, _ = asyncio.run(answer(server, alice, document, {"input": {"title": "New"}}))
    assert response == {"data": {"__typename": "Mutation", "createCase": {"case": {"loud": "NEW!"}, "errors": []}}}
    response, _ = asyncio.run(answer(server, alice, document, {"input": {"title": ""}}))
    assert response["data"]["createCase"] == {"case": None, "errors": [{"code": "INVALID_INPUT"}]}


def test_documents_without_resolvers_are_not_walked(server: Server, alice: Client, case: str) -> None:
    async def run() -> bytes:
        database, context = await opened(server, alice)
        try:
            documents = Documents(server.settings, database, OWN._schema)  # noqa: SLF001 - Strawberry has no name for it
            operation = await documents.operation("query ($id: ID!) { case(id: $id) { title } }", None, "user")
            assert not operation.is_walked
            return (await documents.run(operation, {"id": case}, context.viewer)).body
        finally:
            await database.close()

    assert asyncio.run(run()) == b'{"data":{"case":{"title":"A tree"}}}'
