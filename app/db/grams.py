"""The index over what is searched: which texts may contain another one, before any of them is looked at.

A text is in the index by its grams: all runs of three characters in it, with the beginning of its type before it and a
mark behind it. A text that contains another one has all grams of that; so those that may are few, and each is then
looked at. Two characters are the beginning of a gram, for which the mark sees to it at the end. Folding leaves no
capital letters but U, so that what stands before and behind a text is found by nobody.

PostgreSQL has the grams as the lexemes of a `tsvector` under a GIN index. SQLite has them in an FTS5 table with its
trigram tokenizer, without content of its own: triggers keep it, and the migration that made them has their words.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Boolean, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

GRAM: Final = 3
MARK: Final = "Z"
LEAST: Final = 2
"""How many characters a text has at the least for which the index can be asked."""

RARE: Final = 1_000
"""Up to how many texts are looked up by the index; where there may be more, rows are looked at in their order."""

_ASKED = 24  # grams of a long text: all of it is compared with what they find
_SAMPLE, _OF_SAMPLE = 1_000, 10  # of the newest texts, and how many of them have what is not rare


def beginning_of(type_: str) -> str:
    """Return the gram that texts of a type begin with."""
    return type_[:GRAM]


def grams(text: str) -> list[str]:
    """Return the grams of a text, each once."""
    return list(dict.fromkeys(text[start : start + GRAM] for start in range(len(text) - GRAM + 1)))


def lexemes(text: str | None) -> str | None:
    """Return the grams of a text as PostgreSQL reads a `tsvector`; the text has its beginning and its mark."""
    return None if text is None else " ".join(map(_lexeme, grams(text)))


def whole(type_: str, text: str) -> str:
    """Return what is in the index of a text: with the beginning of its type, and the mark."""
    return f"{beginning_of(type_)}{text}{MARK}"


def query(dialect: str, text: str, type_: str | None) -> str | None:
    """Return what asks the index for texts of a type that may contain a folded one; None for one that is too short.

    On SQLite it is the beginning of that for two characters, see matching_sqlite.
    """
    if len(text) < LEAST:
        return None
    quote = _lexeme if dialect == "postgresql" else _phrase
    asked = [quote(beginning_of(type_))] if type_ else []
    asked += map(quote, grams(text)[:_ASKED])
    if dialect == "postgresql":
        return " & ".join([*asked, *([f"{_lexeme(text)}:*"] if len(text) < GRAM else [])])
    return " AND ".join([*asked, *([""] if asked and len(text) < GRAM else [])])


def pair(text: str) -> str | None:
    """Return a text of two characters, None for any other."""
    return text if len(text) == LEAST else None


class Sought(NamedTuple):
    """A text that is searched for: as it is folded, what asks the index for it, and the text where it is a pair."""

    text: ColumnElement[str]
    query: ColumnElement[str]
    pair: ColumnElement[str]


class _Asked(FunctionElement[Any]):
    """Something about what is searched for."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, sought: Sought, type_: str | None = None) -> None:
        self.sought = sought
        self.searched = type_
        super().__init__(sought.query, sought.pair, sought.text)


class MayContain(_Asked):
    """Whether a row of search_texts, by its own name, may contain what is searched for."""

    name = "may_contain"


@compiles(MayContain, "postgresql")
def _may_contain_postgresql(element: MayContain, compiler: SQLCompiler, **options: Any) -> str:
    return f"search_texts.grams @@ CAST({compiler.process(element.sought.query, **options)} AS tsquery)"


@compiles(MayContain, "sqlite")
def _may_contain_sqlite(element: MayContain, compiler: SQLCompiler, **options: Any) -> str:
    return f"search_texts.id IN ({matching_sqlite(element.sought, compiler, **options)})"


class IsRare(_Asked):
    """Whether so few texts of a type may contain what is searched for that it is best to look them up."""

    name = "is_rare"


@compiles(IsRare, "sqlite")
def _is_rare_sqlite(element: IsRare, compiler: SQLCompiler, **options: Any) -> str:
    is_asked = f"{compiler.process(element.sought.query, **options)} IS NOT NULL"
    matching = matching_sqlite(element.sought, compiler, **options)
    return f"({is_asked} AND (SELECT count(*) FROM ({matching} LIMIT {RARE + 1})) <= {RARE})"


@compiles(IsRare, "postgresql")
def _is_rare_postgresql(element: IsRare, compiler: SQLCompiler, **options: Any) -> str:
    # A GIN index tells all that it finds or nothing, so that what is common is known by the newest texts.
    of_type = f"WHERE type = '{element.searched}' " if element.searched else ""
    newest = f"SELECT text FROM search_texts {of_type}ORDER BY id DESC LIMIT {_SAMPLE}"
    is_asked = f"{compiler.process(element.sought.query, **options)} IS NOT NULL"
    has_it = f"strpos(text, {compiler.process(element.sought.text, **options)}) > 0"
    return f"({is_asked} AND (SELECT count(*) FROM ({newest}) AS newest WHERE {has_it}) < {_OF_SAMPLE})"


def matching_sqlite(sought: Sought, compiler: SQLCompiler, **options: Any) -> str:
    """Return the statement on SQLite for the ids of texts that may contain what is searched for."""

    def pair() -> str:
        return compiler.process(sought.pair, **options)  # once for each time that it stands there

    def asked() -> str:
        return compiler.process(sought.query, **options)

    # Of two characters all grams that begin with them are asked for; where there are none, nothing is found.
    phrases = """group_concat('"' || replace(term, '"', '""') || '"', ' OR ')"""
    match = f"CASE WHEN {pair()} IS NULL THEN {asked()} ELSE {asked()} || (SELECT '(' || {phrases} || ')' "
    match += f"FROM search_terms WHERE term >= {pair()} AND term <= {pair()} || char(1114111)) END"
    return f"SELECT rowid FROM search_grams WHERE search_grams MATCH {match}"


def _phrase(gram: str) -> str:
    return '"' + gram.replace('"', '""') + '"'


def _lexeme(gram: str) -> str:
    return "'" + gram.replace("\\", "\\\\").replace("'", "''") + "'"
