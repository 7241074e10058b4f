"""`clients/verify.py`: what `dossier proof` writes is proved by it, and nothing else is."""

from __future__ import annotations

import ast
import base64
import importlib.util
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, update

from app.db.models import ChangeKind, JournalEntry, table_of
from app.record import notes
from app.record.entries import SUBJECTS, leaf_of, said
from app.record.signing import pem_of
from app.record.trees import extended, inclusion_proof, leaf_hash, node_of, root
from tests.conftest import KINDS
from tests.histories import History
from tests.server import Server, serving
from tests.test_log import command
from tests.test_migrations import ask

PROGRAM = Path(__file__).parent.parent / "clients" / "verify.py"
ENTRIES = table_of(JournalEntry)


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location("verify", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OURS = _loaded()


def run(*arguments: object) -> tuple[int, str, str]:
    """Run the program as a process that has nothing but Python."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-I", "-S", PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def refusal(key: str, changes: bytes, proof: bytes) -> str | None:
    """Return why files are refused, without a process for each; None when they are not."""
    try:
        OURS.prove(OURS.read_keys(key), BytesIO(changes), BytesIO(proof))
    except ValueError as error:
        return str(error)
    return None


@dataclass
class Proved:
    """A server's folder with proofs, its keys before and after a rotation, and its cases."""

    server: Server
    folder: Path
    keys: list[str]
    deleted: str
    erased: str

    def files(self, *arguments: str) -> tuple[Path, bytes, bytes]:
        """Let the command write a proof; return the name of the first file and what is in both."""
        done = command(self.server.settings, self.folder, "proof", *arguments, **self.more)
        assert done.returncode == 0, done.stderr
        first, second = (self.folder / name for name in done.stdout.split())
        return first, first.read_bytes(), second.read_bytes()

    @property
    def more(self) -> dict[str, str]:
        return {"DOSSIER_CHECKPOINT_KEY": str(self.folder / "checkpoints.key")}


@pytest.fixture(scope="module", params=KINDS)
def proved(
    request: pytest.FixtureRequest, new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proved]:
    folder = tmp_path_factory.mktemp("proofs")
    (folder / "checkpoints.key").write_text(pem_of(Ed25519PrivateKey.generate()))
    key = str(folder / "checkpoints.key")
    with serving(request.param, new_database(request.param), DOSSIER_CHECKPOINT_KEY=key) as server:
        history = History(server, 11)
        history.go_on(150)
        given = Proved(server, folder, [], history.deleted[0], "")
        given.keys.append(command(server.settings, folder, "checkpoint", "--key", **given.more).stdout.strip())
        yield given


def test_the_kinds_and_types_are_those_of_the_record() -> None:
    assert OURS.KINDS.split("|") == [kind.value for kind in ChangeKind]
    assert "|".join(subject.name for subject in SUBJECTS.values()) == "CASE|EVENT|FILE_BATCH|MEMBER"
    assert "(?P<type>CASE|EVENT|FILE_BATCH|MEMBER)" in OURS.LEAF.pattern


def test_it_can_be_read_in_ten_minutes_and_needs_python_39_and_nothing_else() -> None:
    text = PROGRAM.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    tree = ast.parse(text, feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= set(sys.stdlib_module_names)


def test_single_changes_and_whole_journals_are_proved(proved: Proved, tmp_path: Path) -> None:
    (key,) = proved.keys
    (tmp_path / "key").write_text(f"{key}\n")
    whole, _, _ = proved.files(proved.deleted)
    code, out, err = run(tmp_path / "key", whole)
    assert (code, err) == (0, "")
    found = re.match(rf"All (\d+) changes of case {proved.deleted} are in the record; the last one is DELETED CASE", out)
    assert found is not None
    assert "they leave 0 rows" in out
    assert out.endswith(f"is signed by {'+'.join(key.split('+')[:2])}.\n")
    size = int(found[1])
    for seq in (1, size // 2, size):
        path, _, _ = proved.files(proved.deleted, str(seq))
        code, out, err = run(key, path, path.with_suffix(".tlog-proof"))
        assert (code, err) == (0, "")
        leaf = json.loads(path.read_text(encoding="utf-8").split("\n")[0])
        assert out.startswith(
            f"Change {seq} of case {proved.deleted} is in the record: {leaf['kind']} {leaf['type']} {leaf['row']}, "
            f"made at {leaf['at']} by user {leaf['by']}.\nIts journal of "
        )


def test_the_state_is_what_the_api_says(proved: Proved) -> None:
    asked = "{ cases(first: 10, orderBy: [{field: CREATED_AT}]) { nodes { id title description version createdAt } } }"
    client = proved.server.client(roles=("admin",))
    cases = client.run(asked.replace(", orderBy: [{field: CREATED_AT}]", ""))["cases"]["nodes"]
    assert len(cases) > 1
    for case in cases:
        path, _, _ = proved.files(case["id"])
        code, out, err = run(proved.keys[0], path, "--state")
        assert code == 0
        assert err.startswith("All ")
        rows = [json.loads(line) for line in out.splitlines()]
        (row,) = (row for row in rows if row["type"] == "CASE")
        assert row["fields"]["title"] == row["label"] == case["title"]
        assert row["fields"].get("description") == case["description"]
        assert (row["id"], row["version"], row["createdAt"]) == (case["id"], case["version"], case["createdAt"])
        assert f"they leave {len(rows)} rows" in err


def test_what_was_erased_is_told_and_the_rest_is_proved(proved: Proved) -> None:
    path, lines, proof = proved.files(proved.deleted)
    parts = lines.split(b"\n")
    for place in range(1, len(parts), 2):
        left_out = b"\n".join([*parts[:place], b"null", *parts[place + 1 :]])
        assert refusal(proved.keys[0], left_out, proof) is None
    path.write_bytes(b"\n".join([b"null" if place % 2 else part for place, part in enumerate(parts)]))
    size = len(parts) // 2
    code, out, _ = run(proved.keys[0], path)
    assert code == 0
    assert f"What {size} of {size} said is not here: it was erased, or left out of the file.\n" in out


def test_any_byte_that_is_changed_is_refused(proved: Proved) -> None:
    # All of both files is signed, or hashed into what is: there is one key, and no signature of others.
    numbers = random.Random(1)  # noqa: S311 - to be had again
    for arguments in ((proved.deleted, "2"), (proved.deleted,)):
        _, *files = proved.files(*arguments)
        assert refusal(proved.keys[0], *files) is None
        for which, data in enumerate(files):
            places = range(len(data)) if len(data) < 1_000 else numbers.sample(range(len(data)), 300)
            for place in places:
                changed = bytearray(data)
                changed[place] ^= numbers.randrange(1, 256)
                both = [bytes(changed) if each == which else other for each, other in enumerate(files)]
                assert refusal(proved.keys[0], *both) is not None, (which, place)
            for more in (data[:-1], data + b"\n", b"\n" + data, data + data[-1:], data[1:], b"\xef\xbb\xbf" + data):
                both = [more if each == which else other for each, other in enumerate(files)]
                assert refusal(proved.keys[0], *both) is not None


def test_keys_that_are_replaced(proved: Proved) -> None:
    done = command(proved.server.settings, proved.folder, "checkpoint", "--new-key", **proved.more)
    assert done.returncode == 0, done.stderr
    new = command(proved.server.settings, proved.folder, "checkpoint", "--key", **proved.more).stdout.strip()
    (old,) = proved.keys
    path, lines, proof = proved.files(proved.deleted, "1")
    # The checkpoint that says so is signed by both: each alone is enough, and so are both.
    (proved.folder / "both").write_text(f"{old}\n{new}\n")
    for key in (old, new, proved.folder / "both"):
        assert run(key, path)[0] == 0
    ends = [line for line in proof.decode().split("\n") if line.startswith("\u2014 ")]
    assert len(ends) == 2
    # What others signed is passed over, whatever it is; with their key it is not.
    broken = proof.decode().replace(ends[0], ends[0][:-6] + "A" * 4 + ends[0][-2:]).encode()
    assert refusal(new, lines, broken) is None
    assert refusal(old, lines, broken) == "the signature of the log is not good"
    assert refusal(str(proved.folder / "both"), lines, broken) == "the signature of the log is not good"
    proved.keys[:] = [old]
    proved.server.client().create_case()
    path, lines, proof = proved.files(proved.deleted, "1")
    assert refusal(new, lines, proof) is None
    assert refusal(old, lines, proof) in {None, "the log is not signed by the key"}
    proved.keys[:] = [new]


def test_a_value_that_is_gone_from_the_database_is_null_in_the_file(proved: Proved) -> None:
    erased = update(ENTRIES).where(ENTRIES.c.case_id == proved.deleted, ENTRIES.c.seq == 1).values(said=None)
    if proved.server.settings.embedded:
        pytest.skip("nothing but erasing itself can do it there") if _is_guarded(proved, erased) else None
    else:
        ask(proved.server.settings, lambda connection: connection.execute(erased))
    path, lines, _ = proved.files(proved.deleted)
    assert lines.split(b"\n")[1] == b"null"
    assert "What 1 of " in run(proved.keys[0], path)[1]


def _is_guarded(proved: Proved, statement: Any) -> bool:
    ask(proved.server.settings, lambda connection: connection.execute(statement))
    kept = select(ENTRIES.c.said).where(ENTRIES.c.case_id == proved.deleted, ENTRIES.c.seq == 1)
    return ask(proved.server.settings, lambda connection: connection.scalar(kept)) is not None
