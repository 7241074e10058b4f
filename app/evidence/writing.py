"""Lists of files as other programs check them.

- sha256sum: GNU coreutils, `sha256sum -c`. A name with a backslash, a line feed or a carriage return is escaped, and a
  backslash before its line says so. The name `-` it reads as that of its standard input.
- hashdeep: the file format of hashdeep 1.0, `hashdeep -c sha256 -l -r -a -k LIST .`, which calls a file in the present
  folder `./name`. A name may have neither line feeds nor carriage returns, and its reader takes lines of up to 2,047
  bytes.
- bagit: `manifest-sha256.txt` of RFC 8493, section 2.1.3. Of a path's characters it encodes LF, CR and %.
- csv (RFC 4180) and jsonl: with all that an entry says, for programs that read tables.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import orjson

from app.evidence.entries import CannotHoldError, Entry, base64_of, shown
from app.values import format_time

Writer: TypeAlias = Callable[[Iterable[Entry]], Iterator[bytes]]

COLUMNS: Final = ("path", "path_base64", "size", "modified_at", "sha256", "sha1", "md5")
"""The columns of a table of files."""

HASHDEEP = b"%%%% HASHDEEP-1.0"
_HASHDEEP_LINE = 2_047  # bytes that its reader takes, the line's end not counted
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sha256sum(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the lines of a list as sha256sum writes it, for sha256sum to check. Raises CannotHoldError."""

    def checked() -> Iterator[Entry]:
        for entry in entries:
            if entry.path == b"-":
                raise CannotHoldError("sha256sum", entry.path, "it stands for what is piped in")
            yield entry

    return digested(checked())


def digested(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the lines of a list as sha256sum writes it, of which a manifest's digest is made."""
    return map(line_of, entries)


def line_of(entry: Entry) -> bytes:
    """Return the line of sha256sum's list for a file."""
    path = entry.path.replace(b"\\", rb"\\").replace(b"\n", rb"\n").replace(b"\r", rb"\r")
    begin = b"\\" if path != entry.path else b""
    return b"%s%s  %s\n" % (begin, _hex("sha256sum", entry), path)


def hashdeep(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the lines of a list as hashdeep writes it. Raises CannotHoldError."""
    yield HASHDEEP + b"\n%%%% size,sha256,filename\n"
    for entry in entries:
        if entry.size is None:
            raise CannotHoldError("hashdeep", entry.path, "its size is not known")
        line = b"%d,%s,./%s" % (entry.size, _hex("hashdeep", entry), entry.path)
        if b"\n" in entry.path or b"\r" in entry.path:
            raise CannotHoldError("hashdeep", entry.path, "it has a line's end in it")
        if len(line) > _HASHDEEP_LINE:
            raise CannotHoldError("hashdeep", entry.path, f"its line has more than {_HASHDEEP_LINE:,} bytes")
        yield line + b"\n"


def bagit(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the lines of a bag's manifest of what is in its folder `data`. Raises CannotHoldError."""
    for entry in entries:
        try:
            entry.path.decode()
        except UnicodeDecodeError:
            # A bag's tag files are UTF-8, as its bagit.txt says.
            raise CannotHoldError("bagit", entry.path, "it is no UTF-8") from None
        path = entry.path.replace(b"%", b"%25").replace(b"\n", b"%0A").replace(b"\r", b"%0D")
        yield b"%s  data/%s\n" % (_hex("bagit", entry), path)


def as_csv(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield the lines of a table in CSV, its header first."""
    yield ",".join(COLUMNS).encode() + b"\r\n"
    line = io.StringIO(newline="")
    write = csv.writer(line).writerow
    for entry in entries:
        write(_row(entry).values())
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()


def jsonl(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield a JSON object for each file, one a line; what is not known is left out."""
    for entry in entries:
        yield orjson.dumps({name: value for name, value in _row(entry).items() if value is not None}) + b"\n"


def moment_of(microseconds: int) -> datetime:
    """Return the moment so many microseconds after 1970 in UTC. Raises OverflowError outside of years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(moment: datetime) -> int:
    """Return how many microseconds after 1970 in UTC a moment is."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _row(entry: Entry) -> dict[str, str | int | None]:
    modified = None if entry.modified is None else format_time(moment_of(entry.modified))
    hashes = (None if each is None else each.hex() for each in (entry.sha256, entry.sha1, entry.md5))
    values = (shown(entry.path), base64_of(entry.path), entry.size, modified, *hashes)
    return dict(zip(COLUMNS, values, strict=True))


def _hex(format_: str, entry: Entry) -> bytes:
    if entry.sha256 is None:
        raise CannotHoldError(format_, entry.path, "its SHA-256 is not known")
    return entry.sha256.hex().encode()


WRITERS: Final[Mapping[str, Writer]] = {
    "sha256sum": sha256sum,
    "hashdeep": hashdeep,
    "bagit": bagit,
    "csv": as_csv,
    "jsonl": jsonl,
}
"""What writes a list, by the format's name."""
