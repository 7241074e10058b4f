"""A transaction that writes, as the floors above see it.

Statements are SQLAlchemy's, compiled once for each set of values that they are given, and then handed to the
driver as text. SQLAlchemy's own execution would take several times as long as a statement on the embedded
database does, in a thread that only one transaction can use at a time.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, TypeAlias

import orjson
from sqlalchemy import JSON, Column, Delete, Insert, Select, Text, Update, bindparam, cast, func, insert, select
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from app.errors import AnswerTooLarge

Row: TypeAlias = Sequence[bytes | None]
"""A row of texts in UTF-8, as a response wants them."""

FoundRow: TypeAlias = Any
"""A named tuple of a row's columns; which ones, the statement says."""

_Element: TypeAlias = Select[*tuple[Any, ...]] | Insert | Update | Delete
_At: TypeAlias = tuple[int, Callable[[Any], Any]]  # the place of a value in its row, and what converts it
_PARAMETER = re.compile(r"\$(\d+)")  # there are no texts in statements that write


class Statement:
    """A statement that is run often; make it once, and give what changes as parameters.

    The columns that an INSERT or UPDATE writes are those among the values that it is run with.
    """

    def __init__(self, element: _Element, **elsewhere: _Element | None) -> None:
        """Take the statement, and what it is on a dialect that needs another one, by the dialect's name; or none."""
        self._element = element
        self._elsewhere = elsewhere
        self._forms: dict[tuple[str, tuple[str, ...]], _Form] = {}

    def form(self, dialect: Dialect, names: Iterable[str]) -> _Form:
        """Return the statement as a database's driver takes it, for values of these names."""
        key = dialect.name, tuple(names)
        form = self._forms.get(key)
        if form is None:
            element = self._elsewhere.get(dialect.name, self._element)
            assert element is not None, "it is run where it is one"  # noqa: S101 - for the type checker
            form = self._forms[key] = _compiled(element, dialect, key[1])
        return form

    def is_for(self, dialect: Dialect) -> bool:
        """Return whether there is anything to run on a dialect."""
        return self._elsewhere.get(dialect.name, self._element) is not None


class Session(Protocol):
    """Runs the statements of one change, which are in the driver's own form."""

    def rows(self, sql: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        """Return the rows of a statement."""

    def each(self, sql: str, several: Sequence[Sequence[object]]) -> None:
        """Run a statement with several rows of values."""

    def finish(self, sql: str, values: Sequence[object]) -> None:
        """Run a statement that writes, behind which only those come that read."""

    def look(self, sql: str, values: Sequence[object]) -> Sequence[Sequence[Any]]:
        """Return the rows of a statement that reads an answer and may take a short while only."""


class Transaction:
    """Runs statements in a transaction; whoever holds the connection begins and ends it."""

    def __init__(self, dialect: Dialect, session: Session, longest: int) -> None:
        """Take what runs statements, and the most bytes of an answer."""
        self._dialect = dialect
        self._run = session.rows
        self._run_each = session.each
        self._finish = session.finish
        self._look = session.look
        self._longest = longest
        self._conditions: list[Callable[[], None]] = []

    def expect(self, condition: Callable[[], None]) -> None:
        """Remember what has to hold until the end: `condition` raises when it doesn't any more."""
        self._conditions.append(condition)

    def check(self) -> None:
        """Raise what a condition raises that doesn't hold any more."""
        for condition in self._conditions:
            condition()

    def all(self, statement: Statement, values: Mapping[str, object]) -> list[FoundRow]:
        """Run a statement and return its rows."""
        form = statement.form(self._dialect, values)
        return form.rows(self._run(form.sql, form.bind(values)))

    def first(self, statement: Statement, values: Mapping[str, object]) -> FoundRow | None:
        """Run a statement and return its first row, or None."""
        rows = self.all(statement, values)
        return rows[0] if rows else None

    def run(self, statement: Statement, values: Mapping[str, object]) -> None:
        """Run a statement that returns nothing."""
        form = statement.form(self._dialect, values)
        self._run(form.sql, form.bind(values))

    def run_each(self, statement: Statement, rows: Sequence[Mapping[str, object]]) -> None:
        """Run a statement that returns nothing with each of some rows of values, all of the same names."""
        if not statement.is_for(self._dialect):
            return
        if len(rows) == 1:
            self.run(statement, rows[0])
        elif rows:
            form = statement.form(self._dialect, rows[0])
            bound = [form.bind(row) for row in rows]
            if form.of_each is None:
                self._run_each(form.sql, bound)
            else:
                self._run(form.of_each, [_as_json(form.keys, bound)])

    def run_all(self, statements: Sequence[tuple[Statement, Mapping[str, object]]]) -> None:
        """Run statements that write and return nothing.

        On SQLite they are run in the order given; on PostgreSQL in any, and none of them sees what another writes.

        They should be the last that write, as it costs others more when something fails behind them.
        PostgreSQL gets them as one statement, in one message: each is a part of its WITH clause. Rows of a table that
        follow each other are one part, as it carries parts out in an order of its own.
        """
        forms = [
            (statement.form(self._dialect, values), values)
            for statement, values in statements
            if statement.is_for(self._dialect)
        ]
        if self._dialect.name == "postgresql" and len(forms) > 1:
            parts: list[str] = []
            bound: list[object] = []
            for form, group in groupby(forms, key=itemgetter(0)):
                rows = [form.bind(values) for _, values in group]
                if form.of_each is not None and len(rows) > 1:
                    rows = [[_as_json(form.keys, rows)]]
                    parts.append(form.of_each)
                else:
                    parts += [form.sql] * len(rows)
                bound += [value for row in rows for value in row]
            self._finish(_together(tuple(parts)), bound)
            return
        for form, values in forms:
            self._finish(form.sql, form.bind(values))

    def read(self, statement: str, values: Sequence[object], room: int) -> Row:
        """Run a statement as Database.read does, among what the transaction has written so far.

        `room` is what of the longest answer is left. Raises AnswerTooLarge and PayloadDeadlineExceeded.
        """
        for found in self._look(statement, values):
            row = [text.encode() if isinstance(text, str) else text for text in found]
            if sum(len(text) for text in row if text is not None) <= room:
                return row
        raise AnswerTooLarge(self._longest)


class _Form(NamedTuple):
    sql: str
    keys: Sequence[str]
    of_each: str | None  # what does for many rows in a JSON array, by these keys, what `sql` does for one
    take: Callable[[Mapping[str, object]], tuple[object, ...]]
    constants: Mapping[str, object]
    binds: tuple[_At, ...]
    row: Callable[[Iterable[Any]], FoundRow]
    columns: tuple[_At, ...]

    def bind(self, values: Mapping[str, object]) -> Sequence[object]:
        taken = self.take({**values, **self.constants} if self.constants else values)
        return _converted(taken, self.binds) if self.binds else taken

    def rows(self, found: Sequence[Sequence[Any]]) -> list[FoundRow]:
        row, columns = self.row, self.columns
        return [row(_converted(each, columns) if columns else each) for each in found]


def _insert_each(element: Insert, names: Sequence[str]) -> Insert:
    """Return the statement that inserts all rows of a JSON array, on PostgreSQL.

    With a statement for each row, looking whether its references are there takes as long as the row.
    """
    columns = [Column(name, element.table.c[name].type) for name in names]
    given = func.json_to_recordset(cast(bindparam("rows", type_=Text()), JSON)).table_valued(*columns, name="given")
    rows = given.render_derived(with_types=True)
    return insert(element.table).inline().from_select(names, select(*(rows.c[name] for name in names)))


def _as_json(keys: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    return orjson.dumps([dict(zip(keys, row, strict=True)) for row in rows], default=_bytea).decode()


def _bytea(value: bytes) -> str:
    return f"\\x{value.hex()}"  # of all that rows have, JSON lacks bytes alone


@lru_cache(1_000)
def _together(statements: tuple[str, ...]) -> str:
    """Return one statement for PostgreSQL that does what several do, with the parameters of one after the other."""
    renumbered, before = [], 0
    for statement in statements:

        def renumber(number: re.Match[str], before: int = before) -> str:
            return f"${int(number[1]) + before}"

        renumbered.append(_PARAMETER.sub(renumber, statement))
        before += max((int(number) for number in _PARAMETER.findall(statement)), default=0)
    *parts, last = renumbered
    return "WITH " + ", ".join(f"part{place} AS ({part})" for place, part in enumerate(parts)) + f" {last}"


def _converted(values: Sequence[Any], converts: tuple[_At, ...]) -> Sequence[Any]:
    converted = list(values)
    for place, convert in converts:
        converted[place] = convert(converted[place])
    return converted


def _compiled(element: _Element, dialect: Dialect, names: tuple[str, ...]) -> _Form:
    compiled = element.compile(dialect=dialect, column_keys=list(names))
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
    parameters = [compiled.binds[name] for name in compiled.positiontup or ()]
    given = [parameter.key in names or parameter.required for parameter in parameters]
    to_driver = [parameter.type.dialect_impl(dialect).bind_processor(dialect) for parameter in parameters]
    constants = {
        parameter.key: parameter.value if convert is None else convert(parameter.value)
        for parameter, convert, is_given in zip(parameters, to_driver, given, strict=True)
        if not is_given
    }
    columns = list(element.exported_columns)
    from_driver = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    keys = [parameter.key for parameter in parameters]
    of_each = None
    if dialect.name == "postgresql" and isinstance(element, Insert) and element.select is None and all(given):
        of_each = _insert_each(element, keys).compile(dialect=dialect).string
    row: Any = namedtuple("FoundRow", [column.name for column in columns])  # type: ignore[misc]  # noqa: PYI024 - which columns is only known now
    return _Form(
        compiled.string,
        keys,
        of_each,
        _taking(keys),
        constants,
        _where_needed(convert if is_given else None for convert, is_given in zip(to_driver, given, strict=True)),
        row._make,
        _where_needed(from_driver),
    )


def _taking(names: Sequence[str]) -> Callable[[Mapping[str, object]], tuple[object, ...]]:
    """Return what takes values by these names, in their order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


def _where_needed(converts: Iterable[Callable[[Any], Any] | None]) -> tuple[_At, ...]:
    return tuple((place, convert) for place, convert in enumerate(converts) if convert is not None)
