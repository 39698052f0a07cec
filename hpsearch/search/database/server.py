"""PostgreSQL: the settings of connections, and what is done while the server is away.

A server that restarts, fails over or refuses for a while, or a link that is cut, costs a search
time and nothing else: connections are made again with growing pauses, and an operation that was
broken off in the middle is done again.
"""

import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import tenacity

FIRST_PAUSE = 0.1
"""Seconds before the second attempt to reach a server; each pause is twice the one before."""

LONGEST_PAUSE = 5.0
"""Seconds between two attempts to reach a server that has been away for a while."""

NOTICE = 5.0
"""Seconds after which it is said that the server is away."""

SILENCE = 10
"""Seconds without any answer after which either side gives a connection up: long enough for lost
packets, short enough that a cut link holds nobody's lock for long."""

_BROKEN = "8s2b"
"""SQLAlchemy's code for an operation in a transaction whose connection broke before."""

READ_ONLY = "25006"
"""The SQLSTATE of a server, or of a session, that only reads."""

AWAY = {
    "08000": "has lost the connection",
    "08001": "cannot be reached from the proxy in front of it",
    "08003": "has ended the connection",
    "08004": "takes no connection now",
    "08006": "has broken the connection off",
    "08007": "has lost the connection during a commit",
    "08P01": "is not reached by the proxy in front of it",
    READ_ONLY: "is read-only, as during a failover",
    "25P03": "has ended a connection whose transaction was idle for too long",
    "40001": "has undone a transaction in favour of another one",
    "40P01": "has undone one of two transactions that waited for each other",
    "53300": "has no connection left",
    "57014": "has cancelled a statement, as after its statement_timeout",
    "57P01": "shuts down",
    "57P02": "restarts after a crash",
    "57P03": "starts up, or shuts down",
    "57P05": "has ended an idle connection",
}
"""What a server refuses for a while only, by its SQLSTATE: it is waited for. What is refused for
good (28xxx: who is not let in; 3D000: there is no such database) is not among them."""

_UNDONE = (READ_ONLY, "40001", "40P01", "57014")
"""Those of them that are the server's answer to a transaction of which nothing was done."""

_log = logging.getLogger(__name__)


def never() -> bool:
    """Nobody is in a hurry."""
    return False


deadline = threading.local()
"""``until``: the moment (``time.monotonic``) until which the operation tries that this thread is in
(``hpsearch.search.storage.retrying``); None or absent: it is in none."""


def engine_options(patience: float) -> dict[str, Any]:
    """SQLAlchemy's options for a server.

    Args:
        patience: seconds that one operation may wait.
    """
    silence = max(2, min(SILENCE, math.ceil(patience)))
    return {
        # A server has some 100 connections to give: each process keeps one, and has others only
        # while several of its threads use the storage at once.
        "pool_size": 1,
        "max_overflow": 4,
        "pool_pre_ping": True,
        "connect_args": {
            "application_name": "hpsearch",
            "connect_timeout": silence,
            # What was sent and not acknowledged; and a server that died while it reckoned.
            "tcp_user_timeout": 1000 * silence,
            "keepalives_idle": silence,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        },
    }


def session_settings(
    patience: float | None, *, read_only: bool = False
) -> Callable[[Any, object], None]:
    """Tells the server of each new connection how long it may wait.

    It is how long a writer waits for a lock, and how soon the server lets go of a client, with its
    locks, that a cut link or a stopped machine keeps from answering.

    Args:
        patience: seconds that a writer waits for another one's lock; None: for ever.
        read_only: have the server refuse whatever would change something.
    """
    settings = {
        "lock_timeout": f"{math.ceil(1000 * (patience or 0))}ms",
        "tcp_keepalives_idle": f"{SILENCE}s",
        "tcp_keepalives_interval": "5s",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": f"{SILENCE}s",
        "idle_in_transaction_session_timeout": f"{3 * SILENCE}s",
    }
    if read_only:
        settings["default_transaction_read_only"] = "on"
    statement = "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())

    def apply(connection: Any, _record: object) -> None:
        connection.execute(statement)
        connection.commit()

    return apply


def connect_patiently(
    patience: float, hurried: Callable[[], bool] = never
) -> Callable[[Any, object, Any, Any], Any]:
    """Makes an engine's connections (its event ``do_connect``), trying until the server is there.

    Args:
        patience: seconds; within an operation, no longer than that one tries.
        hurried: as ``hpsearch.search.storage.retrying.ServerStorage.hurried``.
    """

    def connect(dialect: Any, _record: object, args: Any, options: Any) -> Any:
        def is_missing(error: BaseException) -> bool:
            return isinstance(error, dialect.loaded_dbapi.OperationalError) and not _refuses(error)

        until = getattr(deadline, "until", None)
        seconds = patience if until is None else max(0.0, until - time.monotonic())
        return attempts(seconds, is_missing, hurried)(dialect.connect, *args, **options)

    return connect


def give_up_what_only_reads(context: sa.engine.ExceptionContext) -> None:
    """Has an engine make new connections (its event ``handle_error``) where one can only read.

    The server that writes may be another one by now, and sessions keep what they began with.
    """
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def is_away(error: BaseException) -> bool:
    """Whether a storage error says that a server cannot be reached, or refuses just now."""
    found = _of_database(error)
    if isinstance(found, sa.exc.PendingRollbackError):
        return found.code == _BROKEN  # Optuna goes on with a connection that broke
    if not isinstance(found, sa.exc.DBAPIError) or isinstance(found.orig, sqlite3.Error):
        return False
    if sqlstate(found) in AWAY:
        return True
    unreached = isinstance(found, sa.exc.OperationalError) and found.statement is None
    return (found.connection_invalidated or unreached) and not _refuses(found)


def was_undone(error: BaseException) -> bool:
    """Whether a server says that it has done nothing of a transaction, and may do it later."""
    return sqlstate(error) in _UNDONE


def _of_database(error: BaseException) -> BaseException | None:
    """SQLAlchemy's error, which Optuna wraps; None where it is another one."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, sa.exc.SQLAlchemyError):
        found = found.__cause__
    return found


def sqlstate(error: BaseException) -> str | None:
    """The server's code; None where nothing of the kind is known: before a connection is made."""
    state: str | None = getattr(getattr(_of_database(error), "orig", None), "sqlstate", None)
    return state


def _refuses(error: BaseException) -> bool:
    """Whether a server is there but lets us not in: that does not pass by waiting."""
    # What is said before a connection is made has no SQLSTATE.
    words = (
        "authentication failed", "no password supplied", "does not exist", "pg_hba.conf",
        "certificate verify failed",
    )  # fmt: skip
    said = str(getattr(error, "orig", None) or error)  # without the statement and its values
    return any(word in said for word in words)


def attempts(
    seconds: float, retry: Callable[[BaseException], bool], hurried: Callable[[], bool]
) -> tenacity.Retrying:
    """Calls a function until it works, with growing pauses, for so many seconds."""
    said, is_late = False, tenacity.stop_before_delay(seconds)

    def say_away(state: tenacity.RetryCallState) -> None:
        nonlocal said
        if not said and (state.seconds_since_start or 0.0) + state.upcoming_sleep > NOTICE:
            said = True
            error = state.outcome.exception() if state.outcome else None
            why = AWAY.get(sqlstate(error) or "") if error else None
            _log.warning("the database server %s; trying again", why or "cannot be reached")

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(retry),
        wait=tenacity.wait_exponential_jitter(
            multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE
        ),
        stop=lambda state: is_late(state) or hurried(),
        before_sleep=say_away,
        reraise=True,
    )
