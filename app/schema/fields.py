"""How the schema declares its types and fields: each with its description, and with what it leads to.

A type's docstring is its description. A field without a lead is the column of its name; one with an ordinary resolver
is that.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar, get_args

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument

from app.errors import Refusal
from app.reading.nouns import LEAD, MADE_BY, NOUN, REFUSAL, Filter, Lead, Lookup, Noun
from app.values import field_name

T = TypeVar("T")

_AS_OF = "as_of"


def description_of(documented: Any) -> str:
    """Return a docstring as one paragraph. Raises ValueError when there is none."""
    if not documented.__doc__:
        raise ValueError(f"{documented.__qualname__} needs a docstring: it is what clients read of it")
    return " ".join(inspect.cleandoc(documented.__doc__).split())


def object_type(class_: type[T]) -> type[T]:
    """Make a class a type of the schema."""
    return strawberry.type(class_, description=description_of(class_))


def interface(class_: type[T]) -> type[T]:
    """Make a class an interface of the schema."""
    return strawberry.interface(class_, description=description_of(class_))


@strawberry.input
class MutationInput:
    """What the inputs of all mutations have in common: each inherits it."""

    request_id: strawberry.Maybe[strawberry.ID | None] = strawberry.field(
        description="An id that you make up for this request: 16 to 64 characters of A-Z, a-z, 0-9, - and _, at "
        "random. Sent again with the same input within seven days, as you may do when an answer was lost, it is not "
        "made again: the payload is read afresh, with `replayed` true."
    )


def input_type(class_: type[T]) -> type[T]:
    """Make a class an input of the schema."""
    return strawberry.input(class_, description=description_of(class_))


def item_type(input_: type, name: str, description: str, *left_out: str) -> Any:
    """Make an input that has the fields of another one but for some, for lists of what that one has one of."""
    definition: Any = input_.__strawberry_definition__  # type: ignore[attr-defined]
    members: dict[str, Any] = {"__doc__": description, "__module__": input_.__module__, "__annotations__": {}}
    for each in definition.fields:
        if each.python_name not in {*left_out, *MutationInput.__annotations__}:
            members["__annotations__"][each.python_name] = input_.__annotations__[each.python_name]
            default = {} if each.default is dataclasses.MISSING else {"default": each.default}
            members[each.python_name] = strawberry.field(description=each.description, **default)
    return input_type(type(name, (), members))


def choice_type(class_: type[T]) -> type[T]:
    """Make a class an input of the schema of which exactly one field is given."""
    return strawberry.input(class_, description=description_of(class_), one_of=True)


def noun(noun_: Noun) -> Callable[[type[T]], type[T]]:
    """Return a decorator that makes a class a type whose values are rows."""

    def decorate(class_: type[T]) -> type[T]:
        setattr(class_, NOUN, noun_)
        return object_type(class_)

    return decorate


def tells(refusal: type[Refusal]) -> Callable[[type[T]], type[T]]:
    """Return a decorator that makes a class the type that tells of a refusal."""

    def decorate(class_: type[T]) -> type[T]:
        setattr(class_, REFUSAL, refusal)
        return object_type(class_)

    return decorate


def field(lead: Lead, description: str, *, name: str | None = None) -> Any:
    """Declare a field without arguments that leads elsewhere than to the column of its name; `name` as in condition."""
    return strawberry.field(name=name, description=description, metadata={LEAD: lead})


def condition(filter_: Filter, description: str, *, name: str | None = None) -> Any:
    """Declare a field of a filter, with the condition that it stands for; `name` where Python can't say it."""
    return strawberry.field(name=name, default=strawberry.UNSET, description=description, metadata={LEAD: filter_})


def made_type(
    made_by: Callable[..., Any], name: str, description: str, fields: Mapping[str, tuple[Any, Lead, str]]
) -> Any:
    """Return a type that a function makes, of fields with their type, their lead and their description."""
    members: dict[str, Any] = {key: field(lead, words) for key, (_, lead, words) in fields.items()}
    members["__annotations__"] = {key: type_ for key, (type_, _, _) in fields.items()}
    members |= {"__doc__": description, "__module__": __name__, MADE_BY: made_by}
    return object_type(type(name, (), members))


def argument(type_: Any, description: str) -> Any:
    """Return the type of an argument, with its description."""
    return Annotated[type_, strawberry.argument(description=description)]


def declared(lead: Lead, returns: Any, description: str, **arguments: Any) -> Any:
    """Declare a field with arguments, those that may be null with no default."""
    # A field without a function: completed.py says what answers it.
    field_: Any = strawberry.field(graphql_type=returns, description=description, metadata={LEAD: lead})
    field_.arguments = [
        StrawberryArgument(name, None, StrawberryAnnotation(type_), default=_default(type_))
        for name, type_ in arguments.items()
    ]
    return field_


def _default(type_: Any) -> Any:
    may_be_null = type(None) in get_args(get_args(type_)[0])
    return strawberry.UNSET if may_be_null else inspect.Parameter.empty


def lookup(
    returns: Any,
    description: str,
    *,
    parent: str | None = None,
    past: tuple[type, str] | None = None,
    **arguments: tuple[str, str],
) -> Any:
    """Declare the row that the arguments name, each with its column and its description; see Lookup.

    `past` is the input that says as of when, with its description, where it can be asked for as it was.
    """
    columns = {field_name(name): column for name, (column, _) in arguments.items()}
    lead = Lookup(columns, parent, None if past is None else field_name(_AS_OF))
    types = {name: argument(strawberry.ID, words) for name, (_, words) in arguments.items()}
    if past is not None:
        input_, words = past
        types[_AS_OF] = argument(input_ | None, words)
    return declared(lead, returns | None, description, **types)
