"""The files of file batches: what a manifest says of them, and how they go for good.

Files are not recorded one by one. Their list is, by its digest, when it is finished; `dossier verify` makes that anew
of the files that there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from heapq import merge
from typing import Any, NamedTuple, TypeAlias

import orjson
from sqlalchemy import Select, Text, bindparam, literal_column, select

from app.db import FoundRow, Statement, Transaction
from app.db.models import File, table_of
from app.db.sql import texts
from app.db.types import Id
from app.evidence.entries import Entry
from app.evidence.writing import digested

_FILES = table_of(File)
_AT_ONCE = 5_000  # files that are read, by which a transaction has little of them at a time
_REMOVED_AT_ONCE = 500  # in one transaction, which others may wait for

Listed: TypeAlias = tuple[bytes, bytes, int]
"""Of a file its path, its SHA-256 and its size in bytes."""


class Manifest(NamedTuple):
    """A list of files: the digest of what sha256sum writes of it, in hexadecimal; how many, and of how many bytes."""

    sha256: str
    file_count: int
    total_bytes: int


def manifest_of(files: Iterable[Listed]) -> Manifest:
    """Return what a manifest says of files, which come in the order of their paths' bytes."""
    digest, count, total = sha256(), 0, 0

    def counted() -> Iterator[Entry]:
        nonlocal count, total
        for path, hash_, size in files:
            count, total = count + 1, total + size
            yield Entry(path, sha256=hash_)

    for line in digested(counted()):
        digest.update(line)
    return Manifest(digest.hexdigest(), count, total)


def finished(transaction: Transaction, batch_id: str) -> Manifest:
    """Return what the manifest of a batch would say, of which nobody adds or removes files meanwhile."""
    return manifest_of(merge(_walk(transaction, batch_id, _SHOWN, ""), _walk(transaction, batch_id, _RAW, b"")))


def _walk(transaction: Transaction, batch_id: str, statement: Statement, after: str | bytes) -> Iterator[Listed]:
    while rows := transaction.all(statement, {"batch": batch_id, "after": after}):
        yield from listed(row[1:] for row in rows)
        after = rows[-1].path


def some_in(transaction: Transaction, batch_ids: Iterable[str]) -> list[FoundRow]:
    """Return some of the files of batches, no more than others can wait for; none where there are none."""
    for batch_id in batch_ids:
        if found := transaction.all(_SOME, {"batch": batch_id}):
            return found
    return []


def present(transaction: Transaction, batch_id: str, paths: Iterable[tuple[str, bytes]]) -> set[tuple[str, bytes]]:
    """Return which paths, each as it is shown and raw, files of a batch have already."""
    shown = orjson.dumps([*dict.fromkeys(path for path, _ in paths)]).decode()
    found = transaction.all(_PRESENT, {"batch": batch_id, "paths": shown})
    return {(row.path, bytes(row.raw)) for row in found}


def listed(rows: Iterable[Sequence[Any]]) -> Iterator[Listed]:
    """Return files, of rows with the path as it is shown or raw, the SHA-256 and the size."""
    return ((path.encode() if isinstance(path, str) else path, hash_, size) for path, hash_, size in rows)


def in_order(*, is_raw: bool) -> Select[Any]:
    """Return the statement for files in the order of their paths' bytes: of those whose paths are UTF-8, or of others.

    Each has its batch, and then what `listed` takes.
    """
    path = _FILES.c.raw if is_raw else _FILES.c.path
    of_those = _FILES.c.path_bytes.is_not(None) if is_raw else _FILES.c.path_bytes.is_(None)
    columns = _FILES.c.batch_id, path.label("path"), _FILES.c.sha256, _FILES.c.size
    return select(*columns).where(of_those).order_by(_FILES.c.batch_id, path)


_BATCH = bindparam("batch", type_=Id())
_SHOWN, _RAW = (
    Statement(
        in_order(is_raw=is_raw)
        .where(_FILES.c.batch_id == _BATCH, column > bindparam("after", type_=column.type))
        .limit(literal_column(str(_AT_ONCE)))
    )
    for is_raw, column in ((False, _FILES.c.path), (True, _FILES.c.raw))
)
_SOME = Statement(select(_FILES).where(_FILES.c.batch_id == _BATCH).limit(literal_column(str(_REMOVED_AT_ONCE))))
_THOSE = texts(bindparam("paths", type_=Text()), "those")
_PRESENT = Statement(
    select(_FILES.c.path, _FILES.c.raw).where(_FILES.c.batch_id == _BATCH, _FILES.c.path.in_(select(_THOSE.c.text)))
)
