"""The parsers of the command line. What is misspelt is told with what it is nearest to."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Final, NoReturn

from app.commands.failures import CommandError
from app.values import from_argument, visible

ADDRESS: Final = "http://127.0.0.1:8000/graphql"
"""Where commands look for a server when they aren't told."""

_ENDING = frozenset({"-h", "--help", "--version"})  # nothing after them is looked at


class Parser(argparse.ArgumentParser):
    """A parser that shows what it was given as a terminal may show it: a shell puts names of files in for `*`."""

    def __init__(self, **settings: Any) -> None:
        self._options: list[str] = []
        self._commands: Any = None
        super().__init__(**settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Take an argument; see argparse."""
        action = super().add_argument(*names, **settings)
        self._options += action.option_strings
        return action

    def add_commands(self, name: str) -> Any:
        """Return what `command` adds commands to, of which one has to be given; it is the value of this name."""
        self._commands = self.add_subparsers(title="commands", dest=name, metavar="COMMAND", required=True)
        return self._commands

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Return the values of arguments, and those that were not expected; see argparse.

        Raises CommandError for a command or an option that there isn't, where there is one much like it. argparse calls
        this for each command with what follows it, and complains of what is missing before it comes to what is
        misspelt, though that is often the same.
        """
        words = sys.argv[1:] if args is None else list(args)
        self._check(words)
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments and exit."""
        super().error(visible(message))

    def _check(self, words: Iterable[str]) -> None:
        for word in words:
            name = word.partition("=")[0]
            if word == "--" or name in _ENDING:
                return
            # As argparse has it: what has a space is no option, a beginning of one is enough, and a value may follow a
            # single letter at once.
            if word.startswith("-") and " " not in name:
                if name[:2] not in self._options and not any(option.startswith(name) for option in self._options):
                    self._check_near(name, "option", self._options)
            elif self._commands is not None:
                if word not in self._commands.choices:
                    self._check_near(word, "command", self._commands.choices)
                return

    def _check_near(self, word: str, kind: str, known: Iterable[str]) -> None:
        by_letters = {each.lstrip("-"): each for each in known}
        for nearest in get_close_matches(word.lstrip("-").lower(), by_letters, 1):
            raise CommandError(
                f"`{word}` is no {kind} of '{self.prog}'; did you mean `{by_letters[nearest]}`?", exit_code=2
            )


def command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, description: str
) -> Parser:
    """Add a command that `run` runs, which returns the exit code; return its parser."""
    parser: Parser = commands.add_parser(name, help=summary, description=description)
    parser.set_defaults(run=run)
    return parser


def text(argument: str) -> str:
    """Return an argument that is text. Raises argparse.ArgumentTypeError when it is none in UTF-8."""
    read = from_argument(argument)
    if read is None:
        raise argparse.ArgumentTypeError("expected text in UTF-8")
    return read
