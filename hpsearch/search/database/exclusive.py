"""What only one process at a time does with a storage: who waits says for whom."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import IntEnum
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.engine import URL

from hpsearch.errors import InputError
from hpsearch.search.database.engines import BUSY_TIMEOUT, make_engine
from hpsearch.search.database.holding import (
    HeldError,
    Holder,
    holder_of_file,
    holder_on_server,
    sign,
    wait_for,
)
from hpsearch.search.database.messages import readable_errors, readable_opening
from hpsearch.search.database.urls import parse_url, shown_url

GONE_WITHIN = 30.0
"""Seconds after which a server has let go of the locks of who cannot be reached any more
(``hpsearch.search.database.server.SILENCE``)."""


class Work(IntEnum):
    """What only one process at a time does with a storage.

    The values are the keys of PostgreSQL's advisory locks: any numbers that all hpsearch processes
    share.
    """

    SET_UP = 4870465
    """Making a schema or a study: others wait for it, so it has to be short."""
    COPY = 4870466
    """Copying studies into it, which may take minutes."""
    SERVE = 4870467
    """Serving it: ``hpsearch serve`` holds it to its end."""


@contextmanager
def exclusive(
    url: str, work: Work = Work.SET_UP, *, patience: float | None = None
) -> Iterator[None]:
    """Hold off other processes on any machine that are about to do the same kind of work.

    Claims and reports do not come here; their transactions are enough.

    Args:
        url: the storage's.
        work: what is done.
        patience: seconds to wait for who is at it; None: ``BUSY_TIMEOUT``, or where that may take
            minutes by itself, for ever.

    Raises:
        UnreachableError: another process is at it for longer; it is named.
    """
    if patience is None:
        patience = BUSY_TIMEOUT if work is Work.SET_UP else math.inf
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        with _beside(parsed, work, patience):
            yield
        return
    with _on_server(parsed, work, patience):
        yield


@contextmanager
def serving(url: str, *, patience: float = GONE_WITHIN) -> Iterator[Callable[[], bool]]:
    """Have a storage to ourselves among the services, until the block or this process ends.

    Args:
        url: the storage's.
        patience: seconds to wait for a service on a server's database, which may have lost its
            machine; a file's lock ends with its process.

    Returns:
        Whether the storage is ours still, to be asked now and then: a server that was away has
        forgotten it, so that another service may have it by now. While the server is away it raises
        what SQLAlchemy does.

    Raises:
        InputError: another service works on it.
        UnreachableError: the storage cannot be reached.
    """
    parsed = parse_url(url)
    with ExitStack() as held:
        try:
            with readable_errors(url):
                if parsed.get_backend_name() == "sqlite":
                    held.enter_context(_beside(parsed, Work.SERVE, 0.0))
                    keep = _always
                else:
                    keep = held.enter_context(_on_server(parsed, Work.SERVE, patience)).keep
        except HeldError as error:
            raise _served(parsed, error.holder) from None
        yield keep


def _always() -> bool:
    return True


def _served(url: URL, holder: Holder | None) -> InputError:
    who = f" ({holder})" if holder else ""
    return InputError(
        f"storage {shown_url(url)}: another hpsearch serve{who} works on it; end it first, or give"
        " another --storage"
    )


@contextmanager
def _beside(url: URL, work: Work, patience: float) -> Iterator[None]:
    """Hold a lock file beside SQLite's."""
    kind = "" if work is Work.SET_UP else f".{work.name.lower()}"
    with ExitStack() as held:
        with readable_opening(shown_url(url)):
            held.enter_context(_locked(Path(f"{url.database}{kind}.lock"), patience))
        yield


@contextmanager
def _on_server(url: URL, work: Work, patience: float) -> Iterator["_Advisory"]:
    """Hold an advisory lock of PostgreSQL's."""
    lock = _Advisory(url, work)
    try:
        wait_for(lock.take, lock.holder, f"storage {shown_url(url)}", patience)
        yield lock
    finally:
        lock.close()


class _Advisory:
    """An advisory lock of a database of PostgreSQL, which frees it when our connection ends."""

    def __init__(self, url: URL, work: Work) -> None:
        self._engine = make_engine(url).execution_options(isolation_level="AUTOCOMMIT")
        self._key = int(work)
        self._connection: sa.Connection | None = None
        self._is_ours = False

    def take(self) -> bool:
        """Try once to take it; whether it is ours now."""
        # Not waited for by the server: it may end a statement that takes long.
        taken = sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": self._key}
        self._is_ours = bool(self._connected().scalar(*taken))
        return self._is_ours

    def keep(self) -> bool:
        """Whether it is ours still; taken anew where the connection that had it broke."""
        if self._is_ours:
            with suppress(sa.exc.DBAPIError):
                self._connected().exec_driver_sql("SELECT 1")
                return True
        self.close()
        return self.take()

    def holder(self) -> Holder | None:
        """Who has it."""
        return holder_on_server(self._connected(), self._key)

    def close(self) -> None:
        """Give it back."""
        self._is_ours = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            sign(self._connection)
        return self._connection


@contextmanager
def _locked(file: Path, patience: float) -> Iterator[None]:
    """Hold a lock file, which is kept: removing it would let two processes hold it.

    Args:
        file: the lock file.
        patience: seconds to wait for who has it.

    Raises:
        HeldError: another process has it for longer.
        OSError: the file cannot be made.
    """
    lock = FileLock(file)

    def take() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    wait_for(take, lambda: holder_of_file(file), str(file), patience)
    try:
        yield
    finally:
        lock.release()
