"""A tree-structured Parzen estimator that knows the tree of conditions, as an Optuna sampler.

Optuna's samples jointly what all trials have, and every other parameter by itself. Here a candidate
is drawn as a whole: the walk over the space asks for its values, as it asks a trial, and is
answered from one kernel of the good trials' estimator; so the tree is written nowhere twice.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hpsearch.ranges import Suggest
from hpsearch.search.attributes import fixed_params
from hpsearch.search.sampling.parzen import Params, Parzen

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

GOOD, MOST_GOOD = 0.1, 25
"""The share of the finished trials that counts as good, and their number at most; as Optuna's."""


class ConditionalTPESampler(BaseSampler):
    """Draws the parameters of a trial, all that are active in it at once.

    The first candidate decides which parameters there are, so that a branch is tried as often as
    good trials suggest it. Among the candidates that have the same ones that is taken whose density
    among good trials is the greatest against that among the others: it has the greatest expected
    improvement (Bergstra et al. 2011). Across branches these ratios must not be compared, though
    both densities are over the same tree: they are estimates, which spread the more the more
    parameters there are, and the greatest of many would be of the branch with most.
    """

    def __init__(
        self,
        walk: Callable[[Suggest], object],
        seed: int,
        *,
        n_startup_trials: int = 10,
        n_ei_candidates: int = 24,
        constant_liar: bool = True,
    ) -> None:
        """A sampler of trials that are asked for one after the other.

        Args:
            walk: asks for the values of one configuration, and only for those that are active.
            seed: of the draws.
            n_startup_trials: finished trials before it learns; until then draws are random.
            n_ei_candidates: candidates that are drawn.
            constant_liar: whether running trials count as bad, so that workers spread.
        """
        self._walk = walk
        self._rng = np.random.default_rng(seed)
        self._random = RandomSampler(seed=seed % 2**32)
        self._startup, self._candidates = n_startup_trials, n_ei_candidates
        self._liar = constant_liar
        self._chosen: Candidate | None = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The distributions of the chosen candidate; which they are tells only the draw itself."""
        self._chosen = None
        states = (*FINISHED, TrialState.RUNNING) if self._liar else FINISHED
        trials = [
            one
            for one in study.get_trials(deepcopy=False, states=states)
            if one.number != trial.number
        ]
        if sum(one.state in FINISHED for one in trials) < self._startup:
            return {}
        good, rest = split(trials, maximize=study.direction == StudyDirection.MAXIMIZE)
        self._chosen = self._choose(
            Parzen([one.params for one in good]),
            Parzen([one.params for one in rest]),
            fixed_params(trial) | trial.params,
        )
        return self._chosen.distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the chosen candidate; none while draws are random."""
        return {} if self._chosen is None else self._chosen.params

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value: it has not learned yet."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _choose(self, good: Parzen, rest: Parzen, given: Params) -> "Candidate":
        """The best of some candidates that have the same parameters as the first one drawn."""
        drawn = [self._draw(good, given) for _ in range(self._candidates)]
        rivals = [one for one in drawn if one.params.keys() == drawn[0].params.keys()]
        points, distributions = [one.params for one in rivals], rivals[0].distributions
        scores = good.log_density(points, distributions) - rest.log_density(points, distributions)
        return rivals[int(np.argmax(scores))]

    def _draw(self, good: Parzen, given: Params) -> "Candidate":
        kernel = int(self._rng.choice(len(good.weights), p=good.weights))
        candidate = Candidate(good, kernel, self._rng, given)
        self._walk(candidate)
        return candidate


class Candidate:
    """Answers a walk from one kernel, and keeps what it asked for: a configuration."""

    def __init__(self, good: Parzen, kernel: int, rng: np.random.Generator, given: Params) -> None:
        """One that has no parameters yet.

        Args:
            good: what is drawn from.
            kernel: which of its kernels.
            rng: of the draws.
            given: values that are fixed before.
        """
        self._good, self._kernel, self._rng, self._given = good, kernel, rng, given
        self.params: dict[str, Any] = {}
        """All that have more than one value, by name."""
        self.distributions: dict[str, BaseDistribution] = {}
        """Of the parameters, by name."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """A whole number, as Suggest."""
        value: int = self._value(name, IntDistribution(low, high, log=log, step=step))
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number, as Suggest."""
        value: float = self._value(name, FloatDistribution(low, high, log=log, step=step))
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """A choice, as Suggest."""
        return self._value(name, CategoricalDistribution(choices))

    def _value(
        self, name: str, distribution: CategoricalDistribution | FloatDistribution | IntDistribution
    ) -> Any:
        if distribution.single():
            if isinstance(distribution, CategoricalDistribution):
                return distribution.choices[0]
            return distribution.low
        if name in self._given:
            value = self._given[name]
        else:
            value = self._good.axis(name, distribution).draw(self._kernel, self._rng)
        self.params[name], self.distributions[name] = value, distribution
        return value


def split(
    trials: Sequence[FrozenTrial], *, maximize: bool
) -> tuple[list[FrozenTrial], list[FrozenTrial]]:
    """The good trials and the others, each by number.

    Complete trials come first, by value; then pruned ones, by how far they came and the value that
    they had there. Running ones are never good, whatever they will be.

    Args:
        trials: finished and running ones.
        maximize: whether greater values are better.
    """
    sign = -1.0 if maximize else 1.0
    finished = sorted(
        (one for one in trials if one.state in FINISHED), key=lambda one: _rank(one, sign)
    )
    count = min(math.ceil(GOOD * len(finished)), MOST_GOOD)
    numbers = {one.number for one in finished[:count]}
    ordered = sorted(trials, key=lambda one: one.number)
    good = [one for one in ordered if one.number in numbers]
    return good, [one for one in ordered if one.number not in numbers]


def _rank(trial: FrozenTrial, sign: float) -> tuple[float, float, float]:
    """Less is better: complete or not, the step that it came to, its value there."""
    if trial.state == TrialState.COMPLETE:
        value = trial.value
        return 0, 0, math.inf if value is None else sign * value
    if not trial.intermediate_values:
        return 2, 0, 0
    step, value = max(trial.intermediate_values.items())
    return 1, -step, math.inf if math.isnan(value) else sign * value
