"""``hpsearch serve`` as a user starts it: refused, at work, killed, and at work again."""

import http.client
import json
import re
import signal
import socket
import subprocess
import time
from dataclasses import replace
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
        (["--tls-cert", "/dev/null", "--tls-key", "/dev/null"], "not PEM; give a PEM"),
        (["--data-root", "nowhere"], "nowhere: is not a folder"),
        (["--workers", "0"], "--workers 0: write a whole number from 1"),
        (["--workers", "many"], "--workers many: write a whole number from 1"),
        (["--host", "no.such.host", "--plain-http"], "--host no.such.host"),
        (["--webhook-host", "http://hooks.org"], '--webhook-host "http://hooks.org": write HOST'),
        (["--log-format", "xml"], "'xml' is not one of 'text'"),
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

    def __init__(self, cli: Cli, port: int = 0) -> None:
        self.process: subprocess.Popen[str] = forked.start(
            cli, "serve", "--port", str(port), "--workers", "1", "--gpus", "none"
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def ask(
        self, path: str, token: str, method: str = "GET", text: str = "",
        kind: str = "application/toml",
    ) -> Answer:  # fmt: skip
        where = urlsplit(self.address)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
        headers = {
            "Authorization": f"Bearer {token}", "Content-Type": kind,
            "Idempotency-Key": "one",
        }  # fmt: skip
        try:
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def row(self, token: str, name: str = "small") -> dict[str, Any]:
        rows = json.loads(self.ask("/v1/studies", token).body)
        [found] = [one for one in rows if one["name"] == name]
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
    uploaded = first.ask("/v1/datasets/houses.csv", token, "PUT", "rooms,price\n2,3\n3,4\n")
    assert uploaded.status == 201, uploaded.body
    arriving = cli.home / "uploads" / "arriving"
    [worker] = forked.children(first.process)
    with _half_sent(first.address, token):
        _wait(lambda: [*arriving.glob("*/data.csv")])
        first.process.send_signal(signal.SIGKILL)
        first.process.communicate()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running()

    cli.train_quickly()  # nothing more is to hit a training
    second = Started(cli)
    assert "token" not in second.address
    assert [*arriving.iterdir()] == []
    listed = json.loads(second.ask("/v1/datasets", token).body)
    assert [one["path"] for one in listed] == ["upload:admin/houses.csv"]
    again = second.ask("/v1/studies", token, "POST", STUDY)
    assert again.status == 200, again.body
    _wait(lambda: second.row(token)["state"] == "done")
    row = second.row(token)
    assert (row["counted"], row["running"], row["waiting"]) == (4, 0, 0)

    asked = second.ask("/v1/studies/small/confirm", token, "POST", "", "application/json")
    assert asked.status == 202, asked.body
    _wait(lambda: second.row(token, "small.confirm")["state"] == "done")
    told = json.loads(second.ask("/v1/studies/small/confirm", token).body)
    assert {len(one["values"]) for one in told["candidates"]} == {5}
    report = second.ask("/v1/studies/small/report", token)
    assert report.status == 200, report.body
    assert b'<meta name="generator" content="hpsearch report">' in report.body
    second.process.send_signal(signal.SIGTERM)
    _, said = second.process.communicate(timeout=30)
    assert second.process.returncode == 143
    assert "Traceback" not in said
    assert "the service: ended study small" in said
    assert token not in said


def test_a_run_from_another_terminal_goes_on_through_a_kill_of_the_service(cli: Cli) -> None:
    cli.train_quickly(0.2)
    (cli.folder / "small.toml").write_text(STUDY)
    first = Started(cli)
    url, _, admin = first.address.partition("/?token=")
    token = cli("token", "add", "ana").stdout.strip()
    nowhere = {"HPSEARCH_TOKEN": token, "HPSEARCH_HOME": str(cli.folder / "nowhere")}
    run = forked.start(
        replace(cli, variables=nowhere, compares=True), "run", "small.toml", "--server", url
    )
    _wait(lambda: len(rows := json.loads(first.ask("/v1/studies", admin).body)) == 1
          and rows[0]["counted"] > 0)  # fmt: skip
    first.process.send_signal(signal.SIGKILL)
    first.process.communicate()
    second = Started(cli, int(url.rpartition(":")[2]))
    best, said = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert best.startswith("val_accuracy ")
    assert re.match(rf"Study small on {re.escape(url)}: (queued|running)\n", said)
    assert "The service cannot be reached; the view goes on when it can.\n" in said
    assert "The service is there again.\n" in said
    assert "(4 of 4, best " in said
    assert f"hpsearch export small -o best.toml --server {url} " in said
    second.process.send_signal(signal.SIGTERM)
    second.process.communicate(timeout=30)
    assert not (cli.folder / "nowhere").exists()


def _half_sent(address: str, token: str) -> socket.socket:
    """A connection on which the first half of an upload was sent."""
    where = urlsplit(address)
    connection = socket.create_connection((str(where.hostname), where.port))
    head = (
        f"PUT /v1/datasets/half.csv HTTP/1.1\r\nHost: {where.netloc}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: 8388608\r\n\r\n"
    )
    connection.sendall(head.encode() + b"1,2\n" * 2**20)
    return connection


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
