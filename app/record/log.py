"""The installation's log: a tree over the heads of all journals, and what it says of itself in signed checkpoints.

That a case vanished with its journal, or that a journal was rewritten whole, no journal tells. The log does: each head
that a journal had is a leaf of it, with the id of its case behind a salt. And whoever holds a checkpoint of the log can
tell when the log was rewritten. docs/record.md has the forms.

The log goes on by passes, each a transaction that holds its head. So there is one pass at a time over all processes,
and when a process dies amid one, the database lets the next process have it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import ColumnElement, bindparam, delete, exists, func, insert, literal_column, select, true
from sqlalchemy import update as update_rows

from app.db import Database, FoundRow, Readable, Statement, Transaction
from app.db.models import (
    ChangeKind,
    Checkpoint,
    Journal,
    JournalEntry,
    LogEntry,
    LogHead,
    LogMember,
    MemberMove,
    table_of,
)
from app.db.sql import boolean
from app.record import notes
from app.record.entries import VALUES, canonical
from app.record.trees import extended, leaf_hash, node_of, root, root_at
from app.shares import User
from app.values import LEAST_ID, format_time, now

SIGNING_SECONDS = 10
"""Within how much time what is new in the log is signed."""

CASE, KEY, INCARNATION = "CASE", "KEY", "INCARNATION"
"""The kinds of leaves."""

FORM = 1
"""The form of leaves that is written; each leaf says its own."""

_AT_ONCE = 200  # cases that a pass logs
_SALT_BYTES = 16
_INCARNATION_BYTES = 8
_JOURNALS, _ENTRIES = table_of(Journal), table_of(JournalEntry)
_HEAD, _LOG, _MEMBERS, _CHECKPOINTS = (table_of(model) for model in (LogHead, LogEntry, LogMember, Checkpoint))


class Moving(NamedTuple):
    """An entry about a member of a case, as far as it may let them come to see the case, or keep them from it."""

    case_id: str
    seq: int
    row_id: str
    kind: str
    at: datetime | str
    said: str | None


class Move(NamedTuple):
    """What becomes of a user's sight of a case by some entries, and when the role ends that they were given by them.

    The latter is a text as the API writes it, and None where the role doesn't end or these entries don't say it.
    """

    kind: MemberMove
    ends_at: str | None


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of a pass: the incarnation of the log, its newest checkpoint, and what the operator should know.

    `key` is the one that verifies it, `signed` says that this pass made it; `last` is the case behind which there
    may be more to log, None where there isn't.
    """

    incarnation: str
    key: str | None
    checkpoint: FoundRow | None
    signed: bool
    last: str | None
    warnings: tuple[str, ...]


def origin_of(incarnation: str) -> str:
    """Return how the checkpoints of an incarnation call the log."""
    return f"dossier/{incarnation}"


def case_commitment(salt: str, case_id: str) -> str:
    """Return what a leaf has in place of the id of a case."""
    return sha256(f"{salt}{case_id}".encode()).hexdigest()


def go_on(
    transaction: Transaction,
    key: Ed25519PrivateKey | None,
    seen: Sequence[str] = (),
    *,
    after: str | None = None,
    at_once: bool = False,
) -> Passed:
    """Add to the log what is new, and sign it when that is due, or `at_once`.

    Of many cases some are logged, those behind the one that is `after`, and only the last of such passes signs.
    `key` signs; without one nothing is signed. `seen` are checkpoints that lie elsewhere, of which the log has to be a
    continuation. If it isn't one, the database was put back to an earlier state, and a new incarnation begins.
    """
    log = _Log(transaction)
    log.open(key, seen)
    found = transaction.all(_TO_LOG, {"after": after or LEAST_ID})
    for journal in found:
        if journal.size > (journal.logged or 0):
            log.add_head(journal)
        transaction.run(_LOGGED, {"case": journal.case_id, "counted": journal.size})
    last = found[-1].case_id if len(found) == _AT_ONCE else None
    newest, signed = log.newest, False
    if last is None and key is not None and log.is_signed_by(key) and log.is_due(at_once=at_once):
        newest, signed = log.sign(key), True
    log.close()
    return Passed(log.incarnation, log.key, newest, signed, last, tuple(log.warnings))


async def is_behind(database: Database) -> tuple[bool, bool]:
    """Return whether there is something to log, and whether there is something to sign."""
    form = _IS_BEHIND.form(database.dialect, ())
    (to_log, to_sign) = await database.read(form.sql, form.bind({}), None)
    return to_log == b"true", to_sign == b"true"


async def newest_checkpoint(database: Readable, user: User) -> bytes | None:
    """Return the text of the newest checkpoint, for a user; None where there is none."""
    form = _NEWEST_TEXT.form(database.dialect, ())
    (text,) = await database.read(form.sql, form.bind({}), user)
    return text


def rotate(transaction: Transaction, old: Ed25519PrivateKey | None, new: Ed25519PrivateKey) -> FoundRow:
    """Let another key sign from now on; return the checkpoint that says so, signed by both, which is kept.

    Where `old` isn't there, or isn't the one that signed, the new key signs alone: nobody can tell by the old one.
    """
    log = _Log(transaction)
    log.open(old)
    both = [old] if old is not None and log.is_signed_by(old) else []
    log.add_key(new)
    signed = log.sign(*both, new, is_kept=True)
    log.close()
    return signed


class _Log:
    """The log, held by a transaction until it ends."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found = transaction.all(_HOLD, {})[0]
        self._moment = now()  # for which it may have waited
        self.incarnation: str = self._found.incarnation
        self._place: str = transaction.all(_PLACE, {})[0].place
        self.size: int = self._found.size
        self._frontier: bytes = self._found.frontier
        self.key: str | None = self._found.key
        self._has_begun = False
        self.newest = transaction.first(_NEWEST, {})
        self.warnings: list[str] = []

    def open(self, key: Ed25519PrivateKey | None, seen: Sequence[str] = ()) -> None:
        """Begin the log, or another incarnation of it, where that is called for."""
        elsewhere = bool(self.size) and self._place != self._found.place
        lost = next((each for text in seen if (each := self._contradicting(text, key)) is not None), None)
        if not self.size or elsewhere or lost is not None:
            self._begin(lost)
        if key is not None and (self.key is None or self._has_begun) and not self.is_signed_by(key):
            self.add_key(key)
        if key is not None and not self.is_signed_by(key):
            self.warnings.append(
                "the key for checkpoints isn't the one that signed the last of them, so nothing is signed; put that "
                "key back, or replace it with 'dossier checkpoint --new-key'"
            )

    def _begin(self, lost: notes.Checkpoint | None) -> None:
        """Begin an incarnation, which says from what it goes on, and what is known to be lost."""
        before: dict[str, Any] = {}
        if self.size:
            self.warnings.append(
                f"the database was put back to an earlier state: its log has {self.size} entries"
                + (f", and one of {lost.size} was signed" if lost is not None else "")
                + "; a new incarnation of it begins, and whoever keeps a copy of cases reads them anew"
            )
        if self.newest is not None:
            last = notes.read_checkpoint(notes.take_apart(self.newest.text)[0])
            before["known"] = {"origin": last.origin, "root": last.root.hex(), "size": last.size}
            self._transaction.run(_KEEP, {"counted": self.newest.size})
        if lost is not None:
            before["lost"] = {"origin": lost.origin, "root": lost.root.hex(), "size": lost.size}
        self.incarnation = secrets.token_hex(_INCARNATION_BYTES)
        self._has_begun = True
        self._add(INCARNATION, {"origin": origin_of(self.incarnation), **before})

    def _contradicting(self, text: str, key: Ed25519PrivateKey | None) -> notes.Checkpoint | None:
        """Return a checkpoint of ours that this log doesn't go on from, None for all others."""
        known = [notes.read_verifier(self.key)] if self.key is not None else []
        if key is not None and known and not self.is_signed_by(key):
            known.append(self._signer(key).verifier)  # of a key that came after what was put back
        try:
            checkpoint = notes.read_checkpoint(notes.verify(text, known).text)
        except ValueError:
            return None
        if checkpoint.origin == origin_of(self.incarnation):
            if checkpoint.size <= self.size and root_at(checkpoint.size, node_of(self._nodes)) == checkpoint.root:
                return None
        elif any(
            orjson.loads(row.leaf)["origin"] == checkpoint.origin for row in self._transaction.all(_BEGINNINGS, {})
        ):
            return None
        return checkpoint

    def _nodes(self, seq: int) -> bytes:
        row = self._transaction.first(_NODES, {"entry": seq})
        return b"" if row is None else bytes(row.nodes)

    def _signer(self, key: Ed25519PrivateKey) -> notes.Signer:
        # The name stays when a key is replaced or another incarnation begins: it is by it that verifiers know the key.
        name = origin_of(self.incarnation) if self.key is None else notes.read_verifier(self.key).name
        return notes.Signer(name, key)

    def is_signed_by(self, key: Ed25519PrivateKey) -> bool:
        """Return whether this is the key that signs."""
        return self.key == self._signer(key).verifier.text

    def add_key(self, key: Ed25519PrivateKey) -> None:
        """Let a key sign from now on."""
        self.key = self._signer(key).verifier.text
        self._add(KEY, {"key": self.key})

    def add_head(self, journal: FoundRow) -> None:
        """Add the head of a journal, and whom the entries since the last one let see the case."""
        salt, logged = secrets.token_urlsafe(_SALT_BYTES), journal.logged or 0
        stated = {"case": case_commitment(salt, journal.case_id), "root": journal.root, "size": journal.size}
        columns = {"case_id": journal.case_id, "salt": salt, "first": logged + 1, "last": journal.size}
        self._add(CASE, stated, columns)
        entries = self._transaction.all(
            _OF_MEMBERS, {"case": journal.case_id, "after": logged, "until": journal.size, "member": "MEMBER"}
        )
        for user_id, move in moves(map(Moving._make, entries)).items():
            ends_at = None if move.ends_at is None else datetime.fromisoformat(move.ends_at)
            row = {"user_id": user_id, "seq": self.size, "case_id": journal.case_id}
            self._transaction.run(_ADD_MEMBER, {**row, "kind": move.kind.value, "ends_at": ends_at})

    def _add(self, kind: str, stated: Mapping[str, Any], columns: Mapping[str, Any] = {}) -> None:
        leaf = {"at": format_time(self._moment), "kind": kind, "v": FORM, **stated}
        text = canonical(leaf)
        self._frontier, nodes = extended(self.size, self._frontier, leaf_hash(text))
        self.size += 1
        self._transaction.run(_ADD, {"seq": self.size, "kind": kind, "leaf": text.decode(), "nodes": nodes, **columns})

    def is_due(self, *, at_once: bool) -> bool:
        """Return whether there is something new to sign, and it is to be signed `at_once` or has waited long enough."""
        if self.newest is None or self._has_begun:
            return True
        waited = self._moment - self.newest.at
        # A clock that was set back doesn't keep anything from being signed.
        is_soon = timedelta() <= waited < timedelta(seconds=SIGNING_SECONDS)
        return self.newest.size < self.size and (at_once or not is_soon)

    def sign(self, *keys: Ed25519PrivateKey, is_kept: bool = False) -> FoundRow:
        """Sign what the log is now, and return the checkpoint."""
        checkpoint = notes.Checkpoint(origin_of(self.incarnation), self.size, root(self._frontier))
        text = notes.sign(checkpoint.text, [self._signer(key) for key in keys])
        self._transaction.run(_FORGET, {})
        row = {"size": self.size, "at": self._moment, "text": text, "is_kept": is_kept}
        self._transaction.run(_SIGNED, row)
        return self._transaction.first(_NEWEST, {})

    def close(self) -> None:
        """Write down how far the log has come."""
        if self.size != self._found.size:
            moved = {"incarnation": self.incarnation, "place": self._place, "key": self.key}
            self._transaction.run(_MOVE, {**moved, "size": self.size, "frontier": self._frontier})


def moves(entries: Iterable[Moving]) -> dict[str, Move]:
    """Return who came to see a case by some entries about its members, and who no longer does.

    Whoever didn't see it in between comes to see it, too: a reader may have passed by meanwhile. So does everybody the
    end of whose role is moved, for whether it had come is a question of when that was committed, and of whose clock is
    asked. Whoever is given an end leaves by it; until it has come, nobody need be told.
    """
    of_users: dict[str, list[Moving]] = {}
    for entry in entries:
        of_users.setdefault(entry.row_id, []).append(entry)
    found = ((user, _move(list(map(_sight, of_user)))) for user, of_user in of_users.items())
    return {user: move for user, move in found if move is not None}


class _Sight(NamedTuple):
    """Whether a member could see the case before an entry about them, and after it.

    `certainly` says that whoever could before certainly could until then; `ends_at` is the end that the role was given
    by it, `says_end` whether it says anything of one.
    """

    before: bool
    after: bool
    certainly: bool
    ends_at: str | None
    says_end: bool


def _move(sights: list[_Sight]) -> Move | None:
    ends_at = next((each.ends_at for each in reversed(sights) if each.says_end), None)
    if not sights[-1].after:
        # Even who hadn't seen it before: they may have been back for so short a time that nothing else tells it.
        return Move(MemberMove.LEFT, None) if any(each.before or each.after for each in sights) else None
    if not all(each.before and each.after and each.certainly for each in sights):
        return Move(MemberMove.JOINED, ends_at)
    return None if ends_at is None else Move(MemberMove.LEFT, ends_at)


def _sight(entry: Moving) -> _Sight:
    fields = orjson.loads(entry.said)[VALUES] if entry.said is not None else {}
    at = entry.at if isinstance(entry.at, str) else format_time(entry.at)
    old, new = fields.get("expiresAt", (None, None))
    # Both are texts of one form.
    was, is_ = (end is None or end > at for end in (old, new))
    match entry.kind:
        case ChangeKind.UPDATED.value:
            return _Sight(was, is_, old is None, new, "expiresAt" in fields)
        case ChangeKind.DELETED.value:
            return _Sight(was, after=False, certainly=True, ends_at=None, says_end=True)
        case _:
            return _Sight(before=False, after=is_, certainly=True, ends_at=new, says_end=True)


# In its own column's words, so that the index of those that are to be logged is what answers it.
_NOT_LOGGED: ColumnElement[bool] = literal_column("NOT journals.is_logged")
_HELD = select(_JOURNALS.c.case_id).where(
    _JOURNALS.c.case_id == bindparam("case"), _JOURNALS.c.size == bindparam("counted")
)
_HOLD = Statement(select(_HEAD).with_for_update())
_MOVE = Statement(update_rows(_HEAD))
_TO_LOG = Statement(
    select(
        *(_JOURNALS.c[name] for name in ("case_id", "size", "root")),
        select(func.max(_LOG.c.last)).where(_LOG.c.case_id == _JOURNALS.c.case_id).scalar_subquery().label("logged"),
    )
    .where(_NOT_LOGGED, _JOURNALS.c.case_id > bindparam("after"))
    .order_by(_JOURNALS.c.case_id)
    .limit(_AT_ONCE)
)
# Whoever writes to the case just now is not waited for: what they commit has to be logged anyway.
_LOGGED = Statement(
    update_rows(_JOURNALS).where(_JOURNALS.c.case_id.in_(_HELD)).values(is_logged=true()),
    postgresql=update_rows(_JOURNALS)
    .where(_JOURNALS.c.case_id.in_(_HELD.with_for_update(key_share=True, skip_locked=True)))
    .values(is_logged=true()),
)
_OF_MEMBERS = Statement(
    select(*(_ENTRIES.c[name] for name in Moving._fields))
    .where(_ENTRIES.c.case_id == bindparam("case"), _ENTRIES.c.type == bindparam("member"))
    .where(_ENTRIES.c.seq > bindparam("after"), _ENTRIES.c.seq <= bindparam("until"))
    .order_by(_ENTRIES.c.seq)
)
_NEWEST_SIZE = select(func.max(_CHECKPOINTS.c.size)).scalar_subquery()
_IS_BEHIND = Statement(
    select(
        boolean(exists(select(_JOURNALS.c.case_id).where(_NOT_LOGGED))).label("to_log"),
        boolean(exists(select(_HEAD.c.id).where(_HEAD.c.size > func.coalesce(_NEWEST_SIZE, 0)))).label("to_sign"),
    )
)
_ADD, _ADD_MEMBER, _SIGNED = Statement(insert(_LOG)), Statement(insert(_MEMBERS)), Statement(insert(_CHECKPOINTS))
_NODES = Statement(select(_LOG.c.nodes).where(_LOG.c.seq == bindparam("entry")))
_BEGINNINGS = Statement(select(_LOG.c.leaf).where(_LOG.c.kind == literal_column(f"'{INCARNATION}'")))
_NEWEST = Statement(select(_CHECKPOINTS).order_by(_CHECKPOINTS.c.size.desc()).limit(1))
_NEWEST_TEXT = Statement(
    # A row in any case, as reads have to have.
    select(select(_CHECKPOINTS.c.text).order_by(_CHECKPOINTS.c.size.desc()).limit(1).scalar_subquery().label("text"))
)
_FORGET = Statement(delete(_CHECKPOINTS).where(~_CHECKPOINTS.c.is_kept))
_KEEP = Statement(update_rows(_CHECKPOINTS).where(_CHECKPOINTS.c.size == bindparam("counted")).values(is_kept=true()))
# SQLite's file may be moved and copied at will. PostgreSQL's numbers of objects are given out when they are made, and
# so anew when a dump is read in.
_PLACE = Statement(
    select(literal_column("''").label("place")),
    postgresql=select(
        literal_column(
            "concat((SELECT oid FROM pg_database WHERE datname = current_database()), '/', 'log_head'::regclass::oid)"
        ).label("place")
    ),
)
