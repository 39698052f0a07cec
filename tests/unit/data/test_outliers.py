"""Outliers: features that a few values stretch are named, ordinary heavy tails are not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpsearch.data.advice import advise
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.outliers import stretched
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("value", [1e20, -999_999.0])
@pytest.mark.parametrize("count", [3, 100])
def test_a_mark_of_missing_values_is_found(value: float, count: int) -> None:
    x = RANDOM.normal(size=(600, 5)).astype(np.float32)
    x[:count, 3] = value
    assert stretched(x) == [3]
    assert stretched(np.tile(x, (50, 1))) == [3]  # quartiles are of some examples
    assert stretched((x * 100).clip(-1e15, 1e15).astype(np.int64)) == [3]


@pytest.mark.parametrize(
    "x",
    [
        RANDOM.normal(size=(500, 3)) * [1, 1e20, 1e-20],
        RANDOM.lognormal(0, 2, (5000, 3)),
        np.where(RANDOM.random((500, 3)) < 0.1, 1e6, 0.0),
        np.ones((50, 2)),
        RANDOM.integers(0, 255, (300, 4)).astype(np.uint8),
        RANDOM.normal(size=(300, 8, 8)) + 1e6 * (np.arange(64).reshape(8, 8) == 5),
    ],
)
def test_other_values_are_not(x: Any) -> None:
    assert stretched(x) == []


def test_it_is_told_where_inputs_are_standardized(
    npz: Callable[..., DatasetSection], home: Home
) -> None:
    x = RANDOM.normal(size=(60, 5))
    x[::8, 2] = 1e20

    def warnings(scale: str) -> str:
        section = npz({"scale": scale}, x_train=x, y_train=np.arange(60) % 2)
        dataset = open_dataset(section, home)
        return "\n".join(advise(dataset, section, split(dataset, section)))

    told = warnings("standardize")
    assert "a feature has values so far from the others" in told
    assert "(from 0: 2)" in told
    assert "so far from the others" not in warnings("none")
