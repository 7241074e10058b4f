"""The order of the house: imports go downward only, and SQL stays below the schema."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.reading.nouns import lead_of
from app.record.entries import SUBJECTS
from app.record.keeping import Touch
from app.resolvers.changes import Change
from app.schema import executable

APP = Path(__file__).parent.parent / "app"
FLOORS = (
    ("app", "app.errors", "app.values", "app.shares", "app.database_urls", "app.settings", "app.manifests"),
    ("app.evidence",),
    ("app.db", "app.identity"),
    ("app.ownership", "app.record"),
    ("app.reading",),
    ("app.resolvers",),
    ("app.schema",),
    ("app.execution",),
    ("app.exchange",),
    ("app.web",),
    ("app.commands",),
    ("app.__main__",),
)


def floor_of(module: str) -> int:
    for floor, places in enumerate(FLOORS):
        if module in places or any(module.startswith(place + ".") for place in places if place != "app"):
            return floor
    raise AssertionError(f"{module} has no floor; give it one in FLOORS")


def modules() -> list[str]:
    paths = (path.relative_to(APP.parent).with_suffix("") for path in APP.rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


def imports(module: str) -> Iterator[str]:
    path = APP.parent.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    known = set(modules())
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else str(node.module) for name in inner)


@pytest.mark.parametrize("module", modules())
def test_imports_go_downward_only(module: str) -> None:
    upward = [
        name
        for name in imports(module)
        if (name == "app" or name.startswith("app.")) and floor_of(name) > floor_of(module)
    ]
    assert upward == []


@pytest.mark.parametrize("module", [name for name in modules() if floor_of(name) > floor_of("app.resolvers")])
def test_no_sql_is_written_above_the_resolvers(module: str) -> None:
    drivers = ("sqlalchemy", "sqlite3", "aiosqlite", "asyncpg")
    assert [name for name in imports(module) if name.split(".")[0] in drivers] == []
    tables = [name for name in imports(module) if name.startswith("app.db.sql")]
    assert tables == []


def test_whatever_is_recorded_is_written_by_the_record_alone() -> None:
    # All others that write have tables of their own, in which there is nothing of a case.
    writing = {
        module
        for module in modules()
        if floor_of(module) > floor_of("app.db")
        and any(name.rpartition(".")[2] in {"insert", "update", "delete"} for name in imported(module))
    }
    recording = {"app.record.journal", "app.record.removal"}
    assert writing - recording == {
        "app.ownership",  # users who are named
        "app.record.indexing",  # what is searched, made of rows
        "app.record.log",  # what is made of the journals
        "app.resolvers.cases",  # the counter of cases
        "app.resolvers.requests",
        "app.resolvers.trusted",
        "app.resolvers.users",
    }
    recorded = {subject.model.__name__ for subject in SUBJECTS.values()} - {"Case"}
    for module in writing - {*recording, "app.ownership", "app.resolvers.holds"}:
        assert recorded & db_names(APP.parent.joinpath(*module.split(".")).with_suffix(".py")) == set()


def test_nothing_is_destroyed_but_where_may_destroy_permits_it() -> None:
    """Rows of a case are deleted, and entries overwritten, by three statements, each behind `may_destroy`."""
    destroying: dict[str, list[str]] = {}
    for path in APP.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\bDELETE\s+FROM\b|\bTRUNCATE\b(?!\))", text), path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"delete", "update_rows"}:
                name, what = ast.unparse(node.func), ast.unparse(node.args[0])
                destroying.setdefault(path.relative_to(APP).as_posix(), []).append(f"{name} {what}")
    # Users, the log, requests and trusted documents are nothing of a case.
    of_others = {"ownership.py", "record/log.py", "resolvers/cases.py", "resolvers/requests.py"}
    of_others |= {"resolvers/trusted.py", "resolvers/users.py", "db/trial.py"}
    assert {path: sorted(found) for path, found in destroying.items() if path not in of_others} == {
        # Of `Recorder`: `remove` and `say_instead` ask for the permit; a member's role may be taken away whatever keeps
        # the case. The index of tags, and what is searched, are made of what rows say themselves.
        "record/journal.py": sorted(
            [
                "delete _MEMBERS",
                "delete _TAGS",
                "delete _TEXTS",
                "delete table",
                "update_rows _ENTRIES",
                "update_rows _JOURNALS",
                "update_rows _TEXTS",
                "update_rows table",
            ]
            + ["update_rows _MEMBERS"] * 2
        ),
        "record/indexing.py": ["delete _TEXTS"],
        # Of a purge, whose place is DESTROYS, and of members who move along with their case.
        "record/removal.py": sorted(
            ["delete _DELETIONS"] * 5 + ["delete table", "delete table_of(Hold)"] + ["update_rows _DELETIONS"] * 2
        ),
    }
    permitting = {
        path.relative_to(APP).as_posix()
        for path in APP.rglob("*.py")
        if ".permit()" in path.read_text(encoding="utf-8")
    }
    # The second goes on with what was permitted when it began, and was committed.
    assert permitting == {"record/keeping.py", "record/removal.py"}
    assert {name for name, change in changes_by_name() if change.place.touch is Touch.DESTROYS} == {
        *("deleteCase", "deleteEvent", "deleteEvents", "deleteFileBatch", "deleteComment", "purge", "erase"),
    }


def changes_by_name() -> Iterator[tuple[str, Change]]:
    mutation = executable().mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        change = lead_of(field)
        assert isinstance(change, Change)
        yield name, change


def imported(module: str) -> Iterator[str]:
    """Yield every name that a module imports from SQLAlchemy."""
    source = APP.parent.joinpath(*module.split("."))
    path = source / "__init__.py" if source.is_dir() else source.with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("sqlalchemy"):
            yield from (alias.name for alias in node.names)
            yield str(node.module)


def test_only_the_database_floor_begins_and_ends_transactions() -> None:
    found = sorted(
        path.relative_to(APP).as_posix()
        for path in APP.rglob("*.py")
        if any(
            isinstance(node, ast.Attribute) and node.attr in {"begin", "begin_nested", "commit", "rollback"}
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    )
    assert found == ["db/migrations.py", "db/postgresql.py", "db/sqlite_writer.py"]


def test_case_members_are_asked_about_in_one_place_only() -> None:
    # Who may see what is said in ownership.py; the record writes members, the schema lists them.
    mentioning = {
        path.relative_to(APP).as_posix()
        for path in APP.rglob("*.py")
        if "app/db/" not in path.as_posix() and "CaseMember" in db_names(path)
    }
    assert mentioning == {
        "ownership.py",
        "record/entries.py",
        "record/journal.py",
        "record/removal.py",
        "schema/case.py",
    }


def db_names(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "app.db.models"
        for alias in node.names
    }
    return imported | {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "models"
    }
