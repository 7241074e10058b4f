"""A Dossier as `dossier serve` starts it, and a Chromium that can reach nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60_000  # milliseconds; a machine may have much else to do
DEMO: dict[str, str] = {}
"""What stands behind the addresses that `dossier serve` printed and signs in the demo user, by the server's address."""

NOWHERE = "http://127.0.0.1:9"  # nothing listens on the discard port


@contextmanager
def served(folder: Path, **environment: str) -> Iterator[str]:
    """Run `dossier serve` in an empty folder, and yield its address."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.commands.cli", "serve", "--port", "0"],
        cwd=folder,
        env=inherited | environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        match = re.search(r"listens on (http://\S+)/graphql", line)
        assert match, line
        explorer = next((line for line in iter(process.stdout.readline, "") if line.startswith("The explorer:")), "")
        DEMO[match[1]] = explorer.rstrip("\n").partition("/graphql")[2]
        assert httpx.get(f"{match[1]}/healthz", timeout=60).is_success
        yield match[1]
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE / 1000)
        finally:
            process.kill()


@dataclass
class Visit:
    """A page in a new profile, with everything that must not happen to it."""

    page: Page
    url: str
    screenshots: Path
    trouble: list[str] = field(default_factory=list)
    expected: str | None = None  # what a console message may say

    def watch(self) -> None:
        """Note errors, warnings, violations of the page's policy and requests to elsewhere."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.context.on("request", lambda request: self._request(request.url))
        self.page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
        )

    def _console(self, message: ConsoleMessage) -> None:
        foreseen = self.expected is not None and self.expected in message.text
        if message.type in {"error", "warning"} and not foreseen:
            self.trouble.append(f"{message.type}: {message.text}")

    def _request(self, url: str) -> None:
        if not url.startswith((f"{self.url}/", f"blob:{self.url}/")):
            self.trouble.append(f"request: {url}")

    def shoot(self, name: str) -> None:
        """Keep a picture of the page, for people to look at."""
        self.page.screenshot(path=self.screenshots / f"{name}.png")


def chromium() -> str:
    """Return the browser's path."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, f"no Chromium is installed as {', '.join(NAMES)}; the variable CHROMIUM may name one"
    return found


@contextmanager
def visiting(url: str, screenshots: Path, *, color_scheme: Literal["light", "dark"] = "light") -> Iterator[Visit]:
    """Open a page, and after the block hold that nothing went wrong in it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
            proxy={"server": NOWHERE, "bypass": "127.0.0.1"},
        )
        context = browser.new_context(color_scheme=color_scheme, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        visit = Visit(context.new_page(), url, screenshots)
        visit.watch()
        yield visit
        assert not visit.trouble, visit.trouble
        browser.close()
