"""Hashes of files' contents, each file read once from its beginning to its end, several files at a time."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, local
from typing import Final, TypeVar

T = TypeVar("T")

BLOCK: Final = 1024 * 1024
"""How many bytes are read at once."""
_AHEAD: Final = 2  # shares that wait for each thread
_TOGETHER: Final = 32  # files in a share
_PART: Final = 4  # of the descriptors that a process may have, one in so many is for files that wait


@dataclass(frozen=True, slots=True)
class Hashed:
    """What a file had in it: its size in bytes, and its SHA-256.

    `has_changed` where somebody wrote to it meanwhile: then the hash is none of what is there, or ever was.
    """

    size: int
    sha256: bytes
    has_changed: bool


class _Buffers(local):
    """A block of memory for each thread."""

    def __init__(self) -> None:
        self.block = bytearray(BLOCK)


_buffers = _Buffers()


def hash_of(descriptor: int, stopped: Event | None = None) -> Hashed:
    """Return the hash of an open file, and close it. Raises OSError, also when it is stopped."""
    try:
        before = os.fstat(descriptor)
        digest = hashlib.sha256(usedforsecurity=False)
        block, size = memoryview(_buffers.block), 0
        while count := os.readv(descriptor, [block]):
            digest.update(block[:count])
            size += count
            if stopped is not None and stopped.is_set():
                raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    has_changed = _state(before) != _state(after) or size != after.st_size
    return Hashed(size, digest.digest(), has_changed)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def hash_each(files: Iterable[tuple[T, int, int]], *, threads: int) -> Iterator[tuple[T, Hashed | OSError]]:
    """Yield what `hash_of` says of each open file, in their order, or why it could not be read.

    A file is given as whatever it is known by, its descriptor, and its size as far as that is known. Files are taken a
    little ahead of what is yielded, small ones many at once, and each is closed.
    """
    waiting: deque[tuple[list[T], Future[list[Hashed | OSError]]]] = deque()
    stopped = Event()  # whoever stops taking what is yielded doesn't wait for the end of a large file
    with ThreadPoolExecutor(threads, thread_name_prefix="hashing") as pool:
        try:
            for some in _shares(files, _most_together(threads)):
                descriptors = [descriptor for _, descriptor, _ in some]
                waiting.append(([what for what, _, _ in some], pool.submit(_tried_each, descriptors, stopped)))
                if len(waiting) > threads * _AHEAD:
                    yield from _done(*waiting.popleft())
            while waiting:
                yield from _done(*waiting.popleft())
        finally:
            stopped.set()


def _most_together(threads: int) -> int:
    """Return how many files a share may have, of all of which the descriptors are open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _TOGETHER
    shares = threads * _AHEAD + 1
    return max(1, min(_TOGETHER, soft // _PART // shares))


def _shares(files: Iterable[tuple[T, int, int]], most: int) -> Iterator[list[tuple[T, int, int]]]:
    """Yield files, as many at once as are read as fast as one of a block; handing each over takes longer than that."""
    some: list[tuple[T, int, int]] = []
    size = 0
    for file in files:
        some.append(file)
        size += file[2]
        if size >= BLOCK or len(some) == most:
            yield some
            some, size = [], 0
    if some:
        yield some


def _done(some: list[T], future: Future[list[Hashed | OSError]]) -> Iterator[tuple[T, Hashed | OSError]]:
    yield from zip(some, future.result(), strict=True)


def _tried_each(descriptors: Sequence[int], stopped: Event) -> list[Hashed | OSError]:
    return [_tried(descriptor, stopped) for descriptor in descriptors]


def _tried(descriptor: int, stopped: Event) -> Hashed | OSError:
    try:
        return hash_of(descriptor, stopped)
    except OSError as error:
        return error
