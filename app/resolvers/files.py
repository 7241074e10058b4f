"""Changes to manifests: the files of file batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.db import FoundRow
from app.db.models import Case, Event, FileBatch, table_of
from app.errors import InvalidInput, Refused
from app.evidence.entries import HASHES, bytes_of, path_fault
from app.ownership import CHANGE, Viewer, place
from app.reading.payloads import Given
from app.record import files
from app.record.entries import FILE
from app.record.journal import Recorder
from app.resolvers.changes import change
from app.resolvers.inputs import MOST_AT_ONCE, AnyRule, HashRule, ItemsRule, NumberRule, Rule, invalid, invalid_at
from app.values import new_id, text_fault

_FILE_BATCHES = table_of(FileBatch)
_RULES: dict[str, Rule] = {
    "path": AnyRule(),
    "path_bytes": AnyRule(nullable=True),
    "size": NumberRule(0),
    "modified_at": AnyRule(nullable=True),
    **{name: HashRule(length, nullable=name != "sha256") for name, length in HASHES.items()},
}
_BATCH = place(CHANGE, case_id=Case, event_id=Event, file_batch_id=FileBatch)


def _path_faults(file: Given) -> dict[str, str]:
    """Return what is wrong with the path of a file, by the column to blame."""
    path, base64 = file["path"], file.get("path_bytes")
    if (fault := text_fault(path)) is not None:
        return {"path": fault}
    if base64 is not None:
        try:
            bytes_of(path, base64)
        except ValueError as error:
            return {"path_bytes": str(error)}
    fault = path_fault(bytes_of(path, base64))
    return {} if fault is None else {"path": fault}


@change(_BATCH, {"files": ItemsRule(MOST_AT_ONCE, _RULES, _path_faults)})
def add(recorder: Recorder, _: Viewer, batch: FoundRow, values: Given) -> str:
    """Add files to the manifest of a file batch, which isn't finished: all that are given or, when one can't be added,
    none. Takes the role CONTRIBUTOR. The record tells of them when the manifest is finished.
    """
    _expect_unfinished(batch)
    rows = [_row_of(batch, file) for file in values["files"]]
    if faults := [*_doubles(recorder, batch, rows)]:
        raise Refused(*faults)
    recorder.add_unrecorded(FILE, rows)
    return str(batch.id)


@change(_BATCH, {"file_count": NumberRule(0)})
def finish(recorder: Recorder, _: Viewer, batch: FoundRow, values: Given) -> str:
    """Finish the manifest of a file batch: nothing is added to it from then on, its digest is in the record, and it
    says how many files the batch has, of how many bytes. Takes the role CONTRIBUTOR.
    """
    _expect_unfinished(batch)
    made = files.finished(recorder.transaction, batch.id)
    if made.file_count != values["file_count"]:
        raise Refused(invalid("file_count", f"is {values['file_count']:,}, but {made.file_count:,} files were added"))
    told = {"manifest_sha256": made.sha256, "file_count": made.file_count, "total_bytes": made.total_bytes}
    recorder.update(_FILE_BATCHES, batch, {**told, "finished_at": recorder.moment, "finished_by": recorder.by})
    return str(batch.id)


def _expect_unfinished(batch: FoundRow) -> None:
    """Refuse to change a manifest that is finished. Raises Refused."""
    if batch.manifest_sha256 is not None:
        raise Refused(invalid("file_batch_id", "has a manifest that is finished, and never changes"))


def _row_of(batch: FoundRow, file: Given) -> dict[str, Any]:
    path = bytes_of(file["path"], file.get("path_bytes"))
    hashes = {name: None if file.get(name) is None else bytes.fromhex(file[name]) for name in HASHES}
    return {
        "id": new_id(),
        "case_id": batch.case_id,
        "event_id": batch.event_id,
        "batch_id": batch.id,
        "path": file["path"],
        "size": file["size"],
        "modified_at": file.get("modified_at"),
        **hashes,
        "path_bytes": None if path == file["path"].encode() else file["path_bytes"],
        "path_key": files.key_of(path),
    }


def _doubles(recorder: Recorder, batch: FoundRow, rows: list[dict[str, Any]]) -> Iterator[InvalidInput]:
    """Yield what refuses each file whose path another one has, of those that are given or of those that are there."""
    there = files.present(recorder.transaction, batch.id, [row["path_key"] for row in rows])
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        path = row["path_key"]
        if path in there:
            yield invalid_at(("files", str(number), "path"), "is that of a file which the batch has already")
        elif path in first:
            yield invalid_at(("files", str(number), "path"), f"is that of `files[{first[path]}]`, too")
        first.setdefault(path, number)
