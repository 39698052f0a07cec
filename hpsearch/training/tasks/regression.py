"""Regression in TensorFlow: squared errors of the standardised target, scores in its own unit."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.data.target import Standard
from hpsearch.tasks.errors import mae, r2, rmse
from hpsearch.training.targets import restored, standardised
from hpsearch.training.tasks.task import Scores, each_member, total, weighted


class Regression:
    """A task (``hpsearch.training.tasks.Task``) whose targets and outputs are numbers."""

    totals: tuple[str, ...] = ("loss", "squares")

    def __init__(self, config: TrialConfig, parts: Parts) -> None:
        if parts.target is None:
            raise ValueError("the data are of classes")
        self._config = config
        self._target = parts.target

    def losses(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Squared errors of the standardised target, weighted where examples are."""
        y, weights = weighted(y)
        found = losses(self._config, standardised(self._target, y), outputs)
        return found if weights is None else found * weights

    def count(self, losses: tf.Tensor, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Summed loss, and summed squared errors in the target's unit."""
        y, _ = weighted(y)
        error = restored(self._target, outputs[:, 0]) - tf.cast(y, tf.float64)
        return total(losses), total(tf.square(error))

    def means(self, totals: Mapping[str, float], examples: int) -> dict[str, float]:
        """Loss, and the root of the mean squared error."""
        return {
            "loss": totals["loss"] / examples,
            "rmse": math.sqrt(totals["squares"] / examples),
        }

    def score(self, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """See :func:`score`."""
        return score(self._target, weighted(y)[0], outputs)

    def values(self, scores: Scores) -> dict[str, float]:
        """See :func:`values`."""
        return values(scores)


def losses(config: TrialConfig, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:  # noqa: ARG001  # as the other task's
    """What training makes small, of each example, shape (batch,).

    Args:
        config: nothing of it matters here.
        y: standardised targets, float32, shape (batch,).
        outputs: shape (batch, 1), or (batch, members, 1), whose mean it is.
    """
    return each_member(lambda y, found: tf.square(found[:, 0] - y), y, outputs)


def score(target: Standard, y: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Summed squared errors of the standardised target, targets, and predictions in its unit."""
    squares = tf.square(outputs[:, 0] - standardised(target, y))
    return total(squares), tf.cast(y, tf.float64), restored(target, outputs[:, 0])


def values(scores: Scores) -> dict[str, float]:
    """The metrics of what was scored."""
    squares, targets, predictions = zip(*scores, strict=True)
    y, found = np.concatenate(targets), np.concatenate(predictions)
    return {
        "loss": float(sum(squares) / len(y)),
        "rmse": rmse(y, found),
        "mae": mae(y, found),
        "r2": r2(y, found) or 0.0,
    }
