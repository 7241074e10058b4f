"""What a change of the schema does to clients that were built before it.

`clients/released.graphql` is the schema of the last release, under a first line `# Dossier VERSION`. A change that
clients can notice is declared in CHANGELOG.md, above that version's section, by its schema coordinate
(https://spec.graphql.org/draft/#sec-Schema-Coordinates) at the beginning of an item: under `### Breaking` when it
refuses or changes what worked, under `### Dangerous` when it sends a client what it has never seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from graphql import (
    GraphQLArgument,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLSchema,
    get_named_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_object_type,
)
from graphql.utilities import BreakingChangeType, DangerousChangeType, find_schema_changes

# What a client never notices unless it asks for it.
_HARMLESS = {DangerousChangeType.OPTIONAL_ARG_ADDED, DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED}
_DATED = re.compile(r"\S.*\. Removed after (\d{4}-\d\d-\d\d)\.", re.DOTALL)
Element = GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue


def undeclared(released: GraphQLSchema, present: GraphQLSchema, changelog: str, version: str) -> list[str]:
    """Return a sentence for each change since the release that `changelog` doesn't declare."""
    declared = declarations(changelog, version)
    return [
        f"{heading}: {coordinate}: {description}"
        for heading, coordinate, description in changes(released, present)
        if coordinate not in declared[heading]
    ]


def changes(released: GraphQLSchema, present: GraphQLSchema) -> Iterator[tuple[str, str, str]]:
    """Yield what clients can notice: its heading in the changelog, its coordinate, and a sentence."""
    for change in find_schema_changes(released, present):
        if isinstance(change.type, BreakingChangeType):
            yield "Breaking", _coordinate(change.description), change.description
        elif isinstance(change.type, DangerousChangeType) and change.type not in _HARMLESS:
            coordinate = _coordinate(change.description)
            # A value that is only ever sent to the server surprises nobody.
            if change.type is not DangerousChangeType.VALUE_ADDED_TO_ENUM or _is_read(present, coordinate):
                yield "Dangerous", coordinate, change.description
    for name, type_ in released.type_map.items():
        # graphql-core compares types that both schemas have, so it misses a new type behind an old interface.
        now = present.get_type(name)
        if is_interface_type(type_) and is_interface_type(now):
            before = {member.name for member in released.get_possible_types(type_)}
            for member in present.get_possible_types(now):
                if member.name not in before and member.name not in released.type_map:
                    yield "Dangerous", member.name, f"{member.name} is a new type of {name}."


def declarations(changelog: str, version: str) -> dict[str, set[str]]:
    """Return the coordinates that are declared above the section of `version`, by their heading.

    Raises ValueError when there is no such section.
    """
    newer, found, _ = changelog.partition(f"\n## {version}\n")
    if not found:
        raise ValueError(f"CHANGELOG.md has no section `## {version}`")
    declared: dict[str, set[str]] = {"Breaking": set(), "Dangerous": set()}
    heading = ""
    for line in newer.splitlines():
        if line.startswith("#"):
            heading = line.removeprefix("### ")
        elif heading in declared and (item := re.match(r"- `([^`]+)`", line)):
            declared[heading].add(item[1])
    return declared


def elements(schema: GraphQLSchema) -> Iterator[tuple[str, Element]]:
    """Yield each field, argument, input field and enum value of a schema by its coordinate."""
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        if is_enum_type(type_):
            yield from ((f"{name}.{value}", definition) for value, definition in type_.values.items())
        elif is_input_object_type(type_):
            yield from ((f"{name}.{field}", definition) for field, definition in type_.fields.items())
        elif is_object_type(type_) or is_interface_type(type_):
            for field, field_definition in type_.fields.items():
                yield f"{name}.{field}", field_definition
                for argument, definition in field_definition.args.items():
                    yield f"{name}.{field}({argument}:)", definition


def undated(schema: GraphQLSchema) -> list[str]:
    """Return the coordinates of deprecations without a reason and a date, as `Use X. Removed after 2027-06-30.`."""
    return [
        coordinate
        for coordinate, element in elements(schema)
        if element.deprecation_reason is not None and not _is_dated(element.deprecation_reason)
    ]


def _is_dated(reason: str) -> bool:
    found = _DATED.fullmatch(reason)
    try:
        return found is not None and bool(date.fromisoformat(found[1]))
    except ValueError:
        return False


def _coordinate(description: str) -> str:
    """Return what a change is about: graphql-core says it in its sentence only."""
    if member := re.search(r" (?:interfaces implemented by|union type) (\w+)\.$", description):
        return member[1]
    if element := re.search(r"@?\w+\.\w+(?:\(\w+:\))?|@\w+(?:\(\w+:\))?", description):
        return element[0]
    return description.removeprefix("Standard scalar ").split()[0]


def _is_read(schema: GraphQLSchema, coordinate: str) -> bool:
    """Whether the values of an enum can come in an answer."""
    enum = coordinate.partition(".")[0]
    return any(
        isinstance(element, GraphQLField) and get_named_type(element.type).name == enum
        for _, element in elements(schema)
    )
