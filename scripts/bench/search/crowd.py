"""Measures what one more worker costs beside 64, 256 and 1,000 running trials, on PostgreSQL.

    .venv/bin/python scripts/bench/search/crowd.py

More workers than this machine could run: their trials are put into the storage as running ones,
each with its parameters and half of its thirty reports, in a study of 100 complete trials. Beside
them one worker claims some twenty trials and draws their configurations (TPE), reports and asks the
pruner, gives signs of life, looks at those of all others, and ends its trials. Of each operation it
says how long the worker waits, how much processor time of its own that is, and how much of the
server's. Results: results/search-crowd.csv and .md beside the other benchmarks'.
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

import optuna
from optuna.trial import TrialState, create_trial
from postgres import EPOCHS, SUMMARY, Server, begin, one_server
from record import Row, write  # of the folder above
from scale import FACTS, STUDY

from hpsearch.home import Home
from hpsearch.search import budget
from hpsearch.search.artifacts import OF_COMPLETE, listed
from hpsearch.search.opening import open_storage
from hpsearch.search.study import OpenStudy, open_or_create
from hpsearch.study_file import load
from hpsearch.workers.identity import identity
from hpsearch.workers.lease import Observer, mend
from hpsearch.workers.leftovers import tidy

CROWDS = (64, 256, 1000)
COMPLETE = 100
TIMES = 20
"""Of each operation."""


def fill(study: OpenStudy, running: int) -> None:
    """Bring the study to so many running trials; first of all its complete ones."""
    done = study.counts()
    for number in range(done.complete, COMPLETE):
        trial = claimed(study)
        for epoch in range(1, EPOCHS + 1):
            trial.report(0.5 + number % 7 / 20, epoch)
        study.optuna.tell(trial, 0.5 + number % 7 / 20)
    complete = study.trials()[:COMPLETE]
    for number in range(done.running, running):
        like = complete[number % COMPLETE]
        study.optuna.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=like.params,
                distributions=like.distributions,
                intermediate_values=dict.fromkeys(range(1, EPOCHS // 2 + 1), 0.5),
                user_attrs={
                    "worker": f"host-{number}:17",
                    "process": {"place": f"host-{number}", "started": 1},
                    "device": "CPU",
                    "seed": number,
                    "parameters": 100_000,
                },
            )
        )


def claimed(study: OpenStudy) -> optuna.Trial:
    """A trial with its configuration."""
    trial = budget.claim(study)
    if trial is None:
        raise AssertionError("the budget has places")
    begin(study, trial)
    return trial


def report(trial: optuna.Trial, epoch: int) -> None:
    """What a worker does after an epoch."""
    trial.report(0.5, epoch)
    trial.should_prune()


def end(study: OpenStudy, trial: optuna.Trial) -> None:
    """What a worker does at a trial's end."""
    trial_id = study.trial_id(trial.number)
    study.storage.annotate(trial_id, SUMMARY, listed(OF_COMPLETE))
    study.optuna.tell(trial, 0.5)
    tidy(study, Home(Path("/dev/null/nowhere")))


def operations(study: OpenStudy) -> dict[str, Callable[[], Any]]:
    """What a worker does, by name; the first makes the trials for all others."""
    epochs = itertools.count(EPOCHS - TIMES)  # where the pruner looks
    trials: list[optuna.Trial] = []
    observer = Observer()
    return {
        "a claim, until it is trained": lambda: trials.append(claimed(study)),
        "a report and the pruner's answer": lambda: report(trials[-1], next(epochs)),
        "a sign of life": lambda: (
            budget.stop_requested(study, 0), study.storage.beat(study.trial_id(trials[-1].number))
        ),
        "a look at all others": lambda: mend(study, observer),
        "the end of a trial": lambda: end(study, trials.pop()),
    }  # fmt: skip


def measure(study: OpenStudy, server: Server, running: int) -> list[Row]:
    """Each operation beside so many running trials."""
    fill(study, running)
    server.analyze()
    rows: list[Row] = []
    for what, operate in operations(study).items():
        operate()  # what is read once is read
        waited: list[float] = []
        own, its = time.process_time(), server.seconds()
        while len(waited) < TIMES:
            began = time.perf_counter()
            operate()
            waited.append(1000 * (time.perf_counter() - began))
        own, its = time.process_time() - own, server.seconds() - its
        name = f"beside {running:,} running trials: {what}"
        rows += [
            (f"{name}, median", statistics.median(waited), "ms"),
            (f"{name}, processor time of the worker", 1000 * own / len(waited), "ms"),
            (f"{name}, processor time of the server", 1000 * its / len(waited), "ms"),
        ]
    return rows


def main() -> None:
    """Measure, and write the table."""
    rows: list[Row] = []
    with one_server() as (url, server):
        storage = open_storage(url)
        changes = ["name=crowd", "budget.trials=1000000", "budget.plateau=100000000"]
        study, _ = open_or_create(storage, load(STUDY, changes), FACTS)
        storage.owner = identity()
        for running in CROWDS:
            rows += measure(study, server, running)
            print(*rows[-12:], sep="\n", flush=True)
        storage.close()
    print(write("search/crowd", "One more worker beside many", rows))


if __name__ == "__main__":
    main()
