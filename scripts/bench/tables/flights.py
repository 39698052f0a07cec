"""Measures importing flights and an epoch of dense networks on it against the machine's floor.

    .venv/bin/python scripts/bench/tables/epoch.py FOLDER

FOLDER has flights.csv, as compare.py writes it. Imported is in a process of its own, whose most
memory counts. The floor is that of ../epoch.py, with one thread: the products (forward and two of
gradients, two operations for each weight) at the most that this thread reached in any product.
Results: results/tables-flights.csv and .md beside the other benchmarks'.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))
from epoch import peak, seconds_of  # isort: skip  # of the folder above
from record import Row, write  # isort: skip  # of the folder above

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.for_data import for_task
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.training.start import start_tensorflow

EPOCHS = 4
"""Trained for each network; the first is warm-up, the median of the others counts."""
WIDTHS = (256, 256)
NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "piecewise": {"numeric_embedding": "piecewise"},
    "periodic": {"numeric_embedding": "periodic"},
    "8 members": {"members": 8},
}
BATCH = 256


def section_of(folder: Path) -> DatasetSection:
    """The data section of flights."""
    path = str((folder / "flights.csv").resolve())
    return DatasetSection.model_validate({"source": "table", "path": path, "target": "arr_delay"})


def importing(folder: Path, home: Path) -> None:
    """Import, and print seconds, and memory in bytes before and at most."""
    import polars as pl  # noqa: F401, PLC0415  # before memory is looked at

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = seconds_of(lambda: open_dataset(section_of(folder), Home(home)))
    print(seconds, before * 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def imported(folder: Path, home: Path) -> list[Row]:
    """The rows of :func:`importing` in a process of its own."""
    command = [sys.executable, __file__, str(folder), str(home)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    seconds, before, most = map(float, done.stdout.split())
    size = (folder / "flights.csv").stat().st_size
    return [
        ("flights.csv", size / 1e6, "MB"),
        ("importing it", seconds, "s"),
        ("memory of the importing process before", before / 1e6, "MB"),
        ("memory at most", most / 1e6, "MB"),
        ("what importing adds / the file (asked: at most 2)", (most - before) / size, "x"),
    ]


def epoch_of(
    name: str, network: dict[str, Any], section: DatasetSection, parts: Parts, best: float
) -> list[Row]:
    """The rows of one network."""
    import keras  # noqa: PLC0415 - after start_tensorflow

    from hpsearch.training.train import build_engine  # noqa: PLC0415 - see above

    class Timer(keras.callbacks.Callback):  # type: ignore[misc] # keras has no types
        training: list[float]

        def on_epoch_begin(self, _epoch: int, _logs: Any = None) -> None:
            self.began = time.perf_counter()

        def on_test_begin(self, _logs: Any = None) -> None:
            self.training.append(time.perf_counter() - self.began)

    recipe = Recipe(
        seed=0,
        config={"layers": len(WIDTHS), "units": WIDTHS, "batch_size": BATCH, **network},
        dataset=section,
        training={"epochs": EPOCHS, "early_stopping": False},
    )
    engine = build_engine(for_task(recipe, "regression", "flights"), parts)
    timer = Timer()
    timer.training = []
    engine.fit(epochs=EPOCHS, callbacks=[timer])
    epoch = median(timer.training[1:])
    config = recipe.config
    operations = 6 * config.network.macs(parts.shape, parts.outputs)
    floor = operations * len(parts.train) / best
    return [
        (f"{name}: epoch of {len(parts.train):,} rows", epoch, "s"),
        (f"{name}: floor", floor, "s"),
        (f"{name}: epoch / floor", epoch / floor, "x"),
    ]


def main() -> None:
    """Measure all."""
    folder = Path(sys.argv[1])
    if len(sys.argv) == 3:
        importing(folder, Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        rows = imported(folder, home)
        start_tensorflow(threads=1)
        from hpsearch.training import devices  # noqa: PLC0415 - after start_tensorflow

        section = section_of(folder)
        parts = split(open_dataset(section, Home(home)), section)
        best = max(peak() for _ in range(3))
        rows.append(("most that one thread reached", best / 1e9, "GFLOP/s"))
        for name, network in NETWORKS.items():
            rows += epoch_of(name, network, section, parts, best)
            devices.release()
    print(*(f"{value:10.3f} {unit:8}{what}" for what, value, unit in rows), sep="\n")
    write("tables/flights", "Importing flights, and an epoch on it", rows)


if __name__ == "__main__":
    main()
