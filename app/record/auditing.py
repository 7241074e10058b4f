"""Whether the installation's log agrees with itself, with the journals whose heads it has, and with its checkpoints.

The log is gone through once in its order: leaves, nodes and the head are computed anew, and the root at each size of
which somebody holds a checkpoint. The journals are gone through beside the leaves of their cases: a journal had each
root that the log says it had. So a journal that was written anew as a whole is found, one that was cut off at its end,
and a case that vanished with its journal, for as long as the log stands; and that the log stands is what checkpoints
prove, best those that lie elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import literal_column, select

from app.db import Statement
from app.db.models import Checkpoint, Journal, JournalEntry, LogEntry, LogHead, LogMember, table_of
from app.db.snapshots import Snapshot, StoredRow
from app.record import notes
from app.record.entries import canonical
from app.record.log import CASE, FORM, INCARNATION, KEY, Move, Moving, case_commitment, moves
from app.record.replaying import Fault
from app.record.trees import HASH_BYTES, extended, leaf_hash, root
from app.record.verifying import Finding, both, together

_MEMBERS = {CASE: {"case", "root", "size"}, KEY: {"key"}, INCARNATION: {"origin"}}
_MORE = {INCARNATION: {"known", "lost"}}  # that a leaf may have as well
_ALWAYS = {"at", "kind", "v"}


@dataclass(frozen=True, slots=True)
class Held:
    """A checkpoint that somebody holds, and what it is called."""

    name: str
    text: str


class Audit:
    """One go through the log, or through what it says of one case."""

    def __init__(self, snapshot: Snapshot, case_id: str | None, held: Sequence[Held]) -> None:
        """Take where to read, the case's id where it is about one, and checkpoints that lie elsewhere."""
        self._snapshot = snapshot
        self._case_id = case_id
        self._given = {} if case_id is None else {"case": case_id}
        self._held = held
        self._key: Any = None
        self._verifiers: list[tuple[int, notes.Verifier]] = []
        self._beginnings: list[tuple[int, str]] = []
        self._roots: dict[int, bytes] = {}
        self.size = 0

    def findings(self) -> Iterator[Finding]:
        """Iterate over all that doesn't agree."""
        if self._case_id is None:
            stored = list(self._snapshot.rows(_CHECKPOINTS, {}))
            held = [*(Held(f"the checkpoint of size {size}", text) for size, text in stored), *self._held]
            yield from self._log(frozenset(size for each in held if (size := _size_of(each.text)) is not None))
            for size, text in stored:
                if _size_of(text) != size:
                    yield _finding(f"the checkpoint of size {size}", None, "it is not one of this size")
            for each in held:
                if (sentence := self._fault_of(each.text)) is not None:
                    yield _finding(each.name, None, sentence)
        yield from self._journals()
        yield from self._members()

    # The log by itself.

    def _log(self, sizes: frozenset[int]) -> Iterator[Finding]:
        size, frontier = 0, b""
        logged: dict[str, int] = {}
        for row in self._snapshot.rows(_LEAVES, {}):
            seq, _, text, nodes, *_ = row
            if seq != size + 1:
                yield _finding(f"log entry {seq}", None, f"it comes behind number {size}")
            yield from self._leaf_faults(row, logged)
            frontier, made = extended(size, frontier, leaf_hash(_bytes(text)))
            if made != nodes:
                yield _finding(f"log entry {seq}", "nodes", "they are not those of the entries up to it")
            size += 1
            if size in sizes:
                self._roots[size] = root(frontier)
        self.size = size
        origin = self._beginnings[-1][1] if self._beginnings else ""
        should = size, frontier, self._key, origin.rpartition("/")[2]
        heads = list(self._snapshot.rows(_HEAD, {}))
        if len(heads) != 1:
            yield _finding("the log's head", None, "there is none" if not heads else "there are several")
        for head in heads:
            for field, is_, said in zip(("size", "frontier", "key", "incarnation"), head, should, strict=True):
                if is_ != said:
                    yield _finding("the log's head", field, f"it doesn't fit the entries, of which {size} is last")

    def _leaf_faults(self, row: StoredRow, logged: dict[str, int]) -> Iterator[Finding]:
        """Iterate over what is wrong with a leaf; note what it says of keys and incarnations."""
        seq, kind, text, _, *of_case = row
        name = f"log entry {seq}"
        leaf = _read(text)
        if leaf is None or leaf["kind"] != kind:
            yield _finding(name, "leaf", "it is no leaf in the form of the log")
            return
        if kind == CASE:
            yield from self._head_faults(name, leaf, of_case, logged)
            return
        if any(value is not None for value in of_case):
            yield _finding(name, "case_id", "it is about no case")
        if kind == INCARNATION:
            self._beginnings.append((seq, leaf["origin"]))
            return
        self._key = leaf["key"]
        try:
            self._verifiers.append((seq, notes.read_verifier(leaf["key"])))
        except (ValueError, TypeError):
            yield _finding(name, "leaf", "the key in it is none")

    def _head_faults(
        self, name: str, leaf: dict[str, Any], columns: Sequence[Any], logged: dict[str, int]
    ) -> Iterator[Finding]:
        case_id, salt, first, last = columns
        if case_id is None or salt is None:
            yield _finding(name, "case_id", "it doesn't say whose head it has")
            return
        if leaf["case"] != case_commitment(str(salt), str(case_id)):
            yield _finding(name, "case_id", "it is not what the leaf was made of", case_id)
        if leaf["size"] != last:
            yield _finding(name, "last", "it is not what the leaf says", case_id)
        if first != logged.get(case_id, 0) + 1:
            yield _finding(name, "first", "it doesn't go on from the head before", case_id)
        logged[case_id] = leaf["size"]

    def _fault_of(self, text: str) -> str | None:
        """Return what is wrong with a checkpoint, or that the log is no continuation of it."""
        try:
            note = notes.verify(text, [verifier for _, verifier in self._verifiers])
            checkpoint = notes.read_checkpoint(note.text)
        except ValueError as error:
            return f"it is no checkpoint of this log: {error}"
        signing = next((each for seq, each in reversed(self._verifiers) if seq <= checkpoint.size), None)
        if signing not in note.verifiers:
            return "it was not signed by the key that signed when the log had this size"
        ends = [*(start for start, _ in self._beginnings[1:]), self.size + 1]
        spans = zip(self._beginnings, ends, strict=False)
        span = next(((start, end) for (start, origin), end in spans if origin == checkpoint.origin), None)
        if span is None:
            return f"the log has no incarnation {checkpoint.origin}: what was recorded in it is not here"
        if checkpoint.size >= span[1]:
            return (
                f"it was signed when the log had {checkpoint.size} entries, of which {span[1] - 1} are here: "
                "what was recorded behind them is lost"
            )
        if self._roots.get(checkpoint.size) != checkpoint.root:
            return f"the first {checkpoint.size} entries of the log are not those that were there when it was signed"
        return None

    # The log beside the journals.

    def _journals(self) -> Iterator[Finding]:
        """Compare the heads that the log has with those that the journals had."""
        leaves = ((str(case_id), last, _head_in(leaf)) for case_id, last, leaf in self._rows(_BY_CASE))
        heads = {str(case_id): (size, is_logged) for case_id, size, is_logged in self._rows(_IS_LOGGED)}
        entries = ((str(case_id), seq, nodes) for case_id, seq, nodes in self._rows(_BY_SEQ))
        for (case_id,), journal, found in together(entries, leaves, 1):
            logged = found[-1][1] if found else 0
            size, is_logged = heads.pop(case_id, (logged, True))
            if is_logged and size != logged:
                yield _finding(None, "is_logged", f"of {size} entries the log knows {logged}", case_id)
            if (unlike := _first_unlike(journal, found)) is not None:
                sentence = f"it is not the journal that had {unlike} entries when the log took its head in"
                yield _finding(None, None, sentence, case_id)
        for case_id, (size, is_logged) in heads.items():
            if is_logged:
                yield _finding(
                    None, "is_logged", f"the log doesn't know the journal, which has {size} entries", case_id
                )

    def _members(self) -> Iterator[Finding]:
        """Compare what the log keeps of who came to see which case with what the journals say."""
        spans = ((str(case_id), *span) for case_id, *span in self._rows(_SPANS))
        entries = (Moving(str(case_id), *entry) for case_id, *entry in self._rows(_OF_MEMBERS))
        should: dict[tuple[Any, ...], str] = {}
        purged: set[Any] = set()  # the leaves of which nobody can tell; what was purged is found where it is replayed
        for (case_id,), of_case, of_log in together(entries, spans, 1):
            of_members = list(of_case)
            gone = [entry.seq for entry in of_members if entry.said is None]
            purged |= {seq for _, first, last, seq in of_log if any(first <= each <= last for each in gone)}
            for seq, user, moved in _moves_in(of_members, of_log):
                should[seq, str(user), moved.kind.value, moved.ends_at] = case_id
        is_ = {(seq, str(user), *move): str(case_id) for case_id, user, seq, *move in self._rows(_MOVES)}
        for move in sorted({move for move, _ in should.items() ^ is_.items()}, key=str):
            seq, user, kind, _ = move
            if seq in purged:
                continue
            told = "told of it" if move not in should else "told of another case" if move in is_ else "not told"
            yield _finding(f"log entry {seq}", None, f"that user {user} {kind} is {told}", is_.get(move))

    def _rows(self, statements: tuple[Statement, Statement]) -> Iterator[StoredRow]:
        return self._snapshot.rows(statements[bool(self._given)], self._given)


def _finding(name: str | None, field: str | None, sentence: str, case_id: Any = None) -> Finding:
    row = None if name is None else (name, "")
    return Finding(None if case_id is None else str(case_id), None, row, Fault(None, field, sentence))


def _size_of(text: Any) -> int | None:
    """Return the size that a checkpoint says, None when it is none."""
    try:
        return notes.read_checkpoint(notes.take_apart(text)[0]).size
    except (ValueError, TypeError, AttributeError):
        return None


def _read(text: Any) -> dict[str, Any] | None:
    """Return what a leaf says, None when it is not in the one form that its kind has."""
    try:
        leaf = orjson.loads(text)
        members = leaf.keys() - _ALWAYS - _MORE.get(leaf["kind"], set())
        is_right = canonical(leaf).decode() == text and leaf["v"] == FORM
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return leaf if is_right and members == _MEMBERS.get(leaf["kind"]) else None


def _head_in(text: Any) -> dict[str, Any] | None:
    """Return what the leaf of a journal's head says, None when it is not one."""
    leaf = _read(text)
    return leaf if leaf is not None and leaf["kind"] == CASE else None


def _first_unlike(entries: Iterable[tuple[str, Any, Any]], found: Sequence[tuple[str, Any, Any]]) -> Any:
    """Return the first size at which a journal hadn't the root that the log says, None when it always had."""
    ahead = iter(found)
    leaf = next(ahead, None)
    frontier = b""
    for size, (_, _, nodes) in enumerate(entries):
        if leaf is None:
            return None
        # Whether the nodes are those of the entries is looked at elsewhere.
        joined = (~size & (size + 1)).bit_length() - 1
        frontier = frontier[: len(frontier) - HASH_BYTES * joined] + _bytes(nodes)[-HASH_BYTES:]
        if size + 1 == leaf[1]:
            if leaf[2] is not None and (len(frontier) % HASH_BYTES or root(frontier).hex() != leaf[2]["root"]):
                return leaf[1]
            leaf = next(ahead, None)
    return None if leaf is None else leaf[1]


def _moves_in(entries: Sequence[Moving], spans: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, Any, Move]]:
    for _, first, last, seq in spans:
        try:
            found = moves([entry for entry in entries if first <= entry.seq <= last])
        except (ValueError, TypeError, KeyError, IndexError, AttributeError):
            continue  # what is wrong with the entries is found where they are replayed
        for user, move in found.items():
            yield seq, user, move


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value or b"")


_LOG, _ENTRIES, _JOURNALS, _MOVED = (table_of(model) for model in (LogEntry, JournalEntry, Journal, LogMember))
_HEAD_TABLE, _CHECKPOINT = table_of(LogHead), table_of(Checkpoint)
_LEAVES = Statement(
    select(*(_LOG.c[name] for name in ("seq", "kind", "leaf", "nodes", "case_id", "salt", "first", "last"))).order_by(
        _LOG.c.seq
    )
)
_HEAD = Statement(
    select(*(_HEAD_TABLE.c[name] for name in ("size", "frontier", "key", "incarnation"))).order_by(_HEAD_TABLE.c.id)
)
_CHECKPOINTS = Statement(select(_CHECKPOINT.c.size, _CHECKPOINT.c.text).order_by(_CHECKPOINT.c.size))
_BY_CASE = both(
    select(_LOG.c.case_id, _LOG.c.last, _LOG.c.leaf)
    .where(_LOG.c.case_id.is_not(None))
    .order_by(_LOG.c.case_id, _LOG.c.last, _LOG.c.seq),
    _LOG.c.case_id,
)
_BY_SEQ = both(
    select(_ENTRIES.c.case_id, _ENTRIES.c.seq, _ENTRIES.c.nodes).order_by(_ENTRIES.c.case_id, _ENTRIES.c.seq),
    _ENTRIES.c.case_id,
)
_IS_LOGGED = both(
    select(_JOURNALS.c.case_id, _JOURNALS.c.size, _JOURNALS.c.is_logged).order_by(_JOURNALS.c.case_id),
    _JOURNALS.c.case_id,
)
_SPANS = both(
    select(_LOG.c.case_id, _LOG.c.first, _LOG.c.last, _LOG.c.seq)
    .where(_LOG.c.case_id.is_not(None))
    .order_by(_LOG.c.case_id, _LOG.c.seq),
    _LOG.c.case_id,
)
_OF_MEMBERS = both(
    select(*(_ENTRIES.c[name] for name in Moving._fields))
    .where(_ENTRIES.c.type == literal_column("'MEMBER'"))
    .order_by(_ENTRIES.c.case_id, _ENTRIES.c.seq),
    _ENTRIES.c.case_id,
)
_MOVES = both(
    select(*(_MOVED.c[name] for name in ("case_id", "user_id", "seq", "kind", "ends_at"))).order_by(
        _MOVED.c.user_id, _MOVED.c.seq
    ),
    _MOVED.c.case_id,
)
