"""The statistics of a confirmation: the first by its mean, and whom the seeds cannot tell from it.

Values only; the training behind them is a search's own (``hpsearch confirm``).
"""

import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.ranking import gain, worst_first
from hpsearch.tasks.metric import Metric

CONFIDENCE = 0.95

Bounds = tuple[float, float]
"""The least and the greatest value that a metric can have."""

UNBOUNDED: Bounds = (-math.inf, math.inf)
SHARE: Bounds = (0.0, 1.0)
"""Of accuracies and F1."""


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
    bounds: Bounds = UNBOUNDED
    """Of the objective's metric."""

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
        return mean_interval(list(self.values.values()), self.bounds)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a confirmation comes to."""

    ranked: Sequence[Candidate]
    """The best mean first; those that have fewer values than others come last."""
    differences: Mapping[str, Interval | None]
    """By name, of all but the first: how much better the first is, seed by seed."""
    least: float | None
    """How far a contender's mean must be behind the first's for the seeds to tell them apart; None
    where there is no other contender, or a single seed."""
    tied: Sequence[Candidate]
    """The first, and those that the seeds cannot tell from it."""
    smallest: Candidate
    """Of the tied ones the one with the fewest parameters; of equals the better one. Not the
    baseline, unless it is the first."""
    takes_smallest: bool
    """Whether the winner is that one."""

    @property
    def winner(self) -> Candidate:
        """The candidate that later commands go by: the first, unless the smallest is wanted."""
        return self.smallest if self.takes_smallest else self.ranked[0]

    @property
    def chosen(self) -> str:
        """How the winner was chosen, for JSON: "first" or "smallest"."""
        return "smallest" if self.takes_smallest else "first"


def mean_interval(values: Sequence[float], bounds: Bounds = UNBOUNDED) -> Interval | None:
    """The 95 % interval of the mean of some values by Student's t (Biometrika 6, 1908).

    It takes the values for independent and normally distributed, and covers the true mean in 95 of
    100 cases then, however few they are. It is cut at the bounds of what the values can be: the
    true mean is never beyond them, so that as many cases are covered. None of fewer than two
    values.
    """
    if len(values) < 2:
        return None
    mean, error = statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))
    reach = _quantile((1 + CONFIDENCE) / 2, len(values) - 1) * error
    return _cut(mean, reach, bounds)


@functools.cache
def _quantile(share: float, freedom: int) -> float:
    """Of Student's t."""
    # A third of a second, which only those pay who confirm; scipy.stats takes a second more.
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(freedom, share))


def _cut(mean: float, reach: float, bounds: Bounds) -> Interval:
    return Interval(low=max(mean - reach, bounds[0]), high=min(mean + reach, bounds[1]))


def difference(best: Candidate, other: Candidate, metric: Metric) -> Interval | None:
    """How much better one is than another, over the seeds that both have (paired t interval).

    None where they share fewer than two seeds.
    """
    shared = sorted(best.values.keys() & other.values.keys())
    gaps = [gain(metric, best.values[seed], other.values[seed]) for seed in shared]
    return mean_interval(gaps, _span(best.bounds))


def _span(bounds: Bounds) -> Bounds:
    """The bounds of a difference of two values."""
    return bounds[0] - bounds[1], bounds[1] - bounds[0]


def least_difference(contenders: Sequence[Candidate]) -> float | None:
    """How far a mean must be behind the best one for the seeds to tell the two apart.

    That is ``t * s * sqrt(2 / n)`` for k contenders with n seeds each. ``s`` is the standard
    deviation of one value beside what its configuration and its seed explain: of the residuals
    ``y[i, j] - mean[i] - mean of seed j + mean of all`` with ``(k - 1) * (n - 1)`` degrees of
    freedom (randomized blocks, the seeds being the blocks: R. A. Fisher, The Design of
    Experiments, 1935), which for two contenders is the paired t test. Pooled over all contenders it
    is known better than from the five values of one, and no contender's wide spread counts for that
    one alone. ``t`` is Student's at ``1 - 0.05 / (k - 1)``, one-sided, since each of the k - 1
    others is held against the first (Bonferroni's bound; O. J. Dunn, JASA 56, 1961). So those that
    are less far behind hold the truly best with 95 % confidence: the subset selection of
    S. S. Gupta (Technometrics 7, 1965).

    Where not all have the same seeds, nothing is explained by the seed: the residuals are
    ``y[i, j] - mean[i]`` with ``k * (n - 1)`` degrees of freedom.

    Args:
        contenders: each with the same number of values, and so of seeds.

    Returns:
        the difference, at least 0; None for fewer than two contenders or seeds.
    """
    count, seeds = len(contenders), len(contenders[0].values)
    if count < 2 or seeds < 2:
        return None
    are_paired = len({frozenset(one.values) for one in contenders}) == 1
    means = [one.mean for one in contenders]
    of_seed = {seed: 0.0 for one in contenders for seed in one.values}
    if are_paired:
        grand = statistics.fmean(means)
        for seed in of_seed:
            of_seed[seed] = statistics.fmean(one.values[seed] for one in contenders) - grand
    squares = math.fsum(
        (value - mean - of_seed[seed]) ** 2
        for one, mean in zip(contenders, means, strict=True)
        for seed, value in one.values.items()
    )
    freedom = (count - are_paired) * (seeds - 1)
    factor = _quantile(1 - (1 - CONFIDENCE) / (count - 1), freedom)
    return factor * math.sqrt(squares / freedom * 2 / seeds)


def judge(
    candidates: Sequence[Candidate],
    metric: Metric,
    *,
    baseline: str | None = None,
    smallest: bool = False,
) -> Verdict:
    """Rank the candidates, name those that cannot be told from the first, and choose the winner.

    A contender is tied with the first where (1) it is less far behind than
    :func:`least_difference`, and (2) its mean lies within the first's own 95 % interval. The
    second is a bound that the contender's own spread does not move: one whose values lie far apart
    is not tied because little is known of it. Of single values nothing is known, and none is tied.
    The simulation in ``tests/simulated_confirmations.py`` shows what either choice costs.

    A candidate with fewer values than others, since trainings of it diverged, comes after all
    others and is never tied: a mean of those that survived says too much.

    Args:
        candidates: at least one, each with at least one value.
        metric: what their values are of.
        baseline: the name of a candidate that is there to be compared with: it wins where its mean
            is the best, never by a tie. It is held against the first in a pair of their own.
        smallest: whether the smallest of the tied ones is the winner; else it is the first.
    """
    most = max(len(one.values) for one in candidates)
    ranked = sorted(
        candidates,
        key=lambda one: (len(one.values) < most, -worst_first(metric, one.mean), one.parameters),
    )
    first, others = ranked[0], ranked[1:]
    rivals = [one for one in others if len(one.values) == most and one.name != baseline]
    least = least_difference([first, *rivals])
    differences = {one.name: difference(first, one, metric) for one in others}
    tied = [first]
    for one in others:
        gap = abs(first.mean - one.mean)
        if one in rivals and least is not None:
            differences[one.name] = _cut(gap, least, _span(first.bounds))
        found, own = differences[one.name], first.interval
        if found is None or own is None or found.low > 0 or len(one.values) < most:
            continue
        if one.name == baseline or one.mean in own:
            tied.append(one)
    eligible = [one for one in tied if one.name != baseline or one is first]
    return Verdict(
        ranked=ranked,
        differences=differences,
        least=least,
        tied=tied,
        smallest=min(eligible, key=lambda one: one.parameters),  # of equals the better one
        takes_smallest=smallest,
    )


def middle(values: Mapping[int, float], metric: Metric) -> int:
    """The seed in the middle of some seeds by value: a run that is as good as most, not the best.

    Of an even number it is the worse one of the two; of equal values the smaller seed.

    Args:
        values: by seed; at least one.
        metric: what the values are of.
    """
    ordered = sorted(values, key=lambda seed: (worst_first(metric, values[seed]), seed))
    return ordered[(len(ordered) - 1) // 2]
