"""The users that tokens speak of, written down when first seen."""

from __future__ import annotations

from collections import OrderedDict

from sqlalchemy import bindparam, insert, select, update

from app.db import Database, Statement, Transaction
from app.db.models import User, table_of
from app.identity import Identity
from app.resolvers.ownership import Viewer
from app.values import new_id, now

_REMEMBERED = 10_000
_USERS = table_of(User)
_KNOWN = Statement(select(_USERS).where(_USERS.c.subject == bindparam("known")))
_ADD = Statement(insert(_USERS))
_CHANGE = Statement(update(_USERS).where(_USERS.c.id == bindparam("known")))


class Users:
    """Knows users by their subject; a user once seen costs no statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, tuple[str, str | None, str | None]] = OrderedDict()

    async def viewer(self, identity: Identity) -> Viewer:
        """Return the viewer that an identity stands for; name and email follow the token last used."""
        known = self._known.get(identity.subject)
        if known is None or (identity.name or known[1], identity.email or known[2]) != known[1:]:
            known = await self._database.write(lambda transaction: _remember(transaction, identity))
            self._known[identity.subject] = known
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return Viewer(known[0], identity.roles)


def _remember(transaction: Transaction, identity: Identity) -> tuple[str, str | None, str | None]:
    user = transaction.first(_KNOWN, {"known": identity.subject})
    if user is None:
        known = new_id(), identity.name, identity.email
        row = dict(zip(("id", "name", "email"), known, strict=True))
        transaction.run(_ADD, {**row, "subject": identity.subject, "created_at": now()})
        return known
    known = user.id, identity.name or user.name, identity.email or user.email
    if known != (user.id, user.name, user.email):
        transaction.run(_CHANGE, {"known": user.id, "name": known[1], "email": known[2]})
    return known
