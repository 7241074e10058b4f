"""`dossier explain`: where the code of a document is, which statements it makes, and what the limits count."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.commands import dossier

ROOT = Path(__file__).parent.parent
DOCUMENT = """
query Tree($id: ID!) {
  case(id: $id) {
    lastActivityAt eventCounts(by: DAY) { count }
    title viewerRole createdBy { name } events(first: 10) { totalCount nodes { title } }
  }
}
query Since { changes(first: 10) { entries { caseId change { seq } } } }
query Newest { checkpoint { size } }
mutation Rename($input: UpdateCaseInput!) {
  updateCase(input: $input) { case { title } errors { code ... on ConflictError { currentVersion current { id } } } }
}
"""
# What stands at the beginning of the line that each field is declared at, and that its code is at.
PLACES = {
    "case": ("case = lookup(", "class Case("),
    "case.title": ("title: ", "title: "),
    "case.lastActivityAt": ("last_activity_at: ", "def beside("),
    "case.eventCounts": ("event_counts: ", "class ReadCounts"),
    "case.eventCounts.count": ("count: ", "class ReadCounts"),
    "case.viewerRole": ("viewer_role: ", "def viewer_role("),
    "case.createdBy": ("created_by: ", "created_by: "),
    "case.createdBy.name": ("name: ", "def acquainted("),
    "case.events": ("events = listed(", "class Event("),
    "case.events.totalCount": ('"total_count": (', "class ReadPage"),
    "changes": ("changes = CHANGES", "class ReadFeed"),
    "changes.entries.caseId": ("case_id: ", "class ReadFeed"),
    "changes.entries.change.seq": ("seq: ", "seq: "),
    "checkpoint": ("checkpoint = CHECKPOINT", "class Checkpoint("),
    "updateCase": ("update_case = change(", "@change(place(CHANGE, touch=_touch, id=Case)"),
    "updateCase.case": ("update_case = change(", "class Case("),
    "updateCase.case.title": ("title: ", "title: "),
    "updateCase.errors.currentVersion": ("current_version: ", "class Payload"),
}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "tree.graphql"
    file.write_text(DOCUMENT, encoding="utf-8")
    return file


def line_at(place: str) -> str:
    file, _, number = place.rpartition(":")
    return (ROOT / file).read_text(encoding="utf-8").splitlines()[int(number) - 1].strip()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_field_is_told_with_its_places_and_no_database_is_opened(document: Path, kind: str) -> None:
    # Nothing listens there, and no file is made.
    url = {
        "sqlite": f"sqlite+aiosqlite:///{document.parent}/none.db",
        "postgresql": "postgresql+asyncpg://nobody@127.0.0.1:9/none",
    }[kind]
    done = dossier(document.parent, "explain", str(document), DOSSIER_DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    rows = dict(re.findall(r"^  (\S+) +(\S+:\d+ +\S+:\d+)$", done.stdout, re.MULTILINE))
    for path, (declared, code) in PLACES.items():
        first, second = rows[path].split()
        assert line_at(first).startswith(declared), (path, first)
        assert line_at(second).startswith(code), (path, second)
    assert "operation Tree\n" in done.stdout
    assert "operation Rename\n" in done.stdout
    # The statements that read, the one that finds the case for the change, and the two that read its answer.
    assert len(re.findall(r"^  SELECT ", done.stdout, re.MULTILINE)) == 6
    assert ("$1" in done.stdout, "?" in done.stdout) == (kind == "postgresql", kind == "sqlite")
    assert re.search(r"^  rootFields +1$", done.stdout, re.MULTILINE)
    assert re.search(r"^  objects +1010$", done.stdout, re.MULTILINE)
    assert sorted(file.name for file in document.parent.iterdir()) == ["tree.graphql"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{dir}/none.graphql"], 1, "{dir}/none.graphql can't be read: No such file or directory"),
        (["{file}", "--variables", "[1]"], 2, "--variables must be a JSON object"),
        (["{file}", "--variables", "{"], 2, "--variables must be JSON: "),
        (["{file}", "--variables", '{"id": 1.5}'], 1, "Variable '$id' has invalid value: ID cannot represent"),
    ],
)
def test_what_can_not_be_explained_is_said_in_one_line(
    document: Path, arguments: list[str], code: int, message: str
) -> None:
    given = [each.replace("{dir}", str(document.parent)).replace("{file}", str(document)) for each in arguments]
    done = dossier(document.parent, "explain", *given, DOSSIER_DATABASE_URL="sqlite+aiosqlite:///none.db")
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("dossier: " + message.replace("{dir}", str(document.parent)))
    assert done.stderr.count("\n") == 1


def test_a_document_that_is_not_valid_is_refused_as_the_server_would(tmp_path: Path) -> None:
    file = tmp_path / "bad.graphql"
    file.write_text("{ cases(first: 1) { nodes { colour } } }", encoding="utf-8")
    done = dossier(tmp_path, "explain", str(file), DOSSIER_DATABASE_URL="sqlite+aiosqlite:///none.db")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "dossier: Cannot query field 'colour' on type 'Case'.\n"


@pytest.mark.parametrize("kind", ["sqlite+aiosqlite:///none.db", "postgresql+asyncpg://nobody@127.0.0.1:9/none"])
@pytest.mark.parametrize("variables", [[], ["--variables", '{"id": "", "asOf": {"at": "2026-01-01T00:00:00Z"}}']])
def test_what_was_is_explained_with_and_without_values(tmp_path: Path, kind: str, variables: list[str]) -> None:
    file = tmp_path / "past.graphql"
    file.write_text("query ($id: ID!, $asOf: AsOf!) { case(id: $id, asOf: $asOf) { title members { role } } }")
    done = dossier(tmp_path, "explain", str(file), *variables, DOSSIER_DATABASE_URL=kind)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_as_of" in done.stdout
    # By a moment the entry is found by halves.
    assert ("WITH RECURSIVE" in done.stdout) == bool(variables)
    assert re.search(r"^  reads +2$", done.stdout, re.MULTILINE)
