"""How much each parameter mattered."""

import math
from collections.abc import Callable

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.search import claims, importance
from hpsearch.search.importance import LEAST, importances
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config

pytestmark = pytest.mark.slow

SPACE = {
    "layers": {"type": "int", "low": 1, "high": 4},
    "l2": {"type": "float", "low": 1e-6, "high": 1e-2, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
}


def search(study: OpenStudy, trials: int, value: Callable[[int, float], float]) -> None:
    """Add random trials whose values follow from layers and dropout."""
    seed = len(study.trials())
    drawing = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))  # in memory
    for _ in range(trials):
        trial = drawing.ask()
        config = suggest_config(study.file.space, trial)
        study.optuna.add_trial(
            create_trial(
                value=value(config.network.layers, config.network.dropout[0]),
                params=trial.params,
                distributions=trial.distributions,
            )
        )


def opened(open_study: Callable[..., OpenStudy]) -> OpenStudy:
    return open_study(
        space=SPACE, budget={"trials": 100}, sampler={"type": "random"}, pruner={"type": "none"}
    )


def test_what_decides_everything_matters_most(open_study: Callable[..., OpenStudy]) -> None:
    study = opened(open_study)
    search(study, 40, lambda _, dropout: dropout)
    found = importances(study)
    assert found[0].name == "dropout"
    assert {one.name for one in found} == {"layers", "l2", "dropout"}
    assert abs(sum(one.share for one in found) - 1) < 1e-9
    assert all(0 <= one.low <= one.high <= 1 for one in found)
    # So sure that the others' intervals lie below its own.
    assert found[0].low > max(one.high for one in found[1:])
    assert importances(study) == found


def test_a_share_lies_within_its_interval(open_study: Callable[..., OpenStudy]) -> None:
    apart = SPACE["dropout"] | {"per_layer": True}
    widths = {"type": "int", "low": 8, "high": 64, "per_layer": True}
    study = open_study(
        space=SPACE | {"layers": 3, "dropout": apart, "units": widths},
        budget={"trials": 100}, sampler={"type": "random"}, pruner={"type": "none"},
    )  # fmt: skip
    search(study, 2 * LEAST, lambda _, dropout: dropout)
    found = importances(study)
    assert all(one.low <= one.share <= one.high for one in found)
    assert math.fsum(one.share for one in found) == pytest.approx(1)
    assert found[0].name == "dropout_0"


def test_of_few_trials_nothing_is_said(open_study: Callable[..., OpenStudy]) -> None:
    study = opened(open_study)
    search(study, LEAST - 1, lambda layers, _: layers)
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    trial.report(0.5, 1)
    study.optuna.tell(trial, state=TrialState.PRUNED)
    assert importances(study) == []
    search(study, 1, lambda layers, _: layers)
    assert importances(study) != []


def test_of_equal_values_nothing_is_said(open_study: Callable[..., OpenStudy]) -> None:
    study = opened(open_study)
    search(study, 2 * LEAST, lambda *_: 0.5)
    assert importances(study) == []


def test_parameters_that_only_some_trials_have(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study(budget={"trials": 100}, sampler={"type": "random"})
    values = iter([0.6] + [0.5] * 19)  # all but one are equal
    search(study, 20, lambda *_: next(values))
    found = importances(study)
    assert {"optimizer", "adam.learning_rate", "sgd.learning_rate", "units_4"} <= {
        one.name for one in found
    }
    assert math.fsum(one.share for one in found) == pytest.approx(1)
    assert all(0 <= one.low <= one.high <= 1 for one in found)
    assert [one.share for one in found] == sorted((one.share for one in found), reverse=True)


def test_the_newest_trials_are_looked_at(
    open_study: Callable[..., OpenStudy], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = opened(open_study)
    search(study, 10, lambda layers, _: layers)
    search(study, 20, lambda _, dropout: dropout)
    monkeypatch.setattr(importance, "MOST", 20)
    monkeypatch.setattr(importance, "RESAMPLES", 4)
    other = opened(lambda **sections: open_study(name="other", **sections))
    for trial in study.trials()[10:]:
        other.optuna.add_trial(trial)
    assert importances(study) == importances(other) != []


def test_a_space_without_ranges(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study(space={}, budget={"trials": 20})
    for number in range(LEAST):
        finish(study, number / 20)
    assert importances(study) == []
