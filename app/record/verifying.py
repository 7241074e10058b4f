"""Whether the record agrees with itself, and the rows with the record.

Each journal is gone through twice. In the order of its entries: numbers without a gap, moments that never go back,
leaves and nodes as they are computed from the entries, and a head that counts them all. And in the order of rows: what
was said is what its digest was made of, and what the entries make of a row, one after the other, is the row that the
table has, in every column. So little has to be held, however large a case is.

What can't be found here: a journal that was written anew as a whole, or cut off at its end, so that entries, head and
rows agree with each other again; and a case that vanished with its journal. Only somebody who holds what the tree was
before can tell that, which takes signed checkpoints that lie elsewhere. The `id` of an entry, by which nothing but
links refers to it, is in no leaf: that another one of its form was put in its place can't be told.

What orders and searches read is folded again with the tables of Unicode that this Python has. They are stable for all
characters that they know; of those that a newer one added, a text may be told as another that is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import orjson
from sqlalchemy import FromClause, Select, and_, bindparam, exists, func, literal_column, null, select

from app.db import Statement
from app.db.models import (
    Case,
    CaseCounter,
    ChangeKind,
    File,
    FileBatch,
    Journal,
    JournalEntry,
    SearchText,
    Tag,
    User,
    table_of,
)
from app.db.snapshots import Snapshot, StoredRow
from app.evidence.entries import bytes_of
from app.record import files
from app.record.entries import FILE, SUBJECTS, VALUES, Row, Subject, leaf_of, tag_index
from app.record.indexing import is_index_right, strays
from app.record.replaying import KEYS, PURGED, SEARCHED, Fault, Replay, Told
from app.record.trees import HASH_BYTES, extended, leaf_hash, root
from app.values import parse_id, visible

_CASES, _JOURNALS, _ENTRIES, _USERS = table_of(Case), table_of(Journal), table_of(JournalEntry), table_of(User)
_TEXTS, _BATCHES, _FILES = table_of(SearchText), table_of(FileBatch), table_of(File)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_IN_CASE = bindparam("case", type_=_ENTRIES.c.case_id.type)

_Progress: TypeAlias = Callable[[int, int], None]
_Linked: TypeAlias = tuple[Any, ...]
"""An entry by _LINKED; whatever somebody wrote there may be in it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that doesn't agree: in the journal of which case, and where; values are evidence and never told."""

    case_id: str | None
    number: int | None
    row: tuple[str, str] | None
    fault: Fault

    def __str__(self) -> str:
        places = []
        if self.case_id is not None:
            places.append(f"case {self.number} ({self.case_id})" if self.number is not None else f"case {self.case_id}")
        if self.fault.seq is not None:
            places.append(f"entry {self.fault.seq}")
        if self.row is not None:
            places.append(" ".join(self.row).strip())
        if self.fault.field is not None:
            places.append(f"field {self.fault.field}")
        return visible(f"{', '.join(places)}: {self.fault.sentence}" if places else self.fault.sentence)


class Verification:
    """One go through the record, or through that of one case."""

    def __init__(self, snapshot: Snapshot, case_id: str | None, progress: _Progress) -> None:
        """Take where to read, the case's id where it is about one, and what is told how far it has come of how far."""
        self._snapshot = snapshot
        self._given = {} if case_id is None else {"case": case_id}
        self._progress = progress
        self._read = 0
        self._greatest = 0
        self.cases = 0
        self.seals: list[Seal] = []
        """The last seal of each case that has had one."""
        self._roots: dict[tuple[str, int | None], str] = {}  # of a case, before an entry
        self.entries = self._one(_COUNT[bool(self._given)])
        self._number = lru_cache(maxsize=1_000)(self._number_of)

    def findings(self) -> Iterator[Finding]:
        """Iterate over all that doesn't agree."""
        for case_id, *_ in self._rows(_WITHOUT_JOURNAL):
            yield self._finding(case_id, Fault(None, None, "it has no journal"))
        for key, entries, found in together(self._counted(_BY_SEQ), self._rows(_HEADS), 1):
            self.cases += 1
            seals = Seals(key[0])
            for fault in _chained(entries, found, seals):
                yield self._finding(key[0], fault)
            self.seals += seals.told
            self._roots |= seals.roots
        self._erasures = Erasures(self._rows(_ERASING))
        told = map(Told._make, self._erasures.beside(self._counted(_BY_ROW)))
        tables = merge(*(self._rows_of(name) for name in SUBJECTS), key=_place)
        for key, entries, rows in together(told, tables, 2):
            yield from self._replayed(key, entries, rows)
        yield from self._tag_faults()
        yield from self._counter_faults()
        yield from self._search_faults()
        yield from self._manifest_faults()

    def _replayed(self, key: Sequence[Any], entries: Iterable[Told], rows: list[StoredRow]) -> list[Finding]:
        row_id, case_id = key
        replay, type_, findings = Replay(), "row", []
        for entry in entries:
            if faults := replay.follow(entry):
                findings += [self._finding(case_id, fault, (entry.type, row_id)) for fault in faults]
            if not self._erasures.has(entry):
                wrong = Fault(entry.seq, "erasedBy", "it is not the entry that says that this was erased")
                findings.append(self._finding(case_id, wrong, (entry.type, row_id)))
            is_sealed = entry.kind == ChangeKind.SEALED.value and replay.values is not None
            if is_sealed and (replay.values or {}).get("sealRoot") != self._roots.get((case_id, entry.seq)):
                wrong = Fault(entry.seq, "sealRoot", "it is not the root of the entries before it")
                findings.append(self._finding(case_id, wrong, (entry.type, row_id)))
            if entry.type == "CASE" and replay.values is not None:
                self._note_number(replay.values.get("number"))
            type_ = entry.type
        row = None
        for _, _, table, values in rows:
            if table == "cases":
                self._note_number(values[KEYS + _NUMBER_PLACE])
            if table == replay.table or replay.is_lost:
                row = values
            else:
                unknown = Fault(None, None, "the table has a row that the journal doesn't know")
                findings.append(self._finding(case_id, unknown, (SUBJECTS[table].name, row_id)))
        if faults := replay.compare(row):
            findings += [self._finding(case_id, fault, (type_, row_id)) for fault in faults]
        return findings

    def _tag_faults(self) -> Iterator[Finding]:
        """Compare the index of tags with what rows say of their tags."""
        tagged = merge(*(self._tagged(name) for name in _TAGGED), key=_place)
        for (row_id,), rows, indexed in together(tagged, self._rows(_TAGS), 1):
            _, type_, should = next(iter(rows), (None, "row", []))
            if sorted(map(repr, should)) != sorted(repr(tuple(each)) for each in indexed):
                wrong = Fault(None, "tags", "the index of tags doesn't have those of the row")
                yield self._finding((should or indexed)[0][1], wrong, (type_, row_id))

    def _tagged(self, table: str) -> Iterator[Any]:
        """Iterate over the rows of a table that have tags, each with what the index has to have of it."""
        for row_id, case_id, event_id, text in self._rows(_TAGGED[table]):
            row = {"id": row_id, "case_id": case_id, "event_id": event_id, "tags": text}
            try:
                index = [(row_id, *(each[name] for name in _TAG_COLUMNS)) for each in tag_index(row).values()]
            except (AttributeError, TypeError, ValueError):
                continue  # which is told where that row is looked at
            if index:
                yield row_id, SUBJECTS[table].name, index

    def _counter_faults(self) -> Iterator[Finding]:
        numbers = [number for (number,) in self._snapshot.rows(_COUNTER, {})]
        if len(numbers) != 1 or not isinstance(numbers[0], int) or numbers[0] < self._greatest:
            sentence = f"case_counter doesn't say that case {self._greatest} has been numbered"
            yield Finding(None, None, None, Fault(None, None, sentence))

    def _search_faults(self) -> Iterator[Finding]:
        for case_id, type_, row_id in self._rows(_STRAYS):
            yield self._finding(case_id, Fault(None, SEARCHED, "there is no such row of the case"), (type_, row_id))
        for file_id, case_id, path, base64, key, text in self._rows(_FILE_TEXTS):
            if not isinstance(path, str) or text != FILE.text({"path": path}):
                wrong = Fault(None, SEARCHED, "it is not what is searched of the path")
                yield self._finding(case_id, wrong, (FILE.name, file_id))
            if not _is_key(key, path, base64):
                wrong = Fault(None, "path", "it is not that of which the batch has a file")
                yield self._finding(case_id, wrong, (FILE.name, file_id))
        if not self._given and not is_index_right(self._snapshot):
            sentence = "the index of what is searched is another than that of the texts; run 'dossier reindex'"
            yield Finding(None, None, None, Fault(None, None, sentence))

    def _manifest_faults(self) -> Iterator[Finding]:
        """Make manifests anew of the files that there are, and compare them with what batches say of theirs."""
        batches = ((row[0], row) for row in self._rows(_MANIFESTS))
        for (batch_id,), listed, found in together(self._rows(_LISTED), batches, 1):
            for _, (_, case_id, *told) in found:  # files may be there without a manifest, and of what was deleted
                try:
                    made = files.manifest_of(files.in_order((row[1:] for row in listed), self._long_of(batch_id)))
                except (AttributeError, TypeError, ValueError):
                    made = files.Manifest("", 0, 0)
                if [*made] != told:
                    wrong = Fault(None, "manifestSha256", "it is not the digest of the files that there are")
                    yield self._finding(case_id, wrong, ("FILE_BATCH", batch_id))

    def _long_of(self, batch_id: str) -> Callable[[str, str], Iterator[StoredRow]]:
        return lambda after, until: self._snapshot.rows(_LONG, {"batch": batch_id, "after": after, "until": until})

    def _note_number(self, number: Any) -> None:
        if isinstance(number, int):
            self._greatest = max(self._greatest, number)

    def _finding(self, case_id: Any, fault: Fault, row: tuple[Any, Any] | None = None) -> Finding:
        named = row if row is None or row[0] in _NAMES else ("row", row[1])
        return Finding(str(case_id), self._number(case_id), named and (str(named[0]), str(named[1])), fault)

    def _number_of(self, case_id: Any) -> int | None:
        for (number,) in self._snapshot.rows(_NUMBER, {"case": case_id}):
            return number if isinstance(number, int) else None
        return None

    def _counted(self, statements: tuple[Statement, Statement]) -> Iterator[StoredRow]:
        def count(entries: Sequence[StoredRow]) -> Sequence[StoredRow]:
            self._read += len(entries)
            self._progress(self._read, 2 * self.entries)
            return entries

        return chain.from_iterable(map(count, self._snapshot.blocks(statements[bool(self._given)], self._given)))

    def _rows_of(self, table: str) -> Iterator[StoredRow]:
        return ((row[0], row[1], table, row) for row in self._rows(_TABLES[table]))

    def _rows(self, statements: tuple[Statement, Statement]) -> Iterator[StoredRow]:
        return self._snapshot.rows(statements[bool(self._given)], self._given)

    def _one(self, statement: Statement) -> int:
        ((number,),) = self._snapshot.rows(statement, self._given)
        return int(number)


def find_case(snapshot: Snapshot, given: str) -> str | None:
    """Return the id of a case by its number, or by its id, as text; of one that is deleted by its id alone."""
    if given.isascii() and given.isdecimal() and len(given) < 10:
        looks: list[tuple[Statement, dict[str, object]]] = [(_BY_NUMBER, {"number": int(given)})]
    else:
        looks = [(statement, {"case": parse_id(given)}) for statement in _BY_ID]
    for statement, values in looks:
        for (case_id,) in snapshot.rows(statement, values):
            return str(case_id)
    return None


class Erasures:
    """What was erased, by the entries that say so."""

    def __init__(self, entries: Iterable[StoredRow]) -> None:
        """Take the entries by which something was purged or erased."""
        self._purged: dict[tuple[str, str | None], int] = {}
        self._digests: dict[tuple[str, int], bytes] = {}
        self._erased: dict[tuple[str, int], int] = {}
        for case_id, seq, kind, row_id, said in entries:
            if kind == ChangeKind.PURGED.value:
                self._purged |= dict.fromkeys(((case_id, each) for each in (row_id, *_comments_in(said))), seq)
            else:
                self._note(case_id, seq, said)

    def _note(self, case_id: str, by: int, said: Any) -> None:
        try:
            told = orjson.loads(said)[VALUES]["erased"][1]
            digests = {(case_id, int(seq)): bytes.fromhex(digest) for seq, digest in told.items()}
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            return  # which is told where that entry is looked at
        self._digests |= digests
        self._erased |= dict.fromkeys(digests, by)

    def has(self, entry: Told) -> bool:
        """Return whether an entry names the one by which it was erased, if it was."""
        case_id = entry.case_id
        if entry.erasure == PURGED:
            about = entry.row_id, entry.event_id, case_id
            return entry.erased_by in {self._purged[case_id, each] for each in about if (case_id, each) in self._purged}
        return entry.erased_by == self._erased.get((case_id, entry.seq))

    def beside(self, rows: Iterator[StoredRow]) -> Iterator[StoredRow]:
        """Iterate over entries by _BY_ROW, each with what was erased of it."""
        if not self._purged and not self._digests:
            return rows
        return map(self._beside, rows)

    def _beside(self, row: StoredRow) -> StoredRow:
        row_id, case_id, seq, event_id = row[0], row[1], row[2], row[_EVENT_PLACE]
        # What has yet to go with a purge that is under way may have been erased in part before.
        is_gone = row[_SAID_PLACE] is None
        is_purged = is_gone and any((case_id, each) in self._purged for each in (row_id, event_id, case_id))
        erasure = PURGED if is_purged else self._digests.get((case_id, seq))
        return (*row[:_ERASURE_PLACE], erasure, *row[_ERASURE_PLACE + 1 :])


def _comments_in(said: Any) -> list[str]:
    """Return which comments a purge says that went with what was purged, whose own entries don't say that."""
    try:
        told = orjson.loads(said)[VALUES].get("comments")
        return [] if told is None else [str(each) for each in told[1]]
    except (AttributeError, IndexError, TypeError, ValueError):
        return []  # which is told where that entry is looked at


class Seal(NamedTuple):
    """A seal that a case was given: the entries of it and, where it was broken, of that; and how often content changed
    since the case was sealed last.
    """

    case_id: str
    sealed: int
    broken: int | None
    changes: int

    def __str__(self) -> str:
        seal = f"case {self.case_id}, sealed by entry {self.sealed}"
        if self.broken is not None:
            seal += f", seal broken by entry {self.broken}"
        if not self.changes:
            return f"{seal}: its content is as it was"
        return f"{seal}: {self.changes} changes of its content came since"


class Seals:
    """What the seals of a case say of the entries behind them."""

    def __init__(self, case_id: str) -> None:
        self._case_id = case_id
        self._sealed: int | None = None
        self._broken: int | None = None
        self._changes = 0
        self.roots: dict[tuple[str, int | None], str] = {}

    @property
    def told(self) -> list[Seal]:
        """The last seal of the case, if it has had one."""
        if self._sealed is None:
            return []
        return [Seal(self._case_id, self._sealed, self._broken, self._changes)]

    def follow(self, entry: Row, seq: int | None, frontier: bytes) -> list[Fault]:
        """Note the next entry, before which the tree has this frontier, and return what is wrong with it."""
        kind, type_ = entry["kind"], entry["type"]
        is_sealed = self._sealed is not None and self._broken is None
        if kind == ChangeKind.SEALED.value:
            self._sealed, self._broken, self._changes = seq, None, 0
            self.roots[self._case_id, seq] = root(frontier).hex() if frontier else ""
        elif kind == ChangeKind.UNSEALED.value:
            self._broken = seq
        elif type_ in _CONTENT and kind in _CHANGES:
            self._changes += 1
            if is_sealed:
                return [Fault(seq, "kind", "it changes what was sealed, and the seal wasn't broken before")]
        return []


def _chained(entries: Iterable[_Linked], heads: list[StoredRow], seals: Seals) -> Iterator[Fault]:
    """Tell what is wrong with a journal as such. What follows from a fault of its tree is not told again."""
    size, frontier, grows = 0, b"", True
    at: Any = ""
    for row in entries:
        entry = dict(zip(_LINKED, row, strict=True))
        seq = entry["seq"] if isinstance(entry["seq"], int) else None
        if seq != size + 1:
            yield Fault(seq, "seq", f"entry {size + 1} is expected here")
            grows = False
        yield from _entry_faults(entry, seq, at)
        yield from seals.follow(entry, seq, frontier)
        try:
            leaf = leaf_hash(leaf_of(entry))
        except (AttributeError, TypeError, ValueError):
            leaf, grows = b"", False
            yield Fault(seq, None, "no leaf can be made of it")
        nodes = entry["nodes"] if isinstance(entry["nodes"], bytes) else b""
        if leaf and nodes[:HASH_BYTES] != leaf:
            yield Fault(seq, None, "it is not what its leaf's hash was made of")
        if grows:
            frontier, made = extended(size, frontier, leaf)
            if made[HASH_BYTES:] != nodes[HASH_BYTES:]:
                yield Fault(seq, "nodes", "they are not those of the entries up to it")
                grows = False
        size, at = seq if seq is not None else size + 1, entry["at"]
    if not size:
        yield Fault(None, None, "its journal has a head and no entries")
    elif not heads:
        yield Fault(size, None, "its journal has entries and no head")
    for _, head_size, head_at, head_frontier, head_root in heads:
        fits = {"size": head_size == size, "at": head_at == at, "frontier": not grows or head_frontier == frontier}
        fits["root"] = not grows or head_root == root(frontier).hex()
        for field, is_right in fits.items():
            if not is_right:
                yield Fault(None, field, f"the journal's head doesn't agree with the entries, of which {size} is last")


def _entry_faults(entry: Row, seq: int | None, before: Any) -> list[Fault]:
    faults, at = [], entry["at"]
    if at != before:
        if not (isinstance(at, str) and _MOMENT.fullmatch(at)):
            faults.append(Fault(seq, "at", "it is no moment in the form of the record"))
        elif isinstance(before, str) and at < before:
            faults.append(Fault(seq, "at", "it lies before that of the entry before"))
    if entry["user_id"] is None:
        faults.append(Fault(seq, "by", "there is no such user"))
    if not (isinstance(entry["id"], str) and _ID.fullmatch(entry["id"])):
        faults.append(Fault(seq, "id", "it is no id of an entry"))
    if entry["kind"] not in _KINDS:
        faults.append(Fault(seq, "kind", "there is no such kind of change"))
    return faults


def together(
    left: Iterator[Any], right: Iterator[Any], width: int
) -> Iterator[tuple[tuple[Any, ...], Iterable[Any], list[Any]]]:
    """Pair what has the same key, which is its first values; both come in the order of their keys."""
    key = itemgetter(slice(0, width))
    lefts, rights = groupby(left, key), groupby(right, key)
    one, other = next(lefts, None), next(rights, None)
    while one is not None or other is not None:
        if one is not None and other is not None and one[0] == other[0]:
            yield one[0], one[1], list(other[1])
            one, other = next(lefts, None), next(rights, None)
        elif one is not None and (other is None or _place(one[0]) < _place(other[0])):
            yield one[0], one[1], []
            one = next(lefts, None)
        elif other is not None:
            yield other[0], (), list(other[1])
            other = next(rights, None)


def _is_key(key: Any, path: Any, base64: Any) -> bool:
    """Return whether a file has the key of its path, which was not checked to be one."""
    try:
        return bool(key == files.key_of(bytes_of(path, base64)))
    except (AttributeError, TypeError, ValueError):
        return False


def _place(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return what orders rows by their keys as the database does: SQLite has blobs behind all texts."""
    first, last = row[0], row[min(1, len(row) - 1)]
    return isinstance(first, bytes), first, isinstance(last, bytes), last


def both(statement: Select[Any], case_id: Any) -> tuple[Statement, Statement]:
    """Return a statement on all cases, and the same on one."""
    return Statement(statement), Statement(statement.where(case_id == _IN_CASE))


# What is in the leaf of an entry, its id and nodes, and that of the user who made it, if there is one.
_LINKED = (
    *("case_id", "seq", "id", "at", "by", "kind", "type", "row_id", "event_id", "version", "request_id", "digest"),
    *("nodes", "user_id"),
)
_KINDS = frozenset(kind.value for kind in ChangeKind)
_CONTENT = frozenset({"EVENT", "FILE_BATCH", "COMMENT"})
_CHANGES = frozenset(
    kind.value
    for kind in (ChangeKind.CREATED, ChangeKind.UPDATED, ChangeKind.DELETED, ChangeKind.RESTORED, ChangeKind.IMPORTED)
)
_EVENT_PLACE, _SAID_PLACE, _ERASURE_PLACE = (Told._fields.index(name) for name in ("event_id", "said", "erasure"))
_NUMBER_PLACE = _CASES.c.keys().index("number")
_NAMES = frozenset(subject.name for subject in (*SUBJECTS.values(), FILE)) | {"row"}
_COUNT = both(select(func.count()).select_from(_ENTRIES), _ENTRIES.c.case_id)
_COUNTER = Statement(select(CaseCounter.last_number))
_NUMBER = Statement(select(_CASES.c.number).where(_CASES.c.id == _IN_CASE))
_BY_NUMBER = Statement(select(_CASES.c.id).where(_CASES.c.number == bindparam("number")))
_BY_ID = [
    Statement(select(column).where(column == _IN_CASE).limit(1))
    for column in (_JOURNALS.c.case_id, _ENTRIES.c.case_id, _CASES.c.id)
]
_WITHOUT_JOURNAL = both(
    select(_CASES.c.id).where(~exists(select(_JOURNALS.c.case_id).where(_JOURNALS.c.case_id == _CASES.c.id))),
    _CASES.c.id,
)
_HEADS = both(
    select(*(_JOURNALS.c[name] for name in ("case_id", "size", "at", "frontier", "root"))).order_by(
        _JOURNALS.c.case_id
    ),
    _JOURNALS.c.case_id,
)
_BY_SEQ = both(
    select(*(_ENTRIES.c[name] for name in _LINKED[:-1]), _USERS.c.id.label("user_id"))
    .join_from(_ENTRIES, _USERS, _USERS.c.id == _ENTRIES.c.by, isouter=True)
    .order_by(_ENTRIES.c.case_id, _ENTRIES.c.seq),
    _ENTRIES.c.case_id,
)
_BY_ROW = both(
    select(*(_ENTRIES.c[name] for name in Told._fields[:-2]), literal_column("NULL").label("erasure"), _USERS.c.subject)
    .join_from(_ENTRIES, _USERS, and_(_ENTRIES.c.type == "MEMBER", _USERS.c.id == _ENTRIES.c.row_id), isouter=True)
    .order_by(_ENTRIES.c.row_id, _ENTRIES.c.case_id, _ENTRIES.c.seq),
    _ENTRIES.c.case_id,
)
_STRAYS = both(strays().order_by(_TEXTS.c.case_id, _TEXTS.c.row_id), _TEXTS.c.case_id)
_ERASING = both(
    select(*(_ENTRIES.c[name] for name in ("case_id", "seq", "kind", "row_id", "said")))
    .where(_ENTRIES.c.kind.in_([literal_column(f"'{kind.value}'") for kind in (ChangeKind.PURGED, ChangeKind.ERASED)]))
    .order_by(_ENTRIES.c.case_id, _ENTRIES.c.seq),
    _ENTRIES.c.case_id,
)


def _with_text(subject: Subject) -> FromClause:
    table = subject.table
    if not subject.searched:
        return table
    return table.outerjoin(_TEXTS, _TEXTS.c.row_id == table.c[subject.key])


_TABLES = {
    name: both(
        select(
            subject.table.c[subject.key].label("key"),
            subject.table.c[subject.place].label("place"),
            *(column.label(f"column_{column.name}") for column in subject.table.c),
            *([_TEXTS.c.text.label(f"column_{SEARCHED}")] if subject.searched else []),
        )
        .select_from(_with_text(subject))
        .order_by(subject.table.c[subject.key], subject.table.c[subject.place]),
        subject.table.c[subject.place],
    )
    for name, subject in SUBJECTS.items()
}
_FILE_TEXTS = both(
    select(*(_FILES.c[name] for name in ("id", "case_id", "path", "path_bytes", "path_key")), _TEXTS.c.text)
    .join_from(_FILES, _TEXTS, _TEXTS.c.row_id == _FILES.c.id, isouter=True)
    .order_by(_FILES.c.id),
    _FILES.c.case_id,
)
_MANIFESTS = both(
    select(*(_BATCHES.c[name] for name in ("id", "case_id", "manifest_sha256", "file_count", "total_bytes")))
    .where(_BATCHES.c.manifest_sha256.is_not(None))
    .order_by(_BATCHES.c.id),
    _BATCHES.c.case_id,
)
_BY_KEY = files.keyed_files()
_LISTED = both(
    _BY_KEY.with_only_columns(_FILES.c.batch_id, *_BY_KEY.selected_columns)
    .order_by(None)
    .order_by(_FILES.c.batch_id, _FILES.c.path_key),
    _FILES.c.case_id,
)
_LONG = Statement(files.long_files())
_TAG_COLUMNS = ("case_id", "event_id", "key", "tag")
_TAGS = both(
    select(*(table_of(Tag).c[name] for name in ("row_id", *_TAG_COLUMNS))).order_by(
        table_of(Tag).c.row_id, table_of(Tag).c.key
    ),
    table_of(Tag).c.case_id,
)
_TAGGED = {
    name: both(
        select(
            columns.id.label("row"),
            columns[subject.place].label("place"),
            (columns.event_id if "event_id" in columns else null()).label("event"),
            columns.tags,
        )
        .where(columns.tags.is_not(None))
        .order_by(columns.id),
        columns[subject.place],
    )
    for name, subject in SUBJECTS.items()
    if "tags" in (columns := subject.table.c)
}
