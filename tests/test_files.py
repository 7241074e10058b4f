"""Manifests: the files of a batch, what they add up to, and who finds them."""

from __future__ import annotations

import base64
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.evidence.entries import Entry, path_of, shown
from app.evidence.writing import digested
from app.values import new_id
from tests.server import Client, Server
from tests.test_migrations import ask
from tests.test_ownership import execute
from tests.test_verify import findings

pytestmark = pytest.mark.long

FILES = """
    query ($case: ID!, $event: ID!, $id: ID!, $where: FileFilter, $first: Int, $after: String) {
      fileBatch(caseId: $case, eventId: $event, id: $id) {
        fileCount totalBytes manifest { sha256 fileCount totalBytes finishedAt finishedBy { subject } }
        files(where: $where, first: $first, after: $after) {
          totalCount nodes { id path pathBytes size modifiedAt sha256 sha1 md5 fileBatch { id } }
          pageInfo { endCursor hasNextPage }
        }
      }
    }
"""
BY_HASH = """
    query ($hash: String!, $first: Int, $after: String) {
      filesByHash(hash: $hash, first: $first, after: $after) {
        totalCount nodes { id path } pageInfo { endCursor hasNextPage }
      }
    }
"""
ERRORS = "errors { __typename message ... on InvalidInputError { path } }"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file(path: str, content: str = "", **more: Any) -> dict[str, Any]:
    return {"path": path, "size": len(content), "sha256": sha256(content), **more}


def raw(path: bytes) -> dict[str, Any]:
    return file(path.decode("utf-8", "backslashreplace"), pathBytes=base64.b64encode(path).decode())


class Batch:
    """A file batch, as those who fill it call it."""

    def __init__(self, client: Client, **values: Any) -> None:
        self.client = client
        self.case = client.create_case(title="Warehouse")
        self.event = client.create_event(self.case)
        self.id = client.create_batch(self.case, self.event, label="Photos", **values)
        self.named = {"caseId": self.case, "eventId": self.event, "fileBatchId": self.id}

    def add(self, *files: dict[str, Any], **more: Any) -> Any:
        return self.client.change(
            "addFiles", f"fileBatch {{ id }} change {{ id }} replayed {ERRORS}", files=files, **self.named, **more
        )

    def finish(self, count: int, **more: Any) -> Any:
        selection = "fileBatch { fileCount totalBytes version manifest { sha256 } } change { kind fields { name } }"
        selection = f"{selection} {ERRORS}"
        return self.client.change("finishManifest", selection, fileCount=count, **self.named, **more)

    def read(self, client: Client | None = None, **more: Any) -> Any:
        return (client or self.client).run(FILES, case=self.case, event=self.event, id=self.id, **more)["fileBatch"]


@pytest.fixture
def batch(alice: Client) -> Batch:
    return Batch(alice, fileCount=7)


def refusals(answer: Any) -> list[tuple[list[str], str]]:
    assert all(error["__typename"] == "InvalidInputError" for error in answer["errors"])
    return [(error["path"], error["message"]) for error in answer["errors"]]


def paths(batch: Batch, **where: Any) -> list[str]:
    return [each["path"] for each in batch.read(where=where)["files"]["nodes"]]


def test_a_manifest_is_added_to_finished_and_then_never_changes(server: Server, batch: Batch) -> None:
    added = batch.add(
        file("b.txt", "b", modifiedAt="2026-01-02T03:04:05.678901Z"), file("a.txt", "aa", sha1="AB" * 20, md5="cd" * 16)
    )
    assert (added["fileBatch"], added["change"], added["errors"]) == ({"id": batch.id}, None, [])
    assert batch.add(file("ä\n\\.txt"))["errors"] == []
    before = batch.read()
    assert (before["fileCount"], before["totalBytes"], before["manifest"]) == (7, None, None)
    assert before["files"]["totalCount"] == 3
    first, second, third = before["files"]["nodes"]
    of_batch = {"fileBatch": {"id": batch.id}, "pathBytes": None}
    assert {**first, "id": ""} == {
        **of_batch,
        "id": "",
        "path": "a.txt",
        "size": 2,
        "modifiedAt": None,
        "sha256": sha256("aa"),
        "sha1": "ab" * 20,
        "md5": "cd" * 16,
    }
    assert (second["path"], second["modifiedAt"], second["sha1"], second["md5"]) == (
        "b.txt",
        "2026-01-02T03:04:05.678901Z",
        None,
        None,
    )
    assert third["path"] == "ä\n\\.txt"
    assert refusals(batch.finish(2)) == [(["input", "fileCount"], "`fileCount` is 2, but 3 files were added")]
    listed = f"{sha256('aa')}  a.txt\n{sha256('b')}  b.txt\n\\{sha256('')}  ä\\n\\\\.txt\n"
    done = batch.finish(3)
    manifest = {"sha256": sha256(listed)}
    assert done["fileBatch"] == {"fileCount": 3, "totalBytes": 3, "version": 2, "manifest": manifest}
    names = {field["name"] for field in done["change"]["fields"]}
    assert (done["change"]["kind"], names) == (
        "UPDATED",
        {"manifestSha256", "fileCount", "totalBytes", "finishedAt", "finishedBy"},
    )
    after = batch.read()
    assert after["manifest"] | {"finishedAt": ""} == {
        **manifest,
        "fileCount": 3,
        "totalBytes": 3,
        "finishedAt": "",
        "finishedBy": {"subject": batch.client.subject},
    }
    finished = [(["input", "fileBatchId"], "`fileBatchId` has a manifest that is finished, and never changes")]
    assert refusals(batch.add(file("c"))) == finished
    assert refusals(batch.finish(3)) == finished
    update = batch.client.change(
        "updateFileBatch", ERRORS, caseId=batch.case, eventId=batch.event, id=batch.id, fileCount=4
    )
    assert refusals(update) == [(["input", "fileCount"], "`fileCount` is that of the manifest: 3")]
    update = batch.client.change(
        "updateFileBatch", ERRORS, caseId=batch.case, eventId=batch.event, id=batch.id, label="All"
    )
    assert update["errors"] == []
    assert findings(server.settings, batch.case) == []


def test_paths_are_bytes(server: Server, batch: Batch) -> None:
    names = [b"\xff", rb"\xff", b"a\xffb", b"z", "\U0010ffff".encode(), b"\xc3(", b"a"]
    assert batch.add(*map(raw, names))["errors"] == []
    found = {each["path"]: each["pathBytes"] for each in batch.read()["files"]["nodes"] if each["pathBytes"]}
    assert found == {"\\xff": "/w==", "a\\xffb": "Yf9i", "\\xc3(": "wyg="}
    assert paths(batch) == ["\\xff", "a", "a\\xffb", "z", "\\xc3(", "\U0010ffff", "\\xff"]
    lines = []
    for name in sorted(names):
        escaped = name.replace(b"\\", b"\\\\")
        lines.append((b"\\" if escaped != name else b"") + sha256("").encode() + b"  " + escaped + b"\n")
    assert batch.finish(7)["fileBatch"]["manifest"]["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    assert findings(server.settings, batch.case) == []


def noise(seed: int, size: int, *, characters: bytes = bytes(range(33, 127))) -> bytes:
    """Return a name that no index can make shorter."""
    return bytes(Random(seed).choices(characters, k=size))  # noqa: S311 - for tests


def test_paths_may_be_as_long_as_they_like_and_come_in_the_order_of_their_bytes(server: Server, batch: Batch) -> None:
    begin = noise(0, 1_000)
    chinese = "".join(map(chr, Random(1).choices(range(0x4E00, 0x9FFF), k=10_922))).encode()  # noqa: S311 - for tests
    names = [
        *(noise(seed, size) for seed, size in ((2, 2_700), (3, 8_000), (4, 32_767))),
        chinese,
        *(noise(seed, size, characters=bytes(range(128, 256))) for seed, size in ((5, 1_000), (6, 1_001), (7, 8_000))),
        *(begin + end for end in (b"", b"a", b"a" * 31_000, b"\xff", b"\xff\xff", *(b"%d" % end for end in range(40)))),
    ]
    Random(8).shuffle(names)  # noqa: S311 - for tests
    assert batch.add(*map(raw, names))["errors"] == []
    for name in (begin, begin + b"a", begin + b"\xff", chinese):
        there = "is that of a file which the batch has already"
        assert refusals(batch.add(raw(name))) == [(["input", "files", "0", "path"], f"`files[0].path` {there}")]
    told = batch.read(first=100)["files"]["nodes"]
    assert sorted(path_of(each["path"], each["pathBytes"]) for each in told) == sorted(names)
    assert [path_of(each["path"], each["pathBytes"])[:1_000] for each in told] == sorted(name[:1_000] for name in names)
    for prefix in (begin[:500], begin, begin + b"1", begin + b"aaaaa"):
        assert sorted(paths(batch, pathPrefix=prefix.decode())) == sorted(
            shown(name) for name in names if name.startswith(prefix)
        )
    wanted = b"".join(digested(Entry(name, sha256=hashlib.sha256().digest()) for name in sorted(names)))
    done = batch.finish(len(names))["fileBatch"]
    assert done["manifest"]["sha256"] == hashlib.sha256(wanted).hexdigest()
    assert findings(server.settings, batch.case) == []


def test_a_thousand_long_paths_in_a_folder_are_listed_in_order(server: Server, batch: Batch) -> None:
    names = [b"d" * 1_000 + b"%d" % number for number in range(2_500)]
    for start in range(0, len(names), 250):
        assert batch.add(*map(raw, names[start : start + 250]))["errors"] == []
    wanted = b"".join(digested(Entry(name, sha256=hashlib.sha256().digest()) for name in sorted(names)))
    assert batch.finish(2_500)["fileBatch"]["manifest"]["sha256"] == hashlib.sha256(wanted).hexdigest()
    assert findings(server.settings, batch.case) == []


def test_what_is_wrong_with_files_is_told_by_row_and_field(batch: Batch) -> None:
    assert batch.add(file("there"))["errors"] == []
    wrong = [
        file(""),
        file("x" * 32_768),
        file("a\0b"),
        file("b", pathBytes="?"),
        file("b", pathBytes="/w=="),
        {**file("c"), "size": -1},
        {**file("d"), "sha256": "ab"},
        {**file("e"), "sha256": "g" * 64},
        file("f", sha1="0"),
        file("g", md5="00" * 20),
    ]
    told = refusals(batch.add(*wrong, file("good")))
    assert [(path[1:], message.partition("` ")[2]) for path, message in told] == [
        (["files", "0", "path"], "must not be empty"),
        (["files", "1", "path"], "may have up to 32,767 bytes, not 32,768"),
        (["files", "2", "path"], "must not contain the character U+0000"),
        (["files", "3", "pathBytes"], "is no base64"),
        (["files", "4", "pathBytes"], "is not shown as the path"),
        (["files", "5", "size"], "must be at least 0, not -1"),
        (["files", "6", "sha256"], "must have 64 hexadecimal digits, not 2 characters"),
        (["files", "7", "sha256"], "must be of hexadecimal digits alone"),
        (["files", "8", "sha1"], "must have 40 hexadecimal digits, not 1 characters"),
        (["files", "9", "md5"], "must have 32 hexadecimal digits, not 40 characters"),
    ]
    assert refusals(batch.add(file("new"), file("there"), file("new", "else"))) == [
        (["input", "files", "1", "path"], "`files[1].path` is that of a file which the batch has already"),
        (["input", "files", "2", "path"], "`files[2].path` is that of `files[0]`, too"),
    ]
    assert refusals(batch.add(*(file(str(number)) for number in range(1_001)))) == [
        (["input", "files"], "`files` must have 1 to 1,000 items, not 1001")
    ]
    assert refusals(batch.add()) == [(["input", "files"], "`files` must have 1 to 1,000 items, not 0")]
    assert refusals(batch.finish(-1)) == [(["input", "fileCount"], "`fileCount` must be at least 0, not -1")]
    assert paths(batch) == ["there"]


def test_a_request_that_is_sent_again_adds_nothing_again(batch: Batch) -> None:
    again = {"requestId": "added-once-and-for-all"}
    assert batch.add(file("a"), **again)["replayed"] is False
    assert batch.add(file("a"), **again)["replayed"] is True
    assert paths(batch) == ["a"]


def test_files_are_found_in_a_batch(batch: Batch) -> None:
    other = Batch(batch.client)
    names = ["Docs/Über.PDF", "docs/a.pdf", "docs/b.txt", "docs0", "d\U0010ffff/x", "d\U0010ffff\U0010ffff"]
    assert batch.add(*(file(name, name) for name in names))["errors"] == []
    assert other.add(*(file(name, name) for name in names))["errors"] == []
    assert paths(batch, text="pdf") == ["Docs/Über.PDF", "docs/a.pdf"]
    assert paths(batch, text="ÜBER") == ["Docs/Über.PDF"]
    assert paths(batch, pathPrefix="docs/") == ["docs/a.pdf", "docs/b.txt"]
    assert paths(batch, pathPrefix="d\U0010ffff") == ["d\U0010ffff/x", "d\U0010ffff\U0010ffff"]
    assert paths(batch, pathPrefix="") == sorted(names)
    assert paths(batch, pathPrefix="\U0010ffff") == []
    assert paths(batch, hash=sha256("docs/b.txt").upper()) == ["docs/b.txt"]
    assert paths(batch, hash=sha256("docs/b.txt"), text="pdf") == []
    answer = batch.client.post(
        FILES, {"case": batch.case, "event": batch.event, "id": batch.id, "where": {"hash": "00"}}
    )
    (error,) = answer.json()["errors"]
    assert "`hash` must be a SHA-256, a SHA-1 or an MD5: 64, 40 or 32 hexadecimal digits" in error["message"]
    assert error["extensions"]["argument"] == "where.hash"


@pytest.mark.parametrize("roles", [(), ("auditor",)])
def test_files_are_found_by_their_hashes_in_all_that_one_may_see(
    server: Server, alice: Client, mallory: Client, roles: tuple[str, ...]
) -> None:
    content, sha1, md5 = alice.subject, sha256(alice.subject)[:40], sha256(alice.subject)[:32]
    batches = [Batch(alice) for _ in range(3)]
    for number, batch in enumerate(batches):
        files = [file(f"{number}-{place}", content, sha1=sha1, md5=md5) for place in range(2)]
        assert batch.add(*files, file("else"))["errors"] == []
    mallorys = Batch(mallory)
    mallorys.add(file("hers", content))
    wanted = ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"]
    reader = server.client(roles=roles) if roles else alice

    def all_of(hash_: str, client: Client = reader) -> list[str]:
        found, after = [], None
        while True:
            page = client.run(BY_HASH, hash=hash_, first=4, after=after)["filesByHash"]
            found += [each["path"] for each in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                assert page["totalCount"] == len(found)
                return found

    assert all_of(sha256(content)) == wanted + (["hers"] if roles else [])
    assert all_of(sha1) == all_of(md5.upper()) == wanted
    assert all_of(sha256(content), mallory) == ["hers"]
    assert all_of(sha256("nothing has this")) == []
    alice.change("deleteFileBatch", ERRORS, caseId=batches[0].case, eventId=batches[0].event, id=batches[0].id)
    alice.change("deleteEvent", ERRORS, caseId=batches[1].case, id=batches[1].event)
    assert all_of(sha1) == ["2-0", "2-1"]
    alice.change("restore", ERRORS, caseId=batches[0].case, id=batches[0].id)
    assert all_of(sha1) == ["0-0", "0-1", "2-0", "2-1"]
    (error,) = reader.post(BY_HASH, {"hash": "xyz"}).json()["errors"]
    assert error["extensions"] == {"code": "INVALID_INPUT", "argument": "hash"}


def test_names_of_files_are_found_by_a_search(server: Server, batch: Batch, mallory: Client) -> None:
    name = f"Ledger of {batch.client.subject}"
    batch.add(file(f"Bücher/{name}.xlsx"))
    search = """
        query ($text: String!, $kinds: [SearchKind!]) {
          search(text: $text, kinds: $kinds) {
            nodes { kind excerpt node { ... on File { path fileBatch { id } } } case { id } }
          }
        }
    """
    wanted = [
        {
            "kind": "FILE",
            "excerpt": f"Bücher/{name}.xlsx",
            "case": {"id": batch.case},
            "node": {"path": f"Bücher/{name}.xlsx", "fileBatch": {"id": batch.id}},
        }
    ]
    for client in (batch.client, server.client(roles=("auditor",))):
        assert client.run(search, text=f"{name.upper()}.X")["search"]["nodes"] == wanted
        assert client.run(search, text=f"{name}.x", kinds=["FILE"])["search"]["nodes"] == wanted
        assert client.run(search, text=f"{name}.x", kinds=["EVENT"])["search"]["nodes"] == []
    assert mallory.run(search, text=name)["search"]["nodes"] == []
    batch.client.change("deleteFileBatch", ERRORS, caseId=batch.case, eventId=batch.event, id=batch.id)
    for client in (batch.client, server.client(roles=("auditor",))):
        assert client.run(search, text=f"{name}.x")["search"]["nodes"] == []


def purged(admin: Client, case: str, identifier: str) -> None:
    given = {"caseId": case, "id": identifier, "reason": "Over."}
    preview = admin.change("purge", "preview", **given)["preview"]
    assert admin.change("purge", ERRORS, confirm=preview["confirm"], **given)["errors"] == []


def rows(server: Server, table: str, case: str) -> int:
    statement = text(f"SELECT count(*) FROM {table} WHERE CAST(case_id AS text) = :case")  # noqa: S608 - ours
    return int(ask(server.settings, lambda connection: connection.scalar(statement, {"case": case})))


def test_files_come_back_with_their_batch(server: Server, batch: Batch) -> None:
    client = batch.client
    many = [file(f"{number:04}", str(number)) for number in range(1_000)]
    assert batch.add(*many)["errors"] == []
    assert batch.add(file("last"), file("\\xff", pathBytes="/w=="))["errors"] == []
    manifest = batch.finish(1_002)["fileBatch"]["manifest"]
    place = {"caseId": batch.case, "eventId": batch.event, "id": batch.id}
    assert client.change("deleteFileBatch", ERRORS, **place)["errors"] == []
    assert batch.read() is None
    assert client.change("restore", ERRORS, caseId=batch.case, id=batch.id)["errors"] == []
    back = batch.read()
    assert (back["manifest"]["sha256"], back["fileCount"], back["files"]["totalCount"]) == (
        manifest["sha256"],
        1_002,
        1_002,
    )
    assert findings(server.settings, batch.case) == []


@pytest.mark.slow
@pytest.mark.parametrize("delete", ["deleteFileBatch", "deleteEvent"])
def test_files_go_for_good_with_a_purge(server: Server, batch: Batch, delete: str) -> None:
    admin = server.client(roles=("admin",))
    assert batch.add(*(file(f"{number:04}", str(number)) for number in range(1_000)))["errors"] == []
    of_event = {"caseId": batch.case, "id": batch.event}
    of_batch = {"caseId": batch.case, "eventId": batch.event, "id": batch.id}
    place = of_batch if delete == "deleteFileBatch" else of_event
    assert batch.client.change(delete, ERRORS, **place)["errors"] == []
    assert rows(server, "files", batch.case) == rows(server, OF_FILES, batch.case) == 1_000
    purged(admin, batch.case, place["id"])
    until = time.monotonic() + 30
    while rows(server, "files", batch.case):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert rows(server, OF_FILES, batch.case) == 0
    assert findings(server.settings, batch.case) == []


OF_FILES = "(SELECT * FROM search_texts WHERE type = 'FILE') AS of_files"


TAMPERED = {
    "a file that is gone": "DELETE FROM files WHERE {of} AND path = 'a'",
    "another size": "UPDATE files SET size = size + 1 WHERE {of} AND path = 'a'",
    "another path": "UPDATE files SET path = 'A', path_key = 'A' WHERE {of} AND path = 'a'",
    "another hash": "UPDATE files SET sha256 = (SELECT o.sha256 FROM files o WHERE o.path = 'b' AND {other}) "
    "WHERE {of} AND path = 'a'",
}


@pytest.mark.parametrize("way", TAMPERED)
def test_files_that_were_changed_around_dossier_are_found(server: Server, batch: Batch, way: str) -> None:
    assert batch.add(file("a", "1"), file("b", "22"), file("\\xff", "333", pathBytes="/w=="))["errors"] == []
    assert batch.finish(3)["errors"] == []
    assert findings(server.settings, batch.case) == []
    of, other = (f"CAST({table}batch_id AS text) = '{batch.id}'" for table in ("", "o."))
    execute(server, TAMPERED[way].format(of=of, other=other))
    told = " ".join(map(str, findings(server.settings, batch.case)))
    assert "manifestSha256: it is not the digest of the files that there are" in told
    assert batch.id in told


@pytest.mark.parametrize("column", ["path", "path_key"])
def test_a_path_that_is_not_that_of_its_key_is_found(server: Server, batch: Batch, column: str) -> None:
    assert batch.add(file("a"))["errors"] == []
    (listed,) = batch.read()["files"]["nodes"]
    execute(server, f"UPDATE files SET {column} = 'b' WHERE CAST(id AS text) = '{listed['id']}'")  # noqa: S608 - ours
    told = [*map(str, findings(server.settings, batch.case))]
    wrong = f"FILE {listed['id']}, field path: it is not that of which the batch has a file"
    assert [each.endswith(wrong) for each in told].count(True) == 1


@pytest.mark.parametrize(
    "statement", ["UPDATE search_texts SET text = 'zzz' WHERE {of}", "DELETE FROM search_texts WHERE {of}"]
)
def test_a_text_that_is_not_that_of_the_path_is_found(server: Server, batch: Batch, statement: str) -> None:
    assert batch.add(file("A/b.txt"))["errors"] == []
    (listed,) = batch.read()["files"]["nodes"]
    execute(server, statement.format(of=f"CAST(row_id AS text) = '{listed['id']}'"))
    (found, *_) = findings(server.settings, batch.case)
    assert str(found).endswith(f"FILE {listed['id']}, field search: it is not what is searched of the path")


def test_a_search_for_batches_is_no_search_for_files(server: Server, batch: Batch) -> None:
    word = new_id()
    assert batch.add(file(f"{word}.txt"))["errors"] == []
    batch.client.create_batch(batch.case, batch.event, label=word)
    text_ = "query ($text: String!, $kinds: [SearchKind!]) { search(text: $text, kinds: $kinds) { nodes { kind } } }"
    for client in (batch.client, server.client(roles=("auditor",))):
        for kinds in (["FILE"], ["FILE_BATCH"], ["FILE", "FILE_BATCH"]):
            hits = client.run(text_, text=word, kinds=kinds)["search"]["nodes"]
            assert sorted(hit["kind"] for hit in hits) == kinds


def test_files_of_a_batch_as_it_was_are_those_of_a_finished_manifest(batch: Batch) -> None:
    query = """
        query ($id: ID!, $event: ID!, $batch: ID!, $seq: Int!) {
          case(id: $id, asOf: {seq: $seq}) {
            event(id: $event) {
              fileBatch(id: $batch) { fileCount manifest { sha256 finishedBy { subject } } files { nodes { path } } }
            }
          }
        }
    """

    def then(seq: int) -> Any:
        given = {"id": batch.case, "event": batch.event, "batch": batch.id, "seq": seq}
        return batch.client.run(query, **given)["case"]["event"]["fileBatch"]

    def size() -> int:
        return int(
            batch.client.run("query ($id: ID!) { case(id: $id) { journal { size } } }", id=batch.case)["case"][
                "journal"
            ]["size"]
        )

    before = size()
    assert batch.add(file("a"))["errors"] == []
    assert size() == before
    manifest = batch.finish(1)["fileBatch"]["manifest"]
    assert size() == before + 1
    assert then(before) == {"fileCount": 7, "manifest": None, "files": {"nodes": []}}
    assert then(before + 1) == {
        "fileCount": 1,
        "manifest": {**manifest, "finishedBy": {"subject": batch.client.subject}},
        "files": {"nodes": [{"path": "a"}]},
    }
    place = {"caseId": batch.case, "eventId": batch.event, "id": batch.id}
    batch.client.change("updateFileBatch", ERRORS, **place, label="Later")
    assert then(before)["files"] == {"nodes": []}
    assert then(before + 2)["files"] == {"nodes": [{"path": "a"}]}


def test_who_adds_at_the_same_time_adds_each_path_once(server: Server, batch: Batch) -> None:
    def add(number: int) -> int:
        client = Batch.__new__(Batch)
        client.__dict__ |= {**batch.__dict__, "client": server.client(batch.client.subject)}
        return sum(client.add(file(f"{path}"), file(f"{number}-{path}"))["errors"] == [] for path in range(10))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(4))) == 10
    assert batch.read()["files"]["totalCount"] == 20


names = st.builds(
    bytes.__add__,
    st.sampled_from([b"", b"x" * 999, b"x" * 1_000]),
    st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=st.lists(names, min_size=1, max_size=20, unique=True))
def test_any_names_come_back_as_they_are_and_are_listed_as_sha256sum_lists_them(
    alice: Client, listed: list[bytes]
) -> None:
    batch = Batch(alice)
    files = [file(shown(name), pathBytes=base64.b64encode(name).decode()) for name in listed]
    assert batch.add(*files)["errors"] == []
    found = batch.read()["files"]["nodes"]
    assert sorted(path_of(each["path"], each["pathBytes"]) for each in found) == sorted(listed)
    wanted = b"".join(digested(Entry(name, sha256=hashlib.sha256().digest()) for name in sorted(listed)))
    assert batch.finish(len(listed))["fileBatch"]["manifest"]["sha256"] == hashlib.sha256(wanted).hexdigest()
