"""Enumerations of the lower floors as types of the schema."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition


def describe(enumeration: type[Enum], description: str, **values: str) -> None:
    """Make an enumeration a type of the schema, with a description of it and of each of its values.

    Raises ValueError when a value is left without one, or one is described that isn't there.
    """
    if values.keys() != {member.name for member in enumeration}:
        raise ValueError(f"every value of {enumeration.__name__} needs a description")
    strawberry.enum(enumeration, description=description)
    definition: StrawberryEnumDefinition = enumeration.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values[value.name]
