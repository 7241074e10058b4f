"""How far a command is, as a terminal shows it."""

from __future__ import annotations

import io

from app.commands.streams import Progress


def test_a_line_stands_in_place_of_the_one_before_and_is_taken_away() -> None:
    terminal = io.StringIO()
    with Progress(terminal) as progress:
        progress.tell("found", 1)
        progress.clear()
        progress.tell("hashed", 1_200, 9_600)
        progress.clear()
        progress.clear()
        progress.tell("read", 1, 0, lambda size: f"{size} bytes")
    lines = ["", "found 1 file", "", "hashed 12 % of 9,600 files", "", "read 100 % of 0 bytes", ""]
    assert terminal.getvalue() == "\r\x1b[K".join(lines)


def test_many_are_told_in_few_lines() -> None:
    terminal = io.StringIO()
    with Progress(terminal) as progress:
        for done in range(10_000):
            progress.tell("found", done)
    assert 2 <= terminal.getvalue().count("\r") < 20


def test_nobody_is_told_where_there_is_no_terminal() -> None:
    with Progress() as progress:
        progress.tell("found", 1, amount=lambda _: "never asked for" + str(1 // 0))
