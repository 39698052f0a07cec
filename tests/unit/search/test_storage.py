"""The storage's counts; what it must do under load is in tests/integration/test_storage.py."""

from collections.abc import Callable

import optuna
import pytest

from hpsearch.errors import Failure
from hpsearch.search import claims
from hpsearch.search.storage import Counts
from hpsearch.search.study import OpenStudy


def test_counts_by_state(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 50}, enqueue=[{"layers": 1}, {"layers": 2}])
    assert study.counts() == Counts(waiting=2)
    claimed = [claims.claim(study) for _ in range(9)]
    numbers = [trial.number for trial in claimed if trial is not None]
    study.optuna.tell(numbers[0], 0.5)
    study.optuna.tell(numbers[1], state=optuna.trial.TrialState.PRUNED)
    study.optuna.tell(numbers[2], state=optuna.trial.TrialState.FAIL)  # without a class
    ends = (Failure.DIVERGED, Failure.TIMEOUT, Failure.INTERRUPTED, Failure.TOO_LARGE)
    for number, failure in zip(numbers[3:7], ends, strict=True):
        claims.fail(study, number, failure, "x")
    counts = study.counts()
    assert counts == Counts(complete=1, pruned=1, failed=2, uncounted=3, running=2)
    assert counts.counted == 4


def test_attributes_are_set_together_or_not_at_all(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    trial = claims.claim(study)
    assert trial is not None
    key = study.trial_id(trial.number)
    study.storage.annotate(key, {"seconds": 1.0}, {"artifacts:x": "{}"})
    study.storage.annotate(key, {"seconds": 2.0})
    found = study.storage.get_trial(key)
    assert found.user_attrs["seconds"] == 2.0
    assert study.storage.get_trial_system_attrs(key)["artifacts:x"] == "{}"
    with pytest.raises(TypeError, match="JSON"):
        study.storage.annotate(key, {"first": 1, "second": object()})
    with pytest.raises(TypeError, match="JSON"):
        study.storage.annotate(key, {"first": 1}, {"second": object()})
    assert "first" not in study.storage.get_trial(key).user_attrs
    study.optuna.tell(trial, 0.5)
    for late in (({"late": 1}, {}), ({}, {"late": 1})):
        with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
            study.storage.annotate(key, *late)
    assert study.storage.get_trial(key).user_attrs == found.user_attrs
    assert "late" not in study.storage.get_trial_system_attrs(key)
