"""Reports of a case: what people wrote is shown as text, each thing in its place, and nothing is run or fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.exchange.drawing import Histogram, columns, draw
from app.exchange.hypertext import Hypertext
from app.exchange.markdown import Markdown
from app.exchange.report import Report, Source
from app.exchange.rows import Row
from app.exchange.wording import ACTING, lines, moment, named, size, span

MOMENT = "2026-03-01T09:30:00.000000Z"
LATER = "2026-03-02T11:00:00.000000Z"
ROOT = "c0ffee42" * 8
CHECKPOINT = "dossier/0f3a5c7be1d24680\n4711\nmB1bJ2sVq0Yt7m3k6cV1kE0pQn5yX8wZ4uRr2hTg9oA=\n\n— dossier/0f3a Az3XaBfW\n"
HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></textarea><svg onload=alert(1)>",
    "<!--", "-->", "<![CDATA[", "&lt;b&gt; &amp;amp; &#60;", "' onmouseover='alert(1)",
    "[x](javascript:alert(1))", "![x](https://tracker.example/x.png)", "<https://example.org>", "[x]: https://e.example",
    "https://example.org/a_b_c www.example.org a@example.org", "| a | b\n| - | - |",
    "`code` ``` ~~~ **bold** _it_ ~~gone~~ $x$", "```\ncode\n```", "# heading", "- item\n+ item\n1. item\n2) item",
    "heading\n===", "heading\n---", "a\n: b", "***", "    indented", "> quoted", "a\\",
    "\\*a\\*", "tail #", "a  \nb", "a\n\n\nb",
    "invoice\u202egnp.exe", "\u2066a\u2069", "a\x00b\x07c\x1bd\x7fe\x85f", "a\rb\r\nc", "\x0c", "\u2028", "\ufeff",
    "عربي", "👩‍🚒", "x" * 30_000, "{{ 7*7 }} ${7*7} {% raw %}", "=1+1", "\u00a0a\u3000",
]  # fmt: skip


def case(**given: Any) -> Row:
    written = {
        "version": 1,
        "createdAt": MOMENT,
        "createdBy": "auditor-1",
        "updatedAt": MOMENT,
        "updatedBy": "auditor-2",
    }
    empty = {"description": None, "reference": None, "retainUntil": None, "seal": None}
    row = {"kind": "CASE", "id": "case", "number": 12, "title": "Payments", "status": "ACTIVE", "tags": []}
    return {**row, **empty, "holds": [], "members": [], **written, **given}


def event(id: str = "event", **given: Any) -> Row:  # noqa: A002 - it is the name of the field
    written = {
        "version": 1,
        "createdAt": MOMENT,
        "createdBy": "auditor-1",
        "updatedAt": MOMENT,
        "updatedBy": "auditor-2",
    }
    row = {"kind": "EVENT", "id": id, "title": f"Title of {id}", "description": None, "type": "FINDING"}
    times = {"occurredAt": MOMENT, "occurredUntil": None, "timePrecision": "EXACT", "sortOrder": 0}
    source = {"source": None, "timeKind": None, "utcOffset": None}
    return {**row, **times, **source, "tags": [], **written, **given}


def batch(id: str, on: str, **given: Any) -> Row:  # noqa: A002
    written = {
        "version": 1,
        "createdAt": MOMENT,
        "createdBy": "auditor-1",
        "updatedAt": MOMENT,
        "updatedBy": "auditor-2",
    }
    row = {"kind": "FILE_BATCH", "id": id, "eventId": on, "label": f"Label of {id}", "description": None}
    files = {"fileCount": 7, "totalBytes": None, "fileTypes": None, "manifestSha256": None, "sortOrder": 0}
    return {**row, **files, "tags": [], **written, **given}


def comment(id: str, on: str, **given: Any) -> Row:  # noqa: A002
    row = {"kind": "COMMENT", "id": id, "on": on, "text": f"Text of {id}", "edited": False, "version": 1}
    return {**row, "createdAt": MOMENT, "createdBy": "auditor-1", "updatedAt": LATER, **given}


def change(seq: int, **given: Any) -> Row:
    row = {"kind": "CHANGE", "seq": seq, "at": MOMENT, "by": "auditor-1", "change": "UPDATED", "reason": None}
    return {**row, "on": {"type": "FILE_BATCH", "id": "b", "label": "Logs", "version": 2}, "fields": [], **given}


def source(row: Row | None = None, **given: Any) -> Source:
    rest = {"histogram": None, "journal_size": 812, "journal_root": ROOT, "checkpoint": CHECKPOINT}
    return Source(row or case(), LATER, "auditor-2", **{**rest, **given})


def written(report: Report, chunks: Iterable[Sequence[Row]]) -> bytes:
    """Return a whole report, of the lists in which its rows come."""
    begun = report.start(report.source.case)
    return b"".join([begun, *map(report.rows, chunks), *report.end()])


def html(rows: Sequence[Row] = (), row: Row | None = None, **given: Any) -> str:
    return written(Hypertext(source(row, **given)), [rows]).decode()


def markdown(rows: Sequence[Row] = (), row: Row | None = None, **given: Any) -> str:
    return written(Markdown(source(row, **given)), [rows]).decode()


class Page(HTMLParser):
    """A page as its elements: the texts of those that hold what people wrote, and all of its tags and attributes."""

    VOID = frozenset(("meta", "br", "line", "rect", "path"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []  # of <bdi> and of prose
        self.outline: list[str] = []  # headings, labels and comments, deeper ones behind more dots
        self._stack: list[str] = []
        self._held: list[list[str]] = []
        self._marked = False
        self.feed(text)
        self.close()
        assert self._stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in self.VOID:
            return
        self._stack.append(tag)
        self._marked = found.get("class") == "unseen"
        if tag == "bdi" or found.get("class") == "prose":
            self._held.append([])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        assert self._stack.pop() == tag
        self._marked = False
        if self._held and tag in {"bdi", "div"}:
            text = "".join(self._held.pop())
            self.texts.append(text)
            depth = sum(each in {"tr", "li"} for each in self._stack)
            if text.startswith(("Title", "Label", "Text")):
                self.outline.append("." * depth + text)

    def handle_data(self, data: str) -> None:
        if self._held:
            # A character that acts is named in an element of its own; it is what it names.
            self._held[-1].append(chr(int(data.removeprefix("U+"), 16)) if self._marked else data)


def assert_harmless(page: Page) -> None:
    names = {tag for tag, _ in page.tags}
    assert names <= {
        *("html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "h1", "h2", "h3", "p"),
        *("ul", "ol", "li", "a", "dl", "dt", "dd", "div", "span", "bdi", "code", "pre", "time", "br", "figure"),
        *("figcaption", "svg", "g", "line", "rect", "path", "text", "table", "caption", "thead", "tbody", "tr", "th"),
        "td",
    }
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name in {"src", "srcset", "style", "data"} for name in attributes)
        assert (attributes.get("href") or "#").startswith("#"), tag


def everywhere(text: str) -> tuple[Row, list[Row]]:
    """Return a case and rows that have a text wherever people can put one."""
    users = dict.fromkeys(("createdBy", "updatedBy"), text)
    hold = {"name": text, "reason": text, "reference": text, "placedAt": MOMENT, "placedBy": text}
    released = {"releasedAt": MOMENT, "releasedBy": text, "releaseReason": text}
    seal = {"at": MOMENT, "by": text, "reason": text, "root": ROOT}
    member = {"subject": text, "role": "OWNER", "expiresAt": None, "accepted": True}
    row = case(
        title=text, description=text, reference=text, tags=[text], seal=seal, holds=[{**hold, **released}],
        members=[member], **users,
    )  # fmt: skip
    fields = [{"name": "title", "before": text, "after": text}]
    return row, [
        comment("a", "case", text=text, createdBy=text),
        event(title=text, description=text, source=text, timeKind=text, tags=[text], **users),
        comment("b", "event", text=text),
        batch("batch", "event", label=text, description=text, fileTypes=text, tags=[text], **users),
        comment("c", "batch", text=text),
        change(1, by=text, reason=text, on={"type": "CASE", "id": "case", "label": text}, fields=fields),
    ]


# So often it then stands in an element alone; elsewhere it is in a sentence.
ALONE = 25


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_wrote_is_text_in_html(text: str) -> None:
    assert_comes_back(text)


@given(st.text(min_size=1, max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_is_text_in_html(text: str) -> None:
    assert_comes_back(text)


def assert_comes_back(text: str) -> None:
    row, rows = everywhere(text)
    page = Page(html(rows, row, has_history=True))
    assert_harmless(page)
    assert page.texts.count(lines(text)) >= ALONE


def test_what_acts_is_named() -> None:
    shown = html([event(title="invoice\u202egnp.exe")])
    assert 'invoice<span class="unseen">U+202E</span>gnp.exe' in shown
    assert "# Case 12: invoice\\<U+202E>gnp.exe\n" in markdown(row=case(title="invoice\u202egnp.exe"))
    for text in (*HOSTILE, *map(chr, [*range(32), *range(0x7F, 0xA0), 0xD800, 0xDFFF])):
        row, rows = everywhere(text)
        for report in (html(rows, row, has_history=True), markdown(rows, row, has_history=True)):
            assert set(ACTING.findall(report)) == set()


def rendered(text: str) -> str:
    """Return what a library for CommonMark makes of a text that may have HTML, with the tables and links of others."""
    library = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return str(library.render(text))


class Words(HTMLParser):
    """The texts of the elements of a page, each as its lines with single blanks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.quoted: list[str] = []
        self.heading = ""
        self._stack: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert attrs == []
        if tag == "br":
            return
        self._stack.append(tag)
        if tag == "blockquote":
            self.quoted.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "br":
            return
        assert self._stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if "blockquote" in self._stack:
            self.quoted[-1] += data
        if "h1" in self._stack:
            self.heading += data


def words(text: str) -> list[str]:
    return named(lines(text)).split()


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_wrote_is_text_in_markdown(text: str) -> None:
    assert_is_text(text)


@given(st.text(alphabet=st.one_of(st.sampled_from("[]()<>!`*_#|~\\&;:-+=.1)@$/ \t\na"), st.characters()), max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_is_text_in_markdown(text: str) -> None:
    assert_is_text("a" + text)


def assert_is_text(text: str) -> None:
    page = Words(rendered(told(text)))
    assert page.names <= {"h1", "h2", "h3", "p", "ul", "ol", "li", "strong", "blockquote", "br", "pre", "code"}
    assert page.heading.split() == ["Case", "12:", *words(text)]
    assert [quoted.split() for quoted in page.quoted] == [words(text)] * 6


def told(text: str) -> str:
    row, rows = everywhere(text)
    return markdown(rows, row, has_history=True)


def test_no_address_is_a_link_in_the_dialects_that_make_some() -> None:
    text = told("https://example.org www.example.org WWW.example.org mailto:a@example.org ftp://a")
    assert re.findall(r"(?<!\\)://|www\.|mailto:|(?<!\\)@", text, re.IGNORECASE) == []
    assert "https\\://example.org www\\.example.org" in text


NESTED = [
    comment("c1", "case"),
    event("e1"),
    comment("c2", "e1"),
    comment("c3", "e1"),
    batch("b1", "e1"),
    comment("c4", "b1"),
    batch("b2", "e1"),
    event("e2"),
    batch("b3", "e2"),
    comment("c5", "b3"),
    event("e3"),
]


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_each_stands_in_its_place(at_once: int) -> None:
    chunks = [NESTED[start : start + at_once] for start in range(0, len(NESTED), at_once)]
    page = Page(written(Hypertext(source()), chunks).decode())
    assert page.outline == [
        ".Text of c1",
        ".Title of e1",
        "..Text of c2",
        "..Text of c3",
        "..Label of b1",
        "...Text of c4",
        "..Label of b2",
        ".Title of e2",
        "..Label of b3",
        "...Text of c5",
        ".Title of e3",
    ]
    anchors = [attributes["id"] for tag, attributes in page.tags if "id" in attributes]
    assert anchors == [
        *("description", "comments", "timeline", "e1", "b1", "b2", "e2", "b3", "e3", "members", "record"),
    ]
    text = written(Markdown(source()), chunks).decode()
    told = re.findall(r"(?:Title|Label|Text) of \w\w", text)
    assert told == [each.lstrip(".") for each in page.outline]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([batch("b", "e")], "FILE_BATCH b"),
        ([event("e"), batch("b", "other")], "FILE_BATCH b"),
        ([comment("c", "other")], "comment doesn't belong where it comes: c"),
        ([event("e"), comment("c", "case")], "c"),
        ([event("e"), batch("b", "e"), comment("c", "e")], "c"),
        ([change(1), event("e")], "EVENT e"),
        ([change(1), comment("c", "case")], "c"),
        ([{"kind": "OTHER"}], "OTHER"),
    ],
)
def test_what_comes_out_of_place_is_refused(rows: list[Row], message: str) -> None:
    report = Hypertext(source(has_history=True))
    report.start(report.source.case)
    with pytest.raises(ValueError, match=message):
        report.rows(rows)


def test_a_history_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="CHANGE 1"):
        Hypertext(source()).rows([change(1)])


@pytest.mark.parametrize("has_history", [False, True])
def test_a_case_without_anything(*, has_history: bool) -> None:
    page = html(has_history=has_history)
    Page(page)
    assert page.count("There are no events.") == page.count("There is none.") == 1
    assert re.findall("<h2>(.*)</h2>", page) == [
        *("Description", "Timeline", "Members"),
        *(["History"] if has_history else []),
        "Record and verification",
    ]
    text = markdown(has_history=has_history)
    assert text.count("There are no events.") == text.count("There is none.") == 1


def test_what_keeps_the_case_is_told() -> None:
    hold = {"name": "Claim", "reason": "Asked for", "reference": "4 O 211/26", "placedAt": MOMENT, "placedBy": "a-1"}
    standing = {"releasedAt": None, "releasedBy": None, "releaseReason": None}
    gone = {"releasedAt": LATER, "releasedBy": "a-2", "releaseReason": "Settled"}
    row = case(
        status="CLOSED", reference="IR-14", retainUntil="2036-12-31T00:00:00.000000Z", tags=["mail", "disk"],
        seal={"at": MOMENT, "by": "a-1", "reason": "Handed over", "root": ROOT},
        holds=[{**hold, **standing}, {**hold, "reference": None, **gone}],
    )  # fmt: skip
    told = markdown(row=row).split("\n\n")[1]
    assert told.split("\n") == [
        "- Reference: IR-14",
        "- Status: closed: nothing in the case changes until it has another status again",
        f"- Seal: sealed since 2026-03-01 09:30:00 UTC by a-1, at the journal's root {ROOT}; nothing in the case "
        "changes until an owner breaks the seal. Reason: Handed over",
        "- Hold: “Claim” (4 O 211/26), placed 2026-03-01 09:30:00 UTC by a-1; nothing of the case is deleted while it "
        "stands. Reason: Asked for",
        "- Hold, released: “Claim”, placed 2026-03-01 09:30:00 UTC by a-1; released 2026-03-02 11:00:00 UTC by a-2: "
        "Settled. Reason: Asked for",
        "- To be kept: until 2036-12-31 00:00:00 UTC; nothing of the case is deleted before",
        "- Tags: mail, disk",
        "- Opened: 2026-03-01 09:30:00 UTC by auditor-1",
        "- Changed: 2026-03-01 09:30:00 UTC by auditor-2 (version 1)",
        "- Id: case",
        "- This report: made 2026-03-02 11:00:00 UTC by auditor-2",
    ]
    past = markdown(row=case(retainUntil=MOMENT))
    assert "- To be kept: until 2026-03-01 09:30:00 UTC, which is past\n" in past


def test_an_event_with_all_that_there_is() -> None:
    rows = [
        event(
            description="One\n\n  two", occurredUntil="2026-03-01T10:00:00.500000Z", source="gateway.log",
            timeKind="Creation time", utcOffset="+02:00", tags=["mail", "disk"], version=3, updatedAt=LATER,
        ),
        batch(
            "batch", "event", totalBytes=1_500_000, fileCount=1204, fileTypes=".pdf, .docx", manifestSha256="ab" * 32
        ),
        comment("c", "batch", edited=True),
    ]  # fmt: skip
    told = markdown(rows).partition("## Timeline\n\n")[2].partition("\n## Members")[0]
    assert told == (
        "### 2026-03-01 09:30:00 to 10:00:00.5 UTC: Title of event\n\n"
        "- Event 1: finding\n- Source: gateway.log\n- Kind of time: Creation time\n- Offset at the source: +02:00\n"
        "- Tags: mail, disk\n"
        "- Entered: 2026-03-01 09:30:00 UTC by auditor-1; changed 2026-03-02 11:00:00 UTC by auditor-2 (version 3)\n"
        "- Id: event\n\n"
        "> One\n>\n> &nbsp;&nbsp;two\n\n"
        "File batches:\n\n"
        "- **Label of batch**\n\n"
        "  - Files: 1,204\n  - Size: 1.4 MiB (1,500,000 bytes)\n  - File types: .pdf, .docx\n"
        f"  - Manifest SHA-256: {'ab' * 32}\n"
        "  - Added: 2026-03-01 09:30:00 UTC by auditor-1\n  - Id: batch\n\n"
        "  Comment of auditor-1, 2026-03-01 09:30:00 UTC, changed 2026-03-02 11:00:00 UTC:\n\n"
        "  > Text of c\n"
    )
    page = html(rows)
    assert '<div class="prose" dir="auto">One\n\n  two</div>' in page
    assert f"<span>Manifest SHA-256: <bdi>{'ab' * 32}</bdi></span>" in page
    assert f'<time datetime="{MOMENT}">2026-03-01 09:30:00</time> &ndash; <time' in page


def test_history_and_members() -> None:
    members = [
        {"subject": "auditor-1", "role": "OWNER", "expiresAt": None, "accepted": True},
        {"subject": "auditor-2", "role": "VIEWER", "expiresAt": MOMENT, "accepted": False},
        {"subject": "auditor-3", "role": "EDITOR", "expiresAt": "2027-01-01T00:00:00.000000Z", "accepted": True},
    ]
    fields = [{"name": "label", "before": None, "after": "Logs"}, {"name": "tags", "before": [], "after": ["ä", "b"]}]
    rows = [
        change(1, fields=fields, reason="Typing error"),
        change(2, on={"type": "COMMENT", "id": "c", "label": None}),
    ]
    told = markdown(rows, case(members=members), has_history=True)
    assert told.partition("## Members\n\n")[2].partition("\n## Record")[0] == (
        "- owner: auditor-1; no end\n"
        "- viewer: auditor-2; has yet to be taken up; ended 2026-03-01 09:30:00 UTC\n"
        "- editor: auditor-3; ends 2027-01-01 00:00:00 UTC\n"
        "\n## History\n\n"
        "- 1, 2026-03-01 09:30:00 UTC, auditor-1: updated file batch “Logs”\n"
        '  - Reason: Typing error\n  - label: none → Logs\n  - tags: \\[\\] → \\["ä", "b"\\]\n\n'
        "- 2, 2026-03-01 09:30:00 UTC, auditor-1: updated comment\n"
    )
    page = html(rows, case(members=members), has_history=True)
    assert '<th scope="row"><bdi>auditor-2</bdi></th><td>viewer</td>' in page
    assert '<dt>label</dt><dd><span class="before"><bdi>none</bdi></span> → <bdi>Logs</bdi></dd>' in page


def test_the_record_with_its_checkpoint() -> None:
    page = html()
    assert f"<dd><code>{ROOT}</code></dd>" in page
    assert f"<pre>{CHECKPOINT}</pre>" in page
    assert page.count('aria-label="The checkpoint as a QR code"') == 1
    assert "<pre>dossier proof 12</pre>" in page
    assert "QR code" not in html(checkpoint="x" * 3000)  # which no code holds
    assert "Checkpoint" not in html(checkpoint=None)
    assert f"### Checkpoint\n\n```\n{CHECKPOINT}```\n" in markdown()
    assert "### Checkpoint\n\n````\n```\n````\n" in markdown(checkpoint="```")


def test_the_page_says_what_it_may_do() -> None:
    page = Page(html())
    metas = [attributes for tag, attributes in page.tags if tag == "meta"]
    assert metas[1] == {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
    assert page.tags[0] == ("html", {"lang": "en"})
    style = html().partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert '@bottom-left { content: "Case 12, as of 2026-03-02 11:00:00 UTC"; }' in style


@pytest.mark.parametrize("screen", ["light", "dark"])
def test_what_is_written_can_be_told_from_the_page(screen: str) -> None:
    """WCAG 2.2 asks for 4.5 of texts (1.4.3), and for 3 of what is drawn (1.4.11)."""
    style = html().partition("<style>")[2]
    light, dark = [dict(re.findall(r"--(\w+): (#\w+);", found)) for found in re.findall(r":root \{([^}]*)\}", style)]
    colors = light if screen == "light" else light | dark
    for name in ("ink", "muted", "accent", "finding", "fault"):
        assert contrast(colors[name], colors["page"]) >= 4.5, name
    assert contrast(colors["bar"], colors["page"]) >= 3


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * digit for digit in color[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("time", "precision", "shown"),
    [
        ("2026-03-01T09:30:00.000000Z", "EXACT", "2026-03-01 09:30:00"),
        ("2026-03-01T09:30:00.120000Z", "EXACT", "2026-03-01 09:30:00.12"),
        ("2026-03-01T09:30:00.000001Z", "EXACT", "2026-03-01 09:30:00.000001"),
        ("2026-03-01T09:30:00.000000Z", "MINUTE", "2026-03-01 09:30"),
        ("2026-03-01T09:30:10.000000Z", "MINUTE", "2026-03-01 09:30:10"),
        ("2026-03-01T00:00:00.000000Z", "DAY", "2026-03-01"),
        ("2026-03-01T09:30:00.000000Z", "DAY", "2026-03-01 09:30:00 (to the day)"),
        ("2026-03-01T00:00:00.000000Z", "MONTH", "2026-03"),
        ("0001-01-01T00:00:00.000000Z", "YEAR", "0001"),
    ],
)
def test_times_are_as_precise_as_they_are_known(time: str, precision: str, shown: str) -> None:
    assert moment(time, precision) == shown


@pytest.mark.parametrize(
    ("until", "precision", "shown"),
    [
        ("2026-03-01T11:00:00.000000Z", "MINUTE", ("2026-03-01 09:30", "11:00")),
        ("2026-03-02T11:00:00.000000Z", "MINUTE", ("2026-03-01 09:30", "2026-03-02 11:00")),
        (None, "EXACT", ("2026-03-01 09:30:00", None)),
    ],
)
def test_spans(until: str | None, precision: str, shown: tuple[str, str | None]) -> None:
    assert span(event(occurredUntil=until, timePrecision=precision)) == shown


@pytest.mark.parametrize(
    ("total", "shown"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1536, "1.5 KiB (1,536 bytes)"),
        (1_048_575, "1.0 MiB (1,048,575 bytes)"),
        (2**63 - 1, "8.0 EiB (9,223,372,036,854,775,807 bytes)"),
    ],
)
def test_sizes(total: int, shown: str) -> None:
    assert size(total) == shown


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def histogram(first: str, last: str, unit: timedelta, **given: Any) -> Histogram:
    """Return a histogram with one event in each bin, the first one at `first`, and one more in the last."""

    def bins() -> Iterator[tuple[datetime, datetime, int]]:
        begins = at(first)
        while begins < at(last) - unit:
            yield begins, begins + unit, 1
            begins += unit
        yield begins, begins + unit, 2

    return Histogram(at(first), at(last), list(bins()), **given)


@pytest.mark.parametrize(
    ("first", "last", "unit", "step"),
    [
        ("2026-03-01T09:30:00", "2026-03-01T09:30:01", timedelta(seconds=1), "second"),
        ("2026-03-01T09:30:00", "2026-03-01T10:30:00", timedelta(minutes=1), "minute"),
        ("2026-03-01T00:00:00", "2026-03-05T00:00:00", timedelta(minutes=1), "hour"),
        ("2026-03-01T00:00:00", "2026-05-01T00:00:00", timedelta(hours=1), "day"),
        ("2024-03-01T00:00:00", "2026-05-01T00:00:00", timedelta(days=1), "week"),
        ("1996-03-01T00:00:00", "2026-05-01T00:00:00", timedelta(days=1), "3 months"),
        ("0001-01-01T00:00:00", "9990-12-31T00:00:00", timedelta(days=366), "100 years"),
    ],
)
def test_events_are_counted_in_few_columns(first: str, last: str, unit: timedelta, step: str) -> None:
    given = histogram(first, last, unit)
    found, counted = columns(given)
    assert found.name == step
    assert len(counted) <= 122
    assert sum(count for _, _, count in counted) == given.total
    assert all(ends == begins for (_, ends, _), (begins, _, _) in pairwise(counted))
    drawn, said = draw(given)
    assert len(drawn) < 20_000
    assert said == f"{given.total:,} events by the {step} in which they began, times in UTC"
    labels = re.findall(r'text-anchor="middle">([^<]*)<', drawn)
    assert 0 < len(labels) <= 20
    places = [float(place) for place in re.findall(r'<rect class="count" fill="#5b86b4" x="([\d.]+)%"', drawn)]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)


def test_one_event_is_drawn() -> None:
    one = at("2026-03-01T09:30:00")
    drawn, said = draw(Histogram(one, one, [(one, one + timedelta(seconds=1), 1)]))
    assert re.findall("<rect[^>]*>", drawn) == [
        '<rect class="count" fill="#5b86b4" x="44.444%" width="10.961%" y="16" height="120"/>'
    ]
    assert said == "1 event by the second in which they began, times in UTC"


def test_spans_are_bars_below_each_other_where_they_overlap() -> None:
    first = at("2026-03-01T00:00:00")
    hours = [
        (first + timedelta(hours=start), first + timedelta(hours=end)) for start, end in ((0, 9), (5, 12), (9, 11))
    ]
    given = histogram("2026-03-01T00:00:00", "2026-03-02T00:00:00", timedelta(hours=1), spans=hours)
    drawn, said = draw(given)
    assert re.findall(r'<rect class="span" fill="#a63d12" x="([\d.]+)%" width="([\d.]+)%" y="(\d+)"', drawn) == [
        ("0", "37.35", "140"),
        ("37.5", "8.183", "140"),
        ("20.833", "29.017", "148"),
    ]
    assert said.endswith("; below the axis, 3 events that lasted")
    _, said = draw(histogram("2026-03-01T00:00:00", "2026-03-02T00:00:00", timedelta(hours=1), spans=hours[:1] * 20))
    assert said.endswith("; below the axis, 12 events that lasted long")


def test_of_many_spans_none_is_but_a_dot() -> None:
    first = at("2026-03-01T00:00:00")
    days = [(first + timedelta(days=day), first + timedelta(days=day, minutes=1)) for day in range(150)]
    given = histogram("2026-03-01T00:00:00", "2026-08-01T00:00:00", timedelta(days=1), spans=days)
    assert draw(given)[1] == "154 events by the 2 days in which they began, times in UTC"
    given = histogram("2026-03-01T00:00:00", "2026-08-01T00:00:00", timedelta(days=1), spans=days[:100])
    assert draw(given)[1].endswith("; below the axis, 100 events that lasted")
    given = histogram(
        "2026-03-01T00:00:00", "2026-08-01T00:00:00", timedelta(days=1), spans=[*days, (first, days[9][0])]
    )
    assert draw(given)[1].endswith("; below the axis, 1 event that lasted long")


def test_ticks_of_an_hour_have_their_date_once() -> None:
    drawn, _ = draw(histogram("2026-03-01T23:30:00", "2026-03-02T00:30:00", timedelta(minutes=1)))
    labels = re.findall(r'text-anchor="middle">([^<]*)<', drawn)
    assert labels == ["23:30", "2026-03-01", "23:40", "23:50", "00:00", "2026-03-02", "00:10", "00:20", "00:30"]
