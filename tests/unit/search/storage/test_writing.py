"""Whole trials written at once are those that Optuna writes one by one."""

import math
from contextlib import closing
from datetime import datetime
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.search.storage import Storage, waiting_trial
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.transfer import _plain

KINDS: dict[str, Any] = {
    "layers": IntDistribution(1, 3),
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "norm": CategoricalDistribution((None, "batch", True)),
}


def trials() -> list[FrozenTrial]:
    """One of each state, and values of each kind."""
    some: list[dict[str, Any]] = [
        {"value": 0.5, "params": {"layers": 2, "rate": 0.25, "norm": "batch"}},
        {"value": math.inf, "params": {"layers": 1, "rate": 1e-4, "norm": None}},
        {"state": TrialState.PRUNED, "value": 0.1, "intermediate_values": {1: 0.1, 3: math.nan}},
        {"state": TrialState.FAIL, "user_attrs": {"failure": "diverged", "x": [1, {"y": None}]}},
        {"state": TrialState.RUNNING, "intermediate_values": {2: -math.inf}},
    ]
    made = []
    for one in some:
        kinds = {name: KINDS[name] for name in one.get("params", ())}
        made.append(create_trial(**{"state": TrialState.COMPLETE} | one, distributions=kinds))
    made[0].datetime_start = datetime(2026, 10, 25, 2, 30, fold=1)
    made[0].datetime_complete = datetime(2026, 10, 25, 2, 45, 0, 125, fold=1)
    return made


def study_of(storage: Storage, name: str) -> optuna.Study:
    return optuna.create_study(study_name=name, storage=storage)


def test_trials_are_written_at_once_as_optuna_writes_them(url: str) -> None:
    with closing(open_storage(url)) as storage:
        one_by_one, at_once = study_of(storage, "a"), study_of(storage, "b")
        wanted = trials()
        for trial in wanted:
            one_by_one.add_trial(trial)
        for part in (wanted[:2], wanted[2:], []):
            storage.add_trials(at_once._study_id, part)
        written = [storage.read_whole(study._study_id).trials for study in (one_by_one, at_once)]
        first, second = ([_plain(trial) for trial in found] for found in written)
        assert first == second
        assert [one["number"] for one in second] == [*range(len(wanted))]
        storage.add_trials(at_once._study_id, [waiting_trial({"layers": 1})])
        assert at_once.trials[-1].datetime_start is None
        with pytest.raises(KeyError):
            storage.add_trials(99, wanted)
