"""The index over what is searched: which texts may contain another one, before any of them is looked at.

A text is in the index by its grams: all runs of three characters in it, with the beginning of its type before it and a
mark behind it. A text that contains another one has all grams of that; so those that may are few, and each is then
looked at. Two characters are the beginning of a gram, for which the mark sees to it at the end. Folding leaves no
capital letters but U, so that what stands before and behind a text is found by nobody.

PostgreSQL has the grams as the lexemes of a `tsvector` under a GIN index. SQLite has them in an FTS5 table with its
trigram tokenizer, without content of its own: whoever writes a text tells it (app/record/journal.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

GRAM: Final = 3
MARK: Final = "Z"
LEAST: Final = 2
"""How many characters a text has at the least for which the index can be asked."""

_NO_CHARACTERS = {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}
_ASKED = 24  # grams of a long text: all of it is compared with what they find


def beginning_of(type_: str) -> str:
    """Return the gram that texts of a type begin with: `FLE` for FILE, and another one for FILE_BATCH."""
    return type_[:1] + type_[1 - GRAM :]


def grams(text: str) -> list[str]:
    """Return the grams of a text, each once."""
    return list(dict.fromkeys([text[start : start + GRAM] for start in range(len(text) - GRAM + 1)]))


def lexemes(text: str | None) -> str | None:
    """Return the grams of a text as PostgreSQL reads a `tsvector`; the text has its beginning and its mark."""
    if text is None:
        return None
    found = grams(text)
    # Most have nothing to escape, and are made five times as fast.
    plain = found and "'" not in text and "\\" not in text
    return "'" + "' '".join(found) + "'" if plain else " ".join(map(_lexeme, found))


def whole(type_: str, text: str) -> str:
    """Return what is in the index of a text: with the beginning of its type, and the mark."""
    return f"{beginning_of(type_)}{text}{MARK}"


def query(dialect: str, types: Sequence[str], text: str) -> str | None:
    """Return what asks the index for texts of some types that may contain a folded one; None for one that is too short.

    Without types it asks for those of all.

    On SQLite it is for two characters what stands before the grams that begin with them, which `searching` adds.
    """
    if len(text) < LEAST:
        return None
    quote, either = (_lexeme, " | ") if dialect == "postgresql" else (_phrase, " OR ")
    asked = [f"({either.join(quote(beginning_of(each)) for each in types)})"] if types else []
    asked += map(quote, grams(text)[:_ASKED])
    if dialect == "postgresql":
        return " & ".join([*asked, *([f"{_lexeme(text)}:*"] if len(text) < GRAM else [])])
    return " AND ".join([*asked, *([""] if asked and len(text) < GRAM else [])])


def pair(text: str) -> str | None:
    """Return a text of two characters as it is in SQLite's index, None for any other."""
    return as_sqlite_reads(text) if len(text) == LEAST else None


def as_sqlite_reads(text: str) -> str:
    """Return a text as FTS5 reads it, to which U+FFFE and U+FFFF are U+FFFD."""
    return text.translate(_NO_CHARACTERS)


def _phrase(gram: str) -> str:
    return '"' + gram.replace('"', '""') + '"'


def _lexeme(gram: str) -> str:
    return "'" + gram.replace("\\", "\\\\").replace("'", "''") + "'"
