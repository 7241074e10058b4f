"""The schema as a document and as a contract: written down, described, and not broken by accident."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from graphql import GraphQLScalarType, GraphQLSchema, build_schema, is_specified_scalar_type

from app.schema import READING_ORDER, executable, sdl
from tests.contract import changes, declarations, elements, undated, undeclared

ROOT = Path(__file__).parent.parent
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
RELEASED = (ROOT / "clients/released.graphql").read_text(encoding="utf-8")
VERSION = RELEASED.partition("\n")[0].removeprefix("# Dossier ")
PRESENT = sdl()


def types(schema: GraphQLSchema) -> list[str]:
    return [
        name
        for name, type_ in schema.type_map.items()
        if not name.startswith("__") and not is_specified_scalar_type(type_)
    ]


def test_the_schema_is_written_down() -> None:
    written = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert written == PRESENT + "\n", "the schema has changed: run `dossier schema > schema.graphql` and commit it"


def test_the_schema_is_in_reading_order() -> None:
    unplaced = set(types(executable())) ^ set(READING_ORDER)
    assert unplaced == set(), "give each type its place in READING_ORDER, in app/schema/__init__.py"
    assert re.findall(r"^(?:type|interface|input|enum|scalar) (\w+)", PRESENT, re.MULTILINE) == list(READING_ORDER)


def test_everything_is_described_in_sentences() -> None:
    schema = executable()
    described = {name: schema.type_map[name].description for name in types(schema)}
    described |= {coordinate: element.description for coordinate, element in elements(schema)}
    described["schema"] = schema.description
    assert len(described) > 300
    assert [name for name, text in described.items() if not re.fullmatch(r"\S.*[^.]\.", text or "", re.DOTALL)] == []
    # Pieces of a text that were put together without the space between them.
    assert [name for name, text in described.items() if re.search(r"[a-z][.,;:][A-Za-z]|  ", text or "")] == []


def test_scalars_say_where_they_are_specified() -> None:
    scalars = [type_ for type_ in build_schema(PRESENT).type_map.values() if isinstance(type_, GraphQLScalarType)]
    specified = {type_.name: type_.specified_by_url for type_ in scalars if not is_specified_scalar_type(type_)}
    rfcs = {"DateTime": 3339, "JSON": 8259, "BigInt": 8259}
    assert specified == {name: f"https://www.rfc-editor.org/rfc/rfc{number}" for name, number in rfcs.items()}


def test_deprecations_have_a_reason_and_a_date() -> None:
    assert undated(executable()) == [], "say what to use, and from when: `Use `x`. Removed after 2027-06-30.`"


def test_nothing_breaks_that_the_changelog_does_not_declare() -> None:
    found = undeclared(build_schema(RELEASED), build_schema(PRESENT), CHANGELOG, VERSION)
    assert found == [], f"declare it in CHANGELOG.md, above `## {VERSION}`, or take it back; see tests/contract.py"


def test_the_released_schema_is_that_of_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    command = "(echo '# Dossier VERSION'; dossier schema) > clients/released.graphql"
    assert version == VERSION, f"a release writes its schema down: {command}"


LAST = """
type Query { case(id: ID!, deep: Boolean = false): Case found: Found node: Node cases(orderBy: Order): [Case] }
interface Node { id: ID! }
type Case implements Node { id: ID! title: String! description: String status: Status }
type Event implements Node { id: ID! }
union Found = Case | Event
enum Status { OPEN CLOSED }
enum Order { UP DOWN }
scalar Moment
input CaseInput { title: String = "none" description: String }
type Mutation { create(input: CaseInput!): Case at: Moment }
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: String!", "", "Breaking Case.title"),
        ("title: String! ", "title: String ", "Breaking Case.title"),
        ("description: String }", "description: String! }", "Breaking CaseInput.description"),
        ("description: String }", "description: String due: Int! }", "Breaking CaseInput.due"),
        ("description: String }", "}", "Breaking CaseInput.description"),
        ("id: ID!, deep", "id: ID!, far: Int!, deep", "Breaking Query.case(far:)"),
        (", deep: Boolean = false", "", "Breaking Query.case(deep:)"),
        ("deep: Boolean = false", "deep: Boolean! = false", "Breaking Query.case(deep:)"),
        ("OPEN CLOSED", "OPEN", "Breaking Status.CLOSED"),
        ("UP DOWN", "UP", "Breaking Order.DOWN"),
        ("Case | Event", "Case", "Breaking Found"),
        ("Event implements Node", "Event", "Breaking Event"),
        ("scalar Moment", "enum Moment { NOW }", "Breaking Moment"),
        ("at: Moment", "at: String", "Breaking Mutation.at"),
        ("OPEN CLOSED", "OPEN ACTIVE CLOSED", "Dangerous Status.ACTIVE"),
        ("Case | Event", "Case | Event | Mutation", "Dangerous Found"),
        ("scalar Moment", "scalar Moment type User implements Node { id: ID! }", "Dangerous User"),
        ("scalar Moment", "scalar Moment interface Named { id: ID! }", None),
        ("deep: Boolean = false", "deep: Boolean = true", "Dangerous Query.case(deep:)"),
        ('= "none"', '= "some"', "Dangerous CaseInput.title"),
        ('= "none"', "", "Dangerous CaseInput.title"),
        # What no client notices unless it asks for it.
        ("UP DOWN", "UP DOWN LEFT", None),
        ("description: String }", "description: String due: Int }", None),
        ("id: ID!, deep", "id: ID!, far: Int, deep", None),
        ("status: Status", "status: Status! number: Int", None),
        ("input: CaseInput!", "input: CaseInput", None),
    ],
)
def test_a_change_is_noticed(old: str, new: str, expected: str | None) -> None:
    assert LAST.count(old) == 1
    found = list(changes(build_schema(LAST), build_schema(LAST.replace(old, new))))
    assert [f"{heading} {coordinate}" for heading, coordinate, _ in found] == ([expected] if expected else [])


BREAKING = (
    ("  number: Int!\n", "", "Case.number"),
    (
        '  reference: String\n\n  """Where the work on the case stands; not null."""\n  status: CaseStatus = OPEN',
        '  reference: String!\n\n  """Where the work on the case stands; not null."""\n  status: CaseStatus = OPEN',
        "CreateCaseInput.reference",
    ),
    ("  MONTH\n", "", "TimePrecision.MONTH"),
)


@pytest.mark.parametrize(("old", "new", "coordinate"), BREAKING)
def test_a_breaking_change_is_refused_until_it_is_declared(old: str, new: str, coordinate: str) -> None:
    assert RELEASED.count(old) == 1
    released, broken = build_schema(RELEASED), build_schema(_without_descriptions(RELEASED, old, new))
    (found,) = undeclared(released, broken, CHANGELOG, VERSION)
    assert found.startswith(f"Breaking: {coordinate}: ")
    item = f"- `{coordinate}` is no more, for a test.\n"
    for heading, expected in (("Breaking", []), ("Dangerous", [found]), ("Other", [found])):
        declared = CHANGELOG.replace(f"\n## {VERSION}\n", f"\n## Next\n\n### {heading}\n\n{item}\n## {VERSION}\n")
        assert undeclared(released, broken, declared, VERSION) == expected
    # What an earlier release declared is of no use to this one.
    earlier = f"{CHANGELOG}\n### Breaking\n\n{item}"
    assert undeclared(released, broken, earlier, VERSION) == [found]


def _without_descriptions(schema: str, old: str, new: str) -> str:
    """Return a schema with a part replaced; what described it describes nothing now, and goes."""
    return re.sub(r'"""(?:(?!""").)*"""', "", schema.replace(old, new), flags=re.DOTALL)


def test_declarations_need_the_section_of_the_release() -> None:
    with pytest.raises(ValueError, match=r"no section `## 9\.9\.9`"):
        declarations(CHANGELOG, "9.9.9")


@pytest.mark.parametrize(
    ("reason", "accepted"),
    [
        ("Use `reference`. Removed after 2027-06-30.", True),
        ("Removed after 2027-06-30.", False),
        ("Use `reference`.", False),
        ("Use `reference`. Removed after 2027-02-30.", False),
        ("Use `reference`. Removed after 2027-06-30", False),
        ("No longer supported", False),
    ],
)
def test_a_deprecation_is_dated(reason: str, *, accepted: bool) -> None:
    mark = f'@deprecated(reason: "{reason}")'
    places = {
        "Query.case": ("deep: Boolean = false): Case", f"deep: Boolean = false): Case {mark}"),
        "Query.case(deep:)": ("deep: Boolean = false", f"deep: Boolean = false {mark}"),
        "CaseInput.description": ("description: String }", f"description: String {mark} }}"),
        "Status.OPEN": ("OPEN", f"OPEN {mark}"),
        "Node.id": ("interface Node { id: ID!", f"interface Node {{ id: ID! {mark}"),
    }
    for coordinate, (old, new) in places.items():
        assert undated(build_schema(LAST.replace(old, new))) == ([] if accepted else [coordinate])
