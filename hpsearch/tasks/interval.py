"""Intervals: how little is known of what was measured on a few examples."""

import math

import numpy as np
import numpy.typing as npt

from hpsearch.tasks.metric import Metric
from hpsearch.text import plural

Z = 1.959963984540054
"""Half width of 95 % of a normal distribution, in standard deviations."""


def wilson(right: int, examples: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927), which stays within 0 ... 1 near its ends.

    Args:
        right: how many of the examples, 0 ... examples.
        examples: at least 1.
    """
    share = right / examples
    weight = Z**2 / examples
    centre = (share + weight / 2) / (1 + weight)
    half = Z * math.sqrt(share * (1 - share) / examples + weight / (4 * examples))
    half /= 1 + weight
    return max(0.0, centre - half), min(1.0, centre + half)


def of_mean(values: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """95 % interval of the mean of some values above 0, by the standard error of its logarithm.

    None where nothing scatters.

    Args:
        values: 0 or more, at least one.
    """
    mean, deviation = float(values.mean()), float(values.std())
    if not (deviation and math.isfinite(deviation)):
        return None
    half = Z * deviation / math.sqrt(len(values) - 1) / mean
    return mean * math.exp(-half), mean * math.exp(min(half, 700))


def of_root(squares: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """95 % interval of the root of the mean of some squares; see :func:`of_mean`."""
    found = of_mean(squares)
    return None if found is None else (math.sqrt(found[0]), math.sqrt(found[1]))


def of_resampled(
    value: float,
    values: npt.NDArray[np.float64],
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float] | None:
    """95 % interval of a value by what it is on examples drawn anew again and again.

    The basic bootstrap (Davison and Hinkley 1997, section 5.2): what is drawn anew is as far from
    the value as the value is from the truth, biases as well. Percentiles held in 23 % of all cases
    on 300 examples of 100 classes, where this one held in 95 %. None where nothing scatters.

    Args:
        value: on the examples themselves.
        values: on those drawn anew.
        bounds: the least and the greatest value that it can have; left out, those of a share.
    """
    low, high = np.quantile(values, (0.025, 0.975))
    if low == high:
        return None
    return max(bounds[0], 2 * value - float(high)), min(bounds[1], 2 * value - float(low))


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
