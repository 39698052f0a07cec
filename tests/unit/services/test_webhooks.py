"""Signing messages, and sending them to receivers that answer as they like."""

import asyncio
import base64
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.errors import UnreachableError
from hpsearch.services import webhooks
from hpsearch.services.webhook_hosts import receivers
from hpsearch.services.webhooks import Message, secrets_of, send, signature


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "webhook.secret"
    [key] = secrets_of(file)
    assert len(key) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert secrets_of(file) == [key]


def test_two_secrets_are_two_signatures(tmp_path: Path) -> None:
    file = tmp_path / "webhook.secret"
    [old] = secrets_of(file)
    new = base64.b64encode(b"n" * 24).decode()
    file.write_text(f"whsec_{new}\n{file.read_text()}")
    keys = secrets_of(file)
    assert keys == [b"n" * 24, old]
    both = signature(keys, "id", 1, b"{}").split(" ")
    assert both == [signature([key], "id", 1, b"{}") for key in keys]


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the reference implementation's tests (standard-webhooks, Python).
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signature([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("content", ["", "whsec_", "whsec_AAAA\n", "whsec_!!!", "\x00\xff"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "webhook.secret"
    file.write_bytes(content.encode("latin-1"))
    file.chmod(0o600)
    with pytest.raises(UnreachableError, match="has no secret"):
        secrets_of(file)


def test_a_file_that_others_can_read_or_that_is_a_link_is_refused(tmp_path: Path) -> None:
    file, link = tmp_path / "webhook.secret", tmp_path / "link"
    secrets_of(file)
    link.symlink_to(file)
    with pytest.raises(UnreachableError, match="symbolic links"):
        secrets_of(link)
    file.chmod(0o640)
    with pytest.raises(UnreachableError, match="others can read it"):
        secrets_of(file)
    with pytest.raises(UnreachableError, match="No such file"):
        secrets_of(tmp_path / "nowhere" / "webhook.secret")


def dripping(connection: socket.socket, ends: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not ends.wait(0.01):
        connection.sendall(b"X: y\r\n")


def endless(connection: socket.socket, ends: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while not ends.is_set():
        connection.sendall(b"x" * 2**16)


def of_no_sense(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b"\x00\xff\r\n\r\n")


def silent(_: socket.socket, __: threading.Event) -> None:
    return


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (dripping, "no answer within"),
        (endless, None),  # of an answer its status is read
        (of_no_sense, "RemoteProtocolError"),
        (silent, "Error"),
    ],
)
def test_whatever_a_receiver_answers_costs_no_more_than_its_time(
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[socket.socket, threading.Event], None],
    why: str | None,
) -> None:
    monkeypatch.setattr(webhooks, "WITHIN", 0.3)
    ends = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(2**16)
                try:
                    answer(connection, ends)
                except OSError:
                    return  # who asked has gone

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        message = Message(key="k", url=f"http://127.0.0.1:{port}/", body=b"{}", attempt=0)
        said = asyncio.run(send(message, receivers([f"127.0.0.1:{port}"]), [b"k" * 32], 1))
        ends.set()
        thread.join(10)
    assert said is None if why is None else why in str(said)
