"""The files of file batches: what a manifest says of them, and how they go for good.

Files are not recorded one by one. Their list is, by its digest, when it is finished; `dossier verify` makes that anew
of the files that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from heapq import nsmallest
from operator import attrgetter
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Select, Text, bindparam, literal_column, select

from app.db import FoundRow, Statement, Transaction
from app.db.models import File, table_of
from app.db.sql import texts
from app.db.types import Id
from app.evidence.entries import Entry, bytes_of
from app.evidence.writing import line_of

KEY_BYTES: Final = 1_000
"""How much of a path an index has. PostgreSQL's takes 2,704 bytes, of which a byte of a path may take two."""

_FILES = table_of(File)
_AT_ONCE = 5_000  # files that are read, by which a transaction has little of them at a time
_LONG_AT_ONCE = 1_000  # with paths of up to 32,767 bytes, that are sorted together
_REMOVED_AT_ONCE = 500  # in one transaction, which others may wait for
_CUT, _BEHIND_CUT = "\u0100", "\u0101"  # what no byte is, and lies behind all of them


class Manifest(NamedTuple):
    """A list of files: the digest of what sha256sum writes of it, in hexadecimal; how many, and of how many bytes."""

    sha256: str
    file_count: int
    total_bytes: int


def key_of(path: bytes) -> str:
    """Return what files are sorted and told apart by: a character for each byte of the path.

    So texts are in the order of bytes on both databases. Of a long path it has the beginning and a digest of all.
    """
    begin = path[:KEY_BYTES].decode("latin-1")
    return begin if len(path) <= KEY_BYTES else f"{begin}{_CUT}{sha256(path).hexdigest()}"


def manifest_of(entries: Iterable[Entry]) -> Manifest:
    """Return what a manifest says of files, which come in the order of their paths' bytes.

    Raises TypeError and ValueError for what was never a file.
    """
    digest, count, total = sha256(), 0, 0
    for entry in entries:
        digest.update(line_of(entry))
        count, total = count + 1, total + (entry.size or 0)
    return Manifest(digest.hexdigest(), count, total)


def in_order(keyed: Iterable[Sequence[Any]], long: Callable[[str, str], Iterator[Sequence[Any]]]) -> Iterator[Entry]:
    """Iterate over the files of a batch in the order of their paths' bytes.

    `keyed` are rows of `keyed_files` without their batch; `long` takes two texts and returns rows of `long_files`,
    whose keys are between them.
    """
    begun = None
    for key, hash_, size in keyed:
        begin = key[:KEY_BYTES]
        if begin == key:
            yield Entry(key.encode("latin-1"), size, sha256=hash_)
        elif begin != begun:
            begun = begin
            yield from _sorted(partial(long, begin + _CUT, begin + _BEHIND_CUT))


def _sorted(rows: Callable[[], Iterator[Sequence[Any]]]) -> Iterator[Entry]:
    """Iterate over files in order, reading all of them again for each thousand: few have paths that are so long."""
    after = b""
    while some := nsmallest(
        _LONG_AT_ONCE, (each for each in _entries(rows()) if each.path > after), key=attrgetter("path")
    ):
        yield from some
        after = some[-1].path


def _entries(rows: Iterable[Sequence[Any]]) -> Iterator[Entry]:
    return (Entry(bytes_of(path, base64), size, sha256=hash_) for _, hash_, size, path, base64 in rows)


def finished(transaction: Transaction, batch_id: str) -> Manifest:
    """Return what the manifest of a batch would say, of which nobody adds or removes files meanwhile."""

    def rows(statement: Statement, after: str, until: str) -> Iterator[FoundRow]:
        while some := transaction.all(statement, {"batch": batch_id, "after": after, "until": until}):
            yield from some
            after = some[-1].key

    return manifest_of(in_order(rows(_KEYED, "", _BEHIND_CUT), partial(rows, _LONG)))


def keyed_files() -> Select[Any]:
    """Return the statement for the key, the SHA-256 and the size of files, in the order of their keys."""
    return select(_FILES.c.path_key.label("key"), _FILES.c.sha256, _FILES.c.size).order_by(_FILES.c.path_key)


def long_files() -> Select[Any]:
    """Return the statement for the same of files of a batch between two keys, each with its path, too."""
    between = _FILES.c.path_key > bindparam("after", type_=_KEY), _FILES.c.path_key < bindparam("until", type_=_KEY)
    return keyed_files().add_columns(_FILES.c.path, _FILES.c.path_bytes).where(_FILES.c.batch_id == _BATCH, *between)


def some_in(transaction: Transaction, batch_ids: Iterable[str]) -> list[FoundRow]:
    """Return some of the files of batches, no more than others can wait for; none where there are none."""
    for batch_id in batch_ids:
        if found := transaction.all(_SOME, {"batch": batch_id}):
            return found
    return []


def present(transaction: Transaction, batch_id: str, keys: Iterable[str]) -> set[str]:
    """Return which keys files of a batch have already."""
    asked = {"batch": batch_id, "keys": orjson.dumps([*keys]).decode()}
    return {row.path_key for row in transaction.all(_PRESENT, asked)}


_KEY = _FILES.c.path_key.type
_BATCH = bindparam("batch", type_=Id())
_LONG = Statement(long_files().limit(literal_column(str(_LONG_AT_ONCE))))
_KEYED = Statement(long_files().with_only_columns(*keyed_files().selected_columns).limit(literal_column(str(_AT_ONCE))))
_SOME = Statement(select(_FILES).where(_FILES.c.batch_id == _BATCH).limit(literal_column(str(_REMOVED_AT_ONCE))))
_THOSE = texts(bindparam("keys", type_=Text()), "those")
_PRESENT = Statement(
    select(_FILES.c.path_key).where(_FILES.c.batch_id == _BATCH, _FILES.c.path_key.in_(select(_THOSE.c.text)))
)
