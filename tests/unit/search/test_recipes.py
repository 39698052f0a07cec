"""Export: a trial becomes a recipe that needs no study."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.recipe import dump, parse_recipe
from hpsearch.search import claims, trials
from hpsearch.search.recipes import recipe_of, trial_seed
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search.study import OpenStudy

Finish = Callable[..., FrozenTrial]


def test_the_seed_follows_from_study_and_number_or_was_kept(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study(seed=7)
    first, second = finish(study), finish(study)
    assert trial_seed(study, first) == derive_seed(7, "trial", 0)
    assert trial_seed(study, first) != trial_seed(study, second)
    study.optuna.enqueue_trial({}, user_attrs={"seed": 17})
    assert trial_seed(study, study.trials()[2]) == 17


def test_a_recipe_is_the_trial_and_says_where_it_is_from(
    open_study: Callable[..., OpenStudy], finish: Finish
) -> None:
    study = open_study(training={"epochs": 7}, objective={"metric": "val_f1_macro"})
    trial = finish(study, 0.75)
    recipe = recipe_of(study, trial)
    assert recipe.config == trials.config(study, trial)
    assert recipe.seed == trial_seed(study, trial)
    assert recipe.training.epochs == 7
    assert recipe.dataset.source == "digits"
    facts = recipe.provenance
    assert (facts["study"], facts["trial"], facts["value"]) == ("study", 0, 0.75)
    assert facts["metric"] == "val_f1_macro"
    assert facts["data_fingerprint"] == "f" * 64
    assert facts["versions"]["hpsearch"]
    assert "parameters" not in facts  # this trial has not noted them
    read = parse_recipe(tomllib.loads(dump(recipe, ".toml")), Path("best.toml"))
    assert read == recipe


def test_a_trial_without_configuration_cannot_be_exported(
    open_study: Callable[..., OpenStudy],
) -> None:
    study = open_study()
    assert claims.claim(study) is not None
    with pytest.raises(InputError, match="trial 0 has no configuration yet; choose another"):
        recipe_of(study, study.trials()[0])
