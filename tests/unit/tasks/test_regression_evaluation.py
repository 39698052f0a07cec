"""Evaluation of regressions: metrics as scikit-learn has them, and intervals that hold."""

import json
import math
import time
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    median_absolute_error,
    r2_score,
    root_mean_squared_error,
)

from hpsearch.tasks.regression_evaluation import WORST, Mistake, Quantile, evaluate

Y = np.array([1.0, 2.0, 3.0, 6.0])
OUTPUTS = np.array([[1.0], [2.5], [2.0], [8.0]])


def noisy(seed: int, examples: int = 200, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Targets of some thousands, and predictions that know something of them."""
    random = np.random.default_rng(seed)
    known = random.normal(size=examples)
    y = 5000 + 1000 * (known + noise * random.normal(size=examples))
    return y, (5000 + 1000 * known)[:, np.newaxis]


def test_by_hand() -> None:
    found = evaluate(Y, OUTPUTS)
    assert found.examples == 4
    assert found.rmse == pytest.approx(math.sqrt((0.25 + 1 + 4) / 4))
    assert found.mae == pytest.approx(3.5 / 4)
    assert found.r2 == pytest.approx(1 - 5.25 / 14)
    assert found.bias == pytest.approx((0.5 - 1 + 2) / 4)
    assert found.median_absolute_error == 0.75
    assert found.absolute_errors[0] == Quantile(share=0.75, error=1.25)
    assert found.mean_rmse == pytest.approx(math.sqrt(14 / 4))


def test_metrics_are_those_of_scikit_learn() -> None:
    y, outputs = noisy(1)
    found = evaluate(y, outputs)
    assert found.rmse == pytest.approx(root_mean_squared_error(y, outputs))
    assert found.mae == pytest.approx(mean_absolute_error(y, outputs))
    assert found.r2 == pytest.approx(r2_score(y, outputs))
    assert found.median_absolute_error == pytest.approx(median_absolute_error(y, outputs))
    assert found.mean_rmse == pytest.approx(root_mean_squared_error(y, np.full(len(y), y.mean())))


def test_the_greatest_errors_come_first_and_exact_predictions_are_none() -> None:
    found = evaluate(Y, OUTPUTS).worst
    assert found == (
        Mistake(index=3, true=6.0, predicted=8.0),
        Mistake(index=2, true=3.0, predicted=2.0),
        Mistake(index=1, true=2.0, predicted=2.5),
    )
    assert evaluate(Y, OUTPUTS, mistakes=1).worst == found[:1]


def test_where_nothing_scatters_there_is_no_interval() -> None:
    found = evaluate(Y, Y)
    assert (found.rmse, found.mae, found.r2) == (0.0, 0.0, 1.0)
    assert found.rmse_interval is found.mae_interval is found.r2_interval is None
    assert found.worst == ()


@pytest.mark.parametrize("examples", [1, 5])
def test_of_targets_that_are_all_the_same_there_is_no_r2(examples: int) -> None:
    found = evaluate(np.full(examples, 0.1), np.linspace(0.2, 0.3, examples))
    assert found.r2 is found.r2_interval is None
    assert found.mean_rmse == pytest.approx(0)
    assert found.rmse >= 0.1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_predictions_that_are_no_numbers_are_told(value: float) -> None:
    y, outputs = noisy(2)
    outputs[5] = value
    found = evaluate(y, outputs)
    assert found.not_finite == 1
    assert found.worst[0].index == 5
    assert abs(found.worst[0].predicted) == WORST
    assert found.rmse == pytest.approx(WORST / math.sqrt(200))
    assert found.residuals.of == 199
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["examples"] == 200


def test_no_prediction_may_be_a_number() -> None:
    found = evaluate(Y, np.full((4, 1), np.nan, np.float32))
    assert found.not_finite == 4
    assert found.residuals.points == ()
    assert json.dumps(asdict(found), allow_nan=False)


def test_the_same_predictions_have_the_same_results() -> None:
    assert evaluate(*noisy(3)) == evaluate(*noisy(3))


def test_intervals_do_not_depend_on_the_unit() -> None:
    y, outputs = noisy(4)
    one, other = evaluate(y, outputs), evaluate(1e-6 * y - 7, 1e-6 * outputs - 7)
    assert one.rmse_interval is not None
    assert one.r2_interval is not None
    assert other.rmse_interval == pytest.approx([1e-6 * end for end in one.rmse_interval])
    assert other.r2_interval == pytest.approx(one.r2_interval)


def test_intervals_hold_as_often_as_they_say() -> None:
    """Of 150 small samples, and of 20 large ones, whose examples are drawn in groups."""
    true = {"rmse": 500.0, "mae": 500 * math.sqrt(2 / math.pi), "r2": 0.8}
    for samples, examples in ((150, 100), (20, 2500)):
        held = dict.fromkeys(true, 0)
        for seed in range(1, samples + 1):
            found = evaluate(*noisy(seed, examples))
            for name, value in true.items():
                low, high = getattr(found, f"{name}_interval")
                held[name] += low <= value <= high
        assert min(held.values()) >= 0.9 * samples, held
        assert sum(held.values()) <= 0.99 * 3 * samples, held


def test_the_interval_of_r2_ends_below_1_and_may_lie_below_0() -> None:
    ends = evaluate(*noisy(5, 20, noise=0.01)).r2_interval
    assert ends is not None
    assert 0.99 < ends[0] < ends[1] < 1
    random = np.random.default_rng(6)
    ends = evaluate(random.normal(size=300), 3 * random.normal(size=300)).r2_interval
    assert ends is not None
    assert ends[0] < ends[1] < 0


def test_many_examples_take_little_time() -> None:
    y, outputs = noisy(7, 100_000)
    started = time.process_time()
    found = evaluate(y, outputs)
    assert time.process_time() - started < 5
    assert found.r2_interval == pytest.approx((0.8, 0.8), abs=0.01)
