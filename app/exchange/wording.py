"""How a report says things, whatever it is written in: times, sizes, states, and the facts about a row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from app.exchange.rows import Row

# How much of 2026-03-01T09:30:00.000000Z a precision has; EXACT has all of it.
_LENGTHS = {"MINUTE": 16, "DAY": 10, "MONTH": 7, "YEAR": 4}
_DATES = {"DAY", "MONTH", "YEAR"}
_BEGINNING = "0000-01-01T00:00:00.000000Z"
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
# Controls, and what turns the direction of what follows: they could have a reader see another text than was written.
# Other marks of direction and joiners are part of how languages are written.
ACTING = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that act or deceive and are not seen: a report names them."""
STATUSES = {
    "OPEN": "open: work has yet to begin",
    "ACTIVE": "active: it is being worked on",
    "CLOSED": "closed: nothing in the case changes until it has another status again",
}
"""What the status of a case means."""


def lines(text: str) -> str:
    r"""Return a text whose line breaks are all LF; a CR that breaks no line stays."""
    return text.replace("\r\n", "\n")


def name_of(character: str) -> str:
    """Return how a character is named that can't be shown, as `U+202E`."""
    return f"U+{ord(character):04X}"


def named(text: str) -> str:
    """Return a text in which each character that acts is named, for where no mark-up can stand."""
    if text.isascii() and text.isprintable():
        return text  # as most are
    return ACTING.sub(lambda found: f"<{name_of(found[0])}>", text)


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun, as `1 file` and `1,204 files`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def size(total: int) -> str:
    """Return a number of bytes to read, and to the byte, as `1.5 KiB (1,536 bytes)`."""
    exact = counted(total, "byte")
    if total < 1024:
        return exact
    value, unit = total / 1024, 0
    # What would be rounded to 1,024.0 is 1.0 of the next.
    while value >= 1023.95 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:,.1f} {_UNITS[unit]} ({exact})"


def clock(time: str) -> str:
    """Return a time of the record to the second, as `2026-03-01 09:30:00 UTC`."""
    return f"{time[:19].replace('T', ' ')} UTC"


def moment(time: str, precision: str) -> str:
    """Return a time of an event no finer than it is known; what is kept of it beyond that is not hidden."""
    known = time[: _LENGTHS.get(precision, len(time))]
    if precision in _DATES:
        if time == known + _BEGINNING[len(known) :]:
            return known
        return f"{_exact(time)} (to the {precision.lower()})"
    whole = precision == "MINUTE" and time == f"{known}:00.000000Z"
    return known.replace("T", " ") if whole else _exact(time)


def span(event: Row) -> tuple[str, str | None]:
    """Return when an event began and, if it lasted, ended: of the same day, the end is its time of day alone."""
    precision = event["timePrecision"]
    start = moment(event["occurredAt"], precision)
    if not event.get("occurredUntil"):
        return start, None
    end, day = moment(event["occurredUntil"], precision), f"{start[:10]} "
    return start, end.removeprefix(day) if start.startswith(day) else end


def event_facts(event: Row) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of an event beside its time, title and description: names and values."""
    yield from _named(event, source="Source", timeKind="Kind of time", utcOffset="Offset at the source")
    yield from _common(event, "entered")


def batch_facts(batch: Row) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of a file batch beside its label and description: names and values."""
    total = batch.get("totalBytes")
    yield "Files", f"{batch['fileCount']:,}"
    if total is not None:
        yield "Size", size(total)
    yield from _named(batch, fileTypes="File types", manifestSha256="Manifest SHA-256")
    yield from _common(batch, "added")


def comment_facts(comment: Row) -> str:
    """Return who wrote a comment and when, and whether it was changed since."""
    written = f"{comment['createdBy']}, {clock(comment['createdAt'])}"
    return f"{written}, changed {clock(comment['updatedAt'])}" if comment.get("edited") else written


def role_of(member: Row, now: str) -> tuple[str, str, str]:
    """Return a member's subject and role, and what limits it as of a moment."""
    limits = [] if member.get("accepted", True) else ["has yet to be taken up"]
    if (end := member.get("expiresAt")) is not None:
        limits.append(f"{'ended' if end <= now else 'ends'} {clock(end)}")
    return member["subject"], str(member["role"]).lower(), "; ".join(limits) or "no end"


def states(case: Row, now: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield what keeps a case as it is, or did: a name for it, a sentence, and the reason that somebody gave."""
    if (seal := case.get("seal")) is not None:
        said = (
            f"sealed since {clock(seal['at'])} by {seal['by']}, at the journal's root {seal['root']}; "
            "nothing in the case changes until an owner breaks the seal"
        )
        yield "Seal", said, seal["reason"]
    for hold in case.get("holds", ()):
        said = f"“{hold['name']}”" + (f" ({hold['reference']})" if hold.get("reference") else "")
        said += f", placed {clock(hold['placedAt'])} by {hold['placedBy']}"
        if hold.get("releasedAt") is None:
            yield "Hold", f"{said}; nothing of the case is deleted while it stands", hold["reason"]
        else:
            said += f"; released {clock(hold['releasedAt'])} by {hold['releasedBy']}: {hold['releaseReason']}"
            yield "Hold, released", said, hold["reason"]
    if (until := case.get("retainUntil")) is not None:
        kept = f"until {clock(until)}; nothing of the case is deleted before"
        yield "To be kept", kept if until > now else f"until {clock(until)}, which is past", None


def value(anything: object) -> str:
    """Return a value of a field as the history says it: texts as they are, all else as JSON, null as `none`."""
    if anything is None:
        return "none"
    return anything if isinstance(anything, str) else json.dumps(anything, ensure_ascii=False)


def subject_of(change: Row) -> str:
    """Return what was changed: its type and, where it has one, its label."""
    on = change["on"]
    kind = str(on["type"]).lower().replace("_", " ")
    return f"{kind} “{on['label']}”" if on.get("label") else kind


def _exact(time: str) -> str:
    """Return a time with all that is kept of it, to the second at least."""
    return (time[:19] + time[19:-1].rstrip("0").removesuffix(".")).replace("T", " ")


def _named(row: Row, **names: str) -> Iterator[tuple[str, str]]:
    for field, name in names.items():
        if row.get(field):
            yield name, row[field]


def _common(row: Row, verb: str) -> Iterator[tuple[str, str]]:
    if row.get("tags"):
        yield "Tags", ", ".join(row["tags"])
    said = f"{clock(row['createdAt'])} by {row['createdBy']}"
    if row["version"] > 1:
        said += f"; changed {clock(row['updatedAt'])} by {row['updatedBy']} (version {row['version']})"
    yield verb.capitalize(), said
    yield "Id", row["id"]


ABOUT_RECORD = (
    "Dossier keeps a journal of every change to the case. The root is that of the tree over its entries (RFC 9162); "
    "while it is the same, so is every entry. A checkpoint signs what all journals of the installation are.",
    "This report is made of what the case says, and is not signed itself: the journal proves what it says. Without "
    "access to Dossier, ask whoever runs it for the two files of step 2, and for the key by another way.",
)
"""What the record is, for those who read a report and no documentation."""


def steps(number: int, journal_size: int) -> Iterator[tuple[str, str]]:
    """Yield how a report of a case is verified: sentences, each with the commands that it takes."""
    yield "Get the key that signs checkpoints, from whoever runs Dossier:", "dossier checkpoint --key > key.txt"
    yield (
        f"Have the journal of the case written with its proof, as case-{number}.jsonl and case-{number}.tlog-proof:",
        f"dossier proof {number}",
    )
    yield (
        "Verify both with clients/verify.py of Dossier, one file that needs nothing but Python; it prints what the "
        "journal leaves, to compare this report with:",
        f"python3 verify.py --state key.txt case-{number}.jsonl",
    )
    yield (
        "Keep the checkpoint above as checkpoint.txt. Whoever runs Dossier can tell by it that nothing of what it "
        "signed was changed since:",
        "dossier verify --since checkpoint.txt",
    )
    yield (
        "That the journal had this root then is told by the API to whoever may see the case:",
        f"case(id: …, asOf: {{ seq: {journal_size} }}) {{ journal {{ size root }} }}",
    )
    yield "docs/record.md of Dossier says how each step is done by hand.", ""
