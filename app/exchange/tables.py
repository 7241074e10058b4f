from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson


class Writer(Protocol):
    media_type: str
    suffix: str

    def begin(self, case: Any) -> bytes: ...
    def rows(self, rows: Sequence[Any]) -> bytes: ...
    def end(self) -> Iterator[bytes]: ...


class Jsonl:
    media_type = "application/jsonl"
    suffix = ".jsonl"

    def begin(self, case: Any) -> bytes:
        return b""

    def rows(self, rows: Sequence[Any]) -> bytes:
        return b"".join(orjson.dumps(r) + b"\n" for r in rows)

    def end(self) -> Iterator[bytes]:
        return iter(())


WRITERS: Mapping[str, Callable[[], Writer]] = {"jsonl": Jsonl}
