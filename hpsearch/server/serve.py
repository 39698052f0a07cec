"""``hpsearch serve`` itself: one process that answers HTTP and keeps workers in the slots."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from hpsearch import __version__
from hpsearch.dashboard.breathing import collecting_seldom
from hpsearch.dashboard.server import LOOPBACK, listen, names, shown_host
from hpsearch.dashboard.server import application as dashboard_of
from hpsearch.errors import EXIT_OK, EXIT_PROGRAM, InputError
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.storage import Storage
from hpsearch.server.app import application
from hpsearch.server.background import Background, running
from hpsearch.server.board import Board
from hpsearch.server.child import Assignable, AssignedChild
from hpsearch.server.chores import Chores
from hpsearch.server.journal import Journal
from hpsearch.server.live import Hub
from hpsearch.server.logs import told
from hpsearch.server.scheduler import DRAIN, Scheduler
from hpsearch.server.service import Service
from hpsearch.server.startup import FIRST, SILENCE, Impatient, alone, first_token, tls
from hpsearch.server.teller import Teller
from hpsearch.server.tokens import Tokens
from hpsearch.server.who import Gate
from hpsearch.services.apart import end_all
from hpsearch.services.rules import Rules
from hpsearch.services.submit import prepare
from hpsearch.services.upload import Limits
from hpsearch.services.uploads import Uploads
from hpsearch.services.webhooks import secrets_of
from hpsearch.services.workspace import Workspace
from hpsearch.workers.presence import is_busy
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import LEAVE_WITHIN

CONNECTIONS = 1000
"""Connections at a time, those that watch among them."""

ANSWER_WITHIN = 10.0
"""Seconds that a request waits for another program's lock on the database, or for its server."""

TOUCH_EVERY = 10.0
"""Seconds between two looks whether the database takes changes, for ``/readyz``."""

FINISH_WITHIN = 2
"""Seconds that requests have for their answers when the service ends."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the service runs."""

    host: str = "127.0.0.1"
    port: int | None = None
    """0: any that is free; None: 8080, or any where that is taken."""
    allowed: Sequence[str] = ()
    """Names beside its own by which it may be called, such as a proxy's."""
    certificate: Path | None = None
    """With ``key``: TLS."""
    key: Path | None = None
    plain: bool = False
    """Whether other machines may connect without TLS."""
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    """Of uploads."""
    most_of_user: int | None = None
    """Workers that each user may have at most; None: any number."""

    def check(self) -> None:
        """Refuse settings that do not fit together.

        Raises:
            InputError: so they do not.
        """
        if (self.certificate is None) != (self.key is None):
            raise InputError("--tls-cert and --tls-key belong together; give both, or neither")
        if self.host not in LOOPBACK and self.certificate is None and not self.plain:
            raise InputError(
                f"--host {self.host}: others on the network could read tokens and data; give"
                " --tls-cert and --tls-key, or --plain-http behind a proxy that speaks TLS"
            )
        root = self.rules.data_root
        if root is not None and not root.is_dir():
            raise InputError(f"--data-root {root}: is not a folder; create it, or give another")


def serve(
    settings: Settings,
    slots: Sequence[Slot],
    workspace: Workspace,
    tell: Callable[[str], None],
    say: Callable[[str], None],
    *,
    make_child: Callable[..., Assignable] = AssignedChild,
) -> int:
    """Serve until a signal comes.

    Args:
        settings: how.
        slots: of this box, or of a cluster.
        workspace: home and storage.
        tell: is told the address, with the first token where it is made just now.
        say: is told what else there is to know.
        make_child: makes what runs a slot's workers: processes of this machine, or Ray's.

    Returns:
        0; 4 where the scheduler ended by itself. (uvicorn raises the signal again that ended it.)

    Raises:
        InputError: settings that do not fit, a port that is taken, another service at work here.
        UnreachableError: the home, the storage or the TLS files cannot be read or written.
    """
    settings.check()
    context = tls(settings.certificate, settings.key)
    with (
        alone(workspace.home),
        workspace.opened(create=True, patience=ANSWER_WITHIN) as storage,
        closing(listen(settings.host, settings.port)) as listening,
    ):
        with exclusive(storage.url):
            storage.make_events()
        storage.is_busy = is_busy
        scheduler = Scheduler(
            workspace=workspace,
            slots=slots,
            most_of_user=settings.most_of_user,
            make_child=make_child,
        )
        service = _service(settings, storage, scheduler, lambda: server.should_exit)
        port = listening.getsockname()[1]
        config = _config(_application(settings, service, port), context)
        server = uvicorn.Server(config)  # the hub asks it whether it ends
        if settings.rules.receivers.hosts:
            file = workspace.home.webhook_secret
            secrets_of(file)
            say(f"Webhooks are signed with the secret in {file}; give it to their receivers.")
        first = first_token(workspace.home)  # when all else is there: it is shown but once
        scheme = "http" if context is None else "https"
        address = f"{scheme}://{shown_host(settings.host)}:{port}/"
        with _logged(slots):
            _run(server, service, listening, lambda: _greet(address, first, tell, say))
        return EXIT_OK if scheduler.error is None else EXIT_PROGRAM


def _run(
    server: uvicorn.Server, service: Service, listening: socket.socket, greet: Callable[[], None]
) -> None:
    """Have all parts work until a signal comes."""
    with (
        collecting_seldom(),
        _scheduling(service.scheduler, server),
        running(service.background, FINISH_WITHIN),
    ):
        greet()
        try:
            server.run(sockets=[listening])
        finally:
            logging.disable(logging.NOTSET)  # a signal silences commands that it cuts off
            _log.info("ends: workers save where their trials stand", extra=told("ending"))
            end_all()


def _service(
    settings: Settings, storage: Storage, scheduler: Scheduler, ends: Callable[[], bool]
) -> Service:
    """The parts of the service, which do not run yet."""
    home, board = scheduler.workspace.home, Board(storage, lambda: scheduler.shown)
    uploads = Uploads(home=home, limits=settings.limits)
    uploads.tidy()
    journal = Journal(storage=storage, tokens=Tokens(home.tokens))
    teller = Teller(
        storage=storage,
        board=board,
        receivers=settings.rules.receivers,
        secrets=home.webhook_secret,
    )
    scheduler.metrics.time_statements(storage.engine)
    return Service(
        workspace=scheduler.workspace,
        storage=storage,
        rules=replace(settings.rules, uploads=uploads),
        board=board,
        hub=Hub(storage, ends),
        scheduler=scheduler,
        background=(
            Background("the journal", journal.step, storage.url),
            Background("webhooks", teller.step, storage.url, every=2.0, is_vital=False),
            Background("writing to the storage", storage.touch, storage.url, every=TOUCH_EVERY),
            Chores(board, scheduler.workspace).background(storage.url),
        ),
    )


def _application(settings: Settings, service: Service, port: int) -> ASGIApp:
    """What answers, with optuna-dashboard behind it."""
    home = service.workspace.home
    return application(
        service,
        Gate(tokens=Tokens(home.tokens), cookie=f"hpsearch-{port}"),
        dashboard_of(service.storage, home),
        hosts=names(settings.host, settings.allowed),
        allowed=frozenset(name.lower() for name in settings.allowed),
        measured=service.scheduler.metrics,
    )


def _config(app: ASGIApp, context: ssl.SSLContext | None) -> uvicorn.Config:
    """How uvicorn serves it."""
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


def _greet(
    address: str, first: str | None, tell: Callable[[str], None], say: Callable[[str], None]
) -> None:
    """Tell where the service is, with the first token where it was made just now."""
    tell(address if first is None else f"{address}?token={first}")
    _log.info("ready: %s", address, extra=told("ready", address=address))
    if first is not None:
        say(f"The token in the address is that of {FIRST}, and is not shown again.")
    say("hpsearch token add NAME makes more. Ctrl-C stops; studies stay queued.")


@contextmanager
def _scheduling(scheduler: Scheduler, server: uvicorn.Server) -> Iterator[None]:
    """Have the scheduler work while the block runs; where it ends by itself, the server does."""

    def run() -> None:
        scheduler.run()
        server.should_exit = True

    thread = threading.Thread(target=run, name="scheduler", daemon=True)
    thread.start()
    # Meanwhile workers start TensorFlow, which takes longer.
    threading.Thread(target=prepare, name="prepare", daemon=True).start()
    try:
        yield
    finally:
        scheduler.end()
        thread.join(DRAIN + 2 * LEAVE_WITHIN)


@contextmanager
def _logged(slots: Sequence[Slot]) -> Iterator[None]:
    """Log the start and the end of the service."""
    facts = told("start", version=__version__, slots=len(slots))
    _log.info("hpsearch %s starts, with %d slots", __version__, len(slots), extra=facts)
    try:
        yield
    finally:
        _log.info("hpsearch serve has ended; studies stay queued", extra=told("shutdown"))
