"""Running documents: parsed and validated once, then read by one statement or walked by graphql-core.

Whatever is Dossier's own is answered with the text that the database wrote. A document that asks for the schema as
well, or for what ordinary resolvers make, goes through graphql-core, from the same reads.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from inspect import isawaitable
from typing import Any, TypeVar

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_variable_values,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from app.db import Database, Readable
from app.errors import (
    AnswerTooLarge,
    DeadlineExceeded,
    JournalBroken,
    RequestFault,
    RequestRefused,
    Unavailable,
    UnknownOutcome,
)
from app.execution.context import Context, change_of, own_fields, payloads_of, root_fields
from app.execution.expansion import Objects
from app.execution.faults import (
    INVALID_DOCUMENT,
    MAX_ERRORS,
    MAX_VARIABLE_ERRORS,
    Answer,
    Outages,
    Text,
    discreet,
    failed,
    in_json,
    late,
    masked,
    refusal,
    refused,
    unfinished,
)
from app.execution.limits import check_values
from app.execution.measuring import measure
from app.execution.samples import samples
from app.execution.scanning import scan
from app.ownership import Viewer
from app.reading.payloads import Payload, Payloads
from app.reading.plans import Plan
from app.reading.reads import Shapes, at_once, read, shape_of
from app.reading.selections import Field, Request
from app.reading.streams import plan_query
from app.record.broken import BrokenJournals
from app.resolvers.changes import make
from app.schema import executable
from app.settings import Settings
from app.shares import Shares, User
from app.values import printable

T = TypeVar("T")

# Of all documents that are kept, with what was worked out for them. Python's collector looks at all of it in one
# go now and then, which takes some 30 ms for so much.
_BYTES_KEPT = 32_000_000
_BYTES_A_CHARACTER = 110  # of a document, parsed
_LONGEST_KEPT = 20_000  # characters; a longer document is parsed anew each time
# A document with more is worked out in a thread, so that nobody else waits for it.
_FIELDS_IN_LOOP = 60
_READS_IN_LOOP = 8
# Beside the schema an answer is made of Python's objects, which take several times the room of their JSON.
_WALKED = 8
_CURSORS = (("after",), ("before",))
_NOBODY = Viewer("", frozenset())  # has no role that spares a condition


@dataclass(frozen=True)
class Operation:
    """One operation of a document, with what was worked out for it."""

    schema: GraphQLSchema
    text: str
    document: DocumentNode
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    introspects: bool
    has_resolvers: bool
    objects: Objects
    is_large: bool
    figures: Mapping[str, int]  # of its document, by the names of the limits
    plans: Shapes[Plan] = field(default_factory=Shapes)
    payloads: Shapes[Payloads] = field(default_factory=Shapes)

    @property
    def is_query(self) -> bool:
        """Whether it only reads."""
        return self.node.operation is OperationType.QUERY

    @cached_property
    def texts(self) -> Mapping[str, GraphQLVariableSignature]:
        """The signatures of its variables, if all of them are required ids or texts."""
        signatures = {}
        for definition in self.node.variable_definitions or ():
            signature = get_variable_signature(self.schema, definition)
            if isinstance(signature, GraphQLError) or str(signature.type) not in {"ID!", "String!"}:
                return {}
            if definition.default_value is not None:
                return {}
            signatures[signature.name] = signature
        return signatures

    @property
    def is_walked(self) -> bool:
        """Whether graphql-core has to walk what was read."""
        return self.introspects or self.has_resolvers

    @property
    def name(self) -> str | None:
        """Its name, if it has one."""
        return self.node.name.value if self.node.name else None

    @property
    def weight(self) -> int:
        """How many bytes what was worked out for it takes, more or less."""
        return self.plans.weight + self.payloads.weight


@dataclass(frozen=True, slots=True)
class Explained:
    """An operation as it would be run: what the limits count of its document, its root fields, its statements."""

    name: str | None
    figures: Mapping[str, int]
    fields: Sequence[Field]
    statements: Sequence[str]


class Documents:
    """Runs the documents of clients against a database."""

    def __init__(self, settings: Settings, database: Database, schema: GraphQLSchema | None = None) -> None:
        """Take the schema to run them against; Dossier's own, unless another one is given."""
        self._schema = schema or executable()
        self.database = database
        self._limits = settings.limits
        self._longest = settings.max_answer_bytes
        self._suggestions = settings.suggestions
        self._introspection = settings.introspection
        self._known: OrderedDict[str, tuple[Operation, ...]] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._bytes = 0
        self._turns = Shares(1)
        self.outages = Outages()
        self.broken = BrokenJournals()

    @property
    def weight(self) -> int:
        """How many bytes all that is kept takes, more or less."""
        return self._bytes

    async def operation(self, text: str, name: str | None, user: User) -> Operation:
        """Return the operation of a document that a user asks for. Raises RequestRefused."""
        operations = self._known.get(text)
        if operations is None:
            # Others may have asked for it meanwhile.
            operations = await self._in_turn(user, lambda: self._known.get(text) or self._operations(text))
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

    def faults(self, text: str) -> tuple[RequestFault, ...]:
        """Return what keeps a document from being run, as far as it shows without values for its variables."""
        try:
            operations = self._operations(text)
        except RequestRefused as refused:
            return refused.faults
        found: list[RequestFault] = []
        for operation in operations:
            for flag in (True, False):
                try:
                    self._plan(operation, samples(self._schema, operation.node.variable_definitions or (), flag=flag))
                except RequestRefused as refused:
                    # A cursor comes with an answer; the one among the samples says nothing.
                    found += (each for each in refused.faults if each.argument not in _CURSORS and each not in found)
        return tuple(found)

    def explained(self, text: str, inputs: Mapping[str, Any] | None) -> Iterator[Explained]:
        """Yield each operation of a document as a database's administrator would run it, with values for its variables.

        Where `inputs` is None, samples stand for those that must have a value. Raises RequestRefused.
        """
        for operation in self._operations(text):
            definitions = operation.node.variable_definitions or ()
            given = samples(self._schema, definitions, flag=True) if inputs is None else dict(inputs)
            request = Request(self._schema, operation.fragments, self._variables(operation, given))
            fields = _fields(operation, request)
            if operation.is_query:
                plan = plan_query(self.database, _NOBODY, fields, marked=operation.is_walked)
                statements = [plan.statement]
            else:
                payloads = self._payloads(operation, request, _NOBODY)
                places = [change_of(each).place for each in payloads.values() if isinstance(each, Payload)]
                statements = [place.statement(self.database.dialect) or "" for place in places]
                statements += [plan.statement for plan in payloads.plans()]
            yield Explained(operation.name, operation.figures, fields, list(filter(None, statements)))

    def _plan(self, operation: Operation, inputs: dict[str, Any]) -> None:
        request = Request(self._schema, operation.fragments, self._variables(operation, inputs))
        if operation.is_query:
            plan_query(self.database, _NOBODY, _fields(operation, request), marked=operation.is_walked)
        else:
            self._payloads(operation, request, _NOBODY).check(request.variables)

    def _keep(self, text: str, operations: tuple[Operation, ...]) -> None:
        """Keep a document, or weigh it again; the least used are dropped when they weigh too much together."""
        weight = len(text) * _BYTES_A_CHARACTER + sum(operation.weight for operation in operations)
        self._bytes += weight - self._weights.get(text, 0)
        self._known[text], self._weights[text] = operations, weight
        while self._bytes > _BYTES_KEPT:
            forgotten, _ = self._known.popitem(last=False)
            self._bytes -= self._weights.pop(forgotten)

    async def run(self, operation: Operation, inputs: dict[str, Any], viewer: Viewer) -> Answer:
        """Run an operation with the values of its variables."""
        weight = operation.weight
        try:
            request = Request(self._schema, operation.fragments, self._variables(operation, inputs))
            operation.objects.check(request.variables.coerced)
            if operation.is_query:
                return await self._query(operation, request, inputs, viewer)
            return await self._mutation(operation, request, inputs, viewer)
        except RequestRefused as error:
            return refusal(self._told(error, operation.text))
        except GraphQLError as error:
            # What can only be told when the variables are known, such as null for the `if` of a directive.
            return refusal(self._told(refused([error], "INVALID_INPUT"), operation.text))
        except Unavailable:
            raise
        except DeadlineExceeded as error:
            return late(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client learns an id and the log the rest
            return failed(error)
        finally:
            if operation.weight != weight and (operations := self._known.get(operation.text)) is not None:
                self._keep(operation.text, operations)

    async def read(self, operation: Operation, inputs: dict[str, Any], viewer: Viewer, database: Readable) -> bytes:
        """Return the data of a query that asks for no type's name, as JSON, read of one moment of the database.

        Nobody waits while it is planned. Raises RequestRefused, DeadlineExceeded and Unavailable.
        """
        request = Request(self._schema, operation.fragments, self._variables(operation, inputs))
        return await self._read(operation, request, viewer, database, is_large=True)

    async def _read(
        self, operation: Operation, request: Request, viewer: Viewer, database: Readable, *, is_large: bool
    ) -> bytes:
        return await read(
            database,
            viewer,
            request,
            operation.plans,
            lambda: _fields(operation, request),
            partial(self._in_turn, viewer.id) if is_large else at_once,
            marked=operation.is_walked,
        )

    async def _query(self, operation: Operation, request: Request, inputs: dict[str, Any], viewer: Viewer) -> Answer:
        data = await self._read(operation, request, viewer, self.database, is_large=operation.is_large)
        if not operation.is_walked:
            return Answer(b"".join((b'{"data":', data, b"}")))
        if len(data) > self._longest // _WALKED:
            raise AnswerTooLarge(self._longest // _WALKED)
        return await self._walked(operation, orjson.loads(data), inputs, viewer)

    async def _walked(self, operation: Operation, data: Any, inputs: dict[str, Any], viewer: Viewer) -> Answer:
        """Return what graphql-core makes of what was read, and of its resolvers; those may wait for something."""
        context = Context(self.database, viewer)
        walk = partial(execute, self._schema, operation.document, data, context, inputs, operation.name)
        result = walk() if operation.has_resolvers else await self._in_turn(viewer.id, walk)
        if isawaitable(result):
            result = await result
        assert isinstance(result, ExecutionResult)  # noqa: S101 - for the type checker
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [masked(error.original_error or error) | {"path": error.path} for error in result.errors]
        return Answer(orjson.dumps(answer))

    async def _in_turn(self, user: User, work: Callable[[], T]) -> T:
        """Return what `work` returns, done in a thread and one of a user's at a time, so that nobody waits for it."""
        async with self._turns.place(user):
            return await asyncio.to_thread(work)

    async def _mutation(self, operation: Operation, request: Request, inputs: dict[str, Any], viewer: Viewer) -> Answer:
        # Every argument of every payload is checked before the first change is made.
        shape = viewer.roles, viewer.sees_few, shape_of(request.variables.coerced)
        payloads = await operation.payloads.get(
            shape,
            lambda: self._payloads(operation, request, viewer),
            partial(self._in_turn, viewer.id) if operation.is_large else at_once,
        )
        payloads.check(request.variables)
        data: dict[str, Any] = {}
        made: dict[str, Any] = {}
        room = self._longest
        for key, payload in payloads.items():
            if isinstance(payload, str):
                data[key] = payload
                continue
            try:
                values, is_made = await make(
                    change_of(payload), self.database, viewer, payload, request.variables, room
                )
                answer = orjson.dumps(values)
            except (Exception, asyncio.CancelledError) as error:
                # Where nothing was changed, that can be told of the whole request. What was made before stays, and
                # whoever asked for it must not take it for refused, or repeat it.
                if not made and isinstance(error, Unavailable | RequestRefused | asyncio.CancelledError):
                    raise
                if isinstance(error, Unavailable | UnknownOutcome):
                    self.outages.log(error)
                if isinstance(error, JournalBroken):
                    self.broken.note(error)
                return unfinished(error, key, made)
            room -= len(answer)
            data[key] = orjson.Fragment(answer)
            if is_made:
                made[key] = data[key]
        answer = orjson.dumps({"data": data})
        if operation.is_walked:
            return await self._walked(operation, orjson.loads(answer)["data"], inputs, viewer)
        return Answer(answer)

    def _payloads(self, operation: Operation, request: Request, viewer: Viewer) -> Payloads:
        fields = root_fields(request, operation.node)
        return payloads_of(self.database, viewer, fields, marked=operation.is_walked)

    def _operations(self, text: str) -> tuple[Operation, ...]:
        # In this order each step is bounded by those before it.
        figures = scan(text, self._limits)
        document = _parsed(text)
        measured = measure(document, self._schema, self._limits)
        errors = validate(
            self._schema,
            document,
            [NoFragmentCyclesRule] if measured.is_cyclic else specified_rules,
            max_errors=MAX_ERRORS,
            hide_suggestions=not self._suggestions,
        )
        if errors:
            raise self._told(refused(errors, INVALID_DOCUMENT), text)
        # What follows depends on what the schema has, and is told of valid documents alone.
        if not self._introspection:
            errors = validate(self._schema, document, [NoSchemaIntrospectionCustomRule], MAX_ERRORS)
            if errors:
                raise refused(errors[:1], INVALID_DOCUMENT)
        measured.check(self._limits)
        fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        operations = (item for item in document.definitions if isinstance(item, OperationDefinitionNode))
        return tuple(
            Operation(
                self._schema,
                text,
                document,
                node,
                fragments,
                introspects=each.introspects,
                has_resolvers=each.has_resolvers,
                objects=each.objects,
                is_large=measured.figures["fields"] > _FIELDS_IN_LOOP or measured.figures["reads"] > _READS_IN_LOOP,
                figures={**figures, **measured.figures},
            )
            for node, each in zip(operations, measured.operations, strict=True)
        )

    def _told(self, error: RequestRefused, text: str) -> RequestRefused:
        return error if self._suggestions else discreet(error, text, self._schema)

    def _variables(self, operation: Operation, inputs: dict[str, Any]) -> VariableValues:
        definitions = operation.node.variable_definitions or ()
        check_values(inputs, (definition.variable.name.value for definition in definitions), self._limits)
        signatures = operation.texts
        if signatures and inputs.keys() == signatures.keys() and all(type(value) is str for value in inputs.values()):
            # What graphql-core would make of them, which takes as long as the statement.
            sources = {name: VariableValueSource(signature, inputs[name]) for name, signature in signatures.items()}
            return VariableValues(sources, inputs)
        values = get_variable_values(
            self._schema,
            definitions,
            inputs,
            MAX_VARIABLE_ERRORS,
            hide_suggestions=not self._suggestions,
        )
        if isinstance(values, list):
            raise refused(in_json(values, inputs), "INVALID_INPUT")
        return values


def _fields(operation: Operation, request: Request) -> list[Field]:
    return (own_fields if operation.is_walked else root_fields)(request, operation.node)


def _parsed(text: str) -> DocumentNode:
    source = Text(text)
    try:
        document = parse(source)
    except GraphQLError as error:
        raise refused([error], "GRAPHQL_PARSE_FAILED") from None
    except RecursionError:
        fault = RequestFault("the document is nested too deep", "GRAPHQL_PARSE_FAILED")
        raise RequestRefused(fault) from None
    # An error with several places looks for them in the body, and not through `get_location`; see `faults._locations`.
    source.body = ""
    return document
