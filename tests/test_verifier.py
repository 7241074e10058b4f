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
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from app.db.models import ChangeKind, Hold, JournalEntry, LogEntry, table_of
from app.record import notes
from app.record.entries import ERASED, NO_CHANGE, SUBJECTS, leaf_of
from app.record.signing import pem_of
from app.record.trees import extended, inclusion_proof, leaf_hash, node_of, root
from app.values import field_name
from tests.conftest import KINDS
from tests.histories import History
from tests.server import Client, Server, serving
from tests.test_kept import made, purge
from tests.test_log import command
from tests.test_migrations import ask
from tests.test_notes import gos_answer

pytestmark = pytest.mark.long

PROGRAM = Path(__file__).parent.parent / "clients" / "verify.py"
ENTRIES, LOG, HOLDS = table_of(JournalEntry), table_of(LogEntry), table_of(Hold)
STATE = """
query ($id: ID!) {
  case(id: $id) {
    id version createdAt updatedAt title description reference status number retainUntil
    tags comments(first: 20) { nodes { id version createdAt updatedAt text editedAt } }
    seal { at by { id } reason root }
    members { user { id } role expiresAt accepted }
    holds { id name reason reference placedAt placedBy { id } releasedAt releasedBy { id } releaseReason }
    events(first: 50) {
      nodes {
        id version createdAt updatedAt title description type occurredAt occurredUntil timePrecision sortOrder
        source timeKind utcOffset
        tags comments(first: 20) { nodes { id version createdAt updatedAt text editedAt } }
        fileBatches(first: 30) {
          nodes {
            id version createdAt updatedAt label description fileCount fileTypes sortOrder tags
            comments(first: 20) { nodes { id version createdAt updatedAt text editedAt } }
          }
        }
      }
    }
  }
}
"""


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location("verify", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


OURS = _loaded()
# The same question is asked thousands of times where only another part of the files is changed.
OURS.is_signed = cache(OURS.is_signed)


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
    assert "|".join(subject.name for subject in SUBJECTS.values()) == "CASE|EVENT|FILE_BATCH|COMMENT|MEMBER|HOLD"
    assert "(?P<type>CASE|EVENT|FILE_BATCH|COMMENT|MEMBER|HOLD)" in OURS.LEAF.pattern
    assert sorted(OURS.LEAVING) == sorted(kind.value for kind in NO_CHANGE)
    assert OURS.ERASED == ERASED
    versioned = {
        subject.name: subject.label and field_name(subject.label)
        for subject in SUBJECTS.values()
        if "version" in subject.table.c
    }
    assert versioned == OURS.VERSIONED


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
    found = re.match(
        rf"All (\d+) changes of case {proved.deleted} are in the record; the last one is DELETED CASE", out
    )
    assert found is not None
    # Holds outlive the case that they are on.
    holds = select(func.count()).select_from(HOLDS).where(HOLDS.c.case_id == proved.deleted)
    assert f"they leave {ask(proved.server.settings, lambda connection: connection.scalar(holds))} rows" in out
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


def rows_of(client: Client, case: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the API says of all that is in a case, by its type and id, without what is null."""
    found = client.run(STATE, id=case)["case"]
    events, members, holds = found.pop("events")["nodes"], found.pop("members"), found.pop("holds")
    batches = [batch for event in events for batch in event.pop("fileBatches")["nodes"]]
    comments = [
        {**comment, "on": row["id"]} for row in (found, *events, *batches) for comment in row.pop("comments")["nodes"]
    ]
    for row in (found, *events, *batches):
        row["tags"] = row["tags"] or None
    for member in members:
        member["id"] = member.pop("user")["id"]
    for hold in holds:
        hold |= {name: hold[name] and hold[name]["id"] for name in ("placedBy", "releasedBy")}
    seal = found.pop("seal")
    if seal is not None:
        found |= {f"seal{name.title()}": seal[name] for name in ("reason", "root")}
        found |= {"sealedAt": seal["at"], "sealedBy": seal["by"]["id"]}
    of_types = {"CASE": [found], "EVENT": events, "FILE_BATCH": batches, "MEMBER": members, "HOLD": holds}
    of_types["COMMENT"] = comments
    return {
        (type_, row["id"]): {name: value for name, value in row.items() if value is not None}
        for type_, rows in of_types.items()
        for row in rows
    }


def test_the_state_is_what_the_api_says(proved: Proved) -> None:
    client = proved.server.client(roles=("admin",))
    cases = [case["id"] for case in client.run("{ cases(first: 10) { nodes { id } } }")["cases"]["nodes"]]
    assert len(cases) > 1
    given = {"reason": "Done.", "expectedVersion": None}
    assert client.change("sealCase", "errors { code }", id=cases[0], **given)["errors"] == []
    for case in cases:
        path, _, _ = proved.files(case)
        code, out, err = run(proved.keys[0], path, "--state")
        assert code == 0
        assert err.startswith("All ")
        rows = [json.loads(line) for line in out.splitlines()]
        assert f"they leave {len(rows)} rows" in err
        named = {"MEMBER": "", "HOLD": "name", "FILE_BATCH": "label"}
        found = {}
        for row in rows:
            fields = {name: value for name, value in row["fields"].items() if value is not None}
            found[row["type"], row["id"]] = {"id": row["id"], **fields}
            if row["version"]:
                found[row["type"], row["id"]] |= {name: row[name] for name in ("version", "createdAt", "updatedAt")}
            assert row["label"] == (fields.get(named.get(row["type"], "title")) or row["label"])
        expected = rows_of(client, case)
        for key, hold in found.items():
            if key[0] == "HOLD":
                hold.pop("authority")
        assert found == expected
    assert client.change("unsealCase", "errors { code }", id=cases[0], reason="Not yet.")["errors"] == []


def accounted(parts: list[bytes]) -> bool:
    """Return whether all that a file says of changes is what they said, or what is left as a later one says."""
    entries = [(json.loads(leaf), text) for leaf, text in zip(parts[::2], parts[1::2], strict=False)]
    left: dict[str, str] = {}
    for leaf, text in entries:
        if leaf["kind"] == "ERASED" and text != b"null":
            left |= json.loads(text)[3]["erased"][1]
    return all(
        text == b"null" or sha256(text).hexdigest() in {leaf["digest"], left.get(str(leaf["seq"]))}
        for leaf, text in entries
    )


def test_what_was_erased_is_told_and_the_rest_is_proved(proved: Proved) -> None:
    path, lines, proof = proved.files(proved.deleted)
    parts = lines.split(b"\n")
    for place in range(1, len(parts), 2):
        left_out = [*parts[:place], b"null", *parts[place + 1 :]]
        refused = refusal(proved.keys[0], b"\n".join(left_out), proof)
        assert (refused is None) == accounted(left_out)
        assert refused is None or refused.endswith(" has another digest than what it says")
    path.write_bytes(b"\n".join([b"null" if place % 2 else part for place, part in enumerate(parts)]))
    leaves = [json.loads(leaf) for leaf in parts[:-1:2]]
    rows = {leaf["row"] for leaf in leaves if leaf["kind"] == "PURGED"}
    purged = sum(not rows.isdisjoint((leaf["row"], leaf.get("event"))) for leaf in leaves)
    code, out, _ = run(proved.keys[0], path)
    assert code == 0
    assert (f"What {purged} of {len(leaves)} said was purged.\n" in out) == (purged > 0)
    left_out_ = (
        f"What {len(leaves) - purged} of {len(leaves)} said is not here: it was erased, or left out of the file."
    )
    assert f"{left_out_}\n" in out


def test_a_purge_is_certified_when_what_it_is_about_is_gone(proved: Proved) -> None:
    server, settings = proved.server, proved.server.settings
    alice = server.client()
    case = alice.create_case(title="Planted 1")
    event = alice.create_event(case, title="Planted 2", description="Planted 3")
    batch = alice.create_batch(case, event, label="Planted 4")
    hold = made(alice, "placeHold", "hold { id }", caseId=case, name="Planted 5", reason="Planted 6")["hold"]["id"]
    made(alice, "releaseHold", caseId=case, id=hold, reason="Planted 7")
    made(alice, "deleteFileBatch", caseId=case, eventId=event, id=batch)
    made(alice, "deleteCase", id=case)
    payload = purge(server.client(roles=("admin",)), case, case)
    seq = payload["change"]["seq"]
    says = select(func.count()).where(ENTRIES.c.case_id == case, ENTRIES.c.said.is_not(None))
    until = time.monotonic() + 30
    while ask(settings, lambda connection: connection.scalar(says)) > 1:
        assert time.monotonic() < until
        time.sleep(0.05)

    path, lines, _ = proved.files(case, str(seq))
    leaf, said = lines.decode().splitlines()
    assert (leaf, said) == (payload["certificate"]["leaf"], payload["certificate"]["said"])
    code, out, err = run(proved.keys[0], path)
    assert (code, err) == (0, "")
    assert out.startswith(f"Change {seq} of case {case} is in the record: PURGED CASE {case}, made at ")
    assert "What " not in out

    path, lines, _ = proved.files(case)
    code, out, err = run(proved.keys[0], path)
    assert (code, err) == (0, "")
    assert out.startswith(f"All {seq} changes of case {case} are in the record; the last one is PURGED CASE {case}, ")
    assert "they leave 0 rows.\n" in out
    assert f"What {seq - 1} of {seq} said was purged.\n" in out
    assert out.count("What ") == 1
    assert b"Planted" not in lines
    # It says of how many entries what they said would go, and what the tree was then.
    whole = lines.decode().splitlines()
    top, _ = tree_of([leaf.encode() for leaf in whole[:-2:2]])
    told = {"entries": seq - 1, "size": seq - 1, "root": top.hex(), "authority": "ADMIN", "reason": "Article 17."}
    assert {name: payload["certificate"][name] for name in told} == told


def test_what_is_left_of_what_was_erased_is_proved(proved: Proved) -> None:
    alice = proved.server.client()
    case = alice.create_case(title="Planted 1", description="Kept")
    made(alice, "updateCase", id=case, title="Planted 2")
    made(alice, "updateCase", id=case, title="Harmless")
    given = {"caseId": case, "fields": ["title"], "reason": "Article 17."}
    made(alice, "erase", seqs=[1, 3], **given)
    made(alice, "erase", seqs=[4], **given)
    path, lines, _ = proved.files(case)
    told = [json.loads(line) for line in lines.decode().splitlines()[1::2]]
    assert [said[1] for said in told] == [None, alice.subject, None, "Harmless", "Harmless", "Harmless"]
    assert told[0][3]["title"] == [None, "[erased]"]
    assert told[0][3]["description"] == [None, "Kept"]
    assert [said[3]["title"] for said in told[2:4]] == [["[erased]", "[erased]"], ["[erased]", "Harmless"]]
    code, out, err = run(proved.keys[0], path)
    assert (code, err) == (0, "")
    assert "What 3 of 6 said was erased in part.\n" in out
    assert out.count("What ") == 1
    # What is left of one change proves nothing without the one that says so.
    path, lines, _ = proved.files(case, "3")
    assert lines.endswith(b"\nnull\n")
    code, out, _ = run(proved.keys[0], path)
    assert code == 0
    assert "What 1 of 1 said is not here" in out
    path, _, _ = proved.files(case, "5")
    assert run(proved.keys[0], path)[1].startswith(f"Change 5 of case {case} is in the record: ERASED CASE {case}, ")


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


@pytest.mark.services
def test_gos_own_library_agrees(proved: Proved, tmp_path: Path) -> None:
    files = []
    for number, case in enumerate(ask(proved.server.settings, _logged)):
        _, _, proof = proved.files(case.case_id)
        files.append(
            {"verifier": proved.keys[0], "text": proof.decode(), "leaf": base64.b64encode(case.leaf.encode()).decode()}
        )
        assert number < 20
    answer = gos_answer({"verifier": proved.keys[0], "files": files, "name": "x", "text": "x\n"}, tmp_path)
    assert answer["files"] == len(files) > 3


def _logged(connection: Connection) -> Sequence[Any]:
    """Return the newest leaf of each case."""
    newest = select(func.max(LOG.c.seq)).where(LOG.c.case_id.is_not(None)).group_by(LOG.c.case_id)
    return connection.execute(select(LOG.c.case_id, LOG.c.leaf).where(LOG.c.seq.in_(newest))).all()


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
    first = ENTRIES.c.case_id == proved.deleted, ENTRIES.c.seq == 1
    ask(proved.server.settings, lambda connection: connection.execute(update(ENTRIES).where(*first).values(said=None)))
    path, lines, _ = proved.files(proved.deleted)
    assert lines.split(b"\n")[1] == b"null"
    assert "What 1 of " in run(proved.keys[0], path)[1]


# Files that fail one check and no other: whatever is wrong with the leaves, the rest is made of them as it should be.

KEY = Ed25519PrivateKey.from_private_bytes(b"7" * 32)
ORIGIN = "dossier/0123456789abcdef"
SIGNER = notes.Signer(ORIGIN, KEY)
OURS_KEY = SIGNER.verifier.text
CASE, USER, EVENT, OTHER = (f"0197{number}000-0000-7000-8000-000000000000" for number in range(1, 5))
SALT = "AAAAAAAAAAAAAAAAAAAAAA"
TITLE = {"title": (None, "A")}


def tree_of(leaves: list[bytes]) -> tuple[bytes, Callable[[int, int], bytes]]:
    frontier, brought = b"", []
    for size, leaf in enumerate(leaves):
        frontier, nodes = extended(size, frontier, leaf_hash(leaf))
        brought.append(nodes)
    return root(frontier), node_of(lambda seq: brought[seq - 1])


def entry(seq: int, kind: str = "CREATED", fields: Any = None, label: Any = "A", **more: Any) -> tuple[bytes, bytes]:
    """Return a change's two lines; a test may say all of what is in them."""
    fields = TITLE if fields is None else fields
    text = more.pop("text", None) or json.dumps([SALT, label, None, fields], separators=(",", ":")).encode()
    row: dict[str, Any] = {
        "at": f"2026-01-01T00:00:{seq:02}.000000Z", "by": USER, "case_id": CASE, "digest": sha256(text).digest(),
        "kind": kind, "row_id": CASE, "seq": seq, "type": "CASE", "event_id": None, "request_id": None, "version": 1,
    }  # fmt: skip
    return leaf_of(row | more), text


def forged(lines: list[tuple[bytes, bytes]], *, seq: int | None = None, **parts: Any) -> tuple[bytes, bytes]:
    """Return the files of a journal, or of one of its changes, and sign what comes of it."""
    top, node = tree_of([leaf for leaf, _ in lines])
    size = parts.get("size", len(lines))
    hashes = parts.get("hashes", [] if seq is None else inclusion_proof(seq - 1, len(lines), node))
    extra = {"at": "2026-01-02T00:00:00.000000Z", "salt": SALT, "size": size}
    commitment = sha256((SALT + CASE).encode()).hexdigest()
    head = {"at": extra["at"], "case": commitment, "kind": "CASE", "root": top.hex(), "size": size, "v": 1}
    leaves = [b"0", b"1", json.dumps(head, separators=(",", ":")).encode(), b"3", b"4"]
    top, node = tree_of(leaves)
    checkpoint = notes.Checkpoint(parts.get("origin", ORIGIN), 5, parts.get("root", top), parts.get("extensions", ()))
    about = json.dumps(extra, separators=parts.get("separators", (",", ":"))).encode() + b"\n"
    proof = notes.Proof(
        parts.get("index", 2),
        tuple(parts.get("path", inclusion_proof(2, 5, node))),
        notes.sign(checkpoint.text, [parts.get("signer", SIGNER)]),
        parts.get("extra", about + b"".join(hashes)),
    )
    shown = lines if seq is None else [lines[seq - 1]]
    return b"".join(leaf + b"\n" + text + b"\n" for leaf, text in parts.get("shown", shown)), proof.text.encode()


def updated(seq: int = 2, **more: Any) -> tuple[bytes, bytes]:
    given: dict[str, Any] = {"kind": "UPDATED", "fields": {"title": ("A", "B")}, "label": "B", "version": seq}
    return entry(seq, **given | more)


def kept(seq: int, kind: str, **more: Any) -> tuple[bytes, bytes]:
    """Return the lines of a change by which its row stays as it is."""
    return entry(seq, kind, **{"label": None, "fields": {}, "version": None} | more)


def deleted(seq: int, **more: Any) -> tuple[bytes, bytes]:
    return entry(seq, "DELETED", **{"fields": {"title": ("A", None)}} | more)


def sealed(*before: tuple[bytes, bytes], **more: Any) -> tuple[bytes, bytes]:
    """Return the lines of the seal of a case that has been changed once."""
    top, _ = tree_of([leaf for leaf, _ in before])
    fields = {"sealedAt": (None, "2026"), "sealRoot": (None, top.hex())}
    return entry(len(before) + 1, "SEALED", **{"fields": fields, "version": 2} | more)


def left_of(line: tuple[bytes, bytes], fields: Any, label: Any = None) -> tuple[bytes, bytes]:
    """Return the lines of a change of which something was erased."""
    return line[0], json.dumps([SALT[::-1][:-1] + "A", label, None, fields], separators=(",", ":")).encode()


def erased(seq: int, *lines: tuple[bytes, bytes], **more: Any) -> tuple[bytes, bytes]:
    """Return the lines of the change that says what was erased of others."""
    digests = {str(json.loads(leaf)["seq"]): sha256(text).hexdigest() for leaf, text in lines}
    return kept(seq, "ERASED", **{"fields": {"erased": (None, digests)}} | more)


def journal(*lines: tuple[bytes, bytes], **parts: Any) -> Callable[[], tuple[bytes, bytes]]:
    return lambda: forged(list(lines), **parts)


MEMBER: dict[str, Any] = {
    "type": "MEMBER",
    "row_id": USER,
    "version": None,
    "label": "x",
    "fields": {"role": (None, "OWNER")},
}
MADE_EVENT: dict[str, Any] = {"type": "EVENT", "row_id": EVENT, "event_id": EVENT}
MADE_BATCH: dict[str, Any] = {
    "type": "FILE_BATCH",
    "row_id": OTHER,
    "event_id": EVENT,
    "fields": {"label": (None, "A")},
}
HOLD: dict[str, Any] = {
    "kind": "HELD",
    "type": "HOLD",
    "row_id": OTHER,
    "version": None,
    "label": "H",
    "fields": {"name": (None, "H")},
}
RELEASED = HOLD | {"kind": "RELEASED", "fields": {"releaseReason": (None, "over")}}
RETAINED: dict[str, Any] = {"kind": "UPDATED", "fields": {"retainUntil": (None, "2027")}}
ONE, TWO, THREE = entry(1), updated(), updated(3, fields={"title": ("B", "C")}, label="C")
SEALED = sealed(ONE)
BROKEN = {name: (value, None) for name, (_, value) in json.loads(SEALED[1])[3].items()}
UNSEALED = entry(3, "UNSEALED", BROKEN, version=3)
LEFT_OF_ONE = left_of(ONE, {"title": (None, "[erased]")})
BAD_LEAF = ONE[0].replace(b'"v":1', b'"v": 1'), ONE[1]
SEALS = {"sealRoot": json.loads(SEALED[1])[3]["sealRoot"]}
CONTRADICTS = "this is what was signed, but it contradicts itself: "
NO_FORM = "what change 1 says is not of the form that it should have"
PROOF_FORM, EXTRA_FORM = "the proof is not of the form", "what the proof says of the journal is not of the form"
REFUSED: list[tuple[str, Callable[[], tuple[bytes, bytes]]]] = [
    ("the first change is not of the form of a leaf", journal(BAD_LEAF)),
    ("what follows change 1 is not of the form of a leaf", journal(ONE, BAD_LEAF)),
    ("the first change is too long, or not all of it is here", lambda: (ONE[0] + b"\n" + ONE[1], journal(ONE)()[1])),
    ("the first change is too long", journal(entry(1, fields={"title": (None, "A" * 10**6)}, label="A" * 10**6))),
    ("change 2 is of another case than those before", journal(ONE, updated(case_id=OTHER, row_id=OTHER))),
    ("change 3 stands behind change 1", journal(ONE, updated(3))),
    ("change 2 was made earlier", journal(ONE, updated(at="2026-01-01T00:00:00.999999Z"))),
    ("change 1 doesn't name the event", journal(entry(1, event_id=EVENT))),
    ("change 1 doesn't name the event", journal(entry(1, type="EVENT", row_id=EVENT, event_id=OTHER))),
    ("change 1 doesn't name the event", journal(entry(1, type="FILE_BATCH", row_id=EVENT))),
    ("change 1 is about another case", journal(entry(1, row_id=OTHER))),
    ("change 1 lacks a version, or has one too many", journal(entry(1, version=None))),
    ("change 1 lacks a version, or has one too many", journal(entry(1, **MEMBER | {"version": 1}))),
    ("change 1 has another digest than what it says", journal(entry(1, digest=bytes(32)))),
    *(
        (NO_FORM, journal(entry(1, text=text.encode("utf-8", "surrogatepass"))))
        for text in (
            "x",
            "[]",
            "{}",
            '["",null,null,{}]',
            f'["{SALT}",1,null,{{}}]',
            f'["{SALT}",null,1,{{}}]',
            f'["{SALT}",null,null,[]]',
            f'["{SALT}",null,null,{{"a":null}}]',
            f'["{SALT}",null,null,{{"a":[1]}}]',
            f'["{SALT}",null,null,{{"a":[1,2],"a":[1,2]}}]',
            f'["{SALT}",null,null,{{"\x1b":[1,2]}}]',
            f'["{SALT}",null, null,{{}}]',
            f'["{SALT}",null,null,{{"a":[NaN,1]}}]',
            f'["{SALT}","\\ud800",null,{{}}]',
            f'["{SALT}","\\u0041",null,{{}}]',
            "[" * 10**5,
            f'["{SALT}",null,null,{{"a":[1,{"[" * 10**5}',
            "\udcff",
            f'["{SALT}",null,null,{{"a":[1,{"9" * 10**5}]}}]',
            f'["{SALT}",null,null,{{}},1]',
        )
    ),
    ("there is no change in the file", journal(ONE, TWO, shown=[])),
    ("the file doesn't have all of the 3 changes", journal(ONE, TWO, THREE, shown=[ONE, TWO])),
    ("the file doesn't have all of the 2 changes", journal(ONE, TWO, shown=[TWO, updated(3)])),
    ("the proof has hashes that a whole journal has no need of", journal(ONE, hashes=[bytes(32)])),
    ("the journal has fewer entries than the one", journal(ONE, TWO, THREE, seq=3, size=2)),
    (
        "the proof has more hashes than lead to the root of the journal",
        journal(ONE, TWO, seq=1, hashes=[bytes(32)] * 2),
    ),
    ("the proof has fewer hashes than lead to the root of the journal", journal(ONE, TWO, seq=1, hashes=[])),
    ("this is not what was signed", journal(ONE, TWO, seq=1, hashes=[bytes(32)])),
    ("the log has fewer entries than the one", journal(ONE, index=5)),
    ("the proof has more hashes than lead to the root of the log", journal(ONE, path=[bytes(32)] * 4)),
    ("the proof has fewer hashes than lead to the root of the log", journal(ONE, path=[bytes(32)])),
    ("this is not what was signed", journal(ONE, root=bytes(32))),
    (PROOF_FORM, journal(ONE, origin="another/0123456789abcdef")),
    (PROOF_FORM, journal(ONE, extensions=("more",))),
    (PROOF_FORM, journal(ONE, extra=b"")),
    (PROOF_FORM, lambda: (journal(ONE)()[0], journal(ONE)()[1] + b"\n")),
    (PROOF_FORM, lambda: (journal(ONE)()[0], journal(ONE)()[1] + "\u2014 x AAAA\n".encode() * 100)),
    (PROOF_FORM, lambda: (journal(ONE)()[0], journal(ONE)()[1] + b"\xe2\x80\x94 x\xff AAAA\n")),
    (EXTRA_FORM, journal(ONE, extra=b"x\n")),
    (EXTRA_FORM, journal(ONE, separators=(", ", ":"))),
    (EXTRA_FORM, journal(ONE, TWO, seq=1, hashes=[bytes(31)])),
    ("something is not base64 as it has to be written", lambda: padded(*journal(ONE)())),
    ("the log is not signed by the key", journal(ONE, signer=notes.Signer("dossier/0000000000000000", KEY))),
    ("the signature of the log is not good", lambda: signed_otherwise(*journal(ONE)())),
    (CONTRADICTS + "change 2 makes a row that was there already", journal(ONE, entry(2))),
    (CONTRADICTS + "change 1 gives a new row another version than the first", journal(entry(1, version=2))),
    (CONTRADICTS + "change 2 makes a row that was there already", journal(ONE, entry(2, "RESTORED", version=2))),
    (CONTRADICTS + "change 1 gives its row another version than the next", journal(entry(1, "RESTORED"))),
    *(
        (CONTRADICTS + "change 3 gives its row another version", journal(ONE, deleted(2), entry(3, "RESTORED", **more)))
        for more in ({"version": 1}, {"version": 3})
    ),
    (
        CONTRADICTS + "change 3 says that title was something else",
        journal(ONE, deleted(2), entry(3, "RESTORED", {"title": ("A", "A")}, version=2)),
    ),
    (CONTRADICTS + "change 2 seals another journal", journal(ONE, sealed(ONE, fields={"sealRoot": (None, "0" * 64)}))),
    (CONTRADICTS + "change 3 seals another journal", journal(ONE, TWO, sealed(ONE, TWO, fields={}, version=3))),
    (CONTRADICTS + "change 3 seals another journal", journal(ONE, TWO, entry(3, "SEALED", version=3, fields=SEALS))),
    *(
        (CONTRADICTS + "change 3 changes what was sealed", journal(ONE, SEALED, entry(3, **more)))
        for more in (
            RETAINED | {"version": 3, "fields": {"retainUntil": (None, "2027"), "title": ("A", "A")}},
            {"kind": "DELETED", "version": 2},
            {"kind": "SEALED", "version": 3},
            MADE_EVENT,
            MADE_EVENT | {"kind": "RESTORED"},
            MADE_EVENT | {"kind": "DELETED"},
            MADE_BATCH,
        )
    ),
    (
        CONTRADICTS + "change 3 changes what was sealed",
        journal(ONE, SEALED, (entry(3, **MADE_BATCH)[0], b"null")),
    ),
    ("change 2 lacks a version, or has one too many", journal(ONE, kept(2, "REFUSED", version=1))),
    ("change 1 lacks a version, or has one too many", journal(entry(1, **HOLD | {"version": 1}))),
    (CONTRADICTS + "change 2 calls its row what it wasn't called", journal(ONE, kept(2, "REFUSED", label="B"))),
    (
        CONTRADICTS + "change 3 calls its row what it wasn't called",
        journal(ONE, deleted(2), kept(3, "PURGED", label="A")),
    ),
    *(
        (CONTRADICTS + "change 2 says what it is about in another form", journal(ONE, kept(2, "ERASED", fields=fields)))
        for fields in ({"seqs": ([1], None)}, {"erased": (None, 1)}, {"erased": (None, None)})
    ),
    (
        CONTRADICTS + "change 2 calls its row something else",
        journal(entry(1, **HOLD), entry(2, **RELEASED | {"label": "I"})),
    ),
    (CONTRADICTS + "change 2 makes a row that was there already", journal(entry(1, **HOLD), entry(2, **HOLD))),
    (CONTRADICTS + "change 1 is about a row that isn't there", journal(entry(1, **RELEASED))),
    # What is left of what was erased is what the change says that erased it, the last one of them.
    ("change 1 has another digest than what it says", journal(LEFT_OF_ONE, TWO)),
    ("change 1 has another digest than what it says", journal(LEFT_OF_ONE, TWO, seq=1)),
    ("change 1 has another digest than what it says", journal(LEFT_OF_ONE, TWO, erased(3, ONE))),
    (
        "change 1 has another digest than what it says",
        journal(LEFT_OF_ONE, TWO, erased(3, LEFT_OF_ONE), erased(4, left_of(ONE, {}))),
    ),
    ("change 1 has another digest than what it says", journal(LEFT_OF_ONE, TWO, kept(3, "PURGED"))),
    (
        CONTRADICTS + "change 2 says that title was something else",
        journal(left_of(ONE, {"title": (None, "a")}, "a"), TWO, erased(3, left_of(ONE, {"title": (None, "a")}, "a"))),
    ),
    (
        CONTRADICTS + "change 1 calls its row something else",
        journal(left_of(ONE, {"title": (None, "a")}, "b"), TWO, erased(3, left_of(ONE, {"title": (None, "a")}, "b"))),
    ),
    # As a value that was not erased it is one like another.
    (
        CONTRADICTS + "change 2 says that title was something else",
        journal(entry(1, fields={"title": (None, "[erased]")}, label="[erased]"), TWO),
    ),
    (CONTRADICTS + "change 1 is about a row that isn't there", journal(updated(1))),
    (CONTRADICTS + "change 2 gives its row another version than the next", journal(ONE, updated(version=3))),
    (
        CONTRADICTS + "change 2 gives its row another version",
        journal(ONE, updated(kind="DELETED", fields={"title": ("A", None)}, label="A")),
    ),
    (CONTRADICTS + "change 2 says that title was something else", journal(ONE, updated(fields={"title": ("C", "B")}))),
    (
        CONTRADICTS + "change 2 says that a was something else",
        journal(entry(1, fields=TITLE | {"a": (None, 1)}), updated(fields={"a": (True, 2)}, label="A")),
    ),
    (CONTRADICTS + "change 1 says that title was something else", journal(entry(1, fields={"title": ("A", "A")}))),
    (
        CONTRADICTS + "change 2 doesn't say all that is lost",
        journal(ONE, updated(kind="DELETED", version=1, fields={}, label="A")),
    ),
    (CONTRADICTS + "change 2 calls its row something else", journal(ONE, updated(label="A"))),
    (CONTRADICTS + "change 1 calls its row something else", journal(entry(1, fields={}))),
    (
        CONTRADICTS + "change 2 calls its row something else",
        journal(entry(1, **MEMBER), entry(2, "UPDATED", **MEMBER | {"label": "y", "fields": {}})),
    ),
    (
        CONTRADICTS + "change 2 has another type or event than its row",
        journal(ONE, updated(type="MEMBER", version=None)),
    ),
]


def padded(changes: bytes, proof: bytes) -> tuple[bytes, bytes]:
    """Give the root of the log, which ends with a padding, bits that say nothing."""
    lines = proof.split(b"\n")
    index = next(place for place, line in enumerate(lines) if line.startswith(b"index")) + 1
    lines[index] = lines[index][:-2] + bytes([lines[index][-2] + 1]) + b"="
    return changes, b"\n".join(lines)


def signed_otherwise(changes: bytes, proof: bytes) -> tuple[bytes, bytes]:
    end = proof.split(b" ")[-1]
    data = bytearray(base64.b64decode(end))
    data[-1] ^= 1
    return changes, proof.replace(end, base64.b64encode(bytes(data)) + b"\n")


@pytest.mark.parametrize(("sentence", "made"), REFUSED)
def test_each_check_refuses_what_fails_it_alone(sentence: str, made: Callable[[], tuple[bytes, bytes]]) -> None:
    assert (refusal(OURS_KEY, *made()) or "").startswith(sentence)


def test_what_fails_none_of_them_is_proved() -> None:
    gone = updated(3, kind="DELETED", version=2, fields={"title": ("B", None)}, label="B")
    back = entry(4, "RESTORED", {"title": (None, "B")}, "B", version=3)
    for lines in (
        [ONE],
        [ONE, TWO],
        [ONE, TWO, THREE],
        [ONE, TWO, gone],
        [ONE, TWO, gone, back],
        [ONE, TWO, gone, kept(4, "PURGED"), kept(5, "REFUSED")],
        [entry(1, **MEMBER)],
        [entry(1, **HOLD), entry(2, **RELEASED)],
        [ONE, SEALED, entry(3, **RETAINED | {"version": 3}), entry(4, **HOLD), entry(5, **MEMBER)],
        [ONE, SEALED, kept(3, "REFUSED", label="A"), erased(4, label="A"), kept(5, "EXPORTED")],
        [ONE, SEALED, UNSEALED, updated(4)],
        [ONE, SEALED, UNSEALED, sealed(ONE, SEALED, UNSEALED, version=4)],
        [LEFT_OF_ONE, TWO, erased(3, LEFT_OF_ONE, label="B")],
        [LEFT_OF_ONE, TWO, erased(3, ONE), erased(4, LEFT_OF_ONE)],
        [LEFT_OF_ONE, erased(2, LEFT_OF_ONE), deleted(3)],
    ):
        assert refusal(OURS_KEY, *forged(lines)) is None
    for seq in (1, 2, 3):
        assert refusal(OURS_KEY, *forged([ONE, TWO, THREE], seq=seq)) is None


def test_what_is_missing_is_told_apart() -> None:
    event, batch = entry(2, **MADE_EVENT), entry(3, **MADE_BATCH)

    def missing(*lines: tuple[bytes, bytes], without: tuple[int, ...], rows: int) -> list[str]:
        shown = [(leaf, b"null" if place in without else text) for place, (leaf, text) in enumerate(lines, 1)]
        files = map(BytesIO, forged([*lines], shown=shown))
        sentences, left = OURS.prove(OURS.read_keys(OURS_KEY), *files)
        assert len(left) == rows
        return [sentence for sentence in sentences if sentence.startswith("What ")]

    batch_gone = deleted(4, **MADE_BATCH | {"fields": {"label": ("A", None)}})
    gone = deleted(5, **MADE_EVENT | {"fields": {"title": ("A", None)}})
    left_out = "is not here: it was erased, or left out of the file."
    lines = ONE, event, batch, batch_gone, gone
    assert missing(*lines, without=(), rows=1) == []
    assert missing(*lines, without=(2,), rows=1) == [f"What 1 of 5 said {left_out}"]
    purged = kept(6, "PURGED", **MADE_EVENT)
    assert missing(*lines, purged, without=(2, 3, 4, 5), rows=1) == ["What 4 of 6 said was purged."]
    assert missing(*lines, purged, without=(1, 3, 4, 5), rows=1) == [
        "What 3 of 6 said was purged.",
        f"What 1 of 6 said {left_out}",
    ]
    purged = kept(6, "PURGED", **MADE_BATCH)
    assert missing(*lines, purged, without=(2, 3, 4), rows=1) == [
        "What 2 of 6 said was purged.",
        f"What 1 of 6 said {left_out}",
    ]
    held, over = entry(2, **HOLD), entry(3, **RELEASED)
    assert missing(ONE, held, over, deleted(4), kept(5, "PURGED"), without=(1, 2, 3, 4), rows=0) == [
        "What 4 of 5 said was purged."
    ]
    assert missing(LEFT_OF_ONE, TWO, erased(3, LEFT_OF_ONE), without=(), rows=1) == [
        "What 1 of 3 said was erased in part."
    ]


def test_every_sentence_of_the_program_is_that_of_a_test() -> None:
    told = {str(refusal(OURS_KEY, *made())) for _, made in REFUSED} | set(NO_KEYS.values())
    for node in ast.walk(ast.parse(PROGRAM.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check":
            said = node.args[1]
            parts = said.values if isinstance(said, ast.JoinedStr) else [said]
            words = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in parts]
            assert any(re.search("".join(words), each) for each in told), words


NO_KEYS = {
    "key": "it is no key of Dossier's",
    "": "there is no key in the file",
    f"{ORIGIN}+00000000+{OURS_KEY.split('+', 2)[2]}": "the key has another id than it should",
    f"{ORIGIN}+00000000+{base64.b64encode(bytes([2]) + bytes(32)).decode()}": "it is no key of Ed25519",
    f"{ORIGIN}+00000000+{base64.b64encode(bytes([1]) + b'2' + bytes(31)).decode()}": "it is no key of Ed25519",
    f"{ORIGIN}+00000000+{base64.b64encode(bytes([1]) + bytes(30)).decode()}": "it is no key of Ed25519",
}


@pytest.mark.parametrize("text", NO_KEYS)
def test_what_is_no_key_is_misuse(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    (tmp_path / "a.jsonl").touch()
    code, out, err = run(tmp_path / "key", tmp_path / "a.jsonl")
    assert (code, out) == (2, "")
    assert err.endswith(f"error: {NO_KEYS[text]}\n")


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 10**7, b"[" * 10**6, b"\xff\xfe\n" * 9, b"a" * 10**8, b"\n" * 9, b"null\n" * 99]
)
def test_hostile_files_end_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    good = forged([ONE, TWO, THREE])
    changes, proof = tmp_path / "a.jsonl", tmp_path / "a.tlog-proof"
    for files in ((content, good[1]), (good[0], content), (good[0] + content, good[1]), (good[0], good[1] + content)):
        if files == good:
            continue
        changes.write_bytes(files[0])
        proof.write_bytes(files[1])
        code, out, err = run(OURS_KEY, changes)
        assert (code, out) == (1, "")
        assert re.fullmatch(r"Not proved: [ -~]{10,200}\.\n", err)


def test_what_is_not_there_is_misuse(tmp_path: Path) -> None:
    for arguments in ((), (OURS_KEY,), (OURS_KEY, tmp_path / "none.jsonl"), (OURS_KEY, tmp_path), ("none", "none")):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("usage: ")


@pytest.mark.wycheproof
def test_each_vector_of_ed25519_has_the_verdict_that_it_should() -> None:
    """`ed25519_test.json` of Project Wycheproof, beside the files of tests/test_wycheproof.py."""
    path = Path(os.environ.get("WYCHEPROOF", "wycheproof")) / "ed25519_test.json"
    if not path.exists():
        pytest.skip(f"{path} is not there; it is in github.com/C2SP/wycheproof, testvectors_v1")
    groups = json.loads(path.read_text())
    found = [
        (
            vector["result"] == "valid",
            OURS.is_signed(*map(bytes.fromhex, (group["publicKey"]["pk"], vector["sig"], vector["msg"]))),
        )
        for group in groups["testGroups"]
        for vector in group["tests"]
    ]
    assert len(found) == groups["numberOfTests"] == 151
    assert all(theirs == ours for theirs, ours in found)
    assert sum(ours for _, ours in found) == 88


@pytest.mark.vectors
def test_each_vector_of_inclusion_has_the_verdict_that_it_should() -> None:
    found = []
    for path in sorted((Path(os.environ.get("MERKLE_VECTORS", "merkle")) / "inclusion").rglob("*.json")):
        vector = json.loads(path.read_text(encoding="utf-8"))
        given = [base64.b64decode(each) for each in (vector["leafHash"] or "", vector["root"] or "")]
        hashes = [base64.b64decode(each) for each in vector["proof"] or []]
        try:
            ours = OURS.root_above(given[0], vector["leafIdx"], vector["treeSize"], hashes, "it") == given[1]
        except ValueError:
            ours = False
        found.append((path.name, ours, not vector["wantErr"]))
    # It has a hash and a root without bytes; what the program calls it with has been hashed, or is refused before.
    assert [name for name, ours, theirs in found if ours != theirs] == ["empty-root-and-leaf.json"]
    assert len(found) > 90
