"""Where every read begins."""

from __future__ import annotations

import strawberry

from app import ownership
from app.reading.nouns import AnyNode, AnyNodes, Self
from app.schema.case import AsOf, Case, CaseConnection, CaseFilter, CaseOrder
from app.schema.change import ChangeConnection, ChangeOrder
from app.schema.event import Event
from app.schema.feed import CHANGES, CHECKPOINT
from app.schema.fields import argument, declared, field, lookup, object_type
from app.schema.file import FILES_BY_HASH
from app.schema.file_batch import FileBatch
from app.schema.nodes import Node
from app.schema.pages import listed
from app.schema.search import SEARCH
from app.schema.user import User

_CASE_ID = "case_id", "The id of the case that the event is in."


@object_type
class Query:
    """Where every read begins. What you may not see does not exist here: it is null, or not in the list. All of a
    query is read at one moment.
    """

    viewer: User = field(Self(), "You: the user whom the token of the request names.")
    node = declared(
        AnyNode(),
        Node | None,
        "Any object by its id; null when there is none, at least for you.",
        id=argument(strawberry.ID, "The id of a case, an event, a file batch, a file, a comment or a user."),
    )
    nodes = declared(
        AnyNodes(),
        list[Node | None],
        "Objects by their ids, in the order given, null where there is none.",
        ids=argument(list[strawberry.ID], "Up to 100 ids of cases, events, file batches, files, comments and users."),
    )
    case = lookup(
        Case,
        "A case by its id; null when there is none, at least for you. With `asOf` as it was: itself, its members, its "
        "events and their batches, with tags and comments; pages, orders and filters but `text` and `tags` as ever. "
        "Users, and what you may do, are as they are now. Whoever may see a case may see all of its past.",
        id=("id", "The case's `id`, not its `number`."),
        past=(AsOf, "As of when; as it is now when this is left out or null."),
    )
    cases = listed(
        CaseConnection,
        "The cases that you may see, the newest first unless another order is asked for.",
        order=CaseOrder,
        default=CaseOrder.CREATED_AT_DESC,
        where=CaseFilter,
        filtered="Only cases that meet all of these.",
    )
    trash = listed(
        ChangeConnection,
        "The cases that were deleted and that you can restore, by the changes that say so: those of which you were an "
        "owner; for an administrator all. The last one first unless another order is asked for.",
        order=ChangeOrder,
        default=ChangeOrder.SEQ_DESC,
        among=ownership.trashed_case,
    )
    event = lookup(
        Event,
        "An event by its path; null when that case has no such event, or none for you.",
        case_id=_CASE_ID,
        id=("id", "The event's id."),
    )
    file_batch = lookup(
        FileBatch,
        "A file batch by its path; null when that event of that case has no such batch, or none for you.",
        case_id=_CASE_ID,
        event_id=("event_id", "The id of the event that the batch is on."),
        id=("id", "The file batch's id."),
    )
    search = SEARCH
    files_by_hash = FILES_BY_HASH
    changes = CHANGES
    checkpoint = CHECKPOINT
