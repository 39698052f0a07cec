"""A real MLflow server sees a study's trials, each with its curve, whatever became of them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fakes
import pytest
from mlflow_server import MlflowServer, free_port, running_mlflow
from optuna.pruners import BasePruner, NopPruner

from hpsearch.data.parts import Parts
from hpsearch.environment import STORAGE_VARIABLE, for_child, python
from hpsearch.errors import Failure, TrialFailedError, UnreachableError
from hpsearch.home import WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.recipe import Recipe
from hpsearch.search.study import OpenStudy
from hpsearch.services.tracking import put_into_mlflow
from hpsearch.services.workspace import Workspace
from hpsearch.training import curves
from hpsearch.training.outcome import Epoch, Outcome, Watch
from hpsearch.workers.tracking import SETTINGS, Teller

pytestmark = pytest.mark.slow

Open = Callable[..., OpenStudy]
METRIC = "val_accuracy"


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with running_mlflow(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


class Always(BasePruner):
    def prune(self, *_: object) -> bool:
        return True


def with_curves(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
    """The quick trainer, which leaves its curves as the real one does."""
    curves.start(run, [*recipe.task.curves])

    def noted(epoch: Epoch) -> bool:
        values = {name: epoch.values.get(name, 0.0) for name in recipe.task.curves}
        told = Epoch(epoch=epoch.epoch, values=values, learning_rate=0.1, seconds=0.25)
        curves.append(run, told)
        return watch.on_epoch(epoch)

    done = fakes.train(recipe, parts, run, _with(watch, on_epoch=noted))
    (run / WEIGHTS).write_bytes(b"weights")
    return done


def _with(watch: Watch, **changes: Any) -> Watch:
    return Watch(**{**vars(watch), **changes})


def diverging(_recipe: Recipe, _parts: Parts, _run: Path, watch: Watch) -> Outcome:
    watch.on_epoch(Epoch(epoch=1, values={METRIC: 0.25}, learning_rate=0.1, seconds=0.1))
    raise TrialFailedError(Failure.DIVERGED, "the loss is not finite", epoch=2)


def cut_off(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
    """Interrupted after its second epoch, with a checkpoint."""
    seen = list[Epoch]()
    watch = _with(
        watch,
        on_epoch=lambda epoch: bool(seen.append(epoch)),  # type: ignore[func-returns-value]
        interrupted=lambda: len(seen) == 2,
    )
    return with_curves(recipe, parts, run, watch)


def run_one(study: OpenStudy, home: Home, trainer: Any, pruner: BasePruner | None = None) -> None:
    study.optuna.pruner = pruner or NopPruner()
    Objective(study=study, parts=fakes.parts(), home=home, trainer=trainer).run_one()


def told_by_a_process(study: OpenStudy, home: Home) -> str:
    """What the process says that tells MLflow; it tells all and ends, as the search is over."""
    told = {STORAGE_VARIABLE: home.storage_url()}
    done = subprocess.run(
        python("-m", "hpsearch.workers.tracking", study.name, str(home.root)),
        stdin=subprocess.DEVNULL,
        env=for_child({**told, "PYTHONPATH": os.pathsep.join(sys.path)}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_sees_every_trial_with_its_curve_once(
    open_study: Open,
    home: Home,
    mlflow: MlflowServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = {"epochs": 3, "mlflow": mlflow.url}
    study = open_study(training=training, budget={"trials": 4})
    open_study(name="away", training={"mlflow": f"http://127.0.0.1:{free_port()}"})
    run_one(study, home, with_curves)
    run_one(study, home, with_curves, Always())
    run_one(study, home, diverging)
    run_one(study, home, cut_off)
    assert told_by_a_process(study, home) == ""
    runs = {run["name"]: run for run in mlflow.runs()}
    assert len(runs) == len(mlflow.runs()) == 5
    status = {name: run["status"] for name, run in runs.items()}
    assert status == {
        "study": "KILLED", "study 0": "FINISHED", "study 1": "KILLED", "study 2": "FAILED",
        "study 3": "KILLED",
    }  # fmt: skip
    states = [runs[f"study {n}"]["tags"]["hpsearch.state"] for n in range(4)]
    assert states == ["complete", "pruned", "failed", "interrupted"]
    assert runs["study 2"]["tags"]["hpsearch.failure"] == "diverged"

    run_one(study, home, with_curves)  # goes on with the last one
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    teller = Teller(study, home)
    teller.tell(last=True)
    teller.tell(last=True)  # and nothing is there twice
    assert teller.problem == ""
    runs = {run["name"]: run for run in mlflow.runs()}
    assert len(runs) == len(mlflow.runs()) == 5
    assert runs["study"]["status"] == runs["study 3"]["status"] == "FINISHED"
    assert runs["study 3"]["tags"]["hpsearch.trial"] == "4"
    first, second, third, _, last = study.trials()
    for origin, trial in enumerate((first, second, third, last)):
        run = runs[f"study {origin}"]
        assert run["tags"]["mlflow.parentRunId"] == runs["study"]["id"]
        assert mlflow.curve(run["id"], METRIC) == sorted(trial.intermediate_values.items())
        assert run["params"] == {name: str(value) for name, value in trial.params.items()}
        value = None if trial.values is None else trial.values[0]
        assert run["metrics"].get("value") == value
    assert mlflow.curve(runs["study 0"]["id"], "learning_rate") == [(n, 0.1) for n in (1, 2, 3)]
    assert mlflow.files(runs["study 0"]["id"]) == ["recipe.toml"]
    best = mlflow.files(runs["study"]["id"], "best")
    assert best == ["best/best.weights.h5", "best/recipe.toml"]

    (tmp_path / "model").mkdir()
    (tmp_path / "parts").mkdir()
    recipe, own, part = (tmp_path / name for name in ("best.toml", "own.py", "parts/blocks.py"))
    model = tmp_path / "model"
    for file in (recipe, own, part, model / "saved_model.pb"):
        file.write_bytes(b"a network")
    for files in ((recipe, own, part), (model,)):
        assert put_into_mlflow("study", Workspace(home=home), files) == mlflow.url
    found = mlflow.files(runs["study"]["id"], "export")
    assert found == ["export/best.toml", "export/model", "export/own.py", "export/parts"]
    assert mlflow.files(runs["study"]["id"], "export/parts") == ["export/parts/blocks.py"]
    assert mlflow.files(runs["study"]["id"], "export/model") == ["export/model/saved_model.pb"]
    assert {run["name"]: run["status"] for run in mlflow.runs()}["study"] == "FINISHED"
    with pytest.raises(UnreachableError, match=r"is written, but not in MLflow: .* refused"):
        put_into_mlflow("away", Workspace(home=home), [recipe])
