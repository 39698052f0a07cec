"""``hpsearch serve`` as a user starts it: refused, at work, killed, and at work again."""

import http.client
import json
import signal
import socket
import subprocess
import time
from typing import Any
from urllib.parse import urlsplit

import forked
import psutil
import pytest
from commandline import Cli
from filelock import FileLock
from web import Answer, ask

STUDY = """\
name = "small"
[dataset]
source = "digits"
[budget]
trials = 4
[training]
precision = "float32"
epochs = 3
[space]
layers = { type = "int", low = 1, high = 2 }
"""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "give --tls-cert and --tls-key, or --plain-http"),  # noqa: S104
        (["--tls-cert", "x.pem"], "--tls-cert and --tls-key belong together"),
        (["--tls-cert", "x.pem", "--tls-key", "x.pem"], "No such file"),
        (["--data-root", "nowhere"], "nowhere: is not a folder"),
        (["--workers", "0"], "--workers 0: write a whole number from 1"),
        (["--workers", "many"], "--workers many: write a whole number from 1"),
        (["--host", "no.such.host", "--plain-http"], "--host no.such.host"),
        (["--address", "127.0.0.1:1"], "--address: needs --engine ray"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    cli: Cli, options: list[str], said: str
) -> None:
    done = cli("serve", "--gpus", "none", *options, code=None, process=False)
    assert done.returncode in (2, 3)
    assert said in done.stderr


def test_the_first_token_is_made_when_it_can_be_shown(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        done = cli("serve", "--gpus", "none", "--port", port, code=2, process=False)
    assert "Address already in use" in done.stderr
    assert json.loads(cli("token", "ls", "--json").stdout) == []


class Started:
    """A service in a process of its own."""

    def __init__(self, cli: Cli) -> None:
        self.process: subprocess.Popen[str] = forked.start(
            cli, "serve", "--port", "0", "--workers", "1", "--gpus", "none"
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def ask(self, path: str, token: str, method: str = "GET", text: str = "") -> Answer:
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
        headers = {
            "Authorization": f"Bearer {token}", "Content-Type": "application/toml",
            "Idempotency-Key": "one",
        }  # fmt: skip
        try:
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def row(self, token: str) -> dict[str, Any]:
        [found] = json.loads(self.ask("/v1/studies", token).body)
        assert isinstance(found, dict)
        return found


def test_what_was_acknowledged_outlives_a_kill_and_is_searched_to_its_end(cli: Cli) -> None:
    cli.train_quickly(0.3)
    first = Started(cli)
    token = first.address.partition("?token=")[2]
    assert ask(first.address, "/healthz").status == 200
    made = first.ask("/v1/studies", token, "POST", STUDY)
    assert made.status == 201, made.body
    _wait(lambda: first.row(token)["counted"] > 0)
    [worker] = forked.children(first.process)
    first.process.send_signal(signal.SIGKILL)
    first.process.communicate()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running()

    second = Started(cli)
    assert "token" not in second.address
    again = second.ask("/v1/studies", token, "POST", STUDY)
    assert again.status == 200, again.body
    _wait(lambda: second.row(token)["state"] == "done")
    row = second.row(token)
    assert (row["counted"], row["running"], row["waiting"]) == (4, 0, 0)
    second.process.send_signal(signal.SIGTERM)
    _, said = second.process.communicate(timeout=30)
    assert second.process.returncode == 143
    assert "Traceback" not in said


def _wait(until: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_two_services_do_not_share_a_home(cli: Cli) -> None:
    lock = cli.home / "locks" / "serve.lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        done = cli("serve", "--gpus", "none", "--port", "0", code=2, process=False)
    assert "another hpsearch serve works there" in done.stderr
