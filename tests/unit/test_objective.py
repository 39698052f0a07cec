"""The objective with a trainer that needs no TensorFlow: every way in which a trial can end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import OperationalError

from hpsearch import objective
from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.errors import DataError, Failure, InputError, TrialFailedError, UnreachableError
from hpsearch.home import Home
from hpsearch.networks.network import Size
from hpsearch.objective import CrowdedError, Objective
from hpsearch.recipe import Recipe
from hpsearch.search import attributes as attr
from hpsearch.search import budget, claims, trials
from hpsearch.search.recipes import recipe_of
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.training.outcome import Epoch, Outcome, Trainer, Watch

pytestmark = pytest.mark.slow

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


def shorter(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe with fewer epochs."""
    training = recipe.training.model_copy(update={"epochs": epochs})
    return recipe.model_copy(update={"training": training})


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
    assert row["parameters"] == recipe.config.network.parameters((8,), 3)
    assert (row["epochs"], row["best_epoch"], row["gap"]) == (5, 5, 0.0)
    assert row["val_loss"] == pytest.approx(1 - trial.values[0])
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


def test_a_configuration_that_is_drawn_again_is_another_seed_of_it(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    activation = {"type": "categorical", "choices": ["relu", "tanh"]}
    study = open_study(
        sampler={"type": "random"}, pruner={"type": "none"}, space={"activation": activation}
    )
    job = build(study)
    claims.claim(study)  # it runs, but has not drawn its configuration yet
    for _ in range(7):
        job.run_one()
    rows = [trials.row(study, trial) for trial in study.trials()]
    kinds = [row["config"].get("activation") for row in rows]
    assert set(kinds) == {None, "relu", "tanh"}
    for number, row in enumerate(rows):
        first = kinds.index(kinds[number])
        assert row["same_as"] == (None if first == number else first)
    seeds = [trial.user_attrs["seed"] for trial in study.trials()[1:]]
    assert len(set(seeds)) == 7
    best = trials.best_row(study)
    assert best["repeats"] == [
        {"number": row["number"], "value": row["values"][0]}
        for row in rows
        if row["config"] == best["config"]
    ]


def test_a_trial_that_goes_on_is_not_a_repeat_of_itself(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(space={"activation": {"type": "categorical", "choices": ["relu"]}})
    error = TrialFailedError(Failure.INTERRUPTED, "cut off")
    build(study, raising(error)).run_one()
    job = build(study)
    job.run_one()
    job.run_one()
    rows = [trials.row(study, trial) for trial in study.trials()]
    assert [row["same_as"] for row in rows] == [None, None, 1]
    assert [repeat["number"] for repeat in trials.best_row(study)["repeats"]] == [1, 2]


@pytest.mark.parametrize("failure", [Failure.DIVERGED, Failure.TIMEOUT])
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


def test_a_trial_that_runs_out_of_memory_is_tried_once_more_alone(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(budget={"trials": 2})

    def out_of_memory(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        asked = shorter(recipe, 2)
        fakes.train(asked, parts, run, watch)  # it gets to epoch 2
        raise TrialFailedError(Failure.OUT_OF_MEMORY, "no room", epoch=3)

    for number in range(2):
        with pytest.raises(CrowdedError, match="no room") as caught:
            build(study, out_of_memory).run_one()
        assert caught.value.number == number
        assert study.trials()[number].state == TrialState.RUNNING
    assert study.counts().running == 2
    build(study).try_alone(0)
    build(study, out_of_memory).try_alone(1)
    good, bad = study.trials()
    assert good.state == TrialState.COMPLETE
    assert list(good.intermediate_values) == [1, 2, 3, 4, 5]
    assert bad.state == TrialState.FAIL
    assert (bad.user_attrs["failure"], bad.user_attrs["failure_epoch"]) == ("out_of_memory", 3)
    assert study.counts().counted == 2


def test_damaged_data_are_not_the_configurations_fault(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study()
    with pytest.raises(DataError):
        build(study, raising(DataError("NaN in row 7"))).run_one()
    (trial,) = study.trials()
    assert trial.user_attrs["failure"] == "data_error"
    assert study.counts().counted == study.counts().waiting == 0


def test_a_storage_that_is_away_leaves_the_trial_to_be_mended(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study()
    away = OperationalError("", {}, Exception("database is locked"))
    with pytest.raises(OperationalError):
        build(study, raising(away)).run_one()
    assert study.trials()[0].state == TrialState.RUNNING


def test_a_trial_whose_lease_was_lost_is_dropped_and_the_worker_goes_on(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study()
    lost = [False]

    @contextmanager
    def alive(number: int) -> Iterator[Callable[[], bool]]:
        yield lambda: lost[0] and number == 0

    def suspended(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        if not lost[0]:
            lost[0] = claims.interrupt(study, 0)
            while not watch.interrupted():
                pass
            raise TrialFailedError(Failure.INTERRUPTED, "asked to stop", epoch=1)
        return fakes.train(recipe, parts, run, watch)

    job = build(study, suspended, alive=alive)
    assert job.run_one()
    assert job.run_one()
    taken, again = study.trials()
    assert taken.user_attrs["failure"] == "interrupted"
    assert again.state == TrialState.COMPLETE
    assert again.user_attrs["resumes"] == 0


@pytest.mark.parametrize(
    "error", [UnreachableError("its folder was tidied up"), UpdateFinishedTrialError()]
)
def test_what_goes_wrong_in_a_trial_that_was_taken_away_is_no_error(
    open_study: Callable[..., OpenStudy], build: Build, error: Exception
) -> None:
    study = open_study()

    def train(*_: object) -> Outcome:
        claims.interrupt(study, 0)
        raise error

    assert build(study, train).run_one()
    assert study.counts().waiting == 1


def test_a_successor_goes_on_from_the_checkpoints_of_the_trials_before(
    open_study: Callable[..., OpenStudy], build: Build, home: Home
) -> None:
    study = open_study()
    seen: list[tuple[Path, list[Path], float]] = []
    trained: list[int] = []

    def two_epochs(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        seen.append((run, list(watch.earlier), watch.checkpoint_every))
        end = len(trained) + 2

        def on_epoch(epoch: Epoch) -> bool:
            trained.append(epoch.epoch)
            return watch.on_epoch(epoch)

        def interrupted() -> bool:
            return len(trained) == end

        part = replace(watch, on_epoch=on_epoch, interrupted=interrupted)
        return fakes.train(recipe, parts, run, part)

    for _ in range(3):
        assert build(study, two_epochs).run_one()
    assert trained == [1, 2, 3, 4, 5]
    folders = [home.trial_run("study", number) for number in range(3)]
    every = objective.CHECKPOINT_EVERY
    assert seen == [
        (folders[0], [], every),
        (folders[1], [folders[0]], every),
        (folders[2], [folders[1], folders[0]], every),
    ]
    last = study.trials()[-1]
    assert last.state == TrialState.COMPLETE
    assert list(last.intermediate_values) == [1, 2, 3, 4, 5]


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


def test_what_a_trial_died_of_is_kept_without_the_codes_of_terminals(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study()
    with pytest.raises(ValueError, match="Exception"):
        build(study, raising(ValueError("\x1b[1mException\x1b[0m: shapes"))).run_one()
    (trial,) = study.trials()
    assert trial.user_attrs["failure_message"] == "ValueError: Exception: shapes"


def test_a_full_disk_gives_the_trial_back(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study()
    with pytest.raises(UnreachableError):
        build(study, raising(UnreachableError("no space"))).run_one()
    assert study.trials()[0].user_attrs["failure"] == "interrupted"
    assert study.counts().waiting == 1


@pytest.mark.parametrize("when", ["in an epoch", "at the end", "as it fails"])
def test_a_trial_whose_lease_was_lost_is_dropped(
    open_study: Callable[..., OpenStudy], build: Build, when: str
) -> None:
    study, other = open_study(), open_study()

    def robbed(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        if when == "in an epoch":
            claims.interrupt(other, 0)
        outcome = fakes.train(recipe, parts, run, watch)
        claims.interrupt(other, 0)
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


@pytest.mark.parametrize("pruned", [False, True])
def test_a_trial_that_is_taken_away_while_it_is_told_is_dropped(
    open_study: Callable[..., OpenStudy],
    build: Build,
    monkeypatch: pytest.MonkeyPatch,
    pruned: bool,
) -> None:
    study, other = open_study(), open_study()
    annotate = Storage.annotate

    def annotate_and_lose(*args: Any) -> None:
        annotate(*args)
        claims.interrupt(other, 0)

    monkeypatch.setattr(Storage, "annotate", annotate_and_lose)
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda _: pruned)
    assert build(study).run_one()
    first, successor = study.trials()
    assert first.user_attrs["failure"] == "interrupted"
    assert first.values is None
    assert successor.state == TrialState.WAITING


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
        assert trial.user_attrs["parameters"] == recipe_of(study, trial).config.network.parameters(
            (8,), 3
        )
        if large:
            assert "more than budget.max_parameters = 1000" in trial.user_attrs["failure_message"]


def test_a_network_that_is_too_large_when_it_is_built_is_drawn_again(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    """Its size is known only then, and it is not trained."""
    own = {"file": "/home/me/own.py", "units": {"type": "categorical", "choices": [8, 1024]}}
    study = open_study(
        space={"network": {"python": own}},
        sampler={"type": "random"},
        budget={"trials": 6, "max_parameters": 1000},
    )

    def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        units = recipe.config.network.model_dump()["units"]
        watch.on_size(Size(parameters=units, macs=2 * units))
        dense = TrialConfig(optimizer=recipe.config.optimizer)
        return fakes.train(recipe.model_copy(update={"config": dense}), parts, run, watch)

    job = build(study, train)
    while job.run_one():
        pass
    counts = study.counts()
    assert (counts.complete, counts.counted) == (6, 6)
    assert counts.uncounted >= 1
    for trial in study.trials():
        large = trial.params["python.units"] == 1024
        assert (trial.user_attrs.get("failure") == "too_large") == large
        assert trial.user_attrs["parameters"] == trial.params["python.units"]
        assert trial.user_attrs["macs"] == 2 * trial.params["python.units"]


@pytest.mark.parametrize(
    ("rate", "times"), [(0.5, 1), ({"type": "float", "low": 0.0, "high": 0.5}, 3)]
)
def test_an_enqueued_network_that_is_too_large_when_it_is_built_is_not_tried_for_ever(
    rate: Any,
    times: int,
    open_study: Callable[..., OpenStudy],
    build: Build,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nothing of the network is left to be drawn, it is tried once."""
    monkeypatch.setattr(claims, "MAX_REDRAWN", 3)
    units = {"type": "categorical", "choices": [8, 1024]}
    own = {"file": "/home/me/own.py", "units": units, "rate": rate}
    study = open_study(
        space={
            "network": {"python": own},
            "batch_size": {"type": "int", "low": 1, "high": 512},
        },
        sampler={"type": "random"},
        budget={"trials": 2, "max_parameters": 1000},
        enqueue=[{"network": {"type": "python", "units": 1024}}, {"batch_size": 77}],
    )

    def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        units = recipe.config.network.model_dump()["units"]
        watch.on_size(Size(parameters=units, macs=units))
        dense = TrialConfig(optimizer=recipe.config.optimizer)
        return fakes.train(recipe.model_copy(update={"config": dense}), parts, run, watch)

    job = build(study, train)
    while job.run_one():
        pass
    large = [one for one in study.trials() if attr.requested_params(one).get("python.units")]
    assert [one.user_attrs["failure"] for one in large] == ["too_large"] * times
    assert large[-1].user_attrs["failure_message"].endswith("enqueued so, and is not tried again")
    ended = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    assert (len(ended), study.counts().counted) == (2, 2)
    assert 77 in [trial.params["batch_size"] for trial in ended]


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


@pytest.mark.parametrize("enqueued", [None, {"batch_size": 77}, {"units": 1024}])
def test_a_lower_limit_ends_what_waits_and_is_too_large_now(
    open_study: Callable[..., OpenStudy], build: Build, enqueued: dict[str, Any] | None
) -> None:
    """It was interrupted, and goes on with what was drawn for it: that may be drawn again."""
    space = {
        "units": {"type": "categorical", "choices": [8, 1024]},
        "batch_size": {"type": "int", "low": 1, "high": 512},
    }
    chosen: dict[str, Any] = {"space": space, "sampler": {"type": "random"}, "seed": 4}
    if enqueued:
        chosen["enqueue"] = [enqueued]
    study = open_study(**chosen, budget={"trials": 2})
    cut = claims.claim(study)
    assert cut is not None
    suggest_config(study.file.space, cut)
    assert cut.params["units"] == 1024  # as with this seed, or enqueued
    assert claims.interrupt(study, cut.number)

    study = open_study(**chosen | {"enqueue": []}, budget={"trials": 2, "max_parameters": 1000})
    job = build(study)
    while job.run_one():
        pass
    ended = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    assert {trial.params["units"] for trial in ended} == {8}
    assert study.counts().counted == 2
    successors = [t for t in study.trials() if t.params.get("batch_size") == 77]
    assert any(t.state == TrialState.COMPLETE for t in successors) == (
        enqueued == {"batch_size": 77}
    )


@pytest.mark.parametrize("epoch", ["best", "last"])
def test_a_pruned_trial_has_the_value_of_the_epoch_that_counts(
    open_study: Callable[..., OpenStudy], build: Build, epoch: str
) -> None:
    study = open_study(objective={"epoch": epoch})
    study.optuna.pruner = AlwaysPrunes()

    def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        return replace(fakes.train(recipe, parts, run, watch), value=0.123)

    assert build(study, train).run_one()
    (trial,) = study.trials()
    assert trial.state == TrialState.PRUNED
    assert list(trial.intermediate_values) == [1]
    assert trial.value == 0.123


class AlwaysPrunes(BasePruner):
    """Ends every trial after any epoch."""

    def prune(self, *_: Any) -> bool:
        return True


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
            budget={"trials": 7},
        )
        found.append(search(study, build(study)))
    kept = ("number", "state", "values", "config")
    first, again, other = ([[row[key] for key in kept] for row in rows] for rows in found)
    assert first == again
    assert first != other
    assert {row["state"] for row in found[0]} == {"complete", "pruned"}


def owned(**attrs: Any) -> FrozenTrial:
    return create_trial(state=TrialState.RUNNING, user_attrs=attrs)


def files(study: OpenStudy) -> list[list[str]]:
    """What each trial lists, as Optuna reads it."""
    return [
        sorted(meta.filename for meta in get_all_artifact_meta(trial, storage=study.storage))
        for trial in study.trials()
    ]


CURVES = ["curves.csv", "curves.png"]


def test_what_a_trial_has_to_be_looked_at(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    rate = {"type": "adam", "learning_rate": 3e-3}
    study = open_study(
        pruner={"type": "median", "n_startup_trials": 1, "n_warmup_steps": 2},
        enqueue=[{"layers": 3, "optimizer": rate}, {"layers": 5, "optimizer": rate}],
    )
    for _ in range(2):
        build(study).run_one()
    assert [trial.state for trial in study.trials()] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert files(study) == [[*CURVES, "recipe.toml"], CURVES]


@pytest.mark.parametrize(
    ("failure", "epochs"),
    [
        (Failure.DIVERGED, 0),
        (Failure.INTERRUPTED, 0),
        (Failure.DIVERGED, 1),
        (Failure.INTERRUPTED, 1),
        (Failure.OUT_OF_MEMORY, 1),
        (Failure.TIMEOUT, 1),
    ],
)
def test_a_trial_that_failed_has_curves_where_it_has_an_epoch(
    open_study: Callable[..., OpenStudy], build: Build, failure: Failure, epochs: int
) -> None:
    study = open_study()

    def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        if epochs:
            fakes.train(shorter(recipe, epochs), parts, run, watch)
        raise TrialFailedError(failure, "because", epoch=epochs + 1)

    with suppress(CrowdedError):
        build(study, train).run_one()
    first, *others = files(study)
    assert first == CURVES * bool(epochs)
    assert study.trials()[0].user_attrs["epochs"] == epochs
    assert others == [[]] * (failure is Failure.INTERRUPTED)  # its successor has none yet


FOLDED = {"source": "digits", "validation": {"folds": 3}}


def in_folds(*values: float) -> Trainer:
    """Trains one epoch of each fold, unless the watch ends it after one."""

    def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        outcome = fakes.train(shorter(recipe, 1), parts, run, watch)
        reached, pruned = 1, outcome.stopped == "watch"
        while reached < len(values) and not pruned:
            reached += 1
            pruned = watch.on_fold(reached, sum(values[:reached]) / reached)
        folds = tuple((value, 1) for value in values[:reached])
        stopped = "watch" if pruned and reached < len(values) else "epochs"
        mean = sum(values[:reached]) / reached
        return replace(outcome, value=mean, folds=folds, stopped=stopped)

    return train


def test_means_of_folds_are_reported_behind_the_epochs(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(dataset=FOLDED)
    build(study, in_folds(0.5, 0.7, 0.9)).run_one()
    (trial,) = study.trials()
    epochs = study.file.training.epochs
    assert list(trial.intermediate_values) == [1, epochs + 1, epochs + 2]
    assert trial.intermediate_values[epochs + 1] == pytest.approx(0.6)
    assert trial.values == [pytest.approx(0.7)]
    row = trials.row(study, trial)
    assert row["folds"] == [{"value": value, "best_epoch": 1} for value in (0.5, 0.7, 0.9)]
    assert list(trials.epoch_values(trial, epochs)) == [1]


def test_a_trial_is_pruned_by_as_many_folds_of_others(
    open_study: Callable[..., OpenStudy], build: Build
) -> None:
    study = open_study(
        dataset=FOLDED, pruner={"type": "median", "n_startup_trials": 1, "n_warmup_steps": 1}
    )
    build(study, in_folds(0.5, 0.7, 0.9)).run_one()
    build(study, in_folds(0.9, 0.2, 0.9)).run_one()
    build(study, in_folds(0.5, 0.8, 0.4)).run_one()
    _, bad, last = study.trials()
    # Its epochs are better than the other trial's mean of two folds; its own mean is worse.
    assert bad.state == TrialState.PRUNED
    assert bad.values == [pytest.approx(0.55)]
    assert len(bad.user_attrs["folds"]) == 2
    assert last.state == TrialState.COMPLETE  # after its last fold a trial is complete
