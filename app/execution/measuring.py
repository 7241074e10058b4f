"""What a document may ask for at most, found out before anything else is done with it.

A document passes three gates, each of which bounds what the next one costs:

1. `scanning.py` counts characters, tokens and brackets with one regular expression. What passes is short enough to
   parse.
2. `sizes.py` walks every definition of the parsed document once. A fragment is counted once, however often it is
   spread, so that fragments which double each other cost no more than any others.
3. What passes that has a bounded number of fields with all fragments expanded, and only then are they expanded, in
   `expansion.py`: to count what validation will have to compare, what the statement will have to look up, and the
   objects that the answer can hold.

What is known of the objects is kept with the document: all that is left to a request is to multiply the sizes of
pages that its variables say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphql import DocumentNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode

from app.execution.expansion import Expansion, Objects
from app.execution.limits import hold
from app.execution.sizes import Outline, Sizes
from app.settings import Limits


@dataclass(frozen=True)
class Measured:
    """What is known of a document that is within its limits; `operations` in their order.

    `figures` has what was counted, by the names of the limits. A document whose fragments contain themselves is cyclic,
    and otherwise unknown.
    """

    operations: tuple[MeasuredOperation, ...]
    figures: Mapping[str, int]
    is_cyclic: bool

    def check(self, limits: Limits) -> None:
        """Refuse what the answer would take; to be asked when the document is known to be valid.

        These figures say what the schema has, and cost validation nothing. Raises RequestRefused.
        """
        hold("reads", limits.max_reads, self.figures["reads"])
        hold("objects", limits.max_objects, self.figures["objects"])
        hold("repeats", limits.max_repeats, self.figures["repeats"])


@dataclass(frozen=True)
class MeasuredOperation:
    """What is known of an operation: whether it asks for the schema, or resolvers, and the objects it can yield."""

    introspects: bool
    has_resolvers: bool
    objects: Objects


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
    spread = sum(isinstance(item, FragmentDefinitionNode) for item in definitions)
    figures = {"fragments": hold("fragments", limits.max_fragments, spread)}
    outlines = {id(item): Outline.of(item) for item in definitions}
    aliases = sum(outline.aliases for outline in outlines.values())
    figures["aliases"] = hold("aliases", limits.max_aliases, aliases)
    sizes = Sizes(definitions, fragments, outlines)
    figures["fields"] = hold("fields", limits.max_fields, sizes.fields)
    figures["depth"] = hold("depth", limits.max_depth, sizes.depth)
    expanded = [Expansion(schema, fragments, item) for item in sizes.roots]
    # A document in which fragments contain themselves is invalid, and nothing else is asked of it.
    if not sizes.is_cyclic:
        for expansion in expanded:
            expansion.walk()
    root_fields = max((each.root_fields for each in expanded), default=0)
    figures["rootFields"] = hold("rootFields", limits.max_root_fields, root_fields)
    comparisons = sum(each.comparisons for each in expanded)
    figures["comparisons"] = hold("comparisons", limits.max_comparisons, comparisons)
    operations = tuple(
        MeasuredOperation(each.introspects, each.has_resolvers, each.objects(limits.max_objects))
        for each in expanded
        if isinstance(each.root, OperationDefinitionNode)
    )
    figures["reads"] = sum(each.reads for each in expanded)
    figures["objects"] = max((each.objects.known for each in operations), default=0)
    figures["repeats"] = max((each.repeats for each in expanded), default=0)
    return Measured(operations, figures, sizes.is_cyclic)
