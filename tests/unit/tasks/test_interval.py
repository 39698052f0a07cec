"""Intervals, by hand."""

import math

import numpy as np
import pytest

from hpsearch.tasks.classification import ACCURACY, F1_MACRO, LOSS
from hpsearch.tasks.interval import measured, measured_words, of_mean, of_resampled, wilson
from hpsearch.tasks.metric import Metric


def test_wilson_interval() -> None:
    # By the formula (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), worked out by hand.
    assert wilson(8, 10) == pytest.approx((0.490162, 0.943318), abs=1e-6)
    assert wilson(0, 20) == pytest.approx((0.0, 0.161125), abs=1e-6)
    assert wilson(20, 20)[1] == 1.0


@pytest.mark.parametrize(("right", "examples"), [(0, 1), (1, 1), (5000, 10000), (3, 7)])
def test_wilson_ends_solve_its_equation(right: int, examples: int) -> None:
    # An end e is where the share lies 1.96 deviations of e away: (p - e)² = z² e (1 - e) / n.
    share = right / examples
    for end in wilson(right, examples):
        away = 1.959963984540054**2 * end * (1 - end) / examples
        assert (share - end) ** 2 == pytest.approx(away, abs=1e-12)


def test_what_a_few_examples_say_of_an_accuracy() -> None:
    assert measured(ACCURACY, 1.0, 46) == wilson(46, 46)
    assert measured_words(ACCURACY, 1.0, 46) == (
        "on 46 validation examples: 95 % interval 0.9229 to 1.0000 (Wilson)"
    )


@pytest.mark.parametrize("metric", [LOSS, F1_MACRO])
def test_what_is_no_share_of_examples_has_no_such_interval(metric: Metric) -> None:
    assert measured(metric, 0.5, 4600) is None
    assert measured_words(metric, 0.5, 4600) == "on 4,600 validation examples"


@pytest.mark.parametrize("examples", [None, 0])
def test_of_data_of_unknown_size_nothing_is_said(examples: int | None) -> None:
    assert measured(ACCURACY, 0.5, examples) is None
    assert measured_words(ACCURACY, 0.5, examples) == ""


def test_a_value_of_another_program_that_is_no_share() -> None:
    assert measured(ACCURACY, 97.5, 46) is None


def test_the_interval_of_a_mean_is_above_0() -> None:
    values = np.array([1.0, 3.0])
    half = 1.959963984540054 * 1.0 / 2.0  # the standard error of the mean is 1, the mean 2
    assert of_mean(values) == pytest.approx((2 * math.exp(-half), 2 * math.exp(half)))
    one_mistake = np.array([20.0, *[1e-3] * 199])
    ends = of_mean(one_mistake)
    assert ends is not None
    assert 0 < ends[0] < one_mistake.mean() < ends[1]
    assert of_mean(np.array([2.0])) is of_mean(np.array([2.0, 2.0])) is None


def test_the_interval_of_what_was_drawn_anew() -> None:
    drawn = np.linspace(0.5, 0.7, 1001)
    assert of_resampled(0.65, drawn) == pytest.approx((1.3 - 0.695, 1.3 - 0.505))
    assert of_resampled(0.95, drawn) == pytest.approx((1.9 - 0.695, 1.0))
    assert of_resampled(1.0, np.ones(5)) is None
    ends = of_resampled(0.95, drawn, bounds=(-math.inf, math.inf))
    assert ends == pytest.approx((1.9 - 0.695, 1.9 - 0.505))
