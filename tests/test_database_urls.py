"""Addresses of databases are read and written as SQLAlchemy, whose form they have, reads and writes them."""

from __future__ import annotations

import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st

from app.database_urls import URL, ArgumentError, make_url

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
HOSTS = st.none() | st.sampled_from(["localhost", "127.0.0.1", "::1", "db.example.org"])


def parts(url: URL | sqlalchemy.URL) -> tuple[object, ...]:
    """Return all that an address says, by itself and as text."""
    place = (url.drivername, url.username, url.password, url.host, url.port, url.database)
    texts = (str(url), url.render_as_string(hide_password=False), url.get_backend_name())
    return (*place, dict(url.query), dict(url.normalized_query), *texts)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://",
        "sqlite:///dossier.db",
        "sqlite+aiosqlite:////a@b/c:d.db",
        "sqlite:///a%20folder/x.db?mode=ro",
        "postgresql://",
        "postgresql://db.example.org",
        "postgresql://db.example.org/",
        "postgresql://@/db",
        "postgresql://u@/db?host=/run/postgresql&port=1,2",
        "postgresql://:p@h:5432/db",
        "postgresql+asyncpg://u:p:q@[::1]:5432/db",
        "postgresql://%40:s%40e%2Fs%3Fa%23m%3Ae%20x+y@h/a%2Fb",
        "postgresql://h/db?host=a&host=b&empty=&user=%C3%A9+x",
    ],
)
def test_an_address_is_taken_apart_and_put_together(text: str) -> None:
    assert parts(make_url(text)) == parts(sqlalchemy.make_url(text))


@given(
    st.none() | TEXTS,
    st.none() | TEXTS,
    HOSTS,
    st.none() | st.integers(1, 65_535),
    st.none() | TEXTS,
    st.dictionaries(TEXTS, TEXTS),
)
def test_parts_come_back_from_their_text(
    username: str | None,
    password: str | None,
    host: str | None,
    port: int | None,
    database: str | None,
    query: dict[str, str],
) -> None:
    password = password if username else None
    written = URL("postgresql", username, password, host, port, database, query)
    theirs = sqlalchemy.URL.create("postgresql", username, password, host, port, database, query)
    assert make_url(written.render_as_string(hide_password=False)) == written
    assert parts(written) == parts(theirs)


@pytest.mark.parametrize("text", ["", "dossier.db", "://h/db", "post-gresql://h/db"])
def test_what_names_no_driver_is_no_address(text: str) -> None:
    with pytest.raises(ArgumentError):
        make_url(text)


@pytest.mark.parametrize("place", ["h:", "h:x", "h:1:2", "[::1", "[::1]x", "::1"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match=r"host|int\(\)"):
        make_url(f"postgresql://{place}/db")


def test_a_password_is_not_shown_unless_it_is_asked_for() -> None:
    url = make_url("postgresql://u:sesame@h/db?sslpassword=sesame")
    assert "sesame" not in repr(url)
    assert str(url).startswith("postgresql://u:***@h/db")
    assert url.set(query={}).render_as_string() == "postgresql://u:***@h/db"
