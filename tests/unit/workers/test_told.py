"""What MLflow is told of a study's trials."""

import math
from collections.abc import Callable

import fakes
from optuna.pruners import NopPruner

from hpsearch.errors import Failure
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.search import claims
from hpsearch.search.storage import waiting_trial
from hpsearch.search.study import OpenStudy
from hpsearch.training import curves
from hpsearch.training.outcome import Epoch
from hpsearch.workers.told import all_told, chunks, milliseconds


def test_a_trial_of_another_machine_has_the_objectives_curve_alone(
    open_study: Callable[..., OpenStudy], home: Home
) -> None:
    study = open_study()
    study.optuna.pruner = NopPruner()
    Objective(study=study, parts=fakes.parts(), home=home, trainer=fakes.train).run_one()
    study.storage.add_trials(study.study_id, [waiting_trial({"layers": 1})])
    (told,) = all_told(study, home)  # nothing of what only waits
    (trial, _) = study.trials()
    values = {one.number: dict(one.values) for one in told.epochs()}
    assert values == {n: {"val_accuracy": value} for n, value in trial.intermediate_values.items()}
    assert [one.number for one in told.epochs(after=3)] == [4, 5]
    assert (told.origin, told.state, told.figures["value"]) == (0, "complete", trial.values[0])
    assert told.params == {name: str(value) for name, value in trial.params.items()}

    run = home.trial_run("study", 0)
    curves.start(run, ["loss"])
    for number, loss in enumerate((1.5, math.nan), 1):
        curves.append(run, Epoch(epoch=number, values={"loss": loss}, learning_rate=1, seconds=2))
    first, second = told.epochs()
    assert first.values == {"loss": 1.5, "learning_rate": 1}
    assert math.isnan(second.values["loss"])
    assert [one.time - milliseconds(trial.datetime_start) for one in (first, second)] == [2e3, 4e3]


def test_what_was_cut_off_is_one_training_and_what_was_too_large_is_none(
    open_study: Callable[..., OpenStudy], home: Home
) -> None:
    study = open_study()
    for _ in range(2):
        assert claims.claim(study) is not None
    claims.fail(study, 0, Failure.TOO_LARGE, "too large")
    claims.interrupt(study, 1)
    (told,) = all_told(study, home)
    assert (told.origin, told.state) == (1, "interrupted")


def test_items_are_told_in_parts() -> None:
    assert [*map(list, chunks(range(5), 2))] == [[0, 1], [2, 3], [4]]
    assert chunks([], 2) == []
