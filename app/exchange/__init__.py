"""Cases as files that other programs read: tables and reports of what is on a timeline."""

from collections.abc import Mapping
from typing import Final

SUFFIXES: Final[Mapping[str, str]] = {
    "jsonl": ".jsonl",
    "csv": ".csv",
    "xlsx": ".xlsx",
    "timesketch-jsonl": ".timesketch.jsonl",
    "timesketch-csv": ".timesketch.csv",
    "report": ".report.html",
    "markdown": ".report.md",
}
"""What the name of a file ends in, by the format's name; here, where asking for it imports nothing."""

FORMATS: Final = tuple(SUFFIXES)
"""The names of the formats that a case is written in."""
