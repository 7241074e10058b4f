"""Files are hashed as others hash them, each once, and what changes meanwhile is noticed."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.manifests import threads
from app.evidence.hashing import BLOCK, Hashed, hash_each, hash_of

SIZES = [0, 1, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, *range(100)]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for place, size in enumerate(SIZES):
        path = tmp_path / str(place)
        path.write_bytes(bytes((place + offset) % 256 for offset in range(min(size, 300))).ljust(size, b"x"))
        paths.append(path)
    return paths


def descriptors() -> int:
    """Return how many are open, where the system tells."""
    told = Path("/proc/self/fd")
    return len([*told.iterdir()]) if told.exists() else 0


def opened(paths: list[Path]) -> Iterator[tuple[Path, int, int]]:
    for path in paths:
        yield path, os.open(path, os.O_RDONLY), path.stat().st_size


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_is_hashed_in_order_and_closed(files: list[Path], threads: int) -> None:
    before = descriptors()
    assert [*hash_each(opened(files), threads=threads)] == [
        (path, Hashed(len(content), hashlib.sha256(content).digest(), has_changed=False))
        for path in files
        for content in (path.read_bytes(),)
    ]
    assert descriptors() == before


@pytest.mark.parametrize("threads", [2, 8])
def test_few_are_open_at_once_where_a_process_may_have_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    paths = [tmp_path / str(number) for number in range(2_000)]
    for path in paths:
        path.touch()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 1024))
    before = most = descriptors()

    def counted() -> Iterator[tuple[Path, int, int]]:
        nonlocal most
        for file in opened(paths):
            most = max(most, descriptors())
            yield file

    assert len([*hash_each(counted(), threads=threads)]) == 2_000
    assert most - before < 24


@pytest.mark.parametrize("threads", [1, 3])
def test_what_cannot_be_read_is_told_and_the_others_are_hashed(tmp_path: Path, threads: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a")
    paths = [file, tmp_path, file]
    (_, one), (where, error), (_, other) = hash_each(opened(paths), threads=threads)
    assert one == other == Hashed(1, hashlib.sha256(b"a").digest(), has_changed=False)
    assert where == tmp_path
    assert isinstance(error, IsADirectoryError)


@pytest.mark.parametrize("how", ["appended", "cut off", "overwritten"])
def test_a_file_that_changes_while_it_is_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * (2 * BLOCK))
    readv = os.readv

    def change_after_the_first(descriptor: int, blocks: list[memoryview]) -> int:
        count = readv(descriptor, blocks)
        monkeypatch.setattr(os, "readv", readv)
        match how:
            case "appended":
                with file.open("ab") as written:
                    written.write(b"y")
            case "cut off":
                os.truncate(file, BLOCK)
            case _:
                os.utime(file, ns=(0, 0))
        return count

    monkeypatch.setattr(os, "readv", change_after_the_first)
    assert hash_of(os.open(file, os.O_RDONLY)).has_changed


def test_processors_are_counted_where_the_system_does_not_tell_which_may_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert threads() == 3
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads() == 1
