"""`dossier collect` in this process, with all that the command gives it."""

from __future__ import annotations

import os

from app.commands import recording
from app.commands.plans import Choice
from app.commands.recording import Collected
from app.commands.signals import Signals
from app.commands.streams import Progress


def collect(
    folder: str | os.PathLike[str],
    case_title: str | None,
    url: str,
    token: str,
    *,
    choice: Choice | None = None,
    case: str | None = None,
    progress: Progress | None = None,
) -> Collected:
    """Record a folder as a new case, or go on with one."""
    with Signals.taken() as signals, progress or Progress() as shown:
        return recording.collect(
            folder, case_title, url, token, choice=choice or Choice(), case=case, signals=signals, progress=shown
        )
