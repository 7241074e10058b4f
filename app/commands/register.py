"""Keeping the register of trusted documents: what the `dossier documents` commands do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from app.commands.failures import CommandError
from app.db import database_of, migrations
from app.errors import RequestFault
from app.execution.documents import Documents
from app.manifests import Document, read_manifest
from app.resolvers.trusted import SECONDS_KEPT, Registered, TakenIds, TrustedDocuments
from app.settings import Settings
from app.values import format_time, visible

# For a line that names a document. What stands in texts and comments is left out; a field whose name is `query`
# would pass for an operation, and the schema has none.
_NO_NAMES = re.compile(r'"""(?:\\"""|.)*?"""|"(?:\\.|[^"\\\n\r])*"|#[^\n\r]*', re.DOTALL)
_NAME = re.compile(r"\b(?:query|mutation|subscription)\s+(\w+)", re.ASCII)


class FaultyError(CommandError):
    """Documents that can't be registered or run, with a line for each fault."""

    def __init__(self, faults: Sequence[str], message: str) -> None:
        super().__init__(message, lines=faults)


async def add(settings: Settings, file: Path) -> str:
    """Register the documents of a manifest, all or none; return what was done. Raises DossierError."""
    documents = _read(settings, file)
    async with migrations.opened(settings) as database:
        try:
            new = await TrustedDocuments(database).add(documents)
        except TakenIds as taken:
            texts = {document.id: document for document in documents}
            sentence = "another document is registered under this id; what differs needs an id of its own"
            raise FaultyError(
                [f"{_shown(texts[each])} {sentence}" for each in taken.ids], "nothing was registered"
            ) from None
    return f"{_counted(new)} registered; {len(documents) - new} of {file.name} were already"


async def check(settings: Settings, file: Path | None) -> str:
    """Check the documents of a manifest, or those that are registered, against the schema and the limits.

    Return how many are fit to be run. Raises FaultyError, or DossierError when they can't be read.
    """
    if file is not None:
        return f"{_counted(len(_read(settings, file)))} checked, without a fault"
    registered = await list_(settings)
    faults = _faults(settings, registered)
    if faults:
        raise FaultyError(faults, f"{_counted(len(faults), 'fault')} in what is registered")
    return f"{_counted(len(registered))} checked, without a fault"


async def list_(settings: Settings) -> list[Registered]:
    """Return what is registered, the oldest first. Raises DossierError."""
    async with migrations.opened(settings) as database:
        return await TrustedDocuments(database).all()


async def remove(settings: Settings, ids: Sequence[str]) -> str:
    """Remove documents by their ids, all or none; return what was done. Raises DossierError."""
    async with migrations.opened(settings) as database:
        removed = await TrustedDocuments(database).remove(ids)
    return f"{_counted(removed)} removed; within {SECONDS_KEPT} seconds no server runs what was removed"


def line(document: Registered) -> str:
    """Return a line about a document: its id, since when it is registered, and its operations, separated by tabs."""
    return "\t".join((visible(document.id), format_time(document.added_at), _names(document.text)))


def _read(settings: Settings, file: Path) -> list[Document]:
    """Return the documents of a manifest. Raises FaultyError unless all can be run."""
    documents, faults = read_manifest(file)
    faults += _faults(settings, documents)
    if faults:
        raise FaultyError(faults, f"{_counted(len(faults), 'fault')} in {file.name}")
    return documents


def _faults(settings: Settings, documents: Iterable[Document | Registered]) -> list[str]:
    # Whoever operates the server knows the schema. The database is never opened: it says which SQL is written.
    checking = Documents(replace(settings, suggestions=True), database_of(settings))
    return [f"{_shown(document)} {_told(fault)}" for document in documents for fault in checking.faults(document.text)]


def _shown(document: Document | Registered) -> str:
    return f"{_names(document.text)} [{document.id}]:"


def _told(fault: RequestFault) -> str:
    places = ", ".join(f"{line}:{column}" for line, column in fault.locations)
    message = " ".join(fault.message.split())
    return f"{places}: {message}" if places else message


def _names(text: str) -> str:
    return ", ".join(_NAME.findall(_NO_NAMES.sub("", text))) or "without a name"


def _counted(number: int, noun: str = "document") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
