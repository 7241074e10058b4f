r"""Tables that programs read: every value as it is.

- jsonl: a JSON object a line, `kind` first and then its fields (FIELDS), of the case too.
- csv: RFC 4180, in UTF-8 without a byte order mark, of events, file batches and comments. Nothing is guarded against
  spreadsheets, which take `=1+1` for a formula: for these there is xlsx. Null is an empty field without quotes and the
  empty text one with them (`""`); tags are a JSON array; what is true or false is `true` or `false`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final

import orjson

from app.exchange.rows import FIELDS, Row

COLUMNS: Final = tuple(dict.fromkeys(name for kind in ("EVENT", "FILE_BATCH", "COMMENT") for name in FIELDS[kind]))
"""The columns of a table in CSV behind `kind`: what any of its rows has."""

# A line may end in a lone CR too, for some who read it.
_QUOTED: Final = re.compile('[",\r\n]')


class Jsonl:
    """Writes JSON, an object a line."""

    media_type: ClassVar[str] = "application/jsonl"

    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, case: Row) -> bytes:
        """Return the line of the case."""
        return self.rows([case])

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Return the lines of rows."""
        return b"".join(json_line({name: row[name] for name in ("kind", *FIELDS[row["kind"]])}) for row in rows)

    def end(self) -> Iterator[bytes]:
        """Yield nothing."""
        yield from ()

    def close(self) -> None:
        """Do nothing: nothing is open."""


class Csv:
    """Writes CSV of events, file batches and comments."""

    media_type: ClassVar[str] = "text/csv; charset=utf-8"

    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, case: Row) -> bytes:  # noqa: ARG002 - which has no row: nothing but its comments shares its columns
        """Return the line of the columns' names."""
        return csv_line(("kind", *COLUMNS))

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Return the lines of rows."""
        return b"".join(csv_line(_values(row)) for row in rows)

    def end(self) -> Iterator[bytes]:
        """Yield nothing."""
        yield from ()

    def close(self) -> None:
        """Do nothing: nothing is open."""


def json_line(values: Row) -> bytes:
    """Return a JSON object as a line."""
    return orjson.dumps(values) + b"\n"


def csv_line(values: Iterable[Any]) -> bytes:
    """Return a line of CSV with JSON values: lists as JSON, null as nothing at all."""
    return (",".join(map(_field, values)) + "\r\n").encode()


def _values(row: Row) -> Iterator[Any]:
    own = _OWN[row["kind"]]
    yield row["kind"]
    for name in COLUMNS:
        yield row[name] if name in own else None


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return '"' + text.replace('"', '""') + '"' if text == "" or _QUOTED.search(text) else text


_OWN: Final = {kind: frozenset(names) for kind, names in FIELDS.items()}
