"""JSON written by the database: a few SQL functions that mean the same on SQLite and PostgreSQL.

Every expression here is text. NULL in a concatenation counts as the empty text on both databases, so an
expression that may be NULL and must show as `null` says so itself (`or_null`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    String,
    Subquery,
    Text,
    case,
    cast,
    column,
    func,
    literal_column,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import BindParameter, TableValuedAlias
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from app.db.types import Choice, Hash, Id, Time
from app.errors import PassedLimit

T = TypeVar("T")

# A text in the making: literal parts and expressions, in order.
Piece: TypeAlias = str | ColumnElement[Any]

# What SQLite calls with each piece of a stream, with each row of one, and for all pieces together; see assembly.py.
TAKE, EACH, TAKEN = "dossier_take", "dossier_each", "dossier_taken"
# And for the node above two others in a Merkle tree, see `node_hash`.
NODE = "dossier_node"

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


class Condition(FunctionElement[bool]):
    """A condition, in words of its own."""

    inherit_cache = False
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:  # noqa: ARG002 - wherever it stands
        """Leave it as it is: SQLite would look in no index for what is compared with true."""
        return self


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
    values = (_Digits(each.value) if isinstance(each.kind, Hash) else each.value for each in element.members)
    pairs = zip(element.members, values, strict=True)
    arguments = (f"{_literal(member.key)}, {compiler.process(value, **options)}" for member, value in pairs)
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


class _UnitOf(FunctionElement[Any]):
    """The unit of time that a moment is in, as a value of the database's own that sorts as time does."""

    name = "unit_of"
    inherit_cache = False

    def __init__(self, moment: ColumnElement[Any], unit: str) -> None:
        self.unit = unit
        super().__init__(moment)


@compiles(_UnitOf, "postgresql")
def _unit_of_postgresql(element: _UnitOf, compiler: SQLCompiler, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"date_trunc('{element.unit.lower()}', {moment} AT TIME ZONE 'UTC')"


# How much of a moment's text says in which unit it is, and how that goes on where it begins; see _moment_sqlite.
_UNITS = {
    "MINUTE": (16, ":00.000000Z"),
    "HOUR": (13, ":00:00.000000Z"),
    "DAY": (10, "T00:00:00.000000Z"),
    "MONTH": (7, "-01T00:00:00.000000Z"),
    "YEAR": (4, "-01-01T00:00:00.000000Z"),
}


@compiles(_UnitOf, "sqlite")
def _unit_of_sqlite(element: _UnitOf, compiler: SQLCompiler, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    if element.unit == "WEEK":
        # The Monday that is the day or comes next, of six days before.
        return f"date(substr({moment}, 1, 10), '-6 days', 'weekday 1')"
    return f"substr({moment}, 1, {_UNITS[element.unit][0]})"


class _BeginningOf(_Text):
    """The moment with which a unit of time begins, or that with which the one behind it does, in its wire form.

    Where that would be in the year 10000, it is the last moment that there is.
    """

    name = "beginning_of"

    def __init__(self, value: ColumnElement[Any], unit: str, *, behind: bool) -> None:
        self.unit = unit
        self.behind = behind
        super().__init__(value)


@compiles(_BeginningOf, "postgresql")
def _beginning_of_postgresql(element: _BeginningOf, compiler: SQLCompiler, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    if element.behind:
        last = "TIMESTAMP '9999-12-31 23:59:59.999999'"
        moment = f"least({moment} + INTERVAL '1 {element.unit.lower()}', {last})"
    return f"""to_char({moment}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


@compiles(_BeginningOf, "sqlite")
def _beginning_of_sqlite(element: _BeginningOf, compiler: SQLCompiler, **options: Any) -> str:
    _, rest = _UNITS.get(element.unit, _UNITS["DAY"])
    moment = f"{compiler.process(element.clauses, **options)} || '{rest}'"
    if not element.behind:
        return moment
    step = "7 days" if element.unit == "WEEK" else f"1 {element.unit.lower()}"
    # Of a year that has five digits SQLite makes NULL.
    behind = f"strftime('%Y-%m-%dT%H:%M:%S.000000Z', {moment}, '+{step}')"
    return f"coalesce({behind}, '9999-12-31T23:59:59.999999Z')"


class _AtMost(_Text):
    """No text; where a number is greater than it may be, the statement fails with an error that has `word` in it."""

    name = "at_most"

    def __init__(self, number: ColumnElement[int], maximum: int, word: str) -> None:
        self.maximum = maximum
        self.word = word
        super().__init__(number)


@compiles(_AtMost, "postgresql")
def _at_most_postgresql(element: _AtMost, compiler: SQLCompiler, **options: Any) -> str:
    number = compiler.process(element.clauses, **options)
    # A text that is no number: what is known before the statement runs would fail even if it is never asked.
    fits = f"CASE WHEN {number} > {element.maximum} THEN '{element.word}' ELSE '0' END"
    return f"CASE WHEN CAST({fits} AS integer) = 0 THEN '' END"


@compiles(_AtMost, "sqlite")
def _at_most_sqlite(element: _AtMost, compiler: SQLCompiler, **options: Any) -> str:
    number = compiler.process(element.clauses, **options)
    return f"""json_extract('[""]', CASE WHEN {number} > {element.maximum} THEN '{element.word}' ELSE '$[0]' END)"""


class Stream(_Text):
    """Texts of each row, one after the other: nothing ever holds all of them.

    A step is a text or a stream of its own, and is computed only when those before it were handed on. `rows` are
    those that the steps mention, None where they mention none. A stream stands among the steps of another one; the
    outermost in `gathered`.
    """

    name = "stream"

    def __init__(self, rows: Subquery | None, steps: Sequence[ColumnElement[str]], *, numbered: bool) -> None:
        self.rows = rows
        self.steps = steps
        self.numbered = numbered
        super().__init__(*steps)


@compiles(Stream, "postgresql")
def _stream_postgresql(element: Stream, compiler: SQLCompiler, **options: Any) -> str:
    texts = " UNION ALL ".join(
        f"({text})" if isinstance(step, Stream) else f"(SELECT {text} AS piece)"
        for step in element.steps
        if (text := compiler.process(step, **options))
    )
    if element.rows is None:
        return texts
    rows = compiler.process(element.rows, asfrom=True, **options)
    if element.numbered:
        # The steps mention the number, so that for each row, in the order of the rows, all of them are computed.
        rows = f"(SELECT *, row_number() OVER () AS nth FROM {rows}) AS {element.rows.name}"
    else:
        # With OFFSET the rows are found first. Otherwise their conditions may be joined to pieces of rows that don't
        # meet them yet, and a hash join, which hands on what is equal in any order, shuffles the pieces.
        rows = f"(SELECT * FROM {rows} OFFSET 0) AS {element.rows.name}"
    return f"SELECT piece FROM {rows} CROSS JOIN LATERAL ({texts}) AS pieces"


@compiles(Stream, "sqlite")
def _stream_sqlite(element: Stream, compiler: SQLCompiler, **options: Any) -> str:
    # Either computes one argument after the other; they are all NULL. Of the two in each other there would be too much
    # for the parser's stack.
    call = EACH if element.numbered else "coalesce"
    assert element.rows is not None, "only the outermost stream has none"  # noqa: S101 - for the type checker
    rows = compiler.process(element.rows, asfrom=True, **options)
    return f"(SELECT {call}({', '.join(_taken(element, compiler, **options))}) FROM {rows})"


def _taken(element: Stream, compiler: SQLCompiler, **options: Any) -> list[str]:
    """Return expressions that hand on the steps of a stream, at least two and no more than a function may have."""
    texts = (compiler.process(step, **options) for step in element.steps)
    steps = [
        text if isinstance(step, Stream) else f"{TAKE}({text})" for step, text in zip(element.steps, texts, strict=True)
    ]
    while len(steps) > _MAX_ARGUMENTS:
        parts = (steps[start : start + _MAX_ARGUMENTS] for start in range(0, len(steps), _MAX_ARGUMENTS))
        steps = [f"coalesce({', '.join(part)}, NULL)" for part in parts]
    return [*steps, "NULL"]


class _Gathered(_Text):
    """What a stream yields, as the bytes of one text; it ends the statement as soon as that is too long."""

    name = "gathered"

    def __init__(self, stream: Stream, longest: int) -> None:
        self.stream = stream
        self.longest = longest
        super().__init__(stream)


@compiles(_Gathered, "postgresql")
def _gathered_postgresql(element: _Gathered, compiler: SQLCompiler, **options: Any) -> str:
    pieces = compiler.process(element.stream, **options)
    # A division by zero is what ends a statement without a function of one's own. With OFFSET the length is
    # added up before a piece is looked at.
    fits = f"1 / (CASE WHEN length <= {element.longest} THEN 1 ELSE 0 END) = 1"
    lengths = "sum(octet_length(piece)) OVER (ROWS UNBOUNDED PRECEDING) AS length"
    return (
        f"(SELECT convert_to(string_agg(CASE WHEN {fits} THEN piece END, ''), 'UTF8') "
        f"FROM (SELECT piece, {lengths} FROM ({pieces}) AS pieces OFFSET 0) AS pieces)"
    )


@compiles(_Gathered, "sqlite")
def _gathered_sqlite(element: _Gathered, compiler: SQLCompiler, **options: Any) -> str:
    return f"coalesce({', '.join(_taken(element.stream, compiler, **options))}, {TAKEN}())"


class _Comma(_Text):
    """A comma before each row of a stream but the first."""

    name = "comma"


@compiles(_Comma, "postgresql")
def _comma_postgresql(_element: _Comma, _compiler: SQLCompiler, **_options: Any) -> str:
    return "CASE WHEN nth > 1 THEN ',' END"


@compiles(_Comma, "sqlite")
def _comma_sqlite(_element: _Comma, _compiler: SQLCompiler, **_options: Any) -> str:
    return "','"  # whoever takes the pieces leaves out the first


class Pause(_Text):
    """No text, but where a stream hands on what stands before it."""

    name = "pause"


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


class _Contains(Condition):
    """Whether the first text contains the second, character for character."""

    name = "contains"


@compiles(_Contains, "postgresql")
def _contains_postgresql(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)}) > 0"


@compiles(_Contains, "sqlite")
def _contains_sqlite(element: _Contains, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


class _Position(FunctionElement[int]):
    """Where the first text contains the second, from 1; 0 where it doesn't."""

    name = "position"
    inherit_cache = False
    type = Integer()


@compiles(_Position, "postgresql")
def _position_postgresql(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(_Position, "sqlite")
def _position_sqlite(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


class _InSmallLetters(_Text):
    """A text with the letters A to Z made small, and no others."""

    name = "in_small_letters"


@compiles(_InSmallLetters, "postgresql")
def _in_small_letters_postgresql(element: _InSmallLetters, compiler: SQLCompiler, **options: Any) -> str:
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'


@compiles(_InSmallLetters, "sqlite")
def _in_small_letters_sqlite(element: _InSmallLetters, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


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


class _Texts(FunctionElement[Any]):
    """The texts in a JSON array."""

    name = "texts"
    inherit_cache = False


@compiles(_Texts, "postgresql")
def _texts_postgresql(element: _Texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json)) AS text)"


@compiles(_Texts, "sqlite")
def _texts_sqlite(element: _Texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT value AS text FROM json_each({compiler.process(element.clauses, **options)}))"


class _Element(_Text):
    """The JSON of an element of a JSON array."""

    name = "element"

    def __init__(self, array: ColumnElement[str], place: int) -> None:
        self.place = place
        super().__init__(array)


@compiles(_Element, "postgresql")
def _element_postgresql(element: _Element, compiler: SQLCompiler, **options: Any) -> str:
    return f"(CAST({compiler.process(element.clauses, **options)} AS json) -> {element.place})::text"


@compiles(_Element, "sqlite")
def _element_sqlite(element: _Element, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)} -> '$[{element.place}]')"


class _Members(FunctionElement[Any]):
    """The members of a JSON object that is an element of a JSON array."""

    name = "members"
    inherit_cache = False

    def __init__(self, array: ColumnElement[str], place: int) -> None:
        self.place = place
        super().__init__(array)


@compiles(_Members, "postgresql")
def _members_postgresql(element: _Members, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT key, CAST(value AS text) AS value FROM json_each(CAST({array} AS json) -> {element.place}))"


@compiles(_Members, "sqlite")
def _members_sqlite(element: _Members, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(element.clauses, **options)
    return f"(SELECT key, value FROM json_each({array}, '$[{element.place}]'))"


class _Inside(_Text):
    """What stands at a path in a JSON document: its JSON, or `as_text` what a text, a number or a Boolean says."""

    name = "inside"

    def __init__(self, document: ColumnElement[str], path: Sequence[str | int], *, as_text: bool) -> None:
        self.path = path
        self.as_text = as_text
        super().__init__(document)


@compiles(_Inside, "postgresql")
def _inside_postgresql(element: _Inside, compiler: SQLCompiler, **options: Any) -> str:
    document = compiler.process(element.clauses, **options)
    path = f"'{{{','.join(map(str, element.path))}}}'"
    if element.as_text:
        return f"(CAST({document} AS json) #>> {path})"
    return f"(CAST({document} AS json) #> {path})::text"


@compiles(_Inside, "sqlite")
def _inside_sqlite(element: _Inside, compiler: SQLCompiler, **options: Any) -> str:
    document = compiler.process(element.clauses, **options)
    path = "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in element.path)
    # Without parentheses, each of which would take a place on the parser's stack; no operator binds tighter.
    return f"{document} {'->>' if element.as_text else '->'} '${path}'"


class _ArrayOf(_Text):
    """A JSON array of one value."""

    name = "array_of"


@compiles(_ArrayOf, "postgresql")
def _array_of_postgresql(element: _ArrayOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_build_array({compiler.process(element.clauses, **options)})::text"


@compiles(_ArrayOf, "sqlite")
def _array_of_sqlite(element: _ArrayOf, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **options)})"


class _IsNone(Condition):
    """Whether a value is none of those that a statement finds, which are never NULL."""

    name = "is_none"

    def __init__(self, value: ColumnElement[Any], found: Select[Any]) -> None:
        self.value = value
        self.found = found
        super().__init__(value, found.scalar_subquery())


@compiles(_IsNone, "postgresql")
def _is_none_postgresql(element: _IsNone, compiler: SQLCompiler, **options: Any) -> str:
    # An anti-join; of NOT IN the planner makes none.
    value, found = (compiler.process(clause, **options) for clause in element.clauses)
    return f"NOT EXISTS (SELECT 1 FROM {found} AS found (value) WHERE found.value = {value})"


@compiles(_IsNone, "sqlite")
def _is_none_sqlite(element: _IsNone, compiler: SQLCompiler, **options: Any) -> str:
    # What is found is put into a table once; NOT EXISTS would look for each value in an index that may be large.
    value, found = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{value} NOT IN {found}"


class _IsOneOf(_IsNone):
    """Whether a value is one of those that a statement finds, which is asked first."""

    name = "is_one_of"


@compiles(_IsOneOf, "postgresql")
def _is_one_of_postgresql(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    # As an array, which is there before rows are looked up by it: of a join the planner would judge by averages.
    value, found = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{value} = ANY (ARRAY{found})"


@compiles(_IsOneOf, "sqlite")
def _is_one_of_sqlite(element: _IsOneOf, compiler: SQLCompiler, **options: Any) -> str:
    value, found = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{value} IN {found}"


class _Apart(FunctionElement[Any]):
    """A value, by which SQLite is not to look in an index: it has no figures to choose the right one by."""

    name = "apart"
    inherit_cache = False


@compiles(_Apart, "postgresql")
def _apart_postgresql(element: _Apart, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(_Apart, "sqlite")
def _apart_sqlite(element: _Apart, compiler: SQLCompiler, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


class _LastHash(FunctionElement[bytes]):
    """The last 32 bytes of some."""

    name = "last_hash"
    inherit_cache = False
    type = LargeBinary()


@compiles(_LastHash, "postgresql")
def _last_hash_postgresql(element: _LastHash, compiler: SQLCompiler, **options: Any) -> str:
    nodes = compiler.process(element.clauses, **options)
    return f"substring({nodes} FROM octet_length({nodes}) - 31)"


@compiles(_LastHash, "sqlite")
def _last_hash_sqlite(element: _LastHash, compiler: SQLCompiler, **options: Any) -> str:
    return f"substr({compiler.process(element.clauses, **options)}, -32)"


class _NodeHash(FunctionElement[bytes]):
    """The hash of the node above two others in a Merkle tree (RFC 9162, section 2.1.1)."""

    name = "node_hash"
    inherit_cache = False
    type = LargeBinary()


@compiles(_NodeHash, "postgresql")
def _node_hash_postgresql(element: _NodeHash, compiler: SQLCompiler, **options: Any) -> str:
    left, right = (compiler.process(clause, **options) for clause in element.clauses)
    return f"sha256('\\x01'::bytea || {left} || {right})"


@compiles(_NodeHash, "sqlite")
def _node_hash_sqlite(element: _NodeHash, compiler: SQLCompiler, **options: Any) -> str:
    return f"{NODE}({compiler.process(element.clauses, **options)})"


class _Digits(_Text):
    """Bytes in lower-case hexadecimal digits."""

    name = "digits"


@compiles(_Digits, "postgresql")
def _digits_postgresql(element: _Digits, compiler: SQLCompiler, **options: Any) -> str:
    return f"encode({compiler.process(element.clauses, **options)}, 'hex')"


@compiles(_Digits, "sqlite")
def _digits_sqlite(element: _Digits, compiler: SQLCompiler, **options: Any) -> str:
    # Of NULL it would make an empty text.
    return f"nullif(lower(hex({compiler.process(element.clauses, **options)})), '')"


class _Among(Condition):
    """Whether a text is among those in a JSON array."""

    name = "among"


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    text, array = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{text} IN (SELECT json_array_elements_text(CAST({array} AS json)))"


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    text, array = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{text} IN (SELECT value FROM json_each({array}))"


def element(array: ColumnElement[str], place: int) -> ColumnElement[str]:
    """Return the JSON of an element of a JSON array; NULL where the array is."""
    return _Element(array, place)


def members(array: ColumnElement[str], place: int, alias: str) -> TableValuedAlias:
    """Return the members of a JSON object, which is an element of an array, as rows of `key` and `value`.

    There are none where the array is NULL. A value that is an array itself is its JSON.
    """
    return _Members(array, place).table_valued(column("key", Text), column("value", Text), name=alias)


def among(text: ColumnElement[str], array: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether a text is among those in a JSON array."""
    return _Among(text, array)


def inside(document: ColumnElement[str], *path: str | int) -> ColumnElement[str]:
    """Return the JSON of what stands at a path in a JSON document; NULL where nothing does, or the document is NULL."""
    return _Inside(document, path, as_text=False)


def value_inside(document: ColumnElement[str], kind: TypeEngine[T], *path: str | int) -> ColumnElement[T]:
    """Return the value that stands at a path in a JSON document; NULL where that is null, or nothing stands there."""
    return cast(_Inside(document, path, as_text=True), kind)


def array_of(value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a JSON array of one value."""
    return _ArrayOf(value)


def is_none(value: ColumnElement[Any], found: Select[Any]) -> ColumnElement[bool]:
    """Return whether a value is none of those that a statement finds, which are never NULL."""
    return _IsNone(value, found)


def is_one_of(value: ColumnElement[Any], found: Select[Any]) -> ColumnElement[bool]:
    """Return whether a value is one of those that a statement finds, which is asked first."""
    return _IsOneOf(value, found)


def apart(column: ColumnElement[T]) -> ColumnElement[T]:
    """Return a column by which SQLite is not to look in an index: it has no figures to choose the right one by."""
    return type_coerce(_Apart(column), column.type)


def last_hash(nodes: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """Return the last 32 bytes of some, as SHA-256 has them."""
    return _LastHash(nodes)


def node_hash(left: ColumnElement[bytes], right: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """Return the hash of the node above two others, as app/record/trees.py does."""
    return _NodeHash(left, right)


def digits(value: ColumnElement[bytes]) -> ColumnElement[str]:
    """Return bytes in lower-case hexadecimal digits."""
    return _Digits(value)


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


def stream(rows: Subquery | None, pieces: Sequence[Piece], *, separated: bool = False) -> Stream:
    """Return the pieces of each row as a stream, with commas between the rows that are to be `separated`."""
    steps: list[ColumnElement[str]] = []
    text: list[Piece] = [_Comma()] if separated else []
    for piece in pieces:
        if not isinstance(piece, Stream | Pause):
            text.append(piece)
            continue
        if text:
            steps.append(concatenation(text))
        text = []
        if isinstance(piece, Stream):
            steps.append(piece)
    if text:
        steps.append(concatenation(text))
    return Stream(rows, steps, numbered=separated)


def gathered(stream: Stream, longest: int) -> ColumnElement[str]:
    """Return the bytes of all that a stream yields. As soon as they are too many, the statement fails."""
    return _Gathered(stream, longest)


def json_pieces(value: ColumnElement[Any], kind: TypeEngine[Any], *, nullable: bool) -> list[Piece]:
    """Return the JSON of a column's value, by the column's type. Raises TypeError for a type without one."""
    match kind:
        case Integer():
            return [or_null(value.cast(Text))] if nullable else [value]
        case Id() | Choice():
            text = value
        case Time():
            text = _Moment(value)
        case Hash():
            text = _Digits(value)
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


def position(text: ColumnElement[str], part: ColumnElement[str]) -> ColumnElement[int]:
    """Return where `text` contains `part` first, from 1; 0 where it doesn't."""
    return _Position(text, part)


def in_small_letters(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return a text with the letters A to Z made small, and no others."""
    return _InSmallLetters(text)


def unit_of(moment: ColumnElement[Any], unit: str) -> ColumnElement[Any]:
    """Return the unit of time, by its name, that a moment is in by UTC: a value that sorts as time does.

    Weeks begin on Monday (ISO 8601).
    """
    return _UnitOf(moment, unit)


def beginning_of(value: ColumnElement[Any], unit: str, *, behind: bool = False) -> ColumnElement[str]:
    """Return when such a unit of time begins, or the one `behind` it, in the wire form of a moment.

    Where that would be in the year 10000, it is the last moment that there is.
    """
    return _BeginningOf(value, unit, behind=behind)


_LIMIT = re.compile(r"dossier-limit-(\d+)-(\d+)")


def at_most(number: ColumnElement[int], maximum: int, site: int) -> ColumnElement[str]:
    """Return no text, where a number is not greater than it may be; else the statement fails, see `passed_limit`."""
    return _AtMost(number, maximum, f"dossier-limit-{maximum}-{site}")


def passed_limit(error: BaseException) -> PassedLimit | None:
    """Return what is meant by the error with which a statement failed on either database because of `at_most`."""
    found = _LIMIT.search(str(error))
    return None if found is None else PassedLimit(int(found[1]), int(found[2]))


def elements(array: BindParameter[str], alias: str) -> TableValuedAlias:
    """Return the identifiers in a JSON array as rows of `place`, which tells their order, and `id`."""
    return _Elements(array).table_valued(column("place", Integer), column("id", Id), name=alias)


def texts(array: ColumnElement[str], alias: str) -> TableValuedAlias:
    """Return the texts in a JSON array as rows of `text`: to look them up in an index, as `among` doesn't."""
    return _Texts(array).table_valued(column("text", Text), name=alias)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
