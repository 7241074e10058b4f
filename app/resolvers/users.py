"""The users that tokens speak of, written down when first seen."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import bindparam, insert, select, update

from app.db import Database, Statement, Transaction
from app.db.models import User, table_of
from app.identity import Identity
from app.resolvers.ownership import Viewer
from app.values import new_user_id, now

_REMEMBERED = 10_000
_USERS = table_of(User)
_WHO = _USERS.c.issuer == bindparam("issuer"), _USERS.c.subject == bindparam("subject")
_FIND = Statement(select(_USERS).where(*_WHO).with_for_update())
_ADD = Statement(insert(_USERS))
_CHANGE = Statement(update(_USERS).where(_USERS.c.id == bindparam("user")))


@dataclass(frozen=True, slots=True)
class _Known:
    """A user as last seen; `order` is that of the newest token that was seen, see Identity."""

    id: str
    name: str | None
    email: str | None
    order: tuple[float, float]

    def after(self, identity: Identity) -> _Known:
        """Return what is known of the user after a token of theirs was seen.

        A newer token's name and email replace those that are known; an older one's fill gaps.
        """
        name, email = identity.name or self.name, identity.email or self.email
        if identity.order > self.order:
            return _Known(self.id, name, email, identity.order)
        return _Known(self.id, self.name or name, self.email or email, self.order)


class Users:
    """Knows users by issuer and subject; a user once seen costs no statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()

    async def viewer(self, identity: Identity) -> Viewer:
        """Return the viewer that an identity stands for; name and email are those of the newest token that says them.

        `alice` of one issuer is not `alice` of another.
        """
        who = identity.issuer, identity.subject
        known = self._known.get(who)
        if known is None or identity.order != known.order:
            after = known and known.after(identity)
            # What is newer is written even if it says the same: it stands against what another process saw.
            is_newer = known is not None and identity.order[0] > known.order[0] and (identity.name or identity.email)
            if known is None or after is None or is_newer or (after.name, after.email) != (known.name, known.email):
                after = await self._database.write(lambda transaction: _remember(transaction, identity))
            known = self._known[who] = after
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return Viewer(known.id, identity.roles)


def _remember(transaction: Transaction, identity: Identity) -> _Known:
    who = {"issuer": identity.issuer, "subject": identity.subject}
    profile_at = datetime.fromtimestamp(identity.order[0], UTC)
    user = transaction.first(_FIND, who)
    if user is None:
        known = _Known(new_user_id(), identity.name, identity.email, identity.order)
        profile = {"id": known.id, "name": known.name, "email": known.email, "profile_at": profile_at}
        transaction.run(_ADD, {**who, **profile, "created_at": now()})
        return known
    # Of a token that another process saw, or this one long ago, only the second is known in which it was issued.
    order = (user.profile_at.timestamp(), 0.0) if user.profile_at else (0.0, 0.0)
    found = _Known(user.id, user.name, user.email, order)
    known = found.after(identity)
    newer = {"profile_at": profile_at} if known.order[0] > order[0] else {}
    if newer or (known.name, known.email) != (found.name, found.email):
        transaction.run(_CHANGE, {"user": user.id, "name": known.name, "email": known.email, **newer})
    return known
