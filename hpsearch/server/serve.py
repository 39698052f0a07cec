"""``hpsearch serve`` itself: one process that answers HTTP and keeps workers in the slots."""

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial

from starlette.types import ASGIApp

from hpsearch import __version__
from hpsearch.dashboard.breathing import collecting_seldom
from hpsearch.dashboard.server import application as dashboard_of
from hpsearch.dashboard.server import listen, names, shown_host
from hpsearch.errors import EXIT_OK, EXIT_PROGRAM, HpsearchError
from hpsearch.home import Home
from hpsearch.search.database.exclusive import exclusive, serving
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
from hpsearch.server.settings import Settings
from hpsearch.server.startup import (
    FINISH_WITHIN,
    FIRST,
    Server,
    alone,
    config,
    first_token,
    stay_alone,
    tls,
)
from hpsearch.server.teller import Teller
from hpsearch.server.tokens import Tokens
from hpsearch.server.who import Gate
from hpsearch.services.apart import end_all
from hpsearch.services.submit import prepare
from hpsearch.services.uploads import Uploads
from hpsearch.services.webhooks import secrets_of
from hpsearch.services.workspace import Workspace
from hpsearch.workers.presence import is_busy
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import LEAVE_WITHIN

ANSWER_WITHIN = 10.0
"""Seconds that a request waits for another program's lock on the database, or for its server."""

KEEP_EVERY = 1.0
"""Seconds between two looks whether the storage is this service's still: sooner than another one
starts."""

TOUCH_EVERY = 10.0
"""Seconds between two looks whether the database takes changes, for ``/readyz``."""


_log = logging.getLogger(__name__)


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
        130 or 143 after a signal; 4 where the scheduler ended by a fault of the program; 2 where
        another service has taken the storage over.

    Raises:
        InputError: settings that do not fit, a port that is taken, another service at work in this
            home or on this storage.
        UnreachableError: the home, the storage or the TLS files cannot be read or written.
        SystemExit: a second signal came.
    """
    settings.check()
    context = tls(settings.certificate, settings.key)
    with (
        alone(workspace.home),
        workspace.opened(create=True, patience=ANSWER_WITHIN) as storage,
        serving(storage.url) as keeps,
        closing(listen(settings.host, settings.port)) as listening,
    ):
        _set_up(storage)
        scheduler = Scheduler(
            workspace=workspace,
            slots=slots,
            most_of_user=settings.most_of_user,
            allow_code=settings.rules.allow_code,
            make_child=make_child,
        )
        service = _service(settings, storage, scheduler, keeps, lambda: server.should_exit)
        port = listening.getsockname()[1]
        server = Server(config(_application(settings, service, port), context))
        _show_secret(settings, workspace.home, say)
        address = _address(settings.host, port, context)
        first = first_token(workspace.home)  # when all else is there: it is shown but once
        with _logged(slots):
            code = _run(server, service, listening, lambda: _greet(address, first, tell, say))
        return code if scheduler.error is None else _code_of(scheduler.error)


def _set_up(storage: Storage) -> None:
    """Have a storage serve a service."""
    with exclusive(storage.url):
        storage.make_events()
    storage.is_busy = is_busy


def _show_secret(settings: Settings, home: Home, say: Callable[[str], None]) -> None:
    """Say with what webhooks are signed, where there may be any."""
    if settings.rules.receivers.hosts:
        secrets_of(home.webhook_secret)
        say(
            f"Webhooks are signed with the secret in {home.webhook_secret}; give it to their"
            " receivers."
        )


def _address(host: str, port: int, context: ssl.SSLContext | None) -> str:
    """Where a browser finds the service."""
    return f"{'http' if context is None else 'https'}://{shown_host(host)}:{port}/"


def _code_of(error: BaseException) -> int:
    """The exit code of what ended the scheduler."""
    return error.exit_code if isinstance(error, HpsearchError) else EXIT_PROGRAM


def _run(
    server: Server, service: Service, listening: socket.socket, greet: Callable[[], None]
) -> int:
    """Have all parts work until a signal comes; the exit code for it."""
    with (
        collecting_seldom(),
        _scheduling(service.scheduler, server),
        running(service.background, FINISH_WITHIN),
    ):
        greet()
        try:
            return _answer(server, listening)
        finally:
            logging.disable(logging.NOTSET)  # a signal silences commands that it cuts off
            _log.info("ends: workers save where their trials stand", extra=told("ending"))
            end_all()


def _answer(server: Server, listening: socket.socket) -> int:
    """Answer requests until a signal comes; the exit code for it.

    Raises:
        SystemExit: a second one has come, too.
    """
    try:
        server.run(sockets=[listening])
    except SystemExit as first:  # uvicorn raises the signal again that ended it
        if server.force_exit or not isinstance(first.code, int):
            raise
        return first.code
    return EXIT_OK


def _service(
    settings: Settings,
    storage: Storage,
    scheduler: Scheduler,
    keeps: Callable[[], bool],
    ends: Callable[[], bool],
) -> Service:
    """The parts of the service, which do not run yet."""
    alone_still = partial(stay_alone, keeps, scheduler)
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
            Background(
                "the lock on the storage",
                alone_still,
                storage.url,
                every=KEEP_EVERY,
                is_vital=False,
            ),
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
def _scheduling(scheduler: Scheduler, server: Server) -> Iterator[None]:
    """Have the scheduler work while the block runs; where it ends by itself, the server does."""

    def run() -> None:
        scheduler.run()
        server.should_exit = True

    thread = threading.Thread(target=run, name="scheduler", daemon=True)
    thread.start()
    # Meanwhile workers start TensorFlow, which takes longer.
    threading.Thread(target=prepare, name="prepare", daemon=True).start()
    patience = DRAIN + 2 * LEAVE_WITHIN
    try:
        yield
    except SystemExit:  # a second signal
        patience = 0.0
        raise
    finally:
        scheduler.end()
        thread.join(patience)


@contextmanager
def _logged(slots: Sequence[Slot]) -> Iterator[None]:
    """Log the start and the end of the service."""
    facts = told("start", version=__version__, slots=len(slots))
    _log.info("hpsearch %s starts, with %d slots", __version__, len(slots), extra=facts)
    words = "hpsearch serve has ended; studies stay queued"
    try:
        yield
    except SystemExit:
        words = "stopped at once: workers save and leave by themselves; studies stay queued"
        raise
    finally:
        logging.disable(logging.NOTSET)  # as above
        _log.info(words, extra=told("shutdown"))
