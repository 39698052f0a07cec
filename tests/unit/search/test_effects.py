"""The effects of choices, in made-up studies whose truth is known."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from hpsearch.config import TrialConfig
from hpsearch.effect import Effect, Learnt
from hpsearch.search.attributes import CLOSED_KEY
from hpsearch.search.effects import LEAST, effects
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config

pytestmark = pytest.mark.slow

SPACE = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "activation": {"type": "categorical", "choices": ["relu", "gelu"]},
    "batch_norm": {"type": "categorical", "choices": [True, False]},
    "optimizer": {
        "adam": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}},
        "sgd": {
            "learning_rate": 0.1,
            "momentum": {"type": "float", "low": 0.0, "high": 0.9},
        },
    },
}
EPOCHS = 10
Score = Callable[[TrialConfig], float]
Open = Callable[..., OpenStudy]


def opened(open_study: Open, **sections: Any) -> OpenStudy:
    return open_study(
        **({
            "space": SPACE,
            "budget": {"trials": 500},
            "sampler": {"type": "random"},
            "training": {"epochs": EPOCHS, "early_stopping": False},
        } | sections)
    )  # fmt: skip


def search(study: OpenStudy, trials: int, score: Score, *, prune_below: float = -1.0) -> None:
    """Add random trials with curves that rise to their scores; some noise is on each."""
    sampler = optuna.samplers.RandomSampler(seed=len(study.trials()))
    drawing = optuna.create_study(sampler=sampler)  # in memory
    noise = np.random.default_rng(0)
    for _ in range(trials):
        trial = drawing.ask()
        final = score(suggest_config(study.file.space, trial)) + noise.normal(0, 0.004)
        pruned = final < prune_below
        last = 3 if pruned else EPOCHS
        study.optuna.add_trial(
            create_trial(
                state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
                value=None if pruned else final,
                params=trial.params,
                distributions=trial.distributions,
                intermediate_values={e: final - 0.2 / e + 0.02 for e in range(1, last)}
                | {last: final - (0.2 / last - 0.02)},
            )
        )


def of(learnt: Learnt, name: str) -> list[Effect]:
    return [one for one in learnt.effects if one.name == name]


def true_score(config: TrialConfig) -> float:
    """gelu is 2 points better, two layers 1.5 points better than the others."""
    network: Any = config.network
    return 0.8 + 0.02 * (network.activation == "gelu") + 0.015 * (network.layers == 2)


def test_known_effects_are_found_with_their_size(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 60, true_score)
    found = effects(study)
    (one,) = of(found, "activation")
    assert (one.level, one.against, one.is_clear) == ("gelu", "relu", True)
    assert one.low < 0.02 < one.high
    assert one.gain == pytest.approx(0.02, abs=0.005)
    assert one.trials + one.others == found.trials == 60
    layers = {one.level: one for one in of(found, "layers")}
    assert layers.keys() == {"1", "2", "3"}
    assert layers["2"].low < 0.015 < layers["2"].high
    assert layers["2"].against == "the rest"
    assert not of(found, "batch_norm")[0].is_clear
    assert found.effects[0].name == "activation"
    assert effects(study) == found


def test_what_exists_under_a_choice_is_compared_there_alone(open_study: Open) -> None:
    def score(config: TrialConfig) -> float:
        optimizer: Any = config.optimizer
        if optimizer.type == "sgd":
            return 0.6  # far worse, which says nothing about learning rates
        return 0.8 + 0.03 * (1e-3 <= optimizer.learning_rate < 1e-2)

    study = opened(open_study)
    search(study, 80, score)
    found = effects(study)
    rates = {one.level: one for one in of(found, "adam.learning_rate")}
    middle = rates["0.001 to 0.01"]
    assert middle.low < 0.03 < middle.high
    assert middle.gain == pytest.approx(0.03, abs=0.008)
    with_adam = sum("adam.learning_rate" in trial.params for trial in study.trials())
    assert middle.trials + middle.others == with_adam < 80
    assert not any(one.is_clear for one in of(found, "sgd.momentum"))
    (optimizer,) = of(found, "optimizer")
    assert (optimizer.level, optimizer.against) == ("adam", "sgd")
    assert optimizer.gain == pytest.approx(0.21, abs=0.02)


def test_pruned_trials_count_at_equal_epochs(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 60, true_score, prune_below=0.815)
    states = [trial.state for trial in study.trials()]
    assert 15 < states.count(TrialState.PRUNED) < 45
    found = effects(study)
    assert (found.trials, found.pruned) == (60, states.count(TrialState.PRUNED))
    (one,) = of(found, "activation")
    # Nearly all complete trials have it: without the pruned ones nothing could be compared.
    assert (one.level, one.is_clear) == ("gelu", True)
    assert one.low < 0.02 < one.high


def test_a_metric_of_which_less_is_better(open_study: Open) -> None:
    study = opened(open_study, objective={"metric": "val_loss"})
    search(study, 60, lambda config: 1.0 - true_score(config))
    (one,) = of(effects(study), "activation")
    assert (one.level, one.is_clear) == ("gelu", True)
    assert one.low < 0.02 < one.high


def test_what_few_trials_have_cannot_be_told(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 40, true_score)
    other = opened(lambda **sections: open_study(name="other", **sections))
    rare = [trial for trial in study.trials() if trial.params["batch_norm"]][:2]
    for trial in [*rare, *(t for t in study.trials() if not t.params["batch_norm"])]:
        other.optuna.add_trial(trial)
    found = effects(other)
    assert not of(found, "batch_norm")
    (told,) = [one for one in found.untold if one.name == "batch_norm"]
    assert told.sentence() == (
        f"batch_norm true: cannot be told, 2 of {len(other.trials())} trials have it"
    )


def test_a_choice_that_nobody_tried_is_named_without_its_settings(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 60, true_score)
    other = opened(lambda **sections: open_study(name="other", **sections))
    for trial in study.trials():
        if trial.params["optimizer"] == "adam":
            other.optuna.add_trial(trial)
    sentences = [one.sentence() for one in effects(other).untold]
    assert sentences == [
        f"optimizer sgd: cannot be told, 0 of {len(other.trials())} trials have it"
    ]


def test_where_there_is_nothing_to_tell_nothing_is_clear(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 60, lambda _: 0.8)
    found = effects(study)
    # 90 % intervals: one of ten may be wrong.
    assert sum(one.is_clear for one in found.effects) <= len(found.effects) / 5


def test_of_few_trials_equal_values_or_no_ranges_nothing_is_said(open_study: Open) -> None:
    study = opened(open_study)
    search(study, LEAST - 1, true_score)
    assert effects(study) == Learnt()
    search(study, 1, true_score)
    assert effects(study).trials == LEAST
    fixed = open_study(name="fixed", space={})
    search(fixed, LEAST, lambda _: 0.5)
    assert effects(fixed) == Learnt()
    equal = opened(lambda **sections: open_study(name="equal", **sections))
    for trial in study.trials():
        trial.value, trial.intermediate_values = 0.5, {}
        equal.optuna.add_trial(trial)
    assert effects(equal) == Learnt()


def test_confirmation_runs_say_nothing_of_a_space(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 20, true_score)
    assert effects(study) != Learnt()
    study.optuna.set_user_attr(CLOSED_KEY, True)
    assert effects(study) == Learnt()


def test_what_another_program_told_is_passed_over(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 20, true_score)
    before = effects(study)
    study.optuna.add_trial(create_trial(state=TrialState.COMPLETE, value=0.99))
    study.optuna.add_trial(create_trial(state=TrialState.PRUNED))
    study.optuna.add_trial(create_trial(state=TrialState.FAIL))
    assert effects(study) == before


def test_one_training_that_failed_does_not_decide(open_study: Open) -> None:
    study = opened(open_study, objective={"metric": "val_loss"})
    search(study, 60, lambda config: 1.0 - true_score(config))
    trial = next(t for t in study.trials() if t.params["activation"] == "gelu")
    trial.value, trial.intermediate_values = 1e12, {}
    study.optuna.add_trial(trial)
    (one,) = of(effects(study), "activation")
    assert one.level == "gelu"
    assert abs(one.gain) < 1


def test_effects_of_500_trials_take_two_seconds(open_study: Open) -> None:
    study = opened(open_study)
    search(study, 500, true_score, prune_below=0.815)
    study.trials()
    began = time.process_time()
    effects(study)
    assert time.process_time() - began < 2
