"""What the servers are asked: the documents, the same for every row of the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.data import event_of_full_case, full_case

PAGE_SIZE = 40  # of the walk through all cases


@dataclass(frozen=True)
class Request:
    """A document with the values of its variables; `root` is the one field it asks for."""

    root: str
    query: str
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> str:
        """The request as it is sent."""
        return json.dumps({"query": self.query, "variables": self.variables})


NESTED = Request(
    "case",
    """
    query Nested($id: ID!) {
      case(id: $id) {
        id number title status createdAt
        events(first: 50) {
          nodes {
            id type title occurredAt sortOrder
            fileBatches(first: 50) { nodes { id label fileCount fileTypes sortOrder } }
          }
        }
      }
    }
    """,
    {"id": full_case()},
)
PAGE = Request("cases", "query Page { cases(first: 50) { nodes { id number title } } }")
ONE = Request("case", "query One($id: ID!) { case(id: $id) { id number title } }", {"id": full_case()})
READS = {"nested": NESTED, "page": PAGE, "one": ONE}

WRITE = Request(
    "createFileBatch",
    """
    mutation Write($input: CreateFileBatchInput!) {
      createFileBatch(input: $input) { fileBatch { id label fileCount version } errors { message } }
    }
    """,
    {
        "input": {
            "caseId": full_case(),
            "eventId": event_of_full_case(),
            "label": "Mailbox of the warehouse",
            "fileCount": 7000,
            "fileTypes": ".eml, .msg",
            "sortOrder": 9,
        }
    },
)


def walk(after: str | None) -> Request:
    """Ask for a page of all cases, the first one or the one behind a cursor."""
    return Request(
        "cases",
        """
        query Walk($first: Int!, $after: String) {
          cases(first: $first, after: $after) { nodes { id number title } pageInfo { hasNextPage endCursor } }
        }
        """,
        {"first": PAGE_SIZE, "after": after},
    )


# The same questions in the names that PostGraphile gives to the tables.
FOR_POSTGRAPHILE = {
    "nested": Request(
        "case",
        """
        query Nested($id: UUID!) {
          case: caseByRowId(rowId: $id) {
            id: rowId number title status createdAt
            events: eventsByCaseId(first: 50, orderBy: [OCCURRED_AT_ASC, SORT_ORDER_ASC, ROW_ID_ASC]) {
              nodes {
                id: rowId type title occurredAt sortOrder
                fileBatches: fileBatchesByCaseIdAndEventId(first: 50, orderBy: [SORT_ORDER_ASC, ROW_ID_ASC]) {
                  nodes { id: rowId label fileCount fileTypes sortOrder }
                }
              }
            }
          }
        }
        """,
        NESTED.variables,
    ),
    "page": Request(
        "cases",
        """
        query Page {
          cases: allCases(first: 50, orderBy: [CREATED_AT_DESC, ROW_ID_DESC]) { nodes { id: rowId number title } }
        }
        """,
    ),
    "one": Request(
        "case",
        "query One($id: UUID!) { case: caseByRowId(rowId: $id) { id: rowId number title } }",
        ONE.variables,
    ),
}
