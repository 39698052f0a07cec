"""What the service asks of all its studies together, in a few queries, and its events."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.orm import Session

from hpsearch.search.attributes import (
    BUDGET_KEY,
    FILE_KEY,
    KIND_KEY,
    METRIC_NAMES_KEY,
    STUDY,
    SUBMISSION_KEY,
)
from hpsearch.search.shapes import Kind, Submission, typed
from hpsearch.search.storage import events
from hpsearch.search.storage.events import EVENTS, OF_UPLOADS, Event, NotedEvent
from hpsearch.search.storage.facts import Counts
from hpsearch.search.storage.reading import chunks, read_trials
from hpsearch.search.storage.repeating import repeatable, unless_done
from hpsearch.search.storage.rows import counts_where
from hpsearch.search.storage.summaries import Summaries

_LARGEST = 2**31 - 1
"""The largest key that there can be."""
_REMEMBERED = 2**15
"""Submissions that were read once, and are read again and again: about 1 kB each."""


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
    """The best value of its complete trials but refits."""
    metric: str | None
    """What that is of."""


class Queued(Summaries):
    """Queries about all studies that were submitted."""

    @repeatable
    def make_events(self) -> None:
        """Make the tables of events and notices where there are none.

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
        self,
        study: str | None = None,
        *,
        before: int | None = None,
        most: int = 100,
        audit: bool = True,
    ) -> list[NotedEvent]:
        """The latest events, the last one first.

        Args:
            study: only those of a study; None: all.
            before: only those with smaller numbers; None: all.
            most: how many at most.
            audit: whether also those about neither studies nor uploads: tokens, refusals, changes
                in the dashboard.
        """
        query = sa.select(EVENTS).order_by(EVENTS.c.number.desc()).limit(most)
        if study is not None:
            query = query.where(EVENTS.c.study == study)
        if before is not None:
            query = query.where(EVENTS.c.number < before)
        if not audit:
            query = query.where(EVENTS.c.study.is_not(None) | EVENTS.c.what.in_(OF_UPLOADS))
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
    def studies_after(self, number: int) -> set[str]:
        """The names of the studies that events after that of a number are about."""
        query = sa.select(EVENTS.c.study).where(EVENTS.c.number > number).distinct()
        with Session(self.engine) as session:
            return {name for name in session.scalars(query) if name is not None}

    @repeatable
    def submitted(self, names: Sequence[str] | None = None) -> list[Submitted]:
        """The studies that were submitted, the oldest first.

        Args:
            names: only those of these names; None: all.
        """
        study, attribute = models.StudyModel, models.StudyUserAttributeModel
        query = (
            sa.select(study.study_id, study.study_name, attribute.value_json)
            .join(attribute, attribute.study_id == study.study_id)
            .where(attribute.key == SUBMISSION_KEY)
            .order_by(study.study_id)
        )
        with Session(self.engine) as session:
            if names is None:
                return list(_submitted(session.execute(query)))
            found: list[Submitted] = []
            for some in chunks(names):
                chosen = study.study_name.in_(some)
                found += _submitted(session.execute(query.where(chosen)))
        return sorted(found, key=lambda one: one.study_id)

    @repeatable
    def trials_after(self, study_id: int, number: int, most: int | None) -> list[FrozenTrial]:
        """A page of a study's trials: those behind a number, by number.

        Args:
            study_id: the study's key.
            number: of a trial; -1: from the first one on.
            most: how many at most; None: all.
        """
        trial = models.TrialModel
        query = (
            sa.select(trial.trial_id)
            .where(trial.study_id == study_id, trial.number > min(number, _LARGEST))
            .order_by(trial.number)
            .limit(most)
        )
        with Session(self.engine) as session:
            keys = [*session.scalars(query)]
        return read_trials(self.engine, study_id, None, keys, _LARGEST)

    @repeatable
    def reading_from(self, path: str) -> list[Submitted]:
        """The submitted studies whose data lie at a path, the oldest first."""
        file = models.StudyUserAttributeModel
        query = sa.select(file.study_id, file.value_json).where(
            file.key == FILE_KEY, file.value_json.contains(json.dumps(path), autoescape=True)
        )
        with Session(self.engine) as session:
            keys = {key for key, text in session.execute(query) if _data_path(text) == path}
        return [one for one in self.submitted() if one.study_id in keys]

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
            for keys in chunks(study_ids):
                found |= _standings(session, keys)
        return found


def _submitted(rows: sa.Result[int, str, str]) -> Iterator[Submitted]:
    """Of key, name and text of studies those that are whole."""
    for study_id, name, text in rows:
        submission = _submission(text)
        if submission is not None and not name.startswith("."):
            yield Submitted(study_id=study_id, name=name, submission=submission)


@lru_cache(maxsize=_REMEMBERED)
def _submission(text: str) -> Submission | None:
    """What a text of the database says was decided of a study; None: nothing that we can read."""
    value = typed([(SUBMISSION_KEY, text)], STUDY).get(SUBMISSION_KEY)
    return None if value is None else Submission.model_validate(value)


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


def _data_path(text: str) -> object:
    """``dataset.path`` of a stored study file; None: it has none."""
    dataset = typed([(FILE_KEY, text)], STUDY).get(FILE_KEY, {}).get("dataset")
    return dataset.get("path") if isinstance(dataset, dict) else None


def _first(names: object) -> str | None:
    """The first of a list of names, which another program may have written."""
    return names[0] if isinstance(names, list) and names and isinstance(names[0], str) else None


def _best(session: Session, keys: Sequence[int]) -> dict[int, float]:
    """The best value of each study's complete trials, without refits, whose values say nothing."""
    trial, value, goal = models.TrialModel, models.TrialValueModel, models.StudyDirectionModel
    told = models.TrialUserAttributeModel
    refit = sa.exists().where(
        told.trial_id == trial.trial_id,
        told.key == KIND_KEY,
        told.value_json == json.dumps(Kind.REFIT),
    )
    query = (
        sa.select(
            trial.study_id, goal.direction, sa.func.min(value.value), sa.func.max(value.value)
        )
        .join(value, value.trial_id == trial.trial_id)
        .join(goal, goal.study_id == trial.study_id)
        .where(trial.study_id.in_(keys), trial.state == TrialState.COMPLETE, ~refit)
        .group_by(trial.study_id, goal.direction)
    )
    return {
        study_id: least if direction == StudyDirection.MINIMIZE else most
        for study_id, direction, least, most in session.execute(query)
        if least is not None
    }
