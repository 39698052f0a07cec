"""What ``hpsearch train`` found for recipes of a study."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial

from hpsearch.home import WEIGHTS, Home
from hpsearch.outputs.trainings import Training, headlines_on_test, trained_alike, trainings
from hpsearch.recipe import Recipe, computing_in, dump
from hpsearch.search.recipes import baseline_recipe, recipe_of
from hpsearch.search.study import OpenStudy

Put = Callable[..., Path]


@pytest.fixture
def study(
    open_study: Callable[..., OpenStudy],
    finish: Callable[..., FrozenTrial],
    build_once: Callable[[Callable[[], OpenStudy]], OpenStudy],
) -> OpenStudy:
    """A study with a baseline and two complete trials."""

    def make() -> OpenStudy:
        opened = open_study(dataset={"source": "mnist"}, baseline={"layers": 1, "units": 16})
        for _ in range(2):
            finish(opened)
        return opened

    return build_once(make)


@pytest.fixture
def put(study: OpenStudy, home: Home) -> Put:
    """Writes what ``train`` leaves of a trial's recipe; keywords replace what is in that."""

    def put_one(
        name: str, trial: int | None = 1, *, value: float = 0.5, test: Any = None,
        fingerprint: str = "f" * 64, **changed: Any,
    ) -> Path:  # fmt: skip
        base = baseline_recipe(study) if trial is None else recipe_of(study, study.trials()[trial])
        recipe: Recipe = base.model_copy(update={"seed": 1} | changed)
        folder = home.trained(name, recipe.seed)
        folder.mkdir(parents=True)
        (folder / "recipe.toml").write_text(dump(recipe, ".toml"))
        result = {"values": [value], "fingerprint": fingerprint}
        result |= {"test": test} if test else {}
        (folder / "result.json").write_text(json.dumps(result))
        return folder

    return put_one


def test_the_baseline_first_then_by_trial_and_seed(study: OpenStudy, home: Home, put: Put) -> None:
    put("b", 1, seed=2, value=0.25)
    put("a", 1, test={"accuracy": 0.75})
    put("c", None, seed=9, value=0.125)
    put("d", 0, seed=7)
    assert trainings(study, home) == [
        Training(trial=None, seed=9, value=0.125, test=None),
        Training(trial=0, seed=7, value=0.5, test=None),
        Training(trial=1, seed=1, value=0.5, test={"accuracy": 0.75}),
        Training(trial=1, seed=2, value=0.25, test=None),
    ]


def test_the_data_may_lie_elsewhere(study: OpenStudy, home: Home, put: Put) -> None:
    put("a", dataset=study.file.dataset.model_copy(update={"path": "/elsewhere"}))
    assert len(trainings(study, home)) == 1


def test_of_others_nothing_is_taken(study: OpenStudy, home: Home, put: Put) -> None:
    own = recipe_of(study, study.trials()[1])
    put("a", fingerprint="0" * 64)
    put("b", value=float("nan"))
    put("c", provenance=own.provenance | {"study": "another"})
    put("d", provenance=own.provenance | {"trial": 99})
    # Recipes that were changed before they were trained, and those of a former study.
    put("e", training=own.training.model_copy(update={"epochs": 200}))
    put("f", dataset=own.dataset.model_copy(update={"limit": 10}))
    put("g", objective=own.objective.model_copy(update={"epoch": "last"}))
    put("h", config=recipe_of(study, study.trials()[0]).config)
    put("i", None, config=own.config)
    assert trainings(study, home) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("result.json", "{"), ("result.json", "{}"), ("result.json", '{"values": []}'),
        ("result.json", "[]"), ("recipe.toml", "seed ="), ("recipe.toml", "seed = 1"),
    ],
)  # fmt: skip
def test_what_is_broken_is_passed_over(
    study: OpenStudy, home: Home, put: Put, file: str, text: str
) -> None:
    (put("a") / file).write_text(text)
    put("b", seed=2)
    assert [one.seed for one in trainings(study, home)] == [2]


@pytest.mark.parametrize("file", ["result.json", "recipe.toml"])
def test_what_is_not_whole_is_passed_over(
    study: OpenStudy, home: Home, put: Put, file: str
) -> None:
    (put("a") / file).unlink()
    put("b", seed=2)
    assert [one.seed for one in trainings(study, home)] == [2]


def test_a_home_without_trainings(study: OpenStudy, home: Home) -> None:
    assert trainings(study, home) == []


def test_accuracies_of_a_trial_are_averaged() -> None:
    found = [
        Training(trial=None, seed=0, value=0.5, test={"accuracy": 0.1}),
        Training(trial=2, seed=0, value=0.5, test={"accuracy": 0.25}),
        Training(trial=2, seed=1, value=0.5, test={"accuracy": 0.75}),
        Training(trial=3, seed=0, value=0.5, test=None),
    ]
    assert headlines_on_test(found) == {2: 0.5}


def test_of_a_regression_it_is_the_rmse_that_is_averaged() -> None:
    found = [
        Training(trial=2, seed=seed, value=0.5, test={"rmse": rmse, "r2": 0.5})
        for seed, rmse in enumerate((1.0, 4.0))
    ]
    assert headlines_on_test(found) == {2: 2.5}


def test_a_trial_that_was_reproduced_is_no_other_training(
    study: OpenStudy, home: Home, put: Put
) -> None:
    folder = put("again", 1, seed=recipe_of(study, study.trials()[1]).seed)
    assert len(trainings(study, home)) == 1
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(result | {"reproduced": {}}))
    assert trainings(study, home) == []


def test_what_was_trained_of_a_recipe_is_found_with_its_own_seed_first(
    study: OpenStudy, home: Home, put: Put
) -> None:
    recipe = recipe_of(study, study.trials()[1]).model_copy(update={"seed": 3, "provenance": {}})
    for seed in (2, 3):
        (put("a", seed=seed) / WEIGHTS).touch()
    put("without_weights", seed=4)
    again = put("again", seed=5)
    (again / WEIGHTS).touch()
    result = json.loads((again / "result.json").read_text()) | {"reproduced": {}}
    (again / "result.json").write_text(json.dumps(result))
    (put("other", None, seed=6) / WEIGHTS).touch()
    (put("torn", seed=7) / "result.json").write_text("{")
    assert [own.seed for own, _ in trained_alike(home, recipe)] == [3, 2]
    weights = home.trained("a", 3) / WEIGHTS
    measured = recipe.model_copy(update={"training": computing_in(recipe.training, "auto")})
    assert trained_alike(home, measured)[0][1] == weights
    shorter = recipe.training.model_copy(update={"epochs": 1})
    assert trained_alike(home, recipe.model_copy(update={"training": shorter})) == []
