"""The transform of inputs: fitted on the training rows, and part of every network and its exports.

Data stay as they are stored; a network takes them raw, and its first layer applies the transform:
:class:`Affine` of arrays, ``hpsearch.data.tables.fitted.Tabular`` of tables.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Inputs
from hpsearch.data.stratify import Rows
from hpsearch.errors import InputError

Scale = Literal["none", "unit", "symmetric", "standardize"]
Factor = npt.NDArray[np.float32]

_CHUNK_VALUES = 2**21
"""Values that are turned into float64 at once: 16 MB."""


@dataclass(frozen=True, kw_only=True)
class Affine:
    """Inputs as ``x * multiplier + offset``, in float32."""

    multiplier: Factor
    """Broadcasts to the shape of one example."""
    offset: Factor
    """Broadcasts to the shape of one example."""

    def zero(self, dtype: np.dtype[np.generic]) -> npt.NDArray[np.generic]:
        """The input that becomes 0, or comes nearest to it in a type of whole numbers."""
        found = -self.offset / np.where(self.multiplier == 0, 1, self.multiplier)
        if np.issubdtype(dtype, np.integer):
            limits: Any = np.iinfo(dtype)
            found = np.clip(np.rint(found), limits.min, limits.max)
        return found.astype(dtype)


def fit(scale: Scale, x: Inputs, rows: Rows, maximum: float | None) -> Affine:
    """The transform that ``dataset.scale`` asks for.

    "none" leaves inputs as they are, "unit" brings 0 ... maximum to [0, 1], "symmetric" to
    [-1, 1], "standardize" the given rows to mean 0 and standard deviation 1: for each channel
    of colour images, over all of a grey image, for each feature of flat vectors.

    Args:
        scale: as ``dataset.scale``.
        x: all inputs, shape (n, *input_shape).
        rows: the training part, the only rows that are looked at.
        maximum: declared largest value of the inputs, or None.

    Raises:
        InputError: "unit" or "symmetric" where no maximum is declared.
    """
    if scale == "none":
        return _affine(1, 0)
    if scale == "standardize":
        mean, deviation = moments(x, rows)
        return _affine(1 / deviation, -mean / deviation)
    if maximum is None:
        raise InputError(
            f'dataset.scale = "{scale}" needs inputs with a known largest value, which'
            f' {x.dtype} inputs do not have; set dataset.scale = "standardize", or "none" if'
            " they are already scaled"
        )
    return _affine(1 / maximum, 0) if scale == "unit" else _affine(2 / maximum, -1)


def _affine(multiplier: npt.ArrayLike, offset: npt.ArrayLike) -> Affine:
    return Affine(
        multiplier=np.asarray(multiplier, np.float32), offset=np.asarray(offset, np.float32)
    )


def pooled(dimensions: int) -> tuple[int, ...]:
    """The axes over which values are standardized together, that of the examples among them.

    Each feature of a vector, all values of a grey image, each channel (the last axis) of others.

    Args:
        dimensions: of one example.
    """
    if dimensions == 1:
        return (0,)
    return tuple(range(3 if dimensions == 2 else dimensions))


def moments(x: Inputs, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and standard deviation (1 where values do not vary) of the given rows.

    One pass in chunks, each with its own mean and squared deviations, merged as in Chan, Golub
    and LeVeque (1983, "Algorithms for computing the sample variance"), eq. 2.1.

    Args:
        x: all inputs, shape (n, *input_shape).
        rows: the rows to look at, at least one.

    Returns:
        Two float64 arrays: shape (channels,) for images (height, width, channels), () for
        (height, width), (features,) for vectors.
    """
    axes = pooled(x.ndim - 1)
    step = max(1, _CHUNK_VALUES // int(np.prod(x.shape[1:])))
    count, mean, squares = 0, np.float64(0), np.float64(0)
    for start in range(0, len(rows), step):
        chunk = x[rows[start : start + step]].astype(np.float64)
        size = int(np.prod([chunk.shape[axis] for axis in axes]))
        chunk_mean = chunk.mean(axis=axes)
        chunk_squares = np.square(chunk - np.expand_dims(chunk_mean, axes)).sum(axis=axes)
        gap, total = chunk_mean - mean, count + size
        mean = mean + gap * (size / total)
        squares = squares + chunk_squares + gap**2 * (count * size / total)
        count = total
    deviation = np.sqrt(squares / count)
    # Less than the rounding of float32 is no variation: 0.1 stored a thousand times, for one.
    limits = np.finfo(np.float32)
    constant = deviation <= np.maximum(limits.eps * np.abs(mean), limits.tiny)
    return np.asarray(mean), np.where(constant, 1.0, deviation)
