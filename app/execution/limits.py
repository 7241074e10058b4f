"""What a document may ask for at most, found out before anything else is done with it.

A document passes three gates, each of which bounds what the next one costs:

1. `scan` counts characters, tokens and brackets with one regular expression. What passes is short enough to parse.
2. `measure` walks every definition of the parsed document once. A fragment is counted once, however often it is
   spread, so that fragments which double each other cost no more than any others.
3. What passes that has a bounded number of fields with all fragments expanded, and only then are they expanded:
   to count what validation will have to compare, what the statement will have to look up, and the objects that
   the answer can hold.

What is known of the objects is kept with the document: all that is left to a request is to multiply the sizes of
pages that its variables say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from graphql import (
    DocumentNode,
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

from app.errors import RequestFault, RequestRefused
from app.reading.nouns import AnyNodes, Connection, Refusals, Resolved, lead_of
from app.reading.pages import DEFAULT_SIZE, MAX_SIZE
from app.settings import Limits

# An object of the schema is made by graphql-core, in Python, and costs as much as some five that the database makes.
_WALKED = 5
# A figure that grows exponentially is not counted further. It fits what any client can read as a number.
_ENDLESS = 10**9

_Definition: TypeAlias = OperationDefinitionNode | FragmentDefinitionNode

# A comment, or in the group a token, as the GraphQL specification has them (section 2.1). A text that doesn't end
# is a token as well, and nothing is tried in two ways: however the text is made, the time grows with its length.
_TOKEN = re.compile(
    r"""
    (?: \#[^\n\r]*+ )
    | ( [A-Za-z_][0-9A-Za-z_]*+
      | \.\.\.
      | [!$&():=@\[\]{|}]
      | -?[0-9]++ (?:\.[0-9]++)? (?:[eE][+-]?[0-9]++)?
      | \"\"\" (?: [^"\\]++ | \\\"\"\" | \\ | "(?!"") )*+ (?:\"\"\")?
      | " (?: [^"\\\n\r]++ | \\. )*+ "?
      )
    """,
    re.VERBOSE,
)
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


def scan(text: str, limits: Limits) -> None:
    """Refuse a text that is too long, or nested too deep, to be parsed. Raises RequestRefused.

    It does not matter whether the text is GraphQL: what is not is refused when it is parsed.
    """
    _hold("characters", limits.max_characters, len(text))
    lexemes = [lexeme for lexeme in _TOKEN.findall(text) if lexeme]
    _hold("tokens", limits.max_tokens, len(lexemes))
    _hold("directives", limits.max_directives, lexemes.count("@"))
    _hold("spreads", limits.max_spreads, lexemes.count("..."))
    deepest = depth = 0
    for lexeme in lexemes:
        if lexeme in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif lexeme in _CLOSING:
            depth -= 1
    _hold("brackets", limits.max_brackets, deepest)


@dataclass(frozen=True)
class Measured:
    """What is known of a document that is within its limits; `operations` in their order.

    `fields` and `reads` count those of all of them. A document whose fragments contain themselves is cyclic, and
    otherwise unknown.
    """

    operations: tuple[MeasuredOperation, ...]
    fields: int
    reads: int
    repeats: int
    is_cyclic: bool

    def check(self, limits: Limits) -> None:
        """Refuse what the answer would take; to be asked when the document is known to be valid.

        These figures say what the schema has, and cost validation nothing. Raises RequestRefused.
        """
        _hold("reads", limits.max_reads, self.reads)
        _hold("objects", limits.max_objects, max((each.objects.known for each in self.operations), default=0))
        _hold("repeats", limits.max_repeats, self.repeats)


@dataclass(frozen=True)
class MeasuredOperation:
    """What is known of an operation: whether it asks for the schema, or resolvers, and the objects it can yield."""

    introspects: bool
    has_resolvers: bool
    objects: Objects


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
            _hold("objects", self.maximum, self.count(variables))

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


def measure(document: DocumentNode, schema: GraphQLSchema, limits: Limits) -> Measured:
    """Return the figures of a document. Raises RequestRefused when one is beyond its limit.

    The document need not be valid: what the schema doesn't know counts as a field without objects.
    """
    definitions = [
        definition
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    fragments = {item.name.value: item for item in definitions if isinstance(item, FragmentDefinitionNode)}
    _hold("fragments", limits.max_fragments, sum(isinstance(item, FragmentDefinitionNode) for item in definitions))
    outlines = {id(item): _Outline.of(item) for item in definitions}
    _hold("aliases", limits.max_aliases, sum(outline.aliases for outline in outlines.values()))
    sizes = _Sizes(definitions, fragments, outlines)
    _hold("fields", limits.max_fields, sizes.fields)
    _hold("depth", limits.max_depth, sizes.depth)
    expanded = [_Expansion(schema, fragments, item) for item in sizes.roots]
    # A document in which fragments contain themselves is invalid, and nothing else is asked of it.
    if not sizes.is_cyclic:
        for expansion in expanded:
            expansion.walk()
    _hold("rootFields", limits.max_root_fields, max((each.root_fields for each in expanded), default=0))
    _hold("comparisons", limits.max_comparisons, sum(each.comparisons for each in expanded))
    operations = tuple(
        MeasuredOperation(each.introspects, each.has_resolvers, each.objects(limits.max_objects))
        for each in expanded
        if isinstance(each.root, OperationDefinitionNode)
    )
    return Measured(
        operations,
        sizes.fields,
        sum(each.reads for each in expanded),
        max((each.repeats for each in expanded), default=0),
        sizes.is_cyclic,
    )


@dataclass
class _Outline:
    """One definition on its own: the selections in it, and the fragments that it spreads at which depth."""

    selections: int = 0
    aliases: int = 0
    depth: int = 0
    spreads: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def of(cls, definition: _Definition) -> _Outline:
        outline = cls()
        ahead = [(definition.selection_set, 1)]
        while ahead:
            selection_set, depth = ahead.pop()
            for selection in selection_set.selections:
                outline.selections += 1
                match selection:
                    case FieldNode(alias=alias, selection_set=inner):
                        outline.depth = max(outline.depth, depth)
                        outline.aliases += alias is not None
                        if inner is not None:
                            ahead.append((inner, depth + 1))
                    case InlineFragmentNode(selection_set=inner):
                        ahead.append((inner, depth))
                    case FragmentSpreadNode(name=name):
                        outline.spreads.append((name.value, depth - 1))
        return outline


class _Sizes:
    """The number of selections and the depth of a document with its fragments expanded.

    Each fragment is added up once, after those that it spreads. A selection is a field, or a fragment where it
    is spread. Fragments that nothing leads to are counted as operations are: validation reads them as well.
    """

    def __init__(
        self,
        definitions: Sequence[_Definition],
        fragments: Mapping[str, FragmentDefinitionNode],
        outlines: Mapping[int, _Outline],
    ) -> None:
        self._fragments = fragments
        self._outlines = outlines
        self._known: dict[int, tuple[int, int]] = {}
        self.is_cyclic = False
        spread = {name for outline in outlines.values() for name, _ in outline.spreads}
        self.roots: list[_Definition] = []
        # First whatever no one spreads, then what is left: fragments that lead to themselves alone.
        by_need = sorted(
            definitions, key=lambda item: isinstance(item, FragmentDefinitionNode) and item.name.value in spread
        )
        for item in by_need:
            if id(item) not in self._known:
                self.roots.append(item)
                self._add_up(item)
        totals = [self._known[id(item)] for item in self.roots]
        self.fields = min(sum(fields for fields, _ in totals), _ENDLESS)
        self.depth = max((depth for _, depth in totals), default=0)

    def _add_up(self, root: _Definition) -> None:
        # Depth-first and without recursion: a chain of fragments may be as long as there are fragments.
        path = [(root, self._spread_by(root))]
        entered = {id(root)}
        while path:
            item, ahead = path[-1]
            fragment = next(ahead, None)
            if fragment is None:
                path.pop()
                entered.discard(id(item))
                self._known[id(item)] = self._total(self._outlines[id(item)])
            elif id(fragment) in entered:
                self.is_cyclic = True
            elif id(fragment) not in self._known:
                entered.add(id(fragment))
                path.append((fragment, self._spread_by(fragment)))

    def _spread_by(self, item: _Definition) -> Iterator[FragmentDefinitionNode]:
        names = dict.fromkeys(name for name, _ in self._outlines[id(item)].spreads)
        return iter([self._fragments[name] for name in names if name in self._fragments])

    def _total(self, outline: _Outline) -> tuple[int, int]:
        fields, depth = outline.selections, outline.depth
        for name, above in outline.spreads:
            fragment = self._fragments.get(name)
            inner, inner_depth = self._known.get(id(fragment), (0, 0))
            fields += inner
            depth = max(depth, above + inner_depth)
        return min(fields, _ENDLESS), depth


class _Expansion:
    """An operation with its fragments expanded, and fields that share a response name merged.

    It costs as much as the selections that `_Sizes` counted, so it is for documents that passed that.
    """

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], root: _Definition
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
        known = min(self._terms.pop((), 0) * weight, _ENDLESS)
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
                    of_page = _page(arguments) if isinstance(lead_of(definition), Connection) else None
                else:
                    size = self._size(definition, name, arguments, page)
                    if isinstance(size, Size):
                        each_sizes = (*sizes, size)
                    else:
                        each = min(factor * size, _ENDLESS)
                    self._terms[each_sizes] = min(self._terms[each_sizes] + each, _ENDLESS)
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


def check_values(inputs: Mapping[str, Any], names: Iterable[str], limits: Limits) -> None:
    """Refuse variables that hold more values than are worth coercing. Raises RequestRefused, naming the list."""
    total = 0
    for name in names:
        ahead: list[tuple[tuple[str, ...], Any]] = [((name,), inputs.get(name))]
        while ahead:
            path, value = ahead.pop()
            if not isinstance(value, list | dict):
                continue
            # Counted before any of it is looked at, so that no more is looked at than is allowed.
            total += len(value)
            if total > limits.max_values:
                raise RequestRefused(
                    RequestFault(
                        f"`{'.'.join(path)}` makes it {total} values in the variables; {limits.max_values} is the most "
                        "that is allowed, so ask for less at once",
                        "INVALID_INPUT",
                        argument=path,
                        details={"limit": "values", "maximum": limits.max_values, "asked": total},
                    )
                )
            if isinstance(value, list):
                ahead += [(path, element) for element in value]
            else:
                ahead += [((*path, key), inner) for key, inner in value.items()]


def _hold(limit: str, maximum: int, asked: int) -> None:
    if asked > maximum:
        raise RequestRefused(_exceeded(limit, maximum, asked))


def _exceeded(limit: str, maximum: int, asked: int) -> RequestFault:
    shown = f"{asked} or more" if asked == _ENDLESS else asked
    return RequestFault(
        f"{_SENTENCES[limit].format(shown)}; {maximum} is the most that is allowed, so ask for less at once",
        "LIMIT_EXCEEDED",
        details={"limit": limit, "maximum": maximum, "asked": asked},
    )


_SENTENCES = {
    "characters": "the document has {} characters",
    "tokens": "the document has {} tokens",
    "brackets": "the document opens {} brackets in each other",
    "directives": "the document uses {} directives",
    "spreads": "the document spreads {} fragments",
    "fragments": "the document defines {} fragments",
    "aliases": "the document gives {} aliases",
    "fields": "the document selects {} fields once its fragments are expanded",
    "depth": "the document nests fields {} deep",
    "rootFields": "the operation has {} root fields",
    "reads": "the document makes {} look-ups, lists and counts",
    "comparisons": "the document repeats fields so often that {} pairs have to be compared",
    "repeats": "the document asks for one field under {} names at one place",
    "objects": "the answer can hold {} objects, its pages multiplied along each path",
}
