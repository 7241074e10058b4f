"""How many fields a document has, and how deep they lie, with its fragments expanded but none of them twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from graphql import FieldNode, FragmentDefinitionNode, FragmentSpreadNode, InlineFragmentNode, OperationDefinitionNode

from app.execution.limits import ENDLESS

Definition: TypeAlias = OperationDefinitionNode | FragmentDefinitionNode


@dataclass
class Outline:
    """One definition on its own: the selections in it, and the fragments that it spreads at which depth."""

    selections: int = 0
    aliases: int = 0
    depth: int = 0
    spreads: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def of(cls, definition: Definition) -> Outline:
        """Return the outline of a definition."""
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


class Sizes:
    """The number of selections and the depth of a document with its fragments expanded.

    Each fragment is added up once, after those that it spreads. A selection is a field, or a fragment where it
    is spread. Fragments that nothing leads to are counted as operations are: validation reads them as well.
    """

    def __init__(
        self,
        definitions: Sequence[Definition],
        fragments: Mapping[str, FragmentDefinitionNode],
        outlines: Mapping[int, Outline],
    ) -> None:
        self._fragments = fragments
        self._outlines = outlines
        self._known: dict[int, tuple[int, int]] = {}
        self.is_cyclic = False
        spread = {name for outline in outlines.values() for name, _ in outline.spreads}
        self.roots: list[Definition] = []
        # First whatever no one spreads, then what is left: fragments that lead to themselves alone.
        by_need = sorted(
            definitions, key=lambda item: isinstance(item, FragmentDefinitionNode) and item.name.value in spread
        )
        for item in by_need:
            if id(item) not in self._known:
                self.roots.append(item)
                self._add_up(item)
        totals = [self._known[id(item)] for item in self.roots]
        self.fields = min(sum(fields for fields, _ in totals), ENDLESS)
        self.depth = max((depth for _, depth in totals), default=0)

    def _add_up(self, root: Definition) -> None:
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

    def _spread_by(self, item: Definition) -> Iterator[FragmentDefinitionNode]:
        names = dict.fromkeys(name for name, _ in self._outlines[id(item)].spreads)
        return iter([self._fragments[name] for name in names if name in self._fragments])

    def _total(self, outline: Outline) -> tuple[int, int]:
        fields, depth = outline.selections, outline.depth
        for name, above in outline.spreads:
            fragment = self._fragments.get(name)
            inner, inner_depth = self._known.get(id(fragment), (0, 0))
            fields += inner
            depth = max(depth, above + inner_depth)
        return min(fields, ENDLESS), depth
