"""Who may be told by webhooks: hosts, and the addresses that they may have."""

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from hpsearch.errors import InputError, UnreachableError
from hpsearch.services.webhook_hosts import Receivers, receivers


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (["hooks.org"], "https://hooks.org/a?b=c"),
        (["hooks.org"], "https://HOOKS.org:443/"),
        (["hooks.org"], "http://hooks.org./"),
        (["hooks.org:8443"], "https://hooks.org:8443"),
        (["Hooks.org:443"], "https://hooks.org"),
        (["127.0.0.1:9"], "http://127.0.0.1:9/"),
        (["::1"], "http://[::1]/"),
        (["[::1]:9"], "http://[::1]:9/"),
    ],
)
def test_a_listed_host_may_be_told(options: list[str], url: str) -> None:
    receivers(options).place(url)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        (["hooks.org"], "https://hooks.org:8443/"),
        (["hooks.org"], "https://evil.hooks.org/"),
        (["hooks.org"], "https://hooks.org.evil.org/"),
        (["hooks.org:8443"], "https://hooks.org/"),
        (["10.0.0.0/8"], "https://10.1.2.3/"),
        ([], "https://hooks.org/"),
    ],
)
def test_another_host_or_port_may_not(options: list[str], url: str) -> None:
    with pytest.raises(InputError, match="tells nobody at"):
        receivers(options).place(url)


@pytest.mark.parametrize("option", ["", "a b", "http://a", "a:b", "a@b", "10.0.0.1/8", "a/b", ":1"])
def test_what_is_no_host_is_refused(option: str) -> None:
    with pytest.raises(InputError, match="--webhook-host"):
        receivers([option])


def resolved(allowed: Receivers, monkeypatch: pytest.MonkeyPatch, *found: str) -> str:
    async def answer(*_: object, **__: object) -> list[Any]:
        if not found:
            raise socket.gaierror
        return [(0, 0, 0, "", (one, 443)) for one in found]

    async def ask() -> str:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer)
        return str(await allowed.address(allowed.place("https://hooks.org/"), attempt=1))

    return asyncio.run(ask())


def test_only_public_addresses_are_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = receivers(["hooks.org"])
    public = ("93.184.216.34", "2606:2800:220:1::1")
    assert resolved(allowed, monkeypatch, *public) == public[1]
    assert resolved(allowed, monkeypatch, "127.0.0.1", public[0], "10.0.0.1") == public[0]
    for private in (
        "127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "::1", "fe80::1%eth0", "fd00::1",  # noqa: S104
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "224.0.0.1", "100.64.0.1",
    ):  # fmt: skip
        with pytest.raises(UnreachableError, match="no public address"):
            resolved(allowed, monkeypatch, private)
    with pytest.raises(UnreachableError, match="no such host"):
        resolved(allowed, monkeypatch)


def test_a_listed_network_lets_hosts_have_addresses_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = receivers(["hooks.org", "10.1.0.0/16"])
    assert resolved(allowed, monkeypatch, "10.1.2.3") == "10.1.2.3"
    assert resolved(allowed, monkeypatch, "::ffff:10.1.2.3") == "::ffff:a01:203"
    assert not allowed.allows(ipaddress.ip_address("10.2.0.1"))
