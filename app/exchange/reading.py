"""A case read from end to end, as its viewer may see it: the rows that tables and reports are made of.

It is read by documents as clients send them, page after page, so that ownership, filters and the forms of values are
those of the API. All pages are of one moment.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import orjson

from app.db import Readable
from app.errors import AnswerTooLarge, NotFound
from app.exchange.rows import FIELDS, Row
from app.execution.documents import Documents
from app.ownership import Viewer

_ROWS: Final = 100  # of a page, and that are told together
# How many rows a page has, and how many of each list in it: fewer where those would be more than an answer may have.
_SIZES: Final = (
    {"first": _ROWS, "few": 10, "nested": True},
    {"first": 10, "few": 10, "nested": True},
    {"first": 1, "few": 1, "nested": False},
)
_SELECTED = {
    "createdBy": "createdBy { subject }",
    "updatedBy": "updatedBy { subject }",
    "eventId": "id",  # which is known by where it is read
    "on": "id",
    "manifestSha256": "manifest { sha256 }",
}
_MORE = "pageInfo { hasNextPage endCursor }"


def _fields(kind: str) -> str:
    return " ".join(_SELECTED.get(name, name) for name in FIELDS[kind])


def _list(field: str, of: str, arguments: str = "first: $first, after: $after") -> str:
    return f"{field}({arguments}) {{ nodes {{ {of} }} {_MORE} }}"


_NESTED = "first: $few) @include(if: $nested"
_COMMENTS = _list("comments", _fields("COMMENT"), _NESTED)
_BATCH = f"{_fields('FILE_BATCH')} {_COMMENTS}"
_EVENT = f"{_fields('EVENT')} {_COMMENTS} {_list('fileBatches', _BATCH, _NESTED)}"
_PAGED = "$first: Int!, $after: String"
_CASE = f"query ($case: ID!) {{ case(id: $case) {{ {_fields('CASE')} }} }}"
_CHECK = (
    "query ($case: ID!, $where: EventFilter) { case(id: $case) { events(first: 1, where: $where) { nodes { id } } } }"
)
_OF_CASE = f"query ($case: ID!, {_PAGED}) {{ case(id: $case) {{ {_list('comments', _fields('COMMENT'))} }} }}"
_EVENTS = (
    f"query ($case: ID!, {_PAGED}, $few: Int!, $nested: Boolean!, $where: EventFilter) {{ case(id: $case) {{ "
    f"{_list('events', _EVENT, 'first: $first, after: $after, where: $where')} }} }}"
)
_OF_EVENT = {
    "comments": f"query ($case: ID!, $event: ID!, {_PAGED}) {{ event(caseId: $case, id: $event) {{ "
    f"{_list('comments', _fields('COMMENT'))} }} }}",
    "fileBatches": f"query ($case: ID!, $event: ID!, {_PAGED}, $few: Int!, $nested: Boolean!) {{ "
    f"event(caseId: $case, id: $event) {{ {_list('fileBatches', _BATCH)} }} }}",
}
_OF_BATCH = (
    f"query ($case: ID!, $event: ID!, $batch: ID!, {_PAGED}) {{ fileBatch(caseId: $case, eventId: $event, id: $batch) "
    f"{{ {_list('comments', _fields('COMMENT'))} }} }}"
)


_ABOUT = (
    "query ($case: ID!) { case(id: $case) { journal { size root } seal { at by { subject } reason root } "
    "holds { name reason reference placedAt placedBy { subject } releasedAt releasedBy { subject } releaseReason } "
    "members { user { subject } role expiresAt accepted } } }"
)
_TIMES = (
    f"query ($case: ID!, {_PAGED}, $where: EventFilter) {{ case(id: $case) {{ "
    f"{_list('events', 'occurredAt occurredUntil', 'first: $first, after: $after, where: $where')} }} }}"
)
_CHANGE = "seq at by { subject } kind on { type id label } fields { name before after } reason"
_HISTORY = (
    f"query ($case: ID!, {_PAGED}) {{ case(id: $case) {{ "
    f"{_list('history', _CHANGE, 'first: $first, after: $after, orderBy: [SEQ_ASC]')} }} }}"
)


class CaseRows:
    """Reads a case by documents, of one moment of the database."""

    def __init__(self, documents: Documents, database: Readable, viewer: Viewer, case_id: str) -> None:
        self._documents, self._database, self._viewer = documents, database, viewer
        self._case = {"case": case_id}

    async def case(self) -> Row | None:
        """Return the case, None where there is none that the viewer may see."""
        found = (await self._ask(_CASE, self._case))["case"]
        return None if found is None else _row("CASE", found)

    async def check(self, where: Mapping[str, Any] | None) -> None:
        """Raise RequestRefused for a filter of events that the API doesn't take."""
        await self._ask(_CHECK, {**self._case, "where": where})

    async def all(self, where: Mapping[str, Any] | None = None) -> AsyncGenerator[Sequence[Row], None]:
        """Iterate over what is in the case, some rows at a time: comments on it, then its events in their order.

        Behind each event are the comments on it, then its file batches, each with those on it. `where` is a filter of
        events as the API takes it; see `check`.
        """
        async for some in self._pages(_OF_CASE, self._case, "case", "comments"):
            yield [_row("COMMENT", each, on=self._case["case"]) for each in some]
        async for events in self._pages(_EVENTS, {**self._case, "where": where}, "case", "events"):
            rows: list[Row] = []
            for event in events:
                rows.append(_row("EVENT", event))
                place = {**self._case, "event": event["id"]}
                async for comments in self._rest(_OF_EVENT["comments"], place, "event", "comments", event):
                    rows += [_row("COMMENT", each, on=event["id"]) for each in comments]
                async for batches in self._rest(_OF_EVENT["fileBatches"], place, "event", "fileBatches", event):
                    for batch in batches:
                        rows.append(_row("FILE_BATCH", batch, eventId=event["id"]))
                        of_batch = {**place, "batch": batch["id"]}
                        async for comments in self._rest(_OF_BATCH, of_batch, "fileBatch", "comments", batch):
                            rows += [_row("COMMENT", each, on=batch["id"]) for each in comments]
                    if len(rows) >= _ROWS:
                        yield rows
                        rows = []
            if rows:
                yield rows

    async def about(self) -> Mapping[str, Any]:
        """Return what keeps the case, who is a member, and how far its record has come, as the API tells it."""
        found: Mapping[str, Any] = _with_subjects((await self._ask(_ABOUT, self._case))["case"])
        return found

    async def times(self, where: Mapping[str, Any] | None) -> AsyncGenerator[Sequence[tuple[str, str | None]], None]:
        """Iterate over when events began, and when those ended that lasted, some at a time."""
        async for some in self._pages(_TIMES, {**self._case, "where": where}, "case", "events"):
            yield [(each["occurredAt"], each["occurredUntil"]) for each in some]

    async def history(self) -> AsyncGenerator[Sequence[Row], None]:
        """Iterate over what the record says of the case, some changes at a time; `change` of each is its kind."""
        async for some in self._pages(_HISTORY, self._case, "case", "history"):
            yield [{**_with_subjects(each), "kind": "CHANGE", "change": each["kind"]} for each in some]

    async def _rest(
        self, text: str, place: Mapping[str, Any], parent: str, field: str, begun: Mapping[str, Any]
    ) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
        """Iterate over the pages of a list of which the first came with its parent, if there was room for it."""
        page = begun.get(field)
        if page is not None:
            yield page["nodes"]
        if page is None or page["pageInfo"]["hasNextPage"]:
            after = None if page is None else page["pageInfo"]["endCursor"]
            async for some in self._pages(text, place, parent, field, after):
                yield some

    async def _pages(
        self, text: str, variables: Mapping[str, Any], parent: str, field: str, after: str | None = None
    ) -> AsyncGenerator[Sequence[Mapping[str, Any]], None]:
        size = 0
        while True:
            try:
                answer = await self._ask(text, {**variables, **_SIZES[size], "after": after})
            except AnswerTooLarge:
                size += 1
                if size == len(_SIZES):
                    raise
                continue
            if answer[parent] is None:
                raise NotFound(f"there is no such {parent} any more, at least for you", (parent,))
            found = answer[parent][field]
            yield found["nodes"]
            if not found["pageInfo"]["hasNextPage"]:
                return
            after = found["pageInfo"]["endCursor"]

    async def _ask(self, text: str, variables: Mapping[str, Any]) -> Any:
        operation = await self._documents.operation(text, None, self._viewer.id)
        given = {name: value for name, value in variables.items() if f"${name}:" in text}
        return orjson.loads(await self._documents.read(operation, given, self._viewer, self._database))


def _with_subjects(value: Any) -> Any:
    """Return what the API tells, with users as the subjects of their tokens."""
    match value:
        case {"subject": subject}:
            return subject
        case dict():
            return {name: _with_subjects(part) for name, part in value.items()}
        case list():
            return [_with_subjects(part) for part in value]
    return value


def _row(kind: str, node: Mapping[str, Any], **known: str) -> Row:
    row: dict[str, Any] = {"kind": kind, **{name: node.get(name) for name in FIELDS[kind]}, **known}
    for name in ("createdBy", "updatedBy"):
        if name in row:
            row[name] = row[name]["subject"]
    if "manifestSha256" in row and node["manifest"] is not None:
        row["manifestSha256"] = node["manifest"]["sha256"]
    return row
