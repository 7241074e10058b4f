"""Real proxies in front of Dossier, with connections that two users share: nobody gets the answer of the other."""

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

import pytest

from tests.commands import PATIENCE
from tests.server import Client, Server, serving
from tests.test_connections import OFFERS, SMUGGLED, everything, framed

pytestmark = pytest.mark.services

TRIES = 1_000
# What is written for websockets, and for connections that are kept: offers of other protocols are passed on, and so is
# a body as it comes.
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
    location / {{
      proxy_pass http://dossier;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }}
  }}
}}
"""
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
def proxy(name: str, folder: Path, upstream: int) -> Iterator[int]:
    """Run a proxy in front of a port, and yield its own."""
    program = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip(f"there is no {name}")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    configuration = folder / "configuration"
    form = NGINX if name == "nginx" else HAPROXY
    configuration.write_text(form.format(folder=folder, port=port, upstream=upstream), encoding="utf-8")
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
    upstream = int(server.url.rpartition(":")[2])
    with proxy(name, tmp_path, upstream) as port:
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
