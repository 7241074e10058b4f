"""What `dossier collect` tells while it is at work and at its end."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from app.commands.plans import Choice
from app.commands.recording import BrokenOffError
from app.commands.streams import Progress
from tests import between as troubles
from tests.between import Exchange, between
from tests.collecting import collect
from tests.commands import DOSSIER
from tests.server import Client, Server
from tests.test_collect import bearer, only_case, run

pytestmark = pytest.mark.slow


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with 207 files of 1,000 bytes on two days, in two batches."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(207):
        (folder / f"{number}.txt").write_bytes(b"%03d\n" % number * 250)
        os.utime(folder / f"{number}.txt", ns=(0, number % 2 * 86_400 * 10**9))
    return folder


def interrupted(exchange: Exchange) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    troubles.passed_on(exchange)


def test_the_command_that_goes_on_asks_the_same_server(server: Server, alice: Client, tree: Path) -> None:
    with between(server.url) as way:
        way.troubles[4] = interrupted
        with pytest.raises(BrokenOffError) as broken:
            collect(tree, "T", way.url, bearer(alice))
        case = only_case(alice)
        told = re.search("go on with '(.*?)'", str(broken.value))
        assert told is not None
        assert told[1] == f"dossier collect {tree} --url {way.url} --case {case['number']}"
        assert f"Go on with '{told[1]}'." in case["description"]
        way.troubles.clear()
        before = len(way.requests)
        there = replace(server, url=way.url.removesuffix("/graphql"))
        done = run(there, alice, [DOSSIER, *shlex.split(told[1])[1:]])
        assert done.returncode == 0
        assert len(way.requests) > before
    assert only_case(alice)["status"] == "ACTIVE"


def test_a_case_says_from_its_beginning_which_server_to_go_on_at(server: Server, alice: Client, tree: Path) -> None:
    said = []

    def looked_at(exchange: Exchange) -> None:
        said.append(only_case(alice)["description"])
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.troubles[3] = looked_at
        assert collect(tree, "T", way.url, bearer(alice)).is_whole
        words = f"go on with 'dossier collect --url {way.url}' of that folder, and --case with the number of this case."
    assert words in said[0]


def test_an_app_that_is_not_served_is_not_pointed_to(server: Server, alice: Client, tree: Path) -> None:
    with between(server.url) as way:
        way.has_pages = False
        done = collect(tree, "What lies there", way.url, bearer(alice))
        case = only_case(alice)
        assert done.lines[-1] == (
            f"See case {case['number']}, 'What lies there', as {alice.subject}, by any client of {way.url}, as "
            f'{{ search(text: "#{case["number"]}", first: 1) {{ nodes {{ case {{ id title description }} }} }} }}; '
            "this server has no app."
        )
        way.requests.clear()
        way.troubles[3] = interrupted
        with pytest.raises(BrokenOffError, match=r", or delete it$"):
            collect(tree, "T", way.url, bearer(alice))
        assert [path for path, _ in way.looks] == ["/app/"] * 2, "one look each"
        assert not any("Authorization" in headers for _, headers in way.looks)
        way.has_pages = True
        done = collect(tree, "T", way.url, bearer(alice))
        assert re.fullmatch(rf"See {way.url.removesuffix('/graphql')}/app/#/cases/[0-9a-f-]+, as .*\.", done.lines[-1])


def test_hashing_is_told_by_files_and_bytes_to_its_end(
    server: Server, alice: Client, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.commands.streams._PAUSE", 0)
    terminal = io.StringIO()
    collect(tree, "T", f"{server.url}/graphql", bearer(alice), choice=Choice(hashed=True), progress=Progress(terminal))
    lines = [line for line in terminal.getvalue().split("\r\x1b[K") if line]
    assert lines[:207] == [f"found {number} file{'s' * (number > 1)}" for number in range(1, 208)]
    assert lines[207:209] == ["recorded 100 % of 2 events", "recorded 100 % of 2 file batches"]
    assert lines[209:] == [
        f"hashed {number} of 207 files, {number * 100 // 207} % of 207,000 bytes" for number in range(1, 208)
    ]
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_folder_of_many_files_is_told_in_few_lines(server: Server, alice: Client, tree: Path) -> None:
    terminal = io.StringIO()
    collect(tree, "T", f"{server.url}/graphql", bearer(alice), progress=Progress(terminal))
    assert terminal.getvalue().count("\r") < 40
