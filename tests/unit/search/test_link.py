"""Metrics on a line without ends, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.ranking import worst_first
from hpsearch.search.link import Link
from hpsearch.tasks.classification import ACCURACY, LOSS
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.regression import R2, RMSE


@pytest.mark.parametrize("metric", [ACCURACY, LOSS, R2, RMSE])
def test_what_goes_to_the_line_comes_back(metric: Metric) -> None:
    values = np.array([worst_first(metric, value) for value in np.linspace(0.05, 0.95, 30)])
    link = Link.of(metric, values)
    line = link.line(values)
    assert line.mean() == pytest.approx(0, abs=1e-9)
    assert line.std() == pytest.approx(1)
    assert (np.diff(line) * np.diff(values) > 0).all()
    assert link.back(line) == pytest.approx(values)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30, unique=True))
def test_perfect_and_worthless_accuracies_are_finite(values: list[float]) -> None:
    link = Link.of(ACCURACY, np.array(values))
    assert np.isfinite(link.line(np.array([0.0, 1.0]))).all()
    assert np.isfinite(link.back(np.array([-50.0, 50.0]))).all()


def test_where_most_values_are_equal_the_others_stay_apart() -> None:
    values = np.array([0.9] * 30 + [0.8, 0.7, 0.6])
    line = Link.of(ACCURACY, values).line(values)
    assert (np.diff(line[29:]) < -0.1).all()


def test_a_failed_training_lies_at_the_low_end() -> None:
    values = np.array([*np.linspace(-1.1, -0.9, 40), -1e12])
    link = Link.of(LOSS, values)
    assert link.line(values)[-1] > -7
    assert link.back(link.line(values))[-1] > -10
    assert link.back(np.array([-100.0]))[0] > -10
