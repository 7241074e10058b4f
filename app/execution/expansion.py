"""What an operation comes to once its fragments are expanded: comparisons, subqueries, objects of the answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from app.execution.limits import ENDLESS, hold
from app.execution.sizes import Definition
from app.reading.nouns import (
    MAX_UNITS,
    AnyNodes,
    ChangedNodes,
    Connection,
    Counts,
    Feed,
    Refusals,
    Resolved,
    Tally,
    lead_of,
)
from app.reading.pages import DEFAULT_SIZE, MAX_SIZE

# An object of the schema is made by graphql-core, in Python, and costs as much as some five that the database makes.
_WALKED = 5
# A unit of time has two moments and a number.
_UNITS_OF_AN_OBJECT = 10


@dataclass(frozen=True)
class Objects:
    """The number of objects that an operation can yield: a sum of products of pages' sizes.

    What the document says alone is in `known`. `open` has the products that depend on variables: a factor, and
    the sizes to multiply it with.
    """

    known: int
    open: tuple[tuple[int, tuple[Size, ...]], ...]
    maximum: int

    def check(self, variables: Mapping[str, Any]) -> None:
        """Refuse variables, as they were coerced, that ask for too many objects. Raises RequestRefused."""
        if self.open:
            hold("objects", self.maximum, self.count(variables))

    def count(self, variables: Mapping[str, Any]) -> int:
        """Return the number of objects with these values of the variables."""
        total = self.known
        for factor, sizes in self.open:
            product = factor
            for size in sizes:
                product *= size.of(variables)
            total += product
        return total


@dataclass(frozen=True)
class Size:
    """How many objects a list holds, where variables say it; without a value, it is the default of a page."""

    variables: tuple[str, ...]

    def of(self, variables: Mapping[str, Any]) -> int:
        """Return the size. A value out of bounds counts as one at the bound; it is refused for itself later."""
        for name in self.variables:
            value = variables.get(name)
            if value is not None:
                size = len(value) if isinstance(value, list) else value
                return MAX_SIZE if size > MAX_SIZE else max(size, 1)
        return DEFAULT_SIZE


class Expansion:
    """An operation with its fragments expanded, and fields that share a response name merged.

    It costs as much as the selections that `Sizes` counted, so it is for documents that passed that.
    """

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], root: Definition
    ) -> None:
        self.root = root
        self.root_fields = 0
        self.comparisons = 0
        self.reads = 0
        self.repeats = 0
        self._schema = schema
        self._fragments = fragments
        self._terms: Counter[tuple[Size, ...]] = Counter()
        self.introspects = False
        self.has_resolvers = False

    def walk(self) -> None:
        """Count everything."""
        if isinstance(self.root, OperationDefinitionNode):
            type_: GraphQLNamedType | None = self._schema.get_root_type(self.root.operation)
        else:
            type_ = self._schema.type_map.get(self.root.type_condition.name.value)
        merged = self._merged([self.root.selection_set], type_)
        if isinstance(self.root, OperationDefinitionNode):
            self.root_fields = len(merged)
            self.introspects = self.root.operation is OperationType.QUERY and any(
                name in _INTROSPECTION for _, name, _ in merged
            )
        self._level(merged, 1, (), None)

    def objects(self, maximum: int) -> Objects:
        """Return the number of objects in the answer."""
        weight = _WALKED if self.introspects else 1
        known = min(self._terms.pop((), 0) * weight, ENDLESS)
        return Objects(known, tuple((count * weight, sizes) for sizes, count in self._terms.items()), maximum)

    def _level(self, merged: _Merged, factor: int, sizes: tuple[Size, ...], page: _Size | None) -> None:
        """Count what lies in fields of one object, of which there are `factor` times the product of `sizes`."""
        keys = Counter[str]()
        for (_, _, key), nodes in merged.items():
            keys[key] += len(nodes)
        self.comparisons += sum(count * (count - 1) // 2 for count in keys.values())
        names = Counter((type_, name) for type_, name, _ in merged if _is_constant(type_, name))
        self.repeats = max(self.repeats, *names.values(), 0)
        for (type_, name, _), nodes in merged.items():
            definition = _definition(type_, name)
            self._count(definition)
            inner_sets = [node.selection_set for node in nodes if node.selection_set is not None]
            if not inner_sets:
                continue
            inner = get_named_type(definition.type) if definition is not None else None
            each, each_sizes, of_page = factor, sizes, None
            if definition is not None and type_ is not None:
                arguments = {argument.name.value: argument.value for argument in nodes[0].arguments or ()}
                if not is_list_type(get_nullable_type(definition.type)):
                    of_page = _page(arguments) if isinstance(lead_of(definition), Connection | Feed) else None
                else:
                    size = self._size(definition, name, arguments, page)
                    if isinstance(size, Size):
                        each_sizes = (*sizes, size)
                    else:
                        each = min(factor * size, ENDLESS)
                    self._terms[each_sizes] = min(self._terms[each_sizes] + each, ENDLESS)
            self._level(self._merged(inner_sets, inner), each, each_sizes, of_page)

    def _count(self, definition: GraphQLField | None) -> None:
        """Count how many subqueries a field makes."""
        lead = lead_of(definition) if definition is not None else None
        if definition is None or lead is None:
            return
        self.has_resolvers |= isinstance(lead, Resolved)
        named: Any = get_named_type(definition.type)
        self.reads += lead.reads if lead.reads is not None else len(self._schema.get_possible_types(named))

    def _size(self, definition: GraphQLField, name: str, arguments: Mapping[str, Any], page: _Size | None) -> _Size:
        """Return how many objects a list holds."""
        if page is not None:
            return page
        match lead_of(definition):
            case AnyNodes():
                return _given(arguments["ids"]) if "ids" in arguments else DEFAULT_SIZE
            case None:
                return _introspected(self._schema)[name]
            case Counts():
                return MAX_UNITS // _UNITS_OF_AN_OBJECT
            case ChangedNodes(most) | Tally(_, most):
                return most
            case Refusals():
                return 1  # of all that a change is refused for, one alone shows a row
            case _:
                return DEFAULT_SIZE

    def _merged(self, selection_sets: Sequence[SelectionSetNode], type_: GraphQLNamedType | None) -> _Merged:
        merged: _Merged = {}
        spread = set()
        ahead = [(selection_set, type_) for selection_set in reversed(selection_sets)]
        while ahead:
            selection_set, type_ = ahead.pop()
            for selection in selection_set.selections:
                match selection:
                    case FieldNode(name=name, alias=alias):
                        merged.setdefault((type_, name.value, (alias or name).value), []).append(selection)
                    case InlineFragmentNode(type_condition=condition, selection_set=inner):
                        on = type_ if condition is None else self._schema.type_map.get(condition.name.value)
                        ahead.append((inner, on))
                    case FragmentSpreadNode(name=name):
                        fragment = self._fragments.get(name.value)
                        if fragment is not None and name.value not in spread:
                            spread.add(name.value)
                            condition = fragment.type_condition
                            ahead.append((fragment.selection_set, self._schema.type_map.get(condition.name.value)))
        return merged


# Fields by the type that they are asked of, their name in the schema and their name in the response.
_Merged: TypeAlias = dict[tuple[GraphQLNamedType | None, str, str], list[FieldNode]]
_Size: TypeAlias = int | Size
_INTROSPECTION = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


def _definition(type_: GraphQLNamedType | None, name: str) -> Any:
    if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        return _INTROSPECTION.get(name) or type_.fields.get(name)
    return None


def _is_constant(type_: GraphQLNamedType | None, name: str) -> bool:
    """Return whether a field has the same value under each name that it is asked for at one place."""
    definition = _definition(type_, name)
    return name == "__typename" or (definition is not None and not definition.args)


def _page(arguments: Mapping[str, Any]) -> _Size:
    """Return the size of the page that a connection's arguments ask for."""
    values = [arguments[name] for name in ("first", "last") if name in arguments]
    variables = tuple(value.name.value for value in values if isinstance(value, VariableNode))
    constants = [value for value in values if isinstance(value, IntValueNode)]
    if constants:
        # Beside a constant a variable can only be null, or else the request is refused.
        return _bounded(constants[0].value)
    return Size(variables) if variables else DEFAULT_SIZE


def _given(value: Any) -> _Size:
    """Return how many elements are in a list that the document or a variable holds."""
    match value:
        case VariableNode(name=name):
            return Size((name.value,))
        case ListValueNode(values=values):
            return min(len(values), MAX_SIZE)
        case NullValueNode():
            return 0
        case _:
            return 1


def _bounded(digits: str) -> int:
    # What is out of bounds is refused for itself, with a sentence of its own. A long number is never converted.
    return min(max(int(digits), 1), MAX_SIZE) if len(digits) < 10 else MAX_SIZE


@cache
def _introspected(schema: GraphQLSchema) -> Mapping[str, int]:
    """Return how many elements the lists of the introspection have at most, by the names of their fields."""
    types = schema.type_map.values()
    shown = [type_.fields for type_ in types if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)]

    def most(counts: Iterable[int]) -> int:
        return max(counts, default=0)

    return {
        "types": len(schema.type_map),
        "directives": len(schema.directives),
        "fields": most(map(len, shown)),
        "args": most(len(definition.args) for fields in shown for definition in fields.values()),
        "inputFields": most(len(type_.fields) for type_ in types if isinstance(type_, GraphQLInputObjectType)),
        "enumValues": most(len(type_.values) for type_ in types if isinstance(type_, GraphQLEnumType)),
        "interfaces": most(len(type_.interfaces) for type_ in types if isinstance(type_, GraphQLObjectType)),
        "possibleTypes": most(
            len(schema.get_possible_types(type_)) for type_ in types if isinstance(type_, GraphQLInterfaceType)
        ),
    }
