"""Folders that are collected with hashes, broken off and gone on with, and compared with what was recorded."""

from __future__ import annotations

import errno
import json
import os
import pty
import random
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from app.commands import cli
from app.commands.folders import Opener
from app.commands.plans import Choice
from app.commands.recording import BrokenOffError, Collected
from app.errors import DossierError
from tests import between as troubles
from tests.between import Exchange, between
from tests.collecting import collect
from tests.commands import DOSSIER, PATIENCE, environment
from tests.server import Client, Server
from tests.test_collect import bearer, dug, events_of, only_case, pages, remove, walking_as_nobody
from tests.test_files import Batch, file

pytestmark = pytest.mark.long

__all__ = ["walking_as_nobody"]  # a fixture

DAY = 86_400 * 10**9
ODD = (b"caf\xe9.txt", b"two\nlines", rb"back\slash", b"\\", "Núñez".encode(), b"empty")
BATCHES = """
query ($id: ID!, $after: String) {
  case(id: $id) {
    fileBatches(first: 100, after: $after) {
      nodes { id label fileCount totalBytes event { id occurredAt } manifest { fileCount totalBytes } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""
FILES = """
query ($id: ID!, $after: String) {
  node(id: $id) {
    ... on FileBatch {
      files(first: 100, after: $after) { nodes { path pathBytes size sha256 } pageInfo { hasNextPage endCursor } }
    }
  }
}
"""


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Let SIGINT interrupt, which a shell has what it starts in the background ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def planted(folder: Path, files: int) -> Path:
    """Put files into folders in each other, on some days, of all contents different, and some with odd names."""
    for number in range(files):
        place = folder / f"f{number % 7}" / f"g{number % 31}"
        place.mkdir(parents=True, exist_ok=True)
        content(place / f"{number}.txt", f"{number}".encode(), number % 5)
    for number, name in enumerate(ODD):
        content(folder / os.fsdecode(name), b"" if name == b"empty" else b"odd %d" % number, 6)
    return folder


def content(path: Path, data: bytes, day: int) -> None:
    path.write_bytes(data)
    os.utime(path, ns=(0, day * DAY))


def sums(folder: Path) -> dict[bytes, tuple[int, str]]:
    """Return the size and the SHA-256 of each file, as `find` and `sha256sum` tell them."""
    find = ["/usr/bin/find", ".", "-type", "f"]
    sizes = subprocess.run([*find, "-printf", r"%s %P\0"], cwd=folder, capture_output=True, check=True)  # noqa: S603
    there = {path: int(size) for size, path in (each.split(b" ", 1) for each in sizes.stdout.split(b"\0")[:-1])}
    command = [*find, "-exec", "/usr/bin/sha256sum", "-z", "{}", "+"]
    lines = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout  # noqa: S603
    found = (line.split(b"  ./", 1) for line in lines.split(b"\0")[:-1])
    return {path: (there[path], digest.decode()) for digest, path in found}


def batches_of(client: Client) -> list[dict[str, Any]]:
    return list(pages(client, BATCHES, lambda data: data["case"]["fileBatches"], id=only_case(client)["id"]))


def recorded(client: Client) -> dict[bytes, tuple[int, str]]:
    """Return what the only case says of each file; no file is twice in it."""
    found = {}
    for batch in batches_of(client):
        listed = list(pages(client, FILES, lambda data: data["node"]["files"], id=batch["id"]))
        size = sum(int(each["size"]) for each in listed)
        assert batch["fileCount"] == len(listed)
        assert batch["manifest"] == {"fileCount": len(listed), "totalBytes": size}
        for each in listed:
            path = each["path"].encode() if each["pathBytes"] is None else b64decode(each["pathBytes"])
            assert path not in found
            found[path] = int(each["size"]), each["sha256"]
    return found


def hashed(url: str, client: Client, folder: Path, **options: Any) -> Collected:
    return collect(folder, None if "case" in options else "T", url, bearer(client), **options)


def command(client: Client, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [DOSSIER, *arguments],
        env=environment(DOSSIER_TOKEN=bearer(client)),
        capture_output=True,
        text=True,
        check=False,
        timeout=10 * PATIENCE,
    )


def broken_off_thrice(server: Server, client: Client, folder: Path, moments: Callable[[int], float]) -> None:
    """Collect a folder with hashes; the first process, and two that go on, are killed after so many seconds each."""
    arguments: list[str | Path] = ["--case-title", "T", "--hash"]
    endings = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)
    for attempt, ending in enumerate(endings):
        process = subprocess.Popen(  # noqa: S603 - our own command
            [DOSSIER, "collect", folder, *arguments, "--url", f"{server.url}/graphql"],
            env=environment(DOSSIER_TOKEN=bearer(client)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not client.run("{ cases { totalCount } }")["cases"]["totalCount"]:
            assert process.poll() is None
        time.sleep(moments(attempt))
        process.send_signal(ending)
        process.wait(PATIENCE)
        if only_case(client)["status"] == "ACTIVE":
            return
        arguments = ["--case", str(only_case(client)["number"])]
    done = command(client, "collect", folder, *arguments, "--url", f"{server.url}/graphql")
    assert (done.returncode, done.stderr) == (0, "")


def altered(folder: Path) -> dict[str, set[str]]:
    """Change, remove, rename and add ten files; return what is to be told of them."""
    files = sorted(path for path in folder.rglob("*.txt") if path.parent.name.startswith("g"))
    told: dict[str, set[str]] = {"changed": set(), "missing": set(), "moved": set(), "new": set(), "unreadable": set()}
    for path in files[:3]:
        told["changed"].add(path.relative_to(folder).as_posix())
        status = path.stat()
        path.write_bytes(b"x" * status.st_size)  # as long as it was, and said to be as old
        os.utime(path, ns=(0, status.st_mtime_ns))
    for path in files[3:5]:
        told["missing"].add(path.relative_to(folder).as_posix())
        path.unlink()
    for path in files[5:8]:
        target = folder / f"moved {path.name}"
        told["moved"].add(f"{path.relative_to(folder).as_posix()} -> {target.name}")
        path.rename(target)
    for name in ("new 1", "f0/new 2"):
        told["new"].add(name)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return told


def told_by(done: subprocess.CompletedProcess[str]) -> tuple[dict[str, set[str]], dict[str, int]]:
    """Return what was told of files that are not as recorded, and how many are of each kind, from JSON lines."""
    *findings, total = map(json.loads, done.stdout.splitlines())
    told: dict[str, set[str]] = {"changed": set(), "missing": set(), "moved": set(), "new": set(), "unreadable": set()}
    for each in findings:
        if each["kind"] != "matched":
            told[each["kind"]].add(f"{each['from']} -> {each['path']}" if "from" in each else each["path"])
    counted = Counter(each["kind"] for each in findings)
    assert total.pop("kind") == "total"
    assert total.pop("batchesWithoutManifest") == 0
    assert total == {kind: counted[kind] for kind in total}
    return told, total


def is_told_exactly(server: Server, client: Client, folder: Path) -> None:
    """What is recorded of a folder is what is there, and then what was done to ten files is told, and no more."""
    before = sums(folder)
    assert recorded(client) == before
    arguments = ("verify-files", folder, "--case", str(only_case(client)["number"]), "--format", "jsonl")
    done = command(client, *arguments, "--url", f"{server.url}/graphql")
    assert (done.returncode, done.stderr) == (0, "")
    nothing, total = told_by(done)
    assert not any(nothing.values())
    assert total["matched"] == len(before)
    told = altered(folder)
    done = command(client, *arguments, "--url", f"{server.url}/graphql")
    assert (done.returncode, done.stderr) == (1, "")
    found, total = told_by(done)
    assert found == told
    assert total["matched"] == len(before) - 8


@pytest.fixture
def chance() -> random.Random:
    """What a test draws by chance from; the seed is printed where the test fails."""
    seed = random.randrange(2**32)  # noqa: S311 - no secret
    print(f"the seed is {seed}")  # noqa: T201 - pytest shows it of a test that fails
    return random.Random(seed)  # noqa: S311 - no secret


@pytest.mark.slow
def test_what_is_broken_off_at_any_moment_is_gone_on_with(
    server: Server, alice: Client, tmp_path: Path, chance: random.Random
) -> None:
    folder = planted(tmp_path / "tree", 1_500)
    broken_off_thrice(server, alice, folder, lambda _: chance.uniform(0, 0.4))
    is_told_exactly(server, alice, folder)


@pytest.mark.slow
def test_a_large_folder_is_gone_on_with(server: Server, alice: Client, tmp_path: Path, chance: random.Random) -> None:
    folder = tmp_path / "tree"
    library = Path(sysconfig.get_path("stdlib"))
    copies = 0
    while copies * 2_000 < 50_000:
        shutil.copytree(library / "encodings", folder / f"copy {copies}" / "encodings", symlinks=True)
        planted(folder / f"copy {copies}", 2_000)
        copies += 1
    for number, path in enumerate(sorted(folder.rglob("*.txt"))):  # no two are alike, so that each move is one
        status = path.stat()
        path.write_bytes(b"%d" % number)
        os.utime(path, ns=(0, status.st_mtime_ns))
    broken_off_thrice(server, alice, folder, lambda _: chance.uniform(0, 5))
    is_told_exactly(server, alice, folder)


@pytest.mark.slow
def test_each_moment_leaves_what_can_be_gone_on_with(server: Server, tmp_path: Path) -> None:
    """Killed at each request, before it arrives or when it was answered, and gone on with: nothing is there twice."""
    folder = planted(tmp_path / "tree", 60)
    there = sums(folder)
    choice = Choice(hashed=True)
    for trouble in (troubles.passed_on, troubles.dropped):
        number, is_over = 2, False
        while not is_over:
            client = server.client()

            def ended(exchange: Exchange, trouble: Callable[[Exchange], None] = trouble) -> None:
                os.kill(os.getpid(), signal.SIGTERM)
                trouble(exchange)

            with between(server.url) as way:
                way.troubles[number] = ended
                try:
                    is_over = hashed(way.url, client, folder, choice=choice).is_whole
                except BrokenOffError:
                    cases = client.run("{ cases { nodes { number } } }")["cases"]["nodes"]
                    going_on = {"case": str(cases[0]["number"])} if cases else {"choice": choice}
                    if not cases or only_case(client)["status"] == "OPEN":
                        assert hashed(f"{server.url}/graphql", client, folder, **going_on).is_whole
            assert recorded(client) == there
            assert only_case(client)["status"] == "ACTIVE"
            number += 1
        assert number > 6


def interrupted(server: Server, client: Client, folder: Path, at: int, **options: Any) -> str:
    """Collect, interrupted at a request; return the number of the case."""

    def ended(exchange: Exchange) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.troubles[at] = ended
        with pytest.raises(BrokenOffError):
            hashed(way.url, client, folder, **options)
    return str(only_case(client)["number"])


@pytest.mark.parametrize("is_hashed", [False, True])
def test_a_folder_that_changed_in_between_is_recorded_as_it_is(
    server: Server, alice: Client, tmp_path: Path, *, is_hashed: bool
) -> None:
    folder = planted(tmp_path / "tree", 100)
    case = interrupted(server, alice, folder, 4, choice=Choice(hashed=is_hashed))
    for path in sorted(folder.rglob("*.txt"))[:10]:
        path.unlink()
    for name in ODD:  # all of a day
        (folder / os.fsdecode(name)).unlink(missing_ok=True)
    content(folder / "f0" / "late.txt", b"late", 1)
    content(folder / "f1" / "later.pdf", b"later", 9)
    by_hand = batches_of(alice)[0]["event"]["id"]
    made = alice.change(
        "createFileBatch", "errors { message }", caseId=only_case(alice)["id"], eventId=by_hand, label="Z"
    )
    assert made["errors"] == []
    assert hashed(f"{server.url}/graphql", alice, folder, case=case).is_whole
    there = sums(folder)
    batches = [batch for batch in batches_of(alice) if batch["label"] != "Z"]
    assert len(batches_of(alice)) == len(batches) + 1
    days = Counter[str]()
    for batch in batches:
        days[batch["event"]["occurredAt"][:10]] += batch["fileCount"]
    expected = Counter(time.strftime("%Y-%m-%d", time.gmtime((folder / os.fsdecode(p)).stat().st_mtime)) for p in there)
    assert days == expected
    if is_hashed:
        assert sum(batch["manifest"]["fileCount"] for batch in batches) == len(there)


def test_only_what_is_being_collected_from_there_is_gone_on_with(server: Server, alice: Client, tmp_path: Path) -> None:
    folder, other = planted(tmp_path / "tree", 3), planted(tmp_path / "other", 3)
    url = f"{server.url}/graphql"
    by_hand = alice.run("query ($id: ID!) { case(id: $id) { number } }", id=alice.create_case())["case"]["number"]
    with pytest.raises(DossierError, match=rf"^case {by_hand} is none that is being collected: "):
        hashed(url, alice, folder, case=str(by_hand))
    bob = server.client()
    case = interrupted(server, bob, folder, 3)
    with pytest.raises(DossierError, match=rf"^case {case} is of another folder, which its description names; "):
        hashed(url, bob, other, case=case)
    with pytest.raises(DossierError, match=rf"^there is no case {case}, at least for you; "):
        hashed(url, alice, folder, case=case)
    assert hashed(url, bob, folder, case=only_case(bob)["id"]).is_whole
    with pytest.raises(DossierError, match=rf"^case {case} is complete: "):
        hashed(url, bob, folder, case=case)


@pytest.mark.parametrize("case", ["9" * 5_000, "9" * 11, "0"])
def test_a_number_that_no_case_has_is_told(server: Server, alice: Client, tmp_path: Path, case: str) -> None:
    folder = planted(tmp_path / "tree", 1)
    with pytest.raises(DossierError, match=rf"^there is no case {case}, at least for you; "):
        hashed(f"{server.url}/graphql", alice, folder, case=case)


BY_HAND = "3 photos, 2 letters: five exhibits in all. Keep!", "12 boxes in all.", "A note", None


def test_batches_that_somebody_made_stay(server: Server, alice: Client, tmp_path: Path) -> None:
    folder = planted(tmp_path / "tree", 3)
    case = interrupted(server, alice, folder, 3)
    found = only_case(alice)
    event = events_of(alice, found)[0]["id"]
    made = {alice.create_batch(found["id"], event, label=str(text), description=text) for text in BY_HAND}
    assert hashed(f"{server.url}/graphql", alice, folder, case=case).is_whole
    assert made <= {batch["id"] for batch in batches_of(alice)}


def test_a_path_that_no_manifest_can_hold_is_named_and_the_rest_is_hashed(
    server: Server, alice: Client, tmp_path: Path
) -> None:
    folder = tmp_path / "deep"
    dug(folder, 165, 165)
    told = hashed(f"{server.url}/graphql", alice, folder, choice=Choice(hashed=True))
    remove(folder)
    assert not told.is_whole
    lines = [line for line in told.lines if "its path may have up to 32,767 bytes, not" in line]
    assert len(lines) == 8
    counts = [batch["manifest"]["fileCount"] for batch in batches_of(alice)]
    assert sum(counts) == 2 * 165 - 8


def test_what_can_not_be_read_or_changes_is_named(server: Server, alice: Client, tmp_path: Path) -> None:
    folder = planted(tmp_path / "tree", 3)
    content(folder / "growing", b"1", 8)
    content(folder / "gone", b"1", 8)

    def changing(exchange: Exchange) -> None:
        (folder / "growing").write_bytes(b"12")
        (folder / "gone").unlink()
        troubles.passed_on(exchange)

    with between(server.url) as way:
        way.troubles[4] = changing
        done = hashed(way.url, alice, folder, choice=Choice(hashed=True))
    assert not done.is_whole
    named = ["gone: No such file or directory", "growing: it changed while it was read"]
    assert done.lines[1:4] == ["2 entries could not be read:", *(f"  {name}" for name in named)]
    expected = sums(folder)
    del expected[b"growing"]
    assert recorded(alice) == expected
    query = "query ($id: ID!) { case(id: $id) { events(first: 100) { nodes { title description } } } }"
    events = alice.run(query, id=only_case(alice)["id"])["case"]["events"]["nodes"]
    (note,) = (event for event in events if event["title"] == "2 entries could not be read")
    assert note["description"].splitlines() == named


# verify-files


@pytest.fixture
def kept(server: Server, alice: Client, tmp_path: Path) -> Path:
    """A folder that alice collected with hashes."""
    folder = planted(tmp_path / "tree", 40)
    assert hashed(f"{server.url}/graphql", alice, folder, choice=Choice(hashed=True)).is_whole
    return folder


def verified(server: Server, client: Client, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return command(client, "verify-files", folder, *arguments, "--url", f"{server.url}/graphql")


def test_what_differs_is_told_to_people(server: Server, alice: Client, kept: Path) -> None:
    case = only_case(alice)["id"]
    done = verified(server, alice, kept, "--case", case)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "46 matched, 0 changed, 0 missing, 0 new, 0 moved, 0 unreadable.\n"
    (kept / os.fsdecode(b"caf\xe9.txt")).rename(kept / "f0" / os.fsdecode(b"\xff"))
    (kept / "two\nlines").write_bytes(b"longer than before")
    (kept / "empty").rename(kept / "void")  # without a byte there is nothing to know it by
    done = verified(server, alice, kept, "--case", case)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "missing: empty",
        r"moved: caf\xe9.txt -> f0/\xff",
        r"changed: two\u000alines",
        "new: void",
        "43 matched, 1 changed, 1 missing, 1 new, 1 moved, 0 unreadable.",
    ]


def test_names_are_told_by_their_bytes(server: Server, alice: Client, kept: Path) -> None:
    (kept / os.fsdecode(b"caf\xe9.txt")).rename(kept / os.fsdecode(b"\xff"))
    done = verified(server, alice, kept, "--case", only_case(alice)["id"], "--format", "jsonl")
    (moved,) = (each for each in map(json.loads, done.stdout.splitlines()) if each["kind"] == "moved")
    assert b64decode(moved["pathBytes"]) == b"\xff"
    assert b64decode(moved["fromBytes"]) == b"caf\xe9.txt"
    assert moved["recorded"] == moved["found"]


def test_no_control_is_told_to_a_terminal(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, folder = Batch(alice), tmp_path / "tree"
    folder.mkdir()
    assert batch.add(file("a"))["errors"] == []
    assert batch.finish(1)["errors"] == []
    names = {"a", *(f"a{chr(code)}b" for code in (*range(1, 0x20), *range(0x7F, 0xA1)))}
    for name in names:
        (folder / name).touch()
    done = verified(server, alice, folder, "--case", batch.case, "--format", "jsonl")
    lines = done.stdout.split("\n")[:-1]
    assert {each.get("path", "a") for each in map(json.loads, lines)} == names
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(lines))


def test_paths_that_lead_to_the_same_place_are_compared(server: Server, alice: Client, tmp_path: Path) -> None:
    """What `find . -type f -exec sha256sum {} +` lists begins with `./`, which a manifest has as it is."""
    batch, folder = Batch(alice), tmp_path / "tree"
    (folder / "d").mkdir(parents=True)
    files = (file("./a", "a"), file("d//b", "b"), file("././d/./c", "c"), file("/d/e", "e"), file("./gone", "gone"))
    assert batch.add(*files)["errors"] == []
    assert batch.finish(5)["errors"] == []
    for name in ("a", "d/b", "d/c", "d/e"):
        (folder / name).write_text(name[-1])
    (folder / "d" / "moved").write_text("gone")
    done = verified(server, alice, folder, "--case", batch.case)
    assert (done.returncode, done.stdout.splitlines()) == (
        1,
        [
            "moved: /d/e -> d/e",
            "moved: ./gone -> d/moved",
            "3 matched, 0 changed, 0 missing, 0 new, 2 moved, 0 unreadable.",
        ],
    )
    listed = command(alice, "manifest", "write", "--case", batch.case, "--url", f"{server.url}/graphql").stdout
    assert sorted(line[66:] for line in listed.splitlines()) == sorted(each["path"] for each in files)


@pytest.mark.slow
def test_an_event_or_a_batch_is_compared_alone(server: Server, alice: Client, kept: Path) -> None:
    batches = batches_of(alice)
    batch = next(each for each in batches if re.match("f0/", each["label"]))
    listed = list(pages(alice, FILES, lambda data: data["node"]["files"], id=batch["id"]))
    there = kept / listed[0]["path"]
    done = verified(server, alice, kept, "--batch", batch["id"])
    assert done.stdout == f"{len(listed)} matched, 0 changed, 0 missing, 0 new, 0 moved, 0 unreadable.\n"
    (there.parent / "beside").write_bytes(b"beside")
    (kept / "elsewhere").write_bytes(b"elsewhere")
    there.write_bytes(b"changed")
    done = verified(server, alice, kept, "--batch", batch["id"])
    assert done.returncode == 1
    beside = (there.parent / "beside").relative_to(kept)
    assert done.stdout.splitlines()[:-1] == [f"changed: {listed[0]['path']}", f"new: {beside}"]
    done = verified(server, alice, kept, "--event", batch["event"]["id"])
    assert f"changed: {listed[0]['path']}" in done.stdout.splitlines()
    other = next(each for each in batches if each["event"]["id"] != batch["event"]["id"])
    done = verified(server, alice, kept, "--event", other["event"]["id"], "--format", "jsonl")
    assert told_by(done)[0]["changed"] == set()
    done = verified(server, alice, kept, "--event", batch["id"])
    where = "the API tells the ids of a case's events and of their batches"
    assert (done.returncode, done.stderr) == (
        2,
        f"dossier: there is no event {batch['id']}, at least for you; {where}\n",
    )


@pytest.mark.slow
def test_what_was_read_is_not_read_again(server: Server, alice: Client, kept: Path, tmp_path: Path) -> None:
    case, state = only_case(alice)["id"], tmp_path / "state"
    assert verified(server, alice, kept, "--case", case, "--resume", state).returncode == 0
    lines = state.read_bytes().splitlines()
    assert len(lines) == 47
    state.write_bytes(b"\n".join(lines[:-1]) + b"\n" + lines[-1][:20])  # cut off in the middle
    # What the file says is taken, unless size, times or inode are others.
    path = kept / "empty"
    path.write_bytes(b"x")
    done = verified(server, alice, kept, "--case", case, "--resume", state)
    assert done.stdout.splitlines()[0] == "changed: empty"
    text = kept / "f0" / "g0" / "0.txt"
    state.write_bytes(state.read_bytes().replace(sha256(b"0").hexdigest().encode(), b"0" * 64))
    assert "changed: f0/g0/0.txt" in verified(server, alice, kept, "--case", case, "--resume", state).stdout
    text.write_bytes(b"0")
    os.utime(text, ns=(0, 0))
    assert "changed: f0/g0/0.txt" not in verified(server, alice, kept, "--case", case, "--resume", state).stdout
    text.write_bytes(b"1")
    os.utime(text, ns=(0, 0))
    assert "changed: f0/g0/0.txt" in verified(server, alice, kept, "--case", case, "--resume", state).stdout
    for name, told in (
        (kept / "state", "must not lie in the folder"),
        (text, "must not lie"),
        (__file__, "of another"),
    ):
        done = verified(server, alice, kept, "--case", case, "--resume", name)
        assert done.returncode == 2
        assert told in done.stderr
    assert not (kept / "state").exists()


@pytest.mark.slow
def test_hashes_are_kept_in_a_regular_file(server: Server, alice: Client, kept: Path, tmp_path: Path) -> None:
    given = ("--case", only_case(alice)["id"], "--resume")
    os.mkfifo(tmp_path / "fifo")
    for name, why in (
        (tmp_path / "fifo", "it is no regular file"),
        (Path("/dev/full"), "it is no regular file"),
        (Path("/dev/stderr"), "it is no regular file"),
        (tmp_path, "Is a directory"),
    ):
        done = verified(server, alice, kept, *given, name)
        assert (done.returncode, done.stderr) == (2, f"dossier: --resume: {name}: {why}\n")
    # Files of this shell may have so few blocks of 1,024 bytes that not all hashes find room.
    for blocks, why in ((4, "the hashes can't be kept: File too large"), (0, f"{tmp_path}/0: File too large")):
        limited = ("verify-files", kept, *given, tmp_path / f"{blocks}", "--url", f"{server.url}/graphql")
        done = subprocess.run(  # noqa: S603 - our own command
            ["/bin/bash", "-c", f'trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@"', DOSSIER, *limited],
            env=environment(DOSSIER_TOKEN=bearer(alice)),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert (done.returncode, done.stdout, done.stderr) == (2, "", f"dossier: --resume: {why}\n")
    (tmp_path / "long").write_bytes(b"")
    assert verified(server, alice, kept, *given, tmp_path / "long").returncode == 0
    with (tmp_path / "long").open("ab") as stream:
        stream.truncate(2 * 1024**3)
    assert verified(server, alice, kept, *given, tmp_path / "long").returncode == 0


@pytest.mark.usefixtures("walking_as_nobody")
def test_what_can_not_be_read_is_not_said_to_be_missing(
    server: Server, alice: Client, kept: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    below = sum(path.is_file() for path in (kept / "f0").rglob("*"))
    (kept / "f0").chmod(0)
    given = ("--url", f"{server.url}/graphql", "--token", bearer(alice))
    code = cli.main(["verify-files", str(kept), "--case", only_case(alice)["id"], *given])
    (kept / "f0").chmod(0o755)
    *unreadable, total = capfd.readouterr().out.splitlines()
    assert code == 2
    assert "unreadable: f0: Permission denied" in unreadable
    assert "unreadable: f0/g0/0.txt: a folder that it is in could not be read" in unreadable
    assert len(unreadable) == below + 1
    assert total == f"{46 - below} matched, 0 changed, 0 missing, 0 new, 0 moved, {below + 1} unreadable."


def test_a_case_without_manifests_is_not_compared(server: Server, alice: Client, tmp_path: Path) -> None:
    folder = planted(tmp_path / "tree", 3)
    assert hashed(f"{server.url}/graphql", alice, folder).is_whole
    done = verified(server, alice, folder, "--case", only_case(alice)["id"])
    assert (done.returncode, done.stderr) == (
        2,
        "dossier: there is no finished manifest to compare with; 'dossier collect --hash' makes them\n",
    )


@pytest.mark.usefixtures("walking_as_nobody")
def test_why_a_file_can_not_be_read_is_told_beside_its_path(
    server: Server, alice: Client, kept: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = kept / os.fsdecode(b"caf\xe9: it")
    folder.mkdir(0)
    given = ("--case", only_case(alice)["id"], "--url", f"{server.url}/graphql", "--token", bearer(alice))
    code = cli.main(["verify-files", str(kept), *given, "--format", "jsonl"])
    (told,) = (each for each in map(json.loads, capfd.readouterr().out.splitlines()) if each["kind"] == "unreadable")
    bytes_ = b64encode(b"caf\xe9: it").decode()
    assert told == {"kind": "unreadable", "path": r"caf\xe9: it", "pathBytes": bytes_, "why": "Permission denied"}
    assert cli.main(["verify-files", str(kept), *given]) == code == 2
    folder.chmod(0o755)
    assert r"unreadable: caf\xe9: it: Permission denied" in capfd.readouterr().out.splitlines()


def test_it_exits_as_cmp_does(server: Server, alice: Client, kept: Path, tmp_path: Path) -> None:
    case = only_case(alice)["id"]

    def code(folder: Path, *arguments: str | Path) -> int:
        return command(alice, "verify-files", folder, *arguments).returncode

    url = f"{server.url}/graphql"
    assert code(kept, "--case", case, "--url", url) == 0
    (kept / "empty").unlink()
    assert code(kept, "--case", case, "--url", url) == 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        assert code(kept, "--case", case, "--url", f"http://127.0.0.1:{taken.getsockname()[1]}/graphql") == 2
    assert code(kept, "--case", case, "--url", url, "--token", "none") == 2
    assert code(kept, "--case", case, "--url", url, "--token", " ") == 2
    assert code(tmp_path / "none", "--case", case, "--url", url) == 2
    assert code(kept, "--case", "none", "--url", url) == 2
    assert code(kept, "--url", url) == 2
    assert code(kept, "--case", case, "--url", url, "--resume", tmp_path) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("to", "code"), [("> /dev/full", 2), ("| true", 1)])
def test_what_differs_is_known_by_the_code_where_nobody_reads_it(
    server: Server, alice: Client, kept: Path, to: str, code: int
) -> None:
    (kept / "empty").unlink()
    given = ("verify-files", kept, "--case", only_case(alice)["id"], "--url", f"{server.url}/graphql")
    done = subprocess.run(  # noqa: S603 - our own command
        ["/bin/bash", "-o", "pipefail", "-c", f'"$0" "$@" {to}', DOSSIER, *given],
        env=environment(DOSSIER_TOKEN=bearer(alice)),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == code, done.stderr


@pytest.mark.slow
def test_few_descriptors_are_no_evidence(server: Server, alice: Client, tmp_path: Path) -> None:
    """A process that may open few files compares all the same; with fewer yet it says so, and nothing of the files."""
    folder = planted(tmp_path / "tree", 600)

    def limited(most: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        script = f'ulimit -n {most}; exec "$0" "$@"'
        return subprocess.run(  # noqa: S603 - our own command
            ["/bin/bash", "-c", script, DOSSIER, *arguments, "--url", f"{server.url}/graphql"],
            env=environment(DOSSIER_TOKEN=bearer(alice)),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    done = limited(64, "collect", folder, "--case-title", "T", "--hash")
    assert (done.returncode, done.stderr) == (0, "")
    assert recorded(alice) == sums(folder)
    done = limited(64, "verify-files", folder, "--case", only_case(alice)["id"])
    assert (done.returncode, done.stderr) == (0, "")


def test_running_out_of_descriptors_ends_it(
    server: Server, alice: Client, kept: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Opener, "open", fails)
    given = ("--case", only_case(alice)["id"], "--url", f"{server.url}/graphql", "--token", bearer(alice))
    assert cli.main(["verify-files", str(kept), *given]) == 2
    told = "dossier: Too many open files; allow this process more, with 'ulimit -n 1024'\n"
    assert capfd.readouterr() == ("", told)


def test_manifests_that_differ_are_compared_each_by_itself(server: Server, alice: Client, tmp_path: Path) -> None:
    """A case has two batches, which list `a` and `gone` as they were at two times, and `same` as it always was."""
    batch, folder = Batch(alice), tmp_path / "tree"
    folder.mkdir()
    later = alice.create_batch(batch.case, batch.event, label="Later")
    for id_, content in ((batch.id, "old"), (later, "newer")):
        batch.named["fileBatchId"] = id_
        assert batch.add(file("a", content), file("gone", content), file("same", "same"))["errors"] == []
        assert batch.finish(3)["errors"] == []
    for name, content in (("a", "newer"), ("same", "same"), ("moved", "old")):
        (folder / name).write_text(content)
    done = verified(server, alice, folder, "--case", batch.case)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "changed: a: it is as another manifest has it",
        "missing: gone",
        "moved: gone -> moved",
        "2 matched, 1 changed, 1 missing, 0 new, 1 moved, 0 unreadable.",
    ]
    done = verified(server, alice, folder, "--case", batch.case, "--format", "jsonl")
    of = {kind: {"size": len(kind), "sha256": sha256(kind.encode()).hexdigest()} for kind in ("old", "newer")}
    told = [each for each in map(json.loads, done.stdout.splitlines()) if each.get("path") == "a"]
    assert told == [
        {
            "kind": "changed",
            "path": "a",
            "recorded": of["old"],
            "found": of["newer"],
            "why": "it is as another manifest has it",
        },
        {"kind": "matched", "path": "a", "recorded": of["newer"], "found": of["newer"]},
    ]
    (folder / "moved").rename(folder / "gone")
    assert verified(server, alice, folder, "--batch", later).stdout.splitlines() == [
        "changed: gone",
        "2 matched, 1 changed, 0 missing, 0 new, 0 moved, 0 unreadable.",
    ]


def test_how_far_it_is_is_shown_on_a_terminal_alone(server: Server, alice: Client, kept: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(  # noqa: S603 - our own command
        [DOSSIER, "verify-files", kept, "--case", only_case(alice)["id"], "--url", f"{server.url}/graphql"],
        env=environment(DOSSIER_TOKEN=bearer(alice), TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=False,
        timeout=PATIENCE,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert re.match(r"\r\x1b\[Kread the records of \d+ files?\r", shown)
    assert shown.endswith("\r\x1b[K")
