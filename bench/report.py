"""What was measured, as tables, and how it compares with what Dossier aims at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Series:
    """The figures of one row, one for each round."""

    label: str
    rates: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """One row's figures over another's, and the bound that the median of the quotients should keep."""

    label: str
    over: Series
    under: Series
    bound: float
    at_most: bool = False

    def verdict(self) -> str:
        """Return the line that sets the quotients against the bound."""
        return verdict(self.label, quotients(self.over, self.under), self.bound, at_most=self.at_most)


def quotients(over: Series, under: Series) -> list[float]:
    """Return the quotient of two rows in each round: what slows a whole round down cancels out."""
    return [a / b for a, b in zip(over.rates, under.rates, strict=True)]


def table(title: str, rows: Sequence[Series]) -> str:
    """Return the figures of a work; the first row is what the others are compared with."""
    lines = [f"{title:<44}{'per second':>10}  {'lowest to highest':>18}  {'the first row is':>28}"]
    for row in rows:
        spread = f"{min(row.rates):,.0f} to {max(row.rates):,.0f}"
        times = "" if row is rows[0] else f"{_spread(quotients(rows[0], row))} times"
        lines.append(f"  {row.label:<42}{median(row.rates):>10,.0f}  {spread:>18}  {times:>28}".rstrip())
    return "\n".join(lines)


def verdict(label: str, values: Sequence[float], bound: float, *, at_most: bool = False) -> str:
    """Return the line that sets a figure against its bound."""
    value = median(values)
    kept = value <= bound if at_most else value >= bound
    sign = "≤" if at_most else "≥"
    return f"  {'ok  ' if kept else 'MISS'}  {label:<68}  {_spread(values):<22}  {sign} {bound:g}"


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
