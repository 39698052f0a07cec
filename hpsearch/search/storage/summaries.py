"""What one query tells of all trials of a study: reading whole trials takes longer."""

import json
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from hpsearch import ranking
from hpsearch.clock import Mark
from hpsearch.search import attributes as attr
from hpsearch.search.shapes import typed
from hpsearch.search.storage.facts import Counts, TrialSummary
from hpsearch.search.storage.repeating import repeatable
from hpsearch.search.storage.rows import count_trials
from hpsearch.search.storage.studies import Studies
from hpsearch.tasks.metric import Metric


class Summaries(Studies):
    """Queries about many trials at once."""

    @repeatable
    def counts(self, study_id: int) -> Counts:
        """Count the trials of a study by state, without reading them."""
        with Session(self.engine) as session:
            return count_trials(session, study_id)

    @repeatable
    def get_n_trials(
        self, study_id: int, state: tuple[TrialState, ...] | TrialState | None = None
    ) -> int:
        """As RDBStorage, which reads all trials for it, but counted by the database."""
        trial = models.TrialModel
        query = sa.select(sa.func.count()).where(trial.study_id == study_id)
        if state is not None:
            states = (state,) if isinstance(state, TrialState) else state
            query = query.where(trial.state.in_(states))
        with self._finding(study_id), Session(self.engine) as session:
            models.StudyModel.find_or_raise_by_id(study_id, session)
            return session.scalar(query) or 0

    @repeatable
    def trial_summaries(self, study_id: int) -> list[TrialSummary]:
        """The summaries of all trials of a study, by number."""
        trial, value = models.TrialModel, models.TrialValueModel
        attribute = models.TrialUserAttributeModel
        named = attribute.key.in_((attr.FAILURE_KEY, attr.STARTED_KEY, attr.ENDED_KEY))
        columns: list[Any] = [
            trial.number,
            trial.state,
            trial._datetime_start_utc,  # noqa: SLF001  # the property is no column
            trial._datetime_complete_utc,  # noqa: SLF001  # see above
            value.value,
            attribute.key,
            attribute.value_json,
        ]
        query = (
            sa.select(*columns)
            .outerjoin(value, value.trial_id == trial.trial_id)
            .outerjoin(attribute, sa.and_(attribute.trial_id == trial.trial_id, named))
            .where(trial.study_id == study_id)
            .order_by(trial.number)
        )
        found: dict[int, dict[str, Any]] = {}
        with Session(self.engine) as session:
            for number, state, start, end, reached, key, text in session.execute(query):
                facts = {"number": number, "state": state, "start": start, "end": end}
                summary = found.setdefault(
                    number, facts | {"value": reached, attr.FAILURE_KEY: None}
                )
                summary |= typed([(key, text)] if key else [], attr.TRIAL)
        for summary in found.values():
            summary |= {
                key: Mark(*summary[key])
                for key in (attr.STARTED_KEY, attr.ENDED_KEY)
                if key in summary
            }
        return [TrialSummary(**facts) for facts in found.values()]

    @repeatable
    def best_trial_id(self, study_id: int, metric: Metric) -> int | None:
        """The key of the best complete trial, by ``hpsearch.ranking``.

        (Optuna's own query leaves it to the database which of equals that is.)

        Args:
            study_id: the study's key.
            metric: what their values are of.
        """
        trial, value = models.TrialModel, models.TrialValueModel
        attribute = models.TrialUserAttributeModel
        of_study = trial.study_id == study_id, trial.state == TrialState.COMPLETE
        extreme: Any = ranking.by_direction(metric, sa.func.max, sa.func.min)
        found = extreme(value.value)
        best = sa.select(found).join(trial, trial.trial_id == value.trial_id).where(*of_study)
        named = sa.and_(attribute.trial_id == trial.trial_id, attribute.key.in_(ranking.DECIDES))
        query = (
            sa.select(
                trial.trial_id, trial.number, value.value, attribute.key, attribute.value_json
            )
            .join(value, value.trial_id == trial.trial_id)
            .outerjoin(attribute, named)
            .where(*of_study, value.value == best.scalar_subquery())
        )
        equals: dict[int, tuple[float, int, dict[str, Any]]] = {}
        with Session(self.engine) as session:
            for key, number, found, name, text in session.execute(query):
                facts = equals.setdefault(key, (found, number, {}))[2]
                facts |= typed([(name, text)] if name else [], attr.TRIAL)
        return min(equals, key=lambda key: ranking.rank(*equals[key], metric), default=None)

    @repeatable
    def first_sampled(self, study_id: int, count: int) -> list[int]:
        """The numbers of the first trials of a study that were not enqueued, in order.

        Args:
            study_id: the study's key.
            count: how many.
        """
        trial, attribute = models.TrialModel, models.TrialSystemAttributeModel
        enqueued = sa.and_(attribute.trial_id == trial.trial_id, attribute.key == attr.FIXED_KEY)
        query = (
            sa.select(trial.number)
            .outerjoin(attribute, enqueued)
            .where(trial.study_id == study_id, attribute.trial_id.is_(None))
            .order_by(trial.trial_id)
            .limit(count)
        )
        with Session(self.engine) as session:
            return list(session.scalars(query))

    @repeatable
    def values_of(self, study_id: int, key: str, first: int) -> list[tuple[int, float]]:
        """Numbers and values of the complete trials of one kind, by number.

        Args:
            study_id: the study's key.
            key: user attribute in which a trial names the first one of its kind.
            first: the number of the first trial, which has no such attribute.
        """
        trial, value = models.TrialModel, models.TrialValueModel
        attribute = models.TrialUserAttributeModel
        named = sa.and_(attribute.trial_id == trial.trial_id, attribute.key == key)
        query = (
            sa.select(trial.number, value.value)
            .join(value, value.trial_id == trial.trial_id)
            .outerjoin(attribute, named)
            .where(trial.study_id == study_id, trial.state == TrialState.COMPLETE)
            .where(sa.or_(trial.number == first, attribute.value_json == json.dumps(first)))
            .order_by(trial.number)
        )
        with Session(self.engine) as session:
            return [(number, found) for number, found in session.execute(query)]

    @repeatable
    def values_at(self, study_id: int, step: int, newest: int) -> list[float | None]:
        """What complete trials of a study reported at a step; None where one reported nothing.

        Infinities and NaN, which the database has no numbers for, are None too.

        Args:
            study_id: the study's key.
            step: the step.
            newest: of how many trials, the newest ones.
        """
        trial, report = models.TrialModel, models.TrialIntermediateValueModel
        query = (
            sa.select(report.intermediate_value)
            .select_from(trial)
            .outerjoin(report, sa.and_(report.trial_id == trial.trial_id, report.step == step))
            .where(trial.study_id == study_id, trial.state == TrialState.COMPLETE)
            .order_by(trial.trial_id.desc())
            .limit(newest)
        )
        with Session(self.engine) as session:
            return list(session.scalars(query))

    @repeatable
    def artifacts(self, study_id: int) -> dict[str, Any]:
        """What a study and its trials list as artifacts: system attributes, as Optuna has them."""
        own, trial = models.StudySystemAttributeModel, models.TrialModel
        of_trials, listed = models.TrialSystemAttributeModel, attr.ARTIFACT_PREFIX
        queries = (
            sa.select(own.key, own.value_json).where(
                own.study_id == study_id, own.key.startswith(listed)
            ),
            sa.select(of_trials.key, of_trials.value_json)
            .join(trial, trial.trial_id == of_trials.trial_id)
            .where(trial.study_id == study_id, of_trials.key.startswith(listed)),
        )
        with Session(self.engine) as session:
            rows = ((k, text) for query in queries for k, text in session.execute(query))
            return typed(rows, {})
