"""Conditions that ask the index over what is searched; see grams.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Insert, Select, column, func, insert, literal_column, select, table
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from app.db.grams import GRAM, MARK
from app.db.models import SearchText, table_of
from app.db.sql import Condition

RARE: Final = 1_000
"""Up to how many texts are looked up by the index; where there may be more, rows are looked at in their order."""
_MOST_GRAMS: Final = 500  # of a pair that SQLite's index is asked for
_BEHIND = "char(1114111)"  # is behind whatever a gram goes on with
_SAMPLE, _OF_SAMPLE = 300, 3  # of the newest texts, and how many of them have what is not rare

_TEXTS = table_of(SearchText)
_GRAMS = table("search_grams", column("rowid"), column("grams"), column("search_grams"))


def grams_of_texts() -> Select[Any]:
    """Return what SQLite's index has of each text: its row there, and the text with its beginning and its mark."""
    beginning = func.substr(_TEXTS.c.type, 1, 1).concat(func.substr(_TEXTS.c.type, 1 - GRAM))
    return select(_TEXTS.c.id, beginning.concat(_TEXTS.c.text).concat(literal_column(f"'{MARK}'")))


def into_grams(texts: Select[Any]) -> Insert:
    """Return the statement that puts texts into SQLite's index."""
    return insert(_GRAMS).from_select(["rowid", "grams"], texts)


def out_of_grams(texts: Select[Any]) -> Insert:
    """Return the statement that takes texts out of SQLite's index, which has to be told what it had of them."""
    told = texts.add_columns(literal_column("'delete'"))
    return insert(_GRAMS).from_select(["rowid", "grams", "search_grams"], told)


def into_grams_one(text: ColumnElement[bool]) -> Insert:
    """Return the statement that puts one text into SQLite's index, which meets a condition."""
    return insert(_GRAMS).values(_values(text))


def out_of_grams_one(text: ColumnElement[bool]) -> Insert:
    """Return the statement that takes one text out of SQLite's index, which meets a condition."""
    return insert(_GRAMS).values({**_values(text), "search_grams": literal_column("'delete'")})


def _values(text: ColumnElement[bool]) -> dict[str, ColumnElement[Any]]:
    # Each by itself. A statement that inserts what a SELECT finds has a savepoint, at which FTS5 writes down all that
    # it has so far, and that takes it longer than the text.
    names = zip(("rowid", "grams"), grams_of_texts().selected_columns, strict=True)
    return {name: select(value).where(text).scalar_subquery() for name, value in names}


class Sought(NamedTuple):
    """A text that is searched for: as it is folded, what asks the index for it, and the text where it is a pair."""

    text: ColumnElement[str]
    query: ColumnElement[str]
    pair: ColumnElement[str]


class _Asked(Condition):
    """Something about what is searched for."""

    def __init__(self, sought: Sought, type_: str | None = None) -> None:
        self.sought = sought
        self.searched = type_
        super().__init__(sought.query, sought.pair, sought.text)


class MayContain(_Asked):
    """Whether a row of search_texts, by its own name, may contain what is searched for; none where that is not rare."""

    name = "may_contain"

    def __init__(self, sought: Sought, is_rare: ColumnElement[bool]) -> None:
        super().__init__(sought)
        self.is_rare = is_rare


@compiles(MayContain, "postgresql")
def _may_contain_postgresql(element: MayContain, compiler: SQLCompiler, **options: Any) -> str:
    rare = compiler.process(element.is_rare, **options)
    asked = f"CAST({compiler.process(element.sought.query, **options)} AS tsquery)"
    # No text has a gram of four characters.
    return f"search_texts.grams @@ CASE WHEN {rare} THEN {asked} ELSE CAST('ZZZZ' AS tsquery) END"


@compiles(MayContain, "sqlite")
def _may_contain_sqlite(element: MayContain, compiler: SQLCompiler, **options: Any) -> str:
    rare = compiler.process(element.is_rare, **options)
    match = f"""CASE WHEN {rare} THEN {_match(element.sought, compiler, **options)} ELSE '""' END"""
    return f"search_texts.id IN (SELECT rowid FROM search_grams WHERE search_grams MATCH {match})"


class Matches(_Asked):
    """Whether SQLite's index says that a text, by its row in there, may contain what is searched for."""

    name = "matches"


@compiles(Matches)
def _matches(element: Matches, compiler: SQLCompiler, **options: Any) -> str:
    return f"search_grams MATCH {_match(element.sought, compiler, **options)}"


class HasFewGrams(_Asked):
    """Whether so few grams of SQLite's index are those of a pair that they can be asked for one by one."""

    name = "has_few_grams"


@compiles(HasFewGrams)
def _has_few_grams(element: HasFewGrams, compiler: SQLCompiler, **options: Any) -> str:
    pair = partial(compiler.process, element.sought.pair, **options)
    return f"({pair()} IS NULL OR ({_grams_of(pair)} SELECT count(*) FROM g) <= {_MOST_GRAMS})"


class IsRare(_Asked):
    """Whether so few texts of a type may contain what is searched for that it is best to look them up."""

    name = "is_rare"


@compiles(IsRare, "sqlite")
def _is_rare_sqlite(element: IsRare, compiler: SQLCompiler, **options: Any) -> str:
    is_asked = f"{compiler.process(element.sought.query, **options)} IS NOT NULL"
    matching = _matching(element.sought, compiler, **options)
    has_few = _has_few_grams(HasFewGrams(element.sought), compiler, **options)
    return f"({is_asked} AND {has_few} AND (SELECT count(*) FROM ({matching} LIMIT {RARE + 1})) <= {RARE})"


@compiles(IsRare, "postgresql")
def _is_rare_postgresql(element: IsRare, compiler: SQLCompiler, **options: Any) -> str:
    # A GIN index tells all that it finds or nothing, so that what is common is known by the newest texts.
    of_type = f"WHERE type = '{element.searched}' " if element.searched else ""
    newest = f"SELECT text FROM search_texts {of_type}ORDER BY id DESC LIMIT {_SAMPLE}"
    is_asked = f"{compiler.process(element.sought.query, **options)} IS NOT NULL"
    has_it = f"strpos(text, {compiler.process(element.sought.text, **options)}) > 0"
    return f"({is_asked} AND (SELECT count(*) FROM ({newest}) AS newest WHERE {has_it}) < {_OF_SAMPLE})"


def _matching(sought: Sought, compiler: SQLCompiler, **options: Any) -> str:
    """Return the statement on SQLite for the ids of texts that may contain what is searched for."""
    return f"SELECT rowid FROM search_grams WHERE search_grams MATCH {_match(sought, compiler, **options)}"


def _match(sought: Sought, compiler: SQLCompiler, **options: Any) -> str:
    # Once for each time that one stands there, as each is a parameter of its own.
    pair, asked = (partial(compiler.process, each, **options) for each in (sought.pair, sought.query))
    # Of two characters all grams that begin with them are asked for, each by a look behind the one before: all texts
    # of a gram are gone through where the next row is asked for. An empty phrase finds nothing.
    phrases = """group_concat('"' || replace(term, '"', '""') || '"', ' OR ')"""
    match = f"CASE WHEN {pair()} IS NULL THEN {asked()} ELSE {asked()} || ({_grams_of(pair)} SELECT '(' || {phrases} "
    match += f"|| ')' FROM g WHERE term <= {pair()} || {_BEHIND}) END"
    return f"""coalesce({match}, '""')"""


def _grams_of(pair: Callable[[], str]) -> str:
    """Return the WITH clause for the grams that begin with a pair, and one behind them; no more than can be asked for.

    Whoever writes a text of many grams would else have others search for long.
    """
    next_gram = "(SELECT term FROM search_instances WHERE term >= {} ORDER BY term LIMIT 1)"
    begin = f"WITH RECURSIVE g(term) AS (SELECT {next_gram.format(pair())} UNION ALL "
    further = f"SELECT {next_gram.format('g.term || char(1)')} FROM g WHERE g.term <= {pair()} || {_BEHIND}"
    return f"{begin}{further} LIMIT {_MOST_GRAMS + 1})"
