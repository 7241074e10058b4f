"""Recording a folder as a case, through the API as any client would.

A case says from its beginning that it is not complete. What it holds is told at the end alone, so that whatever ends
the recording before, were it the end of this process, leaves a case that claims nothing it doesn't have. Its last line
until then, the mark, says which collection it is and how that groups files: by it the recording is gone on with.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shlex
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from app.commands.failures import CommandError
from app.commands.folders import Walk, shortened
from app.commands.manifests import Manifests, chunks, entry_of, files_of, hashed
from app.commands.plans import SAYS_SIZE, Choice, PlannedBatch, PlannedEvent, Survey, event_key, many, sized
from app.commands.servers import CallError, Change, Server
from app.commands.signals import GRACE as _GRACE
from app.commands.signals import Ended, Signals
from app.db.models import DESCRIPTION_LENGTH, TITLE_LENGTH
from app.errors import DossierError
from app.evidence.entries import Entry
from app.resolvers.inputs import TextRule
from app.values import format_time, from_argument, now, visible

_EMPTY = "0 files last modified"
_NAMED = 20  # unreadable entries that the summary names
_LIST_LENGTH = 15_000  # characters of what could not be read, in a case's description; all of it is in notes
_SOURCE_LENGTH = 200
_ATTEMPTS = 4  # at a description that others write at the same time
_LAST_WORDS = 10  # seconds for saying in the case that it is not complete
_TOGETHER = 40  # changes in a request

_VIEWER = "{ viewer { subject } }"
_CASE = "query ($id: ID!) { case(id: $id) { id number version description status } }"
_NUMBERED = """
query ($text: String!) {
  search(text: $text, kinds: [CASE], first: 1) { nodes { case { id number version description status } } }
}
"""
_FIND_CASE = "query ($text: String!) { cases(first: 1, where: {text: $text}) { nodes { id number version } } }"
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
_MARK = re.compile(
    r"Collection ([0-9a-f]{16})-([0-9a-f]{16}), by (day|month|none)(?:, depth (\d+))?(, hashed)?(, one file system)?\."
)
_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


@dataclass(frozen=True)
class Collected:
    """What came of it: lines that tell, and whether everything could be read."""

    lines: list[str]
    is_whole: bool


class BrokenOffError(CommandError):
    """A signal ended the recording; `exit_code` is what a process exits with after that signal."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message, exit_code=128 + number)


def collect(
    folder: str | os.PathLike[str],
    case_title: str | None,
    url: str,
    token: str,
    progress: TextIO | None,
    *,
    choice: Choice | None = None,
    one_file_system: bool = False,
    case: str | None = None,
    signals: Signals | None = None,
) -> Collected:
    """Record a folder as a new case, or go on with `case`, a number or an id; `progress` is a terminal, if any.

    What a case was begun with stands in it, so `choice` is of no account there. Raises DossierError when the folder
    can't be listed, the server can't be reached or refuses, and BrokenOffError at a signal. Both say what there is of
    the case by then.
    """
    begun: _Begun | None = None
    with contextlib.ExitStack() as stack:
        if signals is None:
            signals = stack.enter_context(Signals.taken())
        stack.callback(report, progress, "")
        choice = choice or Choice(one_file_system=one_file_system)
        try:
            walk = Walk(os.fspath(folder), one_file_system=choice.one_file_system, check=signals.check)
            stack.callback(walk.close)
            title = None if case_title is None else _title(case_title)
            server = Server(url, token, signals.wait)
            stack.callback(server.close)
            viewer = _viewer(server)
            if case is not None:
                begun = _Begun.of(find_case(server, case), walk)
                choice = begun.choice
                walk.one_file_system = choice.one_file_system
            survey = survey_of(walk, choice, progress)
        except DossierError:
            raise
        except (Ended, Exception) as error:  # noqa: BLE001 - whatever it is, it is told in one line
            left = "no case was made" if begun is None else f"case {begun.number} stays as it was: not complete"
            raise _error(f"{_reason(error)}; {left}", error) from None
        recording = _Recording(server, survey, signals, progress, begun)
        try:
            recording.record(title)
        except (Ended, Exception) as error:  # noqa: BLE001 - whatever it is, what there is has to be told
            raise recording.broken_off(error) from None
        finally:
            signals.done()
    lines = [f"Case {recording.number}: {survey.totals()}", *survey.remarks(), *_unreadable(survey, _NAMED)]
    seen = f"{server.app}#/cases/{recording.id}" if server.app else f"case {recording.id} at {server.address}"
    lines.append(f"See {seen}, as {viewer}.")
    return Collected(lines, is_whole=not walk.unreadable)


def planned(folder: str | os.PathLike[str], choice: Choice, progress: TextIO | None, signals: Signals) -> Collected:
    """Return what `collect` would record, as lines, without a server. Raises DossierError and BrokenOffError."""
    with contextlib.closing(
        Walk(os.fspath(folder), one_file_system=choice.one_file_system, check=signals.check)
    ) as walk:
        try:
            survey = survey_of(walk, choice, progress)
        except Ended as ended:
            raise _error(f"{ended}; nothing was recorded", ended) from None
        finally:
            report(progress, "")
    lines = [*survey.lines(), f"To be recorded: {survey.totals()}", *survey.remarks(), *_unreadable(survey, _NAMED)]
    return Collected(lines, is_whole=not walk.unreadable)


def survey_of(walk: Walk, choice: Choice, progress: TextIO | None) -> Survey:
    """Walk, and plan what is to be recorded."""
    return Survey.of(walk, choice, lambda files: report(progress, f"found {files} files"))


def find_case(server: Server, wanted: str) -> dict[str, Any]:
    """Return a case by its number or its id. Raises DossierError."""
    case: Any = None
    if _ID.fullmatch(wanted):
        case = server.call(_CASE, id=wanted)["case"]
    elif wanted.isascii() and wanted.isdecimal():
        # A case whose number is searched for comes first.
        hits = server.call(_NUMBERED, text=f"#{int(wanted)}")["search"]["nodes"]
        case = next((hit["case"] for hit in hits if hit["case"]["number"] == int(wanted)), None)
    if not isinstance(case, dict):
        raise CommandError(f"there is no case {visible(wanted)}, at least for you; give its number or its id")
    return case


@dataclass(frozen=True)
class _Begun:
    """A case whose recording was begun: what it says of itself, and how its files are grouped."""

    id: str
    number: int
    said: str
    mark: str
    choice: Choice

    @classmethod
    def of(cls, case: Mapping[str, Any], walk: Walk) -> _Begun:
        """Read what a case says of itself. Raises DossierError unless it is to be gone on with from this folder."""
        text = case["description"] or ""
        match = _MARK.search(text)
        if match is None:
            complete = "is complete" if "Collected from " in text else "is none that is being collected"
            raise DossierError(
                f"case {case['number']} {complete}: there is nothing to go on with; 'dossier verify-files' compares it "
                "with a folder, and --case-title makes a new one"
            )
        folder, _, by, depth, is_hashed, is_one = match.groups()
        if folder != _digest(walk):
            raise DossierError(
                f"case {case['number']} is of another folder, which its description names; give that one"
            )
        choice = Choice(by, None if depth is None else int(depth), bool(is_hashed), bool(is_one))
        begin = max(text.rfind(words, 0, match.start()) for words in ("Being collected from ", "Incomplete: "))
        return cls(case["id"], case["number"], text[max(begin, 0) : match.end()], match[0], choice)


class _GoneError(DossierError):
    """The case was deleted, or may not be seen any more."""


@dataclass(slots=True)
class _Row:
    """A batch that is planned, with its event's id and, when it is there, its own."""

    plan: PlannedBatch
    event_id: str
    id: str = ""
    was_there: bool = False
    is_finished: bool = False


class _Recording:
    """A case that is being recorded, and how much of it there is."""

    def __init__(
        self, server: Server, survey: Survey, signals: Signals, progress: TextIO | None, begun: _Begun | None
    ) -> None:
        self.id = begun.id if begun else None
        self.number = begun.number if begun else 0
        self._begun = begun
        self._server = server
        self._survey = survey
        self._signals = signals
        self._progress = progress
        self._version: int | None = None  # of the case, as long as its description is known to be ours alone
        self._mark = begun.mark if begun else _mark(survey)
        self._said = begun.said if begun else self._being_collected()
        self._creating: str | None = None  # what was asked for last, until it is known to be there
        self._unsure: str | None = None  # what may have been created, although nobody said so
        self._files = self._batches = self._events = 0
        self._ours: set[str] = set()  # events of this collection that were there before
        self._lists = Manifests(server)
        self._is_counted = begun is None  # whether it is known what is there
        self._is_filled = False

    def record(self, title: str | None) -> None:
        """Create the case, or go on with it, and all that is in it, and at the end say in it what it holds."""
        if self.id is None:
            values = {"title": title, "description": self._said, "status": "OPEN"}
            case = self._made("case", Change("createCase", "case { id number version }", values))
            self.id, self.number, self._version = case["id"], case["number"], case["version"]
        else:
            self._describe(self._being_collected(), "OPEN")
        batches = self._batches_there() if self._begun else []
        rows = self._make_batches(self._make_events(batches), batches)
        if self._survey.choice.hashed:
            self._make_lists(rows)
        self._make_notes()
        self._signals.check()
        self._is_filled = True
        self._describe(self._complete(), "ACTIVE")

    def broken_off(self, error: BaseException) -> DossierError:
        """Return an error that tells what there is of the case and what to do, after saying so in the case itself."""
        reason = _reason(error)
        self._unsure = self._creating if self._server.unknown else None
        self._server.hurry(_GRACE)
        is_said = is_gone = False
        try:
            self._signals.limit(_LAST_WORDS)
            if self.id is None and self._unsure is not None:
                self._find()
            if self.id is not None:
                text, status = (self._complete(), "ACTIVE") if self._is_filled else (self._incomplete(reason), "OPEN")
                self._describe(text, status)
                is_said = True
        except _GoneError:
            is_gone = True
        except (Ended, Exception):  # noqa: BLE001, S110 - then the case goes on to say that it is not complete
            pass
        self._signals.done()
        return _error(f"{reason}; {self._told(is_said=is_said, is_gone=is_gone)}", error)

    # What is made

    def _make_events(self, batches: list[dict[str, Any]]) -> list[tuple[PlannedEvent, str]]:
        """Make the events that lack, and put right those that are there; return all with their ids.

        Of those that have no files any more, one stays on which somebody put a batch by hand.
        """
        planned = {event.key: event for event in self._survey.events}
        source = self._source()
        there = self._there() if self._begun else {}
        stale = {key: event for key, event in there.items() if key not in planned and event["timeKind"] is not None}
        ids = {key: event["id"] for key, event in there.items() if key in planned}
        self._events = len(ids)
        kept = {batch["event"]["id"] for batch in batches if not _is_collected(batch)}
        self._remove({key: event for key, event in stale.items() if event["id"] not in kept})
        changes = [
            Change("updateEvent", "event { id }", {"caseId": self.id, "id": event["id"], "title": _EMPTY})
            for event in stale.values()
            if event["id"] in kept and event["title"] != _EMPTY
        ]
        self._ours = {event["id"] for event in there.values()} - {
            e["id"] for e in stale.values() if e["id"] not in kept
        }
        changes += [
            Change("updateEvent", "event { id }", {"caseId": self.id, "id": ids[key], "title": event.said["title"]})
            for key, event in planned.items()
            if key in ids and event.said["title"] != there[key]["title"]
        ]
        self._change(changes)
        lacking = [event for key, event in planned.items() if key not in ids]
        made = self._created("events", (dict(event.said) | {"source": source} for event in lacking))
        ids |= {event.key: each for event, each in zip(lacking, made, strict=True)}
        return [(event, ids[key]) for key, event in planned.items()]

    def _make_batches(self, events: list[tuple[PlannedEvent, str]], there: list[dict[str, Any]]) -> list[_Row]:
        """Make the batches that lack, put right those that are there, and remove those that have no place any more."""
        rows = [_Row(batch, id_) for event, id_ in events for batch in event.batches]
        self._compare(rows, there)
        lacking = [row for row in rows if not row.id]
        items = ({**self._values(row), "eventId": row.event_id} for row in lacking)
        made = self._created("fileBatches", items, lacking)
        for row, id_ in zip(lacking, made, strict=True):
            row.id = id_
        return rows

    def _batches_there(self) -> list[dict[str, Any]]:
        document = _BATCHES.replace("LIST", "manifest { fileCount }" if self._survey.choice.hashed else "")
        return list(self._server.pages(document, "case", "fileBatches", id=self.id))

    def _compare(self, rows: list[_Row], there: list[dict[str, Any]]) -> None:
        """Find the batches that are there. Where files are hashed, one whose list can't be gone on with is replaced."""
        wanted = {(row.event_id, row.plan.said["label"]): row for row in rows}
        stale, changes = [], []
        for batch in there:
            event_id = batch["event"]["id"]
            row = wanted.get((event_id, batch["label"]))
            if row is None or row.id:
                # What somebody put there by hand is not ours to remove.
                if event_id in self._ours and _is_collected(batch):
                    stale.append(Change("deleteFileBatch", "deletedId", self._place(event_id) | {"id": batch["id"]}))
                continue
            row.id, row.was_there, row.is_finished = batch["id"], True, batch.get("manifest") is not None
            changed = {name: value for name, value in self._values(row).items() if batch[name] != value}
            if changed:
                place = self._place(event_id) | {"id": row.id}
                changes.append(Change("updateFileBatch", "fileBatch { id }", place | changed))
            self._count(row)
            if row.is_finished:
                self._lists.finished += batch["manifest"]["fileCount"]
        self._is_counted = True
        self._change([*stale, *changes])

    def _make_lists(self, rows: list[_Row]) -> None:
        """Hash the files of each batch that has no list yet, and send what was found, batch by batch."""
        lists = self._lists
        expected: list[Counter[Entry]] = []
        counts = Counter[int]()
        for number, row in enumerate(rows):
            expected.append(self._listed(row) if row.was_there else Counter())
            counts[number] = expected[-1].total()
        opener = self._survey.walk.opener()
        todo = (
            (number, file)
            for number, row in enumerate(rows)
            if not row.is_finished
            for file in row.plan.batch.files
            if not expected[number][entry_of(file)]
        )
        entries: list[Entry] = []
        last = done = 0

        def finish(until: int) -> None:
            nonlocal last
            for number in range(last, until):
                if entries:
                    lists.add(self._list_of(rows[number]), entries)
                    counts[number] += len(entries)
                    entries.clear()
                if not rows[number].is_finished:
                    lists.finish(self._list_of(rows[number]), counts[number])
            last = until

        with contextlib.closing(opener):
            for number, entry in hashed(todo, self._survey.walk, opener, self._signals.check):
                finish(number)
                if entry is not None:
                    entries.append(entry)
                if len(entries) == 1_000:
                    lists.add(self._list_of(rows[number]), entries)
                    counts[number] += len(entries)
                    entries.clear()
                done += 1
                if done % 100 == 0:
                    report(self._progress, f"hashed {done} of {self._survey.files} files")
            finish(len(rows))
            lists.flush()

    def _listed(self, row: _Row) -> Counter[Entry]:
        """Return the files in a batch's list, without their hashes.

        Where they are not among those of the folder by now, or a finished list lacks some, the batch is made anew.
        """
        there = Counter(Entry(each.path, each.size, each.modified) for each in files_of(self._server, row.id))
        here = Counter(map(entry_of, row.plan.batch.files))
        if there == here or (there <= here and not row.is_finished):
            return there
        self._change([Change("deleteFileBatch", "deletedId", self._place(row.event_id) | {"id": row.id})])
        if row.is_finished:
            self._lists.finished -= there.total()
        (row.id,) = self._created("fileBatches", [{**self._values(row), "eventId": row.event_id}])
        row.is_finished = False
        return Counter()

    def _make_notes(self) -> None:
        """Name in notes what could not be read and what was passed over; those of an earlier attempt make room."""
        there = self._there() if self._begun else {}
        notes = {event_key(note): note for note in self._survey.notes()}
        self._remove({key: e for key, e in there.items() if e["timeKind"] is None and key not in notes})
        source = self._source()
        lacking = (note | {"source": source} for key, note in notes.items() if key not in there)
        self._created("notes", lacking)

    def _there(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        """Return the events that this collection has made so far, by their keys."""
        source = self._source()
        found = self._server.pages(_EVENTS, "case", "events", id=self.id, text=self._name)
        return {event_key(event): event for event in found if event["source"] == source}

    def _remove(self, events: Mapping[tuple[Any, ...], Mapping[str, Any]]) -> None:
        for some in _some([event["id"] for event in events.values()], 1_000):
            self._change([Change("deleteEvents", "deletedIds", {"caseId": self.id, "ids": some})])

    def _created(self, what: str, items: Any, rows: list[_Row] | None = None) -> list[str]:
        """Create events or batches, and return their ids in order."""
        noun = "fileBatches" if what == "fileBatches" else "events"
        field = f"create{noun[0].upper()}{noun[1:]}"
        ids: list[str] = []
        for some in chunks(items):
            change = Change(field, f"{noun} {{ id }}", {"caseId": self.id, "items": some})
            ids += [each["id"] for each in self._made(many(len(some), *_NOUNS[what]), change)]
            if what == "events":
                self._events += len(some)
            for row in rows[len(ids) - len(some) : len(ids)] if rows else ():
                self._count(row)
            report(self._progress, f"recorded {self._files} of {self._survey.files} files")
        return ids

    def _made(self, what: str, change: Change) -> Any:
        """Return what was created. Raises CallError."""
        self._signals.check()
        self._creating = what
        (created,) = self._server.changes([change])
        self._creating = None
        return created

    def _change(self, changes: list[Change]) -> None:
        for some in _some(changes, _TOGETHER):
            self._signals.check()
            self._server.changes(some)

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

    def _place(self, event_id: str) -> dict[str, Any]:
        return {"caseId": self.id, "eventId": event_id}

    def _list_of(self, row: _Row) -> dict[str, Any]:
        return self._place(row.event_id) | {"fileBatchId": row.id}

    # What is said

    @property
    def _name(self) -> str:
        return self._mark.partition(",")[0]

    def _source(self) -> str:
        name = f" ({self._name})"
        return shortened(self._survey.place, _SOURCE_LENGTH - len(name)) + name

    def _go_on(self) -> str:
        number = str(self.number) if self.id else "and its number"
        return f"'dossier collect {visible(shlex.quote(self._survey.place))} --case {number}'"

    def _told(self, *, is_said: bool, is_gone: bool) -> str:
        if self.id is None:
            if self._unsure is None:
                return "no case was made"
            return (
                f"a case may have been made all the same; look for one whose description has the words {self._name}, "
                f"and go on with {self._go_on()}"
            )
        case = f"case {self.number}"
        if is_gone:
            return f"{case} is not found any more: it was deleted, or is no longer yours"
        if self._is_filled and is_said:
            return f"{case} is complete all the same: {self._survey.totals()}"
        place = f" at {self._server.app}#/cases/{self.id}" if self._server.app else ""
        if self._is_filled:
            return (
                f"{case}{place} holds everything and goes on to say that it is not complete; go on with {self._go_on()}"
            )
        return f"{case} is incomplete: it has {self._share()}; go on with {self._go_on()}, or delete it{place}"

    def _share(self) -> str:
        if not self._is_counted:
            return "what it had before"
        more = f", and perhaps {self._unsure} more" if self._unsure is not None else ""
        return (
            f"{self._files + self._lists.finished:,} of {many(self._survey.files, 'file')} in {self._batches:,} of "
            f"{many(self._survey.batches, 'file batch', 'file batches')} on {self._events:,} of "
            f"{many(len(self._survey.events), 'event')}{more}"
        )

    def _find(self) -> None:
        """Look for the case by what it says, when it is not known whether it was created. Raises CallError."""
        for case in self._server.call(_FIND_CASE, text=self._name)["cases"]["nodes"]:
            self.id, self.number, self._version = case["id"], case["number"], case["version"]
            self._unsure = None

    def _describe(self, text: str, status: str) -> None:
        """Put a text in place of ours into the case's description, and a status in place of OPEN.

        What others have written there meanwhile stays. Raises CallError and _GoneError.
        """
        for attempt in range(_ATTEMPTS):
            try:
                changed = {"description": text, "status": status}
                if attempt or self._version is None:
                    changed = self._among_theirs(text, status)
                    if not changed:
                        break
                values = {"id": self.id, "expectedVersion": self._version, **changed}
                case = self._server.change("updateCase", "case { version }", **values)
            except CallError as error:
                if error.code == "NOT_FOUND":
                    raise _GoneError(str(error)) from None
                if error.code != "CONFLICT" or attempt == _ATTEMPTS - 1:
                    raise
            else:
                self._version = case["version"] if changed["description"] == text else None
                break
        self._said = text

    def _among_theirs(self, text: str, status: str) -> dict[str, str]:
        """Return what to change of the case as it is by now; nothing when it has the text already."""
        case = self._server.call(_CASE, id=self.id)["case"]
        if case is None:
            raise _GoneError("the case was deleted meanwhile")
        theirs = case["description"] or ""
        if text in theirs:
            return {}
        self._version = case["version"]
        if self._said in theirs:
            description = theirs.replace(self._said, text)
        else:
            description = f"{theirs}\n\n{text}" if theirs else text
        changed = {"description": shortened(description, DESCRIPTION_LENGTH)}
        return changed | ({"status": status} if case["status"] == "OPEN" else {})

    def _being_collected(self) -> str:
        return (
            f"Being collected from {self._survey.place} since {self._survey.began}: not complete. Where this stands "
            "for long, the collecting was broken off; then go on with 'dossier collect' of that folder, and --case "
            f"with the number of this case.\n\n{self._mark}"
        )

    def _complete(self) -> str:
        survey = self._survey
        sentence = f"Collected from {survey.place}: {many(survey.files, 'file')}, {sized(survey.size)}. They were "
        sentence += f"looked at from {survey.began} to {survey.ended}; the times of the events are those, in UTC, at "
        sentence += "which they were last modified."
        found = survey.walk.unreadable
        fits = sum(len(line) + 3 for line in found) <= _LIST_LENGTH
        lines = _unreadable(survey, None if fits else _NAMED)
        if not fits:
            lines = [shortened(line, _LIST_LENGTH // _NAMED // 2) for line in lines] + ["All of them are in notes."]
        return shortened("\n".join([sentence, *survey.remarks(), *lines]), DESCRIPTION_LENGTH)

    def _incomplete(self, reason: str) -> str:
        text = (
            f"Incomplete: collecting from {self._survey.place} began at {self._survey.began} and was broken off at "
            f"{format_time(now())}: {visible(reason)}. This case has {self._share()}. Go on with {self._go_on()}."
        )
        mark = f"\n\n{self._mark}"
        return shortened(text, DESCRIPTION_LENGTH - len(mark)) + mark


_NOUNS = {
    "events": ("event", "events"),
    "notes": ("note", "notes"),
    "fileBatches": ("file batch", "file batches"),
}


def _is_collected(batch: Mapping[str, Any]) -> bool:
    return SAYS_SIZE in (batch["description"] or "")


def _mark(survey: Survey) -> str:
    choice = survey.choice
    depth = "" if choice.depth is None else f", depth {choice.depth}"
    more = (", hashed" if choice.hashed else "") + (", one file system" if choice.one_file_system else "")
    return f"Collection {_digest(survey.walk)}-{secrets.token_hex(8)}, by {choice.by}{depth}{more}."


def _digest(walk: Walk) -> str:
    """Return what tells a folder from others, by its whole path."""
    return hashlib.sha256(walk.path).hexdigest()[:16]


def _some(items: list[Any], most: int) -> Iterator[list[Any]]:
    for begin in range(0, len(items), most):
        yield items[begin : begin + most]


def _error(message: str, error: BaseException) -> DossierError:
    return BrokenOffError(message, error.number) if isinstance(error, Ended) else DossierError(message)


def _reason(error: BaseException) -> str:
    if isinstance(error, Ended | DossierError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"an unexpected error, {type(error).__qualname__} at {Path(place.filename).name}:{place.lineno}"


def _title(given: str) -> str:
    """Return a case's title by an argument. Raises DossierError, before a long walk, for what a server would refuse."""
    title = from_argument(given)
    if title is None:
        raise DossierError("--case-title: the title is no UTF-8 text")
    if fault := TextRule(TITLE_LENGTH, nullable=False).fault(title):
        raise DossierError(f"--case-title: `title` {fault}")
    return title


def _viewer(server: Server) -> str:
    """Return as whom the server is called. Raises DossierError."""
    try:
        subject: object = server.call(_VIEWER)["viewer"]["subject"]
    except (LookupError, TypeError):
        subject = None
    if not isinstance(subject, str):
        raise DossierError(f"what answers at {server.address} is no Dossier server; check --url")
    return subject


def _unreadable(survey: Survey, most: int | None) -> list[str]:
    """Return lines about what could not be read, which name so many entries at most."""
    found = survey.walk.unreadable
    if not found:
        return []
    lines = [f"{many(len(found), 'entry', 'entries')} could not be read:", *(f"  {name}" for name in found[:most])]
    if most is not None and len(found) > most:
        lines.append(f"  and {len(found) - most:,} more")
    return lines


def report(progress: TextIO | None, text: str) -> None:
    """Show on a terminal, if there is one, how far it is, in place of what was shown before."""
    if progress is not None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone keeps nobody from working
            progress.write(f"\r\x1b[K{text}")
            progress.flush()
