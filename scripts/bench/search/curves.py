"""Records full learning curves of random configurations on Fashion-MNIST, limited.

    .venv/bin/python scripts/bench/search/curves.py FOLDER

FOLDER has Fashion-MNIST's four idx files. No configuration is pruned or stopped early, so that
pruners.py can replay on them what any pruner would have done. Results: results/search-curves.csv
beside the other benchmarks', a line a configuration: its learning-rate schedule, its optimizer, the
seconds of an epoch and the validation accuracy after each. The command goes on where it was cut
off.
"""

import argparse
import multiprocessing
from pathlib import Path
from typing import Any

import optuna
from setting import Setting

from hpsearch.space import suggest_config

from record import Growing  # isort: skip  # found once setting is imported

LIMIT, EPOCHS, CURVES = 4_000, 20, 300
COLUMNS = ("number", "lr_schedule", "optimizer", "seconds", *(str(e + 1) for e in range(EPOCHS)))
TABLE = Growing("search-curves", COLUMNS)
SHARE = 25
"""Configurations of one process: what one leaves behind must not slow the next for ever."""


def record(job: tuple[str, list[int]]) -> list[dict[str, Any]]:
    """The curves of some configurations; one that diverges keeps what it has reached."""
    folder, numbers = job
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    setting = Setting(Path(folder), limit=LIMIT, epochs=EPOCHS, trials=CURVES, seed=0)
    rows = []
    for number in numbers:
        sampler = optuna.samplers.RandomSampler(seed=setting.trial_seed(number) % 2**32)
        config = suggest_config(setting.file.space, optuna.create_study(sampler=sampler).ask())
        outcome = setting.train(config, setting.trial_seed(number))
        curve = (
            [] if outcome is None else [round(e.values["val_accuracy"], 5) for e in outcome.curves]
        )
        seconds = 0.0 if outcome is None else outcome.seconds / EPOCHS
        kind = config.optimizer.type
        rows.append(
            dict(
                zip(
                    COLUMNS,
                    (number, config.lr_schedule, kind, round(seconds, 3), *curve),
                    strict=False,
                )
            )
        )
    return rows


def main() -> None:
    """Record what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    there = {int(row["number"]) for row in TABLE.rows()}
    missing = [number for number in range(CURVES) if number not in there]
    jobs = [
        (str(options.folder.absolute()), missing[start : start + SHARE])
        for start in range(0, len(missing), SHARE)
    ]
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, maxtasksperchild=1) as pool:
        for rows in pool.imap_unordered(record, jobs):
            TABLE.add(rows)
            print(f"{len(TABLE.rows())} of {CURVES} curves", flush=True)


if __name__ == "__main__":
    main()
