"""Lists that `dossier manifest` writes of manifests, and reads into them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from app.evidence.entries import Entry, NoListError, PassedOver
from app.evidence.reading import read
from tests.commands import DOSSIER, PATIENCE, environment
from tests.server import Client, Server
from tests.test_collect import bearer
from tests.test_files import Batch, file

FORMATS = ("sha256sum", "hashdeep", "bagit", "csv", "jsonl")
NAMES = ("a.txt", "docs/b c.txt", "docs/é, |%", "data/x", "\\")


def command(client: Client, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own command
        [DOSSIER, "manifest", *arguments],
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


@pytest.mark.parametrize("format_", FORMATS)
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
    assert said(wrote, 1) == f"{list_}: File exists"


def test_names_that_a_format_cannot_hold_are_told_and_nothing_is_written(
    server: Server, alice: Client, tmp_path: Path
) -> None:
    batch = Batch(alice)
    assert batch.add(file("good"), file("two\nlines"), file("\\xff", pathBytes="/w=="))["errors"] == []
    assert batch.finish(3)["errors"] == []
    for format_, name, why in (
        ("hashdeep", "two\\nlines", "it has a line's end in it"),
        ("bagit", "\\\\xff", "it is no UTF-8"),
    ):
        list_ = tmp_path / format_
        done = command(alice, "write", "--batch", batch.id, "--format", format_, "--output", list_, "--url", server.url)
        told = f"{format_} can't hold the name '{name}': {why}; nothing was written, use another --format"
        assert said(done, 1) == told
        assert not list_.exists()


REFUSED = {
    "no list": (b"no list of anything\n", "line 1: this is no list of files in a format that is known"),
    "nothing": (b"", "line 1: this is no list of files in a format that is known"),
    "a line that is none": (
        b"%s  a\nx\n" % (b"0" * 64),
        "line 2: this is no line of sha256sum, sha1sum or md5sum",
    ),
    "two kinds": (
        b"%s  a\n%s  b\n" % (b"0" * 64, b"0" * 32),
        "line 2: the hash is of another kind than those before",
    ),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_is_no_list_is_refused_with_its_line(server: Server, alice: Client, tmp_path: Path, way: str) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    (tmp_path / "a").touch()
    text, why = REFUSED[way]
    list_.write_bytes(text)
    done = command(alice, "add", list_, "--batch", batch.id, "--folder", tmp_path, "--url", server.url)
    assert said(done, 1) == f"{list_}, {why}"
    assert batch.read()["files"]["totalCount"] == 0


def test_a_list_that_lacks_something_is_refused_by_name(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    digest = hashlib.sha256(b"").hexdigest()

    def refused(text: str, *more: str | Path) -> str:
        list_.write_text(text)
        return said(command(alice, "add", list_, "--batch", batch.id, *more, "--url", server.url), 1)

    assert refused(f"{'0' * 32}  a\n") == f"{list_} has no SHA-256 of a; a manifest has one of each file"
    assert refused(f"{digest}  a\n") == f"{list_} has no size of a; give --folder, the folder in which the files lie"
    assert refused(f"{digest}  a\n", "--folder", tmp_path) == f"{tmp_path / 'a'}: No such file or directory"
    (tmp_path / "a").touch()
    assert refused(f"{digest}  a\n{digest}  a\n", "--folder", tmp_path) == f"{list_} has a twice"
    nowhere = command(alice, "add", list_.with_name("none"), "--batch", batch.id, "--url", server.url)
    assert said(nowhere, 1) == f"{list_.with_name('none')}: No such file or directory"
    list_.write_text(f"{digest}  a\n")
    stranger = command(server.client(), "add", list_, "--batch", batch.id, "--folder", tmp_path, "--url", server.url)
    assert said(stranger, 1) == "there is no such batch, at least for you; give its id"
    assert batch.read()["files"]["totalCount"] == 0


def test_what_is_of_two_gigabytes_is_not_read_into_memory(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    with list_.open("wb") as stream:
        stream.write(b"%s  a" % (b"0" * 64))
        stream.truncate(2 * 1024**3)
    done = command(alice, "add", list_, "--batch", batch.id, "--folder", tmp_path, "--url", server.url)
    assert said(done, 1) == f"{list_}, line 1: it has more than 262,144 bytes"


def test_what_was_broken_off_is_gone_on_with(server: Server, alice: Client, tmp_path: Path) -> None:
    batch, list_ = Batch(alice), tmp_path / "list"
    lines = [f"{hashlib.sha256(str(n).encode()).hexdigest()}  {n}\n" for n in range(1_500)]
    list_.write_text(
        "%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n"
        + "".join(f"{len(line)},{line[:64]},./{line[66:]}" for line in lines)
    )
    assert batch.add(file("7", "7"))["errors"] == []
    done = command(alice, "add", list_, "--batch", batch.id, "--url", server.url)
    assert done.returncode == 0, done.stderr
    assert batch.read()["manifest"]["fileCount"] == 1_500


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
