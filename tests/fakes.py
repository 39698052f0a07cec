"""A trainer without TensorFlow, and data without files, for tests of everything around training."""

import math
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.exc import OperationalError

from hpsearch.data.parts import Part, Parts
from hpsearch.data.transform import Affine
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.search import claims
from hpsearch.search.study import OpenStudy
from hpsearch.services.progress import Silent
from hpsearch.space import suggest_config
from hpsearch.training import checkpoint
from hpsearch.training.outcome import Epoch, Outcome, Watch


def parts(inputs: int = 8, classes: int = 3) -> Parts:
    """A small data set of noise."""
    x = np.zeros((30, inputs), np.uint8)
    y = np.arange(30, dtype=np.int64) % classes
    return Parts(
        train=Part(x=x, y=y, rows=np.arange(0, 24)),
        validation=Part(x=x, y=y, rows=np.arange(24, 30)),
        input_shape=(inputs,),
        class_names=tuple(str(c) for c in range(classes)),
        transform=Affine(multiplier=np.float32(1 / 255), offset=np.float32(0)),
        class_weights=None,
        fingerprint="f" * 64,
    )


def locked() -> OperationalError:
    """What SQLAlchemy raises while another program holds SQLite's lock."""
    said = sqlite3.OperationalError("database is locked")
    said.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("UPDATE", {}, said)


def score(recipe: Recipe) -> float:
    """A value of the configuration alone: best near 3 layers and a learning rate of 3e-3."""
    config = recipe.config
    rate = abs(math.log10(config.optimizer.learning_rate / 3e-3))
    return 0.9 - 0.05 * abs(config.network.layers - 3) - 0.1 * rate


def train(
    recipe: Recipe, parts: Parts, run: Path, watch: Watch, *, seconds: float = 0.0
) -> Outcome:
    """Approach the configuration's score over the epochs, waiting ``seconds`` in each.

    Checkpoints are those of real training: after an epoch where one is due, and when interrupted.
    """
    run.mkdir(parents=True, exist_ok=True)
    key = checkpoint.key_of(recipe, parts)
    found = checkpoint.load([run, *watch.earlier], key)
    curves = [] if found is None else [Epoch.of_row(row) for row in found.values["epochs"]]
    if curves:
        watch.on_resume(curves)
    best = score(recipe)
    saved = time.monotonic()

    def save() -> None:
        values = {"epochs": [epoch.row() for epoch in curves]}
        checkpoint.save(run, checkpoint.Checkpoint(key=key, values=values, arrays={}))

    for number in range(len(curves) + 1, recipe.training.epochs + 1):
        until = time.monotonic() + seconds
        while True:
            if watch.interrupted():
                save()
                raise TrialFailedError(Failure.INTERRUPTED, "asked to stop", epoch=number)
            if time.monotonic() >= until:
                break
            time.sleep(0.01)
        value = best * (1 - 0.5**number)
        curves.append(
            Epoch(
                epoch=number,
                values={
                    "loss": 1 - value,
                    "accuracy": value,
                    "val_loss": 1 - value,
                    "val_accuracy": value,
                    "val_f1_macro": value,
                    "val_balanced_accuracy": value,
                    "val_auc": value,
                },
                learning_rate=recipe.config.optimizer.learning_rate,
                seconds=seconds,
            )
        )
        if watch.on_epoch(curves[-1]):
            break
        if time.monotonic() - saved >= watch.checkpoint_every:
            save()
            saved = time.monotonic()
    stopped = len(curves) < recipe.training.epochs
    return Outcome(
        value=curves[-1].values["val_accuracy"],
        val_loss=curves[-1].values["val_loss"],
        epochs=len(curves),
        best_epoch=len(curves),
        parameters=1,
        stopped="watch" if stopped else "epochs",
        train_value=None if stopped else curves[-1].values["accuracy"],
        gap=None if stopped else 0.0,
        seconds=seconds * len(curves),
        examples_per_second=1.0,
        curves=tuple(curves),
    )


class Told(Silent):
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


FINITE = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "dropout": {"type": "float", "low": 0.0, "high": 0.1, "step": 0.1},
    "activation": {"type": "categorical", "choices": ["relu", "tanh"]},
}
"""A space that is a grid."""


def draw(study: OpenStudy, count: int) -> list[dict[str, Any]]:
    """Run trials that are as good as their configuration; the parameters of each."""
    drawn = []
    for _ in range(count):
        trial = claims.claim(study)
        assert trial is not None
        config = suggest_config(study.file.space, trial)
        study.optuna.tell(trial, score(study.file.recipe(config, 0, {})))
        drawn.append(trial.params)
    return drawn
