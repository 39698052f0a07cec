"""SQLAlchemy's engines, and how long they wait."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import URL

from hpsearch.search.database.server import (
    connect_patiently,
    engine_options,
    never,
    session_settings,
)

BUSY_TIMEOUT = 60.0
"""Seconds that a command waits for another program's lock before it gives up."""


def make_engine(url: URL, patience: float = 0.0, hurried: Callable[[], bool] = never) -> sa.Engine:
    """For single connections, which are closed when they are given back.

    Args:
        url: of the database.
        patience: seconds to wait for a server that is away.
        hurried: as for ``hpsearch.search.storage.opening.open_storage``.
    """
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool)
    options = engine_options(BUSY_TIMEOUT)["connect_args"]
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=options)
    sa.event.listen(engine, "connect", session_settings(None))
    sa.event.listen(engine, "do_connect", connect_patiently(patience, hurried))
    return engine
