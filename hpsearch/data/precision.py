"""Precision: features whose distinct values float32, in which networks compute, cannot tell apart.

A time stamp in nanoseconds is around 1.7e18, where two neighbours among the numbers of float32 are
137 seconds apart: what happened within two minutes becomes one value, and nothing would be said.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hpsearch.fields import Section

_BYTES = 2**26
"""Of features that are copied out at once."""
_EXACT = 2.0**22
"""Whole numbers below this stay apart in float32, standardized as well."""
_FINE = 1e-6
"""Steps of float32 that are finer than this share of a feature's deviation are only rounding."""
_FEW_LOST = 0.01
"""Share of the distinct values of a fractional feature that rounding may merge untold."""


class Merged(Section):
    """A feature that has more distinct values than float32 keeps apart."""

    feature: int
    """Its place in the flattened example, from 0."""
    values: int
    """Distinct values in the source's training part."""
    kept: int
    """How many of them are apart in float32."""
    standardized: int
    """How many are apart once they were scaled by mean and deviation in float32."""


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


def merged(x: npt.NDArray[np.generic]) -> list[Merged]:
    """The features of which float32 merges distinct values, beyond what rounding always does.

    Args:
        x: training inputs as the source gives them, shape (examples, ...), examples at least one.
    """
    if x.dtype.kind not in "uif" or x.dtype.itemsize <= 2:
        return []
    is_flat = x.ndim == 2
    found = []
    for start, block in blocks(x):
        for offset in np.flatnonzero(_suspects(block)):
            told = _judge(start + int(offset), block[offset], is_flat=is_flat)
            found += [told] if told else []
    return found


def _suspects(block: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Which features are worth a closer look: a cheap test that leaves out none."""
    rough = block.astype(np.float64)
    largest = np.abs(rough).max(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):  # infinite inputs are refused elsewhere
        coarse = _step(largest) > _FINE * rough.std(axis=1)
    return np.asarray(np.isfinite(largest) & (coarse | (largest >= _EXACT)))


def _step(size: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    """The distance of neighbours in float32 at numbers of a size."""
    return np.spacing(np.abs(size).astype(np.float32)).astype(np.float64)


def _judge(feature: int, column: npt.NDArray[np.generic], *, is_flat: bool) -> Merged | None:
    """What float32 leaves of one feature; None where that is all, or all but rounding."""
    values = np.unique(column)
    if len(values) < 2:
        return None
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    stored = (column.astype(np.float32) if column.dtype.kind == "f" else column).astype(np.float64)
    mean, deviation = stored.mean(), stored.std()
    kept = standardized = _distinct(narrow)
    if is_flat and deviation > 0:
        factor, offset = np.float32(1 / deviation), np.float32(-mean / deviation)
        standardized = _distinct(narrow * factor + offset)
    whole = column.dtype.kind != "f" or bool((values == np.floor(values)).all())
    lost = len(values) - standardized
    if lost <= 0:
        return None
    coarse = bool(_step(np.median(np.abs(stored))) > _FINE * deviation)
    if not whole and not (coarse and lost > _FEW_LOST * len(values)):
        return None
    return Merged(feature=feature, values=len(values), kept=kept, standardized=standardized)


def _distinct(ascending: npt.NDArray[np.float32]) -> int:
    return 1 + int(np.count_nonzero(np.diff(ascending)))
