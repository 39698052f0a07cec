"""Measures an image folder: its import, its second opening, and the memory of four workers on it.

    python scripts/bench/data.py FOLDER

FOLDER has train/ and, if it likes, test/. Results: results/data.csv and data.md beside this file.
Every process is a fresh one, and every import goes into a fresh home. Linux only: memory is read
from /proc. Proportional set size (PSS) divides each page by the number of processes that have it,
TensorFlow's libraries (some 500 MB) included, which any other process may have too. The file is
shared by whoever maps it; whether a worker copies it as well is told by its memory that has no
file behind it, against that of a worker which trains on a few of the examples.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import psutil
from record import Row, write

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home
from hpsearch.recipe import Recipe

IMPORTS, OPENINGS = 3, 7
WORKERS, FEW = 4, 1000
ARRAY = "x_train.npy"
MB = 1e6
MEASURES = {
    "array_rss": f"resident pages of {ARRAY}",
    "array_pss": f"PSS of {ARRAY}",
    "pss": "PSS of the process",
    "anonymous": "memory without a file behind it",
}


def recipe_of(folder: Path, limit: int | None = None) -> Recipe:
    """A small network on the folder, or on some of its examples, for one epoch."""
    return Recipe(
        seed=0,
        config={"layers": 2, "units": [128, 64], "batch_size": 128},
        dataset={"source": "image_folder", "path": str(folder), "limit": limit},
        training={"epochs": 1, "early_stopping": False},
    )


def opening(section: DatasetSection, home: Home) -> None:
    """A child's work: open the data set and print the seconds that it took."""
    began = time.perf_counter()
    open_dataset(section, home).train()
    print(time.perf_counter() - began)


def training(recipe: Recipe, home: Home) -> None:
    """A child's work: train with one thread; stay at the end of the epoch until told to go on."""
    from hpsearch.training.outcome import Epoch, Watch  # noqa: PLC0415 - only this child needs it
    from hpsearch.training.start import start_tensorflow  # noqa: PLC0415 - see above

    start_tensorflow(threads=1)
    from hpsearch.training.train import train  # noqa: PLC0415 - after TensorFlow was set up

    def on_epoch(_: Epoch) -> bool:
        print("trained", flush=True)
        sys.stdin.readline()
        return False

    parts = split(open_dataset(recipe.dataset, home), recipe.dataset)
    with tempfile.TemporaryDirectory() as run:
        train(recipe, parts, Path(run), Watch(on_epoch=on_epoch))


def command(task: str, folder: Path, home: Path) -> list[str]:
    """The command line of a child."""
    return [sys.executable, __file__, str(folder), task, str(home)]


def time_opening(folder: Path, home: Path) -> tuple[float, float]:
    """Seconds of ``open_dataset`` in a fresh process, and of that process from start to end."""
    began = time.perf_counter()
    child = command("opening", folder, home)
    done = subprocess.run(child, check=True, stdout=subprocess.PIPE)  # noqa: S603 - ourselves
    return float(done.stdout), time.perf_counter() - began


@contextmanager
def worker(task: str, folder: Path, home: Path) -> Iterator[subprocess.Popen[str]]:
    """A training process; goes on after the block."""
    with subprocess.Popen(  # noqa: S603 - ourselves
        command(task, folder, home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    ) as process:
        yield process
        process.communicate("go on\n")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)


def memory(count: int, task: str, folder: Path, home: Path) -> list[dict[str, float]]:
    """Megabytes of workers that have all trained an epoch at the same time."""
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(task, folder, home)) for _ in range(count)]
        for process in workers:
            if process.stdout is None or process.stdout.readline() != "trained\n":
                raise RuntimeError("a worker ended before its epoch; see above")
        found = []
        for pid in [process.pid for process in workers]:
            running = psutil.Process(pid)
            maps = running.memory_maps(grouped=True)
            array = [m for m in maps if m.path.endswith(ARRAY)]
            found.append(
                {
                    "array_rss": sum(m.rss for m in array) / MB,
                    "array_pss": sum(m.pss for m in array) / MB,
                    "pss": sum(m.pss for m in maps) / MB,
                    "anonymous": sum(m.anonymous for m in maps) / MB,
                }
            )
    return found


def memory_rows(folder: Path, home: Path) -> list[Row]:
    """One worker against several."""
    (little,) = memory(1, "limited", folder, home)
    (alone,) = memory(1, "training", folder, home)
    several = memory(WORKERS, "training", folder, home)
    size = sum(file.stat().st_size for file in home.rglob(ARRAY)) / MB
    rows: list[Row] = [(f"size of {ARRAY}", size, "MB")]
    for key, what in MEASURES.items():
        values = [found[key] for found in several]
        rows += [
            (f"{what}: 1 worker", alone[key], "MB"),
            (f"{what}: least of {WORKERS} workers", min(values), "MB"),
            (f"{what}: most of {WORKERS} workers", max(values), "MB"),
        ]
        if "PSS" in what:
            total = sum(values)
            rows += [
                (f"{what}: sum of {WORKERS} workers", total, "MB"),
                (f"{what}: that sum / 1 worker", total / alone[key], "x"),
                (f"{what}: that sum / {WORKERS} x 1 worker", total / WORKERS / alone[key], "x"),
            ]
    what, grown = MEASURES["anonymous"], alone["anonymous"] - little["anonymous"]
    return [
        *rows,
        (f"{what}: 1 worker on {FEW} examples", little["anonymous"], "MB"),
        (f"{what}: more for all examples / size of {ARRAY} (1 = copied)", grown / size, "x"),
    ]


def time_rows(folder: Path, scratch: Path) -> list[Row]:
    """First imports, each into another home, and openings of the last of them."""
    homes = [scratch / str(i) for i in range(IMPORTS)]
    kinds = {
        "first import": [time_opening(folder, home) for home in homes],
        "second opening": [time_opening(folder, homes[-1]) for _ in range(OPENINGS)],
    }
    rows: list[Row] = []
    for kind, pairs in kinds.items():
        for name, seconds in zip(
            ("", ", with Python's start"), zip(*pairs, strict=True), strict=True
        ):
            rows += [
                (f"{kind}{name}: median of {len(seconds)}", median(seconds), "s"),
                (f"{kind}{name}: slowest", max(seconds), "s"),
            ]
    return [*rows, ("first import / second opening", rows[0][1] / rows[4][1], "x")]


def main() -> None:
    """Measure all, or do a child's work."""
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    if len(sys.argv) == 4:
        task, home = sys.argv[2], Home(Path(sys.argv[3]))
        recipe = recipe_of(folder, FEW if task == "limited" else None)
        opening(recipe.dataset, home) if task == "opening" else training(recipe, home)
        return
    with tempfile.TemporaryDirectory() as scratch:
        rows = time_rows(folder, Path(scratch))
        rows += memory_rows(folder, Path(scratch, str(IMPORTS - 1)))
    images = sum(1 for file in folder.rglob("*") if file.is_file())
    title = "An image folder: import, second opening, and the memory of workers"
    print(write("data", title, [("files in the folder", images, ""), *rows]))


if __name__ == "__main__":  # processes that decode images import this module again
    main()
