"""What stands around an answer: its headers, and how much a server takes on at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

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
