"""What an entry of the record says of a row, and the leaf that is made of it.

docs/record.md has the form, for whoever verifies it without Dossier.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

import orjson
from sqlalchemy import Column, Integer, Table

from app.db.models import Base, Case, CaseMember, ChangeKind, Comment, Event, File, FileBatch, Hold, table_of
from app.db.types import Time
from app.values import field_name, fold, format_time

Row: TypeAlias = Mapping[str, Any]
"""A row's values by column."""

Values: TypeAlias = dict[str, tuple[Any, Any]]
"""What became of a row's fields, by their names in the schema: the JSON before and after."""

LABEL, REASON, VALUES = 1, 2, 3
"""Where in what an entry says, behind the salt, its parts stand."""

ERASED = "[erased]"
"""What stands in place of a value that was erased, in an entry that a later one says was erased."""

FORM = 1
"""The form of leaves that is written; each leaf says its own."""

# What an entry says of a row elsewhere than in its values, or what is made of those.
_ELSEWHERE = frozenset(
    {
        *("id", "case_id", "event_id", "user_id", "version", "title_key", "reference_key"),
        *("created_at", "created_by", "updated_at", "updated_by"),
    }
)
SALT_BYTES = 16  # as RFC 9901, section 9.3, has it: nobody guesses what was said


class Recorded(NamedTuple):
    """A column of which everything is recorded, and how entries call it and write its values."""

    column: str
    field: str
    json: Callable[[Any], Any]
    default: Any

    def column_of(self, value: Any) -> Any:
        """Return what is in the column, by what `json` made of it."""
        if self.json is _moment:
            return datetime.fromisoformat(value)
        return array_text(value) if self.json is _array else value


@dataclass(frozen=True)
class Subject:
    """A table whose rows are recorded: what entries call them, and which columns say what one is, and in which case.

    `searched` are the columns in which a text is searched for; `index` returns the columns that orders read, made of a
    row's others. There is no `label` where rows have no name.
    """

    name: str
    model: type[Base]
    label: str | None
    key: str = "id"
    place: str = "case_id"
    searched: tuple[str, ...] = ()
    index: Callable[[Row], Mapping[str, str | None]] | None = None

    @property
    def table(self) -> Table:
        """The table."""
        return table_of(self.model)

    def event_of(self, row: Row) -> str | None:
        """Return the id of the event that a row is, or is on."""
        event: str | None = row["id"] if self.model is Event else row.get("event_id")
        return event

    def text(self, row: Row) -> str:
        """Return what is searched of a row, in which columns may be missing that are null."""
        return fold(*(row.get(name) for name in self.searched))

    def called(self, row: Row) -> str | None:
        """Return what a row is called; None where that is not to be told."""
        return None if self.label is None else row.get(self.label)

    def made(self, row: Row) -> Values:
        """Return the values of a new row, in which columns may be missing that have a default."""
        told = ((each.field, each.json(row.get(each.column, each.default))) for each in self.columns)
        return {field: (None, value) for field, value in told if value is not None}

    def changed(self, row: Row, values: Row) -> Values:
        """Return what becomes of a row to which values are written."""
        told = ((each, row[each.column], values[each.column]) for each in self.columns if each.column in values)
        return {each.field: (each.json(old), each.json(new)) for each, old, new in told if old != new}

    def gone(self, row: Row) -> Values:
        """Return what is lost with a row."""
        return {name: (value, None) for name, (_, value) in self.made(row).items()}

    def columns_of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a row by the values of its fields, those that are null left out."""
        told = ((each, values.get(each.field)) for each in self.columns)
        return {each.column: each.column_of(value) for each, value in told if value is not None}

    @property
    def names(self) -> Iterator[str]:
        """The names of the recorded fields."""
        return (each.field for each in self.columns)

    @cached_property
    def columns(self) -> tuple[Recorded, ...]:
        """The columns whose values entries tell."""
        return tuple(_recorded(column) for column in self.table.c if column.name not in _ELSEWHERE)


def _recorded(column: Column[Any]) -> Recorded:
    if column.name == "given_by":
        # Who gave a membership is whoever made the entry that says that it has yet to be taken up.
        return Recorded("given_by", "accepted", lambda giver: giver is None, None)
    if column.name == "tags":
        return Recorded("tags", "tags", _array, None)
    if column.name == "row_id":
        return Recorded("row_id", "on", _itself, None)
    json = _moment if isinstance(column.type, Time) else _itself
    default: Any = column.server_default.arg if column.server_default is not None else None  # type: ignore[attr-defined]
    if default is not None and isinstance(column.type, Integer):
        default = int(default)
    return Recorded(column.name, field_name(column.name), json, default)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)


def _array(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def array_text(values: Sequence[str]) -> str:
    """Return a JSON array of texts, as the text that is stored."""
    return orjson.dumps(values).decode()


def _itself(value: Any) -> Any:
    return value


def case_index(case: Row) -> dict[str, str | None]:
    """Return the columns of a case by which it is sorted, and found by its whole reference."""
    reference = case.get("reference")
    return {"title_key": fold(case["title"]), "reference_key": None if reference is None else fold(reference)}


def tag_index(row: Row) -> dict[str, dict[str, str | None]]:
    """Return the rows of the index of tags for a row of a case, by their keys; in a new row `tags` may be missing."""
    text = row.get("tags")
    if text is None:
        return {}
    place = {"row_id": row["id"], "case_id": row.get("case_id", row["id"]), "event_id": row.get("event_id")}
    return {(key := fold(tag)): {**place, "key": key, "tag": tag} for tag in orjson.loads(text)}


SUBJECTS: Mapping[str, Subject] = {
    subject.table.name: subject
    for subject in (
        Subject("CASE", Case, "title", place="id", searched=("title", "description", "reference"), index=case_index),
        Subject("EVENT", Event, "title", searched=("title", "description", "source", "time_kind")),
        Subject("FILE_BATCH", FileBatch, "label", searched=("label", "description", "file_types")),
        Subject("COMMENT", Comment, None, searched=("text",)),
        Subject("MEMBER", CaseMember, "subject", key="user_id"),
        Subject("HOLD", Hold, "name"),
    )
}
"""The tables of which everything is recorded."""

FILE = Subject("FILE", File, "path", searched=("path",))
"""Files, of which nothing is recorded but the digest of the whole list; see files.py."""

SEARCHED: Mapping[str, Subject] = {
    subject.table.name: subject for subject in (*SUBJECTS.values(), FILE) if subject.searched
}
"""The tables in whose rows a text is searched for."""

SUBJECT_OF: Mapping[str, Subject] = {subject.name: subject for subject in SUBJECTS.values()}
"""The same by what entries call their rows."""

NO_CHANGE = {
    ChangeKind.REFUSED: ("mutation", "state"),
    ChangeKind.PURGED: ("authority", "entries", "size", "root", "checkpoint", "comments"),
    ChangeKind.ERASED: ("seqs", "erased"),
    ChangeKind.EXPORTED: ("format", "where", "history"),
}
"""The kinds of entries that leave the row as it is, with the fields in which they say what they are about."""

FIELDS = frozenset(
    [name for subject in SUBJECTS.values() for name in subject.names]
    + [name for names in NO_CHANGE.values() for name in names]
)
"""The names of all fields that entries have."""


def said(label: str | None, reason: str | None, values: Values) -> str:
    """Return what an entry says, as the text that is stored and whose digest is in the leaf."""
    return orjson.dumps([secrets.token_urlsafe(SALT_BYTES), label, reason, values]).decode()


def digest_of(said: str) -> bytes:
    """Return the SHA-256 of what an entry says."""
    return sha256(said.encode()).digest()


def leaf_of(entry: Row) -> bytes:
    """Return the leaf of an entry: its JSON in the form of RFC 8785, without the members that are null.

    When it was made may be a moment, or already the text that one is written as.
    """
    at = entry["at"]
    leaf = {
        "at": at if isinstance(at, str) else format_time(at),
        "by": entry["by"],
        "case": entry["case_id"],
        "digest": entry["digest"].hex(),
        "kind": entry["kind"],
        "row": entry["row_id"],
        "seq": entry["seq"],
        "type": entry["type"],
        "v": FORM,
    }
    for name, column in (("event", "event_id"), ("request", "request_id"), ("version", "version")):
        if entry[column] is not None:
            leaf[name] = entry[column]
    return canonical(leaf)


def canonical(value: Any) -> bytes:
    """Return JSON in the form of RFC 8785, of what has names in ASCII and whole numbers below 2^53: as leaves have.

    There it is sorted JSON without blanks. Other names the RFC sorts by UTF-16, and other numbers it writes as
    ECMAScript does.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
