"""New files that commands write: all of each, or nothing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from app.errors import DossierError
from app.values import visible


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield what a new file is written to, which has its name when the block ends without an error.

    Raises DossierError where it can't be written, or where there is one of the name already.
    """
    name = visible(str(path))
    try:
        if os.path.lexists(path):
            raise FileExistsError
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with beside.open("xb") as output:
                yield output
                output.flush()
                os.fsync(output.fileno())
            _name_anew(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError:
        raise DossierError(f"{name} exists already; give another --output") from None
    except OSError as error:
        raise DossierError(f"{name} can't be written: {error.strerror}") from None


def _name_anew(beside: Path, path: Path) -> None:
    """Give a file another name, which no other has by now. Raises OSError."""
    try:
        os.link(beside, path)  # renaming would replace what is there
    except FileExistsError:
        raise
    except OSError:  # some file systems have one name for each file
        path.open("xb").close()
        beside.replace(path)
