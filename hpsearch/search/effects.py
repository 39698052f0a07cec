"""The effects of a search's choices on its objective, from complete and pruned trials."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from hpsearch.config import flat
from hpsearch.effect import Effect, Learnt, Untold, by_parameter
from hpsearch.ranking import worst_first
from hpsearch.search.factors import ABSENT, Factor, Floats, Levels, factors, levels_of, sampled
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import config, epoch_values
from hpsearch.study_file import StudyFile

LEAST = 10
"""Complete and pruned trials below which nothing is said about effects."""
HAVE_IT = 3
"""Trials that must have a level, and that must have another one, for its effect to be told."""
MOST = 500
"""Trials that are compared, the newest: more change the picture no further."""
RESAMPLES = 20
"""Bootstrap samples of the trials behind an interval."""
_FUNCTIONS = 15
"""Functions that are drawn for each of them."""
_POINTS = 300
"""Configurations of the space over which an effect is the mean."""
_AT_LEAST = 0.5
"""Of these configurations, what a level counts for that none of them has."""
_APART = 1.6
"""A trial is compared at its last epoch, and at earlier ones that lie so many times apart."""

Curve = Mapping[int, float]
"""The objective by epoch, as if training had ended there; more is better."""


def effects(study: OpenStudy) -> Learnt:
    """What the trials of a study say of its space; nothing of too few, or of confirmation runs.

    An effect is by how much one level of a parameter is better than its others at the last epoch,
    in the mean of the space: a surrogate (``hpsearch.search.surrogate``) fills in what was not
    tried. Its interval is that of a bagged posterior (Huggins and Miller, 2023, "Reproducible model
    selection using bagged posteriors"): the posteriors by bootstrap samples of the trials, taken
    together. It is wider than that of one posterior, which believes its own assumptions.
    """
    if study.is_closed:
        return Learnt()
    found = factors(study.file.space)
    seen, curves = list[list[int]](), list[Curve]()
    for trial in _compared(study.trials())[-MOST:]:
        known, curve = config(study, trial), curve_of(trial, study.file)
        levels = None if known is None else levels_of(found, flat(known))
        if levels is not None and curve:
            seen.append(levels)
            curves.append(curve)
    return learnt(study.file, np.array(seen, np.int64), curves)


def _compared(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that say something: complete and pruned ones."""
    return [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def curve_of(trial: FrozenTrial, file: StudyFile) -> Curve:
    """The curve of a trial; a complete one has its value at the last epoch, wherever it stopped."""
    metric, last = file.objective.measure, file.training.epochs
    reported = {
        epoch: worst_first(metric, value)
        for epoch, value in sorted(epoch_values(trial, last).items())
        if epoch >= 1 and math.isfinite(value)
    }
    if file.objective.epoch == "best":
        reported = dict(zip(reported, accumulate(reported.values(), max), strict=True))
    if trial.state == TrialState.COMPLETE:
        if trial.value is None or not math.isfinite(trial.value):
            return {}
        reported[last] = worst_first(metric, trial.value)
    return reported


def learnt(file: StudyFile, levels: Levels, curves: Sequence[Curve]) -> Learnt:
    """What trials say of a space; nothing of too few, or of equal ones.

    Args:
        file: the study.
        levels: of the trials, by the factors of its space, shape (trials, factors).
        curves: of the same trials, none of them empty.
    """
    found, last = factors(file.space), file.training.epochs
    if not found or len(curves) < LEAST or len({curve[max(curve)] for curve in curves}) < 2:
        return Learnt()
    pruned = sum(max(curve) < last for curve in curves)
    points = sampled(file.space, found, _POINTS)
    shares = [
        _counts(points[:, number], factor).astype(np.float64) + _AT_LEAST
        for number, factor in enumerate(found)
    ]
    means = _main_effects(points, found, _values(file, levels, curves, points, shares))
    told, untold = list[Effect](), list[Untold]()
    for number, factor in enumerate(found):
        have = _counts(levels[:, number], factor)
        if not have.any():  # it stands under a choice that no trial has, which is told
            continue
        one, other = _of_factor(factor, have, shares[number], means[number])
        told += one
        untold += other
    return Learnt(effects=by_parameter(told), untold=untold, trials=len(curves), pruned=pruned)


def _counts(levels: Levels, factor: Factor) -> Levels:
    """How many have each level of a factor."""
    return np.bincount(levels[levels != ABSENT], minlength=len(factor.labels))


def _values(
    file: StudyFile,
    levels: Levels,
    curves: Sequence[Curve],
    points: Levels,
    shares: Sequence[Floats],
) -> Floats:
    """What the objective may be at points of the space, more is better, shape (points, draws)."""
    # A third of a second to import, which only those pay who have trials enough.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    from hpsearch.search.link import Link  # noqa: PLC0415
    from hpsearch.search.surrogate import Observed, Surrogate  # noqa: PLC0415

    last = file.training.epochs
    which, epochs, values = _at_equal_epochs(curves, last)
    link = Link.of(file.objective.measure, values)
    length = math.log(last) or 1.0
    observed = Observed(
        levels=levels, trial=which, earliness=1 - np.log(epochs) / length, value=link.line(values)
    )
    # Of small matrices several threads are slower than one, where workers train up to 20 times.
    with threadpool_limits(1, "blas"):
        process, draw = Surrogate(observed, shares), np.random.default_rng(0)
        lines = process.bagged(points, resamples=RESAMPLES, functions=_FUNCTIONS, draw=draw)
    return link.back(lines)


def _at_equal_epochs(curves: Sequence[Curve], last: int) -> tuple[Levels, Floats, Floats]:
    """Of which trial, at which epoch and how good each value is that trials are compared by.

    The first epoch is the one at which pruning began; the last one is each trial's own.
    """
    knot, knots = min(max(curve) for curve in curves), set[int]()
    while knot < last:
        knots.add(knot)
        knot = math.ceil(_APART * knot)
    kept = [
        (trial, epoch, value)
        for trial, curve in enumerate(curves)
        for epoch, value in curve.items()
        if epoch in knots or epoch == max(curve)
    ]
    which, epochs, values = zip(*kept, strict=True)
    return np.array(which, np.int64), np.array(epochs, float), np.array(values, float)


def _main_effects(points: Levels, found: Sequence[Factor], values: Floats) -> list[Floats]:
    """The mean value of each level of each factor, over what the other factors may be.

    By least squares, so that it matters little which points were drawn; shape (levels, draws) each,
    up to a constant.
    """
    columns = [np.ones((len(points), 1))]
    for number, factor in enumerate(found):
        have = (points[:, number, None] == np.arange(len(factor.labels))).astype(float)
        # Around their mean: else the levels under a choice would together stand for the choice.
        there = have.sum(axis=1, keepdims=True)
        columns.append(have - there * (have.sum(axis=0) / max(there.sum(), 1)))
    design = np.hstack(columns)
    fitted = np.linalg.pinv(design) @ values
    ends = np.cumsum([1, *(len(factor.labels) for factor in found)])
    return [fitted[a:b] for a, b in pairwise(ends)]


def _of_factor(
    factor: Factor, have: Levels, shares: Floats, means: Floats
) -> tuple[list[Effect], list[Untold]]:
    """The effects of a factor's levels, each against the rest, and what cannot be told.

    Args:
        factor: the factor.
        have: how many trials have each level, shape (levels,).
        shares: of the space, shape (levels,).
        means: of each level, more is better, shape (levels, draws).
    """
    told, untold, of = list[Effect](), list[Untold](), int(have.sum())
    for level, label in enumerate(factor.labels):
        trials = int(have[level])
        if shares[level] == _AT_LEAST:  # one of very many, of which the points tell nothing
            continue
        if min(trials, of - trials) < HAVE_IT:
            untold.append(Untold(name=factor.name, level=label, trials=trials, of=of))
            continue
        rest = np.where(np.arange(len(shares)) == level, 0.0, shares)
        gains = means[level] - rest @ means / rest.sum()
        low, high = np.percentile(gains, [5, 95])
        told.append(
            Effect(
                name=factor.name,
                level=label,
                against="the rest",
                gain=float(gains.mean()),
                low=float(low),
                high=float(high),
                trials=trials,
                others=of - trials,
            )
        )
    return _of_two(told, untold) if len(factor.labels) == 2 else (told, untold)


def _of_two(told: list[Effect], untold: list[Untold]) -> tuple[list[Effect], list[Untold]]:
    """Of two levels the better one against the other; or the rarer one, of which nothing is told.

    Args:
        told: the effect of each, or none.
        untold: both, or none.
    """
    if len(told) < 2:
        return [], sorted(untold, key=lambda one: one.trials)[:1]
    better, worse = sorted(told, key=lambda one: -one.gain)
    return [replace(better, against=worse.level)], []
