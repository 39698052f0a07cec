"""What the service tells of its studies: trials that ended, and events to who asked for them."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from hpsearch.search.attributes import EPOCHS_KEY, SECONDS_KEY, WORKER_KEY
from hpsearch.search.storage.events import EVENTS, NOTICES, Event, NotedEvent
from hpsearch.search.storage.events import add as add_event
from hpsearch.search.storage.facts import STATES
from hpsearch.search.storage.queued import Queued
from hpsearch.search.storage.reading import chunks
from hpsearch.search.storage.repeating import repeatable, unless_done


@dataclass(frozen=True, kw_only=True)
class EndedTrial:
    """A trial that is over."""

    trial_id: int
    state: str
    """One of ``hpsearch.search.storage.facts.ENDED_STATES``."""
    start: float
    """When it started, by its worker's clock, in seconds since 1970."""
    end: float
    """When it ended."""
    seconds: float
    """Of training, those of earlier trials included that it went on with; without a word of its
    worker's, from start to end."""
    epochs: int
    """That were trained; 0: not known."""
    worker: str
    """Who ran it; empty: not known."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A value of the objective that a study is to reach."""

    study_id: int
    study: str
    target: float
    best: float
    """Of its complete trials."""
    is_reached: bool
    """Whether the best value is as good, or better."""


@dataclass(frozen=True, kw_only=True)
class DueNotice:
    """An event that somebody is to be told of now."""

    event: NotedEvent
    url: str | None
    """None: nobody is told."""
    told: int
    """The number of the event before."""
    tries: int
    """That failed so far."""


TOLD = ("ended", "failed", "cancelled", "reached")
"""What is told of studies: the words of events."""

_LAST = ("ended", "cancelled")
"""After which nothing more happens."""


class Telling(Queued):
    """Queries about what has happened."""

    @repeatable
    def ended_since(self, study_ids: Sequence[int], moment: float) -> list[EndedTrial]:
        """The trials of studies that ended since a moment, the earliest first.

        Args:
            study_ids: the keys of the studies.
            moment: in seconds since 1970.
        """
        trial = models.TrialModel
        # Optuna keeps UTC, without a time zone, in columns that its properties hide.
        began, ended = trial._datetime_start_utc, trial._datetime_complete_utc  # noqa: SLF001
        since = datetime.fromtimestamp(moment, UTC).replace(tzinfo=None)
        rows: list[Any] = []
        facts: dict[int, dict[str, Any]] = {}
        with Session(self.engine) as session:
            for keys in chunks(study_ids):
                query = sa.select(trial.trial_id, trial.state, began, ended).where(
                    trial.study_id.in_(keys),
                    trial.state.in_([state for state in STATES if state.is_finished()]),
                    ended >= since,
                    began.is_not(None),
                )
                rows += session.execute(query).all()
            for keys in chunks([row[0] for row in rows]):
                _add_facts(session, keys, facts)
        found = [_ended(row, facts.get(row[0], {})) for row in rows]
        return sorted(found, key=lambda one: one.end)

    @repeatable
    def touch(self) -> None:
        """Find out whether the database takes changes: by one that changes nothing."""
        with Session(self.engine) as session, session.begin():
            session.execute(sa.update(NOTICES).where(sa.false()).values(tries=0))

    @repeatable
    def events_after(
        self, number: int, *, of: Sequence[str] = (), most: int = 500
    ) -> list[NotedEvent]:
        """The events after one, the first one first.

        Args:
            number: the event's; 0: all.
            of: only these words; empty: all.
            most: how many at most.
        """
        query = sa.select(EVENTS).where(EVENTS.c.number > number).order_by(EVENTS.c.number)
        if of:
            query = query.where(EVENTS.c.what.in_(of))
        with Session(self.engine) as session:
            rows = session.execute(query.limit(most)).mappings()
            return [NotedEvent(**row) for row in rows]

    @repeatable
    def targets(self) -> list[Target]:
        """The values that studies are to reach, and have not; of those with a complete trial."""
        study, goal = models.StudyModel, models.StudyDirectionModel
        trial, value = models.TrialModel, models.TrialValueModel
        what = (study.study_id, NOTICES.c.study, NOTICES.c.target, goal.direction)
        query = (
            sa.select(*what, sa.func.min(value.value), sa.func.max(value.value))
            .join(study, study.study_name == NOTICES.c.study)
            .join(goal, goal.study_id == study.study_id)
            .join(trial, trial.study_id == study.study_id)
            .join(value, value.trial_id == trial.trial_id)
            .where(NOTICES.c.target.is_not(None), trial.state == TrialState.COMPLETE)
            .where(value.value.is_not(None))  # an infinite one
            .group_by(*what)
        )
        found = []
        with Session(self.engine) as session:
            for key, name, target, goes, least, most in session.execute(query):
                is_more = goes == StudyDirection.MAXIMIZE
                best, reached = (most, most >= target) if is_more else (least, least <= target)
                one = Target(study_id=key, study=name, target=target, best=best, is_reached=reached)
                found.append(one)
        return found

    @unless_done
    def reach(self, target: Target, event: Event) -> bool:
        """Note that a target is reached, once; whether this call did."""
        own = sa.update(NOTICES).where(
            NOTICES.c.study == target.study, NOTICES.c.target == target.target
        )
        with Session(self.engine) as session, session.begin():
            if not session.connection().execute(own.values(target=None)).rowcount:
                return False
            add_event(session, event)
            return True

    @repeatable
    def due_notices(self, now: float, most: int, *, may_send: bool) -> list[DueNotice]:
        """The next event of each study whose end, failure or target is to be told now.

        Args:
            now: the present moment, in seconds since 1970.
            most: how many at most.
            may_send: whether anybody is told just now; else only what nobody is to be told of.
        """
        query = (
            sa.select(EVENTS, NOTICES.c.url, NOTICES.c.told, NOTICES.c.tries)
            .join(EVENTS, EVENTS.c.study == NOTICES.c.study)
            .where(
                sa.true() if may_send else NOTICES.c.url.is_(None),
                NOTICES.c.not_before <= now,
                EVENTS.c.number > NOTICES.c.told,
                EVENTS.c.what.in_(TOLD),
            )
            .order_by(EVENTS.c.number)
        )
        found: dict[str, DueNotice] = {}
        with Session(self.engine) as session:
            for row in session.execute(query.limit(10 * most)).mappings():
                url, told, tries = row["url"], row["told"], row["tries"]
                event = NotedEvent(**{column.name: row[column] for column in EVENTS.c})
                due = DueNotice(event=event, url=url, told=told, tries=tries)
                found.setdefault(str(event.study), due)
        return [*found.values()][:most]

    @repeatable
    def settle_notice(self, due: DueNotice) -> None:
        """Note that an event was told, or never will be."""
        event = due.event
        own = NOTICES.c.study == event.study, NOTICES.c.told == due.told
        values = {"told": event.number, "tries": 0, "not_before": 0.0}
        later = sa.exists().where(EVENTS.c.study == event.study, EVENTS.c.number > event.number)
        with Session(self.engine) as session, session.begin():
            if event.what in _LAST:
                session.execute(sa.delete(NOTICES).where(*own, ~later))
            session.execute(sa.update(NOTICES).where(*own).values(**values))

    @repeatable
    def put_off_notice(self, due: DueNotice, not_before: float) -> None:
        """Note that telling an event has failed once more, and when it is tried again."""
        statement = (
            sa.update(NOTICES)
            .where(NOTICES.c.study == due.event.study, NOTICES.c.told == due.told)
            .values(tries=due.tries + 1, not_before=not_before)
        )
        with Session(self.engine) as session, session.begin():
            session.execute(statement)


def _add_facts(session: Session, keys: Sequence[int], facts: dict[int, dict[str, Any]]) -> None:
    """Add what the workers of trials wrote of them."""
    model = models.TrialUserAttributeModel
    wanted = (EPOCHS_KEY, SECONDS_KEY, WORKER_KEY)
    query = sa.select(model.trial_id, model.key, model.value_json)
    for trial_id, key, text in session.execute(
        query.where(model.trial_id.in_(keys), model.key.in_(wanted))
    ):
        with suppress(ValueError):
            facts.setdefault(trial_id, {})[key] = json.loads(text)


def _ended(row: tuple[int, TrialState, datetime, datetime], facts: dict[str, Any]) -> EndedTrial:
    """A trial that is over, by its row and what its worker wrote; others may have written it."""
    trial_id, state, start, end = row
    seconds, epochs, worker = (facts.get(k) for k in (SECONDS_KEY, EPOCHS_KEY, WORKER_KEY))
    length = (end - start).total_seconds()
    return EndedTrial(
        trial_id=trial_id,
        state=STATES[state],
        start=start.replace(tzinfo=UTC).timestamp(),
        end=end.replace(tzinfo=UTC).timestamp(),
        seconds=float(seconds) if isinstance(seconds, (int, float)) else length,
        epochs=epochs if isinstance(epochs, int) and epochs > 0 else 0,
        worker=worker if isinstance(worker, str) else "",
    )
