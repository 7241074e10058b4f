"""Which work each mutation of the schema does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.resolvers import cases, events, file_batches, members
from app.resolvers.changes import Work

WORKS: Final[Mapping[str, Work]] = {
    "createCase": cases.create,
    "updateCase": cases.update,
    "deleteCase": cases.delete,
    "createEvent": events.create,
    "updateEvent": events.update,
    "deleteEvent": events.delete,
    "createFileBatch": file_batches.create,
    "updateFileBatch": file_batches.update,
    "deleteFileBatch": file_batches.delete,
    "setCaseMember": members.set_role,
    "acceptCase": members.take_up,
    "removeCaseMember": members.remove,
}

IN_TURN: Final = frozenset({"createCase"})
"""Those that lock what all of their kind lock, for as long as their transaction lasts: the counter of cases."""
