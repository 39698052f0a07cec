"""Access control of the dashboard: who may enter, and what may leave."""

from collections.abc import Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from hpsearch.dashboard.access_control import AccessControl

TOKEN = "correct-horse"  # noqa: S105  # of this test alone
SESSION = "battery-staple"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


class Answer:
    """What came of one request."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = "", dict[str, str](), b""
        self.entered = False


def ask(
    path: str = "/", method: str = "GET", options: dict[str, Any] | None = None, **given: str
) -> Answer:
    """Send a request through access control; ``given`` are variables of WSGI."""
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
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]", "proxy.org"})
    settings = {
        "hosts": hosts, "token": TOKEN, "session": SESSION, "allowed": frozenset({"proxy.org"})
    }  # fmt: skip
    answer.body = b"".join(
        AccessControl(**({"app": app} | settings | (options or {})))(environ, start)
    )
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


@pytest.mark.parametrize("given", [BEARER, {"HTTP_COOKIE": f"a=b; hpsearch={SESSION}"}])
def test_who_shows_it_enters(given: dict[str, str]) -> None:
    assert ask("/api/studies", **given).entered


def test_the_address_becomes_a_cookie() -> None:
    answer = ask(f"/dashboard?token={TOKEN}&page=2")
    assert answer.status.startswith("303")
    assert answer.headers["Location"] == "/dashboard?page=2"
    assert answer.headers["Set-Cookie"] == f"hpsearch={SESSION}; Path=/; HttpOnly; SameSite=Lax"
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


CHANGES = {"POST": "/api/artifacts/1", "PUT": "/api/studies/1/note", "DELETE": "/api/studies/1"}


@pytest.mark.parametrize("method", CHANGES)
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
    for options in ({}, {"token": None}):
        answer = ask(CHANGES[method], method, options, **(BEARER | given))
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
    assert ask("/?token=any", options={"token": None}).entered


@pytest.mark.parametrize(
    "others",
    ['prefs={"a": 1}', "flag", "größe=1", "=", "a=b=c", "", 'x="unfinished', "hpsearch2=no"],
)
def test_cookies_of_others_do_not_matter(others: str) -> None:
    assert ask(HTTP_COOKIE=f"{others}; hpsearch={SESSION}").entered
    assert ask(HTTP_COOKIE=f"hpsearch={SESSION}; {others}").entered
    assert not ask(HTTP_COOKIE=others).entered


def test_the_cookie_is_not_the_token() -> None:
    assert not ask(HTTP_COOKIE=f"hpsearch={TOKEN}").entered
    assert not ask(HTTP_AUTHORIZATION=f"Bearer {SESSION}").entered
    assert not ask(f"/?token={SESSION}").entered
    controls = [AccessControl(app=lambda *_: [], hosts=frozenset(), token=TOKEN) for _ in range(2)]
    assert controls[0].session != controls[1].session


@pytest.mark.parametrize(
    "path", ["/\xffartifacts/1/2", "/artifacts\xff/1/2", "/\xff", "/.\xff./x", "/api/\xc3("]
)
def test_what_is_no_text_leads_nowhere(path: str) -> None:
    assert ask(path, **BEARER).status.startswith("404")


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/", True), ("", True), ("/dashboard", True), ("/dashboard/studies/1", True),
        ("/api/studies", True), ("/static/bundle.js", True), ("/csv/1", True),
        ("/favicon.ico", True), ("/artifacts/1/2", False), ("/ARTIFACTS/1/2", False),
        ("//artifacts/1/2", False), ("/apis", False), ("/elsewhere", False),
    ],
)  # fmt: skip
def test_only_pages_of_its_own_are_shown(path: str, own: bool) -> None:
    headers = ask(path, **BEARER).headers
    assert (headers["Content-Type"] == "text/html") is own
    assert ("Content-Security-Policy" not in headers) is own


@pytest.mark.parametrize("path", ["/api/studies/1/rename", "/api/studies/12/rename/"])
def test_a_study_keeps_its_name(path: str) -> None:
    answer = ask(path, "POST", **BEARER)
    assert answer.status.startswith("403")
    assert b"change the key name" in answer.body


@pytest.mark.parametrize(
    ("line", "enters"),
    [
        ("DELETE /api/studies/12", True), ("PUT /api/studies/1/note", True),
        ("PUT /api/studies/1/2/note", True), ("POST /api/artifacts/1", True),
        ("POST /api/artifacts/1/2", True), ("DELETE /api/artifacts/1/2/0a-f", True),
        ("DELETE /api/artifacts/1/0a-f/", True),
        ("POST /api/studies", False), ("POST /api/studies/1/preference", False),
        ("PUT /api/studies/1/preference_feedback_component", False),
        ("POST /api/trials/1/tell", False), ("POST /api/trials/1/user-attrs", False),
        ("POST /api/studies/1/2/skip", False), ("POST /api/llm/trial_filter_query", False),
        ("PATCH /api/studies/1", False), ("DELETE /api/studies", False),
        ("PUT /dashboard", False), ("DELETE /api/artifacts/1/..", False),
    ],
)  # fmt: skip
def test_only_so_much_may_be_changed(line: str, enters: bool) -> None:
    method, _, path = line.partition(" ")
    answer = ask(path, method, **BEARER)
    assert answer.entered is enters
    assert enters or answer.status.startswith(("403", "404"))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/api/studies/1/rename\n", "/api/studies/1\n", "/api/studies\x00", "/a\x7f", "/a\x1bb"]
)
def test_control_characters_lead_nowhere(path: str, method: str) -> None:
    answer = ask(path, method, **BEARER)
    assert answer.status.startswith("404")
    assert not answer.entered


@pytest.mark.parametrize(
    ("origin", "enters"),
    [
        ("https://proxy.org", True), ("http://proxy.org:8443", True),
        ("https://proxy.org.evil.org", False), ("http://localhost:9999", False),
        ("http://[", False), ("", False),
    ],
)  # fmt: skip
def test_pages_of_a_proxy_are_its_own(origin: str, enters: bool) -> None:
    answer = ask("/api/studies/1/note", "PUT", HTTP_ORIGIN=origin, **BEARER)
    assert answer.entered is enters


@pytest.mark.parametrize("path", ["//elsewhere.org", "/\\elsewhere.org", "/\\/elsewhere.org"])
def test_whichever_slashes_lead_nowhere_else(path: str) -> None:
    target = ask(f"{path}?token={TOKEN}").headers["Location"]
    assert target == "/elsewhere.org"


def test_a_redirect_stays_where_it_came_from() -> None:
    def app(_environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("302 Found", [("Location", "http://127.0.0.1:8080/dashboard")])
        return []

    assert ask(options={"app": app}, **BEARER).headers["Location"] == "/dashboard"
