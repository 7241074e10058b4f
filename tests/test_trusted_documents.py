"""Documents that are registered and run by their ids: over HTTP, and on the command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from app.commands import register
from app.commands.cli import main
from app.db import database_of, open_database
from app.errors import DossierError
from app.execution.documents import Documents
from app.manifests import Document
from app.resolvers import trusted
from app.resolvers.trusted import TrustedDocuments
from app.schema import sdl
from tests.commands import dossier
from tests.conftest import KINDS
from tests.server import SECRET, Client, Server, serving

pytestmark = pytest.mark.long

TITLES = "query Titles($first: Int) {\n  cases(first: $first) {\n    nodes {\n      title\n    }\n  }\n}"
RENAME = (
    "mutation Rename($input: UpdateCaseInput!) {\n  updateCase(input: $input) {\n    case {\n      title\n    }\n"
    "    errors {\n      code\n    }\n  }\n}"
)
BOTH = "query Me { viewer { id } }\nquery Cases { cases { totalCount } }"
GRAPHQL_JSON = "application/graphql-response+json"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


# What the three tools write, each in its own form and with its own ids.


def of_codegen(*texts: str) -> str:
    return json.dumps({sha256(text): text for text in texts}, indent=2)


def of_relay(*texts: str) -> str:
    return json.dumps({md5(text): text for text in texts}, indent=2)


def of_apollo(*texts: str) -> str:
    operations = [
        {"id": sha256(text), "name": text.split("(")[0].split()[1], "type": text.split()[0], "body": text}
        for text in texts
    ]
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    return json.dumps(manifest, indent=2)


@pytest.fixture(scope="module", params=KINDS)
def strict(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server on each database that runs registered documents alone."""
    address = new_database(request.param)
    with serving(request.param, address, DOSSIER_TRUSTED_DOCUMENTS_ONLY="true") as running:
        yield running


@pytest.fixture
def add(tmp_path: Path) -> Callable[[Server, str], str]:
    """Registers what is in a manifest."""

    def added(server: Server, manifest: str) -> str:
        file = tmp_path / "manifest.json"
        file.write_text(manifest, encoding="utf-8")
        return asyncio.run(register.add(server.settings, file))

    return added


def send(client: Client, server: Server, accept: str = "application/json", **body: Any) -> httpx.Response:
    headers = client.headers | {"Accept": accept, "Content-Type": "application/json"}
    return server.http.post("/graphql", content=json.dumps(body), headers=headers)


def apq(identifier: object, version: object = 1) -> dict[str, Any]:
    return {"persistedQuery": {"version": version, "sha256Hash": identifier}}


def outcome(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of the one error of a response without data."""
    answer = response.json()
    assert "data" not in answer
    (error,) = answer["errors"]
    return response.status_code, error["extensions"]["code"]


# Over HTTP.


@pytest.mark.parametrize("manifest", [of_codegen, of_relay, of_apollo])
def test_a_registered_document_is_run_by_its_id(
    server: Server, alice: Client, add: Callable[[Server, str], str], manifest: Callable[..., str]
) -> None:
    add(server, manifest(TITLES, RENAME))
    case = alice.create_case(title="Before")
    hashed = md5 if manifest is of_relay else sha256
    change = {"id": case, "title": "After"}
    renamed = send(alice, server, documentId=hashed(RENAME), variables={"input": change})
    assert renamed.json() == {"data": {"updateCase": {"case": {"title": "After"}, "errors": []}}}
    titles = send(alice, server, documentId=hashed(TITLES), variables={"first": 1})
    assert titles.status_code == 200
    assert titles.json() == {"data": {"cases": {"nodes": [{"title": "After"}]}}}
    assert titles.content == alice.post(TITLES, {"first": 1}).content


def test_every_form_of_a_request_names_the_same_document(
    server: Server, alice: Client, add: Callable[[Server, str], str]
) -> None:
    add(server, of_codegen(TITLES))
    alice.create_case(title="Mine")
    expected = alice.post(TITLES).content
    hashed = sha256(TITLES)
    bodies: tuple[dict[str, Any], ...] = (
        {"documentId": hashed},
        {"documentId": f"sha256:{hashed}"},
        {"documentId": hashed.upper()},
        {"documentId": hashed, "query": None, "extensions": {}},
        {"documentId": hashed, "extensions": apq("0" * 64)},
        {"extensions": apq(hashed)},
        {"extensions": apq(hashed), "operationName": "Titles", "variables": {}},
    )
    for body in bodies:
        assert send(alice, server, **body).content == expected, body
    for parameters in (
        {"documentId": hashed},
        {"documentId": f"sha256:{hashed}", "operationName": "Titles", "variables": "{}"},
        {"extensions": json.dumps(apq(hashed))},
    ):
        got = server.http.get("/graphql", params=parameters, headers=alice.headers)
        assert got.content == expected, parameters


def test_one_of_several_operations_is_named(server: Server, alice: Client, add: Callable[[Server, str], str]) -> None:
    add(server, json.dumps({"both-1": BOTH}))
    assert send(alice, server, documentId="both-1", operationName="Cases").json() == {
        "data": {"cases": {"totalCount": 0}}
    }
    assert outcome(send(alice, server, documentId="both-1")) == (200, "OPERATION_RESOLUTION_FAILURE")


def test_a_mutation_is_not_run_by_get(server: Server, alice: Client, add: Callable[[Server, str], str]) -> None:
    add(server, of_codegen(RENAME))
    got = server.http.get("/graphql", params={"documentId": sha256(RENAME)}, headers=alice.headers)
    assert (got.status_code, got.headers["allow"]) == (405, "POST")


def test_a_document_that_is_not_registered_is_not_found(server: Server, alice: Client) -> None:
    for identifier in ("0" * 64, "nothing", "sha256:short", "", "../../etc/passwd", "a\0b", "\ud800", "x" * 100_000):
        assert outcome(send(alice, server, documentId=identifier)) == (200, "PERSISTED_DOCUMENT_NOT_FOUND")
        assert outcome(send(alice, server, GRAPHQL_JSON, documentId=identifier)) == (
            400,
            "PERSISTED_DOCUMENT_NOT_FOUND",
        )
    # What Apollo's clients look for.
    assert send(alice, server, extensions=apq("0" * 64)).json() == {
        "errors": [{"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}]
    }


def test_what_clients_send_is_not_registered(server: Server, alice: Client) -> None:
    query = f"query Never{alice.subject.replace('-', '')} {{ viewer {{ subject }} }}"
    both = send(alice, server, query=query, extensions=apq(sha256(query)))
    assert both.json() == {"data": {"viewer": {"subject": alice.subject}}}
    assert outcome(send(alice, server, extensions=apq(sha256(query)))) == (200, "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": "a", "query": "{ viewer { id } }"},
        {"documentId": "a", "query": ""},
        {"documentId": 1},
        {"documentId": ["a"]},
        {"query": 1},
        {},
        {"extensions": {}},
        {"extensions": {"persistedQuery": "a"}},
        {"extensions": {"persistedQuery": {}}},
        {"extensions": apq("0" * 64, version=2)},
        {"extensions": apq("0" * 64, version=None)},
        {"extensions": apq(7)},
    ],
)
def test_a_request_that_does_not_say_what_to_run_is_malformed(
    server: Server, alice: Client, body: dict[str, Any]
) -> None:
    assert outcome(send(alice, server, **body)) == (400, "BAD_REQUEST")


def test_a_get_without_anything_to_run_is_told_how(server: Server, alice: Client) -> None:
    assert server.http.get("/graphql", headers=alice.headers).status_code == 405
    got = server.http.get("/graphql", params={"documentId": "a", "query": "{ __typename }"}, headers=alice.headers)
    assert outcome(got) == (400, "BAD_REQUEST")


# Nothing but what is registered.


def test_a_strict_server_runs_what_is_registered_and_nothing_else(
    strict: Server, add: Callable[[Server, str], str]
) -> None:
    add(strict, of_codegen(TITLES))
    alice = strict.client()
    hashed = sha256(TITLES)
    empty: dict[str, Any] = {"data": {"cases": {"nodes": []}}}
    assert send(alice, strict, documentId=hashed).json() == empty
    assert send(alice, strict, extensions=apq(hashed)).json() == empty
    for body in (
        {"query": TITLES},  # by its id, or not at all
        {"query": TITLES, "extensions": apq(hashed)},
        {"query": "{ __typename }"},
        {"query": "{ __schema { queryType { name } } }"},
        {"query": "no document"},
        {"query": "mutation { __typename }"},
    ):
        assert outcome(send(alice, strict, **body)) == (200, "PERSISTED_DOCUMENT_REQUIRED"), body
        assert outcome(send(alice, strict, GRAPHQL_JSON, **body)) == (400, "PERSISTED_DOCUMENT_REQUIRED"), body
    got = strict.http.get("/graphql", params={"query": TITLES}, headers=alice.headers)
    assert outcome(got) == (200, "PERSISTED_DOCUMENT_REQUIRED")
    assert outcome(send(alice, strict, query=TITLES, documentId=hashed)) == (400, "BAD_REQUEST")
    assert outcome(send(alice, strict, documentId=sha256(RENAME))) == (200, "PERSISTED_DOCUMENT_NOT_FOUND")
    assert outcome(send(alice, strict, extensions=apq(sha256(RENAME)))) == (200, "PERSISTED_QUERY_NOT_FOUND")


def test_strangers_learn_nothing_of_it(strict: Server, add: Callable[[Server, str], str]) -> None:
    add(strict, of_codegen(TITLES))
    answers = {
        (response.status_code, response.content)
        for response in (
            strict.http.post("/graphql", json={"query": TITLES}),
            strict.http.post("/graphql", json={"documentId": sha256(TITLES)}),
            strict.http.post("/graphql", json={"documentId": "nothing"}),
            strict.http.get("/graphql", params={"documentId": sha256(TITLES)}),
        )
    }
    assert [status for status, _ in answers] == [401]


def test_the_limits_hold_for_registered_documents(strict: Server, add: Callable[[Server, str], str]) -> None:
    query = (
        "query Deep($n: Int) { cases(first: $n) { nodes { events(first: $n) { nodes { fileBatches(first: $n) { nodes "
        "{ id } } } } } } }"
    )
    add(strict, of_codegen(query))
    alice = strict.client()
    assert send(alice, strict, documentId=sha256(query), variables={"n": 10}).status_code == 200
    assert outcome(send(alice, strict, documentId=sha256(query), variables={"n": 100})) == (200, "LIMIT_EXCEEDED")


def test_a_document_that_is_removed_is_run_no_longer(
    strict: Server, add: Callable[[Server, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "query Removed { viewer { subject } }"
    alice = strict.client()
    monkeypatch.setattr(trusted, "SECONDS_KEPT", 3_600)
    add(strict, json.dumps({"removed": query}))
    assert send(alice, strict, documentId="removed").status_code == 200
    asyncio.run(register.remove(strict.settings, ["removed"]))
    assert "data" in send(alice, strict, documentId="removed").json()  # until it is looked at again
    monkeypatch.setattr(trusted, "monotonic", lambda: float("inf"))
    assert outcome(send(alice, strict, documentId="removed")) == (200, "PERSISTED_DOCUMENT_NOT_FOUND")
    monkeypatch.undo()
    # Found as soon as it is there, though it was asked for in vain just now; and with another text.
    add(strict, json.dumps({"removed": "query Removed { viewer { id } }"}))
    assert send(alice, strict, documentId="removed").json()["data"]["viewer"].keys() == {"id"}


def test_documents_that_are_known_take_no_more_than_their_share(
    strict: Server, add: Callable[[Server, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"query Share{number} {{ viewer {{ id }} }}" for number in range(8)]
    add(strict, of_codegen(*texts))
    alice = strict.client()
    monkeypatch.setattr(trusted, "_CHARACTERS_KEPT", 3 * len(texts[0]))
    for text in texts * 2:
        assert send(alice, strict, documentId=sha256(text)).content == send_subject(alice, strict)


def send_subject(client: Client, server: Server) -> bytes:
    return send(client, server, documentId=sha256("query Share0 { viewer { id } }")).content


# By id and by text.


def closed(text: str) -> str:
    return text + " }" * text.count("{")


ONE = "(first: 1) { nodes {"
DEEP = closed(
    f"query Deep {{ cases{ONE} events{ONE} fileBatches{ONE} event {{ fileBatches{ONE} event {{ fileBatches{ONE} event "
    f"{{ fileBatches{ONE} id"
)
AWKWARD = (
    "\ufeff{ viewer { id } }",
    "{ viewer { id } }\r\n# über \U0001f600\r\n",
    "{\r viewer {\n\n id } nothing }",
    "query A { viewer { id } } query A { viewer { id } }",
    "",
    "# nothing",
    "{ viewer { id }",
    '{ cases(where: {text: "\\u0000"}) { nodes { id } } }',
    "{ cases(first: 0) { nodes { id } } }",
    "{ cases(first: 1, last: 1) { nodes { id } } }",
    '{ cases(after: "00") { nodes { id } } }',
    "query ($id: ID!) { case(id: $id) { id } }",
    "{ case { id } }",
    "{ __schema { queryType { name } } }",
    "fragment F on Case { id }",
    "mutation { deleteCase(input: {}) { deletedId } }",
    'mutation { deleteCase(input: {id: "no id"}) { deletedId errors { code path } } }',
    "subscription { cases { id } }",
    closed("{ cases { nodes { events { nodes { case { events { nodes { case { events { nodes { id"),
    DEEP,
)


@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        queries(sdl(), custom_scalars={"DateTime": st.just("2026-01-01T00:00:00Z").map(nodes.String)}),
        min_size=10,
        max_size=20,
    )
)
def test_a_document_answers_the_same_by_id_and_by_text(server: Server, texts: list[str]) -> None:
    documents = {md5(text): text for text in [*texts, *AWKWARD]}

    async def registered() -> None:
        database = await open_database(server.settings)
        try:
            await TrustedDocuments(database).add([Document(*each) for each in documents.items()])
        finally:
            await database.close()

    asyncio.run(registered())  # what `dossier documents add` would refuse as well
    alice = server.client()
    checking = Documents(server.settings, database_of(server.settings))
    for identifier, text in documents.items():
        by_text = send(alice, server, GRAPHQL_JSON, query=text)
        by_id = send(alice, server, GRAPHQL_JSON, documentId=identifier)
        assert (by_id.status_code, by_id.content) == (by_text.status_code, by_text.content), text
        # What `check` finds nothing wrong with can be run, and nothing else: but for cursors and needed variables.
        fit = checking.faults(text) == ()
        if "after:" not in text and "before:" not in text and "$" not in text and text != AWKWARD[3]:
            assert fit == (by_text.status_code == 200), (text, by_text.text)


# On the command line.


def written(folder: Path, manifest: str | bytes) -> Path:
    file = folder / "manifest.json"
    file.write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    return file


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[Mapping[str, str]]:
    """Settings for a database that is served."""
    address = new_database(request.param)
    with serving(request.param, address):
        yield {"DOSSIER_DATABASE_URL": address, "DOSSIER_JWT_SECRET": SECRET}


def test_documents_are_added_listed_checked_and_removed(
    tmp_path: Path,
    database: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in database.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["documents", *arguments])
        return code, *capsys.readouterr()

    written(tmp_path, of_codegen(TITLES, RENAME))
    assert run("add", "manifest.json") == (0, "2 documents registered; 0 of manifest.json were already\n", "")
    written(tmp_path, json.dumps({"both-1": BOTH, sha256(TITLES): TITLES}))
    assert run("add", "manifest.json") == (0, "1 document registered; 1 of manifest.json were already\n", "")
    code, listed, _ = run("list")
    assert code == 0
    lines = [line.split("\t") for line in listed.splitlines()]
    assert {(identifier, names) for identifier, _, names in lines} == {
        (f"sha256:{sha256(TITLES)}", "Titles"),
        (f"sha256:{sha256(RENAME)}", "Rename"),
        ("both-1", "Me, Cases"),
    }
    assert run("check") == (0, "3 documents checked, without a fault\n", "")
    written(tmp_path, json.dumps({"new": TITLES, "both-1": BOTH + "\n"}))
    assert run("add", "manifest.json") == (
        1,
        "Me, Cases [both-1]: another document is registered under this id; what differs needs an id of its own\n",
        "dossier: nothing was registered\n",
    )
    missing = "dossier: no document is registered under new; nothing was removed\n"
    assert run("remove", "both-1", "new") == (1, "", missing)
    removed = "2 documents removed; within 5 seconds no server runs what was removed\n"
    assert run("remove", "both-1", sha256(TITLES), f"sha256:{sha256(TITLES)}") == (0, removed, "")
    assert run("list")[1].count("\n") == 1


def test_check_finds_every_fault_without_a_database(tmp_path: Path) -> None:
    manifest = json.dumps(
        {
            "a": "query Wrong { # query Comment\n  cases { nodes { titel } }\n  viewer { nmae }\n}",
            "b": "{ viewer {",
            "c": "query First { cases(first: 0) { nodes { id } } }",
            "d": DEEP,
            "e": "query Skipped($no: Boolean!) { cases { nodes { id @skip(if: $no) } } }",
            "f": "query Cursor($after: String!) { cases(after: $after) { nodes { id } } }",
            "g": "query Search($text: String!) { search(text: $text) { nodes { kind } } }",
            "h": "query Tag($tags: [String!]!) { cases(where: {tags: $tags}) { totalCount } }",
            "no id\n": "{ viewer { id } }",
            "y:z": "{ viewer { id } }",
            "0" * 64: "{ viewer { id } }",
        }
    )
    written(tmp_path, manifest)
    done = dossier(tmp_path, "documents", "check", "manifest.json")
    hashed = sha256("{ viewer { id } }")
    form = (
        "an id is `sha256:` and a hash, or up to 255 letters, digits and `-._~`, where a prefix begins with `x-` and "
        "ends with a colon"
    )
    assert done.stdout.splitlines() == [
        f"[no id\\n]: {form}",
        f"[y:z]: {form}",
        f"[{'0' * 64}]: the id is not the SHA-256 of the document, which is {hashed}; build the manifest anew",
        "Wrong [a]: 2:19: Cannot query field 'titel' on type 'Case'. Did you mean 'title'?",
        "Wrong [a]: 3:12: Cannot query field 'nmae' on type 'User'. Did you mean 'name'?",
        "without a name [b]: 1:11: Syntax Error: Expected Name, found <EOF>.",
        "First [c]: 1:15: `first` must be from 1 to 100, not 0",
        f"Deep [d]: 1:{DEEP.rindex('fileBatches') + 1}: lists and look-ups are nested more than 5 deep; ask for less "
        "at once",
    ]
    assert (done.returncode, done.stderr) == (1, "dossier: 8 faults in manifest.json\n")
    assert not (tmp_path / "dossier.db").exists()


def test_a_byte_order_mark_before_a_manifest_is_overlooked(server: Server, tmp_path: Path) -> None:
    query = "query Marked { viewer { id } }"
    file = tmp_path / "manifest.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps({sha256(query): query}).encode())
    assert asyncio.run(register.check(server.settings, file)) == "1 document checked, without a fault"
    file.write_bytes(b"\xef\xbb\xbf" * 2 + json.dumps({sha256(query): query}).encode())
    with pytest.raises(DossierError, match="it must be JSON in UTF-8"):
        asyncio.run(register.check(server.settings, file))


def test_nothing_of_a_manifest_with_a_fault_is_added(server: Server, tmp_path: Path) -> None:
    query = "query NeverAdded { viewer { id } }"
    file = written(tmp_path, json.dumps({sha256(query): query, "x": "{ nothing }"}))
    with pytest.raises(register.FaultyError) as refused:
        asyncio.run(register.add(server.settings, file))
    assert refused.value.lines == ["without a name [x]: 1:3: Cannot query field 'nothing' on type 'Query'."]
    assert outcome(send(server.client(), server, documentId=sha256(query))) == (200, "PERSISTED_DOCUMENT_NOT_FOUND")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "is no manifest: it must be JSON in UTF-8"),
        (b"\xff", "is no manifest: it must be JSON in UTF-8"),
        ("[" * 100_000, "is no manifest: it must be JSON in UTF-8"),
        ("{}", "has no documents"),
        *(
            (json.dumps(manifest), "is no manifest; expected what graphql-codegen's client preset")
            for manifest in (
                None,
                1,
                "a",
                ["a"],
                [["a", "{ viewer { id } }"]],
                {"a": 1},
                {"a": {"b": "c"}},
                {"format": "apollo-persisted-query-manifest", "version": 2, "operations": []},
                {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": 1, "body": "x"}]},
                {"format": "apollo-persisted-query-manifest", "version": 1, "operations": ["x"]},
                {"format": "apollo-persisted-query-manifest", "version": 1},
            )
        ),
        (b" " * 16_000_001, "has more than 16000000 bytes; add what it holds in several manifests"),
    ],
)
def test_what_is_no_manifest_is_said_in_one_line(
    server: Server, tmp_path: Path, manifest: str | bytes, message: str
) -> None:
    file = written(tmp_path, manifest)
    with pytest.raises(DossierError) as refused:
        asyncio.run(register.check(server.settings, file))
    assert str(refused.value).startswith(f"{file} {message}")
    assert "\n" not in str(refused.value)


def test_the_same_id_twice_in_a_manifest_is_refused_unless_the_document_is_the_same(
    server: Server, tmp_path: Path
) -> None:
    once = '"twice": "{ viewer { id } }"'
    file = written(tmp_path, f"{{{once}, {once}}}")
    assert asyncio.run(register.check(server.settings, file)) == "1 document checked, without a fault"
    file = written(tmp_path, f'{{{once}, "twice": "{{ viewer {{ name }} }}"}}')
    with pytest.raises(register.FaultyError) as refused:
        asyncio.run(register.check(server.settings, file))
    assert refused.value.lines == ["[twice]: the manifest has another document with the same id"]


def test_half_a_surrogate_pair_is_no_text(server: Server, tmp_path: Path) -> None:
    file = written(tmp_path, '{"half": "{ viewer { id } } # \\ud800"}')
    with pytest.raises(register.FaultyError) as refused:
        asyncio.run(register.check(server.settings, file))
    assert refused.value.lines == ["[half]: the document has half a surrogate pair and is no Unicode text"]


def test_there_are_not_too_many(
    server: Server, add: Callable[[Server, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted, "MAX_DOCUMENTS", 0)
    with pytest.raises(DossierError, match="documents, and 0 are the most; remove those of clients that"):
        add(server, json.dumps({"too-many": "{ viewer { id } }"}))


def test_the_command_adds_to_a_database_that_is_served(tmp_path: Path, database: Mapping[str, str]) -> None:
    written(tmp_path, of_codegen(TITLES))
    done = dossier(tmp_path, "documents", "add", "manifest.json", **database)
    expected = (0, "1 document registered; 0 of manifest.json were already\n", "")
    assert (done.returncode, done.stdout, done.stderr) == expected


def test_without_a_database_or_a_file_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["documents", "list"]) == 1
    assert capsys.readouterr().err == (
        "dossier: there is no database at dossier.db; start 'dossier serve' once in this folder, or set "
        "DOSSIER_DATABASE_URL\n"
    )
    assert main(["documents", "add", "missing.json"]) == 1
    assert capsys.readouterr().err == "dossier: missing.json can't be read: No such file or directory\n"
