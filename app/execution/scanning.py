"""The first gate: what shows in a text before it is parsed, counted with one regular expression."""

from __future__ import annotations

import re

from app.execution.limits import hold
from app.settings import Limits

# A comment, or in the group a token, as the GraphQL specification has them (section 2.1). A text that doesn't end
# is a token as well, and nothing is tried in two ways: however the text is made, the time grows with its length.
_TOKEN = re.compile(
    r"""
    (?: \#[^\n\r]*+ )
    | ( [A-Za-z_][0-9A-Za-z_]*+
      | \.\.\.
      | [!$&():=@\[\]{|}]
      | -?[0-9]++ (?:\.[0-9]++)? (?:[eE][+-]?[0-9]++)?
      | \"\"\" (?: [^"\\]++ | \\\"\"\" | \\ | "(?!"") )*+ (?:\"\"\")?
      | " (?: [^"\\\n\r]++ | \\. )*+ "?
      )
    """,
    re.VERBOSE,
)
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")


def scan(text: str, limits: Limits) -> dict[str, int]:
    """Return the figures of a text. Raises RequestRefused when it is too long, or nested too deep, to be parsed.

    It does not matter whether the text is GraphQL: what is not is refused when it is parsed.
    """
    figures = {"characters": hold("characters", limits.max_characters, len(text))}
    lexemes = [lexeme for lexeme in _TOKEN.findall(text) if lexeme]
    figures["tokens"] = hold("tokens", limits.max_tokens, len(lexemes))
    figures["directives"] = hold("directives", limits.max_directives, lexemes.count("@"))
    figures["spreads"] = hold("spreads", limits.max_spreads, lexemes.count("..."))
    deepest = depth = 0
    for lexeme in lexemes:
        if lexeme in _OPENING:
            depth += 1
            deepest = max(deepest, depth)
        elif lexeme in _CLOSING:
            depth -= 1
    figures["brackets"] = hold("brackets", limits.max_brackets, deepest)
    return figures
