"""What the figures of a regression need: predictions with their targets, and residuals counted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
"""One for each example, shape (n,)."""

MOST_POINTS = 2000
"""Examples that figures show one by one."""
MOST_BINS = 40
"""Of a histogram."""
FENCE = 3.0
"""Interquartile ranges beyond the quartiles, from which on a residual is far out (Tukey 1977,
"Exploratory Data Analysis", section 2D)."""


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How many residuals there are from edge to edge."""

    edges: tuple[float, ...]
    """Rising, one more than there are counts."""
    counts: tuple[int, ...]
    beyond: int
    """Residuals that are far out, in no bin."""


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """Predictions with their targets, and residuals: targets less predictions."""

    points: tuple[tuple[float, float], ...]
    """Targets and predictions of some examples, six significant digits of each."""
    of: int
    """How many examples these are drawn from."""
    histogram: Histogram


def residuals(y: Values, predicted: Values) -> Residuals:
    """What there is to be drawn of some predictions; the same for the same ones.

    Args:
        y: targets, finite.
        predicted: finite.
    """
    rows = np.arange(len(y))
    if len(y) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(0).choice(len(y), MOST_POINTS, replace=False))
    return Residuals(
        points=tuple((_tidy(y[row]), _tidy(predicted[row])) for row in rows),
        of=len(y),
        histogram=_histogram(y - predicted),
    )


def _histogram(values: Values) -> Histogram:
    if not len(values):
        return Histogram(edges=(0.0,), counts=(), beyond=0)
    low, high = np.quantile(values, (0.25, 0.75))
    reach = FENCE * (high - low)
    near = values[(values >= low - reach) & (values <= high + reach)] if reach else values
    bins = min(MOST_BINS, max(1, round(2 * len(near) ** (1 / 3))))  # Rice's rule
    edges = _edges(float(near.min()), float(near.max()), bins)
    counts, _ = np.histogram(near, edges)
    return Histogram(
        edges=tuple(map(float, edges)),
        counts=tuple(map(int, counts)),
        beyond=len(values) - len(near),
    )


def _edges(low: float, high: float, bins: int) -> Values:
    """Edges that are apart, however near to each other the ends are."""
    if low == high:
        half = max(1.0, abs(low)) / 2
        return np.array([low - half, high + half])
    return np.unique(np.linspace(low, high, bins + 1))


def _tidy(value: float) -> float:
    return float(f"{value:.6g}")
