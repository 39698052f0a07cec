"""Measures how a study's size and its number of workers bear on commands, asks and reports.

    .venv/bin/python scripts/bench/search/scale.py

Studies of 100, 1,000 and 10,000 finished trials are made in SQLite (random configurations of the
whole space, thirty reported epochs each, as a search leaves them). Each command is started five
times; asks are those of one worker that has read the study; reports are those of 1 to 32 workers,
each a process of its own, that report twice a second to the study of 10,000. Results:
results/search-scale.csv and .md beside the other benchmarks'.
"""

import itertools
import json
import multiprocessing
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

sys.path.append(str(Path(__file__).parents[1]))

from record import Row, write  # of the folder above

from hpsearch.errors import Failure
from hpsearch.home import Home
from hpsearch.outputs.listed import OF_COMPLETE, OF_OTHERS, listed
from hpsearch.search import budget, claims
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile, load

STUDY = Path(__file__).parents[3] / "studies" / "fashion_mnist.toml"
SIZES = (100, 1_000, 10_000)
WORKERS = (1, 2, 4, 8, 16, 32)
COMMANDS = (("ls",), ("show", "{}"), ("best", "{}"), ("trials", "{}", "--json"))
STARTS, ASKS = 5, 30
EVERY = 0.5
"""Seconds between two reports of a worker."""
EPOCHS, WARMUP, TRIALS = 30, 6, 2
"""Of a trial; of these without a question to the pruner; how many each worker reports to. It leaves
out the warm-up, in which the pruner has an easy answer."""
FACTS = {
    "fingerprint": "f" * 64,
    "source": "fashion_mnist",
    "input_shape": [28, 28],
    "class_names": [str(number) for number in range(10)],
    "train": 54_000,
    "validation": 6_000,
    "test": 10_000,
}


class Draw:
    """Random values, as Optuna's random sampler draws them, with what they were drawn from."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """A whole number."""
        value = min(high, max(low, round(self._number(low, high, log=log))))
        self.distributions[name] = IntDistribution(low, high, log=log, step=step)
        self.params[name] = value
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number."""
        value = self.params[name] = min(high, max(low, self._number(low, high, log=log)))
        self.distributions[name] = FloatDistribution(low, high, log=log, step=step)
        return value

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """A choice."""
        self.distributions[name] = CategoricalDistribution(choices)
        self.params[name] = self._chance.choice(choices)
        return self.params[name]

    def _number(self, low: float, high: float, *, log: bool) -> float:
        if log:
            return float(np.exp(self._chance.uniform(np.log(low), np.log(high))))
        return self._chance.uniform(low, high)


def finished_trial(file: StudyFile, number: int) -> FrozenTrial:
    """A trial as a worker leaves it; two of three are pruned. Its curve is made up."""
    chance = random.Random(number)  # noqa: S311  # to be the same again, not secret
    draw = Draw(chance)
    suggest_config(file.space, draw)
    best = 0.9 - chance.expovariate(20)
    epochs = EPOCHS if number % 3 == 0 else chance.randint(6, EPOCHS - 1)
    curve = {epoch: best * (1 - 0.7**epoch) for epoch in range(1, epochs + 1)}
    start = datetime(2026, 1, 1) + timedelta(seconds=10 * number)
    trial = create_trial(
        state=TrialState.COMPLETE if epochs == EPOCHS else TrialState.PRUNED,
        value=curve[epochs],
        params=draw.params,
        distributions=draw.distributions,
        intermediate_values=curve,
        user_attrs={
            "worker": "host:1", "device": "CPU", "process": {"place": "here", "started": 1},
            "parameters": chance.randint(50_000, 5_000_000), "seed": number, "epochs": epochs,
            "best_epoch": epochs, "train_accuracy": best, "gap": chance.uniform(-0.02, 0.1),
            "seconds": chance.uniform(1, 60), "examples_per_second": 1e5,
        },
        system_attrs=dict(listed(OF_COMPLETE if epochs == EPOCHS else OF_OTHERS)),
    )  # fmt: skip
    trial.datetime_start, trial.datetime_complete = start, start + timedelta(seconds=10)
    return trial


def make(home: Home, size: int) -> str:
    """A study of so many finished trials; its name."""
    name = f"scale-{size}"
    file = load(STUDY, [f"name={name}", f"budget.trials={2 * size}", "budget.plateau=100000000"])
    storage = open_storage(home.storage_url())
    study, _ = open_or_create(storage, file, FACTS)
    print(f"making {name} ...", flush=True)
    for number in range(size):
        study.optuna.add_trial(finished_trial(file, number))
    storage.close()
    return name


def command_seconds(home: Home, command: Sequence[str]) -> float:
    """The median time of a command, from its start to its end."""
    seconds = []
    for _ in range(STARTS):
        began = time.perf_counter()
        subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "hpsearch", *command, "--home", str(home.root)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def ask_rows(home: Home, name: str, size: int) -> list[Row]:
    """What one worker waits for: its first look at the study, and then each ask."""
    storage = open_storage(home.storage_url(), create=False)
    study = load_study(storage, name)
    began = time.perf_counter()
    study.trials()
    first = time.perf_counter() - began
    seconds = []
    for number in range(ASKS):
        began = time.perf_counter()
        budget.ending(study)
        trial = claims.claim(study)
        if trial is None:
            raise AssertionError("the budget has places")
        suggest_config(study.file.space, trial)
        seconds.append(time.perf_counter() - began)
        study.optuna.tell(trial, 0.5 + number / 1000)
    storage.close()
    return [
        (f"{size:,} trials: a worker's first look", first, "s"),
        (f"{size:,} trials: ask, median of {ASKS}", statistics.median(seconds), "s"),
        (f"{size:,} trials: ask, longest", max(seconds), "s"),
    ]


def report(study: OpenStudy, ready: Barrier, result: Any) -> None:
    """One worker's process: claims trials and reports to them at its pace, one after the other."""
    claimed = []
    for _ in range(TRIALS):
        trial = claims.claim(study)
        if trial is None:
            raise AssertionError("the budget has places")
        suggest_config(study.file.space, trial)
        claimed.append(trial)
    ready.wait()
    took, judged, errors = [], [], 0
    began = time.perf_counter()
    reports = itertools.product(claimed, range(WARMUP + 1, EPOCHS + 1))
    for number, (trial, epoch) in enumerate(reports, 1):
        due = began + number * EVERY
        time.sleep(max(0.0, due - time.perf_counter()))
        start = time.perf_counter()
        try:
            trial.report(0.5, epoch)
        except Exception:  # noqa: BLE001  # whatever it is, it is what is counted
            errors += 1
        took.append(time.perf_counter() - start)
        trial.should_prune()
        judged.append(time.perf_counter() - start)
    for trial in claimed:
        claims.fail(study, trial.number, Failure.INTERRUPTED, "bench")
    study.storage.close()
    result.put(json.dumps({"took": took, "judged": judged, "errors": errors}))


def report_rows(study: OpenStudy, workers: int) -> list[Row]:
    """How long reports take where so many workers report."""
    # Forked, with the study read and no connection open: thirty-two processes that read it
    # themselves would take minutes.
    study.storage.close()
    context = multiprocessing.get_context("fork")
    ready, result = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=report, args=(study, ready, result)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    found = [json.loads(result.get()) for _ in processes]
    for process in processes:
        process.join()
    took, judged = (
        [1000 * seconds for one in found for seconds in one[key]] for key in ("took", "judged")
    )
    what = f"{workers} workers"
    return [
        (f"{what}: a report, median", statistics.median(took), "ms"),
        (f"{what}: a report, 99 of 100 are within", float(np.percentile(took, 99)), "ms"),
        (f"{what}: a report, longest", max(took), "ms"),
        (f"{what}: with the pruner's answer, median", statistics.median(judged), "ms"),
        (f"{what}: with the pruner's answer, 99 of 100", float(np.percentile(judged, 99)), "ms"),
        (f"{what}: reports that failed", sum(one["errors"] for one in found), ""),
    ]


def main() -> None:
    """Make the studies, measure, and write the tables."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="hpsearch-scale-") as folder:
        for size in SIZES:
            home = Home(Path(folder) / str(size))
            name = make(home, size)
            for command in COMMANDS:
                words = [word.format(name) for word in command]
                seconds = command_seconds(home, words)
                rows.append(
                    (f"{size:,} trials: hpsearch {' '.join(command).format('STUDY')}", seconds, "s")
                )
                print(*rows[-1], flush=True)
            rows += ask_rows(home, name, size)
        study = load_study(open_storage(home.storage_url(), create=False), name)
        study.trials()
        for workers in WORKERS:
            rows += report_rows(study, workers)
            print(*rows[-4], flush=True)
    title = "The size of a study and the number of its workers"
    print(write("search/scale", title, rows))


if __name__ == "__main__":
    main()
