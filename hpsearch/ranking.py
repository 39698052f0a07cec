"""Ranking: the order of trials, the best first, and which of two with equal values leads."""

import math
from collections.abc import Mapping
from typing import Any

DECIDES = ("val_loss", "parameters")
"""What decides between equal values, in this order: of each less is better."""

Rank = tuple[bool, float, float, float, int]
"""A key to sort by: the best first."""


def rank(value: float, number: int, facts: Mapping[str, Any], *, maximize: bool) -> Rank:
    """Where a trial stands among others.

    Few validation examples give many trials the same accuracy. Of equal values the one with the
    smaller validation loss leads, then the one with fewer parameters, then the earlier one. What
    is not known of a trial (older ones keep no loss) stands behind what is.

    Args:
        value: the objective's; what is not finite comes last.
        number: the trial's.
        facts: of the trial, such as its user attributes; only those in ``DECIDES`` are used.
        maximize: whether more is better.
    """
    loss, parameters = (_known(facts.get(key)) for key in DECIDES)
    return not math.isfinite(value), -value if maximize else value, loss, parameters, number


def _known(fact: Any) -> float:
    """A fact as a number; infinite where there is none, or another program wrote something else."""
    is_number = isinstance(fact, (int, float)) and not math.isnan(fact)
    return float(fact) if is_number else math.inf
