"""What stands around an answer: its headers, and how much a server takes on at once."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from app.db.sqlite_writer import writing_lock
from tests.server import Server, serving

ORIGIN = "https://cases.example.org"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server that takes on one request at a time, by POST alone, and knows of one other origin."""
    with serving(
        "sqlite",
        new_database("sqlite"),
        DOSSIER_MAX_REQUESTS="1",
        DOSSIER_GET_QUERIES="false",
        DOSSIER_CORS_ORIGINS=ORIGIN,
    ) as running:
        yield running


def code(response: httpx.Response) -> str:
    """Return the code of the one error of a response."""
    assert response.headers["content-type"] == "application/json"
    (error,) = response.json()["errors"]
    text: str = error["extensions"]["code"]
    return text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/graphql", 401),
        ("DELETE", "/graphql", 405),
        ("GET", "/healthz", 200),
        ("POST", "/healthz", 405),
        ("GET", "/readyz", 200),
        ("GET", "/elsewhere", 404),
        ("POST", "/graphql/", 404),
    ],
)
def test_every_answer_has_the_headers_of_an_api(server: Server, method: str, path: str, status: int) -> None:
    response = server.http.request(method, path)
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


def test_an_answer_with_data_has_them_too(server: Server) -> None:
    response = server.client().post("{ viewer { id } }")
    assert response.status_code == 200
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


def test_a_server_at_work_on_all_that_it_takes_on_says_when_to_come_back(server: Server) -> None:
    alice = server.client()
    alice.create_case()
    with ThreadPoolExecutor(1) as pool, writing_lock(server.settings.database_file):
        waiting = pool.submit(alice.create_case)
        time.sleep(0.3)
        refused = alice.post("{ viewer { id } }")
        assert (refused.status_code, code(refused)) == (503, "UNAVAILABLE")
        assert refused.headers["retry-after"] == "1"
        assert server.http.post("/graphql").status_code == 401  # strangers learn nothing of it
        assert server.http.get("/healthz").status_code == 200
    assert waiting.result()
    assert alice.post("{ viewer { id } }").status_code == 200


def test_queries_by_get_can_be_turned_off(server: Server) -> None:
    alice = server.client()
    response = server.http.get("/graphql", params={"query": "{ viewer { id } }"}, headers=alice.headers)
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_pages_of_configured_origins_may_read_answers(server: Server) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    allowed = server.http.options("/graphql", headers={"Origin": ORIGIN, **asked})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in allowed.headers
    refused = server.http.options("/graphql", headers={"Origin": "https://elsewhere.example.org", **asked})
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    alice = server.client()
    headers = {**alice.headers, "Content-Type": "application/json"}
    response = server.http.post("/graphql", content=b" " * 1_048_577, headers=headers)
    assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")
    assert response.json()["errors"][0]["message"] == "the body may have 1048576 bytes, not 1048577"


def test_a_body_of_very_many_values_is_refused_before_it_is_decoded(server: Server) -> None:
    client = server.client()
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    keys: Any = {f"key {number}": number for number in range(20_001)}
    bodies: list[Any] = [[[]] * 200_000, ["x"] * 20_001, [{}] * 30_000, keys]
    for ids in bodies:
        refused = client.post(document, {"ids": ids})
        assert (refused.status_code, code(refused)) == (413, "PAYLOAD_TOO_LARGE")
        assert refused.json()["errors"][0]["message"] == "the body may hold 20000 values in all"
    quotes = server.http.post("/graphql", content=b'"' * 1_000_000, headers={**JSON, **client.headers})
    assert quotes.status_code == 413


@pytest.mark.parametrize("text", [',[{"' * 60_000, "\\\\" * 60_000, '"' * 200_000, '\\"' * 60_000])
def test_whatever_stands_in_a_text_is_no_value(server: Server, text: str) -> None:
    answer = server.client().post("{ viewer { id } }", {"unknown": text, "more": ["", "\\", text[:9]]})
    assert set(answer.json()) == {"data"}


def test_nobody_is_sent_to_the_host_that_a_request_names(server: Server) -> None:
    for path in ("/graphql/", "/healthz/", "/demo-token/"):
        answer = server.http.get(path, headers={"Host": "elsewhere.example"})
        assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    "head",
    [
        "Host: a\r\nHost: a\r\nTransfer-Encoding: chunked",
        "X-Host: a\r\nTransfer-Encoding: chunked",
        "Host: a\r\nTransfer-Encoding: gzip, chunked",
        "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
        "Host: a\r\nContent-Length: 5\r\nContent-Length: 5",
        "Host: a\r\nContent-Length: +5",
        "Host : a",
    ],
)
def test_a_request_that_a_proxy_may_read_otherwise_ends_the_connection(server: Server, head: str) -> None:
    url = httpx.URL(server.url)
    assert url.port is not None
    with socket.create_connection((url.host, url.port), timeout=10) as connection:
        hidden = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
        connection.sendall(f"POST /graphql HTTP/1.1\r\n{head}\r\n\r\n0\r\n\r\n{hidden}".encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1") == 1
