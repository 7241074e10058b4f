"""The command `dossier`."""

from __future__ import annotations

from app.commands.interrupts import SilentInterrupts


def main() -> int:
    """Run a command; see app.commands.cli.main."""
    with SilentInterrupts():
        from app.commands import cli  # noqa: PLC0415 - it is read in where Ctrl-C is silent

    return cli.main()


if __name__ == "__main__":
    raise SystemExit(main())
