"""The trusted documents: whoever operates the server registered them, and clients ask for them by their ids."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from sqlalchemy import bindparam, delete, func, insert, select

from app.db import Database, Statement, Transaction
from app.db.models import TrustedDocument, table_of
from app.errors import DossierError
from app.manifests import Document, canonical_id
from app.shares import User
from app.values import now

MAX_DOCUMENTS = 10_000  # an app has some hundreds, and its releases share most of them
SECONDS_KEPT = 5  # without asking whether a document has been removed
_CHARACTERS_KEPT = 8_000_000
_DOCUMENTS = table_of(TrustedDocument)
_BY_ID = _DOCUMENTS.c.id == bindparam("document")
_FIND = Statement(select(_DOCUMENTS.c.text).where(_BY_ID))
_READ = Statement(select(func.max(_DOCUMENTS.c.text)).where(_BY_ID))  # a row in any case, as reads have to have
_ADD = Statement(insert(_DOCUMENTS))
_REMOVE = Statement(delete(_DOCUMENTS).where(_BY_ID))
_COUNT = Statement(select(func.count().label("total")).select_from(_DOCUMENTS))
_ALL = Statement(select(_DOCUMENTS).order_by(_DOCUMENTS.c.added_at, _DOCUMENTS.c.id))


class TakenIds(Exception):  # noqa: N818 - it carries refusals
    """Ids under which other documents are registered already."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__(f"{len(ids)} ids are taken")
        self.ids = ids


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered document, and since when it is."""

    id: str
    text: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    text: str
    until: float


class TrustedDocuments:
    """The register of trusted documents, in the database; one that was asked for is known for some seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._characters = 0

    async def text(self, given: str, user: User) -> str | None:
        """Return the document that is registered under an id, or None. An id may be in any of its forms."""
        identifier = canonical_id(given)
        if identifier is None:
            return None
        known = self._known.get(identifier)
        if known is not None and monotonic() < known.until:
            return known.text
        until = monotonic() + SECONDS_KEPT
        text = await self._read(identifier, user)
        self._forget(identifier)
        if text is None:
            return None
        # The same text stays the same object: what was worked out for it is found without comparing characters.
        if known is not None and known.text == text:
            text = known.text
        self._known[identifier] = _Known(text, until)
        self._characters += len(text)
        while self._characters > _CHARACTERS_KEPT:
            self._forget(next(iter(self._known)))
        return text

    async def add(self, documents: Sequence[Document]) -> int:
        """Register documents, all or none, and return how many are new.

        Raises TakenIds where an id has another document already, and DossierError when there would be too many.
        """

        def work(transaction: Transaction) -> int:
            found = {document.id: transaction.first(_FIND, {"document": document.id}) for document in documents}
            taken = [each.id for each in documents if (row := found[each.id]) is not None and row.text != each.text]
            if taken:
                raise TakenIds(taken)
            new = [document for document in documents if found[document.id] is None]
            row = transaction.first(_COUNT, {})
            assert row is not None  # noqa: S101 - for the type checker
            if row.total + len(new) > MAX_DOCUMENTS:
                raise DossierError(
                    f"there would be {row.total + len(new)} documents, and {MAX_DOCUMENTS} are the most; remove those "
                    "of clients that nobody uses any more"
                )
            moment = now()
            for document in new:
                transaction.run(_ADD, {"id": document.id, "text": document.text, "added_at": moment})
            return len(new)

        return await self._database.write(work, None)

    async def remove(self, ids: Sequence[str]) -> int:
        """Remove documents, all or none, and return how many. Raises DossierError when one is not registered."""
        wanted = dict.fromkeys(canonical_id(each) or each for each in ids)

        def work(transaction: Transaction) -> int:
            for given in wanted:
                if transaction.first(_FIND, {"document": given}) is None:
                    raise DossierError(f"no document is registered under {given}; nothing was removed")
                transaction.run(_REMOVE, {"document": given})
            return len(wanted)

        return await self._database.write(work, None)

    async def all(self) -> list[Registered]:
        """Return all registered documents, the oldest first."""
        rows = await self._database.write(lambda transaction: transaction.all(_ALL, {}), None)
        return [Registered(row.id, row.text, row.added_at) for row in rows]

    async def _read(self, identifier: str, user: User) -> str | None:
        values = {"document": identifier}
        form = _READ.form(self._database.dialect, values)
        (text,) = await self._database.read(form.sql, form.bind(values), user)
        return None if text is None else text.decode()

    def _forget(self, identifier: str) -> None:
        forgotten = self._known.pop(identifier, None)
        if forgotten is not None:
            self._characters -= len(forgotten.text)
