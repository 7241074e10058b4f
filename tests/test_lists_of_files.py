"""Lists of files: what is written is read again as it was, by Dossier and by the programs whose formats they are."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from hashlib import md5, sha1, sha256
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evidence import READ, WRITTEN, reading
from app.evidence.entries import CannotHoldError, Entry, NoListError, PassedOver, base64_of, path_of, shown
from app.evidence.reading import LONGEST, READERS, format_of, read
from app.evidence.writing import WRITERS

CONTENT = b"content"
NAMES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text(min_size=1, max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from([*"\\\r\n%,|* \t\"'(){}=#a", "data/", "%0A", "%25", "\\n", "é"]), min_size=1).map(
        lambda parts: "".join(parts).encode()
    ),
).filter(lambda name: b"\0" not in name)
HASHED = {"sha256": sha256(CONTENT).digest(), "sha1": sha1(CONTENT).digest(), "md5": md5(CONTENT).digest()}  # noqa: S324
ENTRIES = st.builds(
    Entry,
    path=NAMES,
    size=st.integers(0, 2**53 - 1),
    modified=st.none() | st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999),
    sha256=st.binary(min_size=32, max_size=32),
    sha1=st.none() | st.binary(min_size=20, max_size=20),
    md5=st.none() | st.binary(min_size=16, max_size=16),
)
# What of an entry a format tells.
TELLS = {
    "sha256sum": ("sha256",),
    "hashdeep": ("size", "sha256"),
    "bagit": ("sha256",),
    "csv": ("size", "modified", "sha256", "sha1", "md5"),
    "jsonl": ("size", "modified", "sha256", "sha1", "md5"),
}


def written(format_: str, *entries: Entry) -> bytes:
    return b"".join(WRITERS[format_](entries))


def found(text: bytes | str, format_: str | None = None) -> list[Entry | PassedOver]:
    return [*read(io.BytesIO(text.encode() if isinstance(text, str) else text), format_)]


def fault(text: bytes | str, format_: str | None = None) -> str:
    with pytest.raises(NoListError) as raised:
        found(text, format_)
    return str(raised.value)


@pytest.mark.parametrize("format_", TELLS)
@given(entries=st.lists(ENTRIES, min_size=1, max_size=5))
def test_what_is_written_is_read_as_it_was_or_refused_by_name(format_: str, entries: list[Entry]) -> None:
    held = []
    for entry in entries:
        is_held = {
            "hashdeep": b"\n" not in entry.path and b"\r" not in entry.path,
            "bagit": shown(entry.path).encode() == entry.path,
            "sha256sum": entry.path != b"-",
        }.get(format_, True)
        if is_held:
            held.append(entry)
            continue
        with pytest.raises(CannotHoldError) as raised:
            written(format_, entry)
        assert raised.value.path == entry.path
    wanted = [Entry(entry.path, **{each: getattr(entry, each) for each in TELLS[format_]}) for entry in held]
    text = written(format_, *held)
    if held:
        assert found(text, format_) == wanted
    may_be = (may_be_of_a_bag(wanted[:place]) for place in range(1, len(wanted) + 1))
    if format_ == "sha256sum" and any(may_be):
        assert "say which format it is" in fault(text)
    elif held and format_ != "bagit":
        assert found(text) == wanted


def may_be_of_a_bag(entries: list[Entry]) -> bool:
    """Return whether paths could be those of a bag, and the last of them has a code."""
    last = entries[-1].path.upper()
    # What begins with a backslash, as a line does with a name that is escaped, is no line of a bag's.
    return all(re.fullmatch(rb"data/[^\\\r\n]*", entry.path) for entry in entries) and any(
        code in last for code in (b"%0A", b"%0D", b"%25")
    )


def test_blank_lines_are_lines() -> None:
    entry = Entry(b"\n\n\n", sha256=HASHED["sha256"])
    assert found(written("csv", entry, entry)) == [entry, entry]
    assert fault(b"\n\n\nx") == "line 4: this is no list of files in a format that is known"
    assert fault(b"%s  a\n\n\nx" % (b"0" * 64)) == "line 4: this is no line of sha256sum, sha1sum or md5sum"


@given(NAMES)
def test_a_path_is_its_text_and_its_bytes(path: bytes) -> None:
    assert path_of(shown(path), base64_of(path)) == path


@pytest.mark.parametrize(
    ("text", "base64", "said"),
    [
        ("", None, "the path must not be empty"),
        ("a\0b", None, "the path must not contain the byte 0"),
        ("a", "YQ", "the path in base64 is no base64"),
        ("b", "YQ==", "the path in base64 is not shown as the path"),
        ("x" * 32_768, None, "the path may have up to 32,767 bytes, not 32,768"),
    ],
)
def test_what_no_path_is_is_refused(text: str, base64: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        path_of(text, base64)


HEX = sha256(CONTENT).hexdigest()
DIGEST = f"<hashdigest type='sha256'>{HEX}</hashdigest>"
ENDS = "line 2: its line ends otherwise than those before, of LF and CR LF"


def file_object(said: str) -> str:
    return f"<dfxml><fileobject>{said}</fileobject></dfxml>"


@pytest.mark.parametrize(
    ("text", "format_", "entry"),
    [
        (f"{HEX}  a  b\n", "sha256sum", Entry(b"a  b", sha256=HASHED["sha256"])),
        (f"  {HEX.upper()} *a\r\n", "sha256sum", Entry(b"a", sha256=HASHED["sha256"])),
        (f"\\{HEX}  a\\nb\\\\c\\r\n", "sha256sum", Entry(b"a\nb\\c\r", sha256=HASHED["sha256"])),
        (f"# a comment\n\n{HEX} reversed\n", "sha256sum", Entry(b"reversed", sha256=HASHED["sha256"])),
        (f"{HASHED['md5'].hex()}  old", "sha256sum", Entry(b"old", md5=HASHED["md5"])),
        (f"{HASHED['sha1'].hex()}  older", "sha256sum", Entry(b"older", sha1=HASHED["sha1"])),
        (f"{HEX}  data/100%\n", "sha256sum", Entry(b"data/100%", sha256=HASHED["sha256"])),
        (f"SHA256 (a) (b)) = {HEX}\n", "bsd", Entry(b"a) (b)", sha256=HASHED["sha256"])),
        (f"SHA256(a)= {HEX}\n", "bsd", Entry(b"a", sha256=HASHED["sha256"])),
        (f"\\MD5 (a\\nb) = {HASHED['md5'].hex()}", "bsd", Entry(b"a\nb", md5=HASHED["md5"])),
        (
            f"%%%% HASHDEEP-1.0\n%%%% size,md5,sha-256,filename\n## x\n7,{HASHED['md5'].hex()},{HEX},a,b\n",
            "hashdeep",
            Entry(b"a,b", 7, md5=HASHED["md5"], sha256=HASHED["sha256"]),
        ),
        (
            f"%%%% HASHDEEP-1.0\r\n%%%% size,sha256,filename\r\n7,{HEX},a\r\n",
            "hashdeep",
            Entry(b"a", 7, sha256=HASHED["sha256"]),
        ),
        (
            r"0|/a\\b\|c\x0d|12|r/rrw-------|1|1|7|0|1.5|1|0",
            "bodyfile",
            Entry(b"/a\\b|c\r", 7, 1_500_000),
        ),
        (
            f"#mtree\n/set type=file\n./a\\040b size=7 time=1.5 \\\n  sha256digest={HEX}\n./d type=dir\n",
            "mtree",
            Entry(b"a b", 7, 1_000_000, HASHED["sha256"]),
        ),
        (
            f"#mtree\n. type=dir\nd type=dir\n  b\\\\c type=file size=7 md5={HASHED['md5'].hex()}\n..\n..\n",
            "mtree",
            Entry(b"d/b\\c", 7, md5=HASHED["md5"]),
        ),
        (
            "<?xml version='1.0'?>\n<dfxml xmlns='http://www.forensicswiki.org/wiki/Category:Digital_Forensics_XML'>"
            "<source><image_filename>x</image_filename></source><fileobject><filename>a &amp; b</filename><filesize>7"
            f"</filesize><mtime prec='1'>1970-01-01T00:00:01Z</mtime><hashdigest type='SHA-256'>{HEX}</hashdigest>"
            "</fileobject></dfxml>",
            "dfxml",
            Entry(b"a & b", 7, 1_000_000, HASHED["sha256"]),
        ),
        (
            file_object(
                "<parent_object><filename>d</filename></parent_object><filename>d/a</filename><byte_runs><byte_run len="
                f"'512'><hashdigest type='sha256'>{'a' * 64}</hashdigest></byte_run></byte_runs>{DIGEST}"
                "<x:filesize xmlns:x='x'>8</x:filesize><filesize>7</filesize>"
            ),
            "dfxml",
            Entry(b"d/a", 7, sha256=HASHED["sha256"]),
        ),
        (f'\ufeffpath,sha256\r\n"a\nb",{HEX}\r\n', "csv", Entry(b"a\nb", sha256=HASHED["sha256"])),
        (f'{{"path": "a", "size": 7, "sha256": "{HEX}"}}\n', "jsonl", Entry(b"a", 7, sha256=HASHED["sha256"])),
    ],
    ids=str,
)
def test_lists_of_other_programs_are_told_apart_and_read(text: str, format_: str, entry: Entry) -> None:
    assert format_of(text.encode()) == format_
    assert found(text) == [entry]
    assert found(text, format_) == [entry]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the list is empty"),
        ("\ufeff", "line 1: the list is empty"),
        ("\n", "line 2: this is no list of files in a format that is known"),
        ("# one\n\nnothing\n", "line 3: this is no list of files in a format that is known"),
        (f"{HEX}  a\n{HEX} b\n", "line 2: the line is of another form than those before"),
        (f"{HEX} a\n{HEX}  b\n", "line 2: the line is of another form than those before"),
        (f"{HEX}  a\n{'0' * 32}  b\n", "line 2: the hash is of another kind than those before"),
        (f"{HEX}  a\n{HEX[:-1]}  b\n", "line 2: this is no line of sha256sum, sha1sum or md5sum"),
        (f"\\{HEX}  a\\tb\n", "line 1: a backslash in the name stands for nothing"),
        (f"\\{HEX}  a\\\n", "line 1: a backslash in the name stands for nothing"),
        (
            f"{HEX}  data/a\n{HEX}  data/a%0ab\n",
            "line 2: % may be itself, as sha256sum writes it, or a code of a bag's; say which format it is",
        ),
        (f"SHA256 (a) = {HEX}\nMD5 (a) = {'0' * 32}\n", "line 2: the hash is of another kind than those before"),
        (f"SHA256 (a) = {HEX}0\n", "line 1: this is no line such as `SHA256 (name) = …`"),
        ("%%%% HASHDEEP-1.0\n%%%% sha256,filename\n", "line 2: hashdeep's second line tells the columns, as in "),
        (
            f"%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n-7,{HEX},a\n",
            "line 3: the size is no number of bytes",
        ),
        (f"%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n7,{HEX}\n", "line 3: it must have 3 values"),
        (f"%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n7,{HEX[2:]},a\n", "line 3: this is no sha256, which has 64"),
        ("0|/Windows\\System32|1|r/r|0|0|1|1|1|1|1", "line 1: a backslash in the name stands for nothing"),
        ("0|a|b|1|r/r|0|0|1|1|1|1|1", "line 1: a line of a bodyfile has 11 fields, not 12"),
        ("0|a|1|r/r|0|0|1|1|then|1|1", "line 1: a time is a number of seconds since 1970"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><dfxml/>", "line 1: it has a document type, which is refused"),
        ("<dfxml>\n<fileobject>", "line 2: this is no XML: no element found"),
        ("<?xml version='1.0'?>\n<rss/>", "line 2: its first element is `rss`, and of DFXML `dfxml`"),
        (file_object(f"<filename>a</filename>{DIGEST}\n{DIGEST}"), "line 2: a file has two of `hashdigest`"),
        (file_object("<filename>a</filename><filename>b</filename>"), "line 1: a file has two of `filename`"),
        (file_object("<filename>a<b/></filename>"), "line 1: `filename` has an element in it"),
        (file_object("<fileobject/>"), "line 1: a file is in another one"),
        ("<?xml version='1.0' encoding='big5'?><dfxml/>", "line 1: its encoding is none that is read; make it UTF-8"),
        ("<?xml version='1.0' encoding='nosuch'?><dfxml/>", "line 1: its encoding is none that is read; make it UTF-8"),
        ("<dfxml>" + "<a>" * 100, "line 1: its elements are more than 100 deep"),
        (file_object(f"<filename>{'x' * LONGEST} </filename>"), f"line 1: `filename` has more than {LONGEST:,} bytes"),
        (f"%%%% HASHDEEP-1.0\n%%%% size,md5,filename\n7,{'00 ' * 16},a\n", "line 3: a hash has digits from 0 to f"),
        ("0|a|1|r/r|0|0|1|1|999999999999999|1|1", "line 1: the time must be in the years 1 to 9999"),
        (f"#mtree\na size=1 time=999999999999999.0 sha256={HEX}\n", "line 2: the time must be in the years 1 to 9999"),
        ("path,name\n", "line 1: a table of files has no column 'name'; its columns are path, path_base64, size"),
        (f'{{"path": "a", "sha256": "{HEX}"}}\n[]\n', "line 2: it must be an object with no members but path"),
        ('{"path": "a", "size": -1}\n', "line 1: the size is no number of bytes"),
        ('{"path": "a", "size": 9007199254740992}\n', "line 1: the size must be from 0 to 2^53 - 1"),
        ('{"path": "a", "size": 99999999999999999999}\n', "line 1: `size` must be an integer"),
        ('{"path": "a", "size": "7"}\n', "line 1: `size` must be an integer"),
        ('{"path": "a", "size": true}\n', "line 1: `size` must be an integer"),
        ('{"path": ["a", "b"]}\n', "line 1: `path` must be a string"),
        ('{"path": "a", "sha256": 7}\n', "line 1: `sha256` must be a string"),
        ('{"path": "a", "path": "b"}\n', "line 1: the object has a member twice"),
        ('{"path": %s, "path": "b"}\n' % ("[" * 1_000 + "]" * 1_000), "line 1: the object has a member twice"),
        ("path,sha256,path\n", "line 1: a table of files has each column once"),
        ("path\n" + '"\n",' * LONGEST, "line "),
        (f"{HEX}  a\n{HEX}  b\r\n", ENDS),
        (f"{HEX}  a\r\n{HEX}  b\n", ENDS),
        (f"{HEX}  a\n{HEX}  b\r", ENDS),
        (f"SHA256 (a) = {HEX}\nSHA256 (b) = {HEX}\r\n", ENDS),
        ("0|a|1|r/r|0|0|1|1|1|1|1\n0|b|1|r/r|0|0|1|1|1|1|1\r\n", ENDS),
        (f"%%%% HASHDEEP-1.0\r\n%%%% size,sha256,filename\r\n7,{HEX},a\n", "line 3: its line ends otherwise than"),
        (f"#mtree\na size=1 time={'9' * 5_000} sha256={HEX}\n", "line 2: a time is a number of seconds since 1970"),
        (f"#mtree\na size=1 time=1.{'9' * 5_000} sha256={HEX}\n", "line 2: a time is a number of seconds since 1970"),
        (f"0|a|1|r/r|0|0|1|1|{'9' * 5_000}|1|1", "line 1: a time is a number of seconds since 1970"),
        (f"path,modified_at\na,{'9' * 5_000}\n", "line 2: the time is none: "),
        (file_object(f"<filename>a</filename><mtime>{'9' * 5_000}</mtime>"), "line 1: the time is none: "),
        (file_object(f"<filename>a</filename><mtime>{'9' * 15}</mtime>"), "line 1: the time must be in the years"),
        (f"%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n{'9' * 5_000},{HEX},a\n", "line 3: the size is no number"),
        ('{"path": "a", "modified_at": "yesterday"}\n', "line 1: the time is none: "),
        (f"{HEX}  a\n{HEX}  {'x' * LONGEST} \n", f"line 2: it has more than {LONGEST:,} bytes"),
    ],
)
def test_what_is_no_list_is_refused_with_its_line(text: str, said: str) -> None:
    assert fault(text).startswith(said)


def test_lines_end_as_the_first_one_does_and_the_last_may_have_no_end() -> None:
    two = [Entry(b"a", sha256=HASHED["sha256"]), Entry(b"b", sha256=HASHED["sha256"])]
    for end in ("\n", "\r\n"):
        assert found(f"{HEX}  a{end}{HEX}  b{end}") == found(f"{HEX}  a{end}{HEX}  b") == two
        assert found(f"{HEX}  data/a{end}{HEX}  data/b", "bagit") == two
    assert fault(f"{HEX}  data/a\n{HEX}  data/b\r\n", "bagit") == ENDS


@pytest.mark.parametrize("format_", READ)
def test_an_empty_list_is_told_in_every_format(format_: str) -> None:
    assert fault("", format_) == "line 1: the list is empty"


def test_a_table_without_paths_and_no_hashdeep_are_refused_where_their_format_is_given() -> None:
    without = "line 1: a table of files has a column path, which its first line names"
    assert fault("\n", "csv") == without
    assert fault("size,sha256\n", "csv") == without
    assert fault("\n", "hashdeep").startswith("line 2: hashdeep's second line tells the columns")


def test_formats_are_those_that_can_be_written_and_read() -> None:
    assert (*WRITERS,) == WRITTEN
    assert {*READERS, "dfxml"} == {*READ}


def test_a_time_before_1970_is_rounded_down() -> None:
    (entry,) = found("0|/a|1|r/r|0|0|1|1|-1.9999999|1|0")
    assert entry == Entry(b"/a", 1, -2_000_000)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([b"<dfxml><x>", *[b"x" * 1_000_000] * 20], "this is no XML: no element found"),
        ([b"<dfxml a='", *[b"x" * 1_000_000] * 20], "a tag or a comment has more than"),
        ([b"<dfxml><!--", *[b"x" * 1_000_000] * 20], "a tag or a comment has more than"),
        ([b"<", *[b"x" * 1_000_000] * 20], "a tag or a comment has more than"),
        ([b"<dfxml>", *[b"<a>" * 300_000] * 20], "its elements are more than 100 deep"),
        ([b"#mtree\n", *[b"a\\\n" * 300_000] * 20], "line 2: it and those that it goes on in have more than"),
        ([b"#mtree\n", *[b"\\\n" * 300_000] * 20], "line 2: it and those that it goes on in have more than"),
        ([b"#mtree\n", *[b"dd type=dir\n" * 20_000] * 20], "the path may have up to 32,767 bytes, not 32,768"),
        ([b"path\n", *[b'"\n",' * 300_000] * 20], "its row has more than"),
    ],
    ids=["text", "attribute", "comment", "name", "elements", "joined", "blank", "folders", "rows"],
)
def test_what_has_no_end_is_refused_soon(parts: list[bytes], said: str) -> None:
    begun = process_time()
    assert said in fault(b"".join(parts), None if parts[0][:1] != b"<" else "dfxml")
    assert process_time() - begun < 2


@pytest.mark.parametrize(("begin", "part"), [(b"#mtree\n", b"# x\n"), (b"<dfxml>", b"<a></a>\n")])
def test_a_list_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, begin: bytes, part: bytes) -> None:
    monkeypatch.setattr(reading, "MOST", 200_000)
    told = fault(begin + part * 100_000)
    assert re.fullmatch(r"line \d+: the list has more than .* bytes; split it, and add each part to .*", told)


def odd_names() -> Iterator[bytes]:
    """Yield names that a file can have, no two alike."""
    singles = b'\\ \n \r % , | * " # ( ) = { \x7f \x01 \xff \xc3\x28 \xe2\x82'.split(b" ")
    for one in [*singles, b" ", b"\t"]:
        yield from (one, one + b"a", b"a" + one, b"a" + one + b"b", one * 2)
    # Strings that others found to be trouble, with each of these before and behind them: 10,000 names and more.
    if path := os.environ.get("NAUGHTY_STRINGS"):
        strings = (
            text.encode("utf-8", "surrogatepass").replace(b"/", b":") for text in json.loads(Path(path).read_text())
        )
        for text in strings:
            yield from (each[:255] for one in [b"", *singles] for each in (one + text, text + one) if each)
    yield from (b"x" * 255, b"-n", b"a%0Ab", b"a%25", b"\\n", b"data", b"a  b", b"e\xcc\x81", b"\xc3\xa9")


@pytest.fixture(scope="module")
def odd_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Entry]]:
    """A folder with files of odd names, and what a list says of them."""
    folder = tmp_path_factory.mktemp("odd")
    entries = []
    for place, name in enumerate(sorted({*odd_names()} - {b".", b"..", b"-"})):
        content = b"%d" % place
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(content)
        entries.append(Entry(name, len(content), sha256=sha256(content).digest()))
    return folder, sorted(entries, key=lambda entry: entry.path)


def output(folder: Path, *command: str | bytes | Path) -> bytes:
    """Return what a command prints, which must end well and complain of nothing."""
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603 - a fixed command
    assert (done.returncode, done.stderr) == (0, b""), done.stdout
    return done.stdout


def test_sha256sum_accepts_and_writes_the_same(odd_files: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    if (program := shutil.which("sha256sum")) is None:
        pytest.skip("GNU coreutils are not here")
    folder, entries = odd_files
    list_ = tmp_path / "list"
    list_.write_bytes(written("sha256sum", *entries))
    assert output(folder, program, "-c", "--strict", "--quiet", list_) == b""
    names = [b"./" + entry.path for entry in entries]
    theirs = output(folder, program, "--", *names)
    assert theirs == written("sha256sum", *(Entry(b"./" + each.path, sha256=each.sha256) for each in entries))
    tagged = output(folder, program, "--tag", "--", *names)
    assert found(tagged) == [Entry(b"./" + each.path, sha256=each.sha256) for each in entries]


@pytest.mark.services
def test_hashdeep_accepts_what_it_can_hold(odd_files: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    folder, entries = odd_files
    held = [entry for entry in entries if b"\n" not in entry.path and b"\r" not in entry.path]
    for entry in (each for each in entries if each not in held):
        Path(os.fsdecode(bytes(folder) + b"/" + entry.path)).unlink()
    list_ = tmp_path / "list"
    list_.write_bytes(written("hashdeep", *held))
    assert output(folder, "hashdeep", "-c", "sha256", "-l", "-r", "-a", "-k", list_, ".") == b"hashdeep: Audit passed\n"
    assert sorted(found(output(folder, "hashdeep", "-c", "sha256", "-l", "-r", ".")), key=by_path) == held


@pytest.mark.services
def test_a_library_of_bags_accepts_what_it_reads_right(odd_files: tuple[Path, list[Entry]], tmp_path: Path) -> None:
    if not (program := os.environ.get("BAGIT")):
        pytest.skip("BAGIT says where the command of PyPI's bagit is")
    folder, entries = odd_files
    data = tmp_path / "bag" / "data"
    data.mkdir(parents=True)
    held = []
    for entry in entries:
        try:
            entry.path.decode()
        except UnicodeDecodeError:
            continue  # which the format can't hold
        # It takes %25 to be what it says, where RFC 8493 has it stand for %; it leaves out blanks at the end of a line
        # and has lines end at more than RFC 8493 has; and it takes names to be one that differ in their normal form.
        path = entry.path.decode()
        is_read_right = "%" not in path and path.splitlines() == [path.rstrip()]
        is_read_right = is_read_right and unicodedata.is_normalized("NFC", path)
        if is_read_right and (source := folder / path).exists():
            shutil.copyfile(source, data / path)
            held.append(entry)
    (tmp_path / "bag" / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    (tmp_path / "bag" / "manifest-sha256.txt").write_bytes(written("bagit", *held))
    done = subprocess.run([program, "--validate", tmp_path / "bag"], capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    assert len(held) > 50


def by_path(found: Entry | PassedOver) -> bytes:
    return found.path


def test_a_bodyfile_passes_over_what_is_no_file() -> None:
    lines = [
        "0|/d|1|d/drwx------|0|0|1|1|1|1|0",
        "0|/gone (deleted)|1|r/r---------|0|0|1|1|1|1|0",
        "0|/a ($FILE_NAME)|1|r/r---------|0|0|1|1|1|1|0",
        "0|/l -> /a|1|l/lrwxrwxrwx|0|0|1|1|1|1|0",
        "0|/a|1|r/r---------|0|0|1|1|1.9999999|1|0",
    ]
    assert found("\n".join(lines)) == [
        PassedOver(1, b"/d", "no regular file"),
        PassedOver(2, b"/gone (deleted)", "deleted"),
        PassedOver(3, b"/a ($FILE_NAME)", "a second entry of the same file"),
        PassedOver(4, b"/l -> /a", "no regular file"),
        Entry(b"/a", 1, 1_999_999),
    ]
