"""Dossier behind a real nginx on the same machine, which leaves no trace in what it passes on unless it is told to."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.commands import PATIENCE, dossier, serving
from tests.test_browser_pages import BROWSER

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")

KEPT = "proxy_http_version 1.1; proxy_set_header Connection '';"
# What stands beside `proxy_pass` in nginx's configuration.
SAID = {
    "nothing": "",
    "kept connections": KEPT,
    "a name of this machine": f"{KEPT} proxy_set_header Host localhost;",
    "the client's host": f"{KEPT} proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;",
    "where it comes from": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A server as README's first command starts it: its folder and its address."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder) as (_, url):
        yield folder, url


@contextmanager
def nginx(folder: Path, url: str, said: str) -> Iterator[str]:
    """Run an nginx before a server and yield its address."""
    assert NGINX is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {' '.join(f'{name}_temp_path {folder}/{name};' for name in files)}\n"
        f"upstream dossier {{ server {httpx.URL(url).netloc.decode()}; keepalive 4; }}\n"
        f"server {{ listen 127.0.0.1:{port};\n"
        f"location / {{ proxy_pass {'http://dossier' if said else url}; {said} }} }} }}\n"
    )
    process = subprocess.Popen([NGINX, "-e", f"{folder}/error.log", "-c", configuration])  # noqa: S603
    try:
        address = f"http://127.0.0.1:{port}"
        end = time.monotonic() + PATIENCE
        while True:
            try:
                assert httpx.get(f"{address}/healthz").text == "alive\n"
                break
            except httpx.ConnectError:
                assert process.poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < end
                time.sleep(0.02)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_nobody_gets_the_demo_users_token_through_a_proxy(tmp_path: Path, served: tuple[Path, str], said: str) -> None:
    folder, url = served
    token = dossier(folder, "token", "--subject", "alice").stdout.strip()
    host = httpx.URL(url).netloc.decode()
    with nginx(tmp_path, url, said) as address, httpx.Client(base_url=address, timeout=PATIENCE) as http:
        mine = {"Content-Type": "application/json"}
        guesses = [
            {},
            {"Origin": url, "Sec-Fetch-Site": "same-origin"},
            {"Origin": "http://localhost"},
            {"Host": host, "Origin": url},
            {"Authorization": "Demo"},
            {"Authorization": "Demo None"},
            {"Authorization": f"Bearer {token}"},
        ]
        for headers in guesses:
            refused = http.post("/demo-token", headers=mine | headers, content="{}")
            assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
            assert "token" not in refused.json()
        assert http.get("/demo-token").status_code == 404
        # Nor is the code in anything that it passes on.
        for path in ("/", "/app/", "/graphql", "/graphql/"):
            assert "demo=" not in http.get(path, headers=BROWSER, follow_redirects=True).text
        answer = http.post(
            "/graphql", json={"query": "{ viewer { subject } }"}, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.json() == {"data": {"viewer": {"subject": "alice"}}}


def test_a_proxy_passes_on_where_a_path_leads_to(tmp_path: Path, served: tuple[Path, str]) -> None:
    with nginx(tmp_path, served[1], "") as address:
        for path, leads_to in (("/", "/app/"), ("/graphql/?query=1", "/graphql?query=1")):
            location = httpx.get(address + path).headers["location"]
            # nginx makes it absolute, with the client's own host.
            assert location.removeprefix(address).removeprefix("http://127.0.0.1") == leads_to
