"""What leaves a server as files: a case in one of several formats, as long as it may be.

A client may take as long as it likes to read it, and a moment of the database must not be held that long: it is
written into a file that has no name as fast as it can be read, and sent out of that.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any, Final, TypeVar

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.db import Database, Readable
from app.errors import NotFound, Unavailable
from app.exchange import FORMATS, SUFFIXES, reports
from app.exchange.hypertext import Hypertext
from app.exchange.markdown import Markdown
from app.exchange.reading import CaseRows
from app.exchange.report import Report, Source
from app.exchange.rows import Row, Writer
from app.exchange.tables import WRITERS
from app.execution.documents import Documents
from app.execution.faults import Outages, masked
from app.ownership import Viewer
from app.record.log import newest_checkpoint
from app.resolvers import exports
from app.values import parse_id
from app.web.wire import API_HEADERS, Refused

T = TypeVar("T")

MOST_AT_ONCE: Final = 2
"""How many exports a process makes; each holds a moment of the database."""

_LONGEST_WHERE = 4_000  # characters, which the record keeps
_write = os.write  # by a name of ours, so that a test can let the disk be full
_ROWS = 25  # that are written before others have their turn
_PIECE = 262_144  # bytes that are sent together
REPORTS: Final[Mapping[str, Callable[[Source], Report]]] = {"report": Hypertext, "markdown": Markdown}
_MISSING = "there is no such case here"


@dataclass(frozen=True, slots=True)
class Export:
    """A file on its way out: what it is, its pieces, and what has to be called when nobody takes any more of them.

    Iterating over the pieces raises Incomplete behind what there is when not all of it came to be.
    """

    media_type: str
    name: str
    pieces: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class Incomplete(Exception):  # noqa: N818 - what was sent so far is right
    """An export that had begun, and couldn't be brought to its end."""


class Streamed(Response):
    """An export as it comes to be; one that breaks off is cut off, so that nobody takes it for whole."""

    def __init__(self, export: Export, ended: Callable[[], None]) -> None:
        """Take what is sent, and what is called when the answer has ended in any way."""
        name = f'attachment; filename="{export.name}"'
        super().__init__(None, 200, API_HEADERS | {"Content-Disposition": name}, export.media_type)
        del self.headers["content-length"]
        self._export, self._ended = export, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI calls it
        """Send it. Whoever stops reading is dropped by the connection."""
        gone = asyncio.ensure_future(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async for piece in self._export.pieces:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except (Incomplete, asyncio.CancelledError):
            pass  # an answer without its last piece ends the connection; so does a server that ends
        finally:
            gone.cancel()
            try:
                await self._export.close()
            finally:
                self._ended()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Exports:
    """Takes cases out of an open database."""

    def __init__(self, documents: Documents, database: Database) -> None:
        self._documents, self._database = documents, database
        self._places = Counter[str]()  # who has how many exports that are being made
        self._tasks: set[asyncio.Task[None]] = set()

    async def export(self, viewer: Viewer, case_id: str, asked: Mapping[str, str]) -> Export:
        """Return a case as a file, as a viewer asks for it: by `format`, by `where`, a filter of events in JSON, and of
        a report by `history`.

        Raises Refused for what is asked for wrongly, for a case that the viewer may not see, and while there are too
        many on their way; RequestRefused, DeadlineExceeded, Unavailable, and what a change of the case raises.
        """
        wanted, identifier = _Wanted.of(asked), parse_id(case_id)
        async with AsyncExitStack() as opened:
            opened.enter_context(self._place(viewer.id))
            held = await opened.enter_async_context(self._database.held())
            rows = CaseRows(self._documents, held, viewer, identifier or "")
            case = None if identifier is None else await rows.case()
            if case is None:
                raise Refused(404, _MISSING)
            try:
                await rows.check(wanted.where)
                writer = await self._writer(wanted, rows, case, held, viewer)
                opened.callback(writer.close)
                spool = Spool(self._documents.outages)
                try:
                    await self._record(viewer, case["id"], wanted)
                except BaseException:
                    spool.close()
                    raise
            except NotFound:
                raise Refused(404, _MISSING) from None
            parts = [rows.all(wanted.where), *([rows.history()] if wanted.history else [])]
            blocks = await opened.enter_async_context(aclosing(_chained(parts)))
            all_opened = opened.pop_all()

        async def fill() -> None:
            # Whoever has the last piece may ask for the next export: by then the place of this one is free.
            async with spool.filling(), all_opened:
                async for piece in _written(writer, case, blocks):
                    await spool.write(piece)

        task = asyncio.create_task(fill())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        async def close() -> None:
            task.cancel()
            await asyncio.wait([task])
            await all_opened.aclose()  # which a task that was cancelled before it began has not done
            spool.close()

        return Export(writer.media_type, f"case-{case['number']}{SUFFIXES[wanted.format]}", spool.pieces(), close)

    async def _record(self, viewer: Viewer, case_id: str, wanted: _Wanted) -> None:
        where = None if wanted.where is None else orjson.dumps(wanted.where, option=orjson.OPT_SORT_KEYS).decode()
        await exports.record(self._database, viewer, case_id, wanted.format, where, history=wanted.history)

    @contextmanager
    def _place(self, user: str) -> Iterator[None]:
        """Hold a place among the exports that are being made. Raises Refused when there is none."""
        if self._places[user]:
            raise Refused(503, "one of your exports is being made; wait for it", {"Retry-After": "5"})
        if self._places.total() >= MOST_AT_ONCE:
            message = f"{MOST_AT_ONCE} exports are being made, as many as this server takes on; try again"
            raise Refused(503, message, {"Retry-After": "5"})
        self._places[user] += 1
        try:
            yield
        finally:
            del self._places[user]

    async def _writer(self, wanted: _Wanted, rows: CaseRows, case: Row, held: Readable, viewer: Viewer) -> Writer:
        if wanted.format in WRITERS:
            return WRITERS[wanted.format]()
        checkpoint = await newest_checkpoint(held, viewer.id)
        text = None if checkpoint is None else checkpoint.decode()
        return REPORTS[wanted.format](
            await reports.source(rows, case, viewer.subject, text, wanted.where, history=wanted.history)
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for: the format, a filter of events, and whether a report tells all changes."""

    format: str
    where: dict[str, Any] | None
    history: bool

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> _Wanted:
        """Return what the parameters of an address ask for. Raises Refused."""
        format_, where, history = asked.get("format", ""), None, asked.get("history", "false")
        if format_ not in FORMATS:
            raise Refused(400, f"`format` must be one of {', '.join(FORMATS)}")
        if "where" in asked:
            if len(asked["where"]) > _LONGEST_WHERE:
                raise Refused(400, f"`where` may have up to {_LONGEST_WHERE:,} characters")
            with suppress(orjson.JSONDecodeError):
                where = orjson.loads(asked["where"])
            if not isinstance(where, dict):
                raise Refused(400, '`where` must be a filter of events in JSON, such as {"type": ["ACTION"]}')
        if history not in {"true", "false"}:
            raise Refused(400, "`history` must be true or false")
        if history == "true" and format_ not in REPORTS:
            raise Refused(400, f"`history` is of reports alone: {', '.join(REPORTS)}")
        if history == "true" and where is not None:
            raise Refused(400, "`history` is that of the whole case; leave `where` out, or it")
        return cls(format_, where, history == "true")


async def _written(writer: Writer, case: Row, blocks: AsyncIterator[Sequence[Row]]) -> AsyncIterator[bytes]:
    yield writer.start(case)
    async for rows in blocks:
        # In the loop, a little at a time: whatever Python does in a thread keeps others waiting for longer.
        for start in range(0, len(rows), _ROWS):
            yield writer.rows(rows[start : start + _ROWS])
            await asyncio.sleep(0)
    rest = writer.end()
    while piece := await _to_the_end(next, rest, b""):
        yield piece


async def _to_the_end(work: Callable[..., T], *arguments: Any) -> T:
    """Return what work in a thread returns. Whoever is cancelled meanwhile waits for it to end.

    Files that it works on are closed then, and another one may get the number that one had.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(working)
    finally:
        if not working.done():
            await asyncio.wait([working])


class Spool:
    """A file without a name that is written and read at the same time."""

    def __init__(self, outages: Outages) -> None:
        """Take what tells the log of outages. Raises OSError."""
        self._outages = outages
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - closed by whoever reads it
        self._size = 0
        self._is_whole = self._has_ended = False
        self._grown = asyncio.Event()

    async def write(self, piece: bytes) -> None:
        """Write a piece behind those before it. Raises OSError."""
        while piece:
            written = await _to_the_end(_write, self._file.fileno(), piece)
            piece = piece[written:]  # a disk that is nearly full takes a part
            self._size += written
            self._grown.set()

    @asynccontextmanager
    async def filling(self) -> AsyncIterator[None]:
        """Tell whoever reads it, at the end, whether it is whole, and the log what went wrong."""
        try:
            yield
            self._is_whole = True
        except NotFound:
            pass  # the case is the viewer's no more
        except Unavailable as error:
            self._outages.log(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client sees that it is cut off, and the log why
            masked(error)
        finally:
            self._has_ended = True
            self._grown.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Iterate over what is written, as it comes. Raises Incomplete behind what there is when that breaks off."""
        place = 0
        while not self._is_whole or place < self._size:
            if place < self._size:
                piece = await _to_the_end(os.pread, self._file.fileno(), _PIECE, place)
                place += len(piece)
                yield piece
            elif self._has_ended:
                raise Incomplete
            else:
                await self._grown.wait()
                self._grown.clear()

    def close(self) -> None:
        """Give the file up."""
        self._file.close()


async def _chained(parts: Sequence[AsyncGenerator[Sequence[Row], None]]) -> AsyncGenerator[Sequence[Row], None]:
    for part in parts:
        async with aclosing(part) as blocks:
            async for rows in blocks:
                yield rows
