"""What a document asks for: fields with their response names, fragments merged, directives applied.

This is CollectFields of the GraphQL specification (section 6.3.2), on the types of Dossier's schema. What planning,
limits and payloads have to know of a field, it knows: what it leads to, and the noun of the rows that it leads to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    NameNode,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_argument_values,
    get_directive_values,
    get_location,
    get_named_type,
)
from graphql.execution.values import VariableValues

from app.errors import RequestFault
from app.reading.nouns import (
    ChangedNode,
    ChangedNodes,
    Computed,
    Current,
    IsNull,
    Lead,
    Lookup,
    Noun,
    On,
    Private,
    Resolved,
    Stored,
    StoredBeside,
    TypeName,
    lead_of,
    noun_of,
    types_of,
)

BESIDE: Final = " "
"""What the names begin with under which a row's columns are read for resolvers; no response name can."""

_TYPE_NAME = TypeName()


@dataclass(frozen=True)
class Request:
    """What the fields of one request have in common."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues

    @cached_property
    def kept(self) -> Request:
        """What may outlive the request: of the variables those that directives read, never a client's texts."""
        sources, coerced = self.variables
        flags = {name: value for name, value in coerced.items() if isinstance(value, bool)}
        kept_sources = {name: source for name, source in sources.items() if name in flags}
        return Request(self.schema, self.fragments, VariableValues(kept_sources, flags))


@dataclass(frozen=True)
class Field:
    """A field that was asked for, with all its occurrences in the document."""

    request: Request
    parent: GraphQLObjectType
    nodes: tuple[FieldNode, ...]
    path: tuple[str, ...]

    @property
    def name(self) -> str:
        """The field's name in the schema."""
        return self.nodes[0].name.value

    @property
    def key(self) -> str:
        """The field's name in the response."""
        return self.path[-1]

    @cached_property
    def definition(self) -> GraphQLField:
        """The field's definition in the schema."""
        definition: GraphQLField = self.parent.fields[self.name]
        return definition

    @cached_property
    def lead(self) -> Lead:
        """What the field leads to."""
        if self.name == "__typename":
            return _TYPE_NAME
        lead = lead_of(self.definition)
        assert lead is not None, self.name  # noqa: S101 - the schema doesn't start with a field that leads nowhere
        return lead

    @property
    def owner(self) -> Noun:
        """The noun of the row that the field is asked of."""
        return noun_of(self.parent)

    @property
    def noun(self) -> Noun:
        """The noun of the rows that the field leads to."""
        return noun_of(self.type)

    @property
    def named(self) -> GraphQLNamedType:
        """The type of the field's values, in whatever lists."""
        return get_named_type(self.definition.type)

    @property
    def type(self) -> GraphQLObjectType:
        """The type of the objects that the field leads to."""
        return cast("GraphQLObjectType", self.named)

    @property
    def possible(self) -> Sequence[GraphQLObjectType]:
        """The types of the objects that the field leads to, where it leads to an interface."""
        return self.request.schema.get_possible_types(cast("GraphQLInterfaceType", self.named))

    @property
    def types(self) -> list[GraphQLObjectType]:
        """The types of the rows that the field leads to, where it leads to an interface; see types_of."""
        if isinstance(self.named, GraphQLObjectType):
            return [self.named]
        types = types_of(self.possible)
        if isinstance(self.lead, Current | ChangedNode):
            return [type_ for type_ in types if "version" in noun_of(type_).table.c]  # which is what changes
        if isinstance(self.lead, On | ChangedNodes):
            return [
                type_ for type_ in types if "tags" in noun_of(type_).table.c
            ]  # what can be commented on, and tagged
        return types

    @property
    def kept(self) -> Field:
        """The same field, for what outlives the request."""
        return replace(self, request=self.request.kept)

    def arguments(self, variables: VariableValues) -> dict[str, Any]:
        """Return the coerced arguments, by their names in the schema. Raises GraphQLError."""
        if self._from_variables:
            # Validation has seen to it that each fits its place; left out and null are for graphql-core to judge.
            given = [variables.coerced.get(variable) for variable in self._from_variables.values()]
            if None not in given:
                return dict(zip(self._from_variables, given, strict=True))
        return get_argument_values(self.definition, self.nodes[0], variables)

    @cached_property
    def _from_variables(self) -> dict[str, str]:
        """The variable that each argument is, if there is one for every argument that has a value."""
        given = {
            argument.name.value: argument.value.name.value
            for argument in self.nodes[0].arguments or ()
            if isinstance(argument.value, VariableNode)
        }
        others = (argument for name, argument in self.definition.args.items() if name not in given)
        if len(given) < len(self.nodes[0].arguments or ()) or any(
            each.default_value is not Undefined for each in others
        ):
            return {}
        return given

    @cached_property
    def has_variables(self) -> bool:
        """Whether the arguments can differ between two requests with the same document."""
        return any(_mentions_variable(argument.value) for argument in self.nodes[0].arguments or ())

    def fault(
        self, error: GraphQLError | str, argument: tuple[str, ...] = (), code: str = "INVALID_INPUT"
    ) -> RequestFault:
        """Return a fault of this field's arguments."""
        locations = ((node.loc, get_location(node.loc.source, node.loc.start)) for node in self.nodes if node.loc)
        return RequestFault(
            error if isinstance(error, str) else error.message,
            code,
            self.path,
            argument,
            tuple((place.line, place.column) for _, place in locations),
        )

    def children(self, type_: GraphQLObjectType | None = None) -> list[Field]:
        """Return what is asked of the field's value, when it is of an object type, in response order."""
        selection_sets = [node.selection_set for node in self.nodes if node.selection_set]
        return collect(self.request, type_ or self.type, selection_sets, self.path)


def asks_for_past(field: Field) -> bool:
    """Return whether a field has the argument that says as of when, be it null."""
    name = field.lead.as_of if isinstance(field.lead, Lookup) else None
    return name is not None and any(each.name.value == name for each in field.nodes[0].arguments or ())


def collect(
    request: Request, type_: GraphQLObjectType, selection_sets: Sequence[SelectionSetNode], path: tuple[str, ...] = ()
) -> list[Field]:
    """Return the fields that selection sets ask of an object of a type, in response order.

    In place of fields that have resolvers come the columns of the object's row, for those to take.
    """
    grouped: dict[str, list[FieldNode]] = {}
    seen: set[str] = set()
    for selection_set in selection_sets:
        _group(request, type_, selection_set, grouped, seen)
    fields = [Field(request, type_, tuple(nodes), (*path, key)) for key, nodes in grouped.items()]
    if not any(field.name in _resolved(type_) for field in fields):
        return fields
    beside = [Field(request, type_, (_node(name),), (*path, BESIDE + name)) for name in _columns(type_)]
    return [*(field for field in fields if field.name not in _resolved(type_)), *beside]


@cache
def _resolved(type_: GraphQLObjectType) -> frozenset[str]:
    """Return the names of the fields that have resolvers."""
    return frozenset(name for name, each in type_.fields.items() if isinstance(lead_of(each), Resolved))


@cache
def _columns(type_: GraphQLObjectType) -> tuple[str, ...]:
    """Return the names of the fields that are columns of the type's row, or made of those alone."""
    return tuple(
        name
        for name, each in type_.fields.items()
        if isinstance(lead_of(each), Stored | StoredBeside | Private | IsNull | Computed)
    )


def _node(name: str) -> FieldNode:
    return FieldNode(name=NameNode(value=name), arguments=(), directives=())


def _group(
    request: Request,
    type_: GraphQLObjectType,
    selection_set: SelectionSetNode,
    grouped: dict[str, list[FieldNode]],
    seen: set[str],
) -> None:
    for selection in selection_set.selections:
        if not _is_included(selection, request.variables):
            continue
        match selection:
            case FieldNode():
                key = (selection.alias or selection.name).value
                grouped.setdefault(key, []).append(selection)
            case FragmentSpreadNode():
                # A fragment is expanded once: what it asks for again is asked for already.
                if selection.name.value not in seen:
                    seen.add(selection.name.value)
                    fragment = request.fragments[selection.name.value]
                    if _applies(request.schema, fragment.type_condition.name.value, type_):
                        _group(request, type_, fragment.selection_set, grouped, seen)
            case InlineFragmentNode(type_condition=condition):
                if condition is None or _applies(request.schema, condition.name.value, type_):
                    _group(request, type_, selection.selection_set, grouped, seen)


def _is_included(selection: Any, variables: VariableValues) -> bool:
    if not selection.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, selection, variables)
    include = get_directive_values(GraphQLIncludeDirective, selection, variables)
    return not (skip and skip["if"]) and (include is None or bool(include["if"]))


def _applies(schema: GraphQLSchema, condition: str, type_: GraphQLObjectType) -> bool:
    if condition == type_.name:
        return True
    named = schema.type_map[condition]
    return isinstance(named, GraphQLInterfaceType) and schema.is_sub_type(named, type_)


def _mentions_variable(value: Any) -> bool:
    match value.kind:
        case "variable":
            return True
        case "list_value":
            return any(map(_mentions_variable, value.values))
        case "object_value":
            return any(_mentions_variable(field.value) for field in value.fields)
        case _:
            return False
