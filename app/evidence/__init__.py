"""Lists of files: what one says of a file, the formats that it is written in, and how they are read.

A name is bytes, as a file system has it. No format alters one: what it can't hold is refused by name (CannotHoldError).
"""

from typing import Final

WRITTEN: Final = ("sha256sum", "hashdeep", "bagit", "csv", "jsonl")
"""The formats that lists are written in, and read."""

READ: Final = (*WRITTEN, "bsd", "bodyfile", "mtree", "dfxml")
"""The formats that lists are read in."""
