"""The order of trials."""

import math
from typing import Any

import pytest

from hpsearch.ranking import by_direction, gain, is_better, rank, worst_first
from hpsearch.tasks import METRICS
from hpsearch.tasks.classification import ACCURACY, LOSS
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.regression import MAE, RMSE


def order(*trials: tuple[float, dict[str, Any]], metric: Metric = ACCURACY) -> list[int]:
    """The trials' numbers, the best first."""
    ranks = [rank(v, n, facts, metric) for n, (v, facts) in enumerate(trials)]
    return sorted(range(len(trials)), key=ranks.__getitem__)


def test_the_value_decides_first() -> None:
    low, high = (0.5, {"val_loss": 0.1, "parameters": 1}), (0.75, {"val_loss": 9.0})
    assert order(low, high) == [1, 0]
    assert order(high, low, metric=LOSS) == [1, 0]


@pytest.mark.parametrize("metric", [ACCURACY, LOSS])
def test_of_equals_the_loss_then_the_parameters_then_the_number_decide(metric: Metric) -> None:
    known: list[dict[str, Any]] = [
        {"val_loss": 0.3, "parameters": 10},
        {"val_loss": 0.2, "parameters": 30},
        {"val_loss": 0.2, "parameters": 20},
        {"val_loss": 0.2, "parameters": 20},
    ]
    assert order(*((1.0, facts) for facts in known), metric=metric) == [2, 3, 1, 0]


def test_what_is_not_known_stands_behind() -> None:
    assert order((1.0, {}), (1.0, {"parameters": 9}), (1.0, {"val_loss": 0.5})) == [2, 1, 0]
    assert order((1.0, {"val_loss": "x"}), (1.0, {"val_loss": math.nan}), (1.0, {})) == [0, 1, 2]


@pytest.mark.parametrize("metric", [ACCURACY, LOSS])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_comes_last(value: float, metric: Metric) -> None:
    assert order((value, {"val_loss": 0.0}), (0.5, {}), metric=metric) == [1, 0]


@pytest.mark.parametrize("metric", METRICS.values())
def test_which_of_two_values_is_better(metric: Metric) -> None:
    better, worse = (0.6, 0.5) if metric not in {LOSS, RMSE, MAE} else (0.5, 0.6)
    assert is_better(metric, 0.5, None)
    assert is_better(metric, better, worse)
    assert not is_better(metric, worse, better)
    assert not is_better(metric, 0.5, 0.5)
    assert gain(metric, better, worse) == pytest.approx(0.1)
    assert gain(metric, worse, better) == pytest.approx(-0.1)
    assert sorted([better, worse], key=lambda one: worst_first(metric, one)) == [worse, better]
    assert by_direction(metric, max, min)(0.5, 0.6) == better
