"""A report as Markdown, of CommonMark alone: what people wrote stays text, and no mark-up of theirs comes about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from app.exchange import wording
from app.exchange.drawing import Histogram, columns
from app.exchange.report import Place, Report
from app.exchange.rows import Row

_WIDE: Final = 50  # characters of the longest bar
# What begins something wherever it stands, here or in the dialects, which have tables, mathematics, struck-out text,
# and links of what is an address.
_MARK: Final = re.compile(r"[\\`*_#\[\]<|~$@]|&(?=[#\w])|:(?=//)|(?<=[Mm][Aa][Ii][Ll][Tt][Oo]):|(?<=[Ww]{3})\.")
# What begins something at the beginning of a line: quotations, lists, lines across and below, definitions.
_FIRST: Final = re.compile(r"\A(?=[+:=>-])|\A(\d+)(?=[.)])")
_BLANKS: Final = " \t"


class Markdown(Report):
    """A report as Markdown."""

    media_type: ClassVar[str] = "text/markdown; charset=utf-8"

    def _head(self) -> Iterator[str]:
        case = self.source.case
        yield f"# Case {int(case['number'])}: {_inline(case['title'])}\n\n"
        facts = [("Reference", case["reference"])] if case.get("reference") else []
        facts.append(("Status", wording.STATUSES[case["status"]]))
        for name, said, reason in wording.states(case, self.source.made_at):
            facts.append((name, said + (f". Reason: {reason}" if reason else "")))
        facts += [("Tags", ", ".join(case["tags"]))] if case.get("tags") else []
        facts.append(("Opened", f"{wording.clock(case['createdAt'])} by {case['createdBy']}"))
        facts.append(
            ("Changed", f"{wording.clock(case['updatedAt'])} by {case['updatedBy']} (version {case['version']})")
        )
        facts.append(("Id", case["id"]))
        facts.append(("This report", f"made {wording.clock(self.source.made_at)} by {self.source.made_by}"))
        yield _list(facts)
        yield "\n## Description\n\n"
        yield _prose(case["description"], "") if case.get("description") else "There is none.\n"

    def _section_head(self, section: str) -> Iterator[str]:
        match section:
            case "comments":
                yield "\n## Comments on the case\n"
            case "timeline":
                yield "\n## Timeline\n"
                if self.source.histogram is not None and self.source.histogram.total:
                    yield from _drawing(self.source.histogram)
            case _:
                yield "\n## History\n"

    def _event_head(self, event: Row) -> Iterator[str]:
        start, end = wording.span(event)
        when = start if end is None else f"{start} to {end}"
        yield f"\n### {_inline(when)} UTC: {_inline(event['title'])}\n\n"
        yield _list([(f"Event {self.events:,}", str(event["type"]).lower()), *wording.event_facts(event)])
        if event.get("description"):
            yield "\n" + _prose(event["description"], "")

    def _batches_head(self) -> Iterator[str]:
        yield "\nFile batches:\n"

    def _batch_head(self, batch: Row) -> Iterator[str]:
        yield f"\n- **{_inline(batch['label'])}**\n\n{_list(wording.batch_facts(batch), '  ')}"
        if batch.get("description"):
            yield "\n" + _prose(batch["description"], "  ")

    def _comments_head(self) -> Iterator[str]:
        return iter(())

    def _comment(self, comment: Row) -> Iterator[str]:
        indent = "  " if Place.BATCH in self._open else ""
        yield f"\n{indent}Comment of {_inline(wording.comment_facts(comment))}:\n\n{_prose(comment['text'], indent)}"

    def _change(self, change: Row) -> Iterator[str]:
        done = f"{str(change['change']).lower()} {wording.subject_of(change)}"
        yield f"\n- {change['seq']}, {_inline(wording.clock(change['at']))}, {_inline(change['by'])}: {_inline(done)}\n"
        if change.get("reason"):
            yield f"  - Reason: {_inline(change['reason'])}\n"
        for each in change.get("fields", ()):
            before, after = wording.value(each.get("before")), wording.value(each.get("after"))
            yield f"  - {_inline(each['name'])}: {_inline(before)} → {_inline(after)}\n"

    def _ending(self, place: Place) -> str:
        is_empty = place is Place.SECTION and self._section == "timeline" and not self.events
        return "\nThere are no events.\n" if is_empty else ""

    def _members(self) -> Iterator[str]:
        yield "\n## Members\n\n"
        for member in self.source.case.get("members", ()):
            subject, role, limits = wording.role_of(member, self.source.made_at)
            yield f"- {role}: {_inline(subject)}; {limits}\n"

    def _record(self) -> Iterator[str]:
        source = self.source
        yield "\n## Record and verification\n\n"
        said = f"{source.journal_size:,} in the journal of the case when this report was made"
        yield _list([("Changes", said), ("Root", source.journal_root)])
        for paragraph in wording.ABOUT_RECORD:
            yield f"\n{_inline(paragraph)}\n"
        if source.checkpoint is not None:
            yield f"\n### Checkpoint\n\n{_fenced(source.checkpoint)}"
        yield "\n### How to verify\n"
        for number, (sentence, command) in enumerate(wording.steps(source.case["number"], source.journal_size), 1):
            yield f"\n{number}. {_inline(sentence)}\n" + (f"\n{_fenced(command, '   ')}" if command else "")


def _drawing(histogram: Histogram) -> Iterator[str]:
    """Yield how many events there are over time, as bars of text."""
    step, found = columns(histogram)
    most = max(count for _, _, count in found)
    bars = (
        f"{step.label(begins)}  {'#' * max(1, round(_WIDE * count / most))} {count:,}" for begins, _, count in found
    )
    yield f"\nEvents by the {step.name} in which they began, times in UTC, without those in which there were none.\n\n"
    yield _fenced("\n".join(bars))


def _inline(text: str) -> str:
    """Return a text as it stands within a line, behind other words: each of its lines behind the one before."""
    return _escaped(wording.named(wording.lines(text)).replace("\n", " ").strip())


def _prose(text: str, indent: str) -> str:
    """Return a text as a quotation, with its line breaks and blank lines."""
    lines = [line.rstrip(_BLANKS) for line in wording.named(wording.lines(text)).split("\n")]
    written = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        body = line.lstrip(_BLANKS)
        # Blanks that begin a line would be lost, or make code of it.
        margin = "&nbsp;" * len(line[: len(line) - len(body)].expandtabs(4))
        breaks = "\\" if body and following else ""
        written.append(f"{indent}> {margin}{_begun(body)}{breaks}".rstrip(_BLANKS))
    return "\n".join(written) + "\n"


def _escaped(text: str) -> str:
    """Return a text in which nothing is mark-up, unless it begins a line."""
    return _MARK.sub(r"\\\g<0>", text)


def _begun(line: str) -> str:
    """Return a line in which nothing is mark-up."""
    return _FIRST.sub(r"\g<1>\\", _escaped(line))


def _list(facts: Iterable[tuple[str, str]], indent: str = "") -> str:
    return "".join(f"{indent}- {name}: {_inline(said)}\n" for name, said in facts)


def _fenced(text: str, indent: str = "") -> str:
    """Return a text as code: its fence is longer than any in it."""
    shown = wording.named(wording.lines(text)).removesuffix("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return "".join(f"{indent}{line}\n" for line in (fence, *shown.split("\n"), fence))
