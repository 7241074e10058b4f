"""`dossier checkpoint`: the newest checkpoint of the record, made now; and the key that signs them."""

from __future__ import annotations

import argparse
import io
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command
from app.commands.streams import complain, say
from app.errors import DeadlineExceeded, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.db import FoundRow, Transaction
    from app.db.database import T
    from app.settings import Settings


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "checkpoint",
        _run,
        "sign what the record is now, and print that",
        "Take what was changed into the log of the installation, sign the log, and print the checkpoint: a signed note "
        "of C2SP. Keep it where those who run this server can't change it; 'dossier verify --since FILE' tells whether "
        "the record still goes on from it. Servers may be at work meanwhile.",
    )
    parser.epilog = "Exit codes: 0 when there is one; 1 when there is none, or something failed; 2 for misuse."
    parser.add_argument(
        "--timestamp",
        metavar="URL",
        help="let an authority for RFC 3161 say when that was: the checkpoint and its answer are written to "
        "checkpoint-SIZE.txt and checkpoint-SIZE.tsr",
    )
    parser.add_argument("--qr", action="store_true", help="print a QR code of it as well, for paper")
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--key", action="store_true", help="print the key that verifies checkpoints, for those who are to verify them"
    )
    key.add_argument(
        "--new-key",
        action="store_true",
        help="replace the key that signs: the checkpoint is signed by both, and the file of the old key is overwritten",
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        from app.db import migrations
        from app.settings import from_environment

    settings = from_environment()
    migrations.check(settings)
    if options.new_key:
        size, text = _rotated(settings)
    else:
        signed, key = sign_now(settings)
        size, text = signed.size, key if options.key else signed.text
    say(text.removesuffix("\n"))
    if options.key:
        return 0
    if options.qr:
        _print_code(text)
    if options.timestamp is not None:
        _get_timestamp(options.timestamp, size, text)
    return 0


def sign_now(settings: Settings) -> tuple[FoundRow, str]:
    """Take what was changed into the log, sign it where this host can; return the newest checkpoint and its key.

    Raises CommandError when nothing was ever signed.
    """
    from app.record import log
    from app.record.signing import publish, published, signing_key

    key = signing_key(settings, create=True)
    seen, after = [text for _, text in published(settings)], None
    while True:
        passed = _write(settings, partial(log.go_on, key=key, seen=seen, after=after, at_once=True))
        for warning in passed.warnings:
            complain(warning)
        if passed.last is None:
            break
        seen, after = [], passed.last
    if passed.checkpoint is None or passed.key is None:
        raise CommandError("there is no key that signs checkpoints; set DOSSIER_CHECKPOINT_KEY to the file of one")
    if passed.signed:
        publish(settings, passed.checkpoint.text, passed.checkpoint.at)
    return passed.checkpoint, passed.key


def _rotated(settings: Settings) -> tuple[int, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from app.record import log
    from app.record.signing import publish, replace_key, signing_key

    path = settings.key_file
    if path is None:
        raise CommandError("set DOSSIER_CHECKPOINT_KEY to the file in which the key lies, or is to lie")
    old = signing_key(settings) if path.exists() else None
    new = Ed25519PrivateKey.generate()
    # The new key is on the disk before anything is signed by it.
    draft = path.with_name(f"{path.name}.new")
    try:
        replace_key(draft, new)
        try:
            signed = _write(settings, partial(log.rotate, old=old, new=new))
        except (Unavailable, DeadlineExceeded):
            draft.unlink()
            raise
        draft.replace(path)
    except OSError as error:
        raise CommandError(f"the key can't be written to {error.filename}: {error.strerror}") from None
    publish(settings, signed.text, signed.at)
    complain(f"the key in {path} is another one now; copy it to the other hosts that serve this database")
    return signed.size, signed.text


def _write(settings: Settings, work: Callable[[Transaction], T]) -> T:
    import asyncio

    from app.db import open_database

    async def asynchronously() -> T:
        database = await open_database(settings)
        try:
            return await database.write(work, None)
        finally:
            await database.close()

    return asyncio.run(asynchronously())


def _print_code(text: str) -> None:
    import segno

    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out=drawn, border=2, compact=True)
    say(drawn.getvalue().removesuffix("\n"))


def _get_timestamp(url: str, size: int, text: str) -> None:
    """Write the checkpoint, and what an authority says of when there was one, into the current folder."""
    import httpx
    from rfc3161_client import HashAlgorithm, PKIStatus, TimestampRequestBuilder, decode_timestamp_response

    request = TimestampRequestBuilder().data(text.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        answer = httpx.post(url, content=request.as_bytes(), headers=headers, timeout=30).raise_for_status().content
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandError(f"the authority at {url} can't be asked: {error}") from None
    try:
        response = decode_timestamp_response(answer)
        status = PKIStatus(response.status)
        granted = status in {PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS}
        fits = granted and (
            response.tst_info.message_imprint.message == request.message_imprint.message
            and response.tst_info.nonce == request.nonce
        )
    except ValueError:
        raise CommandError(f"what {url} answered is no answer of RFC 3161") from None
    if not granted:
        raise CommandError(f"the authority at {url} refused: {status.name} {' '.join(response.status_string)}".rstrip())
    if not fits:
        raise CommandError(f"what {url} answered is about something else than was asked")
    for ending, content in ((".txt", text.encode()), (".tsr", answer)):
        Path(f"checkpoint-{size}{ending}").write_bytes(content)
    complain(f"checkpoint-{size}.tsr says {response.tst_info.gen_time:%Y-%m-%dT%H:%M:%SZ}")
