"""The dashboard's server: optuna-dashboard over the cached storage, with access control."""

import contextlib
import errno
import os
import re
import secrets
import socket
import stat
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import optuna_dashboard
import psutil
import waitress
from bottle import Bottle, JSONPlugin

from hpsearch.dashboard.access_control import AccessControl
from hpsearch.dashboard.artifacts import Attached, add_files
from hpsearch.dashboard.breathing import collecting_seldom, dumps
from hpsearch.dashboard.importances import answer_without_parameters
from hpsearch.dashboard.removal import refuse_busy
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.search.storage.opening import cached

if TYPE_CHECKING:
    from waitress.server import BaseWSGIServer

    from hpsearch.search.storage import Storage

THREADS = 8
"""Requests that are answered at a time; a page of a large study asks for several."""

CONNECTIONS, SILENCE = 500, 30
"""Connections at a time, and seconds after which a silent one is closed: who has no token yet can
hold some too."""

MOST_BYTES = 16 * 2**20
"""Of a request's body: more than any note or artifact that a page here sends."""

PORT = 8080
"""Where to look for the dashboard first."""

_EVERY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # asked for, not chosen here
"""All of a machine's addresses, and the one of them that leads there from the machine itself."""

_TOKEN, _LONGEST = re.compile(rb"[!-~]+"), 1000
"""What a token consists of, and the bytes of its file that are read."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def own_token(file: Path) -> str | None:
    """The token in a file; made when there is none, for its owner's eyes only.

    Returns:
        None where this user may neither read nor make the file, or it is another user's, who knows
        what is in it.

    Raises:
        UnreachableError: the file cannot be read or written, others can read it, it is a link, or
            it holds no token.
    """
    try:
        with contextlib.suppress(FileNotFoundError):
            return _read_token(file)
        file.parent.mkdir(parents=True, exist_ok=True)
        # Made elsewhere and put there whole: another dashboard may be starting just now.
        handle, made = tempfile.mkstemp(dir=file.parent, prefix=".token-")  # 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as opened:
                opened.write(f"{new_token()}\n")
            with contextlib.suppress(FileExistsError):
                os.link(made, file)
        finally:
            Path(made).unlink()
        return _read_token(file)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return None
        raise UnreachableError(
            f"{file}: {error.strerror}; give --token T, or HPSEARCH_TOKEN"
        ) from None


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(24)


def _read_token(file: Path) -> str | None:
    """The token in a file of this user's; None: another user's.

    Raises:
        OSError: there is no such file, or it cannot be read.
        UnreachableError: what is there is no token that only this user knows.
    """
    try:
        # Not a link's target; and nobody waits for the other end of a pipe.
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.ELOOP or not file.is_symlink():
            raise
        raise _no_token(file, "is a link, and what it leads to may be known to others") from None
    try:
        about = os.fstat(opened)
        if about.st_uid != os.geteuid():
            return None
        if not stat.S_ISREG(about.st_mode):
            raise _no_token(file, "is not a file")
        if about.st_mode & 0o077:
            raise _no_token(file, "others can read it")
        token = os.read(opened, _LONGEST).strip()
    finally:
        os.close(opened)
    if not token:
        raise _no_token(file, "is empty")
    if not _TOKEN.fullmatch(token):
        raise _no_token(file, "does not hold a token (one word of letters, digits and signs)")
    return token.decode("ascii")


def _no_token(file: Path, why: str) -> UnreachableError:
    return UnreachableError(f"{file}: {why}; remove it, and a new token is made")


def names(host: str, allowed: Iterable[str]) -> frozenset[str]:
    """The names by which a browser may call the dashboard.

    Args:
        host: what it listens on.
        allowed: more names, as of a proxy in front of it.
    """
    found = {"127.0.0.1", "localhost", "[::1]", *(name.lower() for name in allowed)}
    if host in _EVERY:
        found |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        for addresses in psutil.net_if_addrs().values():
            for one in addresses:
                if one.family == socket.AF_INET:
                    found.add(one.address)
                elif one.family == socket.AF_INET6:
                    found.add(f"[{one.address.partition('%')[0]}]")
    else:
        found.add(f"[{host}]" if ":" in host else host.lower())
    return frozenset(found)


def application(storage: "Storage", home: Home) -> Bottle:
    """optuna-dashboard with the files of our trials; nothing guards it yet."""
    try:
        home.artifacts.mkdir(parents=True, exist_ok=True)
        attached = Attached(home.artifacts)
    except OSError:  # a home that may only be read: nothing can be attached
        attached = None
    # What it thinks of each figure that it is asked for.
    warnings.filterwarnings("ignore", module="optuna")
    known = cached(storage)  # trials that have ended are read once
    app = optuna_dashboard.wsgi(known, artifact_store=attached)
    app.uninstall(JSONPlugin)
    app.install(JSONPlugin(json_dumps=lambda answer: dumps(_in_order(answer))))
    add_files(app, storage, home)
    refuse_busy(app, storage)
    answer_without_parameters(app, known)
    return app


def _in_order(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with a study's figures by their ids; optuna-dashboard has them in no order."""
    figures = answer.get("plotly_graph_objects")
    return (
        answer
        if figures is None
        else answer | {"plotly_graph_objects": sorted(figures, key=lambda figure: figure["id"])}
    )


@dataclass(frozen=True)
class Served:
    """A server that listens."""

    server: "BaseWSGIServer"
    address: str
    """Where to open it, with the token."""


@contextmanager
def serving(
    storage: "Storage",
    home: Home,
    *,
    host: str,
    port: int | None,
    token: str | None,
    allowed: Iterable[str] = (),
    read_only: bool = False,
) -> Iterator[Served]:
    """Listen; ``server.run()`` answers until a signal.

    Args:
        storage: whose studies are shown.
        home: where the trials' folders are, and what users attach to studies and trials.
        host: address or name to listen on.
        port: 0: any that is free; None: ``PORT``, or any where that is taken.
        token: who shows it may enter; None: everybody.
        allowed: names beside its own by which it may be called.
        read_only: refuse what would change anything.

    Raises:
        InputError: the port is taken or not allowed, or the host none of this machine.
    """
    app = application(storage, home)
    listening = listen(host, port)
    port = listening.getsockname()[1]
    guarded = AccessControl(
        app=app,
        hosts=names(host, allowed),
        allowed=frozenset(name.lower() for name in allowed),
        token=token,
        cookie=f"hpsearch-{port}",
        read_only=read_only,
    )
    server = waitress.create_server(
        guarded,
        sockets=[listening],
        threads=THREADS,
        connection_limit=CONNECTIONS,
        channel_timeout=SILENCE,
        ident=None,
        max_request_body_size=MOST_BYTES,
        clear_untrusted_proxy_headers=True,
    )
    query = "" if token is None else f"?token={quote(token, safe='')}"
    try:
        with collecting_seldom():
            yield Served(server, f"http://{shown_host(host)}:{port}/{query}")
    finally:
        server.close()


def shown_host(host: str) -> str:
    """What listens on a host, as it is written in an address that leads there from here."""
    return _EVERY.get(host, f"[{host}]" if ":" in host else host)


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens.

    Args:
        host: address or name to listen on.
        port: 0: any that is free; None: ``PORT``, or any where that is taken.

    Raises:
        InputError: the port is taken or not allowed, or the host none of this machine.
    """
    if port is not None:
        return _listen(host, port)
    try:
        return _listen(host, PORT)
    except InputError:
        return _listen(host, 0)


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens on one address only, however many the name has."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise InputError(
            f"--host {host}: {error.strerror}; give an address of this machine"
        ) from None
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
    except OSError as error:
        opened.close()
        raise InputError(
            f"--host {host} --port {port}: {error.strerror}; give another port, or --port 0 for"
            " any that is free"
        ) from None
    return opened
