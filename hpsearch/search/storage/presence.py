"""Who is there: workers sign their trials and send heartbeats, and nobody's study is removed."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from optuna.storages._rdb import models
from optuna.trial import TrialState
from sqlalchemy.orm import Session

from hpsearch.clock import mark
from hpsearch.search.attributes import CREATED_KEY, OWNER_KEYS, PRESENT_PREFIX, STARTED_KEY, TRIAL
from hpsearch.search.shapes import typed
from hpsearch.search.storage.events import Event
from hpsearch.search.storage.events import add as add_event
from hpsearch.search.storage.facts import (
    LEASE,
    BusyProcess,
    Heartbeat,
    LeaseLostError,
    StudyBusyError,
)
from hpsearch.search.storage.repeating import repeatable, unless_done
from hpsearch.search.storage.rows import (
    ADD_ATTRIBUTES,
    lock_statement,
    removal_statements,
    sign_key,
    sign_of,
    study_attributes,
)
from hpsearch.search.storage.telling import Telling

NOBODY: Mapping[str, Any] = MappingProxyType({})


class Presences(Telling):
    """Heartbeats, and what depends on them.

    Attributes:
        owner: user attributes that every trial started through this object gets, in the same
            transaction, together with its first heartbeat; empty: it is no worker's, and writes
            into any trial.
        is_busy: whether a process that signed itself is to be taken for alive, where a study is
            removed by Optuna or a dashboard; by itself: where its last sign is not older than
            ``LEASE``.
    """

    owner: Mapping[str, Any] = NOBODY
    is_busy: Callable[[BusyProcess], bool] = staticmethod(lambda process: process.is_fresh)

    def _sign(self, session: Session, trial_id: int) -> None:
        """Write whose trial it is into the transaction that starts it: no trial runs unsigned."""
        if not self.owner:
            return
        rows = [
            {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
            for key, value in (*self.owner.items(), (STARTED_KEY, mark()))
        ]
        session.connection().execute(ADD_ATTRIBUTES, rows)
        session.add(self._first_beat(trial_id))

    def _first_beat(self, trial_id: int) -> models.TrialHeartbeatModel:
        return models.TrialHeartbeatModel(trial_id=trial_id, heartbeat=self._now())

    @repeatable
    def beat(self, trial_id: int) -> bool:
        """Send a heartbeat for a running trial.

        Returns:
            False where it is no longer running, or not ours: the lease was lost, or somebody ended
            it.
        """
        with Session(self.engine) as session, session.begin():
            if not self._lock_trial(session, trial_id, self.owner):
                return False
            state = sa.select(models.TrialModel.state).where(models.TrialModel.trial_id == trial_id)
            if session.scalar(state) != TrialState.RUNNING:
                return False
            row = models.TrialHeartbeatModel.where_trial_id(trial_id, session)
            if row is None:
                session.add(self._first_beat(trial_id))
            else:
                row.heartbeat = self._now()
        return True

    @repeatable
    def heartbeats(self, study_id: int) -> list[Heartbeat]:
        """The last heartbeat of every running trial of a study, by number.

        One query, as every worker looks at all others now and then.
        """
        if study_id in self._expected:
            self.get_study_user_attrs(study_id)
        with Session(self.engine) as session:
            return self._heartbeats(session, study_id)

    def _heartbeats(self, session: Session, study_id: int) -> list[Heartbeat]:
        trial, heartbeat = models.TrialModel, models.TrialHeartbeatModel
        attributes = [sa.orm.aliased(models.TrialUserAttributeModel) for _ in OWNER_KEYS]
        query = (
            sa.select(
                trial.number, heartbeat.heartbeat, self._now(), *(a.value_json for a in attributes)
            )
            .outerjoin(heartbeat, heartbeat.trial_id == trial.trial_id)
            .where(trial.study_id == study_id, trial.state == TrialState.RUNNING)
            .order_by(trial.number)
        )
        for one, key in zip(attributes, OWNER_KEYS, strict=True):
            query = query.outerjoin(one, sa.and_(one.trial_id == trial.trial_id, one.key == key))
        return [
            Heartbeat(
                number=number,
                beat=beat,
                age=None if beat is None else abs(now - beat).total_seconds(),
                owner=typed(
                    ((key, text) for key, text in zip(OWNER_KEYS, owner, strict=True) if text),
                    TRIAL,
                ),
            )
            for number, beat, now, *owner in session.execute(query)
        ]

    @repeatable
    def arrive(self, study_id: int, owner: Mapping[str, Any]) -> None:
        """Leave a sign that a process is busy with a study, or renew it.

        Args:
            study_id: the study's key.
            owner: who that is: what ``OWNER_KEYS`` say.

        Raises:
            StudyGoneError: the study was deleted meanwhile.
        """
        model, key = models.StudySystemAttributeModel, sign_key(owner)
        with Session(self.engine) as session, session.begin():
            there = self._lock_study(session, study_id)
            found = study_attributes(session, study_id, (CREATED_KEY,))
            self._check_same(study_id, found if there else None)
            beat = session.execute(sa.select(self._now())).scalar_one()
            sign = {name: owner[name] for name in OWNER_KEYS} | {"beat": beat.isoformat()}
            own = session.scalar(
                sa.select(model).where(model.study_id == study_id, model.key == key)
            )
            if own is not None:
                own.value_json = json.dumps(sign)
                return
            session.add(model(study_id=study_id, key=key, value_json=json.dumps(sign)))
            for old in session.scalars(self._signs(study_id)):  # of who was killed
                known = sign_of(old.value_json)
                if known is None or abs(beat - known.beat) > timedelta(seconds=LEASE):
                    session.delete(old)

    @staticmethod
    def _signs(study_id: int) -> Any:
        """The query for who has left a sign."""
        model = models.StudySystemAttributeModel
        return sa.select(model).where(
            model.study_id == study_id, model.key.startswith(PRESENT_PREFIX)
        )

    def leave(self, study_id: int, owner: Mapping[str, Any]) -> None:
        """Take the sign away that :meth:`arrive` left; a lock is waited for a moment only."""
        model = models.StudySystemAttributeModel
        is_file = self.engine.dialect.name == "sqlite"
        statement = sa.delete(model).where(model.study_id == study_id, model.key == sign_key(owner))
        with self.engine.begin() as connection:
            if not is_file:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
                connection.execute(statement)
                return
            usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
            connection.exec_driver_sql("PRAGMA busy_timeout = 2000")
            try:
                connection.execute(statement)
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout = {usual}")

    @repeatable
    def present(self, study_id: int) -> list[BusyProcess]:
        """Who has left a sign of being busy with a study, or runs one of its trials."""
        with Session(self.engine) as session:
            return self._present(session, study_id)

    def _present(self, session: Session, study_id: int) -> list[BusyProcess]:
        now, found = session.execute(sa.select(self._now())).scalar_one(), []
        for one in session.scalars(self._signs(study_id)):
            if (sign := sign_of(one.value_json)) is not None:
                age = abs(now - sign.beat).total_seconds()
                found.append(BusyProcess(owner=sign.model_dump(include={*OWNER_KEYS}), age=age))
        return found + [
            BusyProcess(owner=heartbeat.owner, age=heartbeat.age)
            for heartbeat in self._heartbeats(session, study_id)
            if heartbeat.age is not None
        ]

    @unless_done
    def remove_studies(
        self,
        study_ids: Sequence[int],
        is_busy: Callable[[BusyProcess], bool] | None,
        event: Event | None = None,
    ) -> None:
        """Remove studies with all that belongs to them, where nobody is busy with any of them.

        Who looks for one in a transaction afterwards finds that it is gone.

        Args:
            study_ids: their keys.
            is_busy: whether a process that signed itself is to be taken for alive; None: nobody.
            event: tells of it, where the service removes them.

        Raises:
            StudyBusyError: somebody is; then nothing was removed.
            StudyGoneError: one is not there, or not the one that is expected; likewise.
            KeyError: one is not there of which nothing is expected; likewise.
        """
        with Session(self.engine) as session, session.begin():
            for study_id in study_ids:
                there = self._lock_study(session, study_id)
                known = study_attributes(session, study_id, (CREATED_KEY,))
                self._check_same(study_id, known if there else None)
                study = models.StudyModel.find_or_raise_by_id(study_id, session)
                busy = [*filter(is_busy, self._present(session, study_id))] if is_busy else []
                if busy:
                    raise StudyBusyError(str(study.study_name), busy)
            for statement in removal_statements():
                session.connection().execute(statement, [{"key": one} for one in study_ids])
            if event is not None:
                add_event(session, event)

    def delete_study(self, study_id: int) -> None:
        """As RDBStorage, but not of a study that somebody is busy with.

        Raises:
            StudyBusyError: somebody is, by :attr:`is_busy`.
        """
        self.remove_studies([study_id], self.is_busy)

    def _lock_there(self, session: Session, trial_id: int) -> None:
        """Lock a trial; raises LeaseLostError where a worker does not find it any more."""
        if not self._lock_trial(session, trial_id) and self.owner:
            raise LeaseLostError(f"trial {trial_id}: is gone")

    def _lock_own(self, session: Session, trial_id: int) -> None:
        """Lock a trial of this worker's; where this is no worker's storage, any.

        Raises:
            LeaseLostError: it is another one's, or gone.
        """
        if not self._lock_trial(session, trial_id, self.owner) and self.owner:
            raise LeaseLostError(f"trial {trial_id}: is not this worker's")

    def _lock_trial(
        self, session: Session, trial_id: int, owner: Mapping[str, Any] = NOBODY
    ) -> bool:
        """Hold the write lock of SQLite, the trial's row lock elsewhere.

        Args:
            session: in whose transaction it is held.
            trial_id: key of the trial.
            owner: attributes of ``OWNER_KEYS`` that the trial must have, as far as there are any.

        Returns:
            Whether there is such a trial.

        Raises:
            UnreachableError: the database file was replaced by another one.
        """
        if self.opened is not None:
            self.opened.check()
        keys = tuple(key for key in OWNER_KEYS if key in owner)
        values = {key: json.dumps(owner[key]) for key in keys}
        found = session.connection().execute(lock_statement(keys), {"key": trial_id, **values})
        return bool(found.rowcount)
