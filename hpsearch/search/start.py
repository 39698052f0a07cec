"""The start of a search: random configurations, drawn ahead and tried the cheapest one first.

Before a sampler has learned anything the order of its trials is free. What trains fast comes first
(as in Frugal Optimization for Cost-related Hyperparameters, Wu et al., AAAI 2021): good networks
are found earlier, and the pruner has trials to compare with before the expensive ones begin.
"""

from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from hpsearch.config import TrialConfig
from hpsearch.space import Space, suggest_config

MOST = 100
"""Configurations that are drawn ahead, at most."""

MAX_TRIES = 200
"""Draws for one of them that is small enough; what is too large then is redrawn when it starts."""

UPDATE = 32
"""Examples whose products take as long as the update after a step: by ``scripts/bench/epoch.py``
Adam's takes 0.5 to 1.0 ns a parameter, an example's products 0.018 to 0.024 ns, that is 23 to 49
examples in its table (SGD 7 to 18, RMSprop 22 and 34)."""

FIRST_KEY = "first_trials"
"""Study user attribute: the parameters of the first trials that are sampled, in order."""


def cost(config: TrialConfig, parameters: int) -> float:
    """What an epoch costs, to be compared only: parameters, more where steps are many.

    Args:
        config: the configuration.
        parameters: its trainable parameters.
    """
    return parameters * (1 + UPDATE / config.batch_size)


def cheapest_first(
    space: Space,
    count: int,
    seed: int,
    size: Callable[[TrialConfig], int],
    max_parameters: int | None,
) -> list[dict[str, Any]]:
    """The parameters of random configurations, the cheapest one first.

    Args:
        space: what they are drawn from.
        count: how many; at most MOST are drawn.
        seed: of the draws.
        size: the trainable parameters of a configuration.
        max_parameters: ``budget.max_parameters``; what has more is drawn again.
    """
    study = optuna.create_study(sampler=RandomSampler(seed=seed))
    drawn: list[tuple[float, dict[str, Any]]] = []
    for _ in range(min(count, MOST)):
        for _ in range(MAX_TRIES):
            trial = study.ask()
            config = suggest_config(space, trial)
            parameters = size(config)
            if max_parameters is None or parameters <= max_parameters:
                break
        drawn.append((cost(config, parameters), trial.params))
    drawn.sort(key=lambda pair: pair[0])
    return [params for _, params in drawn]


class GivenFirst(BaseSampler):
    """A sampler of one trial whose first trials are given; the others it draws itself.

    Which of them a trial has follows from the trials before it, which nobody can change any more,
    so that workers never take the same one. What was enqueued is none of them.
    """

    def __init__(self, sampler: BaseSampler, first: Sequence[dict[str, Any]]) -> None:
        """Args: the sampler; the parameters of the first trials, in order."""
        self._sampler, self._first = sampler, first
        self._given: dict[str, Any] | None = None

    def _params(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """What is given of a trial; empty where it is sampled."""
        if self._given is None:
            index = place(study, trial)
            is_given = "fixed_params" not in trial.system_attrs and index < len(self._first)
            self._given = self._first[index] if is_given else {}
        return self._given

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """As the sampler; nothing where the trial is given."""
        if self._params(study, trial):
            return {}
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """As the sampler; nothing where the trial is given."""
        if self._params(study, trial):
            return {}
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """The given value; as the sampler where there is none."""
        given = self._params(study, trial)
        if param_name in given:
            return given[param_name]
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)


def place(study: Study, trial: FrozenTrial) -> int:
    """How many trials before one were sampled, not enqueued."""
    # From the storage: the study itself hides some trials where Hyperband prunes.
    trials = study._storage.get_all_trials(study._study_id, deepcopy=False)  # noqa: SLF001
    return sum(
        other.number < trial.number and "fixed_params" not in other.system_attrs
        for other in trials
    )
