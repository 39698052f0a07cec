"""Ranking: which of two values is better, and the order of trials; alone it knows directions."""

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from hpsearch.tasks.metric import Metric

T = TypeVar("T")

DECIDES = ("val_loss", "parameters")
"""What decides between equal values, in this order: of each less is better."""

Rank = tuple[bool, float, float, float, int]
"""A key to sort by: the best first."""


def gain(metric: Metric, value: float, than: float) -> float:
    """By how much a value is better than another one; below 0: it is worse."""
    return value - than if metric.direction == "maximize" else than - value


def is_better(metric: Metric, value: float, than: float | None) -> bool:
    """Whether a value is strictly better than another one (anything is better than None)."""
    return than is None or gain(metric, value, than) > 0


def worst_first(metric: Metric, value: float) -> float:
    """A key to sort by: the worst value first."""
    return gain(metric, value, 0.0)


def by_direction(metric: Metric, more: T, less: T) -> T:
    """One thing where more of a metric is better, and another one where less is."""
    return more if metric.direction == "maximize" else less


def rank(value: float, number: int, facts: Mapping[str, Any], metric: Metric) -> Rank:
    """Where a trial stands among others.

    Few validation examples give many trials the same accuracy. Of equal values the one with the
    smaller validation loss leads, then the one with fewer parameters, then the earlier one. What
    is not known of a trial (older ones keep no loss) stands behind what is.

    Args:
        value: the objective's; what is not finite comes last.
        number: the trial's.
        facts: of the trial, such as its user attributes; only those in ``DECIDES`` are used.
        metric: what the value is of.
    """
    loss, parameters = (_known(facts.get(key)) for key in DECIDES)
    return not math.isfinite(value), -worst_first(metric, value), loss, parameters, number


def _known(fact: Any) -> float:
    """A fact as a number; infinite where there is none, or another program wrote something else."""
    is_number = isinstance(fact, (int, float)) and not math.isnan(fact)
    return float(fact) if is_number else math.inf
