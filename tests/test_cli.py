"""The commands, each run as a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from gql import Client as GqlClient
from gql import gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport

from app.db import migrations
from app.errors import DossierError
from app.web.sites import is_built
from tests.collecting import collect
from tests.commands import DOSSIER, PATIENCE, environment, serving, started
from tests.commands import fresh as dossier
from tests.conftest import KINDS
from tests.server import SECRET

NOBODY = 65534  # the user that Linux has for those who own nothing


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, new_database: Callable[[str], str], tmp_path: Path) -> dict[str, str]:
    """Settings for a new, migrated database."""
    settings = {
        "DOSSIER_DATABASE_URL": new_database(request.param),
        "DOSSIER_JWT_SECRET": SECRET,
        "DOSSIER_INTROSPECTION": "true",
    }
    assert dossier(tmp_path, "migrate", **settings).stdout == f"the database is at revision {migrations.newest()}\n"
    return settings


def test_serve_needs_nothing_but_an_empty_folder(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, url):
        secret = tmp_path / "dossier.db.secret"
        assert secret.stat().st_mode & 0o777 == 0o600
        token = dossier(tmp_path, "token", "--subject", "alice").stdout.strip()
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE) as http:
            answer = http.post(f"{url}/graphql", json={"query": "{ viewer { subject } }"})
        assert answer.json() == {"data": {"viewer": {"subject": "alice"}}}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        output, errors = process.stdout.read(), process.stderr.read()
        assert errors == ""
        lines = output.splitlines()
        typed = "dossier" if shutil.which("dossier") == str(DOSSIER) else DOSSIER
        assert pages(lines[:-2], url, demo=True)
        assert lines[-2:] == [
            f"A token:      {typed} token --subject alice (in this folder, with the same settings)",
            "A secret to sign tokens with was made at dossier.db.secret; keep it to yourself.",
        ]


def pages(lines: list[str], url: str, *, demo: bool) -> bool:
    """Say whether these are the lines about the pages, which need not have been built."""
    if not is_built():
        return lines == ["The app and the explorer have not been built; the API does without them."]
    code = "#demo=[A-Za-z0-9_-]{22}" if demo else ""
    expected = [f"The app:      {url}/app/{code}", f"The explorer: {url}/graphql{code}"]
    expected += ["These two addresses let you sign in as the demo user; .*"] if demo else []
    return re.fullmatch("\n".join(expected), "\n".join(lines)) is not None


def test_serve_says_what_to_type_as_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder/dossier").symlink_to(DOSSIER)
    with_it = os.pathsep.join([str(DOSSIER.parent), os.defpath])
    for program, path, typed in (("a folder/dossier", os.defpath, "'a folder/dossier'"), (DOSSIER, with_it, "dossier")):
        process = subprocess.Popen(  # noqa: S603 - our own command
            [program, "serve", "--port", "0"],
            cwd=tmp_path,
            env=environment(PATH=path),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        try:
            line = next(line for line in iter(process.stdout.readline, "") if line.startswith("A token: "))
        finally:
            process.kill()
            process.communicate()
        assert line == f"A token:      {typed} token --subject alice (in this folder, with the same settings)\n"


@pytest.mark.parametrize(
    ("host", "address", "elsewhere"),
    [("0.0.0.0", "127.0.0.1", True), ("::", "[::1]", True), ("::1", "[::1]", False)],  # noqa: S104 - it is asked for
)
def test_serve_prints_an_address_that_can_be_called(tmp_path: Path, host: str, address: str, elsewhere: bool) -> None:  # noqa: FBT001
    with serving(tmp_path, "--host", host, DOSSIER_JWT_SECRET=SECRET) as (process, url):
        assert url.startswith(f"http://{address}:")
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=PATIENCE)
    assert "#demo=" not in output
    warning = "dossier: warning: other machines reach this server, and without TLS: "
    assert (errors.count("\n"), errors.startswith(warning)) == ((1, True) if elsewhere else (0, False))


def test_serve_starts_without_its_issuer_and_makes_no_secret(tmp_path: Path) -> None:
    settings = {"DOSSIER_ISSUERS": "http://127.0.0.1:1", "DOSSIER_JWT_AUDIENCE": "dossier"}
    with serving(tmp_path, **settings) as (process, url):
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
        assert process.stdout is not None
        assert process.stderr is not None
        output, errors = process.stdout.read(), process.stderr.read()
    assert pages(output.splitlines(), url, demo=False)
    assert errors.endswith(
        " WARNING no keys from http://127.0.0.1:1: ConnectError; until they are had, its tokens are refused\n"
    )
    assert errors.count("\n") == 1
    assert not (tmp_path / "dossier.db.secret").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "number"), [("1", signal.SIGTERM), ("2", signal.SIGINT)])
def test_signals_end_serve_cleanly(
    tmp_path: Path, database: dict[str, str], workers: str, number: signal.Signals
) -> None:
    with serving(tmp_path, "--workers", workers, **database) as (process, _):
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_serve_cleanly_from_the_moment_it_says_where_it_listens(
    tmp_path: Path, workers: str, number: signal.Signals
) -> None:
    with started(tmp_path, "--workers", workers) as (process, _):
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.slow
def test_a_signal_to_workers_that_start_ends_serve_cleanly(tmp_path: Path) -> None:
    with started(tmp_path, "--workers", "2") as (process, _):
        time.sleep(0.7)  # the workers are there and can't hear yet
        os.killpg(process.pid, signal.SIGTERM)  # as a service manager does
        _, errors = process.communicate(timeout=PATIENCE / 2)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.slow
def test_requests_that_are_half_sent_do_not_keep_workers_from_ending(tmp_path: Path) -> None:
    settings = {"DOSSIER_GRACE": "30", "DOSSIER_RECEIVE_SECONDS": "300"}
    with serving(tmp_path, "--workers", "2", **settings) as (process, url), contextlib.ExitStack() as stack:
        address = httpx.URL(url)
        token = dossier(tmp_path, "token", "--subject", "alice").stdout.strip()
        connections = [
            stack.enter_context(socket.create_connection((address.host, address.port), timeout=PATIENCE))
            for _ in range(8)
        ]
        head = f"POST /graphql HTTP/1.1\r\nHost: dossier\r\nAuthorization: Bearer {token}\r\n"
        rest = "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        for number, connection in enumerate(connections):
            connection.sendall((head + rest if number % 2 else head).encode())
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
        # Whoever outlives the grace is named in the log.
        assert (process.returncode, errors) == (0, "")
        for connection in connections:
            assert connection.recv(65_536).startswith(b"HTTP/1.1 503 ")


def test_a_client_that_others_wrote_can_work_with_serve(tmp_path: Path, database: dict[str, str]) -> None:
    token = dossier(tmp_path, "token", "--subject", "alice", **database).stdout.strip()
    with serving(tmp_path, **database) as (_, url):
        headers = {"Authorization": f"Bearer {token}"}
        transport = HTTPXTransport(url=f"{url}/graphql", headers=headers, timeout=PATIENCE)
        with GqlClient(transport=transport, fetch_schema_from_transport=True) as client:
            create = gql(
                """
                mutation ($input: CreateCaseInput!) {
                  createCase(input: $input) { case { id title version } errors { code message path } }
                }
                """
            )
            create.variable_values = {"input": {"title": "Straße"}}
            made = client.execute(create)["createCase"]
            assert (made["case"]["title"], made["case"]["version"], made["errors"]) == ("Straße", 1, [])
            create.variable_values = {"input": {"title": " "}}
            assert client.execute(create)["createCase"] == {
                "case": None,
                "errors": [
                    {
                        "code": "INVALID_INPUT",
                        "message": "`title` must not be blank",
                        "path": ["input", "title"],
                    }
                ],
            }
            find = gql("query ($id: ID!) { node(id: $id) { __typename ... on Case { title } } }")
            find.variable_values = {"id": made["case"]["id"]}
            assert client.execute(find) == {"node": {"__typename": "Case", "title": "Straße"}}
            with pytest.raises(TransportQueryError) as refused:
                client.execute(gql("{ cases(first: 0) { nodes { id } } }"))
            assert refused.value.errors is not None
            assert refused.value.errors[0]["extensions"] == {"code": "INVALID_INPUT", "argument": "first"}
        bare = HTTPXTransport(url=f"{url}/graphql", timeout=PATIENCE)
        with GqlClient(transport=bare) as stranger, pytest.raises(TransportQueryError) as unknown:
            stranger.execute(find)
        assert unknown.value.errors is not None
        assert unknown.value.errors[0]["extensions"] == {"code": "UNAUTHENTICATED"}


@pytest.mark.slow
def test_collect_records_every_file(tmp_path: Path, database: dict[str, str]) -> None:
    library = Path(sysconfig.get_path("stdlib")) / "test"
    found = subprocess.run(  # noqa: S603 - a fixed command
        ["/usr/bin/find", library, "-type", "f"], capture_output=True, check=True
    ).stdout.count(b"\n")
    token = dossier(tmp_path, "token", "--subject", "alice", **database).stdout.strip()
    with serving(tmp_path, **database) as (_, url):
        endpoint = f"{url}/graphql"
        done = dossier(
            tmp_path,
            "collect",
            str(library),
            "--case-title",
            "Tests",
            "--url",
            endpoint,
            "--token",
            token,
            **database,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert f"Case 1: {found:,} files" in done.stdout
        assert sum(batch["fileCount"] for batch in batches(endpoint, token)) == found


def batches(url: str, token: str) -> Iterator[dict[str, int]]:
    """Read back all batches of the only case, page by page."""
    page_info = "pageInfo { hasNextPage endCursor }"
    events = f"query ($at: String) {{ cases {{ nodes {{ id events(after: $at) {{ nodes {{ id }} {page_info} }} }} }} }}"
    listed = f"""
    query ($case: ID!, $event: ID!, $at: String) {{
      event(caseId: $case, id: $event) {{
        fileBatches(first: 100, after: $at) {{ nodes {{ fileCount }} {page_info} }}
      }}
    }}
    """
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE) as http:

        def pages(query: str, find: Callable[[Any], Any], **variables: str) -> Iterator[Any]:
            info: Any = {"hasNextPage": True, "endCursor": None}
            while info["hasNextPage"]:
                given = {**variables, "at": info["endCursor"]}
                answer = http.post(url, json={"query": query, "variables": given}).json()
                page = find(answer["data"])
                yield page
                info = page.get("pageInfo") or page["events"]["pageInfo"]

        for case in pages(events, lambda data: data["cases"]["nodes"][0]):
            for event in case["events"]["nodes"]:
                found = pages(listed, lambda data: data["event"]["fileBatches"], case=case["id"], event=event["id"])
                for page in found:
                    yield from page["nodes"]


@pytest.mark.slow
def test_collect_counts_and_names_what_it_cannot_read(tmp_path: Path, database: dict[str, str]) -> None:
    folder = tmp_path / "evidence"
    (folder / "nested").mkdir(parents=True)
    (folder / "nested" / "letter.PDF").write_bytes(b"12345")
    (folder / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"")
    (folder / "link").symlink_to(folder / "nested" / "letter.PDF")
    os.mkfifo(folder / "pipe")
    beyond = folder / "beyond.txt"
    beyond.write_bytes(b"")
    os.utime(beyond, (10**11 * 5, 10**11 * 5)) if sys.maxsize > 2**32 else None
    with serving(tmp_path, **database) as (_, url):
        done = dossier(
            tmp_path,
            "collect",
            str(folder),
            "--case-title",
            "Evidence",
            "--url",
            f"{url}/graphql",
            **database,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Case 1: 3 files (5 bytes)")


def test_token_says_what_it_was_told(tmp_path: Path) -> None:
    done = dossier(
        tmp_path,
        *("token", "--subject", "bob", "--name", "Bob", "--email", "bob@example.org", "--role", "auditor"),
        *("--expires", "30m"),
        DOSSIER_JWT_SECRET=SECRET,
        DOSSIER_JWT_AUDIENCE="dossier",
    )
    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"], audience="dossier")
    assert claims.pop("exp") - claims.pop("iat") == 1800
    assert claims == {
        "sub": "bob",
        "name": "Bob",
        "email": "bob@example.org",
        "roles": ["auditor"],
        "aud": "dossier",
    }


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_token_is_signed_as_configured(tmp_path: Path, algorithm: str) -> None:
    secret = "é" * 32
    settings = {"DOSSIER_JWT_SECRET": secret, "DOSSIER_JWT_ALGORITHMS": algorithm}
    token = dossier(tmp_path, "token", "--subject", "böb", **settings).stdout.strip()
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT"}
    assert jwt.decode(token, secret, algorithms=[algorithm])["sub"] == "böb"


HEAVY = [
    *("aiosqlite", "alembic", "asyncio", "asyncpg", "cryptography", "graphql", "httpx", "jwt", "orjson", "sqlalchemy"),
    *("starlette", "strawberry", "uvicorn"),
]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        *(
            [command, "--help"]
            for command in ("serve", "token", "migrate", "schema", "documents", "explain", "collect", "verify")
        ),
        ["token", "--subject", "alice"],
    ],
)
def test_what_needs_no_server_and_no_database_imports_none(tmp_path: Path, arguments: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-X", "importtime", "-m", "app", *arguments],
        cwd=tmp_path,
        env=environment(DOSSIER_JWT_SECRET=SECRET, DOSSIER_DATABASE_URL="postgresql://u@localhost/db"),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "argparse" in imported
    assert imported.isdisjoint(HEAVY)


def test_schema_prints_the_schema(tmp_path: Path) -> None:
    printed = dossier(tmp_path, "schema").stdout
    assert "type FileBatch implements Node {" in printed
    assert '@specifiedBy(url: "https://www.rfc-editor.org/rfc/rfc3339")' in printed


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (
            ["serve", "--port", "0"],
            {"DOSSIER_DATABASE_URL": "sqlite:////nowhere/dossier.db"},
            "dossier: the database /nowhere/dossier.db can't be opened: [Errno 2] No such file or directory: "
            "'/nowhere/dossier.db.lock'; check DOSSIER_DATABASE_URL, and that the folder exists and may be written to",
        ),
        (
            ["serve"],
            {"DOSSIER_DATABASE_URL": "mysql://localhost/x"},
            "dossier: DOSSIER_DATABASE_URL: mysql is not supported; use sqlite+aiosqlite or postgresql+asyncpg",
        ),
        (
            ["serve"],
            {"DOSSIER_JWT_SECRET": "short"},
            "dossier: DOSSIER_JWT_SECRET: a secret for HS256 has at least 32 bytes (RFC 7518, section 3.2)",
        ),
        (
            ["token", "--subject", "alice"],
            {"DOSSIER_JWT_SECRET": "x" * 32, "DOSSIER_JWT_ALGORITHMS": "HS256,HS384"},
            "dossier: DOSSIER_JWT_SECRET: a secret for HS384 has at least 48 bytes (RFC 7518, section 3.2)",
        ),
        (
            ["token", "--subject", "alice"],
            {"DOSSIER_JWT_SECRET": "x" * 63, "DOSSIER_JWT_ALGORITHMS": "HS512"},
            "dossier: DOSSIER_JWT_SECRET: a secret for HS512 has at least 64 bytes (RFC 7518, section 3.2)",
        ),
        (
            ["serve"],
            {"DOSSIER_LOG_LEVEL": "loud"},
            "dossier: DOSSIER_LOG_LEVEL: expected one of debug, info, warning, error, critical",
        ),
        (
            ["token", "--subject", "alice"],
            {},
            "dossier: no signing secret at dossier.db.secret; start 'dossier serve' once in this folder, or set "
            "DOSSIER_JWT_SECRET",
        ),
        (
            ["token", "--subject", "alice"],
            {"DOSSIER_ISSUERS": "https://login.example.org"},
            "dossier: tokens are made by the issuer that is configured; to make your own, set DOSSIER_JWT_SECRET",
        ),
        (
            ["token", "--subject", "alice", "--expires", "8d"],
            {"DOSSIER_JWT_SECRET": SECRET},
            "dossier: a token may be valid for at most 604800 seconds; ask for less, or set DOSSIER_JWT_MAX_LIFETIME",
        ),
        (
            ["token", "--subject", "alice"],
            {"DOSSIER_JWT_SECRET": "ssh-ed25519 " + "A" * 68},
            "dossier: the signing secret is a key of another kind or a certificate; take random text instead",
        ),
        (
            ["collect", "missing", "--case-title", "T", "--token", "x"],
            {},
            "dossier: missing is not a folder",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], settings: dict[str, str], message: str
) -> None:
    done = dossier(tmp_path, *arguments, **settings)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message + "\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serv"], "`serv` is no command of 'dossier'; did you mean `serve`?"),
        (["TOKEN", "--subject", "alice"], "`TOKEN` is no command of 'dossier'; did you mean `token`?"),
        (["docs", "--help"], "`docs` is no command of 'dossier'; did you mean `documents`?"),
        (["documents", "lst"], "`lst` is no command of 'dossier documents'; did you mean `list`?"),
        (["--verison"], "`--verison` is no option of 'dossier'; did you mean `--version`?"),
        (["serve", "--prot", "80"], "`--prot` is no option of 'dossier serve'; did you mean `--port`?"),
        (["serve", "-port", "80"], "`-port` is no option of 'dossier serve'; did you mean `--port`?"),
        (["token", "--subjcet", "alice"], "`--subjcet` is no option of 'dossier token'; did you mean `--subject`?"),
        (
            ["collect", ".", "--case-title", "T", "--tokn=sesame"],
            "`--tokn` is no option of 'dossier collect'; did you mean `--token`?",
        ),
        (["serv\u202e"], "`serv\\u202e` is no command of 'dossier'; did you mean `serve`?"),
    ],
)
def test_what_is_misspelt_is_told_with_what_it_is_nearest_to(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = dossier(tmp_path, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"dossier: {message}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xyzzy"], "dossier: error: argument COMMAND: invalid choice: 'xyzzy' (choose from "),
        (["--xyzzy", "schema"], "dossier: error: unrecognized arguments: --xyzzy"),
        (["schema", "--verbose"], "dossier: error: unrecognized arguments: --verbose"),
        (["serve", "--host", "--xyzzy"], "dossier serve: error: argument --host: expected one argument"),
        (["schema", "--", "--hepl"], "dossier: error: unrecognized arguments: "),
        (["token"], "dossier token: error: the following arguments are required: --subject"),
    ],
)
def test_nothing_is_guessed_when_nothing_is_near(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = dossier(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "did you mean" not in done.stderr


def test_the_beginning_of_an_option_is_enough(tmp_path: Path) -> None:
    done = dossier(tmp_path, "token", "--sub", "alice", "--na=Alice", "--ex", "1h", DOSSIER_JWT_SECRET=SECRET)
    assert (done.returncode, done.stderr) == (0, "")
    claims = jwt.decode(done.stdout.strip(), SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["name"], claims["exp"] - claims["iat"]) == ("alice", "Alice", 3600)


def test_serve_migrates_nothing_when_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert dossier(tmp_path, "serve", "--port", str(taken.getsockname()[1])).returncode == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("algorithms", "length"), [("HS256", 32), ("HS384", 48), ("HS256,HS512", 64)])
def test_a_secret_file_is_long_enough_for_what_it_signs(tmp_path: Path, algorithms: str, length: int) -> None:
    secret = tmp_path / "dossier.db.secret"
    token = ("token", "--subject", "alice")
    secret.write_text("x" * length + "\n")
    assert dossier(tmp_path, *token, DOSSIER_JWT_ALGORITHMS=algorithms).returncode == 0
    secret.write_text("x" * (length - 1) + "\n")
    done = dossier(tmp_path, *token, DOSSIER_JWT_ALGORITHMS=algorithms)
    expected = "dossier: the signing secret at dossier.db.secret is too short; delete the file to have a new one made\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


def test_serve_says_that_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = dossier(tmp_path, "serve", "--port", port)
    expected = f"dossier: port {port} on 127.0.0.1 is taken; choose another one with --port\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_serve_says_that_its_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "dossier.db").write_bytes(b"not a database, but long enough to be one " * 100)
    done = dossier(tmp_path, "serve", "--port", "0")
    assert done.returncode == 1
    assert done.stderr == (
        "dossier: the database dossier.db can't be opened: file is not a database; check DOSSIER_DATABASE_URL, and "
        "that the folder exists and may be written to\n"
    )


def test_serve_says_that_postgresql_is_not_migrated_or_not_there(
    tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    settings = {"DOSSIER_DATABASE_URL": new_database("postgresql"), "DOSSIER_JWT_SECRET": SECRET}
    done = dossier(tmp_path, "serve", "--port", "0", **settings)
    expected = "dossier: the database is not migrated to this version; run 'dossier migrate' first\n"
    assert (done.returncode, done.stderr) == (1, expected)
    settings["DOSSIER_DATABASE_URL"] = "postgresql://someone:sesame@127.0.0.1:1/nothing"
    done = dossier(tmp_path, "serve", "--port", "0", **settings)
    assert done.returncode == 1
    assert done.stderr.startswith("dossier: the database postgresql+asyncpg://someone:***@127.0.0.1:1/nothing can't")
    assert done.stderr.count("\n") == 1


def test_the_embedded_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    with serving(tmp_path):
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    endings = ("", "-wal", "-shm", ".lock", ".secret", ".key", ".checkpoint")
    assert set(modes) == {f"dossier.db{ending}" for ending in endings}
    assert set(modes.values()) == {0o600}


def test_tokens_that_must_be_short_are_made_short(tmp_path: Path) -> None:
    limit = {"DOSSIER_JWT_SECRET": SECRET, "DOSSIER_JWT_MAX_LIFETIME": "600"}
    token = dossier(tmp_path, "token", "--subject", "alice", **limit).stdout.strip()
    claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 600


def test_collect_refuses_a_folder_that_it_may_not_list(tmp_path: Path) -> None:
    folder = tmp_path / "secret"
    folder.mkdir(mode=0o000)
    user = os.geteuid()
    os.seteuid(user or NOBODY)  # whoever may do everything may list it
    try:
        with pytest.raises(DossierError) as refused:
            collect(folder, "T", "http://127.0.0.1:1/graphql", "token")
    finally:
        os.seteuid(user)
    assert str(refused.value) == f"{folder} can't be listed: Permission denied; check who may read it"


@pytest.mark.slow
def test_collect_says_what_keeps_it_from_the_server(tmp_path: Path, database: dict[str, str]) -> None:
    command = ("collect", str(tmp_path), "--case-title", "T")
    gone = dossier(tmp_path, *command, "--url", "http://127.0.0.1:1/graphql", **database)
    assert gone.returncode == 1
    assert gone.stderr.startswith("dossier: the server at http://127.0.0.1:1/graphql can't be reached:")
    with serving(tmp_path, **database) as (_, url):
        refused = dossier(tmp_path, *command, "--url", f"{url}/graphql", "--token", "nonsense", **database)
        assert refused.stderr == ("dossier: the server refuses the token; make a new one with 'dossier token'\n")
        assert refused.returncode == 1
        elsewhere = dossier(tmp_path, *command, "--url", f"{url}/healthz", **database)
        assert elsewhere.stderr == (
            "dossier: the server refuses: Method Not Allowed; check --url, which ends in /graphql\n"
        )
        untitled = dossier(tmp_path, *command[:-1], " ", "--url", f"{url}/graphql", **database)
        assert untitled.stderr == "dossier: --case-title: `title` must not be blank\n"
