"""What a case says of itself, and how it is asked for as it is and as it was."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from tests.server import Client

AUTHORS = "version createdAt createdBy { id subject } updatedAt updatedBy { id subject }"
COMMENTS = f"""
    comments(first: 4) {{
      totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
      nodes {{ id text edited editedAt {AUTHORS} history(first: 3) {{ totalCount }} }}
    }}
"""
EVENT = f"""
    id tags type title description occurredAt occurredUntil timePrecision sortOrder source timeKind utcOffset {AUTHORS}
    case {{ id title version }}
"""
BATCH = f"""
    id tags label fileCount description fileTypes sortOrder {AUTHORS}
    event {{ id title version case {{ title }} }}
"""
PAGE = "totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
CHANGES = """
    totalCount
    nodes {
      id seq at by { id } kind reason requestId erased fields { name before after } on { type id label version }
    }
"""
EVENT_ORDERS = ("OCCURRED_AT", "CREATED_AT", "UPDATED_AT")
BATCH_ORDERS = ("SORT_ORDER", "CREATED_AT")
UNITS = ("MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "YEAR")


def orders(names: tuple[str, ...]) -> list[str]:
    """Return what can be given for `orderBy`: each order alone, and each with another."""
    one = [f"{name}_{way}" for name in names for way in ("ASC", "DESC")]
    return [*one, *(f"{first}, {second}" for first, second in permutations(one, 2) if first[:4] != second[:4])]


def asked(selection: str) -> str:
    """Return the query that asks a case for something, as of whenever `$asOf` says."""
    return f"query ($id: ID!, $asOf: AsOf) {{ case(id: $id, asOf: $asOf) {{ {selection} }} }}"


ITSELF = asked(f"""
    id number title description reference status tags {AUTHORS} lastActivityAt journal {{ size root }} {COMMENTS}
    back: comments(last: 2, orderBy: [CREATED_AT_DESC]) {{ {PAGE} nodes {{ id on {{ ... on Case {{ id title }} }} }} }}
    members {{ user {{ id subject issuer }} role expiresAt accepted }}
    history(first: 100) {{ {CHANGES} }}
    oldest: history(first: 3, orderBy: SEQ_ASC, where: {{ types: ["EVENT"] }}) {{ {CHANGES} }}
""")
EVENTS = asked(f"""
    events(first: 100) {{
      {PAGE} edges {{ cursor }}
      nodes {{
        {EVENT} history(first: 5) {{ {CHANGES} }} {COMMENTS}
        back: comments(last: 2) {{ nodes {{ on {{ ... on Event {{ id title {AUTHORS} case {{ title }} }} }} }} }}
        fileBatches(first: 100) {{ {PAGE} edges {{ cursor }} nodes {{
          {BATCH} history(first: 5) {{ totalCount }} comments(first: 2) {{ totalCount nodes {{ id text {AUTHORS} }} }}
        }} }}
      }}
    }}
""")
FILTERS = (
    "type: [FINDING, ACTION]",
    'occurredFrom: "2015-01-01T00:00:00Z"',
    'occurredBefore: "2020-01-01T00:00:00Z"',
    'overlapsFrom: "2016-01-01T00:00:00.5Z", overlapsBefore: "2024-01-01T00:00:00Z"',
)


BATCH_FILTERS = ('fileTypes: "PD"', 'fileTypes: "VTX"', 'updatedFrom: "2026-01-01T00:00:00Z"')


def in_orders() -> list[str]:
    """Return queries that list what is in a case in every order and with every filter, but for a text."""
    lists = [f"(first: 4, orderBy: [{order}])" for order in orders(EVENT_ORDERS)]
    lists += [f"(last: 3, orderBy: [{order}])" for order in orders(EVENT_ORDERS)[:6]]
    lists += [f"(first: 2, where: {{ {filter_} }})" for filter_ in FILTERS]
    batches = [f"(first: 3, orderBy: [{order}])" for order in orders(BATCH_ORDERS)]
    batches += [f"(last: 2, orderBy: [{order}])" for order in orders(BATCH_ORDERS)]
    batches += [f"(first: 3, where: {{ {filter_} }})" for filter_ in BATCH_FILTERS]
    calls = [f"events{arguments} {{ {PAGE} edges {{ cursor node {{ id sortOrder }} }} }}" for arguments in lists]
    calls += [
        f"events(first: 5) {{ nodes {{ id fileBatches{arguments} {{ {PAGE} edges {{ cursor node {{ label }} }} }} }} }}"
        for arguments in batches
    ]
    calls += [
        f"fileBatches{arguments} {{ {PAGE} edges {{ cursor node {{ label event {{ id }} }} }} }}"
        for arguments in batches
    ]
    calls += [f"eventCounts(by: {unit}) {{ from until count }}" for unit in UNITS]
    calls += [f"eventCounts(by: DAY, where: {{ {filter_} }}) {{ from count }}" for filter_ in FILTERS]
    return [
        asked(" ".join(f"a{place}: {call}" for place, call in enumerate(calls[start : start + 9])))
        for start in range(0, len(calls), 9)
    ]


EVERYTHING = (ITSELF, EVENTS, *in_orders())


def told(
    client: Client, case: str, as_of: dict[str, Any] | None = None, texts: tuple[str, ...] = EVERYTHING
) -> list[bytes]:
    """Return the answers to queries about a case, as it is or as it was."""
    answers = []
    for text in texts:
        response = client.post(text, {"id": case, "asOf": as_of})
        assert response.status_code == 200, response.text
        assert b'"errors"' not in response.content, response.text
        answers.append(response.content)
    return answers
