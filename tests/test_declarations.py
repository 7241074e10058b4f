"""What is declared wrongly doesn't start, and the message says which file to open."""

from __future__ import annotations

import re
from typing import Any

import pytest
import strawberry
from sqlalchemy import Column, MetaData, Table

from app.db import FoundRow, models
from app.db.types import Id
from app.ownership import CHANGE, Viewer, place
from app.reading.nouns import Noun, Reference
from app.reading.payloads import Given
from app.record.journal import Recorder
from app.resolvers.changes import Change, change
from app.resolvers.inputs import TextRule
from app.schema import made
from app.schema.fields import field, input_type, lookup, noun, object_type
from app.schema.nodes import Node
from app.schema.payloads import change as changed
from app.schema.payloads import row
from app.schema.user import User


def work(_: Recorder, __: Viewer, row: FoundRow, ___: Given) -> str:
    """Change a case."""
    return str(row.id)


CHANGED = change(place(CHANGE, id=models.Case), {"title": TextRule(200)})(work)


@noun(Noun(models.Case))
class Case(Node):
    """A case."""

    title: str
    owner: Node = field(Reference("created_by"), "Who made it.")


@input_type
class RenameCaseInput:
    """A case with another title."""

    id: strawberry.ID
    expected_version: strawberry.Maybe[int | None]
    title: str


def queries(type_: type) -> type:
    return object_type(type("Query", (), {"case": lookup(type_, "A case.", id=("id", "Its id.")), "__doc__": "Reads."}))


def mutations(change: Change, input_: type = RenameCaseInput) -> type:
    renamed = changed(change, input_, "Which case.", case=row(Case, "The case"))
    return object_type(type("Mutation", (), {"rename_case": renamed, "__doc__": "Changes."}))


def test_what_fits_starts() -> None:
    made(queries(Case), mutations(CHANGED), [User])


def test_a_field_that_leads_nowhere_does_not_start() -> None:
    @noun(Noun(models.Case))
    class Odd(Node):
        """A case."""

        colour: str

    with pytest.raises(TypeError) as raised:
        made(queries(Odd), None)
    assert str(raised.value) == (
        "Odd.colour leads nowhere: cases has no column colour; say in tests/test_declarations.py what it leads to"
    )


def test_a_field_of_a_type_without_a_table_leads_somewhere_or_does_not_start() -> None:
    @object_type
    class Query:
        """Reads."""

        weather: str

    with pytest.raises(TypeError, match=re.escape("Query.weather leads nowhere: the type is of no table; say in ")):
        made(Query, None)


def test_an_input_field_without_a_rule_does_not_start() -> None:
    @input_type
    class PaintCaseInput:
        """A case with another colour."""

        id: strawberry.ID
        colour: str

    with pytest.raises(TypeError) as raised:
        made(queries(Case), mutations(CHANGED, PaintCaseInput), [User])
    assert str(raised.value) == (
        "PaintCaseInput.colour has no rule, so that it would be dropped: give it one among the rules of renameCase in "
        "tests/test_declarations.py"
    )


def test_a_change_that_does_not_ask_whose_the_row_is_does_not_start() -> None:
    anywhere: Any = None
    with pytest.raises(TypeError) as raised:
        made(queries(Case), mutations(change(anywhere)(work)), [User])
    assert str(raised.value) == (
        "renameCase doesn't say whose the row is that it changes: give its change a `place` in "
        "tests/test_declarations.py"
    )


def test_a_place_in_a_table_without_a_word_does_not_start() -> None:
    with pytest.raises(TypeError) as raised:
        place(CHANGE, id=models.User)
    assert str(raised.value) == "give User its word among _WORDS in app/ownership.py, to say that it isn't there"


def test_a_mutation_without_a_change_does_not_start() -> None:
    read = lookup(Case, "A case.", id=("id", "Its id."))
    mutation: Any = object_type(type("Mutation", (), {"case": read, "__doc__": "Changes."}))
    with pytest.raises(TypeError, match=re.escape("Mutation.case is made by no change; declare it by `change`")):
        made(queries(Case), mutation, [User])


def test_a_noun_of_which_nothing_says_who_may_see_it_does_not_start() -> None:
    class Weather:
        __table__ = Table("weather", MetaData(), Column("id", Id, primary_key=True))

    model: Any = Weather

    @noun(Noun(model))
    class Sky(Node):
        """The sky."""

    with pytest.raises(TypeError) as raised:
        made(queries(Sky), None)
    assert str(raised.value) == ("nothing says who may see a Sky: give the table weather its rule in app/ownership.py")


def test_a_type_without_a_docstring_does_not_start() -> None:
    class Odd:
        title: str

    with pytest.raises(ValueError, match="Odd needs a docstring: it is what clients read of it"):
        object_type(Odd)
