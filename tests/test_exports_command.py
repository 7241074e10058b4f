"""`dossier export`: a case as a file that is there whole, or not at all."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from app.commands.servers import CutOffError
from app.commands.servers import Server as Called
from app.exchange import FORMATS
from tests.between import Between, Exchange, Trouble, between
from tests.commands import DOSSIER, PATIENCE, environment
from tests.server import Client, Server
from tests.test_collect import bearer
from tests.test_exports import filled, taken_out, warehouse

pytestmark = pytest.mark.long

HEADERS = ("content-type", "content-disposition")


@pytest.fixture
def case(alice: Client) -> str:
    return warehouse(alice)


def number_of(client: Client, case: str) -> str:
    return str(client.run("query ($id: ID!) { case(id: $id) { number } }", id=case)["case"]["number"])


def run(server: Server | Between, client: Client, folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - our own command
        [DOSSIER, "export", *arguments, "--url", server.url],
        env=environment(DOSSIER_TOKEN=bearer(client)),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
        cwd=folder,
    )


def shell(server: Server, client: Client, script: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of a shell in which `$0` is our command and `$@` are the arguments."""
    return subprocess.run(  # noqa: S603 - our own command
        ["/bin/bash", "-o", "pipefail", "-c", script, DOSSIER, "export", *arguments, "--url", server.url],
        env=environment(DOSSIER_TOKEN=bearer(client)),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )


@contextmanager
def started(
    server: Server | Between, client: Client, folder: Path, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command while the block does."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [DOSSIER, "export", *arguments, "--url", server.url],
        env=environment(DOSSIER_TOKEN=bearer(client)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def troubled(server: Server, trouble: Trouble) -> Iterator[Between]:
    """Serve between a client and a server, with trouble at each export."""

    class Export(Exchange):
        def do_GET(self) -> None:  # noqa: N802 - http.server calls it so
            """Do what goes wrong."""
            trouble(self)

    with between(server.url) as way:
        way.RequestHandlerClass = Export
        yield way


def begun(exchange: Exchange) -> httpx.Response:
    """Send the head of an export and the first half of it, and return all of it."""
    answer = exchange.server.http.get(
        f"{exchange.server.target}{exchange.path}", headers={"Authorization": exchange.headers["Authorization"]}
    )
    exchange.send_response(answer.status_code)
    for name in HEADERS:
        exchange.send_header(name, answer.headers[name])
    exchange.send_header("Content-Length", str(len(answer.content)))
    exchange.end_headers()
    exchange.wfile.write(answer.content[: len(answer.content) // 2])
    return answer


def cut_off(exchange: Exchange) -> None:
    """Half of the export comes, and the connection is closed."""
    begun(exchange)
    exchange.close_connection = True


class Halting:
    """Half of the export comes and then, until the test is over, nothing or a byte now and then."""

    def __init__(self, *, is_silent: bool) -> None:
        self.has_begun, self.is_over = threading.Event(), threading.Event()
        self._is_silent = is_silent

    def __call__(self, exchange: Exchange) -> None:
        answer = begun(exchange)
        self.has_begun.set()
        place = len(answer.content) // 2
        while not self.is_over.wait(0.05):
            if not self._is_silent and place < len(answer.content) - 1:
                exchange.wfile.write(answer.content[place : place + 1])
                place += 1
        exchange.close_connection = True


def test_a_file_is_written_once(server: Server, alice: Client, case: str, tmp_path: Path) -> None:
    number = number_of(alice, case)
    done = run(server, alice, tmp_path, number, "--format", "csv")
    size = len((tmp_path / f"case-{number}.csv").read_bytes())
    told = f"Case {number} is in case-{number}.csv: {size:,} bytes.\n" if size < 1024 else f"Case {number} is in "
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith(told)
    again = run(server, alice, tmp_path, number, "--format", "csv")
    assert (again.returncode, again.stdout) == (1, b"")
    assert again.stderr == f"dossier: case-{number}.csv exists already; give another --output\n".encode()
    piped = run(server, alice, tmp_path, case, "--format", "csv", "--output", "-")
    assert (piped.returncode, piped.stdout) == (0, (tmp_path / f"case-{number}.csv").read_bytes())
    assert [each.name for each in tmp_path.iterdir()] == [f"case-{number}.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_has_the_name_that_the_server_has_for_it(
    server: Server, alice: Client, case: str, tmp_path: Path, format_: str
) -> None:
    answer = server.http.get(f"/cases/{case}/export", params={"format": format_}, headers=alice.headers)
    done = run(server, alice, tmp_path, case, "--format", format_)
    assert (done.returncode, done.stderr) == (0, b"")
    (path,) = tmp_path.iterdir()
    assert answer.headers["content-disposition"] == f'attachment; filename="{path.name}"'


def test_what_was_asked_for_wrongly_is_told(
    server: Server, alice: Client, mallory: Client, case: str, tmp_path: Path
) -> None:
    wrong = run(server, alice, tmp_path, case, "--format", "csv", "--where", "{")
    message = '`where` must be a filter of events in JSON, such as {"type": ["ACTION"]}'
    assert (wrong.returncode, wrong.stderr.decode()) == (1, f"dossier: the server refuses: {message}\n")
    missing = run(server, mallory, tmp_path, case, "--format", "csv")
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert b"there is no case" in missing.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_where_no_file_can_be_the_case_is_not_taken_out(
    server: Server, alice: Client, case: str, tmp_path: Path
) -> None:
    taken = tmp_path / f"case-{number_of(alice, case)}.report.md"
    taken.write_text("mine")
    ways = {
        (): f"{taken.name} exists already; give another --output",
        ("--output", taken.name): f"{taken.name} exists already; give another --output",
        ("--output", "missing/file"): "missing/file can't be written: No such file or directory",
    }
    for arguments, message in ways.items():
        done = run(server, alice, tmp_path, case, "--format", "markdown", *arguments)
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", f"dossier: {message}\n".encode())
    closed = shell(server, alice, '"$0" "$@" >&-', case, "--format", "csv", "--output", "-")
    assert (closed.returncode, closed.stderr) == (1, b"dossier: standard output is closed; give another --output\n")
    assert taken_out(alice, case) == []
    assert (taken.read_text(), [*tmp_path.iterdir()]) == ("mine", [taken])


def test_a_server_may_take_long_over_a_file(server: Server, alice: Client, case: str) -> None:
    def late(exchange: Exchange) -> None:
        time.sleep(1)
        begun(exchange)
        time.sleep(1)
        exchange.close_connection = True

    with troubled(server, late) as way, closing(Called(way.url, bearer(alice))) as called:
        called.hurry(0.2)
        with called.download(f"/cases/{case}/export", {"format": "csv"}) as pieces:
            assert next(pieces).startswith(b"kind,")
            with pytest.raises(CutOffError):
                next(pieces)


def test_an_answer_that_is_cut_off_is_told_as_one(server: Server, alice: Client, case: str, tmp_path: Path) -> None:
    with troubled(server, cut_off) as way:
        told = f"dossier: the server at {way.url} broke off in the middle of the file, for a reason that its log has; "
        kept = run(way, alice, tmp_path, case, "--format", "csv")
        assert (kept.returncode, kept.stdout, kept.stderr.decode()) == (1, b"", f"{told}no file was written\n")
        piped = run(way, alice, tmp_path, case, "--format", "csv", "--output", "-")
        assert (piped.returncode, piped.stderr.decode()) == (1, f"{told}what was written is not whole\n")
        assert piped.stdout.startswith(b"kind,")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_whoever_leaves_before_the_end_has_not_all_of_it(server: Server, alice: Client, case: str) -> None:
    filled(alice, case, 1_000)  # more than a pipe holds
    left = shell(server, alice, '"$0" "$@" | head -c 100', case, "--format", "jsonl", "--output", "-")
    assert (left.returncode, len(left.stdout)) == (1, 100)
    assert left.stderr == b"dossier: the output can't be written: Broken pipe; what was written is not whole\n"
    whole = shell(server, alice, '"$0" "$@" | tail -n 1', case, "--format", "jsonl", "--output", "-")
    assert (whole.returncode, whole.stderr, whole.stdout.count(b"\n")) == (0, b"", 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_file_behind(
    server: Server, alice: Client, case: str, tmp_path: Path, number: signal.Signals
) -> None:
    halting = Halting(is_silent=False)
    with troubled(server, halting) as way, started(way, alice, tmp_path, case, "--format", "csv") as process:
        try:
            assert halting.has_begun.wait(PATIENCE)
            (path,) = tmp_path.iterdir()
            assert path.name.startswith(f".case-{number_of(alice, case)}.csv.")
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=PATIENCE)
        finally:
            halting.is_over.set()
    reason = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert (process.returncode, stdout) == (128 + number, b"")
    assert stderr.decode() == f"dossier: {reason}; no file was written\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_a_signal_does_not_wait_long_for_the_server(server: Server, alice: Client, case: str, tmp_path: Path) -> None:
    halting = Halting(is_silent=True)
    with troubled(server, halting) as way, started(way, alice, tmp_path, case, "--format", "csv") as process:
        try:
            assert halting.has_begun.wait(PATIENCE)
            time.sleep(0.5)  # it has all that comes by now
            process.terminate()
            stdout, stderr = process.communicate(timeout=PATIENCE)
        finally:
            halting.is_over.set()
    assert (process.returncode, stdout) == (143, b"")
    assert stderr == b"dossier: ended by SIGTERM; no file was written\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.slow
def test_a_signal_ends_what_nobody_goes_on_to_read(server: Server, alice: Client, case: str, tmp_path: Path) -> None:
    filled(alice, case, 1_000)
    arguments = (case, "--format", "jsonl", "--output", "-")
    with started(server, alice, tmp_path, *arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.read(1)
        time.sleep(2)  # the pipe is full by now
        process.terminate()
        assert process.wait(PATIENCE) == 143
        told = process.stderr.read()
    assert (first, told) == (b"{", b"dossier: ended by SIGTERM; what was written is not whole\n")
