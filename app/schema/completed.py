"""What makes a schema of declarations one that runs: each field knows what it leads to, or the schema doesn't start."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_named_type,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from app.ownership import has_rule
from app.reading.nouns import LEAD, NOUN, REFUSAL, Nodes, Noun, Resolved, Stored, lead_of
from app.reading.selections import BESIDE
from app.reading.statements import TYPE
from app.resolvers.changes import ASKED, Change
from app.resolvers.inputs import ItemsRule
from app.values import column_name, field_name

_ROOT = Path(__file__).parents[2]


def completed(schema: GraphQLSchema) -> None:
    """Give each field what it leads to, and each type its noun. Raises TypeError for what doesn't fit."""
    for type_ in schema.type_map.values():
        if type_.name.startswith("__"):
            continue
        match type_:
            case GraphQLObjectType():
                _complete_type(type_)
            case GraphQLInterfaceType():
                type_.resolve_type = by_mark
            case GraphQLInputObjectType():
                # Strawberry tells itself alone.
                type_.is_one_of = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].is_one_of
                for each in type_.fields.values():
                    each.extensions[LEAD] = declared_as(each).metadata.get(LEAD)
    _complete_pages(schema)
    for root in (schema.query_type, schema.mutation_type):
        for name, field in root.fields.items() if root is not None else ():
            if root is schema.mutation_type:
                _check_change(name, field)
            if not isinstance(lead_of(field), Resolved):
                field.resolve = answered


def _complete_type(type_: GraphQLObjectType) -> None:
    class_ = type_.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].origin
    noun: Noun | None = getattr(class_, NOUN, None)
    if noun is not None and not has_rule(noun.table):
        raise TypeError(
            f"nothing says who may see a {type_.name}: give the table {noun.table.name} its rule in {file_of(has_rule)}"
        )
    type_.extensions |= {NOUN: noun, REFUSAL: getattr(class_, REFUSAL, None)}
    type_.is_type_of = None
    for name, field in type_.fields.items():
        declared = declared_as(field)
        lead = declared.metadata.get(LEAD)
        if lead is None:
            lead = Resolved() if declared.base_resolver is not None else _column(type_, class_, noun, name)
        field.extensions[LEAD] = lead
        field.resolve = _resolving(type_, field.resolve) if isinstance(lead, Resolved) else by_response_name


def _complete_pages(schema: GraphQLSchema) -> None:
    """Give each page the noun whose rows it has."""
    for type_ in schema.type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            if isinstance(lead_of(field), Nodes):
                type_.extensions[NOUN] = get_named_type(field.type).extensions[NOUN]


def _column(type_: GraphQLObjectType, class_: type, noun: Noun | None, name: str) -> Stored:
    column = noun.table.c.get(column_name(name)) if noun is not None else None
    if column is None or noun is None:
        where = (
            f"{noun.table.name} has no column {column_name(name)}" if noun is not None else "the type is of no table"
        )
        raise TypeError(f"{type_.name}.{name} leads nowhere: {where}; say in {file_of(class_)} what it leads to")
    return Stored(column)


def _check_change(name: str, field: GraphQLField) -> None:
    change = lead_of(field)
    if not isinstance(change, Change):
        raise TypeError(f"Mutation.{name} is made by no change; declare it by `change` with the function that makes it")
    file = file_of(change.work)
    if change.place is None:
        raise TypeError(f"{name} doesn't say whose the row is that it changes: give its change a `place` in {file}")
    known = {*change.rules, *(step for step, _ in change.place.path), *ASKED}
    given: Any = get_named_type(field.args["input"].type)
    _check_rules(given, known, name, file)
    for rule_name, rule in change.rules.items():
        if isinstance(rule, ItemsRule):
            items: Any = get_named_type(given.fields[field_name(rule_name)].type)
            _check_rules(items, {*rule.rules, *rule.named}, name, file)


def _check_rules(input_: GraphQLInputObjectType, known: set[str], name: str, file: str) -> None:
    for input_name in input_.fields:
        if column_name(input_name) not in known:
            raise TypeError(
                f"{input_.name}.{input_name} has no rule, so that it would be dropped: give it one among the rules of "
                f"{name} in {file}"
            )


def declared_as(field: Any) -> StrawberryField:
    """Return the declaration of a field of graphql-core's."""
    declared: StrawberryField = field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
    return declared


def file_of(code: Any) -> str:
    """Return the file that has a class or a function, from the folder in which the project lies."""
    file = Path(inspect.getsourcefile(code) or "")
    return file.relative_to(_ROOT).as_posix() if file.is_relative_to(_ROOT) else str(file)


def by_response_name(source: Mapping[str, Any], info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    """Return the value that was read for a field."""
    return source[info.path.key]  # type: ignore[index]


def by_mark(value: Mapping[str, Any], _info: GraphQLResolveInfo[Any], _type: Any) -> str:
    """Return the name of the type of a value that was read."""
    name: str = value[TYPE]
    return name


async def _awaited(info: GraphQLResolveInfo[Any]) -> Any:
    return (await info.context.answers(info))[info.path.key]


def answered(source: Mapping[str, Any] | None, info: GraphQLResolveInfo[Any], **_arguments: Any) -> Any:
    """Return the value of a root field: from what was read before, or as the context answers it."""
    return _awaited(info) if source is None else source[info.path.key]  # type: ignore[index]


class Row:
    """A row as an ordinary resolver has it for `self`: what Dossier reads of it, by the names in Python."""

    def __init__(self, read: Mapping[str, Any], type_: GraphQLObjectType) -> None:
        self._read = read
        self._type = type_

    def __getattr__(self, name: str) -> Any:
        """Return what is read of the row, a moment as such and a choice as its enumeration's member."""
        for name_, field in self._type.fields.items():
            if declared_as(field).python_name == name and BESIDE + name_ in self._read:
                return _in_python(self._read[BESIDE + name_], get_named_type(field.type))
        raise AttributeError(f"{self._type.name} has no column {name!r} that a resolver could read")


def _in_python(value: Any, type_: Any) -> Any:
    """Return what a scalar or an enumeration makes of a value that a client would give."""
    return None if value is None else type_.parse_value(value)


def _resolving(type_: GraphQLObjectType, resolve: Callable[..., Any] | None) -> Callable[..., Any]:
    """Return a resolver that is given a row where its type is one."""
    assert resolve is not None, type_.name  # noqa: S101 - for the type checker
    has_rows = type_.extensions[NOUN] is not None

    def resolving(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        return resolve(Row(source, type_) if has_rows else source, info, **arguments)

    return resolving
