"""Real proxies in front of Dossier: nobody gets the answer of another user, or the demo user's token."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests import commands
from tests.commands import PATIENCE
from tests.server import Client, Server, serving
from tests.test_browser_pages import BROWSER
from tests.test_connections import OFFERS, SMUGGLED, everything, framed

pytestmark = pytest.mark.services

TRIES = 1_000
NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
worker_processes 1;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream dossier {{ server 127.0.0.1:{upstream}; keepalive 1; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 100000;
    location / {{ {location} }}
  }}
}}
"""
# What is written for websockets, and for connections that are kept: offers of other protocols are passed on, and so is
# a body as it comes.
WEBSOCKETS = """
proxy_pass http://dossier; proxy_http_version 1.1; proxy_request_buffering off;
proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
"""
KEPT = "proxy_pass http://dossier; proxy_http_version 1.1; proxy_set_header Connection '';"
PLAIN = "proxy_pass http://127.0.0.1:{upstream};"
LOCATIONS = {
    "nothing but the address": PLAIN,
    "kept connections": KEPT,
    "a name of this machine": f"{KEPT} proxy_set_header Host localhost;",
    "the client's host": f"{KEPT} proxy_set_header Host $host; proxy_set_header X-Forwarded-Proto https;",
    "where it comes from": "proxy_pass http://dossier; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
}
HAPROXY = """
global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend users
  bind 127.0.0.1:{port}
  default_backend dossier
backend dossier
  server dossier 127.0.0.1:{upstream} pool-max-conn 1
"""


@pytest.fixture(scope="module")
def server(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server to stand behind the proxies."""
    with serving("sqlite", new_database("sqlite")) as running:
        yield running


@contextmanager
def proxy(name: str, folder: Path, upstream: int, location: str = WEBSOCKETS) -> Iterator[int]:
    """Run a proxy in front of a port, nginx with these lines for all paths, and yield its own port."""
    program = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program is not None, f"{name} has to be installed; .ci/services does"
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    configuration = folder / "configuration"
    form = NGINX if name == "nginx" else HAPROXY
    location = location.replace("{upstream}", str(upstream))
    configuration.write_text(
        form.format(folder=folder, port=port, upstream=upstream, location=location), encoding="utf-8"
    )
    arguments = ["-p", str(folder), "-c"] if name == "nginx" else ["-db", "-f"]
    running = subprocess.Popen([program, *arguments, configuration], stderr=subprocess.DEVNULL)  # noqa: S603 - Debian's
    try:
        until = time.monotonic() + PATIENCE
        while not listens(port):
            assert running.poll() is None, f"{name} did not start"
            assert time.monotonic() < until
            time.sleep(0.05)
        yield port
    finally:
        running.terminate()
        running.wait(PATIENCE)


def listens(port: int) -> bool:
    """Return whether somebody listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def subject(connection: http.client.HTTPConnection, client: Client) -> str:
    """Ask through a connection who one is, and return the whole answer."""
    headers = {**client.headers, "Content-Type": "application/json"}
    connection.request("POST", "/graphql", json.dumps({"query": "{ viewer { subject } }"}), headers)
    return connection.getresponse().read().decode()


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_no_user_gets_the_answer_of_another(name: str, server: Server, tmp_path: Path) -> None:
    alice, mallory = server.client("alice-behind-a-proxy"), server.client("mallory-behind-a-proxy")
    honest = f'{{"data":{{"viewer":{{"subject":"{alice.subject}"}}}}}}'
    asking = json.dumps({"query": "{ viewer { subject } }"})
    smuggled = (
        SMUGGLED,
        framed(mallory, asking.encode(), ""),
        framed(mallory, b"x" * 1_000, "")[:-990],  # the beginning of a request, which would swallow the next one
        b"GET /nowhere HTTP/1.1\r\nX: ",
    )
    offers = list(OFFERS.values())
    wrong = []
    with proxy(name, tmp_path, port_of(server.url)) as port:
        user = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for attempt in range(TRIES):
            outer = mallory if attempt % 2 else None
            whole = framed(outer, smuggled[attempt % 4], offers[attempt % 5], None if attempt % 3 else 50)
            head = whole.index(b"\r\n\r\n") + 4
            with closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)) as attacker:
                attacker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                attacker.sendall(whole[:head])
                time.sleep(0.001)
                attacker.sendall(whole[head:])
                first = attacker.recv(65_536)
                answer = subject(user, alice)
                attacker.shutdown(socket.SHUT_WR)
                rest = everything(attacker)
            if answer != honest or alice.subject.encode() in first + rest or (first + rest).count(b"HTTP/1.1 ") != 1:
                wrong.append((attempt, answer, first + rest))
        user.close()
    assert wrong == []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A server as README's first command starts it: its folder and its address."""
    folder = tmp_path_factory.mktemp("server")
    with commands.serving(folder) as (_, url):
        yield folder, url


def port_of(url: str) -> int:
    """Return the port of a server's address."""
    return int(url.rpartition(":")[2])


def client_of(port: int) -> httpx.Client:
    """Return a client of whatever listens at a port."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)


@pytest.mark.parametrize("location", LOCATIONS.values(), ids=LOCATIONS)
def test_nobody_gets_the_demo_users_token_through_a_proxy(
    tmp_path: Path, served: tuple[Path, str], location: str
) -> None:
    folder, url = served
    token = commands.dossier(folder, "token", "--subject", "alice").stdout.strip()
    host = httpx.URL(url).netloc.decode()
    with proxy("nginx", tmp_path, port_of(url), location) as port, client_of(port) as http:
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
    with proxy("nginx", tmp_path, port_of(served[1]), PLAIN) as port:
        address = f"http://127.0.0.1:{port}"
        for path, leads_to in (("/", "/app/"), ("/graphql/?query=1", "/graphql?query=1")):
            location = httpx.get(address + path).headers["location"]
            # nginx makes it absolute, with the client's own host.
            assert location.removeprefix(address).removeprefix("http://127.0.0.1") == leads_to
