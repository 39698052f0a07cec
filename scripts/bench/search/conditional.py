"""Compares hpsearch's conditional TPE with Optuna's samplers on objectives that cost nothing.

    .venv/bin/python scripts/bench/search/conditional.py [--seeds 20] [--processes 2]

The objectives are those of trees.py. Every way searches with every seed, one trial after the other;
told is the regret of the best trial so far without its noise, 0 for the optimum and 1 for the
median random configuration. Results: results/search-conditional.csv (a line a search, for programs)
and .md beside the other benchmarks'. Searches that are in the file already are not repeated.
"""

import argparse
import itertools
import multiprocessing
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from scipy import stats
from trees import MAKERS, Floats, extent, tree

from hpsearch.search.sampling.conditional import ConditionalTPESampler
from hpsearch.search.sampling.seeds import derive_seed

from record import RESULTS, Growing, machine  # isort: skip  # found once trees is imported

MARKS = (20, 40, 60, 100)
"""Trials after which searches are compared."""
TABLE = Growing(
    "search-conditional", ("objective", "way", "seed", *(str(mark) for mark in MARKS), "seconds")
)
WAYS = ("random", "tpe", "tpe group", "conditional")


def optunas(way: str, seed: int) -> BaseSampler:
    """The sampler of Optuna's for one of ``WAYS``."""
    match way:
        case "random":
            return RandomSampler(seed=seed)
        case "tpe":
            return TPESampler(seed=seed)
    return TPESampler(seed=seed, multivariate=True, group=True)


def search(job: tuple[str, str, int]) -> dict[str, Any]:
    """One search: a row of the table."""
    name, way, seed = job
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    of, noise = tree(name), np.random.default_rng(seed)
    study = optuna.create_study(sampler=optunas(way, seed))
    row: dict[str, Any] = {"objective": name, "way": way, "seed": seed}
    best, reached, asked = np.inf, np.inf, 0.0
    for number in range(1, MARKS[-1] + 1):
        start = time.perf_counter()
        if way == "conditional":  # it is made anew for each trial, as hpsearch does
            study.sampler = ConditionalTPESampler(of.walk, derive_seed(seed, "sampler", number - 1))
        trial = study.ask()
        point = of.walk(trial)
        asked += time.perf_counter() - start
        loss = of.loss(point)
        told = loss + noise.normal(0.0, of.noise)
        study.tell(trial, told)
        if told < best:
            best, reached = told, loss
        if number in MARKS:
            row[str(number)] = round(regret(name, reached), 4)
    return row | {"seconds": round(asked / MARKS[-1], 4)}


def regret(name: str, loss: float) -> float:
    """How far a loss is from the optimum; 1: as far as the median random configuration."""
    optimum, median = extent(name)
    return (loss - optimum) / (median - optimum)


def measure(seeds: int, ways: Sequence[str], processes: int) -> None:
    """Run the searches that are missing; each is added to the file when it is over."""
    done = {(row["objective"], row["way"], int(row["seed"])) for row in TABLE.rows()}
    every = [(name, way, seed) for name in MAKERS for seed in range(seeds) for way in ways]
    jobs = [job for job in every if job not in done]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for row in pool.imap(search, jobs, chunksize=4):
            TABLE.add([row])


def results() -> dict[tuple[str, str], Floats]:
    """By objective and way the regrets after each mark, shape (seeds, marks), of common seeds."""
    found: dict[tuple[str, str], dict[int, list[float]]] = {}
    for row in TABLE.rows():
        regrets = [float(row[str(mark)]) for mark in MARKS]
        found.setdefault((row["objective"], row["way"]), {})[int(row["seed"])] = regrets
    common = sorted(set.intersection(*(set(seeds) for seeds in found.values())))
    return {key: np.array([seeds[seed] for seed in common]) for key, seeds in found.items()}


def interval(values: Floats) -> str:
    """Mean and half of the 95 % interval of the mean (Student's t)."""
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return f"{values.mean():.3f} ± {half:.3f}"


def table() -> str:
    """The results to be read."""
    of, head = results(), [f"after {mark}" for mark in MARKS]
    lines = [
        "# A conditional TPE against Optuna's samplers",
        "",
        (
            "Made by `scripts/bench/search/conditional.py`: trials one after the other. Regret of"
            " the best trial so far, 0: the optimum, 1: the median random configuration; mean of"
            f" {len(next(iter(of.values())))} seeds and 95 % interval."
        ),
        "",
        *(f"- {key}: {value}" for key, value in machine().items()),
        *(f"- {name}: {tree(name).told or 'synthetic'}" for name in MAKERS),
        "",
        *_head(["objective", "sampler", *head]),
    ]
    for name, way in itertools.product(MAKERS, WAYS):
        cells = [interval(of[name, way][:, mark]) for mark in range(len(MARKS))]
        lines.append(_line([name, way, *cells]))
    recorded = [name for name in MAKERS if tree(name).told]
    synthetic = [name for name in MAKERS if name not in recorded]
    for kind, names in (("synthetic", synthetic), ("recorded", recorded)):
        lines += [
            "",
            f"Means over the {kind} objectives; by seed, what is above conditional's:",
            "",
        ]
        lines += _means({way: np.mean([of[name, way] for name in names], axis=0) for way in WAYS})
    return "\n".join(lines) + "\n"


def _means(of: Mapping[str, Floats]) -> list[str]:
    """A table of the ways' mean regrets, each of shape (seeds, marks)."""
    head = [f"after {mark}" for mark in MARKS]
    lines = _head(["sampler", *head, *(f"above, {one}" for one in head)])
    for way, values in of.items():
        gaps = (values - of["conditional"]).T
        above = ["" if way == "conditional" else interval(gap) for gap in gaps]
        lines.append(_line([way, *(f"{one:.3f}" for one in values.mean(axis=0)), *above]))
    return lines


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), "|---" * len(cells) + "|"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    measure(options.seeds, options.ways, options.processes)
    text = table()
    (RESULTS / "search-conditional.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
