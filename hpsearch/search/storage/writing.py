"""Writes whole trials into Optuna's tables by plain rows.

Optuna makes a transaction of each trial, and an object that SQLAlchemy follows of each row: a
minute for ten thousand trials.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from optuna.distributions import distribution_to_json
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.orm import Session

from hpsearch.search.storage.reading import utc

_TRIALS: Any = models.TrialModel.__table__

_Rows = Iterator[dict[str, Any]]


def write_trials(session: Session, study_id: int, trials: Sequence[FrozenTrial]) -> None:
    """Add trials to a study whose row the transaction has locked, behind those that it has.

    Args:
        session: writes them.
        study_id: the study's key.
        trials: in their order; all that they have but numbers and keys.
    """
    last = sa.func.coalesce(sa.func.max(_TRIALS.c.number), -1)
    first = session.execute(sa.select(last).where(_TRIALS.c.study_id == study_id)).scalar_one() + 1
    rows = [
        {
            "study_id": study_id,
            "number": first + index,
            "state": trial.state,
            "datetime_start": None
            if trial.state == TrialState.WAITING
            else _stored(trial.datetime_start),
            "datetime_complete": _stored(trial.datetime_complete),
        }
        for index, trial in enumerate(trials)
    ]
    if rows:
        session.execute(sa.insert(_TRIALS), rows)
    new = sa.select(_TRIALS.c.trial_id).order_by(_TRIALS.c.number)
    new = new.where(_TRIALS.c.study_id == study_id, _TRIALS.c.number >= first)
    keyed = [*zip(session.scalars(new), trials, strict=True)]
    for model, rows_of in _PARTS.items():
        if rows := [{"trial_id": key, **row} for key, trial in keyed for row in rows_of(trial)]:
            session.execute(sa.insert(model.__table__), rows)


def _stored(moment: datetime | None) -> datetime | None:
    """A time as the database has it: in UTC, without a time zone."""
    return None if moment is None else utc(moment).replace(tzinfo=None)


def _params(trial: FrozenTrial) -> _Rows:
    for name, value in trial.params.items():
        kind = trial.distributions[name]
        yield {
            "param_name": name,
            "param_value": kind.to_internal_repr(value),
            "distribution_json": distribution_to_json(kind),
        }


def _values(trial: FrozenTrial) -> _Rows:
    for objective, value in enumerate(trial.values or ()):
        stored, kind = models.TrialValueModel.value_to_stored_repr(value)
        yield {"objective": objective, "value": stored, "value_type": kind}


def _user_attrs(trial: FrozenTrial) -> _Rows:
    for key, value in trial.user_attrs.items():
        yield {"key": key, "value_json": json.dumps(value)}


def _system_attrs(trial: FrozenTrial) -> _Rows:
    for key, value in trial.system_attrs.items():
        yield {"key": key, "value_json": json.dumps(value)}


def _reports(trial: FrozenTrial) -> _Rows:
    model = models.TrialIntermediateValueModel
    for step, value in trial.intermediate_values.items():
        stored, kind = model.intermediate_value_to_stored_repr(value)
        yield {"step": step, "intermediate_value": stored, "intermediate_value_type": kind}


_PARTS: dict[Any, Any] = {
    models.TrialParamModel: _params,
    models.TrialValueModel: _values,
    models.TrialUserAttributeModel: _user_attrs,
    models.TrialSystemAttributeModel: _system_attrs,
    models.TrialIntermediateValueModel: _reports,
}
"""What a trial has in each other table, without its key."""
