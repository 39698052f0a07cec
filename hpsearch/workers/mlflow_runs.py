"""The runs of one study in MLflow: a parent, and in it one for each trial, with its curves.

MLflow itself knows what it was told: runs are found by their tags, epochs by their steps. So what
could not be told is told another time, by whatever process, and nothing is there twice.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from hpsearch.home import INPUTS, WEIGHTS, Home
from hpsearch.search.budget import ending
from hpsearch.search.storage.facts import ENDED_STATES
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import find_best
from hpsearch.workers.told import Told, all_told, chunks, milliseconds

EXPERIMENT = "hpsearch"
"""The experiment of all studies, where ``MLFLOW_EXPERIMENT_NAME`` names no other one."""

STATUS = {
    "running": "RUNNING",
    "complete": "FINISHED",
    "pruned": "KILLED",
    "interrupted": "KILLED",
    "failed": "FAILED",
}
"""MLflow's word for the state of a trial."""

_TAG = "hpsearch."
_MOST_METRICS, _MOST_OTHERS, _LONGEST = 1000, 100, 500
"""What MLflow takes in one request: metrics, parameters or tags, characters of a parameter."""


@dataclass
class _Known:
    """What MLflow knows of a training."""

    id: str
    trial: str
    state: str
    epochs: int


class Runs:
    """The runs of one study. Whatever MLflow cannot take is raised as MLflow raises it."""

    def __init__(self, client: MlflowClient, study: OpenStudy, home: Home) -> None:
        """Find the study's runs, or make the parent.

        Args:
            client: connected with the server or database.
            study: the study.
            home: where its trials leave files on this machine.
        """
        self._client, self._study, self._home = client, study, home
        self._experiment = self._find_experiment()
        self._parent = self._find_parent()
        self._known = {
            int(run.data.tags[f"{_TAG}origin"]): self._read(run) for run in self._found()
        }
        self._best: int | None = None
        self._is_running = False

    def tell(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Tell all that is new, while it is this process that tells.

        Args:
            goes_on: asked before each trial; there may be thousands.
        """
        if not self._is_running:
            self._client.update_run(self._parent, status="RUNNING")
            self._is_running = True
        for told in all_told(self._study, self._home):
            known = self._known.get(told.origin)
            tags = told.tags
            is_new = known is None or (known.trial, known.state) != (tags["trial"], tags["state"])
            if not goes_on():
                return
            if is_new or told.state == "running":
                self._tell(told, known or self._begin(told), is_new=is_new)
        self._tell_best()

    def finish(self) -> None:
        """End the parent: FINISHED where the study is over, with the best trial's files."""
        if is_over := ending(self._study) is not None:
            self._put_best()
        self._client.set_terminated(self._parent, "FINISHED" if is_over else "KILLED")

    def put(self, path: Path, folder: Path) -> None:
        """Put an exported file or folder into the study's run, below ``export``.

        Args:
            path: which.
            folder: what ``export`` stands for: it lies there as it does here.
        """
        place = Path("export") / path.relative_to(folder)
        if path.is_dir():
            self._client.log_artifacts(self._parent, str(path), place.as_posix())
        else:
            self._client.log_artifact(self._parent, str(path), place.parent.as_posix())

    def _find_experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        if (found := self._client.get_experiment_by_name(name)) is not None:
            return str(found.experiment_id)
        uri = self._study.file.training.mlflow or ""
        if not uri.startswith("sqlite:///"):
            return str(self._client.create_experiment(name))
        # By itself MLflow puts files into the working folder.
        beside = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts" / name
        return str(self._client.create_experiment(name, artifact_location=beside.as_uri()))

    def _find_parent(self) -> str:
        """The run of the study, which goes on, or a new one."""
        found = self._search(f"tags.`{_TAG}study` = '{self._study.key}'")
        for run in found:
            return str(run.info.run_id)
        file = self._study.file
        tags = {f"{_TAG}study": self._study.key, f"{_TAG}metric": file.objective.metric}
        made = self._client.create_run(self._experiment, tags=tags, run_name=file.name)
        about = {
            "seed": file.seed,
            "dataset": file.dataset.source,
            "sampler": file.sampler.type,
            "pruner": file.pruner.type,
            "epochs": file.training.epochs,
        }
        self._batch(made.info.run_id, params={key: str(value) for key, value in about.items()})
        return str(made.info.run_id)

    def _found(self) -> list[Run]:
        """The runs in the parent that are trainings of the study."""
        found = self._search(f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self._parent}'")
        return [run for run in found if run.data.tags.get(f"{_TAG}origin", "").isdecimal()]

    def _search(self, condition: str) -> list[Run]:
        runs: list[Run] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment], condition, max_results=1000, page_token=token
            )
            runs += page
            if not (token := page.token):
                return runs

    def _read(self, run: Run) -> _Known:
        """What MLflow knows of a training by its run."""
        tags, id_ = run.data.tags, str(run.info.run_id)
        state = tags.get(f"{_TAG}state", "")
        if run.info.status != STATUS.get(state):  # which is told last
            state = ""
        metric, epochs = _name(self._study.file.objective.metric), 0
        if state not in ENDED_STATES and metric in run.data.metrics:
            epochs = max(one.step for one in self._client.get_metric_history(id_, metric))
        return _Known(id=id_, trial=tags.get(f"{_TAG}trial", ""), state=state, epochs=epochs)

    def _begin(self, told: Told) -> _Known:
        """Make the run of a training."""
        made = self._client.create_run(
            self._experiment,
            start_time=milliseconds(told.began),
            tags={MLFLOW_PARENT_RUN_ID: self._parent, f"{_TAG}origin": str(told.origin)},
            run_name=f"{self._study.name} {told.origin}",
        )
        self._batch(made.info.run_id, params=told.params)
        known = _Known(id=str(made.info.run_id), trial="", state="", epochs=0)
        self._known[told.origin] = known
        return known

    def _tell(self, told: Told, known: _Known, *, is_new: bool) -> None:
        """Tell what is new of a training, its status last."""
        epochs = told.epochs(after=known.epochs)
        metrics = [
            Metric(_name(name), value, epoch.time, epoch.number)
            for epoch in epochs
            for name, value in epoch.values.items()
        ]
        ended = milliseconds(told.trial.datetime_complete)
        if ended:
            metrics += [Metric(name, value, ended, 0) for name, value in told.figures.items()]
        if metrics or is_new:
            self._batch(known.id, metrics=metrics, tags=told.tags if is_new else {})
        known.epochs = max((epoch.number for epoch in epochs), default=known.epochs)
        if not is_new:
            return
        if told.state == "complete":
            self._client.log_text(known.id, told.recipe(), "recipe.toml")
        if ended:
            self._client.set_terminated(known.id, STATUS[told.state], ended)
        else:
            self._client.update_run(known.id, status="RUNNING")
        known.trial, known.state = told.tags["trial"], told.state

    def _batch(
        self,
        run: str,
        metrics: Sequence[Metric] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log, in as many requests as MLflow wants."""
        named = [Param(_name(key), value[:_LONGEST]) for key, value in (params or {}).items()]
        for part in chunks(metrics, _MOST_METRICS):
            self._client.log_batch(run, metrics=part)
        for part in chunks(named, _MOST_OTHERS):
            self._client.log_batch(run, params=part)
        if tags:
            texts = [RunTag(f"{_TAG}{key}", value) for key, value in tags.items()]
            self._client.log_batch(run, tags=texts)

    def _tell_best(self) -> None:
        """Tell the best value so far, where it is another trial's, at that trial's number."""
        best = find_best(self._study)
        if best is None or best.number == self._best:
            return
        name, when = _name(self._study.file.objective.metric), milliseconds(best.datetime_complete)
        self._batch(self._parent, metrics=[Metric(name, best.values[0], when, best.number)])
        self._best = best.number

    def _put_best(self) -> None:
        """Put the best trial's recipe and, where they are on this machine, its weights there."""
        best = find_best(self._study)
        if best is None:
            return
        told = Told(study=self._study, home=self._home, trial=best, began=best.datetime_start)
        self._client.log_text(self._parent, told.recipe(), "best/recipe.toml")
        run = self._home.trial_run(self._study.name, best.number)
        for file in (run / WEIGHTS, run / INPUTS):
            if file.is_file():
                self._client.log_artifact(self._parent, str(file), "best")


def _name(name: str) -> str:
    """A name that MLflow takes."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:250]
