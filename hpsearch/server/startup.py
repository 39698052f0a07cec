"""What ``hpsearch serve`` needs to answer: home and storage for itself, TLS, a token, patience."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import cast

import uvicorn
from filelock import FileLock, Timeout
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.server.logs import told
from hpsearch.server.scheduler import Scheduler
from hpsearch.server.tokens import Role, Tokens

FIRST = "admin"
"""The name of the token that is made where there is none."""

CONNECTIONS = 1000
"""Connections at a time, those that watch among them."""

FINISH_WITHIN = 2
"""Seconds that requests have for their answers when the service ends."""

SILENCE = 30
"""Seconds after which a connection is closed that asks nothing."""

_log = logging.getLogger(__name__)


class Impatient(H11Protocol):
    """HTTP on one connection, which is closed where no request comes: who has no token yet can open
    as many as there may be.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and wait for a request for :data:`SILENCE` seconds."""
        super().connection_made(transport)
        self.loop.call_later(SILENCE, self._close_silent)

    def _close_silent(self) -> None:
        if cast("object", self.cycle) is None:  # no request was complete so far
            self.transport.close()


class Server(uvicorn.Server):
    """Answers until a signal comes; whichever comes after it is from who is in a hurry."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a signal."""
        self.force_exit = self.should_exit
        super().handle_exit(sig, frame)


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Refuse that two services work in one home.

    Raises:
        InputError: another one does.
        UnreachableError: the home cannot be written.
    """
    file = home.locks / "serve.lock"
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        home.make(file.parent)
        lock = FileLock(file)
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(
            f"{home.root}: another hpsearch serve works there; end it first, or give another --home"
        ) from None
    except OSError as error:
        raise UnreachableError(f"{file}: cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def stay_alone(keeps: Callable[[], bool], scheduler: Scheduler) -> None:
    """End the scheduler where another service has taken the storage over.

    Args:
        keeps: as of :func:`hpsearch.search.database.exclusive.serving`.
        scheduler: works on the storage.
    """
    if keeps():
        return
    scheduler.error = InputError(
        "another hpsearch serve took the storage over while its server was away; this one ends"
    )
    _log.error("%s", scheduler.error, extra=told("taken over"))
    scheduler.end()


def first_token(home: Home) -> str | None:
    """An administrator's token, made where there is none at all; else None."""
    tokens = Tokens(home.tokens)
    return None if tokens.all() else tokens.add(FIRST, Role.ADMIN)


def tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """What encrypts connections; None: nothing does.

    Raises:
        InputError: the files are none of a certificate and its key.
        UnreachableError: they cannot be read.
    """
    if certificate is None or key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    where = f"--tls-cert {certificate} --tls-key {key}"
    try:
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = error.reason or "not PEM"  # OpenSSL has no word for it
        raise InputError(f"{where}: {reason}; give a PEM certificate and its key") from None
    except OSError as error:
        raise UnreachableError(f"{where}: {error.strerror}; check names and permissions") from None
    return context


def config(app: ASGIApp, context: ssl.SSLContext | None) -> uvicorn.Config:
    """How uvicorn serves an application.

    Args:
        app: what answers.
        context: encrypts connections; None: nothing does.
    """
    return uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,  # what strangers send is not for the log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=SILENCE,
        timeout_graceful_shutdown=FINISH_WITHIN,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
