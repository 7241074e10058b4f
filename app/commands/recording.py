"""Recording a folder as a case, through the API as any client would.

A case says from its beginning that it is not complete. What it holds is told at the end alone, so that whatever ends
the recording before, were it the end of this process, leaves a case that claims nothing it doesn't have. Its last line
until then is its mark (see `marks.py`), by which the recording is gone on with.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.commands import cases, sentences
from app.commands.contents import Changes, Contents
from app.commands.descriptions import Description, GoneError
from app.commands.failures import CommandError
from app.commands.folders import Walk
from app.commands.marks import Begun, Mark
from app.commands.plans import Choice, Survey
from app.commands.sentences import Place, Stage
from app.commands.servers import Change, Server
from app.commands.signals import GRACE as _GRACE
from app.commands.signals import Ended, Signals
from app.commands.streams import Progress
from app.db.models import TITLE_LENGTH
from app.errors import DossierError
from app.resolvers.inputs import TextRule
from app.values import from_argument

_LAST_WORDS = 10  # seconds for saying in the case that it is not complete


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
    *,
    choice: Choice,
    case: str | None,
    signals: Signals,
    progress: Progress,
) -> Collected:
    """Record a folder as a new case, or go on with `case`, a number or an id.

    What a case was begun with stands in it, so `choice` is of no account there. Raises DossierError when the folder
    can't be listed, the server can't be reached or refuses, and BrokenOffError at a signal. Both say what there is of
    the case by then.
    """
    begun: Begun | None = None
    recording: _Recording | None = None
    with contextlib.ExitStack() as stack:
        try:
            walk = Walk(os.fspath(folder), one_file_system=choice.one_file_system, check=signals.check)
            stack.callback(walk.close)
            title = None if case_title is None else _title(case_title)
            server = Server(url, token, signals.wait)
            stack.callback(server.close)
            viewer = cases.viewer(server)
            if case is not None:
                begun = Begun.of(cases.find_case(server, case), walk)
                choice = begun.mark.choice
                walk.one_file_system = choice.one_file_system
            app = server.app()
            survey = Survey.of(walk, choice, lambda files: progress.tell("found", files))
            recording = _Recording(server, app, survey, signals, progress, begun)
            place = recording.record(title)
        except (Ended, Exception) as error:  # whatever it is, what there is is told in one line
            if recording is not None:
                raise recording.broken_off(error) from None
            if isinstance(error, DossierError):
                raise
            left = "no case was made" if begun is None else f"case {begun.row['number']} stays as it was: not complete"
            raise _error(f"{_reason(error)}; {left}", error) from None
        finally:
            signals.done()
    lines = [f"Case {place.number}: {survey.totals()}", *survey.remarks(), *sentences.unreadable(survey)]
    return Collected([*lines, sentences.seen(place, viewer)], is_whole=not walk.unreadable)


def planned(folder: str | os.PathLike[str], choice: Choice, signals: Signals, progress: Progress) -> Collected:
    """Return what `collect` would record, as lines, without a server. Raises DossierError and BrokenOffError."""
    with contextlib.closing(
        Walk(os.fspath(folder), one_file_system=choice.one_file_system, check=signals.check)
    ) as walk:
        try:
            survey = Survey.of(walk, choice, lambda files: progress.tell("found", files))
        except Ended as ended:
            raise _error(f"{ended}; nothing was recorded", ended) from None
    totals = f"To be recorded: {survey.totals()}"
    lines = [*survey.lines(), totals, *survey.remarks(), *sentences.unreadable(survey)]
    return Collected(lines, is_whole=not walk.unreadable)


class _Recording:
    """A case that is being recorded, and how far it is."""

    def __init__(
        self,
        server: Server,
        app: str | None,
        survey: Survey,
        signals: Signals,
        progress: Progress,
        begun: Begun | None,
    ) -> None:
        self._server = server
        self._app = app
        self._survey = survey
        self._signals = signals
        self._progress = progress
        self._begun = begun
        self._mark = begun.mark if begun else Mark.new(survey.walk, survey.choice)
        self._being = sentences.being_collected(survey, self._mark, server.address)
        self._changes = Changes(server, signals)
        self._stage = Stage.FILLING
        self._case: Place | None = None
        if begun:
            self._found(begun.row, begun.said)

    def record(self, title: str | None) -> Place:
        """Create the case, or go on with it, and all that is in it, and at the end say in it what it holds."""
        if self._case is None:
            values = {"title": title, "description": self._being, "status": "OPEN"}
            row = self._changes.created("case", Change("createCase", "case { id number title version }", values))
            case = self._found(row, self._being, row["version"])
        else:
            case = self._case
            self._description.put(self._being, "OPEN")
        self._contents.make()
        self._signals.check()
        self._stage = Stage.FILLED
        self._description.put(sentences.complete(self._survey), "ACTIVE")
        return case

    def broken_off(self, error: BaseException) -> DossierError:
        """Return an error that tells what there is of the case and what to do, after saying so in the case itself."""
        reason = _reason(error)
        if not self._server.unknown:
            self._changes.pending = None
        self._server.hurry(_GRACE)
        try:
            self._signals.limit(_LAST_WORDS)
            self._say_last(reason)
        except GoneError:
            self._stage = Stage.GONE
        except (Ended, Exception):  # noqa: BLE001, S110 - then the case goes on to say that it is not complete
            pass
        self._signals.done()
        if self._case is None:
            left = sentences.nothing_left(self._mark, self._go_on(), is_sure=self._changes.pending is None)
        else:
            left = sentences.left(self._survey, self._stage, self._case, self._share(), self._go_on())
        return _error(f"{reason}; {left}", error)

    def _say_last(self, reason: str) -> None:
        """Say in the case, which may have to be looked for, what there is of it. Raises CallError and GoneError."""
        if self._case is None and self._changes.pending is not None:
            row = cases.with_words(self._server, self._mark.name)
            if row is not None:
                self._found(row, self._being, row["version"])
                self._changes.pending = None
        if self._stage is Stage.FILLED:
            self._description.put(sentences.complete(self._survey), "ACTIVE")
            self._stage = Stage.COMPLETE
        elif self._case is not None:
            text = sentences.incomplete(self._survey, self._mark, reason, self._share(), self._go_on())
            self._description.put(text, "OPEN")

    def _found(self, row: Mapping[str, Any], said: str, version: int | None = None) -> Place:
        """Take a case that is there, and what it says; return it."""
        self._description = Description(self._server, row["id"], said, version)
        self._contents = Contents(
            self._changes, self._survey, self._progress, self._mark, row["id"], is_begun=self._begun is not None
        )
        # Last, as a signal may come in between.
        self._case = Place(row["number"], row["title"], row["id"], self._server.address, self._app)
        return self._case

    def _go_on(self) -> str:
        return sentences.going_on(self._survey, self._server.address, self._case.number if self._case else None)

    def _share(self) -> str:
        return sentences.share(self._survey, self._contents.tally(), self._changes.pending)


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
