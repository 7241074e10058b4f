"""What is in a case that is collected: events, their file batches and the manifests of these, made or put right."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from app.commands.folders import shortened
from app.commands.manifests import Manifests, chunks, entry_of, files_of, hashed
from app.commands.marks import Mark
from app.commands.plans import File, PlannedBatch, PlannedEvent, Survey, event_key, is_collected, many
from app.commands.sentences import Tally
from app.commands.servers import CallError, Change, Server
from app.commands.signals import Signals
from app.commands.streams import Progress
from app.evidence.entries import Entry

_EMPTY = "0 files last modified"
_SOURCE_LENGTH = 200
_TOGETHER = 40  # changes in a request

_EVENTS = """
query ($id: ID!, $text: String!, $after: String) {
  case(id: $id) {
    events(first: 100, after: $after, where: {text: $text}) {
      nodes { id source title description timeKind occurredAt timePrecision } pageInfo { hasNextPage endCursor }
    }
  }
}
"""
_BATCHES = """
query ($id: ID!, $after: String) {
  case(id: $id) {
    fileBatches(first: 100, after: $after) {
      nodes { id event { id } label description fileCount fileTypes sortOrder LIST }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""


class Changes:
    """Changes, made until a signal comes; `pending` is what was asked for last, until it is known to be there."""

    def __init__(self, server: Server, signals: Signals) -> None:
        self.server = server
        self.check = signals.check
        self.pending: str | None = None

    def created(self, what: str, change: Change) -> Any:
        """Return what was created. Raises CallError and Ended."""
        self.check()
        self.pending = what
        (created,) = self.server.changes([change])
        self.pending = None
        return created

    def make(self, changes: Sequence[Change]) -> None:
        """Make changes of what is there. Raises CallError and Ended."""
        for begin in range(0, len(changes), _TOGETHER):
            self.check()
            self.server.changes(changes[begin : begin + _TOGETHER])


@dataclass(slots=True, eq=False)
class _Row:
    """A batch that is planned, with its event's id and, when it is there, its own."""

    plan: PlannedBatch
    event_id: str
    id: str = ""
    was_there: bool = False
    is_finished: bool = False


class Contents:
    """What is in a case that is recorded."""

    def __init__(
        self, changes: Changes, survey: Survey, progress: Progress, mark: Mark, case_id: str, *, is_begun: bool
    ) -> None:
        """Take a case that is empty or, where it `is_begun`, has some of it."""
        self._changes = changes
        self._server = changes.server
        self._survey = survey
        self._progress = progress
        self._mark = mark
        self._case_id = case_id
        self._is_begun = is_begun
        self._is_counted = not is_begun
        self._files = self._batches = self._events = 0
        self._hashed = self._hashed_size = 0  # files, and their bytes
        self._before: set[str] = set()  # events and batches that were there, whoever made them
        self._ours: set[str] = set()  # events of this collection that were there
        self._manifests = Manifests(self._server)

    def tally(self) -> Tally | None:
        """Return how much there is, or None before that was looked for."""
        if not self._is_counted:
            return None
        return Tally(self._files + self._manifests.finished, self._batches, self._events)

    def make(self) -> None:
        """Make all of it. Raises CallError and Ended."""
        batches = self._batches_there() if self._is_begun else []
        self._before |= {batch["id"] for batch in batches}
        rows = self._make_batches(self._make_events(batches), batches)
        if self._survey.choice.hashed:
            self._make_manifests(rows)
        self._make_notes()

    def _make_events(self, batches: list[dict[str, Any]]) -> list[tuple[PlannedEvent, str]]:
        """Make the events that lack, and put right those that are there; return all with their ids.

        Of those that have no files any more, one stays on which somebody put a batch by hand.
        """
        planned = {event.key: event for event in self._survey.events}
        there = self._there() if self._is_begun else {}
        self._before |= {event["id"] for event in there.values()}
        by_hand = {batch["event"]["id"] for batch in batches if not is_collected(batch["description"])}
        gone: list[tuple[dict[str, Any], str]] = []
        kept: list[tuple[dict[str, Any], str]] = []
        for key, event in there.items():
            if key in planned:
                kept.append((event, planned[key].said["title"]))
            elif event["timeKind"] is not None:
                (kept if event["id"] in by_hand else gone).append((event, _EMPTY))
        self._remove([event for event, _ in gone])
        self._ours = {event["id"] for event in there.values()} - {event["id"] for event, _ in gone}
        self._entitle(kept)
        ids = {key: there[key]["id"] for key in planned if key in there}
        self._events = len(ids)
        lacking = [event for key, event in planned.items() if key not in ids]
        waiting = iter(lacking)
        for made in self._created_events((event.said for event in lacking), "event"):
            ids |= {event.key: id_ for id_, event in zip(made, waiting, strict=False)}
            self._events = len(ids)
            self._progress.tell("recorded", len(ids), len(planned), lambda count: many(count, "event"))
        return [(event, ids[key]) for key, event in planned.items()]

    def _make_batches(self, events: list[tuple[PlannedEvent, str]], there: list[dict[str, Any]]) -> list[_Row]:
        """Make the batches that lack, put right those that are there, and remove those that have no place any more."""
        rows = [_Row(batch, id_) for event, id_ in events for batch in event.batches]
        self._compare(rows, there)
        lacking = [row for row in rows if not row.id]
        waiting = iter(lacking)
        for made in self._created_batches(lacking):
            for id_, row in zip(made, waiting, strict=False):
                row.id = id_
                self._count(row)
            self._progress.tell("recorded", self._batches, len(rows), _batches)
        return rows

    def _compare(self, rows: list[_Row], there: list[dict[str, Any]]) -> None:
        """Find the batches that are there, and put right what they say."""
        wanted = {(row.event_id, row.plan.said["label"]): row for row in rows}
        stale, changes = [], []
        for batch in there:
            event_id = batch["event"]["id"]
            place = {"caseId": self._case_id, "eventId": event_id, "id": batch["id"]}
            row = wanted.get((event_id, batch["label"]))
            if row is None or row.id:
                # What somebody put there by hand is not ours to remove.
                if event_id in self._ours and is_collected(batch["description"]):
                    stale.append(Change("deleteFileBatch", "deletedId", place))
                continue
            row.id, row.was_there, row.is_finished = batch["id"], True, batch.get("manifest") is not None
            changed = {name: value for name, value in self._values(row).items() if batch[name] != value}
            if changed:
                changes.append(Change("updateFileBatch", "fileBatch { id }", place | changed))
            self._count(row)
            if row.is_finished:
                self._manifests.finished += batch["manifest"]["fileCount"]
        self._is_counted = True
        self._changes.make([*stale, *changes])

    def _make_manifests(self, rows: list[_Row]) -> None:
        """Hash the files of each batch that has no list yet, and send what was found, batch by batch."""
        walk, last = self._survey.walk, 0
        self._progress.clear()
        with contextlib.closing(walk.opener()) as opener:
            found = hashed(self._to_hash(rows), walk, opener, self._changes.check)
            for number, some in groupby(found, lambda each: each[0]):
                self._manifests.add(self._list_of(rows[number]), self._noted(entry for _, entry in some))
                self._finish(rows[last : number + 1])
                last = number + 1
        self._finish(rows[last:])
        self._manifests.flush()
        self._progress.clear()

    def _to_hash(self, rows: list[_Row]) -> Iterator[tuple[int, File]]:
        """Yield the files that are in no list yet, each with the number of its row."""
        for number, row in enumerate(rows):
            listed = self._listed(row) if row.was_there else Counter[Entry]()
            self._manifests.counts[row.id] = listed.total()
            for file in row.plan.batch.files:
                if row.is_finished or listed[entry_of(file)]:
                    self._note(file.size)
                else:
                    yield number, file

    def _listed(self, row: _Row) -> Counter[Entry]:
        """Return the files in a batch's list, without their hashes.

        Where they are not among those of the folder by now, or a finished list lacks some, the batch is made anew.
        """
        there = Counter(Entry(each.path, each.size, each.modified) for each in files_of(self._server, row.id))
        here = Counter(map(entry_of, row.plan.batch.files))
        if there == here or (there <= here and not row.is_finished):
            return there
        values = {"caseId": self._case_id, "eventId": row.event_id, "id": row.id}
        self._changes.make([Change("deleteFileBatch", "deletedId", values)])
        if row.is_finished:
            self._manifests.finished -= there.total()
        ((row.id,),) = self._created_batches([row])
        row.is_finished = False
        return Counter()

    def _noted(self, entries: Iterable[Entry | None]) -> Iterator[Entry]:
        for entry in entries:
            self._note(entry.size or 0 if entry else 0)
            if entry is not None:
                yield entry

    def _note(self, size: int) -> None:
        """Tell that a file of so many bytes is hashed."""
        self._hashed += 1
        self._hashed_size += size
        files = f"{self._hashed:,} of {many(self._survey.files, 'file')}"
        self._progress.tell(f"hashed {files},", self._hashed_size, self._survey.size, _bytes)

    def _finish(self, rows: Iterable[_Row]) -> None:
        for row in rows:
            if not row.is_finished:
                self._manifests.finish(self._list_of(row))

    def _make_notes(self) -> None:
        """Name in notes what could not be read and what was passed over; those of an earlier attempt make room."""
        there = self._there() if self._is_begun else {}
        notes = {event_key(note): note for note in self._survey.notes()}
        self._remove([each for key, each in there.items() if each["timeKind"] is None and key not in notes])
        for _ in self._created_events((note for key, note in notes.items() if key not in there), "note"):
            pass

    def _there(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the events that this collection has made so far, by their keys."""
        source = self._source()
        found = self._server.pages(_EVENTS, "case", "events", id=self._case_id, text=self._mark.name)
        return {event_key(event): event for event in found if event["source"] == source}

    def _batches_there(self) -> list[dict[str, Any]]:
        document = _BATCHES.replace("LIST", "manifest { fileCount }" if self._survey.choice.hashed else "")
        return list(self._server.pages(document, "case", "fileBatches", id=self._case_id))

    def _remove(self, events: Iterable[dict[str, Any]]) -> None:
        for some in chunks(events):
            ids = [event["id"] for event in some]
            self._changes.make([Change("deleteEvents", "deletedIds", {"caseId": self._case_id, "ids": ids})])

    def _entitle(self, events: Iterable[tuple[Mapping[str, Any], str]]) -> None:
        """Give events the titles that they have not."""
        self._changes.make(
            [
                Change("updateEvent", "event { id }", {"caseId": self._case_id, "id": event["id"], "title": title})
                for event, title in events
                if event["title"] != title
            ]
        )

    def _created_events(self, events: Iterable[Mapping[str, Any]], noun: str) -> Iterator[list[str]]:
        """Create events; yield their ids in order, as many as are made at once.

        What a process that was killed asked for may arrive after it was read what is there. So events are asked for by
        what tells them apart, which doesn't change with the moment of the walk.
        """
        source = self._source()
        for some in chunks(dict(event) | {"source": source} for event in events):
            values = {"caseId": self._case_id, "items": some}
            name = [self._case_id, self._mark.name, [event_key(event) for event in some]]
            change = Change("createEvents", "events { id }", values, name=name)
            yield self._made_once(many(len(some), noun), change)

    def _created_batches(self, rows: Iterable[_Row]) -> Iterator[list[str]]:
        """Create the batches of rows; yield their ids in order, as many as are made at once."""
        for some in chunks({**self._values(row), "eventId": row.event_id} for row in rows):
            values = {"caseId": self._case_id, "items": some}
            change = Change("createFileBatches", "fileBatches { id }", values, name=values)
            yield self._made_once(_batches(len(some)), change)

    def _made_once(self, what: str, change: Change) -> list[str]:
        """Return the ids of what was created now, or since it was read what is there. Raises CallError."""
        try:
            ids = [each["id"] for each in self._changes.created(what, change)]
        except CallError as error:
            if error.code == "REQUEST_MISMATCH":
                ids = self._arrived(change.values["items"])
            elif error.code == "NOT_FOUND":
                ids = []
            else:
                raise
        if ids and self._before.isdisjoint(ids):
            return ids
        # It was made long ago, and has been deleted or altered since.
        return [each["id"] for each in self._changes.created(what, replace(change, name=None))]

    def _arrived(self, events: Any) -> list[str]:
        """Return the ids of events that are there by now, with the titles that they are to have; none if some lack."""
        there = self._there()
        found = [(there.get(event_key(event), {}), event["title"]) for event in events]
        if not all(event for event, _ in found):
            return []
        self._entitle(found)
        return [event["id"] for event, _ in found]

    def _count(self, row: _Row) -> None:
        self._batches += 1
        if not self._survey.choice.hashed:
            self._files += row.plan.batch.count

    def _values(self, row: _Row) -> dict[str, Any]:
        """Return what a batch is to say; how many files it has is told by its list where it has one."""
        said = dict(row.plan.said)
        if self._survey.choice.hashed:
            del said["fileCount"]
        return said

    def _list_of(self, row: _Row) -> dict[str, str]:
        return {"caseId": self._case_id, "eventId": row.event_id, "fileBatchId": row.id}

    def _source(self) -> str:
        name = f" ({self._mark.name})"
        return shortened(self._survey.place, _SOURCE_LENGTH - len(name)) + name


def _batches(count: int) -> str:
    return many(count, "file batch", "file batches")


def _bytes(count: int) -> str:
    return many(count, "byte")
