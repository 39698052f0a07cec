"""Who may be told by webhooks: hosts that an administrator named, at addresses that are theirs.

Who submits a study names a URL, which this machine then asks: so that nothing else is reached by
it, its host and port must be listed, and what the name resolves to must be a public address, or be
listed itself. The address that was looked at is the one that is connected to.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import show

LONGEST = 2000
"""Characters of a URL."""

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that end with the IPv4 address that is meant."""

Address = IPv4Address | IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a webhook goes."""

    scheme: str
    """"http" or "https"."""
    host: str
    port: int
    netloc: str
    """Host and port as the URL has them."""
    path: str
    """With the query."""

    def at(self, address: Address) -> str:
        """The URL with an address in place of the host's name."""
        text = f"[{address}]" if address.version == 6 else f"{address}"
        return f"{self.scheme}://{text}:{self.port}{self.path}"


@dataclass(frozen=True, kw_only=True)
class Receivers:
    """Hosts that may be told."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    """Names or addresses, with a port; None: that of http or https."""
    networks: tuple[Network, ...] = ()
    """Addresses that may be connected to though they are not public."""

    def place(self, url: str) -> Place:
        """Where a URL leads.

        Raises:
            InputError: it is none, or its host is not listed.
        """
        place = _parsed(url)
        port = None if place.port == _PORTS[place.scheme] else place.port
        if (place.host, port) not in self.hosts and (place.host, place.port) not in self.hosts:
            known = ", ".join(sorted(_text(*one) for one in self.hosts))
            raise InputError(
                f"webhook: this service tells nobody at {show(place.netloc)}; "
                + (f"it does at {known}" if known else "leave it out (it has no --webhook-host)")
            )
        return place

    async def address(self, place: Place, attempt: int) -> Address:
        """The address to connect to.

        Args:
            place: where a webhook goes.
            attempt: from 0; another one takes the next address, where there are several.

        Raises:
            UnreachableError: the name is not known, or has no address that may be connected to.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise UnreachableError(f"{place.host}: no such host") from None
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        open_ones = [one for one in addresses if self.allows(one)]
        if not open_ones:
            raise UnreachableError(
                f"{place.host}: has no public address; list its own one (--webhook-host ADDRESS)"
            )
        return open_ones[attempt % len(open_ones)]

    def allows(self, address: Address) -> bool:
        """Whether an address may be connected to: it is public, or listed."""
        meant = _meant(address)
        is_public = meant.is_global and not meant.is_multicast
        return is_public or any(
            one in network for one in (address, meant) for network in self.networks
        )


NOBODY = Receivers()
"""Nobody is told."""


def receivers(options: Sequence[str]) -> Receivers:
    """The hosts that were named on the command line.

    Args:
        options: each ``HOST``, ``HOST:PORT``, an address with or without a port, or a network
            (``10.1.0.0/16``), in which hosts that are listed may have their addresses.

    Raises:
        InputError: one is none of these.
    """
    hosts, networks = set[tuple[str, int | None]](), list[Network]()
    for text in options:
        try:
            if "/" in text:
                networks.append(ipaddress.ip_network(text))
                continue
            host, port = _host_and_port(text)
        except ValueError:
            raise InputError(
                f"--webhook-host {show(text)}: write HOST, HOST:PORT, or a network like 10.1.0.0/16"
            ) from None
        hosts.add((host, port))
        with suppress(ValueError):  # a name
            networks.append(ipaddress.ip_network(host))
    return Receivers(hosts=frozenset(hosts), networks=tuple(networks))


def _parsed(url: str) -> Place:
    """The parts of a URL.

    Raises:
        InputError: it is none of http or https, or has what a webhook may not have.
    """
    wrong = f"webhook = {show(url)}: write an address like https://HOST/PATH"
    if len(url) > LONGEST or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise InputError(wrong)
    try:
        parts: SplitResult = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise InputError(wrong) from None
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or "#" in url:
        raise InputError(f"{wrong}, without a user, a password or a fragment")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(
        scheme=parts.scheme, host=host, port=port or _PORTS[parts.scheme], netloc=parts.netloc,
        path=path,
    )  # fmt: skip


def _host_and_port(text: str) -> tuple[str, int | None]:
    """A host's name or address, and a port.

    Raises:
        ValueError: it is none.
    """
    if text.count(":") > 1 and not text.startswith("["):
        return str(ipaddress.ip_address(text)), None
    parts = urlsplit(f"//{text}")
    host = (parts.hostname or "").rstrip(".")
    if not re.fullmatch(r"[a-z0-9._:-]+", host) or parts.netloc != text or "@" in text:
        raise ValueError(text)
    return host, parts.port


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it stands for one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _text(host: str, port: int | None) -> str:
    """A listed host for a message."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"
