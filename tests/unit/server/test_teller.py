"""Webhooks: what is told, where to, signed, and until the receiver has it."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from optuna.trial import TrialState
from served import Served

from hpsearch.search import submissions
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.events import NotedEvent
from hpsearch.search.storage.telling import DueNotice
from hpsearch.server import board, teller
from hpsearch.server.board import Board
from hpsearch.server.teller import Teller
from hpsearch.services import webhooks
from hpsearch.services.webhook_hosts import receivers


@dataclass
class Receiver:
    """A receiver on this machine, which answers as it is told to."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    """The status of the next answers; then 204."""
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Paths, headers and bodies."""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, _, body in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {key.lower(): value for key, value in self.headers.items()}
            receiver.got.append((self.path, headers, body))
            status = receiver.answers.pop(0) if receiver.answers else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def telling(
    serve: Callable[..., Served], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> tuple[Served, Teller]:
    monkeypatch.setattr(board, "FRESH", 0.0)
    allowed = receivers([f"127.0.0.1:{receiver.port}"])
    served = serve(receivers=allowed)
    shown = Board(served.storage, lambda: ())
    secrets = served.home.webhook_secret
    return served, Teller(storage=served.storage, board=shown, receivers=allowed, secrets=secrets)


def submit(served: Served, receiver: Receiver, name: str = "small", more: str = "") -> None:
    url = f"http://127.0.0.1:{receiver.port}/hook?x=1"
    answer = served.ask(
        "POST", f"/v1/studies?webhook={url.replace('?', '%3F')}{more}", "submit",
        content=f'name = "{name}"\n[dataset]\nsource = "digits"\n[budget]\ntrials = 5\n',
        headers={"Content-Type": "application/toml"},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text


def complete(served: Served, name: str, value: float) -> None:
    study = load_study(served.storage, name).optuna
    study.tell(study.ask(), value, state=TrialState.COMPLETE)


def test_the_end_of_a_study_is_told_once_and_signed(
    telling: tuple[Served, Teller], receiver: Receiver
) -> None:
    served, told = telling
    submit(served, receiver)
    complete(served, "small", 0.75)
    told.step()
    assert receiver.got == []
    submissions.finish(load_study(served.storage, "small"), "trials")
    for _ in range(3):
        told.step()
    [(path, headers, body)] = receiver.got
    assert path == "/hook?x=1"
    content = json.loads(body)
    assert content["type"] == "study.ended"
    assert content["data"] | {"number": 0, "detail": ""} == {
        "study": "small", "event": "ended", "who": "the service", "user": "submit", "number": 0,
        "detail": "", "state": "done", "metric": "val_accuracy", "best": 0.75, "counted": 1,
        "trials": 5,
    }  # fmt: skip
    text = served.home.webhook_secret.read_text().strip()
    assert served.home.webhook_secret.stat().st_mode & 0o777 == 0o600
    key = base64.b64decode(text.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert headers["host"] == f"127.0.0.1:{receiver.port}"


def test_what_failed_is_told_again_by_the_next_service_and_in_order(
    telling: tuple[Served, Teller], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, told = telling
    submit(served, receiver, more="&target=0.5")
    complete(served, "small", 0.75)
    receiver.answers += [500, 302]
    told.step()
    assert len(receiver.got) == 1
    submissions.fail(load_study(served.storage, "small"), "no more")
    told.step()
    assert len(receiver.got) == 1  # it waits
    now = time.time()
    again = Teller(
        storage=served.storage, board=told.board, receivers=told.receivers, secrets=told.secrets
    )
    for later in (6, 100):
        monkeypatch.setattr(teller.time, "time", lambda later=later: now + later)
        again.step()
    again.step()
    words = [
        (body["type"], path)
        for body, (path, _, _) in zip(receiver.bodies, receiver.got, strict=True)
    ]
    reached, failed = ("study.reached", "/hook?x=1"), ("study.failed", "/hook?x=1")
    assert words == [reached, reached, reached, failed]
    ids = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert len(set(ids)) == 2


def test_a_receiver_that_never_answers_is_given_up_and_that_is_an_event(
    telling: tuple[Served, Teller], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, told = telling
    monkeypatch.setattr(teller, "TRIES", 2)
    monkeypatch.setattr(teller, "AGAIN", 0.0)
    submit(served, receiver)
    submissions.cancel(load_study(served.storage, "small"), "submit")
    receiver.answers += [503, 503]
    for _ in range(4):
        told.step()
    assert len(receiver.got) == 2
    [event] = [one for one in served.storage.events("small") if one.what == "not told"]
    assert event.detail == "webhook, cancelled: tried 2 times; answered with 503"


def test_a_slow_receiver_keeps_nobody_longer_than_its_time(
    telling: tuple[Served, Teller], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, told = telling
    monkeypatch.setattr(webhooks, "WITHIN", 0.05)
    release = threading.Event()
    monkeypatch.setattr(receiver, "answers", _Slow(release))
    submit(served, receiver)
    submissions.cancel(load_study(served.storage, "small"), "submit")
    told.step()
    release.set()
    [due] = served.storage.due_notices(time.time() + 100, 5, may_send=True)
    assert due.tries == 1


class _Slow(list[int]):
    """Answers that come when they are let go."""

    def __init__(self, release: threading.Event) -> None:
        super().__init__([204])
        self._release = release

    def pop(self, *_: Any) -> int:
        self._release.wait(10)
        return 204


def test_a_target_is_reached_once_and_told_before_nothing_more_is(
    telling: tuple[Served, Teller], receiver: Receiver
) -> None:
    served, told = telling
    submit(served, receiver, more="&target=0.9")
    complete(served, "small", 0.89)
    told.step()
    complete(served, "small", 0.9)
    submissions.finish(load_study(served.storage, "small"), "trials")
    for _ in range(3):
        told.step()
    assert [one["type"] for one in receiver.bodies] == ["study.ended", "study.reached"]
    assert receiver.bodies[1]["data"]["detail"] == "val_accuracy is 0.9, the target was 0.9"
    whats = [one.what for one in served.storage.events("small")]
    assert whats.count("reached") == 1


def test_a_target_alone_is_an_event_and_a_loss_reaches_it_from_above(
    served: Served, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "FRESH", 0.0)
    text = 'name = "small"\n[dataset]\nsource = "digits"\n[objective]\nmetric = "val_loss"\n'
    answer = served.ask(
        "POST", "/v1/studies?target=0.5", "submit", content=text,
        headers={"Content-Type": "application/toml"},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    told = Teller(
        storage=served.storage, board=Board(served.storage, lambda: ()),
        receivers=receivers([]), secrets=home.webhook_secret,
    )  # fmt: skip
    seen = []
    for value in (0.7, 0.5):
        complete(served, "small", value)
        told.step()
        seen.append([one.what for one in served.storage.events("small")])
    assert seen == [["submitted"], ["reached", "submitted"]]
    submissions.cancel(load_study(served.storage, "small"), "submit")
    told.step()
    assert not home.webhook_secret.exists()


def test_a_later_study_of_the_same_name_tells_nobody_of_the_earlier_one(
    telling: tuple[Served, Teller], receiver: Receiver
) -> None:
    served, told = telling
    submit(served, receiver)
    study = load_study(served.storage, "small")
    served.storage.remove_studies([study.study_id], None)
    served.submit("small")
    submissions.cancel(load_study(served.storage, "small"), "submit")
    told.step()
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.org/", "http://127.0.0.1/", "http://localhost/", "ftp://127.0.0.1/",
        "http://user:pass@127.0.0.1/", "//127.0.0.1", "http://127.0.0.1:99999/", "x", "",
        "http://127.0.0.1%0d%0aX: 1/", "http://[::1]/", "http://2130706433/", "http://é/",
    ],
)  # fmt: skip
def test_a_host_that_is_not_listed_is_refused_with_the_submit(
    telling: tuple[Served, Teller], url: str
) -> None:
    served, _ = telling
    answer = served.ask(
        "POST", "/v1/studies", "submit", params={"webhook": url},
        content='name = "x"\n[dataset]\nsource = "digits"\n',
        headers={"Content-Type": "application/toml"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("webhook")
    assert served.storage.study_names() == []


def test_the_same_key_with_another_target_is_another_request(served: Served) -> None:
    assert served.submit(path="?target=0.5", Idempotency_Key="k").status_code == 201
    assert served.submit(path="?target=0.5", Idempotency_Key="k").status_code == 200
    assert served.submit(path="?target=0.6", Idempotency_Key="k").status_code == 422


def test_a_host_with_many_messages_leaves_room_for_others() -> None:
    def due(number: int, url: str | None) -> DueNotice:
        event = NotedEvent(who="a", what="ended", study=f"s{number}", number=number, moment=0.0)
        return DueNotice(event=event, url=url, told=0, tries=0)

    slow = [due(number, "https://slow.org/hook") for number in range(100)]
    others = [due(100 + number, f"https://{number}.org/") for number in range(9)]
    chosen = teller._chosen([*slow, due(200, None), *others])
    assert len(chosen) == teller.AT_ONCE
    assert sum("slow" in str(one.url) for one in chosen) == teller.AT_ONE_HOST
