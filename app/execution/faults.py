"""What is wrong with a request, in the form that clients are told: GraphQL errors without more than they may know."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import traceback
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import islice
from math import isfinite
from time import monotonic
from typing import Any

import orjson
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    Source,
    SourceLocation,
    VariableDefinitionNode,
)
from graphql.pyutils import inspect

from app.errors import DeadlineExceeded, RequestFault, RequestRefused, Unavailable, UnknownOutcome
from app.values import printable

_log = logging.getLogger("dossier")

MAX_ERRORS = 20  # that are told of one document; what is wrong with it in general is clear by then
MAX_VARIABLE_ERRORS = 50
_MAX_LOCATIONS = 10  # of one error
_QUIET_SECONDS = 5  # between two lines about the same kind of outage
_LONGEST_MESSAGE = 1_000  # characters; a longer one quotes names that the client knows
INVALID_DOCUMENT = "GRAPHQL_VALIDATION_FAILED"
_SILENT_DOCUMENT = (
    "the document is not valid against the schema, and this server does not say why; validate it with "
    "schema.graphql, or send it to a server in development"
)
_SILENT_VARIABLES = (
    "the variables have fields that their types don't have, and this server does not say which; compare them with "
    "schema.graphql, or send them to a server in development"
)
_UNKNOWN_FIELD = " not to include unknown field "  # in graphql-core's message about a value
_QUOTED = re.compile("'[^']*'")
_WORD = re.compile(r"\w+")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")  # of the path that graphql-core's message about a variable has
_NULL = " not to be None."  # how it ends
_LONGEST_SHOWN = 240  # characters of a text, as graphql-core has it; of a list or an object, the first ten entries
_MOST_SHOWN = 10
_DEEPEST_SHOWN = 2
_LINE_END = re.compile(r"\r\n|[\n\r]")


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON of a response; `refused` when the request never began to run."""

    body: bytes
    refused: bool = False


def late(error: DeadlineExceeded) -> Answer:
    """Return the response to a request that took too long."""
    return Answer(orjson.dumps({"data": None, "errors": _faults(error)}))


def failed(error: BaseException) -> Answer:
    """Return the response to a request that an error ended which nobody foresaw; see `masked`."""
    return Answer(orjson.dumps({"data": None, "errors": [masked(error)]}))


def refusal(refused: RequestRefused) -> Answer:
    """Return the response to a request that never began to run."""
    return Answer(orjson.dumps({"errors": _errors(refused)}), refused=True)


def unfinished(error: BaseException, key: str, made: Mapping[str, Any]) -> Answer:
    """Return the response to a request whose change at the field `key` was not made, or perhaps not.

    `made` has the payloads of those before it that were made. They can't stand in `data`: the field that has none may
    not be null, so that `data` is.
    """
    errors = [{"path": [key]} | fault for fault in _faults(error)]
    if made:
        for fault in errors:
            fault["extensions"] |= {"made": made}
    return Answer(orjson.dumps({"data": None, "errors": errors}))


def _faults(error: BaseException) -> list[dict[str, Any]]:
    match error:
        case RequestRefused():
            return _errors(error)
        case DeadlineExceeded():
            message, code = str(error), "DEADLINE_EXCEEDED"
        case UnknownOutcome():
            message, code = str(error), "UNKNOWN_OUTCOME"
        case Unavailable():
            message, code = f"{error}, so this change was not made", "UNAVAILABLE"
        case asyncio.CancelledError():
            message, code = "the server was stopped before it made this change", "UNAVAILABLE"
        case _:
            return [masked(error)]
    return [{"message": message, "extensions": {"code": code}}]


def _errors(refused: RequestRefused) -> list[dict[str, Any]]:
    errors = []
    for fault in refused.faults:
        error: dict[str, Any] = {"message": printable(fault.message)}
        if fault.locations:
            error["locations"] = [{"line": line, "column": column} for line, column in fault.locations]
        if fault.path:
            error["path"] = fault.path
        extensions: dict[str, Any] = {"code": fault.code}
        if fault.argument:
            extensions["argument"] = printable(".".join(fault.argument))
        extensions |= fault.details
        errors.append(error | {"extensions": extensions})
    return errors


def discreet(refused: RequestRefused, text: str, schema: GraphQLSchema) -> RequestRefused:
    """Return a refusal without names of the schema that the client's document doesn't have.

    graphql-core suggests names, and names types, required arguments and fields as well. Whether a name exists is
    not told either: of a document that isn't valid nothing is said but that, and of values only that they have
    unknown fields. Otherwise a document of a thousand guesses would be answered with those that are right.
    """
    if any(fault.code == INVALID_DOCUMENT for fault in refused.faults):
        return RequestRefused(RequestFault(_SILENT_DOCUMENT, INVALID_DOCUMENT))
    if any(_UNKNOWN_FIELD in fault.message for fault in refused.faults):
        return RequestRefused(RequestFault(_SILENT_VARIABLES, refused.faults[0].code))
    secret = _names(schema) - set(_WORD.findall(text))

    def shown(quoted: re.Match[str]) -> str:
        return _WORD.sub(lambda word: "…" if word[0] in secret else word[0], quoted[0])

    return RequestRefused(
        *(
            replace(fault, message=_QUOTED.sub(shown, fault.message.partition(" Did you mean ")[0]))
            for fault in refused.faults
        )
    )


class Outages:
    """Tells the log of outages: a line for each kind, and again only after some seconds, however many requests fail."""

    def __init__(self) -> None:
        self._quiet_until: dict[str, float] = {}

    def log(self, error: Unavailable | UnknownOutcome) -> None:
        """Say what kind of outage it is, with the driver's word for it and no value that it choked on."""
        known = isinstance(error, Unavailable)
        line = str(error) if known else "the database did not confirm a commit; whoever asked for the change was told"
        moment = monotonic()
        if moment >= self._quiet_until.get(line, 0):
            self._quiet_until[line] = moment + _QUIET_SECONDS
            _log.error("%s (%s)", line, error.state or "no answer")


class Text(Source):
    """A document's text, for its errors to say where they lie.

    graphql-core reads a text from its beginning for each error; here the beginnings of its lines are found once.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]

    def get_location(self, position: int) -> SourceLocation:
        """Return the line and column of a character, both counted from 1."""
        line = bisect_right(self._lines, position)
        return SourceLocation(line, position + 1 - self._lines[line - 1])


@cache
def _names(schema: GraphQLSchema) -> frozenset[str]:
    """Return all names that the schema has."""
    names = set(schema.type_map)
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLEnumType):
            names.update(type_.values)
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            names.update(type_.fields)
            for definition in type_.fields.values():
                names.update(getattr(definition, "args", ()))
    return frozenset(names)


def refused(errors: Sequence[GraphQLError], code: str) -> RequestRefused:
    """Return the refusal that graphql-core's errors amount to."""
    return RequestRefused(*(RequestFault(_message(error), code, locations=_locations(error)) for error in errors))


def in_json(errors: Sequence[GraphQLError], inputs: Mapping[str, Any]) -> list[GraphQLError]:
    """Return graphql-core's errors about the values of variables, with the values as JSON has them.

    It quotes them as Python would: `None` for null, `True` for true, `{'a': 'b'}` for an object.
    """
    return [_in_json(error, inputs) for error in errors]


def _in_json(error: GraphQLError, inputs: Mapping[str, Any]) -> GraphQLError:
    cause = error.original_error
    node = next(iter(error.nodes or ()), None)
    if not isinstance(cause, GraphQLError) or not isinstance(node, VariableDefinitionNode):
        return error
    # What it says of the value comes last; before it the message names the variable and the way to the value.
    place = error.message.removesuffix(cause.message)
    value: Any = inputs.get(node.variable.name.value)
    for name, index in _STEP.findall(place):
        value = value[name] if name else value[int(index)]
    before, colon, after = cause.message.rpartition(f": {inspect(value)}")
    return GraphQLError(f"{place}{before}: {_shown(value)}{after}", node) if colon else error


def _shown(value: object, depth: int = 0) -> str:
    """Return a value that was JSON as such again, shortened where it is long or deep."""
    match value:
        case str() if len(value) > _LONGEST_SHOWN:
            return json.dumps(value[:_LONGEST_SHOWN], ensure_ascii=False)[:-1] + '…"'
        case float() if not isfinite(value):
            return "a number too large to be one"
        case dict() | list() if value and depth == _DEEPEST_SHOWN:
            return "{…}" if isinstance(value, dict) else "[…]"
        case dict():
            entries = [f"{_shown(key)}: {_shown(each, depth + 1)}" for key, each in islice(value.items(), _MOST_SHOWN)]
            return f"{{{', '.join(entries)}{', …' * (len(value) > _MOST_SHOWN)}}}"
        case list():
            entries = [_shown(each, depth + 1) for each in value[:_MOST_SHOWN]]
            return f"[{', '.join(entries)}{', …' * (len(value) > _MOST_SHOWN)}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _message(error: GraphQLError) -> str:
    if error.message.endswith(_NULL):
        return error.message.removesuffix(_NULL) + " not to be null."
    for ending, message in _ABORTED:
        if error.message.endswith(ending):
            return message
    if len(error.message) > _LONGEST_MESSAGE:
        return error.message[:_LONGEST_MESSAGE] + "…"
    return error.message


# What graphql-core says when it gives up, none of which says why.
_ABORTED = (
    (
        "error limit reached. Validation aborted.",
        f"the document has more than {MAX_ERRORS} faults; these are the first",
    ),
    ("Validation aborted.", "the document is too involved to be validated; ask for less at once"),
    (
        "error limit reached. Execution aborted.",
        f"the variables have more than {MAX_VARIABLE_ERRORS} faults; these are the first",
    ),
)


def _locations(error: GraphQLError) -> tuple[tuple[int, int], ...]:
    if error.source is None or error.positions is None:
        return ()
    return tuple(error.source.get_location(position) for position in list(error.positions)[:_MAX_LOCATIONS])


def masked(error: BaseException) -> dict[str, Any]:
    """Log an error that nobody foresaw; return what the client may learn of it.

    Neither learns what its text says: the text of a database's error quotes what was to be written.
    """
    name = secrets.token_hex(8)
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("unexpected error %s: %s %s\n%s", name, type(error).__qualname__, state or "", frames.rstrip())
    return {
        "message": f"something went wrong on the server; its log has the reason under {name}",
        "extensions": {"code": "INTERNAL_ERROR", "id": name},
    }
