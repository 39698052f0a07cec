"""Choosing an ensemble: against all that there are, and where there is nothing to gain."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from hpsearch.data.target import Standard
from hpsearch.ensembles import (
    BAGS,
    Gain,
    Library,
    choose,
    gain_of,
    grown,
)
from hpsearch.tasks.classification import ACCURACY, LOSS
from hpsearch.tasks.regression import RMSE

UNIT = Standard(mean=0.0, deviation=1.0, low=-100.0, high=100.0, is_log=False)


def classifiers(models: int, examples: int = 300, noise: float = 2.0, seed: int = 0) -> Library:
    """Models that err independently of one another."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, examples)
    logits = 2 * np.eye(3)[y] + noise * random.normal(size=(models, examples, 3))
    return Library(answers=softmax(logits, axis=2), y=y, metric=ACCURACY)


def regressions(errors: np.ndarray, seed: int = 0) -> Library:
    y = np.random.default_rng(seed).normal(size=errors.shape[1])
    return Library(answers=(y + errors)[:, :, np.newaxis], y=y, metric=RMSE, target=UNIT)


def mean_of(library: Library, chosen: tuple[int, ...] | list[int]) -> np.ndarray:
    return np.asarray(library.answers[list(chosen)].mean(axis=0))


@given(st.integers(0, 10_000))
def test_each_round_adds_the_model_with_which_the_average_is_best(seed: int) -> None:
    library = classifiers(4, examples=30, seed=seed)
    ranked = library.ranked()
    prefixes = [ranked[:size] for size in range(1, 5)]
    expected = max(prefixes, key=lambda some: library.key(mean_of(library, some)))
    best = list(expected)
    for _ in range(3):
        expected = max(
            ([*expected, one] for one in ranked),
            key=lambda some: library.key(mean_of(library, some)),
        )
        if library.key(mean_of(library, expected)) > library.key(mean_of(library, best)):
            best = list(expected)
    found = grown(library, rounds=3)
    assert library.key(mean_of(library, found)) == pytest.approx(
        library.key(mean_of(library, best)), abs=1e-12
    )


def test_errors_that_cancel_out_are_found_as_by_trying_every_ensemble() -> None:
    random = np.random.default_rng(1)
    error = random.normal(size=400)
    library = regressions(np.stack([error, -0.5 * error, error + 1.0]))
    sizes = range(1, 7)
    every = [some for size in sizes for some in combinations_with_replacement(range(3), size)]
    best = max(every, key=lambda some: library.key(mean_of(library, some)))
    assert sorted(best) == [0, 1, 1]
    assert sorted(grown(library, rounds=5)) == [0, 1, 1]


def test_no_model_is_in_that_does_not_help() -> None:
    error = np.random.default_rng(2).normal(size=400)
    library = regressions(np.stack([0.1 * error, error, 2 * error]))
    assert set(grown(library)) == {0}


def test_of_equal_values_the_loss_decides() -> None:
    y = np.array([0, 1])
    answers = np.array([[[0.6, 0.4], [0.4, 0.6]], [[0.9, 0.1], [0.1, 0.9]]])
    library = Library(answers=answers, y=y, metric=ACCURACY)
    assert library.ranked() == [1, 0]
    assert library.value(answers[0]) == library.value(answers[1]) == 1.0


def test_weights_are_shares_and_the_same_for_the_same_seed() -> None:
    library = classifiers(7)
    weights = choose(library, seed=5)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    np.testing.assert_array_equal(weights, choose(library, seed=5))
    assert (weights != choose(library, seed=6)).any()


def test_no_more_models_have_weights_than_are_wanted() -> None:
    library = classifiers(8)
    weights, all_of_them = choose(library, seed=0, most=3), choose(library, seed=0)
    kept = np.argsort(-all_of_them, kind="stable")[:3]
    assert sorted(np.flatnonzero(weights)) == sorted(kept)
    assert weights.sum() == pytest.approx(1.0)


def test_models_whose_errors_cancel_out_count_alike() -> None:
    error = np.random.default_rng(3).normal(size=300)
    weights = choose(regressions(np.stack([error, -error])), seed=0)
    np.testing.assert_allclose(weights, [0.5, 0.5], atol=0.05)


def test_the_average_is_by_weight() -> None:
    library = classifiers(3)
    weights = np.array([0.25, 0.0, 0.75])
    expected = 0.25 * library.answers[0] + 0.75 * library.answers[2]
    np.testing.assert_allclose(library.average(weights), expected)


def chosen_gain(library: Library) -> Gain:
    best = library.ranked()[0]
    return gain_of(library, library.average(choose(library, seed=0)), library.answers[best])


def test_what_helps_is_told_as_certain() -> None:
    found = chosen_gain(classifiers(8, examples=1000, noise=2.5))
    assert found.is_certain
    assert 0.05 < found.value < 0.3
    assert found.low < found.value < found.high


def test_models_that_are_alike_gain_nothing() -> None:
    library = classifiers(1)
    same = Library(answers=np.repeat(library.answers, 5, axis=0), y=library.y, metric=ACCURACY)
    found = chosen_gain(same)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.is_certain


def test_a_choice_among_chance_is_hardly_ever_taken_for_a_gain() -> None:
    certain = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        y = random.integers(0, 2, 200)
        answers = softmax(random.normal(size=(20, 200, 2)), axis=2)
        certain += chosen_gain(Library(answers=answers, y=y, metric=ACCURACY)).is_certain
    assert certain <= 2


def test_a_model_far_better_than_all_others_has_nearly_all_the_weight() -> None:
    random = np.random.default_rng(0)
    errors = random.normal(size=(8, 300)) + 2
    errors[0] = 0.05 * random.normal(size=300)
    weights = choose(regressions(errors), seed=0)
    assert weights[0] > 0.9


def test_intervals_hold_the_true_gain_in_most_cases() -> None:
    held = 0
    for seed in range(20):
        library = classifiers(2, examples=200, seed=seed)
        truth = classifiers(2, examples=20_000, seed=1000 + seed)
        best = truth.value(mean_of(truth, (0, 1))) - truth.value(truth.answers[0])
        found = gain_of(library, mean_of(library, (0, 1)), library.answers[0])
        held += found.low <= best <= found.high
    assert held >= 17


def test_losses_are_of_the_standardised_target() -> None:
    target = Standard(mean=1.0, deviation=2.0, low=0.0, high=50.0, is_log=True)
    y, found = np.array([0.0, 3.0]), np.array([[1.0], [4.0]])
    library = Library(answers=found[np.newaxis], y=y, metric=LOSS, target=target)
    expected = np.mean(((np.log1p(found[:, 0]) - np.log1p(y)) / 2) ** 2)
    assert library.value(found) == pytest.approx(expected)


def test_who_waits_is_told_of_every_bag() -> None:
    ticks = list[int]()
    choose(classifiers(3, examples=40), 0, None, lambda: ticks.append(1))
    assert len(ticks) == BAGS
