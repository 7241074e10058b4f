"""Signed notes, checkpoints and proofs as texts, as C2SP has them: signed-note, tlog-checkpoint and tlog-proof.

Everything here is text that has been decoded from UTF-8, its ends of lines as they were. What is read is taken
strictly: one form for each number, hash and key, so that there are no two texts that say the same.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.record.trees import HASH_BYTES

MAX_SIGNATURES = 100  # of a note; at least 16 have to be taken, and some are of several kilobytes
MAX_SIZE = (1 << 63) - 1  # of a tree; both databases can count to it, and so can whoever verifies
MAX_HASHES = 63  # of a proof in a tree of that size
_ED25519 = 1  # the type of a signature
_ID_BYTES = 4
_SIGNED_BY = "— "
_PROOF = "c2sp.org/tlog-proof@v1"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_VERIFIER = re.compile(r"([^+]*)\+([0-9a-f]{8})\+([^\n]*)")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key that verifies signatures, and the name that goes with it; `public` is its 32 bytes. Raises ValueError."""

    name: str
    public: bytes
    id: bytes = field(init=False)
    key: Ed25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_name(self.name)
        object.__setattr__(self, "key", Ed25519PublicKey.from_public_bytes(self.public))
        object.__setattr__(self, "id", sha256(f"{self.name}\n".encode() + self._typed).digest()[:_ID_BYTES])

    @property
    def text(self) -> str:
        """The form in which a key is given to those who are to verify: name, id and key, with plus signs between."""
        return f"{self.name}+{self.id.hex()}+{_encoded(self._typed)}"

    @property
    def _typed(self) -> bytes:
        return bytes((_ED25519,)) + self.public


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that signs notes, and the name that goes with it. Raises ValueError when it is no name."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "verifier", Verifier(self.name, self.key.public_key().public_bytes_raw()))


@dataclass(frozen=True, slots=True)
class Note:
    """A text that at least one known key has signed, and the keys that did."""

    text: str
    verifiers: tuple[Verifier, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its name, how many leaves its tree has, the root of it, and what else it may say."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is to be signed. Raises ValueError when there is none."""
        for line in (self.origin, *self.extensions):
            if not line or "\n" in line:
                raise ValueError("a line of a checkpoint is empty, or more than one")
        if len(self.root) != HASH_BYTES:
            raise ValueError(f"a root has {len(self.root)} bytes instead of {HASH_BYTES}")
        text = "\n".join((self.origin, _number(self.size), _encoded(self.root), *self.extensions, ""))
        _check_characters(text)
        return text


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is in a log: its index, counted from 0, the hashes that prove it, and the checkpoint, a signed note.

    What is in `extra` is signed by nobody.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""

    @property
    def text(self) -> str:
        """What a file of this proof, named `.tlog-proof`, has in it. Raises ValueError when there is no such text."""
        _check_proof(self.hashes)
        read_checkpoint(take_apart(self.checkpoint)[0])
        extra = [f"extra {_encoded(self.extra)}"] if self.extra else []
        hashes = [_encoded(each) for each in self.hashes]
        return "\n".join((_PROOF, *extra, f"index {_number(self.index)}", *hashes, "", self.checkpoint))


def read_verifier(text: str) -> Verifier:
    """Return the key in a text such as `Verifier.text` is. Raises ValueError, which says why, when there is none."""
    match = _VERIFIER.fullmatch(text)
    if match is None:
        raise ValueError("a verifier key is a name, 8 hexadecimal digits and base64, with plus signs between")
    typed = _decoded(match[3])
    if typed[:1] != bytes((_ED25519,)):
        raise ValueError("a verifier key is of another type than Ed25519")
    verifier = Verifier(match[1], typed[1:])
    if verifier.id.hex() != match[2]:
        raise ValueError("a verifier key has another id than its name and key make")
    return verifier


def sign(text: str, signers: Iterable[Signer]) -> str:
    """Return the note of a text, which ends with its last line's end, that these keys sign. Raises ValueError."""
    _check_characters(text)
    if not text.endswith("\n"):
        raise ValueError("the text of a note does not end with the end of a line")
    data = text.encode()
    signatures = [
        f"{_SIGNED_BY}{signer.name} {_encoded(signer.verifier.id + signer.key.sign(data))}\n" for signer in signers
    ]
    if not 0 < len(signatures) <= MAX_SIGNATURES:
        raise ValueError(f"a note has {len(signatures)} signatures; 1 to {MAX_SIGNATURES} are taken")
    return f"{text}\n{''.join(signatures)}"


def verify(note: str, known: Iterable[Verifier]) -> Note:
    """Return what a note says, once it is known who signed it. Raises ValueError, which says why, when it isn't.

    Signatures of unknown keys are passed over. One of a known key that is not good refuses the note, whoever else
    signed it; and at least one has to be good.
    """
    keys = _by_name(known)
    text, signatures = take_apart(note)
    data = text.encode()
    good: dict[Verifier, None] = {}  # in the order of the signatures
    for name, key_id, signature in signatures:
        verifier = keys.get((name, key_id))
        if verifier is None:
            continue
        try:
            verifier.key.verify(signature, data)
        except InvalidSignature:
            raise ValueError(f"the signature of {name}+{key_id.hex()} is not good") from None
        good[verifier] = None
    if not good:
        raise ValueError("none of the signatures is of a known key")
    return Note(text, tuple(good))


def _by_name(known: Iterable[Verifier]) -> dict[tuple[str, bytes], Verifier]:
    keys: dict[tuple[str, bytes], Verifier] = {}
    for verifier in known:
        if keys.setdefault((verifier.name, verifier.id), verifier) != verifier:
            raise ValueError(f"there are two keys {verifier.name}+{verifier.id.hex()}")
    return keys


def take_apart(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Return a note's text and, of each signature, the name, the key's id and the signature itself.

    Nothing in it is to be believed before `verify` has returned. Raises ValueError when it is no note.
    """
    _check_characters(note)
    text, blank, block = note.rpartition("\n\n")
    lines = block.split("\n")
    if not blank or lines.pop() or not lines:
        raise ValueError("a note is a text, an empty line, and lines that each have a signature and an end")
    if len(lines) > MAX_SIGNATURES:
        raise ValueError(f"a note has {len(lines)} signatures; {MAX_SIGNATURES} are taken")
    return f"{text}\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(_SIGNED_BY).partition(" ")
    if not space or not line.startswith(_SIGNED_BY):
        raise ValueError("a signature is a dash, a name and base64, with spaces between")
    _check_name(name)
    decoded = _decoded(encoded)
    if len(decoded) <= _ID_BYTES:
        raise ValueError("a signature has a key's id and nothing else")
    return name, decoded[:_ID_BYTES], decoded[_ID_BYTES:]


def read_checkpoint(text: str) -> Checkpoint:
    """Return what the text of a note says of a log. Raises ValueError when it is no checkpoint."""
    _check_characters(text)
    lines = text.split("\n")
    if lines.pop() or len(lines) < 3 or not all(lines):
        raise ValueError("a checkpoint is at least three lines, none of them empty, that each have an end")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, _read_number(size), _read_hash(root), tuple(extensions))


def read_proof(text: str) -> Proof:
    """Return what a text such as `Proof.text` says. Raises ValueError when it is no such text.

    Nothing in it is to be believed before `verify` has returned for the checkpoint, with a key that belongs to its
    origin, and `trees.verify_inclusion` for the rest.
    """
    _check_characters(text)
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if lines.pop(0) != _PROOF:
        raise ValueError(f"a proof's first line is {_PROOF}")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0).removeprefix("extra "))
        if not extra:
            raise ValueError("a proof that has nothing extra has a line for it")
    if not lines or not lines[0].startswith("index "):
        raise ValueError("a proof has no index where it belongs")
    index = _read_number(lines.pop(0).removeprefix("index "))
    hashes = tuple(_read_hash(line) for line in lines)
    _check_proof(hashes)
    if not blank:
        raise ValueError("a proof has no checkpoint")
    read_checkpoint(take_apart(checkpoint)[0])
    return Proof(index, hashes, checkpoint, extra)


def _check_proof(hashes: Sequence[bytes]) -> None:
    if len(hashes) > MAX_HASHES or any(len(each) != HASH_BYTES for each in hashes):
        raise ValueError(f"a proof is at most {MAX_HASHES} hashes of {HASH_BYTES} bytes")


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        raise ValueError("the name of a key is empty, or has a space, a plus sign or a control character")
    _check_unicode(name)


def _check_characters(text: str) -> None:
    if _CONTROL.search(text):
        raise ValueError("there is a control character that is not the end of a line")
    _check_unicode(text)


def _check_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("there is half of a surrogate pair, which is no text") from None


def _number(value: int) -> str:
    if not 0 <= value <= MAX_SIZE:
        raise ValueError(f"{value} is not among 0 to {MAX_SIZE}")
    return str(value)


def _read_number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_SIZE:
        raise ValueError(f"a number is not among 0 to {MAX_SIZE}, or has something before it")
    return int(text)


def _read_hash(text: str) -> bytes:
    decoded = _decoded(text)
    if len(decoded) != HASH_BYTES:
        raise ValueError(f"a hash has {len(decoded)} bytes instead of {HASH_BYTES}")
    return decoded


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str) -> bytes:
    """Return what base64 stands for (RFC 4648, section 4). Raises ValueError unless it is written the only right way.

    Python skips what stands after the padding, and bits that the last character has too many.
    """
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        decoded = None
    if decoded is None or _encoded(decoded) != text:
        raise ValueError("there is something that is not base64, or not written as it has to be")
    return decoded
