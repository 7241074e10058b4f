"""Whether two servers gave the same answer."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def expect_same(name: str, answer: bytes, expected: bytes) -> None:
    """Raise RuntimeError unless two answers hold the same data, however they write their times and white space."""
    mine, theirs = _normalised(json.loads(answer)), _normalised(json.loads(expected))
    if mine != theirs:
        raise RuntimeError(f"{name} answers otherwise:\n{answer[:500]!r}\nbut Dossier:\n{expected[:500]!r}")


def _normalised(value: Any) -> Any:
    match value:
        case dict():
            return {key: _normalised(part) for key, part in value.items()}
        case list():
            return [_normalised(part) for part in value]
        case str() if _TIME.fullmatch(value):
            return datetime.fromisoformat(value).astimezone(UTC)
        case _:
            return value
