"""Changes to the tags of cases, events and file batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import orjson
from sqlalchemy import Table

from app import ownership
from app.db import FoundRow
from app.db.models import TAG_LENGTH, Case
from app.errors import InvalidInput, NotFound, Refusal, Refused
from app.ownership import CHANGE, Viewer, place
from app.reading.payloads import Given
from app.record.entries import array_text
from app.record.journal import Recorder
from app.resolvers.changes import change
from app.resolvers.inputs import AnyRule, LineRule, ListRule, Rule
from app.values import fold

MOST_ROWS = 1_000
"""How many rows are given tags, or lose some, at once."""

MOST_TAGS = 50
"""How many tags a row may have, and how many are given or taken at once."""

_RULES: dict[str, Rule] = {"ids": ListRule(MOST_ROWS, AnyRule()), "tags": ListRule(MOST_TAGS, LineRule(TAG_LENGTH))}
_Tags: TypeAlias = dict[str, str]  # by their keys, by which those are one that differ in case alone


@change(place(CHANGE, case_id=Case), _RULES)
def add(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> tuple[str, ...]:
    """Give tags to a case, and to events and file batches in it: to all that are named or, when one can't have them, to
    none. A tag that something has already stays as it is written there, and what has them all is not changed. Takes the
    role CONTRIBUTOR.
    """
    return _change_each(recorder, case, values, _with)


@change(place(CHANGE, case_id=Case), _RULES)
def remove(recorder: Recorder, _: Viewer, case: FoundRow, values: Given) -> tuple[str, ...]:
    """Take tags away from a case, and from events and file batches in it: from all that are named, or from none. What
    has none of the tags is not changed. Takes the role CONTRIBUTOR.
    """
    return _change_each(recorder, case, values, _without)


def _with(own: _Tags, given: _Tags) -> _Tags:
    return own | {key: tag for key, tag in given.items() if key not in own}


def _without(own: _Tags, given: _Tags) -> _Tags:
    return {key: tag for key, tag in own.items() if key not in given}


def _change_each(
    recorder: Recorder, case: FoundRow, values: Given, changed: Callable[[_Tags, _Tags], _Tags]
) -> tuple[str, ...]:
    """Write the tags that each row gets of those that it has and those that are given; return the ids of the rows."""
    given: _Tags = {}
    for tag in values["tags"]:
        given.setdefault(fold(tag), tag)
    found = ownership.objects_of(recorder.transaction, case, values["ids"])
    changes: dict[Table, list[tuple[FoundRow, str | None]]] = {}
    faults: list[Refusal] = []
    named: dict[str, None] = {}
    for number, identifier in enumerate(values["ids"]):
        path = "input", "ids", str(number)
        if identifier.lower() not in found:
            faults.append(NotFound("there is no such case, event or file batch here", path))
        elif identifier.lower() not in named:
            table, row = found[identifier.lower()]
            named[identifier.lower()] = None
            own = _tags_of(row)
            after = changed(own, given)
            if len(after) > MOST_TAGS:
                faults.append(InvalidInput(f"it would have {len(after)} tags, and {MOST_TAGS} is the most", path))
            elif after != own:
                text = array_text([*after.values()]) if after else None
                changes.setdefault(table, []).append((row, text))
    if faults:
        raise Refused(*faults)
    for table, rows in changes.items():
        recorder.tag(table, rows)
    return tuple(named)


def _tags_of(row: FoundRow) -> _Tags:
    return {} if row.tags is None else {fold(tag): tag for tag in orjson.loads(row.tags)}
