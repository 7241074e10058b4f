"""Where the code of a document's fields is: the line that declares each, and the line that it leads to."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from graphql import is_abstract_type, is_leaf_type
from strawberry.schema.schema_converter import GraphQLCoreConverter

from app.ownership import acquainted, readable
from app.reading import nouns
from app.reading.beside import beside
from app.reading.counts import ReadCounts
from app.reading.feeds import ReadFeed
from app.reading.lists import ReadPage
from app.reading.nouns import MADE_BY
from app.reading.payloads import Payload
from app.reading.selections import Field
from app.record.entries import said
from app.resolvers.changes import Change
from app.schema.completed import declared_as, file_of


class Place(NamedTuple):
    """A field's path in the response, where it is declared and where its code is, each as `file:line`."""

    path: str
    declared: str
    code: str


def places(fields: Iterable[Field], above: str = "") -> Iterator[Place]:
    """Yield where each of a document's fields is, and those below it; `above` is where the one above is declared."""
    for field in fields:
        if field.name.startswith("__"):
            continue
        declared = _declared(field, above)
        yield Place(".".join(field.path), declared, _code(field))
        if not is_leaf_type(field.named):
            for type_ in field.possible if is_abstract_type(field.named) else (field.type,):
                yield from places(field.children(type_), declared)


def _declared(field: Field, above: str) -> str:
    class_ = field.parent.extensions[GraphQLCoreConverter.DEFINITION_BACKREF].origin
    name = declared_as(field.definition).python_name
    made_by: Callable[..., Any] | None = getattr(class_, MADE_BY, None)
    # What a payload has is declared with its mutation.
    return _line(class_, name) if made_by is None else _mentioned(made_by, name) or above


def _code(field: Field) -> str:
    match field.lead:
        case Change() as change:
            return _begins(change.work)
        case nouns.Computed(text):
            return _begins(text)
        case nouns.Resolved():
            return _begins(_resolver(field))
        case nouns.Stored(column):
            return _line(field.owner.model, column.name)
        case nouns.Reference(name) | nouns.IsNull(name) | nouns.Within(name) | nouns.Members(name) | nouns.Part(name):
            return _line(field.owner.model, name)
        case nouns.Same():
            return _begins(field.owner.model)
        case (
            nouns.Lookup()
            | nouns.Connection()
            | nouns.Few()
            | nouns.Self()
            | nouns.Named()
            | nouns.Newest()
            | nouns.Changed()
            | nouns.Noted()
        ):
            return _begins(field.noun.model)
        case lead:
            return _begins(_ALWAYS.get(type(lead), ReadPage))


# What answers a field whatever it is of.
_ALWAYS: Mapping[type[nouns.Lead], Any] = {
    nouns.Private: acquainted,
    nouns.StoredBeside: beside,
    **dict.fromkeys((nouns.Counts, nouns.UnitStart, nouns.UnitEnd, nouns.UnitCount), ReadCounts),
    **dict.fromkeys((nouns.AnyNode, nouns.AnyNodes, nouns.NodeOf), readable),
    **dict.fromkeys((nouns.MemberName, nouns.MemberValue), said),
    **dict.fromkeys((nouns.Gone, nouns.Replayed, nouns.Refusals, nouns.Told, nouns.Current), Payload),
    **dict.fromkeys((nouns.ChangedNode, nouns.Certificate, nouns.Preview), Payload),
    **dict.fromkeys((nouns.Feed, nouns.FeedEntries, nouns.FeedColumn, nouns.FeedCursor), ReadFeed),
    **dict.fromkeys((nouns.FeedEnd, nouns.FeedIsRead), ReadFeed),
}


def _resolver(field: Field) -> Any:
    resolver = declared_as(field.definition).base_resolver
    assert resolver is not None, field.name  # noqa: S101 - for the type checker
    return resolver.wrapped_func


def _begins(code: Any) -> str:
    lines, line = inspect.getsourcelines(code)
    return f"{file_of(code)}:{max(line, 1)}" if lines else file_of(code)


def _mentioned(code: Callable[..., Any], name: str) -> str | None:
    """Return the line of a function that makes a type at which it makes a field of it, if it does."""
    lines, first = inspect.getsourcelines(code)
    for place, line in enumerate(lines):
        if f'"{name}"' in line:
            return f"{file_of(code)}:{first + place}"
    return None


def _line(class_: type, name: str) -> str:
    """Return the line at which a class, or one that it inherits from, has an attribute."""
    for each in class_.__mro__:
        if name in _attributes(each):
            return f"{file_of(each)}:{_attributes(each)[name]}"
    return _begins(class_)


@cache
def _attributes(class_: type) -> dict[str, int]:
    if class_.__module__ == "builtins":
        return {}
    tree = ast.parse(Path(inspect.getsourcefile(class_) or "").read_text(encoding="utf-8"))
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == class_.__name__:
            for statement in node.body:
                match statement:
                    case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                        found[name] = statement.lineno
                    case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                        found[name] = statement.lineno
    return found
