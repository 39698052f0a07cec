"""The events of the service: a small table beside Optuna's, of who did what, and when.

Optuna knows nothing of it, and opens the database as before. It is made by ``hpsearch serve``.
"""

import time
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

LONGEST = 500
"""Characters of an event's detail that are kept."""

EVENTS = sa.Table(
    "hpsearch_events",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("moment", sa.Float, nullable=False),
    sa.Column("who", sa.String(64), nullable=False),
    sa.Column("what", sa.String(32), nullable=False),
    sa.Column("study", sa.String(512), index=True),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("key", sa.String(512), unique=True),
    sqlite_autoincrement=True,
)
"""Numbers rise and are never given again; ``moment`` is in seconds since 1970, in UTC."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that was done."""

    who: str
    """The name of the token that was shown, or :data:`SERVICE`."""
    what: str
    """One word: "submitted", "paused" ..."""
    study: str | None = None
    """The name of the study that it was done to; None: it is about none."""
    detail: str = ""
    """More, for a reader."""
    key: str | None = None
    """What no other event may have: a client's idempotency key, with the client's name."""


@dataclass(frozen=True, kw_only=True)
class NotedEvent(Event):
    """An event as it stands in the table."""

    number: int
    """From 1; later ones have greater numbers."""
    moment: float
    """When, in seconds since 1970, in UTC."""


SERVICE = "the service"
"""Who does what nobody asked for; no token can have this name."""


def add(session: Session, event: Event) -> None:
    """Write an event in the transaction of what it tells of.

    Raises:
        sqlalchemy.exc.IntegrityError: another event has its key.
    """
    session.connection().execute(
        sa.insert(EVENTS).values(
            moment=time.time(),
            who=event.who,
            what=event.what,
            study=event.study,
            detail=event.detail[:LONGEST],
            key=event.key,
        )
    )
