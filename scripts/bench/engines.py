"""Measures what it costs to have Ray place a search's workers, against processes of this machine.

    .venv/bin/python scripts/bench/engines.py

The same search (digits, random sampler with a fixed seed, so that both train the same trials,
nothing pruned or stopped early) by two workers, by one engine after the other, eight times each,
each time in a home of its own. Each run is cut in two: its start, from the command until the first
worker is ready (with Ray that is Ray's start too), and all that comes after it. Results:
results/engines.csv and engines.md beside this file.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from record import Row, write

ROUNDS, TRIALS, EPOCHS, WORKERS = 8, 12, 400, 2
ENGINES = ("local", "ray")
STUDY = f"""\
name = "engines"
[dataset]
source = "digits"
[budget]
trials = {TRIALS}
[sampler]
type = "random"
[pruner]
type = "none"
[training]
epochs = {EPOCHS}
early_stopping = false
[workers]
count = {WORKERS}
[space]
layers = {{ type = "int", low = 1, high = 3 }}
units = {{ type = "int", low = 16, high = 256, log = true, per_layer = true }}
batch_norm = {{ type = "categorical", choices = [true, false] }}
[space.optimizer.adam]
learning_rate = {{ type = "float", low = 1e-3, high = 1e-2, log = true }}
"""


def measure(engine: str) -> tuple[float, float, float]:
    """Seconds of a search's start, and of all that came after it, and its best value."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-engines-") as name:
        folder = Path(name)
        file, logs = folder / "study.toml", folder / "home" / "logs" / "engines"
        file.write_text(STUDY, encoding="utf-8")
        command = [sys.executable, "-m", "hpsearch"]
        environment = os.environ | {"HPSEARCH_HOME": str(folder / "home")}
        began, ready = time.perf_counter(), 0.0
        with (folder / "run.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  # our own command
                [*command, "run", str(file), "--engine", engine],
                env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            while process.poll() is None:
                if not ready and any("is ready on" in f.read_text() for f in logs.glob("*.log")):
                    ready = time.perf_counter()
                time.sleep(0.02)
        ended = time.perf_counter()
        if process.returncode:
            raise SystemExit((folder / "run.log").read_text())
        shown = subprocess.run(  # noqa: S603  # our own command
            [*command, "show", "engines", "--json"],
            env=environment, check=True, capture_output=True,
        ).stdout  # fmt: skip
        found = json.loads(shown)
        if found["complete"] != TRIALS:
            raise SystemExit(f"{engine}: {found['complete']} of {TRIALS} trials are complete")
        return ready - began, ended - ready, float(found["best"])


def main() -> None:
    """Measure, and write the table."""
    starts: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    rests: dict[str, list[float]] = {engine: [] for engine in ENGINES}
    for turn in range(ROUNDS):
        for engine in ENGINES if turn % 2 == 0 else ENGINES[::-1]:
            start, rest, best = measure(engine)
            starts[engine].append(start)
            rests[engine].append(rest)
            print(f"{engine}: {start:.1f} s, then {rest:.1f} s; best {best:.4f}", flush=True)
    rows: list[Row] = []
    for engine in ENGINES:
        rows += [
            (f"{engine}: start, median of {ROUNDS}", statistics.median(starts[engine]), "s"),
            (f"{engine}: after the start, median", statistics.median(rests[engine]), "s"),
            (f"{engine}: after the start, least", min(rests[engine]), "s"),
            (f"{engine}: after the start, most", max(rests[engine]), "s"),
        ]
    ratios = [ray / local for local, ray in zip(rests["local"], rests["ray"], strict=True)]
    rows += [
        ("Ray's start: how much longer", statistics.median(starts["ray"])
         - statistics.median(starts["local"]), "s"),
        ("after the start, ray / local, median of pairs", statistics.median(ratios), ""),
        ("after the start, ray / local, least", min(ratios), ""),
        ("after the start, ray / local, most", max(ratios), ""),
    ]  # fmt: skip
    print(write("engines", f"{TRIALS} trials by two workers: placed by Ray, or not", rows))


if __name__ == "__main__":
    main()
