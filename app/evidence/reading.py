r"""Lists of files as other programs write them.

They are told apart by their first lines, never by a file's name; what could be read in two ways is refused. The rules:

- sha256sum, sha1sum, md5sum, and BSD's lines (`SHA256 (name) = …`): GNU coreutils, src/cksum.c. Lines of both forms,
  or of several hashes, never stand in one list.
- hashdeep: the file FILEFORMAT of hashdeep, version 1.0. A `./` with which a name begins is left out.
- bagit: RFC 8493, section 2.1.3. It looks as sha256sum does: where a name could be encoded, its format has to be given.
- bodyfile: Sleuth Kit's, version 3; `\\`, `\|`, `\/`, `\:` and `\xNN` are what dfimagetools' extended form has for a
  backslash, a bar, a slash, a colon and a byte. Any other backslash is refused, as nobody says what it stands for.
- mtree: mtree(5) of libarchive and of BSD; digits behind the dot of a time count nanoseconds.
- dfxml: Digital Forensics XML. A document type is refused, as an entity could stand for anything.
- csv and jsonl: what `writing` writes.

A bodyfile has no SHA-256, nor has a list of md5sum or sha1sum: their entries are None there.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, BinaryIO, Final, TypeAlias
from xml.parsers import expat

import orjson

from app.evidence.entries import HASHES, MAX_SIZE, Entry, NoListError, PassedOver, path_fault, path_of
from app.evidence.writing import COLUMNS, HASHDEEP, microseconds_of, moment_of
from app.values import parse_time, visible

Found: TypeAlias = Iterator[Entry | PassedOver]
Line: TypeAlias = tuple[int, bytes]

LONGEST: Final = 256 * 1024
"""How many bytes a line may have."""
MOST: Final = 512 * 1024**2
"""How many bytes a list may have: some four million files, which a server can just make one manifest of."""
TOO_LONG: Final = f"the list has more than {MOST:,} bytes; split it, and add each part to a batch of its own"
_AT_ONCE = 64 * 1024
_UNREAD = 3 * LONGEST  # expat may wait for twice as much as it has of a tag
_DEPTH = 100  # of elements in each other
_QUOTED = 40
_BOM = b"\xef\xbb\xbf"

_SUM = re.compile(rb"[ \t]*(\\?)([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}) (.+)", re.DOTALL)
_TAG = re.compile(rb"(\\?)(SHA256|SHA1|MD5) ?\((.+)\) ?= ?([0-9A-Fa-f]+)", re.DOTALL)
_BAG_CODE = re.compile(rb"%(0[AaDd]|25)")
_BAG_LINE = re.compile(rb"([0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})[ \t]+\*?(.+)", re.DOTALL)
_OTHER_END = "its line ends otherwise than those before, of LF and CR LF"
_SHA512_LINE = re.compile(rb"[0-9A-Fa-f]{128}[ \t]")
_BODY_CODE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.|$)", re.DOTALL)
_BODY_FIELDS = 11
_SECONDS = re.compile(rb"(-?\d{1,15})(?:\.(\d+))?")
_MTREE_CODE = re.compile(rb"\\([0-3][0-7]{2}|.|$)", re.DOTALL)
_MTREE_LETTERS = {b"s": b" ", b"t": b"\t", b"n": b"\n", b"r": b"\r", b"#": b"#", b"\\": b"\\", b"a": b"\a", b"b": b"\b"}
_MTREE_HASHES = {b"sha256digest": "sha256", b"sha256": "sha256", b"sha1digest": "sha1", b"sha1": "sha1"}
_MTREE_HASHES |= {b"md5digest": "md5", b"md5": "md5"}
_MTREE_KEYS = {b"type", b"size", b"time", *_MTREE_HASHES}

_OF_A_FILE = frozenset({"filename", "filesize", "mtime", "name_type", "alloc", "unalloc"})  # of DFXML, beside hashes


def read(stream: BinaryIO, format_: str | None = None) -> Found:
    """Yield what a list says of each file, in its order; its format is found out unless it is given.

    Raises NoListError at the line at fault.
    """
    begin = stream.read(_AT_ONCE)
    if begin in {b"", _BOM}:
        raise NoListError(1, "the list is empty")
    rest = chain([begin.removeprefix(_BOM)], iter(lambda: stream.read(_AT_ONCE), b""))
    name = format_ or format_of(begin)
    if name == "dfxml":
        yield from _dfxml(rest)
        return
    lines = _lines(rest)
    yield from _sums(_unlike_a_bag(lines)) if format_ is None and name == "sha256sum" else READERS[name](lines)


def format_of(begin: bytes) -> str:
    """Return the format of a list by its first lines. Raises NoListError."""
    text = begin.removeprefix(_BOM)
    if text.startswith(HASHDEEP):
        return "hashdeep"
    if re.match(rb"\s*<(\?xml|!|dfxml|fiwalk)", text):
        return "dfxml"
    lines = text.split(b"\n")
    if lines[0].startswith(b"#mtree"):
        return "mtree"
    number, line = next(
        ((number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith(b"#")),
        (len(lines), b""),
    )
    line = line.removesuffix(b"\r")
    for name, looks_so in _LOOKS.items():
        if looks_so(line):
            return name
    raise NoListError(number, "this is no list of files in a format that is known")


_LOOKS: Final[Mapping[str, Callable[[bytes], object]]] = {
    "jsonl": lambda line: line.startswith(b"{"),
    "csv": lambda line: line.split(b",")[0].strip(b'"') == COLUMNS[0].encode(),
    "sha256sum": _SUM.fullmatch,
    "bsd": _TAG.fullmatch,
    "bodyfile": lambda line: line.count(b"|") >= _BODY_FIELDS - 1,
    "mtree": lambda line: re.match(rb"/(un)?set\s|\S+(\s+\w+=\S*)*\s+(type|size|sha256digest|sha256|md5digest)=", line),
}


def _lines(chunks: Iterator[bytes]) -> Iterator[Line]:
    """Yield lines with their numbers and the LF that ends each but, it may be, the last."""
    number, left, size = 1, b"", 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST:
            raise NoListError(number, TOO_LONG)
        *whole, left = (left + chunk).split(b"\n")
        for line in whole:
            yield number, _short(number, line) + b"\n"
            number += 1
        _short(number, left)
    if left:
        yield number, left


def _short(number: int, line: bytes) -> bytes:
    if len(line) > LONGEST:
        raise NoListError(number, f"it has more than {LONGEST:,} bytes")
    return line


def _entry(line: int, path: bytes, **more: Any) -> Entry:
    if (fault := path_fault(path)) is not None:
        raise NoListError(line, f"the path {fault}")
    for name, length in HASHES.items():
        value = more.get(name)
        if isinstance(value, bytes) and len(value) != length:
            raise NoListError(line, f"this is no {name}, which has {length * 2} digits")
    size = more.get("size")
    if isinstance(size, int) and not 0 <= size <= MAX_SIZE:
        raise NoListError(line, "the size must be from 0 to 2^53 - 1")
    modified = more.get("modified")
    if isinstance(modified, int):
        try:
            moment_of(modified)
        except OverflowError:
            raise NoListError(line, "the time must be in the years 1 to 9999") from None
    return Entry(path, line=line, **more)


def _number(line: int, what: str, text: bytes) -> int:
    if re.fullmatch(rb"\d{1,19}", text) is None:
        raise NoListError(line, f"{what} is no number of bytes")
    return int(text)


def _telling(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield the lines that are neither blank nor comments, without what ends them."""
    return ((number, line) for number, line in _ended_alike(lines) if line.strip() and not line.startswith(b"#"))


def _ended_alike(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield lines without what ends them: LF or CR LF, as the first one has it. The last one may have no end.

    Where some have one and some the other, nobody can tell whether a CR is the end of a name. Raises NoListError.
    """
    end = None
    for number, line in lines:
        here = _end_of(line)
        end = end or here
        if here not in {end, b""}:
            raise NoListError(number, _OTHER_END)
        yield number, line.removesuffix(here)


def _end_of(line: bytes) -> bytes:
    return next((end for end in (b"\r\n", b"\n", b"\r") if line.endswith(end)), b"")


def _sums(lines: Iterator[Line]) -> Found:
    """Read what sha256sum, sha1sum and md5sum write."""
    length, is_reversed = 0, None
    for number, text in _telling(lines):
        match = _SUM.fullmatch(text)
        if match is None:
            raise NoListError(number, "this is no line of sha256sum, sha1sum or md5sum")
        escaped, digits, name = match.groups()
        is_plain = name[:1] not in {b" ", b"*"} or len(name) == 1
        if is_reversed is None:
            is_reversed = is_plain
        if is_reversed and not is_plain:
            raise NoListError(number, "the line is of another form than those before")
        if not is_reversed:
            if is_plain:
                raise NoListError(number, "the line is of another form than those before")
            name = name[1:]
        if length not in {0, len(digits)}:
            raise NoListError(number, "the hash is of another kind than those before")
        length = len(digits)
        yield _entry(number, _unescaped(number, name) if escaped else name, **_hash(digits))


def _unlike_a_bag(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield lines of which none can be of a bag's manifest and mean another name there. Raises NoListError."""
    in_bag = True
    for number, line in lines:
        match = _BAG_LINE.fullmatch(line.removesuffix(_end_of(line)))
        if match is None:
            in_bag = in_bag and (not line.strip() or line.startswith(b"#"))
        else:
            in_bag = in_bag and match[2].startswith(b"data/")
        if in_bag and match is not None and _BAG_CODE.search(match[2]):
            raise NoListError(
                number, "% may be itself, as sha256sum writes it, or a code of a bag's; say which format it is"
            )
        yield number, line


def _unescaped(line: int, name: bytes) -> bytes:
    def of(code: re.Match[bytes]) -> bytes:
        found = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}.get(code[1])
        if found is None:
            raise NoListError(line, "a backslash in the name stands for nothing")
        return found

    return re.sub(rb"\\(.|$)", of, name, flags=re.DOTALL)


def _hash(digits: bytes) -> dict[str, bytes]:
    name = next(name for name, length in HASHES.items() if length * 2 == len(digits))
    return {name: bytes.fromhex(digits.decode())}


def _bsd(lines: Iterator[Line]) -> Found:
    """Read what BSD's sha256 and `sha256sum --tag` write."""
    kind = None
    for number, text in _telling(lines):
        match = _TAG.fullmatch(text)
        if match is None or len(match[4]) != HASHES[match[2].lower().decode()] * 2:
            raise NoListError(number, "this is no line such as `SHA256 (name) = …`")
        if kind not in {None, match[2]}:
            raise NoListError(number, "the hash is of another kind than those before")
        kind = match[2]
        name = _unescaped(number, match[3]) if match[1] else match[3]
        yield _entry(number, name, **_hash(match[4]))


def _bagit(lines: Iterator[Line]) -> Found:
    """Read a bag's manifest; the paths are those in its folder `data`."""
    for number, line in _ended_alike(lines):
        match = _BAG_LINE.fullmatch(line)
        if match is None and _SHA512_LINE.match(line):
            raise NoListError(number, "the hash is a SHA-512; read the bag's manifest-sha256.txt, if it has one")
        if match is None or not match[2].startswith(b"data/"):
            raise NoListError(number, "this is no line of a bag's manifest, such as `<hash>  data/name`")
        name = _BAG_CODE.sub(lambda code: bytes.fromhex(code[1].decode()), match[2].removeprefix(b"data/"))
        yield _entry(number, name, **_hash(match[1]))


def _hashdeep(lines: Iterator[Line]) -> Found:
    """Read what hashdeep writes. Where lines end as in Windows, that is so from the first line on."""
    (_, first), (_, second) = next(lines, (1, b"")), next(lines, (2, b""))
    end = b"\r\n" if first.endswith(b"\r\n") else b"\n"
    columns = second.removesuffix(end).removeprefix(b"%%%% ").replace(b"-", b"").decode("ascii", "replace").split(",")
    if not second.startswith(b"%%%% ") or columns[0] != "size" or columns[-1] != "filename":
        raise NoListError(2, "hashdeep's second line tells the columns, as in `%%%% size,md5,sha256,filename`")
    for number, line in lines:
        text = line.removesuffix(end)
        if text.endswith(b"\n"):
            raise NoListError(number, _OTHER_END)
        if not text or text.startswith(b"#"):
            continue
        values = dict(zip(columns, text.split(b",", len(columns) - 1), strict=False))
        if len(values) < len(columns):
            raise NoListError(number, f"it must have {len(columns)} values, as the second line tells")
        hashes = {name: _digits(number, values[name]) for name in HASHES if name in values}
        name = values["filename"].removeprefix(b"./")
        yield _entry(number, name, size=_number(number, "the size", values["size"]), **hashes)


def _digits(line: int, text: bytes) -> bytes:
    # bytes.fromhex by itself takes blanks between digits.
    if re.fullmatch(rb"([0-9A-Fa-f]{2})*", text) is None:
        raise NoListError(line, "a hash has digits from 0 to f")
    return bytes.fromhex(text.decode())


def _bodyfile(lines: Iterator[Line]) -> Found:
    """Read a bodyfile; a line of a folder, of a link, or of what was deleted is passed over."""
    for number, text in _telling(lines):
        fields = re.split(rb"(?<!\\)\|", text.replace(rb"\\", b"\0"))
        if len(fields) != _BODY_FIELDS or b"\0" in text:
            raise NoListError(number, f"a line of a bodyfile has {_BODY_FIELDS} fields, not {len(fields)}")
        md5, name, _, mode, *_, size, _, modified, _, _ = fields
        path = _from_bodyfile(number, name.replace(b"\0", rb"\\"))
        if path.endswith(b" ($FILE_NAME)"):
            yield PassedOver(number, path, "a second entry of the same file")
        elif path.endswith((b" (deleted)", b" (deleted-realloc)")):
            yield PassedOver(number, path, "deleted")
        elif re.match(rb"(r/|-/|-)[r-]", mode) is None:
            yield PassedOver(number, path, "no regular file")
        else:
            digest = None if md5 in {b"", b"0"} else _digits(number, md5)
            known = _number(number, "the size", size) if size else None
            yield _entry(number, path, size=known, modified=_seconds(number, modified), md5=digest)


def _from_bodyfile(line: int, name: bytes) -> bytes:
    def of(code: re.Match[bytes]) -> bytes:
        if code[1] in {b"\\", b"|", b"/", b":"}:
            return code[1]
        if len(code[1]) == 3:
            return bytes.fromhex(code[1][1:].decode())
        raise NoListError(line, "a backslash in the name stands for nothing")

    return _BODY_CODE.sub(of, name)


def _seconds(line: int, text: bytes) -> int | None:
    """Return microseconds since 1970, rounded down; None for 0, which says that the time is not known."""
    if text in {b"", b"0"}:
        return None
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise NoListError(line, "a time is a number of seconds since 1970")
    fraction = int((match[2] or b"")[:9].ljust(9, b"0"))
    return (int(match[1]) * 10**9 + (-fraction if text.startswith(b"-") else fraction)) // 1_000


def _mtree(lines: Iterator[Line]) -> Found:
    """Read an mtree specification, its paths as those from its root."""
    defaults: dict[bytes, bytes] = {}
    folder = b""
    for number, line in _joined(lines):
        words = line.split()
        if not words or words[0].startswith(b"#"):
            continue
        keys = dict(word.partition(b"=")[::2] for word in words[1:])
        given = {key: of for key, of in keys.items() if key in _MTREE_KEYS}
        if words[0] == b"/set":
            defaults |= given
            continue
        if words[0] == b"/unset":
            defaults = {} if b"all" in keys else {key: of for key, of in defaults.items() if key not in keys}
            continue
        if words[0] == b"..":
            folder = folder[: folder.rfind(b"/", 0, -1) + 1]
            continue
        name, values = _from_mtree(number, words[0]), {**defaults, **given}
        kind, is_whole = values.get(b"type", b"file"), b"/" in name
        path = name.removeprefix(b"./") if is_whole else folder + name
        if (fault := path_fault(path)) is not None:
            raise NoListError(number, f"the path {fault}")
        if kind == b"dir":
            if not is_whole and name != b".":
                folder = path + b"/"
            continue
        if kind != b"file":
            yield PassedOver(number, path, "no regular file")
            continue
        hashes = {_MTREE_HASHES[key]: _digits(number, of) for key, of in values.items() if key in _MTREE_HASHES}
        size = _number(number, "the size", values[b"size"]) if b"size" in values else None
        yield _entry(number, path, size=size, modified=_mtree_time(number, values.get(b"time")), **hashes)


def _joined(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield lines, those that end with a backslash with the ones behind."""
    begun: list[bytes] = []
    start = size = 0
    for number, line in lines:
        text = line.removesuffix(_end_of(line))
        if not begun:
            start, size = number, 0
        goes_on = text.endswith(b"\\") and not text.endswith(rb"\\")
        begun.append(text[:-1] if goes_on else text)
        size += len(text)
        if size > LONGEST:
            raise NoListError(start, f"it and those that it goes on in have more than {LONGEST:,} bytes")
        if not goes_on:
            yield start, b" ".join(begun)
            begun = []
    if begun:
        yield start, b" ".join(begun)


def _from_mtree(line: int, name: bytes) -> bytes:
    def of(code: re.Match[bytes]) -> bytes:
        if len(code[1]) == 3:
            return bytes([int(code[1], 8)])
        found = _MTREE_LETTERS.get(code[1])
        if found is None:
            raise NoListError(line, "a backslash in the name stands for nothing")
        return found

    return _MTREE_CODE.sub(of, name)


def _mtree_time(line: int, text: bytes | None) -> int | None:
    if text is None:
        return None
    match = _SECONDS.fullmatch(text)
    if match is None or len(match[2] or b"") > 9:
        raise NoListError(line, "a time is a number of seconds since 1970 and one of nanoseconds")
    return int(match[1]) * 1_000_000 + int(match[2] or 0) // 1_000


def _as_csv(lines: Iterator[Line]) -> Found:
    """Read a table in CSV with the columns that `writing` gives it, of which all but the path may be missing."""
    place = size = 0

    def texts() -> Iterator[str]:
        nonlocal place, size
        for number, line in lines:
            place = number
            size += len(line)
            if size > LONGEST:
                raise NoListError(number, f"its row has more than {LONGEST:,} bytes")
            try:
                yield line.decode()
            except UnicodeDecodeError:
                raise NoListError(number, "a table must be in UTF-8") from None

    rows = csv.reader(texts(), strict=True)
    try:
        columns = next(rows, [])
        if COLUMNS[0] not in columns:
            raise NoListError(1, f"a table of files has a column {COLUMNS[0]}, which its first line names")
        if len({*columns}) < len(columns):
            raise NoListError(1, "a table of files has each column once")
        if unknown := [name for name in columns if name not in COLUMNS]:
            raise NoListError(1, f"a table of files has no column {unknown[0]!r}; its columns are {', '.join(COLUMNS)}")
        size = 0
        for row in rows:
            size = 0
            if row and len(row) != len(columns):
                raise NoListError(place, f"it must have {len(columns)} values, as the first line has")
            if row:
                yield _of_row(place, dict(zip(columns, row, strict=True)))
    except csv.Error as error:
        raise NoListError(place, f"this is no CSV: {error}") from None


def _jsonl(lines: Iterator[Line]) -> Found:
    for number, line in lines:
        if line.strip():
            yield _of_row(number, _from_json(number, line))


def _from_json(line: int, text: bytes) -> dict[str, str]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise NoListError(line, "this is no JSON") from None
    if not isinstance(row, dict) or not row.keys() <= {*COLUMNS}:
        raise NoListError(line, f"it must be an object with no members but {', '.join(COLUMNS)}")
    # Of members of one name it has the last, and others have the first.
    if _members(text) > len(row):
        raise NoListError(line, "the object has a member twice")
    for name, value in row.items():
        wanted, noun = (int, "an integer") if name == "size" else (str, "a string")
        if value is not None and type(value) is not wanted:
            raise NoListError(line, f"`{name}` must be {noun}, or null")
    return {name: "" if value is None else str(value) for name, value in row.items()}


def _members(text: bytes) -> float:
    """Return how many members an object in JSON has; more than any has where one goes too deep to be counted."""
    try:
        return len(json.loads(text, object_pairs_hook=list))
    except RecursionError:
        return math.inf


def _of_row(line: int, row: Mapping[str, str]) -> Entry:
    try:
        path = path_of(row.get("path", ""), row.get("path_base64"))
    except ValueError as error:
        raise NoListError(line, str(error)) from None
    size = _number(line, "the size", row["size"].encode()) if row.get("size") else None
    hashes = {name: _digits(line, row[name].encode()) for name in HASHES if row.get(name)}
    return _entry(line, path, size=size, modified=_moment(line, row.get("modified_at", "")), **hashes)


def _moment(line: int, text: str) -> int | None:
    """Return microseconds since 1970; None where no time is told."""
    if not text:
        return None
    try:
        moment: datetime = parse_time(text)
    except ValueError as error:
        raise NoListError(line, f"the time is none: {error}") from None
    return microseconds_of(moment)


class _Dfxml:
    """What a DFXML document says of files, as its parser comes to it."""

    def __init__(self) -> None:
        self.found: list[Entry | PassedOver] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._fed = 0
        self._space = ""  # the namespace of DFXML, which documents call what they like
        self._path: list[str] = []
        self._file: dict[str, str] | None = None
        self._key: str | None = None  # what of a file is being read: the name of an element, or of a hash
        self._words: list[str] = []
        self._size, self._line = 0, 0

    def feed(self, data: bytes, *, is_last: bool = False) -> None:
        """Take the next bytes. Raises NoListError."""
        try:
            self._parser.Parse(data, is_last)
        except NoListError:
            raise
        except expat.ExpatError as error:
            raise NoListError(error.lineno, f"this is no XML: {expat.ErrorString(error.code)}") from None
        except (ValueError, LookupError):  # of Python's codecs
            raise self._fault("its encoding is none that is read; make it UTF-8") from None
        # What is not yet whole is kept, and looked at from its beginning each time.
        self._fed += len(data)
        if self._fed > MOST:
            raise self._fault(TOO_LONG)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > _UNREAD and not is_last:
            raise self._fault(f"a tag or a comment has more than {LONGEST:,} bytes")

    def _fault(self, why: str) -> NoListError:
        return NoListError(self._parser.CurrentLineNumber, why)

    def _doctype(self, *_: object) -> None:
        raise self._fault("it has a document type, which is refused")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._path:
            self._space = space
            if local not in {"dfxml", "fiwalk"}:
                raise self._fault(f"its first element is `{visible(local[:_QUOTED])}`, and of DFXML `dfxml`")
        if self._key is not None:
            raise self._fault(f"`{self._path[-1]}` has an element in it")
        if len(self._path) == _DEPTH:
            raise self._fault(f"its elements are more than {_DEPTH} deep")
        if space != self._space:
            local = name
        parent = self._path[-1] if self._path else ""
        self._path.append(local)
        if local == "fileobject":
            if self._file is not None:
                raise self._fault("a file is in another one")
            self._file, self._line = {}, self._parser.CurrentLineNumber
        elif self._file is not None and parent == "fileobject":
            is_hash = local == "hashdigest"
            key = attributes.get("type", "").lower().replace("-", "") if is_hash else local
            if key in (HASHES if is_hash else _OF_A_FILE):
                if key in self._file:
                    raise self._fault(f"a file has two of `{local}`")
                self._key, self._words, self._size = key, [], 0

    def _text(self, text: str) -> None:
        if self._key is not None:
            self._words.append(text)
            self._size += len(text)
            if self._size > LONGEST:
                raise self._fault(f"`{self._path[-1]}` has more than {LONGEST:,} bytes")

    def _end(self, _: str) -> None:
        local = self._path.pop()
        if self._file is None:
            return
        if self._key is not None:
            self._file[self._key] = "".join(self._words)
            self._key = None
        elif local == "fileobject":
            self.found.append(_of_fileobject(self._line, self._file))
            self._file = None


def _of_fileobject(line: int, given: Mapping[str, str]) -> Entry | PassedOver:
    path = given.get("filename", "").encode()
    if given.get("name_type", "r") not in {"r", "-"}:
        return PassedOver(line, path, "no regular file")
    if given.get("unalloc") == "1" or given.get("alloc") == "0":
        return PassedOver(line, path, "deleted")
    size = _number(line, "the size", given["filesize"].strip().encode()) if "filesize" in given else None
    hashes = {name: _digits(line, given[name].strip().encode()) for name in HASHES if given.get(name)}
    text = given.get("mtime", "").strip()
    is_number = _SECONDS.fullmatch(text.encode())
    modified = _seconds(line, text.encode()) if is_number else _moment(line, text)
    return _entry(line, path, size=size, modified=modified, **hashes)


def _dfxml(chunks: Iterator[bytes]) -> Found:
    document = _Dfxml()
    for chunk in chunks:
        document.feed(chunk)
        yield from document.found
        document.found.clear()
    document.feed(b"", is_last=True)
    yield from document.found


READERS: Final[Mapping[str, Callable[[Iterator[Line]], Found]]] = {
    "sha256sum": _sums,
    "bsd": _bsd,
    "bagit": _bagit,
    "hashdeep": _hashdeep,
    "bodyfile": _bodyfile,
    "mtree": _mtree,
    "csv": _as_csv,
    "jsonl": _jsonl,
}
"""What reads a list, by the format's name; DFXML is read by `read` itself."""
