"""Every route of the service for every role, token, host and origin; and what all answers have."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import sleep_forever
from fastapi.routing import iter_route_contexts
from hypothesis import given, settings
from hypothesis import strategies as st
from served import Served

from hpsearch.server import door, who
from hpsearch.server.door import MOST_BYTES

PUBLIC = {("GET", "/healthz"), ("GET", "/readyz"), ("DELETE", "/v1/session")}
"""Routes that need no token."""

SUBMITTING = {
    ("POST", "/v1/check"),
    ("POST", "/v1/studies"),
    ("PATCH", "/v1/studies/{name}"),
    ("DELETE", "/v1/studies/{name}"),
    ("POST", "/v1/studies/{name}/fork"),
    ("POST", "/v1/studies/{name}/confirm"),
    ("POST", "/v1/studies/{name}/refit"),
    ("POST", "/v1/studies/{name}/ensemble"),
    ("POST", "/v1/studies/{name}/pause"),
    ("POST", "/v1/studies/{name}/resume"),
    ("POST", "/v1/studies/{name}/cancel"),
    ("PUT", "/v1/datasets/{name}"),
    ("DELETE", "/v1/datasets/{name}"),
}
"""Routes that need the role submit."""

OF_DASHBOARD = ("/dashboard", "/api/studies", "/csv/1", "/artifacts/1/1", "/static/bundle.js")


def routes(served: Served) -> list[tuple[str, str]]:
    described = served.client.get("/openapi.json").json()["paths"]
    found = [(method.upper(), path) for path, item in described.items() for method in item]
    assert found
    return found


def send(served: Served, method: str, path: str, token: str | None, **options: Any) -> Any:
    path = path.replace("{name}", "small")
    if method == "GET" and path.endswith("/events") and path != "/v1/events":
        path = path.replace("small", "none")  # its answer would not end
    if method == "PATCH":
        options.setdefault("json", {"priority": -1})
    return served.ask(method, path, token, **options)


def test_the_description_leaves_no_route_out_but_those_of_pages(served: Served) -> None:
    app: Any = served.app.app.app  # type: ignore[attr-defined]  # within what counts, and the door
    found = {
        (method, route.path)
        for route in iter_route_contexts(app.routes)
        for method in route.methods or ()
        if route.path is not None
    }
    pages = {("GET", "/"), ("GET", "/ui/{name}"), ("GET", "/openapi.json")}
    assert found - {("HEAD", "/openapi.json")} == {*routes(served)} | pages


def is_problem(answer: Any, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == status == body["status"]
        and answer.headers["content-type"] == "application/problem+json"
        and bool(body["title"])
        and bool(body["detail"])
    )


def test_every_route_asks_for_a_token_and_looks_at_its_role(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(who, "WRONG", 10_000)
    assert served.submit("small", "other").status_code == 201
    for method, path in routes(served):
        for token in (None, "wrong", "revoked"):
            answer = send(served, method, path, token)
            if (method, path) in PUBLIC:
                assert answer.status_code < 300
            else:
                assert is_problem(answer, 401), (method, path, token)
                assert answer.headers["www-authenticate"] == "Bearer"
        if (method, path) in SUBMITTING:
            assert is_problem(send(served, method, path, "read"), 403)
            # Another one's study, which everybody may fork; or a body that is none.
            expected = 403 if "{name}" in path and not path.endswith("fork") else 422
            if path == "/v1/datasets/{name}":  # there is none of one's own, or it has no format
                expected = 415 if method == "PUT" else 404
            assert is_problem(send(served, method, path, "submit"), expected)
        else:
            assert send(served, method, path, "read").status_code in (200, 204, 404, 409)
        for origin in ("http://evil.org", "null", "http://["):
            answer = send(served, method, path, "admin", headers={"Origin": origin})
            assert (answer.status_code == 403) == (method != "GET"), (method, path, origin)
        answer = send(served, method, path, "admin", headers={"Host": "evil.org"})
        assert is_problem(answer, 421)


@pytest.mark.parametrize("path", OF_DASHBOARD)
def test_the_dashboard_is_behind_the_same_door(served: Served, path: str) -> None:
    for token in (None, "wrong", "revoked"):
        assert is_problem(served.ask("GET", path, token), 401)
    assert is_problem(served.ask("GET", path, "read", headers={"Host": "evil.org"}), 421)
    assert served.ask("GET", path, "read").status_code != 401


def test_only_an_administrator_changes_anything_in_the_dashboard(served: Served) -> None:
    served.submit("small")
    note = {"version": 1, "body": "a note"}
    for token in ("read", "submit"):
        assert served.ask("PUT", "/api/studies/1/note", token, json=note).status_code == 405
        assert served.ask("DELETE", "/api/studies/1", token).status_code == 405
    assert served.ask("PUT", "/api/studies/1/note", "admin", json=note).status_code == 204
    foreign = {"Origin": "http://evil.org"}
    assert served.ask("DELETE", "/api/studies/1", "admin", headers=foreign).status_code == 403
    assert served.ask("DELETE", "/api/studies/1", "admin").status_code == 204
    assert served.storage.study_names() == []


def test_a_proxy_of_an_allowed_name_may_ask(served: Served) -> None:
    headers = {"Host": "proxy.org", "Origin": "https://proxy.org"}
    assert served.ask("POST", "/v1/session", "read", headers=headers).status_code == 204


def test_every_answer_has_the_headers_that_keep_others_out(served: Served) -> None:
    for method, path, token in (
        ("GET", "/", None), ("GET", "/healthz", None), ("GET", "/v1/studies", "read"),
        ("GET", "/v1/studies", None), ("GET", "/nothing", "read"), ("GET", "/dashboard", "read"),
        ("POST", "/healthz", "read"),
    ):  # fmt: skip
        headers = served.ask(method, path, token).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in headers
        assert headers.get_list("x-frame-options") == ["DENY"]


def test_what_is_not_there_is_a_problem(served: Served) -> None:
    assert is_problem(served.ask("GET", "/nothing"), 404)
    assert is_problem(served.ask("GET", "/v1/studies/none"), 404)
    assert is_problem(served.ask("GET", "/ui/../app.py"), 404)
    assert is_problem(served.ask("GET", "/ui/..%2fapp.py"), 404)
    assert is_problem(served.ask("PUT", "/v1/studies"), 405)
    assert is_problem(served.ask("GET", "/v1/events?limit=0"), 422)


def test_what_was_sent_wrong_has_the_exit_code_of_the_command(served: Served) -> None:
    served.submit("small")
    for answer in (
        served.ask("GET", "/v1/events?limit=0"),
        served.ask("PATCH", "/v1/studies/small", json={}),
        served.ask("POST", "/v1/studies", content=b"\xff"),
        served.ask("POST", "/v1/studies", content=b"x = "),
    ):
        assert is_problem(answer, 422)
        assert answer.json()["exit_code"] == 2


def test_a_large_body_is_refused_whether_or_not_it_says_so(served: Served) -> None:
    body = b"x" * (MOST_BYTES + 1)
    assert is_problem(served.ask("POST", "/v1/studies", content=body), 413)
    parts = (b"x" * 2**20 for _ in range(3))
    assert is_problem(served.ask("POST", "/v1/studies", content=parts), 413)


def test_wrong_tokens_are_told_to_wait_and_right_ones_are_let_in(served: Served) -> None:
    answers = [served.ask("GET", "/v1/me", "wrong") for _ in range(who.WRONG + 1)]
    assert {one.status_code for one in answers[:-1]} == {401}
    assert is_problem(answers[-1], 429)
    assert 0 < int(answers[-1].headers["retry-after"]) <= who.WITHIN + 1
    assert served.ask("GET", "/v1/me", "read").json() == {"name": "read", "role": "read"}


def test_a_browser_stays_in_by_a_cookie_until_its_token_is_revoked(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = served.client.get(f"/?token={served.shown['read']}&x=1", follow_redirects=False)
    assert (entered.status_code, entered.headers["location"]) == (303, "/?x=1")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert served.shown["read"] not in cookie
    assert served.client.get("/v1/me").json()["name"] == "read"
    session = served.client.cookies["hpsearch-1"].strip('"')
    name, until, mac = session.split(":")
    for forged in (
        f"admin:{until}:{mac}",
        f"{name}:{int(until) + 1}:{mac}",
        f"{name}:{until}:",
        "x",
    ):
        served.client.cookies.clear()
        headers = {"Cookie": f"hpsearch-1={forged}"}
        assert served.client.get("/v1/me", headers=headers).status_code in (401, 429)
    headers = {"Cookie": f"hpsearch-1={session}"}
    assert served.client.get("/v1/me", headers=headers).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(who.time, "time", lambda: float(until) + 1)
        assert served.client.get("/v1/me", headers=headers).status_code == 401
    served.tokens.revoke("read")
    assert served.client.get("/v1/me", headers=headers).status_code == 401


def test_the_service_is_ready_while_its_scheduler_works(served: Served) -> None:
    assert served.client.get("/readyz").status_code == 200
    served.scheduler.ticked -= 1000
    assert is_problem(served.client.get("/readyz"), 503)
    assert served.client.get("/healthz").status_code == 200


def test_a_service_whose_tokens_were_removed_says_so(served: Served) -> None:
    served.home.tokens.unlink()
    answer = served.ask("GET", "/v1/me", "admin")
    assert is_problem(answer, 401)
    assert "has no tokens now" in answer.json()["detail"]


def test_tokens_that_cannot_be_read_let_nobody_in(served: Served) -> None:
    served.home.tokens.chmod(0o644)
    answer = served.ask("GET", "/v1/me", "admin")
    assert is_problem(answer, 503)
    assert "others can read it" in answer.json()["detail"]


def test_a_fault_of_the_program_is_told_without_its_traceback(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(type(served.storage), "events", fails)
    answer = served.ask("GET", "/v1/events")
    assert is_problem(answer, 500)
    assert "secret" not in answer.text


def test_no_text_in_any_place_makes_a_fault(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve(data_root=tmp_path)
    texts = st.text(max_size=30) | st.sampled_from(
        ["\x00", "..", "%2e%2e", "\udcff", "'", "[[", "{"]
    )
    numbers = itertools.count()

    @settings(max_examples=12)
    @given(st.sampled_from(["GET", "POST", "PATCH", "DELETE"]), texts, texts)
    def holds(method: str, path: str, text: str) -> None:
        sent = text.encode("utf-8", "surrogatepass")
        quoted = "".join(f"%{byte:02x}" for byte in path.encode("utf-8", "surrogatepass"))
        for target, kind in (
            (f"/v1/studies/{quoted}", "application/json"),
            (f"/v1/studies/{quoted}/pause", text),
            ("/v1/studies", "application/toml"),
            ("/v1/studies", "application/json"),
        ):
            headers = {
                b"content-type": kind.encode("utf-8", "replace"),
                b"idempotency-key": f"key {next(numbers)}".encode(),
                b"authorization": f"Bearer {served.shown['admin']}".encode(),
            }
            answer = served.client.request(method, target, content=sent, headers=headers)
            assert answer.status_code < 500, answer.text

    holds()


def asked(
    served: Served, *messages: dict[str, Any], method: str = "POST", path: str = "/v1/studies"
) -> list[Any]:
    """The answer to a request whose body comes as some messages, and then nothing."""
    left, sent = [*messages], list[Any]()
    token = f"Bearer {served.shown['admin']}".encode()
    headers = [(b"host", b"127.0.0.1"), (b"authorization", token)]
    headers.append((b"content-type", b"application/json"))
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "scheme": "http",
        "server": ("127.0.0.1", 80), "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def receive() -> Any:
        if not left:
            await sleep_forever()
        return left.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(served.app, scope, receive, send)
    return [sent[0]["status"], json.loads(sent[1]["body"])["detail"]]


def test_a_body_that_ends_too_early_is_no_fault(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(door, "SILENCE", 0.05)
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert asked(served, part) == [408, "nothing of the body came for 0 s; send it again"]
    gone = {"type": "http.disconnect"}
    assert asked(served, part, gone) == [400, "the request was cut off; send it again"]
    for messages in ((part,), (part, gone)):
        status, _ = asked(served, *messages, method="PATCH", path="/v1/studies/small")
        assert status in (400, 408)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]
