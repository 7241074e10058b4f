"""Sharing by users: whatever they do, nobody has more than their share, and whoever has the least is the next."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import shares
from app.shares import Line, Shares, Turns

USERS = st.sampled_from("abcd")
STEPS = st.lists(st.tuples(st.sampled_from(["ask", "ask", "end", "leave"]), USERS), max_size=60)


class Crowd:
    """Users who ask for places, hold them and leave."""

    def __init__(self, share: int) -> None:
        self.shares = Shares(share)
        self.share = share
        self.asking: list[tuple[str, asyncio.Task[None]]] = []
        self.holding: Counter[str] = Counter()
        self.granted: list[str] = []

    async def do(self, step: str, user: str) -> None:
        """Take a step, as far as it can be taken, and see what comes of it."""
        own = [task for who, task in self.asking if who == user]
        expected: list[str] | None = None
        match step:
            case "ask":
                self.asking.append((user, asyncio.create_task(self._ask(user))))
            case "end" if self.holding[user]:
                self.holding[user] -= 1
                expected = self._expected()
                self.shares.give_back(user)
            case "leave" if own:
                own[0].cancel()
        self.granted.clear()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if expected is not None:
            assert self.granted == expected
        self.asking = [(who, task) for who, task in self.asking if not task.done()]
        self._check()

    async def _ask(self, user: str) -> None:
        await self.shares.take(user)
        self.holding[user] += 1
        self.granted.append(user)

    def _expected(self) -> list[str]:
        """Return who gets the next place, if there is one for somebody."""
        waiting = {who: self.holding[who] for who, _ in self.asking if self.holding[who] < self.share}
        fewest = [who for who, held in waiting.items() if held == min(waiting.values())]
        # Among equals it is whoever's turn it is, which the line says.
        return [str(who) for who in self.shares._line if who in fewest][:1]  # noqa: SLF001

    def _check(self) -> None:
        assert self.holding.total() <= self.shares.places == self.share + 1
        assert all(held <= self.share for held in self.holding.values())
        if self.holding.total() < self.shares.places:
            assert all(self.holding[who] == self.share for who, _ in self.asking)


@given(st.integers(1, 3), STEPS)
def test_nobody_has_more_than_a_share_and_no_place_is_free_while_somebody_may_have_it(
    share: int, steps: list[tuple[str, str]]
) -> None:
    async def run() -> None:
        crowd = Crowd(share)
        for step, user in steps:
            await crowd.do(step, user)
        for user in "abcd":
            while crowd.holding[user] or any(who == user for who, _ in crowd.asking):
                await crowd.do("leave", user)
                await crowd.do("end", user)
        # All places are there again: as many users as there are places find one each at once.
        for number in range(crowd.shares.places):
            await asyncio.wait_for(crowd.shares.take(number), 1)

    asyncio.run(run())


@given(st.lists(USERS, max_size=40), st.data())
def test_in_a_line_users_take_turns_and_each_users_own_keep_their_order(asking: list[str], data: st.DataObject) -> None:
    line: Line[int] = Line()
    left: dict[str, list[int]] = {}
    for number, user in enumerate(asking):
        line.add(user, number)
        left.setdefault(user, []).append(number)
    dropped = data.draw(st.sets(st.integers(0, len(asking))))
    for number in dropped & {*range(len(asking))}:
        line.drop(asking[number], number)
        left[asking[number]].remove(number)
    taken = []
    while line:
        taken.append(line.take_next())
    for user, own in left.items():
        assert [one for who, one in taken if who == user] == own
        # Between two of a user's own everybody else who still waits has exactly one turn.
        places = [place for place, (who, _) in enumerate(taken) if who == user]
        for before, after in itertools.pairwise(places):
            between = [str(who) for who, _ in taken[before + 1 : after]]
            assert len(between) == len({*between})


def order_of(asking: list[str], work: Callable[[], None]) -> list[str]:
    """Return in which order users who come at the same moment get their turns, each for some work."""
    done: list[str] = []

    async def run() -> None:
        turns = Turns()

        async def one(user: str) -> None:
            await turns.take(user, 0)
            work()
            done.append(user)

        calls: list[Coroutine[Any, Any, None]] = [one(user) for user in asking]
        await asyncio.gather(*calls)

    asyncio.run(run())
    return done


def test_a_users_first_turn_in_the_event_loop_comes_before_anothers_third(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_ROUND_SECONDS", 0.0)
    assert order_of([*"aaaaaab"], lambda: None) == [*"abaaaaa"]
    assert order_of([*"aaabbbc"], lambda: None) == [*"abcabab"]


def test_without_much_work_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_ROUND_SECONDS", 1e9)
    assert order_of([*"aaaaaab"], lambda: None) == [*"aaaaaab"]


def test_whoever_leaves_the_line_for_a_turn_keeps_nobody_from_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_ROUND_SECONDS", 0.0)

    async def run() -> None:
        turns = Turns()
        tasks = [asyncio.create_task(turns.take(user, 0)) for user in "aaabb"]
        await asyncio.sleep(0)
        for task in tasks[1:4]:
            task.cancel()
        await asyncio.wait_for(tasks[4], 1)
        await asyncio.wait_for(turns.take("c", 0), 1)

    asyncio.run(run())


def test_whoever_comes_meanwhile_waits_for_one_large_body_and_not_for_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_ROUND_SECONDS", 0.0)
    done: list[str] = []

    async def run() -> None:
        turns, begun = Turns(), asyncio.Event()

        async def one(user: str, size: int) -> None:
            await turns.take(user, size)
            done.append(user)
            begun.set()

        large = [asyncio.create_task(one("a", 64_000)) for _ in range(8)]
        await begun.wait()
        small = [asyncio.create_task(one(user, 100)) for user in "bcd"]
        await asyncio.gather(*large, *small)

    asyncio.run(run())
    # One more and one more of those who had their turn already; of those who came later all three in one round.
    assert "".join(done) == "aaaabcdaaaa"
