"""Tables that people read: a workbook with sheets of the case, its events, their file batches and all comments.

Every text is one and never a formula, an address or a number; times are texts, which a spreadsheet neither rounds nor
moves into another zone. What the format can't hold is told on the sheet of the case: rows beyond a sheet's last go on
in another, and a text that is too long for a cell says where it was cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Final

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from app.exchange.rows import FIELDS, Row

MOST_ROWS: Final = 1_048_576
"""How many rows a sheet has, that of its columns' names among them."""

LONGEST: Final = 32_767
"""How long a cell's text may be, in units of UTF-16: an emoji is two."""

_GREATEST: Final = 10**15  # the least number that Excel doesn't show all digits of
_PIECE: Final = 1 << 18  # bytes of the file that are told at once
_CREATED: Final = datetime(1980, 1, 1)  # noqa: DTZ001 - of the file, which is the same whenever it is written
_SHEETS: Final = {"EVENT": "Events", "FILE_BATCH": "File batches", "COMMENT": "Comments"}
# What else is told of a row: what it is on, by its title or label.
_PLACES: Final = {"FILE_BATCH": "event", "COMMENT": "about"}
_WIDE: Final = {"title": 40, "description": 60, "text": 80, "label": 40, "about": 40, "event": 40}
_WIDTHS: Final = _WIDE | {"id": 37, "eventId": 37, "on": 37, "source": 25, "timeKind": 20, "manifestSha256": 66}
_TIME: Final = re.compile("(?:At|Until)$")
_TIME_WIDTH: Final = 28

# What XML can't hold, the carriage return, which it would make a line feed, and what stands for one of these already.
# Of these XlsxWriter overlooks U+FFFE and U+FFFF.
_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)|[\0-\x08\x0b-\x1f\ufffe\uffff]")


class Xlsx:
    """Writes a workbook, of which nothing is there before its end: rows wait in files in a temporary folder."""

    media_type: ClassVar[str] = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._book = _Book()
        self._case = self._book.sheet("Case", (20, 100))
        self._tables = {kind: _Table(self._book, kind) for kind in _SHEETS}
        self._place = 0  # of the last row on the sheet of the case
        self._named: dict[str, tuple[str, str]] = {}  # of the last row of each kind the id, and what it is called

    def start(self, case: Row) -> bytes:
        """Return nothing, and write the sheet of the case."""
        self._book.write(self._case, 0, ("Field", "Value"), is_head=True)
        for name in FIELDS["CASE"]:
            self._tell(_heading(name), case[name])
        self._named["CASE"] = case["id"], case["title"]
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Return nothing, and write rows to their sheets."""
        for row in rows:
            kind = row["kind"]
            values = [row[name] for name in FIELDS[kind]]
            if kind == "EVENT":
                self._named[kind] = row["id"], row["title"]
            elif kind == "FILE_BATCH":
                self._named[kind] = row["id"], row["label"]
                values.append(self._name_of(row["eventId"]))
            else:
                values.append(self._name_of(row["on"]))
            self._tables[kind].append(values)
        return b""

    def end(self) -> Iterator[bytes]:
        """Yield the workbook. Raises OSError or XlsxWriter's FileCreateError when the disk is full."""
        for table in self._tables.values():
            self.notes += table.end()
        if self._book.cut:
            self.notes.append(
                f"{self._book.cut:,} of the texts are longer than the {LONGEST:,} characters that a cell holds, and "
                "say where they are cut off. The format jsonl has them whole."
            )
        for note in self.notes:
            self._tell("Note", note)
        yield from self._book.end()

    def close(self) -> None:
        """Remove what waits in the temporary folder."""
        self._book.close()

    def _name_of(self, id_: str) -> str | None:
        return dict(self._named.values()).get(id_)

    def _tell(self, heading: str, value: Any) -> None:
        self._place += 1
        self._book.write(self._case, self._place, (heading, value))


class _Table:
    """The rows of a kind, on a sheet and, when that is full, on others."""

    def __init__(self, book: _Book, kind: str) -> None:
        self._book = book
        self._name = _SHEETS[kind]
        self._columns = (*FIELDS[kind], *([_PLACES[kind]] if kind in _PLACES else []))
        self._sheets: list[Worksheet] = []
        self._next = 0
        self._add_sheet()

    def append(self, values: Sequence[Any]) -> None:
        """Write a row below the last one."""
        if self._next == MOST_ROWS:
            self._end_sheet()
            self._add_sheet()
        self._book.write(self._sheets[-1], self._next, values)
        self._next += 1

    def end(self) -> Iterator[str]:
        """Yield notes about the sheets that there are besides the first."""
        self._end_sheet()
        for sheet in self._sheets[1:]:
            yield f"A sheet has at most {MOST_ROWS:,} rows: {self._name} goes on in {sheet.name}."

    def _add_sheet(self) -> None:
        name = f"{self._name} {len(self._sheets) + 1}" if self._sheets else self._name
        widths = [_TIME_WIDTH if _TIME.search(each) else _WIDTHS.get(each, 15) for each in self._columns]
        self._sheets.append(self._book.sheet(name, widths))
        self._book.write(self._sheets[-1], 0, [_heading(each) for each in self._columns], is_head=True)
        self._next = 1

    def _end_sheet(self) -> None:
        self._sheets[-1].autofilter(0, 0, self._next - 1, len(self._columns) - 1)


class _Book:
    """A workbook in a temporary folder, and how its cells are written."""

    def __init__(self) -> None:
        self.cut = 0
        """How many texts were too long."""
        self._folder = TemporaryDirectory(prefix="dossier-")
        self._path = Path(self._folder.name) / "workbook"
        options = {
            # Rows go to files in the folder as they come, each text into its cell.
            "constant_memory": True,
            "tmpdir": self._folder.name,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = Workbook(str(self._path), options)
        self._book.use_zip64()  # which changes nothing of a workbook below 4 GB
        self._book.set_properties({"created": _CREATED})
        self._head = self._book.add_format({"bold": True})
        # As `@`, a text stays one when somebody edits it.
        self._text = self._book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        self._number = self._book.add_format({"valign": "top", "num_format": "0"})

    def sheet(self, name: str, widths: Sequence[int]) -> Worksheet:
        """Return a new sheet with columns of these widths, whose first row stays in sight."""
        sheet = self._book.add_worksheet(name, _Sheet)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, width)
        sheet.freeze_panes(1, 0)
        return sheet

    def write(self, sheet: Worksheet, place: int, values: Sequence[Any], *, is_head: bool = False) -> None:
        """Write a row of JSON values: a list has a line for each of its texts, null and the empty list have no cell."""
        for column, value in enumerate(values):
            if isinstance(value, bool):
                # What is true to Excel is a formula to LibreOffice.
                sheet.write_string(place, column, "yes" if value else "no", self._text)
            elif isinstance(value, int) and abs(value) < _GREATEST:
                sheet.write_number(place, column, value, self._number)
            elif value is not None and value != []:
                text = "\n".join(value) if isinstance(value, list) else str(value)
                sheet.write_string(place, column, self._fitting(text), self._head if is_head else self._text)

    def end(self) -> Iterator[bytes]:
        """Yield the workbook's file."""
        self._book.close()
        with self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def close(self) -> None:
        """Remove the folder."""
        try:
            for sheet in self._book.worksheets():
                if sheet.row_data_fh is not None:
                    with suppress(OSError):  # a full disk takes none of what was not written yet, which nobody needs
                        sheet.row_data_fh.close()
        finally:
            self._folder.cleanup()

    def _fitting(self, text: str) -> str:
        if len(text) <= LONGEST // 2:
            return text
        units = text.encode("utf-16-le")
        if len(units) <= 2 * LONGEST:
            return text
        self.cut += 1
        kept = units[: 2 * (LONGEST - 100)].decode("utf-16-le", "ignore")  # a half of a pair is left out
        return f"{kept} [cut off here: {len(text) - len(kept):,} more characters]"


class _Sheet(Worksheet):
    """A sheet that holds any text."""

    @staticmethod
    def _escape_control_characters(data: object) -> str:
        """Return a text with Excel's `_x0001_` for what XML can't hold, which XlsxWriter then writes as XML."""
        text = _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", str(data))
        if text.startswith("<r>"):
            # XlsxWriter takes what lies within `<r>` for XML already, so it has to be.
            return f'<r><t xml:space="preserve">{escape(text, quote=False)}</t></r>'
        return text


def _heading(name: str) -> str:
    """Return the name of a field in words, as `Time precision` for `timePrecision`."""
    return re.sub("[A-Z]", lambda capital: f" {capital[0].lower()}", name).capitalize()
