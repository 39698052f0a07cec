"""What is confirmed of a study."""

from collections.abc import Callable

import pytest
from optuna.trial import FrozenTrial

from hpsearch.errors import NoTrialError
from hpsearch.search import trials
from hpsearch.search.leaders import leaders
from hpsearch.search.study import OpenStudy

Open = Callable[..., OpenStudy]
Finish = Callable[..., FrozenTrial]
BASELINE = {"layers": 1, "units": 7, "optimizer": {"type": "rmsprop", "learning_rate": 0.02}}


def test_the_best_configurations_once_each_and_the_baseline(
    open_study: Open, finish: Finish
) -> None:
    study = open_study(baseline=BASELINE)
    for value in (0.25, 0.75, 0.5, 0.625):
        finish(study, value)
    again = study.trials()[1]
    study.optuna.add_trial(again)  # the best one, with another seed
    found = leaders(study, 3)
    assert [one.of for one in found] == ["1", "3", "2", "baseline"]
    assert [one.found for one in found] == [0.75, 0.625, 0.5, None]
    assert found[0].config == trials.config(study, study.trials()[1])
    assert found[-1].config == study.file.baseline
    assert [one.of for one in leaders(study, 9)] == ["1", "3", "2", "0", "baseline"]


def test_less_may_be_better_and_there_may_be_no_baseline(open_study: Open, finish: Finish) -> None:
    study = open_study(objective={"metric": "val_loss"})
    for value in (0.25, 0.75, 0.5):
        finish(study, value)
    assert [one.of for one in leaders(study, 2)] == ["0", "2"]


def test_without_a_complete_trial_there_is_nobody(open_study: Open) -> None:
    with pytest.raises(NoTrialError):
        leaders(open_study(), 3)


def test_no_more_trials_are_read_than_it_takes(
    open_study: Open, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, read = open_study(), list[int]()
    for value in (0.25, 0.75, 0.5, 0.625):
        finish(study, value)
    config = trials.config

    def counted(study: OpenStudy, trial: FrozenTrial) -> object:
        read.append(trial.number)
        return config(study, trial)

    monkeypatch.setattr(trials, "config", counted)
    assert [one.of for one in leaders(study, 2)] == ["1", "3"]
    assert read == [1, 3]
