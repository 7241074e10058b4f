"""JSON written by the database: a few SQL functions that mean the same on SQLite and PostgreSQL.

Every expression here is text. NULL in a concatenation counts as the empty text on both databases, so an
expression that may be NULL and must show as `null` says so itself (`or_null`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Boolean, ColumnElement, Integer, String, Text, case, column, func, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import BindParameter, TableValuedAlias
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from app.db.types import Choice, Id, Time

# A text in the making: literal parts and expressions, in order.
Piece: TypeAlias = str | ColumnElement[Any]

# SQLite takes up to 127 arguments (SQLITE_MAX_FUNCTION_ARG before 3.48), PostgreSQL up to 100
# (FUNC_MAX_ARGS): a longer concatenation is one of concatenations.
_MAX_ARGUMENTS = 90
_CHAINED = 10
# More bytes than SQLite ever makes (SQLITE_MAX_LENGTH).
_BEYOND_ALL = 2_147_483_647


class _Text(FunctionElement[str]):
    """A function whose result is text."""

    inherit_cache = False
    type = Text()


class _Concatenation(_Text):
    """Literal and computed texts, one after the other."""

    name = "concatenation"

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        super().__init__(*(piece for piece in pieces if not isinstance(piece, str)))


@compiles(_Concatenation, "postgresql")
def _concatenation_postgresql(element: _Concatenation, compiler: SQLCompiler, **options: Any) -> str:
    arguments = (
        _literal(piece) if isinstance(piece, str) else compiler.process(piece, **options) for piece in element.pieces
    )
    return f"concat({', '.join(arguments)})"


@compiles(_Concatenation, "sqlite")
def _concatenation_sqlite(element: _Concatenation, compiler: SQLCompiler, **options: Any) -> str:
    # One pass over the parts, where a chain of || copies its beginning again for each.
    form = "".join(piece.replace("%", "%%") if isinstance(piece, str) else "%s" for piece in element.pieces)
    arguments = [compiler.process(piece, **options) for piece in element.pieces if not isinstance(piece, str)]
    # What is too long, printf makes NULL of (before 3.43 at least); a blob that long is refused for certain.
    return f"coalesce(printf({', '.join([_literal(form), *arguments])}), zeroblob({_BEYOND_ALL}))"


class _Chain(_Concatenation):
    """The same, joined one by one: as soon as they are too long together, no more of them is computed."""

    name = "chain"


@compiles(_Chain, "sqlite")
def _chain_sqlite(element: _Chain, compiler: SQLCompiler, **options: Any) -> str:
    # The length of each result is checked, and only then the next piece computed. There are no parentheses around
    # the whole, which would take one of the places on the parser's stack.
    parts = []
    for piece in element.pieces:
        text = _literal(piece) if isinstance(piece, str) else compiler.process(piece, **options)
        parts.append(f"({text})" if isinstance(piece, _Chain) else text)
    return " || ".join(parts)


@dataclass(frozen=True)
class Member:
    """A member of a JSON object whose value is a column's."""

    key: str
    value: ColumnElement[Any]
    kind: TypeEngine[Any]
    nullable: bool


class _Flat(_Text):
    """The JSON of an object whose members are columns' values only."""

    name = "flat"

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        super().__init__(*(member.value for member in members))


@compiles(_Flat, "postgresql")
def _flat_postgresql(element: _Flat, compiler: SQLCompiler, **options: Any) -> str:
    pieces: list[Piece] = []
    for member in element.members:
        value = json_pieces(member.value, member.kind, nullable=member.nullable)
        pieces += ["," if pieces else "{", f'"{member.key}":', *value]
    return compiler.process(concatenation([*pieces, "}"]), **options)


@compiles(_Flat, "sqlite")
def _flat_sqlite(element: _Flat, compiler: SQLCompiler, **options: Any) -> str:
    # What SQLite stores of each kind is what its own function makes the right JSON of.
    arguments = (f"{_literal(member.key)}, {compiler.process(member.value, **options)}" for member in element.members)
    return f"json_object({', '.join(arguments)})"


class _Quoted(_Text):
    """A text as a JSON string."""

    name = "quoted"


@compiles(_Quoted, "postgresql")
def _quoted_postgresql(element: _Quoted, compiler: SQLCompiler, **options: Any) -> str:
    return f"to_json({compiler.process(element.clauses, **options)})::text"


@compiles(_Quoted, "sqlite")
def _quoted_sqlite(element: _Quoted, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_quote({compiler.process(element.clauses, **options)})"


class _Moment(_Text):
    """A moment in its wire form."""

    name = "moment"


@compiles(_Moment, "postgresql")
def _moment_postgresql(element: _Moment, compiler: SQLCompiler, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


@compiles(_Moment, "sqlite")
def _moment_sqlite(element: _Moment, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


class _InQuotes(_Text):
    """A text that needs no escaping, between quotation marks; NULL stays NULL."""

    name = "in_quotes"


@compiles(_InQuotes)
def _in_quotes(element: _InQuotes, compiler: SQLCompiler, **options: Any) -> str:
    return f"""('"' || {compiler.process(element.clauses, **options)} || '"')"""


class _Joined(_Text):
    """The texts of all rows that are not NULL, in the order of the rows, separated by commas."""

    name = "joined"


@compiles(_Joined, "postgresql")
def _joined_postgresql(element: _Joined, compiler: SQLCompiler, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)}, ',')"


@compiles(_Joined, "sqlite")
def _joined_sqlite(element: _Joined, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)}, ',')"


class _Hexadecimal(_Text):
    """The UTF-8 bytes of a text in upper-case hexadecimal digits."""

    name = "hexadecimal"


@compiles(_Hexadecimal, "postgresql")
def _hexadecimal_postgresql(element: _Hexadecimal, compiler: SQLCompiler, **options: Any) -> str:
    return f"upper(encode(convert_to({compiler.process(element.clauses, **options)}, 'UTF8'), 'hex'))"


@compiles(_Hexadecimal, "sqlite")
def _hexadecimal_sqlite(element: _Hexadecimal, compiler: SQLCompiler, **options: Any) -> str:
    return f"hex({compiler.process(element.clauses, **options)})"


class _Contains(FunctionElement[bool]):
    """Whether the first text contains the second, character for character."""

    name = "contains"
    inherit_cache = False
    type = Boolean()


@compiles(_Contains, "postgresql")
def _contains_postgresql(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)}) > 0"


@compiles(_Contains, "sqlite")
def _contains_sqlite(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


class _Elements(FunctionElement[Any]):
    """The elements of a JSON array of identifiers."""

    name = "elements"
    inherit_cache = False


@compiles(_Elements, "postgresql")
def _elements_postgresql(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return (
        "(SELECT t.place, CAST(t.id AS uuid) AS id FROM json_array_elements_text("
        f"CAST({array} AS json)) WITH ORDINALITY AS t (id, place))"
    )


@compiles(_Elements, "sqlite")
def _elements_sqlite(element: _Elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT key AS place, value AS id FROM json_each({compiler.process(element.clauses, **options)}))"


def concatenation(pieces: Iterable[Piece]) -> ColumnElement[str]:
    """Return one text of literal and computed pieces; a piece that is NULL counts as empty."""
    merged: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    if len(merged) == 1 and isinstance(merged[0], ColumnElement) and isinstance(merged[0].type, Text):
        return merged[0]
    while len(merged) > _MAX_ARGUMENTS:
        merged = [
            _Concatenation(merged[start : start + _MAX_ARGUMENTS]) for start in range(0, len(merged), _MAX_ARGUMENTS)
        ]
    return _Concatenation(merged)


def chain(pieces: Sequence[Piece]) -> ColumnElement[str]:
    """Return one text of pieces that may be long and are never NULL."""
    # In chains of chains: SQLite keeps the result of each step in a register of its own until the statement ends.
    while len(pieces) > _CHAINED:
        pieces = [_Chain(pieces[start : start + _CHAINED]) for start in range(0, len(pieces), _CHAINED)]
    return _Chain(pieces)


def json_pieces(value: ColumnElement[Any], kind: TypeEngine[Any], *, nullable: bool) -> list[Piece]:
    """Return the JSON of a column's value, by the column's type. Raises TypeError for a type without one."""
    match kind:
        case Integer():
            return [or_null(value.cast(Text))] if nullable else [value]
        case Id() | Choice():
            text = value
        case Time():
            text = _Moment(value)
        case String():
            return [or_null(_Quoted(value))] if nullable else [_Quoted(value)]
        case _:
            raise TypeError(f"no JSON form for a column of type {kind!r}")
    return [or_null(_InQuotes(text))] if nullable else ['"', text, '"']


def flat_object(members: Sequence[Member]) -> ColumnElement[str] | None:
    """Return the JSON of an object whose members are columns' values only; None when they are too many for it."""
    return _Flat(members) if 0 < len(members) <= _MAX_ARGUMENTS // 2 else None


def cursor_text(tag: str, keys: Sequence[tuple[ColumnElement[Any], TypeEngine[Any]]]) -> ColumnElement[str]:
    """Return an opaque cursor: a JSON array of the order's tag and a row's sort keys, in hexadecimal."""
    pieces: list[Piece] = [f'["{tag}"']
    for value, kind in keys:
        pieces += [",", *json_pieces(value, kind, nullable=False)]
    return _Hexadecimal(concatenation([*pieces, "]"]))


def in_quotes(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return the JSON of a text that needs no escaping; NULL stays NULL."""
    return _InQuotes(text)


def boolean(condition: ColumnElement[bool]) -> ColumnElement[str]:
    """Return the JSON of a condition."""
    return case((condition, literal_column("'true'", Text)), else_=literal_column("'false'", Text))


def joined(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return the texts of all rows that are not NULL, separated by commas; NULL when there are none."""
    return _Joined(text)


def or_null(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return a JSON text, or `null` where it is NULL."""
    return func.coalesce(text, literal_column("'null'", Text), type_=Text())


def contains(text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether `text` contains `part`; no character of it has a special meaning."""
    return _Contains(text, part)


def elements(array: BindParameter[str], alias: str) -> TableValuedAlias:
    """Return the identifiers in a JSON array as rows of `place`, which tells their order, and `id`."""
    return _Elements(array).table_valued(column("place", Integer), column("id", Id), name=alias)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
