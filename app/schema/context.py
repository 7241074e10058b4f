"""What the mutations of one request have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import strawberry
from graphql.execution.values import VariableValues

from app.db import Database
from app.resolvers.changes import Work, change
from app.resolvers.inputs import Given
from app.resolvers.ownership import Viewer
from app.resolvers.payloads import Payload


@dataclass(frozen=True, slots=True)
class Context:
    """The viewer, and what is asked of each mutation's payload by the response name of its field."""

    database: Database
    viewer: Viewer
    variables: VariableValues
    payloads: Mapping[str | int, Payload]

    async def change(self, key: str | int, work: Work, given: Given) -> dict[str, Any]:
        """Make the change that a mutation is for and return its payload, by response name."""
        return await change(self.database, self.viewer, work, given, self.payloads[key], self.variables)


Info: TypeAlias = strawberry.Info[Context, None]
