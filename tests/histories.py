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
_ERASABLE = ["title", "description", "reference", "label", "fileTypes", "tags", "text", "reason"]
_SAYING = """query ($id: ID!) { case(id: $id) {
    history(first: 100, where: { kinds: [CREATED, UPDATED, SEALED, HELD] }) { nodes { seq } } } }"""


@dataclass
class _Held:
    """A case, and what is in it, as far as it is there."""

    id: str
    owner: Client
    events: dict[str, list[str]] = field(default_factory=dict)
    # What was deleted: an event, None, and its batches; or a batch, its event, and none.
    trash: list[tuple[str, str | None, list[str]]] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)  # with those that are gone


class History:
    """Makes changes one after the other, of which some are refused and some change nothing."""

    def __init__(self, server: Server, seed: int, users: int = 3) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be had again
        self.users = [server.client() for _ in range(users)]
        self._admin = server.client(roles=("admin",))
        self._cases: list[_Held] = []
        self._gone: list[_Held] = []
        self.purged: list[str] = []

    @property
    def deleted(self) -> list[str]:
        """The cases that are deleted, and can be restored."""
        return [held.id for held in self._gone]

    def go_on(self, changes: int) -> None:
        """Make some changes more."""
        for _ in range(changes):
            if len(self._cases) < 2:
                self._create_case()
            else:
                steps = [self._create_case, self._update_case, self._set_role, self._remove_member, self._accept]
                steps += 2 * [self._create_case]
                steps += 3 * [self._set_role, self._update_case]
                steps += 4 * [self._create_event, self._create_batch, self._update_event, self._update_batch]
                steps += 3 * [self._delete_event, self._delete_batch, self._release]
                steps += 2 * [self._restore, self._purge, self._restore_case]
                steps += [self._close, self._seal, self._retain, self._hold, self._erase]
                steps += 3 * [self._tag, self._comment] + [self._comment_again, self._delete_comment]
                self._random.choice(steps)()
        if len(self._cases) > 3:
            held = self._held()
            for hold in held.holds:
                assert self._is_made(self._admin, "releaseHold", caseId=held.id, id=hold, reason="over")
            held.holds = []
            assert self._delete_case(held)

    def forget(self, case_id: str) -> None:
        """Called when what was told of a case as it was is told no longer: something was purged or erased."""

    def _is_made(self, client: Client, name: str, /, **given: Any) -> bool:
        return not self._change(client, name, **given)["errors"]

    def _change(self, client: Client, name: str, selection: str = "", /, **given: Any) -> dict[str, Any]:
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
            source=self._random.choice([None, self._text()]),
            timeKind=self._random.choice([None, "Creation time"]),
            utcOffset=self._random.choice([None, "+00:00", "-03:30"]),
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
            event = [*held.events][-1]
            if self._is_made(held.owner, "deleteEvent", caseId=held.id, id=event):
                held.trash.append((event, None, held.events.pop(event)))

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
            if self._is_made(held.owner, "deleteFileBatch", caseId=held.id, eventId=event, id=batch):
                held.events[event].remove(batch)
                held.trash.append((batch, event, []))

    # What may be of a row, and goes with it. Some of it is refused: it isn't there any longer, or not yet again.

    def _rows(self, held: _Held) -> list[str]:
        return [held.id, *held.events, *(batch for batches in held.events.values() for batch in batches)]

    def _tag(self) -> None:
        held = self._held()
        rows = self._rows(held)
        ids = self._random.sample(rows, min(len(rows), self._random.choice([1, 2, 15])))
        tags = self._random.sample(["One", "ONE", "two", "É", "e\u0301", 'say "hi" \\', "\U0001f600"], 2)
        name = self._random.choice(["addTags", "addTags", "removeTags"])
        self._change(held.owner, name, caseId=held.id, ids=ids, tags=tags)

    def _comment(self) -> None:
        held = self._held()
        for on in self._random.sample(self._rows(held)[-6:], 1):
            given = {"caseId": held.id, "on": on, "text": self._text()}
            payload = self._change(held.owner, "addComment", "comment { id }", **given)
            held.comments += [payload["comment"]["id"]] if payload["errors"] == [] else []

    def _comment_again(self) -> None:
        held = self._held()
        for comment in held.comments[-5:]:
            client = self._random.choice([held.owner, self._admin])
            self._change(client, "updateComment", caseId=held.id, id=comment, text=self._text())

    def _delete_comment(self) -> None:
        held = self._held()
        for comment in self._random.sample(held.comments, min(3, len(held.comments))):
            self._change(held.owner, "deleteComment", caseId=held.id, id=comment)
            if self._random.random() < 0.5:
                self._change(held.owner, "restore", caseId=held.id, id=comment)
            elif self._random.random() < 0.2:
                self._is_purged(held.id, comment)

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

    # What is kept, and what becomes of what was deleted.

    def _changes_that_are_refused(self, held: _Held) -> None:
        """Try to change what may not be changed, and go on with what may."""
        title = self._text()
        assert not self._is_made(held.owner, "updateCase", id=held.id, title=f"{title} {self._random.random()}")
        for step in self._random.sample([self._set_role, self._remove_member, self._hold, self._retain], 2):
            step()

    def _close(self) -> None:
        held = self._held()
        assert self._is_made(held.owner, "updateCase", id=held.id, status="CLOSED")
        self._changes_that_are_refused(held)
        assert self._is_made(held.owner, "updateCase", id=held.id, status=self._random.choice(["OPEN", "ACTIVE"]))

    def _seal(self) -> None:
        held = self._held()
        assert self._is_made(held.owner, "sealCase", id=held.id, reason=self._text())
        self._changes_that_are_refused(held)
        assert self._is_made(held.owner, "unsealCase", id=held.id, reason=self._text())

    def _retain(self) -> None:
        held, years = self._held(), self._random.choice([2020, 2021])  # which keep nothing any longer
        until = self._random.choice([None, f"{years}-01-01T00:00:00Z"])
        self._change(self._admin, "retainCase", id=held.id, retainUntil=until, reason=self._text())

    def _hold(self) -> None:
        held = self._held()
        if not held.holds:
            given = {"name": self._text(), "reason": self._text(), **self._some(reference=self._text())}
            client = self._random.choice([held.owner, self._admin])
            payload = self._change(client, "placeHold", "hold { id }", caseId=held.id, **given)
            held.holds += [payload["hold"]["id"]] if payload["errors"] == [] else []

    def _release(self) -> None:
        held = self._held()
        for hold in [*held.holds]:
            # An owner doesn't release what an administrator has placed.
            client = self._random.choice([held.owner, self._admin, self._admin])
            if self._is_made(client, "releaseHold", caseId=held.id, id=hold, reason=self._text()):
                held.holds.remove(hold)

    def _restore(self) -> None:
        held = self._held()
        if held.trash:
            row, event, batches = found = self._random.choice(held.trash)
            if self._is_made(held.owner, "restore", caseId=held.id, id=row):
                held.trash.remove(found)
                if event is None:
                    held.events[row] = batches
                else:
                    held.events[event].append(row)

    def _delete_case(self, held: _Held) -> bool:
        if not self._is_made(held.owner, "deleteCase", id=held.id):
            return False
        self._cases.remove(held)
        self._gone.append(held)
        return True

    def _restore_case(self) -> None:
        """Restore a case that was deleted just now, or long ago."""
        if self._random.random() < 0.5:
            held = self._held()
            is_gone = self._delete_case(held)
        else:
            held = self._random.choice(self._gone or self._cases)
            is_gone = len(self._gone) > 1 and len(self._cases) < 4
        if is_gone:
            assert self._is_made(held.owner, "restore", caseId=held.id, id=held.id)
            self._gone.remove(held)
            self._cases.append(held)

    def _purge(self) -> None:
        if len(self._gone) > 1 and self._random.random() < 0.5:
            held = self._random.choice(self._gone)
            if self._is_purged(held.id, held.id):
                self._gone.remove(held)
                self.purged.append(held.id)
            return
        held = self._held()
        if held.trash:
            row, _, _ = self._random.choice(held.trash)
            if self._is_purged(held.id, row):
                held.trash = [each for each in held.trash if row not in each[:2]]

    def _is_purged(self, case: str, row: str) -> bool:
        given = {"caseId": case, "id": row, "reason": self._text()}
        preview = self._change(self._admin, "purge", "preview", **given)["preview"]
        confirm = None if preview is None else preview["confirm"]
        is_purged = confirm is not None and self._is_made(self._admin, "purge", confirm=confirm, **given)
        if is_purged:
            self.forget(case)
        return is_purged

    def _erase(self) -> None:
        held = self._held()
        changes = held.owner.run(_SAYING, id=held.id)["case"]["history"]["nodes"]
        for _ in range(3):  # some are about what was deleted, or say what is still so
            seqs = [self._random.choice(changes)["seq"] for _ in range(self._random.choice([1, 2]))]
            fields = self._random.choice([_ERASABLE, self._random.sample(_ERASABLE, 2)])
            if self._is_made(held.owner, "erase", caseId=held.id, seqs=seqs, fields=fields, reason=self._text()):
                self.forget(held.id)
