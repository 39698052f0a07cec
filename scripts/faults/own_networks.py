"""Three networks of a user's own by every command, cut off by kill -9, and from a notebook.

Run by hand: ``scripts/faults/own_networks.py [NAME ...]``. The networks are those of
../bench/own_models.py: an MLP and a conv net on digits of 16 x 16 pixels, wide and deep on the
table of penguins. Each is searched, killed in the middle and searched on, confirmed, evaluated,
joined to an ensemble, exported, predicted with, trained from its recipe and reproduced; then it is
searched from a notebook. Ends with 0 only if all of it worked and every budget is met exactly.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import numpy as np
import psutil
from sklearn.datasets import load_digits

from hpsearch.errors import HpsearchError
from hpsearch.home import Home
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage

TOP = Path(__file__).parents[2]
SEARCHED = {"mlp": "units", "convnet": "filters", "wide_and_deep": "units"}
"""What is searched of each network, from 16 to 64."""
TRIALS = 4
DIGITS = '[dataset]\nsource = "npz"\npath = "digits.npz"\nvalidation = 0.2\n'
PENGUINS = '[dataset]\nsource = "table"\npath = "penguins.csv"\ntarget = "species"\n'
STUDY = """\
name = "{name}"
{dataset}
[budget]
trials = {trials}
[training]
epochs = 30
early_stopping = false
[pruner]
type = "none"
[space]
batch_size = {{ type = "categorical", choices = [32, 64] }}
[space.network.python]
file = "own_models.py"
function = "{name}"
{searched} = {{ type = "int", low = 16, high = 64 }}
"""
CELL = """\
import tomllib
import hpsearch, own_models
with open("study.toml", "rb") as file:
    table = tomllib.load(file) | {{"name": "notebook"}}
del table["space"]
space = {{"{searched}": hpsearch.Int(16, 64)}}
study = hpsearch.search(table, model=own_models.{name}, space=space, workers=1)
assert len(study.trials()) == {trials}, study.trials()
assert study.confirm(top=1, seeds=2, workers=1)
assert study.evaluate(reference=False, workers=1)
study.report("notebook.html"), study.export("notebook.keras")
print(study.best.value, study.model().count_params())
"""
PATIENCE = 300.0
"""Seconds after which what should happen has not happened."""


@dataclass(frozen=True)
class Proof:
    """One network, in a folder of its own."""

    name: str
    folder: Path

    @property
    def home(self) -> Home:
        """Its data home."""
        return Home(self.folder / "home")

    def run(self, *words: str) -> str:
        """What a command prints.

        Raises:
            SystemExit: it failed.
        """
        done = subprocess.run(  # noqa: S603  # our own command
            self._line(*words), cwd=self.folder, env=_environment(), capture_output=True, text=True,
            check=False, timeout=2 * PATIENCE,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"{self.name}: hpsearch {' '.join(words)} ended with {done.returncode}\n"
                     f"{done.stdout}{done.stderr}")  # fmt: skip
        print(f"{self.name}: hpsearch {' '.join(words)}", flush=True)
        return done.stdout

    def write(self) -> None:
        """Write what a user has: data, Python file, study file."""
        shutil.copy(TOP / "scripts/bench/own_models.py", self.folder)
        shutil.copy(TOP / "studies/tables/penguins.csv", self.folder)
        digits = load_digits()
        large = np.kron(digits.images, np.ones((2, 2)))[..., None].astype(np.uint8)
        np.savez(self.folder / "digits.npz", x_train=large, y_train=digits.target)
        np.savez(self.folder / "new.npz", x=large)
        text = STUDY.format(
            name=self.name, trials=TRIALS, searched=SEARCHED[self.name],
            dataset=PENGUINS if self.name == "wide_and_deep" else DIGITS,
        )  # fmt: skip
        (self.folder / "study.toml").write_text(text, encoding="utf-8")

    def search_killed(self) -> None:
        """Kill a search with its workers while its trials train, and search on."""
        command = self._line("run", "study.toml", "--workers", "2")
        said = self.folder / "said"
        with said.open("w") as log:
            search = subprocess.Popen(  # noqa: S603  # our own command
                command, cwd=self.folder, env=_environment(), stdout=log, stderr=log
            )
        until = time.monotonic() + PATIENCE
        while not self._trains():
            if search.poll() is not None or time.monotonic() > until:
                sys.exit(f"{self.name}: could not be killed in time\n{said.read_text()}")
            time.sleep(0.05)
        family = [*psutil.Process(search.pid).children(recursive=True), psutil.Process(search.pid)]
        for process in family:
            process.kill()
        search.wait()
        psutil.wait_procs(family, PATIENCE)
        print(f"{self.name}: killed -9 with {len(family) - 1} processes below it", flush=True)
        self.run("run", "study.toml", "--workers", "2")
        rows: list[dict[str, Any]] = json.loads(self.run("trials", self.name, "--json"))
        counted = [row for row in rows if row["state"] == "complete"]
        resumed = [row for row in rows if row["failure"] is not None]
        if len(counted) != TRIALS or not resumed:
            sys.exit(f"{self.name}: {len(counted)} complete trials, {len(resumed)} cut off")
        print(f"{self.name}: {TRIALS} complete trials, {len(resumed)} were cut off", flush=True)

    def use(self) -> None:
        """Every command that goes on from a search."""
        new = "penguins.csv" if self.name == "wide_and_deep" else "new.npz"
        for words in (
            ("confirm", self.name, "--top", "1", "--seeds", "2"),
            ("ensemble", self.name), ("evaluate", self.name, "--refit", "--no-reference"),
            ("best", self.name), ("show", self.name), ("report", self.name, "-o", "page.html"),
            ("export", self.name, "-o", "best.toml"), ("export", self.name, "-o", "best.keras"),
            ("export", self.name, "-o", "saved"), ("export", self.name, "-o", "best.onnx"),
            ("predict", "best.keras", new, "-o", "predicted.csv"),
            ("train", "best.toml", "-o", "trained"), ("reproduce", self.name),
        ):  # fmt: skip
            self.run(*words)

    def from_notebook(self) -> None:
        """Search it from a notebook."""
        code = CELL.format(name=self.name, trials=TRIALS, searched=SEARCHED[self.name])
        cell = {"cell_type": "code", "source": code, "metadata": {}, "outputs": []}
        text = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})
        notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
        quiet = {"HPSEARCH_HOME": str(self.home.root), "TF_CPP_MIN_LOG_LEVEL": "3"}
        os.environ |= _environment() | quiet
        nbclient.NotebookClient(
            notebook, timeout=int(2 * PATIENCE), kernel_name="python3",
            resources={"metadata": {"path": str(self.folder)}},
        ).execute()  # fmt: skip
        print(f"{self.name}: from a notebook", flush=True)

    def _line(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "hpsearch", *words, "--home", str(self.home.root)]

    def _trains(self) -> bool:
        """Whether two trials have told some epochs."""
        try:
            storage = open_storage(f"sqlite:///{self.home.database}", create=False)
            with contextlib.closing(storage):
                trials = load_study(storage, self.name).trials()
        except HpsearchError:  # not there yet
            return False
        return sum((trial.last_step or 0) >= 3 for trial in trials) >= 2


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(TOP), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path}


def main() -> None:
    """Prove it for the networks that are named, else for all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    for name in parser.parse_args().names or SEARCHED:
        with tempfile.TemporaryDirectory() as folder:
            proof = Proof(name=name, folder=Path(folder))
            proof.write()
            proof.search_killed()
            proof.use()
            proof.from_notebook()
    print("All of it held.")


if __name__ == "__main__":
    main()
