"""The schema, as clients see it.

It reads as a document: types, fields, arguments and what they mean. Nothing here computes a value: the
functions that declare fields with arguments are never called. `documents` reads and changes what a document
asks for; where graphql-core walks the answer, every field is taken from what was read by its name in the
response.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema, print_schema
from strawberry.schema.config import StrawberryConfig

from app.reading.statements import TYPE
from app.schema.mutation import Mutation
from app.schema.query import Query
from app.schema.refusals import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from app.schema.scalars import DATE_TIME, DateTime

# The order in which the schema is printed and listed: first what is read, a noun after the other, then what is changed.
READING_ORDER = (
    *("Query", "Node", "User"),
    *("Case", "CaseStatus", "CaseRole", "CaseMember", "CaseConnection", "CaseEdge", "CaseFilter", "CaseOrder"),
    *("Event", "EventType", "TimePrecision", "EventConnection", "EventEdge", "EventFilter", "EventOrder"),
    *("FileBatch", "FileBatchConnection", "FileBatchEdge", "FileBatchOrder"),
    *("PageInfo", "DateTime"),
    "Mutation",
    *("CreateCaseInput", "CreateCasePayload", "UpdateCaseInput", "UpdateCasePayload"),
    *("DeleteCaseInput", "DeleteCasePayload"),
    *("CreateEventInput", "CreateEventPayload", "UpdateEventInput", "UpdateEventPayload"),
    *("DeleteEventInput", "DeleteEventPayload"),
    *("CreateFileBatchInput", "CreateFileBatchPayload", "UpdateFileBatchInput", "UpdateFileBatchPayload"),
    *("DeleteFileBatchInput", "DeleteFileBatchPayload"),
    *("SetCaseMemberInput", "SetCaseMemberPayload", "AcceptCaseInput", "AcceptCasePayload"),
    *("RemoveCaseMemberInput", "RemoveCaseMemberPayload"),
    *("UserError", "ErrorCode", "NotFoundError", "InvalidInputError", "ForbiddenError", "ConflictError"),
)
_DESCRIPTION = """\
Dossier keeps case files: a case has a timeline of events, and an event has file batches, labelled groups of evidence
files.

Every request carries a bearer token. What its user may not see does not exist for them. Reading begins at `Query`,
changing at `Mutation`; a change that is refused says why in the `errors` of its payload, while the `errors` of the
response are for documents that can't be run."""

_schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[NotFoundError, InvalidInputError, ForbiddenError, ConflictError],
    config=StrawberryConfig(scalar_map={DateTime: DATE_TIME}),
)


def sdl() -> str:
    """Return the schema in GraphQL's schema definition language."""
    return print_schema(executable())


@cache
def executable() -> GraphQLSchema:
    """Return the schema for graphql-core, its types in reading order, its fields taken from what was read."""
    schema = _schema._schema  # noqa: SLF001 - Strawberry has no public name for it
    schema.description = _DESCRIPTION
    places = {name: place for place, name in enumerate(READING_ORDER)}
    schema.type_map = dict(sorted(schema.type_map.items(), key=lambda item: places.get(item[0], len(places))))
    for type_ in schema.type_map.values():
        if type_.name.startswith("__"):
            continue
        if isinstance(type_, GraphQLObjectType):
            type_.is_type_of = None
            for field in type_.fields.values():
                field.resolve = by_response_name
        elif isinstance(type_, GraphQLInterfaceType):
            type_.resolve_type = by_mark
    return schema


def by_response_name(source: dict[str, Any], info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    """Return the value that was read for a field."""
    return source[info.path.key]  # type: ignore[index]


def by_mark(value: dict[str, Any], _info: GraphQLResolveInfo[Any], _type: Any) -> str:
    """Return the name of the type of a value that was read."""
    name: str = value[TYPE]
    return name
