"""Cases as files that other programs read: tables and reports of what is on a timeline."""

from typing import Final

FORMATS: Final = "jsonl", "csv", "xlsx", "timesketch-jsonl", "timesketch-csv", "report", "markdown"
"""The names of the formats that a case is written in; here, where naming them imports nothing."""
