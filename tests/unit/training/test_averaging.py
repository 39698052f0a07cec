"""Averages of trained networks: of answers, never of logits; as one network and as one model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax
from tabular import table_parts, table_recipe

from hpsearch.data.parts import Part, Parts
from hpsearch.data.target import Standard
from hpsearch.recipe import Recipe
from hpsearch.training import model, quiet, weights
from hpsearch.training.averaging import (
    cost_of,
    network_of,
    of_ensemble,
    validated_answers,
    write_ensemble,
)
from hpsearch.training.ensemble import Member, joined
from hpsearch.training.predicting import of_network
from hpsearch.training.train import logits, validated

Make = Callable[..., Recipe]
Values = npt.NDArray[np.floating]


def saved(recipe: Recipe, parts: Parts, file: Path) -> Path:
    """The weights of a network that was not trained, but moved from where it began."""
    network = model.build_for(recipe, parts)
    random = np.random.default_rng(recipe.seed)
    with quiet.keras_copies():
        network.set_weights([w + random.normal(0, 0.3, w.shape) for w in network.get_weights()])
    weights.save(network, file)
    return file


def members(
    folder: Path, recipes: Sequence[Recipe], parts: Sequence[Parts], shares: Sequence[float]
) -> list[Member]:
    return [
        Member(
            recipe=recipe,
            parts=own,
            weights=saved(recipe, own, folder / f"{number}.weights.h5"),
            share=share,
        )
        for number, (recipe, own, share) in enumerate(zip(recipes, parts, shares, strict=True))
    ]


def averaged(some: Sequence[Member], x: npt.NDArray[np.generic]) -> Values:
    """By weight, of what each network says."""
    return np.asarray(
        sum(one.share * of_network(one.recipe, one.parts, one.weights)(x) for one in some)
    )


def in_folds(parts: Parts) -> Parts:
    """Two folds of all examples."""
    x, y = parts.train.x, parts.train.y
    halves = np.arange(0, len(y), 2), np.arange(1, len(y), 2)
    first, second = (
        replace(
            parts,
            train=Part(x=x, y=y, rows=rows),
            validation=Part(x=x, y=y, rows=others),
            others=(),
        )
        for rows, others in (halves, halves[::-1])
    )
    return replace(first, others=(second,))


@pytest.fixture
def three(make_recipe: Make, blobs: Parts, tmp_path: Path) -> list[Member]:
    """Networks of three shapes; one averages two folds."""
    recipes = [
        make_recipe(seed=1),
        make_recipe(seed=2, config={"units": 7, "batch_norm": True}),
        make_recipe(seed=3, config={"layers": 2, "dropout": 0.5}),
    ]
    return members(tmp_path, recipes, [blobs, in_folds(blobs), blobs], [0.5, 0.3, 0.2])


def test_an_ensemble_averages_probabilities_by_weight(three: list[Member], blobs: Parts) -> None:
    x = blobs.train.x
    found = of_ensemble(three)(x)
    np.testing.assert_allclose(found, averaged(three, x), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    by_logits = softmax(
        sum(one.share * logits(one.recipe, one.parts, one.weights, x) for one in three), axis=1
    )
    assert np.abs(found - by_logits).max() > 0.01


def test_one_network_says_what_the_members_do(three: list[Member], blobs: Parts) -> None:
    network, parts = network_of(three)
    x = blobs.train.x
    own = softmax(np.asarray(network(x, training=False), np.float64), axis=1)
    np.testing.assert_allclose(own, averaged(three, x), atol=1e-6)
    assert len(parts.folds) == 4


@pytest.mark.parametrize("form", ["keras", "saved_model"])
def test_one_model_says_what_the_members_do(three: list[Member], tmp_path: Path, form: Any) -> None:
    output = tmp_path / ("a.keras" if form == "keras" else "a")
    assert write_ensemble(three, output, form) <= 1e-5


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize("regression", [False, True])
def test_ensembles_of_tables_take_raw_columns(regression: bool, folds: int, tmp_path: Path) -> None:
    parts = table_parts(regression=regression, folds=folds)
    recipe = table_recipe(regression=regression)
    recipes = [recipe, recipe.model_copy(update={"seed": 9})]
    some = members(tmp_path, recipes, [parts, parts], [0.25, 0.75])
    assert write_ensemble(some, tmp_path / "a.keras", "keras") <= 1e-5
    x = parts.train.x
    np.testing.assert_allclose(of_ensemble(some)(x), averaged(some, x))


def test_numbers_are_averaged_in_the_targets_own_unit(
    make_recipe: Make, blobs: Parts, tmp_path: Path
) -> None:
    """Logarithms are modelled: the mean of predictions is not the prediction of the mean."""
    target = Standard(mean=3.0, deviation=2.0, low=0.0, high=5000.0, is_log=True)
    x, y = blobs.train.x, np.linspace(0.0, 5000.0, 74)
    parts = replace(
        blobs,
        train=replace(blobs.train, y=y),
        validation=replace(blobs.validation, y=y),
        class_names=(),
        target=target,
    )
    section = {"dataset": {"source": "npz", "path": "x.npz", "task": "regression"}}
    recipes = [
        make_recipe(seed=seed).model_copy(
            update={"dataset": Recipe.model_validate({**_BARE, **section}).dataset}
        )
        for seed in (1, 2)
    ]
    some = members(tmp_path, recipes, [parts, parts], [0.5, 0.5])
    found = of_ensemble(some)(x)
    each = [of_network(one.recipe, one.parts, one.weights)(x) for one in some]
    np.testing.assert_allclose(found, (each[0] + each[1]) / 2)
    assert np.abs(found - np.expm1(np.log1p(each).mean(axis=0))).max() > 1
    assert write_ensemble(some, tmp_path / "a.keras", "keras") <= 1e-5


_BARE: dict[str, Any] = {
    "seed": 1,
    "config": {},
    "objective": {"metric": "val_rmse"},
}


def test_one_member_is_that_network(three: list[Member], blobs: Parts) -> None:
    alone = replace(three[0], share=1.0)
    network, parts = network_of([alone])
    expected = logits(alone.recipe, blobs, alone.weights, blobs.train.x)
    np.testing.assert_allclose(network(blobs.train.x, training=False), expected, atol=1e-6)
    assert parts.others == ()


def test_validation_answers_are_of_validation_examples(
    make_recipe: Make, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_recipe()
    file = saved(recipe, blobs, tmp_path / "best.weights.h5")
    found = validated_answers(recipe, blobs, file)
    rows = blobs.validation.rows
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.y, blobs.validation.y[rows])
    expected = of_network(recipe, blobs, file)(blobs.validation.x[rows])
    np.testing.assert_allclose(found.answers, expected, atol=1e-6)
    assert found.values == validated(recipe, blobs, file)


def test_with_folds_each_example_is_answered_by_the_network_that_has_not_seen_it(
    make_recipe: Make, blobs: Parts, tmp_path: Path
) -> None:
    recipe, parts = make_recipe(), in_folds(blobs)
    file = saved(recipe, parts, tmp_path / "best.weights.h5")
    found = validated_answers(recipe, parts, file)
    np.testing.assert_array_equal(found.rows, np.arange(74))
    every = model.build_for(recipe, parts)
    every.load_weights(file)
    left = every.get_weights()
    for fold in parts.folds:
        own = model.build_for(recipe, fold)
        own.set_weights(left[: len(own.weights)])
        del left[: len(own.weights)]
        rows = fold.validation.rows
        expected = softmax(np.asarray(own(fold.validation.x[rows], training=False)), axis=1)
        np.testing.assert_allclose(found.answers[rows], expected, atol=1e-6)


def test_the_cost_is_of_all_networks(three: list[Member], blobs: Parts) -> None:
    cost, alone = cost_of(three, blobs.train.x), cost_of(three[:1], blobs.train.x)
    each = [5 * 4 + 4 + 4 * 3 + 3, 2 * (5 * 7 + 7 * 2 + 7 * 3 + 3), 5 * 4 + 4 + 4 * 4 + 4 + 15]
    assert alone.parameters == each[0]
    assert cost.parameters == sum(each)
    assert cost.examples == 74
    assert min(cost.one, cost.batch, alone.one) > 0


def test_the_data_of_all_members_are_joined(three: list[Member]) -> None:
    assert [fold.others for fold in joined(three).folds] == [()] * 4
