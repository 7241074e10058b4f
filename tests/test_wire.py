"""What stands around an answer: its headers, and how much a server takes on at once."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from app.db.sqlite_writer import writing_lock
from app.web import wire
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
        ("POST", "/graphql/", 308),
        ("PUT", "/graphql/", 405),
        ("GET", "/", 308),
        ("POST", "/", 405),
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


ASKED = [
    "authorization,content-type",
    "apollographql-client-name, apollographql-client-version, authorization, content-type",
    "x-apollo-operation-name,apollo-require-preflight,graphql-client-name,graphql-client-version",
    "baggage,traceparent,tracestate,sentry-trace,x-b3-traceid,x-datadog-trace-id,x-request-id",
    "X-Anything",
    None,
]


@pytest.mark.parametrize("asked", ASKED)
def test_a_page_of_a_configured_origin_may_send_whatever_headers_it_has(server: Server, asked: str | None) -> None:
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    headers |= {"Access-Control-Request-Headers": asked} if asked else {}
    headers["Access-Control-Request-Private-Network"] = "true"
    allowed = server.http.options("/graphql", headers=headers)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    assert allowed.headers["access-control-allow-private-network"] == "true"
    assert allowed.headers.get("access-control-allow-headers") == asked
    assert allowed.headers["access-control-allow-methods"] == "GET, POST"
    assert allowed.headers["access-control-max-age"] == "600"
    assert allowed.headers["vary"].startswith("Origin, ")
    assert "access-control-allow-credentials" not in allowed.headers


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("origin", ["https://elsewhere.example.org", "null", f"{ORIGIN}.example", f"{ORIGIN}:444"])
def test_a_page_of_another_origin_may_send_nothing(server: Server, origin: str, asked: str | None) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    headers |= {"Access-Control-Request-Headers": asked} if asked else {}
    refused = server.http.options("/graphql", headers=headers)
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    answer = server.http.post("/graphql", headers={"Origin": origin})
    assert answer.status_code == 401
    assert "access-control-allow-origin" not in answer.headers
    assert "Origin" in answer.headers["vary"]


def test_pages_of_configured_origins_may_read_refusals_as_well(server: Server) -> None:
    alice = server.client()
    page = {"Origin": ORIGIN}
    signed = page | alice.headers

    def check(response: httpx.Response, status: int) -> None:
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["access-control-expose-headers"] == "Content-Disposition, Retry-After, WWW-Authenticate"
        assert response.headers["vary"] == "Origin"

    json = {"query": "{ viewer { id } }"}
    check(server.http.post("/graphql", json=json, headers=signed), 200)
    check(server.http.post("/graphql", json={"query": "{"}, headers=signed | {"Accept": wire.GRAPHQL_JSON}), 400)
    check(server.http.post("/graphql", json=[], headers=signed), 400)
    check(server.http.post("/graphql", json=json, headers=page), 401)
    check(server.http.get("/elsewhere", headers=page), 404)
    check(server.http.delete("/graphql", headers=page), 405)
    check(server.http.post("/graphql", json=json, headers=signed | {"Accept": "text/csv"}), 406)
    check(server.http.post("/graphql", content=b" " * 1_048_577, headers=signed | JSON), 413)
    check(server.http.post("/graphql", content=b"a=b", headers=signed), 415)
    with ThreadPoolExecutor(1) as pool, writing_lock(server.settings.database_file):
        waiting = pool.submit(alice.create_case)
        time.sleep(0.3)
        check(server.http.post("/graphql", json=json, headers=signed), 503)
    assert waiting.result()


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "x-gzip", "br", "zstd", "deflate", "identity, gzip", "gzip,", "nonsense"]
)
@pytest.mark.parametrize("body", [b'{"query": "{ viewer { id } }"}', None])
def test_a_compressed_body_is_told_to_come_as_it_is(server: Server, coding: str, body: bytes | None) -> None:
    headers = {**server.client().headers, **JSON, "Content-Encoding": coding}
    content = gzip.compress(b'{"query": "{ viewer { id } }"}') if body is None else body
    refused = server.http.post("/graphql", content=content, headers=headers)
    assert (refused.status_code, refused.headers["accept-encoding"]) == (415, "identity")
    (error,) = refused.json()["errors"]
    assert error["message"] == "send the request uncompressed, without Content-Encoding"


@pytest.mark.parametrize("coding", ["identity", "Identity", "", ",", "identity, identity"])
def test_a_body_that_is_said_to_be_as_it_is_is_taken(server: Server, coding: str) -> None:
    headers = {**server.client().headers, **JSON, "Content-Encoding": coding}
    answer = server.http.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "header",
    [
        {"Accept": ""},
        {"Accept": ","},
        {"Content-Type": "application/json; charset=us-ascii"},
        {"Content-Type": 'application/json;charset="US-ASCII"'},
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_what_can_be_meant_in_one_way_alone_is_taken(server: Server, header: dict[str, str], mark: bytes) -> None:
    headers = {**server.client().headers, **JSON, **header}
    answer = server.http.post("/graphql", content=mark + b'{"query": "{ __typename }"}', headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("body", ["[]", '[{"query": "{ __typename }"}]', "[1]", '\ufeff[{"query": "{"}]'])
def test_a_batch_is_told_as_such(server: Server, body: str) -> None:
    refused = server.http.post("/graphql", content=body.encode(), headers={**server.client().headers, **JSON})
    assert (refused.status_code, code(refused)) == (400, "BAD_REQUEST")
    message = "batches are not taken; send each operation in a request of its own"
    assert refused.json()["errors"][0]["message"] == message


@pytest.mark.parametrize("body", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b"{}\xef\xbb\xbf"])
def test_a_byte_order_mark_is_overlooked_once_and_in_front(server: Server, body: bytes) -> None:
    refused = server.http.post("/graphql", content=body, headers={**server.client().headers, **JSON})
    assert refused.json()["errors"][0]["message"] == "the body must be JSON in UTF-8"


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    alice = server.client()
    headers = {**alice.headers, "Content-Type": "application/json"}
    response = server.http.post("/graphql", content=b" " * 1_048_577, headers=headers)
    assert (response.status_code, code(response)) == (413, "PAYLOAD_TOO_LARGE")
    assert response.json()["errors"][0]["message"] == "the body may have 1048576 bytes, not 1048577"


def test_a_body_of_very_many_values_is_refused_before_it_is_decoded(server: Server) -> None:
    client = server.client()
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    keys: Any = {f"key {number}": number for number in range(40_001)}
    bodies: list[Any] = [[[]] * 200_000, ["x"] * 40_001, [{}] * 50_000, keys]
    for ids in bodies:
        refused = client.post(document, {"ids": ids})
        assert (refused.status_code, code(refused)) == (413, "PAYLOAD_TOO_LARGE")
        assert refused.json()["errors"][0]["message"] == "the body may hold 40000 values in all"
    quotes = server.http.post("/graphql", content=b'"' * 1_000_000, headers={**JSON, **client.headers})
    assert quotes.status_code == 413


@pytest.mark.parametrize("text", [',[{"' * 60_000, "\\\\" * 60_000, '"' * 200_000, '\\"' * 60_000])
def test_whatever_stands_in_a_text_is_no_value(server: Server, text: str) -> None:
    answer = server.client().post("{ viewer { id } }", {"unknown": text, "more": ["", "\\", text[:9]]})
    assert set(answer.json()) == {"data"}


def test_nobody_is_sent_to_the_host_that_a_request_names(server: Server) -> None:
    for path in ("/healthz/", "/demo-token/", "/graphql//", "/app//", "/%2fgraphql"):
        answer = server.http.get(path, headers={"Host": "elsewhere.example"})
        assert (answer.status_code, code(answer)) == (404, "NOT_FOUND")
        assert "location" not in answer.headers
    for path in ("//graphql", "//elsewhere.example/", "//elsewhere.example/graphql/"):
        received = raw(server, f"GET {path} HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n")
        assert received.startswith(b"HTTP/1.1 404 ")
        assert b"\r\nlocation:" not in received


@pytest.mark.parametrize("host", ["elsewhere.example", "a@b", "[", "x:y"])
@pytest.mark.parametrize(
    ("method", "target", "location"),
    [
        ("POST", "/graphql/", "/graphql"),
        ("GET", "/graphql/?query={a}&variables=%7B%7D", "/graphql?query=%7Ba%7D&variables=%7B%7D"),
        ("GET", "/graphql/?//elsewhere.example", "/graphql?//elsewhere.example"),
        ("GET", "/", "/app/"),
        ("HEAD", "/", "/app/"),
    ],
)
def test_a_path_that_leads_to_another_one_leads_to_it_on_this_server(
    server: Server, method: str, target: str, location: str, host: str
) -> None:
    answer = raw(
        server, f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 308 ")
    assert f"\r\nlocation: {location}\r\n".encode() in answer


def test_a_document_sent_to_the_endpoint_with_a_slash_is_run(server: Server) -> None:
    alice = server.client()
    answer = server.http.post(
        "/graphql/", json={"query": "{ viewer { subject } }"}, headers=alice.headers, follow_redirects=True
    )
    assert answer.json() == {"data": {"viewer": {"subject": alice.subject}}}


def raw(server: Server, request: str) -> bytes:
    """Return all that the server answers to bytes of a request."""
    url = httpx.URL(server.url)
    assert url.port is not None
    with socket.create_connection((url.host, url.port), timeout=10) as connection:
        connection.sendall(request.encode())
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


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
    hidden = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    received = raw(server, f"POST /graphql HTTP/1.1\r\n{head}\r\n\r\n0\r\n\r\n{hidden}")
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1") == 1
