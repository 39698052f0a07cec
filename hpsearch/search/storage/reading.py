"""Reads whole trials from Optuna's tables by plain rows.

Optuna makes an object that SQLAlchemy follows of every row, of each parameter, attribute and
reported value, and parses each parameter's distribution twice. At a thousand trials that takes
seconds, and every worker reads all running trials anew several times in each of its own.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from optuna.distributions import json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.orm import Session

from hpsearch.search.attributes import TRIAL, TRIAL_SYSTEM
from hpsearch.search.shapes import Shapes, typed

_TRIALS: Any = models.TrialModel.__table__
_PARTS: dict[str, Any] = {
    "params": models.TrialParamModel.__table__.c.param_id,
    "values": models.TrialValueModel.__table__.c.objective,
    "user_attrs": models.TrialUserAttributeModel.__table__.c.key,
    "system_attrs": models.TrialSystemAttributeModel.__table__.c.key,
    "reports": models.TrialIntermediateValueModel.__table__.c.step,
}
"""The column by which each part of a trial is in order, of that part's table. (Tables, as by their
models SQLAlchemy would make objects again.)"""

CHUNK = 500
"""Keys or names that one query names: SQLite before 3.32 takes 999 values, and an index is used for
so many."""

_Key = TypeVar("_Key", int, str)

_Rows = defaultdict[int, list[Any]]
"""The rows of a table by the key of their trial."""

_distribution = functools.lru_cache(maxsize=1000)(json_to_distribution)
"""A study has some twenty, which nobody changes; each trial names them all."""

_value: Callable[..., float] = models.TrialValueModel.stored_repr_to_value
_reported: Callable[..., float] = (
    models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
)


def read_trials(
    engine: sa.Engine,
    study_id: int,
    states: Container[TrialState] | None,
    included: Collection[int],
    after: int,
    *,
    as_written: bool = False,
) -> list[FrozenTrial]:
    """Trials of a study by their keys, with all that belongs to them.

    Args:
        engine: connects to the database.
        study_id: the study's key.
        states: only those in these states; None: in any.
        included: keys of trials, besides those that come later.
        after: the key after which all trials are read.
        as_written: with all attributes that can be read; else without those of hpsearch's that hold
            something else than it writes.

    Raises:
        KeyError: there is no such study.
    """
    of_study = _TRIALS.c.study_id == study_id
    with Session(engine) as session:
        models.StudyModel.find_or_raise_by_id(study_id, session)
        query = sa.select(_TRIALS).where(of_study)
        if states is not None:
            wanted = [state for state in TrialState if state in states]
            query = query.where(_TRIALS.c.state.in_(wanted))
        trials = list(session.execute(query.where(_TRIALS.c.trial_id > after)))
        for chunk in chunks([key for key in included if key <= after]):
            trials += session.execute(query.where(_TRIALS.c.trial_id.in_(chunk)))
        trials.sort(key=lambda row: row.trial_id)
        keys = [row.trial_id for row in trials]
        which = of_study if after < 0 and states is None else keys
        parts = {name: _rows(session, order, which) for name, order in _PARTS.items()}
    shapes = ({}, {}) if as_written else (TRIAL, TRIAL_SYSTEM)
    return [_trial(row, parts, *shapes) for row in trials]


def read_trial(engine: sa.Engine, trial_id: int) -> FrozenTrial:
    """A trial by its key, with all that belongs to it.

    Raises:
        KeyError: there is none.
    """
    with Session(engine) as session:
        row = session.execute(sa.select(_TRIALS).where(_TRIALS.c.trial_id == trial_id)).first()
        if row is None:
            raise KeyError(trial_id)
        parts = {name: _rows(session, order, [trial_id]) for name, order in _PARTS.items()}
    return _trial(row, parts, TRIAL, TRIAL_SYSTEM)


def chunks(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Keys, or names, in parts that fit into a query."""
    return (keys[first : first + CHUNK] for first in range(0, len(keys), CHUNK))


def _rows(session: Session, order: Any, which: Sequence[int] | sa.ColumnElement[bool]) -> _Rows:
    """One part of some trials: of those with these keys, or of which this is true."""
    found, part = _Rows(list), order.table
    query = sa.select(part).order_by(part.c.trial_id, order)
    queries = (
        [query.where(part.c.trial_id.in_(chunk)) for chunk in chunks(which)]
        if isinstance(which, Sequence)
        else [query.join(_TRIALS, _TRIALS.c.trial_id == part.c.trial_id).where(which)]
    )
    for one in queries:
        for row in session.execute(one):
            found[row.trial_id].append(row)
    return found


def _trial(row: Any, parts: dict[str, _Rows], user: Shapes, system: Shapes) -> FrozenTrial:
    """A trial as Optuna has it; with the shapes of its attributes that have one."""
    own = {name: rows[row.trial_id] for name, rows in parts.items()}
    distributions = {p.param_name: _distribution(p.distribution_json) for p in own["params"]}
    values = [_value(v.value, v.value_type) for v in own["values"]]
    return FrozenTrial(
        number=row.number,
        state=row.state,
        value=None,
        values=values or None,
        datetime_start=local(row.datetime_start),
        datetime_complete=local(row.datetime_complete),
        params={
            p.param_name: distributions[p.param_name].to_external_repr(p.param_value)
            for p in own["params"]
        },
        distributions=distributions,
        user_attrs=typed(((a.key, a.value_json) for a in own["user_attrs"]), user),
        system_attrs=typed(((a.key, a.value_json) for a in own["system_attrs"]), system),
        intermediate_values={
            r.step: _reported(r.intermediate_value, r.intermediate_value_type)
            for r in own["reports"]
        },
        trial_id=row.trial_id,
    )


def local(moment: datetime | None) -> datetime | None:
    """A time of the database, in UTC, as Optuna gives it: local and without a time zone.

    Of an hour that the clock shows twice, as summer time ends, ``fold`` says which one is meant:
    Optuna itself takes both for the first one.
    """
    if moment is None:
        return None
    shown = moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
    return shown if utc(shown) == moment.replace(tzinfo=UTC) else shown.replace(fold=1)


def utc(moment: datetime) -> datetime:
    """A trial's time in UTC: local ones are neither compared nor subtracted (see :func:`local`)."""
    return moment.astimezone(UTC)
