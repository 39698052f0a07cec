"""The server's token, and the names that it answers to."""

import socket
from pathlib import Path

import pytest

from hpsearch.dashboard.server import names, own_token
from hpsearch.errors import UnreachableError


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "home" / "token"
    token = own_token(file)
    assert len(token) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert own_token(file) == token
    assert own_token(tmp_path / "other") != token


@pytest.mark.parametrize(("text", "mode"), [("secret-secret", 0o640), ("", 0o600), (" \n", 0o600)])
def test_a_file_that_does_not_do(tmp_path: Path, text: str, mode: int) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(UnreachableError, match="remove it"):
        own_token(file)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableError, match="--token"):
        own_token(tmp_path / "file" / "token")


def test_names() -> None:
    loopback = {"127.0.0.1", "localhost", "[::1]"}
    assert names("127.0.0.1", []) == loopback
    assert names("box.lan", ["Proxy.Org"]) == loopback | {"box.lan", "proxy.org"}
    assert names("fe80::1", []) == loopback | {"[fe80::1]"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104  # nothing listens
def test_all_addresses_have_the_machines_names(host: str) -> None:
    found = names(host, [])
    assert socket.gethostname().lower() in found
    assert host not in found
    assert all(name == name.lower() for name in found)
