"""Settings: what is refused at the start, what is never told, and that docs/settings.md says what holds."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import DossierError
from app.settings import ELSEWHERE, PREFIX, from_environment, shown
from app.settings.declared import declared
from app.settings.page import page
from tests.commands import dossier
from tests.server import SECRET

ROOT = Path(__file__).parent.parent
MISSPELT = f"{PREFIX}JWT_AUDIANCE"
# What tests and tools read that set no such variable where Dossier runs, and what Kubernetes sets, which is refused.
NOT_OURS = {"APP", "FOLDER", "TEST_DOCUMENTS", "TEST_TAMPERINGS", "TEST_TIMES", "TOKENS", "URL", "SERVICE_HOST"}


def fault(**environment: str) -> str:
    """Return what is said of settings that are refused."""
    with pytest.raises(DossierError) as refused:
        from_environment({f"{PREFIX}{name}": value for name, value in environment.items()})
    return str(refused.value)


# Origins.

ORIGINS = [
    "https://app.example.org",
    "http://localhost:5173",
    "http://127.0.0.1:8080",
    "http://[::1]:5173",
    "https://app.example.org:8443",
    "https://xn--bcher-kva.example",
    "https://under_score.example.",
    "http://app.example.org:443",
    "capacitor://localhost",
    "chrome-extension://abcdefghijklmnop",
]


def test_origins_as_browsers_send_them_are_taken() -> None:
    settings = from_environment({f"{PREFIX}CORS_ORIGINS": " , ".join(ORIGINS) + ","})
    assert list(settings.cors_origins) == ORIGINS


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("http://localhost:5173/", "http://localhost:5173"),
        ("https://app.example.org/path", "https://app.example.org"),
        ("https://app.example.org?x", "https://app.example.org"),
        ("https://app.example.org#x", "https://app.example.org"),
        ("https://App.Example.org:443", "https://app.example.org"),
        ("HTTPS://app.example.org", "https://app.example.org"),
        ("http://app.example.org:80", "http://app.example.org"),
        ("http://app.example.org:08080", "http://app.example.org:8080"),
        ("http://[0:0:0:0:0:0:0:1]:5173", "http://[::1]:5173"),
        ("http://[2001:DB8::1]", "http://[2001:db8::1]"),
        ("http://[::ffff:192.0.2.1]", "http://[::ffff:c000:201]"),
        ("https://app.example.org:", "https://app.example.org"),
        ("https://app.example.org:443/", "https://app.example.org"),
    ],
)
def test_an_origin_that_browsers_write_otherwise_is_told_how(given: str, origin: str) -> None:
    assert fault(CORS_ORIGINS=given) == (
        f"DOSSIER_CORS_ORIGINS: write {origin}, as browsers send it: an origin has a scheme, a host and a port, and no "
        "more"
    )


@pytest.mark.parametrize(
    "given",
    [
        "app.example.org",
        "localhost:5173",
        "//app.example.org",
        "https://",
        "https:app.example.org",
        "ftp://app.example.org",
        "ws://app.example.org",
        "htps://app.example.org",
        "file:///home",
        "https://me:sesame@app.example.org",
        "https://app.example.org:99999",
        "https://app.example.org:x",
        "https://app.example.org:0",
        "https://[::1",
        "https://[fe80::1%25eth0]",
        "https://127.1",
        "https://2130706433",
        "https://0x7f.0.0.1",
        "https://1.2.3.4.5",
        "https://a.example https://b.example",
        "https://a.example;https://b.example",
        "https://a%2eexample",
        "https://exa\tmple.org",
    ],
)
def test_what_is_no_origin_is_refused(given: str) -> None:
    assert fault(CORS_ORIGINS=f"https://app.example.org,{given}") == (
        "DOSSIER_CORS_ORIGINS: expected origins such as https://app.example.org or http://localhost:5173, separated by "
        "commas"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("*", "* matches nothing here; name each origin by itself, such as https://app.example.org"),
        (
            "https://*.Example.org/",
            "* matches nothing here; name each origin by itself, such as https://app.example.org",
        ),
        ("https://app.*", "* matches nothing here; name each origin by itself, such as https://app.app"),
        ("http://localhost:*", "* matches nothing here; name each origin by itself, such as http://localhost:5173"),
        ("*://app.example.org", "* matches nothing here; name each origin by itself, such as app://app.example.org"),
        ("null", "null is what every sandboxed frame and every file sends; name the origins of your pages"),
        (
            "https://bücher.example",
            "write a host with other letters than a to z as browsers send it, beginning with xn--",
        ),
    ],
)
def test_what_origins_are_often_taken_for_is_told_by_itself(given: str, message: str) -> None:
    assert fault(CORS_ORIGINS=given) == f"DOSSIER_CORS_ORIGINS: {message}"


# Names.


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    written = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == page(), "write it anew: .venv/bin/python -m app.settings.page > docs/settings.md"


@pytest.mark.parametrize("variable", declared())
def test_every_setting_is_read_and_refused_by_its_variable(variable: str) -> None:
    # No form takes these characters but those of a text and a path, and a secret of four is too short.
    taken = variable.removeprefix(PREFIX) in {"JWT_ISSUER", "JWT_AUDIENCE", "CHECKPOINT_KEY", "CHECKPOINT_DIR"}
    try:
        settings = from_environment({variable: "?*?*"})
    except DossierError as refused:
        assert str(refused).startswith(f"{variable}: ")  # noqa: PT017 - two are taken
        assert not taken
    else:
        assert taken
        assert str(getattr(settings, variable.removeprefix(PREFIX).lower())) == "?*?*"


def test_a_default_that_is_written_is_the_default() -> None:
    usual = from_environment({})
    for variable, setting in declared().items():
        if isinstance(setting.default, str):
            assert from_environment({variable: setting.default}) == usual


def test_what_follows_from_other_settings() -> None:
    def told(**environment: str) -> tuple[tuple[str, ...], bool, bool, bool, bool]:
        settings = from_environment({f"{PREFIX}{name}": value for name, value in environment.items()})
        return settings.jwt_algorithms, *(
            getattr(settings, name) for name in ("development", "introspection", "suggestions", "get_queries")
        )

    issuers = ("RS256", "PS256", "ES256", "EdDSA")
    issuer = {"ISSUERS": "https://login.example.org"}
    assert told() == (("HS256",), True, True, True, True)
    assert told(JWT_SECRET=SECRET) == (("HS256",), False, False, False, False)
    assert told(**issuer) == (issuers, False, False, False, False)
    assert told(JWT_SECRET=SECRET, JWKS_URL="https://login.example.org/keys")[0] == (*issuers, "HS256")
    assert told(JWT_SECRET=SECRET, DEVELOPMENT="true") == (("HS256",), True, True, True, True)
    assert told(DEVELOPMENT="false", SUGGESTIONS="true")[1:] == (False, False, True, False)


def test_reading_in_the_settings_takes_no_package_of_others() -> None:
    # `dossier --version` reads them in as well.
    program = (
        "import sys; before = set(sys.modules); import app.settings; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    assert done.stdout == "app\n"


def _written(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that somebody wrote."""
    for path in folder.iterdir():
        if not path.is_dir():
            yield path
        elif path.name not in {"node_modules", "built", "dist", "__pycache__", ".work"}:
            yield from _written(path)


def test_every_variable_that_is_named_anywhere_is_known() -> None:
    known = {*declared()} | {PREFIX + name for name in ELSEWHERE}
    folders = ("app", "bench", "clients", "examples", "explorer", "migrations", "tests", ".ci")
    files = [
        *ROOT.glob("[!C]*.md"),
        *ROOT.glob("*.py"),
        *(file for name in folders for file in _written(ROOT / name)),
    ]
    # CHANGELOG.md may name settings that are gone.
    named = set()
    for file in files:
        if file.is_file():
            named |= set(re.findall(r"DOSSIER_[A-Z_]*[A-Z]", file.read_text(encoding="utf-8", errors="replace")))
    assert named - known <= {PREFIX + name for name in NOT_OURS}
    assert {PREFIX + name for name in ELSEWHERE} <= named


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("JWT_AUDIANCE", "JWT_AUDIENCE"),
        ("MAX_BODY_BYTE", "MAX_BODY_BYTES"),
        ("TRUSTED_DOCUMENT_ONLY", "TRUSTED_DOCUMENTS_ONLY"),
        ("JWTSECRET", "JWT_SECRET"),
        ("SECRET", "JWT_SECRET"),
        ("AUDIENCE", "JWT_AUDIENCE"),
        ("DB_URL", "DATABASE_URL"),
        ("ISSUER", "ISSUERS"),
        ("JWKS", "JWKS_URL"),
        ("CORS_ORIGIN", "CORS_ORIGINS"),
        ("INTROSPECT", "INTROSPECTION"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("jwt_audience", "JWT_AUDIENCE"),
        ("TOKEM", "TOKEN"),
    ],
)
def test_a_misspelt_setting_is_refused(given: str, meant: str) -> None:
    for value in ("", "false", "x"):
        assert fault(**{given: value}) == f"{PREFIX}{given} is no setting; did you mean {PREFIX}{meant}?"


@pytest.mark.parametrize("given", ["VERSION", "IMAGE", "HOME", "DATA_DIR", "USER", "WORKERS", "X", ""])
def test_a_variable_that_resembles_no_setting_is_refused_as_well(given: str) -> None:
    expected = f"{PREFIX}{given} is no setting, and none is named like it; docs/settings.md lists them"
    assert fault(**{given: "x"}) == expected


@pytest.mark.parametrize(
    "given",
    ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8000_TCP", "PORT_8000_TCP_ADDR"],
)
def test_what_kubernetes_sets_is_refused_with_the_way_out(given: str) -> None:
    assert fault(**{given: "x"}) == (
        f"{PREFIX}{given} is no setting, and none is named like it; docs/settings.md lists them; if Kubernetes set it, "
        "for a service named dossier, say enableServiceLinks: false in the pod"
    )


def test_what_other_programs_of_dossier_read_is_taken() -> None:
    environment = {f"{PREFIX}{name}": "x" for name in ELSEWHERE}
    assert from_environment(environment | {"DOSSIER": "x", f"OTHER_{PREFIX}X": "x"}) == from_environment({})


@pytest.mark.slow
def test_every_command_refuses_what_is_no_setting(tmp_path: Path) -> None:
    token = ("token", "--subject", "alice")
    for command in (token, ("serve", "--port", "0"), ("migrate",), ("documents", "list")):
        done = dossier(tmp_path, *command, DOSSIER_JWT_SECRET=SECRET, **{MISSPELT: "x"})
        expected = f"dossier: {MISSPELT} is no setting; did you mean DOSSIER_JWT_AUDIENCE?\n"
        assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)
    assert not (tmp_path / "dossier.db").exists()


# The database's address.

ENCODE = (
    "DOSSIER_DATABASE_URL: expected an address such as postgresql+asyncpg://user:password@host:5432/name; "
    "percent-encode what is special in its parts: @ is %40, : %3A, / %2F, ? %3F, # %23 and % %25"
)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+asyncpg://u:p@ss/word@127.0.0.1:1/db",
        "postgresql://u:p@ss@127.0.0.1:1/db",
        "postgresql://u:p@ss?word@127.0.0.1:1/db",
        "postgresql://u:p@ss#word@127.0.0.1:1/db",
        "postgresql://u:p@ss:word@127.0.0.1:1/db",
        "postgresql://u:pa/ss@127.0.0.1:1/db",
        "postgresql://u:pa?ss@127.0.0.1:1/db",
        "postgresql://u:pa#ss@127.0.0.1:1/db",
        "postgresql://:p@ss@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?password=p@ss",
        "postgresql://u@127.0.0.1:1/db?password=p@ss",
        "postgresql://u@127.0.0.1:1/db?sslpassword=p@ss",
        "postgresql://u@127.0.0.1:1/db?passfile=/home/p@ss",
        "postgresql://u:sesame",
        "postgresql://u:sesame/db",
        "postgresql://u:sesame@127.0.0.1:sesame/db",
        "postgresql://u:sesame@127.0.0.1:99999/db",
        "postgresql://u:sesame@127.0.0.1:0/db",
        "postgresql://u:sesame@127.0.0.1:-1/db",
        "postgresql://u:sesame@/db?host=/run/postgresql&port=sesame",
        "postgresql://u:sesame@[::sesame]:1/db",
        "postgresql://u:sesame@sesame..sesame:1/db",
    ],
)
def test_an_address_that_could_be_read_otherwise_than_it_was_meant_is_refused_unquoted(address: str) -> None:
    assert fault(DATABASE_URL=address) == ENCODE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql://u:sesame@127.0.0.1:1/db", "//u:***@127.0.0.1:1/db"),
        ("postgresql://u:ses:ame@127.0.0.1:1/db", "//u:***@127.0.0.1:1/db"),
        ("postgresql://u:s%40e%2Fs%3Fa%23m%3Ae@127.0.0.1:1/db", "//u:***@127.0.0.1:1/db"),
        ("postgresql://u@127.0.0.1:1/db?password=sesame", "//u@127.0.0.1:1/db"),
        ("postgresql://127.0.0.1:1/db?user=u&password=sesame", "//127.0.0.1:1/db?user=u"),
        ("postgresql://u@127.0.0.1:1/db?sslpassword=sesame&passfile=/sesame", "//u@127.0.0.1:1/db"),
        ("postgresql://u@127.0.0.1:1/db?pasword=sesame", "//u@127.0.0.1:1/db"),
        ("postgresql://:sesame@127.0.0.1:1/db", "//:***@127.0.0.1:1/db"),
        ("postgresql://u:sesame@/db?host=/nowhere/at/all", "//u:***@/db?host=%2Fnowhere%2Fat%2Fall"),
        ("postgresql://u:sesame@[::1]:1/db", "//u:***@[::1]:1/db"),
        ("postgresql://u:sesame@/db?host=a,b&port=1,2", "//u:***@/db?host=a%2Cb&port=1%2C2"),
    ],
)
def test_a_password_is_never_told(tmp_path: Path, address: str, told: str) -> None:
    settings = from_environment({f"{PREFIX}DATABASE_URL": address, f"{PREFIX}JWT_SECRET": SECRET})
    assert shown(settings.database_url) == f"postgresql+asyncpg:{told}"
    assert "sesame" not in repr(settings)
    assert SECRET not in repr(settings)
    if address.endswith(("=sesame", "all")):  # one of each kind; a command takes a second
        done = dossier(tmp_path, "migrate", DOSSIER_DATABASE_URL=address)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert done.stderr.startswith(f"dossier: the database postgresql+asyncpg:{told} can't be reached: ")
        assert "sesame" not in done.stderr


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12))
@example("p@ss/word")
@example("@")
@example("x@127.0.0.1:1/")
@example("%")
@example("]@[")
def test_no_password_shows_in_any_message(secret: str) -> None:
    password = f"Zq{secret}qZ"
    environment = {f"{PREFIX}DATABASE_URL": f"postgresql://someone:{password}@127.0.0.1:1/db"}
    try:
        told = shown(from_environment(environment).database_url)
    except DossierError as refused:
        assert str(refused) == ENCODE  # noqa: PT017 - it may also be taken
    else:
        assert told == "postgresql+asyncpg://someone:***@127.0.0.1:1/db"


def test_an_embedded_database_has_no_user_and_no_host() -> None:
    for address in ("sqlite://u:sesame@/x.db", "sqlite://u@host/x.db", "sqlite://host/x.db", "sqlite://"):
        expected = "DOSSIER_DATABASE_URL: expected a file, as in sqlite+aiosqlite:///dossier.db"
        assert fault(DATABASE_URL=address) == expected
    assert from_environment({f"{PREFIX}DATABASE_URL": "sqlite:////a@b/c.db"}).database_file == Path("/a@b/c.db")
