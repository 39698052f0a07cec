"""The doors around the dashboard: who may enter, and what may leave."""

from collections.abc import Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from hpsearch.dashboard.doors import Doors

TOKEN = "correct-horse"  # noqa: S105  # of this test alone
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


class Answer:
    """What came of one request."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = "", dict[str, str](), b""
        self.entered = False


def ask(
    path: str = "/", method: str = "GET", doors: dict[str, Any] | None = None, **given: str
) -> Answer:
    """Send a request through doors; ``given`` are variables of WSGI."""
    answer = Answer()

    def app(_environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        answer.entered = True
        headers = [("Content-Type", "text/html"), ("Access-Control-Allow-Origin", "*")]
        start("200 OK", headers)
        return [b"<script>alert(1)</script>"]

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        answer.status, answer.headers = status, dict(headers)

    path, _, query = path.partition("?")
    environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method}
    environ |= {"HTTP_HOST": "127.0.0.1:8080"} | given
    setup_testing_defaults(environ)
    settings = {"hosts": frozenset({"127.0.0.1", "localhost", "[::1]"}), "token": TOKEN}
    answer.body = b"".join(Doors(app=app, **(settings | (doors or {})))(environ, start))
    return answer


BEARER = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path", ["/", "/dashboard", "/api/studies", "/artifacts/1/2", "/static/x.js"]
)
def test_nobody_enters_without_the_token(path: str, method: str) -> None:
    for given in (
        {},
        {"HTTP_AUTHORIZATION": "Bearer wrong"},
        {"HTTP_COOKIE": "hpsearch=wrong"},
        {"HTTP_AUTHORIZATION": f"Basic {TOKEN}"},
    ):
        answer = ask(path, method, **given)
        assert answer.status.startswith("401")
        assert not answer.entered
        assert TOKEN.encode() not in answer.body


@pytest.mark.parametrize("given", [BEARER, {"HTTP_COOKIE": f"a=b; hpsearch={TOKEN}"}])
def test_who_shows_it_enters(given: dict[str, str]) -> None:
    assert ask("/api/studies", **given).entered


def test_the_address_becomes_a_cookie() -> None:
    answer = ask(f"/dashboard?token={TOKEN}&page=2")
    assert answer.status.startswith("303")
    assert answer.headers["Location"] == "/dashboard?page=2"
    assert answer.headers["Set-Cookie"] == f"hpsearch={TOKEN}; Path=/; HttpOnly; SameSite=Lax"
    assert not answer.entered


def test_the_address_leads_nowhere_else() -> None:
    assert ask(f"//elsewhere.org/x?token={TOKEN}").headers["Location"] == "/elsewhere.org/x"


def test_a_wrong_address_does_not_work_for_who_is_in() -> None:
    assert ask("/?token=wrong", **BEARER).status.startswith("401")
    assert ask("/?token=", **BEARER).status.startswith("401")


@pytest.mark.parametrize(
    "host",
    ["evil.org", "evil.org:8080", "127.0.0.1.evil.org", "", "[::2]:8080", "localhost@evil.org"],
)
def test_other_names_are_turned_away_before_all_else(host: str) -> None:
    answer = ask("/api/studies", HTTP_HOST=host, **BEARER)
    assert answer.status.startswith("421")
    assert not answer.entered


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8080"])
def test_its_own_names_are_not(host: str) -> None:
    assert ask(HTTP_HOST=host, **BEARER).entered


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("given", "enters"),
    [
        ({"HTTP_ORIGIN": "http://evil.org"}, False),
        ({"HTTP_ORIGIN": "null"}, False),
        ({"HTTP_ORIGIN": "http://127.0.0.1:9999"}, False),
        ({"HTTP_SEC_FETCH_SITE": "cross-site"}, False),
        ({"HTTP_SEC_FETCH_SITE": "same-site"}, False),
        ({"HTTP_ORIGIN": "http://127.0.0.1:8080", "HTTP_SEC_FETCH_SITE": "same-origin"}, True),
        ({}, True),
    ],
)
def test_pages_from_elsewhere_change_nothing(
    method: str, given: dict[str, str], enters: bool
) -> None:
    for doors in ({}, {"token": None}):
        answer = ask("/api/studies/1", method, doors, **(BEARER | given))
        assert answer.entered is enters
        assert enters or answer.status.startswith("403")


@pytest.mark.parametrize("method", METHODS)
def test_read_only_refuses_what_changes(method: str) -> None:
    answer = ask("/api/studies/1", method, {"read_only": True}, **BEARER)
    reads = method in ("GET", "HEAD", "OPTIONS")
    assert answer.entered is reads
    assert reads or (
        answer.status.startswith("405") and answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    )


@pytest.mark.parametrize(
    "path", ["/static/../../etc/passwd", "/artifacts/1/..", "/static/..\\x", "/a\0b"]
)
def test_no_way_leads_up(path: str) -> None:
    assert ask(path, **BEARER).status.startswith("404")


def test_artifacts_are_saved_not_shown() -> None:
    headers = ask("/artifacts/1/abc", **BEARER).headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Access-Control-Allow-Origin" not in headers


def test_everybody_enters_where_no_token_is_asked_for() -> None:
    assert ask("/?token=any", doors={"token": None}).entered
