"""How much each parameter mattered, and how sure that is."""

import random
import warnings
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from hpsearch.search.study import OpenStudy
from hpsearch.search.view import view

LEAST = 10
"""Complete trials below which nothing is said about importances."""

RESAMPLES = 40
"""Bootstrap samples behind an interval."""

MOST = 1000
"""Complete trials that are looked at, the newest: more change the picture no further."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """One parameter's share in what tells the best tenth of the trials from all of them."""

    name: str
    """As Optuna calls it: ``layers``, ``units_0``, ``adam.learning_rate`` ..."""
    share: float
    """Of 1 for all parameters together."""
    low: float
    """The lower end of a 90 % interval by bootstrap over the trials."""
    high: float


def importances(study: OpenStudy) -> list[Importance]:
    """The importance of each searched parameter, the greatest first; none of too few trials.

    The method is PED-ANOVA (Watanabe et al., IJCAI 2023, and its extension to conditional
    parameters), Optuna's default, which optuna-dashboard shows too. The interval is the 5th to the
    95th percentile over samples of the trials with replacement (Efron, 1979); it does not know of
    the bias of a sampler that looks where it expects good values.
    """
    complete = [t for t in study.trials() if t.state == TrialState.COMPLETE and t.params][-MOST:]
    if len(complete) < LEAST or len({t.value for t in complete}) < 2:
        return []
    shares = _shares(study, complete)
    draw = random.Random(0)  # noqa: S311  # the same page each time
    sampled: dict[str, list[float]] = defaultdict(list)
    for _ in range(RESAMPLES):
        found = _shares(study, draw.choices(complete, k=len(complete)))
        for name in shares:
            sampled[name].append(found.get(name, 0.0))
    return [
        Importance(
            name=name,
            share=share,
            low=_percentile(sampled[name], 0.05),
            high=_percentile(sampled[name], 0.95),
        )
        for name, share in shares.items()
    ]


def _shares(study: OpenStudy, trials: list[Any]) -> dict[str, float]:
    """Shares by parameter, the greatest first."""
    looked_at: optuna.Study = view(study.optuna, trials)
    with warnings.catch_warnings():
        # A parameter that has one value in a sample; its share is then nought.
        warnings.simplefilter("ignore")
        found = get_param_importances(looked_at, evaluator=PedAnovaImportanceEvaluator())
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]
