"""What a document and its variables may ask for at most, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.errors import RequestFault, RequestRefused
from app.settings import Limits

# A figure that grows exponentially is not counted further. It fits what any client can read as a number.
ENDLESS: Final = 10**9


def hold(limit: str, maximum: int, asked: int) -> int:
    """Return a figure. Raises RequestRefused when it is beyond its limit."""
    if asked > maximum:
        raise RequestRefused(_exceeded(limit, maximum, asked))
    return asked


def _exceeded(limit: str, maximum: int, asked: int) -> RequestFault:
    shown = f"{asked} or more" if asked == ENDLESS else asked
    return RequestFault(
        f"{_SENTENCES[limit].format(shown)}; {maximum} is the most that is allowed, so ask for less at once",
        "LIMIT_EXCEEDED",
        details={"limit": limit, "maximum": maximum, "asked": asked},
    )


_SENTENCES = {
    "characters": "the document has {} characters",
    "tokens": "the document has {} tokens",
    "brackets": "the document opens {} brackets in each other",
    "directives": "the document uses {} directives",
    "spreads": "the document spreads {} fragments",
    "fragments": "the document defines {} fragments",
    "aliases": "the document gives {} aliases",
    "fields": "the document selects {} fields once its fragments are expanded",
    "depth": "the document nests fields {} deep",
    "rootFields": "the operation has {} root fields",
    "reads": "the document makes {} look-ups, lists and counts",
    "comparisons": "the document repeats fields so often that {} pairs have to be compared",
    "repeats": "the document asks for one field under {} names at one place",
    "objects": "the answer can hold {} objects, its pages multiplied along each path",
}


def check_values(inputs: Mapping[str, Any], names: Iterable[str], limits: Limits) -> None:
    """Refuse variables that hold more values than are worth coercing. Raises RequestRefused, naming the list."""
    total = 0
    for name in names:
        ahead: list[tuple[tuple[str, ...], Any]] = [((name,), inputs.get(name))]
        while ahead:
            path, value = ahead.pop()
            if not isinstance(value, list | dict):
                continue
            # Counted before any of it is looked at, so that no more is looked at than is allowed.
            total += len(value)
            if total > limits.max_values:
                raise RequestRefused(
                    RequestFault(
                        f"`{'.'.join(path)}` makes it {total} values in the variables; {limits.max_values} is the most "
                        "that is allowed, so ask for less at once",
                        "INVALID_INPUT",
                        argument=path,
                        details={"limit": "values", "maximum": limits.max_values, "asked": total},
                    )
                )
            if isinstance(value, list):
                ahead += [(path, element) for element in value if isinstance(element, list | dict)]
            else:
                ahead += [((*path, key), inner) for key, inner in value.items() if isinstance(inner, list | dict)]
