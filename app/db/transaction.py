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
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import BindParameter, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from app.errors import AnswerTooLarge

Row: TypeAlias = Sequence[bytes | None]
"""A row of texts in UTF-8, as a response wants them."""

FoundRow: TypeAlias = Any
"""A named tuple of a row's columns; which ones, the statement says."""

_Element: TypeAlias = Select[*tuple[Any, ...]] | Insert | Update | Delete
_Convert: TypeAlias = Callable[[Any], Any] | None
_Run: TypeAlias = Callable[[str, Sequence[object]], Sequence[Sequence[Any]]]
_PARAMETER = re.compile(r"\$(\d+)")  # there are no texts in statements that write
_RunEach: TypeAlias = Callable[[str, Sequence[Sequence[object]]], object]


class Statement:
    """A statement that is run often; make it once, and give what changes as parameters.

    The columns that an INSERT or UPDATE writes are those among the values that it is run with.
    """

    def __init__(self, element: _Element, **elsewhere: _Element) -> None:
        """Take the statement, and what it is on a dialect that needs another one, by the dialect's name."""
        self._element = element
        self._elsewhere = elsewhere
        self._forms: dict[tuple[str, tuple[str, ...]], _Form] = {}

    def form(self, dialect: Dialect, names: Iterable[str]) -> _Form:
        """Return the statement as a database's driver takes it, for values of these names."""
        key = dialect.name, tuple(names)
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = _compiled(self._elsewhere.get(dialect.name, self._element), dialect, key[1])
        return form


class Transaction:
    """Runs statements in a transaction; whoever holds the connection begins and ends it."""

    def __init__(self, dialect: Dialect, run: _Run, run_each: _RunEach, longest: int, look: _Run) -> None:
        """Take what runs a statement in the driver's own form and returns its rows, and the most bytes of an answer.

        `run_each` runs one with several rows of values, and `look` one that reads an answer and may take a short while
        only.
        """
        self._dialect = dialect
        self._run = run
        self._run_each = run_each
        self._look = look
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
        if len(rows) == 1:
            self.run(statement, rows[0])
        elif rows:
            form = statement.form(self._dialect, rows[0])
            self._run_each(form.sql, [form.bind(row) for row in rows])

    def run_all(self, statements: Sequence[tuple[Statement, Mapping[str, object]]]) -> None:
        """Run statements that write and return nothing, in any order: none of them sees what another writes.

        PostgreSQL gets them as one statement, in one message: each is a part of its WITH clause.
        """
        forms = [(statement.form(self._dialect, values), values) for statement, values in statements]
        if self._dialect.name == "postgresql" and len(forms) > 1:
            bound = [value for form, values in forms for value in form.bind(values)]
            self._run(_together(tuple(form.sql for form, _ in forms)), bound)
            return
        for form, values in forms:
            self._run(form.sql, form.bind(values))

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
    binds: tuple[Callable[[Mapping[str, object]], object], ...]
    row: Callable[..., FoundRow]
    columns: tuple[_Convert, ...]

    def bind(self, values: Mapping[str, object]) -> tuple[object, ...]:
        return tuple([bind(values) for bind in self.binds])

    def rows(self, found: Sequence[Sequence[Any]]) -> list[FoundRow]:
        return [self.row(*map(_converted, each, self.columns)) for each in found]


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


def _converted(value: Any, convert: _Convert) -> Any:
    return value if convert is None else convert(value)


def _compiled(element: _Element, dialect: Dialect, names: tuple[str, ...]) -> _Form:
    compiled = element.compile(dialect=dialect, column_keys=list(names))
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
    columns = list(element.exported_columns)
    return _Form(
        compiled.string,
        tuple(_bind(compiled.binds[name], dialect, given=name in names) for name in compiled.positiontup or ()),
        namedtuple("FoundRow", [column.name for column in columns]),  # noqa: PYI024 - which columns is only known now
        tuple(_from_driver(column.type, dialect) for column in columns),
    )


def _bind(parameter: BindParameter[Any], dialect: Dialect, *, given: bool) -> Callable[[Mapping[str, object]], object]:
    name, convert = parameter.key, parameter.type.dialect_impl(dialect).bind_processor(dialect)
    if given or parameter.required:
        return itemgetter(name) if convert is None else lambda values: convert(values[name])
    constant = _converted(parameter.value, convert)
    return lambda _: constant


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
