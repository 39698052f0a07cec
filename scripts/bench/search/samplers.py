"""Compares samplers in live searches on Fashion-MNIST, limited, with the conditional space.

    .venv/bin/python scripts/bench/search/samplers.py FOLDER

FOLDER has Fashion-MNIST's four idx files. Every sampler searches with every seed, one trial after
the other, the same number of trials and without pruning; the best configuration of each search is
then trained again with new seeds, because the best validation value of a search flatters the more
the noisier its trials are. Results: results/search-samplers.csv (a line a trial, for programs),
search-samplers.md and search-samplers.png beside the other benchmarks'. Searches that are in the
file already are not repeated: the command goes on where it was cut off.
"""

import argparse
import importlib.util
import multiprocessing
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, stdev, variance
from typing import Any

import figure
import numpy as np
import optuna
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler, TPESampler
from setting import Setting, space

from hpsearch.ranges import Suggest
from hpsearch.search.sampling.conditional import ConditionalTPESampler
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

from record import RESULTS, Growing, machine  # isort: skip  # found once setting is imported

LIMIT, EPOCHS, TRIALS, SEEDS, AGAIN = 4_000, 5, 60, 10, 5
FROM = 5
"""The first trial of the figure; what is before is steep and tells nothing."""
START = 16
"""Quasi-random trials before TPE takes over; Sobol's sequence is balanced at powers of two."""
TABLE = Growing("search-samplers", ("sampler", "seed", "trial", "value", "seconds"))


class Start(BaseSampler):
    """One sampler for the first trials, another one for the rest."""

    def __init__(self, first: BaseSampler, then: BaseSampler) -> None:
        self._first, self._then = first, then

    def _of(self, trial: optuna.trial.FrozenTrial) -> BaseSampler:
        return self._first if trial.number < START else self._then

    def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
        """The space of whose turn it is."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
        """A point of whose turn it is."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: Any, param_name: Any, distribution: Any) -> Any:
        """A value of whose turn it is."""
        return self._of(trial).sample_independent(study, trial, param_name, distribution)


class Everything:
    """Asks for every parameter of the space, also for those that a configuration does not use."""

    def __init__(self, trial: optuna.Trial, file: StudyFile) -> None:
        self._trial = trial
        most = file.space.model_copy(update={"layers": 5})
        for kind in ("adam", "adamw", "sgd", "rmsprop"):
            suggest_config(most, _Fixed(trial, kind))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)


class _Fixed:
    """Asks a trial for everything but the optimizer, which is given."""

    def __init__(self, trial: optuna.Trial, kind: str) -> None:
        self._trial, self._kind = trial, kind

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The trial's choice, or the given optimizer."""
        chosen = self._trial.suggest_categorical(name, choices)
        return self._kind if name == "optimizer" else chosen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)


def tpe(seed: int, **options: Any) -> TPESampler:
    """TPE with options; startup as in Optuna unless given."""
    return TPESampler(seed=seed, **options)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "tpe": tpe,
    "tpe univariate": lambda seed: tpe(seed, multivariate=False),
    "tpe group": lambda seed: tpe(seed, multivariate=True, group=True),
    "tpe all parameters": tpe,
    "tpe conditional": lambda seed: ConditionalTPESampler(partial(suggest_config, space()), seed),
    "qmc, then tpe": lambda seed: Start(
        QMCSampler(
            seed=seed, scramble=True, warn_independent_sampling=False,
            warn_asynchronous_seeding=False,
        ),
        tpe(seed, n_startup_trials=0),
    ),
    "qmc, then tpe group": lambda seed: Start(
        QMCSampler(
            seed=seed, scramble=True, warn_independent_sampling=False,
            warn_asynchronous_seeding=False,
        ),
        tpe(seed, n_startup_trials=0, multivariate=True, group=True),
    ),
}  # fmt: skip
if importlib.util.find_spec("torch") is not None:
    SAMPLERS["gp"] = lambda seed: optuna.samplers.GPSampler(seed=seed)


def search(job: tuple[str, int, str]) -> list[dict[str, Any]]:
    """One search and its winner trained again; a row a trial, those of the winner from -1 down."""
    name, seed, folder = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    setting = Setting(Path(folder), limit=LIMIT, epochs=EPOCHS, trials=TRIALS, seed=seed)
    study = optuna.create_study(
        direction="maximize", sampler=SAMPLERS[name](derive_seed(seed, "sampler") % 2**32)
    )
    rows, configs = [], {}
    for number in range(TRIALS):
        trial = study.ask()
        ask: Suggest = trial
        if name == "tpe all parameters":
            ask = Everything(trial, setting.file)
        configs[number] = suggest_config(setting.file.space, ask)
        outcome = setting.train(configs[number], setting.trial_seed(number))
        if outcome is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, outcome.value)
        value = None if outcome is None else outcome.value
        seconds = 0.0 if outcome is None else outcome.seconds
        rows.append(
            {"sampler": name, "seed": seed, "trial": number, "value": value, "seconds": seconds}
        )
    best = configs[study.best_trial.number]
    for number in range(1, AGAIN + 1):
        outcome = setting.train(best, derive_seed(seed, "again", number))
        if outcome is not None:
            rows.append(
                {
                    "sampler": name,
                    "seed": seed,
                    "trial": -number,
                    "value": outcome.value,
                    "seconds": outcome.seconds,
                }
            )
    return rows


def measure(folder: Path, processes: int) -> None:
    """Run the searches that are missing; each is added to the file when it is over."""
    done = {(row["sampler"], int(row["seed"])) for row in TABLE.rows()}
    jobs = [
        (name, seed, str(folder))
        for seed in range(SEEDS)
        for name in SAMPLERS
        if (name, seed) not in done
    ]
    context = multiprocessing.get_context("spawn")
    # A process for each search: what one leaves behind must not slow the next.
    with context.Pool(processes, maxtasksperchild=1) as pool:
        for count, rows in enumerate(pool.imap_unordered(search, jobs), 1):
            TABLE.add(rows)
            print(
                f"{count} of {len(jobs)}: {rows[0]['sampler']}, seed {rows[0]['seed']}", flush=True
            )


def curves() -> dict[str, dict[int, list[float]]]:
    """Of every sampler and seed: the best value so far after each trial."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in TABLE.rows():
        if int(row["trial"]) >= 0:
            so_far = found[row["sampler"]][int(row["seed"])]
            so_far.append(max([*so_far[-1:], float(row["value"] or 0.0)]))
    return found


def trained_again() -> dict[str, dict[int, list[float]]]:
    """Of every sampler and seed: the values of its best configuration with new seeds."""
    again: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in TABLE.rows():
        if int(row["trial"]) < 0:
            again[row["sampler"]][int(row["seed"])].append(float(row["value"]))
    return again


def luck(best: dict[str, dict[int, list[float]]], again: dict[str, dict[int, list[float]]]) -> str:
    """What a seed makes of a configuration's value, and what a search's winner has of it."""
    of_seeds = [values for seeds in again.values() for values in seeds.values()]
    noise = fmean(variance(values) for values in of_seeds) ** 0.5
    gains = [
        best[name][seed][-1] - fmean(values)
        for name, seeds in again.items()
        for seed, values in seeds.items()
    ]
    return (
        f"A configuration's value with another seed: standard deviation {100 * noise:.2f} points"
        f" (of {len(of_seeds)} winners). The search's own value of its winner is"
        f" {100 * fmean(gains):.2f} points above their mean."
    )


def interval(values: Sequence[float]) -> str:
    """Mean and 95 % interval of the mean (Student's t with nine degrees of freedom: ten values)."""
    half = 2.262 * stdev(values) / len(values) ** 0.5
    return f"{100 * fmean(values):.2f} ± {100 * half:.2f}"


def table() -> str:
    """The results to be read."""
    best, again_all = curves(), trained_again()
    again = {
        name: {seed: fmean(values) for seed, values in seeds.items()}
        for name, seeds in again_all.items()
    }
    lines = [
        "# Samplers on Fashion-MNIST, limited",
        "",
        (
            f"Made by `scripts/bench/search/samplers.py`: {SEEDS} seeds, {TRIALS} trials each of"
            f" {EPOCHS} epochs on {LIMIT:,} images, no pruning. Best validation accuracy so far in"
            " percent, mean over seeds and 95 % interval; the winner trained again with"
            f" {AGAIN} new seeds; in how many seeds its winner was better than random search's."
        ),
        "",
    ]
    lines += [f"- {key}: {value}" for key, value in machine().items()]
    marks = (10, 20, 40, TRIALS)
    head = [*(f"after {mark}" for mark in marks), "winner again", "beats random", "seconds a trial"]
    lines += ["", "| sampler | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    seconds: dict[str, list[float]] = defaultdict(list)
    for row in TABLE.rows():
        if int(row["trial"]) >= 0:
            seconds[row["sampler"]].append(float(row["seconds"]))
    for name, seeds in best.items():
        shared = [s for s in again[name] if s in again.get("random", {})]
        wins = sum(again[name][seed] > again["random"][seed] for seed in shared)
        cells = [interval([seeds[s][mark - 1] for s in seeds]) for mark in marks]
        cells += [
            interval(list(again[name].values())),
            "" if name == "random" else f"{wins} of {len(shared)}",
            f"{fmean(seconds[name]):.2f}",
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", luck(best, again_all)]) + "\n"


def draw() -> None:
    """The figure: the best value so far over the trials, mean over the seeds."""
    drawn = {}
    for name, seeds in curves().items():
        means = [100 * fmean(at) for at in zip(*seeds.values(), strict=True)]
        drawn[name] = (list(range(FROM, len(means) + 1)), means[FROM - 1 :])
    figure.lines(
        "search-samplers",
        f"Samplers on Fashion-MNIST, limited: mean of {SEEDS} searches",
        "trials",
        "best validation accuracy so far, %",
        drawn,
    )


def main() -> None:
    """Measure what is missing, then write the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="only write table and figure anew")
    options = parser.parse_args()
    if not options.table:
        measure(options.folder.absolute(), options.processes)
    text = table()
    (RESULTS / "search-samplers.md").write_text(text, encoding="utf-8")
    draw()
    print(text)


if __name__ == "__main__":
    np.seterr(all="raise")
    main()
