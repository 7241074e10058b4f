"""The explorer, in a real browser that can reach nothing but its server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest
from playwright.sync_api import Page, Route, expect

from tests import commands
from tests.browser.browser import DEMO, Visit, served, visiting

REFUSED = "the server responded with a status of 401"  # Chromium's own note of a refused token


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server runs."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """A server as README's first command starts it."""
    with served(folder) as address:
        yield address


@pytest.fixture(scope="module")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept: DOSSIER_SCREENSHOTS, or a folder of the test."""
    folder = Path(os.environ.get("DOSSIER_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def visit(url: str, screenshots: Path) -> Iterator[Visit]:
    with visiting(url, screenshots) as opened:
        yield opened


def token(folder: Path) -> str:
    command = [sys.executable, "-m", "app.commands.cli", "token", "--subject", "alice", "--name", "Alice"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout.strip()


def sign_in(visit: Visit) -> Page:
    """Sign in as the demo user, and return the page with its first document ready to run."""
    page = visit.page
    page.goto(f"{visit.url}/graphql{DEMO[visit.url]}")
    page.get_by_role("button", name="Sign in as the demo user").click()
    assert page.url == f"{visit.url}/graphql"
    return ready(page)


def ready(page: Page) -> Page:
    """Return the page when the editor has the cursor and the documentation has the schema."""
    expect(page.locator(".graphiql-query-editor .monaco-editor.focused")).to_be_visible()
    expect(page.get_by_text("Root Types")).to_be_visible()
    return page


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    page.wait_for_timeout(500)  # GraphiQL looks a tenth of a second later which operations a document holds


def write(page: Page, document: str) -> None:
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(document)
    page.wait_for_timeout(500)


def expect_answer(page: Page, text: str) -> None:
    expect(page.locator(".graphiql-response .view-lines")).to_contain_text(text)


def test_a_first_visit_reads_the_documentation_and_runs_the_examples(visit: Visit) -> None:
    page = sign_in(visit)
    expect(page.get_by_text("Signed in as Demo User")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect_answer(page, '"subject": "demo"')
    expect_answer(page, '"totalCount": 0')
    visit.shoot("first-query")

    open_tab(page, "CreateCase")
    page.get_by_role("button", name="Execute query").click()
    expect_answer(page, '"title": "Invoices of 2025"')
    expect_answer(page, '"errors": []')
    visit.shoot("mutation")

    open_tab(page, "Cases")
    page.get_by_role("button", name="Execute query").click()
    expect_answer(page, '"viewerRole": "OWNER"')
    expect_answer(page, '"events": {')
    visit.shoot("nested-query")

    page.locator(".graphiql-doc-explorer-content").get_by_role("link", name="Mutation", exact=True).click()
    page.locator(".graphiql-doc-explorer-content").get_by_role("link", name="createCase", exact=True).click()
    expect(page.locator(".graphiql-doc-explorer-content")).to_contain_text("CreateCasePayload!")
    expect(page.locator(".graphiql-markdown-description").first).not_to_be_empty()
    visit.shoot("documentation")


def test_a_document_is_completed_checked_and_formatted_while_it_is_written(visit: Visit) -> None:
    page = sign_in(visit)
    write(page, "{ viewer { name nonsense } }")
    expect(page.locator(".squiggly-error").first).to_be_visible()
    write(page, "")
    page.keyboard.type("{ viewer { subj", delay=20)
    expect(page.locator(".suggest-widget.visible")).to_contain_text("subject")
    visit.shoot("completion")
    page.keyboard.press("Escape")
    write(page, "{viewer{subject}}")
    page.get_by_role("button", name="Prettify query").click()
    expect(page.locator(".graphiql-query-editor .view-line")).to_have_text(["{", "viewer {", "subject", "}", "}", ""])
    page.locator(".graphiql-query-editor .view-line").first.click(button="right")
    expect(page.locator(".monaco-menu")).to_contain_text("Command Palette")
    visit.shoot("menu")
    page.keyboard.press("Escape")
    page.keyboard.press("F1")
    expect(page.locator(".quick-input-widget")).to_be_visible()
    visit.shoot("commands")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/graphql{DEMO[visit.url]}")
    demo = page.get_by_role("button", name="Sign in as the demo user")
    expect(demo).to_be_focused()
    assert (
        demo.evaluate("(button) => button.matches(':focus-visible') && getComputedStyle(button).outlineStyle")
        == "solid"
    )
    page.keyboard.press("Tab")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    ready(page)
    page.keyboard.press("Control+Enter")
    expect_answer(page, '"subject": "demo"')
    # The editor takes Tab for itself until it is told otherwise.
    page.keyboard.press("Control+M")
    page.keyboard.press("Tab")
    expect(page.locator(".graphiql-query-editor .monaco-editor.focused")).to_have_count(0)
    for _ in range(60):
        if page.evaluate("document.activeElement.textContent") == "Sign out":
            break
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Enter")
    expect(demo).to_be_focused()


def test_a_token_of_ones_own_is_kept_in_memory_only(visit: Visit, folder: Path) -> None:
    page, own = visit.page, token(folder)
    page.goto(f"{visit.url}/graphql")
    submit = page.get_by_role("button", name="Sign in with the token")
    expect(submit).to_be_disabled()
    page.get_by_label("Token").fill("two words")
    submit.click()
    expect(page.locator("#sign-in-error")).to_contain_text("This is no token")
    visit.expected = REFUSED
    page.get_by_label("Token").fill(own[:-3])
    submit.click()
    expect(page.locator("#sign-in-error")).to_have_text("the token is not valid")
    visit.shoot("refused-token")
    visit.expected = None
    page.get_by_label("Token").fill(f"Bearer {own}\n")
    submit.click()
    ready(page)
    expect(page.get_by_text("Signed in as Alice")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect_answer(page, '"name": "Alice"')

    page.get_by_role("button", name="Show History").click()
    expect(page.locator(".graphiql-history-items")).to_contain_text("Cases")
    visit.shoot("history")
    page.wait_for_timeout(1000)  # GraphiQL writes to its storage half a second late
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])")
    assert "query Cases" in kept
    for part in own.split("."):
        assert part not in kept
    assert "uthorization" not in kept

    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Token")).to_have_value("")


def test_a_token_that_is_accepted_no_longer_is_noticed(visit: Visit) -> None:
    page = sign_in(visit)
    visit.expected = REFUSED
    page.route("**/graphql", spoil_the_token)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".bar .fault")).to_have_text("the token is not valid")
    expect_answer(page, '"message": "the token is not valid"')
    visit.shoot("refused-later")
    page.unroute("**/graphql")
    visit.expected = None
    page.get_by_role("button", name="Sign in again").click()
    page.get_by_role("button", name="Sign in as the demo user").click()
    ready(page)
    page.keyboard.press("Control+Enter")
    expect_answer(page, '"subject": "demo"')


def spoil_the_token(route: Route) -> None:
    token = route.request.headers["authorization"]
    route.continue_(headers=route.request.headers | {"authorization": token[:-3]})


def test_without_the_code_there_is_no_demo_user_but_a_word_on_where_it_is(visit: Visit) -> None:
    page = visit.page
    for path in ("/graphql", "/app/"):
        page.goto(visit.url + path)
        expect(page.get_by_text("For the demo user, open the address that the server printed")).to_be_visible()
        expect(page.get_by_role("button", name="demo user")).to_have_count(0)
    page.goto(f"{visit.url}/app/{DEMO[visit.url]}")
    expect(page.get_by_role("button", name="Sign in as demo user")).to_be_visible()
    assert page.url == f"{visit.url}/app/#/"
    # The tab knows the code from now on, on both pages.
    page.reload()
    page.get_by_role("button", name="Sign in as demo user").click()
    expect(page.get_by_role("heading", name="Cases")).to_be_visible()
    page.goto(f"{visit.url}/graphql")
    expect(page.get_by_role("button", name="Sign in as the demo user")).to_be_visible()
    visit.expected = "the server responded with a status of 404"
    page.goto(f"{visit.url}/app/#demo=of-another-start")
    page.get_by_role("button", name="Sign in as demo user").click()
    expect(page.get_by_role("alert")).to_have_text(
        "The server knows no such demo user; open the address that it printed when it started."
    )


def test_it_is_dark_where_the_system_is(url: str, screenshots: Path) -> None:
    with visiting(url, screenshots, color_scheme="dark") as visit:
        visit.page.goto(f"{url}/graphql")
        expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
        visit.shoot("dark-sign-in")
        page = sign_in(visit)
        page.keyboard.press("Control+Enter")
        expect_answer(page, '"subject": "demo"')
        visit.shoot("dark")
        background = "getComputedStyle(document.querySelector('#page')).backgroundColor"
        assert page.evaluate(background) == "rgb(33, 42, 59)"
        page.get_by_role("button", name="Open settings dialog").click()
        page.get_by_role("button", name="Light").click()
        assert page.evaluate(background) == "rgb(255, 255, 255)"
        visit.shoot("settings")


def test_without_introspection_it_says_so_and_runs_documents(tmp_path: Path, screenshots: Path) -> None:
    with served(tmp_path, DOSSIER_INTROSPECTION="false") as url, visiting(url, screenshots) as visit:
        page = visit.page
        page.goto(f"{url}/graphql{DEMO[url]}")
        page.get_by_role("button", name="Sign in as the demo user").click()
        expect(page.get_by_role("status")).to_contain_text("tell its schema")
        expect(page.locator(".graphiql-query-editor .monaco-editor.focused")).to_be_visible()
        page.keyboard.press("Control+Enter")
        expect_answer(page, '"subject": "demo"')
        visit.shoot("no-introspection")


def test_what_serve_prints_signs_in_the_demo_user_at_every_worker(tmp_path: Path) -> None:
    with commands.serving(tmp_path, "--workers", "2") as (process, url):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith(f"The app:      {url}/app/#demo=")
        headers = {"Content-Type": "application/json", "Authorization": f"Demo {line.strip().partition('=')[2]}"}
        for _ in range(10):
            token = httpx.post(f"{url}/demo-token", headers=headers, timeout=commands.PATIENCE).json()["token"]
            assert jwt.decode(token, options={"verify_signature": False})["sub"] == "demo"
