"""Values for variables that nobody gave."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLScalarType, parse
from graphql.execution.values import get_variable_values
from graphql.language import OperationDefinitionNode

from app.execution.samples import samples
from app.schema import executable
from tests.commands import dossier

GIVEN = {
    name
    for name, type_ in executable().type_map.items()
    if isinstance(type_, GraphQLScalarType | GraphQLEnumType | GraphQLInputObjectType)
    and not name.startswith("__")
    and name != "JSON"  # which is only told
}


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_each_type_that_can_be_given_has_one_that_it_takes(name: str) -> None:
    (operation,) = parse(f"query ($it: {name}!, $all: [{name}!]!) {{ __typename }}").definitions
    assert isinstance(operation, OperationDefinitionNode)
    definitions = operation.variable_definitions
    assert definitions is not None
    made = samples(executable(), definitions, flag=True)
    found = get_variable_values(executable(), definitions, made)
    assert not isinstance(found, list), found


def test_a_document_with_a_hash_can_be_registered(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"a": "query A($hash: String!) { filesByHash(hash: $hash) { nodes { path } } }"}')
    done = dossier(tmp_path, "documents", "check", str(manifest))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 document checked, without a fault\n", "")
