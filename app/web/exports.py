"""What leaves a server as files: a case in one of several formats, as long as it may be.

A client may take as long as it likes to read it, and a moment of the database must not be held that long: it is
written into a file that has no name as fast as it can be read, and sent out of that.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any, Final

import orjson

from app.db import Database
from app.errors import NotFound, RequestRefused
from app.exchange import FORMATS, reports
from app.exchange.hypertext import Hypertext
from app.exchange.markdown import Markdown
from app.exchange.reading import CaseRows
from app.exchange.report import Report, Source
from app.exchange.rows import Row, Writer
from app.exchange.tables import WRITERS
from app.execution.documents import Documents
from app.execution.faults import masked
from app.ownership import Viewer
from app.record.log import newest_checkpoint
from app.resolvers import exports
from app.values import parse_id
from app.web.wire import Refused

MOST_AT_ONCE: Final = 2
"""How many exports a process works on; each holds a moment of the database."""

_ROWS = 25  # that are written before others have their turn
_PIECE = 262_144  # bytes that are sent together
REPORTS: Final[Mapping[str, Callable[[Source], Report]]] = {"report": Hypertext, "markdown": Markdown}
_MISSING = "there is no such case here"


@dataclass(frozen=True, slots=True)
class Export:
    """A file on its way out: what it is, and its pieces. Iterating raises Incomplete when not all of it came to be."""

    media_type: str
    name: str
    pieces: AsyncGenerator[bytes, None]


class Incomplete(Exception):  # noqa: N818 - what was sent so far is right
    """An export that had begun, and couldn't be brought to its end."""


class Exports:
    """Takes cases out of an open database."""

    def __init__(self, documents: Documents, database: Database) -> None:
        self._documents, self._database = documents, database
        self._at_work: set[asyncio.Task[None]] = set()

    async def export(self, viewer: Viewer, case_id: str, asked: Mapping[str, str]) -> Export:
        """Return a case as a file, as a viewer asks for it by `format` and `where`, a filter of events in JSON.

        Raises Refused for what is asked for wrongly, for a case that the viewer may not see, and while there are too
        many on their way; DeadlineExceeded and Unavailable.
        """
        format_, where = _format(asked), _where(asked)
        history = _flag(asked, "history")
        identifier = parse_id(case_id)
        if len(self._at_work) >= MOST_AT_ONCE:
            raise Refused(
                503, "this server is at work on as many exports as it takes on; try again", {"Retry-After": "5"}
            )
        async with AsyncExitStack() as opened:
            held = await opened.enter_async_context(self._database.held())
            rows = CaseRows(self._documents, held, viewer, identifier or "")
            case = None if identifier is None else await rows.case()
            if case is None:
                raise Refused(404, _MISSING)
            try:
                await rows.check(where)
                await exports.record(self._database, viewer, case["id"], format_, asked.get("where"))
            except RequestRefused as refused:
                raise Refused(400, _fault(refused)) from None
            except NotFound:
                raise Refused(404, _MISSING) from None
            writer: Writer
            if format_ in REPORTS:
                checkpoint = await newest_checkpoint(held, viewer.id)
                text = None if checkpoint is None else checkpoint.decode()
                about = await reports.source(rows, case, viewer.subject, text, where, history=history)
                writer = REPORTS[format_](about)
            else:
                writer = WRITERS[format_]()
            parts = [rows.all(where), *([rows.history()] if history and format_ in REPORTS else [])]
            blocks = await opened.enter_async_context(aclosing(_chained(parts)))
            spool, all_opened = Spool(), opened.pop_all()

        async def fill() -> None:
            async with all_opened:
                await spool.fill(_written(writer, case, blocks))

        task = asyncio.create_task(fill())
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return Export(writer.media_type, f"case-{case['number']}{writer.suffix}", spool.pieces(task))


async def _written(writer: Writer, case: Row, blocks: AsyncIterator[Sequence[Row]]) -> AsyncIterator[bytes]:
    try:
        yield writer.start(case)
        async for rows in blocks:
            # In the loop, a little at a time: whatever Python does in a thread keeps others waiting for longer.
            for start in range(0, len(rows), _ROWS):
                yield writer.rows(rows[start : start + _ROWS])
                await asyncio.sleep(0)
        rest = writer.end()
        while piece := await asyncio.to_thread(next, rest, b""):
            yield piece
    finally:
        writer.close()


class Spool:
    """A file without a name that is written and read at the same time."""

    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - closed by whoever reads it
        self._size = 0
        self._is_whole = self._has_ended = False
        self._grown = asyncio.Event()

    async def fill(self, pieces: AsyncIterator[bytes]) -> None:
        """Write pieces, and that there are no more of them. What goes wrong is told to whoever reads it."""
        try:
            async for piece in pieces:
                await asyncio.to_thread(self._file.write, piece)
                self._size += len(piece)
                self._grown.set()
            self._is_whole = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the client sees that it is cut off, and the log why
            masked(error)
        finally:
            self._has_ended = True
            self._grown.set()

    async def pieces(self, filling: asyncio.Task[None]) -> AsyncGenerator[bytes, None]:
        """Iterate over what is written, as it comes. Raises Incomplete behind what there is when that breaks off."""
        place = 0
        try:
            while True:
                if place < self._size:
                    piece = await asyncio.to_thread(os.pread, self._file.fileno(), _PIECE, place)
                    place += len(piece)
                    yield piece
                elif self._is_whole:
                    return
                elif self._has_ended:
                    raise Incomplete
                else:
                    await self._grown.wait()
                    self._grown.clear()
        finally:
            filling.cancel()
            await asyncio.wait([filling])
            self._file.close()


async def _chained(parts: Sequence[AsyncGenerator[Sequence[Row], None]]) -> AsyncGenerator[Sequence[Row], None]:
    for part in parts:
        async with aclosing(part) as blocks:
            async for rows in blocks:
                yield rows


def _format(asked: Mapping[str, str]) -> str:
    name = asked.get("format", "")
    if name not in FORMATS:
        raise Refused(400, f"`format` must be one of {', '.join(FORMATS)}")
    return name


def _flag(asked: Mapping[str, str], name: str) -> bool:
    value = asked.get(name, "false")
    if value not in {"true", "false"}:
        raise Refused(400, f"`{name}` must be true or false")
    return value == "true"


def _where(asked: Mapping[str, str]) -> dict[str, Any] | None:
    if "where" not in asked:
        return None
    try:
        where = orjson.loads(asked["where"])
    except orjson.JSONDecodeError:
        where = None
    if not isinstance(where, dict):
        raise Refused(400, '`where` must be a filter of events in JSON, such as {"type": ["ACTION"]}')
    return where


def _fault(refused: RequestRefused) -> str:
    return "; ".join(fault.message for fault in refused.faults)
