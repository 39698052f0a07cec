"""A process of the fault run: hpsearch itself, with short times, a journal, and a quick trainer.

``process.py run ...`` and ``process.py worker ...`` are ``hpsearch run ...`` and ``hpsearch worker
...``. What differs comes in the environment variable ``HPSEARCH_FAULTS`` (see :class:`Settings`).
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import TrialState

from hpsearch import __main__, objective
from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError, UnreachableError
from hpsearch.home import WEIGHTS
from hpsearch.recipe import Recipe
from hpsearch.search.storage import Storage, facts, presence
from hpsearch.search.storage.retrying import ServerStorage
from hpsearch.services import supervise
from hpsearch.training import checkpoint
from hpsearch.training.checkpoint import Checkpoint
from hpsearch.training.outcome import Epoch, Outcome, Watch
from hpsearch.workers import lease, supervisor, worker

VARIABLE = "HPSEARCH_FAULTS"
BALLAST = np.zeros(2**16, np.uint8)
"""Part of every checkpoint, so that writing one takes some time in which a kill may come."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How the processes of a fault run differ from those of a user."""

    journal: str
    """File to which every process writes a line when it has ended a trial."""
    beat: float
    """Seconds between two heartbeats."""
    lease: float
    """Seconds without one after which a worker counts as dead."""
    checkpoint: float
    """Seconds between two checkpoints."""
    epoch: float
    """Seconds of an epoch of the quick trainer."""
    real: bool
    """Whether workers train with TensorFlow, rather than with the quick trainer."""

    def apply(self) -> None:
        """Make this process one of the fault run."""
        lease.BEAT = supervisor.BEAT = worker.BEAT = self.beat  # type: ignore[attr-defined]
        lease.LEASE = facts.LEASE = presence.LEASE = self.lease  # type: ignore[attr-defined]
        objective.CHECKPOINT_EVERY = self.checkpoint
        supervise.WORKER = (__file__, "worker")
        write_journal(Path(self.journal))
        if not self.real:
            worker.keras_trainer = lambda *_, **__: self.train

    def train(self, recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        """Train without TensorFlow: each epoch's weights are a digest of the epoch's before.

        A resumed trial must come to the weights that it would have come to without a fault.
        """
        run.mkdir(exist_ok=True)
        key = checkpoint.key_of(recipe, parts)
        found = checkpoint.load([run, *watch.earlier], key)
        epochs = [] if found is None else [Epoch.of_row(row) for row in found.values["epochs"]]
        weights = beginning(recipe) if found is None else found.arrays["weights"].tobytes()
        if epochs:
            watch.on_resume(epochs)

        def save() -> None:
            arrays = {"weights": np.frombuffer(weights, np.uint8), "ballast": BALLAST}
            values = {"epochs": [epoch.row() for epoch in epochs]}
            try:
                checkpoint.save(run, Checkpoint(key=key, values=values, arrays=arrays))
            except UnreachableError as error:  # as in hpsearch.training.resume
                _log.warning("no checkpoint: %s", error)

        due, pruned = time.monotonic() + watch.checkpoint_every, False
        while len(epochs) < recipe.training.epochs and not pruned:
            self._wait(watch, save, len(epochs) + 1)
            weights = after_epoch(weights)
            epochs.append(curve(len(epochs) + 1, weights, self.epoch))
            pruned = watch.on_epoch(epochs[-1])
            if time.monotonic() > due:
                save()
                due = time.monotonic() + watch.checkpoint_every
        if weights != expected(recipe, len(epochs)):
            raise AssertionError(f"{run}: resumed from something else than where it stood")
        if not pruned:
            keep(run / WEIGHTS, weights)
        best = max(epochs, key=lambda epoch: epoch.values["val_accuracy"])
        return Outcome(
            value=best.values["val_accuracy"],
            val_loss=best.values["val_loss"],
            epochs=len(epochs),
            best_epoch=best.epoch,
            parameters=1,
            stopped="watch" if pruned else "epochs",
            train_value=None if pruned else best.values["accuracy"],
            gap=None if pruned else 0.0,
            seconds=sum(epoch.seconds for epoch in epochs),
            examples_per_second=1.0,
            curves=tuple(epochs),
        )

    def _wait(self, watch: Watch, save: Callable[[], None], epoch: int) -> None:
        """Let an epoch pass."""
        until = time.monotonic() + self.epoch
        while time.monotonic() < until:
            if watch.interrupted():
                save()
                raise TrialFailedError(Failure.INTERRUPTED, "asked to stop", epoch=epoch)
            time.sleep(0.01)


def beginning(recipe: Recipe) -> bytes:
    """The weights before the first epoch: of recipe and seed alone."""
    return hashlib.sha256(recipe.model_dump_json(exclude={"provenance"}).encode()).digest()


def after_epoch(weights: bytes) -> bytes:
    """The weights after one more epoch."""
    return hashlib.sha256(weights).digest()


def expected(recipe: Recipe, epochs: int) -> bytes:
    """The weights after so many epochs without a fault."""
    weights = beginning(recipe)
    for _ in range(epochs):
        weights = after_epoch(weights)
    return weights


def curve(number: int, weights: bytes, seconds: float) -> Epoch:
    """An epoch whose values follow from its weights."""
    value = int.from_bytes(weights[:4], "big") / 2**32
    return Epoch(
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
        learning_rate=0.1,
        seconds=seconds,
    )


def keep(file: Path, weights: bytes) -> None:
    """Write the kept weights whole or not at all, as ``hpsearch.training.weights`` does."""
    partial = file.with_name(f".partial.{file.name}")
    try:
        partial.write_bytes(weights * 1000)
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UnreachableError(f"{file}: cannot be written: {error.strerror}") from None


def write_journal(file: Path) -> None:
    """Have the storage write down who ended which trial, after the database has taken it."""
    journal = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for kind in (ServerStorage, Storage):
        journal_of(kind, journal)


def journal_of(kind: type[Storage], journal: int) -> None:
    """Have one kind of storage write to the open journal."""
    told, failed = kind.set_trial_state_values, kind.fail

    def note(storage: Storage, trial_id: int, state: str, values: Sequence[float] | None) -> None:
        number = storage.get_trial_number_from_id(trial_id)
        line = {"pid": os.getpid(), "id": trial_id, "trial": number, "state": state}
        line |= {"values": values}
        os.write(journal, (json.dumps(line) + "\n").encode())

    def set_trial_state_values(
        self: Storage, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        done = told(self, trial_id, state, values)
        if done and state.is_finished():
            note(self, trial_id, state.name, values)
        return done

    def fail(self: Storage, trial_id: int, *args: Any, **options: Any) -> bool:
        done = failed(self, trial_id, *args, **options)
        if done:
            note(self, trial_id, "FAIL", None)
        return done

    kind.set_trial_state_values = set_trial_state_values  # type: ignore[method-assign]
    kind.fail = fail  # type: ignore[method-assign]


if __name__ == "__main__":
    Settings(**json.loads(os.environ[VARIABLE])).apply()
    __main__.main()
