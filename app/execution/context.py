"""A viewer as the context in which graphql-core executes a document, Strawberry's `Schema.execute` among others.

What a document asks of Dossier's own is read, or changed, as the endpoint does it: one statement for all root fields of
a query, one change after the other. It is done when the first root field asks for it, and the others take theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from graphql import GraphQLResolveInfo, GraphQLSchema, OperationDefinitionNode, OperationType
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from app.db import Database
from app.ownership import Viewer
from app.reading.nouns import Resolved, TypeName
from app.reading.payloads import Payload, Payloads
from app.reading.selections import Field, Request, collect
from app.reading.streams import plan_query
from app.resolvers.changes import Change, make
from app.values import now


class Context:
    """Answers root fields for a viewer. `info.context.viewer` is who asks, for ordinary resolvers."""

    def __init__(self, database: Database, viewer: Viewer) -> None:
        self.viewer = viewer
        self._database = database
        self._answers: dict[int, asyncio.Task[dict[str, Any]]] = {}

    async def answers(self, info: GraphQLResolveInfo[Any]) -> dict[str, Any]:
        """Return the values of an operation's root fields, by response name. Raises what reading and changing do."""
        answers = self._answers.get(id(info.operation))
        if answers is None:
            request = Request(info.schema, info.fragments, _variables(info))
            answer = self._read if info.operation.operation is OperationType.QUERY else self._change
            answers = self._answers[id(info.operation)] = asyncio.create_task(
                answer(request, own_fields(request, info.operation))
            )
        return await answers

    async def _read(self, request: Request, fields: Sequence[Field]) -> dict[str, Any]:
        plan = plan_query(self._database, self.viewer, fields, marked=True)
        values = plan.values(request.variables, self.viewer, now(), self._database.bind)
        (data,) = await self._database.read(plan.statement, values, self.viewer.id)
        answers: dict[str, Any] = orjson.loads(data or b"{}")
        return answers

    async def _change(self, request: Request, fields: Sequence[Field]) -> dict[str, Any]:
        payloads = payloads_of(self._database, self.viewer, fields, marked=True)
        payloads.check(request.variables)
        answers: dict[str, Any] = {}
        for key, payload in payloads.items():
            assert isinstance(payload, Payload)  # noqa: S101 - names of types are left out of `own_fields`
            room = self._database.longest
            values, _ = await make(change_of(payload), self._database, self.viewer, payload, request.variables, room)
            answers[key] = orjson.loads(orjson.dumps(values))
        return answers


def _variables(info: GraphQLResolveInfo[Any]) -> VariableValues:
    """Return the values of the variables; Strawberry hands on the coerced ones alone."""
    given: Any = info.variable_values
    if isinstance(given, VariableValues):
        return given
    sources = {}
    for definition in info.operation.variable_definitions or ():
        signature = get_variable_signature(info.schema, definition)
        if isinstance(signature, GraphQLVariableSignature) and signature.name in given:
            sources[signature.name] = VariableValueSource(signature, given[signature.name])
    return VariableValues(sources, given)


def root_fields(request: Request, operation: OperationDefinitionNode) -> list[Field]:
    """Return the fields that an operation asks of its root type."""
    return collect(request, root_type(request.schema, operation), [operation.selection_set])


def own_fields(request: Request, operation: OperationDefinitionNode) -> list[Field]:
    """Return the root fields that lead to something of Dossier's: graphql-core says itself of which types it walks."""
    return [
        field
        for field in root_fields(request, operation)
        if not field.name.startswith("__") and not isinstance(field.lead, Resolved | TypeName)
    ]


def root_type(schema: GraphQLSchema, operation: OperationDefinitionNode) -> Any:
    """Return the type that an operation begins at; validation has seen to it that there is one."""
    return schema.get_root_type(operation.operation)


def payloads_of(database: Database, viewer: Viewer, fields: Sequence[Field], *, marked: bool = False) -> Payloads:
    """Return what is asked of each mutation's payload. Raises RequestRefused for arguments out of bounds."""
    return Payloads(
        (
            field.key,
            field.parent.name if isinstance(field.lead, TypeName) else Payload(field, database, viewer, marked=marked),
        )
        for field in fields
    )


def change_of(payload: Payload) -> Change:
    """Return the change that a mutation leads to."""
    assert isinstance(payload.lead, Change)  # noqa: S101 - the schema doesn't start with a mutation that is none
    return payload.lead
