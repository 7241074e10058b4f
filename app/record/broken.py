"""Journals that were found broken: told in the log, and remembered for /readyz until they are whole again."""

from __future__ import annotations

import logging

from sqlalchemy import bindparam, select, type_coerce
from sqlalchemy.types import NullType

from app.db import Statement, Transaction
from app.db.models import Case, Journal, table_of
from app.errors import JournalBroken
from app.record.journal import is_head, last_nodes

_log = logging.getLogger("dossier")
_CASES, _JOURNALS = table_of(Case), table_of(Journal)
_HEAD = Statement(
    # As they are stored, whatever somebody wrote there.
    select(
        *(
            type_coerce(part, NullType()).label(name)
            for name, part in (("frontier", _JOURNALS.c.frontier), ("last_nodes", last_nodes()))
        )
    )
    .join_from(_CASES, _JOURNALS, _JOURNALS.c.case_id == _CASES.c.id, isouter=True)
    .where(_CASES.c.id == bindparam("case", type_=_CASES.c.id.type))
)


class BrokenJournals:
    """What this process has found broken since it began, and has not seen whole since."""

    def __init__(self) -> None:
        self._cases: set[str] = set()

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._cases)

    def note(self, broken: JournalBroken) -> None:
        """Remember a journal to which nothing could be added, and tell the log of which case it is."""
        _log.error("%s", broken)
        self._cases.add(broken.case_id)

    def look_again(self, transaction: Transaction) -> None:
        """Forget those that are whole again, or whose case is gone, up to the first that is neither."""
        for case_id in list(self._cases):
            head = transaction.first(_HEAD, {"case": case_id})
            if head is not None and not is_head(head.frontier, head.last_nodes):
                return
            self._cases.discard(case_id)
