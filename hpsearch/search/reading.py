"""Reads whole trials from Optuna's tables by plain rows.

Optuna makes an object that SQLAlchemy follows of every row, of each parameter, attribute and
reported value, and parses each parameter's distribution twice. At a thousand trials that takes
seconds, and every worker reads all running trials anew several times in each of its own.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Container
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from optuna.distributions import json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState

_TRIALS: sa.Table = models.TrialModel.metadata.tables[models.TrialModel.__tablename__]
_PARTS: dict[str, Any] = {
    "params": models.TrialParamModel.param_id,
    "values": models.TrialValueModel.objective,
    "user_attrs": models.TrialUserAttributeModel.key,
    "system_attrs": models.TrialSystemAttributeModel.key,
    "reports": models.TrialIntermediateValueModel.step,
}
"""The parts of a trial, and the column by which each is in order."""

MOST = 10_000
"""Keys that are named in one query; SQLite takes 32,766 values. Of more, all from the first on are
read."""

_Rows = defaultdict[int, list[Any]]
"""The rows of a table by the key of their trial."""

_distribution = functools.lru_cache(maxsize=1000)(json_to_distribution)
"""A study has some twenty, which nobody changes; each trial names them all."""

_value: Callable[..., float] = models.TrialValueModel.stored_repr_to_value
_reported: Callable[..., float] = (
    models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
)


def read_trials(
    connection: sa.Connection,
    study_id: int,
    states: Container[TrialState] | None,
    included: Collection[int],
    after: int,
) -> list[FrozenTrial]:
    """Trials of a study by their keys, each part of all of them by one query.

    Args:
        connection: to the data base.
        study_id: the study's key.
        states: only those in these states; None: in any.
        included: keys of trials, besides those that come later.
        after: the key after which all trials are read.
    """
    if len(included) <= MOST:
        wanted = sa.or_(_TRIALS.c.trial_id > after, _TRIALS.c.trial_id.in_(included))
    else:
        wanted = _TRIALS.c.trial_id >= min(*included, after + 1)
    wanted = sa.and_(_TRIALS.c.study_id == study_id, wanted)
    query = sa.select(_TRIALS).where(wanted).order_by(_TRIALS.c.trial_id)
    if states is not None:
        query = query.where(_TRIALS.c.state.in_([state for state in TrialState if state in states]))
    trials = connection.execute(query).all()
    # Of any state: a trial may have got into another one since the query above.
    parts = {name: _rows(connection, order, wanted) for name, order in _PARTS.items()}
    return [
        _trial(row, parts) for row in trials if row.trial_id > after or row.trial_id in included
    ]


def _rows(connection: sa.Connection, order: Any, wanted: sa.ColumnElement[bool]) -> _Rows:
    """One part of the trials that are wanted."""
    found, table = _Rows(list), order.class_.__table__
    query = sa.select(table).join(_TRIALS, _TRIALS.c.trial_id == table.c.trial_id).where(wanted)
    for row in connection.execute(query.order_by(order)):
        found[row.trial_id].append(row)
    return found


def _trial(row: Any, parts: dict[str, _Rows]) -> FrozenTrial:
    """A trial as Optuna has it."""
    own = {name: rows[row.trial_id] for name, rows in parts.items()}
    distributions = {p.param_name: _distribution(p.distribution_json) for p in own["params"]}
    values = [_value(v.value, v.value_type) for v in own["values"]]
    return FrozenTrial(
        number=row.number,
        state=row.state,
        value=None,
        values=values or None,
        datetime_start=_local(row.datetime_start),
        datetime_complete=_local(row.datetime_complete),
        params={
            p.param_name: distributions[p.param_name].to_external_repr(p.param_value)
            for p in own["params"]
        },
        distributions=distributions,
        user_attrs={a.key: json.loads(a.value_json) for a in own["user_attrs"]},
        system_attrs={a.key: json.loads(a.value_json) for a in own["system_attrs"]},
        intermediate_values={
            r.step: _reported(r.intermediate_value, r.intermediate_value_type)
            for r in own["reports"]
        },
        trial_id=row.trial_id,
    )


def _local(moment: datetime | None) -> datetime | None:
    """A time of the data base, in UTC, as Optuna gives it: local and without a time zone."""
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
