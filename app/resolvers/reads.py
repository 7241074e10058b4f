"""Reading: one statement for all root fields of a query, its answers handed on as the text they came in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Any, Generic, TypeVar

from app.db import Database, Row
from app.resolvers.ownership import Viewer
from app.resolvers.selections import Field, Request
from app.resolvers.statements import Plan, Planner
from app.values import now

T = TypeVar("T")

_SHAPES_KEPT = 16


class Shapes(Generic[T]):
    """What was worked out for an operation, once for each shape of its variables; the least used are dropped."""

    def __init__(self) -> None:
        self._made: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, shape: Hashable, make: Callable[[], T]) -> T:
        """Return what was made for this shape, making it if need be."""
        made = self._made.get(shape)
        if made is None:
            made = self._made[shape] = make()
            if len(self._made) > _SHAPES_KEPT:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(shape)
        return made


def shape_of(value: Any) -> Hashable:
    """Return what of a variable's value a statement can depend on.

    That is whether it is null, which fields of an input are there, and the value itself where it chooses
    (Booleans and enumerations); never a text, number or time, which are bound when the statement runs.
    """
    match value:
        case None | bool() | Enum():
            return value
        case dict():
            return tuple((name, shape_of(part)) for name, part in value.items())
        case list():
            shapes = tuple(map(shape_of, value))
            return shapes if any(isinstance(shape, Enum) for shape in shapes) else "list"
        case _:
            return type(value).__name__


async def read(
    database: Database,
    viewer: Viewer,
    request: Request,
    plans: Shapes[Plan],
    fields: Callable[[], list[Field]],
    *,
    marked: bool,
) -> tuple[Plan, Row]:
    """Read the root fields of a query and return the JSON of each; `marked` as in Planner.

    `fields` is called only when there is no plan yet. Raises RequestRefused for arguments out of bounds.
    """
    shape = viewer.roles, marked, shape_of(request.variables.coerced)
    plan = plans.get(shape, lambda: Planner(database.dialect, viewer, marked=marked).query(fields()))
    if not plan.columns:
        return plan, ()
    values = plan.values(request.variables, viewer, now(), database.bind)
    return plan, await database.read(plan.statement, values)
