"""The form of leaves against the vectors of RFC 8785's author, as far as leaves have what the vectors have.

They stand where the variable JCS_VECTORS says: the folders `input`, `output` and `outhex` of `testdata` of
github.com/cyberphone/json-canonicalization. They are not Dossier's to hand on.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.record.entries import canonical, leaf_of
from app.values import now

pytestmark = pytest.mark.vectors

VECTORS = Path(os.environ.get("JCS_VECTORS", "jcs"))
# Written as the vectors say, although no leaf has lists, null, numbers that are not whole (`values`), a whole number
# that is written 56.0 (`structures`), or names beyond ASCII (`french`, where they are sorted alike).
WHOLE = {"arrays", "french", "structures", "unicode", "values"}
# Written otherwise: the RFC sorts names by UTF-16, in which U+1F602 begins with D83D; by code point it is
# behind U+FB33.
OTHERWISE = {"weird": b'"\xef\xac\xb3":"Hebrew Letter Dalet With Dagesh","\xf0\x9f\x98\x82":"Smiley"}'}
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
MEMBER = re.compile(rb'("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*")')
WHOLE_NUMBER = re.compile(rb"(?<=[\[:,])\d+(?=[,\]}])")


def given(name: str) -> Any:
    """Return what is to be written: names in the order of the vector, and 56.0 as the whole number that it is."""
    text = (VECTORS / "input" / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text, parse_float=lambda number: int(float(number)) if float(number) == 56 else float(number))


def expected(name: str) -> bytes:
    """Return what a vector says it is written as."""
    text = (VECTORS / "output" / f"{name}.json").read_bytes()
    assert text == bytes.fromhex((VECTORS / "outhex" / f"{name}.txt").read_text())
    return text


def test_these_are_all_vectors() -> None:
    assert {path.stem for path in (VECTORS / "input").iterdir()} == {*WHOLE, *OTHERWISE}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_what_is_in_the_form_of_leaves_is_written_as_the_vector_says(name: str) -> None:
    assert canonical(given(name)) == expected(name)


def test_names_beyond_ascii_are_sorted_otherwise_and_those_in_ascii_are_not() -> None:
    value, text = given("weird"), expected("weird")
    assert canonical(value) != text
    assert canonical(value).endswith(OTHERWISE["weird"])
    assert {*MEMBER.findall(canonical(value))} == {*MEMBER.findall(text)}
    members = [b"%s:%s" % member for member in MEMBER.findall(text) if json.loads(member[0]).isascii()]
    assert len(members) == 4
    in_ascii = {key: said for key, said in reversed(value.items()) if key.isascii()}
    assert canonical(in_ascii) == b"{%s}" % b",".join(members)


def strings() -> Iterator[bytes]:
    """Iterate over all strings of all vectors, names as well, as they are to be written."""
    for name in WHOLE | OTHERWISE.keys():
        yield from STRING.findall(expected(name))


def test_every_string_and_whole_number_of_the_vectors_is_written_so_in_a_leaf() -> None:
    entry: dict[str, Any] = {"at": now(), "by": "u", "case_id": "c", "digest": b"", "kind": "k", "row_id": "r"}
    entry |= {"seq": 1, "type": "t", "event_id": None, "version": None, "request_id": None}
    for string in (found := [*strings()]):
        text = json.loads(string)
        leaf = leaf_of({**entry, **dict.fromkeys(("by", "event_id", "request_id"), text)})
        assert leaf.startswith(b'{"at":')
        for name in (b"by", b"event", b"request"):
            assert b'"%s":%s,"' % (name, string) in leaf
    assert len(found) == 51
    numbers = [number for name in WHOLE for number in WHOLE_NUMBER.findall(expected(name))]
    assert sorted(numbers) == [b"5", b"56", b"56"]
    for number in numbers:
        leaf = leaf_of({**entry, "seq": int(number), "version": int(number)})
        assert b'"seq":%s,"type":"t","v":1,"version":%s}' % (number, number) in leaf
