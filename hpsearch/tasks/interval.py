"""The interval of a share: how little is known where it was measured on a few examples."""

import math

import numpy as np
import numpy.typing as npt

from hpsearch.tasks.metric import Metric
from hpsearch.text import plural

_Z = 1.959963984540054
"""Half width of 95 % of a normal distribution, in standard deviations."""


def wilson(right: int, examples: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927), which stays within 0 ... 1 near its ends.

    Args:
        right: how many of the examples, 0 ... examples.
        examples: at least 1.
    """
    share = right / examples
    weight = _Z**2 / examples
    centre = (share + weight / 2) / (1 + weight)
    half = _Z * math.sqrt(share * (1 - share) / examples + weight / (4 * examples))
    half /= 1 + weight
    return max(0.0, centre - half), min(1.0, centre + half)


def of_mean(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of the mean of some values, by its standard error; of one value it is nothing.

    Args:
        values: at least one.
    """
    mean = float(values.mean())
    half = _Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return mean - half, mean + half


def of_resampled(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of what was found on examples drawn anew again and again: percentiles."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def measured(metric: Metric, value: float, examples: int | None) -> tuple[float, float] | None:
    """The 95 % interval of a metric's value by the number of its examples.

    None where none is known: of a metric that is no share of the examples (a loss, an F1), and
    of data of unknown size.
    """
    if not metric.of_examples or not examples or not 0 <= value <= 1:
        return None
    return wilson(round(value * examples), examples)


def measured_words(metric: Metric, value: float, examples: int | None) -> str:
    """On how much a value was measured, for a reader; empty where that is not known."""
    if not examples:
        return ""
    text = f"on {plural(examples, 'validation example')}"
    interval = measured(metric, value, examples)
    if interval is None:
        return text
    return f"{text}: 95 % interval {interval[0]:.4f} to {interval[1]:.4f} (Wilson)"
