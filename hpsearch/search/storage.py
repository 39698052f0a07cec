"""The storage of all studies: Optuna's, with atomic claims and a budget that is exact.

This file and ``reading.py`` are the only ones that touch Optuna's tables, and this is the only one
that overrides private methods.
"""

import copy
import functools
import hashlib
import json
import math
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar

import sqlalchemy as sa
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.orm import Session

from hpsearch import ranking
from hpsearch.errors import Failure, InputError, StudyGoneError, UnreachableError, uses_place
from hpsearch.search.attributes import STUDY, TRIAL, Sign, typed
from hpsearch.search.clock import Mark, mark
from hpsearch.search.reading import local, read_trial, read_trials
from hpsearch.search.sqlite import OpenedFile
from hpsearch.tasks.metric import Metric
from hpsearch.text import plain

if not (hasattr(RDBStorage, "_get_prepared_new_trial") and hasattr(RDBStorage, "_get_trials")):
    # Without the first hook new trials would start unlimited, and nobody would notice.
    raise ImportError("this version of Optuna is not known to hpsearch; install the locked one")

for _model in (models.StudyModel, models.TrialModel):
    # In databases that are made from now on: else SQLite gives the key of the newest study or trial
    # again when that is deleted (https://sqlite.org/autoinc.html).
    _model.__table__.dialect_options["sqlite"]["autoincrement"] = True

FILE_KEY = "study_file"
"""Study user attribute: the study file; studies of other programs have none."""

CREATED_KEY = "created"
"""Study user attribute: when it was made. With the key it tells a study from every other one."""

BUDGET_KEY = "budget"
"""Study user attribute: the budget section as a table; ``trials`` is what claims look at."""


CLOSED_KEY = "closed"
"""Study user attribute: no trial starts but those that wait (a study of fixed configurations)."""

STOP_KEY = "stop_request"
"""Study user attribute: the last ``hpsearch stop`` as a table; while it is not ``over`` no trial
starts."""


PRESENT_PREFIX = "hpsearch:present:"
"""How the names of study system attributes begin that are signs of busy processes."""

LEASE = 120.0
"""Seconds without a sign of life after which a worker counts as dead, wherever it is."""

_OLD = timedelta(seconds=LEASE)

OWNER_KEYS = ("worker", "process")
"""Trial user attributes that tell the process that runs a trial from every other one
(``hpsearch.workers.identity``)."""

STARTED_KEY, ENDED_KEY = "clock_start", "clock_end"
"""Trial user attributes: when it started and ended by the clock of its worker's machine
(``hpsearch.search.clock``), which is not set back or forward as the dates are."""


_NOBODY: Mapping[str, Any] = MappingProxyType({})


_ATTRIBUTES = sa.insert(models.TrialUserAttributeModel.__table__)
"""Adds user attributes of trials; as objects they take several times as long."""

_CLOCK_END = sa.text(
    "INSERT INTO trial_user_attributes (trial_id, key, value_json)"
    " SELECT trial_id, :key, :clock FROM trials WHERE trial_id = :trial AND state = 'RUNNING'"
)
"""Writes when a trial ended, unless it is over already."""


class LeaseLostError(UpdateFinishedTrialError):
    """A trial is not this worker's any more: it was given to another one, or it is gone."""


class BudgetSpentError(Exception):
    """All places in a study's budget are taken, or it was stopped: no trial can start."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many trials of a study are in which state."""

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    """Failed by their configuration: part of the budget."""
    uncounted: int = 0
    """Interrupted, redrawn or failed by the program: no part of the budget."""
    running: int = 0
    waiting: int = 0

    @property
    def counted(self) -> int:
        """Trials that used up a place in the budget."""
        return self.complete + self.pruned + self.failed

    @property
    def ended(self) -> int:
        """Trials that are over."""
        return self.counted + self.uncounted


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What one query tells of every trial of a study: reading whole trials takes longer."""

    number: int
    state: TrialState
    start: datetime | None
    """When it started, in UTC without a time zone; None while the trial waits."""
    end: datetime | None
    value: float | None
    failure: str | None
    clock_start: Mark | None = None
    """When it started by its machine's clock; None where no worker of hpsearch ran it, or one of an
    older version."""
    clock_end: Mark | None = None
    """When it ended, where that is known."""

    @property
    def counts(self) -> bool:
        """Whether the trial is over and used up a place in the budget."""
        if self.state == TrialState.FAIL:
            return uses_place(self.failure)
        return self.state.is_finished()


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """The last sign of life of a running trial's worker."""

    number: int
    """The trial's."""
    beat: datetime | None
    """When it came, by the database's clock in UTC; None where no worker of hpsearch runs the
    trial, or one of an older version."""
    age: float | None
    """Seconds between then and now, by the database's clock; None where there is no beat. One that
    lies ahead, as that clock was set back since, is as old as it is far: who lives beats again."""
    owner: Mapping[str, Any] = field(default_factory=dict)
    """Who runs the trial: its user attributes of ``OWNER_KEYS``, as far as it has them."""


@dataclass(frozen=True, kw_only=True)
class Presence:
    """A process that is busy with a study, whether or not it runs a trial just now."""

    owner: Mapping[str, Any]
    """Who it is: what ``OWNER_KEYS`` say."""
    age: float
    """Seconds since its last sign of life, as :attr:`Pulse.age`."""

    @property
    def is_fresh(self) -> bool:
        """Whether it may be alive, wherever it is."""
        return self.age < LEASE


@dataclass(frozen=True, kw_only=True)
class Whole:
    """All that a database holds of a study, but for who is busy with it just now."""

    user: Mapping[str, Any]
    """User attributes."""
    system: Mapping[str, Any]
    """System attributes."""
    trials: Sequence[FrozenTrial]


class StudyBusyError(InputError):
    """A study cannot be removed, as processes are busy with it."""

    def __init__(self, name: str, busy: Iterable[Presence]) -> None:
        who = ", ".join(sorted({str(one.owner.get("worker")) for one in busy}))
        super().__init__(
            f"study {name}: is in use by {who}; stop that first: hpsearch stop {name}. Of a machine"
            f" that is gone, workers count as dead {LEASE:.0f} seconds after their last sign of"
            " life (hpsearch delete --force does not wait for that)"
        )


class Storage(RDBStorage):
    """Optuna's storage with atomic claims, an exact budget, and a pulse for what runs.

    A trial starts in one of two ways, a new one or a waiting one (enqueued or tried again); in
    both the budget is counted in the transaction that starts it, behind a write lock, so that no
    number of workers can exceed it. Studies without the attribute ``budget`` are not limited.

    A worker that was suspended for long may find its trial given to another one, and its study
    deleted, with another one under the same key. So whatever it writes into a trial is written only
    where the trial is signed by it, and no trial of another study than the expected one starts.

    Attributes:
        opened: the database file, where it is one.
        owner: user attributes that every trial started through this object gets, in the same
            transaction, together with its first heartbeat; empty: it is no worker's, and writes
            into any trial.
    """

    owner: Mapping[str, Any] = _NOBODY

    def __init__(self, *args: Any, **options: Any) -> None:
        """As RDBStorage."""
        self._expected: dict[int, tuple[str, str]] = {}
        """By a study's key: the name of the one that it must be, and when that was made."""
        self.opened: OpenedFile | None = None
        super().__init__(*args, **options)

    def expect(self, study_id: int, name: str, created: str) -> None:
        """From now on find, and start trials of, this study only under this key.

        Args:
            study_id: the study's key.
            name: its name.
            created: its user attribute ``CREATED_KEY``; "None" where it has none.
        """
        self._expected[study_id] = (name, created)

    def _check_same(self, study_id: int, attributes: Mapping[str, Any] | None) -> None:
        """Refuse a study that is not the one that is expected under its key.

        Args:
            study_id: the study's key.
            attributes: its user attributes; None where there is no such study.

        Raises:
            StudyGoneError: it is another one, or none.
            UnreachableError: the database file was replaced by another one.
        """
        if study_id not in self._expected:
            return
        if self.opened is not None:
            self.opened.check()
        name, created = self._expected[study_id]
        if attributes is None or str(attributes.get(CREATED_KEY)) != created:
            raise StudyGoneError(
                f"study {name}: was deleted meanwhile, with its trials; hpsearch ls lists the"
                " studies that are there"
            )

    @contextmanager
    def _finding(self, study_id: int) -> Iterator[None]:
        """Where a study is not found that is expected, say so."""
        try:
            yield
        except KeyError:
            self._check_same(study_id, None)
            raise

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """As RDBStorage, but of no other study than the one that is expected.

        What holds something else than hpsearch writes is left out, but of other programs' studies.
        """
        texts = self.study_texts(study_id)
        found = typed(texts, STUDY if FILE_KEY in dict(texts) else {})
        self._check_same(study_id, found)
        return found

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """As RDBStorage, but what is no JSON is left out."""
        return typed(self._texts(models.StudySystemAttributeModel, study_id), {})

    def study_texts(self, study_id: int) -> list[tuple[str, str]]:
        """The user attributes of a study as they are stored: names and texts.

        Raises:
            StudyGoneError: there is no such study, and one is expected.
            KeyError: there is none.
        """
        return self._texts(models.StudyUserAttributeModel, study_id)

    def _texts(self, model: Any, study_id: int) -> list[tuple[str, str]]:
        query = sa.select(model.key, model.value_json).where(model.study_id == study_id)
        with self._finding(study_id), Session(self.engine) as session:
            models.StudyModel.find_or_raise_by_id(study_id, session)
            return [(key, text) for key, text in session.execute(query.order_by(model.key))]

    def read_whole(self, study_id: int) -> "Whole":
        """All that the database holds of a study, whoever wrote it."""
        system = self.get_study_system_attrs(study_id)
        return Whole(
            user=typed(self.study_texts(study_id), {}),
            system={k: v for k, v in system.items() if not k.startswith(PRESENT_PREFIX)},
            trials=read_trials(self.engine, study_id, None, (), -1, as_written=True),
        )

    def ours(self) -> list[str]:
        """The names of the studies that have a study file, in order."""
        study, attribute = models.StudyModel, models.StudyUserAttributeModel
        query = (
            sa.select(study.study_name)
            .join(attribute, attribute.study_id == study.study_id)
            .where(attribute.key == FILE_KEY)
        )
        with Session(self.engine) as session:
            return sorted(session.scalars(query))

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """As RDBStorage, but where the study is gone, that is said."""
        try:
            return super().get_trial_id_from_study_id_trial_number(study_id, trial_number)
        except KeyError:
            self.get_study_user_attrs(study_id)
            raise

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """As RDBStorage, but of a worker's trial that is gone it is said that it is not ours."""
        try:
            return read_trial(self.engine, trial_id)
        except KeyError:
            if self.owner:
                raise LeaseLostError(f"trial {trial_id}: is gone") from None
            raise

    _head_version: ClassVar[str | None] = None

    def get_head_version(self) -> str:
        """As RDBStorage, but found out once: for it Alembic runs all of Optuna's own scripts."""
        if Storage._head_version is None:
            Storage._head_version = super().get_head_version()
        return Storage._head_version

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
                    told = {"trial": trial_id, "key": ENDED_KEY, "clock": json.dumps(mark())}
                    session.connection().execute(_CLOCK_END, told)
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
        if not self._has_place(session, study_id) or _is_closed(session, study_id):
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
            session.add(_attribute(trial_id, key, value))
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

    def add_waiting(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Add trials that wait, in their order and in one transaction: all or none.

        Args:
            study_id: the study's key.
            trials: what they have: user and system attributes.

        Raises:
            StudyGoneError: there is no such study, and one is expected.
            KeyError: there is none.
        """
        trial, number = models.TrialModel, models.TrialModel.number
        with self._finding(study_id), Session(self.engine) as session, session.begin():
            if not self._lock_study(session, study_id):
                raise KeyError(study_id)
            query = sa.select(sa.func.coalesce(sa.func.max(number), -1))
            first = session.execute(query.where(trial.study_id == study_id)).scalar_one() + 1
            for index, one in enumerate(trials):
                made = trial(study_id=study_id, number=first + index, state=TrialState.WAITING)
                session.add(made)
                for model, attrs in (
                    (models.TrialUserAttributeModel, one.user_attrs),
                    (models.TrialSystemAttributeModel, one.system_attrs),
                ):
                    for key, value in attrs.items():
                        session.add(model(trial=made, key=key, value_json=json.dumps(value)))

    def _build_frozen_trial_from_trial_model(self, trial: Any) -> FrozenTrial:
        """As RDBStorage, but with times that can be told apart as the clock is put back."""
        found = super()._build_frozen_trial_from_trial_model(trial)
        found.datetime_start = local(trial._datetime_start_utc)  # noqa: SLF001  # see briefs
        found.datetime_complete = local(trial._datetime_complete_utc)  # noqa: SLF001  # see above
        return found

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        """As RDBStorage, several times as fast (``hpsearch.search.reading``)."""
        after = trial_id_greater_than
        with self._finding(study_id):
            return read_trials(self.engine, study_id, states, included_trial_ids, after)

    def fail(
        self,
        trial_id: int,
        failure: Failure,
        message: str,
        successor: FrozenTrial | None = None,
        *,
        last: Pulse | None = None,
        until: float = math.inf,
    ) -> bool:
        """End a running trial without a value, and queue its successor in the same transaction.

        Args:
            trial_id: key of the trial.
            failure: its class; the user attribute ``failure``.
            message: the user attribute ``failure_message``, without terminal
                codes, cut at 500 characters.
            successor: a waiting trial to add.
            last: of a worker that is taken for dead, its last sign of life: the trial ran until
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
                if _last_beat(session, trial_id) != last.beat:
                    return False
                start: Any = trial._datetime_start_utc or ended  # noqa: SLF001  # Optuna's own is local
                # Without a beat nobody knows how long it ran: hours may have passed since.
                ended = start if last.age is None else ended - timedelta(seconds=last.age)
                ended = max(start, ended)
            attributes: dict[str, Any] = {
                "failure": failure.value,
                "failure_message": plain(message)[:500],
            }
            if last is None or last.age is not None:
                attributes[ENDED_KEY] = mark(last.age or 0.0 if last else 0.0)
            for key, value in attributes.items():
                session.add(_attribute(trial_id, key, value))
            trial.state = TrialState.FAIL
            trial._datetime_complete_utc = ended  # noqa: SLF001  # see above
            session.flush()
            if successor is not None:
                study_id = int(trial.study_id)
                self._lock_study(session, study_id)
                self._get_prepared_new_trial(study_id, successor, session)
        return True

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

    def beat(self, trial_id: int) -> bool:
        """Give a sign of life for a running trial.

        Returns:
            False where it is no longer running, or not ours: it was taken away, or somebody ended
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

    def pulses(self, study_id: int) -> list[Pulse]:
        """The last sign of life of every running trial of a study, by number.

        One query, as every worker looks at all others now and then.
        """
        if study_id in self._expected:
            self.get_study_user_attrs(study_id)
        with Session(self.engine) as session:
            return self._pulses(session, study_id)

    def _pulses(self, session: Session, study_id: int) -> list[Pulse]:
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
            Pulse(
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

    def revise(self, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
        """Change a user attribute of a study by what it was, which nobody else does meanwhile.

        Args:
            study_id: the study's key.
            key: the attribute's.
            change: told the value, None where there is none; gives the new one, or None, for which
                nothing is written.

        Returns:
            The new value.
        """
        model = models.StudyUserAttributeModel
        with Session(self.engine) as session, session.begin():
            there = self._lock_study(session, study_id)
            known = _study_attributes(session, study_id, (CREATED_KEY, key))
            self._check_same(study_id, known if there else None)
            value = change(known.get(key))
            if value is None:
                return None
            of_key = sa.select(model).where(model.study_id == study_id, model.key == key)
            row = session.scalar(of_key) or model(study_id=study_id, key=key)
            row.value_json = json.dumps(value)
            session.add(row)
        return value

    def arrive(self, study_id: int, owner: Mapping[str, Any]) -> None:
        """Leave a sign that a process is busy with a study, or renew it.

        Args:
            study_id: the study's key.
            owner: who that is: what ``OWNER_KEYS`` say.

        Raises:
            StudyGoneError: the study was deleted meanwhile.
        """
        model, key = models.StudySystemAttributeModel, _sign_key(owner)
        with Session(self.engine) as session, session.begin():
            there = self._lock_study(session, study_id)
            found = _study_attributes(session, study_id, (CREATED_KEY,))
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
                known = _sign_of(old.value_json)
                if known is None or abs(beat - known.beat) > _OLD:
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
        statement = sa.delete(model).where(
            model.study_id == study_id, model.key == _sign_key(owner)
        )
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

    def present(self, study_id: int) -> list[Presence]:
        """Who has left a sign of being busy with a study, or runs one of its trials."""
        with Session(self.engine) as session:
            return self._present(session, study_id)

    def _present(self, session: Session, study_id: int) -> list[Presence]:
        now, found = session.execute(sa.select(self._now())).scalar_one(), []
        for one in session.scalars(self._signs(study_id)):
            if (sign := _sign_of(one.value_json)) is not None:
                age = abs(now - sign.beat).total_seconds()
                found.append(Presence(owner=sign.model_dump(include={*OWNER_KEYS}), age=age))
        return found + [
            Presence(owner=pulse.owner, age=pulse.age)
            for pulse in self._pulses(session, study_id)
            if pulse.age is not None
        ]

    def remove_studies(
        self, study_ids: Sequence[int], is_busy: Callable[[Presence], bool] | None
    ) -> None:
        """Remove studies with all that belongs to them, where nobody is busy with any of them.

        Who looks for one in a transaction afterwards finds that it is gone.

        Args:
            study_ids: their keys.
            is_busy: whether who has left a sign of life is to be taken for alive; None: nobody.

        Raises:
            StudyBusyError: somebody is; then nothing was removed.
            StudyGoneError: one is not there, or not the one that is expected; likewise.
            KeyError: one is not there of which nothing is expected; likewise.
        """
        with Session(self.engine) as session, session.begin():
            for study_id in study_ids:
                there = self._lock_study(session, study_id)
                known = _study_attributes(session, study_id, (CREATED_KEY,))
                self._check_same(study_id, known if there else None)
                study = models.StudyModel.find_or_raise_by_id(study_id, session)
                busy = [*filter(is_busy, self._present(session, study_id))] if is_busy else []
                if busy:
                    raise StudyBusyError(str(study.study_name), busy)
            for statement in _removal():
                session.connection().execute(statement, [{"key": one} for one in study_ids])

    def delete_study(self, study_id: int) -> None:
        """As RDBStorage, but not of a study that somebody is busy with.

        Raises:
            StudyBusyError: somebody has given a sign of life during the last ``LEASE`` seconds.
        """
        self.remove_studies([study_id], lambda presence: presence.is_fresh)

    def _sign(self, session: Session, trial_id: int) -> None:
        """Write whose trial it is into the transaction that starts it: no trial runs unsigned."""
        if not self.owner:
            return
        rows = [
            {"trial_id": trial_id, "key": key, "value_json": json.dumps(value)}
            for key, value in (*self.owner.items(), (STARTED_KEY, mark()))
        ]
        session.connection().execute(_ATTRIBUTES, rows)
        session.add(self._first_beat(trial_id))

    def _first_beat(self, trial_id: int) -> models.TrialHeartbeatModel:
        return models.TrialHeartbeatModel(trial_id=trial_id, heartbeat=self._now())

    def _now(self) -> sa.ColumnElement[datetime]:
        """The database's clock, in UTC, to the millisecond."""
        if self.engine.dialect.name == "sqlite":
            text = sa.func.strftime("%Y-%m-%d %H:%M:%f", "now")
            return sa.type_coerce(text, sa.DateTime)
        return sa.func.timezone("utc", sa.func.clock_timestamp(), type_=sa.DateTime)

    def checkpoint(self) -> None:
        """Have SQLite write into its file what is in the log beside it, as far as nobody waits.

        Else all of a small study may be in the log, which a copy of the file leaves behind.
        """
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Give the connections back; the object is free of them until it is used again."""
        self.remove_session()
        self.engine.dispose()

    def counts(self, study_id: int) -> Counts:
        """Count the trials of a study by state, without reading them."""
        with Session(self.engine) as session:
            return _count(session, study_id)

    def briefs(self, study_id: int) -> list[Brief]:
        """All trials of a study in brief, by number."""
        trial, value = models.TrialModel, models.TrialValueModel
        attribute = models.TrialUserAttributeModel
        named = attribute.key.in_(("failure", STARTED_KEY, ENDED_KEY))
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
                brief = found.setdefault(number, facts | {"value": reached, "failure": None})
                brief |= typed([(key, text)] if key else [], TRIAL)
        for brief in found.values():
            brief |= {key: Mark(*brief[key]) for key in (STARTED_KEY, ENDED_KEY) if key in brief}
        return [Brief(**facts) for facts in found.values()]

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
                facts |= typed([(name, text)] if name else [], TRIAL)
        return min(equals, key=lambda key: ranking.rank(*equals[key], metric), default=None)

    def first_sampled(self, study_id: int, count: int) -> list[int]:
        """The numbers of the first trials of a study that were not enqueued, in order.

        Args:
            study_id: the study's key.
            count: how many.
        """
        trial, attribute = models.TrialModel, models.TrialSystemAttributeModel
        enqueued = sa.and_(attribute.trial_id == trial.trial_id, attribute.key == "fixed_params")
        query = (
            sa.select(trial.number)
            .outerjoin(attribute, enqueued)
            .where(trial.study_id == study_id, attribute.trial_id.is_(None))
            .order_by(trial.trial_id)
            .limit(count)
        )
        with Session(self.engine) as session:
            return list(session.scalars(query))

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

    def study_names(self) -> list[str]:
        """The names of all studies, the oldest first; no more of them is read."""
        query = sa.select(models.StudyModel.study_name).order_by(models.StudyModel.study_id)
        with Session(self.engine) as session:
            return list(session.scalars(query))

    def artifacts(self, study_id: int) -> dict[str, Any]:
        """What a study and its trials list as artifacts: system attributes, as Optuna has them."""
        own, trial = models.StudySystemAttributeModel, models.TrialModel
        of_trials, listed = models.TrialSystemAttributeModel, "artifacts:"
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

    def publish(self, study_id: int, name: str, user: Mapping[str, Any]) -> None:
        """Give a study its last user attributes and its name in one transaction.

        Args:
            study_id: the study's key.
            name: its name from now on; no other study may have it.
            user: user attributes.
        """
        with Session(self.engine) as session, session.begin():
            study = models.StudyModel.find_or_raise_by_id(study_id, session)
            for key, value in user.items():
                attribute = models.StudyUserAttributeModel
                text = json.dumps(value)
                session.add(attribute(study_id=study_id, key=key, value_json=text))
            study.study_name = name

    def _has_place(self, session: Session, study_id: int) -> bool:
        """Whether one more trial may start; the study is locked until the transaction ends."""
        there = self._lock_study(session, study_id)
        keys = (CREATED_KEY, STOP_KEY, BUDGET_KEY)
        known = _study_attributes(session, study_id, keys, strict=True)
        self._check_same(study_id, known if there else None)
        stop, limit = known.get(STOP_KEY), known.get(BUDGET_KEY)
        if stop is not None and not stop["over"]:
            return False
        if limit is None:
            return True
        counts = _count(session, study_id)
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
        self, session: Session, trial_id: int, owner: Mapping[str, Any] = _NOBODY
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
        found = session.connection().execute(_lock(keys), {"key": trial_id, **values})
        return bool(found.rowcount)

    @staticmethod
    def _lock_study(session: Session, study_id: int) -> bool:
        """Hold the write lock of SQLite, the study's row lock elsewhere; whether it is there."""
        found: Any = session.execute(
            sa.update(models.StudyModel)
            .where(models.StudyModel.study_id == study_id)
            .values(study_name=models.StudyModel.study_name)
            .execution_options(synchronize_session=False)
        )
        return bool(found.rowcount)


@functools.cache  # building it anew takes longer than the database does
def _lock(keys: tuple[str, ...]) -> sa.Update:
    """Locks the trial ``key``, if its user attributes ``keys`` have the values of these names."""
    trial = models.TrialModel.__table__
    attribute = models.TrialUserAttributeModel.__table__
    signed = (
        sa.exists().where(
            attribute.c.trial_id == trial.c.trial_id,
            attribute.c.key == name,
            attribute.c.value_json == sa.bindparam(name),
        )
        for name in keys
    )
    return (
        sa.update(trial)
        .where(trial.c.trial_id == sa.bindparam("key"), *signed)
        .values(number=trial.c.number)
    )


def _sign_of(text: str) -> Sign | None:
    """A stored sign of presence; None where another program wrote something else there."""
    try:
        return Sign.model_validate_json(text)
    except ValueError:
        return None


def _sign_key(owner: Mapping[str, Any]) -> str:
    """The name of a process' sign; containers may share names and numbers of processes."""
    process = hashlib.sha256(json.dumps(owner["process"], sort_keys=True).encode()).hexdigest()
    return f"{PRESENT_PREFIX}{owner['worker']}:{process[:8]}"


@functools.cache
def _removal() -> tuple[sa.Delete, ...]:
    """Remove the study ``key``: what refers to something before that itself.

    By the rows of whole tables: Optuna reads each trial of the study first, for minutes where there
    are many, and meanwhile nobody else may write.
    """
    key: sa.BindParameter[int] = sa.bindparam("key")
    trials = models.TrialModel.__table__
    own = sa.select(trials.c.trial_id).where(trials.c.study_id == key)
    tables = models.BaseModel.metadata.sorted_tables
    parts = [one for one in tables if "trial_id" in one.c and one is not trials]
    rest = [one for one in reversed(tables) if "study_id" in one.c]
    return (
        *(sa.delete(one).where(one.c.trial_id.in_(own)) for one in parts),
        *(sa.delete(one).where(one.c.study_id == key) for one in rest),
    )


def _last_beat(session: Session, trial_id: int) -> datetime | None:
    """A trial's last sign of life."""
    model = models.TrialHeartbeatModel
    query = sa.select(model.heartbeat).where(model.trial_id == trial_id)
    return session.scalar(query)


def _attribute(trial_id: int, key: str, value: Any) -> models.TrialUserAttributeModel:
    """A user attribute as Optuna stores it."""
    return models.TrialUserAttributeModel(trial_id=trial_id, key=key, value_json=json.dumps(value))


def _study_attributes(
    session: Session, study_id: int, keys: Sequence[str], *, strict: bool = False
) -> dict[str, Any]:
    """User attributes of a study, as far as it has them.

    Raises:
        UnreachableError: ``strict``, and one holds something else than hpsearch writes: without it
            the study would have no limit, say.
    """
    attribute = models.StudyUserAttributeModel
    rows = session.execute(
        sa.select(attribute.key, attribute.value_json).where(
            attribute.study_id == study_id, attribute.key.in_(keys)
        )
    )
    texts: dict[str, str] = {key: text for key, text in rows}  # noqa: C416  # rows are no pairs
    found = typed(texts.items(), STUDY)
    if strict and (wrong := texts.keys() - found.keys()):
        raise UnreachableError(
            f"study {study_id} of the storage: another program or a newer hpsearch has changed"
            f" {', '.join(sorted(wrong))}; no trial starts until that is undone (hpsearch ls)"
        )
    return found


def _is_closed(session: Session, study_id: int) -> bool:
    """Whether a study has only trials that were put into it."""
    return bool(_study_attributes(session, study_id, (CLOSED_KEY,), strict=True).get(CLOSED_KEY))


def _failure(text: str | None) -> str | None:
    """A stored class of failure."""
    rows = [] if text is None else [("failure", text)]
    return typed(rows, TRIAL).get("failure")


def _count(session: Session, study_id: int) -> Counts:
    trial, attribute = models.TrialModel, models.TrialUserAttributeModel
    rows = session.execute(
        sa.select(trial.state, attribute.value_json, sa.func.count())
        .outerjoin(
            attribute,
            sa.and_(attribute.trial_id == trial.trial_id, attribute.key == "failure"),
        )
        .where(trial.study_id == study_id)
        .group_by(trial.state, attribute.value_json)
    )
    names = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }
    counts = dict.fromkeys([*names.values(), "failed", "uncounted"], 0)
    for state, failure, number in rows:
        name = names.get(state) or ("failed" if uses_place(_failure(failure)) else "uncounted")
        counts[name] += number
    return Counts(**counts)
