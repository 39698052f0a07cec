"""Requests to a service: what is sent again, and one message for all that may go wrong."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from clients import Handler, flaky

from hpsearch import __version__
from hpsearch.client import connection as module
from hpsearch.client.connection import Connection, LostError
from hpsearch.client.problems import RefusedError
from hpsearch.errors import (
    EXIT_INPUT,
    EXIT_NO_TRIAL,
    EXIT_PROGRAM,
    EXIT_UNREACHABLE,
    HpsearchError,
    InputError,
    NoTrialError,
    ProgramError,
    UnknownStudyError,
    UnreachableError,
)

URL = "http://search.example.org"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)


@pytest.fixture
def connect() -> Iterator[Callable[..., Connection]]:
    """A connection whose requests a function answers."""
    made: list[Connection] = []

    def to(handler: Handler, url: str = URL) -> Connection:
        made.append(Connection(url, "hps_one", transport=httpx2.MockTransport(handler)))
        return made[-1]

    yield to
    for one in made:
        one.close()


Connect = Callable[..., Connection]


def problem(status: int, detail: str, code: int | None = None) -> httpx2.Response:
    found = {"type": "about:blank", "title": "", "status": status, "detail": detail}
    return httpx2.Response(status, json=found if code is None else {**found, "exit_code": code})


def test_the_token_and_the_version_are_shown(connect: Connect) -> None:
    answer, seen = flaky(httpx2.Response(200, json={"name": "ana"}))
    assert connect(answer).json("GET", "/v1/me") == {"name": "ana"}
    assert seen[0].headers["authorization"] == "Bearer hps_one"
    assert seen[0].headers["user-agent"] == f"hpsearch/{__version__}"


def test_the_address_may_have_a_path(connect: Connect) -> None:
    answer, seen = flaky(httpx2.Response(200, json=[]))
    connect(answer, "https://example.org/search").json("GET", "/v1/studies")
    assert str(seen[0].url) == "https://example.org/search/v1/studies"


@pytest.mark.parametrize(
    "lost",
    [httpx2.ReadError("reset"), httpx2.ConnectError("refused"), httpx2.Response(503, text="")],
)
def test_what_may_be_sent_twice_is_sent_again(
    connect: Connect, lost: httpx2.Response | Exception
) -> None:
    answer, seen = flaky(httpx2.Response(200, json=1), lost, httpx2.Response(201, json=2))
    connection = connect(answer)
    connection.json("GET", "/v1/me")
    headers = {"Idempotency-Key": "one"}
    assert connection.json("POST", "/v1/studies", again=True, headers=headers, content=b"x") == 2
    assert [(one.headers["idempotency-key"], one.content) for one in seen[1:]] == [
        ("one", b"x")
    ] * 2


def test_a_body_that_is_made_block_by_block_is_made_anew(connect: Connect) -> None:
    answer, seen = flaky(
        httpx2.Response(200, json=1), httpx2.ReadError(""), httpx2.Response(201, json=2)
    )
    connection = connect(answer)
    connection.json("GET", "/v1/me")
    connection.json("PUT", "/v1/datasets/x", again=True, content=lambda: iter([b"a", b"b"]))
    assert [one.read() for one in seen[1:]] == [b"ab"] * 2


def test_what_may_not_be_sent_twice_is_not(connect: Connect) -> None:
    answer, seen = flaky(httpx2.Response(200, json=1), httpx2.ReadError("reset"))
    connection = connect(answer)
    connection.json("GET", "/v1/me")
    with pytest.raises(LostError, match=r"the answer was lost \(reset\); try again"):
        connection.ask("DELETE", "/v1/studies/a")
    assert len(seen) == 2


def test_a_service_that_was_never_there_is_not_waited_for(connect: Connect) -> None:
    answer, seen = flaky(httpx2.ConnectError("[Errno 111] Connection refused"))
    with pytest.raises(
        UnreachableError, match="check the address, and whether hpsearch serve runs"
    ):
        connect(answer).ask("GET", "/v1/me")
    assert len(seen) == 1


def test_patience_ends(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    answer, seen = flaky(httpx2.Response(200, json=1), httpx2.ReadError(""))
    connection = connect(answer)
    connection.ask("GET", "/v1/me")
    with pytest.raises(LostError):
        connection.ask("GET", "/v1/me")
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "code", "said"),
    [
        (problem(401, "the token is wrong"), RefusedError, EXIT_INPUT, "(hpsearch login http"),
        (problem(403, "only an administrator"), RefusedError, EXIT_INPUT, "only an administrator"),
        (problem(404, "study a: not found", 2), UnknownStudyError, EXIT_INPUT, "study a: not"),
        (problem(409, "no trial completed", 1), NoTrialError, EXIT_NO_TRIAL, "no trial completed"),
        (problem(409, "is done", 2), RefusedError, EXIT_INPUT, "is done"),
        (problem(422, "study.toml: name", 2), RefusedError, EXIT_INPUT, "study.toml: name"),
        (problem(500, "a fault"), ProgramError, EXIT_PROGRAM, f"{URL}: a fault"),
        (problem(503, "the storage", 3), UnreachableError, EXIT_UNREACHABLE, f"{URL}: the storage"),
        (httpx2.Response(502, text="<html>"), UnreachableError, EXIT_UNREACHABLE, "is away (502)"),
        (httpx2.Response(200, text="<html>"), InputError, EXIT_INPUT, "not as hpsearch serve does"),
        (httpx2.Response(404, text="<html>"), InputError, EXIT_INPUT, "not as hpsearch serve does"),
        (httpx2.Response(404, json=[]), InputError, EXIT_INPUT, "not as hpsearch serve does (404)"),
        (
            httpx2.Response(301, headers={"location": "https://other/"}),
            InputError, EXIT_INPUT, "sends on to https://other/",
        ),
    ],
)  # fmt: skip
def test_an_answer_is_the_error_of_the_same_command(
    connect: Connect, answer: httpx2.Response, kind: type[HpsearchError], code: int, said: str
) -> None:
    with pytest.raises(kind) as refused:
        connect(lambda _: answer).json("POST", "/v1/studies")
    assert refused.value.exit_code == code
    assert said.replace("is away (502)", "away just now (502)") in str(refused.value)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.0.9", f"is hpsearch 0.0.9, and this is hpsearch {__version__}, which do not under"),
        (__version__, "there is nothing here"),
        (None, "there is nothing here"),
    ],
)
def test_a_service_of_another_version_that_lacks_a_route_is_named(
    connect: Connect, version: str | None, said: str
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/openapi.json":
            return httpx2.Response(200, json={"info": {"version": version}} if version else {})
        return problem(404, "there is nothing here")

    with pytest.raises(InputError, match=said):
        connect(answer).ask("GET", "/v1/later")


@pytest.mark.parametrize(
    ("error", "url", "said"),
    [
        (httpx2.ProxyError("403"), URL, "the proxy of HTTP_PROXY or HTTPS_PROXY"),
        (httpx2.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), "https://x", "speaks no TLS"),
        (httpx2.RemoteProtocolError("disconnected"), URL, "or https:// in place of http://"),
        (httpx2.ReadTimeout(""), URL, "the answer was lost (ReadTimeout)"),
    ],
)
def test_what_the_network_does_is_one_message(
    connect: Connect, error: Exception, url: str, said: str
) -> None:
    def fail(_: httpx2.Request) -> httpx2.Response:
        raise error

    with pytest.raises(HpsearchError) as told:
        connect(fail, url).ask("GET", "/v1/me")
    assert said in str(told.value)


def test_certificates_that_are_none_are_named(tmp_path: Path) -> None:
    (file := tmp_path / "ca.pem").write_text("no certificate")
    for given in (file, tmp_path / "nowhere.pem"):
        with pytest.raises(InputError, match=f"{given}: holds no certificates"):
            Connection("https://example.org", "hps_one", ca_file=given)


def test_no_proxy_leads_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    proxied: Any = []
    for url in ("http://127.0.0.1:8080", "http://search.example.org"):
        connection = Connection(url, "hps_one")
        proxied.append(bool(connection._http._mounts))
        connection.close()
    assert proxied == [False, True]
