"""The installation's log: checkpoints and their key, who signs, and a database that was put back."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, update

from app.db.models import Checkpoint, LogEntry, LogHead, table_of
from app.record import notes
from app.record.signing import pem_of
from app.settings import Settings
from app.web.chores import Chores
from tests import documents
from tests.commands import dossier
from tests.conftest import KINDS
from tests.server import Client, Server, serving
from tests.test_migrations import ask
from tests.test_verify import findings

pytestmark = [pytest.mark.usefixtures("quick_log"), pytest.mark.long]

CHECKPOINT = "{ checkpoint { text size at } }"
CREATE = 'mutation { createCase(input: {title: "A case"}) { case { id } } }'
LOG, HEAD = table_of(LogEntry), table_of(LogHead)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def newest(client: Client) -> notes.Checkpoint:
    """Return what the newest checkpoint says."""
    text = client.run(CHECKPOINT)["checkpoint"]["text"]
    return notes.read_checkpoint(notes.take_apart(text)[0])


def command(settings: Settings, folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the database of a server."""
    given = {"DOSSIER_DATABASE_URL": settings.database_url.render_as_string(hide_password=False)}
    if not settings.embedded:
        given["DOSSIER_CHECKPOINT_KEY"] = str(settings.checkpoint_key)
    return dossier(folder, *arguments, **given | more)


def checkpoint(settings: Settings, folder: Path, *arguments: str, **more: str) -> notes.Note:
    """Return the checkpoint that the command prints, after its signature was verified with the key that it prints."""
    done = command(settings, folder, "checkpoint", *arguments, **more)
    assert done.returncode == 0, done.stderr
    key = command(settings, folder, "checkpoint", "--key", **more).stdout.strip()
    return notes.verify(done.stdout, [notes.read_verifier(key)])


def leaves(settings: Settings, leaf: str = "CASE") -> list[dict[str, Any]]:
    """Return the leaves of a kind."""
    statement = select(LOG.c.leaf).where(LOG.c.kind == leaf).order_by(LOG.c.seq)
    return [json.loads(each) for each in ask(settings, lambda connection: connection.scalars(statement).all())]


def until(question: Callable[[], Any]) -> Any:
    """Return an answer as soon as there is one."""
    end = time.monotonic() + 30
    while not (answer := question()):
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.05)
    return answer


def test_each_journal_that_changed_is_in_the_log_and_signed(
    new_database: Callable[[str], str], kind: str, tmp_path: Path
) -> None:
    with serving(kind, new_database(kind)) as server:
        alice = server.client()
        first = newest(alice)
        assert first.size == 2  # the beginning, and the key
        case = alice.create_case(title="What nobody reads in the log")
        journal = alice.run("query ($id: ID!) { case(id: $id) { journal { size root } } }", id=case)["case"]["journal"]
        (leaf,) = until(lambda: leaves(server.settings))
        assert leaf == {
            "at": leaf["at"],
            "case": leaf["case"],
            "kind": "CASE",
            "root": journal["root"],
            "size": journal["size"],
            "v": 1,
        }
        assert case not in json.dumps(leaves(server.settings))
        second = until(lambda: now if (now := newest(alice)).size > first.size else None)
        assert second.origin == first.origin
        # The same by an address, as text.
        answer = server.http.get("/checkpoint", headers=alice.headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text == alice.run(CHECKPOINT)["checkpoint"]["text"]
        assert notes.read_checkpoint(checkpoint(server.settings, tmp_path).text).size >= second.size
    assert findings(server.settings) == []


def test_a_checkpoint_is_for_those_who_have_a_token(server: Server) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401)):
        answer = server.http.get("/checkpoint", headers=headers)
        assert answer.status_code == status
        assert "dossier/" not in answer.text
    assert server.http.post("/checkpoint").status_code == 405


def test_without_a_key_the_log_goes_on_unsigned(new_database: Callable[[str], str], tmp_path: Path) -> None:
    address = new_database("postgresql")
    with serving("postgresql", address, DOSSIER_CHECKPOINT_KEY="") as server:
        alice = server.client()
        alice.create_case()
        until(lambda: leaves(server.settings))
        assert alice.run(CHECKPOINT) == {"checkpoint": None}
        answer = server.http.get("/checkpoint", headers=alice.headers)
        assert answer.status_code == 404
        assert "DOSSIER_CHECKPOINT_KEY" in answer.text
        assert dossier(tmp_path, "checkpoint", DOSSIER_DATABASE_URL=address).returncode == 1
    # A key that comes later signs all of it.
    with serving("postgresql", address) as server:
        assert until(lambda: newest(server.client())).size == 3
    assert findings(server.settings) == []


@pytest.mark.parametrize("content", [None, "", "no key", "rsa"])
def test_a_key_that_is_none_keeps_a_server_from_starting(
    new_database: Callable[[str], str], tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "checkpoints.key"
    if content == "rsa":
        subprocess.run(["openssl", "genrsa", "-out", path, "2048"], check=True, capture_output=True)  # noqa: S603, S607
    elif content is not None:
        path.write_text(content)
    address = new_database("sqlite")
    settings = {"DOSSIER_DATABASE_URL": address, "DOSSIER_CHECKPOINT_KEY": str(path)}
    done = dossier(tmp_path, "serve", "--port", "0", **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("dossier: ")
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_for_checkpoints_must_be_there(new_database: Callable[[str], str], tmp_path: Path) -> None:
    given = {"DOSSIER_DATABASE_URL": new_database("sqlite"), "DOSSIER_CHECKPOINT_DIR": str(tmp_path / "none")}
    done = dossier(tmp_path, "serve", "--port", "0", **given)
    assert done.returncode == 1
    assert done.stderr == (
        f"dossier: DOSSIER_CHECKPOINT_DIR: {tmp_path}/none is no folder that can be written to; make it first\n"
    )


def test_checkpoints_are_written_to_a_folder(new_database: Callable[[str], str], kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with serving(kind, new_database(kind), DOSSIER_CHECKPOINT_DIR=str(folder)) as server:
        alice = server.client()
        alice.create_case()
    (path,) = sorted(folder.iterdir())[-1:]
    assert path.name.endswith("Z.txt")
    # When a server ends, what was done last is signed.
    assert notes.read_checkpoint(notes.take_apart(path.read_text())[0]).size == 3
    assert findings(server.settings) == []


def test_a_new_key_is_signed_for_by_the_old_one(new_database: Callable[[str], str], kind: str, tmp_path: Path) -> None:
    key = tmp_path / "checkpoints.key"
    key.write_text(pem_of(Ed25519PrivateKey.generate()))
    with serving(kind, new_database(kind), DOSSIER_CHECKPOINT_KEY=str(key)) as server:
        alice = server.client()
        more = {"DOSSIER_CHECKPOINT_KEY": str(key)}
        old = command(server.settings, tmp_path, "checkpoint", "--key", **more).stdout.strip()
        done = command(server.settings, tmp_path, "checkpoint", "--new-key", **more)
        assert done.returncode == 0, done.stderr
        new = command(server.settings, tmp_path, "checkpoint", "--key", **more).stdout.strip()
        assert new != old
        for known in (old, new):
            assert notes.verify(done.stdout, [notes.read_verifier(known)]).text.startswith("dossier/")
        # The server goes on with the new one.
        before = newest(alice).size
        alice.create_case()
        until(lambda: newest(alice).size > before)
        text = alice.run(CHECKPOINT)["checkpoint"]["text"]
        assert notes.verify(text, [notes.read_verifier(new)]).text == text.partition("\n\n")[0] + "\n"
        with pytest.raises(ValueError, match="none of the signatures"):
            notes.verify(text, [notes.read_verifier(old)])
        keys = [leaf["key"] for leaf in leaves(server.settings, "KEY")]
        assert keys == [old, new]
    assert findings(server.settings) == []
    kept = select(Checkpoint.text).where(Checkpoint.is_kept)
    assert ask(server.settings, lambda connection: connection.scalars(kept).all()) == [done.stdout]


def test_another_key_signs_nothing(new_database: Callable[[str], str], tmp_path: Path) -> None:
    address = new_database("postgresql")
    with serving("postgresql", address) as server:
        size = newest(server.client()).size
    other = tmp_path / "other.key"
    other.write_text(pem_of(Ed25519PrivateKey.generate()))
    with serving("postgresql", address, DOSSIER_CHECKPOINT_KEY=str(other)) as server:
        alice = server.client()
        alice.create_case()
        until(lambda: leaves(server.settings))
    done = command(server.settings, tmp_path, "checkpoint")
    assert done.returncode == 0
    assert "'dossier checkpoint --new-key'" in done.stderr
    assert notes.read_checkpoint(notes.take_apart(done.stdout)[0]).size == size
    # Where the old one is lost, the new one signs alone, and the log says from when on.
    done = command(server.settings, tmp_path, "checkpoint", "--new-key")
    assert done.returncode == 0, done.stderr
    assert len(notes.take_apart(done.stdout)[1]) == 1
    assert findings(server.settings) == []


def copy_of(settings: Settings, folder: Path) -> Path:
    """Return a copy of an embedded database that nobody serves."""
    copied = folder / "backup.db"
    shutil.copy(settings.database_file, copied)
    return copied


def test_a_database_that_was_put_back_begins_another_incarnation(
    new_database: Callable[[str], str], tmp_path: Path
) -> None:
    address = new_database("sqlite")
    feed = "query ($after: String) { changes(after: $after) { endCursor } }"
    with serving("sqlite", address) as server:
        alice = server.client("alice")
        alice.create_case()
    backup = copy_of(server.settings, tmp_path)
    with serving("sqlite", address) as server:
        alice = server.client("alice")
        old = newest(alice)
        alice.create_case()
        until(lambda: len(leaves(server.settings)) == 2)
        cursor = alice.run(feed)["changes"]["endCursor"]
    lost = server.settings.database_file.with_name("dossier.db.checkpoint").read_text()
    for ending in ("-wal", "-shm"):
        server.settings.database_file.with_name(f"dossier.db{ending}").unlink(missing_ok=True)
    backup.rename(server.settings.database_file)
    assert [line for line in findings(server.settings) if "is lost" in line] != []
    with serving("sqlite", address) as server:
        alice = server.client("alice")
        new = newest(alice)
        assert new.origin != old.origin
        (error,) = alice.errors(feed, after=cursor)
        assert error["extensions"]["code"] == "CURSOR_EXPIRED"
        first, second = leaves(server.settings, "INCARNATION")
        assert (first["origin"], second["origin"]) == (old.origin, new.origin)
        assert second["known"] == {"origin": old.origin, "root": old.root.hex(), "size": old.size}
        (lost_size,) = [int(lost.split("\n")[1])]
        assert second["lost"]["size"] == lost_size > old.size
        alice.create_case()
    # What it is from then on is whole, and what is lost is told by whoever holds a checkpoint of it.
    assert findings(server.settings) == []
    elsewhere = tmp_path / "lost.txt"
    elsewhere.write_text(lost)
    done = command(server.settings, tmp_path, "verify", "--since", str(elsewhere))
    assert done.returncode == 1
    assert done.stdout == (
        f"{elsewhere}: it was signed when the log had {lost_size} entries, of which {old.size} are here: what was "
        "recorded behind them is lost\n"
    )
    # Once more served, it goes on.
    with serving("sqlite", address) as server:
        assert newest(server.client()).origin == new.origin


def test_a_dump_that_was_read_in_elsewhere_begins_another_incarnation(new_database: Callable[[str], str]) -> None:
    address = new_database("postgresql")
    with serving("postgresql", address) as server:
        old = newest(server.client())
    # As it is in a database whose objects were made anew.
    ask(server.settings, lambda connection: connection.execute(update(HEAD).values(place="1/2")))
    with serving("postgresql", address) as server:
        assert newest(server.client()).origin != old.origin
        assert len(leaves(server.settings, "INCARNATION")) == 2
    with serving("postgresql", address) as server:
        assert len(leaves(server.settings, "INCARNATION")) == 2
    assert findings(server.settings) == []


def test_several_servers_keep_one_log(new_database: Callable[[str], str]) -> None:
    address = new_database("postgresql")
    with serving("postgresql", address) as one, serving("postgresql", address) as other:
        clients = [server.client() for server in (one, other) for _ in range(4)]

        def work(client: Client) -> None:
            for _ in range(5):
                client.create_case()
                time.sleep(0.3)

        threads = [threading.Thread(target=work, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: len(leaves(one.settings)) == 40)
        assert findings(one.settings) == []
    assert findings(one.settings) == []


def test_as_many_cases_as_a_pass_takes_are_signed_and_published_at_once(
    new_database: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: Chores, **_given: bool) -> bool:
        return False

    monkeypatch.setattr(Chores, "_once", nothing)
    with serving("sqlite", new_database("sqlite")) as server:
        alice = server.client()
        for _ in range(200):
            alice.create_case()
    text = checkpoint(server.settings, tmp_path).text
    assert notes.read_checkpoint(text).size == 202
    beside = server.settings.database_file.with_name("dossier.db.checkpoint").read_text()
    assert notes.take_apart(beside)[0] == text
    assert findings(server.settings) == []


def test_a_code_for_paper(new_database: Callable[[str], str], tmp_path: Path) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        pass
    done = command(server.settings, tmp_path, "checkpoint", "--qr")
    plain = command(server.settings, tmp_path, "checkpoint").stdout
    assert done.returncode == 0
    assert done.stdout.startswith(plain)
    assert "█" in done.stdout.removeprefix(plain)


# An authority for RFC 3161, made of OpenSSL.

_CONFIGURATION = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


def openssl(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], check=False, capture_output=True)  # noqa: S603, S607


@contextmanager
def authority(folder: Path, answer: bytes | None = None) -> Iterator[str]:
    """Serve an authority on loopback; `answer` is what it says in place of its own."""
    subject = ("-subj", "/CN=An authority of a test", "-days", "2", "-addext", "extendedKeyUsage=critical,timeStamping")
    files = ("-keyout", folder / "tsa.key", "-out", folder / "tsa.pem")
    assert openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject).returncode == 0
    (folder / "serial").write_text("01\n")
    (folder / "tsa.conf").write_text(_CONFIGURATION.format(folder=folder))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["content-length"])))
            made = ("-config", folder / "tsa.conf", "-queryfile", folder / "query", "-out", folder / "reply")
            assert openssl("ts", "-reply", *made).returncode == 0
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write((folder / "reply").read_bytes() if answer is None else answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_authority_says_when_there_was_a_checkpoint(new_database: Callable[[str], str], tmp_path: Path) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        pass
    with authority(tmp_path) as url:
        done = command(server.settings, tmp_path, "checkpoint", "--timestamp", url)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("dossier: checkpoint-2.tsr says 20")
    text, token = tmp_path / "checkpoint-2.txt", tmp_path / "checkpoint-2.tsr"
    assert text.read_text() == done.stdout
    (tmp_path / "tsa.pem").rename(tmp_path / "authority.pem")
    shown = documents.block("docs/record.md", "verify a time stamp").replace("checkpoint-12", "checkpoint-2")
    assert "Verification: OK" in documents.run(tmp_path, f"({shown}) 2>&1")
    text.write_text(done.stdout + "x")
    assert openssl("ts", "-verify", "-data", text, "-in", token, "-CAfile", tmp_path / "authority.pem").returncode != 0


def test_what_is_no_authority_is_told(new_database: Callable[[str], str], tmp_path: Path) -> None:
    with serving("sqlite", new_database("sqlite")) as server:
        pass
    with authority(tmp_path) as url:
        command(server.settings, tmp_path, "checkpoint", "--timestamp", url)
    other = (tmp_path / "checkpoint-2.tsr").read_bytes()  # of another question
    for path in tmp_path.glob("checkpoint-*"):
        path.unlink()
    for answer, told in ((b"no", "no answer of RFC 3161"), (other, "about something else than was asked")):
        with authority(tmp_path, answer) as url:
            done = command(server.settings, tmp_path, "checkpoint", "--timestamp", url)
        assert (done.returncode, told in done.stderr) == (1, True), done.stderr
    for url in ("http://127.0.0.1:1/", "nowhere", "file:///etc/passwd", "http://"):
        done = command(server.settings, tmp_path, "checkpoint", "--timestamp", url)
        assert (done.returncode, "can't be asked" in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("checkpoint-*")) == []
