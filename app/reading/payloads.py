"""A mutation as a document asks for it: what was given, and what is to be answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias

import orjson
from graphql import GraphQLObjectType
from graphql.execution.values import VariableValues

from app.db import Database
from app.errors import Refusal, Unconfirmed
from app.ownership import Viewer
from app.reading import nouns
from app.reading.nouns import REFUSAL, Lead
from app.reading.plans import Plan
from app.reading.selections import Field
from app.reading.statements import TYPE
from app.reading.streams import plan_subject
from app.values import column_name

Given: TypeAlias = Mapping[str, Any]
"""What a client gave: the fields of an input by their column's names, those left out absent."""

Rows: TypeAlias = Mapping[str, orjson.Fragment]
"""What was read of rows by the plans of a payload, under the same names."""

_NO_ROWS: Rows = {}


class Payload:
    """What a document asks of a mutation's payload; `lead` is the change itself.

    Its plans read a row, each for one field: `changed` when the change was made, `noted` what the record says of it,
    `current` for a conflict. They run one after another, so that their answers count as one. `marked` adds the type's
    name to objects of any type.
    Raises RequestRefused when the selection's arguments are out of bounds.
    """

    def __init__(self, field: Field, database: Database, viewer: Viewer, *, marked: bool = False) -> None:
        self._field = field.kept
        self._marked = marked
        members = field.children()
        self._members = [member.kept for member in members]
        self.changed = {
            member.key: plan_subject(database, viewer, member, marked=marked)
            for member in members
            if isinstance(member.lead, nouns.Changed | nouns.ChangedNode | nouns.ChangedNodes)
        }
        self.noted = {
            member.key: plan_subject(database, viewer, member, marked=marked)
            for member in members
            if isinstance(member.lead, nouns.Noted)
        }
        self.current: dict[str, Plan] = {}
        for member in members:
            for type_ in _refusals(member).values():
                for shown in member.children(type_):
                    if isinstance(shown.lead, nouns.Current):
                        self.current[f"{member.key} {shown.key}"] = plan_subject(database, viewer, shown, marked=marked)

    @property
    def certifies(self) -> bool:
        """Whether it asks for what certifies the change."""
        return any(isinstance(member.lead, nouns.Certificate) for member in self._members)

    @property
    def mutation(self) -> str:
        """The mutation's name in the schema."""
        return self._field.name

    @property
    def lead(self) -> Lead:
        """What the mutation leads to."""
        return self._field.lead

    def given(self, variables: VariableValues) -> Given:
        """Return the fields of the input that the client gave, null or not; those left out are absent."""
        values: dict[str, Any] = self._field.arguments(variables)["input"]
        given: Given = _by_columns(values)
        return given

    def check(self, variables: VariableValues) -> None:
        """Check the arguments in the selection. Raises RequestRefused when they are out of bounds."""
        for plan in (*self.changed.values(), *self.noted.values(), *self.current.values()):
            plan.check(variables)

    def done(
        self,
        subject: str | tuple[str, ...],
        rows: Rows,
        *,
        replayed: bool,
        certificate: orjson.Fragment | None = None,
    ) -> dict[str, Any]:
        """Return the payload of a change that was made, by response name."""
        answer: dict[str, Any] = {}
        for member in self._members:
            match member.lead:
                case nouns.Changed() | nouns.ChangedNode() | nouns.Noted():
                    answer[member.key] = rows.get(member.key)
                case nouns.ChangedNodes():
                    answer[member.key] = rows.get(member.key, [])
                case nouns.Certificate():
                    answer[member.key] = certificate
                case nouns.Preview():
                    answer[member.key] = None
                case nouns.Gone() | nouns.AllGone():
                    answer[member.key] = subject
                case nouns.Replayed():
                    answer[member.key] = replayed
                case nouns.Refusals():
                    answer[member.key] = []
                case _:
                    answer[member.key] = member.parent.name
        return answer

    def refused(self, refusals: Sequence[Refusal], rows: Rows = _NO_ROWS) -> dict[str, Any]:
        """Return the payload of a change that was refused, by response name."""
        answer: dict[str, Any] = {}
        for member in self._members:
            match member.lead:
                case nouns.TypeName():
                    answer[member.key] = member.parent.name
                case nouns.Replayed():
                    answer[member.key] = False
                case nouns.Refusals():
                    answer[member.key] = [self._told(member, refusal, rows) for refusal in refusals]
                case nouns.ChangedNodes() | nouns.AllGone():
                    answer[member.key] = []
                case nouns.Preview():
                    answer[member.key] = next(
                        (each.preview for each in refusals if isinstance(each, Unconfirmed)), None
                    )
                case _:
                    answer[member.key] = None
        return answer

    def _told(self, member: Field, refusal: Refusal, rows: Rows) -> dict[str, Any]:
        types = _refusals(member)
        type_ = next(types[kind] for kind in type(refusal).__mro__ if kind in types)
        answer: dict[str, Any] = {TYPE: type_.name} if self._marked else {}
        for shown in member.children(type_):
            match shown.lead:
                case nouns.Told(attribute):
                    answer[shown.key] = getattr(refusal, attribute)
                case nouns.Current():
                    answer[shown.key] = rows[f"{member.key} {shown.key}"]
                case _:
                    answer[shown.key] = type_.name
        return answer


class Payloads(dict[str, Payload | str]):
    """The payloads of a document's mutations by response name, or the name of their type where that is asked for."""

    def check(self, variables: VariableValues) -> None:
        """Check the arguments in all selections. Raises RequestRefused when they are out of bounds."""
        for payload in self.values():
            if isinstance(payload, Payload):
                payload.check(variables)

    def plans(self) -> Iterator[Plan]:
        """Iterate over all their plans."""
        for payload in self.values():
            if isinstance(payload, Payload):
                yield from payload.changed.values()
                yield from payload.noted.values()
                yield from payload.current.values()

    @property
    def weight(self) -> int:
        """How many bytes their plans take, more or less."""
        return sum(plan.weight for plan in self.plans())


def _by_columns(value: Any) -> Any:
    match value:
        case dict():
            return {column_name(name): _by_columns(part) for name, part in value.items()}
        case list():
            return [_by_columns(part) for part in value]
        case Enum():
            return value.value
        case _:
            return value


def _refusals(member: Field) -> Mapping[type[Refusal], GraphQLObjectType]:
    """Return the types that tell of refusals, where that is what a member of a payload does."""
    if not isinstance(member.lead, nouns.Refusals):
        return {}
    types: Any = member.possible
    return {type_.extensions[REFUSAL]: type_ for type_ in types}
