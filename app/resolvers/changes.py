"""The one door for changes: each is a transaction that finds its row, does its work and reads its own answer.

Nothing else writes to cases and what is in them. A change either commits whole, with the answer that was read
inside of it, or leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from types import MappingProxyType
from typing import Any, TypeAlias

import orjson
from graphql.execution.values import VariableValues

from app import ownership
from app.db import Database, FoundRow, Transaction
from app.errors import Conflict, DeadlineExceeded, PassedLimit, Refusal, Refused, RequestRefused, StateError
from app.ownership import Place, Viewer
from app.reading.nouns import Lead
from app.reading.payloads import Given, Payload, Rows
from app.reading.plans import Plan
from app.record import removal
from app.record.journal import Recorder
from app.resolvers.inputs import Rule, checked
from app.resolvers.requests import Asked, Made, is_new
from app.values import now

# How many seconds a change takes at most from the first to its commit. What asks for rows by the time of their last
# change relies on it: nothing becomes visible that is older than this and the commit itself. See schema/pages.py.
LONGEST = 60

ASKED = frozenset({"expected_version", "request_id"})
"""What every change understands in its input, by columns' names."""

Work: TypeAlias = Callable[[Recorder, Viewer, FoundRow, Given], str | tuple[str, ...]]
"""Makes a change to the row at its place with the values that have rules, which it writes by a recorder.

Returns the id of the row it changed, or its key where that is several ids. Raises Refusal or Refused. What it says of
itself is what clients read of the mutation.
"""


@dataclass(frozen=True)
class Change(Lead):
    """What a mutation leads to: where it is made and by whom, the rules of its input, and what it does.

    `together` finds faults that lie in several values at once, as `checked` has it; `in_turn` is that of
    Database.write, for what locks what all of its kind lock. `ahead` does some of what would keep others waiting, and
    returns whether there is more: each time in a transaction of its own, before that of the change.
    """

    work: Work
    place: Place
    rules: Mapping[str, Rule]
    together: Callable[[Given], Mapping[str, str]] | None
    in_turn: bool
    ahead: Callable[[Recorder, FoundRow], bool] | None = None

    def checked(self, given: Given) -> Given:
        """Return the values of an input that are written, by column. Raises Refused with every fault at once."""
        return checked(given, self.rules, self.together)

    def __call__(self, recorder: Recorder, viewer: Viewer, given: Given, values: Given) -> str | tuple[str, ...]:
        """Make the change that an input asks for, whose values were checked, and write it down.

        Raises Refusal or Refused.
        """
        row = self.place.find(recorder, viewer, given)
        if (expected := given.get("expected_version")) is not None:
            _expect_version(row, expected)
        subject = self.work(recorder, viewer, row, values)
        recorder.close()
        return subject

    def prepare(self, recorder: Recorder, viewer: Viewer, given: Given) -> bool:
        """Do some of it ahead; return whether there is more. What refuses the change is told by the change itself."""
        if self.ahead is None:
            return False
        try:
            is_more = self.ahead(recorder, self.place.find(recorder, viewer, given))
        except (Refusal, Refused):
            return False
        recorder.close()
        return is_more


def change(
    place: Place,
    rules: Mapping[str, Rule] = MappingProxyType({}),
    *,
    together: Callable[[Given], Mapping[str, str]] | None = None,
    in_turn: bool = False,
    ahead: Callable[[Recorder, FoundRow], bool] | None = None,
) -> Callable[[Work], Change]:
    """Return a decorator that makes a change of what it does."""
    return lambda work: Change(work, place, rules, together, in_turn, ahead)


async def make(
    change: Change, database: Database, viewer: Viewer, payload: Payload, variables: VariableValues, room: int
) -> tuple[dict[str, Any], bool]:
    """Make a change for a mutation, in a transaction of its own.

    Return the mutation's payload by response name, and whether the change was made or refused. Raises AnswerTooLarge,
    and nothing is changed, when what the payload says of rows has more than `room` bytes; DeadlineExceeded when it
    takes longer than LONGEST; and what Database.write does.
    """
    given = payload.given(variables)
    try:
        # Before the transaction, in which others wait.
        values = change.checked(given)
    except Refused as refused:
        return payload.refused(refused.refusals), False
    answers = _Answers(database, viewer, variables, room)
    request_id = given.get("request_id")

    def recording(transaction: Transaction) -> Recorder:
        return Recorder(transaction, viewer.id, viewer.subject, request_id, trash_days=database.trash_days)

    def carry_out(transaction: Transaction) -> tuple[dict[str, Any], bool]:
        begun = perf_counter()
        recorder = recording(transaction)
        try:
            made, replayed = _made_once(change, recorder, viewer, payload.mutation, given, values)
            rows: Rows = {}
            if not replayed or (made.case_id is not None and ownership.may_see(transaction, viewer, made.case_id)):
                rows = answers.read(transaction, (payload.changed, made.subject), (payload.noted, made.change))
            certificate = None
            if payload.certifies and made.change is not None:
                certificate = orjson.Fragment(removal.certificate(transaction, made.change))
            answer = payload.done(made.subject, rows, replayed=replayed, certificate=certificate)
            if perf_counter() - begun > ownership.AT_ONCE_SECONDS:
                transaction.check()
        except Refused as refused:
            raise _Declined(payload.refused(refused.refusals)) from None
        except Conflict as conflict:
            current = answers.read(transaction, (payload.current, conflict.current_id))
            raise _Declined(payload.refused([conflict], current)) from None
        except StateError as refused:
            answer = payload.refused([refused])
            if refused.row is None:
                raise _Declined(answer) from None
            subject, row = refused.row
            recorder.refuse(subject, row, payload.mutation, refused.state)
            recorder.close()
            return answer, False
        except Refusal as refusal:
            raise _Declined(payload.refused([refusal])) from None
        if perf_counter() - begun > LONGEST:
            raise DeadlineExceeded(LONGEST)
        return answer, True

    def prepare(transaction: Transaction) -> bool:
        if request_id is not None and not is_new(transaction, viewer.id, request_id):
            return False
        return change.prepare(recording(transaction), viewer, given)

    try:
        place = change.place.case_alone(given)
        while change.ahead is not None and await database.write(prepare, viewer.id, place=place):
            pass
        return await database.write(carry_out, viewer.id, in_turn=change.in_turn, place=place)
    except _Declined as declined:
        return declined.answer, False
    except PassedLimit as passed:
        raise answers.placed(passed) from None


@dataclass
class _Answers:
    """Reads what a payload says of rows, which may have so many bytes in all."""

    database: Database
    viewer: Viewer
    variables: VariableValues
    room: int
    _reading: Plan | None = None

    def read(self, transaction: Transaction, *parts: tuple[Mapping[str, Plan], str | tuple[str, ...] | None]) -> Rows:
        """Return what plans read of subjects, where there are some, by response name."""
        rows: dict[str, orjson.Fragment] = {}
        left = self.room
        for plans, subject in parts:
            for name, plan in plans.items() if subject is not None else ():
                values = plan.values(self.variables, self.viewer, now(), self.database.bind, subject)
                self._reading = plan
                (text,) = transaction.read(plan.statement, values, left)
                rows[name] = orjson.Fragment(text or b"null")
                left -= len(text or b"")
        return rows

    def placed(self, passed: PassedLimit) -> RequestRefused:
        """Return the refusal by a limit that was passed, with the field that was being read."""
        return passed if self._reading is None else self._reading.placed(passed)


def _made_once(
    change: Change, recorder: Recorder, viewer: Viewer, mutation: str, given: Given, values: Given
) -> tuple[Made, bool]:
    """Make a change, unless the same request of the viewer's made it before; return what came of it, and whether."""
    request_id = given.get("request_id")
    asked = None
    if request_id is not None:
        asked = Asked(recorder.transaction, viewer.id, request_id, mutation, given)
        if (before := asked.made()) is not None:
            return before, True
    try:
        subject = change(recorder, viewer, given, values)
    except StateError:
        if asked is not None:
            asked.forget()
        raise
    made = Made(subject, recorder.case_id, recorder.change)
    if asked is not None:
        asked.keep(made)
    return made, False


def _expect_version(row: FoundRow, expected: int) -> None:
    """Refuse the change when the client saw another version of the row. Raises Conflict."""
    if expected != row.version:
        raise Conflict(
            f"version {expected} was expected, but the present one is {row.version}",
            ("input", "expectedVersion"),
            row.version,
            row.id,
        )


class _Declined(Exception):  # noqa: N818 - it carries an answer out of a transaction that must not commit
    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__()
        self.answer = answer
