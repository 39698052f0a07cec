"""The initial design: random configurations with which a search begins, the cheapest one first.

Before a sampler has learned anything the order of its trials is free. What trains fast comes first
(as in Frugal Optimization for Cost-related Hyperparameters, Wu et al., AAAI 2021): good networks
are found earlier, and the pruner has trials to compare with before the expensive ones begin.
"""

from collections.abc import Callable
from typing import Any

import optuna
from optuna.samplers import RandomSampler

from hpsearch.config import TrialConfig
from hpsearch.networks.network import Size
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search_sections import GP, TPE, BudgetSection
from hpsearch.space import Space, suggest_config
from hpsearch.study_file import StudyFile

MOST = 100
"""Configurations of an initial design, at most."""

MAX_TRIES = 200
"""Draws for one of them that is small enough; what is too large then is redrawn when it starts."""

UPDATE = 32
"""Examples whose products take as long as the update after a step: by ``scripts/bench/epoch.py``
Adam's takes 0.5 to 1.0 ns a parameter, an example's products 0.018 to 0.024 ns, that is 23 to 49
examples in its table (SGD 7 to 18, RMSprop 22 and 34)."""

STEP = 200_000
"""Parameters whose update takes as long as all that a step costs whatever the network, 0.1 ms."""


def cost(config: TrialConfig, size: Size | None) -> float:
    """What an epoch takes on a CPU, to be compared only: products, updates and steps.

    Args:
        config: the configuration.
        size: of its network; None: it is not known, and only the steps count.
    """
    size = size or Size(parameters=0, macs=0)
    return size.macs + (size.parameters + STEP) * UPDATE / config.batch_size


def cheapest_first(
    space: Space,
    count: int,
    seed: int,
    size: Callable[[TrialConfig], Size | None],
    budget: BudgetSection,
) -> list[dict[str, Any]]:
    """The parameters of random configurations, the cheapest one first.

    Args:
        space: what they are drawn from.
        count: how many; at most MOST are drawn.
        seed: of the draws.
        size: of a configuration's network.
        budget: what is over its limits is drawn again.
    """
    sampler = RandomSampler(seed=seed)
    drawn: list[tuple[float, dict[str, Any]]] = []
    for _ in range(min(count, MOST)):
        study = optuna.create_study(sampler=sampler)  # each of its trials is slower than the last
        for _ in range(MAX_TRIES):
            trial = study.ask()
            config = suggest_config(space, trial)
            if not budget.excess(size(config)):
                break
        drawn.append((cost(config, size(config)), trial.params))
    drawn.sort(key=lambda pair: pair[0])
    return [params for _, params in drawn]


def design_size(file: StudyFile) -> int:
    """How many trials the initial design has, what is enqueued included."""
    if isinstance(file.sampler, TPE | GP) and file.sampler.cheapest_first:
        return file.sampler.n_startup_trials
    return 0


def first_trials(
    file: StudyFile, size: Callable[[TrialConfig], Size | None], there: int = 0
) -> list[dict[str, Any]]:
    """Draw a new study's start-up trials: their parameters, the cheapest one first.

    What is enqueued is of them too, and a search that has no more trials than that must not leave
    out the large networks.

    Args:
        file: the study.
        size: of a configuration's network.
        there: trials of another study that it begins with, and learns from.
    """
    return cheapest_first(
        file.space,
        max(0, min(design_size(file), file.budget.trials) - len(file.first) - there),
        derive_seed(file.seed, "first", *([there] if there else [])),
        size,
        file.budget,
    )
