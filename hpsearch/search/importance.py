"""How much each parameter mattered, and how sure that is."""

import math
import random
import warnings
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import TrialState

from hpsearch.search.forests import PedAnovaImportanceEvaluator, get_param_importances
from hpsearch.search.sampling.view import view
from hpsearch.search.study import OpenStudy

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
    """Of 1 for all parameters together: the mean over samples of the trials (bootstrap)."""
    low: float
    """The lower end of a 90 % interval over the same samples."""
    high: float


def importances(study: OpenStudy) -> list[Importance]:
    """The importance of each searched parameter, the greatest first; none of too few trials.

    The method is PED-ANOVA (Watanabe et al., IJCAI 2023, and its extension to conditional
    parameters), Optuna's default. It is applied to samples of the trials with replacement (Efron,
    1979): a share is the mean over these samples, its interval the 5th to the 95th percentile of
    the same. (Of all trials once, as optuna-dashboard shows it, a share may lie far outside of its
    interval: the best tenth is a handful of trials, in which chance alone singles out parameters.)
    The interval does not know of the bias of a sampler that looks where it expects good values.
    """
    complete = [t for t in study.trials() if t.state == TrialState.COMPLETE and t.params][-MOST:]
    if len(complete) < LEAST or len({t.value for t in complete}) < 2:
        return []
    draw = random.Random(0)  # noqa: S311  # the same page each time
    sampled: dict[str, list[float]] = {name: [] for name in _shares(study, complete)}
    for _ in range(RESAMPLES):
        found = _shares(study, draw.choices(complete, k=len(complete)))
        for name, shares in sampled.items():
            shares.append(found.get(name, 0.0))
    every = [_importance(name, shares) for name, shares in sampled.items()]
    return sorted(every, key=lambda one: -one.share)


def _importance(name: str, shares: list[float]) -> Importance:
    """What the samples say of a parameter; of skewed ones the mean may lie beyond a percentile."""
    mean = math.fsum(shares) / len(shares)
    return Importance(
        name=name,
        share=mean,
        low=min(mean, _percentile(shares, 0.05)),
        high=max(mean, _percentile(shares, 0.95)),
    )


def _shares(study: OpenStudy, trials: list[Any]) -> dict[str, float]:
    """Shares by parameter."""
    looked_at: optuna.Study = view(study.optuna, trials)
    with warnings.catch_warnings():
        # A parameter that has one value in a sample; its share is then nought.
        warnings.simplefilter("ignore")
        return get_param_importances(looked_at, evaluator=PedAnovaImportanceEvaluator())


def _percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]
