"""What is said of a case that is collected: in the case itself, and to whoever collects it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import Enum, auto

from app.commands.folders import shortened
from app.commands.marks import Mark
from app.commands.parsers import ADDRESS
from app.commands.plans import Survey, many, sized
from app.db.models import DESCRIPTION_LENGTH
from app.values import format_time, now, visible

_NAMED = 20  # unreadable entries that the summary names
_LIST_LENGTH = 15_000  # characters of what could not be read, in a case's description; all of it is in notes


@dataclass(frozen=True, slots=True)
class Tally:
    """How much of what was found is in the case."""

    files: int
    batches: int
    events: int


class Stage(Enum):
    """How far a case is."""

    FILLING = auto()
    FILLED = auto()  # it has everything
    COMPLETE = auto()  # … and says so
    GONE = auto()  # it is not found any more


@dataclass(frozen=True, slots=True)
class Place:
    """A case's number, title and id, the address of its server, and that of the server's app if there is one."""

    number: int
    title: str
    id: str
    address: str
    app: str | None

    @property
    def page(self) -> str | None:
        """Where the app shows it."""
        return f"{self.app}#/cases/{self.id}" if self.app else None


def seen(case: Place, viewer: str) -> str:
    """Return how to see a case that was collected."""
    if case.page:
        return f"See {case.page}, as {viewer}."
    return (
        f"See case {case.number}, '{case.title}', as {viewer}, by any client of {case.address}, as "
        f'{{ search(text: "#{case.number}", first: 1) {{ nodes {{ case {{ id title description }} }} }} }}; this '
        "server has no app."
    )


def going_on(survey: Survey, address: str, number: int | None) -> str:
    """Return the command that goes on with a case."""
    command = f"dossier collect {visible(shlex.quote(survey.place))}{_where(address)} --case"
    return f"'{command}' and its number" if number is None else f"'{command} {number}'"


def being_collected(survey: Survey, mark: Mark, address: str) -> str:
    """Return what a case says while it is collected."""
    return (
        f"Being collected from {survey.place} since {survey.began}: not complete. Where this stands for long, the "
        f"collecting was broken off; then go on with 'dossier collect{_where(address)}' of that folder, and --case "
        f"with the number of this case.\n\n{mark}"
    )


def incomplete(survey: Survey, mark: Mark, reason: str, has: str, go_on: str) -> str:
    """Return what a case says whose collection was broken off; `has` is its share."""
    text = (
        f"Incomplete: collecting from {survey.place} began at {survey.began} and was broken off at "
        f"{format_time(now())}: {visible(reason)}. This case has {has}. Go on with {go_on}."
    )
    end = f"\n\n{mark}"
    return shortened(text, DESCRIPTION_LENGTH - len(end)) + end


def complete(survey: Survey) -> str:
    """Return what a case says that holds everything."""
    sentence = f"Collected from {survey.place}: {many(survey.files, 'file')}, {sized(survey.size)}. They were "
    sentence += f"looked at from {survey.began} to {survey.ended}; the times of the events are those, in UTC, at "
    sentence += "which they were last modified."
    fits = sum(len(str(each)) + 3 for each in survey.walk.unreadable) <= _LIST_LENGTH
    lines = unreadable(survey, None if fits else _NAMED)
    if not fits:
        lines = [shortened(line, _LIST_LENGTH // _NAMED // 2) for line in lines] + ["All of them are in notes."]
    return shortened("\n".join([sentence, *survey.remarks(), *lines]), DESCRIPTION_LENGTH)


def unreadable(survey: Survey, most: int | None = _NAMED) -> list[str]:
    """Return lines about what could not be read, which name so many entries at most."""
    found = survey.walk.unreadable
    if not found:
        return []
    lines = [f"{many(len(found), 'entry', 'entries')} could not be read:", *(f"  {name}" for name in found[:most])]
    if most is not None and len(found) > most:
        lines.append(f"  and {len(found) - most:,} more")
    return lines


def share(survey: Survey, tally: Tally | None, pending: str | None) -> str:
    """Return how much of what was found a case has, unless that is not known; `pending` may be there as well."""
    if tally is None:
        return "what it had before"
    more = f", and perhaps {pending} more" if pending else ""
    return (
        f"{tally.files:,} of {many(survey.files, 'file')} in {tally.batches:,} of "
        f"{many(survey.batches, 'file batch', 'file batches')} on {tally.events:,} of "
        f"{many(len(survey.events), 'event')}{more}"
    )


def left(survey: Survey, stage: Stage, case: Place, has: str, go_on: str) -> str:
    """Return what there is of a case whose collection was broken off, and what to do; `has` is its share."""
    name = f"case {case.number}"
    at = f" at {case.page}" if case.page else ""
    match stage:
        case Stage.GONE:
            return f"{name} is not found any more: it was deleted, or is no longer yours"
        case Stage.COMPLETE:
            return f"{name} is complete all the same: {survey.totals()}"
        case Stage.FILLED:
            return f"{name}{at} holds everything and goes on to say that it is not complete; go on with {go_on}"
    return f"{name} is incomplete: it has {has}; go on with {go_on}, or delete it{at}"


def nothing_left(mark: Mark, go_on: str, *, is_sure: bool) -> str:
    """Return what there is where no case is known to have been made, and what to do."""
    if is_sure:
        return "no case was made"
    return (
        f"a case may have been made all the same; look for one whose description has the words {mark.name}, and go on "
        f"with {go_on}"
    )


def _where(address: str) -> str:
    return "" if address == ADDRESS else f" --url {shlex.quote(address)}"
