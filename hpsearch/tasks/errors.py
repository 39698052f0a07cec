"""Errors of a regression, from targets and predictions: the same in training and on the test split.

Exported scripts have these functions too.
"""

import numpy as np
import numpy.typing as npt


def rmse(y: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """The root of the mean squared error.

    Args:
        y: targets, shape (n,).
        found: predictions, shape (n,).
    """
    return float(np.sqrt(np.mean(np.square(found - y))))


def mae(y: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """The mean absolute error. Arguments as of :func:`rmse`."""
    return float(np.mean(np.abs(found - y)))


def r2(y: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float | None:
    """The share of the targets' variance that is explained; None where they do not vary.

    Arguments as of :func:`rmse`.
    """
    if y.min() == y.max():
        return None
    return float(1 - np.sum(np.square(found - y)) / np.sum(np.square(y - y.mean())))
