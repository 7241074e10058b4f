"""Merkle trees as RFC 9162 has them (section 2.1): how they grow, what they prove, and how a proof is verified.

A tree is kept as its compact range, here called frontier: the roots of the perfect subtrees that it is made of, largest
first, one after the other. A tree of 6 leaves has two: of leaves 0 to 3, and of leaves 4 and 5. A perfect subtree is
named by its level, which is 0 for a leaf, and by its index among those of its level from the left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from hmac import compare_digest

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()
_LEAF, _NODE = b"\x00", b"\x01"  # without them a node could be passed off as a leaf (section 2.1.1)

Node = Callable[[int, int], bytes]  # from the level and the index of a perfect subtree to its root


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf that holds `data`."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return sha256(_NODE + left + right).digest()


def extended(size: int, frontier: bytes, leaf: bytes) -> tuple[bytes, bytes]:
    """Return the frontier of a tree of `size` leaves that gets one more, of which this is the hash, and the new nodes.

    The nodes are the leaf's hash and the roots of the perfect subtrees that it completes, smallest first, one after the
    other: the root of subtree `index` at `level` stands at byte 32 * level of what leaf number (index + 1) * 2^level,
    counted from 1, has brought. Raises ValueError when the frontier is not one of a tree of that size.
    """
    end = len(frontier)
    if end != HASH_BYTES * size.bit_count() or len(leaf) != HASH_BYTES:
        raise ValueError(f"no tree of {size} leaves has a frontier of {end} bytes, or this leaf's hash is none")
    # Adding 1 to the size carries over each 1 at its end, and each carry joins two subtrees to one of twice the size.
    nodes = node = leaf
    while size & 1:
        node = sha256(_NODE + frontier[end - HASH_BYTES : end] + node).digest()
        nodes += node
        end -= HASH_BYTES
        size >>= 1
    return frontier[:end] + node, nodes


def root(frontier: bytes) -> bytes:
    """Return the root of the tree that has this frontier."""
    if not frontier:
        return EMPTY_ROOT
    if len(frontier) % HASH_BYTES:
        raise ValueError(f"a frontier of {len(frontier)} bytes is not made of hashes")
    hashes = [frontier[start : start + HASH_BYTES] for start in range(0, len(frontier), HASH_BYTES)]
    return _joined(hashes)


def _joined(roots: list[bytes]) -> bytes:
    """Return the root above perfect subtrees that stand side by side, largest first."""
    *others, joined = roots
    for left in reversed(others):
        joined = node_hash(left, joined)
    return joined


def node_of(entry: Callable[[int], bytes]) -> Node:
    """Return the roots of perfect subtrees of a tree whose leaves were written down by `extended`.

    It is asked of `entry` what leaf number `seq`, counted from 1, has brought.
    """

    def node(level: int, index: int) -> bytes:
        start = HASH_BYTES * level
        found = entry((index + 1) << level)[start : start + HASH_BYTES]
        if len(found) != HASH_BYTES:
            raise ValueError(f"the tree has no node {index} at level {level}")
        return found

    return node


def root_at(size: int, node: Node) -> bytes:
    """Return the root that a tree had when it had `size` leaves."""
    return _root_between(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return what proves that leaf `index`, counted from 0, is in a tree of `size` leaves (section 2.1.3.1).

    It is asked of `node` what the roots of perfect subtrees are. Raises ValueError when the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}, counted from 0")
    # Down from the root to the leaf, with the half that is left behind at each step; the RFC's recursion written out.
    start, end, proof = 0, size, []
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            proof.append(_root_between(middle, end, node))
            end = middle
        else:
            proof.append(_root_between(start, middle, node))
            start = middle
    return proof[::-1]


def consistency_proof(size1: int, size2: int, node: Node) -> list[bytes]:
    """Return what proves that a tree of `size2` leaves begins with the one of `size1` (section 2.1.4.1).

    It is asked of `node` what the roots of perfect subtrees are. Raises ValueError when there is no such proof.
    """
    _check_sizes(size1, size2)
    # Down from the larger tree's root to where the smaller one ends.
    start, end, proof = 0, size2, []
    while size1 < end:
        middle = _middle(start, end)
        if size1 <= middle:
            proof.append(_root_between(middle, end, node))
            end = middle
        else:
            proof.append(_root_between(start, middle, node))
            start = middle
    if start:  # else it is the smaller tree's own root, which whoever verifies has
        proof.append(_root_between(start, end, node))
    return proof[::-1]


def _check_sizes(size1: int, size2: int) -> None:
    # Every tree begins with an empty one, so that a proof of it would say nothing.
    if not 0 < size1 <= size2:
        raise ValueError(f"a tree of {size2} leaves can't be proved to begin with one of {size1}")


def _middle(start: int, end: int) -> int:
    """Return where the largest perfect subtree ends that begins at `start` and ends before `end`."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _root_between(start: int, end: int, node: Node) -> bytes:
    """Return the root of a subtree; it begins where a perfect one of at least its own size could begin."""
    roots = []
    while start < end:
        level = (end - start).bit_length() - 1
        roots.append(node(level, start >> level))
        start += 1 << level
    return _joined(roots)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash is leaf `index`, counted from 0, of a tree with this size and root.

    The algorithm is RFC 9162's, section 2.1.3.2. Raises ValueError, which says why, when that isn't proved.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}, counted from 0")
    _check_hashes(leaf, root, *proof)
    here, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ValueError("the proof is too long")
        if here & 1 or here == last:
            found = node_hash(sibling, found)
            here, last = _raised(here, last)
        else:
            found = node_hash(found, sibling)
        here, last = here >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    if not compare_digest(found, root):
        raise ValueError("the proof leads to another root")


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the tree of `size2` leaves with `root2` begins with the one of `size1` leaves with `root1`.

    The algorithm is RFC 9162's, section 2.1.4.2. Raises ValueError, which says why, when that isn't proved.
    """
    _check_sizes(size1, size2)
    if size1 == size2:
        if proof:
            raise ValueError("the proof is too long")
        if not compare_digest(root1, root2):
            raise ValueError("two trees of one size have two roots")
        return
    if not proof:
        raise ValueError("the proof is too short")
    _check_hashes(root1, root2, *proof)
    # The proof begins with the last perfect subtree of the smaller tree, unless that is all of the tree.
    first, *rest = proof if size1 & (size1 - 1) else (root1, *proof)
    here, last = size1 - 1, size2 - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    found1 = found2 = first
    for sibling in rest:
        if last == 0:
            raise ValueError("the proof is too long")
        if here & 1 or here == last:
            found1, found2 = node_hash(sibling, found1), node_hash(sibling, found2)
            here, last = _raised(here, last)
        else:
            found2 = node_hash(found2, sibling)
        here, last = here >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    if not compare_digest(found1, root1):
        raise ValueError("the proof leads to another root of the smaller tree")
    if not compare_digest(found2, root2):
        raise ValueError("the proof leads to another root of the larger tree")


def _raised(here: int, last: int) -> tuple[int, int]:
    """Return the positions of a node and of the last one of its level, up to where the node is one on the right."""
    while here and not here & 1:
        here, last = here >> 1, last >> 1
    return here, last


def _check_hashes(*hashes: bytes) -> None:
    for each in hashes:
        if len(each) != HASH_BYTES:
            raise ValueError(f"a hash has {len(each)} bytes instead of {HASH_BYTES}")
