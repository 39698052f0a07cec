"""The order of trials."""

import math
from typing import Any

import pytest

from hpsearch.ranking import rank


def order(*trials: tuple[float, dict[str, Any]], maximize: bool = True) -> list[int]:
    """The trials' numbers, the best first."""
    ranks = [rank(v, n, facts, maximize=maximize) for n, (v, facts) in enumerate(trials)]
    return sorted(range(len(trials)), key=ranks.__getitem__)


def test_the_value_decides_first() -> None:
    low, high = (0.5, {"val_loss": 0.1, "parameters": 1}), (0.75, {"val_loss": 9.0})
    assert order(low, high) == [1, 0]
    assert order(high, low, maximize=False) == [1, 0]


@pytest.mark.parametrize("maximize", [True, False])
def test_of_equals_the_loss_then_the_parameters_then_the_number_decide(maximize: bool) -> None:
    known: list[dict[str, Any]] = [
        {"val_loss": 0.3, "parameters": 10},
        {"val_loss": 0.2, "parameters": 30},
        {"val_loss": 0.2, "parameters": 20},
        {"val_loss": 0.2, "parameters": 20},
    ]
    assert order(*((1.0, facts) for facts in known), maximize=maximize) == [2, 3, 1, 0]


def test_what_is_not_known_stands_behind() -> None:
    assert order((1.0, {}), (1.0, {"parameters": 9}), (1.0, {"val_loss": 0.5})) == [2, 1, 0]
    assert order((1.0, {"val_loss": "x"}), (1.0, {"val_loss": math.nan}), (1.0, {})) == [0, 1, 2]


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_comes_last(value: float, maximize: bool) -> None:
    assert order((value, {"val_loss": 0.0}), (0.5, {}), maximize=maximize) == [1, 0]
