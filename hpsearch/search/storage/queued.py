"""What the service asks of all its studies together, in a few queries, and its events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from hpsearch.search.attributes import BUDGET_KEY, METRIC_NAMES_KEY, STUDY, SUBMISSION_KEY
from hpsearch.search.shapes import Submission, typed
from hpsearch.search.storage import events
from hpsearch.search.storage.events import EVENTS, Event, NotedEvent
from hpsearch.search.storage.facts import Counts
from hpsearch.search.storage.repeating import repeatable, unless_done
from hpsearch.search.storage.rows import counts_where
from hpsearch.search.storage.summaries import Summaries

_AT_ONCE = 500
"""Studies that one query names; SQLite takes 999 values at least."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A study that was submitted to the service."""

    study_id: int
    name: str
    submission: Submission


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a study stands, for a list of many."""

    counts: Counts
    trials: int | None
    """Of its budget; None where that cannot be read."""
    best: float | None
    """The best value of its complete trials."""
    metric: str | None
    """What that is of."""


class Queued(Summaries):
    """Queries about all studies that were submitted."""

    @repeatable
    def make_events(self) -> None:
        """Make the table of events where there is none.

        Call it where :func:`hpsearch.search.database.exclusive.exclusive` holds off others.
        """
        EVENTS.metadata.create_all(self.engine)

    @unless_done
    def note(self, event: Event) -> None:
        """Write down an event that changes no study."""
        with Session(self.engine) as session, session.begin():
            events.add(session, event)

    @repeatable
    def last_event(self) -> int:
        """The number of the latest event; 0: there is none."""
        with Session(self.engine) as session:
            return session.scalar(sa.select(sa.func.max(EVENTS.c.number))) or 0

    @repeatable
    def events(
        self, study: str | None = None, *, before: int | None = None, most: int = 100
    ) -> list[NotedEvent]:
        """The latest events, the last one first.

        Args:
            study: only those of a study; None: all.
            before: only those with smaller numbers; None: all.
            most: how many at most.
        """
        query = sa.select(EVENTS).order_by(EVENTS.c.number.desc()).limit(most)
        if study is not None:
            query = query.where(EVENTS.c.study == study)
        if before is not None:
            query = query.where(EVENTS.c.number < before)
        with Session(self.engine) as session:
            return [NotedEvent(**row) for row in session.execute(query).mappings()]

    @repeatable
    def event_with(self, key: str) -> NotedEvent | None:
        """The event that has a key; None: there is none."""
        query = sa.select(EVENTS).where(EVENTS.c.key == key)
        with Session(self.engine) as session:
            row = session.execute(query).mappings().first()
        return None if row is None else NotedEvent(**row)

    @repeatable
    def submitted(self) -> list[Submitted]:
        """All studies that were submitted, the oldest first."""
        study, attribute = models.StudyModel, models.StudyUserAttributeModel
        query = (
            sa.select(study.study_id, study.study_name, attribute.value_json)
            .join(attribute, attribute.study_id == study.study_id)
            .where(attribute.key == SUBMISSION_KEY)
            .order_by(study.study_id)
        )
        found = []
        with Session(self.engine) as session:
            for study_id, name, text in session.execute(query):
                value = typed([(SUBMISSION_KEY, text)], STUDY).get(SUBMISSION_KEY)
                if value is not None and not name.startswith("."):
                    submission = Submission.model_validate(value)
                    found.append(Submitted(study_id=study_id, name=name, submission=submission))
        return found

    @repeatable
    def with_running(self) -> set[int]:
        """The keys of the studies that have running trials."""
        trial = models.TrialModel
        query = sa.select(trial.study_id).where(trial.state == TrialState.RUNNING).distinct()
        with Session(self.engine) as session:
            return set(session.scalars(query))

    @repeatable
    def standings(self, study_ids: Sequence[int]) -> dict[int, Standing]:
        """How studies stand, by their keys; four queries for each few hundred of them."""
        found: dict[int, Standing] = {}
        with Session(self.engine) as session:
            for first in range(0, len(study_ids), _AT_ONCE):
                found |= _standings(session, study_ids[first : first + _AT_ONCE])
        return found


def _standings(session: Session, keys: Sequence[int]) -> dict[int, Standing]:
    """How a few studies stand."""
    counts = counts_where(session, models.TrialModel.study_id.in_(keys))
    budgets: dict[int, Any] = {}
    user, system = models.StudyUserAttributeModel, models.StudySystemAttributeModel
    for model, key in ((user, BUDGET_KEY), (system, METRIC_NAMES_KEY)):
        query = sa.select(model.study_id, model.value_json)
        for study_id, text in session.execute(
            query.where(model.key == key, model.study_id.in_(keys))
        ):
            budgets.setdefault(study_id, {}).update(typed([(key, text)], STUDY))
    best = _best(session, keys)
    return {
        key: Standing(
            counts=counts.get(key, Counts()),
            trials=(budgets.get(key, {}).get(BUDGET_KEY) or {}).get("trials"),
            best=best.get(key),
            metric=_first(budgets.get(key, {}).get(METRIC_NAMES_KEY)),
        )
        for key in keys
    }


def _first(names: object) -> str | None:
    """The first of a list of names, which another program may have written."""
    return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else None


def _best(session: Session, keys: Sequence[int]) -> dict[int, float]:
    """The best value of each study's complete trials."""
    trial, value, goal = models.TrialModel, models.TrialValueModel, models.StudyDirectionModel
    query = (
        sa.select(
            trial.study_id, goal.direction, sa.func.min(value.value), sa.func.max(value.value)
        )
        .join(value, value.trial_id == trial.trial_id)
        .join(goal, goal.study_id == trial.study_id)
        .where(trial.study_id.in_(keys), trial.state == TrialState.COMPLETE)
        .group_by(trial.study_id, goal.direction)
    )
    return {
        study_id: least if direction == StudyDirection.MINIMIZE else most
        for study_id, direction, least, most in session.execute(query)
        if least is not None
    }
