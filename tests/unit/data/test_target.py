"""A regression's target is standardised by its training rows, and comes back as it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.data.target import fit_target
from hpsearch.errors import InputError

Y = np.array([2.0, 4.0, 6.0, 1000.0])
TRAIN = np.arange(3)


def test_mean_and_deviation_are_those_of_the_training_rows() -> None:
    found = fit_target(Y, TRAIN, is_log=False, where="t.csv")
    assert (found.mean, found.low, found.high) == (4.0, 2.0, 6.0)
    assert found.deviation == pytest.approx(np.std([2.0, 4.0, 6.0]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.booleans())
def test_what_is_standardised_is_restored(values: list[float], is_log: bool) -> None:
    y = np.array(values)
    if is_log:
        y = np.abs(y)
    rows = np.arange(len(y))
    if np.ptp(y) < 1e-3 * max(1.0, np.abs(y).max()):
        return
    found = fit_target(y, rows, is_log=is_log, where="t.csv")
    modelled = np.log1p(y) if is_log else y
    outputs = (modelled - found.mean) / found.deviation
    assert found.restored(outputs) == pytest.approx(y, rel=1e-9, abs=1e-9 * np.abs(y).max())


@pytest.mark.parametrize("is_log", [False, True])
def test_predictions_stay_within_the_training_rows(is_log: bool) -> None:
    found = fit_target(Y, TRAIN, is_log=is_log, where="t.csv")
    wild = found.restored(np.array([-1e30, 1e30, np.inf, -np.inf]))
    assert list(wild) == pytest.approx([2.0, 6.0, 6.0, 2.0])
    assert np.isfinite(found.restored(np.array([np.nan]))).all()


def test_a_logarithm_needs_targets_above_minus_one() -> None:
    with pytest.raises(InputError, match=r"t\.csv: dataset\.log_target.*the least target is -1"):
        fit_target(np.array([-1.0, 2.0]), np.arange(2), is_log=True, where="t.csv")


def test_a_constant_target_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.1 in all 5 training examples; there is nothing"):
        fit_target(np.full(5, 0.1), np.arange(5), is_log=False, where="t.csv")
    with pytest.raises(InputError, match=r"its differences are lost .* subtract an offset"):
        fit_target(1e18 + 1000.0 * np.arange(5), np.arange(5), is_log=False, where="t.csv")
