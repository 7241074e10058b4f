"""Runs the benchmark and prints its tables: see bench/README.md."""
# ruff: noqa: T201 - a command line prints

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from bench import measurements, report
from bench.measurements import Work
from bench.stage import Stage

_FOLDER = Path(__file__).parent / ".work" / "data"
_WORKS = ("nested", "page", "one", "write", "growth", "paging", "workers", "memory", "allocation")
_KINDS = ("sqlite", "postgresql")


def main() -> int:
    """Run what was asked for."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _end)
    rounds, seconds, requests = (2, 1, 10_000) if options.quick else (options.rounds, options.seconds, 100_000)
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start;", end=" ")
    print(f"{rounds} rounds of {seconds} s, {measurements.READERS} connections")
    with Stage(_FOLDER) as stage:
        verdicts: list[str] = []
        chosen = list(_tables(stage, options))
        for number in range(rounds):
            for work in chosen:
                # Every other round backwards: no row always follows the same one.
                for row in work.rows[:: -1 if number % 2 else 1]:
                    row.series.rates.append(row.measure(seconds))
            _progress(f"round {number + 1} of {rounds} done")
        for work in chosen:
            print("\n" + report.table(work.title, [row.series for row in work.rows]))
            verdicts += [comparison.verdict() for comparison in work.comparisons]
        for kind in options.databases:
            if "memory" in options.works:
                label, grown = measurements.memory(stage, kind, requests)
                verdicts.append(report.verdict(label, [grown], 1.1, at_most=True))
            if "allocation" in options.works:
                label, multiple = measurements.allocated(stage, kind)
                verdicts.append(report.verdict(label, [multiple], 5, at_most=True))
    print("\naims:", *verdicts, sep="\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure Dossier against its ceiling and its peers.")
    parser.add_argument("--works", nargs="+", choices=_WORKS, default=_WORKS, help="what to measure (default: all)")
    parser.add_argument(
        "--databases", nargs="+", choices=_KINDS, default=_KINDS, help="on which databases (default: both)"
    )
    parser.add_argument("--without-peers", action="store_true", help="measure Dossier and its ceiling only")
    parser.add_argument("--quick", action="store_true", help="two rounds of a second, for development")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=3, help="seconds a row and round (default: %(default)s)")
    return parser


def _tables(stage: Stage, options: argparse.Namespace) -> Iterator[Work]:
    for name in options.works:
        if name == "write":
            yield measurements.writes(stage)
        elif name not in {"memory", "allocation"}:
            for kind in options.databases:
                _progress(f"setting up {name}, {kind}")
                yield _table(stage, name, kind, peers=not options.without_peers)


def _table(stage: Stage, name: str, kind: str, *, peers: bool) -> Work:
    match name:
        case "growth":
            return measurements.growth(stage, kind)
        case "paging":
            return measurements.paging(stage, kind)
        case "workers":
            return measurements.workers(stage, kind)
        case _:
            return measurements.reads(stage, name, kind, peers=peers)


def _progress(words: str) -> None:
    if sys.stderr.isatty():
        print(words, file=sys.stderr)


def _end(*_: object) -> NoReturn:
    raise SystemExit("ended by a signal")


if __name__ == "__main__":
    sys.exit(main())
