"""Records what the candidates of the portfolios come to on many data sets.

    .venv/bin/python scripts/bench/portfolio/recording.py FOLDER [--kind tables ...] [--minutes 60]
        [--candidate 48 ...] [--processes 1] [--cifar10 PLACE]

FOLDER gets the data where they are not there: tables from .venv-tables (tables/tables.lock), arrays
from the files of the packages in packages.lock, CIFAR-10 from --cifar10, without which its sets are
skipped. Each candidate is trained on each set of its kind with one seed and one thread, for all
epochs, so that pruners and early stopping can be replayed. Result: results/portfolio.jsonl beside
the other benchmarks', a line a training. Lines that are there are not done again: the command goes
on where it was cut off, and a record that is cut off is balanced over the sets.
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from arrays import CIFAR10, write, write_cifar10
from candidates import KINDS, Candidate, read
from data_sets import SETS, RecordedSet

from hpsearch.data.cache import open_dataset
from hpsearch.data.dataset import Dataset, open_test
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.data.record import Access
from hpsearch.data.section import DatasetSection
from hpsearch.errors import TrialFailedError
from hpsearch.for_data import for_task
from hpsearch.home import WEIGHTS, Home
from hpsearch.networks.network import width_of
from hpsearch.recipe import Recipe
from hpsearch.tasks.evaluating import evaluate
from hpsearch.tasks.regression_evaluation import RegressionEvaluation
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.training.start import start_tensorflow

sys.path.append(str(Path(__file__).parents[1]))
from environment import make_environment  # isort: skip  # of the folder above
from record import RESULTS, machine  # isort: skip  # of the folder above

FILE = RESULTS / "portfolio.jsonl"
TABLES = Path(__file__).parents[1] / "tables"
SEED = 0
LONGEST = 300.0
"""Seconds of a training; what takes longer counts as failed."""
SHARE = 60
"""Trainings of one process: what one leaves behind must not slow the next for ever."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training to record."""

    candidate: Candidate
    on: RecordedSet
    folder: str
    """Of the data."""
    until: float
    """As ``time.time`` has it: what has not begun by then is left out."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """A data set that a process has opened."""

    dataset: Dataset
    parts: Parts
    section: DatasetSection


def record(job: Job) -> dict[str, Any] | None:
    """A line of the record; None where the time is over."""
    if time.time() > job.until:
        return None
    start_tensorflow(threads=1)
    known = opened(job.on, job.folder)
    recipe = recipe_of(job, known)
    line = described(job, known)
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch)
        try:
            outcome = trained(recipe, known, run)
        except TrialFailedError as error:
            return line | {"failed": error.failure.value}
        return line | told(recipe, outcome) | {"test": tested(recipe, known, run / WEIGHTS)}


@cache
def opened(on: RecordedSet, folder: str) -> Known:
    """A set as the processes of this machine share it."""
    section = DatasetSection.model_validate(on.section(folder))
    dataset = open_dataset(section, Home(Path(folder) / "home"))
    section = section.model_copy(update={"task": dataset.task})
    return Known(dataset=dataset, parts=split(dataset, section), section=section)


def recipe_of(job: Job, known: Known) -> Recipe:
    """What is trained."""
    recipe = Recipe(
        seed=SEED,
        config=job.candidate.config,
        dataset=known.section,
        training={
            "epochs": epochs_of(job),
            "early_stopping": False,
            "trial_timeout": LONGEST,
        },
    )
    return for_task(recipe, known.dataset.task, job.on.name)


def epochs_of(job: Job) -> int:
    """Convolutional networks learn in fewer epochs, and each costs more: half of the set's."""
    return job.on.epochs // 2 if job.candidate.kind == "conv" else job.on.epochs


def described(job: Job, known: Known) -> dict[str, Any]:
    """What a line says of the candidate and the data."""
    parts = known.parts
    return {
        "set": job.on.name,
        "kind": job.candidate.kind,
        "candidate": job.candidate.number,
        "task": known.dataset.task,
        "rows": len(parts.train),
        "features": width_of(parts.shape),
        "outputs": parts.outputs,
        "validated": sum(len(fold.validation) for fold in parts.folds),
        "tested": known.dataset.test_size,
    }


def trained(recipe: Recipe, known: Known, run: Path) -> Outcome:
    """Train in this process."""
    from hpsearch.training.train import train  # noqa: PLC0415  # imports TensorFlow

    return train(recipe, known.parts, run, Watch())


def tested(recipe: Recipe, known: Known, weights: Path) -> float:
    """The accuracy of the kept weights on the test examples, or their RMSE."""
    from hpsearch.training.train import logits  # noqa: PLC0415  # imports TensorFlow

    dataset = known.dataset
    x, y = open_test(dataset, Access(opened_by="scripts/bench/portfolio", study=None, of=None))
    found = logits(recipe, known.parts, weights, x)
    scores = evaluate(recipe.task, y, found, dataset.class_names)
    return rounded(scores.rmse if isinstance(scores, RegressionEvaluation) else scores.accuracy)


def told(recipe: Recipe, outcome: Outcome) -> dict[str, Any]:
    """What a line says of a training."""
    metric = recipe.objective.metric
    return {
        "value": rounded(outcome.value),
        "val_loss": rounded(outcome.val_loss),
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "parameters": outcome.parameters,
        "seconds": round(outcome.seconds, 2),
        "curve": [rounded(epoch.values[metric]) for epoch in outcome.curves],
    }


def rounded(value: float) -> float:
    """Four digits: more would be noise, and a longer file."""
    return float(f"{value:.4g}")


def jobs(options: argparse.Namespace, skipped: set[str]) -> Iterator[Job]:
    """What is missing: a candidate on all sets, then the next one; dear sets come last."""
    done = {(line["kind"], line["candidate"], line["set"]) for line in lines()}
    candidates = sorted(read().values(), key=lambda one: one.number)
    if options.candidate:
        candidates = [one for one in candidates if one.number in options.candidate]
    kinds = options.kind or KINDS
    for later in (False, True):
        for candidate in candidates:
            for on in SETS:
                is_due = on.later == later and on.file not in skipped
                is_of = candidate.kind in kinds and candidate.kind in on.kinds
                if is_due and is_of and (*candidate.key, on.name) not in done:
                    yield Job(
                        candidate=candidate,
                        on=on,
                        folder=str(options.folder.absolute()),
                        until=options.until,
                    )


def lines() -> list[dict[str, Any]]:
    """The record so far; a line that was cut off at its end is passed over."""
    if not FILE.exists():
        return []
    text = FILE.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def write_data(folder: Path, cifar10: Path) -> set[str]:
    """Write the data that are not there; gives the files that there are no data for."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = [one.file for one in SETS if one.target is not None]
    if not all((folder / file).exists() for file in tables):
        python = make_environment(".venv-tables", TABLES / "tables.lock", "about 0.5 GB, a minute")
        command = [str(python), str(TABLES / "write_sets.py"), str(folder), "others"]
        subprocess.run(command, check=True)  # noqa: S603 - ourselves
    write(folder)
    if write_cifar10(folder, cifar10):
        return set()
    print(f"CIFAR-10 skipped: no data in {cifar10}", flush=True)
    return {one.file for one in SETS if one.family == "cifar10"}


def chosen() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", action="append", choices=KINDS)
    parser.add_argument("--candidate", action="append", type=int, help="its number; these alone")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--cifar10", type=Path, default=CIFAR10)
    options = parser.parse_args()
    options.until = time.time() + 60 * options.minutes
    return options


def main() -> None:
    """Record what is missing, until the time is over."""
    options = chosen()
    skipped = write_data(options.folder, options.cifar10)
    print(json.dumps(machine()), flush=True)
    context = multiprocessing.get_context("spawn")
    with context.Pool(options.processes, maxtasksperchild=SHARE) as pool:
        for line in pool.imap_unordered(record, jobs(options, skipped)):
            if line is not None:
                with FILE.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
    print(f"{len(lines())} trainings in {FILE}", flush=True)


if __name__ == "__main__":
    main()
