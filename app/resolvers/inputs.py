"""Rules for what a change may write, checked before the database is asked anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import hexdigits
from typing import Any, Protocol

from app.errors import InvalidInput, Refused
from app.reading.payloads import Given
from app.values import field_name, is_utc_offset, is_visible, text_fault

MOST_AT_ONCE = 1_000
"""How many rows are created or deleted by one change."""


_DIGITS = frozenset(hexdigits)


class Rule(Protocol):
    """What a value of a field has to be."""

    @property
    def nullable(self) -> bool:
        """Whether it may be null."""

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with a value, as the end of a sentence, or None."""


@dataclass(frozen=True, slots=True)
class TextRule:
    """A text of up to `most` characters (Unicode code points); one that may not be null isn't blank either.

    What people read, and isn't blank, has a character that can be seen; what programs compare need not.
    """

    most: int
    nullable: bool = True
    read: bool = True

    def fault(self, value: str) -> str | None:
        """See Rule."""
        if not self.nullable and not value.strip():
            return "must not be blank"
        if len(value) > self.most:
            return f"must have at most {self.most} characters, not {len(value)}"
        if (fault := text_fault(value)) is not None:
            return fault
        if not self.nullable and self.read and not is_visible(value):
            return "must have at least one character that can be seen"
        return None


@dataclass(frozen=True, slots=True)
class NumberRule:
    """A whole number of at least `least`; GraphQL's Int keeps it below 2³¹."""

    least: int
    nullable: bool = False

    def fault(self, value: int) -> str | None:
        """See Rule."""
        return None if value >= self.least else f"must be at least {self.least}, not {value}"


@dataclass(frozen=True, slots=True)
class OffsetRule:
    """An offset from UTC; see values.is_utc_offset."""

    nullable: bool = True

    def fault(self, value: str) -> str | None:
        """See Rule."""
        if is_utc_offset(value):
            return None
        return "must be an offset from UTC of the form +02:00 or -05:30, from -12:00 to +14:00; that of UTC is +00:00"


@dataclass(frozen=True, slots=True)
class LineRule:
    """A text of one line of up to `most` characters, with one that can be seen, and no blank at either end."""

    most: int
    nullable: bool = False

    def fault(self, value: str) -> str | None:
        """See Rule."""
        if (fault := TextRule(self.most, nullable=False).fault(value)) is not None:
            return fault
        if value != value.strip():
            return "must not begin or end with a blank"
        return None if len(value.splitlines()) == 1 else "must be of one line"


@dataclass(frozen=True, slots=True)
class HashRule:
    """A hash of so many bytes, in hexadecimal digits."""

    length: int
    nullable: bool = True

    def fault(self, value: str) -> str | None:
        """See Rule."""
        if len(value) != 2 * self.length:
            return f"must have {2 * self.length} hexadecimal digits, not {len(value)} characters"
        return None if _DIGITS.issuperset(value) else "must be of hexadecimal digits alone"


@dataclass(frozen=True, slots=True)
class ListRule:
    """A list of 1 to `most` values, each of which has to be what a rule of its own says."""

    most: int
    of: Rule
    nullable: bool = False

    def fault(self, values: Sequence[Any]) -> str | None:
        """See Rule."""
        return None if 0 < len(values) <= self.most else f"must have 1 to {self.most:,} values, not {len(values)}"

    def faults(self, values: Sequence[Any]) -> list[tuple[int, str]]:
        """Return what is wrong with values, each by its place in the list."""
        told = ((place, self.of.fault(value)) for place, value in enumerate(values))
        return [(place, fault) for place, fault in told if fault is not None]


@dataclass(frozen=True, slots=True)
class AnyRule:
    """Whatever the field's type allows."""

    nullable: bool = False

    def fault(self, value: Any) -> str | None:  # noqa: ARG002 - there is nothing to ask
        """See Rule."""
        return None


@dataclass(frozen=True, slots=True)
class ItemsRule:
    """A list of 1 to `most` inputs, of each of which the fields have rules as those of an input have.

    `named` are the fields with the ids of rows, by columns' names; `together` is that of `checked`.
    """

    most: int
    rules: Mapping[str, Rule]
    together: Callable[[Given], Mapping[str, str]] | None = None
    named: tuple[str, ...] = ()
    nullable: bool = False

    def fault(self, items: Sequence[Given]) -> str | None:
        """See Rule."""
        return None if 0 < len(items) <= self.most else f"must have 1 to {self.most:,} items, not {len(items)}"


def checked(
    given: Given, rules: Mapping[str, Rule], together: Callable[[Given], Mapping[str, str]] | None = None
) -> dict[str, Any]:
    """Return the given values that have rules, by column. Raises Refused with every fault at once.

    `together` finds faults that lie in several values at once, by the column to blame.
    """
    if faults := [*_faults(given, rules, together)]:
        raise Refused(*faults)
    return {name: given[name] for name in rules if name in given}


def _faults(
    given: Given,
    rules: Mapping[str, Rule],
    together: Callable[[Given], Mapping[str, str]] | None,
    *within: str,
) -> Iterator[InvalidInput]:
    shared = together(given) if together is not None else {}
    for name, rule in rules.items():
        if name not in given:
            continue
        value = given[name]
        fault = rule.fault(value) if value is not None else None if rule.nullable else "must not be null"
        fault = fault or shared.get(name)
        if fault is not None:
            yield invalid_at((*within, field_name(name)), fault)
        elif isinstance(rule, ListRule) and value is not None:
            for place, fault in rule.faults(value):
                yield invalid_at((*within, field_name(name), str(place)), fault)
        elif isinstance(rule, ItemsRule):
            for place, item in enumerate(value):
                yield from _faults(item, rule.rules, rule.together, *within, field_name(name), str(place))


def invalid(name: str, fault: str) -> InvalidInput:
    """Return the refusal of a field's value; `fault` is the end of a sentence."""
    return invalid_at((field_name(name),), fault)


def invalid_at(path: tuple[str, ...], fault: str) -> InvalidInput:
    """Return the refusal of a value, by the way that leads to it from the input: names, and places in lists."""
    first, *others = path
    named = first + "".join(f"[{part}]" if part.isdecimal() else f".{part}" for part in others)
    return InvalidInput(f"`{named}` {fault}", ("input", *path))
