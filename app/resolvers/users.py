"""The users that tokens speak of, written down when first seen."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic

from sqlalchemy import Text, bindparam, cast, func, insert, select, update

from app.db import Database, Statement, Transaction
from app.db.models import User, table_of
from app.errors import Unavailable, UnknownOutcome
from app.identity import Identity
from app.ownership import FEW, Viewer, few_statement
from app.values import new_user_id, now

_log = logging.getLogger("dossier")

_REMEMBERED = 10_000
_PATIENCE_SECONDS = 0.5  # that a request waits for what its token says of the user to be written
_COUNTED_SECONDS = 10  # for which it is known whether a user has few cases
_PAUSE_SECONDS = 5  # without trying to, after it took longer or failed
_USERS = table_of(User)
_WHO = _USERS.c.issuer == bindparam("issuer"), _USERS.c.subject == bindparam("subject")
_FIND = Statement(select(_USERS).where(*_WHO).with_for_update())
# A row in any case, of texts, as reads have to have.
_PROFILE = _USERS.c.id, _USERS.c.name, _USERS.c.email, _USERS.c.profile_at
_READ = Statement(select(*(func.max(cast(column, Text)).label(column.name) for column in _PROFILE)).where(*_WHO))
_FEW = few_statement()
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
    """Knows users by issuer and subject; a user once seen costs no statement but that which counts their cases now and
    then.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counted: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._notes_from = 0.0

    async def viewer(self, identity: Identity) -> Viewer:
        """Return the viewer that an identity stands for; name and email are those of the newest token that says them.

        `alice` of one issuer is not `alice` of another.
        """
        who = identity.issuer, identity.subject
        known = self._known.get(who)
        if known is None:
            known = await self._read(identity) or await self._add(identity)
            self._keep(who, known)
        if identity.order != known.order:
            after = known.after(identity)
            # What is newer is written even if it says the same: it stands against what another process saw.
            is_newer = identity.order[0] > known.order[0] and (identity.name or identity.email)
            if is_newer or (after.name, after.email) != (known.name, known.email):
                await self._note(who, identity)
            else:
                self._keep(who, after)
        has_few = bool(identity.roles) or await self._has_few(known.id)
        return Viewer(known.id, identity.roles, identity.subject, has_few)

    async def _has_few(self, user: str) -> bool:
        """Return whether a user is a member of few cases, or was within the last seconds."""
        until, has_few = self._counted.get(user, (0.0, True))
        if monotonic() < until:
            return has_few
        form = _FEW.form(self._database.dialect, {"user": user})
        (count,) = await self._database.read(form.sql, form.bind({"user": user}), user)
        has_few = int(count or b"0") <= FEW
        self._counted[user] = monotonic() + _COUNTED_SECONDS, has_few
        self._counted.move_to_end(user)
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        return has_few

    async def _read(self, identity: Identity) -> _Known | None:
        """Return what is stored of a user."""
        values = {"issuer": identity.issuer, "subject": identity.subject}
        form = _READ.form(self._database.dialect, values)
        found = await self._database.read(form.sql, form.bind(values), (identity.issuer, identity.subject))
        user, name, email, profile_at = (None if text is None else text.decode() for text in found)
        return (
            None
            if user is None
            else _Known(user, name, email, _order(datetime.fromisoformat(profile_at) if profile_at else None))
        )

    async def _add(self, identity: Identity) -> _Known:
        """Write a new user down; again is no harm. Raises Unavailable where that can't be done."""
        try:
            return await self._database.write(partial(_remember, identity), (identity.issuer, identity.subject))
        except UnknownOutcome as error:
            raise Unavailable("does not confirm changes", error.state) from None

    async def _note(self, who: tuple[str, str], identity: Identity) -> None:
        """Write down what a newer token says of a known user, unless that would keep their request waiting.

        A request that only reads is answered where nothing can be written. The user's next one after a while tries
        again.
        """
        if monotonic() < self._notes_from:
            return
        noting = asyncio.ensure_future(self._database.write(partial(_remember, identity), who))
        noting.add_done_callback(partial(self._noted, who))
        if not (await asyncio.wait([noting], timeout=_PATIENCE_SECONDS))[0]:
            self._notes_from = monotonic() + _PAUSE_SECONDS

    def _noted(self, who: tuple[str, str], noting: asyncio.Future[_Known]) -> None:
        if noting.cancelled():
            return
        error = noting.exception()
        if error is None:
            self._keep(who, noting.result())
            return
        if monotonic() >= self._notes_from:  # several may have been under way
            _log.warning("what a token says of its user could not be noted: %s", type(error).__qualname__)
        self._notes_from = monotonic() + _PAUSE_SECONDS

    def _keep(self, who: tuple[str, str], known: _Known) -> None:
        self._known[who] = known
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _remember(identity: Identity, transaction: Transaction) -> _Known:
    who = {"issuer": identity.issuer, "subject": identity.subject}
    profile_at = datetime.fromtimestamp(identity.order[0], UTC)
    user = transaction.first(_FIND, who)
    if user is None:
        known = _Known(new_user_id(), identity.name, identity.email, identity.order)
        profile = {"id": known.id, "name": known.name, "email": known.email, "profile_at": profile_at}
        transaction.run(_ADD, {**who, **profile, "created_at": now()})
        return known
    order = _order(user.profile_at)
    found = _Known(user.id, user.name, user.email, order)
    known = found.after(identity)
    newer = {"profile_at": profile_at} if known.order[0] > order[0] else {}
    if newer or (known.name, known.email) != (found.name, found.email):
        transaction.run(_CHANGE, {"user": user.id, "name": known.name, "email": known.email, **newer})
    return known


def _order(profile_at: datetime | None) -> tuple[float, float]:
    # Of a token that another process saw, or this one long ago, only the second is known in which it was issued.
    return (profile_at.timestamp(), 0.0) if profile_at else (0.0, 0.0)
