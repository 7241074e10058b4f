"""What a browser is served: the explorer's page and assets, and the demo user's token."""

from __future__ import annotations

import gzip
import html
import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from app.web import sites
from app.web.demo import is_loopback
from tests.server import SECRET, Client, Server, serving

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"}
JSON = {"Content-Type": "application/json"}
EXAMPLES = Path(__file__).parent.parent / "explorer/src/examples"
PAGE = b"""<!doctype html>
<html lang="en">
  <head>
    <script type="module" src="/explorer/assets/index-a1b2.js"></script>
  </head>
</html>
"""
SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A site as hatch_build.py leaves it, in the place of whatever is built."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "explorer/assets").mkdir(parents=True)
    (folder / "explorer/index.html").write_bytes(PAGE)
    (folder / "explorer/assets/index-a1b2.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "explorer/licenses.md.gz").write_bytes(gzip.compress(b"# Licenses\n"))
    (folder / "timeline/assets").mkdir(parents=True)
    (folder / "timeline/index.html").write_bytes(b"<html><head></head>An app</html>")
    (folder / "timeline/assets/app-c3d4.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "secret.js.gz").write_bytes(gzip.compress(b"not of the site"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "BUILT", folder)
        yield folder


@pytest.fixture(scope="module")
def site(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:  # noqa: ARG001 - it is served
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('database')}/dossier.db"
    with serving("sqlite", url, listening_on="127.0.0.1") as running:
        yield running


# The page.


def test_a_browser_gets_the_page(site: Server) -> None:
    response = site.http.get("/graphql", headers=BROWSER)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    known = {"demo": True, "introspection": True, "trustedDocumentsOnly": False}
    facts = f'<meta name="dossier" content="{html.escape(json.dumps(known))}">'
    assert response.text == PAGE.decode().replace("<head>", f"<head>\n    {facts}")


def test_the_page_and_the_assets_are_locked_down(site: Server) -> None:
    for path in ("/graphql", "/explorer/assets/index-a1b2.js"):
        headers = site.http.get(path, headers=BROWSER).headers
        assert headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self'; "
            "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
            "style-src-attr 'unsafe-inline'"
        )
        assert headers["cross-origin-embedder-policy"] == "require-corp"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "camera=()" in headers["permissions-policy"]


def test_the_page_is_kept_only_as_long_as_it_is_the_same(site: Server) -> None:
    first = site.http.get("/graphql", headers=BROWSER)
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["vary"] == "Accept"
    for given in (first.headers["etag"], f'"other", W/{first.headers["etag"]}', "*"):
        again = site.http.get("/graphql", headers=BROWSER | {"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    assert site.http.get("/graphql", headers=BROWSER | {"If-None-Match": '"other"'}).status_code == 200


def test_head_has_the_headers_alone(site: Server) -> None:
    for path in ("/graphql", "/explorer/assets/index-a1b2.js"):
        get, head = (site.http.request(method, path, headers=BROWSER) for method in ("GET", "HEAD"))
        assert head.content == b""
        assert {**head.headers, "date": ""} == {**get.headers, "date": ""}


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "*/*",
        "application/json",
        "application/graphql-response+json, application/json;q=0.9",
        "application/json, text/html",
        "text/html, */*",
        "text/html;q=0.5, application/json;q=0.8",
        "text/html;q=0, */*;q=0.1",
        "text/html;q=x",
        "text/*",
    ],
)
def test_api_clients_never_get_the_page(site: Server, accept: str | None) -> None:
    headers = httpx.Headers({"Accept": accept} if accept else {})
    request = httpx.Request("GET", f"{site.url}/graphql", headers=headers)
    response = site.http.send(request)
    assert "html" not in response.text
    assert response.headers["content-type"] == "application/json"
    assert response.status_code in {401, 406}


def test_a_browser_that_sends_a_query_or_posts_speaks_to_the_api(site: Server) -> None:
    assert site.http.get("/graphql?query={__typename}", headers=BROWSER).status_code == 401
    assert site.http.post("/graphql", json={"query": "{ __typename }"}, headers=BROWSER).status_code == 401
    answer = site.http.get("/graphql?query={__typename}", headers=BROWSER | site.client().headers)
    assert answer.json() == {"data": {"__typename": "Query"}}


def test_the_page_knows_that_introspection_is_off(built: Path, new_database_url: str) -> None:  # noqa: ARG001
    with serving("sqlite", new_database_url, DOSSIER_INTROSPECTION="false") as running:
        page = running.http.get("/graphql", headers=BROWSER).text
    known = {"demo": False, "introspection": False, "trustedDocumentsOnly": False}
    assert html.escape(json.dumps(known)) in page


def test_the_page_knows_that_registered_documents_alone_are_run(built: Path, new_database_url: str) -> None:  # noqa: ARG001
    with serving("sqlite", new_database_url, DOSSIER_TRUSTED_DOCUMENTS_ONLY="true") as running:
        page = running.http.get("/graphql", headers=BROWSER).text
    assert html.escape('"trustedDocumentsOnly": true') in page


@pytest.fixture
def new_database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/dossier.db"


def test_without_a_build_the_page_says_what_to_do_and_the_api_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, new_database_url: str
) -> None:
    monkeypatch.setattr(sites, "BUILT", tmp_path / "nothing")
    with serving("sqlite", new_database_url) as running:
        response = running.http.get("/graphql", headers=BROWSER)
        assert running.client().run("{ __typename }") == {"__typename": "Query"}
        assert running.http.get("/explorer/assets/index-a1b2.js").status_code == 404
        assert running.http.get("/", follow_redirects=True).status_code == 503
    assert response.status_code == 503
    assert "pip install --no-deps -e ." in response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html"])
@pytest.mark.parametrize("path", ["/app", "/app/", "/app/?x=1"])
def test_the_example_app_is_answered_to_every_client(site: Server, path: str, accept: str | None) -> None:
    for method, length in (("GET", True), ("HEAD", False)):
        headers = httpx.Headers({} if accept is None else {"Accept": accept})
        response = site.http.send(httpx.Request(method, site.url + path, headers=headers))
        assert (response.status_code, bool(response.content)) == (200, length)
        assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("headers", [{}, BROWSER, {"Accept": "application/json"}, {"Host": "elsewhere.example"}])
def test_the_root_leads_to_the_example_app(site: Server, method: str, headers: dict[str, str]) -> None:
    response = site.http.request(method, "/", headers=headers)
    assert (response.status_code, response.headers["location"]) == (308, "/app/")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/app", "/app/", "/app/cases/1?filter=open"])
def test_the_example_app_is_a_page_at_each_of_its_addresses(site: Server, path: str) -> None:
    response = site.http.get(path, headers=BROWSER)
    assert (response.status_code, response.text.partition("</head>")[2]) == (200, "An app</html>")
    assert response.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self'; "
        "img-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert site.http.get("/app/assets/app-c3d4.js").content == SCRIPT
    assert site.http.get("/app/assets/app-0000.js").status_code == 404
    assert site.http.get("/application", headers=BROWSER).status_code == 404


# Assets.


def test_an_asset_is_kept_for_ever_and_sent_compressed(site: Server) -> None:
    response = site.http.get("/explorer/assets/index-a1b2.js", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert (response.status_code, response.content) == (200, SCRIPT)
    assert response.headers["content-encoding"] == "gzip"
    assert int(response.headers["content-length"]) < len(SCRIPT)
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["vary"] == "Accept-Encoding"
    assert site.http.get("/explorer/licenses.md").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", "*;q=0", ""])
def test_an_asset_is_sent_as_it_is_to_whoever_takes_no_gzip(site: Server, accepted: str) -> None:
    response = site.http.get("/explorer/assets/index-a1b2.js", headers={"Accept-Encoding": accepted})
    assert response.content == SCRIPT
    assert "content-encoding" not in response.headers
    assert int(response.headers["content-length"]) == len(SCRIPT)


@pytest.mark.parametrize(
    "path",
    [
        "/explorer/",
        "/explorer/assets/",
        "/explorer/assets/index-0000.js",
        "/explorer/assets/index-a1b2.js.gz",
        "/explorer/index.html",
        "/explorer/sources.sha256",
        "/explorer/../secret.js",
        "/explorer/%2e%2e/secret.js",
        "/explorer/..%2fsecret.js",
        "/explorer/assets/..%5c..%5csecret.js",
        "/explorer//etc/passwd",
        "/explorer/assets/index-a1b2.js%00",
        "/explorer/" + "../" * 20 + "etc/passwd",
    ],
)
def test_nothing_else_is_served(site: Server, path: str) -> None:
    # Not by httpx, which would tidy the path up.
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    connection.request("GET", path, headers=BROWSER)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    assert response.status == 404
    assert body["errors"][0]["extensions"]["code"] == "NOT_FOUND"


def test_assets_are_only_read(site: Server) -> None:
    assert site.http.post("/explorer/assets/index-a1b2.js").status_code == 405


# The demo user.


def demo(site: Server) -> dict[str, str]:
    """Return the headers with which the pages ask for the demo user's token."""
    assert site.demo_code is not None
    return JSON | {"Authorization": f"Demo {site.demo_code}"}


def test_the_demo_user_signs_in_with_one_request(site: Server) -> None:
    response = site.http.post("/demo-token", headers=demo(site) | {"Origin": site.url}, content="{}")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    assert list(body) == ["token", "expiresIn"]
    claims = jwt.decode(body["token"], SECRET, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == body["expiresIn"] == 3600
    assert {key: claims[key] for key in claims if key not in {"exp", "iat"}} == {"sub": "demo", "name": "Demo User"}
    client = Client(site.http, "demo", body["token"])
    assert client.run("{ viewer { subject name } }") == {"viewer": {"subject": "demo", "name": "Demo User"}}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example:8000"},
        {"Host": "192.168.1.10:8000"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
    ],
    ids=str,
)
def test_no_demo_user_for_what_may_come_from_elsewhere(site: Server, headers: dict[str, str]) -> None:
    response = site.http.post("/demo-token", headers=demo(site) | headers, content="{}")
    assert response.status_code == 404
    assert "token" not in response.json()


@pytest.mark.parametrize("given", [None, "", "Demo", "Demo x", "Bearer {}", "demo {}", "Demo {}x", "Demo \xe9"])
def test_no_demo_user_without_the_code_that_serve_printed(site: Server, given: str | None) -> None:
    authorization = "" if given is None else given.format(site.demo_code)
    headers = [
        (name.encode(), value.encode("latin-1")) for name, value in (*JSON.items(), ("Authorization", authorization))
    ]
    response = site.http.post("/demo-token", headers=headers[: 1 if given is None else 2], content="{}")
    assert (response.status_code, "token" in response.json()) == (404, False)


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_the_demo_user_is_reached_by_every_name_of_this_machine(site: Server, host: str) -> None:
    headers = demo(site) | {"Host": host, "Origin": f"http://{host}"}
    response = site.http.post("/demo-token", headers=headers, content="{}")
    assert response.status_code == 200


def test_the_demo_user_is_not_fetched_by_get(site: Server) -> None:
    assert site.http.get("/demo-token", headers=demo(site)).status_code == 404


@pytest.mark.parametrize(
    ("listening_on", "environment"),
    [(None, {}), ("::", {}), ("192.168.1.10", {}), ("127.0.0.1", {"DOSSIER_DEVELOPMENT": "false"})],
)
def test_no_demo_user_in_production_or_where_others_can_reach(
    built: Path, new_database_url: str, listening_on: str | None, environment: dict[str, str]
) -> None:
    assert built.is_dir()
    with serving("sqlite", new_database_url, listening_on=listening_on, **environment) as running:
        assert running.demo_code is None
        for code in ("", "None"):
            headers = JSON | {"Authorization": f"Demo {code}".strip()}
            assert running.http.post("/demo-token", headers=headers, content="{}").status_code == 404
        assert "&quot;demo&quot;: false" in running.http.get("/graphql", headers=BROWSER).text


def test_which_addresses_only_this_machine_reaches() -> None:
    assert [is_loopback(address) for address in ("127.0.0.1", "127.8.9.10", "::1")] == [True] * 3
    others = ("0.0.0.0", "::", "192.168.1.10", "10.0.0.1", "fe80::1", "2001:db8::1", "", "localhost", "/run/socket")  # noqa: S104
    assert [is_loopback(address) for address in others] == [False] * len(others)


# The explorer's source.


def test_the_examples_run_on_an_empty_database(site: Server) -> None:
    client = site.client()
    read = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.iterdir()}
    assert sorted(read) == ["Cases.graphql", "CreateCase.graphql", "CreateCase.json"]
    assert client.run(read["Cases.graphql"])["cases"] == {"totalCount": 0, "nodes": []}
    created = client.run(read["CreateCase.graphql"], **json.loads(read["CreateCase.json"]))["createCase"]
    assert (created["case"]["title"], created["errors"]) == ("Invoices of 2025", [])
    assert client.run(read["Cases.graphql"])["cases"]["totalCount"] == 1


def test_every_version_of_the_explorer_is_pinned() -> None:
    manifest = json.loads((EXAMPLES.parent.parent / "package.json").read_text(encoding="utf-8"))
    assert "dependencies" not in manifest
    assert [
        version for version in manifest["devDependencies"].values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    ] == []
