"""Proofs with real training that take too long for the tests: budgets, time, company, endurance.

Run by hand: ``scripts/faults/proofs.py budget|timeout|at-once|many``. Each prints its figures and
ends with 0 only if what it proves held.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from hpsearch.home import CHECKPOINTS, WEIGHTS, Home
from hpsearch.outputs.leftovers import KEEP
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.workers.slots import WORKER_MEMORY

STUDY = """\
name = "proof"
[dataset]
source = "digits"
[training]
epochs = {epochs}
early_stopping = false
[pruner]
type = "{pruner}"
[space]
layers = {{ type = "int", low = 1, high = 3 }}
units = {{ type = "int", low = 16, high = 128, log = true, per_layer = true }}
batch_norm = {{ type = "categorical", choices = [true, false] }}
dropout = {{ type = "float", low = 0.0, high = 0.3 }}
[space.optimizer]
adam = {{ learning_rate = {{ type = "float", low = 1e-3, high = 1e-2, log = true }} }}
sgd = {{ learning_rate = {{ type = "float", low = 1e-2, high = 1e-1, log = true }} }}
"""


@dataclass
class Cli:
    """The command line, with a folder of its own."""

    folder: Path

    @property
    def home(self) -> Home:
        """Its data home."""
        return Home(self.folder / "home")

    def write(self, *, epochs: int, pruner: str = "median") -> None:
        """Write the study file."""
        text = STUDY.format(epochs=epochs, pruner=pruner)
        (self.folder / "study.toml").write_text(text, encoding="utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "hpsearch", *arguments],
            cwd=self.folder,
            env=os.environ | {"HPSEARCH_HOME": str(self.home.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str) -> tuple[int, str]:
        """Run the study; exit code and what was said."""
        process = self.start("run", "study.toml", *options)
        said, _ = process.communicate()
        return process.returncode, said

    def show(self) -> dict[str, Any]:
        """The study as ``show --json`` has it."""
        said, _ = self.start("show", "proof", "--json").communicate()
        found: dict[str, Any] = json.loads(said)
        return found


def budget(cli: Cli, times: int) -> bool:
    """Budget 40 with 8 workers, ``times`` times: exactly 40 each time."""
    cli.write(epochs=2)
    held = True
    for number in range(1, times + 1):
        began = time.monotonic()
        code, said = cli.run("--trials", "40", "--workers", "8")
        shown = cli.show()
        figures = {key: shown[key] for key in ("counted", "running", "waiting")}
        held &= code == 0 and figures == {"counted": 40, "running": 0, "waiting": 0}
        print(f"{number:3d}  {figures}  exit {code}  {time.monotonic() - began:.0f} s", flush=True)
        if not held:
            print(said)
        cli.start("delete", "proof", "--yes").communicate()
    return held


def timeout(cli: Cli) -> bool:
    """``--timeout 30s`` ends within one epoch and 5 s; with 60 s the same trials go on."""
    cli.write(epochs=20_000, pruner="none")
    process = cli.start("run", "study.toml", "--trials", "4", "--workers", "2", "--timeout", "30s")
    process.communicate()
    ended = datetime.now()
    storage = open_storage(cli.home.storage_url(), create=False)
    trials = load_study(storage, "proof").trials()
    storage.close()
    start = min(trial.datetime_start for trial in trials if trial.datetime_start)
    last = max(trial.datetime_complete for trial in trials if trial.datetime_complete)
    epoch = max(
        float(row["seconds"])
        for file in cli.home.runs.glob("proof/*/curves.csv")
        for row in csv.DictReader(file.open(encoding="utf-8"))
    )
    shown = cli.show()
    trial_time, run_time = ((moment - start).total_seconds() for moment in (last, ended))
    print(f"longest epoch                 {epoch:.2f} s")
    print(f"first start to last trial end {trial_time:.2f} s")
    print(f"first start to end of run     {run_time:.2f} s, exit {process.returncode}")
    print(f"running {shown['running']}, waiting {shown['waiting']}")
    held = run_time < 30 + epoch + 5 and shown["running"] == 0 and shown["waiting"] == 2
    held &= process.returncode == 1  # no trial completed
    cli.run("--workers", "2", "--timeout", "40s")
    log = "".join(file.read_text() for file in cli.home.study_logs("proof").iterdir())
    resumed = log.count(" resumes after epoch ")
    print(f"resumed by the next run       {resumed}")
    return held and resumed == 2


def at_once(cli: Cli, runs: int) -> bool:
    """So many ``run``s of one new study at the same moment: one study, no crash."""
    cli.write(epochs=2)
    options = ("run", "study.toml", "--trials", "20", "--workers", "1")
    processes = [cli.start(*options) for _ in range(runs)]
    ends = [(process.communicate()[0], process.returncode) for process in processes]
    started = sum("Started study proof" in said for said, _ in ends)
    codes = [code for _, code in ends]
    shown = cli.show()
    print(f"exit codes {codes}, {started} said that it started the study")
    print(f"counted {shown['counted']}, running {shown['running']}, waiting {shown['waiting']}")
    crashed = any("Traceback" in said for said, _ in ends)
    return not crashed and set(codes) == {0} and started == 1 and shown["counted"] == 20


@dataclass
class Sizes:
    """What was seen of memory and disk while a study ran."""

    memory: dict[int, list[int]] = field(default_factory=dict)
    """Bytes of its own of each worker, by pid."""
    weights: int = 0
    checkpoints: int = 0
    """Most files seen at a time."""
    disk: int = 0
    """Most bytes of weights and checkpoints together."""

    def look(self, run: psutil.Process, folder: Path) -> None:
        """Look at the workers of a run and at its folder."""
        for child in run.children():
            try:
                info = child.memory_info()
                self.memory.setdefault(child.pid, []).append(info.rss - info.shared)
            except psutil.NoSuchProcess:
                continue
        weights = list(folder.glob(f"*/{WEIGHTS}"))
        checkpoints = [file for name in CHECKPOINTS for file in folder.glob(f"*/{name}")]
        self.weights = max(self.weights, len(weights))
        self.checkpoints = max(self.checkpoints, len(checkpoints))
        self.disk = max(self.disk, sum(map(_size, [*weights, *checkpoints])))


def _size(file: Path) -> int:
    """Bytes of a file; 0 where it has just gone."""
    return file.stat().st_size if file.exists() else 0


def many(cli: Cli, trials: int) -> bool:
    """Many small trials in one run: workers' memory under its limit, disk under its bound."""
    cli.write(epochs=5)
    process = cli.start("run", "study.toml", "--trials", str(trials), "--workers", "2")
    sizes, folder, began = Sizes(), cli.home.study_runs("proof"), time.monotonic()
    told = began
    while process.poll() is None:
        sizes.look(psutil.Process(process.pid), folder)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"{told - began:.0f} s, {len(list(folder.glob('*')))} trials", flush=True)
        time.sleep(0.5)
    process.communicate()
    shown = cli.show()
    print(f"{shown['counted']} counted in {time.monotonic() - began:.0f} s")
    for pid, seen in sizes.memory.items():
        settled = seen[min(len(seen) - 1, 40)]
        print(f"worker {pid}: {settled / 1e6:.0f} MB at 20 s, most {max(seen) / 1e6:.0f} MB")
    left = list(folder.glob(f"*/{WEIGHTS}"))
    unneeded = [file for name in CHECKPOINTS for file in folder.glob(f"*/*{name}")]
    print(f"most at a time: {sizes.weights} weights, {sizes.checkpoints} checkpoints,")
    print(f"                {sizes.disk / 1e6:.2f} MB together")
    print(f"at the end: {len(left)} weights, {len(unneeded)} checkpoints")
    return (
        process.returncode == 0
        and shown["counted"] == trials
        and max(map(max, sizes.memory.values())) < WORKER_MEMORY
        and sizes.weights <= KEEP + 2
        and len(left) <= KEEP
        and not unneeded
    )


def main() -> int:
    """Run as the command line says; 0 if it held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("proof", choices=["budget", "timeout", "at-once", "many"])
    parser.add_argument("--times", type=int, default=10, help="of the budget")
    parser.add_argument("--runs", type=int, default=8, help="at once")
    parser.add_argument("--trials", type=int, default=300, help="how many are many")
    options = parser.parse_args()
    proofs: Mapping[str, Callable[[Cli], bool]] = {
        "budget": lambda cli: budget(cli, options.times),
        "timeout": timeout,
        "at-once": lambda cli: at_once(cli, options.runs),
        "many": lambda cli: many(cli, options.trials),
    }
    with tempfile.TemporaryDirectory(prefix="hpsearch-proof-") as name:
        held = proofs[options.proof](Cli(Path(name)))
    print("held" if held else "BROKEN")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
