"""Verify, without Dossier, what `dossier proof` wrote: `python3 verify.py KEY FILE.jsonl [FILE.tlog-proof]`.

KEY is the key that `dossier checkpoint --key` printed, as text, or a file with such keys, one a line. Get it when you
begin to rely on it, and not along with what it is to verify. docs/record.md of Dossier has the forms of both files.

What is proved: that whoever has the key signed a log in which there is this change, or this whole journal, to the byte;
and of a whole journal, that no change is missing between the others, and that each goes on from those before. What
isn't: that what was written down is true, that the clock was right, and that nothing was recorded since.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, BinaryIO, Iterable

Row = dict[Any, Any]
LONGEST = 1_000_000  # bytes of a line of changes, and of a proof; Dossier writes none of half of that


def check(held: Any, sentence: str) -> Any:
    """Return what is true or there; raise ValueError, with a sentence without its end, for all else."""
    if not held:
        raise ValueError(sentence)
    return held


# Ed25519 (RFC 8032). Numbers are modulo P, and points are pairs of them. Nothing here is secret, so time may tell.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # and the order of the base point
D = -121665 * pow(121666, -1, P) % P


def added(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    """Return the sum of two points (section 5.1.4, as fractions)."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def point_of(data: bytes) -> tuple[int, int] | None:
    """Return the point that 32 bytes stand for, None where they don't or others should (section 5.1.3)."""
    number = int.from_bytes(data, "little")
    y, is_odd = number % 2**255, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    is_point = y < P and x * x % P == square and (x or not is_odd)
    return ((x if x % 2 == is_odd else P - x), y) if is_point else None


def is_signed(key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a signature is good (section 5.1.7, by the equation without the cofactor)."""
    point, r, s = point_of(key), signature[:32], int.from_bytes(signature[32:], "little")
    if point is None or len(signature) != 64 or s >= L:  # there would be a second signature for the same
        return False
    k = int.from_bytes(sha512(r + key + message).digest(), "little") % L
    base, minus = point_of((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or (0, 0), (-point[0] % P, point[1])
    terms, total = {(0, 0): (0, 1), (1, 0): base, (0, 1): minus, (1, 1): added(base, minus)}, (0, 1)
    for bit in reversed(range(253)):  # s times base and k times minus, both at once
        total = added(added(total, total), terms[s >> bit & 1, k >> bit & 1])
    return (total[1] | total[0] % 2 << 255).to_bytes(32, "little") == r


# Trees (RFC 9162, section 2.1).
def grown(trees: list[bytes], size: int, top: bytes) -> bytes:
    """Add a leaf's hash to the perfect trees that make up a tree of `size` leaves; return its root (section 2.1.1)."""
    while size & 1:
        size, top = size >> 1, sha256(b"\1" + trees.pop() + top).digest()
    trees.append(top)
    for left in trees[-2::-1]:
        top = sha256(b"\1" + left + top).digest()
    return top


def root_above(node: bytes, index: int, size: int, path: list[bytes], tree: str) -> bytes:
    """Return the root of a tree of `size` leaves in which leaf `index` has this hash (section 2.1.3)."""
    check(index < size, f"{tree} has fewer entries than the one that is to be proved")
    check(size > 1 or not path, f"the proof has more hashes than lead to the root of {tree}")
    if size == 1:
        return node
    check(path, f"the proof has fewer hashes than lead to the root of {tree}")
    half = 1 << (size - 1).bit_length() - 1
    if index < half:
        return sha256(b"\1" + root_above(node, index, half, path[:-1], tree) + path[-1]).digest()
    return sha256(b"\1" + path[-1] + root_above(node, index - half, size - half, path[:-1], tree)).digest()


# The forms. Each has one text for what it says, so that no other bytes can stand for the same.
ID, BASE64 = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[A-Za-z0-9+/]+={0,2}"
AT = "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9][.][0-9]{6}Z"
COUNT, ORIGIN, SALT = "[1-9][0-9]{0,18}", "dossier/[0-9a-f]{16}", "[A-Za-z0-9_-]{21}[AQgw]"
KINDS = "CREATED|UPDATED|DELETED|RESTORED|PURGED|SEALED|UNSEALED|HELD|RELEASED|IMPORTED|EXPORTED|ERASED|REFUSED"
LEAF = re.compile(
    f'{{"at":"(?P<at>{AT})","by":"(?P<by>{ID})","case":"(?P<case>{ID})","digest":"(?P<digest>[0-9a-f]{{64}})"'
    f'(?:,"event":"(?P<event>{ID})")?,"kind":"(?P<kind>{KINDS})"(?:,"request":"[A-Za-z0-9_-]{{16,64}}")?'
    f',"row":"(?P<row>{ID})","seq":(?P<seq>{COUNT}),"type":"(?P<type>CASE|EVENT|FILE_BATCH|COMMENT|MEMBER|HOLD)","v":1'
    f'(?:,"version":(?P<version>{COUNT}))?}}'
)
PROOF = re.compile(
    f"c2sp[.]org/tlog-proof@v1\nextra (?P<extra>{BASE64})\nindex (?P<index>0|{COUNT})\n"
    f"(?P<path>(?:{BASE64}\n){{0,63}})\n(?P<checkpoint>(?P<origin>{ORIGIN})\n(?P<size>{COUNT})\n(?P<root>{BASE64})\n)\n"
    f"(?P<signatures>(?:\u2014 [^+\\s\0-\x1f\ud800-\udfff]+ {BASE64}\n){{1,100}})"
)
EXTRA = re.compile(f'{{"at":"({AT})","salt":"({SALT})","size":({COUNT})}}')
NEW, LEAVING = ("CREATED", "HELD", "IMPORTED"), ("PURGED", "EXPORTED", "ERASED", "REFUSED")
VERSIONED = {"CASE": "title", "EVENT": "title", "FILE_BATCH": "label", "COMMENT": None}  # with what rows are called by
ERASED, UNKNOWN = "[erased]", object()  # which stand for a value that may have been any
KEY = re.compile(f"({ORIGIN})[+]([0-9a-f]{{8}})[+]({BASE64})")


def decoded(text: str) -> bytes:
    """Return what base64 stands for, which is written in one way."""
    check(base64.b64encode(base64.b64decode(text)).decode() == text, "something is not base64 as it has to be written")
    return base64.b64decode(text)


def read_keys(given: str) -> dict[tuple[str, bytes], bytes]:
    """Return the keys in a text, or in the file that it names, by their names and ids."""
    keys, given = {}, given if KEY.fullmatch(given) else Path(given).read_text("ascii", "replace")
    for line in check(given.split(), "there is no key in the file"):
        name, key_id, encoded = check(KEY.fullmatch(line), "it is no key of Dossier's").groups()
        typed = decoded(encoded)
        check(typed[0] == 1 and len(typed) == 33 and point_of(typed[1:]), "it is no key of Ed25519")
        check(sha256(f"{name}\n".encode() + typed).hexdigest()[:8] == key_id, "the key has another id than it should")
        keys[name, bytes.fromhex(key_id)] = typed[1:]
    return keys


def read_proof(file: BinaryIO, keys: Row) -> tuple[re.Match[str], set[str]]:
    """Return the parts of a proof, and which of the keys signed the checkpoint in it."""
    found, signed = PROOF.fullmatch(file.read(LONGEST).decode("utf-8", "surrogateescape")), set()
    check(found and not file.read(1), "the proof is not of the form that it should have")
    for line in found["signatures"].split("\n")[:-1]:
        name, signature = line.split(" ")[1], decoded(line.split(" ")[2])
        if key := keys.get((name, signature[:4])):  # others may sign too
            check(is_signed(key, signature[4:], found["checkpoint"].encode()), "the signature of the log is not good")
            signed.add(f"{name}+{signature[:4].hex()}")
    return found, check(signed, "the log is not signed by the key")


def read_said(line: bytes) -> tuple[str | None, dict[str, list[Any]]] | None:
    """Return what a change says, the row's label and its fields; None if it can't. It, too, has one form."""
    try:
        salt, label, reason, fields = said = json.loads(line.decode())
        is_one = json.dumps(said, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() == line
        are_texts = re.fullmatch(SALT, salt) and all(isinstance(each, (str, type(None))) for each in (label, reason))
        fits = all(re.fullmatch("[A-Za-z]{1,50}", key) and [pair[0], pair[1]] == pair for key, pair in fields.items())
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None
    return (label, fields) if is_one and are_texts and fits else None


def read_changes(file: BinaryIO) -> Iterable[tuple[bytes, Row, Any]]:
    """Iterate over the changes in a file: the leaf, its parts, and what it says, None where that isn't there."""
    before: Row = {}
    while leaf := file.readline(LONGEST):
        said, after = file.readline(LONGEST), f"what follows change {before['seq']}" if before else "the first change"
        check(leaf[-1:] == said[-1:] == b"\n", f"{after} is too long, or not all of it is here")
        found = LEAF.fullmatch(leaf[:-1].decode("ascii", "replace"))
        entry: Row = check(found, f"{after} is not of the form of a leaf").groupdict()
        what = f"change {entry['seq']}"
        entry.update(seq=int(entry["seq"]), version=int(entry["version"] or 0), what=what)
        if before:
            check(entry["case"] == before["case"], f"{what} is of another case than those before")
            check(entry["seq"] == before["seq"] + 1, f"{what} stands behind change {before['seq']}")
            check(entry["at"] >= before["at"], f"{what} was made earlier than the one before it")
        own = {"EVENT": entry["row"], "FILE_BATCH": entry["event"] or 1, "COMMENT": entry["event"]}.get(entry["type"])
        check(entry["event"] == own, f"{what} doesn't name the event that its row is, or is on, and no other")
        check(entry["type"] != "CASE" or entry["row"] == entry["case"], f"{what} is about another case")
        has_version = entry["type"] in VERSIONED and entry["kind"] not in LEAVING
        check((entry["version"] > 0) == has_version, f"{what} lacks a version, or has one too many")
        content, digest = read_said(said[:-1]), sha256(said[:-1]).hexdigest()
        check(content or said == b"null\n", f"what {what} says is not of the form that it should have")
        entry["left"] = digest if content and digest != entry["digest"] else None  # of what was not erased
        yield leaf[:-1], entry, content
        before = entry


def follow(rows: dict[str, Row], gone: Row, entry: Row, content: Any) -> None:
    """Do with the rows as a change says; note in `gone` which it purged, and what is left of changes that it erased."""
    what, kind, type_, version = entry["what"], entry["kind"], entry["type"], entry["version"]
    row = rows.setdefault(entry["row"], {"type": type_, "event": entry["event"], "gone": True, "label": UNKNOWN})
    check((row["type"], row["event"]) == (type_, entry["event"]), f"{what} has another type or event than its row")
    (label, told), makes = content or (None, {}), kind in (*NEW, "RESTORED")
    if kind in LEAVING:
        left, called = told.get("erased", [None, {}])[1], None if row["gone"] else row["label"]
        check(label is None or called in (label, UNKNOWN), f"{what} calls its row what it wasn't called")
        is_so = isinstance(left, dict) and all(before is None for before, _ in told.values())
        check(is_so, f"{what} says what it is about in another form than it should")
        went = re.findall(ID, f"{entry['row']}{told.get('comments')}")  # those that were on a batch go with it
        gone.update(dict.fromkeys(went) if kind == "PURGED" else left)
        return
    is_free = type_ not in VERSIONED or kind == "UNSEALED" or (type_ == "CASE" and {*told} <= {"retainUntil"})
    check(is_free or not rows.get(entry["case"], {}).get("sealed"), f"{what} changes what was sealed")
    check(row["gone"] or not makes, f"{what} makes a row that was there already")
    check(makes or not row["gone"], f"{what} is about a row that isn't there")
    check(version <= 1 or kind not in NEW[:2], f"{what} gives a new row another version than the first")
    is_next = kind in NEW or version == row.get("version", -1) + (type_ in VERSIONED and kind != "DELETED")
    check(is_next, f"{what} gives its row another version than the next")
    row.update({"createdAt": entry["at"], "createdBy": entry["by"]} if kind in NEW else {})
    known, was = (True, {}) if makes else (row["known"], row["fields"])
    fields = dict(was) if content else {}
    row.update(updatedAt=entry["at"], updatedBy=entry["by"], version=version, gone=kind == "DELETED")
    row.update({"sealed": kind == "SEALED"} if kind in ("SEALED", "UNSEALED") else {})
    row.update(fields=fields, known=known and content is not None)
    if content is None:
        row["label"] = row["label"] if type_ == "MEMBER" else UNKNOWN
        return
    check(kind != "SEALED" or told.get("sealRoot") == [None, entry["root"]], f"{what} seals another journal")
    if kind == "IMPORTED":
        row.update({name: told.pop(name)[1] for name in list(told) if name[:7] in ("created", "updated")})
    for name, pair in told.items():
        before, fields[name] = (UNKNOWN if entry["left"] and value == ERASED else value for value in pair)
        expected = was.get(name, None if known else UNKNOWN)
        is_so = UNKNOWN in (before, expected) or json.dumps(before) == json.dumps(expected)
        check(is_so, f"{what} says that {name} was something else than it was")
    check(kind != "DELETED" or all(each is None for each in fields.values()), f"{what} doesn't say all that is lost")
    called = (was if row["gone"] else fields).get(VERSIONED.get(type_, "name"), None if known else UNKNOWN)
    called = row["label"] if type_ == "MEMBER" else called
    check(called in (label, UNKNOWN) or (entry["left"] and not label), f"{what} calls its row something else")
    row["label"] = called if label is None else label


def prove(keys: Row, changes: BinaryIO, proof: BinaryIO) -> tuple[list[str], list[Row]]:
    """Return what is proved, as sentences, and of a whole journal the rows that it leaves. Raises ValueError."""
    log, signed = read_proof(proof, keys)
    extra, _, hashes = decoded(log["extra"]).partition(b"\n")
    about = EXTRA.fullmatch(extra.decode("ascii", "replace")) if len(hashes) % 32 == 0 else None
    since, salt, size = check(about, "what the proof says of the journal is not of the form it should have").groups()
    size, path = int(size), [hashes[start : start + 32] for start in range(0, len(hashes), 32)]
    trees, root, rows, fault, count, odd, gone = [], b"", {}, None, 0, [], {}
    for leaf, entry, content in read_changes(changes):
        node, entry["root"] = sha256(b"\0" + leaf).digest(), root.hex()
        root, count = grown(trees, count, node), count + 1
        odd += [entry] if content is None or entry["left"] else []  # of which later ones have to tell
        try:
            fault or follow(rows, gone, entry, content)
        except ValueError as error:
            fault = error  # told only where these are the bytes that were signed
    if check(count, "there is no change in the file") == 1 < size:
        root = root_above(node, entry["seq"] - 1, size, path, "the journal")
    else:
        check(count == entry["seq"] == size, f"the file doesn't have all of the {size} changes of the journal")
        check(not path, "the proof has hashes that a whole journal has no need of")
    case = sha256((salt + entry["case"]).encode()).hexdigest()
    head = f'{{"at":"{since}","case":"{case}","kind":"CASE","root":"{root.hex()}","size":{size},"v":1}}'.encode()
    path = [decoded(line) for line in log["path"].split()]
    top = root_above(sha256(b"\0" + head).digest(), int(log["index"]), int(log["size"]), path, "the log")
    check(top == decoded(log["root"]), "this is not what was signed: the hashes lead to another root of the log")
    told = f"{entry['kind']} {entry['type']} {entry['row']}, made at {entry['at']} by user {entry['by']}."
    sentences, left = [f"Change {entry['seq']} of case {entry['case']} is in the record: {told}"], []
    if count == size:
        check(fault is None, f"this is what was signed, but it contradicts itself: {fault}")
        left = [{"id": key, **row} for key, row in rows.items() if not row.pop("gone") and entry["case"] not in gone]
        sentences = [f"All {size} changes of case {entry['case']} are in the record; the last one is {told}"]
        sentences.append(f"Each goes on from those before it; they leave {len(left)} rows.")
    for each in odd:
        is_so = each["left"] in (None, gone.get(str(each["seq"])))
        check(is_so, f"{each['what']} has another digest than what it says")
    unsaid = [{each["row"], each["event"], each["case"]} for each in odd if not each["left"]]
    purged = [each for each in unsaid if not each.isdisjoint(gone)]
    missing = len(unsaid) - len(purged), "is not here: it was erased, or left out of the file"
    for number, why in ((len(purged), "was purged"), (len(odd) - len(unsaid), "was erased in part"), missing):
        sentences += [f"What {number} of {count} said {why}."] if number else []
    sentences.append(f"Its journal of {size} changes became entry {int(log['index']) + 1} of the log at {since}.")
    sentences.append(f"The log {log['origin']}, of {log['size']} entries, is signed by {', '.join(sorted(signed))}.")
    return sentences, left


def main() -> int:
    """Do as the command line says, and return the exit code."""
    parser = argparse.ArgumentParser(epilog="Exit codes: 0 when all of it is proved; 1 when not; 2 for misuse.")
    parser.add_argument("key", metavar="KEY", help="what 'dossier checkpoint --key' printed, or a file with it")
    parser.add_argument("changes", metavar="FILE.jsonl", type=Path, help="a change, or a whole journal")
    parser.add_argument("proof", metavar="FILE.tlog-proof", type=Path, nargs="?", help="by default beside FILE.jsonl")
    parser.add_argument("--state", action="store_true", help="print as JSON the rows that a whole journal leaves")
    given = parser.parse_args()
    try:
        keys, changes = read_keys(given.key), given.changes.open("rb")
        proof = (given.proof or given.changes.with_suffix(".tlog-proof")).open("rb")
    except (OSError, ValueError) as error:
        parser.error(str(error))
    try:
        sentences, rows = prove(keys, changes, proof)
    except (OSError, ValueError) as error:
        sys.exit(f"Not proved: {error}.")
    print(*sentences, sep="\n", file=sys.stderr if given.state else sys.stdout)
    for row in rows if given.state else ():
        print(json.dumps(row, default=lambda _: ERASED))
    return 0


if __name__ == "__main__":
    sys.exit(main())
