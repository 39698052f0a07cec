"""Compares pairs of sampler and pruner as hpsearch runs them, at equal time.

    .venv/bin/python scripts/bench/search/live.py FOLDER

FOLDER has Fashion-MNIST's four idx files. Each pair searches with every seed by ``hpsearch run``,
two workers, for the same time, with early stopping as it comes; the best configuration of each
search is then trained again with new seeds, because the best validation value of a search flatters
the more the noisier its trials are. Results: results/search-live.csv (a line a trial), .md and .png
beside the other benchmarks'. Searches that are in the file are not repeated: the command goes
on where it was cut off.
"""

import argparse
import itertools
import multiprocessing
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import figure
from optuna.trial import TrialState
from setting import Setting, study_text

from hpsearch.config import TrialConfig
from hpsearch.home import Home
from hpsearch.search.lookup import load_study
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import best, config

from record import RESULTS, Growing, machine  # isort: skip  # found once setting is imported

LIMIT, EPOCHS, SEEDS, AGAIN = 4_000, 20, 10, 5
SECONDS = 60
"""Of each search, from its first trial's start."""
MARKS = (0.25, 0.5, 1.0)
"""Shares of the time at which the table looks."""
RANDOM = "random, no pruner"
ANY_ORDER = '[sampler]\ntype = "tpe"\ncheapest_first = false\n[pruner]\n'
PAIRS = {
    "tpe, median": "",
    RANDOM: '[sampler]\ntype = "random"\n[pruner]\ntype = "none"',
    "tpe in any order, median after 5": f'{ANY_ORDER}type = "median"\nn_startup_trials = 5',
    "tpe in any order, successive halving": f'{ANY_ORDER}type = "successive_halving"',
}
"""What each study file says of sampler and pruner; nothing: as hpsearch comes."""
TABLE = Growing("search-live", ("pair", "seed", "trial", "ended", "value", "epochs"))
Rows = list[dict[str, Any]]


def search(name: str, seed: int, folder: Path) -> Rows:
    """One search and its winner trained again; a row a trial, those of the winner from -1 down."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as scratch:
        home, file = Home(Path(scratch) / "home"), Path(scratch) / "bench.toml"
        options = {"limit": LIMIT, "epochs": EPOCHS, "seed": seed}
        text = study_text(folder, trials=100_000, rest=PAIRS[name], **options)
        file.write_text(text, encoding="utf-8")
        subprocess.run(  # noqa: S603  # ourselves
            [
                sys.executable, "-m", "hpsearch", "run", str(file), "--timeout", f"{SECONDS}s",
                "--no-reference", "--workers", "2", "--gpus", "none", "--home", str(home.root),
            ],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        storage = open_storage(home.storage_url(), create=False)
        study = load_study(storage, "bench")
        rows = rows_of(study)
        winner = config(study, best(study))
        storage.close()
    if winner is None:
        raise AssertionError("a trial that is complete has a configuration")
    # In processes of their own: TensorFlow is not to grow here from search to search.
    numbers = range(AGAIN)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        parts = [(winner, folder, seed, numbers[half::2]) for half in (0, 1)]
        values = itertools.chain(*pool.starmap(again, parts))
    rows += [{"trial": -number, "value": value} for number, value in enumerate(values, 1)]
    return [{"pair": name, "seed": seed, **row} for row in rows]


def rows_of(study: OpenStudy) -> Rows:
    """The trials that the search brought to an end, with the seconds since its first one began."""
    ended = [t for t in study.trials() if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    first = min(t.datetime_start for t in ended if t.datetime_start)
    return [
        {
            "trial": t.number,
            "ended": round((t.datetime_complete - first).total_seconds(), 2),
            "value": t.value if t.state is TrialState.COMPLETE else None,
            "epochs": len(t.intermediate_values),
        }
        for t in ended
        if t.datetime_complete
    ]


def again(winner: TrialConfig, folder: Path, seed: int, numbers: Sequence[int]) -> list[float]:
    """The value of a configuration with new seeds, every epoch trained; its best epoch counts."""
    setting = Setting(folder, limit=LIMIT, epochs=EPOCHS, trials=1, seed=seed)
    seeds = [derive_seed(seed, "again", number) for number in numbers]
    outcomes = [setting.train(winner, new) for new in seeds]
    return [outcome.value for outcome in outcomes if outcome is not None]


def read() -> Rows:
    """The trials that were measured so far."""
    return [
        {
            "pair": row["pair"],
            "seed": int(row["seed"]),
            "trial": int(row["trial"]),
            "ended": float(row["ended"] or 0.0),
            "value": float(row["value"]) if row["value"] else None,
            "epochs": int(row["epochs"] or 0),
        }
        for row in TABLE.rows()
    ]


def measure(folder: Path) -> None:
    """Run the searches that are missing, one at a time."""
    done = {(row["pair"], row["seed"]) for row in read()}
    for seed, name in itertools.product(range(SEEDS), PAIRS):
        if (name, seed) not in done:
            rows = search(name, seed, folder)
            TABLE.add(rows)
            print(f"seed {seed}, {name}: {best_by(rows, SECONDS):.4f}", flush=True)


def best_by(rows: Rows, seconds: float) -> float:
    """The best value among trials of one search that had ended by then."""
    values = [
        r["value"]
        for r in rows
        if r["trial"] >= 0 and r["value"] is not None and r["ended"] <= seconds
    ]
    return max(values, default=0.0)


def summarize(rows: Rows) -> dict[str, dict[int, Rows]]:
    """The rows by pair and seed."""
    found: dict[str, dict[int, Rows]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["pair"]][row["seed"]].append(row)
    return {name: found[name] for name in PAIRS}


def interval(values: Sequence[float]) -> str:
    """Mean and standard error, in percent."""
    return f"{100 * fmean(values):.2f} ± {100 * stdev(values) / len(values) ** 0.5:.2f}"


def table(found: dict[str, dict[int, Rows]]) -> str:
    """The results to be read."""
    lines = [
        "# Pairs of sampler and pruner, live",
        "",
        (
            f"Made by `scripts/bench/search/live.py`: `hpsearch run` for {SECONDS} s with two"
            f" workers, {SEEDS} seeds, {LIMIT:,} images, {EPOCHS} epochs. Best validation accuracy"
            f" so far in percent (mean over the seeds, standard error); the winner trained {AGAIN}"
            " times with new seeds; in how many seeds the search, and its winner trained again,"
            " was better than random search without a pruner; trials a search, and the share of"
            " their epochs that was not trained. Searches are kept once they are measured: those in"
            " any order ran before there was another order, the others later and in turn."
        ),
        "",
    ]
    lines += [f"- {key}: {value}" for key, value in machine().items()]
    heads = [
        "pair", *(f"after {SECONDS * mark:g} s" for mark in MARKS), "winner again",
        "beats random", "winner beats random's", "trials", "epochs saved",
    ]  # fmt: skip
    lines += ["", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    values = {
        name: {seed: best_by(rows, SECONDS) for seed, rows in seeds.items()}
        for name, seeds in found.items()
    }
    winners = {
        name: {
            seed: fmean(r["value"] for r in rows if r["trial"] < 0) for seed, rows in seeds.items()
        }
        for name, seeds in found.items()
    }
    for name, seeds in found.items():
        trials = [[r for r in rows if r["trial"] >= 0] for rows in seeds.values()]
        counts = [len(rows) for rows in trials]
        epochs = sum(r["epochs"] for rows in trials for r in rows)
        cells = [
            interval([best_by(rows, SECONDS * mark) for rows in seeds.values()]) for mark in MARKS
        ]
        cells.append(interval(list(winners[name].values())))
        for measured in (values, winners):
            wins = sum(v > measured[RANDOM][seed] for seed, v in measured[name].items())
            cells.append("" if name == RANDOM else f"{wins} of {len(seeds)}")
        cells += [f"{fmean(counts):.0f}", f"{100 - 100 * epochs / sum(counts) / EPOCHS:.0f} %"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(found: dict[str, dict[int, Rows]]) -> None:
    """The figure: the best value so far over the seconds, mean over the seeds."""
    moments = list(range(10, SECONDS + 1))
    figure.lines(
        "search-live",
        f"Pairs of sampler and pruner, live: mean of {SEEDS} searches",
        "seconds of search",
        "best validation accuracy so far, %",
        {
            name: (
                moments,
                [100 * fmean(best_by(rows, s) for rows in seeds.values()) for s in moments],
            )
            for name, seeds in found.items()
        },
    )


def main() -> None:
    """Measure what is missing, then write the table and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    measure(options.folder.absolute())
    found = summarize(read())
    text = table(found)
    (RESULTS / "search-live.md").write_text(text, encoding="utf-8")
    draw(found)
    print(text)


if __name__ == "__main__":
    main()
