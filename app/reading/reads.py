"""Reading: one statement for all root fields of a query, its answers handed on as the text they came in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from enum import Enum
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from app.db import Readable
from app.errors import PassedLimit
from app.ownership import Viewer
from app.reading.plans import Plan
from app.reading.selections import Field, Request
from app.reading.streams import plan_query
from app.values import now

_SHAPES_KEPT = 16


class Weighed(Protocol):
    """What knows how many bytes it takes, more or less."""

    @property
    def weight(self) -> int:
        """The number of bytes."""


T = TypeVar("T")
W = TypeVar("W", bound=Weighed)
Turn: TypeAlias = Callable[[Callable[[], T]], Awaitable[T]]
"""Awaits what is to be worked out, in its turn."""


async def at_once(work: Callable[[], T]) -> T:
    """Return what `work` returns, done here and now."""
    return work()


class Shapes(Generic[W]):
    """What was worked out for an operation, once for each shape of its variables; the least used are dropped."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, W] = OrderedDict()
        self.weight = 0

    async def get(self, shape: Hashable, make: Callable[[], W], turn: Turn[W]) -> W:
        """Return what was made for this shape, making it in its turn if need be."""
        made = self._made.get(shape)
        if made is not None:
            self._made.move_to_end(shape)
            return made
        # Somebody else may have made it before it was this one's turn.
        made = await turn(lambda: self._made.get(shape) or make())
        if shape not in self._made:
            self._made[shape] = made
            self.weight += made.weight
            if len(self._made) > _SHAPES_KEPT:
                _, dropped = self._made.popitem(last=False)
                self.weight -= dropped.weight
        return made


def shape_of(value: Any) -> Hashable:
    """Return what of a variable's value a statement can depend on.

    That is whether it is null, which fields of an input are there, whether a list is empty, and the value itself where
    it chooses (Booleans and enumerations); never a text, number or time, which are bound when the statement runs.
    """
    match value:
        case None | bool() | Enum():
            return value
        case dict():
            return tuple((name, shape_of(part)) for name, part in value.items())
        case list():
            # A thousand inputs are looked at no further.
            chooses = not value or any(isinstance(part, Enum) for part in value)
            return tuple(map(shape_of, value)) if chooses else "list"
        case _:
            return type(value).__name__


async def read(
    database: Readable,
    viewer: Viewer,
    request: Request,
    plans: Shapes[Plan],
    fields: Callable[[], list[Field]],
    turn: Turn[Plan],
    *,
    marked: bool,
) -> bytes:
    """Read the root fields of a query and return the JSON of all in one column; `marked` as in Planner.

    `fields` is called only when there is no plan yet, and in its turn. Raises RequestRefused for arguments out of
    bounds, and for an answer that is too large.
    """
    shape = viewer.roles, viewer.sees_few, marked, shape_of(request.variables.coerced)
    plan = await plans.get(shape, lambda: plan_query(database, viewer, fields(), marked=marked), turn)
    if not plan.columns:
        return b"{}"
    values = plan.values(request.variables, viewer, now(), database.bind)
    try:
        (data,) = await database.read(plan.statement, values, viewer.id)
    except PassedLimit as passed:
        raise plan.placed(passed) from None
    assert data is not None, "an object is never null"  # noqa: S101 - for the type checker
    return data
