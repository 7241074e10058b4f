"""What lies in a folder: every entry below it is looked at once, and none is followed or read.

The walk goes by descriptors of folders, never by paths, so that no path is too long for it and nothing that is put
into the way meanwhile, such as a link in place of a folder, leads it out of the folder.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from app.errors import DossierError
from app.evidence.entries import printed
from app.values import visible

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KEPT_OPEN = 8  # folders above the present one, beside the topmost; a process may have few descriptors
_PATH_LENGTH = 2_000  # characters of a path in a note
_KINDS = (
    (stat.S_ISLNK, "link"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """A folder that was walked: the name that it has in its parent, and its number in the order of the walk.

    `depth` is how many folders it is below the one that was walked.
    """

    parent: Folder | None
    name: bytes
    number: int
    depth: int = 0

    def at_most(self, depth: int | None) -> Folder:
        """Return this folder, or the one above it that is so many folders deep."""
        folder = self
        while depth is not None and folder.depth > depth and folder.parent is not None:
            folder = folder.parent
        return folder

    def names(self) -> list[bytes]:
        """Return the names on the way from the folder that was walked to this one; none for that folder."""
        names = []
        folder = self
        while folder.parent is not None:
            names.append(folder.name)
            folder = folder.parent
        return names[::-1]

    def path(self, name: bytes = b"") -> bytes:
        """Return the path from the folder that was walked to this one, or to a name in it; empty for that folder."""
        return b"/".join(self.names() + ([name] if name else []))


@dataclass(slots=True)
class _Level:
    """A folder on the way to the present one; `descriptor` is -1 when it is closed, `below` what is still to walk."""

    place: Folder
    descriptor: int
    device: int
    inode: int
    below: list[bytes] = field(default_factory=list)


class Unreadable(NamedTuple):
    """An entry that could not be read: its path, empty for the folder that is walked, and why not."""

    path: bytes
    reason: str

    def __str__(self) -> str:
        """Return it as a line."""
        return f"{_shown(self.path) or 'the folder itself'}: {self.reason}"


class Walk:
    """A walk through the folder at `path`; `name` is what it is called, with a slash, as no path below it ends.

    When it has been walked, `unreadable` has the entries that could not be looked at, `passed_over` how many entries of
    which kind are neither files nor folders and `passed_over_names` a line for each, `entered` the paths at which other
    file systems begin, and `left_out` those that were not entered because of `one_file_system`.
    """

    def __init__(self, folder: str, *, one_file_system: bool = False, check: Callable[[], None] = lambda: None) -> None:
        """Open the folder; `check` is called at each entry and may raise. Raises DossierError."""
        shown = visible(folder) or "''"
        try:
            descriptor = os.open(folder, _OPEN)
        except (FileNotFoundError, NotADirectoryError):
            raise DossierError(f"{shown} is not a folder") from None
        except OSError as error:
            raise DossierError(f"{shown} can't be listed: {error.strerror}; check who may read it") from None
        status = os.fstat(descriptor)
        self.path = _absolute(folder)
        self.name = self.path.rpartition(b"/")[2] + b"/"
        self.unreadable: list[Unreadable] = []
        self.passed_over: Counter[str] = Counter()
        self.passed_over_names: list[str] = []
        self.entered: list[str] = []
        self.left_out: list[str] = []
        self.one_file_system = one_file_system
        self._check = check
        self._places = 1
        self._folder = os.dup(descriptor)  # the walk closes the other at its end
        self._levels = [_Level(Folder(None, b"", 0), descriptor, status.st_dev, status.st_ino)]
        self._above = {(status.st_dev, status.st_ino)}

    def close(self) -> None:
        """Close what is open."""
        for level in self._levels:
            _close(level)
        self._levels.clear()
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def files(self) -> Iterator[tuple[Folder, bytes, os.stat_result]]:
        """Yield the regular files, each with the folder it lies in and its name there."""
        yield from self._list(self._levels[-1])
        while self._levels:
            self._check()
            if not self._levels[-1].below:
                self._leave()
                continue
            child = self._enter(self._levels[-1], self._levels[-1].below.pop())
            if child is not None:
                self._levels.append(child)
                self._above.add((child.device, child.inode))
                if len(self._levels) > _KEPT_OPEN:
                    _close(self._levels[-_KEPT_OPEN])
                yield from self._list(child)

    def opener(self) -> Opener:
        """Return what opens files that were found."""
        return Opener(os.dup(self._folder))

    def note(self, place: Folder, name: bytes, reason: str | None) -> None:
        """Note that an entry could not be read."""
        self.unreadable.append(Unreadable(place.path(name), reason or "it could not be looked at"))

    def fail(self, place: Folder, name: bytes, error: OSError) -> None:
        """Note that an entry could not be read, where that says something of it and not of this process.

        Raises DossierError where this process may open no more files.
        """
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            raise DossierError(f"{error.strerror}; allow this process more, with 'ulimit -n 1024'") from None
        self.note(place, name, error.strerror)

    def _list(self, level: _Level) -> Iterator[tuple[Folder, bytes, os.stat_result]]:
        names: set[bytes] = set()
        try:
            with os.scandir(level.descriptor) as entries:
                for entry in entries:
                    self._check()
                    names.add(os.fsencode(entry.name))
        except OSError as error:
            self.fail(level.place, b"", error)
        for name in sorted(names):
            self._check()
            try:
                status = os.stat(name, dir_fd=level.descriptor, follow_symlinks=False)
            except OSError as error:
                self.fail(level.place, name, error)
                continue
            if stat.S_ISREG(status.st_mode):
                yield level.place, name, status
            elif stat.S_ISDIR(status.st_mode):
                level.below.append(name)
            else:
                kind = next((kind for is_kind, kind in _KINDS if is_kind(status.st_mode)), "entry of another kind")
                self.passed_over[kind] += 1
                self.passed_over_names.append(f"{_shown(level.place.path(name))}: {kind}")
        level.below.reverse()

    def _enter(self, parent: _Level, name: bytes) -> _Level | None:
        try:
            descriptor = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=parent.descriptor)
        except OSError as error:
            self.fail(parent.place, name, error)
            return None
        status = os.fstat(descriptor)
        child = _Level(
            Folder(parent.place, name, self._places, parent.place.depth + 1), descriptor, status.st_dev, status.st_ino
        )
        self._places += 1
        if child.device != parent.device:
            crossed = self.left_out if self.one_file_system else self.entered
            crossed.append(_shown(parent.place.path(name)))
        if (child.device, child.inode) in self._above:
            self.note(parent.place, name, "the folder lies in itself")
        elif child.device == parent.device or not self.one_file_system:
            return child
        _close(child)
        return None

    def _leave(self) -> None:
        """Go back to the folder above, which may have been closed meanwhile."""
        child = self._levels.pop()
        self._above.discard((child.device, child.inode))
        if self._levels and self._levels[-1].descriptor < 0:
            parent = self._levels[-1]
            parent.descriptor = self._reopened(child)
            if parent.descriptor < 0:
                for name in reversed(parent.below):
                    self.note(parent.place, name, "the folder it is in was moved meanwhile")
                parent.below.clear()
        _close(child)

    def _reopened(self, child: _Level) -> int:
        """Return a descriptor of the last level, below which `child` is or was; -1 when it can't be found any more."""
        found = self._opened(b"..", child.descriptor, self._levels[-1]) if child.descriptor >= 0 else -1
        if found >= 0:
            return found
        topmost = self._levels[0]
        found = self._opened(b".", topmost.descriptor, topmost)
        for level in self._levels[1:]:
            if found < 0:
                break
            above, found = found, self._opened(level.place.name, found, level)
            os.close(above)
        return found

    def _opened(self, name: bytes, above: int, level: _Level) -> int:
        """Return a descriptor for a name, or -1 when it isn't the folder of that level."""
        try:
            descriptor = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=above)
        except OSError:
            return -1
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) == (level.device, level.inode):
            return descriptor
        os.close(descriptor)
        return -1


class Opener:
    """Opens files below a folder by where they were found; nothing that is put into the way since leads elsewhere.

    The folder of the last file stays open, as the next one is often in it.
    """

    def __init__(self, topmost: int) -> None:
        """Take the descriptor of the folder that was walked, which is closed with this."""
        self._topmost = topmost
        self._place: Folder | None = None
        self._descriptor = -1

    def open(self, place: Folder, name: bytes) -> int:
        """Return a descriptor to read a file by, which the caller closes. Raises OSError."""
        if place is not self._place:
            self._leave()
            self._descriptor, self._place = self._folder(place), place
        # A FIFO that is there by now would have us wait for somebody to write to it.
        return os.open(name, _READ, dir_fd=self._descriptor)

    def close(self) -> None:
        """Close what is open."""
        self._leave()
        os.close(self._topmost)

    def _folder(self, place: Folder) -> int:
        found = os.dup(self._topmost)
        for name in place.names():
            try:
                below = os.open(name, _OPEN | os.O_NOFOLLOW, dir_fd=found)
            finally:
                os.close(found)
            found = below
        return found

    def _leave(self) -> None:
        if self._place is not None:
            os.close(self._descriptor)
            self._place = None


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, without its middle if it has more."""
    if len(text) <= most:
        return text
    left_out = f"…({len(text):,} characters in all)…"
    kept = most - len(left_out)
    return text[: kept // 2] + left_out + text[len(text) - (kept - kept // 2) :]


def _shown(path: bytes) -> str:
    return shortened(printed(path), _PATH_LENGTH)


def _absolute(folder: str) -> bytes:
    try:
        return os.path.realpath(os.fsencode(folder))
    except OSError:
        return os.fsencode(folder)  # the present folder was deleted, or its path is too long to be told


def _close(level: _Level) -> None:
    if level.descriptor >= 0:
        os.close(level.descriptor)
        level.descriptor = -1
