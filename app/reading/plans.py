"""A statement that answers fields, ready to run with the values of a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from graphql import GraphQLError
from graphql.execution.values import VariableValues

from app.errors import PassedLimit, RequestFault, RequestRefused
from app.ownership import Viewer
from app.reading.pages import ArgumentError
from app.reading.selections import Field

_BYTES_OF_A_PART = 250  # of a plan, beside its statement: a parameter, or a field with arguments


@dataclass(frozen=True, slots=True)
class Run:
    """What differs between two runs of a plan: the decoded arguments of each field, and who asks when."""

    arguments: Sequence[Any]
    viewer: Viewer
    moment: datetime
    subject: str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Site:
    """A field with arguments, and what makes values of them."""

    field: Field
    decode: Callable[[dict[str, Any]], Any]

    def read(self, variables: VariableValues) -> Any:
        """Return the decoded arguments. Raises RequestRefused."""
        try:
            return self.decode(self.field.arguments(variables))
        except ArgumentError as error:
            raise RequestRefused(self.field.fault(str(error), error.argument, error.code)) from None
        except GraphQLError as error:
            raise RequestRefused(self.field.fault(error)) from None


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement that answers fields, ready to run: each of `columns` is the JSON of one, or NULL for null."""

    columns: tuple[str, ...]
    statement: str
    _binds: tuple[Callable[[Run], Any], ...]
    _sites: tuple[tuple[Site, Any], ...]

    @property
    def weight(self) -> int:
        """How many bytes it takes, more or less."""
        return len(self.statement) + _BYTES_OF_A_PART * (len(self._binds) + len(self._sites) + len(self.columns))

    def values(
        self,
        variables: VariableValues,
        viewer: Viewer,
        moment: datetime,
        bind: Callable[[object], object],
        subject: str | tuple[str, ...] | None = None,
    ) -> list[object]:
        """Return the values to run the statement with. Raises RequestRefused for arguments out of bounds.

        `subject` is the id or the key of the row that a mutation changed, for plans that read one.
        """
        run = Run(self.check(variables), viewer, moment, subject)
        return [bind(value(run)) for value in self._binds]

    def placed(self, passed: PassedLimit) -> RequestRefused:
        """Return the refusal of a request by a limit, with the field that is refused."""
        (fault,) = passed.faults
        field = self._sites[passed.site][0].field.fault(fault.message)
        return RequestRefused(replace(fault, path=field.path, locations=field.locations))

    def check(self, variables: VariableValues) -> list[Any]:
        """Return the decoded arguments of each field that has some. Raises RequestRefused, with every fault."""
        arguments: list[Any] = []
        faults: list[RequestFault] = []
        for site, constant in self._sites:
            try:
                arguments.append(site.read(variables) if site.field.has_variables else constant)
            except RequestRefused as refused:
                faults += refused.faults
        if faults:
            raise RequestRefused(*faults)
        return arguments
