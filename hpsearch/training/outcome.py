"""What training is told and what it gives back; plain values, no TensorFlow."""

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from hpsearch.data.parts import Parts
from hpsearch.networks.network import Size
from hpsearch.recipe import Recipe

OTHERS = ("epoch", "learning_rate", "seconds")
"""What a row of curves has beside the task's values."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of a trial's curves."""

    epoch: int
    """From 1."""
    values: Mapping[str, float]
    """Of training and, with "val_" before them, of validation; see ``Task.curves``."""
    learning_rate: float
    """At the end of the epoch."""
    seconds: float
    """Wall time of the epoch, validation included."""

    def row(self) -> dict[str, float]:
        """All numbers by name, as files have them."""
        rest = {"learning_rate": self.learning_rate, "seconds": self.seconds}
        return {"epoch": self.epoch, **self.values, **rest}

    @classmethod
    def of_row(cls, row: Mapping[str, float]) -> "Epoch":
        """The epoch of a :meth:`row`.

        Raises:
            KeyError: it has no epoch, rate or time.
        """
        epoch, rate, seconds = (row[name] for name in OTHERS)
        values = {name: value for name, value in row.items() if name not in OTHERS}
        return cls(epoch=int(epoch), values=values, learning_rate=rate, seconds=seconds)


def fold_step(epochs: int, folds: int) -> int:
    """The step at which the mean of some folds is reported: behind all epochs of the first.

    Args:
        epochs: of a training, at most.
        folds: how many are trained, from 2.
    """
    return epochs + folds - 1


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of training one recipe."""

    value: float
    """The objective's metric at the epoch that counts; with folds the mean over them."""
    val_loss: float
    """The validation loss, likewise."""
    epochs: int
    """Epochs trained; with folds of the first, which the curves are of."""
    best_epoch: int
    """The epoch (from 1) with the best value of the objective's metric; likewise."""
    parameters: int
    """Trainable parameters."""
    stopped: Literal["epochs", "early_stopping", "watch"]
    """Why training ended: all epochs done, no better for too long, or asked to (pruned)."""
    train_value: float | None
    """The task's value that a gap is told of (the accuracy, or R²), of the kept weights on as many
    training examples as there are validation examples, dropout off; None where asked to stop."""
    gap: float | None
    """``train_value`` minus the same of the validation examples."""
    seconds: float
    """Wall time of training, building and evaluating included; of all its parts where it was
    interrupted."""
    examples_per_second: float
    """Training examples in one second of the epochs' wall time."""
    curves: tuple[Epoch, ...]
    folds: tuple[tuple[float, int], ...] = ()
    """The value of each fold and its best epoch, where there are several."""

    def steps(self, metric: str, epochs: int) -> dict[int, float]:
        """All that was reported of the training: each epoch's value, and means of folds.

        Args:
            metric: the objective's.
            epochs: of the training, at most.
        """
        found = {epoch.epoch: epoch.values[metric] for epoch in self.curves}
        values = [value for value, _ in self.folds]
        for folds in range(2, len(values) + 1):
            found[fold_step(epochs, folds)] = statistics.fmean(values[:folds])
        return found


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How whoever started a training follows and ends it."""

    on_epoch: Callable[[Epoch], bool] = lambda _: False
    """Called after every epoch; True ends training after it, in good order (pruning)."""
    interrupted: Callable[[], bool] = lambda: False
    """Asked several times a second; True ends training at once with
    ``TrialFailedError(Failure.INTERRUPTED)``."""
    checkpoint_every: float = math.inf
    """Seconds of training between two checkpoints in the run's folder; there is one more when
    training is interrupted. Infinite: none at all."""
    earlier: Sequence[Path] = ()
    """Run folders of the same training where it was cut off before, the latest first: it goes on
    from the first whole checkpoint in the run's own folder or in these."""
    on_resume: Callable[[Sequence[Epoch]], None] = lambda _: None
    """Called before training goes on from a checkpoint, with the epochs that are trained; with
    folds those of the first."""
    on_size: Callable[[Size], None] = lambda _: None
    """Called when a network is built, before it is trained; may raise TrialFailedError."""
    searched: Collection[str] = ()
    """Fields of the configuration that are searched: a compiled model of the user's own that has
    its own in their place is refused."""
    on_fold: Callable[[int, float], bool] = lambda *_: False
    """Called after every fold from the second on, again where training goes on from a checkpoint:
    how many are trained, and the mean of their values. True ends training in good order."""


class Trainer(Protocol):
    """Trains one recipe; ``hpsearch.training.train.train`` or, in tests, one without TensorFlow."""

    def __call__(self, recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
        """Train.

        Args:
            recipe: what to train.
            parts: its data, as ``hpsearch.data.drawing.split`` gives them for its data section.
            run: folder for curves, weights and logs; made when there is none.
            watch: how the training is followed and ended.

        Raises:
            TrialFailedError: diverged, out of memory, timed out or interrupted.
        """
        ...
