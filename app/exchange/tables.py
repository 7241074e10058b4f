"""The formats that a case is written in as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from app.exchange.rows import Writer
from app.exchange.sheets import Xlsx
from app.exchange.texts import Csv, Jsonl
from app.exchange.timesketch import TimesketchCsv, TimesketchJsonl

WRITERS: Final[Mapping[str, Callable[[], Writer]]] = {
    "jsonl": Jsonl,
    "csv": Csv,
    "xlsx": Xlsx,
    "timesketch-jsonl": TimesketchJsonl,
    "timesketch-csv": TimesketchCsv,
}
"""What makes the writer of a table, by the format's name; a writer writes one."""
