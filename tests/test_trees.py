"""Merkle trees: how they grow, and that a proof proves what it should and nothing else."""

from __future__ import annotations

import base64
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.record.trees import (
    EMPTY_ROOT,
    consistency_proof,
    extended,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(os.environ.get("MERKLE_VECTORS", "merkle"))
LARGEST = 70
LEAVES = [leaf_hash(b"leaf %d" % number) for number in range(LARGEST)]


def recursive_root(leaves: list[bytes]) -> bytes:
    """Return the root of a tree as RFC 9162 defines it (section 2.1.1), by halves."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while 2 * half < len(leaves):
        half *= 2
    return sha256(b"\x01" + recursive_root(leaves[:half]) + recursive_root(leaves[half:])).digest()


def grown(leaves: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the frontiers of a tree as it grows, that of no leaf first, and the nodes that each leaf has brought."""
    frontiers, brought = [b""], []
    for size, leaf in enumerate(leaves):
        frontier, nodes = extended(size, frontiers[-1], leaf)
        frontiers.append(frontier)
        brought.append(nodes)
    return frontiers, brought


FRONTIERS, BROUGHT = grown(LEAVES)
ROOTS = [recursive_root(LEAVES[:size]) for size in range(LARGEST + 1)]


def stored_node(level: int, index: int) -> bytes:
    """Return the root of a perfect subtree from where `extended` says that it is."""
    found = BROUGHT[((index + 1) << level) - 1][32 * level : 32 * level + 32]
    assert len(found) == 32
    return found


def flipped(data: bytes, bit: int) -> bytes:
    """Return data that has another bit at this place."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_leaf_and_a_node_have_the_hashes_of_the_rfc() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root(b"") == EMPTY_ROOT


def test_a_node_is_no_leaf_of_the_same_bytes() -> None:
    left, right = LEAVES[:2]
    assert node_hash(left, right) != leaf_hash(left + right)


def test_seven_leaves_have_the_frontiers_and_bring_the_nodes_of_the_rfcs_picture() -> None:
    # The names are those of section 2.1.5: leaves a to f and j, nodes g to l.
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k = node_hash(g, h)
    right = node_hash(i, j)  # l in the picture
    assert FRONTIERS[:8] == [b"", a, g, g + c, k, k + e, k + i, k + i + j]
    assert BROUGHT[:7] == [a, b + g, c, d + h + k, e, f + i, j]
    assert root(FRONTIERS[7]) == node_hash(k, right)
    assert inclusion_proof(0, 7, stored_node) == [b, h, right]
    assert inclusion_proof(3, 7, stored_node) == [c, g, right]
    assert inclusion_proof(4, 7, stored_node) == [f, j, k]
    assert inclusion_proof(6, 7, stored_node) == [i, k]
    assert consistency_proof(3, 7, stored_node) == [c, d, g, right]
    assert consistency_proof(4, 7, stored_node) == [right]
    assert consistency_proof(6, 7, stored_node) == [i, j, k]
    assert consistency_proof(7, 7, stored_node) == []


def test_every_size_has_the_root_that_the_recursive_definition_has() -> None:
    assert [root(frontier) for frontier in FRONTIERS] == ROOTS


def test_what_a_leaf_brings_ends_as_the_frontier_does() -> None:
    assert all(frontier[-32:] == nodes[-32:] for frontier, nodes in zip(FRONTIERS[1:], BROUGHT, strict=True))


def test_a_node_is_found_where_it_is_said_to_be() -> None:
    for level in range(7):
        for index in range(LARGEST >> level):
            assert stored_node(level, index) == recursive_root(LEAVES[index << level : (index + 1) << level])


def test_on_average_a_leaf_brings_less_than_two_hashes() -> None:
    assert len(b"".join(BROUGHT)) == 32 * sum(LARGEST >> level for level in range(7)) < 2 * 32 * LARGEST


@pytest.mark.parametrize(
    ("size", "frontier", "leaf"),
    [
        (0, LEAVES[0], LEAVES[1]),
        (1, b"", LEAVES[1]),
        (2, LEAVES[0] + LEAVES[1], LEAVES[1]),
        (3, FRONTIERS[3][:-1], LEAVES[3]),
        (3, FRONTIERS[3], LEAVES[3][:-1]),
        (3, FRONTIERS[3], b""),
    ],
)
def test_a_frontier_of_another_size_is_refused(size: int, frontier: bytes, leaf: bytes) -> None:
    with pytest.raises(ValueError, match=f"no tree of {size} leaves has a frontier of {len(frontier)} bytes"):
        extended(size, frontier, leaf)


def test_a_root_of_what_is_no_frontier_is_refused() -> None:
    with pytest.raises(ValueError, match="a frontier of 33 bytes is not made of hashes"):
        root(bytes(33))


def test_every_leaf_of_every_size_is_proved_and_no_other() -> None:
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = inclusion_proof(index, size, stored_node)
            assert len(proof) <= (size - 1).bit_length()
            verify_inclusion(index, size, LEAVES[index], proof, ROOTS[size])
            with pytest.raises(ValueError, match="the proof leads to another root"):
                verify_inclusion(index, size, LEAVES[index - 1] if size > 1 else ROOTS[2], proof, ROOTS[size])


def test_every_size_is_proved_to_begin_with_every_smaller_one() -> None:
    for size2 in range(1, LARGEST + 1):
        for size1 in range(1, size2 + 1):
            proof = consistency_proof(size1, size2, stored_node)
            assert len(proof) <= (size2 - 1).bit_length() + 1
            verify_consistency(size1, size2, proof, ROOTS[size1], ROOTS[size2])


def test_a_proof_asks_for_few_nodes_of_a_large_tree() -> None:
    size = (1 << 40) - 1
    asked: list[tuple[int, int]] = []

    def node(level: int, index: int) -> bytes:
        assert (index + 1) << level <= size
        asked.append((level, index))
        return sha256(b"%d %d" % (level, index)).digest()

    # The right half is of 39 perfect subtrees, and on the way down the left one each sibling is perfect.
    assert len(inclusion_proof(0, size, node)) == 40
    assert sorted(asked) == [(level, index) for level in range(39) for index in (1, (2 << 39 - level) - 2)]
    asked.clear()
    assert len(consistency_proof(1 << 39, size, node)) == 1
    assert sorted(asked) == [(level, (2 << 39 - level) - 2) for level in range(39)]


@st.composite
def inclusions(draw: st.DrawFn) -> tuple[int, int]:
    """Return an index and a size."""
    size = draw(st.integers(1, LARGEST))
    return draw(st.integers(0, size - 1)), size


@st.composite
def consistencies(draw: st.DrawFn) -> tuple[int, int]:
    """Return two sizes, the smaller one first, of which the proof has at least one hash."""
    size2 = draw(st.integers(2, LARGEST))
    return draw(st.integers(1, size2 - 1)), size2


@settings(deadline=None, database=None)
@given(inclusions(), st.data())
def test_an_inclusion_that_was_tampered_with_is_refused(shape: tuple[int, int], data: st.DataObject) -> None:
    index, size = shape
    leaf, proof, top = LEAVES[index], inclusion_proof(index, size, stored_node), ROOTS[size]
    bit = data.draw(st.integers(0, 255))
    with pytest.raises(ValueError, match="another root"):
        verify_inclusion(index, size, flipped(leaf, bit), proof, top)
    with pytest.raises(ValueError, match="another root"):
        verify_inclusion(index, size, leaf, proof, flipped(top, bit))
    with pytest.raises(ValueError, match="too long"):
        verify_inclusion(index, size, leaf, [*proof, top], top)
    for wrong in (-1, size, size + index):
        with pytest.raises(ValueError, match="has no leaf"):
            verify_inclusion(wrong, size, leaf, proof, top)
    other = data.draw(st.integers(0, size - 1).filter(lambda each: each != index) if size > 1 else st.none())
    if other is None:
        return
    with pytest.raises(ValueError, match=r"another root|too (short|long)"):
        verify_inclusion(other, size, leaf, proof, top)
    place = data.draw(st.integers(0, len(proof) - 1))
    changed = [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]]
    with pytest.raises(ValueError, match="another root"):
        verify_inclusion(index, size, leaf, changed, top)
    with pytest.raises(ValueError, match="too short"):
        verify_inclusion(index, size, leaf, proof[:place] + proof[place + 1 :], top)
    with pytest.raises(ValueError, match="a hash has 31 bytes instead of 32"):
        verify_inclusion(index, size, leaf, [*proof[:place], proof[place][1:], *proof[place + 1 :]], top)


@settings(deadline=None, database=None)
@given(consistencies(), st.data())
def test_a_consistency_that_was_tampered_with_is_refused(shape: tuple[int, int], data: st.DataObject) -> None:
    size1, size2 = shape
    proof, root1, root2 = consistency_proof(size1, size2, stored_node), ROOTS[size1], ROOTS[size2]
    bit, place = data.draw(st.integers(0, 255)), data.draw(st.integers(0, len(proof) - 1))
    with pytest.raises(ValueError, match=r"another root of the (smaller|larger) tree"):
        verify_consistency(size1, size2, proof, flipped(root1, bit), root2)
    with pytest.raises(ValueError, match="another root of the larger tree"):
        verify_consistency(size1, size2, proof, root1, flipped(root2, bit))
    with pytest.raises(ValueError, match="another root"):
        verify_consistency(
            size1, size2, [*proof[:place], flipped(proof[place], bit), *proof[place + 1 :]], root1, root2
        )
    with pytest.raises(ValueError, match="too short"):
        verify_consistency(size1, size2, [], root1, root2)
    with pytest.raises(ValueError, match="too short"):
        verify_consistency(size1, size2, proof[:place] + proof[place + 1 :], root1, root2)
    with pytest.raises(ValueError, match="too long"):
        verify_consistency(size1, size2, [*proof, root2], root1, root2)
    with pytest.raises(ValueError, match="too long"):
        verify_consistency(size2, size2, proof, root2, root2)
    with pytest.raises(ValueError, match=r"another root|too (short|long)"):
        verify_consistency(size1, size2, proof, root2, root1)
    with pytest.raises(ValueError, match="can't be proved to begin with"):
        verify_consistency(size2, size1, proof, root2, root1)
    with pytest.raises(ValueError, match="a hash has 33 bytes instead of 32"):
        verify_consistency(size1, size2, [*proof[:place], proof[place] + b"\0", *proof[place + 1 :]], root1, root2)


def test_what_no_proof_is_of_is_refused() -> None:
    for index, size in (-1, 3), (3, 3), (0, 0):
        with pytest.raises(ValueError, match=f"a tree of {size} leaves has no leaf {index}, counted from 0"):
            inclusion_proof(index, size, stored_node)
    for size1, size2 in (0, 0), (0, 3), (4, 3), (-1, 3):
        fault = f"a tree of {size2} leaves can't be proved to begin with one of {size1}"
        with pytest.raises(ValueError, match=fault):
            consistency_proof(size1, size2, stored_node)
        with pytest.raises(ValueError, match=fault):
            verify_consistency(size1, size2, [], EMPTY_ROOT, EMPTY_ROOT)


def test_two_trees_of_one_size_have_one_root() -> None:
    verify_consistency(3, 3, [], ROOTS[3], ROOTS[3])
    with pytest.raises(ValueError, match="two trees of one size have two roots"):
        verify_consistency(3, 3, [], ROOTS[3], ROOTS[2])


@pytest.mark.vectors
def test_each_vector_has_the_verdict_that_it_should() -> None:
    """Those of github.com/transparency-dev/merkle, `testdata`, stand where the variable MERKLE_VECTORS says."""
    found = {}
    for kind in "inclusion", "consistency":
        for path in sorted((VECTORS / kind).rglob("*.json")):
            vector = json.loads(path.read_text(encoding="utf-8"))
            found[str(path.relative_to(VECTORS))] = (vector["wantErr"], refuses(kind, vector))
    assert {name for name, (theirs, ours) in found.items() if theirs != ours} == set()
    assert len(found) == 196
    assert sum(not ours for _, ours in found.values()) == 12


def refuses(kind: str, vector: dict[str, Any]) -> bool:
    """Return whether Dossier refuses what a vector says."""
    proof = [base64.b64decode(each) for each in vector["proof"] or []]
    names = ("root", "leafHash") if kind == "inclusion" else ("root1", "root2")
    first, second = (base64.b64decode(vector[name] or "") for name in names)
    try:
        if kind == "inclusion":
            verify_inclusion(vector["leafIdx"], vector["treeSize"], second, proof, first)
        else:
            verify_consistency(vector["size1"], vector["size2"], proof, first, second)
    except ValueError:
        return True
    return False
