"""Trials in the storage: atomic claims, a budget that is exact, and writes into own trials only."""

import copy
import json
import math
import time
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.orm import Session

from hpsearch.clock import mark
from hpsearch.errors import Failure
from hpsearch.search import attributes as attr
from hpsearch.search.storage.facts import BudgetSpentError, Heartbeat, LeaseLostError
from hpsearch.search.storage.presence import Presences
from hpsearch.search.storage.reading import local, read_trial, read_trials
from hpsearch.search.storage.repeating import repeatable, unless_done
from hpsearch.search.storage.rows import (
    NOTE_END,
    attribute_row,
    count_trials,
    is_closed,
    last_beat,
    study_attributes,
)
from hpsearch.search.storage.writing import write_trials
from hpsearch.text import plain


class Storage(Presences):
    """Optuna's storage with atomic claims, an exact budget, and a heartbeat for what runs.

    A trial starts in one of two ways, a new one or a waiting one (enqueued or tried again); in
    both the budget is counted in the transaction that starts it, behind a write lock, so that no
    number of workers can exceed it. Studies without the attribute ``budget`` are not limited.

    A worker that was suspended for long may find its trial given to another one, and its study
    deleted, with another one under the same key. So whatever it writes into a trial is written only
    where the trial is signed by it, and no trial of another study than the expected one starts.
    """

    @repeatable
    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """As RDBStorage, but where the study is gone, that is said."""
        try:
            return super().get_trial_id_from_study_id_trial_number(study_id, trial_number)
        except KeyError:
            self.get_study_user_attrs(study_id)
            raise

    @repeatable
    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As RDBStorage, but of a worker's trial that is gone it is said that it is not ours."""
        try:
            return read_trial(self.engine, trial_id)
        except KeyError:
            if self.owner:
                raise LeaseLostError(f"trial {trial_id}: is gone") from None
            raise

    @repeatable
    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """As RDBStorage, but exactly one of several claims of a waiting trial succeeds.

        Returns:
            False for a claim (``state`` RUNNING) that lost, or for which no place is left.

        Raises:
            UpdateFinishedTrialError: the trial is over, or not ours (LeaseLostError).
        """
        session = self.scoped_session()
        # SQLite ignores SELECT ... FOR UPDATE; writing first takes its lock before the state is
        # read. The parent works in this same thread-local session and commits both together.
        try:
            if state != TrialState.RUNNING:
                self._lock_own(session, trial_id)
                if self.owner and state.is_finished():
                    told = {"trial": trial_id, "key": attr.ENDED_KEY, "clock": json.dumps(mark())}
                    session.connection().execute(NOTE_END, told)
            else:
                self._lock_there(session, trial_id)
                trial = models.TrialModel.find_or_raise_by_id(trial_id, session)
                if trial.state == TrialState.WAITING:
                    if not self._has_place(session, int(trial.study_id)):
                        session.rollback()
                        return False
                    self._sign(session, trial_id)
        except BaseException:
            session.rollback()  # or the lock would stay
            raise
        return super().set_trial_state_values(trial_id, state, values)

    @repeatable
    def _create_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None = None
    ) -> FrozenTrial:
        """As RDBStorage, but where the study is gone, that is said."""
        with self._finding(study_id):
            return super()._create_new_trial(study_id, template_trial)

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Session
    ) -> Any:
        """As RDBStorage, within its transaction, but a new running trial needs a place."""
        if template_trial is not None:
            return self._copied(study_id, template_trial, session)
        if not self._has_place(session, study_id) or is_closed(session, study_id):
            raise BudgetSpentError
        trial = super()._get_prepared_new_trial(study_id, template_trial, session)
        self._sign(session, int(trial.trial_id))
        return trial

    def _copied(self, study_id: int, template: FrozenTrial, session: Session) -> Any:
        """As RDBStorage, but what the trial reported and its attributes are added at once.

        By itself it looks the trial up again for each of them, of which there may be hundreds.
        """
        bare = copy.copy(template)
        bare.user_attrs, bare.system_attrs, bare.intermediate_values = {}, {}, {}
        trial = super()._get_prepared_new_trial(study_id, bare, session)
        trial_id, report = int(trial.trial_id), models.TrialIntermediateValueModel
        for key, value in template.user_attrs.items():
            session.add(attribute_row(trial_id, key, value))
        for key, value in template.system_attrs.items():
            text = json.dumps(value)
            session.add(
                models.TrialSystemAttributeModel(trial_id=trial_id, key=key, value_json=text)
            )
        for step, value in template.intermediate_values.items():
            stored, kind = report.intermediate_value_to_stored_repr(value)
            session.add(
                report(
                    trial_id=trial_id,
                    step=step,
                    intermediate_value=stored,
                    intermediate_value_type=kind,
                )
            )
        return trial

    @unless_done
    def add_trials(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Add trials of any state, in their order and in one transaction: all or none.

        Args:
            study_id: the study's key.
            trials: all that they have but numbers and keys.

        Raises:
            StudyGoneError: there is no such study, and one is expected.
            KeyError: there is none.
        """
        with self._finding(study_id), Session(self.engine) as session, session.begin():
            if not self._lock_study(session, study_id):
                raise KeyError(study_id)
            write_trials(session, study_id, trials)

    def _build_frozen_trial_from_trial_model(self, trial: Any) -> FrozenTrial:
        """As RDBStorage, but with times that can be told apart as the clock is put back."""
        found = super()._build_frozen_trial_from_trial_model(trial)
        found.datetime_start = local(trial._datetime_start_utc)  # noqa: SLF001  # see trial_summaries
        found.datetime_complete = local(trial._datetime_complete_utc)  # noqa: SLF001  # see above
        return found

    @repeatable
    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """As RDBStorage, several times as fast (``hpsearch.search.storage.reading``)."""
        after = trial_id_greater_than
        with self._finding(study_id):
            return read_trials(self.engine, study_id, states, included_trial_ids, after)

    @repeatable
    def fail(
        self,
        trial_id: int,
        failure: Failure,
        message: str,
        successor: FrozenTrial | None = None,
        *,
        last: Heartbeat | None = None,
        until: float = math.inf,
    ) -> bool:
        """End a running trial without a value, and queue its successor in the same transaction.

        Args:
            trial_id: key of the trial.
            failure: its class; the user attribute ``failure``.
            message: the user attribute ``failure_message``, without terminal
                codes, cut at 500 characters.
            successor: a waiting trial to add.
            last: of a worker that is taken for dead, its last heartbeat: the trial ran until
                then. Where there is a later one the worker lives.
            until: the moment (``time.monotonic``) after which nothing is done: who had to wait for
                so long to write does not know any more whether the worker is dead.

        Returns:
            False where the trial is no longer running, or is another worker's by now, its worker
            lives, or it is too late: then nothing was done.
        """
        with Session(self.engine) as session, session.begin():
            signed = self.owner if last is None else last.owner
            if not self._lock_trial(session, trial_id, signed) or time.monotonic() > until:
                return False
            trial = models.TrialModel.find_or_raise_by_id(trial_id, session)
            if trial.state != TrialState.RUNNING:
                return False
            ended = datetime.now(UTC).replace(tzinfo=None)
            if last is not None:
                if last_beat(session, trial_id) != last.beat:
                    return False
                start: Any = trial._datetime_start_utc or ended  # noqa: SLF001  # Optuna's own is local
                # Without a beat nobody knows how long it ran: hours may have passed since.
                ended = start if last.age is None else ended - timedelta(seconds=last.age)
                ended = max(start, ended)
            attributes: dict[str, Any] = {
                attr.FAILURE_KEY: failure.value,
                attr.FAILURE_MESSAGE_KEY: plain(message)[:500],
            }
            if last is None or last.age is not None:
                attributes[attr.ENDED_KEY] = mark(last.age or 0.0 if last else 0.0)
            for key, value in attributes.items():
                session.add(attribute_row(trial_id, key, value))
            trial.state = TrialState.FAIL
            trial._datetime_complete_utc = ended  # noqa: SLF001  # see above
            session.flush()
            if successor is not None:
                study_id = int(trial.study_id)
                self._lock_study(session, study_id)
                self._get_prepared_new_trial(study_id, successor, session)
        return True

    @repeatable
    def annotate(
        self, trial_id: int, user: Mapping[str, Any], system: Mapping[str, Any] | None = None
    ) -> None:
        """Set several attributes of a running trial in one transaction.

        Args:
            trial_id: key of the trial.
            user: user attributes.
            system: system attributes.

        Raises:
            UpdateFinishedTrialError: the trial is over, or not ours (LeaseLostError).
        """
        kinds = (
            (models.TrialUserAttributeModel, user),
            (models.TrialSystemAttributeModel, system or {}),
        )
        write = super()._set_trial_attr_without_commit
        with Session(self.engine) as session, session.begin():
            self._lock_own(session, trial_id)
            for model, values in kinds:
                for key, value in values.items():
                    write(session, model, trial_id, key, value)

    def _has_place(self, session: Session, study_id: int) -> bool:
        """Whether one more trial may start; the study is locked until the transaction ends."""
        there = self._lock_study(session, study_id)
        keys = (attr.CREATED_KEY, attr.STOP_KEY, attr.BUDGET_KEY)
        known = study_attributes(session, study_id, keys, strict=True)
        self._check_same(study_id, known if there else None)
        stop, limit = known.get(attr.STOP_KEY), known.get(attr.BUDGET_KEY)
        if stop is not None and not stop["over"]:
            return False
        if limit is None:
            return True
        counts = count_trials(session, study_id)
        return counts.counted + counts.running < int(limit["trials"])

    def _set_trial_param_without_commit(
        self, session: Session, trial_id: int, *args: Any, **options: Any
    ) -> None:
        """As RDBStorage, but only into a trial of ours."""
        self._lock_own(session, trial_id)
        super()._set_trial_param_without_commit(session, trial_id, *args, **options)

    def _set_trial_attr_without_commit(
        self, session: Session, model_cls: Any, trial_id: int, *args: Any, **options: Any
    ) -> None:
        """As RDBStorage, but only into a trial of ours."""
        self._lock_own(session, trial_id)
        super()._set_trial_attr_without_commit(session, model_cls, trial_id, *args, **options)

    def _set_trial_intermediate_value_without_commit(
        self, session: Session, trial_id: int, *args: Any, **options: Any
    ) -> None:
        """As RDBStorage, but only into a trial of ours."""
        self._lock_own(session, trial_id)
        super()._set_trial_intermediate_value_without_commit(session, trial_id, *args, **options)
