"""The Gaussian process over choices and epochs, against functions that are known."""

import numpy as np
import pytest

from hpsearch.search.factors import ABSENT, Floats, Levels
from hpsearch.search.surrogate import Observed, Surrogate

SHARES = [np.array([1.0, 1.0]), np.array([1.0, 1.0, 1.0])]
POINTS = np.array([[a, b] for a in range(2) for b in range(3)])


def drawn(trials: int) -> Levels:
    draw = np.random.default_rng(1)
    return np.stack([draw.integers(2, size=trials), draw.integers(3, size=trials)], axis=1)


def observed(levels: Levels, value: Floats) -> Observed:
    """Each trial once, at the last epoch."""
    count = len(levels)
    return Observed(levels=levels, trial=np.arange(count), earliness=np.zeros(count), value=value)


def told(process: Surrogate, points: Levels = POINTS) -> Floats:
    draw = np.random.default_rng(0)
    return process.bagged(points, resamples=20, functions=10, draw=draw)


def test_functions_agree_with_the_trials() -> None:
    levels = drawn(60)
    noise = np.random.default_rng(2).normal(0, 0.1, 60)
    functions = told(Surrogate(observed(levels, 2.0 * levels[:, 0] - 1 + noise), SHARES))
    assert functions.shape == (6, 200)
    assert functions.mean(axis=1) == pytest.approx(2.0 * POINTS[:, 0] - 1, abs=0.2)


def test_pairs_of_choices_are_known() -> None:
    levels = drawn(90)
    both = (levels[:, 0] == 1) & (levels[:, 1] == 2)
    functions = told(Surrogate(observed(levels, 2.0 * both - 0.3), SHARES))
    means = functions.mean(axis=1)
    assert means[-1] == pytest.approx(1.7, abs=0.3)
    assert means[:-1] == pytest.approx(np.full(5, -0.3), abs=0.3)


def test_more_trials_are_surer() -> None:
    spreads = []
    for count in (12, 100):
        levels = drawn(count)
        value = levels[:, 0] - 0.5 + np.random.default_rng(2).normal(0, 0.5, count)
        functions = told(Surrogate(observed(levels, value), SHARES))
        spreads.append((functions[3:].mean(axis=0) - functions[:3].mean(axis=0)).std())
    assert spreads[1] < 0.6 * spreads[0]


def test_what_was_never_tried_is_less_sure() -> None:
    levels = drawn(60)
    levels[:, 1] = np.where(levels[:, 1] == 2, 1, levels[:, 1])
    value = levels[:, 0] - 0.5 + np.random.default_rng(2).normal(0, 0.2, 60)
    spread = told(Surrogate(observed(levels, value), SHARES)).std(axis=1)
    assert min(spread[2], spread[5]) > 1.5 * max(spread[0], spread[1], spread[3], spread[4])


def test_early_values_say_something_of_the_end() -> None:
    levels = drawn(40)
    value = levels[:, 0] - 0.5
    early = levels[:, 0] == 0  # which were all pruned: nobody knows their ends
    both = Observed(
        levels=levels,
        trial=np.concatenate([np.arange(40), np.flatnonzero(~early)]),
        earliness=np.concatenate([np.full(40, 0.5), np.zeros((~early).sum())]),
        value=np.concatenate([value, value[~early] + 1.0]),
    )
    order = np.argsort(both.trial, kind="stable")
    both = Observed(
        levels=levels,
        trial=both.trial[order],
        earliness=both.earliness[order],
        value=both.value[order],
    )
    functions = told(Surrogate(both, SHARES))
    gains = functions[3:].mean(axis=0) - functions[:3].mean(axis=0)
    assert gains.mean() > 0.2
    # Less sure than where ends are known, which have no spread at all here.
    assert gains.std() > 0.1


def test_an_absent_factor_has_no_effect() -> None:
    levels = drawn(80)
    levels[levels[:, 0] == 0, 1] = ABSENT
    value = np.where(levels[:, 0] == 0, -1.0, levels[:, 1] - 0.5)
    points = np.array([[0, ABSENT], [1, 0], [1, 1], [1, 2]])
    means = told(Surrogate(observed(levels, value), SHARES), points).mean(axis=1)
    assert means == pytest.approx([-1.0, -0.5, 0.5, 1.5], abs=0.3)
