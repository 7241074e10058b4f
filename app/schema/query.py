"""Where every read begins."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.case import Case, CaseConnection, CaseFilter, CaseOrder
from app.schema.event import Event
from app.schema.file_batch import FileBatch
from app.schema.nodes import Node
from app.schema.pages import After, Before, First, Last
from app.schema.user import User


@strawberry.type(
    description="Where every read begins. What you may not see does not exist here: it is null, or not in the "
    "list. All of a query is read at one moment."
)
class Query:
    """Where every read begins."""

    viewer: User = strawberry.field(description="You: the user whom the token of the request names.")

    @strawberry.field(description="Any object by its id; null when there is none, at least for you.")
    def node(
        self,
        id: Annotated[
            strawberry.ID, strawberry.argument(description="The id of a case, an event, a file batch or a user.")
        ],
    ) -> Node | None:
        """Any object by its id."""

    @strawberry.field(description="Objects by their ids, in the order given, null where there is none.")
    def nodes(
        self,
        ids: Annotated[
            list[strawberry.ID],
            strawberry.argument(description="Up to 100 ids of cases, events, file batches and users."),
        ],
    ) -> list[Node | None]:
        """Objects by their ids."""

    @strawberry.field(description="A case by its id; null when there is none, at least for you.")
    def case(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="The case's `id`, not its `number`.")]
    ) -> Case | None:
        """A case by its id."""

    @strawberry.field(description="The cases that you may see, the newest first unless another order is asked for.")
    def cases(
        self,
        where: Annotated[
            CaseFilter | None, strawberry.argument(description="Only cases that meet all of these.")
        ] = strawberry.UNSET,
        order_by: Annotated[
            list[CaseOrder] | None,
            strawberry.argument(
                description="Which come first, CREATED_AT_DESC by default; each further order breaks the ties of "
                "those before it."
            ),
        ] = strawberry.UNSET,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> CaseConnection:
        """The cases that the viewer may see."""

    @strawberry.field(description="An event by its path; null when that case has no such event, or none for you.")
    def event(
        self,
        case_id: Annotated[strawberry.ID, strawberry.argument(description="The id of the case that the event is in.")],
        id: Annotated[strawberry.ID, strawberry.argument(description="The event's id.")],
    ) -> Event | None:
        """An event by its path."""

    @strawberry.field(
        description="A file batch by its path; null when that event of that case has no such batch, or none for you."
    )
    def file_batch(
        self,
        case_id: Annotated[strawberry.ID, strawberry.argument(description="The id of the case that the event is in.")],
        event_id: Annotated[
            strawberry.ID, strawberry.argument(description="The id of the event that the batch is on.")
        ],
        id: Annotated[strawberry.ID, strawberry.argument(description="The file batch's id.")],
    ) -> FileBatch | None:
        """A file batch by its path."""
