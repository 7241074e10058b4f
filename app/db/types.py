"""Column types, stored in each database's own way and alike in Python and on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import LargeBinary, String, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.db.grams import lexemes
from app.values import format_time

TIME_LENGTH = 27


class Id(TypeDecorator[str]):
    """A UUID: `uuid` on PostgreSQL, text of 36 characters on SQLite, canonical text in Python."""

    impl = String(36)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the storage."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=False))
        return dialect.type_descriptor(String(36))

    def bind_processor(self, dialect: Dialect) -> None:
        """Leave the text as it is: asyncpg takes it for a UUID, faster than Python would make one of it."""


class Time(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` on PostgreSQL; on SQLite its wire form, which sorts as time does."""

    impl = String(TIME_LENGTH)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the storage."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(TIME_LENGTH))

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Return what turns a moment into what the driver takes."""
        return None if dialect.name == "postgresql" else _stored

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:  # noqa: ARG002
        """Return what turns what the driver returns into a moment."""
        return None if dialect.name == "postgresql" else _moment


def _stored(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)


def _moment(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)


class Choice(TypeDecorator[str]):
    """One of an enumeration's names, as text; the table's CHECK holds the database to it."""

    impl = String(20)
    cache_ok = True

    def __init__(self, choices: type[Enum]) -> None:
        super().__init__()
        self.choices = choices

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - both alike
        """Turn an enumeration's member into its name."""
        return value.value if isinstance(value, Enum) else value


class Hash(TypeDecorator[bytes]):
    """A hash: its bytes, which are told in lower-case hexadecimal."""

    impl = LargeBinary
    cache_ok = True


class Grams(TypeDecorator[str]):
    """The grams of a text, which is what it is given: a `tsvector` on PostgreSQL, nothing on SQLite. See grams.py."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the storage."""
        return dialect.type_descriptor(postgresql.TSVECTOR() if dialect.name == "postgresql" else Text())

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        """Return what makes the grams of a text."""
        return lexemes if dialect.name == "postgresql" else _nothing


def _nothing(_: str | None) -> None:
    return None


# Compared and sorted by code point on both databases, whatever the locale of the PostgreSQL cluster.
Folded = Text().with_variant(Text(collation="C"), "postgresql")


class CurrentTime(FunctionElement[datetime]):
    """The moment of the transaction, as a column's default in the database."""

    inherit_cache = True
    type = Time()


@compiles(CurrentTime, "postgresql")
def _current_time_postgresql(*_: object, **__: object) -> str:
    return "now()"


@compiles(CurrentTime, "sqlite")
def _current_time_sqlite(*_: object, **__: object) -> str:
    return "(strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))"
