"""Values for an operation's variables, for what is worked out before anybody gives some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    TypeNode,
    VariableDefinitionNode,
    get_nullable_type,
    is_input_type,
    is_required_input_field,
    type_from_ast,
)

_SCALARS: dict[str, object] = {
    "BigInt": 1,
    "DateTime": "2026-01-01T00:00:00Z",
    "Float": 1.0,
    "ID": "00000000-0000-7000-8000-000000000000",
    "Int": 1,
    "String": "0" * 32,  # any text, which is a hash as well where one is asked for
}


def samples(schema: GraphQLSchema, definitions: Iterable[VariableDefinitionNode], *, flag: bool) -> dict[str, Any]:
    """Return values for all Boolean variables, each `flag`, and for the others that must have one."""
    values: dict[str, Any] = {}
    for definition in definitions:
        type_ = _input_type(schema, definition.type)
        is_flag = get_nullable_type(type_) is GraphQLBoolean
        if is_flag or (isinstance(type_, GraphQLNonNull) and definition.default_value is None):
            values[definition.variable.name.value] = _sample(type_, flag=flag)
    return values


def _sample(type_: GraphQLInputType, *, flag: bool) -> Any:
    match get_nullable_type(type_):
        case GraphQLList(of_type=element):
            return [_sample(element, flag=flag)]
        case GraphQLEnumType(values=values):
            return next(iter(values))
        case GraphQLInputObjectType(fields=fields, is_one_of=True):
            name, each = next(iter(fields.items()))
            return {name: _sample(each.type, flag=flag)}
        case GraphQLInputObjectType(fields=fields):
            required = ((name, each.type) for name, each in fields.items() if is_required_input_field(each))
            return {name: _sample(inner, flag=flag) for name, inner in required}
        case named:
            return flag if named is GraphQLBoolean else _SCALARS[named.name]


def _input_type(schema: GraphQLSchema, node: TypeNode) -> GraphQLInputType:
    type_: Any = type_from_ast(schema, node)
    assert is_input_type(type_), "the document is valid"  # noqa: S101 - for the type checker
    return type_
