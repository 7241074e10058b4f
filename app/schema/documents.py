"""Running documents: parsed and validated once, then read by one statement or walked by graphql-core.

A query whose root fields are all Dossier's own is answered with the text that the database wrote. Whatever
else a document can hold (mutations, introspection) goes through graphql-core, from the same reads.
"""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_variable_values,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import VariableValues

from app.db import Database, Row
from app.errors import RequestFault, RequestRefused
from app.resolvers.ownership import Viewer
from app.resolvers.payloads import Payload
from app.resolvers.reads import Shapes, read, shape_of
from app.resolvers.selections import Field, Request, collect
from app.resolvers.statements import Plan
from app.schema import executable
from app.schema.context import Context
from app.settings import Settings
from app.values import printable

_log = logging.getLogger("dossier")

_DOCUMENTS_KEPT = 500
_LONGEST_KEPT = 20_000  # characters; a longer document is parsed anew each time
_MAX_VARIABLE_ERRORS = 50


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON of a response; `refused` when the request never began to run."""

    body: bytes
    refused: bool = False


@dataclass(frozen=True)
class Operation:
    """One operation of a document, with what was worked out for it."""

    schema: GraphQLSchema
    document: DocumentNode
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    plans: Shapes[Plan] = field(default_factory=Shapes)
    payloads: Shapes[dict[str | int, Payload]] = field(default_factory=Shapes)

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.node.operation is OperationType.QUERY

    @property
    def name(self) -> str | None:
        """Its name, if it has one."""
        return self.node.name.value if self.node.name else None


class Documents:
    """Runs the documents of clients against a database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._schema = executable()
        self._database = database
        self._max_tokens = settings.max_tokens
        self._rules = [*specified_rules, *([] if settings.introspection else [NoSchemaIntrospectionCustomRule])]
        self._known: OrderedDict[str, tuple[Operation, ...]] = OrderedDict()

    def operation(self, text: str, name: str | None) -> Operation:
        """Return the operation of a document that is asked for. Raises RequestRefused."""
        operations = self._known.get(text)
        if operations is None:
            operations = self._operations(text)
            if len(text) <= _LONGEST_KEPT:
                self._known[text] = operations
                if len(self._known) > _DOCUMENTS_KEPT:
                    self._known.popitem(last=False)
        if name is None and len(operations) == 1:
            return operations[0]
        for operation in operations:
            if name is not None and operation.name == name:
                return operation
        message = (
            "the document has several operations; name one in `operationName`"
            if name is None
            else f"the document has no operation named {printable(name)}"
        )
        raise RequestRefused(RequestFault(message, "OPERATION_RESOLUTION_FAILURE"))

    async def run(self, operation: Operation, inputs: dict[str, Any], viewer: Viewer) -> Answer:
        """Run an operation with the values of its variables."""
        try:
            request = Request(self._schema, operation.fragments, self._variables(operation, inputs))
            if operation.is_query:
                return await self._query(operation, request, inputs, viewer)
            return await self._mutation(operation, request, inputs, viewer)
        except RequestRefused as refused:
            return refusal(refused)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client learns an id and the log the rest
            return Answer(_envelope(None, [_masked(error)]))

    async def _query(
        self, operation: Operation, request: Request, inputs: dict[str, Any], viewer: Viewer
    ) -> Answer:
        introspects = operation.introspects
        plan, row = await self._read(operation, request, viewer, marked=introspects)
        if not introspects:
            return Answer(b'{"data":' + _object(plan.columns, row) + b"}")
        tree = orjson.loads(_object(plan.columns, row))
        return _answer(await self._execute(operation, inputs, tree, None))

    def _variables(self, operation: Operation, inputs: dict[str, Any]) -> VariableValues:
        ...


def refusal(refused: RequestRefused) -> Answer:
    """Return the response to a request that never began to run."""
    return Answer(_envelope(..., [_fault(fault) for fault in refused.faults]), refused=True)
