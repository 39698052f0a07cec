"""Measures what one more worker costs beside 64, 256 and 1,000 running trials, on PostgreSQL.

    .venv/bin/python scripts/bench/search/crowd.py

More workers than this machine could run: their trials are put into the storage as running ones,
each with its parameters and half of its thirty reports, in a study of 1,000 complete trials. Beside
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
from postgres import EPOCHS, SUMMARY, Server, claimed, fill, one_server
from record import Row, write  # of the folder above
from scale import FACTS, STUDY

from hpsearch.home import Home
from hpsearch.outputs.leftovers import tidy
from hpsearch.outputs.listed import OF_COMPLETE, listed
from hpsearch.search import budget
from hpsearch.search.making import open_or_create
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import load
from hpsearch.workers.identity import identity
from hpsearch.workers.lease import Observer, mend

CROWDS = (64, 256, 1000)
COMPLETE = 1000
TIMES, CHEAP = 20, 200
"""Of each operation; of those that take milliseconds."""


def crowd(study: OpenStudy, running: int) -> None:
    """Bring the study to so many running trials, of workers of other machines."""
    like = itertools.cycle(study.trials()[:COMPLETE])
    for number in range(study.counts().running, running):
        one = next(like)
        study.optuna.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=one.params,
                distributions=one.distributions,
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
    for heartbeat in study.storage.heartbeats(study.study_id):
        study.storage.beat(study.trial_id(heartbeat.number))


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


def operations(study: OpenStudy) -> dict[str, tuple[int, Callable[[], Any]]]:
    """What a worker does, and how often, by name; the first makes the trials for all others."""
    trials: list[optuna.Trial] = []
    where_pruned = range(EPOCHS - TIMES, EPOCHS + 1)
    reports = ((trial, epoch) for trial in trials for epoch in where_pruned)
    observer = Observer()

    def beat() -> None:
        budget.stop_requested(study, 0)
        study.storage.beat(study.trial_id(trials[-1].number))

    return {
        "a claim, until it can train": (TIMES, lambda: trials.append(claimed(study))),
        "a report and the pruner's answer": (CHEAP, lambda: report(*next(reports))),
        "a sign of life": (CHEAP, beat),
        "a look at all others": (CHEAP, lambda: mend(study, observer)),
        "the end of a trial": (TIMES, lambda: end(study, trials.pop())),
    }


def measure(study: OpenStudy, server: Server, running: int) -> list[Row]:
    """Each operation beside so many running trials."""
    crowd(study, running)
    server.analyze()
    rows: list[Row] = []
    for what, (times, operate) in operations(study).items():
        operate()  # what is read once is read
        waited: list[float] = []
        own, its = time.process_time(), server.seconds()
        while len(waited) < times:
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
        fill(study, COMPLETE)
        for running in CROWDS:
            rows += measure(study, server, running)
            print(*rows[-15:], sep="\n", flush=True)
        storage.close()
    print(write("search/crowd", "One more worker beside many", rows))


if __name__ == "__main__":
    main()
