"""What the figures of a regression need."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.tasks.residuals import MOST_POINTS, residuals

NUMBERS = st.floats(-1e30, 1e30)


def test_few_examples_are_all_there() -> None:
    found = residuals(np.array([1.0, 2.0]), np.array([1.5, 1 / 3]))
    assert found.points == ((1.0, 1.5), (2.0, 0.333333))
    assert found.of == 2


def test_of_many_examples_the_same_ones_are_drawn_each_time() -> None:
    y = np.arange(10_000.0)
    found = residuals(y, y + 1)
    assert found == residuals(y, y + 1)
    assert len(set(found.points)) == MOST_POINTS
    assert found.of == 10_000
    assert np.mean([true for true, _ in found.points]) == pytest.approx(5000, rel=0.05)


def test_residuals_that_are_far_out_are_counted_apart() -> None:
    y = np.concatenate([np.linspace(-1, 1, 999), [1e9]])
    found = residuals(y, np.zeros(1000)).histogram
    assert found.beyond == 1
    assert sum(found.counts) == 999
    assert -1 <= found.edges[0] < found.edges[-1] <= 1


def test_residuals_most_of_which_are_alike_are_all_counted() -> None:
    found = residuals(np.array([0.0] * 9 + [5.0]), np.zeros(10)).histogram
    assert found.beyond == 0
    assert sum(found.counts) == 10


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=60))
def test_every_example_is_counted_once(pairs: list[tuple[float, float]]) -> None:
    y, predicted = np.array(pairs, np.float64).reshape(-1, 2).T
    found = residuals(y, predicted)
    assert len(found.points) == found.of == len(pairs)
    assert sum(found.histogram.counts) + found.histogram.beyond == len(pairs)
    assert len(found.histogram.edges) == len(found.histogram.counts) + 1
