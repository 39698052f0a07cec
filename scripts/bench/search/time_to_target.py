"""Measures the wall time until a search has found a network of some validation accuracy.

    .venv/bin/python scripts/bench/search/time_to_target.py FASHION FOLDER [--seeds 5]
        [--sets fashion_mnist,mnist] [--longest 600] [--first] [--results FILE]

Two data sets that no preset or portfolio was chosen on: FASHION has Fashion-MNIST's four idx files,
of which 10,000 images are trained on and 2,000 validated on; MNIST's 5,000 images are written to
FOLDER with all that ../defaults/cases.py has, 3,000 of them trained on and 1,000 validated on.
--sets may also name classifications among its tables and its vectors.

Three ways search one after the other, with a seed each for what they sample: ``hpsearch run`` as it
comes (a study file with name, seed, data and number of trials), and in the space, epochs and early
stopping that ``init`` wrote before there were presets the usual Optuna script and Ray Tune with
ASHA and Optuna (usual.py; their environment is made from peers.lock). Bytes are in [0, 1] for them.

First the script searches for the longest time with every seed. What it has reached after a tenth,
three tenths and all of that time (1, 3 and 10 minutes), in the median of the seeds, are the
targets; they stay in the results. The other ways end at the highest target, or after the longest
time, and then count as slower than all that reached it. The time is from typing the command to the
end of the first epoch that reaches the target; of hpsearch it is up to 0.2 s too long.

Before that, or alone with --first: the seconds from typing ``hpsearch run`` until a terminal shows
the first trial's result, five times in new homes, on Fashion-MNIST (``limit = 10000``).

Results: results/search-time_to_target.csv (a line each time that a run's best grew), .md and .png.
Runs that are in the file are not repeated: the command goes on where it was cut off.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import figure
import numpy as np
from followed import Run, Sight, by_hpsearch, by_peer, first_result
from reached import FIRST, TARGET, Measured, curves, read, report, shared, targets_of

sys.path.extend(str(Path(__file__).parents[1] / name) for name in ("defaults", "tables", "."))

from cases import KINDS, Case, case, section, write_arrays, write_sets  # isort: skip  # of the folder beside
from common import PEERS_PYTHON, make_peers, write_data  # isort: skip  # of the folder above
from record import RESULTS, Growing, machine  # isort: skip  # see above
from sets import TABLES  # isort: skip  # of the folder of tables

FASHION = "fashion_mnist"
NUMBERS = {table.name for table in TABLES if table.task == "regression"}
SETS = [FASHION, *(name for name in KINDS if name not in NUMBERS)]
"""Data sets of classes, which have an accuracy."""
FIRST_RUNS = range(5)
LIMIT = 10_000
"""Images of Fashion-MNIST where the first result is waited for."""
COLUMNS = ("set", "way", "seed", "seconds", "accuracy")


def fashion(folder: Path, scratch: Path) -> Case:
    """Fashion-MNIST, limited, in one split.

    Args:
        folder: of the four idx files.
        scratch: for what is written meanwhile.
    """
    with np.load(write_data(folder, scratch, source="fashion_mnist")) as arrays:
        x = [arrays[f"x_{part}"] for part in ("train", "val", "test")]
        y = [arrays[f"y_{part}"] for part in ("train", "val", "test")]
    ends = np.cumsum([len(labels) for labels in y])
    train, validation, test = np.split(np.arange(ends[-1]), ends[:-1])
    return Case(
        name=FASHION,
        kind="images",
        seed=0,
        x=np.concatenate(x),
        y=np.concatenate(y),
        classes=10,
        train=train,
        validation=validation,
        test=test,
    )


def add(table: Growing, name: str, way: str, seed: int | str, sights: Sequence[Sight]) -> None:
    """Add what was measured to the table, and say how it ended."""
    table.add(
        {
            "set": name,
            "way": way,
            "seed": seed,
            "seconds": f"{seconds:.2f}",
            "accuracy": f"{accuracy:.6f}",
        }
        for seconds, accuracy in sights
    )
    seconds, accuracy = sights[-1]
    print(f"{name}, {way} {seed}: {accuracy:.4f} after {seconds:.1f} s", flush=True)


def measure_first(table: Growing, path: Path) -> None:
    """Measure what is missing of the times to the first result.

    Args:
        table: the results.
        path: the four idx files of Fashion-MNIST.
    """
    dataset = {"source": FASHION, "path": str(path), "limit": LIMIT}
    there = read(table.rows()).get(FASHION, Measured()).firsts
    for seed in FIRST_RUNS:
        if seed not in there:
            with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as folder:
                run = Run(dataset=dataset, seed=seed, enough=0, longest=600, folder=Path(folder))
                add(table, FASHION, FIRST, seed, [first_result(run)])


def measure(table: Growing, found: Case, seeds: Sequence[int], longest: float) -> None:
    """Run what is missing of one set: the script, for targets, then each seed by all ways in turn.

    Args:
        table: the results.
        found: the data set.
        seeds: of the searches.
        longest: seconds after which a search ends.
    """
    with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as scratch:
        dataset = section(found, Path(scratch) / "data")
        arrays = Path(scratch) / "arrays.npz"
        write_arrays(found, arrays)
        peers = {way: by_peer(way, PEERS_PYTHON, arrays) for way in ("script", "ray")}
        ways = {"hpsearch": by_hpsearch, **peers}

        def search(way: str, seed: int, enough: float) -> None:
            if seed in of_set(table, found.name).ways[way]:
                return
            with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as folder:
                run = Run(
                    dataset=dataset, seed=seed, enough=enough, longest=longest, folder=Path(folder)
                )
                add(table, found.name, way, seed, ways[way](run))

        highest = target(table, found.name, seeds, longest, partial(search, "script"))
        for seed in seeds:
            for way in ways:
                search(way, seed, highest)


def of_set(table: Growing, name: str) -> Measured:
    """What is there of a data set."""
    return read(table.rows()).get(name, Measured())


def target(
    table: Growing,
    name: str,
    seeds: Sequence[int],
    longest: float,
    search: Callable[[int, float], None],
) -> float:
    """The highest target of a set; where there are none yet, the script searches for them.

    Args:
        table: the results, which get the targets.
        name: of the set.
        seeds: of the searches.
        longest: in seconds.
        search: runs the script with a seed, up to an accuracy, where that is not there.
    """
    if not of_set(table, name).targets:
        for seed in seeds:
            search(seed, float("inf"))
        runs = of_set(table, name).ways["script"].values()
        if any(sights[-1][0] < longest for sights in runs):
            sys.exit(f"{table.path} has a shorter run of the script: --results FILE, for another")
        targets = targets_of(runs, longest)
        if not targets[0][1]:
            sys.exit(f"The script has found nothing in {targets[0][0]:g} s: give it longer")
        add(table, name, TARGET, "", targets)
    at, highest = of_set(table, name).targets[-1]
    if at != longest:
        sys.exit(f"{table.path} has targets of {at:g} s: --longest {at:g}, or --results FILE")
    return highest


def draw(found: dict[str, Measured], file: str) -> None:
    """The figures: the median of the best so far over the seconds, up to where runs end."""
    for name, measured in found.items():
        if seeds := shared(measured):
            what = f"median of {len(seeds)} searches" if len(seeds) > 1 else "one search each"
            figure.lines(
                f"{file}-{name}",
                f"{name}: {what}, up to the highest target",
                "seconds since the command",
                "best validation accuracy so far, %",
                curves(measured),
                log=True,
            )


def asked() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fashion", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", default=f"{FASHION},mnist")
    parser.add_argument("--longest", type=float, default=600.0, help="seconds of a search")
    parser.add_argument("--first", action="store_true", help="the time to a first result alone")
    parser.add_argument("--results", type=Path, default=RESULTS / "search-time_to_target.csv")
    given = parser.parse_args()
    given.sets = given.sets.split(",")
    if wrong := [name for name in given.sets if name not in SETS]:
        parser.error(f"{wrong[0]!r} is none of: {', '.join(SETS)}")
    return given


def main() -> None:
    """Measure what is missing, then write the table and draw the figures."""
    given = asked()
    file = given.results.resolve().with_suffix("")
    table = Growing(str(file), COLUMNS)
    measure_first(table, given.fashion.absolute())
    if not given.first:
        make_peers()
        write_sets(given.folder)
        for name in given.sets:
            with tempfile.TemporaryDirectory(prefix="hpsearch-bench-") as scratch:
                found = (
                    fashion(given.fashion.absolute(), Path(scratch))
                    if name == FASHION
                    else case(given.folder, name, 0)
                )
            measure(table, found, range(given.seeds), given.longest)
    results = read(table.rows())
    text = report(results, machine())
    file.with_suffix(".md").write_text(text, encoding="utf-8")
    draw(results, str(file))
    print(text)


if __name__ == "__main__":
    main()
