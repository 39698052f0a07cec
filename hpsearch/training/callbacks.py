"""Callbacks: what happens around the epochs of a trial; none of them raises to end training.

An exception out of a callback would leave ``fit`` without ``on_train_end``: writers would stay
open. So a callback notes why training must end and asks for it; who called ``fit`` raises.
"""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.errors import Failure, InputError, TrialFailedError
from hpsearch.ranking import by_direction, is_better
from hpsearch.recipe import ObjectiveSection, Recipe, TrainingSection
from hpsearch.tasks import metric_of
from hpsearch.training import curves
from hpsearch.training.outcome import OTHERS, Epoch, Watch

Weights = list[npt.NDArray[np.generic]]
Logs = Mapping[str, Any] | None


class Guard(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Ends training at once when it diverged, took too long or is interrupted.

    Attributes:
        epoch: the epoch (from 1) that began last; None before the first.
        failure: why training had to end, to be raised after ``fit`` has returned; or None.
    """

    def __init__(self, watch: Watch, timeout: float | None) -> None:
        """Begin to count the time.

        Args:
            watch: asked between the engine's calls whether training is interrupted.
            timeout: seconds from now after which the trial is given up, or None.
        """
        super().__init__()
        self.epoch: int | None = None
        self.failure: TrialFailedError | None = None
        self._watch = watch
        self._timeout = math.inf if timeout is None else timeout
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """The time of this training so far, what came before an interruption included."""
        return time.monotonic() - self._began

    def already(self, seconds: float) -> None:
        """Reckon with seconds that the training took before it was interrupted."""
        self._began -= seconds

    def check(self) -> None:
        """Raise the failure, if there is one."""
        if self.failure is not None:
            raise self.failure

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a call of many steps: look at the loss, the clock and the watch."""
        self._check_finite(logs, "loss")
        self.poll()

    def on_test_begin(self, logs: Logs = None) -> None:
        """Keras validates after an epoch that was cut short: cut that short too."""
        self._stop_if_failed()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After each call of a validation."""
        self.poll()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Look at the validation's loss, which can be infinite where the training's is not."""
        self._check_finite(logs, "loss")
        self._check_finite(logs, "val_loss")

    def _check_finite(self, logs: Logs, name: str) -> None:
        value = float((logs or {})[name])
        if not math.isfinite(value):
            self.fail(Failure.DIVERGED, f"{name} is {value} in epoch {self.epoch}")

    @property
    def is_interrupted(self) -> bool:
        """Whether the watch asks for an end."""
        return self._watch.interrupted()

    def poll(self, *, interrupts: bool = True) -> bool:
        """Look at the clock and, unless told not to, at the watch; whether training must end."""
        if interrupts and self.is_interrupted:
            self.fail(Failure.INTERRUPTED, "training was interrupted")
        if self.seconds > self._timeout:
            message = f"not done after {self._timeout:g} seconds (training.trial_timeout)"
            self.fail(Failure.TIMEOUT, message)
        return self.failure is not None

    def fail(self, failure: Failure, message: str) -> None:
        """Note the first failure and stop."""
        if self.failure is None:
            self.failure = TrialFailedError(failure, message, epoch=self.epoch)
        self._stop_if_failed()

    def _stop_if_failed(self) -> None:
        if self.failure is not None:
            self.model.stop_training = True
            self.model.stop_evaluating = True


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Keeps the curves and the weights of the epoch that counts, and reports each epoch.

    Attributes:
        names: of the values of an epoch: the task's, and what else a model of the user's reports.
        is_open: whether there may be others than the task's.
        epochs: the curves so far.
        best: the epoch with the best value of the objective's metric; None before the first.
        asked_to_stop: whether the watch ended training.
    """

    def __init__(
        self,
        network: keras.Model,
        recipe: Recipe,
        run: Path,
        watch: Watch,
        guard: Guard,
        *,
        fold: int = 0,
    ) -> None:
        super().__init__()
        self._fold = fold
        self.epochs: list[Epoch] = []
        self.best: Epoch | None = None
        self.asked_to_stop = False
        self._network = network
        self._objective = recipe.objective
        self.names = self._usual = recipe.task.curves
        self.is_open = recipe.config.network.has_metrics
        self.needed = {*self.names} - {*recipe.task.added} | {recipe.objective.metric}
        self._run = run
        self._watch = watch
        self._guard = guard
        self._best_weights: Weights | None = None
        self._began: float | None = None
        """When the epoch began that is running."""
        self._already = 0.0
        """Seconds that the next epoch has had before the trial was interrupted."""

    @property
    def kept(self) -> Epoch:
        """The epoch that counts: the best, or the last where the objective says so."""
        if self._objective.epoch == "last" or self.best is None:
            return self.epochs[-1]
        return self.best

    def restore(self) -> None:
        """Give the network the weights of the epoch that counts."""
        if self._best_weights is not None:
            self._network.set_weights(self._best_weights)

    def get_state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[np.generic]]]:
        """All that the recorder holds: values as JSON has them, and arrays by name."""
        values = {
            "epochs": [epoch.row() for epoch in self.epochs],
            "best": None if self.best is None else self.best.epoch,
            "epoch_seconds": 0.0 if self._began is None else time.perf_counter() - self._began,
        }
        return values, {f"best.{i}": array for i, array in enumerate(self._best_weights or ())}

    def set_state(
        self, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[np.generic]]
    ) -> None:
        """Take on what :meth:`get_state` gave, and begin the curves' file with it."""
        self.epochs = [Epoch.of_row(row) for row in values["epochs"]]
        for epoch in self.epochs:
            self._learn_names(epoch.values)
        self.best = None if values["best"] is None else self.epochs[values["best"] - 1]
        self._already = values["epoch_seconds"]
        number = sum(name.startswith("best.") for name in arrays)
        self._best_weights = [arrays[f"best.{i}"] for i in range(number)] or None
        curves.start(self._run, self.names, self.epochs, self._fold)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        self._began, self._already = time.perf_counter() - self._already, 0.0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Record an epoch, unless it was cut short."""
        if self._guard.failure is not None:
            return
        if self._learn_names(logs or {}):
            curves.start(self._run, self.names, self.epochs, self._fold)
        row = self._row(epoch, logs or {})
        metric = self._objective.metric
        if not math.isfinite(row.values[metric]):
            by = "" if metric in self._usual else ", as your model or its loop reports it"
            told = f"{metric} is {row.values[metric]} in epoch {row.epoch}{by}"
            self._guard.fail(Failure.DIVERGED, told)
            return
        self._began = None
        self.epochs.append(row)
        curves.append(self._run, row, self._fold)
        than = None if self.best is None else self.best.values[metric]
        if is_better(self._objective.measure, row.values[metric], than):
            self.best = row
            if self._objective.epoch == "best":
                self._best_weights = self._network.get_weights()
        if self._watch.on_epoch(row):
            self.asked_to_stop = True
            self.model.stop_training = True

    def _learn_names(self, found: Mapping[str, Any]) -> bool:
        """Take on the names of values that are new; whether there are any."""
        new = [name for name in found if name not in (*self.names, *OTHERS)]
        self.names = (*self.names, *new)
        return bool(new)

    def _row(self, epoch: int, logs: Mapping[str, Any]) -> Epoch:
        rate = logs.get("learning_rate")
        if rate is None:
            rate = keras.ops.convert_to_tensor(self.model.optimizer.learning_rate)
        if self._objective.metric not in logs:
            told = ", ".join(name for name in logs if name.startswith("val_"))
            raise InputError(
                f'objective.metric = "{self._objective.metric}" is not among what epoch {epoch + 1}'
                f" came to: {told}; choose one of them, or have your model report it"
            )
        return Epoch(
            epoch=epoch + 1,
            learning_rate=float(rate),
            seconds=time.perf_counter() - (self._began or 0.0),
            values={name: float(logs.get(name, math.nan)) for name in self.names},
        )


def of_keras(
    training: TrainingSection, objective: ObjectiveSection, lr_schedule: str
) -> list[keras.callbacks.Callback]:
    """Keras' own callbacks that a training section asks for.

    Args:
        training: the section.
        objective: which knows the direction of a metric of the user's own.
        lr_schedule: the configuration's; the rate is lowered on a plateau only with "plateau".
    """
    found: list[keras.callbacks.Callback] = []
    stopping = training.early_stopping
    if stopping:
        found.append(
            keras.callbacks.EarlyStopping(
                monitor=stopping.monitor,
                patience=stopping.patience,
                mode=_mode(stopping.monitor, objective),
            )
        )
    if lr_schedule == "plateau":
        lowering = training.reduce_lr_on_plateau
        found.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor=lowering.monitor,
                factor=lowering.factor,
                patience=lowering.patience,
                mode=_mode(lowering.monitor, objective),
                # Any better value counts, as for early stopping.
                min_delta=0.0,
            )
        )
    return found


def _mode(metric: str, objective: ObjectiveSection) -> str:
    """The direction in which a metric gets better, in Keras' words."""
    return by_direction(metric_of(metric, objective.direction), "max", "min")
