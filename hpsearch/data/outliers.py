"""Outliers: features that a few values stretch so far that standardizing makes the others alike.

A mark of missing values, such as 1e20 or -999999 among numbers near 1, makes the deviation as
large, and what the other values say is lost behind it. Nothing else would tell.
"""

import numpy as np
import numpy.typing as npt

from hpsearch.data.precision import blocks

_ALIKE = 1e-3
"""Standard deviations within which half of the values are as good as one."""
_ROWS = 10_000
"""Examples, at least, by which quartiles are found; where there are twice as many, not all are."""


def stretched(x: npt.NDArray[np.generic]) -> list[int]:
    """The features whose middle half lies within a thousandth of their standard deviation.

    Those whose middle half is one value are left out: counts, for one, are often 0.

    Args:
        x: training inputs, shape (examples, features), finite, examples at least one; none of
            other shapes, and none of bytes, are found.
    """
    if x.ndim != 2 or x.dtype.itemsize == 1:
        return []
    found: list[int] = []
    for start, block in blocks(x):
        deviation = block.std(axis=1, dtype=np.float64)
        some = block[:, :: max(1, len(x) // _ROWS)].astype(np.float64)
        low, high = np.quantile(some, (0.25, 0.75), axis=1)
        spread = high - low
        found += (start + np.flatnonzero((spread > 0) & (spread < _ALIKE * deviation))).tolist()
    return found
