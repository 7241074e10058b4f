"""`dossier collect`: exact for any tree, and interrupted at any moment."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.commands import cli
from app.commands.folders import Walk
from app.commands.plans import Choice
from app.commands.recording import BrokenOffError, Collected
from app.errors import DossierError
from app.evidence.entries import escaped, printed
from app.values import visible
from tests import between as troubles
from tests.between import Between, Exchange, Trouble, between
from tests.collecting import collect
from tests.commands import DOSSIER, PATIENCE, dossier, environment, serving
from tests.server import SECRET, Client, Server

pytestmark = pytest.mark.slow

NOBODY = 65534  # the user that Linux has for those who own nothing
_users = count(1)

CASES = "{ cases(first: 100, orderBy: [NUMBER_ASC]) { nodes { id number title status description } } }"
EVENTS = """
query ($id: ID!, $after: String) {
  case(id: $id) {
    events(first: 100, after: $after) {
      nodes { id type title description occurredAt timePrecision }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
BATCHES = """
query ($case: ID!, $id: ID!, $after: String) {
  event(caseId: $case, id: $id) {
    fileBatches(first: 100, after: $after) {
      nodes { label fileCount fileTypes description }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""


def bearer(client: Client) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def collected(server: Server, client: Client, folder: Path | str, **options: Any) -> Collected:
    return collect(folder, "T", f"{server.url}/graphql", bearer(client), **options)


def pages(client: Client, query: str, list_: Callable[[Any], Any], **variables: Any) -> Iterator[Any]:
    after = None
    while True:
        page = list_(client.run(query, after=after, **variables))
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def events_of(client: Client, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a case with all their batches."""
    events = list(pages(client, EVENTS, lambda data: data["case"]["events"], id=case["id"]))
    for event in events:
        found = pages(client, BATCHES, lambda data: data["event"]["fileBatches"], case=case["id"], id=event["id"])
        event["batches"] = list(found)
    return events


def only_case(client: Client) -> dict[str, Any]:
    (case,) = client.run(CASES)["cases"]["nodes"]
    found: dict[str, Any] = case
    return found


def run(server: Server, client: Client, command: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command that calls a server, to its end."""
    return subprocess.run(  # noqa: S603 - our own command
        [*command, "--url", f"{server.url}/graphql"],
        env=environment(DOSSIER_TOKEN=bearer(client)),
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
        **options,
    )


def main(server: Server, client: Client, *arguments: str | Path) -> int:
    """Run `dossier collect` in this process."""
    given = ["--case-title", "T", "--url", f"{server.url}/graphql", "--token", bearer(client)]
    return cli.main(["collect", *map(str, arguments), *given])


@pytest.fixture
def walking_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Walk as somebody who may not read what is closed; whoever may do everything may read it."""
    files = Walk.files

    def walk(self: Walk) -> Iterator[Any]:
        user = os.geteuid()
        os.seteuid(user or NOBODY)
        try:
            return iter(list(files(self)))
        finally:
            os.seteuid(user)

    monkeypatch.setattr(Walk, "files", walk)


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A folder with three files on two days, in three batches."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for day, name in enumerate(("a.txt", "b.pdf", "c.txt")):
        (folder / name).touch()
        os.utime(folder / name, ns=(0, (day // 2) * 86_400 * 10**9))
    return folder


# What lies there

NAMES = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            *(b"a.txt", b"A.TXT", b".bashrc", b"x.tar.gz", b"Dr. Smith notes", b"2026.03.01", b"syslog.1", b"a.x,y"),
            *(
                "Núñez".encode(),
                "Nu\u0301n\u0303ez".encode(),
                b"photo.jpeg ",
                b"caf\xe9",
                rb"caf\xe9",
                b"\\",
                b"two\nl",
            ),
            *(b"\x1b[2J.pdf", "x.\u202efdp".encode(), "\u3164.\u3164".encode(), b"x.7z", b"..."),
        ]
    ),
).filter(lambda name: name not in {b"", b".", b".."} and b"/" not in name and b"\0" not in name)
TIMES = st.one_of(
    st.integers(-(2**31), 2**34).map(lambda seconds: seconds * 10**9),
    st.integers(-(2**70), 2**70),
    st.sampled_from([-1, 0, 86_400 * 10**9 - 1, 86_400 * 10**9, -62_135_596_800 * 10**9, -62_135_596_801 * 10**9]),
    st.sampled_from([253_402_300_800 * 10**9 - 1, 253_402_300_800 * 10**9]),
)
ENTRIES = st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from("fffflps"), TIMES), max_size=12)


def planted(folder: bytes, entries: list[tuple[list[bytes], str, int]]) -> None:
    """Put entries into a folder, as far as they fit together."""
    for path, kind, modified in entries:
        place = folder
        with contextlib.suppress(OSError):  # a file where a folder should be, a name that is too long
            for name in path[:-1]:
                place = os.path.join(place, name)  # noqa: PTH118 - bytes
                if not os.path.isdir(place):  # noqa: PTH112 - bytes
                    os.mkdir(place)  # noqa: PTH102 - bytes
            target = os.path.join(place, path[-1])  # noqa: PTH118 - bytes
            if os.path.lexists(target):
                continue
            if kind == "l":
                os.symlink(b"..", target)  # noqa: PTH211 - bytes
            elif kind == "p":
                os.mkfifo(target)
            elif kind == "s":
                os.mknod(target, 0o140600)
            else:
                os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL))
                with contextlib.suppress(OverflowError):
                    os.utime(target, ns=(0, modified))


def truth(folder: bytes) -> Counter[tuple[str | None, str, str | None]]:
    """Return what `find` says lies in a folder: a day or none, a place and a kind of file, for each file."""
    command = [b"/usr/bin/find", folder, b"-type", b"f", b"-printf", rb"%T@/%P\0"]
    output = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603 - a fixed command
    found: Counter[tuple[str | None, str, str | None]] = Counter()
    for line in output.split(b"\0")[:-1]:
        seconds, _, path = line.partition(b"/")
        days = Decimal(seconds.decode()) // 86_400
        if Decimal(seconds.decode()) < days * 86_400:
            days -= 1  # // cuts towards zero
        place, _, name = path.rpartition(b"/")
        try:
            day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=int(days))).date().isoformat()
        except OverflowError:
            day = None
        text = name.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
        match = re.search(r"[^.].*\.([^.]+)$", text, re.DOTALL)
        suffix = match[1].lower() if match else ""
        known = suffix.isalnum() and not suffix.isdigit() and len(suffix) < 20 and visible(suffix) == suffix
        shown = place.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
        root = folder.rpartition(b"/")[2].decode() + "/"
        found[day, shown or root, f".{suffix}" if known else None] += 1
    return found


# Times far away are kept by the file system in memory, and not by others.
@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])  # noqa: S108 - a folder of our own is made there
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=ENTRIES)
def test_every_file_is_counted_once_in_its_day_and_folder(
    server: Server, place: str, entries: list[tuple[list[bytes], str, int]]
) -> None:
    client = server.client(f"collector-{next(_users)}")
    with tempfile.TemporaryDirectory(dir=place if Path(place).is_dir() else None) as folder:
        planted(os.fsencode(folder), entries)
        there = truth(os.fsencode(folder))
        done = collected(server, client, folder)
    assert done.is_whole
    case = only_case(client)
    recorded: Counter[tuple[str | None, str, str | None]] = Counter()
    for event in events_of(client, case):
        assert event["type"] == "NOTE"
        if event["title"].endswith(" passed over"):
            continue
        day = event["occurredAt"][:10] if event["timePrecision"] == "DAY" else None
        assert day is not None or re.search("before the year 0001|after the year 9999", event["title"])
        for batch in event["batches"]:
            label = re.fullmatch(r"(.*) \((?:no suffix|\.\w+)\)", batch["label"], re.DOTALL)
            assert label is not None
            key = (day, label[1], batch["fileTypes"])
            recorded[key] += batch["fileCount"]
    assert recorded == there
    assert case["status"] == "ACTIVE"
    total = sum(there.values())
    assert case["description"].startswith(f"Collected from {folder}: {total} file{'' if total == 1 else 's'}, 0 bytes.")


def the_note(client: Client) -> tuple[str, list[str]]:
    """Return the title and the lines of the only event that names entries."""
    (event,) = (event for event in events_of(client, only_case(client)) if not event["batches"])
    assert event["type"] == "NOTE"
    return event["title"], event["description"].splitlines()


def test_what_is_no_file_is_counted_in_the_case(server: Server, alice: Client, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "one").write_bytes(b"1")
    (folder / "loop").symlink_to("..")
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "s"))
    done = collected(server, alice, folder)
    line = "Passed over: 1 FIFO, 2 links, 1 socket."
    assert done.lines[:2] == [f"Case {only_case(alice)['number']}: 1 file (1 byte) in 1 file batch on 1 event.", line]
    assert line in only_case(alice)["description"].splitlines()
    names = ["dangling: link", "loop: link", "pipe: FIFO", "s: socket"]
    assert the_note(alice) == ("4 entries passed over", names)


@pytest.mark.usefixtures("walking_as_nobody")
def test_what_cannot_be_read_stands_in_the_case(
    server: Server, alice: Client, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "evidence"
    names = (
        b"evil\x1b[2J\x1b]0;owned\x07d",
        b"two\nlines: 7 entries read",
        "\u202ertl".encode(),
        b"caf\xe9",
        b"x\xc2\x9b",
    )
    for name in names:
        (folder / os.fsdecode(name)).mkdir(parents=True)
        (folder / os.fsdecode(name) / "hidden.txt").touch()
        (folder / os.fsdecode(name)).chmod(0)
    (folder / "seen.txt").touch()
    code = main(server, alice, folder)
    output = capfd.readouterr()
    expected = [
        "5 entries could not be read:",
        r"  caf\xe9: Permission denied",
        r"  evil\u001b[2J\u001b]0;owned\u0007d: Permission denied",
        r"  two\u000alines: 7 entries read: Permission denied",
        r"  x\u009b: Permission denied",
        r"  \u202ertl: Permission denied",
    ]
    case = only_case(alice)
    assert (code, output.err) == (3, "")
    assert output.out.splitlines() == [
        f"Case {case['number']}: 1 file (0 bytes) in 1 file batch on 1 event.",
        *expected,
        f"See {server.url}/app/#/cases/{case['id']}, as {alice.subject}.",
    ]
    assert case["description"].splitlines()[1:] == expected
    assert the_note(alice) == ("5 entries could not be read", [line.strip() for line in expected[1:]])
    assert case["description"].startswith(f"Collected from {folder}: 1 file, 0 bytes.")


@pytest.mark.usefixtures("walking_as_nobody")
def test_a_long_list_of_what_cannot_be_read_stands_in_notes(server: Server, alice: Client, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    names = [f"{number:03} {'x' * 200}" for number in range(300)]
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name).chmod(0)
    done = collected(server, alice, folder)
    assert done.lines[-2] == "  and 280 more"
    case = only_case(alice)
    assert "300 entries could not be read:" in case["description"]
    assert case["description"].endswith("All of them are in notes.")
    notes = [event for event in events_of(alice, case) if "could not be read" in event["title"]]
    assert [note["title"] for note in notes] == [f"300 entries could not be read ({part} of 3)" for part in (1, 2, 3)]
    listed = "".join(note["description"] for note in notes)
    assert listed.splitlines() == [f"{name}: Permission denied" for name in names]


def dug(folder: Path, levels: int, long: int) -> None:
    """Make folders in each other, the first of them with long names; in each lie a file and a folder with one."""
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for level in range(levels):
        os.close(os.open(f"{level}.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        name = str(level % 10) * (203 if level < long else 2)
        for each in (name, "side"):
            os.mkdir(each, dir_fd=here)
        os.close(os.open("side/beside.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def remove(folder: Path) -> None:
    subprocess.run(["/bin/rm", "-rf", folder], check=True)  # noqa: S603 - Python's own goes by paths


def test_no_path_is_too_long(server: Server, alice: Client, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    dug(folder, 24, 24)
    command = ["/bin/sh", "-c", 'ulimit -n 24; exec "$0" "$@"', DOSSIER, "collect", folder, "--case-title", "T"]
    done = run(server, alice, command)
    remove(folder)
    assert (done.returncode, done.stderr) == (0, "")
    case = only_case(alice)
    assert done.stdout.startswith(f"Case {case['number']}: 48 files (0 bytes) in 20 file batches on 1 event.\n")
    (event,) = events_of(alice, case)
    assert sum(batch["fileCount"] for batch in event["batches"]) == 48
    assert Counter(len(batch["label"]) for batch in event["batches"]) == {200: 19, 17: 1}


def test_no_tree_is_too_deep(tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    dug(folder, 2_000, 30)
    used = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - numbers
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    walk = Walk(str(folder))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 12, limits[1]))
    try:
        files = Counter(name for _, name, _ in walk.files())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        remove(folder)
    assert files == Counter({b"beside.txt": 2_000} | {f"{level}.txt".encode(): 1 for level in range(2_000)})
    assert walk.unreadable == []


def test_a_tree_that_changes_while_it_is_walked_is_told_apart(tmp_path: Path) -> None:
    """Whatever is moved, replaced or removed: a file is yielded or named, and nothing outside is walked."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "alien").touch()
    for moment in range(2, 80, 3):
        folder = tmp_path / f"tree{moment}"
        place = folder
        for level in range(14):
            place = place / f"m{level}"
            place.mkdir(parents=True)
            (place / "z").mkdir()
            (place / "z" / f"late{level}").touch()
            (place / f"f{level}").touch()
        calls = count()

        def change(folder: Path = folder, calls: Iterator[int] = calls, moment: int = moment) -> None:
            if next(calls) == moment:
                (folder / "m0" / "m1" / "m2").rename(tmp_path / f"moved{moment}")
                (folder / "m0" / "m1" / "m2").symlink_to(outside)
                (folder / "m0" / "z" / "late0").unlink()
                (folder / "m0" / "z").rmdir()
                os.mkfifo(folder / "m0" / "z")

        walk = Walk(str(folder), check=change)
        files = [name for _, name, _ in walk.files()]
        assert len(files) == len(set(files))
        assert b"alien" not in files
        assert b"f0" in files
        assert b"f1" in files
        missing = {f"late{level}" for level in range(14)} - {os.fsdecode(name) for name in files}
        assert not missing or walk.unreadable or walk.passed_over


def test_other_file_systems_are_named_or_left_out() -> None:
    here = [each for each in Path("/dev").iterdir() if not each.is_symlink()]
    mounted = {each.name for each in here if each.is_dir() and each.is_mount()}
    walk = Walk("/dev")
    list(walk.files())
    assert mounted <= set(walk.entered)
    walk = Walk("/dev", one_file_system=True)
    list(walk.files())
    assert set(walk.left_out) >= mounted
    assert walk.entered == []
    assert walk.passed_over["device"] >= sum(each.is_char_device() or each.is_block_device() for each in here)


# How it is grouped


def grouped(
    folder: Path, client: Client, server: Server, **chosen: Any
) -> dict[str, dict[str, tuple[int, str | None]]]:
    """Return the batches of a collection, by the date of their event, or its title where that has none."""
    collected(server, client, folder, choice=Choice(**chosen))
    found = {}
    for event in events_of(client, only_case(client)):
        name = event["title"] if event["timePrecision"] == "EXACT" else event["occurredAt"][:10]
        found[name] = {each["label"]: (each["fileCount"], each["fileTypes"]) for each in event["batches"]}
    return found


def test_folders_with_few_files_go_into_their_parents(server: Server, alice: Client, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    for number in range(30):  # folders with 1 to 30 files
        place = folder / ("low" if number < 15 else "high") / f"{number:02}"
        place.mkdir(parents=True)
        for file in range(number + 1):
            (place / f"{file}.{'txt' if file else 'pdf'}").touch()
            os.utime(place / f"{file}.{'txt' if file else 'pdf'}", ns=(0, 0))
    (batches,) = grouped(folder, alice, server).values()
    assert len(batches) == 20
    kept = {f"high/{number} (all kinds)": (number + 1, ".txt, .pdf") for number in range(15, 30)}
    kept |= {f"low/{number} (all kinds)": (number + 1, ".txt, .pdf") for number in range(11, 15)}
    kept["low (all kinds)"] = (sum(range(1, 12)), ".txt, .pdf")
    assert batches == kept


def test_periods_and_depth_are_chosen(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    days = {"a/b/c/one.txt": 0, "a/b/two.txt": 30, "a/three.txt": 31, "four.txt": 10**7}
    for name, day in days.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        with contextlib.suppress(OSError):
            os.utime(folder / name, ns=(0, day * 86_400 * 10**9))
    os.utime(folder / "four.txt", ns=(0, 400 * 86_400 * 10**9))
    one = (1, ".txt")
    assert grouped(folder, server.client(), server, by="month") == {
        "1970-01-01": {"a/b/c (.txt)": one, "a/b (.txt)": one},
        "1970-02-01": {"a (.txt)": one},
        "1971-02-01": {"tree/ (.txt)": one},
    }
    assert grouped(folder, server.client(), server, by="none") == {
        "4 files last modified": {"a/b/c (.txt)": one, "a/b (.txt)": one, "a (.txt)": one, "tree/ (.txt)": one}
    }
    assert grouped(folder, server.client(), server, by="none", depth=1) == {
        "4 files last modified": {"a (.txt)": (3, ".txt"), "tree/ (.txt)": one}
    }
    assert grouped(folder, server.client(), server, by="none", depth=0) == {
        "4 files last modified": {"tree/ (.txt)": (4, ".txt")}
    }


def test_a_plan_needs_no_server_and_writes_nothing(small_tree: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (small_tree / "a.txt").write_bytes(b"x" * 2_000)
    os.utime(small_tree / "a.txt", ns=(0, 0))
    assert cli.main(["collect", str(small_tree), "--dry-run", "--url", "http://127.0.0.1:1/graphql"]) == 0
    output = capfd.readouterr()
    assert output.err == ""
    assert output.out.splitlines() == [
        "1970-01-01: 2 files last modified",
        "  tree/ (.pdf): 1 file (0 bytes)",
        "  tree/ (.txt): 1 file (2,000 bytes, 2.0 KiB)",
        "1970-01-02: 1 file last modified",
        "  tree/ (.txt): 1 file (0 bytes)",
        "To be recorded: 3 files (2,000 bytes, 2.0 KiB) in 3 file batches on 2 events.",
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give --case-title, or --case to go on with a case that is not complete"),
        (["--case", "1", "--by", "day"], "--case goes on as the case was begun; leave out "),
        (["--case", "1", "--hash"], "--case goes on as the case was begun; leave out "),
        (["--case", "1", "--depth", "0"], "--case goes on as the case was begun; leave out "),
        (["--case", "1", "--case-title", "T"], "not allowed with argument"),
        (["--case-title", "T", "--depth", "-1"], "expected a number of folders, from 0"),
        (["--case-title", "T", "--by", "year"], "invalid choice"),
    ],
)
def test_what_does_not_go_together_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], told: str
) -> None:
    code, said = complaint(monkeypatch, "collect", str(tmp_path), *arguments, "--token", "t")
    assert code == 2
    assert told in said


def test_options_that_a_case_was_begun_with_are_gone_on_with(server: Server, alice: Client, small_tree: Path) -> None:
    (small_tree / "below").mkdir()
    (small_tree / "below" / "d.txt").touch()
    os.utime(small_tree / "below" / "d.txt", ns=(0, 0))

    def interrupted(exchange: Exchange) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.troubles[3] = interrupted
        with pytest.raises(BrokenOffError):
            collect(small_tree, "T", way.url, bearer(alice), choice=Choice(by="month", depth=0))
    number = str(only_case(alice)["number"])
    id_ = only_case(alice)["id"]
    assert alice.change("updateCase", "errors { message }", id=id_, status="CLOSED")["errors"] == []
    going_on = f"'dossier collect {small_tree} --url {server.url}/graphql --case {number}'"
    told = f"; case {number} is incomplete: it has what it had before; go on with {going_on}"
    with pytest.raises(DossierError, match=rf"^the server refuses: the case is closed, .*{re.escape(told)}"):
        collect(small_tree, None, f"{server.url}/graphql", bearer(alice), case=number)
    assert alice.change("updateCase", "errors { message }", id=id_, status="OPEN")["errors"] == []
    done = run(server, alice, [DOSSIER, "collect", small_tree, "--case", number])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Case {number}: 4 files (0 bytes) in 2 file batches on 1 event.\n")
    (event,) = events_of(alice, only_case(alice))
    assert (event["occurredAt"], event["timePrecision"]) == ("1970-01-01T00:00:00.000000Z", "MONTH")
    assert {each["label"]: each["fileCount"] for each in event["batches"]} == {"tree/ (.txt)": 3, "tree/ (.pdf)": 1}
    assert only_case(alice)["description"].startswith("Collected from ")


# What goes wrong


def the_case_is_told_as_it_is(client: Client, total: int, *, told: str = "") -> None:
    """No case claims what it doesn't hold, and whatever was said about how much there is, is so."""
    for case in client.run(CASES)["cases"]["nodes"]:
        there = sum(batch["fileCount"] for event in events_of(client, case) for batch in event["batches"])
        assert there <= total, "nothing is recorded twice"
        if case["description"].startswith("Collected from"):
            assert (there, case["status"]) == (total, "ACTIVE")
            continue
        assert case["status"] == "OPEN"
        assert "ncomplete" in case["description"] or "not complete" in case["description"]
        for said in (case["description"], told):
            match = re.search(r"has (\d+) of (\d+) files.*?(and perhaps 3 file batches more)?[.;]", said)
            if match is not None:
                assert int(match[2]) == total
                assert there == int(match[1]) or (match[3] and there > int(match[1]))


TROUBLES: dict[str, Trouble] = {
    "lost": troubles.lost,
    "dropped": troubles.dropped,
    "unknown": troubles.unknown_outcome,
    "401": troubles.refused(401, "UNAUTHENTICATED"),
    "503": troubles.refused(503, "UNAVAILABLE"),
    "500": troubles.refused(500, "INTERNAL_ERROR"),
    "502": troubles.said(502, b"<html>Bad gateway</html>"),
    "redirected": troubles.said(307, b"", Location="http://127.0.0.1:1/?\x1b[2J"),
    "list": troubles.said(200, b"[]"),
    "null": troubles.said(200, b'{"data": null}'),
    "odd": troubles.said(200, b'{"data": {"createCase": 1}}'),
    "nested": troubles.said(200, b"[" * 100_000),
    "huge": troubles.said(200, b" " * 2_000_000),
}


SMALL = 5  # requests that the small tree takes: viewer, case, events, batches, and the end
LASTING = [(number, lasting) for number in range(1, SMALL + 1) for lasting in (False, True)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up soon what fails again and again."""
    monkeypatch.setattr("app.commands.servers._PATIENCE", 0.5)
    monkeypatch.setattr("app.commands.recording._GRACE", 0.5)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_goes_wrong_no_case_claims_what_it_does_not_hold(
    server: Server, small_tree: Path, trouble: str
) -> None:
    everywhere = trouble in {"lost", "dropped", "unknown"}
    for number, lasting in LASTING if everywhere else [(2, False), (4, False), (SMALL, True)]:
        client = server.client(f"collector-{next(_users)}")
        told = ""
        with between(server.url) as way:
            way.troubles |= dict.fromkeys(range(number, 30 if lasting else number + 1), TROUBLES[trouble])
            try:
                collect(small_tree, "T", way.url, bearer(client))
            except DossierError as error:
                told = str(error)
        cases = client.run(CASES)["cases"]["nodes"]
        assert visible(told).isprintable()
        assert "unexpected" not in told or trouble == "odd"
        if cases and told:
            # The case is named, or at least the words by which it is found.
            words = re.search(r"Collection [0-9a-f-]+", told)
            assert f"case {cases[0]['number']} " in told or (words and words[0] in cases[0]["description"]), told
        elif told:
            assert number <= 2
        # What goes wrong once, behind the first answer, ends nothing; but for what is no matter of luck.
        assert bool(told) == (lasting or number == 1 or trouble in {"401", "odd"})
        assert told or cases[0]["description"].startswith("Collected from")
        the_case_is_told_as_it_is(client, 3, told=told)


LOSSES: dict[str, Trouble] = {
    "lost": troubles.lost,
    "cut": troubles.cut,
    "unknown": troubles.unknown_outcome,
    "504": troubles.timed_out,
}
THINGS = 8  # changes that the record has of the small tree: case, owner, two events, three batches, and the end
SIZE = "query ($id: ID!) { case(id: $id) { journal { size } events { totalCount } } }"


def has_each_thing_once(client: Client) -> None:
    case = only_case(client)
    assert (case["status"], case["description"].startswith("Collected from")) == ("ACTIVE", True)
    labels = Counter(batch["label"] for event in events_of(client, case) for batch in event["batches"])
    assert labels == {"tree/ (.txt)": 2, "tree/ (.pdf)": 1}  # the texts are of two days
    assert client.run(SIZE, id=case["id"])["case"] == {"journal": {"size": THINGS}, "events": {"totalCount": 2}}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_change_whose_answer_is_lost_is_made_once(server: Server, alice: Client, small_tree: Path, loss: str) -> None:
    """Of each change the first answer is lost, and of the last one the second as well."""
    with between(server.url) as way:
        way.troubles |= dict.fromkeys([*range(2, 2 * SMALL, 2), 2 * SMALL - 1], LOSSES[loss])
        there = replace(server, url=way.url.removesuffix("/graphql"))
        done = run(there, alice, [DOSSIER, "collect", small_tree, "--case-title", "T"])
        bodies = [body for _, _, body in way.requests]
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"Case {only_case(alice)['number']}: 3 files (0 bytes) in 3 file batches on 2 events."
    )
    has_each_thing_once(alice)
    assert len(bodies) == 2 * SMALL
    assert bodies[1::2] == [*bodies[2::2], bodies[-1]]  # the same to the byte
    ids = [json.loads(body)["variables"]["input"]["requestId"] for body in bodies[1::2]]
    assert len(set(ids)) == SMALL - 1
    assert all(re.fullmatch("[A-Za-z0-9_-]{16,64}", each) for each in ids)


def test_a_server_that_is_killed_and_started_again_is_waited_for(
    server: Server, new_database: Callable[[str], str], tmp_path: Path
) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    for day in range(3_000):  # each is an event with a batch, of which a thousand are made at once
        (folder / f"{day}.txt").touch()
        os.utime(folder / f"{day}.txt", ns=(0, day * 86_400 * 10**9))
    settings = {"DOSSIER_DATABASE_URL": new_database(server.kind), "DOSSIER_JWT_SECRET": SECRET}
    assert dossier(tmp_path, "migrate", **settings).returncode == 0
    token = server.token("alice")
    with serving(tmp_path, **settings) as (first, url):
        process = subprocess.Popen(  # noqa: S603 - our own command
            [DOSSIER, "collect", folder, "--case-title", "T", "--url", f"{url}/graphql"],
            env=environment(DOSSIER_TOKEN=token),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with httpx.Client(base_url=url, timeout=PATIENCE) as http:
            client = Client(http, "alice", token)
            query = "{ cases { nodes { journal { size } } } }"
            while sum(case["journal"]["size"] for case in client.run(query)["cases"]["nodes"]) < 20:
                assert process.poll() is None
        os.killpg(first.pid, signal.SIGKILL)
        first.wait(PATIENCE)
        assert process.poll() is None
        with (
            serving(tmp_path, "--port", url.rpartition(":")[2], **settings),
            httpx.Client(base_url=url, timeout=PATIENCE) as http,
        ):
            output, errors = process.communicate(timeout=2 * PATIENCE)
            assert (process.returncode, errors) == (0, "")
            client = Client(http, "alice", token)
            case = only_case(client)
            assert output.startswith(
                f"Case {case['number']}: 3,000 files (0 bytes) in 3,000 file batches on 3,000 events.\n"
            )
            counts = "events { totalCount } fileBatches { totalCount } journal { size }"
            assert client.run(f"query ($id: ID!) {{ case(id: $id) {{ {counts} }} }}", id=case["id"])["case"] == {
                "events": {"totalCount": 3_000},
                "fileBatches": {"totalCount": 3_000},
                "journal": {"size": 6_003},
            }


def test_a_token_that_ends_between_two_attempts_is_told(server: Server, alice: Client, small_tree: Path) -> None:
    with between(server.url) as way:
        way.troubles |= {4: troubles.lost} | dict.fromkeys(range(5, 30), TROUBLES["401"])
        with pytest.raises(DossierError) as refused:
            collect(small_tree, "T", way.url, bearer(alice))
    told = str(refused.value)
    assert told.startswith("the server refuses the token; make a new one with 'dossier token'; case ")
    assert "0 of 3 files in 0 of 3 file batches on 2 of 2 events, and perhaps 3 file batches more; go on" in told
    the_case_is_told_as_it_is(alice, 3, told=told)


def test_a_case_that_is_deleted_between_two_attempts_is_told(server: Server, alice: Client, small_tree: Path) -> None:
    def lost(exchange: Exchange) -> None:
        troubles.lost(exchange)
        assert alice.change("deleteCase", "errors { message }", id=only_case(alice)["id"])["errors"] == []

    for at in (3, 4, SMALL):
        with between(server.url) as way:
            way.troubles[at] = lost
            with pytest.raises(
                DossierError, match=r"; case \d+ is not found any more: it was deleted, or is no longer y"
            ):
                collect(small_tree, "T", way.url, bearer(alice))
    with between(server.url) as way:
        way.troubles[2] = lost
        told = (
            r"^what was recorded is not found any more: it was deleted, or is no longer yours; a case may have been "
            "made all the same; look for one whose description has the words Collection "
        )
        with pytest.raises(DossierError, match=told):
            collect(small_tree, "T", way.url, bearer(alice))


def test_a_server_of_another_release_is_told_as_one(server: Server, alice: Client, small_tree: Path) -> None:
    def older(exchange: Exchange) -> None:
        exchange.body = exchange.body.replace(b"replayed", b"repeated")
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.always = older
        with pytest.raises(DossierError) as refused:
            collect(small_tree, "T", way.url, bearer(alice))
    assert str(refused.value).endswith(
        "; it is of another release than this command, so use the 'dossier' of its release; no case was made"
    )


@pytest.mark.usefixtures("impatient")
def test_a_server_that_does_not_answer_is_waited_for_so_long(
    server: Server, alice: Client, small_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()

    def hanging(_exchange: Exchange) -> None:
        done.wait(PATIENCE)

    monkeypatch.setattr("app.commands.servers._SECONDS", 0.5)
    with between(server.url) as way:
        way.troubles |= dict.fromkeys((4, 5, 6), hanging)
        with pytest.raises(DossierError) as refused:
            collect(small_tree, "T", way.url, bearer(alice))
        done.set()
    told = str(refused.value)
    assert told.startswith(f"the server at {way.url} does not answer within 0.5 seconds; case ")
    assert "on 2 of 2 events, and perhaps 3 file batches more; go on with " in told
    the_case_is_told_as_it_is(alice, 3, told=told)


def test_a_signal_ends_the_waiting_for_a_server(server: Server, alice: Client, small_tree: Path) -> None:
    def interrupted(exchange: Exchange) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        troubles.lost(exchange)

    more = {2: "", 3: ", and perhaps 2 events more", 4: ", and perhaps 3 file batches more"}
    for at, unsure in more.items():
        client = server.client()
        with between(server.url) as way:
            way.troubles[at] = interrupted
            with pytest.raises(BrokenOffError) as broken:
                collect(small_tree, "T", way.url, bearer(client))
        number = only_case(client)["number"]
        share = f"0 of 3 files in 0 of 3 file batches on {2 * (at > 3)} of 2 events{unsure}"
        assert str(broken.value).startswith(f"interrupted; case {number} is incomplete: it has {share}; go on with ")
        assert only_case(client)["description"].startswith("Incomplete: ")
        the_case_is_told_as_it_is(client, 3, told=str(broken.value))
    with between(server.url) as way:
        way.troubles[SMALL] = interrupted
        with pytest.raises(BrokenOffError, match=r"^interrupted; case \d+ is complete all the same: 3 files"):
            collect(small_tree, "T", way.url, bearer(alice))
    has_each_thing_once(alice)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("at", range(1, SMALL + 1))
def test_a_signal_at_any_request_is_answered_in_one_line(
    server: Server, alice: Client, small_tree: Path, number: signal.Signals, at: int
) -> None:
    def signalled(exchange: Exchange) -> None:
        os.kill(os.getpid(), number)
        troubles.passed_on(exchange)

    word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    with between(server.url) as way:
        way.troubles[at] = signalled
        if at == SMALL:  # it has been said by then that all is recorded
            assert collect(small_tree, "T", way.url, bearer(alice)).is_whole
        else:
            with pytest.raises(BrokenOffError) as broken:
                collect(small_tree, "T", way.url, bearer(alice))
            assert broken.value.exit_code == 128 + number
            told = str(broken.value)
            if at == 1:
                assert told == f"{word}; no case was made"
            else:
                case = only_case(alice)
                share = {
                    2: "0 of 3 files in 0 of 3 file batches on 0 of 2 events",
                    3: "0 of 3 files in 0 of 3 file batches on 2 of 2 events",
                    4: "3 of 3 files in 3 of 3 file batches on 2 of 2 events",
                }[at]
                address = way.url.replace("/graphql", f"/app/#/cases/{case['id']}")
                going_on = f"'dossier collect {small_tree} --url {way.url} --case {case['number']}'"
                assert told == (
                    f"{word}; case {case['number']} is incomplete: it has {share}; go on with {going_on}, or delete it "
                    f"at {address}"
                )
                assert case["description"].startswith(f"Incomplete: collecting from {small_tree} began at ")
                assert f": {word}. This case has {share}. Go on with {going_on}." in case["description"]
    the_case_is_told_as_it_is(alice, 3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_process_that_is_ended_exits_with_the_signal(
    server: Server, alice: Client, small_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(exchange: Exchange) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.troubles[4] = ended
        arguments = ("--case-title", "T", "--url", way.url, "--token", bearer(alice))
        code, said = complaint(monkeypatch, "collect", str(small_tree), *arguments)
    assert code == 143
    told = f"dossier: ended by SIGTERM; case {only_case(alice)['number']} is incomplete: it has "
    assert re.match(f"{told}[03] of 3 files ", said)
    assert said.count("\n") == 1
    the_case_is_told_as_it_is(alice, 3, told=said)


def test_a_second_signal_does_not_wait_for_an_answer(server: Server, alice: Client, small_tree: Path) -> None:
    done = threading.Event()

    def hanging(_exchange: Exchange) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
        done.wait(PATIENCE)

    with between(server.url) as way:
        way.troubles[4] = hanging
        with pytest.raises(BrokenOffError, match=r"^interrupted; .*, and perhaps 3 file batches more; go on"):
            collect(small_tree, "T", way.url, bearer(alice))
        done.set()
    the_case_is_told_as_it_is(alice, 3)
    assert only_case(alice)["description"].startswith("Incomplete: ")


def test_a_killed_process_leaves_a_case_that_says_it_is_not_complete(
    server: Server, alice: Client, small_tree: Path
) -> None:
    def killing(exchange: Exchange) -> None:
        process.kill()
        exchange.close_connection = True

    with between(server.url) as way:
        way.troubles[4] = killing
        process = subprocess.Popen(  # noqa: S603 - our own command
            [DOSSIER, "collect", small_tree, "--case-title", "T", "--url", way.url],
            env=environment(DOSSIER_TOKEN=bearer(alice)),
        )
        assert process.wait(PATIENCE) == -signal.SIGKILL
    case = only_case(alice)
    assert case["status"] == "OPEN"
    assert case["description"].startswith(f"Being collected from {small_tree} since ")
    assert ": not complete." in case["description"]


def test_a_server_that_is_busy_is_asked_again(server: Server, alice: Client, small_tree: Path) -> None:
    busy = troubles.refused(503, "UNAVAILABLE", Retry_After="0")
    with between(server.url) as way:
        way.troubles |= dict.fromkeys((2, 4, 5, 7, 9), busy)
        assert collect(small_tree, "T", way.url, bearer(alice)).is_whole
        assert len(way.requests) == SMALL + 5
    assert only_case(alice)["status"] == "ACTIVE"
    the_case_is_told_as_it_is(alice, 3)


@pytest.mark.parametrize("lost", [False, True])
def test_what_others_write_into_the_case_meanwhile_stays(
    server: Server, alice: Client, small_tree: Path, *, lost: bool
) -> None:
    def edited(exchange: Exchange) -> None:
        case = only_case(alice)
        description = f"Seal 17.\n{case['description']}\nSigned: A."
        changed = alice.change("updateCase", "errors { message }", id=case["id"], description=description, title="Ours")
        assert changed["errors"] == []
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.troubles[4] = edited
        if lost:
            way.troubles |= {SMALL + 1: troubles.lost, SMALL + 2: troubles.lost, SMALL + 3: troubles.lost}
        told = ""
        try:
            collect(small_tree, "T", way.url, bearer(alice))
        except DossierError as error:
            told = str(error)
    case = only_case(alice)
    assert case["title"] == "Ours"
    assert re.fullmatch(r"Seal 17\.\nCollected from .*: 3 files, 0 bytes\.[^\n]*\nSigned: A\.", case["description"])
    assert not told or f"case {case['number']} is complete all the same: 3 files" in told


CLOSED_MEANWHILE = {
    3: "case {number} is incomplete: it has 0 of 3 files in 0 of 3 file batches on 0 of 2 events; go on with "
    "{going_on}, or delete it at {address}",
    4: "case {number} is incomplete: it has 0 of 3 files in 0 of 3 file batches on 2 of 2 events; go on with "
    "{going_on}, or delete it at {address}",
    SMALL: "case {number} at {address} holds everything and goes on to say that it is not complete; go on with "
    "{going_on}",
}


@pytest.mark.parametrize("at", CLOSED_MEANWHILE)
def test_a_case_that_is_closed_meanwhile_stays_as_it_was_closed(
    server: Server, alice: Client, small_tree: Path, at: int
) -> None:
    def closed(exchange: Exchange) -> None:
        changed = alice.change("updateCase", "errors { message }", id=only_case(alice)["id"], status="CLOSED")
        assert changed["errors"] == []
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.troubles[at] = closed
        with pytest.raises(DossierError) as refused:
            collect(small_tree, "T", way.url, bearer(alice))
    case = only_case(alice)
    assert case["status"] == "CLOSED"
    address = way.url.replace("/graphql", f"/app/#/cases/{case['id']}")
    going_on = f"'dossier collect {small_tree} --url {way.url} --case {case['number']}'"
    told = CLOSED_MEANWHILE[at].format(number=case["number"], address=address, going_on=going_on)
    assert str(refused.value) == (
        "the server refuses: the case is closed, so that nothing in it changes; reopen it with `updateCase`, giving it "
        f"another `status` and nothing else; {told}"
    )


def test_a_case_that_is_deleted_meanwhile_is_said_to_be_gone(server: Server, alice: Client, small_tree: Path) -> None:
    def deleted(exchange: Exchange) -> None:
        assert alice.change("deleteCase", "errors { message }", id=only_case(alice)["id"])["errors"] == []
        troubles.passed_on(exchange)

    for at in (4, SMALL):
        with between(server.url) as way:
            way.troubles[at] = deleted
            with pytest.raises(DossierError, match=r"case \d+ is not found any more: it was deleted, or is no longer"):
                collect(small_tree, "T", way.url, bearer(alice))


# What it is called with


@pytest.mark.parametrize(
    ("title", "fault"),
    [
        ("x" * 201, "--case-title: `title` must have at most 200 characters, not 201"),
        ("", "--case-title: `title` must not be blank"),
        ("  ", "--case-title: `title` must not be blank"),
        ("Caf\udce9", "--case-title: the title is no UTF-8 text"),
        ("\ud800", "--case-title: the title is no UTF-8 text"),
    ],
)
def test_a_title_is_looked_at_before_anything_else(tmp_path: Path, title: str, fault: str) -> None:
    with pytest.raises(DossierError) as refused:
        collect(tmp_path, title, "http://127.0.0.1:1/graphql", "token")
    assert str(refused.value) == fault


def test_a_title_is_utf_8_in_every_locale(server: Server, alice: Client, tmp_path: Path) -> None:
    collect(tmp_path, "Caf\udcc3\udca9", f"{server.url}/graphql", bearer(alice))  # as Python reads it in ASCII
    assert only_case(alice)["title"] == "Café"


@pytest.mark.parametrize("folder", ["", "missing", "/dev/null"])
def test_what_is_no_folder_is_refused(folder: str) -> None:
    with pytest.raises(DossierError, match=f"^{folder or repr('')} is not a folder$"):
        collect(folder, "T", "http://127.0.0.1:1/graphql", "token")


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8000/graphql", "localhost:8000", "ftp://127.0.0.1/graphql", "http://", "http://:8000/graphql"),
        *("http://127.0.0.1:99999/graphql", "http://[::1/graphql", "http://127.0.0.1/gra phql", "http://caf\udce9/"),
        *(
            "http://127.0.0.1:1/graphql?token=sesame",
            "http://127.0.0.1:1/graphql#sesame",
            "http://127.0.0.1:1/graphql?",
        ),
        *("http://user:sesame@127.0.0.1:1/graphql", "http://sesame@127.0.0.1:1/graphql", "http://a\\b/"),
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(DossierError, match=r"^--url: ") as refused:
        collect(tmp_path, "T", url, "token")
    assert "sesame" not in str(refused.value)


def test_an_address_without_a_path_is_that_of_the_endpoint(server: Server, alice: Client, tmp_path: Path) -> None:
    for url in (server.url, f"{server.url}/"):
        done = collect(tmp_path, "T", url, bearer(alice))
        assert re.fullmatch(f"See {server.url}/app/#/cases/[0-9a-f-]+, as {alice.subject}\\.", done.lines[-1])
    with pytest.raises(DossierError, match=r"^the server refuses: .*; check --url, which ends in /graphql$"):
        collect(tmp_path, "T", f"{server.url}/healthz", bearer(alice))
    with pytest.raises(DossierError, match=r"sends elsewhere, to /graphql; if that is right, give it as --url$"):
        collect(tmp_path, "T", f"{server.url}/graphql/", bearer(alice))


@pytest.mark.parametrize("token", ["a token", "sesame\x1b", "sésame", "sesame\nX-Other: 1", '"sesame"'])
def test_a_token_that_is_none_is_not_shown(tmp_path: Path, token: str) -> None:
    with pytest.raises(DossierError) as refused:
        collect(tmp_path, "T", "http://127.0.0.1:1/graphql", token)
    assert str(refused.value) == "the token is not one: it has characters that no token has"


def test_the_token_is_never_said_nor_sent_elsewhere(server: Server, tmp_path: Path) -> None:
    token = "header.sesame-and-more.signature"  # noqa: S105 - it opens nothing

    def echoed(exchange: Exchange) -> None:
        words = f"no: {exchange.headers['Authorization']}"
        exchange.answer(200, json.dumps({"errors": [{"message": words}]}).encode())

    with between(server.url) as other, between(server.url) as way:
        elsewhere = troubles.said(308, b"", Location=f"{other.url}?{token}")
        for trouble in (echoed, elsewhere, troubles.said(200, token.encode()), troubles.dropped):
            way.always = trouble
            with pytest.raises(DossierError) as refused:
                collect(tmp_path, "T", way.url, token)
            assert "sesame" not in str(refused.value)
        assert other.requests == []


# What the environment says


@pytest.fixture
def proxied(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    """A proxy that the environment names."""
    for name in ("no_proxy", "NO_PROXY", "https_proxy", "http_proxy", "all_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    with between(server.url) as proxy:
        proxy.always = troubles.said(502, b"no")
        monkeypatch.setenv(
            "HTTP_PROXY", proxy.url.replace("127.0.0.1", "user:sesame@127.0.0.1").replace("/graphql", "")
        )
        yield proxy


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "127.1", "LOCALHOST", "0.0.0.0"])  # noqa: S104
def test_this_machine_is_never_asked_through_a_proxy(
    server: Server, alice: Client, tmp_path: Path, proxied: Between, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    # What else the environment has, of no use here or anywhere, is not looked at.
    monkeypatch.setenv("NO_PROXY", "10.0.0.0/8,fd00::/8,[")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    url = server.url.replace("127.0.0.1", host)
    if host == "127.0.0.2":  # nothing listens there
        with pytest.raises(DossierError, match=r"^the server at http://127\.0\.0\.2:\d+/graphql can't be reached: "):
            collect(tmp_path, "T", url, bearer(alice))
    else:
        assert collect(tmp_path, "T", url, bearer(alice)).is_whole
    assert proxied.requests == []


def test_a_proxy_is_named_without_its_password(alice: Client, tmp_path: Path, proxied: Between) -> None:
    with pytest.raises(DossierError) as refused:
        collect(tmp_path, "T", "http://192.0.2.1/graphql", bearer(alice))
    port = proxied.server_address[1]
    assert str(refused.value) == (
        f"what answers at http://192.0.2.1/graphql through the proxy http://127.0.0.1:{port} of HTTP_PROXY is no "
        "Dossier server; check --url"
    )
    assert [path for path, _, _ in proxied.requests] == ["http://192.0.2.1/graphql"]


@pytest.mark.parametrize("entry", ["*", "127.0.0.9,192.0.2.1", "192.0.2.0/24", "192.0.2.1:1", "fd00::/8, 192.0.2.0/24"])
def test_what_no_proxy_excepts_is_asked_directly(
    alice: Client, tmp_path: Path, proxied: Between, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    monkeypatch.setenv("NO_PROXY", entry)

    def unreachable(*_: object, **__: object) -> socket.socket:
        raise OSError(113, "No route to host")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    with pytest.raises(
        DossierError, match=r"^the server at http://192\.0\.2\.1:1/graphql can't be reached: .*No route"
    ):
        collect(tmp_path, "T", "http://192.0.2.1:1/graphql", bearer(alice))
    assert proxied.requests == []


@pytest.mark.parametrize(
    ("variable", "value", "url"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:8820", "https://192.0.2.1/graphql"),
        ("https_proxy", "foo://sesame@x", "https://192.0.2.1/graphql"),
        ("http_proxy", "http://[::1", "http://192.0.2.1/graphql"),
        ("HTTPS_PROXY", "http://x:99999", "https://192.0.2.1/graphql"),
        ("SSL_CERT_FILE", "/nonexistent", "https://192.0.2.1/graphql"),
        ("SSL_CERT_FILE", "/dev/null", "https://127.0.0.1:1/graphql"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(
    tmp_path: Path, proxied: Between, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, url: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(DossierError, match=f"^{variable}: ") as refused:
        collect(tmp_path, "T", url, "token")
    assert "sesame" not in str(refused.value)
    assert proxied.requests == []


def test_https_where_http_is_spoken_is_told(server: Server, alice: Client, tmp_path: Path) -> None:
    with pytest.raises(DossierError, match="is it https that is spoken there"):
        collect(tmp_path, "T", server.url.replace("http", "https"), bearer(alice))


# What it says, and where


REDIRECTIONS = {  # and what a process exits with then; half of them with each database, which has no part in it
    "sqlite": {">/dev/full": 1, ">&-": 0, "| exec true": 0},
    "postgresql": {">&- 2>&-": 0, "2>/dev/full >&-": 0, "<&-": 0},
}


def test_a_case_is_named_wherever_there_is_somebody_to_hear(server: Server, small_tree: Path) -> None:
    """In a folder that was deleted, with hardly an environment, and streams that are closed, full or not read."""
    users = {redirection: server.client(f"collector-{next(_users)}") for redirection in REDIRECTIONS[server.kind]}
    processes = {}
    for redirection, client in users.items():
        script = f'cd "$(mktemp -d)" && rmdir "$PWD"; set -o pipefail; "$0" "$@" {redirection}'
        command: list[str | Path] = ["/bin/bash", "-c", script, DOSSIER, "collect", small_tree, "--case-title", "T"]
        processes[redirection] = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--url", f"{server.url}/graphql"],
            env={"DOSSIER_TOKEN": bearer(client), "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TZ": "Nowhere/Odd:99"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    for redirection, process in processes.items():
        said = "".join(process.communicate(timeout=2 * PATIENCE))
        assert process.returncode == REDIRECTIONS[server.kind][redirection], redirection
        assert "Traceback" not in said
        assert "Exception ignored" not in said
        case = only_case(users[redirection])
        assert f"Case {case['number']}: 3 files" in said or "2>" in redirection
        assert case["status"] == "ACTIVE"


def test_a_user_without_an_account_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOSSIER_JWT_SECRET", "x" * 32)
    for name in ("DOSSIER_TOKEN", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 12_345)
    told = "can't tell your account's name; set DOSSIER_TOKEN, or give --token"
    assert complaint(monkeypatch, "collect", str(tmp_path), "--case-title", "T") == (1, f"dossier: {told}\n")
    monkeypatch.setenv("LOGNAME", "caf\udce9")
    assert complaint(monkeypatch, "collect", str(tmp_path), "--case-title", "T") == (1, f"dossier: {told}\n")
    told = "--token is empty; leave it out to call with DOSSIER_TOKEN or with a token of your own"
    assert complaint(monkeypatch, "collect", ".", "--case-title", "T", "--token", "") == (1, f"dossier: {told}\n")


def complaint(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it says on standard error."""
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    try:
        code = cli.main(arguments)
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, errors.getvalue()


@pytest.mark.parametrize("option", ["--subject", "--name", "--email"])
def test_a_token_is_made_of_text_in_utf_8(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    monkeypatch.setenv("DOSSIER_JWT_SECRET", "x" * 32)
    code, said = complaint(monkeypatch, "token", "--subject", "alice", option, "caf\udce9")
    assert code == 2
    assert said.endswith(f"dossier token: error: argument {option}: expected text in UTF-8\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["collect", "evil\x1b[2J\u202e\x9b", "--case-title", "T", "--token", "t"],
        ["collect", "a", "evil\x1b[2J\u202e\x9b", "--case-title", "T"],
        ["documents", "check", "evil\x1b[2J\u202e\x9b"],
        ["evil\x1b[2J\u202e\x9b"],
    ],
)
def test_no_name_of_a_file_drives_the_terminal(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    code, said = complaint(monkeypatch, *arguments)
    assert code in {1, 2}
    assert r"evil\u001b[2J\u202e\u009b" in said or "invalid choice" in said
    assert all(line.isprintable() for line in said.splitlines())


@given(st.text(st.characters()))
def test_what_is_shown_is_one_line_of_what_is_seen(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown == "".join(map(visible, text))
    assert visible(shown) == shown


@given(st.binary(min_size=1), st.binary(min_size=1))
def test_two_names_are_two_texts(one: bytes, other: bytes) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)
    assert (printed(one) == printed(other)) == (one == other)
