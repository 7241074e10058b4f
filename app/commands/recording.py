"""Recording a folder as a case, through the API as any client would.

A case says from its beginning that it is not complete. What it holds is told at the end alone, so that whatever ends
the recording before, were it the end of this process, leaves a case that claims nothing it doesn't have.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

from app.commands.failures import CommandError
from app.commands.folders import Place, Walk, shortened, text_of
from app.commands.servers import CallError, Server
from app.db.models import DESCRIPTION_LENGTH, TITLE_LENGTH
from app.errors import DossierError
from app.resolvers.inputs import TextRule
from app.values import format_time, from_argument, new_id, now, visible

_LABEL_LENGTH = 200
_KIND_LENGTH = 20  # of what follows a name's last dot, with the dot
_NAMED = 20  # unreadable entries that the summary names
_LIST_LENGTH = 15_000  # characters of what could not be read, in a case's description; a longer list has notes
_PATHS_LENGTH = 5_000  # characters of a batch's folder, and of where other file systems begin
_PLACE_LENGTH = 2_000
_ATTEMPTS = 4  # at a description that others write at the same time
_GRACE = 5  # seconds that a request under way has after a signal
_LAST_WORDS = 10  # seconds for saying in the case that it is not complete
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")

_BEFORE = 0  # stands for the days before the first one that a date has (1, see date.toordinal) …
_BEYOND = date.max.toordinal() + 1  # … and for those after the last
_1970 = date(1970, 1, 1).toordinal()
_DAY = 86_400 * 10**9  # nanoseconds

_OUT_OF_RANGE = {
    _BEFORE: "before the year 0001",
    _BEYOND: "after the year 9999",
}

_VIEWER = "{ viewer { subject } }"
_CREATE_CASE = """
mutation ($input: CreateCaseInput!) {
  createCase(input: $input) { case { id number version } replayed errors { code message } }
}
"""
_UPDATE_CASE = """
mutation ($input: UpdateCaseInput!) { updateCase(input: $input) { case { version } replayed errors { code message } } }
"""
_CREATE_EVENT = """
mutation ($input: CreateEventInput!) { createEvent(input: $input) { event { id } replayed errors { code message } } }
"""
_CREATE_BATCH = """
mutation ($input: CreateFileBatchInput!) {
  createFileBatch(input: $input) { fileBatch { id } replayed errors { code message } }
}
"""
_CASE = "query ($id: ID!) { case(id: $id) { version description status } }"
_FIND_CASE = "query ($text: String!) { cases(first: 1, where: {text: $text}) { nodes { id number version } } }"


@dataclass
class Batch:
    """Files of one kind in one folder, last modified on one day; `size` in bytes."""

    count: int = 0
    size: int = 0


@dataclass
class Survey:
    """What was found in a folder, and when: batches by day, as date.toordinal counts days, then by folder and kind."""

    walk: Walk
    began: str
    ended: str = ""
    days: dict[int, dict[tuple[Place, str], Batch]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Batch))
    )
    files: int = 0
    size: int = 0

    @property
    def place(self) -> str:
        """The folder, as a sentence may name it."""
        return shortened(visible(text_of(self.walk.path)), _PLACE_LENGTH)

    @property
    def batches(self) -> int:
        """The number of batches."""
        return sum(len(batches) for batches in self.days.values())

    def totals(self) -> str:
        """Return what there is, as the end of a sentence."""
        batches = _many(self.batches, "file batch", "file batches")
        return f"{_many(self.files, 'file')} ({_readable(self.size)}) in {batches} on {_many(len(self.days), 'event')}."

    def remarks(self) -> list[str]:
        """Return lines about what is not among the files, except for what could not be read."""
        lines = []
        if self.walk.passed_over:
            counts = sorted(self.walk.passed_over.items())
            lines.append(f"Passed over: {', '.join(_many(count, kind) for kind, count in counts)}.")
        for what, paths in (("entered", self.walk.entered), ("left out", self.walk.left_out)):
            if paths:
                more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
                named = shortened(", ".join(paths[:_NAMED]), _PATHS_LENGTH)
                lines.append(f"{_many(len(paths), 'other file system')} {what}: {named}{more}.")
        return lines


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
    case_title: str,
    url: str,
    token: str,
    progress: TextIO | None,
    *,
    one_file_system: bool = False,
    signals: Signals | None = None,
) -> Collected:
    """Record a folder as a new case; `progress` is a terminal to report to, if any.

    Raises DossierError when the folder can't be listed, the server can't be reached or refuses, and BrokenOffError at a
    signal. Both say what there is of the case by then.
    """
    with contextlib.ExitStack() as stack:
        if signals is None:
            signals = stack.enter_context(Signals.taken())
        stack.callback(_report, progress, "")
        try:
            walk = Walk(os.fspath(folder), one_file_system=one_file_system, check=signals.check)
            stack.callback(walk.close)
            title = _title(case_title)
            server = Server(url, token, signals.wait)
            stack.callback(server.close)
            viewer = _viewer(server)
            survey = _survey(walk, progress)
        except DossierError:
            raise
        except (_Signal, Exception) as error:  # noqa: BLE001 - whatever it is, it is told in one line
            raise _error(f"{_reason(error)}; no case was made", error) from None
        case = _Case(server, survey, signals, progress)
        try:
            case.record(title)
        except (_Signal, Exception) as error:  # noqa: BLE001 - whatever it is, what there is has to be told
            raise case.broken_off(error) from None
        finally:
            signals.done()
    lines = [f"Case {case.number}: {survey.totals()}", *survey.remarks(), *_unreadable(survey, _NAMED)]
    seen = f"{server.app}#/cases/{case.id}" if server.app else f"case {case.id} at {server.address}"
    lines.append(f"See {seen}, as {viewer}.")
    return Collected(lines, is_whole=not walk.unreadable)


class _Signal(BaseException):
    """A signal that asks this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__("interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}")
        self.number = number


class Signals:
    """Signals that ask this process to end, taken at moments at which it is known what has been recorded.

    A request under way has some seconds more to be answered; a second signal doesn't wait for it.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._is_done = False

    @classmethod
    @contextmanager
    def taken(cls) -> Iterator[Signals]:
        """Take the signals, but for those that this process was started to ignore, as `nohup` does."""
        signals = cls()
        former = {
            number: signal.signal(number, signals._take)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) != signal.SIG_IGN
        }
        former[signal.SIGALRM] = signal.signal(signal.SIGALRM, signals._hurry)
        try:
            yield signals
        finally:
            signals.done()
            for number, handler in former.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Raise _Signal if one has come."""
        if self._number is not None and not self._is_done:
            raise _Signal(self._number)

    def wait(self, seconds: float) -> None:
        """Wait so long. Raises _Signal if one comes meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, 0.1))

    def limit(self, seconds: float) -> None:
        """Raise _Signal after so many seconds, wherever this process is by then."""
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def done(self) -> None:
        """Take a signal without a word from now on; another one interrupts whatever there is left to do."""
        self._is_done = True
        self.limit(0)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._number is None:
            self._number = number
            if not self._is_done:
                self.limit(_GRACE)
        elif self._is_done:
            raise KeyboardInterrupt
        else:
            raise _Signal(self._number)

    def _hurry(self, number: int, _frame: FrameType | None) -> None:
        if not self._is_done:
            raise _Signal(self._number or number)


class _GoneError(DossierError):
    """The case was deleted, or may not be seen any more."""


class _Case:
    """A case that is being recorded, and how much of it there is."""

    def __init__(self, server: Server, survey: Survey, signals: Signals, progress: TextIO | None) -> None:
        self.id: str | None = None
        self.number = 0
        self._server = server
        self._survey = survey
        self._signals = signals
        self._progress = progress
        self._version = 0
        self._mark = f"Collection {new_id()}"  # by which the case is found when it is not known whether it was created
        self._said = (
            f"Being collected from {survey.place} since {survey.began}: not complete. Where this stands for long, the "
            f"collecting was broken off; then delete this case and collect again.\n\n{self._mark}"
        )
        self._creating: str | None = None  # what was asked for last, until it is known to be there
        self._unsure: str | None = None  # what may have been created, although nobody said so
        self._files = self._batches = self._events = 0
        self._is_filled = False

    def record(self, title: str) -> None:
        """Create the case and all that is in it, and at the end say in it what it holds."""
        case = self._create(_CREATE_CASE, "case", title=title, description=self._said, status="OPEN")
        self.id, self.number, self._version = case["id"], case["number"], case["version"]
        for day, batches in sorted(self._survey.days.items()):
            self._record_day(day, batches)
        for note in _notes(self._survey):
            self._create(_CREATE_EVENT, "event", caseId=self.id, **note)
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
        except (_Signal, Exception):  # noqa: BLE001, S110 - then the case goes on to say that it is not complete
            pass
        self._signals.done()
        return _error(f"{reason}; {self._told(is_said=is_said, is_gone=is_gone)}", error)

    def _told(self, *, is_said: bool, is_gone: bool) -> str:
        if self.id is None:
            if self._unsure is None:
                return "no case was made"
            return (
                f"a case may have been made all the same; look for one whose description has the words {self._mark}, "
                "and delete it"
            )
        case = f"case {self.number}"
        if is_gone:
            return f"{case} is not found any more: it was deleted, or is no longer yours"
        if self._is_filled and is_said:
            return f"{case} is complete all the same: {self._survey.totals()}"
        place = f" at {self._server.app}#/cases/{self.id}" if self._server.app else ""
        if self._is_filled:
            return (
                f"{case}{place} holds everything and goes on to say that it is not complete; put its description "
                "right, or delete it and collect again"
            )
        return f"{case} is incomplete: it has {self._share()}; delete it{place} and collect again"

    def _share(self) -> str:
        more = f", and perhaps one {self._unsure} more" if self._unsure is not None else ""
        return (
            f"{self._files:,} of {_many(self._survey.files, 'file')} in {self._batches:,} of "
            f"{_many(self._survey.batches, 'file batch', 'file batches')} on {self._events:,} of "
            f"{_many(len(self._survey.days), 'event')}{more}"
        )

    def _find(self) -> None:
        """Look for the case by what it says, when it is not known whether it was created. Raises CallError."""
        for case in self._server.call(_FIND_CASE, text=self._mark)["cases"]["nodes"]:
            self.id, self.number, self._version = case["id"], case["number"], case["version"]
            self._unsure = None

    def _record_day(self, day: int, batches: dict[tuple[Place, str], Batch]) -> None:
        count = sum(batch.count for batch in batches.values())
        said = _event(day, count, self._survey.ended)
        event = self._create(_CREATE_EVENT, "event", caseId=self.id, type="FINDING", **said)
        self._events += 1
        for order, ((place, kind), batch) in enumerate(sorted(batches.items(), key=_by_place)):
            self._create(
                _CREATE_BATCH,
                "fileBatch",
                caseId=self.id,
                eventId=event["id"],
                label=_label(self._survey.walk, place, kind),
                fileCount=batch.count,
                fileTypes=kind or None,
                description=f"{_described(self._survey.walk, place)}: {_readable(batch.size)} in all",
                sortOrder=order,
            )
            self._batches += 1
            self._files += batch.count
            _report(self._progress, f"recorded {self._files} of {self._survey.files} files")

    def _create(self, document: str, noun: str, **values: object) -> dict[str, Any]:
        """Return what was created. Raises CallError."""
        self._signals.check()
        self._creating = _NOUNS[noun]
        created = self._server.change(document, noun, **values)
        self._creating = None
        return created

    def _describe(self, text: str, status: str) -> None:
        """Put a text in place of ours into the case's description, and a status in place of OPEN.

        What others have written there meanwhile stays. Raises CallError and _GoneError.
        """
        changed = {"description": text, "status": status}
        for attempt in range(_ATTEMPTS):
            try:
                if attempt:
                    changed = self._among_theirs(text, status)
                    if not changed:
                        break
                self._server.change(_UPDATE_CASE, "case", id=self.id, expectedVersion=self._version, **changed)
            except CallError as error:
                if error.code == "NOT_FOUND":
                    raise _GoneError(str(error)) from None
                if error.code != "CONFLICT" or attempt == _ATTEMPTS - 1:
                    raise
            else:
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

    def _complete(self) -> str:
        walk = self._survey.walk
        sentence = f"Collected from {self._survey.place}: {_many(self._survey.files, 'file')}, "
        sentence += f"{_readable(self._survey.size)}. They were looked at from {self._survey.began} to "
        sentence += f"{self._survey.ended}; the events are the days, counted in UTC, on which they were last modified."
        fits = sum(len(line) + 3 for line in walk.unreadable) <= _LIST_LENGTH
        lines = _unreadable(self._survey, None if fits else _NAMED)
        if not fits:
            lines = [shortened(line, _LIST_LENGTH // _NAMED // 2) for line in lines] + ["All of them are in notes."]
        return shortened("\n".join([sentence, *self._survey.remarks(), *lines]), DESCRIPTION_LENGTH)

    def _incomplete(self, reason: str) -> str:
        text = (
            f"Incomplete: collecting from {self._survey.place} began at {self._survey.began} and was broken off at "
            f"{format_time(now())}: {visible(reason)}. This case has {self._share()}. Delete it and collect again."
        )
        return shortened(text, DESCRIPTION_LENGTH)


_NOUNS: Final = {"case": "case", "event": "event", "fileBatch": "file batch"}


def _error(message: str, error: BaseException) -> DossierError:
    return BrokenOffError(message, error.number) if isinstance(error, _Signal) else DossierError(message)


def _reason(error: BaseException) -> str:
    if isinstance(error, _Signal | DossierError):
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


def _survey(walk: Walk, progress: TextIO | None) -> Survey:
    survey = Survey(walk, began=format_time(now()))
    for place, name, status in walk.files():
        batch = survey.days[_day(status.st_mtime_ns)][place, _kind(name)]
        batch.count += 1
        batch.size += status.st_size
        survey.files += 1
        survey.size += status.st_size
        if survey.files % 500 == 0:
            _report(progress, f"found {survey.files} files")
    survey.ended = format_time(now())
    return survey


def _day(modified: int) -> int:
    """Return the day, in UTC, of a time in nanoseconds since 1970; _BEFORE and _BEYOND for one that is no date."""
    return min(max(_1970 + modified // _DAY, _BEFORE), _BEYOND)


def _kind(name: bytes) -> str:
    """Return the kind of a file by its name, as `.pdf`; empty for a name that says nothing.

    A kind is letters and digits, not digits alone: what follows the last dot may be part of a sentence or a date.
    """
    stem, _, suffix = text_of(name).rpartition(".")
    suffix = suffix.lower()
    if not stem.strip(".") or len(suffix) >= _KIND_LENGTH or not suffix.isalnum() or suffix.isdigit():
        return ""
    return f".{suffix}" if visible(suffix) == suffix else ""


def _event(day: int, count: int, moment: str) -> dict[str, str]:
    """Return what an event says of files that were last modified on a day."""
    files = _many(count, "file")
    if day in _OUT_OF_RANGE:
        return {
            "title": f"{files} last modified {_OUT_OF_RANGE[day]}",
            "description": f"Their file system says that they were last modified {_OUT_OF_RANGE[day]}, for which there "
            "is no date here. This event is at the moment by which that was read.",
            "occurredAt": moment,
            "timePrecision": "EXACT",
        }
    return {
        "title": f"{files} last modified",
        "occurredAt": f"{date.fromordinal(day).isoformat()}T00:00:00Z",
        "timePrecision": "DAY",
    }


def _notes(survey: Survey) -> Iterator[dict[str, Any]]:
    """Yield events that list what could not be read, when that is too much for a case's description."""
    lines = survey.walk.unreadable
    if sum(len(line) + 3 for line in lines) <= _LIST_LENGTH:
        return
    texts = [""]
    for line in lines:
        if len(texts[-1]) + len(line) >= DESCRIPTION_LENGTH:
            texts.append("")
        texts[-1] += f"{line}\n"
    for order, text in enumerate(texts):
        yield {
            "title": f"{_many(len(lines), 'entry', 'entries')} could not be read ({order + 1} of {len(texts)})",
            "type": "NOTE",
            "description": text,
            "occurredAt": survey.ended,
            "sortOrder": order,
        }


def _unreadable(survey: Survey, most: int | None) -> list[str]:
    """Return lines about what could not be read, which name so many entries at most."""
    found = survey.walk.unreadable
    if not found:
        return []
    lines = [f"{_many(len(found), 'entry', 'entries')} could not be read:", *(f"  {name}" for name in found[:most])]
    if most is not None and len(found) > most:
        lines.append(f"  and {len(found) - most:,} more")
    return lines


def _by_place(item: tuple[tuple[Place, str], Batch]) -> tuple[int, str]:
    place, kind = item[0]
    return place.number, kind


def _label(walk: Walk, place: Place, kind: str) -> str:
    # The folder itself is called by its name; no path below it ends like that.
    path = text_of(place.path() or walk.name)
    label = f"{path} ({kind or 'no suffix'})"
    if len(label) > _LABEL_LENGTH:
        # The end of a path tells more than its beginning.
        label = "…" + label[1 - _LABEL_LENGTH :]
    return label


def _described(walk: Walk, place: Place) -> str:
    path = place.path() or walk.name
    return shortened(visible(text_of(path)), _PATHS_LENGTH)


def _readable(size: float) -> str:
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return _many(int(size), "byte") if unit == "bytes" else f"{size:.1f} {unit}"


def _many(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _report(progress: TextIO | None, text: str) -> None:
    if progress is not None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone keeps nobody from working
            progress.write(f"\r\x1b[K{text}")
            progress.flush()
