"""Running documents: parsed and validated once, then read by one statement or walked by graphql-core.

Whatever is Dossier's own is answered with the text that the database wrote. A query that asks for the schema
as well goes through graphql-core, from the same reads.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    execute_sync,
    get_variable_values,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.execution.values import VariableValues

from app.db import Database, Row
from app.errors import DeadlineExceeded, RequestFault, RequestRefused
from app.resolvers.changes import change
from app.resolvers.mutations import WORKS
from app.resolvers.ownership import Viewer
from app.resolvers.payloads import Payload
from app.resolvers.reads import Shapes, read, shape_of
from app.resolvers.selections import Field, Request, collect
from app.resolvers.statements import Plan
from app.schema import executable
from app.settings import Settings
from app.values import printable

_log = logging.getLogger("dossier")

_CHARACTERS_KEPT = 500_000  # of all documents that are kept; parsed, a character takes some 110 bytes
_LONGEST_KEPT = 20_000  # a longer document is parsed anew each time
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
    introspects: bool
    plans: Shapes[Plan] = field(default_factory=Shapes)
    payloads: Shapes[dict[str, Payload | None]] = field(default_factory=Shapes)

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
        self._suggestions = settings.suggestions
        self._rules = [
            *specified_rules,
            *([] if settings.introspection else [NoSchemaIntrospectionCustomRule]),
        ]
        self._known: OrderedDict[str, tuple[Operation, ...]] = OrderedDict()
        self._characters = 0

    def operation(self, text: str, name: str | None) -> Operation:
        """Return the operation of a document that is asked for. Raises RequestRefused."""
        operations = self._known.get(text)
        if operations is None:
            operations = self._operations(text)
            if len(text) <= _LONGEST_KEPT:
                self._keep(text, operations)
        else:
            self._known.move_to_end(text)
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

    def _keep(self, text: str, operations: tuple[Operation, ...]) -> None:
        self._known[text] = operations
        self._characters += len(text)
        while self._characters > _CHARACTERS_KEPT:
            forgotten, _ = self._known.popitem(last=False)
            self._characters -= len(forgotten)

    async def run(self, operation: Operation, inputs: dict[str, Any], viewer: Viewer) -> Answer:
        """Run an operation with the values of its variables."""
        try:
            request = Request(self._schema, operation.fragments, self._variables(operation, inputs))
            if operation.is_query:
                return await self._query(operation, request, inputs, viewer)
            return await self._mutation(operation, request, viewer)
        except RequestRefused as refused:
            return refusal(refused)
        except GraphQLError as error:
            # What can only be told when the variables are known, such as null for the `if` of a directive.
            return refusal(_refused([error], "INVALID_INPUT"))
        except DeadlineExceeded as error:
            fault = {"message": str(error), "extensions": {"code": "DEADLINE_EXCEEDED"}}
            return Answer(orjson.dumps({"data": None, "errors": [fault]}))
        except Exception as error:  # noqa: BLE001 - whatever it is, the client learns an id and the log the rest
            return Answer(orjson.dumps({"data": None, "errors": [masked(error)]}))

    async def _query(self, operation: Operation, request: Request, inputs: dict[str, Any], viewer: Viewer) -> Answer:
        plan, row = await read(
            self._database,
            viewer,
            request,
            operation.plans,
            lambda: _own_fields(operation, request),
            marked=operation.introspects,
        )
        body = _response(plan.columns, row)
        if not operation.introspects:
            return Answer(body)
        result = execute_sync(
            self._schema,
            operation.document,
            root_value=orjson.loads(body)["data"],
            variable_values=inputs,
            operation_name=operation.name,
        )
        if result.errors:
            raise RuntimeError("graphql-core can't walk what was read") from result.errors[0]
        return Answer(orjson.dumps({"data": result.data}))

    async def _mutation(self, operation: Operation, request: Request, viewer: Viewer) -> Answer:
        # Every argument of every payload is checked before the first change is made.
        shape = viewer.roles, shape_of(request.variables.coerced)
        payloads = operation.payloads.get(shape, lambda: self._payloads(operation, request, viewer))
        for payload in payloads.values():
            if payload is not None:
                payload.check(request.variables)
        data: dict[str, Any] = {}
        for key, payload in payloads.items():
            data[key] = "Mutation" if payload is None else await self._change(payload, request, viewer)
        return Answer(orjson.dumps({"data": data}))

    async def _change(self, payload: Payload, request: Request, viewer: Viewer) -> dict[str, Any]:
        return await change(self._database, viewer, WORKS[payload.mutation], payload, request.variables)

    def _payloads(self, operation: Operation, request: Request, viewer: Viewer) -> dict[str, Payload | None]:
        fields = collect(request, "Mutation", [operation.node.selection_set])
        return {
            field.key: None if field.name == "__typename" else Payload(field, self._database.dialect, viewer)
            for field in fields
        }

    def _operations(self, text: str) -> tuple[Operation, ...]:
        try:
            document = parse(text, max_tokens=self._max_tokens)
        except GraphQLError as error:
            raise _refused([error], "GRAPHQL_PARSE_FAILED") from None
        except RecursionError:
            fault = RequestFault("the document is nested too deep", "GRAPHQL_PARSE_FAILED")
            raise RequestRefused(fault) from None
        errors = validate(self._schema, document, self._rules, hide_suggestions=not self._suggestions)
        if errors:
            raise _refused(errors, "GRAPHQL_VALIDATION_FAILED")
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        return tuple(
            Operation(self._schema, document, definition, fragments, _introspects(document))
            for definition in document.definitions
            if isinstance(definition, OperationDefinitionNode)
        )

    def _variables(self, operation: Operation, inputs: dict[str, Any]) -> VariableValues:
        values = get_variable_values(
            self._schema,
            operation.node.variable_definitions or (),
            inputs,
            _MAX_VARIABLE_ERRORS,
            hide_suggestions=not self._suggestions,
        )
        if isinstance(values, list):
            raise _refused(values, "INVALID_INPUT")
        return values


def refusal(refused: RequestRefused) -> Answer:
    """Return the response to a request that never began to run."""
    errors = []
    for fault in refused.faults:
        error: dict[str, Any] = {"message": printable(fault.message)}
        if fault.locations:
            error["locations"] = [{"line": line, "column": column} for line, column in fault.locations]
        if fault.path:
            error["path"] = fault.path
        extensions = {"code": fault.code}
        if fault.argument:
            extensions["argument"] = ".".join(fault.argument)
        errors.append(error | {"extensions": extensions})
    return Answer(orjson.dumps({"errors": errors}), refused=True)


def _own_fields(operation: Operation, request: Request) -> list[Field]:
    fields = collect(request, "Query", [operation.node.selection_set])
    # What graphql-core walks it says the types of itself.
    return [field for field in fields if not (operation.introspects and field.name.startswith("__"))]


def _introspects(document: DocumentNode) -> bool:
    class Introspection(Visitor):
        found = False

        def enter_field(self, node: FieldNode, *_: Any) -> None:
            if node.name.value in {"__schema", "__type"}:
                self.found = True

    visitor = Introspection()
    visit(document, visitor)
    return visitor.found


def _response(keys: Sequence[str], row: Row) -> bytes:
    # Joined once: an answer can be long.
    parts = [b'{"data":{']
    for key, value in zip(keys, row, strict=True):
        parts += [b'"' if len(parts) == 1 else b',"', key.encode(), b'":', value or b"null"]
    parts.append(b"}}")
    return b"".join(parts)


def _refused(errors: Sequence[GraphQLError], code: str) -> RequestRefused:
    return RequestRefused(
        *(
            RequestFault(
                error.message,
                code,
                locations=tuple((place.line, place.column) for place in error.locations or ()),
            )
            for error in errors
        )
    )


def masked(error: BaseException) -> dict[str, Any]:
    """Log an error that nobody foresaw; return what the client may learn of it.

    Neither learns what its text says: the text of a database's error quotes what was to be written.
    """
    name = secrets.token_hex(8)
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("unexpected error %s: %s %s\n%s", name, type(error).__qualname__, state or "", frames.rstrip())
    return {
        "message": f"something went wrong on the server; its log has the reason under {name}",
        "extensions": {"code": "INTERNAL_ERROR", "id": name},
    }
