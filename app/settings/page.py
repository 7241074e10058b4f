"""Writes docs/settings.md, from what the settings say of themselves.

`python -m app.settings.page > docs/settings.md`; a test holds that nobody forgot it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from app.settings.declared import Setting, declared

_HEAD = """\
# Settings

Environment variables, read when a command starts. What is left out, or empty, has its default. Times are in seconds.
A variable that begins with `DOSSIER_` and is not known is refused, with the name that may have been meant.

This page is made from the settings' own descriptions, in `app/settings/declared.py`:

<!-- write this page -->
```sh
.venv/bin/python -m app.settings.page > docs/settings.md
```
"""
_TAIL = """
## No settings, but known

`DOSSIER_TOKEN` is the token that `dossier collect` and `verify-files` call with. `DOSSIER_BUILD_PAGES=false` leaves the
web pages out of an installation from source. `DOSSIER_SCREENSHOTS` is where the tests in a browser keep pictures.
Kubernetes sets names such as `DOSSIER_SERVICE_HOST` for a service named `dossier`; `enableServiceLinks: false` in the
pod keeps them away.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([_HEAD.rstrip("\n"), *_tables(), ""]) + _TAIL


def _tables() -> Iterator[str]:
    for variable, setting in declared().items():
        if setting.heading is not None:
            yield f"\n## {setting.heading}\n\n| variable | default | form | meaning |\n|---|---|---|---|"
        yield f"| `{variable}` | {_default(setting)} | {setting.form.words} | {setting.meaning} |"


def _default(setting: Setting) -> str:
    return setting.unset or f"`{setting.default}`"


if __name__ == "__main__":
    sys.stdout.write(page())
