"""`dossier collect`: exact for any tree, and interrupted at any moment."""

from __future__ import annotations

import contextlib
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
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import cli
from app.collect import BrokenOffError, Collected, collect
from app.errors import DossierError
from app.folders import Walk, text_of
from app.values import visible
from tests import between as troubles
from tests.between import Between, Exchange, Trouble, between
from tests.commands import DOSSIER, PATIENCE, environment
from tests.server import Client, Server

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
    return collect(folder, "T", f"{server.url}/graphql", bearer(client), None, **options)


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
        assert event["type"] == "FINDING"
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
    notes = [event for event in events_of(alice, case) if event["type"] == "NOTE"]
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
    assert done.stdout.startswith(f"Case {case['number']}: 48 files (0 bytes) in 48 file batches on 1 event.\n")
    (event,) = events_of(alice, case)
    assert sum(batch["fileCount"] for batch in event["batches"]) == 48
    assert Counter(len(batch["label"]) for batch in event["batches"]) == {200: 46, 11: 1, 12: 1}


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
            match = re.search(r"it has (\d+) of (\d+) files.*?(and perhaps one file batch more)?[.;]", said)
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


SMALL = 8  # requests that the small tree takes: viewer, case, event, two batches, event, batch, and the end
LASTING = [(number, lasting) for number in range(1, SMALL + 1) for lasting in (False, True)]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_goes_wrong_no_case_claims_what_it_does_not_hold(
    server: Server, small_tree: Path, trouble: str
) -> None:
    everywhere = trouble in {"lost", "dropped", "unknown"}
    for number, lasting in LASTING if everywhere else [(2, False), (5, False), (SMALL, True)]:
        client = server.client(f"collector-{next(_users)}")
        told = ""
        with between(server.url) as way:
            way.troubles |= dict.fromkeys(range(number, 30 if lasting else number + 1), TROUBLES[trouble])
            try:
                collect(small_tree, "T", way.url, bearer(client), None)
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
        assert told or cases[0]["description"].startswith("Collected from")
        the_case_is_told_as_it_is(client, 3, told=told)
