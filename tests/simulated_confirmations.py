"""Confirmations in which the truth is known: what each rule for the winner costs.

``python tests/simulated_confirmations.py`` prints the table of hpsearch/cli/README.md.
"""

import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hpsearch.search.verdict import Candidate, difference, judge
from hpsearch.tasks.classification import ACCURACY

CONFIGURATIONS, LEADERS = 200, 3
SPREAD = 0.012
"""Standard deviation of the true accuracies of networks of one size."""
GROWTH = 0.005
"""What ten times the parameters add to the true accuracy, on average."""
NOISES = (0.002, 0.005, 0.01)
"""Standard deviations of one training around its configuration's truth, in the middle."""
UNEQUAL = 0.5
"""Spread of the noises' logarithms: one configuration of six is more than 1.65 times as noisy."""
SHARED = 1 / 3
"""What a seed does to all configurations alike, as a share of the noise."""


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """The leaders of one search, trained again, and the truth about them."""

    candidates: Sequence[Candidate]
    """In the order in which the search had them."""
    truths: dict[str, float]
    """True accuracies by name."""
    found: float
    """The search's figure of its best."""

    @property
    def best(self) -> str:
        """The name of the truly best leader."""
        return max(self.truths, key=self.truths.__getitem__)

    def loss(self, one: Candidate) -> float:
        """How far a leader is truly behind the best one, in points of accuracy."""
        return 100 * (self.truths[self.best] - self.truths[one.name])


def confirmations(seed: int, *, noise: float, seeds: int, times: int) -> Iterator[Confirmation]:
    """Searches whose leaders are trained again.

    Args:
        seed: of the simulation.
        noise: see :data:`NOISES`.
        seeds: trainings of each leader.
        times: how many searches.
    """
    chance = np.random.default_rng(seed)
    for _ in range(times):
        digits = chance.uniform(3, 6, CONFIGURATIONS)
        truths = chance.normal(0.5 + GROWTH * (digits - 4), SPREAD)
        own = noise * np.exp(chance.normal(0, UNEQUAL, CONFIGURATIONS))
        found = chance.normal(truths, own)
        leaders = np.argsort(-found)[:LEADERS]
        shared = chance.normal(0, SHARED * noise, seeds)
        values = chance.normal(truths[leaders, None], own[leaders, None], (LEADERS, seeds)) + shared
        yield Confirmation(
            candidates=[
                Candidate(
                    name=str(number),
                    parameters=round(10 ** digits[leader]),
                    values=dict(enumerate(values[number].tolist())),
                )
                for number, leader in enumerate(leaders)
            ],
            truths={str(number): float(truths[leader]) for number, leader in enumerate(leaders)},
            found=float(found[leaders[0]]),
        )


def smallest_of_former_ties(candidates: Sequence[Candidate]) -> Candidate:
    """The winner as it was before: a tie is whose own interval of differences holds nought."""
    ranked = sorted(candidates, key=lambda one: -one.mean)
    intervals = [(one, difference(ranked[0], one, ACCURACY)) for one in ranked[1:]]
    tied = [one for one, found in intervals if found is None or found.low <= 0]
    return min([ranked[0], *tied], key=lambda one: one.parameters)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a rule costs, in the mean of many confirmations."""

    loss: float
    """How far its winner is truly behind the best leader, in points."""
    error: float
    """The standard error of that."""
    size: float
    """Parameters of its winner for each one of the first's (geometric mean)."""


def costs(seed: int, *, noise: float, seeds: int, times: int) -> dict[str, Cost]:
    """What each rule costs, by its name: "search" (its best), "former", "first", "smallest"."""
    losses: dict[str, list[float]] = {}
    sizes: dict[str, list[float]] = {}
    for one in confirmations(seed, noise=noise, seeds=seeds, times=times):
        verdict = judge(one.candidates, ACCURACY, smallest=True)
        first = verdict.ranked[0]
        winners = {
            "search": one.candidates[0],
            "former": smallest_of_former_ties(one.candidates),
            "first": first,
            "smallest": verdict.winner,
        }
        for rule, winner in winners.items():
            losses.setdefault(rule, []).append(one.loss(winner))
            sizes.setdefault(rule, []).append(math.log(winner.parameters / first.parameters))
    return {
        rule: Cost(
            loss=statistics.fmean(found),
            error=statistics.stdev(found) / math.sqrt(len(found)),
            size=math.exp(statistics.fmean(sizes[rule])),
        )
        for rule, found in losses.items()
    }


def main() -> None:
    """Print what each rule costs, for hpsearch/cli/README.md."""
    lines = ["noise  seeds  rule      points behind the best leader  size (the first's: 1)"]
    for noise in NOISES:
        for seeds in (3, 5, 10):
            for rule, cost in costs(0, noise=noise, seeds=seeds, times=10_000).items():
                loss = f"{cost.loss:.3f} ± {cost.error:.3f}"
                lines.append(f"{noise:<7}{seeds:<7}{rule:<10}{loss:<31}{cost.size:.2f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
