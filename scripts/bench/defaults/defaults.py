"""hpsearch as it comes against usual ways, on data that nothing of it was chosen on.

    .venv/bin/python scripts/bench/defaults/defaults.py FOLDER [--seeds 5] [--sets mnist,churn]
        [--ways hpsearch,script] [--trials 10 20 40] [--random] [--results FILE]

Fourteen data sets (cases.py) are written to FOLDER where they are not there. Of each seed a fifth
of the rows is for the test, a fifth to choose by, and all ways have the same rows. Each way
searches once, for the most trials; what its first 10, 20 and 40 trials come to is the best of them
by validation (accuracy, or RMSE of numbers), trained once more on training and validation rows for
as many epochs as it took to its best one, and judged on the test rows. The ways, fixed before any
of them was run but for what the end says:

- first guess, of an expert and without a search. Images and vectors: 1024-512 units, relu, dropout
  of 0.5 behind each layer, AdamW with a learning rate of 0.001 and a weight decay of 0.01, batches
  of 64, 30 epochs on training and validation rows. Tables: 256-128 units, relu, dropout of 0.2,
  Adam with 0.001, batches of 64, at most 100 epochs with a patience of 10, then trained once more.
- script: Optuna's ``study.optimize`` with its defaults (TPE, median pruner), Keras' ``fit`` with
  early stopping, one trial after the other, in the space that ``init`` wrote before there were
  presets, with its epochs and patience (old_space.py).
- keras tuner: its ``RandomSearch`` over the same space, with the same ``fit``. Its Bayesian tuner
  draws the first trials at random, too, three for each parameter, which are more than 40 here.
- random (--random): 100 random trials of that space, none of them pruned.
- scikit-learn: on training and validation rows. Images and vectors: SVC with C = 10 and gamma
  "scale". Tables: HistGradientBoosting with its defaults.
- hpsearch: a study file with name, seed, data and number of trials, ``run`` and a refit. It stops
  after 10, 20 and 40 trials to be judged, and goes on. Below ten trials a search begins with fewer
  start-up trials, so that it is another one.
- ensemble, judged with hpsearch: ``ensemble`` of the same search's five kept networks.
- confirmed, of the last number of trials: ``confirm`` and ``ensemble`` as they come; the median run
  of the winner, and the ensemble over the confirmed runs and the search's networks.
- refitted, likewise: ``evaluate --refit --ensemble`` behind it, so that both have the validation
  rows, too.

Networks of all but hpsearch get bytes in [0, 1]; of tables numbers standardised (a missing one is
the median), categories one-hot, targets standardised. Bytes were in [-1, 1], and behind a
StandardScaler for SVC, until a first look at a split of MNIST, where that is worse for the others
(first guess 93.7 to 94.5 %, SVC 92.7 to 95.9 %): that alone was changed after a run.

Results: results/defaults.csv beside the other benchmarks', a line a data set, seed, way and number
of trials, and defaults.md. Lines that are there already are not done again: the command goes on
where it was cut off, with hpsearch's searches in FOLDER/searches, others from a search's beginning.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from cases import KINDS, Case, case, write_arrays, write_sets
from searched import Line, confirmed, searched
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from tallies import report

from hpsearch.reference.models import trees

sys.path.append(str(Path(__file__).parents[1]))

from common import make_peers  # isort: skip  # of the folder above
from record import RESULTS, Growing, machine  # isort: skip  # of the folder above

HERE = Path(__file__).parent
COLUMNS = (
    *("set", "seed", "way", "trials", "metric", "score", "validation"),
    *("gain", "low", "high", "seconds"),
)
"""Gain, low and high: of an ensemble over a single network, with the 95 % interval. Seconds: that
the line took after the one before, the judging included."""
RANDOM = 100
"""Trials of the way "random"."""


def in_keras(way: str, found: Case, _folder: Path, trials: Sequence[int]) -> Iterator[Line]:
    """A way of usual_ways.py, in the environment of the peers.

    Raises:
        RuntimeError: it failed.
    """
    python = make_peers()
    quiet = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as scratch:
        data, out = Path(scratch) / "data.npz", Path(scratch) / "lines.json"
        write_arrays(found, data)
        words = [way, str(data), str(found.seed), str(out), *map(str, trials)]
        command = [str(python), str(HERE / "usual_ways.py"), *words]
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)  # noqa: S603 - ourselves
        if done.returncode:
            raise RuntimeError(f"{way} on {found.name}: {done.stderr[-2000:]}")
        for line in json.loads(out.read_text(encoding="utf-8")):
            yield {"way": way, **line}


def in_scikit_learn(found: Case, _folder: Path, _trials: Sequence[int]) -> Iterator[Line]:
    """Support vectors of images and vectors, boosted trees of tables."""
    began = time.perf_counter()
    x, y = found.x.reshape(len(found.x), -1), found.y
    model = make_pipeline(SVC(C=10, gamma="scale"))
    if found.table is not None:
        table = found.table
        model = trees(table.table.task, table.inputs.is_category, random_state=found.seed)
    said = model.fit(x[found.known], y[found.known]).predict(x[found.test])
    right = y[found.test]
    if found.classes:
        score = float(np.mean(said == right))
    else:
        score = float(np.sqrt(np.mean((said - right) ** 2)))
    seconds = time.perf_counter() - began
    yield {"way": "scikit-learn", "trials": 0, "score": score, "seconds": seconds}


Way = Callable[[Case, Path, Sequence[int]], Iterable[Line]]
"""Lines of a case, whose search may lie in a folder, for ascending numbers of trials."""

WAYS: Mapping[str, Way] = {
    "first guess": partial(in_keras, "first guess"),
    "scikit-learn": in_scikit_learn,
    "hpsearch": searched,
    "confirmed": confirmed,
    "script": partial(in_keras, "script"),
    "keras tuner": partial(in_keras, "keras tuner"),
    "random": partial(in_keras, "random"),
}
"""By what is asked for; the first ones say something soonest."""
ALSO = {
    "hpsearch": ("ensemble",),
    "confirmed": ("confirmed ensemble", "refitted", "refitted ensemble"),
}
"""Lines that a way writes beside its own."""


def budgets(way: str, trials: Sequence[int]) -> list[int]:
    """The numbers of trials that a way has lines of."""
    if way in ("first guess", "scikit-learn"):
        return [0]
    if way == "random":
        return [RANDOM]
    return [max(trials)] if way == "confirmed" else sorted(set(trials))


def measure(table: Growing, way: str, found: Case, folder: Path, trials: Sequence[int]) -> None:
    """Add the lines of a way on a case that are not there.

    Args:
        table: the results.
        way: of ``WAYS``.
        found: the data.
        folder: of all data, and of searches.
        trials: of all ways that search.
    """
    rows = table.rows()
    there = {(row["set"], int(row["seed"]), row["way"], int(row["trials"])) for row in rows}
    names = (way, *ALSO.get(way, ()))
    missing = [
        count
        for count in budgets(way, trials)
        if any((found.name, found.seed, name, count) not in there for name in names)
    ]
    if not missing:
        return
    counts = "-".join(map(str, sorted(set(trials))))
    search = folder / "searches" / f"{found.name} {found.seed} of {counts}"
    for line in WAYS[way](found, search, missing):
        row = {"set": found.name, "seed": found.seed, "metric": found.metric, **line}
        if (found.name, found.seed, line["way"], line["trials"]) not in there:
            table.add([row])
            print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


def asked() -> argparse.Namespace:
    """What was asked for.

    Returns:
        with ``sets`` and ``ways`` as lists of known names.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", type=partial(names, KINDS), default=[*KINDS])
    usual = [way for way in WAYS if way != "random"]
    parser.add_argument("--ways", type=partial(names, WAYS), default=usual)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--random", action="store_true", help=f"also {RANDOM} random trials")
    parser.add_argument("--results", type=Path, default=RESULTS / "defaults.csv")
    return parser.parse_args()


def names(known: Iterable[str], text: str) -> list[str]:
    """Names with commas between them.

    Raises:
        argparse.ArgumentTypeError: one of them is not known.
    """
    found = [name.strip() for name in text.split(",")]
    if wrong := [name for name in found if name not in known]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of: {', '.join(known)}")
    return found


def main() -> None:
    """Measure what is not there yet, and write the report."""
    given = asked()
    write_sets(given.folder)
    table = Growing(str(given.results.resolve().with_suffix("")), COLUMNS)
    ways = [way for way in WAYS if way in given.ways or (way == "random" and given.random)]
    for seed in range(given.seeds):
        for name in given.sets:
            found = case(given.folder, name, seed)
            for way in ways:
                measure(table, way, found, given.folder, given.trials)
    text = report(table.rows(), machine())
    given.results.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
