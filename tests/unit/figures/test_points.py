"""Trials as the figures need them."""

import dataclasses
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_points import CONFIG, made, search

from hpsearch.figures.points import best, marks, point, ranked, shown, spread
from hpsearch.tasks.classification import ACCURACY, LOSS
from hpsearch.tasks.metric import Metric

ROW: dict[str, Any] = {
    "number": 3,
    "state": "complete",
    "values": [0.5],
    "config": CONFIG,
    "parameters": 1234,
    "epochs": 2,
    "best_epoch": 2,
    "val_loss": 0.75,
    "seconds": 1.5,
    "train_accuracy": 0.6,
    "gap": 0.1,
    "worker": "host:1",
    "failure": None,
}


def test_a_point_holds_what_the_row_says() -> None:
    made = point(ROW, {2: 0.5, 1: 0.25}, 0.45)
    assert dataclasses.asdict(made) == {
        "number": 3,
        "state": "complete",
        "value": 0.5,
        "config": CONFIG,
        "parameters": 1234,
        "val_loss": 0.75,
        "seconds": 1.5,
        "epochs": 2,
        "train_accuracy": 0.6,
        "gap": 0.1,
        "failure": None,
        "curve": ((1, 0.25), (2, 0.5)),
        "is_of_folds": False,
        "test": 0.45,
    }


@pytest.mark.parametrize(
    ("state", "values", "curve", "value"),
    [
        ("complete", [0.5], {1: 0.7}, 0.5),
        ("pruned", None, {1: 0.7, 2: 0.6}, 0.6),
        ("pruned", [0.6], {}, 0.6),
        ("pruned", None, {1: 0.7, 2: math.nan}, 0.7),
        ("pruned", None, {}, None),
        ("failed", None, {1: 0.7}, None),
        ("running", None, {1: 0.7}, None),
        ("waiting", None, {}, None),
        ("complete", [math.inf], {}, None),
    ],
)
def test_the_value_is_the_objectives_or_the_last_reported_one(
    state: str, values: list[float] | None, curve: dict[int, float], value: float | None
) -> None:
    assert point(ROW | {"state": state, "values": values}, curve).value == value


def test_numbers_that_are_none_are_dropped() -> None:
    row = ROW | {"seconds": math.inf, "train_accuracy": math.nan, "gap": -math.inf}
    made = point(row, {1: math.nan, 2: 0.5, 3: math.inf}, math.nan)
    assert (made.seconds, made.train_accuracy, made.gap, made.test) == (None,) * 4
    assert made.curve == ((2, 0.5),)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"layers": 2, "units_0": 64, "optimizer": "adam", "adam.learning_rate": 1e-3},
        {key: value for key, value in CONFIG.items() if key != "dropout"},
        CONFIG | {"optimizer": "adam"},
    ],
)
def test_a_configuration_that_is_not_drawn_yet_is_none(config: dict[str, Any]) -> None:
    assert point(ROW | {"state": "waiting", "config": config}, {}).config is None


def test_the_best_is_a_complete_trial_and_of_equals_the_first() -> None:
    points = [made(0, 0.9, state="pruned"), made(2, 0.5), made(1, 0.5), made(3, 0.4), made(4)]
    assert [p.number for p in ranked(points, ACCURACY)] == [1, 2, 3, 0]
    assert [p.number for p in ranked(points, LOSS)] == [3, 1, 2, 0]
    assert best(points, ACCURACY) == made(1, 0.5)
    assert best(points[:1], ACCURACY) is None
    assert best([], ACCURACY) is None


def test_marks_are_the_trials_that_have_both_coordinates() -> None:
    points = [made(0, 0.5), made(1), made(2, 0.6, seconds=None)]
    assert marks(points, lambda p: p.seconds) == [(points[0], 10.0, 0.5)]


@given(
    trials=st.integers(0, 200), most=st.integers(1, 60), metric=st.sampled_from([ACCURACY, LOSS])
)
def test_thinning_keeps_the_best_half_and_the_count(trials: int, most: int, metric: Metric) -> None:
    points = search(trials, epochs=2)
    numbers = [p.number for p in shown(points, most, metric)]
    assert len(numbers) == min(most, trials)
    assert numbers == sorted(set(numbers))
    leaders = {p.number for p in ranked(points, metric)[: most // 2]}
    assert leaders <= set(numbers)


def test_thinning_spreads_the_others_evenly() -> None:
    points = [made(0, 0.5), *(made(number, state="failed") for number in range(1, 1001))]
    numbers = [p.number for p in shown(points, 20, ACCURACY)]
    steps = [after - before for before, after in pairwise(numbers[1:])]
    assert numbers[0] == 0
    assert (numbers[1], numbers[-1]) == (1, 1000)
    assert max(steps) - min(steps) <= 1


@pytest.mark.parametrize(
    ("most", "values"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (20, list(range(10)))]
)
def test_a_spread_has_both_ends(most: int, values: list[int]) -> None:
    assert list(spread(range(10), most)) == values
