"""README's pictures: a case as somebody may really work on it, in the app and in the explorer.

`DOSSIER_SCREENSHOTS=docs/images .venv/bin/pytest -n 0 tests/browser/pictures.py` takes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser import DEMO, PATIENCE, served, visiting
from tests.server import Client

CASE = {
    "title": "Payments diverted to changed bank details",
    "reference": "IR-2026-014",
    "description": "Two suppliers were paid to accounts that are not theirs. What happened, and what left the house?",
    "status": "ACTIVE",
}
Batches = list[tuple[str, int, str | None]]
EVENTS: list[tuple[str, dict[str, str], Batches]] = [
    (
        "Frame contract with the supplier signed",
        {"type": "NOTE", "occurredAt": "2025-11-01T00:00:00Z", "timePrecision": "MONTH"},
        [("Contract and annexes", 4, "pdf")],
    ),
    (
        "Message with a link to a copied sign-in page",
        {"type": "FINDING", "occurredAt": "2025-12-03T07:52:41Z"},
        [("Message with its headers", 1, "eml"), ("The page as it was served", 14, "html, js")],
    ),
    (
        "Sign-ins to the purchasing mailbox from two networks",
        {"type": "FINDING", "occurredAt": "2025-12-03T08:10:00Z", "occurredUntil": "2025-12-19T17:45:00Z"},
        [("Sign-in records", 3, "csv")],
    ),
    (
        "Rule hides answers of the supplier",
        {"type": "FINDING", "occurredAt": "2025-12-04T09:31:07.250Z"},
        [("Rules of the mailbox", 1, "json")],
    ),
    (
        "Bank details changed in the vendor record",
        {
            "type": "FINDING",
            "occurredAt": "2025-12-15T16:02:11Z",
            "description": "Outside office hours, by an account that three people share.",
        },
        [("Change log of the vendor records", 2, "csv"), ("Forms as received", 2, "pdf")],
    ),
    (
        "First payment to the new account",
        {"type": "FINDING", "occurredAt": "2025-12-22T00:00:00Z", "timePrecision": "DAY"},
        [("Payment orders and statements", 6, "pdf, xml")],
    ),
    (
        "Reminder: the supplier misses its money",
        {"type": "NOTE", "occurredAt": "2026-01-12T08:40:00Z", "timePrecision": "MINUTE"},
        [("Invoices with the same number", 3, "pdf")],
    ),
    (
        "Payments to the account stopped",
        {"type": "ACTION", "occurredAt": "2026-01-12T11:05:00Z", "timePrecision": "MINUTE"},
        [],
    ),
    (
        "Mailboxes of purchasing preserved",
        {
            "type": "ACTION",
            "occurredAt": "2026-01-13T07:00:00Z",
            "occurredUntil": "2026-01-16T18:30:00Z",
            "timePrecision": "MINUTE",
        },
        [
            ("Mailbox exports", 12, "pst"),
            ("Messages extracted", 48_210, "eml"),
            ("Attachments", 9_377, "pdf, xlsx, docx"),
        ],
    ),
    (
        "Notebook imaged",
        {"type": "ACTION", "occurredAt": "2026-01-14T09:15:00Z", "timePrecision": "MINUTE"},
        [("Disk image", 118, "e01"), ("Acquisition log with hashes", 1, "txt")],
    ),
    (
        "7,214 files copied to an external drive",
        {"type": "FINDING", "occurredAt": "2026-01-20T21:47:33Z"},
        [("Drawings", 5_120, "dwg, pdf"), ("Price lists", 2_094, "xlsx")],
    ),
    (
        "Second supplier asked for its bank details",
        {"type": "ACTION", "occurredAt": "2026-01-27T10:00:00Z", "timePrecision": "MINUTE"},
        [("Answer with enclosures", 3, "pdf")],
    ),
    (
        "Interim report to the audit committee",
        {"type": "NOTE", "occurredAt": "2026-02-09T00:00:00Z", "timePrecision": "DAY"},
        [("Report and exhibits", 27, "pdf")],
    ),
]
QUERY = """# The newest case
query Newest {
  cases(first: 1) {
    nodes {
      number
      title
      events(first: 6) {
        totalCount
        nodes {
          occurredAt
          title
          fileBatches {
            nodes {
              label
              fileCount
            }
          }
        }
      }
    }
  }
}
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose demo user has the case."""
    with served(tmp_path_factory.mktemp("server")) as address:
        headers = {"Authorization": f"Demo {DEMO[address].removeprefix('#demo=')}"}
        with httpx.Client(base_url=address, timeout=PATIENCE / 1000) as http:
            token = http.post("/demo-token", headers=headers, json={}).json()["token"]
            fill(Client(http, "demo", token))
        yield address


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept: DOSSIER_SCREENSHOTS, or a folder of the test."""
    folder = Path(os.environ.get("DOSSIER_SCREENSHOTS") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fill(client: Client) -> None:
    """Record the case with its events and their batches."""
    case = client.create_case(**CASE)
    for title, given, batches in EVENTS:
        event = client.create_event(case, title=title, **given)
        for order, (label, count, kinds) in enumerate(batches):
            more: dict[str, Any] = {"fileCount": count, "fileTypes": kinds, "sortOrder": order}
            client.create_batch(case, event, label=label, **more)


def shoot(page: Page, path: Path) -> None:
    """Take a picture without what blinks or moves."""
    page.mouse.move(0, 0)
    page.screenshot(path=path, animations="disabled", caret="hide")


def test_the_app_shows_a_case(url: str, pictures: Path) -> None:
    with visiting(url, pictures) as visit:
        page = visit.page
        page.set_viewport_size({"width": 1180, "height": 860})
        page.goto(f"{url}/app/{DEMO[url]}")
        page.get_by_role("button", name="Sign in as demo user").click()
        page.get_by_role("link", name=CASE["title"]).click()
        expect(page.get_by_role("heading", name="Notebook imaged")).to_be_visible()
        page.wait_for_timeout(500)
        shoot(page, pictures / "app.png")


def test_the_explorer_shows_a_query_and_its_answer(url: str, pictures: Path) -> None:
    with visiting(url, pictures) as visit:
        page = visit.page
        page.set_viewport_size({"width": 1180, "height": 640})
        page.goto(f"{url}/graphql{DEMO[url]}")
        page.get_by_role("button", name="Sign in as the demo user").click()
        expect(page.locator(".graphiql-query-editor .monaco-editor.focused")).to_be_visible()
        expect(page.get_by_text("Root Types")).to_be_visible()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(QUERY)
        page.get_by_role("button", name="Prettify query").click()  # the editor indented what was indented
        page.get_by_role("button", name="Hide editor tools").click()
        page.locator(".graphiql-query-editor .view-line").first.click()
        page.keyboard.press("Control+Home")
        page.wait_for_timeout(500)  # GraphiQL looks a tenth of a second later which operations a document holds
        page.keyboard.press("Control+Enter")
        expect(page.locator(".graphiql-response .view-lines")).to_contain_text("Frame contract")
        page.wait_for_timeout(500)
        shoot(page, pictures / "explorer.png")
