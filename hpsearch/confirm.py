"""The statistics of a confirmation: who is the best of a few, how sure that is, and what is a tie.

Values only; the training behind them is a search's own (``hpsearch confirm``).
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Where a mean lies, with 95 % confidence."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Whether a value is within, ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A configuration that was trained with several seeds."""

    name: str
    """How it is called: a trial's number, or "baseline"."""
    parameters: int
    """Trainable parameters of the network."""
    values: Mapping[int, float]
    """The objective's value by seed."""

    @property
    def mean(self) -> float:
        """Of the values; there is at least one."""
        return statistics.fmean(self.values.values())

    @property
    def deviation(self) -> float | None:
        """The standard deviation of one value (n - 1 in the divisor); None of a single one."""
        return statistics.stdev(self.values.values()) if len(self.values) > 1 else None

    @property
    def interval(self) -> Interval | None:
        """Of the mean over seeds; None of a single value."""
        return mean_interval(list(self.values.values()))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a confirmation comes to."""

    ranked: Sequence[Candidate]
    """The best mean first; those that have fewer values than others come last."""
    differences: Mapping[str, Interval | None]
    """By name, of all but the first: how much better the first is, seed by seed."""
    tied: Sequence[Candidate]
    """The first, and those whose difference to it may be nought."""
    winner: Candidate
    """Of the tied ones the one with the fewest parameters; of equals the better one. Not the
    baseline, unless it is the first."""


def mean_interval(values: Sequence[float]) -> Interval | None:
    """The 95 % interval of the mean of some values by Student's t (Biometrika 6, 1908).

    It takes the values for independent and normally distributed, and covers the true mean in 95 of
    100 cases then, however few they are. None of fewer than two values.
    """
    if len(values) < 2:
        return None
    mean, error = statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return Interval(low=mean - reach, high=mean + reach)


def difference(best: Candidate, other: Candidate, *, maximize: bool) -> Interval | None:
    """How much better one is than another, over the seeds that both have (paired t interval).

    None where they share fewer than two seeds.
    """
    sign = 1.0 if maximize else -1.0
    shared = sorted(best.values.keys() & other.values.keys())
    return mean_interval([sign * (best.values[seed] - other.values[seed]) for seed in shared])


def judge(
    candidates: Sequence[Candidate], *, maximize: bool, baseline: str | None = None
) -> Verdict:
    """Rank the candidates, name the ties, and choose the winner.

    Two are tied where the interval of their difference holds nought: the seeds do not tell them
    apart. (Each is held against the first alone, without a correction for their number: with more
    candidates a few more ties are missed than 5 of 100.) A candidate with fewer values than
    others, since trainings of it diverged, comes after all others and is never tied: a mean of
    those that survived says too much.

    Args:
        candidates: at least one, each with at least one value.
        maximize: whether more is better.
        baseline: the name of a candidate that is there to be compared with: it wins where its mean
            is the best, never by a tie.
    """
    sign, most = -1.0 if maximize else 1.0, max(len(one.values) for one in candidates)
    ranked = sorted(
        candidates, key=lambda one: (len(one.values) < most, sign * one.mean, one.parameters)
    )
    first, others = ranked[0], ranked[1:]
    differences = {one.name: difference(first, one, maximize=maximize) for one in others}
    tied = [first] + [
        one
        for one in others
        if len(one.values) == most
        and ((interval := differences[one.name]) is None or interval.low <= 0)
    ]
    eligible = tied if first.name == baseline else [one for one in tied if one.name != baseline]
    winner = min(eligible, key=lambda one: one.parameters)  # of equals the first: it is better
    return Verdict(ranked=ranked, differences=differences, tied=tied, winner=winner)


def middle(values: Mapping[int, float], *, maximize: bool) -> int:
    """The seed in the middle of some seeds by value: a run that is as good as most, not the best.

    Of an even number it is the worse one of the two; of equal values the smaller seed.

    Args:
        values: by seed; at least one.
        maximize: whether more is better.
    """
    sign = 1.0 if maximize else -1.0
    ordered = sorted(values, key=lambda seed: (sign * values[seed], seed))
    return ordered[(len(ordered) - 1) // 2]
