"""The schema, as clients see it.

It reads as a document: types, fields, arguments and what they mean, and what each field leads to: a column, rows, or
the function that makes a change. Whatever doesn't fit doesn't start; see completed.py. Where graphql-core walks an
answer, every field is taken from what was read by its name in the response, but for those with ordinary resolvers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import strawberry
from graphql import GraphQLSchema, print_schema
from strawberry.schema.config import StrawberryConfig

from app.schema.completed import completed
from app.schema.mutation import Mutation
from app.schema.query import Query
from app.schema.refusals import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    RequestMismatchError,
    StateError,
)
from app.schema.scalars import BIG_INT, DATE_TIME, JSON, JSON_VALUE, BigInt, DateTime

# The order in which the schema is printed and listed: first what is read, a noun after the other, then what is changed.
READING_ORDER = (
    *("Query", "Node", "User"),
    *("Case", "CaseStatus", "CaseRole", "CaseMember", "CaseConnection", "CaseEdge", "CaseFilter", "CaseOrder"),
    *("AsOf", "Seal", "Hold"),
    *("Event", "EventType", "TimePrecision", "EventConnection", "EventEdge", "EventFilter", "EventOrder"),
    *("EventCount", "TimeUnit"),
    *("FileBatch", "FileBatchConnection", "FileBatchEdge", "FileBatchFilter", "FileBatchOrder"),
    *("Manifest", "File", "FileConnection", "FileEdge", "FileFilter"),
    *("TagCount", "Comment", "CommentConnection", "CommentEdge", "CommentOrder"),
    *("SearchHit", "SearchKind", "SearchConnection", "SearchEdge"),
    *("Change", "ChangeSubject", "ChangeKind", "FieldChange", "Journal"),
    *("ChangeConnection", "ChangeEdge", "ChangeFilter", "ChangeOrder"),
    *("ChangeFeed", "FeedEntry", "FeedKind", "Checkpoint"),
    *("PageInfo", "DateTime", "JSON", "BigInt"),
    "Mutation",
    *("CreateCaseInput", "CreateCasePayload", "UpdateCaseInput", "UpdateCasePayload"),
    *("DeleteCaseInput", "DeleteCasePayload"),
    *("CreateEventInput", "CreateEventPayload", "UpdateEventInput", "UpdateEventPayload"),
    *("DeleteEventInput", "DeleteEventPayload"),
    *("CreateEventsInput", "NewEvent", "CreateEventsPayload", "DeleteEventsInput", "DeleteEventsPayload"),
    *("CreateFileBatchInput", "CreateFileBatchPayload", "UpdateFileBatchInput", "UpdateFileBatchPayload"),
    *("DeleteFileBatchInput", "DeleteFileBatchPayload"),
    *("CreateFileBatchesInput", "NewFileBatch", "CreateFileBatchesPayload"),
    *("AddFilesInput", "FileInput", "AddFilesPayload", "FinishManifestInput", "FinishManifestPayload"),
    *("AddTagsInput", "AddTagsPayload", "RemoveTagsInput", "RemoveTagsPayload"),
    *("AddCommentInput", "AddCommentPayload", "UpdateCommentInput", "UpdateCommentPayload"),
    *("DeleteCommentInput", "DeleteCommentPayload"),
    *("SealCaseInput", "SealCasePayload", "UnsealCaseInput", "UnsealCasePayload"),
    *("RetainCaseInput", "RetainCasePayload"),
    *("PlaceHoldInput", "PlaceHoldPayload", "ReleaseHoldInput", "ReleaseHoldPayload"),
    *("RestoreInput", "RestorePayload", "PurgeInput", "PurgePayload"),
    *("EraseInput", "ErasePayload"),
    *("SetCaseMemberInput", "SetCaseMemberPayload", "AcceptCaseInput", "AcceptCasePayload"),
    *("RemoveCaseMemberInput", "RemoveCaseMemberPayload"),
    *("UserError", "ErrorCode", "NotFoundError", "InvalidInputError", "ForbiddenError", "ConflictError"),
    *("RequestMismatchError", "StateError"),
)
_REFUSALS = NotFoundError, InvalidInputError, ForbiddenError, ConflictError, RequestMismatchError, StateError
_DESCRIPTION = """\
Dossier keeps case files: a case has a timeline of events, and an event has file batches, labelled groups of evidence
files. Each of them can have tags and comments, and a batch a manifest, the list of its files with their hashes.

Every request carries a bearer token. What its user may not see does not exist for them. Reading begins at `Query`,
changing at `Mutation`; a change that is refused says why in the `errors` of its payload, while the `errors` of the
response are for documents that can't be run."""


def made(query: type, mutation: type | None, types: Sequence[type] = ()) -> strawberry.Schema:
    """Return a schema of types that are declared as these are. Raises TypeError for what can't be run."""
    config = StrawberryConfig(scalar_map={DateTime: DATE_TIME, JSON: JSON_VALUE, BigInt: BIG_INT})
    schema = strawberry.Schema(query, mutation, types=[*types, *(_REFUSALS if mutation else ())], config=config)
    completed(schema._schema)  # noqa: SLF001 - Strawberry has no public name for it
    return schema


@cache
def schema() -> strawberry.Schema:
    """Return Dossier's schema. `execute` answers a document for the viewer of its context; see execution/context.py."""
    return made(Query, Mutation)


@cache
def executable() -> GraphQLSchema:
    """Return Dossier's schema for graphql-core, its types in reading order."""
    executable = schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
    executable.description = _DESCRIPTION
    places = {name: place for place, name in enumerate(READING_ORDER)}
    executable.type_map = dict(sorted(executable.type_map.items(), key=lambda item: places.get(item[0], len(places))))
    return executable


def sdl() -> str:
    """Return the schema in GraphQL's schema definition language."""
    return print_schema(executable())
