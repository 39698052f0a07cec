"""The events of the service: a small table beside Optuna's, of who did what, and when; and another
one of who wants to be told of them.

Optuna knows nothing of them, and opens the database as before. They are made by ``hpsearch serve``.
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


NOTICES = sa.Table(
    "hpsearch_notices",
    EVENTS.metadata,
    sa.Column("study", sa.String(512), primary_key=True),
    sa.Column("url", sa.Text),
    sa.Column("target", sa.Float),
    sa.Column("told", sa.Integer, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Float, nullable=False),
)
"""What is to be told of a study that is not over. ``url``: where to; ``target``: a value of the
objective, NULL once it is reached; ``told``: the last event that was, or need not be; ``tries`` of
the next one that failed, which is not tried again before ``not_before``, in seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What who submits a study wants to be told of it."""

    url: str | None = None
    """Where its end, failure and target are told; None: nowhere."""
    target: float | None = None
    """A value of the objective; that it is reached is an event. None: none is."""


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
    notice: Notice | None = None
    """Of a study's first event: what is to be told of it."""


@dataclass(frozen=True, kw_only=True)
class NotedEvent(Event):
    """An event as it stands in the table."""

    number: int
    """From 1; later ones have greater numbers."""
    moment: float
    """When, in seconds since 1970, in UTC."""


OF_UPLOADS = ("uploaded", "deleted")
"""What is done to data that users sent; such an event is about no study."""

SERVICE = "the service"
"""Who does what nobody asked for; no token can have this name."""


def add(session: Session, event: Event, *, begins: bool = False) -> None:
    """Write an event in the transaction of what it tells of.

    Args:
        session: has the transaction.
        event: what has happened.
        begins: whether it is the first one of a study, which may have the name of an earlier one.

    Raises:
        sqlalchemy.exc.IntegrityError: another event has its key.
    """
    connection = session.connection()
    done = connection.execute(
        sa.insert(EVENTS).values(
            moment=time.time(),
            who=event.who,
            what=event.what,
            study=event.study,
            detail=event.detail[:LONGEST],
            key=event.key,
        )
    )
    if begins:
        connection.execute(sa.delete(NOTICES).where(NOTICES.c.study == event.study))
    if begins and event.notice is not None:
        wanted = {"url": event.notice.url, "target": event.notice.target}
        [number] = done.inserted_primary_key or (0,)
        connection.execute(
            sa.insert(NOTICES).values(
                study=event.study, told=number, tries=0, not_before=0.0, **wanted
            )
        )
