"""Measures what it costs to have Ray place a search's workers, against processes of this machine.

    .venv/bin/python scripts/bench/engines.py

The same search (digits, random sampler with a fixed seed, so that both train the same trials,
nothing pruned or stopped early) by two workers, by one engine after the other, four times each,
each time in a home of its own. Each run is cut in three: its start, from the command until both
workers are ready (with Ray that is Ray's start too), the trials, until the last one has ended, and
the end of the processes. Results: results/engines.csv and engines.md beside this file.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna
from optuna.trial import TrialState
from record import Row, write

ROUNDS, TRIALS, EPOCHS, WORKERS = 4, 24, 400, 2
ENGINES, PARTS = ("local", "ray"), ("start", "trials", "end")
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


def measure(engine: str) -> dict[str, float]:
    """Seconds of each part of a search, and its best value."""
    with tempfile.TemporaryDirectory(prefix="hpsearch-engines-") as name:
        folder = Path(name)
        file, logs = folder / "study.toml", folder / "home" / "logs" / "engines"
        file.write_text(STUDY, encoding="utf-8")
        environment = os.environ | {"HPSEARCH_HOME": str(folder / "home")}
        began, ready = time.time(), 0.0
        with (folder / "run.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  # our own command
                [
                    sys.executable, "-m", "hpsearch", "run", str(file), "--engine", engine,
                    "--no-reference",
                ],
                env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            while process.poll() is None:
                if not ready:
                    said = [log.read_text() for log in logs.glob("*.log")]
                    ready = time.time() if sum("is ready on" in s for s in said) == WORKERS else 0
                time.sleep(0.02)
        ended = time.time()
        if process.returncode or not ready:
            raise SystemExit((folder / "run.log").read_text())
        study = optuna.load_study(
            study_name="engines", storage=f"sqlite:///{folder / 'home' / 'studies.db'}"
        )
        done = study.get_trials(states=(TrialState.COMPLETE,))
        if len(done) != TRIALS:
            raise SystemExit(f"{engine}: {len(done)} of {TRIALS} trials are complete")
        last = max(trial.datetime_complete.timestamp() for trial in done if trial.datetime_complete)
        return {
            "start": ready - began, "trials": last - ready, "end": ended - last,
            "best": study.best_value,
        }  # fmt: skip


def main() -> None:
    """Measure, and write the table."""
    took: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
    for turn in range(ROUNDS):
        for engine in ENGINES if turn % 2 == 0 else ENGINES[::-1]:
            took[engine].append(measure(engine))
            print(engine, {key: round(value, 4) for key, value in took[engine][-1].items()})
            sys.stdout.flush()
    rows: list[Row] = []
    for engine in ENGINES:
        for part in PARTS:
            values = [one[part] for one in took[engine]]
            rows += [
                (f"{engine}: {part}, median of {ROUNDS}", statistics.median(values), "s"),
                (f"{engine}: {part}, least", min(values), "s"),
                (f"{engine}: {part}, most", max(values), "s"),
            ]
    ratios = [
        ray["trials"] / local["trials"]
        for local, ray in zip(took["local"], took["ray"], strict=True)
    ]
    medians = {row[0].partition(", median")[0]: row[1] for row in rows if "median" in row[0]}
    rows += [
        ("Ray's start: longer by", medians["ray: start"] - medians["local: start"], "s"),
        ("Ray's end: longer by", medians["ray: end"] - medians["local: end"], "s"),
        ("trials, ray / local, of the medians", medians["ray: trials"] / medians["local: trials"],
         ""),
        ("trials, ray / local, median of pairs", statistics.median(ratios), ""),
        ("trials, ray / local, least of pairs", min(ratios), ""),
        ("trials, ray / local, most of pairs", max(ratios), ""),
    ]  # fmt: skip
    print(write("engines", f"{TRIALS} trials by two workers: placed by Ray, or not", rows))


if __name__ == "__main__":
    main()
