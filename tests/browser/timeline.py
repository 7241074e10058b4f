"""The example app's own test, in a real browser, against the app as `dossier serve` serves it."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

from tests.browser.browser import chromium, served
from tests.node import installed

APP = Path(__file__).parents[2] / "examples" / "timeline"


def test_the_example_app_passes_its_own_test(tmp_path: Path) -> None:
    node, npm = installed(APP)
    with served(tmp_path) as url:
        environment = {
            "CHROMIUM": chromium(),
            "DOSSIER_APP": f"{url}/app/",
            "DOSSIER_FOLDER": str(tmp_path),
            "DOSSIER_TOKEN": f"{sysconfig.get_path('scripts')}/dossier token",
            "PATH": os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)]),
        }
        done = subprocess.run(  # noqa: S603 - our own command
            [node, npm, "test"],
            cwd=APP,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout
    assert "fail 0" in done.stdout, done.stdout
