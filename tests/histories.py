"""Honest histories: changes at random, made through the API by several users."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from tests.server import Client, Server

ODD = [
    "É e\u0301 ß Straße",
    "\u0130 \u0131 \u01c5 \ufb01",
    'a "quote" \\ back',
    "line\nbreak\ttab",
    "\x1fapart\x1f",
    "\U0001d518 \U0001f600 \U0010ffff",
    "x" * 200,
    "0",
]
_ERRORS = "errors { message path }"


@dataclass
class _Held:
    """A case, and what is in it, as far as it is there."""

    id: str
    owner: Client
    events: dict[str, list[str]] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)


class History:
    """Makes changes one after the other, of which some are refused and some change nothing."""

    def __init__(self, server: Server, seed: int, users: int = 3) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be had again
        self.users = [server.client() for _ in range(users)]
        self._cases: list[_Held] = []
        self.deleted: list[str] = []

    def go_on(self, changes: int) -> None:
        """Make some changes more."""
        for _ in range(changes):
            if len(self._cases) < 2:
                self._create_case()
            else:
                steps = [self._create_case, self._update_case, self._set_role, self._remove_member, self._accept]
                steps += 3 * [self._set_role, self._update_case]
                steps += 4 * [self._create_event, self._create_batch, self._update_event, self._update_batch]
                steps += [self._delete_event, self._delete_batch]
                self._random.choice(steps)()
        if len(self._cases) > 3:
            held = self._cases.pop(self._random.randrange(len(self._cases)))
            self._change(held.owner, "deleteCase", id=held.id)
            self.deleted.append(held.id)

    def _change(self, client: Client, name: str, selection: str = "", **given: Any) -> dict[str, Any]:
        return client.change(name, f"{selection} {_ERRORS}", **given)

    def _text(self) -> str:
        return self._random.choice(ODD) if self._random.random() < 0.5 else f"text {self._random.randrange(9)}"

    def _some(self, **choices: Any) -> dict[str, Any]:
        """Return some of the choices."""
        return {name: value for name, value in choices.items() if self._random.random() < 0.5}

    def _description(self) -> str | None:
        return self._random.choice([None, "", self._text(), self._text() * 100])

    def _held(self) -> _Held:
        return self._random.choice(self._cases)

    def _create_case(self) -> None:
        if len(self._cases) == 4:
            return
        owner = self._random.choice(self.users)
        given = self._some(description=self._description(), reference=self._text(), status="ACTIVE")
        self._cases.append(_Held(owner.create_case(title=self._text(), **given), owner))

    def _update_case(self) -> None:
        held = self._held()
        status = self._random.choice(["OPEN", "ACTIVE"])
        given = self._some(title=self._text(), description=self._description(), reference=None, status=status)
        # Who has yet to take the case up does so by this; and others may not.
        self._change(self._random.choice(self.users), "updateCase", id=held.id, **given)

    def _event_values(self) -> dict[str, Any]:
        return self._some(
            title=self._text(),
            description=self._description(),
            occurredAt=f"20{self._random.randrange(10, 30)}-01-01T00:00:00.{self._random.randrange(10**6):06}Z",
            occurredUntil=self._random.choice([None, "2031-05-05T12:00:00+02:00"]),
            type=self._random.choice(["FINDING", "ACTION", "NOTE"]),
            sortOrder=self._random.choice([-(2**31), 0, 7, 2**31 - 1]),
        )

    def _create_event(self) -> None:
        held = self._held()
        held.events[held.owner.create_event(held.id, **self._event_values())] = []

    def _update_event(self) -> None:
        held = self._held()
        for event in list(held.events)[:1]:
            self._change(held.owner, "updateEvent", caseId=held.id, id=event, **self._event_values())

    def _delete_event(self) -> None:
        held = self._held()
        if len(held.events) > 1:
            event, _ = held.events.popitem()
            self._change(held.owner, "deleteEvent", caseId=held.id, id=event)

    def _batch_values(self) -> dict[str, Any]:
        return self._some(
            label=self._text(),
            description=self._description(),
            fileCount=self._random.randrange(10**6),
            fileTypes=self._random.choice([None, "pdf", "évtx"]),
            sortOrder=self._random.randrange(5),
        )

    def _create_batch(self) -> None:
        held = self._held()
        for event, batches in list(held.events.items())[-2:]:
            batches.append(held.owner.create_batch(held.id, event, **self._batch_values()))

    def _a_batch(self) -> tuple[_Held, str, str] | None:
        held = self._held()
        found = [(held, event, batch) for event, batches in held.events.items() for batch in batches]
        return self._random.choice(found) if found else None

    def _update_batch(self) -> None:
        if found := self._a_batch():
            held, event, batch = found
            values = self._batch_values()
            self._change(held.owner, "updateFileBatch", caseId=held.id, eventId=event, id=batch, **values)

    def _delete_batch(self) -> None:
        if found := self._a_batch():
            held, event, batch = found
            held.events[event].remove(batch)
            self._change(held.owner, "deleteFileBatch", caseId=held.id, eventId=event, id=batch)

    def _others(self, held: _Held) -> list[str]:
        return [each.subject for each in self.users if each is not held.owner]

    def _set_role(self) -> None:
        held = self._held()
        subject = self._random.choice([*self._others(held), "nobody yet", "zoë"])
        role = self._random.choice(["OWNER", "EDITOR", "CONTRIBUTOR", "VIEWER"])
        ends = self._some(expiresAt=self._random.choice([None, "2099-12-31T00:00:00Z"]))
        self._change(held.owner, "setCaseMember", caseId=held.id, subject=subject, role=role, **ends)

    def _remove_member(self) -> None:
        held = self._held()
        subject = self._random.choice([*self._others(held), "nobody yet"])
        self._change(held.owner, "removeCaseMember", caseId=held.id, subject=subject)

    def _accept(self) -> None:
        held = self._held()
        self._change(self._random.choice(self.users), "acceptCase", id=held.id)
