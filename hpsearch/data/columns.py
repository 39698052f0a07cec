"""Columns: the features of all examples, some at a time, each in one piece of memory."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

_BYTES = 2**26
"""Of features that are copied out at once."""


def blocks(x: npt.NDArray[np.generic]) -> Iterator[tuple[int, npt.NDArray[np.generic]]]:
    """Features in blocks: the place of the first in the flattened example, and all their values.

    Args:
        x: inputs, shape (examples, ...), at least one example.

    Returns:
        an iterator; values have the shape (features of the block, examples).
    """
    flat = x.reshape(len(x), -1)
    step = max(1, _BYTES // (len(flat) * flat.itemsize))
    for start in range(0, flat.shape[1], step):
        yield start, np.ascontiguousarray(flat[:, start : start + step].T)
