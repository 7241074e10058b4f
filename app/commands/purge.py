"""`dossier purge`: what was deleted is removed for good."""

from __future__ import annotations

import argparse
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from app.commands.failures import CommandError
from app.commands.interrupts import SilentInterrupts
from app.commands.parsers import command, text
from app.commands.streams import complain, say
from app.errors import JournalBroken, NotFound, StateError
from app.values import LEAST_ID, format_time, now

if TYPE_CHECKING:
    from app.db import Database, FoundRow, Transaction
    from app.settings import Settings


def add_to(commands: Any) -> None:
    """Add the command."""
    parser = command(
        commands,
        "purge",
        _run,
        "list what was deleted, and remove some of it for good",
        "Without arguments, list what was deleted and has not been purged. With ids, or with --due, remove for good "
        "what the record says of that and of all that was in it, and print what certifies it, a line of JSON each. "
        "That it was there, and who changed it when, stays provable. What a hold or a date keeps is not purged, and "
        "nothing of it can be undone. Servers may be at work meanwhile.",
    )
    parser.epilog = (
        "Exit codes: 0 when all that was asked for is purged; 1 when something was refused, or failed; 2 for misuse."
    )
    parser.add_argument("ids", metavar="ID", type=text, nargs="*", help="of what was deleted, as the list has it")
    parser.add_argument("--due", action="store_true", help="all that can't be restored any longer")
    parser.add_argument("--by", metavar="SUBJECT", type=text, help="who does it, as the record is to call them")
    parser.add_argument("--reason", metavar="TEXT", type=text, help="why, for the record")
    parser.add_argument(
        "--rewrite",
        action="store_true",
        help="afterwards carry out all that is under way, and write the files of the database anew, so that no bytes "
        "of what was purged or erased are left in them; takes as much room again, and nobody can write meanwhile",
    )


def _run(options: argparse.Namespace) -> int:
    with SilentInterrupts():
        import asyncio

        from app.db import migrations
        from app.db.rewriting import rewrite
        from app.settings import from_environment

    settings = from_environment()
    purges = bool(options.ids) or options.due
    if purges and not (options.by and options.reason and options.reason.strip()):
        raise CommandError("say who does it with --by, and why with --reason", exit_code=2)
    migrations.check(settings)
    refused = asyncio.run(_purge(settings, options)) if purges or not options.rewrite else 0
    if options.rewrite:
        refused += asyncio.run(_finish(settings))
        for warning in rewrite(settings):
            complain(warning)
    return int(refused > 0)


async def _purge(settings: Settings, options: argparse.Namespace) -> int:
    """List or purge what the options say; return how much was refused."""
    from app.db import migrations
    from app.resolvers import trash

    async with migrations.opened(settings) as database:
        found = await database.write(trash.in_trash, None)
        days = settings.trash_days
        if not options.ids and not options.due:
            for deletion in found:
                until = format_time(deletion.at + timedelta(days=days)) if days else "for ever"
                say(f"{deletion.row_id} {deletion.type} of case {deletion.case_id}, can be restored until {until}")
            return 0
        if unknown := {*options.ids} - {deletion.row_id for deletion in found}:
            raise CommandError(f"there is nothing deleted with the id {min(unknown)}; see 'dossier purge'", exit_code=2)
        over = now() - timedelta(days=days)
        asked = [each for each in found if each.row_id in options.ids or (options.due and days and each.at <= over)]
        refused = 0
        for deletion in asked:
            refused += not (
                await _purge_one(database, deletion, options) and await _carry_on(database, deletion.row_id)
            )
        return refused


async def _finish(settings: Settings) -> int:
    """Carry out what is under way, which is in the files as long as it is; return of how many that can't be done."""
    from app.db import migrations
    from app.record import removal

    async with migrations.opened(settings) as database:
        left, after = 0, LEAST_ID
        while (row_id := await database.write(partial(removal.next_under_way, after=after), None)) is not None:
            left += not await _carry_on(database, row_id)
            after = row_id
        return left


async def _carry_on(database: Database, row_id: str) -> bool:
    """Remove all that a deletion has yet to remove; return whether its journal lets that be done."""
    from app.record import removal

    try:
        while await database.write(partial(removal.carry_on_with, row_id=row_id), None):
            pass
    except JournalBroken as broken:
        complain(f"{row_id}: {broken}")
        return False
    return True


async def _purge_one(database: Database, deletion: FoundRow, options: argparse.Namespace) -> bool:
    """Begin to purge what was deleted; return whether nothing kept it."""
    from app.resolvers import trash

    def purge(transaction: Transaction) -> bytes | str:
        try:
            return trash.purge_as_operator(transaction, deletion, options.by, options.reason)
        except (NotFound, StateError) as refused:
            return refused.message

    try:
        made = await database.write(purge, None)
    except JournalBroken as broken:
        made = str(broken)
    if isinstance(made, str):
        complain(f"{deletion.row_id}: {made}")
        return False
    say(made.decode())
    return True
