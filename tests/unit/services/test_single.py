"""Which weights ``export`` takes for a model."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fakes
import pytest
from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import InputError
from hpsearch.home import WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.recipe import Recipe, dump
from hpsearch.search.confirmation import ensure_confirmation_study, queue, seeds
from hpsearch.search.leaders import leaders
from hpsearch.search.study import OpenStudy
from hpsearch.services.single import Chosen, confirmed_winner, one_of, with_weights

Open = Callable[..., OpenStudy]
Finish = Callable[..., FrozenTrial]


@pytest.fixture
def study(open_study: Open, finish: Finish) -> OpenStudy:
    """A study with a baseline and three complete trials, whose weights are not here."""
    opened = open_study(baseline={"layers": 1, "units": 7})
    for value in (0.25, 0.75, 0.5):
        finish(opened, value)
    return opened


def trained(home: Home, recipe: Recipe, name: str = "recipe", *, seed: int | None = None) -> Path:
    """What ``hpsearch train`` leaves of a recipe."""
    own = recipe if seed is None else recipe.model_copy(update={"seed": seed})
    folder = home.trained(name, own.seed)
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(dump(own, ".toml"))
    (folder / "result.json").write_text(json.dumps({"values": [0.5], "fingerprint": "f" * 64}))
    (folder / WEIGHTS).touch()
    return folder / WEIGHTS


def kept(home: Home, study: OpenStudy, number: int) -> Path:
    """The kept weights of a trial."""
    folder = home.trial_run(study.name, number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).touch()
    return folder / WEIGHTS


def confirm(study: OpenStudy, home: Home) -> OpenStudy:
    """The confirmation study, all runs done."""
    runs = ensure_confirmation_study(study)
    queue(runs, study, leaders(study, 1), seeds(study, 3))
    job = Objective(study=runs, parts=fakes.parts(), home=home, trainer=fakes.train)
    while job.run_one():
        pass
    return runs


def baseline(study: OpenStudy, home: Home) -> Chosen:
    return with_weights(study, home, one_of(study, home, None, baseline=True))


def test_a_baseline_is_what_its_message_says_how_to_train(study: OpenStudy, home: Home) -> None:
    with pytest.raises(InputError, match="the baseline has no trained weights here") as error:
        baseline(study, home)
    cure = "hpsearch export study --baseline -o recipe.toml; hpsearch train recipe.toml; then"
    assert cure in str(error.value)
    recipe = one_of(study, home, None, baseline=True).recipe
    other = trained(home, recipe, seed=recipe.seed + 1)
    assert baseline(study, home).weights == other
    own = trained(home, recipe)
    found = baseline(study, home)
    assert (found.weights, found.recipe.seed) == (own, recipe.seed)
    assert found.what == f"the baseline, as hpsearch train trained it with seed {recipe.seed}"


def test_a_baseline_is_its_confirmation_run_in_the_middle(study: OpenStudy, home: Home) -> None:
    runs = confirm(study, home)
    numbers = [t.number for t in runs.trials() if t.user_attrs["of"] == "baseline"]
    by_seed = {runs.trials()[number].user_attrs["seed"]: number for number in numbers}
    middle = by_seed[sorted(by_seed)[1]]  # the values are alike
    weights = kept(home, runs, middle)
    found = baseline(study, home)
    assert found.weights == weights
    assert "the baseline (its median confirmation run, seed" in found.what
    assert found.recipe.config == study.file.baseline


def test_a_baseline_that_the_search_tried_too(open_study: Open, finish: Finish, home: Home) -> None:
    study = open_study(space={"layers": 1, "units": 64}, baseline={"layers": 1, "units": 64})
    finish(study, 0.5, TrialState.PRUNED)
    finish(study, 0.5)
    kept(home, study, 0)
    weights = kept(home, study, 1)
    assert baseline(study, home).weights == weights


def test_a_trial_that_was_trained_again(study: OpenStudy, home: Home) -> None:
    chosen = one_of(study, home, 0, baseline=False)
    with pytest.raises(InputError, match=r"export study --trial 0 -o recipe\.toml; hpsearch train"):
        with_weights(study, home, chosen)
    weights = trained(home, chosen.recipe)
    found = with_weights(study, home, chosen)
    assert found.weights == weights
    assert found.what.startswith("trial 0, as hpsearch train trained it with seed ")
    own = kept(home, study, 0)
    assert with_weights(study, home, chosen) == replace(chosen, weights=own)
    with pytest.raises(InputError, match="weights of trial 1 are not in"):  # of another trial
        with_weights(study, home, one_of(study, home, None, baseline=False))


def test_a_confirmed_winner_that_was_trained_again(study: OpenStudy, home: Home) -> None:
    confirm(study, home)
    chosen = confirmed_winner(study, home)
    with pytest.raises(InputError, match=r"export study --confirmed -o recipe\.toml"):
        with_weights(study, home, chosen)
    weights = trained(home, chosen.recipe)
    assert with_weights(study, home, chosen).weights == weights
