"""Lists that `dossier manifest` writes of manifests, and reads into them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app.evidence import WRITTEN
from app.evidence.entries import Entry, NoListError, PassedOver
from app.evidence.reading import read
from tests.between import Exchange, between
from tests.commands import DOSSIER, PATIENCE, environment
from tests.server import Client, Server
from tests.test_collect import bearer
from tests.test_files import Batch, file

pytestmark = pytest.mark.long

NAMES = ("a.txt", "docs/b c.txt", "docs/é, |%", "data/x", "\\")


def command(client: Client, *arguments: str | Path, piped: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own command
        [DOSSIER, "manifest", *arguments],
        env=environment(DOSSIER_TOKEN=bearer(client)),
        input=piped,
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


def shell(client: Client, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell in which `$0` is our command and `$@` are the arguments."""
    return subprocess.run(  # noqa: S603 - our own command
        ["/bin/bash", "-o", "pipefail", "-c", script, DOSSIER, *arguments],
        env=environment(DOSSIER_TOKEN=bearer(client)),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


def said(done: subprocess.CompletedProcess[bytes], code: int) -> str:
    """Return what a command that is refused says in its one line."""
    assert (done.returncode, done.stdout) == (code, b""), done
    (line,) = done.stderr.decode().splitlines()
    return line.removeprefix("dossier: ")


def planted(folder: Path) -> Path:
    for name in NAMES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("format_", WRITTEN)
def test_what_is_written_is_read_again(server: Server, alice: Client, tmp_path: Path, format_: str) -> None:
    batch, folder = Batch(alice), planted(tmp_path / "files")
    assert batch.add(*(file(name, name) for name in NAMES))["errors"] == []
    digest = batch.finish(len(NAMES))["fileBatch"]["manifest"]["sha256"]
    list_ = tmp_path / "list"
    wrote = command(alice, "write", "--batch", batch.id, "--format", format_, "--output", list_, "--url", server.url)
    assert (wrote.returncode, wrote.stdout.decode()) == (0, f"5 files are listed in {list_}.\n")
    printed = command(alice, "write", "--case", batch.case, "--format", format_, "--url", server.url)
    assert (printed.returncode, printed.stdout) == (0, list_.read_bytes())
    if format_ == "sha256sum":
        assert hashlib.sha256(list_.read_bytes()).hexdigest() == digest
        check: list[str | Path] = [shutil.which("sha256sum") or "", "-c", "--strict", "--quiet", list_]
        assert subprocess.run(check, cwd=folder, capture_output=True, check=True).stdout == b""  # noqa: S603
    again = Batch(alice)
    given = ["--format", "bagit"] if format_ == "bagit" else []
    read_ = command(alice, "add", list_, "--batch", again.id, "--folder", folder, *given, "--url", server.url)
    listed = f"5 files are listed in the manifest of batch {again.id}, which is finished.\n"
    assert (read_.returncode, read_.stdout.decode(), read_.stderr) == (0, listed, b"")
    assert again.read()["manifest"]["sha256"] == digest
    twice = command(alice, "add", list_, "--batch", again.id, "--folder", folder, *given, "--url", server.url)
    assert said(twice, 1) == "this batch has a manifest that is finished, and never changes"
    wrote = command(alice, "write", "--batch", batch.id, "--output", list_, "--url", server.url)
    assert said(wrote, 1) == f"{list_} exists already; give another --output"


def test_names_that_a_format_cannot_hold_are_told_and_nothing_is_written(
    server: Server, alice: Client, tmp_path: Path
) -> None:
    batch = Batch(alice)
    assert batch.add(file("good"), file("two\nlines"), file("\\xff", pathBytes="/w=="))["errors"] == []
    assert batch.finish(3)["errors"] == []
    for format_, name, why in (
        ("hashdeep", r"two\u000alines", "it has a line's end in it"),
        ("bagit", r"\xff", "it is no UTF-8"),
    ):
        list_ = tmp_path / format_
        done = command(alice, "write", "--batch", batch.id, "--format", format_, "--output", list_, "--url", server.url)
        told = f"{format_} can't hold the name {name}: {why}; nothing was written, use another --format"
        assert said(done, 1) == told
        assert not list_.exists()


@pytest.mark.slow
def test_what_several_manifests_list_is_told_and_no_bag_lists_it(server: Server, alice: Client, tmp_path: Path) -> None:
    batch = Batch(alice)
    other = alice.create_batch(batch.case, batch.event, label="Other")
    for id_ in (batch.id, other):
        batch.named["fileBatchId"] = id_
        assert batch.add(file("a"), file("b", id_), file(id_))["errors"] == []
        assert batch.finish(3)["errors"] == []
    given = ("write", "--case", batch.case, "--url", server.url)
    done = command(alice, *given)
    assert done.stderr == b"dossier: warning: 2 paths are listed more than once, as several manifests have them\n"
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 6)
    assert said(command(alice, *given, "--format", "bagit", "--output", tmp_path / "list"), 1) == (
        "bagit can't hold the name a: several manifests list it, and a bag's lists no file twice; nothing was written, "
        "use another --format"
    )
    alone = command(alice, "write", "--batch", other, "--format", "bagit", "--url", server.url)
    assert (alone.returncode, alone.stderr) == (0, b"")


@pytest.mark.slow
def test_a_closed_output_is_written_nothing_to(server: Server, alice: Client) -> None:
    batch = Batch(alice)
    assert batch.add(file("a"))["errors"] == []
    assert batch.finish(1)["errors"] == []
    given = ("write", "--batch", batch.id, "--url", server.url)
    for script in ('"$0" manifest "$@" >&-', '"$0" manifest "$@" >&- 2>&-', '"$0" manifest "$@" 0<&- >&- 2>&-'):
        done = shell(alice, script, *given)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


REFUSED = {
    "no list": (b"no list of anything\n", "line 1: this is no list of files in a format that is known"),
    "nothing": (b"", "line 1: the list is empty"),
    "a line that is none": (
        b"%s  a\nx\n" % (b"0" * 64),
        "line 2: this is no line of sha256sum, sha1sum or md5sum",
    ),
    "two kinds": (
        b"%s  a\n%s  b\n" % (b"0" * 64, b"0" * 32),
        "line 2: the hash is of another kind than those before",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", REFUSED)
def test_what_is_no_list_is_refused_with_its_line(server: Server, alice: Client, tmp_path: Path, way: str) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    (tmp_path / "a").touch()
    text, why = REFUSED[way]
    list_.write_bytes(text)
    done = command(alice, "add", list_, "--batch", batch.id, "--folder", tmp_path, "--url", server.url)
    assert said(done, 1) == f"{list_}, {why}"
    assert batch.read()["files"]["totalCount"] == 0


@pytest.mark.slow
def test_a_list_that_lacks_something_is_refused_by_name(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    digest = hashlib.sha256(b"").hexdigest()

    def refused(text: str, *more: str | Path) -> str:
        list_.write_text(text)
        return said(command(alice, "add", list_, "--batch", batch.id, *more, "--url", server.url), 1)

    hint = "make a list with sha256sum, or hash the folder with 'dossier collect --hash'"
    without = f"it has no SHA-256 of a, as a manifest has of each file; {hint}"
    assert refused(f"{'0' * 32}  a\n") == f"{list_}, line 1: {without}"
    folder_first = "0|/d|1|d/d|0|0|1|1|1|1|0\n0|a|1|r/r|0|0|1|1|1|1|0\nno line\n"
    assert refused(folder_first) == f"{list_}, line 2: {without}"
    without = f"{list_}, line 1: it has no size of a"
    assert refused(f"{digest}  a\n") == f"{without}; give --folder, the folder in which the files lie"
    nor_has = refused(f"{digest}  a\n", "--folder", tmp_path)
    assert nor_has == f"{without}, nor has --folder: No such file or directory"
    (tmp_path / "a").touch()
    assert refused(f"{digest}  a\n\n{digest}  a\n", "--folder", tmp_path) == f"{list_}, line 3: a is listed twice"
    nowhere = command(alice, "add", list_.with_name("none"), "--batch", batch.id, "--url", server.url)
    assert said(nowhere, 1) == f"{list_.with_name('none')}: No such file or directory"
    list_.write_text(f"{digest}  a\n")
    stranger = command(server.client(), "add", list_, "--batch", batch.id, "--folder", tmp_path, "--url", server.url)
    assert said(stranger, 1) == (
        "there is no such batch, at least for you; the API tells the ids of a case's events and of their batches, and "
        "in the app a batch's id ends the address of its files"
    )
    assert batch.read()["files"]["totalCount"] == 0


def test_what_is_of_two_gigabytes_is_not_read_into_memory(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    with list_.open("wb") as stream:
        stream.write(b"%s  a" % (b"0" * 64))
        stream.truncate(2 * 1024**3)
    done = command(alice, "add", list_, "--batch", batch.id, "--folder", tmp_path, "--url", server.url)
    assert said(done, 1) == (
        f"{list_}: the list has more than 536,870,912 bytes; split it, and add each part to a batch of its own"
    )


def test_what_batch_a_list_is_for_is_asked_first(server: Server, alice: Client, tmp_path: Path) -> None:
    """A list that is piped may take hours to make; here it would never end."""
    batch = Batch(alice)
    assert batch.finish(0)["errors"] == []
    given = ("--batch", batch.id, "--url", server.url)
    done = shell(alice, 'yes | "$0" manifest add - "$@"; test "${PIPESTATUS[1]}" = 1', *given)
    assert done.stderr == b"dossier: this batch has a manifest that is finished, and never changes\n"
    strange = command(alice, "add", tmp_path / "none", *given, "--token", "none")
    assert said(strange, 1) == "the server refuses the token; make a new one with 'dossier token'"


@pytest.mark.slow
def test_a_long_list_takes_little_memory(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"

    def most(lines: int) -> int:
        with list_.open("w") as stream:
            stream.writelines(f'{{"path":"{n:0100}","size":0,"sha256":"{"0" * 64}"}}\n' for n in range(lines))
            stream.write("no line\n")
        measured = "import resource as r, subprocess as s, sys; s.run(sys.argv[1:]); "
        measured += "print(r.getrusage(r.RUSAGE_CHILDREN).ru_maxrss)"
        done = subprocess.run(  # noqa: S603 - our own command
            [
                sys.executable,
                "-c",
                measured,
                DOSSIER,
                "manifest",
                "add",
                list_,
                "--batch",
                batch.id,
                "--url",
                server.url,
            ],
            env=environment(DOSSIER_TOKEN=bearer(alice)),
            capture_output=True,
            check=True,
            timeout=PATIENCE,
        )
        assert done.stderr == f"dossier: {list_}, line {lines + 1}: this is no JSON\n".encode()
        return int(done.stdout)

    assert most(100_000) - most(1) < 10_000  # KiB; each line has some 190 bytes


def test_what_was_broken_off_is_gone_on_with(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    list_.write_text(
        "%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n"
        + "".join(f"{len(str(n))},{hashlib.sha256(str(n).encode()).hexdigest()},./{n}\n" for n in range(1_500))
    )
    assert batch.add(file("7", "7"), file("70", "70"))["errors"] == []
    done = command(alice, "add", list_, "--batch", batch.id, "--url", server.url)
    assert done.returncode == 0, done.stderr
    assert batch.read()["manifest"]["fileCount"] == 1_500


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (file("b", "b"), "the batch has b, which LIST does not list; add the list to an empty batch"),
        (file("a", "other"), "the batch has a with another SHA-256; add the list to an empty batch"),
        (file("a", "a", size=2), "the batch has a with another size; add the list to an empty batch"),
    ],
    ids=["another path", "another hash", "another size"],
)
def test_what_is_there_and_not_in_the_list_keeps_it_from_being_finished(
    server: Server, alice: Client, tmp_path: Path, there: dict[str, Any], told: str
) -> None:
    batch, list_ = Batch(alice), tmp_path / "LIST"
    assert batch.add(there)["errors"] == []
    lines = (f"1,{hashlib.sha256(name.encode()).hexdigest()},{name}\n" for name in "ac")
    list_.write_text("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n" + "".join(lines))
    done = command(alice, "add", list_, "--batch", batch.id, "--url", server.url)
    assert said(done, 1) == told.replace("LIST", str(list_))
    assert batch.read()["manifest"] is None
    assert batch.read()["files"]["totalCount"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n", "0|/d|1|d/drwx------|0|0|1|1|1|1|0\n", "path,sha256\n"],
    ids=["hashdeep", "bodyfile", "csv"],
)
def test_a_list_of_no_file_finishes_nothing(server: Server, alice: Client, tmp_path: Path, text: str) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    list_.write_text(text)
    done = command(alice, "add", list_, "--batch", batch.id, "--url", server.url)
    assert said(done, 1) == f"{list_} lists no file; nothing was sent"
    assert batch.read()["manifest"] is None


def test_what_is_passed_over_is_told(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    digest = hashlib.sha256(b"").hexdigest()
    folders = "".join(f"./d{number} type=dir\n./l{number} type=link\n" for number in range(22))
    list_.write_text(f"#mtree\n{folders}./a size=0 sha256={digest}\n")
    done = command(alice, "add", list_, "--batch", batch.id, "--url", server.url)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        "22 entries of the list passed over:",
        *(f"  line {2 * number + 3}: l{number}: no regular file" for number in range(20)),
        "  and 2 more",
        f"1 file is listed in the manifest of batch {batch.id}, which is finished.",
    ]


@pytest.mark.parametrize("way", ["-", "/dev/stdin"])
def test_a_list_is_read_from_a_pipe(server: Server, alice: Client, tmp_path: Path, way: str) -> None:
    batch = Batch(alice)
    (tmp_path / "a").write_text("a")
    given = ("--batch", batch.id, "--folder", tmp_path, "--url", server.url)
    done = command(alice, "add", way, *given, piped=b"%s  a\n" % hashlib.sha256(b"a").hexdigest().encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert batch.read()["manifest"]["fileCount"] == 1


@pytest.mark.slow
def test_sizes_are_those_of_regular_files_in_the_folder(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_, folder = Batch(alice), tmp_path / "list", tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a").write_text("a")
    (folder / "link").symlink_to(tmp_path / "outside" / "a")
    (folder / "linked").symlink_to(tmp_path / "outside")
    os.mkfifo(folder / "fifo")
    for path, why in (
        (f"{tmp_path}/outside/a", "the path leads out of the folder"),
        ("../outside/a", "the path leads out of the folder"),
        ("below/../../outside/a", "the path leads out of the folder"),
        ("link", "Too many levels of symbolic links"),
        ("linked/a", "Not a directory"),
        ("below", "it is no regular file"),
        ("fifo", "it is no regular file"),
    ):
        list_.write_text(f"{hashlib.sha256(b'a').hexdigest()}  {path}\n")
        done = command(alice, "add", list_, "--batch", batch.id, "--folder", folder, "--url", server.url)
        assert said(done, 1) == f"{list_}, line 1: it has no size of {path}, nor has --folder: {why}"
    done = command(alice, "add", list_, "--batch", batch.id, "--folder", list_, "--url", server.url)
    assert said(done, 1) == f"{list_} is not a folder"
    assert batch.read()["files"]["totalCount"] == 0
    (folder / "below" / "a").write_text("a")
    list_.write_text(f"{hashlib.sha256(b'a').hexdigest()}  .//below/./a\n")
    done = command(alice, "add", list_, "--batch", batch.id, "--folder", folder, "--url", server.url)
    assert (done.returncode, done.stderr) == (0, b"")
    (listed,) = batch.read()["files"]["nodes"]
    assert (listed["path"], listed["size"]) == (".//below/./a", 1)


def test_batches_without_a_manifest_are_told(server: Server, alice: Client) -> None:
    batch = Batch(alice)
    done = command(alice, "write", "--case", batch.case, "--url", server.url)
    hint = "'dossier collect --hash' and 'dossier manifest add' make them"
    assert said(done, 1) == f"there is no finished manifest to write; {hint}"
    assert batch.add(file("a"))["errors"] == []
    assert batch.finish(1)["errors"] == []
    alice.create_batch(batch.case, batch.event, label="Without")
    done = command(alice, "write", "--case", batch.case, "--url", server.url)
    assert (done.returncode, done.stderr) == (0, b"dossier: warning: 1 batch has no finished manifest\n")
    assert done.stdout.endswith(b"  a\n")
    done = command(alice, "write", "--batch", batch.id, "--url", server.url)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["nodes", "event", "manifest", "pathBytes", "sha256", "size", "modifiedAt"])
def test_what_answers_nonsense_is_no_dossier(server: Server, alice: Client, tmp_path: Path, broken: str) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    list_.write_text(f'{{"path":"a","size":0,"sha256":"{"0" * 64}"}}')
    entry: dict[str, Any] = {
        "path": "a",
        "pathBytes": None,
        "size": 0,
        "modifiedAt": None,
        "sha256": "00",
        "sha1": None,
        "md5": None,
    }
    node: dict[str, Any] = {"__typename": "FileBatch", "id": batch.id, "label": "L", "manifest": {"sha256": "0"}}
    node["event"] = {"id": batch.event, "case": {"id": batch.case}}
    node.pop(broken, None)
    if broken in entry:
        entry[broken] = "!!"

    def answered(exchange: Exchange) -> None:
        is_of_files, is_of_batch = b"files(" in exchange.body, b"__typename" not in exchange.body
        told = {**node, "files": page(entry)} if is_of_files else node
        if is_of_batch and not is_of_files and broken != "manifest":
            told = {**node, "manifest": None}  # of which files are added to it
        data = {"node": told, "case": {"id": batch.case, "fileBatches": page(node)}}
        exchange.answer(200, json.dumps({"data": data}).encode(), content_type="application/json")

    def page(one: dict[str, Any]) -> dict[str, Any]:
        return {"nodes": None if broken == "nodes" else [one], "pageInfo": {"hasNextPage": False}}

    with between(server.url) as way:
        way.always = answered
        told = f"what answers at {way.url} is no Dossier server; check --url"
        assert said(command(alice, "write", "--batch", batch.id, "--url", way.url), 1) == told
        assert said(command(alice, "add", list_, "--batch", batch.id, "--url", way.url), 1) == told
        done = subprocess.run(  # noqa: S603 - our own command
            [DOSSIER, "verify-files", tmp_path, "--batch", batch.id, "--url", way.url],
            env=environment(DOSSIER_TOKEN=bearer(alice)),
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        assert said(done, 2) == told


def test_what_is_asked_for_is_all_that_is_read(server: Server, alice: Client) -> None:
    batch = Batch(alice)
    other = alice.create_batch(batch.case, batch.event, label="Other")
    for path, id_ in (("a", batch.id), ("b", other)):
        batch.named["fileBatchId"] = id_
        assert batch.add(file(path))["errors"] == []
        assert batch.finish(1)["errors"] == []
    with between(server.url) as way:
        done = command(alice, "write", "--batch", batch.id, "--url", way.url)
    assert (done.returncode, done.stdout) == (0, f"{hashlib.sha256(b'').hexdigest()}  a\n".encode())
    assert sum(b"pathBytes" in body for _, _, body in way.requests) == 1


@pytest.mark.slow
def test_a_list_that_cannot_be_written_is_told_in_a_line(server: Server, alice: Client, tmp_path: Path) -> None:
    batch = Batch(alice)
    assert batch.add(*(file(f"{number:0200}") for number in range(900)))["errors"] == []
    assert batch.finish(900)["errors"] == []
    given = ("write", "--batch", batch.id, "--url", server.url)
    full = shell(alice, '"$0" manifest "$@" > /dev/full', *given)
    assert (full.returncode, full.stderr) == (1, b"dossier: the output can't be written: No space left on device\n")
    unread = shell(alice, '"$0" manifest "$@" | head -n 1', *given)
    assert (unread.returncode, unread.stderr) == (0, b"")
    assert unread.stdout.count(b"\n") == 1
    # Files of this shell may have so few blocks of 1,024 bytes that the list has more.
    cut = shell(alice, 'trap "" XFSZ; ulimit -f 100; "$0" manifest "$@"', *given, "--output", tmp_path / "list")
    assert said(cut, 1) == f"{tmp_path / 'list'} can't be written: File too large"
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "dangling").symlink_to("nowhere")
    there = command(alice, *given, "--output", tmp_path / "dangling")
    assert said(there, 1) == f"{tmp_path / 'dangling'} exists already; give another --output"


# What others made


def vectors(name: str) -> Path:
    if not (folder := os.environ.get("EVIDENCE_VECTORS")):
        pytest.skip("EVIDENCE_VECTORS says where bags and bodyfiles of others are")
    return Path(folder) / name


def of(path: Path, format_: str | None = None) -> list[Entry | PassedOver]:
    with path.open("rb") as stream:
        return [*read(stream, format_)]


@pytest.mark.vectors
def test_bodyfiles_of_others_are_judged_right() -> None:
    counted = {}
    for name in ("bodyfile", "ntfs.vhd.bodyfile"):
        found = of(vectors("bodyfile") / name)
        counted[name] = (
            sum(isinstance(each, Entry) for each in found),
            sum(isinstance(each, PassedOver) for each in found),
        )
    assert counted == {"bodyfile": (12, 12), "ntfs.vhd.bodyfile": (37, 52)}
    with pytest.raises(NoListError, match=r"^line 3: a backslash in the name stands for nothing$"):
        of(vectors("bodyfile") / "bodyfile.corrupt")


@pytest.mark.vectors
def test_bags_of_others_are_judged_right() -> None:
    judged = {}
    for list_ in sorted((vectors("bagit") / "v1.0").glob("*/*/manifest-sha*.txt")):
        try:
            judged[f"{list_.parent.name}/{list_.name}"] = str(len(of(list_, "bagit")))
        except NoListError as error:
            judged[f"{list_.parent.name}/{list_.name}"] = str(error)
    sha512 = "line 1: the hash is a SHA-512; read the bag's manifest-sha256.txt, if it has one"
    bags = (
        "bagit-with-invalid-whitespace",
        "same-filename-listed-twice-with-different-hashes",
        "same-filename-listed-twice-with-the-same-hash",
    )
    # That a name is listed twice is told when the list is read into a manifest.
    counts = ("1", "2", "2")
    assert judged == {
        **{f"{bag}/manifest-sha256.txt": count for bag, count in zip(bags, counts, strict=True)},
        **{f"{bag}/manifest-sha512.txt": sha512 for bag in (*bags, "basicBag", "notAllManifestsListAllFiles")},
    }
