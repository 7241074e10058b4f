"""The settings of a command, out of its environment."""

from __future__ import annotations

from app.commands.streams import warn
from app.settings import Settings, from_environment


def configured() -> Settings:
    """Return the settings of the environment, and say on standard error what in it means nothing.

    Raises DossierError when a value can't be used.
    """
    settings = from_environment()
    for sentence in settings.passed_over:
        warn(sentence)
    return settings
