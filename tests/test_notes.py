"""Signed notes, checkpoints and proofs: what is written, what is read, and what is refused."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from app.record import trees
from app.record.notes import (
    Checkpoint,
    Note,
    Proof,
    Signer,
    Verifier,
    read_checkpoint,
    read_proof,
    read_verifier,
    sign,
    verify,
)

# Keys and signatures of golang.org/x/mod, `sumdb/note/note_test.go`.
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"  # noqa: S105 - the type, and a seed that is public
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)  # fmt: skip
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
# The example of signed-note.md.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""

ENOCH_64 = ENOCH_LINE.split()[2]
PETER, ENOCH = read_verifier(PETER_KEY), read_verifier(ENOCH_KEY)
SIGNER = Signer("PeterNeumann", Ed25519PrivateKey.from_private_bytes(base64.b64decode(PETER_SECRET)[1:]))
OURS = Signer("dossier.example/cases", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ROOT = sha256(b"root").digest()
CHECKPOINT = f"dossier.example/cases\n20852163\n{base64.b64encode(ROOT).decode()}\n"


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def other_types_key(kind: int, name: str = "PeterNeumann", key: bytes = PETER.public) -> str:
    """Return a verifier key of this type, with the id that belongs to it."""
    typed = bytes((kind,)) + key
    return f"{name}+{sha256(name.encode() + bytes((10,)) + typed).hexdigest()[:8]}+{base64_of(typed)}"


def test_a_verifier_key_is_read_and_written() -> None:
    assert (PETER.name, PETER.id.hex(), PETER.text) == ("PeterNeumann", "c74f20a3", PETER_KEY)
    assert [read_verifier(text).text for text in (ENOCH_KEY, EXAMPLE_KEY)] == [ENOCH_KEY, EXAMPLE_KEY]
    assert read_verifier(OURS.verifier.text) == OURS.verifier == Verifier(OURS.name, OURS.verifier.public)


def test_no_part_of_a_verifier_key_is_one_and_no_other_with_one_character_changed() -> None:
    parts = {PETER_KEY[start:end] for start in range(len(PETER_KEY) + 1) for end in range(start, len(PETER_KEY) + 1)}
    parts.remove(PETER_KEY)
    changed = {
        PETER_KEY[:place] + chr(ord(character) + 1) + PETER_KEY[place + 1 :]
        for place, character in enumerate(PETER_KEY)
    }
    for text in parts | changed:
        with pytest.raises(ValueError, match=r"key|base64"):
            read_verifier(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (other_types_key(4), "a verifier key is of another type than Ed25519"),
        (other_types_key(1, key=PETER.public + b"\0"), "32 bytes"),
        (other_types_key(1, key=b""), "32 bytes"),
        (PETER_KEY.replace("c74f20a3", "C74F20A3"), "8 hexadecimal digits"),
        (PETER_KEY.replace("c74f20a3", "c74f20a4"), "another id than its name and key make"),
        (PETER_KEY + "\n", "a verifier key is a name"),
        (PETER_KEY[:-1], "not base64, or not written as it has to be"),
        (PETER_KEY + "=", "not base64, or not written as it has to be"),
        (other_types_key(1, name="Peter Neumann"), "the name of a key is empty, or has a space"),
        (other_types_key(1, name="Peter\u2003Neumann"), "the name of a key is empty, or has a space"),
        (other_types_key(1, name=""), "the name of a key is empty"),
        ("PeterNeumann+c74f20a3+", "another type"),
    ],
)
def test_a_verifier_key_that_is_none_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_verifier(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\tb", "a\u0085b", "a\x01b", "\ud800"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"the name of a key|half of a surrogate pair"):
        Signer(name, OURS.key)


def test_a_note_is_signed_with_one_key_or_several() -> None:
    assert sign(TEXT, [SIGNER]) == f"{TEXT}\n{PETER_LINE}"
    note = sign(TEXT, [OURS, SIGNER])
    assert note.startswith(f"{TEXT}\n— dossier.example/cases ")
    assert note.endswith(PETER_LINE)
    assert verify(note, [PETER, OURS.verifier]) == Note(TEXT, (OURS.verifier, PETER))
    assert verify(note, [PETER]) == Note(TEXT, (PETER,))


def test_a_signer_shows_no_key() -> None:
    assert repr(SIGNER) == f"Signer(name='PeterNeumann', verifier={PETER!r})"


def test_the_example_of_the_specification_is_verified() -> None:
    assert verify(EXAMPLE, [read_verifier(EXAMPLE_KEY)]).text == "This is an example message.\n"


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    both = f"{TEXT}\n{PETER_LINE}{ENOCH_LINE}"
    assert verify(both, [PETER]) == Note(TEXT, (PETER,))
    assert verify(both, [ENOCH, PETER]) == Note(TEXT, (PETER, ENOCH))
    # A key that shares a name or an id with a known one, but not both, is unknown too.
    namesake = Signer("PeterNeumann", OURS.key)
    assert verify(sign(TEXT, [namesake, SIGNER]), [PETER]) == Note(TEXT, (PETER,))
    same_id = PETER_LINE.replace("PeterNeumann", "Peter")
    assert verify(f"{TEXT}\n{same_id}{PETER_LINE}", [PETER]) == Note(TEXT, (PETER,))


@pytest.mark.parametrize("known", [[], [ENOCH], [Signer("PeterNeumann", OURS.key).verifier]])
def test_a_note_that_no_known_key_has_signed_is_refused(known: list[Verifier]) -> None:
    with pytest.raises(ValueError, match="none of the signatures is of a known key"):
        verify(f"{TEXT}\n{PETER_LINE}", known)


def test_a_known_keys_signature_that_is_not_good_refuses_the_note_whoever_else_signed_it() -> None:
    bad = PETER_LINE.replace("ZJkuBS9UG", "ZJkuBS9UH")
    for signatures in (bad, bad + ENOCH_LINE, ENOCH_LINE + bad, PETER_LINE + bad):
        with pytest.raises(ValueError, match=r"the signature of PeterNeumann\+c74f20a3 is not good"):
            verify(f"{TEXT}\n{signatures}", [PETER, ENOCH])
    assert verify(f"{TEXT}\n{bad}{ENOCH_LINE}", [ENOCH]) == Note(TEXT, (ENOCH,))
    with pytest.raises(ValueError, match="is not good"):
        verify(f"{TEXT.replace('think', 'thank')}\n{PETER_LINE}", [PETER])
    with pytest.raises(ValueError, match="is not good"):  # a signature of another length
        verify(f"{TEXT}\n— PeterNeumann {base64_of(PETER.id + bytes(63))}\n", [PETER])


def test_two_known_keys_of_one_name_and_id_are_refused() -> None:
    other = replace(OURS.verifier)
    object.__setattr__(other, "name", PETER.name)
    object.__setattr__(other, "id", PETER.id)
    with pytest.raises(ValueError, match=r"there are two keys PeterNeumann\+c74f20a3"):
        verify(f"{TEXT}\n{PETER_LINE}", [PETER, other])
    assert verify(f"{TEXT}\n{PETER_LINE}{PETER_LINE}", [PETER, PETER]) == Note(TEXT, (PETER,))


def test_up_to_a_hundred_signatures_are_taken() -> None:
    signers = [Signer(f"key{number}", OURS.key) for number in range(101)]
    note = sign(TEXT, signers[:100])
    assert verify(note, [each.verifier for each in signers]).verifiers == tuple(each.verifier for each in signers[:100])
    with pytest.raises(ValueError, match="a note has 101 signatures; 1 to 100 are taken"):
        sign(TEXT, signers)
    with pytest.raises(ValueError, match="a note has 101 signatures; 100 are taken"):
        verify(note + PETER_LINE, [PETER])
    with pytest.raises(ValueError, match="a note has 0 signatures; 1 to 100 are taken"):
        sign(TEXT, [])


@pytest.mark.parametrize("text", ["", "abc", "abc\n\nabc", "abc\r\n", "\x01\n", "\ud800\n", "a\tb\n"])
def test_a_text_that_can_not_be_signed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"the end of a line|half of a surrogate pair"):
        sign(text, [SIGNER])


@pytest.mark.parametrize(
    ("fault", "note"),
    [
        *(
            ("a note is a text, an empty line, and lines that each have a signature and an end", each)
            for each in (
                "",
                "\n",
                PETER_LINE,
                f"\n{PETER_LINE}",
                TEXT,
                f"{TEXT}\n",
                f"{TEXT}{PETER_LINE}",
                f"{TEXT}\n{PETER_LINE[:-1]}",
                f"{TEXT}\n{PETER_LINE}\n",
            )
        ),
        *(
            ("a signature is a dash, a name and base64, with spaces between", each)
            for each in (
                f"{TEXT}\n{PETER_LINE}Unexpected line.\n",
                f"{TEXT}\nUnexpected line.\n{PETER_LINE}",
                f"{TEXT}\n{PETER_LINE}- EnochRoot {ENOCH_64}\n",
                f"{TEXT}\n{PETER_LINE}—EnochRoot {ENOCH_64}\n",
                f"{TEXT}\n{PETER_LINE}— EnochRoot\n",
            )
        ),
        *(
            ("there is a control character that is not the end of a line", each)
            for each in (
                f"\x01{TEXT}\n{PETER_LINE}",
                f"{TEXT}\n{PETER_LINE}".replace("\n", "\r\n"),
            )
        ),
        *(("there is half of a surrogate pair, which is no text", each) for each in (f"\ud800{TEXT}\n{PETER_LINE}",)),
        *(
            ("the name of a key is empty, or has a space, a plus sign or a control character", each)
            for each in (
                f"{TEXT}\n{PETER_LINE}— Enoch+Root {ENOCH_64}\n",
                f"{TEXT}\n{PETER_LINE}—  {ENOCH_64}\n",
                f"{TEXT}\n{PETER_LINE}— Enoch\u2003Root {ENOCH_64}\n",
            )
        ),
        *(
            ("there is something that is not base64, or not written as it has to be", each)
            for each in (
                f"{TEXT}\n{PETER_LINE}— Enoch Root {ENOCH_64}\n",
                f"{TEXT}\n{PETER_LINE}— EnochRoot {ENOCH_64} \n",
                f"{TEXT}\n{PETER_LINE}— EnochRoot {ENOCH_64[:-1]}\n",
                f"{TEXT}\n{PETER_LINE}— EnochRoot {ENOCH_64[:-2]}R=\n",
                f"{TEXT}\n{PETER_LINE}— EnochRoot {ENOCH_64}{ENOCH_64}\n",
                f"{TEXT}\n{PETER_LINE}— EnochRoot {ENOCH_64.replace('+', '-')}\n",
            )
        ),
        *(
            ("a signature has a key's id and nothing else", each)
            for each in (
                f"{TEXT}\n{PETER_LINE}— EnochRoot \n",
                f"{TEXT}\n{PETER_LINE}— EnochRoot {base64_of(ENOCH.id)}\n",
            )
        ),
    ],
)
def test_a_malformed_note_is_refused(fault: str, note: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        verify(note, [PETER])


def test_the_last_empty_line_ends_the_text() -> None:
    for text in ("\n", "\n\n", "a\n\n", "a\n\nb\n", f"{TEXT}\n{ENOCH_LINE}", "\x7fé\U0001f600\n"):
        assert verify(sign(text, [SIGNER]), [PETER]) == Note(text, (PETER,))


def test_a_checkpoint_is_written_and_read() -> None:
    checkpoint = Checkpoint("dossier.example/cases", 20852163, ROOT)
    assert checkpoint.text == CHECKPOINT
    assert read_checkpoint(CHECKPOINT) == checkpoint
    assert Checkpoint("a b+c", 0, trees.EMPTY_ROOT, ("one", "— two")).text == (
        "a b+c\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\none\n— two\n"
    )


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        *(
            ("a checkpoint is at least three lines, none of them empty, that each have an end", each)
            for each in (
                "",
                "\n",
                CHECKPOINT[:-1],
                f"{CHECKPOINT}\n",
                f"\n{CHECKPOINT}",
                f"{CHECKPOINT}\nextension\n",
                "dossier.example/cases\n20852163\n",
                CHECKPOINT.replace("dossier.example/cases", ""),
                CHECKPOINT.replace("20852163", ""),
            )
        ),
        *(
            ("there is a control character that is not the end of a line", each)
            for each in (
                CHECKPOINT.replace("\n", "\r\n"),
                CHECKPOINT.replace("dossier", "\t"),
            )
        ),
        *(
            ("a number is not among 0 to 9223372036854775807, or has something before it", each)
            for each in (
                CHECKPOINT.replace("20852163", "020852163"),
                CHECKPOINT.replace("20852163", "00"),
                CHECKPOINT.replace("20852163", "-1"),
                CHECKPOINT.replace("20852163", "+1"),
                CHECKPOINT.replace("20852163", "1.0"),
                CHECKPOINT.replace("20852163", "1 "),
                CHECKPOINT.replace("20852163", " 1"),
                CHECKPOINT.replace("20852163", "1_0"),
                CHECKPOINT.replace("20852163", "\u0661"),
                CHECKPOINT.replace("20852163", "0x1"),
                CHECKPOINT.replace("20852163", str(1 << 63)),
                CHECKPOINT.replace("20852163", "9" * 5_000),
            )
        ),
        *(
            ("there is something that is not base64, or not written as it has to be", each)
            for each in (
                CHECKPOINT.replace("=", ""),
                CHECKPOINT.replace("=", "=="),
                CHECKPOINT.replace("=", "= "),
                CHECKPOINT.replace("I=", "J="),
            )
        ),
        *(
            ("a hash has 31 bytes instead of 32", each)
            for each in (CHECKPOINT.replace(base64_of(ROOT), base64_of(ROOT[1:])),)
        ),
        *(
            ("a hash has 33 bytes instead of 32", each)
            for each in (CHECKPOINT.replace(base64_of(ROOT), base64_of(ROOT + bytes(1))),)
        ),
        *(("a hash has 48 bytes instead of 32", each) for each in (CHECKPOINT.replace(base64_of(ROOT), ROOT.hex()),)),
    ],
)
def test_what_is_no_checkpoint_is_refused(fault: str, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        read_checkpoint(text)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("", 1, ROOT),
        Checkpoint("a\nb", 1, ROOT),
        Checkpoint("a\tb", 1, ROOT),
        Checkpoint("\ud800", 1, ROOT),
        Checkpoint("a", -1, ROOT),
        Checkpoint("a", 1 << 63, ROOT),
        Checkpoint("a", 1, ROOT[1:]),
        Checkpoint("a", 1, ROOT, ("",)),
        Checkpoint("a", 1, ROOT, ("b\n",)),
    ],
)
def test_a_checkpoint_that_has_no_text_is_refused(checkpoint: Checkpoint) -> None:
    with pytest.raises(ValueError, match=r"a line of|a root has|control|surrogate|is not among 0 to"):
        _ = checkpoint.text


HASHES = (sha256(b"1").digest(), sha256(b"2").digest())
NOTE = sign(CHECKPOINT, [OURS])
PROOF = f"c2sp.org/tlog-proof@v1\nindex 73894\n{base64_of(HASHES[0])}\n{base64_of(HASHES[1])}\n\n{NOTE}"


def test_a_proof_is_written_and_read() -> None:
    assert Proof(73894, HASHES, NOTE).text == PROOF
    assert read_proof(PROOF) == Proof(73894, HASHES, NOTE)
    extra = Proof(0, (), NOTE, b"salt")
    assert extra.text == f"c2sp.org/tlog-proof@v1\nextra c2FsdA==\nindex 0\n\n{NOTE}"
    assert read_proof(extra.text) == extra


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        *(
            ("a proof's first line is c2sp.org/tlog-proof@v1", each)
            for each in (
                "",
                PROOF[1:],
                f"\n{PROOF}",
                PROOF.replace("@v1", "@v2"),
            )
        ),
        *(
            ("a proof has no index where it belongs", each)
            for each in (
                "c2sp.org/tlog-proof@v1",
                PROOF.replace("index 73894\n", ""),
                PROOF.replace("index", "Index"),
                PROOF.replace("index", "extra\nindex"),
                PROOF.replace("index", "extra c2FsdA==\nextra c2FsdA==\nindex"),
            )
        ),
        *(
            ("a number is not among 0 to 9223372036854775807, or has something before it", each)
            for each in (
                PROOF.replace("73894", "073894"),
                PROOF.replace("73894", ""),
            )
        ),
        *(
            ("a proof that has nothing extra has a line for it", each)
            for each in (PROOF.replace("index", "extra \nindex"),)
        ),
        *(
            ("there is something that is not base64, or not written as it has to be", each)
            for each in (
                PROOF.replace("index", "extra c2FsdB==\nindex"),
                PROOF.replace("73894", "73894\nindex 73894"),
                PROOF.replace("73894", "73894\nextra c2FsdA=="),
                PROOF.replace("=\n", " =\n", 1),
            )
        ),
        *(
            ("a hash has 31 bytes instead of 32", each)
            for each in (PROOF.replace(base64_of(HASHES[0]), base64_of(HASHES[0][1:])),)
        ),
        *(
            ("a proof is at most 63 hashes of 32 bytes", each)
            for each in (PROOF.replace(base64_of(HASHES[0]), "\n".join([base64_of(HASHES[0])] * 63)),)
        ),
        *(("a proof has no checkpoint", each) for each in (PROOF.partition("\n\n")[0],)),
        *(
            ("a note is a text, an empty line, and lines that each have a signature and an end", each)
            for each in (
                PROOF.partition("\n\n")[0] + "\n\n",
                PROOF.partition("\n\n")[0] + f"\n\n{CHECKPOINT}",
                PROOF[:-1],
                PROOF + "\n",
            )
        ),
        *(
            ("a checkpoint is at least three lines, none of them empty, that each have an end", each)
            for each in (
                PROOF.replace("73894\n", "73894\n\n"),
                PROOF.partition("\n\n")[0] + "\n\n" + sign(TEXT, [OURS]),
            )
        ),
        *(
            ("there is a control character that is not the end of a line", each)
            for each in (PROOF.replace("\n", "\r\n"),)
        ),
    ],
)
def test_what_is_no_proof_is_refused(fault: str, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        read_proof(text)


@pytest.mark.parametrize(
    "proof",
    [
        Proof(-1, (), NOTE),
        Proof(1 << 63, (), NOTE),
        Proof(0, (bytes(31),), NOTE),
        Proof(0, (bytes(32),) * 64, NOTE),
        Proof(0, (), CHECKPOINT),
    ],
)
def test_a_proof_that_has_no_text_is_refused(proof: Proof) -> None:
    with pytest.raises(ValueError, match=r"is not among 0 to|a proof is at most 63 hashes|a note is a text"):
        _ = proof.text


def test_a_proof_is_verified_step_by_step() -> None:
    leaves = [trees.leaf_hash(b"%d" % number) for number in range(2)]
    checkpoint = Checkpoint("dossier.example/cases", 2, trees.node_hash(*leaves))
    proof = read_proof(Proof(1, (leaves[0],), sign(checkpoint.text, [OURS])).text)
    read = read_checkpoint(verify(proof.checkpoint, [OURS.verifier]).text)
    assert read == checkpoint
    trees.verify_inclusion(proof.index, read.size, leaves[1], proof.hashes, read.root)


def gos_answer(given: Mapping[str, object], folder: Path) -> Any:
    """Return what tests/go/main.go says to an input."""
    go, library = shutil.which("go"), Path("/usr/share/gocode")
    if go is None or not (library / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        pytest.skip("Go and Debian's golang-golang-x-mod-dev have to be installed; .ci/services does where it can")
    done = subprocess.run(  # noqa: S603 - Debian's
        [go, "run", Path(__file__).parent / "go" / "main.go"],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "GO111MODULE": "off",
            "GOPATH": str(library),
            "GOCACHE": str(folder),
            "GOFLAGS": "",
            "CGO_ENABLED": "0",
        },
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return json.loads(done.stdout)


@pytest.mark.services
def test_gos_own_library_verifies_what_is_ours_and_signs_what_we_verify(tmp_path: Path) -> None:
    leaves = [b"leaf %d" % number for number in range(40)]
    frontiers, brought = [b""], []
    for size, leaf in enumerate(leaves):
        frontier, nodes = trees.extended(size, frontiers[-1], trees.leaf_hash(leaf))
        frontiers.append(frontier)
        brought.append(nodes)

    def node(level: int, index: int) -> bytes:
        return brought[((index + 1) << level) - 1][32 * level : 32 * level + 32]

    def proof(of: int, size: int, hashes: list[bytes]) -> dict[str, object]:
        return {"of": of, "size": size, "hashes": [base64_of(each) for each in hashes]}

    sizes = range(1, len(leaves) + 1)
    # The origin is the one that Go's own reader of checkpoints takes.
    checkpoints = [Checkpoint("go.sum database tree", size, trees.root(each)) for size, each in enumerate(frontiers)]
    given = {
        "verifier": OURS.verifier.text,
        "leaves": [base64_of(each) for each in leaves],
        "checkpoints": [sign(each.text, [SIGNER, OURS]) for each in checkpoints],
        "inclusions": [
            proof(index, size, trees.inclusion_proof(index, size, node)) for size in sizes for index in range(size)
        ],
        "consistencies": [
            proof(size1, size2, trees.consistency_proof(size1, size2, node))
            for size2 in sizes
            for size1 in range(1, size2 + 1)
        ],
        "name": "go.example/\u00e9",
        "text": checkpoints[-1].text,
    }
    answer = gos_answer(given, tmp_path)
    theirs = read_verifier(answer["verifier"])
    assert theirs.text == answer["verifier"]
    assert verify(answer["note"], [theirs]) == Note(checkpoints[-1].text, (theirs,))
    assert [answer[kind] for kind in ("checkpoints", "inclusions", "consistencies")] == [41, 820, 820]


lines = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[chr(code) for code in range(32)]), min_size=1
)
hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, (1 << 63) - 1)


@settings(deadline=None, database=None)
@given(st.builds(Checkpoint, lines, numbers, hashes, st.lists(lines, max_size=3).map(tuple)))
def test_a_checkpoint_comes_back_as_it_was(checkpoint: Checkpoint) -> None:
    note = verify(sign(checkpoint.text, [OURS]), [OURS.verifier])
    assert read_checkpoint(note.text) == checkpoint


@settings(deadline=None, database=None)
@given(st.builds(Proof, numbers, st.lists(hashes, max_size=63).map(tuple), st.just(NOTE), st.binary(max_size=99)))
def test_a_proof_comes_back_as_it_was(proof: Proof) -> None:
    assert read_proof(proof.text) == proof


@settings(deadline=None, database=None)
@given(st.integers(0, len(PROOF) - 1), st.characters())
def test_a_proof_has_one_text_only(place: int, character: str) -> None:
    changed = PROOF[:place] + character + PROOF[place + 1 :]
    try:
        read = read_proof(changed)
    except ValueError:
        return
    assert read.text == changed
