"""What only one process at a time does with a storage: who waits says for whom."""

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import IntEnum
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock, Timeout

from hpsearch.search.database.engines import BUSY_TIMEOUT, make_engine
from hpsearch.search.database.holding import holder_of_file, holder_on_server, sign, wait_for
from hpsearch.search.database.messages import readable_opening
from hpsearch.search.database.urls import parse_url, shown_url


class Work(IntEnum):
    """What only one process at a time does with a storage.

    The values are the keys of PostgreSQL's advisory locks: any numbers that all hpsearch processes
    share.
    """

    SET_UP = 4870465
    """Making a schema or a study: others wait for it, so it has to be short."""
    COPY = 4870466
    """Copying studies into it, which may take minutes."""


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
        kind = "" if work is Work.SET_UP else f".{work.name.lower()}"
        with ExitStack() as held:
            with readable_opening(url):
                held.enter_context(_locked(Path(f"{parsed.database}{kind}.lock"), patience))
            yield
        return
    engine = make_engine(parsed).execution_options(isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            sign(connection)
            # Freed when the connection ends. Not waited for by the server: it may end a statement
            # that takes long.
            taken = sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": int(work)}
            wait_for(
                lambda: bool(connection.scalar(*taken)),
                lambda: holder_on_server(connection, int(work)),
                f"storage {shown_url(parsed)}",
                patience,
            )
            yield
    finally:
        engine.dispose()


@contextmanager
def _locked(file: Path, patience: float) -> Iterator[None]:
    """Hold a lock file, which is kept: removing it would let two processes hold it.

    Args:
        file: the lock file.
        patience: seconds to wait for who has it.

    Raises:
        UnreachableError: another process has it for longer.
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
