"""Changes that are asked for again: whoever sends a request twice makes one change.

Clients name a request by an id of their own. The first change with it writes the id down, in its own transaction, with
what the request was and what came of it; for another one with the same id that is what is answered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, select, tuple_
from sqlalchemy import update as update_rows
from sqlalchemy.dialects import postgresql, sqlite

from app.db import Statement, Transaction
from app.db.models import Request, table_of
from app.db.types import Time
from app.errors import InvalidInput, RequestMismatch
from app.values import now

KEPT_DAYS = 7
"""For how long a request is known."""

_AT_ONCE = 1_000  # that are forgotten in one transaction
_FORM = re.compile("[A-Za-z0-9_-]{16,64}")
_PATH = "input", "requestId"
_REQUESTS = table_of(Request)


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a request: the key of the row that was changed, its case, and the entry that says so, if any."""

    subject: str | tuple[str, ...]
    case_id: str | None
    change: str | None


class Asked:
    """A request with an id, in a transaction."""

    def __init__(self, transaction: Transaction, user: str, request_id: str, mutation: str, given: Any) -> None:
        """Take what is asked for. Raises InvalidInput for an id of another form."""
        if not _FORM.fullmatch(request_id):
            raise InvalidInput("`requestId` must be 16 to 64 characters of A-Z, a-z, 0-9, - and _", _PATH)
        self._transaction = transaction
        self._key = {"user": user, "request": request_id}
        said = orjson.dumps([mutation, given], option=orjson.OPT_SORT_KEYS)
        self._digest = sha256(said).digest()

    def made(self) -> Made | None:
        """Return what came of it before, or None: then nobody else begins with it until the transaction ends.

        Raises RequestMismatch when it was another request that had the id.
        """
        self._transaction.run(_FORGET_IT, {**self._key, "until": _until()})
        row = {"user_id": self._key["user"], "request_id": self._key["request"], "at": now(), "digest": self._digest}
        if self._transaction.all(_BEGIN, row):
            return None
        found = self._transaction.all(_FIND, self._key)[0]
        if found.digest != self._digest:
            raise RequestMismatch("`requestId` is that of another request of yours; give each request its own", _PATH)
        subject = orjson.loads(found.subject)
        return Made(tuple(subject) if isinstance(subject, list) else subject, found.case_id, found.change_id)

    def forget(self) -> None:
        """Let it be as if it had not been asked: it was refused, and only that is written down."""
        self._transaction.run(_FORGET_NOW, self._key)

    def keep(self, made: Made) -> None:
        """Write down what came of it."""
        outcome = {"subject": orjson.dumps(made.subject).decode(), "case_id": made.case_id, "change_id": made.change}
        self._transaction.run(_KEEP, {**self._key, **outcome})


def is_new(transaction: Transaction, user: str, request_id: str) -> bool:
    """Return whether this can be the id of a request of a user's, and is not yet that of one."""
    key = {"user": user, "request": request_id}
    return _FORM.fullmatch(request_id) is not None and transaction.first(_FIND, key) is None


def forget(transaction: Transaction) -> bool:
    """Forget some of the requests that need not be known any longer; return whether there may be more."""
    return len(transaction.all(_FORGET, {"until": _until()})) == _AT_ONCE


def _until() -> datetime:
    return now() - timedelta(days=KEPT_DAYS)


_MINE = _REQUESTS.c.user_id == bindparam("user"), _REQUESTS.c.request_id == bindparam("request")
_BEGIN = Statement(
    sqlite.insert(_REQUESTS).on_conflict_do_nothing().returning(_REQUESTS.c.request_id),
    postgresql=postgresql.insert(_REQUESTS).on_conflict_do_nothing().returning(_REQUESTS.c.request_id),
)
_FIND = Statement(select(_REQUESTS).where(*_MINE))
_KEEP = Statement(update_rows(_REQUESTS).where(*_MINE))
_OLD = _REQUESTS.c.at < bindparam("until", type_=Time())
_FORGET_NOW = Statement(delete(_REQUESTS).where(*_MINE))
_FORGET_IT = Statement(delete(_REQUESTS).where(*_MINE, _OLD))
_OLDEST = select(_REQUESTS.c.user_id, _REQUESTS.c.request_id).where(_OLD).order_by(_REQUESTS.c.at).limit(_AT_ONCE)
_FORGET = Statement(
    delete(_REQUESTS)
    .where(tuple_(_REQUESTS.c.user_id, _REQUESTS.c.request_id).in_(_OLDEST))
    .returning(_REQUESTS.c.request_id)
)
