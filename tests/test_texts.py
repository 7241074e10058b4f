"""Texts that people give: what of them can be seen, and what is found in them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db import migrations
from app.settings import from_environment
from app.values import fold, is_visible
from tests.conftest import KINDS
from tests.server import SECRET, Client, Server
from tests.test_migrations import ask
from tests.test_ownership import execute, make_path

# What has no glyph, or an empty one: by Unicode's Default_Ignorable_Code_Point, white space, controls, and blanks.
UNSEEN = [
    *("\u200b", "\u200c\u200d", "\u2060", "\u00ad", "\ufeff", "\u2800", "\u3164", "\uffa0", "\u115f\u1160", "\u180e"),
    *("\u034f", "\u061c", "\u17b4", "\u200e\u200f", "\u202e", "\u2066\u2069", "\ufe0f", "\U000e0100", "\U000e0041"),
    *("\x07", "\x1b", "\x7f", "\x85 ", "\u2028", "\x1f", " \u200b ", "\u206f", "\ufff9", "\U0001d173", "\u2065"),
    *("\U0001d159", "\U00016fe4", "\u180b", "\U000e0fff"),
]
SEEN = [
    *("a", "\u200ba", "\u0301", "\U0001f469\u200d\U0001f692", "\u0600", "\ufffd", "\ue000", "\u202ea\n", "."),
    *("\U0001f9ff", "\uffff", "\u0e33"),
]
# Every text that has to be there, by its mutation.
REQUIRED = {
    "createCase": "title",
    "updateCase": "title",
    "createEvent": "title",
    "updateEvent": "title",
    "createFileBatch": "label",
    "updateFileBatch": "label",
    "addComment": "text",
    "updateComment": "text",
}


def inputs(client: Client) -> dict[str, dict[str, Any]]:
    """Return for each of the mutations what it is about."""
    path = make_path(client)
    case, event = {"caseId": path["case"]}, {"caseId": path["case"], "eventId": path["event"]}
    given = case | {"on": path["event"], "text": "Old"}
    comment = client.change("addComment", "comment { id }", **given)["comment"]["id"]
    return {
        "addComment": case | {"on": path["event"]},
        "updateComment": case | {"id": comment},
        "createCase": {},
        "updateCase": {"id": path["case"]},
        "createEvent": case | {"occurredAt": "2026-01-01T00:00:00Z"},
        "updateEvent": case | {"id": path["event"]},
        "createFileBatch": event,
        "updateFileBatch": event | {"id": path["batch"]},
    }


@pytest.mark.parametrize("field", REQUIRED)
def test_what_has_to_be_there_can_be_seen(alice: Client, field: str) -> None:
    name, about = REQUIRED[field], inputs(alice)[field]
    for text in UNSEEN:
        (error,) = alice.change(field, "errors { code message path }", **about, **{name: text})["errors"]
        blank = not text.strip()
        fault = "must not be blank" if blank else "must have at least one character that can be seen"
        assert error == {"code": "INVALID_INPUT", "message": f"`{name}` {fault}", "path": ["input", name]}, text
    for text in SEEN:
        assert alice.change(field, "errors { message }", **about, **{name: text}) == {"errors": []}, text


def test_what_is_there_already_stays(server: Server, alice: Client) -> None:
    case = alice.create_case()
    execute(server, f"UPDATE cases SET title = '\u200b' WHERE id = '{case}'")  # noqa: S608
    payload = alice.change("updateCase", "case { title status } errors { message }", id=case, status="ACTIVE")
    assert payload == {"case": {"title": "\u200b", "status": "ACTIVE"}, "errors": []}


def test_every_character_is_seen_or_not() -> None:
    """Python's categories, and Unicode's own list of what is to be ignored where it can't be shown."""
    ignorable = [*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000), *range(0x2060, 0x2070), *range(0x180B, 0x1810)]
    assert not any(is_visible(chr(point)) for point in ignorable)
    for point in range(0x110000):
        category = unicodedata.category(chr(point))
        if category in {"Cc", "Zs", "Zl", "Zp", "Cs"}:
            assert not is_visible(chr(point))
        elif category in {"Lu", "Ll", "Nd", "Sm", "Po", "Co"}:
            assert is_visible(chr(point))


# Searching

TEXTS = st.text(st.sampled_from("aAßUu \x1f\x1e\n%_\\\u0301\u00e9\ufb01\u212a"), max_size=4)


def found(client: Client, case: str, text: str) -> list[int]:
    """Return how many cases, and how many events of the case, are found by a text."""
    query = """
        query ($case: ID!, $text: String!) {
          cases(where: {text: $text}) { totalCount }
          case(id: $case) { events(where: {text: $text}) { totalCount } }
        }
    """
    data = client.run(query, case=case, text=text)
    return [data["cases"]["totalCount"], data["case"]["events"]["totalCount"]]


def test_what_stands_in_no_text_is_not_found(alice: Client) -> None:
    case = alice.create_case(title="abc", description="xyz", reference="uvw")
    alice.create_event(case, title="abc", description="xyz")
    for text in ("\x1f", "c\x1fx", "c\x1f", "\x1fx", "cx", "c x", "\x1e", "cUx", "cux", "U\x1f"):
        assert found(alice, case, text) == [0, 0], text
    alice.change("updateCase", "errors { code }", id=case, description="x\x1fyz")
    alice.create_event(case, title="Another", description="X\x1fYZ")
    for text in ("\x1f", "x\x1fy", "X\x1fYz"):
        assert found(alice, case, text) == [1, 1], text
    assert found(alice, case, "xUy") == [0, 0]


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=TEXTS, description=TEXTS, reference=TEXTS, needle=TEXTS)
def test_a_text_is_found_where_it_stands_in_one(
    alice: Client, title: str, description: str, reference: str, needle: str
) -> None:
    texts = [f"t{title}", description, reference]
    case = alice.create_case(title=texts[0], description=description, reference=reference)
    alice.create_event(case, title=texts[0], description=description)
    try:
        # The folded text is found in the folded texts, each by itself.
        stands = [fold(needle) in fold(text) for text in texts]
        assert found(alice, case, needle) == [int(any(stands)), int(any(stands[:2]))]
    finally:
        alice.change("deleteCase", "errors { code }", id=case)


def test_nothing_else_is_folded_into_what_stands_for_the_separator() -> None:
    assert fold("\x1f") == "U"
    assert [point for point in range(0x110000) if "U" in fold(chr(point)) or "\x1f" in fold(chr(point))] == [0x1F]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_with_a_separator_of_their_own_are_folded_again(new_database: Callable[[str], str], kind: str) -> None:
    settings_ = from_environment({"DOSSIER_DATABASE_URL": new_database(kind), "DOSSIER_JWT_SECRET": SECRET})
    migrations.migrate(settings_, "0003")
    user = "01890000-0000-7000-8000-000000000001"
    rows = f"""
        INSERT INTO users (id, issuer, subject) VALUES ('{user}', '', 'alice');
        INSERT INTO cases (id, number, title, title_key, description, search, created_by, updated_by) VALUES
            ('{user}', 1, 'A\x1fB', 'a\x1fb', 'C', 'a\x1fb\x1fc', '{user}', '{user}'),
            ('{user[:-1]}2', 2, 'D', 'd', 'E', 'd\x1fe', '{user}', '{user}');
        INSERT INTO events (id, case_id, title, description, search, occurred_at, created_by, updated_by) VALUES
            ('{user[:-1]}3', '{user}', 'F', 'G\x1f', 'f\x1fg\x1f', '2026-01-01T00:00:00.000000Z', '{user}', '{user}')
    """  # noqa: S608 - every part is ours

    def fill(connection: Any) -> None:
        for statement in rows.split(";"):
            connection.exec_driver_sql(statement)

    def texts(connection: Any) -> Any:
        keys = connection.exec_driver_sql("SELECT title_key FROM cases ORDER BY number").scalars().all()
        return keys, connection.exec_driver_sql("SELECT text FROM search_texts ORDER BY id").scalars().all()

    ask(settings_, fill)
    migrations.migrate(settings_)
    assert ask(settings_, texts) == (["aUb", "d"], ["aUb\x1fc", "d\x1fe", "f\x1fgU"])
