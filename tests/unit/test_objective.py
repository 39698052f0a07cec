"""The objective with a trainer that needs no TensorFlow: every way in which a trial can end."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakes
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch import objective
from hpsearch.config import count_parameters
from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, InputError, TrialFailedError, UnreachableError
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.recipe import Recipe
from hpsearch.search import budget, trials
from hpsearch.search.export import recipe_of
from hpsearch.search.study import OpenStudy
from hpsearch.training.outcome import Outcome, Trainer, Watch

Build = Callable[..., Objective]


@pytest.fixture
def build(home: Home) -> Build:
    """Builds the objective of a study, on a small data set."""

    def one(study: OpenStudy, trainer: Trainer = fakes.train, **options: Any) -> Objective:
        return Objective(study=study, parts=fakes.parts(), home=home, trainer=trainer, **options)

    return one


def raising(error: BaseException) -> Trainer:
    """A trainer that fails."""

    def train(*_: object, **__: object) -> Outcome:
        raise error

    return train


def test_a_trial_that_completes(
    open_study: Callable[..., OpenStudy], build: Build, home: Home
) -> None:
    study = open_study()
    seen: list[tuple[Recipe, Path]] = []

    def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        seen.append((recipe, run))
        return fakes.train(recipe, parts, run, watch)

    assert build(study, train).run_one()
    (trial,) = study.trials()
    (recipe, run), row = seen[0], trials.row(study, trial)
    assert trial.state == TrialState.COMPLETE
    assert trial.values == [pytest.approx(fakes.score(recipe) * (1 - 0.5**5))]
    assert list(trial.intermediate_values) == [1, 2, 3, 4, 5]
    assert run == home.trial_run("study", 0)
    assert row["config"] == recipe.config.model_dump(mode="json")
    assert row["parameters"] == count_parameters(recipe.config, 8, 3)
    assert (row["epochs"], row["best_epoch"], row["gap"]) == (5, 5, 0.0)
    assert trial.user_attrs["seed"] == recipe.seed == recipe_of(study, trial).seed


def test_the_metric_of_the_study_is_reported(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(objective={"metric": "val_loss"})
    build(study).run_one()
    losses = study.trials()[0].intermediate_values
    assert losses[5] < losses[1]


def test_a_bad_trial_is_pruned(open_study: Callable[..., OpenStudy], build: Build) -> None:
    rate = {"type": "adam", "learning_rate": 3e-3}
    study = open_study(
        pruner={"type": "median", "n_startup_trials": 1, "n_warmup_steps": 2},
        enqueue=[{"layers": 3, "optimizer": rate}, {"layers": 5, "optimizer": rate}],
    )
    job = build(study)
    assert job.run_one()
    assert job.run_one()
    good, bad = study.trials()
    assert good.state == TrialState.COMPLETE
    assert bad.state == TrialState.PRUNED
    assert bad.user_attrs["epochs"] == bad.last_step == 3
    assert bad.user_attrs["gap"] is None
    assert bad.values == [bad.intermediate_values[3]]
    assert study.counts().counted == 2


@pytest.mark.parametrize("failure", [Failure.DIVERGED, Failure.OUT_OF_MEMORY, Failure.TIMEOUT])
def test_a_failure_of_the_configuration_is_told_and_counted(
    open_study: Callable[..., OpenStudy], build: Build, failure: Failure
) -> None:
    study = open_study(budget={"trials": 1})
    job = build(study, raising(TrialFailedError(failure, "because", epoch=2)))
    assert job.run_one()
    (trial,) = study.trials()
    assert trial.state == TrialState.FAIL
    attrs = trial.user_attrs
    assert attrs["failure"] == failure.value
    assert (attrs["failure_message"], attrs["failure_epoch"]) == ("because", 2)
    assert not job.run_one()
    assert budget.ending(study) == "trials"


def test_an_interrupted_trial_goes_back_into_the_queue(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(budget={"trials": 1})
    asked = iter([False])  # before the trial; from then on the answer is yes
    assert build(study, stop_now=lambda: next(asked, True)).run_one()
    assert study.counts().uncounted == 1
    assert build(study).run_one()
    cut, again = study.trials()
    assert cut.user_attrs["failure"] == "interrupted"
    assert again.state == TrialState.COMPLETE
    assert again.params == cut.params
    assert again.user_attrs["seed"] == cut.user_attrs["seed"]
    assert again.user_attrs["resumes"] == 0


def test_nothing_is_started_once_asked_to_stop(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study()
    assert build(study, stop_now=lambda: True).run_one()
    assert study.trials() == []


def test_the_last_epoch_is_not_pruned(open_study: Callable[..., OpenStudy], build: Build) -> None:
    rate = {"type": "adam", "learning_rate": 3e-3}
    study = open_study(
        pruner={"type": "median", "n_startup_trials": 1, "n_warmup_steps": 4},
        enqueue=[{"layers": 3, "optimizer": rate}, {"layers": 5, "optimizer": rate}],
    )
    job = build(study)
    assert job.run_one()
    assert job.run_one()
    assert study.counts().complete == 2


def test_the_time_budget_cuts_a_trial_off(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(budget={"trials": 9, "timeout": 0.5})

    def slow(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        return fakes.train(recipe, parts, run, watch, seconds=60)

    began = time.monotonic()
    assert build(study, slow).run_one()
    assert 0.3 < time.monotonic() - began < 30
    assert study.trials()[0].user_attrs["failure"] == "interrupted"
    assert study.counts().waiting == 1
    assert budget.ending(study) == "timeout"


def test_time_that_was_used_before_counts(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(budget={"trials": 9, "timeout": "1h"})
    earlier = create_trial(state=TrialState.PRUNED)
    assert earlier.datetime_start is not None
    earlier.datetime_start = earlier.datetime_start.replace(year=2020)
    study.optuna.add_trial(earlier)
    assert build(study).run_one()
    assert study.trials()[1].user_attrs["failure"] == "interrupted"


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), ImportError("no cudnn")])
def test_a_program_error_marks_the_trial_and_goes_on(
    open_study: Callable[..., OpenStudy], build: Build, error: Exception
) -> None:
    study = open_study()
    with pytest.raises(type(error)):
        build(study, raising(error)).run_one()
    (trial,) = study.trials()
    assert trial.user_attrs["failure"] == "program_error"
    assert str(error) in trial.user_attrs["failure_message"]
    assert study.counts().counted == study.counts().waiting == 0


def test_a_full_disk_gives_the_trial_back(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study()
    with pytest.raises(UnreachableError):
        build(study, raising(UnreachableError("no space"))).run_one()
    assert study.trials()[0].user_attrs["failure"] == "interrupted"
    assert study.counts().waiting == 1


@pytest.mark.parametrize("when", ["in an epoch", "at the end", "as it fails"])
def test_a_trial_that_was_taken_away_is_dropped(
    open_study: Callable[..., OpenStudy], build: Build, when: str
) -> None:
    study, other = open_study(), open_study()

    def robbed(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        if when == "in an epoch":
            budget.interrupt(other, 0)
        outcome = fakes.train(recipe, parts, run, watch)
        budget.interrupt(other, 0)
        if when == "as it fails":
            raise TrialFailedError(Failure.DIVERGED, "NaN", epoch=1)
        return outcome

    assert build(study, robbed).run_one()
    first, successor = study.trials()
    assert first.user_attrs["failure"] == "interrupted"
    assert first.values is None
    assert successor.state == TrialState.WAITING
    assert build(study).run_one()
    assert study.counts().complete == 1


def test_a_model_over_the_limit_is_drawn_again_before_training(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    space = {"units": {"type": "categorical", "choices": [8, 1024]}}
    study = open_study(
        space=space,
        sampler={"type": "random"},
        budget={"trials": 6, "max_parameters": 1000},
    )
    job = build(study)
    while job.run_one():
        pass
    counts = study.counts()
    assert (counts.complete, counts.counted) == (6, 6)
    assert counts.uncounted >= 1
    for trial in study.trials():
        large = trial.params["units"] == 1024
        assert (trial.user_attrs.get("failure") == "too_large") == large
        assert trial.user_attrs["parameters"] == count_parameters(
            recipe_of(study, trial).config, 8, 3
        )
        if large:
            assert "at most 1000" in trial.user_attrs["failure_message"]


def test_what_was_enqueued_is_kept_when_the_rest_was_drawn_too_large(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    space = {
        "units": {"type": "categorical", "choices": [8, 1024]},
        "batch_size": {"type": "int", "low": 1, "high": 512},
    }
    study = open_study(
        space=space,
        sampler={"type": "random"},
        budget={"trials": 1, "max_parameters": 1000},
        enqueue=[{"batch_size": 77}],
        seed=4,  # one whose first draw is the large one
    )
    assert build(study).run_one()
    assert {trial.params["batch_size"] for trial in study.trials()} == {77}
    assert len(study.trials()) > 1
    assert study.counts().complete == 1


def test_a_space_of_models_over_the_limit_is_given_up(
    open_study: Callable[..., OpenStudy], build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objective, "MAX_REDRAWS", 20)
    study = open_study(space={}, budget={"trials": 1, "max_parameters": 10})
    with pytest.raises(InputError, match=r"budget\.max_parameters = 10; raise it or narrow"):
        build(study).run_one()
    assert study.counts().uncounted == 20
    assert study.counts().counted == study.counts().running == 0


def test_nothing_is_run_without_a_place(open_study: Callable[..., OpenStudy], build: Build) -> None:
    study = open_study(budget={"trials": 1})
    assert build(study).run_one()
    assert not build(study, raising(AssertionError("not to be called"))).run_one()


def search(study: OpenStudy, job: Objective) -> list[dict[str, Any]]:
    while job.run_one():
        pass
    return [trials.row(study, trial) for trial in study.trials()]


def test_a_whole_search_reproduces_with_one_worker(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    found = []
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        study = open_study(
            name=name,
            seed=seed,
            sampler={"type": "tpe", "n_startup_trials": 4},
            pruner={"type": "median", "n_startup_trials": 2},
        )
        found.append(search(study, build(study)))
    kept = ("number", "state", "values", "config")
    first, again, other = ([[row[key] for key in kept] for row in rows] for rows in found)
    assert first == again
    assert first != other
    assert {row["state"] for row in found[0]} == {"complete", "pruned"}


def owned(**attrs: Any) -> FrozenTrial:
    return create_trial(state=TrialState.RUNNING, user_attrs=attrs)
