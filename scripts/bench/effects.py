"""Whether the effects that hpsearch tells cover the truth: searches replayed on recorded grids.

    .venv/bin/python scripts/bench/effects.py [--searches 40]

Needs results/effects-grid.csv, made by effects_grid.py. A replay is a search of 60 trials by one
worker with hpsearch's own sampler and pruner, as they come; a trial is the recorded curve of its
configuration by one of five seeds. The truth of an effect is a difference of means over all other
choices. A parameter's size is its greatest effect; beside the order by our effects stands that of
PED-ANOVA importances, which see complete trials alone and ask another question: what tells the best
tenth from the others. The priors of the surrogate were chosen by such replays, so that the coverage
of these three sets is no proof for a fourth. What a replay lacks: the initial design and several
workers. Results: results/effects.csv and .md.
"""

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from multiprocessing import get_context
from statistics import fmean
from typing import Any

import numpy as np
import optuna
from effects_grid import DATA, EPOCHS, TABLE, points, row_of, study_file
from record import Row, write
from scipy.stats import spearmanr

from hpsearch.config import flat
from hpsearch.effect import Learnt
from hpsearch.search.effects import curve_of, learnt
from hpsearch.search.factors import factors, levels_of
from hpsearch.search.forests import PedAnovaImportanceEvaluator, get_param_importances
from hpsearch.search.sampling.pruners import warmup
from hpsearch.search.sampling.samplers import make_sampler
from hpsearch.search_sections import Median
from hpsearch.space import config_of, suggest_config
from hpsearch.study_file import StudyFile

TRIALS = 60
Curves = Mapping[tuple[str, ...], Sequence[tuple[float, ...]]]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one search found, against the truth."""

    covered: Mapping[str, Sequence[bool]]
    """By parameter, of each effect that is told."""
    off: Sequence[float]
    """By how much each gain is off."""
    clear: int
    wrong: int
    """Clear effects whose true sign is the other one."""
    pruned: int
    sizes: Mapping[str, float]
    """By parameter."""
    importances: Mapping[str, float]


@cache
def curves_of(data: str) -> Curves:
    """The recorded curves of each combination."""
    found = defaultdict(list)
    for row in TABLE.rows():
        if row["set"] == data and row["1"]:
            key = tuple(row[name] for name in row_of(points()[0]))
            found[key].append(tuple(float(row[str(epoch + 1)]) for epoch in range(EPOCHS)))
    return found


def truth(data: str) -> dict[str, dict[str, float]]:
    """By parameter and level, how much better it is than the mean of the others; more is better."""
    file, means = study_file(data), defaultdict[tuple[str, str], list[float]](list)
    found = factors(file.space)
    for params in points():
        config = config_of(file.space, params)
        levels = [] if config is None else levels_of(found, flat(config)) or []
        finals = [best(file, curve) for curve in curves_of(data)[tuple(row_of(params).values())]]
        for factor, level in zip(found, levels, strict=True):
            if level >= 0:
                means[factor.name, factor.labels[level]].append(fmean(finals))
    told: dict[str, dict[str, float]] = {}
    for factor in found:
        of = [fmean(means[factor.name, label]) for label in factor.labels]
        told[factor.name] = {
            label: value - (sum(of) - value) / (len(of) - 1)
            for label, value in zip(factor.labels, of, strict=True)
        }
    return told


def best(file: StudyFile, curve: Sequence[float]) -> float:
    """What a training comes to, more is better."""
    maximize = file.objective.measure.direction == "maximize"
    return max(curve) if maximize else -min(curve)


def search(data: str, seed: int) -> tuple[StudyFile, optuna.Study]:
    """A search on the grid."""
    file = study_file(data).model_copy(update={"seed": seed})
    assert isinstance(file.pruner, Median)  # noqa: S101  # as hpsearch comes
    first = warmup(file, file.pruner) + 1
    study = optuna.create_study(
        direction=file.objective.measure.direction,
        pruner=optuna.pruners.MedianPruner(file.pruner.n_startup_trials, first),
    )
    draw = random.Random(seed)  # noqa: S311  # to be the same again
    for number in range(TRIALS):
        study.sampler = make_sampler(file, number)
        trial = study.ask()
        suggest_config(file.space, trial)
        curve = draw.choice(curves_of(data)[tuple(row_of(trial.params).values())])
        for epoch, value in enumerate(curve, 1):
            trial.report(value, epoch)
            if epoch < EPOCHS and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, abs(best(file, curve)))
    return file, study


def replay(job: tuple[str, int]) -> Found:
    """One search, and what is learnt from it."""
    data, seed = job
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file, study = search(data, seed)
    found = factors(file.space)
    configs = [config_of(file.space, trial.params) for trial in study.trials]
    levels = [levels_of(found, flat(config)) for config in configs if config is not None]
    told = learnt(file, np.array(levels), [curve_of(trial, file) for trial in study.trials])
    return judged(told, truth(data), importances(study))


def importances(study: optuna.Study) -> dict[str, float]:
    """PED-ANOVA's, of the complete trials."""
    return dict(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()))


def judged(
    told: Learnt, true: Mapping[str, Mapping[str, float]], shares: Mapping[str, float]
) -> Found:
    """What was told against the truth."""
    covered = defaultdict[str, list[bool]](list)
    sizes = dict.fromkeys(true, 0.0)
    off, wrong = [], 0
    for one in told.effects:
        real = true[one.name][one.level]
        covered[one.name].append(one.low <= real <= one.high)
        off.append(abs(one.gain - real))
        wrong += one.is_clear and one.gain * real < 0
        sizes[one.name] = max(sizes[one.name], abs(one.gain))
    return Found(
        covered=dict(covered),
        off=off,
        clear=sum(one.is_clear for one in told.effects),
        wrong=wrong,
        pruned=told.pruned,
        sizes=sizes,
        importances={name: shares.get(name, 0.0) for name in true},
    )


def rows_of(data: str, found: Sequence[Found]) -> list[Row]:
    """What is told of the searches on one set."""
    true = {name: max(map(abs, of.values())) for name, of in truth(data).items()}
    hits = [hit for one in found for of in one.covered.values() for hit in of]
    metric = study_file(data).objective.measure
    scale, unit = (100.0, "points") if metric.is_share else (1.0, metric.short)
    rows: list[Row] = [
        (f"{data}: searches", len(found), ""),
        (f"{data}: pruned", 100 * fmean(one.pruned / TRIALS for one in found), "%"),
        (f"{data}: effects told", len(hits), ""),
        (f"{data}: covered by their 90 % intervals", 100 * fmean(hits), "%"),
        (f"{data}: off by, mean", scale * fmean(o for one in found for o in one.off), unit),
        (f"{data}: clear effects", sum(one.clear for one in found), ""),
        (f"{data}: of these of the wrong sign", sum(one.wrong for one in found), ""),
    ]
    by_name = Counter[str](), Counter[str]()
    for one in found:
        for name, of in one.covered.items():
            by_name[0][name] += sum(of)
            by_name[1][name] += len(of)
    for name, size in sorted(true.items(), key=lambda one: -one[1]):
        covered = 100 * by_name[0][name] / max(by_name[1][name], 1)
        rows.append((f"{data}: {name}: true size", scale * size, unit))
        rows.append((f"{data}: {name}: covered", covered, "%"))
    effects, shares = [one.sizes for one in found], [one.importances for one in found]
    for what, sizes in (("effects", effects), ("PED-ANOVA", shares)):
        rows += _orders(f"{data}: order by {what}", true, sizes)
    return rows


def _orders(what: str, true: Mapping[str, float], found: Sequence[Mapping[str, Any]]) -> list[Row]:
    """How often sizes of parameters are in their true order."""
    names = sorted(true, key=lambda name: -true[name])
    apart = [(a, b) for a, b in combinations(names, 2) if true[a] >= 2 * true[b]]
    whole = [sorted(names, key=lambda name: -one[name]) == names for one in found]
    first = [max(names, key=lambda name: one[name]) == names[0] for one in found]
    pairs = [one[a] > one[b] for one in found for a, b in apart]
    ranks = [
        spearmanr([true[name] for name in names], [one[name] for name in names])[0] for one in found
    ]
    return [
        (f"{what}: the greatest is first", 100 * fmean(first), "% of searches"),
        (f"{what}: pairs of which one is twice the other", 100 * fmean(pairs), "% right"),
        (f"{what}: rank correlation, mean", fmean(ranks), ""),
        (f"{what}: all seven in order", 100 * fmean(whole), "% of searches"),
    ]


def main() -> None:
    """Replay, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=40)
    options = parser.parse_args()
    rows: list[Row] = []
    with get_context("spawn").Pool(2) as pool:
        for data in DATA:
            jobs = [(data, seed) for seed in range(options.searches)]
            rows += rows_of(data, pool.map(replay, jobs, chunksize=2))
    print(write("effects", "Effects against the truth", rows))


if __name__ == "__main__":
    main()
