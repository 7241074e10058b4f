"""A report as one file of HTML, which holds all that it needs, runs nothing and fetches nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import ClassVar, Final

import segno

from app.exchange import wording
from app.exchange.drawing import draw
from app.exchange.report import Place, Report
from app.exchange.rows import Row

_STYLE: Final = re.sub(
    r"\s*\n\s*", "\n", Path(__file__).with_name("report.css").read_text(encoding="utf-8")
)  # without what nobody reads there
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_MAX_CODE: Final = 2_953  # bytes that the largest QR code takes


class Hypertext(Report):
    """A report as HTML."""

    media_type: ClassVar[str] = "text/html; charset=utf-8"

    def _head(self) -> Iterator[str]:
        case, made_at = self.source.case, self.source.made_at
        name = f"Case {int(case['number'])}"
        yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        yield '<meta name="referrer" content="no-referrer">\n'
        title = wording.named(f"{name}: {case['title']}")
        yield f"<title>{escape(title)}</title>\n"
        # What stands in a style sheet is made of digits alone.
        foot = f'"{name}, as of {_digits(wording.clock(made_at))}"'
        yield f"<style>\n{_STYLE}@page {{ @bottom-left {{ content: {foot}; }} }}\n</style>\n</head>\n<body>\n"
        yield f'<header>\n<p class="kind">Report of case {int(case["number"])}</p>\n<h1>{_inline(case["title"])}</h1>\n'
        yield _list(self._case_facts())
        yield '</header>\n<nav aria-label="Contents"><ul>'
        sections = [("timeline", "Timeline"), ("members", "Members")]
        sections += [("history", "History")] if self.source.has_history else []
        for anchor, title in (*sections, ("record", "Record and verification")):
            yield f'<li><a href="#{anchor}">{title}</a></li>'
        yield '</ul></nav>\n<main>\n<section id="description">\n<h2>Description</h2>\n'
        yield _prose(case["description"]) if case.get("description") else '<p class="none">There is none.</p>\n'
        yield "</section>\n"

    def _case_facts(self) -> Iterator[tuple[str, str]]:
        case = self.source.case
        if case.get("reference"):
            yield "Reference", _inline(case["reference"])
        yield "Status", wording.STATUSES[case["status"]]
        for name, said, reason in wording.states(case, self.source.made_at):
            yield name, _inline(said) + (f". Reason: {_inline(reason)}" if reason else "")
        if case.get("tags"):
            yield "Tags", _tags(case["tags"])
        yield "Opened", f"{wording.clock(case['createdAt'])} by {_inline(case['createdBy'])}"
        yield (
            "Changed",
            f"{wording.clock(case['updatedAt'])} by {_inline(case['updatedBy'])} (version {case['version']})",
        )
        yield "Id", f"<code>{escape(case['id'])}</code>"
        yield "This report", f"made {wording.clock(self.source.made_at)} by {_inline(self.source.made_by)}"

    def _section_head(self, section: str) -> Iterator[str]:
        yield f'<section id="{section}">\n'
        match section:
            case "comments":
                yield "<h2>Comments on the case</h2>\n"
            case "timeline":
                yield "<h2>Timeline</h2>\n"
                yield from self._drawing()
            case _:
                yield "<h2>History</h2>\n"
                yield '<table class="list">\n<caption>Each change of the record, the first one first</caption>\n'
                yield '<thead><tr><th scope="col" class="number">No.</th>'
                yield '<th scope="col" class="when">When (UTC), who</th>'
                yield '<th scope="col">What was done</th></tr></thead>\n<tbody>\n'

    def _drawing(self) -> Iterator[str]:
        if self.source.histogram is not None and self.source.histogram.total:
            drawn, said = draw(self.source.histogram)
            yield f"<figure>\n{drawn}\n<figcaption>{said}.</figcaption>\n</figure>\n"

    def _event_head(self, event: Row) -> Iterator[str]:
        if self.events == 1:
            yield '<table class="list">\n<caption>All events in their order, at times in UTC</caption>\n'
            yield '<thead><tr><th scope="col" class="when">When (UTC)</th>'
            yield '<th scope="col">What happened</th></tr></thead>\n<tbody>\n'
        start, end = wording.span(event)
        kind = str(event["type"]).lower()
        when = f'<time datetime="{escape(event["occurredAt"])}">{escape(start)}</time>'
        if end is not None:
            when += f' &ndash; <time datetime="{escape(event["occurredUntil"])}">{escape(end)}</time>'
        yield f'<tr id="{escape(event["id"])}"><th scope="row" class="when">{when}'
        yield f'<span class="place">event {self.events:,}</span></th>\n'
        yield f'<td><h3><span class="type {escape(kind)}">{escape(kind)}</span> {_inline(event["title"])}</h3>\n'
        if event.get("description"):
            yield _prose(event["description"])
        yield _facts(wording.event_facts(event))

    def _batches_head(self) -> Iterator[str]:
        yield '<ul class="batches" aria-label="File batches">\n'

    def _batch_head(self, batch: Row) -> Iterator[str]:
        yield f'<li id="{escape(batch["id"])}"><p class="label">{_inline(batch["label"])}</p>\n'
        if batch.get("description"):
            yield _prose(batch["description"])
        yield _facts(wording.batch_facts(batch))

    def _comments_head(self) -> Iterator[str]:
        yield '<ul class="comments" aria-label="Comments">\n'

    def _comment(self, comment: Row) -> Iterator[str]:
        yield f'<li>{_prose(comment["text"])}<p class="facts">{_inline(wording.comment_facts(comment))}</p></li>\n'

    def _change(self, change: Row) -> Iterator[str]:
        yield f'<tr><th scope="row" class="number">{change["seq"]:,}</th>'
        when = wording.clock(change["at"]).removesuffix(" UTC")
        yield f'<td class="when"><time>{escape(when)}</time><br>{_inline(change["by"])}</td>'
        yield f"<td><p>{escape(str(change['change']).lower())} {_inline(wording.subject_of(change))}</p>\n"
        if change.get("reason"):
            yield f'<p class="facts">Reason: {_inline(change["reason"])}</p>\n'
        if change.get("fields"):
            yield '<dl class="values">'
            for each in change["fields"]:
                yield f"<dt>{escape(each['name'])}</dt>"
                before, after = wording.value(each.get("before")), wording.value(each.get("after"))
                yield f'<dd><span class="before">{_inline(before)}</span> → {_inline(after)}</dd>'
            yield "</dl>"
        yield "</td></tr>\n"

    def _ending(self, place: Place) -> str:
        match place:
            case Place.COMMENTS | Place.BATCHES:
                return "</ul>\n"
            case Place.BATCH:
                return "</li>\n"
            case Place.EVENT:
                return "</td></tr>\n"
        if self._section == "timeline" and not self.events:
            return '<p class="none">There are no events.</p>\n</section>\n'
        return "</section>\n" if self._section == "comments" else "</tbody>\n</table>\n</section>\n"

    def _members(self) -> Iterator[str]:
        yield '<section id="members">\n<h2>Members</h2>\n<table>\n<caption>Who has a role in the case</caption>\n'
        yield '<thead><tr><th scope="col">Who</th><th scope="col">Role</th><th scope="col">Until</th></tr></thead>\n'
        yield "<tbody>\n"
        for member in self.source.case.get("members", ()):
            subject, role, limits = wording.role_of(member, self.source.made_at)
            yield f'<tr><th scope="row">{_inline(subject)}</th><td>{escape(role)}</td><td>{escape(limits)}</td></tr>\n'
        yield "</tbody>\n</table>\n</section>\n"

    def _record(self) -> Iterator[str]:
        source = self.source
        yield '<section id="record">\n<h2>Record and verification</h2>\n'
        yield _list(
            [
                ("Changes", f"{source.journal_size:,} in the journal of the case when this report was made"),
                ("Root", f"<code>{escape(source.journal_root)}</code>"),
            ]
        )
        for paragraph in wording.ABOUT_RECORD:
            yield f"<p>{escape(paragraph)}</p>\n"
        if source.checkpoint is not None:
            yield f'<div class="checkpoint">\n<div><h3>Checkpoint</h3>\n<pre>{_shown(source.checkpoint)}</pre></div>\n'
            yield f"{_code(source.checkpoint)}</div>\n"
        yield "<h3>How to verify</h3>\n<ol>\n"
        for said, command in wording.steps(source.case["number"], source.journal_size):
            yield f"<li>{escape(said)}" + (f"\n<pre>{escape(command)}</pre>" if command else "") + "</li>\n"
        yield "</ol>\n</section>\n</main>\n</body>\n</html>\n"


def _shown(text: str) -> str:
    """Return a text escaped, with each character that acts named in its place."""
    return wording.ACTING.sub(_mark, escape(wording.lines(text)))


def _mark(found: re.Match[str]) -> str:
    return f'<span class="unseen">{wording.name_of(found[0])}</span>'


def _inline(text: str) -> str:
    """Return a text of somebody's within a line of the report's, whose direction it doesn't change."""
    return f"<bdi>{_shown(text)}</bdi>"


def _prose(text: str) -> str:
    return f'<div class="prose" dir="auto">{_shown(text)}</div>\n'


def _tags(tags: Iterable[str]) -> str:
    return " ".join(f'<span class="tag">{_inline(tag)}</span>' for tag in tags)


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return '<p class="facts">' + " ".join(f"<span>{name}: {_inline(said)}</span>" for name, said in facts) + "</p>\n"


def _list(facts: Iterable[tuple[str, str]]) -> str:
    """Return names with what is said of them, which is HTML already."""
    return "<dl>\n" + "".join(f"<div><dt>{name}</dt><dd>{said}</dd></div>\n" for name, said in facts) + "</dl>\n"


def _digits(text: str) -> str:
    """Return a time as it may stand between quotes in a style sheet, whatever it is."""
    return re.sub(r"[^0-9A-Z: -]", "", text)


def _code(text: str) -> str:
    """Return a QR code of a text as an inline SVG; nothing of what is too long for one."""
    if len(text.encode()) > _MAX_CODE:
        return ""
    drawn = io.BytesIO()
    # Dark on light with a margin in dark mode, too: many readers know no other.
    segno.make(text, error="l", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=False, nl=False, omitsize=True, border=4, dark="#000", light="#fff"
    )
    return drawn.getvalue().decode().replace("<svg ", '<svg role="img" aria-label="The checkpoint as a QR code" ', 1)
