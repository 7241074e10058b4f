"""Cases as tables: whatever is in their rows comes back unchanged from those who read them."""

from __future__ import annotations

import csv
import gc
import io
import json
import os
import re
import resource
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from app.exchange import sheets
from app.exchange.rows import FIELDS, Row
from app.exchange.tables import WRITERS
from app.exchange.texts import COLUMNS
from app.exchange.timesketch import MOST_LABELS

WRITTEN = {
    "version": 1,
    "createdAt": "2026-03-01T09:30:00.000001Z",
    "createdBy": "auth0|1",
    "updatedAt": "2026-03-02T09:30:00.000000Z",
    "updatedBy": "auth0|2",
}
HOSTILE = [
    *("=1+1", "@SUM(A1)", "-1", "+1", '=HYPERLINK("http://x.test","y")', "=cmd|'/C calc'!A0", "\t=1+1", "\uff1d1+1"),
    *("a\nb", "a\r\nb", "a\rb", "\r", "\n", "\n\n", '"', '""', '","', "'", ",", ";", "a\tb", "\\", "\\n", " ", " a "),
    *("NA", "null", "None", "nan", "true", "007", "1e5", "1_0", "-inf", "#N/A", "2026-03-01", "[1]", "{}", "-", "a,b"),
    *("<r><t>x</t></r>", "<r>&</r>", "<r>", "<b>&amp;</b>", "]]>", "<!--", "_x0001_", "_x005F_x0001_", "_xD83D_", "_x"),
    *(
        "\x01\x02\x08\x0b\x0c\x0e\x1f\x7f",
        "\x85\u2028\u2029",
        "\ufeffa",
        "\ufffe\uffff",
        "\ufffd",
        "\U0010ffff",
        "e\u0301",
    ),
    *(
        "\u202e\u2066a\u2069",
        "\u200b\u200d",
        "\U0001f469\u200d\U0001f4bb",
        "http://x.test",
        "mailto:a@x.test",
        "x" * 30_000,
    ),
    "".join(map(chr, range(1, 256))),
]
TIMES = [
    *("0001-01-01T00:00:00.000000Z", "1699-12-31T23:59:59.999999Z", "1700-01-01T00:00:00.000000Z"),
    *("1969-12-31T23:59:59.999999Z", "2026-03-01T09:30:00.123456Z", "2261-12-31T23:59:59.999999Z"),
    *("2262-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"),
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.integers(0, 2**53 - 1)


def case(**fields: Any) -> Row:
    told = {"kind": "CASE", "id": "case", "number": 7, "title": "A case", "description": None, "reference": None}
    return told | {"status": "OPEN", "retainUntil": None, "tags": ["a"]} | WRITTEN | fields


def event(**fields: Any) -> Row:
    told = {"kind": "EVENT", "id": "event", "title": "Login", "description": None, "type": "NOTE"}
    told |= {"occurredAt": TIMES[4], "occurredUntil": None, "timePrecision": "EXACT"}
    times = {"sortOrder": 0, "source": None, "timeKind": None, "utcOffset": None}
    return told | times | {"tags": []} | WRITTEN | fields


def batch(**fields: Any) -> Row:
    told = {"kind": "FILE_BATCH", "id": "batch", "eventId": "event", "label": "Mails", "description": None}
    files = {"fileCount": 2, "totalBytes": None, "fileTypes": None, "manifestSha256": None, "sortOrder": 0}
    return told | files | {"tags": []} | WRITTEN | fields


def comment(**fields: Any) -> Row:
    told = {"kind": "COMMENT", "id": "comment", "on": "event", "text": "Seen", "edited": False} | WRITTEN
    return {name: value for name, value in told.items() if name != "updatedBy"} | fields


def hostile_texts() -> list[str]:
    """Return texts that readers of tables stumble over, and of others' such texts those that the API takes."""
    texts = list(HOSTILE)
    if path := os.environ.get("NAUGHTY_STRINGS"):
        texts += json.loads(Path(path).read_text(encoding="utf-8"))
    if path := os.environ.get("EVIDENCE_VECTORS"):
        for file in sorted(Path(path).glob("csv/csvs/*.csv")):
            with file.open(encoding="utf-8", newline="") as opened:
                texts += [field for row in csv.reader(opened) for field in row]
    return [
        text for text in dict.fromkeys(texts) if text and "\0" not in text and not re.search("[\ud800-\udfff]", text)
    ]


def hostile_rows() -> list[Row]:
    """Return 1,000 rows, or as many as it takes for each text to stand in each place."""
    texts = hostile_texts()
    rows: list[Row] = []
    count = max(250, len(texts))
    for place, (text, time) in enumerate(islice(zip(cycle(texts), cycle(TIMES)), count)):
        said = {"description": text if place % 3 else None, "tags": [text, "a"] if place % 2 else []}
        own = {"source": text, "timeKind": text, "utcOffset": "+02:00", "occurredUntil": time}
        rows += [
            event(id=f"event {place}", title=text, occurredAt=time, sortOrder=-place, createdBy=text, **said, **own),
            comment(id=f"comment {place}", on=f"event {place}", text=text, edited=bool(place % 2), createdBy=text),
            batch(
                id=f"batch {place}", eventId=f"event {place}", label=text, fileTypes=text, **said, totalBytes=2**53 - 1
            ),
            comment(id=f"comment {place} on batch", on=f"batch {place}", text=text),
        ]
    return rows


def written(format_: str, rows: list[Row], of: Row | None = None, *, piece: int = 7) -> tuple[bytes, list[str]]:
    """Return a table and the notes on it."""
    writer = WRITERS[format_]()
    parts = [writer.start(of or case())]
    parts += [writer.rows(rows[place : place + piece]) for place in range(0, len(rows), piece)]
    parts += writer.end()
    writer.close()
    return b"".join(parts), writer.notes


def read_csv(table: bytes) -> Iterator[list[Any]]:
    """Yield lines of CSV with their JSON values: None where a field is empty and has no quotes."""
    field = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)')
    text, place, line = table.decode(), 0, list[Any]()
    while place < len(text):
        match = field.match(text, place)
        assert match is not None, text[place : place + 100]
        line.append(match[1].replace('""', '"') if match[1] is not None else match[2] or None)
        if match[3] == "\r\n":
            yield line
            line = []
        place = match.end()


def from_csv(table: bytes) -> list[Row]:
    head, *lines = read_csv(table)
    assert head == ["kind", *COLUMNS]
    rows: list[Row] = []
    for line in lines:
        values = dict(zip(head, line, strict=True))
        names = FIELDS[values["kind"]]
        assert {name for name, value in values.items() if value is not None} <= {"kind", *names}
        for name in {"tags", "edited", "version", "sortOrder", "fileCount", "totalBytes"}.intersection(names):
            values[name] = None if values[name] is None else json.loads(values[name])
        rows.append({name: values[name] for name in ("kind", *names)})
    return rows


def from_jsonl(table: bytes) -> list[Row]:
    return [json.loads(line) for line in table.decode().removesuffix("\n").split("\n")]


def from_xlsx(table: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of a workbook's sheets, and be sure that no cell is anything but a text or a number."""
    book = openpyxl.load_workbook(io.BytesIO(table))
    found: dict[str, list[tuple[Any, ...]]] = {}
    for sheet in book.worksheets:
        cells = [[cell for cell in row if cell.value is not None] for row in sheet.iter_rows()]
        assert {cell.data_type for row in cells for cell in row} <= {"s", "inlineStr", "n"}
        # What stands for a character that XML can't hold openpyxl leaves to its callers.
        found[sheet.title] = [
            tuple(unescape(value) if isinstance(value, str) else value for value in row)
            for row in sheet.iter_rows(values_only=True)
        ]
    return found


def in_cell(value: Any) -> Any:
    """Return what a cell has for a JSON value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and value >= 10**15:
        return str(value)
    return ("\n".join(value) or None) if isinstance(value, list) else value


def test_jsonl_has_every_field_in_order() -> None:
    rows = [comment(on="case"), event(), comment(), batch(), comment(on="batch")]
    table, notes = written("jsonl", rows)
    assert [[*row.items()] for row in from_jsonl(table)] == [[*row.items()] for row in (case(), *rows)]
    assert table.startswith(b'{"kind":"CASE","id":"case","number":7,"title":"A case","description":null,')
    assert notes == []


def test_csv_has_one_header_and_tells_null_from_empty() -> None:
    table, _ = written(
        "csv", [event(title='say "hi", all', source="", tags=["a,b"]), comment(text="a\rb", edited=True)]
    )
    assert table.decode() == (
        "kind,id,title,description,type,occurredAt,occurredUntil,timePrecision,sortOrder,source,timeKind,utcOffset,tags,"
        "version,createdAt,createdBy,updatedAt,updatedBy,eventId,label,fileCount,totalBytes,fileTypes,manifestSha256,on,"
        "text,edited\r\n"
        'EVENT,event,"say ""hi"", all",,NOTE,2026-03-01T09:30:00.123456Z,,EXACT,0,"",,,"[""a,b""]",1,'
        "2026-03-01T09:30:00.000001Z,auth0|1,2026-03-02T09:30:00.000000Z,auth0|2,,,,,,,,,\r\n"
        "COMMENT,comment,,,,,,,,,,,,1,2026-03-01T09:30:00.000001Z,auth0|1,2026-03-02T09:30:00.000000Z,,,,,,,,"
        'event,"a\rb",true\r\n'
    )


def test_hostile_rows_come_back() -> None:
    rows = hostile_rows()
    assert len(rows) >= 1_000
    assert from_jsonl(written("jsonl", rows)[0]) == [case(), *rows]
    table, _ = written("csv", rows)
    assert from_csv(table) == rows
    # Python's reader, which takes what is null and what is empty for the same.
    head, *lines = csv.reader(io.StringIO(table.decode(), newline=""), strict=True)
    assert [line[head.index("title")] for line in lines] == [row.get("title", "") for row in rows]
    assert [line[head.index("text")] for line in lines] == [row.get("text", "") for row in rows]


@given(st.lists(st.builds(event, title=TEXTS, source=st.none() | TEXTS, tags=st.lists(TEXTS), sortOrder=NUMBERS)))
def test_any_text_comes_back_from_texts(rows: list[Row]) -> None:
    assert from_jsonl(written("jsonl", rows)[0]) == [case(), *rows]
    assert from_csv(written("csv", rows)[0]) == rows


@settings(deadline=None, max_examples=30)  # a workbook is many files
@given(st.lists(TEXTS.filter(bool), min_size=1))
def test_any_text_comes_back_from_a_workbook(texts: list[str]) -> None:
    table, notes = written("xlsx", [comment(text=text) for text in texts])
    assert [row[2] for row in from_xlsx(table)["Comments"][1:]] == texts
    assert notes == []


def test_hostile_rows_come_back_from_a_workbook() -> None:
    rows = hostile_rows()
    table, notes = written("xlsx", rows, case(title="=1+1", description="<r>&</r>"))
    assert notes == []
    found = from_xlsx(table)
    assert [*found] == ["Case", "Events", "File batches", "Comments"]
    assert found["Case"] == [
        ("Field", "Value"),
        *(("Id", "case"), ("Number", 7), ("Title", "=1+1"), ("Description", "<r>&</r>"), ("Reference", None)),
        *(("Status", "OPEN"), ("Retain until", None), ("Tags", "a"), ("Version", 1)),
        *(("Created at", WRITTEN["createdAt"]), ("Created by", "auth0|1")),
        *(("Updated at", WRITTEN["updatedAt"]), ("Updated by", "auth0|2")),
    ]
    names = {row["id"]: row.get("title", row.get("label")) for row in rows}
    for kind, sheet in (("EVENT", "Events"), ("FILE_BATCH", "File batches"), ("COMMENT", "Comments")):
        wanted = []
        for row in (row for row in rows if row["kind"] == kind):
            # What it is on stands behind it.
            about = [names[row.get("eventId") or row["on"]]] if kind != "EVENT" else []
            wanted.append((*(in_cell(row[name]) for name in FIELDS[kind]), *about))
        assert found[sheet][1:] == wanted
    assert found["Events"][0][4:7] == ("Occurred at", "Occurred until", "Time precision")


def test_a_workbook_is_the_same_each_time_and_well_formed() -> None:
    rows = [event(), batch(), comment()]
    table, _ = written("xlsx", rows)
    assert table == written("xlsx", rows, piece=1)[0]
    with zipfile.ZipFile(io.BytesIO(table)) as archive:
        assert archive.testzip() is None
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    for text in parts.values():
        Xml.fromstring(text)  # noqa: S314 - our own
    events = parts["xl/worksheets/sheet2.xml"]
    assert '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' in events
    assert '<autoFilter ref="A1:Q2"/>' in events
    assert "1980-01-01T00:00:00Z" in parts["docProps/core.xml"]


def test_a_text_that_no_cell_holds_says_where_it_was_cut() -> None:
    fits = ["x" * 32_767, "\U0001f600" * 16_383 + "x"]
    table, notes = written("xlsx", [comment(text=text) for text in (*fits, "y" * 32_768, "\U0001f600" * 30_000)])
    found = from_xlsx(table)
    assert [row[2] for row in found["Comments"][1:]] == [
        *fits,
        "y" * 32_667 + " [cut off here: 101 more characters]",
        "\U0001f600" * 16_333 + " [cut off here: 13,667 more characters]",
    ]
    said = (
        "2 of the texts are longer than the 32,767 characters that a cell holds, and say where they are cut off. "
        "The format jsonl has them whole."
    )
    assert notes == [said]
    assert found["Case"][-1] == ("Note", said)


def test_rows_that_no_sheet_holds_go_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 3)
    table, notes = written("xlsx", [event(id=str(place)) for place in range(5)])
    found = from_xlsx(table)
    assert [*found] == ["Case", "Events", "File batches", "Comments", "Events 2", "Events 3"]
    head = found["Events"][0]
    assert [[row[0] for row in found[name]] for name in ("Events", "Events 2", "Events 3")] == [
        ["Id", "0", "1"],
        ["Id", "2", "3"],
        ["Id", "4"],
    ]
    assert found["Events 3"][0] == head
    assert notes == [
        "A sheet has at most 3 rows: Events goes on in Events 2.",
        "A sheet has at most 3 rows: Events goes on in Events 3.",
    ]
    assert [row[1] for row in found["Case"][-2:]] == notes


def test_an_abandoned_workbook_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    writer = WRITERS["xlsx"]()
    writer.start(case())
    writer.rows([event()] * 100)
    assert [*tmp_path.iterdir()] != []
    writer.close()
    writer.close()
    assert [*tmp_path.iterdir()] == []
    del writer
    gc.collect()


def test_a_workbook_that_a_full_disk_stopped_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    writer = WRITERS["xlsx"]()
    writer.start(case())
    writer.rows([event()])  # which waits to be written to a file of its sheet, as do the heads of the others
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, former[1]))
    try:
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    assert [*tmp_path.iterdir()] == []
    del writer
    gc.collect()


def test_timesketch_gets_an_event_with_what_is_on_it() -> None:
    rows = [
        comment(on="case"),
        event(description="More", timeKind="Creation time", tags=["a", "b"], source="mail.log", utcOffset="+02:00"),
        comment(),
        batch(label="Mails"),
        comment(on="batch"),
        batch(label="Logs"),
        event(id="next", type="FINDING", occurredUntil=TIMES[5], timePrecision="DAY", sortOrder=3),
    ]
    first = {
        "message": "Login\nMore",
        "datetime": "2026-03-01T09:30:00.123456Z",
        "timestamp": 1_772_357_400_123_456,
        "timestamp_desc": "Creation time",
        "tag": ["a", "b"],
        "dossier_id": "event",
        "dossier_case": 7,
        "dossier_type": "NOTE",
        "occurred_at": "2026-03-01T09:30:00.123456Z",
        "time_precision": "EXACT",
        "utc_offset": "+02:00",
        "source": "mail.log",
        "sort_order": 0,
        "file_batches": 2,
        "file_batch_labels": ["Mails", "Logs"],
        "comments": 2,
        "created_at": WRITTEN["createdAt"],
        "created_by": "auth0|1",
        "updated_at": WRITTEN["updatedAt"],
        "updated_by": "auth0|2",
    }
    alike = {name: first[name] for name in ("datetime", "timestamp", "occurred_at", "dossier_case")}
    alike |= {name: value for name, value in first.items() if name.startswith(("created", "updated"))}
    second = {
        "message": "Login",
        "timestamp_desc": "Finding",
        "tag": [],
        "dossier_id": "next",
        "dossier_type": "FINDING",
        "occurred_until": TIMES[5],
        "time_precision": "DAY",
        "sort_order": 3,
        "file_batches": 0,
        "file_batch_labels": [],
        "comments": 0,
    }
    for piece in (1, 2, 7):
        table, notes = written("timesketch-jsonl", rows, piece=piece)
        assert from_jsonl(table) == [first, alike | second]
        assert notes == []
    head, *lines = read_csv(written("timesketch-csv", rows)[0])
    assert head[:5] == ["message", "datetime", "timestamp", "timestamp_desc", "tag"]
    assert [{name: value for name, value in zip(head, line, strict=True) if value is not None} for line in lines] == [
        {
            name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            for name, value in row.items()
        }
        for row in (first, alike | second)
    ]


def test_timesketch_gets_what_it_would_leave_out_at_the_nearest_moment() -> None:
    table, notes = written("timesketch-jsonl", [event(occurredAt=time, timeKind="Created") for time in TIMES])
    found = [(row["datetime"], row["timestamp_desc"], row["occurred_at"]) for row in from_jsonl(table)]
    away = "Created (not at this time, but at {})".format
    assert found == [
        (TIMES[2], away(TIMES[0]), TIMES[0]),
        (TIMES[2], away(TIMES[1]), TIMES[1]),
        *((time, "Created", time) for time in TIMES[2:6]),
        (TIMES[5], away(TIMES[6]), TIMES[6]),
        (TIMES[5], away(TIMES[7]), TIMES[7]),
    ]
    assert notes == [
        "4 of the events lie outside of the years 1700 to 2261, and Timesketch leaves out such events. Each stands at "
        "the nearest moment within them; its timestamp_desc says so, and its own time is its occurred_at."
    ]


def test_timesketch_guesses_nothing_in_csv() -> None:
    texts = ["NA", "null", "007", "1e5", "-inf", "TRUE", "N/A", "0x1", "a", "Not NA"]
    head, *lines = read_csv(written("timesketch-csv", [event(title=text, source=text) for text in texts])[0])
    wanted = ['"NA"', '"null"', '"007"', '"1e5"', '"-inf"', '"TRUE"', '"N/A"', "0x1", "a", "Not NA"]
    for name in ("message", "source"):
        assert [line[head.index(name)] for line in lines] == wanted


def test_timesketch_is_told_how_many_labels_it_is_not_told() -> None:
    rows = [event(), *(batch(label=str(place)) for place in range(MOST_LABELS + 2))]
    (row,) = from_jsonl(written("timesketch-jsonl", rows)[0])
    assert row["file_batches"] == MOST_LABELS + 2
    assert row["file_batch_labels"] == [*map(str, range(MOST_LABELS)), "and 2 more"]


@pytest.mark.parametrize("format_", WRITERS)
def test_a_case_without_anything_is_a_table(format_: str) -> None:
    table, notes = written(format_, [])
    assert notes == []
    if format_.endswith("csv"):
        assert len([*read_csv(table)]) == 1
    elif format_ == "xlsx":
        assert [len(rows) for rows in from_xlsx(table).values()] == [14, 1, 1, 1]
    else:
        assert len(table.splitlines()) == (format_ == "jsonl")


@pytest.mark.services
def test_libreoffice_finds_the_texts_and_no_formula(tmp_path: Path) -> None:
    if (program := shutil.which("soffice")) is None:
        pytest.skip("LibreOffice has to be installed; .ci/services does where it can")
    rows = hostile_rows()
    (tmp_path / "table.xlsx").write_bytes(written("xlsx", rows)[0])
    everything = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"  # each sheet to a file
    for format_ in ("fods", everything):
        options = (f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless")
        subprocess.run(  # noqa: S603 - a fixed command
            [program, *options, "--convert-to", format_, "table.xlsx"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            timeout=300,
        )
    assert "table:formula" not in (tmp_path / "table.fods").read_text(encoding="utf-8")
    with (tmp_path / "table-Comments.csv").open(encoding="utf-8", newline="") as file:
        found = [line[2] for line in csv.reader(file)][1:]
    # Its lines end in LF, whatever they ended in.
    assert [re.sub("\r\n?", "\n", text) for text in found] == [
        re.sub("\r\n?", "\n", row["text"]) for row in rows if row["kind"] == "COMMENT"
    ]
