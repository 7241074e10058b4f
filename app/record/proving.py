"""What proves that a change is in the record, for those who hold no more than the key that verifies checkpoints.

A journal is proved by its head, which is a leaf of the installation's log, and the log by a checkpoint. docs/record.md
has the form of both files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import orjson
from sqlalchemy import bindparam, select

from app.db import Statement
from app.db.models import Checkpoint, JournalEntry, LogEntry, table_of
from app.db.snapshots import Snapshot, StoredRow
from app.record import notes
from app.record.entries import canonical, leaf_of
from app.record.trees import Node, inclusion_proof, node_of

_ENTRIES, _LOG, _CHECKPOINTS = table_of(JournalEntry), table_of(LogEntry), table_of(Checkpoint)


@dataclass(frozen=True, slots=True)
class ProvedChange:
    """A change or a whole journal, as lines of JSON, and the text of a `.tlog-proof` of it."""

    lines: Callable[[], Iterator[str]]
    """Two lines for each change: its leaf, and what it says; `null` where that was purged, or is not all that it said
    and the change by which that was erased isn't among these.
    """
    text: str


def proof_of(snapshot: Snapshot, case_id: str, seq: int | None) -> ProvedChange:
    """Return a change of a case, by its number, with its proof; all of them without a number.

    Raises LookupError, which says why, when there is no such change, or none that was signed yet.
    """
    checkpoint = _first(snapshot, _NEWEST, {})
    if checkpoint is None:
        raise LookupError("nothing has been signed yet; 'dossier checkpoint' does")
    size, text = checkpoint
    wanted = {"case": case_id, "until": size, "least": seq or 1}
    head = _first(snapshot, _HEAD_OF_CHANGE if seq is not None else _LAST_HEAD, wanted)
    if head is None:
        raise LookupError(
            f"the journal has no change {seq}" if seq is not None else "nothing of the case was signed yet"
        )
    place, leaf, salt, last = head
    hashes: list[bytes] = []
    if seq is not None:
        hashes = inclusion_proof(seq - 1, last, _nodes(snapshot, _JOURNAL_NODES, {"case": case_id}))
    about = {"at": orjson.loads(leaf)["at"], "salt": salt, "size": last}
    extra = canonical(about) + b"\n" + b"".join(hashes)
    in_log = inclusion_proof(place - 1, size, _nodes(snapshot, _LOG_NODES, {}))
    proof = notes.Proof(place - 1, tuple(in_log), text, extra)
    bounds = {"case": case_id, "first": seq or 1, "last": seq or last}

    def lines() -> Iterator[str]:
        for row in snapshot.rows(_CHANGES, bounds):
            entry = dict(zip(_COLUMNS, row, strict=True))
            yield leaf_of(entry).decode()
            is_told = entry["erased_by"] is None or bounds["first"] <= entry["erased_by"] <= bounds["last"]
            yield entry["said"] if entry["said"] is not None and is_told else "null"

    return ProvedChange(lines, proof.text)


def _nodes(snapshot: Snapshot, statement: Statement, values: Mapping[str, object]) -> Node:
    def entry(seq: int) -> bytes:
        row = _first(snapshot, statement, {**values, "entry": seq})
        return b"" if row is None else bytes(row[0])

    return node_of(entry)


def _first(snapshot: Snapshot, statement: Statement, values: Mapping[str, object]) -> StoredRow | None:
    return next(snapshot.rows(statement, values), None)


_COLUMNS = tuple(column.name for column in _ENTRIES.c if column.name not in {"id", "nodes"})
_IN_CASE = _ENTRIES.c.case_id == bindparam("case", type_=_ENTRIES.c.case_id.type)
_NEWEST = Statement(select(_CHECKPOINTS.c.size, _CHECKPOINTS.c.text).order_by(_CHECKPOINTS.c.size.desc()).limit(1))
_HEADS = select(_LOG.c.seq, _LOG.c.leaf, _LOG.c.salt, _LOG.c.last).where(
    _LOG.c.case_id == bindparam("case", type_=_LOG.c.case_id.type),
    _LOG.c.last >= bindparam("least"),
    _LOG.c.seq <= bindparam("until"),
)
_HEAD_OF_CHANGE = Statement(_HEADS.order_by(_LOG.c.last).limit(1))
_LAST_HEAD = Statement(_HEADS.order_by(_LOG.c.last.desc()).limit(1))
_CHANGES = Statement(
    select(*(_ENTRIES.c[name] for name in _COLUMNS))
    .where(_IN_CASE, _ENTRIES.c.seq >= bindparam("first"), _ENTRIES.c.seq <= bindparam("last"))
    .order_by(_ENTRIES.c.seq)
)
_JOURNAL_NODES = Statement(select(_ENTRIES.c.nodes).where(_IN_CASE, _ENTRIES.c.seq == bindparam("entry")))
_LOG_NODES = Statement(select(_LOG.c.nodes).where(_LOG.c.seq == bindparam("entry")))
