"""The command `dossier`. What it runs takes a second to be read in; Ctrl-C ends that without a traceback, too."""

from __future__ import annotations

import signal


def main() -> int:
    """Run a command; see app.commands.cli.main."""
    is_taken = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_taken:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from app.commands import cli  # noqa: PLC0415 - not before the line above

    if is_taken:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return cli.main()


if __name__ == "__main__":
    raise SystemExit(main())
