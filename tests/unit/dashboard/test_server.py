"""The server's token, and the names that it answers to."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace as Address

import psutil
import pytest

from hpsearch.dashboard import server
from hpsearch.dashboard.server import names, own_token, serving
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.search.storage import Storage


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


def test_what_a_link_leads_to_is_no_token(tmp_path: Path) -> None:
    file, secret = tmp_path / "token", tmp_path / "key"
    secret.write_text("the-key-to-all-that-I-have")
    secret.chmod(0o600)
    for target in (secret, tmp_path / "nothing", file):
        file.symlink_to(target)
        with pytest.raises(UnreachableError, match=r"token: is a link.*; remove it, and a new"):
            own_token(file)
        file.unlink()
    assert len(own_token(file) or "") == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "token"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "picture", "two words"])
def test_what_holds_no_token_is_told(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "token"
    if kind == "pipe":
        os.mkfifo(file, 0o600)
    elif kind == "folder":
        file.mkdir(0o700)
    else:
        file.write_bytes(b"\x89PNG\xff\n" if kind == "picture" else b"two words")
        file.chmod(0o600)
    with pytest.raises(UnreachableError, match="remove it, and a new token is made"):
        own_token(file)


def test_another_users_token_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    assert own_token(file)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert own_token(file) is None


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
def test_all_addresses_have_the_machines_names(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {
        "lo": [Address(family=socket.AF_INET, address="127.0.0.1")],
        "eth0": [
            Address(family=socket.AF_INET, address="192.0.2.7"),
            Address(family=socket.AF_INET6, address="fe80::7%eth0"),
            Address(family=psutil.AF_LINK, address="00:00:5e:00:53:07"),
        ],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: cards)
    found = names(host, ["proxy.org"])
    assert found >= {"127.0.0.1", "localhost", "[::1]", "192.0.2.7", "[fe80::7]", "proxy.org"}
    assert not [name for name in found if "00:00:5e" in name]
    assert socket.gethostname().lower() in found
    assert host not in found
    assert all(name == name.lower() for name in found)


def test_the_address_has_port_and_token(connect: Callable[[], Storage], home: Home) -> None:
    storage = connect()
    with serving(storage, home, host="127.0.0.1", port=0, token="a&b =1") as served:  # noqa: S106
        port = served.server.effective_port
        assert served.address == f"http://127.0.0.1:{port}/?token=a%26b%20%3D1"
        with (
            pytest.raises(InputError, match=f"--port {port}: .*give another port"),
            serving(storage, home, host="127.0.0.1", port=port, token=None),
        ):
            pass
    with serving(storage, home, host="127.0.0.1", port=port, token=None) as again:  # it is free
        assert again.address == f"http://127.0.0.1:{port}/"


def test_where_all_addresses_are_served_one_of_them_is_shown(
    connect: Callable[[], Storage], home: Home
) -> None:
    with serving(connect(), home, host="0.0.0.0", port=0, token=None) as served:  # noqa: S104
        assert served.address == f"http://127.0.0.1:{served.server.effective_port}/"


def test_without_a_port_any_will_do(
    connect: Callable[[], Storage], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setattr(server, "PORT", taken)
        with serving(connect(), home, host="127.0.0.1", port=None, token=None) as served:
            assert served.server.effective_port not in (0, taken)


def test_a_home_that_cannot_be_written_is_shown_all_the_same(
    connect: Callable[[], Storage], home: Home
) -> None:
    home.artifacts.touch()  # no folder can be made there
    assert server.application(connect(), home).routes
