"""A real PgBouncer in front of the tests' PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import make_url

from tests.commands import PATIENCE

PROGRAM = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin")


@contextmanager
def pgbouncer(folder: Path, address: str, mode: str) -> Iterator[str]:
    """Run PgBouncer in a mode of pooling; yield the address of a database behind it."""
    assert PROGRAM is not None, "PgBouncer has to be installed; .ci/services does"
    url = make_url(address)
    host = str(url.query.get("host", url.host))
    with reached_by_tcp(f"{host}/.s.PGSQL.{url.port or 5432}") as behind:
        port = free_port()
        users, file = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{url.username}" ""\n', encoding="ascii")
        file.write_text(
            f"""
            [databases]
            {url.database} = host=127.0.0.1 port={behind} user={url.username}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {users}
            pool_mode = {mode}
            """.replace("    ", ""),
            encoding="utf-8",
        )
        command = [PROGRAM, "--quiet", str(file)]
        if os.geteuid() == 0:  # as whom it doesn't run
            command[1:1] = ["--user", "nobody"]
            for path in (folder, folder.parent, folder.parent.parent):
                path.chmod(0o755)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        try:
            wait_for(port)
            yield f"postgresql://{url.username}@127.0.0.1:{port}/{url.database}"
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    """Wait until somebody listens on a port."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


@contextmanager
def reached_by_tcp(path: str) -> Iterator[int]:
    """Pass on what comes to a port to a Unix socket, whose folder is closed to other users; yield the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while part := await reader.read(65_536):
                    writer.write(part)
                    await writer.drain()
        finally:
            writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def end() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.1)  # what was closed is let go of in the loop's next rounds

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(pass_on, "127.0.0.1", 0), loop).result()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
