"""Measures what a trial costs beside its training, part by part, and what it costs a usual script.

    .venv/bin/python scripts/bench/overhead.py FOLDER

FOLDER has CIFAR-10 as images in train/<class>/. One worker of hpsearch (its objective on a study in
SQLite, one thread) and then ``study.optimize`` with ``model.fit`` (peers.py, a study in memory)
train the twelve configurations on 10,000 images. A trial's overhead is its whole time, from the end
of the trial before, less its epochs at the pace of the fastest epoch after the first. Results:
results/overhead.csv and overhead.md beside this file.
"""

import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median
from typing import Any

import optuna
from common import make_peers, run_peer, write_data, write_study
from configurations import CONFIGURATIONS
from record import Row, write

from hpsearch import objective as objective_module
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.facts import facts
from hpsearch.data.parts import Parts
from hpsearch.home import Home
from hpsearch.outputs.leftovers import tidy
from hpsearch.recipe import Recipe
from hpsearch.search import claims
from hpsearch.search.making import open_or_create
from hpsearch.search.storage.opening import open_storage
from hpsearch.study_file import load
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.training.start import start_tensorflow

EPOCHS = 4


class Clocks:
    """Seconds spent in some functions, trial by trial."""

    def __init__(self) -> None:
        self.trials: list[dict[str, float]] = []

    def begin(self) -> None:
        """A trial begins."""
        self.trials.append(defaultdict(float))

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Count the time in ``owner.name`` as a part's."""
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return inner(*args, **kwargs)
            finally:
                self.trials[-1][part] += time.perf_counter() - began

        setattr(owner, name, timed)


def excess(seconds: float, epochs: list[float]) -> float:
    """A trial's time that is not its epochs'."""
    return seconds - EPOCHS * min(epochs[1:])


def by_hpsearch(data: Path, scratch: Path) -> list[dict[str, float]]:
    """Of each trial: its overhead as "all", and the parts of it."""
    start_tensorflow(threads=1)
    from hpsearch.training import devices, weights  # noqa: PLC0415 - after start_tensorflow
    from hpsearch.training import train as train_module  # noqa: PLC0415 - see above
    from hpsearch.training.engine import Engine  # noqa: PLC0415 - see above

    file, home = load(write_study(data, scratch, EPOCHS)), Home(scratch / "home")
    dataset = open_dataset(file.dataset, home)
    parts = split(dataset, file.dataset)
    storage = open_storage(f"sqlite:///{home.database}")
    study, _ = open_or_create(storage, file, facts(dataset, parts))
    clocks = Clocks()
    clocks.watch(claims, "claim", "ask and claim")
    clocks.watch(objective_module, "suggest_config", "suggest")
    clocks.watch(train_module, "build_engine", "build")
    clocks.watch(optuna.trial.Trial, "report", "report")
    clocks.watch(optuna.trial.Trial, "should_prune", "report")
    clocks.watch(Engine, "evaluate", "evaluate the training part")
    clocks.watch(weights, "save", "save the weights")
    clocks.watch(devices, "release", "give memory back")
    clocks.watch(optuna.Study, "tell", "tell")
    clocks.watch(optuna.trial.Trial, "set_user_attr", "attributes")
    clocks.watch(type(storage), "annotate", "attributes")
    clocks.watch(objective_module, "same_as", "look for the same configuration")
    epochs: list[float] = []

    def train(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        outcome = train_module.train(recipe, parts, run, watch)
        epochs[:] = [epoch.seconds for epoch in outcome.curves]
        return outcome

    found = objective_module.Objective(study=study, parts=parts, home=home, trainer=train)
    for _ in CONFIGURATIONS:
        clocks.begin()
        began = time.perf_counter()
        if not found.run_one():
            sys.exit("the study has no trial left")
        tidy(study, home)
        # The report of an epoch is not in its seconds.
        trial = clocks.trials[-1]
        rest = excess(time.perf_counter() - began, epochs) - sum(trial.values())
        trial["trace"] = epochs[0] - min(epochs[1:])
        trial["the rest (slower epochs among it)"] = rest - trial["trace"]
        trial["all"] = sum(trial.values())
    storage.close()
    return clocks.trials


def by_script(data: Path, scratch: Path) -> list[float]:
    """Overhead of each trial of a usual script."""
    out = scratch / "script.jsonl"
    run_peer(["overhead", str(EPOCHS), str(data), str(out)], scratch / "script.log")
    return [excess(e["seconds"], e["epochs"]) for e in map(json.loads, out.open())]


def main() -> None:
    """Measure both."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make_peers()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        data = write_data(Path(sys.argv[1]).resolve(), scratch)
        ours = by_hpsearch(data, scratch)
        theirs = by_script(data, scratch)
    later = median(trial["all"] for trial in ours[1:])
    rows: list[Row] = [
        ("hpsearch: first trial", ours[0]["all"], "s"),
        ("hpsearch: later trials, median", later, "s"),
        ("study.optimize + model.fit: first trial", theirs[0], "s"),
        ("study.optimize + model.fit: later trials, median", median(theirs[1:]), "s"),
        (
            "study.optimize + model.fit / hpsearch, later trials (asked: 3)",
            median(theirs[1:]) / later,
            "x",
        ),
    ]
    for part in [part for part in ours[0] if part != "all"]:
        rows += [
            (f"{part}: first trial", 1000 * ours[0][part], "ms"),
            (f"{part}: later trials, mean", 1000 * fmean(t[part] for t in ours[1:]), "ms"),
        ]
    print(write("overhead", "Seconds of a trial that are not training", rows))


if __name__ == "__main__":
    main()
