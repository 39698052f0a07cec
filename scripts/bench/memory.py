"""Measures the memory of one worker through 200 trials.

    .venv/bin/python scripts/bench/memory.py FOLDER [FIGURE.html]

FOLDER has CIFAR-10 as images in train/<class>/. ``hpsearch run`` with one worker trains 200 random
configurations of 1 to 5 layers, 32 to 2,048 wide, for two epochs on 1,000 images, and the memory of
the worker (without pages of files, which all processes share) is read twice a second. Results:
results/memory.csv and memory.md beside this file; FIGURE.html shows it over the trials.
"""

import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import plotly.graph_objects as go
import psutil
import tomli_w
from common import write_data, write_study
from record import Row, write

from hpsearch.home import Home

TRIALS = 200
AFTER = (1, 10, 25, 50, 100, 150, 200)
"""Trials after which the memory is told."""
PAUSE = 0.5
"""Seconds between two looks."""


def study_file(data: Path, scratch: Path) -> Path:
    """The benchmarks' study with random trials only."""
    file = write_study(data, scratch, 2)
    study = tomllib.loads(file.read_text())
    del study["enqueue"]
    study["budget"] = {"trials": TRIALS}
    file.write_text(tomli_w.dumps(study))
    return file


def memory(worker: psutil.Process) -> float:
    """MiB without pages of files."""
    found = worker.memory_info()
    return float(found.rss - found.shared) / 2**20


def workers_of(run: psutil.Process) -> list[psutil.Process]:
    """The run's worker processes."""
    return [child for child in run.children(recursive=True) if "worker" in child.cmdline()]


def watch(command: list[str], log: Path) -> list[tuple[int, float]]:
    """Run the search; trials ended and MiB, at every look."""
    found: list[tuple[int, float]] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:  # noqa: S603 - ourselves
        while run.poll() is None:
            time.sleep(PAUSE)
            try:
                ended = log.read_text().count(" ends: ") if log.exists() else 0
                found += [(ended, memory(w)) for w in workers_of(psutil.Process(run.pid))]
            except psutil.NoSuchProcess:
                continue
    if run.returncode:
        sys.exit(f"{command} ended with {run.returncode}")
    return found


def main() -> None:
    """Measure."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        scratch, home = Path(folder), Path(folder) / "home"
        data = write_data(Path(sys.argv[1]).resolve(), scratch, train=1_000, validation=500)
        base = [sys.executable, "-m", "hpsearch"]
        file = study_file(data, scratch)
        place = ["--gpus", "none", "--home", str(home)]
        log = Home(home).worker_log("bench", 0)
        found = watch([*base, "run", str(file), "--workers", "1", "--no-reference", *place], log)
        anew = log.read_text().count("starts anew")
    rows: list[Row] = [
        (f"after {count} trials", max(m for ended, m in found if ended <= count), "MiB at most")
        for count in AFTER
    ]
    rows.append(("times that the worker started anew", anew, ""))
    print(write("memory", f"Memory of one worker through {TRIALS} trials", rows))
    if len(sys.argv) == 3:
        figure = go.Figure(go.Scatter(x=[n for n, _ in found], y=[m for _, m in found]))
        figure.update_layout(xaxis_title="trials ended", yaxis_title="MiB of the worker")
        figure.write_html(sys.argv[2])


if __name__ == "__main__":
    main()
